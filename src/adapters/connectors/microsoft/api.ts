import { z } from "zod";
import { ConnectorError } from "../../../engine/ports.ts";
import { createHttp, HttpRefusal } from "../http.ts";
import { type AppRegistration, type Means, signIn } from "./sign-in.ts";

/** One of Microsoft's APIs that answer in OData with an app's own sign-in. */
export type Product = {
  /** As people call it, and as the list of API permissions does. */
  name: string;
  permissionsOf: string;
  /** The part of air.yaml its errors name ("connectors.defender"). */
  setting: string;
  url: string;
  /** What a token is asked for. */
  scope: string;
};

const PAGE = 1000;
const MOST_PAGES = 20;

const List = z.object({ value: z.array(z.unknown()), "@odata.nextLink": z.string().optional() });
const Failure = z.object({ error: z.object({ code: z.string().optional(), message: z.string().optional() }) });
const Claims = z.object({ roles: z.array(z.string()).default([]) });

/** What a call needs and what it is aimed at, for the sentence when it is refused. `headers`: beside the token. */
export type About = { permission: string; what: string; signal: AbortSignal; headers?: Readonly<Record<string, string>> };
/** `mostPages`: how far air reads; `page`: how many it asks for at once, 0 where the server decides and always names the next page. */
export type ListOptions = { page?: number; mostPages?: number };

export type Api = {
  readonly name: string;
  /** Undefined: there is no such thing. */
  get: (path: string, about: About) => Promise<unknown>;
  /** Every page; unreadable as a whole where one page is. `parameters` as OData names them ($filter, $select, ...). */
  list: (path: string, parameters: Readonly<Record<string, string>>, about: About, options?: ListOptions) => Promise<unknown[]>;
  /** One page of a list, from the path of its first page or the one the page before named. */
  page: (path: string, about: About) => Promise<{ items: unknown[]; next: string | undefined }>;
  /** `acts` false: it only asks, as hunting does, so that a lost answer leaves nothing unclear. */
  post: (path: string, body: Record<string, unknown>, about: About, acts?: boolean) => Promise<unknown>;
  patch: (path: string, body: Record<string, unknown>, about: About) => Promise<unknown>;
  delete: (path: string, about: About) => Promise<void>;
  /** The application permissions the token says it has; undefined where the token cannot be read. */
  roles: (signal: AbortSignal) => Promise<string[] | undefined>;
  /** What an answer that does not parse is called. */
  unknownShape: () => ConnectorError;
};

