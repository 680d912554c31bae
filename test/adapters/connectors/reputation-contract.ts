import nock from "nock";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { KEEPS, type ReputationMeans, type ReputationSettings } from "../../../src/adapters/connectors/reputation.ts";
import type { EntityOf } from "../../../src/engine/domain/entity.ts";
import { type Connector, ConnectorError, type ReputationKind, type ReputationSource } from "../../../src/engine/ports.ts";
import fc from "../../support/fast-check.ts";

const NOW = new Date("2026-03-01T12:00:00Z");
const BASE = "https://intel.example.test";
const KEY = "very-secret-key-1234567890";
const signal = new AbortController().signal;
const SHA256 = "8963a19fb992ad9a76576c5638fd68292cffb9aaac29eb8285f9abf6196a7dec";
const HOUSE = { domains: ["contoso.com", "bücher.example"], internalRanges: ["203.0.113.0/28"] };

type Asked = EntityOf<ReputationKind>;
/** Something nobody else in the file asks about, so that no answer is remembered. */
const THING: { [K in ReputationKind]: EntityOf<K> } = {
  file: { kind: "file", sha256: SHA256, name: "payroll secretname.exe", path: "C:\\Users\\mia\\secretpath.exe", device: "WS-secret" },
  url: { kind: "url", url: "https://evil.example/a" },
  ip: { kind: "ip", address: "93.184.216.34" },
  domain: { kind: "domain", name: "evil.example" },
};
const OTHER: { [K in ReputationKind]: EntityOf<K> } = {
  file: { kind: "file", sha256: "b".repeat(64) },
  url: { kind: "url", url: "https://other.example/b" },
  ip: { kind: "ip", address: "93.184.216.35" },
  domain: { kind: "domain", name: "other.example" },
};

export type ReputationContract = {
  /** As people call it, and as its settings are named. */
  product: string;
  keyName: string;
  urlName: string;
  method: "GET" | "POST";
  create: (settings: ReputationSettings & { key: string }, means: ReputationMeans) => Connector;
  /** What it answers of something bad, of something good, and of something it has never heard of. */
  bad: (entity: Asked) => unknown;
  good?: (entity: Asked) => unknown;
  unknown: { status: number; body: unknown };
  /** A 404 says "not known". */
  knows404: boolean;
  /** Every text of a bad answer is this one. */
  hostile: (entity: Asked, text: string) => unknown;
  keeps?: { hitMs: number; missMs: number };
};

type Question = { path: string; body: string; headers: string };

const on = (scope: nock.Scope, method: "GET" | "POST") => (method === "GET" ? scope.get(/./) : scope.post(/./));

