import type { Air } from "./air.ts";
import { protectedHits } from "./domain/approval.ts";
import type { Entity } from "./domain/entity.ts";
import { neverAct } from "./domain/never-act.ts";

/** All look-ups of one answer together: the person waits for it. */
const BUDGET_MS = 1_500;

export type ProtectedCheck = {
  /** Rules that match, built in or from air.yaml, with what matched. */
  hits: string[];
  /** What the products said of it. */
  facts: string[];
  /** Why it is never acted on at all. */
  never: string | undefined;
  /** What could not be asked: then it counts as protected. */
  unread: string | undefined;
};

/** Is this protected, and why (product contract 6)? Facts are read from the connected products now; nothing is changed. */
export async function checkProtected(air: Pick<Air, "capabilities" | "policy">, entity: Entity): Promise<ProtectedCheck> {
  const policy = air.policy();
  const read = await readFacts(air, entity, AbortSignal.timeout(BUDGET_MS));
  const os = read.os === undefined ? {} : { os: read.os };
  return {
    hits: protectedHits(entity.kind === "device" ? { ...entity, ...os } : entity, read.known, policy),
    facts: read.facts,
    never: neverAct(entity, {
      organizationDomains: policy.organization.domains,
      internalRanges: policy.organization.internalRanges,
      ...(entity.kind === "file" ? { namedEntity: { signer: entity.signer } } : {}),
    }),
    unread: read.unread,
  };
}

type Read = {
  known: { role?: string; privileged?: readonly string[]; unread?: string | undefined };
  os?: string;
  facts: string[];
  unread: string | undefined;
};

async function readFacts({ capabilities }: Pick<Air, "capabilities">, entity: Entity, signal: AbortSignal): Promise<Read> {
  const { devices, identities, apps } = capabilities;
  const nothing = (unread?: string): Read => ({ known: {}, facts: [], unread });
  try {
    switch (entity.kind) {
      case "device": {
        if (!devices) return nothing("no product that knows devices is connected");
        const found = await within(devices.find(entity, signal), signal);
        if (!found) return { ...nothing(), facts: ["the inventory does not know this device"] };
        return { known: { role: found.role }, os: found.os, facts: [`role: ${found.role}`, `system: ${found.os}`], unread: undefined };
      }
      case "user":
      case "mailbox": {
        if (!identities) return nothing("no directory is connected");
        const found = await within(identities.find(entity, signal), signal);
        if (!found) return { ...nothing(), facts: ["the directory does not know this account"] };
        const roles = found.privileged.length > 0 ? found.privileged.join(", ") : found.unread?.roles ? "not readable" : "none";
        return {
          known: { privileged: found.privileged, unread: found.unread?.roles },
          facts: [`account: ${found.email}`, `privileged roles: ${roles}`],
          unread: undefined,
        };
      }
      case "oauth-app": {
        if (!apps) return nothing("no directory that knows apps is connected");
        const found = await within(apps.find(entity, signal), signal);
        if (!found) return { ...nothing(), facts: ["the directory does not know this app"] };
        const writes = found.grants.filter((grant) => grant.writes).map(({ name }) => name);
        return {
          known: { privileged: writes, unread: found.unread },
          facts: [`may change: ${writes.join(", ") || "nothing"}`],
          unread: undefined,
        };
      }
      default:
        return nothing();
    }
  } catch {
    return nothing("the product did not answer in time");
  }
}

/** A product that does not heed the signal is not waited for either. */
const within = <T>(asked: Promise<T>, signal: AbortSignal): Promise<T> =>
  Promise.race([asked, new Promise<never>((_, fail) => signal.addEventListener("abort", () => fail(signal.reason), { once: true }))]);
