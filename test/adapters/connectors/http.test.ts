import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import nock from "nock";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { createHttp, type HttpSettings } from "../../../src/adapters/connectors/http.ts";
import { createQuota } from "../../../src/adapters/connectors/quota.ts";
import { goThroughProxy, readProxy } from "../../../src/bot/proxy.ts";
import { ConnectorError } from "../../../src/engine/ports.ts";

const NOW = new Date("2026-03-01T12:00:00Z");
const BASE = "https://api.example.test";
const KEY = "very-secret-key";

beforeEach(() => nock.disableNetConnect());
afterEach(() => {
  nock.cleanAll();
  nock.enableNetConnect();
  vi.useRealTimers();
});

const client = (more: Partial<HttpSettings> = {}) =>
  createHttp({
    name: "Example",
    baseUrl: BASE,
    headers: { "x-key": KEY },
    refusedHint: "Put a new key into EXAMPLE_KEY.",
    urlSetting: "EXAMPLE_URL",
    clock: { now: () => NOW },
    ...more,
  });
const signal = new AbortController().signal;
const failure = async (promise: Promise<unknown>): Promise<ConnectorError> => {
  const error = await promise.then(
    () => new Error("did not fail"),
    (reason: unknown) => reason,
  );
  if (!(error instanceof ConnectorError)) throw error;
  expect(error.message).not.toContain(KEY);
  return error;
};

