import { type Air, incidentId } from "./air.ts";
import { mayRespond, type Person } from "./domain/approval.ts";
import { isGrave, whatEnds } from "./domain/snooze.ts";
import { isAskedAbout, protectedNow } from "./protected-now.ts";
import { endSnooze, endSnoozes, presentOf } from "./snoozed.ts";
import type { IncidentSnoozeRow, SnoozeFacts } from "./store.ts";

const AIR = { kind: "air", job: "snooze" } as const;

/**
 * What ends a silence by itself and nothing else would notice: its time, its owner's role, and what a connected product knows to be
 * protected of what came into the incident since. Called by the sweep, before what is overdue is looked at.
 */
export async function keepSnoozes(air: Air, now: Date): Promise<void> {
  for (const snooze of await air.store.openSnoozes()) {
    try {
      await keep(air, snooze, now);
    } catch (error) {
      // One incident that cannot be read keeps nobody else's asleep.
      air.log.warn("a snooze could not be looked at", {
        incident: incidentId(snooze.incidentId),
        trouble: error instanceof Error ? error.message : String(error),
      });
    }
  }
}

async function keep(air: Air, snooze: IncidentSnoozeRow, now: Date): Promise<void> {
  const facts = await air.store.snoozeFacts(snooze.incidentId);
  const fresh = (facts?.entities ?? []).filter(
    ({ digest, entity }) => !snooze.seen.checked.includes(digest) && isAskedAbout(air.capabilities, entity),
  );
  const live = fresh.length === 0 ? { hits: [], checked: [] } : await protectedNow(air, fresh);
  const why = live.hits[0] === undefined ? await ownerLost(air, snooze, facts) : `a protected asset is in it: ${live.hits[0]}`;
  const byRows = facts && whatEnds(snooze, presentOf(air, facts), now);
  if (byRows === undefined && why === undefined && live.checked.length === 0) return;
  await air.store.transaction(async (tx) => {
    await endSnoozes(tx, air, [snooze.incidentId], now);
    const [still] = await tx.openSnoozes([snooze.incidentId]);
    if (still?.id !== snooze.id) return;
    if (why !== undefined) await endSnooze(tx, air, still, { why, by: AIR, told: `The ${still.kind} of ${still.by} ended: ${why}` }, now);
    else if (live.checked.length > 0)
      await tx.changeIncidentSnooze(still.id, { ...still, seen: { ...still.seen, checked: [...still.seen.checked, ...live.checked] } });
  });
}

/** Whoever answers for it must still be allowed to say it; who cannot be looked up now is believed until they can. */
async function ownerLost(air: Air, snooze: IncidentSnoozeRow, facts: SnoozeFacts | undefined): Promise<string | undefined> {
  const person: Pick<Person, "roles"> | undefined = await air.whoIs?.(snooze.owner);
  if (!person) return undefined;
  const { admin, approves } = person.roles;
  const holds = facts && isGrave(facts.severity) ? admin || approves.length > 0 : mayRespond(person.roles);
  return holds ? undefined : `${snooze.by}, who answers for it, no longer holds the role it needs`;
}
