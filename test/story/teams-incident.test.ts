import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { PEOPLE, PLACES, type Playground, type Shown, type ShownCard, startPlayground } from "../support/playground.ts";
import { type Accepted, type ActionJson, type List, openAir, type TestAir } from "../support/running-air.ts";
import { invokeOf } from "../support/teams-activity.ts";
import { actionOf, actionsOf, cardIn, teamsClient, toastIn, wordsOf } from "../support/teams-client.ts";

/* An incident in Teams, from the alert to its end, through the real air and Microsoft's own test client with several people in it. */
const TOKEN = "api-token-of-this-test";
const admin = { authorization: `Bearer ${TOKEN}` };
const YAML = `
channels: [{ teams: ${PLACES.channel}, post: all }]
people:
  - { name: Ana, email: ana@contoso.com, teams: ${PEOPLE.ana.aadObjectId.toUpperCase()} }
  - { name: Bob, email: bob@contoso.com, teams: ${PEOPLE.bob.aadObjectId} }
  - { name: Dee, email: dee@contoso.com, teams: ${PEOPLE.dee.aadObjectId} }
roles:
  admin: [bob@contoso.com]
  approver: { device: [ana@contoso.com, bob@contoso.com], identity: [ana@contoso.com], email: [], network: [], app: [] }
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
  // From its first words in the channel air knows where Teams is.
  await playground.say("ana", "channel", "whoami");
  await client.message("You are Ana");
}, 180_000);
afterAll(async () => {
  await playground?.stop();
  await air?.remove();
}, 180_000);

async function malware(name: string): Promise<{ incident: string; action: ActionJson; card: Shown }> {
  const body = {
    id: `teams-${name}`,
    title: `Malware on ${name} <at>everyone</at>`,
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
  return { incident, action, card: await client.message(`${action.id}: Isolate ${name}?`) };
}
const read = async (id: string) => (await air.ask(`/v1/actions/${id}`, { headers: admin })).as<ActionJson>();
const audit = async () =>
  (await air.ask("/v1/audit", { headers: admin }))
    .as<{ items: { line: string }[] }>()
    .items.map(({ line }) => JSON.parse(line) as { event: string; subject: string });
const notes = async (incident: string) =>
  (await audit()).filter(({ event, subject }) => event === "incident.note" && subject === incident).length;

describe("an incident in a channel", { timeout: 180_000 }, () => {
  test("is one thread: its card, and the action's in it; Ana approves while Bob rejects, and one decision counts for both", async () => {
    const { incident, action, card } = await malware("WS-RACE");
    const root = await client.message(`${incident}: Malware on WS-RACE`);
    expect(root.conversation).toBe(`${PLACES.channel};messageid=${root.id}`);
    expect(card.conversation).toBe(root.conversation);
    expect(card.id).not.toBe(root.id);

    const [ana, bob] = await Promise.all([client.press("ana", card, "Approve"), client.press("bob", card, "Reject", "not this one")]);
    const decided = await eventually(async () => (await read(action.id)).decision, "a decision");
    const [won, lost] = decided.decision === "approve" ? [ana, bob] : [bob, ana];
    expect(decided).toMatchObject({ by: won === ana ? "Ana" : "Bob", via: "teams" });
    // Who decided sees at once what everybody will see; who came second is told who was first.
    expect(wordsOf(cardIn(won))).toContain(action.id);
    expect(actionsOf(cardIn(won)).map(({ title }) => title)).not.toContain("Approve");
    expect(toastIn(lost)).toMatch(/already (approved|rejected) by (Ana|Bob)/i);
    await eventually(
      () => card.updates > 0 && !actionsOf(card.card).some(({ title }) => title === "Approve"),
      "the message changed for everybody",
    );
    const decisions = (await audit()).filter(({ event, subject }) => /^decision\.(approve|reject)$/.test(event) && subject === action.id);
    expect(decisions).toHaveLength(1);
  });

  test("a rejection wants its reason, and says who and why on the card", async () => {
    const { action, card } = await malware("WS-REJECT");
    expect(toastIn(await client.press("bob", card, "Reject"))).toContain("Say why");
    expect((await read(action.id)).state).toBe("pending");
    const answer = cardIn(await client.press("bob", card, "Reject", "a test of ours"));
    expect(wordsOf(answer)).toMatch(/Rejected by Bob/);
    expect(wordsOf(answer)).toContain("a test of ours");
    expect((await read(action.id)).decision).toMatchObject({ decision: "reject", by: "Bob", via: "teams" });
  });

  test("a client that draws the card again decides nothing", async () => {
    const { action, card } = await malware("WS-REFRESH");
    const drawn = await client.execute("ana", card, actionOf(card.card, "Approve"), {}, "automatic");
    expect(wordsOf(cardIn(drawn))).toContain(action.id);
    expect((await read(action.id)).state).toBe("pending");
  });

  test("who may not decide is told why; a button of another card, or an altered one, does nothing", async () => {
    const { action, card } = await malware("WS-ROLES");
    expect(toastIn(await client.press("dee", card, "Approve"))).toMatch(/role|approver/i);
    expect(toastIn(await client.press("cy", card, "Approve"))).toMatch(/role|approver/i);
    const approve = actionOf(card.card, "Approve");
    const altered = { ...approve, data: { value: String(approve.data?.value).replace(/.$/, (last) => (last === "0" ? "1" : "0")) } };
    expect(toastIn(await client.execute("ana", card, altered))).toMatch(/another air|not made by this air/);
    expect((await read(action.id)).state).toBe("pending");
  });
});

describe("forms", { timeout: 180_000 }, () => {
  test("a note: opened in the card's place, asked for again when it is empty, written once, and back to the card", async () => {
    const { incident } = await malware("WS-FORM");
    const root = await client.message(`${incident}: Malware on WS-FORM`);
    const form = cardIn(await client.press("ana", root, "Write a note"));
    expect(wordsOf(form)).toContain(`Note on ${incident}`);
    expect(form.body.at(-1)).toMatchObject({ type: "Input.Text", id: "f.text", isRequired: true });
    // Nobody else sees the form.
    expect(wordsOf(root.card)).not.toContain("Note on");

    const empty = cardIn(await client.execute("ana", root, actionOf(form, "Save"), { "f.text": "  " }));
    expect(wordsOf(empty)).toContain("Please fill this in.");
    const saved = cardIn(await client.execute("ana", root, actionOf(form, "Save"), { "f.text": "Called the owner" }));
    expect(wordsOf(saved)).toContain("Noted");
    expect(await notes(incident)).toBe(1);
    const back = cardIn(await client.execute("ana", root, actionOf(saved, "Back")));
    expect(wordsOf(back)).toContain(`${incident}: Malware on WS-FORM`);
  });

  test("approving for a while, with what is chosen in the form; then undone from the card", async () => {
    const { action, card } = await malware("WS-WHILE");
    const form = cardIn(await client.press("ana", card, "Approve for a while"));
    const answer = cardIn(await client.execute("ana", card, actionOf(form, "Approve"), { "f.for": "2h" }));
    expect(wordsOf(answer)).toContain(action.id);
    await eventually(async () => (await read(action.id)).state === "succeeded", "the isolation", 60_000);
    await eventually(() => actionsOf(card.card).some(({ title }) => title.startsWith("Undo")), "the button Undo", 60_000);
    const undo = actionsOf(card.card).find(({ title }) => title.startsWith("Undo"));
    await client.press("ana", card, undo?.title ?? "");
    await eventually(async () => (await read(action.id)).state === "undone", "the undo", 60_000);
  });

  test("as a dialog, where the client asks for one; and from a message, with what it names", async () => {
    const { incident } = await malware("WS-DIALOG");
    // The test client knows no dialogs: the same requests, as Teams sends them.
    const dialog = async (name: string, data: Record<string, string>) => {
      const { aadObjectId, name: called } = PEOPLE.ana;
      const activity = invokeOf(name, { data }, { place: "group", person: { aadObjectId, name: called } });
      return (await air.post("/api/messages", activity)).json;
    };
    const card = { content: { type: "AdaptiveCard", actions: [{ type: "Action.Submit", title: "Save" }] } };
    expect(await dialog("task/fetch", { ref: `note ${incident}` })).toMatchObject({
      task: { type: "continue", value: { title: `Note on ${incident}`, card } },
    });
    expect(await dialog("task/submit", { ref: `note ${incident}` })).toMatchObject({ task: { type: "continue", value: { card } } });
    expect(await notes(incident)).toBe(0);
    expect(await dialog("task/submit", { ref: `note ${incident}`, "f.text": "by a dialog" })).toMatchObject({
      task: { type: "message", value: expect.stringContaining("Noted") },
    });
    expect(await notes(incident)).toBe(1);

    const message = { body: { contentType: "html", content: '<p>look at <a href="https://evil.example/x">this</a> and 203.0.113.7</p>' } };
    const asked = await playground.invoke("ana", "composeExtension/fetchTask", PLACES.group, "", {
      commandId: "investigate",
      commandContext: "message",
      messagePayload: message,
    });
    const content = (asked.body as { task: { value: { card: { content: ShownCard } } } }).task.value.card.content;
    expect(JSON.stringify(content.body.at(-1)?.choices)).toBe(
      '[{"title":"hxxps://evil[.]example/x (URL)","value":"0"},{"title":"203[.]0[.]113[.]7 (IP address)","value":"1"}]',
    );
    const ref = content.actions?.[0]?.data?.ref;
    const started = await playground.invoke("ana", "composeExtension/submitAction", PLACES.group, "", {
      commandId: "investigate",
      data: { ref, "f.what": "0" },
    });
    expect(JSON.stringify(started.body)).toMatch(/INV-\d+|Already running/);
  });
});

describe("commands", { timeout: 180_000 }, () => {
  test("in a group chat with a mention, in a personal chat without; answered where they were asked", async () => {
    const said = (where: string, words: string) =>
      eventually(
        () => playground.shown.find((one) => one.conversation === where && wordsOf(one.card).includes(words)),
        `${words} in ${where}`,
      );
    await playground.say("ana", "group", "whoami");
    await said(PLACES.group, "You are Ana");
    await playground.say("ana", "personal", "whoami");
    await said(PLACES.personal, "You are Ana");
    // A command without the rest of it is a form, and closed for everybody once it is filled in.
    const { incident } = await malware("WS-TYPED");
    await playground.say("ana", "personal", `note ${incident}`);
    const form = await said(PLACES.personal, `Note on ${incident}`);
    await client.execute("ana", form, actionOf(form.card, "Save"), { "f.text": "typed" });
    await eventually(() => wordsOf(form.card).includes("Noted"), "the form closed");
    expect(await notes(incident)).toBe(1);
  });
});
