import { Worker } from "node:worker_threads";

/** How the fakes behave; everything can be changed while a row runs. */
export type Behaviour = {
  /** `ok`; `paced`: one post per second and channel, the rest 429; `first429`: each message's first post 429; `down`: 503. */
  slack: "ok" | "paced" | "first429" | "down";
  slackDelayMs: number;
  intelDelayMs: number;
  /** Of 100 indicators, so many are malicious. */
  malicious: number;
};

/** What reached Slack about one alert. */
export type Arrival = {
  /** The first root post, on the clock of `clock.ts`. */
  first: number;
  /** The first post or update that shows a judged investigation. */
  settled: number | undefined;
  /** Root posts; one is right. */
  roots: number;
};

export type Counts = {
  /** Alerts seen, and how many of them judged. */
  alerts: number;
  settled: number;
  rootPosts: number;
  replies: number;
  updates: number;
  refused: number;
  lookUps: number;
};

/** A button on a card, as Slack would send it when it is pressed. */
export type SeenButton = { action: string; actionId: string; value: string; messageTs: string; channel: string };

export type Ask = { do: "behave"; change: Partial<Behaviour> } | { do: "reset" | "arrivals" | "counts" | "approvals" };
export type Question = { number: number; ask: Ask };
export type Answer = { number: number; answer: unknown } | { ready: { intel: number; slack: number } };

export const NORMAL: Behaviour = { slack: "ok", slackDelayMs: 30, intelDelayMs: 20, malicious: 25 };

/** Identifies a bench alert wherever it turns up. */
export const ALERT_ID = /bench-[0-9a-f]{6}-\d+/;

export type Fakes = {
  intelUrl: string;
  slackUrl: string;
  behave: (change: Partial<Behaviour>) => Promise<void>;
  /** Forgets what arrived and behaves normally again. */
  reset: () => Promise<void>;
  arrivals: () => Promise<Map<string, Arrival>>;
  counts: () => Promise<Counts>;
  /** Approve buttons posted since this was asked last. */
  approvals: () => Promise<SeenButton[]>;
  stop: () => Promise<void>;
};

/** Starts the fakes in a thread of their own, so that they do not wait for the load generator. */
export async function startFakes(): Promise<Fakes> {
  const worker = new Worker(new URL("./fake-servers.ts", import.meta.url));
  const waiting = new Map<number, (answer: unknown) => void>();
  let last = 0;
  const ready = Promise.withResolvers<{ intel: number; slack: number }>();
  worker.on("message", (message: Answer) => {
    if ("ready" in message) return ready.resolve(message.ready);
    waiting.get(message.number)?.(message.answer);
    waiting.delete(message.number);
  });
  worker.on("error", (error) => ready.reject(error));
  const ask = <T>(what: Ask): Promise<T> =>
    new Promise((resolve) => {
      const number = ++last;
      waiting.set(number, (answer) => resolve(answer as T));
      worker.postMessage({ number, ask: what } satisfies Question);
    });
  const ports = await ready.promise;
  return {
    intelUrl: `http://127.0.0.1:${ports.intel}`,
    slackUrl: `http://127.0.0.1:${ports.slack}/api/`,
    behave: (change) => ask({ do: "behave", change }),
    reset: () => ask({ do: "reset" }),
    arrivals: () => ask({ do: "arrivals" }),
    counts: () => ask({ do: "counts" }),
    approvals: () => ask({ do: "approvals" }),
    stop: async () => void (await worker.terminate()),
  };
}
