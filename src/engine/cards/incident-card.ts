import type { Severity, Verdict } from "../domain/alert.ts";
import type { Entity } from "../domain/entity.ts";
import { ENDED, type Found, JUDGEABLE, STATUS_SENTENCE, statusText, VERDICT_WORD, verdictWord } from "../domain/investigation.ts";
import { alreadyStopped } from "../domain/never-act.ts";
import { remediationSaid, type Standing } from "../domain/remediation.ts";
import type { ActionView } from "./action-card.ts";
import { type Button, bold, type Card, cut, type Line, type Text, type Tone } from "./card.ts";
import { capital, count, kindWord, outside, SEVERITY_TONE, shown, span, time } from "./say.ts";
import { type SnoozeView, snoozeLines } from "./snooze-facts.ts";
import { type VendorFacts, vendorFacts, vendorLines } from "./vendor-facts.ts";

/** What the root card of an incident is drawn from: plain facts, read in one go. */
export type IncidentFacts = {
  id: string;
  title: string;
  severity: Severity;
  status: "open" | "closed" | "redirected";
  redirectTo?: string | undefined;
  lab: boolean;
  assignee?: string | undefined;
  openedAt: Date;
  alerts: {
    id: string;
    source: string;
    sourceId: string;
    /** Who asked for it, where no source raised it. */
    askedBy?: string | undefined;
    title: string;
    severity: Severity;
    because?: string | undefined;
    url?: string | undefined;
    duplicates: number;
    /** The rule by which it did or did not start an investigation. */
    policy: string;
  }[];
  /** Of all its alerts; the newest are in `alerts`. */
  alertCount: number;
  investigations: {
    id: string;
    status: keyof typeof STATUS_SENTENCE;
    startedAt: Date;
    endedAt?: Date | undefined;
    pendingSince?: Date | undefined;
    playbooks: string[];
    advice: string[];
    /** What its sentence may claim; without it, it claims nothing. */
    found?: Found | undefined;
  }[];
  notInvestigated?: string | undefined;
  evidence: {
    id: string;
    entity: Entity;
    verdict: Verdict;
    remediation: string;
    /** What its sources say became of it: "prevented". */
    sourceDid?: readonly { source: string; what: string }[];
    for: string[];
    against: string[];
    missing: string[];
    flip: string;
    conflict: boolean;
    /** air.yaml leaves it alone. */
    excluded?: boolean;
    /** Its turn has not come yet. */
    unasked?: boolean;
  }[];
  actions: ActionView[];
  /** The sources' own incidents. */
  vendors?: readonly VendorFacts[];
  /** Who was told that something waits here, oldest first. */
  told?: readonly { name: string; at: Date }[];
  /** Who is told later because of quiet hours: the moment as the wall there shows it. */
  waits?: readonly { name: string; until: string; together?: boolean }[];
  /** Who looks at it: nobody else is told. */
  /** `since`: what became of it after that. */
  acked?: { by: string; at: Date; since?: string | undefined } | undefined;
  /** Who is told next, and when, unless somebody acknowledges it. */
  next?: readonly { name: string; at: Date }[];
  paused?: string | undefined;
  /** Its last silence, where that still says something. */
  snooze?: SnoozeView | undefined;
  link?: string | undefined;
  now: Date;
};

const ORDER: Verdict[] = ["malicious", "suspicious", "noThreatsFound", "unknown"];
const VERDICT_TONE: Record<Verdict, Tone> = { malicious: "bad", suspicious: "warning", noThreatsFound: "good", unknown: "neutral" };

/** Longest lists on a card; the rest is counted and found in the log. */
const SHOWN = { evidence: 8, alerts: 3, actions: 6, advice: 3, told: 4 };

