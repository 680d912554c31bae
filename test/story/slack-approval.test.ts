import { createHmac } from "node:crypto";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { type Accepted, type ActionJson, openAir, type TestAir } from "../support/running-air.ts";
import { type SlackEmulator, startSlackEmulator } from "../support/slack-emulator.ts";

/*
 * The whole way on Slack: an alert over HTTP, cards in a channel, a signed press, the message redrawn. The Slack is `emulate`, behind a
 * proxy of ours that refuses what Block Kit would refuse.
 */
const SECRET = "shhh";
const TOKEN = "api-token-of-this-test";
type Block = { type: string; elements?: { type: string; action_id?: string; value?: string; text?: { text: string } }[] };
type Message = { ts: string; text: string; thread_ts?: string; blocks: Block[] };
type Button = { action_id: string; value: string; text: string };

let slack: SlackEmulator;
let air: TestAir;
let incident = "";
beforeAll(async () => {
  slack = await startSlackEmulator();
  air = await openAir({
    env: {
      SLACK_BOT_TOKEN: slack.token,
      SLACK_SIGNING_SECRET: SECRET,
      SLACK_API_URL: slack.apiUrl,
      SLACK_CHANNEL: slack.channel,
      AIR_API_TOKEN: TOKEN,
    },
    // One post a second is Slack's pace, not a test's.
    yaml: "slack: { pace: { perSecond: 50, burst: 50 } }",
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

const sign = (body: string, secret: string) => {
  const stamp = String(Math.floor(Date.now() / 1000));
  const mac = createHmac("sha256", secret).update(`v0:${stamp}:${body}`).digest("hex");
  return { "content-type": "application/x-www-form-urlencoded", "x-slack-request-timestamp": stamp, "x-slack-signature": `v0=${mac}` };
};
const send = (fields: Record<string, string>, secret = SECRET) => {
  const raw = new URLSearchParams(fields).toString();
  return air.ask("/slack/events", { method: "POST", raw, headers: sign(raw, secret) });
};
const slash = (text: string) =>
  send({
    team_id: slack.teamId,
    channel_id: slack.channel,
    user_id: slack.userId,
    command: "/air",
    text,
    response_url: slack.responseUrl,
    trigger_id: `${Math.random()}`,
  });
const press = (button: Button, ts: string, secret = SECRET) =>
  send(
    {
      payload: JSON.stringify({
        type: "block_actions",
        team: { id: slack.teamId },
        user: { id: slack.userId, team_id: slack.teamId },
        channel: { id: slack.channel },
        container: { type: "message", channel_id: slack.channel, message_ts: ts },
        message: { ts },
        trigger_id: `${Math.random()}`,
        response_url: slack.responseUrl,
        actions: [
          {
            type: "button",
            block_id: "b",
            action_ts: "1.1",
            action_id: button.action_id,
            value: button.value,
            text: { type: "plain_text", text: button.text },
          },
        ],
      }),
    },
    secret,
  );
/** What stands in Slack now, as Slack itself says. */
const channel = async (): Promise<Message[]> =>
  ((await slack.call("conversations.history", { channel: slack.channel, limit: 100 })) as { messages: Message[] }).messages;
const thread = async (root: string): Promise<Message[]> =>
  ((await slack.call("conversations.replies", { channel: slack.channel, ts: root, limit: 100 })) as { messages: Message[] }).messages;
/** The blocks as last sent for this message: the emulator's history leaves them out. */
const lastBlocks = (ts: string, text: string): Block[] =>
  slack.calls.findLast(
    ({ method, body }) => (method === "chat.update" && body.ts === ts) || (method === "chat.postMessage" && body.text === text),
  )?.body.blocks as Block[];
const buttonsOf = (blocks: Block[]): Button[] =>
  blocks
    .flatMap((block) => (block.type === "actions" ? (block.elements ?? []) : []))
    // Beside the buttons stands the menu "More".
    .filter((element) => element.type === "button")
    .map((element) => ({ action_id: element.action_id ?? "", value: element.value ?? "", text: element.text?.text ?? "" }));
const action = async (id: string) =>
  (await air.ask(`/v1/actions/${id}`, { headers: { authorization: `Bearer ${TOKEN}` } })).as<ActionJson>();

async function isolationCard(incidentId: string): Promise<{ root: Message; card: Message; approve: Button; id: string }> {
  const root = await eventually(async () => (await channel()).find((one) => one.text.includes(incidentId)), "the root card", 60_000);
  const card = await eventually(
    async () => (await thread(root.ts)).find((one) => one.ts !== root.ts && /Decide: Isolate/.test(one.text)),
    "the action card in the thread",
    60_000,
  );
  const approve = buttonsOf(lastBlocks(card.ts, card.text)).find((button) => button.text === "Approve");
  if (!approve) throw new Error("The card has no Approve.");
  return { root, card, approve, id: /ACT-\d+/.exec(approve.value)?.[0] ?? "" };
}
const malware = async (name: string) => {
  const body = {
    id: `slack-${name}`,
    title: `Malware on ${name} <!channel>`,
    severity: "high",
    entities: [
      { kind: "device", name },
      {
        kind: "file",
        name: "eicar.com",
        sha256: "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f",
        device: name,
        verdict: "malicious",
      },
      { kind: "process", commandLine: "vssadmin.exe delete shadows /all /quiet", device: name, verdict: "malicious" },
    ],
  };
  const answer = await air.post("/v1/alerts/generic", body, { authorization: `Bearer ${TOKEN}` });
  expect(answer.status, answer.text).toBe(202);
  return answer.as<Accepted>().accepted[0]?.incident ?? "";
};

test("an alert becomes a root card that says LAB, and a card with buttons in its thread; a signed press carries it out", {
  timeout: 180_000,
}, async () => {
  incident = await malware("WS-001");
  const { root, card, approve, id } = await isolationCard(incident);
  expect(root.text).toMatch(/^LAB /);
  expect(card.text).toMatch(/^LAB Decide: Isolate WS-001\?/);
  expect(root.thread_ts ?? root.ts).toBe(root.ts);
  expect(await action(id)).toMatchObject({ kind: "isolate-device", state: "pending" });

  expect(await press(approve, card.ts)).toMatchObject({ status: 200, text: "" });
  await eventually(async () => (await action(id)).state === "succeeded", "the isolation");
  expect(await action(id)).toMatchObject({ decision: { decision: "approve", by: "Ana Analyst", via: "slack" } });
  await eventually(
    async () => (await thread(root.ts)).find((one) => one.ts === card.ts && one.text.startsWith("LAB Done: Isolate WS-001")),
    "the edited message",
  );
  const blocks = lastBlocks(card.ts, card.text);
  expect(JSON.stringify(blocks)).toContain("Ana Analyst");
  expect(buttonsOf(blocks).map((button) => button.text)).toEqual(["Undo"]);
  // One root card and edits of it; nothing was posted twice.
  const roots = (await channel()).filter((one) => (one.thread_ts ?? one.ts) === one.ts && one.text.includes(incident));
  expect(roots).toHaveLength(1);
  // What the alert said cannot call anybody.
  for (const { body } of slack.calls.filter(({ method }) => method.startsWith("chat.")))
    expect(String(body.text)).not.toContain("<!channel>");

  // The same button again, as a slow finger or a second person would press it.
  expect((await press(approve, card.ts)).status).toBe(200);
  const told = await eventually(() => slack.responses[0], "a private answer");
  expect(told).toMatchObject({ response_type: "ephemeral", replace_original: false, text: expect.stringContaining("Ana Analyst") });
  expect((await action(id)).state).toBe("succeeded");
});

test("/air status and /air help answer, to the person alone", async () => {
  expect(await slash(`status ${incident}`)).toMatchObject({ status: 200, text: "" });
  const status = await eventually(() => slack.responses[0], "the answer to status");
  expect(status).toMatchObject({ response_type: "ephemeral" });
  expect(JSON.stringify(status)).toContain("WS-001");
  slack.responses.length = 0;
  await slash("help");
  expect(JSON.stringify(await eventually(() => slack.responses[0], "the answer to help"))).toContain("approve <ACT>");
  slack.responses.length = 0;
  await slash("status INC-999999");
  expect(JSON.stringify(await eventually(() => slack.responses[0], "the answer to an unknown id"))).toContain(
    "There is no incident INC-999999",
  );
});

test("a forged request is refused, and so is a forged button in a signed one", { timeout: 180_000 }, async () => {
  const { card, approve, id } = await isolationCard(await malware("WS-002"));
  expect((await press(approve, card.ts, "another secret")).status).toBe(401);
  const mac = approve.value.slice(-16);
  const forged = { ...approve, value: approve.value.replace(mac, mac.startsWith("0") ? `1${mac.slice(1)}` : `0${mac.slice(1)}`) };
  expect((await press(forged, card.ts)).status).toBe(200);
  expect(await eventually(() => slack.responses[0], "a private refusal")).toMatchObject({
    response_type: "ephemeral",
    text: expect.stringContaining("made by another air"),
  });
  expect((await action(id)).state).toBe("pending");
});

test("with Slack connected nothing answers without a token any more, loopback or not", async () => {
  for (const path of ["/v1/incidents", "/v1/actions", "/"]) expect([path, (await air.ask(path)).status]).toEqual([path, 401]);
});
