import type { NamedEntity, Verdict } from "../../engine/domain/alert.ts";
import { MAX_ENTITIES } from "../../engine/domain/alert.ts";
import { Entity, evidenceKeys } from "../../engine/domain/entity.ts";
import { cutText } from "./cut-text.ts";
import { genericEntity } from "./generic-entity.ts";
import { isNoHash } from "./hash-text.ts";

/** What the source said of an entity beside naming it. */
export type Said = { role?: string | undefined; verdict?: Verdict | undefined; remediation?: string | undefined };
export type Fields = { kind: string } & Record<string, unknown>;

/** The entities of one alert, in the order named, each once. What cannot be read as its kind is kept as a generic entity. */
export function entityList(): { add: (fields: Fields, said?: Said) => void; all: () => NamedEntity[] } {
  const byKey = new Map<string, NamedEntity>();
  return {
    add(fields, said = {}) {
      const entity = soundEntity(fields) ?? keptAnyway(fields);
      if (!entity) return;
      const named: NamedEntity = {
        entity,
        roles: said.role ? [cutText(said.role, 256)] : [],
        ...(said.verdict && { verdict: said.verdict }),
        ...(said.remediation && { remediation: cutText(said.remediation, 256) }),
      };
      const [key] = evidenceKeys(entity);
      const known = byKey.get(key);
      byKey.set(key, known ? merged(known, named) : named);
    },
    // Beyond the limit the alert is still worth more than its refusal; `raw` has the rest.
    all: () => [...byKey.values()].slice(0, MAX_ENTITIES),
  };
}

/** Named twice it is one thing; what was said first of it stands, and what was only said later is added. */
const merged = (known: NamedEntity, again: NamedEntity): NamedEntity => ({
  ...again,
  ...known,
  entity: { ...again.entity, ...known.entity } as NamedEntity["entity"],
  roles: [...new Set([...known.roles, ...again.roles])].slice(0, 64),
});

const HASHES: ReadonlySet<string> = new Set(["sha256", "sha1", "md5"]);
const given = (fields: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(fields).filter(
      ([key, value]) =>
        value !== undefined && value !== null && value !== "" && !(HASHES.has(key) && typeof value === "string" && isNoHash(value)),
    ),
  );

/** The entity without the fields that are none: a hash of odd length must not cost the file its path. */
function soundEntity(fields: Record<string, unknown>): Entity | undefined {
  const left = given(fields);
  for (;;) {
    const result = Entity.safeParse(left);
    if (result.success) return result.data;
    const issue = result.error.issues[0];
    const field = issue?.path[0];
    if (issue === undefined || typeof field !== "string" || field === "kind" || !(field in left)) return undefined;
    const value = left[field];
    if (issue.code === "too_big" && typeof value === "string") left[field] = cutText(value, Number(issue.maximum));
    else delete left[field];
  }
}

/** What only says where something is names nothing by itself. */
const WHERE: ReadonlySet<string> = new Set(["kind", "device", "os", "user", "parent", "signer", "recipient", "sender"]);

function keptAnyway({ kind, ...fields }: Fields): Entity | undefined {
  const left = given(fields);
  return Object.keys(left).some((key) => !WHERE.has(key)) ? genericEntity(kind, left) : undefined;
}
