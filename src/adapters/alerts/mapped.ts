import type { Alert, Severity } from "../../engine/domain/alert.ts";
import { SEVERITIES } from "../../engine/domain/alert.ts";
import { ENTITY_KINDS } from "../../engine/domain/entity.ts";
import { Refusal } from "../../engine/domain/errors.ts";
import { cutText } from "./cut-text.ts";
import { entityList, type Fields } from "./entity-list.ts";
import { isObject, list, readTime, techniqueIds, text, webAddress, wholeNumber } from "./json.ts";
import { type JsonPath, pathField, valuesAt } from "./json-path.ts";
import { severityWord } from "./severity-word.ts";
import type { AlertSource, Part } from "./source.ts";
import { sourceVerdict } from "./source-verdict.ts";

/*
 * A source of kind `mapped`: air.yaml says by paths where the alert's fields stand (README "Any other product"). No code, no patterns.
 */

/** Where a field's value comes from: the first path that finds something, translated by `values`; or a fixed text. */
export type FieldMap = {
  paths: readonly JsonPath[];
  /** Keys in lower case. */
  values?: Readonly<Record<string, string>> | undefined;
  /** For a score: the severity from this number up, highest first. */
  atLeast?: readonly { severity: Severity; from: number }[] | undefined;
  otherwise?: string | undefined;
  fixed?: string | undefined;
};
export type EntityMap = {
  each?: JsonPath | undefined;
  kind: FieldMap;
  /** Only where the value at the path is one of these words, in lower case. */
  when?: { path: JsonPath; is: readonly string[] } | undefined;
  fields: Readonly<Record<string, FieldMap>>;
};
export type AlertMap = {
  /** Where one request holds several alerts. */
  each?: JsonPath | undefined;
  fields: Readonly<Record<string, FieldMap>>;
  entities: readonly EntityMap[];
};

/** The source of air.yaml as a parser. */
export const mappedSource = (map: AlertMap): AlertSource => ({
  kind: "mapped",
  ...(map.each && { parts: (payload: unknown) => partsOf(map.each, payload) }),
  parse: (payload) => parse(map, payload),
});

function partsOf(each: JsonPath | undefined, payload: unknown): Part[] | undefined {
  if (!each) return undefined;
  const found = valuesAt(each, payload, payload);
  if (found.length === 0)
    throw new Refusal("invalid", "holds no alert: the map of this source looks for them there", { field: pathField(each) });
  const name = pathField(each).replace(/\[\*\]$/, "");
  return found.map((one, index) => ({
    payload: one,
    path: name.endsWith("]") || !each.text.endsWith("[*]") ? [pathField(each)] : [name, index],
  }));
}

function parse(map: AlertMap, payload: unknown): Alert {
  if (!isObject(payload)) throw new Refusal("invalid", "an alert must be a JSON object");
  const read = (name: string, max: number) => {
    const field = map.fields[name];
    return field && one(field, payload, payload, max);
  };
  const required = (name: string, max: number): string => {
    const found = read(name, max);
    if (found !== undefined) return found;
    const path = map.fields[name]?.paths[0];
    throw new Refusal("invalid", `is required: the map of this source reads the alert's ${name} there`, {
      field: path ? pathField(path) : name,
    });
  };
  const optional = <K extends string, V>(key: K, value: V | undefined) =>
    (value === undefined ? {} : { [key]: value }) as { [key in K]?: V };
  const techniques = map.fields.techniques;
  // The first that is a time: what one path finds may be none.
  const detectedAt = map.fields.detectedAt?.paths
    .flatMap((path) => valuesAt(path, payload, payload))
    .map(readTime)
    .find((time) => time !== undefined);
  const incident = read("incident", 256);
  return {
    sourceId: required("id", 1024),
    title: required("title", 1000),
    severity: severityOf(map.fields.severity, payload),
    techniques: techniques ? techniqueIds(raw(techniques, payload, payload).flatMap((value) => list(value))) : [],
    status: statusOf(read("status", 64)),
    entities: entitiesOf(map, payload),
    raw: payload,
    ...optional("category", read("category", 256)),
    ...optional("description", read("description", 20_000)),
    ...optional("detectedAt", detectedAt),
    ...optional("url", webAddress(read("url", 2049))),
    ...optional("product", read("product", 256)),
    ...optional("vendorIncident", incident === undefined ? undefined : { id: incident }),
  };
}

/** Everything the field's paths find: of several paths the first that finds anything. */
function raw(field: FieldMap, alert: unknown, item: unknown): unknown[] {
  for (const path of field.paths) {
    const found = valuesAt(path, alert, item);
    if (found.length > 0) return found;
  }
  return [];
}

