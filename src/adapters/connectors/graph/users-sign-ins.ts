import { z } from "zod";
import type { Clock, UserFacts } from "../../../engine/ports.ts";
import type { Api } from "../microsoft/api.ts";
import { quoted } from "../microsoft/api.ts";
import { createRation, type Sleep } from "./identities-ration.ts";
import { isUnlicensed, type Permissions, whyUnread } from "./identities-refusal.ts";

export const READ_LOGS: Permissions = [["AuditLog.Read.All"]];
const LOG_LICENCE = "Microsoft Entra ID P1";

const text = z.string().nullish();
const SignIn = z.object({
  createdDateTime: z.string(),
  ipAddress: text,
  appDisplayName: text,
  resourceDisplayName: text,
  userAgent: text,
  authenticationRequirement: text,
  riskLevelDuringSignIn: text,
  riskLevelAggregated: text,
  status: z.object({ errorCode: z.number().nullish(), additionalDetails: text }).nullish(),
  location: z
    .object({
      city: text,
      countryOrRegion: text,
      geoCoordinates: z.object({ latitude: z.number().nullish(), longitude: z.number().nullish() }).nullish(),
    })
    .nullish(),
  deviceDetail: z.object({ isManaged: z.boolean().nullish(), isCompliant: z.boolean().nullish() }).nullish(),
  networkLocationDetails: z.array(z.object({ networkType: text })).nullish(),
});
type SignIn = z.infer<typeof SignIn>;
const Audit = z.object({
  activityDateTime: z.string(),
  activityDisplayName: text,
  initiatedBy: z.object({ user: z.object({ ipAddress: text }).nullish() }).nullish(),
  targetResources: z.array(z.object({ displayName: text, userPrincipalName: text })).nullish(),
});

/** Reports are counted tightly: 5 questions in 10 seconds for an app and tenant (learn.microsoft.com/graph/throttling-limits). */
const GAP_MS = 2_000;
const KEEP_MS = 2 * 60_000;
const PATIENT_MS = 25_000;
/** Whoever decides on a card does not wait for its turn. */
const QUICK_MS = 300;
/** The log goes back 30 days. */
const DAYS = 30;
const MOST = 500;
/** Used well before this long, a place is the account's own and not where an intruder came from last night. Our own CHOICE. */
const FAMILIAR_MS = 3 * 86_400_000;
/** "Stay signed in?" and "another account?": questions on the way, no failures. */
const QUESTIONS = new Set([50058, 50140, 16000, 16001]);

type Read = Pick<UserFacts, "signIns" | "activities"> & { unread: { signIns?: string; activities?: string } };
export type LogSettings = { clock: Clock; gapMs?: number | undefined; sleep?: Sleep | undefined };

/** What the directory wrote down of an account: sign-ins, and what it did beside them. */
export function graphLogs(api: Api, { clock, gapMs = GAP_MS, sleep }: LogSettings) {
  const ration = createRation({ name: "the sign-in log", gapMs, clock, sleep });

  const rows = async <T>(schema: z.ZodType<T>, path: string, filter: string, signal: AbortSignal): Promise<T[]> => {
    const about = { permission: "AuditLog.Read.All", what: "the log", signal };
    // The newest page only: more says nothing new of now.
    const answer = await api.get(`${path}?$filter=${encodeURIComponent(filter)}&$top=${MOST}`, about);
    const read = z.object({ value: z.array(schema) }).safeParse(answer);
    if (!read.success) throw api.unknownShape();
    return read.data.value;
  };
  /** A refusal is kept like an answer: asking again soon brings the same. */
  const orWhy = async <T>(go: Promise<T[]>): Promise<{ rows: T[]; why?: string }> => {
    try {
      return { rows: await go };
    } catch (error) {
      const why = whyUnread(error, READ_LOGS, LOG_LICENCE);
      if (why === undefined) throw error;
      return { rows: [], why };
    }
  };

  return async (id: string, patient: boolean, signal: AbortSignal): Promise<Read> => {
    const now = clock.now();
    const how = { keepMs: KEEP_MS, waitMs: patient ? PATIENT_MS : QUICK_MS };
    const since = new Date(now.getTime() - DAYS * 86_400_000).toISOString();
    try {
      const filter = `userId eq ${quoted(id)} and createdDateTime ge ${since}`;
      const signIns = await ration.ask(() => orWhy(rows(SignIn, "/auditLogs/signIns", filter, signal)), signal, {
        key: `in ${id}`,
        ...how,
      });
      const audits = patient
        ? await ration.ask(
            () =>
              orWhy(
                rows(Audit, "/auditLogs/directoryAudits", `initiatedBy/user/id eq ${quoted(id)} and activityDateTime ge ${since}`, signal),
              ),
            signal,
            { key: `did ${id}`, ...how },
          )
        : { rows: [] };
      return {
        signIns: signInsOf(signIns.rows),
        ...(audits.rows.length > 0 ? { activities: activitiesOf(audits.rows) } : {}),
        unread: { ...(signIns.why ? { signIns: signIns.why } : {}), ...(audits.why ? { activities: audits.why } : {}) },
      };
    } catch (error) {
      // Whoever decides is not held up by a log; whoever investigates asks again.
      if (patient) throw error;
      return { signIns: [], unread: { signIns: "the log was not to be had in time" } };
    }
  };
}

