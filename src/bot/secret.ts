import { createHmac, randomBytes } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import type { Sign } from "../engine/cards/button-id.ts";

/** AIR_SECRET, or one made once and kept in the data directory, readable by its owner alone. */
export function readSecret(given: string | undefined, dataDir: string): string {
  if (given) return given;
  const file = path.join(dataDir, "secret");
  fs.mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  try {
    fs.writeFileSync(file, randomBytes(32).toString("hex"), { flag: "wx", mode: 0o600 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  return fs.readFileSync(file, "utf8").trim();
}

/** HMAC-SHA256, cut to 16 hexadecimal characters: short enough for a button, long enough that nobody guesses one. */
export const signer =
  (secret: string): Sign =>
  (text) =>
    createHmac("sha256", secret).update(text).digest("hex").slice(0, 16);
