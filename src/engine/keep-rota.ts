import { type Air, isLive } from "./air.ts";
import { wantRota } from "./ask-rota.ts";
import { count } from "./cards/say.ts";
import { NOBODY, type Paging } from "./domain/paging.ts";
import { gapsBetween, onDutyAt, type Rota } from "./domain/rota.ts";
import { wallText } from "./domain/wall-clock.ts";
import { NOTED_DUTY, type NotedDuty, wantHandover } from "./handover.ts";
import { rotaInForce, voidText } from "./on-duty.ts";
import { tellOps } from "./tell-ops.ts";

const DAY_MS = 86_400_000;
const GAPS_TOLD = "rota-gaps-told";
const VOID_TOLD = "rota-void-swaps-told";
/** How far ahead holes in the rota are looked for: every span of four weeks holds each week day and each turn of most rotas. */
const GAPS_MS = 28 * DAY_MS;

/** What follows from the rota by itself: has it asked for where another product keeps it, says when the shift changes, and where it has holes. */
export async function keepRota(air: Air, now: Date): Promise<void> {
  const { rota } = air.paging?.() ?? NOBODY;
  if (rota === undefined) return;
  if (rota === "asked") await wantRota(air, now);
  else {
    await sayGaps(air, rota, now);
    await sayVoid(air, now);
  }
  await sayHandover(air, now);
}

/** Said once for each way the layers are written. */
async function sayGaps(air: Air, rota: Rota, now: Date): Promise<void> {
  const written = JSON.stringify(rota);
  if ((await air.store.setting<string>(GAPS_TOLD)) === written) return;
  const text = gapText(rota, air.paging?.() ?? NOBODY, now);
  await air.store.transaction(async (tx) => {
    await tx.putSetting(GAPS_TOLD, written);
    if (text) await tellOps(tx, air, "duty.gaps", text, now);
  });
}

/** A swap with somebody who is gone, said once: who stood in for them believes otherwise. */
async function sayVoid(air: Air, now: Date): Promise<void> {
  const inForce = await rotaInForce(air.store, air, now);
  const told = (await air.store.setting<number[]>(VOID_TOLD)) ?? [];
  const ids = (inForce?.void ?? []).map(({ id }) => id);
  if (ids.length === told.length && ids.every((id) => told.includes(id))) return;
  await air.store.transaction(async (tx) => {
    // Who comes back and goes again is told of again.
    await tx.putSetting(VOID_TOLD, ids);
    for (const swap of (inForce?.void ?? []).filter(({ id }) => !told.includes(id)))
      await tellOps(tx, air, `duty.void ${swap.id}`, voidText(swap, air.paging?.() ?? NOBODY), now);
  });
}

/** Undefined: somebody is on call at every moment of the next four weeks. */
export function gapText(rota: Rota, { timeZone }: Pick<Paging, "timeZone">, now: Date): string | undefined {
  const [gap, ...more] = gapsBetween(rota, [], now, new Date(now.getTime() + GAPS_MS));
  if (!gap) return undefined;
  const others = more.length === 0 ? "" : ` and at ${count(more.length, "other time")}`;
  return `The layers of onCall leave nobody on call from ${wallText(gap.from, timeZone)} to ${wallText(gap.to, timeZone)}${others} in the next four weeks. Then the next step of the escalation comes at once; to have somebody always, add an earlier layer without a restriction.`;
}

/** The first shift air ever sees is nobody's hand-over. */
async function sayHandover(air: Air, now: Date): Promise<void> {
  const inForce = await rotaInForce(air.store, air, now);
  if (!inForce || (inForce.told && inForce.told.at === null)) return;
  const current = onDutyAt(inForce.rota, inForce.swaps, now);
  const noted = await air.store.setting<NotedDuty>(NOTED_DUTY);
  if (noted && noted.person === current) return;
  await air.store.transaction(async (tx) => {
    await tx.lockSetting(NOTED_DUTY, "alone");
    const before = await tx.setting<NotedDuty>(NOTED_DUTY);
    if (before && before.person === current) return;
    await tx.putSetting(NOTED_DUTY, {
      person: current,
      since: now.toISOString(),
      ...(before ? { before: before.person } : {}),
    } satisfies NotedDuty);
    if (!before) return;
    const paging = air.paging?.() ?? NOBODY;
    // One message: the note itself mentions whoever comes on.
    await wantHandover(tx, paging.ops.length > 0 ? paging.ops : fallbackOf(air), before, now);
    await tx.notifyChange();
  });
}

/** Where it is said in the absence of a channel for whoever runs air. */
const fallbackOf = (air: Air): string[] =>
  air
    .channels()
    .at(-1)
    ?.channels.filter((channel) => !isLive(channel))
    .slice(0, 1) ?? [];
