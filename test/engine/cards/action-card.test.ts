import { describe, expect, test } from "vitest";
import { type ActionView, actionCard, STATE_WORD } from "../../../src/engine/cards/action-card.ts";
import { readButton } from "../../../src/engine/cards/button-id.ts";
import { type Card, plain } from "../../../src/engine/cards/card.ts";
import { ACTION_STATES, type ActionState } from "../../../src/engine/domain/action.ts";
import { testSign } from "../../support/open-engine.ts";

const NOW = new Date("2026-10-05T09:00:00.000Z");
const view = (change: Partial<ActionView> = {}): ActionView => ({
  id: "ACT-105",
  number: 105,
  incident: "INC-42",
  severity: "high",
  lab: false,
  title: "Isolate WS-042",
  state: "pending",
  stateWord: "Pending",
  tone: "warning",
  short: "",
  family: "device",
  version: "3f9c2a7b3f9c2a7b",
  effect: "WS-042 is cut off from the network.",
  ifNot: "WS-042 stays on the network with the threat on it.",
  undoText: "Release it from isolation.",
  undoable: true,
  note: "Malware runs on this device.",
  rule: "isolate-device always asks by default",
  connector: "lab",
  reach: {
    count: 1,
    unit: "device",
    facts: ["workstation, Windows 11", "1 person is signed in: mia"],
    protectedHits: [],
    readAt: NOW.toISOString(),
  },
  for: ["58 of 70 engines call it malicious."],
  against: ["The file is signed."],
  evidenceAt: new Date("2026-10-05T08:00:00.000Z"),
  approvals: [],
  approvalsNeeded: 1,
  proposedAt: NOW,
  deadline: new Date("2026-10-05T09:30:00.000Z"),
  expiresAt: new Date("2026-10-06T09:00:00.000Z"),
  waitingForDevice: false,
  deciders: { anyone: false, names: ["Mia", "Tom"] },
  now: NOW,
  ...change,
});
const card = (change: Partial<ActionView> = {}) => actionCard(view(change), testSign);
const text = ({ title, lines }: Card) =>
  [
    title,
    ...lines.flatMap((line) => {
      switch (line.kind) {
        case "text":
        case "note":
          return [plain(line.text)];
        case "facts":
          return line.facts.map(([label, value]) => `${label}: ${plain(value)}`);
        case "list":
          return line.items.map((item) => `${item.mark}: ${plain(item.text)}`);
        default:
          return [];
      }
    }),
  ].join("\n");
const decided = { decision: "approve", by: "Mia", at: NOW.toISOString(), via: "slack" } as const;
const presses = (one: Card) => one.buttons.map((button) => readButton(button.value ?? "", testSign, (a, b) => a === b));

test("a pending action says what, why, whom it reaches, what follows either way, and until when", () => {
  const pending = card();
  expect(pending.title).toBe("ACT-105: Isolate WS-042?");
  for (const part of [
    "WS-042 is cut off from the network.",
    "For: 58 of 70 engines call it malicious.",
    "Against: The file is signed.",
    "Reaches: workstation, Windows 11; 1 person is signed in: mia",
    "Undo: Release it from isolation.",
    "If you reject or do nothing: WS-042 stays on the network",
    "Evidence from: 2026-10-05 08:00 UTC, 1 h before it was asked",
    "Asked because: isolate-device always asks by default",
    "Carried out by: lab",
    "Who may decide: Mia, Tom",
    "Answer by 2026-10-05 09:30 UTC; unanswered it expires 2026-10-06 09:00 UTC and nothing is done.",
  ])
    expect(text(pending)).toContain(part);
  expect(presses(pending).slice(0, 2)).toEqual([
    { kind: "decide", action: 105, version: "3f9c2a7b3f9c2a7b", decision: "approve" },
    { kind: "decide", action: 105, version: "3f9c2a7b3f9c2a7b", decision: "reject" },
  ]);
  expect(pending.buttons[1]?.input?.required).toBe(true);
});

/** What stands on the card itself, not in its menu. */
const beside = (one: ReturnType<typeof card>) => one.buttons.flatMap((button) => (button.more ? [] : [button.label]));

