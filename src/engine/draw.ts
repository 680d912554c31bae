import { actionKinds } from "./actions/all.ts";
import { type Air, actionId, alertId, evidenceId, incidentId, investigationId } from "./air.ts";
import { type ActionView, actionCard, STATE_WORD } from "./cards/action-card.ts";
import type { Card } from "./cards/card.ts";
import { type IncidentFacts, incidentCard } from "./cards/incident-card.ts";
import { time } from "./cards/say.ts";
import { stormCard, stormPageCard } from "./cards/storm-card.ts";
import { type Family, readStored } from "./domain/action.ts";
import type { Pause } from "./pause.ts";
import type { ActionRow, AlertSummary, IncidentView, MessageRow, Reads, StormRow } from "./store.ts";
import { endsAt } from "./timed-actions.ts";
import { actionSubject, incidentSubject, STORM_PAGE } from "./want-cards.ts";

/** What drawing needs beside the rows: who could decide, and whether executions are paused. */
export type Drawing = {
  now: Date;
  sign: Air["sign"];
  publicUrl: string | undefined;
  pauses: readonly Pause[];
  /** Who may decide a family now, by name; `anyone`: the lab without roles. */
  deciders: (family: Family, lab: boolean) => { anyone: boolean; names: string[] };
};

/** Every card is a function of the rows: drawn again it shows the present. */
export function drawSubject(subject: string, view: IncidentView, drawing: Drawing): Card | undefined {
  if (subject === incidentSubject(view.incident.id)) return incidentCard(incidentFacts(view, drawing));
  const action = view.actions.find((row) => actionSubject(row.id) === subject);
  return action && actionCard(actionView(action, view, drawing), drawing.sign);
}

/** How many of a storm's alerts its root card names. */
const STORM_NEWEST = 5;

/** The cards of a channel's messages, by message id: each drawn from its incident, its action or its storm as they stand now. */
export async function drawMessages(
  reads: Pick<Reads, "incidentViews" | "storms" | "stormAlerts" | "stormPending">,
  rows: readonly Pick<MessageRow, "id" | "subject" | "incidentId">[],
  drawing: Drawing,
): Promise<Map<number, Card>> {
  const cards = new Map<number, Card>();
  const views = await reads.incidentViews(rows.filter((row) => !stormOf(row.subject)).map((row) => row.incidentId));
  const storms = new Map((await reads.storms(rows.flatMap((row) => stormOf(row.subject)?.storm ?? []))).map((storm) => [storm.id, storm]));
  for (const row of rows) {
    const place = stormOf(row.subject);
    const view = views.get(row.incidentId);
    const storm = place && storms.get(place.storm);
    const card = storm ? await drawStorm(reads, storm, place.page) : view && !place ? drawSubject(row.subject, view, drawing) : undefined;
    if (card) cards.set(row.id, card);
  }
  return cards;
}

/** `storm:7` is the root, `storm:7:2` the second page of its list. */
function stormOf(subject: string): { storm: number; page: number | undefined } | undefined {
  const [, storm, page] = /^storm:(\d+)(?::(\d+))?$/.exec(subject) ?? [];
  return storm === undefined ? undefined : { storm: Number(storm), page: page === undefined ? undefined : Number(page) };
}

async function drawStorm(reads: Pick<Reads, "stormAlerts" | "stormPending">, storm: StormRow, page: number | undefined): Promise<Card> {
  const named = (row: AlertSummary) => ({
    id: alertId(row.id),
    incident: incidentId(row.incidentId),
    sourceId: row.sourceId,
    title: row.title,
  });
  if (page !== undefined) {
    const offset = (page - 1) * STORM_PAGE;
    const alerts = await reads.stormAlerts(storm.id, { offset, limit: STORM_PAGE });
    return stormPageCard(`Storm ${storm.id}`, offset + 1, alerts.map(named));
  }
  const newest = await reads.stormAlerts(storm.id, { offset: Math.max(0, storm.alerts - STORM_NEWEST), limit: STORM_NEWEST });
  return stormCard({
    id: `storm ${storm.id}`,
    source: storm.source,
    category: storm.category ?? undefined,
    severity: storm.severity,
    lab: storm.lab,
    alerts: storm.alerts,
    startedAt: storm.startedAt,
    lastAt: storm.lastAt,
    pending: await reads.stormPending(storm.id),
    newest: newest.map(named),
  });
}

