import type { Air } from "./air.ts";
import { dayOf } from "./domain/day.ts";
import { NOBODY } from "./domain/paging.ts";
import { wantPages } from "./want-pages.ts";

const SETTING = "audit-head-told";

/**
 * Once a day the head of the audit's chain goes to the ops channel (product contract 6): whoever keeps that message can tell later that no
 * line before it was changed or cut, even where nobody signs. The first one at the first midnight air sees.
 */
export async function postAuditHead(air: Air, now: Date): Promise<void> {
  const today = dayOf(now, (air.paging?.() ?? NOBODY).timeZone);
  const told = await air.store.setting<string>(SETTING);
  if (told === today.name) return;
  const head = await air.store.auditHead();
  await air.store.transaction(async (tx) => {
    await tx.putSetting(SETTING, today.name);
    if (told === undefined || head.count === 0) return;
    const text = `Audit: ${head.count} lines, the last one's hash is ${head.hash}. Keep this message: with it an export can be checked for lines that were changed or cut (air audit verify).`;
    await wantPages(
      tx,
      air,
      [{ incidentId: 0, actionId: null, step: `audit-head ${today.name}`, to: [{ kind: "ops" }], text, by: "air", dueAt: today.from }],
      now,
    );
  });
}
