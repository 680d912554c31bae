import { SEVERITIES } from "../engine/domain/alert.ts";
import type { Paging } from "../engine/domain/paging.ts";
import { quietUntil } from "../engine/domain/quiet-hours.ts";
import { WEEKDAYS, wallText } from "../engine/domain/wall-clock.ts";

/** "Quiet hours until 2026-10-06 07:00 (Europe/Berlin): nobody is told of low or medium severity." Undefined: there are none now. */
export function quietText({ quiet = [], timeZone }: Pick<Paging, "quiet" | "timeZone">, now: Date): string | undefined {
  const ends = SEVERITIES.flatMap((severity) => {
    const until = quietUntil(quiet, severity, now);
    return until ? [{ severity, until }] : [];
  });
  const spans = Map.groupBy(ends, ({ until }) => until.getTime());
  if (spans.size === 0) return undefined;
  const said = [...spans]
    .sort(([a], [b]) => a - b)
    .map(
      ([until, here]) =>
        `nobody is told of ${here.map(({ severity }) => severity).join(" or ")} severity until ${wallText(new Date(until), timeZone)}`,
    );
  return `Quiet hours: ${said.join("; ")}. What would be too late by then is told at once.`;
}

/** When they are, a line each: "22:00 to 07:00 (Europe/Berlin), Mon, Tue: low, medium". */
export function quietLines({ quiet = [] }: Pick<Paging, "quiet">): string[] {
  return quiet.map(({ from, to, days, timeZone, severity }) => {
    const on = days ? `, ${days.map((day) => WEEKDAYS[day - 1]).join(", ")}` : "";
    return `${clock(from)} to ${clock(to)} (${timeZone})${on}: ${severity.join(", ")}`;
  });
}

const clock = (minutes: number) => `${String(Math.floor(minutes / 60)).padStart(2, "0")}:${String(minutes % 60).padStart(2, "0")}`;
