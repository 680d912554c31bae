import { type Document, isAlias, isMap, isNode, isScalar, isSeq, LineCounter, type Node, parseDocument, visit } from "yaml";
import type { z } from "zod";
import { AirYaml } from "./air-yaml-shape.ts";
import type { Env } from "./env-settings.ts";
import { sizeSaid } from "./plain-problem.ts";
import type { Problem } from "./problem.ts";
import { isSound } from "./sound-text.ts";

const MAX_BYTES = 1024 * 1024;
const MAX_ALIASES = 100;
const FORBIDDEN_KEYS: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);

type Path = readonly PropertyKey[];
/** `locate` turns a path inside the file into the problem's `where`. */
export type ReadYaml = { content: AirYaml | undefined; problems: Problem[]; locate: (path: Path) => string };

/** Reads air.yaml, every error at once, each with its line. `file` is only used to say where. */
export function readAirYaml(text: string, file: string, env: Env): ReadYaml {
  const nowhere = (message: string): ReadYaml => ({ content: undefined, problems: [{ where: file, message }], locate: () => file });
  if (Buffer.byteLength(text) > MAX_BYTES) return nowhere("is larger than 1 MiB");
  const lines = new LineCounter();
  let document: Document;
  try {
    document = parseDocument(text, {
      schema: "core",
      version: "1.2",
      merge: false,
      stringKeys: true,
      prettyErrors: false,
      lineCounter: lines,
    });
  } catch {
    // The parser recurses: a file nested deeply enough ends it.
    return nowhere("cannot be read as YAML: it is nested too deeply");
  }
  const at = (offset: number | undefined) => {
    const { line, col } = lines.linePos(offset ?? 0);
    return `${file}:${line}:${col}`;
  };
  const locate = (path: Path) => at(offsetOf(document, path));

  const problems: Problem[] = [...document.errors, ...document.warnings].map((error) => ({
    where: at(error.pos[0]),
    message: error.message,
  }));
  problems.push(...refusedNodes(document, at));
  if (problems.length > 0) return { content: undefined, problems, locate };

  let plain: unknown;
  try {
    plain = document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch {
    return nowhere(`uses more than ${MAX_ALIASES} aliases`);
  }
  const expanded = new Map<string, string>();
  const unfilled = new Set<string>();
  const problem = (path: Path, message: string) => {
    unfilled.add(name(path));
    problems.push({ where: locate(path), message: `${name(path)}: ${message}` });
  };
  const filled = fill(plain, [], { env, expanded, problem });
  // `roles:` with nothing below it is an empty part, not a wrong one.
  const parts = isRecord(filled) ? Object.fromEntries(Object.entries(filled).filter(([, part]) => part !== null)) : (filled ?? {});
  const result = AirYaml.safeParse(parts);
  if (!result.success) {
    // A variable that is not set is said once, not again for not being a number.
    for (const issue of result.error.issues) if (!unfilled.has(name(issue.path))) problems.push(...told(issue, document, at));
  }
  const hidden = (problem: Problem): Problem => ({ ...problem, message: withoutValues(problem.message, expanded) });
  return problems.length > 0 || !result.success
    ? { content: undefined, problems: problems.map(hidden), locate }
    : { content: result.data, problems: [], locate };
}

/** What no configuration needs and every attack on an object does. */
function refusedNodes(document: Document, at: (offset: number | undefined) => string): Problem[] {
  const problems: Problem[] = [];
  let aliases = 0;
  visit(document, {
    Alias(_key, node, path) {
      aliases++;
      const target = node.resolve(document);
      if (target && path.includes(target)) problems.push({ where: at(node.range?.[0]), message: "an alias must not hold itself" });
      if (aliases === MAX_ALIASES + 1) problems.push({ where: at(node.range?.[0]), message: `more than ${MAX_ALIASES} aliases` });
    },
    Pair(_key, { key }) {
      const node = isAlias(key) ? key.resolve(document) : key;
      const word = isScalar(node) ? String(node.value) : undefined;
      const where = at(isNode(key) ? key.range?.[0] : undefined);
      if (word === undefined) problems.push({ where, message: "a key must be plain text" });
      else if (FORBIDDEN_KEYS.has(word)) problems.push({ where, message: `the key ${word} is not allowed` });
    },
  });
  return problems;
}

type Filling = { env: Env; expanded: Map<string, string>; problem: (path: Path, message: string) => void };

/** Replaces `${NAME}` where it is the whole value. */
function fill(value: unknown, path: Path, filling: Filling): unknown {
  if (path.length > 64) {
    filling.problem(path.slice(0, 8), "nested deeper than 64 levels");
    return null;
  }
  if (Array.isArray(value)) return value.map((item: unknown, index) => fill(item, [...path, index], filling));
  if (isRecord(value)) return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fill(item, [...path, key], filling)]));
  if (typeof value === "string" && !isSound(value)) {
    filling.problem(path, "must not hold a NUL character or half of a character");
    return "";
  }
  if (typeof value !== "string" || !value.includes("${")) return value;
  const variable = /^\$\{([A-Za-z_][A-Za-z0-9_]*)\}$/.exec(value)?.[1];
  if (!variable) {
    filling.problem(path, "a variable of the environment can only be the whole value");
    return value;
  }
  const found = filling.env[variable]?.trim();
  if (!found) {
    filling.problem(path, `\${${variable}} is not set in the environment`);
    return value;
  }
  filling.expanded.set(found, `\${${variable}}`);
  return found;
}

