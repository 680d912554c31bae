import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { plain } from "../../src/engine/cards/card.ts";
import { decideAction } from "../../src/engine/decide-action.ts";
import type { Verdict } from "../../src/engine/domain/alert.ts";
import { NO_ROLES } from "../../src/engine/domain/approval.ts";
import { type Entity, type EntityOf, entityName } from "../../src/engine/domain/entity.ts";
import { drawSubject } from "../../src/engine/draw.ts";
import { executeAction } from "../../src/engine/execute-action.ts";
import { ingestAlerts } from "../../src/engine/ingest-alert.ts";
import { mergeIncidents, splitIncident } from "../../src/engine/merge-incidents.ts";
import type { Indicator, IndicatorCapability } from "../../src/engine/ports.ts";
import { groundsOf } from "../../src/engine/resting-on.ts";
import { reportFalsePositive } from "../../src/engine/set-verdict.ts";
import { startInvestigation } from "../../src/engine/start-investigation.ts";
import type { ActionRow } from "../../src/engine/store.ts";
import { storyRows } from "../../src/engine/story-rows.ts";
import { sweep } from "../../src/engine/sweep.ts";
import { takeAction } from "../../src/engine/take-action.ts";
import { actionSubject, incidentSubject } from "../../src/engine/want-cards.ts";
import { fakeEndpointProduct } from "../support/fake-endpoint-product.ts";
import { CLEAN, knowing, MALICIOUS, malware, type Steps, steps } from "../support/investigating.ts";
import { NOW, openLab } from "../support/lab-capabilities.ts";
import { anAlert, approver, type Engine, fresh, numberOf, openEngine, somebody, testPolicy, testSign } from "../support/open-engine.ts";

const ana = somebody("Ana", { ...NO_ROLES, responder: true });
const bo = approver("Bo");

