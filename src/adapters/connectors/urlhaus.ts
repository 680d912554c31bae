import { z } from "zod";
import type { EntityOf } from "../../engine/domain/entity.ts";
import { WEIGHTS } from "../../engine/domain/verdict.ts";
import type { Connector, ReputationAnswer, ReputationKind } from "../../engine/ports.ts";
import { ABUSE_CH, type AbuseChSettings, abuseChVendor, readAbuseCh, tags, time, word } from "./abuse-ch.ts";
import { address, defineConnector, intelligence, secret } from "./kind.ts";
import { type ReputationMeans, reputationSource } from "./reputation.ts";
import { statedAt } from "./stated-at.ts";

const UrlAnswer = z.object({ url_status: word, threat: word, tags, date_added: time, last_online: time });
const HostAnswer = z.object({ urls: z.array(z.object({ url_status: word, date_added: time })) });
const PayloadAnswer = z.object({ signature: word, file_type: word, firstseen: time, lastseen: time });

export function createUrlhaus(settings: AbuseChSettings, means: ReputationMeans): Connector {
  const { clock } = means;
  const vendor = abuseChVendor({ name: "URLhaus", urlSetting: "URLHAUS_URL" }, settings, means);

  /** Undefined: URLhaus has no entry. A look-up, though by POST: asking changes nothing. */
  async function ask<T extends z.ZodType>(
    path: string,
    form: Record<string, string>,
    schema: T,
    signal: AbortSignal,
  ): Promise<z.infer<T> | undefined> {
    const body = await vendor.http.postForm(path, form, { signal, acts: false });
    return readAbuseCh("URLhaus", body, schema, ["no_results"]);
  }

  async function look(entity: EntityOf<ReputationKind>, signal: AbortSignal): Promise<ReputationAnswer> {
    const now = clock.now();
    const neutral = (text: string): ReputationAnswer => ({ label: "neutral", weight: 0, text, at: now });
    switch (entity.kind) {
      case "url": {
        const answer = await ask("/v1/url/", { url: entity.url }, UrlAnswer, signal);
        return answer ? weighUrl(answer, now) : neutral("URLhaus does not list this URL");
      }
      case "ip":
      case "domain": {
        const host = entity.kind === "ip" ? entity.address : entity.name;
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
    reputation: [reputationSource(vendor, { name: "urlhaus", family: ABUSE_CH, kinds: ["url", "ip", "domain", "file"], look, clock })],
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

export const urlhaus = defineConnector({
  name: "urlhaus",
  product: "URLhaus",
  acts: false,
  settings: {
    authKey: secret(),
    url: address("https://urlhaus-api.abuse.ch"),
    ...intelligence(),
  },
  env: { ABUSECH_AUTH_KEY: "authKey", URLHAUS_URL: "url" },
  oneKeyWith: "abuse.ch",
  create: createUrlhaus,
});
