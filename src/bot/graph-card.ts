import { type Card, cut } from "../engine/cards/card.ts";
import { count } from "../engine/cards/say.ts";
import type { Verdict } from "../engine/domain/alert.ts";
import type { Graph, GraphNode } from "../engine/graph.ts";

/** Columns of a phone held upright, in a monospaced block. */
const COLUMNS = 40;
/** Lines a person still reads; what is left out is counted. */
const LINES = 70;
/** Children of one node that are shown each. */
const CHILDREN = { alert: 6, device: 8, user: 8, mailbox: 8, evidence: 8, action: 6, investigation: 6 };

const WORST: Record<Verdict, number> = { malicious: 0, suspicious: 1, unknown: 2, noThreatsFound: 3 };
/** Alerts before what nobody named, then the worst first. */
const KIND_ORDER: Record<GraphNode["kind"], number> = {
  investigation: 0,
  alert: 1,
  device: 2,
  user: 3,
  mailbox: 4,
  evidence: 5,
  action: 6,
};

/** The graph as a tree of text, at most 40 columns wide. Every node stands there once, or is counted. */
function graphText(graph: Graph): string {
  const byId = new Map(graph.nodes.map((node) => [node.id, node]));
  const children = Map.groupBy(graph.edges, (edge) => edge.from);
  const [root] = graph.nodes;
  if (!root) return "";
  const lines: string[] = [];
  const drawn = new Set<string>();
  let left = 0;
  const below = (id: string): GraphNode[] =>
    (children.get(id) ?? [])
      .flatMap((edge) => byId.get(edge.to) ?? [])
      .filter((node) => !drawn.has(node.id))
      .toSorted(
        (a, b) =>
          KIND_ORDER[a.kind] - KIND_ORDER[b.kind] ||
          (a.verdict && b.verdict ? WORST[a.verdict] - WORST[b.verdict] : 0) ||
          byNumber(a.id, b.id),
      );
  const draw = (node: GraphNode, indent: string, isLast: boolean): void => {
    if (lines.length >= LINES) {
      left += 1;
      drawn.add(node.id);
      return;
    }
    drawn.add(node.id);
    const branch = `${indent}${isLast ? "└ " : "├ "}`;
    const inner = `${indent}${isLast ? "  " : "│ "}`;
    lines.push(`${branch}${cut(node.label, Math.max(8, COLUMNS - branch.length))}`);
    lines.push(cut(`${inner}  ${node.state} ${node.kind === "evidence" ? (node.entity ?? "") : node.kind} ${node.id}`, COLUMNS));
    group(node, inner);
  };
  const group = (node: GraphNode, indent: string): void => {
    const all = below(node.id);
    const most = CHILDREN[node.kind];
    // One more than fits is shown rather than counted.
    const shown = all.length > most + 1 ? all.slice(0, most) : all;
    const rest = all.slice(shown.length);
    for (const one of rest) drawn.add(one.id);
    for (const [index, one] of shown.entries()) draw(one, indent, index === shown.length - 1 && rest.length === 0);
    if (rest.length > 0) lines.push(`${indent}└ ${rest.length} more:`, cut(`${indent}    ${states(rest)}`, COLUMNS));
  };
  lines.push(cut(`${root.id} ${root.state}`, COLUMNS));
  group(root, "");
  if (left > 0) lines.push(`and ${left} more`);
  return lines.join("\n");
}

/** `3 Suspicious, 11 Unknown` */
const states = (nodes: readonly GraphNode[]): string =>
  [...Map.groupBy(nodes, (node) => node.state)].map(([state, some]) => `${some.length} ${state}`).join(", ");

const byNumber = (a: string, b: string) => Number(a.replace(/\D/g, "")) - Number(b.replace(/\D/g, ""));

export function graphCard(graph: Graph): Card {
  const of = (kind: GraphNode["kind"]) => graph.nodes.filter((node) => node.kind === kind).length;
  const [root] = graph.nodes;
  const counts = [
    count(of("alert"), "alert"),
    count(of("device"), "device"),
    count(of("user"), "person", "people"),
    count(of("mailbox"), "mailbox", "mailboxes"),
    `${of("evidence")} other evidence`,
    count(of("action"), "action"),
  ].filter((part) => !part.startsWith("0 "));
  return {
    title: `Graph of ${root?.id ?? ""}`,
    tone: "neutral",
    summary: `Graph of ${root?.id ?? ""}: ${root?.state ?? ""}, ${counts.join(", ")}.`,
    lines: [
      { kind: "text", text: `${counts.join(", ") || "Nothing yet"}.` },
      { kind: "code", text: graphText(graph) },
    ],
    ...(root ? { picture: root.id } : {}),
    buttons: root ? [{ label: "Details", style: "plain", value: `say:status ${root.id}` }] : [],
  };
}
