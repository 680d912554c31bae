import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { COMMANDS } from "../../src/bot/commands.ts";
import { eventually } from "../support/eventually.ts";
import { PEOPLE, PLACES, type Playground, type Shown, type ShownCard, startPlayground } from "../support/playground.ts";
import { type Accepted, type ActionJson, type List, openAir, type TestAir } from "../support/running-air.ts";
import { actionOf, actionsOf, cardIn, teamsClient, toastIn, wordsOf } from "../support/teams-client.ts";

/* What else people do with air in Teams, through the real air and Microsoft's own test client: every command, every form, every late click. */
const TOKEN = "api-token-of-this-test";
const admin = { authorization: `Bearer ${TOKEN}` };
const YAML = `
channels: [{ teams: ${PLACES.channel}, post: all }]
teams: { pace: { perSecond: 50, burst: 10 } }
people:
  - { name: Ana, email: ana@contoso.com, teams: ${PEOPLE.ana.aadObjectId} }
  - { name: Bob, email: bob@contoso.com, teams: ${PEOPLE.bob.aadObjectId} }
  - { name: Dee, email: dee@contoso.com, teams: ${PEOPLE.dee.aadObjectId} }
roles:
  admin: [bob@contoso.com]
  approver: { device: [ana@contoso.com, bob@contoso.com], identity: [ana@contoso.com], email: [], network: [ana@contoso.com], app: [] }
  responder: [ana@contoso.com, bob@contoso.com]
  viewer: ["*@contoso.com"]
`;
let air: TestAir;
let playground: Playground;
let client: ReturnType<typeof teamsClient>;
beforeAll(async () => {
  air = await openAir({ env: { TEAMS_ANONYMOUS: "1", AIR_API_TOKEN: TOKEN }, yaml: YAML });
  playground = await startPlayground(air.url);
  client = teamsClient(playground);
  await playground.say("ana", "channel", "whoami");
  await client.message("You are Ana");
}, 180_000);
afterAll(async () => {
  await playground?.stop();
  await air?.remove();
}, 180_000);

type Malware = { incident: string; action: ActionJson; card: Shown; root: Shown };
async function malware(name: string, more: readonly object[] = []): Promise<Malware> {
  const body = {
    id: `everything-${name}`,
    title: `Malware on ${name}`,
    severity: "high",
    entities: [
      { kind: "device", name },
      { kind: "process", commandLine: "vssadmin.exe delete shadows /all /quiet", device: name, verdict: "malicious" },
      ...more,
    ],
  };
  const incident = (await air.post("/v1/alerts/generic", body, admin)).as<Accepted>().accepted[0]?.incident ?? "";
  const action = await eventually(
    async () =>
      (await air.ask("/v1/actions?state=pending&limit=200", { headers: admin }))
        .as<List<ActionJson>>()
        .items.find((one) => one.incident === incident && one.kind === "isolate-device"),
    "an isolation",
    60_000,
  );
  const card = await client.message(`${action.id}: Isolate ${name}?`);
  return { incident, action, card, root: await client.message(`${incident}: Malware on ${name}`) };
}
const read = async (id: string) => (await air.ask(`/v1/actions/${id}`, { headers: admin })).as<ActionJson>();
const audited = async (event: string, subject: string): Promise<number> =>
  (await air.ask("/v1/audit?limit=200", { headers: admin }))
    .as<{ items: { line: string }[] }>()
    .items.map(({ line }) => JSON.parse(line) as { event: string; subject: string })
    .filter((line) => line.event === event && line.subject === subject).length;
const sql = (text: string) => air.database.boss.executeSql(text);
const numberOf = (id: string) => Number(id.split("-")[1]);
/** What is said, and the card it is answered with: in a channel in the thread of what was said, where no incident's news comes between. */
const asked = async (who: keyof typeof PEOPLE, where: keyof typeof PLACES, text: string): Promise<Shown> => {
  const before = playground.shown.length;
  const place = await playground.say(who, where, text);
  return eventually(
    () => playground.shown.slice(before).find(({ conversation }) => conversation === place),
    `an answer to "${text}" in ${where}`,
    // More than a test waits for is asked here: some of it waits for Teams's thirty seconds.
    45_000,
  );
};
const fill = async (who: keyof typeof PEOPLE, at: Shown, form: ShownCard, inputs: Record<string, string>) => {
  const named = Object.fromEntries(Object.entries(inputs).map(([id, value]) => [`f.${id}`, value]));
  const [submit] = actionsOf(form);
  if (!submit) throw new Error("a form without its button");
  return client.execute(who, at, submit, named);
};

