import { setImmediate as turn } from "node:timers/promises";
import { sql } from "drizzle-orm";
import nock from "nock";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { createQuota } from "../../src/adapters/connectors/quota.ts";
import { createUrlhaus } from "../../src/adapters/connectors/urlhaus.ts";
import { type Database, openDatabase } from "../../src/db/connect.ts";
import { lookupStore } from "../../src/db/store/lookups.ts";
import { DATABASES, openTestDb } from "../support/open-test-db.ts";

const NOON = Date.parse("2026-03-01T12:00:00Z");
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const BASE = "https://urlhaus.example.test";
let names = 0;
const fresh = () => `product-${++names}`;

describe.each(DATABASES)("answers and quotas in rows (%s)", (kind) => {
  let database: Database & { url: string | undefined };
  let second: Database;
  /** Two processes: each its own store, on PostgreSQL its own connections, too. The embedded database has one process; there two stores are two airs one after the other. */
  const stores = () => [lookupStore(database), lookupStore(second)] as const;

  beforeAll(async () => {
    database = await openTestDb(kind);
    second = database.url ? await openDatabase({ url: database.url }) : database;
  });
  afterAll(async () => {
    if (second !== database) await second.close();
    await database.close();
  });
  afterEach(() => nock.cleanAll());

  describe("quota", () => {
    const pair = (name: string, now: () => number, limits: { perMinute?: number; perDay?: number }) =>
      stores().map((rows) => createQuota({ name, ...limits, clock: { now: () => new Date(now()) }, rows }));
    const outcome = async (take: () => void | Promise<void>) =>
      Promise.resolve()
        .then(take)
        .then(
          () => "taken",
          (error: Error & { retryAfterMs?: number }) => `${error.message} ${error.retryAfterMs}`,
        );

    test("a sliding minute, counted by two together", async () => {
      const name = fresh();
      let now = NOON;
      const [a, b] = pair(name, () => now, { perMinute: 3 });
      const all = await Promise.all([a, b, a, b, a, b].map((quota) => outcome(() => quota?.take())));
      expect(all.filter((one) => one === "taken")).toHaveLength(3);
      expect(all.find((one) => one !== "taken")).toBe(
        `not asked: ${name} quota of 3 per minute is used up, free again at 2026-03-01 12:01:00 UTC 60000`,
      );
      now += MINUTE - 1;
      expect(await outcome(() => b?.take())).toContain("per minute");
      now += 1;
      expect(await outcome(() => b?.take())).toBe("taken");
    });

    test("a day in UTC, across a restart", async () => {
      const name = fresh();
      let now = NOON;
      const [a] = pair(name, () => now, { perDay: 2 });
      expect([await outcome(() => a?.take()), await outcome(() => a?.take())]).toEqual(["taken", "taken"]);
      const [, restarted] = pair(name, () => now, { perDay: 2 });
      expect(await outcome(() => restarted?.take())).toBe(
        `not asked: ${name} quota of 2 per day is used up, free again at 2026-03-02 00:00:00 UTC ${12 * 60 * MINUTE}`,
      );
      now = NOON + DAY / 2;
      expect(await outcome(() => restarted?.take())).toBe("taken");
    });

    test("asked to wait, all of them wait", async () => {
      const name = fresh();
      let now = NOON;
      const [a, b] = pair(name, () => now, { perMinute: 10 });
      await a?.hold(90_000);
      expect(await outcome(() => b?.take())).toBe(`not asked: ${name} asked air to wait, free again at 2026-03-01 12:01:30 UTC 90000`);
      now += 90_000;
      expect(await outcome(() => a?.take())).toBe("taken");
    });

    test("a large quota is taken in parts, and never exceeded", async () => {
      const name = fresh();
      let now = NOON;
      const [a, b] = pair(name, () => now, { perMinute: 1_000 });
      const taken: number[] = [];
      for (let round = 0; round < 300; round++) {
        now += 400;
        for (const quota of [a, b, a, b, a, b, a, b]) if ((await outcome(() => quota?.take())) === "taken") taken.push(now);
      }
      const most = Math.max(...taken.map((from) => taken.filter((at) => at >= from && at < from + MINUTE).length));
      expect(most).toBeLessThanOrEqual(1_000);
      expect(most).toBeGreaterThan(800);
    });

    test("a wrong clock of long ago holds nobody for ever", async () => {
      const name = fresh();
      let now = NOON + 400 * DAY;
      const [a, b] = pair(name, () => now, { perMinute: 1, perDay: 1 });
      expect(await outcome(() => a?.take())).toBe("taken");
      now = NOON;
      expect(await outcome(() => b?.take())).toBe("taken");
    });
  });

  describe("answers", () => {
    const SHA256 = "a".repeat(64);
    const connectors = (now: () => number) =>
      stores().map((rows) => {
        const connector = createUrlhaus(
          { authKey: "k", url: `${BASE}/${names}`, perMinute: undefined, perDay: undefined },
          { clock: { now: () => new Date(now()) }, rows, http: { again: { times: 0 } } },
        );
        return () => connector.reputation?.[0]?.look({ kind: "file", sha256: SHA256 }, AbortSignal.timeout(10_000));
      });
    /** Answers when it is told to. */
    function held(status: number, body: unknown) {
      const asked: string[] = [];
      let open = () => {};
      const gate = new Promise<void>((resolve) => {
        open = resolve;
      });
      nock(BASE)
        .persist()
        .post(/./)
        .reply(async (request: Request): Promise<nock.ReplyFnResult> => {
          asked.push(request.url);
          await gate;
          return [status, body as nock.Body];
        });
      return { asked, open };
    }
    const LISTED = { query_status: "ok", signature: "Emotet" };

    test("two processes ask once, and a restart not again; the answer keeps its time", async () => {
      fresh();
      let now = NOON;
      const [a, b] = connectors(() => now);
      const source = held(200, LISTED);
      const both = [a?.(), b?.()];
      await expect.poll(() => source.asked.length).toBe(1);
      source.open();
      const [first, other] = await Promise.all(both);
      expect(first).toMatchObject({ label: "malicious", at: new Date(NOON) });
      expect(other).toEqual(first);
      now += 3 * 60 * MINUTE;
      const [restarted] = connectors(() => now);
      expect(await restarted?.()).toEqual(first);
      expect(source.asked).toHaveLength(1);
      now += 60 * MINUTE;
      await restarted?.();
      expect(source.asked).toHaveLength(2);
    });

    test("what is not known is asked sooner again", async () => {
      fresh();
      let now = NOON;
      const [a, b] = connectors(() => now);
      const source = held(200, { query_status: "no_results" });
      source.open();
      await a?.();
      now += 59 * MINUTE;
      await b?.();
      expect(source.asked).toHaveLength(1);
      now += MINUTE;
      await b?.();
      expect(source.asked).toHaveLength(2);
    });

    test("a failure is kept by nobody: the other asks at once", async () => {
      fresh();
      const [a, b] = connectors(() => NOON);
      held(500, "").open();
      await expect(a?.()).rejects.toThrow("URLhaus failed (500)");
      nock.cleanAll();
      const source = held(200, LISTED);
      source.open();
      expect(await b?.()).toMatchObject({ label: "malicious" });
      expect(source.asked).toHaveLength(1);
    });

    test("who died while asking holds the question for seconds only", async () => {
      fresh();
      const [rows] = stores();
      const question = { digest: fresh(), source: "X", now: new Date(NOON) };
      expect(await rows.claim(question)).toBe("mine");
      expect(await rows.claim(question)).toBe("asking");
      await turn();
      await database.db.execute(sql`update lookups set claimed_until = now() - interval '1 second' where digest = ${question.digest}`);
      expect(await rows.claim(question)).toBe("mine");
    });

    test("many at once, good and unknown mixed", async () => {
      const [rows, others] = stores();
      const now = new Date(NOON);
      const digests = Array.from({ length: 300 }, () => fresh());
      const goodUntil = new Date(NOON + MINUTE);
      await Promise.all(
        digests
          .filter((_, index) => index % 3 === 0)
          .map((digest) => rows.keep({ digest, source: "X", answer: { digest, nul: "ü" }, askedAt: now, goodUntil })),
      );
      const told = await Promise.all(digests.map((digest, index) => (index % 2 ? rows : others).claim({ digest, source: "X", now })));
      for (const [index, digest] of digests.entries())
        expect(told[index]).toEqual(index % 3 === 0 ? { answer: { digest, nul: "ü" } } : "mine");
    });
  });
});
