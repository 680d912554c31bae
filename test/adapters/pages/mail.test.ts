import net, { type AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { checkMail, createMail, type MailSettings } from "../../../src/adapters/pages/mail.ts";
import fc from "../../support/fast-check.ts";
import { partOf, type SmtpServer, startSmtp } from "../../support/smtp.ts";

const page = {
  incident: "INC-4",
  action: "ACT-7",
  title: "Malware on WS-042",
  severity: "high",
  text: "Malicious: mimikatz.exe. Decide: Isolate WS-042.",
  link: "https://air.contoso.com/#INC-4",
};
const servers: SmtpServer[] = [];
async function server(options: Parameters<typeof startSmtp>[0] = {}) {
  const one = await startSmtp(options);
  servers.push(one);
  return one;
}
afterEach(async () => {
  await Promise.all(servers.splice(0).map((one) => one.stop()));
});
const settings = (port: number, more: Partial<MailSettings> = {}): MailSettings => ({
  host: "127.0.0.1",
  port,
  tls: "none",
  from: "air@contoso.com",
  ...more,
});
const send = (to: MailSettings, id = "air-page-3-k", what: Partial<typeof page> = {}, signal = AbortSignal.timeout(10_000)) =>
  createMail(to, "mia@contoso.com").send(id, { ...page, ...what }, signal);

test("one message in text and HTML, to one person, the same message when it is sent again", async () => {
  const smtp = await server();
  await send(settings(smtp.port));
  await send(settings(smtp.port));
  const [first, second] = smtp.mails;
  expect(first).toMatchObject({ from: "air@contoso.com", to: ["mia@contoso.com"] });
  expect(first?.headers.get("subject")).toEqual(["INC-4 (high): Malicious: mimikatz.exe. Decide: Isolate WS-042."]);
  expect(first?.headers.get("message-id")).toEqual(["<air-page-3-k@contoso.com>"]);
  expect(second?.headers.get("message-id")).toEqual(first?.headers.get("message-id"));
  expect(first?.headers.get("auto-submitted")).toEqual(["auto-generated"]);
  expect(partOf(first as never, "text/plain")).toContain("Decide: Isolate WS-042.");
  expect(partOf(first as never, "text/plain")).toContain("Decide in air: https://air.contoso.com/#INC-4");
  expect(partOf(first as never, "text/html")).toContain('<a href="https://air.contoso.com/#INC-4">Decide in air</a>');
});

const hostile = fc
  .array(
    fc.oneof(
      fc.string({ unit: "binary", maxLength: 12 }),
      fc.constantFrom(
        "\r\nBcc: eve@evil.example\r\n",
        "\n.\r\nMAIL FROM:<eve@evil.example>\r\n",
        "\r\n\r\n<script>alert(1)</script>",
        "=?utf-8?q?=0D=0ABcc:_eve@evil.example?=",
        '"><img src=https://evil.example/x>',
        "https://evil.example/a",
        "www.evil.example",
        "\u0000\u2028\u202e\ud800",
      ),
    ),
    { maxLength: 5 },
  )
  .map((parts) => parts.join(""));

test("property: whatever an alert says, it is one message to one person, without a header, a link or a tag of its own", async () => {
  const smtp = await server();
  const usual = [
    "from",
    "to",
    "subject",
    "message-id",
    "references",
    "auto-submitted",
    "x-auto-response-suppress",
    "x-air-page",
    "x-air-about",
  ];
  const names = new Set([...usual, "x-priority", "x-msmail-priority", "importance", "date", "mime-version", "content-type"]);
  await fc.assert(
    fc.asyncProperty(hostile, hostile, async (text, title) => {
      smtp.mails.splice(0);
      await send(settings(smtp.port), "air-page-3-k", { text, title });
      expect(smtp.mails).toHaveLength(1);
      const [mail] = smtp.mails;
      if (!mail) return;
      expect(mail).toMatchObject({ from: "air@contoso.com", to: ["mia@contoso.com"] });
      for (const [name, values] of mail.headers) expect([name, names.has(name), values.length]).toEqual([name, true, 1]);
      const html = partOf(mail, "text/html");
      expect(html.match(/<[a-z!/][^>]*>/g)).toEqual(
        '<!doctype html>|<html lang="en">|<body>|<p>|<strong>|</strong>|</p>|<p>|</p>|<p>|<a href="https://air.contoso.com/#INC-4">|</a>|</p>|</body>|</html>'.split(
          "|",
        ),
      );
      for (const part of [html, partOf(mail, "text/plain")]) {
        expect(part).not.toMatch(/https:\/\/evil|www\.evil/);
        expect(part.match(/https?:\/\//g)).toHaveLength(1);
      }
    }),
    { numRuns: 60 },
  );
}, 180_000);

test.each([
  [451, { kind: "unavailable", message: "the mail server asks to wait (451)" }],
  [550, { kind: "refused", message: "the mail server refuses the message (550)" }],
])("answered %i, it is not sent", async (code, error) => {
  const smtp = await server();
  smtp.refuse(code);
  await expect(send(settings(smtp.port))).rejects.toMatchObject(error);
  expect(smtp.mails).toEqual([]);
});

test("a password is only said under TLS that is trusted, and a wrong one is not tried as a right one", async () => {
  const asked: string[] = [];
  const onAuth: NonNullable<Parameters<typeof startSmtp>[0]>["onAuth"] = (auth, _session, done) => {
    asked.push(auth.password ?? "");
    if (auth.password === "right") done(null, { user: auth.username });
    else done(new Error("no: right is right"));
  };
  const plain = await server({ onAuth, authOptional: false, allowInsecureAuth: true });
  await expect(checkMail(settings(plain.port, { user: "air", password: "wrong" }))).rejects.toMatchObject({
    kind: "refused",
    message: "the mail server refuses the user name or the password (535)",
  });
  await checkMail(settings(plain.port, { user: "air", password: "right" }));
  expect(plain.mails).toEqual([]);
  asked.splice(0);
  // It offers no TLS: asked for it, air says nothing.
  await expect(send(settings(plain.port, { tls: "starttls", user: "air", password: "right" }))).rejects.toMatchObject({
    kind: "unavailable",
    message:
      "the mail server offers no STARTTLS, so nothing is said to it: set smtps:// (tls: implicit) if it begins with TLS, or tls: none, as it is on this machine",
  });
  // Its certificate is nobody's.
  const secured = await server({ onAuth, disabledCommands: [] });
  for (const tls of ["starttls"] as const)
    await expect(send(settings(secured.port, { tls, user: "air", password: "right" }))).rejects.toMatchObject({
      message: "the mail server shows a certificate that is not trusted",
    });
  const implicit = await server({ onAuth, secure: true });
  await expect(send(settings(implicit.port, { tls: "implicit", user: "air", password: "right" }))).rejects.toMatchObject({
    message: "the mail server shows a certificate that is not trusted",
  });
  expect(asked).toEqual([]);
});

test("nobody there, and nobody answering in time", async () => {
  await expect(send(settings(9))).rejects.toMatchObject({ kind: "unavailable", message: "the mail server could not be reached" });
  const mute = await server({ onConnect: () => {} });
  await expect(send(settings(mute.port), "air-page-3-k", {}, AbortSignal.timeout(200))).rejects.toMatchObject({
    kind: "unclear",
    message: "the mail server did not answer in time",
  });
});

/** A server that answers each line of the client as told; `undefined` closes. */
async function scripted(greeting: string | undefined, answer: (line: string) => string | undefined): Promise<number> {
  const listening = net.createServer((socket) => {
    socket.on("error", () => {});
    const say = (text: string | undefined) => (text === undefined ? socket.destroy() : text !== "" && socket.write(`${text}\r\n`));
    say(greeting);
    socket.on("data", (data: Buffer) => {
      for (const line of data.toString().split("\r\n").filter(Boolean)) say(answer(line));
    });
  });
  await new Promise<void>((resolve) => void listening.listen(0, "127.0.0.1", resolve));
  servers.push({ stop: () => new Promise<void>((resolve) => void listening.close(() => resolve())) } as SmtpServer);
  return (listening.address() as AddressInfo).port;
}
const plainly = (line: string) => (line.startsWith("EHLO") ? "250-mail.contoso.com\r\n250 SIZE 1000" : "250 fine");

test.each([
  ["offers no STARTTLS and closes", "220 hello", (line: string) => (line === "STARTTLS" ? undefined : plainly(line)), "offers no STARTTLS"],
  [
    "offers no STARTTLS and refuses it",
    "220 hello",
    (line: string) => (line === "STARTTLS" ? "502 what?" : plainly(line)),
    "offers no STARTTLS",
  ],
  [
    "offers STARTTLS and cannot",
    "220 hello",
    (line: string) => (line === "STARTTLS" ? "454 not now" : line.startsWith("EHLO") ? "250-mail\r\n250 STARTTLS" : "250 fine"),
    "offers STARTTLS, and TLS could not be set up",
  ],
  ["closes before it says anything", undefined, plainly, "closed the connection before it said anything"],
])("a server that %s is not called unreachable", async (_what, greeting, answer, said) => {
  const port = await scripted(greeting, answer);
  const words = { kind: "unavailable", message: expect.stringContaining(said) as string };
  await expect(send(settings(port, { tls: "starttls" }))).rejects.toMatchObject(words);
  await expect(checkMail(settings(port, { tls: "starttls" }))).rejects.toMatchObject(words);
});

test("without TLS where TLS from the first byte is set, a refused recipient, and what breaks off while the message is said", async () => {
  const plain = await scripted("220 hello", plainly);
  await expect(checkMail(settings(plain, { tls: "implicit" }))).rejects.toMatchObject({
    message: expect.stringContaining("does not begin with TLS there: set smtp://"),
  });
  const strict = await scripted("220 hello", (line) => (line.startsWith("RCPT") ? "550 no such one" : plainly(line)));
  await expect(send(settings(strict))).rejects.toMatchObject({ kind: "refused", message: "the mail server refuses the recipient (550)" });
  let begun = false;
  const torn = await scripted("220 hello", (line) => {
    if (line === ".") return undefined;
    if (begun) return "";
    begun = line === "DATA";
    return begun ? "354 go on" : plainly(line);
  });
  // It may have been taken.
  await expect(send(settings(torn))).rejects.toMatchObject({ kind: "unclear" });
});
