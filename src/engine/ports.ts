import type { Card } from "./cards/card.ts";
import type { DeviceHand, HandworkKindName, Params, Saved } from "./domain/action.ts";
import type { Entity, EntityKind, EntityOf } from "./domain/entity.ts";
import type { Label } from "./domain/observation.ts";

/*
 * What air needs from the world, in air's words. A product that offers some of these is a connector;
 * a chat that can show a card is a ChatPlatform. Adapters implement, the engine calls.
 *
 * Every call takes an AbortSignal and throws only ConnectorError; nothing here retries, the caller decides.
 */

export interface Clock {
  now(): Date;
}

export interface Log {
  info(message: string, facts?: Record<string, unknown>): void;
  warn(message: string, facts?: Record<string, unknown>): void;
  error(message: string, facts?: Record<string, unknown>): void;
  debug(message: string, facts?: Record<string, unknown>): void;
  child(facts: Record<string, unknown>): Log;
}

/** Why a connector could not answer. `text` is for people and holds no secrets. */
export class ConnectorError extends Error {
  /**
   * `refused`: certainly nothing was done (4xx, missing permission, quota). `unavailable`: not reached, certainly nothing was
   * done (connection refused, 429, breaker open). `unclear`: the request went out and no answer came, so it may have been done.
   */
  readonly kind: "refused" | "unavailable" | "unclear";
  readonly retryAfterMs: number | undefined;
  constructor(kind: "refused" | "unavailable" | "unclear", text: string, retryAfterMs?: number) {
    super(text);
    this.name = "ConnectorError";
    this.kind = kind;
    this.retryAfterMs = retryAfterMs;
  }

  /** The same without anybody else's words. */
  get forLog(): string {
    return this.message;
  }
}

/** What a reputation source says of one indicator. */
export type ReputationAnswer = {
  label: Label;
  /** Log-odds magnitude; the connector takes it from the WEIGHTS table of domain/verdict.ts. */
  weight: number;
  /** One plain sentence with the numbers it rests on. */
  text: string;
  /** When the source's knowledge dates from; now, where it does not say. */
  at: Date;
  raw?: unknown;
};

export type ReputationKind = Extract<EntityKind, "file" | "url" | "ip" | "domain">;

export interface ReputationSource {
  /** Shown and stored as the observation's source. */
  readonly name: string;
  /** Sources that repeat each other share a family and vote once. */
  readonly family: string;
  readonly kinds: readonly ReputationKind[];
  look(entity: EntityOf<ReputationKind>, signal: AbortSignal): Promise<ReputationAnswer>;
}

export type DeviceFacts = {
  /** The product's own id; actions are addressed by it. */
  id: string;
  name: string;
  os: string;
  role: "workstation" | "server" | "domain-controller" | "unknown";
  owner?: string;
  /** People signed in now. */
  users: string[];
  online: boolean;
  /** false: who is signed in cannot be read, so `users` says nothing. */
  usersKnown?: false;
  /** What the product's people tagged it with. */
  tags?: string[];
  /** Automation group as the product or air.yaml names it. */
  group?: string;
  isolated: boolean;
  /** Only what its vendor signed may run. Left out where it cannot be read. */
  restricted?: boolean;
  /** false: the sensor was taken off, the product neither watches nor reaches it any more. Left out where it cannot be read. */
  onboarded?: boolean;
  /** Addresses it has now. */
  ips?: string[];
  /** What people and automation had done to it in the product itself, beside air: what waits or runs now, and what holds. */
  besideUs?: DeviceHand[];
};

/** A process as the sensor on the device saw it start. */
export type ProcessFacts = {
  pid: number;
  parentPid?: number;
  name: string;
  path?: string;
  commandLine?: string;
  sha256?: string;
  signer?: string;
  user?: string;
  startedAt: Date;
  /** Addresses it spoke to. */
  connections?: { ip: string; port: number; at: Date }[];
  /** Files it wrote. */
  wrote?: { path: string; sha256?: string }[];
};

