import type { Air } from "./air.ts";
import { mayRespond, type Person } from "./domain/approval.ts";
import { isGrave } from "./domain/snooze.ts";
import type { Settle } from "./investigate.ts";
import { eachSnooze } from "./keep-snoozes.ts";
import { isAskedAbout, protectedNow } from "./protected-now.ts";
import { endSnooze } from "./snoozed.ts";
import type { IncidentSnoozeRow, SnoozeFacts } from "./store.ts";

const AIR = { kind: "air", job: "snooze" } as const;

/**
 * What ends a silence by itself and no row tells: what a connected product knows to be protected of what came into the incident since, and
 * its owner's role. A job of its own, since it waits for others; the sweep asks for it while anything is silent.
 */
export async function watchSnoozes(air: Air, settle: Settle): Promise<void> {
  await eachSnooze(air, await air.store.openSnoozes(), (snooze) => watch(air, snooze));
  await settle(async () => {});
}

async function watch(air: Air, snooze: IncidentSnoozeRow): Promise<void> {
  const facts = await air.store.snoozeFacts(snooze.incidentId);
  const fresh = (facts?.entities ?? []).filter(
    ({ digest, entity }) => !snooze.seen.checked.includes(digest) && isAskedAbout(air.capabilities, entity),
  );
  const live = fresh.length === 0 ? { hits: [], checked: [] } : await protectedNow(air, fresh);
  const why = live.hits[0] === undefined ? await ownerLost(air, snooze, facts) : `a protected asset is in it: ${live.hits[0]}`;
  if (why === undefined && live.checked.length === 0) return;
  await air.store.transaction(async (tx) => {
    const [still] = await tx.openSnoozes([snooze.incidentId]);
    if (still?.id !== snooze.id) return;
    if (why !== undefined)
      await endSnooze(tx, air, still, { why, by: AIR, told: `The ${still.kind} of ${still.by} ended: ${why}` }, air.clock.now());
    else await tx.changeIncidentSnooze(still.id, { ...still, seen: { ...still.seen, checked: [...still.seen.checked, ...live.checked] } });
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
