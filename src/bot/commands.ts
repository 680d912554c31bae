import { distance } from "fastest-levenshtein";
import type { Called } from "../engine/answer-call.ts";
import { ACTION_KINDS, type ActionKindName, FAMILIES, type Family } from "../engine/domain/action.ts";
import type { Entity } from "../engine/domain/entity.ts";
import { Refusal } from "../engine/domain/errors.ts";
import type { Classification } from "../engine/domain/incident.ts";
import { plainMentions } from "../engine/domain/mention.ts";
import { MODES, type Mode } from "../engine/domain/policy.ts";
import { type AskedSpan, readSpanWords } from "../engine/domain/report-span.ts";
import type { When } from "../engine/domain/wall-clock.ts";
import { LONGEST_WORDS } from "../engine/domain/words.ts";
import { aimed } from "./aimed.ts";
import { didYouMean } from "./did-you-mean.ts";
import { type Export, noSpan, readExport } from "./export-rows.ts";
import { type ActionQuery, type IncidentQuery, readActionQuery, readIncidentQuery, readWords, writeWords } from "./list-filters.ts";
import { type OnCallCommand, readOnCall } from "./oncall-words.ts";
import { isBareName, readEntity } from "./read-entity.ts";
import { type Id, readId, readPageId } from "./read-id.ts";
import { readSpoken, readSpokenText } from "./spoken-duration.ts";
import { tidyWords } from "./tidy-words.ts";
import { unknownCommand } from "./unknown-command.ts";

/** What a person asked for in words: one parser for Slack, Teams, console and CLI (product contract 3.6). */
export type Command =
  /** `about`: one command, or `all`. */
  | { kind: "help"; about?: string }
  | { kind: "whoami" }
  | { kind: "status"; id: Id | undefined }
  /** `written`: the filters as they were said, for the button that shows the next page. */
  | { kind: "list"; query: IncidentQuery; mine: boolean; written: string; after: number | undefined }
  | {
      kind: "actions";
      which: "pending" | "history" | "all" | "break-glass";
      query: ActionQuery;
      written: string;
      after: string | undefined;
    }
  | { kind: "log"; id: Id }
  | { kind: "graph"; id: Id }
  | { kind: "export"; asked: Export }
  | { kind: "alerts"; id: Id; after: number | undefined }
  | { kind: "audit"; id: Id; after: number | undefined }
  | { kind: "protected"; entity: Entity | undefined }
  /** `text`: of an approval the target's name where it is asked for, and a reason; of a rejection the reason. */
  | { kind: "decide"; decision: "approve" | "reject"; action: number; text: string | undefined; forMs?: number }
  | {
      kind: "decide-many";
      decision: "approve" | "reject";
      which: { ids: number[]; kind?: ActionKindName } | { query: ActionQuery };
      reason: string | undefined;
    }
  | { kind: "propose"; action: number }
  | { kind: "break-glass"; action: number; text: string | undefined }
  | { kind: "confirm-alone"; action: number }
  | { kind: "review-alone"; action: number; note: string | undefined }
  | { kind: "undo"; action: number; reason: string | undefined; inMs?: number }
  | { kind: "cancel"; action: number; reason: string | undefined }
  | { kind: "policies" }
  | { kind: "report"; span: AskedSpan }
  | { kind: "digest" }
  | { kind: "handover" }
  /** `within`: the incident it is looked at in. */
  | { kind: "investigate"; what: Id | Entity; within?: number }
  /** One bare word that may be a device's name: the inventory knows. */
  | { kind: "investigateName"; name: string; within?: number }
  | { kind: "retry"; investigation: number }
  | { kind: "stop"; investigation: number; reason: string | undefined }
  | { kind: "merge"; one: number; other: number }
  | { kind: "split"; incident: number; alert: number }
  | { kind: "verdict"; evidence: number; verdict: "malicious" | "suspicious" | "noThreatsFound"; reason: string }
  | { kind: "fp"; of: { evidence: number } | { action: number }; reason: string }
  | { kind: "fn"; entity: Entity }
  | { kind: "do"; action: ActionKindName; target: Entity; forMs: number | undefined; reason: string }
  | { kind: "extend"; action: number; moreMs: number }
  | { kind: "package"; action: number }
  | { kind: "note"; incident: number; text: string }
  | { kind: "assign"; incident: number; to: string }
  /** Answers of somebody who was told of an incident, or of something about air itself (`PAGE-7`). */
  | { kind: "ack" | "unack"; called: Called }
  | { kind: "cant" | "escalate"; called: Called; reason?: string | undefined }
  | { kind: "remind"; action: number; when: When }
  | OnCallCommand
  | { kind: "close"; incident: number; classification: Classification; determination: string | undefined }
  | { kind: "reopen"; incident: number }
  | { kind: "snooze"; policy: string; forMs: number; reason: string }
  | { kind: "snooze-incident"; how: "snooze" | "mute"; incident: number; forMs: number | undefined; reason: string }
  | { kind: "unsnooze"; incident: number }
  | { kind: "unsnooze-policy"; policy: string }
  | { kind: "pause"; family: Family | "all"; reason: string }
  | { kind: "resume"; family: Family | "all" }
  | { kind: "mode"; set: Mode | undefined; reason: string }
  | { kind: "misunderstood"; text: string };

