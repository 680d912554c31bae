import { bold, cut, type Line } from "./card.ts";
import { count, outside, time } from "./say.ts";

/** The last silence of an incident as its card tells of it. */
export type SnoozeView = {
  kind: "snooze" | "mute";
  by: string;
  reason: string;
  until: Date;
  /** Alerts that came since. */
  alerts: number;
  /** When it ended, and why; undefined: it goes on. */
  ended?: { at: Date; why: string } | undefined;
};

const SHOWN = 3;

/** Who answers for it, until when, and what a silence does not stop; after it, that the incident is back. */
export function snoozeLines(snooze: SnoozeView | undefined, waiting: readonly { id: string; expiresAt: Date }[]): Line[] {
  if (!snooze) return [];
  const by = cut(outside(snooze.by), 60);
  if (snooze.ended) {
    const why = cut(outside(snooze.ended.why), 200);
    return [
      { kind: "text", text: [bold(`Back since ${time(snooze.ended.at)}: `), { text: `the ${snooze.kind} of ${by} ended, ${why}.` }] },
    ];
  }
  const came = snooze.kind === "mute" || snooze.alerts > 0 ? ` ${count(snooze.alerts, "alert")} came since.` : "";
  const named = waiting.slice(0, SHOWN).map(({ id, expiresAt }) => `${id} expires ${time(expiresAt)}`);
  const left = waiting.length - named.length;
  const expires = named.length === 0 ? "" : ` What waits is not put off: ${named.join(", ")}${left > 0 ? `, and ${left} more` : ""}.`;
  const word = snooze.kind === "mute" ? "Muted" : "Snoozed";
  return [
    { kind: "text", text: [bold(`${word} until ${time(snooze.until)} by ${by}: `), { text: cut(outside(snooze.reason), 200) }] },
    { kind: "note", text: `Nobody is paged until then, unless it gets worse.${came}${expires}` },
  ];
}
