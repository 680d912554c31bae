import type { Card } from "../engine/cards/card.ts";
import { type CommandHelp, commandHelpCard, helpAllCard, helpCard } from "../engine/cards/help-card.ts";
import { COMMANDS } from "./commands.ts";

/* What `help` answers: one screen, everything, or one command (product contract 3.6). */

const MOST: readonly CommandHelp[] = [
  { name: "status", usage: "status [id]", about: "what is going on, or where one thing stands" },
  { name: "actions", usage: "actions", about: "actions that wait for a decision" },
  { name: "approve", usage: "approve <ACT>", about: "carry it out" },
  { name: "reject", usage: "reject <ACT> <reason>", about: "do not" },
  { name: "undo", usage: "undo <ACT>", about: "take it back" },
  { name: "investigate", usage: "investigate <what>", about: "look into a device, person, file, link or address" },
  { name: "pause", usage: "pause <reason>", about: "stop every execution not yet begun" },
];

type Group = { title: string; who: string; names: readonly string[] };
const GROUPS: readonly Group[] = [
  {
    title: "Look",
    who: "viewers and everybody above",
    names: [
      "status",
      "list",
      "actions",
      "alerts",
      "log",
      "graph",
      "audit",
      "oncall",
      "digest",
      "handover",
      "report",
      "policies",
      "protected",
      "export",
      "whoami",
      "help",
    ],
  },
  {
    title: "Decide",
    who: "approvers of the action's family",
    names: ["approve", "reject", "approve all", "undo", "cancel", "extend", "propose", "confirm", "break-glass", "package"],
  },
  {
    title: "Work on it",
    who: "responders; closing or muting what is high or critical needs an approver",
    names: [
      "investigate",
      "retry",
      "stop",
      "do",
      "note",
      "assign",
      "ack",
      "unack",
      "cant",
      "escalate",
      "mute",
      "unsnooze",
      "remind",
      "close",
      "reopen",
      "merge",
      "split",
      "verdict",
      "fp",
      "fn",
    ],
  },
  {
    title: "Run air",
    who: "responders pause and snooze (approvers what is high or critical); admins resume, review and set the mode",
    names: ["pause", "resume", "mode", "snooze", "review"],
  },
];

const EXAMPLES: Readonly<Record<string, readonly string[]>> = {
  status: ["status", "status INC-42", "status ACT-105"],
  list: ["list open", "list mine severity=high,critical", "list since=7d text=invoice"],
  actions: ["actions", "actions history since=7d", "actions family=device sort=deadline"],
  investigate: ["investigate device:WS-042", "investigate mia@contoso.com", "investigate https://portal.contoso.example/reset"],
  approve: ["approve ACT-105", "approve ACT-105 for 2h", "approve ACT-105 DC-01 confirmed with the owner"],
  reject: ["reject ACT-105 a test machine of the red team"],
  undo: ["undo ACT-105 false positive", "undo ACT-105 in 2h"],
  do: ["do isolate-device WS-042 for 2h it beacons", "do disable-user mia@contoso.com token theft"],
  close: ["close INC-42 true multiStagedAttack", "close INC-42 false"],
  verdict: ["verdict EVD-9 clean our own installer"],
  remind: ["remind ACT-105 30m", "remind ACT-105 14:30"],
  snooze: ["snooze INC-42 4h the owner is asked", "snooze scanner-noise 8h planned scan"],
  mute: ["mute INC-42 a vulnerability scan", "mute INC-42 for 7d until the old agent is gone"],
  pause: ["pause all wrong devices", "pause device maintenance until 11:00"],
  protected: ["protected", "protected device:DC-01"],
  report: ["report", "report last week", "report 2026-W47 csv"],
};

export function helpAnswer(about: string | undefined): Card {
  if (about === undefined) return helpCard(MOST, GROUPS);
  const found = COMMANDS.filter(({ name }) => name === about || name.startsWith(`${about} `));
  if (found.length === 0) return helpAllCard(COMMANDS, GROUPS);
  const who = GROUPS.find(({ names }) => names.includes(found[0]?.name ?? ""))?.who ?? "whoever has the role";
  return commandHelpCard(found, ["help", "whoami"].includes(about) ? "everybody" : who, EXAMPLES[about] ?? []);
}