/** Something that starts a program by itself: where malware hides to survive a restart. */
export type AutostartFacts = {
  kind: "registry" | "service" | "driver" | "scheduled-task" | "startup-folder" | "wmi";
  /** Registry key, service or task name, or the file's path. */
  name: string;
  /** Registry value's name, where there is one. */
  value?: string;
  command: string;
  signer?: string;
  createdAt?: Date;
};

/**
 * A started operation. `pending` is followed by `follow` until it ends; `cancelled` and `timedOut` are the product's own words for an end
 * without an effect. `saved`: what stood there before, kept with the action so that its undo can bring it back.
 */
export type Ticket = {
  id: string;
  state: "pending" | "done" | "failed" | "cancelled" | "timedOut";
  text?: string;
  saved?: Saved;
  /** Nobody has picked it up yet: it waits for the device. Left out where the product does not say. */
  waiting?: boolean;
  /** When it ended, as the product says. What the product lists follows that with a delay. */
  endedAt?: Date;
};

/** What happens once on a device and leaves no lasting state: whether it was done can only be told by when. */
export type DeviceRun = "quick-scan" | "full-scan" | "package";

export interface DeviceCapability {
  readonly connector: string;
  find(device: EntityOf<"device">, signal: AbortSignal): Promise<DeviceFacts | undefined>;
  /** Is this file (by hash) quarantined on the device? undefined: cannot be read. */
  isQuarantined(deviceId: string, file: EntityOf<"file">, signal: AbortSignal): Promise<boolean | undefined>;
  /** On how many of our devices a file (by hash) was seen, with their names. */
  seenOn(file: EntityOf<"file">, signal: AbortSignal): Promise<string[]>;
  /** The processes around one (ancestors, itself, children), or all that run the file. Left out where the product has no call for it. */
  processTree?(deviceId: string, around: EntityOf<"process"> | EntityOf<"file">, signal: AbortSignal): Promise<ProcessFacts[]>;
  /** What starts by itself on the device. Left out where the product has no call for it. */
  autostarts?(deviceId: string, signal: AbortSignal): Promise<AutostartFacts[]>;
  isolate(deviceId: string, comment: string, key: string, signal: AbortSignal): Promise<Ticket>;
  release(deviceId: string, comment: string, key: string, signal: AbortSignal): Promise<Ticket>;
  quarantine(deviceId: string, file: EntityOf<"file">, comment: string, key: string, signal: AbortSignal): Promise<Ticket>;
  /** Left out where the product has no call for it. */
  restoreFile?(deviceId: string, file: EntityOf<"file">, comment: string, key: string, signal: AbortSignal): Promise<Ticket>;
  /*
   * The rest is left out where the product has no call for it; then a person does it by hand. A call that is already running there is
   * answered with the running ticket, not started twice.
   */
  restrictExecution?(deviceId: string, comment: string, key: string, signal: AbortSignal): Promise<Ticket>;
  unrestrictExecution?(deviceId: string, comment: string, key: string, signal: AbortSignal): Promise<Ticket>;
  scan?(deviceId: string, type: "quick" | "full", comment: string, key: string, signal: AbortSignal): Promise<Ticket>;
  /** The package is fetched from the product's own page of the device, or by `packageLink`. */
  collectPackage?(deviceId: string, comment: string, key: string, signal: AbortSignal): Promise<Ticket>;
  offboard?(deviceId: string, comment: string, key: string, signal: AbortSignal): Promise<Ticket>;
  /**
   * A short-lived address the latest package collected since then is fetched from by whoever has it, so it is shown to the one who asks and
   * kept nowhere; undefined: none is ready. Left out where the product has no call for it.
   */
  packageLink?(deviceId: string, since: Date, signal: AbortSignal): Promise<string | undefined>;
  /** When the last run of this sort ended well; undefined: never. Needed wherever `scan` or `collectPackage` is offered. */
  lastRun?(deviceId: string, run: DeviceRun, signal: AbortSignal): Promise<Date | undefined>;
  follow(ticket: string, signal: AbortSignal): Promise<Ticket>;
  /**
   * The operation a call with this key started since then, on whichever device and however it ended; undefined: the product's list was
   * read whole and has none. With it a call whose answer was lost is found again instead of being guessed about. Left out where
   * operations carry no words of ours.
   */
  findRun?(key: string, since: Date, signal: AbortSignal): Promise<Ticket | undefined>;
  /** Asks for a running operation to be given up; whether it was, `follow` says. Left out where the product has no call for it. */
  cancel?(ticket: string, comment: string, signal: AbortSignal): Promise<void>;
}

