import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type AirProcess, startAirProcess } from "../support/air-process.ts";
import { eventually } from "../support/eventually.ts";
import { DATABASES, openTestDb } from "../support/open-test-db.ts";
import type { Accepted, ActionJson, Ask, List } from "../support/running-air.ts";
import { buttonOf, menuOf, overHttp, overSocket, slackClient, type View } from "../support/slack-client.ts";
import { MANIFEST, SLACK_APP_TOKEN, SLACK_SECRET, type SlackEmulator, startSlackEmulator } from "../support/slack-emulator.ts";

/*
 * An incident from its first alert to its summary, as the people of a SOC live it in Slack: once over HTTP in a public channel, once over
 * Socket Mode in a private one. Slack is `emulate` with strict scopes, where air's token holds what its manifest asks for and nothing else;
 * before it stand the limits of Block Kit and of Slack's rates. air is a process of its own and is killed on the way. What counts at the end
 * is what stands in Slack.
 */

const TOKEN = "api-token-of-this-test";
const YAML = `
mode: act
slack: { pace: { perSecond: 15, burst: 3 } }
people: [{ name: Bo Bereitschaft, email: bo@example.com }]
protected: ["device:dc-*"]
roles:
  viewer: ["*@example.com"]
  responder: [bo@example.com, "slack-group:S0EDR"]
  approver: { device: [bo@example.com, "slack-group:S0EDR"] }
`;

type Message = { ts: string; text: string; thread_ts?: string; user: string; files?: { title: string; mimetype?: string }[] };
type Blocks = View["blocks"];
type Sent = { text: string; blocks: Blocks };

const TRANSPORTS = [
  { name: "over HTTP, in a public channel", socket: false, isPrivate: false, database: DATABASES.at(-1) ?? "embedded" },
  { name: "over Socket Mode, in a private channel", socket: true, isPrivate: true, database: "embedded" as const },
];
/** What any of it needed of Slack. */
const needed = new Set<string>();

