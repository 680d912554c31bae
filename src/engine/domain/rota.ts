import { Temporal } from "temporal-polyfill";
import { dateAt, wallMoment } from "./wall-clock.ts";

/*
 * Who is on call when. Pure: layers, swaps and a moment in, a person out. People are whatever the caller calls them.
 *
 * A layer is a list of people who follow each other at a time the clock on the wall shows, summer and winter. A later layer takes precedence
 * over the earlier ones wherever it applies (it has begun, and its restriction holds); where it does not, the earlier one shows through.
 * Where none applies nobody is on call.
 */

export type RotaLayer = {
  name: string;
  /** How long one person has it. */
  everyDays: number;
  /** `weekday` 1 is Monday; without it the first handover is on the day of `start`. `minute` counts from midnight. */
  handover: { weekday?: number; minute: number };
  /** The first person begins with the first handover on or after this day. */
  start: string;
  people: readonly string[];
  /** It applies on these days (1 is Monday) and between these minutes of them only; past midnight where `to` is not after `from`. */
  restrict?: { days?: readonly number[]; hours?: { from: number; to: number } };
};

/** Layers of our own, or the shifts another product told us. */
export type Rota = { layers: readonly RotaLayer[]; timeZone: string } | { shifts: readonly Shift[] };

/** Half open: `to` is the first moment of the next one. */
export type Shift = { from: Date; to: Date; person: string | null };

/** For that time `instead` does what falls to `person`. Of two the later one (by id) is asked last, so that what was taken over can be passed on. */
export type Swap = { id: number; person: string; instead: string; from: Date; until: Date };

type Piece = { from: number; to: number; person: string };

/** How far ahead the next person is looked for. */
const AHEAD_MS = 60 * 86_400_000;

/** Who is on call then; null: nobody. */
export function onDutyAt(rota: Rota, swaps: readonly Swap[], at: Date): string | null {
  return shiftsBetween(rota, swaps, at, new Date(at.getTime() + 1))[0]?.person ?? null;
}

/** Everything between the two moments, without a hole: neighbours are different people, or somebody and nobody. */
export function shiftsBetween(rota: Rota, swaps: readonly Swap[], from: Date, to: Date): Shift[] {
  const [first, last] = [from.getTime(), to.getTime()];
  if (last <= first) return [];
  const pieces = "shifts" in rota ? [toldPieces(rota.shifts)] : rota.layers.map((layer) => layerPieces(layer, rota.timeZone, first, last));
  const edges = [
    ...pieces.flat().flatMap((piece) => [piece.from, piece.to]),
    ...swaps.flatMap((swap) => [swap.from.getTime(), swap.until.getTime()]),
  ].filter((edge) => edge > first && edge < last);
  const moments = [first, ...new Set(edges.sort((a, b) => a - b))];
  const inOrder = [...swaps].sort((a, b) => a.id - b.id);
  const reach = pieces.map(reader);
  const shifts: Shift[] = [];
  for (const [index, moment] of moments.entries()) {
    const person = swapped(lastOf(reach, moment), inOrder, moment);
    const end = new Date(moments[index + 1] ?? last);
    const before = shifts.at(-1);
    if (before && before.person === person) before.to = end;
    else shifts.push({ from: new Date(moment), to: end, person });
  }
  return shifts;
}

/** When nobody is on call. */
export const gapsBetween = (rota: Rota, swaps: readonly Swap[], from: Date, to: Date): Shift[] =>
  shiftsBetween(rota, swaps, from, to).filter((shift) => shift.person === null);

export type Duty = {
  current: string | null;
  /** The next time somebody else, or nobody, is on call; undefined: not within two months. */
  change: { at: Date; person: string | null } | undefined;
  /** Who comes after `current`, whenever that is. Not somebody who has given their duty away just now. */
  next: string | null;
  everyone: readonly string[];
};

/** What a card and an escalation need to know of a moment. */
export function dutyAt(rota: Rota, swaps: readonly Swap[], at: Date): Duty {
  const [now, ...later] = shiftsBetween(rota, swaps, at, new Date(at.getTime() + AHEAD_MS));
  const current = now?.person ?? null;
  const active = swaps.filter((swap) => swap.from <= at && at < swap.until);
  const away = new Set(active.map((swap) => swap.person).filter((person) => person !== current));
  const [change] = later;
  const everyone = new Set(peopleOf(rota).map((person) => swapped(person, active, at.getTime()) ?? person));
  const next = later.find(({ person }) => person !== null && person !== current && !away.has(person))?.person;
  return {
    current,
    change: change && { at: change.from, person: change.person },
    next: next ?? [...everyone].find((person) => person !== current) ?? null,
    everyone: [...everyone],
  };
}

