import { z } from "zod";
import type { Clock } from "../../../engine/ports.ts";
import { ConnectorError } from "../../../engine/ports.ts";
import { createHttp, HttpRefusal, type HttpSettings } from "../http.ts";
import { address, secret } from "../kind.ts";

/** An app registration of one tenant, as Entra ID keeps it. */
export type AppRegistration = { tenantId: string; clientId: string; clientSecret: string; loginUrl: string };
/** What air.yaml says of an app registration. Graph and Defender share one where only one is given. */
export const appRegistration = {
  tenantId: z
    .string()
    .trim()
    .regex(/^[A-Za-z0-9.-]{1,253}$/, "must be the tenant's id (a GUID) or one of its domains"),
  clientId: z
    .string()
    .trim()
    .regex(/^[A-Za-z0-9-]{1,64}$/, "must be the app registration's Application (client) ID"),
  clientSecret: secret(),
  /** Sovereign clouds sign in elsewhere. */
  loginUrl: address("https://login.microsoftonline.com"),
};
/** `breaker`, `timeoutMs` and `fetch` are for tests. */
export type Means = { clock: Clock } & Pick<HttpSettings, "breaker" | "timeoutMs" | "fetch" | "watch">;

/** Asked for again before it ends, so that no call carries a dead one. */
const TOKEN_SPARE_MS = 5 * 60_000;
const Token = z.object({ access_token: z.string().min(1), expires_in: z.coerce.number().positive() });
const LoginFailure = z.object({ error: z.string(), error_description: z.string().optional() });

export type SignIn = { get: (signal: AbortSignal) => Promise<string>; forget: (token: string) => void };

/**
 * OAuth 2.0 client credentials (domain facts 8.1): one token for everybody who asks at once. `setting` is the part of air.yaml its
 * errors name ("connectors.defender").
 */
export function signIn(app: AppRegistration, scope: string, setting: string, { clock, ...more }: Means): SignIn {
  const http = createHttp({
    name: "Microsoft sign-in",
    baseUrl: app.loginUrl,
    headers: {},
    refusedHint: `Check tenantId, clientId and clientSecret of ${setting} in air.yaml.`,
    urlSetting: `${setting}.loginUrl`,
    // "AADSTS7000215: Invalid client secret provided. Ensure ...": the rest is trace ids.
    reason: (body) => {
      const read = LoginFailure.safeParse(body).data;
      return read && (read.error_description ?? read.error).split(/Trace ID|\r|\n/)[0];
    },
    clock,
    ...more,
  });
  let current: { token: string; until: number } | undefined;
  let asking: Promise<string> | undefined;

  async function ask(): Promise<string> {
    const form = {
      client_id: app.clientId,
      client_secret: app.clientSecret,
      grant_type: "client_credentials",
      scope,
    };
    // Whoever asked first may give up; the others still want it.
    const path = `/${encodeURIComponent(app.tenantId)}/oauth2/v2.0/token`;
    const answer = await http.postForm(path, form, { signal: new AbortController().signal, acts: false }).catch((error: unknown) => {
      if (error instanceof HttpRefusal)
        throw new ConnectorError("refused", `${error.message.replace(/\.$/, "")}. Check ${setting} in air.yaml. Nothing was done.`);
      throw error;
    });
    const read = Token.safeParse(answer);
    if (!read.success) throw new ConnectorError("unavailable", "Microsoft sign-in answered in a shape air does not know");
    const { access_token: token, expires_in: seconds } = read.data;
    current = { token, until: clock.now().getTime() + Math.max(seconds * 1000 - TOKEN_SPARE_MS, 0) };
    return token;
  }

  return {
    async get(signal) {
      if (current && clock.now().getTime() < current.until) return current.token;
      asking ??= ask().finally(() => {
        asking = undefined;
      });
      const aborted = Promise.withResolvers<never>();
      const stop = () => aborted.reject(new ConnectorError("unavailable", "Microsoft sign-in was given up on before it answered"));
      if (signal.aborted) stop();
      signal.addEventListener("abort", stop, { once: true });
      try {
        return await Promise.race([asking, aborted.promise]);
      } finally {
        signal.removeEventListener("abort", stop);
      }
    },
    forget(token) {
      if (current?.token === token) current = undefined;
    },
  };
}
