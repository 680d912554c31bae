import type { AlertRow } from "./store.ts";

/** The source of alerts a person raises by asking (domain facts 1.2 CHOICE): history stays uniform. */
export const MANUAL_SOURCE = "manual";

const ASKED = "asked for by ";
/** The rule by which such an alert is looked into: who asked. */
export const askedRule = (name: string) => `${ASKED}${name}`;

/** Who asked for it; undefined: a source raised it. It was the first rule it was stored by, and no policy speaks of it afterwards. */
export const askedBy = ({ source, policyRule }: Pick<AlertRow, "source" | "policyRule">): string | undefined =>
  source === MANUAL_SOURCE && policyRule.startsWith(ASKED) ? policyRule.slice(ASKED.length) : undefined;
