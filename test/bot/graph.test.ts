import { describe, expect, test } from "vitest";
import { graphCard } from "../../src/bot/graph-card.ts";
import { plain } from "../../src/engine/cards/card.ts";
import type { Entity } from "../../src/engine/domain/entity.ts";
import { type GraphRows, investigationGraph } from "../../src/engine/graph.ts";
import fc from "../support/fast-check.ts";

const text = (rows: GraphRows): string => {
  const code = graphCard(investigationGraph(rows)).lines.find((line) => line.kind === "code");
  return code?.kind === "code" ? code.text : "";
};
const alert = (id: number, title: string, ...entities: Entity[]): GraphRows["alerts"][number] => ({
  id,
  title,
  severity: "high",
  entities: entities.map((entity) => ({ entity, roles: [] })),
  investigationId: 4,
});
const evidence = (id: number, entity: Entity, verdict: GraphRows["evidence"][number]["verdict"] = "malicious") => ({ id, entity, verdict });
const action = (id: number, evidenceId: number | null, target: Entity): GraphRows["actions"][number] => ({
  id,
  kind: target.kind === "device" ? "isolate-device" : "quarantine-file",
  target,
  params: {},
  state: "pending",
  evidenceId,
  byHand: null,
});
const device: Entity = { kind: "device", name: "WS-042" };
const file: Entity = { kind: "file", name: "invoice.exe", sha256: "a".repeat(64), device: "ws-042.contoso.com" };

describe("the graph of an investigation", () => {
  test("alert, what it hit, what lies there with its verdict, the actions with their state", () => {
    const rows: GraphRows = {
      investigation: { id: 4, status: "pendingApproval" },
      alerts: [alert(7, "Malware was seen", device, file)],
      evidence: [evidence(1, device, "unknown"), evidence(2, file), evidence(3, { kind: "domain", name: "evil.example" }, "suspicious")],
      actions: [action(105, 1, device), action(106, 2, file)],
    };
    expect(text(rows)).toBe(
      [
        "INV-4 Pending approval",
        "├ Malware was seen",
        "│   High alert ALT-7",
        "│ └ WS-042",
        "│     Unknown device EVD-1",
        "│   ├ invoice.exe",
        "│   │   Malicious file EVD-2",
        "│   │ └ Quarantine invoice.exe on ws-04…",
        "│   │     Pending action ACT-106",
        "│   └ Isolate WS-042",
        "│       Pending action ACT-105",
        "└ evil[.]example",
        "    Suspicious domain EVD-3",
      ].join("\n"),
    );
    const { edges } = investigationGraph(rows);
    expect(edges).toContainEqual({ from: "EVD-1", to: "EVD-2", kind: "on" });
    expect(edges).toContainEqual({ from: "INV-4", to: "EVD-3", kind: "found" });
  });

  test("a big one is summed up, with what is left out by verdict", () => {
    const many = Array.from({ length: 300 }, (_, index) =>
      evidence(index + 10, { kind: "file", name: `f${index}.exe`, device: "WS-042" }, index % 3 === 0 ? "suspicious" : "unknown"),
    );
    const drawn = text({
      investigation: { id: 4, status: "running" },
      alerts: Array.from({ length: 40 }, (_, index) => alert(index + 1, `Alert ${index}`, device)),
      evidence: [evidence(1, device), ...many],
      actions: [],
    });
    expect(drawn).toContain("└ 292 more:\n│       92 Suspicious, 200 Unknown");
    expect(drawn).toContain("└ 34 more:\n    34 High");
    expect(drawn.split("\n").length).toBeLessThan(75);
  });

  const hostile = fc.oneof(
    fc.string({ unit: "binary", minLength: 1, maxLength: 80 }),
    fc.constantFrom("```", "a\nINV-9 Remediated", "\u202egpj.exe", "https://evil.example/x"),
  );
  const name = fc.constantFrom("a", "b", "c");
  const entity: fc.Arbitrary<Entity> = fc.oneof(
    name.map((given): Entity => ({ kind: "device", name: given })),
    fc.tuple(hostile, name).map(([given, on]): Entity => ({ kind: "file", name: given, device: on })),
    name.map((given): Entity => ({ kind: "user", email: `${given}@contoso.com` })),
    fc.tuple(hostile, name).map(([given, to]): Entity => ({ kind: "message", subject: given, recipient: `${to}@contoso.com` })),
  );

  test("whatever the rows: every node is reached once from the investigation, no line is wider than 40 or forged", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(hostile, fc.array(entity, { maxLength: 4 })), { maxLength: 5 }),
        fc.array(entity, { maxLength: 20 }),
        fc.array(fc.option(fc.integer({ min: 1, max: 25 })), { maxLength: 6 }),
        (alerts, things, acts) => {
          const rows: GraphRows = {
            investigation: { id: 4, status: "running" },
            alerts: alerts.map(([title, named], index) => alert(index + 1, title, ...named)),
            evidence: things.map((one, index) => evidence(index + 1, one)),
            actions: acts.map((on, index) => action(index + 1, on, things[0] ?? device)),
          };
          const { nodes, edges } = investigationGraph(rows);
          expect(new Set(nodes.map((node) => node.id)).size).toBe(nodes.length);
          const reached = new Set(["INV-4"]);
          for (let before = 0; before !== reached.size; ) {
            before = reached.size;
            for (const edge of edges) if (reached.has(edge.from)) reached.add(edge.to);
          }
          expect(nodes.filter((node) => !reached.has(node.id))).toEqual([]);
          const card = graphCard({ nodes, edges });
          const lines = text(rows).split("\n");
          for (const line of lines) expect(Array.from(line).length).toBeLessThanOrEqual(40);
          expect(lines.filter((line) => line.startsWith("INV-"))).toEqual(["INV-4 Running"]);
          expect(text(rows)).not.toMatch(/\u202e|https:\/\//);
          expect(card.lines.map((line) => (line.kind === "text" ? plain(line.text) : "")).join("")).not.toContain("undefined");
        },
      ),
      { numRuns: 300 },
    );
  });
});
