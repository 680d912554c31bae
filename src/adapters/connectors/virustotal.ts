import { z } from "zod";
import { type EntityOf, entityKey } from "../../engine/domain/entity.ts";
import { WEIGHTS } from "../../engine/domain/verdict.ts";
import type { Connector, ReputationAnswer, ReputationKind, SandboxReport } from "../../engine/ports.ts";
import { ConnectorError } from "../../engine/ports.ts";
import { address, defineConnector, intelligence, secret } from "./kind.ts";
import { createVendor, keepsMs, type ReputationMeans, type ReputationSettings, reputationSource, StoredAnswer } from "./reputation.ts";
import { statedAt } from "./stated-at.ts";

export type VirusTotalSettings = { apiKey: string } & ReputationSettings;

const count = z.number().int().nonnegative().default(0);
const time = z
  .number()
  .positive()
  .transform((seconds) => new Date(seconds * 1000))
  .optional()
  .catch(undefined);
/** docs.virustotal.com/reference/sandbox_verdicts: one entry per sandbox that ran the file. */
const words = z.array(z.string().max(200)).max(50).optional().catch(undefined);
const SandboxVerdict = z.object({
  category: z.string().max(50).optional().catch(undefined),
  confidence: z.number().min(0).max(100).optional().catch(undefined),
  malware_classification: words,
  malware_names: words,
  sandbox_name: z.string().max(200).optional().catch(undefined),
});
/** Far more is in an answer; this is what the judgement rests on, and what is kept with it. */
const Answer = z.object({
  data: z.object({
    attributes: z.object({
      last_analysis_stats: z.object({ malicious: count, suspicious: count, harmless: count, undetected: count }),
      last_analysis_date: time,
      first_submission_date: time,
      sandbox_verdicts: z.record(z.string().max(200), SandboxVerdict).optional().catch(undefined),
      popularity_ranks: z.record(z.string(), z.unknown()).optional().catch(undefined),
      popular_threat_classification: z
        .object({ suggested_threat_label: z.string().max(200).optional() })
        .optional()
        .catch(undefined),
    }),
  }),
});
type Attributes = z.infer<typeof Answer>["data"]["attributes"];

/** Reputation and sandboxes read the same report, which is paid for once. */
type Both = { reputation: ReputationAnswer; sandboxes: SandboxReport | null };
const StoredBoth = z.object({ reputation: StoredAnswer, sandboxes: StoredAnswer.nullable() });

/** How many engines must have looked before "none of them minds" means anything. */
const ENOUGH_ENGINES = 40;
/** Fresh malware is detected by nobody for a while. */
const SEASONED_DAYS = 7;
const DAY = 86_400_000;

export function createVirusTotal(settings: VirusTotalSettings, means: ReputationMeans): Connector {
  const { clock } = means;
  const vendor = createVendor(
    {
      name: "VirusTotal",
      headers: { "x-apikey": settings.apiKey },
      refusedHint: "Copy the API key from your VirusTotal profile into VIRUSTOTAL_API_KEY.",
      urlSetting: "VIRUSTOTAL_URL",
    },
    settings,
    means,
  );

  /** undefined: VirusTotal does not know it. */
  async function attributesOf(path: string, signal: AbortSignal): Promise<Attributes | undefined> {
    const body = await vendor.http.get(path, { signal, expect404: true });
    if (body === undefined) return undefined;
    const answer = Answer.safeParse(body);
    if (!answer.success) throw new ConnectorError("unavailable", "VirusTotal answered in a shape air does not know");
    return answer.data.data.attributes;
  }

  const both = (entity: EntityOf<ReputationKind>, signal: AbortSignal): Promise<Both> =>
    vendor.remembered<Both>(
      {
        question: entityKey(entity),
        ask: () => ask(entity, signal),
        keepsMs: ({ reputation }) => keepsMs(reputation),
        signal,
      },
      (stored) => StoredBoth.safeParse(stored).data,
    );

  async function ask(entity: EntityOf<ReputationKind>, signal: AbortSignal): Promise<Both> {
    const now = clock.now();
    const nothing = (text: string): Both => ({ reputation: { label: "neutral", weight: 0, text, at: now }, sandboxes: null });
    const path = pathOf(entity);
    if ("reason" in path) return nothing(path.reason);
    const attributes = await attributesOf(path.path, signal);
    if (!attributes) return nothing(`VirusTotal does not know this ${WORD[entity.kind]}`);
    const verdicts = entity.kind === "file" ? Object.entries(attributes.sandbox_verdicts ?? {}) : [];
    return {
      reputation: weigh(entity.kind, attributes, now),
      sandboxes: verdicts.length === 0 ? null : weighSandboxes(verdicts, now),
    };
  }

  const look = async (entity: EntityOf<ReputationKind>, signal: AbortSignal) => (await both(entity, signal)).reputation;

  /** VirusTotal's sandboxes run files; of a url it says nothing here. */
  async function sandboxes(entity: EntityOf<"file"> | EntityOf<"url">, signal: AbortSignal): Promise<SandboxReport | undefined> {
    if (entity.kind !== "file") return undefined;
    const leaving = vendor.leaving(entity);
    return "kept" in leaving ? undefined : ((await both(leaving.send, signal)).sandboxes ?? undefined);
  }

  return {
    name: "virustotal",
    lab: false,
    reputation: [
      reputationSource(vendor, {
        name: "virustotal",
        family: "virustotal",
        kinds: ["file", "url", "ip", "domain"],
        look,
        clock,
        remembers: true,
      }),
    ],
    // One vendor, one family: what its sandboxes say and what its engines say count together.
    sandboxes: [{ name: "virustotal", family: "virustotal", report: sandboxes }],
    async check(signal) {
      await vendor.http.get("/api/v3/domains/virustotal.com", { signal });
    },
  };
}

