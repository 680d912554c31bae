/*
 * A small reader of paths like `$.event.files[0].name`, `$.files[*]` or `$["@timestamp"]`. It walks own properties and evaluates nothing:
 * no filters, no scripts, no search in depth. `@` stands for the item of an `each`.
 */
type Step = { kind: "name"; name: string } | { kind: "index"; index: number } | { kind: "all" };
export type JsonPath = { text: string; root: "$" | "@"; steps: readonly Step[] };

const MAX_STEPS = 32;
const MAX_STARS = 4;
const MAX_VALUES = 1000;
const FORBIDDEN: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);
const STEP = /\.([^.[\]\s"'*]+)|\[(\d{1,6}|-\d{1,6}|\*)\]|\["([^"\\]{1,200})"\]|\['([^'\\]{1,200})'\]/y;

/** The path, or in words what is wrong with it. */
export function readPath(text: string): JsonPath | { problem: string } {
  const said = text.trim();
  const root = said[0];
  if (root !== "$" && root !== "@") return { problem: 'a path begins with $ (the alert) or @ (the item of each), like "$.host.name"' };
  const steps: Step[] = [];
  for (STEP.lastIndex = 1; STEP.lastIndex < said.length; ) {
    const place = STEP.lastIndex;
    const [match, plain, index, quoted, single] = STEP.exec(said) ?? [];
    if (match === undefined) return { problem: `cannot be read from character ${place + 1} on: a step is .name, ["any name"], [0] or [*]` };
    const name = plain ?? quoted ?? single;
    if (name !== undefined && FORBIDDEN.has(name)) return { problem: `the step ${name} is not allowed` };
    if (name !== undefined) steps.push({ kind: "name", name });
    else steps.push(index === "*" ? { kind: "all" } : { kind: "index", index: Number(index) });
  }
  if (steps.length > MAX_STEPS) return { problem: `at most ${MAX_STEPS} steps` };
  if (steps.filter((step) => step.kind === "all").length > MAX_STARS) return { problem: `at most ${MAX_STARS} times [*]` };
  return { text: said, root, steps };
}

/** What stands at the path, in order; without `[*]` at most one value. */
export function valuesAt(path: JsonPath, alert: unknown, item: unknown): unknown[] {
  let values: unknown[] = [path.root === "$" ? alert : item];
  for (const step of path.steps) {
    const next: unknown[] = [];
    for (const value of values) {
      if (next.length >= MAX_VALUES) break;
      next.push(...below(value, step).slice(0, MAX_VALUES - next.length));
    }
    values = next;
  }
  return values.filter((value) => value !== undefined && value !== null);
}

function below(value: unknown, step: Step): unknown[] {
  if (typeof value !== "object" || value === null) return [];
  switch (step.kind) {
    case "name":
      return !Array.isArray(value) && Object.hasOwn(value, step.name) ? [(value as Record<string, unknown>)[step.name]] : [];
    case "index": {
      const found: unknown = Array.isArray(value) ? value.at(step.index) : undefined;
      return found === undefined ? [] : [found];
    }
    case "all":
      return Array.isArray(value) ? value : Object.values(value);
    default:
      return step satisfies never;
  }
}

/** The path as fields are named in refusals: `event.uuid`. */
export const pathField = (path: JsonPath): string => path.text.replace(/^[$@]\.?/, "") || path.text;
