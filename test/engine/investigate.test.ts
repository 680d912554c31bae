import fs from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { defender } from "../../src/adapters/alerts/defender.ts";
import type { Alert, Verdict } from "../../src/engine/domain/alert.ts";
import type { Entity, EntityOf } from "../../src/engine/domain/entity.ts";
import { WEIGHTS } from "../../src/engine/domain/verdict.ts";
import { ingestAlerts } from "../../src/engine/ingest-alert.ts";
import { investigate } from "../../src/engine/investigate.ts";
import { ConnectorError, type ReputationAnswer, type ReputationKind, type ReputationSource } from "../../src/engine/ports.ts";
import type { EvidenceRow, Tx } from "../../src/engine/store.ts";
import { fakeEndpointProduct } from "../support/fake-endpoint-product.ts";
import { NOTHING, NOW, openLab } from "../support/lab-capabilities.ts";
import { anAlert, type Engine, fresh, numberOf, openEngine, testPolicy } from "../support/open-engine.ts";
import { DATABASES } from "../support/open-test-db.ts";

/** A reputation source that knows what it is told, counts what it is asked, and can be out of order. */
function knowing(name: string, answers: (entity: EntityOf<ReputationKind>) => Pick<ReputationAnswer, "label" | "weight"> | undefined) {
  const source = {
    name,
    family: name,
    kinds: ["file", "url", "ip", "domain"] as const,
    asked: [] as string[],
    broken: undefined as Error | undefined,
    look: async (entity: EntityOf<ReputationKind>): Promise<ReputationAnswer> => {
      source.asked.push(JSON.stringify(entity));
      if (source.broken) throw source.broken;
      return { label: "neutral", weight: 0, ...answers(entity), text: `${name} has looked`, at: NOW };
    },
  };
  return source satisfies ReputationSource;
}
const MALICIOUS = { label: "malicious", weight: WEIGHTS.reputationStrong } as const;
const CLEAN = { label: "benign", weight: WEIGHTS.reputationClean } as const;
const hash = () =>
  fresh("")
    .split("")
    .map((letter) => letter.charCodeAt(0).toString(16))
    .join("")
    .padEnd(64, "0")
    .slice(0, 64);

