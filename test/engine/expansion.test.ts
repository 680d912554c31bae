import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { decideAction } from "../../src/engine/decide-action.ts";
import type { Mode } from "../../src/engine/domain/policy.ts";
import { recheckAction } from "../../src/engine/recheck-action.ts";
import { undoAction } from "../../src/engine/undo-action.ts";
import { fakeEndpointProduct } from "../support/fake-endpoint-product.ts";
import { knowing, MALICIOUS, malware, type Steps, steps } from "../support/investigating.ts";
import { NOW } from "../support/lab-capabilities.ts";
import { anAlert, approver, type Engine, fresh, openEngine, testPolicy } from "../support/open-engine.ts";
import { DATABASES } from "../support/open-test-db.ts";

const ada = approver("Ada");

describe.each(DATABASES)("a bad file on many devices, %s", (kind) => {
  let engine: Engine;
  let given: Steps;
  beforeAll(async () => {
    engine = await openEngine(kind);
    given = steps(engine);
  });
  beforeEach(async () => {
    await engine.clearJobs();
    Object.assign(engine.world, {
      now: NOW,
      policy: { ...testPolicy, mode: "act", deviceGroups: [{ name: "all", automation: "full" }] },
      channels: [],
    });
  });
  afterAll(() => engine.close());

  /** Seen on `count` devices, the alert's own among them; looked at until it waits. */
  const seenOn = async (count: number) => {
    const product = fakeEndpointProduct();
    const { alert, device, file } = malware({ verdict: "malicious" });
    const devices = [device, ...Array.from({ length: count - 1 }, () => fresh("WS"))];
    for (const name of devices) product.add(name);
    const looked: string[] = [];
    engine.world.capabilities = {
      ...product.capabilities,
      reputation: [knowing("vt", (entity) => (entity.kind === "file" ? MALICIOUS : undefined))],
      ...(product.capabilities.devices
        ? {
            devices: {
              ...product.capabilities.devices,
              seenOn: async (one) => (one.sha256 === file.sha256 ? devices : []),
              find: async (one, signal) => {
                looked.push(one.name ?? "");
                return product.capabilities.devices?.find(one, signal);
              },
            },
          }
        : {}),
    };
    const id = await given.begin(alert);
    await given.toTheEnd(id);
    return { id, alert, device, file, devices, looked };
  };
  const expansions = async (id: number) => (await engine.store.actionsOf(id)).filter((action) => action.kind === "expand-investigation");
  const devicesIn = async (id: number) =>
    (await engine.store.evidenceOf(id)).flatMap((row) => (row.entity.kind === "device" ? [row.entity.name ?? ""] : []));

  test("nine: it widens by itself, and looks at all of them", async () => {
    const { id, devices } = await seenOn(9);
    expect(await expansions(id)).toEqual([]);
    expect((await devicesIn(id)).sort()).toEqual([...devices].sort());
    expect((await engine.store.evidenceOf(id)).every((row) => row.lookedRound !== null)).toBe(true);
  });

  test.each<[Mode]>([["act"], ["ask"], ["observe"]])(
    "ten, in mode %s: one action asks; nothing is added before, and it never goes by itself",
    async (mode) => {
      engine.world.policy = { ...engine.world.policy, mode };
      const { id, file, device, devices, looked } = await seenOn(10);
      const [expansion, ...others] = await expansions(id);
      expect(others).toEqual([]);
      expect(expansion).toMatchObject({
        state: "pending",
        decision: null,
        target: file,
        params: { devices },
        approvalsNeeded: 1,
        byHand: null,
        note: expect.stringContaining("Seen on 10 of our devices"),
      });
      expect(await devicesIn(id)).toEqual([device]);
      expect(await given.row(id)).toMatchObject({ status: "pendingApproval" });
      expect((await engine.jobs("execute-action")).map((job) => job.data.action)).not.toContain(expansion?.id);
      looked.length = 0;
      // Nor is it taken for done by the periodic look.
      await recheckAction(engine.air, expansion?.id ?? 0, engine.settle);
      expect(await engine.store.action(expansion?.id ?? 0)).toMatchObject({ state: "pending" });
      expect(await devicesIn(id)).toEqual([device]);
    },
  );

  test("approved, the devices are evidence, and the next round looks at them; it is not proposed again", async () => {
    const { id, device, devices, looked } = await seenOn(12);
    const [expansion] = await expansions(id);
    await engine.clearJobs();
    looked.length = 0;
    const { action } = await decideAction(engine.air, ada, { action: expansion?.id ?? 0, decision: "approve" });
    expect(action).toMatchObject({ state: "succeeded", outcome: "Done: 12 devices are looked at.", decision: { by: "Ada" } });
    const evidence = (await engine.store.evidenceOf(id)).filter((row) => row.entity.kind === "device");
    expect(evidence).toHaveLength(12);
    expect(evidence.filter((row) => row.lookedRound === null)).toHaveLength(11);
    expect(evidence.find((row) => row.entity.kind === "device" && row.entity.name !== device)?.foundBy).toContain("widened from");
    expect((await engine.jobs("investigate")).map((job) => job.data.investigation)).toEqual([id]);
    expect(await engine.jobs("execute-action")).toEqual([]);
    await given.toTheEnd(id);
    expect((await engine.store.evidenceOf(id)).every((row) => row.lookedRound !== null)).toBe(true);
    for (const name of devices.filter((one) => one !== device)) expect(looked).toContain(name);
    expect(await expansions(id)).toHaveLength(1);
    await expect(undoAction(engine.air, ada, { action: expansion?.id ?? 0 })).rejects.toMatchObject({ code: "invalid" });
    await expect(decideAction(engine.air, ada, { action: expansion?.id ?? 0, decision: "approve" })).rejects.toMatchObject({
      code: "already-decided",
    });
  });

  test("rejected, they are left alone; a new alert of the same file does not ask again, and it counts as no threat left behind", async () => {
    const { id, device, file, devices } = await seenOn(10);
    const [expansion] = await expansions(id);
    await decideAction(engine.air, ada, { action: expansion?.id ?? 0, decision: "reject", reason: "known roll-out" });
    expect(await devicesIn(id)).toEqual([device]);
    const again = await given.one(anAlert([{ kind: "device", name: device }, file], { category: "Malware" }));
    expect(again.investigation).toBe(`INV-${id}`);
    await given.toTheEnd(id);
    expect(await expansions(id)).toMatchObject([{ state: "rejected" }]);
    expect((await devicesIn(id)).filter((name) => devices.includes(name))).toEqual([device]);
    for (const action of await engine.store.actionsOf(id))
      if (action.state === "pending") await decideAction(engine.air, ada, { action: action.id, decision: "reject", reason: "no" });
    expect((await given.row(id)).status).not.toBe("pendingApproval");
  });

  test("it lapses like any other proposal, and the investigation does not end as terminated because of it", async () => {
    const { id } = await seenOn(10);
    const [expansion] = await expansions(id);
    engine.world.now = new Date((expansion?.expiresAt.getTime() ?? 0) + 1);
    await expect(decideAction(engine.air, ada, { action: expansion?.id ?? 0, decision: "approve" })).rejects.toMatchObject({
      code: "expired",
    });
    expect(await devicesIn(id)).toHaveLength(1);
  });
});
