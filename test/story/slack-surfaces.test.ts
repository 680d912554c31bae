import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { type Accepted, type ActionJson, type List, openAir, type TestAir } from "../support/running-air.ts";
import { buttonOf, menuOf, overHttp, slackClient, type View } from "../support/slack-client.ts";
import { SLACK_SECRET, type SlackEmulator, startSlackEmulator } from "../support/slack-emulator.ts";

/* Forms, the home tab, shortcuts and files on Slack, through the real air: what is filled in ends in the same rows as what is typed. */
const TOKEN = "api-token-of-this-test";
const admin = { authorization: `Bearer ${TOKEN}` };

let slack: SlackEmulator;
let air: TestAir;
let client: ReturnType<typeof slackClient>;
beforeAll(async () => {
  slack = await startSlackEmulator();
  air = await openAir({
    env: {
      SLACK_BOT_TOKEN: slack.token,
      SLACK_SIGNING_SECRET: SLACK_SECRET,
      SLACK_API_URL: slack.apiUrl,
      SLACK_CHANNEL: slack.channel,
      AIR_API_TOKEN: TOKEN,
    },
    yaml: "slack: { pace: { perSecond: 50, burst: 50 } }\npeople: [{ name: Noor Haddad, email: noor@contoso.com }]",
  });
  client = slackClient(slack, overHttp(air.ask));
  await eventually(() => air.log.lines.some((line) => line.message === "Slack knows us"), "auth.test");
});
afterAll(async () => {
  await air?.remove();
  await slack?.stop();
});
beforeEach(() => {
  slack.responses.length = 0;
});

async function malware(name: string): Promise<{ incident: string; action: ActionJson }> {
  const body = {
    id: `surfaces-${name}`,
    title: `Malware on ${name} <!channel>`,
    severity: "high",
    entities: [
      { kind: "device", name },
      { kind: "process", commandLine: "vssadmin.exe delete shadows /all /quiet", device: name, verdict: "malicious" },
    ],
  };
  const incident = (await air.post("/v1/alerts/generic", body, admin)).as<Accepted>().accepted[0]?.incident ?? "";
  const pending = async () => (await air.ask("/v1/actions?state=pending", { headers: admin })).as<List<ActionJson>>().items;
  const action = await eventually(
    async () => (await pending()).find((one) => one.incident === incident && one.kind === "isolate-device"),
    "an isolation",
    60_000,
  );
  return { incident, action };
}
const read = async (id: string) => (await air.ask(`/v1/actions/${id}`, { headers: admin })).as<ActionJson>();
/** The blocks in which a card was last sent to the channel. */
const cardWith = async (words: string): Promise<View["blocks"]> => {
  const sent = () =>
    slack.calls.findLast(({ method, body }) => method.startsWith("chat.") && JSON.stringify(body.blocks ?? "").includes(words));
  return (await eventually(sent, `a card with ${words}`, 60_000)).body.blocks as View["blocks"];
};
const story = async (incident: string) => JSON.stringify((await air.ask(`/v1/incidents/${incident}`, { headers: admin })).json);
const audit = async (event: string) =>
  (await air.ask("/v1/audit", { headers: admin }))
    .as<{ items: { line: string }[] }>()
    .items.map(({ line }) => JSON.parse(line) as { event: string; subject: string; data?: Record<string, unknown> })
    .filter((line) => line.event === event);
const errorsOf = (text: string) => (JSON.parse(text) as { errors?: Record<string, string> }).errors ?? {};
const said = (words: RegExp) =>
  eventually(() => slack.responses.map((one) => JSON.stringify(one)).find((one) => words.test(one)), `a private answer with ${words}`);

