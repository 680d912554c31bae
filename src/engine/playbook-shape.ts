import { z } from "zod";
import { actionKinds } from "./actions/all.ts";
import { analyzers } from "./analyzers/all.ts";
import { ACTION_KINDS } from "./domain/action.ts";
import { SEVERITIES, Verdict } from "./domain/alert.ts";
import { ENTITY_KINDS } from "./domain/entity.ts";

/*
 * What a playbook file may say, each field with the sentence an editor shows beside it (playbooks/playbook.schema.json is made from it).
 * It says nothing about who approves: that is policy, and a playbook cannot lower it.
 */

/** The order of an investigation (domain facts 6.2); remediation follows them. */
export const PHASES = ["root", "hunting", "scoping"] as const;
export type Phase = (typeof PHASES)[number];

/** A team's own playbook that says nothing goes before the built-in ones, which stand between 10 and 90. */
const DEFAULT_PRIORITY = 100;

const text = z.string().min(1).max(1000);
const pattern = z.string().min(1).max(200);

/** Lists in which a single item may stand without brackets. */
const bare = new WeakSet<object>();
function oneOrMore<T extends z.ZodType>(item: T, about: string) {
  const schema = z
    .preprocess((value) => (Array.isArray(value) || value === undefined ? value : [value]), z.array(item).min(1).max(50))
    .describe(about);
  bare.add(schema);
  return schema;
}
const entityKind = z.enum(ENTITY_KINDS);
/** Only what is bad leads to a proposal; "not judged" and "no threats found" never do. */
const badVerdict = z.enum(["malicious", "suspicious"]);

const PATTERN = "Patterns know * and ?; case makes no difference.";
const Condition = z
  .strictObject({
    category: oneOrMore(pattern, `One of these is a category of one of the incident's alerts. ${PATTERN}`).optional(),
    product: oneOrMore(pattern, `One of the alerts comes from this source or product. ${PATTERN}`).optional(),
    entity: oneOrMore(entityKind, "One of the alerts names an entity of one of these kinds.").optional(),
    severity: oneOrMore(z.enum(SEVERITIES), "The incident has one of these severities.").optional(),
    title: oneOrMore(pattern, `The title of the incident or of one of its alerts reads like this. ${PATTERN}`).optional(),
  })
  .refine((condition) => Object.keys(condition).length > 0, "needs category, product, entity, severity or title")
  .describe("Everything it says must be true at once; of a list, one item is enough.");

const conditions = z.array(Condition).min(1).max(50);
const Applies = z
  .strictObject({
    any: conditions.describe("It applies where at least one of these is true.").optional(),
    all: conditions.describe("It applies where every one of these is true.").optional(),
  })
  .refine((applies) => (applies.any === undefined) !== (applies.all === undefined), "needs either any or all")
  .describe("When the playbook applies. Without it, it is the general playbook, for what no other one claims.");

/** Filled from the list of analyzers when the JSON Schema is made. */
const analyzerName = z
  .string()
  .refine((name) => analyzers.some((analyzer) => analyzer.name === name), {
    error: (issue) => `there is no analyzer ${String(issue.input)}; there are ${analyzers.map((analyzer) => analyzer.name).join(", ")}`,
  })
  .describe("The analyzer that looks. It only ever looks at the kinds of entity it knows.");
const Step = z
  .strictObject({
    look: analyzerName,
    when: z
      .strictObject({
        verdict: oneOrMore(Verdict, "Only at evidence that is judged so by now; before the first look everything is unknown.").optional(),
        kind: oneOrMore(entityKind, "Only at entities of these kinds.").optional(),
      })
      .refine((when) => Object.keys(when).length > 0, "needs verdict or kind")
      .describe("Narrows what it looks at, beyond what the phase says.")
      .optional(),
  })
  .describe("One analyzer in this phase.");

