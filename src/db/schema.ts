import { sql } from "drizzle-orm";
import {
  bigint,
  boolean,
  customType,
  doublePrecision,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  serial,
  text,
  unique,
  uniqueIndex,
} from "drizzle-orm/pg-core";
import type {
  ActionDecision,
  ActionKindName,
  ActionState,
  BlastRadius,
  BreakGlass,
  CancelRequest,
  Family,
} from "../engine/domain/action.ts";
import type { Actor } from "../engine/domain/actor.ts";
import type { Handling, NamedEntity, Severity, Verdict } from "../engine/domain/alert.ts";
import type { Remembered } from "../engine/domain/approval.ts";
import type { Entity } from "../engine/domain/entity.ts";
import type { Classification, Headline } from "../engine/domain/incident.ts";
import type { InvestigationStatus } from "../engine/domain/investigation.ts";
import type { Label } from "../engine/domain/observation.ts";
import type { HeldWhy } from "../engine/domain/quiet-hours.ts";
import type { Seen, SnoozeKind } from "../engine/domain/snooze.ts";
import type { Judgement, Override } from "../engine/domain/verdict.ts";

/*
 * Every table of air on one page. pg-boss keeps its own schema `pgboss` beside these.
 * SQL is limited to PostgreSQL 15. Ids come from sequences: gaps allowed, never reused, no order implied.
 * What an attacker may fill is never an index key by itself: long texts are indexed by their SHA-256.
 */
const at = customType<{ data: Date; driverData: string }>({
  dataType: () => "timestamp with time zone",
  toDriver: (date) => date.toISOString(),
  fromDriver: (text) => readTimestamp(text),
});

/** "0001-01-01 00:00:00+00" is no ISO date, and what engines make of it differs: year 1 becomes 2001. */
export function readTimestamp(value: unknown): Date {
  if (value instanceof Date) return value;
  return new Date(
    String(value)
      .replace(" ", "T")
      .replace(/([+-]\d\d)(\d\d)?$/, (_zone, hours: string, minutes?: string) => `${hours}:${minutes ?? "00"}`),
  );
}

/** What a source said, kept whole. */
export const alerts = pgTable(
  "alerts",
  {
    id: serial().primaryKey(),
    source: text().notNull(),
    sourceId: text("source_id").notNull(),
    /** SHA-256 of source and source id: one row per alert of a source. */
    identity: text().notNull(),
    /** SHA-256 of the normal form: tells a repeat from an update. */
    digest: text().notNull(),
    title: text().notNull(),
    severity: text().$type<Severity>().notNull(),
    category: text(),
    description: text(),
    product: text(),
    techniques: jsonb().$type<string[]>().notNull(),
    url: text(),
    status: text().$type<"new" | "inProgress" | "resolved">().notNull(),
    entities: jsonb().$type<NamedEntity[]>().notNull(),
    raw: jsonb(),
    detectedAt: at("detected_at").notNull(),
    receivedAt: at("received_at").notNull(),
    updatedAt: at("updated_at").notNull(),
    incidentId: integer("incident_id").notNull(),
    investigationId: integer("investigation_id"),
    /** "same device within 24 h"; null for the alert that opened the incident. */
    joinedBecause: text("joined_because"),
    /** Which policy rule started or did not start an investigation. */
    policyRule: text("policy_rule").notNull(),
    /** The source's own alert policy (`alertPolicyId`): what repeats of it are bucketed by. */
    policyId: text("policy_id"),
    /** The source's own incident: the strongest join key. */
    vendorIncident: text("vendor_incident"),
    /** Which of our alert policies decided; `snooze` names it. Null: the severity rule. */
    policyName: text("policy_name"),
    /** Stored and listed, but never shown by itself: a policy or a snooze says so. */
    suppressed: boolean().notNull().default(false),
    stormId: integer("storm_id"),
    /** SHA-256 of source, category, severity and world: alerts that share it are alike. */
    alike: text().notNull().default(""),
    duplicates: integer().notNull().default(0),
    lab: boolean().notNull(),
    /** How far the source's own people and automation are with it. */
    handling: jsonb().$type<Handling>(),
    /** It is older than air's watch over its source: nothing follows from it by itself. */
    preexisting: boolean().notNull().default(false),
    /** What the source sent was older than it is kept for, and was emptied then; `rawSha256` says what it was. */
    rawRemovedAt: at("raw_removed_at"),
    /** SHA-256 of the canonical JSON of `raw`, written when that is emptied. */
    rawSha256: text("raw_sha256"),
  },
  (t) => [
    index("alerts_raw").on(t.receivedAt).where(sql`raw is not null`),
    // Which came in a week: in the order of arrival a few bytes per thousand rows do, and cost intake nothing.
    index("alerts_received").using("brin", t.receivedAt),
    uniqueIndex("alerts_identity").on(t.identity),
    index("alerts_vendor_incident").on(t.vendorIncident, t.source).where(sql`vendor_incident is not null`),
    index("alerts_incident").on(t.incidentId),
    index("alerts_storm").on(t.stormId, t.id).where(sql`storm_id is not null`),
    index("alerts_alike").on(t.alike, t.receivedAt),
  ],
);

