import { z } from "zod";
import type { Alert, NamedEntity } from "../../engine/domain/alert.ts";
import { MAX_ENTITIES, SEVERITIES } from "../../engine/domain/alert.ts";
import { isBlank } from "../../engine/domain/blank.ts";
import { ENTITY_KINDS, Entity, isAddress } from "../../engine/domain/entity.ts";
import { Refusal } from "../../engine/domain/errors.ts";
import { cutText } from "./cut-text.ts";
import { fieldPath } from "./field-path.ts";
import { genericEntity } from "./generic-entity.ts";
import { isNoHash } from "./hash-text.ts";
import { issueWords } from "./issue-words.ts";
import type { AlertSource } from "./source.ts";
import { sourceVerdict } from "./source-verdict.ts";
import { readTimestamp } from "./timestamp.ts";

const required = (words: string) => (issue: { input?: unknown }) => (issue.input === undefined ? "is required" : words);
const text = (max: number) =>
  z
    .string({ error: required("must be text") })
    .trim()
    .min(1, "must not be empty")
    .max(max, `at most ${max} characters`);
/** Long prose is cut, not refused: `raw` keeps it whole, and a chatty rule must not cost its alert. */
const prose = (max: number) =>
  z
    .string({ error: required("must be text") })
    .trim()
    .min(1, "must not be empty")
    .transform((value) => cutText(value, max));

const GenericAlert = z.object({
  id: text(1024),
  title: prose(1000).refine((value) => !isBlank(value), "must hold something that can be seen"),
  severity: z
    .string({ error: required("must be text") })
    .trim()
    .toLowerCase()
    .pipe(z.enum(SEVERITIES, { error: "must be informational, low, medium, high or critical" })),
  category: prose(256).optional(),
  description: prose(20_000).optional(),
  techniques: z.array(text(64), { error: "must be a list of technique ids" }).max(100, "at most 100").default([]),
  detectedAt: z
    .string({ error: "must be text" })
    .transform((value, context) => {
      const date = readTimestamp(value);
      if (date) return date;
      context.addIssue({
        code: "custom",
        message: "must be an ISO 8601 time with an offset (2026-01-31T12:00:00Z), in the years 1 to 9999",
      });
      return z.NEVER;
    })
    .optional(),
  // Cards link to it, so nothing but a web address may pass.
  url: text(2048)
    .refine((value) => /^https?:$/.test(URL.parse(value)?.protocol ?? ""), "must be an http or https address")
    .optional(),
  entities: z
    .array(z.record(z.string(), z.unknown(), { error: "must be an object" }), { error: "must be a list" })
    .max(MAX_ENTITIES, `at most ${MAX_ENTITIES}`)
    .default([]),
});

const Said = z.object({
  kind: text(1024),
  verdict: z
    .string({ error: "must be text" })
    .transform((value, context) => {
      const verdict = sourceVerdict(value);
      if (verdict) return verdict;
      context.addIssue({ code: "custom", message: "must be malicious, suspicious, noThreatsFound or unknown" });
      return z.NEVER;
    })
    .optional(),
  role: z
    .union([text(256).transform((value) => [value]), z.array(text(256)).max(64, "at most 64")], {
      error: "must be text, at most 256 characters",
    })
    .default([]),
  remediation: text(256).optional(),
});

/** Alerts of Microsoft have an id, a title and a severity too: taken for ours, they would be alerts that name nothing. */
const FOREIGN = ["evidence", "serviceSource", "detectionSource", "@odata.type"];

/** air's own format: any product that can post JSON can be a source (product contract 3.2). */
export const generic: AlertSource = {
  kind: "generic",
  parse(payload): Alert {
    if (typeof payload !== "object" || payload === null || Array.isArray(payload))
      throw new Refusal("invalid", "an alert must be a JSON object");
    const foreign = "entities" in payload ? undefined : FOREIGN.find((field) => field in payload);
    if (foreign) {
      throw new Refusal("invalid", `is missing, and ${foreign} is a field of Microsoft's alerts: post them to a source of kind defender`, {
        field: "entities",
      });
    }
    const { id, entities, ...alert } = checked(GenericAlert, present(payload), []);
    return {
      ...present(alert),
      sourceId: id,
      title: alert.title,
      severity: alert.severity,
      techniques: alert.techniques,
      status: "new",
      entities: entities.map(namedEntity),
      raw: payload,
    };
  },
};

const HASHES = ["sha256", "sha1", "md5"] as const;

function namedEntity(payload: Record<string, unknown>, index: number): NamedEntity {
  const path = ["entities", index];
  const fields = present(payload);
  const { kind, verdict, role, remediation } = checked(Said, fields, path);
  const { kind: _kind, verdict: _verdict, role: _role, remediation: _remediation, ...identity } = fields;
  const known = ENTITY_KINDS.find((name) => name === kind.toLowerCase());
  for (const hash of HASHES) if (typeof identity[hash] === "string" && isNoHash(identity[hash])) delete identity[hash];
  const entity =
    known && !(known === "ip" && isUnclear(identity.address))
      ? checked(Entity, { ...identity, kind: known }, path)
      : genericEntity(kind, identity);
  return { entity, roles: role, ...present({ verdict, remediation }) };
}

/** `010.1.2.3`: kept as it was written, for somebody to read; refused, an alert could be kept from air by one of its addresses. */
const isUnclear = (address: unknown) => typeof address === "string" && /^\d+(\.\d+){3}$/.test(address.trim()) && !isAddress(address);

/** Products write null or "" for what they do not know; to us that is the same as not saying it. */
function present<T extends object>(fields: T): { [K in keyof T]: Exclude<T[K], undefined | null> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== null && value !== "")) as {
    [K in keyof T]: Exclude<T[K], undefined | null>;
  };
}

function checked<T extends z.ZodType>(schema: T, value: unknown, path: readonly PropertyKey[]): z.infer<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new Refusal("invalid", issueWords(issue), { field: fieldPath([...path, ...(issue?.path ?? [])]) });
}
