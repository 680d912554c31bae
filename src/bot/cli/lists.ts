import type { Command } from "commander";
import { ACTION_SORTS } from "../../engine/store.ts";
import { askAir } from "../ask-air.ts";
import { csvOut, runningOr, withStore } from "./rows.ts";
import { configuration } from "./settings.ts";
import { out, quotedWord, usable } from "./terminal.ts";

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

/** Lists, to be read here or as CSV. */
export function listCommands(program: Command): void {
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
      const { actionItems, actionItemsFrom, actionLines, actionsRequest } = await import("../list-commands.ts");
      const { exportOf } = await import("../export-rows.ts");
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
      const { readExport } = await import("../export-rows.ts");
      await csvOut(
        config,
        usable(() => readExport([what, ...words.map(quotedWord)].join(" "))),
      );
    });
}
