import { z } from "zod";
import type { Api } from "../microsoft/api.ts";
import { isUnlicensed, type Permissions, whyUnread } from "./identities-refusal.ts";

export const READ_ROLES: Permissions = [["RoleManagement.Read.Directory", "RoleManagement.ReadWrite.Directory", "RoleManagement.Read.All"]];
const Role = z.object({ id: z.string(), displayName: z.string().nullish() });
const Assignment = z.object({ roleDefinitionId: z.string().nullish(), roleDefinition: Role.nullish() });

/** Roles that let nobody do anything another member could not. */
const HARMLESS = new Set(["directory readers", "guest user", "restricted guest user", "user"]);
const NAMELESS = "a directory role";

/**
 * What makes an account a privileged one: directory roles it holds itself or by a group, those over a part of the directory only, and those
 * it could take up when it wants to. `unread`: why that is not the whole.
 */
export async function rolesOf(api: Api, id: string, signal: AbortSignal): Promise<{ privileged: string[]; unread?: string }> {
  const about = { permission: "RoleManagement.Read.Directory", what: "the roles of this account", signal };
  const account = `principalId eq '${id.replaceAll("'", "''")}'`;
  const whole = { page: 0 };
  const assigned = async (path: string) => {
    const read = z
      .array(Assignment)
      .safeParse(await api.list(path, { $filter: account, $expand: "roleDefinition($select=id,displayName)" }, about, whole));
    if (!read.success) throw api.unknownShape();
    return read.data.map(({ roleDefinition }) => roleDefinition?.displayName ?? NAMELESS);
  };
  const held = async () => {
    const path = `/users/${encodeURIComponent(id)}/transitiveMemberOf/microsoft.graph.directoryRole`;
    const read = z.array(Role).safeParse(await api.list(path, { $select: "id,displayName" }, about, whole));
    if (!read.success) throw api.unknownShape();
    return read.data.map(({ displayName }) => displayName ?? NAMELESS);
  };
  /** Only larger licences have roles one can take up: without them there are none. */
  const eligible = () => assigned("/roleManagement/directory/roleEligibilityScheduleInstances");

  const [groups, own, later] = await Promise.allSettled([held(), assigned("/roleManagement/directory/roleAssignments"), eligible()]);
  let unread: string | undefined;
  for (const part of [groups, own]) {
    if (part.status === "fulfilled") continue;
    const why = whyUnread(part.reason, READ_ROLES, "a larger Microsoft Entra ID licence");
    if (why === undefined) throw part.reason;
    unread = why;
  }
  // A tenant without the licence has no such roles; one that does not answer may have: an account whose roles are not known is protected.
  if (later.status === "rejected" && !isUnlicensed(later.reason))
    unread ??= whyUnread(later.reason, READ_ROLES, "a larger Microsoft Entra ID licence") ?? "the roles it could take up were not answered";
  const now = [groups, own].flatMap((part) => (part.status === "fulfilled" ? part.value : []));
  const possible =
    later.status === "fulfilled" ? later.value.filter((role) => !now.includes(role)).map((role) => `${role} (eligible)`) : [];
  const privileged = [...new Set([...now, ...possible])].filter((role) => !HARMLESS.has(role.toLowerCase()));
  return { privileged, ...(unread ? { unread } : {}) };
}
