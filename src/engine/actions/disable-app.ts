import { NoParams } from "../domain/action.ts";
import { entityName } from "../domain/entity.ts";
import type { ActionKind } from "./action-kind.ts";
import { appCall, appReach, appState, mustFindApp } from "./on-app.ts";

export const disableApp: ActionKind = {
  kind: "disable-app",
  family: "app",
  targets: ["oauth-app"],
  params: NoParams,
  permission: "Application.ReadWrite.All",
  idempotency: "Disabling a disabled app changes nothing.",
  title: (target) => `Disable the app ${entityName(target)}`,
  effect: (target) => `Nobody can sign in to ${entityName(target)}, and it gets no new tokens; those it holds last up to an hour.`,
  ifNot: (target) => `${entityName(target)} keeps what it was allowed, whatever happens to the accounts that allowed it.`,
  undo: { by: "enable-app", text: "Enable the app again." },
  disruptive: true,
  connector: (target, { apps }) =>
    apps
      ? { name: apps.connector }
      : {
          byHand: `Disable ${entityName(target)} by hand: open it in your directory (Entra: Enterprise applications, the app, Properties) and set Enabled for users to sign in to No; then look at Permissions and at its certificates and secrets.`,
        },
  reach: appReach,
  state: (target, capabilities, signal) => appState(target, false, capabilities, signal),
  execute: async (target, capabilities, { comment, key }, signal) => {
    const { apps, app } = await mustFindApp(target, capabilities, signal);
    return apps.disable(app.id, comment, key, signal);
  },
  ...appCall(false),
};
