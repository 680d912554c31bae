import { createTransport, type Transporter } from "nodemailer";
import { cut } from "../../engine/cards/card.ts";
import { outside } from "../../engine/cards/say.ts";
import { ConnectorError, type HookPage, type PageHook } from "../../engine/ports.ts";

/** `implicit`: TLS from the first byte. `starttls`: asked for, and nothing is said without it. `none`: this machine only. */
export type MailServer = {
  host: string;
  port: number;
  tls: "implicit" | "starttls" | "none";
  user?: string | undefined;
  password?: string | undefined;
};
export type MailSettings = MailServer & { from: string };

/** What never leaves this machine may go without TLS. */
export const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1)$/i;

const CONNECT_MS = 10_000;
const SILENT_MS = 15_000;
const SUBJECT = 200;

/**
 * Pages by e-mail. The same page keeps its Message-ID: where an answer was lost it comes again as the same message. Everything in it may
 * have been written by an attacker, so it is one line, without a link that a program makes of it, and nothing is read or fetched for it.
 */
export function createMail(settings: MailSettings, to: string): PageHook {
  return {
    async send(id, page, signal) {
      const heard = new Heard();
      const transport = transportOf(settings, heard);
      try {
        await transport.sendMail({ ...messageOf(settings.from, id, page), to: { name: "", address: to }, signal } as Message);
      } catch (error) {
        throw inWords(error, settings, heard, signal);
      } finally {
        transport.close();
      }
    },
  };
}

/** Connects, upgrades to TLS and signs in, and sends nothing. What is wrong is thrown as a ConnectorError. */
export async function checkMail(settings: MailServer): Promise<void> {
  const heard = new Heard();
  const transport = transportOf(settings, heard);
  try {
    await transport.verify();
  } catch (error) {
    throw inWords(error, settings, heard);
  } finally {
    transport.close();
  }
}

type Message = Parameters<Transporter["sendMail"]>[0];

/**
 * How far it went, from what the two say to each other: the error alone does not tell a server that is not there from one that breaks off,
 * nor whether the message was on its way by then. Nothing of what is said is kept.
 */
class Heard {
  /** The server said something. */
  anything = false;
  /** It was asked what it can do, and said. */
  asked = false;
  offersTls = false;
  /** The message itself was begun: it may have been taken. */
  message = false;

  /** As the logger of the library, which tells of each line. */
  listen(data: unknown, line: unknown): void {
    const from = (data as { tnx?: string } | undefined)?.tnx;
    const text = typeof line === "string" ? line : "";
    if (from === "client" && text === "DATA") this.message = true;
    if (from !== "server") return;
    this.anything = true;
    if (!/^250[ -]/.test(text)) return;
    this.asked = true;
    this.offersTls ||= /^250[ -]STARTTLS\b/im.test(text);
  }
}

function transportOf({ host, port, tls, user, password }: MailServer, heard: Heard): Transporter {
  const nothing = () => {};
  const listen = (data: unknown, line: unknown) => heard.listen(data, line);
  return createTransport({
    host,
    port,
    secure: tls === "implicit",
    requireTLS: tls === "starttls",
    ignoreTLS: tls === "none",
    ...(user === undefined ? {} : { auth: { user, pass: password ?? "" } }),
    connectionTimeout: CONNECT_MS,
    greetingTimeout: CONNECT_MS,
    dnsTimeout: CONNECT_MS,
    socketTimeout: SILENT_MS,
    disableFileAccess: true,
    disableUrlAccess: true,
    debug: true,
    logger: { level: nothing, trace: nothing, debug: listen, info: nothing, warn: nothing, error: nothing, fatal: nothing },
  });
}

