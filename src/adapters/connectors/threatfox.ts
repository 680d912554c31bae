import { z } from "zod";
import type { EntityOf } from "../../engine/domain/entity.ts";
import { WEIGHTS } from "../../engine/domain/verdict.ts";
import type { Connector, ReputationAnswer, ReputationKind } from "../../engine/ports.ts";
import { ABUSE_CH, type AbuseChSettings, abuseChVendor, readAbuseCh, time, word } from "./abuse-ch.ts";
import { address, defineConnector, intelligence, secret } from "./kind.ts";
import { type ReputationMeans, reputationSource } from "./reputation.ts";
import { statedAt } from "./stated-at.ts";

/** threatfox.abuse.ch/api: one entry per indicator somebody reported, with how sure they are. */
const Entry = z.object({
  ioc: z.string().max(2000),
  threat_type: word,
  malware_printable: word,
  confidence_level: z.number().min(0).max(100).nullish().catch(undefined),
  first_seen: time,
  last_seen: time,
});
type Entry = z.infer<typeof Entry>;
const Answer = z.object({ data: z.array(Entry) });
const UNKNOWN = ["no_result", "no_results"];

export function createThreatFox(settings: AbuseChSettings, means: ReputationMeans): Connector {
  const { clock } = means;
  const vendor = abuseChVendor({ name: "ThreatFox", urlSetting: "THREATFOX_URL" }, settings, means);

  /** A look-up, though by POST: asking changes nothing. */
  async function ask(question: Record<string, unknown>, signal: AbortSignal): Promise<readonly Entry[]> {
    const body = await vendor.http.postJson("/api/v1/", question, { signal, acts: false });
    return readAbuseCh("ThreatFox", body, Answer, UNKNOWN)?.data ?? [];
  }

  async function look(entity: EntityOf<ReputationKind>, signal: AbortSignal): Promise<ReputationAnswer> {
    const now = clock.now();
    const neutral = (text: string): ReputationAnswer => ({ label: "neutral", weight: 0, text, at: now });
    switch (entity.kind) {
      case "file": {
        const hash = entity.sha256 ?? entity.md5;
        if (!hash) return neutral("not asked: ThreatFox knows files by SHA-256 and MD5 only");
        const entries = await ask({ query: "search_hash", hash }, signal);
        return entries.length > 0 ? weigh("file", entries, now) : neutral("ThreatFox does not list this file");
      }
      case "ip": {
        // Addresses stand there with their port, which an exact search would have to know; what merely begins alike is left out.
        const entries = await ask({ query: "search_ioc", search_term: entity.address }, signal);
        const own = entries.filter(({ ioc }) => hostOfEntry(ioc) === entity.address);
        return own.length > 0 ? weigh("ip", own, now) : neutral("ThreatFox does not list this address");
      }
      case "domain":
      case "url": {
        const term = entity.kind === "domain" ? entity.name : entity.url;
        const entries = await ask({ query: "search_ioc", search_term: term, exact_match: true }, signal);
        const own = entries.filter(({ ioc }) => ioc.toLowerCase().replace(/\/$/, "") === term.toLowerCase().replace(/\/$/, ""));
        return own.length > 0
          ? weigh(entity.kind, own, now)
          : neutral(`ThreatFox does not list this ${entity.kind === "url" ? "URL" : "domain"}`);
      }
      default:
        return entity satisfies never;
    }
  }

  return {
    name: "threatfox",
    lab: false,
    reputation: [reputationSource(vendor, { name: "threatfox", family: ABUSE_CH, kinds: ["url", "ip", "domain", "file"], look, clock })],
    async check(signal) {
      await ask({ query: "search_ioc", search_term: "threatfox.abuse.ch", exact_match: true }, signal);
    },
  };
}

/** `192.0.2.1:443` or `[2001:db8::1]:443`. */
const hostOfEntry = (ioc: string) =>
  /^\[([^\]]+)\](:\d+)?$/.exec(ioc)?.[1] ?? (/^([\d.]+)(:\d+)?$/.exec(ioc)?.[1] as string | undefined) ?? ioc;

const THREAT: Readonly<Record<string, string>> = {
  botnet_cc: "a command-and-control server",
  payload_delivery: "a place malware is delivered from",
  payload: "malware",
};

function weigh(kind: ReputationKind, entries: readonly Entry[], now: Date): ReputationAnswer {
  const [best] = entries.toSorted((a, b) => (b.confidence_level ?? 0) - (a.confidence_level ?? 0));
  const sure = best?.confidence_level ?? 0;
  const times = entries.flatMap((entry) => entry.last_seen ?? entry.first_seen ?? []).map((at) => at.getTime());
  const latest = times.filter((ms) => !Number.isNaN(ms));
  const at = kind === "file" ? now : statedAt(latest.length > 0 ? new Date(Math.max(...latest)) : undefined, now);
  const what = THREAT[best?.threat_type ?? ""] ?? "an indicator of malware";
  const family = best?.malware_printable && best.malware_printable !== "Unknown malware" ? ` of ${best.malware_printable}` : "";
  const text =
    kind === "file" ? `ThreatFox knows it as malware${family}, ${sure} % sure` : `ThreatFox lists it as ${what}${family}, ${sure} % sure`;
  const raw = { entries: entries.slice(0, 5), count: entries.length };
  if (sure >= 75) return { label: "malicious", weight: WEIGHTS.listedMalware, text, at, raw };
  if (sure >= 50) return { label: "malicious", weight: WEIGHTS.reputationSome, text, at, raw };
  return { label: "suspicious", weight: WEIGHTS.reputationFew, text, at, raw };
}

export const threatFox = defineConnector({
  name: "threatfox",
  product: "ThreatFox",
  acts: false,
  settings: {
    authKey: secret(),
    url: address("https://threatfox-api.abuse.ch"),
    ...intelligence(),
  },
  env: { ABUSECH_AUTH_KEY: "authKey", THREATFOX_URL: "url" },
  oneKeyWith: "abuse.ch",
  create: createThreatFox,
});
