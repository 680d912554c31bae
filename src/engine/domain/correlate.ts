import type { Entity } from "./entity.ts";
import { entityKeys } from "./entity.ts";
import type { Policy } from "./policy.ts";

/** Names by which an alert can join an incident, each with its window. */
export type JoinKey = { key: string; windowMs: number; because: string };

/** The source's own incident joins for as long as the incident is open. */
export const UNLIMITED = Number.MAX_SAFE_INTEGER;

const WINDOW: Partial<Record<Entity["kind"], keyof Policy["correlation"]>> = {
  device: "device",
  file: "file",
  url: "url",
  user: "user",
  mailbox: "user",
  ip: "ip",
  message: "url",
  "mail-cluster": "url",
  domain: "url",
};

/** The join keys of an alert (domain facts 1.3 CHOICE): `joins` says which entities may join at all. */
export function joinKeys(
  input: { source: string; vendorIncident?: string; entities: readonly Entity[] },
  windows: Policy["correlation"],
  joins: (entity: Entity) => boolean,
): JoinKey[] {
  const keys = new Map<string, JoinKey>();
  if (input.vendorIncident) {
    const key = `vendor-incident:${input.source}:${input.vendorIncident}`;
    keys.set(key, { key, windowMs: UNLIMITED, because: `same incident ${input.vendorIncident} in ${input.source}` });
  }
  for (const entity of input.entities) {
    const kind = WINDOW[entity.kind];
    if (!kind || !joins(entity)) continue;
    const windowMs = windows[kind];
    for (const key of entityKeys(entity)) keys.set(key, { key, windowMs, because: `same ${entity.kind} within ${duration(windowMs)}` });
  }
  return [...keys.values()];
}

const duration = (ms: number) => (ms % 3_600_000 === 0 ? `${ms / 3_600_000} h` : `${Math.round(ms / 60_000)} min`);

export type Candidate = { incident: number; key: string; at: number };

/**
 * Which open incident an alert joins, and why. Event times are compared, either way: alerts arrive out of order.
 * The source's own incident is the strongest; then the oldest incident wins, so that the order of arrival does not matter.
 */
export function chooseIncident(
  keys: readonly JoinKey[],
  eventTime: number,
  candidates: readonly Candidate[],
): { incident: number; because: string } | undefined {
  const byKey = new Map(keys.map((key) => [key.key, key]));
  const hits = candidates.flatMap((candidate) => {
    const key = byKey.get(candidate.key);
    return key && Math.abs(candidate.at - eventTime) <= key.windowMs ? [{ incident: candidate.incident, key }] : [];
  });
  hits.sort(
    (a, b) =>
      Number(b.key.windowMs === UNLIMITED) - Number(a.key.windowMs === UNLIMITED) ||
      a.incident - b.incident ||
      (a.key.key < b.key.key ? -1 : 1),
  );
  const [best] = hits;
  if (!best) return undefined;
  const reasons = new Set(hits.filter((hit) => hit.incident === best.incident).map((hit) => hit.key.because));
  return { incident: best.incident, because: [...reasons].join(", ") };
}
