import type { Alert, Handling } from "./alert.ts";
import { CLASSIFICATIONS, type Classification, classificationText, DETERMINATIONS } from "./incident.ts";

/*
 * A source has people and an automation of its own. What they do with an alert changes nothing about what happened: it is shown, and only
 * that it is resolved, or opened again, means something here.
 */

type Standing = {
  status: Alert["status"];
  handling: Handling | null;
  /** What the source was told of it by us. */
  told: { classification: string | null; determination: string | null } | null;
};

/** `own`: it came back as we wrote it. `reopened`: work on it begins again. */
export type HandlingChange = "own" | "resolved" | "reopened" | "changed";

/** What the source's people did since we last heard of the alert; undefined: nothing. */
export function handlingChange(known: Standing, item: { alert: Pick<Alert, "status" | "handling"> }): HandlingChange | undefined {
  const { status, handling } = item.alert;
  const same = status === known.status && sameHandling(known.handling, handling ?? null);
  if (same) return undefined;
  const ours =
    known.told !== null &&
    status === "resolved" &&
    (handling?.classification ?? null) === known.told.classification &&
    (known.told.determination === null || handling?.determination === known.told.determination) &&
    handling?.assignee === known.handling?.assignee;
  if (ours) return "own";
  if (status === "resolved" && known.status !== "resolved") return "resolved";
  return known.status === "resolved" && status !== "resolved" ? "reopened" : "changed";
}

const sameHandling = (a: Handling | null, b: Handling | null) =>
  a?.assignee === b?.assignee &&
  a?.classification === b?.classification &&
  a?.determination === b?.determination &&
  a?.investigation === b?.investigation;

/** The line of the story; undefined where nobody needs to read it. */
export function handlingText(known: Standing, item: { source: string; alert: Alert }, change: HandlingChange): string | undefined {
  const { alert, source } = item;
  const { assignee, investigation } = alert.handling ?? {};
  const parts = [
    change === "resolved" ? `resolved${outcomeText(alert.handling)}` : undefined,
    change === "changed" && alert.status !== known.status ? (alert.status === "inProgress" ? "in progress" : alert.status) : undefined,
    assignee !== known.handling?.assignee ? (assignee ? `assigned to ${assignee}` : "assigned to nobody") : undefined,
    investigation !== known.handling?.investigation && investigation ? `its own investigation is ${words(investigation)}` : undefined,
  ].filter((part) => part !== undefined);
  return parts.length === 0 ? undefined : `In ${source} now: ${parts.join(", ")} (${alert.title})`;
}

/** ", as true positive, malware" */
export function outcomeText(
  said: { classification?: string | null | undefined; determination?: string | null | undefined } | null | undefined,
): string {
  const outcome = outcomeOf(said);
  return outcome ? `, as ${classificationText(outcome.classification, outcome.determination)}` : "";
}

/** "partiallyInvestigated" as people read it. */
export const words = (enumWord: string) => enumWord.replaceAll(/([a-z])([A-Z])/g, "$1 $2").toLowerCase();

/** Microsoft renamed two of them; both are still written. */
const RENAMED: Readonly<Record<string, string>> = { compromisedUser: "compromisedAccount", confirmedUserActivity: "confirmedActivity" };

/** A source's classification in our words, where it has one; a determination that does not go with it is left out. */
export function outcomeOf(
  said: { classification?: string | null | undefined; determination?: string | null | undefined } | null | undefined,
): { classification: Classification; determination: string | null } | undefined {
  const classification = CLASSIFICATIONS.find((one) => one.toLowerCase() === said?.classification?.toLowerCase());
  if (!classification) return undefined;
  const word = said?.determination?.toLowerCase() ?? "";
  const renamed = Object.entries(RENAMED).find(([old]) => old.toLowerCase() === word)?.[1] ?? word;
  const determination = DETERMINATIONS[classification].find((one) => one.toLowerCase() === renamed.toLowerCase()) ?? null;
  return { classification, determination };
}
