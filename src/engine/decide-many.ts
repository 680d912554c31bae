import { type Air, actionId } from "./air.ts";
import { auditRefusal, decideAction, mustBeAllowed } from "./decide-action.ts";
import type { ActionKindName } from "./domain/action.ts";
import type { Person } from "./domain/approval.ts";
import { MOST_AT_ONCE, type Sum, sumOf } from "./domain/bulk.ts";
import { Refusal } from "./domain/errors.ts";
import { mustFit } from "./domain/words.ts";
import { sha256 } from "./sha256.ts";
import type { ActionFilter, ActionRow } from "./store.ts";

/** Which actions: by id, or all that wait and fit. */
export type Which =
  /** `kind`: only those of this kind among them. */
  { ids: readonly number[]; kind?: ActionKindName } | Pick<ActionFilter, "kinds" | "families" | "incidentId" | "target" | "since">;
export type ManyRequest = { decision: "approve" | "reject"; which: Which; reason: string | undefined };
/** What a person decides on at once: shown first, and bound to the button by its digest. */
export type Preview = {
  decision: "approve" | "reject";
  kind: ActionKindName;
  actions: ActionRow[];
  sum: Sum;
  digest: string;
  reason: string;
};
/** What became of each of them; a refusal of one is no refusal of the others. */
export type ManyDecided = { preview: Preview; results: { action: ActionRow; done: boolean; text: string }[] };

/** Of the door's connections a bulk decision takes only some: others decide meanwhile. */
const AT_ONCE = 4;

/**
 * Several actions of one kind, as they would be decided together. Nothing is decided here.
 *
 * @throws Refusal not-found | forbidden | invalid
 */
export async function previewMany(air: Air, person: Person, request: ManyRequest): Promise<Preview> {
  return audited(air, person, request.decision, (about) => preview(air, person, request, about));
}

async function preview(air: Air, person: Person, { decision, which, reason }: ManyRequest, about: About): Promise<Preview> {
  if (person.machine) throw new Refusal("forbidden", "A token decides one action at a time.", { details: { missing: "person" } });
  mustFit(reason, "reason");
  const actions = "ids" in which ? await byIds(air, which.ids, which.kind) : await byFilter(air, which);
  const [first, ...others] = actions;
  if (!first) throw new Refusal("invalid", "Nothing that matches waits for a decision. To see what waits: actions pending");
  if (actions.length > MOST_AT_ONCE)
    throw new Refusal("invalid", `At most ${MOST_AT_ONCE} actions are decided at once. Narrow it with incident= or target=.`);
  const other = others.find((action) => action.kind !== first.kind);
  if (other)
    throw new Refusal(
      "invalid",
      `Only one kind is decided at once: ${actionId(first.id)} is ${first.kind}, ${actionId(other.id)} is ${other.kind}. Add kind=${first.kind}.`,
    );
  const closed = actions.find((action) => action.state !== "pending" || action.byHand !== null);
  if (closed)
    throw new Refusal(
      "invalid",
      closed.byHand === null
        ? `${actionId(closed.id)} waits for no decision any more${closed.decision ? `: decided by ${closed.decision.by}` : ""}. Leave it out.`
        : `${actionId(closed.id)} is done by hand, each by itself. Leave it out.`,
    );
  // Each is asked for: its family, its device's group and its incident may be another's.
  for (const action of actions) {
    about.action = action;
    try {
      await mustBeAllowed(air, person, action);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      // Of several, one has to know which it was.
      throw new Refusal(error.code, `${actionId(action.id)}: ${error.message}`, { details: error.details });
    }
  }
  const digest = digestOf(decision, actions);
  return { decision, kind: first.kind, actions, sum: sumOf(actions, air.policy()), digest, reason: reason ?? "" };
}

/**
 * Decides what the preview showed, one by one through the one door, each with the version that was shown.
 *
 * @throws Refusal not-found | forbidden | invalid | changed: then none of them was decided
 */
