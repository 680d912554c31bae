import { createHash, randomBytes } from "node:crypto";
import fs from "node:fs";
import { BlockList, isIP } from "node:net";
import path from "node:path";
import { Command } from "commander";
import { stories } from "../adapters/connectors/lab/stories.ts";
import { slackManifest } from "../adapters/slack/manifest.ts";
import { databaseAway, sqlState } from "../db/errors.ts";
import { digestOf, verifyAudit, writeCheckpoint } from "../engine/audit-chain.ts";
import type { Card } from "../engine/cards/card.ts";
import { Refusal } from "../engine/domain/errors.ts";
import { ACTION_SORTS, type Store } from "../engine/store.ts";
import { askAir, askAirCsv, NotRunning } from "./ask-air.ts";
import { cardText } from "./card-text.ts";
import { type Config, readConfig, redacted } from "./config.ts";
import type { Export } from "./export-rows.ts";
import { loadPlaybooks } from "./load-playbooks.ts";
import { createLog } from "./log.ts";
import type { RotaRows } from "./oncall-preview.ts";
import { strangers } from "./people.ts";
import type { Outcome } from "./playbook-commands.ts";
import { goThroughProxy } from "./proxy.ts";
import { startNotices } from "./start-notices.ts";
import { watchConfig } from "./watch-config.ts";

/** Wrong usage or configuration: exit code 2. Anything else that fails: 1. */
class Usage extends Error {}

// Started by bin/air.mjs: when that is killed the line between them breaks, and nobody would stop this one any more.
process.once("disconnect", () => process.kill(process.pid, "SIGTERM"));
process.channel?.unref();

// A reader that has seen enough (head) is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));
const out = (text: string): void => void process.stdout.write(`${text}\n`);
const say = (text: string): void => void process.stderr.write(`${text}\n`);

const readFile = (file: string): string | undefined => {
  try {
    return fs.readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
};

/** Not by /dev/stdin: whoever starts air may hand over a socket, which cannot be opened by a name. */
async function standardInput(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}

function configuration(): Config {
  const read = readConfig(process.env, readFile);
  if (read.ok) {
    if (read.config.proxy) goThroughProxy(read.config.proxy);
    return read.config;
  }
  const lines = read.problems.map((problem) => `  ${problem.where} ${problem.message}`);
  throw new Usage(`The configuration has ${lines.length === 1 ? "an error" : `${lines.length} errors`}:\n${lines.join("\n")}`);
}

/** What is put behind it has to be a path. */
function isPlainAddress(text: string): boolean {
  const url = URL.parse(text);
  return url?.hostname !== undefined && url.hostname !== "" && !/[?#\s]/.test(text) && !url.username && !url.password;
}
/** As far as the address itself says: a name that no public directory has, or an address of a private network. */
function isOnTheInternet(text: string): boolean {
  const host = (URL.parse(text)?.hostname ?? "").replace(/^\[|\]$/g, "").replace(/\.$/, "");
  const family = isIP(host);
  if (family !== 0) return !NOT_PUBLIC.check(host, family === 4 ? "ipv4" : "ipv6");
  return host.includes(".") && !/\.(localhost|local|internal|lan|home\.arpa)$/i.test(host);
}
const NOT_PUBLIC = new BlockList();
for (const [network, bits] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.168.0.0", 16],
] as const)
  NOT_PUBLIC.addSubnet(network, bits, "ipv4");
for (const [network, bits] of [
  ["::", 127],
  ["fc00::", 7],
  ["fe80::", 10],
] as const)
  NOT_PUBLIC.addSubnet(network, bits, "ipv6");

const NOT_PLAIN = "--url is an address alone, like https://air.example.com: without ?, # or a user name.";

async function run(serve: boolean): Promise<void> {
  const config = configuration();
  if (!serve && !config.databaseUrl)
    throw new Usage("air worker adds a process on PostgreSQL: set DATABASE_URL. The embedded database has one process, npm start.");
  const log = createLog(config.logLevel);
  if (serve) {
    const { shiftWarnings } = await import("./shift-warnings.ts");
    for (const warning of shiftWarnings(config, new Date())) say(`Warning: ${warning}`);
    for (const notice of startNotices(config)) say(`Notice: ${notice}`);
  }
  const watched = watchConfig(config, () => readConfig(process.env, readFile), log);
  const { startAir } = await import("./main.ts");
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

/** Loaded only by the commands that need a database: the others answer at once. */
async function databaseParts() {
  const [{ openDatabase }, { startQueue }, { createStore }] = await Promise.all([
    import("../db/connect.ts"),
    import("../db/queue.ts"),
    import("../db/store/store.ts"),
  ]);
  return { openDatabase, startQueue, createStore };
}

/** Rows for a command: the database itself, where no air is running. */
async function withStore<T>(config: Config, work: (store: Store) => Promise<T>): Promise<T> {
  const { openDatabase, startQueue, createStore } = await databaseParts();
  const database = await openDatabase({ url: config.databaseUrl, dataDir: config.dataDir });
  try {
    const queue = await startQueue(database, createLog("silent"), { worker: false });
    try {
      return await work(createStore(database, queue));
    } finally {
      await queue.stop(1000);
    }
  } finally {
    await database.close();
  }
}

/**
 * Asks the running air; where none runs, the database itself. Never where AIR_URL names an air, and never a database made for the question:
 * an empty list would read as all clear.
 */
async function runningOr<T>(config: Config, ask: () => Promise<T>, otherwise: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof NotRunning) || process.env.AIR_URL?.trim()) throw error;
    if (!config.databaseUrl && !fs.existsSync(path.join(config.dataDir, "db", "PG_VERSION")))
      throw new Error(
        `There is no air here: none answers at ${config.airUrl}, and ${config.dataDir} holds no database. Start it with npm start, or set AIR_URL.`,
      );
    return otherwise();
  }
}

