import { randomUUID, timingSafeEqual } from "node:crypto";
import { actionKinds } from "../engine/actions/all.ts";
import { type Air, actionId, alertId, evidenceId, incidentId, investigationId } from "../engine/air.ts";
import { STATE_WORD } from "../engine/cards/action-card.ts";
import { readButton } from "../engine/cards/button-id.ts";
import type { Card, Line } from "../engine/cards/card.ts";
import {
  evidenceLines,
  helpCard,
  type ListRow,
  listCard,
  logCard,
  noticeCard,
  refusalCard,
  stepsCard,
} from "../engine/cards/reply-card.ts";
import { capital, count, shown, time } from "../engine/cards/say.ts";
import { decideAction, redraw } from "../engine/decide-action.ts";
import { actorName } from "../engine/domain/actor.ts";
import { mayRespond, mayView, type Person } from "../engine/domain/approval.ts";
import type { Entity } from "../engine/domain/entity.ts";
import { Refusal } from "../engine/domain/errors.ts";
import { STATUS_SENTENCE, verdictWord } from "../engine/domain/investigation.ts";
import { type Drawing, drawSubject } from "../engine/draw.ts";
import { ackIncident, assignIncident, closeIncident, noteIncident, reopenIncident } from "../engine/manage-incident.ts";
import { mergeIncidents, splitIncident } from "../engine/merge-incidents.ts";
import { pause, resume } from "../engine/pause.ts";
import { reportFalseNegative, reportFalsePositive, setVerdict } from "../engine/set-verdict.ts";
import { snoozePolicy } from "../engine/snooze-policy.ts";
import { type StartRequest, startInvestigation } from "../engine/start-investigation.ts";
import { retryInvestigation, stopInvestigation } from "../engine/stop-investigation.ts";
import type { IncidentView } from "../engine/store.ts";
import { takeAction } from "../engine/take-action.ts";
import { extendAction } from "../engine/timed-actions.ts";
import { undoAction } from "../engine/undo-action.ts";
import { actionSubject, incidentSubject } from "../engine/want-cards.ts";
import { type ActionFilters, COMMANDS, type Command, type Id, readCommand } from "./commands.ts";
import { investigationLog } from "./investigation-log.ts";
import { policiesCard } from "./policies-card.ts";
import { whoamiCard } from "./whoami-card.ts";

/** What every chat hands over: words or a pressed button, by a person looked up just now. The answer is for that person alone. */
export type Conversation = {
  say: (text: string, person: Person) => Promise<Card>;
  /** undefined: nothing to say, the shared card will show it. */
  press: (value: string, person: Person, typed?: string) => Promise<Card | undefined>;
};

const PAGE = 15;

/** Somebody by name or address, as people in air.yaml has them. */
export type FindPerson = (text: string) => { name: string } | undefined;

export function createConversation(air: Air, drawing: () => Promise<Drawing>, find: FindPerson = () => undefined): Conversation {
  const say: Conversation["say"] = (text, person) =>
    answered(async () => answer(air, { drawing, find }, readCommand(text, air.policy().organization.domains), person));
  return {
    say,
    press: async (value, person, typed) => {
      const meaning = readButton(value, air.sign, sameText);
      if (!meaning) {
        await air.store.transaction((tx) =>
          tx.writeAudit([
            {
              at: air.clock.now(),
              actor: { kind: "person", via: person.via, key: person.key, name: person.name },
              event: "button.refused",
              subject: "unreadable",
            },
          ]),
        );
        return refusalCard("This button was not made by this air, or its card was altered. Ask for a fresh card: status.");
      }
      if (meaning.kind === "say") return say(meaning.text, person);
      try {
        if (meaning.decision === "undo") {
          await undoAction(air, person, { action: meaning.action, version: meaning.version, reason: typed });
          return undefined;
        }
        if (meaning.decision === "reject" && !typed?.trim()) return refusalCard("Say why: the reason is kept with the incident.");
        const decided = await decideAction(air, person, {
          action: meaning.action,
          decision: meaning.decision,
          version: meaning.version,
          reason: typed,
        });
        return decided.waitsForSecond
          ? noticeCard(
              "Your approval is counted",
              `${actionId(meaning.action)} needs a second person: 1 of ${decided.action.approvalsNeeded}.`,
              "info",
            )
          : undefined;
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        if (error.code === "changed" || error.code === "expired" || error.code === "already-decided") await redrawNow(air, meaning.action);
        return refusalCard(error.message);
      }
    },
  };
}

