import { describe, expect, test } from "vitest";
import { readConfig, redacted } from "../../src/bot/config.ts";

const read = (env: Record<string, string>, yaml = "") => readConfig(env, (file) => (file === "./air.yaml" ? yaml : undefined));
const good = (env: Record<string, string>, yaml?: string) => {
  const result = read(env, yaml);
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.config;
};
const bad = (env: Record<string, string>, yaml?: string) => {
  const result = read(env, yaml);
  if (result.ok) throw new Error("was accepted");
  return result.problems.map(({ where, message }) => `${where} ${message}`);
};
const connected = (env: Record<string, string>, yaml?: string) =>
  Object.entries(good(env, yaml).connectors).flatMap(([name, one]) => (one ? [name] : []));

describe("threat intelligence", () => {
  test("one key opens the three of abuse.ch", () => {
    expect(connected({ ABUSECH_AUTH_KEY: "k" })).toEqual(["urlhaus", "threatfox", "malwarebazaar"]);
    expect(good({ ABUSECH_AUTH_KEY: "k" }).connectors.malwarebazaar).toEqual({
      authKey: "k",
      url: "https://mb-api.abuse.ch",
      perMinute: undefined,
      perDay: undefined,
      share: "public",
    });
  });

  test("where one of them is a mirror, only what is named is asked", () => {
    const env = { ABUSECH_AUTH_KEY: "k", URLHAUS_URL: "http://127.0.0.1:7001" };
    expect(connected(env)).toEqual(["urlhaus"]);
    expect(connected(env, "connectors: { threatfox: { perDay: 10 } }")).toEqual(["urlhaus", "threatfox"]);
    expect(connected({}, "connectors: { threatfox: { authKey: x } }")).toEqual(["threatfox"]);
  });

  test("GreyNoise and MISP", () => {
    const yaml = "connectors: { greynoise: { plan: enterprise, perDay: 50 }, misp: { url: 'https://misp.contoso.com', share: full } }";
    const { connectors } = good({ GREYNOISE_API_KEY: "g", MISP_API_KEY: "m" }, yaml);
    expect(connectors.greynoise).toMatchObject({
      apiKey: "g",
      url: "https://api.greynoise.io",
      plan: "enterprise",
      perDay: 50,
      share: "public",
    });
    expect(connectors.misp).toMatchObject({ apiKey: "m", url: "https://misp.contoso.com", share: "full" });
    expect(
      good({ MISP_API_KEY: "m", MISP_URL: "https://b.example" }, yaml.replace("greynoise: { plan: enterprise, perDay: 50 }, ", ""))
        .connectors.misp?.url,
    ).toBe("https://b.example");
  });

  test.each<[Record<string, string>, string, string]>([
    [{ MISP_API_KEY: "m" }, "", "MISP_URL is missing: MISP_API_KEY is set, and MISP needs both"],
    [{}, "connectors: { misp: { apiKey: m } }", "connectors.misp needs url (here or as MISP_URL)"],
    [{ MISP_URL: "https://misp.contoso.com" }, "", "MISP_URL has no effect without MISP_API_KEY"],
    [{ GREYNOISE_URL: "https://x.example" }, "", "GREYNOISE_URL has no effect without GREYNOISE_API_KEY"],
    [{ GREYNOISE_API_KEY: "g" }, "connectors: { greynoise: { plan: free } }", "connectors.greynoise.plan: "],
    [{}, "connectors: { malwarebazaar: { perDay: 5 } }", "connectors.malwarebazaar needs authKey (here or as ABUSECH_AUTH_KEY)"],
    [{ VIRUSTOTAL_API_KEY: "v" }, "connectors: { virustotal: { share: everything } }", "connectors.virustotal.share: "],
    [{ MISP_API_KEY: "m", MISP_URL: "http://misp.contoso.com" }, "", "MISP_URL must be https"],
    [{ THREATFOX_ULR: "https://x.example", ABUSECH_AUTH_KEY: "k" }, "", "THREATFOX_ULR is no setting of air"],
  ])("refuses %j %s", (env, yaml, message) => {
    expect(bad(env, yaml)).toContainEqual(expect.stringContaining(message));
  });
});

describe("proxy", () => {
  test("as other programs read it, and never this machine", () => {
    expect(good({}).proxy).toBeUndefined();
    expect(good({ HTTPS_PROXY: "proxy.contoso.com:3128", no_proxy: ".contoso.com 10.1.2.3" }).proxy).toEqual({
      http: undefined,
      https: "http://proxy.contoso.com:3128/",
      none: ".contoso.com,10.1.2.3,localhost,127.0.0.1,[::1],::1",
    });
    expect(good({ HTTPS_PROXY: "http://a.example", https_proxy: "http://b.example" }).proxy?.https).toBe("http://b.example/");
  });

  test("its password is never shown, and what is none is refused without being repeated", () => {
    const config = good({
      HTTPS_PROXY: "http://mia:s3cret@proxy.contoso.com:3128",
      HTTP_PROXY: "http://mia:s3cret@proxy.contoso.com:3128",
    });
    expect(JSON.stringify(redacted(config))).not.toMatch(/s3cret|mia/);
    expect(JSON.stringify(redacted(config))).toContain("proxy.contoso.com:3128");
    const [problem] = bad({ HTTPS_PROXY: "socks5://mia:s3cret@proxy" });
    expect(problem).toBe("HTTPS_PROXY must be the address of a proxy, like http://proxy.example:3128");
  });

  test("keys are never shown", () => {
    const env = {
      ABUSECH_AUTH_KEY: "key-abuse",
      GREYNOISE_API_KEY: "key-grey",
      MISP_API_KEY: "key-misp",
      MISP_URL: "https://misp.contoso.com",
      GRAPH_TENANT_ID: "t",
      GRAPH_CLIENT_ID: "c",
      GRAPH_CLIENT_SECRET: "key-graph",
    };
    expect(JSON.stringify(redacted(good(env)))).not.toContain("key-");
  });
});
