import type { AlertFeed } from "../../../engine/ports.ts";
import type { Api } from "../microsoft/api.ts";
import { alertsPage } from "./alerts.ts";
import { incidentsPage } from "./incidents.ts";
import { tell } from "./write-back.ts";

/** How often Microsoft is asked; all of it has defaults. */
export type FeedSettings = { everyMs?: number; backfillMs?: number; writeBack?: boolean };

const EVERY_MS = 30_000;

/** Application permissions of Microsoft Graph, each with what also grants it. */
export const FEED_PERMISSIONS: readonly (readonly string[])[] = [
  ["SecurityAlert.Read.All", "SecurityAlert.ReadWrite.All"],
  ["SecurityIncident.Read.All", "SecurityIncident.ReadWrite.All"],
];
export const WRITE_BACK_PERMISSIONS: readonly (readonly string[])[] = [["SecurityAlert.ReadWrite.All"], ["SecurityIncident.ReadWrite.All"]];

/** Microsoft's alerts and incidents, asked for; the alerts are of the source `defender`, whoever of Microsoft's products raised them. */
export const alertFeed = (api: Api, settings: FeedSettings): AlertFeed => ({
  source: "defender",
  product: "Microsoft Defender",
  everyMs: settings.everyMs ?? EVERY_MS,
  backfillMs: settings.backfillMs ?? 0,
  alerts: (at, signal) => alertsPage(api, at, signal),
  incidents: (at, signal) => incidentsPage(api, at, signal),
  ...(settings.writeBack ? { tell: (kind, id, told, signal) => tell(api, kind, id, told, signal) } : {}),
});
