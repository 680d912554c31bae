import { createHmac } from "node:crypto";
import net from "node:net";
import { sql } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { DATABASES } from "../support/open-test-db.ts";
import { type Accepted, type ActionJson, type List, openAir, sha256, type TestAir } from "../support/running-air.ts";

let number = 0;
/** An alert nothing else in this file shares a key with; it starts an investigation. */
const alert = (more: object = {}) => ({ id: `api-${number++}`, title: "Something was seen", severity: "medium", ...more });
const device = () => ({ kind: "device", name: `WS-API-${number++}` });
/** On a device of the lab's own group this proposes to quarantine (automatic) and to isolate (asks). */
const malware = (name: string) => ({
  id: `api-${number++}`,
  title: `Malware on ${name}`,
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
});
const actionsOf = async (air: TestAir, incident: string, headers: Record<string, string> = {}) =>
  (await air.ask("/v1/actions?limit=200", { headers })).as<List<ActionJson>>().items.filter((action) => action.incident === incident);
const pendingIsolation = (air: TestAir, incident: string, headers: Record<string, string> = {}) =>
  eventually(
    async () => (await actionsOf(air, incident, headers)).find((action) => action.kind === "isolate-device" && action.state === "pending"),
    "a pending isolation",
  );
const accept = async (air: TestAir, body: object, headers: Record<string, string> = {}) => {
  const answer = await air.post("/v1/alerts/generic", body, headers);
  expect(answer.status, answer.text).toBe(202);
  return answer.as<Accepted>().accepted;
};

