import type { BlastRadius } from "../domain/action.ts";
import type { Entity } from "../domain/entity.ts";
import { entityName } from "../domain/entity.ts";
import type { AppCapability, AppFacts, Capabilities } from "../ports.ts";
import { ConnectorError } from "../ports.ts";
import type { ActionKind, DesiredState } from "./action-kind.ts";
import { noTrace } from "./on-user.ts";

/** What switching an app's access off and on have in common. */
function needApps({ apps }: Capabilities): AppCapability {
  if (apps) return apps;
  throw new ConnectorError("refused", "No directory that keeps apps is connected; nothing was done.");
}

export async function findApp(target: Entity, capabilities: Capabilities, signal: AbortSignal): Promise<AppFacts | undefined> {
  if (target.kind !== "oauth-app")
    throw new ConnectorError("refused", `This can only be done to an app, not to a ${target.kind}; nothing was done.`);
  return needApps(capabilities).find(target, signal);
}

export async function mustFindApp(target: Entity, capabilities: Capabilities, signal: AbortSignal) {
  const apps = needApps(capabilities);
  const app = await findApp(target, capabilities, signal);
  if (app) return { apps, app };
  throw new ConnectorError("refused", `${apps.connector} does not know the app ${entityName(target)}; nothing was done.`);
}

export async function appState(target: Entity, wanted: boolean, capabilities: Capabilities, signal: AbortSignal): Promise<DesiredState> {
  const app = await findApp(target, capabilities, signal);
  if (!app) return { kind: "missing", text: `The directory does not know the app ${entityName(target)}.` };
  return { kind: app.enabled === wanted ? "reached" : "notReached", text: `${app.name} is ${app.enabled ? "enabled" : "disabled"}.` };
}

export async function appReach(target: Entity, capabilities: Capabilities, now: Date, signal: AbortSignal): Promise<BlastRadius> {
  const app = await findApp(target, capabilities, signal);
  const radius: BlastRadius = { count: 1, unit: "app", facts: [], protectedHits: [], readAt: now.toISOString() };
  if (!app) return { ...radius, facts: ["the directory does not know this app"] };
  const grants = app.grants.map(({ name }) => name);
  return {
    ...radius,
    facts: [
      `${app.name}${app.publisher ? ` by ${app.publisher}` : ", publisher not verified"}, ${app.enabled ? "enabled" : "disabled"}`,
      grants.length > 0
        ? `was allowed: ${grants.slice(0, 8).join(", ")}${grants.length > 8 ? ` and ${grants.length - 8} more` : ""}`
        : "was allowed nothing that is known",
      ...(app.unread ? [`what it was allowed could not be read as a whole: ${app.unread}`] : []),
      app.users === undefined ? "how many people use it is not known" : `${app.users} ${app.users === 1 ? "person uses" : "people use"} it`,
    ],
  };
}

/** As for accounts: followed where the directory is slow, and tried again only where the state goes on not showing it. */
export function appCall(wanted: boolean): Pick<ActionKind, "follow" | "findRun"> {
  const state: ActionKind["state"] = (target, capabilities, signal) => appState(target, wanted, capabilities, signal);
  return {
    follow: async (ticket, { apps }, signal) => (await apps?.follow?.(ticket, signal)) ?? { id: ticket, state: "done" },
    findRun: (target, capabilities, { since }, signal) =>
      capabilities.apps?.setsState ? noTrace(state, target, capabilities, since, signal) : undefined,
  };
}
