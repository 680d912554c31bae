import { z } from "zod";
import { BUILT_IN_KINDS } from "../adapters/alerts/all.ts";
import { type JsonPath, readPath } from "../adapters/alerts/json-path.ts";
import type { AlertMap, EntityMap, FieldMap } from "../adapters/alerts/mapped.ts";
import { sourceVerdict } from "../adapters/alerts/source-verdict.ts";
import { SEVERITIES, type Severity } from "../engine/domain/alert.ts";
import { ENTITY_KINDS, Entity } from "../engine/domain/entity.ts";
import { didYouMean } from "./did-you-mean.ts";
import { oneOf, section } from "./yaml-section.ts";

/*
 * `sources` of air.yaml. A source of kind `mapped` says by paths where its alerts keep what air asks for. As everywhere in air.yaml a
 * message never repeats a value; of a path it says what is wrong with it, and where.
 */

type Context = z.core.$RefinementCtx<unknown>;
type Checked = (word: string) => string | undefined;

/** Issues of a schema of ours inside a transform: told as its own, so that line and words are those of the part at fault. */
function readAs<T extends z.ZodType>(schema: T, value: unknown, context: Context): z.infer<T> | undefined {
  const read = schema.safeParse(value);
  if (read.success) return read.data;
  context.issues.push(...(read.error.issues as z.core.$ZodRawIssue[]));
  return undefined;
}

const path = (roots: "$" | "$@") =>
  z.string({ error: 'must be a path like "$.host.name"' }).transform((value, context): JsonPath => {
    const read = readPath(value);
    if ("steps" in read && (read.root === "$" || roots === "$@")) return read;
    context.addIssue({
      code: "custom",
      message: "problem" in read ? read.problem : "@ stands for the item of an entity's each, and there is none here: begin with $",
    });
    return z.NEVER;
  });
const paths = (roots: "$" | "$@") =>
  z.preprocess(
    (value) => (typeof value === "string" ? [value] : value),
    z.array(path(roots), { error: "must be a path, or a list of paths" }).min(1).max(20),
  );

const plain = z.union([z.string(), z.number(), z.boolean()], { error: "must be a word" }).transform(String);
const scale = Object.fromEntries(SEVERITIES.map((severity) => [severity, z.number({ error: "must be a number" }).optional()])) as Record<
  Severity,
  z.ZodOptional<z.ZodNumber>
>;

const isPath = (value: unknown) => typeof value === "string" && /^[$@]/.test(value.trim());
const severityProblem: Checked = (word) =>
  (SEVERITIES as readonly string[]).includes(word)
    ? undefined
    : `must be informational, low, medium, high or critical.${didYouMean(word, SEVERITIES)}`;
const verdictProblem: Checked = (word) => (sourceVerdict(word) ? undefined : "must be malicious, suspicious, noThreatsFound or unknown");
const kindProblem: Checked = (word) =>
  (ENTITY_KINDS as readonly string[]).includes(word)
    ? undefined
    : `is no kind of entity.${didYouMean(word, ENTITY_KINDS) || ` Known: ${ENTITY_KINDS.join(", ")}.`}`;

/** A path, a list of paths of which the first that finds something counts, or an object that translates what it finds. */
function field(roots: "$" | "$@", options: { word?: Checked; bare?: boolean; scale?: boolean } = {}) {
  const long = section({
    path: paths(roots).optional(),
    values: z.record(z.string(), plain, { error: "must be a map of the product's words to air's" }).optional(),
    ...(options.scale ? { atLeast: section(scale).optional() } : {}),
    otherwise: plain.optional(),
    text: plain.optional(),
  });
  return z.unknown().transform((value, context): FieldMap => {
    const ctx = context as Context;
    const check = (word: string, at: string[]) => {
      const problem = options.word?.(word);
      if (problem) context.addIssue({ code: "custom", path: at, message: problem });
    };
    if (isPath(value) || Array.isArray(value)) return { paths: readAs(paths(roots), value, ctx) ?? [] };
    if (typeof value === "string" && options.bare) {
      check(value, []);
      return { paths: [], fixed: value };
    }
    if (value === undefined || value === null) {
      context.addIssue({ code: "custom", message: 'is required: a path like "$.event.id"' });
      return z.NEVER;
    }
    if (typeof value !== "object") {
      context.addIssue({ code: "custom", message: 'must be a path like "$.event.id"; a fixed text is written { text: "..." }' });
      return z.NEVER;
    }
    const read = readAs(long, value, ctx) as
      | (z.infer<typeof long> & { atLeast?: Partial<Record<Severity, number>> | undefined })
      | undefined;
    if (!read) return z.NEVER;
    if ((read.path === undefined) === (read.text === undefined))
      context.addIssue({ code: "custom", message: "needs path or text, one of them" });
    if (read.text !== undefined && (read.values || read.otherwise !== undefined || read.atLeast))
      context.addIssue({ code: "custom", path: ["text"], message: "is fixed: values, atLeast and otherwise have no effect beside it" });
    if (read.values && read.atLeast)
      context.addIssue({ code: "custom", path: ["atLeast"], message: "contradicts values: keep one of them" });
    for (const [key, word] of Object.entries(read.values ?? {})) check(word, ["values", key]);
    if (read.otherwise !== undefined) check(read.otherwise, ["otherwise"]);
    if (read.text !== undefined) check(read.text, ["text"]);
    return {
      paths: read.path ?? [],
      values: read.values && Object.fromEntries(Object.entries(read.values).map(([key, word]) => [key.trim().toLowerCase(), word])),
      atLeast:
        read.atLeast &&
        Object.entries(read.atLeast)
          .flatMap(([severity, from]) => (from === undefined ? [] : [{ severity: severity as Severity, from }]))
          .sort((a, b) => b.from - a.from),
      otherwise: read.otherwise,
      fixed: read.text,
    };
  });
}