export type UserFacts = {
  id: string;
  email: string;
  name: string;
  enabled: boolean;
  /** Directory roles that make an account privileged ("Global Administrator"). */
  privileged: string[];
  /** Sessions that would drop. Left out where the directory does not count them. */
  sessions?: number;
  /** Latest sign-ins, newest first. */
  signIns: {
    at: Date;
    ip: string;
    place: string;
    app: string;
    result: "success" | "failure";
    risk: "none" | "low" | "medium" | "high";
    known: boolean;
    /** Degrees; two sign-ins too far apart for the time between them are not one traveller. */
    location?: { latitude: number; longitude: number };
    userAgent?: string;
    /** false: a single factor was enough. */
    mfa?: boolean;
  }[];
  sessionsRevokedAt?: Date;
  /** What the directory itself makes of the account. Left out where it cannot be read. */
  risk?: { level: "none" | "low" | "medium" | "high"; state: "none" | "atRisk" | "confirmedCompromised" | "dismissed" | "remediated" };
  /** At the next sign-in a new password has to be set. Left out where it cannot be read. */
  mustChangePassword?: boolean;
  passwordChangedAt?: Date;
  /** What the account did lately beside signing in ("created inbox rule", "consented to app", "downloaded 3,400 files"), newest first. */
  activities?: { at: Date; what: string; risk: "none" | "low" | "medium" | "high"; ip?: string }[];
  /**
   * What could not be read, each with why ("Microsoft Entra ID P1 is needed"): the field then says nothing. An account whose `roles` are not
   * read counts as protected.
   */
  unread?: { roles?: string; signIns?: string; risk?: string; activities?: string };
};

/** `patient`: whoever asks can wait for what the product rations (sign-ins, risk); without it that may stay unread. */
export type Asking = { patient?: boolean };

export interface IdentityCapability {
  readonly connector: string;
  /** Its calls set a state and nothing else: one whose answer was lost is made again, once it is certain that the state does not show it. */
  readonly setsState?: true;
  find(user: EntityOf<"user"> | EntityOf<"mailbox">, signal: AbortSignal, asking?: Asking): Promise<UserFacts | undefined>;
  disable(userId: string, comment: string, key: string, signal: AbortSignal): Promise<Ticket>;
  enable(userId: string, comment: string, key: string, signal: AbortSignal): Promise<Ticket>;
  revokeSessions(userId: string, comment: string, key: string, signal: AbortSignal): Promise<Ticket>;
  /** These three are left out where the product has no call for them. */
  confirmCompromised?(userId: string, comment: string, key: string, signal: AbortSignal): Promise<Ticket>;
  dismissRisk?(userId: string, comment: string, key: string, signal: AbortSignal): Promise<Ticket>;
  forcePasswordReset?(userId: string, comment: string, key: string, signal: AbortSignal): Promise<Ticket>;
  /** Left out where every call is over when it answers, and shows at once. */
  follow?(ticket: string, signal: AbortSignal): Promise<Ticket>;
}

