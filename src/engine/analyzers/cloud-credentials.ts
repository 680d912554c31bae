import { isTemporaryKey } from "../domain/access-key.ts";
import type { EntityOf } from "../domain/entity.ts";
import { reservedAddress } from "../domain/never-act.ts";
import type { Observation } from "../domain/observation.ts";
import { WEIGHTS } from "../domain/verdict.ts";
import type { ReputationAnswer } from "../ports.ts";
import type { Look, LookContext } from "./analyzer.ts";
import { defineAnalyzer } from "./analyzer.ts";
import { brief } from "./brief.ts";

/** Addresses asked about per thing: an alert on credentials names one or two. */
const MAX_ADDRESSES = 3;
const HISTORY_DAYS = 90;
const DAY = 86_400_000;

type Kinds = "access-key" | "cloud-resource" | "user";

export const cloudCredentials = defineAnalyzer<Kinds>({
  name: "cloud-credentials",
  about: "Judges cloud credentials, and what they were used on, by the addresses they were used from.",
  kinds: ["access-key", "cloud-resource", "user"],
  looks: (entity, capabilities, context) => {
    // Without credentials in the incident an address beside a person or a resource is a scanner or a sign-in, which others judge.
    const keys = context.entities.flatMap((named) => (named.entity.kind === "access-key" ? [named.entity] : []));
    if (entity.kind !== "access-key" && keys.length === 0) return [];
    const used = usedFrom(context);
    const outside = used.filter((address) => isOutside(address, context)).slice(0, MAX_ADDRESSES);
    const looks: Look[] = [];
    const rules = judgeUse(entity, entity.kind === "access-key" ? [entity] : keys, used, outside, context);
    if (rules) looks.push({ key: "cloud-credentials/air", source: "air", family: "air-rules", run: () => [rules] });
    if (outside.length === 0) return looks;
    looks.push({
      key: "cloud-credentials/air-history",
      source: "air",
      family: "air-history",
      run: () => judgeHistory(outside, context),
    });
    for (const source of capabilities.reputation.filter(({ kinds }) => kinds.includes("ip"))) {
      looks.push({
        key: `cloud-credentials/${source.name}`,
        source: source.name,
        family: source.family,
        run: async (signal) => {
          const answers = await Promise.all(
            outside.map(async (address) => ({ address, answer: await source.look({ kind: "ip", address }, signal) })),
          );
          const shared = { analyzer: "cloud-credentials", source: source.name, family: source.family } as const;
          return [{ ...shared, ...carriedOver(entity, answers, context.now) }];
        },
      });
    }
    return looks;
  },
});

/** What was attacked is not where the attack came from. */
const NOT_USED_FROM: ReadonlySet<string> = new Set(["target", "victim", "destination", "attacked", "compromised"]);
function usedFrom({ entities }: LookContext): string[] {
  return [
    ...new Set(
      entities.flatMap(({ entity, roles }) =>
        entity.kind === "ip" && !roles.some((role) => NOT_USED_FROM.has(role.toLowerCase())) ? [entity.address] : [],
      ),
    ),
  ];
}
const isOutside = (address: string, { organization }: LookContext) => reservedAddress(address, organization.internalRanges) === undefined;

/** An instance's keys come from its metadata service (attack.mitre.org/techniques/T1552/005). */
const isInstance = ({ id }: EntityOf<"cloud-resource">) => /(^|[:/])instance\/i-[0-9a-f]+$|^i-[0-9a-f]+$/i.test(id);

function judgeUse(
  entity: EntityOf<Kinds>,
  keys: readonly EntityOf<"access-key">[],
  used: readonly string[],
  outside: readonly string[],
  context: LookContext,
): Observation | undefined {
  const shared = { analyzer: "cloud-credentials", source: "air", family: "air-rules", at: context.now } as const;
  const from = outside.map((address) => brief(address, 64)).join(", ");
  const users = context.entities.flatMap((named) => (named.entity.kind === "user" ? [named.entity] : []));
  const about = entity.kind === "user" ? [entity] : users;
  if (entity.kind !== "cloud-resource" && outside.length > 0 && about.some(({ name }) => name?.trim().toLowerCase() === "root")) {
    return {
      ...shared,
      label: "suspicious",
      weight: WEIGHTS.ruleWeak,
      // docs.aws.amazon.com/IAM/latest/UserGuide/root-user-best-practices.html: not for everyday work, and without access keys.
      text: `Credentials of the account's root user were used from ${from}; nobody works as root every day (T1078.004).`,
      technique: "T1078.004",
    };
  }
  const known = context.organization.internalRanges.length > 0;
  const instances = context.entities.filter((named) => named.entity.kind === "cloud-resource" && isInstance(named.entity));
  if (entity.kind !== "user" && known && outside.length > 0 && keys.some(isTemporaryKey) && instances.length > 0) {
    return {
      ...shared,
      label: "suspicious",
      weight: WEIGHTS.ruleWeak,
      text: `A temporary key of an instance was used from ${from}, outside the networks we know (T1552.005).`,
      technique: "T1552.005",
    };
  }
  if (!known || used.length === 0) return undefined;
  const text =
    outside.length > 0 ? `Used from ${from}, outside the networks we know.` : "Used from our own networks only, as far as the alerts say.";
  return { ...shared, label: "neutral", weight: 0, text };
}

async function judgeHistory(outside: readonly string[], { history, now }: LookContext): Promise<Observation[]> {
  const shared = { analyzer: "cloud-credentials", source: "air", family: "air-history", at: now } as const;
  const since = new Date(now.getTime() - HISTORY_DAYS * DAY);
  const pasts = await Promise.all(outside.map(async (address) => ({ address, past: await history.past({ kind: "ip", address }, since) })));
  const accused = pasts.filter(({ past }) => {
    const latest = past.overrides.toSorted((a, b) => b.at.getTime() - a.at.getTime())[0];
    return latest ? latest.verdict === "malicious" : past.verdicts.malicious > 0;
  });
  if (accused.length === 0) return [{ ...shared, label: "neutral", weight: 0, text: "We judged none of the addresses bad before." }];
  const names = accused.map(({ address }) => brief(address, 64)).join(", ");
  return [{ ...shared, label: "suspicious", weight: WEIGHTS.historyAccused, text: `Used from ${names}, judged malicious before.` }];
}

function carriedOver(
  entity: EntityOf<Kinds>,
  answers: readonly { address: string; answer: ReputationAnswer }[],
  now: Date,
): Pick<Observation, "label" | "weight" | "text" | "at"> {
  const badness = ({ answer }: (typeof answers)[number]) => (ACCUSES.has(answer.label) ? answer.weight : 0);
  const [worst] = answers.toSorted((a, b) => badness(b) - badness(a));
  // A clean address does not clean a key: stolen ones are used through rented machines nobody has reported yet.
  if (!worst || badness(worst) === 0)
    return { label: "neutral", weight: 0, text: "None of the addresses it was used from is called bad.", at: now };
  const { answer, address } = worst;
  // Who uses a key is the key's matter; a resource was merely reached from there. Neither is as certain as the word on the address itself.
  const most = entity.kind === "cloud-resource" ? WEIGHTS.behaviourWeak : WEIGHTS.behaviourStrong;
  const word = entity.kind === "cloud-resource" ? "Reached" : "Used";
  return {
    label: entity.kind === "cloud-resource" ? "suspicious" : answer.label,
    weight: Math.min(answer.weight, most),
    text: `${word} from ${brief(address, 64)}: ${answer.text}`,
    at: answer.at,
  };
}
const ACCUSES: ReadonlySet<string> = new Set(["malicious", "suspicious"]);