export function incidentCard(incident: IncidentFacts): Card {
  if (incident.status === "redirected") return mergedCard(incident);
  const worst = worstOf(incident);
  const waiting = incident.actions.filter((action) => action.state === "pending");
  const investigation = incident.investigations.findLast((one) => !ENDED.has(one.status)) ?? incident.investigations.at(-1);
  const status = investigation
    ? statusSentence(incident, investigation)
    : `Not investigated: ${incident.notInvestigated ?? "no policy starts one"}.`;
  const lines: Line[] = [];
  if (incident.paused) lines.push({ kind: "text", text: [bold("Paused: "), { text: incident.paused }] });
  lines.push(...snoozeLines(incident.snooze, waiting));
  lines.push(...sourceLines(incident));
  lines.push({ kind: "text", text: verdictAndStatus(worst, `${status}${unfinished(incident, investigation)}`) });
  lines.push(...vendorLines(incident));
  lines.push({ kind: "facts", facts: facts(incident, investigation) });
  if (incident.actions.length > 0) {
    lines.push({
      kind: "list",
      title: waiting.length > 0 ? `Actions: ${count(waiting.length, "waits", "wait")} for a decision` : "Actions",
      items: incident.actions
        .toSorted((a, b) => rank(a) - rank(b))
        .slice(0, SHOWN.actions)
        .map((action) => ({
          mark: action.stateWord,
          tone: action.tone,
          text: `${action.id} ${cut(outside(action.title), 120)}${action.short ? ` (${action.short})` : ""}`,
        })),
    });
    if (incident.actions.length > SHOWN.actions)
      lines.push({
        kind: "note",
        text: `And ${count(incident.actions.length - SHOWN.actions, "more action")}. Say: actions all incident=${incident.id}`,
      });
  }
  const people = peopleFacts(incident, waiting.length > 0);
  if (people.length > 0) lines.push({ kind: "facts", facts: people });
  lines.push(...evidenceLines(incident));
  const advice = [...new Set(incident.investigations.flatMap((one) => one.advice))];
  if (advice.length > 0)
    lines.push({
      kind: "list",
      title: "By hand",
      items: advice.slice(0, SHOWN.advice).map((text) => ({ mark: "Advice", text: cut(text, 300) })),
    });
  lines.push(...alertLines(incident));
  const [first] = incident.alerts;
  if (first && first.askedBy === undefined && investigation)
    lines.push({ kind: "note", text: `By the rule: ${cut(outside(first.policy), 120)}.` });
  return {
    title: `${incident.lab ? "LAB " : ""}${incident.id}: ${cut(outside(incident.title), 120)}`,
    // What is over does not call any more.
    tone: incident.status === "closed" ? "neutral" : SEVERITY_TONE[incident.severity],
    badge: `${capital(incident.severity)} severity${incident.status === "closed" ? ", closed" : ""}`,
    summary: summary(incident, worst, waiting, status),
    lines,
    buttons: buttons(incident, investigation),
  };
}

/** What was merged away has nothing of its own any more: that it has no verdict and was not looked into would be true of nothing. */
function mergedCard({ id, title, lab, redirectTo = "another incident", link }: IncidentFacts): Card {
  const name = cut(outside(title), 120);
  return {
    title: `${lab ? "LAB " : ""}${id}: ${name}`,
    tone: "neutral",
    badge: `Merged into ${redirectTo}`,
    summary: `${lab ? "LAB " : ""}${id} was merged into ${redirectTo} and goes on there. ${name}`,
    lines: [{ kind: "text", text: `This incident was merged into ${redirectTo}. All that was in it goes on there.` }],
    buttons: [
      { label: `Show ${redirectTo}`, style: "plain", value: `say:status ${redirectTo}` },
      ...(link ? [{ label: "Console", style: "plain" as const, url: link }] : []),
    ],
  };
}

/** Where it comes from: the id to look for in the source's own console. */
function sourceLines({ alerts, alertCount }: IncidentFacts): Line[] {
  const [first] = alerts;
  if (!first) return [];
  const others = first.askedBy === undefined ? alertCount - 1 : alertCount;
  const more = others > 0 ? `, and ${count(others, "more alert")}` : "";
  const from =
    first.askedBy === undefined
      ? `Alert ${cut(outside(first.sourceId), 60)} of ${cut(outside(first.source), 40)}`
      : `Asked for by ${cut(outside(first.askedBy), 60)}`;
  return [{ kind: "note", text: `${from} (${first.id})${more}` }];
}

/** "Malicious. Pending approval: ..."; what the status says already is not said before it. */
function verdictAndStatus(worst: Verdict, status: string): Text {
  const word = VERDICT_WORD[worst];
  return status.startsWith(word) ? [bold(`${word}.`), { text: status.slice(word.length + 1) }] : [bold(`${word}. `), { text: status }];
}

