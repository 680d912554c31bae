import { sql } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { NOBODY } from "../../src/engine/domain/paging.ts";
import { drawSubject } from "../../src/engine/draw.ts";
import { ingestAlerts } from "../../src/engine/ingest-alert.ts";
import { investigate } from "../../src/engine/investigate.ts";
import { closeIncident, reopenIncident } from "../../src/engine/manage-incident.ts";
import type { IncidentRow } from "../../src/engine/store.ts";
import { device, type FakeSecurity, fakeSecurity } from "../support/fake-security.ts";
import { NOTHING, NOW } from "../support/lab-capabilities.ts";
import { anAlert, approver, type Engine, numberOf, openEngine, proposedAction, testSign } from "../support/open-engine.ts";
import { DATABASES } from "../support/open-test-db.ts";
import { pollingAir } from "../support/polling-air.ts";

const MINUTE = 60_000;
const mia = { ...approver("Mia"), roles: { ...approver("Mia").roles, responder: true, viewer: true } };

describe.each(DATABASES)("beside Defender's own investigation, %s", (kind) => {
  let engine: Engine;
  let fake: FakeSecurity;
  beforeAll(async () => {
    engine = await openEngine(kind);
    engine.air.paging = () => ({ ...NOBODY, ops: ["slack:C0OPS"] });
    engine.world.channels = [{ channels: ["console:soc", "slack:C0SOC"], post: "needed" }];
    engine.air.publicUrl = "https://air.contoso.com";
    fake = await fakeSecurity();
  });
  afterAll(async () => {
    await engine.close();
    await fake.close();
  });
  beforeEach(async () => {
    fake.reset();
    engine.world.now = NOW;
    engine.world.capabilities = { ...NOTHING, lab: false };
    await engine.empty();
  });

  const open = async (more: Parameters<typeof pollingAir>[2] = {}) => {
    const air = pollingAir(engine, fake, more);
    await air.poll();
    air.later(MINUTE);
    return air;
  };
  const all = async () => (await engine.store.listIncidents({ limit: 50 })).items.sort((a, b) => a.id - b.id);
  const only = async (): Promise<IncidentRow> => {
    const [one, ...others] = await all();
    expect(others).toEqual([]);
    return one as IncidentRow;
  };
  const view = async (id: number) => (await engine.store.incidentViews([id])).get(id)!;
  const story = async (id: number) => (await view(id)).timeline.map((line) => `${line.event}: ${line.text}`);
  const card = async (id: number) =>
    JSON.stringify(
      drawSubject(`incident:${id}`, await view(id), {
        now: engine.world.now,
        sign: testSign,
        publicUrl: undefined,
        pauses: [],
        deciders: () => ({ anyone: true, names: [] }),
      }),
    );
  /** Every round until nothing is left to look at. */
  const investigated = async () => {
    for (const job of await engine.jobs("investigate"))
      await investigate(engine.air, (job.data as { investigation: number }).investigation, engine.settle);
    await engine.clearJobs();
  };

  test("an alert is polled, joined by Defender's incident, investigated, and its card says how far they are over there", async () => {
    const air = await open();
    fake.incident("2972395", { assignedTo: "kai@contoso.com", status: "inProgress" });
    fake.alert("a", { incidentId: "2972395", severity: "high", evidence: [device("ws-1")] });
    fake.alert("b", { incidentId: "2972395", severity: "low", evidence: [device("ws-2")] });
    await air.poll();
    await investigated();
    const incident = await only();
    expect(incident.alertCount).toBe(2);
    const drawn = await card(incident.id);
    for (const text of [
      "Defender incident",
      "2972395",
      "in progress",
      "assigned to kai@contoso.com",
      "https://security.microsoft.com/incidents/2972395",
    ])
      expect(drawn).toContain(text);
    air.later(MINUTE);
    fake.change(fake.incidents.get("2972395")!, { assignedTo: "noor@contoso.com" });
    await air.poll();
    expect(await card(incident.id)).toContain("assigned to noor@contoso.com");
    expect((await story(incident.id)).at(-1)).toBe("source-incident: Incident 2972395 in defender now: assigned to noor@contoso.com");
    expect(await engine.jobs("investigate")).toEqual([]);
  });

  test("what is changed about a known alert changes in place, and only what happened is looked at again", async () => {
    const air = await open();
    const alert = fake.alert("a", { evidence: [device("ws-1")] });
    await air.poll();
    await investigated();
    air.later(MINUTE);
    fake.change(alert, { assignedTo: "kai@contoso.com", investigationState: "pendingApproval" });
    await air.poll();
    expect(await engine.jobs("investigate")).toEqual([]);
    const incident = await only();
    expect((await story(incident.id)).at(-1)).toContain("assigned to kai@contoso.com, its own investigation is pending approval");
    air.later(MINUTE);
    fake.change(alert, { evidence: [device("ws-1"), device("ws-9")] });
    await air.poll();
    expect(await engine.jobs("investigate")).toHaveLength(1);
  });

  test.each([
    ["remediated", "already dealt with it: remediated."],
    ["prevented", "already dealt with it: prevented."],
    ["pendingApproval", "it waits for approval there."],
    ["running", "it is being remediated there."],
  ])("what Defender has done or has pending (%s) is not proposed again", async (word, reason) => {
    const { neverAct } = await import("../../src/engine/domain/never-act.ts");
    const context = { organizationDomains: [], internalRanges: [], namedEntity: { remediation: word } };
    expect(neverAct({ kind: "file", sha256: "a".repeat(64), name: "x.exe" }, context)).toContain(reason);
  });

  test("Defender merged incident 7 into 5: so are ours, and a merge a person undid is left alone", async () => {
    const air = await open();
    fake.incident("5");
    fake.incident("7");
    fake.alert("a", { incidentId: "5", evidence: [device("ws-1")] });
    fake.alert("b", { incidentId: "7", evidence: [device("ws-2")] });
    await air.poll();
    const [first, second] = await all();
    air.later(MINUTE);
    fake.change(fake.incidents.get("7")!, { status: "redirected", redirectIncidentId: "5" });
    await air.poll();
    expect((await all()).map((row) => [row.status, row.redirectTo])).toEqual([
      ["open", null],
      ["redirected", first?.id],
    ]);
    expect((await story(first?.id ?? 0)).join()).toContain(`As incident 7 was merged into 5 in defender, air merged INC-${second?.id}`);
    const before = (await story(first?.id ?? 0)).length;
    air.later(MINUTE);
    await air.poll();
    expect(await story(first?.id ?? 0)).toHaveLength(before);
  });

  test.each([12, 1])(
    "a live alert is not drowned by a backlog of %i that shares its device: its title and its incident there come first",
    async (backlog) => {
      const before = new Date(NOW.getTime() - 60 * MINUTE).toISOString();
      const old = { lastUpdateDateTime: before, createdDateTime: before, severity: "high", evidence: [device("ws-1")] };
      for (let number = 0; number < backlog; number++) {
        fake.incident(`${100 + number}`, { lastUpdateDateTime: before });
        fake.alert(`old-${number}`, { ...old, title: `Old alert ${number}`, incidentId: `${100 + number}` });
      }
      const air = await open({ backfillMs: 24 * 60 * MINUTE });
      expect(await only()).toMatchObject({ preexisting: true, headline: { title: "Old alert 0" } });
      fake.incident("900");
      fake.alert("live", { title: "Happening now", severity: "medium", incidentId: "900", evidence: [device("ws-1")] });
      await air.poll();
      const title = `Happening now and ${backlog} more ${backlog === 1 ? "alert" : "alerts"}`;
      const incident = await only();
      expect(incident).toMatchObject({ title, severity: "medium", preexisting: false });
      const drawn = await card(incident.id);
      expect(drawn.indexOf("900")).toBeGreaterThan(0);
      expect(drawn.indexOf('["Defender incident","900')).toBeGreaterThan(0);
      if (backlog > 1) expect(drawn.indexOf('["Defender incident","900')).toBeLessThan(drawn.indexOf('["Defender incident","1'));
    },
  );

  test("incidents of two assignees stay apart, and the story says why", async () => {
    const air = await open();
    fake.incident("5");
    fake.incident("7");
    fake.alert("a", { incidentId: "5" });
    fake.alert("b", { incidentId: "7" });
    await air.poll();
    const [first, second] = await all();
    await engine.store.transaction(async (tx) => {
      await tx.updateIncident(first?.id ?? 0, { assignee: "Mia" });
      await tx.updateIncident(second?.id ?? 0, { assignee: "Noor" });
    });
    fake.change(fake.incidents.get("7")!, { status: "redirected", redirectIncidentId: "5" });
    await air.poll();
    expect((await all()).map((row) => row.status)).toEqual(["open", "open"]);
    expect((await story(first?.id ?? 0)).join()).toContain("they stay apart: they are assigned to different people");
  });

  test("resolved there and nothing waits here: closed here, with what they say it was; opened again here it stays open", async () => {
    const air = await open();
    const there = fake.incident("5");
    const alert = fake.alert("a", { incidentId: "5", severity: "high" });
    await air.poll();
    await investigated();
    air.later(MINUTE);
    fake.change(alert, { status: "resolved", classification: "TruePositive", determination: "Malware" });
    fake.change(there, { status: "resolved", classification: "truePositive", determination: "malware" });
    await air.poll();
    const incident = await only();
    expect(incident).toMatchObject({ status: "closed", classification: "truePositive", determination: "malware" });
    expect((await story(incident.id)).join("\n")).toContain(
      "incident-close: Closed, because it was resolved in defender, as true positive, malware",
    );
    await reopenIncident(engine.air, mia, incident.id);
    air.later(MINUTE);
    fake.change(there, { comments: [{ comment: "thanks", createdByDisplayName: "kai" }] });
    await air.poll();
    expect((await only()).status).toBe("open");
  });

  test("resolved there while an action waits here: it says so, and is closed once nothing waits", async () => {
    const air = await open();
    const there = fake.incident("5");
    const alert = fake.alert("a", { incidentId: "5" });
    await air.poll();
    await investigated();
    const incident = await only();
    const other = await proposedAction(engine);
    await engine.database.db.execute(sql`update actions set incident_id = ${incident.id} where id = ${other.id}`);
    await engine.database.db.execute(sql`delete from incidents where id <> ${incident.id}`);
    await engine.clearJobs();
    air.later(MINUTE);
    fake.change(alert, { status: "resolved", classification: "falsePositive" });
    fake.change(there, { status: "resolved", classification: "falsePositive" });
    await air.poll();
    expect((await only()).status).toBe("open");
    expect((await story(incident.id)).join("\n")).toContain(
      `Resolved in defender, as false positive. It stays open here, because ACT-${other.id} still waits or runs.`,
    );
    expect(await card(incident.id)).toContain("what still waits or runs here keeps it open");
    air.later(MINUTE);
    await air.poll();
    expect((await story(incident.id)).filter((line) => line.startsWith("source-resolved"))).toHaveLength(1);
    await engine.store.transaction((tx) => tx.moveAction(other.id, "pending", { state: "rejected", endedAt: engine.world.now }));
    air.later(MINUTE);
    await air.poll();
    expect(await only()).toMatchObject({ status: "closed", classification: "falsePositive" });
  });

  test("an alert of another source that is not resolved keeps it open, and a source that sends closes nothing", async () => {
    const air = await open();
    const there = fake.incident("5");
    fake.alert("a", { incidentId: "5", evidence: [device("ws-1")] });
    await air.poll();
    await ingestAlerts(engine.air, [
      {
        source: "siem",
        lab: false,
        alerts: [anAlert([{ kind: "device", name: "ws-1" }], { detectedAt: engine.world.now })],
        receivedAt: engine.world.now,
      },
    ]);
    await investigated();
    expect((await only()).alertCount).toBe(2);
    fake.change(there, { status: "resolved" });
    await air.poll();
    expect((await only()).status).toBe("open");
    const sent = anAlert([{ kind: "device", name: "ws-77" }], { sourceId: "sent", detectedAt: engine.world.now });
    const send = (alert: typeof sent) =>
      ingestAlerts(engine.air, [{ source: "siem", lab: false, alerts: [alert], receivedAt: engine.world.now }]);
    const [[accepted] = []] = await send(sent);
    await investigated();
    await send({ ...sent, status: "resolved" });
    expect(await engine.store.incident(numberOf(accepted?.incident))).toMatchObject({ status: "open" });
  });

  describe("what became of it is written back", () => {
    const closed = async (air: Awaited<ReturnType<typeof open>>) => {
      fake.incident("5");
      fake.alert("a", { incidentId: "5" });
      fake.alert("b", { incidentId: "5" });
      await air.poll();
      await investigated();
      const incident = await only();
      await closeIncident(engine.air, mia, incident.id, { classification: "truePositive", determination: "phishing" });
      return incident;
    };

    test("only where air.yaml wants it", async () => {
      const air = await open();
      await closed(air);
      expect(await engine.jobs("write-back")).toEqual([]);
      await air.tellSources();
      expect(fake.calls.filter((call) => call.method !== "GET")).toEqual([]);
    });

    test("once, with a comment and a link; and when it comes back it means nothing", async () => {
      const air = await open({ writeBack: true });
      const incident = await closed(air);
      expect(await engine.jobs("write-back")).toHaveLength(1);
      await air.tellSources();
      const writes = () => fake.calls.filter((call) => call.method !== "GET").map((call) => `${call.method} ${call.path}`);
      expect(writes().sort()).toEqual(
        ["/security/alerts_v2/a", "/security/alerts_v2/b", "/security/incidents/5"]
          .flatMap((path) => [`PATCH ${path}`, `POST ${path}/comments`])
          .sort(),
      );
      expect(fake.alerts.get("a")).toMatchObject({ status: "resolved", classification: "truePositive", determination: "phishing" });
      expect(JSON.stringify(fake.incidents.get("5"))).toContain(`https://air.contoso.com/#INC-${incident.id}`);
      const before = { story: await story(incident.id), row: await only() };
      await air.tellSources();
      air.later(MINUTE);
      await air.poll();
      expect(writes()).toHaveLength(6);
      expect(await story(incident.id)).toEqual(before.story);
      expect(await only()).toEqual(before.row);
      expect(await engine.jobs("investigate")).toEqual([]);
    });

    const incidentWrites = () =>
      fake.calls.flatMap((call) => (call.method !== "GET" && call.path.includes("/incidents/") ? [`${call.method} ${call.path}`] : []));

    test.each(["before it is closed here", "after, and polled", "after, and not polled yet"])(
      "of two that Microsoft merged only the survivor is told: merged %s",
      async (when) => {
        const air = await open({ writeBack: true });
        fake.incident("510");
        fake.incident("511");
        const both = [device("ws-1")];
        fake.alert("a", { incidentId: "510", evidence: both });
        fake.alert("b", { incidentId: "511", evidence: both });
        await air.poll();
        await investigated();
        const merged = () => fake.change(fake.incidents.get("510")!, { status: "redirected", redirectIncidentId: "511" });
        if (when.startsWith("before")) {
          merged();
          air.later(MINUTE);
          await air.poll();
        }
        const incident = await only();
        await closeIncident(engine.air, mia, incident.id, { classification: "truePositive", determination: "phishing" });
        if (when.startsWith("after")) merged();
        if (when.endsWith("polled")) {
          air.later(MINUTE);
          await air.poll();
        }
        for (let round = 0; round < 3; round++) await air.tellSources();
        expect(incidentWrites()).toEqual(["PATCH /security/incidents/511", "POST /security/incidents/511/comments"]);
        expect(fake.incidents.get("510")).toMatchObject({ status: "redirected", comments: [] });
      },
    );

    test("an answer that is lost is asked for again, and leaves one comment", async () => {
      const air = await open({ writeBack: true });
      await closed(air);
      fake.faults.push({ on: /PATCH/, status: 503, times: 1 }, { on: /POST .*comments/, hang: true, times: 1 });
      await air.tellSources();
      for (let round = 0; round < 4; round++) {
        air.later(6 * MINUTE);
        await air.tellSources();
      }
      for (const row of [...fake.alerts.values(), ...fake.incidents.values()]) {
        expect(row.status).toBe("resolved");
        expect(row.comments).toHaveLength(1);
      }
    });

    test("polled before air could note that it wrote: still its own", async () => {
      const air = await open({ writeBack: true });
      const incident = await closed(air);
      for (const id of ["a", "b"])
        fake.change(fake.alerts.get(id)!, { status: "resolved", classification: "truePositive", determination: "phishing" });
      fake.change(fake.incidents.get("5")!, { status: "resolved", classification: "truePositive", determination: "phishing" });
      const before = await story(incident.id);
      await air.poll();
      expect(await story(incident.id)).toEqual(before);
      await reopenIncident(engine.air, mia, incident.id);
      await air.poll();
      expect((await only()).status).toBe("open");
    });

    test("what Microsoft refuses names the permission, on the card and in the ops channel, once", async () => {
      const air = await open({ writeBack: true });
      fake.setRoles(["SecurityAlert.Read.All", "SecurityIncident.Read.All"]);
      const incident = await closed(air);
      await air.tellSources();
      await air.tellSources();
      const told = await engine.store.duePages(new Date(engine.world.now.getTime() + 1), 50);
      expect(told.map((page) => page.text)).toEqual([
        expect.stringMatching(/Microsoft Defender was not told.*Security(Alert|Incident)\.ReadWrite\.All/),
      ]);
      expect(await card(incident.id)).toContain("Defender was not told");
      const check = pollingAir(engine, fake, { writeBack: true }).graph.check(AbortSignal.timeout(5000));
      await expect(check).rejects.toThrow(/SecurityAlert\.ReadWrite\.All, SecurityIncident\.ReadWrite\.All/);
    });
  });

  test("doctor names what polling lacks", async () => {
    const air = await open();
    fake.setRoles(["User.Read.All"]);
    const again = pollingAir(engine, fake);
    await expect(again.graph.check(AbortSignal.timeout(5000))).rejects.toThrow(/SecurityAlert\.Read\.All, SecurityIncident\.Read\.All/);
    expect(air.feed.tell).toBeUndefined();
  });
});
