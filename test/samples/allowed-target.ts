import { isIP } from "node:net";
import type { Entity } from "../../src/engine/domain/entity.ts";

/*
 * Product contract 5, read once more and written without the engine's own rules: why this must never be the target of an action. Where
 * the engine and this page differ, one of them is wrong.
 */
export const OWN_DOMAINS = ["contoso.example"];
/** Our own networks, as the tests configure them. */
export const OWN_RANGES = ["10.0.0.0/8", "192.0.2.0/24"];

/** Accounts that belong to the system and to no person. */
const SYSTEM_ACCOUNTS = /^(system|local system|local service|network service|root|anonymous logon)$/i;

type Action = { kind: string; target: Entity };

export function whyForbidden({ kind, target }: Action): string | undefined {
  switch (target.kind) {
    case "ip":
      return addressFault(target.address);
    case "domain":
      return hostFault(hostIn(target.name));
    case "url":
      return hostFault(hostIn(target.url));
    case "file": {
      if ((target.signer ?? "").toLowerCase().startsWith("microsoft windows") && windowsFolder(target.path ?? ""))
        return "a system file signed by Windows";
      return kind === "block-indicator" && [target.sha256, target.sha1, target.md5].some((hash) => hash && NOTHING.has(hash))
        ? "the hash of nothing"
        : undefined;
    }
    case "user":
      return SYSTEM_ACCOUNTS.test((target.name ?? "").split("\\").at(-1) ?? "") && !target.email ? "an account of the system" : undefined;
    case "message":
    case "mailbox": {
      // Mail of a colleague may go; blocking the sender would silence us all.
      const from = target.kind === "message" ? target.sender : target.address;
      return kind === "block-sender" ? hostFault(from?.split("@").at(-1) ?? "") : undefined;
    }
    case "device":
      return /^(localhost|127\..*|::1)$/i.test(target.name ?? "") ? "this machine itself" : undefined;
    default:
      return undefined;
  }
}

/** The empty file, and the zeros that stand for "not computed". */
const NOTHING = new Set([
  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  "da39a3ee5e6b4b0d3255bfef95601890afd80709",
  "d41d8cd98f00b204e9800998ecf8427e",
  "0".repeat(64),
  "0".repeat(40),
  "0".repeat(32),
]);

const windowsFolder = (path: string) =>
  /(^|\\)(windows|systemroot|%windir%|%systemroot%)\\(?!temp\\)[^.]/i.test(path.replaceAll("/", "\\")) && !path.includes("..");

/** The host of what people and products call a url: with or without scheme, port, user and defanging. */
function hostIn(url: string): string {
  const plain = url
    .trim()
    .replaceAll("[.]", ".")
    .replaceAll("[:]", ":")
    .replace(/^\s*(?:[a-z][a-z0-9+.-]*:)?[\\/]{2,}/i, "");
  const [authority = ""] = plain.split(/[\\/?#]/);
  const host = authority.split("@").at(-1) ?? "";
  return host.startsWith("[") ? host.slice(1, host.indexOf("]")) : host.replace(/:\d*$/, "");
}

const INFRASTRUCTURE = [
  "microsoft.com",
  "office.net",
  "office.com",
  "windows.net",
  "google.com",
  "apple.com",
  "slack.com",
  "amazonaws.com",
  "digicert.com",
];

function hostFault(raw: string): string | undefined {
  const host = raw.trim().toLowerCase().replace(/\.+$/, "").replace(/^\*\./, "");
  const number = /^\d+$/.test(host) ? Number(host) : undefined;
  if (number !== undefined) return addressFault([24, 16, 8, 0].map((shift) => (number >>> shift) & 255).join("."));
  if (isIP(host)) return addressFault(host);
  if (/(^|\.)localhost$/.test(host) || /\.(local|internal)$/.test(host)) return "a name of this machine or network";
  const under = (domain: string) => host === domain || host.endsWith(`.${domain}`);
  if (OWN_DOMAINS.some(under)) return "our own domain";
  return INFRASTRUCTURE.some(under) ? "well-known infrastructure" : undefined;
}

const PUBLIC_RESOLVERS = ["8.8.8.8", "8.8.4.4", "1.1.1.1", "1.0.0.1", "9.9.9.9"];
const RESERVED: readonly [string, number][] = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.2.0", 24], // OWN_RANGES
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
];
const bits = (address: string) => address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);

function addressFault(raw: string): string | undefined {
  const address = raw.trim().toLowerCase();
  const inside = /^(?:::ffff:|64:ff9b::)(\d+\.\d+\.\d+\.\d+)$/.exec(address)?.[1] ?? address;
  if (isIP(inside) === 4) {
    if (PUBLIC_RESOLVERS.includes(inside)) return "a resolver everybody uses";
    const block = RESERVED.find(
      ([network, length]) => Math.floor(bits(inside) / 2 ** (32 - length)) === Math.floor(bits(network) / 2 ** (32 - length)),
    );
    return block ? `in ${block[0]}/${block[1]}` : undefined;
  }
  return /^(::1?$|fe[89ab]|f[cd]|ff)/.test(address) ? "a local IPv6 address" : undefined;
}
