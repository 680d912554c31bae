import type { Card } from "../../engine/cards/card.ts";
import { visible } from "../../engine/cards/visible.ts";
import { ChatError, type ChatPlatform, type Conversation, type MessageRef } from "../../engine/ports.ts";
import { type FormsOpen, toAdaptiveCard, toPlainCard } from "./adaptive-card.ts";
import { restAfter } from "./back-off.ts";
import { isUndrawable, toChatError } from "./errors.ts";
import type { Reach } from "./reach.ts";
import type { Message, Service } from "./service.ts";
import type { Turns } from "./turns.ts";

/** Where conversations are reached, kept from what was heard of them. */
export type Conversations = {
  heard(one: Omit<Conversation, "removedAt">, now: Date): Promise<void>;
  left(where: { id: string; team?: string | undefined }, now: Date): Promise<void>;
  /** air was added to the team again: what was lost with it is there, too. */
  returned(where: { id: string; team?: string | undefined }): Promise<void>;
  find(id: string): Promise<Conversation | undefined>;
  newest(tenant?: string): Promise<Conversation | undefined>;
  /** Of the same tenant, reached at another address that was heard after this one's own: the newest of its team, and of the others. */
  newer(than: Conversation): Promise<Conversation[]>;
};

/** As far as air counts Teams takes no more, so it was not asked. */
class NoRoom extends ChatError {
  constructor(retryAfterMs: number) {
    super("later", "Teams takes no more in this conversation just now.", { retryAfterMs });
  }
}

/** `random` is for tests. */
type More = { forms?: FormsOpen; random?: () => number };

export function createPlatform(
  service: Service,
  reach: Reach,
  turns: Turns,
  pace: ChatPlatform["pace"],
  { forms = "dialog", random = Math.random }: More = {},
): ChatPlatform {
  const failures = new Map<string, number>();

  /** Room for each call: the first is asked for again by the channel's own queue; what has begun (drawn with less, at another address) waits. */
  function roomIn(channel: string, signal: AbortSignal): () => Promise<void> {
    let begun = false;
    return async () => {
      if (begun) return turns.answer(channel, signal);
      const wait = turns.card(channel);
      if (wait > 0) throw new NoRoom(wait);
      begun = true;
    };
  }

  async function call<T>(
    channel: string,
    about: "root" | "reply" | "update",
    signal: AbortSignal,
    run: (place: Conversation, room: () => Promise<void>) => Promise<T>,
  ): Promise<T> {
    const room = roomIn(channel, signal);
    try {
      const done = await reach(channel, (place) => run(place, room));
      failures.delete(channel);
      return done;
    } catch (error) {
      const problem = toChatError(error, about);
      // Our own count is no trouble of Teams's.
      if (problem.kind !== "later" || problem instanceof NoRoom) throw problem;
      const nth = failures.get(channel) ?? 0;
      failures.set(channel, nth + 1);
      if (problem.retryAfterMs !== undefined) turns.rest(channel, problem.retryAfterMs);
      const retryAfterMs = restAfter(nth, problem.retryAfterMs, random);
      throw new ChatError("later", problem.message, { retryAfterMs, maybeSent: problem.maybeSent });
    }
  }

  return {
    name: "teams",
    pace,

    async post(channel, card, _marker, thread, signal) {
      const sent = await call(channel, thread === undefined ? "root" : "reply", signal, (place, room) =>
        drawn(card, forms, async (message) => {
          await room();
          return place.kind === "channel" && thread === undefined
            ? service.begin({ serviceUrl: place.serviceUrl, channel, bot: place.bot, tenant: place.tenant }, message, signal)
            : service.send({ serviceUrl: place.serviceUrl, conversation: threadOf(place, thread) }, message, signal);
        }),
      );
      if (sent.id === undefined)
        throw new ChatError("refused", "Teams posted without saying where, so the message cannot be kept up to date.");
      return { id: sent.id, ...(thread === undefined ? {} : { thread: rootOf(thread) }) };
    },

    async update(channel, ref, card, _marker, signal) {
      await call(channel, "update", signal, (place, room) =>
        drawn(card, forms, async (message) => {
          await room();
          await service.update({ serviceUrl: place.serviceUrl, conversation: threadOf(place, ref), id: ref.id }, message, signal);
        }),
      );
    },

    /** Teams lets no app look through a channel by itself. */
    async find() {
      throw new ChatError("refused", "Teams does not let air look for half-sent cards.");
    },
  };
}

/** Channels have threads, one level deep; a chat has none. */
export const threadOf = (place: Pick<Conversation, "id" | "kind">, ref: MessageRef | undefined): string =>
  place.kind === "channel" && ref !== undefined ? `${place.id};messageid=${rootOf(ref)}` : place.id;
const rootOf = (ref: MessageRef): string => ref.thread ?? ref.id;

/** A card that Teams does not take as it is drawn is drawn with less, and then with almost nothing; never more often than that. */
export async function drawn<T>(card: Card, forms: FormsOpen, send: (message: Message) => Promise<T>): Promise<T> {
  const summary = visible(card.summary.trim() || card.title)
    .slice(0, 300)
    .toWellFormed();
  for (const share of [1, 0.4]) {
    try {
      return await send({ card: toAdaptiveCard(card, share, forms), summary });
    } catch (error) {
      if (!isUndrawable(error)) throw error;
    }
  }
  return send({ card: toPlainCard(card), summary });
}
