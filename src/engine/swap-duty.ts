import type { Air } from "./air.ts";
import { audited, authorise } from "./authorise.ts";
import { lengthText } from "./cards/say.ts";
import { actorOf, type Person } from "./domain/approval.ts";
import { Refusal } from "./domain/errors.ts";
import { NOBODY } from "./domain/paging.ts";
import { shiftsBetween } from "./domain/rota.ts";
import { wallText } from "./domain/wall-clock.ts";
import { rotaInForce } from "./on-duty.ts";
import type { SwapRow, Tx } from "./store.ts";
import { wantPages } from "./want-pages.ts";

/** What is to last longer belongs into the layers of air.yaml, where it is reviewed. */
const LONGEST_MS = 92 * 86_400_000;
const AHEAD_MS = 366 * 86_400_000;
/** Open at the same time: each is asked about whenever somebody is paged. */
const MOST = 100;

type Somebody = { key: string; name: string };

const targetOf = (who: Somebody) => `person:${who.key.toLowerCase()}`;

/**
 * For a while somebody else does what the rota gives to a person. Everybody may give away what is theirs; for others it takes an admin.
 *
 * @throws Refusal forbidden | not-found | invalid
 */
export async function swapDuty(
  air: Air,
  person: Person,
  swap: { from: Somebody; to: Somebody; begin: Date; until: Date },
): Promise<Omit<SwapRow, "endedBy">> {
  const own = swap.from.key.toLowerCase() === person.key.toLowerCase();
  const asked = { verb: "duty.swap", subject: swap.from.name.slice(0, 80), need: own ? "viewer" : "admin" } as const;
  await authorise(air, person, asked);
  return audited(air, person, asked, () =>
    air.store.transaction(async (tx) => {
      const now = air.clock.now();
      const from = new Date(Math.max(swap.begin.getTime(), now.getTime()));
      const row = { person: targetOf(swap.from), instead: targetOf(swap.to), from, until: swap.until, by: person.name, createdAt: now };
      await mustMakeSense(tx, air, swap, row, now);
      const id = await tx.addSwap({ ...row, endedBy: null });
      const { timeZone } = air.paging?.() ?? NOBODY;
      const said = `${swap.to.name} is on call instead of ${swap.from.name} from ${wallText(from, timeZone)} to ${wallText(swap.until, timeZone)} (${lengthText(swap.until.getTime() - from.getTime())}), wherever the rota says ${swap.from.name}. ${person.name} asked for it. To end it: oncall cancel ${id}`;
      await tell(tx, air, person, { id, ...row }, "duty.swapped", said, now);
      return { id, ...row };
    }),
  );
}

async function mustMakeSense(
  tx: Tx,
  air: Air,
  { from, to, begin }: { from: Somebody; to: Somebody; begin: Date },
  row: Omit<SwapRow, "id" | "endedBy">,
  now: Date,
) {
  const say = (message: string) => new Refusal("invalid", message);
  const inForce = await rotaInForce(tx, air, now);
  if (!inForce) throw say("There is no rota to swap in: onCall in air.yaml has no layers. An admin adds them.");
  if (!("layers" in inForce.rota))
    throw say(`The rota is kept in ${inForce.told?.source ?? "another product"}: make an override there, and air follows it.`);
  if (row.person === row.instead) throw say(`${from.name} cannot stand in for ${from.name}. Name two people.`);
  if (begin < row.until && row.until <= now)
    throw say(`That time is over already: it ended ${wallText(row.until, (air.paging?.() ?? NOBODY).timeZone)}. Give times from now on.`);
  if (row.until <= row.from) throw say("It would end before it begins. Write it like: from Fri 18:00 to Mon 09:00.");
  if (row.until.getTime() - row.from.getTime() > LONGEST_MS)
    throw say("A swap lasts at most 92 days. For longer, change the people of the layer in air.yaml.");
  if (row.from.getTime() - now.getTime() > AHEAD_MS) throw say("A swap begins within a year.");
  const { nameOf } = air.paging?.() ?? NOBODY;
  if (!air.capabilities.lab && Object.keys(nameOf(row.instead).on).length === 0)
    throw say(`${to.name} has no account in people of air.yaml that a chat could mention. An admin adds it there.`);
  if (inForce.swaps.length >= MOST) throw say("There are too many swaps already. End some first: oncall lists them.");
  const shifts = shiftsBetween(inForce.rota, inForce.swaps, row.from, row.until);
  if (!shifts.some((shift) => shift.person === row.person)) {
    throw say(`${from.name} is not on call in that time, so there is nothing to swap. Who is: oncall 7d`);
  }
}

/**
 * Ends a swap, begun or not. Both who gave their duty away and who took it may; others need to be an admin.
 *
 * @throws Refusal forbidden | not-found
 */
export async function cancelSwap(air: Air, person: Person, id: number): Promise<SwapRow> {
  const now = air.clock.now();
  const found = (await air.store.swapsAfter(now)).find((row) => row.id === id);
  const mine = found && [found.person, found.instead].includes(targetOf(person));
  const asked = { verb: "duty.swap-cancel", subject: `swap ${id}`, need: !found || mine ? "viewer" : "admin" } as const;
  await authorise(air, person, asked);
  return audited(air, person, asked, () =>
    air.store.transaction(async (tx) => {
      if (!found || !(await tx.endSwap(id, person.name, now))) {
        throw new Refusal("not-found", `There is no open swap ${id}. The open ones: oncall`);
      }
      const { nameOf } = air.paging?.() ?? NOBODY;
      const said = `${person.name} ended the swap: ${nameOf(found.person).name} is on call again where the rota says so, and not ${nameOf(found.instead).name}.`;
      await tell(tx, air, person, found, "duty.swap-ended", said, now);
      return found;
    }),
  );
}

/** Both hear of it, and it stands in the audit. */
async function tell(
  tx: Tx,
  air: Air,
  person: Person,
  row: Omit<SwapRow, "endedBy">,
  event: string,
  text: string,
  now: Date,
): Promise<void> {
  const actor = actorOf(person);
  const data = { person: row.person, instead: row.instead, from: row.from.toISOString(), until: row.until.toISOString() };
  await tx.writeAudit([{ at: now, actor, event, subject: `swap ${row.id}`, data }]);
  const keys = [row.person, row.instead].map((target) => target.replace(/^person:/, ""));
  const to = keys.map((key) => ({ kind: "person" as const, key }));
  await wantPages(tx, air, [{ incidentId: 0, actionId: null, step: `${event} ${row.id}`, to, text, by: person.key }], now);
  await tx.notifyChange();
}
