import type { ActionDecision, ActionKindName, ActionState, BlastRadius, BreakGlass, CancelRequest, Family } from "./domain/action.ts";
import type { Actor } from "./domain/actor.ts";
import type { Handling, NamedEntity, Severity, Verdict } from "./domain/alert.ts";
import type { Snooze } from "./domain/alert-policy.ts";
import type { Remembered } from "./domain/approval.ts";
import type { Span } from "./domain/correlate.ts";
import type { Entity } from "./domain/entity.ts";
import type { KnownBy } from "./domain/erasure.ts";
import type { AgreementRow, FigureGroup, FigureRow, Gauges, IncidentFigures, IncidentOutcomes, ReportCounts } from "./domain/figures.ts";
import type { Became, Classification, Headline } from "./domain/incident.ts";
import type { InvestigationStatus } from "./domain/investigation.ts";
import type { Label } from "./domain/observation.ts";
import type { HeldWhy } from "./domain/quiet-hours.ts";
import type { Swap } from "./domain/rota.ts";
import type { Present, Seen, SnoozeKind } from "./domain/snooze.ts";
import type { Judgement, Override } from "./domain/verdict.ts";
import type { Past } from "./ports.ts";
import type { Jobs, JobTiming } from "./queue.ts";

/* The rows as the engine sees them, and the named reads and writes it needs. `src/db/store/` is the one implementation. */

export type { AgreementRow };
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
  handling: Handling | null;
  /** It is older than air's watch over its source. */
  preexisting: boolean;
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
  /** Every alert of it is older than air's watch. */
  preexisting: boolean;
};

/** A source's own incident, as it was last polled. */
export type VendorIncidentRow = {
  source: string;
  vendorId: string;
  title: string | null;
  url: string | null;
  status: string;
  assignee: string | null;
  classification: string | null;
  determination: string | null;
  /** The incident it was merged into there. */
  redirectTo: string | null;
  changed: string | null;
  /** Resolved there while something still waited here. */
  closing: boolean;
  updatedAt: Date;
};

/** What a source is to be told; the newest wish counts. */
export type WriteBackRow = {
  source: string;
  kind: "alert" | "incident";
  vendorId: string;
  incidentId: number;
  classification: string | null;
  determination: string | null;
  comment: string;
  state: "waiting" | "done" | "failed";
  attempts: number;
  tryAt: Date;
  trouble: string | null;
  createdAt: Date;
  doneAt: Date | null;
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
  grewAt: Date | null;
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
  /** The answer was older than it is kept for, and was emptied then. */
  rawRemovedAt?: Date | null;
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

/** `by` is who asked for it, by name. */
export type SwapRow = Swap & { by: string; createdAt: Date; endedBy: string | null };
export type SnoozeRow = Snooze & { id: number; createdAt: Date; endedBy: string | null };

/** An incident that pages nobody because a person says so. `endedAt` null: nothing has ended it yet. */
export type IncidentSnoozeRow = {
  id: number;
  incidentId: number;
  kind: SnoozeKind;
  /** The key of whoever answers for it, and their name. */
  owner: string;
  by: string;
  reason: string;
  seen: Seen;
  createdAt: Date;
  until: Date;
  endedAt: Date | null;
  endedWhy: string | null;
};

/** What an incident is compared by with what its snooze had seen. */
export type SnoozeFacts = Pick<Present, "status" | "severity" | "alerts"> & {
  malicious: Pick<EvidenceRow, "digest" | "entity">[];
  pending: Pick<ActionRow, "id" | "kind" | "target" | "blastRadius">[];
  /** Everything it names, each once; of a device the role the inventory gave when it was looked at. */
  entities: { digest: string; entity: Entity; role: string | undefined }[];
};

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
  /** The connector and the tenant it was proposed for. */
  boundTo: string | null;
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
  requestedBy: (Remembered & { name: string }) | null;
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
  /** Not before then: the product asked to wait, or a running operation is not looked at yet. */
  notBefore: Date | null;
  /** How often the call went out; each of them carries the same key. */
  attempts: number;
  cancel: CancelRequest | null;
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
  /** Not needed any more; `trouble` says why. */
  droppedAt: Date | null;
  attempts: number;
  trouble: string | null;
  tryAt: Date | null;
  toldBy: number | null;
  /** The call it is a step of; null: it is told once. */
  callId: number | null;
  /** Which step of the chain it is, from 0; null: told before the chain begins. */
  stage: number | null;
  /** Nobody is told before then: quiet hours, or it waits for others to be told together with it. */
  heldUntil: Date | null;
  heldWhy: HeldWhy | null;
};

