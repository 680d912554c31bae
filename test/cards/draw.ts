import fs from "node:fs";
import path from "node:path";
import { chromium, type Locator, type Page } from "playwright-core";
import { findChromium } from "../support/found-tools.ts";
import { writePage } from "./page.ts";

/*
 * npm run cards            writes out/cards/index.html: every card as Slack, Teams (light and dark) and the console draw it
 * npm run cards -- --shots also takes a picture of each, as wide as a phone and as a desktop; `--only TEXT` of those whose name holds it
 */
const OUT = path.resolve("out/cards");
const SIZES = { phone: { width: 390, height: 844 }, desktop: { width: 2970, height: 1200 } };

const say = (text: string) => process.stdout.write(`${text}\n`);
const page = writePage(OUT);
say(`${page.count} cards in ${page.file}`);

async function takeShots(): Promise<void> {
  const executablePath = findChromium();
  if (!executablePath) {
    say("No Chromium here: install it, or set AIR_TEST_CHROMIUM to its path. The page is written all the same.");
    process.exitCode = 1;
    return;
  }
  const at = process.argv.indexOf("--only");
  const only = at === -1 ? "" : (process.argv[at + 1] ?? "");
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  const faults: string[] = [];
  for (const [size, viewport] of Object.entries(SIZES)) {
    const folder = path.join(OUT, size);
    fs.mkdirSync(folder, { recursive: true });
    const tab = await browser.newPage({ viewport });
    tab.on("pageerror", (error) => faults.push(`${size}: ${error.message}`));
    tab.on("console", (message) => message.type() === "error" && faults.push(`${size}: ${message.text()}`));
    await tab.goto(`file://${page.file}`);
    await tab.locator("html[data-drawn]").waitFor();
    for (const section of await tab.locator("section").all()) {
      const id = (await section.getAttribute("id")) ?? "";
      if (!id.includes(only)) continue;
      faults.push(...(await sticksOut(section)).map((place) => `${size}: ${id} is wider than its column in ${place}`));
      await section.screenshot({ path: path.join(folder, `${id}.png`) });
    }
    await sideways(tab, size, faults);
    await tab.close();
  }
  await browser.close();
  say(`Pictures in ${OUT}/{${Object.keys(SIZES).join(",")}}`);
  for (const fault of faults) say(`! ${fault}`);
  if (faults.length > 0) process.exitCode = 1;
}

/** The columns of a card whose content does not fit them. */
const sticksOut = (section: Locator): Promise<string[]> =>
  section
    .locator(".drawn")
    .evaluateAll((columns) =>
      columns.filter((column) => column.scrollWidth > column.clientWidth).map((column) => column.getAttribute("data-by") ?? ""),
    );

async function sideways(tab: Page, size: string, faults: string[]): Promise<void> {
  const over = await tab.locator("html").evaluate((html) => html.scrollWidth - html.clientWidth);
  if (over > 0) faults.push(`${size}: the page is ${over} px too wide`);
}

if (process.argv.includes("--shots")) await takeShots();