/** That nothing is done reads otherwise where air only watches, or the source has done it. */
function statusSentence({ evidence, actions }: IncidentFacts, { status, found }: IncidentFacts["investigations"][number]): string {
  if (status === "partiallyInvestigated" && actions.some(({ state }) => state === "observed"))
    return "Investigated: a threat was found. In mode observe air says what it would do, and does nothing.";
  const bad = evidence.filter(({ verdict }) => verdict === "malicious" || verdict === "suspicious");
  const isDone = status === "partiallyInvestigated" && actions.length === 0 && bad.length > 0;
  return isDone && bad.every(({ remediation }) => alreadyStopped(remediation))
    ? "Partially investigated: what was found bad its source has dealt with already, so nothing is proposed."
    : found
      ? statusText(status, found)
      : STATUS_SENTENCE[status];
}

/** What could not be looked at or judged, by name, with the way to take it up again. */
function unfinished(incident: IncidentFacts, investigation: IncidentFacts["investigations"][number] | undefined): string {
  if (investigation?.status !== "partiallyInvestigated" && investigation?.status !== "failed") return "";
  const open = [...new Set(unlooked(incident).map((item) => cut(shown(item.entity), 60)))];
  if (open.length === 0) return "";
  return ` Open: ${open.slice(0, 3).join(", ")}${open.length > 3 ? ` and ${open.length - 3} more` : ""}.${canRetry(incident) ? " Retry asks again for what was not answered." : " No connected source knows more."}`;
}
/** Something was not answered, so asking again may help; that nobody knows a thing is an answer. */
const canRetry = (incident: IncidentFacts) => incident.evidence.some((item) => item.missing.length > 0);
const unlooked = (incident: IncidentFacts) =>
  incident.evidence.filter(
    (item) => item.missing.length > 0 || (item.verdict === "unknown" && JUDGEABLE.has(item.entity.kind) && !item.excluded),
  );

/** Pending first, then what runs, then what is over. */
const rank = (action: ActionView) => (action.state === "pending" ? 0 : ["approved", "executing", "undoing"].includes(action.state) ? 1 : 2);

const worstOf = (incident: IncidentFacts): Verdict =>
  ORDER.find((verdict) => incident.evidence.some((item) => item.verdict === verdict)) ?? "unknown";

/** The first 100 characters say verdict, target and what is asked (product contract 7). */
function summary(incident: IncidentFacts, worst: Verdict, waiting: ActionView[], status: string): string {
  const target = incident.evidence.find((item) => item.verdict === worst && item.verdict !== "unknown");
  const asked = waiting[0] ? ` Decide: ${cut(outside(waiting[0].title), 60)}.` : "";
  const what = target
    ? `${VERDICT_WORD[worst]}: ${cut(shown(target.entity), 40)}.`
    : `${capital(incident.severity)}: ${cut(outside(incident.title), 50)}.`;
  return `${incident.lab ? "LAB " : ""}${what}${asked} ${incident.id} ${cut(outside(incident.title), 80)}. ${status}`;
}

function facts(incident: IncidentFacts, investigation: IncidentFacts["investigations"][number] | undefined): (readonly [string, Text])[] {
  const names = (kinds: Entity["kind"][]) => {
    const named = incident.evidence.filter((item) => kinds.includes(item.entity.kind)).map((item) => shown(item.entity));
    // `WS-042` and `ws-042` are one.
    const all = [...new Map(named.toReversed().map((name) => [name.toLowerCase(), name])).values()].reverse();
    return all.length === 0
      ? undefined
      : `${all
          .slice(0, 3)
          .map((name) => cut(name, 40))
          .join(", ")}${all.length > 3 ? ` and ${all.length - 3} more` : ""}`;
  };
  const counts = ORDER.map(
    (verdict) =>
      [
        verdict,
        incident.evidence.filter((item) => item.verdict === verdict && (verdict !== "unknown" || JUDGEABLE.has(item.entity.kind))).length,
      ] as const,
  )
    .filter(([, number]) => number > 0)
    .map(([verdict, number]) => `${number} ${VERDICT_WORD[verdict].toLowerCase()}`);
  const list: (readonly [string, Text | undefined])[] = [
    ["Verdicts", counts.length > 0 ? counts.join(", ") : "none yet"],
    ["Devices", names(["device"])],
    ["Users", names(["user"])],
    ["Mailboxes", names(["mailbox"])],
    ["Started", time(incident.openedAt)],
    [
      "Pending since",
      // No "for 4 min": it would still stand there hours later.
      investigation?.status === "pendingApproval" && investigation.pendingSince ? time(investigation.pendingSince) : undefined,
    ],
    ["Took", investigation?.endedAt && ENDED.has(investigation.status) ? span(investigation.startedAt, investigation.endedAt) : undefined],
  ];
  return list.filter((entry): entry is readonly [string, Text] => entry[1] !== undefined);
}

