import { alertSources } from "../adapters/alerts/all.ts";
import { sanitize } from "../adapters/alerts/sanitize.ts";
import { alertPolicyFor, explainAlertPolicies } from "../engine/domain/alert-policy.ts";
import { Refusal } from "../engine/domain/errors.ts";
import type { Config } from "./config.ts";

const OUTCOME = {
  investigate: "It starts an investigation, or joins the one of its incident.",
  post: "It starts no investigation: it is stored, listed and shown by its severity.",
  suppress: "It is suppressed: stored, listed and counted, neither shown nor looked into.",
} as const;

/** What the policies in force do with this alert, and why; snoozes are in the database and not asked here. */
export function explainPolicies(text: string, source: string, config: Config, now: Date): string[] {
  const kind = config.sources.get(source)?.kind;
  const parser = alertSources.find((one) => one.kind === kind);
  if (!parser) throw new Error(`There is no source ${source.slice(0, 60)}. There are: ${[...config.sources.keys()].join(", ")}.`);
  let payload: unknown;
  try {
    payload = JSON.parse(text);
  } catch {
    throw new Error("The file is not valid JSON.");
  }
  const list = Array.isArray(payload) ? (payload as unknown[]) : [payload];
  return list.flatMap((one, index) => {
    const where = list.length > 1 ? `alerts[${index}]: ` : "";
    try {
      const alert = parser.parse(sanitize(one));
      const said = `${where}${alert.title} (${alert.severity}${alert.category ? `, category ${alert.category}` : ""}${alert.product ? `, product ${alert.product}` : ""}, source ${source})`;
      if (alert.status === "resolved")
        return [said, "  The source has already resolved it: it is stored and listed, and starts no investigation."];
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
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      throw new Error(`${where}${error.field ?? "alert"}: ${error.message}`);
    }
  });
}
