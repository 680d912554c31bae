import { Graph as Layout, layout } from "@dagrejs/dagre";
import { type ComponentChild, h } from "preact";
import { renderToString } from "preact-render-to-string";
import { visible } from "../../engine/cards/visible.ts";
import type { Verdict } from "../../engine/domain/alert.ts";
import type { Graph, GraphNode } from "../../engine/graph.ts";
import { cutText, wrap } from "./wrap.ts";

/*
 * The investigation graph as SVG: alerts, what they hit, what was found there, what is done about it, in columns from left to right. Every
 * text goes through preact, which escapes; there is no link, no picture and no script in it. What a thing is and how it is judged stands
 * in words on it; the border says it again, by its form as well as by its colour.
 */

const NODE = { width: 196, padding: 12, label: 21, small: 17, lines: 3, gap: 18, between: 34 };
const MARGIN = 20;
/** Things of one column that are drawn; the rest is counted in one more. A phone shows about so many without being scrolled forever. */
const SHOWN = 9;

const COLUMN: Record<Exclude<GraphNode["kind"], "investigation">, number> = {
  alert: 0,
  device: 1,
  user: 1,
  mailbox: 1,
  evidence: 2,
  action: 3,
};
const COLUMN_TITLE = ["Alerts", "Where", "Evidence", "Actions"] as const;

type Shape = "alert" | "thing" | "action" | "rest";
type Box = { id: string; column: number; shape: Shape; over: string; label: string; state: string; verdict: Verdict | undefined };
type Line = { from: string; to: string };

/** Pure: the same graph gives the same picture, and no graph one larger than a phone can show. */
export function graphSvg(graph: Graph): { svg: string; width: number; height: number } {
  const [root] = graph.nodes;
  const { boxes, lines } = readable(graph);
  const placed = place(boxes, lines);
  const legend = legendOf(boxes);
  const width = Math.max(placed.width, 2 * NODE.width) + 2 * MARGIN;
  const perRow = width > 800 ? 2 : 1;
  const legendRows = Math.ceil(legend.length / perRow);
  const height = TOP + placed.height + (legendRows > 0 ? 30 + legendRows * 34 : 0) + MARGIN;
  const drawing = h(
    "svg",
    {
      xmlns: "http://www.w3.org/2000/svg",
      width,
      height,
      viewBox: `0 0 ${width} ${height}`,
      "font-family": "DejaVu Sans, Inter, Noto Sans, Liberation Sans, Arial, sans-serif",
      fill: INK,
    },
    h("title", null, safe(`${root?.label ?? "Investigation"}: ${root?.state ?? ""}`)),
    h("rect", { width, height, fill: "#ffffff" }),
    text(MARGIN, 40, 26, cutText(safe(`${root?.label ?? ""}: ${root?.state ?? ""}`), width - 2 * MARGIN, 26), "bold"),
    ...COLUMN_TITLE.flatMap((title, column) => {
      const first = placed.boxes.find((box) => box.column === column);
      return first ? [text(MARGIN + first.x, TOP - 14, NODE.small, title, undefined, QUIET)] : [];
    }),
    h(
      "g",
      { transform: `translate(${MARGIN} ${TOP})` },
      ...placed.lines.map((points) => h("path", { d: curve(points), fill: "none", stroke: "#8a95a3", "stroke-width": 2 })),
      ...placed.boxes.map(drawBox),
    ),
    ...legend.map((verdict, index) =>
      drawLegend(verdict, MARGIN + ((index % perRow) * width) / perRow, TOP + placed.height + 30 + Math.floor(index / perRow) * 34),
    ),
  );
  return { svg: renderToString(drawing), width, height };
}

/* What is shown */

const WORST: Record<Verdict, number> = { malicious: 0, suspicious: 1, unknown: 2, noThreatsFound: 3 };
/** What still asks or went wrong comes before what is over. */
const URGENT = /^(Pending|Do by hand|Outcome unclear|Failed|Timed out|Executing|Approved)/;

/** The worst and the most urgent of each column; the others are one box that says how many they are, and keeps their ways. */
function readable({ nodes, edges }: Graph): { boxes: Box[]; lines: Line[] } {
  const boxes: Box[] = [];
  const standsFor = new Map<string, { id: string; column: number }>();
  for (const column of COLUMN_TITLE.keys()) {
    const all = nodes.filter((node) => node.kind !== "investigation" && COLUMN[node.kind] === column).toSorted(byWeight);
    const shown = all.length > SHOWN + 1 ? all.slice(0, SHOWN) : all;
    const rest = all.slice(shown.length);
    for (const node of shown) {
      boxes.push(boxOf(node, column));
      standsFor.set(node.id, { id: node.id, column });
    }
    if (rest.length === 0) continue;
    const id = `rest-${column}`;
    for (const node of rest) standsFor.set(node.id, { id, column });
    const states = [...Map.groupBy(rest, (node) => node.state)].map(([state, some]) => `${some.length} ${state}`);
    boxes.push({
      id,
      column,
      shape: "rest",
      over: "",
      label: `and ${rest.length} more`,
      state: states.slice(0, 3).join(", "),
      verdict: undefined,
    });
  }
  const lines = new Map<string, Line>();
  for (const edge of edges) {
    const [from, to] = [standsFor.get(edge.from), standsFor.get(edge.to)];
    // From left to right only: a way back would tear the columns apart.
    if (from && to && from.column < to.column) lines.set(`${from.id} ${to.id}`, { from: from.id, to: to.id });
  }
  return { boxes, lines: [...lines.values()] };
}

