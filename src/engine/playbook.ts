import { isMap, isNode, isScalar, LineCounter, parseDocument, visit } from "yaml";
import { z } from "zod";
import { actionKinds } from "./actions/all.ts";
import { analyzers } from "./analyzers/all.ts";
import { ACTION_KINDS, type ActionKindName } from "./domain/action.ts";
import { SEVERITIES, type Severity, type Verdict } from "./domain/alert.ts";
import { deviceName, ENTITY_KINDS, type Entity, type EntityKind, type EntityOf, entityKey } from "./domain/entity.ts";
import { alreadyStopped } from "./domain/never-act.ts";
import { globMatches } from "./domain/policy.ts";

/*
 * A playbook is text: when it applies, which analyzers look in which phase, what it proposes (domain 6.2: root investigation, hunting,
 * scoping, remediation). It says nothing about who approves: that is policy, and a playbook cannot lower it.
 */

const MAX_BYTES = 1024 * 1024;
const MAX_ALIASES = 100;

const text = z.string().min(1).max(1000);
const patterns = z.array(z.string().min(1).max(200)).min(1).max(100);
const oneOrMore = <T extends z.ZodType>(item: T) =>
  z.preprocess((value) => (Array.isArray(value) || value === undefined ? value : [value]), z.array(item).min(1).max(50));
const entityKind = z.enum(ENTITY_KINDS);
/** Only what is bad leads to a proposal; "not judged" and "no threats found" never do. */
const badVerdict = z.enum(["malicious", "suspicious"]);

const Condition = z
  .strictObject({
    category: oneOrMore(z.string().min(1).max(200)).optional(),
    product: oneOrMore(z.string().min(1).max(200)).optional(),
    entity: oneOrMore(entityKind).optional(),
    severity: oneOrMore(z.enum(SEVERITIES)).optional(),
    title: oneOrMore(z.string().min(1).max(200)).optional(),
  })
  .refine((condition) => Object.keys(condition).length > 0, "needs category, product, entity, severity or title");
const Applies = z.union([
  z.strictObject({ any: z.array(Condition).min(1).max(50) }),
  z.strictObject({ all: z.array(Condition).min(1).max(50) }),
]);
const Look = z.strictObject({
  look: z.string().refine((name) => analyzers.some((analyzer) => analyzer.name === name), {
    error: (issue) => `there is no analyzer ${String(issue.input)}; there are ${analyzers.map((analyzer) => analyzer.name).join(", ")}`,
  }),
});
const ProposalRule = z
  .strictObject({
    propose: z.enum(ACTION_KINDS),
    for: oneOrMore(entityKind),
    /** Proposed for evidence of the kind with one of these verdicts. */
    when: oneOrMore(badVerdict).optional(),
    /** Proposed for every device that carries evidence of these kinds and verdicts. */
    whenAny: z.strictObject({ kind: oneOrMore(entityKind), verdict: oneOrMore(badVerdict) }).optional(),
    /** Only where the source gave the entity one of these roles (`attacker`, `compromised`). */
    roles: patterns.optional(),
    note: text,
  })
  .superRefine((rule, context) => {
    if ((rule.when === undefined) === (rule.whenAny === undefined)) {
      context.addIssue({ code: "custom", message: "needs either when or whenAny", path: ["propose"] });
    }
    if (rule.whenAny && rule.for.some((kind) => kind !== "device")) {
      context.addIssue({
        code: "custom",
        message: "whenAny is aimed at the device that carries the evidence: for must be device",
        path: ["for"],
      });
    }
    const targets = actionKinds[rule.propose].targets;
    for (const kind of rule.for) {
      if (!targets.includes(kind)) {
        context.addIssue({ code: "custom", message: `${rule.propose} is aimed at ${targets.join(" or ")}, not at ${kind}`, path: ["for"] });
      }
    }
  });

