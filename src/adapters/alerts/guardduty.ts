import type { Alert, Severity } from "../../engine/domain/alert.ts";
import { Refusal } from "../../engine/domain/errors.ts";
import { awsParts } from "./aws-envelope.ts";
import { fieldPath } from "./field-path.ts";
import { entitiesOfFinding } from "./guardduty-entities.ts";
import { Finding } from "./guardduty-finding.ts";
import { techniquesOf } from "./guardduty-techniques.ts";
import { issueWords } from "./issue-words.ts";
import { isObject } from "./json.ts";
import type { AlertSource } from "./source.ts";
import { readTimestamp } from "./timestamp.ts";

/** Every finding has these beside its id; another product's alert has not. */
const MARKS = ["accountId", "resource", "service", "schemaVersion"];

/** A finding of Amazon GuardDuty as its API or EventBridge tells it: raw, or under `detail` of the event, which SNS may carry as text. */
export const guardduty: AlertSource = {
  kind: "guardduty",
  parts: (payload) => awsParts(payload, ["Findings", "findings"]),
  parse(payload): Alert {
    if (!isObject(payload)) throw new Refusal("invalid", "an alert must be a JSON object");
    const { finding: found, path } = unwrapped(payload);
    const result = Finding.safeParse(found);
    if (!result.success) {
      const issue = result.error.issues[0];
      throw new Refusal("invalid", issueWords(issue), { field: fieldPath([...path, ...(issue?.path ?? [])]) });
    }
    if (!MARKS.some((mark) => mark in found)) {
      throw new Refusal("invalid", "is missing, and so are resource and accountId: this is not a finding of Amazon GuardDuty", {
        field: fieldPath([...path, "service"]),
      });
    }
    const finding = result.data;
    const detectedAt = readTimestamp(finding.createdAt ?? "") ?? readTimestamp(finding.service?.eventFirstSeen ?? "");
    const [category] = finding.type.split(":");
    const sequence = finding.associatedAttackSequenceArn ?? (finding.type.startsWith("AttackSequence:") ? finding.arn : undefined);
    const url = consoleLink(finding);
    return {
      sourceId: finding.id,
      title: finding.title ?? finding.type,
      severity: severityOf(finding.severity),
      techniques: techniquesOf(finding.type, finding.service?.detection),
      // Somebody archived it there, by hand or by a rule: nothing is left to do.
      status: finding.service?.archived ? "resolved" : "new",
      product: "guardduty",
      entities: entitiesOfFinding(finding),
      raw: payload,
      ...(category && { category }),
      ...(finding.description && { description: finding.description }),
      ...(detectedAt && { detectedAt }),
      ...(url && { url }),
      ...(sequence && { vendorIncident: { id: sequence } }),
    };
  },
};

/** docs.aws.amazon.com/guardduty/latest/ug/guardduty_findings-severity.html; 0 is not defined there. */
function severityOf(severity: number): Severity {
  if (severity >= 9) return "critical";
  if (severity >= 7) return "high";
  if (severity >= 4) return "medium";
  return severity >= 1 ? "low" : "informational";
}

function unwrapped(payload: Record<string, unknown>): { finding: Record<string, unknown>; path: string[] } {
  if ("detail-type" in payload && !isObject(payload.detail)) throw new Refusal("invalid", "must be an object", { field: "detail" });
  if (!isObject(payload.detail) || "type" in payload) return { finding: camel(payload), path: [] };
  const said = payload["detail-type"];
  // GuardDuty tells of scans and agents on the same bus (docs.aws.amazon.com/eventbridge/latest/ref/events-ref-guardduty.html).
  if (typeof said === "string" && said !== "GuardDuty Finding") {
    throw new Refusal("invalid", "must be GuardDuty Finding: air takes no other events of EventBridge", { field: "detail-type" });
  }
  return { finding: camel(payload.detail), path: ["detail"] };
}

/** The AWS command line writes `AccountId` where the API writes `accountId`. */
function camel(finding: Record<string, unknown>): Record<string, unknown> {
  if ("id" in finding || !("Id" in finding)) return finding;
  const lowered = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(lowered);
    if (!isObject(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key.charAt(0).toLowerCase() + key.slice(1), lowered(item)]));
  };
  return lowered(finding) as Record<string, unknown>;
}

/** Only made of what looks like an id and a region: a card links to it. */
function consoleLink({ id, region, partition }: Finding): string | undefined {
  if ((partition ?? "aws") !== "aws" || !region || !/^[a-z]{2}(-[a-z]+)+-\d$/.test(region) || !/^[0-9a-zA-Z-]{1,64}$/.test(id))
    return undefined;
  return `https://${region}.console.aws.amazon.com/guardduty/home?region=${region}#/findings?search=id%3D${id}`;
}
