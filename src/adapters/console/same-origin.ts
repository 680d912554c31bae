import type { Request } from "express";

/**
 * Did our own page send this? A hostile page can make a browser post to loopback, but not with our Origin and not with
 * Sec-Fetch-Site: same-origin. Whoever sends neither is no browser page of ours.
 */
export function isSameOrigin(request: Request): boolean {
  const site = request.header("sec-fetch-site");
  if (site !== undefined && site !== "same-origin") return false;
  const origin = request.header("origin");
  if (origin !== undefined && URL.parse(origin)?.host !== request.header("host")) return false;
  return site !== undefined || origin !== undefined;
}