/** `acknowledged`: that is wanted to be said about it already. */
export type OpenPage = {
  page: PageRow;
  action: { state: ActionState } | undefined;
  incident: Pick<IncidentRow, "status" | "ackedAt">;
  acknowledged: boolean;
};

export type NewPage = Pick<PageRow, "incidentId" | "actionId" | "step" | "target" | "text" | "by" | "createdAt" | "dueAt"> &
  Partial<Pick<PageRow, "callId" | "stage">>;

/** Something asks for somebody: one after the other is told until one of them answers (domain/calls.ts). */
export type CallRow = {
  id: number;
  /** 0: it is about air itself. */
  incidentId: number;
  actionId: number | null;
  /** The step of its first page (`unclear`), `deadline`, or `incident critical`. */
  cause: string;
  text: string;
  by: string;
  openedAt: Date;
  /** What was told before then belongs to an earlier round. */
  since: Date;
  /** Targets that said they cannot. */
  away: string[];
  pushedAt: Date | null;
  /** Looked at again then; null: somebody has it, it is over, or everybody was told. */
  nextAt: Date | null;
  ackedBy: string | null;
  ackedAt: Date | null;
  endedAt: Date | null;
  endedBecause: string | null;
};
export type NewCall = Pick<CallRow, "incidentId" | "actionId" | "cause" | "text" | "by" | "openedAt" | "away" | "nextAt">;

/** Who looks after an incident, and whether they had to be reminded. */
export type OwnerRow = {
  incidentId: number;
  /** Null: a name nobody is known by. */
  key: string | null;
  name: string;
  how: "ack" | "assign";
  since: Date;
  remindedAt: Date | null;
  returnedAt: Date | null;
};
/** `waitsSince`: the earliest deadline that passed there. `lastAt`: when the owner last did something there; null: never. */
export type SilentOwner = OwnerRow & { severity: Severity; waitsSince: Date; lastAt: Date | null };

/** `person`: the key of whoever approved; `also`: every identity that names them alone. */
export type ApprovalRow = { actionId: number; version: string; person: string; also: string[]; name: string; via: string; at: Date };

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
  createdAt: Date;
  /** The channel it stands in for. */
  insteadOf: string | null;
};

export type ChannelTrouble = "channel" | "account";
export type ChannelRow = {
  channel: string;
  nextAt: Date | null;
  trouble: string | null;
  troubleKind: ChannelTrouble | null;
  troubledSince: Date | null;
};

/** `rootInsteadOf`: its root stands in for another channel, and so does it. */
export type StaleMessage = MessageRow & { root: { id: string; thread?: string } | null; rootInsteadOf: string | null };

/** What a digest is drawn from; the newest first. */
export type DigestRows = {
  counts: { severity: Severity; became: Became; incidents: number }[];
  newest: { id: number; title: string; severity: Severity; became: Became }[];
  storms: StormRow[];
};

/** One instant of a schedule; `skipped` of them were given up where air was down. */
export type TickRow = { schedule: string; dueAt: Date; state: "ran" | "skipped"; ranAt: Date; skipped: number; why: string | null };

/** What was deleted with incidents. */
export type Removed = { incidents: number; alerts: number; actions: number };

