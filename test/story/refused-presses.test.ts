import { createHmac } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { numberOf } from "../../src/engine/air.ts";
import { buttonInConsole, decideByHttp, pressInConsole, pressInSlack, signIn, type Told } from "../support/doors.ts";
import { eventually } from "../support/eventually.ts";
import { type Accepted, type ActionJson, type List, openAir, sha256, type TestAir } from "../support/running-air.ts";
import { SLACK_SECRET, type SlackEmulator, startSlackEmulator } from "../support/slack-emulator.ts";

/*
 * Whatever is wrong with a click, at whichever door: it is refused, the person is told why in private, the audit keeps that somebody tried,
 * and nothing is consumed: the right click still works afterwards.
 */

const TOKEN = "api-token-of-this-test";
/** By first name; what they hold is in `yamlOf`. Tom is whom the lab's WS-003 belongs to. */
const PEOPLE = ["Mia", "Noor", "Tom", "Vic", "Rosa", "Gone"];
const mail = (name: string) => `${name.toLowerCase()}@contoso.example`;
const account = (name: string) => `U0${name.toUpperCase()}000`;
const tokenOf = (name: string) => `token-of-${name}`;
const APPROVERS = ["Mia", "Noor", "Tom"];
const yamlOf = (approvers: readonly string[]) => `
mode: ask
organization: { name: Contoso, domains: [contoso.example] }
slack: { pace: { perSecond: 50, burst: 50 } }
people:
${PEOPLE.map((name) => `  - { name: ${name}, email: ${mail(name)}, slack: ${account(name)} }`).join("\n")}
roles:
  admin: [ada@contoso.example]
  viewer: [${[...PEOPLE].map(mail).join(", ")}]
  responder: [${["Rosa", ...APPROVERS].map(mail).join(", ")}]
  approver: { device: [${approvers.map(mail).join(", ")}], identity: [rosa@contoso.example] }
tokens:
${PEOPLE.map((name) => `  - { name: bot-${name}, sha256: "${sha256(tokenOf(name))}", roles: [viewer], mayDecide: [device], person: ${mail(name)} }`).join("\n")}
  - { name: reporting, sha256: "${sha256("reporting")}", roles: [viewer] }
`;

type Line = { event: string; subject: string; actor: { key?: string; name?: string }; data: { code?: string; missing?: string | null } };
type Shown = { id: string; value: Record<"approve" | "reject", string>; version: string };
type Door = (who: string, shown: Shown, decision: "approve" | "reject", more?: { value?: string; typed?: string }) => Promise<Told>;

let slack: SlackEmulator;
let air: TestAir;
const cookies = new Map<string, string>();
beforeAll(async () => {
  slack = await startSlackEmulator();
  for (const name of PEOPLE) slack.people.set(account(name), { team_id: slack.teamId, real_name: name, profile: { email: mail(name) } });
  const odd = { team_id: slack.teamId, real_name: "Odd" };
  // Three that hold a role by their address, and are no members of the workspace; and one nobody knows.
  slack.people.set("U0GUEST000", { ...odd, is_restricted: true, profile: { email: mail("Mia") } });
  slack.people.set("U0BOT00000", { ...odd, is_bot: true, profile: { email: mail("Mia") } });
  slack.people.set("U0FORMER00", { ...odd, deleted: true, profile: { email: mail("Mia") } });
  slack.people.set("U0NOBODY00", { ...odd, profile: { email: "nobody@contoso.example" } });
  air = await openAir({
    env: {
      SLACK_BOT_TOKEN: slack.token,
      SLACK_SIGNING_SECRET: SLACK_SECRET,
      SLACK_API_URL: slack.apiUrl,
      SLACK_CHANNEL: slack.channel,
      AIR_API_TOKEN: TOKEN,
    },
    yaml: yamlOf(APPROVERS),
  });
  await eventually(() => air.log.lines.some((line) => line.message === "Slack knows us"), "auth.test");
  for (const name of PEOPLE) cookies.set(name, await signIn(air.url, TOKEN, mail(name)));
}, 180_000);
afterAll(async () => {
  await air?.remove();
  await slack?.stop();
});
beforeEach(() => air.configure(yamlOf(APPROVERS)));

