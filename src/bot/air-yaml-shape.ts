import ipaddr from "ipaddr.js";
import { z } from "zod";
import type { ActionKindName } from "../engine/domain/action.ts";
import { ACTION_KINDS, FAMILIES } from "../engine/domain/action.ts";
import { SEVERITIES } from "../engine/domain/alert.ts";
import { readDuration } from "../engine/domain/duration.ts";
import { ENTITY_KINDS } from "../engine/domain/entity.ts";
import { isTimeZone } from "../engine/domain/wall-clock.ts";
import { Connectors } from "./connector-settings.ts";
import { didYouMean } from "./did-you-mean.ts";
import { Last } from "./last-shape.ts";
import { Quiet, Together } from "./quiet-shape.ts";
import { Escalation, Layers, RotaSource } from "./rota-shape.ts";
import { RetentionShape, schedulesShape } from "./schedules-shape.ts";
import { beginning, Exclude, Source } from "./source-shape.ts";
import { oneOf, section } from "./yaml-section.ts";

/*
 * air.yaml (product contract 3.4), part by part. A message never repeats a value: it may have come out of the environment.
 */

const text = z.string().trim().min(1, "must not be empty").max(1000, "at most 1000 characters");
/** `high` for `[high]`. */
const oneOrMore = <T extends z.ZodType>(item: T) =>
  z.preprocess((value) => (typeof value === "string" ? [value] : value), z.array(item).min(1, "must not be empty"));
const duration = z.string({ error: 'must be a duration like "30m", "24h" or "7d"' }).transform((value, context) => {
  const ms = readDuration(value);
  if (ms !== undefined) return ms;
  context.addIssue({ code: "custom", message: 'must be a duration like "30m", "24h" or "7d", at most a year' });
  return z.NEVER;
});
const atLeastOne = z.number().int("must be a whole number").min(1, "must be at least 1");

const email = z
  .string()
  .trim()
  .toLowerCase()
  .regex(/^[^\s@*:]+@[^\s@*]+$/, "must be an e-mail address");
const DOMAIN = /^[a-z0-9-]+(\.[a-z0-9-]+)+$/;
const domain = z.string().trim().toLowerCase().regex(DOMAIN, "must be a domain like contoso.com");
const network = z
  .string()
  .trim()
  .refine((value) => ipaddr.isValidCIDR(value), "must be a network like 10.0.0.0/8");
const slackChannel = z
  .string()
  .trim()
  .regex(/^[CGD][A-Z0-9]{2,}$/, "must be a channel id (C0...), not its name");

const slackMember = z
  .string()
  .trim()
  .regex(/^[UW][A-Z0-9]{2,}$/, "must be a member id (U0...), not a name: in Slack, open the person's profile and choose Copy member ID");
const teamsChannel = z
  .string()
  .trim()
  .min(1, "must not be empty")
  .max(300, "at most 300 characters")
  .superRefine((value, context) => {
    const problem = /^https?:/i.test(value)
      ? "must be the channel's id alone: in the channel's link it stands behind /channel/ and begins 19%3A; write 19:...@thread.tacv2"
      : /[;\s]/.test(value) || /%3a/i.test(value)
        ? "must be a channel id like 19:...@thread.tacv2, without spaces, ; or %3A"
        : undefined;
    if (problem) context.addIssue({ code: "custom", message: problem });
  });
/** Compared without regard to case, as Entra ID does. */
const teamsAccount = z
  .string()
  .trim()
  .toLowerCase()
  .regex(/^[^\s@]{1,100}$/, "must be the person's object id in Entra ID (a GUID), not a name or an address");
const GROUP = "slack-group:";
const TEAMS_GROUP = "teams-group:";
const OBJECT_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** A person by address or the members of a group of Slack or Entra ID; viewers also by pattern, because looking is all a viewer can do. */
const roleEntry = (patterns: "patterns" | "noPatterns") =>
  z
    .string()
    .trim()
    // Ids of groups are written in capitals, addresses in any way.
    .transform((entry) => (entry.toLowerCase().startsWith(GROUP) ? GROUP + entry.slice(GROUP.length) : entry.toLowerCase()))
    .superRefine((entry, context) => {
      const problem = roleProblem(entry, patterns);
      if (problem) context.addIssue({ code: "custom", message: problem });
    });
