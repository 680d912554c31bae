import type { Command } from "commander";
import type { Outcome } from "../playbook-commands.ts";
import { configurationOrDefaults, playbooksFolder } from "./settings.ts";
import { out, say } from "./terminal.ts";

/** The playbook commands need no database; their answers carry their own exit code. */
async function playbookCommand(work: (commands: typeof import("../playbook-commands.ts")) => Outcome): Promise<void> {
  const { lines, problems, code } = work(await import("../playbook-commands.ts"));
  for (const line of lines) out(line);
  for (const problem of problems) say(problem);
  process.exitCode = code;
}

/** Playbooks, looked at without running any. */
export function playbookCommands(program: Command): void {
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
}
