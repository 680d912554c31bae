import type { Observation } from "../domain/observation.ts";
import { WEIGHTS } from "../domain/verdict.ts";
import type { Past } from "../ports.ts";
import { defineAnalyzer } from "./analyzer.ts";
import { brief } from "./brief.ts";

const DAYS = 30;
const DAY = 86_400_000;
/** Once is bad luck. */
const REPEATED_TRUE = 2;
/** A rule that is wrong about somebody is wrong again and again. */
const REPEATED_FALSE = 3;
const TOLD = 3;

export const alertHistory = defineAnalyzer({
  name: "alert-history",
  about: "Tells which incidents the device, the account or the address was in lately, and how those ended.",
  kinds: ["device", "user", "mailbox", "ip"],
  looks: (entity, _capabilities, { now, history }) => [
    {
      key: "alert-history/air",
      source: "air",
      family: "air-history",
      run: async () => judgeIncidents(await history.past(entity, new Date(now.getTime() - DAYS * DAY)), now),
    },
  ],
});

function judgeIncidents({ incidents }: Past, now: Date): Observation[] {
  const shared = { analyzer: "alert-history", source: "air", family: "air-history", at: now } as const;
  if (incidents.length === 0) return [{ ...shared, label: "neutral", weight: 0, text: `In no other incident in ${DAYS} days.` }];
  const ended = (classification: string) => incidents.filter((incident) => incident.classification === classification).length;
  const [real, wrong] = [ended("truePositive"), ended("falsePositive")];
  const latest = incidents
    .toSorted((a, b) => b.at.getTime() - a.at.getTime())
    .slice(0, TOLD)
    .map(({ id, title, classification }) => `INC-${id} ${brief(title, 80)}${CLASSIFICATIONS[classification ?? ""] ?? ""}`);
  const more = incidents.length > latest.length ? ` and ${incidents.length - latest.length} more` : "";
  const text = `In ${incidents.length} other ${incidents.length === 1 ? "incident" : "incidents"} in ${DAYS} days: ${latest.join("; ")}${more}.`;
  const raw = { incidents: incidents.slice(0, 20).map(({ id }) => id), truePositive: real, falsePositive: wrong };
  if (real >= REPEATED_TRUE) return [{ ...shared, label: "suspicious", weight: WEIGHTS.historyWeak, text, raw }];
  if (real === 0 && wrong >= REPEATED_FALSE) return [{ ...shared, label: "benign", weight: WEIGHTS.historyNormal, text, raw }];
  return [{ ...shared, label: "neutral", weight: 0, text, raw }];
}

const CLASSIFICATIONS: Record<string, string> = {
  truePositive: " (a true positive)",
  falsePositive: " (a false positive)",
  informationalExpectedActivity: " (expected activity)",
};