function one(field: FieldMap, alert: unknown, item: unknown, max: number): string | undefined {
  if (field.fixed !== undefined) return field.fixed;
  for (const path of field.paths) {
    for (const value of valuesAt(path, alert, item)) {
      const said = text(typeof value === "boolean" ? String(value) : value, max);
      if (said === undefined) continue;
      if (!field.values) return said;
      const translated = field.values[said.toLowerCase()];
      if (translated !== undefined) return translated;
    }
  }
  return field.otherwise;
}

/** What the map does not know is medium: below, it might start no investigation; above, it would page people over a word. */
function severityOf(field: FieldMap | undefined, alert: unknown): Severity {
  if (!field) return "medium";
  const scale = field.atLeast;
  if (scale) {
    const score = raw(field, alert, alert)
      .map((value) => (typeof value === "string" && /^-?\d{1,9}(\.\d{1,9})?$/.test(value.trim()) ? Number(value) : value))
      .find((value) => typeof value === "number");
    if (score !== undefined) return scale.find(({ from }) => score >= from)?.severity ?? "informational";
    return severityWord(field.otherwise) ?? "medium";
  }
  const said = one(field, alert, alert, 256)?.toLowerCase();
  return SEVERITIES.find((word) => word === said) ?? severityWord(said) ?? "medium";
}

function statusOf(word: string | undefined): Alert["status"] {
  switch (word?.toLowerCase().replace(/[^a-z]/g, "")) {
    case "resolved":
    case "closed":
      return "resolved";
    case "inprogress":
    case "acknowledged":
      return "inProgress";
    default:
      return "new";
  }
}

function entitiesOf(map: AlertMap, alert: unknown): Alert["entities"] {
  const found = entityList();
  for (const entity of map.entities) {
    for (const item of entity.each ? valuesAt(entity.each, alert, alert) : [alert]) {
      if (entity.when && !holds(entity.when, alert, item)) continue;
      const word = one(entity.kind, alert, item, 1024);
      if (word === undefined) continue;
      const kind = ENTITY_KINDS.find((name) => name === word.toLowerCase()) ?? word;
      const said = (name: string) => {
        const field = entity.fields[name];
        return field && one(field, alert, item, 256);
      };
      const fields: Fields = { kind };
      for (const [name, field] of Object.entries(entity.fields)) {
        if (SAID.has(name)) continue;
        const value = one(field, alert, item, 32_768);
        fields[name] = name === "pid" ? wholeNumber(value) : value;
      }
      const verdict = said("verdict");
      found.add(fields, { role: said("role"), remediation: said("remediation"), verdict: verdict ? sourceVerdict(verdict) : undefined });
    }
  }
  return found.all();
}
const SAID: ReadonlySet<string> = new Set(["role", "verdict", "remediation"]);

const holds = ({ path, is }: { path: JsonPath; is: readonly string[] }, alert: unknown, item: unknown): boolean =>
  valuesAt(path, alert, item).some((value) => is.includes(String(value).trim().toLowerCase()));

/** For `air source test`: which lines of the map found nothing in this alert, or something that could not be used. */
export function mapGaps(map: AlertMap, alert: unknown): string[] {
  const gaps: string[] = [];
  const look = (name: string, field: FieldMap, item: unknown) => {
    if (field.fixed !== undefined || field.paths.length === 0) return;
    const found = raw(field, alert, item);
    const where = field.paths.map((path) => path.text).join(", ");
    if (found.length === 0) gaps.push(`${name}: nothing at ${where}`);
    else if (name === "detectedAt" && found.every((value) => readTime(value) === undefined))
      gaps.push(`${name}: no time that air can read at ${where}`);
    else if (field.values && one({ ...field, otherwise: undefined }, alert, item, 256) === undefined)
      gaps.push(`${name}: ${cutText(JSON.stringify(found[0]), 60)} is not among its values`);
  };
  for (const [name, field] of Object.entries(map.fields)) look(name, field, alert);
  for (const [index, entity] of map.entities.entries()) {
    const items = entity.each ? valuesAt(entity.each, alert, alert) : [alert];
    if (entity.each && items.length === 0) gaps.push(`entities[${index}].each: nothing at ${entity.each.text}`);
    for (const item of items.slice(0, 3)) {
      if (entity.when && !holds(entity.when, alert, item)) continue;
      for (const [name, field] of Object.entries({ kind: entity.kind, ...entity.fields })) look(`entities[${index}].${name}`, field, item);
    }
  }
  return [...new Set(gaps)];
}
