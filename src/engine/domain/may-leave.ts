import type { EntityOf } from "./entity.ts";
import { canonicalAddress, canonicalUrl } from "./entity.ts";
import { reservedAddress, sharedByStrangers } from "./never-act.ts";
import { within } from "./well-known.ts";

/** What an outside service may be asked about. */
type Askable = EntityOf<"file" | "url" | "ip" | "domain">;
/** `public`: what is public anyway. `full`: whatever is asked about, for a service of our own or one we have a contract with. */
export type Share = "public" | "full";
export type House = { domains: readonly string[]; internalRanges: readonly string[] };

/** What is sent, and whether something was left out of it; or why nothing is. */
export type Leaving<E> = { send: E; shortened: boolean } | { kept: string };

/**
 * The one place that decides what leaves the house in a look-up: hashes, public addresses and public names. Urls lose their user, query
 * and fragment, which hold people and sessions, and end before a segment that names one of us. Names of ours and of no public network
 * stay. A file's name, path and content never go: no product is asked by them.
 */
export function mayLeave<E extends Askable>(entity: E, house: House, share: Share): Leaving<E>;
export function mayLeave(entity: Askable, house: House, share: Share): Leaving<Askable> {
  switch (entity.kind) {
    case "file": {
      const { sha256, sha1, md5 } = entity;
      return { send: { kind: "file", ...(sha256 && { sha256 }), ...(sha1 && { sha1 }), ...(md5 && { md5 }) }, shortened: false };
    }
    case "ip":
      if (share === "public" && !isPublicAddress(entity.address, house)) return { kept: "not asked: not a public address" };
      return { send: { kind: "ip", address: canonicalAddress(entity.address) }, shortened: false };
    case "domain": {
      const host = hostIn(entity.name);
      if (host === undefined) return { kept: "not asked: not a public name" };
      const kept = share === "public" ? keptHost(host, house) : undefined;
      return kept ? { kept } : { send: { kind: "domain", name: host }, shortened: false };
    }
    case "url":
      return leavingUrl(entity.url, house, share);
    default:
      return entity satisfies never;
  }
}

function leavingUrl(raw: string, house: House, share: Share): Leaving<EntityOf<"url">> {
  const text = canonicalUrl(raw);
  const url = URL.parse(text);
  if (!url || !WEB.has(url.protocol) || url.hostname === "") return { kept: "not asked: not a web address" };
  if (share === "full") return { send: { kind: "url", url: text }, shortened: false };
  const kept = keptHost(bare(url.hostname), house);
  if (kept) return { kept };
  const shortened = url.search !== "" || url.username !== "" || url.password !== "";
  url.search = "";
  url.hash = "";
  url.username = "";
  url.password = "";
  const segments = url.pathname.split("/");
  const ours = segments.findIndex((segment) => namesUs(segment, house));
  if (ours > 0) url.pathname = [...segments.slice(0, ours), ""].join("/");
  return { send: { kind: "url", url: url.href }, shortened: shortened || ours > 0 };
}

const WEB: ReadonlySet<string> = new Set(["http:", "https:", "ftp:"]);

/**
 * Nobody outside can know anything of an inside address, and asking would tell them our network plan. Addresses many strangers share
 * behind a provider are nobody's plan in particular, so they are asked like any other.
 */
function isPublicAddress(address: string, { internalRanges }: House): boolean {
  return sharedByStrangers(address, internalRanges) || reservedAddress(address, internalRanges) === undefined;
}

function keptHost(host: string, house: House): string | undefined {
  if (looksLikeAddress(host)) return isPublicAddress(host, house) ? undefined : "not asked: not a public address";
  if (isInternalName(host, house)) return "not asked: internal name";
  return PUBLIC_NAME.test(host) ? undefined : "not asked: not a public name";
}

const looksLikeAddress = (host: string) => host.includes(":") || /^\d+(\.\d+){3}$/.test(host);

const PUBLIC_NAME = /^(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])$/;

/**
 * Never found outside: single labels, names under what no public register gives out (RFC 6762 with its appendix G, RFC 8375, RFC 9476), names
 * of reverse look-ups, which spell addresses, and every name of our own domains.
 */
function isInternalName(host: string, { domains }: House): boolean {
  const last = host.slice(host.lastIndexOf(".") + 1);
  if (!host.includes(".") || INTERNAL.has(last)) return true;
  return domains.some((domain) => within(host, hostIn(domain) ?? domain.trim().toLowerCase()));
}
const INTERNAL: ReadonlySet<string> = new Set(
  "local localhost localdomain internal intranet private corp home lan arpa invalid workgroup".split(" "),
);

/** As a browser would read it: lower case, without a port, a dot at the end or a name in front of `@`; letters beyond ASCII as `xn--`. */
function hostIn(text: string): string | undefined {
  const host = URL.parse(canonicalUrl(text))?.hostname ?? "";
  return host === "" ? undefined : bare(host);
}
const bare = (hostname: string) =>
  hostname
    .toLowerCase()
    .replace(/^\[|\]$/g, "")
    .replace(/\.+$/, "");

/** A person's address, a name of ours or an inside address: attackers write them into links to know who came. */
function namesUs(segment: string, house: House): boolean {
  const text = decoded(segment).toLowerCase();
  if (text.includes("@")) return true;
  return [...text.matchAll(/[\p{L}\d_-]+(?:\.[\p{L}\d_-]+)+/gu)].some(([name]) =>
    looksLikeAddress(name) ? !isPublicAddress(name, house) : isInternalName(hostIn(name) ?? name, house),
  );
}

/** Written twice over where somebody wants to hide it. */
function decoded(segment: string): string {
  let text = segment;
  for (let round = 0; round < 3; round++) {
    const next = text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
    if (next === text) break;
    text = next;
  }
  return text;
}
