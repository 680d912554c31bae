import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { openAir, type TestAir } from "../support/running-air.ts";
import { buttonOf, overHttp, slackClient, type View } from "../support/slack-client.ts";
import { SLACK_SECRET, type SlackEmulator, startSlackEmulator } from "../support/slack-emulator.ts";

/*
 * A critical incident calls whoever is on call: in its thread by a mention, and in a message to her alone, whose buttons answer. The Slack is
 * `emulate`, behind a proxy of ours that refuses what Block Kit would refuse.
 */
let slack: SlackEmulator;
let air: TestAir;
beforeAll(async () => {
  slack = await startSlackEmulator();
  air = await openAir({
    env: {
      SLACK_BOT_TOKEN: slack.token,
      SLACK_SIGNING_SECRET: SLACK_SECRET,
      SLACK_API_URL: slack.apiUrl,
      AIR_API_TOKEN: "api-token-of-this-test",
    },
    yaml: `
lab: false
mode: ask
slack: { pace: { perSecond: 50, burst: 50 } }
people: [{ name: Ana, email: ana@example.com, slack: ${slack.userId} }]
channels:
  - { when: { severity: [critical] }, slack: ${slack.channel}, page: true }
  - { slack: ${slack.channel} }
opsChannel: { slack: ${slack.channel} }
onCall: { person: ana@example.com, every: 1h }
`,
  });
  await eventually(() => air.log.lines.some((line) => line.message === "Slack knows us"), "auth.test");
});
afterAll(async () => {
  await air?.remove();
  await slack?.stop();
});

type Blocks = View["blocks"];
const shownTo = (what: "chat.postMessage" | "chat.update", room: string) =>
  slack.calls.filter(({ method, body }) => method === what && body.channel === room).map(({ body }) => body.blocks as Blocks);

test("told in a message of her own, she says she cannot, then looks all the same; the message says so", async () => {
  const client = slackClient(slack, overHttp(air.ask));
  const alert = {
    id: "direct-1",
    title: "Ransomware on WS-042 <!channel>",
    severity: "critical",
    entities: [{ kind: "device", name: "WS-042" }],
  };
  const taken = await air.post("/v1/alerts/generic", alert, { authorization: "Bearer api-token-of-this-test" });
  expect([taken.status, taken.text]).toEqual([202, expect.anything()]);
  const opened = await eventually(
    () => slack.calls.find(({ method }) => method === "conversations.open"),
    "the conversation with Ana",
    60_000,
  );
  expect(opened.body).toMatchObject({ users: slack.userId });
  // The one permission that only a message of one's own needs (the others: slack-incident.test.ts).
  expect([...slack.needed]).toContain("im:write");
  const room = await eventually(
    () => slack.calls.find(({ method, body }) => method === "chat.postMessage" && String(body.channel).startsWith("D"))?.body.channel,
    "the message to Ana",
  );
  const [blocks = []] = shownTo("chat.postMessage", String(room));
  // In the blocks it is text; in the words of a notification it would call everybody.
  expect(slack.calls.find(({ body }) => body.channel === room)?.body.text).not.toContain("<!channel>");
  const place = { channel: { id: String(room) }, message: { ts: "1.1" }, response_url: slack.responseUrl };

  await client.press(buttonOf(blocks, "I can't"), place);
  const story = async () => (await air.air.store.storyOf(1)).map(({ text }) => text).join("\n");
  await eventually(async () => (await story()).includes("Ana cannot look at it: nobody is left to be told"), "the story");
  // Whoever runs air hears that nobody is left.
  await eventually(
    () =>
      slack.calls.some(
        ({ method, body }) => method === "chat.postMessage" && JSON.stringify(body).includes("Nobody is left to be told that INC-1"),
      ),
    "the ops channel",
  );

  await client.press(buttonOf(blocks, "Acknowledge"), place);
  await eventually(
    () => JSON.stringify(shownTo("chat.update", String(room)).at(-1) ?? "").includes("Acknowledged by Ana"),
    "the message drawn again",
  );
  expect(() => buttonOf(shownTo("chat.update", String(room)).at(-1) ?? [], "Escalate")).toThrow();
  expect(await air.air.store.incident(1)).toMatchObject({ ackedBy: "Ana" });
}, 180_000);