describe("http", () => {
  test("sends the key and the query, and gives the parsed answer", async () => {
    nock(BASE, { reqheaders: { "x-key": KEY, accept: "application/json" } })
      .get("/a")
      .query({ q: "x y" })
      .reply(200, { ok: 1 });
    expect(await client().get("/a", { query: { q: "x y" }, signal })).toEqual({ ok: 1 });
  });

  test("a product that echoes what it was sent tells nobody a secret, and the log nothing it said", async () => {
    const reason = (body: unknown) => (body as { message: string }).message;
    const jwt = `eyJ${"a".repeat(40)}.eyJ${"b".repeat(40)}.sig`;
    const said = `debug client_secret=TOPSECRETGRAPH user=tom@contoso.com x-key: ${KEY.slice(0, 10)}... Bearer ${jwt} password: "hunter22"`;
    nock(BASE).post("/token").reply(401, { message: said });
    const error = await failure(
      client({ reason }).postForm("/token", { client_secret: "the-form-secret", scope: "x" }, { signal, acts: false }),
    );
    for (const secret of ["TOPSECRETGRAPH", KEY.slice(0, 8), "eyJ", "hunter22"]) expect(error.message).not.toContain(secret);
    expect(error.message).toContain("tom@contoso.com");
    expect(error.forLog).not.toContain("tom@contoso.com");
    expect(error.forLog).toMatch(/^Example refused air's key \(401\)/);
    nock(BASE).post("/token").reply(400, { message: "the value the-form-sec(...) is wrong" });
    const echoed = await failure(
      client({ reason }).postForm("/token", { client_secret: "the-form-secret", scope: "x" }, { signal, acts: false }),
    );
    expect(echoed.message).toContain("the value (hidden) is wrong");
  });

  test("digits a double cannot hold stay what they are", async () => {
    nock(BASE).get("/a").reply(200, '{"id":12345678901234567891,"n":12,"x":1.5,"t":"12345678901234567891"}');
    expect(await client().get("/a", { signal })).toEqual({ id: "12345678901234567891", n: 12, x: 1.5, t: "12345678901234567891" });
  });

  test("a next page is followed at the same host and under the same prefix only", () => {
    const { pathOf } = client({ baseUrl: `${BASE}/proxy/vt` });
    expect(pathOf(`${BASE}/proxy/vt/a?$skip=100`)).toBe("/a?$skip=100");
    expect(pathOf("/proxy/vt/a?b")).toBe("/a?b");
    for (const link of [
      "https://evil.example/proxy/vt/a",
      `http://api.example.test/proxy/vt/a`,
      `${BASE}:8443/proxy/vt/a`,
      `https://mia:pw@api.example.test/proxy/vt/a`,
      `${BASE}/proxy/vtx/a`,
      `${BASE}/other`,
      `${BASE}/proxy/vt/../../a`,
      "//evil.example/proxy/vt/a",
    ])
      expect(() => pathOf(link), link).toThrow("another address");
  });

  test("keeps the path prefix of the base address", async () => {
    nock(BASE).get("/proxy/vt/a").reply(200, {});
    expect(await client({ baseUrl: `${BASE}/proxy/vt/` }).get("/a", { signal })).toEqual({});
  });

  test("posts forms and JSON", async () => {
    nock(BASE)
      .post("/form", { url: "http://a.example/?b=c" })
      .matchHeader("content-type", /urlencoded/)
      .reply(200, { form: true });
    nock(BASE)
      .post("/json", { a: [1] })
      .matchHeader("content-type", /json/)
      .reply(200, { json: true });
    expect(await client().postForm("/form", { url: "http://a.example/?b=c" }, { signal, acts: false })).toEqual({ form: true });
    expect(await client().postJson("/json", { a: [1] }, { signal, acts: true })).toEqual({ json: true });
  });

  test("an answer can be stored whatever it holds", async () => {
    nock(BASE).get("/a").reply(200, '{"x":"a\\u0000b\\ud800"}');
    expect(await client().get("/a", { signal })).toEqual({ x: "a\\u0000b\uFFFD" });
  });

  test.each([401, 403])("%d says what to do", async (status) => {
    nock(BASE).get("/a").reply(status, `the key ${KEY} is wrong`);
    const error = await failure(client().get("/a", { signal }));
    expect(error.kind).toBe("refused");
    expect(error.message).toBe(`Example refused air's key (${status}). Put a new key into EXAMPLE_KEY.`);
  });

  test("404 is an answer only where it is expected", async () => {
    nock(BASE).get("/a").twice().reply(404, {});
    expect(await client().get("/a", { signal, expect404: true })).toBeUndefined();
    expect(await failure(client().get("/a", { signal }))).toMatchObject({
      kind: "refused",
      message: expect.stringContaining("EXAMPLE_URL"),
    });
  });

  test.each([
    ["30", 30_000],
    ["Sun, 01 Mar 2026 12:01:00 GMT", 60_000],
    ["Sun, 01 Mar 2026 11:00:00 GMT", 0],
    ["soon", undefined],
  ])("429 with Retry-After %s", async (header, ms) => {
    nock(BASE).get("/a").reply(429, "", { "retry-after": header });
    const error = await failure(client().get("/a", { signal }));
    expect(error).toMatchObject({ kind: "unavailable", retryAfterMs: ms });
  });

  test.each([
    [400, "refused", "refused"],
    [409, "refused", "refused"],
    [429, "unavailable", "unavailable"],
    [500, "unavailable", "unclear"],
    [502, "unavailable", "unclear"],
    [503, "unavailable", "unclear"],
  ])("%d is %s for a look-up and %s for an action", async (status, look, act) => {
    nock(BASE).get("/a").reply(status);
    nock(BASE).post("/a").reply(status);
    nock(BASE).post("/a").reply(status);
    expect((await failure(client().get("/a", { signal }))).kind).toBe(look);
    expect((await failure(client().postForm("/a", {}, { signal, acts: false }))).kind).toBe(look);
    expect((await failure(client().postJson("/a", {}, { signal, acts: true }))).kind).toBe(act);
  });

  test("does not follow redirects, and the key goes nowhere else", async () => {
    nock(BASE).get("/a").reply(302, "", { location: "https://evil.example/a" });
    const elsewhere = nock("https://evil.example").get("/a").reply(200, {});
    const error = await failure(client().get("/a", { signal }));
    expect(error).toMatchObject({ kind: "refused", message: expect.stringContaining("redirect") });
    expect(elsewhere.isDone()).toBe(false);
  });

  // A real server that says nothing: a mocked socket does not take an abort well.
  describe("a server that does not answer", () => {
    const server = createServer(() => undefined);
    let baseUrl = "";
    beforeAll(async () => {
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    });
    beforeEach(() => nock.enableNetConnect("127.0.0.1"));
    afterAll(() => {
      server.closeAllConnections();
      server.close();
    });

    test("in time", async () => {
      const http = client({ baseUrl, timeoutMs: 50 });
      expect(await failure(http.get("/a", { signal }))).toMatchObject({
        kind: "unavailable",
        message: "Example did not answer within 0.05 s",
      });
      expect((await failure(http.postForm("/a", {}, { signal, acts: false }))).kind).toBe("unavailable");
      expect((await failure(http.postJson("/a", {}, { signal, acts: true }))).kind).toBe("unclear");
    });

    test("before the caller gives up", async () => {
      const http = client({ baseUrl });
      expect((await failure(http.get("/a", { signal: AbortSignal.timeout(50) }))).kind).toBe("unavailable");
      expect((await failure(http.postJson("/a", {}, { signal: AbortSignal.timeout(50), acts: true }))).kind).toBe("unclear");
      expect((await failure(http.postJson("/a", {}, { signal: AbortSignal.abort(), acts: true }))).kind).toBe("unavailable");
    });
  });

  test("a connection that never stood is not unclear, one that broke is", async () => {
    nock(BASE)
      .post("/a")
      .replyWithError(Object.assign(new Error("x"), { code: "ECONNREFUSED" }));
    nock(BASE)
      .post("/a")
      .replyWithError(Object.assign(new Error("x"), { code: "ECONNRESET" }));
    const http = client();
    const refused = await failure(http.postJson("/a", {}, { signal, acts: true }));
    expect(refused).toMatchObject({ kind: "unavailable", message: expect.stringContaining("ECONNREFUSED") });
    expect((await failure(http.postJson("/a", {}, { signal, acts: true }))).kind).toBe("unclear");
  });

  test("a real refused connection", async () => {
    nock.enableNetConnect("127.0.0.1");
    expect((await failure(client({ baseUrl: "http://127.0.0.1:1" }).get("/a", { signal }))).kind).toBe("unavailable");
  });

  test("an answer that is no JSON, or too long", async () => {
    nock(BASE).get("/html").reply(200, "<html>login</html>");
    nock(BASE).post("/html").reply(200, "<html>login</html>");
    nock(BASE)
      .get("/long")
      .reply(200, "x".repeat(5 * 1024 * 1024 + 1));
    expect(await failure(client().get("/html", { signal }))).toMatchObject({
      kind: "unavailable",
      message: expect.stringContaining("shape"),
    });
    // It said yes in words we cannot read: it may well have been done.
    expect((await failure(client().postJson("/html", {}, { signal, acts: true }))).kind).toBe("unclear");
    expect(await failure(client().get("/long", { signal }))).toMatchObject({
      kind: "unavailable",
      message: expect.stringContaining("5 MiB"),
    });
  });

  test("the breaker opens after five failures and lets one through after 30 s", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: NOW });
    const http = client();
    const scope = nock(BASE).get("/a").times(5).reply(500);
    for (let i = 0; i < 5; i++) await failure(http.get("/a", { signal }));
    expect(await failure(http.get("/a", { signal }))).toMatchObject({
      kind: "unavailable",
      retryAfterMs: 30_000,
      message: expect.stringContaining("not asked: Example failed 5 times in a row"),
    });
    expect(scope.isDone()).toBe(true);
    vi.setSystemTime(NOW.getTime() + 30_001);
    nock(BASE).get("/a").reply(200, { back: true });
    expect(await http.get("/a", { signal })).toEqual({ back: true });
  });

  test("who watches is told each time it opens, and when the product answers: at first, and again", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: NOW });
    const seen: string[] = [];
    const http = client({ watch: ({ works, trouble }) => void seen.push(works ? "works" : trouble) });
    nock(BASE).get("/a").times(2).reply(200, {}).get("/a").times(6).reply(500);
    for (let i = 0; i < 2; i++) await http.get("/a", { signal });
    for (let i = 0; i < 6; i++) await failure(http.get("/a", { signal }));
    vi.setSystemTime(NOW.getTime() + 30_001);
    await failure(http.get("/a", { signal }));
    vi.setSystemTime(NOW.getTime() + 60_002);
    // A product that says no is there.
    nock(BASE).get("/a").reply(403);
    await failure(http.get("/a", { signal }));
    expect(seen).toEqual(["works", expect.stringContaining("500"), expect.stringContaining("500"), "works"]);
  });

  test("refusals and 429 do not open the breaker", async () => {
    const http = client();
    nock(BASE).get("/a").times(6).reply(429);
    nock(BASE).get("/a").times(6).reply(400);
    nock(BASE).get("/a").reply(200, {});
    for (let i = 0; i < 12; i++) await failure(http.get("/a", { signal }));
    expect(await http.get("/a", { signal })).toEqual({});
  });

  test("a used-up quota asks nobody", async () => {
    const http = client({ quota: createQuota({ name: "Example", perMinute: 1, clock: { now: () => NOW } }) });
    nock(BASE).get("/a").reply(200, {});
    await http.get("/a", { signal });
    expect(await failure(http.get("/a", { signal }))).toMatchObject({
      kind: "unavailable",
      message: "not asked: Example quota of 1 per minute is used up, free again at 2026-03-01 12:01:00 UTC",
      retryAfterMs: 60_000,
    });
  });
});

