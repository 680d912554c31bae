import fs from "node:fs";
import os from "node:os";
import { parseArgs } from "node:util";
import { calibration } from "./calibration.ts";
import { now, sleep } from "./clock.ts";
import { startFakes } from "./fakes.ts";
import { findPostgres } from "./postgres.ts";
import { type Rig, type Row, Skip } from "./rig.ts";
import { approve } from "./rows/approve.ts";
import { day } from "./rows/day.ts";
import { flooded } from "./rows/flood.ts";
import { intake } from "./rows/intake.ts";
import { latency } from "./rows/latency.ts";
import { losses } from "./rows/losses.ts";
import { overload } from "./rows/overload.ts";
import { start } from "./rows/start.ts";
import { sustained } from "./rows/sustained.ts";
import { worker } from "./rows/worker.ts";
import { machineOf, markdown, type Result, type RowResult } from "./table.ts";

const ROWS: readonly Row[] = [start, latency, sustained, intake, overload, approve, losses, day, worker, calibration, flooded];
/** No row may hold up the others for ever. */
const ROW_WITHIN_MS = 30 * 60_000;

const USAGE = `npm run bench [-- row ...] [--seconds N] [--kills N] [--full] [--json]
rows: ${ROWS.map((row, index) => `${index + 1} ${row.name}`).join(", ")}; without any, all of them
--seconds N  how long a load lasts (10)
--kills N    how often row losses kills air (5)
--full       a whole day of 4,500 alerts, an outage of 20 s, 60 alerts at Slack's pace
--json       the result as JSON instead of a table`;

function wrong(message: string): never {
  console.error(`${message}\n\n${USAGE}`);
  process.exit(2);
}

function options() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        seconds: { type: "string", default: "10" },
        kills: { type: "string", default: "5" },
        full: { type: "boolean", default: false },
        json: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    });
    if (values.help) {
      console.log(USAGE);
      process.exit(0);
    }
    const number = (name: "seconds" | "kills", most: number) => {
      const value = Number(values[name]);
      return Number.isInteger(value) && value >= 1 && value <= most ? value : wrong(`--${name} must be a whole number from 1 to ${most}`);
    };
    const rows = positionals.map(
      (name) => ROWS.find((row) => row.name === name) ?? ROWS[Number(name) - 1] ?? wrong(`There is no row "${name}".`),
    );
    return {
      seconds: number("seconds", 600),
      kills: number("kills", 200),
      full: values.full,
      json: values.json,
      rows: rows.length > 0 ? rows : ROWS,
    };
  } catch (error) {
    return wrong(error instanceof Error ? error.message : String(error));
  }
}

async function runRow(row: Row, rig: Rig): Promise<RowResult> {
  const began = now();
  const result = (more: Partial<RowResult>): RowResult => ({
    row: row.name,
    title: row.title,
    seconds: Math.round((now() - began) / 100) / 10,
    figures: [],
    ...more,
  });
  const timeout = sleep(ROW_WITHIN_MS).then(() => Promise.reject(new Error("took too long")));
  timeout.catch(() => {});
  try {
    return result({ figures: await Promise.race([row.run(rig), timeout]) });
  } catch (error) {
    if (error instanceof Skip) return result({ skipped: error.message });
    return result({ failed: error instanceof Error ? error.message : String(error) });
  }
}

// Ending by signal must run the exit handlers, which end everything that was started.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => process.exit(130));

const { rows: wanted, json, ...settings } = options();
const loadBefore = os.loadavg();
const postgres = await findPostgres();
const fakes = await startFakes();
const rows: RowResult[] = [];
for (const row of wanted) {
  console.error(`${row.title} ...`);
  const result = await runRow(row, { ...settings, fakes, postgres });
  for (const figure of result.figures) console.error(`  ${figure.what}: ${figure.air}`);
  if (result.skipped ?? result.failed) console.error(`  ${result.skipped ? "not run" : "failed"}: ${result.skipped ?? result.failed}`);
  rows.push(result);
}
const result: Result = {
  at: new Date().toISOString(),
  options: { ...settings, rows: wanted.map((row) => row.name) },
  machine: machineOf(postgres?.version),
  loadBefore,
  loadAfter: os.loadavg(),
  rows,
};
const out = new URL("./out/", import.meta.url);
fs.mkdirSync(out, { recursive: true });
const file = new URL(`${result.at.replaceAll(":", "-")}.json`, out);
fs.writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`);
console.log(json ? JSON.stringify(result, null, 2) : markdown(result));
await fakes.stop();
await postgres?.stop();
// A figure missed is a figure, not a failure of the bench.
process.exit(rows.some((row) => row.failed) ? 1 : 0);
