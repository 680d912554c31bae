import { isObject } from "./json.ts";

const MAX_STEPS = 12;

/**
 * The value under a dotted name, whether the document nests it (`host: { name }`), dots it (`"host.name"`) or does half of each, as alerts
 * of Elastic do. The longest name that stands there wins.
 */
export function ecs(value: unknown, name: string): unknown {
  const steps = name.split(".").slice(0, MAX_STEPS);
  return find(value, steps);
}

function find(value: unknown, steps: readonly string[]): unknown {
  if (steps.length === 0) return value;
  if (!isObject(value)) return undefined;
  for (let taken = steps.length; taken > 0; taken--) {
    const key = steps.slice(0, taken).join(".");
    if (!Object.hasOwn(value, key)) continue;
    const found = find(value[key], steps.slice(taken));
    if (found !== undefined) return found;
  }
  return undefined;
}
