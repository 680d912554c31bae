import { actionKinds } from "./actions/all.ts";
import { type Air, actionId, alertId, evidenceId, incidentId, investigationId, pageId } from "./air.ts";
import { drawPause } from "./announce-pause.ts";
import type { BriefingReads } from "./briefing.ts";
import { type ActionView, actionCard, STATE_WORD } from "./cards/action-card.ts";
import type { Card } from "./cards/card.ts";
import { directCard } from "./cards/direct-card.ts";
import { cardInZone } from "./cards/in-zone.ts";
import { type IncidentFacts, incidentCard } from "./cards/incident-card.ts";
import { type CallFacts, pageCard } from "./cards/page-card.ts";
import { shown, time } from "./cards/say.ts";
import type { SnoozeView } from "./cards/snooze-facts.ts";
import { stormCard, stormPageCard } from "./cards/storm-card.ts";
import type { VendorFacts } from "./cards/vendor-facts.ts";
import { drawClosing } from "./closing.ts";
import { drawDigest } from "./digest.ts";
import { type BreakGlass, type Family, readStored } from "./domain/action.ts";
import { actorName } from "./domain/actor.ts";
import { glassOf } from "./domain/break-glass.ts";
import { ackedBefore, isAway, nextStep, raisedSince, reachedSince, toldIn, UNANSWERED } from "./domain/calls.ts";
import { outcomeOf } from "./domain/handling.ts";
import { isOutside, readFollowUp } from "./domain/outside-pages.ts";
import { isOps, NOBODY, notNeeded, type Paging } from "./domain/paging.ts";
import { nameToType, stepUpOf } from "./domain/step-up.ts";
import { wallText } from "./domain/wall-clock.ts";
import { type Deciders, entitiesIn, whoMayNot } from "./domain/who-may.ts";
import { drawHandover } from "./handover.ts";
import { didNothing } from "./holding.ts";
import { ifNothing } from "./if-nothing.ts";
import { foundIn, isRemedy } from "./investigation-status.ts";
import { isBad } from "./left-over.ts";
import { askedBy } from "./manual-alert.ts";
import { drawMorning } from "./morning.ts";
import { onceEach } from "./once-each.ts";
import type { Pause } from "./pause.ts";
import type {
  ActionRow,
  AlertSummary,
  ApprovalRow,
  CallRow,
  EvidenceRow,
  IncidentView,
  MessageRow,
  PageRow,
  Reads,
  StormRow,
} from "./store.ts";
import { drawLines } from "./thread-lines.ts";
import { endsAt } from "./timed-actions.ts";
import { actionSubject, closingOf, directOf, incidentSubject, STORM_PAGE } from "./want-cards.ts";
import { drawReport, type ReportReads } from "./want-report.ts";

/** What drawing needs beside the rows: who could decide, and whether executions are paused. */
export type Drawing = {
  now: Date;
  sign: Air["sign"];
  publicUrl: string | undefined;
  /** Which incidents are shown where, for what counts the others; undefined: nothing does. */
  channels?: Air["channels"];
  /** In which world air is, for what is about no incident. */
  lab?: boolean;
  pauses: readonly Pause[];
  /** Who somebody is that was told, and on which platform; undefined: nobody is configured. */
  paging?: Paging;
  /** Calls about air itself, by id, with who was told. */
  airCalls?: ReadonlyMap<number, { call: CallRow; pages: readonly PageRow[] }>;
  /** Who may decide a family on a device of this group now, by name; `anyone`: the lab without roles. */
  deciders: (family: Family, lab: boolean, deviceGroup: string | null) => Deciders;
  /** Whoever asked for an action may be one of its two approvers. */
  requesterMayApprove?: boolean;
};

/** Every card is a function of the rows: drawn again it shows the present. */
export function drawSubject(subject: string, view: IncidentView, drawing: Drawing): Card | undefined {
  if (subject === incidentSubject(view.incident.id)) return cardInZone(incidentCard(incidentFacts(view, drawing)), zoneOf(drawing));
  const action = view.actions.find((row) => actionSubject(row.id) === subject);
  return action && cardInZone(actionCard(actionView(action, view, drawing), drawing.sign), zoneOf(drawing));
}

