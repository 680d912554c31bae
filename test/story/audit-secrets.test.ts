import { afterAll, beforeAll, expect, test } from "vitest";
import { pressInConsole, signIn } from "../support/doors.ts";
import { eventually } from "../support/eventually.ts";
import { DATABASES } from "../support/open-test-db.ts";
import { type ActionJson, type List, openAir, sha256, type TestAir } from "../support/running-air.ts";

/*
 * The audit is exported, posted and handed on, so neither a secret nor what an attacker wrote may stand in it: who did what to which thing,
 * and nothing else. What people give as a reason is theirs, and is kept.
 */
const SECRETS = {
  api: "secret-api-token-7f3a",
  key: "secret-of-this-air-91bc",
  bot: "secret-bot-token-55de",
  sending: "secret-of-the-source-0c4e",
  wrong: "secret-somebody-tried-c0de",
};
const marker = (where: string) => `MARK-${where}-OF-THE-ALERT`;
const WHERE = ["title", "description", "field", "command", "category", "subject", "sender", "browser"];

let air: TestAir;
beforeAll(async () => {
  air = await openAir({
    database: DATABASES.includes("postgres") ? "postgres" : "embedded",
    env: { AIR_API_TOKEN: SECRETS.api, AIR_SECRET: SECRETS.key, SIEM_SECRET: SECRETS.sending },
    yaml: `
mode: act
organization: { name: Contoso, domains: [contoso.example] }
sources: { siem: { kind: generic, signingSecret: "\${SIEM_SECRET}", trusted: true } }
people: [{ name: Mia, email: mia@contoso.example }, { name: Vic, email: vic@contoso.example }]
roles:
  admin: [mia@contoso.example]
  viewer: ["*@contoso.example"]
  responder: [mia@contoso.example]
  approver: { device: [mia@contoso.example], email: [mia@contoso.example], network: [mia@contoso.example], identity: [mia@contoso.example], app: [mia@contoso.example] }
tokens: [{ name: bot, sha256: "${sha256(SECRETS.bot)}", roles: [responder], mayDecide: [device], person: mia@contoso.example }]
`,
  });
});
afterAll(() => air?.remove());

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const lines = async (): Promise<string[]> => {
  const all: string[] = [];
  for (;;) {
    const { items } = (await air.ask(`/v1/audit?after=${all.length}`, { headers: bearer(SECRETS.api) })).as<{
      items: { line: string }[];
    }>();
    if (items.length === 0) return all;
    all.push(...items.map(({ line }) => line));
  }
};

test("after a busy day neither secrets nor raw alert text stand in it", { timeout: 180_000 }, async () => {
  const cookie = await signIn(air.url, SECRETS.api, "mia@contoso.example");
  const viewer = await signIn(air.url, SECRETS.api, "vic@contoso.example");
  const say = (text: string, as = cookie) =>
    air.ask("/console/say", {
      method: "POST",
      headers: { cookie: as, origin: new URL(air.url).origin, "sec-fetch-site": "same-origin" },
      body: { text },
    });
  for (const number of [1, 2, 3]) {
    const answer = await air.post(
      "/v1/alerts/generic",
      {
        id: `secrets-${number}`,
        title: `Malware ${marker("title")} <!channel>`,
        description: marker("description"),
        severity: "high",
        category: marker("category"),
        userAgent: marker("browser"),
        raw: { password: SECRETS.wrong, text: marker("field") },
        entities: [
          { kind: "device", name: `WS-S${number}` },
          {
            kind: "process",
            commandLine: `vssadmin.exe delete shadows /all /quiet ${marker("command")}`,
            device: `WS-S${number}`,
            verdict: "malicious",
          },
          {
            kind: "message",
            networkMessageId: `mail-${number}`,
            subject: marker("subject"),
            sender: `${marker("sender")}@evil.example`,
            recipient: "noor@contoso.example",
            verdict: "malicious",
          },
          { kind: "url", url: `https://evil-${number}.example/load`, verdict: "malicious" },
        ],
      },
      bearer(SECRETS.api),
    );
    expect(answer.status, answer.text).toBe(202);
  }
  for (const story of ["ransomware", "phishing", "token-theft"]) await air.post(`/v1/lab/${story}`, {}, bearer(SECRETS.api));
  const pending = async () =>
    (await air.ask("/v1/actions?state=pending&limit=200", { headers: bearer(SECRETS.api) })).as<List<ActionJson>>().items;
  await eventually(async () => (await pending()).length >= 10, "plenty to decide", 40_000);

  // Everything a day has: decided by person and token, refused, mistyped, tried with what is no token, undone, asked for, stopped.
  const some = await pending();
  for (const [index, action] of some.entries()) {
    const by = index % 3 === 0 ? SECRETS.bot : SECRETS.api;
    await air.post(
      `/v1/actions/${action.id}/decision`,
      { decision: index % 4 === 3 ? "reject" : "approve", reason: "a drill" },
      bearer(by),
    );
    await air.post(`/v1/actions/${action.id}/decision`, { decision: "approve" }, bearer(SECRETS.wrong));
  }
  await pressInConsole(air.url, viewer, { value: `ACT-1.0123456789abcdef.approve.${SECRETS.wrong}` });
  for (const text of [
    `approve ACT-1 ${marker("command")}`,
    "list open",
    "status INC-1",
    "do isolate-device WS-006 for 2h it beacons",
    "fp ACT-1 known tool",
    "note INC-1 what the attacker wrote stands in the story only",
    "pause device a drill",
    "resume",
    `investigate https://evil.example/?token=${SECRETS.wrong}`,
  ]) {
    await say(text);
    await say(text, viewer);
  }
  const done = (await air.ask("/v1/actions?state=succeeded&limit=200", { headers: bearer(SECRETS.api) })).as<List<ActionJson>>().items;
  for (const { id } of done) await air.post(`/v1/actions/${id}/undo`, { reason: "a drill" }, bearer(SECRETS.api));
  await eventually(
    async () =>
      (await air.ask("/v1/actions?limit=200", { headers: bearer(SECRETS.api) }))
        .as<List<ActionJson>>()
        .items.every(({ state }) => !["approved", "executing", "undoing"].includes(state)),
    "the end of everything",
    40_000,
  );

  const all = await lines();
  const events = new Set(all.map((line) => (JSON.parse(line) as { event: string }).event));
  for (const event of [
    "decision.approve",
    "decision.reject",
    "decision.refused",
    "action.executing",
    "button.refused",
    "command.refused",
    "action.asked",
  ])
    expect([...events], event).toContain(event);
  const inIt = (what: string) => all.filter((line) => line.toLowerCase().includes(what.toLowerCase()));
  for (const secret of [...Object.values(SECRETS), ...Object.values(SECRETS).map(sha256), cookie.split("=")[1] ?? "", "Bearer "])
    expect(inIt(secret), secret).toEqual([]);
  for (const where of WHERE) expect(inIt(marker(where)), where).toEqual([]);
  // The log neither, whatever went wrong on the way.
  const log = JSON.stringify(air.log.lines);
  for (const secret of Object.values(SECRETS)) expect(log.includes(secret), secret).toBe(false);
  for (const where of WHERE) expect(log.includes(marker(where)), where).toBe(false);
});