/** Shown by `help`, in this order. */
export const COMMANDS: { name: string; usage: string; about: string }[] = [
  { name: "help", usage: "help [command or all]", about: "what air understands, how one command is said, or every command" },
  { name: "whoami", usage: "whoami", about: "who air takes you for, your roles, and the lines an admin would add" },
  {
    name: "status",
    usage: "status [id]",
    about: "where an incident, investigation, action, alert or piece of evidence stands; without an id, what is going on",
  },
  {
    name: "list",
    usage: "list [open or closed] [mine] [snoozed] [severity=high,critical since=7d source= assignee= text=]",
    about: "incidents, newest first",
  },
  {
    name: "actions",
    usage: "actions [pending | history | all | break-glass] [filters]",
    about:
      "actions that wait for a decision, what became of the others, or what one person did alone; filters: state= kind= family= by= source= entity= target= incident= since=7d sort=deadline",
  },
  { name: "log", usage: "log <INV>", about: "everything that happened in an investigation" },
  { name: "graph", usage: "graph <INV>", about: "the investigation as a tree: alerts, what they hit, the evidence, the actions" },
  { name: "alerts", usage: "alerts <INC>", about: "the alerts of an incident and why each joined it" },
  { name: "policies", usage: "policies", about: "which alerts start an investigation, which are only shown, which are snoozed" },
  {
    name: "investigate",
    usage: "investigate <entity, ALT, INC or EVD> [in INC]",
    about: "look into a device, person, mailbox, message, file hash, link or address; with an incident behind it, in that one",
  },
  { name: "retry", usage: "retry <INV>", about: "pick up what an investigation could not finish" },
  { name: "stop", usage: "stop <INV> [reason]", about: "end an investigation; what has not begun is cancelled, nothing is undone" },
  { name: "note", usage: "note <INC> <text>", about: "write something into its story" },
  { name: "assign", usage: "assign <INC> <person or me>", about: "say who looks after it" },
  { name: "ack", usage: "ack <INC or PAGE>", about: "I have seen it; nobody else is told about what waits in it now" },
  {
    name: "unack",
    usage: "unack <INC or PAGE>",
    about: "take an acknowledgement back: whoever is on call is told again of what still waits",
  },
  {
    name: "cant",
    usage: "cant <INC or PAGE> [reason]",
    about: "I was told and cannot look at it: the next one is told now, and I hear no more of it",
  },
  { name: "escalate", usage: "escalate <INC or PAGE> [reason]", about: "tell the next one of the escalation now" },
  { name: "remind", usage: "remind <ACT> <when>", about: "tell me again in 30m or 2h, at 14:30 or tomorrow, unless it is decided before" },
  {
    name: "oncall",
    usage: "oncall [7d | swap <person or me> <person> from <when> to <when> | swap <person or me> <person> for 4h | cancel <number>]",
    about:
      "who is on call, who is told when nobody answers, and who was told and has not answered; the coming days; let somebody stand in for you (for others: admins)",
  },
  {
    name: "report",
    usage: "report [week, last week, 7d, 30d or 2026-W47] [csv]",
    about: "the figures of a span: incidents, how long things took, agreement, what was wrong, pages, hours of automation",
  },
  { name: "digest", usage: "digest [csv]", about: "the morning digest as it is now: what waits, what is open, what closed by itself" },
  { name: "handover", usage: "handover [csv]", about: "the hand-over note of the shift that is on: what was decided, what waits" },
  {
    name: "close",
    usage: "close <INC> <true, false or expected> [determination]",
    about: "true or false positive, or expected activity; high and critical need an approver",
  },
  { name: "reopen", usage: "reopen <INC>", about: "open a closed incident again" },
  { name: "merge", usage: "merge <INC> <INC>", about: "make two incidents one" },
  { name: "split", usage: "split <INC> <ALT>", about: "give an alert an incident of its own" },
  {
    name: "verdict",
    usage: "verdict <EVD> <malicious, suspicious, clean> <reason>",
    about: "overrule the verdict on a piece of evidence; what follows is proposed",
  },
  { name: "fp", usage: "fp <ACT or EVD> <reason>", about: "it was a false positive: clean, and taking back what was done is proposed" },
  { name: "fn", usage: "fn <entity>", about: "it was missed: look into it, and blocking it is proposed" },
  {
    name: "snooze",
    usage: "snooze <INC or policy> <duration> [reason]",
    about:
      "an incident pages and reminds nobody for a while (at most 7 days; high and critical 24 hours, by an approver); of an alert policy: what it matches is suppressed",
  },
  {
    name: "mute",
    usage: "mute <INC> [for 7d] <reason>",
    about: "it is noise that goes on: no pages and a silent thread, for 24 hours or as said, at most 30 days; its alerts are counted",
  },
  {
    name: "unsnooze",
    usage: "unsnooze <INC or alert policy>",
    about: "it comes back before its time, snoozed or muted; unmute <INC> says the same",
  },
  { name: "audit", usage: "audit <id>", about: "who decided what about it, and on which grounds" },
  {
    name: "export",
    usage: "export <actions, incidents, investigations, audit, digest, handover, report, figures or log INV> [filters]",
    about: "the whole list as CSV: how many rows, and where to fetch it",
  },
  {
    name: "protected",
    usage: "protected [entity]",
    about: "what needs two approvers; with a device or person: whether it is that, and why",
  },
  {
    name: "approve",
    usage: "approve <ACT> [for 2h] [target's name] [reason]",
    about: "carry out an action, or for a while only (approvers of its family); where the card says so its target's name is typed",
  },
  { name: "reject", usage: "reject <ACT> <reason>", about: "do not carry it out, and say why" },
  { name: "do", usage: "do <kind> <target> [for 2h] <reason>", about: "ask for an action by hand; an approver of its family decides" },
  { name: "extend", usage: "extend <ACT> <duration>", about: "what ends by itself lasts longer" },
  {
    name: "package",
    usage: "package <ACT>",
    about: "the short-lived link to a collected package, for you alone (approvers of the device)",
  },
  { name: "undo", usage: "undo <ACT> [in 2h] [reason]", about: "take an action back where its product can, now or then" },
  {
    name: "cancel",
    usage: "cancel <ACT> [reason]",
    about: "end an approved action that is not carried out yet, also while it waits for its device",
  },
  {
    name: "approve all",
    usage: "approve <ACT> <ACT> ..., approve all kind=<kind> incident=<INC>, reject <ACT> <ACT> ... <reason>",
    about: "several of one kind at once: shows what they come to, and decides nothing before you press its button",
  },
  { name: "propose", usage: "propose <ACT>", about: "ask again for what was rejected or has expired" },
  {
    name: "break-glass",
    usage: "break-glass <ACT> <target's name> <reason>",
    about: "contain a threat alone, 15 minutes after the first of two approvals; it ends after 4 h unless a second person confirms",
  },
  { name: "confirm", usage: "confirm <ACT>", about: "stand behind what one person did alone" },
  { name: "review", usage: "review <ACT> [note]", about: "an admin looked at what one person did alone" },
  { name: "pause", usage: "pause [family | all] <reason>", about: "stop every execution not yet begun" },
  { name: "resume", usage: "resume [family | all]", about: "let executions go on, of one family or all (admins)" },
  {
    name: "mode",
    usage: "mode [observe, ask or act] [reason]",
    about: "whether air only says what it would do, asks, or acts by the levels, and how often people agreed; admins set it",
  },
];

