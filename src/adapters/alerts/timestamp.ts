const FORM = /^(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?(Z|[+-]\d{2}:?\d{2})$/i;
/** PostgreSQL and JSON both keep the years 1 to 9999; an offset can push a valid local time out of them. */
const FIRST = Date.parse("0001-01-01T00:00:00Z");
const LAST = Date.parse("9999-12-31T23:59:59.999Z");

/** An ISO 8601 time with an offset, or undefined where it is none, names a day that does not exist or leaves the years 1 to 9999. */
export function readTimestamp(text: string): Date | undefined {
  const [, day, minutes, seconds = "00", fraction = "", offset] = FORM.exec(text.trim()) ?? [];
  if (!day || !minutes || !offset) return undefined;
  // JavaScript keeps milliseconds; Graph sends up to seven fractional digits.
  const local = Date.parse(`${day}T${minutes}:${seconds}.${fraction.padEnd(3, "0").slice(0, 3)}Z`);
  // 2026-02-30 would silently become 2 March, 24:00 the next day.
  if (Number.isNaN(local) || !new Date(local).toISOString().startsWith(`${day}T${minutes}`)) return undefined;
  const shift = offsetMs(offset);
  const utc = shift === undefined ? Number.NaN : local - shift;
  return utc >= FIRST && utc <= LAST ? new Date(utc) : undefined;
}

function offsetMs(offset: string): number | undefined {
  if (/^z$/i.test(offset)) return 0;
  const [hours, minutes] = [Number(offset.slice(1, 3)), Number(offset.slice(-2))];
  if (hours > 23 || minutes > 59) return undefined;
  return (offset.startsWith("-") ? -1 : 1) * (hours * 60 + minutes) * 60_000;
}
