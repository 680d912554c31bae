import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readConfig } from "../../src/bot/config.ts";
import { examineTeams } from "../../src/bot/teams-doctor.ts";
import { openAir } from "../support/running-air.ts";
import { BOT_ID, CHANNEL, eventOf, mentioning } from "../support/teams-activity.ts";

/* What the doctor knows of Teams without asking it: what Teams itself told air. */
const dataDir = fs.mkdtempSync(path.join(os.tmpdir(), "air-test-"));
const yaml = `
channels: [{ teams: "${CHANNEL}" }, { teams: "19:new@thread.tacv2" }]
people: [{ name: Mia, email: mia@contoso.com, teams: 8f1c }, { name: Noor, email: noor@contoso.com }]
roles: { admin: [noor@contoso.com], responder: [mia@contoso.com] }
`;
const examined = async (env: Record<string, string> = { TEAMS_ANONYMOUS: "1" }, text = yaml) => {
  const read = readConfig({ AIR_DATA_DIR: dataDir, ...env }, (file) => (file === "./air.yaml" ? text : undefined));
  if (!read.ok) throw new Error(JSON.stringify(read.problems));
  return (await examineTeams(read.config)).map(({ what, ok, text: said }) => `${ok ? "ok" : "FAIL"} ${what}: ${said}`);
};

let heard: string[];
let removed: string[];
beforeAll(async () => {
  const during = async (activity: object) => {
    const air = await openAir({ dataDir, env: { TEAMS_ANONYMOUS: "1" }, yaml });
    await air.post("/api/messages", activity);
    await air.stop();
  };
  await during(mentioning("help"));
  heard = await examined();
  await during(eventOf("conversationUpdate", { membersRemoved: [{ id: BOT_ID }] }));
  removed = await examined();
}, 180_000);
afterAll(() => fs.rmSync(dataDir, { recursive: true, force: true }));

test("each channel says whether air was heard in it, and whom Teams cannot tell", () => {
  expect(heard).toEqual([
    "ok Teams: TEAMS_ANONYMOUS: nobody's identity is checked. For a test client on this machine only",
    "ok Teams: anybody on this machine may speak to air",
    `ok channel ${CHANNEL}: air was heard in it`,
    "ok channel 19:new@thread.tacv2: nothing was heard from it yet; air posts through another conversation of the tenant",
    "ok Teams: Noor: in roles, but without teams: in people, so they can do nothing in Teams. @air whoami tells each their line",
  ]);
});

test("a removed app, and a channel nothing could be posted to, say what to do", () => {
  expect(removed[2]).toBe(`FAIL channel ${CHANNEL}: air was removed from its team. Add the app there again`);
});

test("without a channel nothing is posted; without Teams nothing is said", async () => {
  expect((await examined(undefined, ""))[2]).toMatch(/^FAIL Teams: no channel is named/);
  expect(await examined({}, "people: []")).toEqual([]);
});
