import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { generic } from "../../../src/adapters/alerts/generic.ts";
import { sanitize } from "../../../src/adapters/alerts/sanitize.ts";
import { toMessage, toPlainMessage } from "../../../src/adapters/slack/blocks.ts";
import { formModal, noteModal } from "../../../src/adapters/slack/form-modal.ts";
import { homeView } from "../../../src/adapters/slack/home.ts";
import { attachmentOf } from "../../../src/bot/attachments.ts";
import { createConversation } from "../../../src/bot/conversation.ts";
import { findThings, writeFound } from "../../../src/bot/find-things.ts";
import { homeCards } from "../../../src/bot/home.ts";
import type { Card } from "../../../src/engine/cards/card.ts";
import type { Choice, Form } from "../../../src/engine/cards/form.ts";
import { decideAction } from "../../../src/engine/decide-action.ts";
import { FAMILIES } from "../../../src/engine/domain/action.ts";
import type { Alert } from "../../../src/engine/domain/alert.ts";
import type { Person } from "../../../src/engine/domain/approval.ts";
import { NOBODY } from "../../../src/engine/domain/paging.ts";
import { ingestAlerts } from "../../../src/engine/ingest-alert.ts";
import { closeIncident } from "../../../src/engine/manage-incident.ts";
import fc from "../../support/fast-check.ts";
import { HOSTILE, harmless, harmlessView } from "../../support/harmless.ts";
import { openLab } from "../../support/lab-capabilities.ts";
import { type Engine, fresh, numberOf, openEngine, somebody, testPolicy } from "../../support/open-engine.ts";
import { RememberingChat } from "../../support/remembering-chat.ts";
import { wholeAir } from "../../support/whole-air.ts";

/*
 * The same promise as of every card, from the other end: alerts full of an attacker's words go through the real air, and everything that
 * air would say of them in Slack is looked at: what it posts, what it answers to every command, its forms, the home tab, its files.
 */

const NOW = new Date("2026-11-22T09:00:00.000Z");
const MINUTE = 60_000;
const PLACE = { channel: "C0SOC", messageTs: "1.1", responseUrl: "https://hooks.slack.com/x" };
const texts = fc.shuffledSubarray([...HOSTILE, "=cmd|'/c calc'!A1", "+1+2", "@SUM(A1)", "-2+3", "\t=1"], { minLength: 12 });

/** Every surface, by its name. */
type Surfaces = { cards: Map<string, Card>; forms: Map<string, Form>; home: readonly Card[]; files: Map<string, string> };