/** An app that was given access to the organisation's data, as the directory keeps it. */
export type AppFacts = {
  id: string;
  name: string;
  /** false: nobody can sign in to it, and it gets no new tokens. */
  enabled: boolean;
  publisher?: string;
  /** What it was allowed; `writes`: it can change or send something. */
  grants: { name: string; writes: boolean }[];
  /** People who use it, where the directory counts them. */
  users?: number;
  /** Why what it was allowed could not be read as a whole; then it counts as protected. */
  unread?: string;
};

/** One thing an app was allowed, as the directory keeps it. */
export type AppConsent = {
  /** Names it among the app's consents, also after it was made again. */
  key: string;
  /** Whose data it opens: of the one person who agreed, of everybody, or whatever the app asks for as itself. */
  by: "person" | "everybody" | "itself";
  grants: { name: string; writes: boolean }[];
  /** To the letter: from it the consent is made again. */
  saved: Saved;
  /** Why air cannot remove it. */
  stays?: string;
};

export interface AppCapability {
  readonly connector: string;
  /** As for accounts. */
  readonly setsState?: true;
  find(app: EntityOf<"oauth-app">, signal: AbortSignal): Promise<AppFacts | undefined>;
  disable(appId: string, comment: string, key: string, signal: AbortSignal): Promise<Ticket>;
  enable(appId: string, comment: string, key: string, signal: AbortSignal): Promise<Ticket>;
  /*
   * What it was allowed, taken away and given back one by one. Left out, all three, where the product has no call for it. One that is gone
   * already, or there already, is no error.
   */
  consents?(appId: string, signal: AbortSignal): Promise<AppConsent[]>;
  removeConsent?(appId: string, consent: Saved, comment: string, key: string, signal: AbortSignal): Promise<Ticket>;
  restoreConsent?(appId: string, consent: Saved, comment: string, key: string, signal: AbortSignal): Promise<Ticket>;
  /** As for accounts. */
  follow?(ticket: string, signal: AbortSignal): Promise<Ticket>;
}

/** A long-lived key of a cloud account. */
export type AccessKeyFacts = { id: string; owner?: string; active: boolean; createdAt?: Date; lastUsedAt?: Date; lastUsedFor?: string };

export interface AccessKeyCapability {
  readonly connector: string;
  find(key: EntityOf<"access-key">, signal: AbortSignal): Promise<AccessKeyFacts | undefined>;
  disable(keyId: string, comment: string, key: string, signal: AbortSignal): Promise<Ticket>;
  enable(keyId: string, comment: string, key: string, signal: AbortSignal): Promise<Ticket>;
}

/**
 * What products have no public call for and a script runner may have. Never assumed: it says for each kind and target whether it can, and
 * whoever offers it answers for `state`, too.
 */
export interface HandworkCapability {
  readonly connector: string;
  can(kind: HandworkKindName, target: Entity): boolean;
  /** undefined: cannot be read. */
  state(kind: HandworkKindName, target: Entity, params: Params, signal: AbortSignal): Promise<"done" | "notDone" | "missing" | undefined>;
  run(kind: HandworkKindName, target: Entity, call: { params: Params; comment: string; key: string }, signal: AbortSignal): Promise<Ticket>;
  follow(ticket: string, signal: AbortSignal): Promise<Ticket>;
}

