import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Database } from "../../src/db/connect.ts";
import { takenRequestStore } from "../../src/db/store/taken-requests.ts";
import { DATABASES, openTestDb } from "../support/open-test-db.ts";

describe.each(DATABASES)("requests that were taken (%s)", (kind) => {
  let database: Database;
  beforeAll(async () => {
    database = await openTestDb(kind);
  });
  afterAll(async () => {
    await database.close();
  });

  test("of many processes one is first; when its stamp alone refuses it, the row goes", async () => {
    let now = Date.parse("2026-03-01T12:00:00Z");
    const stores = Array.from({ length: 5 }, () => takenRequestStore(database, () => new Date(now)));
    const answers = await Promise.all(stores.map((store) => store.take("slack signed ab")));
    expect(answers.filter(Boolean)).toHaveLength(1);
    now += 10 * 60_000;
    expect(await stores[0]?.take("slack signed ab")).toBe(false);
    expect(await stores[0]?.take("slack event Ev1")).toBe(true);
    now += 2 * 60_000;
    await stores[0]?.take("slack event Ev2");
    const { rows } = await database.boss.executeSql("select key from taken_requests order by key", []);
    expect(rows).toEqual([{ key: "slack event Ev1" }, { key: "slack event Ev2" }]);
  });
});
