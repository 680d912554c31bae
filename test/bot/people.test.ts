import { describe, expect, test } from "vitest";
import { type Config, readConfig } from "../../src/bot/config.ts";
import { createPeople, type Directory, type People } from "../../src/bot/people.ts";
import { whoamiCard } from "../../src/bot/whoami-card.ts";
import { type Card, plain } from "../../src/engine/cards/card.ts";
import { mayDecide, mayView, NO_ROLES, type Person, suspectOf } from "../../src/engine/domain/approval.ts";
import fc from "../support/fast-check.ts";
import { sha256 } from "../support/running-air.ts";

const SLACK = { SLACK_BOT_TOKEN: "xoxb-1", SLACK_SIGNING_SECRET: "s", SLACK_CHANNEL: "C0SOC" };
const configOf = (yaml: string, env: Record<string, string> = SLACK): Config => {
  const read = readConfig(env, (file) => (file === "./air.yaml" ? yaml : undefined));
  if (!read.ok) throw new Error(JSON.stringify(read.problems, null, 2));
  return read.config;
};

type Account = { email?: string; name?: string; member?: boolean };
/** A workspace: accounts by id, groups by id; what is not there cannot be looked up. */
const workspace = (accounts: Record<string, Account>, groups: Record<string, string[]> = {}): Directory => ({
  lookUpPerson: async (id) => {
    const account = accounts[id];
    if (!account) throw new Error("Slack took too long to say who this is.");
    return { name: account.name ?? id, member: account.member ?? true, ...(account.email ? { email: account.email } : {}) };
  },
  lookUpGroup: async (id) => {
    const members = groups[id];
    if (!members) throw new Error("Slack took too long to say who is in the user group.");
    return new Set(members);
  },
});
const open = (yaml: string, directory?: Directory, lab = false): People => {
  const config = configOf(yaml);
  return createPeople(
    () => config,
    lab,
    () => directory,
  );
};
const press = (people: People, userId: string) => people.fromSlack({ userId });
const isolation = { family: "device", deviceGroup: "workstations", state: "pending", lab: false, protectedHits: [] } as const;
const text = (card: Card) =>
  [card.title, ...card.lines.map((line) => (line.kind === "code" ? line.text : "text" in line ? plain(line.text) : ""))].join("\n");

const YAML = `
people:
  - { name: Mia, email: Mia@contoso.com, slack: U0MIA, teams: 8f1c }
  - { name: Noor, email: noor@contoso.com }
  - { name: Tom, email: tom@contoso.com, slack: U0TOM }
deviceGroups:
  - { name: workstations, match: { name: "ws-*" }, automation: semi-all }
  - { name: servers, match: { name: "srv-*" }, automation: semi-all }
roles:
  admin: ["slack-group:S0ADM"]
  responder: ["slack-group:S0SOC"]
  approver:
    device: [{ who: "slack-group:S0EDR", deviceGroups: [workstations] }, { who: tom@contoso.com, deviceGroups: servers }, noor@contoso.com]
    identity: [eve@contoso.com, mia@contoso.com]
  viewer: ["*@contoso.com", "slack-group:S0SOC"]
tokens:
  - { name: bot, sha256: "${sha256("x")}", roles: [viewer], mayDecide: [device], person: mia@contoso.com }
`;
const ACCOUNTS = {
  U0MIA: { email: "m.keller@contoso.com", name: "Mia K." },
  U0NOOR: { email: "noor@contoso.com" },
  U0TOM: { email: "tom@contoso.com" },
  U0EVE: { email: "eve@contoso.com" },
  U0GUEST: { email: "guest@contoso.com", member: false },
  U0BARE: {},
};
const GROUPS = { S0EDR: ["U0MIA", "U0TOM", "U0GUEST", "U0BARE"], S0SOC: ["U0EVE", "U0BARE"], S0ADM: [] };