describe("what failed in passing is asked again", () => {
  /** Remembers how long it would have waited. */
  const patient = (times: number, random = 0) => {
    const pauses: number[] = [];
    return { pauses, again: { times, pause: async (ms: number) => void pauses.push(ms), random: () => random } };
  };

  test("with a pause that doubles and is half chance", async () => {
    for (const [random, expected] of [
      [0, [125, 250, 500]],
      [1, [250, 500, 1000]],
    ] as const) {
      const { pauses, again } = patient(3, random);
      nock(BASE).get("/a").times(3).reply(502).get("/a").reply(200, { ok: 1 });
      expect(await client({ again, breaker: { failures: 9, pauseMs: 1 } }).get("/a", { signal })).toEqual({ ok: 1 });
      expect(pauses).toEqual(expected);
    }
  });

  test.each<[string, Record<string, string>, number[]]>([
    ["a moment, in seconds", { "retry-after": "2" }, [2_000]],
    ["a moment, as a date", { "retry-after": "Sun, 01 Mar 2026 12:00:01 GMT" }, [1_000]],
    ["longer than anybody waits", { "retry-after": "3" }, []],
    ["no time", {}, []],
  ])("429 that names %s", async (_, headers, expected) => {
    const { pauses, again } = patient(1);
    nock(BASE).get("/a").reply(429, "", headers).get("/a").reply(200, { ok: 1 });
    const asking = client({ again }).get("/a", { signal });
    if (expected.length > 0) expect(await asking).toEqual({ ok: 1 });
    else expect((await failure(asking)).message).toContain("429");
    expect(pauses).toEqual(expected);
  });

  test("never what acts, what was refused, or what took all of its time", async () => {
    const { pauses, again } = patient(5);
    nock(BASE).post("/a").reply(503);
    expect((await failure(client({ again }).postJson("/a", {}, { signal, acts: true }))).kind).toBe("unclear");
    nock(BASE).delete("/a").reply(503);
    expect((await failure(client({ again }).delete("/a", { signal }))).kind).toBe("unclear");
    for (const status of [400, 401, 403, 404]) {
      nock(BASE).get("/a").reply(status);
      expect((await failure(client({ again }).get("/a", { signal }))).kind).toBe("refused");
    }
    const never: typeof fetch = (_input, init) =>
      new Promise((_, reject) => init?.signal?.addEventListener("abort", () => reject(init.signal?.reason)));
    expect((await failure(client({ again, timeoutMs: 20, fetch: never }).get("/a", { signal }))).message).toContain(
      "did not answer within",
    );
    expect(pauses).toEqual([]);
  });

  test("who is given up on while it pauses fails with what it failed of", async () => {
    const stopped = new AbortController();
    const pause = async () => {
      stopped.abort();
      throw new Error("aborted");
    };
    nock(BASE).get("/a").reply(500);
    const asking = client({ again: { times: 1, pause } }).get("/a", { signal: stopped.signal });
    expect((await failure(asking)).message).toBe("Example failed (500)");
  });

  test("each time takes of the quota", async () => {
    const { again } = patient(3);
    nock(BASE).get("/a").times(2).reply(500);
    const quota = createQuota({ name: "Example", perMinute: 2, clock: { now: () => NOW } });
    expect((await failure(client({ again, quota }).get("/a", { signal }))).message).toContain("quota of 2 per minute is used up");
  });
});

