import { describe, expect, test } from "vitest";
import { type PlannedEvidence, parsePlaybook } from "../../src/engine/playbook.ts";
import { adviceFor, type LookedAt, stepsFor } from "../../src/engine/playbook-steps.ts";

const specific = parsePlaybook(
  `name: specific
title: Specific
description: Has all phases
applies: { any: [{ category: malware }] }
root: [{ look: file-reputation }, { look: command-line }]
hunting: [{ look: url-reputation }, { look: mail-contents, when: { kind: message } }]
scoping: [{ look: file-prevalence }, { look: device-facts, when: { verdict: malicious } }]
advice:
  - { for: [user, mailbox], when: [malicious, suspicious], text: Remove the forwarding. }
  - { for: user, when: malicious, roles: compromised, text: Reset the password. }
`,
  "specific.yaml",
);
const general = parsePlaybook(
  "name: general\ntitle: General\ndescription: Rest\nroot: [{ look: file-reputation }, { look: sign-ins }]\nhunting: [{ look: mail-links }]\n",
  "general.yaml",
);
const seen = (more: Partial<LookedAt>): LookedAt => ({ origin: "alert", verdict: "unknown", kind: "file", ...more });

describe("who looks", () => {
  test.each<[string, Partial<LookedAt>, string[]]>([
    ["what an alert named: root and hunting", {}, ["file-reputation", "command-line", "url-reputation"]],
    ["what was found: hunting only", { origin: "found" }, ["url-reputation"]],
    ["narrowed to a kind", { origin: "found", kind: "message" }, ["url-reputation", "mail-contents"]],
    ["suspicious: scoping begins", { verdict: "suspicious" }, ["file-reputation", "command-line", "url-reputation", "file-prevalence"]],
    ["malicious and found", { origin: "found", verdict: "malicious" }, ["url-reputation", "file-prevalence", "device-facts"]],
    ["judged harmless: nothing widens", { verdict: "noThreatsFound" }, ["file-reputation", "command-line", "url-reputation"]],
  ])("%s", (_, evidence, names) => {
    expect(stepsFor([specific], seen(evidence))).toEqual(names);
  });
  test("the general playbook looks at what was found as if it had been named", () => {
    expect(stepsFor([general], seen({ origin: "found" }))).toEqual(["file-reputation", "sign-ins", "mail-links"]);
  });
  test("two playbooks together are the union, in the order of the phases, each name once", () => {
    const names = ["file-reputation", "command-line", "sign-ins", "url-reputation", "mail-links", "file-prevalence"];
    expect(stepsFor([specific, general], seen({ verdict: "suspicious" }))).toEqual(names);
    expect(stepsFor([general, specific], seen({ verdict: "suspicious" })).toSorted()).toEqual(names.toSorted());
  });
  test("no playbook, nobody", () => {
    expect(stepsFor([], seen({ verdict: "malicious" }))).toEqual([]);
  });
  test("a worse verdict never takes a look away", () => {
    for (const origin of ["alert", "found"] as const) {
      const before = stepsFor([specific, general], seen({ origin }));
      const after = stepsFor([specific, general], seen({ origin, verdict: "malicious" }));
      expect(after).toEqual(expect.arrayContaining(before));
    }
  });
});

describe("advice", () => {
  const user: PlannedEvidence = { id: 1, entity: { kind: "user", email: "mia@contoso.example" }, verdict: "suspicious" };
  test("for the kinds and verdicts it is written for", () => {
    expect(adviceFor(specific, [user, { ...user, id: 2, verdict: "unknown" }])).toEqual([
      { evidenceId: 1, text: "Remove the forwarding.", rule: "specific, advice 1" },
    ]);
  });
  test("roles narrow it", () => {
    const bad: PlannedEvidence = { ...user, verdict: "malicious" };
    expect(adviceFor(specific, [bad])).toHaveLength(1);
    expect(adviceFor(specific, [{ ...bad, roles: ["Compromised"] }])).toHaveLength(2);
  });
  test("none where nothing is bad", () => {
    expect(adviceFor(specific, [{ ...user, verdict: "noThreatsFound" }])).toEqual([]);
  });
});
