/*
 * Infrastructure that everybody uses: a list of names and addresses with what they are, looked up 2026-11 at the places named beside them.
 * Two sorts. A *service* belongs to its operator with every name below it: a block takes down work for everybody. A *shared* host is
 * rented or filled by anybody: it is nobody's fault by itself, but one page on it, or a customer's own name below it, can be bad.
 */

import ipaddr from "ipaddr.js";
import type { Entity } from "./entity.ts";
import { canonicalUrl } from "./entity.ts";

/**
 * Short on purpose: only what a block would visibly take down.
 * learn.microsoft.com/microsoft-365/enterprise/urls-and-ip-address-ranges (office, microsoftonline, live, msauth, msftauth),
 * learn.microsoft.com/windows/deployment/update/windows-update-security (windowsupdate),
 * learn.microsoft.com/windows/privacy/manage-windows-11-endpoints (msftconnecttest, msftncsi), support.google.com/a/answer/2589954
 * (google, gstatic, googleapis, gvt1, gvt2), support.apple.com/101555 (apple, icloud, mzstatic, cdn-apple, aaplimg),
 * learn.microsoft.com/azure/security/fundamentals/azure-ca-details, docs.digicert.com and letsencrypt.org/certificates (revocation hosts).
 */
const SERVICES: readonly string[] = [
  "google.com",
  "gstatic.com",
  "googleapis.com",
  "gvt1.com",
  "gvt2.com",
  "recaptcha.net",
  "microsoft.com",
  "microsoftonline.com",
  "microsoftonline-p.com",
  "msauth.net",
  "msftauth.net",
  "msftconnecttest.com",
  "msftncsi.com",
  "windowsupdate.com",
  "windows.com",
  "windows.net",
  "office.com",
  "office.net",
  "office365.com",
  "outlook.com",
  "live.com",
  "apple.com",
  "icloud.com",
  "mzstatic.com",
  "cdn-apple.com",
  "aaplimg.com",
  "digicert.com",
  "lencr.org",
  "slack.com",
];

/**
 * By their operators' own pages and the private part of publicsuffix.org: what stands below such a name is a customer's.
 * Shorteners by their own sign-up pages: good for nothing by themselves, and bad for nothing either.
 */
const SHARED: Readonly<Record<string, readonly string[]>> = {
  "a host where anybody may publish": [
    "docs.google.com",
    "drive.google.com",
    "sites.google.com",
    "script.google.com",
    "storage.googleapis.com",
    "firebasestorage.googleapis.com",
    "forms.office.com",
    "onedrive.live.com",
    "blob.core.windows.net",
    "web.core.windows.net",
    "sharepoint.com",
    "github.com",
    "github.io",
    "githubusercontent.com",
    "raw.githubusercontent.com",
    "gitlab.com",
    "gitlab.io",
    "bitbucket.org",
    "sourceforge.net",
    "dropbox.com",
    "dropboxusercontent.com",
    "box.com",
    "wetransfer.com",
    "mediafire.com",
    "mega.nz",
    "pastebin.com",
    "discord.com",
    "discordapp.com",
    "cdn.discordapp.com",
    "telegram.org",
    "t.me",
    "blogspot.com",
    "wordpress.com",
    "wixsite.com",
    "weebly.com",
    "notion.site",
    "archive.org",
    "ipfs.io",
    "linkedin.com",
    "facebook.com",
    "youtube.com",
  ],
  "a cloud or content network many rent": [
    "amazonaws.com",
    "s3.amazonaws.com",
    "cloudfront.net",
    "azureedge.net",
    "azurefd.net",
    "azurewebsites.net",
    "cloudapp.net",
    "cloudapp.azure.com",
    "trafficmanager.net",
    "akamai.net",
    "akamaiedge.net",
    "akamaihd.net",
    "akamaized.net",
    "edgekey.net",
    "edgesuite.net",
    "cloudflare.com",
    "cloudflare.net",
    "workers.dev",
    "pages.dev",
    "r2.dev",
    "trycloudflare.com",
    "fastly.net",
    "fastlylb.net",
    "jsdelivr.net",
    "cdn.jsdelivr.net",
    "unpkg.com",
    "herokuapp.com",
    "netlify.app",
    "vercel.app",
    "web.app",
    "firebaseapp.com",
    "appspot.com",
    "run.app",
    "cloudfunctions.net",
    "ngrok.io",
    "ngrok-free.app",
    "duckdns.org",
  ],
  "a link shortener": [
    "bit.ly",
    "tinyurl.com",
    "t.co",
    "goo.gl",
    "ow.ly",
    "is.gd",
    "buff.ly",
    "rebrand.ly",
    "cutt.ly",
    "rb.gy",
    "lnkd.in",
    "tiny.cc",
    "shorturl.at",
    "s.id",
    "qrco.de",
  ],
};

