import type { Alert, Severity } from "../../engine/domain/alert.ts";
import { Refusal } from "../../engine/domain/errors.ts";
import { ecs } from "./ecs.ts";
import { elasticEntities } from "./elastic-entities.ts";
import { fieldPath } from "./field-path.ts";
import { first, isObject, type Json, list, readTime, tacticWord, techniqueIds, text, texts, webAddress } from "./json.ts";
import { severityWord } from "./severity-word.ts";
import type { AlertSource, Part } from "./source.ts";

/**
 * A detection alert of Elastic Security: the document as the index keeps it, as a webhook's `context.alerts` gives it, or as a search
 * returns it; `kibana.alert.*` of 8.x and `signal.*` of 7.x, with its names dotted, nested or both.
 */
export const elastic: AlertSource = {
  kind: "elastic",
  parts: elasticParts,
  parse(payload): Alert {
    if (!isObject(payload)) throw new Refusal("invalid", "an alert must be a JSON object");
    const { document, id: outside, path } = unwrapped(payload);
    const said = (...names: string[]) => names.map((name) => ecs(document, name)).find((value) => value !== undefined && value !== null);
    const field = (name: string) => fieldPath([...path, name]);
    const title = first(said("kibana.alert.rule.name", "signal.rule.name"), 1000);
    if (!title) {
      throw new Refusal("invalid", "is required: a detection alert of Elastic Security names its rule there", {
        field: field("kibana.alert.rule.name"),
      });
    }
    const id = first(said("kibana.alert.uuid")) ?? outside ?? first(said("_id"));
    if (!id) throw new Refusal("invalid", "is required, or _id beside it", { field: field("kibana.alert.uuid") });
    const threat = [
      ...list(said("kibana.alert.rule.threat", "kibana.alert.rule.parameters.threat", "signal.rule.threat")),
      ecs(document, "threat"),
    ];
    const detectedAt = readTime(first(said("kibana.alert.original_time", "signal.original_time", "@timestamp", "kibana.alert.start")));
    const category = categoryOf(document, threat);
    const description =
      first(said("kibana.alert.reason", "signal.reason"), 20_000) ??
      first(said("kibana.alert.rule.description", "signal.rule.description"), 20_000);
    const url = webAddress(first(said("kibana.alert.url"), 2049));
    const group = first(said("kibana.alert.case_ids"), 256) ?? first(said("kibana.alert.group.id", "signal.group.id"), 256);
    return {
      sourceId: id,
      title,
      severity: severityOf(
        first(said("kibana.alert.severity", "signal.rule.severity", "kibana.alert.rule.severity")),
        Number(first(said("kibana.alert.risk_score", "signal.rule.risk_score")) ?? Number.NaN),
      ),
      techniques: techniqueIds(threat.flatMap((one) => techniquesOf(one))),
      status: statusOf(first(said("kibana.alert.workflow_status", "signal.status"))),
      product: "elastic",
      entities: elasticEntities(document),
      raw: payload,
      ...(category && { category }),
      ...(description && { description }),
      ...(detectedAt && { detectedAt }),
      ...(url && { url }),
      // A case, or the sequence whose steps are alerts of their own.
      ...(group && { vendorIncident: { id: group } }),
    };
  },
};

/** Elastic's own words; where none stands, its bands of the risk score (low to 21, medium to 47, high to 73). */
function severityOf(word: string | undefined, score: number): Severity {
  const said = severityWord(word);
  if (said) return said;
  if (!(score >= 0)) return "medium";
  if (score > 73) return "critical";
  if (score > 47) return "high";
  return score > 21 ? "medium" : "low";
}

function statusOf(word: string | undefined): Alert["status"] {
  switch (word?.toLowerCase()) {
    case "closed":
      return "resolved";
    case "acknowledged":
    case "in-progress":
      return "inProgress";
    default:
      return "new";
  }
}

/** `technique` is a list of objects in a rule, a list of ids in ECS (`threat.technique.id`). */
const techniquesOf = (threat: unknown): string[] =>
  list(ecs(threat, "technique")).flatMap((technique) => [
    ...list(ecs(technique, "subtechnique")).flatMap((sub) => texts(ecs(sub, "id"))),
    ...texts(ecs(technique, "id")),
  ]);

function categoryOf(document: Json, threat: readonly unknown[]): string | undefined {
  if (texts(ecs(document, "event.category")).some((word) => word.toLowerCase() === "malware")) return "Malware";
  return tacticWord(
    threat
      .map((one) =>
        first(
          list(ecs(one, "tactic")).map((tactic) => ecs(tactic, "name")),
          256,
        ),
      )
      .find((name) => name !== undefined),
  );
}

/** A search says `_id` and `_source`; an archive of an index `value.id` and `value.source`. */
function unwrapped(payload: Json): { document: Json; id: string | undefined; path: string[] } {
  if (isObject(payload._source)) return { document: payload._source, id: text(payload._id), path: ["_source"] };
  const { value } = payload;
  if (isObject(value) && isObject(value.source)) return { document: value.source, id: text(value.id), path: ["value", "source"] };
  return { document: payload, id: text(payload._id), path: [] };
}

/** A search's `hits.hits`, or the list that a webhook's template named `alerts`. */
function elasticParts(payload: unknown): Part[] | undefined {
  if (!isObject(payload)) return undefined;
  const hits = isObject(payload.hits) ? payload.hits.hits : undefined;
  if (Array.isArray(hits)) return hits.map((one: unknown, index) => ({ payload: one, path: ["hits", "hits", index] }));
  const inContext = isObject(payload.context) ? payload.context.alerts : undefined;
  if (Array.isArray(inContext)) return inContext.map((one: unknown, index) => ({ payload: one, path: ["context", "alerts", index] }));
  if (Array.isArray(payload.alerts)) return payload.alerts.map((one: unknown, index) => ({ payload: one, path: ["alerts", index] }));
  return undefined;
}