/** The first of them, and how many there are. */
export type Some<Row> = { rows: Row[]; total: number };
/** `since`: what changed from then on. `until`: what is due before then. `most`: so many of each are read. */
export type BriefingAsked = { since: Date; now: Date; until: Date; lab: boolean; most: number };
/** What the morning digest and the hand-over are drawn from. */
export type BriefingRows = {
  severities: { severity: Severity; incidents: number }[];
  /** The most severe first, of these the oldest. */
  open: Some<IncidentRow>;
  /** The oldest first. */
  waiting: Some<ActionRow>;
  /** How many of them are past their deadline. */
  late: number;
  expiring: Some<ActionRow>;
  /** Done by one person alone, and not reviewed. */
  alone: Some<ActionRow>;
  closedByThemselves: Some<IncidentRow>;
  /** Failed since then, or unclear in an incident that is open. */
  unsettled: Some<ActionRow>;
  /** Carried out, and over by themselves. */
  ending: Some<ActionRow>;
  snoozes: SnoozeRow[];
  /** By people since then, the newest first; `automatic` is how many automation decided. */
  decided: Some<ActionRow>;
  automatic: number;
  acknowledged: Some<IncidentRow>;
  opened: number;
  closed: number;
  notes: Some<TimelineRow>;
};

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
  /** Who was told, or is to be, oldest first. */
  pages: PageRow[];
  /** What asks for somebody and is not over, oldest first. */
  calls?: CallRow[];
  /** The sources' own incidents its alerts belong to. */
  vendorIncidents: VendorIncidentRow[];
  /** What its sources are told of it. */
  writeBacks: WriteBackRow[];
  /** Its last silence, over or not. */
  snooze?: IncidentSnoozeRow | undefined;
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
  /** Part of the action source ("manual device", "chat"). */
  source?: string;
  /** Kind of entity it is aimed at. */
  entity?: Entity["kind"];
  /** Part of the target's name. */
  target?: string;
  incidentId?: number;
  investigationId?: number;
  /** Proposed, decided or ended since then, and before `until`. */
  since?: Date;
  until?: Date;
  /** Carried out by breaking the glass, and not reviewed by an admin yet. */
  breakGlass?: "open";
  /** The key of whoever asked for it by hand. */
  requestedBy?: string;
  /** Default: newest proposal first. */
  order?: ActionOrder;
  /** Now: what changes after the first page does not move into a later one. */
  asOf?: Date;
  limit: number;
  after?: string;
};
/** What the Action center sorts by (domain facts 4.1). Each has its natural direction; `:asc` and `:desc` say another. */
export const ACTION_SORTS = [
  "newest",
  "updated",
  "deadline",
  "expires",
  "kind",
  "family",
  "entity",
  "target",
  "source",
  "by",
  "status",
  "incident",
  "investigation",
] as const;
export type ActionSort = (typeof ACTION_SORTS)[number];
/** `deadline`: the most urgent first. `updated`: what changed last first. `updated:asc`: the other way round. */
export type ActionOrder = ActionSort | `${ActionSort}:${"asc" | "desc"}`;
export type IncidentFilter = {
  status?: readonly IncidentRow["status"][];
  severity?: readonly Severity[];
  /** The whole name of who looks after it. */
  assignee?: string;
  /** Opened since then, and before `until`. */
  since?: Date;
  until?: Date;
  /** An alert of this source is in it. */
  source?: string;
  /** Part of its title, or of an alert's, or an alert's own id at its source. */
  text?: string;
  /** Silenced by a person, and not back yet. */
  snoozed?: true;
  limit: number;
  after?: number;
};
export type InvestigationFilter = {
  status?: readonly InvestigationStatus[];
  incidentId?: number;
  /** Started since then, and before `until`. */
  since?: Date;
  until?: Date;
  limit: number;
  after?: number;
};

