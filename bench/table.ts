import fs from "node:fs";
import os from "node:os";

/** One line of the table. `met` undefined: there is no bar, or the trial was too short to say. */
export type Figure = { what: string; air: string; bar?: string; rival?: string; met?: boolean; details?: Record<string, unknown> };
export type RowResult = { row: string; title: string; seconds: number; figures: Figure[]; skipped?: string; failed?: string };
export type Machine = {
  cores: number;
  model: string;
  memoryGiB: number;
  os: string;
  node: string;
  air: string;
  pglite: string;
  postgres: string;
};
export type Result = {
  at: string;
  options: Record<string, unknown>;
  machine: Machine;
  loadBefore: number[];
  loadAfter: number[];
  rows: RowResult[];
};

export function machineOf(postgres: string | undefined): Machine {
  const manifest = JSON.parse(fs.readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
    version: string;
    dependencies: Record<string, string>;
  };
  return {
    cores: os.availableParallelism(),
    model: os.cpus()[0]?.model.trim() ?? "unknown",
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    os: `${os.type()} ${os.release()}`,
    node: process.version,
    air: manifest.version,
    pglite: manifest.dependencies["@electric-sql/pglite"] ?? "unknown",
    postgres: postgres ?? "none",
  };
}

export const round = (value: number, digits = 0): string => (Number.isFinite(value) ? value.toFixed(digits) : "?");
export const loads = (values: readonly number[]): string => values.map((value) => value.toFixed(2)).join(" ");

export function markdown(result: Result): string {
  const { machine } = result;
  const lines = [
    `${result.at}. ${machine.cores} cores (${machine.model}), ${machine.memoryGiB} GiB, ${machine.os}; Node ${machine.node}, air ${machine.air}, PGlite ${machine.pglite}, PostgreSQL ${machine.postgres}.`,
    `Load average before ${loads(result.loadBefore)}, after ${loads(result.loadAfter)} (1, 5, 15 min; the bench itself is in the second).`,
    "",
    "| row | figure | air | bar | n8n 2.41.1 | met |",
    "| --- | --- | --- | --- | --- | --- |",
  ];
  for (const row of result.rows) {
    for (const figure of row.figures) {
      const met = figure.met === undefined ? "" : figure.met ? "yes" : "**no**";
      lines.push(`| ${[row.title, figure.what, figure.air, figure.bar ?? "", figure.rival ?? "", met].map(cell).join(" | ")} |`);
    }
    if (row.skipped) lines.push(`| ${cell(row.title)} | not run: ${cell(row.skipped)} | | | | |`);
    if (row.failed) lines.push(`| ${cell(row.title)} | failed: ${cell(row.failed)} | | | | **no** |`);
  }
  return lines.join("\n");
}

const cell = (text: string): string => text.replaceAll("|", "/").replaceAll(/\s*\n\s*/g, "; ");