describe("an attacker's words on every surface", () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await openEngine("embedded");
  });
  afterAll(() => engine.close());

  /** What a source says of them, or undefined where air refuses the alert. */
  const read = (body: object): Alert | undefined => {
    try {
      return generic.parse(sanitize(body));
    } catch {
      return undefined;
    }
  };

  async function everything(words: readonly string[]): Promise<Surfaces> {
    await engine.clearJobs();
    const channels = [
      { when: ["low" as const], channels: ["slack:C0LOW"], post: "needed" as const },
      { channels: ["slack:C0SOC"], post: "all" as const, page: true },
    ];
    const policy = { ...testPolicy, protected: [], storm: { ...testPolicy.storm, alike: 5 } };
    const { capabilities } = openLab(() => engine.world.now);
    Object.assign(engine.world, {
      now: new Date(Math.max(NOW.getTime(), engine.world.now.getTime() + 86_400_000)),
      capabilities,
      policy,
      channels,
    });
    engine.air.paging = () => ({
      ...NOBODY,
      chain: ["person:mia@contoso.com"],
      approvers: () => ["person:mia@contoso.com"],
      nameOf: (target) => ({ kind: "person", name: (words[0] ?? target).toWellFormed().replaceAll("\0", ""), on: { slack: "U0MIA" } }),
    });
    let next = 0;
    const word = () => words[next++ % words.length] ?? "";
    const chat = new RememberingChat();
    const air = wholeAir(engine, { chat, deciders: [word()] });
    const person: Person = {
      ...somebody(word().toWellFormed().replaceAll("\0", ""), { viewer: true, responder: true, admin: true, approves: FAMILIES }),
      key: "mia@contoso.com",
    };

    const conversation = createConversation(
      air.air,
      air.drawing,
      () => undefined,
      () => words.map((one) => one.slice(0, 70)).filter(Boolean),
    );

    const device = fresh("WS");
    const named = [
      { kind: "device", name: device },
      { kind: "process", commandLine: `vssadmin.exe delete shadows /all /quiet ${word()}`, name: word(), device, verdict: "malicious" },
      { kind: "file", name: word(), path: word(), sha256: "5e".repeat(32), device, verdict: "malicious" },
      { kind: "url", url: `https://evil.example/${encodeURIComponent(word().slice(0, 50).toWellFormed())}` },
      { kind: "message", subject: word(), sender: word(), recipient: "mia@contoso.com" },
      { kind: "user", name: word() },
      { kind: "registry", key: word(), value: word() },
      { kind: "mailbox", address: word() },
      { kind: word(), name: word() },
      { kind: "device", name: word() },
    ];
    // Whatever of it a source may say: an alert of each thing alone, and one of all that is taken together.
    const taken = named.filter((entity) => read({ id: "x", title: "x", severity: "high", entities: [entity] }) !== undefined);
    const said = (entities: readonly object[], severity: string, more: object = {}) =>
      read({
        id: `${fresh("id")} ${word()}`.slice(0, 100),
        title: `${word()} x`,
        description: word(),
        category: word(),
        severity,
        entities,
        ...more,
      }) ?? read({ id: fresh("id"), title: `x ${word()}`.slice(0, 200), severity, entities });
    const alike = Array.from({ length: 7 }, () => said([{ kind: "device", name: fresh("WS") }], "medium", { category: "c" }));
    const alerts = [said(taken, "high"), said([{ kind: "device", name: fresh("WS") }], "low"), ...alike].filter((one) => one !== undefined);
    expect(alerts.length).toBeGreaterThan(5);
    const accepted = (await ingestAlerts(air.air, [{ source: "siem", lab: true, alerts, receivedAt: engine.world.now }])).flat();
    await air.work();
    const incident = numberOf(accepted[0]?.incident);
    const investigation = numberOf(accepted[0]?.investigation);
    await air.tick();
    // What no keyboard types is refused at the door.
    for (let index = 0; index < 4; index++) await conversation.say(`note INC-${incident} ${word()}`, person);
    const pending = (await engine.store.listActions({ states: ["pending"], limit: 200 })).items.filter(
      (row) => row.incidentId === incident,
    );
    // Nobody answers in time, then one is rejected for a hostile reason.
    engine.world.now = new Date(engine.world.now.getTime() + 35 * MINUTE);
    await air.tick();
    const [first] = pending;
    if (first) await conversation.say(`reject ACT-${first.id} no ${word().toWellFormed().replaceAll("\0", "")}`, person);
    engine.world.now = new Date(engine.world.now.getTime() + MINUTE);
    await air.tick();

    const surfaces: Surfaces = { cards: new Map(), forms: new Map(), home: [], files: new Map() };
    const posted = (when: string) => {
      for (const message of chat.messages)
        surfaces.cards.set(`${when} ${message.channel} ${message.card.title.slice(0, 60)} ${message.id}`, message.card);
    };
    posted("posted");
    const view = (await engine.store.incidentViews([incident])).get(incident);
    const [evidence] = view?.evidence ?? [];
    const id = `INC-${incident}`;
    const act = first ? `ACT-${first.id}` : "ACT-1";
    const asked = [
      ...[
        "status",
        `status ${id}`,
        `status INV-${investigation}`,
        `status ${act}`,
        `status EVD-${evidence?.id}`,
        `status ${accepted[0]?.alert}`,
      ],
      ...["list", "list open mine", "actions", "actions all", "actions history", `log INV-${investigation}`, `graph INV-${investigation}`],
      ...[`alerts ${id}`, `audit ${id}`, `audit ${act}`, "policies", "protected", "oncall", "whoami", "help", "help all", "mode"],
      ...["export actions all", "export incidents", "export investigations", `export log INV-${investigation}`, "export audit"],
      ...words
        .slice(0, 5)
        .flatMap((one) => [
          one.slice(0, 500),
          `status ${one.slice(0, 100)}`,
          `protected ${one.slice(0, 100)}`,
          `do isolate-device ${one.slice(0, 100)} x`,
        ]),
      ...words
        .slice(0, 6)
        .flatMap((one) => [`list text=${one.slice(0, 40)}`, `investigate ${one.slice(0, 200)}`, `note ${id} ${one.slice(0, 300)}`]),
    ];
    for (const text of asked) {
      const card = await conversation.say(text, person);
      surfaces.cards.set(`answer to ${text.slice(0, 40)}`, card);
      const file = await attachmentOf(air.air, card);
      if (!file) continue;
      expect(file.name).toMatch(/^[\w.-]+$/);
      harmless(toMessage({ title: file.title, tone: "info", summary: file.title, lines: [], buttons: [] }));
      if (file.name.endsWith(".csv")) surfaces.files.set(`file of ${text}`, Buffer.from(file.content).toString());
    }
    const found = words
      .flatMap((one) => findThings(`${one} hxxps://evil[.]example/${encodeURIComponent(one.slice(0, 9).toWellFormed())}`))
      .slice(0, 10);
    const refs = [
      ...[
        `note ${id}`,
        `assign ${id}`,
        `close ${id}`,
        `remind ${act}`,
        `investigate`,
        `investigate ${id}`,
        "do",
        `do ${id}`,
        `do ${act}`,
        `do EVD-${evidence?.id}`,
      ],
      ...[`verdict EVD-${evidence?.id}`, ...(found.length > 0 ? [`found ${writeFound(found)}`] : [])],
    ];
    for (const card of surfaces.cards.values())
      for (const button of card.buttons) {
        const { form, value, input, label } = button as {
          form?: string;
          value?: string;
          input?: { label: string; required: boolean };
          label: string;
        };
        if (form) refs.push(form);
        const own =
          value && input ? conversation.forms.open({ ref: value, label: input.label, button: label, required: input.required }) : undefined;
        if (own) surfaces.forms.set(`form of the button ${label} ${value}`, own);
      }
    for (const ref of new Set(refs)) {
      const form = conversation.forms.open({ ref });
      if (form) surfaces.forms.set(`form ${ref.slice(0, 40)}`, form);
      const filled = await conversation.forms.fill(ref, person).catch(() => undefined);
      if (filled) surfaces.forms.set(`filled ${ref.slice(0, 40)}`, filled);
    }
    surfaces.home = await homeCards(air.air, await air.drawing(), person);
    // What the words asked for by hand is carried out or answered first: nothing may still run or wait in what is closed.
    const waiting = async () =>
      (await engine.store.listActions({ states: ["pending"], limit: 200 })).items.filter((row) => row.incidentId === incident);
    await air.work();
    for (let open = await waiting(); open.length > 0; open = await waiting()) {
      for (const { id } of open) await decideAction(air.air, person, { action: id, decision: "reject", reason: "no" });
      await air.work();
    }
    await closeIncident(air.air, person, incident, { classification: "truePositive", determination: "malware" });
    await air.tick();
    posted("closed");
    return surfaces;
  }

  test("nothing mentions, links, breaks or overflows; no cell of a list is a formula", { timeout: 240_000 }, async () => {
    const kinds = new Set<string>();
    await fc.assert(
      fc.asyncProperty(texts, async (words) => {
        const { cards, forms, home, files } = await everything(words);
        const look = (what: string, check: () => void) => {
          try {
            check();
          } catch (error) {
            throw new Error(`${what}: ${error instanceof Error ? error.message : String(error)}`);
          }
        };
        for (const [what, card] of cards) {
          for (const message of [toMessage(card), toMessage(card, 0.4), toPlainMessage(card)]) look(what, () => harmless(message));
          look(`${what} in a modal`, () => harmlessView(noteModal(card)));
          kinds.add(kindOf(card.title));
        }
        for (const [what, form] of forms) {
          const modal = formModal(form, PLACE, {
            typed: Object.fromEntries(form.fields.map(({ id }) => [id, words[1] ?? ""])),
            problem: words[2] ?? "",
          });
          // Undefined: what it carries does not fit, and the person is told so.
          if (modal) look(what, () => harmlessView(modal));
        }
        look("the home tab", () => harmlessView(homeView(home)));
        for (const [what, csv] of files) look(what, () => expect(cellsOf(csv).filter((cell) => /^[=+\-@\t\r]/.test(cell))).toEqual([]));
        expect(forms.size).toBeGreaterThan(10);
        expect(files.size).toBeGreaterThanOrEqual(4);
      }),
      { numRuns: 3 },
    );
    // All of them were there: what a test does not see it does not prove.
    for (const kind of ["incident", "action", "storm", "digest", "closing", "page", "reply", "log", "graph", "export"])
      expect([...kinds]).toContain(kind);
  });

  test("a form of nothing but an attacker's words is a modal Slack takes, or none", () => {
    const hostile = fc.constantFrom(...HOSTILE);
    const choice: fc.Arbitrary<Choice> = fc.record({ value: hostile, label: hostile });
    const field = fc
      .record({ id: fc.constantFrom("a", "b", "c"), label: hostile, hint: fc.option(hostile, { nil: undefined }), required: fc.boolean() })
      .chain((base) =>
        fc
          .oneof(
            fc.record({
              kind: fc.constantFrom("line" as const, "text" as const),
              initial: hostile,
              longest: fc.integer({ min: 1, max: 5_000 }),
            }),
            fc.record({
              kind: fc.constant("select" as const),
              options: fc.array(choice, { maxLength: 150 }).map((all) => [...all, { value: "v", label: "L" }]),
            }),
            fc.record({
              kind: fc.constant("checks" as const),
              options: fc.array(choice, { maxLength: 30 }).map((all) => [{ value: "v", label: "L" }, ...all]),
            }),
          )
          .map((more) => ({ ...base, ...more })),
      );
    const form = fc.record({
      ref: fc.constant("note INC-1"),
      title: hostile,
      submit: hostile,
      fields: fc.uniqueArray(field, { selector: ({ id }) => id, minLength: 1, maxLength: 3 }),
    });
    fc.assert(
      fc.property(form, hostile, (one, problem) => {
        const modal = formModal(one as Form, PLACE, { problem });
        if (modal) harmlessView(modal);
      }),
      { numRuns: 200 },
    );
  });
});

const KINDS: readonly [string, RegExp][] = [
  ["page", /Nobody has answered|still no answer|For your attention|second approval|Somebody has to look|needs? you:/i],
  ["storm", /storm/i],
  ["digest", /Digest/],
  ["closing", /INC-\d+ (closed|was opened)/],
  ["log", /^Log of/],
  ["graph", /^Graph of/],
  ["export", /^Export/],
  ["action", /ACT-\d+: /],
  ["incident", /INC-\d+: /],
  ["reply", /^LAB (\d+ notes|Note|Decision|News|Verdict|New bad|Stopped|Reopened)/],
];
const kindOf = (title: string) => KINDS.find(([, pattern]) => pattern.test(title))?.[0] ?? title;

/** The cells of a CSV text, unquoted. */
function cellsOf(csv: string): string[] {
  const cells: string[] = [];
  for (const [, quoted, bare] of csv.matchAll(/(?:^|,|\n)(?:"((?:[^"]|"")*)"|([^",\n]*))/g))
    cells.push(quoted?.replaceAll('""', '"') ?? bare?.replace(/\r$/, "") ?? "");
  return cells;
}
