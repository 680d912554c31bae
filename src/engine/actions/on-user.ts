import type { BlastRadius } from "../domain/action.ts";
import type { Entity } from "../domain/entity.ts";
import { entityName } from "../domain/entity.ts";
import type { Capabilities, IdentityCapability, UserFacts } from "../ports.ts";
import { ConnectorError } from "../ports.ts";
import type { DesiredState } from "./action-kind.ts";

/** What the actions on an account have in common; a mailbox stands for the account that owns it. */
function needIdentities(capabilities: Capabilities): IdentityCapability {
  if (capabilities.identities) return capabilities.identities;
  throw new ConnectorError("refused", "No product that acts on accounts is connected; nothing was done.");
}

export async function findUser(target: Entity, capabilities: Capabilities, signal: AbortSignal): Promise<UserFacts | undefined> {
  if (target.kind !== "user" && target.kind !== "mailbox") {
    throw new ConnectorError("refused", `This can only be done to an account, not to a ${target.kind}; nothing was done.`);
  }
  return needIdentities(capabilities).find(target, signal);
}

export async function mustFindUser(target: Entity, capabilities: Capabilities, signal: AbortSignal) {
  const identities = needIdentities(capabilities);
  const user = await findUser(target, capabilities, signal);
  if (user) return { identities, user };
  throw new ConnectorError("refused", `${identities.connector} does not know the account ${entityName(target)}; nothing was done.`);
}

export async function userReach(target: Entity, capabilities: Capabilities, now: Date, signal: AbortSignal): Promise<BlastRadius> {
  const user = await findUser(target, capabilities, signal);
  const radius: BlastRadius = { count: 1, unit: "user", facts: [], protectedHits: [], readAt: now.toISOString() };
  if (!user) return { ...radius, facts: ["the directory does not know this account"] };
  const [last] = user.signIns.filter((signIn) => signIn.result === "success");
  return {
    ...radius,
    facts: [
      `${user.name} (${user.email}), ${user.enabled ? "enabled" : "disabled"}`,
      ...(user.risk && user.risk.state !== "none" ? [`the directory says: ${RISK_WORD[user.risk.state]}, risk ${user.risk.level}`] : []),
      user.sessions === 1 ? "1 session is open" : `${user.sessions} sessions are open`,
      ...(user.privileged.length > 0 ? [`privileged: ${user.privileged.join(", ")}`] : ["no privileged role"]),
      ...(last ? [`last sign-in to ${last.app} from ${last.place} at ${last.at.toISOString().slice(0, 16).replace("T", " ")} UTC`] : []),
    ],
  };
}

export const unknownUser = (target: Entity): DesiredState => ({
  kind: "missing",
  text: `The directory does not know ${entityName(target)}.`,
});

const RISK_WORD: Record<NonNullable<UserFacts["risk"]>["state"], string> = {
  none: "no risk",
  atRisk: "at risk",
  confirmedCompromised: "confirmed as compromised",
  dismissed: "risk dismissed",
  remediated: "risk remediated",
};

/** A call only some directories have: bound to its product, or refused by name. */
export function needCall(
  identities: IdentityCapability,
  call: "confirmCompromised" | "dismissRisk" | "forcePasswordReset",
): NonNullable<IdentityCapability["confirmCompromised"]> {
  const found = identities[call];
  if (found) return found.bind(identities);
  throw new ConnectorError("refused", `${identities.connector} has no call for this; nothing was done.`);
}

export const riskUnread = (user: UserFacts): DesiredState => ({
  kind: "unreadable",
  text: `The directory does not say what it makes of ${user.email}.`,
});
