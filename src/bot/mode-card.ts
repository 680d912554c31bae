import { bold, type Card, type Line } from "../engine/cards/card.ts";
import { outside, time } from "../engine/cards/say.ts";
import type { Mode } from "../engine/domain/policy.ts";
import type { modeInForce } from "../engine/set-mode.ts";

const MEANS: Record<Mode, string> = {
  observe: "air investigates and says what it would do; nothing is carried out.",
  ask: "Everything asks for a decision.",
  act: "Automation levels and policies apply; what they allow is carried out without asking.",
};

/** The mode in force, whose word it is, and how often people agreed with each playbook. */
export function modeCard(
  { mode, from, set }: Awaited<ReturnType<typeof modeInForce>>,
  agreed: readonly { playbook: string; text: string }[],
): Card {
  const whose =
    set !== undefined
      ? `Set by ${set.by}, ${time(set.at)}${set.reason ? `: ${outside(set.reason)}` : ""}.`
      : from === "air.yaml"
        ? `It stands in air.yaml ("mode: ${mode}"), which wins over the command.`
        : "Nobody set it yet; an admin says: mode observe, mode ask or mode act.";
  const lines: Line[] = [
    { kind: "text", text: [bold(`${mode}. `), { text: MEANS[mode] }] },
    { kind: "note", text: whose },
    agreed.length === 0
      ? { kind: "note", text: "Nobody agreed or disagreed with a proposal in the last 30 days." }
      : { kind: "list", title: "Agreement", items: agreed.map((one) => ({ text: [bold(`${one.playbook}: `), { text: one.text }] })) },
  ];
  return { title: `Mode ${mode}`, tone: "info", summary: `Mode ${mode}. ${MEANS[mode]}`, lines, buttons: [] };
}
