import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { device, type FakeSecurity, fakeSecurity } from "../support/fake-security.ts";
import { DATABASES, openTestDb } from "../support/open-test-db.ts";
import { type List, openAir, type TestAir } from "../support/running-air.ts";

const TOKEN = "a-token-for-the-polling-tests";
const auth = { authorization: `Bearer ${TOKEN}` };
type Incident = { id: string; title: string; status: string };

describe.each(DATABASES)("GRAPH_* alone, %s", (database) => {
  let fake: FakeSecurity;
  let first: TestAir;
  let second: TestAir | undefined;
  let shared: Awaited<ReturnType<typeof openTestDb>> | undefined;
  const env = () => {
    const { tenantId, clientId, clientSecret, url, loginUrl } = { ...fake.settings(), clientSecret: "a-client-secret" };
    return {
      GRAPH_TENANT_ID: tenantId,
      GRAPH_CLIENT_ID: clientId,
      GRAPH_CLIENT_SECRET: clientSecret,
      GRAPH_URL: url,
      ENTRA_LOGIN_URL: loginUrl,
      AIR_API_TOKEN: TOKEN,
      AIR_SECRET: "the same secret for both",
    };
  };
  beforeAll(async () => {
    fake = await fakeSecurity();
    const yaml = "connectors: { graph: { every: 5s, writeBack: true } }";
    shared = database === "postgres" ? await openTestDb("postgres") : undefined;
    const where = shared?.url ? { DATABASE_URL: shared.url } : undefined;
    first = await openAir({ env: { ...env(), ...where }, yaml });
    if (where) second = await openAir({ env: { ...env(), ...where }, yaml });
  });
  afterAll(async () => {
    await second?.remove();
    await first.remove();
    await shared?.close();
    await fake.close();
  });

  const polls = () =>
    fake.calls.filter((call) => call.method === "GET" && call.path === "/security/alerts_v2" && call.query.has("$filter"));
  const incidents = async () => (await first.ask("/v1/incidents", { headers: auth })).as<List<Incident>>().items;

  test("the first poll is at start, and each instant is asked once, however many processes there are", async () => {
    await eventually(() => polls().length > 0, "the first poll");
    const begun = Date.now();
    const before = polls().length;
    await eventually(() => polls().length >= before + 2, "two more", 60_000);
    expect(polls().length - before).toBeLessThanOrEqual(Math.ceil((Date.now() - begun) / 5000) + 1);
  }, 180_000);

  test("an alert is polled, becomes an incident, is investigated, and says how far they are over there", async () => {
    fake.incident("77", { assignedTo: "kai@contoso.com" });
    fake.alert("story", { incidentId: "77", severity: "high", title: "Malware was started", evidence: [device("ws-7")] });
    const incident = await eventually(async () => (await incidents())[0], "the incident", 60_000);
    expect(incident).toMatchObject({ title: "Malware was started", status: "open" });
    const ended = async () => {
      const { items } = (await first.ask("/v1/investigations", { headers: auth })).as<List<{ endedAt: string | null }>>();
      return items[0]?.endedAt;
    };
    await eventually(ended, "the end of its investigation", 60_000);
    const said = async () => (await first.ask(`/v1/incidents/${incident.id}`, { headers: auth })).text;
    expect(await said()).toContain("ALT-");
    fake.change(fake.alerts.get("story") ?? {}, { status: "resolved", classification: "falsePositive" });
    fake.change(fake.incidents.get("77") ?? {}, { status: "resolved", classification: "falsePositive", determination: "notMalicious" });
    await eventually(async () => (await incidents())[0]?.status === "closed", "that it is closed here too", 60_000);
    expect(fake.calls.filter((call) => call.method !== "GET")).toEqual([]);
    expect(first.log.lines.filter((line) => JSON.stringify(line).includes("a-client-secret"))).toEqual([]);
  }, 180_000);
});
