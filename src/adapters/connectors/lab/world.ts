import { createHash } from "node:crypto";
import { z } from "zod";
import type { Entity } from "../../../engine/domain/entity.ts";
import { canonicalAddress, canonicalUrl, deviceName } from "../../../engine/domain/entity.ts";

/*
 * What the simulated company remembers, and under which name. Every record is JSON, so that any store can hold it.
 */

/** Where the lab keeps what changed. `list` returns everything of one kind. */
export type LabStore = {
  get(kind: string, id: string): Promise<unknown>;
  put(kind: string, id: string, state: unknown): Promise<void>;
  list(kind: string): Promise<{ id: string; state: unknown }[]>;
};

const isoDate = z.iso.datetime();

export const LabDevice = z.object({
  name: z.string(),
  os: z.string(),
  role: z.enum(["workstation", "server", "domain-controller", "unknown"]),
  owner: z.string().optional(),
  users: z.array(z.string()),
  online: z.boolean(),
  /** Devices of the lab itself are in group `lab`; adopted ones in none. */
  group: z.string().optional(),
  isolated: z.boolean(),
  /** Only what Microsoft signed may run. */
  restricted: z.boolean().optional(),
  /** The sensor was taken off: the lab's endpoint product reaches it no more. */
  offboarded: z.boolean().optional(),
  /** When what leaves no lasting state was last done. */
  lastRuns: z.object({ "quick-scan": isoDate, "full-scan": isoDate, package: isoDate }).partial().optional(),
});
export type LabDevice = z.infer<typeof LabDevice>;

export const LabUser = z.object({
  email: z.string(),
  name: z.string(),
  enabled: z.boolean(),
  privileged: z.array(z.string()),
  sessions: z.number(),
  /** Addresses signed in from, newest first. What such a sign-in means follows from the address, see `places.ts`. */
  signIns: z.array(
    z.object({
      at: isoDate,
      ip: z.string(),
      app: z.string(),
      result: z.enum(["success", "failure"]),
      userAgent: z.string().optional(),
      mfa: z.boolean().optional(),
    }),
  ),
  sessionsRevokedAt: isoDate.optional(),
  /** What the directory's own protection makes of it; nothing, where it says nothing. */
  risk: z
    .object({
      level: z.enum(["none", "low", "medium", "high"]),
      state: z.enum(["none", "atRisk", "confirmedCompromised", "dismissed", "remediated"]),
    })
    .optional(),
  mustChangePassword: z.boolean().optional(),
  /** What it did beside signing in, newest first. How risky that is follows from the address, too. */
  activities: z.array(z.object({ at: isoDate, what: z.string(), ip: z.string().optional() })).optional(),
});
export type LabUser = z.infer<typeof LabUser>;

export const LabMessage = z.object({
  id: z.string(),
  /** Copies of one sending share it. */
  networkMessageId: z.string(),
  internetMessageId: z.string().optional(),
  recipient: z.string(),
  sender: z.string(),
  subject: z.string(),
  location: z.enum(["inbox", "junk", "deleted", "quarantine", "gone"]),
  receivedAt: isoDate,
  urls: z.array(z.string()),
  clicks: z.array(
    z.object({ user: z.string(), url: z.string(), at: isoDate, device: z.string().optional(), blocked: z.boolean().optional() }),
  ),
  attachments: z.array(z.object({ name: z.string(), sha256: z.string().optional() })).optional(),
  /** The address the sending server had. Whether it may send for the sender's domain follows from it, see `mail.ts`. */
  senderIp: z.string().optional(),
  replyTo: z.string().optional(),
  /** What the lab's mail product calls it. */
  threats: z.array(z.string()).optional(),
  text: z.string().optional(),
  reportedBy: z.object({ user: z.string(), at: isoDate, as: z.enum(["phish", "malware", "junk", "notJunk"]) }).optional(),
});
export type LabMessage = z.infer<typeof LabMessage>;

export const LabInboxRule = z.object({
  id: z.string(),
  name: z.string(),
  forwardsTo: z.string().optional(),
  deletes: z.boolean().optional(),
  movesTo: z.string().optional(),
  createdAt: isoDate.optional(),
});
export type LabInboxRule = z.infer<typeof LabInboxRule>;

/** How a mailbox is set up. What it sent is counted from the messages; every account has a mailbox, set up or not. */
const LabMailbox = z.object({
  address: z.string(),
  rules: z.array(LabInboxRule).default([]),
  forwardsTo: z.string().optional(),
  delegates: z.array(z.object({ who: z.string(), rights: z.string(), since: isoDate.optional() })).default([]),
  /** Mail to outside, which lies in no mailbox of the lab. */
  sentOutside: z.object({ lastDay: z.number(), typicalDay: z.number() }).optional(),
  dlp: z.array(z.object({ at: isoDate, rule: z.string(), subject: z.string().optional() })).default([]),
});
export type LabMailbox = z.infer<typeof LabMailbox>;

/** A file as the lab's sensors know it: what it is made of and what it was seen doing. Never a verdict. */
export const LabFile = z.object({
  name: z.string().optional(),
  path: z.string().optional(),
  signer: z.string().optional(),
  /** Names of the devices it was seen on. */
  devices: z.array(z.string()),
  /** It or what it started deleted the backups of the device. */
  deletesBackups: z.boolean().default(false),
  /** It or what it started read passwords out of memory. */
  readsPasswords: z.boolean().default(false),
});
export type LabFile = z.infer<typeof LabFile>;

