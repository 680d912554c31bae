import type { WebClient } from "@slack/web-api";
import { z } from "zod";
import type { Card } from "../../engine/cards/card.ts";
import { ChatError, type ChatPlatform, type MessageRef } from "../../engine/ports.ts";
import { type SlackMessage, toMessage, toPlainMessage } from "./blocks.ts";
import { isUndrawable, slackCode, toChatError } from "./errors.ts";

const EVENT_TYPE = "air_card";

const metadata = (marker: string) => ({ event_type: EVENT_TYPE, event_payload: { marker } });

const Found = z.object({
  ts: z.string(),
  metadata: z.object({ event_type: z.literal(EVENT_TYPE), event_payload: z.object({ marker: z.string() }) }),
});

/** A person's id, in place of a channel's. */
const MEMBER = /^[UW][A-Z0-9]+$/;

/** Pages of 200 looked through for one half-sent post: it is seconds old, so it is on the first or nowhere near. */
const PAGES = 5;

/** A card that Slack does not take as it is drawn is drawn with less, and then with almost nothing; never more often than that. */
async function drawn<T>(card: Card, send: (message: SlackMessage) => Promise<T>): Promise<T> {
  for (const share of [1, 0.4]) {
    try {
      return await send(toMessage(card, share));
    } catch (error) {
      if (!isUndrawable(error)) throw error;
    }
  }
  return send(toPlainMessage(card));
}

export function createPlatform(client: WebClient, pace: ChatPlatform["pace"], now: () => number = Date.now): ChatPlatform {
  const call = createCall(now);
  const rooms = new Map<string, Promise<string>>();
  /** A person is written to in the conversation with them, which opens as often as one asks for it. */
  const roomOf = (channel: string, signal: AbortSignal): Promise<string> => {
    const known = rooms.get(channel);
    if (known) return known;
    const opening = call("conversations.open", signal, async () => {
      const { channel: room } = await client.conversations.open({ users: channel });
      if (room?.id === undefined) throw new ChatError("refused", "Slack opened no conversation with this person.");
      return room.id;
    });
    rooms.set(channel, opening);
    opening.catch(() => rooms.delete(channel));
    return opening;
  };
  return {
    name: "slack",
    pace,

    async post(to, card, marker, thread, signal) {
      const channel = MEMBER.test(to) ? await roomOf(to, signal) : to;
      const sent = await call(`chat.postMessage ${channel}`, signal, () =>
        drawn(card, (message) =>
          client.chat.postMessage({
            channel,
            ...message,
            metadata: metadata(marker),
            // An indicator's address must not be fetched by Slack's preview robot.
            unfurl_links: false,
            unfurl_media: false,
            ...(thread === undefined ? {} : { thread_ts: rootOf(thread) }),
          }),
        ),
      );
      // Posted for certain, but not where: `find` knows it by its marker.
      if (sent.ts === undefined) throw new ChatError("later", "Slack posted without saying where.", { maybeSent: true });
      return { id: sent.ts, ...(thread === undefined ? {} : { thread: rootOf(thread) }) };
    },

    async update(to, ref, card, marker, signal) {
      const channel = MEMBER.test(to) ? await roomOf(to, signal) : to;
      // Text alone would drop the blocks.
      await call("chat.update", signal, () =>
        drawn(card, (message) => client.chat.update({ channel, ts: ref.id, ...message, metadata: metadata(marker) })),
      );
    },

    async find(to, marker, since, thread, signal) {
      const channel = MEMBER.test(to) ? await roomOf(to, signal) : to;
      // The clocks of air and Slack may differ by a little.
      const oldest = ((since.getTime() - 120_000) / 1000).toFixed(6);
      let cursor: string | undefined;
      for (let page = 0; page < PAGES; page += 1) {
        const ask = { channel, oldest, include_all_metadata: true, limit: 200, ...(cursor === undefined ? {} : { cursor }) };
        const answer = await call(thread === undefined ? "conversations.history" : "conversations.replies", signal, async () => {
          try {
            return await (thread === undefined
              ? client.conversations.history(ask)
              : client.conversations.replies({ ...ask, ts: rootOf(thread) }));
          } catch (error) {
            // Posting may work all the same.
            if (slackCode(error) === "missing_scope") throw new ChatError("refused", CANNOT_LOOK);
            throw error;
          }
        });
        for (const message of answer.messages ?? []) {
          const found = Found.safeParse(message);
          if (found.success && found.data.metadata.event_payload.marker === marker) {
            return { id: found.data.ts, ...(thread === undefined ? {} : { thread: rootOf(thread) }) };
          }
        }
        cursor = answer.response_metadata?.next_cursor || undefined;
        if (cursor === undefined) return undefined;
      }
      return undefined;
    },
  };
}

/** Slack threads are one level deep: a reply's thread is the root's. */
const rootOf = (thread: MessageRef): string => thread.thread ?? thread.id;

const CANNOT_LOOK =
  "The Slack app may not read its channels (channels:history, groups:history), so half-sent cards cannot be found. Compare it with `air slack manifest`.";

/**
 * Slack limits posts per channel and everything else per method over all channels. Until the wait Slack asked for is over, nothing of the
 * same sort is asked again; where it is not about posting in a channel, only that message waits and posts go on.
 */
function createCall(now: () => number): <T>(sort: string, signal: AbortSignal, run: () => Promise<T>) => Promise<T> {
  const until = new Map<string, number>();
  return async (sort, signal, run) => {
    const alone = !sort.startsWith("chat.postMessage ");
    const left = (until.get(sort) ?? 0) - now();
    if (left > 0) throw new ChatError("later", `Slack asked to wait with ${sort.split(" ")[0]}.`, { retryAfterMs: left, alone });
    until.delete(sort);
    try {
      return await withSignal(signal, run);
    } catch (error) {
      const { kind, message, retryAfterMs, maybeSent } = toChatError(error);
      if (kind !== "later" || retryAfterMs === undefined) throw toChatError(error);
      until.set(sort, now() + retryAfterMs);
      throw new ChatError("later", message, { retryAfterMs, maybeSent, alone });
    }
  };
}

/** Slack's client takes no signal: an aborted call is left to its own time-out and counted as perhaps sent. */
async function withSignal<T>(signal: AbortSignal, run: () => Promise<T>): Promise<T> {
  if (signal.aborted) throw new ChatError("later", "Stopped before Slack was asked.");
  const aborted = Promise.withResolvers<never>();
  const stop = () => aborted.reject(new ChatError("later", "Stopped while Slack was asked.", { maybeSent: true }));
  signal.addEventListener("abort", stop, { once: true });
  try {
    return await Promise.race([run(), aborted.promise]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/** A card answered to one person, through the address Slack gave with the press or command. */
export async function respond(url: string, card: Card, allowed: (host: string) => boolean): Promise<void> {
  const target = URL.parse(url);
  if (target === null || !allowed(target.host)) throw new ChatError("refused", "Slack's answer address is not Slack's.");
  const answer = await fetch(target, {
    method: "POST",
    headers: { "content-type": "application/json; charset=utf-8" },
    // Without replace_original an answer would take the place of the card that was pressed.
    body: JSON.stringify({
      response_type: "ephemeral",
      replace_original: false,
      unfurl_links: false,
      unfurl_media: false,
      ...toMessage(card),
    }),
    redirect: "error",
    signal: AbortSignal.timeout(10_000),
  });
  if (!answer.ok) throw new ChatError("gone", `Slack's answer address gave HTTP ${answer.status}.`);
}
