import { actionKinds } from "../engine/actions/all.ts";
import { type Air, actionId, alertId, evidenceId, incidentId, investigationId } from "../engine/air.ts";
import { authorise } from "../engine/authorise.ts";
import { STATE_WORD } from "../engine/cards/action-card.ts";
import { type Card, cut, type Line } from "../engine/cards/card.ts";
import { evidenceLines, exportCard, type ListRow, listCard, logCard, stepsCard } from "../engine/cards/reply-card.ts";
import { capital, count, shown, time } from "../engine/cards/say.ts";
import { chatTroubles } from "../engine/chat-troubles.ts";
import { checkProtected } from "../engine/check-protected.ts";
import { actorName } from "../engine/domain/actor.ts";
import type { Person } from "../engine/domain/approval.ts";
import { Refusal } from "../engine/domain/errors.ts";
import { STATUS_SENTENCE, verdictWord } from "../engine/domain/investigation.ts";
import { type Drawing, drawSubject } from "../engine/draw.ts";
import { investigationGraph } from "../engine/graph.ts";
import { askedBy } from "../engine/manual-alert.ts";
import { onceEach } from "../engine/once-each.ts";
import { groundsOf } from "../engine/resting-on.ts";
import type { IncidentSnoozeRow, IncidentView } from "../engine/store.ts";
import { storyRows } from "../engine/story-rows.ts";
import { actionSubject, incidentSubject } from "../engine/want-cards.ts";
import { alertCard } from "./alert-card.ts";
import { decidedBy } from "./api-shapes.ts";
import type { Command } from "./commands.ts";
import { evidenceCard } from "./evidence-card.ts";
import { countExport, exportNeeds, exportPath, exportWords } from "./export-rows.ts";
import { graphCard } from "./graph-card.ts";
import { investigationLog } from "./investigation-log.ts";
import { HISTORY, within, writeWords } from "./list-filters.ts";
import { openIncidents } from "./open-incidents.ts";
import { protectedCard, protectedListCard } from "./protected-card.ts";
import type { Id } from "./read-id.ts";

/* What is answered by looking: nothing is changed by any of it (product contract 3.6, the commands of a viewer). */

/** Rows of one answer; the button leads on. */
const PAGE = 15;

type LookUp = Extract<Command, { kind: "status" | "list" | "actions" | "log" | "graph" | "alerts" | "audit" | "protected" | "export" }>;

export async function lookedUp(air: Air, drawing: () => Promise<Drawing>, person: Person, command: LookUp): Promise<Card> {
  switch (command.kind) {
    case "status":
      return command.id ? status(air, await drawing(), command.id) : overview(air);
    case "list":
      return incidents(air, person, command);
    case "actions":
      return actions(air, command);
    case "log":
      return log(air, command.id);
    case "graph":
      return graph(air, command.id);
    case "alerts":
      return alerts(air, command.id, command.after);
    case "audit":
      return audit(air, command.id, command.after);
    case "protected":
      return command.entity
        ? protectedCard(shown(command.entity), await checkProtected(air, command.entity))
        : protectedListCard(air.policy().protected);
    case "export": {
      const { asked } = command;
      await authorise(air, person, { verb: "export", subject: asked.what, need: exportNeeds(asked.what) });
      const rows = await countExport(air.store, asked, air.clock.now());
      return exportCard({
        what: asked.what === "log" ? `the log of INV-${asked.investigation}` : asked.what,
        rows,
        link: air.publicUrl && `${air.publicUrl}${exportPath(asked, "/console/export")}`,
        path: exportPath(asked, "/v1"),
        role: exportNeeds(asked.what),
        words: exportWords(asked),
        download: asked.what === "log" ? `log INV-${asked.investigation}` : `${asked.what} ${writeWords(asked.given)}`.trim(),
      });
    }
    default:
      return command satisfies never;
  }
}

/** The incident an id leads to, through any of its things; follows a merge. */
async function viewOf(air: Air, id: Id): Promise<IncidentView> {
  const missing = new Refusal("not-found", `There is no ${id.kind} ${nameOf(id)}.`);
  const read = async (): Promise<number | undefined> => {
    switch (id.kind) {
      case "incident":
        return id.id;
      case "investigation":
        return (await air.store.investigation(id.id))?.incidentId;
      case "action":
        return (await air.store.action(id.id))?.incidentId;
      case "alert":
        return (await air.store.alert(id.id))?.incidentId;
      case "evidence":
        return (await air.store.evidence(id.id))?.incidentId;
      default:
        return id.kind satisfies never;
    }
  };
  const incident = await read();
  const view = incident === undefined ? undefined : (await air.store.incidentViews([incident])).get(incident);
  if (!view) throw missing;
  return view.incident.redirectTo === null ? view : viewOf(air, { kind: "incident", id: view.incident.redirectTo });
}

