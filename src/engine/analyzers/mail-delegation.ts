import { WEIGHTS } from "../domain/verdict.ts";
import type { MailboxFacts } from "../ports.ts";
import { defineAnalyzer } from "./analyzer.ts";
import { askMailbox, isRecent, RECENT_DAYS } from "./on-mailbox.ts";
import { isOutside } from "./own-domain.ts";
import { listed } from "./wording.ts";

const MAX_DELEGATES = 500;

/** Access given to a mailbox outlives a changed password (attack.mitre.org/techniques/T1098/002). */
export const mailDelegation = defineAnalyzer({
  name: "mail-delegation",
  about: "Reads who else may open the mailbox: delegates from outside, and new ones with full access.",
  kinds: ["user", "mailbox"],
  looks: (entity, capabilities, { now, organization }) =>
    askMailbox(
      "mail-delegation",
      entity,
      capabilities,
      now,
      (mailbox) => {
        const delegates = mailbox.delegates.slice(0, MAX_DELEGATES);
        const outside = delegates.filter(({ who }) => isOutside(who, mailbox.address, organization));
        const freshOutside = outside.filter(({ since }) => isRecent(since, now));
        const freshFull = delegates.filter((delegate) => isRecent(delegate.since, now) && hasFullAccess(delegate));
        const raw = { delegates: delegates.slice(0, 20) };
        const technique = "T1098.002";
        if (freshOutside.length > 0) {
          const text = `In the last ${RECENT_DAYS} days somebody outside got access to the mailbox: ${who(freshOutside)}.`;
          return [{ label: "malicious", weight: WEIGHTS.behaviourStrong, text, technique, raw }];
        }
        if (freshFull.length > 0) {
          const text = `In the last ${RECENT_DAYS} days full access to the mailbox was given to ${who(freshFull)}.`;
          return [{ label: "suspicious", weight: WEIGHTS.behaviourWeak, text, technique, raw }];
        }
        if (outside.length > 0) {
          const text = `Somebody outside has access to the mailbox, given earlier or at an unknown time: ${who(outside)}.`;
          return [{ label: "suspicious", weight: WEIGHTS.behaviourWeak, text, technique, raw }];
        }
        const text =
          delegates.length > 0 ? `Delegates of long standing only: ${who(delegates)}.` : "Nobody else has access to the mailbox.";
        return [{ label: "neutral", weight: 0, text, raw }];
      },
      "delegates",
    ),
});

type Delegate = MailboxFacts["delegates"][number];
/** Exchange's FullAccess and Google's delegate, which is always full; owner rights on a folder. */
const hasFullAccess = ({ rights }: Delegate) => /full|owner|delegate/i.test(rights.slice(0, 200));
const who = (delegates: readonly Delegate[]) => listed(delegates.map((delegate) => `${delegate.who} (${delegate.rights})`));