describe("what air claims follows from what it has", () => {
  let engine: Engine;
  let given: Steps;
  let product: ReturnType<typeof fakeEndpointProduct>;
  let blocked: Map<string, "block" | "allow">;
  beforeAll(async () => {
    engine = await openEngine("embedded");
    given = steps(engine);
  });
  beforeEach(async () => {
    await engine.clearJobs();
    product = fakeEndpointProduct();
    blocked = new Map();
    const enter = (what: "block" | "allow") => async (indicator: Indicator) => {
      blocked.set(entityName(indicator), what);
      return { id: "now", state: "done" as const };
    };
    const indicators: IndicatorCapability = {
      connector: "fake-edr",
      find: async (indicator) => {
        const action = blocked.get(entityName(indicator));
        return action && { id: "entry", action };
      },
      block: enter("block"),
      allow: enter("allow"),
      unblock: async (indicator) => {
        blocked.delete(entityName(indicator));
        return { id: "now", state: "done" };
      },
    };
    const quarantined = new Set<string>();
    const devices = product.capabilities.devices && {
      ...product.capabilities.devices,
      isQuarantined: async (id: string) => quarantined.has(id),
      quarantine: async (id: string) => {
        quarantined.add(id);
        return { id: "now", state: "done" as const };
      },
    };
    Object.assign(engine.world, {
      now: NOW,
      capabilities: { ...product.capabilities, devices, indicators, reputation: [vt()] },
      policy: testPolicy,
      channels: [],
    });
  });
  afterAll(() => engine.close());

  const vt = () => knowing("vt", (entity) => (entity.kind === "file" ? MALICIOUS : CLEAN));
  const named = (entities: readonly Entity[], verdict: Verdict) => {
    const alert = anAlert(entities, { category: "Malware" });
    for (const one of alert.entities) if (one.entity.kind !== "device") one.verdict = verdict;
    return alert;
  };
  /** A bad file on a device, looked at to the end. */
  const bad = async () => {
    const made = malware({ verdict: "malicious" });
    product.add(made.device);
    const begun = await given.one(made.alert);
    const id = numberOf(begun.investigation);
    await given.toTheEnd(id);
    return { ...made, id, incident: numberOf(begun.incident), alertId: numberOf(begun.alert) };
  };
  const drawing = () => ({
    now: engine.world.now,
    sign: testSign,
    publicUrl: undefined,
    pauses: [],
    deciders: () => ({ anyone: false, names: ["Bo"] }),
  });
  const card = async (incident: number, subject: string) => {
    const drawn = drawSubject(subject, await given.view(incident), drawing());
    const lines = (drawn?.lines ?? []).flatMap((line) => {
      if (line.kind === "text" || line.kind === "note") return [plain(line.text)];
      if (line.kind === "facts") return line.facts.map(([label, value]) => `${label}: ${plain(value)}`);
      return line.kind === "list" ? [line.title ?? "", ...line.items.map((item) => `${item.mark ?? ""}: ${plain(item.text)}`)] : [];
    });
    return { text: [drawn?.title, ...lines].join("\n"), summary: drawn?.summary ?? "", buttons: drawn?.buttons ?? [] };
  };
  const root = (incident: number) => card(incident, incidentSubject(incident));
  const ofAction = (action: ActionRow) => card(action.incidentId, actionSubject(action.id));
  const actionsOf = async (incident: number) => (await engine.store.listActions({ incidentId: incident, limit: 200 })).items;
  const actionOf = async (incident: number, kind: ActionRow["kind"]) => {
    const found = (await actionsOf(incident)).find((one) => one.kind === kind);
    if (!found) throw new Error(`INC-${incident} has no ${kind}`);
    return found;
  };
  const carryOut = async (action: ActionRow) => {
    await decideAction(engine.air, bo, { action: action.id, decision: "approve", confirmed: true });
    await executeAction(engine.air, action.id, engine.settle);
  };

  describe("a look that a person asks for", () => {
    test("adds no alert to the title, no verdict of its own and no evidence to the counts", async () => {
      const made = await bad();
      const before = await given.incident(made.incident);
      const counted = (await root(made.incident)).text.match(/Verdicts: .*/)?.[0];
      const said = (await given.evidence(made.id, "file")).judgement;
      for (const subject of [made.incident, made.incident]) {
        const again = await startInvestigation(engine.air, ana, { incident: subject }, fresh("manual"));
        await given.toTheEnd(numberOf(again.investigation));
        const looked = await given.evidence(numberOf(again.investigation), "file");
        // Its source's word stays its source's, and counts once.
        expect(looked.judgement?.for.map(({ source }) => source)).toEqual(said?.for.map(({ source }) => source));
        expect(looked.verdict).toBe("malicious");
      }
      expect(await given.incident(made.incident)).toMatchObject({ title: before.title, alertCount: 1 });
      const text = (await root(made.incident)).text;
      expect(text).toContain(counted);
      expect(text).not.toMatch(/more alert|manual\) calls it/);
    });
    test("nor does an entity that is in it already", async () => {
      const made = await bad();
      const again = await startInvestigation(engine.air, ana, { entity: made.file }, fresh("manual"));
      expect(numberOf(again.incident)).toBe(made.incident);
      await given.toTheEnd(numberOf(again.investigation));
      expect((await given.incident(made.incident)).title).toBe(made.alert.title);
      expect((await root(made.incident)).text).toContain("Verdicts: 1 malicious\n");
    });
    test("what a source reports afterwards gives the incident its title", async () => {
      const device = { kind: "device", name: fresh("WS") } as const;
      const asked = await startInvestigation(engine.air, ana, { entity: device }, fresh("manual"));
      expect((await root(numberOf(asked.incident))).text).toContain(`Asked for by Ana (${asked.alert})`);
      const came = await given.one(anAlert([device], { title: "Beacon", severity: "low" }));
      expect(came.incident).toBe(asked.incident);
      expect(await given.incident(numberOf(asked.incident))).toMatchObject({ title: "Beacon", alertCount: 1 });
    });
    test("named for an incident it is looked at there, whatever it is", async () => {
      const made = await bad();
      const asked = await startInvestigation(
        engine.air,
        ana,
        { entity: { kind: "ip", address: "10.0.0.1" }, incident: made.incident },
        fresh("manual"),
      );
      expect(numberOf(asked.incident)).toBe(made.incident);
    });
  });

  describe("a false positive holds", () => {
    const cleared = async () => {
      const made = await bad();
      const second = await given.one(named([{ kind: "device", name: made.device }, made.file], "malicious"));
      expect(numberOf(second.incident)).toBe(made.incident);
      await given.toTheEnd(made.id);
      for (const kind of ["isolate-device", "block-indicator"] as const) {
        const action = (await actionsOf(made.incident)).find((one) => one.kind === kind && one.state === "pending");
        if (action) await carryOut(action);
      }
      const action = await actionOf(made.incident, "isolate-device");
      await reportFalsePositive(engine.air, ana, { action: action.id }, "our own tool");
      await given.toTheEnd(made.id);
      return { ...made, second: numberOf(second.alert) };
    };
    test("in what is split off: the same file is clean there, and nothing is proposed", async () => {
      const made = await cleared();
      const { incident } = await splitIncident(engine.air, ana, made.incident, made.second);
      const [begun] = (await given.view(incident)).investigations;
      await given.toTheEnd(begun?.id ?? 0);
      const file = await given.evidence(begun?.id ?? 0, "file");
      expect(file).toMatchObject({ verdict: "noThreatsFound", override: { by: "Ana", reason: "our own tool" } });
      expect(await actionsOf(incident)).toEqual([]);
    });
    test("in an incident that is merged in: it is clean there as well, and what waited because of it is cancelled", async () => {
      const made = await bad();
      engine.world.now = new Date(NOW.getTime() + 72 * 3_600_000);
      const other = await given.one({
        ...named([{ kind: "device", name: made.device }, made.file], "malicious"),
        detectedAt: engine.world.now,
      });
      expect(other.incident).not.toBe(`INC-${made.incident}`);
      await given.toTheEnd(numberOf(other.investigation));
      await reportFalsePositive(engine.air, ana, { action: (await actionOf(made.incident, "isolate-device")).id }, "our own tool");
      await mergeIncidents(engine.air, ana, made.incident, numberOf(other.incident));
      const file = await given.evidence(numberOf(other.investigation), "file");
      expect(file.override).toMatchObject({ verdict: "noThreatsFound", by: "Ana" });
      const isolation = (await engine.store.actionsOf(numberOf(other.investigation))).find((one) => one.kind === "isolate-device");
      expect(isolation?.state ?? "cancelled").toBe("cancelled");
    });
    test("what takes it back says who called it that, and why; the reasons of the verdict speak against it", async () => {
      const made = await cleared();
      const allow = await actionOf(made.incident, "allow-indicator");
      expect(await actionOf(made.incident, "unblock-indicator")).toMatchObject({ state: "pending" });
      const { text, summary } = await ofAction(allow);
      expect(text.match(/^For: .*/m)?.[0]).toBe("For: Ana called it a false positive: our own tool");
      expect(text).toMatch(/^Against: vt has looked/m);
      expect(summary).toContain("Ana called it a false positive");
      expect(summary).not.toContain("vt has looked");
    });
    test("air's own block is no reason of its own; somebody else's decides", async () => {
      const file: EntityOf<"file"> = { ...malware().file };
      const block = await startAndBlock(file);
      engine.world.capabilities = { ...engine.world.capabilities, reputation: [] };
      const look = async () => {
        engine.world.now = new Date(engine.world.now.getTime() + 100 * 3_600_000);
        const id = await given.begin({ ...anAlert([{ ...file, device: fresh("WS") }]), detectedAt: engine.world.now });
        await given.toTheEnd(id);
        return (await engine.store.observationsOf(id)).filter((row) => row.analyzer === "indicator-lists");
      };
      expect(await look()).toMatchObject([{ label: "neutral", decisive: null }]);
      await engine.store.transaction((tx) => tx.updateAction(block.id, { state: "undone" }));
      expect(await look()).toMatchObject([{ label: "malicious", decisive: "block" }]);
    });
    /** What air proposed and somebody approved. */
    const startAndBlock = async (file: EntityOf<"file">) => {
      const device = file.device ?? "";
      product.add(device);
      const begun = await given.one(named([{ kind: "device", name: device }, file], "malicious"));
      await given.toTheEnd(numberOf(begun.investigation));
      const block = await actionOf(numberOf(begun.incident), "block-indicator");
      if (block.state === "pending") await carryOut(block);
      else await executeAction(engine.air, block.id, engine.settle);
      expect(blocked.get(entityName(file))).toBe("block");
      return block;
    };
  });

  describe("a status", () => {
    test("is not Remediated while something bad is left, and names it", async () => {
      const made = malware({ verdict: "malicious" });
      product.add(made.device);
      const others = Array.from(
        { length: 5 },
        (_, index): Entity => ({ kind: "process", name: `p${index}.exe`, pid: index + 4, device: fresh("WS") }),
      );
      const alert = named([{ kind: "device", name: made.device }, made.file, ...others], "suspicious");
      const begun = await given.one(alert);
      const id = numberOf(begun.investigation);
      await given.toTheEnd(id);
      for (const action of await engine.store.actionsOf(id)) {
        if (action.state === "pending" && action.byHand === null) await carryOut(action);
        else if (action.state === "pending") await decideAction(engine.air, bo, { action: action.id, decision: "done", reason: "done" });
        else if (action.state === "approved") await executeAction(engine.air, action.id, engine.settle);
      }
      const left = (await engine.store.evidenceOf(id)).filter((item) => item.entity.kind === "process" && item.verdict === "suspicious");
      expect(left.length).toBe(5);
      expect((await given.row(id)).status).toBe("partiallyRemediated");
      expect((await root(numberOf(begun.incident))).text).toMatch(
        /Partially remediated: nothing was done about p0\.exe on WS-.*, p1\.exe .* and 2 more\./,
      );
    });
    test("speaks of a threat only where one was found", async () => {
      product.add("DC-01");
      const action = await takeAction(
        engine.air,
        ana,
        { kind: "isolate-device", target: { kind: "device", name: "DC-01" }, reason: "maintenance" },
        fresh("by-hand"),
      );
      await given.toTheEnd(action.investigationId);
      expect((await ofAction(action)).text).toContain("If you reject or do nothing: DC-01 stays on the network.");
      expect((await root(action.incidentId)).text).toContain("Pending approval: a person must decide.");
      await decideAction(engine.air, bo, { action: action.id, decision: "reject", reason: "no" });
      expect((await engine.store.action(action.id))?.outcome).toBe("Nothing was done. DC-01 stays on the network.");
      const made = await bad();
      expect((await ofAction(await actionOf(made.incident, "isolate-device"))).text).toContain("with the threat on it");
      expect((await root(made.incident)).text).toContain("a threat was found and a person must decide");
    });
    test("says that nothing bad was found where nothing was", async () => {
      const id = await given.begin(anAlert([{ kind: "device", name: fresh("WS") }]));
      const row = await given.toTheEnd(id);
      expect(row.status).toBe("partiallyInvestigated");
      const { text } = await root(row.incidentId);
      expect(text).toContain("nothing bad was found, but not everything could be judged");
      expect(text).not.toContain("nothing is proposed for");
    });
  });

  test("the audit names the malicious evidence an action rests on, not the device it is aimed at", async () => {
    const made = await bad();
    const action = await actionOf(made.incident, "isolate-device");
    const grounds = new Map([[action.id, await groundsOf(engine.air, action)]]);
    const rows = storyRows(
      await engine.store.storyOf(made.incident),
      await given.view(made.incident),
      { kind: "action", id: action.id },
      grounds,
    );
    const proposed = rows.find((row) => row.text.includes("Grounds:"))?.text;
    expect(proposed).toMatch(/Grounds: EVD-\d+ a\.exe is Malicious: /);
    expect(proposed).not.toContain("is Unknown");
  });

  test("what lapses before its deadline is answered before, is said once, and its end offers to ask again", async () => {
    engine.world.policy = { ...testPolicy, perKind: { "isolate-device": { expiresAfter: 60_000 } } };
    const made = await bad();
    const action = await actionOf(made.incident, "isolate-device");
    expect(action.deadline).toEqual(action.expiresAt);
    expect((await ofAction(action)).text).toContain("Answer by 2026-10-05 09:01 UTC; unanswered it expires then and nothing is done.");
    engine.world.now = new Date(NOW.getTime() + 61_000);
    await sweep(engine.air, engine.settle);
    const [line] = given.events(await engine.store.timelineOf(made.id), "action-expired");
    expect(line).toContain(`ACT-${action.id} expired: nothing was done.`);
    expect(line).toContain(`"propose ACT-${action.id}" asks again.`);
    const lapsed = await engine.store.action(action.id);
    expect((await ofAction(lapsed as ActionRow)).buttons).toContainEqual(
      expect.objectContaining({ label: "Propose again", value: `say:propose ACT-${action.id}` }),
    );
  });

  describe("the lab", () => {
    test("knows nobody because somebody said a name: what it does not know is refused before anybody is asked", async () => {
      const { capabilities, lab } = openLab(() => engine.world.now);
      engine.world.capabilities = capabilities;
      const nobody: Entity = { kind: "user", email: `${fresh("nobody")}@x.com` };
      const asked = await startInvestigation(engine.air, ana, { entity: nobody }, fresh("manual"));
      await given.toTheEnd(numberOf(asked.investigation));
      const request = { kind: "disable-user", target: nobody, reason: "because" } as const;
      await expect(takeAction(engine.air, bo, request, fresh("by-hand"))).rejects.toMatchObject({
        code: "invalid",
        field: "target",
        message: expect.stringMatching(/^The directory does not know the account .*nothing was asked for or done/i),
      });
      await expect(
        takeAction(engine.air, bo, { ...request, kind: "isolate-device", target: { kind: "device", name: fresh("WS") } }, fresh("by-hand")),
      ).rejects.toThrow("The inventory does not know the device");
      expect(await lab.identities.find(nobody as EntityOf<"user">, AbortSignal.timeout(1000))).toBeUndefined();
      // What an alert brings it takes in, as before.
      const [came] = (
        await ingestAlerts(engine.air, [{ source: "siem", lab: true, alerts: [anAlert([nobody])], receivedAt: engine.world.now }])
      ).flat();
      await given.toTheEnd(numberOf(came?.investigation));
      expect(await takeAction(engine.air, ana, request, fresh("by-hand"))).toMatchObject({ state: "pending" });
    });
  });
});
