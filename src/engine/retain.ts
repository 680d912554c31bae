import type { Air } from "./air.ts";
import type { Settle } from "./investigate.ts";
import type { Tx } from "./store.ts";

/** What a run has done so far: it goes on where it stopped, also in another process. */
type Progress = Record<"alertsEmptied" | "answersEmptied" | "incidents" | "alerts" | "actions" | "otherRows" | "auditLines", number>;
const NOTHING: Progress = { alertsEmptied: 0, answersEmptied: 0, incidents: 0, alerts: 0, actions: 0, otherRows: 0, auditLines: 0 };
const PROGRESS = "retention-progress";

/** One job does so many batches; the next one goes on. */
const BATCHES = 200;
const AIR = { kind: "air", job: "retention" } as const;

/**
 * Empties and deletes what is older than it is kept for (air.yaml, `retention`). Every batch is a transaction of its own with its count, so
 * that nobody waits for long and a death loses nothing; what a run came to is one line of the audit. Open incidents, and closed ones in
 * which something still waits, runs, ends by itself or has to be reviewed, are never touched.
 */
export async function retain(air: Air, settle: Settle): Promise<void> {
  const now = air.clock.now();
  const kept = air.retention?.();
  let more = false;
  if (kept) {
    const before = (ms: number) => new Date(now.getTime() - ms);
    let left = BATCHES;
    const all = async (work: (tx: Tx) => Promise<Partial<Progress>>) => {
      for (; left > 0; left--) if ((await batch(air, work)) === 0) return;
      more = true;
    };
    await all(async (tx) => ({ alertsEmptied: await tx.emptyAlerts(before(kept.rawMs), now) }));
    await all(async (tx) => ({ answersEmptied: await tx.emptyAnswers(before(kept.rawMs), now) }));
    await all((tx) => tx.deleteIncidents(before(kept.incidentsMs)));
    await all(async (tx) => ({ otherRows: await tx.deleteRest(before(kept.incidentsMs), now) }));
    await all((tx) => cut(tx, before(kept.auditMs), now));
  }
  await settle(async (tx) => {
    if (more) {
      await tx.enqueue("retain", { due: now.toISOString() }, { key: "retain" });
      return;
    }
    const done = await tx.setting<Progress | null>(PROGRESS);
    await tx.putSetting(PROGRESS, NOTHING);
    const data = { ...NOTHING, ...done };
    if (kept) await tx.writeAudit([{ at: now, actor: AIR, event: "retention.ran", subject: "rows", data }]);
  });
}

/** Answers how much it did. */
const batch = (air: Air, work: (tx: Tx) => Promise<Partial<Progress>>): Promise<number> =>
  air.store.transaction(async (tx) => {
    const did = await work(tx);
    const sum = Object.values(did).reduce((total, one) => total + one, 0);
    if (sum === 0) return 0;
    const before = { ...NOTHING, ...(await tx.setting<Progress>(PROGRESS)) };
    const next = { ...before };
    for (const [name, number] of Object.entries(did) as [keyof Progress, number][]) next[name] += number;
    await tx.putSetting(PROGRESS, next);
    return sum;
  });

/** Where the audit begins from now on is said by a line of it: whoever checks an export finds it there. */
async function cut(tx: Tx, before: Date, now: Date): Promise<Partial<Progress>> {
  const gone = await tx.cutAudit(before);
  if (!gone) return {};
  await tx.writeAudit([{ at: now, actor: AIR, event: "audit.cut", subject: "audit", data: { ...gone, before: before.toISOString() } }]);
  return { auditLines: gone.lines };
}
