import { type Air, isLive } from "./air.ts";
import { type Severity, severityRank } from "./domain/alert.ts";
import type { Tx } from "./store.ts";

/** What changed about one incident that somebody may be looking at. */
export type Changed = {
  incident: number;
  severity: Severity;
  /** A root card is called for now: high severity, a malicious verdict, a decision to make (product contract 7). */
  needed: boolean;
  /** Actions whose own cards changed. */
  actions?: readonly number[];
};

/** What waits for a person is posted before what merely changed, and a first card before a redrawn one. */
const PRIORITY = { decision: 10, root: 20, redraw: 50 };

export const incidentSubject = (id: number) => `incident:${id}`;
export const actionSubject = (id: number) => `action:${id}`;

/** High and critical incidents are shown at once; below that a card waits for the verdict (product contract 7). */
export const neededAtOnce = (severity: Severity) => severityRank(severity) >= severityRank("high");

/** Raises the wanted version of every message these changes concern, in the transaction of the change. */
export async function wantCards(tx: Tx, air: Pick<Air, "channels">, changes: readonly Changed[], now: Date): Promise<void> {
  if (changes.length === 0) return;
  const known = await tx.knownMessages(changes.map((change) => change.incident));
  const shownIn = new Map<number, Set<string>>();
  for (const message of known) {
    const channels = shownIn.get(message.incidentId) ?? new Set();
    channels.add(message.channel);
    shownIn.set(message.incidentId, channels);
  }
  const wanted = changes.flatMap((change) => {
    const already = shownIn.get(change.incident) ?? new Set<string>();
    const rule = air.channels().find((one) => !one.when || one.when.includes(change.severity));
    const channels = new Set(already);
    if (rule && (change.needed || rule.post === "all")) for (const channel of rule.channels) channels.add(channel);
    return [...channels].flatMap((channel) => [
      {
        channel,
        subject: incidentSubject(change.incident),
        incidentId: change.incident,
        thread: null,
        priority: already.has(channel) ? PRIORITY.redraw : PRIORITY.root,
      },
      ...(change.actions ?? []).map((action) => ({
        channel,
        subject: actionSubject(action),
        incidentId: change.incident,
        thread: incidentSubject(change.incident),
        priority: PRIORITY.decision,
      })),
    ]);
  });
  const there = new Set(known.map((message) => `${message.channel} ${message.subject}`));
  const live = wanted.filter((row) => isLive(row.channel));
  await tx.wantMessages(
    wanted.filter((row) => !isLive(row.channel)),
    now,
  );
  await tx.showMessages(
    live.filter((row) => !there.has(`${row.channel} ${row.subject}`)),
    now,
  );
  if (live.length > 0) await tx.notifyChange();
}
