import { type Air, alertId, incidentId, investigationId } from "./air.ts";
import { audited, authorise } from "./authorise.ts";
import type { Actor } from "./domain/actor.ts";
import { highest } from "./domain/alert.ts";
import { actorOf, type Person } from "./domain/approval.ts";
import { extend } from "./domain/correlate.ts";
import { Refusal } from "./domain/errors.ts";
import { headlineOf, incidentTitle } from "./domain/incident.ts";
import { evidenceOf, queuedInvestigation } from "./fresh-rows.ts";
import { MANUAL_SOURCE } from "./manual-alert.ts";
import { moveIncident } from "./merge-calls.ts";
import { mergedRow } from "./merge-in-plan.ts";
import { marksOf } from "./prepare-alert.ts";
import { holdHere, judgedElsewhere } from "./set-verdict.ts";
import { endSnoozes, uniteSnoozes } from "./snoozed.ts";
import type { AlertSummary, IncidentRow, Tx } from "./store.ts";
import { timelineLine } from "./timeline-line.ts";
import { neededAtOnce, wantCards } from "./want-cards.ts";

/**
 * Two incidents become one because a person says so: the younger is redirected to the older. Different assignees or classifications
 * are no obstacle then, the survivor's stand; lab and real are never mixed.
 *
 * @throws Refusal forbidden | not-found | invalid
 */
export async function mergeIncidents(
  air: Air,
  person: Person,
  one: number,
  other: number,
): Promise<{ survivor: number; absorbed: number }> {
  if (one === other) throw new Refusal("invalid", "An incident cannot be merged with itself.");
  const [survivor, absorbed] = one < other ? [one, other] : [other, one];
  const asked = { verb: "incident.merge", subject: incidentId(absorbed), incidents: [survivor, absorbed] };
  await authorise(air, person, asked);
  const judged = await judgedElsewhere(air, survivor, absorbed);
  return audited(air, person, asked, () =>
    air.store.transaction(async (tx) => {
      const now = air.clock.now();
      const rows = new Map((await tx.lockIncidents([survivor, absorbed])).map((row) => [row.id, row]));
      const into = mustBeOpen(rows.get(survivor), survivor);
      const from = mustBeOpen(rows.get(absorbed), absorbed);
      if (into.lab !== from.lab) throw new Refusal("invalid", "The lab's incidents and real ones are never merged.");
      await unite(tx, air, into, from, { actor: actorOf(person), into: `${person.name} merged`, out: `${person.name} merged` }, now);
      for (const one of judged) await holdHere(tx, air, person, one);
      return { survivor, absorbed };
    }),
  );
}

/** Two locked incidents become one; what they may not differ in is the caller's to say. `into` and `out` begin the lines of their stories. */
export async function unite(
  tx: Tx,
  air: Air,
  into: IncidentRow,
  from: IncidentRow,
  who: { actor: Actor; into: string; out: string },
  now: Date,
): Promise<void> {
  const [survivor, absorbed] = [into.id, from.id];
  await tx.updateIncident(survivor, {
    ...mergedRow(into, from, now),
    apart: [...into.apart, ...from.apart].filter((id) => id !== absorbed && id !== survivor),
  });
  await tx.updateIncident(absorbed, { status: "redirected", redirectTo: survivor, closedAt: now, updatedAt: now });
  await uniteSnoozes(tx, air, { from: absorbed, to: survivor }, now);
  await moveIncident(tx, absorbed, into, now);
  const merged = `${who.into} ${incidentId(absorbed)} into this incident`;
  const redirected = `${who.out} this incident into ${incidentId(survivor)}`;
  await tx.addTimeline([
    timelineLine({ incidentId: survivor }, now, who.actor, "incident-merged", merged),
    timelineLine({ incidentId: absorbed }, now, who.actor, "incident-redirected", redirected),
  ]);
  await tx.writeAudit([
    {
      at: now,
      actor: who.actor,
      event: "incident.merged",
      subject: incidentId(absorbed),
      incidentId: survivor,
      data: { into: incidentId(survivor), alerts: from.alertCount },
    },
  ]);
  await endSnoozes(tx, air, [survivor], now);
  await redrawBoth(tx, air, [survivor, absorbed], now, [absorbed]);
}

function mustBeOpen(row: IncidentRow | undefined, id: number): IncidentRow {
  if (!row) throw new Refusal("not-found", `There is no incident ${incidentId(id)}.`);
  if (row.redirectTo !== null) throw new Refusal("invalid", `${incidentId(id)} was already merged into ${incidentId(row.redirectTo)}.`);
  if (row.status !== "open") throw new Refusal("invalid", `${incidentId(id)} is closed. Reopen it first.`);
  return row;
}

/**
 * One alert leaves its incident for a new one of its own. Air never merges the two again; what was investigated and decided stays where
 * it is, because it was found out together.
 *
 * @throws Refusal forbidden | not-found | invalid
 */
export async function splitIncident(air: Air, person: Person, incident: number, alert: number): Promise<{ incident: number }> {
  const asked = { verb: "incident.split", subject: alertId(alert), incidents: [incident] };
  await authorise(air, person, asked);
  return audited(air, person, asked, () => air.store.transaction((tx) => split(tx, air, person, incident, alert)));
}

