import { isMap, isNode, isScalar, LineCounter, parseDocument, visit } from "yaml";
import type { z } from "zod";
import type { ActionKindName } from "./domain/action.ts";
import type { Alert, Severity, Verdict } from "./domain/alert.ts";
import { deviceName, type Entity, type EntityKind, type EntityOf, entityKey } from "./domain/entity.ts";
import { alreadyStopped, pendingAtSource } from "./domain/never-act.ts";
import { globMatches } from "./domain/policy.ts";
import { PlaybookShape } from "./playbook-shape.ts";

/*
 * A playbook is text: when it applies, which analyzers look in which phase, what it proposes (domain 6.2: root investigation, hunting,
 * scoping, remediation). Reading one, choosing one, and what it would do; the shape of the text is in playbook-shape.ts.
 */

const MAX_BYTES = 1024 * 1024;
const MAX_ALIASES = 100;

export type Playbook = z.infer<typeof PlaybookShape> & { file: string };

/** What is wrong with a playbook, one line per fault, each beginning `file:line`. */
export class PlaybookError extends Error {
  readonly faults: readonly string[];
  constructor(faults: readonly string[]) {
    super(faults.join("\n"));
    this.name = "PlaybookError";
    this.faults = faults;
  }
}

export function parsePlaybook(source: string, file: string): Playbook {
  if (Buffer.byteLength(source) > MAX_BYTES) throw new PlaybookError([`${file}:1: is larger than 1 MiB`]);
  const lines = new LineCounter();
  const document = parseDocument(source, { schema: "core", lineCounter: lines, uniqueKeys: true, merge: false });
  const at = (offset: number | undefined) => `${file}:${offset === undefined ? 1 : lines.linePos(offset).line}`;
  if (document.errors.length > 0) {
    throw new PlaybookError(
      document.errors.map((error) => `${at(error.pos[0])}: ${error.message.split("\n")[0]?.replace(/ at line .*$/, "")}`),
    );
  }
  visit(document, {
    Pair(_, pair) {
      const key = isScalar(pair.key) ? String(pair.key.value) : "";
      if (["__proto__", "constructor", "prototype"].includes(key)) {
        throw new PlaybookError([`${at(isNode(pair.key) ? pair.key.range?.[0] : undefined)}: the key ${key} is not allowed`]);
      }
    },
  });
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch (error) {
    throw new PlaybookError([`${file}:1: ${error instanceof Error ? error.message : String(error)}`]);
  }
  const parsed = PlaybookShape.safeParse(value);
  if (parsed.success) return { ...parsed.data, file };

  const lineOf = (path: readonly PropertyKey[]): string => {
    // The nearest place that exists: a missing key is reported at the map that lacks it.
    for (let length = path.length; length >= 0; length--) {
      const node = length === 0 ? document.contents : document.getIn(path.slice(0, length), true);
      if (isNode(node) && node.range) return at(node.range[0]);
    }
    return at(undefined);
  };
  const keyLine = (path: readonly PropertyKey[], key: string): string => {
    const map = path.length === 0 ? document.contents : document.getIn([...path], true);
    const pair = isMap(map) ? map.items.find((item) => isScalar(item.key) && item.key.value === key) : undefined;
    return pair && isNode(pair.key) ? at(pair.key.range?.[0]) : lineOf(path);
  };
  throw new PlaybookError(
    parsed.error.issues.flatMap((issue) => {
      if (issue.code === "unrecognized_keys") {
        return issue.keys.map(
          (key) => `${keyLine(issue.path, key)}: ${[...issue.path, key].join(".")}: unknown key${APPROVAL_WORDS.has(key) ? HINT : ""}`,
        );
      }
      const where = issue.path.length > 0 ? `${issue.path.join(".")}: ` : "";
      // zod's own words for this show a JavaScript type nobody wrote.
      const missing = issue.code === "invalid_type" && issue.message.endsWith("received undefined");
      return [`${lineOf(issue.path)}: ${where}${missing ? "is required" : issue.message}`];
    }),
  );
}
const APPROVAL_WORDS = new Set(["approval", "approvals", "automatic", "automation", "auto"]);
const HINT = " (who approves is set in air.yaml; a playbook cannot lower it)";

/** What a playbook may know of an incident when it is chosen. */
export type IncidentFacts = {
  title: string;
  /** Titles of the single alerts, where they differ from the incident's: an incident is renamed as it grows. */
  titles?: readonly string[];
  severity: Severity;
  categories: readonly string[];
  /** Sources and products of the alerts, in the sources' words. */
  products: readonly string[];
  entityKinds: readonly EntityKind[];
};

