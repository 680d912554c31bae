import fs from "node:fs";
import path from "node:path";
import type { Log } from "../engine/ports.ts";

/*
 * When air was last alive, remembered beside the database and not in it: a database that knows less has been restored from a backup. Where
 * the whole data directory was put back, both are old and only the time that passed tells.
 */

const FILE = "heartbeat";

export function readHeartbeat(dataDir: string): Date | undefined {
  try {
    const at = new Date(fs.readFileSync(path.join(dataDir, FILE), "utf8").trim());
    return Number.isNaN(at.getTime()) ? undefined : at;
  } catch {
    return undefined;
  }
}

/** `at` is what the database has already: the file never runs ahead of it. A directory that cannot be written to is said once. */
export function heartbeatWriter(dataDir: string, log: Log): (at: Date | undefined) => void {
  let told = false;
  return (at) => {
    if (!at) return;
    try {
      fs.mkdirSync(dataDir, { recursive: true, mode: 0o700 });
      const fresh = path.join(dataDir, `${FILE}.${process.pid}`);
      fs.writeFileSync(fresh, at.toISOString(), { mode: 0o600 });
      fs.renameSync(fresh, path.join(dataDir, FILE));
    } catch (error) {
      if (!told)
        log.warn("the heartbeat could not be written, so a restored database is not noticed", { error: String(error).slice(0, 200) });
      told = true;
    }
  };
}
