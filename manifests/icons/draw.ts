import fs from "node:fs";
import path from "node:path";
import { Resvg } from "@resvg/resvg-js";

// Draws the icons of the Teams app from their sources: node manifests/icons/draw.ts
for (const name of ["color", "outline"]) {
  const file = path.join(import.meta.dirname, name);
  fs.writeFileSync(`${file}.png`, new Resvg(fs.readFileSync(`${file}.svg`, "utf8")).render().asPng());
}
