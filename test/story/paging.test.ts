import { createHmac } from "node:crypto";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { openAir, type TestAir } from "../support/running-air.ts";
import { type SlackEmulator, startSlackEmulator } from "../support/slack-emulator.ts";

/*
 * Nobody answers: in a real thread of Slack whoever is on call is mentioned, then a group, then a webhook is called. The Slack is
 * `emulate`, behind a proxy of ours that refuses what Block Kit would refuse.
 */
const SECRET = "shhh";
const PAGER = "a secret of sixteen";
type Message = { ts: string; text: string; thread_ts?: string };

let slack: SlackEmulator;
let air: TestAir;
let pager: http.Server;
const paged: { headers: http.IncomingHttpHeaders; body: string }[] = [];
beforeAll(async () => {
  slack = await startSlackEmulator();
  pager = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.once("end", () => {
      paged.push({ headers: request.headers, body: Buffer.concat(chunks).toString() });
      response.writeHead(204).end();
    });
  });
  await new Promise<void>((resolve) => void pager.listen(0, "127.0.0.1", resolve));
  air = await openAir({
    env: {
      SLACK_BOT_TOKEN: slack.token,
      SLACK_SIGNING_SECRET: SECRET,
      SLACK_API_URL: slack.apiUrl,
      SLACK_CHANNEL: slack.channel,
      AIR_API_TOKEN: "api-token-of-this-test",
    },
    yaml: `
lab: false
mode: ask
slack: { pace: { perSecond: 50, burst: 50 } }
people: [{ name: Ana, email: ana@example.com, slack: ${slack.userId} }]
roles: { responder: [ana@example.com] }
deadlines: { medium: 10ms, high: 10ms, low: 10ms }
onCall:
  person: ana@example.com
  then: slack-group:S0SOC
  every: 10ms
  last: { webhook: { url: "http://127.0.0.1:${(pager.address() as AddressInfo).port}/hook", secret: ${PAGER} } }
`,
  });
  await eventually(() => air.log.lines.some((line) => line.message === "Slack knows us"), "auth.test");
});
afterAll(async () => {
  await air?.remove();
  await slack?.stop();
  pager?.close();
});

test("the person, the group, the webhook, once each, and the root card says so", async () => {
  const raw = new URLSearchParams({
    team_id: slack.teamId,
    channel_id: slack.channel,
    user_id: slack.userId,
    command: "/air",
    text: "do isolate-device WS-042 <!channel> beacons to a known address",
    response_url: slack.responseUrl,
    trigger_id: `${Math.random()}`,
  }).toString();
  const stamp = String(Math.floor(Date.now() / 1000));
  const mac = createHmac("sha256", SECRET).update(`v0:${stamp}:${raw}`).digest("hex");
  await air.ask("/slack/events", {
    method: "POST",
    raw,
    headers: { "content-type": "application/x-www-form-urlencoded", "x-slack-request-timestamp": stamp, "x-slack-signature": `v0=${mac}` },
  });
  const history = async (ts?: string) =>
    (
      await slack.call(ts ? "conversations.replies" : "conversations.history", {
        channel: slack.channel,
        limit: 100,
        ...(ts ? { ts } : {}),
      })
    ).messages as Message[];
  // The clock asks for a sweep every ten seconds; here it is asked for at once.
  const sweep = () => air.air.store.transaction((tx) => tx.enqueue("sweep", { due: new Date().toISOString() }, { key: "sweep" }));
  await eventually(
    async () => {
      await sweep();
      return paged.length > 0;
    },
    "the webhook",
    60_000,
  );
  const root = await eventually(async () => (await history()).find((message) => message.text.includes("INC-")), "the root card");
  // The webhook is called by another queue than the one that posts: it may be the first of the three to be told.
  const mentionsIn = (replies: readonly Message[]) => replies.flatMap((message) => message.text.match(/<[@!][^>]+>/g) ?? []);
  const replies = await eventually(async () => {
    const found = await history(root.ts);
    return mentionsIn(found).length >= 2 ? found : undefined;
  }, "the person and the group are mentioned");
  const mentions = mentionsIn(replies);
  expect(mentions).toEqual([`<@${slack.userId}>`, "<!subteam^S0SOC>"]);
  expect(JSON.stringify(replies)).toMatch(/"usergroup_id":"S0SOC"/);
  expect(root.text).not.toContain("<!channel>");
  await eventually(async () => JSON.stringify(await history()).includes("the webhook was told at"), "the root card says who was told");
  expect(JSON.stringify(await history())).toMatch(/Ana was told at \d{4}-\d\d-\d\d \d\d:\d\d UTC/);

  const [page] = paged;
  const { "x-air-timestamp": at, "x-air-signature": signature } = page?.headers ?? {};
  expect(signature).toBe(`v1=${createHmac("sha256", PAGER).update(`air.${at}.${page?.body}`).digest("hex")}`);
  expect(JSON.parse(page?.body ?? "")).toMatchObject({ incident: "INC-1", action: "ACT-1", link: null });
  await sweep();
  expect(paged).toHaveLength(1);
}, 180_000);
