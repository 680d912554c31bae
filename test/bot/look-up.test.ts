import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cardText } from "../../src/bot/card-text.ts";
import { readCommand } from "../../src/bot/commands.ts";
import type { Card } from "../../src/engine/cards/card.ts";
import { eventually } from "../support/eventually.ts";
import { type Accepted, type ActionJson, type Answer, type List, openAir, sha256, type TestAir } from "../support/running-air.ts";

const DEVICE = "WS-LOOK-1";
const ALERT = {
  id: "look-1",
  title: "Malware on a <b>laptop</b>",
  severity: "high",
  techniques: ["T1490"],
  entities: [
    { kind: "device", name: DEVICE },
    {
      kind: "file",
      name: "eicar.com",
      sha256: "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f",
      device: DEVICE,
      verdict: "malicious",
    },
    { kind: "process", commandLine: "vssadmin.exe delete shadows /all /quiet", device: DEVICE, verdict: "malicious" },
  ],
};
const API_TOKEN = "the-api-token-of-this-test";
const admin = { authorization: `Bearer ${API_TOKEN}` };
const viewer = { authorization: "Bearer viewer-token" };

describe("looking things up", () => {
  let air: TestAir;
  let incident = "";
  let investigation = "";
  let isolation: ActionJson;
  const say = async (text: string, headers: Record<string, string> = viewer): Promise<Card> =>
    (await air.post("/v1/say", { text }, headers)).as<Card>();
  const told = async (text: string) => cardText(await say(text)).join("\n");
  const get = (path: string, more: Record<string, string> = {}): Promise<Answer> => air.ask(path, { headers: { ...viewer, ...more } });

  beforeAll(async () => {
    air = await openAir({
      env: { AIR_PUBLIC_URL: "https://air.contoso.com", AIR_API_TOKEN: API_TOKEN },
      yaml: `
protected: ["device:look-vip-*"]
tokens:
  - { name: reporting, sha256: "${sha256("viewer-token")}", roles: [viewer] }
`,
    });
    const [accepted] = (await air.post("/v1/alerts/generic", ALERT, admin)).as<Accepted>().accepted;
    incident = accepted?.incident ?? "";
    investigation = accepted?.investigation ?? "";
    isolation = await eventually(async () => {
      const { items } = (await get("/v1/actions?state=pending")).as<List<ActionJson>>();
      return items.find((one) => one.kind === "isolate-device");
    }, "a pending isolation");
  });
  afterAll(() => air?.remove());

  test("list: filters by words, and says what a wrong one takes", async () => {
    for (const words of ["open", "severity=high since=7d", "source=generic", 'text="malware on a"', "text=look-1"])
      expect(await told(`list ${words}`), words).toContain(incident);
    for (const words of ["closed", "severity=low", "source=defender", "text=nothing", "mine", "until=2020-01-01"])
      expect(await told(`list ${words}`), words).toContain("No incident matches.");
    expect(await told("list severity=huge")).toContain('severity must be one of informational, low, medium, high, critical, not "huge".');
    expect(await told("list sevrity=high")).toContain("sevrity is no filter here. Did you mean severity?");
  });

  test("actions: every field of the Action center, filters and orders the same by word and by address", async () => {
    const [item] = (await get(`/v1/actions?state=pending&kind=isolate-device&target=${DEVICE}&sort=updated:asc`)).as<
      List<Record<string, unknown>>
    >().items;
    expect(item).toMatchObject({
      approvalId: isolation.id,
      investigation,
      incident,
      kind: "isolate-device",
      details: `Isolate ${DEVICE}`,
      entityType: "device",
      asset: DEVICE,
      decision: null,
      decisionWord: "Pending",
      decidedBy: null,
      source: "Automated device action",
      status: "Pending",
      updatedAt: expect.stringMatching(/^\d{4}-/),
    });
    expect(await told(`actions kind=isolate-device device=${DEVICE} source=automated-device sort=kind`)).toContain(isolation.id);
    for (const [query, field] of [
      ["sort=foo", "sort"],
      ["since=soon", "since"],
      ["incident=ACT-1", "incident"],
      ["kid=1", "kid"],
      ["cursor=abc", "cursor"],
    ])
      expect((await get(`/v1/actions?${query}`)).json, query).toMatchObject({ error: { code: "invalid", field } });
  });

  test("status of a piece of evidence and of an alert", async () => {
    const graph = (await get(`/v1/investigations/${investigation}/graph`)).as<{ nodes: { id: string; label: string; kind: string }[] }>();
    const file = graph.nodes.find((node) => node.label === "eicar.com");
    const evidence = await told(`status ${file?.id}`);
    for (const part of ["eicar.com", "Malicious", "For ", "Would change it", "Quarantine eicar.com"]) expect(evidence).toContain(part);
    const alert = graph.nodes.find((node) => node.kind === "alert");
    const card = await told(`status ${alert?.id}`);
    for (const part of ["look-1", "T1490", "it opened the incident", DEVICE, investigation]) expect(card).toContain(part);
    expect(await told(`graph ${investigation}`)).toContain(`└ ${DEVICE}`);
    expect((await get("/v1/investigations/INV-99999/graph")).status).toBe(404);
  });

  test("audit: who decided what on which grounds, without the words of machines", async () => {
    await air.post(`/v1/actions/${isolation.id}/decision`, { decision: "reject", reason: "a drill" }, admin);
    const text = await told(`audit ${incident}`);
    expect(text).toContain(`${isolation.id}: Isolate ${DEVICE} waits for a decision`);
    expect(text).toMatch(/Grounds: EVD-\d+ /);
    expect(text).toContain("a drill");
    expect(text).not.toMatch(/isolate-device|quarantine-file|truePositive/);
  });

  test("protected: the list, what matches and why, and what is not known", async () => {
    expect(await told("protected")).toContain("device:look-vip-*");
    expect(await told("protected device:LOOK-VIP-1")).toContain("air.yaml: device:look-vip-*");
    expect(await told("protected device:DC-01")).toContain("built-in: domain controller");
    expect(await told("protected ip:127.0.0.1")).toContain("never acts on it at all");
    expect(await told("protected device:NOBODY-1")).toContain("the inventory does not know this device");
  });

  test("export: how many, the link, the call and the command; and what they fetch is the whole list", async () => {
    const card = await say("export actions since=7d");
    const { items } = (await get("/v1/actions?limit=200")).as<List<ActionJson>>();
    expect(cardText(card).join("\n")).toContain(`${items.length} rows now`);
    expect(cardText(card).join("\n")).toContain("GET /v1/actions?since=7d\nAccept: text/csv");
    expect(cardText(card).join("\n")).toContain("air export actions since=7d > air.csv");
    expect(card.buttons[0]?.url).toBe("https://air.contoso.com/console/export/actions?since=7d");
    const csv = await get("/v1/actions?since=7d", { accept: "text/csv" });
    expect(csv.headers["content-disposition"]).toContain("air-actions.csv");
    expect(csv.text.trimEnd().split("\r\n")).toHaveLength(items.length + 1);
    expect(csv.text).toMatch(/^updatedAt,investigation,id,kind,details,entityType,asset,decision,decidedBy,source,status,/);
    // The line of names stands there even where nothing matches; a filter that is wrong is no file.
    expect((await get("/v1/actions?target=nowhere", { accept: "text/csv" })).text).toMatch(/^updatedAt,[\w,]+\r\n$/);
    expect((await get("/v1/actions?kind=foo", { accept: "text/csv" })).status).toBe(400);
    expect((await get(`/v1/investigations/${investigation}/log`, { accept: "text/csv" })).text).toMatch(/^id,actionType,/);
    const audit = (await get("/v1/audit", { accept: "text/csv", ...admin })).text;
    expect(audit).toContain(`rejected ${isolation.id}`);
    expect((await get("/v1/audit", { accept: "text/csv" })).status).toBe(403);
    expect(await told("export audit")).toContain("admin");
    expect((await say("export audit")).badge).toBe("Refused");
    expect((await say("export audit", admin)).badge).not.toBe("Refused");
    expect((await get("/v1/audit")).status).toBe(403);
    expect(await told("export everything")).toContain(
      "Write one of: actions, incidents, investigations, audit, digest, handover, report, figures, log.",
    );
    expect(await told(`export log ${incident}`)).toContain("Name the investigation");
  });

  test("a bare word is only investigated where the inventory knows a device of that name", async () => {
    const card = await say("investigate everything", admin);
    expect(card.badge).toBe("Refused");
    expect(cardText(card).join(" ")).toContain("investigate device:everything");
  });

  test("a body that is wrong is told in plain words", async () => {
    for (const [path, body, message] of [
      ["/v1/actions/ACT-1/decision", { decision: "perhaps" }, "decision: must be one of approve, reject"],
      ["/v1/actions/ACT-1/decision", {}, "decision: is required"],
      ["/v1/actions/ACT-1/decision", { decision: "approve", reson: "x" }, 'reson: is not known here. Did you mean "reason"?'],
      ["/v1/say", { text: 7 }, "text: must be text"],
      ["/v1/investigations", { entity: { kind: "device" } }, "entity: needs name or id"],
      ["/v1/investigations", { entity: { kind: "ip", address: 7 } }, "entity.address: must be text"],
    ] as const)
      expect((await air.post(path, body, admin)).json, path).toMatchObject({
        error: { code: "invalid", message: expect.stringContaining(message) },
      });
  });

  test("an alert from the future counts from when it arrived, and its story says so", async () => {
    const detectedAt = new Date(Date.now() + 30 * 86_400_000).toISOString();
    const send = () => air.post("/v1/alerts/generic", { id: "future-1", title: "Seen tomorrow", severity: "low", detectedAt }, admin);
    const [first] = (await send()).as<Accepted>().accepted;
    expect(Date.parse((await get(`/v1/alerts/${first?.alert}`)).as<{ detectedAt: string }>().detectedAt)).toBeLessThanOrEqual(Date.now());
    expect(await told(`log ${first?.incident}`)).toContain("which is still to come");
    // The same alert again is the same alert.
    expect((await send()).as<Accepted>().accepted).toMatchObject([{ duplicate: true, incident: first?.incident }]);
    expect(await told(`log ${first?.incident}`)).not.toContain("was updated");
  });
});

