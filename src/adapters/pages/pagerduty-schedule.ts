import { z } from "zod";
import { ConnectorError, type RotaSource, type RotaTold } from "../../engine/ports.ts";

/*
 * Who is on call by a schedule of PagerDuty: GET /oncalls of the REST API v2, which answers what is left after its layers and overrides. An
 * entry without a beginning or an end has none. The same shift comes once for each escalation policy the schedule stands in; a schedule
 * that stands in none has no entries at all.
 */

const HOSTS = { us: "https://api.pagerduty.com", eu: "https://api.eu.pagerduty.com" } as const;
const PAGE = 100;
/** Two months of shifts of an hour would fit. */
const PAGES = 15;
const LARGEST = 2_000_000;

const time = z.iso.datetime({ offset: true }).nullish();
const OnCalls = z.object({
  oncalls: z.array(
    z.object({
      start: time,
      end: time,
      schedule: z.object({ id: z.string() }).nullish(),
      user: z.object({ email: z.string().max(320).optional() }),
    }),
  ),
  more: z.boolean().nullish(),
});

/** A rota of PagerDuty. The key needs no more than to read. */
export function createPagerDutySchedule(settings: { schedule: string; apiToken: string; region: "us" | "eu" }): RotaSource {
  return {
    name: `PagerDuty ${settings.schedule}`,
    async shifts(from, until, signal) {
      const found: RotaTold[] = [];
      for (let page = 0; page < PAGES; page++) {
        const { oncalls, more } = await ask(settings, from, until, page * PAGE, signal);
        for (const { start, end, schedule, user } of oncalls) {
          if (schedule && schedule.id !== settings.schedule) continue;
          if (user.email === undefined)
            throw new ConnectorError("unclear", "PagerDuty names somebody without an e-mail address, so air cannot tell who it is");
          found.push({ from: start ? new Date(start) : from, to: end ? new Date(end) : until, email: user.email.trim().toLowerCase() });
        }
        if (!more) return found;
      }
      throw new ConnectorError("unclear", "the schedule in PagerDuty has more shifts than air reads");
    },
  };
}

async function ask(
  { schedule, apiToken, region }: { schedule: string; apiToken: string; region: "us" | "eu" },
  from: Date,
  until: Date,
  offset: number,
  signal: AbortSignal,
): Promise<z.infer<typeof OnCalls>> {
  const query = new URLSearchParams([
    ["schedule_ids[]", schedule],
    ["include[]", "users"],
    ["time_zone", "UTC"],
    ["since", from.toISOString()],
    ["until", until.toISOString()],
    ["limit", String(PAGE)],
    ["offset", String(offset)],
  ]);
  let answer: Response;
  let text = "";
  try {
    answer = await fetch(`${HOSTS[region]}/oncalls?${query}`, {
      headers: { accept: "application/vnd.pagerduty+json;version=2", authorization: `Token token=${apiToken}` },
      redirect: "error",
      signal,
    });
    const decoder = new TextDecoder();
    for await (const chunk of answer.body ?? []) {
      text += decoder.decode(chunk as Uint8Array, { stream: true });
      if (text.length > LARGEST) throw new Error("too large");
    }
  } catch {
    throw new ConnectorError("unclear", signal.aborted ? "PagerDuty did not answer in time" : "PagerDuty could not be reached");
  }
  if (!answer.ok)
    throw new ConnectorError(
      isLater(answer.status) ? "unavailable" : "refused",
      WORDS[answer.status] ?? `PagerDuty answered HTTP ${answer.status}`,
    );
  const read = OnCalls.safeParse(parsed(text));
  if (!read.success) throw new ConnectorError("unclear", "PagerDuty answered something that is no list of who is on call");
  return read.data;
}

const isLater = (status: number) => status >= 500 || status === 408 || status === 429;
const WORDS: Readonly<Record<number, string>> = {
  401: "PagerDuty does not accept onCall.source.pagerduty.apiToken (HTTP 401)",
  403: "PagerDuty does not let this key read who is on call (HTTP 403)",
  404: "PagerDuty knows no such schedule (HTTP 404): check onCall.source.pagerduty.schedule",
  429: "PagerDuty takes no more requests for now (HTTP 429)",
};

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
