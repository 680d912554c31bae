import fs from "node:fs";
import { describe, expect, test } from "vitest";
import { graphPng } from "../../../src/adapters/picture/graph-png.ts";
import { graphSvg } from "../../../src/adapters/picture/graph-svg.ts";
import type { Verdict } from "../../../src/engine/domain/alert.ts";
import type { Graph, GraphNode } from "../../../src/engine/graph.ts";
import { HOSTILE, graph as sample } from "../../cards/samples.ts";
import fc from "../../support/fast-check.ts";

const VERDICTS: Verdict[] = ["malicious", "suspicious", "noThreatsFound", "unknown"];
const anyText = fc.oneof(
  fc.string({ unit: "binary", maxLength: 300 }),
  fc.string({ maxLength: 80 }),
  fc.constantFrom(...Object.values(HOSTILE), "]]>"),
);
const node = (index: number): fc.Arbitrary<GraphNode> =>
  fc.record(
    {
      id: fc.constant(`EVD-${index}`),
      kind: fc.constantFrom("alert", "device", "user", "mailbox", "evidence", "action"),
      label: anyText,
      state: anyText,
      verdict: fc.constantFrom(...VERDICTS),
      entity: fc.constantFrom("file", "ip", "mail-cluster"),
    },
    { requiredKeys: ["id", "kind", "label", "state"] },
  );
/** Any nodes, and ways between any of them: circles, ways to oneself and to nowhere. */
const anyGraph: fc.Arbitrary<Graph> = fc.integer({ min: 0, max: 60 }).chain((size) =>
  fc.record({
    nodes: fc
      .tuple(...Array.from({ length: size }, (_, index) => node(index)))
      .map((rest): GraphNode[] => [{ id: "INV-42", kind: "investigation", label: "INV-42", state: "Running" }, ...rest]),
    edges: fc.array(
      fc.record({
        from: fc.integer({ min: -1, max: size }).map((index) => (index < 0 ? "INV-42" : `EVD-${index}`)),
        to: fc.integer({ min: 0, max: size }).map((index) => `EVD-${index}`),
        kind: fc.constant("named" as const),
      }),
      { maxLength: 80 },
    ),
  }),
);

/** Well-formed XML of nothing but these elements, each closed, with nothing but harmless attributes. */
function faults(svg: string): string[] {
  const found: string[] = [];
  const open: string[] = [];
  let at = 0;
  for (const match of svg.matchAll(/<(\/?)([a-z]+)((?:\s[a-zA-Z-]+="[^"<]*")*)\s*(\/?)>/g)) {
    const between = svg.slice(at, match.index);
    if (/<|\]\]>/.test(between) || /&(?!(?:amp|lt|gt|quot|#\d+);)/.test(between)) found.push(`text: ${between}`);
    at = match.index + match[0].length;
    const [, closing, name = "", attributes = "", alone] = match;
    if (!["svg", "g", "rect", "path", "text", "title"].includes(name)) found.push(`element ${name}`);
    if (/\s(on\w+|href|style|src)=|url\(|NaN|Infinity|undefined/.test(attributes)) found.push(`attributes ${attributes}`);
    if (closing) {
      if (open.pop() !== name) found.push(`${name} closes nothing`);
    } else if (!alone) open.push(name);
  }
  if (svg.slice(at).trim() !== "") found.push(`after the end: ${svg.slice(at)}`);
  if (open.length > 0) found.push(`never closed: ${open}`);
  if (/(?![\t\n])\p{Cc}|[\ufffe\uffff]/u.test(svg) || !svg.isWellFormed()) found.push("a character XML has not");
  return found;
}

describe("the picture of a graph", () => {
  test("of any texts, and any ways between things, is harmless SVG of bounded size, and always the same", () => {
    fc.assert(
      fc.property(anyGraph, (graph) => {
        const { svg, width, height } = graphSvg(graph);
        expect(faults(svg)).toEqual([]);
        expect(width).toBeLessThanOrEqual(1000);
        expect(height).toBeLessThanOrEqual(6000);
        expect(svg.length).toBeLessThan(200_000);
        expect(graphSvg(graph).svg).toBe(svg);
      }),
      { numRuns: 60 },
    );
  });
  test("says verdicts and states in words, and draws no two verdicts alike", () => {
    const { svg } = graphSvg(sample);
    for (const word of ["INV-42: Pending approval", "Malicious", "Suspicious", "Unknown", "Pending", "WS-042", "[U+202E]"])
      expect(svg).toContain(word);
    const borders = VERDICTS.map((verdict) => {
      const alone = graphSvg({
        nodes: [
          { id: "INV-1", kind: "investigation", label: "INV-1", state: "" },
          { id: "EVD-1", kind: "evidence", label: "x", state: "", verdict },
        ],
        edges: [],
      });
      return /stroke-width="[\d.]+"(?: stroke-dasharray="[^"]+")?/.exec(alone.svg)?.[0];
    });
    expect(new Set(borders).size).toBe(VERDICTS.length);
  });
  test("of many things shows the worst and counts the rest", () => {
    const nodes: GraphNode[] = Array.from({ length: 40 }, (_, index) => ({
      id: `EVD-${index}`,
      kind: "evidence",
      label: `file-${index}`,
      state: index === 37 ? "Malicious" : "Unknown",
      verdict: index === 37 ? "malicious" : "unknown",
    }));
    const { svg } = graphSvg({ nodes: [{ id: "INV-1", kind: "investigation", label: "INV-1", state: "Running" }, ...nodes], edges: [] });
    expect(svg).toContain("file-37");
    expect(svg).toContain("and 31 more");
    expect(svg).toContain("31 Unknown");
  });
});

describe("as PNG", () => {
  test("it has the size of the drawing, and the words are in it", async () => {
    const png = await graphPng(sample);
    if (!Buffer.isBuffer(png)) return expect(fs.existsSync("/usr/share/fonts/truetype")).toBe(false);
    const { width } = graphSvg(sample);
    expect(png.subarray(0, 8).toString("latin1")).toBe("\x89PNG\r\n\x1a\n");
    expect(png.readUInt32BE(16)).toBe(Math.ceil(width * 1.25));
    expect(png.length).toBeLessThan(1_000_000);
  });
});
