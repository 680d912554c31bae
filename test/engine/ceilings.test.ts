import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { NO_ROLES } from "../../src/engine/domain/approval.ts";
import type { Entity } from "../../src/engine/domain/entity.ts";
import type { Paging } from "../../src/engine/domain/paging.ts";
import { executeAction } from "../../src/engine/execute-action.ts";
import { pause, resume } from "../../src/engine/pause.ts";
import type { ActionRow } from "../../src/engine/store.ts";
import { knowing, MALICIOUS, steps } from "../support/investigating.ts";
import { NOW, openLab } from "../support/lab-capabilities.ts";
import { anAlert, approver, type Engine, fresh, openEngine, somebody, testPolicy } from "../support/open-engine.ts";
import { DATABASES } from "../support/open-test-db.ts";

const HOUR = 3_600_000;
const ada = somebody("Ada", { ...NO_ROLES, admin: true });
const mia = approver("Mia");

/** Everything is malicious, on every device, and the alert says so, too: a source gone wrong. */
const alertOf = (devices: readonly string[], at: Date) => {
  const entities = devices.flatMap((device): Entity[] => [
    { kind: "file", name: `${device}.exe`, path: `C:\\Users\\x\\Downloads\\${device}.exe`, sha256: hashOf(device), device },
  ]);
  const alert = anAlert(entities, { category: "Malware", detectedAt: at });
  for (const named of alert.entities) named.verdict = "malicious";
  return alert;
};
const hashOf = (text: string) => Buffer.from(text.padEnd(32, ".")).toString("hex").slice(0, 64);

