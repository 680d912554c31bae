import { z } from "zod";
import type { EntityOf } from "../../engine/domain/entity.ts";
import { WEIGHTS } from "../../engine/domain/verdict.ts";
import type { Connector, ReputationAnswer, ReputationKind } from "../../engine/ports.ts";
import { ConnectorError } from "../../engine/ports.ts";
import { address, defineConnector, intelligence, secret } from "./kind.ts";
import { createVendor, type ReputationMeans, type ReputationSettings, reputationSource } from "./reputation.ts";
import { statedAt } from "./stated-at.ts";

export type AbuseIpdbSettings = { apiKey: string } & ReputationSettings;

const MAX_AGE_DAYS = "90";
const Answer = z.object({
  data: z.object({
    abuseConfidenceScore: z.number().min(0).max(100),
    totalReports: z.number().int().nonnegative().default(0),
    numDistinctUsers: z.number().int().nonnegative().default(0),
    isWhitelisted: z.boolean().nullish(),
    lastReportedAt: z
      .string()
      .nullish()
      .transform((text) => (text ? new Date(text) : undefined)),
    usageType: z.string().max(200).nullish().catch(undefined),
    isp: z.string().max(200).nullish().catch(undefined),
    countryCode: z.string().max(10).nullish().catch(undefined),
  }),
});
type Report = z.infer<typeof Answer>["data"];

export function createAbuseIpdb(settings: AbuseIpdbSettings, means: ReputationMeans): Connector {
  const { clock } = means;
  const vendor = createVendor(
    {
      name: "AbuseIPDB",
      headers: { Key: settings.apiKey },
      refusedHint: "Create an API key in your AbuseIPDB account and put it into ABUSEIPDB_API_KEY.",
      urlSetting: "ABUSEIPDB_URL",
    },
    settings,
    means,
  );
  const ask = (ipAddress: string, signal: AbortSignal) =>
    vendor.http.get("/api/v2/check", { query: { ipAddress, maxAgeInDays: MAX_AGE_DAYS }, signal });

  async function look(entity: EntityOf<ReputationKind>, signal: AbortSignal): Promise<ReputationAnswer> {
    const now = clock.now();
    if (entity.kind !== "ip") return { label: "neutral", weight: 0, text: "not asked: AbuseIPDB knows addresses only", at: now };
    const answer = Answer.safeParse(await ask(entity.address, signal));
    if (!answer.success) throw new ConnectorError("unavailable", "AbuseIPDB answered in a shape air does not know");
    return weigh(answer.data.data, now);
  }

  return {
    name: "abuseipdb",
    lab: false,
    reputation: [reputationSource(vendor, { name: "abuseipdb", family: "abuseipdb", kinds: ["ip"], look, clock })],
    async check(signal) {
      await ask("127.0.0.1", signal);
    },
  };
}

function weigh(report: Report, now: Date): ReputationAnswer {
  const { abuseConfidenceScore: score, totalReports, numDistinctUsers } = report;
  const at = statedAt(report.lastReportedAt, now);
  const text = `AbuseIPDB is ${score} % confident that it is abusive: ${plural(totalReports, "report")} by ${plural(numDistinctUsers, "reporter")} in ${MAX_AGE_DAYS} days`;
  // AbuseIPDB itself advises to block from 75 on; anyone can report, so a single zealous reporter is not many who agree.
  if (score >= 75 && numDistinctUsers >= 10) return { label: "malicious", weight: WEIGHTS.reputationStrong, text, at, raw: report };
  if (score >= 50) return { label: "malicious", weight: WEIGHTS.reputationSome, text, at, raw: report };
  if (score >= 25) return { label: "suspicious", weight: WEIGHTS.reputationFew, text, at, raw: report };
  // Never benign: most addresses of an attack were never reported, and its whitelist holds cloud providers that anyone can rent from.
  return {
    label: "neutral",
    weight: 0,
    text: totalReports === 0 ? `no report at AbuseIPDB in ${MAX_AGE_DAYS} days` : text,
    at: now,
    raw: report,
  };
}

const plural = (count: number, noun: string) => `${count} ${noun}${count === 1 ? "" : "s"}`;

export const abuseIpdb = defineConnector({
  name: "abuseipdb",
  product: "AbuseIPDB",
  acts: false,
  settings: {
    apiKey: secret(),
    url: address("https://api.abuseipdb.com"),
    // What a free key grants.
    ...intelligence({ perDay: 1000 }),
  },
  env: { ABUSEIPDB_API_KEY: "apiKey", ABUSEIPDB_URL: "url" },
  create: createAbuseIpdb,
});
