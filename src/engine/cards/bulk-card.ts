import { LONGEST_VALUE, type Sign, writeButton } from "./button-id.ts";
import { bold, type Card, cut, type Line, type Tone } from "./card.ts";
import { count, outside } from "./say.ts";

/** Several actions of one kind, decided together: what they come to, and one button for exactly these. */
export type BulkView = {
  decision: "approve" | "reject";
  kind: string;
  actions: { number: number; id: string; title: string; incident: string; two: boolean }[];
  /** "12 devices" */
  reach: string;
  protectedHits: string[];
  needTwo: number;
  approvals: 1 | 2;
  type: string | undefined;
  digest: string;
  reason: string;
};

/** More targets than these are counted, not listed. */
const LISTED = 25;

/** Undefined: the reason is too long to be bound to a button. */
export function bulkCard(view: BulkView, sign: Sign): Card | undefined {
  const { decision, actions, digest, reason } = view;
  const value = writeButton({ kind: "many", decision, actions: actions.map((one) => one.number), digest, reason }, sign);
  if (value.length > LONGEST_VALUE) return undefined;
  const verb = decision === "approve" ? "Approve" : "Reject";
  const all = `${count(actions.length, "action")} of kind ${view.kind}`;
  const facts: [string, string][] = [
    ["Together they reach", view.reach],
    ...(view.protectedHits.length > 0 ? [["Protected", cut(view.protectedHits.map(outside).join("; "), 300)] as [string, string]] : []),
    ["Approvals", approvalsText(view)],
    ...(reason ? [["Reason", cut(outside(reason), 300)] as [string, string]] : []),
    ...(decision === "approve" && view.type ? [["To approve", `type ${view.type}`] as [string, string]] : []),
  ];
  const lines: Line[] = [
    { kind: "facts", facts },
    {
      kind: "list",
      title: "Which",
      items: actions.slice(0, LISTED).map((one) => ({
        ...(one.two ? { mark: "Two decide", tone: "warning" as const } : {}),
        text: [bold(`${one.id} `), { text: `${cut(outside(one.title), 120)} (${one.incident})` }],
      })),
    },
    ...(actions.length > LISTED ? [{ kind: "note" as const, text: `and ${actions.length - LISTED} more` }] : []),
    {
      kind: "note",
      text: "Each is decided by itself, with what it reaches at that moment. If one of them changes before, none is decided.",
    },
  ];
  const press = `${verb} ${actions.length}`;
  return {
    title: `${verb} ${all}?`,
    tone: "warning",
    summary: `${verb} ${all}, ${view.reach}? Nothing is decided yet.`,
    lines,
    buttons: [
      {
        label: press,
        style: decision === "approve" ? "primary" : "danger",
        value,
        ...(decision === "approve" && view.type
          ? { input: { label: `To approve, type ${view.type}`, required: true, line: true as const } }
          : { confirm: { title: `${press}?`, text: cut(`${all}, ${view.reach}`, 280), yes: verb } }),
      },
    ],
  };
}

function approvalsText({ decision, approvals, needTwo, actions }: BulkView): string {
  if (decision === "reject") return "one person rejects";
  if (approvals > 1) return "together they need two people: yours is the first for each";
  if (needTwo === 0) return "one person approves";
  return needTwo === actions.length ? "each needs two people" : `${needTwo} of them need two people`;
}

/** What became of each. */
export function bulkResultCard(
  decision: "approve" | "reject",
  results: readonly { id: string; title: string; done: boolean; text: string }[],
): Card {
  const done = results.filter((one) => one.done).length;
  const word = decision === "approve" ? "approved" : "rejected";
  const tone: Tone = done === results.length ? (decision === "approve" ? "good" : "neutral") : "warning";
  return {
    title: `${done} of ${results.length} ${word}`,
    tone,
    summary: `${done} of ${results.length} ${word}.`,
    lines: [
      {
        kind: "list",
        items: results.map((one) => ({
          mark: one.done ? "Done" : "Not done",
          tone: one.done ? ("good" as const) : ("warning" as const),
          text: [bold(`${one.id} `), { text: `${cut(outside(one.title), 80)}: ${cut(outside(one.text), 160)}` }],
        })),
      },
    ],
    buttons: [],
  };
}
