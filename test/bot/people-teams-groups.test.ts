import { describe, expect, test } from "vitest";
import { type Config, readConfig } from "../../src/bot/config.ts";
import { createPeople, type Directory, type People } from "../../src/bot/people.ts";
import type { TeamsGroups } from "../../src/bot/teams-groups.ts";
import { mayDecide, mayView, NO_ROLES, type Person, remembered, sameHuman, suspectOf } from "../../src/engine/domain/approval.ts";
import fc from "../support/fast-check.ts";

/* Roles by groups of Entra ID, at every door. */
const SOC = "bbbbbbbb-0000-4000-8000-000000000001";
const EDR = "bbbbbbbb-0000-4000-8000-000000000002";
const id = (last: string) => `aaaaaaaa-0000-4000-8000-00000000000${last}`;
const [MIA, TOM, EVE, NEW] = [id("1"), id("2"), id("3"), id("4")];
const ENV = {
  SLACK_BOT_TOKEN: "xoxb-1",
  SLACK_SIGNING_SECRET: "s",
  SLACK_CHANNEL: "C0SOC",
  GRAPH_TENANT_ID: "contoso.com",
  GRAPH_CLIENT_ID: "1b2c",
  GRAPH_CLIENT_SECRET: "x",
};
const configOf = (yaml: string): Config => {
  const read = readConfig(ENV, (file) => (file === "./air.yaml" ? yaml : undefined));
  if (!read.ok) throw new Error(JSON.stringify(read.problems, null, 2));
  return read.config;
};
type Members = Record<string, { addresses?: string[]; outside?: boolean }>;
const entra =
  (groups: Record<string, Members>): TeamsGroups =>
  async (group) => {
    const members = groups[group];
    if (!members) throw new Error("Microsoft Graph took too long to say who is in the group.");
    return new Map(
      Object.entries(members).map(([account, { addresses = [], outside = false }]) => [account, { id: account, addresses, outside }]),
    );
  };
const slackOf = (accounts: Record<string, string>, groups: Record<string, string[]> = {}): Directory => ({
  lookUpPerson: async (account) => {
    const email = accounts[account];
    if (email === undefined) throw new Error("Slack took too long to say who this is.");
    return { name: account, member: true, email };
  },
  lookUpGroup: async (group) => new Set(groups[group] ?? []),
});
const open = (yaml: string, groups: Record<string, Members>, slack?: Directory): People => {
  const config = configOf(yaml);
  return createPeople(
    () => config,
    false,
    () => slack,
    entra(groups),
  );
};
const YAML = `
people:
  - { name: Mia, email: mia@contoso.com, slack: U0MIA, teams: ${MIA} }
  - { name: Tom, email: tom@contoso.com }
deviceGroups: [{ name: workstations, match: { name: "ws-*" }, automation: semi-all }]
roles:
  responder: ["teams-group:${SOC.toUpperCase()}"]
  approver:
    device: [{ who: "teams-group:${EDR}", deviceGroups: [workstations] }]
    identity: [mia@contoso.com, tom@contoso.com]
  viewer: ["*@contoso.com"]
`;
const GROUPS = {
  [SOC]: { [EVE]: { addresses: ["eve@contoso.com"] }, [TOM]: { addresses: ["tom@contoso.com"] } },
  [EDR]: { [MIA]: { addresses: ["m.keller@contoso.com"] } },
};
const inTeams = (people: People, userId: string) => people.fromTeams({ userId, name: "As the directory shows them" });
const isolation = { family: "device", deviceGroup: "workstations", state: "pending", lab: false, protectedHits: [] } as const;