const roleEntries = (patterns: "patterns" | "noPatterns") => z.array(roleEntry(patterns)).default([]);
function roleProblem(entry: string, patterns: "patterns" | "noPatterns"): string | undefined {
  if (entry.startsWith(TEAMS_GROUP))
    return OBJECT_ID.test(entry.slice(TEAMS_GROUP.length))
      ? undefined
      : "teams-group: needs the object id of a group in Entra ID (a GUID), not its name: in Entra ID, under Groups, it is the group's Object ID";
  if (entry.startsWith(GROUP))
    return /^S[A-Z0-9]{2,}$/.test(entry.slice(GROUP.length))
      ? undefined
      : "slack-group: needs the id of a user group (S0...), not its name: in Slack, open the group and choose Copy group ID";
  if (!entry.includes("*"))
    return email.safeParse(entry).success
      ? undefined
      : `must be an e-mail address or a group like slack-group:S0EDR.${didYouMean(entry.split(":")[0] ?? "", entry.includes(":") ? ["slack-group", "teams-group"] : [])}`;
  if (patterns === "noPatterns")
    return "a pattern with * is allowed for viewer only: list the people's e-mail addresses, or use slack-group:S0... or teams-group:<object id>";
  const [local, host, ...rest] = entry.split("@");
  return local && host && rest.length === 0 && DOMAIN.test(host) && !/\s/.test(local)
    ? undefined
    : "must end in @ and a full domain, like *@contoso.com";
}

/** `{ who, deviceGroups }`: an approver on devices of these groups only. */
const ScopedApprover = section({ who: roleEntry("noPatterns"), deviceGroups: oneOrMore(text).optional() });
/** As text, or as an object where the role is limited; each is told its own mistakes. */
const approverEntries = z
  .array(
    z.unknown().transform((value, context): string | { who: string; deviceGroups: readonly string[] } => {
      if (typeof value !== "string" && (typeof value !== "object" || value === null || Array.isArray(value))) {
        context.addIssue({ code: "custom", message: "must be an address, a group or { who, deviceGroups }" });
        return z.NEVER;
      }
      const schema = typeof value === "string" ? roleEntry("noPatterns") : ScopedApprover;
      const read = schema.safeParse(value);
      if (!read.success) {
        // Told by our own schemas, so that line and message are those of the part at fault.
        context.issues.push(...(read.error.issues as z.core.$ZodRawIssue[]));
        return z.NEVER;
      }
      if (typeof read.data === "string") return read.data;
      const { who, deviceGroups } = read.data;
      return deviceGroups ? { who, deviceGroups } : who;
    }),
  )
  .default([]);

const protectedAsset = z.string().superRefine((entry, context) => {
  const [kind = "", ...pattern] = entry.split(":");
  if (!(ENTITY_KINDS as readonly string[]).includes(kind) || pattern.join(":").trim() === "") {
    context.addIssue({
      code: "custom",
      message: `must be "kind:pattern" like "device:dc-*", with a kind of entity.${didYouMean(kind, ENTITY_KINDS)}`,
    });
  }
});

const tokenRole = z
  .string()
  .trim()
  .regex(/^(viewer|responder|admin|source:[a-z0-9][a-z0-9_-]*)$/, "must be viewer, responder, admin or source:<name>");

const PolicyRule = section({
  approval: oneOf(["always", "matrix"]).optional(),
  approvals: z.union([z.literal(1), z.literal(2)], { error: "must be 1 or 2" }).optional(),
  expiresAfter: duration.optional(),
});
const policyShape = Object.fromEntries(ACTION_KINDS.map((kind) => [kind, PolicyRule.optional()])) as Record<
  ActionKindName,
  z.ZodOptional<typeof PolicyRule>
>;

