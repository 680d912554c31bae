import type { ActionKindName } from "./action.ts";
import type { Verdict } from "./alert.ts";
import type { Entity } from "./entity.ts";
import { type AutomationLevel, globMatches, type Policy } from "./policy.ts";
import type { Judgement } from "./verdict.ts";

/**
 * Folder lists of domain facts 2.5: temp wins over core; both are matched without the drive letter and
 * without regard to case, `*` spans path segments. Program Files is core, as the CHOICE there says.
 */
const TEMP_FOLDERS = [
  "\\users\\*\\appdata\\local\\temp\\*",
  "\\documents and settings\\*\\local settings\\temp\\*",
  "\\documents and settings\\*\\local settings\\temporary\\*",
  "\\windows\\temp\\*",
  "\\users\\*\\downloads\\*",
];
const CORE_FOLDERS = ["\\windows\\*", "\\program files\\*", "\\program files (x86)\\*"];

export function folderOf(path: string | undefined): "temp" | "core" | "other" | undefined {
  if (!path) return undefined;
  const bare = path.replaceAll("/", "\\").replace(/^[a-zA-Z]:/, "");
  // `\windows` itself is as core as what lies in it.
  const matches = (pattern: string) => globMatches(pattern, bare) || globMatches(pattern.replace(/\\\*$/, ""), bare);
  if (TEMP_FOLDERS.some(matches)) return "temp";
  return CORE_FOLDERS.some(matches) ? "core" : "other";
}

export type Answer = { kind: "automatic" | "ask" | "observe" | "none"; rule: string };

/** The matrix for device entities, domain facts 2.6. */
export function matrix(level: AutomationLevel, verdict: Verdict, path: string | undefined): Answer {
  if (verdict === "noThreatsFound" || verdict === "unknown") return { kind: "none", rule: "no threat found" };
  if (level === "none") return { kind: "none", rule: "the device's group allows no automated response" };
  if (verdict === "suspicious") return { kind: "ask", rule: `level ${level}: suspicious evidence asks` };
  const folder = folderOf(path);
  switch (level) {
    case "full":
      return { kind: "automatic", rule: "level full: malicious evidence is remediated" };
    case "semi-all":
      return { kind: "ask", rule: "level semi-all: every folder asks" };
    case "semi-core":
      if (folder === "core") return { kind: "ask", rule: `level semi-core and the path ${path} is in a core folder` };
      return folder
        ? { kind: "automatic", rule: `level semi-core and the path ${path} is in no core folder` }
        : { kind: "ask", rule: "level semi-core and the path is not known" };
    case "semi-non-temp":
      if (folder === "temp") return { kind: "automatic", rule: `level semi-non-temp and the path ${path} is in a temp folder` };
      return {
        kind: "ask",
        rule: folder ? `level semi-non-temp and the path ${path} is in no temp folder` : "level semi-non-temp and the path is not known",
      };
    default:
      return level satisfies never;
  }
}

/**
 * Only what the matrix of domain facts 2.6 speaks of and a connected product carries out follows it; product contract 6: everything else
 * asks. `kill-process` joins when a connector can do it and has earned that.
 */
const FOLLOWS_MATRIX: ReadonlySet<ActionKindName> = new Set(["quarantine-file"]);

export type Proposal = {
  kind: ActionKindName;
  target: Entity;
  verdict: Verdict;
  judgement: Pick<Judgement, "automatic"> | undefined;
  /** The automation group's level of the device it happens on. */
  level: AutomationLevel;
  /** The group's name, for the rule line on the card. */
  group: string;
};

/** Automatic, ask, observe or nothing, with the rule that decided in one sentence for the card. */
export function automationFor(proposal: Proposal, policy: Policy, spent: { kindLastHour: number; lastDay: number }): Answer {
  if (proposal.level === "none") return { kind: "none", rule: `group ${proposal.group} allows no automated response` };
  // It changes nothing anywhere; whether to look at ten devices more is asked in every mode.
  if (proposal.kind === "expand-investigation")
    return { kind: "ask", rule: "the entity is on 10 devices or more: widening the investigation asks" };
  if (policy.mode === "observe") return { kind: "observe", rule: "mode observe: nothing is carried out" };
  if (policy.mode === "ask") return { kind: "ask", rule: "mode ask: everything asks" };
  const own = policy.perKind[proposal.kind]?.approval;
  if (own === "always") return { kind: "ask", rule: `policy.${proposal.kind}.approval is always` };
  if (!FOLLOWS_MATRIX.has(proposal.kind) && own !== "matrix") return { kind: "ask", rule: `${proposal.kind} always asks by default` };
  const path = "path" in proposal.target ? proposal.target.path : undefined;
  const answer = matrix(proposal.level, proposal.verdict, path);
  if (answer.kind !== "automatic") return answer;
  const basis = proposal.judgement?.automatic ?? { allowed: false, because: "the evidence was not judged" };
  if (!basis.allowed) return { kind: "ask", rule: `asks because ${basis.because}` };
  if (spent.kindLastHour >= policy.ceilings.perKindPerHour) {
    return { kind: "ask", rule: `ceiling reached: ${policy.ceilings.perKindPerHour} automatic ${proposal.kind} per hour` };
  }
  if (spent.lastDay >= policy.ceilings.perDay)
    return { kind: "ask", rule: `ceiling reached: ${policy.ceilings.perDay} automatic actions per day` };
  return answer;
}

/** First group that matches, in rank order; the product's own group name is matched too (the lab's devices are in `lab`). */
export function groupOf(device: { name: string; group?: string }, policy: Policy): { name: string; level: AutomationLevel } {
  for (const group of policy.deviceGroups) {
    if (group.match === undefined || globMatches(group.match, device.name) || group.name === device.group) {
      return { name: group.name, level: group.automation };
    }
  }
  return { name: "no group", level: "semi-all" };
}