describe("roles", () => {
  const people = open(YAML, workspace(ACCOUNTS, GROUPS));
  test.each<[string, Person["roles"]]>([
    // Her own address is what `people` says, whatever her Slack profile says.
    ["U0MIA", { ...NO_ROLES, viewer: true, approves: ["device", "identity"], deviceGroups: { device: ["workstations"] } }],
    // Found by address; the entry without a limit.
    ["U0NOOR", { ...NO_ROLES, viewer: true, approves: ["device"] }],
    // Two limited entries add up.
    ["U0TOM", { ...NO_ROLES, viewer: true, approves: ["device"], deviceGroups: { device: ["workstations", "servers"] } }],
    // Not in people: by address, by group and by pattern.
    ["U0EVE", { ...NO_ROLES, viewer: true, responder: true, approves: ["identity"] }],
    ["U0GUEST", NO_ROLES],
    ["U0BARE", NO_ROLES],
  ])("%s", async (userId, roles) => {
    const { heldBy: _heldBy, ...held } = (await press(people, userId)).roles;
    expect(held).toEqual({ ...roles, approves: [...roles.approves] });
  });

  test("by which entry a family is held", async () => {
    expect((await press(people, "U0TOM")).roles.heldBy).toEqual({
      device: [
        { group: "slack-group:S0EDR", deviceGroups: ["workstations"] },
        { group: null, deviceGroups: ["servers"] },
      ],
    });
  });

  test("refused are guests and whoever has no address, each with the reason", async () => {
    expect((await press(people, "U0GUEST")).withheld).toContain("Guests, bots");
    expect((await press(people, "U0BARE")).withheld).toContain("users:read.email");
  });
  test("an entry without a limit lifts the limits of the others", async () => {
    const both = open(YAML.replace("noor@contoso.com]", "mia@contoso.com]"), workspace(ACCOUNTS, GROUPS));
    expect((await press(both, "U0MIA")).roles.deviceGroups).toBeUndefined();
  });
  test("a group's roles hold in the console and for tokens, by the Slack account in people", async () => {
    const scoped = { approves: ["device", "identity"], deviceGroups: { device: ["workstations"] } };
    expect(await people.byEmail("MIA@contoso.com", "console")).toMatchObject({ key: "mia@contoso.com", via: "console", roles: scoped });
    const [token] = configOf(YAML).tokens;
    if (!token) throw new Error("no token");
    const machine = await people.fromToken(token);
    expect(machine).toMatchObject({ key: "mia@contoso.com", machine: true, roles: { ...scoped, approves: ["device"] } });
    expect(mayDecide(machine, isolation, []).allowed).toBe(true);
    expect(mayDecide(machine, { ...isolation, deviceGroup: "servers" }, [])).toMatchObject({ missing: "approver.device in servers" });
    expect(await people.byEmail("eve@contoso.com", "console")).toBeUndefined();
  });
  test("without Slack, or with a Slack that does not answer, only what is given by address", async () => {
    const byAddress = { ...NO_ROLES, viewer: true, approves: ["identity"] };
    expect(await open(YAML).byEmail("mia@contoso.com", "console")).toMatchObject({ roles: byAddress });
    for (const down of [workspace({}, GROUPS), workspace(ACCOUNTS, {}), workspace({ ...ACCOUNTS, U0MIA: { member: false } }, GROUPS)]) {
      const mia = await open(YAML, down).byEmail("mia@contoso.com", "console");
      expect(mia).toMatchObject({ roles: byAddress, withheld: expect.any(String) });
      expect(mia?.roles.deviceGroups).toBeUndefined();
    }
  });
  test("what could not be checked grants nothing and says try again; roles by address still hold", async () => {
    const unknown = await press(open(YAML, workspace({}, GROUPS)), "U0MIA");
    expect(unknown).toMatchObject({ key: "slack:U0MIA", roles: NO_ROLES });
    const noGroups = await press(open(YAML, workspace(ACCOUNTS, {})), "U0MIA");
    expect(noGroups.roles.approves).toEqual(["identity"]);
    for (const person of [unknown, noGroups]) {
      const answer = mayDecide(person, isolation, []);
      expect(answer).toMatchObject({ allowed: false, message: expect.stringContaining("could not check who you are now; try again") });
    }
  });
  test("one group that cannot be read does not take what another gives", async () => {
    const one = await press(open(YAML, workspace(ACCOUNTS, { S0EDR: ["U0MIA"] })), "U0MIA");
    expect(one.roles.approves).toEqual(["device", "identity"]);
  });
  test("the lab without roles is open to members, and to nobody else", async () => {
    const lab = open("people: [{ name: Mia, email: mia@contoso.com, slack: U0MIA }]", workspace(ACCOUNTS), true);
    expect((await press(lab, "U0BARE")).roles.approves).toHaveLength(5);
    expect((await press(lab, "U0GUEST")).roles).toEqual(NO_ROLES);
    expect((await press(lab, "U0GONE")).roles).toEqual(NO_ROLES);
    expect((await press(open("people: []", workspace(ACCOUNTS), false), "U0EVE")).roles).toEqual({ ...NO_ROLES, approves: [] });
  });
});

