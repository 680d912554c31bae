import type { Alert, Severity } from "../../engine/domain/alert.ts";
import { Refusal } from "../../engine/domain/errors.ts";
import { awsParts } from "./aws-envelope.ts";
import { at, first, isObject, type Json, list, readTime, tacticWord, techniqueIds, text, webAddress } from "./json.ts";
import { ocsfEntities } from "./ocsf-entities.ts";
import { severityWord } from "./severity-word.ts";
import type { AlertSource } from "./source.ts";

const DETECTION = 2004;
/** Deprecated since 1.1, and still what many products send. */
const SECURITY = 2001;

/** A finding in the Open Cybersecurity Schema Framework: Detection Finding (2004) or the older Security Finding (2001), schema.ocsf.io. */
export const ocsf: AlertSource = {
  kind: "ocsf",
  parts: (payload) => awsParts(payload, ["findings", "Findings"]),
  parse(sent): Alert {
    if (!isObject(sent)) throw new Refusal("invalid", "an alert must be a JSON object");
    const [payload, prefix] = isObject(sent.detail) && "class_uid" in sent.detail ? [sent.detail, "detail."] : [sent, ""];
    const refuse = (field: string, message: string) => new Refusal("invalid", message, { field: `${prefix}${field}` });
    const uid = Number(payload.class_uid);
    if (payload.class_uid === undefined) throw refuse("class_uid", "is required: 2004 (Detection Finding) or 2001 (Security Finding)");
    if (uid !== DETECTION && uid !== SECURITY)
      throw refuse("class_uid", "must be 2004 (Detection Finding) or 2001 (Security Finding): other classes of OCSF are no alerts");
    // Both names are looked for: producers that moved from one class to the other kept the old name for a while.
    const own = uid === DETECTION ? "finding_info" : "finding";
    const info = [payload.finding_info, payload.finding].find(isObject);
    if (!info) throw refuse(own, payload[own] === undefined ? "is required" : "must be an object");
    const where = isObject(payload.finding_info) ? "finding_info" : "finding";
    const id = text(info.uid) ?? text(at(payload, "metadata", "uid"));
    if (!id) throw refuse(`${where}.uid`, info.uid === undefined ? "is required" : "must be text");
    const title = text(info.title, 1000) ?? text(payload.message, 1000);
    if (!title) throw refuse(`${where}.title`, info.title === undefined ? "is required" : "must be text");
    const attacks = [...list(info.attacks), ...list(payload.attacks)];
    const detectedAt = [payload.time_dt, info.created_time_dt, payload.time, info.created_time, info.first_seen_time]
      .map(readTime)
      .find((time) => time !== undefined);
    const category = categoryOf(payload, info, attacks);
    const description = text(info.desc, 20_000) ?? text(payload.message, 20_000);
    const url = webAddress(info.src_url);
    const product = text(at(payload, "metadata", "product", "name"), 256);
    const correlation = text(at(payload, "metadata", "correlation_uid"), 256);
    return {
      sourceId: id,
      title,
      severity: severityOf(payload),
      techniques: techniqueIds(
        attacks.flatMap((attack) => [
          at(attack, "sub_technique", "uid"),
          at(attack, "technique", "uid"),
          ...list(at(attack, "techniques")).map((technique) => at(technique, "uid")),
        ]),
      ),
      status: statusOf(payload),
      entities: ocsfEntities(payload),
      raw: sent,
      ...(category && { category }),
      ...(description && { description }),
      ...(detectedAt && { detectedAt }),
      ...(url && { url }),
      ...(product && { product }),
      ...(correlation && { vendorIncident: { id: correlation } }),
    };
  },
};

/** severity_id: 0 is Unknown and 99 the product's own word in `severity`; what says neither is medium, as with every source. */
function severityOf(finding: Json): Severity {
  switch (Number(finding.severity_id)) {
    case 1:
      return "informational";
    case 2:
      return "low";
    case 3:
      return "medium";
    case 4:
      return "high";
    case 5:
    case 6:
      return "critical";
    default:
      return severityWord(text(finding.severity)) ?? "medium";
  }
}

/** status_id of a finding, state_id of the older class: 3 Suppressed, 4 Resolved, 5 Archived, 6 Deleted; activity 3 is Close. */
function statusOf(finding: Json): Alert["status"] {
  const status = Number(finding.status_id ?? finding.state_id);
  if (Number(finding.activity_id) === 3 || (status >= 3 && status <= 6)) return "resolved";
  return status === 2 ? "inProgress" : "new";
}

function categoryOf(finding: Json, info: Json, attacks: readonly unknown[]): string | undefined {
  if (list(finding.malware).length > 0) return "Malware";
  const tactic = attacks.map((attack) => text(at(attack, "tactic", "name"), 256) ?? text(at(list(at(attack, "tactics"))[0], "name"), 256));
  const type = first(info.types, 256);
  // AWS: a namespace, then the tactic, then the product's own type.
  return tacticWord(tactic.find((name) => name !== undefined) ?? (type && /^TTPs\/([^/]+)/.exec(type)?.[1])) ?? type;
}
