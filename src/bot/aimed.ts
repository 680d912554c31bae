import ipaddr from "ipaddr.js";
import { actionKinds } from "../engine/actions/all.ts";
import type { ActionKindName } from "../engine/domain/action.ts";
import type { Entity } from "../engine/domain/entity.ts";
import { Refusal } from "../engine/domain/errors.ts";
import { readEntity } from "./read-entity.ts";

/**
 * The target a person wrote. The kind says what a bare name is: `do disable-user mia` means the account, not a device; but what looks like
 * something else is that or refused, so that nobody approves "block file hash WS-001". undefined: nothing that could be looked at.
 */
export function aimed(kind: ActionKindName, text: string, domains: readonly string[]): Entity | undefined {
  if (/[\p{Cc}\p{Cf}\p{Cs}]/u.test(text)) throw refused("The name holds characters that cannot be seen. Type it anew, letter by letter.");
  if (/^(?:inc|inv|act|alt|evd)-?\d+$/i.test(text)) throw refused(`"${text}" is an id. Give the ${actionKinds[kind].targets[0]} itself.`);
  const { targets } = actionKinds[kind];
  if (targets.includes("domain") && isNetwork(text)) throw refused(unfit(kind, text));
  const read = readEntity(text, domains);
  const entity =
    read && (targets.includes(read.kind) || text.includes(":")) ? read : text.includes(":") ? undefined : bare(kind, text, read);
  if (entity && !isSound(kind, entity)) throw refused(unfit(kind, text));
  return entity;
}

/** Without its kind before it. */
function bare(kind: ActionKindName, text: string, read: Entity | undefined): Entity | undefined {
  const { targets } = actionKinds[kind];
  const [first] = targets;
  if (targets.includes("domain")) {
    if (targets.includes("mailbox") && read?.kind === "user" && read.email) return readEntity(`mailbox:${text}`);
    const domain = readEntity(`domain:${text}`);
    if (domain?.kind === "domain" && isDomain(domain.name) && !FILE_ENDING.test(domain.name)) return domain;
    throw refused(unfit(kind, text));
  }
  if (first === "device" && read?.kind === "user" && read.email) throw refused(unfit(kind, text));
  return (first && readEntity(`${first}:${text}`)) ?? read;
}

const INDICATORS: readonly ActionKindName[] = ["block-indicator", "unblock-indicator", "allow-indicator"];
/** `invoice.exe` has the form of a domain, and is none. */
const FILE_ENDING =
  /\.(?:exe|dll|sys|scr|msi|ps1|psm1|bat|cmd|vbs|vbe|js|jse|hta|lnk|jar|docx?|docm|xlsx?|xlsm|pptx?|pdf|rtf|txt|csv|iso|img|7z|rar|tmp|bin|dat)$/i;
const isDomain = (name: string) =>
  name.length <= 253 && /^(?:[\p{L}\p{N}_](?:[\p{L}\p{N}_-]{0,61}[\p{L}\p{N}])?\.)+(?:\p{L}{2,63}|xn--[a-z0-9-]{2,59})$/iu.test(name);
const isNetwork = (text: string) => ipaddr.isValidCIDR(text.replace(/^ip:/i, "").replaceAll("[.]", "."));
/** Also `10.1` and `10.0.0.0/8`, which are part of one or many. */
const isAddress = (name: string) => ipaddr.isValid(name) || ipaddr.isValidCIDR(name) || /^\d+(?:\.\d+)+(?:\/\d+)?$/.test(name);

function isSound(kind: ActionKindName, entity: Entity): boolean {
  switch (entity.kind) {
    case "file":
      return !INDICATORS.includes(kind) || (entity.sha256 ?? entity.sha1 ?? entity.md5) !== undefined;
    case "domain":
      return isDomain(entity.name);
    case "url":
      return !INDICATORS.includes(kind) || URL.canParse(entity.url) || isDomain(entity.url.split(/[/?#:]/, 1)[0] ?? "");
    case "device":
    case "user":
      return !isAddress(entity.name ?? "");
    case "mailbox":
      return !isAddress(entity.address);
    default:
      return true;
  }
}

function unfit(kind: ActionKindName, text: string): string {
  const said = `"${text.slice(0, 60)}"`;
  const { targets } = actionKinds[kind];
  if (targets.includes("domain")) {
    if (isNetwork(text)) return `${said} is a network. ${kind} takes one address at a time, like 203.0.113.7.`;
    const takes = INDICATORS.includes(kind)
      ? "a file hash of 32, 40 or 64 hexadecimal characters, an address like 203.0.113.7, a domain like evil.example or a link like https://evil.example/a"
      : `a ${targets.join(", ")}, with its kind before it where it is not plain, like domain:evil.example`;
    return `${said} is nothing ${kind} could be aimed at. Give ${takes}.`;
  }
  return `${said} is an address, not a ${targets[0]}. Give the name of the ${targets[0]}${targets[0] === "device" ? ", like WS-042" : ""}.`;
}

const refused = (message: string) => new Refusal("invalid", message, { field: "target" });
