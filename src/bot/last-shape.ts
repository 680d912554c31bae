import { z } from "zod";
import { readBaseUrl } from "../adapters/connectors/base-url.ts";
import { LOOPBACK, type MailServer } from "../adapters/pages/mail.ts";
import { PAGERDUTY_URL } from "../adapters/pages/pagerduty.ts";
import { oneOf, section } from "./yaml-section.ts";

/* `onCall.last`: the ways to people that are no chat. A message never repeats a value: it may have come out of the environment. */

const secret = z.string().trim().min(1, "must not be empty");
const https = z.string().superRefine((value, context) => {
  const read = readBaseUrl(value, { http: "loopback" });
  if ("problem" in read) context.addIssue({ code: "custom", message: read.problem });
});
const host = z
  .string()
  .trim()
  .regex(/^([A-Za-z0-9.-]{1,253}|[0-9A-Fa-f:.]{2,45})$/, "must be a host name or an address");
const port = z.number({ error: "must be a port" }).int("must be a port").min(1, "must be a port").max(65_535, "must be a port");
/** Narrower than what a mailbox may be called, and nothing in it means anything in a header. */
const mailbox = z
  .string()
  .trim()
  .toLowerCase()
  .regex(/^[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[a-z0-9-]+(\.[a-z0-9-]+)*$/, "must be a plain e-mail address like air@contoso.com");

const SMTPS_PORT = 465;
const SUBMISSION_PORT = 587;

const Server = section({
  host,
  port: port.optional(),
  user: secret.optional(),
  password: secret.optional(),
  tls: oneOf(["implicit", "starttls", "none"]).optional(),
});

type Wrong = (path: string[], message: string) => void;

const smtp = z.unknown().transform((value, context): MailServer => {
  const wrong: Wrong = (path, message) => context.addIssue({ code: "custom", path, message });
  if (typeof value === "string") {
    const read = readAddress(value);
    if (typeof read !== "string") return checked(read, wrong);
    wrong([], read);
    return z.NEVER;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    wrong([], 'must be an address like "smtps://air@mail.contoso.com:465", or { host, port, user, password, tls }');
    return z.NEVER;
  }
  const read = Server.safeParse(value);
  if (!read.success) {
    // Told by our own schema, so that line and message are those of the part at fault.
    context.issues.push(...(read.error.issues as z.core.$ZodRawIssue[]));
    return z.NEVER;
  }
  const { tls, ...server } = read.data;
  const way = tls ?? (server.port === SMTPS_PORT ? "implicit" : LOOPBACK.test(server.host) ? "none" : "starttls");
  return checked({ ...server, tls: way, port: server.port ?? (way === "implicit" ? SMTPS_PORT : SUBMISSION_PORT) }, wrong);
});

function checked(server: MailServer, wrong: Wrong): MailServer {
  if (server.tls === "none" && !LOOPBACK.test(server.host))
    wrong(["tls"], "none is allowed on this machine only (127.0.0.1, localhost): use starttls or implicit");
  if (server.password !== undefined && server.user === undefined) wrong(["user"], "is missing: a password needs a user");
  return server;
}

/** `smtps://user:password@host:port` begins with TLS, `smtp://` asks for it. */
function readAddress(text: string): MailServer | string {
  const url = URL.parse(text.trim());
  if (!url || (url.protocol !== "smtps:" && url.protocol !== "smtp:") || !url.hostname)
    return 'must be an address like "smtps://air@mail.contoso.com:465" or "smtp://mail.contoso.com:587"';
  if (!/^\/?$/.test(url.pathname) || url.search || url.hash) return "must be a plain address, without a path, ? or #";
  const name = url.hostname.replace(/^\[|\]$/g, "");
  if (!host.safeParse(name).success) return "must name a host or an address";
  const implicit = url.protocol === "smtps:";
  try {
    return {
      host: name,
      port: url.port ? Number(url.port) : implicit ? SMTPS_PORT : SUBMISSION_PORT,
      tls: implicit ? "implicit" : LOOPBACK.test(name) ? "none" : "starttls",
      ...(url.username ? { user: decodeURIComponent(url.username) } : {}),
      ...(url.password ? { password: decodeURIComponent(url.password) } : {}),
    };
  } catch {
    return "holds a % that begins nothing: write it as %25";
  }
}

const Mail = section({ smtp, password: secret.optional(), from: mailbox, to: mailbox.optional() }).transform(
  ({ smtp: server, password, from, to }, context) => {
    const given = password ?? server.password;
    if (server.user !== undefined && given === undefined)
      context.addIssue({
        code: "custom",
        path: ["password"],
        message: "is missing: smtp names a user; set it from the environment",
      });
    if (password !== undefined && server.user === undefined)
      context.addIssue({ code: "custom", path: ["password"], message: "needs a user in smtp: smtps://user@host:465" });
    return { ...server, ...(given === undefined ? {} : { password: given }), from, to };
  },
);

const PagerDuty = section({
  routingKey: secret.regex(/^[A-Za-z0-9]{32}$/, "must be the integration key of an Events API v2 integration: 32 letters and digits"),
  url: https.default(PAGERDUTY_URL),
});

export const Last = section({
  webhook: section({ url: https, secret: secret.min(16, "must be at least 16 characters long") }).optional(),
  pagerduty: PagerDuty.optional(),
  mail: Mail.optional(),
});
/** As the process uses it. */
export type LastConfig = z.infer<typeof Last>;