describe.each(TRANSPORTS)("an incident in Slack, $name", { timeout: 240_000 }, ({ socket, isPrivate, database }) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "air-story-"));
  let slack: SlackEmulator;
  let db: Awaited<ReturnType<typeof openTestDb>> | undefined;
  let air: AirProcess;
  let client: ReturnType<typeof slackClient>;
  let env: Record<string, string>;

  const start = async () => {
    const before = slack.calls.length;
    air = await startAirProcess(folder, env);
    await eventually(() => slack.calls.slice(before).some(({ method }) => method === "auth.test"), "air knows itself");
    if (socket) await eventually(() => slack.sockets() === 1, "the socket");
  };
  beforeAll(async () => {
    slack = await startSlackEmulator({ isPrivate, limits: { faster: 20 } });
    slack.groups.set("S0EDR", [slack.userId]);
    db = database === "postgres" ? await openTestDb("postgres") : undefined;
    fs.writeFileSync(path.join(folder, "air.yaml"), YAML);
    env = {
      AIR_DATA_DIR: folder,
      AIR_CONFIG: path.join(folder, "air.yaml"),
      AIR_API_TOKEN: TOKEN,
      SLACK_BOT_TOKEN: slack.token,
      SLACK_API_URL: slack.apiUrl,
      SLACK_CHANNEL: slack.channel,
      ...(socket ? { SLACK_APP_TOKEN } : { SLACK_SIGNING_SECRET: SLACK_SECRET }),
      ...(db?.url ? { DATABASE_URL: db.url } : {}),
    };
    await start();
    client = slackClient(slack, socket ? overSocket(slack) : overHttp(ask));
  }, 180_000);
  afterAll(async () => {
    for (const scope of slack?.needed ?? []) needed.add(scope);
    await air?.kill();
    await slack?.stop();
    await db?.close();
    fs.rmSync(folder, { recursive: true, force: true });
  });
  beforeEach(() => {
    slack.responses.length = 0;
  });

  /* air, from outside */
  const ask = async (where: string, { method = "GET", headers = {}, raw, body }: Ask = {}) => {
    const answer = await fetch(`${air.url}${where}`, {
      method,
      headers: { authorization: `Bearer ${TOKEN}`, ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers },
      ...(method === "GET" ? {} : { body: raw === undefined ? JSON.stringify(body) : String(raw) }),
    });
    const text = await answer.text();
    return { status: answer.status, headers: {}, text, json: undefined, as: <T>() => JSON.parse(text) as T };
  };
  const read = async <T>(where: string): Promise<T> => (await ask(where)).as<T>();
  const action = (id: string) => read<ActionJson>(`/v1/actions/${id}`);
  const alert = async (id: string, device: string, more: object[] = []) => {
    const process = { kind: "process", commandLine: "vssadmin.exe delete shadows /all /quiet", device, verdict: "malicious" };
    const body = {
      id,
      title: `Ransomware on ${device} <!channel>`,
      severity: "high",
      entities: [{ kind: "device", name: device }, process, ...more],
    };
    const answer = await ask("/v1/alerts/generic", { method: "POST", body });
    expect(answer.status, answer.text).toBe(202);
    return answer.as<Accepted>().accepted[0] ?? { alert: "", incident: "", investigation: null, duplicate: false };
  };
  const isolationOf = (incident: string): Promise<ActionJson> =>
    eventually(
      async () =>
        (await read<List<ActionJson>>("/v1/actions?state=pending&limit=200")).items.find(
          (one) => one.incident === incident && one.kind === "isolate-device",
        ),
      `an isolation in ${incident}`,
      60_000,
    );
  const ends = (id: string, state: string) => eventually(async () => (await action(id)).state === state, `${id} ${state}`, 60_000);

  /* Slack, as it stands */
  const roots = async (): Promise<Message[]> => {
    const { messages } = (await slack.call("conversations.history", { channel: slack.channel, limit: 1000 })) as { messages: Message[] };
    return messages;
  };
  const rootsOf = async (incident: string) => (await roots()).filter(({ text }) => new RegExp(`\\b${incident}\\b`).test(text));
  const rootOf = (incident: string) => eventually(async () => (await rootsOf(incident))[0], `the root card of ${incident}`, 60_000);
  const thread = async (incident: string): Promise<Message[]> => {
    const root = await rootOf(incident);
    const { messages } = (await slack.call("conversations.replies", { channel: slack.channel, ts: root.ts })) as { messages: Message[] };
    return messages.filter(({ ts }) => ts !== root.ts);
  };
  /** How the message was drawn last. */
  const drawn = (ts: string): Sent => {
    const sent = slack.calls.findLast((one) => one.ts === ts || (one.method === "chat.update" && one.body.ts === ts));
    if (!sent) throw new Error(`Nothing was sent as ${ts}.`);
    return sent.body as Sent;
  };
  const cardOf = async (incident: string, id: string, words: string | RegExp = ""): Promise<{ ts: string } & Sent> => {
    const reply = await eventually(
      async () => (await thread(incident)).find(({ text }) => new RegExp(`\\b${id} in `).test(text) && text.match(words)),
      `the card of ${id} with ${words}`,
      60_000,
    );
    return { ...reply, ...drawn(reply.ts) };
  };
  const labels = (blocks: Blocks) =>
    blocks.flatMap((block) => (block.elements ?? []).flatMap((one) => (one.type === "button" ? [one.text?.text ?? ""] : [])));

  /* What people see of what they ask */
  const told = async (what: () => Promise<unknown>): Promise<string> => {
    const since = slack.responses.length;
    await what();
    return eventually(() => slack.responses[since], "a private answer").then((one) => {
      expect(one).toMatchObject({ response_type: "ephemeral", replace_original: false });
      return JSON.stringify(one);
    });
  };
  const bo = () => ({ user: slack.users.get("bo") ?? "" });
  const vi = () => ({ user: slack.users.get("vi") ?? "" });

  let incident = "";
  let isolation: ActionJson;
  test("an alert becomes one root card, though Slack first says wait; what asks stands in its thread", async () => {
    slack.next("chat.postMessage", { status: 429, headers: { "retry-after": "1" }, body: { ok: false, error: "ratelimited" } });
    ({ incident } = await alert("one", "WS-001"));
    const root = await rootOf(incident);
    expect(root.user).toBe(slack.botId);
    isolation = await isolationOf(incident);
    const card = await cardOf(incident, isolation.id, /^LAB Decide: Isolate WS-001\?/);
    expect(labels(card.blocks)).toEqual(["Approve", "Reject", "Details"]);
    expect(menuOf(card.blocks).options?.map((one) => one.text.text)).toContain("Approve for a while");
    await eventually(async () => JSON.stringify(drawn((await rootOf(incident)).ts)).includes(isolation.id), "the root says what waits");
  });

  test("more evidence is drawn into the same card", async () => {
    const before = await rootOf(incident);
    const file = {
      kind: "file",
      name: "eicar.com",
      sha256: "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f",
      device: "WS-001",
    };
    const next = await alert("two", "WS-001", [{ ...file, verdict: "malicious" }]);
    expect(next.incident).toBe(incident);
    await eventually(() => JSON.stringify(drawn(before.ts).blocks).includes("eicar.com"), "the file on the root card", 60_000);
    expect((await rootsOf(incident)).map(({ ts }) => ts)).toEqual([before.ts]);
  });

  test("it answers what is asked: by command, mention and direct message, to whoever asked", async () => {
    expect(await told(() => client.slash(`status ${incident}`))).toContain("WS-001");
    expect(await told(() => client.slash("help"))).toContain("approve <ACT>");
    expect(await told(() => client.slash(`statsu ${incident}`))).toMatch(/Did you mean.{0,20}status/);

    await client.event({
      type: "app_mention",
      user: slack.userId,
      channel: slack.channel,
      ts: "1.5",
      text: `<@${slack.botId}> status ${incident}`,
    });
    const mention = await eventually(
      () => slack.calls.find(({ method, body }) => method === "chat.postEphemeral" && JSON.stringify(body).includes("WS-001")),
      "the answer to the mention",
    );
    expect(mention.body).toMatchObject({ channel: slack.channel, user: slack.userId });

    const opened = (await slack.call("conversations.open", { users: slack.botId })) as { channel: { id: string } };
    const direct = opened.channel.id;
    await client.event({ type: "message", channel_type: "im", user: slack.userId, channel: direct, ts: "1.6", text: `status ${incident}` });
    const history = async () => ((await slack.call("conversations.history", { channel: direct })) as { messages: Message[] }).messages;
    const [answer] = await eventually(async () => ((await history()).length > 0 ? history() : undefined), "the answer in the conversation");
    // The same words, whichever way it was asked.
    expect(answer?.text).toBe(mention.body.text);
  });

  test("who may not decide is refused in private, and nothing happens", async () => {
    const { blocks } = await cardOf(incident, isolation.id);
    expect(await told(() => client.press(buttonOf(blocks, "Approve"), undefined, vi()))).toContain("approver for device");
    const opened = () => slack.calls.filter(({ method }) => method === "views.open").length;
    const before = opened();
    // No form opens in which a reason would be typed in vain.
    expect(await told(() => client.press(buttonOf(blocks, "Reject"), undefined, vi()))).toContain("approver for device");
    expect(opened()).toBe(before);
    expect((await action(isolation.id)).state).toBe("pending");
  });

  test("approved for two hours from the menu; what came of it stands on the card, and Undo takes it back", async () => {
    const { blocks, ts } = await cardOf(incident, isolation.id);
    const form = await client.choose(menuOf(blocks), "Approve for a while");
    expect((await client.submit(form, { for: "2h", reason: "until Monday" })).text).toBe("");
    await ends(isolation.id, "succeeded");
    const done = await cardOf(incident, isolation.id, /^LAB Done: Isolate WS-001/);
    expect(done.ts).toBe(ts);
    expect(JSON.stringify(done.blocks)).toMatch(/Ana Analyst.*Ends by itself/);
    await client.press(buttonOf(done.blocks, "Undo"));
    await ends(isolation.id, "undone");
    expect((await cardOf(incident, isolation.id, /^LAB Undone: Isolate WS-001/)).ts).toBe(ts);
  });

  test("rejected with a reason, which the thread keeps", async () => {
    const { incident: other } = await alert("three", "WS-002");
    const { id } = await isolationOf(other);
    const { blocks } = await cardOf(other, id);
    const form = await client.opens(() => client.press(buttonOf(blocks, "Reject")));
    expect((await client.submit(form, {})).text).toContain("Please fill this in");
    expect((await client.submit(form, { reason: "a test of ours" })).text).toBe("");
    await ends(id, "rejected");
    expect(JSON.stringify((await cardOf(other, id, /^LAB Rejected/)).blocks)).toContain("a test of ours");
  });

  test("a note from the menu and a verdict of a person's are taken", async () => {
    const form = await client.choose(menuOf(drawn((await rootOf(incident)).ts).blocks), "Write a note");
    expect((await client.submit(form, { text: "spoke to the owner" })).text).toBe("");
    const { investigations } = await read<{ investigations: string[] }>(`/v1/incidents/${incident}`);
    const { evidence } = await read<{ evidence: { id: string; entity: { kind: string } }[] }>(`/v1/investigations/${investigations[0]}`);
    const file = evidence.find((one) => one.entity.kind === "file");
    expect(await told(() => client.slash(`verdict ${file?.id} clean a test file of ours`))).toContain(String(file?.id));
  });

  test("killed while its post is on the way: found again by its marker, and the same threads go on", async () => {
    const before = await roots();
    slack.next("chat.postMessage", "lost");
    const { incident: other } = await alert("four", "DC-01");
    await eventually(async () => (await roots()).length === before.length + 1, "a post nobody heard of", 60_000);
    await air.kill();
    await start();
    const { id } = await isolationOf(other);
    const { blocks } = await cardOf(other, id, /^LAB Decide: Isolate DC-01\?/);
    expect(await roots()).toHaveLength(before.length + 1);

    // Protected: its name is typed, and two people decide.
    expect(JSON.stringify(blocks)).toContain("0 of 2");
    const first = await client.opens(() => client.press(buttonOf(blocks, "Approve")));
    expect((await client.submit(first, { name: "DC-02" })).text).toMatch(/DC-01/);
    expect((await client.submit(first, { name: "DC-01" })).text).toBe("");
    const half = await eventually(async () => {
      const card = await cardOf(other, id);
      return JSON.stringify(card.blocks).includes("1 of 2") ? card : undefined;
    }, "1 of 2 on the card");
    expect((await action(id)).state).toBe("pending");
    const again = await client.opens(() => client.press(buttonOf(half.blocks, "Approve")));
    expect((await client.submit(again, { name: "DC-01" })).text).toContain("already");
    const second = await client.opens(() => client.press(buttonOf(half.blocks, "Approve"), undefined, bo()));
    expect((await client.submit(second, { name: "DC-01" }, bo())).text).toBe("");
    await ends(id, "succeeded");
    expect(JSON.stringify((await cardOf(other, id, /^LAB Done: Isolate DC-01/)).blocks)).toMatch(/Ana Analyst, Bo Bereitschaft/);
  });

  test("while Slack is away a decision is taken by HTTP and carried out; when it is back the cards say so", async () => {
    const { incident: other } = await alert("away", "WS-006");
    const { id } = await isolationOf(other);
    const { ts } = await cardOf(other, id, /^LAB Decide/);
    slack.always({ status: 503 });
    const late = await alert("away too", "WS-007");
    const decided = await ask(`/v1/actions/${id}/decision`, { method: "POST", body: { decision: "approve" } });
    expect(decided.status, decided.text).toBe(200);
    await ends(id, "succeeded");
    expect(await rootsOf(late.incident)).toEqual([]);
    slack.always(undefined);
    expect((await cardOf(other, id, /^LAB Done: Isolate WS-006/)).ts).toBe(ts);
    await rootOf(late.incident);
  });

  test("the home tab shows what waits and changes with it", async () => {
    const { incident: other } = await alert("five", "WS-005");
    const { id } = await isolationOf(other);
    const homes = () =>
      slack.calls
        .filter(({ method, body }) => method === "views.publish" && body.user_id === slack.userId)
        .map(({ body }) => body.view as View);
    await client.event({ type: "app_home_opened", user: slack.userId, tab: "home", channel: "D1" });
    const home = await eventually(() => homes().find((view) => JSON.stringify(view).includes(`${id}: `)), "the home tab");
    const place = { container: { type: "view", view_id: "VHOME" }, view: { id: "VHOME", type: "home", private_metadata: "" } };
    const approve = home.blocks
      .flatMap((block) => block.elements ?? [])
      .find((one) => one.value?.startsWith(`${id}.`) && one.text?.text === "Approve");
    await client.press(approve ?? { type: "none" }, place);
    await eventually(() => !JSON.stringify(homes().at(-1)).includes(`${id}.`), "the home tab drawn again", 60_000);
    await ends(id, "succeeded");
  });

  test("Investigate on a message with a defanged address", async () => {
    const on = {
      type: "message_action",
      callback_id: "air:investigate",
      channel: { id: slack.channel },
      response_url: slack.responseUrl,
      message: { ts: "1.1", text: "seen today: hxxps://evil[.]example/a" },
    };
    expect(await told(() => client.shortcut(on))).toMatch(/INV-\d+/);
  });

  test("the picture of a graph and a list arrive as files, with whoever asked", async () => {
    const { investigations } = await read<{ investigations: string[] }>(`/v1/incidents/${incident}`);
    await client.slash(`graph ${investigations[0]}`);
    await client.slash("export actions");
    const opened = (await slack.call("conversations.open", { users: slack.botId })) as { channel: { id: string } };
    const files = async () => {
      const { messages } = (await slack.call("conversations.history", { channel: opened.channel.id, limit: 200 })) as {
        messages: Message[];
      };
      return messages.flatMap((message) => message.files ?? []);
    };
    await eventually(async () => (await files()).length === 2, "two files", 60_000);
    const bytes = [...slack.uploads.values()];
    expect(bytes.some((one) => one.subarray(1, 4).toString() === "PNG")).toBe(true);
    expect(bytes.some((one) => one.toString().includes(isolation.id))).toBe(true);
    // In the channel nobody sees what one person asked for.
    expect((await roots()).flatMap((message) => message.files ?? [])).toEqual([]);
  });

  test("closing leaves one summary, below what people wrote and what they judged", async () => {
    const { ts: root } = await rootOf(incident);
    // The emulator takes five thousand calls an hour: for what comes by the sweep the proxy is asked.
    const posted = (words: string) =>
      slack.calls.some(
        ({ method, body }) => method === "chat.postMessage" && body.thread_ts === root && JSON.stringify(body).includes(words),
      );
    for (const words of ["spoke to the owner", "a test file of ours"])
      await eventually(() => posted(words), `"${words}" in the thread`, 60_000);
    const pending = async () =>
      (await read<List<ActionJson>>("/v1/actions?state=pending&limit=200")).items.filter((one) => one.incident === incident);
    for (const open of await pending()) await client.slash(`reject ${open.id} not needed any more`);
    await eventually(async () => (await pending()).length === 0, "nothing waits");
    const close = await client.opens(() => client.slash(`close ${incident}`, bo()));
    expect((await client.submit(close, { classification: "truePositive", determination: "malware" }, bo())).text).toBe("");
    await eventually(() => posted("closed as true positive"), "the summary", 60_000);
  });

  test("in the end Slack holds one root a card, one card an action, one summary, and every word of them is the database's", async () => {
    const { items: incidents } = await read<List<{ id: string; status: string }>>("/v1/incidents?limit=200");
    const { items: actions } = await read<List<ActionJson>>("/v1/actions?limit=200");
    const all = await roots();
    const shown = incidents.filter(({ id }) => all.some(({ text }) => new RegExp(`\\b${id}\\b`).test(text)));
    expect(shown.length).toBeGreaterThanOrEqual(4);
    for (const { id } of shown) {
      expect([id, (await rootsOf(id)).length]).toEqual([id, 1]);
      const replies = await thread(id);
      for (const one of actions.filter((row) => row.incident === id)) {
        const cards = replies.filter(({ text }) => new RegExp(`: .*${one.id} in ${id}`).test(text));
        if (cards.length === 0) continue;
        expect([one.id, cards.length]).toEqual([one.id, 1]);
        await eventually(async () => {
          const [card] = (await thread(id)).filter(({ text }) => new RegExp(`: .*${one.id} in ${id}`).test(text));
          return card?.text.replace(/^LAB /, "").startsWith(`${WORD[(await action(one.id)).state]}:`);
        }, `the card of ${one.id} says what it is`);
      }
      expect(replies.filter(({ text }) => /closed as/.test(text))).toHaveLength(id === incident ? 1 : 0);
      // Nobody was called by what an alert said.
      for (const { text } of [...replies, ...all]) expect(text).not.toContain("<!channel>");
    }
    // Whatever was posted twice would stand there twice: no marker does.
    const markers = slack.calls.flatMap(({ method, body }) =>
      method === "chat.postMessage" && body.metadata ? [JSON.stringify(body.metadata)] : [],
    );
    expect(markers.length).toBe(new Set(markers).size);
    expect(slack.limited).toEqual([]);
  });
});

/** The first words of an action's card, by its state in the database. */
const WORD: Readonly<Record<string, string>> = {
  pending: "Decide",
  approved: "Approved",
  executing: "Executing",
  succeeded: "Done",
  failed: "Failed",
  rejected: "Rejected",
  cancelled: "Cancelled",
  expired: "Expired, nothing was done",
  undone: "Undone",
};

test("the manifest asks for what the story needed, and for nothing else", () => {
  // Nobody is on call here: what a message to one person alone needs is seen in direct-message.test.ts.
  expect([...needed, "im:write"].toSorted()).toEqual(MANIFEST.oauth_config.scopes.bot.toSorted());
});
