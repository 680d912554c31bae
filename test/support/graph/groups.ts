import type { GraphCore, GraphEndpoints } from "./router.ts";

export const GROUP_ROLES = ["GroupMember.Read.All"];

export type FakeMember = {
  id: string;
  /** Left out: a user. */
  "@odata.type"?: string;
  mail?: string | null;
  userPrincipalName?: string;
  userType?: string;
  accountEnabled?: boolean;
};

/** Groups and who is in them; what the token may not read of a member is null, as Graph does it. */
export function graphGroupEndpoints(core: GraphCore) {
  const groups = new Map<string, FakeMember[]>();
  const settings = { pageSize: 100 };
  const answer: GraphEndpoints = (request) => {
    const [, id = ""] = /^\/groups\/([^/]+)\/transitiveMembers$/.exec(request.path) ?? [];
    if (request.method !== "GET" || id === "") return undefined;
    const refused = core.lacks("GroupMember.Read.All");
    if (refused) return refused;
    const members = groups.get(id);
    if (!members)
      return core.failure(
        404,
        "Request_ResourceNotFound",
        `Resource '${id}' does not exist or one of its queried reference-property objects are not present.`,
      );
    const mayRead = core.roles().includes("User.Read.All");
    const wanted = (request.query.get("$select") ?? "id").split(",");
    const shown = members.map(({ "@odata.type": type = "#microsoft.graph.user", ...member }) => {
      const whole: Record<string, unknown> = { userType: "Member", accountEnabled: true, mail: null, ...member };
      return {
        "@odata.type": type,
        ...Object.fromEntries(wanted.map((name) => [name, name === "id" || mayRead ? (whole[name] ?? null) : null])),
      };
    });
    return core.page(shown, request, settings.pageSize);
  };
  const reset = () => {
    groups.clear();
    settings.pageSize = 100;
  };
  return { answer, groups, settings, reset };
}