describe("every state has a card", () => {
  const BUTTONS: Partial<Record<ActionState, string[]>> = {
    observed: ["Agree", "Disagree"],
    pending: ["Approve", "Reject", "Details"],
    succeeded: ["Undo"],
    expired: ["Propose again", "Details"],
  };
  test.each(ACTION_STATES)("%s", (state) => {
    const one = card({ state, ...(state === "pending" || state === "observed" ? {} : { decision: decided, outcome: "What came of it." }) });
    expect(one.badge).toBe(STATE_WORD[state].word);
    expect(one.tone).toBe(STATE_WORD[state].tone);
    expect(beside(one)).toEqual(BUTTONS[state] ?? []);
    expect(one.summary).toContain("ACT-105 in INC-42");
    if (state !== "pending" && state !== "observed") expect(text(one)).toContain("What came of it.");
  });
  test.each<[Partial<ActionView>, string]>([
    [
      { state: "rejected", decision: { ...decided, decision: "reject", reason: "a test machine" } },
      "Rejected by Mia at 2026-10-05 09:00 UTC. Reason: a test machine. Nothing was done. WS-042 stays",
    ],
    [{ state: "expired" }, "Expired, nothing was done"],
    [{ state: "unclear" }, "Outcome unclear: air does not repeat it. Please check the target yourself."],
    [
      { state: "executing", waitingForDevice: true },
      "Waiting for the device: it happens as soon as the device is back, for at most 3 days.",
    ],
    [{ state: "observed" }, "Would have done this (mode observe: nothing is carried out)."],
    [
      { state: "approved", decision: { ...decided, decision: "automatic", by: "Automation", via: "air" } },
      "Decision: automatic, by Automation, 2026-10-05 09:00 UTC",
    ],
  ])("%o", (change, sentence) => expect(text(card(change))).toContain(sentence));
  test("no card ever calls an outcome unknown", () => {
    for (const state of ACTION_STATES) expect(`${text(card({ state }))} ${card({ state }).summary}`).not.toMatch(/unknown/i);
  });
});

describe("who presses what", () => {
  test("nobody holds the role: no buttons, and what an admin adds", () => {
    const nobody = card({ deciders: { anyone: false, names: [] } });
    expect(nobody.buttons).toEqual([]);
    expect(text(nobody)).toContain("an admin adds people under roles.approver.device in air.yaml");
    expect(nobody.lines.find((line) => line.kind === "code")?.text).toMatch(/^roles:\n {2}approver:\n {4}device: \[you@example\.com\]/);
    expect(card().lines.some((line) => line.kind === "code")).toBe(false);
  });
  test("what no product can do has no Approve", () => {
    const byHand = card({ byHand: "Take it off the network at the switch." });
    expect(beside(byHand)).toEqual(["Done by hand", "Not needed"]);
    expect(text(byHand)).toContain("Do by hand: Take it off the network at the switch.");
  });
  test("by hand where two have to agree: a name is typed, and nobody is called an approver of it", () => {
    const two = { byHand: "Pull the cable.", approvalsNeeded: 2 as const, stepUp: { type: "DC-01", because: "two people decide it" } };
    const first = card({ ...two, approvals: [{ name: "Ada", via: "slack", at: new Date(0) }] });
    expect(first.badge).toBe("1 of 2 say it is done");
    expect(first.buttons[0]).toMatchObject({ label: "Done by hand", input: { required: true } });
    const decision = { decision: "approve" as const, by: "Ada", at: "2026-11-22T10:00:00Z", via: "slack" };
    const done = text(card({ byHand: "Pull the cable.", state: "byHand", outcome: "Done by hand by Ada.", decision }));
    expect(done).toContain("done by hand by Ada");
    expect(done).not.toMatch(/approved/i);
  });
  test("what waits for its device can be given up", () => {
    const labels = (change: Partial<ActionView>) => card({ state: "executing", ...change }).buttons.map((button) => button.label);
    expect(labels({ waitingForDevice: true, cancellable: true })).toEqual(["Cancel"]);
    expect(labels({ waitingForDevice: true, cancellable: false })).toEqual([]);
  });
  test("the first of two approvals is counted and named", () => {
    const half = card({
      approvalsNeeded: 2,
      approvals: [{ name: "Mia", via: "slack", at: NOW }],
      reach: { ...view().reach, protectedHits: ["built-in: domain controller"] },
    });
    expect(half.badge).toBe("1 of 2 approvals");
    expect(text(half)).toContain("Approvals: 1 of 2: Mia");
    expect(text(half)).toContain("Who else may decide: Tom");
    expect(text(half)).toContain("Protected: built-in: domain controller. Two people decide.");
    expect(half.buttons.map((button) => button.label)).toContain("Approve");
  });
  test("paused is said while it matters", () => {
    expect(text(card({ paused: "every execution by Ada: wrong wave" }))).toContain("Paused: every execution by Ada: wrong wave");
    expect(text(card({ paused: "x", state: "succeeded" }))).not.toContain("Paused");
  });
  test("what cannot be undone has no Undo", () => expect(card({ state: "succeeded", undoable: false }).buttons).toEqual([]));
});

test("the first hundred characters say what is asked of whom, and why", () => {
  const start = card().summary.slice(0, 100);
  expect(start).toContain("Decide: Isolate WS-042?");
  expect(start).toContain("58 of 70 engines call it malicious.");
  expect(card({ lab: true }).summary.startsWith("LAB Decide")).toBe(true);
  const long = card({ title: `Quarantine ${"x".repeat(500)}\u202e\nApproved by Mia` });
  expect(long.summary.slice(0, 100)).toContain("Decide: Quarantine xxx");
  expect(long.title).not.toMatch(/[\n\u202e]/);
  expect(Array.from(long.title).length).toBeLessThan(130);
});
