import { describe, expect, test } from "vitest";
import { analyzers } from "../../../src/engine/analyzers/all.ts";
import type { Entity } from "../../../src/engine/domain/entity.ts";
import type { Observation } from "../../../src/engine/domain/observation.ts";
import { WEIGHTS } from "../../../src/engine/domain/verdict.ts";
import type { Capabilities, DeviceCapability, ReputationAnswer, ReputationSource, UserFacts } from "../../../src/engine/ports.ts";
import { NOTHING, NOW, openLab } from "../../support/lab-capabilities.ts";
import { lookContext } from "../../support/look-context.ts";

const signal = new AbortController().signal;
const context = lookContext();
const sha256 = "a".repeat(64);

async function look(name: string, entity: Entity, capabilities: Capabilities): Promise<Observation[]> {
  const analyzer = analyzers.find((each) => each.name === name);
  const looks = analyzer?.looks(entity, capabilities, context) ?? [];
  return (await Promise.all(looks.map((each) => each.run(signal)))).flat();
}
const says = (name: string, kinds: ReputationSource["kinds"], answer: Partial<ReputationAnswer> = {}): ReputationSource => ({
  name,
  family: `${name}-family`,
  kinds,
  look: async () => ({ label: "malicious", weight: 2, text: `${name} calls it malicious.`, at: NOW, ...answer }),
});

describe("every analyzer", () => {
  const examples: Entity[] = [
    { kind: "file", sha256 },
    { kind: "url", url: "https://evil.example/a" },
    { kind: "ip", address: "203.0.113.9" },
    { kind: "domain", name: "evil.example" },
    { kind: "user", email: "mia@contoso.example" },
    { kind: "mailbox", address: "mia@contoso.example" },
    { kind: "message", networkMessageId: "m-1" },
    { kind: "mail-cluster", query: "x" },
    { kind: "device", name: "WS-001" },
  ];
  test("has a name of its own and asks nothing where nothing is connected", () => {
    expect(new Set(analyzers.map(({ name }) => name)).size).toBe(analyzers.length);
    // Our own rows are always there.
    const outside = analyzers.filter(({ name }) => name !== "own-prevalence" && name !== "alert-history");
    for (const analyzer of outside) for (const entity of examples) expect(analyzer.looks(entity, NOTHING, context)).toEqual([]);
  });
  test("names its questions uniquely per entity and asks only about its kinds", () => {
    const { capabilities } = openLab();
    for (const entity of examples) {
      const keys = analyzers.flatMap((analyzer) => {
        const looks = analyzer.looks(entity, capabilities, context);
        if (!analyzer.kinds.includes(entity.kind)) expect(looks).toEqual([]);
        return looks.map(({ key }) => key);
      });
      expect(new Set(keys).size).toBe(keys.length);
    }
  });
});

describe("reputation", () => {
  const sources = { ...NOTHING, reputation: [says("A", ["file", "url"]), says("B", ["file", "ip", "domain"])] };
  test.each<[string, Entity, string[]]>([
    ["file-reputation", { kind: "file", sha256 }, ["A-family", "B-family"]],
    ["file-reputation", { kind: "file", name: "a.exe" }, []],
    ["url-reputation", { kind: "url", url: "https://evil.example" }, ["A-family"]],
    ["ip-reputation", { kind: "ip", address: "203.0.113.9" }, ["B-family"]],
    ["domain-reputation", { kind: "domain", name: "evil.example" }, ["B-family"]],
  ])("%s asks every source that knows the kind: %o", async (name, entity, families) => {
    expect((await look(name, entity, sources)).map(({ family }) => family)).toEqual(families);
  });
  test.each<[string, Entity]>([
    ["ip-reputation", { kind: "ip", address: "10.0.0.1" }],
    ["ip-reputation", { kind: "ip", address: "::1" }],
    ["url-reputation", { kind: "url", url: "http://192.168.0.1/admin" }],
  ])("%s tells nobody outside about %o", async (name, entity) => {
    const outside = { ...NOTHING, reputation: [{ ...says("A", ["ip", "url"]), look: () => Promise.reject(new Error("asked")) }] };
    expect(await look(name, entity, outside)).toMatchObject([{ label: "neutral", family: "air-rules" }]);
  });
  test("a failing source fails the look, which the engine stores", async () => {
    const failing = { ...NOTHING, reputation: [{ ...says("A", ["file"]), look: () => Promise.reject(new Error("quota")) }] };
    await expect(look("file-reputation", { kind: "file", sha256 }, failing)).rejects.toThrow("quota");
  });
});

