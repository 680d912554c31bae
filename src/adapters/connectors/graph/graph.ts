import { z } from "zod";
import type { Connector } from "../../../engine/ports.ts";
import { ConnectorError } from "../../../engine/ports.ts";
import { address, defineConnector, duration } from "../kind.ts";
import { missingPermissions } from "../microsoft/api.ts";
import type { Means } from "../microsoft/sign-in.ts";
import { appRegistration } from "../microsoft/sign-in.ts";
import { createGraphApi, type GraphSettings, productAt } from "./api.ts";
import { graphApps } from "./apps.ts";
import { alertFeed, FEED_PERMISSIONS, type FeedSettings, WRITE_BACK_PERMISSIONS } from "./feed.ts";
import { graphGroups } from "./groups.ts";
import { graphHunting, HUNTING_TIMEOUT_MS } from "./hunting.ts";
import { graphHuntingCapability } from "./hunting-seen.ts";
import { graphIdentities } from "./identities.ts";
import { identityLimits } from "./identities-check.ts";
import type { Sleep } from "./identities-ration.ts";
import { graphMail } from "./mail.ts";
import { mailLimits } from "./mail-check.ts";
import { lackingParts } from "./permissions.ts";

/** What the alerts need, each with what also grants it. Whoever connects Graph wants these; what the rest lacks is a limit, no failure. */
const neededFor = ({ writeBack }: FeedSettings): readonly (readonly string[])[] => [
  ...FEED_PERMISSIONS,
  ...(writeBack ? WRITE_BACK_PERMISSIONS : []),
];

/** `gapMs` and `sleep` are for tests: how services that count tightly are waited for. */
type GraphMeans = Means & { gapMs?: number; sleep?: Sleep };

/** Microsoft Graph: alerts, identities, mail, apps and hunting. */
export function createGraph(settings: GraphSettings & FeedSettings, { gapMs, sleep, ...means }: GraphMeans): Connector {
  const api = createGraphApi(settings, means);
  // A query takes its time, and one that fails must not stop what is urgent.
  const hunting = graphHunting(createGraphApi(settings, { ...means, timeoutMs: means.timeoutMs ?? HUNTING_TIMEOUT_MS }), means.clock);
  return {
    name: "graph",
    lab: false,
    tenant: settings.tenantId,
    identities: graphIdentities(api, { clock: means.clock, gapMs, sleep }),
    apps: graphApps(api, means.clock, settings.clientId),
    mail: graphMail(api, hunting, means.clock),
    hunting: graphHuntingCapability(hunting),
    feed: alertFeed(api, settings),
    // A press waits for it: what else is slow or failing must not stop it, nor it the rest.
    directory: graphGroups(createGraphApi(settings, means)),
    async limits(signal) {
      const { lines, lacking } = await lackingParts(api, signal);
      const asked = await Promise.all([identityLimits(api, lacking, signal), mailLimits(api, hunting, lacking, signal)]);
      return [...lines, ...asked.flat()];
    },
    async check(signal) {
      const roles = await api.roles(signal);
      const missing = roles && missingPermissions(productAt(settings.url), roles, neededFor(settings));
      if (missing) throw missing;
      const answer = await api.get("/security/alerts_v2?$top=1", { permission: "SecurityAlert.Read.All", what: "this address", signal });
      if (!z.object({ value: z.array(z.unknown()) }).safeParse(answer).success)
        throw new ConnectorError("refused", `${api.name} answered in a shape air does not know: check connectors.graph.url.`);
    },
  };
}

export const graph = defineConnector({
  name: "graph",
  product: "Microsoft Graph",
  acts: true,
  settings: {
    ...appRegistration,
    url: address("https://graph.microsoft.com"),
    every: duration
      .refine((ms) => ms >= 5_000 && ms <= 3_600_000, "must be from 5s to 1h: how often Microsoft is asked for alerts")
      .default(30_000),
    backfill: duration
      .refine((ms) => ms <= 30 * 86_400_000, "must be at most 30d: how far back the very first look for alerts goes")
      .default(0),
    writeBack: z.boolean({ error: "must be true or false" }).default(false),
  },
  env: {
    GRAPH_TENANT_ID: "tenantId",
    GRAPH_CLIENT_ID: "clientId",
    GRAPH_CLIENT_SECRET: "clientSecret",
    GRAPH_URL: "url",
    ENTRA_LOGIN_URL: "loginUrl",
  },
  create: ({ every, backfill, ...settings }, { http: _http, house: _house, rows: _rows, ...means }) =>
    createGraph({ ...settings, everyMs: every, backfillMs: backfill }, means),
});
