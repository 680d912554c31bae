import { plainly } from "./audit-sentence.ts";
import { bold, type Card, cut, type Line, type Tone } from "./card.ts";
import { capital, count, outside, time } from "./say.ts";

/** Short answers to commands and clicks: what was understood, what happened, or why not and what to do next. */

/** What it says may name what an attacker named, or repeat what was typed: nothing in it links or is fetched. */
export const noticeCard = (title: string, said: string, tone: Tone = "info"): Card => {
  const text = said.split("\n").map(outside).join("\n");
  return { title, tone, summary: `${title}. ${text}`, lines: [{ kind: "text", text }], buttons: [] };
};

/** A refusal is said privately, with the reason and the next step. */
export const refusalCard = (text: string): Card => ({ ...noticeCard("Not done", text, "warning"), badge: REFUSED });
const REFUSED = "Refused";
export const isRefusal = (card: Card): boolean => card.badge === REFUSED;

export type ListRow = { id: string; mark: string; tone: Tone; text: string };

/** What a button may carry and hand back whole. */
const LONGEST_COMMAND = 480;

export type ListMore = {
  /** How many there are; without it, what is shown is all. */
  total?: number;
  /** The command that shows the next page. */
  more?: string | undefined;
  /** Characters of one row before it is cut. */
  longest?: number;
};

/** A list of things with an id each; the empty list says so, and one that goes on says how far it goes. */
export function listCard(
  title: string,
  rows: readonly ListRow[],
  empty: string,
  { total = rows.length, more, longest = 200 }: ListMore = {},
): Card {
  const lines: Line[] =
    rows.length === 0
      ? [{ kind: "text", text: empty }]
      : [
          {
            kind: "list",
            items: rows.map((row) => ({
              mark: row.mark,
              tone: row.tone,
              text: [bold(`${row.id} `), { text: cut(outside(row.text), longest) }],
            })),
          },
        ];
  if (rows.length > 0 && total > rows.length)
    lines.push({
      kind: "note",
      text: `${rows.length} of ${total} are shown here.${more && more.length > LONGEST_COMMAND ? " Ask for fewer: the filters are too long to lead on from here." : ""}`,
    });
  return {
    title,
    tone: "neutral",
    summary:
      rows.length === 0
        ? `${title}: ${empty}`
        : `${title}: ${total}. ${rows
            .slice(0, 3)
            .map((row) => `${row.id} ${cut(outside(row.text), 60)}`)
            .join("; ")}`,
    lines,
    buttons: more && more.length <= LONGEST_COMMAND ? [{ label: "More", style: "plain", value: `say:${more}` }] : [],
  };
}

/** How a list is fetched whole: by a link for whoever is signed in, by one call, or by one command. */
export function exportCard(of: {
  what: string;
  rows: number | undefined;
  link: string | undefined;
  path: string;
  /** The role of whose token is let have it. */
  role: "viewer" | "admin";
  words: string;
  /** What is sent along where the chat takes files. */
  download?: string;
}): Card {
  const size = of.rows === undefined ? "The rows are counted as they are read" : `${count(of.rows, "row")} now`;
  return {
    title: `Export: ${of.what}`,
    tone: "info",
    summary: `Export of ${of.what}: ${size}.`,
    lines: [
      { kind: "text", text: `${size}, as CSV.${of.link ? " Download (sign in) asks who you are if air does not know." : ""}` },
      { kind: "text", text: `By HTTP, with a token of the role ${of.role}:` },
      { kind: "code", text: `GET ${of.path}\nAccept: text/csv` },
      { kind: "text", text: "On a machine where air is installed:" },
      { kind: "code", text: `air export ${of.words} > air.csv` },
    ],
    ...(of.download === undefined ? {} : { download: of.download }),
    buttons: of.link ? [{ label: "Download (sign in)", style: "plain", url: of.link }] : [],
  };
}

