import nock from "nock";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createPagerDuty, PAGERDUTY_URL } from "../../../src/adapters/pages/pagerduty.ts";

const KEY = "0123456789abcdef0123456789abcdef";
const pagerduty = createPagerDuty({ routingKey: KEY, url: PAGERDUTY_URL });
const page = { incident: "INC-4", action: "ACT-7", title: "Malware", severity: "high", text: "Decide: Isolate WS-042.", link: null };
const send = (what: Partial<typeof page> = {}, signal = AbortSignal.timeout(5000)) =>
  pagerduty.send("air-page-3-k", { ...page, ...what }, signal);
const taken = { status: "success", message: "Event processed", dedup_key: "air-page-3-k" };
const events = () => nock("https://events.pagerduty.com");

beforeEach(() => void nock.disableNetConnect());
afterEach(() => nock.cleanAll());

test("one alert under the page's id, acknowledged and resolved under it", async () => {
  const seen: unknown[] = [];
  events()
    .post("/v2/enqueue", (body) => {
      seen.push(body);
      return true;
    })
    .times(3)
    .reply(202, taken);
  await send({ link: "https://air.contoso.com/#INC-4" } as never);
  await pagerduty.became?.("air-page-3-k", "acknowledged", AbortSignal.timeout(5000));
  await pagerduty.became?.("air-page-3-k", "resolved", AbortSignal.timeout(5000));
  expect(seen).toEqual([
    {
      routing_key: KEY,
      event_action: "trigger",
      dedup_key: "air-page-3-k",
      client: "air",
      client_url: "https://air.contoso.com/#INC-4",
      links: [{ href: "https://air.contoso.com/#INC-4", text: "Decide in air" }],
      payload: {
        summary: "Decide: Isolate WS-042.",
        source: "air",
        severity: "error",
        component: "INC-4",
        group: "Malware",
        custom_details: { incident: "INC-4", action: "ACT-7", title: "Malware", severity: "high" },
      },
    },
    { routing_key: KEY, event_action: "acknowledge", dedup_key: "air-page-3-k" },
    { routing_key: KEY, event_action: "resolve", dedup_key: "air-page-3-k" },
  ]);
});

test("what an alert says is one line of at most 1024 characters, without links", async () => {
  let summary = "";
  events()
    .post("/v2/enqueue", (body: { payload: { summary: string } }) => {
      summary = body.payload.summary;
      return true;
    })
    .reply(202, taken);
  await send({ text: `see https://evil.example/a\r\n${"😀".repeat(2000)}` });
  expect(summary).toMatch(/^see hxxps/);
  expect(summary).not.toContain("\n");
  expect(Array.from(summary)).toHaveLength(1024);
});

test.each([
  [
    400,
    { status: "invalid event", message: "Event object is invalid", errors: [`'routing_key' ${KEY} is unknown\r\nhttps://evil.example`] },
    {
      kind: "refused",
      message: expect.stringMatching(/^PagerDuty refuses the event \(HTTP 400\): 'routing_key' \(key\) is unknown hxxps/),
    },
  ],
  [403, "<html>no</html>", { kind: "refused", message: "PagerDuty refuses the event (HTTP 403)" }],
  [500, "", { kind: "unavailable", message: "PagerDuty answered HTTP 500" }],
])("HTTP %i is not taken", async (status, body, error) => {
  events().post("/v2/enqueue").reply(status, body);
  await expect(send()).rejects.toMatchObject(error);
});

test("HTTP 429 is waited for as long as it asks, at most an hour", async () => {
  for (const [after, ms] of [
    ["30", 30_000],
    ["999999", 3_600_000],
    ["0", 1_000],
    ["soon", 60_000],
  ] as const) {
    events().post("/v2/enqueue").reply(429, { status: "throttle exceeded" }, { "retry-after": after });
    await expect(send()).rejects.toMatchObject({ kind: "unavailable", retryAfterMs: ms });
  }
});

test("it follows nobody elsewhere, and what goes wrong names neither address nor key", async () => {
  events().post("/v2/enqueue").reply(302, "", { location: "https://evil.example/" });
  await expect(send()).rejects.toMatchObject({ kind: "unclear", message: "PagerDuty could not be reached" });
  await expect(send({}, AbortSignal.abort())).rejects.toMatchObject({ message: "PagerDuty did not answer in time" });
});