function told(issue: z.core.$ZodIssue, document: Document, at: (offset: number | undefined) => string): Problem[] {
  if (issue.code === "unrecognized_keys") {
    const messages = issue.message.split("\n");
    return issue.keys.map((key, index) => ({
      where: at(offsetOf(document, [...issue.path, key], "key")),
      message: [name(issue.path), messages[index] ?? `unknown key "${key}"`].filter(Boolean).join(": "),
    }));
  }
  const where = at(offsetOf(document, issue.path, issue.code === "invalid_key" ? "key" : "value"));
  return [{ where, message: [name(issue.path), plainWords(issue)].filter(Boolean).join(": ") }];
}

function plainWords(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case "invalid_key":
      return "a name may hold a-z, 0-9, - and _ only";
    case "invalid_type":
      if (issue.message.endsWith("received undefined")) return "is required";
      return issue.message.startsWith("Invalid input") ? `must be ${TYPE[issue.expected] ?? issue.expected}` : issue.message;
    case "too_big":
    case "too_small":
      return sizeSaid(issue);
    default:
      return issue.message;
  }
}
const TYPE: Readonly<Record<string, string>> = {
  string: "text",
  number: "a number",
  object: "a map",
  record: "a map",
  array: "a list",
  boolean: "true or false",
};

/** Where the node at `path` begins; of what is missing, where its nearest parent does. */
function offsetOf(document: Document, path: Path, of: "key" | "value" = "value"): number | undefined {
  let node: unknown = document.contents;
  let offset = startOf(node);
  for (const [index, step] of path.entries()) {
    if (isAlias(node)) node = node.resolve(document);
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === step);
      if (!pair) return offset;
      offset = startOf(pair.key) ?? offset;
      if (index === path.length - 1 && of === "key") return offset;
      node = pair.value;
    } else if (isSeq(node) && typeof step === "number") {
      node = node.items[step];
    } else {
      return offset;
    }
    // A block map or list begins on the line below its key; the key is what a reader looks for.
    if (isScalar(node) || isAlias(node) || typeof step === "number") offset = startOf(node) ?? offset;
  }
  return offset;
}
const startOf = (node: unknown): number | undefined => (isNode(node) ? (node as Node).range?.[0] : undefined);

/** `roles.admin[0]`. */
function name(path: Path): string {
  return path.map((step, index) => (typeof step === "number" ? `[${step}]` : `${index > 0 ? "." : ""}${String(step)}`)).join("");
}

/** No message of ours repeats a value; this is for those that are not ours. */
function withoutValues(message: string, expanded: ReadonlyMap<string, string>): string {
  let safe = message;
  for (const [value, variable] of expanded) if (value.length >= 4) safe = safe.replaceAll(value, variable);
  return safe;
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);
