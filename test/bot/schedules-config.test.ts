import { describe, expect, test } from "vitest";
import { readConfig } from "../../src/bot/config.ts";

const DAY = 86_400_000;
const read = (yaml: string, env: Record<string, string> = {}) => readConfig(env, (file) => (file === "./air.yaml" ? yaml : undefined));
const config = (yaml: string, env: Record<string, string> = {}) => {
  const got = read(yaml, env);
  if (!got.ok) throw new Error(got.problems.map(({ where, message }) => `${where} ${message}`).join("\n"));
  return got.config;
};
const problems = (yaml: string) => {
  const got = read(yaml);
  return got.ok ? [] : got.problems.map(({ where, message }) => `${where} ${message}`);
};

describe("what happens by the clock", () => {
  test("without a word: digest at eight, report on Monday, the audit's head at midnight, retention in the night", () => {
    expect(config("").schedules).toEqual({
      morning: { minute: 480 },
      weekly: { weekday: 1, minute: 510 },
      auditHead: { minute: 0 },
      retention: { minute: 210 },
      channel: { slack: undefined, teams: undefined },
    });
  });
  test("set, turned off, in a channel of its own", () => {
    const yaml = 'schedules: { morning: "07:15", weekly: "friday 16:00", auditHead: off, retention: "off", channel: { slack: C0DIGEST } }';
    expect(config(yaml).schedules).toEqual({
      morning: { minute: 435 },
      weekly: { weekday: 5, minute: 960 },
      auditHead: undefined,
      retention: undefined,
      channel: { slack: "C0DIGEST", teams: undefined },
    });
  });
  test.each([
    ['schedules: { morning: "Mon 08:00" }', 'schedules.morning: must be a time like "08:00"'],
    ["schedules: { morning: true }", 'schedules.morning: must be a time like "08:00"'],
    ['schedules: { morning: "25:00" }', 'schedules.morning: must be a time like "08:00"'],
    ['schedules: { weekly: "08:30" }', 'schedules.weekly: must be a day and a time like "Mon 08:30"'],
    ['schedules: { mornings: "08:00" }', 'Did you mean "morning"?'],
    ["schedules: { channel: { slack: soc } }", "must be a channel id (C0...), not its name"],
    ["schedules: { channel: { teams: 19:a@thread.tacv2 } }", "schedules.channel.teams has no effect without MICROSOFT_APP_ID"],
  ])("%s is refused with its field", (yaml, message) => {
    expect(problems(yaml).join("\n")).toContain(message);
  });
});

describe("how long things are kept", () => {
  test("raw evidence 180 days, incidents two years, the audit seven", () => {
    expect(config("").retention).toEqual({ rawMs: 180 * DAY, incidentsMs: 730 * DAY, auditMs: 2555 * DAY });
    expect(config("retention: { raw: 90d, incidents: 1y, audit: 10y }").retention).toEqual({
      rawMs: 90 * DAY,
      incidentsMs: 365 * DAY,
      auditMs: 3650 * DAY,
    });
  });
  test.each([
    ["retention: { raw: 0d }", "retention.raw: must be days or years"],
    ["retention: { raw: 180 }", "retention.raw: must be days or years"],
    ["retention: { incidents: 7d }", 'retention.incidents: must be days or years like "180d" or "2y", at least 30d'],
    ["retention: { audit: 30d }", "at least 90d"],
    ["retention: { audit: 1y }", "is kept shorter than incidents (730d)"],
    ["retention: { incidents: 8y }", "audit (2555d) is kept shorter than incidents (2920d)"],
    ["retention: { raw: 3y }", "raw (1095d) is kept longer than incidents (730d)"],
    ["retention: { audit: 51y }", "at most 50y"],
    ["retention: { logs: 7d }", 'unknown key "logs"'],
  ])("%s is refused with its field", (yaml, message) => {
    expect(problems(yaml).join("\n")).toContain(message);
  });
});
