import type { Severity } from "../domain/alert.ts";

/* What several things in one message are called, and how those without buttons are answered. */
/** As many as are named; of more it says how many. */
const NAMED = 30;
export const listed = (ids: readonly string[]) =>
  ids.length > NAMED ? `${ids.slice(0, NAMED).join(", ")} and ${ids.length - NAMED} more` : ids.join(", ");

/** What somebody who finds no button for it types instead. */
export const withoutButtons = (subjects: readonly string[]): string =>
  `Without buttons here: ${listed(subjects)}. Write it to answer, for example: ack ${subjects[0]}`;

/** "INC-5 (high)", or "INC-5" where the text that follows begins with it: "High severity: ...". */
export const nameAndSeverity = (incident: string, severity: Severity | undefined, text: string): string =>
  severity === undefined || text.toLowerCase().startsWith(severity) ? incident : `${incident} (${severity})`;
