import type { Line } from "./card.ts";

/*
 * A form as data, platform-free: a Slack modal, a Teams dialog. What it means is told by its `ref` alone, which goes out with the form and
 * comes back with what was typed; nothing in it authorises anything.
 */
export type Choice = { value: string; label: string };

export type Field = { id: string; label: string; hint?: string | undefined; required: boolean } & (
  | { kind: "line" | "text"; initial?: string | undefined; longest: number }
  /** `anybody`: a platform that has a picker of its people shows that instead; what is chosen comes back as `slack:U0MIA`. */
  | { kind: "select"; options: readonly Choice[]; initial?: string | undefined; anybody?: boolean | undefined }
  | { kind: "checks"; options: readonly Choice[]; initial?: readonly string[] | undefined }
);

export type Form = {
  /** What it is about: `note INC-42`, or the value of the button that opened it. */
  ref: string;
  title: string;
  /** What its button says. */
  submit: string;
  lines?: readonly Line[] | undefined;
  fields: readonly Field[];
  /** It is shown as it is, at once; what else belongs into it is read from the rows and comes in afterwards. */
  fills?: boolean | undefined;
};

/** What was typed or chosen, by the field's id; a field nobody filled in is left out. */
export type Filled = Readonly<Record<string, string | readonly string[]>>;

/** `refused`: nothing was done, and what is wrong is said at each field; what was typed stays. */
export type FormAnswer<Answer> = { done: Answer } | { refused: Readonly<Record<string, string>> };