export const incidents = pgTable(
  "incidents",
  {
    id: serial().primaryKey(),
    title: text().notNull(),
    severity: text().$type<Severity>().notNull(),
    status: text().$type<"open" | "closed" | "redirected">().notNull(),
    redirectTo: integer("redirect_to"),
    /** Title, severity and event time of the alert whose title the incident bears. */
    headline: jsonb().$type<Headline>(),
    assignee: text(),
    classification: text().$type<Classification>(),
    determination: text(),
    /** Incidents a person parted it from: never merged again by air. */
    ackedBy: text("acked_by"),
    ackedAt: at("acked_at"),
    apart: jsonb().$type<number[]>().notNull().default([]),
    /** A policy suppresses every alert of it: listed, but not shown by itself. */
    quiet: boolean().notNull().default(false),
    stormId: integer("storm_id"),
    openedAt: at("opened_at").notNull(),
    updatedAt: at("updated_at").notNull(),
    closedAt: at("closed_at"),
    alertCount: integer("alert_count").notNull(),
    lab: boolean().notNull(),
    /** Every alert of it is older than air's watch: no card, no place in a digest. */
    preexisting: boolean().notNull().default(false),
  },
  (t) => [
    index("incidents_open").on(t.status, t.id),
    index("incidents_urgent").on(t.status, t.severity, t.id),
    index("incidents_opened").on(t.openedAt),
    index("incidents_closed").on(t.closedAt).where(sql`status = 'closed'`),
  ],
);

/** A source's own incidents, as they were last polled. Which of ours they belong to, their alerts say. */
export const vendorIncidents = pgTable(
  "vendor_incidents",
  {
    source: text().notNull(),
    vendorId: text("vendor_id").notNull(),
    title: text(),
    url: text(),
    status: text().notNull(),
    assignee: text(),
    classification: text(),
    determination: text(),
    redirectTo: text("redirect_to"),
    /** When the source last changed it, in the source's words. */
    changed: text(),
    /** Resolved there while something still waited here: closed here as soon as nothing does. */
    closing: boolean().notNull().default(false),
    updatedAt: at("updated_at").notNull(),
  },
  (t) => [primaryKey({ columns: [t.source, t.vendorId] }), index("vendor_incidents_closing").on(t.source).where(sql`closing`)],
);

/** What a source is to be told of what became of its alerts and incidents here; one row each, the newest wish counts. */
export const writeBacks = pgTable(
  "write_backs",
  {
    source: text().notNull(),
    kind: text().$type<"alert" | "incident">().notNull(),
    vendorId: text("vendor_id").notNull(),
    incidentId: integer("incident_id").notNull(),
    classification: text(),
    determination: text(),
    comment: text().notNull(),
    state: text().$type<"waiting" | "done" | "failed">().notNull(),
    attempts: integer().notNull().default(0),
    tryAt: at("try_at").notNull(),
    trouble: text(),
    createdAt: at("created_at").notNull(),
    doneAt: at("done_at"),
  },
  (t) => [
    primaryKey({ columns: [t.source, t.kind, t.vendorId] }),
    index("write_backs_waiting").on(t.tryAt).where(sql`state = 'waiting'`),
    index("write_backs_incident").on(t.incidentId),
  ],
);

