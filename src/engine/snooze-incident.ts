import { type Air, actionId, incidentId } from "./air.ts";
import { type Asked, audited, authorise } from "./authorise.ts";
import { span, time } from "./cards/say.ts";
import { actorOf, type Person } from "./domain/approval.ts";
import { isBlank } from "./domain/blank.ts";
import { Refusal } from "./domain/errors.ts";
import { isGrave, longestMs, MUTE_MS, type SnoozeKind, seenNow, whatEnds } from "./domain/snooze.ts";
import { mustFit } from "./domain/words.ts";
import { protectedNow } from "./protected-now.ts";
import { endSnooze, presentOf } from "./snoozed.ts";
import type { IncidentSnoozeRow, SnoozeFacts, Tx } from "./store.ts";
import { timelineLine } from "./timeline-line.ts";
import { redrawIncident } from "./want-cards.ts";

/** `expires`: what still waits, with the time at which it expires all the same. */
export type Snoozed = {
  until: Date;
  expires: { action: string; at: Date }[];
  /** What the same person had said before, and counts no longer. */
  replaced?: { kind: SnoozeKind; until: Date };
};

/**
 * Silences an incident for a while: until then nobody is paged or reminded of what waits in it, and of a mute its thread is silent, too.
 * What has come above what the person saw ends it at once (domain/snooze.ts). Never with a protected asset in it; high and critical ones
 * need an approver.
 *
 * @throws Refusal forbidden | not-found | invalid | already-decided | changed
 */
export async function snoozeIncident(
  air: Air,
  person: Person,
  request: { incident: number; kind: SnoozeKind; forMs?: number | undefined; reason: string },
): Promise<Snoozed> {
  const { incident, kind } = request;
  const before = await air.store.incident(incident);
  const need = before && isGrave(before.severity) ? "approver" : "responder";
  const asked: Asked = { verb: `incident.${kind}`, subject: incidentId(incident), incidents: [incident], need };
  await authorise(air, person, asked);
  mustFit(request.reason, "reason");
  const now = await air.store.snoozeFacts(incident);
  const live = await protectedNow(air, now ? [...targetsOf(now), ...now.entities] : []);
  return audited(air, person, asked, () =>
    air.store.transaction(async (tx) => {
      const now = air.clock.now();
      const [row] = await tx.lockIncidents([incident]);
      if (!row) throw new Refusal("not-found", `There is no incident ${incidentId(incident)}.`);
      if (row.redirectTo !== null)
        throw new Refusal(
          "invalid",
          `${incidentId(incident)} was merged into ${incidentId(row.redirectTo)}. Say it of that one: ${kind} ${incidentId(row.redirectTo)}`,
        );
      if (row.status !== "open") throw new Refusal("invalid", `${incidentId(incident)} is closed, so it pages nobody.`);
      if (person.machine) throw new Refusal("invalid", `A token answers for nothing. A person has to say: ${kind} ${incidentId(incident)}`);
      if (isGrave(row.severity) && need !== "approver")
        throw new Refusal(
          "changed",
          `The severity of ${incidentId(incident)} rose to ${row.severity} meanwhile. Look at it, and say it again.`,
        );
      const forMs = lasting(kind, row.severity, request.forMs);
      if (kind === "mute" && isBlank(request.reason))
        throw new Refusal("invalid", `Say why it is noise: mute ${incidentId(incident)} for 7d <reason>. Everybody sees the reason.`, {
          field: "reason",
        });
      if (kind === "snooze" && isGrave(row.severity) && isBlank(request.reason))
        throw new Refusal(
          "invalid",
          `${incidentId(incident)} is ${row.severity}: say why it can wait: snooze ${incidentId(incident)} 1h <reason>. Everybody sees the reason.`,
          { field: "reason" },
        );
      const facts = await tx.snoozeFacts(incident);
      const present = facts && presentOf(air, facts);
      if (!present) throw new Refusal("not-found", `There is no incident ${incidentId(incident)}.`);
      const [asset] = [...present.protected, ...live.hits];
      if (asset !== undefined) throw refusedBecause(incident, kind, `${asset} is protected`);
      if (live.unread !== undefined) throw notChecked(incident, kind, live.unread);
      const replaced = await replace(tx, air, person, incident, kind, now);
      const until = new Date(now.getTime() + forMs);
      const reason = request.reason.trim() || "no reason given";
      const actor = actorOf(person);
      await tx.addIncidentSnooze({
        incidentId: incident,
        kind,
        owner: person.key,
        by: person.name,
        reason,
        seen: { ...seenNow(present), checked: live.checked },
        createdAt: now,
        until,
        endedAt: null,
        endedWhy: null,
      });
      const did = kind === "mute" ? "muted" : "snoozed";
      const text = `${person.name} ${did} it until ${time(until)}: ${reason}`;
      await tx.addTimeline([timelineLine({ incidentId: incident }, now, actor, `incident-${kind}`, text)]);
      await tx.writeAudit([
        {
          at: now,
          actor,
          event: `incident.${kind}`,
          subject: incidentId(incident),
          incidentId: incident,
          data: { until: until.toISOString(), reason, severity: row.severity, waiting: present.pending.map(({ id }) => actionId(id)) },
        },
      ]);
      await redrawIncident(tx, air, incident, now);
      const waiting = await Promise.all(present.pending.map(({ id }) => tx.action(id)));
      return {
        until,
        expires: waiting.flatMap((action) => (action ? [{ action: actionId(action.id), at: action.expiresAt }] : [])),
        ...(replaced ? { replaced } : {}),
      };
    }),
  );
}

