import type { ActionKindName } from "./domain/action.ts";
import { deviceName, type Entity, entityKeys, evidenceKeys } from "./domain/entity.ts";
import { alreadyStopped } from "./domain/never-act.ts";
import type { ActionRow, EvidenceRow } from "./store.ts";

type Bad = Pick<EvidenceRow, "id" | "entity" | "verdict" | "remediation" | "judgement" | "override">;
type Done = Pick<ActionRow, "kind" | "family" | "target" | "evidenceId">;

/** Nothing on such a device reaches anybody, so that one of these deals with all that lies there. */
const CONTAINS: ReadonlySet<ActionKindName> = new Set(["isolate-device", "restrict-execution", "offboard-device"]);

export const isBad = ({ verdict, override }: Pick<EvidenceRow, "verdict" | "override">): boolean =>
  ["malicious", "suspicious"].includes(override?.verdict ?? verdict);

/**
 * What is bad and nothing deals with: its source has not stopped it, air.yaml does not leave it alone, and no action that was carried out
 * is about it, contains the device it lies on, or took away the account or the mail it belongs to.
 */
export function leftOver<E extends Bad>(evidence: readonly E[], done: readonly Done[]): E[] {
  return evidence.filter(
    (item) =>
      isBad(item) &&
      !alreadyStopped(item.remediation) &&
      item.judgement?.excluded === undefined &&
      !done.some((action) => dealsWith(action, item)),
  );
}

/** Is the action about it, or about where it is? */
export function dealsWith(action: Done, { id, entity }: Pick<Bad, "id" | "entity">): boolean {
  if (action.evidenceId === id) return true;
  const place = placeOf(action.target);
  if (CONTAINS.has(action.kind) && place !== undefined && place === placeOf(entity)) return true;
  // A file that is taken away on one device still lies on the others; what is blocked is blocked everywhere.
  const keys = action.family === "device" ? evidenceKeys : entityKeys;
  if (keys(action.target).some((key) => keys(entity).includes(key))) return true;
  if (isRunOf(entity, action)) return true;
  const account = accountOf(action.target);
  if (account !== undefined && account === accountOf(entity)) return true;
  // Mail is taken away as messages or as the cluster they belong to.
  return action.family === "email" && isMail(action.target) && isMail(entity);
}

const isMail = ({ kind }: Entity) => kind === "message" || kind === "mail-cluster";

function placeOf(entity: Entity): string | undefined {
  const name = entity.kind === "device" ? (entity.name ?? entity.id) : "device" in entity ? entity.device : undefined;
  return name === undefined ? undefined : deviceName(name);
}

/** The run of a program whose file is dealt with. */
function isRunOf(entity: Entity, { family, target }: Pick<Done, "family" | "target">): boolean {
  if (entity.kind !== "process" || target.kind !== "file" || entity.sha256 === undefined || entity.sha256 !== target.sha256) return false;
  return family !== "device" || placeOf(target) === placeOf(entity);
}

function accountOf(entity: Entity): string | undefined {
  if (entity.kind === "mailbox") return entity.address.toLowerCase();
  return entity.kind === "user" ? entity.email?.toLowerCase() : undefined;
}
