import http from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { openAir, type TestAir } from "../support/running-air.ts";
import { type SmtpServer, startSmtp } from "../support/smtp.ts";

/*
 * At night Slack takes air's token no more. An approval waits, its deadline passes: whoever is on call has it by mail, sent by a real
 * client to a real mail server, and PagerDuty is told, and told again when it is decided in the console.
 */
const TOKEN = "api-token-of-this-test";
type Event = { event_action: string; dedup_key: string; payload?: { summary: string } };

let smtp: SmtpServer;
let air: TestAir;
const others: http.Server[] = [];
const events: Event[] = [];
let chatCalls = 0;

/** A server that answers every call with this. */
async function answering(answer: (body: string) => { status: number; body: unknown }): Promise<string> {
  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.once("end", () => {
      const { status, body } = answer(Buffer.concat(chunks).toString());
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    });
  });
  others.push(server);
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

beforeAll(async () => {
  smtp = await startSmtp({
    authOptional: false,
    allowInsecureAuth: true,
    onAuth: (auth, _session, done) => done(null, { user: auth.username }),
  });
  const slack = await answering(() => {
    chatCalls++;
    return { status: 200, body: { ok: false, error: "invalid_auth" } };
  });
  const pagerduty = await answering((body) => {
    const event = JSON.parse(body) as Event;
    events.push(event);
    return { status: 202, body: { status: "success", message: "Event processed", dedup_key: event.dedup_key } };
  });
  air = await openAir({
    env: {
      SLACK_BOT_TOKEN: "xoxb-1-revoked",
      SLACK_SIGNING_SECRET: "shhh",
      SLACK_API_URL: `${slack}/api`,
      SLACK_CHANNEL: "C0SOC",
      AIR_API_TOKEN: TOKEN,
    },
    yaml: `
lab: false
mode: ask
people: [{ name: Ana, email: ana@example.com, slack: U0ANA }]
roles: { responder: [ana@example.com] }
deadlines: { medium: 10ms, high: 10ms, low: 10ms }
onCall:
  person: ana@example.com
  every: 10ms
  together: 0s
  last:
    mail: { smtp: "smtp://air:hunter2@127.0.0.1:${smtp.port}", from: air@example.com }
    pagerduty: { routingKey: ${"k".repeat(32)}, url: "${pagerduty}/v2/enqueue" }
`,
  });
});
afterAll(async () => {
  await air?.remove();
  await smtp?.stop();
  for (const server of others) server.close();
});

test("the page comes by mail, once, and PagerDuty knows when it is over", async () => {
  const headers = { authorization: `Bearer ${TOKEN}` };
  const say = async (text: string) => (await air.post("/v1/say", { text }, headers)).as<{ title: string }>();
  // An earlier card is how air learns that Slack refuses it.
  await say("do isolate-device WS-007 looks odd");
  await eventually(() => air.log.lines.some(({ message }) => message === "nothing can be posted"), "the trouble");
  await say("do isolate-device WS-042 beacons to a known address\r\nBcc: eve@evil.example");
  // The clock asks for a sweep every ten seconds; here it is asked for at once.
  const sweep = () => air.air.store.transaction((tx) => tx.enqueue("sweep", { due: new Date().toISOString() }, { key: "sweep" }));
  const aboutIt = () => smtp.mails.filter(({ headers: all }) => all.get("subject")?.[0]?.startsWith("INC-2"));
  await eventually(
    async () => {
      await sweep();
      return aboutIt().length > 0 && events.some(({ payload }) => payload?.summary.includes("WS-042"));
    },
    "the mail",
    60_000,
  );
  const [mail] = aboutIt();
  expect(mail).toMatchObject({ from: "air@example.com", to: ["ana@example.com"] });
  expect(mail?.headers.get("subject")?.[0]).toMatch(/^INC-2 \(\w+\): .*Decide: Isolate WS-042/);
  expect(mail?.headers.has("bcc")).toBe(false);
  expect(chatCalls).toBeGreaterThan(0);
  const triggered = events.find(({ payload }) => payload?.summary.includes("WS-042"));
  expect(triggered).toMatchObject({ event_action: "trigger", payload: { summary: expect.stringContaining("Isolate WS-042") } });
  expect(JSON.stringify(await say("oncall"))).toContain("ana@example.com (by mail) was told at");
  expect(JSON.stringify(await say("status INC-2"))).toContain("ana@example.com (by mail) was told at");

  await say("ack INC-2");
  await eventually(
    async () => {
      await sweep();
      return events.some(({ event_action: action, dedup_key: key }) => action === "acknowledge" && key === triggered?.dedup_key);
    },
    "the acknowledgement",
    60_000,
  );
  const about = events.filter(({ dedup_key: key }) => key === triggered?.dedup_key);
  expect(about.map(({ event_action: action }) => action)).toEqual(["trigger", "acknowledge"]);
  await sweep();
  expect(aboutIt()).toHaveLength(1);
  expect(JSON.stringify(air.log.lines)).not.toMatch(/hunter2|kkkkkkkk/);
}, 180_000);
