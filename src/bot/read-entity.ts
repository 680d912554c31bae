import ipaddr from "ipaddr.js";
import { parse } from "tldts";
import { ENTITY_KINDS, Entity } from "../engine/domain/entity.ts";

/** The field a bare value of each kind goes into. */
const FIELD: Partial<Record<Entity["kind"], string>> = {
  device: "name",
  user: "name",
  mailbox: "address",
  ip: "address",
  url: "url",
  domain: "name",
  "mail-cluster": "query",
  "access-key": "id",
  "cloud-resource": "id",
  "oauth-app": "id",
  "cloud-app": "id",
  service: "name",
};

/**
 * What a person wrote as one thing to look at: a hash, an address, a link (also defanged), a mail's id, a person, a device; or with its
 * kind before it, `device:WS-042`. undefined: nothing that could be looked at.
 */
export function readEntity(text: string, organizationDomains: readonly string[] = []): Entity | undefined {
  const said = unwrap(text.trim().slice(0, 2000));
  if (said === "") return undefined;
  const [, kind, rest] = /^([a-z-]+):(?!\/\/)\s*(.+)$/is.exec(said) ?? [];
  const named = (ENTITY_KINDS as readonly string[]).find((one) => one === kind?.toLowerCase());
  if (named && rest !== undefined) return ofKind(named as Entity["kind"], unwrap(rest));
  return guess(said, organizationDomains);
}

/** Slack wraps what it recognises: `<https://evil.example|evil.example>`, `<mailto:mia@contoso.com|mia@contoso.com>`. */
function unwrap(text: string): string {
  const [, inside] = /^<((?:https?:|mailto:)[^|>]+)(?:\|[^>]*)?>$/i.exec(text) ?? [];
  return (inside ?? text).replace(/^mailto:/i, "").trim();
}

/** `hxxps://evil[.]example`, `203[.]0[.]113[.]9`, `mia[at]contoso[.]com`. */
const refang = (text: string) =>
  text
    .replace(/^(h)(?:xx|tt)(ps?)(?:\[:\]|:)/i, "$1tt$2:")
    .replaceAll(/\[\.\]|\(\.\)|\{\.\}/g, ".")
    .replaceAll(/\[:\]/g, ":")
    .replaceAll(/\[at\]|\(at\)/gi, "@");

function guess(said: string, organizationDomains: readonly string[]): Entity | undefined {
  const text = refang(said);
  if (/^[0-9a-f]{64}$|^[0-9a-f]{40}$|^[0-9a-f]{32}$/i.test(text)) return hashed(text);
  if (ipaddr.isValid(text) && /[.:]/.test(text)) return ofKind("ip", text);
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) return /^(https?|ftp):/i.test(text) && URL.canParse(text) ? ofKind("url", text) : undefined;
  // An address with a slip in it is no device's name.
  if (/^\d+(\.\d+){3}$/.test(text)) return undefined;
  if (/^<[^<>\s]+@[^<>\s]+>$/.test(text)) return checked({ kind: "message", internetMessageId: text });
  if (/^[^\s@<>]+@[^\s@<>]+$/.test(text)) return checked({ kind: "user", email: text });
  if (/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(text))
    return checked({ kind: "message", networkMessageId: text });
  if (/^(AKIA|ASIA)[A-Z0-9]{12,}$/.test(text)) return ofKind("access-key", text);
  if (/\s/.test(text)) return undefined;
  if (text.includes("\\")) return checked({ kind: "user", name: text });
  if (/^[\w.-]+\.[a-z]{2,}\/\S*$/i.test(text)) return ofKind("url", `http://${text}`);
  const host = text.toLowerCase();
  const parsed = parse(host);
  const ours = organizationDomains.some((domain) => host === domain || host.endsWith(`.${domain}`));
  // A name under our own domain is a machine of ours; under a public suffix it is somebody's domain; else it is a machine's bare name.
  if (!ours && parsed.domain !== null && parsed.isIcann) return ofKind("domain", host);
  return looksLikeHost(text) ? ofKind("device", text) : undefined;
}

/** A machine's name has a digit, a dash or a dot in it; `everything` is a word, and only the inventory knows a machine called that. */
const looksLikeHost = (text: string) => isName(text) && /[\d.-]/.test(text) && /[a-z]/i.test(text);
const isName = (text: string) => /^[\w.-]{1,253}$/.test(text);
/** One word that could be the name of a machine. */
export const isBareName = (text: string) => isName(text.trim()) && /[a-z]/i.test(text);

function ofKind(kind: Entity["kind"], given: string): Entity | undefined {
  const value = refang(given);
  if (kind === "file") return /^[0-9a-f]+$/i.test(value) ? hashed(value) : checked({ kind, name: value });
  if (kind === "user" && value.includes("@")) return checked({ kind, email: value });
  if (kind === "message") return checked({ kind, [value.startsWith("<") ? "internetMessageId" : "networkMessageId"]: value });
  if (kind === "process") return checked({ kind, commandLine: given });
  const field = FIELD[kind];
  return field ? checked({ kind, [field]: value }) : undefined;
}

function hashed(hash: string): Entity | undefined {
  const field = { 64: "sha256", 40: "sha1", 32: "md5" }[hash.length];
  return field ? checked({ kind: "file", [field]: hash }) : undefined;
}

const checked = (value: unknown): Entity | undefined => Entity.safeParse(value).data;
