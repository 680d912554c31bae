import type { Air } from "./air.ts";
import { dayOf } from "./domain/day.ts";
import { NOBODY } from "./domain/paging.ts";
import type { Tx } from "./store.ts";
import { wantPages } from "./want-pages.ts";

/**
 * Once a day the head of the audit's chain goes to the ops channel (product contract 6): whoever keeps that message can tell later that no
 * line before it was changed or cut, even where nobody signs.
 */
export async function postAuditHead(tx: Tx, air: Air, due: Date, now: Date): Promise<string | undefined> {
  const paging = air.paging?.() ?? NOBODY;
  const head = await tx.auditHead();
  if (head.count === 0) return "the audit has no line yet";
  if (paging.ops.length === 0) return "air.yaml names no opsChannel to keep it";
  const day = dayOf(due, paging.timeZone);
  const text = `Audit: ${head.count} lines, the last one's hash is ${head.hash}. Keep this message: with it an export can be checked for lines that were changed or cut (air audit verify).`;
  await wantPages(
    tx,
    air,
    [{ incidentId: 0, actionId: null, step: `audit-head ${day.name}`, to: [{ kind: "ops" }], text, by: "air", dueAt: due }],
    now,
  );
  return undefined;
}
