import { actionKinds } from "./actions/all.ts";
import { type Air, actionId } from "./air.ts";
import { audited, authorise } from "./authorise.ts";
import { time } from "./cards/say.ts";
import { actorOf, type Person } from "./domain/approval.ts";
import { Refusal } from "./domain/errors.ts";
import { wantPages } from "./want-pages.ts";

/** Reminders one action may have still to come, whoever asked. */
const MOST = 20;

/**
 * Whoever asks is told again then, in the incident's thread, unless the action was decided.
 *
 * @throws Refusal forbidden | not-found | already-decided | invalid
 */
export async function remindAction(air: Air, person: Person, id: number, at: Date): Promise<void> {
  const incident = (await air.store.action(id))?.incidentId;
  const asked = {
    verb: "action.remind",
    subject: actionId(id),
    suspectsMay: true,
    ...(incident === undefined ? {} : { incidents: [incident] }),
  };
  await authorise(air, person, asked);
  await audited(air, person, asked, () =>
    air.store.transaction(async (tx) => {
      const now = air.clock.now();
      const action = await tx.lockAction(id);
      if (!action) throw new Refusal("not-found", `There is no action ${actionId(id)}.`);
      if (action.state !== "pending") throw new Refusal("already-decided", `${actionId(id)} waits for no decision any more.`);
      if (person.machine) throw new Refusal("invalid", "A token cannot be mentioned, so it cannot be reminded.");
      if (at >= action.expiresAt)
        throw new Refusal("invalid", `${actionId(id)} expires ${time(action.expiresAt)}, before that. Give an earlier time.`);
      const waiting = (await tx.pagesOf(action.incidentId)).filter(
        (page) => page.actionId === id && page.step === "reminder" && page.sentAt === null && page.droppedAt === null,
      );
      if (waiting.length >= MOST) throw new Refusal("invalid", `${actionId(id)} already has ${MOST} reminders to come.`);
      const text = `Reminder: ${actionKinds[action.kind].title(action.target)}. ${actionId(id)} still waits for a decision; it expires ${time(action.expiresAt)}.`;
      const about = { incidentId: action.incidentId, actionId: id };
      await wantPages(
        tx,
        air,
        [{ ...about, step: "reminder", to: [{ kind: "person", key: person.key }], text, by: person.key, dueAt: at }],
        now,
      );
      await tx.addTimeline([
        {
          ...about,
          investigationId: action.investigationId,
          at: now,
          actor: actorOf(person),
          event: "action-reminder",
          text: `${person.name} wants to be reminded of ${actionId(id)} at ${time(at)}`,
        },
      ]);
      await tx.writeAudit([
        {
          at: now,
          actor: actorOf(person),
          event: "action.remind",
          subject: actionId(id),
          incidentId: action.incidentId,
          data: { at: at.toISOString() },
        },
      ]);
    }),
  );
}
