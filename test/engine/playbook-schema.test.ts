import { readdirSync, readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { playbookJsonSchema } from "../../src/engine/playbook-shape.ts";

const folder = new URL("../../playbooks/", import.meta.url);
const read = (file: string) => readFileSync(new URL(file, folder), "utf8");
const files = readdirSync(folder).filter((file) => file.endsWith(".yaml") && !file.endsWith(".example.yaml"));
const committed: unknown = JSON.parse(read("playbook.schema.json"));
const check = new Ajv2020({ allErrors: true, strictTypes: false }).compile(committed as object);

test("playbook.schema.json is current: else run `air playbook schema > playbooks/playbook.schema.json`, then `npm run format`", () => {
  expect(committed).toEqual(JSON.parse(JSON.stringify(playbookJsonSchema())));
});

describe.each(files)("%s", (file) => {
  test("is good by the schema, and tells the editor where that is", () => {
    expect(read(file).split("\n")[0]).toBe("# yaml-language-server: $schema=./playbook.schema.json");
    check(parse(read(file)));
    expect((check.errors ?? []).map(({ instancePath }) => instancePath)).toEqual([]);
  });
});

describe("the schema refuses what the reader refuses", () => {
  const head = { name: "test", title: "Test", description: "A test" };
  test.each<[string, object]>([
    ["an unknown analyzer", { root: [{ look: "crystal-ball" }] }],
    ["an unknown key", { colour: "red" }],
    ["an approval", { remediation: [{ propose: "isolate-device", for: "device", when: "malicious", note: "x", approval: "none" }] }],
    ["neither any nor all", { applies: {} }],
    ["both any and all", { applies: { any: [{ category: "a" }], all: [{ category: "b" }] } }],
    ["an empty condition", { applies: { any: [{}] } }],
    ["a priority out of range", { priority: 1001 }],
    ["a verdict that leads to no action", { remediation: [{ propose: "disable-user", for: "user", when: "unknown", note: "x" }] }],
  ])("%s", (_, more) => {
    expect(check({ ...head, ...more })).toBe(false);
  });
  test("one item may stand without brackets", () => {
    expect(check({ ...head, applies: { any: [{ category: "malware", entity: "file" }] } })).toBe(true);
  });
});

test("every field has a sentence for the editor", () => {
  const undocumented: string[] = [];
  const walk = (schema: unknown, path: string) => {
    if (typeof schema !== "object" || schema === null) return;
    const { properties } = schema as { properties?: Record<string, { description?: string }> };
    for (const [name, field] of Object.entries(properties ?? {})) if (!field.description) undocumented.push(`${path}.${name}`);
    for (const [key, value] of Object.entries(schema)) walk(value, `${path}.${key}`);
  };
  walk(committed, "");
  expect(undocumented).toEqual([]);
});
