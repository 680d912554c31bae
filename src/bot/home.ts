import { actionKinds } from "../engine/actions/all.ts";
import { type Air, actionId, incidentId } from "../engine/air.ts";
import { namedIn } from "../engine/authorise.ts";
import { STATE_WORD } from "../engine/cards/action-card.ts";
import { bold, type Card, cut, type Line } from "../engine/cards/card.ts";
import { cardInZone } from "../engine/cards/in-zone.ts";
import { pauseCard } from "../engine/cards/pause-card.ts";
import { listCard } from "../engine/cards/reply-card.ts";
import { capital, count, outside, SEVERITY_TONE, span, time } from "../engine/cards/say.ts";
import { SEVERITIES } from "../engine/domain/alert.ts";
import { mayDecide, mayView, type Person, sameHuman, suspectOf } from "../engine/domain/approval.ts";
import type { IncidentOutcomes, Measured, Spread } from "../engine/domain/figures.ts";
import { outcomeText } from "../engine/domain/incident.ts";
import type { InvestigationStatus } from "../engine/domain/investigation.ts";
import { NOBODY } from "../engine/domain/paging.ts";
import { byPlaybook, percent } from "../engine/domain/report.ts";
import { type Drawing, drawSubject } from "../engine/draw.ts";
import { onDuty } from "../engine/on-duty.ts";
import { zoneOf } from "../engine/schedules.ts";
import type { ActionRow, AgreementRow, IncidentView } from "../engine/store.ts";
import { actionSubject } from "../engine/want-cards.ts";
import { dutyText } from "./oncall-card.ts";
import { openIncidents } from "./open-incidents.ts";
import { whoamiCard } from "./whoami-card.ts";

/* What a person sees who opens air by itself: what waits for them, what they asked for, what is going on. Drawn from the rows like any card. */

const DECISIONS = 6;
const ROWS = 8;
/** Looked through for those this person may decide. */
const PENDING = 100;
const WEEK_MS = 7 * 86_400_000;

const STATUSES: readonly (readonly [InvestigationStatus, string])[] = [
  ["queued", "Queued"],
  ["running", "Running"],
  ["pendingResource", "Waiting for device"],
  ["pendingApproval", "Pending approval"],
];

/** The home tab, platform-free: a card per section. Who is in no role sees what an admin has to add, and nothing else. */
export async function homeCards(air: Air, drawing: Drawing, person: Person): Promise<Card[]> {
  if (!mayView(person.roles)) return [whoamiCard(person)];
  const [decisions, asked, open, running, week, duty] = await Promise.all([
    decisionCards(air, drawing, person),
    askedCard(air, person),
    openCard(air),
    runningCard(air),
    weekCard(air, drawing.now),
    onCallCard(air, drawing.now),
  ]);
  const cards = [
    ...drawing.pauses.map((pause) => pauseCard(pause, drawing.lab ?? false)),
    ...decisions,
    ...asked,
    open,
    running,
    duty,
    week,
  ];
  return cards.map((card) => cardInZone(card, zoneOf(air)));
}