function weighSandboxes(verdicts: readonly [string, z.infer<typeof SandboxVerdict>][], now: Date): SandboxReport {
  const of = (category: string) => verdicts.filter(([, verdict]) => verdict.category === category);
  const [malicious, suspicious] = [of("malicious"), of("suspicious")];
  const raw = Object.fromEntries(verdicts.slice(0, 50));
  const names = (list: typeof verdicts) =>
    list
      .slice(0, 3)
      .map(([key, verdict]) => verdict.sandbox_name ?? key)
      .join(", ");
  const families = [...new Set(malicious.flatMap(([, verdict]) => verdict.malware_names ?? []))].slice(0, 3);
  const called = families.length > 0 ? ` (${families.join(", ")})` : "";
  const many = `of ${verdicts.length} ${verdicts.length === 1 ? "sandbox" : "sandboxes"} at VirusTotal`;
  // A sandbox runs the bytes, which do not change: the word dates from now, as with engines.
  const accusing = { at: now, raw };
  if (malicious.length >= 2) {
    const text = `${malicious.length} ${many} call it malicious${called}: ${names(malicious)}`;
    return { label: "malicious", weight: WEIGHTS.reputationSome, text, ...accusing };
  }
  // A single sandbox also minds installers that look around.
  if (malicious.length + suspicious.length > 0) {
    const accusers = [...malicious, ...suspicious];
    const text = `${accusers.length} ${many} ${accusers.length === 1 ? "minds" : "mind"} what it does${called}: ${names(accusers)}`;
    return { label: "suspicious", weight: WEIGHTS.reputationFew, text, ...accusing };
  }
  // Malware that notices the sandbox does nothing there.
  return { label: "neutral", weight: 0, text: `None ${many} minds what it does, which does not prove it good`, ...accusing };
}

const WORD: Record<ReputationKind, string> = { file: "file", url: "URL", ip: "address", domain: "domain" };

function pathOf(entity: EntityOf<ReputationKind>): { path: string } | { reason: string } {
  switch (entity.kind) {
    case "file": {
      const hash = entity.sha256 ?? entity.sha1 ?? entity.md5;
      return hash ? { path: `/api/v3/files/${hash}` } : { reason: "not asked: VirusTotal knows files by hash only" };
    }
    case "ip":
      return { path: `/api/v3/ip_addresses/${encodeURIComponent(entity.address)}` };
    case "domain":
      return { path: `/api/v3/domains/${encodeURIComponent(entity.name)}` };
    case "url":
      return { path: `/api/v3/urls/${Buffer.from(entity.url, "utf8").toString("base64url")}` };
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

export const virusTotal = defineConnector({
  name: "virustotal",
  product: "VirusTotal",
  acts: false,
  settings: {
    apiKey: secret(),
    url: address("https://www.virustotal.com"),
    // What a free key grants.
    ...intelligence({ perMinute: 4, perDay: 500 }),
  },
  env: { VIRUSTOTAL_API_KEY: "apiKey", VIRUSTOTAL_URL: "url" },
  create: createVirusTotal,
});