function incidentFacts(view: IncidentView, drawing: Drawing): IncidentFacts {
  const { incident } = view;
  const [unstarted] = view.alerts.filter((alert) => alert.investigationId === null);
  return {
    id: incidentId(incident.id),
    title: incident.title,
    severity: incident.severity,
    status: incident.status,
    redirectTo: incident.redirectTo === null ? undefined : incidentId(incident.redirectTo),
    lab: incident.lab,
    assignee: incident.assignee ?? undefined,
    openedAt: incident.openedAt,
    alerts: view.alerts.map((alert) => ({
      id: alertId(alert.id),
      source: alert.source,
      sourceId: alert.sourceId,
      title: alert.title,
      severity: alert.severity,
      because: alert.joinedBecause ?? undefined,
      url: alert.url ?? undefined,
      duplicates: alert.duplicates,
      policy: alert.policyRule,
    })),
    alertCount: incident.alertCount,
    investigations: view.investigations.map((row) => ({
      id: investigationId(row.id),
      status: row.status,
      startedAt: row.startedAt,
      endedAt: row.endedAt ?? undefined,
      pendingSince: row.pendingSince ?? undefined,
      playbooks: row.playbooks,
      advice: row.advice,
    })),
    notInvestigated: view.investigations.length === 0 ? unstarted?.policyRule : undefined,
    evidence: view.evidence.map((row) => ({
      id: evidenceId(row.id),
      entity: row.entity,
      verdict: row.verdict,
      remediation: row.remediation,
      for: row.judgement?.for.map((reason) => reason.text) ?? [],
      against: row.judgement?.against.map((reason) => reason.text) ?? [],
      missing: row.judgement?.missing.map((reason) => `${reason.source}: ${reason.text}`) ?? [],
      flip: row.judgement?.flip ?? "",
      conflict: row.judgement?.conflict ?? false,
    })),
    actions: view.actions.map((row) => actionView(row, view, drawing)),
    paused: pausedText(drawing.pauses),
    link: drawing.publicUrl ? `${drawing.publicUrl}/#${incidentId(incident.id)}` : undefined,
    now: drawing.now,
  };
}

const pausedText = (pauses: readonly Pause[], family?: Family) => {
  const pause = pauses.find((one) => one.family === "all" || family === undefined || one.family === family);
  if (!pause) return undefined;
  return `${pause.family === "all" ? "every action" : `every ${pause.family} action`} waits until an admin resumes. ${pause.by} paused air: ${pause.reason}`;
};

export function actionView(row: ActionRow, view: Pick<IncidentView, "incident" | "evidence" | "approvals">, drawing: Drawing): ActionView {
  const kind = actionKinds[row.kind];
  const { params } = readStored(row.params);
  const evidence = view.evidence.find((item) => item.id === row.evidenceId);
  const { word, tone } = STATE_WORD[row.state];
  return {
    id: actionId(row.id),
    number: row.id,
    incident: incidentId(row.incidentId),
    severity: view.incident.severity,
    lab: row.lab,
    title: kind.title(row.target, params),
    state: row.state,
    stateWord: row.state === "pending" && row.byHand !== null ? "Do by hand" : word,
    tone,
    short: short(row),
    family: row.family,
    version: row.version,
    effect: kind.effect(row.target, params),
    ifNot: kind.ifNot(row.target),
    undoText: row.undoable ? kind.undo.text : kind.undo.by ? `Cannot be undone from here: ${kind.undo.text}` : kind.undo.text,
    undoable: row.undoable,
    note: row.note,
    rule: row.rule,
    connector: row.connector ?? undefined,
    byHand: row.byHand ?? undefined,
    reach: row.blastRadius,
    for: evidence?.judgement?.for.map((reason) => reason.text) ?? [],
    against: evidence?.judgement?.against.map((reason) => reason.text) ?? [],
    evidenceAt: evidence?.createdAt,
    approvals: view.approvals.filter((approval) => approval.actionId === row.id && approval.version === row.version),
    approvalsNeeded: row.approvalsNeeded,
    decision: row.decision ?? undefined,
    proposedAt: row.proposedAt,
    deadline: row.deadline,
    expiresAt: row.expiresAt,
    outcome: row.outcome ?? undefined,
    endsAt: endsAt(row),
    endsAfterMs: row.undoAfterMs ?? undefined,
    waitingForDevice: row.waitingForDevice,
    deciders: drawing.deciders(row.family, row.lab),
    paused: pausedText(drawing.pauses, row.family),
    now: drawing.now,
  };
}

function short(row: ActionRow): string {
  if (row.state === "pending") return `answer by ${time(row.deadline)}`;
  return row.decision ? `by ${row.decision.by}` : "";
}