export type MessageFacts = {
  /** Names this one copy. */
  id: string;
  /** What the product calls the message itself, where that is not the copy's own id: all its copies share it. */
  networkMessageId?: string;
  recipient: string;
  sender: string;
  subject: string;
  location: "inbox" | "junk" | "deleted" | "quarantine" | "gone";
  /** The product has a word for where it lies that names no place: `location` is where a reader may still meet it, at worst. */
  placeUnsaid?: true;
  receivedAt: Date;
  urls: string[];
  /** Who pressed a link of it, with when. */
  clicks: { user: string; url: string; at: Date; device?: string }[];
  /** false: who pressed a link cannot be read, so `clicks` says nothing. */
  clicksKnown?: false;
  attachments?: { name: string; sha256?: string }[];
  senderIp?: string;
  replyTo?: string;
  /** The Authentication-Results header the receiving server added (RFC 8601), as it stands. */
  authenticationResults?: string;
  /** What the mail product itself calls it ("malware", "phish", "highConfidencePhish", "spam"). */
  threats?: string[];
  /** Same body, whatever the subject: the product's cluster fingerprint. */
  fingerprint?: string;
  /** Text of the body as the product shows it; attackers write it. */
  text?: string;
  reportedBy?: { user: string; at: Date; as: "phish" | "malware" | "junk" | "notJunk" };
};

/** Mail that belongs together, by what (domain facts 6.4: similarity and indicator clusters). */
export type MailClusterFacts = {
  by: "sender-ip" | "sender-domain" | "subject" | "fingerprint" | "url" | "attachment";
  value: string;
  /** Under which the product finds it again; the query of a `mail-cluster` entity. */
  query: string;
  messages: MessageFacts[];
  /** Messages of it per day, newest first, where the product counts. */
  perDay?: number[];
};

/** How a mailbox is set up and what left it: where a taken account shows. */
export type MailboxFacts = {
  address: string;
  rules: { id: string; name: string; forwardsTo?: string; deletes?: boolean; movesTo?: string; createdAt?: Date }[];
  /** SMTP forwarding set on the mailbox itself. */
  forwardsTo?: string;
  delegates: { who: string; rights: string; since?: Date }[];
  outbound: { lastDay: number; typicalDay: number; malwareOrPhish: number; spam: number };
  /** Data-loss rules that matched, newest first. */
  dlp: { at: Date; rule: string; subject?: string }[];
  /** What the product has no call for or did not tell: there, nothing found says nothing. `forwarding`: that of the mailbox itself. */
  unread?: readonly ("forwarding" | "delegates" | "outbound" | "dlp")[];
};

export interface MailCapability {
  readonly connector: string;
  /**
   * Its calls answer before the mail has moved, with a pending ticket, and nothing but where the mail lies tells what became of them: so
   * long it may take (ms). Left out where mail has moved when the call answers.
   */
  readonly takesUpToMs?: number;
  /** Every copy the entity stands for: one message, or all messages of a cluster. */
  find(mail: EntityOf<"message"> | EntityOf<"mail-cluster">, signal: AbortSignal): Promise<MessageFacts[]>;
  /** Other copies: same sender and subject, or carrying the same url. */
  similar(mail: EntityOf<"message">, signal: AbortSignal): Promise<MessageFacts[]>;
  /** Similarity and indicator clusters around a message, or the one cluster. Left out where the product has no call for it. */
  clusters?(mail: EntityOf<"message"> | EntityOf<"mail-cluster">, signal: AbortSignal): Promise<MailClusterFacts[]>;
  /** Left out where the product has no call for it. */
  mailbox?(address: string, signal: AbortSignal): Promise<MailboxFacts | undefined>;
  /** Who pressed this link since then, in any message. Left out where the product has no call for it. */
  clicksOn?(url: string, since: Date, signal: AbortSignal): Promise<{ user: string; at: Date; device?: string; blocked: boolean }[]>;
  softDelete(messageIds: string[], comment: string, key: string, signal: AbortSignal): Promise<Ticket>;
  /** Back to the inbox, from wherever it was put. */
  restore(messageIds: string[], comment: string, key: string, signal: AbortSignal): Promise<Ticket>;
  /** These are left out where the product has no call for them. */
  moveToJunk?(messageIds: string[], comment: string, key: string, signal: AbortSignal): Promise<Ticket>;
  hardDelete?(messageIds: string[], comment: string, key: string, signal: AbortSignal): Promise<Ticket>;
  /** The rules of a mailbox as the product keeps them, each to the letter; undefined: there is no such mailbox. */
  inboxRules?(address: string, signal: AbortSignal): Promise<{ id: string; name: string; forwardsTo?: string; saved: Saved }[] | undefined>;
  /** The ticket's `saved` is the rule as it was. */
  deleteInboxRule?(address: string, ruleId: string, comment: string, key: string, signal: AbortSignal): Promise<Ticket>;
  /** A rule that says the same is not made twice; the product may give it another id. */
  createInboxRule?(address: string, rule: Saved, comment: string, key: string, signal: AbortSignal): Promise<Ticket>;
}