/** The action's own card with its own buttons, bound to what is shown. */
async function decisionCards(air: Air, drawing: Drawing, person: Person): Promise<Card[]> {
  const pending = await air.store.listActions({ states: ["pending"], order: "deadline", limit: PENDING });
  const permitted = pending.items.filter(
    (row) => row.lab === air.capabilities.lab && mayDecide(person, { ...row, protectedHits: row.blastRadius.protectedHits }, []).allowed,
  );
  const views = await air.store.incidentViews([...new Set(permitted.map((row) => row.incidentId))]);
  const suspects = new Map<number, boolean>();
  for (const view of views.values()) suspects.set(view.incident.id, suspectOf(person, await namedIn(air, view)) !== undefined);
  const mine = permitted.filter((row) => {
    const view = views.get(row.incidentId);
    return view !== undefined && !suspects.get(row.incidentId) && isTheirs(air, person, row, view);
  });
  const shown = mine.slice(0, DECISIONS);
  const cards = shown.flatMap((row): Card[] => {
    const view = views.get(row.incidentId);
    const card = view && drawSubject(actionSubject(row.id), view, drawing);
    return card ? [brief(card)] : [];
  });
  const most = pending.next === null ? String(mine.length) : `${mine.length} or more`;
  const text =
    mine.length === 0
      ? "Nothing waits for your decision."
      : mine.length === 1 && pending.next === null
        ? "1 action waits for your decision."
        : `${most} actions wait for your decision, the most urgent first.`;
  return [
    {
      title: "Your decisions",
      tone: mine.length === 0 ? "good" : "warning",
      summary: text,
      lines: [{ kind: "text", text }],
      buttons: [
        { label: "New investigation", style: "plain", form: "investigate" },
        { label: "Take action", style: "plain", form: "do" },
        ...(mine.length > shown.length ? [{ label: "All that waits", style: "plain" as const, value: "say:actions pending" }] : []),
      ],
    },
    ...cards,
  ];
}

/** Not what somebody else has to decide: what this person approved already, or asked for where two have to. */
function isTheirs(air: Air, person: Person, row: ActionRow, view: IncidentView): boolean {
  const approved = view.approvals.some(
    (one) => one.actionId === row.id && one.version === row.version && sameHuman({ key: one.person, also: one.also }, person),
  );
  const asked = row.requestedBy !== null && sameHuman(row.requestedBy, person);
  return !approved && !(asked && row.approvalsNeeded > 1 && !air.policy().requesterMayApprove);
}

/** What is asked and why, in a few lines; the thread has the rest. */
function brief(card: Card): Card {
  const [first, ...rest] = card.lines;
  const facts = rest.flatMap((line): Line[] =>
    line.kind === "facts" ? [{ kind: "facts", facts: line.facts.filter(([label]) => BRIEF.has(label)) }] : [],
  );
  const notes = rest.filter((line) => line.kind === "note").slice(-1);
  return {
    ...card,
    lines: [...(first ? [first] : []), ...facts.filter((line) => line.kind !== "facts" || line.facts.length > 0), ...notes],
  };
}
const BRIEF: ReadonlySet<string> = new Set(["Reaches", "Protected", "Undo", "To approve", "Approvals"]);

async function askedCard(air: Air, person: Person): Promise<Card[]> {
  const { items } = await air.store.listActions({ requestedBy: person.key, order: "newest", limit: ROWS });
  if (items.length === 0) return [];
  return [listCard("What you asked for", items.map(rowOf), "")];
}

const rowOf = (row: ActionRow) => ({
  id: actionId(row.id),
  mark: STATE_WORD[row.state].word,
  tone: STATE_WORD[row.state].tone,
  text: `${actionKinds[row.kind].title(row.target)} (${incidentId(row.incidentId)}${row.state === "pending" ? `, answer by ${time(row.deadline)}` : ""})`,
});

async function openCard(air: Air): Promise<Card> {
  const [open, total] = await Promise.all([openIncidents(air.store, ROWS), air.store.countIncidents({ status: ["open"] })]);
  const rows = open.map((row) => ({
    id: incidentId(row.id),
    mark: capital(row.severity),
    tone: SEVERITY_TONE[row.severity],
    text: `${row.title}${row.assignee ? ` (${row.assignee})` : ""}`,
  }));
  return listCard("Open incidents, the most severe first", rows, "No incident is open.", {
    total,
    more: total > rows.length ? "list open" : undefined,
  });
}

async function runningCard(air: Air): Promise<Card> {
  const counts = await Promise.all(STATUSES.map(([status]) => air.store.countInvestigations({ status: [status] })));
  const facts = STATUSES.map(([, label], index) => [label, String(counts[index] ?? 0)] as const);
  return {
    title: "Investigations",
    tone: "neutral",
    summary: facts.map(([label, number]) => `${label}: ${number}`).join(", "),
    lines: [{ kind: "facts", facts }],
    buttons: [],
  };
}