/** What every product that is asked about things has to hold, whatever its API. */
export function reputationContract(contract: ReputationContract): void {
  const { product, keyName, urlName, keeps = KEEPS } = contract;

  const make = (settings: Partial<ReputationSettings> = {}, means: Partial<ReputationMeans> = {}) => {
    const connector = contract.create(
      { key: KEY, url: BASE, perMinute: undefined, perDay: undefined, ...settings },
      { clock: { now: () => NOW }, house: () => HOUSE, http: { again: { times: 0 } }, ...means },
    );
    const [source] = connector.reputation ?? [];
    if (!source) throw new Error("no reputation source");
    return { connector, source };
  };
  const kindOf = (source: ReputationSource): ReputationKind => source.kinds[0] as ReputationKind;
  const thing = (source: ReputationSource) => THING[kindOf(source)];

  /** Answers everything in order, the last for ever, and remembers what it was asked. */
  function answering(...replies: { status?: number; body: unknown; headers?: Record<string, string> }[]): Question[] {
    const asked: Question[] = [];
    on(nock(BASE).persist(), contract.method).reply(async (request: Request): Promise<nock.ReplyFnResult> => {
      const { pathname, search } = new URL(request.url);
      asked.push({ path: pathname + search, body: await request.clone().text(), headers: JSON.stringify([...request.headers]) });
      const { status = 200, body, headers = {} } = replies[Math.min(asked.length, replies.length) - 1] ?? { body: {} };
      return [status, body as nock.Body, headers];
    });
    return asked;
  }
  const failure = async (promise: Promise<unknown>): Promise<ConnectorError> => {
    const error = await promise.then(
      () => new Error("did not fail"),
      (reason: unknown) => reason,
    );
    if (!(error instanceof ConnectorError)) throw error;
    expect(error.message).not.toContain(KEY);
    expect(JSON.stringify(error)).not.toContain(KEY);
    return error;
  };
  const look = (source: ReputationSource, entity: Asked = thing(source)) => source.look(entity, signal);

  describe(`${product}, as every source of reputation`, () => {
    beforeEach(() => nock.disableNetConnect());
    afterEach(() => {
      nock.cleanAll();
      nock.enableNetConnect();
    });

    test("known bad accuses, with numbers and a time", async () => {
      for (const kind of make().source.kinds) {
        const { source } = make();
        answering({ body: contract.bad(THING[kind]) });
        const answer = await look(source, THING[kind]);
        expect([kind, ["malicious", "suspicious"].includes(answer.label), answer.weight > 0]).toEqual([kind, true, true]);
        expect(answer.text).not.toBe("");
        expect(answer.at.getTime()).toBeLessThanOrEqual(NOW.getTime());
        nock.cleanAll();
      }
    });

    test("known good never accuses, and silence proves nothing", async () => {
      const { source } = make();
      if (contract.good) {
        answering({ body: contract.good(thing(source)) });
        expect(["benign", "neutral"]).toContain((await look(source)).label);
        nock.cleanAll();
      }
      answering(contract.unknown);
      expect(await look(source, OTHER[kindOf(source)])).toMatchObject({ label: "neutral", weight: 0 });
    });

    test.each([401, 403])("%d names the setting of the key, and not the key", async (status) => {
      answering({ status, body: { message: `bad key ${KEY.slice(0, 4)}` } });
      const { source, connector } = make();
      const error = await failure(look(source));
      expect(error.kind).toBe("refused");
      expect(error.message).toContain(keyName);
      nock.cleanAll();
      for (const method of ["GET", "POST"] as const) on(nock(BASE).persist(), method).reply(status, {});
      expect((await failure(connector.check(signal))).message).toContain(keyName);
    });

    test("404", async () => {
      answering({ status: 404, body: { error: "not found" } });
      const { source } = make();
      if (contract.knows404) expect(await look(source)).toMatchObject({ label: "neutral", weight: 0 });
      else expect((await failure(look(source))).message).toContain(urlName);
    });

    test.each<[string, Record<string, string>, number | undefined, number]>([
      ["with seconds", { "retry-after": "90" }, 90_000, 90_000],
      ["with a date", { "retry-after": "Sun, 01 Mar 2026 12:02:00 GMT" }, 120_000, 120_000],
      ["without a word", {}, undefined, 60_000],
    ])("429 %s: waits, and says until when", async (_, headers, told, held) => {
      const asked = answering({ status: 429, body: "", headers }, { body: contract.unknown.body, status: contract.unknown.status });
      let now = NOW;
      const { source } = make({}, { clock: { now: () => now } });
      expect(await failure(look(source))).toMatchObject({ kind: "unavailable", retryAfterMs: told });
      const free = new Date(NOW.getTime() + held).toISOString().slice(0, 19).replace("T", " ");
      expect(await failure(look(source))).toMatchObject({
        kind: "unavailable",
        message: `not asked: ${product} asked air to wait, free again at ${free} UTC`,
      });
      expect(asked).toHaveLength(1);
      now = new Date(NOW.getTime() + held);
      expect((await look(source)).label).toBe("neutral");
    });

    test("a failure in passing is asked once more, after a pause that is partly chance", async () => {
      const pauses: number[] = [];
      const pause = async (ms: number) => void pauses.push(ms);
      const asked = answering({ status: 503, body: "" }, contract.unknown);
      const { source } = make({}, { http: { again: { times: 1, pause, random: () => 0.5 } } });
      expect((await look(source)).label).toBe("neutral");
      expect([asked.length, pauses]).toEqual([2, [187.5]]);
    });

    test.each([500, 502, 503])("%d stays a failure in plain words", async (status) => {
      answering({ status, body: "<html>nginx</html>" });
      expect(await failure(look(make().source))).toMatchObject({ kind: "unavailable", message: expect.stringContaining(String(status)) });
    });

    test("no answer in time", async () => {
      const never: typeof fetch = (_input, init) =>
        new Promise((_, reject) => init?.signal?.addEventListener("abort", () => reject(init.signal?.reason)));
      const { source } = make({}, { fetch: never, http: { timeoutMs: 10 } });
      expect(await failure(look(source))).toMatchObject({ kind: "unavailable", message: `${product} did not answer within 0.01 s` });
    });

    test.each<[string, unknown]>([
      ["no JSON", "<html>"],
      ["another shape", { hello: [1, null] }],
      ["null", "null"],
      ["a list", []],
    ])("an answer that is %s is none", async (_, body) => {
      answering({ body });
      expect((await failure(look(make().source))).message).toContain("shape air does not know");
    });

    test("an answer without an end", async () => {
      answering({ body: `{"a":"${"x".repeat(6 * 1024 * 1024)}"}` });
      expect((await failure(look(make().source))).message).toContain("more than 5 MiB");
    });

    test("a redirect is not followed: the key stays with who it is for", async () => {
      const stolen: unknown[] = [];
      on(nock("https://thief.example").persist(), contract.method).reply((request: Request) => [200, String(stolen.push(request.url))]);
      answering({ status: 302, body: "", headers: { location: "https://thief.example/" } });
      expect((await failure(look(make().source))).message).toContain(urlName);
      expect(stolen).toEqual([]);
    });

    test("hostile texts in an answer are kept storable and bounded", async () => {
      for (const text of ["\0\u202e@everyone <!channel>", "x".repeat(100_000), "\ud800", "__proto__"]) {
        nock.cleanAll();
        const { source } = make();
        answering({ body: contract.hostile(thing(source), text) });
        const answer = await look(source).catch((error: unknown) => {
          if (error instanceof ConnectorError) return undefined;
          throw error;
        });
        if (!answer) continue;
        expect(answer.text).not.toContain("\0");
        expect(answer.text.length).toBeLessThan(2_000);
        expect(JSON.stringify(answer).length).toBeLessThan(70_000);
        expect(JSON.stringify(answer)).not.toMatch(/(?<!\\)\\u(0000|d[89a-f])/);
      }
    });

    test("a thing is asked about once within its time, and its answer keeps its age", async () => {
      let now = NOW;
      const { source } = make({}, { clock: { now: () => now } });
      const asked = answering({ body: contract.bad(thing(source)) });
      const first = await look(source);
      now = new Date(NOW.getTime() + keeps.hitMs - 1);
      expect(await look(source)).toMatchObject({ label: first.label, text: first.text, at: first.at });
      expect(asked).toHaveLength(1);
      now = new Date(NOW.getTime() + keeps.hitMs);
      await look(source);
      expect(asked).toHaveLength(2);
    });

    test("asked by several at once it is one question; a failure is nobody's answer later", async () => {
      const { source } = make();
      const asked = answering({ status: 500, body: "" }, contract.unknown);
      const both = await Promise.allSettled([look(source), look(source)]);
      expect([asked.length, ...both.map(({ status }) => status)]).toEqual([1, "rejected", "rejected"]);
      expect((await look(source)).label).toBe("neutral");
    });

    test("out of quota nobody is asked, and it says when there is some again", async () => {
      const asked = answering(contract.unknown);
      const { source } = make({ perMinute: 1 });
      await look(source);
      expect((await failure(look(source, OTHER[kindOf(source)]))).message).toBe(
        `not asked: ${product} quota of 1 per minute is used up, free again at 2026-03-01 12:01:00 UTC`,
      );
      // What is known already costs nothing.
      expect((await look(source)).label).toBe("neutral");
      expect(asked).toHaveLength(1);
    });

    test("what everybody uses is not condemned", async () => {
      const common: Partial<Record<ReputationKind, Asked[]>> = {
        ip: [{ kind: "ip", address: "8.8.8.8" }],
        domain: [
          { kind: "domain", name: "bit.ly" },
          { kind: "domain", name: "www.github.com" },
        ],
        url: [{ kind: "url", url: "https://bit.ly/" }],
      };
      for (const kind of make().source.kinds) {
        for (const entity of common[kind] ?? []) {
          nock.cleanAll();
          answering({ body: contract.bad(entity) });
          expect(await look(make().source, entity)).toMatchObject({ label: "neutral", weight: 0 });
        }
      }
    });

    describe("what leaves the house", () => {
      const label = fc.stringMatching(/^[a-z][a-z0-9]{2,9}$/).map((text) => `secret${text}`);
      const inside = fc.oneof(
        label,
        fc
          .tuple(
            label,
            fc.constantFrom("local", "internal", "corp", "lan", "home.arpa", "contoso.com", "CONTOSO.com.", "xn--bcher-kva.example"),
          )
          .map((p) => p.join(".")),
      );
      const address = fc.oneof(
        fc
          .tuple(fc.constantFrom("10", "192.168", "172.16", "127"), fc.nat(255), fc.nat(255), fc.nat(255))
          .map(([first, b, c, d]) => [first, b, c, d].join(".").split(".").slice(0, 4).join(".")),
        fc.nat(15).map((last) => `203.0.113.${last}`),
        fc.constantFrom("fd00::1", "::1", "fe80::1", "::ffff:10.1.2.3"),
      );
      const url = fc
        .tuple(fc.constantFrom("http", "https"), fc.oneof(inside, fc.constant("evil.example")), label, label)
        .map(
          ([scheme, host, path, query]) => `${scheme}://mia:secretpw@${host}/p/${query}@contoso.com/x?${path}=secretquery#secretfragment`,
        );
      const entity: fc.Arbitrary<Asked> = fc.oneof(
        inside.map((name): Asked => ({ kind: "domain", name })),
        address.map((text): Asked => ({ kind: "ip", address: text })),
        url.map((text): Asked => ({ kind: "url", url: text })),
        address.map((text): Asked => ({ kind: "url", url: `http://${text.includes(":") ? `[${text}]` : text}/x` })),
        fc.constantFrom<Asked>(
          { kind: "url", url: "data:text/html,secretpage" },
          { kind: "url", url: "mailto:secret@contoso.com" },
          THING.file,
        ),
      );

      test("never a query, a name of ours or an inside address", async () => {
        const asked = answering(contract.unknown);
        await fc.assert(
          fc.asyncProperty(entity, async (one) => {
            const { source } = make();
            if (!source.kinds.includes(one.kind)) return;
            const before = asked.length;
            const answer = await source.look(one, signal);
            expect(answer.weight).toBe(0);
            const sent = asked.slice(before).map(readable).join("\n").toLowerCase();
            for (const word of ["secret", "contoso", "bcher", "mia"]) expect(sent).not.toContain(word);
            if (one.kind === "ip" || one.kind === "domain") {
              expect(asked.length).toBe(before);
              expect(answer.text).toMatch(/^not asked: (internal name|not a public (address|name))$/);
            }
          }),
          { numRuns: 60 },
        );
      });

      test("all of it where air.yaml says share: full", async () => {
        const asked = answering(contract.unknown);
        const { source } = make({ share: "full" });
        const own: Partial<Record<ReputationKind, [Asked, string]>> = {
          url: [{ kind: "url", url: "https://intranet.contoso.com/a?token=1" }, "intranet.contoso.com/a?token=1"],
          domain: [{ kind: "domain", name: "dc01.corp" }, "dc01.corp"],
          ip: [{ kind: "ip", address: "10.1.2.3" }, "10.1.2.3"],
        };
        for (const kind of source.kinds) {
          const [one, text] = own[kind] ?? [];
          if (!one || !text) continue;
          await source.look(one, signal);
          expect(readable(asked.at(-1) as Question)).toContain(text);
        }
      });
    });
  });
}

/** With what stands percent-encoded or in base64 written out; without the key, which has to be sent. */
function readable({ path, body, headers }: Question): string {
  const text = decodeURIComponent(`${path} ${body}`.replaceAll("+", " ").replace(/%(?![0-9a-f]{2})/gi, "%25"));
  const encoded = [...text.matchAll(/[A-Za-z0-9_-]{12,}/g)].map(([part]) => Buffer.from(part, "base64url").toString("utf8"));
  return [text, ...encoded, headers.replaceAll(KEY, "")].join(" ");
}
