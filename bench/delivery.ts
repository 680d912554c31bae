import { freshAlert } from "./alerts.ts";
import { now, type Spread, sleep, spread } from "./clock.ts";
import type { Fakes } from "./fakes.ts";
import { atRate, codesOf, isAccepted, type Load, type Target } from "./load.ts";

/** What became of a load. */
export type Delivery = {
  sent: number;
  accepted: number;
  codes: Record<string, number>;
  /** Accepted, and never posted within the wait. */
  lost: number;
  /** Posted, but never shown judged within the wait. */
  unsettled: number;
  /** Root posts beyond the first of an alert. */
  duplicates: number;
  offeredPerSecond: number;
  /** From the last alert sent to the last one shown judged. */
  drainSeconds: number;
  postMs: Spread | undefined;
  firstMs: Spread | undefined;
  settledMs: Spread | undefined;
};

/** Waits until every accepted alert is judged and shown, or nothing has moved for `idleSeconds`. */
export async function delivered(
  fakes: Fakes,
  load: Load,
  wait: { idleSeconds: number; maxSeconds: number; judged?: boolean },
): Promise<Delivery> {
  const accepted = load.shots.filter(isAccepted);
  const judged = wait.judged ?? true;
  const end = now() + wait.maxSeconds * 1000;
  let before = -1;
  let movedAt = now();
  let arrivals = await fakes.arrivals();
  const missing = () => accepted.filter(({ id }) => (judged ? arrivals.get(id)?.settled : arrivals.get(id)) === undefined).length;
  while (now() < end) {
    const counts = await fakes.counts();
    if ((judged ? counts.settled : counts.alerts) >= accepted.length) {
      arrivals = await fakes.arrivals();
      if (missing() === 0) break;
    }
    const sum = counts.alerts + counts.settled + counts.updates + counts.replies;
    if (sum !== before) {
      before = sum;
      movedAt = now();
    } else if (now() - movedAt > wait.idleSeconds * 1000) break;
    await sleep(50);
  }
  arrivals = await fakes.arrivals();
  const sentAt = new Map(load.shots.map((shot) => [shot.id, shot.sentAt]));
  const seen = [...sentAt].flatMap(([id, at]) => {
    const arrival = arrivals.get(id);
    return arrival ? [{ at, ...arrival }] : [];
  });
  const settled = seen.flatMap((one) => (one.settled === undefined ? [] : [one.settled]));
  return {
    sent: load.shots.length,
    accepted: accepted.length,
    codes: codesOf(load),
    lost: accepted.filter(({ id }) => !arrivals.has(id)).length,
    unsettled: accepted.filter(({ id }) => arrivals.has(id) && arrivals.get(id)?.settled === undefined).length,
    duplicates: seen.reduce((sum, one) => sum + one.roots - 1, 0),
    offeredPerSecond: load.shots.length / load.seconds,
    drainSeconds: Math.max(0, settled.reduce((a, b) => Math.max(a, b), load.endedAt) - load.endedAt) / 1000,
    postMs: spread(accepted.map((shot) => shot.ms)),
    firstMs: spread(seen.map((one) => one.first - one.at)),
    settledMs: spread(seen.flatMap((one) => (one.settled === undefined ? [] : [one.settled - one.at]))),
  };
}

/** A fresh process compiles its code while it runs; what is measured comes after. */
export async function warmUp(fakes: Fakes, target: Target, rate = 10): Promise<void> {
  const load = await atRate(() => target, { rate, seconds: 4, make: () => freshAlert() });
  await delivered(fakes, load, { idleSeconds: 5, maxSeconds: 20 });
}
