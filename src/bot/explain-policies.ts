import { parserOf } from "../adapters/alerts/all.ts";
import { readAlerts } from "../adapters/alerts/read-alerts.ts";
import { alertPolicyFor, explainAlertPolicies } from "../engine/domain/alert-policy.ts";
import { Refusal } from "../engine/domain/errors.ts";
import { parseExact } from "../engine/domain/exact-json.ts";
import { excludedAtIntake } from "../engine/domain/intake-exclusions.ts";
import type { Config } from "./config.ts";

const OUTCOME = {
  investigate: "It starts an investigation, or joins the one of its incident.",
  post: "It starts no investigation: it is stored, listed and shown by its severity.",
  suppress: "It is suppressed: stored, listed and counted, neither shown nor looked into.",
} as const;

/** What the policies in force do with this alert, and why; snoozes are in the database and not asked here. */
export function explainPolicies(text: string, source: string, config: Config, now: Date): string[] {
  const settings = config.sources.get(source);
  const parser = settings && parserOf(settings);
  if (!parser) throw new Error(`There is no source ${source.slice(0, 60)}. There are: ${[...config.sources.keys()].join(", ")}.`);
  let payload: unknown;
  try {
    payload = parseExact(text);
  } catch {
    throw new Error("The file is not valid JSON.");
  }
  const alerts = readOrSay(() => readAlerts(parser, payload));
  return alerts.flatMap((alert, index) => {
    const where = alerts.length > 1 ? `alerts[${index}]: ` : "";
    const said = `${where}${alert.title} (${alert.severity}${alert.category ? `, category ${alert.category}` : ""}${alert.product ? `, product ${alert.product}` : ""}, source ${source})`;
    if (alert.status === "resolved")
      return [said, "  The source has already resolved it: it is stored and listed, and starts no investigation."];
    const excluded = excludedAtIntake(alert, config.policy.exclude);
    if (excluded) return [said, `  ${OUTCOME.suppress} Because: ${excluded}.`];
    const answer = alertPolicyFor(source, alert, config.policy.alertPolicies, [], now);
    const explained = explainAlertPolicies(source, alert, config.policy.alertPolicies, now);
    const first = explained.findIndex((each) => each.matches);
    return [
      said,
      `  ${OUTCOME[answer.outcome]} Because: ${answer.rule}.`,
      ...explained.map((each, at) => {
        const mark = at === first ? "decides" : each.matches ? "later  " : "no     ";
        return `  ${mark}  ${each.policy.name} (${each.policy.from}): ${at === first ? "first match" : each.matches ? "it would match, an earlier one decides" : each.why}`;
      }),
    ];
  });
}

/** A refusal names the field in the alert; on the command line it is one sentence. */
function readOrSay<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw new Error(`${error.field ?? "alert"}: ${error.message}`);
  }
}
