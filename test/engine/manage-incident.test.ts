import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { NO_ROLES } from "../../src/engine/domain/approval.ts";
import { ingestAlerts } from "../../src/engine/ingest-alert.ts";
import { ackIncident, assignIncident, closeIncident, noteIncident, reopenIncident } from "../../src/engine/manage-incident.ts";
import { anAlert, approver, type Engine, fresh, numberOf, openEngine, proposedAction, somebody } from "../support/open-engine.ts";
import { DATABASES } from "../support/open-test-db.ts";

describe.each(DATABASES)("what people do with an incident, %s", (kind) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await openEngine(kind);
  });
  afterAll(() => engine.close());

  const mia = somebody("Mia", { ...NO_ROLES, responder: true });
  const noor = approver("Noor");
  const viewer = somebody("Vera", { ...NO_ROLES, viewer: true });
  /** An incident nothing runs or waits in. */
  async function quiet(
    more: Parameters<typeof anAlert>[1] = {},
    entities: Parameters<typeof anAlert>[0] = [{ kind: "device", name: fresh("WS") }],
  ) {
    const alerts = [anAlert(entities, { severity: "low", status: "resolved", ...more })];
    const [[answer] = []] = await ingestAlerts(engine.air, [{ source: "siem", lab: false, alerts, receivedAt: engine.world.now }]);
    return numberOf(answer?.incident);
  }
  const events = async (incident: number) =>
    ((await engine.store.incidentViews([incident])).get(incident)?.timeline ?? []).map((row) => row.event);
  const lastAudit = async () => JSON.parse((await engine.store.auditLines(0, 1000)).at(-1)?.line ?? "{}") as Record<string, unknown>;

  test("a note stands in the story; the audit keeps that it was written, not what", async () => {
    const incident = await quiet();
    await noteIncident(engine.air, mia, incident, "Called the owner: it was him");
    const view = (await engine.store.incidentViews([incident])).get(incident);
    expect(view?.timeline.at(-1)).toMatchObject({ event: "incident-note", text: "Mia: Called the owner: it was him" });
    expect(await lastAudit()).toMatchObject({ event: "incident.note", by: "Mia" });
    expect(JSON.stringify(await lastAudit())).not.toContain("owner");
    await expect(noteIncident(engine.air, mia, incident, "  ")).rejects.toMatchObject({ code: "invalid" });
  });

  test("assigned once; acknowledged by the first, who looks after it from then on", async () => {
    const incident = await quiet();
    expect(await ackIncident(engine.air, mia, incident)).toMatchObject({ ackedBy: "Mia", assignee: "Mia" });
    await expect(ackIncident(engine.air, noor, incident)).rejects.toMatchObject({
      code: "already-decided",
      message: expect.stringContaining("Mia"),
    });
    expect(await assignIncident(engine.air, mia, incident, noor)).toMatchObject({ assignee: "Noor" });
    await expect(assignIncident(engine.air, mia, incident, noor)).rejects.toMatchObject({ code: "invalid" });
  });

  test("closed with what it was, and opened again", async () => {
    const incident = await quiet();
    expect(
      await closeIncident(engine.air, mia, incident, { classification: "falsePositive", determination: "notMalicious" }),
    ).toMatchObject({
      status: "closed",
      classification: "falsePositive",
      determination: "notMalicious",
    });
    await expect(closeIncident(engine.air, mia, incident, { classification: "truePositive" })).rejects.toMatchObject({
      code: "already-decided",
    });
    expect(await reopenIncident(engine.air, mia, incident)).toMatchObject({ status: "open", classification: null });
    await expect(reopenIncident(engine.air, mia, incident)).rejects.toMatchObject({ code: "invalid" });
    expect(await events(incident)).toEqual(expect.arrayContaining(["incident-close", "incident-reopen"]));
  });

  test("a determination belongs to its classification", async () => {
    const incident = await quiet();
    await expect(
      closeIncident(engine.air, mia, incident, { classification: "falsePositive", determination: "malware" }),
    ).rejects.toMatchObject({ code: "invalid", field: "determination" });
    expect((await engine.store.incident(incident))?.status).toBe("open");
  });

  test("high and critical are closed by an approver", async () => {
    const incident = await quiet({ severity: "high" });
    await expect(closeIncident(engine.air, mia, incident, { classification: "truePositive" })).rejects.toMatchObject({
      code: "forbidden",
      details: { missing: "approver" },
    });
    expect(await lastAudit()).toMatchObject({ event: "command.refused", by: "Mia", data: { verb: "incident.close" } });
    expect(await closeIncident(engine.air, noor, incident, { classification: "truePositive" })).toMatchObject({ status: "closed" });
  });

  test("not while something waits for a decision", async () => {
    const action = await proposedAction(engine);
    await expect(closeIncident(engine.air, noor, action.incidentId, { classification: "truePositive" })).rejects.toMatchObject({
      code: "invalid",
      message: expect.stringContaining(`ACT-${action.id}`),
    });
  });

  test("a viewer may not, a suspect may only note, and each refusal is audited", async () => {
    const incident = await quiet({}, [{ kind: "user", email: "mia@contoso.com" }]);
    await expect(ackIncident(engine.air, viewer, incident)).rejects.toMatchObject({ code: "forbidden" });
    expect(await lastAudit()).toMatchObject({ event: "command.refused", by: "Vera" });
    await expect(closeIncident(engine.air, mia, incident, { classification: "falsePositive" })).rejects.toMatchObject({
      code: "forbidden",
      details: { missing: "not-a-suspect" },
    });
    await noteIncident(engine.air, mia, incident, "It was me, testing");
    await expect(noteIncident(engine.air, mia, 999_999, "x")).rejects.toMatchObject({ code: "not-found" });
  });
});
