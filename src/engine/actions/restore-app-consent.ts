import { RestoreConsentParams } from "../domain/action.ts";
import { entityName } from "../domain/entity.ts";
import { ConnectorError } from "../ports.ts";
import { type ActionKind, paramsOf } from "./action-kind.ts";
import { mustFindApp } from "./on-app.ts";
import { consentCall, consentsOf, holds, mayConsent, restoreAll, restoreReach, unknownApp, writesOf } from "./on-app-consent.ts";

/** Gives an app back what `remove-app-consent` took and kept; from nothing else, or anybody could hand an app anything through it. */
export const restoreAppConsent: ActionKind = {
  kind: "restore-app-consent",
  family: "app",
  targets: ["oauth-app"],
  params: RestoreConsentParams,
  permission: "DelegatedPermissionGrant.ReadWrite.All and AppRoleAssignment.ReadWrite.All",
  idempotency: "A consent that is there and allows as much is not made a second time.",
  title: (target) => `Restore the consents of the app ${entityName(target)}`,
  effect: (target) => `${entityName(target)} is allowed again what was taken from it, as it was, and nothing more.`,
  ifNot: (target) => `${entityName(target)} stays without what was taken from it; people who use it are asked again.`,
  undo: { by: undefined, text: "Remove the consents again: that is an action of its own, remove-app-consent." },
  disruptive: false,
  onlyUndoes: true,
  hands: (params) => writesOf(RestoreConsentParams.safeParse(params).data?.saved?.consents ?? []),
  connector: (target, { apps }) =>
    mayConsent(apps)
      ? { name: apps.connector }
      : {
          byHand: `Restore the consents of ${entityName(target)} by hand: they are noted with the action that removed them. An administrator grants them again in your directory (Entra: Enterprise applications, the app, Permissions, Grant admin consent), or people agree when they next use the app.`,
        },
  reach: restoreReach,
  state: async (target, capabilities, signal, about) => {
    const { saved } = paramsOf(RestoreConsentParams, about?.params);
    if (!saved) return { kind: "unreadable", text: "No consent was kept that could be given back." };
    const found = await consentsOf(target, capabilities, signal);
    if (!found) return unknownApp(target);
    const missing = saved.consents.filter((consent) => !holds(found.consents, consent));
    return missing.length === 0
      ? { kind: "reached", text: `${found.app.name} has what was taken from it.` }
      : { kind: "notReached", text: `${found.app.name} lacks ${missing.length} of ${saved.consents.length} consents.` };
  },
  execute: async (target, capabilities, { comment, key, params }, signal) => {
    const { saved } = paramsOf(RestoreConsentParams, params);
    if (!saved) throw new ConnectorError("refused", "params.saved: no consent was kept that could be given back; nothing was done.");
    const { apps, app } = await mustFindApp(target, capabilities, signal);
    return restoreAll({ apps, app, kept: saved.consents, comment, key }, signal);
  },
  ...consentCall,
};
