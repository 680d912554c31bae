import type { Actor } from "./domain/actor.ts";
import type { New, TimelineRow } from "./store.ts";

/** Longer texts are cut: one line of a story is read at a glance. */
const LONGEST = 2000;

/** One line of an incident's story; investigation and action where it belongs to one. */
export const timelineLine = (
  where: { incidentId: number; investigationId?: number | null; actionId?: number | null },
  at: Date,
  actor: Actor,
  event: string,
  text: string,
): New<TimelineRow> => ({
  incidentId: where.incidentId,
  investigationId: where.investigationId ?? null,
  actionId: where.actionId ?? null,
  at,
  actor,
  event,
  text: text.slice(0, LONGEST),
});
