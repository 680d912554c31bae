import { z } from "zod";
import type { Connector } from "../../../engine/ports.ts";
import { ConnectorError } from "../../../engine/ports.ts";
import { createApi, type DefenderMeans, type DefenderSettings, PRODUCT } from "./api.ts";
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
const Claims = z.object({ roles: z.array(z.string()).default([]) });

/** Microsoft Defender for Endpoint: acts on devices and on the list of indicators. */
export function createDefender(settings: DefenderSettings, means: DefenderMeans): Connector {
  const api = createApi(settings, means);
  return {
    name: "defender",
    lab: false,
    tenant: settings.tenantId,
    devices: defenderDevices(api, means.clock),
    indicators: defenderIndicators(api, means.clock),
    async check(signal) {
      const roles = rolesIn(await api.token(signal));
      const missing = roles && NEEDED.filter((any) => !any.some((role) => roles.includes(role))).map(([role]) => role);
      if (missing && missing.length > 0) {
        throw new ConnectorError(
          "refused",
          `${PRODUCT}: the app registration lacks ${missing.join(", ")}. An administrator adds ${missing.length === 1 ? "it" : "them"} under API permissions, WindowsDefenderATP, as application permissions, and grants consent.`,
        );
      }
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

/** What the token says it may do, where it can be read at all; only to say what is missing before it is missed. */
function rolesIn(token: string): string[] | undefined {
  try {
    return Claims.parse(JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString("utf8"))).roles;
  } catch {
    return undefined;
  }
}