describe("the bare lab", () => {
  let air: TestAir;
  beforeAll(async () => {
    air = await openAir();
  });
  afterAll(() => air?.remove());
  const count = async () => Number((await air.ask("/v1/incidents?limit=200")).as<List<unknown>>().items.length);

  describe("what bad input gets", () => {
    const nested = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`;
    test.each<[string, unknown, string]>([
      ["no object", 7, "alert: an alert must be a JSON object"],
      ["null", null, "alert: an alert must be a JSON object"],
      ["an empty object", {}, "id: is required"],
      ["a missing title", { id: "1", severity: "low" }, "title: is required"],
      ["a missing severity", { id: "1", title: "x" }, "severity: is required"],
      [
        "a severity nobody knows",
        { id: "1", title: "x", severity: "huge" },
        "severity: must be informational, low, medium, high or critical",
      ],
      ["a number for an id", { id: 1, title: "x", severity: "low" }, "id: must be text"],
      ["an object for a title", { id: "1", title: {}, severity: "low" }, "title: must be text"],
      ["entities that are no list", alert({ entities: {} }), "entities: must be a list"],
      ["an entity that is no object", alert({ entities: ["x"] }), "entities[0]: must be an object"],
      ["an entity without a kind", alert({ entities: [device(), {}] }), "entities[1].kind: is required"],
      ["10,000 entities", alert({ entities: Array.from({ length: 10_000 }, device) }), "entities: at most 1000"],
      ["a link that is no web address", alert({ url: "javascript:alert(1)" }), "url: must be an http or https address"],
      ["an id of 5,000 characters", alert({ id: "x".repeat(5000) }), "id: at most 1024 characters"],
      ["the year 10000 by its offset", alert({ detectedAt: "9999-12-31T23:59:59-01:00" }), "detectedAt: must be an ISO 8601 time"],
      ["the year 0 by its offset", alert({ detectedAt: "0001-01-01T00:00:00+01:00" }), "detectedAt: must be an ISO 8601 time"],
      ["the 30th of February", alert({ detectedAt: "2026-02-30T00:00:00Z" }), "detectedAt: must be an ISO 8601 time"],
    ])("%s is a 400 that names the field", async (_name, body, message) => {
      const before = await count();
      const answer = await air.post("/v1/alerts/generic", body);
      expect([answer.status, answer.json]).toMatchObject([400, { error: { code: "invalid", message: expect.stringContaining(message) } }]);
      expect(await count()).toBe(before);
    });

    test.each([
      ["malformed", '{"id": "1", ', "body: The body is not valid JSON."],
      ["empty", "", "body: The body is not valid JSON."],
      ["not UTF-8", Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]), "body: The body is not valid UTF-8."],
      ["nested a hundred thousand deep", nested(100_000), "nested deeper than 64 levels"],
      [
        "nested a thousand deep inside an entity",
        `{"id":"deep","title":"x","severity":"low","entities":[{"kind":"x","a":${nested(1000)}}]}`,
        "nested deeper than 64 levels",
      ],
      [
        "with a __proto__ key",
        '{"id":"p","title":"x","severity":"low","__proto__":{"polluted":1}}',
        "__proto__: the key __proto__ is not allowed",
      ],
      [
        "with a __proto__ key inside an entity",
        '{"id":"p","title":"x","severity":"low","entities":[{"kind":"device","name":"x","__proto__":{}}]}',
        "entities[0].__proto__: the key __proto__ is not allowed",
      ],
      [
        "with a constructor key",
        '{"id":"p","title":"x","severity":"low","constructor":{"prototype":{}}}',
        "the key constructor is not allowed",
      ],
    ])("a body %s is a 400", async (_name, raw, message) => {
      const before = await count();
      const answer = await air.ask("/v1/alerts/generic", { method: "POST", raw });
      expect([answer.status, answer.json]).toMatchObject([400, { error: { code: "invalid", message: expect.stringContaining(message) } }]);
      expect(await count()).toBe(before);
      expect(({} as { polluted?: number }).polluted).toBeUndefined();
    });

    test("one bad alert of five: the field is named with its place, and nothing of the request is stored", async () => {
      const good = [alert(), alert(), alert(), alert()];
      const answer = await air.post("/v1/alerts/generic", [...good.slice(0, 3), { ...good[3], severity: "huge" }, alert()]);
      expect(answer.json).toEqual({
        error: {
          code: "invalid",
          field: "alerts[3].severity",
          message: "alerts[3].severity: must be informational, low, medium, high or critical",
        },
      });
      // Sent again without the fault they are new: none of them was kept.
      expect((await accept(air, good)).map((one) => one.duplicate)).toEqual([false, false, false, false]);
    });

    test("500 alerts are taken, 501 are not", async () => {
      expect(
        await accept(
          air,
          Array.from({ length: 500 }, () => alert({ severity: "informational" })),
        ),
      ).toHaveLength(500);
      const answer = await air.post(
        "/v1/alerts/generic",
        Array.from({ length: 501 }, () => alert()),
      );
      expect([answer.status, answer.json]).toMatchObject([
        400,
        { error: { message: "alerts: at most 500 alerts in one request, this has 501" } },
      ]);
      expect(await accept(air, [])).toEqual([]);
    });

    test("6 MiB are a 413, another content type a 415", async () => {
      const big = JSON.stringify(alert({ description: "x".repeat(6 * 1024 * 1024) }));
      const large = await air.ask("/v1/alerts/generic", { method: "POST", raw: big });
      expect([large.status, large.json]).toMatchObject([413, { error: { code: "too-large" } }]);
      const four = await air.ask("/v1/alerts/generic", {
        method: "POST",
        raw: JSON.stringify(alert({ description: "x".repeat(4 * 1024 * 1024) })),
      });
      expect(four.status).toBe(202);
      for (const type of ["text/plain", "application/x-www-form-urlencoded", "application/jsonx"]) {
        const answer = await air.ask("/v1/alerts/generic", {
          method: "POST",
          raw: JSON.stringify(alert()),
          headers: { "content-type": type },
        });
        expect([type, answer.status, answer.json]).toMatchObject([type, 415, { error: { code: "unsupported-media-type" } }]);
      }
      const withCharset = { "content-type": "application/json; charset=utf-8" };
      expect((await air.post("/v1/alerts/generic", alert(), withCharset)).status).toBe(202);
    });

    test("an unknown source is a 404 that says where to add it", async () => {
      const answer = await air.post("/v1/alerts/nowhere", alert());
      expect([answer.status, answer.json]).toMatchObject([
        404,
        { error: { code: "not-found", message: expect.stringContaining("air.yaml") } },
      ]);
      expect((await air.post("/v1/alerts/__proto__", alert())).status).toBe(404);
    });

    test("NUL and lone surrogates are kept, written out", async () => {
      const raw =
        '{"id":"nul-\\u0000","title":"half \\ud800 and \\u0000","severity":"low","entities":[{"kind":"device","name":"WS-\\udc00"}]}';
      const answer = await air.ask("/v1/alerts/generic", { method: "POST", raw });
      expect(answer.status, answer.text).toBe(202);
      const [stored] = answer.as<Accepted>().accepted;
      expect((await air.ask(`/v1/alerts/${stored?.alert}`)).json).toMatchObject({
        sourceId: "nul-\\u0000",
        title: "half \\ud800 and \\u0000",
        entities: [{ entity: { kind: "device", name: "WS-\\udc00" } }],
      });
      const again = await air.ask("/v1/alerts/generic", { method: "POST", raw });
      expect(again.as<Accepted>().accepted[0]).toMatchObject({ duplicate: true, incident: stored?.incident });
    });

    test.each(["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59.9999999Z", "2026-10-05T11:00:00+02:00"])(
      "the date %s is stored; one that is still to come as the time of arrival",
      async (detectedAt) => {
        const [stored] = await accept(air, alert({ detectedAt, entities: [device()] }));
        const kept = (await air.ask(`/v1/alerts/${stored?.alert}`)).as<{ detectedAt: string; receivedAt: string }>();
        expect(kept.detectedAt).toBe(detectedAt.startsWith("9999") ? kept.receivedAt : new Date(detectedAt).toISOString());
        // It is not only stored: it can be listed and drawn.
        expect((await air.ask(`/v1/incidents/${stored?.incident}`)).status).toBe(200);
        expect(
          (await air.post("/console/say", { text: `status ${stored?.incident}` }, { origin: air.url, "sec-fetch-site": "same-origin" }))
            .status,
        ).toBe(200);
      },
    );

    test("long texts and every kind of entity are stored", async () => {
      const entities = [
        { kind: "spaceship", hull: "x".repeat(20_000) },
        { kind: "url", url: `https://files.example/${"a".repeat(1500)}` },
        { kind: "ip", address: "2001:db8::1" },
        ...Array.from({ length: 900 }, device),
      ];
      const [stored] = await accept(air, alert({ id: "l".repeat(1024), description: "d".repeat(100_000), entities }));
      expect((await air.ask(`/v1/alerts/${stored?.alert}`)).status).toBe(200);
    });

    test("a bad id, a bad query and a bad decision are told precisely", async () => {
      expect((await air.ask("/v1/actions?state=unheard")).json).toMatchObject({
        error: { code: "invalid", field: "state", message: expect.stringContaining("state: must be one of observed, pending") },
      });
      for (const path of [
        "/v1/actions?limit=0",
        "/v1/actions?limit=201",
        "/v1/incidents?limit=x",
        "/v1/incidents?cursor=-1",
        "/v1/incidents?severity=huge",
        "/v1/investigations?status=fine",
      ])
        expect([path, (await air.ask(path)).status]).toEqual([path, 400]);
      for (const path of [
        "/v1/actions/ACT-999999999",
        "/v1/incidents/nothing",
        "/v1/incidents/ACT-1",
        "/v1/investigations/INV-0",
        "/v1/nothing",
      ])
        expect([path, (await air.ask(path)).status]).toEqual([path, 404]);
      expect((await air.post("/v1/actions/ACT-1/decision", { decision: "perhaps" })).status).toBe(400);
      expect((await air.post("/v1/actions/ACT-1/decision", { decision: "approve", extra: 1 })).json).toMatchObject({
        error: { field: "extra" },
      });
      expect((await air.post("/v1/actions/ACT-999999999/decision", { decision: "approve" })).status).toBe(404);
      expect((await air.post("/v1/actions/ACT-999999999/undo", {})).status).toBe(404);
      expect((await air.post("/v1/lab/nothing", {})).status).toBe(404);
    });
  });

  test("an alert that comes again is counted, and names the surviving incident", async () => {
    const body = alert({ entities: [device()] });
    const [first] = await accept(air, body);
    const [second] = await accept(air, body);
    expect(second).toEqual({ ...first, duplicate: true });
    const both = await accept(air, [body, body]);
    expect(both.map((one) => [one.incident, one.duplicate])).toEqual([
      [first?.incident, true],
      [first?.incident, true],
    ]);
    expect((await air.ask(`/v1/alerts/${first?.alert}`)).json).toMatchObject({ duplicates: 3 });
  });

  test("a hundred requests at once: each good one is stored once, each bad one refused alone", async () => {
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, index) => air.post("/v1/alerts/generic", index % 10 === 3 ? { id: "bad" } : alert())),
    );
    expect(answers.filter((answer) => answer.status === 400)).toHaveLength(10);
    const stored = answers.filter((answer) => answer.status === 202).map((answer) => answer.as<Accepted>().accepted[0]?.alert);
    expect(new Set(stored).size).toBe(90);
  });

  describe("the fence", () => {
    test.each<[string, Record<string, string>]>([
      ["another name in Host (DNS rebinding)", { host: "evil.example" }],
      ["another name with our port in Host", { host: "localhost.evil.example:80" }],
      ["X-Forwarded-For (a proxy or tunnel)", { "x-forwarded-for": "127.0.0.1" }],
      ["X-Forwarded-Host", { "x-forwarded-host": "localhost" }],
      ["Forwarded", { forwarded: "for=127.0.0.1" }],
      ["a hostile page's Origin", { origin: "https://evil.example" }],
      ["an opaque Origin", { origin: "null" }],
      ["a page of another site", { "sec-fetch-site": "cross-site" }],
      ["a page of the same site but another port", { "sec-fetch-site": "same-site" }],
    ])("%s is refused everywhere", async (_name, headers) => {
      const before = await count();
      const refused = async (path: string, ask: Parameters<TestAir["ask"]>[1]) => [path, (await air.ask(path, ask)).status];
      expect(await refused("/v1/incidents", { headers })).toEqual(["/v1/incidents", 403]);
      expect(await refused("/v1/alerts/generic", { method: "POST", headers, body: alert() })).toEqual(["/v1/alerts/generic", 403]);
      expect(await refused("/v1/lab/noise", { method: "POST", headers, body: {} })).toEqual(["/v1/lab/noise", 403]);
      expect((await air.ask("/", { headers })).status).toBe(401);
      expect((await air.ask("/console/feed", { headers })).status).toBe(401);
      expect((await air.post("/console/say", { text: "status" }, headers)).status).toBeGreaterThanOrEqual(401);
      expect(await count()).toBe(before);
    });

    test("the names of this machine are let in", async () => {
      for (const host of ["localhost", "127.0.0.1", "[::1]", `localhost:${new URL(air.url).port}`])
        expect([host, (await air.ask("/v1/incidents", { headers: { host } })).status]).toEqual([host, 200]);
    });

    test("a token nobody issued is refused although the lab is bare", async () => {
      expect((await air.ask("/v1/incidents", { headers: { authorization: "Bearer nonsense" } })).status).toBe(401);
      expect((await air.ask("/v1/incidents", { headers: { authorization: "Basic bWlhOm1pYQ==" } })).status).toBe(401);
    });

    test("no answer carries CORS, the console may not be framed", async () => {
      const answer = await air.ask("/", {});
      expect(answer.headers["access-control-allow-origin"]).toBeUndefined();
      expect(answer.headers["content-security-policy"]).toContain("frame-ancestors 'none'");
      expect(answer.headers["x-powered-by"]).toBeUndefined();
      const preflight = await air.ask("/v1/alerts/generic", {
        method: "OPTIONS",
        headers: { origin: "https://evil.example", "access-control-request-method": "POST" },
      });
      expect(preflight.headers["access-control-allow-origin"]).toBeUndefined();
    });
  });

  describe("lists", () => {
    test("pages by limit and cursor cover everything once, newest first", async () => {
      const stored = await accept(air, [alert(), alert(), alert(), alert(), alert()]);
      const seen: string[] = [];
      let cursor = "";
      do {
        const page = (await air.ask(`/v1/incidents?limit=2${cursor}`)).as<List<{ id: string }>>();
        expect(page.items.length).toBeLessThanOrEqual(2);
        seen.push(...page.items.map((item) => item.id));
        cursor = page.next ? `&cursor=${page.next}` : "";
      } while (cursor && seen.length < 6);
      expect(seen.slice(0, 5)).toEqual(stored.map((one) => one.incident).reverse());
    });

    test("CSV: cells a spreadsheet would run are made harmless", async () => {
      const titles = ["=cmd|' /C calc'!A1", "+1+1", "-2+3", "@SUM(A1)", 'a "quoted", cell'];
      await accept(
        air,
        titles.map((title) => alert({ title })),
      );
      const answer = await air.ask("/v1/incidents?limit=5", { headers: { accept: "text/csv" } });
      expect(answer.headers["content-type"]).toContain("text/csv");
      expect(answer.headers["x-next-cursor"]).toMatch(/^\d+$/);
      const lines = answer.text.trimEnd().split("\r\n");
      expect(lines).toHaveLength(6);
      for (const cell of ["'=cmd|' /C calc'!A1", "'+1+1", "'-2+3", "'@SUM(A1)", '"a ""quoted"", cell"'])
        expect(answer.text).toContain(`,${cell},`);
    });
  });

  describe("a decision", () => {
    test("approve: 200 with the action; then 409 with who and when; undo takes it back", async () => {
      const [stored] = await accept(air, malware("WS-001"));
      const action = await pendingIsolation(air, stored?.incident ?? "");
      const path = `/v1/actions/${action.id}`;
      expect((await air.post(`${path}/decision`, { decision: "approve", version: "0000000000000000" })).json).toMatchObject({
        error: { code: "changed" },
      });
      expect((await air.post(`${path}/decision`, { decision: "approve" }, { cookie: "air_persona=vic" })).json).toMatchObject({
        error: { code: "forbidden", missing: "approver.device", message: expect.stringContaining("roles.approver.device") },
      });
      expect(
        (await air.post(`${path}/decision`, { decision: "approve", confirm: "WS-002" }, { cookie: "air_persona=mia" })).json,
      ).toMatchObject({
        error: { code: "invalid", field: "confirm", type: "WS-001" },
      });
      expect((await air.post(`${path}/decision`, { decision: "break-glass", confirm: "WS-001", reason: "now" })).json).toMatchObject({
        error: { code: "invalid", message: expect.stringContaining("one person decides it: approve it") },
      });
      const approved = await air.post(
        `${path}/decision`,
        { decision: "approve", version: action.version, reason: "seen it", confirm: "ws-001" },
        { cookie: "air_persona=mia" },
      );
      expect([approved.status, approved.json]).toMatchObject([
        200,
        { id: action.id, decision: { decision: "approve", by: "Mia Keller", via: "http", reason: "seen it" } },
      ]);
      const second = await air.post(`${path}/decision`, { decision: "reject", reason: "no" }, { cookie: "air_persona=noor" });
      expect([second.status, second.json]).toMatchObject([
        409,
        { error: { code: "already-decided", by: "Mia Keller", at: expect.any(String) } },
      ]);
      await eventually(async () => (await air.ask(path)).as<ActionJson>().state === "succeeded", "the isolation");
      expect((await air.ask("/v1/actions?state=history&limit=200")).as<List<ActionJson>>().items.map((one) => one.id)).toContain(action.id);
      // The one approval it needed stands in lists and in CSV as it does on its own.
      const [listed, alone] = [
        (await air.ask("/v1/actions?state=history&limit=200")).as<List<ActionJson>>().items.find((one) => one.id === action.id),
        (await air.ask(path)).as<ActionJson>(),
      ];
      expect(listed?.approvals).toEqual(alone.approvals);
      expect(listed?.approvals).toMatchObject({ needed: 1, given: [{ by: "Mia Keller" }] });
      const csv = (await air.ask("/v1/actions?state=history", { headers: { accept: "text/csv" } })).text;
      const at = csv.split("\r\n")[0]?.split(",").indexOf("approvedBy") ?? -1;
      const row = csv.split("\r\n").find((line) => line.includes(`,${action.id},`));
      expect([at > 0, row]).toEqual([true, expect.stringContaining(",1,Mia Keller,seen it,")]);
      expect((await air.ask("/v1/actions?state=pending&limit=200")).as<List<ActionJson>>().items.map((one) => one.id)).not.toContain(
        action.id,
      );

      expect((await air.post(`${path}/undo`, {}, { cookie: "air_persona=vic" })).status).toBe(403);
      const undone = await air.post(`${path}/undo`, { reason: "false alarm" });
      expect([undone.status, undone.json]).toMatchObject([200, { id: action.id, state: "undoing" }]);
      await eventually(async () => (await air.ask(path)).as<ActionJson>().state === "undone", "the release");
      expect((await air.post(`${path}/undo`, {})).json).toMatchObject({
        error: { code: "already-decided", message: expect.stringContaining("already undone") },
      });
    });

    test("reject keeps the reason and does nothing", async () => {
      const [stored] = await accept(air, malware("WS-002"));
      // Noor is named by her device, so Mia decides.
      const action = await pendingIsolation(air, stored?.incident ?? "");
      const rejected = await air.post(`/v1/actions/${action.id}/decision`, { decision: "reject", reason: "a drill" });
      expect(rejected.json).toMatchObject({ state: "rejected", decision: { decision: "reject", reason: "a drill" } });
    });

    test("paused: 423 until an admin resumes", async () => {
      const [stored] = await accept(air, malware("WS-003"));
      const action = await pendingIsolation(air, stored?.incident ?? "");
      const approve = () => air.post(`/v1/actions/${action.id}/decision`, { decision: "approve" });
      expect((await air.post("/v1/pause", { family: "device" })).json).toMatchObject({ error: { field: "reason" } });
      expect((await air.post("/v1/pause", { family: "device", reason: "x" }, { cookie: "air_persona=vic" })).status).toBe(403);
      // The same limit, in the same words, as in chat.
      const long = await air.post("/v1/pause", { family: "device", reason: "x".repeat(2_001) });
      expect(long.status).toBe(400);
      expect(long.json).toMatchObject({
        error: { field: "reason", message: expect.stringContaining("has 2,001 characters; at most 2,000 are kept") },
      });
      const kept = await air.post("/v1/pause", { family: "device", reason: "x".repeat(2_000) });
      expect(kept.json).toEqual({ paused: "device", reason: "x".repeat(2_000) });
      expect((await air.post("/v1/pause", { family: "device", reason: "maintenance" })).status).toBe(200);
      expect([(await approve()).status, (await approve()).json]).toMatchObject([
        423,
        { error: { code: "paused", message: expect.stringContaining("maintenance") } },
      ]);
      expect((await air.post("/v1/resume", {}, { cookie: "air_persona=mia" })).json).toMatchObject({
        error: { code: "forbidden", missing: "admin" },
      });
      // Whoever chooses no persona is the bare lab's admin.
      expect((await air.post("/v1/resume", { family: "nothing" })).json).toMatchObject({ error: { field: "family" } });
      expect((await air.post("/v1/resume", { family: "identity" })).json).toMatchObject({
        error: { message: expect.stringContaining("No pause of identity is in force; paused is: device") },
      });
      expect((await approve()).status).toBe(423);
      await air.post("/v1/pause", { family: "email", reason: "maintenance" });
      expect((await air.post("/v1/resume", { family: "email" })).json).toEqual({ paused: ["device"] });
      expect((await air.post("/v1/resume", {})).json).toEqual({ paused: null });
      expect((await approve()).status).toBe(200);
    });
  });

  test("health, readiness and metrics answer anybody and name nobody", async () => {
    await accept(air, alert({ title: "Secretname", entities: [{ kind: "user", email: "secretname@contoso.example" }] }));
    for (const path of ["/healthz", "/readyz", "/metrics"]) {
      const answer = await air.ask(path, { headers: { host: "evil.example" } });
      expect([path, answer.status]).toEqual([path, 200]);
      expect(answer.text).not.toMatch(/secretname|contoso|keller|ws-00|generic/i);
    }
    const { text } = await air.ask("/metrics");
    expect(text).toMatch(/^air_alerts_accepted_total\{kind="new"\} \d{3,}$/m);
    expect(text).toMatch(/^air_alerts_accepted_total\{kind="duplicate"\} [1-9]/m);
    expect(text).toMatch(/^air_requests_refused_total\{status="400"\} [1-9]/m);
    for (const name of ["air_jobs", "air_actions_pending", "air_messages_stale", "nodejs_heap_size_used_bytes"])
      expect(text).toContain(name);
  });

  test("text the database cannot keep is refused at the edge, with its field", async () => {
    const hostile = "a\0b";
    const half = "a\ud800b";
    for (const text of [hostile, half]) {
      const answers = await Promise.all([
        air.post("/v1/say", { text: `note INC-1 ${text}` }),
        air.post("/v1/actions/ACT-1/decision", { decision: "reject", reason: text }),
        air.post("/v1/pause", { reason: text }),
        air.post("/v1/actions", { kind: "isolate-device", target: { kind: "device", name: text }, reason: "x" }),
      ]);
      expect(answers.map((answer) => [answer.status, answer.as<{ error: { field: string } }>().error.field])).toEqual([
        [400, "text"],
        [400, "reason"],
        [400, "reason"],
        [400, "target.name"],
      ]);
    }
    for (const path of ["/v1/actions?target=%00", "/v1/incidents?text=a%00b", "/v1/actions?by=%00&limit=5", "/v1/incidents?assignee=%00"])
      expect([path, (await air.ask(path)).status]).toEqual([path, 400]);
  });

  test("nothing of all this was an error inside air, and no log line holds what an alert said", async () => {
    expect(air.log.lines.filter((line) => line.level === "error")).toEqual([]);
    expect(JSON.stringify(air.log.lines)).not.toContain("Something was seen");
  });
});

