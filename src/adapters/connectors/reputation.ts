import { createHash } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { z } from "zod";
import { type EntityOf, entityKey } from "../../engine/domain/entity.ts";
import { type House, mayLeave, type Share } from "../../engine/domain/may-leave.ts";
import { commonInfrastructure } from "../../engine/domain/well-known.ts";
import type { Clock, ReputationAnswer, ReputationKind, ReputationSource } from "../../engine/ports.ts";
import { ConnectorError } from "../../engine/ports.ts";
import { createHttp, type Http, type HttpSettings } from "./http.ts";
import { createQuota, type QuotaRows } from "./quota.ts";

export type ReputationSettings = {
  url: string;
  perMinute?: number | undefined;
  perDay?: number | undefined;
  /** `public` unless air.yaml says otherwise. */
  share?: Share | undefined;
};

/** Answers kept in rows, so that a thing is asked once, by whichever process and across restarts. */
export type AnswerRows = {
  claim: (question: { digest: string; source: string; now: Date }) => Promise<{ answer: unknown } | "mine" | "asking">;
  keep: (kept: { digest: string; source: string; answer: unknown; askedAt: Date; goodUntil: Date }) => Promise<void>;
  release: (digest: string) => Promise<void>;
};
/** Without `rows` (`air doctor`) quotas are counted and answers are remembered in this process only. `http` and `fetch` are for tests. */
export type ReputationMeans = {
  clock: Clock;
  house?: (() => House) | undefined;
  rows?: (AnswerRows & QuotaRows) | undefined;
  fetch?: typeof fetch;
  http?: Pick<HttpSettings, "timeoutMs" | "breaker" | "again">;
};

type Asked<T> = { question: string; ask: () => Promise<T>; keepsMs: (answer: T) => number; signal: AbortSignal };
export type Vendor = {
  http: Http;
  /** Asked once within its time; `keepsMs` 0: not kept. The answer must survive JSON but for what `revive` brings back. */
  remembered: <T>(asked: Asked<T>, revive: (stored: unknown) => T | undefined) => Promise<T>;
  leaving: <E extends EntityOf<ReputationKind>>(entity: E) => ReturnType<typeof mayLeave<E>>;
};

const NO_HOUSE: House = { domains: [], internalRanges: [] };
/** How often somebody who waits for another process's answer looks whether it is there. */
const LOOK_AGAIN_MS = 100;

/** What every reputation product has in common: one HTTP client with its quota, the rule of what leaves, and a memory in rows. */
export function createVendor(
  about: Pick<HttpSettings, "name" | "headers" | "refusedHint" | "urlSetting" | "reason">,
  settings: ReputationSettings,
  means: ReputationMeans,
): Vendor {
  const { clock, rows } = means;
  const { perMinute, perDay } = settings;
  const kept: AnswerRows = rows ?? inMemory();
  const givenUp = () => new ConnectorError("unavailable", `${about.name} was given up on before it answered`);
  const http = createHttp({
    ...about,
    baseUrl: settings.url,
    clock,
    quota: createQuota({ name: about.name, perMinute, perDay, clock, rows }),
    again: { times: 1 },
    ...means.http,
    ...(means.fetch && { fetch: means.fetch }),
  });
  /** Questions on their way in this process: who asks the same meanwhile waits for the same answer. */
  const pending = new Map<string, { asker: AbortSignal; answer: Promise<unknown> }>();

  async function remembered<T>(asked: Asked<T>, revive: (stored: unknown) => T | undefined): Promise<T> {
    const { signal } = asked;
    const digest = createHash("sha256").update(`${about.name} ${settings.url} ${asked.question}`).digest("hex");
    for (;;) {
      const other = pending.get(digest);
      if (!other) break;
      try {
        return (await Promise.race([other.answer, aborted(signal, givenUp)])) as T;
      } catch (error) {
        // The one who asked gave up; whoever still waits asks for himself.
        if (signal.aborted || !other.asker.aborted) throw error;
        if (pending.get(digest) === other) pending.delete(digest);
      }
    }
    const answer = throughRows(digest, asked, revive);
    pending.set(digest, { asker: signal, answer });
    try {
      return await answer;
    } finally {
      if (pending.get(digest)?.answer === answer) pending.delete(digest);
    }
  }

  async function throughRows<T>(digest: string, asked: Asked<T>, revive: (stored: unknown) => T | undefined): Promise<T> {
    for (;;) {
      const claimed = await kept.claim({ digest, source: about.name, now: clock.now() });
      if (claimed === "mine") break;
      const known = claimed === "asking" ? undefined : revive(claimed.answer);
      if (known !== undefined) return known;
      // A row of another version that cannot be read any more: asked as if it were not there.
      if (claimed !== "asking") break;
      await pause(LOOK_AGAIN_MS, undefined, { signal: asked.signal }).catch(() => {
        throw givenUp();
      });
    }
    const askedAt = clock.now();
    // That the row cannot be written changes nothing about the answer; the claim ends by itself.
    const quietly = (written: Promise<void>) => written.catch(() => {});
    try {
      const answer = await asked.ask();
      const ms = asked.keepsMs(answer);
      const goodUntil = new Date(askedAt.getTime() + ms);
      await quietly(ms > 0 ? kept.keep({ digest, source: about.name, answer, askedAt, goodUntil }) : kept.release(digest));
      return answer;
    } catch (error) {
      await quietly(kept.release(digest));
      throw error;
    }
  }

  return { http, remembered, leaving: (entity) => mayLeave(entity, means.house?.() ?? NO_HOUSE, settings.share ?? "public") };
}

