import canonicalize from "canonicalize";
import { type ActionKind, readParams } from "./actions/action-kind.ts";
import { actionKinds } from "./actions/all.ts";
import type { Air } from "./air.ts";
import type { Already } from "./already-so.ts";
import { type ActionKindName, type BlastRadius, type Params, REACH_UNREAD, readStored } from "./domain/action.ts";
import type { Severity, Verdict } from "./domain/alert.ts";
import { approvalsNeeded, protectedHits, reachBand, versionOf } from "./domain/approval.ts";
import { type Answer, automationFor, type ClusterBy, groupOf, type Standing } from "./domain/automation.ts";
import { type Entity, type EntityOf, entityKey, entityKeys } from "./domain/entity.ts";
import type { Growth } from "./domain/learn.ts";
import { approvalsOfKind, expiresAfter, type Policy, responseDeadline } from "./domain/policy.ts";
import type { Judgement } from "./domain/verdict.ts";
import { type AppFacts, ConnectorError, type DeviceFacts, type UserFacts } from "./ports.ts";
import { sha256 } from "./sha256.ts";
import type { ActionRow, New } from "./store.ts";

/** What a playbook wants done, before policy has spoken. */
export type Wish = {
  kind: ActionKindName;
  target: Entity;
  evidenceId: number | null;
  note: string;
  params?: Params;
  /** What somebody said asks, whatever the level: it never causes an execution by itself (product contract 3.6). */
  asks?: string;
  /** For a mail cluster: what holds it together, and how many messages the mail product counted. */
  cluster?: { by: ClusterBy; messages: number };
  /** The playbook it comes from. */
  playbook?: string;
  /** Source families that speak against the target. */
  families?: readonly string[];
  /** The rejected action this one comes back to. */
  rejectedBefore?: number;
  /** What was asked about the same thing before, and the thing has grown since; `whole`: all of it, where the target is a part. */
  growth?: Growth;
  whole?: Entity;
};

/** `already`: nothing is left to decide, in the product's words. */
export type Proposed = { row: New<ActionRow>; answer: (spent: Standing) => Answer; already?: Already | undefined } & Pick<
  Wish,
  "growth" | "whole"
>;

const REACH_TIMEOUT_MS = 10_000;

/** The wish that takes an action back, told what the action was told and what it kept; undefined: nothing takes it back. */
export function undoWish(original: Pick<ActionRow, "kind" | "target" | "params">): Pick<Wish, "kind" | "target" | "params"> | undefined {
  const { undo } = actionKinds[original.kind];
  if (!undo.by) return undefined;
  const { params, saved } = readStored(original.params);
  return { kind: undo.by, target: original.target, params: undo.params?.(params, saved) ?? {} };
}

/**
 * Turns a wish into a proposal with everything a person needs before deciding: who could do it, what it would reach, what is
 * protected, how many must agree. Reads the world, writes nothing; `answer` is asked inside the transaction, where the ceilings are read.
 *
 * @throws Refusal invalid, with the field, for parameters the kind does not take
 */
