import fs from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Config, readConfig } from "../../src/bot/config.ts";
import { createConversation } from "../../src/bot/conversation.ts";
import { explainPolicies } from "../../src/bot/explain-policies.ts";
import { plain } from "../../src/engine/cards/card.ts";
import type { Alert } from "../../src/engine/domain/alert.ts";
import type { AlertPolicy } from "../../src/engine/domain/alert-policy.ts";
import { NO_ROLES } from "../../src/engine/domain/approval.ts";
import type { Entity } from "../../src/engine/domain/entity.ts";
import { snoozePolicy, unsnoozePolicy } from "../../src/engine/snooze-policy.ts";
import { type Steps, steps } from "../support/investigating.ts";
import { NOTHING, NOW } from "../support/lab-capabilities.ts";
import { anAlert, approver, type Engine, fresh, numberOf, openEngine, somebody, testPolicy, testSign } from "../support/open-engine.ts";
import { DATABASES } from "../support/open-test-db.ts";

const SOC = "slack:C0SOC";
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const mia = somebody("Mia", { ...NO_ROLES, responder: true });
const viewer = somebody("Vera", { ...NO_ROLES, viewer: true });
const ada = approver("Ada");
const device = (): Entity => ({ kind: "device", name: fresh("WS") });

describe.each(DATABASES)("alert policies, %s", (kind) => {
  let engine: Engine;
  let given: Steps;
  beforeAll(async () => {
    engine = await openEngine(kind);
    given = steps(engine);
  });
  beforeEach(async () => {
    await engine.clearJobs();
    Object.assign(engine.world, { now: NOW, capabilities: NOTHING, policy: testPolicy, channels: [{ channels: [SOC], post: "needed" }] });
  });
  afterAll(() => engine.close());

  const policies = (...alertPolicies: AlertPolicy[]) => {
    engine.world.policy = { ...testPolicy, alertPolicies };
  };
  const rowOf = (id: string) => engine.store.alert(numberOf(id));
  const rootOf = (incident: string) => engine.message(SOC, `incident:${numberOf(incident)}`);
  /** A policy nothing else in this file meets, and alerts that meet it. */
  const own = (name: string, more: Partial<AlertPolicy> = {}) => {
    const category = fresh("cat");
    const policy: AlertPolicy = {
      name,
      match: { category: [category] },
      outcome: "investigate",
      from: "alertPolicies[0] in air.yaml",
      ...more,
    };
    return { policy, alert: (other: Partial<Alert> = {}) => anAlert([device()], { category, ...other }) };
  };
  const say = async (text: string, person = mia) =>
    createConversation(engine.air, async () => ({
      now: engine.world.now,
      sign: testSign,
      publicUrl: undefined,
      pauses: [],
      deciders: () => ({ anyone: false, names: [] }),
    })).say(text, person);
  const said = async (text: string, person = mia) => {
    const card = await say(text, person);
    return `${card.title}. ${card.lines.map((line) => (line.kind === "text" ? plain(line.text) : line.kind === "list" ? line.items.map((item) => `${item.mark ?? ""} ${plain(item.text)}`).join("\n") : "")).join("\n")}`;
  };

  test("suppressed: no card even where everything is posted, no investigation; stored, listed, with the rule and its owner", async () => {
    engine.world.channels = [{ channels: [SOC, "console:soc"], post: "all" }];
    const until = new Date(NOW.getTime() + DAY);
    const { policy, alert } = own("scanner", { outcome: "suppress", owner: "mia@contoso.com", until });
    policies(policy);
    const accepted = await given.one(alert({ severity: "critical" }));
    expect(accepted.investigation).toBeNull();
    for (const channel of [SOC, "console:soc"])
      expect(await engine.message(channel, `incident:${numberOf(accepted.incident)}`)).toBeUndefined();
    expect(await engine.jobs()).toEqual([]);
    expect(await rowOf(accepted.alert)).toMatchObject({
      suppressed: true,
      policyName: "scanner",
      policyRule: "alertPolicies[0] in air.yaml, suppressed until 2026-10-06 09:00 UTC by mia@contoso.com",
    });
    const listed = await engine.store.listIncidents({ limit: 1 });
    expect(listed.items[0]).toMatchObject({ id: numberOf(accepted.incident), alertCount: 1 });
    expect(await said(`alerts ${accepted.incident}`)).toContain("suppressed until");

    // It joins what is shown already, and there it stands.
    const shared = device();
    policies();
    const shown = await given.one(anAlert([shared]));
    policies(policy);
    const quiet = await given.one({ ...alert(), entities: [{ entity: shared, roles: [] }] });
    expect(quiet).toMatchObject({ incident: shown.incident, investigation: null });
    expect(await rootOf(shown.incident)).toMatchObject({ wanted: 2 });

    // A suppression ends by itself.
    engine.world.now = new Date(until.getTime() + 1000);
    expect((await given.one(alert({ detectedAt: engine.world.now }))).investigation).not.toBeNull();
  });

  test("an incident nobody was shown appears with the first alert that is not suppressed", async () => {
    const { policy, alert } = own("scanner", { outcome: "suppress" });
    policies(policy);
    const shared = device();
    const quiet = await given.one({ ...alert(), entities: [{ entity: shared, roles: [] }] });
    expect(await rootOf(quiet.incident)).toBeUndefined();
    const loud = await given.one(anAlert([shared]));
    expect(loud.incident).toBe(quiet.incident);
    expect(await rootOf(quiet.incident)).toBeDefined();
  });

  test("an update that is suppressed no more is looked into, shown, and says by which rule", async () => {
    const { policy, alert } = own("scanner", { outcome: "suppress" });
    policies(policy);
    const first = alert();
    const quiet = await given.one(first);
    policies();
    const updated = await given.one({ ...first, title: "Worse than it looked" });
    expect(updated.investigation).not.toBeNull();
    expect(await rowOf(quiet.alert)).toMatchObject({ suppressed: false, policyRule: expect.stringContaining("low severity and above") });
    expect(await rootOf(quiet.incident)).toBeDefined();
    expect(await given.incident(numberOf(quiet.incident))).toMatchObject({ title: "Worse than it looked" });
  });

  test("a policy that only shows brings up a low alert without looking into it", async () => {
    const { policy, alert } = own("watch", { outcome: "post", show: true });
    policies(policy);
    const accepted = await given.one(alert({ severity: "low" }));
    expect(accepted.investigation).toBeNull();
    expect(await rootOf(accepted.incident)).toMatchObject({ thread: null, wanted: 1 });
    policies({ ...policy, show: false });
    expect(await rootOf((await given.one(alert({ severity: "low" }))).incident)).toBeUndefined();
  });

  describe("snooze", () => {
    test("what the policy matches is suppressed until it ends; again is a new end; listed with who and why", async () => {
      const { policy, alert } = own("noisy-edr", { match: {} });
      const category = fresh("cat");
      policies({ ...policy, match: { category: [category], severity: ["low", "medium"] } });
      const make = () => ({ ...alert({ severity: "medium", detectedAt: engine.world.now }), category });
      expect((await given.one(make())).investigation).not.toBeNull();
      expect(await said("snooze noisy-edr 2h the vendor is at it")).toContain("Snoozed");
      const quiet = await given.one(make());
      expect(quiet.investigation).toBeNull();
      expect(await rowOf(quiet.alert)).toMatchObject({
        suppressed: true,
        policyName: "noisy-edr",
        policyRule: "policy noisy-edr is snoozed until 2026-10-05 11:00 UTC by Mia: the vendor is at it",
      });
      expect(await said("policies")).toMatch(/Snoozed noisy-edr .*by Mia: the vendor is at it/);
      expect((await given.audit("policy.snoozed")).at(-1)).toMatchObject({
        subject: "noisy-edr",
        data: { until: "2026-10-05T11:00:00.000Z", reason: "the vendor is at it" },
      });

      // Once more: the new end counts, also where it comes sooner.
      await said("snooze noisy-edr 30m");
      expect((await engine.store.activeSnoozes(engine.world.now)).filter((one) => one.policy === "noisy-edr")).toMatchObject([
        { until: new Date(NOW.getTime() + HOUR / 2), by: "Mia" },
      ]);
      engine.world.now = new Date(NOW.getTime() + HOUR / 2);
      expect((await given.one(make())).investigation).not.toBeNull();
      expect(await said("policies")).not.toContain("Snoozed noisy-edr");
    });

    test.each<[string, AlertPolicy["match"], boolean]>([
      ["low and medium", { severity: ["low", "medium"] }, true],
      ["high", { severity: ["low", "high"] }, false],
      ["critical", { severity: ["critical"] }, false],
      ["whatever severity", {}, false],
    ])("a policy of %s: a responder may (%s)", async (_, match, allowed) => {
      policies({
        name: "mine",
        match: { ...match, category: [fresh("cat")] },
        outcome: "investigate",
        from: "alertPolicies[0] in air.yaml",
      });
      const request = { policy: "mine", forMs: HOUR, reason: "noise" };
      const asked = snoozePolicy(engine.air, mia, request);
      if (allowed) expect((await asked).until).toEqual(new Date(NOW.getTime() + HOUR));
      else {
        await expect(asked).rejects.toMatchObject({ code: "forbidden", details: { missing: "approver" } });
        expect((await given.audit("command.refused")).at(-1)).toMatchObject({ subject: "mine", data: { verb: "policy.snooze" } });
      }
      await expect(snoozePolicy(engine.air, viewer, request)).rejects.toMatchObject({ code: "forbidden" });
      expect((await snoozePolicy(engine.air, ada, request)).until).toEqual(new Date(NOW.getTime() + HOUR));
    });

    test("a snooze is ended before its time by whoever may snooze it, and audited", async () => {
      const name = fresh("policy");
      policies({ name, match: { severity: ["high"], category: [fresh("cat")] }, outcome: "investigate", from: "alertPolicies[0]" });
      await expect(unsnoozePolicy(engine.air, ada, name)).rejects.toMatchObject({ code: "not-found", message: `${name} is not snoozed.` });
      await snoozePolicy(engine.air, ada, { policy: name, forMs: HOUR, reason: "noise" });
      await expect(unsnoozePolicy(engine.air, mia, name)).rejects.toMatchObject({ code: "forbidden", details: { missing: "approver" } });
      await unsnoozePolicy(engine.air, ada, name);
      expect((await given.audit("policy.unsnoozed")).at(-1)).toMatchObject({ subject: name });
      await expect(unsnoozePolicy(engine.air, ada, name)).rejects.toMatchObject({ code: "not-found" });
      await expect(unsnoozePolicy(engine.air, ada, "no-such")).rejects.toMatchObject({ message: expect.stringContaining("There are: ") });
    });

    test("a built-in policy can be snoozed by an approver; the rule of severity and what does not exist cannot", async () => {
      const title = "Email reported by user as malware or phish";
      expect((await given.one(anAlert([device()], { title, severity: "informational" }))).investigation).not.toBeNull();
      await snoozePolicy(engine.air, ada, { policy: "user-reported", forMs: HOUR, reason: "a drill" });
      expect((await given.one(anAlert([device()], { title }))).investigation).toBeNull();
      for (const policy of ["severity", "no-such-policy"])
        await expect(snoozePolicy(engine.air, ada, { policy, forMs: HOUR, reason: "x" })).rejects.toMatchObject({
          code: "not-found",
          message: expect.stringContaining("user-reported"),
        });
      await expect(snoozePolicy(engine.air, mia, { policy: "no-such-policy", forMs: HOUR, reason: "x" })).rejects.toMatchObject({
        code: "not-found",
      });
      for (const forMs of [0, -1, 31 * DAY])
        await expect(snoozePolicy(engine.air, ada, { policy: "user-reported", forMs, reason: "x" })).rejects.toMatchObject({
          code: "invalid",
        });
    });
  });

  describe("a key that is everywhere", () => {
    /** Sightings further apart than the window, so that each makes an incident of its own. */
    const sighting = (entity: Entity, hours: number, more: Partial<Alert> = {}) =>
      given.one(anAlert([entity], { severity: "informational", detectedAt: new Date(NOW.getTime() + hours * HOUR), ...more }));

    test("ties 20 incidents and no more, says so, and ties again a week later", async () => {
      const address: Entity = { kind: "ip", address: `198.51.100.${100 + (kind === "postgres" ? 1 : 2)}` };
      const incidents: string[] = [];
      for (let index = 0; index < 20; index++) incidents.push((await sighting(address, index * 3)).incident);
      expect(new Set(incidents).size).toBe(20);
      // Still in use: another one in the hour of the twentieth joins it.
      expect((await sighting(address, 19 * 3 + 0.5)).incident).toBe(incidents.at(-1));
      const last = await sighting(address, 60);
      expect(given.events((await given.view(numberOf(last.incident))).timeline, "key-retired")).toEqual([
        `ip ${address.kind === "ip" ? address.address : ""} no longer ties alerts together: it was seen in more than 20 incidents within 7 days`,
      ]);
      const apart = await sighting(address, 60.25);
      expect(apart.incident).not.toBe(last.incident);
      // Said once.
      expect(given.events((await given.view(numberOf(apart.incident))).timeline, "key-retired")).toEqual([]);
      // Other keys go on.
      const shared = device();
      const joined = await given.one(anAlert([address, shared], { severity: "informational" }));
      expect((await given.one(anAlert([address, shared], { severity: "informational" }))).incident).toBe(joined.incident);

      engine.world.now = new Date(NOW.getTime() + 7 * DAY + HOUR);
      const again = await sighting(address, 200);
      expect((await sighting(address, 200.5)).incident).toBe(again.incident);
    });

    test("20 incidents over more than 7 days retire nothing", async () => {
      const address: Entity = { kind: "ip", address: `198.51.100.${110 + (kind === "postgres" ? 1 : 2)}` };
      for (let index = 0; index < 30; index++) {
        engine.world.now = new Date(NOW.getTime() + index * 12 * HOUR);
        await sighting(address, index * 12);
      }
      const before = await sighting(address, 29 * 12 + 0.5);
      expect((await sighting(address, 29 * 12 + 0.75)).incident).toBe(before.incident);
    });

    test("what a source itself groups by never retires: its own incident, its own policy", async () => {
      const vendorIncident = { id: fresh("vendor") };
      const product = "Office 365";
      const policyId = fresh("policy");
      let incidents: string[] = [];
      for (let index = 0; index < 25; index++) {
        const first = await given.one(anAlert([], { vendorIncident, severity: "informational" }));
        incidents.push(first.incident);
        // Closed each time, so that the next one cannot join it.
        await engine.store.transaction((tx) => tx.updateIncident(numberOf(first.incident), { status: "closed", closedAt: NOW }));
      }
      expect(new Set(incidents).size).toBe(25);
      const open = await given.one(anAlert([], { vendorIncident, severity: "informational" }));
      expect((await given.one(anAlert([], { vendorIncident, severity: "informational" }))).incident).toBe(open.incident);

      incidents = [];
      for (let index = 0; index < 25; index++) {
        const first = await given.one(anAlert([], { product, policyId, severity: "informational" }));
        incidents.push(first.incident);
        await engine.store.transaction((tx) => tx.updateIncident(numberOf(first.incident), { status: "closed", closedAt: NOW }));
      }
      expect(new Set(incidents).size).toBe(25);
      const bucket = await given.one(anAlert([], { product, policyId, severity: "informational" }));
      expect((await given.one(anAlert([], { product, policyId, severity: "informational" }))).incident).toBe(bucket.incident);
    });
  });
});