/** The facts of an incident that consists of these alerts. `source` is the name under which the alert came in. */
export function incidentFacts(
  incident: { title: string; severity: Severity },
  alerts: readonly (Pick<Alert, "title" | "category" | "product" | "entities"> & { source: string })[],
): IncidentFacts {
  return {
    title: incident.title,
    titles: alerts.map((alert) => alert.title),
    severity: incident.severity,
    categories: [...new Set(alerts.flatMap((alert) => (alert.category ? [alert.category] : [])))],
    products: [...new Set(alerts.flatMap((alert) => [alert.source, ...(alert.product ? [alert.product] : [])]))],
    entityKinds: [...new Set(alerts.flatMap((alert) => alert.entities.map((named) => named.entity.kind)))],
  };
}

/** Of the specific playbooks that apply the one of the highest priority, then the first by name; else the general one, if there is one. */
export function choosePlaybook(playbooks: readonly Playbook[], facts: IncidentFacts): Playbook | undefined {
  return rankPlaybooks(playbooks, facts).find(({ applies }) => applies)?.playbook;
}

/** Every playbook in the order of choice, with why it applies or why not: the first that applies is the one chosen. */
export function rankPlaybooks(
  playbooks: readonly Playbook[],
  facts: IncidentFacts,
): { playbook: Playbook; applies: boolean; because: string }[] {
  return playbooks
    .toSorted(
      (a, b) => Number(a.applies === undefined) - Number(b.applies === undefined) || b.priority - a.priority || (a.name < b.name ? -1 : 1),
    )
    .map((playbook) => ({ playbook, ...answerOf(playbook, facts) }));
}

/** Why it applies, in words ("category is Malware"); undefined: it does not. */
export function whyApplies(playbook: Playbook, facts: IncidentFacts): string | undefined {
  const { applies, because } = answerOf(playbook, facts);
  return applies ? because : undefined;
}

type Answer = { applies: boolean; because: string };

function answerOf({ applies }: Playbook, facts: IncidentFacts): Answer {
  if (!applies) return { applies: true, because: "it is the general playbook" };
  const answers = (applies.any ?? applies.all ?? []).map((condition) => compare(condition, facts));
  const yes = answers.filter((answer) => answer.applies);
  const no = answers.filter((answer) => !answer.applies);
  const [first] = yes;
  if (applies.any) return first ?? { applies: false, because: [...new Set(no.map(({ because }) => because))].join("; ") };
  const decisive = no.length > 0 ? no : yes;
  return { applies: no.length === 0, because: decisive.map(({ because }) => because).join(" and ") };
}

type Condition = NonNullable<NonNullable<Playbook["applies"]>["any"]>[number];

/** The first thing that fails is the reason against it. */
function compare(condition: Condition, facts: IncidentFacts): Answer {
  const titles = [facts.title, ...(facts.titles ?? [])];
  const needs: [string, string, readonly string[] | undefined, readonly string[]][] = [
    ["category is", "the category", condition.category, facts.categories],
    ["product is", "the product", condition.product, facts.products],
    ["it names a", "what it names", condition.entity, facts.entityKinds],
    ["severity is", "the severity", condition.severity, [facts.severity]],
    ["the title reads", "the title", condition.title, titles],
  ];
  const reasons: string[] = [];
  for (const [is, what, wanted, given] of needs) {
    if (!wanted) continue;
    const hit = given.find((value) => wanted.some((pattern) => globMatches(pattern, value)));
    if (hit === undefined) return { applies: false, because: `${what} is ${orList(wanted, "none of ", "not ")}` };
    reasons.push(`${is} ${hit}`);
  }
  return { applies: true, because: reasons.join(" and ") };
}

/** Long lists are cut: the reader wants to know which condition failed, and has the file for the rest. */
function orList(words: readonly string[], several: string, one: string): string {
  const more = words.length > 4 ? ` and ${words.length - 3} more` : "";
  return `${words.length === 1 ? one : several}${words.slice(0, more ? 3 : 4).join(", ")}${more}`;
}

