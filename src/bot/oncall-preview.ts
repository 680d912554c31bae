import type { Air } from "../engine/air.ts";
import { NOBODY, type Paging } from "../engine/domain/paging.ts";
import { type Rota, type Shift, type Swap, shiftsBetween } from "../engine/domain/rota.ts";
import { daysAfter, isDate, momentOf, wallDay } from "../engine/domain/wall-clock.ts";
import { countsFor, rotaInForce, TOLD_ROTA, type ToldRota } from "../engine/on-duty.ts";
import type { Reads } from "../engine/store.ts";

/** As far as somebody plans, and quick to work out. */
export const MOST_DAYS = 366;

/** A day begins at its midnight where the rota is kept; a moment is taken as it is. Undefined: it is neither. */
export function readFrom(text: string, zone: string): Date | undefined {
  if (isDate(text)) return momentOf({ date: text, hour: 0, minute: 0 }, new Date(0), zone);
  const moment = /^(\d{4}-\d{2}-\d{2})T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2})$/.exec(text);
  const at = new Date(text);
  return moment?.[1] === undefined || !isDate(moment[1]) || Number.isNaN(at.getTime()) ? undefined : at;
}

/** What only the rows of the running air know: JSON, so times are text. */
export type RotaRows = { swaps: readonly (Omit<Swap, "from" | "until"> & { from: string; until: string })[]; told: ToldRota | null };

export async function rotaRows(rows: Pick<Reads, "setting" | "swapsAfter">, since: Date): Promise<RotaRows> {
  const swaps = await rows.swapsAfter(since);
  return {
    swaps: swaps.map(({ id, person, instead, from, until }) => ({
      id,
      person,
      instead,
      from: from.toISOString(),
      until: until.toISOString(),
    })),
    told: (await rows.setting<ToldRota>(TOLD_ROTA)) ?? null,
  };
}

/** The rota of air.yaml as it is on this machine, with what the running air knows about it. */
export function previewOf(
  { rota, isKnown, timeZone }: { rota: NonNullable<Paging["rota"]> } & Pick<Paging, "isKnown" | "timeZone">,
  rows: RotaRows,
  from: Date,
  days: number,
): Shift[] {
  const swaps = rows.swaps
    .filter(countsFor(isKnown ? { isKnown } : {}))
    .map((swap) => ({ ...swap, from: new Date(swap.from), until: new Date(swap.until) }));
  const told = (rows.told?.shifts ?? []).map((shift) => ({ ...shift, from: new Date(shift.from), to: new Date(shift.to) }));
  const until = daysAfter(from, days, timeZone);
  return rota === "asked" ? between({ shifts: told }, [], from, until) : between(rota, swaps, from, until);
}

/** People by address. */
const between = (rota: Rota, swaps: readonly Swap[], from: Date, until: Date): Shift[] =>
  shiftsBetween(rota, swaps, from, until).map((shift) => ({
    ...shift,
    person: shift.person?.replace(/^person:/, "") ?? null,
  }));

/** `GET /v1/oncall`: the coming days, and what the CLI needs for others. */
export async function onCallShape(air: Air, from: Date, days: number): Promise<object> {
  const inForce = await rotaInForce(air.store, air, from);
  const { timeZone } = air.paging?.() ?? NOBODY;
  return {
    timeZone,
    shifts: inForce ? previewJson(between(inForce.rota, inForce.swaps, from, daysAfter(from, days, timeZone))) : [],
    ...(await rotaRows(air.store, from)),
  };
}

/** The contract of `--json`: times in UTC. */
export const previewJson = (shifts: readonly Shift[]) =>
  shifts.map(({ from, to, person }) => ({ from: from.toISOString(), to: to.toISOString(), person }));

export const previewLines = (shifts: readonly Shift[], timeZone: string, quiet: readonly string[] = []): string[] => [
  `Times of ${timeZone}:`,
  ...quiet.map((line) => `Quiet ${line}`),
  ...shifts.map(({ from, to, person }) => `${wallDay(from, timeZone)} to ${wallDay(to, timeZone)}  ${person ?? "nobody"}`),
];
