import { type Air, actionId, incidentId } from "./air.ts";
import type { Person } from "./domain/approval.ts";
import type { Refusal } from "./domain/errors.ts";
import type { Tx } from "./store.ts";
import { wantPages } from "./want-pages.ts";

/** Somebody who is named in an incident tried to decide there: refused, and told to those who look after it (product contract 3.6). */
export async function pageSuspect(
  tx: Tx,
  air: Air,
  person: Person,
  tried: { verb: string; incident: number; action: number | null },
  refusal: Refusal,
): Promise<void> {
  if (refusal.details.missing !== "not-a-suspect" || tried.incident === 0) return;
  const what = tried.action === null ? tried.verb : `${tried.verb} ${actionId(tried.action)}`;
  const text = `${person.name} is named in ${incidentId(tried.incident)} and tried to decide there (${what}). It was refused; nothing changed.`;
  const about = { incidentId: tried.incident, actionId: tried.action, step: "suspect", by: person.key };
  await wantPages(tx, air, [{ ...about, to: [{ kind: "on-call" }, { kind: "ops" }], text }], air.clock.now());
}
