import type { WebClient } from "@slack/web-api";
import { visible } from "../../engine/cards/visible.ts";
import { ChatError } from "../../engine/ports.ts";
import { toChatError } from "./errors.ts";
import { cutTo } from "./text.ts";

/** A picture or a list that goes with an answer. */
export type Attachment = { name: string; title: string; content: Uint8Array };

/** What a chat is for; a larger one is fetched over HTTP. Slack itself takes more. */
const LARGEST = 20 * 1024 * 1024;
const UPLOAD_MS = 30_000;

/**
 * Slack's way of uploading: ask where, send the bytes there, then say that they are complete and who may see them.
 *
 * @throws ChatError
 */
export async function sendFile(
  client: WebClient,
  { name, title, content }: Attachment,
  where: { channel: string; thread?: string },
  isSlackHost: (host: string) => boolean,
): Promise<void> {
  if (content.byteLength === 0) throw new ChatError("refused", "There is nothing in the file.");
  if (content.byteLength > LARGEST)
    throw new ChatError(
      "refused",
      `The file has ${Math.ceil(content.byteLength / 1024 / 1024)} MiB, more than the 20 air sends to a chat.`,
    );
  try {
    const place = await client.files.getUploadURLExternal({ filename: fileName(name), length: content.byteLength });
    if (!place.upload_url || !place.file_id) throw new ChatError("later", "Slack named no place for the file.");
    await upload(place.upload_url, content, isSlackHost);
    await client.files.completeUploadExternal({
      files: [{ id: place.file_id, title: cutTo(visible(title), 200) }],
      channel_id: where.channel,
      ...(where.thread === undefined ? {} : { thread_ts: where.thread }),
    });
  } catch (error) {
    throw toChatError(error);
  }
}

async function upload(url: string, content: Uint8Array, isSlackHost: (host: string) => boolean): Promise<void> {
  const target = URL.parse(url);
  // What is in the file may only go to Slack, whatever an answer says.
  if (target === null || !isSlackHost(target.host) || (target.protocol !== "https:" && !isLoopback(target.hostname)))
    throw new ChatError("refused", "The place Slack named for the file is not Slack's. Check SLACK_API_URL and any proxy on the way.");
  const answer = await fetch(target, {
    method: "POST",
    headers: { "content-type": "application/octet-stream" },
    body: Buffer.from(content),
    redirect: "error",
    signal: AbortSignal.timeout(UPLOAD_MS),
  });
  await answer.body?.cancel();
  if (!answer.ok) throw new ChatError(answer.status >= 500 ? "later" : "refused", `Slack's file store answered HTTP ${answer.status}.`);
}

const isLoopback = (host: string) => host === "localhost" || host === "[::1]" || /^127(\.\d{1,3}){3}$/.test(host);
/** Names come from ids and words of ours; this keeps them that. */
const fileName = (name: string): string => cutTo(name.replaceAll(/[^\w.-]+/g, "-"), 100) || "air";
