import { toMessage } from "../../src/adapters/slack/blocks.ts";
import { checkMessage } from "../../src/adapters/slack/check-blocks.ts";
import { toAdaptiveCard } from "../../src/adapters/teams/adaptive-card.ts";
import { TEAMS_LIMITS } from "../../src/adapters/teams/limits.ts";
import { type Drawing, drawSubject } from "../../src/engine/draw.ts";
import type { IncidentView } from "../../src/engine/store.ts";
import { actionSubject, incidentSubject } from "../../src/engine/want-cards.ts";
import { NOW } from "../support/lab-capabilities.ts";
import { testSign } from "../support/open-engine.ts";

const AIR = "https://air.contoso.example";
const drawing: Drawing = {
  now: NOW,
  sign: testSign,
  publicUrl: AIR,
  pauses: [],
  deciders: () => ({ anyone: false, names: ["Mia"] }),
};

/** What Slack or Teams would refuse, mention, or turn into a link, in the card of an incident and of each of its actions. */
export function cardFaults(view: IncidentView): string[] {
  const subjects = [incidentSubject(view.incident.id), ...view.actions.map((action) => actionSubject(action.id))];
  return subjects.flatMap((subject) => {
    const card = drawSubject(subject, view, drawing);
    if (!card) return [`${subject}: not drawn`];
    const message = toMessage(card);
    const adaptive = toAdaptiveCard(card);
    return [...checkMessage(message), ...slackLinks(message), ...teamsFaults(adaptive)].map((fault) => `${subject}: ${fault}`);
  });
}

type Node = Record<string, unknown>;
/** Every object inside, outermost first. */
function nodes(value: unknown): Node[] {
  if (typeof value !== "object" || value === null) return [];
  return [...(Array.isArray(value) ? [] : [value as Node]), ...Object.values(value).flatMap(nodes)];
}

function slackLinks(message: { text: string; blocks: unknown }): string[] {
  // Slack reads the top-level text and mrkdwn; plain_text and rich text runs it shows as they are.
  const read = [message.text, ...nodes(message.blocks).flatMap((node) => (node.type === "mrkdwn" ? [String(node.text)] : []))];
  const shown = [...read, ...nodes(message.blocks).flatMap((node) => (typeof node.text === "string" ? [node.text] : []))];
  return [
    ...read.filter((text) => /<[^>]*>/.test(text)).map((text) => `a mention or link: ${text}`),
    ...shown.flatMap((text) => /\b(https?|ftp|javascript):\/?\/?[^\s]/i.exec(text)?.[0] ?? []).map((text) => `a live address: ${text}`),
    ...nodes(message.blocks).flatMap((node) =>
      typeof node.url === "string" && !node.url.startsWith(`${AIR}/`) ? [`a button to ${node.url}`] : [],
    ),
  ];
}

function teamsFaults(card: object): string[] {
  const found: string[] = [];
  if (Buffer.byteLength(JSON.stringify(card)) > TEAMS_LIMITS.cardBytes) found.push("larger than Teams takes");
  for (const node of nodes(card)) {
    // A TextBlock knows Markdown, a TextRun does not.
    if (node.type === "TextBlock" && /(?<!\\)[[\]`*_]|<at>|https?:/i.test(String(node.text)))
      found.push(`Markdown in ${String(node.text)}`);
    if (node.type === "Action.OpenUrl" && !String(node.url).startsWith(`${AIR}/`)) found.push(`a button to ${String(node.url)}`);
    if (node.type === "ActionSet" && (node.actions as unknown[]).length > TEAMS_LIMITS.actionsPerSet)
      found.push("too many buttons in a row");
    if (node.type === "TextRun" && "selectAction" in node) found.push("a run that is a link");
    if (typeof node.text === "string" && /\bhttps?:\/\//i.test(node.text)) found.push(`a live address: ${node.text.slice(0, 80)}`);
  }
  return found;
}
