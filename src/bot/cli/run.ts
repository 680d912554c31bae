import type { Command } from "commander";
import { redacted } from "../config.ts";
import { loadPlaybooks } from "../load-playbooks.ts";
import { createLog } from "../log.ts";
import { strangers } from "../people.ts";
import { startNotices } from "../start-notices.ts";
import { watchConfig } from "../watch-config.ts";
import { databaseParts } from "./rows.ts";
import { configuration, readAgain } from "./settings.ts";
import { out, say, Usage } from "./terminal.ts";

async function run(serve: boolean): Promise<void> {
  const config = configuration();
  if (!serve && !config.databaseUrl)
    throw new Usage("air worker adds a process on PostgreSQL: set DATABASE_URL. The embedded database has one process, npm start.");
  const log = createLog(config.logLevel);
  if (serve) {
    const { shiftWarnings } = await import("../shift-warnings.ts");
    for (const warning of shiftWarnings(config, new Date())) say(`Warning: ${warning}`);
    for (const notice of startNotices(config)) say(`Notice: ${notice}`);
  }
  const watched = watchConfig(config, readAgain, log);
  const { startAir } = await import("../main.ts");
  const air = await startAir(watched.current, log, { serve });
  watched.onReload(air.air);
  const { feeds = [] } = air.air.capabilities;
  log.info(serve ? "ready" : "worker ready", {
    ...(serve ? { console: air.url } : {}),
    lab: air.air.capabilities.lab,
    database: air.database.kind,
    mode: air.air.policy().mode,
    ...(feeds.length > 0 ? { asks: feeds.map(({ product, everyMs }) => `${product} every ${everyMs / 1000} s`) } : {}),
  });
  if (serve)
    say(
      `air is ready: open ${config.publicUrl ?? air.url}${air.air.capabilities.lab ? " (the lab answers: nothing real is touched)" : ""}`,
    );
  let stopping = false;
  const stop = async (signal: string) => {
    if (stopping) return;
    stopping = true;
    log.info("stopping", { signal });
    watched.stop();
    // A drain that hangs must not keep the process for ever; what was not finished is taken up at the next start.
    setTimeout(() => process.exit(1), 20_000).unref();
    await air.stop();
    log.info("stopped");
    process.exit(0);
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => void stop(signal));
}

/** What runs air, and what looks whether it would run. */
export function runCommands(program: Command): void {
  program
    .command("start")
    .description("run everything in one process")
    .action(() => run(true));
  program
    .command("worker")
    .description("add a process that only works on jobs (needs DATABASE_URL)")
    .action(() => run(false));
  program
    .command("migrate")
    .description("bring the database up to date and leave")
    .action(async () => {
      const config = configuration();
      const { openDatabase, startQueue } = await databaseParts();
      const database = await openDatabase({ url: config.databaseUrl, dataDir: config.dataDir });
      const queue = await startQueue(database, createLog("silent"), { worker: false });
      await queue.stop(1000);
      await database.close();
      out("The database is up to date.");
    });
  program
    .command("doctor")
    .description("look at the database, Slack, Teams, the connectors and the playbooks, and say what to do")
    .action(async () => {
      const { examine } = await import("../doctor.ts");
      const findings = await examine(configuration(), createLog("silent"));
      for (const finding of findings) out(`${finding.ok ? "ok  " : "FAIL"}  ${finding.what}: ${finding.text}`);
      if (findings.some((finding) => !finding.ok)) process.exitCode = 1;
    });
  program
    .command("config")
    .description("look at the configuration")
    .command("check")
    .description("read the environment and air.yaml, list every error")
    .option("--print", "print what is in force, without secrets")
    .action(async (options: { print?: boolean }) => {
      const config = configuration();
      loadPlaybooks(config.playbooksDir);
      const { shiftWarnings } = await import("../shift-warnings.ts");
      for (const warning of [...strangers(config), ...shiftWarnings(config, new Date())]) say(`Warning: ${warning}`);
      for (const notice of startNotices(config)) say(`Notice: ${notice}`);
      out(options.print ? JSON.stringify(redacted(config), null, 2) : "The configuration is good.");
    });
}
