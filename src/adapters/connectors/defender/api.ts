import { ConnectorError } from "../../../engine/ports.ts";
import { createApi, type Product } from "../microsoft/api.ts";
import type { AppRegistration, Means } from "../microsoft/sign-in.ts";

export type DefenderSettings = AppRegistration & { url: string };

export const PRODUCT = "Microsoft Defender";

/** The API of Defender for Endpoint (domain facts 8.4, 8.6). */
export const createDefenderApi = (settings: DefenderSettings, means: Means) => createApi(productAt(settings.url), settings, means);

export const productAt = (url: string): Product => ({
  name: PRODUCT,
  permissionsOf: "WindowsDefenderATP",
  setting: "connectors.defender",
  url,
  scope: scopeOf(url),
});

export const unknownShape = () => new ConnectorError("unavailable", `${PRODUCT} answered in a shape air does not know`);

/** The resource is named apart from the address it answers at; the government clouds have their own. */
const scopeOf = (url: string) =>
  new URL(url).hostname.endsWith(".microsoft.us")
    ? "https://api-gov.securitycenter.microsoft.us/.default"
    : "https://api.securitycenter.microsoft.com/.default";
