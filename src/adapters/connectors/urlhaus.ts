import { z } from "zod";
import type { EntityOf } from "../../engine/domain/entity.ts";
import { canonicalAddress, canonicalUrl } from "../../engine/domain/entity.ts";
import { WEIGHTS } from "../../engine/domain/verdict.ts";
import type { Clock, Connector, ReputationAnswer, ReputationKind } from "../../engine/ports.ts";
import { ConnectorError } from "../../engine/ports.ts";
import { createHttp } from "./http.ts";
import { isPublicAddress } from "./public-address.ts";
import { createQuota } from "./quota.ts";
import { statedAt } from "./stated-at.ts";

export type UrlhausSettings = { authKey: string; url: string; perMinute: number | undefined; perDay: number | undefined };

const KEY_HINT = "Create an Auth-Key at auth.abuse.ch and put it into ABUSECH_AUTH_KEY.";

/** "2019-01-19 01:33:26 UTC" or without the zone, which is always UTC. */
const time = z
  .string()
  .transform((text) => new Date(`${text.replace(/ UTC$/, "").replace(" ", "T")}Z`))
  .nullish()
  .catch(undefined);
const word = z.string().max(200).nullish().catch(undefined);
const tags = z.array(z.string().max(100)).max(100).nullish().catch(undefined);
const UrlAnswer = z.object({ url_status: word, threat: word, tags, date_added: time, last_online: time });
const HostAnswer = z.object({ urls: z.array(z.object({ url_status: word, date_added: time })) });
const PayloadAnswer = z.object({ signature: word, file_type: word, firstseen: time, lastseen: time });

export function createUrlhaus(settings: UrlhausSettings, { clock, fetch: ownFetch }: { clock: Clock; fetch?: typeof fetch }): Connector {
  const http = createHttp({
    name: "URLhaus",
    baseUrl: settings.url,
    headers: { "Auth-Key": settings.authKey },
    refusedHint: KEY_HINT,
    urlSetting: "URLHAUS_URL",
    clock,
    quota: createQuota({ name: "URLhaus", perMinute: settings.perMinute, perDay: settings.perDay, clock }),
    ...(ownFetch && { fetch: ownFetch }),
  });

  /** Undefined: URLhaus has no entry. A look-up, though by POST: asking changes nothing. */
  async function ask<T extends z.ZodType>(
    path: string,
    form: Record<string, string>,
    schema: T,
    signal: AbortSignal,
  ): Promise<z.infer<T> | undefined> {
    const body = await http.postForm(path, form, { signal, acts: false });
    const status = z.object({ query_status: z.string() }).safeParse(body).data?.query_status;
    if (status === "no_results") return undefined;
    const answer = schema.safeParse(body);
    if (status === "ok" && answer.success) return answer.data;
    // URLhaus says some refusals with status 200.
    if (status?.includes("auth")) throw new ConnectorError("refused", `URLhaus refused air's key. ${KEY_HINT}`);
    if (status && status !== "ok" && /^[a-z0-9_]{1,40}$/.test(status))
      throw new ConnectorError("refused", `URLhaus refused the request (${status})`);
    throw new ConnectorError("unavailable", "URLhaus answered in a shape air does not know");
  }

  async function look(entity: EntityOf<ReputationKind>, signal: AbortSignal): Promise<ReputationAnswer> {
    const now = clock.now();
    const neutral = (text: string): ReputationAnswer => ({ label: "neutral", weight: 0, text, at: now });
    switch (entity.kind) {
      case "url": {
        const answer = await ask("/v1/url/", { url: canonicalUrl(entity.url) }, UrlAnswer, signal);
        return answer ? weighUrl(answer, now) : neutral("URLhaus does not list this URL");
      }
      case "ip":
      case "domain": {
        if (entity.kind === "ip" && !isPublicAddress(entity.address)) return neutral("not asked: not a public address");
        const host = entity.kind === "ip" ? canonicalAddress(entity.address) : entity.name.trim().toLowerCase().replace(/\.$/, "");
        const answer = await ask("/v1/host/", { host }, HostAnswer, signal);
        return answer && answer.urls.length > 0 ? weighHost(answer, now) : neutral("URLhaus lists no URL on this host");
      }
      case "file": {
        const form = entity.sha256 ? { sha256_hash: entity.sha256 } : entity.md5 ? { md5_hash: entity.md5 } : undefined;
        if (!form) return neutral("not asked: URLhaus knows files by SHA-256 and MD5 only");
        const answer = await ask("/v1/payload/", form, PayloadAnswer, signal);
        return answer ? weighPayload(answer, now) : neutral("URLhaus does not list this file");
      }
      default:
        return entity satisfies never;
    }
  }

  return {
    name: "urlhaus",
    lab: false,
    reputation: [{ name: "urlhaus", family: "abuse.ch", kinds: ["url", "ip", "domain", "file"], look }],
    async check(signal) {
      await ask("/v1/host/", { host: "urlhaus.abuse.ch" }, z.unknown(), signal);
    },
  };
}

function weighUrl(answer: z.infer<typeof UrlAnswer>, now: Date): ReputationAnswer {
  // URLhaus keeps asking the urls it lists: "online" is a statement of now, whenever it was added.
  const online = answer.url_status === "online";
  const at = online ? now : statedAt(answer.last_online ?? answer.date_added ?? undefined, now);
  const what = [answer.threat, ...(answer.tags ?? []).slice(0, 5)].filter(Boolean).join(", ");
  const text = `URLhaus lists it as a malware URL${what ? ` (${what})` : ""}, ${online ? "online now" : "no longer online"}`;
  return { label: "malicious", weight: WEIGHTS.listedMalware, text, at, raw: answer };
}

function weighHost(answer: z.infer<typeof HostAnswer>, now: Date): ReputationAnswer {
  const online = answer.urls.filter((url) => url.url_status === "online").length;
  const added = answer.urls.map((url) => url.date_added?.getTime() ?? Number.NaN).filter((ms) => !Number.isNaN(ms));
  const at = online > 0 || added.length === 0 ? now : statedAt(new Date(Math.max(...added)), now);
  // Suspicious at most: code hosts and file shares stand here too, for what one of their users uploaded.
  const weight = online > 0 ? WEIGHTS.reputationSome : WEIGHTS.reputationFew;
  const text = `URLhaus lists ${answer.urls.length} malware URL${answer.urls.length === 1 ? "" : "s"} on it, ${online} online now`;
  return { label: "suspicious", weight, text, at, raw: { urls: answer.urls.length, online } };
}

function weighPayload(answer: z.infer<typeof PayloadAnswer>, now: Date): ReputationAnswer {
  // Everything a listed url served is collected, error pages too; only what a signature names is known to be malware.
  return answer.signature
    ? { label: "malicious", weight: WEIGHTS.listedMalware, text: `URLhaus knows it as malware (${answer.signature})`, at: now, raw: answer }
    : {
        label: "suspicious",
        weight: WEIGHTS.reputationFew,
        text: "URLhaus has seen a malware URL serve it, without a signature",
        at: now,
        raw: answer,
      };
}
