import fs from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";

/*
 * Imports point downwards: bot → adapters, db → engine → domain. A layer is the longest folder that fits, and may import what its row
 * names and nothing else: `mayImport` are layers of ours, `packages` what comes from outside (node: included).
 */
const SRC = path.resolve("src");
type Layer = { mayImport: readonly string[]; packages: readonly string[] };

/** The engine as others see it: facts, what the ports promise, how rows and jobs look. No verbs. */
const PORTS = ["engine/domain", "engine/ports.ts", "engine/store.ts", "engine/queue.ts"];
const SHAPE_OF_A_CARD = ["engine/domain", "engine/cards", "engine/ports.ts"];
const adapter = (packages: readonly string[], more: readonly string[] = []): Layer => ({
  mayImport: [...SHAPE_OF_A_CARD, ...more],
  packages,
});

const LAYERS: Readonly<Record<string, Layer>> = {
  "engine/domain": { mayImport: [], packages: ["zod", "ipaddr.js", "temporal-polyfill"] },
  "engine/cards": { mayImport: ["engine/domain"], packages: ["zod"] },
  "engine/analyzers": {
    mayImport: ["engine/domain", "engine/ports.ts"],
    // Readers of host names, distances between words and defanged text; still no network.
    packages: ["node:url", "tldts", "fastest-levenshtein", "ioc-extractor"],
  },
  "engine/actions": { mayImport: ["engine/domain", "engine/ports.ts"], packages: ["zod"] },
  engine: {
    mayImport: ["engine/domain", "engine/cards", "engine/analyzers", "engine/actions"],
    // Files and text formats; no database, no platform, no network.
    packages: ["node:crypto", "zod", "yaml", "canonicalize", "ipaddr.js"],
  },
  db: {
    mayImport: [...PORTS, "engine/audit-chain.ts"],
    packages: ["node:*", "drizzle-orm", "pg-boss", "postgres", "@electric-sql/pglite", "canonicalize"],
  },
  "adapters/alerts": adapter(["node:crypto", "zod"]),
  "adapters/slack": adapter(["node:*", "zod", "express", "@slack/bolt", "@slack/web-api", "@slack/types"]),
  "adapters/teams": adapter(["node:*", "zod", "express", "botbuilder"]),
  "adapters/console": adapter(["node:*", "zod", "express", "preact", "preact-render-to-string", "idiomorph"]),
  "adapters/pages": adapter(["node:crypto", "node:net", "node:tls", "nodemailer", "zod"]),
  "adapters/picture": adapter(["@dagrejs/dagre", "@resvg/resvg-js", "preact", "preact-render-to-string"], ["engine/graph.ts"]),
  "adapters/connectors": adapter(["node:*", "zod", "cockatiel", "aws4fetch", "fast-xml-parser", "ipaddr.js"]),
  // The composition root and what stands around it.
  bot: { mayImport: ["engine", "engine/domain", "engine/cards", "engine/analyzers", "engine/actions", "db", "adapters"], packages: ["*"] },
};

const layerOf = (file: string): string | undefined =>
  Object.keys(LAYERS)
    .filter((name) => file.startsWith(`${name}/`))
    .sort((a, b) => b.length - a.length)[0];

type Source = { file: string; text: string };
const sources = (): Source[] =>
  fs
    .readdirSync(SRC, { recursive: true, encoding: "utf8" })
    .map((file) => file.replaceAll("\\", "/"))
    .filter((file) => /\.(ts|js)$/.test(file))
    .map((file) => ({ file, text: fs.readFileSync(path.join(SRC, file), "utf8") }));

/** Types and re-exports included: a type is a dependency of the mind. */
function importsOf({ text }: Source): string[] {
  const statements =
    /(?:^|[;\n])\s*(?:import|export)\b[^;"']*?\bfrom\s*["']([^"']+)["']|(?:^|[;\n])\s*import\s*["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']/g;
  return [...code(text).matchAll(statements)].map((match) => match[1] ?? match[2] ?? match[3] ?? "");
}

function problemsOf(source: Source): string[] {
  const layer = layerOf(source.file);
  if (!layer) return [`${source.file} is in no layer: put it where it belongs, or give its folder a row`];
  const { mayImport, packages } = LAYERS[layer] as Layer;
  return importsOf(source).flatMap((to) => {
    const wrong = [`${source.file} imports ${to}, which ${layer} may not`];
    if (to.startsWith("/")) return source.file === "adapters/console/app.js" ? [] : wrong;
    if (!to.startsWith(".")) {
      const name = to.startsWith("node:")
        ? to
        : to
            .split("/")
            .slice(0, to.startsWith("@") ? 2 : 1)
            .join("/");
      const allowed = packages.some((one) => one === "*" || one === name || (one === "node:*" && name.startsWith("node:")));
      return allowed ? [] : wrong;
    }
    const target = path.posix.normalize(path.posix.join(path.posix.dirname(source.file), to));
    const targetLayer = layerOf(target);
    if (targetLayer === layer) return [];
    const allowed = mayImport.some(
      (one) => one === targetLayer || one === target || (one === "adapters" && target.startsWith("adapters/")),
    );
    return allowed ? [] : wrong;
  });
}

