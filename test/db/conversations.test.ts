import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { conversationStore } from "../../src/db/store/conversations.ts";
import { type Engine, openEngine } from "../support/open-engine.ts";
import { DATABASES } from "../support/open-test-db.ts";

const one = {
  id: "19:soc@thread.tacv2",
  kind: "channel",
  tenant: "t1",
  serviceUrl: "https://smba.example/amer/",
  bot: "28:b",
  team: "19:team",
  name: "SOC",
} as const;
const HOUR = 3_600_000;

describe.each(DATABASES)("where the conversations of Teams are, %s", (kind) => {
  let engine: Engine;
  let store: ReturnType<typeof conversationStore>;
  let now: Date;
  const query = (text: string) => engine.database.boss.executeSql(text);
  beforeAll(async () => {
    engine = await openEngine(kind);
    store = conversationStore(engine.database, "teams");
  });
  afterAll(() => engine?.close());
  beforeEach(async () => {
    now = new Date("2026-11-14T22:13:20Z");
    await query("delete from conversations");
  });

  test("the newest is kept; what a message leaves out is not forgotten", async () => {
    await store.heard(one, now);
    await store.heard({ ...one, serviceUrl: "https://smba.example/emea/", name: undefined, team: undefined }, now);
    expect(await store.find(one.id)).toEqual({ ...one, serviceUrl: "https://smba.example/emea/", removedAt: undefined });
    await store.heard({ ...one, name: "SOC 2" }, now);
    expect(await store.find(one.id)).toMatchObject({ name: "SOC 2", serviceUrl: one.serviceUrl });
  });

  test("a busy chat is no reason for a write with each message", async () => {
    const seen = async () => ((await query("select seen_at as at from conversations")).rows[0] as { at: Date | string }).at;
    const at = async () => new Date(await seen()).getTime() - now.getTime();
    await store.heard(one, now);
    await store.heard(one, new Date(now.getTime() + HOUR / 2));
    expect(await at()).toBe(0);
    await store.heard(one, new Date(now.getTime() + 2 * HOUR));
    expect(await at()).toBe(2 * HOUR);
  });

  test("removed from a team is removed from all its channels, until air is heard there again", async () => {
    await store.heard(one, now);
    await store.heard({ ...one, id: "19:other", name: "Other" }, now);
    await store.heard({ ...one, id: "a:1", kind: "personal", team: undefined, name: undefined }, new Date(now.getTime() + 1));
    await store.left({ id: "19:general", team: "19:team" }, now);
    expect((await store.find(one.id))?.removedAt).toEqual(now);
    expect((await store.find("19:other"))?.removedAt).toEqual(now);
    expect((await store.newest())?.id).toBe("a:1");
    await store.left({ id: "a:1" }, now);
    expect(await store.newest()).toBeUndefined();
    await store.heard(one, now);
    expect((await store.newest())?.id).toBe(one.id);
  });

  test("two at once are one row", async () => {
    await Promise.all(Array.from({ length: 8 }, (_, nth) => store.heard({ ...one, name: `SOC ${nth}` }, now)));
    expect((await query("select count(*)::int as n from conversations")).rows).toEqual([{ n: 1 }]);
  });

  test("an address heard later, of the same team or tenant: not one heard before, of elsewhere, or of a team air was removed from", async () => {
    const emea = "https://smba.example/emea/";
    const later = (ms: number) => new Date(now.getTime() + ms);
    const ids = async () => {
      const own = await store.find(one.id);
      return own ? (await store.newer(own)).map(({ id }) => id) : [];
    };
    const other = (id: string, more: object = {}) => ({ ...one, id, team: undefined, serviceUrl: emea, ...more });
    await store.heard(other("before"), now);
    await store.heard(one, later(1));
    await store.heard(other("same address", { serviceUrl: one.serviceUrl }), later(2));
    await store.heard(other("foreign", { tenant: "t2" }), later(2));
    await store.heard(other("lost"), later(2));
    await store.left({ id: "lost" }, later(3));
    expect(await ids()).toEqual([]);
    await store.heard(other("chat"), later(4));
    expect(await ids()).toEqual(["chat"]);
    await store.heard(other("of the team", { team: one.team }), later(5));
    expect(await ids()).toEqual(["of the team"]);
    await store.heard(other("newer chat"), later(6));
    expect(await ids()).toEqual(["of the team", "newer chat"]);
    // Heard from itself again, its own is the newest: that is written although it was written a moment ago.
    await store.heard(one, later(7));
    expect(await ids()).toEqual([]);
  });
});
