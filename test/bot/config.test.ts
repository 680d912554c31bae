import { describe, expect, test } from "vitest";
import { type Config, readConfig, redacted } from "../../src/bot/config.ts";
import { DEFAULT_AUTOMATION } from "../../src/engine/domain/policy.ts";
import fc from "../support/fast-check.ts";

const WEEKLY = '{ name: primary, rotation: weekly, handover: "Mon 09:00", start: 2026-10-05, people: [mia@contoso.com] }';

/** `${NAME}`, as air.yaml takes a value out of the environment. */
const variable = (name: string) => `\${${name}}`;
const SHA = "a".repeat(64);
const APP = "11111111-1111-4111-8111-111111111111";
const TEAMS = {
  MICROSOFT_APP_ID: APP,
  MICROSOFT_APP_PASSWORD: "not-a-secret",
  MICROSOFT_APP_TENANT_ID: "22222222-2222-4222-8222-22222222222A",
};
const read = (env: Record<string, string | undefined>, yaml?: string) =>
  readConfig(env, (path) => (path === (env.AIR_CONFIG ?? "./air.yaml") ? yaml : undefined));
const good = (env: Record<string, string | undefined> = {}, yaml?: string): Config => {
  const result = read(env, yaml);
  if (!result.ok) throw new Error(JSON.stringify(result.problems, null, 2));
  return result.config;
};
const bad = (env: Record<string, string | undefined>, yaml?: string): string[] => {
  const result = read(env, yaml);
  if (result.ok) throw new Error("was accepted");
  return result.problems.map(({ where, message }) => `${where} ${message}`);
};
const badYaml = (yaml: string, env: Record<string, string> = {}) => bad(env, yaml);

const quiet = (text: string) => `onCall: { group: slack-group:S0SOC, quiet: [{ ${text} }] }`;
const last = (text: string) => `onCall: { group: slack-group:S0SOC, last: { ${text} } }`;
const LAST_MISTAKES: [string, string][] = [
  [last("mail: { smtp: smtps://mail.contoso.com, from: a@b.c }"), "onCall.last.mail.to is missing: a group has no address"],
  [last("mail: { smtp: mail.contoso.com, from: a@b.c, to: a@b.c }"), "onCall.last.mail.smtp: must be an address like"],
  [last("mail: { smtp: 25, from: a@b.c, to: a@b.c }"), "onCall.last.mail.smtp: must be an address like"],
  [last("mail: { smtp: smtp://air@mail.contoso.com, from: a@b.c, to: a@b.c }"), "onCall.last.mail.password: is missing: smtp names a user"],
  [last("mail: { smtp: smtp://mail.contoso.com, password: x, from: a@b.c, to: a@b.c }"), "onCall.last.mail.password: needs a user"],
  [
    last("mail: { smtp: { host: mail.contoso.com, tls: none }, from: a@b.c, to: a@b.c }"),
    "onCall.last.mail.smtp.tls: none is allowed on this machine only",
  ],
  [
    last("mail: { smtp: { host: mail.contoso.com, tls: sometimes }, from: a@b.c, to: a@b.c }"),
    "onCall.last.mail.smtp.tls: must be implicit, starttls or none",
  ],
  [last("mail: { smtp: { port: 25 }, from: a@b.c, to: a@b.c }"), "onCall.last.mail.smtp.host"],
  [
    last('mail: { smtp: smtp://mail.contoso.com, from: "air <a@b.c>", to: a@b.c }'),
    "onCall.last.mail.from: must be a plain e-mail address",
  ],
  [last('mail: { smtp: smtp://mail.contoso.com, from: a@b.c, to: "a@b.c, d@e.f" }'), "onCall.last.mail.to: must be a plain e-mail address"],
  [last("pagerduty: { routingKey: short }"), "onCall.last.pagerduty.routingKey: must be the integration key"],
  [last(`pagerduty: { routingKey: ${"k".repeat(32)}, url: "http://events.example.com" }`), "onCall.last.pagerduty.url: must be https"],
  [last("telephone: {}"), 'onCall.last: unknown key "telephone"'],
  [quiet("from: 22:00, to: 07:00, severity: [low, critical]"), "onCall.quiet[0].severity[1]: critical is never quiet"],
  [quiet("from: 22:00, to: 07:00"), "onCall.quiet[0].severity"],
  [quiet("from: 22:00, to: 07:00, severity: []"), "onCall.quiet[0].severity: must name at least one severity"],
  [quiet("from: 25:00, to: 07:00, severity: [low]"), 'onCall.quiet[0].from: must be a time like "22:00"'],
  [quiet("from: 22:00, to: 22:00, severity: [low]"), "onCall.quiet[0].to: is the same as from"],
  [quiet("from: 22:00, to: 07:00, days: [Mo], severity: [low]"), "onCall.quiet[0].days[0]: must be days like Mon"],
  [quiet("from: 22:00, to: 07:00, timeZone: Berlin, severity: [low]"), "onCall.quiet[0].timeZone: must be a time zone"],
  [quiet("from: 22:00, to: 07:00, till: 08:00, severity: [low]"), 'unknown key "till"'],
  [quiet('from: "00:00", to: "24:00", severity: [medium]'), "onCall.quiet: leaves no hour of the week in which somebody is told of medium"],
  ["onCall: { group: slack-group:S0SOC, together: 2h }", "onCall.together: must be a duration like"],
  ["onCall: { quiet: [{ from: 22:00, to: 07:00, severity: [low] }] }", "onCall.person: is missing"],
];

