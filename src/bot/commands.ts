import { closest, distance } from "fastest-levenshtein";
import { actionKinds } from "../engine/actions/all.ts";
import { ACTION_KINDS, type ActionKindName, FAMILIES, type Family } from "../engine/domain/action.ts";
import { SEVERITIES, type Severity } from "../engine/domain/alert.ts";
import type { Entity } from "../engine/domain/entity.ts";
import type { Classification } from "../engine/domain/incident.ts";
import { ACTION_ORDERS, type ActionOrder } from "../engine/store.ts";
import { readDuration } from "./duration.ts";
import { readEntity } from "./read-entity.ts";

/** What a person asked for in words: one parser for Slack, Teams, console and CLI (product contract 3.6). */
export type Command =
  | { kind: "help" }
  | { kind: "whoami" }
  | { kind: "status"; id: Id | undefined }
  | { kind: "list"; open: boolean; severity: Severity[] | undefined; after: number | undefined }
  | { kind: "actions"; which: "pending" | "history"; filters: ActionFilters; after: string | undefined }
  | { kind: "log"; id: Id }
  | { kind: "alerts"; id: Id }
  | { kind: "audit"; id: Id }
  | { kind: "protected" }
  | { kind: "decide"; decision: "approve" | "reject"; action: number; reason: string | undefined }
  | { kind: "undo"; action: number; reason: string | undefined }
  | { kind: "policies" }
  | { kind: "investigate"; what: Id | Entity }
  | { kind: "retry"; investigation: number }
  | { kind: "stop"; investigation: number; reason: string | undefined }
  | { kind: "merge"; one: number; other: number }
  | { kind: "split"; incident: number; alert: number }
  | { kind: "verdict"; evidence: number; verdict: "malicious" | "suspicious" | "noThreatsFound"; reason: string }
  | { kind: "fp"; of: { evidence: number } | { action: number }; reason: string }
  | { kind: "fn"; entity: Entity }
  | { kind: "do"; action: ActionKindName; target: Entity; forMs: number | undefined; reason: string }
  | { kind: "extend"; action: number; moreMs: number }
  | { kind: "note"; incident: number; text: string }
  | { kind: "assign"; incident: number; to: string }
  | { kind: "ack"; incident: number }
  | { kind: "close"; incident: number; classification: Classification; determination: string | undefined }
  | { kind: "reopen"; incident: number }
  | { kind: "snooze"; policy: string; forMs: number; reason: string }
  | { kind: "pause"; family: Family | "all"; reason: string }
  | { kind: "resume" }
  | { kind: "misunderstood"; text: string };

/** Filters of `actions`, as written: `kind=isolate-device family=device by=mia target=ws-042 since=7d incident=42 sort=deadline`. */
export type ActionFilters = {
  kinds?: ActionKindName[];
  families?: Family[];
  decidedBy?: string;
  target?: string;
  incidentId?: number;
  /** Milliseconds back from now. */
  sinceMs?: number;
  order?: ActionOrder;
};

export type Id = { kind: "incident" | "investigation" | "action" | "alert" | "evidence"; id: number };

