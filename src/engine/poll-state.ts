import type { Position } from "./domain/polling.ts";

/** What is kept of asking a source: a setting per source, written by its poll alone. */
export type PollState = {
  product: string;
  alerts: ListState;
  incidents: ListState;
};
/** How far one list was read, and how asking for it goes. */
export type ListState = {
  position: Position;
  /** When it was last read to its end. */
  readAt?: string | undefined;
  failures: number;
  failingSince?: string | undefined;
  reason?: string | undefined;
  /** Somebody was told that it is silent. */
  told?: boolean | undefined;
  notBefore?: string | undefined;
  /** When it was last asked for. */
  askedAt?: string | undefined;
};

const PREFIX = "poll ";
export const pollSetting = (source: string) => `${PREFIX}${source}`;
export const POLL_SETTINGS = PREFIX;