const API_TOKEN = "an-admin-token-for-tests";
const SECRETS = { siem: "siem-signing-secret-0001", edr: "edr-signing-secret-00002" };
const YAML = `
sources:
  siem: { kind: generic, signingSecret: ${SECRETS.siem} }
  edr: { kind: generic, signingSecret: ${SECRETS.edr} }
  plain: { kind: generic }
people:
  - { name: Mia, email: mia@contoso.com }
roles:
  approver: { device: [mia@contoso.com] }
tokens:
  - { name: forwarder, sha256: "${sha256("forwarder-token")}", roles: ["source:plain"] }
  - { name: reporting, sha256: "${sha256("viewer-token")}", roles: [viewer] }
  - { name: automation, sha256: "${sha256("responder-token")}", roles: [responder] }
  - { name: playbook, sha256: "${sha256("decider-token")}", roles: [viewer], mayDecide: [device], person: mia@contoso.com }
  - { name: root, sha256: "${sha256("admin-token")}", roles: [admin] }
`;
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const signed = (source: string, secret: string, raw: string, skewS = 0) => {
  const timestamp = String(Math.floor(Date.now() / 1000) + skewS);
  const mac = createHmac("sha256", secret).update(`${source}.${timestamp}.${raw}`).digest("hex");
  return { "x-air-timestamp": timestamp, "x-air-signature": `v1=${mac}` };
};

