import { type Air, incidentId } from "./air.ts";
import { actorOf, mayRespond, mayView, needsRole, type Person, type Roles, suspectOf } from "./domain/approval.ts";
import type { Entity } from "./domain/entity.ts";
import { Refusal } from "./domain/errors.ts";
import { pageSuspect } from "./page-suspect.ts";
import type { IncidentView } from "./store.ts";

export type Asked = {
  /** The command, as the audit names it: `investigation.stop`. */
  verb: string;
  /** What it was aimed at: `INV-42`. */
  subject: string;
  /** Incidents it touches: who is named in one may not change it. */
  incidents?: readonly number[];
  /** Other than a responder; `approver`: of any family, or an admin. */
  need?: "viewer" | "responder" | "approver" | "admin";
  /** air told them to look at it: they may answer whatever their role. */
  told?: boolean;
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
    await mustBePermitted(air, person, asked);
  } catch (error) {
    if (error instanceof Refusal) await auditRefused(air, person, asked, error);
    throw error;
  }
}

const HOLDS: Record<NonNullable<Asked["need"]>, (roles: Roles) => boolean> = {
  viewer: mayView,
  responder: mayRespond,
  approver: (roles) => roles.admin || roles.approves.length > 0,
  admin: (roles) => roles.admin,
};

/**
 * The same question inside work whose refusals are audited as a whole.
 *
 * @throws Refusal forbidden | not-found
 */
export async function mustBePermitted(air: Air, person: Person, asked: Asked): Promise<void> {
  const role = asked.need ?? "responder";
  if (!asked.told && !HOLDS[role](person.roles)) {
    const lines = role === "viewer" && !person.withheld ? ' Say "whoami" for the exact lines.' : "";
    throw new Refusal("forbidden", `${needsRole(person, role, role)}${lines}`, { details: { missing: role } });
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
  await air.store.transaction(async (tx) => {
    const [incident] = asked.incidents ?? [];
    if (incident !== undefined) await pageSuspect(tx, air, person, { verb: asked.verb, incident, action: null }, refusal);
    await tx.writeAudit([
      {
        at: air.clock.now(),
        actor: actorOf(person),
        event: "command.refused",
        subject: asked.subject,
        ...(asked.incidents?.[0] === undefined ? {} : { incidentId: asked.incidents[0] }),
        data: { verb: asked.verb, code: refusal.code, missing: refusal.details.missing ?? null },
      },
    ]);
  });
}