describe("air policy explain", () => {
  const configured = (yaml: string): Config => {
    const read = readConfig({}, (file) => (file === "./air.yaml" ? yaml : undefined));
    if (!read.ok) throw new Error(JSON.stringify(read.problems));
    return read.config;
  };
  const alert = (more: object = {}) => ({ id: "1", title: "Something was seen", severity: "medium", ...more });
  const explain = (value: unknown, source = "generic", yaml = "") =>
    explainPolicies(JSON.stringify(value), source, configured(yaml), NOW).join("\n");

  test("the rule of severity, where no policy speaks", () => {
    expect(explain(alert())).toMatch(/starts an investigation.*Because: alerts of low severity and above are investigated\./);
    expect(explain(alert({ severity: "informational" }))).toMatch(/starts no investigation.*Because: informational alerts/);
  });
  test("the first match decides, later ones are named", () => {
    const yaml = `alertPolicies:
  - { name: mine, match: { category: [Malware] }, investigate: false }
  - { match: { severity: [medium] }, investigate: true }
`;
    const text = explain(alert({ category: "malware" }), "generic", yaml);
    expect(text).toMatch(/decides {2}mine \(.*\): first match/);
    expect(text).toContain("it would match, an earlier one decides");
    expect(text).toContain("starts no investigation");
  });
  test("a list: each alert with its place; what is wrong in it, too", () => {
    expect(explain([alert(), alert({ severity: "informational" })])).toMatch(/alerts\[0\]: .*\n[\s\S]*alerts\[1\]: /);
    expect(() => explain([alert(), alert({ severity: "huge" })])).toThrow(/alerts\[1\]\.severity: must be/);
  });
  test("what cannot be explained says why", () => {
    expect(() => explainPolicies("{", "generic", configured(""), NOW)).toThrow("The file is not valid JSON.");
    expect(() => explain(alert(), "nobody")).toThrow(/There is no source nobody\. There are: .*generic/);
    expect(() => explain({})).toThrow(/id/);
  });
  test("what the source has resolved", () => {
    const sample = fs.readFileSync(path.join(import.meta.dirname, "../fixtures/defender/hidden-file.json"), "utf8");
    expect(explain({ ...(JSON.parse(sample) as object), status: "resolved" }, "defender")).toContain("already resolved it");
  });
});
