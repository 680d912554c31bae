import type { z } from "zod";
import { type BlastRadius, KeptConsents, type Params, RestoreConsentParams, type Saved } from "../domain/action.ts";
import type { Entity } from "../domain/entity.ts";
import { entityName } from "../domain/entity.ts";
import type { AppCapability, AppConsent, AppFacts, Capabilities, Ticket } from "../ports.ts";
import { ConnectorError } from "../ports.ts";
import type { ActionKind, DesiredState } from "./action-kind.ts";
import { paramsOf } from "./action-kind.ts";
import { appReach, findApp } from "./on-app.ts";

/* What taking an app's consents away and giving them back have in common. A product has a call for one consent; here they become one action. */

/** A consent as it is kept with the action. */
type Kept = z.infer<typeof KeptConsents>["consents"][number];

/** So many calls go out side by side. */
const AT_ONCE = 5;
/** More do not fit into the time one attempt has. */
const MOST = 100;

type ConsentCapability = AppCapability & Required<Pick<AppCapability, "consents" | "removeConsent" | "restoreConsent">>;
/** Has the product the calls? */
export const mayConsent = (apps: AppCapability | undefined): apps is ConsentCapability =>
  apps?.consents !== undefined && apps.removeConsent !== undefined && apps.restoreConsent !== undefined;

function needConsents(apps: AppCapability | undefined): ConsentCapability {
  if (mayConsent(apps)) return apps;
  throw new ConnectorError("refused", `${apps?.connector ?? "No directory"} has no call for the consents of an app; nothing was done.`);
}

/** What an earlier look kept; nothing, where nothing of it can be read. */
export const keptIn = (saved: Saved | undefined): Kept[] => KeptConsents.safeParse(saved).data?.consents ?? [];

/** The app with its consents; undefined: the directory knows no such app. */
export async function consentsOf(
  target: Entity,
  capabilities: Capabilities,
  signal: AbortSignal,
): Promise<{ app: AppFacts; consents: AppConsent[] } | undefined> {
  const apps = needConsents(capabilities.apps);
  const app = await findApp(target, capabilities, signal);
  return app && { app, consents: await apps.consents(app.id, signal) };
}

export const unknownApp = (target: Entity): DesiredState => ({
  kind: "missing",
  text: `The directory does not know the app ${entityName(target)}.`,
});

/** Every reason once. */
export const why = (staying: readonly AppConsent[]): string => [...new Set(staying.map(({ stays }) => stays ?? ""))].join("; ");

/** Names of what can change or send something, as themselves. */
export const writesOf = (consents: readonly Pick<Kept, "grants">[]): string[] => names(consents, true);
const names = (consents: readonly Pick<Kept, "grants">[], writes: boolean): string[] => [
  ...new Set(consents.flatMap(({ grants }) => grants.filter((grant) => grant.writes === writes).map(({ name }) => name))),
];

/** Is this consent there and allows at least as much? */
export const holds = (consents: readonly AppConsent[], { key, grants }: Pick<Kept, "key" | "grants">): boolean =>
  consents.some((one) => one.key === key && grants.every(({ name }) => one.grants.some((grant) => grant.name === name)));

type Work = { apps: AppCapability; app: AppFacts; kept: readonly Kept[] | undefined; comment: string; key: string };

/** Removes what was kept, and only that: what somebody allowed since then would be lost for good. */
export async function removeAll({ apps: product, app, kept, comment, key }: Work, signal: AbortSignal): Promise<Ticket> {
  const apps = needConsents(product);
  const there = await apps.consents(app.id, signal);
  const wanted = there.filter((one) => one.stays === undefined && (kept === undefined || kept.some((each) => each.key === one.key)));
  const [staying] = there;
  if (wanted.length === 0 && staying?.stays !== undefined)
    throw new ConnectorError("refused", `${app.name} has nothing that air can remove: ${why(there)}. Nothing was done.`);
  return each(wanted, "removed", key, (one) => apps.removeConsent(app.id, one.saved, comment, key, signal));
}

export async function restoreAll({ apps: product, app, kept = [], comment, key }: Work, signal: AbortSignal): Promise<Ticket> {
  const apps = needConsents(product);
  const there = await apps.consents(app.id, signal);
  const wanted = kept.filter((one) => !holds(there, one));
  return each(wanted, "given back", key, (one) => apps.restoreConsent(app.id, one.saved, comment, key, signal));
}

/**
 * One call for each, and one answer for all: the latest to end, or why not all of them could be done. Whatever happens half-way can be begun
 * again from what is still there.
 */
