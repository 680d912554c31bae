import type { Alert, Severity } from "../../engine/domain/alert.ts";
import { Refusal } from "../../engine/domain/errors.ts";
import { at, first, isObject, type Json, readTime, tacticWord, techniqueIds, text, texts } from "./json.ts";
import type { AlertSource } from "./source.ts";
import { wazuhEntities } from "./wazuh-entities.ts";

/** An alert of Wazuh as its integrator writes it (`alert_format json`), as the indexer keeps it, or in what the Shuffle integration sends. */
export const wazuh: AlertSource = {
  kind: "wazuh",
  parse(payload): Alert {
    if (!isObject(payload)) throw new Refusal("invalid", "an alert must be a JSON object");
    const { alert, path } = unwrapped(payload);
    const field = (name: string) => `${path}${name}`;
    const { rule } = alert;
    if (!isObject(rule))
      throw new Refusal("invalid", rule === undefined ? "is required: every alert of Wazuh has it" : "must be an object", {
        field: field("rule"),
      });
    const level = typeof rule.level === "string" && /^\d{1,2}$/.test(rule.level) ? Number(rule.level) : rule.level;
    if (typeof level !== "number" || !(level >= 0 && level <= 16))
      throw new Refusal("invalid", rule.level === undefined ? "is required" : "must be a number from 0 to 16", {
        field: field("rule.level"),
      });
    const id = text(alert.id);
    if (!id) throw new Refusal("invalid", alert.id === undefined ? "is required" : "must be text", { field: field("id") });
    const title = text(rule.description, 1000);
    if (!title)
      throw new Refusal("invalid", rule.description === undefined ? "is required" : "must be text", { field: field("rule.description") });
    const detectedAt = readTime(alert.timestamp) ?? readTime(alert["@timestamp"]);
    const category = categoryOf(rule);
    const description = text(alert.full_log, 20_000) ?? text(at(alert, "data", "win", "system", "message"), 20_000);
    return {
      sourceId: id,
      title,
      severity: severityOf(level),
      techniques: techniqueIds(texts(at(rule, "mitre", "id"))),
      status: "new",
      product: "wazuh",
      entities: wazuhEntities(alert),
      raw: payload,
      ...(category && { category }),
      ...(description && { description }),
      ...(detectedAt && { detectedAt }),
    };
  },
};

/**
 * The bands of Wazuh's own dashboards: low to 6, medium 7 to 11, high 12 to 14, critical from 15. Levels 0 to 3 have "no security relevance"
 * (documentation.wazuh.com, rules classification): no error, no attack, an event that is only noted.
 */
function severityOf(level: number): Severity {
  if (level >= 15) return "critical";
  if (level >= 12) return "high";
  if (level >= 7) return "medium";
  return level >= 4 ? "low" : "informational";
}

/** Groups of rules that mean malware, whatever tactic stands beside. */
const MALWARE: ReadonlySet<string> = new Set(["windows_defender", "virustotal", "malware", "yara", "clamd", "rootcheck"]);

function categoryOf(rule: Json): string | undefined {
  if (texts(rule.groups).some((group) => MALWARE.has(group.toLowerCase()))) return "Malware";
  return tacticWord(first(at(rule, "mitre", "tactic"), 256));
}

function unwrapped(payload: Json): { alert: Json; path: string } {
  if (isObject(payload.rule)) return { alert: payload, path: "" };
  for (const name of ["_source", "all_fields"]) {
    const inner = payload[name];
    if (isObject(inner)) return { alert: { ...inner, id: inner.id ?? payload.id ?? payload._id }, path: `${name}.` };
  }
  return { alert: payload, path: "" };
}