export interface Reads {
  alert(id: number): Promise<AlertRow | undefined>;
  incident(id: number): Promise<IncidentRow | undefined>;
  investigation(id: number): Promise<InvestigationRow | undefined>;
  action(id: number): Promise<ActionRow | undefined>;
  evidence(id: number): Promise<EvidenceRow | undefined>;
  evidenceOf(investigation: number): Promise<EvidenceRow[]>;
  /** The same thing as evidence of other investigations of its incident. */
  twinsOf(evidence: number): Promise<number[]>;
  observationsOf(investigation: number): Promise<ObservationRow[]>;
  actionsOf(investigation: number): Promise<ActionRow[]>;
  /** In the order they came; of more than `limit` (1,000) the newest. */
  alertsOf(incident: number, limit?: number): Promise<AlertSummary[]>;
  /** Several at once, because a channel draws several cards at once. */
  incidentViews(ids: readonly number[]): Promise<Map<number, IncidentView>>;
  listIncidents(filter: IncidentFilter): Promise<Page<IncidentRow>>;
  countIncidents(filter: Omit<IncidentFilter, "limit" | "after">): Promise<number>;
  listInvestigations(filter: InvestigationFilter): Promise<Page<InvestigationRow>>;
  countInvestigations(filter: Omit<InvestigationFilter, "limit" | "after">): Promise<number>;
  listActions(filter: ActionFilter): Promise<Page<ActionRow>>;
  countActions(filter: Omit<ActionFilter, "limit" | "after">): Promise<number>;
  /** What was proposed in an incident and not cancelled, undos left out: `kind targetDigest` each, however many. */
  proposedIn(incident: number): Promise<Set<string>>;
  approvalsOf(action: number): Promise<ApprovalRow[]>;
  /** Of all of them in one query, each one's in order. */
  approvalsOfActions(actions: readonly number[]): Promise<ApprovalRow[]>;
  setting<T>(key: string): Promise<T | undefined>;
  /** The settings whose key begins so, by key. */
  settingsUnder<T>(prefix: string): Promise<T[]>;
  /** Automatic executions that count against the ceilings. */
  automaticSince(kind: ActionKindName, hour: Date, day: Date): Promise<{ kindLastHour: number; lastDay: number }>;
  /** Approved and not begun, oldest first, however many. */
  approvedActions(): Promise<ActionRow[]>;
  /** What people made of what air proposed, by playbook and kind, decided since then, and before `until`. */
  agreement(since: Date, lab: boolean, until?: Date): Promise<AgreementRow[]>;
  /** How long things took in the incidents opened from `from` to `to`: of all of them one row, with `by` one for each group. */
  figures(which: { from: Date; to: Date; lab: boolean; by?: FigureGroup; timeZone?: string }): Promise<FigureRow[]>;
  /** What is kept of these incidents; one that is not there, or was merged into another, has none. */
  figuresOf(incidents: readonly number[]): Promise<Map<number, IncidentFigures>>;
  /** Incidents opened from `from` to `to`, by severity and what became of them. */
  outcomes(which: { from: Date; to: Date; lab: boolean }): Promise<IncidentOutcomes>;
  /** Pages and automatic actions from `from` to `to`, as a monitoring system counts them. */
  gauges(which: { from: Date; to: Date; lab: boolean }): Promise<Gauges>;
  /** What happened from `from` to `to`, counted. */
  reportCounts(which: { from: Date; to: Date; lab: boolean; answerWithinMs: number }): Promise<ReportCounts>;
  /** Actions whose deadline or expiry has passed by `now`. */
  lapsedActions(now: Date, limit: number): Promise<ActionRow[]>;
  /** Pending actions whose target nobody has read since then. */
  uncheckedActions(before: Date, limit: number): Promise<number[]>;
  /** What one person is known by in the rows. `shared`: names that others bear too. */
  identitiesOf(email: string): Promise<{ ids: string[]; names: string[]; shared: string[] }>;
  /** In how many tables rows say who did something. */
  readonly erasedTables: number;
  /** The newest instant of each schedule that has come. */
  lastTicks(now: Date): Promise<TickRow[]>;
  /** When a schedule was last done before then. */
  ranBefore(schedule: string, before: Date): Promise<Date | undefined>;
  /** What whoever begins a day or a shift has to know. */
  briefing(asked: BriefingAsked): Promise<BriefingRows>;
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
  channel(channel: string): Promise<ChannelRow | undefined>;
  /** Channels nothing can be posted to. */
  troubledChannels(): Promise<ChannelRow[]>;
  auditLines(after: number, limit: number): Promise<{ seq: number; line: string; hash: string; incidentId: number | null }[]>;
  auditHead(): Promise<{ count: number; hash: string }>;
  /** Pages that are due and neither sent, dropped nor on their way. */
  duePages(now: Date, limit: number): Promise<PageRow[]>;
  /** Pages that wait for a better hour or for others, soonest first. */
  heldPages(limit: number): Promise<PageRow[]>;
  /** Pages that were handed to a chat, or are being sent, and of which nothing is known yet. */
  pagesOnTheirWay(limit: number): Promise<PageRow[]>;
  /** What these were told since then, oldest first; null: it is on its way to them. */
  toldLately(targets: readonly string[], since: Date): Promise<{ target: string; at: Date | null }[]>;
  pages(ids: readonly number[]): Promise<PageRow[]>;
  /** Pages that stand in the messages of these: themselves, and those told together with them. */
  pagesIn(messages: readonly number[]): Promise<PageRow[]>;
  /** Oldest first. */
  pagesOf(incident: number): Promise<PageRow[]>;
  /**
   * Pages a product that keeps them open was called about since then, with what they are about; those it knows to be over are left out.
   * Newest first.
   */
  openOutside(target: string, since: Date, limit: number): Promise<OpenPage[]>;
  /** Pending actions past their deadline that nobody is called for yet. */
  overdueActions(now: Date, limit: number): Promise<number[]>;
  /** Calls to look at by then, the longest due first. */
  dueCalls(now: Date, limit: number): Promise<number[]>;
  call(id: number): Promise<CallRow | undefined>;
  /** Of an incident, those that are not over, oldest first; of 0 those about air itself. */
  callsOf(incident: number): Promise<CallRow[]>;
  /** Pages of these calls, oldest first. */
  pagesOfCalls(calls: readonly number[]): Promise<PageRow[]>;
  owner(incident: number): Promise<OwnerRow | undefined>;
  /** Where a chat lets air write to this account alone; undefined: they have not spoken to air there. */
  personalConversation(platform: string, account: string): Promise<string | undefined>;
  /** Owners of open incidents in which an action waits past its deadline, who did nothing there since `before`. */
  silentOwners(now: Date, before: Date, limit: number): Promise<SilentOwner[]>;
  /** Sent pages of calls about incidents that nobody acknowledged and that still ask for somebody, newest first. */
  unansweredPages(limit: number): Promise<PageRow[]>;
  /** Stored alerts by what makes each the only one of its source, as far as a repeat of it is compared. */
  alertsByIdentity(identities: readonly string[]): Promise<
    (Pick<
      AlertRow,
      "id" | "identity" | "digest" | "incidentId" | "investigationId" | "status" | "severity" | "handling" | "preexisting"
    > & {
      entityCount: number /** What the source was told of it, and has or may have taken. */;
      told: Pick<WriteBackRow, "classification" | "determination"> | null;
    })[]
  >;
  vendorIncidents(source: string, ids: readonly string[]): Promise<VendorIncidentRow[]>;
  /** Which of ours hold alerts of a source's incident, followed to where they were merged; the oldest first. */
  incidentsOfVendor(source: string, vendorId: string): Promise<number[]>;
  /** Resolved at the source while something still waited here. */
  closingVendorIncidents(source: string): Promise<VendorIncidentRow[]>;
  /** What sources are still to be told and may be now, oldest first. */
  dueWriteBacks(now: Date, limit: number): Promise<WriteBackRow[]>;
  writeBacksOf(source: string, kind: WriteBackRow["kind"], ids: readonly string[]): Promise<WriteBackRow[]>;
  activeSnoozes(now: Date): Promise<SnoozeRow[]>;
  /** Silences of incidents nothing has ended yet, by incident: of these, or of all. */
  openSnoozes(incidents?: readonly number[]): Promise<IncidentSnoozeRow[]>;
  /** Incidents that are silent at that moment, the first to come back first. */
  snoozedIncidents(now: Date): Promise<(IncidentSnoozeRow & Pick<IncidentRow, "title" | "severity" | "lab">)[]>;
  /** Mutes of these incidents that held at any time since then. */
  mutesSince(incidents: readonly number[], since: Date): Promise<IncidentSnoozeRow[]>;
  /** When the last silence of an incident ended; undefined: it had none, or has one. */
  backSince(incident: number): Promise<Date | undefined>;
  snoozeFacts(incident: number): Promise<SnoozeFacts | undefined>;
  /** Swaps of duty that last longer than that, begun or not, the oldest first. */
  swapsAfter(moment: Date): Promise<SwapRow[]>;
  storms(ids: readonly number[]): Promise<StormRow[]>;
  /** The storm each of these incidents is part of, if any. */
  stormsOf(incidents: readonly number[]): Promise<Map<number, StormRow>>;
  /** Alerts of a storm in the order they came. */
  stormAlerts(storm: number, page: { offset: number; limit: number }): Promise<AlertSummary[]>;
  /** The whole story of an incident, oldest first; of more than `limit` (2,000) lines the newest. */
  storyOf(incident: number, limit?: number): Promise<TimelineRow[]>;
  /**
   * Incidents opened from `from` to `to` that are not shown in a channel by a card of their own or of their storm, counted by severity and
   * what became of them; the newest by title; storms without a card.
   */
  digest(which: {
    channel: string;
    severities: readonly Severity[];
    from: Date;
    to: Date;
    lab: boolean;
    newest: number;
  }): Promise<DigestRows>;
  /** Lines of any story after this one, of these events, in order. */
  timelineAfter(after: number, events: readonly string[], limit: number): Promise<TimelineRow[]>;
  /** The newest line of any story; 0: there is none. */
  lastTimelineId(): Promise<number>;
  /** These lines, in order. */
  timelineRows(ids: readonly number[]): Promise<TimelineRow[]>;
  /** What happened in an investigation, oldest first. */
  timelineOf(investigation: number): Promise<TimelineRow[]>;
  observationsOfEvidence(evidence: number): Promise<ObservationRow[]>;
  /** Actions of a storm's incidents that wait for a decision. */
  stormPending(storm: number): Promise<number>;
  /** Block actions on a target that were carried out, by air or by hand, and that nothing took back; oldest first. */
  blocksOf(targetDigest: string, lab: boolean): Promise<ActionRow[]>;
  /** What our own rows know of an entity by its names' digests, one incident left out. */
  past(digests: readonly string[], since: Date, except: number, lab: boolean): Promise<Past>;
}