describe("forms of a card's menu", { timeout: 180_000 }, () => {
  test("note, assign, take action, acknowledge and close with what it turned out to be; each stands in the rows", async () => {
    const { incident, action, card, root } = await malware("WS-MENU");
    const menu = actionsOf(root.card).filter((one) => (one as { mode?: string }).mode === "secondary");
    expect(menu.map(({ title }) => title)).toEqual(expect.arrayContaining(["Write a note", "Assign", "Close"]));

    await fill("ana", root, cardIn(await client.press("ana", root, "Write a note")), { text: "Called the owner" });
    expect(await audited("incident.note", incident)).toBe(1);
    const assign = cardIn(await client.press("ana", root, "Assign"));
    expect(wordsOf(assign)).toContain("Bob");
    await fill("ana", root, assign, { to: "Bob" });
    await eventually(() => wordsOf(root.card).includes("Bob"), "who looks after it, on the card");

    const doing = cardIn(await client.press("ana", card, "Take another action"));
    expect(wordsOf(doing)).toContain("WS-MENU");
    const asking = await fill("ana", card, doing, { kind: "scan-device", target: action.id, reason: "look again" });
    expect(JSON.stringify(asking.body)).toContain("antivirus scan on WS-MENU");
    const scans = (await air.ask("/v1/actions?limit=200", { headers: admin })).as<List<ActionJson>>().items;
    expect(scans.filter((one) => one.incident === incident && one.kind === "scan-device")).toHaveLength(1);

    const early = cardIn(await fill("ana", root, cardIn(await client.press("ana", root, "Close")), { classification: "truePositive" }));
    expect(wordsOf(early)).toContain("decide first");
    for (const one of (await air.ask("/v1/actions?state=pending&limit=200", { headers: admin })).as<List<ActionJson>>().items)
      if (one.incident === incident) await asked("ana", "personal", `reject ${one.id} a test of ours`);
    await eventually(() => !wordsOf(root.card).includes("waits for a decision"), "nothing waits");
    await fill("ana", root, cardIn(await client.press("ana", root, "Close")), { classification: "falsePositive" });
    await client.message(`${incident} closed: false positive`);
    await eventually(() => actionsOf(root.card).some(({ title }) => title === "Reopen"), "the way back");
    expect(toastIn(await client.press("dee", root, "Reopen"))).toContain("responder");
    await client.press("ana", root, "Reopen");
    await eventually(() => actionsOf(root.card).some(({ title }) => title === "Close"), "open again");
  });

  test("a verdict is overruled by its form, and the card follows", async () => {
    const { incident, root } = await malware("WS-VERDICT");
    const answer = await asked("ana", "personal", `status ${incident}`);
    const evidence = /EVD-\d+/.exec(JSON.stringify(answer.card))?.[0] ?? "none";
    const form = await asked("ana", "personal", `verdict ${evidence}`);
    expect(wordsOf(form.card)).toContain(`Overrule ${evidence}`);
    expect(wordsOf(cardIn(await fill("ana", form, form.card, { verdict: "noThreatsFound" })))).toContain("fill this in");
    const done = await fill("ana", form, form.card, { verdict: "noThreatsFound", reason: "our own backup job" });
    expect(JSON.stringify(done.body)).toContain(evidence);
    await eventually(() => wordsOf(root.card).includes("No threats found") || root.updates > 2, "the card follows", 60_000);
  });
});