/** `domains`: the organisation's own, so that a machine's full name is not taken for somebody's domain. */
export function readCommand(text: string, domains: readonly string[] = []): Command {
  const wrong = (message: string): Command => ({ kind: "misunderstood", text: message });
  // What is cut may be what matters: half of a reason, or that none was given.
  if (text.length > LONGEST_COMMAND)
    return wrong(
      `That has ${text.length.toLocaleString("en-US")} characters; what is said to air has at most ${LONGEST_COMMAND.toLocaleString("en-US")}, and a note or reason in it ${LONGEST_WORDS.toLocaleString("en-US")}. Nothing was done: say it shorter.`,
    );
  // Whose account it is matters where a person is meant; everywhere else the name is what people read.
  const [word = "", ...rest] = tidyWords(/^\W*(?:\w+\W+)?(?:assign|oncall)\b/i.test(text) ? text : plainMentions(text));
  const name = word.toLowerCase();
  const usage = () => wrong(`Usage: ${COMMANDS.find((command) => command.name === name)?.usage ?? name}.`);
  const idOf = (kinds: Id["kind"][], build: (id: Id) => Command): Command => {
    const id = rest[0] === undefined ? undefined : readId(rest[0]);
    if (!id) return rest[0] === undefined ? usage() : wrong(`"${rest[0].slice(0, 40)}" is no id. Ids look like INC-42, INV-42 or ACT-105.`);
    // A bare number means an investigation; where the command takes only one other kind, that kind is meant.
    const meant = /^\d+$/.test(rest[0] ?? "") && !kinds.includes("investigation") && kinds[0] ? { ...id, kind: kinds[0] } : id;
    return kinds.includes(meant.kind) ? build(meant) : usage();
  };
  /** What takes one thing: the rest would be dropped, and believed to be done. */
  const tooMany = (most: number): Command | undefined =>
    rest.length > most
      ? wrong(
          `${name} takes ${most === 0 ? "nothing behind it" : "one id"}; "${rest.slice(most).join(" ").slice(0, 60)}" is too much. Nothing was done.`,
        )
      : undefined;
  const oneId = (): Command | undefined => (readId(rest[1] ?? "") && /^[a-z]/i.test(rest[1] ?? "") ? tooMany(1) : undefined);
  const after = () => Number(/(?:^|\s)after=(\d{1,9})(?:\s|$)/.exec(rest.join(" "))?.[1] ?? Number.NaN);
  const cursor = () => (Number.isNaN(after()) ? undefined : after());
  switch (name) {
    case "":
    case "help":
      return readHelp(rest.join(" ").toLowerCase(), wrong);
    case "whoami":
    case "policies":
      return tooMany(0) ?? { kind: name };
    case "report": {
      const csv = rest.at(-1)?.toLowerCase() === "csv";
      const words = csv ? rest.slice(0, -1) : rest;
      if (csv) return understood(() => ({ kind: "export", asked: readExport(`report ${words.join(" ")}`) }), wrong);
      const span = readSpanWords(words);
      return span ? { kind: "report", span } : wrong(noSpan(words.join(" ")));
    }
    case "digest":
    case "handover":
      if (rest.length === 1 && rest[0]?.toLowerCase() === "csv") return { kind: "export", asked: readExport(name) };
      return rest.length > 0 ? usage() : { kind: name };
    case "oncall": {
      const read = readOnCall(rest);
      return "wrong" in read ? wrong(read.wrong) : read;
    }
    case "status":
      return rest[0] === undefined
        ? { kind: "status", id: undefined }
        : (tooMany(1) ?? idOf(["incident", "investigation", "action", "alert", "evidence"], (id) => ({ kind: "status", id })));
    case "list":
      return understood(() => readList(rest.join(" ")), wrong);
    case "actions":
      return understood(() => readActions(rest.join(" ")), wrong);
    case "export":
      return rest[0] === undefined ? usage() : understood(() => ({ kind: "export", asked: readExport(rest.join(" ")) }), wrong);
    case "graph":
      return tooMany(1) ?? idOf(["investigation", "incident"], (id) => ({ kind: "graph", id }));
    case "protected": {
      if (ANY_ID.test(rest[0] ?? "")) return wrong("protected takes a device, person or address, not an id: protected DC-01.");
      const entity = rest[0] === undefined ? undefined : readEntity(rest.join(" "), domains);
      return rest[0] !== undefined && !entity ? wrong(notAnEntity(rest.join(" "))) : { kind: "protected", entity };
    }
    case "log":
      return tooMany(1) ?? idOf(["investigation", "incident"], (id) => ({ kind: "log", id }));
    case "alerts":
      return idOf(["incident", "investigation"], (id) => ({ kind: "alerts", id, after: cursor() }));
    case "audit":
      return idOf(["incident", "investigation", "action", "evidence", "alert"], (id) => ({ kind: "audit", id, after: cursor() }));
    case "investigate": {
      const [, thing, incident] = /^(.+?)\s+in\s+inc-?(\d{1,9})$/i.exec(rest.join(" ")) ?? [];
      if (thing !== undefined && incident !== undefined) {
        const inner = readCommand(`investigate ${thing}`, domains);
        return inner.kind === "investigate" || inner.kind === "investigateName" ? { ...inner, within: Number(incident) } : inner;
      }
      const what = readId(rest[0] ?? "") ?? readEntity(rest.join(" "), domains);
      // A bare number could be anything; here a thing is asked for.
      if (!what && isBareName(rest.join(" "))) return { kind: "investigateName", name: rest.join(" ") };
      if (!what || /^\d+$/.test(rest.join(" "))) return rest[0] === undefined ? usage() : wrong(notAnEntity(rest.join(" ")));
      return { kind: "investigate", what };
    }
    case "fn": {
      if (ANY_ID.test(rest[0] ?? ""))
        return wrong("fn takes the thing that was missed, not an id: fn <hash, address, link, person or device>.");
      const entity = readEntity(rest.join(" "), domains);
      return entity ? { kind: "fn", entity } : rest[0] === undefined ? usage() : wrong(notAnEntity(rest.join(" ")));
    }
    case "retry":
      return oneId() ?? idOf(["investigation"], ({ id }) => ({ kind: "retry", investigation: id }));
    case "stop":
      return idOf(["investigation"], ({ id }) => ({ kind: "stop", investigation: id, reason: rest.slice(1).join(" ") || undefined }));
    case "merge":
    case "split": {
      const [one, other] = [readId(rest[0] ?? ""), readId(rest[1] ?? "")];
      const second = name === "merge" ? "incident" : "alert";
      // `merge 4 7`: where only one kind fits, a bare number is meant as that.
      const fits = (id: Id | undefined, given: string | undefined, kind: Id["kind"]) =>
        id && (id.kind === kind || /^\d+$/.test(given ?? ""));
      if (!one || !other || !fits(one, rest[0], "incident") || !fits(other, rest[1], second)) return usage();
      return name === "merge" ? { kind: "merge", one: one.id, other: other.id } : { kind: "split", incident: one.id, alert: other.id };
    }
    case "extend": {
      const moreMs = readSpokenText(rest.slice(1).join(" "));
      return moreMs === undefined ? usage() : idOf(["action"], ({ id }) => ({ kind: "extend", action: id, moreMs }));
    }
    case "do":
      return readDo(rest, domains, wrong);
    case "note":
      return rest.length < 2 ? usage() : idOf(["incident"], ({ id }) => ({ kind: "note", incident: id, text: rest.slice(1).join(" ") }));
    case "assign":
      return rest.length < 2 ? usage() : idOf(["incident"], ({ id }) => ({ kind: "assign", incident: id, to: rest.slice(1).join(" ") }));
    case "cant":
    case "escalate": {
      const page = rest[0] === undefined ? undefined : readPageId(rest[0]);
      const reason = rest.slice(1).join(" ") || undefined;
      if (page !== undefined) return { kind: name, called: { page }, reason };
      return oneId() ?? idOf(["incident"], ({ id }) => ({ kind: name, called: { incident: id }, reason }));
    }
    case "ack":
    case "unack": {
      const page = rest[0] === undefined ? undefined : readPageId(rest[0]);
      if (page !== undefined) return tooMany(1) ?? { kind: name, called: { page } };
      return oneId() ?? idOf(["incident"], ({ id }) => ({ kind: name, called: { incident: id } }));
    }
    case "reopen":
      return oneId() ?? idOf(["incident"], ({ id }) => ({ kind: "reopen", incident: id }));
    case "remind": {
      const said = rest.slice(rest[1]?.toLowerCase() === "in" ? 2 : 1).join(" ");
      const when = readWhen(said);
      if (said === "") return usage();
      if (!when) return wrong(`"${said.slice(0, 40)}" is no time. Write 30m, 2h, 14:30 or tomorrow.`);
      return idOf(["action"], ({ id }) => ({ kind: "remind", action: id, when }));
    }
    case "close": {
      const classification = CLASSES[rest[1]?.toLowerCase() ?? ""];
      if (rest.length < 2) return usage();
      if (!classification) return wrong(`"${rest[1]?.slice(0, 40)}" is no classification: true, false or expected.`);
      return idOf(["incident"], ({ id }) => ({ kind: "close", incident: id, classification, determination: rest[2] }));
    }
    case "verdict": {
      const verdict = VERDICTS[rest[1]?.toLowerCase() ?? ""];
      if (rest.length >= 2 && !verdict) return wrong(`"${rest[1]?.slice(0, 40)}" is no verdict: malicious, suspicious or clean.`);
      if (!verdict || rest.length < 3)
        return wrong("Usage: verdict <EVD> <malicious, suspicious, clean> <reason>. The reason is kept with the evidence.");
      return idOf(["evidence"], ({ id }) => ({ kind: "verdict", evidence: id, verdict, reason: rest.slice(2).join(" ") }));
    }
    case "fp":
      if (rest.length < 2) return wrong("Usage: fp <ACT or EVD> <reason>. The reason is kept with the evidence.");
      return idOf(["evidence", "action"], (id) => ({
        kind: "fp",
        of: id.kind === "action" ? { action: id.id } : { evidence: id.id },
        reason: rest.slice(1).join(" "),
      }));
    case "mute":
      return readMute(rest, usage, wrong, idOf);
    case "unsnooze":
    case "unmute":
      if (name === "unsnooze" && rest[0] !== undefined && !ANY_ID.test(rest[0]))
        return rest.length > 1 ? usage() : { kind: "unsnooze-policy", policy: rest[0].toLowerCase() };
      return oneId() ?? idOf(["incident"], ({ id }) => ({ kind: "unsnooze", incident: id }));
    case "snooze": {
      if (rest[0] === undefined || rest[1] === undefined) return usage();
      if (ANY_ID.test(rest[0])) return readSnooze(rest, wrong, idOf);
      const lasts = readSpoken(rest.slice(1));
      if (!lasts || "wrong" in lasts) return wrong(`"${(lasts?.wrong ?? rest[1]).slice(0, 40)}" is no duration. Write 30m, 8h or 7d.`);
      const reason = rest.slice(1 + lasts.words).join(" ") || "no reason given";
      return { kind: "snooze", policy: rest[0].toLowerCase(), forMs: lasts.ms, reason };
    }
    case "approve":
    case "reject":
      return readDecision(name, rest, wrong, idOf);
    case "package":
      return oneId() ?? idOf(["action"], ({ id }) => ({ kind: "package", action: id }));
    case "propose":
      return oneId() ?? idOf(["action"], ({ id }) => ({ kind: "propose", action: id }));
    case "break-glass":
      return rest.length < 2 ? usage() : idOf(["action"], ({ id }) => ({ kind: "break-glass", action: id, text: rest.slice(1).join(" ") }));
    case "confirm":
      return oneId() ?? idOf(["action"], ({ id }) => ({ kind: "confirm-alone", action: id }));
    case "review":
      return idOf(["action"], ({ id }) => ({ kind: "review-alone", action: id, note: rest.slice(1).join(" ") || undefined }));
    case "undo": {
      const later = rest[1]?.toLowerCase() === "in" ? readSpoken(rest.slice(2)) : undefined;
      if (later && "wrong" in later) return wrong(noTime("in", later.wrong));
      const reason = rest.slice(later ? 2 + later.words : 1).join(" ") || undefined;
      return idOf(["action"], ({ id }) => ({ kind: "undo", action: id, reason, ...(later ? { inMs: later.ms } : {}) }));
    }
    case "cancel":
      return idOf(["action"], ({ id }) => ({ kind: name, action: id, reason: rest.slice(1).join(" ") || undefined }));
    case "pause": {
      const family = rest[0]?.toLowerCase();
      const named = family === "all" || (FAMILIES as readonly string[]).includes(family ?? "");
      const reason = (named ? rest.slice(1) : rest).join(" ");
      const meant = named ? undefined : almostFamily(family ?? "");
      if (meant)
        return wrong(
          `Nothing was paused: is "${rest[0]?.slice(0, 40)}" the family ${meant}? To pause that alone: pause ${meant} <reason>. To pause everything: pause all <reason>. Families: ${FAMILIES.join(", ")}.`,
        );
      return reason
        ? { kind: "pause", family: named ? (family as Family | "all") : "all", reason }
        : wrong("Usage: pause [family | all] <reason>. Everybody sees the reason.");
    }
    case "resume": {
      const asked = rest.length === 0 ? "all" : rest.join(" ").toLowerCase();
      const family = ([...FAMILIES, "all"] as const).find((one) => one === asked);
      return family
        ? { kind: "resume", family }
        : wrong(`"${asked.slice(0, 40)}" is nothing that could be resumed. Write resume, or resume with one of ${FAMILIES.join(", ")}.`);
    }
    case "mode": {
      const mode = MODES.find((one) => one === rest[0]?.toLowerCase());
      if (rest[0] !== undefined && !mode) return wrong(`"${rest[0].slice(0, 40)}" is no mode: observe, ask or act.`);
      return { kind: "mode", set: mode, reason: rest.slice(1).join(" ") };
    }
    default:
      // A bare id asks how it stands.
      if (ANY_ID.test(word))
        return rest.length === 0 ? readCommand(`status ${word}`, domains) : wrong(`To look at ${word}: status ${word}`);
      // "hey status ACT-2" to a colleague who answers.
      if (GREETINGS.has(name.replace(/\W+$/, "")) && rest.length > 0) return readCommand(rest.join(" "), domains);
      return wrong(unknownCommand(name, rest, NAMES));
  }
}

