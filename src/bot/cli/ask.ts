import { createHash, randomBytes } from "node:crypto";
import type { Command } from "commander";
import { stories } from "../../adapters/connectors/lab/stories.ts";
import type { Card } from "../../engine/cards/card.ts";
import { askAir } from "../ask-air.ts";
import { cardText } from "../card-text.ts";
import { configuration } from "./settings.ts";
import { out, say, Usage } from "./terminal.ts";

/** What the running air is asked, and what opens its doors. */
export function askCommands(program: Command): void {
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
}

/** Asks the running air what chat would ask, and prints the card as text; what was refused is exit code 1. */
async function sayTo(text: string): Promise<void> {
  const card = await askAir<Card>(configuration(), "/v1/say", { text });
  for (const line of cardText(card)) out(line);
  if (card.badge === "Refused") process.exitCode = 1;
  if (card.title === "Not understood") process.exitCode = 2;
}