type ViewOf = (row: PageRow) => IncidentView | undefined;

/** The pages of a message whose card still says something: sent ones, and what is still to be sent and wanted. */
function drawnPages(rows: readonly PageRow[], viewOf: ViewOf): PageRow[] {
  return rows.filter((row) => {
    if (row.sentAt !== null) return true;
    const view = viewOf(row);
    if (reachedSince(row, view?.pages ?? []).length > 0) return false;
    const action = view?.actions.find((one) => one.id === row.actionId);
    return row.droppedAt === null && notNeeded(row, action, view?.incident) === undefined;
  });
}

/** Where the call of each page stands; those about air itself are read beside the incidents. */
async function airCalls(reads: Pick<Reads, "call" | "pagesOfCalls">, pages: readonly PageRow[]): Promise<Map<number, AirCall>> {
  const ids = [...new Set(pages.flatMap(({ incidentId, callId }) => (incidentId === 0 && callId !== null ? [callId] : [])))];
  const calls = new Map<number, AirCall>();
  for (const id of ids) {
    const call = await reads.call(id);
    if (call) calls.set(id, { call, pages: await reads.pagesOfCalls([id]) });
  }
  return calls;
}
type AirCall = { call: CallRow; pages: readonly PageRow[] };

function callOf(row: PageRow, view: IncidentView | undefined, drawing: Drawing): CallFacts | undefined {
  if (row.callId === null) return undefined;
  const ofAir = drawing.airCalls?.get(row.callId);
  const call = ofAir?.call ?? view?.calls?.find((one) => one.id === row.callId);
  const subject = row.incidentId === 0 ? pageId(row.id) : incidentId(view?.incident.id ?? row.incidentId);
  // Ended, or of a world that is gone.
  if (!call || call.endedAt !== null) return { subject, over: true, acked: ackedIn(view, row) };
  const acked = call.ackedBy !== null && call.ackedAt !== null ? { by: call.ackedBy, at: call.ackedAt } : undefined;
  const assigned = acked ? undefined : assignedIn(view, call);
  const paging = drawing.paging ?? NOBODY;
  const told = toldIn(call, view?.calls ?? [], ofAir?.pages ?? view?.pages ?? []);
  const away = told.filter(({ target }) => isAway(target, call.away)).map(({ target }) => paging.nameOf(target).name);
  return {
    subject,
    over: false,
    acked,
    assigned,
    away: [...new Set(away)],
    cannot: isAway(row.target, call.away),
    last: !acked && paging.chain.length > 0 && nextStep(paging, told, call, drawing.now).kind === "over",
    next: nextOf(call, ofAir?.pages, view, drawing),
  };
}

/** Who was given it in this round of the call, and by whom. */
function assignedIn(view: IncidentView | undefined, { since }: CallRow): CallFacts["assigned"] {
  const to = view?.incident.assignee;
  const line = view?.timeline.findLast(({ event }) => event === "incident-assign");
  return to && line && line.at >= since ? { to, by: actorName(line.actor) } : undefined;
}

/** Once somebody has it, it does not say that nobody has. */
const saidNow = (row: PageRow, call: CallFacts | undefined) => ({
  text: call?.acked || call?.over ? row.text.replace(UNANSWERED, "") : row.text,
  call,
});

const ackedIn = (view: IncidentView | undefined, row: PageRow) =>
  view?.incident.ackedBy && view.incident.ackedAt && view.incident.ackedAt >= row.createdAt
    ? { by: view.incident.ackedBy, at: view.incident.ackedAt }
    : undefined;

/** What was not looked at is still to be. */
const BEFORE: ReadonlySet<string> = new Set(["queued", "running"]);

/** What became of the severity since somebody acknowledged it, where that calls anew. */
function raisedAfter({ incident, calls = [] }: IncidentView): string | undefined {
  if (incident.status !== "open") return undefined;
  const [before] = calls.flatMap((call) => (call.endedAt === null && ackedBefore(call, incident)) || []);
  return before && raisedSince(before, incident.severity);
}

