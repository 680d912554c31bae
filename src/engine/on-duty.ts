import type { Air } from "./air.ts";
import { isAway } from "./domain/calls.ts";
import { isOutside, MAIL, mailToFirst, outsideKind } from "./domain/outside-pages.ts";
import { NOBODY, type Paging, rotaStepOf } from "./domain/paging.ts";
import { type Duty, dutyAt, type Rota, type Shift, type Swap } from "./domain/rota.ts";
import type { Reads, SwapRow } from "./store.ts";

/** What another product said of its rota when it was last asked, and why not where it did not answer since. */
export type ToldRota = {
  /** Which rota it was, so that what one said is not taken for another's. */
  source: string;
  /** When it answered, and when it was last asked. */
  at: string | null;
  askedAt: string;
  shifts: readonly { from: string; to: string; person: string | null }[];
  trouble: string | null;
};
export const TOLD_ROTA = "rota-told";

/** The rota as it is at a moment, from air.yaml and the rows. */
export type RotaInForce = {
  rota: Rota;
  swaps: readonly SwapRow[];
  /** Swaps that do not count: one of the two is nobody air knows any more. */
  void: readonly SwapRow[];
  told: ToldRota | undefined;
};

type From = Pick<Reads, "setting" | "swapsAfter">;

/** Undefined: air.yaml has no rota. `since`: swaps that ended before are left out. */
export async function rotaInForce(rows: From, air: Pick<Air, "paging">, since: Date): Promise<RotaInForce | undefined> {
  const rota = (air.paging?.() ?? NOBODY).rota;
  if (rota === undefined) return undefined;
  const all = await rows.swapsAfter(since);
  const counts = countsFor(air.paging?.() ?? NOBODY);
  if (rota !== "asked") return { rota, swaps: all.filter(counts), void: all.filter((swap) => !counts(swap)), told: undefined };
  const told = await rows.setting<ToldRota>(TOLD_ROTA);
  return { rota: { shifts: (told?.shifts ?? []).map(shiftOf) }, swaps: [], void: [], told };
}

/** A page to somebody who left reaches nobody: with them the rota is as if there were no swap. */
export const countsFor =
  ({ isKnown = () => true }: Pick<Paging, "isKnown">) =>
  ({ person, instead }: Pick<Swap, "person" | "instead">): boolean =>
    isKnown(person) && isKnown(instead);

/** Why a swap does not count, and who has the duty. */
export function voidText({ id, person, instead }: SwapRow, { nameOf, isKnown = () => true }: Pick<Paging, "nameOf" | "isKnown">): string {
  const gone = isKnown(instead) ? person : instead;
  return `Swap ${id} (${nameOf(instead).name} instead of ${nameOf(person).name}) does not count: ${nameOf(gone).name} is not in people of air.yaml. The rota holds as it is written. To end the swap: oncall cancel ${id}`;
}

const shiftOf = ({ from, to, person }: ToldRota["shifts"][number]): Shift => ({ from: new Date(from), to: new Date(to), person });

/** Undefined: air.yaml has no rota. */
export async function onDuty(rows: From, air: Pick<Air, "paging">, now: Date): Promise<Duty | undefined> {
  const inForce = await rotaInForce(rows, air, now);
  return inForce && dutyAt(inForce.rota, inForce.swaps, now);
}

/**
 * Whom a step of the escalation is for. `told`: who was told in an earlier step. Where the shift has changed since, the next is who is on
 * call now and has not heard of it. Of a part of the rota that is nobody, the part itself: the page then says so, and the next step starts.
 */
export async function targetsOfStep(
  rows: From,
  air: Pick<Air, "paging">,
  target: string,
  told: readonly string[],
  now: Date,
): Promise<string[]> {
  if (target === MAIL) return [(await chainNow(rows, air, now)).find((one) => outsideKind(one) === "mail") ?? target];
  const step = rotaStepOf(target);
  const duty = step && (await onDuty(rows, air, now));
  if (!duty) return [target];
  const { current, next, everyone } = duty;
  if (step === "everyone") return everyone.length > 0 ? [...everyone] : [target];
  const [first] = (step === "current" ? [current] : [current, next]).filter(
    (who) => who !== null && (step === "current" || !told.includes(who)),
  );
  return [first ?? target];
}

/** The chain with people for the parts of the rota, each once: who is told, and then who else where one cannot be. */
export async function chainNow(rows: From, air: Pick<Air, "paging">, now: Date): Promise<readonly string[]> {
  const { chain } = air.paging?.() ?? NOBODY;
  const duty = chain.some((target) => rotaStepOf(target)) ? await onDuty(rows, air, now) : undefined;
  if (!duty) return mailToFirst(chain);
  const people = (target: string): readonly (string | null)[] => {
    const step = rotaStepOf(target);
    if (!step) return [target];
    return step === "everyone" ? duty.everyone : [duty[step]];
  };
  return mailToFirst([...new Set(chain.flatMap((target) => people(target).filter((who) => who !== null)))]);
}

/** Who goes on being left out when a call begins anew: those who said that they cannot, unless nobody else is left to look at it. */
export async function stillAway(rows: From, air: Pick<Air, "paging">, away: string[], now: Date): Promise<string[]> {
  if (away.length === 0) return away;
  const people = (await chainNow(rows, air, now)).filter((target) => !isOutside(target));
  return people.length > 0 && people.every((target) => isAway(target, away)) ? [] : away;
}
