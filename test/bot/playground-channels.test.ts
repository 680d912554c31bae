import fs from "node:fs";
import { createRequire } from "node:module";
import { expect, test } from "vitest";
import { readConfig } from "../../src/bot/config.ts";

/* A newcomer copies the line from the README: it has to name a channel that Microsoft's test client has as it is. */
test("the README's channels of the Agents Playground are those it has, and air.yaml takes them", () => {
  const readme = fs.readFileSync("README.md", "utf8");
  const line = /`(channels: \[\{ teams: ([\w-]+), post: all \}\])` in air\.yaml/.exec(readme);
  const [general] = /(?<=\(`)[\w-]+(?=` is \*General\*\))/.exec(readme) ?? [];
  const { resolve } = createRequire(import.meta.url);
  const client = fs.readFileSync(resolve("@microsoft/m365agentsplayground/dist/index.js"), "utf8");
  expect(client).toContain(`- id: ${line?.[2]}\\n      name: Announcements`);
  expect(client).toContain(`\\nteam:\\n  id: ${general}\\n  name: My Team`);
  const read = readConfig({ TEAMS_ANONYMOUS: "1" }, (file) => (file === "./air.yaml" ? line?.[1] : undefined));
  expect(read.ok && read.config.channels).toMatchObject([{ teams: line?.[2], post: "all" }]);
});
