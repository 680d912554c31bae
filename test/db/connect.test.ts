import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { eq } from "drizzle-orm";
import postgres from "postgres";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Database, openDatabase } from "../../src/db/connect.ts";
import { flushes } from "../../src/db/embedded.ts";
import { DirectoryInUse, lockDirectory } from "../../src/db/lock-directory.ts";
import { settings } from "../../src/db/schema.ts";
import { DATABASES, openTestDb } from "../support/open-test-db.ts";

describe.each(DATABASES)("a handle inside a transaction, %s", (kind) => {
  let database: Database;
  beforeAll(async () => {
    database = await openTestDb(kind);
  });
  afterAll(() => database.close());

  test("the outer handle throws there, and nothing of the transaction stays", async () => {
    const used = database.transaction(async (tx) => {
      await tx.insert(settings).values({ key: "inside", value: 1 });
      await database.db.select().from(settings);
    });
    await expect(used).rejects.toThrow("outer database handle was used inside a transaction");
    expect(await database.db.select().from(settings).where(eq(settings.key, "inside"))).toEqual([]);
  });

  test("a transaction within a transaction throws too", async () => {
    await expect(database.transaction(() => database.transaction(async () => 1))).rejects.toThrow("outer database handle");
  });

  test("what only runs at the same time is not inside", async () => {
    let release = () => {};
    const open = new Promise<void>((resolve) => {
      release = resolve;
    });
    const transaction = database.transaction(async (tx) => {
      await tx.insert(settings).values({ key: "beside", value: 1 });
      await open;
    });
    const reading = database.db.select().from(settings).where(eq(settings.key, "beside"));
    release();
    await transaction;
    await expect(reading).resolves.toBeDefined();
    expect(await database.db.select().from(settings).where(eq(settings.key, "beside"))).toHaveLength(1);
  });
});

describe("the embedded database on disk", () => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "air-connect-"));
  const lock = path.join(directory, "db.lock");
  let database: Database | undefined;
  const open = async () => {
    database = await openDatabase({ dataDir: directory });
    return database;
  };
  afterEach(async () => {
    await database?.close();
    database = undefined;
  });
  afterAll(() => fs.rmSync(directory, { recursive: true, force: true }));

  test("every commit reaches the disk, and a reopened directory holds the rows as they were", async () => {
    const { db } = await open();
    const value = { text: "grün", list: [1, null, { at: "2026-10-05T09:00:00.000Z" }] };
    for (let commit = 0; commit < 5; commit++) {
      const before = flushes.count;
      await db.insert(settings).values({ key: `kept-${commit}`, value });
      expect(flushes.count).toBeGreaterThan(before);
    }
    await database?.close();
    const again = (await open()).db;
    expect(await again.select().from(settings)).toEqual([0, 1, 2, 3, 4].map((commit) => ({ key: `kept-${commit}`, value })));
  });

  test("a second open is refused and names the owner; the first works on", async () => {
    const { db } = await open();
    await expect(openDatabase({ dataDir: directory })).rejects.toThrow(
      `in use by process ${process.pid} on ${os.hostname()}. Stop that air first`,
    );
    expect(fs.existsSync(lock)).toBe(true);
    await db.insert(settings).values({ key: "first", value: 1 });
    expect(await db.select().from(settings).where(eq(settings.key, "first"))).toHaveLength(1);
  });

  test("the lock of a dead process is taken over, and given back at the end", async () => {
    const dead = spawnSync(process.execPath, ["-e", ""]).pid;
    fs.writeFileSync(lock, JSON.stringify({ pid: dead, started: "1", host: os.hostname(), boot: "0123456789abcdef" }));
    await open();
    expect(JSON.parse(fs.readFileSync(lock, "utf8"))).toMatchObject({ pid: process.pid, host: os.hostname() });
    await database?.close();
    database = undefined;
    expect(fs.existsSync(lock)).toBe(false);
  });
});

describe("the lock file", () => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "air-lock-"));
  const file = path.join(directory, "db.lock");
  afterEach(() => fs.rmSync(file, { force: true }));
  afterAll(() => fs.rmSync(directory, { recursive: true, force: true }));
  const owner = (more: object) => fs.writeFileSync(file, JSON.stringify({ pid: 1, started: "", host: os.hostname(), boot: "b", ...more }));

  test("a process that got the dead owner's number is not the owner", () => {
    owner({ pid: process.pid, started: "started at another time" });
    lockDirectory(file)();
  });
  test("another machine's lock holds while it is touched, and not longer", () => {
    owner({ host: "another-machine" });
    expect(() => lockDirectory(file)).toThrow(DirectoryInUse);
    const old = new Date(Date.now() - 60_000);
    fs.utimesSync(file, old, old);
    lockDirectory(file)();
  });
  test("a file that cannot be read belongs to nobody", () => {
    fs.writeFileSync(file, "");
    lockDirectory(file)();
    expect(fs.existsSync(file)).toBe(false);
  });
  test("giving it back leaves a lock alone that somebody else has taken since", () => {
    const release = lockDirectory(file);
    owner({ boot: "somebody else's" });
    release();
    expect(fs.existsSync(file)).toBe(true);
  });
});

describe.runIf(DATABASES.includes("postgres"))("PostgreSQL", () => {
  test("four that start at once on an empty database all come up, and migrate it once", async () => {
    const admin = new URL(process.env.AIR_TEST_DATABASE_URL ?? "");
    const sql = postgres(admin.href, { max: 1, onnotice: () => {} });
    const name = `air_test_start_${process.pid}`;
    await sql.unsafe(`create database ${name}`);
    const url = new URL(admin);
    url.pathname = `/${name}`;
    const opened = await Promise.allSettled([1, 2, 3, 4].map(() => openDatabase({ url: url.href, maxConnections: 2 })));
    try {
      expect(opened.map((one) => one.status)).toEqual(["fulfilled", "fulfilled", "fulfilled", "fulfilled"]);
      for (const [index, one] of opened.entries()) {
        if (one.status === "fulfilled") await one.value.db.insert(settings).values({ key: `from-${index}`, value: index });
      }
      const [first] = opened;
      if (first?.status === "fulfilled") {
        expect(await first.value.db.select().from(settings)).toHaveLength(4);
        const { rows } = await first.value.boss.executeSql("select hash from drizzle.__drizzle_migrations");
        expect(new Set((rows as { hash: string }[]).map((row) => row.hash)).size).toBe(rows.length);
      }
    } finally {
      for (const one of opened) if (one.status === "fulfilled") await one.value.close();
      await sql.unsafe(`drop database ${name} with (force)`);
      await sql.end();
    }
  });
});
