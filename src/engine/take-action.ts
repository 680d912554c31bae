import { readParams } from "./actions/action-kind.ts";
import { actionKinds } from "./actions/all.ts";
import { type Air, actionId, numberOf } from "./air.ts";
import { audited, authorise, mustBePermitted } from "./authorise.ts";
import { decideAction, redraw } from "./decide-action.ts";
import { type ActionKindName, type Family, LONGEST_MS } from "./domain/action.ts";
import { actorOf, mayApprove, type Person, remembered, suspectOf } from "./domain/approval.ts";
import { isBlank } from "./domain/blank.ts";
import { type Entity, entityKey, entityKeys } from "./domain/entity.ts";
import { Refusal } from "./domain/errors.ts";
import { neverAct } from "./domain/never-act.ts";
import { stepUpOf } from "./domain/step-up.ts";
import { mustFit } from "./domain/words.ts";
import { sameWish } from "./holding.ts";
import { mustBeKnown } from "./must-be-known.ts";
import { noEndText } from "./no-end.ts";
import { pausedBy, pauseOf } from "./pause.ts";
import { canUndo, propose, targetDigest } from "./propose-actions.ts";
import { modeNow } from "./set-mode.ts";
import { endSnoozes } from "./snoozed.ts";
import { startInvestigation } from "./start-investigation.ts";
import type { ActionRow, Tx } from "./store.ts";
import { timelineLine } from "./timeline-line.ts";

export type TakeRequest = {
  kind: ActionKindName;
  target: Entity;
  params?: Record<string, unknown> | undefined;
  reason: string;
  /** It ends by itself after this many milliseconds. */
  forMs?: number | undefined;
};

/** Where the Action center says it comes from (domain facts 4.3). */
const sourceOf = (person: Person, family: Family): string =>
  person.via === "slack" || person.via === "teams" || person.via === "console"
    ? "Chat action"
    : family === "email"
      ? "Manual email action"
      : family === "device"
        ? "Manual device action"
        : "Manual action";

/**
 * One action by hand (product contract 3.6): a responder asks, an approver decides. It raises a manual alert, so that its story, its
 * investigation and its record are those of any other action. Whoever may approve it alone has decided it by asking; where two are
 * needed, whoever asked is not one of them.
 *
 * @throws Refusal forbidden | invalid | already-decided | unavailable
 */
export async function takeAction(air: Air, person: Person, request: TakeRequest, id: string): Promise<ActionRow> {
  const kind = actionKinds[request.kind];
  const asked = { verb: `action.${request.kind}`, subject: request.target.kind };
  await authorise(air, person, asked);
  const { started, row } = await audited(air, person, asked, async () => {
    const params = readParams(kind, request.params ?? {});
    refuseImpossible(air, request);
    await refuseStopped(air, person, kind.family);
    await mustBeKnown(air, request.kind, request.target);
    // Who else is named shows only in the incident it joins; that they aim at themselves shows now.
    if (suspectOf(person, [request.target]))
      throw new Refusal("forbidden", "Nothing was done. It is aimed at you, so somebody else has to ask for it.", {
        details: { missing: "not-a-suspect" },
      });
    // Looked at before anything is stored; the look that counts is the one in the transaction.
    await air.store.transaction((tx) => refuseTwin(tx, air, request));
    const begun = await startInvestigation(air, person, { entity: request.target }, id);
    const incident = numberOf(begun.incident);
    await mustBePermitted(air, person, { ...asked, incidents: [incident] });
    const investigation = numberOf(begun.investigation ?? "INV-0");
    const evidence = (await air.store.evidenceOf(investigation)).find((item) =>
      entityKeys(item.entity).some((key) => entityKeys(request.target).includes(key)),
    );
    const proposal = await propose(
      air,
      {
        kind: request.kind,
        target: request.target,
        params,
        evidenceId: evidence?.id ?? null,
        note: `${person.name}: ${request.reason}`,
      },
      { investigation, incident, severity: "high", lab: air.capabilities.lab, verdict: "unknown", judgement: undefined },
    );
    return { started: { incident, investigation }, row: { ...proposal.row, undoAfterMs: request.forMs ?? null } };
  });
  const action = await audited(air, person, { ...asked, incidents: [started.incident] }, () =>
    air.store.transaction(async (tx) => {
      const now = air.clock.now();
      const investigation = await tx.lockInvestigation(started.investigation);
      const incidentId = investigation?.incidentId ?? started.incident;
      await refuseTwin(tx, air, request);
      const [made = 0] = await tx.insertActions([
        {
          ...row,
          incidentId,
          state: "pending",
          rule: `asked for by ${person.name}`,
          source: sourceOf(person, row.family),
          requestedBy: { ...remembered(person), name: person.name },
        },
      ]);
      await tx.addTimeline([
        timelineLine(
          { incidentId, investigationId: started.investigation, actionId: made },
          now,
          actorOf(person),
          "action-asked",
          `${person.name} asks: ${kind.title(request.target, row.params)}. ${request.reason}`,
        ),
      ]);
      await tx.writeAudit([
        {
          at: now,
          actor: actorOf(person),
          event: "action.asked",
          subject: actionId(made),
          incidentId,
          data: { kind: request.kind, target: entityKey(request.target), reason: request.reason },
        },
      ]);
      const stored = (await tx.action(made)) as ActionRow;
      await endSnoozes(tx, air, [stored.incidentId], now);
      await redraw(tx, air, stored, now);
      return stored;
    }),
  );
  if (!mayApprove(person.roles, action) || action.approvalsNeeded > 1 || action.byHand !== null || person.machine) return action;
  // A name in a sentence about many things is no confirmation where a slip costs most; a program mistypes nothing.
  if (mustTypeName(person, action)) return action;
  try {
    return (await decideAction(air, person, { action: action.id, decision: "approve", reason: request.reason, confirmed: true })).action;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const why = `${actionId(action.id)} waits for a decision; nothing was done now. ${error.message}`;
    throw new Refusal(error.code, why, { ...(error.field === undefined ? {} : { field: error.field }), details: error.details });
  }
}