const byWeight = (a: GraphNode, b: GraphNode): number =>
  (a.verdict ? WORST[a.verdict] : 2) - (b.verdict ? WORST[b.verdict] : 2) ||
  Number(URGENT.test(b.state)) - Number(URGENT.test(a.state)) ||
  number(a.id) - number(b.id);
const number = (id: string) => Number(id.replace(/\D/g, ""));

function boxOf(node: GraphNode, column: number): Box {
  const what = node.kind === "evidence" ? (node.entity ?? "evidence").replaceAll("-", " ") : node.kind;
  const shape = node.kind === "alert" ? "alert" : node.kind === "action" ? "action" : "thing";
  return { id: node.id, column, shape, over: `${what} ${node.id}`, label: node.label, state: node.state, verdict: node.verdict };
}

/* Where it stands */

type Placed = Box & { x: number; y: number; width: number; height: number; rows: string[] };
type Point = { x: number; y: number };

function place(boxes: readonly Box[], lines: readonly Line[]): { boxes: Placed[]; lines: Point[][]; width: number; height: number } {
  const used = [...new Set(boxes.map((box) => box.column))].sort((a, b) => a - b);
  const sized = boxes.map((box) => {
    const rows = wrap(safe(box.label), NODE.width - 2 * NODE.padding, NODE.label, NODE.lines);
    return { ...box, rows, height: heightOf(box, rows) };
  });
  const plan = new Layout();
  plan.setGraph({ rankdir: "LR", nodesep: NODE.gap, ranksep: NODE.between, edgesep: 6 });
  plan.setDefaultEdgeLabel(() => ({}));
  // A root nobody sees holds every box in the column of its kind, whatever leads to it.
  plan.setNode("root", { width: 1, height: 1 });
  const rank = new Map<string, number>();
  for (const box of sized) {
    plan.setNode(box.id, { width: NODE.width, height: box.height });
    rank.set(box.id, used.indexOf(box.column) + 1);
  }
  const led = new Set(lines.map((line) => line.to));
  for (const { from, to } of lines) plan.setEdge(from, to, { minlen: Math.max(1, (rank.get(to) ?? 1) - (rank.get(from) ?? 0)) });
  for (const box of sized) if (!led.has(box.id)) plan.setEdge("root", box.id, { minlen: rank.get(box.id) ?? 1 });
  layout(plan);
  const at = (id: string) => plan.node(id) as { x: number; y: number };
  const left = Math.min(...sized.map((box) => at(box.id).x - NODE.width / 2), Number.POSITIVE_INFINITY);
  // The layout puts what came first at the bottom: it is turned over.
  const bottom = Math.max(...sized.map((box) => at(box.id).y + box.height / 2), Number.NEGATIVE_INFINITY);
  const placed = sized.map((box) => {
    const { x, y } = at(box.id);
    return { ...box, width: NODE.width, x: round(x - NODE.width / 2 - left), y: round(bottom - y - box.height / 2) };
  });
  const byId = new Map(placed.map((box) => [box.id, box]));
  return {
    boxes: placed,
    lines: lines.flatMap(({ from, to }) => {
      const [a, b] = [byId.get(from), byId.get(to)];
      if (!a || !b) return [];
      const between = ((plan.edge(from, to) as { points?: Point[] }).points ?? []).slice(1, -1);
      const bends = between
        .map(({ x, y }) => ({ x: round(x - left), y: round(bottom - y) }))
        .filter(({ x }) => x > a.x + a.width && x < b.x);
      return [[{ x: a.x + a.width, y: a.y + a.height / 2 }, ...bends, { x: b.x, y: b.y + b.height / 2 }]];
    }),
    width: Math.max(0, ...placed.map((box) => box.x + box.width)),
    height: Math.max(0, ...placed.map((box) => box.y + box.height)),
  };
}

const heightOf = (box: Box, rows: readonly string[]): number =>
  2 * NODE.padding + (box.over ? NODE.small + 6 : 0) + rows.length * (NODE.label + 5) + (box.state ? NODE.small + 8 : 0);