/** Doctor asks with an empty question; undefined: it can be read. */
export async function logsTrouble(api: Api, signal: AbortSignal): Promise<string | undefined> {
  try {
    await api.get("/auditLogs/signIns?$top=1", { permission: "AuditLog.Read.All", what: "the log", signal });
    return undefined;
  } catch (error) {
    if (!isUnlicensed(error)) throw error;
    return `the sign-in log needs ${LOG_LICENCE}: without it sign-ins stay unread`;
  }
}

function signInsOf(rows: readonly SignIn[]): UserFacts["signIns"] {
  const read = rows
    .filter(({ createdDateTime, status }) => !Number.isNaN(Date.parse(createdDateTime)) && !QUESTIONS.has(status?.errorCode ?? 0))
    .map((row) => ({ row, at: new Date(row.createdDateTime), place: placeOf(row), result: resultOf(row) }))
    .toSorted((a, b) => b.at.getTime() - a.at.getTime());
  const successes = read.filter(({ result }) => result === "success");
  return read.map(({ row, at, place, result }) => {
    const known =
      row.deviceDetail?.isManaged === true ||
      row.deviceDetail?.isCompliant === true ||
      (row.networkLocationDetails ?? []).some(({ networkType }) => networkType?.toLowerCase() === "trustednamedlocation") ||
      successes.some(
        (earlier) =>
          at.getTime() - earlier.at.getTime() > FAMILIAR_MS &&
          (earlier.row.ipAddress === row.ipAddress || (place !== UNKNOWN_PLACE && earlier.place === place)),
      );
    const { latitude, longitude } = row.location?.geoCoordinates ?? {};
    const mfa = mfaOf(row);
    return {
      at,
      ip: row.ipAddress ?? "unknown address",
      place,
      app: row.appDisplayName ?? row.resourceDisplayName ?? "an app",
      result,
      risk: riskOf(row.riskLevelDuringSignIn) ?? riskOf(row.riskLevelAggregated) ?? "none",
      known,
      ...(typeof latitude === "number" && typeof longitude === "number" ? { location: { latitude, longitude } } : {}),
      ...(row.userAgent ? { userAgent: row.userAgent } : {}),
      ...(mfa === undefined ? {} : { mfa }),
    };
  });
}

const UNKNOWN_PLACE = "an unknown place";
const placeOf = ({ location }: SignIn) => [location?.city, location?.countryOrRegion].filter((part) => part).join(", ") || UNKNOWN_PLACE;
const resultOf = ({ status }: SignIn): "success" | "failure" => ((status?.errorCode ?? 0) === 0 ? "success" : "failure");
/** "hidden": the licence does not show it. */
const riskOf = (level: string | null | undefined): "none" | "low" | "medium" | "high" | undefined => {
  const word = level?.toLowerCase();
  return word === "none" || word === "low" || word === "medium" || word === "high" ? word : undefined;
};
function mfaOf({ authenticationRequirement, status }: SignIn): boolean | undefined {
  if (
    /^multiFactor/i.test(authenticationRequirement ?? "") ||
    /\bMFA (requirement satisfied|completed|successfully)/i.test(status?.additionalDetails ?? "")
  )
    return true;
  return /^singleFactor/i.test(authenticationRequirement ?? "") ? false : undefined;
}

function activitiesOf(rows: readonly z.infer<typeof Audit>[]): NonNullable<UserFacts["activities"]> {
  return rows
    .filter(({ activityDateTime }) => !Number.isNaN(Date.parse(activityDateTime)))
    .map(({ activityDateTime, activityDisplayName, initiatedBy, targetResources }) => {
      const [target] = (targetResources ?? []).flatMap((one) => one.userPrincipalName ?? one.displayName ?? []);
      const ip = initiatedBy?.user?.ipAddress;
      return {
        at: new Date(activityDateTime),
        what: `${activityDisplayName ?? "changed something"}${target ? `: ${target}` : ""}`.slice(0, 300),
        risk: "none" as const,
        ...(ip ? { ip } : {}),
      };
    })
    .toSorted((a, b) => b.at.getTime() - a.at.getTime());
}
