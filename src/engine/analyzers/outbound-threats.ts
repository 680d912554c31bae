import { WEIGHTS } from "../domain/verdict.ts";
import { defineAnalyzer } from "./analyzer.ts";
import { askMailbox } from "./on-mailbox.ts";
import { count } from "./wording.ts";

/** People send one sample on to ask whether it is genuine; nobody does that with this many. Our own CHOICE. */
const OUTBREAK = 5;
/** Newsletters of a department are taken for spam now and then. */
const SPAM_FLOOR = 10;

/** A taken account attacks from inside, where recipients trust it (attack.mitre.org/techniques/T1534). */
export const outboundThreats = defineAnalyzer({
  name: "outbound-threats",
  about: "Counts malware, phish and spam the account itself sent.",
  kinds: ["user", "mailbox"],
  looks: (entity, capabilities, { now }) =>
    askMailbox(
      "outbound-threats",
      entity,
      capabilities,
      now,
      ({ outbound: { malwareOrPhish, spam } }) => {
        const text = `Sent ${count(malwareOrPhish, "email")} with malware or phish and ${count(spam, "spam email")}.`;
        const raw = { malwareOrPhish, spam };
        const technique = "T1534";
        if (malwareOrPhish >= OUTBREAK) return [{ label: "malicious", weight: WEIGHTS.behaviourStrong, text, technique, raw }];
        if (malwareOrPhish > 0 || spam >= SPAM_FLOOR) return [{ label: "suspicious", weight: WEIGHTS.behaviourWeak, text, technique, raw }];
        return [{ label: "neutral", weight: 0, text: spam > 0 ? text : "Sent no malware, phish or spam.", raw }];
      },
      "outbound",
    ),
});
