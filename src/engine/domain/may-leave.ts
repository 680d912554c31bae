import type { EntityOf } from "./entity.ts";
import { canonicalAddress, canonicalUrl, isAddress } from "./entity.ts";
import { reservedAddress } from "./never-act.ts";
import { globMatches, type Policy } from "./policy.ts";
import { within } from "./well-known.ts";

/** What an outside service may be asked about. */
type Askable = EntityOf<"file" | "url" | "ip" | "domain">;
/** `public`: what is public anyway. `full`: whatever is asked about, for a service of our own or one we have a contract with. */
export type Share = "public" | "full";
export type House = {
  domains: readonly string[];
  internalRanges: readonly string[];
  /** The organisation's own name. */
  name?: string | undefined;
  /** Names of people who work with air, of two words at least: a first name alone is a word like any other. */
  people?: readonly string[];
  /** Names of our devices, or patterns of them: `dc-*`. */
  devices?: readonly string[];
};

/** What air.yaml says of us. A pattern that fits nearly everything names nothing of ours. */
export const houseOf = (
  { organization, deviceGroups, protected: guarded }: Pick<Policy, "organization" | "deviceGroups" | "protected">,
  people: readonly string[] = [],
): House => ({
  ...organization,
  people: people.filter((name) => spaced(name).trim().includes(" ")),
  devices: [
    ...deviceGroups.flatMap(({ match }) => match ?? []),
    ...guarded.flatMap((one) => (one.startsWith("device:") ? [one.slice("device:".length)] : [])),
  ].filter((pattern) => pattern.replaceAll(/[*?]/g, "").length >= SHORTEST_NAME),
});
const SHORTEST_NAME = 3;

/** What is sent, and whether something was left out of it; or why nothing is. */
export type Leaving<E> = { send: E; shortened: boolean } | { kept: string };

/**
 * The one place that decides what leaves the house in a look-up: hashes, public addresses and public names. Urls lose their user, query
 * and fragment, which hold people and sessions, and end before a segment that names one of us, however it is written there. Names of ours and of no public network
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
  const whole = url.pathname;
  // What belongs behind `?` or `#` is at times written into the path, encoded or as its parameters.
  const path = whole.split(BEHIND_PATH)[0] || "/";
  const segments = path.split("/");
  const ours = firstOfUs(segments, house);
  url.pathname = ours > 0 ? [...segments.slice(0, ours), ""].join("/") : path;
  return { send: { kind: "url", url: url.href }, shortened: shortened || url.pathname !== whole };
}
const BEHIND_PATH = /;|%(?:25)*(?:3f|23|3b)/i;

const WEB: ReadonlySet<string> = new Set(["http:", "https:", "ftp:"]);

/** Nobody outside can know anything of an address that is not on the internet, and asking would tell them our network plan. */
const isPublicAddress = (address: string, { internalRanges }: House): boolean =>
  isAddress(address) && reservedAddress(address, internalRanges) === undefined;

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

/** The first segment that must not leave: one that says who, or with which a text in base64 begins that has slashes of its own; -1: none. */
function firstOfUs(segments: readonly string[], house: House): number {
  const named = segments.findIndex((segment) => segment !== "" && namesUs(segment, house));
  const before = named < 0 ? segments : segments.slice(0, named);
  const tells = (from: number) => hidesUs(decodings(before.slice(from).join("/")), house);
  if (!tells(0)) return named;
  let [last, beyond] = [0, before.length];
  while (beyond - last > 1) {
    const middle = (last + beyond) >> 1;
    if (tells(middle)) last = middle;
    else beyond = middle;
  }
  return Math.max(last, 1);
}

/** A person's address, a name of ours, an inside address or a session: attackers write them into links to know who came, in base64 too. */
function namesUs(segment: string, house: House): boolean {
  const plain = decodings(segment);
  return plain.some((text) => text.includes("@") || saysWho(text, house)) || hidesUs(plain, house);
}

const hidesUs = (plain: readonly string[], house: House) =>
  plain.flatMap(unwrapped).some((text) => MAIL_ADDRESS.test(text) || saysWho(text, house));

const MAIL_ADDRESS = /[\p{L}\d._+%-]@[\p{L}\d-]+\.[\p{L}\d]/u;
/** A JSON web token: three parts in base64url, of which the first begins with `{"`. */
const SESSION = /(?<![\w-])eyJ[\w-]+\.[\w-]+\.[\w-]/;

function saysWho(text: string, { name = "", people = [], devices = [], ...house }: House): boolean {
  if (SESSION.test(text)) return true;
  const lower = text.toLowerCase();
  const own = spaced(name);
  if (own.trim().length > SHORTEST_NAME && spaced(lower).includes(own)) return true;
  if (people.some((person) => namesPerson(lower, person))) return true;
  if (devices.length > 0 && words(lower).some((word) => devices.some((device) => globMatches(device, word)))) return true;
  if ((lower.match(/(?<!\d)\d{1,3}(?:\.\d{1,3}){3}(?!\d)/g) ?? []).some((address) => !isPublicAddress(address, house))) return true;
  return (lower.match(/[\p{L}\d_-]+(?:\.[\p{L}\d_-]+)+/gu) ?? []).some(
    (dotted) => !looksLikeAddress(dotted) && isInternalName(hostIn(dotted) ?? dotted, house),
  );
}

/** As in `mia.keller`, `Keller, Mia` or `MiaKeller`. */
function namesPerson(lower: string, person: string): boolean {
  const said = spaced(lower).trim().split(" ");
  const parts = spaced(person).trim().split(" ");
  return [parts, parts.toReversed()].some(
    (order) =>
      ` ${said.join(" ")} `.includes(` ${order.join(" ")} `) ||
      (order.join("").length >= 6 && said.some((word) => word.includes(order.join("")))),
  );
}

/** With what is left of each after a dash: `id-ws-042` is `ws-042` with something in front. */
const words = (text: string): string[] =>
  (text.match(/[\p{L}\d]+(?:[_-]+[\p{L}\d]+)*/gu) ?? []).flatMap((word) => {
    const parts = word.split(/(?<=[_-])(?=[\p{L}\d])/u).slice(-8);
    return parts.map((_, index) => parts.slice(index).join("")).concat(word);
  });

/** Its words alone, each between blanks. */
const spaced = (text: string) => ` ${(text.toLowerCase().match(/[\p{L}\d]+/gu) ?? []).join(" ")} `;

/** As it is written, and decoded: written twice over where somebody wants to hide it. */
function decodings(segment: string): string[] {
  const found = [segment];
  for (let round = 0; round < 3; round++) {
    const text = found.at(-1) ?? "";
    const next = text.replace(/(?:%[0-9a-f]{2})+/gi, (bytes) => Buffer.from(bytes.replaceAll("%", ""), "hex").toString("utf8"));
    if (next === text) break;
    found.push(next);
  }
  return found;
}

/** What is in it in base64, of either alphabet and behind whatever stands before it without a gap; decoded again where that was encoded. */
const unwrapped = (text: string): string[] =>
  (text.match(/[\w+/-]{6,}/g) ?? []).flatMap((token) =>
    [0, 1, 2, 3].flatMap((start) => decodings(Buffer.from(token.slice(start), "base64").toString("utf8"))),
  );