/**
 * Resolvers half the world points at: developers.google.com/speed/public-dns, developers.cloudflare.com/1.1.1.1, quad9.net/service,
 * opendns.com/setupguide, adguard-dns.io/en/public-dns.html, lumen.com (4.2.2.x).
 */
const RESOLVERS: ReadonlySet<string> = new Set(
  [
    "8.8.8.8",
    "8.8.4.4",
    "2001:4860:4860::8888",
    "2001:4860:4860::8844",
    "1.1.1.1",
    "1.0.0.1",
    "1.1.1.2",
    "1.0.0.2",
    "1.1.1.3",
    "1.0.0.3",
    "2606:4700:4700::1111",
    "2606:4700:4700::1001",
    "9.9.9.9",
    "149.112.112.112",
    "9.9.9.10",
    "2620:fe::fe",
    "2620:fe::9",
    "208.67.222.222",
    "208.67.220.220",
    "2620:119:35::35",
    "2620:119:53::53",
    "94.140.14.14",
    "94.140.15.15",
    "4.2.2.1",
    "4.2.2.2",
  ].map((address) => ipaddr.process(address).toString()),
);

const SHARED_BY_NAME: ReadonlyMap<string, string> = new Map(
  Object.entries(SHARED).flatMap(([what, names]) => names.map((name): [string, string] => [name, what])),
);

/** The name itself or one below it; never one that merely ends in the same letters. */
export const within = (host: string, domain: string): boolean => domain !== "" && (host === domain || host.endsWith(`.${domain}`));

export const isPublicResolver = (address: string): boolean =>
  ipaddr.isValid(address.trim()) && RESOLVERS.has(ipaddr.process(address.trim()).toString());

/** Somebody's service with all its names; what its customers publish there is told apart by `isPublishedOn`. */
export const isWellKnownService = (host: string): boolean => SERVICES.some((domain) => within(host, domain));

/** A page on a host where anybody may publish: that page can be blocked, the host cannot. */
export const isPublishedOn = (url: string, host: string): boolean =>
  (URL.parse(url)?.pathname ?? "/") !== "/" && ancestors(host).some((name) => SHARED_BY_NAME.has(name));

/** What a bare name is by itself; undefined for anybody's own name, also one below a shared host. */
export function sharedHost(host: string): string | undefined {
  return SHARED_BY_NAME.get(host) ?? (host.startsWith("www.") ? SHARED_BY_NAME.get(host.slice(4)) : undefined);
}

/**
 * What is common about a bare domain, a bare address or a url that is no more than its host; undefined where it is somebody's own.
 * Reputation counts what a host's many users did: of such a thing it says nothing.
 */
export function commonInfrastructure(entity: Entity): string | undefined {
  switch (entity.kind) {
    case "ip":
      return isPublicResolver(entity.address) ? "a public resolver everybody uses" : undefined;
    case "domain":
      return commonHost(entity.name);
    case "url": {
      const url = URL.parse(canonicalUrl(entity.url));
      return url && url.pathname === "/" && url.search === "" ? commonHost(url.hostname) : undefined;
    }
    default:
      return undefined;
  }
}

function commonHost(raw: string): string | undefined {
  const host = (URL.parse(canonicalUrl(raw))?.hostname ?? raw)
    .trim()
    .toLowerCase()
    .replace(/^\[|\]$/g, "")
    .replace(/\.$/, "");
  if (isPublicResolver(host)) return "a public resolver everybody uses";
  const shared = sharedHost(host);
  if (shared) return shared;
  // Below a shared host stands a customer's own name, also where the host is a service's.
  const own = ancestors(host).some((name) => SHARED_BY_NAME.has(name));
  return !own && isWellKnownService(host) ? "well-known infrastructure" : undefined;
}

/** `a.b.example` gives `a.b.example`, `b.example` and `example`. */
const ancestors = (host: string): string[] => {
  const labels = host.split(".");
  return labels.map((_, index) => labels.slice(index).join("."));
};
