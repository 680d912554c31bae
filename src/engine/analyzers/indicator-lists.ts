import { WEIGHTS } from "../domain/verdict.ts";
import { defineAnalyzer } from "./analyzer.ts";

export const indicatorLists = defineAnalyzer({
  name: "indicator-lists",
  about: "Asks whether the thing stands on our own allow or block list, which decides by itself; what air blocked itself is no reason.",
  kinds: ["file", "ip", "domain", "url"],
  looks: (entity, capabilities, { now, history }) => {
    const indicators = capabilities.indicators;
    if (!indicators) return [];
    // Lists know files by their hash.
    if (entity.kind === "file" && !(entity.sha256 || entity.sha1 || entity.md5)) return [];
    return [
      {
        key: `indicator-lists/${indicators.connector}`,
        source: indicators.connector,
        family: "own-lists",
        run: async (signal) => {
          const shared = { analyzer: "indicator-lists", source: indicators.connector, family: "own-lists", at: now } as const;
          const entry = await indicators.find(entity, signal);
          if (!entry || (entry.expiresAt && entry.expiresAt <= now)) {
            return [{ ...shared, label: "neutral", weight: 0, text: "It is on no list of ours." }];
          }
          // Air's own block says that air judged it bad once, which is no reason of its own.
          const own = entry.action === "block" ? await history.blockedBy?.(entity) : undefined;
          if (own) {
            const text = `air put it on the block list of ${indicators.connector} itself (${own}): no reason of its own.`;
            return [{ ...shared, label: "neutral", weight: 0, text }];
          }
          const until = entry.expiresAt ? `until ${entry.expiresAt.toISOString().slice(0, 16).replace("T", " ")} UTC` : "without an end";
          const allowed = entry.action === "allow";
          return [
            {
              ...shared,
              label: allowed ? "benign" : "malicious",
              weight: WEIGHTS.ownList,
              text: `It is on the ${allowed ? "allow" : "block"} list of ${indicators.connector}, ${until}.`,
              decisive: entry.action,
              raw: { id: entry.id, action: entry.action, expiresAt: entry.expiresAt?.toISOString() },
            },
          ];
        },
      },
    ];
  },
});
