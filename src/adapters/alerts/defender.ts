import { z } from "zod";
import type { Alert, Handling, NamedEntity, Severity } from "../../engine/domain/alert.ts";
import { MAX_ENTITIES } from "../../engine/domain/alert.ts";
import { evidenceKeys } from "../../engine/domain/entity.ts";
import { Refusal } from "../../engine/domain/errors.ts";
import { learned } from "../../engine/domain/learn.ts";
import { cutText } from "./cut-text.ts";
import { deviceNames, entitiesOf } from "./defender-evidence.ts";
import { asGraphAlert, defenderParts } from "./defender-older.ts";
import { fieldPath } from "./field-path.ts";
import { issueWords } from "./issue-words.ts";
import { isObject } from "./json.ts";
import type { AlertSource } from "./source.ts";
import { sourceVerdict } from "./source-verdict.ts";
import { readTimestamp } from "./timestamp.ts";

const required = (issue: { input?: unknown }) => (issue.input === undefined || issue.input === null ? "is required" : "must be text");
const text = (max: number) =>
  z
    .string()
    .trim()
    .min(1)
    .transform((value) => cutText(value, max))
    .optional()
    .catch(undefined);
/** A cut address leads nowhere, and a card must not link to anything but the web. */
const address = z
  .string()
  .trim()
  .max(2048)
  .refine((value) => /^https?:$/.test(URL.parse(value)?.protocol ?? ""))
  .optional()
  .catch(undefined);

/** Only `id` and `title` are insisted on: an alert we polled and refused would be an alert lost. */
const GraphAlert = z.object({
  id: z.string({ error: required }).trim().min(1, "must not be empty").max(1024, "at most 1024 characters"),
  title: z
    .string({ error: required })
    .trim()
    .min(1, "must not be empty")
    .transform((value) => cutText(value, 1000)),
  severity: text(64),
  status: text(64),
  category: text(256),
  description: text(20_000),
  serviceSource: text(256),
  productName: text(256),
  alertPolicyId: text(256),
  mitreTechniques: z.array(text(64)).catch([]),
  createdDateTime: text(64),
  firstActivityDateTime: text(64),
  alertWebUrl: address,
  incidentId: z
    .union([z.string().trim().min(1).max(256), z.number().transform(String)])
    .optional()
    .catch(undefined),
  incidentWebUrl: address,
  evidence: z.array(z.unknown()).catch([]),
  assignedTo: text(256),
  classification: text(64),
  determination: text(64),
  /** Only the beta and the older forms tell it. */
  investigationState: text(64),
});

/** Every alert of alerts_v2 has most of these; another product's payload, sent here by mistake, has none and is not to become an empty alert. */
const MARKS = ["createdDateTime", "lastUpdateDateTime", "serviceSource", "detectionSource", "evidence"];

const Common = z.object({
  verdict: text(64),
  remediationStatus: text(256),
  detectionStatus: text(256),
  deliveryAction: text(256),
  roles: z.array(text(256)).catch([]),
});

/**
 * An alert of Microsoft Graph's `alerts_v2`, as polled or pushed, or in one of the two older forms; incident and comments around it stay in
 * `raw`.
 */
export const defender: AlertSource = {
  kind: "defender",
  parts: defenderParts,
  parse(sent): Alert {
    if (!isObject(sent)) throw new Refusal("invalid", "an alert must be a JSON object");
    const payload = asGraphAlert(sent) ?? sent;
    const result = GraphAlert.safeParse(payload);
    if (!result.success) {
      const issue = result.error.issues[0];
      const path = issue?.path ?? [];
      const field = fieldPath(path[0] === "id" && "alertId" in sent ? ["alertId"] : path);
      throw new Refusal("invalid", issueWords(issue), { field });
    }
    if (!MARKS.some((mark) => (mark === "evidence" ? Array.isArray(payload[mark]) : mark in payload))) {
      throw new Refusal(
        "invalid",
        "is missing, and so are serviceSource and evidence: this is not an alert of Microsoft Graph's alerts_v2",
        {
          field: "createdDateTime",
        },
      );
    }
    const alert = result.data;
    const detectedAt = readTimestamp(alert.createdDateTime ?? "") ?? readTimestamp(alert.firstActivityDateTime ?? "");
    const handling = handlingOf(alert);
    const product = alert.serviceSource ?? alert.productName;
    return {
      sourceId: alert.id,
      title: alert.title,
      severity: severityOf(alert.severity),
      techniques: said(alert.mitreTechniques).slice(0, 100),
      status: statusOf(alert.status),
      entities: namedEntities(alert.evidence),
      raw: sent,
      ...(Object.keys(handling).length > 0 && { handling }),
      ...(alert.category && { category: alert.category }),
      ...(alert.description && { description: alert.description }),
      ...(detectedAt && { detectedAt }),
      ...(alert.alertWebUrl && { url: alert.alertWebUrl }),
      ...(product && { product }),
      ...(alert.alertPolicyId && { policyId: alert.alertPolicyId }),
      ...(alert.incidentId && { vendorIncident: { id: alert.incidentId, ...(alert.incidentWebUrl && { url: alert.incidentWebUrl }) } }),
    };
  },
};