const program = new Command("air")
  .description(
    'A virtual Tier 1/2 analyst that lives in your security team\'s chat.\nDecisions are made with air say, in the words of chat: air say approve ACT-7; air say reject ACT-7 "a drill"; air say help',
  )
  .showHelpAfterError("(air --help lists the commands)")
  // Before the commands are made: they inherit it.
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));
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
    const { examine } = await import("./doctor.ts");
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
    const { shiftWarnings } = await import("./shift-warnings.ts");
    for (const warning of [...strangers(config), ...shiftWarnings(config, new Date())]) say(`Warning: ${warning}`);
    for (const notice of startNotices(config)) say(`Notice: ${notice}`);
    out(options.print ? JSON.stringify(redacted(config), null, 2) : "The configuration is good.");
  });
program
  .command("lab")
  .description(`play a story in the lab of the running air: ${stories.map((story) => story.name).join(", ")}`)
  .argument("<story>")
  .action(async (name: string) => {
    if (!stories.some((story) => story.name === name))
      throw new Usage(`There is no story "${name}". There are: ${stories.map((story) => story.name).join(", ")}.`);
    const played = await askAir<{ alerts: number; incidents: string[] }>(configuration(), `/v1/lab/${name}`, {});
    out(`${played.alerts === 1 ? "1 alert" : `${played.alerts} alerts`} sent: ${[...new Set(played.incidents)].join(", ")}`);
  });
program
  .command("console")
  .description("print a one-time sign-in link: for a person in people of air.yaml, or for the holder of AIR_API_TOKEN")
  .argument("[email]")
  .action(async (email: string | undefined) => {
    const config = configuration();
    const { path } = await askAir<{ path: string }>(config, "/v1/console-link", email === undefined ? {} : { email });
    out(`${config.publicUrl ?? config.airUrl}${path}\nGood once, for ten minutes.`);
  });