describe("forms", { timeout: 180_000 }, () => {
  test("a note from the menu is written once, however often its form arrives; a foreign workspace's is refused", async () => {
    const { incident } = await malware("WS-NOTE-1");
    const view = await client.choose(menuOf(await cardWith(`${incident}: `)), "Write a note");
    expect(view.title?.text).toBe(`Note on ${incident}`);
    const empty = await client.submit(view, { text: "  " }, { id: "V-note" });
    expect(errorsOf(empty.text)).toEqual({ text: "Please fill this in." });

    const foreign = await client.submit(view, { text: "from outside" }, { id: "V-foreign", user: "U9", team: "T9" });
    expect(foreign.text).toContain("does not serve");

    const twice = await Promise.all([1, 2].map(() => client.submit(view, { text: "CFO's laptop\nask him first" }, { id: "V-note" })));
    expect(twice.map(({ status, text }) => [status, text])).toEqual([
      [200, ""],
      [200, ""],
    ]);
    await client.submit(view, { text: "CFO's laptop\nask him first" }, { id: "V-note" });
    expect((await audit("incident.note")).filter((line) => line.subject === incident)).toHaveLength(1);
    await said(/Noted/);
  });

  test("Reject asks why, and Approve for a while ends by itself", async () => {
    const rejected = (await malware("WS-REJECT-1")).action;
    const blocks = await cardWith(`${rejected.id}: `);
    const why = await client.opens(() => client.press(buttonOf(blocks, "Reject")));
    expect(errorsOf((await client.submit(why, {}, { id: "V-r" })).text)).toEqual({ reason: "Please fill this in." });
    expect((await client.submit(why, { reason: "a test of ours" }, { id: "V-r" })).text).toBe("");
    expect(await read(rejected.id)).toMatchObject({ state: "rejected", decision: { by: "Ana Analyst", reason: "a test of ours" } });

    const { action } = await malware("WS-FOR-1");
    const form = await client.choose(menuOf(await cardWith(`${action.id}: `)), "Approve for a while");
    expect((await client.submit(form, { for: "2h", reason: "until Monday" })).text).toBe("");
    await eventually(async () => (await read(action.id)).state === "succeeded", "the isolation", 60_000);
    const [line] = (await audit("decision.approve")).filter((one) => one.subject === action.id);
    expect(line?.data).toMatchObject({ endsAfterMs: 7_200_000, reason: "until Monday" });
    const late = await client.submit(form, { for: "2h" });
    expect(errorsOf(late.text).for).toContain("already approved by Ana Analyst");
  });

  test("an action by hand: the kinds that fit its target, and a refusal at the field it is about", async () => {
    const { action } = await malware("WS-DO-1");
    const since = slack.calls.length;
    const skeleton = await client.choose(menuOf(await cardWith(`${action.id}: `)), "Take another action");
    expect(skeleton.blocks.find((block) => block.block_id === "kind")?.element?.options?.length).toBeGreaterThan(20);
    const filled = await eventually(
      () => slack.calls.slice(since).findLast(({ method }) => method === "views.update")?.body.view as View | undefined,
      "the filled form",
    );
    const kinds = filled.blocks.find((block) => block.block_id === "kind")?.element?.options?.map((one) => one.value) ?? [];
    expect(kinds).toContain("scan-device");
    expect(kinds).not.toContain("disable-user");
    expect(JSON.stringify(filled)).toContain("WS-DO-1");

    const wrong = await client.submit(filled, { kind: "disable-user", target: action.id, reason: "x" });
    expect(errorsOf(wrong.text).target).toContain("aimed at user");
    const timed = await client.submit(filled, { kind: "scan-device", target: action.id, for: "2h", reason: "x" });
    expect(errorsOf(timed.text).for).toContain("cannot end by itself");
    expect((await client.submit(filled, { kind: "scan-device", target: action.id, reason: "look again" }, { id: "V-do" })).text).toBe("");
    await client.submit(filled, { kind: "scan-device", target: action.id, reason: "look again" }, { id: "V-do" });
    const scans = (await audit("action.asked")).filter((line) => line.data?.kind === "scan-device");
    expect(scans).toHaveLength(1);
  });

  test("a command without its arguments opens its form; closing says what is in the way; assigning offers the people", async () => {
    const { incident } = await malware("WS-CLOSE-1");
    const close = await client.opens(() => client.slash(`close ${incident}`));
    const refused = await client.submit(close, { classification: "truePositive", determination: "securityTesting" });
    expect(errorsOf(refused.text).determination).toContain("must be one of");
    const waits = await client.submit(close, { classification: "truePositive", determination: "malware" });
    expect(errorsOf(waits.text).classification).toContain("decide first");
    const assign = await client.opens(() => client.slash(`assign ${incident}`));
    expect(assign.blocks[0]?.element?.options?.map((one) => one.value).slice(0, 2)).toEqual(["me", "Noor Haddad"]);
    expect((await client.submit(assign, { to: "Noor Haddad" })).text).toBe("");
    expect(await story(incident)).toContain("Noor Haddad");
  });

  test("a form the person has waited with for too long is answered where Slack still listens", async () => {
    const { incident } = await malware("WS-LATE-1");
    const view = await client.choose(menuOf(await cardWith(`${incident}: `)), "Write a note");
    const [metadata] = [JSON.parse(view.private_metadata ?? "{}") as Record<string, string>];
    const gone = { ...view, private_metadata: JSON.stringify({ ...metadata, responseUrl: "https://evil.example/steal" }) };
    expect((await client.submit(gone, { text: "later" })).text).toBe("");
    await eventually(
      () => slack.calls.find(({ method, body }) => method === "chat.postEphemeral" && String(body.text).includes("Noted")),
      "an ephemeral answer",
    );
  });
});