/** The fields of each kind as the entity itself has them, so that the two never part. */
const FIELDS: ReadonlyMap<string, readonly string[]> = new Map(
  Entity.options.map((option) => [option.shape.kind.value, Object.keys(option.shape).filter((name) => name !== "kind")]),
);
const ALL_FIELDS = [...new Set([...FIELDS.values()].flat())];

const MappedEntity = z.unknown().transform((value, context): EntityMap => {
  const ctx = context as Context;
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    context.addIssue({ code: "custom", message: 'must be a map like { kind: device, name: "$.host.name" }' });
    return z.NEVER;
  }
  const word = "kind" in value && typeof value.kind === "string" && !isPath(value.kind) ? value.kind : undefined;
  const names = (word === undefined ? undefined : FIELDS.get(word)) ?? ALL_FIELDS;
  const roots = "each" in value ? "$@" : "$";
  const shape = section({
    each: path("$").optional(),
    kind: field(roots, { word: kindProblem, bare: true }),
    when: section({ path: path(roots), is: z.preprocess((is) => (Array.isArray(is) ? is : [is]), z.array(plain).min(1)) }).optional(),
    role: field(roots, { bare: true }).optional(),
    verdict: field(roots, { word: verdictProblem, bare: true }).optional(),
    remediation: field(roots, { bare: true }).optional(),
    ...Object.fromEntries(names.map((name) => [name, field(roots).optional()])),
  });
  if (!("kind" in value)) {
    context.addIssue({ code: "custom", message: `needs a kind: ${ENTITY_KINDS.join(", ")}` });
    return z.NEVER;
  }
  const read = readAs(shape, value, ctx);
  if (!read) return z.NEVER;
  const { each, kind, when, ...fields } = read;
  const given = Object.fromEntries(Object.entries(fields).filter((entry): entry is [string, FieldMap] => entry[1] !== undefined));
  if (!names.some((name) => name in given)) context.addIssue({ code: "custom", message: `needs at least one of ${names.join(", ")}` });
  return { each, kind, when: when && { path: when.path, is: when.is.map((one) => one.trim().toLowerCase()) }, fields: given };
});

const Map_ = section({
  each: path("$").optional(),
  id: field("$"),
  title: field("$"),
  severity: field("$", { word: severityProblem, bare: true, scale: true }),
  category: field("$").optional(),
  description: field("$").optional(),
  techniques: paths("$").optional(),
  detectedAt: paths("$").optional(),
  url: field("$").optional(),
  product: field("$").optional(),
  status: field("$").optional(),
  incident: field("$").optional(),
  entities: z.array(MappedEntity, { error: "must be a list" }).max(100, "at most 100").default([]),
}).transform(({ each, entities, techniques, detectedAt, ...fields }, context): AlertMap => {
  // One text for every alert would make them all repeats of one.
  if (fields.id?.fixed !== undefined)
    context.addIssue({ code: "custom", path: ["id"], message: "must be a path: it tells one alert from another" });
  for (const name of ["id", "title", "severity"] as const)
    if (fields[name] === undefined) context.addIssue({ code: "custom", path: [name], message: "is required" });
  const given = Object.entries({
    ...fields,
    techniques: techniques && { paths: techniques },
    detectedAt: detectedAt && { paths: detectedAt },
  }).filter((entry): entry is [string, FieldMap] => entry[1] !== undefined);
  return { each, fields: Object.fromEntries(given), entities };
});

export const Source = section({
  kind: oneOf([...BUILT_IN_KINDS, "mapped"]),
  signingSecret: z.string().trim().min(1, "must not be empty").min(16, "must be at least 16 characters long").optional(),
  trusted: z.boolean({ error: "must be true or false" }).default(false),
  map: Map_.optional(),
}).superRefine((source, context) => {
  if (source.kind === "mapped" && !source.map)
    context.addIssue({ code: "custom", path: ["map"], message: "is required: it says where the alert's fields stand" });
  if (source.kind !== "mapped" && source.map)
    context.addIssue({ code: "custom", path: ["map"], message: "has no effect with this kind: use kind: mapped" });
});

/** What is left out at the intake: mail that people of ours look at anyway, and phishing that somebody here ordered. */
const address = z
  .string()
  .trim()
  .toLowerCase()
  .regex(/^[^\s@*:]+@[^\s@*]+$/, "must be an e-mail address");
const host = z
  .string()
  .trim()
  .toLowerCase()
  .regex(/^[a-z0-9-]+(\.[a-z0-9-]+)+$/, "must be a domain like training.example.com, which stands for the hosts below it too");
/** A host, hosts below it, or the beginning of a link; the scheme does not matter. */
export const beginning = z
  .string()
  .trim()
  .toLowerCase()
  .transform((value) => value.replace(/^https?:\/\//, "").replace(/\/$/, ""))
  .pipe(
    z
      .string()
      .regex(
        /^(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)+(\/[^\s*?#]*)?$/,
        'must be a host like "sim.example.com" or "*.example.com", or the beginning of a link',
      ),
  );
export const Exclude = section({
  mailboxes: z.array(address).default([]),
  simulations: section({
    senders: z.array(address).default([]),
    domains: z.array(host).default([]),
    urls: z.array(beginning).default([]),
  }).optional(),
});