const admin = { authorization: `Bearer ${TOKEN}` };
const get = async <T>(where: string) => (await air.ask(where, { headers: admin })).as<T>();
const audit = async (): Promise<Line[]> => {
  const lines: Line[] = [];
  for (;;) {
    const { items } = await get<{ items: { line: string }[] }>(`/v1/audit?after=${lines.length}`);
    if (items.length === 0) return lines;
    lines.push(...items.map(({ line }) => JSON.parse(line) as Line));
  }
};
/** What somebody did or tried: air itself may still be carrying out what the test before this one approved. */
const ofSomebody = ({ event }: Line) => /^(decision|button)\./.test(event);

let made = 0;
/** An isolation that waits for a decision, in an incident of its own, with the buttons its card has. */
async function isolation(device?: string, more: readonly object[] = []): Promise<Shown> {
  const name = device ?? `WS-R${++made}`;
  const answer = await air.post(
    "/v1/alerts/generic",
    {
      id: `refused-${name}-${made}`,
      title: `Malware on ${name}`,
      severity: "high",
      entities: [
        { kind: "device", name },
        { kind: "process", commandLine: "vssadmin.exe delete shadows /all /quiet", device: name, verdict: "malicious" },
        ...more,
      ],
    },
    admin,
  );
  const incident = answer.as<Accepted>().accepted[0]?.incident;
  const found = await eventually(
    async () =>
      (await get<List<ActionJson>>("/v1/actions?state=pending&limit=200")).items.find(
        (one) => one.incident === incident && one.kind === "isolate-device",
      ),
    `an isolation of ${name}`,
    60_000,
  );
  return shownNow(found.id);
}
async function shownNow(id: string): Promise<Shown> {
  const page = (decision: string) => buttonInConsole(air.url, cookies.get("Vic") ?? "", id, decision);
  const { version } = await get<ActionJson>(`/v1/actions/${id}`);
  return { id, version, value: { approve: await page("approve"), reject: await page("reject") } };
}

const console_: Door = (who, shown, decision, { value, typed } = {}) =>
  pressInConsole(air.url, cookies.get(who) ?? "", {
    value: value ?? shown.value[decision],
    typed: typed ?? (decision === "reject" ? "no" : undefined),
  });
const slack_: Door = (who, shown, decision, { value, typed } = {}) =>
  pressInSlack(
    slack,
    air.url,
    who.startsWith("U0") ? who : account(who),
    { value: value ?? shown.value[decision], typed: typed ?? (decision === "reject" ? "no" : undefined) },
    { answered: true },
  );
const http: Door = (who, shown, decision, { typed } = {}) =>
  decideByHttp(air.url, tokenOf(who), shown.id, { decision, version: shown.version, ...(typed ? { confirm: typed } : {}) });
const DOORS = { console: console_, slack: slack_, http };

/** Refused, told, audited, and nothing consumed: Noor's click counts after it. */
async function refusedAndStillOpen(
  shown: Shown,
  press: () => Promise<Told>,
  expected: { says: string | RegExp; code?: string; missing?: string; event?: string },
  { closed = false }: { closed?: boolean } = {},
) {
  const before = (await audit()).length;
  const { state, approvals } = await get<ActionJson>(`/v1/actions/${shown.id}`);
  const told = await press();
  expect(told.text).toMatch(expected.says);
  // A refusal is one line, never none; what it was aimed at stands in it wherever air could read it.
  const lines = (await audit()).slice(before).filter((line) => /refused$/.test(line.event));
  const { event = "decision.refused", code, missing } = expected;
  expect(lines.map((line) => line.event)).toEqual([event]);
  if (event === "decision.refused") expect(lines[0]).toMatchObject({ subject: shown.id, data: { code, ...(missing ? { missing } : {}) } });
  expect(await get<ActionJson>(`/v1/actions/${shown.id}`)).toMatchObject({ state, approvals, ...(closed ? {} : { decision: null }) });
}
async function worksFor(who: string, shown: Shown, typed?: string) {
  const fresh = await shownNow(shown.id);
  const told = await console_(who, fresh, "approve", typed ? { typed } : {});
  expect(told).toMatchObject({ status: 200 });
  expect(told.text).not.toContain("Refused");
}
const stateOf = async (id: string) => (await get<ActionJson>(`/v1/actions/${id}`)).state;
const change = (id: string, values: object) =>
  air.air.store.transaction((tx) => tx.updateAction(numberOf(id), values as Parameters<typeof tx.updateAction>[1]));
