import canonicalize from "canonicalize";
import type { ActionKind } from "./actions/action-kind.ts";
import { actionKinds } from "./actions/all.ts";
import type { Air } from "./air.ts";
import type { ActionKindName, BlastRadius } from "./domain/action.ts";
import type { Severity, Verdict } from "./domain/alert.ts";
import { approvalsNeeded, protectedHits, versionOf } from "./domain/approval.ts";
import { type Answer, automationFor, groupOf } from "./domain/automation.ts";
import { type Entity, entityKey, entityKeys } from "./domain/entity.ts";
import { expiresAfter, type Policy, responseDeadline } from "./domain/policy.ts";
import type { Judgement } from "./domain/verdict.ts";
import type { DeviceFacts, UserFacts } from "./ports.ts";
import { sha256 } from "./sha256.ts";
import type { ActionRow, New } from "./store.ts";

/** What a playbook wants done, before policy has spoken. */
export type Wish = {
  kind: ActionKindName;
  target: Entity;
  evidenceId: number | null;
  note: string;
  params?: Record<string, unknown>;
  /** What somebody said asks, whatever the level: it never causes an execution by itself (product contract 3.6). */
  asks?: string;
};

export type Proposed = { row: New<ActionRow>; answer: (spent: { kindLastHour: number; lastDay: number }) => Answer };

const REACH_TIMEOUT_MS = 10_000;

/**
 * Turns a wish into a proposal with everything a person needs before deciding: who could do it, what it would reach, what is
 * protected, how many must agree. Reads the world, writes nothing; `answer` is asked inside the transaction, where the ceilings are read.
 */
export async function propose(
  air: Pick<Air, "capabilities" | "clock" | "policy">,
  wish: Wish,
  about: { investigation: number; incident: number; severity: Severity; lab: boolean; verdict: Verdict; judgement: Judgement | undefined },
): Promise<Proposed> {
  const policy = air.policy();
  const kind = actionKinds[wish.kind];
  const now = air.clock.now();
  const signal = AbortSignal.timeout(REACH_TIMEOUT_MS);
  const facts = await readFacts(air, kind, wish.target, signal);
  const connector = kind.connector(wish.target, air.capabilities);
  const blastRadius = await reach(air, kind, wish.target, facts, policy, now, signal);
  const undoable = canUndo(air, kind, wish.target);
  const version = digestVersion(wish.kind, wish.target, wish.params ?? {}, blastRadius, undoable);
  const group = groupOf({ name: facts.device?.name ?? "", ...(facts.device?.group ? { group: facts.device.group } : {}) }, policy);
  const row: New<ActionRow> = {
    kind: wish.kind,
    family: kind.family,
    target: wish.target,
    targetDigest: targetDigest(wish.kind, wish.target),
    params: wish.params ?? {},
    investigationId: about.investigation,
    incidentId: about.incident,
    evidenceId: wish.evidenceId,
    undoes: null,
    state: "pending",
    version,
    note: wish.note,
    rule: "",
    source:
      kind.family === "email"
        ? "Automated email action"
        : kind.family === "device"
          ? "Automated device action"
          : `Automated ${kind.family} action`,
    connector: "name" in connector ? connector.name : null,
    byHand: "byHand" in connector ? connector.byHand : null,
    approvalsNeeded: approvalsNeeded(wish.kind, blastRadius, policy),
    undoable,
    blastRadius,
    decision: null,
    proposedAt: now,
    decidedAt: null,
    deadline: new Date(now.getTime() + responseDeadline(about.severity)),
    expiresAt: new Date(now.getTime() + expiresAfter(wish.kind, policy)),
    executingAt: null,
    endedAt: null,
    ticket: null,
    waitingForDevice: false,
    checkedAt: null,
    outcome: null,
    lab: about.lab,
  };
  const answer: Proposed["answer"] = (spent) => {
    if (row.byHand !== null) return { kind: "ask", rule: "no connected product can carry it out, so a person does" };
    const said = automationFor(
      { kind: wish.kind, target: wish.target, verdict: about.verdict, judgement: about.judgement, level: group.level, group: group.name },
      policy,
      spent,
    );
    if (said.kind === "automatic" && wish.asks) return { kind: "ask", rule: wish.asks };
    // A protected asset is never acted on automatically, whatever level its group has.
    if (said.kind === "automatic" && row.approvalsNeeded > 1) return { kind: "ask", rule: "protected or far-reaching: two people decide" };
    return said;
  };
  return { row, answer };
}

