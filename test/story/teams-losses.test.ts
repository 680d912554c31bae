import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import type { CardAction, ShownCard } from "../support/playground.ts";
import { type Accepted, type ActionJson, type List, openAir, type TestAir } from "../support/running-air.ts";
import { BOT_ID, CHANNEL, eventOf, mentioning, messageOf, pressOf } from "../support/teams-activity.ts";
import { channelOf, startService } from "../support/teams-authority.ts";
import { actionOf, actionsOf, wordsOf } from "../support/teams-client.ts";

/* What Teams does to a bot: removed, blocked, slow, asked twice, and what needs more than a click. A stand-in for its service answers. */
const TOKEN = "api-token-of-this-test";
const admin = { authorization: `Bearer ${TOKEN}` };
const OTHER = "19:fallback@thread.tacv2";
const person = (nth: number, name: string) => ({ person: { aadObjectId: `aaaaaaaa-0000-4000-8000-00000000000${nth}`, name } });
const MIA = person(1, "Mia");
const NOOR = person(2, "Noor");

let service: Awaited<ReturnType<typeof startService>>;
let air: TestAir;
beforeAll(async () => {
  service = await startService();
  air = await openAir({
    env: { TEAMS_ANONYMOUS: "1", AIR_API_TOKEN: TOKEN, AIR_PUBLIC_URL: "https://air.example.com/base" },
    yaml: `
channels: [{ teams: "${CHANNEL}", post: all }]
opsChannel: { teams: "${OTHER}" }
teams: { pace: { perSecond: 7, burst: 1 } }
people:
  - { name: Mia, email: mia@contoso.com, teams: aaaaaaaa-0000-4000-8000-000000000001 }
  - { name: Noor, email: noor@contoso.com, teams: aaaaaaaa-0000-4000-8000-000000000002 }
roles:
  admin: [mia@contoso.com]
  approver: { device: [mia@contoso.com, noor@contoso.com] }
  viewer: ["*@contoso.com"]
`,
  });
  await send(messageOf("whoami", { place: "personal", ...MIA }));
  await eventually(() => service.calls.length > 0, "the first answer");
});
afterAll(async () => {
  await air?.remove();
  service?.stop();
});
beforeEach(() => {
  service.calls.length = 0;
});

const send = async (activity: object) =>
  (await air.post("/api/messages", { ...activity, serviceUrl: service.url })).json as Record<string, unknown>;
type Sent = { card: ShownCard };
const cardsIn = (channel: string): Sent[] =>
  service.calls.flatMap((call): Sent[] => {
    const activity = (call.body.activity ?? call.body) as { attachments?: { content: ShownCard }[] };
    const card = activity.attachments?.[0]?.content;
    return channelOf(call) === channel && card ? [{ card }] : [];
  });
const shown = (channel: string, ...words: string[]) =>
  eventually(
    () => cardsIn(channel).findLast(({ card }) => words.every((one) => wordsOf(card).includes(one))),
    `${words.join(", ")} in ${channel}`,
    60_000,
  );
const alert = async (name: string, more: object = {}) => {
  const body = {
    id: `losses-${name}`,
    title: `Malware on ${name}`,
    severity: "high",
    entities: [
      { kind: "device", name, ...more },
      { kind: "process", commandLine: "vssadmin.exe delete shadows /all /quiet", device: name, verdict: "malicious" },
    ],
  };
  return (await air.post("/v1/alerts/generic", body, admin)).as<Accepted>().accepted[0]?.incident ?? "";
};
const isolationOf = (name: string) =>
  eventually(
    async () =>
      (await air.ask("/v1/actions?state=pending", { headers: admin }))
        .as<List<ActionJson>>()
        .items.find((one) => one.target.name === name && one.kind === "isolate-device"),
    "an isolation",
    60_000,
  );
const press = (action: CardAction, who: typeof MIA, typed?: string) =>
  send(pressOf(action.verb ?? "", { ...action.data, ...(typed === undefined ? {} : { [String(action.data?.input)]: typed }) }, who));

