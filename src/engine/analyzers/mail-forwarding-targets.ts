import type { MailboxFacts } from "../ports.ts";
import type { LookContext } from "./analyzer.ts";
import { isOutside } from "./own-domain.ts";

/** A mailbox holds at most 256 kB of rules in Exchange; nobody writes this many. */
const MAX_RULES = 500;

export type Forwarding = { to: string; outside: boolean; rule?: MailboxFacts["rules"][number] };

/** Every address a mailbox sends mail on to, by a rule or by its own setting. */
export function forwardingOf(mailbox: MailboxFacts, organization: LookContext["organization"]): Forwarding[] {
  const each = (targets: string | undefined, rule?: MailboxFacts["rules"][number]): Forwarding[] =>
    (targets ?? "")
      .slice(0, 4096)
      .split(/[;,\n]+/)
      .map((to) => to.trim().replace(/^smtp:/i, ""))
      .filter((to) => to !== "")
      .map((to) => ({ to, outside: isOutside(to, mailbox.address, organization), ...(rule ? { rule } : {}) }));
  return [...each(mailbox.forwardsTo), ...mailbox.rules.slice(0, MAX_RULES).flatMap((rule) => each(rule.forwardsTo, rule))];
}
