import { cut } from "./cards/card.ts";
import type { Actor } from "./domain/actor.ts";
import { LONGEST_WORDS } from "./domain/words.ts";
import type { New, TimelineRow } from "./store.ts";

/** A reason is kept whole, with who did what before it and what followed behind it; what is longer shows that it was cut. */
const LONGEST = 2 * LONGEST_WORDS;

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
  text: cut(text, LONGEST),
});
