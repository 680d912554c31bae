import { z } from "zod";
import type { Saved } from "../../../engine/domain/action.ts";
import { ConnectorError } from "../../../engine/ports.ts";
import { HttpRefusal } from "../http.ts";
import type { Api } from "../microsoft/api.ts";
import { missingOf, named, type Permissions } from "./identities-refusal.ts";

const CHANGE_DELEGATED: Permissions = [["DelegatedPermissionGrant.ReadWrite.All", "Directory.ReadWrite.All"]];
const CHANGE_ITSELF: Permissions = [["AppRoleAssignment.ReadWrite.All"]];
export const CHANGE_CONSENTS: Permissions = [...CHANGE_DELEGATED, ...CHANGE_ITSELF];

const text = z.string().max(10_000).nullish();
/** What people, or an administrator for everybody, allowed an app to do in their name (oauth2PermissionGrant). */
export const Grant = z.object({ id: text, clientId: text, consentType: text, principalId: text, resourceId: text, scope: text });
export type Grant = z.infer<typeof Grant>;
/** What an app may do as itself (appRoleAssignment). */
export const Assignment = z.object({ id: text, appRoleId: text, principalId: text, resourceId: text, resourceDisplayName: text });
export type Assignment = z.infer<typeof Assignment>;

/** There is one grant for each of these at most, so it is the same one after it was made again under another id. */
export const delegatedKey = ({ consentType, principalId, resourceId }: Grant) =>
  `delegated ${consentType ?? ""} ${principalId ?? ""} ${resourceId ?? ""}`;
export const roleKey = ({ resourceId, appRoleId }: Assignment) => `role ${resourceId ?? ""} ${appRoleId ?? ""}`;

const Delegated = Grant.extend({ id: z.string().min(1), consentType: z.string(), resourceId: z.string().min(1), scope: z.string() });
const Role = Assignment.extend({ id: z.string().min(1), appRoleId: z.string().min(1), resourceId: z.string().min(1) });

/** How Graph takes one consent away and makes it again (learn.microsoft.com/graph/api/resources/oauth2permissiongrant, approleassignment). */
export function appConsents(api: Api) {
  const delegated = (signal: AbortSignal) => ({ permission: named(CHANGE_DELEGATED), what: "this consent", signal });
  const itself = (signal: AbortSignal) => ({ permission: named(CHANGE_ITSELF), what: "this consent", signal });
  const rolesOf = (resource: string) => `/servicePrincipals/${encodeURIComponent(resource)}/appRoleAssignedTo`;

  function read(consent: Saved): { delegated: z.infer<typeof Delegated> } | { role: z.infer<typeof Role> } {
    const role = Role.safeParse(consent).data;
    if (role) return { role };
    const grant = Delegated.safeParse(consent).data;
    if (grant) return { delegated: grant };
    throw new ConnectorError("refused", "What was kept of this consent cannot be read. Nothing was done.");
  }

  async function restoreDelegated(app: string, kept: z.infer<typeof Delegated>, signal: AbortSignal): Promise<void> {
    const rows = await api.list(`/servicePrincipals/${encodeURIComponent(app)}/oauth2PermissionGrants`, {}, delegated(signal), { page: 0 });
    const listed = z.array(Grant).safeParse(rows).data;
    if (!listed) throw api.unknownShape();
    const there = listed.find((one) => delegatedKey(one) === delegatedKey(kept));
    const scopes = (scope: string | null | undefined) => (scope ?? "").split(/\s+/).filter((part) => part !== "");
    const now = new Set(scopes(there?.scope));
    const missing = scopes(kept.scope).filter((scope) => !now.has(scope));
    if (there?.id && missing.length === 0) return;
    // Somebody agreed again meanwhile, to less: it becomes what it was, and keeps what it has.
    if (there?.id)
      return void (await api.patch(
        `/oauth2PermissionGrants/${encodeURIComponent(there.id)}`,
        { scope: [...now, ...missing].join(" ") },
        delegated(signal),
      ));
    const { consentType, principalId, resourceId, scope } = kept;
    const body = { clientId: app, consentType, ...(principalId ? { principalId } : {}), resourceId, scope };
    await unlessThere(api.post("/oauth2PermissionGrants", body, delegated(signal)));
  }

  return {
    /** Why consents of a sort cannot be removed by this app registration; nothing where they can, or where the token does not say. */
    async lacking(signal: AbortSignal): Promise<{ delegated?: string; itself?: string }> {
      const [people, own] = await Promise.all([missingOf(api, CHANGE_DELEGATED, signal), missingOf(api, CHANGE_ITSELF, signal)]);
      const needs = (missing: string[] | undefined) =>
        missing?.length ? `air's app registration needs ${missing.join(" and ")}` : undefined;
      const [forPeople, forItself] = [needs(people), needs(own)];
      return { ...(forPeople ? { delegated: forPeople } : {}), ...(forItself ? { itself: forItself } : {}) };
    },
    /** A consent is named by its own id. */
    async remove(consent: Saved, signal: AbortSignal): Promise<void> {
      const kept = read(consent);
      if ("role" in kept) await api.delete(`${rolesOf(kept.role.resourceId)}/${encodeURIComponent(kept.role.id)}`, itself(signal));
      else await api.delete(`/oauth2PermissionGrants/${encodeURIComponent(kept.delegated.id)}`, delegated(signal));
    },
    async restore(app: string, consent: Saved, signal: AbortSignal): Promise<void> {
      const kept = read(consent);
      if ("delegated" in kept) return restoreDelegated(app, kept.delegated, signal);
      const { resourceId, appRoleId } = kept.role;
      await unlessThere(api.post(rolesOf(resourceId), { principalId: app, resourceId, appRoleId }, itself(signal)));
    },
  };
}

/** "Permission entry already exists", "Permission being assigned already exists on the object". */
const unlessThere = (call: Promise<unknown>): Promise<unknown> =>
  call.catch((error: unknown) => {
    const there = error instanceof HttpRefusal && (error.status === 409 || error.status === 400) && /already exists/i.test(error.said);
    if (!there) throw error;
  });