/** A row per join key ever seen: the row that concurrent intakes lock, in sorted order. */
export const joinKeys = pgTable("join_keys", {
  digest: text().primaryKey(),
  seenAt: at("seen_at").notNull(),
  /** In how many incidents it was first seen since `countedSince`; a key that ties too many together is retired. */
  incidents: integer().notNull().default(0),
  countedSince: at("counted_since"),
  retiredAt: at("retired_at"),
});

/**
 * Which incident saw which join key from when to when (event time). Sightings less than the key's window apart are one span, so a
 * new alert is within the window of some sighting exactly if it is within the window of the span.
 */
export const keySpans = pgTable(
  "incident_keys",
  {
    digest: text().notNull(),
    incidentId: integer("incident_id").notNull(),
    firstAt: at("first_at").notNull(),
    lastAt: at("at").notNull(),
  },
  (t) => [primaryKey({ columns: [t.digest, t.incidentId, t.firstAt] }), index("incident_keys_incident").on(t.incidentId)],
);

/** More alike alerts in a moment than anybody reads one by one: one thread with a counter. */
export const storms = pgTable(
  "storms",
  {
    id: serial().primaryKey(),
    alike: text().notNull(),
    source: text().notNull(),
    category: text(),
    severity: text().$type<Severity>().notNull(),
    lab: boolean().notNull(),
    /** Counted when an alert comes in, so that the counter costs nothing to read. */
    alerts: integer().notNull(),
    startedAt: at("started_at").notNull(),
    lastAt: at("last_at").notNull(),
  },
  (t) => [index("storms_alike").on(t.alike, t.lastAt)],
);

/** An alert policy silenced by a person, with owner, reason and end. */
export const snoozes = pgTable(
  "snoozes",
  {
    id: serial().primaryKey(),
    policy: text().notNull(),
    by: text().notNull(),
    reason: text().notNull(),
    createdAt: at("created_at").notNull(),
    until: at("until").notNull(),
    endedBy: text("ended_by"),
  },
  (t) => [index("snoozes_until").on(t.until)],
);

export const investigations = pgTable(
  "investigations",
  {
    id: serial().primaryKey(),
    incidentId: integer("incident_id").notNull(),
    status: text().$type<InvestigationStatus>().notNull(),
    trigger: jsonb().$type<{ kind: "alert" | "manual"; alert?: string; by?: string }>().notNull(),
    playbooks: jsonb().$type<string[]>().notNull(),
    advice: jsonb().$type<string[]>().notNull().default([]),
    round: integer().notNull(),
    /** Raised by whoever adds evidence, before the job is sent: no wake-up is lost. */
    wanted: integer().notNull(),
    startedAt: at("started_at").notNull(),
    endedAt: at("ended_at"),
    pendingSince: at("pending_since"),
    /** Milliseconds it waited for decisions, and for devices, before `pendingSince` and `waitingSince`. */
    pendingMs: bigint("pending_ms", { mode: "number" }).notNull().default(0),
    waitingSince: at("waiting_since"),
    waitingMs: bigint("waiting_ms", { mode: "number" }).notNull().default(0),
    /** When the first round began: until then it was queued. */
    beganAt: at("began_at"),
    lab: boolean().notNull(),
  },
  (t) => [index("investigations_incident").on(t.incidentId), index("investigations_status").on(t.status, t.id)],
);

