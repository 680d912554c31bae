import { closest, distance } from "fastest-levenshtein";
import { FAMILIES, type Family } from "../engine/domain/action.ts";
import { SEVERITIES, type Severity } from "../engine/domain/alert.ts";

/** What a person asked for in words: one parser for Slack, Teams, console and CLI (product contract 3.6). */
export type Command =
  | { kind: "help" }
  | { kind: "whoami" }
  | { kind: "status"; id: Id | undefined }
  | { kind: "list"; open: boolean; severity: Severity[] | undefined; after: number | undefined }
  | { kind: "actions"; which: "pending" | "history"; after: number | undefined }
  | { kind: "log"; id: Id }
  | { kind: "alerts"; id: Id }
  | { kind: "audit"; id: Id }
  | { kind: "protected" }
  | { kind: "decide"; decision: "approve" | "reject"; action: number; reason: string | undefined }
  | { kind: "undo"; action: number; reason: string | undefined }
  | { kind: "pause"; family: Family | "all"; reason: string }
  | { kind: "resume" }
  | { kind: "misunderstood"; text: string };

export type Id = { kind: "incident" | "investigation" | "action" | "alert" | "evidence"; id: number };

/** Shown by `help`, in this order. */
export const COMMANDS: { name: string; usage: string; about: string }[] = [
  { name: "help", usage: "help", about: "this list" },
  { name: "whoami", usage: "whoami", about: "who air takes you for, your roles, and the lines an admin would add" },
  { name: "status", usage: "status [id]", about: "where an incident, investigation or action stands; without an id, what is going on" },
  { name: "list", usage: "list [open] [severity=high,critical]", about: "incidents, newest first" },
  {
    name: "actions",
    usage: "actions [pending | history]",
    about: "remediation actions that wait for a decision, or what became of the others",
  },
  { name: "log", usage: "log <INV>", about: "everything that happened in an investigation" },
  { name: "alerts", usage: "alerts <INC>", about: "the alerts of an incident and why each joined it" },
  { name: "audit", usage: "audit <id>", about: "who decided what about an incident" },
  { name: "protected", usage: "protected", about: "what needs two approvers" },
  { name: "approve", usage: "approve <ACT>", about: "carry out an action (approvers of its family)" },
  { name: "reject", usage: "reject <ACT> <reason>", about: "do not carry it out, and say why" },
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

export function readCommand(text: string): Command {
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
      return { kind: name };
    case "status":
      return rest[0] === undefined
        ? { kind: "status", id: undefined }
        : idOf(["incident", "investigation", "action", "alert"], (id) => ({ kind: "status", id }));
    case "list":
      return readList(rest, cursor(), wrong);
    case "actions": {
      const which = rest.find((part) => !part.startsWith("after=")) ?? "pending";
      return which === "pending" || which === "history" ? { kind: "actions", which, after: cursor() } : usage();
    }
    case "log":
      return idOf(["investigation", "incident"], (id) => ({ kind: "log", id }));
    case "alerts":
      return idOf(["incident", "investigation"], (id) => ({ kind: "alerts", id }));
    case "audit":
      return idOf(["incident", "investigation", "action"], (id) => ({ kind: "audit", id }));
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
