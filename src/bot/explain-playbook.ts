import { actionKinds } from "../engine/actions/all.ts";
import { analyzers } from "../engine/analyzers/all.ts";
import type { Verdict } from "../engine/domain/alert.ts";
import { type Answer, automationFor, groupOf } from "../engine/domain/automation.ts";
import type { Entity } from "../engine/domain/entity.ts";
import type { AutomationLevel, Policy } from "../engine/domain/policy.ts";
import type { Playbook } from "../engine/playbook.ts";
import { PHASES, type Phase } from "../engine/playbook-shape.ts";
import type { RolesConfig } from "./config.ts";
import { approverText } from "./people.ts";

/** What decides who approves. */
export type InForce = { policy: Policy; roles: RolesConfig };

/** A playbook in plain sentences: when it applies, who looks in which phase, what it proposes and who decides. One line each. */
export function explainPlaybook(playbook: Playbook, inForce: InForce): string[] {
  return [
    `${playbook.name}: ${playbook.title}`,
    playbook.description,
    `From ${playbook.file}, priority ${playbook.priority}.`,
    "",
    "When it applies",
    ...whenItApplies(playbook),
    ...PHASES.flatMap((phase) => phaseLines(playbook, phase)),
    "",
    `Remediation, in mode ${inForce.policy.mode}`,
    ...(playbook.remediation.length === 0 ? ["  It proposes nothing."] : playbook.remediation.flatMap((rule) => ruleLines(rule, inForce))),
    ...(playbook.advice.length === 0 ? [] : ["", "Advice to the analyst"]),
    ...playbook.advice.map(
      (advice) => `  ${capital(aWhich(advice.for))} that is ${or(advice.when)}${withRole(advice.roles)}: ${advice.text}`,
    ),
  ];
}

function whenItApplies({ applies }: Playbook): string[] {
  if (!applies) return ["  Where no other playbook does, and beside every other one for what an investigation finds."];
  const list = applies.any ?? applies.all ?? [];
  const sentences = list.map((condition) =>
    [
      ...(condition.category ? [`the category is ${or(condition.category)}`] : []),
      ...(condition.product ? [`the source or product is ${or(condition.product)}`] : []),
      ...(condition.severity ? [`the severity is ${or(condition.severity)}`] : []),
      ...(condition.title ? [`a title reads ${or(condition.title.map((pattern) => `"${pattern}"`))}`] : []),
      ...(condition.entity ? [`the alerts name ${aWhich(condition.entity)}`] : []),
    ].join(", and "),
  );
  if (sentences.length === 1) return [`  Where ${sentences[0]}.`];
  return [
    applies.any ? "  Where one of these is true:" : "  Where all of these are true:",
    ...sentences.map((sentence) => `  - ${sentence}`),
  ];
}

const PHASE_TITLE: Record<Phase, (general: boolean) => string> = {
  root: (general) =>
    general ? "Root investigation, at what the alerts named and at what was found" : "Root investigation, at what the alerts named",
  hunting: () => "Hunting, at that and at what was found",
  scoping: () => "Scoping, only at what is malicious or suspicious by then",
};

function phaseLines(playbook: Playbook, phase: Phase): string[] {
  const steps = playbook[phase];
  if (steps.length === 0) return [];
  return [
    "",
    PHASE_TITLE[phase](!playbook.applies),
    ...steps.map(({ look, when }) => {
      const narrowed = [
        ...(when?.kind ? [`only ${aWhich(when.kind)}`] : []),
        ...(when?.verdict ? [`only what is judged ${or(when.verdict)}`] : []),
      ];
      const about = analyzers.find((analyzer) => analyzer.name === look)?.about ?? "";
      return `  ${look}${narrowed.length > 0 ? ` (${narrowed.join(", ")})` : ""}: ${about}`;
    }),
  ];
}

type Rule = Playbook["remediation"][number];

