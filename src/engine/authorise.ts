import { type Air, incidentId } from "./air.ts";
import { actorOf, mayRespond, type Person, suspectOf } from "./domain/approval.ts";
import type { Entity } from "./domain/entity.ts";
import { Refusal } from "./domain/errors.ts";
import type { IncidentView } from "./store.ts";

export type Asked = {
  /** The command, as the audit names it: `investigation.stop`. */
  verb: string;
  /** What it was aimed at: `INV-42`. */
  subject: string;
  /** Incidents it touches: who is named in one may not change it. */
  incidents?: readonly number[];
  /** Beyond a responder: an approver of any family, or an admin. */
  need?: "responder" | "approver";
  /** Not asked of somebody who only adds to an incident (a note, a new investigation). */
  suspectsMay?: boolean;
};

/**
 * May this person do this now? Fails closed; an authenticated refusal is an audit line of its own (product contract 3.6).
 *
 * @throws Refusal forbidden | not-found
 */
export async function authorise(air: Air, person: Person, asked: Asked): Promise<void> {
  try {
    await check(air, person, asked);
  } catch (error) {
    if (error instanceof Refusal) await auditRefused(air, person, asked, error);
    throw error;
  }
}

async function check(air: Air, person: Person, asked: Asked): Promise<void> {
  const approver = person.roles.admin || person.roles.approves.length > 0;
  if (!(asked.need === "approver" ? approver : mayRespond(person.roles))) {
    const role = asked.need === "approver" ? "approver" : "responder";
    throw new Refusal(
      "forbidden",
      `This needs the role ${role}; you do not have it. An admin can add you under roles.${role} in air.yaml.`,
      { details: { missing: role } },
    );
  }
  const views = await air.store.incidentViews(asked.incidents ?? []);
  for (const id of asked.incidents ?? []) {
    const view = views.get(id);
    if (!view) throw new Refusal("not-found", `There is no incident ${incidentId(id)}.`);
    if (asked.suspectsMay) continue;
    const suspect = suspectOf(person, await namedIn(air, view));
    if (suspect) {
      throw new Refusal("forbidden", `You are named in ${incidentId(id)} (${suspect}), so somebody else has to do this.`, {
        details: { missing: "not-a-suspect" },
      });
    }
  }
}

/** Everybody and everything an incident names, and whose its devices are: who is among them decides nothing there. */
export async function namedIn(air: Pick<Air, "store">, view: IncidentView): Promise<Entity[]> {
  const owners = await air.store.deviceOwners(view.incident.id);
  return [
    ...owners.map((name) => ({ kind: "user" as const, ...(name.includes("@") ? { email: name } : { name }) })),
    ...view.evidence.map((item) => item.entity),
    ...view.alerts.flatMap((alert) => alert.entities.map((named) => named.entity)),
  ];
}

/** Refused inside the transaction: nothing changed, and that somebody tried is kept. */
export async function audited<T>(air: Air, person: Person, asked: Asked, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Refusal) await auditRefused(air, person, asked, error);
    throw error;
  }
}

async function auditRefused(air: Air, person: Person, asked: Asked, refusal: Refusal): Promise<void> {
  await air.store.transaction((tx) =>
    tx.writeAudit([
      {
        at: air.clock.now(),
        actor: actorOf(person),
        event: "command.refused",
        subject: asked.subject,
        ...(asked.incidents?.[0] === undefined ? {} : { incidentId: asked.incidents[0] }),
        data: { verb: asked.verb, code: refusal.code, missing: refusal.details.missing ?? null },
      },
    ]),
  );
}
