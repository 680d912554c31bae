import { domainToASCII } from "node:url";
import { getDomain } from "tldts";
import { hostOf } from "../domain/entity.ts";
import { neverAct } from "../domain/never-act.ts";
import type { LookContext } from "./analyzer.ts";

type Organization = LookContext["organization"];

/** Lower case, without the dot at the end; `bücher.example` becomes `xn--bcher-kva.example`, the form every product stores. */
export function asciiHost(raw: string): string | undefined {
  const host = raw.trim().toLowerCase().replace(/\.$/, "");
  if (host === "" || host.length > 253) return undefined;
  return domainToASCII(host) || undefined;
}

/** Host of `mia@contoso.example` or `"Mia" <mia@contoso.example>`; undefined where there is none. */
export function mailDomain(address: string): string | undefined {
  // The domain stands at the end, behind a name of any length.
  const text = address.slice(-600);
  const inside = /<([^<>]*)>\s*$/.exec(text)?.[1] ?? text;
  const at = inside.lastIndexOf("@");
  return at === -1 ? undefined : asciiHost(inside.slice(at + 1));
}

/** The part somebody registered (public suffix list): `mail.contoso.co.uk` is `contoso.co.uk`. A name without one stays as it is. */
export const registrable = (host: string): string => getDomain(host, { allowPrivateDomains: true }) ?? host;

export const within = (host: string, domain: string): boolean => host === domain || host.endsWith(`.${domain}`);

export const ownDomains = (organization: Organization): string[] =>
  organization.domains.map(asciiHost).filter((domain) => domain !== undefined);

export const isOurs = (host: string, organization: Organization): boolean =>
  ownDomains(organization).some((domain) => within(host, domain));

/**
 * Does mail to this address leave us? Where no domain of ours is configured, the mailbox's own one is ours.
 * A target without a domain is a name of our own directory.
 */
export function isOutside(target: string, mailbox: string, organization: Organization): boolean {
  const host = mailDomain(target);
  if (host === undefined) return false;
  if (isOurs(host, organization)) return false;
  const home = mailDomain(mailbox);
  return home === undefined || registrable(home) !== registrable(host);
}

/** Worth looking at as evidence: not ours, not what everybody uses, not an address of a local network. */
export function isForeignUrl(url: string, organization: Organization): boolean {
  const host = hostOf(url);
  if (host === undefined) return false;
  const context = { organizationDomains: ownDomains(organization), internalRanges: organization.internalRanges };
  return neverAct({ kind: "url", url }, context) === undefined;
}
export function isForeignDomain(name: string, organization: Organization): boolean {
  const context = { organizationDomains: ownDomains(organization), internalRanges: organization.internalRanges };
  return !isMailProvider(name) && neverAct({ kind: "domain", name }, context) === undefined;
}

/** Anybody gets a mailbox there, so the domain says nothing about the sender. The largest ones, by their own sign-up pages. */
const MAIL_PROVIDERS = new Set([
  "gmail.com",
  "googlemail.com",
  "outlook.com",
  "hotmail.com",
  "live.com",
  "msn.com",
  "yahoo.com",
  "ymail.com",
  "aol.com",
  "icloud.com",
  "me.com",
  "proton.me",
  "protonmail.com",
  "gmx.com",
  "gmx.de",
  "gmx.net",
  "web.de",
  "mail.com",
  "mail.ru",
  "yandex.com",
  "yandex.ru",
  "qq.com",
  "163.com",
  "zoho.com",
  "fastmail.com",
  "orange.fr",
  "t-online.de",
]);
const isMailProvider = (host: string): boolean => MAIL_PROVIDERS.has(registrable(host));