/** Who is told next in a call that nobody acknowledged. */
function nextOf(call: CallRow, pages: readonly PageRow[] | undefined, view: IncidentView | undefined, drawing: Drawing) {
  const paging = drawing.paging ?? NOBODY;
  if (call.ackedAt !== null || call.nextAt === null) return undefined;
  const next = nextStep(paging, toldIn(call, view?.calls ?? [], pages ?? view?.pages ?? []), call, drawing.now);
  if (next.kind !== "step" && next.kind !== "later") return undefined;
  const at = next.kind === "later" ? next.at : next.dueAt;
  // What is due is being done: a moment that has passed is not announced.
  if (at <= drawing.now) return undefined;
  return { name: paging.nameOf(paging.chain[next.index] ?? "").name, at };
}

/** What one person was told at once, as it stands now. */
async function drawDirect(
  reads: Pick<Reads, "pages" | "pagesIn" | "incidentViews" | "call" | "pagesOfCalls">,
  id: number,
  drawing: Drawing,
) {
  const [own] = await reads.pages([id]);
  if (!own) return { card: undefined, ids: [] };
  const rows = (await reads.pagesIn([own.toldBy ?? id])).filter(
    (row) => row.target === own.target && (row.callId !== null || row.step === "assigned"),
  );
  const views = await reads.incidentViews(rows.map((row) => row.incidentId));
  const viewOf = (row: PageRow) => views.get(row.incidentId);
  const how = { ...drawing, airCalls: await airCalls(reads, rows) };
  const drawn = drawnPages(rows, viewOf);
  const told = drawn.map((row) => ({
    step: row.step,
    incident: row.incidentId === 0 ? undefined : incidentId(viewOf(row)?.incident.id ?? row.incidentId),
    severity: viewOf(row)?.incident.severity,
    action: row.actionId === null ? undefined : actionId(row.actionId),
    ...saidNow(row, callOf(row, viewOf(row), how)),
  }));
  return { card: told.length === 0 ? undefined : directCard({ told }), ids: drawn.map((row) => row.id) };
}

function drawPage(
  rows: readonly PageRow[],
  viewOf: ViewOf,
  view: IncidentView | undefined,
  lab: boolean,
  drawing: Drawing,
): Card | undefined {
  const { nameOf } = drawing.paging ?? NOBODY;
  if (rows.length === 0) return undefined;
  return pageCard({
    incident: view && incidentId(view.incident.id),
    lab,
    told: rows.map((row) => ({
      step: row.step,
      who: isOps(row.target) ? undefined : nameOf(row.target),
      action: row.actionId === null ? undefined : actionId(row.actionId),
      at: row.sentAt ?? undefined,
      ...corrected(row, viewOf(row), saidNow(row, callOf(row, viewOf(row), drawing)), nameOf),
      ...aboutOf(viewOf(row)),
    })),
  });
}

/** That nobody could be told is not left to stand once somebody was. */
function corrected<Said extends { text: string }>(
  row: PageRow,
  view: IncidentView | undefined,
  said: Said,
  nameOf: Paging["nameOf"],
): Said {
  const [first] = reachedSince(row, view?.pages ?? []);
  return first?.sentAt
    ? { ...said, text: `${said.text} Since then ${nameOf(first.target).name} was told, at ${time(first.sentAt)}.` }
    : said;
}

const aboutOf = (view: IncidentView | undefined) =>
  view ? { incident: incidentId(view.incident.id), severity: view.incident.severity } : {};

/** The pages of an incident's thread that were told, each message once. */
export function pagesOf(view: IncidentView, drawing: Drawing): Card[] {
  const told = view.pages.filter((row) => row.attempts > 0 && !isOutside(row.target) && !isOps(row.target));
  const messages = Map.groupBy(
    drawnPages(told, () => view),
    (row) => row.toldBy ?? row.id,
  );
  const drawn = [...messages.values()].flatMap((rows) => drawPage(rows, () => view, view, view.incident.lab, drawing) ?? []);
  return drawn.map((card) => cardInZone(card, zoneOf(drawing)));
}

