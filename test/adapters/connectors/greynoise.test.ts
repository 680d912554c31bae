import nock from "nock";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createGreyNoise } from "../../../src/adapters/connectors/greynoise.ts";
import { WEIGHTS } from "../../../src/engine/domain/verdict.ts";
import { reputationContract } from "./reputation-contract.ts";

const NOW = new Date("2026-03-01T12:00:00Z");
const BASE = "https://api.greynoise.io";
const IP = "93.184.216.34";
const HOUR = 3_600_000;
const signal = new AbortController().signal;

beforeEach(() => nock.disableNetConnect());
afterEach(() => nock.cleanAll());

const connector = (plan: "community" | "enterprise" = "community") =>
  createGreyNoise({ apiKey: "noise-secret", plan, url: BASE, perMinute: undefined, perDay: undefined }, { clock: { now: () => NOW } });
const look = (plan?: "community" | "enterprise", address = IP) => {
  const source = connector(plan).reputation?.[0];
  if (!source) throw new Error("no reputation source");
  return source.look({ kind: "ip", address }, signal);
};
const get = (path: string) => nock(BASE, { reqheaders: { key: "noise-secret" } }).get(path);
const community = (more: Record<string, unknown> = {}) => ({
  ip: IP,
  noise: true,
  riot: false,
  classification: "malicious",
  name: "unknown",
  link: `https://viz.greynoise.io/ip/${IP}`,
  last_seen: "2026-02-27",
  message: "Success",
  ...more,
});
const enterprise = (scanner: Record<string, unknown> = {}, service: Record<string, unknown> = {}) => ({
  ip: IP,
  business_service_intelligence: { found: false, category: "", name: "", trust_level: "", ...service },
  internet_scanner_intelligence: {
    found: false,
    classification: "",
    actor: "unknown",
    spoofable: false,
    tor: false,
    last_seen: "",
    last_seen_timestamp: "",
    ...scanner,
  },
});

for (const plan of ["community", "enterprise"] as const) {
  const bad = (name: string) =>
    plan === "community"
      ? community({ name })
      : enterprise({ found: true, classification: "malicious", actor: name, last_seen: "2026-02-27" });
  reputationContract({
    product: "GreyNoise",
    keyName: "GREYNOISE_API_KEY",
    urlName: "GREYNOISE_URL",
    method: "GET",
    create: ({ key, ...settings }, means) => createGreyNoise({ apiKey: key, plan, ...settings }, means),
    bad: () => bad("Mirai"),
    good: () =>
      plan === "community"
        ? community({ noise: false, riot: true, classification: "benign" })
        : enterprise({}, { found: true, trust_level: "1" }),
    unknown: {
      status: 404,
      body: { ip: IP, noise: false, riot: false, message: "IP not observed scanning the internet or contained in RIOT data set." },
    },
    knows404: true,
    hostile: (_, text) => bad(text),
    keeps: { hitMs: 24 * HOUR, missMs: 12 * HOUR },
  });
}

describe("greynoise", () => {
  test.each([
    [community(), "malicious", WEIGHTS.reputationSome, "GreyNoise sees it scan the internet with malicious intent"],
    [
      community({ classification: "suspicious" }),
      "suspicious",
      WEIGHTS.reputationFew,
      "GreyNoise sees it scan the internet with suspicious intent",
    ],
    [
      community({ classification: "benign", name: "Censys" }),
      "benign",
      WEIGHTS.reputationClean,
      "GreyNoise knows it as a harmless scanner (Censys)",
    ],
    [community({ classification: "unknown" }), "neutral", 0, "GreyNoise sees it scan the internet, with an intent nobody knows"],
    [
      community({ noise: false, riot: true, name: "Cloudflare" }),
      "benign",
      WEIGHTS.reputationFew,
      "GreyNoise knows it as a service businesses use (Cloudflare)",
    ],
    // A service with a bad customer: somebody else may be meant.
    [community({ riot: true }), "suspicious", WEIGHTS.reputationFew, "GreyNoise sees it scan the internet with malicious intent"],
    [community({ noise: false }), "neutral", 0, "GreyNoise has not seen it scan the internet and knows no service there"],
  ])("community (%#)", async (body, label, weight, text) => {
    get(`/v3/community/${IP}`).reply(200, body);
    expect(await look()).toMatchObject({ label, weight, text });
  });

  test.each([
    [
      enterprise({ found: true, classification: "malicious", last_seen_timestamp: "2026-02-28 10:00:00" }),
      "malicious",
      WEIGHTS.reputationSome,
    ],
    [enterprise({ found: true, classification: "malicious", spoofable: true }), "suspicious", WEIGHTS.reputationFew],
    [enterprise({}, { found: true, trust_level: "1", name: "Google Public DNS" }), "benign", WEIGHTS.reputationClean],
    [enterprise({}, { found: true, trust_level: "2" }), "benign", WEIGHTS.reputationFew],
    [enterprise(), "neutral", 0],
  ])("enterprise (%#)", async (body, label, weight) => {
    get(`/v3/ip/${IP}`).reply(200, body);
    expect(await look("enterprise")).toMatchObject({ label, weight });
  });

  test("dates from when it was last seen, in both ways it is written", async () => {
    get(`/v3/community/${IP}`).reply(200, community());
    expect((await look()).at).toEqual(new Date("2026-02-27T00:00:00Z"));
    get(`/v3/ip/${IP}`).reply(200, enterprise({ found: true, classification: "malicious", last_seen_timestamp: "2026-02-28 10:00:00" }));
    expect((await look("enterprise")).at).toEqual(new Date("2026-02-28T10:00:00Z"));
  });

  test("IPv6 is not asked about", async () => {
    expect((await look("community", "2606:2800:220:1::1")).text).toBe("not asked: GreyNoise knows IPv4 addresses only");
  });

  test("check costs none of the look-ups", async () => {
    get("/ping").reply(200, { message: "pong", offering: "community" });
    await connector().check(signal);
  });
});
