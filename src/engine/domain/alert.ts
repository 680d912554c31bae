import { z } from "zod";
import { Entity } from "./entity.ts";

export const SEVERITIES = ["informational", "low", "medium", "high", "critical"] as const;
export const Severity = z.enum(SEVERITIES);
export type Severity = z.infer<typeof Severity>;
export const severityRank = (severity: Severity) => SEVERITIES.indexOf(severity);
export const highest = (a: Severity, b: Severity): Severity => (severityRank(a) >= severityRank(b) ? a : b);

export const Verdict = z.enum(["malicious", "suspicious", "noThreatsFound", "unknown"]);
export type Verdict = z.infer<typeof Verdict>;

/** An entity as an alert named it, with what the source itself said of it. */
export const NamedEntity = z.object({
  entity: Entity,
  /** The source's own verdict; one observation in the source's family, never more. */
  verdict: Verdict.optional(),
  /** The source's own words: `attacker`, `compromised` ... */
  roles: z.array(z.string().max(256)).max(64).default([]),
  /** The source's remediation status: `none`, `remediated`, `prevented`, `blocked`, `notFound` or any other word. */
  remediation: z.string().max(256).optional(),
});
export type NamedEntity = z.infer<typeof NamedEntity>;

export const MAX_ENTITIES = 1000;

/** How far the source's own people and automation are with an alert. */
export const Handling = z.object({
  assignee: z.string().max(256).optional(),
  classification: z.string().max(64).optional(),
  determination: z.string().max(64).optional(),
  /** The state of the source's own automated investigation, in its words. */
  investigation: z.string().max(64).optional(),
});
export type Handling = z.infer<typeof Handling>;

/** The normal form every source becomes. `raw` is what the source sent, whole, as JSON. */
export const Alert = z.object({
  sourceId: z.string().min(1).max(1024),
  title: z.string().min(1).max(1000),
  severity: Severity,
  category: z.string().max(256).optional(),
  description: z.string().max(20_000).optional(),
  techniques: z.array(z.string().max(64)).max(100),
  detectedAt: z.date().optional(),
  /** `detectedAt` was far in the future when it came: the time of arrival counts. */
  clockAhead: z.boolean().optional(),
  url: z.string().max(2048).optional(),
  status: z.enum(["new", "inProgress", "resolved"]),
  /** The product that raised it, in the source's words (`microsoftDefenderForEndpoint`). */
  product: z.string().max(256).optional(),
  /** The source's own alert policy or detection rule: repeats of it are one matter (domain facts 1.3). */
  policyId: z.string().max(256).optional(),
  /** The source's own incident: the strongest join key. */
  vendorIncident: z.object({ id: z.string().max(256), url: z.string().max(2048).optional() }).optional(),
  handling: Handling.optional(),
  entities: z.array(NamedEntity).max(MAX_ENTITIES),
  raw: z.unknown(),
});
export type Alert = z.infer<typeof Alert>;
