import { describe, expect, test } from "vitest";
import { actionKinds } from "../../../src/engine/actions/all.ts";
import { ACTION_KINDS, type ActionKindName, FAMILIES, keepSaved, type Params, readStored } from "../../../src/engine/domain/action.ts";
import { approvalsNeeded } from "../../../src/engine/domain/approval.ts";
import { automationFor } from "../../../src/engine/domain/automation.ts";
import type { Entity } from "../../../src/engine/domain/entity.ts";
import { expiresAfter } from "../../../src/engine/domain/policy.ts";
import type { HandworkCapability } from "../../../src/engine/ports.ts";
import { undoWish } from "../../../src/engine/propose-actions.ts";
import { NOTHING, NOW, openLab } from "../../support/lab-capabilities.ts";
import { testPolicy } from "../../support/open-engine.ts";
import { sampleOf } from "./contract.ts";
import { labCases, labFile } from "./lab-cases.ts";

const signal = new AbortController().signal;
const call = { comment: "ACT-1 in INC-1, approved by Mia", key: "ACT-1", now: NOW };
const sha256 = "a".repeat(64);

/** Widening an investigation acts on no product; test/engine/investigate.test.ts has it. */
const KINDS = ACTION_KINDS.filter((kind) => kind !== "expand-investigation");
const BY_HAND = ACTION_KINDS.filter((kind) => labCases[kind] === undefined && kind !== "expand-investigation" && kind !== "restore-file");

test("every kind has its file, and its file its kind", () => {
  expect(Object.entries(actionKinds).map(([name, { kind }]) => name === kind)).toEqual(ACTION_KINDS.map(() => true));
  expect(Object.keys(actionKinds).toSorted()).toEqual(ACTION_KINDS.toSorted());
});

describe.each(KINDS)("%s", (name) => {
  const kind = actionKinds[name];
  const target = labCases[name]?.target ?? sampleOf(kind);

  test("says what it does, what follows without it, how it is taken back, and what it needs", () => {
    for (const each of kind.targets.map((targetKind) => sampleOf({ targets: [targetKind] })))
      for (const text of [kind.title(each), kind.effect(each), kind.ifNot(each)]) expect(text).toMatch(/^.{10,300}$/);
    for (const text of [kind.undo.text, kind.permission, kind.idempotency]) expect(text.length).toBeGreaterThan(8);
    expect(FAMILIES).toContain(kind.family);
    if (kind.undo.by) expect(actionKinds[kind.undo.by].targets).toEqual(expect.arrayContaining([...kind.targets]));
    // It is drawn whatever is stored.
    expect(kind.title(target, { type: 7, delegate: [] })).toMatch(/./);
  });

  test("with nothing connected: steps for a person, nothing done, and every refusal says so", async () => {
    expect(kind.connector(target, NOTHING)).toMatchObject({ byHand: expect.stringMatching(/.{60}/) });
    await expect(kind.execute(target, NOTHING, call, signal)).rejects.toMatchObject({ name: "ConnectorError", kind: "refused" });
    if (!BY_HAND.includes(name)) await expect(kind.reach(target, NOTHING, NOW, signal)).rejects.toMatchObject({ name: "ConnectorError" });
  });
});