/** The API with the app's own sign-in (domain facts 8.1, 8.6). It never repeats a call that may have acted. */
export function createApi(product: Product, app: AppRegistration, means: Means): Api {
  const { name, setting } = product;
  const { clock, ...more } = means;
  const http = createHttp({
    name,
    baseUrl: product.url,
    headers: {},
    refusedHint: `Check ${setting} in air.yaml.`,
    urlSetting: `${setting}.url`,
    reason: (body) => {
      const { error } = Failure.safeParse(body).data ?? {};
      return error && [error.code, error.message].filter((part) => part).join(": ");
    },
    clock,
    ...more,
  });
  const token = signIn(app, product.scope, setting, means);
  const unknownShape = () => new ConnectorError("unavailable", `${name} answered in a shape air does not know`);

  /** A call with a token; one that is not taken any more was not carried out, so it is made once more with a new one. */
  async function authorised<T>(about: About, go: (headers: Record<string, string>) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      const bearer = await token.get(about.signal);
      try {
        return await go({ ...about.headers, authorization: `Bearer ${bearer}` });
      } catch (error) {
        if (!(error instanceof HttpRefusal)) throw error;
        if (error.status === 401) token.forget(bearer);
        if (error.status !== 401 || attempt > 1) throw inWords(product, error, about, rolesIn(bearer));
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
    name,
    get: (path, about) => authorised(about, (headers) => http.get(path, { signal: about.signal, expect404: true, headers })),
    async list(path, parameters, about, { page: size = PAGE, mostPages = MOST_PAGES } = {}) {
      const items: unknown[] = [];
      let next: string | undefined;
      for (let number = 0; number < mostPages; number++) {
        const part = size > 0 ? { $top: String(size), ...(items.length > 0 && { $skip: String(items.length) }) } : {};
        const query = odata({ ...parameters, ...part });
        const read = await page(next ?? (query ? `${path}?${query}` : path), about);
        items.push(...read.items);
        next = read.next;
        // Asked for so many, a server may give exactly so many and name no next page.
        if (next === undefined && (size === 0 || read.items.length < size)) return items;
      }
      throw new ConnectorError("unavailable", `${name} has more than ${items.length} entries for this, which air does not read`);
    },
    page,
    post: (path, body, about, acts = true) =>
      authorised(about, (headers) => http.postJson(path, body, { signal: about.signal, acts, headers })),
    patch: (path, body, about) => authorised(about, (headers) => http.patchJson(path, body, { signal: about.signal, acts: true, headers })),
    delete: async (path, about) => void (await authorised(about, (headers) => http.delete(path, { signal: about.signal, headers }))),
    roles: async (signal) => rolesIn(await token.get(signal)),
    unknownShape,
  };
}

/** Parameters as OData reads them: a space is %20, never +. */
const odata = (parameters: Readonly<Record<string, string>>) =>
  Object.entries(parameters)
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
    .join("&");
/** A text in a filter: quotes are doubled. */
export const quoted = (text: string) => `'${text.replaceAll("'", "''")}'`;

/** What `air doctor` says where permissions are missing; each entry lists what grants the same. */
export function missingPermissions(
  { name, permissionsOf }: Pick<Product, "name" | "permissionsOf">,
  roles: readonly string[],
  needed: readonly (readonly string[])[],
): ConnectorError | undefined {
  const missing = needed.filter((any) => !any.some((role) => roles.includes(role))).map(([role]) => role);
  if (missing.length === 0) return undefined;
  const them = missing.length === 1 ? "it" : "them";
  const kind = missing.length === 1 ? "an application permission" : "application permissions";
  return new ConnectorError(
    "refused",
    `${name}: the app registration lacks ${missing.join(", ")}. An administrator adds ${them} under API permissions, ${permissionsOf}, as ${kind}, and grants consent.`,
  );
}

/** In the words of Graph and of Defender. */
const SAYS_MISSING =
  /Authorization_RequestDenied|Insufficient privileges|missing (application roles|permission)|required application permissions/i;

function inWords(
  product: Product,
  { status, said, message }: HttpRefusal,
  { permission, what }: About,
  roles: readonly string[] | undefined,
): ConnectorError {
  const { name, setting, permissionsOf } = product;
  const words = said ? ` ${name} says: ${said}.` : "";
  // Its token has the permission and Microsoft names none: a licence, a policy, or a gateway is in the way. A permission just taken away stands
  // in a token for an hour, so what Microsoft says comes first.
  if (status === 403 && roles?.includes(permission) && !SAYS_MISSING.test(said))
    return new HttpRefusal(
      status,
      `${name} does not let air do this, although its app registration has ${permission}.${words} Nothing was done.`,
      said,
    );
  if (status === 403) {
    return new HttpRefusal(
      status,
      `${name} does not let air do this: the app registration lacks ${permission}. An administrator adds it under API permissions, ${permissionsOf}, as an application permission, and grants consent.${words} Nothing was done.`,
      said,
    );
  }
  if (status === 401)
    return new HttpRefusal(status, `${name} does not take air's sign-in: check ${setting}.${words} Nothing was done.`, said);
  if (status === 404) return new HttpRefusal(status, `${name} does not know ${what}.${words} Nothing was done.`, said);
  return new HttpRefusal(status, `${message}. Nothing was done.`, said);
}

/** What the token says it may do, where it can be read at all; only to say what is missing before it is missed. */
function rolesIn(token: string): string[] | undefined {
  try {
    return Claims.parse(JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString("utf8"))).roles;
  } catch {
    return undefined;
  }
}
