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
      const transport = transportOf(settings);
      try {
        await transport.sendMail({ ...messageOf(settings.from, id, page), to: { name: "", address: to }, signal } as Message);
      } catch (error) {
        throw inWords(error, signal);
      } finally {
        transport.close();
      }
    },
  };
}

/** Connects, upgrades to TLS and signs in, and sends nothing. What is wrong is thrown as a ConnectorError. */
export async function checkMail(settings: MailServer): Promise<void> {
  const transport = transportOf(settings);
  try {
    await transport.verify();
  } catch (error) {
    throw inWords(error);
  } finally {
    transport.close();
  }
}

type Message = Parameters<Transporter["sendMail"]>[0];

function transportOf({ host, port, tls, user, password }: MailServer): Transporter {
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
    logger: false,
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
function inWords(error: unknown, signal?: AbortSignal): ConnectorError {
  const { code, responseCode, command, message } = error as { code?: string; responseCode?: number; command?: string; message?: string };
  const numbered = responseCode ? ` (${responseCode})` : "";
  if (signal?.aborted) return new ConnectorError("unclear", "the mail server did not answer in time");
  if (/certificate|self.signed|altnames/i.test(message ?? ""))
    return new ConnectorError("unavailable", "the mail server shows a certificate that is not trusted");
  if (code === "ETLS") return new ConnectorError("unavailable", "the mail server offers no TLS, so nothing is said to it");
  if (responseCode !== undefined && responseCode >= 400 && responseCode < 500)
    return new ConnectorError("unavailable", `the mail server asks to wait${numbered}`);
  if (code === "EAUTH" || code === "ENOAUTH")
    return new ConnectorError("refused", `the mail server refuses the user name or the password${numbered}`);
  if (responseCode !== undefined) return new ConnectorError("refused", `the mail server refuses the message${numbered}`);
  if (code === "EENVELOPE") return new ConnectorError("refused", "the mail server refuses the sender or the recipient");
  // Before anything was said nothing was done.
  return command === "CONN" || code === "EDNS"
    ? new ConnectorError("unavailable", "the mail server could not be reached")
    : new ConnectorError("unclear", "the connection to the mail server broke off");
}