/** Who knows of it, and what the products did by themselves. */
function peopleFacts(incident: IncidentFacts, waits: boolean): (readonly [string, Text])[] {
  const list: (readonly [string, Text | undefined])[] = [
    [incident.lab ? "Would be paged" : "Paged", told(incident)],
    [(incident.waits ?? []).some((one) => !one.together) ? "Quiet hours" : "Waits", waitsText(incident)],
    ["Next", comesNext(incident)],
    [
      "Acknowledged",
      incident.acked &&
        `by ${cut(outside(incident.acked.by), 60)} at ${time(incident.acked.at)}${incident.acked.since ? `, ${incident.acked.since}` : ""}`,
    ],
    ["Assigned to", incident.assignee === undefined ? undefined : cut(outside(incident.assignee), 80)],
    ...vendorFacts(incident.vendors ?? []),
    ...sourceFacts(incident, waits),
  ];
  return list.filter((entry): entry is readonly [string, Text] => entry[1] !== undefined);
}

/** What the sources did by themselves, what they still do, and what they say is left. */
function sourceFacts(incident: IncidentFacts, waits: boolean): (readonly [string, Text])[] {
  const names = toldApart(incident.evidence);
  const said = incident.evidence.flatMap((item) =>
    (item.sourceDid ?? []).map(({ source, what }) => ({ source, ...remediationSaid(what), name: names.get(item) ?? shown(item.entity) })),
  );
  const of = (standing: Standing) => said.filter((one) => one.standing === standing);
  const named = (some: typeof said) =>
    some.map(({ name, text, source }) => `${name} ${cut(outside(text), 40)} (${cut(outside(source), 40)})`);
  const pending = Map.groupBy(of("pending"), ({ source }) => source);
  const nothing = waits && said.length === 0 ? "nothing reported" : undefined;
  const list: (readonly [string, Text | undefined])[] = [
    ["Done by the source", some(named(of("done"))) ?? nothing],
    ...[...pending].map(
      ([source, those]) =>
        [`Pending in ${capital(cut(outside(source), 30))}`, some(those.map(({ name, text }) => `${name} ${text}`))] as const,
    ),
    ["Said by the source", some(named(of("open")))],
  ];
  return list.filter((entry): entry is readonly [string, Text] => entry[1] !== undefined);
}

const some = (said: readonly string[]): string | undefined =>
  said.length === 0 ? undefined : `${said.slice(0, 3).join(", ")}${said.length > 3 ? ` and ${said.length - 3} more` : ""}`;

/** Each by its name; those that share one, by what else is known of them: the device, else the path, else the hash. */
function toldApart(evidence: IncidentFacts["evidence"]): Map<IncidentFacts["evidence"][number], string> {
  const alike = Map.groupBy(evidence, ({ entity }) => `${entity.kind} ${shown(entity).toLowerCase()}`);
  const named = new Map<IncidentFacts["evidence"][number], string>();
  for (const items of alike.values()) {
    const by = items.length < 2 ? undefined : MORE.find((more) => new Set(items.map(({ entity }) => more(entity))).size === items.length);
    for (const item of items) {
      const more = items.length < 2 ? undefined : (by ?? everything)(item.entity);
      named.set(item, `${cut(shown(item.entity), 60)}${more ? ` ${more}` : ""}`);
    }
  }
  return named;
}
const field = (entity: Entity, name: string): string | undefined => {
  const value = (entity as Record<string, unknown>)[name];
  return typeof value === "string" && value !== "" ? value : undefined;
};
const MORE: ((entity: Entity) => string | undefined)[] = [
  (entity) => words("on ", field(entity, "device"), 40),
  (entity) => words("in ", field(entity, "path"), 80),
  (entity) => words("", (field(entity, "sha256") ?? field(entity, "sha1") ?? field(entity, "md5"))?.slice(0, 8), 8),
];
const words = (before: string, text: string | undefined, max: number) => text && `${before}${cut(outside(text), max)}`;
const everything = (entity: Entity) => MORE.flatMap((more) => more(entity) ?? []).join(" ");