/**
 * It comes back before its time.
 *
 * @throws Refusal forbidden | not-found | invalid
 */
export async function unsnoozeIncident(air: Air, person: Person, incident: number): Promise<SnoozeKind> {
  const asked: Asked = { verb: "incident.unsnooze", subject: incidentId(incident), incidents: [incident] };
  await authorise(air, person, asked);
  return audited(air, person, asked, () =>
    air.store.transaction(async (tx) => {
      const now = air.clock.now();
      await tx.lockIncidents([incident]);
      const [snooze] = await tx.openSnoozes([incident]);
      if (!snooze) throw new Refusal("invalid", `${incidentId(incident)} is neither snoozed nor muted. What is: list snoozed`);
      const whose = snooze.owner === person.key ? "" : ` of ${snooze.by}`;
      const told = `${person.name} ended the ${snooze.kind}${whose}`;
      await endSnooze(tx, air, snooze, { why: `${person.name} ended it`, by: actorOf(person), told }, now);
      return snooze.kind;
    }),
  );
}

/** What waits is aimed at, and the devices it lies on: they may be no evidence. */
const targetsOf = ({ pending }: SnoozeFacts) =>
  pending.flatMap(({ target }) => {
    const device = "device" in target && typeof target.device === "string" ? target.device : undefined;
    return [
      { digest: "", entity: target },
      ...(device === undefined ? [] : [{ digest: "", entity: { kind: "device" as const, name: device } }]),
    ];
  });

/** Whoever silenced it may say it anew; somebody else is told who was first. */
async function replace(
  tx: Tx,
  air: Air,
  person: Person,
  incident: number,
  kind: SnoozeKind,
  now: Date,
): Promise<{ kind: SnoozeKind; until: Date } | undefined> {
  const [open] = await tx.openSnoozes([incident]);
  if (!open) return undefined;
  const facts = await tx.snoozeFacts(incident);
  const over = facts && whatEnds(open, presentOf(air, facts), now);
  if (over === undefined && open.owner !== person.key)
    throw new Refusal(
      "already-decided",
      `${open.by} ${open.kind === "mute" ? "muted" : "snoozed"} ${incidentId(incident)} until ${time(open.until)}: ${open.reason}. To say it anew: unsnooze ${incidentId(incident)}, then ${kind} ${incidentId(incident)}`,
      { details: { by: open.by, until: open.until.toISOString() } },
    );
  const anew = `${person.name} said it anew`;
  const told = over === undefined ? anew : `The ${open.kind} of ${open.by} ended: ${over}`;
  await endSnooze(tx, air, open, { why: over ?? anew, by: actorOf(person), told }, now);
  return over === undefined ? { kind: open.kind, until: open.until } : undefined;
}

function lasting(kind: SnoozeKind, severity: IncidentSnoozeRow["seen"]["severity"], forMs: number | undefined): number {
  const ms = forMs ?? MUTE_MS;
  const longest = longestMs(kind, severity);
  if (ms > 0 && ms <= longest) return ms;
  const most = span(new Date(0), new Date(longest));
  throw new Refusal(
    "invalid",
    kind === "mute"
      ? `A mute lasts at most ${most}. For longer, suppress what raises it under alertPolicies in air.yaml.`
      : `Of ${severity} severity an incident is snoozed for at most ${most}. Give a shorter time, or close it.`,
    { field: "for" },
  );
}

const refusedBecause = (incident: number, kind: SnoozeKind, why: string) =>
  new Refusal(
    "invalid",
    `${incidentId(incident)} cannot be ${kind === "mute" ? "muted" : "snoozed"}: ${why}. Decide what waits in it, or say that you look at it: ack ${incidentId(incident)}`,
    { details: { missing: "not-protected" } },
  );

const notChecked = (incident: number, kind: SnoozeKind, what: string) =>
  new Refusal(
    "invalid",
    `Whether ${what} is protected could not be checked now, so ${incidentId(incident)} is not ${kind === "mute" ? "muted" : "snoozed"}. Try again in a minute, or say that you look at it: ack ${incidentId(incident)}`,
    { details: { missing: "not-protected" } },
  );