const sameText = (a: string, b: string) => a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));

/** A stale click means a stale card: it is drawn again. */
async function redrawNow(air: Air, id: number): Promise<void> {
  const action = await air.store.action(id);
  if (action) await air.store.transaction((tx) => redraw(tx, air, action, air.clock.now()));
}

async function answered(work: () => Promise<Card>): Promise<Card> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Refusal) return refusalCard(error.message);
    throw error;
  }
}

async function answer(
  air: Air,
  { drawing, find }: { drawing: () => Promise<Drawing>; find: FindPerson },
  command: Command,
  person: Person,
): Promise<Card> {
  if (command.kind === "help") return helpCard(COMMANDS);
  if (command.kind === "whoami") return whoamiCard(person);
  if (command.kind === "misunderstood") return noticeCard("Not understood", command.text, "warning");
  if (!mayView(person.roles))
    throw new Refusal("forbidden", 'You have no role in air, so there is nothing to show. Say "whoami" for the lines an admin would add.');
  switch (command.kind) {
    case "status":
      return command.id ? status(air, await drawing(), command.id) : overview(air);
    case "list": {
      const page = await air.store.listIncidents({
        limit: PAGE,
        ...(command.open ? { status: ["open"] as const } : {}),
        ...(command.severity ? { severity: command.severity } : {}),
        ...(command.after === undefined ? {} : { after: command.after }),
      });
      const more =
        page.next &&
        `list ${command.open ? "open " : ""}${command.severity ? `severity=${command.severity.join(",")} ` : ""}after=${page.next}`;
      return listCard(
        "Incidents, newest first",
        page.items.map((row) => ({
          id: incidentId(row.id),
          mark: capital(row.severity),
          tone: "neutral",
          text: `${row.title} (${count(row.alertCount, "alert")}, ${row.status}, ${time(row.openedAt)})`,
        })),
        "No incident matches.",
        more || undefined,
      );
    }
    case "actions":
      return actions(air, command);
    case "log":
      return log(air, command.id);
    case "alerts": {
      const view = await viewOf(air, command.id);
      return listCard(
        `Alerts of ${incidentId(view.incident.id)}`,
        view.alerts.map((row) => ({
          id: alertId(row.id),
          mark: capital(row.severity),
          tone: "neutral",
          text: `${row.title} from ${row.source} (${row.joinedBecause ? `joined: ${row.joinedBecause}` : "opened the incident"}${row.duplicates > 0 ? `, seen ${row.duplicates + 1} times` : ""}; ${row.policyRule})`,
        })),
        "It has no alerts.",
      );
    }
    case "audit":
      return audit(air, command.id);
    case "protected":
      return noticeCard(
        "Protected: two people decide",
        [
          "Built in: domain controllers, holders of privileged directory roles, servers of unknown role.",
          ...air.policy().protected.map((entry) => `air.yaml: ${entry}`),
        ].join("\n"),
      );
    case "decide": {
      const decided = await decideAction(air, person, { action: command.action, decision: command.decision, reason: command.reason });
      const title = actionKinds[decided.action.kind].title(decided.action.target);
      if (decided.waitsForSecond) return noticeCard("Your approval is counted", `${actionId(command.action)} needs a second person.`);
      return noticeCard(
        command.decision === "approve" ? "Approved" : "Rejected",
        `${actionId(command.action)}: ${title}.`,
        command.decision === "approve" ? "good" : "neutral",
      );
    }
    case "undo": {
      const undone = await undoAction(air, person, { action: command.action, reason: command.reason });
      return noticeCard("Being undone", `${actionId(undone.id)}: ${actionKinds[undone.kind].undo.text}`);
    }
    case "policies":
      return policiesCard(air.policy().alertPolicies, await air.store.activeSnoozes(air.clock.now()), air.clock.now());
    case "investigate": {
      const started = await startInvestigation(air, person, await requestOf(air, command.what), randomUUID());
      return noticeCard(
        started.already ? "Already running" : "Investigation started",
        `${started.investigation ?? ""} in ${started.incident}${started.already ? " takes it in" : ""}. Say: status ${started.investigation ?? started.incident}`,
      );
    }
    case "retry": {
      const { evidence } = await retryInvestigation(air, person, command.investigation);
      return noticeCard(
        "Tried again",
        `${investigationId(command.investigation)}: ${count(evidence, "piece")} of evidence ${evidence === 1 ? "is" : "are"} looked at again.`,
      );
    }
    case "stop": {
      const row = await stopInvestigation(air, person, command.investigation, command.reason);
      return noticeCard("Stopped", `${investigationId(row.id)} has ended. What had not begun is cancelled; nothing was undone.`, "neutral");
    }
    case "merge": {
      const { survivor, absorbed } = await mergeIncidents(air, person, command.one, command.other);
      return noticeCard("Merged", `${incidentId(absorbed)} is now part of ${incidentId(survivor)}.`, "good");
    }
    case "split": {
      const { incident } = await splitIncident(air, person, command.incident, command.alert);
      return noticeCard("Split", `${alertId(command.alert)} is now ${incidentId(incident)}. air does not join the two again.`, "good");
    }
    case "verdict": {
      const evidence = await setVerdict(air, person, command);
      return noticeCard(
        "Verdict set",
        `${evidenceId(evidence.id)} (${shown(evidence.entity)}) counts as ${verdictWord(evidence.entity.kind, command.verdict)}. What follows from it is proposed and asks.`,
      );
    }
    case "fp": {
      const { evidence, proposed } = await reportFalsePositive(air, person, command.of, command.reason);
      return noticeCard(
        "Noted as a false positive",
        `${evidenceId(evidence.id)} (${shown(evidence.entity)}) counts as clean. ${proposed > 0 ? `${count(proposed, "action")} proposed: ${proposed === 1 ? "it asks" : "they ask"} for a decision.` : "Nothing was done because of it, so there is nothing to take back."}`,
      );
    }
    case "fn": {
      const started = await reportFalseNegative(air, person, command.entity, randomUUID());
      return noticeCard(
        "Noted as missed",
        `${started.investigation ?? ""} in ${started.incident} looks into it.${started.proposed > 0 ? " Blocking it is proposed and asks." : ""}`,
      );
    }
    case "do": {
      const action = await takeAction(
        air,
        person,
        { kind: command.action, target: command.target, reason: command.reason, forMs: command.forMs },
        randomUUID(),
      );
      const title = actionKinds[action.kind].title(action.target);
      return action.state === "pending"
        ? noticeCard(
            "Asked",
            `${actionId(action.id)}: ${title}. ${action.approvalsNeeded > 1 ? "Two others decide." : "An approver decides."}`,
          )
        : noticeCard("Approved", `${actionId(action.id)}: ${title}. You decided it by asking; it is carried out next.`, "good");
    }
    case "extend": {
      const until = await extendAction(air, person, command.action, command.moreMs);
      return noticeCard("Extended", `${actionId(command.action)} now ends by itself at ${time(until)}.`, "good");
    }
    case "note":
      await noteIncident(air, person, command.incident, command.text);
      return noticeCard("Noted", `It stands in the story of ${incidentId(command.incident)}.`, "good");
    case "assign": {
      const to = /^me$/i.test(command.to) ? person : find(command.to);
      if (!to)
        throw new Refusal(
          "not-found",
          `Nobody in people of air.yaml is called ${command.to.slice(0, 60)}. Give a name or an e-mail address, or say me.`,
        );
      const row = await assignIncident(air, person, command.incident, to);
      return noticeCard("Assigned", `${incidentId(row.id)} is looked after by ${row.assignee ?? to.name}.`, "good");
    }
    case "ack":
      await ackIncident(air, person, command.incident);
      return noticeCard("Acknowledged", `Everybody sees that you look at ${incidentId(command.incident)}.`, "good");
    case "close": {
      const row = await closeIncident(air, person, command.incident, command);
      const what = `${row.classification ?? ""}${row.determination ? `, ${row.determination}` : ""}`;
      return noticeCard("Closed", `${incidentId(row.id)}: ${what}. To open it again: reopen ${incidentId(row.id)}`, "good");
    }
    case "reopen":
      await reopenIncident(air, person, command.incident);
      return noticeCard("Reopened", `${incidentId(command.incident)} is open; new alerts join it again.`, "good");
    case "snooze": {
      const { until } = await snoozePolicy(air, person, command);
      return noticeCard(
        "Snoozed",
        `What ${command.policy} matches is stored and listed, and neither shown nor looked into, until ${time(until)}.`,
        "warning",
      );
    }
    case "pause":
      if (!mayRespond(person.roles)) throw new Refusal("forbidden", "Pausing needs the role responder, approver or admin.");
      await pause(air, person, command.family, command.reason);
      return noticeCard(
        "Paused",
        `${command.family === "all" ? "Every execution" : `Every ${command.family} action`} not yet begun waits. An admin resumes.`,
        "warning",
      );
    case "resume":
      if (!person.roles.admin) throw new Refusal("forbidden", "Only an admin resumes. An admin can add you under roles.admin in air.yaml.");
      await resume(air, person);
      return noticeCard("Resumed", "Executions go on.", "good");
    default:
      return command satisfies never;
  }
}

