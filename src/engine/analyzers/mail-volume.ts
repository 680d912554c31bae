import type { MailClusterFacts } from "../ports.ts";
import { defineAnalyzer } from "./analyzer.ts";
import { count, quoted } from "./wording.ts";

/** A day this many times the usual one stands out; below the floor a handful of mails already would. Our own CHOICES. */
const FACTOR = 5;
const FLOOR = 20;
/** Days without which there is no usual day. */
const MIN_DAYS = 3;
const MAX_DAYS = 90;

/** Volume is said and never acted upon (domain 2.2, 6.4), so this analyzer has no vote. */
export const mailVolume = defineAnalyzer({
  name: "mail-volume",
  about: "Compares how much of the same mail came today with other days; by itself it changes no verdict.",
  kinds: ["message", "mail-cluster"],
  looks: (entity, capabilities, { now }) => {
    const mail = capabilities.mail;
    if (!mail?.clusters) return [];
    const clusters = mail.clusters.bind(mail);
    return [
      {
        key: `mail-volume/${mail.connector}`,
        source: mail.connector,
        family: "mail",
        run: async (signal) => {
          const counted = (await clusters(entity, signal)).flatMap(peakOf);
          const unusual = counted.filter(({ today, usual }) => today >= FLOOR && today >= FACTOR * Math.max(usual, 1));
          const [worst] = unusual.toSorted((a, b) => b.today / Math.max(b.usual, 1) - a.today / Math.max(a.usual, 1));
          const text = worst
            ? `Unusual volume: ${count(worst.today, "email")} today with the same ${worst.by} ${quoted(worst.value)}, ${worst.usual} on a usual day.`
            : counted.length > 0
              ? "The volume is as usual."
              : "The mail product has not counted long enough to know a usual day.";
          return [
            {
              analyzer: "mail-volume",
              source: mail.connector,
              family: "mail",
              label: "neutral",
              weight: 0,
              text,
              at: now,
              raw: counted.slice(0, 20),
            },
          ];
        },
      },
    ];
  },
});

function peakOf({ by, value, perDay }: MailClusterFacts) {
  const [today, ...before] = (perDay ?? []).slice(0, MAX_DAYS);
  if (today === undefined || before.length < MIN_DAYS) return [];
  // The median, so that one earlier campaign does not become the usual.
  const usual = before.toSorted((a, b) => a - b)[Math.floor(before.length / 2)] ?? 0;
  return [{ by, value: value.slice(0, 200), today, usual }];
}
