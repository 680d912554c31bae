import { z } from "zod";
import { connectorKinds } from "../adapters/connectors/all.ts";
import type { ConnectorKind, Means } from "../adapters/connectors/kind.ts";
import type { Connector } from "../engine/ports.ts";
import type { Env } from "./env-settings.ts";
import type { Problem } from "./problem.ts";
import type { Watching } from "./watch-connectors.ts";
import { section } from "./yaml-section.ts";

type Kinds = (typeof connectorKinds)[number];
type SettingsOf<K> = K extends ConnectorKind<string, infer Shape> ? z.output<z.ZodObject<Shape>> : never;
/** By name; a product that is not here is not connected. */
export type Connected = { readonly [K in Kinds as K["name"]]?: SettingsOf<K> };

type Fields = Readonly<Record<string, unknown>>;
type Sections = Readonly<Record<string, Fields | undefined>>;
// The list knows the settings of each; here each is looked at by its name.
const KINDS: readonly ConnectorKind[] = connectorKinds as unknown as readonly ConnectorKind[];

/** Every variable a product reads. */
export const CONNECTOR_VARIABLES: readonly string[] = [...new Set(KINDS.flatMap(({ env }) => Object.keys(env)))];

/** `connectors` of air.yaml: what is required may also come from the environment, so nothing is required here. */
export const Connectors = section(
  Object.fromEntries(
    KINDS.map((kind) => {
      const fields = Object.entries(kind.settings).map(([field, shape]) => [field, withoutDefault(shape as z.ZodType).optional()]);
      return [kind.name, section(Object.fromEntries(fields)).optional()];
    }),
  ),
);

/**
 * Which products are connected: those air.yaml names, and those whose keys the environment gives, which wins. `sections` are the parts of
 * air.yaml as they were parsed. `faults` are what is wrong with a variable by itself, whatever air.yaml says.
 */
export function readConnectors(
  sections: Sections,
  env: Env,
  locate: (path: readonly PropertyKey[]) => string,
): { connected: Connected; problems: Problem[]; faults: Problem[] } {
  const problems: Problem[] = [];
  const faults: Problem[] = [];
  const connected: Record<string, Fields> = {};
  const own = new Map(KINDS.map((kind) => [kind.name, { ...given(sections[kind.name]), ...fromEnvironment(kind, env, faults) }]));
  const wanted = KINDS.filter((kind) => isWanted(kind, sections, env));
  for (const kind of wanted) {
    const settings = { ...borrowed(kind, own), ...own.get(kind.name) };
    const missing = fieldsOf(kind).filter((field) => settings[field] === undefined && !hasDefault(kind, field));
    if (missing.length > 0) problems.push(...missingSettings(kind, missing, sections, env, locate));
    else connected[kind.name] = { ...defaultsOf(kind), ...settings };
  }
  problems.push(...lonelyAddresses(wanted, env));
  return { connected: connected as Connected, problems: once(problems), faults: once(faults) };
}

/** One variable may serve several products, and is told of once. */
const once = (problems: readonly Problem[]): Problem[] => [
  ...new Map(problems.map((one) => [`${one.where} ${one.message}`, one])).values(),
];

export const createConnectors = (connected: Connected, { watching, ...means }: Means & { watching?: Watching }): Connector[] =>
  KINDS.flatMap((kind) => {
    const settings = (connected as Sections)[kind.name];
    if (!settings) return [];
    // What only gives an opinion is asked by others' side, and its silence is said in every verdict.
    const watch = kind.acts ? watching?.({ name: kind.name, product: kind.product }) : undefined;
    return [kind.create(settings, watch ? { ...means, watch } : means)];
  });

/** The names of those that change something in the world. */
export const actingOf = (connected: Connected): string[] =>
  KINDS.filter(({ name, acts }) => acts && name in connected).map(({ name }) => name);

/** The settings as they may be printed: whether a secret is set, never what it is. */
export const withoutSecrets = (connected: Connected): Sections =>
  Object.fromEntries(
    KINDS.flatMap((kind) => {
      const settings = (connected as Sections)[kind.name];
      if (!settings) return [];
      const shown = Object.entries(settings).map(([field, value]) => [
        field,
        markOf(kind.settings[field]).secret && value ? "(set)" : value,
      ]);
      return [[kind.name, Object.fromEntries(shown)]];
    }),
  );

/** A part of air.yaml, a key in the environment, or an address beside credentials another kind lends. */
function isWanted(kind: ConnectorKind, sections: Sections, env: Env): boolean {
  if (sections[kind.name] !== undefined) return true;
  const set = Object.entries(kind.env).filter(([name]) => isSet(env, name));
  const key = set.some(([, field]) => !markOf(kind.settings[field]).address);
  if (!key) return set.some(([name]) => isOnlyFor(kind, name)) && lends(kind, sections, env);
  const group = KINDS.filter(({ oneKeyWith }) => oneKeyWith !== undefined && oneKeyWith === kind.oneKeyWith);
  const isNamed = (one: ConnectorKind) =>
    sections[one.name]?.url !== undefined ||
    Object.entries(one.env).some(([name, field]) => isSet(env, name) && markOf(one.settings[field]).address);
  return isNamed(kind) || !group.some(isNamed);
}

