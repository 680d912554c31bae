import { Command } from "commander";
import { alertCommands } from "./cli/alerts.ts";
import { askCommands } from "./cli/ask.ts";
import { auditCommands } from "./cli/audit.ts";
import { chatAppCommands } from "./cli/chat-apps.ts";
import { explain } from "./cli/explain.ts";
import { listCommands } from "./cli/lists.ts";
import { onCallCommands } from "./cli/oncall.ts";
import { playbookCommands } from "./cli/playbooks.ts";
import { runCommands } from "./cli/run.ts";
import { say, Usage } from "./cli/terminal.ts";

// Started by bin/air.mjs: when that is killed the line between them breaks, and nobody would stop this one any more.
process.once("disconnect", () => process.kill(process.pid, "SIGTERM"));
process.channel?.unref();

// A reader that has seen enough (head) is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));

const program = new Command("air")
  .description(
    'A virtual Tier 1/2 analyst that lives in your security team\'s chat.\nDecisions are made with air say, in the words of chat: air say approve ACT-7; air say reject ACT-7 "a drill"; air say help',
  )
  .showHelpAfterError("(air --help lists the commands)")
  // Before the commands are made: they inherit it.
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));
for (const add of [runCommands, askCommands, listCommands, auditCommands, onCallCommands, alertCommands, playbookCommands, chatAppCommands])
  add(program);

try {
  await program.parseAsync();
} catch (error) {
  say(explain(error));
  process.exit(error instanceof Usage ? 2 : 1);
}
