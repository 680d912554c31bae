import type { ActionKindName } from "./action.ts";
import type { Verdict } from "./alert.ts";
import type { Entity } from "./entity.ts";
import { folderOf } from "./folders.ts";
import { type AutomationLevel, DEFAULT_AUTOMATION, type FolderLists, globMatches, type Mode, type Policy } from "./policy.ts";
import type { Judgement } from "./verdict.ts";

export type Ceiling = "perKindPerHour" | "perDay" | "devicesPerInvestigation";
/** `ceiling`: it would have been automatic but for this one. */
export type Answer = { kind: "automatic" | "ask" | "observe" | "none"; rule: string; ceiling?: Ceiling };

/** What automatic actions have used up already, and the mode, as they stand in the transaction that decides. */
export type Standing = {
  kindLastHour: number;
  lastDay: number;
  /** Devices the investigation's automatic actions touch, this one left out. */
  otherDevices?: number;
  mode?: Mode;
};

/** The matrix for device entities, domain facts 2.6. The rule names the folder of the list, never the attacker's path. */
export function matrix(
  level: AutomationLevel,
  verdict: Verdict,
  path: string | undefined,
  folders: FolderLists = DEFAULT_AUTOMATION,
): Answer {
  if (verdict === "noThreatsFound" || verdict === "unknown") return { kind: "none", rule: "no threat found" };
  if (level === "none") return { kind: "none", rule: "the device's group allows no automated response" };
  if (verdict === "suspicious") return { kind: "ask", rule: `level ${level}: suspicious evidence asks` };
  if (level === "full") return { kind: "automatic", rule: "level full: malicious evidence is remediated" };
  if (level === "semi-all") return { kind: "ask", rule: "level semi-all: every folder asks" };
  const folder = folderOf(path, folders);
  if (folder === undefined) return { kind: "ask", rule: `level ${level} and the path is not known` };
  if (folder.kind === "unclear") return { kind: "ask", rule: `level ${level} and the path leaves open where it leads: ${folder.because}` };
  const under = folder.kind === "other" ? "" : ` and the path is under ${folder.under}`;
  switch (level) {
    case "semi-core":
      return folder.kind === "core"
        ? { kind: "ask", rule: `level semi-core${under}` }
        : { kind: "automatic", rule: `level semi-core${under || " and the path is in no core folder"}` };
    case "semi-non-temp":
      return folder.kind === "temp"
        ? { kind: "automatic", rule: `level semi-non-temp${under}` }
        : { kind: "ask", rule: `level semi-non-temp${under || " and the path is in no temp folder"}` };
    default:
      return level satisfies never;
  }
}

/**
 * What follows the matrix of domain facts 2.6 by itself; product contract 6: everything else asks. A process without a product that can
 * stop it is done by hand, which asks anyway.
 */
const FOLLOWS_MATRIX: ReadonlySet<ActionKindName> = new Set(["quarantine-file", "kill-process"]);

/** By what the mail of a cluster belongs together; only these two may ever be removed without asking (domain facts 2.7). */
export const CLUSTERS_BY = ["sender-ip", "sender-domain", "subject", "fingerprint", "url", "attachment"] as const;
export type ClusterBy = (typeof CLUSTERS_BY)[number];
/** More messages than this are never removed without asking, whatever is switched on. */
const MAIL_AUTOMATIC_UP_TO = 10_000;

export type Proposal = {
  kind: ActionKindName;
  target: Entity;
  verdict: Verdict;
  judgement: Pick<Judgement, "automatic"> | undefined;
  /** The automation group's level of the device it happens on. */
  level: AutomationLevel;
  /** The group's name, for the rule line on the card. */
  group: string;
  /** For a mail cluster: what holds it together, as the mail product says, and how many messages it is. */
  cluster?: { by: ClusterBy; messages: number };
};

