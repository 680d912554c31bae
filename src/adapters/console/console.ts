import type { Request } from "express";
import type { Card, Tone } from "../../engine/cards/card.ts";

/** Who sits in front of the page. `about` is a short word on what they may do ("approver of devices"). */
export type ConsolePerson = { id: string; name: string; about: string };

/** One incident in the channel: its root card and the thread below it. `anchor` ("INC-42") names it in the page's address. */
export type ConsoleThread = { anchor: string; root: Card; replies: readonly Card[] };

/** A decided action. `state` is the word people read ("Isolated", "Rejected", "Expired, nothing was done"). */
export type HistoryRow = { id: string; what: string; state: string; tone: Tone; by: string; when: string };
export type IncidentRow = { id: string; title: string; severity: string; status: string; tone: Tone; when: string };
export type LabRow = { name: string; detail?: string; state: string; tone: Tone };
export type LabState = {
  devices: readonly LabRow[];
  users: readonly LabRow[];
  messages: readonly LabRow[];
  indicators: readonly LabRow[];
};
export type Story = { name: string; title: string; about: string };

/** Everything the page shows to one person, drawn anew at every change. */
export type ConsoleView = {
  organization?: string;
  lab: boolean;
  /** Who paused air and why; while set, a banner stands on the page. */
  paused?: string;
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
  /** Told at every change, from whichever process it came; the number only has to differ. */
  onChange(listener: (change: number) => void): () => void;
}

export interface ConsoleAccess {
  /** `undefined`: not signed in. */
  who(request: Request): Promise<ConsolePerson | undefined>;
}

/** Names the persona chosen in the bare lab; read by whoever implements `who`. */
export const PERSONA_COOKIE = "air_persona";