/** "Mia is told at 2026-10-05 07:00 (Europe/Berlin): quiet hours" or "in one message with others", each person once. */
function waitsText({ waits = [], lab }: IncidentFacts): string | undefined {
  const once = [...new Map(waits.map((one) => [one.name, one]))].slice(0, SHOWN.told);
  return once.length === 0
    ? undefined
    : once
        .map(
          ([name, one]) =>
            `${cut(name, 60)} ${lab ? "would be" : "is"} told at ${one.until}${one.together ? " in one message with others" : ": quiet hours"}`,
        )
        .join(", ");
}

/** Who was told last, and when; each once. */
function told(incident: IncidentFacts): string | undefined {
  const last = new Map((incident.told ?? []).toSorted((a, b) => a.at.getTime() - b.at.getTime()).map(({ name, at }) => [name, at]));
  const newest = [...last].sort(([, a], [, b]) => b.getTime() - a.getTime()).slice(0, SHOWN.told);
  // Nobody is told anything in the lab.
  const was = incident.lab ? "would be told" : "was told";
  return newest.length === 0 ? undefined : newest.map(([name, at]) => `${cut(name, 60)} ${was} at ${time(at)}`).join(", ");
}

/** The next step of the escalation; of several that go on at once, the first of them. */
function comesNext({ next = [], lab }: IncidentFacts): string | undefined {
  const [first] = next.toSorted((a, b) => a.at.getTime() - b.at.getTime());
  return first && `${cut(first.name, 60)} ${lab ? "would be" : "is"} told at ${time(first.at)}, unless somebody acknowledges it`;
}

function evidenceLines(incident: IncidentFacts): Line[] {
  const told = incident.evidence
    .filter((item) => item.verdict !== "unknown" || item.missing.length > 0)
    .toSorted((a, b) => ORDER.indexOf(a.verdict) - ORDER.indexOf(b.verdict));
  // Nobody was asked yet about what was not looked at.
  const unknown = incident.evidence.filter((item) => !item.unasked && !told.includes(item) && JUDGEABLE.has(item.entity.kind));
  const lines: Line[] = [];
  if (told.length > 0) {
    lines.push({
      kind: "list",
      title: "Evidence",
      items: told.slice(0, SHOWN.evidence).map((item) => ({
        mark: verdictWord(item.entity.kind, item.verdict),
        tone: VERDICT_TONE[item.verdict],
        text: [bold(cut(shown(item.entity), 80)), { text: ` (${kindOf(item.entity)}). ${because(item)}`.trimEnd() }],
      })),
    });
  }
  const rest = [
    ...(told.length > SHOWN.evidence ? [`and ${told.length - SHOWN.evidence} more judged`] : []),
    ...(unknown.length > 0
      ? [
          `not judged, no connected source knows ${unknown.length === 1 ? "it" : "them"}: ${unknown
            .slice(0, 3)
            .map((item) => cut(shown(item.entity), 60))
            .join(", ")}${unknown.length > 3 ? ` and ${unknown.length - 3} more` : ""}`,
        ]
      : []),
  ];
  if (rest.length > 0) lines.push({ kind: "note", text: capital(`${rest.join("; ")}.`) });
  return lines;
}

/** "file on WS-042": what it is, and where it was seen. */
function kindOf(entity: Entity): string {
  if (entity.kind === "generic") return cut(outside(entity.type), 40);
  const kind = kindWord(entity.kind);
  return "device" in entity && entity.device ? `${kind} on ${cut(outside(entity.device), 60)}` : kind;
}

