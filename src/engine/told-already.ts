import type { Air } from "./air.ts";
import { isOps, NOBODY } from "./domain/paging.ts";
import { isSamePerson } from "./domain/same-person.ts";
import type { PageRow, Tx } from "./store.ts";

/**
 * Somebody was told by one way what another way had not brought them: that one is not needed any more. A chat that comes back an hour
 * later does not say again what the mail said.
 */
export async function dropOtherWays(tx: Tx, air: Air, page: PageRow, now: Date): Promise<void> {
  if (isOps(page.target) || (page.callId === null && page.incidentId === 0)) return;
  const { nameOf } = air.paging?.() ?? NOBODY;
  const rows = page.callId === null ? await tx.pagesOf(page.incidentId) : await tx.pagesOfCalls([page.callId]);
  const isOne = (row: PageRow) => page.callId !== null || (row.actionId === page.actionId && row.step === page.step);
  const others = rows.filter(
    (row) =>
      row.id !== page.id &&
      row.target !== page.target &&
      row.sentAt === null &&
      row.droppedAt === null &&
      row.trouble !== null &&
      isOne(row) &&
      isSamePerson(row.target, page.target, nameOf),
  );
  for (const row of others)
    await tx.updatePage(row.id, { droppedAt: now, trouble: `${nameOf(page.target).name} was told meanwhile; ${row.trouble}` });
}