export interface Tx extends Reads {
  enqueue<N extends keyof Jobs>(name: N, data: Jobs[N], job: { key: string } & JobTiming): Promise<void>;
  enqueueMany<N extends keyof Jobs>(name: N, jobs: readonly ({ data: Jobs[N]; key: string } & JobTiming)[]): Promise<void>;

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
  addIncidentSnooze(row: New<IncidentSnoozeRow>): Promise<number>;
  changeIncidentSnooze(id: number, change: Pick<IncidentSnoozeRow, "kind" | "seen" | "until">): Promise<void>;
  /** What was held back is due from now on. False: it is over already. */
  endIncidentSnooze(id: number, why: string, now: Date): Promise<boolean>;
  addSwap(row: New<SwapRow>): Promise<number>;
  /** False: it is over already. */
  endSwap(id: number, by: string, now: Date): Promise<boolean>;
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
  /**
   * Evidence of the incident `to` that is still to be looked at takes over what people said of the same thing in `from`, and what was done
   * about it there. The same file on another device is the same thing to whoever judged it, and has still to be dealt with.
   */
  carryOver(between: readonly { from: number; to: number }[]): Promise<void>;
  addEvidence(rows: readonly New<EvidenceRow>[]): Promise<void>;
  /** `entity`: as it was looked at; what has grown since is still to be looked at, and dealt with. */
  updateEvidence(
    rows: readonly (Pick<EvidenceRow, "id" | "verdict" | "judgement" | "lookedRound" | "remediation"> & { entity?: Entity })[],
  ): Promise<void>;
  overrideEvidence(id: number, override: Override | null): Promise<void>;
  /** Asked anew in the next round: what no analyzer answered, or all of these. */
  lookAgain(evidence: readonly number[]): Promise<void>;

