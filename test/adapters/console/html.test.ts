import { describe, expect, test } from "vitest";
import { renderCard } from "../../../src/adapters/console/html.ts";
import { renderLive, renderPage, renderSignIn } from "../../../src/adapters/console/page.ts";
import type { Card } from "../../../src/engine/cards/card.ts";
import { arbitraryCard } from "../../support/arbitrary-card.ts";
import fc from "../../support/fast-check.ts";
import { approvalCard } from "../../support/sample-card.ts";
import { fullView } from "./fake-console.ts";

const cardOf = (...lines: Card["lines"]): Card => ({ title: "T", tone: "neutral", summary: "S", lines, buttons: [] });

describe("a card", () => {
  const html = renderCard(approvalCard, "x");

  test("is an article named by its heading, with its badge as a word", () => {
    expect(html).toContain('<article class="card tone-warning" id="x" aria-labelledby="x-title"');
    expect(html).toContain('<h3 id="x-title"><bdi>Isolate device WS-042</bdi></h3><span class="badge">Waiting for approval</span>');
  });

  test("draws every line kind", () => {
    expect(html).toContain("<dt>Owner</dt><dd>mia@contoso.com</dd>");
    expect(html).toContain('<strong class="mark tone-good">Against</strong> The file is signed');
    expect(html).toContain("<code>invoice_2026.xlsm</code>");
    expect(html).toContain('<pre tabindex="0"');
    expect(html).toContain("<hr/>");
    expect(html).toContain('<p class="note">Proposed by air');
  });

  test("has real buttons; one that asks has a labelled field; a link is a link", () => {
    expect(html).toMatch(
      /<button id="x-b0" type="button" class="button primary" data-value="ACT-105\.3f9c2a7b\.approve[^"]*"[^>]*data-confirm-title="Isolate WS-042\?"/,
    );
    expect(html).toMatch(/<label for="x-b1-text">Reason for the rejection<\/label><textarea id="x-b1-text"[^>]*required/);
    expect(html).toMatch(/<button id="x-b1"[^>]*data-typed="x-b1-text"/);
    expect(html).toContain('<a id="x-b3" class="button plain" href="https://air.example.com/#INC-42"');
  });

  test("its picture is only ever air's own", () => {
    expect(renderCard({ ...cardOf(), picture: "INV-42" }, "x")).toContain('<img class="picture" src="/console/graph/INV-42.png" alt="T"');
    expect(renderCard({ ...cardOf(), picture: "https://evil.example/a" }, "x")).not.toContain("<img");
  });

  test("a script address is no link", () => {
    expect(renderCard({ ...cardOf(), buttons: [{ label: "Open", style: "plain", url: "javascript:alert(1)" }] }, "x")).not.toContain(
      "javascript",
    );
  });

  test("hidden characters are spelled out", () => {
    expect(renderCard(cardOf({ kind: "text", text: "report\u202Egpj.exe" }), "x")).toContain("report[U+202E]gpj.exe");
  });
});

test("no card's text becomes markup", () => {
  const shell = new Set([
    "article",
    "header",
    "h3",
    "bdi",
    "span",
    "p",
    "dl",
    "div",
    "dt",
    "dd",
    "ul",
    "li",
    "strong",
    "code",
    "pre",
    "hr",
    "button",
    "a",
    "details",
    "summary",
    "label",
    "textarea",
  ]);
  fc.assert(
    fc.property(arbitraryCard, (card) => {
      const html = renderCard(card, "x");
      for (const [, name] of html.matchAll(/<\/?([a-zA-Z!][^\s/>]*)/g)) expect(shell).toContain(name);
      expect(html).not.toMatch(/ on[a-z]+="/);
    }),
    { numRuns: 100 },
  );
});

describe("the page", () => {
  const html = renderPage(fullView);

  test("has its landmarks, one heading of the page, and a way past them", () => {
    expect(html).toContain('<html lang="en">');
    expect(html.match(/<h1/g)).toHaveLength(1);
    expect(html.match(/<main/g)).toHaveLength(1);
    for (const part of [
      '<a class="skip" href="#channel"',
      "<header",
      "<nav aria-label",
      'aria-labelledby="channel-title"',
      'role="tablist"',
      'aria-live="polite"',
    ]) {
      expect(html).toContain(part);
    }
  });

  test("labels every field and gives no id twice", () => {
    const ids = [...html.matchAll(/ id="([^"]+)"/g)].map((match) => match[1]);
    expect(new Set(ids).size).toBe(ids.length);
    const fors = [...html.matchAll(/<label for="([^"]+)"/g)].map((match) => match[1]);
    const fields = [...html.matchAll(/<(?:input|select|textarea) id="([^"]+)"/g)].map((match) => match[1]);
    expect(fors.sort()).toEqual(fields.sort());
  });

  test("has no inline script or style: the policy would refuse it", () => {
    expect(html).not.toMatch(/<style|style="|<script(?! type="module" src=)/);
  });

  test("shows the lab, the stories and the choice of persona only where there are any", () => {
    const { personas: _personas, stories: _stories, labState: _lab, ...bare } = fullView;
    const plain = renderPage({ ...bare, lab: false, paused: "Mia: exercise." });
    for (const part of ["data-story", 'id="persona"', 'id="lab"', "Lab:"]) {
      expect(html).toContain(part);
      expect(plain).not.toContain(part);
    }
    expect(plain).toContain("<strong>Paused.</strong> Mia: exercise.");
  });

  test("the live part is the page's own", () => {
    expect(html).toContain(renderLive(fullView));
    expect(renderLive({ ...fullView, threads: [], pending: [], history: [], incidents: [] })).toContain("Nothing waits for a decision.");
  });
});

test("whoever is not signed in is told how", () => {
  expect(renderSignIn()).toContain("Ask for a sign-in link");
});
