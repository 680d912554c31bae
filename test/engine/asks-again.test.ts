import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { decideAction } from "../../src/engine/decide-action.ts";
import type { ActionRow } from "../../src/engine/store.ts";
import { fakeEndpointProduct } from "../support/fake-endpoint-product.ts";
import { CLEAN, knowing, MALICIOUS, malware, type Steps, steps } from "../support/investigating.ts";
import { NOW } from "../support/lab-capabilities.ts";
import { approver, type Engine, openEngine, testPolicy } from "../support/open-engine.ts";
import { DATABASES } from "../support/open-test-db.ts";

const mia = approver("Mia");
const HOUR = 3_600_000;

describe.each(DATABASES)("a proposal that comes back, %s", (kind) => {
  let engine: Engine;
  let given: Steps;
  beforeAll(async () => {
    engine = await openEngine(kind);
    given = steps(engine);
  });
  beforeEach(async () => {
    await engine.clearJobs();
    Object.assign(engine.world, { now: NOW, policy: testPolicy, channels: [] });
  });
  afterAll(() => engine.close());

  /** Isolating waits: the alert and one reputation source call the file malicious. */
  async function isolationWaits() {
    const product = fakeEndpointProduct();
    const { alert, device } = malware({ verdict: "malicious" });
    product.add(device);
    const answer: { says: typeof MALICIOUS | typeof CLEAN } = { says: MALICIOUS };
    const first = knowing("vt", (entity) => (entity.kind === "file" ? answer.says : undefined));
    const second = knowing("sandbox", (entity) => (entity.kind === "file" ? MALICIOUS : undefined));
    const hear = (...sources: (typeof first)[]) => {
      engine.world.capabilities = { ...product.capabilities, reputation: sources };
    };
    hear(first);
    const id = await given.begin(alert);
    await given.toTheEnd(id);
    return { id, first, second, hear, answer, isolations: () => isolationsIn(id) };
  }
  const isolationsIn = async (id: number) =>
    (await engine.store.actionsOf(id)).filter((action) => action.kind === "isolate-device").toSorted((a, b) => a.id - b.id);
  const only = ([action, ...others]: ActionRow[]): ActionRow => {
    if (!action || others.length > 0) throw new Error(`expected one isolation, got ${others.length + (action ? 1 : 0)}`);
    return action;
  };
  const lookOnceMore = async (id: number) => {
    const file = await given.evidence(id, "file");
    const { round } = await given.row(id);
    await engine.store.transaction(async (tx) => {
      await tx.lookAgain([file.id]);
      await tx.updateInvestigation(id, { wanted: round + 1, status: "running", endedAt: null });
    });
    await given.toTheEnd(id);
  };

  test("it knows which families spoke; after a reject only a new one brings it back, and it asks, naming the rejection", async () => {
    const { id, first, second, hear, isolations } = await isolationWaits();
    const action = only(await isolations());
    expect(action.families.toSorted()).toEqual(["siem", "vt"]);
    await decideAction(engine.air, mia, { action: action.id, decision: "reject", reason: "a test machine" });
    await lookOnceMore(id);
    expect(only(await isolations())).toMatchObject({ state: "rejected" });

    hear(first, second);
    await lookOnceMore(id);
    const [rejected, again] = await isolations();
    expect(rejected).toMatchObject({ id: action.id, state: "rejected" });
    expect(again).toMatchObject({ state: "pending", rejectedBefore: action.id });
    expect(again?.families).toContain("sandbox");
    await lookOnceMore(id);
    expect(await isolations()).toHaveLength(2);
    // Said no to once more, with everything heard: it does not come a third time.
    await decideAction(engine.air, mia, { action: again?.id ?? 0, decision: "reject", reason: "still a test machine" });
    await lookOnceMore(id);
    expect(await isolations()).toHaveLength(2);
  });

  test("whatever the level, what was rejected before asks", async () => {
    engine.world.policy = {
      ...testPolicy,
      deviceGroups: [{ name: "all", automation: "full" }],
      perKind: { "isolate-device": { approval: "always" } },
    };
    const { id, first, second, hear, isolations } = await isolationWaits();
    const action = only(await isolations());
    await decideAction(engine.air, mia, { action: action.id, decision: "reject", reason: "a test machine" });
    engine.world.policy = { ...engine.world.policy, perKind: { "isolate-device": { approval: "matrix" } } };
    hear(first, second);
    await lookOnceMore(id);
    const [, again] = await isolations();
    expect(again).toMatchObject({ state: "pending", rule: "rejected before: it asks again" });
  });

  describe("on evidence that has grown old", () => {
    const approve = (action: ActionRow, version?: string) =>
      decideAction(engine.air, mia, { action: action.id, decision: "approve", ...(version ? { version } : {}) });

    test("nothing changed: asked anew, and the same card's button counts", async () => {
      const { id, first, isolations } = await isolationWaits();
      const action = only(await isolations());
      const asked = first.asked.length;
      engine.world.now = new Date(NOW.getTime() + 5 * HOUR);
      await expect(approve(action, action.version)).rejects.toMatchObject({ code: "changed", message: expect.stringContaining("5 h old") });
      await given.toTheEnd(id);
      expect(first.asked.length).toBe(asked + 1);
      const looked = only(await isolations());
      expect(looked).toMatchObject({ state: "pending", version: action.version, lookedAt: engine.world.now });
      expect((await approve(action, action.version)).action.state).toBe("approved");
    });

    test("it is less bad than was shown: the line is marked, and the old button counts for nothing", async () => {
      const { id, answer, isolations } = await isolationWaits();
      const action = only(await isolations());
      engine.world.now = new Date(NOW.getTime() + 5 * HOUR);
      answer.says = CLEAN;
      await expect(approve(action, action.version)).rejects.toMatchObject({ code: "changed" });
      await given.toTheEnd(id);
      const asksAnew = only(await isolations());
      expect(asksAnew).toMatchObject({ state: "pending", lookedAt: engine.world.now });
      expect(asksAnew.blastRadius.changed?.[0]).toMatch(/^EVD-\d+ \(a\.exe\) is .+ now, no longer Malicious$/);
      await expect(approve(action, action.version)).rejects.toMatchObject({ code: "changed" });
      expect((await approve(asksAnew, asksAnew.version)).action.state).toBe("approved");
    });
  });
});