  /** What became of a piece of evidence in the world: `remediated`, or `none` after an undo. `as`: only if it has not grown beyond that. */
  markRemediated(evidence: number, remediation: string, as?: Entity): Promise<void>;

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
  /** It counts no more: whoever gave it lost the role. */
  dropApproval(row: Pick<ApprovalRow, "actionId" | "version" | "person">): Promise<void>;
  /** Every action on this target that is open, or was carried out; until the commit nobody else looks at the same. */
  onTarget(action: Pick<ActionRow, "targetDigest" | "lab">): Promise<ActionRow[]>;
  /** Another action on the same target that goes first: one that is being carried out, or was decided before this one. */
  aheadOf(action: Pick<ActionRow, "id" | "targetDigest" | "lab" | "decidedAt" | "proposedAt">): Promise<number | undefined>;

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
  updateChannel(channel: string, change: Partial<Omit<ChannelRow, "channel">>): Promise<void>;
  /**
   * What waits in `channel` and is urgent (up to this priority, and root cards of these severities) is wanted in `instead` too, each with the
   * root it hangs on. Pages move there: nobody is to be called twice. Returns how many messages are new there.
   */
  standIn(channel: string, instead: string, urgent: { upTo: number; severities: readonly Severity[] }, now: Date): Promise<number>;
  /** Raises what stands elsewhere in place of this channel: it says from now on where it goes on. */
  redrawInstead(channel: string): Promise<void>;
  /** Sent again although nothing changed: whether it is still there shows then. */
  drawAgain(channel: string, subject: string): Promise<void>;
  /** A root that is gone is posted anew, and with it what hung on it. */
  postAnew(channel: string, root: string): Promise<void>;
  /** Notes which messages are about to be posted for the first time. */
  markPosting(ids: readonly number[], now: Date): Promise<void>;
  noteDelivery(rows: readonly Delivery[]): Promise<void>;
  /** Stores who is to be told; a row that is there already, or was within the last minute, is not stored again. Answers how many were. */
  addPages(rows: readonly NewPage[]): Promise<number>;
  lockPages(ids: readonly number[]): Promise<PageRow[]>;
  updatePage(id: number, change: Partial<PageRow>): Promise<void>;
  /** Each is there once while it is not over: what asks again begins a new round where somebody had it already, or everybody was told. */
  openCalls(rows: readonly NewCall[]): Promise<CallRow[]>;
  /** As `openCalls`, for what calls once and never again; answers which of them are new. */
  openCallsOnce(rows: readonly NewCall[], now: Date): Promise<NewCall[]>;
  lockCall(id: number): Promise<CallRow | undefined>;
  updateCall(id: number, change: Partial<CallRow>): Promise<void>;
  /** Looked at now, unless somebody has it or it is over. */
  wakeCall(id: number, now: Date): Promise<void>;
  putOwner(row: OwnerRow): Promise<void>;
  dropOwner(incident: number): Promise<void>;
  /** Pages of a call, or of one of its targets, that nobody needs to be told any more. */
  dropCallPages(which: { call: number; target?: string }, why: string, now: Date): Promise<void>;
  /** Nobody needs to be told any more; returns how many were still to be sent. */
  dropPages(which: { incident: number; steps: readonly string[] }, why: string, now: Date): Promise<number>;
  putVendorIncidents(rows: readonly VendorIncidentRow[]): Promise<void>;
  /** A wish takes the place of an older one about the same. */
  putWriteBacks(rows: readonly WriteBackRow[]): Promise<void>;
  /** False: somebody else took this instant. */
  addTick(row: TickRow): Promise<boolean>;
  /*
   * Retention, a batch each: all of them leave out what somebody else holds, and answer how much they did.
   */
  /** Empties what sources sent before then. */
  emptyAlerts(before: Date, now: Date): Promise<number>;
  /** Empties what products answered before then. */
  emptyAnswers(before: Date, now: Date): Promise<number>;
  /** Deletes incidents that were closed before then, with everything that belongs to them. */
  deleteIncidents(before: Date): Promise<Removed>;
  /** Deletes what belongs to no incident: of before then, and what is over at `now`. */
  deleteRest(before: Date, now: Date): Promise<number>;
  /** Cuts the audit's oldest lines, as far as they were written before then. */
  cutAudit(before: Date): Promise<{ through: number; hash: string; lines: number } | undefined>;
  /** A batch of one of the tables that say who did something; `place` counts them from 0. `dry`: only counted. */
  eraseRows(
    place: number,
    known: KnownBy,
    after: string | undefined,
    dry: boolean,
  ): Promise<{ table: string; changed: number; next: string | undefined }>;
  /** Sign-in links that were made for them. */
  dropLinksOf(ids: readonly string[]): Promise<number>;
  /** Lines of the audit behind this one that may name them, in order, a batch of them. */
  auditNaming(known: KnownBy, after: number): Promise<{ seq: number; line: string; hash: string }[]>;
  /** Other words for these lines; what they were stays their hash. */
  rewriteAudit(lines: readonly { seq: number; line: string }[]): Promise<void>;
  /** What came of it. */
  explainTick(schedule: string, dueAt: Date, why: string): Promise<void>;
  putSetting(key: string, value: unknown): Promise<void>;
  /** Until the commit: `alone` waits for everybody who holds it, `shared` only for whoever holds it alone. */
  lockSetting(key: string, how: "alone" | "shared"): Promise<void>;
  /** Tells every process that something visible changed. */
  notifyChange(): Promise<void>;
}

export interface Store extends Reads {
  /** All or nothing. Inside, only `tx`: no network, no other handle. Serialization failures and deadlocks are retried. */
  transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  /** Saves what look-ups saw, at once; many that arrive together share one transaction. */
  saveObservations(rows: readonly New<ObservationRow>[]): Promise<void>;
}
