import { createHash } from "node:crypto";
import fs from "node:fs";
import { parse } from "yaml";
import { z } from "zod";
import { Entity } from "../../src/engine/domain/entity.ts";

/** What a case is by its source's judgement; see the head of each file for how it was read. */
export const LABELS = ["malicious", "suspicious", "benign"] as const;
export type CaseLabel = (typeof LABELS)[number];

const time = z.iso.datetime().transform((text) => new Date(text));
const risk = z.enum(["none", "low", "medium", "high"]);
const Location = z.strictObject({ latitude: z.number(), longitude: z.number() });
const SignIn = z.strictObject({
  at: time,
  ip: z.string(),
  place: z.string(),
  app: z.string(),
  result: z.enum(["success", "failure"]),
  risk,
  known: z.boolean(),
  location: Location.optional(),
  mfa: z.boolean().optional(),
});
const Activity = z.strictObject({ at: time, what: z.string(), risk, ip: z.string().optional() });
const Process = z.strictObject({
  pid: z.number().int(),
  parentPid: z.number().int().optional(),
  name: z.string(),
  path: z.string().optional(),
  commandLine: z.string().optional(),
  sha256: z.string().optional(),
  user: z.string().optional(),
  startedAt: time,
});
const Message = z.strictObject({
  id: z.string(),
  recipient: z.string(),
  sender: z.string(),
  subject: z.string(),
  location: z.enum(["inbox", "junk", "deleted", "quarantine", "gone"]),
  receivedAt: time,
  urls: z.array(z.string()),
  clicks: z.array(z.never()),
  senderIp: z.string().optional(),
  replyTo: z.string().optional(),
  authenticationResults: z.string().optional(),
  threats: z.array(z.string()).optional(),
  attachments: z.array(z.strictObject({ name: z.string(), sha256: z.string().optional() })).optional(),
  text: z.string().optional(),
});
const Mailbox = z.strictObject({
  address: z.string(),
  rules: z.array(
    z.strictObject({
      id: z.string(),
      name: z.string(),
      forwardsTo: z.string().optional(),
      movesTo: z.string().optional(),
      deletes: z.boolean().optional(),
      createdAt: time.optional(),
    }),
  ),
  forwardsTo: z.string().optional(),
  delegates: z.array(z.strictObject({ who: z.string(), rights: z.string(), since: time.optional() })),
  outbound: z.strictObject({ lastDay: z.number(), typicalDay: z.number(), malwareOrPhish: z.number(), spam: z.number() }),
  dlp: z.array(z.strictObject({ at: time, rule: z.string() })),
});
/** Answers of the reputation services as they come over the wire, by the thing asked about. */
const Answers = z.record(
  z.string(),
  z.strictObject({ virustotal: z.unknown().optional(), abuseipdb: z.unknown().optional(), urlhaus: z.unknown().optional() }),
);
const Past = z.strictObject({
  alerts: z.number(),
  devices: z.array(z.string()),
  verdicts: z.strictObject({ malicious: z.number(), suspicious: z.number(), noThreatsFound: z.number(), unknown: z.number() }),
  firstAt: time,
});
const Case = z.strictObject({
  id: z.string().regex(/^[a-z0-9-]+$/),
  label: z.enum(LABELS),
  /** `owner/repository:path` of what was read; `made`: written by us. */
  source: z.string(),
  entity: Entity,
  processes: z.array(Process).optional(),
  user: z.strictObject({ signIns: z.array(SignIn), activities: z.array(Activity).optional() }).optional(),
  mailbox: Mailbox.optional(),
  messages: z.array(Message).optional(),
  answers: Answers.optional(),
  past: Past.optional(),
});
const File = z.strictObject({ licence: z.string(), cases: z.array(Case).min(1) });
export type Case = z.infer<typeof Case> & { heldOut: boolean };

const FOLDER = new URL("./cases/", import.meta.url);

/** A third is never looked at while weights and rules are set. By the hash of its id: a new case moves no other. */
const isHeldOut = (id: string) => createHash("sha256").update(id).digest().readUInt32BE(0) % 3 === 0;

/** Every case of every file. Throws where a file does not fit or an id stands twice. */
export function readCases(): Case[] {
  const cases = fs
    .readdirSync(FOLDER)
    .filter((file) => file.endsWith(".yaml"))
    .sort()
    .flatMap((file) => File.parse(parse(fs.readFileSync(new URL(file, FOLDER), "utf8"))).cases)
    .map((one) => ({ ...one, heldOut: isHeldOut(one.id) }));
  const seen = new Set<string>();
  for (const { id } of cases) {
    if (seen.has(id)) throw new Error(`The case ${id} stands twice.`);
    seen.add(id);
  }
  return cases;
}
