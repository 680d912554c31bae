import { BUILT_IN_KINDS, parserOf } from "../adapters/alerts/all.ts";
import { mapGaps } from "../adapters/alerts/mapped.ts";
import { readAlerts } from "../adapters/alerts/read-alerts.ts";
import type { Alert, NamedEntity } from "../engine/domain/alert.ts";
import { alertPolicyFor } from "../engine/domain/alert-policy.ts";
import { STAGE_WORD, stageOf, tiesOf } from "../engine/domain/correlate.ts";
import { entityName } from "../engine/domain/entity.ts";
import { Refusal } from "../engine/domain/errors.ts";
import { parseExact } from "../engine/domain/exact-json.ts";
import { excludedAtIntake } from "../engine/domain/intake-exclusions.ts";
import { joinable } from "../engine/domain/never-act.ts";
import type { Config, SourceConfig } from "./config.ts";

/** What air would make of a file, in lines. Nothing is sent or stored. Throws an error that names the field where air would refuse it. */
export function testSource(text: string, name: string | undefined, config: Config, now: Date): string[] {
  const payload = json(text);
  const source = name ?? guess(payload, config);
  const settings = config.sources.get(source);
  const parser = settings && parserOf(settings);
  if (!parser) throw new Error(`There is no source ${source.slice(0, 60)}. There are: ${[...config.sources.keys()].join(", ")}.`);
  const alerts = orSay(() => readAlerts(parser, payload), source);
  const lines = alerts.flatMap((alert, index) => [
    ...(alerts.length > 1 ? [`Alert ${index + 1} of ${alerts.length}`] : []),
    ...describe(alert, source, settings, config, now),
    "",
  ]);
  return [
    `Read as source ${source} (kind ${settings.kind})${name === undefined ? ", the first that takes it; --source names another" : ""}.`,
    "",
    ...lines.slice(0, -1),
  ];
}

function json(text: string): unknown {
  try {
    return parseExact(text);
  } catch (error) {
    throw new Error(`The file is not valid JSON: ${error instanceof Error ? error.message : ""}`);
  }
}

/** The built-in kinds know their own; a map or air's own format takes more than is meant for it, so they come after. */
function guess(payload: unknown, config: Config): string {
  const own = [...config.sources.keys()].filter((name) => !(BUILT_IN_KINDS as readonly string[]).includes(name));
  const order = [...BUILT_IN_KINDS.filter((kind) => kind !== "generic"), ...own, "generic"];
  const takes = (name: string) => {
    const settings = config.sources.get(name);
    const parser = settings && parserOf(settings);
    try {
      return parser !== undefined && readAlerts(parser, payload).length > 0;
    } catch (error) {
      if (error instanceof Refusal) return false;
      throw error;
    }
  };
  return order.find(takes) ?? "generic";
}

function orSay<T>(read: () => T, source: string): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw new Error(`${error.field ?? "alert"}: ${error.message} (read as source ${source}; --source NAME reads it as another)`);
  }
}

function describe(alert: Alert, source: string, settings: SourceConfig, config: Config, now: Date): string[] {
  const fields: [string, string | undefined][] = [
    ["id", alert.sourceId],
    ["title", alert.title],
    ["severity", alert.severity],
    ["status", alert.status],
    ["category", alert.category],
    ["product", alert.product],
    ["techniques", alert.techniques.join(", ") || undefined],
    ["detectedAt", alert.detectedAt?.toISOString() ?? "not told: the time of arrival counts"],
    ["url", alert.url],
    ["incident", alert.vendorIncident?.id],
    ["description", alert.description && line(alert.description, 160)],
  ];
  const gaps = [...(settings.map ? mapGaps(settings.map, alert.raw) : []), ...notUnderstood(alert)];
  return [
    ...fields.flatMap(([name, value]) => (value === undefined ? [] : [`  ${name.padEnd(12)} ${line(value, 300)}`])),
    `  entities     ${alert.entities.length === 0 ? "none: there is nothing to look into" : alert.entities.length}`,
    ...alert.entities.map((named) => `    ${entityLine(named)}`),
    `  joins        ${alert.status === "resolved" ? "nothing: the source has already resolved it" : joins(alert, source, config).join("; ") || "nothing: no entity of it ties alerts together"}`,
    `  then         ${outcome(alert, source, config, now)}`,
    ...(gaps.length > 0 ? ["  not understood", ...gaps.map((gap) => `    ${gap}`)] : []),
  ];
}