/** What another air with another AIR_SECRET would have drawn on the same card. */
const drawnByAnother = (value: string) => {
  const body = value.slice(0, -17);
  return `${body}.${createHmac("sha256", "another AIR_SECRET").update(`button:${body}`).digest("hex").slice(0, 16)}`;
};

describe.each(["console", "slack"] as const)("a button that is none of ours, in %s", (name) => {
  const door = DOORS[name];
  const wrong: [string, (mine: Shown, other: Shown) => string, RegExp][] = [
    [
      "a changed character",
      ({ value }) => `${value.approve.slice(0, -1)}${value.approve.endsWith("0") ? "1" : "0"}`,
      /another air|not made by this air/,
    ],
    ["approve made of reject", ({ value }) => value.reject.replace(".reject.", ".approve."), /another air|not made by this air/],
    [
      "another action's signature",
      (mine, other) => `${mine.value.approve.slice(0, -16)}${other.value.approve.slice(-16)}`,
      /another air|not made by this air/,
    ],
    [
      "made by another air",
      ({ value }) => drawnByAnother(value.approve),
      /made by another air .* Nothing was decided|not made by this air/,
    ],
    ["cut off", ({ value }) => value.approve.slice(0, -3), /not made by this air/],
    ["without a signature", ({ value }) => value.approve.slice(0, -17), /not made by this air/],
    ["of no action at all", () => "approve", /not made by this air/],
    [
      "a bulk button for it, made up",
      ({ id, version }) => `MANY.approve.${numberOf(id).toString(36)}.${version}..0123456789abcdef`,
      /another air|not made by this air/,
    ],
  ];
  test.each(wrong)("%s", { timeout: 180_000 }, async (_, forge, says) => {
    const [mine, other] = [await isolation(), await isolation()];
    await refusedAndStillOpen(mine, () => door("Mia", mine, "approve", { value: forge(mine, other) }), { says, event: "button.refused" });
    await worksFor("Noor", mine);
    expect(await stateOf(other.id)).toBe("pending");
  });

  test("a button of another action decides that one, and only that one", { timeout: 180_000 }, async () => {
    const [mine, other] = [await isolation(), await isolation()];
    await console_("Mia", mine, "reject", { value: other.value.reject });
    expect([await stateOf(mine.id), await stateOf(other.id)]).toEqual(["pending", "rejected"]);
  });
});