describe("a person mentioned in Teams", () => {
  const named = (account: string, name: string) => `<@teams:${account}|${name}>`;
  test("is who the account says, whatever name is shown; the name counts where no account does", async () => {
    const people = open(YAML, GROUPS);
    expect(await people.colleague(named(MIA, "Tom"))).toEqual({ name: "Mia", key: "mia@contoso.com" });
    expect(people.find(named(MIA, "Tom"))).toEqual({ name: "Mia", key: "mia@contoso.com" });
    // By the address the directory gives for the account, and by the name of somebody whose account nobody wrote down.
    expect(await people.colleague(named(TOM, "T."))).toEqual({ name: "Tom", key: "tom@contoso.com" });
    expect(await people.colleague(named(NEW, "Tom"))).toEqual({ name: "Tom", key: "tom@contoso.com" });
    expect(await people.colleague(named(NEW, "Mia"))).toBeUndefined();
    expect(await people.colleague(named(NEW, "Nobody"))).toBeUndefined();
  });
  test("where air.yaml names nobody, whoever is in the chat", async () => {
    const people = open("roles: { viewer: ['*@contoso.com'] }", {});
    expect(await people.colleague(named(NEW, "New Person"))).toEqual({ name: "New Person" });
  });
});

describe("who is in the group", () => {
  test("somebody of people holds its roles in Teams, in the console and in Slack", async () => {
    const people = open(YAML, GROUPS, slackOf({ U0MIA: "mia@contoso.com" }));
    const roles = { viewer: true, approves: ["device", "identity"], deviceGroups: { device: ["workstations"] } };
    for (const door of [
      inTeams(people, MIA.toUpperCase()),
      people.byEmail("mia@contoso.com", "console"),
      people.fromSlack({ userId: "U0MIA" }),
    ])
      expect(await door).toMatchObject({ key: "mia@contoso.com", roles });
    // What only the directory knows of her names her, too.
    expect(suspectOf(await inTeams(people, MIA), [{ kind: "user", name: "CONTOSO\\m.keller" }])).toBeDefined();
    expect(people.deciders("device", false, "workstations").names).toEqual([`members of the Entra ID group ${EDR}`]);
  });
  test("who is not in people holds what the group gives, and nothing by an address", async () => {
    const people = open(YAML, GROUPS);
    const eve = await inTeams(people, EVE);
    expect(eve).toMatchObject({ key: `teams:${EVE}`, roles: { ...NO_ROLES, responder: true } });
    expect(eve.identities).toContain("eve@contoso.com");
    // Tom is one person whatever he uses; what he has by address is his in Teams once air.yaml names his account.
    expect(await inTeams(people, TOM)).toMatchObject({ key: "tom@contoso.com", name: "Tom", roles: { ...NO_ROLES, responder: true } });
  });
  test("who is not in it holds nothing by it", async () => {
    const people = open(YAML, GROUPS);
    expect(mayView((await inTeams(people, NEW)).roles)).toBe(false);
  });
});

describe("fails closed", () => {
  test("a group that cannot be read gives nothing, and says try again; roles by address still hold", async () => {
    const people = open(YAML, { [SOC]: GROUPS[SOC] ?? {} });
    const mia = await inTeams(people, MIA);
    expect(mia.roles.approves).toEqual(["identity"]);
    expect(mayDecide(mia, isolation, [])).toMatchObject({ allowed: false, message: expect.stringContaining("try again") });
    expect(await inTeams(people, NEW)).toMatchObject({ roles: NO_ROLES, withheld: expect.stringContaining("try again") });
    // What another group gives is not taken.
    expect((await inTeams(people, EVE)).roles.responder).toBe(true);
  });
  test("guests and disabled accounts hold nothing by it", async () => {
    const people = open(YAML, { [SOC]: { [EVE]: { outside: true, addresses: ["eve@contoso.com"] } }, [EDR]: { [MIA]: { outside: true } } });
    expect(await inTeams(people, EVE)).toMatchObject({ roles: NO_ROLES, withheld: expect.stringContaining("Guests") });
    expect((await inTeams(people, MIA)).roles.approves).toEqual(["identity"]);
  });
  test("without an address nobody could say who else they are", async () => {
    const people = open(YAML, { [SOC]: { [EVE]: {} }, [EDR]: {} });
    expect(await inTeams(people, EVE)).toMatchObject({ roles: NO_ROLES, withheld: expect.stringContaining("User.Read.All") });
  });
  test("an account whose address is another person's is neither of them", async () => {
    const people = open(YAML, {
      [SOC]: { [NEW]: { addresses: ["mia@contoso.com"] } },
      [EDR]: { [MIA]: { addresses: ["tom@contoso.com"] } },
    });
    for (const account of [NEW, MIA])
      expect(await inTeams(people, account)).toMatchObject({ roles: NO_ROLES, withheld: expect.stringContaining("two different people") });
    // In the console she is who the link was made for; the account adds nothing.
    expect((await people.byEmail("mia@contoso.com", "console"))?.roles.approves).toEqual(["identity"]);
  });
});

