import type { Air } from "./air.ts";
import type { BriefingHow } from "./briefing.ts";
import type { Card } from "./cards/card.ts";
import { reportCard } from "./cards/report-card.ts";
import { NOBODY } from "./domain/paging.ts";
import { lastDue } from "./domain/schedule.ts";
import { briefChannels } from "./morning.ts";
import type { Reads, Tx } from "./store.ts";
import { wantDigest } from "./want-cards.ts";
import { weeklyReport } from "./weekly-report.ts";

const PREFIX = "report:";
const WEEK_MS = 7 * 86_400_000;
export type ReportReads = Pick<Reads, "figures" | "reportCounts" | "agreement">;

/** The report of the week that ends with `due` is wanted: from the Monday before, also where the clock was turned in between. */
export async function wantReport(tx: Tx, air: Air, due: Date, now: Date): Promise<string | undefined> {
  const channels = briefChannels(air);
  if (channels.length === 0) return "no channel of a chat is named to tell it in";
  const when = air.schedules?.().weekly;
  const from = when ? lastDue(when, new Date(due.getTime() - 1), (air.paging?.() ?? NOBODY).timeZone) : new Date(due.getTime() - WEEK_MS);
  await wantDigest(
    tx,
    channels.map((channel) => ({ channel, subject: `${PREFIX}${from.toISOString()}/${due.toISOString()}` })),
    now,
  );
  return undefined;
}

/** Undefined: it is none. */
export async function drawReport(reads: ReportReads, subject: string, { paging, lab }: BriefingHow): Promise<Card | undefined> {
  if (!subject.startsWith(PREFIX)) return undefined;
  const [from, to] = subject
    .slice(PREFIX.length)
    .split("/")
    .map((text) => new Date(text));
  if (!from || !to || Number.isNaN(from.getTime()) || Number.isNaN(to.getTime())) return undefined;
  const { timeZone, everyMs } = paging ?? NOBODY;
  return reportCard(await weeklyReport(reads, { from, to }, { timeZone, lab, answerWithinMs: everyMs }));
}