describe("who may decide, as the card says it", () => {
  const people = open(YAML, workspace(ACCOUNTS, GROUPS));
  test.each([
    ["workstations", ["members of the Slack group S0EDR", "Noor"]],
    ["servers", ["Tom", "Noor"]],
    ["no group", ["Noor"]],
    [null, ["Noor"]],
  ])("on a device of %s", (group, names) => expect(people.deciders("device", false, group)).toMatchObject({ anyone: false, names }));
  test("a group nobody can ask about is nobody", () => {
    const config = configOf(YAML, {});
    expect(createPeople(() => config, false).deciders("device", false, "workstations").names).toEqual(["Noor"]);
    expect(createPeople(() => config, false).deciders("email", false, null)).toEqual({ anyone: false, names: [], known: [] });
  });
});

describe("one person counts once", () => {
  test("Slack, console and token end in the address of people", async () => {
    const people = open(YAML, workspace(ACCOUNTS, GROUPS));
    const keys = [await press(people, "U0MIA"), await people.byEmail("mia@contoso.com", "console")].map((person) => person?.key);
    expect(keys).toEqual(["mia@contoso.com", "mia@contoso.com"]);
  });
  test.each<[string, Account]>([
    ["another account with her address", { email: "mia@contoso.com" }],
    ["another person's account with her address", { email: "mia@contoso.com", name: "Tom" }],
  ])("%s is not her, and nobody else either", async (_, account) => {
    const people = open(YAML, workspace({ ...ACCOUNTS, U0NEW: account }, { ...GROUPS, S0EDR: ["U0NEW"] }));
    expect(await press(people, "U0NEW")).toMatchObject({
      key: "mia@contoso.com",
      roles: NO_ROLES,
      withheld: expect.stringContaining("two different people"),
    });
  });
  test("her account with another person's address is neither of them", async () => {
    const people = open(YAML, workspace({ ...ACCOUNTS, U0MIA: { email: "noor@contoso.com" } }, GROUPS));
    expect((await press(people, "U0MIA")).roles).toEqual(NO_ROLES);
    // In the console she is who the sign-in link was made for; the account adds nothing.
    expect((await people.byEmail("mia@contoso.com", "console"))?.roles.approves).toEqual(["identity"]);
  });
  test("a suspect is recognised by any identity, also the address only Slack knows", async () => {
    const people = open(YAML, workspace(ACCOUNTS, GROUPS));
    for (const mia of [await press(people, "U0MIA"), await people.byEmail("mia@contoso.com", "console")]) {
      for (const entity of [
        { kind: "user", email: "m.keller@contoso.com" },
        { kind: "user", name: "CONTOSO\\mia" },
        { kind: "user", id: "8F1C" },
        { kind: "mailbox", address: "M.Keller@contoso.com" },
      ] as const)
        expect(suspectOf(mia ?? { identities: [] }, [entity])).toBeDefined();
    }
  });

  const EMAILS = ["a@x.io", "b@x.io", "c@x.io"] as const;
  const IDS = ["U01", "U02", "U03"] as const;
  /** Humans own addresses and accounts in any way; air.yaml and Slack say about them what they like, true or not. */
  const world = fc.record({
    people: fc.uniqueArray(
      fc.record({ email: fc.constantFrom(...EMAILS), slack: fc.option(fc.constantFrom(...IDS), { nil: undefined }) }),
      {
        selector: ({ email }) => email,
      },
    ),
    accounts: fc.record({
      U01: fc.record({ email: fc.option(fc.constantFrom(...EMAILS), { nil: undefined }) }),
      U02: fc.record({ email: fc.option(fc.constantFrom(...EMAILS), { nil: undefined }) }),
      U03: fc.record({ email: fc.option(fc.constantFrom(...EMAILS), { nil: undefined }) }),
    }),
    group: fc.subarray([...IDS]),
    named: fc.subarray([...EMAILS]),
  });
  test("no two doors that share an account or an address give two approvers", async () => {
    await fc.assert(
      fc.asyncProperty(world, async ({ people, accounts, group, named }) => {
        const pins = people.flatMap(({ slack }) => slack ?? []);
        fc.pre(new Set(pins).size === pins.length);
        // A workspace confirms an address for one account only.
        const confirmed = Object.values(accounts).flatMap(({ email }) => email ?? []);
        fc.pre(new Set(confirmed).size === confirmed.length);
        const list = people.map(({ email, slack }) => `{ name: ${email}, email: ${email}${slack ? `, slack: ${slack}` : ""} }`).join(", ");
        const yaml = `people: [${list}]\nroles: { approver: { device: ["slack-group:S0G", ${named.join(", ")}] } }`;
        const given = Object.fromEntries(Object.entries(accounts).map(([id, { email }]) => [id, email ? { email } : {}]));
        const who = open(yaml, workspace(given, { S0G: group }));
        const doors = [
          ...(await Promise.all(
            IDS.map(async (id) => ({ is: [id, accounts[id].email] as (string | undefined)[], person: await press(who, id) })),
          )),
          ...(await Promise.all(
            EMAILS.map(async (email) => ({ is: [email] as (string | undefined)[], person: await who.byEmail(email, "console") })),
          )),
        ].filter(({ person }) => person !== undefined && mayDecide(person, isolation, []).allowed);
        for (const one of doors) {
          for (const other of doors) {
            // The same account, the same address, or an account that air.yaml gives to that address.
            const pinned = people.some(({ email, slack }) => one.is.includes(email) && slack !== undefined && other.is.includes(slack));
            const shared = one.is.some((name) => name !== undefined && other.is.includes(name));
            if (shared || pinned) expect(one.person?.key).toBe(other.person?.key);
          }
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe("whoami", () => {
  const people = open(YAML, workspace({ ...ACCOUNTS, U0NEW: { email: "new@fabrikam.com", name: 'x", email: "evil@x.io' } }, GROUPS));
  test("a stranger gets lines that can be pasted, and no role", async () => {
    const stranger = await press(people, "U0NEW");
    expect(mayView(stranger.roles)).toBe(false);
    const card = whoamiCard(stranger);
    const code = card.lines.find((line) => line.kind === "code")?.text ?? "";
    const config = configOf(code);
    expect(config.people).toEqual([{ name: 'x", email: "evil@x.io', email: "new@fabrikam.com", slack: "U0NEW", teams: undefined }]);
    expect(config.roles.viewer).toEqual(["new@fabrikam.com"]);
    // With these lines in force it is so.
    expect(mayView((await press(open(code, workspace({ U0NEW: { email: "new@fabrikam.com" } })), "U0NEW")).roles)).toBe(true);
  });
  test("roles with their limits", async () => {
    expect(text(whoamiCard(await press(people, "U0MIA")))).toContain("approver for device (only devices of workstations), identity");
  });
  test("whoever cannot be helped by lines gets the reason", async () => {
    const card = whoamiCard(await press(people, "U0GUEST"));
    expect(text(card)).toContain("Guests, bots");
    expect(card.lines.some((line) => line.kind === "code")).toBe(false);
  });
});

describe("in Teams", () => {
  const inTeams = (people: People, userId: string, name = "Somebody") => people.fromTeams({ userId, name });
  test("somebody is who their object id says, however it is written, and the same one person as in Slack", async () => {
    const people = open(YAML, workspace({ U0MIA: { email: "mia@contoso.com" } }, { S0EDR: ["U0MIA"], S0ADM: [], S0SOC: [] }));
    const mia = await inTeams(people, "8F1C", "Mia, as the directory shows her");
    expect(mia).toMatchObject({ key: "mia@contoso.com", name: "Mia", via: "teams" });
    expect(mia.key).toBe((await press(people, "U0MIA")).key);
    // What the Slack account brings counts here, too: it is the same person.
    expect(mia.roles.approves.toSorted()).toEqual(["device", "identity"]);
  });
  test("an unknown account holds nothing, whatever it is called, and whoami says the lines to add", async () => {
    const people = open(YAML, undefined);
    const stranger = await inTeams(people, "0bad-cafe", "mia@contoso.com");
    expect(stranger).toMatchObject({ key: "teams:0bad-cafe", roles: NO_ROLES });
    expect(mayView(stranger.roles)).toBe(false);
    expect(text(whoamiCard(stranger))).toContain('- { name: "mia@contoso.com", email: you@example.com, teams: 0bad-cafe }');
    const odd = await inTeams(people, "x, admin: true", "Odd");
    expect(text(whoamiCard(odd))).toContain('teams: "x, admin: true" }');
  });
  test("the lab without roles lets everybody try", async () => {
    expect((await inTeams(open("", undefined, true), "8f1c")).roles.admin).toBe(true);
  });
});
