import type { AddressInfo } from "node:net";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";

export type Mail = {
  from: string;
  to: string[];
  raw: string;
  /** Unfolded, by name in lower case; a name that stands twice has two. */
  headers: Map<string, string[]>;
};
export type SmtpServer = { port: number; mails: Mail[]; refuse: (code: number | undefined) => void; stop: () => Promise<void> };

/** A mail server on this machine that keeps what it takes. `refuse`: it answers this to every message from now on. */
export async function startSmtp(options: SMTPServerOptions = {}): Promise<SmtpServer> {
  const mails: Mail[] = [];
  let refused: number | undefined;
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ["STARTTLS"],
    logger: false,
    onData(stream, session, callback) {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.once("end", () => {
        if (refused !== undefined) return callback(Object.assign(new Error("not today"), { responseCode: refused }));
        const raw = Buffer.concat(chunks).toString("utf8");
        const { mailFrom, rcptTo } = session.envelope;
        mails.push({ from: mailFrom ? mailFrom.address : "", to: rcptTo.map(({ address }) => address), raw, headers: headersOf(raw) });
        return callback();
      });
    },
    ...options,
  });
  // A client that breaks off is no fault of the server.
  server.on("error", () => {});
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.server.address() as AddressInfo).port,
    mails,
    refuse: (code) => {
      refused = code;
    },
    stop: () => new Promise<void>((resolve) => void server.close(() => resolve())),
  };
}

function headersOf(raw: string): Map<string, string[]> {
  const [head = ""] = raw.split("\r\n\r\n", 1);
  const headers = new Map<string, string[]>();
  for (const line of head.replace(/\r\n[ \t]+/g, " ").split("\r\n")) {
    const [, name = "", value = ""] = /^([^:]+):\s*(.*)$/.exec(line) ?? [];
    headers.set(name.toLowerCase(), [...(headers.get(name.toLowerCase()) ?? []), value]);
  }
  return headers;
}

/** The text of a part in quoted-printable, or base64, as somebody reads it. */
export function partOf(mail: Mail, type: "text/plain" | "text/html"): string {
  const part = mail.raw.split(/\r\n--[^\r\n]+/).find((one) => one.includes(`Content-Type: ${type}`)) ?? "";
  const at = part.indexOf("\r\n\r\n");
  const [head, body] = [part.slice(0, at), part.slice(at + 4)];
  if (/transfer-encoding: base64/i.test(head)) return Buffer.from(body, "base64").toString("utf8");
  if (!/quoted-printable/i.test(head)) return body;
  const bytes = body.replace(/=\r\n/g, "").replace(/=([0-9A-F]{2})/g, (_all, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, "latin1").toString("utf8");
}