describe("who is on call, and until when somebody has to answer", () => {
  const people = "people: [{ name: Mia, email: mia@contoso.com, slack: U0MIA }, { name: Noor, email: noor@contoso.com }]\n";
  test("one after the other, and a webhook whose secret and path are never printed", () => {
    const config = good(
      { PAGER_SECRET: "0123456789abcdef" },
      `${people}onCall: { person: mia@contoso.com, then: noor@contoso.com, every: 5m, timeZone: Europe/Berlin, last: { webhook: { url: "https://pager.example.com/hook/abc", secret: "${variable("PAGER_SECRET")}" } } }\ndeadlines: { critical: 5m, medium: digest }`,
    );
    expect(config.onCall).toEqual({
      chain: ["mia@contoso.com", "noor@contoso.com"],
      layers: [],
      escalation: [],
      everyMs: 300_000,
      timeZone: "Europe/Berlin",
      quiet: [],
      ownerReminderMs: { urgent: 30 * 60_000, other: 4 * 3_600_000 },
      togetherMs: 60_000,
      webhook: { url: "https://pager.example.com/hook/abc", secret: "0123456789abcdef" },
    });
    expect(config.policy.deadlines).toEqual({ critical: 300_000, medium: "digest" });
    expect(JSON.stringify(redacted(config))).not.toMatch(/0123456789abcdef|hook\/abc/);
  });
  test("an owner who does nothing is reminded after a time of its own, or never", () => {
    const reminder = (yaml: string) => good({}, `onCall: ${yaml}`).onCall.ownerReminderMs;
    expect(reminder("{ ownerReminder: 1h }")).toEqual({ urgent: 3_600_000, other: 3_600_000 });
    expect(reminder("{ ownerReminder: off }")).toBeUndefined();
  });

  test("quiet hours, each in its own zone or that of the rota, and how long others are waited for", () => {
    const { onCall } = good(
      {},
      `${people}onCall: { person: mia@contoso.com, timeZone: Europe/Berlin, together: 2m, quiet: [{ from: 22:00, to: 07:00, severity: [low, medium] }, { from: "00:00", to: "24:00", days: [Sat, Sun], timeZone: UTC, severity: [low] }] }`,
    );
    expect(onCall.togetherMs).toBe(120_000);
    expect(onCall.quiet).toEqual([
      { from: 1320, to: 420, timeZone: "Europe/Berlin", severity: ["low", "medium"] },
      { from: 0, to: 1440, days: [6, 7], timeZone: "UTC", severity: ["low"] },
    ]);
    expect(good({}, `${people}onCall: { person: mia@contoso.com, together: 0s }`).onCall.togetherMs).toBe(0);
  });
  test("a rota, with what was left out; the key of another product's is never printed", () => {
    const restrict = 'restrict: { days: [Mon..Fri, Sun], hours: "22:00-06:00" }';
    const layers = `{ name: nights, rotation: { every: 3d }, handover: "09:30", start: 2026-10-05, people: [noor@contoso.com], ${restrict} }`;
    const { onCall } = good({}, `${people}onCall: { timeZone: Europe/Berlin, layers: [${WEEKLY}, ${layers}] }`);
    expect(onCall.layers).toEqual([
      { name: "primary", everyDays: 7, handover: { weekday: 1, minute: 540 }, start: "2026-10-05", people: ["mia@contoso.com"] },
      {
        name: "nights",
        everyDays: 3,
        handover: { minute: 570 },
        start: "2026-10-05",
        people: ["noor@contoso.com"],
        restrict: { days: [1, 2, 3, 4, 5, 7], hours: { from: 1320, to: 360 } },
      },
    ]);
    expect(onCall.escalation).toEqual([
      { to: "current", afterMs: 0 },
      { to: "next", afterMs: 600_000 },
      { to: "everyone", afterMs: 1_200_000 },
    ]);
    const asked = good(
      { PD_TOKEN: "u+a-read-only-key-of-tests" },
      `${people}onCall: { source: { pagerduty: { schedule: PSOC1, apiToken: "${variable("PD_TOKEN")}" } }, escalation: [{ to: current, after: 0m }] }`,
    );
    expect(asked.onCall).toMatchObject({ source: { schedule: "PSOC1", region: "us" }, escalation: [{ to: "current", afterMs: 0 }] });
    expect(JSON.stringify(redacted(asked))).not.toContain("read-only-key");
  });
  test("mail and PagerDuty, whose secrets are never printed", () => {
    const read = (last: string) =>
      good({ SMTP_PASSWORD: "hunter2 hunter2", PD_KEY: "k".repeat(32) }, `${people}onCall: { person: mia@contoso.com, last: ${last} }`)
        .onCall;
    const password = `"${variable("SMTP_PASSWORD")}"`;
    const mail = (smtp: string, more = "") => read(`{ mail: { smtp: ${smtp}, from: air@contoso.com${more} } }`).mail;
    const from = "air@contoso.com";
    expect(mail('"smtps://air@mail.contoso.com:465"', `, password: ${password}, to: SOC@contoso.com`)).toEqual({
      host: "mail.contoso.com",
      port: 465,
      tls: "implicit",
      user: "air",
      password: "hunter2 hunter2",
      from,
      to: "soc@contoso.com",
    });
    expect(mail("smtp://mail.contoso.com")).toEqual({ host: "mail.contoso.com", port: 587, tls: "starttls", from });
    expect(mail("smtp://127.0.0.1:2525")).toMatchObject({ port: 2525, tls: "none" });
    expect(mail(`{ host: mail.contoso.com, user: air, password: ${password} }`)).toMatchObject({ port: 587, tls: "starttls", user: "air" });
    expect(mail("{ host: mail.contoso.com, port: 465 }")).toMatchObject({ tls: "implicit" });
    expect(mail('"smtps://air%40contoso.com:pa%20ss@[::1]"')).toMatchObject({ host: "::1", user: "air@contoso.com", password: "pa ss" });
    const pagerduty = `{ pagerduty: { routingKey: "${variable("PD_KEY")}", url: "https://events.eu.pagerduty.com/v2/enqueue" } }`;
    expect(read(pagerduty).pagerduty).toEqual({ routingKey: "k".repeat(32), url: "https://events.eu.pagerduty.com/v2/enqueue" });
    const all = good(
      { SMTP_PASSWORD: "hunter2 hunter2", PD_KEY: "k".repeat(32), AIR_HEARTBEAT_URL: "https://watch.example.com/ping/abc-def?key=ghi" },
      `${people}onCall: { person: mia@contoso.com, last: { pagerduty: { routingKey: "${variable("PD_KEY")}" }, mail: { smtp: "smtps://air@mail.contoso.com", password: ${password}, from: air@contoso.com } } }`,
    );
    expect(all.heartbeatUrl).toBe("https://watch.example.com/ping/abc-def?key=ghi");
    expect(JSON.stringify(redacted(all))).not.toMatch(/hunter2|kkkk|abc-def|ghi/);
  });
  test("with Slack, whoever is on call has an account there", () => {
    const slack = { SLACK_BOT_TOKEN: "xoxb-1", SLACK_SIGNING_SECRET: "s", SLACK_CHANNEL: "C0SOC" };
    expect(bad(slack, `${people}onCall: { person: mia@contoso.com, then: noor@contoso.com }`).join()).toContain(
      "onCall.then has no slack account in people, so nobody would be mentioned: add slack: U0...",
    );
    expect(good({}, `${people}onCall: { group: slack-group:S0SOC }`).onCall.chain).toEqual(["slack-group:S0SOC"]);
  });
});