export type Indicator = EntityOf<"file"> | EntityOf<"ip"> | EntityOf<"domain"> | EntityOf<"url">;
export interface IndicatorCapability {
  readonly connector: string;
  find(indicator: Indicator, signal: AbortSignal): Promise<{ id: string; action: "block" | "allow"; expiresAt?: Date } | undefined>;
  block(indicator: Indicator, expiresAt: Date | undefined, comment: string, key: string, signal: AbortSignal): Promise<Ticket>;
  unblock(indicator: Indicator, comment: string, key: string, signal: AbortSignal): Promise<Ticket>;
  /** Enters it on the allow list, which every judgement obeys. */
  allow(indicator: Indicator, expiresAt: Date | undefined, comment: string, key: string, signal: AbortSignal): Promise<Ticket>;
  /** As for devices: the entry a call with this key made; undefined: the list was read and has none. */
  findRun?(indicator: Indicator, key: string, signal: AbortSignal): Promise<Ticket | undefined>;
}

/** How common a thing is at home. */
export type Prevalence = {
  devices: number;
  /** Some of the devices, by name. */
  names: string[];
  /** Some of the people it happened under. */
  users: string[];
  events: number;
  firstAt?: Date;
  lastAt?: Date;
};
/** What all sensors of the organisation recorded, asked at once: where else was it seen. */
export interface HuntingCapability {
  readonly connector: string;
  /** How far back the records go. */
  readonly days: number;
  seenOn(indicator: Indicator, signal: AbortSignal): Promise<Prevalence>;
  /** Where and how often an account signed in, on premises and in the cloud. */
  logons(
    user: EntityOf<"user">,
    signal: AbortSignal,
  ): Promise<{ count: number; failed: number; devices: string[]; ips: string[]; lastAt?: Date }>;
}

/** What a sandbox saw when somebody else ran it; air itself detonates nothing. */
export type SandboxReport = {
  label: Label;
  weight: number;
  text: string;
  at: Date;
  techniques?: string[];
  raw?: unknown;
};
export interface SandboxSource {
  readonly name: string;
  readonly family: string;
  /** An existing report, by hash or url; undefined: nobody ran it. */
  report(entity: EntityOf<"file"> | EntityOf<"url">, signal: AbortSignal): Promise<SandboxReport | undefined>;
}

/** What air's own rows know of an entity from before, the incident at hand left out. */
export type Past = {
  /** Alerts that named it, and the incidents they are in, newest first (at most 20). */
  alerts: number;
  incidents: { id: number; title: string; at: Date; classification?: string; status: string }[];
  /** How often it was judged what. */
  verdicts: Record<"malicious" | "suspicious" | "noThreatsFound" | "unknown", number>;
  /** How often a person overrode its verdict, with the latest. */
  overrides: { verdict: string; by: string; reason: string; at: Date }[];
  /** Devices of ours it was seen on. */
  devices: string[];
  firstAt?: Date;
  lastAt?: Date;
};
export interface History {
  past(entity: Entity, since: Date): Promise<Past>;
  /** Which action of air put it on our block list, by name; undefined: none that stands. */
  blockedBy?(entity: Entity): Promise<string | undefined>;
}

/** Somebody in a group of the directory. `addresses`: what names them beside their id; `outside`: a guest, or an account that is disabled. */
export type GroupMember = { id: string; addresses: readonly string[]; outside: boolean };

