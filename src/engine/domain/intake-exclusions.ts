import type { Alert, NamedEntity } from "./alert.ts";
import { excludedBy } from "./exclusions.ts";
import type { Exclusions } from "./policy.ts";

/**
 * Mail that is not investigated, from air.yaml `exclude` (domain facts 2.8): what arrives in SecOps mailboxes is being looked at by people,
 * and a phishing simulation is phishing that somebody here ordered. Everything in lower case.
 */
export type IntakeExclusions = {
  mailboxes: readonly string[];
  simulations: { senders: readonly string[]; domains: readonly string[]; urls: readonly string[] };
};

/** As evidence inside an investigation these are left alone too: senders and links of a simulation, mail in a SecOps mailbox. */
export const asExclusions = ({ mailboxes, simulations }: IntakeExclusions): Pick<Exclusions, "mailboxes" | "senders" | "urls"> => ({
  mailboxes,
  senders: [...simulations.senders, ...simulations.domains],
  urls: [...simulations.urls, ...simulations.domains.flatMap((domain) => [domain, `*.${domain}`])],
});

/**
 * Why this alert is not investigated, or undefined. In doubt it is investigated: a sender can be forged and a link added, so everything
 * the alert names that could be bad must be excluded, not just one thing of it; and nothing that happened on a device ever is.
 */
export function excludedAtIntake(alert: Pick<Alert, "entities">, exclude: IntakeExclusions | undefined): string | undefined {
  if (!exclude) return undefined;
  return secOps(alert.entities, exclude) ?? simulation(alert.entities, exclude);
}

const lower = (text: string | undefined) => text?.trim().toLowerCase();

function secOps(entities: readonly NamedEntity[], { mailboxes }: IntakeExclusions): string | undefined {
  if (mailboxes.length === 0) return undefined;
  const isOurs = (address: string | undefined) => address !== undefined && mailboxes.includes(lower(address) ?? "");
  let found: string | undefined;
  for (const { entity } of entities) {
    switch (entity.kind) {
      case "mailbox":
        if (!isOurs(entity.address)) return undefined;
        found ??= lower(entity.address);
        break;
      case "message":
        if (!isOurs(entity.recipient)) return undefined;
        found ??= lower(entity.recipient);
        break;
      case "user":
        if (!isOurs(entity.email)) return undefined;
        break;
      // What came with the mail: its links, its attachments, who sent it.
      case "url":
      case "domain":
      case "ip":
      case "file":
        if (entity.kind === "file" && entity.device !== undefined) return undefined;
        break;
      default:
        return undefined;
    }
  }
  return found && `mail of a SecOps mailbox, excluded by air.yaml: ${found} in exclude.mailboxes`;
}

function simulation(entities: readonly NamedEntity[], exclude: IntakeExclusions): string | undefined {
  const { domains } = exclude.simulations;
  const list: Exclusions = { folders: [], extensions: [], names: [], ...asExclusions(exclude), mailboxes: [] };
  const domainOf = (host: string | undefined) => domains.find((domain) => host === domain || host?.endsWith(`.${domain}`));
  let found: string | undefined;
  for (const { entity } of entities) {
    switch (entity.kind) {
      case "message":
      case "url": {
        // In the words of air.yaml: what the alert says is not ours to repeat.
        const because = excludedBy(entity, list)?.because;
        if (because === undefined) return undefined;
        found ??= because;
        break;
      }
      case "domain": {
        const domain = domainOf(lower(entity.name)?.replace(/\.$/, ""));
        if (domain === undefined) return undefined;
        found ??= `excluded by air.yaml: domain ${domain}`;
        break;
      }
      // Who received or clicked it, and where the mail came from.
      case "user":
      case "mailbox":
      case "ip":
        break;
      default:
        return undefined;
    }
  }
  return found && `a phishing simulation, ${found} in exclude.simulations`;
}
