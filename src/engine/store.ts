import type { ActionDecision, ActionKindName, ActionState, BlastRadius, BreakGlass, Family } from "./domain/action.ts";
import type { Actor } from "./domain/actor.ts";
import type { NamedEntity, Severity, Verdict } from "./domain/alert.ts";
import type { Snooze } from "./domain/alert-policy.ts";
import type { Span } from "./domain/correlate.ts";
import type { Entity } from "./domain/entity.ts";
import type { Classification, Headline } from "./domain/incident.ts";
import type { InvestigationStatus } from "./domain/investigation.ts";
import type { Label } from "./domain/observation.ts";
import type { Judgement, Override } from "./domain/verdict.ts";
import type { Past } from "./ports.ts";
import type { Jobs } from "./queue.ts";

/* The rows as the engine sees them, and the named reads and writes it needs. `src/db/store/` is the one implementation. */

export type AlertRow = {
  id: number;
  source: string;
  sourceId: string;
  identity: string;
  digest: string;
  title: string;
  severity: Severity;
  category: string | null;
  description: string | null;
  product: string | null;
  techniques: string[];
  url: string | null;
  status: "new" | "inProgress" | "resolved";
  entities: NamedEntity[];
  raw: unknown;
  detectedAt: Date;
  receivedAt: Date;
  updatedAt: Date;
  incidentId: number;
  investigationId: number | null;
  joinedBecause: string | null;
  policyRule: string;
  policyName: string | null;
  policyId: string | null;
  vendorIncident: string | null;
  suppressed: boolean;
  stormId: number | null;
  alike: string;
  duplicates: number;
  lab: boolean;
};
/** Cards and lists never need what the source sent, whole. */
export type AlertSummary = Omit<AlertRow, "raw" | "description">;

export type IncidentRow = {
  id: number;
  title: string;
  severity: Severity;
  status: "open" | "closed" | "redirected";
  redirectTo: number | null;
  headline: Headline | null;
  classification: Classification | null;
  determination: string | null;
  ackedBy: string | null;
  ackedAt: Date | null;
  apart: number[];
  quiet: boolean;
  stormId: number | null;
  assignee: string | null;
  openedAt: Date;
  updatedAt: Date;
  closedAt: Date | null;
  alertCount: number;
  lab: boolean;
};

export type InvestigationRow = {
  id: number;
  incidentId: number;
  status: InvestigationStatus;
  trigger: { kind: "alert" | "manual"; alert?: string; by?: string };
  playbooks: string[];
  /** What is left to do by hand, in sentences, beside the actions. */
  advice: string[];
  round: number;
  wanted: number;
  startedAt: Date;
  beganAt: Date | null;
  endedAt: Date | null;
  pendingSince: Date | null;
  pendingMs: number;
  waitingSince: Date | null;
  waitingMs: number;
  lab: boolean;
};

export type Said = { source: string; verdict?: Verdict; remediation?: string; roles: string[]; at: string; trusted: boolean };

export type EvidenceRow = {
  id: number;
  investigationId: number;
  incidentId: number;
  digest: string;
  entity: Entity;
  said: Said[];
  verdict: Verdict;
  judgement: Judgement | null;
  override: Override | null;
  remediation: string;
  lookedRound: number | null;
  entityDigest: string | null;
  foundBy: string | null;
  createdAt: Date;
};

export type ObservationRow = {
  id: number;
  evidenceId: number;
  investigationId: number;
  look: string;
  part: number;
  analyzer: string;
  source: string;
  family: string;
  label: Label;
  weight: number;
  text: string;
  technique: string | null;
  raw: unknown;
  rawSha256: string | null;
  connectorVersion: string | null;
  found: Entity[] | null;
  decisive: "allow" | "block" | null;
  at: Date;
  askedAt: Date | null;
  tookMs: number | null;
  createdAt: Date;
};

export type StormRow = {
  id: number;
  alike: string;
  source: string;
  category: string | null;
  severity: Severity;
  lab: boolean;
  alerts: number;
  startedAt: Date;
  lastAt: Date;
};