/** Shown by `help`, in this order. */
export const COMMANDS: { name: string; usage: string; about: string }[] = [
  { name: "help", usage: "help", about: "this list" },
  { name: "whoami", usage: "whoami", about: "who air takes you for, your roles, and the lines an admin would add" },
  { name: "status", usage: "status [id]", about: "where an incident, investigation or action stands; without an id, what is going on" },
  { name: "list", usage: "list [open] [severity=high,critical]", about: "incidents, newest first" },
  {
    name: "actions",
    usage: "actions [pending | history] [filters]",
    about:
      "actions that wait for a decision, or what became of the others; filters: kind= family= by= target= incident= since=7d sort=deadline",
  },
  { name: "log", usage: "log <INV>", about: "everything that happened in an investigation" },
  { name: "alerts", usage: "alerts <INC>", about: "the alerts of an incident and why each joined it" },
  { name: "policies", usage: "policies", about: "which alerts start an investigation, which are only shown, which are snoozed" },
  {
    name: "investigate",
    usage: "investigate <entity, ALT, INC or EVD>",
    about: "look into a device, person, mailbox, message, file hash, link or address",
  },
  { name: "retry", usage: "retry <INV>", about: "pick up what an investigation could not finish" },
  { name: "stop", usage: "stop <INV> [reason]", about: "end an investigation; what has not begun is cancelled, nothing is undone" },
  { name: "note", usage: "note <INC> <text>", about: "write something into its story" },
  { name: "assign", usage: "assign <INC> <person or me>", about: "say who looks after it" },
  { name: "ack", usage: "ack <INC>", about: "I have seen it" },
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
  { name: "snooze", usage: "snooze <policy> <duration> [reason]", about: "suppress what an alert policy matches for a while" },
  { name: "audit", usage: "audit <id>", about: "who decided what about an incident" },
  { name: "protected", usage: "protected", about: "what needs two approvers" },
  { name: "approve", usage: "approve <ACT>", about: "carry out an action (approvers of its family)" },
  { name: "reject", usage: "reject <ACT> <reason>", about: "do not carry it out, and say why" },
  { name: "do", usage: "do <kind> <target> [for 2h] <reason>", about: "ask for an action by hand; an approver of its family decides" },
  { name: "extend", usage: "extend <ACT> <duration>", about: "what ends by itself lasts longer" },
  { name: "undo", usage: "undo <ACT> [reason]", about: "take an action back where its product can" },
  { name: "pause", usage: "pause [family | all] <reason>", about: "stop every execution not yet begun" },
  { name: "resume", usage: "resume", about: "let executions go on (admins)" },
];

const PREFIX: Record<string, Id["kind"]> = { inc: "incident", inv: "investigation", act: "action", alt: "alert", evd: "evidence" };

/** `INV-42`, `inv42`, `INC-42`, or a bare `42` (an investigation). */
export function readId(text: string): Id | undefined {
  const match = /^(?:(inc|inv|act|alt|evd)-?)?(\d{1,9})$/i.exec(text.trim());
  if (!match) return undefined;
  return { kind: PREFIX[match[1]?.toLowerCase() ?? "inv"] ?? "investigation", id: Number(match[2]) };
}

