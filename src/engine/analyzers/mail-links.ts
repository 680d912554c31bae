import { canonicalUrl, hostOf } from "../domain/entity.ts";
import { reservedAddress } from "../domain/never-act.ts";
import type { Observation } from "../domain/observation.ts";
import type { ReputationAnswer } from "../ports.ts";
import { defineAnalyzer } from "./analyzer.ts";

/** Links asked about per message: enough for what attackers send, small enough for a newsletter not to eat a quota. */
const MAX_LINKS = 5;

/** A message is as bad as the worst link in it (domain 6.6: a malicious URL soft-deletes the mail that carries it). */
export const mailLinks = defineAnalyzer({
  name: "mail-links",
  about: "Judges a message by the worst link it carries.",
  kinds: ["message", "mail-cluster"],
  looks: (entity, capabilities, { now }) => {
    const mail = capabilities.mail;
    if (!mail) return [];
    return capabilities.reputation
      .filter((source) => source.kinds.includes("url"))
      .map((source) => ({
        key: `mail-links/${source.name}`,
        source: source.name,
        family: source.family,
        run: async (signal) => {
          const shared = { analyzer: "mail-links", source: source.name, family: source.family } as const;
          const copies = await mail.find(entity, signal);
          const urls = [...new Set(copies.flatMap((copy) => copy.urls).map(canonicalUrl))].filter(isOutside);
          const asked = urls.slice(0, MAX_LINKS);
          const answers = await Promise.all(asked.map(async (url) => ({ url, answer: await source.look({ kind: "url", url }, signal) })));
          const [worst] = answers.toSorted((a, b) => badness(b.answer) - badness(a.answer));
          const skipped = urls.length > asked.length ? ` ${urls.length - asked.length} further links were not asked about.` : "";
          if (worst && badness(worst.answer) > 0) {
            const observation: Observation = {
              ...shared,
              ...worst.answer,
              text: `It carries ${worst.url}: ${worst.answer.text}${skipped}`,
            };
            return [observation];
          }
          // Clean links do not make a clean message: it may lie without any.
          const text = worst ? `None of its links is called bad.${skipped}` : "It carries no link to ask about.";
          return [{ ...shared, label: "neutral", weight: 0, text, at: now }];
        },
      }));
  },
});

const isOutside = (url: string) => reservedAddress(hostOf(url)?.replace(/^\[|\]$/g, "") ?? "") === undefined;
const badness = (answer: ReputationAnswer) =>
  answer.label === "malicious" ? 100 + answer.weight : answer.label === "suspicious" ? 1 + answer.weight : 0;
