import { defineAnalyzer } from "./analyzer.ts";
import { askMailbox, isRecent, RECENT_DAYS } from "./on-mailbox.ts";
import { count, listed } from "./wording.ts";

const MAX_MATCHES = 1000;

/** For a person to judge (domain 6.6: no action): a rule that matched says what was in a mail, not whether its owner sent it. */
export const dlpViolations = defineAnalyzer({
  name: "dlp-violations",
  about: "Lists the data-loss rules the account's mail matched; by itself it changes no verdict.",
  kinds: ["user", "mailbox"],
  looks: (entity, capabilities, { now }) =>
    askMailbox(
      "dlp-violations",
      entity,
      capabilities,
      now,
      ({ dlp }) => {
        const recent = dlp.slice(0, MAX_MATCHES).filter(({ at }) => isRecent(at, now));
        const rules = Map.groupBy(recent, ({ rule }) => rule);
        const names = [...rules].toSorted(([, a], [, b]) => b.length - a.length).map(([rule, matches]) => `${rule} (${matches.length})`);
        const text =
          recent.length > 0
            ? `${count(recent.length, "data-loss match", "data-loss matches")} in the last ${RECENT_DAYS} days: ${listed(names, 5)}.`
            : `No data-loss rule matched in the last ${RECENT_DAYS} days.`;
        return [{ label: "neutral", weight: 0, text, ...(recent.length > 0 ? { raw: recent.slice(0, 20) } : {}) }];
      },
      "dlp",
    ),
});
