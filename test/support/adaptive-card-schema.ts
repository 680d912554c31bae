import { readFileSync } from "node:fs";
import { Ajv } from "ajv";

// The published schema has a top-level id that is no URI base and two `required` that are no lists.
const schema = JSON.parse(readFileSync("test/fixtures/schemas/adaptive-card-1.5.0.json", "utf8").replace(/^\uFEFF/, ""));
delete schema.id;
delete schema.$schema;
const mend = (node: unknown): void => {
  if (typeof node !== "object" || node === null) return;
  const object = node as Record<string, unknown>;
  if ("required" in object && !Array.isArray(object.required) && typeof object.required !== "object") delete object.required;
  Object.values(object).forEach(mend);
};
mend(schema);

const validate = new Ajv({ strict: false, validateFormats: false, validateSchema: false }).compile(schema);

/** What Microsoft's own schema has against it; `msteams`, whom its mentions stand for, is an addition of Teams that the schema does not know. */
export function schemaFaults({ msteams: _, ...card }: object & { msteams?: unknown }): string[] {
  return validate(card) ? [] : (validate.errors ?? []).map((error) => `${error.instancePath} ${error.message}`);
}
