import type { Air } from "./air.ts";
import { time } from "./cards/say.ts";
import { tellOnCall } from "./tell-on-call.ts";
import { tellOps } from "./tell-ops.ts";

/** Whoever is on call hears of a product that was left alone for this long. */
const DOWN_MS = 5 * 60_000;
/** Nobody met the outage again for this long: the next one is another. */
const OVER_MS = 15 * 60_000;

type Down = { since: string; last: string; told: boolean };
/** Kept as a row once it was down. */
type Kept = Down | { works: true };
const downOf = (kept: Kept | undefined): Down | undefined => (kept && "since" in kept ? kept : undefined);
const settingOf = (name: string) => `connector-down ${name}`;

/**
 * A product that acts for air, or that air asks for alerts, does not answer, or answers. Every process says what it meets; the row says
 * since when, so that it is told once for each time it begins, and once when it is over.
 */
export async function noteConnector(
  air: Air,
  connector: { name: string; product: string },
  state: { works: boolean; trouble: string },
): Promise<void> {
  const { name, product } = connector;
  const setting = settingOf(name);
  if (state.works && !downOf(await air.store.setting<Kept>(setting))) return;
  await air.store.transaction(async (tx) => {
    const now = air.clock.now();
    await tx.lockSetting(setting, "alone");
    const before = downOf(await tx.setting<Kept>(setting));
    if (state.works) {
      if (!before) return;
      await tx.putSetting(setting, { works: true } satisfies Kept);
      if (!before.told) return;
      const text = `${product} answers again. It did not since ${time(before.since)}; what waited for it is taken up.`;
      await tellOps(tx, air, `connector back ${name} ${before.since}`, text, now);
      await tellOnCall(tx, air, `connector back ${name} ${before.since}`, text, now);
      await tx.notifyChange();
      return;
    }
    const known = before && (before.told || now.getTime() - Date.parse(before.last) < OVER_MS) ? before : undefined;
    const since = known?.since ?? now.toISOString();
    const late = now.getTime() - Date.parse(since) >= DOWN_MS;
    await tx.putSetting(setting, { since, last: now.toISOString(), told: known?.told === true || late } satisfies Down);
    if (!late || known?.told) return;
    const text = `${product} has not answered since ${time(since)}: ${state.trouble.replace(/\.$/, "")}. What air does and asks there waits; it goes on trying.`;
    await tellOps(tx, air, `connector down ${name} ${since}`, text, now);
    await tellOnCall(tx, air, `connector down ${name} ${since}`, text, now);
    await tx.notifyChange();
  });
}
