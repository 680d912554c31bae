import { createHash } from "node:crypto";
import type { Entity } from "../../engine/domain/entity.ts";
import { cutText } from "./cut-text.ts";

const MAX_VALUE = 4096;

/** What we do not know is kept under the source's own word for it, never dropped. */
export function genericEntity(type: string, fields: Record<string, unknown>): Entity {
  const json = JSON.stringify(fields);
  // The value is the entity's identity: cut alone, two long things with the same beginning would become one.
  const value =
    json.length <= MAX_VALUE
      ? json
      : `${cutText(json, MAX_VALUE - 40)}... #${createHash("sha256").update(json).digest("hex").slice(0, 24)}`;
  return { kind: "generic", type: cutText(type, 1024), value };
}