describe("one person counts once", () => {
  const EMAILS = ["a@x.io", "b@x.io", "c@x.io"] as const;
  const SLACK = ["U0000001", "U0000002"] as const;
  const TEAMS = [id("1"), id("2"), id("3")] as const;
  const maybe = <T>(values: readonly [T, ...T[]]) => fc.option(fc.constantFrom(...values), { nil: undefined });
  const world = fc.record({
    people: fc.uniqueArray(fc.record({ email: fc.constantFrom(...EMAILS), slack: maybe(SLACK), teams: maybe(TEAMS) }), {
      selector: ({ email }) => email,
    }),
    inSlack: fc.tuple(maybe(EMAILS), maybe(EMAILS)),
    inEntra: fc.tuple(maybe(EMAILS), maybe(EMAILS), maybe(EMAILS)),
    slackGroup: fc.subarray([...SLACK]),
    teamsGroup: fc.subarray([...TEAMS]),
    named: fc.subarray([...EMAILS]),
  });
  test("no two doors that share an account or an address give two approvers", async () => {
    await fc.assert(
      fc.asyncProperty(world, async ({ people, inSlack, inEntra, slackGroup, teamsGroup, named }) => {
        for (const all of [people.flatMap(({ slack }) => slack ?? []), people.flatMap(({ teams }) => teams ?? []), inSlack, inEntra]) {
          const given = all.filter((one) => one !== undefined);
          fc.pre(new Set(given).size === given.length);
        }
        const list = people.map(
          ({ email, slack, teams }) =>
            `{ name: ${email}, email: ${email}${slack ? `, slack: ${slack}` : ""}${teams ? `, teams: ${teams}` : ""} }`,
        );
        const yaml = `people: [${list.join(", ")}]\nroles: { approver: { device: ["slack-group:S0G", "teams-group:${SOC}", ${named.join(", ")}] } }`;
        const accounts = Object.fromEntries(SLACK.flatMap((one, at) => (inSlack[at] ? [[one, inSlack[at]]] : [])));
        const members = Object.fromEntries(teamsGroup.map((one) => [one, { addresses: [inEntra[TEAMS.indexOf(one)] ?? []].flat() }]));
        const who = open(yaml, { [SOC]: members }, slackOf(accounts, { S0G: slackGroup }));
        const doors: { is: (string | undefined)[]; person: Person }[] = (
          await Promise.all([
            ...SLACK.map(async (one, at) => ({ is: [one, inSlack[at]], person: await who.fromSlack({ userId: one }) })),
            // What is not in the group tells air no address.
            ...TEAMS.map(async (one, at) => ({
              is: [one, teamsGroup.includes(one) ? inEntra[at] : undefined],
              person: await inTeams(who, one),
            })),
            ...EMAILS.map(async (one) => ({ is: [one] as (string | undefined)[], person: await who.byEmail(one, "console") })),
          ])
        ).flatMap(({ is, person }) => (person && mayDecide(person, isolation, []).allowed ? [{ is, person }] : []));
        for (const one of doors)
          for (const other of doors) {
            const pinned = people.some(({ email, slack, teams }) =>
              [slack, teams].some((account) => account !== undefined && one.is.includes(email) && other.is.includes(account)),
            );
            const shared = one.is.some((name) => name !== undefined && other.is.includes(name));
            if (shared || pinned) expect(sameHuman(remembered(one.person), other.person)).toBe(true);
          }
      }),
      { numRuns: 500 },
    );
  });
});