describe("words", () => {
  test.each<[string, object]>([
    [
      "actions history kind=isolate-device",
      { kind: "actions", which: "history", query: { kinds: ["isolate-device"] }, written: "history kind=isolate-device" },
    ],
    ['actions by="Mia K" after=abc', { which: "pending", query: { decidedBy: "Mia K" }, written: 'pending by="Mia K"', after: "abc" }],
    ["actions state=failed,unclear", { which: "all", query: { states: ["failed", "unclear"] }, written: "state=failed,unclear" }],
    [
      "list open, mine severity=HIGH",
      { kind: "list", mine: true, query: { status: ["open"], severity: ["high"] }, written: "open mine severity=HIGH" },
    ],
    ["list text=“two words”", { query: { text: "two words" } }],
    ["status EVD-9", { kind: "status", id: { kind: "evidence", id: 9 } }],
    ["graph 4", { kind: "graph", id: { kind: "investigation", id: 4 } }],
    ["export log INV-4", { kind: "export", asked: { what: "log", investigation: 4 } }],
    ["export actions history by=mia", { kind: "export", asked: { what: "actions", query: { decidedBy: "mia" } } }],
    ["protected DC-01", { kind: "protected", entity: { kind: "device", name: "DC-01" } }],
    ["investigate laptop", { kind: "investigateName", name: "laptop" }],
    ["do isolate-device laptop it beacons", { kind: "do", target: { kind: "device", name: "laptop" } }],
  ])("%s", (text, command) => expect(readCommand(text)).toMatchObject(command));
});