/** An entity inside one investigation. */
export const evidence = pgTable(
  "evidence",
  {
    id: serial().primaryKey(),
    investigationId: integer("investigation_id").notNull(),
    incidentId: integer("incident_id").notNull(),
    digest: text().notNull(),
    entity: jsonb().$type<Entity>().notNull(),
    /** What each source said of it itself; becomes one observation per source. */
    said: jsonb()
      .$type<{ source: string; verdict?: Verdict; remediation?: string; roles: string[]; at: string; trusted: boolean }[]>()
      .notNull(),
    verdict: text().$type<Verdict>().notNull(),
    judgement: jsonb().$type<Judgement>(),
    override: jsonb().$type<Override>(),
    remediation: text().notNull(),
    /** The round it was last looked at; null: not yet. */
    lookedRound: integer("looked_round"),
    /** SHA-256 of the entity's strongest name, wherever it was seen: our own history is asked by it. */
    entityDigest: text("entity_digest"),
    /** How it came in: "named by ALT-7", "found by mail-contents: its links". */
    foundBy: text("found_by"),
    createdAt: at("created_at").notNull(),
    /** When more of it was last learned: what was answered before is no answer about the whole. */
    grewAt: at("grew_at"),
  },
  (t) => [
    uniqueIndex("evidence_once").on(t.investigationId, t.digest),
    index("evidence_incident").on(t.incidentId),
    index("evidence_entity").on(t.entityDigest, t.createdAt),
  ],
);

/** What one look-up saw; kept at once, so that a restart asks only for the rest. */
export const observations = pgTable(
  "observations",
  {
    id: serial().primaryKey(),
    evidenceId: integer("evidence_id").notNull(),
    investigationId: integer("investigation_id").notNull(),
    /** `file-reputation/virustotal`: the step's name; with `part` unique per evidence. */
    look: text().notNull(),
    part: integer().notNull(),
    analyzer: text().notNull(),
    source: text().notNull(),
    family: text().notNull(),
    label: text().$type<Label>().notNull(),
    weight: doublePrecision().notNull(),
    text: text().notNull(),
    technique: text(),
    raw: jsonb(),
    /** SHA-256 of the canonical JSON of `raw`: what was kept is what was answered. */
    rawSha256: text("raw_sha256"),
    /** Version of the connector that asked. */
    connectorVersion: text("connector_version"),
    found: jsonb().$type<Entity[]>(),
    /** Where a list decides by itself, whatever the others say. */
    decisive: text().$type<"allow" | "block">(),
    at: at("at").notNull(),
    /** When it was asked, and how long the answer took. */
    askedAt: at("asked_at"),
    tookMs: integer("took_ms"),
    createdAt: at("created_at").notNull(),
    /** The answer was older than it is kept for, and was emptied then. */
    rawRemovedAt: at("raw_removed_at"),
  },
  (t) => [
    index("observations_raw").on(t.createdAt).where(sql`raw is not null and raw_removed_at is null`),
    uniqueIndex("observations_once").on(t.evidenceId, t.look, t.part),
    index("observations_investigation").on(t.investigationId),
  ],
);