/** The timeline of an investigation, oldest first. */
export function logCard(id: string, rows: readonly { at: Date; who: string; text: string }[], total = rows.length): Card {
  return {
    title: `Log of ${id}`,
    tone: "neutral",
    summary: `Log of ${id}: ${count(total, "line")}.`,
    lines:
      rows.length === 0
        ? [{ kind: "text", text: "Nothing has happened yet." }]
        : [
            {
              kind: "list",
              items: rows.map((row) => ({
                mark: time(row.at),
                tone: "neutral" as const,
                // "Mia: Mia stopped it" says it twice.
                text: row.text.startsWith(row.who) ? cut(outside(row.text), 220) : `${row.who}: ${cut(outside(row.text), 220)}`,
              })),
            },
            ...(total > rows.length ? [{ kind: "note" as const, text: `The last ${rows.length} of ${total} lines.` }] : []),
          ],
    buttons: [],
  };
}

export type LogStep = {
  id: string;
  actionType: string;
  action: string;
  status: string;
  deviceName: string | null;
  description: string;
  timeCreated: string;
  /** Milliseconds. */
  duration: number | null;
  pendingDuration: number | null;
  queuedDuration: number | null;
};

/** The steps of an investigation with the columns of its log (domain facts 5.3), oldest first. */
export function stepsCard(id: string, status: string, steps: readonly LogStep[], total: number): Card {
  const took = (label: string, ms: number | null) => (ms === null ? [] : [`${label} ${milliseconds(ms)}`]);
  return {
    title: `Log of ${id}`,
    tone: "neutral",
    summary: `Log of ${id}: ${total} steps. ${status}`,
    lines: [
      { kind: "text", text: status },
      {
        kind: "list",
        items: steps.map((step) => ({
          mark: step.status,
          tone: step.status === "Failed" ? ("warning" as const) : ("neutral" as const),
          text: [
            bold(`${step.id} ${step.actionType === "Analysis" ? `Analysis: ${step.action}` : capital(plainly(step.action))}`),
            {
              text: `${step.deviceName ? ` on ${cut(outside(step.deviceName), 40)}` : ""}. ${cut(outside(step.description), 200)} (${[
                time(step.timeCreated),
                ...took("took", step.duration),
                ...took("pending", step.pendingDuration),
                ...took("queued", step.queuedDuration),
              ].join(", ")})`,
            },
          ],
        })),
      },
      ...(total > steps.length
        ? [{ kind: "note" as const, text: `The last ${steps.length} of ${total} steps. All of them: export log ${id}` }]
        : []),
    ],
    buttons: [],
  };
}

const milliseconds = (ms: number): string =>
  ms < 1000
    ? `${ms} ms`
    : ms < 60_000
      ? `${Math.round(ms / 100) / 10} s`
      : ms < 3_600_000
        ? `${Math.round(ms / 60_000)} min`
        : `${Math.round(ms / 360_000) / 10} h`;

/** The judgement of one incident's evidence, whole: reasons for and against, what is missing and what would flip it. */
export function evidenceLines(
  evidence: readonly {
    id: string;
    name: string;
    verdict: string;
    tone: Tone;
    for: readonly string[];
    against: readonly string[];
    missing: readonly string[];
    flip: string;
  }[],
): Line[] {
  return evidence.flatMap((item): Line[] => [
    {
      kind: "list",
      title: `${item.id} ${cut(item.name, 100)}: ${item.verdict}`,
      items: [
        ...item.for.map((text) => ({ mark: "For", tone: "bad" as const, text: cut(outside(text), 250) })),
        ...item.against.map((text) => ({ mark: "Against", tone: "good" as const, text: cut(outside(text), 250) })),
        ...item.missing.map((text) => ({ mark: "Missing", tone: "neutral" as const, text: cut(outside(text), 250) })),
        { mark: "Would change it", tone: "neutral" as const, text: item.flip || "Any source able to judge this kind would decide." },
      ],
    },
  ]);
}
