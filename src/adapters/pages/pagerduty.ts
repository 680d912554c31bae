import { cut } from "../../engine/cards/card.ts";
import { outside } from "../../engine/cards/say.ts";
import { ConnectorError, type HookPage, type PageHook } from "../../engine/ports.ts";

export const PAGERDUTY_URL = "https://events.pagerduty.com/v2/enqueue";

/** PagerDuty knows four. */
const SEVERITY: Readonly<Record<string, "critical" | "error" | "warning" | "info">> = {
  critical: "critical",
  high: "error",
  medium: "warning",
  low: "info",
  informational: "info",
};
/** Longer summaries are refused. */
const SUMMARY = 1024;
const ANSWER_READ = 8_192;
const WAIT_MS = { least: 1_000, usual: 60_000, most: 3_600_000 };

/**
 * Pages by PagerDuty's Events API v2. The page's id is the `dedup_key`: sent again it is the same alert there, and under it that is
 * acknowledged and resolved.
 */
export function createPagerDuty(settings: { routingKey: string; url: string }): PageHook {
  const post = (event: Record<string, unknown>, signal: AbortSignal) => enqueue(settings, event, signal);
  return {
    send: (id, page, signal) => post({ event_action: "trigger", dedup_key: id, ...alertOf(page) }, signal),
    became: (id, what, signal) => post({ event_action: what === "resolved" ? "resolve" : "acknowledge", dedup_key: id }, signal),
  };
}

function alertOf(page: HookPage): Record<string, unknown> {
  const title = outside(page.title);
  return {
    client: "air",
    ...(page.link ? { client_url: page.link, links: [{ href: page.link, text: "Decide in air" }] } : {}),
    payload: {
      summary: cut(outside(page.text), SUMMARY),
      source: "air",
      severity: SEVERITY[page.severity] ?? "error",
      ...(page.incident ? { component: page.incident, group: cut(title, 255) } : {}),
      custom_details: { incident: page.incident, action: page.action, title: cut(title, 1000), severity: page.severity },
    },
  };
}

async function enqueue(
  { routingKey, url }: { routingKey: string; url: string },
  event: Record<string, unknown>,
  signal: AbortSignal,
): Promise<void> {
  let answer: Response;
  let said = "";
  try {
    answer = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ routing_key: routingKey, ...event }),
      redirect: "error",
      signal,
    });
    said = await beginningOf(answer);
  } catch {
    throw new ConnectorError("unclear", signal.aborted ? "PagerDuty did not answer in time" : "PagerDuty could not be reached");
  }
  if (answer.ok) return;
  const { status } = answer;
  if (status === 429) throw new ConnectorError("unavailable", "PagerDuty takes no more events for now (HTTP 429)", waitOf(answer.headers));
  if (status >= 500 || status === 408) throw new ConnectorError("unavailable", `PagerDuty answered HTTP ${status}`);
  throw new ConnectorError("refused", `PagerDuty refuses the event (HTTP ${status})${reasonOf(said, routingKey)}`);
}

async function beginningOf(answer: Response): Promise<string> {
  if (!answer.body) return "";
  const decoder = new TextDecoder();
  let said = "";
  for await (const chunk of answer.body) {
    said += decoder.decode(chunk as Uint8Array, { stream: true });
    if (said.length > ANSWER_READ) break;
  }
  return said;
}

function waitOf(headers: Headers): number {
  const after = headers.get("retry-after") ?? "";
  const ms = /^\d{1,6}$/.test(after) ? Number(after) * 1000 : WAIT_MS.usual;
  return Math.min(Math.max(ms, WAIT_MS.least), WAIT_MS.most);
}

/** Which field is wrong, in its words; the key itself is never repeated. */
function reasonOf(said: string, routingKey: string): string {
  try {
    const { errors, message } = JSON.parse(said) as { errors?: unknown; message?: unknown };
    const words = (Array.isArray(errors) ? errors : [message]).filter((one) => typeof one === "string").slice(0, 3);
    const text = outside(words.join("; ")).replaceAll(routingKey, "(key)");
    return text === "" ? "" : `: ${cut(text, 200)}`;
  } catch {
    return "";
  }
}
