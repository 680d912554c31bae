import { z } from "zod";
import { ConnectorError } from "../../engine/ports.ts";
import { createVendor, type ReputationMeans, type ReputationSettings, type Vendor } from "./reputation.ts";

export type AbuseChSettings = { authKey: string } & ReputationSettings;

/** Their databases repeat each other's entries, so they vote once. */
export const ABUSE_CH = "abuse.ch";
const KEY_HINT = "Create an Auth-Key at auth.abuse.ch and put it into ABUSECH_AUTH_KEY.";

/** "2019-01-19 01:33:26 UTC" or without the zone, which is always UTC. */
export const time = z
  .string()
  .transform((text) => new Date(`${text.replace(/ UTC$/, "").replace(" ", "T")}Z`))
  .nullish()
  .catch(undefined);
export const word = z.string().max(200).nullish().catch(undefined);
export const tags = z.array(z.string().max(100)).max(100).nullish().catch(undefined);

export const abuseChVendor = (product: { name: string; urlSetting: string }, settings: AbuseChSettings, means: ReputationMeans): Vendor =>
  createVendor({ ...product, headers: { "Auth-Key": settings.authKey }, refusedHint: KEY_HINT }, settings, means);

/** The three answer with status 200 whatever they have to say, and tell which it is in `query_status`. Undefined: no entry. */
export function readAbuseCh<T extends z.ZodType>(
  name: string,
  body: unknown,
  schema: T,
  unknown: readonly string[],
): z.infer<T> | undefined {
  const status = z.object({ query_status: z.string() }).safeParse(body).data?.query_status;
  if (status !== undefined && unknown.includes(status)) return undefined;
  const answer = schema.safeParse(body);
  if (status === "ok" && answer.success) return answer.data;
  if (status && /auth|api_key|blacklisted/.test(status)) throw new ConnectorError("refused", `${name} refused air's key. ${KEY_HINT}`);
  if (status && status !== "ok" && /^[a-z0-9_]{1,40}$/.test(status))
    throw new ConnectorError("refused", `${name} refused the request (${status})`);
  throw new ConnectorError("unavailable", `${name} answered in a shape air does not know`);
}
