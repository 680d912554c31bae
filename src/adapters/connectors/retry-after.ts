const DAY = 86_400_000;

/** `Retry-After` as milliseconds from now: seconds or an HTTP date; undefined where it says neither. At most a day. */
export function retryAfterMs(header: string | null, now: Date): number | undefined {
  const text = header?.trim();
  if (!text) return undefined;
  const wait = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now.getTime();
  return Number.isNaN(wait) ? undefined : Math.min(Math.max(0, wait), DAY);
}