const nameOf = (id: Id) =>
  ({ incident: incidentId, investigation: investigationId, action: actionId, alert: alertId, evidence: evidenceId })[id.kind](id.id);

/** Pieces of evidence one answer tells whole; the others are named. */
const JUDGED = 12;

async function status(air: Air, drawing: Drawing, id: Id): Promise<Card> {
  const view = await viewOf(air, id);
  if (id.kind === "action") {
    const card = drawSubject(actionSubject(id.id), view, drawing);
    if (card) return card;
  }
  if (id.kind === "evidence") {
    const item = view.evidence.find((one) => one.id === id.id);
    if (item) return evidenceCard(item, view.actions);
  }
  if (id.kind === "alert") {
    const row = await air.store.alert(id.id);
    if (row) return alertCard(row, view);
  }
  const root = drawSubject(incidentSubject(view.incident.id), view, drawing);
  if (!root) throw new Refusal("not-found", `There is no ${id.kind} ${nameOf(id)}.`);
  const judged = onceEach(view.evidence).filter((item) => item.judgement !== null);
  const rest = judged.slice(JUDGED);
  const lines = evidenceLines(
    judged.slice(0, JUDGED).map((item) => ({
      id: evidenceId(item.id),
      name: shown(item.entity),
      verdict: verdictWord(item.entity.kind, item.verdict),
      tone: "neutral",
      for: item.judgement?.for.map((reason) => `${reason.text} (${reason.source})`) ?? [],
      against: item.judgement?.against.map((reason) => `${reason.text} (${reason.source})`) ?? [],
      missing: item.judgement?.missing.map((reason) => `${reason.source}: ${reason.text}`) ?? [],
      flip: item.judgement?.flip ?? "",
    })),
  );
  const left: Line[] =
    rest.length === 0
      ? []
      : [
          {
            kind: "note",
            text: `and ${count(rest.length, "more piece")} of evidence: ${cut(rest.map((item) => evidenceId(item.id)).join(", "), 300)}. Say: status ${evidenceId(rest[0]?.id ?? 0)}, or graph ${nameOf({ kind: "investigation", id: rest[0]?.investigationId ?? 0 })}`,
          },
        ];
  const queued = id.kind === "investigation" ? view.investigations.find((row) => row.id === id.id && row.status === "queued") : undefined;
  const waits: Line[] = queued ? [{ kind: "note", text: await queueText(air, queued.id) }] : [];
  return {
    ...root,
    lines: [...waits, ...root.lines.filter((line) => !(line.kind === "list" && line.title === "Evidence")), ...lines, ...left],
  };
}

/** How long the queue is, and its bound (domain facts 1.6, "Queued by throttling"). */
async function queueText(air: Air, investigation: number): Promise<string> {
  const ahead = await air.store.queued(investigation);
  return `${ahead === 0 ? "Next in the queue" : `${count(ahead, "investigation")} ahead in the queue`}; ${air.atOnce ?? 1} run at once on each machine.`;
}

const OVERVIEW = 10;

