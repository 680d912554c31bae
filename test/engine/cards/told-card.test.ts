import { expect, test } from "vitest";
import { toMessage } from "../../../src/adapters/slack/blocks.ts";
import type { Card } from "../../../src/engine/cards/card.ts";
import { type DirectFacts, directCard } from "../../../src/engine/cards/direct-card.ts";
import { pageCard } from "../../../src/engine/cards/page-card.ts";
import type { Severity } from "../../../src/engine/domain/alert.ts";
import fc from "../../support/fast-check.ts";

const NOW = new Date("2026-11-20T09:00:00Z");
type Thing = { number: number; severity: Severity; acked?: boolean; over?: boolean };
const told = (things: readonly Thing[]): DirectFacts["told"] =>
  things.map(({ number, severity, acked, over = false }) => ({
    step: "incident",
    incident: `INC-${number}`,
    severity,
    text: `${severity} severity: Many failed sign-ins on host ${number}.`,
    call: {
      subject: `INC-${number}`,
      over,
      ...(acked ? { acked: { by: "Mia Keller", at: NOW } } : over ? {} : { next: { name: "Noor Haddad", at: NOW } }),
    },
  }));
const MIA = { kind: "person" as const, name: "Mia Keller", on: { slack: "U0MIA" } };
const inChannel = (things: readonly Thing[]): Card =>
  pageCard({ incident: "INC-3", lab: false, told: told(things).map((one) => ({ ...one, who: MIA })) });
const values = (card: Card) => card.buttons.map(({ value }) => value);
const STORM: Thing[] = [
  ...Array.from({ length: 30 }, (_, at): Thing => ({ number: 3 + at, severity: "high" })).filter(({ number }) => number !== 32),
  { number: 33, severity: "high" },
  { number: 32, severity: "critical" },
];

test("the critical one that came last stands first, with its buttons, and what has none says how it is answered", () => {
  const card = directCard({ told: told(STORM) });
  expect(card.title).toContain("INC-32 and 30 others");
  expect(card.summary).toContain("INC-32: critical");
  expect(JSON.stringify(card.lines[0])).toContain("INC-32: critical");
  expect(values(card).slice(0, 3)).toEqual(["say:ack INC-32", "say:cant INC-32", "say:escalate INC-32"]);
  expect(JSON.stringify(card.lines)).toContain("Without buttons here: INC-5, INC-6");
  expect(JSON.stringify(toMessage(card))).not.toContain("Cut to fit");
});

test("what somebody acknowledged takes no button from what is open", () => {
  const things = STORM.map((one) => ({ ...one, acked: one.number !== 32 }));
  for (const card of [directCard({ told: told(things) }), inChannel(things)]) {
    expect(values(card)[0]).toBe("say:ack INC-32");
    expect(JSON.stringify(card.lines[0]) + JSON.stringify(card.lines[1])).toContain("INC-32: critical");
  }
  expect(directCard({ told: told(things) }).tone).toBe("warning");
});

test("in the channel, too, the most severe is named and answered first", () => {
  const card = inChannel(STORM);
  expect(card.title).toBe("31 things need you: INC-32 and others");
  expect(values(card)[0]).toBe("say:ack INC-32");
  expect(JSON.stringify(card.lines)).toContain("Without buttons here: INC-5");
});

test("who is told next is said with what it is about", () => {
  const things = [...told(STORM.slice(0, 2)), ...told([{ number: 90, severity: "high" }])].map((one, at) =>
    at < 2 ? one : { ...one, call: { subject: "INC-90", over: false, next: { name: "Tom Okafor", at: NOW } } },
  );
  const notes = directCard({ told: things }).lines.flatMap((line) => (line.kind === "note" ? [String(line.text)] : []));
  expect(notes.find((text) => text.includes("Noor Haddad"))).toMatch(/^INC-3, INC-4: Next: Noor Haddad at /);
  expect(notes.find((text) => text.includes("Tom Okafor"))).toMatch(/^INC-90: Next: Tom Okafor at /);
});

test("property: whole sets of buttons or none, open and most severe first, and no open thing without an answer", () => {
  const severity = fc.constantFrom<Severity>("low", "medium", "high", "critical");
  const thing = fc.record({ severity, acked: fc.boolean(), over: fc.boolean() });
  fc.assert(
    fc.property(fc.array(thing, { minLength: 2, maxLength: 40 }), (all) => {
      const things = all.map((one, at) => ({ ...one, number: at + 1 }));
      const open = things.filter((one) => !one.acked && !one.over);
      const card = directCard({ told: told(things) });
      expect(card.buttons.length).toBeLessThanOrEqual(10);
      const answered = open.filter(({ number }) => values(card).includes(`say:ack INC-${number}`));
      expect(answered.length).toBe(Math.min(open.length, 3));
      for (const { number } of answered) {
        expect(values(card)).toContain(`say:cant INC-${number}`);
        expect(values(card)).toContain(`say:escalate INC-${number}`);
      }
      const rank = ["low", "medium", "high", "critical"];
      const least = Math.min(...answered.map((one) => rank.indexOf(one.severity)));
      for (const { number, severity: own } of open.filter((one) => !answered.includes(one))) {
        expect(rank.indexOf(own)).toBeLessThanOrEqual(least);
        if (open.length < 30) expect(JSON.stringify(card.lines)).toMatch(new RegExp(`Without buttons here:[^"]*INC-${number}\\b`));
      }
    }),
  );
});
