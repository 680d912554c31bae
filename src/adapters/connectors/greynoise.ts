import { z } from "zod";
import type { EntityOf } from "../../engine/domain/entity.ts";
import { WEIGHTS } from "../../engine/domain/verdict.ts";
import type { Connector, ReputationAnswer, ReputationKind } from "../../engine/ports.ts";
import { ConnectorError } from "../../engine/ports.ts";
import { address, defineConnector, intelligence, secret } from "./kind.ts";
import { createVendor, type ReputationMeans, type ReputationSettings, reputationSource } from "./reputation.ts";
import { statedAt } from "./stated-at.ts";

/** Which of its two look-ups the key is for; a community key is free. */
export type GreyNoiseSettings = { apiKey: string; plan: "community" | "enterprise" } & ReputationSettings;

const word = z.string().max(300).nullish().catch(undefined);
/** "2024-05-01" or "2024-05-01 12:30:00", in UTC. */
const time = z
  .string()
  .transform((text) => new Date(/^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00:00Z` : `${text.replace(" ", "T").replace(/Z$/, "")}Z`))
  .nullish()
  .catch(undefined);
const flag = z.boolean().nullish().catch(undefined);

/** docs.greynoise.io/reference: GET /v3/community/{ip}. */
const Community = z.object({ noise: z.boolean(), riot: z.boolean(), classification: word, name: word, last_seen: time });
/** GET /v3/ip/{ip}: what scans the internet, and which services businesses use. */
const Enterprise = z.object({
  internet_scanner_intelligence: z.object({
    found: z.boolean(),
    classification: word,
    actor: word,
    spoofable: flag,
    tor: flag,
    last_seen: time,
    last_seen_timestamp: time,
  }),
  business_service_intelligence: z.object({ found: z.boolean(), name: word, category: word, trust_level: word }),
});

/** What both say, in one shape. */
type Known = {
  scans: boolean;
  classification: string | undefined;
  actor: string | undefined;
  spoofable: boolean;
  service: { name: string | undefined; trusted: boolean } | undefined;
  lastSeen: Date | undefined;
};

const HOUR = 3_600_000;
/** A free key grants a few dozen look-ups a week, and what scans the internet does so for days. */
const KEEPS = { hitMs: 24 * HOUR, missMs: 12 * HOUR };

export function createGreyNoise(settings: GreyNoiseSettings, means: ReputationMeans): Connector {
  const { clock } = means;
  const vendor = createVendor(
    {
      name: "GreyNoise",
      headers: { key: settings.apiKey },
      refusedHint: "Copy the API key from your GreyNoise account into GREYNOISE_API_KEY; plan: enterprise needs a subscription.",
      urlSetting: "GREYNOISE_URL",
    },
    settings,
    means,
  );

  /** Undefined: never seen. */
  async function ask(address: string, signal: AbortSignal): Promise<Known | undefined> {
    const path = settings.plan === "enterprise" ? "/v3/ip" : "/v3/community";
    const body = await vendor.http.get(`${path}/${encodeURIComponent(address)}`, { signal, expect404: true });
    if (body === undefined) return undefined;
    const known = settings.plan === "enterprise" ? fromEnterprise(body) : fromCommunity(body);
    if (!known) throw new ConnectorError("unavailable", "GreyNoise answered in a shape air does not know");
    return known;
  }

  async function look(entity: EntityOf<ReputationKind>, signal: AbortSignal): Promise<ReputationAnswer> {
    const now = clock.now();
    const neutral = (text: string): ReputationAnswer => ({ label: "neutral", weight: 0, text, at: now });
    if (entity.kind !== "ip") return neutral("not asked: GreyNoise knows addresses only");
    if (entity.address.includes(":")) return neutral("not asked: GreyNoise knows IPv4 addresses only");
    const known = await ask(entity.address, signal);
    return known && (known.scans || known.service)
      ? weigh(known, now)
      : neutral("GreyNoise has not seen it scan the internet and knows no service there");
  }

  return {
    name: "greynoise",
    lab: false,
    reputation: [reputationSource(vendor, { name: "greynoise", family: "greynoise", kinds: ["ip"], look, clock, keeps: KEEPS })],
    async check(signal) {
      // Costs none of the look-ups.
      await vendor.http.get("/ping", { signal });
    },
  };
}

function fromCommunity(body: unknown): Known | undefined {
  const read = Community.safeParse(body).data;
  if (!read) return undefined;
  const name = read.name && read.name.toLowerCase() !== "unknown" ? read.name : undefined;
  return {
    scans: read.noise,
    classification: read.classification ?? undefined,
    actor: name,
    spoofable: false,
    service: read.riot ? { name, trusted: false } : undefined,
    lastSeen: read.last_seen ?? undefined,
  };
}

function fromEnterprise(body: unknown): Known | undefined {
  const read = Enterprise.safeParse(body).data;
  if (!read) return undefined;
  const { internet_scanner_intelligence: scanner, business_service_intelligence: service } = read;
  return {
    scans: scanner.found,
    classification: scanner.classification ?? undefined,
    actor: scanner.actor && scanner.actor.toLowerCase() !== "unknown" ? scanner.actor : undefined,
    spoofable: scanner.spoofable ?? false,
    service: service.found ? { name: service.name ?? undefined, trusted: service.trust_level === "1" } : undefined,
    lastSeen: scanner.last_seen_timestamp ?? scanner.last_seen ?? undefined,
  };
}

function weigh(known: Known, now: Date): ReputationAnswer {
  const { service, actor } = known;
  const said = known.scans ? known.classification?.toLowerCase() : undefined;
  const at = statedAt(known.lastSeen, now);
  const raw = known;
  const by = actor ? ` (${actor})` : "";
  if (said === "malicious" || said === "suspicious") {
    const text = `GreyNoise sees it scan the internet with ${said} intent${by}${known.spoofable ? ", possibly with a forged address" : ""}`;
    // A large service with a bad customer, or a forged address: somebody else may be meant.
    if (service || known.spoofable || said === "suspicious") return { label: "suspicious", weight: WEIGHTS.reputationFew, text, at, raw };
    return { label: "malicious", weight: WEIGHTS.reputationSome, text, at, raw };
  }
  if (service) {
    const text = `GreyNoise knows it as a service businesses use${service.name ? ` (${service.name})` : ""}`;
    return { label: "benign", weight: service.trusted ? WEIGHTS.reputationClean : WEIGHTS.reputationFew, text, at: now, raw };
  }
  if (said === "benign")
    return { label: "benign", weight: WEIGHTS.reputationClean, text: `GreyNoise knows it as a harmless scanner${by}`, at, raw };
  return { label: "neutral", weight: 0, text: "GreyNoise sees it scan the internet, with an intent nobody knows", at, raw };
}

export const greyNoise = defineConnector({
  name: "greynoise",
  product: "GreyNoise",
  acts: false,
  settings: {
    apiKey: secret(),
    url: address("https://api.greynoise.io"),
    /** Which of its two look-ups the key is for; a community key is free. */
    plan: z.enum(["community", "enterprise"], { error: "must be community or enterprise" }).default("community"),
    ...intelligence(),
  },
  env: { GREYNOISE_API_KEY: "apiKey", GREYNOISE_URL: "url" },
  create: createGreyNoise,
});
