import http from "node:http";

/** The way out, where a network has one. It may hold a password, so it is never logged or shown as it stands. */
export type ProxyConfig = { http: string | undefined; https: string | undefined; none: string };
type Env = Readonly<Record<string, string | undefined>>;

/** Never through a proxy: air's own processes talk to each other here. */
const LOOPBACK = ["localhost", "127.0.0.1", "[::1]", "::1"];

/** HTTPS_PROXY, HTTP_PROXY and NO_PROXY as other programs read them; the lower-case name wins. Undefined: none is set. */
export function readProxy(env: Env, say: (name: string, problem: string) => void): ProxyConfig | undefined {
  const read = (name: string): string | undefined => {
    const found = [name.toLowerCase(), name].find((one) => env[one]?.trim());
    const value = found && env[found]?.trim();
    if (!found || !value) return undefined;
    // "proxy.example:3128" is what people write; other programs take it for http.
    const url = URL.parse(/^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? value : `http://${value}`);
    if (url && /^https?:$/.test(url.protocol) && url.hostname !== "") return url.href;
    say(found, "must be the address of a proxy, like http://proxy.example:3128");
    return undefined;
  };
  const [plain, secure] = [read("HTTP_PROXY"), read("HTTPS_PROXY")];
  if (!plain && !secure) return undefined;
  const excepted = (env.no_proxy?.trim() || env.NO_PROXY?.trim() || "").split(/[\s,]+/).filter((one) => one !== "");
  return { http: plain, https: secure, none: [...new Set([...excepted, ...LOOPBACK])].join(",") };
}

/** Every request of this process goes that way from now on. Returns what undoes it. */
export function goThroughProxy({ http: plain, https: secure, none }: ProxyConfig): () => void {
  // Node 24 has it since 24.14.
  const set = http.setGlobalProxyFromEnv as typeof http.setGlobalProxyFromEnv | undefined;
  if (!set)
    throw new Error(`HTTPS_PROXY is set, and Node ${process.versions.node} cannot use it for everything: install Node 24.14 or newer`);
  return set({ ...(plain && { HTTP_PROXY: plain }), ...(secure && { HTTPS_PROXY: secure }), NO_PROXY: none });
}