describe("with tokens and signing sources", () => {
  let air: TestAir;
  beforeAll(async () => {
    air = await openAir({ yaml: YAML, env: { AIR_API_TOKEN: API_TOKEN } });
  });
  afterAll(() => air?.remove());

  test("no token and a wrong one get the same answer, which says what to show and nothing more", async () => {
    const answers = await Promise.all([
      air.ask("/v1/incidents"),
      air.ask("/v1/incidents", { headers: bearer("wrong") }),
      air.ask("/v1/incidents", { headers: bearer(`${API_TOKEN}x`) }),
      air.ask(`/v1/incidents?token=${API_TOKEN}&access_token=${API_TOKEN}`),
      air.post("/v1/alerts/plain", alert()),
      air.post("/v1/alerts/siem", alert()),
      air.post("/v1/alerts/no-such-source", alert()),
      air.post("/v1/alerts/plain", alert(), bearer("wrong")),
    ]);
    for (const answer of answers) {
      expect(answer.status).toBe(401);
      expect(answer.json).toEqual({
        error: { code: "unauthorized", message: "Show a token that air knows: Authorization: Bearer <token>" },
      });
    }
    expect((await air.ask("/")).status).toBe(401);
  });

  test("source:<name> sends as that source and does nothing else", async () => {
    const headers = bearer("forwarder-token");
    expect((await air.post("/v1/alerts/plain", alert(), headers)).status).toBe(202);
    for (const source of ["siem", "generic", "defender", "no-such-source"])
      expect([source, (await air.post(`/v1/alerts/${source}`, alert(), headers)).json]).toMatchObject([
        source,
        { error: { code: "forbidden", missing: `source:${source}` } },
      ]);
    for (const path of ["/v1/incidents", "/v1/actions", "/v1/investigations", "/v1/audit"])
      expect([path, (await air.ask(path, { headers })).status]).toEqual([path, 403]);
    expect((await air.post("/v1/pause", { reason: "x" }, headers)).status).toBe(403);
  });

  test("a viewer reads and does not decide; AIR_API_TOKEN is admin and decides in the lab", async () => {
    const [stored] = await accept(air, malware("WS-004"), bearer(API_TOKEN));
    const action = await pendingIsolation(air, stored?.incident ?? "", bearer("viewer-token"));
    const decide = (token: string) => air.post(`/v1/actions/${action.id}/decision`, { decision: "approve" }, bearer(token));
    for (const token of ["viewer-token", "responder-token", "forwarder-token", "admin-token"])
      expect([token, (await decide(token)).json]).toMatchObject([token, { error: { code: "forbidden", missing: "approver.device" } }]);
    expect((await air.post("/v1/alerts/plain", alert(), bearer("viewer-token"))).status).toBe(403);
    expect((await air.post("/v1/pause", { reason: "x" }, bearer("viewer-token"))).status).toBe(403);
    expect((await air.post("/v1/resume", {}, bearer("responder-token"))).status).toBe(403);
    for (const accept of ["application/json", "text/csv"])
      expect((await air.ask("/v1/audit", { headers: { ...bearer("viewer-token"), accept } })).json).toMatchObject({
        error: { code: "forbidden", missing: "admin", message: "This needs the role admin." },
      });
    expect((await air.ask("/v1/audit", { headers: bearer("admin-token") })).json).toMatchObject({ items: expect.any(Array) });
    const decided = await decide(API_TOKEN);
    expect([decided.status, decided.json]).toMatchObject([200, { decision: { by: "AIR_API_TOKEN" } }]);
  });

  test("a token decides only for its families and for a person who may", async () => {
    const [stored] = await accept(air, malware("WS-006"), bearer(API_TOKEN));
    const action = await pendingIsolation(air, stored?.incident ?? "", bearer("viewer-token"));
    const decided = await air.post(`/v1/actions/${action.id}/decision`, { decision: "reject", reason: "known" }, bearer("decider-token"));
    expect([decided.status, decided.json]).toMatchObject([200, { decision: { by: "playbook (for Mia)" } }]);
  });

  test("a token never decides for a protected asset", async () => {
    const [stored] = await accept(air, malware("DC-01"), bearer(API_TOKEN));
    const action = await pendingIsolation(air, stored?.incident ?? "", bearer("viewer-token"));
    expect(action.approvals.needed).toBe(2);
    const answer = await air.post(`/v1/actions/${action.id}/decision`, { decision: "approve" }, bearer(API_TOKEN));
    expect([answer.status, answer.json]).toMatchObject([403, { error: { code: "forbidden", missing: "person" } }]);
  });

  test("a signature is good for its source, its body and five minutes either way", async () => {
    const send = (source: string, raw: string, headers: Record<string, string>) =>
      air.ask(`/v1/alerts/${source}`, { method: "POST", raw, headers });
    const raw = JSON.stringify(alert());
    expect((await send("siem", raw, signed("siem", SECRETS.siem, raw))).status).toBe(202);
    expect((await send("siem", raw, signed("siem", SECRETS.siem, raw, -240))).status).toBe(202);
    const refused: [string, Promise<{ status: number; json: unknown }>][] = [
      ["older than five minutes", send("siem", raw, signed("siem", SECRETS.siem, raw, -330))],
      ["from the future", send("siem", raw, signed("siem", SECRETS.siem, raw, 330))],
      ["another body", send("siem", JSON.stringify(alert()), signed("siem", SECRETS.siem, raw))],
      ["another secret", send("siem", raw, signed("siem", SECRETS.edr, raw))],
      ["signed for another source", send("siem", raw, signed("edr", SECRETS.edr, raw))],
      ["replayed to another source", send("edr", raw, signed("siem", SECRETS.siem, raw))],
      ["a source without a secret", send("plain", raw, signed("plain", SECRETS.siem, raw))],
      ["an unknown source", send("no-such-source", raw, signed("no-such-source", SECRETS.siem, raw))],
      ["no timestamp", send("siem", raw, { "x-air-signature": "v1=00" })],
      ["a made-up timestamp", send("siem", raw, { "x-air-timestamp": "now", "x-air-signature": "v1=00" })],
      ["cut short", send("siem", raw, { ...signed("siem", SECRETS.siem, raw), "x-air-signature": "v1=" })],
      [
        "a bad signature beside a good token",
        send("siem", raw, { ...bearer(API_TOKEN), "x-air-timestamp": "1", "x-air-signature": "v1=0" }),
      ],
    ];
    for (const [name, answer] of refused)
      expect([name, (await answer).status, (await answer).json]).toEqual([
        name,
        401,
        { error: { code: "unauthorized", message: "Show a token that air knows: Authorization: Bearer <token>" } },
      ]);
  });
});