async function onCallCard(air: Air, now: Date): Promise<Card> {
  const paging = air.paging?.() ?? NOBODY;
  const names = paging.chain.map((target) => paging.nameOf(target).name);
  const duty = await onDuty(air.store, air, now);
  const chain = `${names[0]} is told first when nobody answers${names.length > 1 ? `, then ${names.slice(1).join(", then ")}` : ""}.`;
  const text = names.length === 0 ? "Nobody is on call: set onCall in air.yaml." : duty ? dutyText(paging, duty) : chain;
  return {
    title: "On call",
    tone: "neutral",
    summary: text,
    lines: [{ kind: "text", text }],
    buttons: [{ label: "Who was told", style: "plain", value: "say:oncall" }],
  };
}

/** How long each of the four took, and how many that rests on. */
const TOOK: readonly (readonly [Measured, string])[] = [
  ["acknowledge", "To the acknowledgement"],
  ["verdict", "To the verdict"],
  ["decision", "To the decision"],
  ["containment", "To containment"],
];

async function weekCard(air: Air, now: Date): Promise<Card> {
  const week = { from: new Date(now.getTime() - WEEK_MS), to: now, lab: air.capabilities.lab };
  const [incidents, [figures], agreed] = await Promise.all([
    air.store.outcomes(week),
    air.store.figures(week),
    air.store.agreement(week.from, week.lab, week.to),
  ]);
  const total = incidents.reduce((sum, row) => sum + row.incidents, 0);
  const lines: Line[] = [
    ...(total === 0 ? [] : [{ kind: "list" as const, items: severityLines(incidents) }]),
    {
      kind: "facts",
      facts: [...TOOK.map(([name, label]) => [label, tookText(figures?.[name])] as const), ...agreementFacts(agreed)],
    },
    { kind: "note", text: "Medians; n is how many incidents they rest on. A decision is counted from its proposal." },
  ];
  const title = "The last 7 days";
  const head = total === 0 ? "No incident." : `${count(total, "incident")}.`;
  return {
    title,
    tone: "neutral",
    summary: `${title}: ${head}`,
    lines: [{ kind: "text", text: [bold(head)] }, ...lines],
    buttons: [{ label: "Report", style: "plain", value: "say:report 7d" }],
  };
}

const tookText = (spread: Spread | undefined): string =>
  !spread || spread.p50 === null ? "nothing to measure" : `${span(new Date(0), new Date(spread.p50))} (n ${spread.n})`;

/** Over all, and the playbooks people agree with most and least. */
function agreementFacts(rows: readonly AgreementRow[]): (readonly [string, string])[] {
  const judged = byPlaybook(rows).filter((one) => one.judged > 0);
  const share = (one: { right: number; judged: number }) => `${one.right} of ${one.judged} (${percent(one.right, one.judged)} %)`;
  const all = judged.reduce((sum, one) => ({ right: sum.right + one.right, judged: sum.judged + one.judged }), { right: 0, judged: 0 });
  const [worst, best] = [judged[0], judged.at(-1)];
  return [
    ["Agreement", judged.length === 0 ? "nobody judged a proposal" : `${share(all)} proposals`],
    ...(worst && best && worst !== best
      ? [
          ["Most agreed with", `${cut(outside(best.playbook), 60)}: ${share(best)}`] as const,
          ["Least agreed with", `${cut(outside(worst.playbook), 60)}: ${share(worst)}`] as const,
        ]
      : []),
  ];
}

/** "High: 4 (2 open, 1 true positive, 1 false positive)", the worst first. */
function severityLines(incidents: IncidentOutcomes): { mark: string; text: string }[] {
  return SEVERITIES.toReversed().flatMap((severity) => {
    const rows = incidents.filter((row) => row.severity === severity);
    if (rows.length === 0) return [];
    const words = rows.map((row) => `${row.incidents} ${outcomeText(row.outcome)}`).join(", ");
    return [{ mark: capital(severity), text: `${rows.reduce((sum, row) => sum + row.incidents, 0)} (${cut(outside(words), 200)})` }];
  });
}