describe("one product is not asked by everybody at once", () => {
  test("further questions wait their turn, what acts does not", async () => {
    let running = 0;
    let most = 0;
    const open: (() => void)[] = [];
    const slow: typeof fetch = async () => {
      running++;
      most = Math.max(most, running);
      await new Promise<void>((resolve) => open.push(resolve));
      running--;
      return Response.json({});
    };
    const http = client({ parallel: 2, fetch: slow });
    const asked = Array.from({ length: 5 }, () => http.get("/a", { signal }));
    await vi.waitFor(() => expect(open).toHaveLength(2));
    const acting = http.postJson("/act", {}, { signal, acts: true });
    await vi.waitFor(() => expect(open).toHaveLength(3));
    for (let index = 0; index < 6; index++) {
      await vi.waitFor(() => expect(open.length).toBeGreaterThan(index));
      open[index]?.();
    }
    await Promise.all([...asked, acting]);
    expect(most).toBe(3);
  });

  test("who gives up in the row was never asked", async () => {
    const never: typeof fetch = () => new Promise(() => {});
    const http = client({ parallel: 1, fetch: never });
    void http.get("/a", { signal }).catch(() => {});
    const stopped = new AbortController();
    const waiting = http.get("/b", { signal: stopped.signal });
    stopped.abort();
    expect((await failure(waiting)).message).toBe("not asked: the look at Example was stopped before it began");
  });
});

