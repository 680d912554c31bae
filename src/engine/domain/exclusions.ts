import { canonicalUrl, type Entity } from "./entity.ts";
import { plainPath } from "./folders.ts";
import { type Exclusions, globMatches } from "./policy.ts";

/** `unseen`: not even looked at, as mail of a simulation is no threat; otherwise it is judged, and only left alone. */
export type Excluded = { because: string; unseen: boolean };

/**
 * Is this left alone, and by which line? In doubt it is not: an attacker chooses paths, so what cannot be read plainly (a short name, a
 * data stream, another computer) is never excluded.
 */
export function excludedBy(entity: Entity, exclude: Exclusions): Excluded | undefined {
  const said = (what: string, unseen: boolean): Excluded => ({ because: `excluded by air.yaml: ${what}`, unseen });
  switch (entity.kind) {
    case "file":
    case "process": {
      const file = fileOf(entity);
      const folder =
        file.path === undefined ? undefined : exclude.folders.find((one) => file.path === one || file.path?.startsWith(`${one}\\`));
      if (folder !== undefined) return said(`folder ${folder}`, false);
      if (file.name === undefined) return undefined;
      if (exclude.names.includes(file.name)) return said(`name ${file.name}`, false);
      const extension = /\.([^.]+)$/.exec(file.name)?.[1];
      return extension !== undefined && exclude.extensions.includes(extension) ? said(`extension .${extension}`, false) : undefined;
    }
    case "mailbox":
      return exclude.mailboxes.includes(entity.address.trim().toLowerCase()) ? said("a mailbox in mailboxes", true) : undefined;
    case "message": {
      if (entity.recipient && exclude.mailboxes.includes(entity.recipient.trim().toLowerCase()))
        return said("a mailbox in mailboxes", true);
      const from = listed(entity.sender, exclude.senders);
      // Anybody can write the From header of a simulation: where the envelope is known it has to be from there, too.
      const forged = entity.envelopeSender !== undefined && listed(entity.envelopeSender, exclude.senders) === undefined;
      return from !== undefined && !forged ? said(`sender ${from}`, true) : undefined;
    }
    case "url": {
      const link = exclude.urls.find((one) => isUnder(entity.url, one));
      return link === undefined ? undefined : said(`link ${link}`, true);
    }
    default:
      return undefined;
  }
}

/** The line that names this address, or its domain. */
function listed(address: string | undefined, senders: readonly string[]): string | undefined {
  const sender = address?.trim().toLowerCase();
  return senders.find((one) => sender === one || (!one.includes("@") && sender?.endsWith(`@${one}`)));
}

/** The path and the bare name of a file, where both can be told for certain. */
function fileOf(entity: Extract<Entity, { kind: "file" | "process" }>): { path: string | undefined; name: string | undefined } {
  const plain = entity.path === undefined ? undefined : plainPath(entity.path);
  const clear = plain && "path" in plain && !plain.shortName && !plain.stream ? plain.path : undefined;
  // A path that is not plain makes its name doubtful, too.
  if (entity.path !== undefined && clear === undefined) return { path: undefined, name: undefined };
  const name = entity.name?.trim().toLowerCase() ?? clear?.split("\\").at(-1);
  return { path: clear, name: name && !/[\\/:*?"<>|]|[. ]$/.test(name) ? name : undefined };
}

function isUnder(url: string, entry: string): boolean {
  const link = URL.parse(canonicalUrl(url));
  if (!link || !/^https?:$/.test(link.protocol)) return false;
  const [host = "", ...rest] = entry.split("/");
  if (!globMatches(host, link.hostname)) return false;
  const path = rest.length === 0 ? "" : `/${rest.join("/")}`.replace(/\/$/, "");
  const asked = link.pathname.toLowerCase();
  return path === "" || asked === path || asked.startsWith(`${path}/`);
}
