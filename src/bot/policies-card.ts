import type { Card, Line } from "../engine/cards/card.ts";
import { time } from "../engine/cards/say.ts";
import { type AlertMatch, type AlertPolicy, BUILT_IN_POLICIES } from "../engine/domain/alert-policy.ts";
import type { SnoozeRow } from "../engine/store.ts";

const OUTCOME = { investigate: "Investigate", post: "Show only", suppress: "Suppress" } as const;

/** Every alert policy in the order it is asked: first match wins. */
export function policiesCard(own: readonly AlertPolicy[], snoozes: readonly SnoozeRow[], now: Date): Card {
  const all = [...own, ...BUILT_IN_POLICIES.filter((one) => !own.some((policy) => policy.name === one.name))];
  const lines: Line[] = [
    {
      kind: "list",
      items: all.map((policy) => {
        const snooze = snoozes.find((one) => one.policy === policy.name);
        const ended = policy.until !== undefined && policy.until <= now;
        return {
          mark: snooze ? "Snoozed" : ended ? "Ended" : OUTCOME[policy.outcome],
          tone: snooze || ended ? ("warning" as const) : ("neutral" as const),
          text: `${policy.name} (${policy.from}): ${matchText(policy.match)}${snooze ? `. Until ${time(snooze.until)}, by ${snooze.by}: ${snooze.reason}` : ""}`,
        };
      }),
    },
    { kind: "note", text: "First match wins. Where none does, low severity and above is investigated and informational is not." },
  ];
  return {
    title: "Alert policies",
    tone: "neutral",
    summary: `Alert policies: ${all.length}, ${snoozes.length} snoozed.`,
    lines,
    buttons: [],
  };
}

function matchText(match: AlertMatch): string {
  const parts = Object.entries(match).flatMap(([field, values]) =>
    values === undefined ? [] : [`${field} is ${(values as readonly string[]).join(" or ")}`],
  );
  return parts.length > 0 ? parts.join(", and ") : "every alert";
}
