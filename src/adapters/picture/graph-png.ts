import type { ResvgRenderOptions } from "@resvg/resvg-js";
import type { Graph } from "../../engine/graph.ts";
import { graphSvg } from "./graph-svg.ts";

/** Sharper than drawn: a phone has three points for each of ours. */
const ZOOM = 1.25;
/** Fonts of the machine; nothing is fetched. */
const FONTS: NonNullable<ResvgRenderOptions["font"]> = { loadSystemFonts: true, defaultFontFamily: "DejaVu Sans" };

/** The picture as PNG, drawn beside the event loop; or why this machine cannot draw, as a sentence with the next step. */
export async function graphPng(graph: Graph): Promise<Buffer | { problem: string }> {
  pencil ??= findPencil();
  const found = await pencil;
  if ("problem" in found) return found;
  const drawn = await found.renderAsync(graphSvg(graph).svg, { font: FONTS, fitTo: { mode: "zoom", value: ZOOM }, logLevel: "off" });
  return drawn.asPng();
}

type Pencil = typeof import("@resvg/resvg-js");
let pencil: Promise<Pencil | { problem: string }> | undefined;

/** Looked for at the first picture: its program is an optional part of an installation, and air works without. */
async function findPencil(): Promise<Pencil | { problem: string }> {
  const found = await import("@resvg/resvg-js").catch(() => undefined);
  if (!found) return { problem: "What draws pictures is not installed here: npm install, without --omit=optional, brings it." };
  // A letter leaves a trace, or there is nothing to write with; and without words a picture says nothing.
  const letter = '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40"><text x="5" y="30" font-size="24">M</text></svg>';
  if (new found.Resvg(letter, { font: FONTS }).innerBBox() === undefined)
    return { problem: "This machine has no font to write with. Install one (Debian: fonts-dejavu-core) and restart air." };
  return found;
}
