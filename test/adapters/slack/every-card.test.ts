import { describe, expect, test } from "vitest";
import { toMessage, toPlainMessage } from "../../../src/adapters/slack/blocks.ts";
import { type ActionView, actionCard, STATE_WORD } from "../../../src/engine/cards/action-card.ts";
import type { Card } from "../../../src/engine/cards/card.ts";
import { type ClosingFacts, closingCard } from "../../../src/engine/cards/closing-card.ts";
import { type DigestFacts, digestCard } from "../../../src/engine/cards/digest-card.ts";
import { type IncidentFacts, incidentCard } from "../../../src/engine/cards/incident-card.ts";
import { type LineFacts, lineCard } from "../../../src/engine/cards/line-card.ts";
import { type PageFacts, pageCard } from "../../../src/engine/cards/page-card.ts";
import { listCard, noticeCard, refusalCard } from "../../../src/engine/cards/reply-card.ts";
import { goesOnCard, standInCard } from "../../../src/engine/cards/stand-in-card.ts";
import { type StormFacts, stormCard, stormPageCard } from "../../../src/engine/cards/storm-card.ts";
import { ACTION_STATES } from "../../../src/engine/domain/action.ts";
import type { Entity } from "../../../src/engine/domain/entity.ts";
import fc from "../../support/fast-check.ts";
import { HOSTILE, harmless } from "../../support/harmless.ts";
import { testSign } from "../../support/open-engine.ts";

/*
 * Whatever an attacker writes into an alert, no card of air becomes a mention, a link, a forged card, a broken block or a message too long.
 * The facts of every card are poisoned: each text in them is replaced by what an attacker would write.
 */

const NOW = new Date("2026-11-22T09:00:00.000Z");
const hostile = fc.constantFrom(...HOSTILE);
const entity: fc.Arbitrary<Entity> = hostile.chain((text) =>
  fc.constantFrom<Entity>(
    { kind: "file", name: text, path: text, device: text },
    { kind: "url", url: text },
    { kind: "domain", name: text },
    { kind: "device", name: text },
    { kind: "user", email: text },
    { kind: "process", commandLine: text, name: text },
    { kind: "message", subject: text, sender: text },
    { kind: "generic", type: text, name: text } as unknown as Entity,
  ),
);
const several = <T>(one: fc.Arbitrary<T>, most = 40) => fc.array(one, { maxLength: most });
const severity = fc.constantFrom("informational" as const, "low" as const, "medium" as const, "high" as const, "critical" as const);
const at = fc.date({ min: new Date("2026-01-01"), max: new Date("2027-01-01"), noInvalidDate: true });
const maybe = <T>(one: fc.Arbitrary<T>) => fc.option(one, { nil: undefined });

const action: fc.Arbitrary<ActionView> = fc
  .record({
    state: fc.constantFrom(...ACTION_STATES),
    severity,
    lab: fc.boolean(),
    texts: fc.record({
      title: hostile,
      short: hostile,
      effect: hostile,
      ifNot: hostile,
      undoText: hostile,
      note: hostile,
      rule: hostile,
    }),
    byHand: maybe(hostile),
    outcome: maybe(hostile),
    paused: maybe(hostile),
    connector: maybe(hostile),
    facts: several(hostile),
    for: several(hostile),
    against: several(hostile),
    names: several(hostile, 12),
    by: hostile,
    reason: maybe(hostile),
    decided: fc.boolean(),
  })
  .map(({ texts, facts, names, by, reason, decided, ...more }) => ({
    id: "ACT-105",
    number: 105,
    incident: "INC-42",
    stateWord: STATE_WORD[more.state].word,
    tone: STATE_WORD[more.state].tone,
    family: "device" as const,
    version: "3f9c2a7b3f9c2a7b",
    undoable: true,
    approvalsNeeded: 2,
    proposedAt: NOW,
    deadline: NOW,
    expiresAt: NOW,
    waitingForDevice: false,
    cancellable: false,
    evidenceAt: NOW,
    now: NOW,
    ...texts,
    ...more,
    reach: { count: facts.length, unit: "device" as const, facts, protectedHits: facts, readAt: NOW.toISOString(), changed: facts },
    approvals: names.map((name) => ({ name, via: "slack", at: NOW })),
    deciders: { anyone: false, names },
    decision: decided ? { decision: "approve" as const, by, key: "k", via: "slack" as const, at: NOW.toISOString(), reason } : undefined,
  })) as unknown as fc.Arbitrary<ActionView>;

const incident: fc.Arbitrary<IncidentFacts> = fc
  .record({
    title: hostile,
    severity,
    lab: fc.boolean(),
    assignee: maybe(hostile),
    status: fc.constantFrom("open" as const, "closed" as const, "redirected" as const),
    alerts: several(
      fc.record({
        source: hostile,
        sourceId: hostile,
        title: hostile,
        severity,
        because: maybe(hostile),
        url: maybe(hostile),
        policy: hostile,
      }),
    ),
    evidence: several(
      fc.record({
        entity,
        verdict: fc.constantFrom("malicious" as const, "suspicious" as const, "noThreatsFound" as const, "unknown" as const),
        remediation: hostile,
        for: several(hostile, 4),
        against: several(hostile, 4),
        missing: several(hostile, 4),
      }),
      30,
    ),
    advice: several(hostile, 8),
    actions: several(action, 12),
    paused: maybe(hostile),
  })
  .map(({ alerts, evidence, advice, ...more }) => ({
    id: "INC-42",
    redirectTo: "INC-7",
    openedAt: NOW,
    alerts: alerts.map((alert, index) => ({ id: `ALT-${index}`, duplicates: 0, ...alert })),
    alertCount: alerts.length,
    investigations: [{ id: "INV-42", status: "partiallyInvestigated" as const, startedAt: NOW, playbooks: advice, advice }],
    evidence: evidence.map((item, index) => ({ id: `EVD-${index}`, flip: "", conflict: true, ...item })),
    told: [],
    link: "https://air.example.com/#INC-42",
    now: NOW,
    ...more,
  })) as unknown as fc.Arbitrary<IncidentFacts>;

