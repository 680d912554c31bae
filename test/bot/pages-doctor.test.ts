import { afterAll, beforeAll, expect, test } from "vitest";
import { readConfig } from "../../src/bot/config.ts";
import { examinePages } from "../../src/bot/pages-doctor.ts";
import { type SmtpServer, startSmtp } from "../support/smtp.ts";

/* What the doctor says of the ways that are no chat: it connects and signs in, and sends nothing. */
let smtp: SmtpServer;
beforeAll(async () => {
  smtp = await startSmtp({
    authOptional: false,
    allowInsecureAuth: true,
    onAuth: (auth, _session, done) => (auth.password === "right" ? done(null, { user: auth.username }) : done(new Error("no"))),
  });
});
afterAll(() => smtp?.stop());

async function findings(last: string, env: Record<string, string> = {}) {
  const yaml = `people: [{ name: Mia, email: mia@contoso.com }]\nonCall: { person: mia@contoso.com${last} }`;
  const read = readConfig(env, (file) => (file === "./air.yaml" ? yaml : undefined));
  if (!read.ok) throw new Error(JSON.stringify(read.problems));
  return (await examinePages(read.config)).map(({ ok, what, text }) => `${ok} ${what}: ${text}`);
}
const mail = (password: string) => `mail: { smtp: "smtp://air@127.0.0.1:${smtp.port}", password: ${password}, from: air@contoso.com }`;

test("without any, it says what happens when the chat or air is down", async () => {
  expect(await findings("")).toEqual([
    expect.stringContaining("true on call: nobody is told while the chat is down"),
    expect.stringContaining("true heartbeat: nobody outside notices when air is dead"),
  ]);
});

test("a mail server, a webhook and a key, good and bad, and the monitor by its host alone", async () => {
  const webhook = `webhook: { url: "http://127.0.0.1:${smtp.port}/hook/abc", secret: 0123456789abcdef }`;
  const good = `, last: { ${webhook}, pagerduty: { routingKey: ${"k".repeat(32)} }, ${mail("right")} }`;
  const all = await findings(good, { AIR_HEARTBEAT_URL: "https://watch.example.com/ping/5f1c" });
  expect(all).toEqual([
    "true onCall.last.webhook: its host answers; nothing was sent",
    expect.stringContaining("true onCall.last.pagerduty: the integration key has the right shape"),
    "true onCall.last.mail: without TLS, on this machine, user and password are right; nothing was sent",
    "true heartbeat: goes to watch.example.com each minute; it was not called now",
  ]);
  expect(smtp.mails).toEqual([]);
  const bad = await findings(`, last: { webhook: { url: "http://127.0.0.1:9/hook/abc", secret: 0123456789abcdef }, ${mail("wrong")} }`);
  expect(bad.slice(0, 2)).toEqual([
    "false onCall.last.webhook: cannot be reached (ECONNREFUSED). Check its url, the network and the certificate",
    "false onCall.last.mail: the mail server refuses the user name or the password (535). Check host, port, tls, user and password of onCall.last.mail",
  ]);
});
