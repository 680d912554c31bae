import { z } from "zod";
import { readDuration } from "../engine/domain/duration.ts";
import { MOST_STEPS, ROTA_STEPS } from "../engine/domain/paging.ts";
import { isDate, WEEKDAYS } from "../engine/domain/wall-clock.ts";
import { didYouMean } from "./did-you-mean.ts";
import { section } from "./yaml-section.ts";

/* The rota of air.yaml (product contract 3.4): `onCall.layers`, `onCall.escalation` and `onCall.source`. */

const DAY_MS = 86_400_000;
const LAYERS = 10;
const PEOPLE = 50;
const PIECE = /^(\d{1,2}):(\d{2})$/;

/** Minutes after midnight; 24:00 only where a day may end. */
export function minutesOf(text: string, last = 1439): number | undefined {
  const [, hour, minute] = PIECE.exec(text.trim()) ?? [];
  if (hour === undefined || minute === undefined || Number(minute) > 59) return undefined;
  const minutes = Number(hour) * 60 + Number(minute);
  return minutes <= last ? minutes : undefined;
}

/** 1 is Monday. "Mon", "monday". */
export function weekdayOf(text: string): number | undefined {
  const word = text.trim().toLowerCase();
  const full = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
  const index = WEEKDAYS.findIndex((day) => day.toLowerCase() === word);
  const at = index >= 0 ? index : full.indexOf(word);
  return at >= 0 ? at + 1 : undefined;
}

export const read = <Out>(message: string, parse: (text: string) => Out | undefined) =>
  z.string({ error: message }).transform((text, context): Out => {
    const out = parse(text);
    if (out !== undefined) return out;
    context.addIssue({ code: "custom", message });
    return z.NEVER;
  });

/** "09:00", or "Mon 09:00"; a time of every day, or of one day of the week. */
export function readTimeOfWeek(text: string): { minute: number; weekday?: number } | undefined {
  const words = text.trim().split(/\s+/);
  const minute = minutesOf(words.at(-1) ?? "");
  if (minute === undefined || words.length > 2) return undefined;
  if (words.length === 1) return { minute };
  const weekday = weekdayOf(words[0] ?? "");
  return weekday === undefined ? undefined : { weekday, minute };
}

/** "180d" or "2y" (of 365 days) in milliseconds, at most 50 years. */
export function readDays(text: string): number | undefined {
  const [, count = "", unit] = /^(\d{1,5})(d|y)$/.exec(text.trim()) ?? [];
  const days = Number(count) * (unit === "y" ? 365 : 1);
  return days > 0 && days <= 50 * 365 ? days * DAY_MS : undefined;
}

const dayOf = (date: string) => WEEKDAYS[(new Date(date).getUTCDay() + 6) % 7] ?? "Mon";
const timeOf = (minute: number) => new Date(minute * 60_000).toISOString().slice(11, 16);

const handover = read('must be a time like "09:00", or a day and a time like "Mon 09:00"', readTimeOfWeek);

const wholeDays = read('must be whole days, like "3d" or "14d"', (text) => {
  const ms = readDuration(text);
  return ms !== undefined && ms % DAY_MS === 0 ? ms / DAY_MS : undefined;
});
/** Written as a word or as `{ every: 3d }`; each is told its own mistakes. */
const rotation = z.unknown().transform((value, context): number => {
  if (value === "daily") return 1;
  if (value === "weekly") return 7;
  if (typeof value !== "object" || value === null) {
    context.addIssue({ code: "custom", message: "must be daily, weekly or { every: 3d }" });
    return z.NEVER;
  }
  const parsed = section({ every: wholeDays }).safeParse(value);
  if (parsed.success) return parsed.data.every;
  context.issues.push(...(parsed.error.issues as z.core.$ZodRawIssue[]));
  return z.NEVER;
});

