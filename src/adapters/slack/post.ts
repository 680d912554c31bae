import type { WebClient } from "@slack/web-api";
import { z } from "zod";
import type { Card } from "../../engine/cards/card.ts";
import { ChatError, type ChatPlatform, type MessageRef } from "../../engine/ports.ts";
import { toMessage } from "./blocks.ts";
import { toChatError } from "./errors.ts";

const EVENT_TYPE = "air_card";

const metadata = (marker: string) => ({ event_type: EVENT_TYPE, event_payload: { marker } });

const Found = z.object({
  ts: z.string(),
  metadata: z.object({ event_type: z.literal(EVENT_TYPE), event_payload: z.object({ marker: z.string() }) }),
});

/** Pages of 200 looked through for one half-sent post: it is seconds old, so it is on the first or nowhere near. */
const PAGES = 5;

export function createPlatform(client: WebClient, pace: ChatPlatform["pace"]): ChatPlatform {
  return {
    name: "slack",
    pace,

    async post(channel, card, marker, thread, signal) {
      const sent = await call(signal, () =>
        client.chat.postMessage({
          channel,
          ...toMessage(card),
          metadata: metadata(marker),
          // An indicator's address must not be fetched by Slack's preview robot.
          unfurl_links: false,
          unfurl_media: false,
          ...(thread === undefined ? {} : { thread_ts: rootOf(thread) }),
        }),
      );
      // Posted for certain, but not where: `find` knows it by its marker.
      if (sent.ts === undefined) throw new ChatError("later", "Slack posted without saying where.", { maybeSent: true });
      return { id: sent.ts, ...(thread === undefined ? {} : { thread: rootOf(thread) }) };
    },

    async update(channel, ref, card, marker, signal) {
      // Text alone would drop the blocks.
      await call(signal, () => client.chat.update({ channel, ts: ref.id, ...toMessage(card), metadata: metadata(marker) }));
    },

    async find(channel, marker, since, thread, signal) {
      // The clocks of air and Slack may differ by a little.
      const oldest = ((since.getTime() - 120_000) / 1000).toFixed(6);
      let cursor: string | undefined;
      for (let page = 0; page < PAGES; page += 1) {
        const ask = { channel, oldest, include_all_metadata: true, limit: 200, ...(cursor === undefined ? {} : { cursor }) };
        const answer = await call(signal, async () =>
          thread === undefined ? client.conversations.history(ask) : client.conversations.replies({ ...ask, ts: rootOf(thread) }),
        );
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

/** Slack's client takes no signal: an aborted call is left to its own time-out and counted as perhaps sent. */
async function call<T>(signal: AbortSignal, run: () => Promise<T>): Promise<T> {
  if (signal.aborted) throw new ChatError("later", "Stopped before Slack was asked.");
  const aborted = Promise.withResolvers<never>();
  const stop = () => aborted.reject(new ChatError("later", "Stopped while Slack was asked.", { maybeSent: true }));
  signal.addEventListener("abort", stop, { once: true });
  try {
    return await Promise.race([run(), aborted.promise]);
  } catch (error) {
    throw toChatError(error);
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
