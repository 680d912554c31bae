import fs from "node:fs";
import path from "node:path";
import type { Command } from "commander";
import { askAir, NotRunning } from "../ask-air.ts";
import type { Config } from "../config.ts";
import type { RotaRows } from "../oncall-preview.ts";
import { explain } from "./explain.ts";
import { withStore } from "./rows.ts";
import { airIsNamed, configuration } from "./settings.ts";
import { out, say, Usage } from "./terminal.ts";

/** Who is on call. */
export function onCallCommands(program: Command): void {
  program
    .command("oncall")
    .description("the on-call rota of air.yaml")
    .command("preview")
    .description("who is on call when, with the swaps the running air knows")
    .option("--days <n>", "how many days", "14")
    .option("--from <date>", "the first day, like 2026-10-05, from its midnight in UTC; without it from now")
    .option("--json", "as JSON, with times in UTC; a person is null where nobody is on call")
    .action(async (options: { days: string; from?: string; json?: boolean }) => {
      const { MOST_DAYS, previewJson, previewLines, previewOf, readFrom } = await import("../oncall-preview.ts");
      const { pagingOf } = await import("../paging.ts");
      const days = /^\d{1,3}$/.test(options.days) ? Number(options.days) : 0;
      if (days < 1 || days > MOST_DAYS) throw new Usage(`--days is a number from 1 to ${MOST_DAYS}.`);
      const from = options.from === undefined ? new Date() : readFrom(options.from);
      if (!from) throw new Usage("--from is a date like 2026-10-05.");
      const config = configuration();
      const { rota, quiet, isKnown } = pagingOf(config);
      const { quietLines } = await import("../quiet-words.ts");
      if (rota === undefined) throw new Usage("There is no rota: onCall in air.yaml has no layers. README.md shows how they are written.");
      const shifts = previewOf({ rota, ...(isKnown ? { isKnown } : {}) }, await rowsOfRota(config, from), from, days);
      if (options.json) out(JSON.stringify(previewJson(shifts), null, 2));
      else for (const line of previewLines(shifts, config.onCall.timeZone, quietLines({ quiet: quiet ?? [] }))) out(line);
    });
}

/** Swaps are rows. The rota of air.yaml can be looked at without any air; that swaps are missing then is said where there may be some. */
async function rowsOfRota(config: Config, from: Date): Promise<RotaRows> {
  const { rotaRows } = await import("../oncall-preview.ts");
  const nothing: RotaRows = { swaps: [], told: null };
  try {
    return await askAir<RotaRows>(config, `/v1/oncall?from=${from.toISOString()}&days=1`);
  } catch (error) {
    const local = error instanceof NotRunning && !airIsNamed();
    if (local && !config.databaseUrl && !fs.existsSync(path.join(config.dataDir, "db", "PG_VERSION"))) return nothing;
    try {
      if (local) return await withStore(config, (store) => rotaRows(store, from));
      say(`Without swaps: ${explain(error)}`);
    } catch (other) {
      say(`Without swaps: ${explain(other)}`);
    }
    return nothing;
  }
}