/** One remediation on one target: decision, execution and outcome are separate states. */
export const actions = pgTable(
  "actions",
  {
    id: serial().primaryKey(),
    kind: text().$type<ActionKindName>().notNull(),
    family: text().$type<Family>().notNull(),
    target: jsonb().$type<Entity>().notNull(),
    targetDigest: text("target_digest").notNull(),
    params: jsonb().$type<Record<string, unknown>>().notNull(),
    investigationId: integer("investigation_id").notNull(),
    incidentId: integer("incident_id").notNull(),
    evidenceId: integer("evidence_id"),
    /** The action this one takes back, for an undo. */
    undoes: integer(),
    state: text().$type<ActionState>().notNull(),
    /** Digest of what was shown; a button carries it. */
    version: text().notNull(),
    /** Why it is proposed, from the playbook. */
    note: text().notNull(),
    /** The rule that decided: "level semi-core and the path is under \windows". */
    rule: text().notNull(),
    source: text().notNull(),
    connector: text(),
    /** The connector and the tenant it was proposed for: it is carried out nowhere else. */
    boundTo: text("bound_to"),
    /** Set where no connector can do it: exact steps for a person. */
    byHand: text("by_hand"),
    approvalsNeeded: integer("approvals_needed").notNull(),
    undoable: boolean().notNull(),
    blastRadius: jsonb("blast_radius").$type<BlastRadius>().notNull(),
    decision: jsonb().$type<ActionDecision>(),
    proposedAt: at("proposed_at").notNull(),
    decidedAt: at("decided_at"),
    deadline: at("deadline").notNull(),
    expiresAt: at("expires_at").notNull(),
    executingAt: at("executing_at"),
    endedAt: at("ended_at"),
    /** The product's handle on the running operation. */
    ticket: text(),
    waitingForDevice: boolean("waiting_for_device").notNull().default(false),
    /** It ends by itself this long after it was carried out. */
    undoAfterMs: bigint("undo_after_ms", { mode: "number" }),
    undoWarnedAt: at("undo_warned_at"),
    /** Who asked for it by hand: never one of its two approvers. */
    requestedBy: jsonb("requested_by").$type<Remembered & { name: string }>(),
    /** When it was last looked whether the target still needs it, while it waits for a decision. */
    checkedAt: at("checked_at"),
    outcome: text(),
    lab: boolean().notNull(),
    /** The automation group of the device it happens on; null: no device. Approvers may be scoped to groups. */
    deviceGroup: text("device_group"),
    /** The playbook that proposed it; null: a person asked. Agreement is counted by it. */
    playbook: text(),
    /** Source families that spoke against the target when it was proposed: after a reject only a new one proposes again. */
    families: jsonb().$type<string[]>().notNull().default([]),
    /** The rejected action this one comes back to. */
    rejectedBefore: integer("rejected_before"),
    /** Carried out by one person where two were needed; listed until somebody reviewed it. */
    breakGlass: jsonb("break_glass").$type<BreakGlass>(),
    /** Not before then: the product asked to wait, or a running operation is not looked at yet. */
    notBefore: at("not_before"),
    /** How often the call went out; each of them carries the same key. */
    attempts: integer().notNull().default(0),
    /** A person wants it ended while the product carries it out. */
    cancel: jsonb().$type<CancelRequest>(),
    /** Its card says something else from then on, without anything happening: it is drawn again. */
    redrawAt: at("redraw_at"),
    /** When the evidence it rests on was looked at again while it waited; null: not since it was proposed. */
    lookedAt: at("looked_at"),
  },
  (t) => [
    index("actions_incident").on(t.incidentId),
    index("actions_investigation").on(t.investigationId),
    index("actions_target").on(t.targetDigest),
    index("actions_state").on(t.state, t.id),
    index("actions_timed").on(t.state).where(sql`undo_after_ms is not null`),
    index("actions_redraw").on(t.redrawAt).where(sql`redraw_at is not null`),
    index("actions_break_glass").on(t.id).where(sql`break_glass is not null`),
    /** When it was settled: decided, or over without anybody deciding. */
    index("actions_settled").on(sql`coalesce(decided_at, ended_at)`),
  ],
);

/**
 * The first time each of these happened in an incident (engine/domain/figures.ts): what a SOC is measured by. Taken from the story's lines
 * in the transaction that writes them; it stays when they are removed. An incident in which none of it happened has no row.
 */
export const incidentFigures = pgTable("incident_figures", {
  incidentId: integer("incident_id").primaryKey(),
  ackedAt: at("acked_at"),
  accusedAt: at("accused_at"),
  judgedAt: at("judged_at"),
  proposedAt: at("proposed_at"),
  /** Of what was decided first: when it was proposed, when and by whom it was decided, and whose group that person held the family by. */
  askedAt: at("asked_at"),
  decidedAt: at("decided_at"),
  decidedBy: text("decided_by"),
  approver: text(),
  family: text().$type<Family>(),
  containedAt: at("contained_at"),
  playbook: text(),
});

