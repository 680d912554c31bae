import type { Family } from "../domain/action.ts";
import { bold, type Card, cut, type Line } from "./card.ts";
import { outside, time } from "./say.ts";

export type PauseFacts = {
  family: Family | "all";
  by: string;
  at: string;
  reason: string;
  /** It is over: by whom, and how. */
  ended?: { by: string; at: string; how: "resumed" | "replaced" } | undefined;
};

const what = (family: Family | "all") => (family === "all" ? "every execution" : `every ${family} action`);
const sentence = (text: string) => cut(outside(text), 500).replace(/(?<![.!?…])$/, ".");

/** Everybody who may be about to approve something has to see it: who stopped what, why, and who may let it go on. */
export function pauseCard({ family, by, at, reason, ended }: PauseFacts, lab: boolean): Card {
  const badge = lab ? "LAB " : "";
  const paused = `${by} paused ${what(family)} at ${time(at)}: ${sentence(reason)}`;
  const named = family === "all" ? "Executions" : `${family.charAt(0).toUpperCase()}${family.slice(1)} actions`;
  if (ended) {
    const over =
      ended.how === "resumed"
        ? `${ended.by} resumed at ${time(ended.at)}: what was approved goes on.`
        : `${ended.by} paused it again at ${time(ended.at)}, with a reason of its own.`;
    return {
      title: `${badge}${named} ${ended.how === "resumed" ? "go on" : "are still paused"}`,
      tone: ended.how === "resumed" ? "good" : "neutral",
      summary: `${badge}${over} Before: ${paused}`,
      lines: [
        { kind: "text", text: over },
        { kind: "note", text: paused },
      ],
      buttons: [],
    };
  }
  const until = "What has not begun waits, approved or automatic. Only an admin resumes: resume.";
  return {
    title: `${badge}${named} are paused`,
    tone: "warning",
    summary: `${badge}${paused} ${until}`,
    lines: [
      { kind: "text", text: paused },
      { kind: "note", text: until },
    ],
    buttons: [],
  };
}

/** What stands first on every list and overview while something is paused. */
export const pauseLines = (pauses: readonly PauseFacts[]): Line[] =>
  pauses.map(({ family, by, at, reason }) => ({
    kind: "text",
    text: [bold("Paused: "), { text: `${by} stopped ${what(family)} at ${time(at)}: ${sentence(reason)} Only an admin resumes.` }],
  }));