const isOnlyFor = (kind: ConnectorKind, name: string) => KINDS.every((other) => other === kind || !(name in other.env));

function lends(kind: ConnectorKind, sections: Sections, env: Env): boolean {
  const lender = kind.borrows && KINDS.find(({ name }) => name === kind.borrows?.from);
  return lender !== undefined && isWanted(lender, sections, env);
}

/** All of what is lent or nothing: half of one registration and half of another is none. */
function borrowed(kind: ConnectorKind, own: ReadonlyMap<string, Fields>): Fields {
  const { borrows } = kind;
  const lent = borrows && own.get(borrows.from);
  if (!borrows || !lent) return {};
  const mine = own.get(kind.name) ?? {};
  const half = borrows.settings.some((field) => mine[field] !== undefined && !hasDefault(kind, field));
  return Object.fromEntries(
    borrows.settings.flatMap((field) => (lent[field] === undefined || (half && !hasDefault(kind, field)) ? [] : [[field, lent[field]]])),
  );
}

function fromEnvironment(kind: ConnectorKind, env: Env, problems: Problem[]): Fields {
  const found: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(kind.env)) {
    const value = env[name]?.trim();
    if (!value) continue;
    const read = (kind.settings[field] as z.ZodType).safeParse(value);
    if (read.success) found[field] = read.data;
    else problems.push({ where: name, message: read.error.issues[0]?.message ?? "cannot be read" });
  }
  return found;
}

function missingSettings(
  kind: ConnectorKind,
  missing: readonly string[],
  sections: Sections,
  env: Env,
  locate: (path: readonly PropertyKey[]) => string,
): Problem[] {
  const variable = (field: string) => Object.entries(kind.env).find(([, of]) => of === field)?.[0];
  const problemless = missing.filter((field) => !(variable(field) && isSet(env, variable(field) ?? "")));
  if (sections[kind.name]) {
    const names = problemless.map((field) => `${field}${variable(field) ? ` (here or as ${variable(field)})` : ""}`);
    const lender = kind.borrows && KINDS.find(({ name }) => name === kind.borrows?.from);
    const or = lender ? `, or ${lender.product} connected, whose app registration is then used` : "";
    return names.length === 0
      ? []
      : [{ where: locate(["connectors", kind.name]), message: `connectors.${kind.name} needs ${names.join(", ")}${or}` }];
  }
  const set = Object.keys(kind.env).filter((name) => isSet(env, name) && !markOf(kind.settings[kind.env[name] ?? ""]).address);
  return problemless.map((field) => ({
    where: variable(field) ?? `connectors.${kind.name}.${field}`,
    message: `is missing: ${set.join(" and ")} ${set.length === 1 ? "is" : "are"} set, and ${kind.product} needs both`,
  }));
}

/** An address of a product that is not connected: somebody believes it is. */
function lonelyAddresses(wanted: readonly ConnectorKind[], env: Env): Problem[] {
  return CONNECTOR_VARIABLES.filter((name) => isSet(env, name) && !wanted.some((kind) => name in kind.env)).map((name) => {
    const kind = KINDS.find((one) => name in one.env) as ConnectorKind;
    const lender = KINDS.find((one) => one.name === kind.borrows?.from);
    const keys = fieldsOf(lender ?? kind)
      .filter((field) => !hasDefault(lender ?? kind, field))
      .flatMap((field) => Object.entries((lender ?? kind).env).find(([, of]) => of === field)?.[0] ?? []);
    const others = keys.filter((key) => key !== name);
    return {
      where: name,
      message: `has no effect without ${others.join(", ")}: set ${others.length === 1 ? "it" : "them"}, or unset ${name}`,
    };
  });
}

const isSet = (env: Env, name: string) => Boolean(env[name]?.trim());
const given = (part: Fields | undefined): Fields =>
  Object.fromEntries(Object.entries(part ?? {}).filter(([, value]) => value !== undefined));
const fieldsOf = (kind: ConnectorKind) => Object.keys(kind.settings);
const hasDefault = (kind: ConnectorKind, field: string) => (kind.settings[field] as z.ZodType).safeParse(undefined).success;
const defaultsOf = (kind: ConnectorKind): Fields =>
  Object.fromEntries(fieldsOf(kind).map((field) => [field, (kind.settings[field] as z.ZodType).safeParse(undefined).data]));

/** A default set in air.yaml's shape would hide that the environment, or another kind, has something to say. */
function withoutDefault(shape: z.ZodType): z.ZodType {
  return shape instanceof z.ZodDefault ? withoutDefault(shape.unwrap() as z.ZodType) : shape;
}

/** What is said of a field stays said of it when it is made optional. */
function markOf(field: unknown): { secret: boolean; address: boolean } {
  if (!(field instanceof z.ZodType)) return { secret: false, address: false };
  const mark = field.meta();
  if (mark) return { secret: mark.secret === true, address: mark.address === true };
  return field instanceof z.ZodOptional || field instanceof z.ZodDefault ? markOf(field.unwrap()) : { secret: false, address: false };
}
