import { SocketModeReceiver } from "@slack/bolt";
import type { Log } from "../../engine/ports.ts";
import { boltLogger } from "./bolt-logger.ts";
import { slackCode } from "./errors.ts";

export type Socket = { receiver: SocketModeReceiver; start(): void; stop(): Promise<void> };

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
export function createSocket(appToken: string, apiUrl: string | undefined, log: Log, firstWaitMs = 500): Socket {
  const receiver = new SocketModeReceiver({
    appToken,
    autoReconnectEnabled: false,
    logger: boltLogger(log),
    installerOptions: {
      clientOptions: { retryConfig: { retries: 0 }, timeout: 10_000, ...(apiUrl === undefined ? {} : { slackApiUrl: apiUrl }) },
    },
  });
  const { client } = receiver;
  const stopping = new AbortController();
  let running: Promise<void> | undefined;

  // A message the SDK trips over must not end the process either.
  for (const deliver of client.listeners("ws_message")) {
    client.off("ws_message", deliver);
    client.on("ws_message", async (...args: unknown[]) => {
      try {
        await deliver.apply(client, args);
      } catch (error) {
        log.warn("a Slack socket message was not understood", { error: String(error) });
      }
    });
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
        log.info("connected to Slack by Socket Mode");
        await ended.promise;
        if (!stopping.signal.aborted) log.info("the Slack socket closed, connecting again");
      } catch (error) {
        failures += 1;
        const code = slackCode(error);
        if (code !== undefined && CONFIGURATION.has(code)) {
          failures = Math.max(failures, 7);
          log.error("Slack refused the app token. Create one with connections:write under Basic Information and set SLACK_APP_TOKEN.", {
            code,
          });
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