export type SnoozeRow = Snooze & { id: number; createdAt: Date; endedBy: string | null };

/** A join key's row as it stood when it was locked; `fresh`: this transaction made it. */
export type LockedKey = { digest: string; incidents: number; countedSince: Date | null; retiredAt: Date | null; fresh: boolean };

export type ActionRow = {
  id: number;
  kind: ActionKindName;
  family: Family;
  target: Entity;
  targetDigest: string;
  params: Record<string, unknown>;
  investigationId: number;
  incidentId: number;
  evidenceId: number | null;
  undoes: number | null;
  state: ActionState;
  version: string;
  note: string;
  rule: string;
  source: string;
  connector: string | null;
  byHand: string | null;
  approvalsNeeded: number;
  undoable: boolean;
  blastRadius: BlastRadius;
  decision: ActionDecision | null;
  proposedAt: Date;
  decidedAt: Date | null;
  deadline: Date;
  expiresAt: Date;
  executingAt: Date | null;
  endedAt: Date | null;
  ticket: string | null;
  waitingForDevice: boolean;
  undoAfterMs: number | null;
  undoWarnedAt: Date | null;
  requestedBy: { key: string; name: string } | null;
  checkedAt: Date | null;
  outcome: string | null;
  lab: boolean;
  /** The automation group of the device it happens on. */
  deviceGroup: string | null;
  playbook: string | null;
  /** Source families that spoke against the target when it was proposed. */
  families: string[];
  /** The rejected action this one comes back to. */
  rejectedBefore: number | null;
  breakGlass: BreakGlass | null;
  /** Its card is drawn again then: it says something else from then on. */
  redrawAt: Date | null;
  /** When the evidence it rests on was looked at again while it waited; null: not since it was proposed. */
  lookedAt: Date | null;
};

/** Somebody is told that something waits for them; sent once. */
export type PageRow = {
  id: number;
  incidentId: number;
  actionId: number | null;
  step: string;
  target: string;
  text: string;
  by: string;
  createdAt: Date;
  dueAt: Date;
  sentAt: Date | null;
  droppedAt: Date | null;
  attempts: number;
  trouble: string | null;
};

export type ApprovalRow = { actionId: number; version: string; person: string; name: string; via: string; at: Date };

export type TimelineRow = {
  id: number;
  incidentId: number;
  investigationId: number | null;
  actionId: number | null;
  at: Date;
  actor: Actor;
  event: string;
  text: string;
};

export type MessageRow = {
  id: number;
  channel: string;
  subject: string;
  incidentId: number;
  thread: string | null;
  wanted: number;
  shown: number;
  priority: number;
  ref: { id: string; thread?: string } | null;
  shownDigest: string | null;
  postingSince: Date | null;
  retryAt: Date | null;
  trouble: string | null;
};

export type StaleMessage = MessageRow & { root: { id: string; thread?: string } | null };

/** How one message fared, whole. */
export type Delivery = Pick<MessageRow, "id" | "shown" | "ref" | "shownDigest" | "postingSince" | "retryAt" | "trouble">;

/** Everything a card of an incident is drawn from. */
export type IncidentView = {
  incident: IncidentRow;
  alerts: AlertSummary[];
  investigations: InvestigationRow[];
  evidence: EvidenceRow[];
  actions: ActionRow[];
  approvals: ApprovalRow[];
  timeline: TimelineRow[];
};

/** One line of the audit: who did what to which object, on what grounds. Never secrets, never raw alert text. */
export type AuditEntry = {
  at: Date;
  actor: Actor;
  event: string;
  subject: string;
  incidentId?: number | undefined;
  data?: Record<string, unknown>;
};

