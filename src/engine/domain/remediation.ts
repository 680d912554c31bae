import { words } from "./handling.ts";

/** How far a source is with what it does about a thing by itself. `done`: nothing is left to do. `pending`: it still does something. */
export type Standing = "done" | "pending" | "open";

/** The words of Microsoft's `evidenceRemediationStatus`, and those its streams and portal write beside them (domain 2.3). */
const SAID: Readonly<Record<string, readonly [Standing, string]>> = {
  remediated: ["done", "remediated"],
  prevented: ["done", "prevented"],
  blocked: ["done", "blocked"],
  partiallyremediated: ["open", "remediated in part"],
  pendingapproval: ["pending", "waits for approval there"],
  running: ["pending", "is being remediated there"],
  pending: ["pending", "waits there"],
  notfound: ["open", "not found there"],
  active: ["open", "still active"],
  unremediated: ["open", "not remediated"],
  declined: ["open", "remediation declined there"],
  failed: ["open", "remediation failed there"],
};

/** What a source says became of a thing, as people say it. A word nobody knows claims nothing: it stands as the source wrote it. */
export function remediationSaid(word: string): { standing: Standing; text: string } {
  const bare = word.trim();
  const [standing, text] = SAID[bare.toLowerCase()] ?? ["open", /^[a-z]+([A-Z][a-z]+)+$/.test(bare) ? words(bare) : bare];
  return { standing, text };
}
