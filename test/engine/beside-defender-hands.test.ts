import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { cardText } from "../../src/bot/card-text.ts";
import { decideAction } from "../../src/engine/decide-action.ts";
import { drawSubject } from "../../src/engine/draw.ts";
import { executeAction } from "../../src/engine/execute-action.ts";
import type { ActionRow } from "../../src/engine/store.ts";
import { type FakeDefender, fakeDefender } from "../support/fake-defender.ts";
import { knowing, MALICIOUS, malware, type Steps, steps } from "../support/investigating.ts";
import { NOW } from "../support/lab-capabilities.ts";
import { approver, type Engine, fresh, openEngine, testPolicy, testSign } from "../support/open-engine.ts";

/* What people and automation have Defender do in its own portal, while air investigates the same. */

const KAI = "somebody@contoso.com";

describe("beside Defender's own hands", () => {
  let engine: Engine;
  let given: Steps;
  let fake: FakeDefender;
  beforeAll(async () => {
    engine = await openEngine("embedded");
    engine.air.sleep = async () => {};
    given = steps(engine);
    fake = await fakeDefender(() => engine.world.now);
  });
  beforeEach(async () => {
    await engine.clearJobs();
    fake.reset();
    const reputation = [knowing("virustotal", ({ kind }) => (kind === "file" ? MALICIOUS : undefined))];
    engine.world.now = NOW;
    engine.world.policy = { ...testPolicy, mode: "ask" };
    engine.world.capabilities = { ...fake.capabilitiesOf(fake.connect()), lab: false, reputation };
  });
  afterAll(async () => {
    await fake.close();
    await engine.close();
  });

  /** A malicious file on a device of ours, and what the playbook makes of it. */
  const found = async (device = fresh("WS")) => {
    const { alert } = malware({ device, verdict: "malicious" });
    const id = await given.begin(alert);
    await given.toTheEnd(id);
    const actions = await engine.store.actionsOf(id);
    const of = (kind: string) => actions.find((action) => action.kind === kind) as ActionRow;
    return { id, of, alert };
  };
  const card = async (action: ActionRow) => {
    const view = await given.view(action.incidentId);
    const drawing = { sign: testSign, pauses: [], publicUrl: undefined, deciders: () => ({ anyone: true, names: [] }), now: NOW };
    const drawn = drawSubject(`action:${action.id}`, view, drawing);
    return drawn ? cardText(drawn).join("\n") : "";
  };

  test("isolated by somebody else: shown with the name and the time, and asked nobody", async () => {
    const name = fresh("WS");
    fake.begin(fake.add(name), "isolate", { Comment: "by hand" });
    const { of } = await found(name);
    expect(of("isolate-device")).toMatchObject({
      state: "cancelled",
      outcome: expect.stringMatching(/^Already remediated: .* is isolated\. In Defender: isolated by somebody@contoso\.com at .* UTC\. /),
    });
    expect(await card(of("quarantine-file"))).toContain(
      `Done by the source: isolated by ${KAI} at ${NOW.toISOString().slice(0, 16).replace("T", " ")} UTC`,
    );
  });

  test.each(["Pending", "InProgress"])("isolation asked for by somebody else, %s: shown, and not asked a second time", async (status) => {
    const name = fresh("WS");
    fake.product.slow = true;
    fake.begin(fake.add(name), "isolate", { Comment: "by hand" }).status = status;
    const { id, of, alert } = await found(name);
    expect(of("isolate-device")).toMatchObject({
      state: "cancelled",
      outcome: expect.stringMatching(
        /^Pending in Defender: isolation, asked for by somebody@contoso\.com at .* It is not asked for a second/,
      ),
    });
    const text = await card(of("quarantine-file"));
    expect(text).toContain(`Pending in Defender: isolation, asked for by ${KAI}`);
    expect(text.includes("runs now")).toBe(status === "InProgress");
    // Said once, however often it is looked at; and asked for as soon as Defender gave it up.
    await given.one({ ...alert, sourceId: fresh("again") });
    await given.toTheEnd(id);
    expect((await engine.store.actionsOf(id)).filter(({ kind }) => kind === "isolate-device")).toHaveLength(1);
    fake.finish("Cancelled");
    await given.one({ ...alert, sourceId: fresh("again") });
    await given.toTheEnd(id);
    expect((await engine.store.actionsOf(id)).filter(({ kind }) => kind === "isolate-device").map(({ state }) => state)).toEqual([
      "cancelled",
      "pending",
    ]);
  });

  test("what was released since, and what air did itself, is nobody else's", async () => {
    const name = fresh("WS");
    const machine = fake.add(name);
    fake.begin(machine, "isolate", { Comment: "by hand" });
    engine.world.now = new Date(NOW.getTime() + 60_000);
    fake.begin(machine, "unisolate", { Comment: "by hand" });
    const { of } = await found(name);
    const isolate = of("isolate-device");
    expect(isolate).toMatchObject({ state: "pending" });
    expect(isolate.blastRadius.besideUs).toBeUndefined();
    for (const person of ["Mia", "Tom"].slice(0, isolate.approvalsNeeded))
      await decideAction(engine.air, approver(person), { action: isolate.id, decision: "approve", confirmed: true });
    engine.world.now = new Date(NOW.getTime() + 120_000);
    await executeAction(engine.air, isolate.id, engine.settle);
    expect(await engine.store.action(isolate.id)).toMatchObject({ state: "succeeded" });
    const facts = await engine.world.capabilities.devices?.find({ kind: "device", name }, AbortSignal.timeout(5000));
    expect(facts).toMatchObject({ isolated: true });
    expect(facts?.besideUs).toBeUndefined();
  });

  test("a scan, a restriction and a file in quarantine under way are told with what they are", async () => {
    const name = fresh("WS");
    const machine = fake.add(name);
    fake.begin(machine, "restrictCodeExecution", { Comment: "by hand" });
    fake.product.slow = true;
    fake.begin(machine, "runAntiVirusScan", { Comment: "by hand", ScanType: "Full" });
    fake.begin(machine, "StopAndQuarantineFile", { Comment: "by hand", Sha1: "a".repeat(40) });
    const facts = await engine.world.capabilities.devices?.find({ kind: "device", name }, AbortSignal.timeout(5000));
    const at = NOW.toISOString();
    expect(facts?.besideUs).toEqual([
      { kind: "quarantine-file", state: "waiting", by: KAI, at, of: "a".repeat(40) },
      { kind: "scan-device", state: "waiting", by: KAI, at, of: "full" },
      { kind: "restrict-execution", state: "done", by: KAI, at },
    ]);
  });
});