describe.each(DATABASES)("a source that calls everything malicious, %s", (kind) => {
  let engine: Engine;
  let walk: ReturnType<typeof steps>;

  beforeAll(async () => {
    engine = await openEngine(kind);
    walk = steps(engine);
    engine.air.paging = (): Paging =>
      ({ chain: ["person:noor@contoso.com"], admins: [], ops: ["C0OPS"], approvers: () => [] }) as unknown as Paging;
  });
  beforeEach(async () => {
    await engine.clearJobs();
    await engine.database.boss.executeSql("delete from settings; delete from actions; delete from pages");

    const { capabilities } = openLab(() => engine.world.now);
    Object.assign(engine.world, {
      now: NOW,
      capabilities: { ...capabilities, reputation: [knowing("liar", () => MALICIOUS)] },
      policy: { ...testPolicy, deviceGroups: [{ name: "all", automation: "full" }], protected: ["device:dc-*"] },
    });
  });
  afterAll(() => engine.close());

  const all = async (): Promise<ActionRow[]> => {
    const rows: ActionRow[] = [];
    for (let after: string | undefined; ; ) {
      const page = await engine.store.listActions({ limit: 200, ...(after ? { after } : {}) });
      rows.push(...page.items);
      if (!page.next) return rows;
      after = page.next;
    }
  };
  const automatic = async () => (await all()).filter((row) => row.decision?.decision === "automatic");
  const ceilingPages = async () =>
    (await engine.database.boss.executeSql("select target, text from pages where step = 'ceiling' order by id")).rows as {
      target: string;
      text: string;
    }[];
  /** Two workers take the investigations from one list. */
  const workers = async (investigations: number[], more = 2) => {
    const queue = [...investigations];
    await Promise.all(
      Array.from({ length: more }, async () => {
        for (let id = queue.shift(); id !== undefined; id = queue.shift()) await walk.toTheEnd(id);
      }),
    );
  };
  const flood = async (devices: number, perIncident: number, name = () => fresh("WS")) => {
    const ids: number[] = [];
    for (let done = 0; done < devices; done += perIncident)
      ids.push(await walk.begin(alertOf(Array.from({ length: perIncident }, name), engine.world.now)));
    return ids;
  };

  test("a thousand devices and two workers: never above a ceiling, never on what is protected, on-call told once", async () => {
    let made = 0;
    const name = () => (made++ % 10 === 0 ? fresh("dc") : fresh("WS"));
    // 1,000 devices where the database is quick, fewer on the embedded one: the rule is the same.
    const devices = kind === "postgres" ? 1000 : 200;
    await workers(await flood(devices / 2, 50, name));
    const first = await automatic();
    expect(first.filter((row) => row.kind === "quarantine-file")).toHaveLength(10);
    engine.world.now = new Date(NOW.getTime() + 2 * HOUR);
    await workers(await flood(devices / 4, 25, name));
    engine.world.now = new Date(NOW.getTime() + 4 * HOUR);
    await workers(await flood(devices / 4, 25, name));
    const done = await automatic();
    expect(done).toHaveLength(25);
    for (const row of done) expect(row).toMatchObject({ approvalsNeeded: 1, blastRadius: { protectedHits: [] } });
    const perInvestigation = Map.groupBy(done, (row) => row.investigationId);
    for (const rows of perInvestigation.values())
      expect(new Set(rows.map((row) => (row.target as { device?: string }).device)).size).toBeLessThanOrEqual(5);
    // What went over asks, with the reason.
    const asking = (await all()).filter((row) => row.kind === "quarantine-file" && row.state === "pending");
    expect(asking.length).toBeGreaterThan(devices / 2);
    expect(asking.filter((row) => row.rule.startsWith("ceiling reached")).length).toBeGreaterThan(0);
    const told = (await ceilingPages()).filter((page) => !page.text.includes("one investigation"));
    // Two hours that were full, and the day.
    expect(told.map((page) => page.text.replace(/\. What.*/, "")).sort()).toEqual([
      "Ceiling reached: 10 automatic quarantine-file per hour",
      "Ceiling reached: 10 automatic quarantine-file per hour",
      "Ceiling reached: 25 automatic actions per day",
    ]);
    expect(told.every((page) => page.target === "person:noor@contoso.com")).toBe(true);
  }, 300_000);

  test("two investigations that end at once never both take the last place", async () => {
    for (let again = 0; again < 5; again++) {
      await engine.database.boss.executeSql("delete from settings; delete from actions");
      engine.world.policy = { ...engine.world.policy, ceilings: { perKindPerHour: 3, perDay: 25, devicesPerInvestigation: 5 } };
      await workers(await flood(8, 1), 4);
      expect(await automatic()).toHaveLength(3);
    }
  });

  test("devicesPerInvestigation counts different devices, over several rounds", async () => {
    engine.world.policy = { ...engine.world.policy, ceilings: { perKindPerHour: 100, perDay: 100, devicesPerInvestigation: 2 } };
    const shared = fresh("WS");
    const seen = alertOf([shared, fresh("WS")], NOW);
    seen.entities.push({ entity: { kind: "device", name: shared }, roles: [] });
    const id = await walk.begin(seen);
    await walk.toTheEnd(id);
    expect(await automatic()).toHaveLength(2);
    // More of the same incident: another file on a device that counts already, and a third device.
    const alert = alertOf([shared, fresh("WS")], NOW);
    const [first] = alert.entities;
    if (first?.entity.kind === "file")
      first.entity = { ...first.entity, name: "second.exe", path: "C:\\Users\\x\\Downloads\\second.exe", sha256: "c".repeat(64) };
    alert.entities.push({ entity: { kind: "device", name: shared }, roles: [] });
    expect(await walk.begin(alert)).toBe(id);
    await walk.toTheEnd(id);
    const rows = (await all()).filter((row) => row.kind === "quarantine-file");
    expect(rows.filter((row) => row.decision?.decision === "automatic")).toHaveLength(3);
    expect(rows.filter((row) => row.rule.includes("2 devices in one investigation"))).toHaveLength(1);
  });

  test("pause: whatever has not begun waits; resume: it goes on", async () => {
    engine.world.policy = { ...engine.world.policy, ceilings: { perKindPerHour: 100, perDay: 100, devicesPerInvestigation: 100 } };
    await workers(await flood(30, 30));
    const ids = (await automatic()).map((row) => row.id);
    expect(ids).toHaveLength(30);
    const queue = [...ids];
    const lane = async () => {
      for (let id = queue.shift(); id !== undefined; id = queue.shift()) await executeAction(engine.air, id, engine.settle);
    };
    for (const id of queue.splice(0, 3)) await executeAction(engine.air, id, engine.settle);
    const begunNow = async () => (await automatic()).filter((row) => row.state !== "approved").map((row) => row.id);
    // Pressed while two workers are at it.
    const pressed = pause(engine.air, mia, "all", "something is wrong").then(begunNow);
    const lanes = [lane(), lane()];
    const begun = await pressed;
    await Promise.all(lanes);
    expect(await begunNow()).toEqual(begun);
    expect(begun.length).toBeGreaterThanOrEqual(3);
    expect(begun.length).toBeLessThan(30);
    const said = await engine.database.boss.executeSql("select channel from messages where subject like 'pause:all:%'");
    expect(said.rows).toContainEqual({ channel: "C0OPS" });
    await engine.clearJobs();
    await resume(engine.air, ada);
    const woken = (await engine.jobs("execute-action")).map((job) => Number(job.data.action)).sort((a, b) => a - b);
    expect(woken).toEqual(ids.filter((id) => !begun.includes(id)).sort((a, b) => a - b));
    for (const id of woken) await executeAction(engine.air, id, engine.settle);
    expect((await automatic()).filter((row) => row.state === "approved")).toEqual([]);
  });
});