/** How many of a storm's alerts its root card names. */
const STORM_NEWEST = 5;

/** The cards of a channel's messages, by message id: each drawn from its incident, its action or its storm as they stand now. */
export async function drawMessages(
  reads: Pick<Reads, "incidentViews" | "storms" | "stormAlerts" | "stormPending" | "pages" | "pagesIn" | "call" | "pagesOfCalls"> &
    SaidReads,
  rows: readonly Pick<MessageRow, "id" | "subject" | "incidentId" | "channel">[],
  drawing: Drawing,
  /** Told which pages the card of which message holds. */
  holds: Map<number, readonly number[]> = new Map(),
): Promise<Map<number, Card>> {
  const cards = new Map<number, Card>();
  const pages = await reads.pagesIn(rows.flatMap((row) => pageOf(row.subject) ?? []));
  const views = await reads.incidentViews([
    ...rows.filter((row) => !stormOf(row.subject)).map((row) => row.incidentId),
    ...pages.map((page) => page.incidentId),
  ]);
  const storms = new Map((await reads.storms(rows.flatMap((row) => stormOf(row.subject)?.storm ?? []))).map((storm) => [storm.id, storm]));
  const how = { ...drawing, airCalls: await airCalls(reads, pages) };
  for (const row of rows) {
    const leader = pageOf(row.subject);
    const direct = directOf(row.subject);
    if (direct !== undefined) {
      const { card, ids } = await drawDirect(reads, direct, drawing);
      if (card) cards.set(row.id, card);
      holds.set(row.id, ids);
      continue;
    }
    if (leader !== undefined) {
      const group = pages.filter((page) => page.id === leader || page.toldBy === leader);
      const viewOf = (page: PageRow) => views.get(page.incidentId);
      const about = views.get(group.find((page) => page.id === leader)?.incidentId ?? row.incidentId);
      const drawn = drawnPages(group, viewOf);
      const card = drawPage(drawn, viewOf, about, about?.incident.lab ?? drawing.lab ?? false, how);
      if (card) cards.set(row.id, card);
      holds.set(
        row.id,
        drawn.map(({ id }) => id),
      );
      continue;
    }
    const said = await drawSaid(reads, row, views.get(row.incidentId), drawing);
    if (said) {
      cards.set(row.id, said);
      continue;
    }
    const place = stormOf(row.subject);
    const view = views.get(row.incidentId);
    const storm = place && storms.get(place.storm);
    const card = storm ? await drawStorm(reads, storm, place.page) : view && !place ? drawSubject(row.subject, view, drawing) : undefined;
    if (card) cards.set(row.id, card);
  }
  for (const [id, card] of cards) cards.set(id, cardInZone(card, zoneOf(drawing)));
  return cards;
}

/** On which clock whoever reads it lives. */
const zoneOf = ({ paging = NOBODY }: Drawing) => paging.timeZone;

type SaidReads = Pick<Reads, "digest" | "timelineRows" | "setting"> & BriefingReads & ReportReads;

/** What is neither an incident nor an action: a pause, a day's digest, a briefing, a report, a closing summary, a line of a story. */
async function drawSaid(
  reads: SaidReads,
  row: Pick<MessageRow, "subject" | "channel">,
  view: IncidentView | undefined,
  drawing: Drawing,
): Promise<Card | undefined> {
  const lab = drawing.lab ?? false;
  const paused = await drawPause(reads, row.subject, { present: drawing.pauses, lab });
  if (paused) return paused;
  if (row.subject.startsWith("digest:") && drawing.channels)
    return drawDigest(reads, row, { channels: drawing.channels, timeZone: (drawing.paging ?? NOBODY).timeZone, lab });
  const how = { paging: drawing.paging, lab, now: drawing.now };
  const brief = (await drawMorning(reads, row.subject, how)) ?? (await drawHandover(reads, row.subject, how));
  if (brief) return brief;
  const report = await drawReport(reads, row.subject, how);
  if (report) return report;
  if (closingOf(row.subject) === view?.incident.id && view) return drawClosing(view, drawing.publicUrl);
  return drawLines(reads, row.subject, view?.incident.lab ?? lab, view?.snooze);
}

