import http from "node:http";
import type { AddressInfo } from "node:net";
import { WebClient } from "@slack/web-api";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { boltLogger } from "../../../src/adapters/slack/bolt-logger.ts";
import { checkMessage } from "../../../src/adapters/slack/check-blocks.ts";
import { createPlatform } from "../../../src/adapters/slack/post.ts";
import type { Card } from "../../../src/engine/cards/card.ts";
import type { ChatPlatform } from "../../../src/engine/ports.ts";
import { eventually } from "../../support/eventually.ts";
import { rememberingLog } from "../../support/remembering-log.ts";
import { approvalCard } from "../../support/sample-card.ts";

/* What Slack, or something on the way to it, can answer; and what each means for air. */

type Answer = { status?: number; headers?: Record<string, string>; body?: string } | "hang up" | "half";
type Call = { method: string; body: Record<string, string> };

let server: http.Server;
let apiUrl: string;
const answers: Answer[] = [];
const calls: Call[] = [];
const refused = (error: string, more: object = {}): Answer => ({ body: JSON.stringify({ ok: false, error, ...more }) });
const fine: Answer = { body: JSON.stringify({ ok: true, ts: "17.1", messages: [] }) };
const never = new AbortController().signal;

beforeAll(async () => {
  server = http.createServer((request, response) => {
    let raw = "";
    request.on("data", (chunk) => {
      raw += chunk;
    });
    request.on("end", () => {
      calls.push({ method: (request.url ?? "").split("/").at(-1) ?? "", body: Object.fromEntries(new URLSearchParams(raw)) });
      const answer = answers.shift() ?? fine;
      if (answer === "hang up") {
        request.socket.destroy();
        return;
      }
      response.writeHead(typeof answer === "string" ? 200 : (answer.status ?? 200), {
        "content-type": "application/json",
        ...(typeof answer === "string" ? { "content-length": "500" } : answer.headers),
      });
      if (answer === "half") {
        response.write('{"ok":true,"ts":"17');
        setImmediate(() => request.socket.destroy());
        return;
      }
      response.end(answer.body ?? "");
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  apiUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

let now = 0;
let platform: ChatPlatform;
beforeEach(() => {
  answers.length = 0;
  calls.length = 0;
  now = 1_000_000;
  const client = new WebClient("xoxb-1", {
    slackApiUrl: apiUrl,
    retryConfig: { retries: 0 },
    rejectRateLimitedCalls: true,
    timeout: 10_000,
    logger: boltLogger(rememberingLog()),
  });
  platform = createPlatform(client, { perSecond: 1, burst: 1 }, () => now);
});
const post = (channel = "C1") => platform.post(channel, approvalCard, "m", undefined, never);
const update = (channel = "C1") => platform.update(channel, { id: "17.1" }, approvalCard, "m", never);

test.each<[string, Answer, object]>([
  ["not_in_channel", refused("not_in_channel"), { kind: "channel", message: expect.stringContaining("/invite @air") }],
  ["channel_not_found", refused("channel_not_found"), { kind: "channel", message: expect.stringContaining("/invite @air") }],
  ["is_archived", refused("is_archived"), { kind: "channel", message: expect.stringContaining("Unarchive it") }],
  ["restricted_action", refused("restricted_action"), { kind: "channel", message: expect.stringContaining("admin") }],
  ["invalid_auth", refused("invalid_auth"), { kind: "account", message: expect.stringContaining("SLACK_BOT_TOKEN") }],
  ["token_revoked", refused("token_revoked"), { kind: "account", message: expect.stringContaining("SLACK_BOT_TOKEN") }],
  ["account_inactive", refused("account_inactive"), { kind: "account", message: expect.stringContaining("SLACK_BOT_TOKEN") }],
  [
    "missing_scope",
    refused("missing_scope", { needed: "chat:write", provided: "commands" }),
    { kind: "account", message: expect.stringContaining("chat:write") },
  ],
  ["message_not_found", refused("message_not_found"), { kind: "gone" }],
  ["cant_update_message", refused("cant_update_message"), { kind: "gone" }],
  ["edit_window_closed", refused("edit_window_closed"), { kind: "gone" }],
  ["thread_not_found", refused("thread_not_found"), { kind: "gone" }],
  ["internal_error", refused("internal_error"), { kind: "later", maybeSent: true }],
  ["ratelimited without a header", refused("ratelimited"), { kind: "later", maybeSent: false }],
  ["429", { status: 429, headers: { "retry-after": "7" } }, { kind: "later", retryAfterMs: 7_000, maybeSent: false }],
  ["500", { status: 500 }, { kind: "later", maybeSent: true }],
  ["502 with a page", { status: 502, body: "<html>Bad gateway</html>" }, { kind: "later", maybeSent: true }],
  ["a page instead of data", { body: "<html><h1>Sign in to the proxy</h1></html>" }, { kind: "later", maybeSent: true }],
  ["nothing at all", { body: "" }, { kind: "later", maybeSent: true }],
  ["403 of a proxy", { status: 403, body: "<html>" }, { kind: "refused", message: expect.stringContaining("proxy") }],
  ["a reset connection", "hang up", { kind: "later", maybeSent: true }],
  ["half an answer", "half", { kind: "later", maybeSent: true }],
  ["what nobody knows", refused("something_new"), { kind: "refused", message: expect.stringContaining("something_new") }],
])("%s", async (_name, answer, expected) => {
  answers.push(answer);
  await expect(post()).rejects.toMatchObject(expected);
  expect(calls).toHaveLength(1);
});

test("a page is never repeated in what air says of it", async () => {
  answers.push({ body: "<html>secret of the proxy</html>" });
  await expect(post()).rejects.toThrow(expect.objectContaining({ message: expect.not.stringContaining("secret") }));
});

test("a call that is stopped may have been carried out", async () => {
  const stop = new AbortController();
  const sent = platform.post("C1", approvalCard, "m", undefined, stop.signal);
  stop.abort();
  await expect(sent).rejects.toMatchObject({ kind: "later", maybeSent: true });
  // It arrives all the same, which is why it counts as perhaps sent.
  await eventually(() => calls.length === 1, "the call");
});

describe("a rate limit", () => {
  const limit: Answer = { status: 429, headers: { "retry-after": "30" } };

  test("of posts is that of one channel: it is not asked before its time, others are", async () => {
    answers.push(limit);
    await expect(post("C1")).rejects.toMatchObject({ kind: "later", retryAfterMs: 30_000, alone: false });
    now += 29_000;
    await expect(post("C1")).rejects.toMatchObject({ kind: "later", retryAfterMs: 1_000 });
    expect(calls).toHaveLength(1);
    await post("C2");
    now += 1_000;
    await post("C1");
    expect(calls).toHaveLength(3);
  });

  test("of another method is that of all channels, and posts go on", async () => {
    answers.push(limit);
    await expect(update("C1")).rejects.toMatchObject({ kind: "later", retryAfterMs: 30_000, alone: true });
    await expect(update("C2")).rejects.toMatchObject({ kind: "later", alone: true });
    await expect(platform.find("C1", "m", new Date(), undefined, never)).resolves.toBeUndefined();
    await post("C1");
    expect(calls.map(({ method }) => method)).toEqual(["chat.update", "conversations.history", "chat.postMessage"]);
    now += 30_000;
    await update("C2");
    expect(calls).toHaveLength(4);
  });
});

describe("a card Slack does not take as it is drawn", () => {
  const long: Card = {
    ...approvalCard,
    lines: Array.from({ length: 30 }, (_, index) => ({ kind: "text" as const, text: `${index} ${"long words ".repeat(30)}` })),
  };
  const drawnAs = () =>
    calls.map(({ body }) => ({
      text: body.text ?? "",
      blocks: JSON.parse(body.blocks ?? "[]") as { type: string; elements?: unknown[] }[],
    }));

  test.each(["msg_blocks_too_long", "invalid_blocks", "msg_too_long"])(
    "%s: it is drawn with less, then plainly, with the same buttons",
    async (code) => {
      answers.push(refused(code), refused(code));
      await platform.post("C1", long, "m", undefined, never);
      const [full, less, plain] = drawnAs();
      expect(calls).toHaveLength(3);
      for (const message of [full, less, plain]) {
        expect(checkMessage(message)).toEqual([]);
        expect(message?.blocks.at(-1)).toEqual(full?.blocks.at(-1));
      }
      expect(JSON.stringify(less).length).toBeLessThan(JSON.stringify(full).length / 1.5);
      expect(plain?.blocks.map(({ type }) => type)).toEqual(["section", "actions"]);
    },
  );

  test("one that is refused even then is refused, once", async () => {
    answers.push(refused("invalid_blocks"), refused("invalid_blocks"), refused("invalid_blocks"));
    await expect(platform.update("C1", { id: "17.1" }, long, "m", never)).rejects.toMatchObject({ kind: "refused" });
    expect(calls).toHaveLength(3);
  });
});

test("channels that may not be read: posting works all the same, so only the look-up is refused", async () => {
  answers.push(refused("missing_scope", { needed: "channels:history" }));
  await expect(platform.find("C1", "m", new Date(), undefined, never)).rejects.toMatchObject({
    kind: "refused",
    message: expect.stringContaining("channels:history"),
  });
});