async function overview(air: Air): Promise<Card> {
  const open = await openIncidents(air.store, OVERVIEW + 1);
  const pending = await air.store.listActions({ states: ["pending"], order: "deadline", limit: OVERVIEW });
  const totals = {
    pending: pending.next === null ? pending.items.length : await air.store.countActions({ states: ["pending"] }),
    open: open.length <= OVERVIEW ? open.length : await air.store.countIncidents({ status: ["open"] }),
  };
  const card = listCard(
    "What is going on",
    [
      ...pending.items.map(
        (row): ListRow => ({
          id: actionId(row.id),
          mark: row.byHand === null ? "Decide" : "Do by hand",
          tone: "warning",
          text: `${actionKinds[row.kind].title(row.target)} (${incidentId(row.incidentId)}, answer by ${time(row.deadline)})`,
        }),
      ),
      ...open
        .slice(0, OVERVIEW)
        .map((row): ListRow => ({ id: incidentId(row.id), mark: capital(row.severity), tone: "neutral", text: row.title })),
    ],
    "No open incidents, and nothing waits for a decision.",
  );
  const waiting = `${count(totals.pending, "action waits", "actions wait")} for a decision, ${count(totals.open, "incident is", "incidents are")} open.`;
  const shortened = totals.pending > OVERVIEW || totals.open > OVERVIEW ? ` At most ${OVERVIEW} of each are shown here.` : "";
  // Who sees "nothing" has to know whether air can see anything, and whether it does anything.
  const troubles = await chatTroubles(air.store, air, air.clock.now());
  const observes = air.policy().mode === "observe" ? ["Mode observe: air says what it would do and carries nothing out. Say: mode"] : [];
  const notes = [`${waiting}${shortened}`, ...observes, ...troubles.map(({ told }) => cut(`Trouble: ${told}`, 400))];
  return {
    ...card,
    lines: [...card.lines, ...notes.map((text): Line => ({ kind: "note", text }))],
    buttons: [
      { label: "All incidents", style: "plain", value: "say:list open" },
      ...(totals.pending > 0 ? [{ label: "What waits", style: "plain" as const, value: "say:actions" }] : []),
    ],
  };
}

async function incidents(air: Air, person: Person, { query, mine, written, after }: Extract<Command, { kind: "list" }>): Promise<Card> {
  const filter = { ...within(query, air.clock.now()), ...(mine ? { assignee: person.name } : {}) };
  const page = await air.store.listIncidents({ ...filter, limit: PAGE, ...(after === undefined ? {} : { after }) });
  const total = page.next === null && after === undefined ? page.items.length : await air.store.countIncidents(filter);
  const silent = new Map((await air.store.openSnoozes(page.items.map(({ id }) => id))).map((row) => [row.incidentId, row]));
  return listCard(
    mine ? `Incidents ${person.name} looks after, newest first` : "Incidents, newest first",
    page.items.map((row) => ({
      id: incidentId(row.id),
      mark: capital(row.severity),
      tone: "neutral",
      text: `${row.title} (${[
        count(row.alertCount, "alert"),
        row.redirectTo === null ? row.status : `merged into ${incidentId(row.redirectTo)}`,
        ...(row.assignee ? [row.assignee] : []),
        ...silenceOf(silent.get(row.id)),
        ...(row.preexisting ? ["older than air's watch, not investigated"] : []),
        time(row.openedAt),
      ].join(", ")})`,
    })),
    "No incident matches.",
    { total, more: page.next === null ? undefined : `list ${written} after=${page.next}`.replace(/ +/g, " ") },
  );
}

/** "Snoozed until 2026-10-05 13:00 UTC by Mia: the owner is asked" */
const silenceOf = (row: IncidentSnoozeRow | undefined): string[] =>
  row ? [`${row.kind === "mute" ? "muted" : "snoozed"} until ${time(row.until)} by ${row.by}: ${cut(row.reason, 80)}`] : [];

const TITLES = {
  pending: "Actions that wait for a decision",
  history: "Action history",
  all: "Actions",
  "break-glass": "Done by one person alone, not reviewed yet",
};
const EMPTY = {
  pending: "Nothing waits for a decision.",
  history: "Nothing matches.",
  all: "Nothing matches.",
  "break-glass": "Nothing waits for a review.",
};

async function actions(air: Air, { which, query, written, after }: Extract<Command, { kind: "actions" }>): Promise<Card> {
  const now = air.clock.now();
  const states = which === "pending" ? (["pending"] as const) : which === "history" ? HISTORY : undefined;
  const filter = {
    ...(states ? { states } : {}),
    // What one person did alone stays listed until an admin reviewed it, whatever became of it.
    ...(which === "break-glass" ? { breakGlass: "open" as const } : {}),
    ...within(query, now),
  };
  const page = await air.store.listActions({
    ...filter,
    // What waits longest for its answer comes first; what became of the others by when it happened.
    order: query.order ?? (which === "pending" ? "deadline" : "updated"),
    asOf: now,
    limit: PAGE,
    ...(after === undefined ? {} : { after }),
  });
  const total = page.next === null && after === undefined ? page.items.length : await air.store.countActions(filter);
  return listCard(
    TITLES[which],
    page.items.map((row) => ({
      id: actionId(row.id),
      mark: row.state === "pending" && row.byHand !== null ? "Do by hand" : STATE_WORD[row.state].word,
      tone: STATE_WORD[row.state].tone,
      text: `${actionKinds[row.kind].title(row.target)} (${incidentId(row.incidentId)}, ${
        row.state === "pending"
          ? `answer by ${time(row.deadline)}`
          : [...(row.decision ? [`decided by ${decidedBy(row)}`] : []), time(row.endedAt ?? row.decidedAt ?? row.proposedAt)].join(", ")
      })`,
    })),
    EMPTY[which],
    { total, more: page.next === null ? undefined : `actions ${written} after=${page.next}` },
  );
}

