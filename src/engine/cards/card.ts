import type { Named } from "../domain/paging.ts";

/**
 * What a person sees, platform-free. A renderer draws every line kind; a new one is a compile error until it does.
 * All text is plain: renderers escape it, none of it is markup. Indicators are already defanged here.
 */
export type Span = { text: string; style?: "bold" | "code" };
/** A run of text; attacker-made parts stand in it like any other, as data. */
export type Text = string | readonly Span[];

export type Tone = "neutral" | "info" | "good" | "warning" | "bad";

export type Line =
  | { kind: "text"; text: Text }
  /** Label and value pairs, two columns where there is room. */
  | { kind: "facts"; facts: readonly (readonly [label: string, value: Text])[] }
  /** A titled list. `mark` is a word that carries the meaning without colour ("Malicious", "For", "Done"). */
  | { kind: "list"; title?: string; items: readonly { mark?: string; tone?: Tone; text: Text }[] }
  /** Machine text, monospaced, line breaks kept. */
  | { kind: "code"; text: string }
  /** Small print: who, when, what happens next. */
  | { kind: "note"; text: Text }
  /** People and groups this is for, each really mentioned where the platform knows them. Only ever from configuration, never from text. */
  | { kind: "mention"; who: readonly Named[] }
  | { kind: "divider" };

export type Button = {
  label: string;
  style: "primary" | "danger" | "plain";
  /** What pressing it means, written by button-id.ts; never secrets. Undefined for a link. */
  value?: string;
  /** A link button; only ever air's own public address. */
  url?: string;
  /** Ask once more on the client. Comfort only, never authorisation. */
  confirm?: { title: string; text: string; yes: string };
  /** A text the person types with it, on platforms that can show an input. */
  input?: {
    /** Whole by itself: it says for what the text is typed. */
    label: string;
    required: boolean;
    /** One line is enough: a name, and no sentence. */
    line?: true;
  };
  /** It opens this form (a form's `ref`) instead of meaning something by itself; only where a platform has forms. */
  form?: string;
  /** It stands in the menu "More" beside the others, where a platform has one. */
  more?: true;
};

export type Card = {
  /** One line, drawn as a heading. */
  title: string;
  tone: Tone;
  /** The word that goes with the tone: "Critical", "Approved", "No threats found". */
  badge?: string;
  /** Push and screen-reader text: its first 100 characters say verdict, target and what is asked. */
  summary: string;
  lines: readonly Line[];
  buttons: readonly Button[];
  /** A picture of the same, on a platform that shows air's own: the graph of this investigation ("INV-42"). What it says stands in the lines. */
  picture?: string;
  /** The whole list as a file, by the words of its export ("actions state=pending"), on a platform that takes files. */
  download?: string;
  /** For whoever asked and nobody else: where a place cannot show it to one person it is not shown at all. */
  private?: true;
};

/** The text of a run, without its styles. */
export const plain = (text: Text): string => (typeof text === "string" ? text : text.map((span) => span.text).join(""));
export const bold = (text: string): Span => ({ text, style: "bold" });
export const code = (text: string): Span => ({ text, style: "code" });

/** Cut on code points, saying that it was cut. */
export function cut(text: string, max: number): string {
  if (text.length <= max) return text;
  const points = Array.from(text);
  if (points.length <= max) return text;
  return `${points.slice(0, Math.max(0, max - 1)).join("")}…`;
}