/** An incident that pages nobody for a while because a person says so; at most one is open at a time. Kept with what ended it. */
export const incidentSnoozes = pgTable(
  "incident_snoozes",
  {
    id: serial().primaryKey(),
    incidentId: integer("incident_id").notNull(),
    kind: text().$type<SnoozeKind>().notNull(),
    /** Who answers for it: the key of a person, and their name. */
    owner: text().notNull(),
    by: text().notNull(),
    reason: text().notNull(),
    /** The incident as that person saw it; what comes above it ends the snooze. */
    seen: jsonb().$type<Seen>().notNull(),
    createdAt: at("created_at").notNull(),
    until: at("until").notNull(),
    endedAt: at("ended_at"),
    endedWhy: text("ended_why"),
  },
  (t) => [
    uniqueIndex("incident_snoozes_open").on(t.incidentId).where(sql`ended_at is null`),
    index("incident_snoozes_incident").on(t.incidentId, t.id),
  ],
);

/**
 * Who was told that something waits for them, by which step of the escalation, and what became of it. One row per step and person: it is
 * sent once, however often a worker dies.
 */
export const pages = pgTable(
  "pages",
  {
    id: serial().primaryKey(),
    incidentId: integer("incident_id").notNull(),
    /** Null: it is about the incident itself. */
    actionId: integer("action_id"),
    /** `deadline`, `second` (approval), `reminder`, `break-glass`, `suspect` ...: why. With `target` unique per action. */
    step: text().notNull(),
    /** `person:mia@contoso.com`, `slack-group:S0SOC`, `webhook`, `mail:soc@contoso.com`: whom. */
    target: text().notNull(),
    text: text().notNull(),
    by: text().notNull(),
    createdAt: at("created_at").notNull(),
    /** Not before then. */
    dueAt: at("due_at").notNull(),
    sentAt: at("sent_at"),
    /** Not needed any more, with why. */
    droppedAt: at("dropped_at"),
    attempts: integer().notNull().default(0),
    trouble: text(),
    /** Handed over or tried: not looked at again before then. */
    tryAt: at("try_at"),
    /** It stands in the message of this page, which was posted for several people or reasons at once. */
    toldBy: integer("told_by"),
    /** The call it is a step of; null: it is told once, and nobody waits for an answer. */
    callId: integer("call_id"),
    /** Which step of the chain it is, from 0; null: told before the chain begins (the approvers, for a second approval). */
    stage: integer(),
    /** Nobody is told before then (`try_at` says the same), unless what it is about becomes more urgent. */
    heldUntil: at("held_until"),
    /** `quiet`: quiet hours. `together`: it waits to be told with others. */
    heldWhy: text("held_why").$type<HeldWhy>(),
  },
  (t) => [
    unique("pages_once").on(t.incidentId, t.actionId, t.step, t.target, t.dueAt).nullsNotDistinct(),
    index("pages_due").on(t.dueAt).where(sql`sent_at is null and dropped_at is null`),
    index("pages_incident").on(t.incidentId, t.id),
    index("pages_target").on(t.target, t.sentAt),
    index("pages_created").on(t.createdAt),
  ],
);

/** Something asks for somebody: one person after the other is told until one of them answers. Who was told are its pages. */
export const calls = pgTable(
  "calls",
  {
    id: serial().primaryKey(),
    /** 0: it is about air itself. */
    incidentId: integer("incident_id").notNull(),
    actionId: integer("action_id"),
    /** Why: the step of its first page (`unclear`, `source silent siem`), `deadline`, or `incident critical`. */
    cause: text().notNull(),
    text: text().notNull(),
    by: text().notNull(),
    openedAt: at("opened_at").notNull(),
    /** What was told before then belongs to an earlier round, which was acknowledged and taken back. */
    since: at().notNull(),
    /** Who said that they cannot look at it, as targets. */
    away: jsonb().$type<string[]>().notNull().default([]),
    /** Somebody asked for the next step at once, then. */
    pushedAt: at("pushed_at"),
    /** Looked at again then; null: somebody has it, it is over, or everybody was told. */
    nextAt: at("next_at"),
    ackedBy: text("acked_by"),
    ackedAt: at("acked_at"),
    endedAt: at("ended_at"),
    endedBecause: text("ended_because"),
  },
  (t) => [
    uniqueIndex("calls_open").on(t.incidentId, sql`coalesce(action_id, 0)`, t.cause).where(sql`ended_at is null`),
    index("calls_next").on(t.nextAt).where(sql`next_at is not null`),
    index("calls_incident").on(t.incidentId, t.id),
  ],
);

