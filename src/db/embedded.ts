import fs from "node:fs";
import path from "node:path";
import { PGlite } from "@electric-sql/pglite";
import { drizzle } from "drizzle-orm/pglite";
import { migrate } from "drizzle-orm/pglite/migrator";
import { fromPglite } from "pg-boss";
import { type Db, type Driver, MIGRATIONS } from "./driver.ts";
import { lockDirectory } from "./lock-directory.ts";
import * as schema from "./schema.ts";

/**
 * The embedded database: PGlite on disk, one process, one connection.
 *
 * It starts with fsync off, and taking `-F` away changes nothing by itself, because its file system layer has no fsync and its
 * fdatasync is empty (measured: 0 calls). So the parameter goes, the wal is synced by `fsync`, and the layer gets one. The field is
 * not public: PGlite is pinned exactly, a missing field refuses to start, and a test counts the calls per commit.
 */
export async function openEmbedded(directory: string | undefined, inMemory?: PGlite): Promise<Driver> {
  let unlock = () => {};
  if (directory) {
    fs.mkdirSync(path.dirname(path.resolve(directory)), { recursive: true, mode: 0o700 });
    unlock = lockDirectory(`${directory}.lock`);
  }
  try {
    const lite = inMemory ?? (await (directory ? openDurable(directory) : PGlite.create()));
    const db = drizzle(lite, { schema });
    await migrate(db, { migrationsFolder: MIGRATIONS });
    return {
      kind: "embedded",
      db: db as unknown as Db,
      boss: fromPglite(lite as never),
      listen: async (channel, onNotify) => {
        await lite.listen(channel, onNotify);
      },
      close: async () => {
        await lite.close();
        unlock();
      },
    };
  } catch (error) {
    unlock();
    throw error;
  }
}

type StartParams = { defaultStartParams: string[] };
type Internals = { Module: { FS: { lookupPath: (path: string) => { node?: { stream_ops?: { fsync?: unknown } } } } } };

/** Counts what reached the disk; read by the durability test. */
export const flushes = { count: 0 };

async function openDurable(directory: string): Promise<PGlite> {
  const startParams = (PGlite as unknown as StartParams).defaultStartParams.filter((parameter) => parameter !== "-F");
  const lite = await PGlite.create(directory, { startParams: [...startParams, "-c", "wal_sync_method=fsync"] });
  const operations = (lite as unknown as Internals).Module?.FS?.lookupPath("/pglite/data")?.node?.stream_ops;
  if (!operations) {
    await lite.close();
    throw new Error("This version of the embedded database cannot be made durable. Install air's locked dependencies: npm install.");
  }
  operations.fsync = (stream: { nfd?: number }) => {
    if (stream.nfd !== undefined) {
      fs.fdatasyncSync(stream.nfd);
      flushes.count++;
    }
    return 0;
  };
  return lite;
}
