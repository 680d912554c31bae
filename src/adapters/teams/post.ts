import type { Card } from "../../engine/cards/card.ts";
import { visible } from "../../engine/cards/visible.ts";
import { ChatError, type ChatPlatform, type Conversation, type MessageRef } from "../../engine/ports.ts";
import { type FormsOpen, toAdaptiveCard, toPlainCard } from "./adaptive-card.ts";
import { isUndrawable, toChatError } from "./errors.ts";
import type { Message, Service } from "./service.ts";
import type { Windows } from "./windows.ts";

/** Where conversations are reached, kept from what was heard of them. */
export type Conversations = {
  heard(one: Omit<Conversation, "removedAt">, now: Date): Promise<void>;
  left(where: { id: string; team?: string | undefined }, now: Date): Promise<void>;
  /** air was added to the team again: what was lost with it is there, too. */
  returned(where: { id: string; team?: string | undefined }): Promise<void>;
  find(id: string): Promise<Conversation | undefined>;
  newest(tenant?: string): Promise<Conversation | undefined>;
};

/** How long the channel rests after a failure that says nothing about it: twice as long each time, and never all at once. */
const FIRST_REST_MS = 2_000;
const LONGEST_REST_MS = 60_000;

/** `tenants`: whose people are served; empty: any. `random` is for tests. */
type More = { forms?: FormsOpen; tenants?: () => readonly string[]; random?: () => number };

export function createPlatform(
  service: Service,
  conversations: Pick<Conversations, "find" | "newest">,
  windows: Windows,
  pace: ChatPlatform["pace"],
  { forms = "dialog", tenants = () => [], random = Math.random }: More = {},
): ChatPlatform {
  const reach = (channel: string) => reachOf(conversations, channel, tenants());
  const failures = new Map<string, number>();

  async function call<T>(channel: string, about: "root" | "reply" | "update", run: () => Promise<T>): Promise<T> {
    const wait = windows.take(channel);
    if (wait > 0) throw new ChatError("later", "Teams takes no more in this conversation just now.", { retryAfterMs: wait });
    try {
      const done = await run();
      failures.delete(channel);
      return done;
    } catch (error) {
      const problem = toChatError(error, about);
      if (problem.kind !== "later") throw problem;
      const nth = failures.get(channel) ?? 0;
      failures.set(channel, nth + 1);
      const rest = Math.min(LONGEST_REST_MS, FIRST_REST_MS * 2 ** Math.min(nth, 10));
      const retryAfterMs = Math.max(problem.retryAfterMs ?? 0, Math.round(rest * (0.5 + random() / 2)));
      throw new ChatError("later", problem.message, { retryAfterMs, maybeSent: problem.maybeSent });
    }
  }

  return {
    name: "teams",
    pace,

    async post(channel, card, _marker, thread, signal) {
      const place = await reach(channel);
      const sent = await call(channel, thread === undefined ? "root" : "reply", () =>
        drawn(card, forms, (message) =>
          place.kind === "channel" && thread === undefined
            ? service.begin({ serviceUrl: place.serviceUrl, channel, bot: place.bot, tenant: place.tenant }, message, signal)
            : service.send({ serviceUrl: place.serviceUrl, conversation: threadOf(place, thread) }, message, signal),
        ),
      );
      if (sent.id === undefined)
        throw new ChatError("refused", "Teams posted without saying where, so the message cannot be kept up to date.");
      return { id: sent.id, ...(thread === undefined ? {} : { thread: rootOf(thread) }) };
    },

    async update(channel, ref, card, _marker, signal) {
      const place = await reach(channel);
      await call(channel, "update", () =>
        drawn(card, forms, (message) =>
          service.update({ serviceUrl: place.serviceUrl, conversation: threadOf(place, ref), id: ref.id }, message, signal),
        ),
      );
    },

    /** Teams lets no app look through a channel by itself. */
    async find() {
      throw new ChatError("refused", "Teams does not let air look for half-sent cards.");
    },
  };
}

/**
 * How a conversation is reached now; one never heard of through the service of another of the same tenant, where that can only be one:
 * what is meant for one tenant must not be offered to another.
 */
async function reachOf(
  conversations: Pick<Conversations, "find" | "newest">,
  id: string,
  tenants: readonly string[],
): Promise<Conversation> {
  const known = await conversations.find(id);
  if (known && tenants.length > 0 && !tenants.includes(known.tenant))
    throw new ChatError(
      "channel",
      "The channel is in a tenant air does not serve: name it under teams.tenants in air.yaml, or set another channel.",
    );
  if (known?.removedAt)
    throw new ChatError("channel", "air was removed from this team or chat. Add the app there again, or set another channel in air.yaml.");
  if (known) return known;
  if (!known && tenants.length > 1)
    throw new ChatError(
      "channel",
      "air serves several tenants and does not know yet in which of them this channel is: say @air whoami in it.",
    );
  const other = await conversations.newest(tenants[0]);
  if (!other)
    throw new ChatError(
      "channel",
      "Teams has not told air yet where to post: add the app to the team of this channel (air teams package), or say something to it there.",
    );
  return {
    id,
    kind: /@thread\.v2$|^a:/.test(id) ? "group" : "channel",
    tenant: other.tenant,
    serviceUrl: other.serviceUrl,
    bot: other.bot,
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
