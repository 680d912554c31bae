import { describe, expect, test } from "vitest";
import { actionKinds } from "../../../src/engine/actions/all.ts";
import { ACTION_KINDS, type ActionKindName, FAMILIES } from "../../../src/engine/domain/action.ts";
import type { Entity } from "../../../src/engine/domain/entity.ts";
import { NOTHING, NOW, openLab } from "../../support/lab-capabilities.ts";

const signal = new AbortController().signal;
const call = { comment: "ACT-1 in INC-1, approved by Mia", key: "ACT-1", now: NOW };
const sha256 = "a".repeat(64);
const file: Entity = { kind: "file", sha256, name: "a.exe", path: "C:\\Users\\mia\\Downloads\\a.exe", device: "WS-001" };

/** One target each, and what has to be done first for the action to have something to do. */
const cases: Record<Exclude<ActionKindName, "expand-investigation">, { target: Entity; before?: ActionKindName; other: Entity }> = {
  "isolate-device": { target: { kind: "device", name: "WS-001" }, other: { kind: "device", name: "nowhere" } },
  "release-device": { target: { kind: "device", name: "WS-001" }, before: "isolate-device", other: { kind: "device", name: "nowhere" } },
  "quarantine-file": { target: file, other: { ...file, device: "nowhere" } },
  "restore-file": { target: file, before: "quarantine-file", other: { ...file, device: "nowhere" } },
  "soft-delete-mail": { target: { kind: "message", subject: "Minutes of Monday" }, other: { kind: "message", networkMessageId: "none" } },
  "restore-mail": {
    target: { kind: "message", subject: "Minutes of Monday" },
    before: "soft-delete-mail",
    other: { kind: "message", networkMessageId: "none" },
  },
  "disable-user": { target: { kind: "user", email: "mia@contoso.example" }, other: { kind: "user", email: "nobody@contoso.example" } },
  "enable-user": {
    target: { kind: "user", email: "mia@contoso.example" },
    before: "disable-user",
    other: { kind: "user", name: "nobody" },
  },
  "revoke-sessions": { target: { kind: "mailbox", address: "mia@contoso.example" }, other: { kind: "user", name: "nobody" } },
  "block-indicator": { target: { kind: "url", url: "https://evil.example/a" }, other: { kind: "file", name: "no-hash.exe" } },
  "unblock-indicator": {
    target: { kind: "url", url: "https://evil.example/a" },
    before: "block-indicator",
    other: { kind: "file", name: "no-hash.exe" },
  },
  "allow-indicator": { target: { kind: "url", url: "https://evil.example/a" }, other: { kind: "file", name: "no-hash.exe" } },
};
/** Widening an investigation acts on no product; test/engine/investigate.test.ts has it. */
const KINDS = ACTION_KINDS.filter((kind) => kind !== "expand-investigation");

test("every kind has its file, and its file its kind", () => {
  expect(Object.entries(actionKinds).map(([name, { kind }]) => name === kind)).toEqual(ACTION_KINDS.map(() => true));
  expect(Object.keys(actionKinds).toSorted()).toEqual(ACTION_KINDS.toSorted());
});

describe.each(KINDS)("%s", (name) => {
  const kind = actionKinds[name];
  const { target, before, other } = cases[name];

  test("says what it does, what follows without it, and how it is taken back", () => {
    for (const text of [kind.title(target), kind.effect(target), kind.ifNot(target), kind.undo.text])
      expect(text.length).toBeGreaterThan(10);
    expect(FAMILIES).toContain(kind.family);
    expect(kind.targets).toContain(target.kind);
    if (kind.undo.by) expect(actionKinds[kind.undo.by].targets).toEqual(expect.arrayContaining([...kind.targets]));
  });

  test("with nothing connected: steps for a person, nothing done, and every refusal says so", async () => {
    expect(kind.connector(target, NOTHING)).toMatchObject({ byHand: expect.stringMatching(/.{60}/) });
    await expect(kind.execute(target, NOTHING, call, signal)).rejects.toMatchObject({ name: "ConnectorError", kind: "refused" });
    await expect(kind.reach(target, NOTHING, NOW, signal)).rejects.toMatchObject({ name: "ConnectorError" });
  });

  // The products the lab plays have no call that restores a file, so there it is done by hand only.
  if (name !== "restore-file")
    test("reads, acts, verifies, and a repeat changes nothing", async () => {
      const { lab, capabilities } = openLab();
      await lab.adopt([file]);
      if (before) await actionKinds[before].execute(target, capabilities, call, signal);
      expect(kind.connector(target, capabilities)).toEqual({ name: "lab" });
      const reach = await kind.reach(target, capabilities, NOW, signal);
      expect(reach).toMatchObject({ readAt: NOW.toISOString(), protectedHits: [] });
      expect(reach.count).toBeGreaterThan(0);
      expect(reach.facts.length).toBeGreaterThan(0);
      expect((await kind.state(target, capabilities, signal)).kind).toBe("notReached");
      expect(await kind.execute(target, capabilities, call, signal)).toMatchObject({ state: "done" });
      expect((await kind.state(target, capabilities, signal)).kind).toBe("reached");
      const after = await lab.snapshot();
      expect(await kind.execute(target, capabilities, call, signal)).toMatchObject({ state: "done" });
      expect(await lab.snapshot()).toEqual(after);
      expect(await kind.follow("ACT-1", capabilities, signal)).toMatchObject({ state: "done" });
    });

  if (kind.undo.by !== undefined && kind.undo.by !== "restore-file" && name !== "restore-file")
    test("is taken back by what it declares", async () => {
      const { lab, capabilities } = openLab();
      await lab.adopt([file]);
      if (before) await actionKinds[before].execute(target, capabilities, call, signal);
      const start = await lab.snapshot();
      await kind.execute(target, capabilities, call, signal);
      expect(await lab.snapshot()).not.toEqual(start);
      const undo = actionKinds[kind.undo.by ?? name];
      await undo.execute(target, capabilities, { ...call, key: "ACT-1-undo" }, signal);
      expect((await undo.state(target, capabilities, signal)).kind).toBe("reached");
      expect((await kind.state(target, capabilities, signal)).kind).toBe("notReached");
    });

  // An indicator need not exist anywhere to be blocked.
  if (!name.endsWith("-indicator"))
    test("a target that is not there is missing, and acting on it is refused or does nothing", async () => {
      const { lab, capabilities } = openLab();
      const start = await lab.snapshot();
      expect((await kind.state(other, capabilities, signal)).kind).toBe("missing");
      await kind.execute(other, capabilities, call, signal).catch((error) => expect(error).toMatchObject({ kind: "refused" }));
      expect(await lab.snapshot()).toEqual(start);
    });
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
    expect(actionKinds["restore-file"].connector(file, capabilities)).toMatchObject({ byHand: expect.stringContaining("MpCmdRun") });
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
