import { WEIGHTS } from "../domain/verdict.ts";
import type { AppFacts } from "../ports.ts";
import { defineAnalyzer } from "./analyzer.ts";

/** Enough to see what it is for. */
const MAX_NAMED = 4;

export const appFacts = defineAnalyzer({
  name: "app-facts",
  about: "Reads what an app was allowed, who publishes it, how many people use it and whether it is still enabled.",
  kinds: ["oauth-app"],
  looks: (app, { apps }, { now }) => {
    if (!apps) return [];
    return [
      {
        key: `app-facts/${apps.connector}`,
        source: apps.connector,
        family: "identity",
        run: async (signal) => {
          const facts = await apps.find(app, signal);
          const shared = { analyzer: "app-facts", source: apps.connector, family: "identity", at: now } as const;
          if (!facts) return [{ ...shared, label: "neutral", weight: 0, text: "The directory does not know this app." }];
          // Anybody can register an app and name it as they like; that somebody vouches for the publisher is what is hard to forge.
          const isOdd = facts.publisher === undefined && facts.grants.some(({ writes }) => writes);
          const voice = isOdd
            ? ({ label: "suspicious", weight: WEIGHTS.behaviourWeak, technique: "T1528" } as const)
            : ({ label: "neutral", weight: 0 } as const);
          return [{ ...shared, ...voice, text: textOf(facts), raw: facts }];
        },
      },
    ];
  },
});

function textOf({ publisher, enabled, grants, users, unread }: AppFacts): string {
  // What it can change or send comes first.
  const names = grants.toSorted((a, b) => Number(b.writes) - Number(a.writes)).map(({ name }) => name);
  const more = names.length > MAX_NAMED ? ` and ${names.length - MAX_NAMED} more` : "";
  const allowed = names.length > 0 ? `was allowed ${names.slice(0, MAX_NAMED).join(", ")}${more}` : "was allowed nothing that is known";
  const people = users === undefined ? "" : `; ${users} ${users === 1 ? "person uses" : "people use"} it`;
  const part = unread ? `; not all of it could be read: ${unread}` : "";
  return `${publisher ? `Published by ${publisher}` : "Its publisher is not verified"}; ${allowed}${people}; ${enabled ? "enabled" : "disabled"}${part}.`;
}