/** The terminal is no chat: control characters of an attacker's text do nothing there. */
const line = (text: string, max: number): string => {
  const plain = text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, " ");
  return plain.length > max ? `${plain.slice(0, max).toWellFormed()}...` : plain;
};

function entityLine({ entity, roles, verdict, remediation }: NamedEntity): string {
  const { kind, ...identity } = entity;
  const said = [...roles.map((role) => `role ${role}`), verdict && `verdict ${verdict}`, remediation && `remediation ${remediation}`];
  const shown = Object.entries(identity)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${String(value)}`);
  return `${line(`${kind}: ${shown.join("  ") || entityName(entity)}`, 300)}${said.some(Boolean) ? `  (${line(said.filter(Boolean).join(", "), 120)})` : ""}`;
}

/** What would tie it to another alert, in the words of the timeline. */
function joins(alert: Alert, source: string, config: Config): string[] {
  const { policy } = config;
  const named = { ...alert, source, vendorIncident: alert.vendorIncident?.id, eventAt: alert.detectedAt ?? new Date(0) };
  const { ties } = tiesOf(named, policy.correlation, (entity) => joinable(entity, policy.organization));
  // The sentences of a sequence name both its steps, and of those this alert is one.
  const steps = ties.filter((tie) => tie.because.startsWith("sequence:"));
  const stage = stageOf(alert);
  const other = ties.filter((tie) => !steps.includes(tie)).map((tie) => line(tie.because, 120));
  return [
    ...new Set(other),
    ...(stage && steps.length > 0
      ? [`other steps of one attack, where such alerts come (this one is the step "${STAGE_WORD[stage]}")`]
      : []),
  ].slice(0, 30);
}

function outcome(alert: Alert, source: string, config: Config, now: Date): string {
  if (alert.status === "resolved") return "it is stored and listed, and starts no investigation: the source has already resolved it";
  const excluded = excludedAtIntake(alert, config.policy.exclude);
  if (excluded) return `it is stored and counted, not investigated: ${excluded}`;
  const answer = alertPolicyFor(source, alert, config.policy.alertPolicies, [], now);
  const word = {
    investigate: "it starts an investigation",
    post: "it is shown by its severity, and starts no investigation",
    suppress: "it is stored and counted only",
  };
  return `${word[answer.outcome]}: ${answer.rule}`;
}

/** What looks like something to look into, and stands in no entity: for a map to name it, or to know that air does not. */
function notUnderstood(alert: Alert): string[] {
  const known = JSON.stringify([alert.entities, alert.sourceId, alert.url, alert.vendorIncident]).toLowerCase();
  const generic = alert.entities.flatMap(({ entity }) =>
    entity.kind === "generic" ? [`kept as it is, no kind of entity: ${line(`${entity.type} ${entity.value}`, 160)}`] : [],
  );
  const missed: string[] = [];
  const walk = (value: unknown, path: string): void => {
    if (missed.length >= MAX_SHOWN) return;
    if (typeof value === "string") {
      const what = looksLike(value.trim());
      if (what && !known.includes(JSON.stringify(value.trim().toLowerCase()).slice(1, -1)))
        missed.push(`${line(path, 120)} looks like ${what}, and is in no entity`);
    } else if (Array.isArray(value)) for (const [index, item] of value.slice(0, 50).entries()) walk(item, `${path}[${index}]`);
    else if (typeof value === "object" && value !== null)
      for (const [key, item] of Object.entries(value)) walk(item, /^[\w@-]+$/.test(key) ? `${path}.${key}` : `${path}["${key}"]`);
  };
  walk(alert.raw, "$");
  return [...generic, ...missed];
}
const MAX_SHOWN = 20;

function looksLike(value: string): string | undefined {
  if (value.length > 2048) return undefined;
  if (/^(?:[0-9a-f]{64}|[0-9a-f]{40}|[0-9a-f]{32})$/i.test(value)) return "a hash";
  // Products write 0.0.0.0 where there is none.
  if (/^(?:\d{1,3}\.){3}\d{1,3}$/.test(value)) return value === "0.0.0.0" ? undefined : "an address";
  if (/^(?:https?|hxxps?):\/\/\S+$/i.test(value)) return "a link";
  if (/^[^\s@]{1,64}@[^\s@]+\.[^\s@]+$/.test(value)) return "an e-mail address";
  return undefined;
}
