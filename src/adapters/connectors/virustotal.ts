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

export type VirusTotalSettings = { apiKey: string; url: string; perMinute: number | undefined; perDay: number | undefined };

const count = z.number().int().nonnegative().default(0);
const time = z
  .number()
  .positive()
  .transform((seconds) => new Date(seconds * 1000))
  .optional()
  .catch(undefined);
/** Far more is in an answer; this is what the judgement rests on, and what is kept with it. */
const Answer = z.object({
  data: z.object({
    attributes: z.object({
      last_analysis_stats: z.object({ malicious: count, suspicious: count, harmless: count, undetected: count }),
      last_analysis_date: time,
      first_submission_date: time,
      popularity_ranks: z.record(z.string(), z.unknown()).optional().catch(undefined),
      popular_threat_classification: z
        .object({ suggested_threat_label: z.string().max(200).optional() })
        .optional()
        .catch(undefined),
    }),
  }),
});
type Attributes = z.infer<typeof Answer>["data"]["attributes"];

/** How many engines must have looked before "none of them minds" means anything. */
const ENOUGH_ENGINES = 40;
/** Fresh malware is detected by nobody for a while. */
const SEASONED_DAYS = 7;
const DAY = 86_400_000;

export function createVirusTotal(
  settings: VirusTotalSettings,
  { clock, fetch: ownFetch }: { clock: Clock; fetch?: typeof fetch },
): Connector {
  const http = createHttp({
    name: "VirusTotal",
    baseUrl: settings.url,
    headers: { "x-apikey": settings.apiKey },
    refusedHint: "Copy the API key from your VirusTotal profile into VIRUSTOTAL_API_KEY.",
    urlSetting: "VIRUSTOTAL_URL",
    clock,
    quota: createQuota({ name: "VirusTotal", perMinute: settings.perMinute, perDay: settings.perDay, clock }),
    ...(ownFetch && { fetch: ownFetch }),
  });

  async function look(entity: EntityOf<ReputationKind>, signal: AbortSignal): Promise<ReputationAnswer> {
    const now = clock.now();
    const path = pathOf(entity);
    if ("reason" in path) return { label: "neutral", weight: 0, text: path.reason, at: now };
    const body = await http.get(path.path, { signal, expect404: true });
    if (body === undefined) return { label: "neutral", weight: 0, text: `VirusTotal does not know this ${WORD[entity.kind]}`, at: now };
    const answer = Answer.safeParse(body);
    if (!answer.success) throw new ConnectorError("unavailable", "VirusTotal answered in a shape air does not know");
    return weigh(entity.kind, answer.data.data.attributes, now);
  }

  return {
    name: "virustotal",
    lab: false,
    reputation: [{ name: "virustotal", family: "virustotal", kinds: ["file", "url", "ip", "domain"], look }],
    async check(signal) {
      await http.get("/api/v3/domains/virustotal.com", { signal, expect404: true });
    },
  };
}

const WORD: Record<ReputationKind, string> = { file: "file", url: "URL", ip: "address", domain: "domain" };

function pathOf(entity: EntityOf<ReputationKind>): { path: string } | { reason: string } {
  switch (entity.kind) {
    case "file": {
      const hash = entity.sha256 ?? entity.sha1 ?? entity.md5;
      return hash ? { path: `/api/v3/files/${hash}` } : { reason: "not asked: VirusTotal knows files by hash only" };
    }
    case "ip":
      return isPublicAddress(entity.address)
        ? { path: `/api/v3/ip_addresses/${encodeURIComponent(canonicalAddress(entity.address))}` }
        : { reason: "not asked: not a public address" };
    case "domain":
      return { path: `/api/v3/domains/${encodeURIComponent(entity.name.trim().toLowerCase().replace(/\.$/, ""))}` };
    case "url":
      return { path: `/api/v3/urls/${Buffer.from(canonicalUrl(entity.url), "utf8").toString("base64url")}` };
    default:
      return entity satisfies never;
  }
}

function weigh(kind: ReputationKind, attributes: Attributes, now: Date): ReputationAnswer {
  const { malicious, suspicious, harmless, undetected } = attributes.last_analysis_stats;
  const engines = malicious + suspicious + harmless + undetected;
  const family = attributes.popular_threat_classification?.suggested_threat_label;
  const raw = attributes;
  // A file's bytes do not change, an accusation of them does not age (see statedAt); everything else dates from the analysis.
  const analysed = statedAt(attributes.last_analysis_date, now);
  const accusedAt = kind === "file" ? now : analysed;
  const accusing = `${malicious} of ${engines} engines at VirusTotal call it malicious${family ? ` (${family})` : ""}`;
  if (malicious >= 10) return { label: "malicious", weight: WEIGHTS.reputationStrong, text: accusing, at: accusedAt, raw };
  if (malicious >= 4) return { label: "malicious", weight: WEIGHTS.reputationSome, text: accusing, at: accusedAt, raw };
  if (malicious + suspicious > 0) {
    const text = malicious > 0 ? accusing : `${suspicious} of ${engines} engines at VirusTotal call it suspicious`;
    return { label: "suspicious", weight: WEIGHTS.reputationFew, text, at: accusedAt, raw };
  }
  const clean = `none of ${engines} engines at VirusTotal calls it bad`;
  const weight = cleanWeight(kind, attributes, now);
  return weight === undefined
    ? { label: "neutral", weight: 0, text: `${clean}, which does not prove it good yet`, at: analysed, raw }
    : { label: "benign", weight, text: clean, at: analysed, raw };
}

/** What "nobody minds it" is worth, or undefined where it says nothing. */
function cleanWeight(kind: ReputationKind, attributes: Attributes, now: Date): number | undefined {
  const { harmless, undetected } = attributes.last_analysis_stats;
  const first = attributes.first_submission_date;
  // Everything malicious was clean on its first day. Where VirusTotal does not say since when it knows the thing, that is not held against it.
  if (first && now.getTime() - first.getTime() < SEASONED_DAYS * DAY) return undefined;
  switch (kind) {
    case "file":
      return harmless + undetected >= ENOUGH_ENGINES ? WEIGHTS.reputationClean : undefined;
    case "domain":
    case "ip":
    case "url":
      // Here "undetected" means that an engine has no entry; only an explicit "harmless" is an opinion, and for anything but a
      // well visited domain a weak one: an attacker's new address is on no list either.
      if (harmless < ENOUGH_ENGINES) return undefined;
      return kind === "domain" && Object.keys(attributes.popularity_ranks ?? {}).length > 0
        ? WEIGHTS.reputationClean
        : WEIGHTS.reputationFew;
    default:
      return kind satisfies never;
  }
}