/** Whoever asked may decide it alone, once they typed the target's name. */
export const mustTypeName = (person: Person, action: ActionRow): boolean =>
  action.state === "pending" &&
  action.approvalsNeeded === 1 &&
  action.byHand === null &&
  !person.machine &&
  person.via !== "http" &&
  person.via !== "cli" &&
  mayApprove(person.roles, action) &&
  stepUpOf(action).needed;

/** "Not done" must be true tomorrow too: what would be decided by asking is not kept while nothing may be carried out. */
async function refuseStopped(air: Air, person: Person, family: Family): Promise<void> {
  if ((await modeNow(air.store, air)) === "observe")
    throw new Refusal("invalid", "The mode is observe: nothing is carried out. An admin sets another: mode ask, or mode act.");
  const pause = person.roles.approves.includes(family) ? await pauseOf(air.store, family) : undefined;
  if (pause) throw new Refusal("paused", `Nothing was asked for or done. ${pausedBy(pause)} An admin can resume; then say it again.`);
}

/** One at a time for one wish, in whatever incident. */
async function refuseTwin(tx: Tx, air: Air, request: TakeRequest): Promise<void> {
  const where = { targetDigest: targetDigest(request.kind, request.target), lab: air.capabilities.lab };
  const params = readParams(actionKinds[request.kind], request.params ?? {});
  const twin = (await tx.onTarget(where)).find((row) => OPEN.has(row.state) && sameWish(row, { ...where, kind: request.kind, params }));
  if (!twin) return;
  const name = actionId(twin.id);
  const what = twin.state === "pending" ? "already waits for a decision for that" : "is already being carried out for that";
  throw new Refusal("already-decided", `${name} ${what}.`);
}

const OPEN: ReadonlySet<string> = new Set(["pending", "approved", "executing"]);

/** What cannot be meant is refused before anything is started. */
function refuseImpossible(air: Air, { kind: name, target, reason, forMs }: TakeRequest): void {
  const kind = actionKinds[name];
  const policy = air.policy();
  if (isBlank(reason)) throw new Refusal("invalid", "Say why: the reason is kept with the action.", { field: "reason" });
  mustFit(reason, "reason");
  if (name === "expand-investigation")
    throw new Refusal("invalid", "air proposes this by itself. To look at a device: investigate <device>.", { field: "kind" });
  if (kind.onlyUndoes)
    throw new Refusal("invalid", `${name} gives back what an action took and kept, and nothing else: undo that action (undo ACT-7).`, {
      field: "kind",
    });
  if (forMs !== undefined && (forMs <= 0 || forMs > LONGEST_MS))
    throw new Refusal("invalid", "Nothing was done. It lasts at most 7 days.", { field: "for" });
  if (!kind.targets.includes(target.kind))
    throw new Refusal("invalid", `${name} is aimed at ${kind.targets.join(" or ")}, not at ${target.kind}`, { field: "target" });
  const never = neverAct(target, {
    organizationDomains: policy.organization.domains,
    internalRanges: policy.organization.internalRanges,
    ...(target.kind === "file" ? { namedEntity: { signer: target.signer } } : {}),
  });
  if (forMs !== undefined && !canUndo(air, kind, target))
    throw new Refusal("invalid", noEndText("Nothing was done", name, forMs), { field: "for" });
  if (never && name.startsWith("block")) throw new Refusal("invalid", `air never acts on it. ${never}`, { field: "target" });
  if (never && (target.kind === "file" || target.kind === "user"))
    throw new Refusal("invalid", `air never acts on it. ${never}`, { field: "target" });
}
