import http from "node:http";
import type { AddressInfo } from "node:net";
import express from "express";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createSignedLinks } from "../../src/bot/signed-links.ts";
import { type Card, plain } from "../../src/engine/cards/card.ts";
import { exportCard, noticeCard } from "../../src/engine/cards/reply-card.ts";
import { type Engine, openEngine } from "../support/open-engine.ts";

/* What a chat that takes no files gets instead: who may open it depends on who reads along. */
describe("a file as a link", () => {
  let engine: Engine;
  let server: http.Server;
  let url = "";
  beforeAll(async () => {
    engine = await openEngine("embedded");
    const app = express();
    server = http.createServer(app).listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    app.use(links().router);
  });
  afterAll(async () => {
    server.close();
    server.closeAllConnections();
    await engine.close();
  });

  const links = (publicUrl: string | undefined = url) => createSignedLinks({ ...engine.air, publicUrl });
  const list = (what: string) =>
    exportCard({ what, rows: 0, link: `${url}/console/export`, role: "viewer", path: `/v1/${what}`, words: what, download: what });
  const linkOf = (card: Card) => card.buttons.find(({ label }) => /good for 10 min/.test(label))?.url;
  const notes = (card: Card) => card.lines.flatMap((line) => (line.kind === "note" ? [plain(line.text)] : [])).join(" ");

  test("in a channel, too, and it says who can open it; the other button says that it asks for a sign-in", async () => {
    const card = links().linked(list("incidents"), "all");
    expect(card.buttons.map(({ label }) => label)).toEqual(["Download (sign in)", "Download (good for 10 min)"]);
    expect(notes(card)).toContain("everybody who reads this here can open it");
    const answer = await fetch(linkOf(card) ?? "");
    expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "text/csv; charset=utf-8"]);
    expect(linkOf(links().linked({ ...noticeCard("Graph", "x"), picture: "INV-1" }, "all"))).toMatch(/\/files\//);
  });

  test("what takes an admin goes to whoever asked alone", () => {
    const card = links().linked(list("audit"), "all");
    expect(linkOf(card)).toBeUndefined();
    expect(notes(card)).toContain("ask for it in your own chat with air");
    expect(linkOf(links().linked(list("audit"), "one"))).toMatch(/\/files\//);
  });

  test("without an address it is said what to set; a card without a file stays as it is", () => {
    const none = createSignedLinks({ ...engine.air, publicUrl: undefined });
    for (const readers of ["one", "all"] as const) expect(notes(none.linked(list("incidents"), readers))).toContain("AIR_PUBLIC_URL");
    const card = noticeCard("Noted", "x");
    expect(none.linked(card, "all")).toBe(card);
  });
});