/** A family with a slip in it, or in the plural; ordinary words are reasons, and a stop button asks no more than it must. */
const almostFamily = (word: string): Family | undefined =>
  FAMILIES.find((family) => word.length > 3 && distance(word, family) <= (family.length > 4 && word[0] === family[0] ? 2 : 1));

/** An id, the longest name of a target and the longest reason have room. */
const LONGEST_COMMAND = 4_000;

type IdOf = (kinds: Id["kind"][], build: (id: Id) => Command) => Command;

/** `snooze INC-42 4h the owner is asked` */
function readSnooze(rest: string[], wrong: (message: string) => Command, idOf: IdOf): Command {
  if (!/^inc/i.test(rest[0] ?? ""))
    return wrong("snooze takes an incident (INC-42) or the name of an alert policy. Which there are: policies");
  const words = rest.slice(rest[1]?.toLowerCase() === "for" ? 2 : 1);
  const lasts = readSpoken(words);
  if (!lasts || "wrong" in lasts) return wrong(`"${(lasts?.wrong || rest[1] || "").slice(0, 40)}" is no duration. Write 30m, 8h or 7d.`);
  const reason = words.slice(lasts.words).join(" ");
  return idOf(["incident"], ({ id }) => ({ kind: "snooze-incident", how: "snooze", incident: id, forMs: lasts.ms, reason }));
}

