import { createHmac } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { type Accepted, type ActionJson, type List, openAir, sha256, type TestAir } from "../support/running-air.ts";
import { type SlackEmulator, startSlackEmulator } from "../support/slack-emulator.ts";

/* Who may decide on Slack: members of a user group, on devices of one group, whatever they come through. */
const SECRET = "shhh";
const TOKEN = "api-token-of-this-test";
const yamlOf = (userId: string) => `
slack: { pace: { perSecond: 50, burst: 50 } }
people: [{ name: Ana, email: ana@contoso.com, slack: ${userId} }]
deviceGroups:
  - { name: workstations, match: { name: "ws-*" }, automation: semi-all }
  - { name: servers, match: { name: "srv-*" }, automation: semi-all }
roles:
  approver: { device: [{ who: "slack-group:S0EDR", deviceGroups: [workstations] }] }
tokens: [{ name: bot, sha256: "${sha256("of-ana")}", roles: [viewer], mayDecide: [device], person: ana@contoso.com }]
`;

let slack: SlackEmulator;
let air: TestAir;
beforeAll(async () => {
  slack = await startSlackEmulator();
  slack.groups.set("S0EDR", [slack.userId]);
  air = await openAir({
    env: {
      SLACK_BOT_TOKEN: slack.token,
      SLACK_SIGNING_SECRET: SECRET,
      SLACK_API_URL: slack.apiUrl,
      SLACK_CHANNEL: slack.channel,
      AIR_API_TOKEN: TOKEN,
    },
    yaml: yamlOf(slack.userId),
  });
  await eventually(() => air.log.lines.some((line) => line.message === "Slack knows us"), "auth.test");
});
afterAll(async () => {
  await air?.remove();
  await slack?.stop();
});
beforeEach(() => {
  slack.responses.length = 0;
});

const admin = { authorization: `Bearer ${TOKEN}` };
const bot = { authorization: "Bearer of-ana" };
async function say(text: string): Promise<string> {
  slack.responses.length = 0;
  const raw = new URLSearchParams({
    team_id: slack.teamId,
    channel_id: slack.channel,
    user_id: slack.userId,
    command: "/air",
    text,
    response_url: slack.responseUrl,
    trigger_id: `${Math.random()}`,
  }).toString();
  const stamp = String(Math.floor(Date.now() / 1000));
  const mac = createHmac("sha256", SECRET).update(`v0:${stamp}:${raw}`).digest("hex");
  const headers = {
    "content-type": "application/x-www-form-urlencoded",
    "x-slack-request-timestamp": stamp,
    "x-slack-signature": `v0=${mac}`,
  };
  expect((await air.ask("/slack/events", { method: "POST", raw, headers })).status).toBe(200);
  return JSON.stringify(await eventually(() => slack.responses[0], `the answer to ${text}`));
}
async function isolationOf(name: string): Promise<ActionJson> {
  const body = {
    id: `roles-${name}`,
    title: `Malware on ${name}`,
    severity: "high",
    entities: [
      { kind: "device", name },
      { kind: "process", commandLine: "vssadmin.exe delete shadows /all /quiet", device: name, verdict: "malicious" },
    ],
  };
  const sent = await air.post("/v1/alerts/generic", body, admin);
  const incident = sent.as<Accepted>().accepted[0]?.incident;
  return eventually(
    async () =>
      (await air.ask("/v1/actions?state=pending", { headers: admin }))
        .as<List<ActionJson>>()
        .items.find((one) => one.incident === incident && one.kind === "isolate-device"),
    `an isolation of ${name}`,
    60_000,
  );
}
const read = async (id: string) => (await air.ask(`/v1/actions/${id}`, { headers: admin })).as<ActionJson>();
const refusals = async (subject: string) =>
  (await air.ask("/v1/audit", { headers: admin }))
    .as<{ items: { line: string }[] }>()
    .items.map(({ line }) => JSON.parse(line) as { event: string; subject: string; data: Record<string, unknown> })
    .filter((line) => line.event === "decision.refused" && line.subject === subject);
const shownFor = async (id: string) =>
  JSON.stringify(
    await eventually(
      () =>
        slack.calls.findLast(({ method, body }) => method === "chat.postMessage" && JSON.stringify(body.blocks ?? "").includes(`${id}: `)),
      `the card of ${id}`,
      60_000,
    ),
  );

describe("a role by user group, limited to workstations", () => {
  test("a group that cannot be asked refuses and says try again; asked again, it holds, and the console asks the same", {
    timeout: 180_000,
  }, async () => {
    const { id } = await isolationOf("WS-ROLES-1");
    expect(await shownFor(id)).toContain("members of the Slack group S0EDR");
    slack.next("usergroups.users.list", { status: 503 });
    const refused = await say(`approve ${id}`);
    expect(refused).toContain("could not check who you are now; try again");
    expect((await read(id)).state).toBe("pending");

    expect(await say(`approve ${id}`)).toContain("Approved");
    await eventually(async () => (await read(id)).state === "succeeded", "the isolation");
    expect(await read(id)).toMatchObject({ decision: { by: "Ana", via: "slack" } });
  });

  test("on a server: no buttons, the exact line to add, and a refusal by every way, each in the audit", { timeout: 180_000 }, async () => {
    const { id } = await isolationOf("SRV-ROLES-1");
    const card = await shownFor(id);
    expect(card).toContain("Nobody yet");
    expect(card).toContain("device: [you@example.com]");
    expect(card).not.toContain('"Approve"');
    expect(await say(`approve ${id}`)).toContain("a device of the group servers; you are approver for device only in workstations");
    const byToken = await air.post(`/v1/actions/${id}/decision`, { decision: "approve" }, bot);
    expect([byToken.status, byToken.json]).toMatchObject([403, { error: { code: "forbidden" } }]);
    expect((await read(id)).state).toBe("pending");
    expect((await refusals(id)).map(({ data }) => data.missing)).toEqual(["approver.device in servers", "approver.device in servers"]);
  });

  test("whoami says the limit; a token for her holds the group's role by her Slack account", { timeout: 180_000 }, async () => {
    expect(await say("whoami")).toContain("approver for device (only devices of workstations)");
    const { id } = await isolationOf("WS-ROLES-2");
    const decided = await air.post(`/v1/actions/${id}/decision`, { decision: "approve" }, bot);
    expect(decided.status, decided.text).toBe(200);
  });
});