/** The filters of a list as options; each may also be written as in chat (kind=isolate-device). */
const ACTION_OPTIONS = [
  ["kind", "isolate-device,disable-user ...", "kinds of action"],
  ["family", "device", "device, email, identity, network or app"],
  ["by", "name", "part of the name of who decided; Automation, System"],
  ["source", "manual-device", "part of the action source"],
  ["entity", "device", "kind of thing it is aimed at"],
  ["target", "ws-042", "part of its target or device"],
  ["incident", "INC-42", "one incident"],
  ["investigation", "INV-42", "one investigation"],
  ["since", "7d", "changed since then: a period or a date"],
  ["until", "1d", "changed before then"],
  ["sort", "updated:asc", `${ACTION_SORTS.join(", ")}; alone or with :asc or :desc`],
] as const;
const actionsCommand = program
  .command("actions")
  .description("list remediation actions: those that wait, or with --state history what became of the others")
  .argument("[filters...]", "also as in chat: history kind=isolate-device since=7d")
  .option("--state <state>", "states, history or all")
  .option("--limit <n>", "at most so many", "200");
for (const [name, example, about] of ACTION_OPTIONS) actionsCommand.option(`--${name} <${example}>`, about);
actionsCommand
  .option("--json", "as JSON")
  .option("--csv", "as CSV, the whole list")
  .action(async (words: string[], options: Record<string, string | boolean | undefined>) => {
    const config = configuration();
    const { actionItems, actionItemsFrom, actionLines, actionsRequest } = await import("./list-commands.ts");
    const { exportOf } = await import("./export-rows.ts");
    const { given, limit } = usable(() => actionsRequest(words.map(quotedWord), options));
    if (options.csv) {
      await csvOut(
        config,
        usable(() => exportOf("actions", given)),
      );
      return;
    }
    const items = await runningOr(
      config,
      () => actionItems(given, limit, (query) => askAir(config, `/v1/actions?${query}`)),
      () => withStore(config, (store) => actionItemsFrom(store, given, limit)),
    );
    for (const line of options.json ? [JSON.stringify(items, null, 2)] : actionLines(items)) out(line);
  });
program
  .command("export")
  .description(
    "a whole list as CSV on stdout: actions, incidents, investigations, audit, digest, handover, report last-week, figures, or log INV-42; air export actions since=30d > air.csv",
  )
  .argument("<what>", "actions, incidents, investigations, audit, digest, handover, report, figures or log")
  .argument("[filters...]", "as in chat: INV-42 for a log, history, kind=isolate-device, since=30d ...")
  .action(async (what: string, words: string[]) => {
    const config = configuration();
    const { readExport } = await import("./export-rows.ts");
    await csvOut(
      config,
      usable(() => readExport([what, ...words.map(quotedWord)].join(" "))),
    );
  });
/** The shell took the quotes away; the parser wants them back. */
const quotedWord = (word: string) => (/^\w+=.*\s/s.test(word) ? word.replace(/^(\w+)=(.*)$/s, '$1="$2"') : word);

async function csvOut(config: Config, asked: Export): Promise<void> {
  const { exportCsv, exportPath } = await import("./export-rows.ts");
  await runningOr(
    config,
    () => askAirCsv(config, exportPath(asked, "/v1"), (text) => void process.stdout.write(text)),
    () =>
      withStore(config, async (store) => {
        for await (const part of exportCsv(store, asked, new Date())) process.stdout.write(part);
      }),
  );
}

/** A filter that is wrong is wrong usage: exit code 2. */
function usable<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof Refusal) throw new Usage(`${error.field ? `${error.field} ` : ""}${error.message}`);
    throw error;
  }
}