/** Who is in which group: what roles may be given by. It throws where it cannot be read as a whole. */
export interface DirectoryCapability {
  readonly connector: string;
  members(groupId: string, signal: AbortSignal): Promise<readonly GroupMember[]>;
}

/** One product air asks or acts through, offering some capabilities. */
export interface Connector {
  readonly name: string;
  /** Stored with every answer, so that an old one can be told from a new one. */
  readonly version?: string;
  /** Its alerts and actions are simulated; never mixed with real ones. */
  readonly lab: boolean;
  readonly reputation?: readonly ReputationSource[];
  readonly sandboxes?: readonly SandboxSource[];
  readonly devices?: DeviceCapability;
  readonly identities?: IdentityCapability;
  readonly mail?: MailCapability;
  readonly indicators?: IndicatorCapability;
  readonly apps?: AppCapability;
  readonly accessKeys?: AccessKeyCapability;
  readonly handwork?: HandworkCapability;
  readonly hunting?: HuntingCapability;
  readonly feed?: AlertFeed;
  readonly directory?: DirectoryCapability;
  /** Whose data it is: the directory's tenant or the account's id. An action is carried out only where it was proposed for. */
  readonly tenant?: string;
  /** Cheap reachability and permission check for `air doctor`: an error's text ends with the next step. */
  check(signal: AbortSignal): Promise<void>;
  /** What works as it should and yet leaves something out, each with why ("needs a larger licence"); for `air doctor`. */
  limits?(signal: AbortSignal): Promise<string[]>;
}

/** One page of what changed; `next` names the page after it. */
export type ChangedPage<T> = { items: readonly { item: T; changedAt: Date | undefined }[]; next: string | undefined };
/** Where a list begins, or how it goes on. */
export type PageAt = { since: Date } | { next: string };

/** A source's own incident, in its words. */
export type VendorIncident = {
  id: string;
  title: string | undefined;
  url: string | undefined;
  /** `resolved` and `redirected` mean something to air; any other word is shown. */
  status: string;
  assignee: string | undefined;
  classification: string | undefined;
  determination: string | undefined;
  redirectTo: string | undefined;
};

/** What a source is told of one of its alerts or incidents that was closed here. */
export type Told = { classification: string; determination: string | null; comment: string };

/** A source that sends nothing and is asked what changed. It is asked by the source's name (`defender`), whose kind reads its alerts. */
export interface AlertFeed {
  readonly source: string;
  /** As people call it. */
  readonly product: string;
  readonly everyMs: number;
  /** How far back the very first look goes; 0: only what changes from now on. */
  readonly backfillMs: number;
  /** Each item as the source says it, whole. */
  alerts(at: PageAt, signal: AbortSignal): Promise<ChangedPage<unknown>>;
  incidents(at: PageAt, signal: AbortSignal): Promise<ChangedPage<VendorIncident>>;
  /** Only where air.yaml wants it. Called again after an unclear answer: it looks first and repeats nothing. */
  readonly tell?: (kind: "alert" | "incident", id: string, told: Told, signal: AbortSignal) => Promise<void>;
}

/** All capabilities of the configured connectors, as the engine uses them. At most one product per acting capability for now. */
export type Capabilities = {
  readonly lab: boolean;
  readonly reputation: readonly ReputationSource[];
  readonly sandboxes: readonly SandboxSource[];
  readonly devices: DeviceCapability | undefined;
  readonly identities: IdentityCapability | undefined;
  readonly mail: MailCapability | undefined;
  readonly indicators: IndicatorCapability | undefined;
  readonly apps?: AppCapability | undefined;
  readonly accessKeys?: AccessKeyCapability | undefined;
  readonly handwork?: HandworkCapability | undefined;
  readonly hunting?: HuntingCapability | undefined;
  /** Sources that air asks for alerts. */
  readonly feeds?: readonly AlertFeed[];
  /**
   * Ask the configured connectors to know about entities an alert names. Only the lab does anything here:
   * it adopts what it does not know.
   */
  adopt(entities: readonly Entity[]): Promise<void>;
  /** The version of the connector behind a source; air's own for our own rules. Kept with every answer. */
  version(source: string): string;
  /** The tenant behind a connector; undefined: it has none. */
  tenantOf?(connector: string): string | undefined;
};