/** Rejects once given up on; never resolves. */
const aborted = (signal: AbortSignal, why: () => Error) =>
  new Promise<never>((_, reject) => {
    if (signal.aborted) reject(why());
    signal.addEventListener("abort", () => reject(why()), { once: true });
  });

const MOST_IN_MEMORY = 200;
function inMemory(): AnswerRows {
  const answers = new Map<string, { answer: unknown; goodUntil: Date }>();
  return {
    async claim({ digest, now }) {
      const known = answers.get(digest);
      return known && known.goodUntil > now ? { answer: known.answer } : "mine";
    },
    async keep({ digest, answer, goodUntil }) {
      answers.delete(digest);
      answers.set(digest, { answer, goodUntil });
      for (const oldest of answers.keys()) {
        if (answers.size <= MOST_IN_MEMORY) break;
        answers.delete(oldest);
      }
    },
    async release() {},
  };
}

const HOUR = 3_600_000;
/**
 * How long an answer holds. Not longer than four hours where an approval looks again at older evidence and wants to hear something new;
 * that nothing is known of a thing changes sooner.
 */
export const KEEPS = { hitMs: 4 * HOUR, missMs: HOUR } as const;

/** An answer as its row gives it back. */
export const StoredAnswer = z.object({
  label: z.enum(["malicious", "suspicious", "benign", "neutral"]),
  weight: z.number(),
  text: z.string(),
  at: z.coerce.date(),
  raw: z.unknown().optional(),
});

export const keepsMs = ({ label, text }: ReputationAnswer, keeps: { hitMs: number; missMs: number } = KEEPS): number =>
  text.startsWith("not asked") ? 0 : label === "neutral" ? keeps.missMs : keeps.hitMs;

/** Puts around a product's own look-up what holds for all of them. `look` is handed what may be sent, and nothing else. */
export function reputationSource(
  vendor: Vendor,
  source: Pick<ReputationSource, "name" | "family" | "kinds"> & {
    look: ReputationSource["look"];
    clock: Clock;
    keeps?: { hitMs: number; missMs: number };
    /** It remembers by itself, because one answer serves more than this. */
    remembers?: true;
  },
): ReputationSource {
  const { name, family, kinds, clock, keeps } = source;
  const look = (send: EntityOf<ReputationKind>, signal: AbortSignal) =>
    source.remembers
      ? source.look(send, signal)
      : vendor.remembered<ReputationAnswer>(
          {
            question: entityKey(send),
            ask: () => source.look(send, signal),
            keepsMs: (answer) => keepsMs(answer, keeps),
            signal,
          },
          (stored) => StoredAnswer.safeParse(stored).data,
        );
  return {
    name,
    family,
    kinds,
    async look(entity, signal) {
      const leaving = vendor.leaving(entity);
      if ("kept" in leaving) return { label: "neutral", weight: 0, text: leaving.kept, at: clock.now() };
      const { send, shortened } = leaving;
      const answer = await look(send, signal);
      return notCondemned(entity, shortened ? aboutPart(answer) : answer);
    },
  };
}

/** Clean without its query says nothing of what the query leads to. */
function aboutPart(answer: ReputationAnswer): ReputationAnswer {
  if (answer.text.startsWith("not asked")) return answer;
  const text = `${answer.text} (asked without its query)`;
  return answer.label === "benign" ? { ...answer, label: "neutral", weight: 0, text } : { ...answer, text };
}

/** What everybody uses is not bad for what some of them do with it. */
function notCondemned(entity: EntityOf<ReputationKind>, answer: ReputationAnswer): ReputationAnswer {
  if (answer.label !== "malicious" && answer.label !== "suspicious") return answer;
  const common = commonInfrastructure(entity);
  return common ? { ...answer, label: "neutral", weight: 0, text: `${answer.text}; not counted, it is ${common}` } : answer;
}