describe("sign-ins", () => {
  const signIn = { at: NOW, ip: "203.0.113.9", place: "Reykjavik", app: "Outlook", result: "success", risk: "none", known: true } as const;
  const user = (signIns: UserFacts["signIns"]): Capabilities => {
    const facts = { id: "1", email: "mia@contoso.example", name: "Mia", enabled: true, privileged: [], sessions: 1, signIns };
    const never = () => Promise.reject(new Error("not asked for"));
    return { ...NOTHING, identities: { connector: "dir", find: async () => facts, disable: never, enable: never, revokeSessions: never } };
  };
  test.each<[string, UserFacts["signIns"], Partial<Observation>]>([
    ["high risk, new place, success", [{ ...signIn, risk: "high", known: false }], { label: "malicious", weight: WEIGHTS.behaviourStrong }],
    ["high risk, known place", [{ ...signIn, risk: "high" }], { label: "suspicious", weight: WEIGHTS.behaviourWeak }],
    ["medium risk, new place", [{ ...signIn, risk: "medium", known: false }], { label: "suspicious" }],
    ["high risk but failed", [{ ...signIn, risk: "high", known: false, result: "failure" }], { label: "neutral" }],
    ["new place without risk", [{ ...signIn, known: false }], { label: "neutral" }],
    ["as always", [signIn], { label: "benign", weight: WEIGHTS.behaviourNormal }],
    ["too long ago", [{ ...signIn, risk: "high", known: false, at: new Date("2026-09-01T00:00:00Z") }], { label: "neutral" }],
    ["none", [], { label: "neutral" }],
  ])("%s", async (_, signIns, expected) => {
    const [seen, ...more] = await look("sign-ins", { kind: "user", email: "mia@contoso.example" }, user(signIns));
    expect(seen).toMatchObject({ ...expected, family: "identity" });
    expect(more).toEqual([]);
  });
  test("the address of a risky sign-in becomes evidence", async () => {
    const [seen] = await look("sign-ins", { kind: "user", email: "x" }, user([{ ...signIn, risk: "high", known: false }]));
    expect(seen?.found).toEqual([{ kind: "ip", address: "203.0.113.9" }]);
  });
});

describe("mail", () => {
  async function campaign(copies: number) {
    const opened = openLab();
    for (let index = 0; index < copies; index++) {
      const state = {
        id: `m-${index}`,
        networkMessageId: `m-${index}`,
        recipient: `user-${index}@contoso.example`,
        sender: "it@evil.example",
        subject: "Password",
        location: "inbox",
        receivedAt: NOW.toISOString(),
        urls: ["https://evil.example/a", `https://evil.example/${index}`],
        clicks: index === 1 ? [{ user: "User-1@contoso.example", url: "https://evil.example/a", at: NOW.toISOString() }] : [],
      };
      await opened.store.put("message", state.id, state);
    }
    return opened.capabilities;
  }
  test("links, who pressed one, and further copies become evidence", async () => {
    const [seen] = await look("mail-contents", { kind: "message", networkMessageId: "m-0" }, await campaign(3));
    expect(seen).toMatchObject({ label: "neutral", text: expect.stringContaining("3 copies in 3 mailboxes") });
    expect(seen?.found).toEqual(
      expect.arrayContaining([
        { kind: "url", url: "https://evil.example/a" },
        { kind: "user", email: "user-1@contoso.example" },
        { kind: "message", networkMessageId: "m-2", subject: "Password", sender: "it@evil.example", recipient: "user-2@contoso.example" },
      ]),
    );
    expect(seen?.found).not.toContainEqual(expect.objectContaining({ networkMessageId: "m-0" }));
  });
  test("what is found is bounded", async () => {
    const [seen] = await look("mail-contents", { kind: "message", networkMessageId: "m-0" }, await campaign(60));
    for (const kind of ["url", "message"]) expect(seen?.found?.filter((entity) => entity.kind === kind)).toHaveLength(20);
  });
  test("a message is as bad as its worst link, in the family of who said so", async () => {
    const capabilities = { ...(await campaign(1)), reputation: [says("A", ["url"]), says("B", ["url"], { label: "neutral", weight: 0 })] };
    expect(await look("mail-links", { kind: "message", networkMessageId: "m-0" }, capabilities)).toMatchObject([
      { label: "malicious", family: "A-family", weight: 2 },
      { label: "neutral", family: "B-family" },
    ]);
  });
  test("clean links do not make a clean message", async () => {
    const capabilities = { ...(await campaign(1)), reputation: [says("A", ["url"], { label: "benign", weight: 2 })] };
    expect(await look("mail-links", { kind: "message", networkMessageId: "m-0" }, capabilities)).toMatchObject([{ label: "neutral" }]);
  });
  test("a message nobody holds any more is said so", async () => {
    expect(await look("mail-contents", { kind: "message", networkMessageId: "gone" }, await campaign(0))).toMatchObject([
      { label: "neutral" },
    ]);
  });
});

describe("devices", () => {
  const seenOn = (count: number): Capabilities => {
    const never = () => Promise.reject(new Error("not asked for"));
    const devices: DeviceCapability = {
      connector: "edr",
      find: async () => undefined,
      isQuarantined: never,
      seenOn: async () => Array.from({ length: count }, (_, index) => `WS-${index}`),
      isolate: never,
      release: never,
      quarantine: never,
      follow: never,
    };
    return { ...NOTHING, devices };
  };
  test("a file on 9 devices takes them in, on 10 a person is asked", async () => {
    const [nine] = await look("file-prevalence", { kind: "file", sha256 }, seenOn(9));
    expect(nine?.found).toHaveLength(9);
    const [ten] = await look("file-prevalence", { kind: "file", sha256 }, seenOn(10));
    expect(ten).toMatchObject({ label: "neutral", text: expect.stringContaining("asks") });
    expect(ten?.found).toBeUndefined();
  });
  test("device facts are neutral and say who is on it", async () => {
    const { capabilities } = openLab();
    expect(await look("device-facts", { kind: "device", name: "ws-001" }, capabilities)).toMatchObject([
      { label: "neutral", weight: 0, text: "Workstation, Windows 11; signed in: mia@contoso.example; online." },
    ]);
    expect(await look("device-facts", { kind: "device", name: "nowhere" }, capabilities)).toMatchObject([{ label: "neutral" }]);
  });
});