describe("shortcuts", { timeout: 180_000 }, () => {
  test("New investigation: what is wrong stands at its field; the same form twice starts one", async () => {
    const view = await client.opens(() => client.shortcut({ type: "shortcut", callback_id: "air:new-investigation" }));
    expect(view.title?.text).toBe("New investigation");
    expect(errorsOf((await client.submit(view, { what: "so and so" }, { id: "V-i" })).text).what).toContain(
      "nothing that could be looked at",
    );
    const first = await client.submit(view, { what: "hxxp://bad[.]example/login" }, { id: "V-i" });
    // Opened from nowhere: the answer stands in the modal.
    expect(first.text).toContain("Investigation started");
    expect((await client.submit(view, { what: "hxxp://bad[.]example/login" }, { id: "V-i" })).text).toBe(first.text);
    expect((await audit("investigation.started")).filter((line) => line.data?.about === "url")).toHaveLength(1);
  });

  test("Investigate on a message: several are chosen from, one is begun at once, none is said", async () => {
    const on = (text: string) =>
      client.shortcut({
        type: "message_action",
        callback_id: "air:investigate",
        channel: { id: slack.channel },
        response_url: slack.responseUrl,
        message: { ts: "1.1", text },
      });
    const many = await client.opens(() => on("mail from eve(at)evil[.]example: hxxps://evil[.]example/a and 203[.]0[.]113[.]66 on WS-042"));
    const options = many.blocks[0]?.element?.options ?? [];
    expect(options.map((one) => one.text.text)).toEqual([
      "hxxps://evil[.]example/a (URL)",
      "203[.]0[.]113[.]66 (IP address)",
      "eve@evil.example (user)",
      "WS-042 (device)",
    ]);
    const chosen = await client.submit(many, { what: ["0", "3"] });
    expect(chosen.text).toBe("");
    await said(/INV-\d+.*INV-\d+/);

    await on("seen 275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f");
    await eventually(() => slack.responses.find((one) => JSON.stringify(one).includes("Investigation started")), "one is begun");
    await on("lunch?");
    await eventually(() => slack.responses.find((one) => JSON.stringify(one).includes("Nothing to look into")), "it says so");
  });
});

