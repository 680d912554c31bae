import { randomBytes } from "node:crypto";
import postgres from "postgres";
import { type Database, openDatabase } from "../../src/db/connect.ts";

/** The databases every store suite runs on: the embedded one always, PostgreSQL where there is one (npm test says so if not). */
export const DATABASES: readonly ("embedded" | "postgres")[] = process.env.AIR_TEST_DATABASE_URL ? ["embedded", "postgres"] : ["embedded"];

/** A fresh, migrated database of that kind; `close` also drops it. */
export async function openTestDb(kind: "embedded" | "postgres"): Promise<Database & { url: string | undefined }> {
  if (kind === "embedded") return Object.assign(await openDatabase({}), { url: undefined });
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