function ruleLines(rule: Rule, { policy, roles }: InForce): string[] {
  const family = actionKinds[rule.propose].family;
  const aim = rule.whenAny
    ? `${aWhich(rule.for)} with ${aWhich(rule.whenAny.kind)} on it that is ${or(rule.whenAny.verdict)}`
    : `${aWhich(rule.for)} that is ${or(rule.when ?? [])}`;
  const approvers = roles.approver[family];
  const people = policy.perKind[rule.propose]?.approvals === 2 ? "two approvers" : "one approver";
  return [
    `  ${rule.propose}, for ${aim}${withRole(rule.roles)}`,
    `    ${rule.note}`,
    ...(policy.mode === "observe"
      ? ["    Nothing is carried out; the card asks whether people agree."]
      : [
          ...decisions(rule, policy).map((line) => `    ${line}`),
          `    Where it asks: ${people} for ${family} (two for a protected asset or a far reach). ${approvers.length > 0 ? `They are ${approvers.map(approverText).join(", ")}.` : `Nobody is one yet: add them under roles.approver.${family} in air.yaml.`}`,
        ]),
  ];
}

/** What policy answers to this rule, asked for every device group and kind of folder that could make a difference. */
function decisions(rule: Rule, policy: Policy): string[] {
  const verdicts = rule.when ?? rule.whenAny?.verdict ?? [];
  const onDevice = actionKinds[rule.propose].family === "device";
  const groups = onDevice ? groupsOf(policy) : [groupOf({ name: "" }, policy)];
  const perGroup = groups.map(({ name, level }) => ({
    name,
    text: verdicts.map((verdict) => `${verdict}: ${answersOf(rule, verdict, { name, level }, policy)}`).join("; "),
  }));
  const texts = new Set(perGroup.map(({ text }) => text));
  if (texts.size === 1) return [...texts].map(capital);
  return perGroup.map(({ name, text }) => `On devices of ${name === "no group" ? "no group" : `group ${name}`}, ${text}`);
}

function groupsOf(policy: Policy): { name: string; level: AutomationLevel }[] {
  const groups = policy.deviceGroups.map(({ name, automation }) => ({ name, level: automation }));
  const takesAll = policy.deviceGroups.some(({ match }) => match === undefined || match === "*");
  return takesAll ? groups : [...groups, { name: "no group", level: "semi-all" }];
}

const FOLDERS = [
  { where: "in a temporary folder", path: "C:\\Windows\\Temp\\a" },
  { where: "in a core folder", path: "C:\\Windows\\a" },
  { where: "elsewhere", path: "C:\\a\\a" },
] as const;

function answersOf(rule: Rule, verdict: Verdict, group: { name: string; level: AutomationLevel }, policy: Policy): string {
  const answers = FOLDERS.map(({ where, path }) => {
    const target: Entity = { kind: "file", path };
    const answer = automationFor(
      // As good as evidence gets: whatever asks here asks always.
      { kind: rule.propose, target, verdict, judgement: { automatic: { allowed: true } }, level: group.level, group: group.name },
      policy,
      { kindLastHour: 0, lastDay: 0 },
    );
    return { where, answer };
  });
  const kinds = new Set(answers.map(({ answer }) => answer.kind));
  const [first] = answers;
  if (kinds.size === 1 && first) return `${SAID[first.answer.kind]} (${first.answer.rule.replace(/ and the path .*$/, "")})`;
  return answers.map(({ where, answer }) => `${where} ${SAID[answer.kind]}`).join(", ");
}
const SAID: Record<Answer["kind"], string> = {
  automatic: "air does it by itself, where two independent sources agree",
  ask: "asks",
  observe: "is only said",
  none: "nothing is done",
};

const withRole = (roles: readonly string[] | undefined) => (roles ? `, in the role ${or(roles)}` : "");
const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);
const or = (words: readonly string[]) =>
  words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} or ${words[words.length - 1]}`;
const aWhich = (kinds: readonly string[]) =>
  or(kinds.map((kind) => `${/^[aeiou]/.test(kind) && kind !== "user" && kind !== "url" ? "an" : "a"} ${kind}`));
