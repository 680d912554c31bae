import { type Air, actionId, alertId, evidenceId, incidentId, investigationId } from "../engine/air.ts";
import { authorise } from "../engine/authorise.ts";
import type { ButtonMeaning } from "../engine/cards/button-id.ts";
import { mayStillDecide } from "../engine/decide-action.ts";
import type { Person } from "../engine/domain/approval.ts";
import { Refusal } from "../engine/domain/errors.ts";
import { type Id, readId } from "./read-id.ts";

/*
 * Asked before a form is shown: what it lists is for people with a role, and nobody should type a reason in vain. Handing it in asks
 * everything again.
 */

/**
 * A form of air's own: `subject` is what it is about, or nothing.
 *
 * @throws Refusal forbidden | not-found | already-decided
 */
export async function mayOpenForm(air: Air, person: Person, form: string, subject: string): Promise<void> {
  await authorise(air, person, { verb: `form.${form}`, subject: subject.slice(0, 40) || "form" });
  const id = readId(subject);
  if (!id) return;
  if (!(await isThere(air, id))) throw new Refusal("not-found", `There is no ${id.kind} ${nameOf(id)}.`);
  if (form === "remind" && (await air.store.action(id.id))?.state !== "pending")
    throw new Refusal("already-decided", `${nameOf(id)} waits for no decision any more.`);
}

/**
 * A form that stands before a decision.
 *
 * @throws Refusal forbidden | not-found | already-decided | changed | expired
 */
export async function mayOpenDecision(air: Air, person: Person, meaning: ButtonMeaning): Promise<void> {
  if (meaning.kind !== "decide") return authorise(air, person, { verb: "form.decide", subject: "form", need: "viewer" });
  await mayStillDecide(air, person, meaning);
}

const nameOf = ({ kind, id }: Id) =>
  ({ incident: incidentId, investigation: investigationId, action: actionId, alert: alertId, evidence: evidenceId })[kind](id);

async function isThere(air: Air, { kind, id }: Id): Promise<boolean> {
  switch (kind) {
    case "incident":
      return (await air.store.incidentViews([id])).has(id);
    case "investigation":
      return (await air.store.investigation(id)) !== undefined;
    case "action":
      return (await air.store.action(id)) !== undefined;
    case "alert":
      return (await air.store.alert(id)) !== undefined;
    case "evidence":
      return (await air.store.evidence(id)) !== undefined;
    default:
      return kind satisfies never;
  }
}