export function pageOf(subject: string): number | undefined {
  const [, page] = /^page:(\d+)$/.exec(subject) ?? [];
  return page === undefined ? undefined : Number(page);
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
      askedBy: askedBy(alert),
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
      found: foundIn(
        view.evidence.filter((item) => item.investigationId === row.id),
        view.actions.filter((action) => action.investigationId === row.id),
      ),
    })),
    notInvestigated: view.investigations.length === 0 ? unstarted?.policyRule : undefined,
    evidence: onceEach(view.evidence).map((row) => ({
      id: evidenceId(row.id),
      entity: row.entity,
      verdict: row.verdict,
      remediation: row.remediation,
      unasked: row.lookedRound === null && view.investigations.some(({ id, status }) => id === row.investigationId && BEFORE.has(status)),
      sourceDid: sourceDid(row),
      for: row.judgement?.for.map((reason) => reason.text) ?? [],
      against: row.judgement?.against.map((reason) => reason.text) ?? [],
      missing: row.judgement?.missing.map((reason) => `${reason.source}: ${reason.text}`) ?? [],
      flip: row.judgement?.flip ?? "",
      conflict: row.judgement?.conflict ?? false,
      excluded: row.judgement?.excluded !== undefined,
    })),
    actions: view.actions.map((row) => actionView(row, view, drawing)),
    vendors: vendorsOf(view),
    waits: waitsOf(view, drawing),
    told: view.pages.flatMap((row) =>
      row.sentAt === null || isOps(row.target) || readFollowUp(row.step)
        ? []
        : [{ name: (drawing.paging ?? NOBODY).nameOf(row.target).name, at: row.sentAt }],
    ),
    acked: incident.ackedBy && incident.ackedAt ? { by: incident.ackedBy, at: incident.ackedAt, since: raisedAfter(view) } : undefined,
    next: (view.calls ?? []).flatMap((call) => nextOf(call, undefined, view, drawing) ?? []),
    paused: pausedText(drawing.pauses),
    snooze: snoozeView(view),
    link: drawing.publicUrl ? `${drawing.publicUrl}/#${incidentId(incident.id)}` : undefined,
    now: drawing.now,
  };
}

/** That it is back is said until somebody has taken it up, or it is closed. */
function snoozeView({ incident, snooze }: IncidentView): SnoozeView | undefined {
  if (!snooze || incident.status !== "open") return undefined;
  const { kind, by, reason, until, endedAt, endedWhy } = snooze;
  if (endedAt !== null && incident.ackedAt !== null && incident.ackedAt >= endedAt) return undefined;
  const alerts = Math.max(0, incident.alertCount - snooze.seen.alerts);
  return { kind, by, reason, until, alerts, ended: endedAt === null ? undefined : { at: endedAt, why: endedWhy ?? "its time was over" } };
}

/** Who is told when the quiet hours end, or in one message with other things. */
function waitsOf(view: IncidentView, { paging = NOBODY, now }: Drawing): { name: string; until: string; together: boolean }[] {
  const held = view.pages.filter(
    (row) => row.heldWhy !== null && row.heldUntil !== null && row.heldUntil > now && row.sentAt === null && row.attempts === 0,
  );
  return drawnPages(held, () => view).map(({ target, heldUntil, heldWhy }) => ({
    name: paging.nameOf(target).name,
    together: heldWhy === "together",
    until: wallText(heldUntil ?? now, paging.timeZone),
  }));
}

