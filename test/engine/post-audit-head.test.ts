import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { NOBODY } from "../../src/engine/domain/paging.ts";
import { sweep } from "../../src/engine/sweep.ts";
import { type Engine, openEngine } from "../support/open-engine.ts";
import { DATABASES } from "../support/open-test-db.ts";

const DAY = 86_400_000;

describe.each(DATABASES)("the audit's head goes to the ops channel, %s", (kind) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await openEngine(kind);
    engine.air.paging = () => ({ ...NOBODY, ops: ["slack:C0OPS"] });
  });
  afterAll(() => engine.close());

  const at = async (when: string) => {
    engine.world.now = new Date(when);
    await sweep(engine.air, engine.settle);
    const pages = await engine.store.duePages(new Date(engine.world.now.getTime() + DAY), 50);
    return pages.filter((page) => page.step.startsWith("audit-head"));
  };
  const line = () =>
    engine.store.transaction((tx) =>
      tx.writeAudit([{ at: engine.world.now, actor: { kind: "air", job: "test" }, event: "test.line", subject: "test" }]),
    );

  test("once a day, from the first midnight on, with the count and the hash as they stood", async () => {
    expect(await at("2026-11-21T23:59:50Z")).toEqual([]);
    await line();
    const head = await engine.store.auditHead();
    const [told, ...more] = await at("2026-11-22T00:00:05Z");
    expect(more).toEqual([]);
    expect(told).toMatchObject({ target: "ops:slack:C0OPS", incidentId: 0 });
    expect(told?.text).toContain(`${head.count} lines, the last one's hash is ${head.hash}`);
    await line();
    expect((await at("2026-11-22T23:59:50Z")).map((page) => page.id)).toEqual([told?.id]);
    const after = await at("2026-11-23T00:00:05Z");
    expect(after.map((page) => page.step)).toEqual(["audit-head 2026-11-22", "audit-head 2026-11-23"]);
  });
});