// A folder without its drive, as the file system writes it: `C:/Builds/` is `\builds`.
const folder = (wildcards: "wildcards" | "noWildcards") =>
  text.transform((value, context) => {
    const plain = value
      .toLowerCase()
      .replaceAll("/", "\\")
      .replace(/^[a-z]:/, "")
      .replace(/\\\*$/, "")
      .replace(/\\+$/, "");
    const say = (message: string) => {
      context.addIssue({ code: "custom", message });
      return z.NEVER;
    };
    if (wildcards === "noWildcards" && /[*?]/.test(value))
      return say("takes no * or ?: an excluded folder is one folder, with all below it");
    if (!/^\\[^\\]/.test(plain)) return say('must be a whole path like "C:\\builds"; the drive does not matter');
    if (/[?"<>|:%]|\\\\|\\\.{1,2}(\\|$)|~\d/.test(plain))
      return say("must be a plain path: no .., variables, short names or network shares");
    return plain;
  });
const folders = z.array(folder("wildcards").transform((value) => `${value}\\*`));
const lowered = (pattern: RegExp, message: string) => z.string().trim().toLowerCase().regex(pattern, message);
/** How long somebody has to answer. */
const deadline = z.string({ error: 'must be a duration like "30m", or digest' }).transform((value, context) => {
  if (value === "digest") return "digest" as const;
  const ms = readDuration(value);
  if (ms !== undefined) return ms;
  context.addIssue({ code: "custom", message: 'must be a duration like "30m" or "8h", or digest: nobody is told before the next one' });
  return z.NEVER;
});

/** After which time of doing nothing an owner is reminded. */
const ownerReminder = z.string({ error: 'must be a duration like "30m", or off' }).transform((value, context) => {
  if (value === "off") return "off" as const;
  const ms = readDuration(value);
  if (ms !== undefined) return ms;
  context.addIssue({ code: "custom", message: 'must be a duration like "30m" or "4h", or off: then nobody is reminded' });
  return z.NEVER;
});
const zone = z.string().refine(isTimeZone, 'must be a time zone like "Europe/Berlin" or UTC');
const OnCall = section({
  timeZone: zone.optional(),
  person: email.optional(),
  group: roleEntry("noPatterns").optional(),
  // biome-ignore lint/suspicious/noThenProperty: the word air.yaml uses; it holds text and is awaited nowhere.
  then: roleEntry("noPatterns").optional(),
  every: duration.optional(),
  last: Last.optional(),
  layers: Layers.optional(),
  escalation: Escalation.optional(),
  source: RotaSource.optional(),
  quiet: Quiet.optional(),
  together: Together.optional(),
  ownerReminder: ownerReminder.optional(),
}).superRefine((onCall, context) => {
  const say = (path: string, message: string) => context.addIssue({ code: "custom", path: [path], message });
  if (onCall.person && onCall.group) say("group", "contradicts person: keep one of them");
  if (onCall.group && !onCall.group.startsWith(GROUP))
    say("group", "must be a group like slack-group:S0SOC; a person belongs in onCall.person");
  if (onCall.then?.startsWith(TEAMS_GROUP))
    say("then", "must be a person or a group of Slack: nobody can mention a group of Entra ID in Teams");
  const rota = onCall.layers ? "layers" : onCall.source ? "source" : undefined;
  if (rota) {
    for (const key of ["person", "group", "then"] as const)
      if (onCall[key]) say(key, `contradicts ${rota}: keep one of them; whom to tell next belongs in onCall.escalation`);
    if (onCall.layers && onCall.source) say("source", "contradicts layers: keep one of them");
    if (onCall.escalation && onCall.every) say("every", "contradicts escalation: each step has its own after");
    return;
  }
  if (onCall.escalation) say("escalation", "needs layers or source: with person or group, use then and every");
  if (onCall.person || onCall.group) return;
  // Whoever looks after an incident is reminded of it whether or not anybody is on call.
  if (onCall.ownerReminder !== undefined && Object.keys(onCall).length === 1) return;
  if (onCall.then || onCall.every || onCall.last || onCall.quiet || onCall.together !== undefined || !onCall.timeZone)
    say("person", "is missing: say who is told first, as person, group or layers");
});

export const AirYaml = section({
  organization: section({
    name: text.default(""),
    domains: z.array(domain).default([]),
    internalRanges: z.array(network).default([]),
  }).optional(),
  mode: oneOf(["observe", "ask", "act"]).optional(),
  lab: z.boolean({ error: "must be true or false" }).optional(),
  exclude: Exclude.optional(),
  sources: z.record(z.string().regex(/^[a-z0-9][a-z0-9_-]{0,62}$/), Source).default({}),
  channels: z
    .array(
      section({
        when: section({ severity: oneOrMore(oneOf(SEVERITIES)).optional() }).optional(),
        slack: slackChannel.optional(),
        teams: teamsChannel.optional(),
        post: oneOf(["needed", "all"]).default("needed"),
        page: z.boolean({ error: "must be true or false" }).default(false),
      }),
    )
    .default([]),
  opsChannel: section({ slack: slackChannel.optional(), teams: teamsChannel.optional() }).optional(),
  slack: section({
    teams: z
      .array(
        z
          .string()
          .trim()
          .regex(/^[TE][A-Z0-9]{2,}$/, "must be a workspace id (T0...)"),
      )
      .default([]),
    pace: section({ perSecond: z.number().positive("must be above 0").default(1), burst: atLeastOne.default(1) }).optional(),
  }).optional(),
  teams: section({
    /** Tenants whose people may talk to air; left out: the bot's own. */
    tenants: z
      .array(
        z
          .string()
          .trim()
          .toLowerCase()
          .regex(/^[a-z0-9-]{1,64}$/, "must be a tenant id (a GUID), not a domain"),
      )
      .min(1, "must name at least one tenant; leave it out for the bot's own")
      .optional(),
    pace: section({ perSecond: z.number().positive("must be above 0").default(3), burst: atLeastOne.default(3) }).optional(),
  }).optional(),
  people: z.array(section({ name: text, email, slack: slackMember.optional(), teams: teamsAccount.optional() })).default([]),
  roles: section({
    admin: roleEntries("noPatterns"),
    approver: section({
      device: approverEntries,
      email: approverEntries,
      identity: approverEntries,
      network: approverEntries,
      app: approverEntries,
    }).optional(),
    responder: roleEntries("noPatterns"),
    viewer: roleEntries("patterns"),
  }).optional(),
  tokens: z
    .array(
      section({
        name: text,
        sha256: z
          .string()
          .trim()
          .toLowerCase()
          .regex(/^[0-9a-f]{64}$/, "must be 64 hexadecimal characters, as printed by air token new"),
        roles: z.array(tokenRole).min(1, "must name at least one role"),
        mayDecide: z.array(oneOf(FAMILIES), { error: "must be a list of families, like [device, email]" }).default([]),
        person: text.optional(),
      }),
    )
    .default([]),
  deviceGroups: z
    .array(
      section({
        name: text,
        match: section({ name: text }).optional(),
        automation: oneOf(["full", "semi-all", "semi-core", "semi-non-temp", "none"]),
      }),
    )
    .default([]),
  protected: z.array(protectedAsset).default([]),
  decisions: section({
    /** Who asked for an action by hand may be one of its two approvers. */
    requesterMayApprove: z.boolean({ error: "must be true or false" }).optional(),
  }).optional(),
  policy: section(policyShape).optional(),
  ceilings: section({
    perKindPerHour: z.number().int().min(0).optional(),
    perDay: z.number().int().min(0).optional(),
    devicesPerInvestigation: z.number().int().min(0).optional(),
  }).optional(),
  automation: section({
    tempFolders: folders.optional(),
    coreFolders: folders.optional(),
    exclude: section({
      folders: z.array(folder("noWildcards")).default([]),
      extensions: z
        .array(lowered(/^\.?[^\s.*?\\/:]+$/, 'must be an extension like "log"').transform((value) => value.replace(/^\./, "")))
        .default([]),
      names: z.array(lowered(/^[^*?\\/:"<>|]+$/, 'must be a whole file name like "agent.exe", without * or ?')).default([]),
      mailboxes: z.array(email).default([]),
      senders: z.array(z.union([email, domain], { error: "must be an e-mail address or a domain" })).default([]),
      urls: z.array(beginning).default([]),
    }).optional(),
    mail: section({
      similarFiles: z.boolean({ error: "must be true or false" }).default(false),
      similarUrls: z.boolean({ error: "must be true or false" }).default(false),
    }).optional(),
  }).optional(),
  alertPolicies: z
    .array(
      section({
        /** For `snooze`; the name of a built-in policy replaces that policy. */
        name: z
          .string()
          .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, "must be lower-case letters, digits and dashes")
          .optional(),
        match: section({
          source: oneOrMore(text).optional(),
          category: oneOrMore(text).optional(),
          severity: oneOrMore(oneOf(SEVERITIES)).optional(),
          title: oneOrMore(text).optional(),
          product: oneOrMore(text).optional(),
        }).default({}),
        investigate: z.boolean({ error: "must be true or false" }).optional(),
        /** Shown even where the channel shows only what is needed. */
        post: z.boolean({ error: "must be true or false" }).optional(),
        /** Stored and listed, never shown or looked into; with an owner and an end. */
        suppress: z.boolean({ error: "must be true or false" }).optional(),
        owner: text.optional(),
        until: z.iso.date("must be a date like 2026-12-31").optional(),
      }).superRefine((rule, context) => {
        const say = (path: string, message: string) => context.addIssue({ code: "custom", path: [path], message });
        if (rule.suppress && (rule.investigate || rule.post)) say("suppress", "contradicts investigate or post: keep one of them");
        if (rule.suppress && rule.owner === undefined) say("suppress", "needs an owner: who answers for it");
        if (rule.suppress && rule.until === undefined) say("suppress", "needs until: the day it ends");
        if (!rule.suppress && rule.investigate === undefined) say("investigate", "must be true or false");
        if (!rule.suppress && (rule.owner !== undefined || rule.until !== undefined))
          say("owner", "owner and until belong to suppress: true");
      }),
    )
    .default([]),
  correlation: section({
    device: duration.optional(),
    file: duration.optional(),
    url: duration.optional(),
    user: duration.optional(),
    ip: duration.optional(),
    mailBucket: duration.optional(),
  }).optional(),
  storm: section({ alike: atLeastOne.optional(), within: duration.optional() }).optional(),
  deadlines: section({
    critical: deadline.optional(),
    high: deadline.optional(),
    medium: deadline.optional(),
    low: deadline.optional(),
    informational: deadline.optional(),
  }).optional(),
  onCall: OnCall.optional(),
  schedules: schedulesShape(slackChannel, teamsChannel).optional(),
  retention: RetentionShape.optional(),
  connectors: Connectors.optional(),
});
export type AirYaml = z.infer<typeof AirYaml>;
