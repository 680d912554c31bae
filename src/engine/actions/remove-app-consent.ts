import { NoParams } from "../domain/action.ts";
import { entityName } from "../domain/entity.ts";
import type { ActionKind } from "./action-kind.ts";
import { mustFindApp } from "./on-app.ts";
import { consentCall, consentReach, consentsOf, keptIn, mayConsent, removeAll, unknownApp, why } from "./on-app-consent.ts";

/** Takes from an app what people and administrators allowed it, and keeps each consent to the letter (domain facts 3.3). */
export const removeAppConsent: ActionKind = {
  kind: "remove-app-consent",
  family: "app",
  targets: ["oauth-app"],
  params: NoParams,
  permission: "DelegatedPermissionGrant.ReadWrite.All and AppRoleAssignment.ReadWrite.All",
  idempotency: "Each consent is named by its id: once it is gone a second call finds nothing to remove.",
  title: (target) => `Remove the consents of the app ${entityName(target)}`,
  effect: (target) =>
    `${entityName(target)} loses everything people and administrators allowed it; air keeps a copy. Tokens it holds last up to an hour, and people can allow it again unless it is disabled, too.`,
  ifNot: (target) => `${entityName(target)} goes on reading and changing what it was allowed, whatever happens to passwords and sessions.`,
  undo: {
    by: "restore-app-consent",
    text: "Give the app back what it was allowed, as it was.",
    params: (_params, saved) => {
      const consents = keptIn(saved);
      return consents.length > 0 ? { saved: { consents } } : {};
    },
  },
  disruptive: true,
  connector: (target, { apps }) =>
    mayConsent(apps)
      ? { name: apps.connector }
      : {
          byHand: `Remove the consents of ${entityName(target)} by hand: open it in your directory (Entra: Enterprise applications, the app, Permissions), note what is listed and revoke what administrators allowed; what people allowed for themselves is listed by Get-MgServicePrincipalOauth2PermissionGrant and removed by Remove-MgOauth2PermissionGrant in Microsoft Graph PowerShell.`,
        },
  reach: consentReach,
  state: async (target, capabilities, signal, about) => {
    const found = await consentsOf(target, capabilities, signal);
    if (!found) return unknownApp(target);
    const { app, consents } = found;
    const left = consents.filter(({ stays }) => stays === undefined);
    const staying = consents.filter(({ stays }) => stays !== undefined);
    const before = keptIn(about?.saved);
    if (left.length > 0) {
      // An earlier attempt may have come half the way: what it removed is not there to be kept again.
      const gone = before.filter(({ key }) => !left.some((consent) => consent.key === key));
      const kept = left.map(({ key, by, grants, saved }) => ({ key, by, grants, saved }));
      const text = `${app.name} has ${left.length} ${left.length === 1 ? "consent" : "consents"}.`;
      return { kind: "notReached", text, saved: { consents: [...gone, ...kept] } };
    }
    if (staying.length === 0) return { kind: "reached", text: `${app.name} has no consent.` };
    return before.length > 0
      ? { kind: "reached", text: `${app.name} has only what air cannot remove: ${why(staying)}.` }
      : { kind: "unreadable", text: `${app.name} has nothing that air can remove: ${why(staying)}.` };
  },
  execute: async (target, capabilities, { comment, key, saved }, signal) => {
    const { apps, app } = await mustFindApp(target, capabilities, signal);
    return removeAll({ apps, app, kept: saved ? keptIn(saved) : undefined, comment, key }, signal);
  },
  ...consentCall,
};
