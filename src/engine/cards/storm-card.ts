import type { Severity } from "../domain/alert.ts";
import { bold, type Card, cut, type Line } from "./card.ts";
import { capital, count, outside, SEVERITY_TONE, time } from "./say.ts";

/** One thread for more alike alerts than anybody reads one by one (product contract 4). */
export type StormFacts = {
  id: string;
  source: string;
  category?: string | undefined;
  severity: Severity;
  lab: boolean;
  alerts: number;
  startedAt: Date;
  lastAt: Date;
  /** Actions of its incidents that wait for a decision. */
  pending: number;
  newest: readonly StormAlert[];
};
export type StormAlert = { id: string; incident: string; sourceId: string; title: string };

export function stormCard(storm: StormFacts): Card {
  const kind = storm.category ? `${cut(outside(storm.category), 60)} alerts` : "alerts";
  const what = `${storm.alerts} ${storm.severity} ${kind} from ${cut(outside(storm.source), 60)}`;
  const asked = storm.pending > 0 ? ` ${count(storm.pending, "action waits", "actions wait")} for a decision.` : "";
  const lines: Line[] = [
    {
      kind: "text",
      text: [
        ...(asked ? [bold(`${asked.trim()} `)] : []),
        { text: "They are counted here and listed in the thread, each in its own incident. A more severe one is shown by itself." },
      ],
    },
    {
      kind: "facts",
      facts: [
        ["Started", time(storm.startedAt)],
        ["Latest", time(storm.lastAt)],
      ],
    },
    { kind: "list", title: "Latest", items: storm.newest.map(item) },
  ];
  return {
    title: `${storm.lab ? "LAB " : ""}Alert storm: ${what}`,
    tone: SEVERITY_TONE[storm.severity],
    badge: `${capital(storm.severity)} severity`,
    summary: `${storm.lab ? "LAB " : ""}Alert storm: ${what}.${asked} Since ${time(storm.startedAt)}.`,
    lines,
    buttons: [],
  };
}

/** One reply of the storm's thread: these of its alerts. */
export function stormPageCard(storm: string, first: number, alerts: readonly StormAlert[]): Card {
  const range = `${first} to ${first + alerts.length - 1}`;
  return {
    title: `${storm}: alerts ${range}`,
    tone: "neutral",
    summary: `${storm}: alerts ${range} of the storm.`,
    lines: [{ kind: "list", items: alerts.map(item) }],
    buttons: [],
  };
}

const item = (alert: StormAlert) => ({
  mark: alert.id,
  tone: "neutral" as const,
  text: `${cut(outside(alert.title), 50)} (${cut(outside(alert.sourceId), 40)}, ${alert.incident})`,
});