function because(item: IncidentFacts["evidence"][number]): string {
  // What speaks against a threat is the reason where none was found.
  const clean = item.verdict === "noThreatsFound";
  const [reasons, others] = clean ? [item.against, item.for] : [item.for, item.against];
  const first = reasons[0] === undefined ? undefined : cut(outside(reasons[0]), 160);
  const more = reasons.length > 1 ? ` And ${count(reasons.length - 1, "more reason")}.` : "";
  const parts = [
    first && `${first}${more}`,
    others[0] ? `${clean ? "For a threat" : "Against"}: ${cut(outside(others[0]), 120)}` : undefined,
    item.conflict ? "The sources contradict each other." : undefined,
    item.missing[0] ? `Missing: ${cut(outside(item.missing[0]), 120)}` : undefined,
    item.remediation !== "none" && !item.sourceDid?.length
      ? `Now: ${cut(outside(remediationSaid(item.remediation).text), 60)}.`
      : undefined,
  ];
  return parts.filter((part) => part !== undefined).join(" ");
}

function alertLines(incident: IncidentFacts): Line[] {
  if (incident.alerts.length < 2) return [];
  const items = incident.alerts.slice(-SHOWN.alerts).map((alert) => ({
    mark: capital(alert.severity),
    text: `${alert.id} ${cut(outside(alert.title), 90)} (${alert.because ? `joined: ${cut(outside(alert.because), 160)}` : "opened the incident"})`,
  }));
  const asked = incident.alerts.some((alert) => alert.askedBy !== undefined) ? ", and what people asked for" : "";
  const title = incident.alertCount === 0 ? "What people asked for" : `${count(incident.alertCount, "alert")}${asked}`;
  const older = Math.max(incident.alertCount, incident.alerts.length) - items.length;
  const more = older > 0 ? [{ text: `and ${older} more before ${items.length === 1 ? "it" : "these"}: alerts ${incident.id}` }] : [];
  return [{ kind: "list", title: `${title}, newest last`, items: [...more, ...items] }];
}

function buttons(incident: IncidentFacts, investigation: IncidentFacts["investigations"][number] | undefined): Button[] {
  const isIdle = investigation?.status === "pendingApproval" || investigation?.status === "pendingResource";
  const retry = investigation && (isIdle || unfinished(incident, investigation) !== "") && canRetry(incident);
  return [
    { label: "Details", style: "plain", value: `say:status ${investigation?.id ?? incident.id}` },
    ...(investigation ? [{ label: "Log", style: "plain" as const, value: `say:log ${investigation.id}` }] : []),
    ...(retry ? [{ label: "Retry", style: "plain" as const, value: `say:retry ${investigation.id}` }] : []),
    // Shown where nothing runs (domain facts 1.2).
    ...(incident.status === "open" && (investigation === undefined || investigation.status === "preexistingAlert")
      ? [{ label: "Investigate", style: "plain" as const, value: `say:investigate ${incident.id}` }]
      : []),
    ...(incident.link ? [{ label: "Console", style: "plain" as const, url: incident.link }] : []),
    ...menu(incident),
  ];
}

/** What people do with an incident beside its actions; behind "More", and most of it in a form. */
function menu({ id, status, acked, snooze }: IncidentFacts): Button[] {
  const form = (label: string, ref: string): Button => ({ label, style: "plain", form: ref, more: true });
  const note = form("Write a note", `note ${id}`);
  if (status === "closed") return [note, { label: "Reopen", style: "plain", value: `say:reopen ${id}`, more: true }];
  return [
    note,
    form("Assign", `assign ${id}`),
    acked && acked.since === undefined
      ? { label: "Take back the acknowledgement", style: "plain", value: `say:unack ${id}`, more: true }
      : { label: "Acknowledge", style: "plain", value: `say:ack ${id}`, more: true },
    form("Close", `close ${id}`),
    form("Investigate more", `investigate ${id}`),
    ...(snooze && !snooze.ended
      ? [{ label: `End the ${snooze.kind}`, style: "plain" as const, value: `say:unsnooze ${id}`, more: true as const }]
      : [form("Snooze", `snooze ${id}`), form("Mute", `mute ${id}`)]),
  ];
}
