/** Writes a path as callers of /v1 read it: `entities[2].sha256`. */
export function fieldPath(path: readonly PropertyKey[]): string {
  let text = "";
  for (const step of path) text += typeof step === "number" ? `[${step}]` : text === "" ? String(step) : `.${String(step)}`;
  return text;
}
