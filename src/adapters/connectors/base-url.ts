import { isIP } from "node:net";

const isLoopback = (hostname: string) => {
  const host = hostname.replace(/^\[|\]$/g, "");
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
};

/**
 * The address of a product (product contract 3.3). What is wrong is told without repeating the value: it may hold a password.
 * `http: "anywhere"` is for air's own addresses, which carry no key of anybody else.
 */
export function readBaseUrl(text: string, { http }: { http: "loopback" | "anywhere" }): { url: string } | { problem: string } {
  const url = URL.parse(text);
  if (!url?.hostname || (url.protocol !== "https:" && url.protocol !== "http:")) return { problem: "must be an https:// address" };
  if (url.username || url.password) return { problem: "must not hold a user name or password" };
  if (url.protocol === "http:" && http === "loopback" && !isLoopback(url.hostname)) {
    return { problem: "must be https: http is allowed on this machine only (127.0.0.1, localhost)" };
  }
  if (url.search || url.hash) return { problem: "must be a plain address, without ? or #" };
  return { url: url.href.replace(/\/+$/, "") };
}