/** Who and what is at work on it at Microsoft; "unknown" is what they call nothing. */
function handlingOf(alert: z.infer<typeof GraphAlert>): Handling {
  const word = (value: string | undefined) => {
    const one = value && camel(value);
    return one === "unknown" || one === "unknownFutureValue" ? undefined : one;
  };
  const classification = word(alert.classification);
  const determination = word(alert.determination);
  const investigation = word(alert.investigationState);
  return {
    ...(alert.assignedTo && { assignee: alert.assignedTo }),
    ...(classification && { classification }),
    ...(determination && { determination }),
    ...(investigation && { investigation }),
  };
}

function namedEntities(evidence: readonly unknown[]): NamedEntity[] {
  const items = evidence.filter(
    (item): item is Record<string, unknown> => typeof item === "object" && item !== null && !Array.isArray(item),
  );
  const devices = deviceNames(items);
  const byKey = new Map<string, NamedEntity>();
  for (const item of items) {
    const common = Common.parse(item);
    for (const [index, { entity, role }] of entitiesOf(item, devices).entries()) {
      // What is said of the evidence is said of the thing itself, not of the image or the urls that came with it.
      const named: NamedEntity =
        index === 0 ? { entity, roles: rolesOf(common.roles), ...judgementOf(common) } : { entity, roles: role ? [role] : [] };
      const [key] = evidenceKeys(entity);
      const known = byKey.get(key);
      byKey.set(key, known ? merged(known, named) : named);
    }
  }
  // Beyond the limit the alert is still worth more than its refusal; `raw` has the rest.
  return [...byKey.values()].slice(0, MAX_ENTITIES);
}

/** A file named as evidence and again as a process image is one entity; what was said first of it stands. */
const merged = (known: NamedEntity, again: NamedEntity): NamedEntity => ({
  ...again,
  ...known,
  entity: { ...again.entity, ...learned(known.entity, again.entity) } as NamedEntity["entity"],
  roles: [...new Set([...known.roles, ...again.roles])].slice(0, 64),
});

function judgementOf(common: z.infer<typeof Common>): Pick<NamedEntity, "verdict" | "remediation"> {
  const verdict = common.verdict ? sourceVerdict(common.verdict) : undefined;
  const status = common.remediationStatus && camel(common.remediationStatus);
  // "Nothing was remediated" of a file that was stopped before it ran means that there was nothing left to remediate.
  const stopped = [common.detectionStatus, common.deliveryAction]
    .map((word) => word && camel(word))
    .find((word) => word === "blocked" || word === "prevented");
  const remediation = !status || status === "none" || status === "unknown" ? (stopped ?? status) : status;
  return { ...(verdict && { verdict }), ...(remediation && { remediation }) };
}

const rolesOf = (roles: readonly (string | undefined)[]) =>
  [...new Set(said(roles).map(camel))].filter((role) => role !== "unknown" && role !== "unknownFutureValue").slice(0, 64);

/** Graph's enums come in either case; `CommandAndControl` and `commandAndControl` are one word. */
const camel = (word: string) => word.charAt(0).toLowerCase() + word.slice(1);
const said = (words: readonly (string | undefined)[]) => words.filter((word) => word !== undefined);

function severityOf(severity: string | undefined): Severity {
  switch (severity?.toLowerCase()) {
    case "informational":
      return "informational";
    case "low":
      return "low";
    case "high":
      return "high";
    case "critical":
      return "critical";
    // `unknown`, `unknownFutureValue` and words not yet invented: below medium it might start no investigation and ask nobody,
    // above it would page people over a word we do not understand.
    default:
      return "medium";
  }
}

function statusOf(status: string | undefined): Alert["status"] {
  switch (status?.toLowerCase()) {
    case "resolved":
      return "resolved";
    case "inprogress":
      return "inProgress";
    default:
      return "new";
  }
}