describe("what no product has a call for", () => {
  test("is exactly what domain facts 3 says", () => {
    expect(BY_HAND).toEqual([
      "kill-process",
      "remove-registry-key",
      "stop-service",
      "disable-driver",
      "remove-scheduled-task",
      "remove-delegation",
      "block-sender",
    ]);
  });

  test("the steps name the thing, the place and the command, and nothing an attacker wrote ends them early", () => {
    const steps = (kind: ActionKindName, target: Entity, params = {}) => {
      const answer = actionKinds[kind].connector(target, NOTHING, params);
      return "byHand" in answer ? answer.byHand : "";
    };
    expect(steps("kill-process", sampleOf(actionKinds["kill-process"]))).toMatch(/on WS-001.*Stop-Process -Id 4312 -Force/);
    expect(steps("stop-service", { kind: "service", name: "x'; Remove-Item C:\\; \u2019", device: "WS-001" })).toContain(
      "Stop-Service 'x''; Remove-Item C:\\; \u2019\u2019' -Force",
    );
    expect(steps("remove-delegation", { kind: "mailbox", address: "a@b.example" }, { delegate: "c@d.example" })).toContain(
      "-User 'c@d.example'",
    );
    expect(steps("block-sender", { kind: "message", subject: "Hi" })).toContain("does not say who sent");
    expect(steps("turn-off-forwarding", { kind: "mailbox", address: "a@b.example" })).toContain("-ForwardingSmtpAddress $null");
  });

  test("a connector that declares it can does it, follows it and tells of it", async () => {
    const done = new Set<string>();
    const handwork: HandworkCapability = {
      connector: "runner",
      can: (kind, target) => kind === "stop-service" && target.kind === "service" && target.device === "WS-001",
      state: async (_kind, target) => (target.kind === "service" && done.has(target.name) ? "done" : "notDone"),
      run: async (_kind, target, { key }) => {
        if (target.kind === "service") done.add(target.name);
        return { id: key, state: "pending" };
      },
      follow: async (id) => ({ id, state: "done" }),
    };
    const capabilities = { ...NOTHING, handwork };
    const kind = actionKinds["stop-service"];
    const target = sampleOf(kind);
    expect(kind.connector(target, capabilities)).toEqual({ name: "runner" });
    expect((await kind.state(target, capabilities, signal)).kind).toBe("notReached");
    expect(await kind.execute(target, capabilities, call, signal)).toMatchObject({ state: "pending" });
    expect(await kind.follow("ACT-1", capabilities, signal)).toMatchObject({ state: "done" });
    expect((await kind.state(target, capabilities, signal)).kind).toBe("reached");
    expect(kind.connector({ kind: "service", name: "x", device: "WS-002" }, capabilities)).toMatchObject({ byHand: expect.anything() });
    expect((await actionKinds["kill-process"].state(sampleOf(actionKinds["kill-process"]), capabilities, signal)).kind).toBe("unreadable");
  });

  test("the card shows the device it happens on", async () => {
    const { capabilities } = openLab();
    const reach = await actionKinds["kill-process"].reach(sampleOf(actionKinds["kill-process"]), capabilities, NOW, signal);
    expect(reach).toMatchObject({ count: 1, unit: "device", online: true, facts: expect.arrayContaining(["workstation, Windows 11"]) });
  });
});

test("who decides and for how long: what is gone for good needs two, everything new asks", () => {
  const reach = { count: 1, unit: "device", facts: [], protectedHits: [], readAt: "" } as const;
  const two = ACTION_KINDS.filter((kind) => approvalsNeeded(kind, { ...reach, facts: [], protectedHits: [] }, testPolicy) === 2);
  expect(two).toEqual(["offboard-device", "hard-delete-mail"]);
  const lowered = { ...testPolicy, perKind: { "offboard-device": { approvals: 1 } } } as const;
  expect(approvalsNeeded("offboard-device", { ...reach, facts: [], protectedHits: [] }, lowered)).toBe(1);
  const automatic = ACTION_KINDS.filter(
    (kind) =>
      automationFor(
        {
          kind,
          target: labFile,
          verdict: "malicious",
          judgement: { automatic: { allowed: true } },
          level: "full",
          group: "lab",
        },
        testPolicy,
        { kindLastHour: 0, lastDay: 0 },
      ).kind === "automatic",
  );
  expect(automatic).toEqual(["quarantine-file", "kill-process"]);
  const hours = (kind: ActionKindName) => expiresAfter(kind, testPolicy) / 3_600_000;
  expect(["restrict-execution", "disable-app", "kill-process"].map((kind) => hours(kind as ActionKindName))).toEqual([24, 24, 24]);
  expect(["hard-delete-mail", "turn-off-forwarding", "block-sender"].map((kind) => hours(kind as ActionKindName))).toEqual([168, 168, 168]);
  expect(["scan-device", "offboard-device", "remove-registry-key"].map((kind) => hours(kind as ActionKindName))).toEqual([72, 72, 72]);
});

test("what an action kept lies beside its parameters and comes out apart from them", () => {
  const saved = { id: "rule-1", forwardsTo: "x@y.example" };
  const stored = keepSaved({ rule: "rule-1" }, saved);
  expect(readStored(JSON.parse(JSON.stringify(stored)) as Params)).toEqual({ params: { rule: "rule-1" }, saved });
  expect(readStored(keepSaved({ rule: "rule-1" }, undefined))).toEqual({ params: { rule: "rule-1" }, saved: undefined });
  const original = { kind: "turn-off-forwarding", target: sampleOf({ targets: ["mailbox"] }), params: stored } as const;
  expect(undoWish(original)).toEqual({ kind: "restore-forwarding", target: original.target, params: { saved } });
  expect(undoWish({ ...original, kind: "move-to-junk", params: {} })).toMatchObject({ kind: "restore-mail", params: { from: "junk" } });
  expect(undoWish({ ...original, kind: "hard-delete-mail" })).toBeUndefined();
});