export type New<Row> = Omit<Row, "id">;
export type Page<Row> = { items: Row[]; next: string | null };
/** The Action center's filters (domain facts 4.2). `after` is the cursor of the page before, in the same order. */
export type ActionFilter = {
  states?: readonly ActionState[];
  kinds?: readonly ActionKindName[];
  families?: readonly Family[];
  /** Part of the name of who decided. */
  decidedBy?: string;
  source?: string;
  /** Kind of entity it is aimed at. */
  entity?: Entity["kind"];
  /** Part of the target's name. */
  target?: string;
  incidentId?: number;
  investigationId?: number;
  /** Proposed, decided or ended since then. */
  since?: Date;
  /** Carried out by breaking the glass, and not reviewed by an admin yet. */
  breakGlass?: "open";
  /** Default: newest proposal first. */
  order?: ActionOrder;
  limit: number;
  after?: string;
};
/** `deadline`: the most urgent first. `updated`: what changed last first. */
export const ACTION_ORDERS = ["newest", "deadline", "updated"] as const;
export type ActionOrder = (typeof ACTION_ORDERS)[number];
export type IncidentFilter = { status?: readonly IncidentRow["status"][]; severity?: readonly Severity[]; limit: number; after?: number };
export type InvestigationFilter = { status?: readonly InvestigationStatus[]; incidentId?: number; limit: number; after?: number };

export interface Reads {
  alert(id: number): Promise<AlertRow | undefined>;
  incident(id: number): Promise<IncidentRow | undefined>;
  investigation(id: number): Promise<InvestigationRow | undefined>;
  action(id: number): Promise<ActionRow | undefined>;
  evidence(id: number): Promise<EvidenceRow | undefined>;
  evidenceOf(investigation: number): Promise<EvidenceRow[]>;
  observationsOf(investigation: number): Promise<ObservationRow[]>;
  actionsOf(investigation: number): Promise<ActionRow[]>;
  /** In the order they came; of more than `limit` (1,000) the newest. */
  alertsOf(incident: number, limit?: number): Promise<AlertSummary[]>;
  /** Several at once, because a channel draws several cards at once. */
  incidentViews(ids: readonly number[]): Promise<Map<number, IncidentView>>;
  listIncidents(filter: IncidentFilter): Promise<Page<IncidentRow>>;
  listInvestigations(filter: InvestigationFilter): Promise<Page<InvestigationRow>>;
  listActions(filter: ActionFilter): Promise<Page<ActionRow>>;
  /** What was proposed in an incident and not cancelled, undos left out: `kind targetDigest` each, however many. */
  proposedIn(incident: number): Promise<Set<string>>;
  approvalsOf(action: number): Promise<ApprovalRow[]>;
  setting<T>(key: string): Promise<T | undefined>;
  /** Automatic executions that count against the ceilings. */
  automaticSince(kind: ActionKindName, hour: Date, day: Date): Promise<{ kindLastHour: number; lastDay: number }>;
  /** Actions whose deadline or expiry has passed by `now`. */
  lapsedActions(now: Date, limit: number): Promise<ActionRow[]>;
  /** Pending actions whose target nobody has read since then. */
  uncheckedActions(before: Date, limit: number): Promise<number[]>;
  /** Whose the devices of an incident are, as the inventory said when they were looked at. */
  deviceOwners(incident: number): Promise<string[]>;
  /** Pending actions whose card says something else from then on. */
  redrawnBy(now: Date, limit: number): Promise<ActionRow[]>;
  /** Carried-out actions that end by themselves by then. */
  timedActions(by: Date, limit: number): Promise<ActionRow[]>;
  /** Evidence of an incident that came after a moment and is Malicious, newest first. */
  badEvidenceSince(incident: number, since: Date): Promise<EvidenceRow[]>;
  /** How many investigations wait to begin, and how many of them before this one. */
  queued(before?: number): Promise<number>;
  /** Jobs that slipped: work wanted and nothing scheduled since `before`. */
  stale(before: Date): Promise<{ investigations: number[]; channels: string[]; actions: number[] }>;
  /** Stale messages that can be sent now, most urgent first; a reply only where its root (`root`) is posted. */
  staleMessages(channel: string, now: Date, limit: number): Promise<StaleMessage[]>;
  /** Newest root messages of a channel, for a chat that shows a list itself. */
  rootMessages(channel: string, limit: number): Promise<MessageRow[]>;
  nextStaleAt(channel: string): Promise<Date | undefined>;
  channel(channel: string): Promise<{ nextAt: Date | null; trouble: string | null } | undefined>;
  auditLines(after: number, limit: number): Promise<{ seq: number; line: string; hash: string }[]>;
  auditHead(): Promise<{ count: number; hash: string }>;
  activeSnoozes(now: Date): Promise<SnoozeRow[]>;
  storms(ids: readonly number[]): Promise<StormRow[]>;
  /** The storm each of these incidents is part of, if any. */
  stormsOf(incidents: readonly number[]): Promise<Map<number, StormRow>>;
  /** Alerts of a storm in the order they came. */
  stormAlerts(storm: number, page: { offset: number; limit: number }): Promise<AlertSummary[]>;
  /** What happened in an investigation, oldest first. */
  timelineOf(investigation: number): Promise<TimelineRow[]>;
  observationsOfEvidence(evidence: number): Promise<ObservationRow[]>;
  /** Actions of a storm's incidents that wait for a decision. */
  stormPending(storm: number): Promise<number>;
  /** What our own rows know of an entity by its names' digests, one incident left out. */
  past(digests: readonly string[], since: Date, except: number, lab: boolean): Promise<Past>;
}

