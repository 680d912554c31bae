import { z } from "zod";
import type { Connector } from "../../../engine/ports.ts";
import { ConnectorError } from "../../../engine/ports.ts";
import { address, defineConnector } from "../kind.ts";
import { missingPermissions } from "../microsoft/api.ts";
import type { Means } from "../microsoft/sign-in.ts";
import { appRegistration } from "../microsoft/sign-in.ts";
import { createDefenderApi, type DefenderSettings, PRODUCT, productAt } from "./api.ts";
import { defenderDevices } from "./devices.ts";
import { defenderIndicators } from "./indicators.ts";

/** Application permissions of WindowsDefenderATP, each with what also grants it. */
const NEEDED: readonly (readonly string[])[] = [
  ["Machine.Read.All", "Machine.ReadWrite.All"],
  ["User.Read.All"],
  ["File.Read.All"],
  ["Machine.Isolate"],
  ["Machine.RestrictExecution"],
  ["Machine.Scan"],
  ["Machine.CollectForensics"],
  ["Machine.StopAndQuarantine"],
  ["Machine.Offboard"],
  ["Ti.ReadWrite.All", "Ti.ReadWrite"],
];

/** Microsoft Defender for Endpoint: acts on devices and on the list of indicators. */
export function createDefender(settings: DefenderSettings, means: Means): Connector {
  const api = createDefenderApi(settings, means);
  return {
    name: "defender",
    lab: false,
    tenant: settings.tenantId,
    devices: defenderDevices(api, means.clock),
    indicators: defenderIndicators(api, means.clock),
    async check(signal) {
      const roles = await api.roles(signal);
      const missing = roles && missingPermissions(productAt(settings.url), roles, NEEDED);
      if (missing) throw missing;
      for (const [path, permission] of [
        ["/api/machines?$top=1", "Machine.Read.All"],
        ["/api/machineactions?$top=1", "Machine.Read.All"],
        ["/api/indicators?$top=1", "Ti.ReadWrite.All"],
      ] as const) {
        const answer = await api.get(path, { permission, what: "this address", signal });
        if (!z.object({ value: z.array(z.unknown()) }).safeParse(answer).success)
          throw new ConnectorError("refused", `${PRODUCT} answered in a shape air does not know: check connectors.defender.url.`);
      }
    },
  };
}

export const defender = defineConnector({
  name: "defender",
  product: PRODUCT,
  acts: true,
  settings: { ...appRegistration, url: address("https://api.security.microsoft.com") },
  env: { DEFENDER_URL: "url", ENTRA_LOGIN_URL: "loginUrl" },
  borrows: { from: "graph", settings: ["tenantId", "clientId", "clientSecret", "loginUrl"] },
  create: (settings, { http: _http, house: _house, rows: _rows, ...means }) => createDefender(settings, means),
});