/** `mute INC-42 for 7d a scanner`, `mute INC-42 a scanner` */
function readMute(rest: string[], usage: () => Command, wrong: (message: string) => Command, idOf: IdOf): Command {
  const isSaid = rest[1]?.toLowerCase() === "for";
  const words = rest.slice(isSaid ? 2 : 1);
  if (words.length === 0) return usage();
  const lasts = readSpoken(words);
  if (lasts && "wrong" in lasts) return wrong(noTime("for", lasts.wrong));
  if (isSaid && !lasts) return wrong(noTime("for", words[0] ?? ""));
  const reason = words.slice(lasts?.words ?? 0).join(" ");
  if (reason === "") return wrong("Say why it is noise: mute <INC> [for 7d] <reason>. Everybody sees the reason.");
  return idOf(["incident"], ({ id }) => ({ kind: "snooze-incident", how: "mute", incident: id, forMs: lasts?.ms, reason }));
}

/** One action, several by id, or all that wait and fit: `approve ACT-7 WS-042`, `reject ACT-7 ACT-8 a test`, `approve all kind=block-indicator`. */
function readDecision(
  decision: "approve" | "reject",
  rest: string[],
  wrong: (message: string) => Command,
  idOf: (kinds: Id["kind"][], build: (id: Id) => Command) => Command,
): Command {
  const all = rest[0]?.toLowerCase() === "all";
  // A list may be written with commas; only whole ids are meant, so that a reason that begins with a number stays one.
  const plain = rest.map((word) => word.replace(/,$/, ""));
  const ends = plain.findIndex((word) => !/^act-?\d{1,9}$/i.test(word));
  const ids = all ? [] : plain.slice(0, ends === -1 ? plain.length : ends).flatMap((word) => readId(word)?.id ?? []);
  if (!all && ids.length < 2) {
    if (decision === "reject" && rest.length < 2) return wrong("Usage: reject <ACT> <reason>. The reason is kept with the incident.");
    const lasts = decision === "approve" && rest[1]?.toLowerCase() === "for" ? readSpoken(rest.slice(2)) : undefined;
    if (lasts && "wrong" in lasts) return wrong(noTime("for", lasts.wrong));
    const after = rest.slice(lasts ? 2 + lasts.words : 1);
    // "approve ACT-6 DC-01 for 2h": said at the end, it is meant no less.
    const at = decision === "approve" && !lasts ? after.map((word) => word.toLowerCase()).lastIndexOf("for") : -1;
    const ending = at > 0 ? readSpoken(after.slice(at + 1)) : undefined;
    if (ending && "ms" in ending && at + 1 + ending.words === after.length) {
      const text = after.slice(0, at).join(" ");
      return idOf(["action"], ({ id }) => ({ kind: "decide", decision, action: id, text, forMs: ending.ms }));
    }
    const text = after.join(" ") || undefined;
    return idOf(["action"], ({ id }) => ({ kind: "decide", decision, action: id, text, ...(lasts ? { forMs: lasts.ms } : {}) }));
  }
  const isFilter = (word: string) => /^\w+=./.test(word);
  // Behind ids only the kind is a filter: a reason may hold anything.
  const ofKind = all ? undefined : /^kind=(.+)$/i.exec(rest[ids.length] ?? "")?.[1];
  const reason = (all ? rest.slice(1).filter((word) => !isFilter(word)) : rest.slice(ids.length + (ofKind ? 1 : 0))).join(" ") || undefined;
  if (decision === "reject" && !reason) return wrong("Usage: reject <ACT> <ACT> ... <reason>. The reason is kept with each of them.");
  const [said = "", ...time] = reason?.split(" ") ?? [];
  if (decision === "approve" && said.toLowerCase() === "for" && readSpoken(time))
    return wrong("Several at once are approved for good. For a while, approve one at a time: approve ACT-7 for 2h.");
  if (ofKind !== undefined) {
    const kind = ACTION_KINDS.find((one) => one === ofKind.toLowerCase());
    if (!kind) return wrong(`"${ofKind.slice(0, 40)}" is no kind of action.${didYouMean(ofKind.slice(0, 40), ACTION_KINDS)}`);
    return { kind: "decide-many", decision, which: { ids, kind }, reason };
  }
  if (!all) return { kind: "decide-many", decision, which: { ids }, reason };
  const filtered = understood(() => readActions(rest.slice(1).filter(isFilter).join(" ")), wrong);
  if (filtered.kind !== "actions") return filtered;
  const { query } = filtered;
  // A filter that is left out would take in more than was asked for.
  const other = Object.keys(query).find((filter) => !["kinds", "families", "target", "incidentId", "since"].includes(filter));
  if (other)
    return wrong(
      `Usage: ${decision} all kind=block-indicator [family= target= incident= since=7d]. Only these filters choose what is decided.`,
    );
  return query.kinds?.length === 1
    ? { kind: "decide-many", decision, which: { query }, reason }
    : wrong(`Usage: ${decision} all kind=block-indicator [incident=INC-42]. One kind is decided at once.`);
}

