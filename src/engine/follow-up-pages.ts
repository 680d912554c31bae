import type { Air } from "./air.ts";
import { becameOf, followUpStep, PAGERDUTY } from "./domain/outside-pages.ts";
import { asksToDecide, NOBODY } from "./domain/paging.ts";
import { isHeldBack } from "./domain/snooze.ts";
import type { NewPage } from "./store.ts";

/** A page older than this was forgotten at the other end, too. */
const OLD_MS = 30 * 86_400_000;
const BATCH = 200;

/**
 * What became of things here is told where their pages are still open. However it came about (a click, an expiry, an undo): the rows say
 * so, and each is wanted once, because the row that follows a page has the page's own time.
 */
export async function followUpPages(air: Air, now: Date): Promise<void> {
  const { chain } = air.paging?.() ?? NOBODY;
  if (!chain.includes(PAGERDUTY)) return;
  const open = await air.store.openOutside(PAGERDUTY, new Date(now.getTime() - OLD_MS), BATCH);
  const silent = new Map((await air.store.openSnoozes(open.map(({ page }) => page.incidentId))).map((row) => [row.incidentId, row]));
  const rows = open.flatMap(({ page, action, incident, acknowledged }): NewPage[] => {
    // Over there nobody is reminded either; when it is back it is told anew.
    const snooze = isHeldBack(page.step) ? silent.get(page.incidentId) : undefined;
    const rests = snooze && snooze.createdAt >= page.createdAt ? ("acknowledged" as const) : undefined;
    const became = becameOf({ createdAt: page.createdAt, asks: asksToDecide(page.step) }, action, incident) ?? rests;
    if (!became || (became === "acknowledged" && acknowledged)) return [];
    const { incidentId, actionId, createdAt } = page;
    const step = followUpStep(became, page.id);
    return [{ incidentId, actionId, step, target: PAGERDUTY, text: "", by: "air", createdAt: now, dueAt: createdAt }];
  });
  if (rows.length === 0) return;
  await air.store.transaction(async (tx) => {
    await tx.addPages(rows);
    await tx.enqueue("send-pages", { due: now.toISOString() }, { key: "send-pages" });
  });
}