/** `Mon`, `Mon..Fri`, `Fri..Mon`. */
export const days = read("must be days like Mon, or a span of them like Mon..Fri", (text) => {
  const [first, last, ...more] = text.split(/\.\.|-/).map(weekdayOf);
  if (first === undefined || more.length > 0) return undefined;
  if (!/\.\.|-/.test(text)) return [first];
  if (last === undefined) return undefined;
  const length = ((last - first + 7) % 7) + 1;
  return Array.from({ length }, (_, index) => ((first - 1 + index) % 7) + 1);
});
const hours = read('must be two times like "09:00-17:00"; past midnight where the second is the earlier one', (text) => {
  const [one = "", other = "", ...more] = text.split("-");
  const [from, to] = [minutesOf(one), minutesOf(other, 1440)];
  return more.length > 0 || from === undefined || to === undefined || from === to ? undefined : { from, to };
});

const email = z
  .string()
  .trim()
  .toLowerCase()
  .regex(/^[^\s@*:]+@[^\s@*]+$/, "must be an e-mail address of somebody in people");

const Layer = section({
  name: z.string().trim().min(1, "must not be empty").max(60, "at most 60 characters"),
  rotation,
  handover,
  start: z.string().refine(isDate, "must be a date like 2026-10-05"),
  people: z.array(email).min(1, "must name at least one person").max(PEOPLE, `at most ${PEOPLE} people`),
  restrict: section({
    days: z
      .preprocess((value) => (typeof value === "string" ? [value] : value), z.array(days).min(1, "must not be empty"))
      .transform((spans) => [...new Set(spans.flat())])
      .optional(),
    hours: hours.optional(),
  })
    .refine((restrict) => restrict.days !== undefined || restrict.hours !== undefined, "needs days or hours; leave it out for always")
    .optional(),
}).superRefine((layer, context) => {
  if (layer.handover.weekday === undefined && layer.rotation % 7 === 0) {
    const message = `needs a day with a rotation of whole weeks, like "${dayOf(layer.start)} ${timeOf(layer.handover.minute)}"`;
    context.addIssue({ code: "custom", path: ["handover"], message });
  }
  if (layer.handover.weekday === undefined || layer.rotation % 7 === 0) return;
  const message = `names a day, but the rotation of ${layer.rotation === 1 ? "a day" : `${layer.rotation} days`} moves through the week: write the time alone, like "09:00"`;
  context.addIssue({ code: "custom", path: ["handover"], message });
});
export const Layers = z
  .array(Layer)
  .min(1, "must name at least one layer")
  .max(LAYERS, `at most ${LAYERS} layers`)
  .superRefine((layers, context) => {
    for (const [index, { name }] of layers.entries())
      if (layers.findIndex((other) => other.name === name) < index)
        context.addIssue({ code: "custom", path: [index, "name"], message: "is the name of another layer above" });
  });

/** A duration, or none at all: `0m`. */
export const readPause = (text: string) => (/^0(ms|s|m|h|d)$/.test(text.trim()) ? 0 : readDuration(text));
const after = read('must be a duration like "10m", or 0m for the deadline itself', readPause);
const to = z
  .string()
  .trim()
  .transform((text, context) => {
    const step = ROTA_STEPS.find((word) => word === text);
    if (step) return step;
    context.addIssue({
      code: "custom",
      message: `must be ${ROTA_STEPS.slice(0, -1).join(", ")} or ${ROTA_STEPS.at(-1)}.${didYouMean(text, ROTA_STEPS)}`,
    });
    return z.NEVER;
  });
export const Escalation = z
  .array(section({ to, after }))
  .min(1, "must name at least one step")
  .max(MOST_STEPS, `at most ${MOST_STEPS} steps`)
  .superRefine((steps, context) => {
    for (const [index, step] of steps.entries()) {
      const before = steps[index - 1];
      if (before && step.after <= before.after)
        context.addIssue({
          code: "custom",
          path: [index, "after"],
          message: "must be later than the step before it: after counts from the deadline",
        });
    }
  });

export const RotaSource = section({
  pagerduty: section({
    schedule: z
      .string()
      .trim()
      .regex(/^P[A-Z0-9]{2,}$/, "must be the id of a schedule (P...): it stands in the address of its page in PagerDuty"),
    apiToken: z
      .string()
      .trim()
      .min(16, "must be a key for the REST API: in PagerDuty, Integrations, API Access Keys, one that may only read is enough"),
    region: z.enum(["us", "eu"], { error: "must be us or eu" }).default("us"),
  }),
});