async function each<T>(items: readonly T[], done: string, key: string, call: (item: T) => Promise<Ticket>): Promise<Ticket> {
  if (items.length > MOST)
    throw new ConnectorError(
      "refused",
      `It has ${items.length} consents, and air takes on at most ${MOST} in one action. Disable the app, which stops it for everybody, and do this with a script. Nothing was done.`,
    );
  const tickets: Ticket[] = [];
  for (let at = 0; at < items.length; at += AT_ONCE) {
    const answers = await Promise.allSettled(items.slice(at, at + AT_ONCE).map(call));
    tickets.push(...answers.flatMap((answer) => (answer.status === "fulfilled" ? [answer.value] : [])));
    const errors = answers.flatMap((answer) => (answer.status === "rejected" ? [answer.reason as unknown] : []));
    const of = (kind: ConnectorError["kind"]) => errors.find((error) => error instanceof ConnectorError && error.kind === kind);
    const strange = errors.find((error) => !(error instanceof ConnectorError));
    const open = strange ?? of("unclear") ?? of("unavailable");
    if (open) throw open;
    const refused = of("refused");
    if (!(refused instanceof ConnectorError)) continue;
    if (tickets.length === 0) throw refused;
    const said = refused.message.replace(/ ?Nothing was done\.$/i, "");
    return { id: key, state: "failed", text: `${tickets.length} of ${items.length} were ${done}, the others refused: ${said}` };
  }
  return tickets.at(-1) ?? { id: key, state: "done" };
}

/** Who agreed, to what, and what of it can change something. */
export async function consentReach(target: Entity, capabilities: Capabilities, now: Date, signal: AbortSignal): Promise<BlastRadius> {
  if (!mayConsent(capabilities.apps)) return appReach(target, capabilities, now, signal);
  const found = await consentsOf(target, capabilities, signal);
  const radius: BlastRadius = { count: 1, unit: "app", facts: [], protectedHits: [], readAt: now.toISOString() };
  if (!found) return { ...radius, facts: ["the directory does not know this app"] };
  const { app, consents } = found;
  const staying = consents.filter(({ stays }) => stays !== undefined);
  return {
    ...radius,
    facts: [
      `${app.name}${app.publisher ? ` by ${app.publisher}` : ", publisher not verified"}, ${app.enabled ? "enabled" : "disabled"}`,
      whoAgreed(consents),
      ...whatItMay(consents),
      ...(staying.length > 0
        ? [`stays: ${listed(staying.flatMap(({ grants }) => grants.map(({ name }) => name)))} (${why(staying)})`]
        : []),
    ],
  };
}

/** What it would be allowed again; nothing of it is read from the product but the app itself. */
export async function restoreReach(
  target: Entity,
  capabilities: Capabilities,
  now: Date,
  signal: AbortSignal,
  params?: Params,
): Promise<BlastRadius> {
  const radius = await appReach(target, capabilities, now, signal);
  const [first = "the directory does not know this app"] = radius.facts;
  const { saved } = paramsOf(RestoreConsentParams, params);
  const kept = saved?.consents ?? [];
  return {
    ...radius,
    facts: [first, ...(kept.length > 0 ? [`given back: ${whoAgreed(kept)}`, ...whatItMay(kept)] : ["nothing was kept"])],
  };
}

function whoAgreed(consents: readonly Pick<Kept, "by">[]): string {
  const people = consents.filter(({ by }) => by === "person").length;
  const parts = [
    ...(people > 0 ? [`${people} ${people === 1 ? "person" : "people"} agreed`] : []),
    ...(consents.some(({ by }) => by === "everybody") ? ["an administrator agreed for everybody"] : []),
    ...(consents.some(({ by }) => by === "itself") ? ["it may act as itself"] : []),
  ];
  return parts.length > 0 ? parts.join(", ") : "nobody agreed to anything";
}

function whatItMay(consents: readonly Pick<Kept, "grants">[]): string[] {
  const [changes, reads] = [names(consents, true), names(consents, false)];
  return [
    changes.length > 0 ? `can change or send: ${listed(changes)}` : "can change or send nothing that is known",
    ...(reads.length > 0 ? [`can read: ${listed(reads)}`] : []),
  ];
}

const listed = (all: readonly string[]) => `${all.slice(0, 6).join(", ")}${all.length > 6 ? ` and ${all.length - 6} more` : ""}`;

/** Followed where the directory is slow. A call that got lost leaves no trace but the state: the engine reads that, and goes on from there. */
export const consentCall: Pick<ActionKind, "follow" | "findRun"> = {
  follow: async (ticket, { apps }, signal) => (await apps?.follow?.(ticket, signal)) ?? { id: ticket, state: "done" },
  findRun: (_target, { apps }) => (apps?.setsState ? Promise.resolve(undefined) : undefined),
};
