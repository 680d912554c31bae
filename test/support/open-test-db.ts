import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { PGlite } from "@electric-sql/pglite";
import postgres from "postgres";
import { type Database, openDatabase } from "../../src/db/connect.ts";
import { startQueue } from "../../src/db/queue.ts";
import { rememberingLog } from "./remembering-log.ts";

/** The databases every store suite runs on: the embedded one always, PostgreSQL where there is one (npm test says so if not). */
export const DATABASES: readonly ("embedded" | "postgres")[] = process.env.AIR_TEST_DATABASE_URL ? ["embedded", "postgres"] : ["embedded"];

/** The one that is several times faster, where most of what differs from case to case in air itself, and not in the database, is looked at. */
export const MAIN_DATABASE = DATABASES.at(-1) ?? "embedded";

/**
 * How far apart the moments are at which a matrix of deaths kills on this database: on the main one at each (or each `apart`-th), on the other
 * one at every seventh of those. What dies is air between two of its steps, and the steps are the same on both.
 */
export const stride = (kind: "embedded" | "postgres", apart = 1): number => (kind === MAIN_DATABASE ? apart : apart * 7);

/** A fresh, migrated database of that kind; `close` also drops it. */
export async function openTestDb(kind: "embedded" | "postgres"): Promise<Database & { url: string | undefined }> {
  if (kind === "embedded") return Object.assign(await openInMemory(), { url: undefined });
  const admin = process.env.AIR_TEST_DATABASE_URL ?? "";
  const name = `air_test_${randomBytes(6).toString("hex")}`;
  const sql = postgres(admin, { max: 1, onnotice: () => {} });
  await sql.unsafe(`create database ${name}`);
  const url = new URL(admin);
  url.pathname = `/${name}`;
  const database = await openDatabase({ url: url.href });
  const close = database.close;
  return Object.assign(Object.create(database) as Database, {
    url: url.href,
    close: async () => {
      await close();
      await sql.unsafe(`drop database if exists ${name} with (force)`);
      await sql.end();
    },
  });
}

/** Where this run of the tests keeps an embedded database as it is after the first start: to make one anew takes seconds each time. */
const MADE = process.env.AIR_TEST_FOLDER && path.join(process.env.AIR_TEST_FOLDER, "embedded.tar");

async function openInMemory(): Promise<Database> {
  if (MADE && fs.existsSync(MADE)) return openDatabase({ inMemory: await PGlite.create({ loadDataDir: await fs.openAsBlob(MADE) }) });
  const inMemory = await PGlite.create();
  const database = await openDatabase({ inMemory });
  if (MADE) {
    const queue = await startQueue(database, rememberingLog(), { worker: false });
    await queue.stop(1000);
    const dump = await inMemory.dumpDataDir("none");
    // Whole or not at all, also where two need it at once.
    const own = `${MADE}.${process.pid}`;
    fs.writeFileSync(own, Buffer.from(await dump.arrayBuffer()));
    fs.renameSync(own, MADE);
  }
  return database;
}

/** The same for a data directory that air will find as if it had been started before; where nothing is kept yet, as it is found. */
export function preparedOnDisk(dataDir: string): void {
  if (!MADE || !fs.existsSync(MADE)) return;
  const directory = path.join(dataDir, "db");
  fs.mkdirSync(directory, { mode: 0o700 });
  execFileSync("tar", ["-xf", MADE, "-C", directory], { stdio: ["ignore", "ignore", "pipe"] });
}