const LabProcess = z.object({
  pid: z.number(),
  parentPid: z.number().optional(),
  name: z.string(),
  path: z.string().optional(),
  commandLine: z.string().optional(),
  sha256: z.string().optional(),
  signer: z.string().optional(),
  user: z.string().optional(),
  startedAt: isoDate,
  connections: z.array(z.object({ ip: z.string(), port: z.number(), at: isoDate })).optional(),
  wrote: z.array(z.object({ path: z.string(), sha256: z.string().optional() })).optional(),
});
export type LabProcess = z.infer<typeof LabProcess>;

const LabAutostart = z.object({
  kind: z.enum(["registry", "service", "driver", "scheduled-task", "startup-folder", "wmi"]),
  name: z.string(),
  value: z.string().optional(),
  command: z.string(),
  signer: z.string().optional(),
  createdAt: isoDate,
});
export type LabAutostart = z.infer<typeof LabAutostart>;

/** What the sensor saw on one device, under the device's id. */
const LabTelemetry = z.object({ processes: z.array(LabProcess), autostarts: z.array(LabAutostart) });
export type LabTelemetry = z.infer<typeof LabTelemetry>;

/** An app people or an administrator let into the company's data. */
export const LabApp = z.object({
  id: z.string(),
  name: z.string(),
  enabled: z.boolean(),
  publisher: z.string().optional(),
  grants: z.array(z.object({ name: z.string(), writes: z.boolean() })),
  users: z.number().optional(),
  /** false: what it was allowed was taken from it. */
  consented: z.boolean().optional(),
});
export type LabApp = z.infer<typeof LabApp>;

/** A long-lived key of the company's cloud account. */
export const LabAccessKey = z.object({
  id: z.string(),
  owner: z.string().optional(),
  active: z.boolean(),
  createdAt: isoDate.optional(),
  lastUsedAt: isoDate.optional(),
  lastUsedFor: z.string().optional(),
});
export type LabAccessKey = z.infer<typeof LabAccessKey>;

const LabIndicator = z.object({
  kind: z.enum(["file", "ip", "domain", "url"]),
  value: z.string(),
  /** `none` once it was taken off the list again. */
  action: z.enum(["block", "allow", "none"]),
  expiresAt: isoDate.optional(),
});

const LabQuarantine = z.object({
  device: z.string(),
  file: z.string(),
  name: z.string().optional(),
  quarantined: z.boolean(),
  at: isoDate,
});

/** An operation waiting for its device to come online, or one that must not be done twice under the same key. */
export const LabTicket = z.object({
  operation: z.enum(["isolate", "release", "quarantine", "restrict", "unrestrict", "quick-scan", "full-scan", "package", "offboard"]),
  device: z.string(),
  file: z.string().optional(),
  fileName: z.string().optional(),
  done: z.boolean(),
  cancelled: z.boolean().optional(),
});
export type LabTicket = z.infer<typeof LabTicket>;

export const LAB_KINDS = {
  device: LabDevice,
  user: LabUser,
  message: LabMessage,
  mailbox: LabMailbox,
  file: LabFile,
  telemetry: LabTelemetry,
  indicator: LabIndicator,
  quarantine: LabQuarantine,
  ticket: LabTicket,
  app: LabApp,
  "access-key": LabAccessKey,
} as const;
export type LabKind = keyof typeof LAB_KINDS;
export type LabState<K extends LabKind> = z.infer<(typeof LAB_KINDS)[K]>;
/** One record as a story places it. */
export type Placed = { [K in LabKind]: { kind: K; id: string; state: LabState<K> } }[LabKind];

/** Ids may be as long as a URL, and a store's key may not: long ones become a digest. */
const short = (id: string) => (id.length <= 200 ? id : `sha256:${createHash("sha256").update(id).digest("hex")}`);

export const deviceId = (name: string) => short(deviceName(name));
/** `CONTOSO\mia` and `mia@contoso.example` are the same person. */
export const userId = (name: string, domain: string) => {
  const bare = (name.split("\\").at(-1) ?? name).trim().toLowerCase();
  return short(bare.includes("@") ? bare : `${bare}@${domain}`);
};
export const messageId = (networkMessageId: string, recipient: string) => short(`${networkMessageId}|${recipient}`.toLowerCase());
export const fileId = (file: Extract<Entity, { kind: "file" }>) => file.sha256 ?? file.sha1 ?? file.md5;
export const appId = (name: string) => short(name.trim().toLowerCase());
export const accessKeyId = (id: string) => short(id.trim());
export const quarantineId = (device: string, file: string) => `${device}|${file}`;

/** What an indicator is listed under. */
export function indicatorValue(entity: Extract<Entity, { kind: "file" | "ip" | "domain" | "url" }>): string {
  switch (entity.kind) {
    case "file":
      return fileId(entity) ?? "";
    case "ip":
      return canonicalAddress(entity.address);
    case "domain":
      return entity.name.trim().toLowerCase().replace(/\.$/, "");
    case "url":
      return canonicalUrl(entity.url);
    default:
      return entity satisfies never;
  }
}
export const indicatorId = (kind: string, value: string) => short(`${kind}:${value}`);
