import { describe, expect, test } from "vitest";
import { readConfig } from "../../src/bot/config.ts";
import { shiftWarnings } from "../../src/bot/shift-warnings.ts";

const SLACK = { SLACK_BOT_TOKEN: "xoxb-1", SLACK_CHANNEL: "C0SOC", SLACK_APP_TOKEN: "xapp-1", AIR_API_TOKEN: "t" };
const MONDAY = new Date("2026-10-05T12:00:00Z");
const PEOPLE = `
people:
  - { name: Mia Keller, email: mia@contoso.com, slack: U0MIA }
  - { name: Noor Haddad, email: noor@contoso.com, slack: U0NOOR }
  - { name: Tom Third, email: tom@contoso.com, slack: U0TOM }
`;
const both = "[mia@contoso.com, noor@contoso.com]";
const ROLES = `roles: { approver: { device: ${both}, email: ${both}, identity: ${both}, network: ${both}, app: ${both} } }\n`;

function warnings(yaml: string): string[] {
  const read = readConfig({ ...SLACK, AIR_CONFIG: "air.yaml" }, () => yaml);
  if (!read.ok) throw new Error(JSON.stringify(read.problems));
  return shiftWarnings(read.config, MONDAY);
}
const rota = (...layers: string[]) => `${PEOPLE}${ROLES}onCall: { timeZone: Europe/Berlin, layers: [${layers.join(", ")}] }\n`;
const daily = (...people: string[]) =>
  `{ name: ${people[0]}, rotation: daily, handover: "09:00", start: 2026-10-05, people: [${people.map((name) => `${name}@contoso.com`).join(", ")}] }`;

describe("what is no error and will be missed one night", () => {
  test("a rule that pages, and nobody to page", () => {
    const channels = "channels: [{ slack: C0SOC, page: true }]\n";
    expect(warnings(channels)).toEqual([expect.stringMatching(/^channels\[0\]\.page is true, but nobody is on call.*Set onCall/)]);
    expect(warnings(`${PEOPLE}${channels}onCall: { person: mia@contoso.com }`)).toEqual([]);
    expect(warnings("channels: [{ slack: C0SOC }]")).toEqual([]);
  });

  test("somebody who may decide on nothing is on call on another day than this one", () => {
    const [only, ...others] = warnings(rota(daily("mia", "noor", "tom")));
    expect(others).toEqual([]);
    expect(only).toMatch(/^Nobody on call from 2026-10-07 09:00 \(Europe\/Berlin\) and 8 more times in four weeks may decide on device, /);
    expect(only).toContain("Tom Third is in none of roles.approver.device");
    expect(warnings(rota(daily("tom", "mia")))[0]).toMatch(/^Nobody on call now may decide on device/);
    expect(warnings(rota(daily("mia", "noor")))).toEqual([]);
  });

  test("a layer that a later one hides wholly", () => {
    expect(warnings(rota(daily("noor"), daily("mia")))).toEqual([
      expect.stringMatching(/^onCall\.layers\[0\] \(noor\) puts nobody on call/),
    ]);
    const nights = daily("mia").replace(" }", ', restrict: { hours: "22:00-06:00" } }');
    expect(warnings(rota(daily("noor"), nights))).toEqual([]);
    expect(warnings(rota(nights, daily("noor")))).toEqual([expect.stringMatching(/^onCall\.layers\[0\] \(mia\) puts nobody on call/)]);
  });
});