describe.each(DATABASES)("an investigation, %s", (kind) => {
  let engine: Engine;
  let product: ReturnType<typeof fakeEndpointProduct>;
  beforeAll(async () => {
    engine = await openEngine(kind);
  });
  beforeEach(async () => {
    await engine.clearJobs();
    product = fakeEndpointProduct();
    Object.assign(engine.world, {
      now: NOW,
      capabilities: { ...product.capabilities, reputation: [] },
      policy: { ...testPolicy, deviceGroups: [{ name: "all", automation: "full" }] },
      channels: [],
    });
  });
  afterAll(() => engine.close());

  const sources = (...reputation: ReputationSource[]) => {
    engine.world.capabilities = { ...engine.world.capabilities, reputation };
  };
  const begin = async (alert: Alert, source = "siem") => {
    const [accepted] = (
      await ingestAlerts(engine.air, [{ source, lab: engine.world.capabilities.lab, alerts: [alert], receivedAt: engine.world.now }])
    ).flat();
    return numberOf(accepted?.investigation);
  };
  const round = (id: number) => investigate(engine.air, id, engine.settle);
  const toTheEnd = async (id: number) => {
    for (let rounds = 1; rounds <= 10; rounds++) {
      await round(id);
      const row = await engine.store.investigation(id);
      if (row && row.round === row.wanted) return row;
    }
    throw new Error("it goes on and on");
  };
  const run = async (alert: Alert, source?: string) => {
    const id = await begin(alert, source);
    return { id, row: await toTheEnd(id), evidence: await engine.store.evidenceOf(id), actions: await engine.store.actionsOf(id) };
  };
  const verdictOf = (evidence: readonly EvidenceRow[], wanted: Entity["kind"]): Verdict | undefined =>
    evidence.find((row) => row.entity.kind === wanted)?.verdict;
  const malware = (more: { device?: string; verdict?: Verdict; file?: Partial<EntityOf<"file">>; alert?: Partial<Alert> } = {}) => {
    const device = more.device ?? fresh("WS");
    product.add(device);
    const file: Entity = { kind: "file", sha256: hash(), name: "a.exe", path: "C:\\Users\\mia\\Downloads\\a.exe", device, ...more.file };
    const alert = anAlert([{ kind: "device", name: device }, file], { category: "Malware", ...more.alert });
    if (more.verdict) for (const named of alert.entities) if (named.entity.kind === "file") named.verdict = more.verdict;
    return { alert, device, file };
  };

  test("clean: every piece judged, no action, ended", async () => {
    sources(knowing("vt", (entity) => (entity.kind === "file" ? CLEAN : undefined)));
    const { row, evidence, actions } = await run(malware().alert);
    expect(verdictOf(evidence, "file")).toBe("noThreatsFound");
    expect(actions).toEqual([]);
    expect(row).toMatchObject({ status: "benign", endedAt: NOW, playbooks: expect.arrayContaining(["malware-on-device"]) });
  });

  test("nobody could judge it: Unknown, and the investigation says it is partial", async () => {
    const { row, evidence } = await run(malware().alert);
    expect(verdictOf(evidence, "file")).toBe("unknown");
    expect(row.status).toBe("partiallyInvestigated");
  });

  test("every answer is saved at once, and a restart asks only for the rest", async () => {
    const first = knowing("first", () => CLEAN);
    const second = knowing("second", () => CLEAN);
    sources(first, second);
    const id = await begin(malware().alert);
    // The process dies before the round is settled.
    await expect(investigate(engine.air, id, async () => Promise.reject(new Error("killed")))).rejects.toThrow("killed");
    const saved = (await engine.store.observationsOf(id)).map((row) => row.look);
    expect(saved).toEqual(expect.arrayContaining(["file-reputation/first", "file-reputation/second"]));
    expect((await engine.store.evidenceOf(id)).every((row) => row.lookedRound === null)).toBe(true);
    const third = knowing("third", () => CLEAN);
    sources(first, second, third);
    await toTheEnd(id);
    expect([first.asked.length, second.asked.length, third.asked.length]).toEqual([1, 1, 1]);
    expect(verdictOf(await engine.store.evidenceOf(id), "file")).toBe("noThreatsFound");
  });

  test("a look-up that fails is said, with the reason, and the investigation ends partial", async () => {
    const broken = knowing("vt", () => CLEAN);
    broken.broken = new ConnectorError("refused", "not asked: quota");
    sources(
      broken,
      knowing("other", (entity) => (entity.kind === "file" ? CLEAN : undefined)),
    );
    const { row, evidence } = await run(malware().alert);
    const file = evidence.find((piece) => piece.entity.kind === "file");
    expect(file?.judgement?.missing).toMatchObject([{ source: "vt", label: "failed", text: "not asked: quota" }]);
    expect(row.status).toBe("partiallyInvestigated");
  });

  test("a failed look-up that is answered later stays answered", async () => {
    const source = knowing("vt", (entity) => (entity.kind === "file" ? CLEAN : undefined));
    source.broken = new ConnectorError("unavailable", "no answer");
    sources(source);
    const id = await begin(malware().alert);
    await expect(investigate(engine.air, id, async () => Promise.reject(new Error("killed")))).rejects.toThrow("killed");
    source.broken = undefined;
    await toTheEnd(id);
    expect(verdictOf(await engine.store.evidenceOf(id), "file")).toBe("noThreatsFound");
    // Another round, for whatever reason, judges by the rows.
    await engine.store.transaction((tx) => tx.updateInvestigation(id, { status: "running", endedAt: null, wanted: 9 }));
    await round(id);
    expect(verdictOf(await engine.store.evidenceOf(id), "file")).toBe("noThreatsFound");
    expect((await engine.store.observationsOf(id)).filter((row) => row.look === "file-reputation/vt").map((row) => row.label)).toEqual([
      "benign",
    ]);
  });

  test("what a bad file touched becomes evidence of the next round", async () => {
    const elsewhere = fresh("WS");
    product.add(elsewhere);
    const { alert, device } = malware();
    const devices = engine.world.capabilities.devices;
    engine.world.capabilities = {
      ...engine.world.capabilities,
      reputation: [knowing("vt", () => MALICIOUS)],
      devices: devices && { ...devices, seenOn: async () => [device, elsewhere] },
    };
    const id = await begin(alert);
    await round(id);
    expect(await engine.store.investigation(id)).toMatchObject({ status: "running", round: 1, wanted: 2 });
    expect((await engine.jobs("investigate")).map((job) => job.data)).toEqual([{ investigation: id }]);
    const row = await toTheEnd(id);
    expect(row.round).toBe(2);
    const found = (await engine.store.evidenceOf(id)).map((piece) => piece.entity);
    expect(found).toContainEqual({ kind: "device", name: elsewhere });
    expect(found.filter((entity) => entity.kind === "device")).toHaveLength(2);
  });

  test("what a clean file was seen on does not widen the scope", async () => {
    const { alert, device } = malware();
    const devices = engine.world.capabilities.devices;
    engine.world.capabilities = {
      ...engine.world.capabilities,
      reputation: [knowing("vt", (entity) => (entity.kind === "file" ? CLEAN : undefined))],
      devices: devices && { ...devices, seenOn: async () => [device, fresh("WS")] },
    };
    expect((await run(alert)).evidence.filter((piece) => piece.entity.kind === "device")).toHaveLength(1);
  });

  describe("what is proposed", () => {
    const bad = () => sources(knowing("vt", (entity) => (entity.kind === "file" || entity.kind === "ip" ? MALICIOUS : undefined)));

    test("malicious from two families and a trusted source: quarantine by itself, isolation asks", async () => {
      bad();
      const { actions, row, id } = await run(malware({ verdict: "malicious" }).alert);
      const states = Object.fromEntries(actions.map((action) => [action.kind, action.state]));
      expect(states).toMatchObject({ "quarantine-file": "approved", "isolate-device": "pending" });
      const quarantine = actions.find((action) => action.kind === "quarantine-file");
      expect(quarantine).toMatchObject({
        decision: { decision: "automatic", by: "Automation" },
        connector: "fake-edr",
        rule: expect.stringContaining("level full"),
      });
      expect((await engine.jobs("execute-action")).map((job) => job.data.action)).toEqual([quarantine?.id]);
      expect(row).toMatchObject({ status: "pendingApproval", pendingSince: NOW });
      const line = (await engine.store.auditLines(0, 10_000))
        .map((entry) => JSON.parse(entry.line) as { subject: string; event: string })
        .at(-1);
      expect(line).toMatchObject({ event: "action.approved-automatically", subject: `ACT-${quarantine?.id}` });
      expect(id).toBeGreaterThan(0);
    });

    test.each<[string, () => { alert: Alert; source?: string }, RegExp]>([
      ["one family alone", () => ({ alert: malware().alert }), /fewer than two/],
      ["a source that is not trusted", () => ({ alert: malware({ verdict: "malicious" }).alert, source: "edr" }), /not marked trusted/],
    ])("%s: it asks", async (_, make, rule) => {
      bad();
      const { alert, source } = make();
      const { actions } = await run(alert, source);
      expect(actions.find((action) => action.kind === "quarantine-file")).toMatchObject({
        state: "pending",
        decision: null,
        rule: expect.stringMatching(rule),
      });
      expect(await engine.jobs("execute-action")).toEqual([]);
    });

    test("the source's own word alone is Suspicious, never more", async () => {
      const { actions, evidence } = await run(malware({ verdict: "malicious" }).alert);
      expect(verdictOf(evidence, "file")).toBe("suspicious");
      expect(actions.every((action) => action.state === "pending")).toBe(true);
    });

    test("mode observe: said, not done", async () => {
      bad();
      engine.world.policy = { ...engine.world.policy, mode: "observe" };
      const { actions } = await run(malware({ verdict: "malicious" }).alert);
      expect(actions.length).toBeGreaterThan(0);
      expect(actions.filter((action) => action.byHand === null).map((action) => action.state)).toEqual(
        actions.filter((action) => action.byHand === null).map(() => "observed"),
      );
      expect(await engine.jobs("execute-action")).toEqual([]);
    });

    test("at the ceiling everything asks", async () => {
      bad();
      // Further on, so that what other tests did lies more than a day back.
      engine.world.now = new Date(NOW.getTime() + 20 * 3_600_000);
      const spent = await engine.store.automaticSince("quarantine-file", new Date(0), new Date(0));
      engine.world.policy = {
        ...engine.world.policy,
        ceilings: { perKindPerHour: 100, perDay: spent.lastDay + 2, devicesPerInvestigation: 5 },
      };
      const states = [];
      for (let index = 0; index < 3; index++) {
        const { actions } = await run(malware({ verdict: "malicious", alert: { detectedAt: engine.world.now } }).alert);
        states.push(actions.find((action) => action.kind === "quarantine-file")?.state);
      }
      expect(states).toEqual(["approved", "approved", "pending"]);
    });

    test.each<[string, Partial<EntityOf<"file">>, string | undefined]>([
      ["a signed operating-system file", { path: "C:\\Windows\\System32\\evil.exe", signer: "Microsoft Windows" }, undefined],
      ["what the source has blocked", {}, "blocked"],
      ["what the source has remediated", {}, "remediated"],
    ])("never: %s", async (_, file, remediation) => {
      bad();
      const { alert } = malware({ verdict: "malicious", file });
      if (remediation) for (const named of alert.entities) if (named.entity.kind === "file") named.remediation = remediation;
      const { actions } = await run(alert);
      expect(actions.filter((action) => action.target.kind === "file")).toEqual([]);
    });

    test("never: a private address, one of our own, the own domain", async () => {
      sources(knowing("vt", () => MALICIOUS));
      engine.world.policy = {
        ...engine.world.policy,
        organization: { name: "", domains: ["contoso.com"], internalRanges: ["203.0.113.0/28"] },
      };
      const entities: Entity[] = [
        { kind: "ip", address: "10.0.0.9" },
        { kind: "ip", address: "203.0.113.5" },
        { kind: "url", url: "https://www.contoso.com/x" },
        { kind: "ip", address: "198.51.100.77" },
      ];
      const { actions } = await run(anAlert(entities, { category: "Malware" }));
      expect(actions.map((action) => action.target)).toEqual([{ kind: "ip", address: "198.51.100.77" }]);
    });

    test("an alert that was resolved meanwhile proposes nothing", async () => {
      bad();
      const { alert } = malware({ verdict: "malicious" });
      const id = await begin(alert);
      await begin({ ...alert, status: "resolved" });
      await toTheEnd(id);
      expect(await engine.store.actionsOf(id)).toEqual([]);
    });

    test("the same is proposed once in an incident, however often it is looked at, and not again after a reject", async () => {
      bad();
      const { alert, device, file } = malware({ verdict: "malicious" });
      const { id, actions } = await run(alert);
      const isolate = actions.find((action) => action.kind === "isolate-device");
      await engine.store.transaction((tx) => tx.moveAction(isolate?.id ?? 0, "pending", { state: "rejected" }));
      const again = await begin(anAlert([{ kind: "device", name: device }, file], { category: "Malware" }));
      expect(again).toBe(id);
      await toTheEnd(id);
      expect((await engine.store.actionsOf(id)).map((action) => action.id)).toEqual(actions.map((action) => action.id));
    });

    test("what no product can do says how to do it by hand, and asks", async () => {
      engine.world.capabilities = { ...NOTHING, reputation: [knowing("vt", () => MALICIOUS)] };
      const { actions } = await run(malware({ verdict: "malicious" }).alert);
      expect(actions.length).toBeGreaterThan(0);
      for (const action of actions)
        expect(action).toMatchObject({ state: "pending", connector: null, byHand: expect.stringMatching(/.{40}/) });
    });
  });

  test("evidence that arrives while a round runs is looked at in the next one", async () => {
    const source = knowing("vt", () => CLEAN);
    sources(source);
    const { alert, device } = malware();
    const id = await begin(alert);
    const late: Entity = { kind: "ip", address: "198.51.100.88" };
    await investigate(engine.air, id, async (effect: (tx: Tx) => Promise<void>) => {
      expect(await begin(anAlert([{ kind: "device", name: device }, late]))).toBe(id);
      await engine.settle(effect);
    });
    expect(await engine.store.investigation(id)).toMatchObject({ status: "running" });
    const row = await toTheEnd(id);
    expect(row.status).not.toBe("running");
    expect((await engine.store.evidenceOf(id)).every((piece) => piece.lookedRound !== null)).toBe(true);
  });

  test("a finished investigation is left alone by a late job", async () => {
    sources(knowing("vt", () => CLEAN));
    const { id, row } = await run(malware().alert);
    const source = knowing("late", () => MALICIOUS);
    sources(source);
    await round(id);
    expect(source.asked).toEqual([]);
    expect(await engine.store.investigation(id)).toEqual(row);
  });

  test("an investigation of the lab ends when real products are connected", async () => {
    engine.world.capabilities = openLab().capabilities;
    const id = await begin(anAlert([{ kind: "device", name: "WS-001" }]));
    engine.world.capabilities = NOTHING;
    await round(id);
    expect(await engine.store.investigation(id)).toMatchObject({ status: "terminatedBySystem", endedAt: NOW });
  });

  test("Microsoft's sample alert goes through the lab: everything named is evidence, the device is adopted, nothing fails", async () => {
    const { lab, capabilities } = openLab(() => engine.world.now);
    engine.world.capabilities = capabilities;
    const file = path.join(import.meta.dirname, "../fixtures/defender/hidden-file.json");
    const alert = defender.parse(JSON.parse(fs.readFileSync(file, "utf8")));
    const { row, evidence } = await run({ ...alert, sourceId: fresh("defender") }, "defender");
    const kinds = evidence.map((piece) => piece.entity.kind);
    expect(kinds).toEqual(expect.arrayContaining(["device", "file", "process"]));
    expect(evidence.every((piece) => piece.lookedRound !== null && piece.judgement !== null)).toBe(true);
    expect(evidence.flatMap((piece) => piece.judgement?.missing ?? [])).toEqual([]);
    expect(["running", "queued", "failed"]).not.toContain(row.status);
    expect(await lab.devices.find({ kind: "device", name: "tempDns" }, new AbortController().signal)).toMatchObject({
      name: "tempDns",
      online: true,
    });
  });
});