/** Two actions on the same thing never run at once; for a file that is the device it lies on. */
export function targetDigest(kind: ActionKindName, target: Entity): string {
  // A block holds everywhere, so the device it was seen on makes no difference.
  const device = target.kind === "file" && actionKinds[kind].family === "device" ? target.device : undefined;
  const thing = device ? `device ${device.toLowerCase()} ${entityKey(target)}` : entityKey(target);
  return sha256(`${actionKinds[kind].family} ${thing}`);
}

function digestVersion(
  kind: ActionKindName,
  target: Entity,
  params: Record<string, unknown>,
  reach: Pick<BlastRadius, "count" | "protectedHits">,
  undoable: boolean,
): string {
  const targetKeys = [...entityKeys(target), ...(target.kind === "file" && target.device ? [`on ${target.device.toLowerCase()}`] : [])];
  return sha256(canonicalize(versionOf({ kind, targetKeys, params, reach, undoable })) ?? "").slice(0, 16);
}

/** An undo counts only where some connected product can do it on this target. */
function canUndo(air: Pick<Air, "capabilities">, kind: ActionKind, target: Entity): boolean {
  return kind.undo.by !== undefined && "name" in actionKinds[kind.undo.by].connector(target, air.capabilities);
}

type Facts = { device: DeviceFacts | undefined; user: UserFacts | undefined; unread: string | undefined };

async function readFacts(air: Pick<Air, "capabilities">, kind: ActionKind, target: Entity, signal: AbortSignal): Promise<Facts> {
  const { devices, identities } = air.capabilities;
  const device =
    target.kind === "device"
      ? target
      : kind.family === "device" && target.kind === "file" && target.device
        ? ({ kind: "device", name: target.device } as const)
        : undefined;
  try {
    return {
      device: device && devices ? await devices.find(device, signal) : undefined,
      user: target.kind === "user" && identities ? await identities.find(target, signal) : undefined,
      unread: undefined,
    };
  } catch {
    return { device: undefined, user: undefined, unread: "could not check who and what it reaches: the product did not answer" };
  }
}

/**
 * Reach as far as it can be read. What cannot be read is said on the card, and counts as protected: better two people who look
 * twice than one who was not told.
 */
async function reach(
  air: Pick<Air, "capabilities">,
  kind: ActionKind,
  target: Entity,
  facts: Facts,
  policy: Policy,
  now: Date,
  signal: AbortSignal,
): Promise<BlastRadius> {
  const known = {
    ...(facts.device ? { role: facts.device.role } : {}),
    ...(facts.user ? { privileged: facts.user.privileged } : {}),
  };
  const hits = protectedHits(facts.device && target.kind === "device" ? { ...target, os: facts.device.os } : target, known, policy);
  const asDevice =
    target.kind === "file" && facts.device
      ? protectedHits({ kind: "device", name: facts.device.name, os: facts.device.os }, known, policy)
      : [];
  try {
    if (facts.unread) throw new Error(facts.unread);
    return { ...(await kind.reach(target, air.capabilities, now, signal)), protectedHits: [...new Set([...hits, ...asDevice])] };
  } catch {
    const unit =
      kind.family === "identity" ? "user" : kind.family === "email" ? "message" : kind.family === "network" ? "indicator" : "device";
    return {
      count: 1,
      unit,
      facts: ["could not check what it reaches: the product did not answer"],
      protectedHits: [...new Set([...hits, ...asDevice, "reach could not be read"])],
      readAt: now.toISOString(),
    };
  }
}
