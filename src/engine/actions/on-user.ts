import type { BlastRadius } from "../domain/action.ts";
import type { Entity } from "../domain/entity.ts";
import { entityName } from "../domain/entity.ts";
import type { Capabilities, IdentityCapability, UserFacts } from "../ports.ts";
import { ConnectorError } from "../ports.ts";
import type { ActionKind, DesiredState } from "./action-kind.ts";

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
      ...(user.sessions === undefined ? [] : [user.sessions === 1 ? "1 session is open" : `${user.sessions} sessions are open`]),
      ...(user.privileged.length > 0 ? [`privileged: ${user.privileged.join(", ")}`] : user.unread?.roles ? [] : ["no privileged role"]),
      ...(user.unread?.roles ? [`its roles could not be read: ${user.unread.roles}`] : []),
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
  text: `The directory does not say what it makes of ${user.email}${user.unread?.risk ? `: ${user.unread.risk}` : ""}.`,
});

type Call = Pick<ActionKind, "follow" | "findRun">;

/** How a call to the directory is followed, and what is known of one whose answer was lost. */
export const directoryCall = (state: ActionKind["state"]): Call => ({
  // Most directories answer when it is done; the state is read again afterwards.
  follow: async (ticket, { identities }, signal) => (await identities?.follow?.(ticket, signal)) ?? { id: ticket, state: "done" },
  findRun: (target, capabilities, { since }, signal) =>
    capabilities.identities?.setsState ? noTrace(state, target, capabilities, since, signal) : undefined,
});

/**
 * Nothing of ours is written down there, so the state itself is the trace: where it can be read and does not show the call, and goes on not
 * showing it, the call may be made again.
 */
export async function noTrace(
  state: ActionKind["state"],
  target: Entity,
  capabilities: Capabilities,
  since: Date,
  signal: AbortSignal,
): Promise<undefined> {
  const { kind, text } = await state(target, capabilities, signal, { since });
  if (kind === "unreadable") throw new ConnectorError("unavailable", text);
}
