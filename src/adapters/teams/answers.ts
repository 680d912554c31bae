import type { Card } from "../../engine/cards/card.ts";
import { ChatError, type Log } from "../../engine/ports.ts";
import { restAfter } from "./back-off.ts";
import { toChatError } from "./errors.ts";
import { Crowded, type Timing, type Turns } from "./turns.ts";

/** All the waiting between the tries of one answer; who asked has asked again by then. */
const GIVE_UP_MS = 5 * 60_000;
/** How often one conversation is told that answers were left out. */
const SAID_EVERY_MS = 5 * 60_000;
const MOST_SAID = 1_000;

/** What an answer is about, for the log: ids alone. */
export type Asked = { what: string; conversation: string; activity: string };

/** Waits until there is room in the conversation; before each call of Teams. */
export type Room = () => Promise<void>;

export type Answers = {
  /**
   * Makes the calls of one answer, and makes them again where Teams has no room or trouble. It ends well or in the log. `tell`: how the
   * conversation is told that answers were left out.
   */
  deliver(
    asked: Asked,
    about: "reply" | "update",
    run: (room: Room) => Promise<unknown>,
    tell?: (card: Card, room: Room) => Promise<unknown>,
  ): Promise<void>;
};

/**
 * Answers in Teams: each waits its turn in its conversation and is tried again with the same back-off as cards. Where too many wait
 * the conversation is told so once, and those are left out. An answer may come twice where Teams did not say whether it took it; one that
 * never comes is worse.
 */
export function createAnswers(turns: Turns, timing: Timing, log: Log, signal: AbortSignal, random: () => number = Math.random): Answers {
  const said = new Map<string, number>();

  async function tried(asked: Asked, about: "reply" | "update", run: (room: Room) => Promise<unknown>, patient: boolean): Promise<void> {
    const { conversation } = asked;
    const room = () => turns.answer(conversation, signal, patient);
    let rested = 0;
    for (let nth = 0; ; nth += 1) {
      try {
        await run(room);
        return;
      } catch (error) {
        if (error instanceof Crowded || signal.aborted) throw error;
        const problem = toChatError(error, about);
        if (problem.kind !== "later") throw problem;
        // What Teams asks for counts for everything in the conversation.
        if (problem.retryAfterMs !== undefined) turns.rest(conversation, problem.retryAfterMs);
        const rest = restAfter(nth, problem.retryAfterMs, random);
        rested += rest;
        if (rested > GIVE_UP_MS) throw problem;
        log.debug("an answer waits for Teams", { ...asked, nth: nth + 1, ms: rest });
        await pause(rest);
      }
    }
  }

  function pause(ms: number): Promise<void> {
    const over = Promise.withResolvers<void>();
    const stopTimer = timing.after(ms, over.resolve);
    const leave = () => over.reject(new ChatError("later", "air is stopping."));
    signal.addEventListener("abort", leave, { once: true });
    return over.promise.finally(() => {
      stopTimer();
      signal.removeEventListener("abort", leave);
    });
  }

  /** Once for all that is left out: it waits itself, in the same line. */
  async function sayCrowded(asked: Asked, tell: (card: Card, room: Room) => Promise<unknown>): Promise<void> {
    const { conversation } = asked;
    const last = said.get(conversation);
    if (last !== undefined && timing.now() - last < SAID_EVERY_MS) return;
    said.delete(conversation);
    said.set(conversation, timing.now());
    for (const oldest of said.keys()) {
      if (said.size <= MOST_SAID) break;
      said.delete(oldest);
    }
    await tried({ ...asked, what: "crowded" }, "reply", (room) => tell(crowded, room), true);
  }

  return {
    async deliver(asked, about, run, tell) {
      try {
        await tried(asked, about, run, false);
      } catch (error) {
        log.warn("an answer did not reach Teams", { ...asked, error: toChatError(error, about).message });
        if (error instanceof Crowded && tell !== undefined)
          await sayCrowded(asked, tell).catch((problem: unknown) =>
            log.warn("an answer did not reach Teams", { ...asked, what: "crowded", error: toChatError(problem, about).message }),
          );
      }
    },
  };
}

const crowded: Card = {
  title: "Too many answers at once",
  tone: "warning",
  summary: "Too many answers at once. Some were left out.",
  lines: [
    {
      kind: "text",
      text: "Teams takes only so many messages of air here, and more was asked for than it takes. Some answers were left out; what was decided counts. Ask again in a moment for what is missing.",
    },
  ],
  buttons: [],
};
