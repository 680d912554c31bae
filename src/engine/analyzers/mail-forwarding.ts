import type { Observation } from "../domain/observation.ts";
import { WEIGHTS } from "../domain/verdict.ts";
import type { MailboxFacts } from "../ports.ts";
import type { LookContext } from "./analyzer.ts";
import { defineAnalyzer } from "./analyzer.ts";
import { forwardingOf } from "./mail-forwarding-targets.ts";
import { askMailbox, isRecent, RECENT_DAYS } from "./on-mailbox.ts";
import { listed, quoted, unique } from "./wording.ts";

/**
 * Folders nobody looks into. Business mail fraud moves the victim's replies there (attack.mitre.org/techniques/T1564/008;
 * CISA's guidance on business e-mail compromise names the RSS folders).
 */
const HIDING_FOLDERS = ["rss feeds", "rss subscriptions", "rss-feeds", "conversation history", "deleted items", "junk email", "archive"];

/** `.`, `..`, `,,,`, `a`: names chosen so that nobody sees the rule in the list. */
const isHiddenName = (name: string) => name.trim().length <= 1 || !/[\p{L}\p{N}]/u.test(name);

export const mailForwarding = defineAnalyzer({
  name: "mail-forwarding",
  about: "Reads inbox rules and forwarding: mail that leaves the organisation, and rules that hide mail from the owner.",
  kinds: ["user", "mailbox"],
  looks: (entity, capabilities, { now, organization }) =>
    askMailbox("mail-forwarding", entity, capabilities, now, (mailbox) => judgeForwarding(mailbox, organization, now)),
});

type Finding = Pick<Observation, "label" | "weight" | "text" | "technique" | "raw">;

function judgeForwarding(mailbox: MailboxFacts, organization: LookContext["organization"], now: Date): Finding[] {
  const outside = forwardingOf(mailbox, organization).filter((forwarding) => forwarding.outside);
  const fresh = outside.filter(({ rule }) => isRecent(rule?.createdAt, now));
  // Sends it on and lets the owner see nothing of it: no honest purpose needs both.
  const hidden = outside.filter(({ rule }) => rule && hides(rule));
  const hiding = mailbox.rules
    .slice(0, 500)
    .filter((rule) => !rule.forwardsTo && hides(rule) && isRecent(rule.createdAt, now))
    .filter((rule) => rule.deletes || isHiddenName(rule.name) || !isOrdinaryFolder(rule.movesTo));
  const targets = (list: typeof outside) => listed(unique(list.map(({ to }) => to)));
  const findings: Finding[] = [];
  if (hidden.length > 0) {
    findings.push({
      label: "malicious",
      weight: WEIGHTS.behaviourStrong,
      text: `A rule sends mail on to ${targets(hidden)} outside and removes it from the inbox, so that the owner sees nothing.`,
      technique: "T1114.003",
    });
  } else if (fresh.length > 0) {
    // A person sending work to a private mailbox looks exactly the same, so it is never the second family of an automatic action.
    findings.push({
      label: "suspicious",
      weight: WEIGHTS.behaviourStrong,
      text: `A rule made in the last ${RECENT_DAYS} days sends mail on to ${targets(fresh)} outside the organisation.`,
      technique: "T1114.003",
    });
  } else if (outside.length > 0) {
    findings.push({
      label: "suspicious",
      weight: WEIGHTS.behaviourWeak,
      text: `Mail is sent on to ${targets(outside)} outside the organisation, set up earlier or at an unknown time.`,
      technique: "T1114.003",
    });
  }
  if (hiding.length > 0) {
    const [rule] = hiding;
    const odd = hiding.some(({ name }) => isHiddenName(name));
    findings.push({
      label: "suspicious",
      weight: odd ? WEIGHTS.behaviourStrong : WEIGHTS.behaviourWeak,
      text:
        `A new rule ${quoted(rule?.name ?? "")} ${rule?.deletes ? "deletes mail" : `moves mail to ${quoted(rule?.movesTo ?? "")}`}` +
        `${odd ? ", under a name made to be overlooked" : ""}${hiding.length > 1 ? `, and ${hiding.length - 1} more like it` : ""}.`,
      technique: "T1564.008",
    });
  }
  const raw = { outside: outside.slice(0, 20), hiding: hiding.slice(0, 20) };
  if (findings.length > 0) return findings.map((finding) => ({ ...finding, raw }));
  const text = mailbox.unread?.includes("forwarding")
    ? "No inbox rule sends mail outside or hides it. Forwarding set on the mailbox itself was not read: Get-Mailbox shows it."
    : "No rule or setting sends mail outside or hides it.";
  return [{ label: "neutral", weight: 0, text }];
}

const folderOf = (rule: MailboxFacts["rules"][number]) => (rule.movesTo ?? "").trim().toLowerCase();
const hides = (rule: MailboxFacts["rules"][number]) =>
  rule.deletes === true || HIDING_FOLDERS.some((folder) => folderOf(rule).slice(0, 500).endsWith(folder));
/** Sorting into the archive is what rules are for. */
const isOrdinaryFolder = (folder: string | undefined) => /archive|junk/i.test((folder ?? "").slice(0, 500));