const Schema = z
  .strictObject({
    name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, "must be lower-case letters, digits and dashes"),
    title: text,
    description: text,
    applies: Applies.optional(),
    root: z.array(Look).max(50).default([]),
    hunting: z.array(Look).max(50).default([]),
    scoping: z.array(Look).max(50).default([]),
    remediation: z.array(ProposalRule).max(100).default([]),
  })
  .superRefine((playbook, context) => {
    const seen = new Set<string>();
    for (const phase of PHASES) {
      for (const [index, { look }] of playbook[phase].entries()) {
        if (seen.has(look))
          context.addIssue({ code: "custom", message: `${look} is listed twice; it runs once`, path: [phase, index, "look"] });
        seen.add(look);
      }
    }
  });

const PHASES = ["root", "hunting", "scoping"] as const;
export type Playbook = z.infer<typeof Schema> & { file: string };

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
  const parsed = Schema.safeParse(value);
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
      return [`${lineOf(issue.path)}: ${issue.path.length > 0 ? `${issue.path.join(".")}: ` : ""}${issue.message}`];
    }),
  );
}
const APPROVAL_WORDS = new Set(["approval", "approvals", "automatic", "automation", "auto"]);
const HINT = " (who approves is set in air.yaml; a playbook cannot lower it)";

/** What a playbook may know of an incident when it is chosen. */
export type IncidentFacts = {
  title: string;
  severity: Severity;
  categories: readonly string[];
  products: readonly string[];
  entityKinds: readonly EntityKind[];
};

/** The first specific playbook that applies, by name; else the general one; undefined where not even that exists. */
export function choosePlaybook(playbooks: readonly Playbook[], facts: IncidentFacts): Playbook | undefined {
  const byName = playbooks.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return (
    byName.find((playbook) => playbook.applies && whyApplies(playbook, facts) !== undefined) ?? byName.find((playbook) => !playbook.applies)
  );
}

/** Why it applies, in words ("category is Malware"); undefined: it does not. */
export function whyApplies(playbook: Playbook, facts: IncidentFacts): string | undefined {
  const applies = playbook.applies;
  if (!applies) return "it is the general playbook";
  if ("any" in applies) return applies.any.map((condition) => met(condition, facts)).find((reason) => reason !== undefined);
  const reasons = applies.all.map((condition) => met(condition, facts));
  return reasons.every((reason) => reason !== undefined) ? reasons.join(" and ") : undefined;
}

function met(condition: z.infer<typeof Condition>, facts: IncidentFacts): string | undefined {
  const reasons: string[] = [];
  const need = (what: string, wanted: readonly string[] | undefined, given: readonly string[]): boolean => {
    if (!wanted) return true;
    const hit = given.find((value) => wanted.some((pattern) => globMatches(pattern, value)));
    if (hit !== undefined) reasons.push(`${what} ${hit}`);
    return hit !== undefined;
  };
  const every =
    need("category is", condition.category, facts.categories) &&
    need("product is", condition.product, facts.products) &&
    need("it names a", condition.entity, facts.entityKinds) &&
    need("severity is", condition.severity, [facts.severity]) &&
    need("the title reads", condition.title, [facts.title]);
  return every ? reasons.join(" and ") : undefined;
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
          !alreadyStopped(item.remediation),
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

/** The device evidence lies on: as said, else where a process of the same file runs, else the only device there is. */
function placeOf(item: PlannedEvidence, evidence: readonly PlannedEvidence[]): string | undefined {
  const { entity } = item;
  const said = ("device" in entity ? entity.device : undefined) ?? item.device;
  if (said !== undefined) return said;
  if (entity.kind === "file" && entity.sha256) {
    const running = evidence.find((each) => each.entity.kind === "process" && each.entity.sha256 === entity.sha256 && each.entity.device);
    if (running?.entity.kind === "process" && running.entity.device) return running.entity.device;
  }
  const [only, second] = devicesIn(evidence);
  return second === undefined ? (only?.entity.name ?? only?.entity.id) : undefined;
}
