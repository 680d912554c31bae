import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createTeamsGroups } from "../../../src/bot/teams-groups.ts";
import { type FakeGraph, fakeGraph } from "../../support/fake-graph.ts";

/* Who is in a group of Entra ID: asked of a Graph that can be slow, broken and forgetful; the clock stands still until it is moved. */
const SOC = "bbbbbbbb-0000-4000-8000-000000000001";
const MIA = "aaaaaaaa-0000-4000-8000-000000000001";
const TOM = "aaaaaaaa-0000-4000-8000-000000000002";
let now = 0;
let graph: FakeGraph;
beforeAll(async () => {
  graph = await fakeGraph(() => new Date(now));
});
afterAll(async () => graph?.close());
beforeEach(() => {
  graph.reset();
  now = Date.parse("2026-10-05T09:00:00Z");
  graph.directory.groups.set(SOC, [
    { id: MIA.toUpperCase(), userPrincipalName: "M.Keller@contoso.com", mail: "Mia@contoso.com" },
    { id: TOM, userPrincipalName: "tom@contoso.com" },
  ]);
});
const lookUps = (budgetMs?: number) => {
  const { directory } = graph.connect();
  if (!directory) throw new Error("no directory");
  return createTeamsGroups(directory, () => now, budgetMs);
};
const asked = () => graph.product.calls.filter(({ path }) => path.startsWith("/groups/"));

test("its people, with the addresses they are known by; asked once a minute, and who was removed is gone after it", async () => {
  const members = lookUps();
  const [one, two] = await Promise.all([members(SOC), members(SOC)]);
  expect(one).toBe(two);
  expect(one.get(MIA)).toEqual({ id: MIA, addresses: ["m.keller@contoso.com", "mia@contoso.com"], outside: false });
  expect(one.get(TOM)?.addresses).toEqual(["tom@contoso.com"]);
  expect(asked()).toMatchObject([{ method: "GET", path: expect.stringMatching(new RegExp(`^/groups/${SOC}/transitiveMembers\\?`)) }]);
  graph.directory.groups.set(SOC, [{ id: TOM, userPrincipalName: "tom@contoso.com" }]);
  now += 59_999;
  expect((await members(SOC)).has(MIA)).toBe(true);
  expect(asked()).toHaveLength(1);
  now += 1;
  expect((await members(SOC)).has(MIA)).toBe(false);
});

test("all pages; devices and apps are nobody; guests and disabled accounts are told", async () => {
  graph.directory.settings.pageSize = 2;
  graph.directory.groups.set(SOC, [
    { id: "d-1", "@odata.type": "#microsoft.graph.device" },
    { id: "s-1", "@odata.type": "#microsoft.graph.servicePrincipal" },
    { id: MIA, userPrincipalName: "mia@contoso.com" },
    { id: "g-1", userPrincipalName: "eve_evil.example#EXT#@contoso.onmicrosoft.com", userType: "Guest" },
    { id: "g-2", userPrincipalName: "old@contoso.com", accountEnabled: false },
  ]);
  const members = await lookUps()(SOC);
  expect([...members.values()].map(({ id, outside }) => [id, outside])).toEqual([
    [MIA, false],
    ["g-1", true],
    ["g-2", true],
  ]);
});

test("where members may be counted but not read they have no address", async () => {
  graph.product.roles = ["GroupMember.Read.All"];
  expect((await lookUps()(SOC)).get(TOM)).toEqual({ id: TOM, addresses: [], outside: false });
});

describe("fails closed, and asks again", () => {
  const on = /transitiveMembers/;
  test.each<[string, Parameters<FakeGraph["fail"]>[0]["how"], string]>([
    ["a rate limit", { status: 429, retryAfter: 1 }, "429"],
    ["an outage", { status: 503 }, "503"],
    ["a broken line", { drop: "before" }, "Microsoft Graph"],
    ["an answer nobody understands", { body: "wrongShape" }, "in a shape air does not know"],
  ])("%s", async (_, how, message) => {
    const members = lookUps();
    graph.fail({ on, how, times: 1 });
    await expect(members(SOC)).rejects.toThrow(message);
    graph.heal();
    // A failure is not kept: the next press asks again, once Graph may be asked.
    now += 2_000;
    expect((await members(SOC)).has(MIA)).toBe(true);
  });

  test("a missing permission is named, and so is a group that is gone", async () => {
    const members = lookUps();
    await expect(members("bbbbbbbb-0000-4000-8000-00000000dead")).rejects.toThrow(/does not know the group .*object id/);
    graph.product.roles = ["User.Read.All"];
    graph.forgetTokens();
    await expect(lookUps()(SOC)).rejects.toThrow("the app registration lacks GroupMember.Read.All");
  });

  test("a Graph that does not answer in time", async () => {
    const members = lookUps(20);
    graph.fail({ on, how: { hang: "before" }, times: 1 });
    await expect(members(SOC)).rejects.toThrow(/took too long|given up|did not answer/);
    graph.heal();
    expect((await lookUps()(SOC)).size).toBe(2);
  });
});
