import { cutText } from "./cut-text.ts";
import { readTimestamp } from "./timestamp.ts";

/*
 * Reading what a product sent without trusting its shape: a field that is missing or of another type counts as absent. What an alert
 * cannot do without is asked for by its own parser, with the field's name.
 */
export type Json = Record<string, unknown>;

export const isObject = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value);

/** The value below these steps, own properties only. */
export const at = (value: unknown, ...steps: readonly string[]): unknown =>
  steps.reduce<unknown>((inner, step) => (isObject(inner) && Object.hasOwn(inner, step) ? inner[step] : undefined), value);

/** Products write these for what they do not know. */
const NOTHING: ReadonlySet<string> = new Set(["", "-", "n/a", "null", "(null)", "none", "undefined"]);

/** Text with something in it, cut to `max`; numbers as text. */
export function text(value: unknown, max = 1024): string | undefined {
  if (typeof value === "number" && Number.isFinite(value)) return String(value);
  if (typeof value !== "string") return undefined;
  const said = value.trim();
  return NOTHING.has(said.toLowerCase()) ? undefined : cutText(said, max);
}

export const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : value === undefined || value === null ? [] : [value]);
/** One text or a list of them: ECS allows either everywhere. */
export const texts = (value: unknown, max = 1024): string[] =>
  list(value)
    .slice(0, 1000)
    .flatMap((item) => text(item, max) ?? []);
export const first = (value: unknown, max = 1024): string | undefined => texts(value, max)[0];

export function wholeNumber(value: unknown): number | undefined {
  const read = typeof value === "string" && /^(0x[0-9a-f]{1,8}|\d{1,10})$/i.test(value.trim()) ? Number(value.trim()) : value;
  return typeof read === "number" && Number.isSafeInteger(read) && read >= 0 ? read : undefined;
}

/** A cut address leads nowhere, and a card must not link to anything but the web. */
export function webAddress(value: unknown): string | undefined {
  if (typeof value !== "string" || value.length > 2048) return undefined;
  const address = value.trim();
  return /^https?:$/.test(URL.parse(address)?.protocol ?? "") ? address : undefined;
}

/** ISO 8601, where no offset stands in UTC; or a number of seconds, milliseconds, microseconds or nanoseconds since 1970. */
export function readTime(value: unknown): Date | undefined {
  const number =
    typeof value === "number" ? value : typeof value === "string" && /^\d{9,19}(\.\d+)?$/.test(value.trim()) ? Number(value) : 0;
  if (number > 0) {
    const digits = Math.floor(Math.log10(number));
    const ms = digits < 11 ? number * 1000 : digits < 14 ? number : digits < 17 ? number / 1000 : number / 1_000_000;
    return Number.isFinite(ms) && ms < 8e15 ? readTimestamp(new Date(Math.floor(ms)).toISOString()) : undefined;
  }
  if (typeof value !== "string" || value.length > 64) return undefined;
  const said = value.trim().replace(/ ?\(?UTC\)?$/i, "Z");
  const iso = said.replace(/^(\d{4}-\d{2}-\d{2}) +/, "$1T").replace(/([+-]\d{2})\.(\d{2})$/, "$1:$2");
  return readTimestamp(iso) ?? readTimestamp(`${iso}Z`);
}

/** ATT&CK ids among the words, each once. */
export const techniqueIds = (values: readonly unknown[]): string[] =>
  [
    ...new Set(
      values.flatMap((value) =>
        typeof value === "string"
          ? [...value.slice(0, 4000).matchAll(/(?<![A-Za-z0-9])(T\d{4})(?:[._](\d{3}))?(?!\d)/g)].map(([, id, sub]) =>
              sub ? `${id}.${sub}` : `${id}`,
            )
          : [],
      ),
    ),
  ].slice(0, 100);

/** `Credential Access` as playbooks and the other sources spell it: `CredentialAccess`. */
export const tacticWord = (value: string | undefined): string | undefined => value?.replace(/[\s_-]+/g, "") || undefined;
