import fs from "node:fs";
import path from "node:path";
import { type Browser, chromium, type Locator, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { PEOPLE, PLACES, type Playground, startPlayground } from "../support/playground.ts";
import { type Accepted, type ActionJson, openAir, type TestAir } from "../support/running-air.ts";
import { teamsClient, wordsOf } from "../support/teams-client.ts";

/* What a person sees of an incident in Teams: Microsoft's own test client in a browser, from the alert to the closing summary. */
const executablePath = process.env.AIR_TEST_CHROMIUM;
const OUT = path.resolve("test/out");
const TOKEN = "api-token-of-this-test";
const admin = { authorization: `Bearer ${TOKEN}` };
const YAML = `
channels: [{ teams: ${PLACES.channel}, post: all }]
people:
  - { name: Ana Analyst, email: ana@contoso.com, teams: ${PEOPLE.ana.aadObjectId} }
  - { name: Bob Boss, email: bob@contoso.com, teams: ${PEOPLE.bob.aadObjectId} }
roles:
  admin: [bob@contoso.com]
  approver: { device: [ana@contoso.com, bob@contoso.com], identity: [bob@contoso.com] }
  responder: [ana@contoso.com]
  viewer: ["*@contoso.com"]
`;

describe.skipIf(!executablePath)("Teams in a browser", { timeout: 180_000 }, () => {
  let air: TestAir;
  let playground: Playground;
  let browser: Browser;
  let page: Page;
  let client: ReturnType<typeof teamsClient>;
  beforeAll(async () => {
    fs.mkdirSync(OUT, { recursive: true });
    air = await openAir({ env: { TEAMS_ANONYMOUS: "1", AIR_API_TOKEN: TOKEN }, yaml: YAML });
    playground = await startPlayground(air.url);
    client = teamsClient(playground);
    browser = await chromium.launch({ executablePath: executablePath ?? "", args: ["--no-sandbox", "--disable-gpu"] });
    page = await browser.newPage({ viewport: { width: 1280, height: 1000 } });
    page.setDefaultTimeout(20_000);
    await page.goto(playground.url, { waitUntil: "domcontentloaded" });
    await page.getByText("Connected.").first().waitFor();
  }, 180_000);
  afterAll(async () => {
    await browser?.close();
    await playground?.stop();
    await air?.remove();
  }, 180_000);

  const open = (name: string) => page.getByRole("treeitem", { name }).click();
  const type = async (text: string, { mention = false, send = "Send Message" } = {}) => {
    await page.getByRole("textbox").first().click();
    if (mention) {
      await page.keyboard.type("@");
      await page.getByRole("menuitem", { name: "AIR" }).click();
      await page.keyboard.type(" ");
    }
    await page.keyboard.type(text);
    await page.getByRole("button", { name: send, exact: true }).click();
  };
  /** The card that says this, as the client draws it. */
  const card = (words: string): Locator => page.locator(".ac-adaptiveCard", { hasText: words }).last();
  /** The card whole, and the page around it; nothing of a card sticks out of it sideways. */
  const picture = async (name: string, shown: Locator) => {
    await shown.scrollIntoViewIfNeeded();
    expect(await shown.evaluate((one) => one.scrollWidth - one.clientWidth)).toBeLessThanOrEqual(1);
    await shown.screenshot({ path: path.join(OUT, `teams-${name}.png`) });
    await page.screenshot({ path: path.join(OUT, `teams-page-${name}.png`) });
  };
  /** From the menu behind the three dots. */
  const more = async (shown: Locator, title: string) => {
    await shown.getByRole("button", { name: "More options" }).click();
    await page
      .getByRole("menuitem", { name: title })
      .or(page.getByRole("button", { name: title }))
      .last()
      .click();
  };
  const alert = async (name: string, user = `owner-of-${name.toLowerCase()}@contoso.com`) => {
    const body = {
      id: `browser-${name}`,
      title: `Malware on ${name}`,
      severity: "high",
      entities: [
        { kind: "device", name },
        { kind: "user", email: user },
        { kind: "process", commandLine: "vssadmin.exe delete shadows /all /quiet", device: name, verdict: "malicious" },
      ],
    };
    const incident = (await air.post("/v1/alerts/generic", body, admin)).as<Accepted>().accepted[0]?.incident ?? "";
    const asked = await client.message(`Isolate ${name}?`);
    const action = /ACT-\d+/.exec(wordsOf(asked.card))?.[0] ?? "";
    return { incident, action };
  };
  const read = async (action: string) => (await air.ask(`/v1/actions/${action}`, { headers: admin })).as<ActionJson>();

  test("in a chat with air: what waits, lists, help", async () => {
    await open("Personal Chat");
    await type("whoami");
    await card("You are Ana Analyst").waitFor();
    await type("help");
    await card("What air understands").waitFor();
    await picture("help", card("What air understands"));
    await type("status");
    await card("What is going on").waitFor();
    await picture("status", card("What is going on"));
    await type("list");
    await card("Incidents").waitFor();
    await picture("list", card("Incidents"));
  });

  test("an incident in its channel: approved, rejected with a reason, a note, closed with a summary", async () => {
    await playground.say("ana", "channel", "whoami");
    await client.message("You are Ana");
    const one = await alert("WS-APPROVE");
    await open("incidents");
    await card(`${one.incident}: Malware`).waitFor();
    await picture("incident", card(`${one.incident}: Malware`));
    const asking = card(`${one.action}: Isolate`);
    await picture("asks", asking);
    await asking.getByRole("button", { name: "Approve", exact: true }).click();
    await eventually(async () => (await read(one.action)).state === "succeeded", "the isolation", 60_000);
    await card(`${one.action}: Isolate`).getByText("Done", { exact: false }).first().waitFor();
    await picture("approved", card(`${one.action}: Isolate`));

    const two = await alert("WS-REJECT");
    const other = () => card(`${two.action}: Isolate`);
    await other().getByRole("button", { name: "Reject", exact: true }).click();
    await other().getByText("please fill this in").waitFor();
    await picture("reason", other());
    await other().locator("textarea").fill("It is a test of ours");
    await other().getByRole("button", { name: "Reject", exact: true }).click();
    await other().getByText("It is a test of ours").waitFor();
    await picture("rejected", other());

    const root = () => card(`${two.incident}: Malware`);
    await more(root(), "Write a note");
    const form = card(`Note on ${two.incident}`);
    await form.waitFor();
    await picture("form", form);
    await form.locator("textarea").fill("Called the owner");
    await form.getByRole("button", { name: "Save" }).click();
    await card("Noted").waitFor();
    await picture("noted", card("Noted"));
    await card("Noted").getByRole("button", { name: "Back" }).click();
    await more(root(), "Close");
    const closing = card(`Close ${two.incident}`);
    await closing.waitFor();
    await picture("closing", closing);
    await closing.getByRole("combobox").first().click();
    await page.getByRole("option").nth(1).click();
    await closing.locator("textarea, input[type=text]").last().fill("A test of ours");
    await closing.getByRole("button", { name: "Close" }).click();
    await card(`${two.incident} closed`).waitFor();
    await picture("summary", card(`${two.incident} closed`));
    await eventually(
      () =>
        wordsOf(playground.shown.find(({ card: one }) => wordsOf(one).includes(`${two.incident}: Malware`))?.card).includes(
          "High severity, closed",
        ),
      "the root card says it",
    );
    await picture("closed", root());

    // Whoever is named in the incident does not decide about it; only they are told.
    const three = await alert("WS-OWN", "ana@contoso.com");
    await card(`${three.action}: Isolate`).getByRole("button", { name: "Approve", exact: true }).click();
    await page.getByText("You are named in this incident").first().waitFor();
    await picture("refused", card(`${three.action}: Isolate`));
  });
});
