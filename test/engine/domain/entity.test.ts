import { describe, expect, test } from "vitest";
import {
  canonicalUrl,
  deviceName,
  ENTITY_KINDS,
  Entity,
  entityKey,
  entityKeys,
  entityName,
  hostOf,
} from "../../../src/engine/domain/entity.ts";

const sha256 = "a".repeat(64);
const samples: Record<(typeof ENTITY_KINDS)[number], Entity> = {
  device: { kind: "device", name: "WS-042.contoso.com", id: "D1" },
  user: { kind: "user", email: "Mia@Contoso.com", name: "CONTOSO\\mia", id: "U1" },
  mailbox: { kind: "mailbox", address: "Mia@Contoso.com" },
  file: { kind: "file", sha256, name: "a.exe", path: "C:\\x" },
  process: { kind: "process", name: "cmd.exe", pid: 7, device: "WS-042", commandLine: "cmd /c x" },
  ip: { kind: "ip", address: "::ffff:203.0.113.9" },
  url: { kind: "url", url: "HXXPS://Evil[.]example:443/Path?q=1#f" },
  domain: { kind: "domain", name: "Evil.example." },
  message: { kind: "message", networkMessageId: "N1", internetMessageId: "<I@x>", subject: "Hi", recipient: "Mia@contoso.com" },
  "mail-cluster": { kind: "mail-cluster", query: "Subject:x" },
  registry: { kind: "registry", key: "HKLM\\Run", value: "Evil" },
  service: { kind: "service", name: "Svc", device: "WS-042" },
  driver: { kind: "driver", name: "Drv" },
  "scheduled-task": { kind: "scheduled-task", name: "Task", device: "WS-042" },
  "cloud-app": { kind: "cloud-app", id: "A1", name: "App" },
  "oauth-app": { kind: "oauth-app", name: "App" },
  "cloud-resource": { kind: "cloud-resource", id: "arn:Aws:x" },
  "access-key": { kind: "access-key", id: "AKIA" },
  generic: { kind: "generic", type: "Pod", value: "p-1" },
};

describe("keys", () => {
  test.each<[string, string[]]>([
    ["device", ["device:name:ws-042", "device:id:d1"]],
    ["user", ["user:email:mia@contoso.com", "user:id:u1", "user:name:contoso\\mia"]],
    ["mailbox", ["mailbox:address:mia@contoso.com"]],
    ["file", [`file:sha256:${sha256}`]],
    ["process", ["process:run:ws-042|7|cmd.exe|cmd /c x"]],
    ["ip", ["ip:address:203.0.113.9"]],
    ["url", ["url:url:https://evil.example/Path?q=1"]],
    ["domain", ["domain:name:evil.example"]],
    ["message", ["message:network:n1|mia@contoso.com", "message:internet:<i@x>|mia@contoso.com", "message:subject:Hi||mia@contoso.com"]],
    ["registry", ["registry:key:hklm\\run|evil"]],
    ["service", ["service:name:svc@ws-042"]],
    ["driver", ["driver:name:drv@"]],
    ["oauth-app", ["oauth-app:name:app"]],
    ["cloud-resource", ["cloud-resource:id:arn:Aws:x"]],
    ["generic", ["generic:pod:p-1"]],
  ])("%s", (kind, keys) => expect(entityKeys(samples[kind as keyof typeof samples])).toEqual(keys));

  test("every kind parses, has a key of its own and a name", () => {
    for (const kind of ENTITY_KINDS) {
      const entity = samples[kind];
      expect(Entity.parse(entity)).toEqual(entity);
      expect(entityKey(entity).startsWith(`${kind}:`)).toBe(true);
      expect(entityName(entity)).not.toBe("");
    }
    expect(new Set(ENTITY_KINDS.map((kind) => entityKey(samples[kind]))).size).toBe(ENTITY_KINDS.length);
  });

  test.each<[string, Entity, Entity]>([
    ["a device with and without its domain", { kind: "device", name: "WS-042" }, { kind: "device", name: "ws-042.corp.contoso.com" }],
    ["an address in two spellings", { kind: "ip", address: "2001:DB8::0:1" }, { kind: "ip", address: "2001:db8::1" }],
    ["a url defanged or not", { kind: "url", url: "hxxp://evil[.]example" }, { kind: "url", url: "http://EVIL.example/" }],
    [
      "a path in another case",
      { kind: "file", path: "C:\\A", name: "x.EXE", device: "ws-1" },
      { kind: "file", path: "c:\\a", name: "X.exe", device: "WS-1.contoso.com" },
    ],
  ])("the same: %s", (_, a, b) => expect(entityKey(a)).toBe(entityKey(b)));

  test.each<[string, Entity, Entity]>([
    ["a path on two devices", { kind: "file", path: "C:\\a.exe", device: "ws-1" }, { kind: "file", path: "C:\\a.exe", device: "ws-2" }],
    ["a url's path in another case", { kind: "url", url: "http://evil.example/A" }, { kind: "url", url: "http://evil.example/a" }],
    [
      "one mail in two mailboxes",
      { kind: "message", networkMessageId: "n", recipient: "a@x.example" },
      { kind: "message", networkMessageId: "n", recipient: "b@x.example" },
    ],
    ["a device that is called by its address", { kind: "device", name: "10.0.0.1" }, { kind: "device", name: "10.0.0.2" }],
  ])("not the same: %s", (_, a, b) => expect(entityKey(a)).not.toBe(entityKey(b)));

  test("a path is no identity where a hash is known", () => {
    expect(entityKeys({ kind: "file", sha256, path: "C:\\a" })).toEqual(entityKeys({ kind: "file", sha256, path: "D:\\b" }));
  });
  test("a key has an end, whatever an attacker writes", () => {
    expect(entityKey({ kind: "mail-cluster", query: "x".repeat(4000) }).length).toBe(1500);
  });
});

describe("reading what sources send", () => {
  test.each<[string, unknown]>([
    ["a device without a name or id", { kind: "device", os: "Windows" }],
    ["a hash that is none", { kind: "file", sha256: "zz" }],
    ["an address that is none", { kind: "ip", address: "999.1.1.1" }],
    ["a kind nobody knows", { kind: "teapot" }],
    ["an empty name", { kind: "domain", name: "" }],
  ])("%s is refused", (_, raw) => expect(Entity.safeParse(raw).success).toBe(false));
  test("hashes are trimmed and lower case", () => {
    expect(Entity.parse({ kind: "file", sha256: ` ${"A".repeat(64)} ` })).toEqual({ kind: "file", sha256 });
  });
  test("names and hosts", () => {
    expect([deviceName(" WS-1.contoso.com "), deviceName("10.0.0.1"), deviceName("fe80::1")]).toEqual(["ws-1", "10.0.0.1", "fe80::1"]);
    expect([hostOf("hxxps://a[.]example/x"), hostOf("evil.example/x"), hostOf("not a url")]).toEqual([
      "a.example",
      "evil.example",
      undefined,
    ]);
    expect(canonicalUrl("http://user:pw@evil.example:80/#x")).toBe("http://user:pw@evil.example/");
  });
});
