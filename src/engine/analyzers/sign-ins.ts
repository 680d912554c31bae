import type { Observation } from "../domain/observation.ts";
import { WEIGHTS } from "../domain/verdict.ts";
import type { UserFacts } from "../ports.ts";
import { defineAnalyzer } from "./analyzer.ts";
import type { SignIn } from "./sign-in-patterns.ts";
import { patternsOf } from "./sign-in-patterns.ts";
import { shortened } from "./wording.ts";

/** How far back a sign-in says something about now. */
const DAYS = 7;
/** Addresses taken up as evidence from one account. */
const MAX_FOUND = 5;
/** Newest first; an account guessed at all day long has more failures than say anything new. */
const MAX_READ = 2000;

export const signIns = defineAnalyzer({
  name: "sign-ins",
  about: "Reads the account's latest sign-ins: from where, how risky, whether they worked, and whether one person can have made them.",
  kinds: ["user", "mailbox"],
  looks: (entity, capabilities, { now }) => {
    const identities = capabilities.identities;
    if (!identities) return [];
    return [
      {
        key: `sign-ins/${identities.connector}`,
        source: identities.connector,
        family: "identity",
        run: async (signal) => {
          const user = await identities.find(entity, signal, { patient: true });
          const [judged, ...rest] = judgeSignIns(identities.connector, user, now);
          const recent = recentOf(user, now);
          const patterns = patternsOf(recent).map(({ signIns: seen, ...pattern }) => ({
            analyzer: "sign-ins",
            source: identities.connector,
            family: "identity",
            ...pattern,
            // A weak sign would fall under the threshold within hours; the directory vouches for it now.
            at: pattern.label === "malicious" ? newest(seen, now) : now,
            found: addresses(seen.filter(({ known }) => !known)),
            raw: seen.slice(0, 20),
          }));
          // Each sign-in may look ordinary where two together cannot be: then the single ones acquit nobody.
          const accuses = judged?.label === "malicious" || judged?.label === "suspicious";
          return patterns.length > 0 && !accuses ? patterns : [...(judged ? [judged] : []), ...rest, ...patterns];
        },
      },
    ];
  },
});

const recentOf = (user: UserFacts | undefined, now: Date): SignIn[] =>
  (user?.signIns ?? []).slice(0, MAX_READ).filter((signIn) => now.getTime() - signIn.at.getTime() <= DAYS * 86_400_000);
const addresses = (list: readonly SignIn[]) =>
  [...new Set(list.map((signIn) => signIn.ip))].slice(0, MAX_FOUND).map((address) => ({ kind: "ip" as const, address }));
const newest = (list: readonly SignIn[], now: Date) =>
  new Date(list.reduce((latest, { at }) => Math.max(latest, at.getTime()), 0) || now.getTime());

function judgeSignIns(source: string, user: UserFacts | undefined, now: Date): Observation[] {
  const shared = { analyzer: "sign-ins", source, family: "identity" } as const;
  const neutral = (text: string): Observation[] => [{ ...shared, label: "neutral", weight: 0, text, at: now }];
  if (!user) return neutral("The directory does not know this account.");
  if (user.unread?.signIns) return neutral(`Sign-ins could not be read: ${user.unread.signIns}.`);
  const recent = recentOf(user, now);
  if (recent.length === 0) return neutral(`No sign-in in the last ${DAYS} days.`);
  const successes = recent.filter((signIn) => signIn.result === "success");
  const taken = successes.filter((signIn) => signIn.risk === "high" && !signIn.known);
  const odd = successes.filter((signIn) => !taken.includes(signIn) && isOdd(signIn));
  const found = addresses([...taken, ...odd]);
  const [worst] = taken;
  if (worst) {
    return [
      {
        ...shared,
        label: "malicious",
        weight: WEIGHTS.behaviourStrong,
        text: `Signed in to ${shortened(worst.app)} from ${shortened(worst.place)} (${worst.ip}), never used before and of high risk${more(taken)}.`,
        at: worst.at,
        found,
        raw: taken.slice(0, 20),
      },
    ];
  }
  const [strange] = odd;
  if (strange) {
    return [
      {
        ...shared,
        label: "suspicious",
        weight: WEIGHTS.behaviourWeak,
        text: `Signed in to ${shortened(strange.app)} from ${shortened(strange.place)} (${strange.ip}), ${strange.known ? "" : "a new place, "}risk ${strange.risk}${more(odd)}.`,
        at: strange.at,
        found,
        raw: odd.slice(0, 20),
      },
    ];
  }
  if (successes.length === 0) return neutral(`${recent.length} sign-ins failed in the last ${DAYS} days and none worked.`);
  // Normal only where every one that worked is: a new place without risk is a traveller, or not, and nobody can tell from this.
  if (!successes.every((signIn) => signIn.known)) return neutral("Signed in from a new place, without any sign of risk.");
  // Somebody somewhere else tried: that it did not work there says nothing about whether it will.
  const tried = recent.filter((signIn) => signIn.result === "failure" && !signIn.known);
  const [latest] = tried;
  if (latest) {
    return [
      {
        ...shared,
        label: "neutral",
        weight: 0,
        text: `Every sign-in that worked came from a known place, but one from ${shortened(latest.place)} (${latest.ip}), a place never used before, failed${more(tried)}.`,
        at: now,
        found: addresses(tried),
      },
    ];
  }
  return [
    {
      ...shared,
      label: "benign",
      weight: WEIGHTS.behaviourNormal,
      text: `All ${successes.length} sign-ins of the last ${DAYS} days came from known places without risk.`,
      at: now,
    },
  ];
}

const isOdd = (signIn: SignIn) => signIn.risk === "high" || (signIn.risk === "medium" && !signIn.known);
const more = (list: readonly SignIn[]) => (list.length > 1 ? `, and ${list.length - 1} more like it` : "");