/** `domains`: the organisation's own, so that a machine's full name is not taken for somebody's domain. */
export function readCommand(text: string, domains: readonly string[] = []): Command {
  const [word = "", ...rest] = text.trim().slice(0, 4000).split(/\s+/u);
  const name = word.toLowerCase();
  const wrong = (message: string): Command => ({ kind: "misunderstood", text: message });
  const usage = () => wrong(`Usage: ${COMMANDS.find((command) => command.name === name)?.usage ?? name}.`);
  const idOf = (kinds: Id["kind"][], build: (id: Id) => Command): Command => {
    const id = rest[0] === undefined ? undefined : readId(rest[0]);
    if (!id) return rest[0] === undefined ? usage() : wrong(`"${rest[0].slice(0, 40)}" is no id. Ids look like INC-42, INV-42 or ACT-105.`);
    // A bare number means an investigation; where the command takes only one other kind, that kind is meant.
    const meant = /^\d+$/.test(rest[0] ?? "") && !kinds.includes("investigation") && kinds[0] ? { ...id, kind: kinds[0] } : id;
    return kinds.includes(meant.kind) ? build(meant) : usage();
  };
  const after = () => Number(/(?:^|\s)after=(\d{1,9})(?:\s|$)/.exec(rest.join(" "))?.[1] ?? Number.NaN);
  const cursor = () => (Number.isNaN(after()) ? undefined : after());
  switch (name) {
    case "":
    case "help":
      return { kind: "help" };
    case "whoami":
    case "resume":
    case "protected":
    case "policies":
      return { kind: name };
    case "status":
      return rest[0] === undefined
        ? { kind: "status", id: undefined }
        : idOf(["incident", "investigation", "action", "alert"], (id) => ({ kind: "status", id }));
    case "list":
      return readList(rest, cursor(), wrong);
    case "actions":
      return readActions(rest, wrong);
    case "log":
      return idOf(["investigation", "incident"], (id) => ({ kind: "log", id }));
    case "alerts":
      return idOf(["incident", "investigation"], (id) => ({ kind: "alerts", id }));
    case "audit":
      return idOf(["incident", "investigation", "action"], (id) => ({ kind: "audit", id }));
    case "investigate": {
      const what = readId(rest[0] ?? "") ?? readEntity(rest.join(" "), domains);
      // A bare number could be anything; here a thing is asked for.
      if (!what || /^\d+$/.test(rest.join(" "))) return rest[0] === undefined ? usage() : wrong(notAnEntity(rest.join(" ")));
      return { kind: "investigate", what };
    }
    case "fn": {
      if (/^(inc|inv|act|alt|evd)-?\d+$/i.test(rest[0] ?? ""))
        return wrong("fn takes the thing that was missed, not an id: fn <hash, address, link, person or device>.");
      const entity = readEntity(rest.join(" "), domains);
      return entity ? { kind: "fn", entity } : rest[0] === undefined ? usage() : wrong(notAnEntity(rest.join(" ")));
    }
    case "retry":
      return idOf(["investigation"], ({ id }) => ({ kind: "retry", investigation: id }));
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
      const moreMs = readDuration(rest[1] ?? "");
      return moreMs === undefined ? usage() : idOf(["action"], ({ id }) => ({ kind: "extend", action: id, moreMs }));
    }
    case "do":
      return readDo(rest, domains, wrong);
    case "note":
      return rest.length < 2 ? usage() : idOf(["incident"], ({ id }) => ({ kind: "note", incident: id, text: rest.slice(1).join(" ") }));
    case "assign":
      return rest.length < 2 ? usage() : idOf(["incident"], ({ id }) => ({ kind: "assign", incident: id, to: rest.slice(1).join(" ") }));
    case "ack":
    case "reopen":
      return idOf(["incident"], ({ id }) => ({ kind: name, incident: id }));
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
    case "snooze": {
      const forMs = readDuration(rest[1] ?? "");
      if (rest[0] === undefined || rest[1] === undefined) return usage();
      if (forMs === undefined) return wrong(`"${rest[1].slice(0, 40)}" is no duration. Write 30m, 8h or 7d.`);
      return { kind: "snooze", policy: rest[0].toLowerCase(), forMs, reason: rest.slice(2).join(" ") || "no reason given" };
    }
    case "approve":
      return idOf(["action"], ({ id }) => ({
        kind: "decide",
        decision: "approve",
        action: id,
        reason: rest.slice(1).join(" ") || undefined,
      }));
    case "reject":
      return rest.length < 2
        ? wrong("Usage: reject <ACT> <reason>. The reason is kept with the incident.")
        : idOf(["action"], ({ id }) => ({ kind: "decide", decision: "reject", action: id, reason: rest.slice(1).join(" ") }));
    case "undo":
      return idOf(["action"], ({ id }) => ({ kind: "undo", action: id, reason: rest.slice(1).join(" ") || undefined }));
    case "pause": {
      const family = rest[0]?.toLowerCase();
      const named = family === "all" || (FAMILIES as readonly string[]).includes(family ?? "");
      const reason = (named ? rest.slice(1) : rest).join(" ");
      return reason
        ? { kind: "pause", family: named ? (family as Family | "all") : "all", reason }
        : wrong("Usage: pause [family | all] <reason>. Everybody sees the reason.");
    }
    default:
      return wrong(unknown(name));
  }
}

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
const notAnEntity = (text: string) =>
  `"${text.slice(0, 60)}" is nothing that could be looked at. Give a hash, address, link, e-mail address or device name, or its kind before it: device:WS-042, user:mia@contoso.com, message:<id>.`;

/** `do isolate-device WS-042 beacons to a known address` */
function readDo(rest: string[], domains: readonly string[], wrong: (message: string) => Command): Command {
  const [kind = "", target = "", ...why] = rest;
  const action = ACTION_KINDS.find((one) => one === kind.toLowerCase());
  if (kind === "") return wrong("Usage: do <kind> <target> <reason>, like: do isolate-device WS-042 beacons to a known address.");
  if (!action) {
    const near = closest(kind.toLowerCase().slice(0, 40), [...ACTION_KINDS]);
    return wrong(`"${kind.slice(0, 40)}" is no kind of action. Did you mean "${near}"?`);
  }
  const entity = aimed(action, target, domains);
  if (!entity) return wrong(target === "" ? "Usage: do <kind> <target> <reason>." : notAnEntity(target));
  const forMs = why[0]?.toLowerCase() === "for" ? readDuration(why[1] ?? "") : undefined;
  const reason = (forMs === undefined ? why : why.slice(2)).join(" ");
  return reason
    ? { kind: "do", action, target: entity, forMs, reason }
    : wrong("Say why: do <kind> <target> [for 2h] <reason>. The reason is kept with the action.");
}

