import { WEIGHTS } from "../domain/verdict.ts";
import { defineAnalyzer } from "./analyzer.ts";
import { askMailbox } from "./on-mailbox.ts";
import { count } from "./wording.ts";

/**
 * Our own CHOICES: ten times a usual day happens with an invitation to a whole department; below a hundred mails a busy day of a quiet
 * person would already count, and mail sent by machines on somebody's account comes in thousands.
 */
const FACTOR = 10;
const FLOOR = 100;

export const outboundMail = defineAnalyzer({
  name: "outbound-mail",
  about: "Compares how much the account sent in the last day with its usual day.",
  kinds: ["user", "mailbox"],
  looks: (entity, capabilities, { now }) =>
    askMailbox(
      "outbound-mail",
      entity,
      capabilities,
      now,
      ({ outbound: { lastDay, typicalDay } }) => {
        const unusual = lastDay >= FLOOR && lastDay >= FACTOR * Math.max(typicalDay, 1);
        const text = `Sent ${count(lastDay, "email")} in the last day, ${typicalDay} on a usual one.`;
        const raw = { lastDay, typicalDay };
        return unusual
          ? [{ label: "suspicious", weight: WEIGHTS.behaviourWeak, text, technique: "T1586.002", raw }]
          : [{ label: "neutral", weight: 0, text, raw }];
      },
      "outbound",
    ),
});
