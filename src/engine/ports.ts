import type { Card } from "./cards/card.ts";
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
  /** Automation group as the product or air.yaml names it. */
  group?: string;
  isolated: boolean;
};

/** A started operation. `pending` is followed by `follow` until it ends. */
export type Ticket = { id: string; state: "pending" | "done" | "failed"; text?: string };

export interface DeviceCapability {
  readonly connector: string;
  find(device: EntityOf<"device">, signal: AbortSignal): Promise<DeviceFacts | undefined>;
  /** Is this file (by hash) quarantined on the device? undefined: cannot be read. */
  isQuarantined(deviceId: string, file: EntityOf<"file">, signal: AbortSignal): Promise<boolean | undefined>;
  /** On how many of our devices a file (by hash) was seen, with their names. */
  seenOn(file: EntityOf<"file">, signal: AbortSignal): Promise<string[]>;
  isolate(deviceId: string, comment: string, key: string, signal: AbortSignal): Promise<Ticket>;
  release(deviceId: string, comment: string, key: string, signal: AbortSignal): Promise<Ticket>;
  quarantine(deviceId: string, file: EntityOf<"file">, comment: string, key: string, signal: AbortSignal): Promise<Ticket>;
  /** Left out where the product has no call for it. */
  restoreFile?(deviceId: string, file: EntityOf<"file">, comment: string, key: string, signal: AbortSignal): Promise<Ticket>;
  follow(ticket: string, signal: AbortSignal): Promise<Ticket>;
}

export type UserFacts = {
  id: string;
  email: string;
  name: string;
  enabled: boolean;
  /** Directory roles that make an account privileged ("Global Administrator"). */
  privileged: string[];
  /** Sessions that would drop. */
  sessions: number;
  /** Latest sign-ins, newest first. */
  signIns: {
    at: Date;
    ip: string;
    place: string;
    app: string;
    result: "success" | "failure";
    risk: "none" | "low" | "medium" | "high";
    known: boolean;
  }[];
  sessionsRevokedAt?: Date;
};

export interface IdentityCapability {
  readonly connector: string;
  find(user: EntityOf<"user"> | EntityOf<"mailbox">, signal: AbortSignal): Promise<UserFacts | undefined>;
  disable(userId: string, comment: string, key: string, signal: AbortSignal): Promise<Ticket>;
  enable(userId: string, comment: string, key: string, signal: AbortSignal): Promise<Ticket>;
  revokeSessions(userId: string, comment: string, key: string, signal: AbortSignal): Promise<Ticket>;
}

export type MessageFacts = {
  id: string;
  recipient: string;
  sender: string;
  subject: string;
  location: "inbox" | "junk" | "deleted" | "quarantine" | "gone";
  receivedAt: Date;
  urls: string[];
  /** Who pressed a link of it, with when. */
  clicks: { user: string; url: string; at: Date; device?: string }[];
};

export interface MailCapability {
  readonly connector: string;
  /** Every copy the entity stands for: one message, or all messages of a cluster. */
  find(mail: EntityOf<"message"> | EntityOf<"mail-cluster">, signal: AbortSignal): Promise<MessageFacts[]>;
  /** Other copies: same sender and subject, or carrying the same url. */
  similar(mail: EntityOf<"message">, signal: AbortSignal): Promise<MessageFacts[]>;
  softDelete(messageIds: string[], comment: string, key: string, signal: AbortSignal): Promise<Ticket>;
  restore(messageIds: string[], comment: string, key: string, signal: AbortSignal): Promise<Ticket>;
}

export type Indicator = EntityOf<"file"> | EntityOf<"ip"> | EntityOf<"domain"> | EntityOf<"url">;
export interface IndicatorCapability {
  readonly connector: string;
  find(indicator: Indicator, signal: AbortSignal): Promise<{ id: string; action: "block" | "allow"; expiresAt?: Date } | undefined>;
  block(indicator: Indicator, expiresAt: Date | undefined, comment: string, key: string, signal: AbortSignal): Promise<Ticket>;
  unblock(indicator: Indicator, comment: string, key: string, signal: AbortSignal): Promise<Ticket>;
}

/** One product air asks or acts through, offering some capabilities. */
export interface Connector {
  readonly name: string;
  /** Its alerts and actions are simulated; never mixed with real ones. */
  readonly lab: boolean;
  readonly reputation?: readonly ReputationSource[];
  readonly devices?: DeviceCapability;
  readonly identities?: IdentityCapability;
  readonly mail?: MailCapability;
  readonly indicators?: IndicatorCapability;
  /** Cheap reachability and permission check for `air doctor`: an error's text ends with the next step. */
  check(signal: AbortSignal): Promise<void>;
}

/** All capabilities of the configured connectors, as the engine uses them. At most one product per acting capability for now. */
export type Capabilities = {
  readonly lab: boolean;
  readonly reputation: readonly ReputationSource[];
  readonly devices: DeviceCapability | undefined;
  readonly identities: IdentityCapability | undefined;
  readonly mail: MailCapability | undefined;
  readonly indicators: IndicatorCapability | undefined;
  /**
   * Ask the configured connectors to know about entities an alert names. Only the lab does anything here:
   * it adopts what it does not know.
   */
  adopt(entities: readonly Entity[]): Promise<void>;
};

/** Where a posted message is found again. `thread` is the root message's id for replies. */
export type MessageRef = { id: string; thread?: string };

/** How a chat platform answered, in air's words. */
export class ChatError extends Error {
  /** `later`: rate limit or outage, try after `retryAfterMs`. `gone`: the message or channel is not there. `refused`: configuration. */
  readonly kind: "later" | "gone" | "refused";
  readonly retryAfterMs: number | undefined;
  /** True where the request may have been carried out although no answer came. */
  readonly maybeSent: boolean;
  constructor(kind: "later" | "gone" | "refused", text: string, more: { retryAfterMs?: number; maybeSent?: boolean } = {}) {
    super(text);
    this.name = "ChatError";
    this.kind = kind;
    this.retryAfterMs = more.retryAfterMs;
    this.maybeSent = more.maybeSent ?? false;
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
