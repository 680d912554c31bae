import { describe, expect, test } from "vitest";
import { generic } from "../../../src/adapters/alerts/generic.ts";
import { sanitize } from "../../../src/adapters/alerts/sanitize.ts";
import { Alert } from "../../../src/engine/domain/alert.ts";
import { ENTITY_KINDS } from "../../../src/engine/domain/entity.ts";
import { Refusal } from "../../../src/engine/domain/errors.ts";
import fc from "../../support/fast-check.ts";

const minimal = { id: "a-1", title: "Something", severity: "high" };
const SHA256 = "8963a19fb992ad9a76576c5638fd68292cffb9aaac29eb8285f9abf6196a7dec";

const refused = (payload: unknown): { field: string | undefined; message: string } => {
  try {
    generic.parse(payload);
  } catch (error) {
    if (error instanceof Refusal) return { field: error.field, message: error.message };
    throw error;
  }
  throw new Error("was not refused");
};

describe("generic alert", () => {
  test("the least that is an alert", () => {
    expect(generic.parse(minimal)).toEqual({
      sourceId: "a-1",
      title: "Something",
      severity: "high",
      techniques: [],
      status: "new",
      entities: [],
      raw: minimal,
    });
  });

  test("everything a source may say", () => {
    const payload = {
      ...minimal,
      severity: " Critical ",
      category: "Malware",
      description: "What happened",
      techniques: ["T1059.001"],
      detectedAt: "2026-03-01T02:00:00.1234567+02:00",
      url: "https://siem.contoso.com/alerts/1",
      customer: { kept: "in raw" },
      entities: [
        { kind: "device", name: "WS-042", role: "compromised" },
        { kind: "File", sha256: SHA256.toUpperCase(), name: "x.exe", verdict: "Malicious", remediation: "none" },
        { kind: "ip", address: "203.0.113.7", verdict: "noThreatsFound" },
        { kind: "user", email: "mia@contoso.com", name: null, id: "" },
      ],
    };
    const alert = generic.parse(payload);
    expect(Alert.safeParse(alert).success).toBe(true);
    expect(alert).toMatchObject({ severity: "critical", category: "Malware", techniques: ["T1059.001"], url: payload.url, raw: payload });
    expect(alert.detectedAt?.toISOString()).toBe("2026-03-01T00:00:00.123Z");
    expect(alert.entities).toEqual([
      { entity: { kind: "device", name: "WS-042" }, roles: ["compromised"] },
      { entity: { kind: "file", sha256: SHA256, name: "x.exe" }, roles: [], verdict: "malicious", remediation: "none" },
      { entity: { kind: "ip", address: "203.0.113.7" }, roles: [], verdict: "noThreatsFound" },
      { entity: { kind: "user", email: "mia@contoso.com" }, roles: [] },
    ]);
  });

  test("an unknown kind of entity is kept", () => {
    const [named] = generic.parse({ ...minimal, entities: [{ kind: "kubernetes-pod", name: "web-1", verdict: "suspicious" }] }).entities;
    expect(named).toEqual({
      entity: { kind: "generic", type: "kubernetes-pod", value: '{"name":"web-1"}' },
      roles: [],
      verdict: "suspicious",
    });
  });

  test("two long unknown entities with the same beginning stay two", () => {
    const pod = (end: string) => ({ kind: "pod", manifest: `${"x".repeat(10_000)}${end}` });
    const [a, b] = generic.parse({ ...minimal, entities: [pod("a"), pod("b")] }).entities;
    expect(a).not.toEqual(b);
    expect(Alert.safeParse(generic.parse({ ...minimal, entities: [pod("a")] })).success).toBe(true);
  });

  test("long prose is cut, not refused", () => {
    const alert = generic.parse({ ...minimal, title: `${"x".repeat(999)}\u{1F600}`, description: "d".repeat(30_000) });
    expect(alert.title).toBe("x".repeat(999));
    expect(alert.description).toHaveLength(20_000);
  });

  test("an address with leading zeros is kept as it was written: it is another one to whoever reads it", () => {
    const alert = generic.parse({ ...minimal, entities: [{ kind: "ip", address: "010.1.2.3", role: "source" }] });
    expect(alert.entities).toEqual([{ entity: { kind: "generic", type: "ip", value: '{"address":"010.1.2.3"}' }, roles: ["source"] }]);
  });

  test.each([
    [{ title: "x", severity: "low" }, "id", "is required"],
    [{ id: "a", title: "\u200b", severity: "low" }, "title", "must hold something that can be seen"],
    [{ ...minimal, id: "x".repeat(1025) }, "id", "at most 1024 characters"],
    [{ ...minimal, id: 7 }, "id", "must be text"],
    [{ ...minimal, title: "  " }, "title", "must not be empty"],
    [{ ...minimal, title: undefined }, "title", "is required"],
    [{ ...minimal, severity: "urgent" }, "severity", "must be informational, low, medium, high or critical"],
    [{ ...minimal, url: "javascript:alert(1)" }, "url", "must be an http or https address"],
    [{ ...minimal, techniques: "T1059" }, "techniques", "must be a list of technique ids"],
    [{ ...minimal, techniques: [1] }, "techniques[0]", "must be text"],
    [{ ...minimal, entities: {} }, "entities", "must be a list"],
    [{ ...minimal, entities: Array.from({ length: 1001 }, () => ({ kind: "ip", address: "203.0.113.1" })) }, "entities", "at most 1000"],
    [{ ...minimal, entities: ["ip"] }, "entities[0]", "must be an object"],
    [{ ...minimal, entities: [{ address: "203.0.113.1" }] }, "entities[0].kind", "is required"],
    [{ ...minimal, entities: [{ kind: "ip" }] }, "entities[0].address", "is required"],
    [{ ...minimal, entities: [{ kind: "ip", address: "no" }] }, "entities[0].address", "must be an IPv4 or IPv6 address"],
    [
      {
        ...minimal,
        entities: [
          { kind: "device", name: "a" },
          { kind: "device", name: "b" },
          { kind: "file", sha256: "abc" },
        ],
      },
      "entities[2].sha256",
      "must be 64 hexadecimal characters",
    ],
    [{ ...minimal, entities: [{ kind: "user" }] }, "entities[0]", "needs email or name or id"],
    [
      { ...minimal, entities: [{ kind: "user", id: "1", verdict: "evil" }] },
      "entities[0].verdict",
      "must be malicious, suspicious, noThreatsFound or unknown",
    ],
  ])("names the field at fault (%#)", (payload, field, message) => {
    expect(refused(payload)).toEqual({ field, message });
  });

  test.each([
    "yesterday",
    "2026-02-30T00:00:00Z",
    "2026-01-31T12:00:00",
    "2026-01-31",
    "2026-13-01T00:00:00Z",
    "2026-01-01T24:00:00Z",
    "0000-06-01T00:00:00Z",
    "0001-01-01T00:00:00+01:00",
    "9999-12-31T23:30:00-01:00",
    "2026-01-01T00:00:00+99:00",
  ])("refuses detectedAt %s", (detectedAt) => {
    expect(refused({ ...minimal, detectedAt }).field).toBe("detectedAt");
  });

  test.each([
    ["0001-01-01T01:00:00+01:00", "0001-01-01T00:00:00.000Z"],
    ["9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"],
    ["2026-01-31T12:00Z", "2026-01-31T12:00:00.000Z"],
    ["2026-01-31t12:00:00-0530", "2026-01-31T17:30:00.000Z"],
  ])("takes detectedAt %s", (detectedAt, utc) => {
    expect(generic.parse({ ...minimal, detectedAt }).detectedAt?.toISOString()).toBe(utc);
  });

  test("an alert must be an object", () => {
    expect(refused([minimal]).message).toBe("an alert must be a JSON object");
  });

  const near = fc.record(
    {
      id: fc.oneof(fc.string({ unit: "binary" }), fc.anything()),
      title: fc.oneof(fc.string({ unit: "binary", maxLength: 1200 }), fc.anything()),
      severity: fc.oneof(fc.constantFrom("low", "High", "INFORMATIONAL"), fc.anything()),
      category: fc.oneof(fc.string(), fc.anything()),
      techniques: fc.oneof(fc.array(fc.string()), fc.anything()),
      detectedAt: fc.oneof(
        fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
        fc.anything(),
      ),
      url: fc.oneof(fc.webUrl(), fc.anything()),
      entities: fc.oneof(
        fc.array(
          fc.record(
            {
              kind: fc.oneof(fc.constantFrom(...ENTITY_KINDS), fc.string()),
              name: fc.oneof(fc.string({ unit: "binary" }), fc.anything()),
              address: fc.oneof(fc.ipV4(), fc.ipV6(), fc.string()),
              url: fc.oneof(fc.webUrl(), fc.string({ unit: "binary" })),
              pid: fc.oneof(fc.integer(), fc.double(), fc.anything()),
              verdict: fc.oneof(fc.constantFrom("malicious", "Clean"), fc.anything()),
              role: fc.anything(),
            },
            { requiredKeys: ["kind"] },
          ),
        ),
        fc.anything(),
      ),
    },
    { requiredKeys: [] },
  );

  test("any input is an alert our schema accepts, or a refusal that says why; nothing unstorable passes", () => {
    fc.assert(
      fc.property(fc.oneof(near, fc.anything()), (payload) => {
        let alert: Alert;
        try {
          alert = generic.parse(sanitize(payload));
        } catch (error) {
          expect(error).toBeInstanceOf(Refusal);
          expect((error as Refusal).code).toBe("invalid");
          expect((error as Refusal).message).not.toBe("");
          return;
        }
        expect(Alert.safeParse(alert).error).toBeUndefined();
        const told: unknown[] = [];
        JSON.stringify(alert, (key, value: unknown) => {
          told.push(key, value);
          return value;
        });
        expect(told.filter((text) => typeof text === "string" && (text.includes("\0") || !text.isWellFormed()))).toEqual([]);
      }),
      { numRuns: 500 },
    );
    const always = fc.record({
      id: fc.string({ minLength: 1 }).filter((id) => id.trim() !== ""),
      title: fc.constant("t"),
      severity: fc.constant("low"),
    });
    fc.assert(fc.property(always, (payload) => generic.parse(sanitize(payload)).title === "t"));
  });
});
