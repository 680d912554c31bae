import { partialExtractIOC, refang } from "ioc-extractor";
import { z } from "zod";
import { Entity, entityKey } from "../engine/domain/entity.ts";
import { readEntity } from "./read-entity.ts";

/** The extractor's patterns take time with the square of a hostile text. */
const MAX_TEXT = 8_000;
const MAX_WORD = 300;
/** What a form can show, and what its ref can carry. */
const MOST_THINGS = 10;
const LONGEST_REF = 2_000;
/** What looks like a device's name and is somebody's number: our ids, and those of weaknesses and techniques. */
const NOT_A_DEVICE = /^(inc|inv|act|alt|evd|cve|cwe|rfc|kb|utf|sha|iso|aes)-?\d/i;
/** Endings that are domains and files alike: `invoice.zip` in a sentence is a file. */
const FILE_ENDINGS = /\.(zip|mov|sh|py|pl|rs|md|ps|app|cab|java|doc|docx|exe|dll|pdf|txt|js|lnk|iso)$/i;

/**
 * What a message names that could be looked into: links, addresses, hashes, mail addresses, hosts and devices by the shape of their names,
 * also defanged. Nothing is fetched. In the order in which a SOC would look: what says most, first.
 */
export function findThings(text: string, organizationDomains: readonly string[] = []): Entity[] {
  // What Slack writes around links is taken off before; (at) and [at] are not in the extractor's book.
  // Marks nobody sees stand before links to hide them from such look-ups.
  const plain = refang(
    text
      .slice(0, MAX_TEXT)
      .replaceAll(/[\p{Cf}\p{Cc}]/gu, (mark) => (/\s/.test(mark) ? mark : ""))
      .replaceAll(/\s*[([{]\s*at\s*[)\]}]\s*/gi, "@"),
  );
  const words = plain
    .split(/[\s<>"'()[\]{}|,;`*]+/)
    .map((word) => afterLabel(word).replace(/^[_~]+|[.!?:_~]+$/g, ""))
    .filter((word) => word !== "" && word.length <= 2_048);
  const urls = words.filter((word) => /^(https?|ftp):\/\//i.test(word));
  const rest = words.filter((word) => !word.includes("://") && word.length <= MAX_WORD);
  const said = partialExtractIOC(rest.join(" "), ["domains", "ipv4s", "ipv6s", "sha256s", "sha1s", "md5s"], { punycode: true });
  // By their shape: the extractor knows only the endings that were registered when it was made.
  const emails = rest.filter((word) => /^[^\s@]+@[^\s@]+\.[a-z]{2,}$/i.test(word));
  const linked = urls.flatMap((url) => URL.parse(url)?.hostname ?? []);
  const domains = (said.domains ?? []).filter(
    (name) =>
      !FILE_ENDINGS.test(name) && !linked.includes(name) && !emails.some((email) => email.toLowerCase().endsWith(`@${name.toLowerCase()}`)),
  );
  const devices = rest.filter((word) => /^[a-z][a-z0-9]*(-[a-z0-9]+)*-[a-z]*\d+[a-z0-9]*$/i.test(word) && !NOT_A_DEVICE.test(word));
  const named = [
    ...urls,
    ...(said.sha256s ?? []),
    ...(said.sha1s ?? []),
    ...(said.md5s ?? []),
    ...(said.ipv4s ?? []),
    ...(said.ipv6s ?? []),
    ...emails,
    ...domains,
    ...devices.map((name) => `device:${name}`),
  ];
  const things = named.flatMap((name) => readEntity(name, organizationDomains) ?? []);
  return [...new Map(things.map((entity) => [entityKey(entity), entity])).values()];
}

/** "Link:http://evil.example" is a link with a word before it; a link within a link stays in it. */
const afterLabel = (word: string): string => /^(?:(?!:\/\/).)*?[^a-z0-9+.-]((?:https?|ftp):\/\/.*)$/i.exec(word)?.[1] ?? word;

/** As many as a form can show and carry, as the form's subject; how many are left out goes along. */
export function writeFound(things: readonly Entity[]): string {
  const fits: Entity[] = [];
  for (const entity of things.slice(0, MOST_THINGS)) if (JSON.stringify([...fits, entity]).length <= LONGEST_REF) fits.push(entity);
  return JSON.stringify({ things: fits, left: things.length - fits.length });
}

const Found = z.object({ things: z.array(Entity).min(1).max(MOST_THINGS), left: z.number() });

/** undefined: not written by us. */
export function readFound(subject: string): z.infer<typeof Found> | undefined {
  try {
    return Found.safeParse(JSON.parse(subject)).data;
  } catch {
    return undefined;
  }
}
