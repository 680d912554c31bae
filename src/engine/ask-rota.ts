import type { Air } from "./air.ts";
import type { Settle } from "./investigate.ts";
import { TOLD_ROTA, type ToldRota } from "./on-duty.ts";
import { ConnectorError, type RotaSource, type RotaTold } from "./ports.ts";
import { tellOps } from "./tell-ops.ts";

const DAY_MS = 86_400_000;
/** How old an answer about who is on call may be. */
const FRESH_MS = 60_000;
const ASK_MS = 5_000;
/** PagerDuty plans no further. */
const AHEAD_MS = 60 * DAY_MS;

/** Has another product asked who is on call, where that is due. A job of its own: nobody waits for the network. */
export async function wantRota(air: Air, now: Date): Promise<void> {
  const source = air.rotaSource?.();
  if (!source || !(await isDue(air, source, now)).due) return;
  await air.store.transaction((tx) => tx.enqueue("ask-rota", { due: now.toISOString() }, { key: "ask-rota" }));
}

async function isDue(air: Air, source: RotaSource, now: Date): Promise<{ due: boolean; known: ToldRota | undefined }> {
  const before = await air.store.setting<ToldRota>(TOLD_ROTA);
  const known = before?.source === source.name ? before : undefined;
  return { due: !known || now.getTime() - Date.parse(known.askedAt) >= FRESH_MS, known };
}

/** Asks another product who is on call. What it said before holds while it does not answer. */
export async function askRota(air: Air, settle: Settle): Promise<void> {
  const now = air.clock.now();
  const source = air.rotaSource?.();
  const { due, known } = source ? await isDue(air, source, now) : { due: false, known: undefined };
  if (!source || !due) return settle(async () => {});
  let shifts: RotaTold[] | undefined;
  let trouble: string | null = null;
  try {
    shifts = await source.shifts(now, new Date(now.getTime() + AHEAD_MS), AbortSignal.timeout(ASK_MS));
  } catch (error) {
    trouble = error instanceof ConnectorError ? error.message : `${source.name} could not be asked`;
    const reason = error instanceof ConnectorError ? error.forLog : trouble;
    air.log.warn("who is on call could not be asked", { source: source.name, trouble: reason });
  }
  const told: ToldRota = {
    source: source.name,
    askedAt: now.toISOString(),
    at: shifts ? now.toISOString() : (known?.at ?? null),
    shifts: shifts
      ? shifts.map(({ from, to, email }) => ({ from: from.toISOString(), to: to.toISOString(), person: `person:${email}` }))
      : (known?.shifts ?? []),
    trouble,
  };
  await settle(async (tx) => {
    await tx.putSetting(TOLD_ROTA, told);
    // Once for each time it begins, and once when it is over.
    if (trouble !== null && !known?.trouble) {
      const so =
        told.at === null ? "It never answered, so nobody is on call for air." : "What it said before holds until it answers again.";
      await tellOps(tx, air, "duty.source", `Who is on call could not be asked: ${trouble}. ${so}`, now);
    }
    if (trouble === null && known?.trouble) await tellOps(tx, air, "duty.source", `${source.name} says again who is on call.`, now);
    // A change of shift is said as soon as it is known.
    await tx.enqueue("sweep", { due: now.toISOString() }, { key: "sweep" });
  });
}