program
  .command("token")
  .description("tokens for callers of /v1")
  .command("new")
  .description("make a token; only its SHA-256 goes into air.yaml")
  .argument("<name>")
  .option("--role <role...>", "source:<name>, viewer, responder or admin", ["viewer"])
  .action((name: string, options: { role: string[] }) => {
    const bad = options.role.find((role) => !/^(viewer|responder|admin|source:[\w.-]{1,60})$/.test(role));
    if (bad !== undefined) throw new Usage(`"${bad}" is no role: source:<name>, viewer, responder or admin.`);
    const token = randomBytes(32).toString("base64url");
    const sha256 = createHash("sha256").update(token).digest("hex");
    say("The token, shown once:");
    out(token);
    say(
      `Add to air.yaml:\ntokens:\n  - { name: ${JSON.stringify(name)}, sha256: "${sha256}", roles: [${options.role.map((role) => JSON.stringify(role)).join(", ")}] }`,
    );
  });

const audit = program.command("audit").description("the record of every decision and execution");
audit
  .command("export")
  .description("every line as JSON Lines on stdout, ended by a checkpoint")
  .action(async () => {
    const config = configuration();
    const key = config.auditKeyFile ? readFile(config.auditKeyFile) : undefined;
    if (config.auditKeyFile && key === undefined)
      throw new Usage(
        `AIR_AUDIT_KEY_FILE ${config.auditKeyFile} cannot be read. Make one: openssl genpkey -algorithm ed25519 -out ${config.auditKeyFile}`,
      );
    type Lines = { seq: number; line: string }[];
    type Head = { count: number; hash: string };
    const export_ = async (head: Head, page: (after: number) => Promise<Lines>) => {
      let count = 0;
      let hash = "";
      let reached = head.count === 0;
      for (let lines = await page(0); lines.length > 0; lines = await page(count)) {
        for (const { seq, line } of lines) {
          out(line);
          count = seq;
          hash = digestOf(line);
          if (seq === head.count) reached = hash === head.hash;
        }
      }
      // Without a checkpoint no verification passes: what is missing in the database is not signed away.
      if (!reached)
        throw new Error(
          `The database's own count says ${head.count} lines and head ${head.hash}, and its lines do not come to that: lines were cut off or changed in the database. No checkpoint was written.`,
        );
      out(writeCheckpoint({ count, hash }, key));
    };
    await runningOr(
      config,
      async () => {
        const ask = (after: number, limit = 1000) =>
          askAir<{ items: Lines; head: Head }>(config, `/v1/audit?after=${after}&limit=${limit}`);
        const { head } = await ask(0, 1);
        await export_(head, async (after) => (await ask(after)).items);
      },
      () => withStore(config, async (store) => export_(await store.auditHead(), (after) => store.auditLines(after, 1000))),
    );
  });
audit
  .command("verify")
  .description("check an export: exit 1 for any changed, missing, reordered, inserted, malformed or cut line")
  .argument("<file>", "the export; - reads standard input")
  .option("--key <pem>", "the public key it must be signed with")
  .action(async (file: string, options: { key?: string }) => {
    const text = file === "-" ? await standardInput() : readFile(file);
    if (text === undefined) throw new Usage(`${file} cannot be read.`);
    const key = options.key === undefined ? undefined : readFile(options.key);
    if (options.key !== undefined && key === undefined) throw new Usage(`${options.key} cannot be read.`);
    const verdict = verifyAudit(text, key);
    if (!verdict.ok) throw new Error(`line ${verdict.line} ${verdict.problem}.`);
    out(
      `${verdict.count - verdict.first + 1} lines, unbroken, head ${verdict.head || "(empty)"}. ${verdict.first > 1 ? `It begins with line ${verdict.first}: what was before was older than it is kept for, and a line of it says so. ` : ""}${verdict.redacted > 0 ? `A person was erased from ${verdict.redacted} of them, as a later line says. ` : ""}${verdict.signedBy ? `Signed by key ${verdict.signedBy}.` : "Not signed: set AIR_AUDIT_KEY_FILE to prove who wrote it."}`,
    );
  });