/** A bare number is none: it could be anything. */
const ANY_ID = /^(inc|inv|act|alt|evd)-?\d+$/i;
const NAMES: readonly string[] = COMMANDS.map((command) => command.name);
const GREETINGS: ReadonlySet<string> = new Set("hey hi hello please pls ok okay yo air @air".split(" "));
const CLASSES: Record<string, Classification> = {
  true: "truePositive",
  tp: "truePositive",
  truepositive: "truePositive",
  false: "falsePositive",
  fp: "falsePositive",
  falsepositive: "falsePositive",
  expected: "informationalExpectedActivity",
  informationalexpectedactivity: "informationalExpectedActivity",
};
const VERDICTS: Record<string, "malicious" | "suspicious" | "noThreatsFound"> = {
  malicious: "malicious",
  suspicious: "suspicious",
  clean: "noThreatsFound",
  benign: "noThreatsFound",
  nothreatsfound: "noThreatsFound",
};
/** At most 30 days ahead: nothing waits longer. */
export function readWhen(text: string | undefined): When | undefined {
  if (text?.toLowerCase() === "tomorrow") return "tomorrow";
  const [, hour, minute] = /^([01]?\d|2[0-3]):([0-5]\d)$/.exec(text ?? "") ?? [];
  if (hour !== undefined && minute !== undefined) return { hour: Number(hour), minute: Number(minute) };
  const inMs = readSpokenText(text ?? "");
  return inMs !== undefined && inMs >= 60_000 && inMs <= 30 * 86_400_000 ? { inMs } : undefined;
}
const noTime = (before: "for" | "in", said: string) =>
  `"${said.slice(0, 40)}" is no time. Write ${before} 30m, ${before} 2h or ${before} 7d, at most a year.`;
