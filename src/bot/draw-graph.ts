import { graphPng } from "../adapters/picture/graph-png.ts";
import type { Air } from "../engine/air.ts";
import { Refusal } from "../engine/domain/errors.ts";
import { investigationGraph } from "../engine/graph.ts";
import { graphRows } from "./look-up-replies.ts";

/** The graph of an investigation as a PNG; undefined: there is no such investigation. */
export async function drawGraph(air: Air, investigation: number): Promise<Buffer | undefined> {
  const row = await air.store.investigation(investigation);
  const view = row && (await air.store.incidentViews([row.incidentId])).get(row.incidentId);
  if (!view) return undefined;
  const png = await graphPng(investigationGraph(graphRows(view, investigation)));
  if (!Buffer.isBuffer(png)) throw new Refusal("unavailable", png.problem);
  return png;
}
