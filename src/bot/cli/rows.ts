import fs from "node:fs";
import path from "node:path";
import type { Store } from "../../engine/store.ts";
import { askAirCsv, NotRunning } from "../ask-air.ts";
import type { Config } from "../config.ts";
import type { Export } from "../export-rows.ts";
import { createLog } from "../log.ts";
import { airIsNamed } from "./settings.ts";

/** Loaded only by the commands that need a database: the others answer at once. */
export async function databaseParts() {
  const [{ openDatabase }, { startQueue }, { createStore }] = await Promise.all([
    import("../../db/connect.ts"),
    import("../../db/queue.ts"),
    import("../../db/store/store.ts"),
  ]);
  return { openDatabase, startQueue, createStore };
}

/** Rows for a command: the database itself, where no air is running. */
export async function withStore<T>(config: Config, work: (store: Store) => Promise<T>): Promise<T> {
  const { openDatabase, startQueue, createStore } = await databaseParts();
  const database = await openDatabase({ url: config.databaseUrl, dataDir: config.dataDir });
  try {
    const queue = await startQueue(database, createLog("silent"), { worker: false });
    try {
      return await work(createStore(database, queue));
    } finally {
      await queue.stop(1000);
    }
  } finally {
    await database.close();
  }
}

/**
 * Asks the running air; where none runs, the database itself. Never where AIR_URL names an air, and never a database made for the question:
 * an empty list would read as all clear.
 */
export async function runningOr<T>(config: Config, ask: () => Promise<T>, otherwise: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof NotRunning) || airIsNamed()) throw error;
    if (!config.databaseUrl && !fs.existsSync(path.join(config.dataDir, "db", "PG_VERSION")))
      throw new Error(
        `There is no air here: none answers at ${config.airUrl}, and ${config.dataDir} holds no database. Start it with npm start, or set AIR_URL.`,
      );
    return otherwise();
  }
}

export async function csvOut(config: Config, asked: Export): Promise<void> {
  const { exportCsv, exportPath } = await import("../export-rows.ts");
  await runningOr(
    config,
    () => askAirCsv(config, exportPath(asked, "/v1"), (text) => void process.stdout.write(text)),
    () =>
      withStore(config, async (store) => {
        for await (const part of exportCsv(store, asked, new Date())) process.stdout.write(part);
      }),
  );
}
