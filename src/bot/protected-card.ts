import { type Card, cut, type Line } from "../engine/cards/card.ts";
import { outside } from "../engine/cards/say.ts";
import type { ProtectedCheck } from "../engine/check-protected.ts";

/** What two people decide about without anybody having configured it (product contract 6). */
const BUILT_IN = [
  "domain controllers",
  "servers whose role nobody knows",
  "accounts that hold a privileged directory role",
  "apps that may write to the organisation's data",
];

/** Everything that is protected, and how to ask about one thing. */
export function protectedListCard(own: readonly string[]): Card {
  return {
    title: "Protected: two people decide",
    tone: "info",
    summary: `Protected: ${BUILT_IN.length} built-in rules and ${own.length} of air.yaml.`,
    lines: [
      {
        kind: "list",
        items: [
          ...BUILT_IN.map((text) => ({ mark: "Built in", text })),
          ...own.map((entry) => ({ mark: "air.yaml", text: cut(entry, 200) })),
        ],
      },
      ...(own.length === 0 ? [{ kind: "note" as const, text: "air.yaml adds nothing: an admin can, under protected." }] : []),
      { kind: "note", text: "To see whether one thing is protected, and why: protected device:DC-01, or protected mia@contoso.com" },
    ],
    buttons: [],
  };
}

/** Whether one thing is protected, by which rules, and what that was read from. */
export function protectedCard(name: string, { hits, facts, never, unread }: ProtectedCheck): Card {
  const word = hits.length > 0 ? "Protected" : unread ? "Could not check" : "Not protected";
  const lines: Line[] = [];
  if (hits.length > 0)
    lines.push({
      kind: "list",
      title: "Two people decide about it. It matches",
      items: hits.map((text) => ({ text: cut(outside(text), 200) })),
    });
  if (unread)
    lines.push({
      kind: "text",
      text: `Could not check what it is: ${unread}. ${hits.length > 0 ? "There may be more." : "Until it can be read, an action on it counts as protected."}`,
    });
  else if (hits.length === 0)
    lines.push({ kind: "text", text: "No rule matches it: one person decides, unless an action reaches far or its kind needs two." });
  if (never) lines.push({ kind: "text", text: `air never acts on it at all. ${outside(never)}` });
  if (facts.length > 0) lines.push({ kind: "note", text: `Read just now: ${facts.map(outside).join("; ")}.` });
  return {
    title: cut(name, 110),
    tone: hits.length > 0 || unread ? "warning" : "neutral",
    badge: word,
    summary: `${word}: ${cut(name, 60)}. ${hits.join("; ")}`.trim(),
    lines,
    buttons: [],
  };
}
