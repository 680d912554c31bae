import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { exportCsv, readExport } from "../../src/bot/export-rows.ts";
import { decideAction } from "../../src/engine/decide-action.ts";
import { NO_ROLES } from "../../src/engine/domain/approval.ts";
import type { ReportRows } from "../../src/engine/domain/report.ts";
import { ingestAlerts } from "../../src/engine/ingest-alert.ts";
import { ackIncident, closeIncident, unackIncident } from "../../src/engine/manage-incident.ts";
import { mergeIncidents } from "../../src/engine/merge-incidents.ts";
import type { ActionRow, New } from "../../src/engine/store.ts";
import { reportLines, weeklyReport } from "../../src/engine/weekly-report.ts";
import { NOTHING } from "../support/lab-capabilities.ts";
import { anAlert, approver, type Engine, fresh, numberOf, openEngine, proposedAction, somebody } from "../support/open-engine.ts";
import { DATABASES } from "../support/open-test-db.ts";

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const MONDAY = new Date("2026-11-16T00:00:00Z");
const on = (day: number, minutes = 0) => new Date(MONDAY.getTime() + day * DAY + minutes * MINUTE);
const WEEK = { from: on(0), to: on(7) };

describe.each(DATABASES)("a week told by its report, %s", (kind) => {
  let engine: Engine;
  let rows: ReportRows;
  const mia = somebody("Mia", { ...NO_ROLES, responder: true });
  const noor = approver("Noor");
  const HOSTILE = "=cmd|' /C calc'!A0";

  async function opened(day: number, source: string, more: Parameters<typeof anAlert>[1] = {}, lab = false): Promise<number> {
    engine.world.now = on(day);
    const alerts = [anAlert([{ kind: "device", name: fresh("WS") }], { severity: "low", status: "resolved", ...more })];
    const [[answer] = []] = await ingestAlerts(engine.air, [{ source, lab, alerts, receivedAt: on(day) }]);
    return numberOf(answer?.incident);
  }
  const acked = async (incident: number, day: number, minutes: number) => {
    engine.world.now = on(day, minutes);
    await ackIncident(engine.air, mia, incident);
  };
  async function proposed(day: number, change: Partial<New<ActionRow>> = {}): Promise<ActionRow> {
    engine.world.now = on(day);
    return proposedAction(engine, { change: { playbook: "malware-on-device", proposedAt: on(day), ...change } });
  }
  const decided = (by: string, at: Date, decision: "approve" | "automatic" = "approve") => ({
    decision,
    by,
    via: "slack",
    at: at.toISOString(),
  });
  /** As it stands in the end, however it got there. */
  const settled = (day: number, change: Partial<New<ActionRow>>) => proposed(day, { decidedAt: on(day), endedAt: on(day, 5), ...change });

  beforeAll(async () => {
    engine = await openEngine(kind);
    // The week before: one incident, acknowledged after 20 minutes.
    await acked(await opened(-3, "siem"), -3, 20);
    // Of the lab, and one older than air's watch.
    engine.world.capabilities = { ...NOTHING, lab: true };
    await opened(1, "lab", {}, true);
    engine.world.capabilities = NOTHING;

    const first = await opened(1, "siem", { severity: "critical", sourceId: "again" });
    await opened(1, "siem", { severity: "critical", sourceId: "again" });
    await acked(first, 1, 10);
    const second = await opened(2, HOSTILE, { severity: "high" });
    await acked(second, 2, 30);
    engine.world.now = on(2, 90);
    await closeIncident(engine.air, noor, second, { classification: "falsePositive" });
    const [one, other] = [await opened(3, "siem"), await opened(3, "siem")];
    await mergeIncidents(engine.air, mia, one, other);

    const rejected = await proposed(4);
    engine.world.now = on(4, 12);
    await decideAction(engine.air, noor, { action: rejected.id, decision: "reject", reason: "a drill" });
    await settled(4, { state: "succeeded", decision: decided("Noor", on(4)) });
    await settled(4, { state: "succeeded", decision: decided("Automation", on(4), "automatic") });
    const wrong = await settled(4, { state: "undone", decision: decided("Automation", on(4), "automatic"), playbook: "phishing" });
    if (wrong.evidenceId !== null) {
      const id = wrong.evidenceId;
      await engine.store.transaction((tx) => tx.overrideEvidence(id, { verdict: "noThreatsFound", by: "Mia", reason: "ours" }));
    }
    await settled(4, { state: "expired", decidedAt: null, decision: null });
    await settled(4, { state: "cancelled", decision: decided("Noor", on(4)), outcome: "Agreed: nothing was done (mode observe)." });

    await engine.store.transaction(async (tx) => {
      const page = { actionId: null, target: "person:mia@contoso.com", text: "x", by: "air" };
      const at = (incidentId: number, step: string, day: number) => ({ ...page, incidentId, step, createdAt: on(day), dueAt: on(day) });
      await tx.addPages([at(first, "deadline", 1), at(second, "deadline", 2), at(first, "unclear", 1), at(second, "failed", 2)]);
      for (const row of [...(await tx.pagesOf(first)), ...(await tx.pagesOf(second))])
        await tx.updatePage(row.id, row.step === "failed" ? { trouble: "nobody listens" } : { sentAt: row.dueAt });
    });
    // It was answered in time all the same.
    engine.world.now = on(1, 60);
    await unackIncident(engine.air, mia, first);
    rows = await weeklyReport(engine.store, WEEK, { timeZone: "UTC", lab: false, answerWithinMs: 15 * MINUTE });
  });
  afterAll(() => engine.close());

  test("incidents and alerts: survivors once, the lab and other weeks not", () => {
    const incidents = Object.groupBy(rows.counts.incidents, (row) => row.severity);
    expect(incidents.critical).toEqual([{ severity: "critical", outcome: "open", incidents: 1 }]);
    expect(incidents.low).toEqual([{ severity: "low", outcome: "open", incidents: 1 }]);
    expect(incidents.high).toEqual(
      expect.arrayContaining([
        { severity: "high", outcome: "falsePositive", incidents: 1 },
        { severity: "high", outcome: "open", incidents: 6 },
      ]),
    );
    const came = rows.counts.alerts.reduce((sum, row) => sum + row.alerts, 0);
    expect(came).toBe(4 + 6);
    expect(rows.counts.sources.find(({ source }) => source === "siem")).toMatchObject({ alerts: 9, repeats: 1, undone: 1, overridden: 1 });
    expect(rows.counts.sources.find(({ source }) => source === HOSTILE)).toMatchObject({ alerts: 1, incidents: 1, falsePositives: 1 });
    expect(rows.counts.evidence.find(({ verdict }) => verdict === "malicious")?.pieces).toBeGreaterThan(4);
  });

  test("times with how many they rest on, beside those of the week before", () => {
    expect(rows.times.acknowledge).toEqual({ n: 2, p50: 20 * MINUTE, p90: 28 * MINUTE });
    expect(rows.times.decision).toMatchObject({ n: 1, p50: 12 * MINUTE });
    expect(rows.before.acknowledge).toEqual({ n: 1, p50: 20 * MINUTE, p90: 20 * MINUTE });
  });

  test("what became of proposals, agreement by playbook, pages and who answered in time", () => {
    expect(rows.counts.actions).toEqual({
      automatic: 2,
      approved: 1,
      rejected: 1,
      expired: 1,
      agreed: 1,
      disagreed: 0,
      byHand: 0,
      cancelled: 0,
    });
    expect(rows.agreement).toMatchObject([
      { playbook: "malware-on-device", right: 2, judged: 3, agreed: 1, approved: 1, rejected: 1, automatic: 1 },
      { playbook: "phishing", right: 0, judged: 1, undone: 1, overridden: 1 },
    ]);
    expect(rows.counts.pages).toEqual({ sent: 3, untold: 1, asked: 2, answered: 1 });
    expect(rows.counts.machine.actions).toBe(2);
  });

  test("in a file each number is a line, and a spreadsheet runs none of them", async () => {
    engine.world.now = on(8);
    const asked = readExport("report 2026-W47");
    let csv = "";
    for await (const part of exportCsv(engine.store, asked, engine.world.now, engine.air)) csv += part;
    const lines = csv.trimEnd().split("\r\n");
    expect(lines[0]).toBe("from,to,timeZone,lab,section,group,measure,value,unit");
    expect(lines).toHaveLength(reportLines(rows).length + 1);
    expect(csv).toContain("2026-11-16T00:00:00.000Z,2026-11-23T00:00:00.000Z,UTC,false,times,acknowledge,p50,1200000,ms");
    expect(csv).toContain(",sources,'=cmd|' /C calc'!A0,alerts,1,");
    expect(csv).not.toMatch(/,=cmd/);
    const figures = [];
    for await (const part of exportCsv(engine.store, readExport("figures since=2026-11-16"), engine.world.now, engine.air))
      figures.push(part);
    expect(figures.join("")).toMatch(/^INC-\d+,critical,open,.*,600000,/m);
  });
});
