import type { Air } from "../engine/air.ts";
import { NOBODY, type Paging } from "../engine/domain/paging.ts";
import { type Rota, type Shift, type Swap, shiftsBetween } from "../engine/domain/rota.ts";
import { isDate, wallDay } from "../engine/domain/wall-clock.ts";
import { countsFor, rotaInForce, TOLD_ROTA, type ToldRota } from "../engine/on-duty.ts";
import type { Reads } from "../engine/store.ts";

const DAY_MS = 86_400_000;
/** As far as somebody plans, and quick to work out. */
export const MOST_DAYS = 366;

/** A day is its midnight in UTC, as everything in the answer is; a moment is taken as it is. Undefined: it is neither. */
export function readFrom(text: string): Date | undefined {
  if (isDate(text)) return new Date(`${text}T00:00:00Z`);
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
  { rota, isKnown }: { rota: NonNullable<Paging["rota"]> } & Pick<Paging, "isKnown">,
  rows: RotaRows,
  from: Date,
  days: number,
): Shift[] {
  const swaps = rows.swaps
    .filter(countsFor(isKnown ? { isKnown } : {}))
    .map((swap) => ({ ...swap, from: new Date(swap.from), until: new Date(swap.until) }));
  const told = (rows.told?.shifts ?? []).map((shift) => ({ ...shift, from: new Date(shift.from), to: new Date(shift.to) }));
  return rota === "asked" ? between({ shifts: told }, [], from, days) : between(rota, swaps, from, days);
}

/** People by address. */
const between = (rota: Rota, swaps: readonly Swap[], from: Date, days: number): Shift[] =>
  shiftsBetween(rota, swaps, from, new Date(from.getTime() + days * DAY_MS)).map((shift) => ({
    ...shift,
    person: shift.person?.replace(/^person:/, "") ?? null,
  }));

/** `GET /v1/oncall`: the coming days, and what the CLI needs for others. */
export async function onCallShape(air: Air, from: Date, days: number): Promise<object> {
  const inForce = await rotaInForce(air.store, air, from);
  return {
    timeZone: (air.paging?.() ?? NOBODY).timeZone,
    shifts: inForce ? previewJson(between(inForce.rota, inForce.swaps, from, days)) : [],
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
