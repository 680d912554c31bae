import fs from "node:fs";
import path from "node:path";
import { type Browser, type BrowserContext, chromium, type Locator, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { openAir, type TestAir } from "../support/running-air.ts";

const executablePath = process.env.AIR_TEST_CHROMIUM;
const OUT = path.resolve("test/out");
const WIDE = { width: 1280, height: 900 };
const NARROW = { width: 390, height: 844 };

describe.skipIf(!executablePath)("the console in a browser", { timeout: 180_000 }, () => {
  let air: TestAir;
  let browser: Browser;
  const contexts: BrowserContext[] = [];
  const complaints: string[] = [];
  beforeAll(async () => {
    fs.mkdirSync(OUT, { recursive: true });
    air = await openAir();
    browser = await chromium.launch({ executablePath: executablePath ?? "", args: ["--no-sandbox"] });
  });
  afterAll(async () => {
    await browser?.close();
    await air?.remove();
  });
  afterEach(async () => {
    for (const context of contexts.splice(0)) await context.close();
    // Whatever the page itself complained of: a refused script, a broken answer, an exception.
    expect(complaints.splice(0)).toEqual([]);
  });

  async function open(more: Parameters<Browser["newContext"]>[0] = {}): Promise<Page> {
    const context = await browser.newContext({ viewport: WIDE, reducedMotion: "reduce", ...more });
    contexts.push(context);
    const page = await context.newPage();
    page.setDefaultTimeout(15_000);
    page.on("pageerror", (error) => complaints.push(error.message));
    page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
    await page.goto(air.url);
    await page.getByText("Live", { exact: true }).waitFor();
    return page;
  }
  const actAs = async (page: Page, persona: string) => {
    await Promise.all([page.waitForEvent("load"), page.getByLabel("Act as").selectOption(persona)]);
    await page.getByText("Live", { exact: true }).waitFor();
  };
  /** Plays a story by its button and gives its incident, as the note names it. */
  const play = async (page: Page, title: string): Promise<string> => {
    await page.getByRole("button", { name: title }).click();
    const note = page.locator("#notes .told", { hasText: `Playing: ${title}` }).first();
    const incident = /INC-\d+/.exec((await note.textContent()) ?? "")?.[0] ?? "";
    await note.getByRole("button", { name: "Close" }).click();
    return incident;
  };
  const thread = (page: Page, incident: string) => page.locator(`#${incident}-thread`);
  const card = (page: Page, incident: string, title: string | RegExp): Locator =>
    page.locator(`#${incident}-replies article`, { has: page.getByRole("heading", { name: title }) });
  /** Nothing on the page sticks out sideways, at this width. */
  const fits = async (page: Page) =>
    expect(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)).toBeLessThanOrEqual(0);
  const picture = async (page: Page, name: string) => {
    for (const [size, viewport] of [
      ["1280", WIDE],
      ["390", NARROW],
    ] as const) {
      await page.setViewportSize(viewport);
      await fits(page);
      const height = await page.evaluate(() => document.documentElement.scrollHeight);
      const clip = { x: 0, y: 0, width: viewport.width, height: Math.min(height, 2400) };
      await page.screenshot({ path: path.join(OUT, `${name}-${size}.png`), fullPage: true, clip });
    }
    await page.setViewportSize(WIDE);
  };

  test("ransomware by its button: the card comes by itself, Approve in the thread, Done; the lab shows it", async () => {
    const page = await open();
    await page.getByText("Quiet. Play a story").waitFor();
    await picture(page, "empty");
    const incident = await play(page, "Ransomware on a workstation");
    await thread(page, incident).waitFor();
    const isolate = card(page, incident, /Isolate WS-/);
    await isolate.getByText("Pending", { exact: true }).waitFor();
    await card(page, incident, /Quarantine/)
      .getByText("Done", { exact: true })
      .first()
      .waitFor();
    await picture(page, "pending");
    await isolate.getByRole("button", { name: "Approve" }).click();
    await isolate.getByText("Done", { exact: true }).first().waitFor();
    expect(await isolate.textContent()).toContain("Mia Keller");
    expect(await isolate.getByRole("button", { name: "Approve" }).count()).toBe(0);
    await page.locator("#lab summary", { hasText: "Devices" }).click();
    await page.locator("#lab li", { hasText: "1 in quarantine" }).getByText("Isolated", { exact: true }).waitFor();
    await page.getByRole("tab", { name: "History" }).click();
    await page
      .locator("#panel-history")
      .getByText(/Isolate WS/)
      .waitFor();
    await picture(page, "done");
  });

  test("the keyboard alone reaches a button and presses it; focus stays where it was", async () => {
    const page = await open();
    const incident = await play(page, "Ransomware on a workstation");
    const approve = card(page, incident, /Isolate /).getByRole("button", { name: "Approve" });
    await approve.waitFor();
    await page.reload();
    await page.getByText("Live", { exact: true }).waitFor();
    await page.keyboard.press("Tab");
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe("Skip to the channel");
    await page.keyboard.press("Enter");
    const id = await approve.getAttribute("id");
    let steps = 0;
    while ((await page.evaluate(() => document.activeElement?.id)) !== id && steps++ < 40) await page.keyboard.press("Tab");
    expect(steps).toBeLessThan(40);
    // A ring shows where the keyboard is.
    expect(await approve.evaluate((button) => getComputedStyle(button).outlineStyle)).toBe("solid");
    await page.screenshot({ path: path.join(OUT, "keyboard-1280.png") });
    await page.keyboard.press("Enter");
    await card(page, incident, /Isolate /)
      .getByText("Done", { exact: true })
      .first()
      .waitFor();
    // What is said aloud: the news, in a live region.
    await eventually(async () => ((await page.locator("#news").textContent()) ?? "").length > 0, "news for a screen reader");
  });

  test("reject asks for a reason in place; without one nothing is sent, and a redraw keeps what was typed", async () => {
    const page = await open();
    const incident = await play(page, "Ransomware on a workstation");
    const isolate = card(page, incident, /Isolate /);
    await isolate.locator("summary", { hasText: "Reject" }).click();
    const reason = isolate.getByLabel("Why not?");
    await reason.fill("CFO is on stage");
    // Something else happens meanwhile; the page draws itself anew.
    const other = await play(page, "A stolen session");
    await thread(page, other).waitFor();
    expect(await reason.inputValue()).toBe("CFO is on stage");
    await picture(page, "rejecting");
    await reason.fill("");
    await isolate.getByRole("button", { name: "Reject" }).click();
    expect(await reason.evaluate((field: HTMLTextAreaElement) => field.validity.valueMissing)).toBe(true);
    expect(await isolate.getByText("Pending", { exact: true }).count()).toBe(1);
    await reason.fill("CFO is on stage");
    await isolate.getByRole("button", { name: "Reject" }).click();
    await isolate.getByText("Rejected", { exact: true }).first().waitFor();
    expect(await isolate.textContent()).toContain("CFO is on stage");
  });

  test("a viewer is refused in private: nobody else's page says so, and nothing happens", async () => {
    const mia = await open();
    const incident = await play(mia, "Ransomware on a workstation");
    await card(mia, incident, /Isolate /).waitFor();
    const vic = await open();
    await actAs(vic, "vic");
    const isolate = card(vic, incident, /Isolate /);
    await isolate.getByRole("button", { name: "Approve" }).click();
    await vic.locator("#notes").getByText("needs the role approver for device").waitFor();
    await vic.setViewportSize(NARROW);
    await vic.screenshot({ path: path.join(OUT, "refused-390.png") });
    expect(await isolate.getByText("Pending", { exact: true }).count()).toBe(1);
    expect(await mia.getByText("needs the role approver").count()).toBe(0);
  });

  test("isolating a domain controller takes two people; each sees the other's page move", async () => {
    const sent = await air.post("/v1/alerts/generic", {
      id: "browser-dc",
      title: "Credential dumping on DC-01",
      severity: "critical",
      entities: [
        { kind: "device", name: "DC-01" },
        {
          kind: "process",
          commandLine: 'mimikatz.exe "privilege::debug" "sekurlsa::logonpasswords" exit',
          device: "DC-01",
          verdict: "malicious",
        },
      ],
    });
    const incident = sent.as<{ accepted: { incident: string }[] }>().accepted[0]?.incident ?? "";
    const mia = await open();
    const noor = await open();
    await actAs(noor, "noor");
    const isolate = (page: Page) => card(page, incident, /Isolate DC-01/);
    await isolate(mia).getByText("built-in: domain controller").waitFor();
    // A domain controller wants its name typed.
    const approve = async (page: Page) => {
      await isolate(page).locator("summary", { hasText: "Approve" }).click();
      await isolate(page).getByLabel("To approve, type DC-01").fill("dc-01");
      await isolate(page).getByRole("button", { name: "Approve" }).click();
    };
    await approve(mia);
    await mia.locator("#notes").getByText("Your approval is counted").waitFor();
    await isolate(noor).getByText("1 of 2 approvals", { exact: true }).waitFor();
    await picture(noor, "one-of-two");
    await approve(mia);
    await mia.locator("#notes").getByText("a second person has to").waitFor();
    await approve(noor);
    await isolate(mia).getByText("Done", { exact: true }).first().waitFor();
    expect(await isolate(mia).textContent()).toMatch(/Mia Keller, Noor Haddad/);
  });

  test("the command box answers; a typo gets the nearest command", async () => {
    const page = await open();
    const say = async (text: string) => {
      await page.getByRole("textbox", { name: "Ask air" }).fill(text);
      await page.keyboard.press("Enter");
    };
    await say("status");
    await page.locator("#reply").getByText("What is going on").waitFor();
    await picture(page, "status");
    await say("statsu");
    await page.locator("#reply").getByText('Did you mean "status"?').waitFor();
    await say("help");
    await page.locator("#reply").getByText("actions that wait for a decision").waitFor();
    await picture(page, "help");
    await say("<img src=x onerror=alert(1)>");
    await page.locator("#reply").getByText("is not a command").waitFor();
    expect(await page.locator("#reply img").count()).toBe(0);
  });

  test("an attacker's texts stay text, whatever they hold", async () => {
    const sent = await air.post("/v1/alerts/generic", {
      id: "browser-hostile",
      title: "<script>document.title='owned'</script> <!channel> [x](https://evil.example) \u202Egpj.exe",
      severity: "high",
      entities: [
        { kind: "device", name: '"><img src=x onerror=alert(1)>' },
        { kind: "url", url: "https://malware.example/a?b=<b>" },
      ],
    });
    const incident = sent.as<{ accepted: { incident: string }[] }>().accepted[0]?.incident ?? "";
    const page = await open();
    await thread(page, incident).waitFor();
    expect(await page.title()).not.toBe("owned");
    expect(await page.locator("main img, main script").count()).toBe(0);
    expect(await thread(page, incident).textContent()).not.toContain("\u202E");
    expect(await page.locator('a[href*="evil"], a[href*="malware"]').count()).toBe(0);
    await thread(page, incident).screenshot({ path: path.join(OUT, "hostile-1280.png") });
  });

  test("dark, with everything on it, at both widths", async () => {
    const page = await open({ colorScheme: "dark" });
    await play(page, "A reported phishing mail");
    const incident = await play(page, "An ordinary morning");
    expect(incident).toMatch(/^INC-/);
    await page.locator(`#incident-${incident}`).waitFor();
    await picture(page, "dark");
    const light = await open();
    await picture(light, "full");
  });
});