describe.each(["console", "slack", "http"] as const)("refused at the door %s", (name) => {
  const door = DOORS[name];

  test("a card from before a change, and the card is drawn again", { timeout: 180_000 }, async () => {
    const shown = await isolation();
    await change(shown.id, { version: "fedcba9876543210" });
    await refusedAndStillOpen(shown, () => door("Mia", shown, "approve"), { says: /changed since/, code: "changed" });
    await worksFor("Noor", shown);
  });

  test.each(["approve", "reject"] as const)("%s after expiry: nothing was done, and nothing is", { timeout: 180_000 }, async (decision) => {
    // The running air sweeps every ten seconds: what it expired in between was not open to be refused, or is not open afterwards.
    const refusedWhileOpen = async (): Promise<Shown> => {
      const shown = await isolation();
      await change(shown.id, { expiresAt: new Date(Date.now() - 1_000) });
      try {
        await refusedAndStillOpen(shown, () => door("Mia", shown, decision), {
          says: new RegExp(`${shown.id} expired: nothing was done`),
          code: "expired",
        });
      } catch (error) {
        if ((await stateOf(shown.id)) !== "expired") throw error;
      }
      await change(shown.id, { expiresAt: new Date(Date.now() + 3_600_000) });
      return (await stateOf(shown.id)) === "expired" ? refusedWhileOpen() : shown;
    };
    const shown = await refusedWhileOpen();
    await worksFor("Noor", shown);
  });

  test.each(["approve", "reject"] as const)("%s pressed again after it was decided", { timeout: 180_000 }, async (decision) => {
    const shown = await isolation();
    await console_("Noor", shown, "reject");
    await refusedAndStillOpen(
      shown,
      () => door("Mia", shown, decision),
      { says: new RegExp(`${shown.id} was already rejected by Noor at \\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d UTC`), code: "already-decided" },
      { closed: true },
    );
  });

  test.each(["approve", "reject"] as const)(
    "%s by somebody who was an approver until air.yaml changed",
    { timeout: 180_000 },
    async (decision) => {
      const shown = await isolation();
      air.configure(yamlOf(["Noor", "Tom"]));
      await refusedAndStillOpen(shown, () => door("Mia", shown, decision), {
        says: /needs the role approver for device; you do not have it/,
        code: "forbidden",
        missing: "approver.device",
      });
      await worksFor("Noor", shown);
    },
  );

  test.each([
    ["a viewer", "Vic", /needs the role approver for device/],
    ["a responder, who approves another family", "Rosa", /needs the role approver for device/],
  ])("%s", { timeout: 180_000 }, async (_, who, says) => {
    const shown = await isolation();
    await refusedAndStillOpen(shown, () => door(who, shown, "approve"), { says, code: "forbidden", missing: "approver.device" });
    await worksFor("Noor", shown);
  });

  test.each<[string, string | undefined, readonly object[], RegExp]>([
    ["named in the alert", undefined, [{ kind: "user", email: mail("Tom") }], /You are named in this incident/],
    ["by the account's name", undefined, [{ kind: "user", name: "CONTOSO\\tom" }], /You are named in this incident/],
    ["whose mailbox it is about", undefined, [{ kind: "mailbox", address: mail("Tom") }], /You are named in this incident/],
  ])("the suspect, %s", { timeout: 180_000 }, async (_, device, more, says) => {
    const shown = await isolation(device, more);
    for (const decision of ["approve", "reject"] as const)
      await refusedAndStillOpen(shown, () => door("Tom", shown, decision), { says, code: "forbidden", missing: "not-a-suspect" });
    await worksFor("Noor", shown);
  });

  // The lab's inventory says whose they are.
  const owned = { console: ["Tom", "WS-003"], slack: ["Mia", "WS-001"], http: ["Noor", "WS-002"] } as const;
  test("the suspect, whose device it is by the inventory", { timeout: 180_000 }, async () => {
    const [owner, device] = owned[name];
    const shown = await isolation(device);
    for (const decision of ["approve", "reject"] as const)
      await refusedAndStillOpen(shown, () => door(owner, shown, decision), {
        says: /You are named in this incident/,
        code: "forbidden",
        missing: "not-a-suspect",
      });
    await worksFor(owner === "Noor" ? "Mia" : "Noor", shown);
  });

  test("who asked for what two have to agree on; a token, whoever stands behind it, is none of the two", { timeout: 180_000 }, async () => {
    // Devices of the lab that no incident here is about.
    const device = { console: "WS-004", slack: "LT-005", http: "WS-006" }[name];
    const asked = await air.ask("/console/say", {
      method: "POST",
      headers: { cookie: cookies.get("Mia") ?? "", origin: new URL(air.url).origin, "sec-fetch-site": "same-origin" },
      body: { text: `do offboard-device ${device} it is sold` },
    });
    const id = /ACT-\d+/.exec(asked.text)?.[0] ?? "";
    expect(id, asked.text).not.toBe("");
    const shown = await shownNow(id);
    const typed = device;
    expect((await get<ActionJson>(`/v1/actions/${id}`)).approvals.needed).toBe(2);
    await refusedAndStillOpen(shown, () => door("Mia", shown, "approve", { typed }), {
      says: name === "http" ? /A token never counts toward two approvals/ : /You asked for .*two others have to decide/,
      code: "forbidden",
      missing: name === "http" ? "person" : "not-the-requester",
    });
    await worksFor("Noor", shown, typed);
    expect(await stateOf(id)).toBe("pending");
    await worksFor("Tom", shown, typed);
    expect(await stateOf(id)).not.toBe("pending");
  });
});

