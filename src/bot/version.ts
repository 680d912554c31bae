import fs from "node:fs";
import { z } from "zod";

/** air's own version, kept with every answer of our own rules. */
export const AIR_VERSION = z
  .object({ version: z.string() })
  .parse(JSON.parse(fs.readFileSync(new URL("../../package.json", import.meta.url), "utf8"))).version;
