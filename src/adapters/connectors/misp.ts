import { z } from "zod";
import type { EntityOf } from "../../engine/domain/entity.ts";
import { WEIGHTS } from "../../engine/domain/verdict.ts";
import type { Connector, ReputationAnswer, ReputationKind } from "../../engine/ports.ts";
import { ConnectorError } from "../../engine/ports.ts";
import { defineConnector, intelligence, ownAddress, secret } from "./kind.ts";
import { createVendor, type ReputationMeans, type ReputationSettings, reputationSource } from "./reputation.ts";
import { statedAt } from "./stated-at.ts";

export type MispSettings = { apiKey: string } & ReputationSettings;

/** An event has many attributes; so many say enough. */
const MOST = 100;

const word = z.string().max(500).nullish().catch(undefined);
const id = z.union([z.string().max(100), z.number()]).transform(String);
const seconds = z.coerce
  .number()
  .positive()
  .transform((value) => new Date(value * 1000))
  .optional()
  .catch(undefined);
/** misp-project.org/openapi, restSearchAttributes. `warnings`: the lists of known-good things it stands on. */
const Attribute = z.object({
  event_id: id,
  type: z.string().max(100),
  value: z.string().max(70_000),
  to_ids: z.boolean(),
  timestamp: seconds,
  warnings: z.unknown().optional(),
  Tag: z
    .array(z.object({ name: z.string().max(300) }))
    .optional()
    .catch(undefined),
  Event: z
    .object({ info: word, published: z.boolean().optional().catch(undefined), orgc_id: id.optional().catch(undefined) })
    .optional()
    .catch(undefined),
});
type Attribute = z.infer<typeof Attribute>;
const Answer = z.object({ response: z.object({ Attribute: z.array(z.unknown()) }) });
const Refused = z.object({ message: z.string() });

const TYPES = {
  file: ["md5", "sha1", "sha256", "filename|md5", "filename|sha1", "filename|sha256", "malware-sample"],
  ip: ["ip-src", "ip-dst", "ip-src|port", "ip-dst|port", "domain|ip"],
  domain: ["domain", "hostname", "domain|ip", "hostname|port"],
  url: ["url", "uri", "link"],
} as const satisfies Record<ReputationKind, readonly string[]>;

/** A MISP of our own: what our circle shares, as far as it is meant for detection and stands on no warning list. */
export function createMisp(settings: MispSettings, means: ReputationMeans): Connector {
  const { clock } = means;
  const vendor = createVendor(
    {
      name: "MISP",
      headers: { Authorization: settings.apiKey },
      refusedHint: "Make an auth key in MISP (My Profile, Auth keys), read-only is enough, and put it into MISP_API_KEY.",
      urlSetting: "MISP_URL",
      reason: (body) => Refused.safeParse(body).data?.message,
    },
    settings,
    means,
  );

  async function look(entity: EntityOf<ReputationKind>, signal: AbortSignal): Promise<ReputationAnswer> {
    const now = clock.now();
    const neutral = (text: string): ReputationAnswer => ({ label: "neutral", weight: 0, text, at: now });
    const values = valuesOf(entity);
    if (values.length === 0) return neutral("not asked: MISP knows files by hash only");
    const question = {
      returnFormat: "json",
      value: values.length === 1 ? values[0] : values,
      type: TYPES[entity.kind],
      to_ids: true,
      enforceWarninglist: true,
      includeWarninglistHits: true,
      includeEventTags: true,
      includeContext: true,
      limit: MOST,
    };
    const body = await vendor.http.postJson("/attributes/restSearch", question, { signal, acts: false });
    const read = Answer.safeParse(body);
    const attributes = read.data?.response.Attribute.map((one) => Attribute.safeParse(one));
    if (!attributes || (attributes.length > 0 && attributes.every(({ success }) => !success)))
      throw new ConnectorError("unavailable", "MISP answered in a shape air does not know");
    const hits = attributes.flatMap(({ data }) => (data && counts(data, values) ? [data] : []));
    return hits.length > 0 ? weigh(entity.kind, hits, now) : neutral(`MISP holds no indicator for this ${WORD[entity.kind]}`);
  }

  return {
    name: "misp",
    lab: false,
    reputation: [reputationSource(vendor, { name: "misp", family: "misp", kinds: ["file", "url", "ip", "domain"], look, clock })],
    async check(signal) {
      await vendor.http.get("/servers/getVersion", { signal });
    },
  };
}

const WORD: Record<ReputationKind, string> = { file: "file", url: "URL", ip: "address", domain: "domain" };

function valuesOf(entity: EntityOf<ReputationKind>): string[] {
  switch (entity.kind) {
    case "file":
      return [entity.sha256, entity.sha1, entity.md5].filter((hash) => hash !== undefined);
    case "ip":
      return [entity.address];
    case "domain":
      return [entity.name];
    case "url":
      return [entity.url];
    default:
      return entity satisfies never;
  }
}

/** MISP takes `%` in a value for anything, and older ones ignore filters they do not know: what comes back is looked at again. */
function counts({ value, to_ids: detects, warnings, Tag: tags }: Attribute, values: readonly string[]): boolean {
  const warned = Array.isArray(warnings) ? warnings.length > 0 : warnings !== undefined && warnings !== null && warnings !== false;
  const disproved = tags?.some(({ name }) => name.toLowerCase().startsWith("false-positive:")) ?? false;
  if (!detects || warned || disproved) return false;
  const parts = new Set([value, ...value.split("|")].map((part) => part.trim().toLowerCase()));
  return values.some((wanted) => parts.has(wanted.toLowerCase()));
}

function weigh(kind: ReputationKind, hits: readonly Attribute[], now: Date): ReputationAnswer {
  const published = hits.filter(({ Event: event }) => event?.published !== false);
  const events = new Set(published.map(({ event_id: event }) => event));
  const [first] = published.length > 0 ? published : hits;
  const info = first?.Event?.info ? ` (${[...first.Event.info].slice(0, 100).join("")})` : "";
  const stated = hits.flatMap(({ timestamp }) => (timestamp ? [timestamp.getTime()] : []));
  const at = kind === "file" ? now : statedAt(stated.length > 0 ? new Date(Math.max(...stated)) : undefined, now);
  const raw = { attributes: hits.slice(0, 5).map(({ value: _value, ...rest }) => rest), count: hits.length };
  if (events.size === 0) {
    const text = `MISP holds it as an indicator in an event that is not published yet${info}`;
    return { label: "suspicious", weight: WEIGHTS.reputationFew, text, at, raw };
  }
  const text = `MISP holds it as an indicator in ${events.size} ${events.size === 1 ? "event" : "events"}${info}`;
  // One event is one report; of several, more than one person has looked.
  return { label: "malicious", weight: events.size > 1 ? WEIGHTS.reputationStrong : WEIGHTS.reputationSome, text, at, raw };
}

export const misp = defineConnector({
  name: "misp",
  product: "MISP",
  acts: false,
  settings: {
    apiKey: secret(),
    url: ownAddress(),
    ...intelligence(),
  },
  env: { MISP_API_KEY: "apiKey", MISP_URL: "url" },
  create: createMisp,
});
