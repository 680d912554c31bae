import { createApi, type Product } from "../microsoft/api.ts";
import type { AppRegistration, Means } from "../microsoft/sign-in.ts";

export type GraphSettings = AppRegistration & { url: string };

/** Microsoft Graph v1.0; paths begin behind the version ("/users/..."). */
export const createGraphApi = (settings: GraphSettings, means: Means) => createApi(productAt(settings.url), settings, means);

export const productAt = (url: string): Product => ({
  name: "Microsoft Graph",
  permissionsOf: "Microsoft Graph",
  setting: "connectors.graph",
  url: versioned(url),
  scope: scopeOf(url),
});

/** People configure the host; whoever already wrote the version means the same. */
const versioned = (url: string) => (/\/(v1\.0|beta)\/?$/.test(url) ? url : `${url.replace(/\/+$/, "")}/v1.0`);

/** Each cloud is its own resource; anywhere else (a proxy, a fake) the world-wide one is meant. */
const scopeOf = (url: string) => {
  const { hostname, origin } = new URL(url);
  const own = ["graph.microsoft.us", "dod-graph.microsoft.us", "microsoftgraph.chinacloudapi.cn"].includes(hostname);
  return own ? `${origin}/.default` : "https://graph.microsoft.com/.default";
};