/** Everybody who is ever on call, each once. */
const peopleOf = (rota: Rota): string[] => [
  ...new Set("shifts" in rota ? rota.shifts.flatMap(({ person }) => person ?? []) : rota.layers.flatMap((layer) => layer.people)),
];

function swapped(person: string | null, swaps: readonly Swap[], moment: number): string | null {
  let who = person;
  for (const swap of swaps) if (who === swap.person && swap.from.getTime() <= moment && moment < swap.until.getTime()) who = swap.instead;
  return who;
}

/** Moments are asked for in rising order, so each piece is passed once. */
function reader(pieces: readonly Piece[]): (moment: number) => string | null {
  let index = 0;
  return (moment) => {
    while (index < pieces.length && (pieces[index]?.to ?? 0) <= moment) index++;
    const piece = pieces[index];
    return piece && piece.from <= moment ? piece.person : null;
  };
}

/** The latest layer that applies; each is asked, so that all keep their place. */
const lastOf = (readers: readonly ((moment: number) => string | null)[], moment: number): string | null =>
  readers.map((read) => read(moment)).findLast((person) => person !== null) ?? null;

const toldPieces = (shifts: readonly Shift[]): Piece[] =>
  shifts
    .flatMap(({ from, to, person }) => (person === null ? [] : [{ from: from.getTime(), to: to.getTime(), person }]))
    .sort((a, b) => a.from - b.from);

/** The turns of a layer between two moments, cut to when it applies. Sorted, and none overlaps another. */
function layerPieces(layer: RotaLayer, zone: string, first: number, last: number): Piece[] {
  const turns: Piece[] = [];
  const handover = handoversOf(layer, zone);
  for (let index = Math.max(0, handover.before(first)); handover.at(index) < last; index++) {
    const person = layer.people[index % layer.people.length];
    if (person === undefined) return [];
    turns.push({ from: handover.at(index), to: handover.at(index + 1), person });
  }
  if (!layer.restrict) return turns;
  const pieces: Piece[] = [];
  let turn = 0;
  for (const window of windowsOf(layer.restrict, zone, first, last)) {
    while (turn < turns.length && (turns[turn]?.to ?? 0) <= window.from) turn++;
    for (let index = turn; index < turns.length; index++) {
      const { from, to, person } = turns[index] as Piece;
      if (from >= window.to) break;
      const piece = { from: Math.max(from, window.from), to: Math.min(to, window.to), person };
      if (piece.from < piece.to) pieces.push(piece);
    }
  }
  return pieces;
}

/** When the turn of this number begins, and the number of the turn a moment falls in (below 0: before the first). */
function handoversOf({ handover, start, everyDays }: RotaLayer, zone: string) {
  const day = Temporal.PlainDate.from(start);
  const begin = handover.weekday === undefined ? day : day.add({ days: (handover.weekday - day.dayOfWeek + 7) % 7 });
  const known = new Map<number, number>();
  const at = (index: number): number => {
    const moment = known.get(index) ?? wallMoment(begin.add({ days: index * everyDays }), handover.minute, zone);
    known.set(index, moment);
    return moment;
  };
  const before = (moment: number): number => {
    let index = Math.floor(begin.until(dateAt(moment, zone)).days / everyDays);
    // Later on that day than now, or a day the calendar there left out.
    while (at(index) > moment) index--;
    while (at(index + 1) <= moment) index++;
    return index;
  };
  return { at, before };
}

/** When the restriction holds: each window belongs to the day on which it begins. */
function windowsOf(
  { days, hours = { from: 0, to: 1440 } }: NonNullable<RotaLayer["restrict"]>,
  zone: string,
  first: number,
  last: number,
): { from: number; to: number }[] {
  const windows: { from: number; to: number }[] = [];
  const end = dateAt(last, zone);
  for (let day = dateAt(first, zone).subtract({ days: 1 }); Temporal.PlainDate.compare(day, end) <= 0; day = day.add({ days: 1 })) {
    if (days && !days.includes(day.dayOfWeek)) continue;
    const from = wallMoment(day, hours.from, zone);
    const to = wallMoment(hours.to > hours.from ? day : day.add({ days: 1 }), hours.to, zone);
    // Where the clock skips its whole length it does not take place.
    if (from < to) windows.push({ from, to });
  }
  return windows;
}
