import { z } from "zod";
import { DEFAULT_RETENTION, LEAST_RETENTION, type Retention } from "../engine/domain/retention.ts";
import type { WallTime } from "../engine/domain/schedule.ts";
import { readDays, readTimeOfWeek } from "./rota-shape.ts";
import { section } from "./yaml-section.ts";

/* What happens by the clock, and how long things are kept: `schedules` and `retention` of air.yaml. */

const DAY_MS = 86_400_000;

const at = (days: "with a day" | "without a day") => {
  const message =
    days === "with a day" ? 'must be a day and a time like "Mon 08:30", or off' : 'must be a time like "08:00" (24 hours), or off';
  return z.union([z.string(), z.boolean()], { error: message }).transform((value, context): WallTime | "off" => {
    // YAML 1.1 readers take off for false; it means the same.
    if (value === false || value === "off") return "off";
    const read = typeof value === "string" ? readTimeOfWeek(value) : undefined;
    if (read && (read.weekday !== undefined) === (days === "with a day")) return read;
    context.addIssue({ code: "custom", message });
    return z.NEVER;
  });
};

/** Channels are checked where those of `channels` are. */
export const schedulesShape = (slack: z.ZodType<string>, teams: z.ZodType<string>) =>
  section({
    morning: at("without a day").optional(),
    weekly: at("with a day").optional(),
    auditHead: at("without a day").optional(),
    retention: at("without a day").optional(),
    channel: section({ slack: slack.optional(), teams: teams.optional() }).optional(),
  });

const kept = (least: number) => {
  const days = least / DAY_MS;
  const message = `must be days or years like "180d" or "2y", at least ${days === 1 ? "1d" : `${days}d`} and at most 50y`;
  return z.string({ error: message }).transform((text, context): number => {
    const ms = readDays(text);
    if (ms !== undefined && ms >= least) return ms;
    context.addIssue({ code: "custom", message });
    return z.NEVER;
  });
};

export const RetentionShape = section({
  raw: kept(LEAST_RETENTION.rawMs).optional(),
  incidents: kept(LEAST_RETENTION.incidentsMs).optional(),
  audit: kept(LEAST_RETENTION.auditMs).optional(),
}).superRefine((given, context) => {
  const { rawMs, incidentsMs, auditMs } = retentionOf(given);
  // What an incident rests on is not kept longer than the incident, and who decided in it at least as long.
  if (rawMs > incidentsMs)
    context.addIssue({
      code: "custom",
      path: [given.raw === undefined ? "incidents" : "raw"],
      message: `raw (${words(rawMs)}) is kept longer than incidents (${words(incidentsMs)}): shorten raw or lengthen incidents`,
    });
  if (auditMs < incidentsMs)
    context.addIssue({
      code: "custom",
      path: [given.audit === undefined ? "incidents" : "audit"],
      message: `audit (${words(auditMs)}) is kept shorter than incidents (${words(incidentsMs)}): who decided in an incident is kept at least as long as the incident`,
    });
});
const words = (ms: number) => `${ms / DAY_MS}d`;

export const retentionOf = (
  given: { raw?: number | undefined; incidents?: number | undefined; audit?: number | undefined } = {},
): Retention => ({
  rawMs: given.raw ?? DEFAULT_RETENTION.rawMs,
  incidentsMs: given.incidents ?? DEFAULT_RETENTION.incidentsMs,
  auditMs: given.audit ?? DEFAULT_RETENTION.auditMs,
});

type Given = {
  morning?: WallTime | "off" | undefined;
  weekly?: WallTime | "off" | undefined;
  auditHead?: WallTime | "off" | undefined;
  retention?: WallTime | "off" | undefined;
};
/** In the night what nobody waits for, in the morning what people read. */
const DEFAULTS = {
  morning: { minute: 8 * 60 },
  weekly: { weekday: 1, minute: 8 * 60 + 30 },
  auditHead: { minute: 0 },
  retention: { minute: 3 * 60 + 30 },
} as const;

export function scheduledAt(given: Given = {}): Record<keyof Given, WallTime | undefined> {
  const at = (name: keyof Given) => {
    const said = given[name] ?? DEFAULTS[name];
    return said === "off" ? undefined : said;
  };
  return { morning: at("morning"), weekly: at("weekly"), auditHead: at("auditHead"), retention: at("retention") };
}
