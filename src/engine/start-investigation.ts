import { type Air, alertId, incidentId, investigationId } from "./air.ts";
import { authorise } from "./authorise.ts";
import type { Alert, NamedEntity, Severity } from "./domain/alert.ts";
import { actorOf, type Person } from "./domain/approval.ts";
import { type Entity, entityName } from "./domain/entity.ts";
import { Refusal } from "./domain/errors.ts";
import { ENDED } from "./domain/investigation.ts";
import { type Accepted, ingestAlerts } from "./ingest-alert.ts";
import { MANUAL_SOURCE } from "./manual-alert.ts";
import type { AlertRow } from "./store.ts";

/** What a person wants looked at; an entity named for an incident is looked at in it. */
export type StartRequest = { entity: Entity; incident?: number | undefined } | { alert: number } | { incident: number };

/** `already`: one is running there, and looks at it too. */
export type Started = Accepted & { already: boolean };

/**
 * Starts an investigation by hand: an alert with the person as its cause comes in like any other, so it joins what is known of the
 * entity, and is investigated whatever the policies say.
 *
 * @throws Refusal forbidden | not-found | invalid
 */
export async function startInvestigation(air: Air, person: Person, request: StartRequest, id: string): Promise<Started> {
  const subject = "entity" in request ? request.entity.kind : "alert" in request ? alertId(request.alert) : incidentId(request.incident);
  await authorise(air, person, { verb: "investigation.start", subject });
  const about = await aboutOf(air, request);
  const running = about.incident === undefined ? undefined : await runningIn(air, about.incident);
  const alert: Alert = {
    sourceId: id,
    title: about.title,
    severity: about.severity,
    category: "Manual",
    product: MANUAL_SOURCE,
    techniques: [],
    status: "new",
    detectedAt: about.eventAt ?? air.clock.now(),
    entities: about.entities,
    raw: { requestedBy: person.name, via: person.via, about: subject },
  };
  const [accepted] = await ingestAlerts(air, [
    {
      source: MANUAL_SOURCE,
      lab: air.capabilities.lab,
      alerts: [alert],
      receivedAt: air.clock.now(),
      requestedBy: {
        actor: actorOf(person),
        ...(about.incident === undefined ? {} : { incident: about.incident }),
        ...(about.alerts ? { about: about.alerts } : {}),
      },
    },
  ]);
  const [answer] = accepted ?? [];
  if (!answer) throw new Refusal("unavailable", "The investigation could not be started. Try again.");
  await air.store.transaction((tx) =>
    tx.writeAudit([
      {
        at: air.clock.now(),
        actor: actorOf(person),
        event: "investigation.started",
        subject: answer.investigation ?? answer.incident,
        data: { about: subject, alert: answer.alert, incident: answer.incident },
      },
    ]),
  );
  return { ...answer, already: running !== undefined && answer.investigation === investigationId(running) };
}

type About = {
  title: string;
  severity: Severity;
  entities: NamedEntity[];
  incident?: number;
  eventAt?: Date;
  /** Whose entities they are. */
  alerts?: readonly Pick<AlertRow, "source" | "entities" | "detectedAt">[];
};

/** Asking is no verdict: what the sources said of them stays theirs. */
const named = (entities: readonly NamedEntity[]): NamedEntity[] => entities.map(({ entity, roles }) => ({ entity, roles }));

async function aboutOf(air: Air, request: StartRequest): Promise<About> {
  if ("entity" in request) {
    return {
      title: titleOf(request.entity),
      severity: severityOf(request.entity),
      entities: [{ entity: request.entity, roles: [] }],
      ...(request.incident === undefined ? {} : { incident: await openIncident(air, request.incident) }),
    };
  }
  if ("alert" in request) {
    const alert = await air.store.alert(request.alert);
    if (!alert) throw new Refusal("not-found", `There is no alert ${alertId(request.alert)}.`);
    if (alert.entities.length === 0) throw new Refusal("invalid", `${alertId(alert.id)} names nothing that could be looked at.`);
    return {
      title: `Automated investigation started manually: ${alert.title}`.slice(0, 1000),
      severity: "informational",
      entities: named(alert.entities),
      alerts: [alert],
      incident: await openIncident(air, alert.incidentId),
      eventAt: alert.detectedAt,
    };
  }
  const incident = await openIncident(air, request.incident);
  const all = await air.store.alertsOf(incident);
  const alerts = all.filter((alert) => alert.source !== MANUAL_SOURCE);
  const entities = named(all.flatMap((alert) => alert.entities)).slice(0, 1000);
  if (entities.length === 0) throw new Refusal("invalid", `${incidentId(incident)} names nothing that could be looked at.`);
  const row = await air.store.incident(incident);
  return {
    title: `Automated investigation started manually: ${row?.title ?? incidentId(incident)}`.slice(0, 1000),
    severity: "informational",
    entities,
    alerts,
    incident,
  };
}

async function openIncident(air: Air, id: number): Promise<number> {
  const row = await air.store.incident(id);
  if (!row) throw new Refusal("not-found", `There is no incident ${incidentId(id)}.`);
  if (row.redirectTo !== null) return openIncident(air, row.redirectTo);
  if (row.status !== "open") throw new Refusal("invalid", `${incidentId(id)} is closed. Reopen it first, or investigate an entity of it.`);
  if (row.lab !== air.capabilities.lab)
    throw new Refusal(
      "invalid",
      `${incidentId(id)} belongs to the ${row.lab ? "lab" : "real products"}, which is not what air works on now.`,
    );
  return id;
}

async function runningIn(air: Air, incident: number): Promise<number | undefined> {
  const page = await air.store.listInvestigations({ incidentId: incident, limit: 50 });
  return page.items.findLast((row) => !ENDED.has(row.status))?.id;
}

/** Microsoft's titles of manual alerts (domain facts 1.2), so that the same playbooks and policies find them. */
function titleOf(entity: Entity): string {
  const name = entityName(entity).slice(0, 200);
  switch (entity.kind) {
    case "user":
    case "mailbox":
      return `Admin triggered user compromise investigation: ${name}`;
    case "message":
    case "mail-cluster":
      return `Admin triggered manual investigation of email: ${name}`;
    default:
      return `Automated investigation started manually: ${name}`;
  }
}
const severityOf = (entity: Entity): Severity => (entity.kind === "user" || entity.kind === "mailbox" ? "medium" : "informational");
