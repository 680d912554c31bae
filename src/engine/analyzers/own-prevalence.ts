import type { Entity } from "../domain/entity.ts";
import type { Observation } from "../domain/observation.ts";
import { WEIGHTS } from "../domain/verdict.ts";
import type { Past } from "../ports.ts";
import { defineAnalyzer } from "./analyzer.ts";
import { brief } from "./brief.ts";
import { count } from "./wording.ts";

const DAYS = 90;
const DAY = 86_400_000;
/** A worm is on many devices within the hour; what is ours has been there for a while. */
const SETTLED_DAYS = 7;
const COMMON = 5;

export const ownPrevalence = defineAnalyzer({
  name: "own-prevalence",
  about: "Asks our own records whether the very same thing was met before, where, and how it was judged.",
  kinds: ["file", "url", "ip", "domain", "process"],
  looks: (entity, _capabilities, { now, history }) => {
    const asked = sameThing(entity);
    if (!asked) return [];
    return [
      {
        key: "own-prevalence/air",
        source: "air",
        family: "air-history",
        run: async () => judgePast(await history.past(asked, new Date(now.getTime() - DAYS * DAY)), now),
      },
    ];
  },
});

/** A name or a path may be anything tomorrow: files and what runs them are the same only by their hash. */
function sameThing(entity: Entity): Entity | undefined {
  if (entity.kind === "process") return entity.sha256 ? { kind: "file", sha256: entity.sha256 } : undefined;
  if (entity.kind !== "file") return entity;
  const { sha256, sha1, md5 } = entity;
  if (!sha256 && !sha1 && !md5) return undefined;
  return { kind: "file", ...(sha256 ? { sha256 } : {}), ...(sha1 ? { sha1 } : {}), ...(md5 ? { md5 } : {}) };
}

function judgePast(past: Past, now: Date): Observation[] {
  const shared = { analyzer: "own-prevalence", source: "air", family: "air-history", at: now, raw: countsOf(past) } as const;
  const neutral = (text: string): Observation[] => [{ ...shared, label: "neutral", weight: 0, text }];
  if (past.alerts === 0 && past.devices.length === 0) return neutral("Outside this incident we never met it.");
  const seen = `Met in ${count(past.alerts, "alert")} and on ${count(past.devices.length, "device")} in ${DAYS} days`;
  const { malicious, suspicious, noThreatsFound } = past.verdicts;
  const [override] = past.overrides.toSorted((a, b) => b.at.getTime() - a.at.getTime());
  if (override) {
    // The latest word of a person counts, and what was judged by machine before it does not.
    const text = `${seen}; ${brief(override.by, 60)} set it to ${VERDICTS[override.verdict] ?? brief(override.verdict, 30)}: ${brief(override.reason)}.`;
    if (override.verdict === "malicious")
      return [{ ...shared, label: "suspicious", weight: WEIGHTS.historyAccused, text, at: override.at }];
    if (override.verdict === "noThreatsFound")
      return [{ ...shared, label: "benign", weight: WEIGHTS.historyNormal, text, at: override.at }];
    return neutral(text);
  }
  if (malicious > 0) {
    return [
      { ...shared, label: "suspicious", weight: WEIGHTS.historyAccused, text: `${seen}; judged malicious ${times(malicious)} before.` },
    ];
  }
  if (suspicious > 0) return neutral(`${seen}; judged suspicious ${times(suspicious)}, never malicious.`);
  const settled = past.firstAt !== undefined && now.getTime() - past.firstAt.getTime() >= SETTLED_DAYS * DAY;
  // Somebody must have looked and found nothing: that nobody ever could say is no proof of anything.
  if (settled && noThreatsFound > 0 && (past.devices.length >= COMMON || past.alerts >= COMMON)) {
    return [{ ...shared, label: "benign", weight: WEIGHTS.historyNormal, text: `${seen}, and never judged bad.` }];
  }
  return neutral(`${seen}; never judged bad.`);
}

const VERDICTS: Record<string, string> = {
  malicious: "Malicious",
  suspicious: "Suspicious",
  noThreatsFound: "No threats found",
  unknown: "Unknown",
};
const times = (number: number) => (number === 1 ? "once" : `${number} times`);
const countsOf = ({ alerts, devices, verdicts, overrides }: Past) => ({
  alerts,
  devices: devices.length,
  verdicts,
  overrides: overrides.length,
});