test("a source with a signing secret must sign in the bare lab, too", async () => {
  const air = await openAir({ yaml: `sources: { siem: { kind: generic, signingSecret: ${SECRETS.siem} } }` });
  try {
    const raw = JSON.stringify(alert());
    expect((await air.post("/v1/alerts/generic", alert())).status).toBe(202);
    expect((await air.ask("/v1/alerts/siem", { method: "POST", raw })).status).toBe(401);
    expect((await air.ask("/v1/alerts/siem", { method: "POST", raw, headers: signed("siem", SECRETS.siem, raw) })).status).toBe(202);
    // Signing replaces the fence: the sender need not sit on this machine.
    const far = { ...signed("siem", SECRETS.siem, raw), "x-forwarded-for": "192.0.2.7", host: "air.contoso.example" };
    expect((await air.ask("/v1/alerts/siem", { method: "POST", raw, headers: far })).status).toBe(202);
  } finally {
    await air.remove();
  }
});

/** Stands before the database and can be cut like a cable. */
async function cable(target: URL) {
  const open = new Set<net.Socket>();
  let whole = true;
  const server = net.createServer((near) => {
    if (!whole) return void near.destroy();
    const far = net.connect(Number(target.port), target.hostname);
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(one);
      one.pipe(other);
      one.on("error", () => other.destroy());
      one.on("close", () => {
        open.delete(one);
        other.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as net.AddressInfo;
  return {
    port,
    cut: () => {
      whole = false;
      for (const socket of open) socket.destroy();
    },
    mend: () => {
      whole = true;
    },
    close: () => {
      for (const socket of open) socket.destroy();
      server.close();
    },
  };
}

describe.skipIf(!DATABASES.includes("postgres"))("PostgreSQL goes away", () => {
  test("503 with Retry-After meanwhile; afterwards air goes on by itself, and nothing accepted is lost", { timeout: 180_000 }, async () => {
    const { openTestDb } = await import("../support/open-test-db.ts");
    const database = await openTestDb("postgres");
    const target = new URL(database.url ?? "");
    const line = await cable(target);
    const url = new URL(target);
    url.port = String(line.port);
    url.hostname = "127.0.0.1";
    const air = await openAir({ env: { DATABASE_URL: url.href } });
    try {
      expect((await air.ask("/readyz")).status).toBe(200);
      const [before] = await accept(air, malware("WS-001"));
      line.cut();
      const down = await air.post("/v1/alerts/generic", alert());
      expect([down.status, down.json]).toMatchObject([503, { error: { code: "unavailable" } }]);
      expect(Number(down.headers["retry-after"])).toBeGreaterThan(0);
      const list = await air.ask("/v1/incidents");
      expect([list.status, Number(list.headers["retry-after"]) > 0]).toEqual([503, true]);
      const ready = await air.ask("/readyz");
      expect([ready.status, ready.json]).toEqual([503, { ready: false, because: "the database cannot be reached" }]);
      expect((await air.ask("/healthz")).status).toBe(200);
      line.mend();
      await eventually(async () => (await air.ask("/readyz")).status === 200, "readiness", 60_000);
      const after = await eventually(
        async () => {
          const answer = await air.post("/v1/alerts/generic", malware("WS-003"));
          return answer.status === 202 ? answer.as<Accepted>().accepted[0] : undefined;
        },
        "an accepted alert",
        60_000,
      );
      // Work goes on as well, what was begun before the cut and what came after it.
      for (const incident of [before?.incident ?? "", after.incident])
        await eventually(
          async () => (await actionsOf(air, incident)).find((action) => action.kind === "isolate-device"),
          `the end of ${incident}`,
          40_000,
        );
      expect(await database.db.execute(sql`select 1`)).toBeDefined();
    } finally {
      await air.remove();
      line.close();
      await database.close();
    }
  });
});