describe("what a person is told", () => {
  test("whom an isolation reaches", async () => {
    const { capabilities } = openLab();
    const reach = await actionKinds["isolate-device"].reach({ kind: "device", name: "ws-001" }, capabilities, NOW, signal);
    expect(reach).toEqual({
      count: 1,
      unit: "device",
      facts: ["workstation, Windows 11", "1 person is signed in: mia@contoso.example", "belongs to mia@contoso.example", "online now"],
      protectedHits: [],
      online: true,
      readAt: NOW.toISOString(),
    });
  });
  test("which mailboxes a soft delete reaches", async () => {
    const { capabilities } = openLab();
    const reach = await actionKinds["soft-delete-mail"].reach(
      { kind: "mail-cluster", query: 'Subject:"Minutes of Monday"' },
      capabilities,
      NOW,
      signal,
    );
    expect(reach).toMatchObject({
      count: 2,
      unit: "message",
      facts: ["2 messages in 2 mailboxes: mia@contoso.example, noor@contoso.example", "nobody pressed a link"],
    });
  });
  test("a privileged account", async () => {
    const { capabilities } = openLab();
    const reach = await actionKinds["disable-user"].reach({ kind: "user", name: "CONTOSO\\paul" }, capabilities, NOW, signal);
    expect(reach.facts).toContain("privileged: Global Administrator");
  });
  test("a file without a device or a hash is quarantined by hand", () => {
    const { capabilities } = openLab();
    const { connector } = actionKinds["quarantine-file"];
    expect(connector({ kind: "file", sha256 }, capabilities)).toMatchObject({
      byHand: expect.stringContaining("does not say on which device"),
    });
    expect(connector({ kind: "file", path: "C:\\a.exe", device: "WS-001" }, capabilities)).toMatchObject({
      byHand: expect.stringContaining("hash"),
    });
    expect(actionKinds["restore-file"].connector(labFile, capabilities)).toMatchObject({ byHand: expect.stringContaining("MpCmdRun") });
  });
  test("an outage while reading the reach is passed on", async () => {
    const { capabilities } = openLab();
    const down = {
      ...capabilities,
      devices: capabilities.devices && { ...capabilities.devices, find: () => Promise.reject(new Error("down")) },
    };
    await expect(actionKinds["isolate-device"].reach({ kind: "device", name: "x" }, down, NOW, signal)).rejects.toThrow("down");
  });
});

test("an offline device: the ticket waits until it is back", async () => {
  const { lab, store, capabilities } = openLab();
  const target: Entity = { kind: "device", name: "LT-005" };
  const { execute, follow, state } = actionKinds["isolate-device"];
  expect(await execute(target, capabilities, call, signal)).toMatchObject({ state: "pending" });
  expect(await execute(target, capabilities, call, signal)).toMatchObject({ state: "pending" });
  expect(await follow("ACT-1", capabilities, signal)).toMatchObject({ state: "pending" });
  const facts = await lab.devices.find(target, signal);
  await store.put("device", "lt-005", { ...facts, online: true });
  expect(await follow("ACT-1", capabilities, signal)).toMatchObject({ state: "done" });
  expect((await state(target, capabilities, signal)).kind).toBe("reached");
});

test("an offline device: a scan waits too, and an offboarded one is not reached any more", async () => {
  const { lab, store, capabilities } = openLab();
  const target: Entity = { kind: "device", name: "LT-005" };
  const scan = actionKinds["scan-device"];
  const about = { params: { type: "quick" }, since: NOW };
  expect(await scan.execute(target, capabilities, { ...call, params: about.params }, signal)).toMatchObject({ state: "pending" });
  expect((await scan.state(target, capabilities, signal, about)).kind).toBe("notReached");
  const facts = await lab.devices.find(target, signal);
  await store.put("device", "lt-005", { ...facts, online: true });
  expect(await scan.follow("ACT-1", capabilities, signal)).toMatchObject({ state: "done" });
  expect((await scan.state(target, capabilities, signal, about)).kind).toBe("reached");
  // What was scanned before it was asked for is not what was asked for.
  expect((await scan.state(target, capabilities, signal, { ...about, since: new Date(NOW.getTime() + 1) })).kind).toBe("notReached");
  await actionKinds["offboard-device"].execute(target, capabilities, { ...call, key: "ACT-2" }, signal);
  await expect(actionKinds["isolate-device"].execute(target, capabilities, { ...call, key: "ACT-3" }, signal)).rejects.toMatchObject({
    kind: "refused",
    message: expect.stringContaining("offboarded"),
  });
  await expect(
    actionKinds["offboard-device"].execute({ kind: "device", name: "WS-006" }, capabilities, { ...call, key: "ACT-4" }, signal),
  ).rejects.toMatchObject({ kind: "refused", message: expect.stringContaining("Only Windows") });
});