export interface Tx extends Reads {
  enqueue<N extends keyof Jobs>(name: N, data: Jobs[N], job: { key: string; startAfter?: Date; urgent?: boolean }): Promise<void>;
  enqueueMany<N extends keyof Jobs>(
    name: N,
    jobs: readonly { data: Jobs[N]; key: string; startAfter?: Date; urgent?: boolean }[],
  ): Promise<void>;

  /** Locks the keys' rows in sorted order, before candidates are read: two intakes that share a key go one after the other. */
  lockJoinKeys(digests: readonly string[], now: Date): Promise<LockedKey[]>;
  /** When open incidents saw these keys, as far as it lies in the key's range. */
  spans(ranges: readonly { digest: string; from: Date; to: Date }[], lab: boolean): Promise<Span[]>;
  keepSpans(rows: readonly Span[], gone: readonly Span[]): Promise<void>;
  countJoinKeys(rows: readonly { digest: string; incidents: number; countedSince: Date; retired: boolean }[], now: Date): Promise<void>;
  /** Everything of the absorbed incident but its own row now belongs to the other; its posted replies stay in the thread they stand in. */
  moveIncident(from: number, to: number): Promise<void>;
  /** Alerts of an incident, and what hangs on them, that go to another one. */
  moveAlerts(alerts: readonly number[], to: number): Promise<void>;
  /** Forgets when an incident saw what: it is noted again from its alerts. */
  dropSpans(incident: number): Promise<void>;
  /** How many stored alerts are alike and came since then, counted no further than `most` + 1. */
  countAlike(alikes: readonly string[], since: Date, most: number): Promise<Map<string, number>>;
  /** The storm of these alerts that still runs; nothing is locked. */
  runningStorm(alike: string, since: Date): Promise<number | undefined>;
  /** A new storm, which takes in what came since then; the one somebody else opened meanwhile. */
  openStorm(alert: Pick<StormRow, "alike" | "source" | "category" | "severity" | "lab">, since: Date, now: Date): Promise<number>;
  /** Counts alerts into a storm, which goes on. */
  countStorm(storm: number, more: number, now: Date): Promise<void>;
  addSnooze(row: New<SnoozeRow>): Promise<number>;
  endSnoozes(policy: string, by: string, now: Date): Promise<number>;
  alertsByIdentity(
    identities: readonly string[],
  ): Promise<Pick<AlertRow, "id" | "identity" | "digest" | "incidentId" | "investigationId">[]>;
  /** Fresh ids from the tables' sequences, ascending. */
  nextIds(counts: {
    alerts: number;
    incidents: number;
    investigations: number;
  }): Promise<Record<"alerts" | "incidents" | "investigations", number[]>>;
  insertAlerts(rows: readonly AlertRow[]): Promise<void>;
  updateAlert(id: number, change: Partial<AlertRow>): Promise<void>;
  countDuplicates(counts: ReadonlyMap<number, number>): Promise<void>;
  insertIncidents(rows: readonly IncidentRow[]): Promise<void>;
  lockIncidents(ids: readonly number[]): Promise<IncidentRow[]>;
  updateIncident(id: number, change: Partial<IncidentRow>): Promise<void>;
  insertInvestigations(rows: readonly InvestigationRow[]): Promise<void>;
  /** The newest investigation of each incident that has not ended, locked. */
  lockRunning(incidents: readonly number[]): Promise<InvestigationRow[]>;
  lockInvestigation(id: number): Promise<InvestigationRow | undefined>;
  updateInvestigation(id: number, change: Partial<InvestigationRow>): Promise<void>;
  /** New evidence, or what another source says of known evidence. */
  addEvidence(rows: readonly New<EvidenceRow>[]): Promise<void>;
  updateEvidence(rows: readonly Pick<EvidenceRow, "id" | "verdict" | "judgement" | "lookedRound" | "remediation">[]): Promise<void>;
  overrideEvidence(id: number, override: Override | null): Promise<void>;
  /** Asked anew in the next round: what no analyzer answered, or all of these. */
  lookAgain(evidence: readonly number[]): Promise<void>;