const storm: fc.Arbitrary<StormFacts> = fc.record({
  id: fc.constant("storm 7"),
  source: hostile,
  category: maybe(hostile),
  severity,
  lab: fc.boolean(),
  alerts: fc.nat(5_000),
  startedAt: at,
  lastAt: at,
  pending: fc.nat(9),
  newest: several(fc.record({ id: fc.constant("ALT-7"), incident: fc.constant("INC-42"), sourceId: hostile, title: hostile })),
});

const became = fc.constantFrom("lookedAt" as const, "noThreats" as const, "benign" as const, "suppressed" as const, "other" as const);
const digest: fc.Arbitrary<DigestFacts> = fc.record({
  day: fc.constant("2026-11-22"),
  timeZone: fc.constant("Europe/Berlin"),
  lab: fc.boolean(),
  counts: several(fc.record({ severity, became, incidents: fc.nat(5_000) })),
  newest: several(fc.record({ id: fc.constant("INC-42"), title: hostile, severity, became })),
  storms: several(fc.record({ alerts: fc.nat(5_000), severity, category: maybe(hostile), source: hostile, startedAt: at })),
});

const closing: fc.Arbitrary<ClosingFacts> = fc.record({
  id: fc.constant("INC-42"),
  title: hostile,
  severity,
  lab: fc.boolean(),
  closed: maybe(
    fc.record({ at, by: hostile, classification: fc.constant("truePositive"), determination: maybe(fc.constant("multiStagedAttack")) }),
  ),
  openedAt: at,
  alerts: fc.nat(5_000),
  sources: several(hostile),
  found: several(hostile),
  done: several(hostile),
  rejected: several(hostile),
  open: several(hostile),
  times: several(fc.record({ what: fc.constant("To the verdict"), from: at, to: at }), 3),
  link: fc.constant("https://air.example.com/#INC-42"),
});

const EVENTS = ["action-failed", "decision.reject", "verdict", "evidence-fp", "incident-note", "something-else"];
const lines: fc.Arbitrary<LineFacts> = fc.record({
  incident: fc.constant("INC-42"),
  lab: fc.boolean(),
  happened: fc.array(fc.record({ event: fc.constantFrom(...EVENTS), text: hostile, at }), { minLength: 1, maxLength: 8 }),
});

const page: fc.Arbitrary<PageFacts> = fc.record({
  incident: fc.constant("INC-42"),
  lab: fc.constant(true),
  told: fc.array(
    fc.record({
      step: fc.constantFrom("deadline", "second", "unclear", "trouble slack:C0SOC"),
      who: fc.constant(undefined),
      text: hostile,
      action: maybe(fc.constant("ACT-105")),
      at: maybe(at),
    }),
    { minLength: 1, maxLength: 10 },
  ),
});

/** Our own words begin each push; the pattern says which. */
const cards: [string, fc.Arbitrary<Card>, RegExp][] = [
  [
    "incident",
    incident.map(incidentCard),
    /^(LAB )?(Malicious|Suspicious|No threats found|Informational|Low|Medium|High|Critical|INC-42 was merged into INC-7)/,
  ],
  [
    "action",
    action.map((view) => actionCard(view, testSign)),
    /^(LAB )?(Decide|Would have|Approved|Executing|Done|Failed|Outcome|Timed|Rejected|Expired|Cancelled|Being|Undone|Do by hand|Waiting)/,
  ],
  ["storm", storm.map(stormCard), /^(LAB )?Alert storm: \d+ \w+ alerts?|^(LAB )?Alert storm: \d+/],
  ["page of a storm", storm.map((one) => stormPageCard(one.id, 1, one.newest)), /^storm 7: alerts/],
  ["digest", digest.map(digestCard), /^(LAB )?Digest of 2026-11-22: \d+ incidents?/],
  ["closing summary", closing.map(closingCard), /^(LAB )?INC-42 (closed as|was opened again)/],
  ["reply", lines.map(lineCard), /^(LAB )?\w[\w ,]+:/],
  ["page", page.map(pageCard), /^LAB( |$)/],
  ["stand-in", fc.tuple(incident.map(incidentCard), hostile).map(([card, why]) => standInCard(card, "slack:C0SOC", why)), /^(LAB )?\w/],
  ["where it goes on", incident.map(incidentCard).map((card) => goesOnCard(card, "slack:C0SOC")), /^Goes on in C0SOC: (LAB )?INC-42/],
  ["refusal", hostile.map(refusalCard), /^Not done\./],
  ["notice", hostile.map((text) => noticeCard("Done", text)), /^Done\./],
  [
    "list",
    several(fc.record({ id: fc.constant("INC-42"), mark: fc.constant("High"), tone: fc.constant("bad" as const), text: hostile }), 60).map(
      (rows) => listCard("Incidents", rows, "There are none."),
    ),
    /^Incidents|^There are none/,
  ],
];

describe.each(cards)("%s", (_name, card, begins) => {
  test("no text of an attacker's mentions, links, breaks or overflows, however it is drawn", () => {
    fc.assert(
      fc.property(card, (drawn) => {
        for (const message of [toMessage(drawn), toMessage(drawn, 0.4), toPlainMessage(drawn)]) {
          harmless(message);
          expect(message.text.slice(0, 100)).toMatch(begins);
        }
      }),
      { numRuns: 40 },
    );
  });
});