/** The sources' own incidents as the card shows them; one that was only named by an alert yet, by its number. */
function vendorsOf(view: IncidentView): VendorFacts[] {
  const polled = new Map(view.vendorIncidents.map((row) => [`${row.source} ${row.vendorId}`, row]));
  const named = view.alerts.flatMap((alert) =>
    alert.vendorIncident === null
      ? []
      : [{ key: `${alert.source} ${alert.vendorIncident}`, source: alert.source, id: alert.vendorIncident }],
  );
  const facts = [...new Map(named.map((one) => [one.key, one])).values()].map(({ key, source, id }) => {
    const row = polled.get(key);
    const alerts = view.alerts.filter((alert) => alert.source === source && alert.vendorIncident === id);
    const failed = view.writeBacks.findLast((one) => one.source === source && one.state === "failed" && one.trouble !== null);
    return {
      source,
      id,
      url: row?.url ?? undefined,
      status: row?.status,
      outcome: outcomeOf(row),
      assignee: row?.assignee ?? alerts.findLast((alert) => alert.handling?.assignee)?.handling?.assignee,
      investigation: alerts.findLast((alert) => alert.handling?.investigation)?.handling?.investigation,
      redirectTo: row?.redirectTo ?? undefined,
      closing: row?.closing ?? false,
      untold: failed?.trouble ?? undefined,
      // What is going on there stands before a backlog, and what was merged away last.
      rank: (row?.redirectTo ? 2 : 0) + (alerts.every((alert) => alert.preexisting) ? 1 : 0),
    };
  });
  return facts.toSorted((a, b) => a.rank - b.rank).map(({ rank: _rank, ...vendor }) => vendor);
}

/** What its sources say became of it, newest word of each. */
const sourceDid = ({ said }: Pick<EvidenceRow, "said">): { source: string; what: string }[] => [
  ...new Map(
    said.flatMap(({ source, remediation }) =>
      remediation && remediation.toLowerCase() !== "none" ? [[source, { source, what: remediation }] as const] : [],
    ),
  ).values(),
];

const pausedText = (pauses: readonly Pause[], family?: Family) => {
  const pause = pauses.find((one) => one.family === "all" || family === undefined || one.family === family);
  if (!pause) return undefined;
  return `${pause.family === "all" ? "every action" : `every ${pause.family} action`} waits until an admin resumes. ${pause.by} paused air: ${pause.reason}`;
};

export function actionView(
  row: ActionRow,
  view: Pick<IncidentView, "incident" | "evidence" | "approvals" | "actions">,
  drawing: Drawing,
): ActionView {
  const kind = actionKinds[row.kind];
  const { params } = readStored(row.params);
  const evidence = view.evidence.find((item) => item.id === row.evidenceId);
  const { word, tone } = STATE_WORD[row.state];
  const approvals = view.approvals.filter((approval) => approval.actionId === row.id && approval.version === row.version);
  const deciders = drawing.deciders(row.family, row.lab, row.deviceGroup);
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
    short: short(row, drawing.now),
    family: row.family,
    version: row.version,
    effect: kind.effect(row.target, params),
    ifNot: ifNothing(row, view.evidence),
    undoText: didNothing(row)
      ? "It found this done already, so there is nothing of it to undo."
      : row.undoable
        ? kind.undo.text
        : kind.undo.by
          ? `No connected product can take it back. By hand: ${kind.undo.text}`
          : kind.undo.text,
    undoable: row.undoable,
    note: row.note,
    rule: row.rule,
    collected: row.kind === "collect-package" && !row.lab,
    connector: row.connector ?? undefined,
    byHand: row.byHand ?? undefined,
    reach: row.blastRadius,
    ...argumentsOf(row, evidence),
    evidenceAt: evidence?.createdAt,
    sourceDid: evidence ? sourceDid(evidence) : [],
    approvals,
    approvalsNeeded: row.approvalsNeeded,
    decision: row.decision ?? undefined,
    proposedAt: row.proposedAt,
    deadline: row.deadline,
    acked:
      view.incident.ackedBy && view.incident.ackedAt && view.incident.ackedAt >= row.proposedAt
        ? { by: view.incident.ackedBy, at: view.incident.ackedAt }
        : undefined,
    expiresAt: row.expiresAt,
    outcome: row.outcome ?? undefined,
    endsAt: endsAt(row),
    endsAfterMs: row.undoAfterMs ?? undefined,
    waitingForDevice: row.waitingForDevice,
    cancellable: row.state === "executing" && row.waitingForDevice && row.cancel === null && kind.cancel !== undefined,
    ...toDecide(row, approvals, drawing.now),
    alone: row.breakGlass ? aloneOf(row, row.breakGlass) : undefined,
    rejectedBefore: rejectionOf(row, view),
    remainsOn: threatRemains(row, evidence) ? shown(row.target) : undefined,
    deciders: { ...deciders, mayNot: whoMayNot(row, deciders, entitiesIn(view), drawing.requesterMayApprove ?? false) },
    paused: pausedText(drawing.pauses, row.family),
    now: drawing.now,
  };
}

