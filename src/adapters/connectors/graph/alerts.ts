import { z } from "zod";
import type { ChangedPage, PageAt } from "../../../engine/ports.ts";
import { HttpTooLong } from "../http.ts";
import type { Api } from "../microsoft/api.ts";

/*
 * What changed in a list of Microsoft's (domain facts 8.2): there is no delta query and no notification to rely on, so it is asked by
 * `lastUpdateDateTime`, from a moment on, page by page.
 */

/** An alert can be 50 KB, and an answer of more than 5 MiB is not read. */
const PAGE_SIZE = 50;
const FEW = 3;
/** Without it newer words of an enum come as `unknownFutureValue`. */
const PREFER = { prefer: "include-unknown-enum-members" };

const Changed = z.object({ lastUpdateDateTime: z.string() });

/** @throws ConnectorError */
export async function changedPage(
  api: Api,
  path: string,
  permission: string,
  at: PageAt,
  signal: AbortSignal,
): Promise<ChangedPage<unknown>> {
  const first = (since: Date) => `${path}?$filter=${encodeURIComponent(`lastUpdateDateTime ge ${since.toISOString()}`)}&$top=${PAGE_SIZE}`;
  const about = { permission, what: "this list", signal, headers: PREFER };
  const where = "next" in at ? at.next : first(at.since);
  const page = await api.page(where, about).catch((error: unknown) => {
    // Alerts with much evidence: the same place again in smaller steps, or air would stand before it for ever.
    const fewer = where.replace(/([?&](?:\$|%24)top=)\d+/, `$1${FEW}`);
    if (!(error instanceof HttpTooLong) || fewer === where) throw error;
    return api.page(fewer, about);
  });
  return { items: page.items.map((item) => ({ item, changedAt: changedAt(item) })), next: page.next };
}

/** "2026-11-22T09:00:00.1234567Z": up to seven digits, of which three count. Undefined where it says nothing readable. */
function changedAt(item: unknown): Date | undefined {
  const text = Changed.safeParse(item).data?.lastUpdateDateTime;
  const at = text === undefined ? undefined : new Date(text.replace(/(\.\d{3})\d+/, "$1"));
  return at === undefined || Number.isNaN(at.getTime()) ? undefined : at;
}

export const alertsPage = (api: Api, at: PageAt, signal: AbortSignal) =>
  changedPage(api, "/security/alerts_v2", "SecurityAlert.Read.All", at, signal);
