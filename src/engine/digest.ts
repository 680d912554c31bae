import { type Air, incidentId, isLive } from "./air.ts";
import type { Card } from "./cards/card.ts";
import { digestCard } from "./cards/digest-card.ts";
import { SEVERITIES, type Severity } from "./domain/alert.ts";
import { type Day, dayNamed, dayOf } from "./domain/day.ts";
import { NOBODY } from "./domain/paging.ts";
import { sha256 } from "./sha256.ts";
import type { DigestRows, Reads } from "./store.ts";
import { digestSubject, wantDigest } from "./want-cards.ts";

/** A digest is edited at most this often, and posted once a day: an edit notifies nobody. */
const EDIT_MS = 60_000;
const NEWEST = 8;
/** What was counted when it was last looked, per channel and day. */
const SETTING = "digests";
type Kept = Record<string, { at: string; counted: Record<string, string> }>;

/** Where an incident is not shown by itself unless somebody is needed, and of which severities that is so there. */
function digestPlaces(air: Pick<Air, "channels">): Map<string, Severity[]> {
  const places = new Map<string, Severity[]>();
  for (const severity of SEVERITIES) {
    const rule = air.channels().find((one) => !one.when || one.when.includes(severity));
    if (rule?.post !== "needed") continue;
    for (const channel of rule.channels) places.set(channel, [...(places.get(channel) ?? []), severity]);
  }
  return places;
}

/**
 * Has the digests drawn again whose counts changed. Nobody on the way of an alert touches them: they are counted from the rows here, by the
 * sweep, once a minute. Yesterday's goes on for as long as what it counts is still looked at.
 */
export async function keepDigests(air: Air, now: Date): Promise<void> {
  const timeZone = (air.paging?.() ?? NOBODY).timeZone;
  const today = dayOf(now, timeZone);
  const days = [dayOf(new Date(today.from.getTime() - 1), timeZone), today];
  const kept = (await air.store.setting<Kept>(SETTING)) ?? {};
  const next: Kept = {};
  const stale: { channel: string; day: string }[] = [];
  for (const [channel, severities] of digestPlaces(air)) {
    const before = kept[channel];
    if (isLive(channel)) continue;
    if (before && now.getTime() - Date.parse(before.at) < EDIT_MS) {
      next[channel] = before;
      continue;
    }
    const counted: Record<string, string> = {};
    for (const day of days) {
      const known = before?.counted[day.name];
      // A day that had no digest gets none afterwards.
      if (day !== today && known === undefined) continue;
      const rows = await air.store.digest({ ...ofDay(day), channel, severities, lab: air.capabilities.lab, newest: NEWEST });
      if (rows.counts.length === 0 && known === undefined) continue;
      counted[day.name] = sha256(
        JSON.stringify([rows.counts, rows.newest.map(({ id }) => id), rows.storms.map(({ id, alerts }) => [id, alerts])]),
      );
      if (counted[day.name] !== known) stale.push({ channel, day: day.name });
    }
    next[channel] = { at: now.toISOString(), counted };
  }
  if (JSON.stringify(next) === JSON.stringify(kept)) return;
  await air.store.transaction(async (tx) => {
    await wantDigest(
      tx,
      stale.map(({ channel, day }) => ({ channel, subject: digestSubject(day) })),
      now,
    );
    await tx.putSetting(SETTING, next);
  });
}

const ofDay = ({ from, to }: Day) => ({ from, to });

/** `digest:2026-11-22` of a channel, drawn from the rows of that day. */
export async function drawDigest(
  reads: Pick<Reads, "digest">,
  row: { channel: string; subject: string },
  how: { channels: Air["channels"]; timeZone: string; lab: boolean },
): Promise<Card | undefined> {
  const [, name] = /^digest:(\d{4}-\d\d-\d\d)$/.exec(row.subject) ?? [];
  const day = name === undefined ? undefined : dayNamed(name, how.timeZone);
  const severities = digestPlaces(how).get(row.channel);
  if (!day || !severities) return undefined;
  const rows = await reads.digest({ ...ofDay(day), channel: row.channel, severities, lab: how.lab, newest: NEWEST });
  return digestCard({ ...facts(rows), day: day.name, timeZone: how.timeZone, lab: how.lab });
}

const facts = ({ counts, newest, storms }: DigestRows) => ({
  counts,
  newest: newest.map(({ id, ...row }) => ({ ...row, id: incidentId(id) })),
  storms: storms.map(({ alerts, severity, category, source, startedAt }) => ({
    alerts,
    severity,
    category: category ?? undefined,
    source,
    startedAt,
  })),
});
