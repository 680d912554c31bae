import type { Observation } from "../domain/observation.ts";
import { WEIGHTS } from "../domain/verdict.ts";
import type { UserFacts } from "../ports.ts";
import { defineAnalyzer } from "./analyzer.ts";
import { isRecent, RECENT_DAYS } from "./on-mailbox.ts";
import { count, listed, shortened, unique } from "./wording.ts";

type Activity = NonNullable<UserFacts["activities"]>[number];

const MAX_ACTIVITIES = 1000;
const MAX_FOUND = 5;
/** Synchronising a folder downloads hundreds; this many are a store emptied. Our own CHOICE. */
const MASS_DOWNLOAD = 1000;

/** What people do every day and what an intruder does first. Which of the two shows in where it came from. */
const TELLING: readonly { name: string; technique: string; matches: (what: string) => boolean }[] = [
  // attack.mitre.org/techniques/T1564/008 and T1114/003.
  { name: "an inbox rule", technique: "T1564.008", matches: (what) => /inbox\s?rule|forwarding/.test(what) },
  // attack.mitre.org/techniques/T1556/006.
  {
    name: "a changed sign-in factor",
    technique: "T1556.006",
    matches: (what) => /\b(mfa|security info|strong authentication|authenticator)\b/.test(what),
  },
  // attack.mitre.org/techniques/T1528: consent phishing.
  { name: "access given to an app", technique: "T1528", matches: (what) => /\bconsent/.test(what) },
  // attack.mitre.org/techniques/T1530 and T1213.
  { name: "a mass download", technique: "T1530", matches: isMassDownload },
  // attack.mitre.org/techniques/T1098/003.
  { name: "a role given", technique: "T1098.003", matches: (what) => /\brole\b/.test(what) && /add|assign|elevat/.test(what) },
];

export const userActivity = defineAnalyzer({
  name: "user-activity",
  about: "Reads what the account did beside signing in: rules, factors, consents and downloads, and from where.",
  kinds: ["user", "mailbox"],
  looks: (entity, capabilities, { now }) => {
    const identities = capabilities.identities;
    if (!identities) return [];
    return [
      {
        key: `user-activity/${identities.connector}`,
        source: identities.connector,
        family: "identity",
        run: async (signal) => [
          {
            analyzer: "user-activity",
            source: identities.connector,
            family: "identity",
            ...judgeActivities(await identities.find(entity, signal, { patient: true }), now),
          },
        ],
      },
    ];
  },
});

type Finding = Pick<Observation, "label" | "weight" | "text" | "at" | "technique" | "found" | "raw">;

function judgeActivities(user: UserFacts | undefined, now: Date): Finding {
  const neutral = (text: string): Finding => ({ label: "neutral", weight: 0, text, at: now });
  if (!user) return neutral("The directory does not know this account.");
  if (user.unread?.activities) return neutral(`Activities could not be read: ${user.unread.activities}.`);
  const recent = (user.activities ?? []).slice(0, MAX_ACTIVITIES).filter(({ at }) => isRecent(at, now));
  if (recent.length === 0) return neutral(`Nothing but sign-ins is known of the last ${RECENT_DAYS} days.`);
  const signIns = user.signIns.slice(0, MAX_ACTIVITIES).filter(({ result }) => result === "success");
  const familiar = new Set(signIns.filter(({ known }) => known).map(({ ip }) => ip));
  const strange = new Set(signIns.flatMap(({ known, ip }) => (known || familiar.has(ip) ? [] : [ip])));
  const read = recent.map((activity) => ({
    activity,
    rule: TELLING.find(({ matches }) => matches(activity.what.slice(0, 500).toLowerCase())),
    strange: activity.ip !== undefined && strange.has(activity.ip),
  }));
  const telling = read.filter(({ rule, ...each }) => rule !== undefined && each.strange);
  const kinds = unique(telling.flatMap(({ rule }) => rule?.name ?? []));
  const high = read.filter(({ activity }) => activity.risk === "high");
  const medium = read.filter(({ activity }) => activity.risk === "medium");
  const finding = (label: Observation["label"], weight: number, list: typeof read, text: string): Finding => {
    const addresses = unique(list.flatMap(({ activity, strange: odd }) => (odd && activity.ip ? [activity.ip] : []))).slice(0, MAX_FOUND);
    const technique = list.find(({ rule }) => rule)?.rule?.technique;
    return {
      label,
      weight,
      text,
      // A weak sign would fall under the threshold within hours; the directory vouches for it now.
      at:
        label === "malicious"
          ? latest(
              list.map(({ activity }) => activity),
              now,
            )
          : now,
      ...(technique ? { technique } : {}),
      ...(addresses.length > 0 ? { found: addresses.map((address) => ({ kind: "ip" as const, address })) } : {}),
      raw: list.slice(0, 20).map(({ activity }) => activity),
    };
  };
  // One of them from a new place is a new phone; several from the same one is how an account is taken over.
  if (kinds.length >= 2) {
    const text = `From a place never used before: ${kinds.join(", ")} within ${RECENT_DAYS} days, the way an account is taken over.`;
    return finding("malicious", WEIGHTS.behaviourStrong, telling, text);
  }
  if (high.length > 0) return finding("suspicious", WEIGHTS.behaviourStrong, high, `Of high risk: ${words(high)}.`);
  if (telling.length > 0)
    return finding("suspicious", WEIGHTS.behaviourWeak, telling, `From a place never used before: ${words(telling)}.`);
  if (medium.length > 0) return finding("suspicious", WEIGHTS.behaviourWeak, medium, `Of medium risk: ${words(medium)}.`);
  const noted = read.filter(({ rule }) => rule !== undefined);
  return neutral(
    noted.length > 0
      ? `Nothing out of the ordinary from the usual places: ${words(noted)}.`
      : `${count(recent.length, "activity", "activities")} in the last ${RECENT_DAYS} days, none out of the ordinary.`,
  );
}

const words = (list: readonly { activity: Activity }[]) => listed(list.map(({ activity }) => shortened(activity.what)));
const latest = (list: readonly Activity[], now: Date) =>
  new Date(list.reduce((newest, { at }) => Math.max(newest, at.getTime()), 0) || now.getTime());

/** "downloaded 3,400 files": the number people write, with any separator of thousands. */
function isMassDownload(what: string): boolean {
  if (!what.includes("download")) return false;
  const numbers = what.match(/\d[\d.,' ]{0,20}/g) ?? [];
  return numbers.some((number) => Number(number.replace(/[^\d]/g, "")) >= MASS_DOWNLOAD) || /\bmass\b|\bbulk\b/.test(what);
}