describe("environment", () => {
  test("nothing set", () => {
    expect(good({ PATH: "/bin", HOST: "", AIR_UNUSED: "" })).toMatchObject({
      host: "127.0.0.1",
      port: 3978,
      publicUrl: undefined,
      airUrl: "http://127.0.0.1:3978",
      databaseUrl: undefined,
      dataDir: "./.air",
      configFile: undefined,
      paused: false,
      logLevel: "info",
      mode: undefined,
      lab: undefined,
      slack: undefined,
      channels: [],
      connectors: {},
      policy: {
        ceilings: { perKindPerHour: 10, perDay: 25, devicesPerInvestigation: 5 },
        correlation: { device: 86_400_000, ip: 3_600_000 },
        alertPolicies: [],
        deviceGroups: [],
      },
    });
    expect([...good().sources.keys()]).toEqual(["generic", "defender", "guardduty", "wazuh", "ocsf", "elastic"]);
  });

  test("everything set", () => {
    const config = good({
      HOST: "0.0.0.0",
      PORT: "0",
      AIR_PUBLIC_URL: "https://air.contoso.com/",
      DATABASE_URL: "postgres://air:pw@db:5432/air",
      AIR_DATA_DIR: "/var/lib/air",
      AIR_PLAYBOOKS_DIR: "/etc/air/playbooks",
      AIR_API_TOKEN: "token",
      AIR_SECRET: "0123456789abcdef",
      AIR_AUDIT_KEY_FILE: "/run/keys/audit",
      AIR_PAUSED: "1",
      LOG_LEVEL: "DEBUG",
      SLACK_BOT_TOKEN: "xoxb-1",
      SLACK_SIGNING_SECRET: "sig",
      SLACK_API_URL: "http://127.0.0.1:7102/api/",
      SLACK_CHANNEL: "C0SOC",
      VIRUSTOTAL_API_KEY: "vt",
      VIRUSTOTAL_URL: "http://127.0.0.1:7101",
      ABUSEIPDB_API_KEY: "ab",
      ABUSECH_AUTH_KEY: "ch",
    });
    expect(config).toMatchObject({
      publicUrl: "https://air.contoso.com",
      airUrl: "http://127.0.0.1:0",
      paused: true,
      logLevel: "debug",
      slack: { botToken: "xoxb-1", apiUrl: "http://127.0.0.1:7102/api", channel: "C0SOC", teams: [], pace: { perSecond: 1, burst: 1 } },
      connectors: {
        virustotal: { apiKey: "vt", url: "http://127.0.0.1:7101", perMinute: 4, perDay: 500 },
        abuseipdb: { apiKey: "ab", url: "https://api.abuseipdb.com", perMinute: undefined, perDay: 1000 },
        urlhaus: { authKey: "ch", url: "https://urlhaus-api.abuse.ch", perMinute: undefined, perDay: undefined },
      },
    });
  });

  test.each([
    [{ PORT: "70000" }, "PORT must be a number from 0 to 65535"],
    [{ HOST: "a b" }, "HOST must be a host name or an address"],
    [{ DATABASE_URL: "mysql://db" }, "DATABASE_URL must be a postgres:// address"],
    [{ AIR_SECRET: "short" }, "AIR_SECRET must be at least 16 characters long"],
    [{ AIR_PAUSED: "yes" }, "AIR_PAUSED must be 1, or unset"],
    [{ LOG_LEVEL: "wran" }, 'LOG_LEVEL must be one of trace, debug, info, warn, error, fatal, silent. Did you mean "warn"?'],
    [{ AIR_PUBLIC_URL: "air.contoso.com" }, "AIR_PUBLIC_URL must be an https:// address"],
    [{ AIR_PUBLCI_URL: "https://x" }, 'AIR_PUBLCI_URL is no setting of air. Did you mean "AIR_PUBLIC_URL"?'],
    [{ SLACK_BOT_TOKN: "xoxb-1" }, 'SLACK_BOT_TOKN is no setting of air. Did you mean "SLACK_BOT_TOKEN"?'],
    [{ VIRUSTOTAL_KEY: "x" }, 'VIRUSTOTAL_KEY is no setting of air. Did you mean "VIRUSTOTAL_API_KEY"?'],
    [{ AIR_HEARTBEAT_URL: "http://watch.example.com/ping/abc" }, "AIR_HEARTBEAT_URL must be https"],
    [{ AIR_HEARTBEAT_URL: "https://me:abc@watch.example.com" }, "AIR_HEARTBEAT_URL must not hold a user name"],
    [{ AIR_HEARTBEAT_URL: "watch" }, "AIR_HEARTBEAT_URL must be an https:// address"],
    [{ TEAMS_ANONYMOUS: "yes" }, "TEAMS_ANONYMOUS must be 1, or unset"],
    [
      { TEAMS_ANONYMOUS: "1", HOST: "0.0.0.0" },
      "TEAMS_ANONYMOUS checks nobody's identity, so it is only allowed while HOST is a loopback address",
    ],
    [
      { TEAMS_ANONYMOUS: "1", GRAPH_TENANT_ID: "contoso.com", GRAPH_CLIENT_ID: "1b2c", GRAPH_CLIENT_SECRET: "x" },
      "TEAMS_ANONYMOUS checks nobody's identity, so it cannot stand beside graph, which acts on real things",
    ],
    [{ ...TEAMS, TEAMS_ANONYMOUS: "1" }, "TEAMS_ANONYMOUS contradicts MICROSOFT_APP_ID"],
    [{ ...TEAMS, MICROSOFT_APP_TYPE: "MultiTenant" }, "MICROSOFT_APP_TYPE must be SingleTenant or UserAssignedMSI: Microsoft makes no new"],
    [{ ...TEAMS, MICROSOFT_APP_TYPE: "UserAssignedMSI" }, "MICROSOFT_APP_PASSWORD has no effect with MICROSOFT_APP_TYPE=UserAssignedMSI"],
    [
      { ...TEAMS, MICROSOFT_APP_TENANT_ID: "contoso.com" },
      "MICROSOFT_APP_TENANT_ID must be the tenant's id (a GUID), not a name or a domain",
    ],
    [{ MICROSOFT_APP_IDD: "x" }, 'MICROSOFT_APP_IDD is no setting of air. Did you mean "MICROSOFT_APP_ID"?'],
    [
      { GRAPH_TENANT_ID: "contoso.com", GRAPH_CLIENT_SECRET: "x" },
      "GRAPH_CLIENT_ID is missing: GRAPH_TENANT_ID and GRAPH_CLIENT_SECRET are set",
    ],
    [{ GRAPH_TENANT_ID: "contoso.com", GRAPH_CLIENT_ID: "1b2c", GRAPH_CLIENT_SECRET: "x y" }, "GRAPH_CLIENT_SECRET must not hold spaces"],
    [{ GRAPH_URL: "https://graph.microsoft.us" }, "GRAPH_URL has no effect without GRAPH_TENANT_ID, GRAPH_CLIENT_ID, GRAPH_CLIENT_SECRET"],
    [{ THREATFOX_URL: "https://x" }, "THREATFOX_URL has no effect without ABUSECH_AUTH_KEY: set it, or unset THREATFOX_URL"],
    [{ AIR_CONFIG: "/etc/air.yaml" }, "AIR_CONFIG names /etc/air.yaml, which cannot be read"],
    [{ SLACK_BOT_TOKEN: "xoxb-1", SLACK_CHANNEL: "C0SOC" }, "SLACK_SIGNING_SECRET is missing"],
    [{ SLACK_BOT_TOKEN: "xoxb-1", SLACK_APP_TOKEN: "xapp-1" }, "SLACK_CHANNEL is missing"],
    [{ SLACK_SIGNING_SECRET: "x", SLACK_CHANNEL: "C0SOC" }, "SLACK_BOT_TOKEN is missing: SLACK_SIGNING_SECRET, SLACK_CHANNEL are set"],
    [{ SLACK_BOT_TOKEN: "xapp-1", SLACK_SIGNING_SECRET: "x", SLACK_CHANNEL: "C0SOC" }, "SLACK_BOT_TOKEN holds an app-level token"],
    [{ SLACK_BOT_TOKEN: "xoxb-1", SLACK_SIGNING_SECRET: "x", SLACK_CHANNEL: "#soc" }, "SLACK_CHANNEL must be a channel id"],
    [{ SLACK_BOT_TOKEN: '"xoxb-1"', SLACK_SIGNING_SECRET: "x", SLACK_CHANNEL: "C0SOC" }, "SLACK_BOT_TOKEN holds quotation marks"],
    [{ SLACK_BOT_TOKEN: "xoxp-1", SLACK_SIGNING_SECRET: "x", SLACK_CHANNEL: "C0SOC" }, "SLACK_BOT_TOKEN must be a bot token"],
    [{ SLACK_BOT_TOKEN: "xoxb-1", SLACK_SIGNING_SECRET: "'x'", SLACK_CHANNEL: "C0SOC" }, "SLACK_SIGNING_SECRET holds quotation marks"],
    [{ SLACK_BOT_TOKEN: "xoxb-1", SLACK_APP_TOKEN: "token", SLACK_CHANNEL: "C0SOC" }, "SLACK_APP_TOKEN must be an app-level token"],
    [{ VIRUSTOTAL_URL: "https://x.example" }, "VIRUSTOTAL_URL has no effect without VIRUSTOTAL_API_KEY"],
    [{ URLHAUS_URL: "https://x.example" }, "URLHAUS_URL has no effect without ABUSECH_AUTH_KEY"],
  ])("refuses %j", (env, message) => {
    expect(bad(env)).toEqual([expect.stringContaining(message)]);
  });

  test.each([
    ["http://evil.example", "must be https"],
    ["https://user:hunter2@x.example", "must not hold a user name"],
    ["ftp://127.0.0.1", "must be an https:// address"],
    ["https://x.example/?key=hunter2", "without ? or #"],
    ["http://127.0.0.1.evil.example", "must be https"],
    ["nonsense", "must be an https:// address"],
  ])("refuses the product address %s", (url, message) => {
    const problems = bad({ VIRUSTOTAL_API_KEY: "k", VIRUSTOTAL_URL: url });
    expect(problems).toEqual([expect.stringContaining(message)]);
    expect(problems.join()).not.toContain("hunter2");
  });

  test.each(["http://localhost:7101", "http://[::1]:7101", "http://127.9.9.9/prefix", "https://vt.proxy.example/x"])("takes %s", (url) => {
    expect(good({ VIRUSTOTAL_API_KEY: "k", VIRUSTOTAL_URL: `${url}/` }).connectors.virustotal?.url).toBe(url);
  });

  test("says every error at once, of both places", () => {
    expect(bad({ PORT: "x", AIR_SECRET: "x", GRAPH_URL: "ftp://x", SLACK_CHANNEL: "C0SOC" }, "mode: actt\nchanels: []\n")).toHaveLength(6);
  });
});

