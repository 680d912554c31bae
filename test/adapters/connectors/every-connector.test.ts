import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { connectorKinds } from "../../../src/adapters/connectors/all.ts";
import type { ConnectorKind } from "../../../src/adapters/connectors/kind.ts";
import { exampleShield } from "../../../src/adapters/connectors/template.ts";

/** What docs/write-a-connector.md asks of a connector; the failing line is what is missing. */
const kinds = [...connectorKinds, exampleShield] as unknown as readonly ConnectorKind[];
const texts = (folder: string) =>
  readdirSync(folder)
    .filter((name) => name.endsWith(".test.ts"))
    .map((name) => readFileSync(path.join(folder, name), "utf8"));
const reputationTests = texts("test/adapters/connectors");
const actionTests = texts("test/engine/actions");
const readme = readFileSync("README.md", "utf8");

/** Something each field takes, so that the connector can be made without any product. */
function sample(field: string, shape: z.ZodType): unknown {
  for (const value of [undefined, "https://product.example", "123456789012", "AKIAIOSFODNN7EXAMPLE", "contoso.com"]) {
    const read = shape.safeParse(value);
    if (read.success) return read.data;
  }
  throw new Error(`no sample for ${field}`);
}
const made = (kind: ConnectorKind) => {
  const fields = Object.entries(kind.settings).map(([field, shape]) => [field, sample(field, shape as z.ZodType)]);
  return kind.create(Object.fromEntries(fields), { clock: { now: () => new Date("2026-10-05T09:00:00.000Z") } });
};
const ACTING = ["devices", "identities", "mail", "indicators", "apps", "accessKeys", "handwork"] as const;

test("names and variables are each one's own, but for the key of one vendor's several services", () => {
  expect(new Set(kinds.map(({ name }) => name)).size).toBe(kinds.length);
  for (const kind of kinds)
    for (const variable of Object.keys(kind.env)) {
      const others = kinds.filter((other) => other !== kind && variable in other.env);
      const shared = others.filter((other) => !(kind.oneKeyWith && kind.oneKeyWith === other.oneKeyWith) && variable !== "ENTRA_LOGIN_URL");
      expect(shared.map(({ name }) => `${name} reads ${variable}, too`)).toEqual([]);
    }
});

describe.each(kinds.map((kind) => [kind.name, kind] as const))("%s", (name, kind) => {
  test("says its settings, each with a word about what is wrong with it", () => {
    expect(name).toMatch(/^[a-z][a-z0-9]+$/);
    expect(kind.product.length).toBeGreaterThan(2);
    const marks = Object.entries(kind.settings).map(
      ([field, shape]) => [field, JSON.stringify(z.toJSONSchema(shape as z.ZodType, { unrepresentable: "any", io: "input" }))] as const,
    );
    // A setting that looks like a credential and is not marked as one would be printed by `air config check`.
    for (const [field, schema] of marks)
      if (/(key|secret|password|token)$/i.test(field)) expect(`${field} ${schema}`).toContain('"secret":true');
    for (const field of Object.values(kind.env)) expect(Object.keys(kind.settings)).toContain(field);
  });

  test("is made of its settings alone, and the doctor can ask it", () => {
    const connector = made(kind);
    expect(connector).toMatchObject({ name, lab: false });
    expect(connector.check).toBeTypeOf("function");
    const offers = ACTING.filter((capability) => connector[capability] !== undefined);
    expect(kind.acts).toBe(offers.length > 0);
    for (const capability of offers) expect(connector[capability]?.connector).toBe(name);
    // Whose data it is, so that an action is never carried out in another account.
    if (kind.acts) expect(connector.tenant).toBeTruthy();
  });

  test("passes the contract of what it offers", () => {
    const connector = made(kind);
    const missing = [
      connector.reputation?.length &&
        !reputationTests.some((text) => text.includes("reputationContract(") && text.includes(`product: "${kind.product}"`)) &&
        `test/adapters/connectors/${name}.test.ts that calls reputationContract({ product: "${kind.product}", ... })`,
      kind.acts &&
        !actionTests.some((text) => text.includes(`actionContract("${name}"`) || text.includes(`actionContract(\n  "${name}"`)) &&
        `test/engine/actions/${name}-contract.test.ts that calls actionContract("${name}", ...)`,
    ];
    expect(missing.filter(Boolean)).toEqual([]);
  });

  test("is told of in the README", () => {
    if (kind === (exampleShield as unknown)) return;
    const words = [kind.product.replace(/^AWS IAM$/, "AWS"), ...Object.keys(kind.env)];
    const missing = words.filter((word) => !readme.includes(word)).map((word) => `README.md, Connecting products, without ${word}`);
    expect(missing).toEqual([]);
  });
});