/** Who looks after an incident, by acknowledgement or assignment, and whether they had to be reminded of it. */
export const owners = pgTable("owners", {
  incidentId: integer("incident_id").primaryKey(),
  /** The key of a person; null: a name nobody is known by. */
  key: text(),
  name: text().notNull(),
  how: text().$type<"ack" | "assign">().notNull(),
  since: at().notNull(),
  remindedAt: at("reminded_at"),
  /** They did nothing after the reminder either, and it went back to everybody. */
  returnedAt: at("returned_at"),
});

/** For a while somebody else does what the rota gives to `person`. Ended early: `until` is when, and `ended_by` who. */
export const dutySwaps = pgTable(
  "duty_swaps",
  {
    id: serial().primaryKey(),
    /** Targets, as in pages: `person:mia@contoso.com`. */
    person: text().notNull(),
    instead: text().notNull(),
    from: at("from_at").notNull(),
    until: at("until").notNull(),
    by: text().notNull(),
    createdAt: at("created_at").notNull(),
    endedBy: text("ended_by"),
  },
  (t) => [index("duty_swaps_until").on(t.until)],
);

/** Who approved which version: two people, not two clicks. */
export const approvals = pgTable(
  "approvals",
  {
    actionId: integer("action_id").notNull(),
    version: text().notNull(),
    person: text().notNull(),
    /** Every identity that names the person alone: who gets another key in between still counts once. */
    also: jsonb().$type<string[]>().notNull().default([]),
    name: text().notNull(),
    via: text().notNull(),
    at: at("at").notNull(),
  },
  (t) => [primaryKey({ columns: [t.actionId, t.version, t.person] })],
);

/** What happened, for people; drawn into threads and logs. */
export const timeline = pgTable(
  "timeline",
  {
    id: serial().primaryKey(),
    incidentId: integer("incident_id").notNull(),
    investigationId: integer("investigation_id"),
    actionId: integer("action_id"),
    at: at("at").notNull(),
    actor: jsonb().$type<Actor>().notNull(),
    event: text().notNull(),
    text: text().notNull(),
  },
  (t) => [index("timeline_incident").on(t.incidentId, t.id)],
);

/** The hash chain: `line` is the canonical JSON whose SHA-256 is `hash`; it holds the hash of the line before. */
export const audit = pgTable("audit", {
  seq: bigint({ mode: "number" }).primaryKey(),
  line: text().notNull(),
  hash: text().notNull(),
  incidentId: integer("incident_id"),
});
/** One row, locked last in every transaction that writes an audit line. */
export const auditHead = pgTable("audit_head", {
  id: integer().primaryKey(),
  count: bigint({ mode: "number" }).notNull(),
  hash: text().notNull(),
});

/** The one-writer-per-channel table (product contract 7): a message is stale while wanted > shown. */
export const messages = pgTable(
  "messages",
  {
    id: serial().primaryKey(),
    channel: text().notNull(),
    /** `incident:42` or `action:105`. */
    subject: text().notNull(),
    incidentId: integer("incident_id").notNull(),
    /** The subject whose thread this is posted in; null for a root card. */
    thread: text(),
    wanted: integer().notNull(),
    shown: integer().notNull(),
    /** Lower is posted first. */
    priority: integer().notNull(),
    ref: jsonb().$type<{ id: string; thread?: string }>(),
    shownDigest: text("shown_digest"),
    /** Set before a first post goes out: a half-sent one is looked for before it is posted again. */
    postingSince: at("posting_since"),
    retryAt: at("retry_at"),
    trouble: text(),
    createdAt: at("created_at").notNull(),
    /** The channel this stands in for, because nothing could be posted there; null: it was meant for this one. */
    insteadOf: text("instead_of"),
  },
  (t) => [
    uniqueIndex("messages_once").on(t.channel, t.subject),
    index("messages_stale").on(t.channel, t.priority, t.id),
    index("messages_incident").on(t.incidentId),
    index("messages_instead").on(t.insteadOf).where(sql`instead_of is not null`),
    /** Which message was pressed, where a chat says only that. */
    index("messages_ref").on(t.channel, sql`(${t.ref}->>'id')`),
  ],
);
/**
 * How a conversation of a chat is reached that air cannot simply call by its id: the address of the service that serves it, as its last
 * message said. Without a row nothing can be posted there.
 */
