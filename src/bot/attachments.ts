import type { Air } from "../engine/air.ts";
import type { Card } from "../engine/cards/card.ts";
import { Refusal } from "../engine/domain/errors.ts";
import { drawGraph } from "./draw-graph.ts";
import { exportCsv, readExport } from "./export-rows.ts";
import { readId } from "./read-id.ts";

/** A list longer than this is fetched over HTTP, where it is not held in memory. */
const LARGEST = 20 * 1024 * 1024;

/**
 * The file that goes with an answer, where a chat takes files: the picture of a graph, an export as CSV. Whoever got the answer may have it.
 *
 * @throws Refusal
 */
export async function attachmentOf(air: Air, card: Card): Promise<{ name: string; title: string; content: Uint8Array } | undefined> {
  if (card.picture !== undefined) {
    const id = readId(card.picture);
    const content = id?.kind === "investigation" ? await drawGraph(air, id.id) : undefined;
    return content && { name: `${card.picture}.png`, title: card.title, content };
  }
  if (card.download === undefined) return undefined;
  const asked = readExport(card.download);
  const parts: Buffer[] = [];
  let size = 0;
  for await (const rows of exportCsv(air.store, asked, air.clock.now(), air)) {
    const part = Buffer.from(rows, "utf8");
    size += part.byteLength;
    if (size > LARGEST)
      throw new Refusal("invalid", "The list is larger than 20 MiB. Fetch it as the answer says, or ask for less: since=7d.");
    parts.push(part);
  }
  const name = asked.what === "log" ? `air-log-INV-${asked.investigation}` : `air-${asked.what}`;
  return { name: `${name}.csv`, title: card.title, content: Buffer.concat(parts) };
}
