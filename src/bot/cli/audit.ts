import type { Command } from "commander";
import { digestOf, verifyAudit, writeCheckpoint } from "../../engine/audit-chain.ts";
import { askAir } from "../ask-air.ts";
import { runningOr, withStore } from "./rows.ts";
import { configuration } from "./settings.ts";
import { out, readFile, standardInput, Usage } from "./terminal.ts";

/** The record, and who is to be forgotten in it. */
export function auditCommands(program: Command): void {
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
      const { erasedLines, eraseIn } = await import("../erase.ts");
      const asked = { email, dryRun: options.dryRun ?? false };
      const erased = await runningOr(
        config,
        () => askAir<Awaited<ReturnType<typeof eraseIn>>>(config, "/v1/persons/erase", asked, "slow"),
        () => withStore(config, (store) => eraseIn(store, config, asked)),
      );
      for (const line of erasedLines(erased, asked.dryRun)) out(line);
    });
}