  /** What became of a piece of evidence in the world: `remediated`, or `none` after an undo. */
  markRemediated(evidence: number, remediation: string): Promise<void>;

  insertActions(rows: readonly New<ActionRow>[]): Promise<number[]>;
  /** The row is the lock: compares state (and version, where given), sets the rest; undefined if somebody was faster. */
  moveAction(
    id: number,
    from: ActionState,
    change: Partial<ActionRow> & { state: ActionState },
    version?: string,
  ): Promise<ActionRow | undefined>;
  updateAction(id: number, change: Partial<ActionRow>): Promise<void>;
  lockAction(id: number): Promise<ActionRow | undefined>;
  /** False if this person already approved this version. */
  addApproval(row: ApprovalRow): Promise<boolean>;
  /** Another action on the same target that is being carried out now; `except` are the asking action and the one it takes back. */
  inFlightOn(targetDigest: string, except: readonly number[]): Promise<number | undefined>;

  addTimeline(rows: readonly New<TimelineRow>[]): Promise<void>;
  /** Appended at the end of the transaction, whenever it is called: the chain's head is everybody's and is locked last. */
  writeAudit(entries: readonly AuditEntry[]): Promise<void>;

  /** Raises the wanted version of each message, creating it where needed. */
  wantMessages(
    rows: readonly { channel: string; subject: string; incidentId: number; thread: string | null; priority: number }[],
    now: Date,
  ): Promise<void>;
  /** Storms that went on since then are drawn again: what they count beside their alerts is told from time to time, not with every investigation. */
  redrawStorms(since: Date): Promise<void>;
  /** For a chat that draws on every read: the message is there as soon as it is wanted. */
  showMessages(
    rows: readonly { channel: string; subject: string; incidentId: number; thread: string | null; priority: number }[],
    now: Date,
  ): Promise<void>;
  /** Subjects among `subjects` that some channel already shows or wants. */
  knownMessages(incidents: readonly number[]): Promise<MessageRow[]>;
  /** Which of these subjects the channel shows or wants already. */
  wantedSubjects(channel: string, subjects: readonly string[]): Promise<Set<string>>;
  /** Waits for everybody who is about to want something of this channel: after it a last look misses nothing. */
  lockChannel(channel: string): Promise<void>;
  updateChannel(channel: string, change: { nextAt?: Date | null; trouble?: string | null }): Promise<void>;
  /** Notes which messages are about to be posted for the first time. */
  markPosting(ids: readonly number[], now: Date): Promise<void>;
  noteDelivery(rows: readonly Delivery[]): Promise<void>;
  putSetting(key: string, value: unknown): Promise<void>;
  /** Tells every process that something visible changed. */
  notifyChange(): Promise<void>;
}

export interface Store extends Reads {
  /** All or nothing. Inside, only `tx`: no network, no other handle. Serialization failures and deadlocks are retried. */
  transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  /** Saves what look-ups saw, at once; many that arrive together share one transaction. */
  saveObservations(rows: readonly New<ObservationRow>[]): Promise<void>;
}
