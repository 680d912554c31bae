import type { Observation } from "../domain/observation.ts";
import { WEIGHTS } from "../domain/verdict.ts";
import type { UserFacts } from "../ports.ts";
import { shortened } from "./wording.ts";

export type SignIn = UserFacts["signIns"][number];

/** Airliners cruise at about 900 km/h; faster is no traveller. Our own CHOICE, as vendors publish none. */
const MAX_KM_PER_HOUR = 1000;
/** The place of an address is a guess that may be wrong by a country's width. */
const MIN_KM = 500;
/** A phone leaves the wireless network and takes the mobile one: two addresses, one person. */
const SAME_TOWN_KM = 50;
/** Within this a session is used in two places at once. */
const SAME_MOMENT_MS = 60_000;
/** People give up or call for help earlier; lock-outs commonly start at ten (learn.microsoft.com: smart lockout's default). */
const GUESSES = 10;
const GUESSING_MS = 3_600_000;

export type Pattern = Pick<Observation, "label" | "weight" | "text" | "technique"> & { signIns: SignIn[] };

/** What shows only when sign-ins are seen together. Each pattern once, by its latest case. */
export function patternsOf(signIns: readonly SignIn[]): Pattern[] {
  const byTime = signIns.toSorted((a, b) => a.at.getTime() - b.at.getTime());
  const successes = byTime.filter(({ result }) => result === "success");
  const pairs = successes
    .slice(1)
    .map((later, index) => [successes[index] as SignIn, later] as const)
    // Two familiar places are a person and their company's network.
    .filter(([earlier, later]) => !(earlier.known && later.known) && earlier.ip !== later.ip);
  return [replay(pairs), travel(pairs), guessing(byTime), singleFactor(successes)].filter((pattern) => pattern !== undefined);
}

type Pair = readonly [SignIn, SignIn];

function replay(pairs: readonly Pair[]): Pattern | undefined {
  const pair = pairs.findLast(([a, b]) => areElsewhere(a, b) && gap(a, b) <= SAME_MOMENT_MS);
  if (!pair) return undefined;
  const [a, b] = pair;
  return {
    label: "malicious",
    weight: WEIGHTS.behaviourStrong,
    text: `Used within the same minute from ${from(a)} and from ${from(b)}: a session or token in two hands.`,
    technique: "T1550.004",
    signIns: [a, b],
  };
}

function travel(pairs: readonly Pair[]): Pattern | undefined {
  const pair = pairs.findLast(([a, b]) => {
    const km = kilometres(a, b);
    return km !== undefined && km >= MIN_KM && gap(a, b) > SAME_MOMENT_MS && km / (gap(a, b) / 3_600_000) > MAX_KM_PER_HOUR;
  });
  if (!pair) return undefined;
  const [a, b] = pair;
  const risky = [a, b].some(({ risk, known, mfa }) => !known && (risk === "medium" || risk === "high" || mfa === false));
  return {
    // A new VPN exit travels as fast, so without any other sign it is never the second family of an automatic action.
    label: risky ? "malicious" : "suspicious",
    weight: WEIGHTS.behaviourStrong,
    text: `Signed in from ${from(a)} and ${minutes(a, b)} later from ${from(b)}, ${Math.round(kilometres(a, b) ?? 0)} km apart: impossible for one traveller.`,
    technique: "T1078.004",
    signIns: [a, b],
  };
}

/** One password found by trying: a burst of failures, then a success, all from one address that is not ours. */
function guessing(byTime: readonly SignIn[]): Pattern | undefined {
  for (const success of byTime.toReversed()) {
    if (success.result !== "success" || success.known) continue;
    const failures = byTime.filter(
      ({ result, ip, at }) => result === "failure" && ip === success.ip && at <= success.at && gap({ at }, success) <= GUESSING_MS,
    );
    if (failures.length < GUESSES) continue;
    return {
      label: "malicious",
      weight: WEIGHTS.behaviourStrong,
      text: `${failures.length} sign-ins from ${from(success)} failed within an hour before one worked: the password was guessed.`,
      technique: "T1110",
      signIns: [success, ...failures],
    };
  }
  return undefined;
}

function singleFactor(successes: readonly SignIn[]): Pattern | undefined {
  const latest = successes.findLast(({ known, mfa }) => !known && mfa === false);
  if (!latest) return undefined;
  return {
    label: "suspicious",
    weight: WEIGHTS.behaviourWeak,
    text: `Signed in to ${shortened(latest.app)} from ${from(latest)}, a new place, with a single factor.`,
    technique: "T1078",
    signIns: [latest],
  };
}

const from = ({ place, ip }: SignIn) => `${shortened(place)} (${shortened(ip)})`;
const gap = (a: Pick<SignIn, "at">, b: Pick<SignIn, "at">) => Math.abs(b.at.getTime() - a.at.getTime());
const minutes = (a: SignIn, b: SignIn) => `${Math.round(gap(a, b) / 60_000)} min`;

function areElsewhere(a: SignIn, b: SignIn): boolean {
  const km = kilometres(a, b);
  return km === undefined ? a.place !== b.place : km > SAME_TOWN_KM;
}

/** Great circle (haversine) on a sphere of 6,371 km; undefined where a place is not known. */
export function kilometres(a: Pick<SignIn, "location">, b: Pick<SignIn, "location">): number | undefined {
  if (!a.location || !b.location) return undefined;
  const [fromLatitude, toLatitude] = [radians(a.location.latitude), radians(b.location.latitude)];
  const north = Math.sin((toLatitude - fromLatitude) / 2);
  const east = Math.sin(radians(b.location.longitude - a.location.longitude) / 2);
  const chord = north * north + Math.cos(fromLatitude) * Math.cos(toLatitude) * east * east;
  const km = 2 * 6371 * Math.asin(Math.sqrt(Math.min(1, chord)));
  return Number.isFinite(km) ? km : undefined;
}
const radians = (degrees: number) => (degrees * Math.PI) / 180;
