import { SocketModeReceiver } from "@slack/bolt";
import { z } from "zod";
import type { Log } from "../../engine/ports.ts";
import { boltLogger } from "./bolt-logger.ts";
import { slackCode } from "./errors.ts";
import { createSeen } from "./seen.ts";

const Hello = z.object({ type: z.literal("hello"), num_connections: z.number() });
const Envelope = z.object({ envelope_id: z.string().min(1), ack: z.custom<() => Promise<void>>((value) => typeof value === "function") });
/** A connection that ended is counted by Slack for at most this long. */
const LINGERS_MS = 120_000;

type SocketOptions = {
  /** First pause before a lost socket is opened again; it doubles up to a minute. */
  firstWaitMs?: number | undefined;
  /** How long an unanswered ping is waited for. */
  pingMs?: number | undefined;
  /** Slack counts more connections of this app token than this process has opened. */
  onShared?: ((connections: number) => void) | undefined;
  /** Slack refused the app token; told once per refusal. */
  onRefused?: ((code: string) => void) | undefined;
};
export type Socket = {
  receiver: SocketModeReceiver;
  /** The code with which Slack refused the app token, until it takes it. */
  refused(): string | undefined;
  start(): void;
  stop(): Promise<void>;
};

/** Refusals that waiting does not mend; asked again all the same, seldom, in case the app is repaired meanwhile. */
const CONFIGURATION = new Set([
  "invalid_auth",
  "not_authed",
  "not_allowed_token_type",
  "account_inactive",
  "token_revoked",
  "missing_scope",
]);

/**
 * Socket Mode that outlives its connection. The SDK's own reconnection (3.1.0) drops a failed attempt as an unhandled rejection,
 * which ends the process, so it is switched off and this loop does it: connect, wait for the end, wait a little, again.
 */
export function createSocket(appToken: string, apiUrl: string | undefined, log: Log, options: SocketOptions = {}): Socket {
  const { firstWaitMs = 500, pingMs, onShared, onRefused } = options;
  const receiver = new SocketModeReceiver({
    appToken,
    autoReconnectEnabled: false,
    // A line that went silent is found by the SDK's own pings.
    ...(pingMs === undefined ? {} : { clientPingTimeout: pingMs }),
    logger: boltLogger(log),
    installerOptions: {
      clientOptions: { retryConfig: { retries: 0 }, timeout: 10_000, ...(apiUrl === undefined ? {} : { slackApiUrl: apiUrl }) },
    },
  });
  const { client } = receiver;
  const stopping = new AbortController();
  let running: Promise<void> | undefined;
  let refused: string | undefined;

  // A message the SDK trips over must not end the process either.
  for (const deliver of client.listeners("ws_message")) {
    client.off("ws_message", deliver);
    client.on("ws_message", async (...args: unknown[]) => {
      noteHello(args[0]);
      try {
        await deliver.apply(client, args);
      } catch (error) {
        log.warn("a Slack socket message was not understood", { error: String(error) });
      }
    });
  }

  // Slack sends an envelope again where our ack did not reach it. It is acked again and acts once.
  const seen = createSeen(1_000);
  const emit = client.emit.bind(client);
  client.emit = (event: string | symbol, ...args: unknown[]) => {
    const envelope = event === "slack_event" ? Envelope.safeParse(args[0]) : undefined;
    if (!envelope?.success || !seen(envelope.data.envelope_id)) return emit(event, ...args);
    log.debug("a Slack envelope came again", { envelope: envelope.data.envelope_id });
    envelope.data.ack().catch((error: unknown) => log.warn("an envelope could not be acked again", { error: String(error) }));
    return true;
  };

  /** When our last connection ended: for a while Slack may count it still. */
  let endedAt = 0;
  function noteHello(data: unknown): void {
    const hello = readHello(data);
    if (hello === undefined || hello <= 1 || Date.now() - endedAt < LINGERS_MS) return;
    log.warn("Slack counts more connections of this app token than air has: another air may use the same Slack app", {
      connections: hello,
    });
    onShared?.(hello);
  }

  async function keepConnected(): Promise<void> {
    let failures = 0;
    while (!stopping.signal.aborted) {
      const ended = Promise.withResolvers<void>();
      client.once("disconnected", () => ended.resolve());
      // Without a hello the SDK would wait for ever.
      const silence = setTimeout(() => void client.disconnect(), 20_000);
      try {
        await client.start();
        clearTimeout(silence);
        failures = 0;
        refused = undefined;
        log.info("connected to Slack by Socket Mode");
        await ended.promise;
        endedAt = Date.now();
        if (!stopping.signal.aborted) log.info("the Slack socket closed, connecting again");
      } catch (error) {
        failures += 1;
        const code = slackCode(error);
        if (code !== undefined && CONFIGURATION.has(code)) {
          failures = Math.max(failures, 7);
          log.error("Slack refused the app token. Create one with connections:write under Basic Information and set SLACK_APP_TOKEN.", {
            code,
          });
          if (refused !== code) onRefused?.(code);
          refused = code;
        } else log.warn("no connection to Slack, trying again", { attempt: failures, error: String(error ?? "closed") });
      } finally {
        clearTimeout(silence);
        client.removeAllListeners("disconnected");
      }
      await wait(Math.min(60_000, firstWaitMs * 2 ** Math.min(failures, 10)) * (0.75 + Math.random() / 2), stopping.signal);
    }
  }

  return {
    receiver,
    refused: () => refused,
    start: () => {
      running ??= keepConnected();
    },
    async stop() {
      stopping.abort();
      if (running === undefined) return;
      // An SDK that does not finish its good-bye must not hold up ours.
      await Promise.race([client.disconnect().then(() => running), wait(3_000, new AbortController().signal)]);
    },
  };
}

/** How many connections of this app token Slack counts; undefined: this is no hello. */
function readHello(data: unknown): number | undefined {
  if (typeof data !== "string" || !data.includes('"hello"') || data.length > 10_000) return undefined;
  try {
    return Hello.safeParse(JSON.parse(data)).data?.num_connections;
  } catch {
    return undefined;
  }
}

/** Ends early when the signal does. */
function wait(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  const stop = () => {
    clearTimeout(timer);
    resolve();
  };
  signal.addEventListener("abort", stop, { once: true });
  return promise.finally(() => signal.removeEventListener("abort", stop));
}