export async function propose(
  air: Pick<Air, "capabilities" | "clock" | "policy">,
  wish: Wish,
  about: { investigation: number; incident: number; severity: Severity; lab: boolean; verdict: Verdict; judgement: Judgement | undefined },
): Promise<Proposed> {
  const policy = air.policy();
  const kind = actionKinds[wish.kind];
  const params = readParams(kind, wish.params ?? {});
  const now = air.clock.now();
  const signal = AbortSignal.timeout(REACH_TIMEOUT_MS);
  const facts = await readFacts(air, kind, wish.target, signal);
  const connector = kind.connector(wish.target, air.capabilities, params);
  const blastRadius = await reach(air, kind, { target: wish.target, params }, facts, policy, now, signal);
  const undoable = canUndo(air, kind, wish.target);
  const version = digestVersion(wish.kind, wish.target, params, blastRadius, undoable);
  const named = deviceOf(kind, wish.target);
  const group = groupOf(
    { name: facts.device?.name ?? named?.name ?? "", ...(facts.device?.group ? { group: facts.device.group } : {}) },
    policy,
  );
  const row: New<ActionRow> = {
    kind: wish.kind,
    family: kind.family,
    target: wish.target,
    targetDigest: targetDigest(wish.kind, wish.target),
    params,
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
    boundTo: bindingOf(air, connector),
    byHand: "byHand" in connector ? connector.byHand : null,
    approvalsNeeded: approvalsNeeded(wish.kind, blastRadius, policy),
    undoable,
    blastRadius,
    decision: null,
    proposedAt: now,
    decidedAt: null,
    // What lapses before is answered before.
    deadline: new Date(now.getTime() + Math.min(responseDeadline(about.severity, policy), expiresAfter(wish.kind, policy))),
    expiresAt: new Date(now.getTime() + expiresAfter(wish.kind, policy)),
    executingAt: null,
    endedAt: null,
    ticket: null,
    waitingForDevice: false,
    undoAfterMs: null,
    undoWarnedAt: null,
    requestedBy: null,
    checkedAt: null,
    outcome: null,
    lab: about.lab,
    deviceGroup: facts.device ? group.name : null,
    playbook: wish.playbook ?? null,
    families: [...(wish.families ?? [])],
    rejectedBefore: wish.rejectedBefore ?? null,
    breakGlass: null,
    notBefore: null,
    attempts: 0,
    cancel: null,
    redrawAt: null,
    lookedAt: null,
  };
  const answer: Proposed["answer"] = (spent) => {
    // A group says what happens on its devices; what happens on none is not its matter.
    const level = group.level === "none" && kind.family !== "device" ? "semi-all" : group.level;
    if (level === "none") return { kind: "none", rule: `group ${group.name} allows no automated response` };
    if (row.byHand !== null) return { kind: "ask", rule: "no connected product can carry it out, so a person does" };
    // A person said no to this before: a person is asked again, whatever the level.
    if (wish.rejectedBefore !== undefined && (spent.mode ?? policy.mode) !== "observe")
      return { kind: "ask", rule: "rejected before: it asks again" };
    const said = automationFor(
      {
        kind: wish.kind,
        target: wish.target,
        verdict: about.verdict,
        judgement: about.judgement,
        level,
        group: group.name,
        ...(wish.cluster ? { cluster: { ...wish.cluster, messages: Math.max(wish.cluster.messages, blastRadius.count) } } : {}),
      },
      policy,
      spent,
    );
    if (said.kind === "automatic" && wish.asks) return { kind: "ask", rule: wish.asks };
    // How many messages the opt-in for mail removes by itself has a limit of its own (domain facts 2.7).
    const onlyMany = wish.cluster !== undefined && blastRadius.protectedHits.length === 0 && approvalsOfKind(wish.kind, policy) === 1;
    // A protected asset is never acted on automatically, whatever level its group has.
    if (said.kind === "automatic" && row.approvalsNeeded > 1 && !onlyMany)
      return { kind: "ask", rule: "protected or far-reaching: two people decide" };
    return said;
  };
  return { row, answer, ...(wish.growth ? { growth: wish.growth } : {}), ...(wish.whole ? { whole: wish.whole } : {}) };
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
  params: Params,
  reach: Pick<BlastRadius, "count" | "protectedHits">,
  undoable: boolean,
): string {
  const targetKeys = [
    ...entityKeys(target),
    ...(target.kind === "file" && target.device ? [`on ${target.device.toLowerCase()}`] : []),
    // Which mails, not only which cluster: one more is something else to decide.
    ...(target.kind === "mail-cluster" && target.messageIds ? [`messages ${sha256([...target.messageIds].sort().join("\n"))}`] : []),
  ];
  return sha256(canonicalize(versionOf({ kind, targetKeys, params, reach, undoable })) ?? "").slice(0, 16);
}

/** An undo counts only where some connected product can do it on this target. */
export function canUndo(air: Pick<Air, "capabilities">, kind: ActionKind, target: Entity): boolean {
  return kind.undo.by !== undefined && "name" in actionKinds[kind.undo.by].connector(target, air.capabilities);
}

/** Which product of which tenant would carry it out; null: a person does. */
function bindingOf(air: Pick<Air, "capabilities">, connector: { name: string } | { byHand: string }): string | null {
  if (!("name" in connector)) return null;
  const tenant = air.capabilities.tenantOf?.(connector.name);
  return tenant ? `${connector.name} of ${tenant}` : connector.name;
}

/** Is what the action was proposed for still what would carry it out? One of before this was kept is bound to nothing. */
export const stillBound = (air: Pick<Air, "capabilities">, action: Pick<ActionRow, "kind" | "target" | "params" | "boundTo">): boolean =>
  action.boundTo === null ||
  action.boundTo === bindingOf(air, actionKinds[action.kind].connector(action.target, air.capabilities, readStored(action.params).params));

/** All look-ups of one decision together: the person waits for the answer. */
const DECISION_BUDGET_MS = 1_500;

/**
 * What an action would reach now, compared with what was shown (product contract 6). Only growth counts: a larger band, a protected
 * asset that was not one, or an undo that is gone. `grew` says it in words; empty: what was shown still holds.
 *
 * @throws ConnectorError unavailable, where it cannot be read in time
 */