describe("in Slack, whoever is no member of the workspace, whatever their address says", () => {
  test.each([
    ["a guest", "U0GUEST000", /Guests, bots/],
    ["a bot", "U0BOT00000", /Guests, bots/],
    ["who left", "U0FORMER00", /Guests, bots/],
    ["who is in no role", "U0NOBODY00", /needs the role approver for device/],
    ["whom Slack does not know", "U0GHOST000", /could not check who you are/],
  ])("%s", { timeout: 180_000 }, async (_, who, says) => {
    const shown = await isolation();
    await refusedAndStillOpen(shown, () => slack_(who, shown, "approve"), { says, code: "forbidden" });
    await worksFor("Noor", shown);
  });

  test("somebody of another workspace, and a payload nobody signed", { timeout: 180_000 }, async () => {
    const shown = await isolation();
    const before = (await audit()).length;
    const press = { value: shown.value.approve };
    const foreign = await pressInSlack(slack, air.url, account("Mia"), press, { team: "T0OTHER" });
    expect(foreign.text).toContain("air does not serve people of your workspace. Nothing was done.");
    const forged = await pressInSlack(slack, air.url, account("Mia"), press, { secret: "another", answered: false });
    expect(forged.status).toBe(401);
    expect((await audit()).slice(before).filter(ofSomebody)).toEqual([]);
    await worksFor("Noor", shown);
  });
});

describe("a token where a person is needed", () => {
  const by = (token: string, id: string, body: object) => () => decideByHttp(air.url, token, id, body);

  test("a protected asset, breaking the glass, a token without a right to decide, and one nobody made", { timeout: 180_000 }, async () => {
    const dc = await isolation("DC-01");
    await refusedAndStillOpen(dc, by(tokenOf("Mia"), dc.id, { decision: "approve", confirm: "DC-01" }), {
      says: /a person has to/,
      code: "forbidden",
      missing: "person",
    });
    await worksFor("Mia", dc, "DC-01");
    await refusedAndStillOpen(dc, by(tokenOf("Mia"), dc.id, { decision: "break-glass", confirm: "DC-01", reason: "now" }), {
      says: /a person has to/,
      code: "forbidden",
      missing: "person",
    });
    await worksFor("Noor", dc, "DC-01");
    const shown = await isolation();
    await refusedAndStillOpen(shown, by("reporting", shown.id, { decision: "approve" }), {
      says: /needs the role approver for device/,
      code: "forbidden",
      missing: "approver.device",
    });
    const before = (await audit()).length;
    expect((await decideByHttp(air.url, "made-up", shown.id, { decision: "approve" })).status).toBe(401);
    expect((await audit()).slice(before).filter(ofSomebody)).toEqual([]);
    await worksFor("Noor", shown);
  });
});

test("the console without a sign-in, or from another page, decides nothing", { timeout: 180_000 }, async () => {
  const shown = await isolation();
  expect((await pressInConsole(air.url, "", { value: shown.value.approve })).status).toBe(401);
  const cookie = cookies.get("Mia") ?? "";
  // A cookie whose name was written over by hand.
  const [name, session = ""] = cookie.split("=");
  const forged = `${name}=${Buffer.from(mail("Noor")).toString("base64url")}.${session.split(".").slice(1).join(".")}`;
  expect((await pressInConsole(air.url, forged, { value: shown.value.approve })).status).toBe(401);
  const elsewhere = await air.ask("/console/press", {
    method: "POST",
    headers: { cookie, origin: "https://evil.example", "sec-fetch-site": "cross-site" },
    body: { value: shown.value.approve },
  });
  expect(elsewhere.status).toBe(403);
  expect(await stateOf(shown.id)).toBe("pending");
  await worksFor("Mia", shown);
});