const round = (value: number) => Math.round(value * 10) / 10;

/** From left to right, soft in the bends. */
function curve(points: readonly Point[]): string {
  const [first, ...rest] = points;
  if (!first) return "";
  let last = first;
  const parts = rest.map((point) => {
    const middle = round((last.x + point.x) / 2);
    const part = `C ${middle} ${last.y} ${middle} ${point.y} ${point.x} ${point.y}`;
    last = point;
    return part;
  });
  return `M ${first.x} ${first.y} ${parts.join(" ")}`;
}

/* How it looks */

const TOP = 96;
const INK = "#1b2430";
const QUIET = "#566272";
/** Colour and form: thick and doubled, dashed, thin, dotted. */
const BORDER: Record<Verdict, { stroke: string; "stroke-width": number; "stroke-dasharray"?: string }> = {
  malicious: { stroke: "#a3202c", "stroke-width": 5 },
  suspicious: { stroke: "#9a5b00", "stroke-width": 4, "stroke-dasharray": "12 6" },
  noThreatsFound: { stroke: "#1c6b43", "stroke-width": 2 },
  unknown: { stroke: "#566272", "stroke-width": 2.5, "stroke-dasharray": "2.5 5" },
};
const PAPER: Record<Verdict, string> = { malicious: "#fbe7e8", suspicious: "#fdf0d9", noThreatsFound: "#e4f3ea", unknown: "#ffffff" };
const LEGEND: Record<Verdict, string> = {
  malicious: "Malicious, compromised",
  suspicious: "Suspicious, at risk",
  noThreatsFound: "No threats found",
  unknown: "Unknown",
};
const PLAIN = { stroke: "#8a95a3", "stroke-width": 2 };

function drawBox(box: Placed): ComponentChild {
  let y = box.y + NODE.padding;
  const line = (size: number, content: string, weight?: "bold", fill?: string, gap = 5) => {
    y += size;
    const drawn = text(box.x + NODE.padding, y - 2, size, content, weight, fill);
    y += gap;
    return drawn;
  };
  // Not bold, so narrower than what widths are guessed for.
  const within = (content: string) => cutText(safe(content), NODE.width - 2 * NODE.padding, NODE.small * 0.9);
  return h(
    "g",
    null,
    ...outline(box),
    box.over ? line(NODE.small, within(box.over), undefined, QUIET, 6) : null,
    ...box.rows.map((row) => line(NODE.label, row, box.shape === "rest" ? undefined : "bold")),
    box.state ? line(NODE.small, within(box.state), undefined, undefined, 0) : null,
  );
}

function outline({ x, y, width, height, shape, verdict }: Placed): ComponentChild[] {
  const rect = (more: object, inset = 0) =>
    h("rect", { x: x + inset, y: y + inset, width: width - 2 * inset, height: height - 2 * inset, ...more });
  if (shape === "rest") return [rect({ fill: "#ffffff", rx: 4, ...PLAIN, "stroke-dasharray": "6 6" })];
  if (shape === "action") return [rect({ fill: "#e5effa", rx: 22, stroke: "#1f5fa8", "stroke-width": 2 })];
  if (shape === "alert") return [rect({ fill: "#f1f3f5", ...PLAIN }), h("rect", { x, y, width: 6, height, fill: INK })];
  const of = verdict ?? "unknown";
  const outer = rect({ fill: PAPER[of], rx: 4, ...BORDER[of] });
  return of === "malicious" ? [outer, rect({ fill: "none", rx: 2, stroke: BORDER.malicious.stroke, "stroke-width": 1.5 }, 6)] : [outer];
}

const legendOf = (boxes: readonly Box[]): Verdict[] =>
  (Object.keys(LEGEND) as Verdict[]).filter((verdict) =>
    boxes.some((box) => box.shape === "thing" && (box.verdict ?? "unknown") === verdict),
  );

function drawLegend(verdict: Verdict, x: number, y: number): ComponentChild {
  return h(
    "g",
    null,
    h("rect", { x, y, width: 30, height: 20, rx: 3, fill: PAPER[verdict], ...BORDER[verdict] }),
    text(x + 42, y + 16, NODE.small, LEGEND[verdict]),
  );
}

const text = (x: number, y: number, size: number, content: string, weight?: "bold", fill?: string): ComponentChild =>
  h("text", { x, y, "font-size": size, ...(weight ? { "font-weight": weight } : {}), ...(fill ? { fill } : {}) }, content);

/** One line without anything XML forbids. */
const safe = (content: string): string =>
  visible(content)
    .replace(/[\t\n]+/g, " ")
    .replace(/[\ufffe\uffff]/g, "\ufffd")
    // The one place where XML minds a bare ">".
    .replaceAll("]]>", "]] >");