export async function reachAgain(
  air: Pick<Air, "capabilities" | "clock" | "policy">,
  action: ActionRow,
): Promise<{
  grew: string[];
  change: Pick<ActionRow, "blastRadius" | "version" | "undoable" | "approvalsNeeded" | "boundTo" | "connector" | "byHand">;
}> {
  const kind = actionKinds[action.kind];
  const { params } = readStored(action.params);
  const signal = AbortSignal.timeout(DECISION_BUDGET_MS);
  const facts = await readFacts(air, kind, action.target, signal);
  const now = await reach(air, kind, { target: action.target, params }, facts, air.policy(), air.clock.now(), signal);
  const shown = action.blastRadius;
  if (now.protectedHits.includes(REACH_UNREAD) && !shown.protectedHits.includes(REACH_UNREAD))
    throw new ConnectorError("unavailable", "what it reaches could not be checked now: the product did not answer");
  const undoable = canUndo(air, kind, action.target);
  const connector = kind.connector(action.target, air.capabilities, params);
  const boundTo = bindingOf(air, connector);
  const grew = [
    ...(reachBand(now.count) > reachBand(shown.count) ? [`it now reaches ${now.count} instead of ${shown.count}`] : []),
    ...now.protectedHits.filter((hit) => !shown.protectedHits.includes(hit)).map((hit) => `now protected: ${hit}`),
    ...(action.undoable && !undoable ? ["it can no longer be undone"] : []),
    ...(action.boundTo === null || boundTo === action.boundTo
      ? []
      : [`another product or tenant would now carry it out: ${boundTo ?? "none is connected"}`]),
  ];
  return {
    grew,
    change: {
      blastRadius: grew.length > 0 ? { ...now, changed: grew } : now,
      version: digestVersion(action.kind, action.target, params, now, undoable),
      undoable,
      boundTo,
      connector: "name" in connector ? connector.name : null,
      byHand: "byHand" in connector ? connector.byHand : null,
      // Raised by a bulk decision or by what it reached before, it stays raised.
      approvalsNeeded: Math.max(action.approvalsNeeded, approvalsNeeded(action.kind, now, air.policy())),
    },
  };
}

const isServer = (device: DeviceFacts | undefined): boolean =>
  device !== undefined && (device.role === "server" || device.role === "domain-controller" || /server/i.test(device.os));

type Facts = { device: DeviceFacts | undefined; user: UserFacts | undefined; app: AppFacts | undefined; unread: string | undefined };

/** The device it happens on: the target itself, or the one a file, process, service ... lies on. */
function deviceOf(kind: ActionKind, target: Entity): EntityOf<"device"> | undefined {
  if (target.kind === "device") return target;
  return kind.family === "device" && "device" in target && target.device ? { kind: "device", name: target.device } : undefined;
}

async function readFacts(air: Pick<Air, "capabilities">, kind: ActionKind, target: Entity, signal: AbortSignal): Promise<Facts> {
  const { devices, identities, apps } = air.capabilities;
  const device = deviceOf(kind, target);
  try {
    return {
      device: device && devices ? await devices.find(device, signal) : undefined,
      // A mailbox stands for the account that owns it.
      user:
        (target.kind === "user" || (target.kind === "mailbox" && kind.family === "identity")) && identities
          ? await identities.find(target, signal)
          : undefined,
      app: target.kind === "oauth-app" && apps ? await apps.find(target, signal) : undefined,
      unread: undefined,
    };
  } catch {
    return {
      device: undefined,
      user: undefined,
      app: undefined,
      unread: "could not check who and what it reaches: the product did not answer",
    };
  }
}

/**
 * Reach as far as it can be read. What cannot be read is said on the card, and counts as protected: better two people who look
 * twice than one who was not told.
 */
async function reach(
  air: Pick<Air, "capabilities">,
  kind: ActionKind,
  { target, params }: { target: Entity; params: Params },
  facts: Facts,
  policy: Policy,
  now: Date,
  signal: AbortSignal,
): Promise<BlastRadius> {
  const known = {
    ...(facts.device ? { role: facts.device.role } : {}),
    ...(facts.user ? { privileged: facts.user.privileged, unread: facts.user.unread?.roles } : {}),
    // A program that may write is as protected as a person with a role (product contract 6: service principals with write grants).
    ...(facts.app
      ? {
          privileged: [
            ...new Set([...facts.app.grants.filter(({ writes }) => writes).map(({ name }) => name), ...(kind.hands?.(params) ?? [])]),
          ],
          unread: facts.app.unread,
        }
      : {}),
  };
  const hits = protectedHits(facts.device && target.kind === "device" ? { ...target, os: facts.device.os } : target, known, policy);
  const asDevice =
    target.kind !== "device" && facts.device
      ? protectedHits({ kind: "device", name: facts.device.name, os: facts.device.os }, known, policy)
      : [];
  const marks = {
    ...(isServer(facts.device) ? { server: true } : {}),
    ...(known.privileged?.length ? { privileged: known.privileged.slice(0, 5) } : {}),
    ...(facts.device?.besideUs?.length && air.capabilities.devices
      ? { besideUs: { product: air.capabilities.devices.connector, hands: facts.device.besideUs } }
      : {}),
  };
  try {
    if (facts.unread) throw new Error(facts.unread);
    const read = await kind.reach(target, air.capabilities, now, signal, params);
    return { ...read, ...marks, protectedHits: [...new Set([...hits, ...asDevice])] };
  } catch {
    const unit = ({ identity: "user", email: "message", network: "indicator", device: "device", app: "app" } as const)[kind.family];
    return {
      count: 1,
      unit,
      facts: ["could not check what it reaches: the product did not answer"],
      ...marks,
      protectedHits: [...new Set([...hits, ...asDevice, REACH_UNREAD])],
      readAt: now.toISOString(),
    };
  }
}