/** Automatic, ask, observe or nothing, with the rule that decided in one sentence for the card. */
export function automationFor(proposal: Proposal, policy: Policy, spent: Standing): Answer {
  const mode = spent.mode ?? policy.mode;
  if (proposal.level === "none") return { kind: "none", rule: `group ${proposal.group} allows no automated response` };
  // It changes nothing anywhere; whether to look at ten devices more is asked in every mode.
  if (proposal.kind === "expand-investigation")
    return { kind: "ask", rule: "the entity is on 10 devices or more: widening the investigation asks" };
  if (mode === "observe") return { kind: "observe", rule: "mode observe: nothing is carried out" };
  if (mode === "ask") return { kind: "ask", rule: "mode ask: everything asks" };
  const answer = byRule(proposal, policy);
  if (answer.kind !== "automatic") return answer;
  const basis = proposal.judgement?.automatic ?? { allowed: false, because: "the evidence was not judged" };
  if (!basis.allowed) return { kind: "ask", rule: `asks because ${basis.because}` };
  return atCeiling(proposal.kind, policy, spent) ?? answer;
}

function byRule(proposal: Proposal, policy: Policy): Answer {
  const own = policy.perKind[proposal.kind]?.approval;
  if (own === "always") return { kind: "ask", rule: `policy.${proposal.kind}.approval is always` };
  const mail = ofMail(proposal, policy);
  if (mail) return mail;
  if (!FOLLOWS_MATRIX.has(proposal.kind) && own !== "matrix") return { kind: "ask", rule: `${proposal.kind} always asks by default` };
  const path = "path" in proposal.target ? proposal.target.path : undefined;
  return matrix(proposal.level, proposal.verdict, path, policy.automation);
}

/** The opt-in for mail (domain facts 2.7): soft delete only, similar files and similar links only. undefined: it does not speak of this. */
function ofMail({ kind, target, verdict, cluster }: Proposal, { automation }: Policy): Answer | undefined {
  if (kind !== "soft-delete-mail" || target.kind !== "mail-cluster" || !cluster || verdict !== "malicious") return undefined;
  const on = cluster.by === "attachment" ? automation.mail.similarFiles : cluster.by === "url" ? automation.mail.similarUrls : false;
  if (!on) return undefined;
  const setting = cluster.by === "attachment" ? "similarFiles" : "similarUrls";
  return cluster.messages > MAIL_AUTOMATIC_UP_TO
    ? { kind: "ask", rule: `automation.mail.${setting} is on, and more than ${MAIL_AUTOMATIC_UP_TO} messages ask` }
    : { kind: "automatic", rule: `automation.mail.${setting} is on` };
}

function atCeiling(kind: ActionKindName, { ceilings }: Policy, spent: Standing): Answer | undefined {
  const ask = (ceiling: Ceiling, what: string): Answer => ({ kind: "ask", rule: `ceiling reached: ${what}`, ceiling });
  if (spent.kindLastHour >= ceilings.perKindPerHour) return ask("perKindPerHour", `${ceilings.perKindPerHour} automatic ${kind} per hour`);
  if (spent.lastDay >= ceilings.perDay) return ask("perDay", `${ceilings.perDay} automatic actions per day`);
  if (spent.otherDevices !== undefined && spent.otherDevices + 1 > ceilings.devicesPerInvestigation) {
    return ask("devicesPerInvestigation", `automatic actions on ${ceilings.devicesPerInvestigation} devices in one investigation`);
  }
  return undefined;
}

/** What a device is called to be in when no group of air.yaml matches it. */
export const NO_GROUP = "no group";

/** First group that matches, in rank order; the product's own group name is matched too (the lab's devices are in `lab`). */
export function groupOf(device: { name: string; group?: string }, policy: Policy): { name: string; level: AutomationLevel } {
  for (const group of policy.deviceGroups) {
    if (group.match === undefined || globMatches(group.match, device.name) || group.name === device.group) {
      return { name: group.name, level: group.automation };
    }
  }
  return { name: NO_GROUP, level: "semi-all" };
}
