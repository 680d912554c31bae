import { WEIGHTS } from "../domain/verdict.ts";
import type { MessageFacts } from "../ports.ts";
import { defineAnalyzer } from "./analyzer.ts";
import { MAX_COPIES, textsOf } from "./mail-copies.ts";
import { indicatorsIn } from "./mail-text-indicators.ts";
import { count, listed, unique } from "./wording.ts";

/** People report newsletters as well, so a report opens an investigation and proves nothing (domain 6.6: reported only, no action). */
export const userReport = defineAnalyzer({
  name: "user-report",
  about: "Reads who reported the message as what, and takes what its text names to be looked up.",
  kinds: ["message", "mail-cluster"],
  looks: (entity, capabilities, { now, organization }) => {
    const mail = capabilities.mail;
    if (!mail) return [];
    return [
      {
        key: `user-report/${mail.connector}`,
        source: mail.connector,
        family: "mail",
        run: async (signal) => {
          const shared = { analyzer: "user-report", source: mail.connector, family: "mail", at: now } as const;
          const reported = (await mail.find(entity, signal)).slice(0, MAX_COPIES).filter((copy) => copy.reportedBy !== undefined);
          const bad = reported.filter((copy) => as(copy) === "phish" || as(copy) === "malware");
          const junk = reported.filter((copy) => as(copy) === "junk");
          const good = reported.filter((copy) => as(copy) === "notJunk");
          const found = textsOf(reported).flatMap((text) => indicatorsIn(text, organization));
          const more = found.length > 0 ? { found } : {};
          const by = (copies: readonly MessageFacts[]) => unique(copies.flatMap((copy) => copy.reportedBy?.user ?? []));
          if (bad.length > 0) {
            const words = unique(bad.flatMap((copy) => as(copy) ?? [])).join(" and ");
            const text = `Reported as ${words} by ${count(by(bad).length, "person", "people")}: ${listed(by(bad))}.`;
            return [{ ...shared, label: "suspicious", weight: WEIGHTS.behaviourWeak, text, ...more }];
          }
          if (junk.length > 0) {
            return [{ ...shared, label: "suspicious", weight: WEIGHTS.hint, text: `Reported as junk by ${listed(by(junk))}.`, ...more }];
          }
          if (good.length > 0) {
            // A recipient's opinion, and the first one an attacker would fake: said, and never enough to clear a message.
            return [{ ...shared, label: "neutral", weight: 0, text: `${listed(by(good))} said that it is not junk.`, ...more }];
          }
          return [{ ...shared, label: "neutral", weight: 0, text: "Nobody reported this message." }];
        },
      },
    ];
  },
});

const as = (copy: MessageFacts) => copy.reportedBy?.as;
