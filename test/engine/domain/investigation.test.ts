import { describe, expect, test } from "vitest";
import { ACTION_MOVES, ACTION_STATES, type ActionState, isOpen, mayMove } from "../../../src/engine/domain/action.ts";
import type { Verdict } from "../../../src/engine/domain/alert.ts";
import {
  ENDED,
  INVESTIGATION_STATUSES,
  type InvestigationStatus,
  STATUS_SENTENCE,
  statusFrom,
} from "../../../src/engine/domain/investigation.ts";

type Acts = (ActionState | "waiting")[];
const seen = (...verdicts: (Verdict | "unlooked")[]) =>
  verdicts.map((verdict) => (verdict === "unlooked" ? { verdict: "unknown" as const, unlooked: true } : { verdict, unlooked: false }));
const acts = (...states: Acts) =>
  states.map((state) =>
    state === "waiting" ? { state: "executing" as const, waitingForDevice: true } : { state, waitingForDevice: false },
  );

describe("the status that follows from the rows", () => {
  test.each<[string, (Verdict | "unlooked")[], Acts, InvestigationStatus]>([
    ["a decision waits", ["malicious"], ["pending", "failed", "rejected"], "pendingApproval"],
    ["a device is waited for", ["malicious"], ["waiting", "succeeded"], "pendingResource"],
    ["something is carried out", ["malicious"], ["executing", "failed"], "running"],
    ["something is about to be", ["malicious"], ["approved"], "running"],
    ["something is taken back", ["malicious"], ["undoing"], "running"],
    ["a failure is never called remediated", ["malicious"], ["succeeded", "failed"], "closedWithFailures"],
    ["nor an unclear outcome", ["malicious"], ["succeeded", "unclear"], "closedWithFailures"],
    ["nor one that timed out", ["malicious"], ["succeeded", "timedOut"], "closedWithFailures"],
    ["nor a rejection", ["malicious"], ["succeeded", "rejected"], "closedWithRejections"],
    ["nobody answered", ["malicious"], ["expired"], "terminatedBySystem"],
    ["nobody answered one of two", ["malicious"], ["expired", "succeeded"], "partiallyRemediated"],
    ["all done", ["malicious"], ["succeeded", "byHand"], "successfullyRemediated"],
    ["one not needed", ["malicious"], ["succeeded", "cancelled"], "partiallyRemediated"],
    ["one taken back", ["malicious"], ["succeeded", "undone"], "partiallyRemediated"],
    ["all taken back, and the threat is there again", ["malicious"], ["undone", "undone"], "partiallyRemediated"],
    ["all taken back, because it was a false alarm", ["noThreatsFound"], ["undone", "undone"], "benign"],
    ["nothing to look at", [], [], "unsupportedAlertType"],
    ["bad, and nothing was done", ["malicious", "noThreatsFound"], [], "partiallyInvestigated"],
    ["bad, and only observed", ["suspicious"], ["observed"], "partiallyInvestigated"],
    ["one nobody could judge", ["noThreatsFound", "unlooked"], [], "partiallyInvestigated"],
    ["nothing judged at all", ["unknown", "unknown"], [], "partiallyInvestigated"],
    ["context may stay unknown", ["noThreatsFound", "unknown"], [], "benign"],
    ["all clean", ["noThreatsFound"], [], "benign"],
  ])("%s", (_, evidence, actions, status) => expect(statusFrom({ evidence: seen(...evidence), actions: acts(...actions) })).toBe(status));

  test("every status has its own plain sentence, and four of them go on", () => {
    expect(new Set(Object.values(STATUS_SENTENCE)).size).toBe(INVESTIGATION_STATUSES.length);
    expect(INVESTIGATION_STATUSES.filter((status) => !ENDED.has(status))).toEqual([
      "queued",
      "running",
      "pendingResource",
      "pendingApproval",
    ]);
  });
});

describe("the moves of an action", () => {
  test("nothing is carried out without having been approved, and what is over stays over", () => {
    const into = (state: ActionState) => ACTION_STATES.filter((from) => mayMove(from, state));
    expect(into("executing")).toEqual(["approved"]);
    expect(into("approved")).toEqual(["pending", "executing"]);
    expect(into("undoing")).toEqual(["succeeded"]);
    for (const state of ["failed", "unclear", "timedOut", "rejected", "expired", "cancelled", "byHand", "undone"] as const) {
      expect(ACTION_MOVES[state]).toEqual([]);
      expect(isOpen(state)).toBe(false);
    }
  });
});