const code = (text: string) => text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");

/** Words that name a platform, a database or the network, where the engine is told without them. */
const FOREIGN_WORDS = /\b(mrkdwn|TextBlock|block_actions|AdaptiveCard|drizzle|fetch\(|slackApiUrl)\b/;

describe("the direction of imports", () => {
  const files = sources();

  test("the scan sees the house", () => {
    expect(files.length).toBeGreaterThan(30);
    expect(files.flatMap(importsOf).length).toBeGreaterThan(200);
    for (const layer of Object.keys(LAYERS)) expect([layer, files.some(({ file }) => layerOf(file) === layer)]).toEqual([layer, true]);
  });

  test("imports point downwards", () => {
    expect(files.flatMap(problemsOf)).toEqual([]);
  });

  test("only the command line reads the environment; readers of settings are handed it", () => {
    const readers = files.filter(({ text }) => /\bprocess\.env\b/.test(text)).map(({ file }) => file);
    expect(readers).toEqual(["bot/cli/settings.ts"]);
  });

  test("Microsoft's SDK stands behind one file, which is loaded only where Teams is configured", () => {
    const known = files.filter((source) => importsOf(source).includes("botbuilder")).map(({ file }) => file);
    expect(known).toEqual(["adapters/teams/sdk.ts"]);
    // What leads there at start is a type, which leaves no import behind.
    const eager = files.filter(({ file, text }) => file.startsWith("bot/") && /^import (?!type )[^;]*teams\/(app|sdk)\.ts/m.test(text));
    expect(eager.map(({ file }) => file)).toEqual([]);
  });

  test("the engine knows no platform's words and calls nobody over the network", () => {
    const engine = files.filter(({ file }) => file.startsWith("engine/"));
    expect(engine.filter(({ text }) => FOREIGN_WORDS.test(text)).map(({ file }) => file)).toEqual([]);
    // `via` says where a person spoke, `slack.exe` is a program like any other, and the products air must never block are a list of the domain.
    const told = engine
      .filter(({ file }) => file !== "engine/domain/well-known.ts")
      .map(({ file, text }) => ({ file, text: code(text).replaceAll(/"slack(\.exe)?"/g, "") }));
    expect(told.filter(({ text }) => /\b(slack|virustotal|abuseipdb|urlhaus)\b/i.test(text)).map(({ file }) => file)).toEqual([]);
  });
});

describe("the check itself", () => {
  test.each<[string, string, string]>([
    ["the domain asks Node", "engine/domain/x.ts", 'import fs from "node:fs";'],
    ["the domain knows a verb", "engine/domain/x.ts", 'import type { Air } from "../air.ts";'],
    ["a card knows a port", "engine/cards/x.ts", 'import type { Log } from "../ports.ts";'],
    ["an analyzer acts", "engine/analyzers/x.ts", 'import { all } from "../actions/all.ts";'],
    ["a verb writes SQL", "engine/x.ts", 'import { sql } from "drizzle-orm";'],
    ["a verb knows the queue's product", "engine/x.ts", 'import { PgBoss } from "pg-boss";'],
    ["a verb knows a platform", "engine/x.ts", 'import { App } from "@slack/bolt";'],
    ["a verb reaches into the database", "engine/x.ts", 'import { reads } from "../db/store/reads.ts";'],
    ["the database calls a verb", "db/x.ts", 'import { decideAction } from "../engine/decide-action.ts";'],
    ["the database knows an adapter", "db/x.ts", 'import { generic } from "../adapters/alerts/generic.ts";'],
    ["an adapter calls a verb", "adapters/slack/x.ts", 'import { decideAction } from "../../engine/decide-action.ts";'],
    ["an adapter reads rows", "adapters/console/x.ts", 'import * as schema from "../../db/schema.ts";'],
    ["an adapter knows another", "adapters/slack/x.ts", 'import { h } from "../console/html.ts";'],
    ["an adapter uses another's product", "adapters/teams/x.ts", 'import { App } from "@slack/bolt";'],
    ["somebody imports the bot", "engine/x.ts", 'import type { Config } from "../bot/config.ts";'],
    ["an adapter imports the bot", "adapters/alerts/x.ts", 'export { readConfig } from "../../bot/config.ts";'],
    ["an import for its effect", "engine/domain/x.ts", 'import "node:fs";'],
    ["an import over several lines", "engine/domain/x.ts", 'import {\n  readFile,\n} from "node:fs/promises";'],
    ["an import when it is needed", "engine/domain/x.ts", 'const fs = await import("node:fs");'],
    ["a folder nobody named", "helpers/x.ts", ""],
  ])("%s: noticed", (_name, file, text) => {
    expect(problemsOf({ file, text })).toHaveLength(1);
  });
});
