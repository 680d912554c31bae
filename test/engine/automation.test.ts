import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { agreement, agreementLines } from "../../src/engine/agreement.ts";
import { decideAction } from "../../src/engine/decide-action.ts";
import type { Verdict } from "../../src/engine/domain/alert.ts";
import type { Entity } from "../../src/engine/domain/entity.ts";
import type { Policy } from "../../src/engine/domain/policy.ts";
import type { MailClusterFacts } from "../../src/engine/ports.ts";
import { reportFalsePositive } from "../../src/engine/set-verdict.ts";
import type { ActionRow } from "../../src/engine/store.ts";
import { holding, message } from "../support/fake-mail-product.ts";
import { CLEAN, knowing, MALICIOUS, malware, steps } from "../support/investigating.ts";
import { NOW, openLab } from "../support/lab-capabilities.ts";
import { anAlert, approver, type Engine, fresh, openEngine, testPolicy } from "../support/open-engine.ts";
import { DATABASES } from "../support/open-test-db.ts";

const mia = approver("Mia");

describe.each(DATABASES)("what is done without asking, %s", (kind) => {
  let engine: Engine;
  let walk: ReturnType<typeof steps>;
  beforeAll(async () => {
    engine = await openEngine(kind);
    walk = steps(engine);
  });
  beforeEach(async () => {
    await engine.clearJobs();
    await engine.database.boss.executeSql("delete from actions; delete from settings");
    const { capabilities } = openLab(() => engine.world.now);
    Object.assign(engine.world, {
      now: NOW,
      capabilities: { ...capabilities, reputation: [knowing("vt", () => MALICIOUS)] },
      policy: { ...testPolicy, deviceGroups: [{ name: "all", automation: "full" }] },
    });
  });
  afterAll(() => engine.close());

  const setting = (automation: Partial<Policy["automation"]>) => {
    engine.world.policy = { ...engine.world.policy, automation: { ...engine.world.policy.automation, ...automation } };
  };
  const exclude = (more: Partial<Policy["automation"]["exclude"]>) => setting({ exclude: { ...testPolicy.automation.exclude, ...more } });
  const investigated = async (alert: Parameters<typeof walk.begin>[0]) => {
    const id = await walk.begin(alert);
    const row = await walk.toTheEnd(id);
    return { id, row, actions: await engine.store.actionsOf(id), evidence: await engine.store.evidenceOf(id) };
  };

  describe("left alone by air.yaml", () => {
    test("a file in an excluded folder is judged, and nothing is proposed because of it; the evidence says why", async () => {
      exclude({ folders: ["\\users\\mia\\downloads"] });
      const { alert } = malware({ verdict: "malicious" });
      const { actions, evidence, row } = await investigated(alert);
      expect(actions).toEqual([]);
      const file = evidence.find((item) => item.entity.kind === "file");
      expect(file).toMatchObject({ verdict: "malicious", judgement: { excluded: "excluded by air.yaml: folder \\users\\mia\\downloads" } });
      expect(file?.judgement?.against[0]?.text).toBe("Excluded by air.yaml: folder \\users\\mia\\downloads: nothing is proposed.");
      expect(file?.judgement?.automatic).toMatchObject({ allowed: false });
      expect(row.endedAt).not.toBeNull();
    });

    test("an analyst's word comes before it", async () => {
      exclude({ names: ["a.exe"] });
      const { alert } = malware({ verdict: "malicious" });
      const { evidence } = await investigated(alert);
      const file = evidence.find((item) => item.entity.kind === "file");
      await engine.store.transaction((tx) => tx.overrideEvidence(file?.id ?? 0, { verdict: "malicious", by: "Mia", reason: "looked" }));
      await engine.store.transaction(async (tx) => tx.updateInvestigation(file?.investigationId ?? 0, { status: "queued", wanted: 9 }));
      await walk.round(file?.investigationId ?? 0);
      const actions = await engine.store.actionsOf(file?.investigationId ?? 0);
      expect(actions.find((action) => action.kind === "quarantine-file")).toMatchObject({
        state: "pending",
        rule: expect.stringContaining("analyst"),
      });
    });

    test("a SecOps mailbox, a simulation's sender and link are not even looked at", async () => {
      exclude({ mailboxes: ["secops@contoso.com"], senders: ["sim.example"], urls: ["sim.example"] });
      const source = knowing("vt", (entity) => (entity.kind === "ip" ? CLEAN : MALICIOUS));
      engine.world.capabilities = { ...engine.world.capabilities, reputation: [source] };
      const named: Entity[] = [
        { kind: "message", networkMessageId: "m-1", subject: "You won", sender: "hr@sim.example", recipient: "mia@contoso.com" },
        { kind: "message", networkMessageId: "m-2", subject: "Look at this", sender: "x@y.example", recipient: "secops@contoso.com" },
        { kind: "url", url: "https://sim.example/login" },
      ];
      const address: Entity = { kind: "ip", address: "198.51.100.9" };
      const alert = anAlert(named, { category: "Phishing" });
      for (const one of alert.entities) one.verdict = "malicious";
      alert.entities.push({ entity: address, roles: [] });
      const { actions, evidence, row } = await investigated(alert);
      expect(actions).toEqual([]);
      expect(source.asked).toEqual([address]);
      expect(evidence.map((item) => [item.verdict, item.judgement?.excluded])).toEqual([
        ["unknown", "excluded by air.yaml: sender sim.example"],
        ["unknown", "excluded by air.yaml: a mailbox in mailboxes"],
        ["unknown", "excluded by air.yaml: link sim.example"],
        ["noThreatsFound", undefined],
      ]);
      expect(row.status).toBe("benign");
    });
  });

  describe("mail, where it is switched on", () => {
    const cluster = (by: MailClusterFacts["by"], count = 12): MailClusterFacts => ({
      by,
      value: by === "url" ? "https://evil.test/a" : by === "attachment" ? "c".repeat(64) : "x",
      query: fresh("cluster"),
      messages: Array.from({ length: count }, (_, index) =>
        message({ id: `m-${index}`, recipient: `p${index}@contoso.example`, threats: ["malware"] }),
      ),
    });
    const run = async (one: MailClusterFacts, verdict: Verdict = "malicious") => {
      engine.world.capabilities = holding({ messages: one.messages, clusters: [one] });
      const alert = anAlert([{ kind: "mail-cluster", query: one.query }], { category: "Phishing" });
      for (const named of alert.entities) named.verdict = verdict;
      const { actions } = await investigated(alert);
      return actions.find((action) => action.kind === "soft-delete-mail" && action.target.kind === "mail-cluster") as ActionRow;
    };

    test("similar files: soft-deleted by Automation, also for many messages", async () => {
      setting({ mail: { similarFiles: true, similarUrls: false } });
      expect(await run(cluster("attachment", 600))).toMatchObject({
        state: "approved",
        decision: { decision: "automatic", by: "Automation" },
        rule: "automation.mail.similarFiles is on",
        playbook: expect.any(String),
      });
    });
    test.each<[string, MailClusterFacts["by"], { similarFiles: boolean; similarUrls: boolean }, RegExp]>([
      ["nothing is switched on", "attachment", { similarFiles: false, similarUrls: false }, /always asks by default/],
      ["only files are", "url", { similarFiles: true, similarUrls: false }, /always asks by default/],
      ["only the sender is shared", "sender-domain", { similarFiles: true, similarUrls: true }, /always asks by default/],
      ["only the subject is", "subject", { similarFiles: true, similarUrls: true }, /always asks by default/],
    ])("asks where %s", async (_, by, mail, rule) => {
      setting({ mail });
      const action = await run(cluster(by));
      if (action) expect(action).toMatchObject({ state: "pending", rule: expect.stringMatching(rule) });
      expect(await engine.jobs("execute-action")).toEqual([]);
    });
  });

  test("agreement is counted by playbook and kind, and what turned out wrong does not count as right", async () => {
    engine.world.policy = { ...engine.world.policy, mode: "observe" };
    const actions: ActionRow[] = [];
    for (let index = 0; index < 4; index++) {
      const found = (await investigated(malware({ verdict: "malicious" }).alert)).actions;
      actions.push(found.find((action) => action.kind === "quarantine-file") as ActionRow);
    }
    const [one, two, three, four] = actions as [ActionRow, ActionRow, ActionRow, ActionRow];
    expect(one).toMatchObject({ state: "observed", playbook: "malware-on-device" });
    for (const action of [one, two]) await decideAction(engine.air, mia, { action: action.id, decision: "agree" });
    await decideAction(engine.air, mia, { action: three.id, decision: "disagree", reason: "our own tool" });
    await decideAction(engine.air, mia, { action: four.id, decision: "agree" });
    await reportFalsePositive(engine.air, mia, { evidence: four.evidenceId ?? 0 }, "a test file");
    const seen = await agreement(engine.air);
    expect(seen.rows.find((row) => row.kind === "quarantine-file")).toEqual({
      playbook: "malware-on-device",
      kind: "quarantine-file",
      agreed: 3,
      disagreed: 1,
      approved: 0,
      rejected: 0,
      automatic: 0,
      undone: 0,
      overridden: 1,
      right: 2,
      judged: 4,
      since: NOW,
    });
    expect(agreementLines(seen)).toEqual([{ playbook: "malware-on-device", text: "2 of 4 agreed in 30 days (1 false positive)" }]);
    engine.world.now = new Date(NOW.getTime() + 31 * 86_400_000);
    expect((await agreement(engine.air)).rows).toEqual([]);
    expect((await agreement(engine.air, NOW)).rows).toHaveLength(1);
  });

  test("a group without automation proposes nothing on its devices, by hand neither", async () => {
    engine.world.policy = { ...engine.world.policy, deviceGroups: [{ name: "off", match: "off-*", automation: "none" }] };
    const { actions } = await investigated(malware({ verdict: "malicious", device: "OFF-1" }).alert);
    expect(actions.filter((action) => action.family === "device")).toEqual([]);
  });
});