/** Kinds that say of their target that it is good. */
const CLEARS: ReadonlySet<ActionRow["kind"]> = new Set([
  "allow-indicator",
  "unblock-indicator",
  "restore-file",
  "restore-mail",
  "dismiss-risk",
]);

/** What speaks for the action and what against it: for what takes something back, the reasons of the verdict argue the other way. */
function argumentsOf(row: ActionRow, evidence: EvidenceRow | undefined): Pick<ActionView, "for" | "against"> {
  const accusing = evidence?.judgement?.for.map((reason) => reason.text) ?? [];
  const clearing = evidence?.judgement?.against.map((reason) => reason.text) ?? [];
  const said = evidence?.override;
  const clean = said?.verdict === "noThreatsFound";
  if (row.undoes === null && !CLEARS.has(row.kind))
    return {
      for: accusing,
      against: [...(clean ? [`${said.by} called it a false positive: ${said.reason}`] : []), ...clearing],
    };
  return {
    for: [...(clean ? [`${said.by} called it a false positive: ${said.reason}`] : []), ...clearing],
    against: accusing,
  };
}

/** What a decision asks for now: a name to type, and whether one person may do it alone. */
function toDecide(row: ActionRow, approvals: readonly ApprovalRow[], now: Date): Pick<ActionView, "stepUp" | "glass"> {
  // What a person does by hand is said by two where two have to agree, and no glass is broken over it.
  if (row.state !== "pending" || (row.byHand !== null && row.approvalsNeeded < 2)) return {};
  const stepUp = stepUpOf(row);
  const glass = glassOf(row, approvals, now);
  return {
    stepUp: stepUp.needed ? stepUp : undefined,
    glass: glass.open ? { type: nameToType(row) } : glass.from ? { from: glass.from } : undefined,
  };
}

const aloneOf = (row: ActionRow, { by, at, reason, confirmed, reviewed }: BreakGlass): ActionView["alone"] => ({
  by,
  at,
  reason,
  confirmedBy: confirmed?.by,
  reviewedBy: reviewed?.by,
  ends: row.undoAfterMs !== null,
});

/** The rejection it comes back to, and what speaks now that had not then. */
function rejectionOf(row: ActionRow, view: Pick<IncidentView, "actions" | "evidence">): ActionView["rejectedBefore"] {
  const before = view.actions.find((action) => action.id === row.rejectedBefore);
  if (!before?.decision) return undefined;
  const fresh = new Set(row.families.filter((family) => !before.families.includes(family)));
  const reasons = view.evidence.flatMap((item) => item.judgement?.for ?? []).filter((reason) => fresh.has(reason.family));
  const news = [...new Set(reasons.map((reason) => `${reason.source} says: ${reason.text}`))].slice(0, 2);
  return { id: actionId(before.id), by: before.decision.by, reason: before.decision.reason, news };
}

/** A remedy that was rejected while what it is aimed at counts as bad. */
const threatRemains = (row: ActionRow, evidence: EvidenceRow | undefined): boolean =>
  row.state === "rejected" && isRemedy(row) && evidence !== undefined && isBad(evidence);

function short(row: ActionRow, now: Date): string {
  if (row.state === "pending") return row.deadline <= now ? `overdue since ${time(row.deadline)}` : `answer by ${time(row.deadline)}`;
  // Nobody was asked, and this is why.
  const needless = row.decision === null && row.state === "cancelled" ? /^([^:]+):/.exec(row.outcome ?? "")?.[1] : undefined;
  if (needless) return needless.toLowerCase();
  return row.decision ? `by ${row.decision.by}` : "";
}
