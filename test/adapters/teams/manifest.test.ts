import { readFileSync } from "node:fs";
import { Ajv } from "ajv";
import { unzipSync } from "fflate";
import { expect, test } from "vitest";
import { teamsManifest } from "../../../src/adapters/teams/manifest.ts";
import { teamsPackage } from "../../../src/bot/teams-package.ts";

const APP = "11111111-1111-4111-8111-111111111111";
// Draft 4 of JSON Schema: its `id` is no address for us, and it has no keyword that newer drafts read otherwise.
const schema = JSON.parse(readFileSync("test/fixtures/schemas/teams-manifest-1.30.json", "utf8").replace(/^\uFEFF/, ""));
delete schema.id;
delete schema.$schema;
const validate = new Ajv({ strict: false, allErrors: true, validateFormats: false }).compile(schema);

test("the manifest fits Microsoft's schema", () => {
  expect(validate(teamsManifest("https://air.example.com/", APP)) ? [] : validate.errors).toEqual([]);
});

test("the schema would notice", () => {
  const good = teamsManifest("https://air.example.com", APP);
  const { developer: _, ...without } = good;
  expect(validate(without)).toBe(false);
  expect(validate({ ...good, name: { short: "x".repeat(31), full: "air" } })).toBe(false);
});

test("the file beside the code is the manifest", () => {
  expect(JSON.parse(readFileSync("manifests/teams.json", "utf8"))).toEqual(
    teamsManifest("https://air.example.com", "00000000-0000-0000-0000-000000000000"),
  );
});

test("no right that air does not need: it reads no message it is not mentioned in", () => {
  const manifest = teamsManifest("https://air.example.com", APP);
  expect(manifest.authorization).toBeUndefined();
  expect(manifest.validDomains).toEqual(["air.example.com"]);
});

test("the package holds the manifest and both icons in their sizes, and is the same each time", () => {
  const zip = teamsPackage("https://air.example.com", APP);
  const files = unzipSync(zip);
  expect(Object.keys(files).toSorted()).toEqual(["color.png", "manifest.json", "outline.png"]);
  expect(JSON.parse(Buffer.from(files["manifest.json"] ?? []).toString())).toMatchObject({ id: APP, bots: [{ botId: APP }] });
  const size = (name: string) => [16, 20].map((at) => Buffer.from(files[name] ?? []).readUInt32BE(at));
  expect(size("color.png")).toEqual([192, 192]);
  expect(size("outline.png")).toEqual([32, 32]);
  // With an alpha channel: what is not drawn is not there.
  expect(files["outline.png"]?.[25]).toBe(6);
  expect(teamsPackage("https://air.example.com", APP)).toEqual(zip);
});
