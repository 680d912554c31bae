import { z } from "zod";
import type { DirectoryCapability, GroupMember } from "../../../engine/ports.ts";
import type { Api } from "../microsoft/api.ts";

/** A page holds 999 of them at most. Whoever lets more people than these decide has made a mistake that air does not want to read. */
const PAGE = "999";
const MOST_PAGES = 5;
const Member = z.object({
  "@odata.type": z.string().nullish(),
  id: z.string().min(1).max(200),
  mail: z.string().max(400).nullish(),
  userPrincipalName: z.string().max(400).nullish(),
  userType: z.string().nullish(),
  accountEnabled: z.boolean().nullish(),
});

/**
 * Who is in a group of Entra ID, by whatever groups inside it. It is read as it stands: asked for people only (a cast), Graph answers from
 * an index that lags behind, and somebody who was taken out would go on deciding.
 */
export function graphGroups(api: Api): DirectoryCapability {
  return {
    connector: "graph",
    async members(groupId, signal) {
      const about = { permission: "GroupMember.Read.All", what: "the group (its object id stands in Entra ID, under Groups)", signal };
      const parameters = { $select: "id,mail,userPrincipalName,userType,accountEnabled", $top: PAGE };
      const whole = { page: 0, mostPages: MOST_PAGES };
      const read = z
        .array(Member)
        .safeParse(await api.list(`/groups/${encodeURIComponent(groupId)}/transitiveMembers`, parameters, about, whole));
      if (!read.success) throw api.unknownShape();
      return read.data.filter((one) => one["@odata.type"] === "#microsoft.graph.user").map(memberOf);
    },
  };
}

function memberOf({ id, mail, userPrincipalName, userType, accountEnabled }: z.infer<typeof Member>): GroupMember {
  const addresses = [userPrincipalName, mail].flatMap((one) => (one?.includes("@") ? [one.toLowerCase()] : []));
  return {
    id: id.toLowerCase(),
    addresses: [...new Set(addresses)],
    outside: userType?.toLowerCase() === "guest" || /#ext#/i.test(userPrincipalName ?? "") || accountEnabled === false,
  };
}
