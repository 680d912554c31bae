import { type Config, readConfig } from "../config.ts";
import { goThroughProxy } from "../proxy.ts";
import { readFile, say, Usage } from "./terminal.ts";

/* Everything that is read from the environment is read here; readers of settings are handed it. */

export const readAgain = () => readConfig(process.env, readFile);

/** AIR_URL says which air is meant: no other one, and no database, answers in its place. */
export const airIsNamed = (): boolean => Boolean(process.env.AIR_URL?.trim());
export const namedAppId = (): string | undefined => process.env.MICROSOFT_APP_ID?.trim();

export function configuration(): Config {
  const read = readAgain();
  if (read.ok) {
    if (read.config.proxy) goThroughProxy(read.config.proxy);
    return read.config;
  }
  const lines = read.problems.map((problem) => `  ${problem.where} ${problem.message}`);
  throw new Usage(`The configuration has ${lines.length === 1 ? "an error" : `${lines.length} errors`}:\n${lines.join("\n")}`);
}

/** A playbook can be checked while air.yaml is wrong: only where the team's own playbooks lie is needed. */
export const playbooksFolder = (): string | undefined => process.env.AIR_PLAYBOOKS_DIR || undefined;

/** What a playbook would do depends on the policy; while air.yaml is wrong the defaults stand in, and that is said. */
export function configurationOrDefaults(): Config {
  const read = readAgain();
  if (read.ok) return read.config;
  say("The configuration has errors (air config check lists them), so the policy explained here is the default one.");
  const folder = playbooksFolder();
  const defaults = readConfig(folder ? { AIR_PLAYBOOKS_DIR: folder } : {}, () => undefined);
  return defaults.ok ? defaults.config : configuration();
}
