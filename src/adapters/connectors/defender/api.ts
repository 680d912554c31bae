import { z } from "zod";
import type { Clock } from "../../../engine/ports.ts";
import { ConnectorError } from "../../../engine/ports.ts";
import { createHttp, type Http, HttpRefusal, type HttpSettings } from "../http.ts";

export type DefenderSettings = { tenantId: string; clientId: string; clientSecret: string; url: string; loginUrl: string };
/** `breaker`, `timeoutMs` and `fetch` are for tests. */
export type DefenderMeans = { clock: Clock } & Pick<HttpSettings, "breaker" | "timeoutMs" | "fetch">;

export const PRODUCT = "Microsoft Defender";
/** Asked for again before it ends, so that no call carries a dead one. */
const TOKEN_SPARE_MS = 5 * 60_000;
const PAGE = 1000;
const MOST_PAGES = 20;

const Token = z.object({ access_token: z.string().min(1), expires_in: z.coerce.number().positive() });
const List = z.object({ value: z.array(z.unknown()), "@odata.nextLink": z.string().optional() });
const Failure = z.object({ error: z.object({ code: z.string().optional(), message: z.string().optional() }) });
const LoginFailure = z.object({ error: z.string(), error_description: z.string().optional() });

/** What a call needs and what it is aimed at, for the sentence when it is refused. */
type About = { permission: string; what: string; signal: AbortSignal };

export type Api = {
  /** Undefined: there is no such thing. */
  get: (path: string, about: About) => Promise<unknown>;
  /** Every page; unreadable as a whole where one page is. */
  list: (path: string, filter: string | undefined, about: About) => Promise<unknown[]>;
  post: (path: string, body: Record<string, unknown>, about: About) => Promise<unknown>;
  delete: (path: string, about: About) => Promise<void>;
  /** The token air is given, as it stands. */
  token: (signal: AbortSignal) => Promise<string>;
};

/** The API of Defender for Endpoint with the app's own sign-in (domain facts 8.1, 8.4, 8.6). It never repeats a call that may have acted. */
export function createApi(settings: DefenderSettings, means: DefenderMeans): Api {
  const { clock, ...more } = means;
  const http = createHttp({
    name: PRODUCT,
    baseUrl: settings.url,
    headers: {},
    refusedHint: "Check connectors.defender in air.yaml.",
    urlSetting: "connectors.defender.url",
    reason: (body) => {
      const { error } = Failure.safeParse(body).data ?? {};
      return error && [error.code, error.message].filter((part) => part).join(": ");
    },
    clock,
    ...more,
  });
  const token = signIn(settings, means);

  /** A call with a token; one that is not taken any more was not carried out, so it is made once more with a new one. */
  async function authorised<T>(about: About, go: (headers: Record<string, string>) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      const headers = { authorization: `Bearer ${await token.get(about.signal)}` };
      try {
        return await go(headers);
      } catch (error) {
        if (!(error instanceof HttpRefusal)) throw error;
        if (error.status === 401) token.forget(headers.authorization.slice("Bearer ".length));
        if (error.status !== 401 || attempt > 1) throw inWords(error, about);
      }
    }
  }

  async function page(path: string, about: About) {
    // Nothing here is missing but with the thing itself: a list that is not there is refused as one.
    const read = List.safeParse(await authorised(about, (headers) => http.get(path, { signal: about.signal, headers })));
    if (!read.success) throw unknownShape();
    const next = read.data["@odata.nextLink"];
    return { items: read.data.value, next: next === undefined ? undefined : http.pathOf(next) };
  }

  return {
    get: (path, about) => authorised(about, (headers) => http.get(path, { signal: about.signal, expect404: true, headers })),
    async list(path, filter, about) {
      const items: unknown[] = [];
      let next: string | undefined;
      for (let number = 0; number < MOST_PAGES; number++) {
        const read = await page(next ?? `${path}?${odata({ $filter: filter, $top: PAGE, $skip: items.length || undefined })}`, about);
        items.push(...read.items);
        next = read.next;
        // Asked for so many, a server may give exactly so many and name no next page.
        if (next === undefined && read.items.length < PAGE) return items;
      }
      throw new ConnectorError("unavailable", `${PRODUCT} has more than ${MOST_PAGES * PAGE} entries for this, which air does not read`);
    },
    post: (path, body, about) => authorised(about, (headers) => http.postJson(path, body, { signal: about.signal, acts: true, headers })),
    delete: async (path, about) => void (await authorised(about, (headers) => http.delete(path, { signal: about.signal, headers }))),
    token: token.get,
  };
}

export const unknownShape = () => new ConnectorError("unavailable", `${PRODUCT} answered in a shape air does not know`);

/** Parameters as OData reads them: a space is %20, never +. */
const odata = (parameters: Record<string, string | number | undefined>) =>
  Object.entries(parameters)
    .flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`]))
    .join("&");
/** A text in a filter: quotes are doubled. */
export const quoted = (text: string) => `'${text.replaceAll("'", "''")}'`;

function inWords({ status, said, message }: HttpRefusal, { permission, what }: About): ConnectorError {
  const words = said ? ` ${PRODUCT} says: ${said}.` : "";
  if (status === 403) {
    return new HttpRefusal(
      status,
      `${PRODUCT} does not let air do this: the app registration lacks ${permission}. An administrator adds it under API permissions, WindowsDefenderATP, as an application permission, and grants consent.${words} Nothing was done.`,
      said,
    );
  }
  if (status === 401)
    return new HttpRefusal(status, `${PRODUCT} does not take air's sign-in: check connectors.defender.${words} Nothing was done.`, said);
  if (status === 404) return new HttpRefusal(status, `${PRODUCT} does not know ${what}.${words} Nothing was done.`, said);
  return new HttpRefusal(status, `${message}. Nothing was done.`, said);
}

type SignIn = { get: (signal: AbortSignal) => Promise<string>; forget: (token: string) => void };

/** OAuth 2.0 client credentials: one token for everybody who asks at once. */
function signIn(settings: DefenderSettings, { clock, ...more }: DefenderMeans): SignIn {
  const http: Http = createHttp({
    name: "Microsoft sign-in",
    baseUrl: settings.loginUrl,
    headers: {},
    refusedHint: "Check tenantId, clientId and clientSecret of connectors.defender in air.yaml.",
    urlSetting: "connectors.defender.loginUrl",
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
      client_id: settings.clientId,
      client_secret: settings.clientSecret,
      grant_type: "client_credentials",
      scope: scopeOf(settings.url),
    };
    // Whoever asked first may give up; the others still want it.
    const path = `/${encodeURIComponent(settings.tenantId)}/oauth2/v2.0/token`;
    const answer = await http.postForm(path, form, { signal: new AbortController().signal, acts: false }).catch((error: unknown) => {
      if (error instanceof HttpRefusal)
        throw new ConnectorError(
          "refused",
          `${error.message.replace(/\.$/, "")}. Check connectors.defender in air.yaml. Nothing was done.`,
        );
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

/** The resource is named apart from the address it answers at; the government clouds have their own. */
const scopeOf = (url: string) =>
  new URL(url).hostname.endsWith(".microsoft.us")
    ? "https://api-gov.securitycenter.microsoft.us/.default"
    : "https://api.securitycenter.microsoft.com/.default";