/** What `investigate` is aimed at, by id. */
async function requestOf(air: Air, what: Id | Entity): Promise<StartRequest> {
  // Ids carry a number, entities never do.
  if (!("id" in what) || typeof what.id !== "number") return { entity: what as Entity };
  const id = what as Id;
  switch (id.kind) {
    case "alert":
      return { alert: id.id };
    case "incident":
      return { incident: id.id };
    case "investigation": {
      const row = await air.store.investigation(id.id);
      if (!row) throw new Refusal("not-found", `There is no investigation ${investigationId(id.id)}.`);
      return { incident: row.incidentId };
    }
    case "evidence": {
      const row = await air.store.evidence(id.id);
      if (!row) throw new Refusal("not-found", `There is no evidence ${evidenceId(id.id)}.`);
      return { entity: row.entity };
    }
    case "action": {
      const row = await air.store.action(id.id);
      if (!row) throw new Refusal("not-found", `There is no action ${actionId(id.id)}.`);
      return { entity: row.target };
    }
    default:
      return id.kind satisfies never;
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

async function status(air: Air, drawing: Drawing, id: Id): Promise<Card> {
  const view = await viewOf(air, id);
  if (id.kind === "action") {
    const card = drawSubject(actionSubject(id.id), view, drawing);
    if (card) return card;
  }
  const root = drawSubject(incidentSubject(view.incident.id), view, drawing);
  if (!root) throw new Refusal("not-found", `There is no ${id.kind} ${nameOf(id)}.`);
  const judged = view.evidence.filter((item) => item.judgement !== null);
  const lines = evidenceLines(
    judged.slice(0, 12).map((item) => ({
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
  const queued = id.kind === "investigation" ? view.investigations.find((row) => row.id === id.id && row.status === "queued") : undefined;
  const waits: Line[] = queued ? [{ kind: "note", text: await queueText(air, queued.id) }] : [];
  return { ...root, lines: [...waits, ...root.lines.filter((line) => !(line.kind === "list" && line.title === "Evidence")), ...lines] };
}

/** How long the queue is, and its bound (domain facts 1.6, "Queued by throttling"). */
async function queueText(air: Air, investigation: number): Promise<string> {
  const ahead = await air.store.queued(investigation);
  return `${ahead === 0 ? "Next in the queue" : `${count(ahead, "investigation")} ahead in the queue`}; ${air.atOnce ?? 1} run at once on each machine.`;
}

async function overview(air: Air): Promise<Card> {
  const open = await air.store.listIncidents({ status: ["open"], limit: 10 });
  const pending = await air.store.listActions({ states: ["pending"], limit: 10 });
  const card = listCard(
    "What is going on",
    [
      ...pending.items.map(
        (row): ListRow => ({
          id: actionId(row.id),
          mark: "Decide",
          tone: "warning",
          text: `${actionKinds[row.kind].title(row.target)} (${incidentId(row.incidentId)}, answer by ${time(row.deadline)})`,
        }),
      ),
      ...open.items.map((row): ListRow => ({ id: incidentId(row.id), mark: capital(row.severity), tone: "neutral", text: row.title })),
    ],
    "No open incidents, and nothing waits for a decision.",
  );
  return { ...card, buttons: [{ label: "All incidents", style: "plain", value: "say:list" }] };
}

async function actions(air: Air, command: Extract<Command, { kind: "actions" }>): Promise<Card> {
  const states = command.which === "pending" ? (["pending"] as const) : HISTORY;
  const { sinceMs, ...filters } = command.filters;
  // What waits longest for its answer comes first; what became of the others by when it happened.
  const order = filters.order ?? (command.which === "pending" ? "deadline" : "updated");
  const page = await air.store.listActions({
    ...filters,
    ...(sinceMs === undefined ? {} : { since: new Date(air.clock.now().getTime() - sinceMs) }),
    states,
    order,
    limit: PAGE,
    ...(command.after === undefined ? {} : { after: command.after }),
  });
  return listCard(
    command.which === "pending" ? "Actions that wait for a decision" : "Action history",
    page.items.map((row) => ({
      id: actionId(row.id),
      mark: STATE_WORD[row.state].word,
      tone: STATE_WORD[row.state].tone,
      text: `${actionKinds[row.kind].title(row.target)} (${incidentId(row.incidentId)}${row.decision ? `, by ${row.decision.by}` : `, answer by ${time(row.deadline)}`})`,
    })),
    command.which === "pending" ? "Nothing waits for a decision." : "Nothing matches.",
    page.next ? `actions ${command.which}${filterText(command.filters)} after=${page.next}` : undefined,
  );
}

/** The filters as they were written, for the button that shows the next page. */
const filterText = (filters: ActionFilters): string =>
  [
    filters.kinds && `kind=${filters.kinds.join(",")}`,
    filters.families && `family=${filters.families.join(",")}`,
    filters.decidedBy && `by=${filters.decidedBy}`,
    filters.target && `target=${filters.target}`,
    filters.incidentId !== undefined && `incident=INC-${filters.incidentId}`,
    filters.sinceMs !== undefined && `since=${Math.round(filters.sinceMs / 60_000)}m`,
    filters.order && `sort=${filters.order}`,
  ]
    .filter((part): part is string => typeof part === "string")
    .map((part) => ` ${part}`)
    .join("");
/** Everything but pending (product contract 3.2). */
export const HISTORY = (Object.keys(STATE_WORD) as (keyof typeof STATE_WORD)[]).filter((state) => state !== "pending");

/** Steps one answer shows; the whole log is at /v1/investigations/{id}/log, also as CSV. */
const LOG_SHOWN = 30;

async function log(air: Air, id: Id): Promise<Card> {
  const view = await viewOf(air, id);
  const investigation = id.kind === "investigation" ? view.investigations.find((row) => row.id === id.id) : undefined;
  if (!investigation) {
    return logCard(
      nameOf(id),
      view.timeline.slice(-LOG_SHOWN).map((row) => ({ at: row.at, who: actorName(row.actor), text: row.text })),
    );
  }
  const rows = await investigationLog(air.store, investigation.id);
  return stepsCard(investigationId(investigation.id), STATUS_SENTENCE[investigation.status], rows.slice(-LOG_SHOWN), rows.length);
}

async function audit(air: Air, id: Id): Promise<Card> {
  const view = await viewOf(air, id);
  const rows = view.timeline.filter((row) => row.actionId !== null && (id.kind !== "action" || row.actionId === id.id));
  return listCard(
    `Decisions about ${nameOf(id)}`,
    rows.map((row) => ({ id: time(row.at), mark: actorName(row.actor), tone: "neutral", text: row.text })),
    "Nothing has been decided about it.",
  );
}