describe("the key goes to the configured host alone", () => {
  test.each(["@evil.example/a", ".evil.example/a", "/../../other", ":1/a", "a"])("a question of %s leads nowhere", async (path) => {
    const asked: unknown[] = [];
    const http = client({ baseUrl: `${BASE}/proxy/vt`, fetch: async (input) => Response.json(asked.push(input)) });
    expect((await failure(http.get(path, { signal }))).message).toContain("does not lead to Example");
    expect(asked).toEqual([]);
  });
});

describe("a proxy", () => {
  test("is used for what is outside, never for this machine; its password is in no error", async () => {
    const connects: string[] = [];
    const proxy = createServer();
    proxy.on("connect", (request, socket) => {
      connects.push(`${request.url} ${request.headers["proxy-authorization"]}`);
      socket.end("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
    });
    const local = createServer((_, response) => response.end('{"local":1}'));
    const listen = (server: typeof proxy) =>
      new Promise<number>((resolve) => server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port)));
    const [proxyPort, port] = [await listen(proxy), await listen(local)];
    nock.enableNetConnect();
    const config = readProxy({ HTTPS_PROXY: `http://mia:s3cret@127.0.0.1:${proxyPort}`, HTTP_PROXY: `127.0.0.1:${proxyPort}` }, () => {});
    const undo = config ? goThroughProxy(config) : () => {};
    try {
      const error = await failure(client().get("/a", { signal }));
      expect(error.message).toBe("Example could not be reached (the proxy answered 407): check the network and EXAMPLE_URL");
      expect(JSON.stringify({ ...error, stack: error.stack })).not.toContain("s3cret");
      expect(connects).toEqual([`api.example.test:443 Basic ${Buffer.from("mia:s3cret").toString("base64")}`]);
      expect(await client({ baseUrl: `http://127.0.0.1:${port}` }).get("/a", { signal })).toEqual({ local: 1 });
      expect(connects).toHaveLength(1);
    } finally {
      undo();
      proxy.close();
      local.close();
    }
  });
});

describe("quota", () => {
  test("a sliding minute and a UTC day", () => {
    let now = new Date("2026-03-01T23:58:00Z").getTime();
    const quota = createQuota({ name: "X", perMinute: 2, perDay: 4, clock: { now: () => new Date(now) } });
    quota.take();
    now += 30_000;
    quota.take();
    expect(() => quota.take()).toThrow(expect.objectContaining({ retryAfterMs: 30_000 }));
    now += 30_000;
    quota.take();
    expect(() => quota.take()).toThrow("2 per minute");
    now += 30_000;
    quota.take();
    now += 20_000;
    expect(() => quota.take()).toThrow(
      expect.objectContaining({
        message: "not asked: X quota of 4 per day is used up, free again at 2026-03-02 00:00:00 UTC",
        retryAfterMs: 10_000,
      }),
    );
    now += 10_000;
    expect(() => quota.take()).not.toThrow();
  });
});