describe("two people, one person, nobody", { timeout: 180_000 }, () => {
  test("one of two approves twice and counts once; then breaks the glass alone when the other does not come; an admin reviews it", async () => {
    const { action, card } = await malware("DC-01");
    await client.press("ana", card, "Approve", "DC-01");
    await client.press("ana", card, "Approve", "DC-01");
    expect((await read(action.id)).approvals).toMatchObject({ needed: 2, given: [{ by: "Ana" }] });
    expect(wordsOf((await asked("ana", "channel", `break-glass ${action.id} DC-01 it spreads`)).card)).toContain("still has time until");
    await sql(`update approvals set at = at - interval '16 minutes' where action_id = ${numberOf(action.id)}`);
    const open = await asked("ana", "group", `status ${action.id}`);
    expect(toastIn(await client.press("dee", open, "Break glass", "DC-01 it spreads"))).toMatch(/approver/);
    await client.press("ana", open, "Break glass", "DC-01 it spreads");
    await eventually(async () => (await read(action.id)).state === "succeeded", "the isolation", 60_000);
    await eventually(() => wordsOf(card.card).includes("Glass broken by Ana, alone"), "everybody sees it");
    await client.press("bob", card, "Reviewed");
    await eventually(() => wordsOf(card.card).includes("Reviewed by Bob"), "the review");
  });

  test("who is named in the incident, who may only look, who comes too late: each is told why, and nothing is done", async () => {
    const own = await malware("WS-ANA", [{ kind: "user", email: "ana@contoso.com" }]);
    expect(toastIn(await client.press("ana", own.card, "Approve"))).toContain("You are named in this incident (ana@contoso.com)");
    expect(toastIn(await client.press("dee", own.card, "Approve"))).toContain("approver for device");
    expect((await read(own.action.id)).state).toBe("pending");

    const late = await malware("WS-LATE");
    const before = actionOf(late.card.card, "Approve");
    await client.press("bob", late.card, "Approve");
    expect(toastIn(await client.execute("ana", late.card, before))).toContain("already approved by Bob");

    const old = await malware("WS-OLD");
    const button = actionOf(old.card.card, "Approve");
    await sql(`update actions set expires_at = now() - interval '1 minute' where id = ${numberOf(old.action.id)}`);
    expect(toastIn(await client.execute("ana", old.card, button))).toMatch(/expired/);
    expect((await read(old.action.id)).decision).toBeNull();
  });

  test("an action that reaches further than the card said is not decided by it; whoever pressed is shown it as it is", async () => {
    const { action, card } = await malware("WS-GREW");
    const stale = actionOf(card.card, "Approve");
    // As after a look that found more: the version is another one.
    await sql(`update actions set version = 'ffffffffffffffff' where id = ${numberOf(action.id)}`);
    const told = toastIn(await client.execute("ana", card, stale));
    expect(told).toMatch(/changed|another version|since/i);
    expect((await read(action.id)).state).toBe("pending");
    await eventually(() => actionOf(card.card, "Approve").data?.value !== stale.data?.value, "the card is drawn anew", 60_000);
    await client.press("ana", card, "Approve");
    await eventually(async () => (await read(action.id)).decision?.decision === "approve", "decided by what is shown");
  });
});

describe("commands", { timeout: 180_000 }, () => {
  test("every one of them is answered, in the channel and in a chat with air", async () => {
    const { incident, action } = await malware("WS-WORDS");
    const number = numberOf(incident);
    const words: Record<string, string> = {
      help: "help approve",
      log: `log INV-${number}`,
      graph: `graph INV-${number}`,
      alerts: `alerts ${incident}`,
      status: `status ${action.id}`,
      investigate: "investigate device:WS-WORDS",
      audit: `audit ${action.id}`,
      note: `note ${incident} by words`,
      assign: `assign ${incident} me`,
      ack: `ack ${incident}`,
      remind: `remind ${action.id} 2h`,
      export: "export actions history",
      protected: "protected device:DC-01",
      mode: "mode",
      pause: "pause identity a test",
      resume: "resume identity",
      "approve all": `approve all kind=isolate-device incident=${incident}`,
    };
    for (const [who, where] of [
      ["bob", "channel"],
      ["ana", "personal"],
    ] as const) {
      for (const { name } of COMMANDS) {
        const answer = await asked(who, where, words[name] ?? name);
        const said = wordsOf(answer.card);
        expect(said, name).not.toContain("This did not work");
        // What needs more than its name says how it is said, or opens its form.
        if (name in words) expect(said, `${where}: ${words[name]}`).not.toContain("Not understood");
      }
    }
    const nonsense = await asked("bob", "channel", "aprove it");
    expect(wordsOf(nonsense.card)).toMatch(/Not understood|approve/);
  });

  test("a list too long for one card goes on by its button, for whoever pressed", async () => {
    const names = Array.from({ length: 25 }, (_, index) => `WS-LIST-${index}`);
    for (const name of names)
      await air.post(
        "/v1/alerts/generic",
        { id: `list-${name}`, title: `List ${name}`, severity: "low", entities: [{ kind: "device", name }] },
        admin,
      );
    const list = await asked("ana", "personal", "list");
    const next = actionsOf(list.card).find(({ title }) => /next|more|older/i.test(title));
    if (!next) throw new Error(`no next page: ${wordsOf(list.card)}`);
    const page = cardIn(await client.execute("ana", list, next));
    expect(wordsOf(page)).not.toBe(wordsOf(list.card));
    expect(wordsOf(page)).toMatch(/INC-\d+/);
  });
});