/** Evidence as a plan sees it. `device`: where it was seen, where the entity itself does not say. */
export type PlannedEvidence = {
  id: number;
  entity: Entity;
  verdict: Verdict;
  device?: string | undefined;
  roles?: readonly string[] | undefined;
  /** The source's own remediation status: what it already stopped leads to nothing. */
  remediation?: string | undefined;
  /** A look-up came across it; no alert named it. */
  found?: boolean | undefined;
};
export type PlannedAction = {
  kind: ActionKindName;
  target: Entity;
  /** The evidence the target is; where the target is no evidence itself, the first it is proposed for. */
  evidenceId: number;
  /** Every piece of evidence it is proposed for: their judgements decide whether it may be automatic. */
  because: number[];
  note: string;
  rule: string;
};

/** What the playbook would do about this evidence. Pure; whether it may be proposed at all, and who decides, is asked elsewhere. */
export function plan(playbook: Playbook, evidence: readonly PlannedEvidence[]): PlannedAction[] {
  const planned = new Map<string, PlannedAction>();
  for (const [index, rule] of playbook.remediation.entries()) {
    const add = (target: Entity, evidenceId: number, because: number) => {
      // The same hash on two devices is two files to quarantine, and one to block.
      const place = rule.propose === "quarantine-file" && target.kind === "file" && target.device ? `@${deviceName(target.device)}` : "";
      const key = `${rule.propose} ${entityKey(target)}${place}`;
      const known = planned.get(key);
      if (!known) {
        const name = `${playbook.name}, remediation ${index + 1}`;
        planned.set(key, { kind: rule.propose, target, evidenceId, because: [because], note: rule.note, rule: name });
      } else if (!known.because.includes(because)) known.because.push(because);
    };
    const wanted = (kinds: readonly EntityKind[], verdicts: readonly Verdict[]) =>
      evidence.filter(
        (item) =>
          kinds.includes(item.entity.kind) &&
          verdicts.includes(item.verdict) &&
          hasRole(item, rule.roles) &&
          !alreadyStopped(item.remediation) &&
          !pendingAtSource(item.remediation),
      );
    if (rule.whenAny) {
      for (const item of wanted(rule.whenAny.kind, rule.whenAny.verdict)) {
        const name = placeOf(item, evidence);
        if (name === undefined) continue;
        const device = devicesIn(evidence).find((each) => isCalled(each.entity, name));
        add(device?.entity ?? { kind: "device", name }, device?.id ?? item.id, item.id);
      }
      continue;
    }
    for (const item of wanted(rule.for, rule.when ?? [])) add(targetOf(rule.propose, item, evidence), item.id, item.id);
  }
  // Only a hash can be blocked everywhere.
  return [...planned.values()].filter(({ kind, target }) => kind !== "block-indicator" || target.kind !== "file" || hasHash(target));
}

function targetOf(kind: ActionKindName, item: PlannedEvidence, evidence: readonly PlannedEvidence[]): Entity {
  if (item.entity.kind !== "file" || kind === "block-indicator") return item.entity;
  const device = placeOf(item, evidence);
  return device === undefined ? item.entity : { ...item.entity, device };
}
const hasHash = (file: EntityOf<"file">) => Boolean(file.sha256 || file.sha1 || file.md5);

const hasRole = (item: PlannedEvidence, roles: readonly string[] | undefined) =>
  roles === undefined || (item.roles ?? []).some((role) => roles.some((pattern) => globMatches(pattern, role)));

type DeviceEvidence = PlannedEvidence & { entity: EntityOf<"device"> };
const devicesIn = (evidence: readonly PlannedEvidence[]) =>
  evidence.filter((item): item is DeviceEvidence => item.entity.kind === "device");
const isCalled = (device: EntityOf<"device">, name: string) =>
  (device.name !== undefined && deviceName(device.name) === deviceName(name)) || device.id?.toLowerCase() === name.toLowerCase();

/** The device evidence lies on: as said, else where a process of the same file runs, else the only device that is named. */
function placeOf(item: PlannedEvidence, evidence: readonly PlannedEvidence[]): string | undefined {
  const { entity } = item;
  const said = ("device" in entity ? entity.device : undefined) ?? item.device;
  if (said !== undefined) return said;
  if (entity.kind === "file" && entity.sha256) {
    const running = evidence.find((each) => each.entity.kind === "process" && each.entity.sha256 === entity.sha256 && each.entity.device);
    if (running?.entity.kind === "process" && running.entity.device) return running.entity.device;
  }
  // One that a look-up came across is not where the alert's own things lie.
  const [only, second] = devicesIn(evidence).filter((device) => !device.found || item.found);
  return second === undefined ? (only?.entity.name ?? only?.entity.id) : undefined;
}