export async function decideMany(
  air: Air,
  person: Person,
  request: { decision: "approve" | "reject"; actions: readonly number[]; digest: string; reason: string; typed: string | undefined },
): Promise<ManyDecided> {
  const { decision, reason } = request;
  const shown = await audited(air, person, decision, async (about) => {
    const now = await preview(air, person, { decision, which: { ids: request.actions }, reason }, about);
    if (now.digest !== request.digest)
      throw new Refusal(
        "changed",
        "Nothing was decided: some of them changed since they were shown. Say it again and look at them once more.",
      );
    const { type } = now.sum;
    if (decision === "approve" && type !== undefined && !sameWords(request.typed, type))
      throw new Refusal("invalid", `Nothing was decided. Together they reach ${type}: press again and type ${type}`, {
        field: "confirm",
        details: { type },
      });
    return now;
  });
  const results: ManyDecided["results"] = [];
  const waiting = [...shown.actions];
  const work = async () => {
    for (let action = waiting.shift(); action; action = waiting.shift()) results.push(await decideOne(air, person, shown, action));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return { preview: shown, results: results.sort((a, b) => a.action.id - b.action.id) };
}

async function decideOne(air: Air, person: Person, shown: Preview, action: ActionRow): Promise<ManyDecided["results"][number]> {
  const { decision, reason } = shown;
  try {
    const decided = await decideAction(air, person, {
      action: action.id,
      decision,
      version: action.version,
      reason: reason || undefined,
      // The sum was typed, which is more than the name of one.
      confirmed: true,
      approvals: shown.sum.approvals,
    });
    const text = decided.waitsForSecond
      ? `1 of ${decided.action.approvalsNeeded}: a second person has to`
      : decision === "approve"
        ? "approved"
        : "rejected";
    return { action: decided.action, done: true, text };
  } catch (error) {
    if (error instanceof Refusal) return { action, done: false, text: error.message };
    throw error;
  }
}

async function byIds(air: Air, ids: readonly number[], kind: ActionKindName | undefined): Promise<ActionRow[]> {
  const unique = [...new Set(ids)].sort((a, b) => a - b);
  if (unique.length > MOST_AT_ONCE) throw new Refusal("invalid", `At most ${MOST_AT_ONCE} actions are decided at once.`);
  const rows = await Promise.all(unique.map(async (id) => ({ id, row: await air.store.action(id) })));
  const actions = rows.map(({ id, row }) => {
    if (!row) throw new Refusal("not-found", `There is no action ${actionId(id)}.`);
    return row;
  });
  return kind === undefined ? actions : actions.filter((action) => action.kind === kind);
}

/** What is done by hand is decided by whoever did it, each by itself. */
async function byFilter(air: Air, which: Exclude<Which, { ids: readonly number[] }>): Promise<ActionRow[]> {
  const { items } = await air.store.listActions({ ...which, states: ["pending"], limit: 200 });
  return items.filter((action) => action.byHand === null).sort((a, b) => a.id - b.id);
}

/** What was shown of each: the same set in the same versions. */
const digestOf = (decision: string, actions: readonly ActionRow[]) =>
  sha256(`${decision} ${actions.map((action) => `${action.id}:${action.version}`).join(" ")}`).slice(0, 16);

const sameWords = (typed: string | undefined, wanted: string) =>
  (typed ?? "").trim().replace(/\s+/g, " ").toLowerCase() === wanted.toLowerCase();

/** The action a refusal is about, as far as it has one. */
type About = { action: Pick<ActionRow, "id" | "incidentId"> };

async function audited<T>(air: Air, person: Person, decision: string, work: (about: About) => Promise<T>): Promise<T> {
  const about: About = { action: { id: 0, incidentId: 0 } };
  try {
    return await work(about);
  } catch (error) {
    if (error instanceof Refusal) await auditRefusal(air, person, about.action, `${decision} many`, error);
    throw error;
  }
}