const FULL = `
organization: { name: Contoso, domains: [Contoso.com], internalRanges: [10.0.0.0/8] }
mode: ask
sources:
  siem: { kind: generic, signingSecret: "\${SIEM_SECRET}", trusted: true }
channels:
  - { when: { severity: [high, critical] }, slack: C0SOC, page: true }
  - { slack: C0ALL, post: all }
opsChannel: { slack: C0OPS }
slack: { teams: [T0TEAM], pace: { perSecond: 0.5, burst: 2 } }
people:
  - { name: Mia, email: Mia@contoso.com, slack: U0MIA }
roles:
  admin: [mia@contoso.com]
  approver: { device: [mia@contoso.com] }
  viewer: ["*@contoso.com"]
tokens:
  - { name: siem, sha256: "${SHA}", roles: ["source:siem"] }
  - { name: bot, sha256: "${"b".repeat(64)}", roles: [responder], mayDecide: [device], person: Mia }
deviceGroups:
  - { name: workstations, match: { name: "ws-*" }, automation: semi-core }
  - { name: everything, automation: semi-all }
protected: ["device:dc-*", "ip:2001:db8::1"]
policy:
  isolate-device: { approval: always, approvals: 2, expiresAfter: 24h }
ceilings: { perDay: 5 }
alertPolicies:
  - { match: { source: siem, category: [Malware], severity: [high] }, investigate: true }
  - { name: red-team, match: { title: "*drill*" }, suppress: true, owner: mia@contoso.com, until: 2026-12-31 }
  - { investigate: false, post: true }
correlation: { ip: 30m }
storm: { alike: 50, within: 30s }
connectors:
  virustotal: { apiKey: "\${VT}", perMinute: 1000, perDay: 100000 }
`;