function messageOf(from: string, id: string, page: HookPage) {
  const domain = from.slice(from.lastIndexOf("@") + 1);
  const text = unlinked(page.text);
  const title = unlinked(page.title);
  const about = [page.incident, page.action].filter((one) => one !== null).join(", ");
  const things = (page.things ?? []).map(unlinked);
  const lines = [
    text,
    ...(page.incident ? [`${page.incident}: ${title} (${page.severity})`] : []),
    ...things.map((thing) => `- ${thing}`),
    page.link ? `Decide in air: ${page.link}` : "Decide in the chat or in the console of air.",
  ];
  return {
    from: { name: "air", address: from },
    subject: cut(page.incident ? `${page.incident} (${page.severity}): ${text}` : `air: ${text}`, SUBJECT),
    messageId: `<${id}@${domain}>`,
    // What belongs to one incident stands together.
    ...(page.incident ? { references: [`<air-${page.incident}@${domain}>`] } : {}),
    // No holiday notes in return.
    headers: {
      "Auto-Submitted": "auto-generated",
      "X-Auto-Response-Suppress": "All",
      "X-Air-Page": id,
      ...(about && { "X-Air-About": about }),
    },
    priority: "high" as const,
    text: `${lines.join("\n\n")}\n`,
    html: html(text, page.incident ? `${page.incident}: ${title} (${page.severity})` : undefined, things, page.link),
    disableFileAccess: true,
    disableUrlAccess: true,
  };
}

/** Programs that show mail make links of bare names, too. */
const unlinked = (text: string) =>
  outside(text).replace(/www\.\S*|\b[a-z0-9-]+(?:\.[a-z0-9-]+)+(?=\/)/gi, (name) => name.replaceAll(".", "[.]"));

function html(text: string, about: string | undefined, things: readonly string[], link: string | null): string {
  const parts = [
    `<p><strong>${escaped(text)}</strong></p>`,
    ...(about ? [`<p>${escaped(about)}</p>`] : []),
    ...(things.length > 0 ? [`<ul>${things.map((thing) => `<li>${escaped(thing)}</li>`).join("")}</ul>`] : []),
    link ? `<p><a href="${escaped(link)}">Decide in air</a></p>` : "<p>Decide in the chat or in the console of air.</p>",
  ];
  return `<!doctype html><html lang="en"><body>${parts.join("")}</body></html>`;
}

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
const escaped = (text: string) => text.replace(/[&<>"']/g, (one) => ENTITIES[one] ?? one);

/** What a mail server said is not repeated but for its number: it may hold the address, the password or anything else. */
function inWords(error: unknown, { tls, host }: MailServer, heard: Heard, signal?: AbortSignal): ConnectorError {
  const {
    code,
    responseCode,
    command,
    message = "",
  } = error as { code?: string; responseCode?: number; command?: string; message?: string };
  const numbered = responseCode ? ` (${responseCode})` : "";
  const unavailable = (why: string) => new ConnectorError("unavailable", `the mail server ${why}`);
  const refused = (what: string) => new ConnectorError("refused", `the mail server refuses ${what}${numbered}`);
  if (signal?.aborted) return new ConnectorError("unclear", "the mail server did not answer in time");
  if (/certificate|self.signed|altnames/i.test(message)) return unavailable("shows a certificate that is not trusted");
  if (tls === "implicit" && /wrong version number|packet length too long|not a valid TLS/i.test(message))
    return unavailable("does not begin with TLS there: set smtp://, or tls: starttls, and its port (587)");
  if (tls === "starttls" && !heard.message && heard.asked && !heard.offersTls) return unavailable(noStartTls(host));
  if (code === "ETLS") return unavailable("offers STARTTLS, and TLS could not be set up with it: nothing was said to it");
  if (responseCode !== undefined && responseCode >= 400 && responseCode < 500) return unavailable(`asks to wait${numbered}`);
  if (code === "EAUTH" || code === "ENOAUTH") return refused("the user name or the password");
  if (command === "MAIL FROM") return refused("the sender");
  if (command === "RCPT TO") return refused("the recipient");
  if (responseCode !== undefined) return refused("the message");
  if (code === "EENVELOPE") return refused("the sender or the recipient");
  if (heard.message) return new ConnectorError("unclear", "the connection to the mail server broke off");
  if (heard.anything) return unavailable("broke off before the message, or did not go on");
  if (/greeting/i.test(message)) return unavailable("takes the connection and says nothing: is TLS from the first byte (smtps://) meant?");
  if (/closed unexpectedly/i.test(message)) return unavailable("closed the connection before it said anything");
  return unavailable("could not be reached");
}

/** Without TLS nothing is said to a server elsewhere. */
const noStartTls = (host: string) =>
  `offers no STARTTLS, so nothing is said to it: set smtps:// (tls: implicit) if it begins with TLS${LOOPBACK.test(host) ? ", or tls: none, as it is on this machine" : ""}`;
