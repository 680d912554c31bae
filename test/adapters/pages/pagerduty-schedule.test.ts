import nock from "nock";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { createPagerDutySchedule } from "../../../src/adapters/pages/pagerduty-schedule.ts";

const KEY = "u+a-read-only-key-of-tests";
const FROM = new Date("2026-10-05T07:00:00.000Z");
const UNTIL = new Date("2026-12-04T07:00:00.000Z");
const source = (region: "us" | "eu" = "us") => createPagerDutySchedule({ schedule: "PSOC1", apiToken: KEY, region });
const ask = (region?: "us" | "eu") => source(region).shifts(FROM, UNTIL, AbortSignal.timeout(5_000));

/** One entry as PagerDuty answers it, with the user included. */
const entry = (email: string | undefined, start: string | null, end: string | null, schedule = "PSOC1") => ({
  escalation_policy: { id: "PPOL1", type: "escalation_policy_reference", summary: "SOC", self: null, html_url: null },
  escalation_level: 1,
  schedule: { id: schedule, type: "schedule_reference", summary: "SOC primary", self: null, html_url: null },
  user: { id: "PUSER1", type: "user", name: "Somebody", ...(email === undefined ? {} : { email }), time_zone: "Europe/Berlin" },
  start,
  end,
});

beforeAll(() => nock.disableNetConnect());
afterEach(() => nock.cleanAll());
afterAll(() => nock.restore());

test("asks for one schedule, page by page, and reads who is on call from when to when", async () => {
  const asked: unknown[] = [];
  const page = (offset: string, body: object) =>
    nock("https://api.pagerduty.com", {
      reqheaders: { authorization: `Token token=${KEY}`, accept: "application/vnd.pagerduty+json;version=2" },
    })
      .get("/oncalls")
      .query((query) => {
        if (query.offset !== offset) return false;
        asked.push(query);
        return true;
      })
      .reply(200, body);
  page("0", { oncalls: [entry("Mia@Contoso.com", null, "2026-10-12T09:00:00+02:00")], limit: 100, offset: 0, more: true, total: null });
  page("100", {
    oncalls: [entry("noor@contoso.com", "2026-10-12T07:00:00Z", null), entry("x@contoso.com", null, null, "POTHER")],
    limit: 100,
    offset: 100,
    more: false,
    total: null,
  });
  expect(await ask()).toEqual([
    { email: "mia@contoso.com", from: FROM, to: new Date("2026-10-12T07:00:00Z") },
    { email: "noor@contoso.com", from: new Date("2026-10-12T07:00:00Z"), to: UNTIL },
  ]);
  expect(asked[0]).toMatchObject({ since: FROM.toISOString(), until: UNTIL.toISOString(), time_zone: "UTC", limit: "100" });
  expect(JSON.stringify(asked[0])).toMatch(/schedule_ids.*PSOC1.*include.*users/);
});

test("in the service region of Europe", async () => {
  nock("https://api.eu.pagerduty.com").get("/oncalls").query(true).reply(200, { oncalls: [], more: false });
  expect(await ask("eu")).toEqual([]);
});

test.each([
  [401, { error: { message: "x", code: 2006 } }, "refused", "apiToken (HTTP 401)"],
  [403, {}, "refused", "does not let this key read"],
  [404, { error: { message: "Not Found", code: 2100 } }, "refused", "no such schedule"],
  [429, {}, "unavailable", "no more requests"],
  [503, "down", "unavailable", "HTTP 503"],
  [200, "<html>", "unclear", "no list of who is on call"],
  [200, { oncalls: [{ user: {}, start: null, end: null }] }, "unclear", "without an e-mail address"],
  [200, { oncalls: [entry("mia@contoso.com", "soon", null)] }, "unclear", "no list of who is on call"],
  [302, "", "unclear", "could not be reached"],
])("HTTP %i: what it says, and never the key", async (status, body, kind, words) => {
  nock("https://api.pagerduty.com")
    .get("/oncalls")
    .query(true)
    .reply(status, body as nock.Body, { location: "https://evil.example/" });
  const error = await ask().then(
    () => undefined,
    (thrown: unknown) => thrown as { kind: string; message: string },
  );
  expect(error).toMatchObject({ kind, message: expect.stringContaining(words) });
  expect(JSON.stringify(error) + error?.message).not.toContain(KEY);
});

test("a network that is away", async () => {
  nock("https://api.pagerduty.com").get("/oncalls").query(true).replyWithError("ECONNRESET");
  await expect(ask()).rejects.toThrow("PagerDuty could not be reached");
});
