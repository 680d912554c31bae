import { capital, outside } from "./say.ts";

/** One line of the audit as it is written there. */
export type AuditLine = { by: string; event: string; subject: string; data?: Record<string, unknown> | undefined };

/** What each event means in words, after the name of who did it; `{subject}` is what it was done to. */
const MEANS: Readonly<Record<string, string>> = {
  "decision.approve": "approved {subject}",
  "decision.reject": "rejected {subject}",
  "decision.done": "did {subject} by hand",
  "decision.notNeeded": "found {subject} not needed",
  "decision.agree": "agreed with {subject} (mode observe)",
  "decision.disagree": "disagreed with {subject} (mode observe)",
  "decision.first-of-two": "gave the first of two approvals for {subject}",
  "decision.done-first-of-two": "said, as the first of two, that {subject} is done by hand",
  "decision.refused": "tried to decide {subject} and was refused",
  "decision.break-glass": "carried out {subject} alone, by breaking the glass",
  "decision.break-glass-confirmed": "confirmed {subject}, which one person had carried out alone",
  "decision.break-glass-reviewed": "reviewed {subject}, which was carried out by breaking the glass",
  "action.approved-automatically": "approved {subject} without asking, by the automation level",
  "action.executing": "began to carry out {subject}",
  "action.succeeded": "carried out {subject}",
  "action.failed": "could not carry out {subject}",
  "action.unclear": "could not tell what became of {subject}",
  "action.timedOut": "gave {subject} up: its time was over",
  "action.cancelled": "cancelled {subject}",
  "action.expired": "let {subject} expire: nobody answered, nothing was done",
  "action.undone": "took {subject} back",
  "action.undo-asked": "asked for {subject}, which takes an action back",
  "action.undo-requested": "ordered {subject} to be taken back",
  "action.asked": "asked for {subject} by hand",
  "action.asks-again": "asked about {subject} again",
  "action.proposed-again": "proposed {subject} again after it was rejected",
  "action.extended": "made {subject} last longer",
  "action.undo-later": "had {subject} end by itself later",
  "action.kept": "kept {subject} in force: bad evidence came since",
  "action.remind": "asked to be reminded of {subject}",
  "incident.note": "wrote a note on {subject}",
  "incident.assign": "assigned {subject}",
  "incident.ack": "acknowledged {subject}",
  "incident.close": "closed {subject}",
  "incident.reopen": "reopened {subject}",
  "incident.merged": "merged {subject} into another incident",
  "incident.split": "gave an alert of {subject} an incident of its own",
  "investigation.started": "started {subject}",
  "investigation.stopped": "stopped {subject}",
  "investigation.retried": "had {subject} looked at again",
  "evidence.verdict": "overruled the verdict on {subject}",
  "evidence.fp": "reported {subject} as a false positive",
  "evidence.fn": "reported something that was missed ({subject})",
  "incident.snooze": "snoozed {subject}",
  "incident.mute": "muted {subject}",
  "incident.snooze-ended": "ended the silence of {subject}",
  "policy.snoozed": "snoozed the alert policy {subject}",
  "policy.unsnoozed": "ended the snooze of the alert policy {subject}",
  "executions.paused": "paused executions ({subject})",
  "executions.resumed": "let executions go on",
  "mode.set": "set the mode to {subject}",
  "ceiling.reached": "reached the ceiling of automatic actions ({subject})",
  "configuration.loaded": "loaded the configuration",
  "retention.ran": "removed what was older than it is kept for",
  "audit.cut": "cut the oldest lines of {subject}, older than they are kept for",
  "audit.redacted": "erased {subject} from lines of the audit",
  "person.erased": "erased a person, who is {subject} from now on",
  "command.refused": "was refused a command on {subject}",
  "button.refused": "pressed a button that this air did not make",
};

/** Details worth a place in the sentence, in this order. */
const SAID: readonly (readonly [field: string, words: (value: string) => string])[] = [
  ["kind", (value) => `kind ${value}`],
  ["target", (value) => `target ${value.replace(/^([\w-]+):[\w]+:/, "$1 ")}`],
  ["verdict", (value) => `verdict ${plainly(value)}`],
  ["classification", (value) => `as ${plainly(value)}`],
  ["determination", plainly],
  ["to", (value) => `to ${value}`],
  ["verb", (value) => `asked for: ${plainly(value)}`],
  ["missing", (value) => `missing: ${plainly(value)}`],
  ["rule", (value) => `rule: ${value}`],
  ["reason", (value) => `reason: ${value}`],
];

/** A line of the audit as a plain sentence; an event nobody wrote a sentence for is named as it is. */
export function auditSentence({ by, event, subject, data }: AuditLine): string {
  const what = (MEANS[event] ?? `${plainly(event)} {subject}`).replace("{subject}", () => subject);
  const details = SAID.flatMap(([field, words]) => {
    const value = data?.[field];
    return typeof value === "string" && value !== "" ? [words(outside(value))] : [];
  });
  return `${by} ${what}${details.length > 0 ? `. ${capital(details.join("; "))}` : ""}.`;
}

/** `truePositive` and `action.undo-asked` as people write them. */
export function plainly(word: string): string {
  return word
    .replaceAll(/[._-]+/g, " ")
    .replaceAll(/([a-z])([A-Z])/g, "$1 $2")
    .toLowerCase()
    .trim();
}
