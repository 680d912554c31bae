import type { Sign } from "./cards/button-id.ts";
import type { Severity } from "./domain/alert.ts";
import type { Person } from "./domain/approval.ts";
import type { Paging } from "./domain/paging.ts";
import type { Policy } from "./domain/policy.ts";
import type { Retention } from "./domain/retention.ts";
import type { Playbook } from "./playbook.ts";
import type { Capabilities, Clock, Log, RotaSource } from "./ports.ts";
import type { Schedules } from "./schedules.ts";
import type { Store } from "./store.ts";

/** Where an incident is spoken of; first rule whose `when` fits wins (product contract 3.4). */
export type ChannelRule = {
  when?: readonly Severity[];
  /** `slack:C0SOC`, `console:soc`: platform, colon, the platform's own channel id. */
  channels: readonly string[];
  post: "needed" | "all";
  /** Whoever is on call is mentioned here; where no rule says so, in any channel of an incident. */
  page?: boolean;
};

/** What every verb of the engine is handed: made once in bot/main.ts, replaced in tests piece by piece. */
export type Air = {
  store: Store;
  capabilities: Capabilities;
  policy: () => Policy;
  playbooks: () => readonly Playbook[];
  channels: () => readonly ChannelRule[];
  /** Whom air tells what; undefined: nobody is configured. */
  paging?: () => Paging;
  /** What happens by the clock on the wall; undefined: nothing but the audit's head. */
  schedules?: () => Schedules;
  /** How long things are kept; undefined: for ever. */
  retention?: () => Retention;
  /** Somebody by key, with the roles of this moment; undefined: that cannot be said now. */
  whoIs?: (key: string) => Promise<Pick<Person, "roles"> | undefined>;
  /** Where the rota is kept elsewhere. */
  rotaSource?: () => RotaSource | undefined;
  clock: Clock;
  /** Pauses between two reads of a product; a test does not wait. */
  sleep?: (ms: number) => Promise<void>;
  log: Log;
  /** HMAC under AIR_SECRET, for buttons and versions. */
  sign: Sign;
  /** Investigations one process looks into at once; the others wait in the queue. */
  atOnce?: number;
  /** Base of every link, without a slash at the end; undefined: cards carry no links. */
  publicUrl: string | undefined;
};

/** The console shows at once what stands in the rows: it draws on every read, so nothing has to be sent to it. */
export const isLive = (channel: string) => channel.startsWith("console:");

export const incidentId = (id: number) => `INC-${id}`;
export const alertId = (id: number) => `ALT-${id}`;
export const investigationId = (id: number) => `INV-${id}`;
export const evidenceId = (id: number) => `EVD-${id}`;
export const actionId = (id: number) => `ACT-${id}`;
export const pageId = (id: number) => `PAGE-${id}`;
/** The number in any of them. */
export const numberOf = (id: string): number => Number(id.slice(id.indexOf("-") + 1));
