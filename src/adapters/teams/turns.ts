import { ChatError } from "../../engine/ports.ts";
import type { Windows } from "./windows.ts";

/** What time it is, and something done later; tests have their own. */
export type Timing = { now: () => number; after: (ms: number, run: () => void) => () => void };
export const wallTiming: Timing = {
  now: Date.now,
  after: (ms, run) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

/** Answers that wait in one conversation: what Teams takes of them in about a minute. */
const MOST_WAITING = 100;
const LONGEST_WAIT_MS = 5 * 60_000;

/** An answer that is not worth waiting for any more: too many wait there, or it waited for too long. */
export class Crowded extends ChatError {
  constructor() {
    super("later", "More waits in this conversation than Teams takes.");
    this.name = "Crowded";
  }
}

/** Who may call Teams about a conversation, and when: answers in the order they were asked for, and cards behind them. */
export type Turns = {
  /** A card: counted, or in how many milliseconds it may be asked for again. Its own queue brings it back. */
  card(conversation: string): number;
  /** An answer waits here. `patient`: it is let in however many wait, and waits as long as it takes. @throws Crowded */
  answer(conversation: string, signal: AbortSignal, patient?: boolean): Promise<void>;
  rest(conversation: string, ms: number): void;
};

type Waiting = { go: () => void; fail: (error: ChatError) => void; until: number };
type Line = { waiting: Waiting[]; stopTimer: () => void };

export function createTurns(windows: Windows, timing: Timing = wallTiming): Turns {
  const lines = new Map<string, Line>();

  /** Lets in whoever may, sends away whoever waited too long, and comes back when that changes. */
  function advance(conversation: string): void {
    const line = lines.get(conversation);
    if (!line) return;
    line.stopTimer();
    const now = timing.now();
    const late = line.waiting.filter(({ until }) => until <= now);
    line.waiting = line.waiting.filter(({ until }) => until > now);
    for (const one of late) one.fail(new Crowded());
    while (line.waiting.length > 0) {
      const wait = windows.take(conversation, "answer");
      if (wait > 0) {
        const soonest = Math.min(wait, ...line.waiting.map(({ until }) => until - now));
        line.stopTimer = timing.after(soonest, () => advance(conversation));
        return;
      }
      line.waiting.shift()?.go();
    }
    lines.delete(conversation);
  }

  return {
    card: (conversation) => windows.take(conversation, lines.has(conversation) ? "card while answers wait" : "card"),
    answer(conversation, signal, patient = false) {
      const turn = Promise.withResolvers<void>();
      const line = lines.get(conversation) ?? { waiting: [], stopTimer: () => undefined };
      if (signal.aborted) return Promise.reject(givenUp());
      if (!patient && line.waiting.length >= MOST_WAITING) return Promise.reject(new Crowded());
      const waiting: Waiting = {
        go: turn.resolve,
        fail: turn.reject,
        until: patient ? Number.POSITIVE_INFINITY : timing.now() + LONGEST_WAIT_MS,
      };
      const leave = () => {
        line.waiting = line.waiting.filter((one) => one !== waiting);
        turn.reject(givenUp());
        advance(conversation);
      };
      signal.addEventListener("abort", leave, { once: true });
      line.waiting.push(waiting);
      lines.set(conversation, line);
      advance(conversation);
      return turn.promise.finally(() => signal.removeEventListener("abort", leave));
    },
    rest: (conversation, ms) => windows.rest(conversation, ms),
  };
}

const givenUp = () => new ChatError("later", "There was no room in this conversation of Teams in time.");
