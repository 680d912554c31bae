import { NoParams } from "../domain/action.ts";
import { entityName } from "../domain/entity.ts";
import type { ActionKind } from "./action-kind.ts";
import { appCall, appReach, appState, mustFindApp } from "./on-app.ts";

export const enableApp: ActionKind = {
  kind: "enable-app",
  family: "app",
  targets: ["oauth-app"],
  params: NoParams,
  permission: "Application.ReadWrite.All",
  idempotency: "Enabling an enabled app changes nothing.",
  title: (target) => `Enable the app ${entityName(target)}`,
  effect: (target) => `${entityName(target)} works again, with everything it was allowed before.`,
  ifNot: (target) => `${entityName(target)} stays disabled for everybody who uses it.`,
  undo: { by: "disable-app", text: "Disable the app again." },
  disruptive: false,
  connector: (target, { apps }) =>
    apps
      ? { name: apps.connector }
      : {
          byHand: `Enable ${entityName(target)} by hand: open it in your directory (Entra: Enterprise applications, the app, Properties) and set Enabled for users to sign in to Yes.`,
        },
  reach: appReach,
  state: (target, capabilities, signal) => appState(target, true, capabilities, signal),
  execute: async (target, capabilities, { comment, key }, signal) => {
    const { apps, app } = await mustFindApp(target, capabilities, signal);
    return apps.enable(app.id, comment, key, signal);
  },
  ...appCall(true),
};
