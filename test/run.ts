import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

/**
 * `npm test`. Needs only npm; says what it skipped and how to have it. AIR_TEST_REQUIRE=postgres,chromium makes a skip a failure
 * (as in CI). PostgreSQL is used where AIR_TEST_DATABASE_URL names one, or where its server programs are installed: then one is
 * started for the run and stopped after it.
 */
const required = new Set((process.env.AIR_TEST_REQUIRE ?? "").split(",").filter(Boolean));
const root = path.join(import.meta.dirname, "..");
const { startPostgres, findChromium } = await import("./support/found-tools.ts");

const postgres = process.env.AIR_TEST_DATABASE_URL ? { url: process.env.AIR_TEST_DATABASE_URL, stop: () => {} } : startPostgres();
const chromium = findChromium();
const missing = [
  ...(postgres
    ? []
    : [{ name: "postgres", how: "install PostgreSQL 15 or newer (Debian: apt-get install postgresql), or set AIR_TEST_DATABASE_URL" }]),
  ...(chromium ? [] : [{ name: "chromium", how: "install Chromium (Debian: apt-get install chromium), or set AIR_TEST_CHROMIUM" }]),
];
for (const { name, how } of missing) console.log(`SKIPPED: the tests that need ${name}. To run them: ${how}.`);
const forbidden = missing.filter(({ name }) => required.has(name));
if (forbidden.length > 0) {
  console.error(`AIR_TEST_REQUIRE asks for ${forbidden.map(({ name }) => name).join(", ")}, which is not here.`);
  process.exit(1);
}
const vitest = path.join(root, "node_modules", "vitest", "vitest.mjs");
if (!fs.existsSync(vitest)) {
  console.error("The test runner is not installed. Run npm install first.");
  process.exit(1);
}
const folder = fs.mkdtempSync(path.join(os.tmpdir(), "air-test-"));
const report = path.join(folder, "report.json");
const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
const run = spawnSync(process.execPath, [vitest, "run", ...reporters, ...process.argv.slice(2)], {
  cwd: root,
  stdio: "inherit",
  env: {
    ...process.env,
    AIR_TEST_FOLDER: folder,
    ...(postgres ? { AIR_TEST_DATABASE_URL: postgres.url } : {}),
    ...(chromium ? { AIR_TEST_CHROMIUM: chromium } : {}),
  },
});
postgres?.stop();
for (const { name } of missing) console.log(`Reminder: the tests that need ${name} were skipped.`);
const { numPassedTests, numFailedTests, numPendingTests } = JSON.parse(fs.readFileSync(report, "utf8")) as Record<string, number>;
fs.rmSync(folder, { recursive: true });
if (required.size > 0 && numPendingTests) {
  console.error("A test was skipped, and where AIR_TEST_REQUIRE is set that is a failure.");
  process.exit(1);
}
console.log(`${numPassedTests} passed, ${numFailedTests} failed, ${numPendingTests} skipped`);
process.exit(run.status ?? 1);