program
  .command("investigate")
  .description(
    "start an investigation by hand: an alert, an incident, or a thing (hash, address, link, e-mail address, device; or kind:value)",
  )
  .argument("<what...>", "ALT-7, INC-42, 203.0.113.9, device:WS-042 ...")
  .action((what: string[]) => sayTo(`investigate ${what.join(" ")}`));
program
  .command("say")
  .description('any command of chat, answered here: air say status INV-42, air say stop INV-42 "wrong device"')
  .argument("<words...>")
  .action((words: string[]) => sayTo(words.join(" ")));

/** Asks the running air what chat would ask, and prints the card as text; what was refused is exit code 1. */
async function sayTo(text: string): Promise<void> {
  const card = await askAir<Card>(configuration(), "/v1/say", { text });
  for (const line of cardText(card)) out(line);
  if (card.badge === "Refused") process.exitCode = 1;
  if (card.title === "Not understood") process.exitCode = 2;
}

program
  .command("oncall")
  .description("the on-call rota of air.yaml")
  .command("preview")
  .description("who is on call when, with the swaps the running air knows")
  .option("--days <n>", "how many days", "14")
  .option("--from <date>", "the first day, like 2026-10-05 (midnight in UTC); without it from now")
  .option("--json", "as JSON, in UTC; a person is null where nobody is on call")
  .action(async (options: { days: string; from?: string; json?: boolean }) => {
    const { MOST_DAYS, previewJson, previewLines, previewOf, readFrom } = await import("./oncall-preview.ts");
    const { pagingOf } = await import("./paging.ts");
    const days = /^\d{1,3}$/.test(options.days) ? Number(options.days) : 0;
    if (days < 1 || days > MOST_DAYS) throw new Usage(`--days is a number from 1 to ${MOST_DAYS}.`);
    const from = options.from === undefined ? new Date() : readFrom(options.from);
    if (!from) throw new Usage("--from is a date like 2026-10-05.");
    const config = configuration();
    const { rota, quiet, isKnown } = pagingOf(config);
    const { quietLines } = await import("./quiet-words.ts");
    if (rota === undefined) throw new Usage("There is no rota: onCall in air.yaml has no layers. README.md shows how they are written.");
    const shifts = previewOf({ rota, ...(isKnown ? { isKnown } : {}) }, await rowsOfRota(config, from), from, days);
    if (options.json) out(JSON.stringify(previewJson(shifts), null, 2));
    else for (const line of previewLines(shifts, config.onCall.timeZone, quietLines({ quiet: quiet ?? [] }))) out(line);
  });