describe("the home tab", { timeout: 180_000 }, () => {
  test("shows what waits for me, with buttons that decide, and is drawn again", async () => {
    const { action } = await malware("WS-HOME-1");
    await client.event({ type: "app_home_opened", user: slack.userId, tab: "home", channel: "D1" });
    const published = () => slack.calls.filter(({ method }) => method === "views.publish").map(({ body }) => body.view as View);
    const home = await eventually(() => published().findLast((view) => JSON.stringify(view).includes("Your decisions")), "the home tab");
    for (const words of ["Open incidents", "Investigations", "On call", "The last 7 days", "To the verdict"])
      expect(JSON.stringify(home)).toContain(words);
    const approve = home.blocks
      .flatMap((block) => block.elements ?? [])
      .find((element) => element.value?.startsWith(`${action.id}.`) && element.text?.text === "Approve");
    if (!approve) throw new Error("There is no Approve on the home tab.");
    const before = published().length;
    const place = { container: { type: "view", view_id: "VHOME" }, view: { id: "VHOME", type: "home", private_metadata: "" } };
    expect((await client.press(approve, place)).status).toBe(200);
    await eventually(async () => ["approved", "executing", "succeeded"].includes((await read(action.id)).state), "the decision");
    // It is also drawn when something else has changed, and then as it was before.
    await eventually(
      () =>
        published()
          .slice(before)
          .some((view) => !JSON.stringify(view).includes(`${action.id}.`)),
      "the tab drawn again",
    );

    // The same press again: who was first, in a modal, because nothing else can be said there.
    const told = await client.opens(() => client.press(approve, place));
    expect(JSON.stringify(told)).toContain("already approved by Ana Analyst");
  });

  test("a look-up from there opens a modal at once and fills it", async () => {
    const place = { container: { type: "view", view_id: "VHOME" }, view: { id: "VHOME", type: "home", private_metadata: "" } };
    const since = slack.calls.length;
    const waiting = await client.opens(() => client.press({ type: "button", action_id: "air:0", value: "say:oncall" }, place));
    expect(waiting.title?.text).toBe("One moment");
    await eventually(
      () => slack.calls.slice(since).find(({ method, body }) => method === "views.update" && JSON.stringify(body.view).includes("On call")),
      "the answer",
    );
  });
});

describe("files", { timeout: 180_000 }, () => {
  const sent = () => slack.calls.filter(({ method }) => method === "files.completeUploadExternal");

  test("an export and the picture of a graph come to whoever asked", async () => {
    const { action } = await malware("WS-FILE-1");
    await client.slash("export actions state=pending");
    await eventually(() => sent().length === 1, "the list");
    const csv = [...slack.uploads.values()].at(-1)?.toString() ?? "";
    expect(csv.split("\r\n")[0]).toContain("investigation,id,kind");
    expect(csv).toContain(action.id);
    const investigation = (await air.ask(`/v1/actions/${action.id}`, { headers: admin })).as<{ investigation: string }>().investigation;
    await client.slash(`graph ${investigation}`);
    await eventually(() => sent().length === 2, "the picture");
    expect([...slack.uploads.values()].at(-1)?.subarray(1, 4).toString()).toBe("PNG");
  });

  test.each([
    ["a missing permission", "files.getUploadURLExternal", { ok: false, error: "missing_scope", needed: "files:write" }, "files:write"],
    [
      "a place that is not Slack's",
      "files.getUploadURLExternal",
      { ok: true, upload_url: "https://evil.example/u", file_id: "F1" },
      "not Slack's",
    ],
    ["a channel it is not in", "files.completeUploadExternal", { ok: false, error: "not_in_channel" }, "/invite @air"],
  ])("%s is said to them", async (_name, method, body, words) => {
    const before = sent().length;
    slack.next(method, { status: 200, body });
    const since = slack.calls.length;
    await client.slash("export incidents");
    await eventually(
      () => slack.calls.slice(since).find((call) => call.method === "chat.postMessage" && JSON.stringify(call.body).includes(words)),
      "why there is no file",
    );
    expect(sent().length).toBe(before);
  });
});