describe("air.yaml", () => {
  const env = { SIEM_SECRET: "a-signing-secret-of-siem", VT: "vt-from-env" };

  test("everything that has an effect", () => {
    const config = good(env, FULL);
    expect(config.mode).toBe("ask");
    expect(config.configFile).toBe("./air.yaml");
    expect(config.sources.get("siem")).toEqual({ kind: "generic", signingSecret: env.SIEM_SECRET, trusted: true });
    expect(config.channels).toEqual([
      { severity: ["high", "critical"], slack: "C0SOC", post: "needed", page: true },
      { severity: undefined, slack: "C0ALL", post: "all", page: false },
    ]);
    expect(config.opsChannel).toEqual({ slack: "C0OPS" });
    expect(config.people).toEqual([{ name: "Mia", email: "mia@contoso.com", slack: "U0MIA", teams: undefined }]);
    expect(config.roles).toEqual({
      admin: ["mia@contoso.com"],
      approver: { device: ["mia@contoso.com"], email: [], identity: [], network: [], app: [] },
      responder: [],
      viewer: ["*@contoso.com"],
    });
    expect(config.tokens).toEqual([
      { name: "siem", sha256: SHA, roles: ["source:siem"], mayDecide: [], person: undefined },
      { name: "bot", sha256: "b".repeat(64), roles: ["responder"], mayDecide: ["device"], person: "mia@contoso.com" },
    ]);
    expect(config.policy).toEqual({
      organization: { name: "Contoso", domains: ["contoso.com"], internalRanges: ["10.0.0.0/8"] },
      deviceGroups: [
        { name: "workstations", match: "ws-*", automation: "semi-core" },
        { name: "everything", automation: "semi-all" },
      ],
      protected: ["device:dc-*", "ip:2001:db8::1"],
      perKind: { "isolate-device": { approval: "always", approvals: 2, expiresAfter: 86_400_000 } },
      ceilings: { perKindPerHour: 10, perDay: 5, devicesPerInvestigation: 5 },
      automation: DEFAULT_AUTOMATION,
      alertPolicies: [
        {
          name: "alertPolicies-0",
          match: { source: ["siem"], category: ["Malware"], severity: ["high"] },
          outcome: "investigate",
          show: false,
          from: "alertPolicies[0] in air.yaml",
        },
        {
          name: "red-team",
          match: { title: ["*drill*"] },
          outcome: "suppress",
          show: false,
          from: "alertPolicies[1] in air.yaml",
          owner: "mia@contoso.com",
          until: new Date("2027-01-01T00:00:00Z"),
        },
        { name: "alertPolicies-2", match: {}, outcome: "post", show: true, from: "alertPolicies[2] in air.yaml" },
      ],
      correlation: { device: 86_400_000, file: 86_400_000, url: 86_400_000, user: 86_400_000, ip: 1_800_000, mailBucket: 60_000 },
      storm: { alike: 50, within: 30_000 },
      requesterMayApprove: false,
      trustedSources: new Set(["siem"]),
    });
    expect(config.connectors.virustotal).toEqual({
      apiKey: "vt-from-env",
      url: "https://www.virustotal.com",
      perMinute: 1000,
      perDay: 100_000,
      share: "public",
    });
  });

  test("the environment's key wins, and the file's limits stay", () => {
    expect(good({ ...env, VIRUSTOTAL_API_KEY: "env" }, FULL).connectors.virustotal).toMatchObject({ apiKey: "env", perMinute: 1000 });
    expect(good({ VIRUSTOTAL_API_KEY: "env" }, "connectors: { virustotal: { perMinute: 9 } }").connectors.virustotal).toMatchObject({
      apiKey: "env",
      perMinute: 9,
      perDay: 500,
    });
  });

  test("Defender: the clouds' addresses by default, air.yaml's, the environment's before both", () => {
    const yaml = (more = "") =>
      `connectors: { defender: { tenantId: contoso.com, clientId: 1b2c, clientSecret: "\${DEFENDER_SECRET}"${more} } }`;
    const env = { DEFENDER_SECRET: "s3cret" };
    expect(good(env, yaml()).connectors.defender).toEqual({
      tenantId: "contoso.com",
      clientId: "1b2c",
      clientSecret: "s3cret",
      url: "https://api.security.microsoft.com",
      loginUrl: "https://login.microsoftonline.com",
    });
    const urls = ", url: https://api-gov.securitycenter.microsoft.us/, loginUrl: https://login.microsoftonline.us";
    expect(good(env, yaml(urls)).connectors.defender).toMatchObject({ url: "https://api-gov.securitycenter.microsoft.us" });
    const loopback = "http://127.0.0.1:7103";
    expect(good({ ...env, DEFENDER_URL: loopback, ENTRA_LOGIN_URL: loopback }, yaml(urls)).connectors.defender).toMatchObject({
      url: loopback,
      loginUrl: loopback,
    });
    expect(JSON.stringify(redacted(good(env, yaml())))).not.toContain("s3cret");
    for (const [more, text] of [
      [", url: http://api.example.com", "connectors.defender.url: must be https"],
      [", url: https://mia:pw@api.example.com", "connectors.defender.url: must not hold a user name or password"],
      [", loginUrl: ftp://x", "connectors.defender.loginUrl: must be an https:// address"],
    ])
      expect(bad(env, yaml(more)).join("\n")).toContain(text);
    expect(bad(env, `lab: true\n${yaml()}`).join("\n")).toContain("lab: true cannot stand beside defender");
    expect(bad({ DEFENDER_URL: loopback }).join("\n")).toContain(
      "DEFENDER_URL has no effect without GRAPH_TENANT_ID, GRAPH_CLIENT_ID, GRAPH_CLIENT_SECRET",
    );
    expect(bad({}, "connectors: { defender: { tenantId: contoso.com } }").join("\n")).toContain(
      "connectors.defender needs clientId, clientSecret, or Microsoft Graph connected",
    );
  });

  test("Microsoft Graph: three variables turn polling on, and with DEFENDER_URL they connect Defender too", () => {
    const env = { GRAPH_TENANT_ID: "contoso.com", GRAPH_CLIENT_ID: "1b2c", GRAPH_CLIENT_SECRET: "s3cret" };
    const app = { tenantId: "contoso.com", clientId: "1b2c", clientSecret: "s3cret" };
    const { graph, defender } = good(env).connectors;
    expect(graph).toEqual({
      ...app,
      url: "https://graph.microsoft.com",
      loginUrl: "https://login.microsoftonline.com",
      every: 30_000,
      backfill: 0,
      writeBack: false,
    });
    expect(defender).toBeUndefined();
    expect(good({ ...env, DEFENDER_URL: "http://127.0.0.1:7103" }).connectors.defender).toMatchObject({
      ...app,
      url: "http://127.0.0.1:7103",
    });
    const set = good(env, "connectors: { graph: { every: 1m, backfill: 24h, writeBack: true } }").connectors.graph;
    expect(set).toMatchObject({ every: 60_000, backfill: 86_400_000, writeBack: true });
    expect(JSON.stringify(redacted(good(env)))).not.toContain("s3cret");
    for (const [more, text] of [
      ["every: 1s", "connectors.graph.every: must be from 5s to 1h"],
      ["backfill: 90d", "connectors.graph.backfill: must be at most 30d"],
      ["writeBack: yes please", "connectors.graph.writeBack: must be true or false"],
      [
        "tenantId: contoso.com",
        "connectors.graph needs clientId (here or as GRAPH_CLIENT_ID), clientSecret (here or as GRAPH_CLIENT_SECRET)",
      ],
    ])
      expect(bad(more === "tenantId: contoso.com" ? {} : env, `connectors: { graph: { ${more} } }`).join("\n")).toContain(text);
  });

  test("channels of air.yaml are enough for Slack", () => {
    const slack = { SLACK_BOT_TOKEN: "xoxb-1", SLACK_APP_TOKEN: "xapp-1" };
    expect(good(slack, "channels: [{ slack: C0SOC }]\nslack: { pace: { perSecond: 20 } }").slack).toMatchObject({
      pace: { perSecond: 20, burst: 1 },
    });
  });

  test.each(["", "# nothing\n", "roles:\nchannels:\n"])("an empty file is a file (%j)", (yaml) => {
    expect(good({}, yaml).channels).toEqual([]);
  });

  test.each([
    ["mode: act\nchanels: []\n", './air.yaml:2:1 unknown key "chanels". Did you mean "channels"?'],
    ["mode: actt\n", './air.yaml:1:7 mode: must be observe, ask or act. Did you mean "act"?'],
    ["roles:\n  admim: []\n", './air.yaml:2:3 roles: unknown key "admim". Did you mean "admin"?'],
    ["roles:\n  admin:\n    - a@b.c\n    - '*@b.c'\n", "./air.yaml:4:7 roles.admin[1]: a pattern with * is allowed for viewer only"],
    ["roles: { responder: ['slack-group:soc'] }", "./air.yaml:1:22 roles.responder[0]: slack-group: needs the id of a user group (S0...)"],
    [
      "roles: { responder: ['slackgroup:S0SOC'] }",
      'roles.responder[0]: must be an e-mail address or a group like slack-group:S0EDR. Did you mean "slack-group"?',
    ],
    ["roles: { viewer: ['teams-group:soc'] }", "roles.viewer[0]: teams-group: needs the object id of a group in Entra ID (a GUID)"],
    [
      "roles: { responder: [a@b.c, 'teams-group:8F1C0A6E-0000-4000-8000-000000000001'] }",
      "./air.yaml:1:29 roles.responder[1]: who is in a teams-group only Microsoft Graph can say: add connectors.graph",
    ],
    [
      "roles: { approver: { device: [{ who: 'teams-group:8f1c0a6e-0000-4000-8000-000000000001' }] } }",
      "roles.approver.device[0]: who is in a teams-group only Microsoft Graph can say",
    ],
    [
      "roles: { approver: { device: [{ who: 'teams-group:8f1c0a6e-0000-4000-8000-000000000001', deviceGroups: x }] } }\ndeviceGroups: [{ name: x, automation: full }]",
      "roles.approver.device[0].who: who is in a teams-group only Microsoft Graph can say",
    ],
    [
      "onCall: { person: a@b.c, then: 'teams-group:8f1c0a6e-0000-4000-8000-000000000001' }",
      "onCall.then: must be a person or a group of Slack",
    ],
    ["roles: { approver: { device: ['*@b.c'] } }", "roles.approver.device[0]: a pattern with * is allowed for viewer only"],
    ["roles: { approver: { device: [{ who: '*@b.c' }] } }", "roles.approver.device[0].who: a pattern with * is allowed for viewer only"],
    [
      "roles:\n  approver:\n    device:\n      - a@b.c\n      - 7\n",
      "./air.yaml:5:9 roles.approver.device[1]: must be an address, a group or { who, deviceGroups }",
    ],
    ["roles: { approver: { device: [{ deviceGroups: [x] }] } }", "roles.approver.device[0].who: is required"],
    ["roles: { approver: { device: [{ who: a@b.c, deviceGroups: [] }] } }", "roles.approver.device[0].deviceGroups: must not be empty"],
    [
      "roles:\n  approver:\n    device:\n      - { who: a@b.c, devicegroup: [x] }\n",
      './air.yaml:4:23 roles.approver.device[0]: unknown key "devicegroup". Did you mean "deviceGroups"?',
    ],
    [
      "deviceGroups: [{ name: workstations, automation: full }]\nroles:\n  approver:\n    device:\n      - who: a@b.c\n        deviceGroups: [workstation]\n",
      './air.yaml:6:24 roles.approver.device[0].deviceGroups[0] is not in deviceGroups. Did you mean "workstations"?',
    ],
    [
      "roles: { approver: { device: [{ who: a@b.c, deviceGroups: x }] } }",
      "is not in deviceGroups, which are none yet: add deviceGroups first",
    ],
    [
      "deviceGroups: [{ name: x, automation: full }]\nroles: { approver: { email: [{ who: a@b.c, deviceGroups: x }] } }",
      "roles.approver.email[0].deviceGroups has no effect: only actions of the family device happen on a device",
    ],
    ["deviceGroups: [{ name: no group, automation: full }]", 'deviceGroups[0].name: "no group" is what devices of no group are called'],
    ["people: [{ name: Mia, email: m@x.y, slack: mia }]", "people[0].slack: must be a member id (U0...), not a name"],
    [
      "people:\n  - { name: Mia, email: m@x.y, slack: U0MIA }\n  - { name: Mo, email: o@x.y, slack: U0MIA }\n",
      "./air.yaml:3:38 people[1].slack is the account of another person above",
    ],
    [
      "people: [{ name: Mia, email: m@x.y, teams: 8F1C }, { name: Mo, email: o@x.y, teams: 8f1c }]",
      "people[1].teams is the account of another",
    ],
    ["roles: { viewer: ['*'] }", "roles.viewer[0]: must end in @ and a full domain"],
    ["roles: { viewer: ['*@*.com'] }", "roles.viewer[0]: must end in @ and a full domain"],
    ["roles: { admin: [mia] }", "roles.admin[0]: must be an e-mail address"],
    ["roles: { approver: { devices: [] } }", 'roles.approver: unknown key "devices". Did you mean "device"?'],
    ["storm: { alike: 0 }", "storm.alike: must be at least 1"],
    ["alertPolicies: [{ suppress: true, until: 2026-12-31 }]", "alertPolicies[0].suppress: needs an owner: who answers for it"],
    ["alertPolicies: [{ suppress: true, owner: mia }]", "alertPolicies[0].suppress: needs until: the day it ends"],
    ["alertPolicies: [{ suppress: true, owner: mia, until: 2026-12-31, investigate: true }]", "alertPolicies[0].suppress: contradicts"],
    ["alertPolicies: [{ investigate: true, until: 2026-12-31 }]", "alertPolicies[0].owner: owner and until belong to suppress: true"],
    ["onCall: {}\n", "onCall.person: is missing: say who is told first, as person, group or layers"],
    ["onCall: { then: mia@contoso.com }", "onCall.person: is missing"],
    ["onCall: { person: mia@contoso.com }", "onCall.person is nobody in people."],
    ["onCall: { group: mia@contoso.com }", "onCall.group: must be a group like slack-group:S0SOC"],
    ["onCall: { person: a@b.c, group: slack-group:S0SOC }", "onCall.group: contradicts person"],
    [`onCall: { group: slack-group:S0SOC, layers: [${WEEKLY}] }`, "onCall.group: contradicts layers"],
    ["onCall: { group: slack-group:S0SOC, escalation: [{ to: current, after: 0m }] }", "onCall.escalation: needs layers or source"],
    ["onCall: { layers: [] }", "onCall.layers: must name at least one layer"],
    [`onCall: { layers: [${WEEKLY.replace("weekly", "{ every: 3h }")}] }`, "must be whole days"],
    [`onCall: { layers: [${WEEKLY.replace("weekly", "daily")}] }`, "onCall.layers[0].handover: names a day, but"],
    [
      `onCall: { layers: [${WEEKLY.replace("Mon 09:00", "09:00")}] }`,
      "onCall.layers[0].handover: needs a day with a rotation of whole weeks",
    ],
    [`onCall: { layers: [${WEEKLY.replace("Mon 09:00", "Mon 25:00")}] }`, "onCall.layers[0].handover: must be a time"],
    [`onCall: { layers: [${WEEKLY.replace("10-05", "02-30")}] }`, "onCall.layers[0].start: must be a date"],
    [`onCall: { layers: [${WEEKLY}] }`, "onCall.layers[0].people[0] is nobody in people"],
    [`onCall: { every: 5m, layers: [${WEEKLY}], escalation: [{ to: next, after: 5m }] }`, "onCall.every: contradicts escalation"],
    [
      `onCall: { layers: [${WEEKLY}], escalation: [{ to: next, after: 5m }, { to: everyone, after: 5m }] }`,
      "onCall.escalation[1].after: must be later than the step before it",
    ],
    ["onCall: { source: { pagerduty: { schedule: night, apiToken: abcdefghijklmnopqrst } } }", "must be the id of a schedule (P...)"],
    ...LAST_MISTAKES,
    ["onCall: { group: slack-group:S0SOC, timeZone: Mars }", "onCall.timeZone: must be a time zone"],
    [
      "onCall: { group: slack-group:S0SOC, last: { webhook: { url: http://pager.example.com, secret: 0123456789abcdef } } }",
      "onCall.last.webhook.url: must be https",
    ],
    [
      "onCall: { group: slack-group:S0SOC, last: { webhook: { url: https://pager.example.com, secret: short } } }",
      "onCall.last.webhook.secret: must be at least 16 characters long",
    ],
    ["deadlines: { critical: soon }", "deadlines.critical: must be a duration"],
    ["teams: { tenants: [] }", "teams.tenants: must name at least one tenant"],
    ["teams: { pace: { perSecond: 2 } }", "teams has no effect without MICROSOFT_APP_ID"],
    ["opsChannel: { teams: '19:ops@thread.tacv2' }", "opsChannel.teams has no effect without MICROSOFT_APP_ID"],
    ["channels: [{ teams: 'https://teams.microsoft.com/l/channel/19%3Aabc' }]", "channels[0].teams: must be the channel's id alone"],
    ["people: [{ name: Mia, email: m@x.y, teams: mia@x.y }]", "people[0].teams: must be the person's object id in Entra ID"],
    ["channels: [{ slack: C0SOC, teams: '19:a@thread.tacv2' }]", "channels[0].teams has no effect without MICROSOFT_APP_ID"],
    ["channels: [{ slack: general }]", "channels[0].slack: must be a channel id"],
    ["channels: [{ when: { severity: [hgih] } }]", 'Did you mean "high"?'],
    ["connectors: { threatfox: { x: 1 } }", 'connectors.threatfox: unknown key "x"'],
    ["connectors: { virustotall: {} }", 'connectors: unknown key "virustotall". Did you mean "virustotal"?'],
    ["connectors: { virustotal: { perMinute: 4 } }", "connectors.virustotal needs apiKey (here or as VIRUSTOTAL_API_KEY)"],
    ["connectors: { virustotal: { apiKey: x, perMinute: 0 } }", "connectors.virustotal.perMinute: must be at least 1"],
    ["policy: { isolate-devise: {} }", 'policy: unknown key "isolate-devise". Did you mean "isolate-device"?'],
    ["policy: { isolate-device: { approval: never } }", "policy.isolate-device.approval: must be always or matrix."],
    ["policy: { isolate-device: { approvals: 3 } }", "policy.isolate-device.approvals: must be 1 or 2"],
    ["policy: { isolate-device: { expiresAfter: 24 } }", 'policy.isolate-device.expiresAfter: must be a duration like "30m"'],
    ["correlation: { ip: 1 week }", "correlation.ip: must be a duration"],
    ["correlation: { ip: 400d }", "correlation.ip: must be a duration"],
    [
      "deviceGroups: [{ name: x, automation: ful }]",
      'deviceGroups[0].automation: must be full, semi-all, semi-core, semi-non-temp or none. Did you mean "full"?',
    ],
    ["deviceGroups: [{ name: x }]", "deviceGroups[0].automation: must be full"],
    [
      "protected: ['devise:dc-*']",
      'protected[0]: must be "kind:pattern" like "device:dc-*", with a kind of entity. Did you mean "device"?',
    ],
    ["protected: ['device:']", "protected[0]: must be"],
    ["sources: { Bad Name: { kind: generic } }", "a name may hold a-z, 0-9, - and _ only"],
    ["sources: { siem: { kind: splunk } }", "sources.siem.kind: must be generic, defender, guardduty, wazuh, ocsf, elastic or mapped."],
    ["sources: { defender: { kind: generic } }", "sources.defender must be of kind defender"],
    ["sources: { siem: { kind: generic, signingSecret: short } }", "sources.siem.signingSecret: must be at least 16 characters long"],
    [
      "sources: { a: { kind: generic, signingSecret: 0123456789abcdef }, b: { kind: generic, signingSecret: 0123456789abcdef } }",
      "each source needs its own",
    ],
    [`tokens: [{ name: x, sha256: "${SHA}", roles: ["source:siem"] }]`, "tokens[0].roles[0] names a source that is not in sources"],
    [`tokens: [{ name: x, sha256: "${SHA}", roles: [root] }]`, "tokens[0].roles[0]: must be viewer, responder, admin or source:<name>"],
    [`tokens: [{ name: x, sha256: abc, roles: [viewer] }]`, "tokens[0].sha256: must be 64 hexadecimal characters"],
    [`tokens: [{ name: x, sha256: "${SHA}", roles: [viewer], mayDecide: [device] }]`, "tokens[0].mayDecide needs person"],
    [`tokens: [{ name: x, sha256: "${SHA}", roles: [viewer], person: mia@contoso.com }]`, "tokens[0].person is nobody in people"],
    ["people: [{ name: Mia, email: m@x.y }, { name: Mo, email: M@x.y }]", "people[1].email is the address of another person above"],
    ["people: [{ name: Mia }]", "people[0].email: is required"],
    ["alertPolicies: [{ match: { source: siem }, investigate: true }]", "alertPolicies[0].match.source is not in sources"],
    ["alertPolicies: [{ match: {} }]", "alertPolicies[0].investigate: must be true or false"],
    ["organization: { internalRanges: [10.0.0.0/99] }", "organization.internalRanges[0]: must be a network"],
    ["organization: Contoso", "organization: must be a map"],
    [
      "deviceGroups: [{ name: a, automation: full }, { name: a, automation: none }]",
      "./air.yaml:1:55 deviceGroups[1].name is the name of another group above",
    ],
    ["ceilings: { perDay: -1 }", "./air.yaml:1:21 ceilings.perDay: must be at least 0"],
    [
      `tokens: [{ name: x, sha256: "${SHA}", roles: [viewer], mayDecide: device }]`,
      "mayDecide: must be a list of families, like [device, email]",
    ],
    ["- a\n- b\n", "must be a map"],
    ['people: [{ name: "\\uD800 Mia", email: m@x.y }]', "people[0].name: must not hold a NUL character or half of a character"],
    ['people: [{ name: "Mia\\0", email: m@x.y }]', "people[0].name: must not hold a NUL character or half of a character"],
    ["people: {}", "people: must be a list"],
    ["lab: maybe", "lab: must be true or false"],
    ["a: 1\na: 2\n", "./air.yaml:2:1 Map keys must be unique"],
    ["mode: [act\n", "./air.yaml:2:1"],
    ["__proto__: { x: 1 }", "./air.yaml:1:1 the key __proto__ is not allowed"],
    ["roles: { constructor: [] }", "./air.yaml:1:10 the key constructor is not allowed"],
    ["mode: !!js/function 'x'", "./air.yaml:1:7"],
    ["mode: act\n---\nmode: ask\n", "./air.yaml"],
    ["sources: &a { x: *a }", "an alias must not hold itself"],
    [`mode: ${variable("AIR_MODE")}`, `./air.yaml:1:7 mode: ${variable("AIR_MODE")} is not set in the environment`],
    [`people: [{ name: 'x ${variable("Y")}', email: a@b.c }]`, "people[0].name: a variable of the environment can only be the whole value"],
  ])("refuses %j", (yaml, message) => {
    expect(badYaml(yaml)).toEqual([expect.stringContaining(message)]);
  });

  test("an alias bomb, a huge file and a bottomless one end quickly", () => {
    expect(badYaml(`mode: &a act\nx: [${"*a, ".repeat(101)}]`).join()).toContain("more than 100 aliases");
    const bomb = `a0: &a0 [x, x, x, x, x, x, x, x, x]\n${Array.from({ length: 9 }, (_, i) => `a${i + 1}: &a${i + 1} [${`*a${i}, `.repeat(9)}]`).join("\n")}`;
    expect(badYaml(bomb)).toHaveLength(1);
    expect(badYaml(`#${"x".repeat(1024 * 1024)}`)).toEqual(["./air.yaml is larger than 1 MiB"]);
    expect(badYaml(`x: ${"[".repeat(200_000)}`).length).toBeGreaterThan(0);
    expect(badYaml(`x: ${"[".repeat(100)}${"]".repeat(100)}`).join()).toContain("nested deeper than 64 levels");
  });

  test("groups, and approvers on devices of some groups", () => {
    const { roles } = good(
      {},
      `deviceGroups: [{ name: workstations, automation: full }]
roles:
  responder: ["Slack-Group:S0SOC"]
  approver: { device: [{ who: "slack-group:S0EDR", deviceGroups: workstations }, { who: Mia@contoso.com }], email: ["slack-group:S0MAIL"] }`,
    );
    expect(roles.responder).toEqual(["slack-group:S0SOC"]);
    expect(roles.approver.device).toEqual([{ who: "slack-group:S0EDR", deviceGroups: ["workstations"] }, "mia@contoso.com"]);
    expect(roles.approver.email).toEqual(["slack-group:S0MAIL"]);
  });

  test("aliases are told at their own place and work", () => {
    expect(good({}, "roles: { admin: &soc [mia@contoso.com], responder: *soc }").roles.responder).toEqual(["mia@contoso.com"]);
  });

  test("a value out of the environment is never repeated", () => {
    const secret = "hunter2-hunter2";
    const problems = badYaml(
      'mode: "S"\nroles: { admin: ["S"] }\nprotected: ["S"]\ntokens: [{ name: x, sha256: "S", roles: ["S"], person: "S" }]'.replaceAll(
        '"S"',
        `"${variable("S")}"`,
      ),
      {
        S: secret,
      },
    );
    expect(problems.length).toBeGreaterThan(4);
    expect(problems.join()).not.toContain(secret);
  });

  test("AIR_CONFIG names another file", () => {
    expect(good({ AIR_CONFIG: "/etc/air.yaml" }, "mode: act").configFile).toBe("/etc/air.yaml");
    expect(bad({ AIR_CONFIG: "/etc/air.yaml" }, "mod: act")).toEqual(['/etc/air.yaml:1:1 unknown key "mod". Did you mean "mode"?']);
  });

  test("any text is a configuration or a list of problems", () => {
    const near = fc.array(
      fc.constantFrom(
        "mode",
        "roles",
        ": ",
        "\n",
        "  ",
        "- ",
        "[",
        "]",
        "{",
        "}",
        "*a",
        "&a ",
        "act",
        "<<",
        "? ",
        "|",
        "'",
        '"',
        "!!x",
        variable("X"),
        "1",
      ),
    );
    fc.assert(
      fc.property(
        fc.oneof(
          near.map((parts) => parts.join("")),
          fc.string({ unit: "binary" }),
        ),
        (text) => {
          const result = read({}, text);
          if (!result.ok) expect(result.problems.every(({ where, message }) => where !== "" && message !== "")).toBe(true);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe("redacted", () => {
  test("holds no secret", () => {
    const secrets = {
      DATABASE_URL: "postgres://air:dbpassword@db/air?password=otherpassword",
      AIR_API_TOKEN: "api-token-value",
      AIR_SECRET: "air-secret-value-long",
      SLACK_BOT_TOKEN: "xoxb-bot-token",
      SLACK_SIGNING_SECRET: "slack-signing-value",
      SLACK_APP_TOKEN: "xapp-app-token",
      VIRUSTOTAL_API_KEY: "vt-key-value",
      ABUSEIPDB_API_KEY: "abuse-key-value",
      ABUSECH_AUTH_KEY: "ch-key-value",
      SIEM_SECRET: "a-signing-secret-of-siem",
      VT: "vt-in-file-value",
    };
    const text = JSON.stringify(redacted(good(secrets, FULL)));
    for (const secret of [...Object.values(secrets), "dbpassword", "otherpassword", SHA]) expect(text).not.toContain(secret);
    expect(text).toContain("postgres://db/air");
    expect(text).toContain('"siem"');
    expect(text).toContain('"trustedSources":["siem"]');
  });
});

describe("Teams", () => {
  test("a bot registration serves its own tenant, unless tenants are named; its password is never printed", () => {
    const config = good(TEAMS);
    expect(config.teams).toEqual({
      bot: { appId: APP, password: "not-a-secret", tenantId: TEAMS.MICROSOFT_APP_TENANT_ID },
      tenants: [TEAMS.MICROSOFT_APP_TENANT_ID.toLowerCase()],
      pace: { perSecond: 3, burst: 3 },
    });
    expect(JSON.stringify(redacted(config))).not.toContain("not-a-secret");
    expect(good(TEAMS, "teams: { tenants: [AAAA], pace: { perSecond: 1, burst: 2 } }").teams).toMatchObject({
      tenants: ["aaaa"],
      pace: { perSecond: 1, burst: 2 },
    });
  });
  test("half a bot registration names everything that is missing", () => {
    const missing = (env: Record<string, string>) => bad(env).flatMap((line) => /^(\S+) is missing: .* Teams needs /.exec(line)?.[1] ?? []);
    expect(missing({ MICROSOFT_APP_ID: APP })).toEqual(["MICROSOFT_APP_PASSWORD", "MICROSOFT_APP_TENANT_ID"]);
    expect(missing({ MICROSOFT_APP_PASSWORD: "x" })).toEqual(["MICROSOFT_APP_ID", "MICROSOFT_APP_TENANT_ID"]);
    expect(missing({ MICROSOFT_APP_ID: APP, MICROSOFT_APP_TYPE: "UserAssignedMSI" })).toEqual(["MICROSOFT_APP_TENANT_ID"]);
    expect(missing({ MICROSOFT_APP_TYPE: "SingleTenant" })).toHaveLength(3);
  });
  test("a managed identity has no password; a test client on this machine has nothing", () => {
    const { MICROSOFT_APP_PASSWORD: _, ...rest } = TEAMS;
    expect(good({ ...rest, MICROSOFT_APP_TYPE: "UserAssignedMSI" }).teams?.bot).toMatchObject({ appId: APP, password: undefined });
    expect(good({ TEAMS_ANONYMOUS: "1" }).teams).toMatchObject({ bot: undefined, tenants: [] });
    expect(good({ TEAMS_ANONYMOUS: "1", HOST: "::1" }).teams).toBeDefined();
    expect(good({ TEAMS_ANONYMOUS: "0" }).teams).toBeUndefined();
    expect(good({}).teams).toBeUndefined();
  });
  test("channels and people of Teams", () => {
    const config = good(
      TEAMS,
      `channels: [{ teams: "19:abc@thread.tacv2" }]\nopsChannel: { teams: "19:ops@thread.tacv2" }\npeople: [{ name: Mia, email: m@x.y, teams: 8F1C-AA }]`,
    );
    expect(config.channels[0]?.teams).toBe("19:abc@thread.tacv2");
    expect(config.opsChannel.teams).toBe("19:ops@thread.tacv2");
    expect(config.people[0]?.teams).toBe("8f1c-aa");
  });
});

describe("automation", () => {
  test("folders are kept without drive, in lower case, with all below them; what is not said stays built in", () => {
    const { automation } = good(
      {},
      `
automation:
  tempFolders: ['C:\\Scratch\\*', '/users/*/Downloads/']
  exclude:
    folders: ['D:\\Builds\\Out\\']
    extensions: [.LOG, bak]
    names: [Agent.exe]
    mailboxes: [SecOps@contoso.com]
    senders: [Training@phish.example, sim.example]
    urls: ["https://Sim.example/", "*.training.example", portal.example/lesson/]
  mail: { similarFiles: true }
`,
    ).policy;
    expect(automation).toEqual({
      tempFolders: ["\\scratch\\*", "\\users\\*\\downloads\\*"],
      coreFolders: DEFAULT_AUTOMATION.coreFolders,
      exclude: {
        folders: ["\\builds\\out"],
        extensions: ["log", "bak"],
        names: ["agent.exe"],
        mailboxes: ["secops@contoso.com"],
        senders: ["training@phish.example", "sim.example"],
        urls: ["sim.example", "*.training.example", "portal.example/lesson"],
      },
      mail: { similarFiles: true, similarUrls: false },
    });
  });
  test.each<[string, string, RegExp]>([
    ["a wildcard in an excluded folder", "exclude: { folders: ['C:\\builds\\*\\out'] }", /takes no \* or \?/],
    ["everything", "tempFolders: ['*']", /must be a whole path/],
    ["a whole drive", "exclude: { folders: ['C:\\'] }", /must be a whole path/],
    ["half a path", "coreFolders: [windows]", /must be a whole path/],
    ["a way back", "exclude: { folders: ['C:\\a\\..\\windows'] }", /must be a plain path/],
    ["a short name", "tempFolders: ['C:\\PROGRA~1']", /must be a plain path/],
    ["a variable", "tempFolders: ['%TEMP%\\x']", /must be a whole path/],
    ["an extension with a star", "exclude: { extensions: ['*.log'] }", /must be an extension/],
    ["a name with a path", "exclude: { names: ['a\\b.exe'] }", /whole file name/],
    ["no mailbox", "exclude: { mailboxes: [secops] }", /e-mail address/],
    ["no host", "exclude: { urls: ['localhost'] }", /must be a host/],
    ["every host", "exclude: { urls: ['*'] }", /must be a host/],
    ["a typing mistake", "temporaryFolders: []", /unknown key/],
  ])("%s is an error that says so", (_, yaml, message) => {
    expect(badYaml(`automation: { ${yaml} }`).join()).toMatch(message);
  });
});
