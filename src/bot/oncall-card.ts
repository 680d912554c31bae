import { type Air, actionId, incidentId } from "../engine/air.ts";
import type { Card, Line } from "../engine/cards/card.ts";
import { span, time } from "../engine/cards/say.ts";
import { NOBODY } from "../engine/domain/paging.ts";

const SHOWN = 20;

/** Who is told when nobody answers, and who was told and has not answered. */
export async function onCallCard(air: Air): Promise<Card> {
  const paging = air.paging?.() ?? NOBODY;
  const rows = await air.store.unansweredPages(SHOWN);
  const names = paging.chain.map((target) => paging.nameOf(target).name);
  const first = names.length === 0 ? "Nobody is on call: set onCall in air.yaml." : `First ${names.join(", then ")}.`;
  const every = span(new Date(0), new Date(paging.everyMs));
  const lines: Line[] = [
    { kind: "text", text: first },
    ...(names.length === 0
      ? []
      : [
          {
            kind: "list" as const,
            title: "When nobody answers",
            items: names.map((name, index) => ({
              mark: index === 0 ? "At the deadline" : `After ${span(new Date(0), new Date(paging.everyMs * index))}`,
              text: name,
            })),
          },
          { kind: "note" as const, text: `Each ${every} after the one before, at once where somebody cannot be reached.` },
        ]),
    rows.length === 0
      ? { kind: "text", text: "Nobody was told and has not answered." }
      : {
          kind: "list",
          title: "Told, and not answered",
          items: rows.map((row) => ({
            mark: incidentId(row.incidentId),
            tone: "warning" as const,
            text: `${row.actionId === null ? "" : `${actionId(row.actionId)}: `}${paging.nameOf(row.target).name} was told at ${time(row.sentAt ?? row.dueAt)}`,
          })),
        },
    ...(air.capabilities.lab
      ? [{ kind: "note" as const, text: "This is the lab: it never pages anybody, it only says whom it would." }]
      : []),
  ];
  return { title: "On call", tone: "info", summary: `On call: ${first}`, lines, buttons: [] };
}
