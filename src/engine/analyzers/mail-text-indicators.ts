import { partialExtractIOC, refang } from "ioc-extractor";
import { canonicalUrl, Entity, hostOf } from "../domain/entity.ts";
import { reservedAddress } from "../domain/never-act.ts";
import type { LookContext } from "./analyzer.ts";
import { asciiHost, isForeignDomain, isForeignUrl, within } from "./own-domain.ts";

/** The extractor's patterns take time with the square of a hostile text. */
const MAX_TEXT = 8000;
const MAX_URL = 2048;
/** Longer than any host name (RFC 1035: 253) or hash. */
const MAX_WORD = 300;
/** Per kind and text. */
const MAX_EACH = 10;

/** Endings that are domains and files alike: `invoice.zip` in a sentence is a file. */
const FILE_ENDINGS = ["zip", "mov", "sh", "py", "pl", "rs", "md", "ps", "app", "cab", "java", "doc"];

/** Urls, hosts, addresses and hashes in text people or attackers wrote, refanged; nothing that is ours. */
export function indicatorsIn(text: string, organization: LookContext["organization"]): Entity[] {
  const words = refang(text.slice(0, MAX_TEXT))
    .split(/[\s<>"'()[\]{}|,;]+/)
    .filter((word) => /[.:]|^[0-9a-f]{32,64}$/i.test(word));
  const urls = unique(
    words
      .filter((word) => /^https?:\/\//i.test(word) && word.length <= MAX_URL)
      .map((word) => canonicalUrl(word.replace(/[.!?:]+$/, "")))
      .filter((url) => isForeignUrl(url, organization)),
  ).slice(0, MAX_EACH);
  const rest = words.filter((word) => !/:\/\//.test(word) && word.length <= MAX_WORD).join(" ");
  const said = partialExtractIOC(rest, ["domains", "ipv4s", "ipv6s", "sha256s", "sha1s", "md5s"], { punycode: true });
  const linked = urls.map((url) => hostOf(url) ?? "");
  const hosts = unique((said.domains ?? []).flatMap((name) => asciiHost(name) ?? [])).filter(
    (name) =>
      !FILE_ENDINGS.includes(name.split(".").at(-1) ?? "") &&
      !linked.some((host) => within(host, name)) &&
      isForeignDomain(name, organization),
  );
  const addresses = [...(said.ipv4s ?? []), ...(said.ipv6s ?? [])].filter(
    (address) => reservedAddress(address, organization.internalRanges) === undefined,
  );
  const candidates = [
    ...urls.map((url) => ({ kind: "url", url })),
    ...hosts.slice(0, MAX_EACH).map((name) => ({ kind: "domain", name })),
    ...addresses.slice(0, MAX_EACH).map((address) => ({ kind: "ip", address })),
    ...(said.sha256s ?? []).slice(0, MAX_EACH).map((sha256) => ({ kind: "file", sha256 })),
    ...(said.sha1s ?? []).slice(0, MAX_EACH).map((sha1) => ({ kind: "file", sha1 })),
    ...(said.md5s ?? []).slice(0, MAX_EACH).map((md5) => ({ kind: "file", md5 })),
  ];
  return candidates.flatMap((candidate) => Entity.safeParse(candidate).data ?? []);
}

const unique = (values: readonly string[]) => [...new Set(values)];
