import type { Request } from "express";
import type { Card, Tone } from "../../engine/cards/card.ts";

/** Who sits in front of the page. `about` is a short word on what they may do ("approver of devices"). */
export type ConsolePerson = { id: string; name: string; about: string };

/** One incident in the channel: its root card and the thread below it. `anchor` ("INC-42") names it in the page's address. */
export type ConsoleThread = { anchor: string; root: Card; replies: readonly Card[] };

/** A decided action. `state` is the word people read ("Isolated", "Rejected", "Expired, nothing was done"). */
export type HistoryRow = { id: string; what: string; state: string; tone: Tone; by: string; when: string };
export type IncidentRow = { id: string; title: string; severity: string; status: string; tone: Tone; when: string };
/** A thing of the simulated company with everything that was done to it. */
export type LabRow = { name: string; detail?: string; states: readonly { word: string; tone: Tone }[] };
export type LabState = {
  devices: readonly LabRow[];
  users: readonly LabRow[];
  messages: readonly LabRow[];
  mailboxes: readonly LabRow[];
  apps: readonly LabRow[];
  accessKeys: readonly LabRow[];
  indicators: readonly LabRow[];
};

/** The Action center's own page: every address in it is one of ours. */
export type ActionsView = {
  organization?: string;
  lab: boolean;
  person: ConsolePerson;
  tabs: readonly { label: string; count: number; href: string; chosen: boolean }[];
  filters: readonly { name: string; label: string; value: string; example?: string; options?: readonly (readonly [string, string])[] }[];
  /** What the form keeps beside its fields. */
  hidden: readonly (readonly [string, string])[];
  columns: readonly { label: string; href?: string; sorted?: "asc" | "desc" }[];
  rows: readonly { cells: readonly { text: string; tone?: Tone; href?: string }[] }[];
  total: number;
  clear: string;
  first?: string;
  next?: string;
  csv?: string;
  /** A filter that is wrong, as a sentence. */
  problem?: string;
};
export type Story = { name: string; title: string; about: string };

/** Everything the page shows to one person, drawn anew at every change. */
export type ConsoleView = {
  organization?: string;
  lab: boolean;
  /** Who paused air and why; while set, a banner stands on the page. */
  paused?: string;
  /** What keeps cards from the chat; while set, a banner stands on the page. */
  trouble?: string;
  /** Only in the bare lab: the people one may act as. */
  personas?: readonly ConsolePerson[];
  person: ConsolePerson;
  /** Newest first. */
  threads: readonly ConsoleThread[];
  /** Action cards that wait, most urgent first. */
  pending: readonly Card[];
  history: readonly HistoryRow[];
  incidents: readonly IncidentRow[];
  labState?: LabState;
  stories?: readonly Story[];
};

/** What the page needs from air. */
export interface ConsoleData {
  overview(person: ConsolePerson): Promise<ConsoleView>;
  press(value: string, person: ConsolePerson, typed?: string): Promise<Card | undefined>;
  say(text: string, person: ConsolePerson): Promise<Card>;
  playStory(name: string, person: ConsolePerson): Promise<Card>;
  /** `query`: names and values of the page's address. */
  actions(query: ReadonlyMap<string, string>, person: ConsolePerson): Promise<ActionsView>;
  /** A whole list as CSV, in parts; or why not, as a sentence. */
  download(what: string, query: ReadonlyMap<string, string>, person: ConsolePerson): Promise<AsyncIterable<string> | { problem: string }>;
  /** The graph of an investigation ("INV-42") as a PNG; or why not, as a sentence. */
  graph(investigation: string, person: ConsolePerson): Promise<Buffer | { problem: string }>;
  /** Told at every change, from whichever process it came; the number only has to differ. */
  onChange(listener: (change: number) => void): () => void;
}

export interface ConsoleAccess {
  /** `undefined`: not signed in. */
  who(request: Request): Promise<ConsolePerson | undefined>;
}

/** Names the persona chosen in the bare lab; read by whoever implements `who`. */
export const PERSONA_COOKIE = "air_persona";
