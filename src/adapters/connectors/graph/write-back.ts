import { z } from "zod";
import { ConnectorError, type Told } from "../../../engine/ports.ts";
import type { Api } from "../microsoft/api.ts";

const PLACE = {
  alert: { path: "/security/alerts_v2", permission: "SecurityAlert.ReadWrite.All", type: "microsoft.graph.security.alertComment" },
  incident: { path: "/security/incidents", permission: "SecurityIncident.ReadWrite.All", type: "microsoft.graph.security.alertComment" },
} as const;

const Standing = z.object({
  status: z.string().nullish(),
  redirectIncidentId: z.union([z.string(), z.number()]).nullish().catch(null),
  classification: z.string().nullish(),
  determination: z.string().nullish(),
  comments: z.array(z.object({ comment: z.string().nullish() }).catch({ comment: null })).catch([]),
});

/**
 * Resolves an alert or incident there, with what it turned out to be and a comment. It is read first: what stands there already is not
 * written again, so that a call that is repeated after a lost answer leaves one comment.
 */
export async function tell(api: Api, kind: "alert" | "incident", id: string, told: Told, signal: AbortSignal): Promise<void> {
  const { path, permission, type } = PLACE[kind];
  const where = `${path}/${encodeURIComponent(id)}`;
  const about = { permission, what: `the ${kind} ${id}`, signal };
  const read = await api.get(where, about);
  if (read === undefined) throw new ConnectorError("refused", `${api.name} does not know the ${kind} ${id} any more. Nothing was done.`);
  const standing = Standing.safeParse(read).data;
  if (!standing) throw api.unknownShape();
  // Merged a moment ago, and not polled since: whoever works on the survivor decides about all of it.
  if (kind === "incident" && standing.status?.toLowerCase() === "redirected")
    throw new ConnectorError(
      "refused",
      `The incident ${id} was merged into ${standing.redirectIncidentId ?? "another"} in ${api.name}. Nothing was written to it.`,
    );
  const wanted = {
    status: "resolved",
    classification: told.classification,
    ...(told.determination ? { determination: told.determination } : {}),
  };
  const stands = Object.entries(wanted).every(
    ([field, value]) => standing[field as keyof typeof wanted]?.toLowerCase() === value.toLowerCase(),
  );
  if (!stands) await api.patch(where, wanted, about);
  if (standing.comments.some(({ comment }) => comment === told.comment)) return;
  await api.post(`${where}/comments`, { "@odata.type": type, comment: told.comment }, about);
}