describe("more than a click", { timeout: 180_000 }, () => {
  test("a server's name has to be typed, into the card; two approve it, and each press answers at once", async () => {
    await alert("DC-01");
    const action = await isolationOf("DC-01");
    const { card } = await shown(CHANNEL, `${action.id}: Isolate DC-01`);
    const approve = actionOf(card, "Approve");
    expect(approve.data?.input).toBeDefined();
    expect(await press(approve, MIA, "DC-1")).toMatchObject({ value: expect.stringContaining("DC-01") });
    expect((await air.ask(`/v1/actions/${action.id}`, { headers: admin })).as<ActionJson>().approvals.given).toEqual([]);
    await press(approve, MIA, "DC-01");
    await press(approve, MIA, "DC-01");
    // The message that was pressed is none air keeps (it was posted twice): it is drawn once more, so that its buttons are not left behind.
    await eventually(
      () => service.calls.some(({ method, path }) => method === "PUT" && path.endsWith("/activities/1700000000002")),
      "the other card",
    );
    const once = (await air.ask(`/v1/actions/${action.id}`, { headers: admin })).as<ActionJson>();
    expect(once.approvals).toMatchObject({ needed: 2, given: [{ by: "Mia" }] });
    await press(approve, NOOR, "DC-01");
    await eventually(
      async () => (await air.ask(`/v1/actions/${action.id}`, { headers: admin })).as<ActionJson>().state === "succeeded",
      "the isolation",
      60_000,
    );
  });
});

describe("files", { timeout: 180_000 }, () => {
  test("a list is fetched by a link that is good for one object and ten minutes", async () => {
    const linksIn = ({ card }: Sent) =>
      actionsOf(card)
        .flatMap(({ url }) => url ?? [])
        .filter((url) => url.includes("/files/"));
    // Whoever reads the channel may see its incidents there, and so its lists; the audit is for those who asked.
    await send(mentioning("export actions history", MIA));
    expect(linksIn(await shown(CHANNEL, "Export"))).toHaveLength(1);
    await send(messageOf("export actions history", { place: "personal", ...MIA }));
    const [url = ""] = linksIn(await shown("a:1mia", "Export"));
    expect(url).toMatch(/^https:\/\/air\.example\.com\/base\/files\//);
    const path = new URL(url).pathname.replace("/base", "");
    const file = await air.ask(path);
    expect(file.status).toBe(200);
    expect(file.headers["content-disposition"]).toMatch(/^attachment; filename="air-actions\.csv"$/);
    expect(file.text.split("\n")[0]).toContain("id");
    const [, , what = "", until = "", mac = ""] = path.split("/");
    const other = Buffer.from("list:audit").toString("base64url");
    for (const forged of [
      `/files/${other}/${until}/${mac}`,
      `/files/${what}/${Number(until) + 1}/${mac}`,
      `/files/${what}/${until}/${mac.replace(/^./, (one) => (one === "0" ? "1" : "0"))}`,
      `/files/${what}/${until}/x`,
    ])
      expect((await air.ask(forged)).status).toBe(404);
  });
});

describe("a channel that is lost", { timeout: 180_000 }, () => {
  test("blocked: what is urgent is shown in another, and the operator is told once", async () => {
    const mend = service.refuse(CHANNEL, 403, "MessageWritesBlocked");
    const incident = await alert("WS-BLOCKED");
    await shown(OTHER, incident);
    await shown(OTHER, "Nothing can be posted in", "was blocked or removed");
    expect((await air.ask("/readyz")).json).toMatchObject({ ready: true, degraded: [expect.any(String)] });
    expect(cardsIn(OTHER).filter(({ card }) => wordsOf(card).includes("Nothing can be posted in"))).toHaveLength(1);
    mend();
  });

  test("removed from the team: nothing is asked of Teams there; the console goes on", async () => {
    await send(eventOf("conversationUpdate", { membersRemoved: [{ id: BOT_ID }] }));
    service.calls.length = 0;
    const incident = await alert("WS-REMOVED");
    await shown(OTHER, incident);
    expect(cardsIn(CHANNEL)).toEqual([]);
    expect((await air.ask(`/v1/incidents/${incident}`, { headers: admin })).status).toBe(200);
    // Added again: at once, not when the next look would be due.
    const added = Date.now();
    await send(eventOf("installationUpdate", { action: "add" }));
    await shown(CHANNEL, incident);
    expect(Date.now() - added).toBeLessThan(30_000);
    await eventually(
      async () =>
        !("degraded" in ((await air.ask("/readyz")).json as object)) ||
        JSON.stringify((await air.ask("/readyz")).json).includes('"degraded":[]'),
      "all is well",
    );
  });
});