async function split(tx: Tx, air: Air, person: Person, incident: number, alert: number): Promise<{ incident: number }> {
  const now = air.clock.now();
  const policy = air.policy();
  // The keys are locked before the incident, as at intake: an alert that comes meanwhile waits, and sees the parted spans.
  const before = await tx.alertsOf(incident, ALL);
  const marks = new Map(before.map((row) => [row.id, marksOf(row, policy)]));
  await tx.lockJoinKeys([...new Set([...marks.values()].flat().map((mark) => mark.lock))], now);
  const [row] = await tx.lockIncidents([incident]);
  const source = mustBeOpen(row, incident);
  const alerts = await tx.alertsOf(incident, ALL);
  const leaving = alerts.find((one) => one.id === alert);
  const staying = alerts.filter((one) => one.id !== alert);
  if (!leaving) throw new Refusal("not-found", `${alertId(alert)} is not an alert of ${incidentId(incident)}.`);
  if (staying.length === 0)
    throw new Refusal("invalid", `${alertId(alert)} is the only alert of ${incidentId(incident)}: there is nothing to split.`);
  const ids = await tx.nextIds({ alerts: 0, incidents: 1, investigations: 1 });
  const [id = 0] = ids.incidents;
  const [investigation = 0] = ids.investigations;
  await tx.insertIncidents([
    {
      ...fromAlerts([leaving]),
      id,
      status: "open",
      redirectTo: null,
      assignee: source.assignee,
      classification: null,
      determination: null,
      ackedBy: null,
      ackedAt: null,
      apart: [incident],
      quiet: leaving.suppressed,
      stormId: null,
      openedAt: leaving.receivedAt,
      updatedAt: now,
      closedAt: null,
      lab: source.lab,
    },
  ]);
  await tx.updateIncident(incident, { ...fromAlerts(staying), apart: [...source.apart, id], updatedAt: now });
  await tx.moveAlerts([alert], id);
  // What was found out together stays there; what is by itself now is looked at by itself, if it was to be looked at.
  if (leaving.investigationId !== null) {
    const trigger = { kind: "manual", alert: alertId(alert), by: person.name } as const;
    await tx.insertInvestigations([
      queuedInvestigation({ id: investigation, incidentId: id, trigger, startedAt: now, wanted: 1, lab: source.lab }),
    ]);
    await tx.updateAlert(alert, { investigationId: investigation });
    await tx.addEvidence(
      evidenceOf({ ...leaving, eventAt: leaving.detectedAt }, { investigationId: investigation, incidentId: id }, policy),
    );
    // What a person knows of a thing, and what was done about it, holds there too.
    await tx.carryOver([{ from: incident, to: id }]);
    await tx.enqueue("investigate", { investigation }, { key: investigationId(investigation) });
  }
  await tx.dropSpans(incident);
  const spans = [...staying.map((one) => ({ one, home: incident })), { one: leaving, home: id }].reduce(
    (kept, { one, home }) => {
      for (const { key, gapMs } of marks.get(one.id) ?? marksOf(one, policy)) {
        const mine = kept.filter((span) => span.key === key && span.incident === home);
        const merged = extend(mine, one.detectedAt.getTime(), gapMs);
        for (const span of mine) if (!merged.apart.includes(span)) kept.splice(kept.indexOf(span), 1);
        kept.push({ key, incident: home, ...merged.span });
      }
      return kept;
    },
    [] as { key: string; incident: number; first: number; last: number }[],
  );
  await tx.keepSpans(spans, []);
  await note(tx, air, person, incident, "incident-split", `${person.name} split ${alertId(alert)} off into ${incidentId(id)}`);
  await note(
    tx,
    air,
    person,
    id,
    "incident-opened",
    `${person.name} split ${alertId(alert)} (${leaving.title}) off from ${incidentId(incident)}`,
  );
  await tx.writeAudit([
    {
      at: now,
      actor: actorOf(person),
      event: "incident.split",
      subject: alertId(alert),
      incidentId: incident,
      data: { into: incidentId(id) },
    },
  ]);
  await redrawBoth(tx, air, [incident, id], now);
  return { incident: id };
}

/** An incident is parted whole. */
const ALL = 100_000;

/** Title, severity and count follow from the alerts. */
function fromAlerts(alerts: readonly AlertSummary[]): Pick<IncidentRow, "title" | "severity" | "headline" | "alertCount" | "preexisting"> {
  const raised = alerts.filter((one) => one.source !== MANUAL_SOURCE);
  const headlines = (raised.length > 0 ? raised : alerts).map((one) => ({
    title: one.title,
    severity: one.severity,
    at: one.detectedAt.toISOString(),
    ...(one.preexisting ? { old: true } : {}),
  }));
  const headline = headlines.reduce(headlineOf);
  const live = alerts.filter((one) => !one.preexisting);
  return {
    headline,
    title: incidentTitle(headline, raised.length),
    severity: (live.length > 0 ? live : alerts).map((one) => one.severity).reduce(highest),
    alertCount: raised.length,
    preexisting: live.length === 0,
  };
}

const note = (tx: Tx, air: Air, person: Person, incident: number, event: string, text: string) =>
  tx.addTimeline([timelineLine({ incidentId: incident }, air.clock.now(), actorOf(person), event, text)]);

async function redrawBoth(tx: Tx, air: Air, ids: readonly number[], now: Date, absorbed: readonly number[] = []): Promise<void> {
  const rows = await Promise.all(ids.map((id) => tx.incident(id)));
  await wantCards(
    tx,
    air,
    rows.flatMap((row) =>
      row
        ? [
            {
              incident: row.id,
              severity: row.severity,
              needed: row.status === "open" && neededAtOnce(row.severity),
              // A redirected one is only redrawn where it stands; the survivor is shown wherever it was watched.
              quiet: row.status === "redirected",
              absorbed: row.status === "open" ? absorbed : [],
            },
          ]
        : [],
    ),
    now,
  );
  await tx.notifyChange();
}
