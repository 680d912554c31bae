import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { PEOPLE, PLACES, type Playground, startPlayground } from "../support/playground.ts";
import { type ActionJson, type List, openAir, type TestAir } from "../support/running-air.ts";
import { buttonOf, overHttp, slackClient, type View } from "../support/slack-client.ts";
import { SLACK_SECRET, type SlackEmulator, startSlackEmulator } from "../support/slack-emulator.ts";
import { actionsOf, teamsClient, wordsOf } from "../support/teams-client.ts";

/* One air in two chats: the same incident, the same buttons, one decision. */
const TOKEN = "api-token-of-this-test";
const admin = { authorization: `Bearer ${TOKEN}` };
let slack: SlackEmulator;
let air: TestAir;
let playground: Playground;
beforeAll(async () => {
  slack = await startSlackEmulator();
  air = await openAir({
    env: {
      TEAMS_ANONYMOUS: "1",
      AIR_API_TOKEN: TOKEN,
      SLACK_BOT_TOKEN: slack.token,
      SLACK_SIGNING_SECRET: SLACK_SECRET,
      SLACK_API_URL: slack.apiUrl,
      SLACK_CHANNEL: slack.channel,
    },
    yaml: `
slack: { pace: { perSecond: 50, burst: 50 } }
channels: [{ slack: ${slack.channel}, teams: ${PLACES.channel}, post: all }]
`,
  });
  playground = await startPlayground(air.url);
  await eventually(() => air.log.lines.some((line) => line.message === "Slack knows us"), "auth.test");
  await playground.say("ana", "channel", "whoami");
  await teamsClient(playground).message("You are Ana");
}, 180_000);
afterAll(async () => {
  await playground?.stop();
  await air?.remove();
  await slack?.stop();
}, 180_000);

test("approved in Slack and rejected in Teams at the same moment: one decision, and both messages say it", {
  timeout: 180_000,
}, async () => {
  const client = teamsClient(playground);
  const inSlack = slackClient(slack, overHttp(air.ask));
  const decided: string[] = [];
  for (const name of ["WS-TWO-1", "WS-TWO-2", "WS-TWO-3"]) {
    await air.post(
      "/v1/alerts/generic",
      {
        id: name,
        title: `Malware on ${name}`,
        severity: "high",
        entities: [
          { kind: "device", name },
          { kind: "process", commandLine: "vssadmin.exe delete shadows /all /quiet", device: name, verdict: "malicious" },
        ],
      },
      admin,
    );
    const message = await client.message(`Isolate ${name}?`);
    const action = await eventually(
      async () =>
        (await air.ask("/v1/actions?state=pending", { headers: admin }))
          .as<List<ActionJson>>()
          .items.find((one) => one.target.name === name),
      "the action",
    );
    const posted = await eventually(
      () =>
        slack.calls.findLast(
          ({ method, body }) => method === "chat.postMessage" && JSON.stringify(body.blocks ?? "").includes(`${action.id}: `),
        ),
      "the card in Slack",
      60_000,
    );
    const approve = buttonOf(posted.body.blocks as View["blocks"], "Approve");
    await Promise.all([inSlack.press(approve), client.press("bob", message, "Reject", "not now")]);
    const done = await eventually(async () => {
      const row = (await air.ask(`/v1/actions/${action.id}`, { headers: admin })).as<ActionJson>();
      return row.decision ? row : undefined;
    }, "a decision");
    decided.push(`${done.decision?.decision} ${done.decision?.via}`);
    const lines = (await air.ask("/v1/audit", { headers: admin })).as<{ items: { line: string }[] }>().items;
    const counted = lines
      .map(({ line }) => JSON.parse(line) as { event: string; subject: string })
      .filter(({ event, subject }) => /^decision\.(approve|reject)$/.test(event) && subject === action.id);
    expect(counted).toHaveLength(1);
    const by = done.decision?.by ?? "";
    await eventually(
      () => message.updates > 0 && !actionsOf(message.card).some(({ title }) => title === "Approve") && wordsOf(message.card).includes(by),
      "Teams says it",
    );
    await eventually(
      () =>
        slack.calls.some(
          ({ method, body }) =>
            method === "chat.update" &&
            JSON.stringify(body.blocks ?? "").includes(`${action.id}: `) &&
            JSON.stringify(body.blocks ?? "").includes(by),
        ),
      "Slack says it",
      60_000,
    );
  }
  expect(decided.every((one) => ["approve slack", "reject teams"].includes(one))).toBe(true);
  expect(PEOPLE.bob.name).toBe("Bob Boss");
});