const roles = oneOrMore(pattern, `Only where the source gave the entity one of these roles (attacker, compromised). ${PATTERN}`).optional();
const ProposalRule = z
  .strictObject({
    propose: z.enum(ACTION_KINDS).describe("What to do. Who decides is policy, in air.yaml."),
    for: oneOrMore(entityKind, "The kinds of entity it is done to."),
    when: oneOrMore(badVerdict, "Proposed for evidence of the kind with one of these verdicts.").optional(),
    whenAny: z
      .strictObject({
        kind: oneOrMore(entityKind, "The kinds of evidence that make it necessary."),
        verdict: oneOrMore(badVerdict, "The verdicts that make it necessary."),
      })
      .describe("Proposed for every device that carries evidence of these kinds and verdicts.")
      .optional(),
    roles,
    note: text.describe("Why, in one sentence: stands on the card beside Approve and Reject."),
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
    const { targets, onlyUndoes } = actionKinds[rule.propose];
    if (onlyUndoes) context.addIssue({ code: "custom", message: `${rule.propose} is made by undo only`, path: ["propose"] });
    for (const kind of rule.for) {
      if (!targets.includes(kind)) {
        context.addIssue({ code: "custom", message: `${rule.propose} is aimed at ${targets.join(" or ")}, not at ${kind}`, path: ["for"] });
      }
    }
  })
  .describe("One action, and for which evidence it is proposed.");
const Advice = z
  .strictObject({
    for: oneOrMore(entityKind, "The kinds of evidence it is about."),
    when: oneOrMore(badVerdict, "Given for evidence with one of these verdicts."),
    roles,
    text: text.describe("What a person should do, in one or two sentences."),
  })
  .describe("What to do by hand, where air has no action for it.");

const steps = (about: string) => z.array(Step).max(50).default([]).describe(about);

export const PlaybookShape = z
  .strictObject({
    name: z
      .string()
      .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, "must be lower-case letters, digits and dashes")
      .describe("Its name: lower-case letters, digits and dashes. One of the same name in your own folder replaces a built-in playbook."),
    title: text.describe("What a person calls it."),
    description: text.describe("What it does, in one or two sentences."),
    priority: z
      .number()
      .int()
      .min(0)
      .max(1000)
      .default(DEFAULT_PRIORITY)
      .describe(
        `Where several playbooks apply, the one with the highest number is chosen; of equal ones the first by name. The built-in ones stand between 10 and 90, so that your own (default ${DEFAULT_PRIORITY}) go before them.`,
      ),
    applies: Applies.optional(),
    root: steps("Root investigation: looks at what the alerts named."),
    hunting: steps("Hunting: looks at what the alerts named and at what was found meanwhile."),
    scoping: steps("Scoping: looks only at what is malicious or suspicious by now, so that nothing else widens the investigation."),
    remediation: z.array(ProposalRule).max(100).default([]).describe("What is proposed, for which evidence."),
    advice: z.array(Advice).max(50).default([]).describe("What is said to the analyst, where a person has to act by hand."),
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

/** JSON Schema (draft 2020-12) of a playbook file, for editors: every field with its sentence, every analyzer with what it does. */
export function playbookJsonSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(PlaybookShape, {
    io: "input",
    override: ({ zodSchema, jsonSchema }) => {
      if (zodSchema === analyzerName) jsonSchema.oneOf = analyzers.map(({ name, about }) => ({ const: name, description: about }));
      if (zodSchema === Applies) jsonSchema.oneOf = [{ required: ["any"] }, { required: ["all"] }];
      if (zodSchema === Condition) jsonSchema.minProperties = 1;
      if (bare.has(zodSchema)) {
        const { description, ...list } = jsonSchema;
        const item = Array.isArray(list.items) ? undefined : list.items;
        for (const key of Object.keys(list)) delete jsonSchema[key];
        jsonSchema.anyOf = [...(typeof item === "object" ? [item] : []), list];
      }
    },
  });
  const { $schema, ...rest } = schema;
  return { $schema, title: "Playbook of air", ...rest };
}