/** Steps one answer shows; the whole log is at /v1/investigations/{id}/log, also as CSV. */
const LOG_SHOWN = 30;

async function log(air: Air, id: Id): Promise<Card> {
  const view = await viewOf(air, id);
  const investigation = id.kind === "investigation" ? view.investigations.find((row) => row.id === id.id) : undefined;
  if (!investigation) {
    const story = await air.store.storyOf(view.incident.id);
    const rows = story.slice(-LOG_SHOWN).map((row) => ({ at: row.at, who: actorName(row.actor), text: row.text }));
    return logCard(nameOf(id), rows, story.length);
  }
  const rows = await investigationLog(air.store, investigation.id);
  return stepsCard(investigationId(investigation.id), STATUS_SENTENCE[investigation.status], rows.slice(-LOG_SHOWN), rows.length);
}

async function graph(air: Air, id: Id): Promise<Card> {
  const view = await viewOf(air, id);
  const investigation = id.kind === "investigation" ? view.investigations.find((row) => row.id === id.id) : view.investigations.at(-1);
  if (!investigation) throw new Refusal("not-found", `${nameOf(id)} has no investigation. To start one: investigate ${nameOf(id)}`);
  return graphCard(investigationGraph(graphRows(view, investigation.id)));
}

/** What belongs to one investigation of an incident. */
export function graphRows(view: IncidentView, investigation: number): Parameters<typeof investigationGraph>[0] {
  const row = view.investigations.find((one) => one.id === investigation);
  return {
    investigation: row ?? { id: investigation, status: "queued" },
    alerts: view.alerts.filter((one) => one.investigationId === investigation),
    evidence: view.evidence.filter((one) => one.investigationId === investigation),
    actions: view.actions.filter((one) => one.investigationId === investigation),
  };
}

async function alerts(air: Air, id: Id, after: number | undefined): Promise<Card> {
  const view = await viewOf(air, id);
  const all = await air.store.alertsOf(view.incident.id);
  const from = after === undefined ? all : all.filter((row) => row.id > after);
  const page = from.slice(0, PAGE);
  const name = incidentId(view.incident.id);
  return listCard(
    `Alerts of ${name}`,
    page.map((row) => ({
      id: alertId(row.id),
      mark: capital(row.severity),
      tone: "neutral",
      text: `${cut(row.title, 120)}${askedBy(row) === undefined ? ` from ${row.source}` : ""}, ${time(row.detectedAt)}. ${row.joinedBecause ? `Joined: ${row.joinedBecause}` : "It opened the incident"}${row.duplicates > 0 ? `, seen ${row.duplicates + 1} times` : ""}. ${capital(row.policyRule)}.`,
    })),
    "It has no alerts.",
    {
      total: all.length,
      longest: 500,
      more: from.length > page.length ? `alerts ${name} after=${page.at(-1)?.id}` : undefined,
    },
  );
}

/** Of this many actions, the newest, the grounds are worked out; a person waits for the answer. */
const GROUNDS_OF = 50;

/** Who decided what, and on which grounds, in the order it happened. */
async function audit(air: Air, id: Id, after = 0): Promise<Card> {
  const view = await viewOf(air, id);
  const asked = view.actions.filter((row) => id.kind !== "action" || row.id === id.id).slice(-GROUNDS_OF);
  const grounds = new Map(await Promise.all(asked.map(async (row) => [row.id, await groundsOf(air, row)] as const)));
  const rows = storyRows(await air.store.storyOf(view.incident.id), view, id, grounds);
  const from = rows.filter((row) => row.line > after);
  const page = from.slice(0, PAGE);
  return listCard(
    `Decisions about ${nameOf(id)}`,
    page.map((row) => ({ id: time(row.at), mark: row.who, tone: "neutral", text: row.text })),
    "Nothing has been decided about it.",
    { total: rows.length, longest: 700, more: from.length > page.length ? `audit ${nameOf(id)} after=${page.at(-1)?.line}` : undefined },
  );
}