/** Swaps are rows. The rota of air.yaml can be looked at without any air; that swaps are missing then is said where there may be some. */
async function rowsOfRota(config: Config, from: Date): Promise<RotaRows> {
  const { rotaRows } = await import("./oncall-preview.ts");
  const nothing: RotaRows = { swaps: [], told: null };
  try {
    return await askAir<RotaRows>(config, `/v1/oncall?from=${from.toISOString()}&days=1`);
  } catch (error) {
    const local = error instanceof NotRunning && !process.env.AIR_URL?.trim();
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

program
  .command("erase")
  .description("take personal data out of what air keeps")
  .command("person")
  .description(
    "put a pseudonym in the place of a person wherever rows say who did something; the audit still verifies (for admins; not to be taken back)",
  )
  .argument("<email>", "the person's address, as in people of air.yaml")
  .option("--dry-run", "only say how many rows name them")
  .action(async (email: string, options: { dryRun?: boolean }) => {
    const config = configuration();
    const { erasedLines, eraseIn } = await import("./erase.ts");
    const asked = { email, dryRun: options.dryRun ?? false };
    const erased = await runningOr(
      config,
      () => askAir<Awaited<ReturnType<typeof eraseIn>>>(config, "/v1/persons/erase", asked, "slow"),
      () => withStore(config, (store) => eraseIn(store, config, asked)),
    );
    for (const line of erasedLines(erased, asked.dryRun)) out(line);
  });

program
  .command("policy")
  .description("the alert policies in force")
  .command("explain")
  .description("say why an alert would start an investigation or not; nothing is sent anywhere")
  .argument("<file>", "the alert as JSON; - reads standard input")
  .option("--source <name>", "a source of air.yaml, or a built-in kind: generic, defender, guardduty, wazuh, ocsf, elastic", "generic")
  .action(async (file: string, options: { source: string }) => {
    const text = file === "-" ? await standardInput() : readFile(file);
    if (text === undefined) throw new Usage(`${file} cannot be read.`);
    const { explainPolicies } = await import("./explain-policies.ts");
    for (const line of explainPolicies(text, options.source, configuration(), new Date())) out(line);
  });
program
  .command("source")
  .description("the sources of alerts")
  .command("test")
  .description(
    "say what air would make of an alert: its fields, its entities, what it would join, what was not understood; nothing is sent anywhere",
  )
  .argument("<file>", "the alert, or a list of them, as JSON; - reads standard input")
  .option("--source <name>", "a source of air.yaml or a built-in kind; without it the first that takes the file")
  .action(async (file: string, options: { source?: string }) => {
    const text = file === "-" ? await standardInput() : readFile(file);
    if (text === undefined) throw new Usage(`${file} cannot be read.`);
    const { testSource } = await import("./test-source.ts");
    const config = configuration();
    if (options.source !== undefined && !config.sources.has(options.source))
      throw new Usage(`There is no source ${options.source.slice(0, 60)}. There are: ${[...config.sources.keys()].join(", ")}.`);
    for (const line of testSource(text, options.source, config, new Date())) out(line);
  });
/** The playbook commands need no database; their answers carry their own exit code. */
async function playbookCommand(work: (commands: typeof import("./playbook-commands.ts")) => Outcome): Promise<void> {
  const { lines, problems, code } = work(await import("./playbook-commands.ts"));
  for (const line of lines) out(line);
  for (const problem of problems) say(problem);
  process.exitCode = code;
}
/** A playbook can be checked while air.yaml is wrong: only where the team's own playbooks lie is needed. */
const playbooksFolder = (): string | undefined => process.env.AIR_PLAYBOOKS_DIR || undefined;

/** What a playbook would do depends on the policy; while air.yaml is wrong the defaults stand in, and that is said. */
function configurationOrDefaults(): Config {
  const read = readConfig(process.env, readFile);
  if (read.ok) return read.config;
  say("The configuration has errors (air config check lists them), so the policy explained here is the default one.");
  const folder = playbooksFolder();
  const defaults = readConfig(folder ? { AIR_PLAYBOOKS_DIR: folder } : {}, () => undefined);
  return defaults.ok ? defaults.config : configuration();
}
const playbook = program.command("playbook").description("check, test and explain playbooks");
playbook
  .command("check")
  .description("list every fault with file and line; without any argument of the built-in playbooks and those in AIR_PLAYBOOKS_DIR")
  .argument("[files or folders...]")
  .action((paths: string[]) =>
    playbookCommand((commands) => commands.checkPlaybooks(paths, paths.length > 0 ? undefined : playbooksFolder())),
  );
playbook
  .command("test")
  .description("run the examples beside the playbooks: which alert chooses which")
  .argument("[names...]", "playbooks; without any, all")
  .action((names: string[]) => playbookCommand((commands) => commands.testPlaybooks(names, playbooksFolder())));
playbook
  .command("explain")
  .description("say in plain words when a playbook applies, who looks, what it proposes and who decides; or which one an alert chooses")
  .argument("[playbook]", "a name or a file; a .json file is taken as an alert")
  .option("--alert <file>", "an alert, or a list of alerts of one incident, as JSON")
  .option("--source <kind>", "the kind of source whose shape the alert has", "generic")
  .action((subject: string | undefined, options: { alert?: string; source: string }) =>
    playbookCommand((commands) => {
      const config = configurationOrDefaults();
      const lab = config.lab ?? !Object.values(config.connectors).some(Boolean);
      const policy = { ...config.policy, mode: config.mode ?? (lab ? "act" : "observe") };
      const input = { subject, alertFile: options.alert, source: options.source };
      return commands.explain(input, config.playbooksDir, { policy, roles: config.roles });
    }),
  );
playbook
  .command("schema")
  .description("print the JSON Schema of a playbook, for editors")
  .action(() => playbookCommand((commands) => ({ lines: [commands.playbookSchema()], problems: [], code: 0 })));
program
  .command("slack")
  .description("help with connecting Slack")
  .command("manifest")
  .description("print the manifest of the Slack app")
  .option("--url <url>", "air's public address; without it the manifest uses Socket Mode")
  .action((options: { url?: string }) => {
    if (options.url !== undefined && URL.parse(options.url)?.protocol !== "https:")
      throw new Usage("--url is the public address of air and begins with https://, as Slack calls nothing else.");
    if (options.url !== undefined && !isPlainAddress(options.url)) throw new Usage(NOT_PLAIN);
    out(JSON.stringify(slackManifest(options.url), null, 2));
  });
program
  .command("teams")
  .description("help with connecting Teams")
  .command("package")
  .description("write the package of the Teams app, to be uploaded to Teams")
  .requiredOption("--url <url>", "air's public address")
  .option("--app-id <id>", "the bot's Microsoft App ID; without it MICROSOFT_APP_ID")
  .option("--out <file>", "where to write it", "air-teams.zip")
  .action(async (options: { url: string; appId?: string; out: string }) => {
    const appId = options.appId ?? process.env.MICROSOFT_APP_ID?.trim();
    if (URL.parse(options.url)?.protocol !== "https:")
      throw new Usage("--url is the public address of air and begins with https://, as Teams calls nothing else.");
    if (!isPlainAddress(options.url)) throw new Usage(NOT_PLAIN);
    if (!isOnTheInternet(options.url))
      throw new Usage(
        "--url is where Teams reaches air from the internet; this address leads nowhere from there. Give air a public name (a reverse proxy or a tunnel), or try it on this machine without Azure: TEAMS_ANONYMOUS=1 in the README.",
      );
    if (!appId || !/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(appId))
      throw new Usage("--app-id is the Microsoft App ID of the bot in Azure, a GUID like 11111111-2222-3333-4444-555555555555.");
    const { teamsPackage } = await import("./teams-package.ts");
    try {
      fs.writeFileSync(options.out, teamsPackage(options.url, appId.toLowerCase()));
    } catch (error) {
      throw new Usage(
        `${options.out} cannot be written (${(error as { code?: string }).code ?? "unknown"}). Choose another file with --out.`,
      );
    }
    out(`${options.out} is the package. In Teams: Apps, Manage your apps, Upload an app; then add air to the team of its channel.`);
  });

/** What went wrong, with the next step where there is one. */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = sqlState(error);
  if (databaseAway(error))
    return `The database cannot be reached (${code}). Check DATABASE_URL and that PostgreSQL runs, or ask: air doctor`;
  if (code === "28P01" || code === "28000") return "PostgreSQL refused the user or password in DATABASE_URL.";
  if (code === "3D000") return "The database named in DATABASE_URL does not exist. Create it first: createdb air";
  if (code === "EADDRINUSE") return "The port is in use by another program. Stop it, or set PORT to another one.";
  if (code === "EEXIST" || code === "ENOTDIR") return "AIR_DATA_DIR names a file. It has to be a folder air may write to.";
  if (code === "EACCES") return `${error.message}. Choose a folder or port this user may use (AIR_DATA_DIR, PORT).`;
  return error.message;
}

try {
  await program.parseAsync();
} catch (error) {
  say(explain(error));
  process.exit(error instanceof Usage ? 2 : 1);
}