export const conversations = pgTable(
  "conversations",
  {
    platform: text().notNull(),
    id: text().notNull(),
    kind: text().$type<"channel" | "group" | "personal">().notNull(),
    tenant: text().notNull(),
    serviceUrl: text("service_url").notNull(),
    /** Who air is there. */
    bot: text().notNull(),
    team: text(),
    name: text(),
    /** Whose personal conversation it is, by object id. */
    person: text(),
    seenAt: at("seen_at").notNull(),
    /** The app was removed there; null: it is installed, as far as is known. */
    removedAt: at("removed_at"),
  },
  (t) => [primaryKey({ columns: [t.platform, t.id] })],
);
export const channels = pgTable("channels", {
  channel: text().primaryKey(),
  /** When the platform takes the next call: pace and Retry-After. */
  nextAt: at("next_at"),
  trouble: text(),
  /** `channel`: nothing can be posted there. `account`: the platform refuses air altogether. Null: neither. */
  troubleKind: text("trouble_kind").$type<"channel" | "account">(),
  troubledSince: at("troubled_since"),
});

/** Small facts that outlive a process: pause, generated ids. */
export const settings = pgTable("settings", { key: text().primaryKey(), value: jsonb().notNull() });

/**
 * What a source said of a thing, by the SHA-256 of source and question: asked once within the source's time, by whichever process. A row
 * without an answer is being asked about.
 */
export const lookups = pgTable(
  "lookups",
  {
    digest: text().primaryKey(),
    source: text().notNull(),
    answer: jsonb(),
    askedAt: at("asked_at"),
    goodUntil: at("good_until"),
    /** Somebody is asking; whoever waits takes over after this, by the database's clock. */
    claimedUntil: at("claimed_until"),
  },
  (t) => [index("lookups_good_until").on(t.goodUntil)],
);

/** What was taken of a product's quota: times are milliseconds, `recent` those of the latest takes within its minute. */
export const quotas = pgTable("quotas", {
  name: text().primaryKey(),
  day: integer().notNull(),
  used: bigint({ mode: "number" }).notNull(),
  recent: bigint({ mode: "number" }).array().notNull(),
  heldUntil: bigint("held_until", { mode: "number" }).notNull().default(0),
});

/** One-time sign-in links of the console, by their SHA-256. */
export const loginLinks = pgTable("login_links", {
  digest: text().primaryKey(),
  person: text().notNull(),
  expiresAt: at("expires_at").notNull(),
  usedAt: at("used_at"),
});

/**
 * One row for each instant at which a schedule was due: whoever writes it does what follows, in the same transaction, so several processes
 * do it once. What was missed while air was down is one row of `skipped` instants, at the last of them.
 */
export const ticks = pgTable(
  "ticks",
  {
    schedule: text().notNull(),
    dueAt: at("due_at").notNull(),
    state: text().$type<"ran" | "skipped">().notNull(),
    ranAt: at("ran_at").notNull(),
    /** How many instants were skipped, this one the last of them. */
    skipped: integer().notNull().default(0),
    /** What came of it, or why it was skipped. */
    why: text(),
  },
  (t) => [primaryKey({ columns: [t.schedule, t.dueAt] })],
);

/** Requests of a chat that were taken, until their time stamp alone refuses them. */
export const takenRequests = pgTable("taken_requests", { key: text().primaryKey(), until: at().notNull() }, (t) => [
  index("taken_requests_until").on(t.until),
]);

/** The simulated company's state. */
export const labObjects = pgTable("lab_objects", { kind: text().notNull(), id: text().notNull(), state: jsonb().notNull() }, (t) => [
  primaryKey({ columns: [t.kind, t.id] }),
]);