const notAnEntity = (text: string) =>
  `"${text.slice(0, 60)}" is nothing that could be looked at. Give a hash, address, link, e-mail address or device name, or its kind before it: device:WS-042, user:mia@contoso.com, message:<id>.`;

/** `do isolate-device WS-042 beacons to a known address` */
function readDo(rest: string[], domains: readonly string[], wrong: (message: string) => Command): Command {
  const [kind = "", ...words] = rest;
  const action = ACTION_KINDS.find((one) => one === kind.toLowerCase());
  if (kind === "") return wrong("Usage: do <kind> <target> <reason>, like: do isolate-device WS-042 beacons to a known address.");
  if (!action) {
    const hint = didYouMean(kind.slice(0, 40), ACTION_KINDS) || ` There are: ${ACTION_KINDS.join(", ")}.`;
    return wrong(`"${kind.slice(0, 40)}" is no kind of action.${hint}`);
  }
  const { target, why } = takeTarget(words);
  if (target === undefined)
    return wrong('The quotation mark before the name is not closed. Write it like: do disable-app "Payroll Sync" <reason>.');
  if (target === "") return wrong("Usage: do <kind> <target> <reason>.");
  let entity: Entity | undefined;
  try {
    entity = aimed(action, target, domains);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return wrong(error.message);
  }
  if (!entity) return wrong(notAnEntity(target));
  const lasts = why[0]?.toLowerCase() === "for" ? readSpoken(why.slice(1)) : undefined;
  if (lasts && "wrong" in lasts) return wrong(noTime("for", lasts.wrong));
  const reason = why.slice(lasts ? 1 + lasts.words : 0).join(" ");
  return reason
    ? { kind: "do", action, target: entity, forMs: lasts?.ms, reason }
    : wrong("Say why: do <kind> <target> [for 2h] <reason>. The reason is kept with the action.");
}

