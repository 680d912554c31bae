import type { Command } from "commander";
import { configuration } from "./settings.ts";
import { out, readFile, standardInput, Usage } from "./terminal.ts";

/** What air would make of an alert; nothing is sent anywhere. */
export function alertCommands(program: Command): void {
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
      const { explainPolicies } = await import("../explain-policies.ts");
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
      const { testSource } = await import("../test-source.ts");
      const config = configuration();
      if (options.source !== undefined && !config.sources.has(options.source))
        throw new Usage(`There is no source ${options.source.slice(0, 60)}. There are: ${[...config.sources.keys()].join(", ")}.`);
      for (const line of testSource(text, options.source, config, new Date())) out(line);
    });
}