/** The kind says what a bare name is: `do disable-user mia` means the account, not a device. */
function aimed(kind: ActionKindName, text: string, domains: readonly string[]): Entity | undefined {
  const { targets } = actionKinds[kind];
  const read = readEntity(text, domains);
  if (!read || targets.includes(read.kind) || text.includes(":")) return read;
  const [first] = targets;
  return (first && readEntity(`${first}:${text}`, domains)) ?? read;
}

function readActions(rest: string[], wrong: (message: string) => Command): Command {
  let which: "pending" | "history" = "pending";
  let after: string | undefined;
  const filters: ActionFilters = {};
  for (const part of rest) {
    const [, name = part, value = ""] = /^(\w+)=(.+)$/.exec(part) ?? [];
    const names = value.toLowerCase().split(",");
    const unknown = (allowed: readonly string[]) => names.find((one) => !allowed.includes(one));
    switch (name.toLowerCase()) {
      case "pending":
      case "history":
        which = name.toLowerCase() as typeof which;
        break;
      case "after":
        if (/^\d{1,15}(-\d{1,15})?$/.test(value)) after = value;
        break;
      case "kind": {
        const bad = unknown(ACTION_KINDS);
        if (bad !== undefined) return wrong(`"${bad.slice(0, 40)}" is no kind of action: ${ACTION_KINDS.join(", ")}.`);
        filters.kinds = names as ActionKindName[];
        break;
      }
      case "family": {
        const bad = unknown(FAMILIES);
        if (bad !== undefined) return wrong(`"${bad.slice(0, 40)}" is no family: ${FAMILIES.join(", ")}.`);
        filters.families = names as Family[];
        break;
      }
      case "by":
        filters.decidedBy = value;
        break;
      case "target":
        filters.target = value;
        break;
      case "incident": {
        const id = readId(value);
        if (!id) return wrong(`"${value.slice(0, 40)}" is no incident. Ids look like INC-42.`);
        filters.incidentId = id.id;
        break;
      }
      case "since": {
        const ms = readDuration(value);
        if (ms === undefined) return wrong(`"${value.slice(0, 40)}" is no period. Write 24h, 7d or 30d.`);
        filters.sinceMs = ms;
        break;
      }
      case "sort": {
        if (!(ACTION_ORDERS as readonly string[]).includes(value)) return wrong(`sort is one of ${ACTION_ORDERS.join(", ")}.`);
        filters.order = value as ActionOrder;
        break;
      }
      default:
        return wrong(`"${part.slice(0, 40)}" is no filter. Usage: ${ACTIONS_USAGE}.`);
    }
  }
  return { kind: "actions", which, filters, after };
}
const ACTIONS_USAGE = "actions [pending | history] [kind= family= by= target= incident= since=7d sort=newest, deadline or updated]";

function readList(rest: string[], after: number | undefined, wrong: (message: string) => Command): Command {
  let severity: Severity[] | undefined;
  let open = false;
  for (const part of rest) {
    if (part === "open") open = true;
    else if (part.startsWith("after=")) continue;
    else if (part.startsWith("severity=")) {
      const names = part.slice("severity=".length).toLowerCase().split(",");
      const bad = names.find((one) => !(SEVERITIES as readonly string[]).includes(one));
      if (bad !== undefined) return wrong(`"${bad.slice(0, 40)}" is no severity: ${SEVERITIES.join(", ")}.`);
      severity = names as Severity[];
    } else return wrong(`"${part.slice(0, 40)}" is no filter. Usage: list [open] [severity=high,critical].`);
  }
  return { kind: "list", open, severity, after };
}

function unknown(name: string): string {
  const names = COMMANDS.map((command) => command.name);
  const near = closest(name.slice(0, 40), names);
  const said = `"${name.slice(0, 40)}" is not a command.`;
  return distance(name.slice(0, 40), near) <= Math.max(2, near.length / 3)
    ? `${said} Did you mean "${near}"?`
    : `${said} Say "help" for what air understands.`;
}
