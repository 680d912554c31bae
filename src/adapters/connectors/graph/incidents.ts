import { z } from "zod";
import type { ChangedPage, PageAt, VendorIncident } from "../../../engine/ports.ts";
import type { Api } from "../microsoft/api.ts";
import { changedPage } from "./alerts.ts";

const text = (max: number) =>
  z
    .string()
    .trim()
    .min(1)
    .transform((value) => [...value].slice(0, max).join(""))
    .optional()
    .catch(undefined);
const id = z.union([z.string().trim().min(1).max(256), z.number().transform(String)]);
/** A card must not link to anything but the web. */
const address = z
  .string()
  .max(2048)
  .refine((value) => URL.parse(value)?.protocol === "https:")
  .optional()
  .catch(undefined);

const Incident = z.object({
  id,
  displayName: text(1000),
  incidentWebUrl: address,
  status: text(64),
  assignedTo: text(256),
  classification: text(64),
  determination: text(64),
  redirectIncidentId: id.optional().catch(undefined),
});

/** Samples write `TruePositive` and `truePositive`; both are one word. */
const camel = (word: string | undefined) => word && word.charAt(0).toLowerCase() + word.slice(1);
const said = (word: string | undefined) => (word === "unknown" || word === "unknownFutureValue" ? undefined : word);

/** Incidents that changed; one without an id is nothing air could follow, and is left out. */
export async function incidentsPage(api: Api, at: PageAt, signal: AbortSignal): Promise<ChangedPage<VendorIncident>> {
  const page = await changedPage(api, "/security/incidents", "SecurityIncident.Read.All", at, signal);
  return {
    next: page.next,
    items: page.items.flatMap(({ item, changedAt }) => {
      const read = Incident.safeParse(item).data;
      return read ? [{ item: incidentOf(read), changedAt }] : [];
    }),
  };
}

const incidentOf = (read: z.infer<typeof Incident>): VendorIncident => ({
  id: read.id,
  title: read.displayName,
  url: read.incidentWebUrl,
  status: camel(read.status) ?? "active",
  assignee: read.assignedTo,
  classification: said(camel(read.classification)),
  determination: said(camel(read.determination)),
  redirectTo: read.redirectIncidentId === read.id ? undefined : read.redirectIncidentId,
});