/** Where a posted message is found again. `thread` is the root message's id for replies. */
export type MessageRef = { id: string; thread?: string };

/** How a chat platform answered, in air's words. */
export class ChatError extends Error {
  /**
   * `later`: rate limit or outage, try after `retryAfterMs`. `gone`: the message, or the thread it belongs to, is not there. `channel`:
   * nothing can be posted in this channel until somebody mends it. `account`: the platform refuses air altogether. `refused`: this one
   * message, for another reason.
   */
  readonly kind: "later" | "gone" | "refused" | "channel" | "account";
  readonly retryAfterMs: number | undefined;
  /** True where the request may have been carried out although no answer came. */
  readonly maybeSent: boolean;
  /** Only this message has to wait: the limit is that of one method, and others may pass. */
  readonly alone: boolean;
  constructor(kind: ChatError["kind"], text: string, more: { retryAfterMs?: number; maybeSent?: boolean; alone?: boolean } = {}) {
    super(text);
    this.name = "ChatError";
    this.kind = kind;
    this.retryAfterMs = more.retryAfterMs;
    this.maybeSent = more.maybeSent ?? false;
    this.alone = more.alone ?? false;
  }
}

/** A chat as air needs it: post a card, redraw it, and find a half-sent one again. */
export interface ChatPlatform {
  readonly name: "slack" | "teams" | "console";
  /** Posts per second and channel, and how many may be on their way at once. */
  readonly pace: { perSecond: number; burst: number };
  /** `marker` travels invisibly with the message so that `find` can tell whether a half-sent post arrived. */
  post(channel: string, card: Card, marker: string, thread: MessageRef | undefined, signal: AbortSignal): Promise<MessageRef>;
  update(channel: string, ref: MessageRef, card: Card, marker: string, signal: AbortSignal): Promise<void>;
  find(channel: string, marker: string, since: Date, thread: MessageRef | undefined, signal: AbortSignal): Promise<MessageRef | undefined>;
}

/** A conversation of a chat that is reached through an address of its own, as it was last heard of. */
export type Conversation = {
  id: string;
  kind: "channel" | "group" | "personal";
  tenant: string;
  serviceUrl: string;
  /** Who air is there. */
  bot: string;
  team?: string | undefined;
  name?: string | undefined;
  /** Whose it is, where it is personal: the account, as in air.yaml. */
  person?: string | undefined;
  removedAt?: Date | undefined;
};

/** One shift of a rota another product keeps. */
export type RotaTold = { from: Date; to: Date; email: string };
/** The rota another product keeps. Throws ConnectorError. */
export interface RotaSource {
  readonly name: string;
  shifts(from: Date, until: Date, signal: AbortSignal): Promise<RotaTold[]>;
}

/** What a webhook is told; nulls where a page is about no incident, or cards carry no links. */
export type HookPage = {
  incident: string | null;
  action: string | null;
  title: string;
  severity: string;
  text: string;
  link: string | null;
  /** Several things told at once, a line each; `text` then says how many, and the most urgent. */
  things?: readonly string[];
};
/**
 * A way to people that is no chat. Throws ConnectorError; called again with the same id where no answer came, and not again where it
 * was `refused`.
 */
export interface PageHook {
  send(id: string, page: HookPage, signal: AbortSignal): Promise<void>;
  /** Where a page stays open at the other end: what became of it here. */
  became?(id: string, what: "acknowledged" | "resolved", signal: AbortSignal): Promise<void>;
}
