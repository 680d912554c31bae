const UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const YEAR = 365 * UNITS.d;

/** "24h", "30m", "7d" in milliseconds; undefined for anything else, nothing and more than a year. */
export function readDuration(text: string): number | undefined {
  const [, count, unit] = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text.trim()) ?? [];
  if (!count || !unit) return undefined;
  const ms = Number(count) * UNITS[unit as keyof typeof UNITS];
  return ms > 0 && ms <= YEAR ? ms : undefined;
}