/** The first word, or what stands in quotation marks: `"Payroll Sync"`, `oauth-app:"Payroll Sync"`. undefined: they are not closed. */
function takeTarget(words: readonly string[]): { target: string | undefined; why: string[] } {
  const [first = "", ...why] = words;
  if (!/^(?:[a-z-]+:)?["\u201c\u201d]/i.test(first)) return { target: first, why };
  const [whole, kind = "", name] = /^([a-z-]+:)?["\u201c\u201d]([^"\u201c\u201d]*)["\u201c\u201d](?=\s|$)/i.exec(words.join(" ")) ?? [];
  if (whole === undefined || name === undefined) return { target: undefined, why };
  const left = words.join(" ").slice(whole.length).trim();
  return { target: name.trim() === "" ? "" : `${kind}${name.trim()}`, why: left === "" ? [] : left.split(" ") };
}

/** A filter that is wrong is said with what it takes. */
function understood(read: () => Command, wrong: (message: string) => Command): Command {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return wrong(`${error.field ? `${error.field} ` : ""}${error.message.replace(/[.]?$/, ".")}`);
  }
}

/** The place in the list, and what else was written. */
function takeAfter(given: Map<string, string>): string | undefined {
  const after = given.get("after");
  given.delete("after");
  return after;
}

function readActions(text: string): Command {
  const { given, bare } = readWords(text);
  const after = takeAfter(given);
  let which: "pending" | "history" | "all" | "break-glass" = given.has("state") ? "all" : "pending";
  for (const word of bare) {
    const name = word.toLowerCase();
    if (name !== "pending" && name !== "history" && name !== "all" && name !== "break-glass")
      throw new Refusal("invalid", `is no filter. Usage: ${COMMANDS.find((command) => command.name === "actions")?.usage}`, {
        field: `"${word.slice(0, 40)}"`,
      });
    which = name;
  }
  const written = [...(given.has("state") ? [] : [which]), ...(given.size > 0 ? [writeWords(given)] : [])].join(" ");
  return { kind: "actions", which, query: readActionQuery(given), written, after };
}

function readList(text: string): Command {
  const { given, bare } = readWords(text);
  const after = takeAfter(given);
  const status: string[] = [];
  let mine = false;
  for (const word of bare) {
    const name = word.toLowerCase().replace(/,$/, "");
    if (name === "mine") mine = true;
    else if (name === "snoozed" || name === "muted") given.set("snoozed", "yes");
    else if (name === "open" || name === "closed") {
      if (status.some((other) => other !== name))
        throw new Refusal("invalid", "open and closed do not go together: write one of them, or neither for both");
      status.push(name);
    } else
      throw new Refusal("invalid", `is no filter. Usage: ${COMMANDS.find((command) => command.name === "list")?.usage}`, {
        field: `"${word.slice(0, 40)}"`,
      });
  }
  const written = [...status, ...(mine ? ["mine"] : []), ...(given.size > 0 ? [writeWords(given)] : [])].join(" ");
  if (status.length > 0) given.set("status", status.join(","));
  return { kind: "list", query: readIncidentQuery(given), mine, written, after: after === undefined ? undefined : placeOf(after) };
}

function placeOf(after: string): number {
  if (!/^\d{1,9}$/.test(after)) throw new Refusal("invalid", "must be the number of a page before", { field: "after" });
  return Number(after);
}

/** "help me" is a cry for help, "help aprove" a slip of the finger. */
function readHelp(about: string, wrong: (message: string) => Command): Command {
  if (about === "all" || NAMES.includes(about)) return { kind: "help", about };
  if (about === "" || /^(me|us|please|pls|now|with)\b/.test(about)) return { kind: "help" };
  const near = didYouMean(about.slice(0, 40), NAMES);
  return wrong(`There is no command "${about.slice(0, 40)}".${near || ' Say "help" for what air understands.'}`);
}
