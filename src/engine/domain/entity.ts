import ipaddr from "ipaddr.js";
import { z } from "zod";

/**
 * Every kind of thing an alert can name, normalised (product contract 2 and 3.2).
 * Identifying fields are documented per kind; a kind we do not know is kept as `generic`, never dropped.
 */
const text = z.string().min(1).max(4096);
const name = z.string().min(1).max(1024);
const hash = (length: number) =>
  z
    .string()
    .trim()
    .toLowerCase()
    .regex(new RegExp(`^[0-9a-f]{${length}}$`), `must be ${length} hexadecimal characters`);

const Device = z.object({
  kind: z.literal("device"),
  name: name.optional(),
  id: name.optional(),
  os: name.optional(),
});
const User = z.object({ kind: z.literal("user"), email: name.optional(), name: name.optional(), id: name.optional() });
const Mailbox = z.object({ kind: z.literal("mailbox"), address: name });
const File = z.object({
  kind: z.literal("file"),
  sha256: hash(64).optional(),
  sha1: hash(40).optional(),
  md5: hash(32).optional(),
  name: name.optional(),
  path: text.optional(),
  device: name.optional(),
  signer: name.optional(),
});
const Process = z.object({
  kind: z.literal("process"),
  commandLine: z.string().max(32_768).optional(),
  name: name.optional(),
  path: text.optional(),
  sha256: hash(64).optional(),
  pid: z.number().int().nonnegative().optional(),
  device: name.optional(),
  user: name.optional(),
  parent: text.optional(),
});
const Ip = z.object({
  kind: z.literal("ip"),
  address: z.string().trim().max(64).refine(isAddress, "must be an IPv4 or IPv6 address"),
});
const Url = z.object({ kind: z.literal("url"), url: text });
const Domain = z.object({ kind: z.literal("domain"), name });
const Message = z.object({
  kind: z.literal("message"),
  networkMessageId: name.optional(),
  internetMessageId: name.optional(),
  subject: text.optional(),
  /** The From header, which the reader saw and anybody can write. */
  sender: name.optional(),
  /** The envelope's, which the mail really came for; where the source tells it. */
  envelopeSender: name.optional(),
  recipient: name.optional(),
});
/** So many messages of one cluster are kept; how many are not is counted beside them. */
export const CLUSTER_KEEPS = 500;
/**
 * `messageIds`: the messages the source itself counted into it; its query may be one that only the source can run. `unlisted`: how many more
 * there are at least.
 */
const MailCluster = z.object({
  kind: z.literal("mail-cluster"),
  query: text,
  messageIds: z.array(name).max(CLUSTER_KEEPS).optional(),
  unlisted: z.number().int().positive().optional(),
});
const Registry = z.object({ kind: z.literal("registry"), key: text, value: text.optional() });
const Service = z.object({ kind: z.literal("service"), name, device: name.optional() });
const Driver = z.object({ kind: z.literal("driver"), name, device: name.optional() });
const ScheduledTask = z.object({ kind: z.literal("scheduled-task"), name, device: name.optional() });
const CloudApp = z.object({ kind: z.literal("cloud-app"), id: name.optional(), name: name.optional() });
const OauthApp = z.object({ kind: z.literal("oauth-app"), id: name.optional(), name: name.optional() });
/** `addresses`: its own, which attack nobody and are asked of nobody. */
const CloudResource = z.object({ kind: z.literal("cloud-resource"), id: text, addresses: z.array(name).max(100).optional() });
const AccessKey = z.object({ kind: z.literal("access-key"), id: name });
/** Anything else: `type` is the source's own word for it, `value` what identifies it. */
const Generic = z.object({ kind: z.literal("generic"), type: name, value: text });

/** At least one of the identifying fields must be there; `names` are the ones an error lists. */
function needsOneOf<T extends z.ZodObject>(schema: T, ...names: string[]): T {
  return schema.refine((value) => names.some((field) => (value as Record<string, unknown>)[field] !== undefined), {
    message: `needs ${names.join(" or ")}`,
  }) as T;
}

export const Entity = z.discriminatedUnion("kind", [
  needsOneOf(Device, "name", "id"),
  needsOneOf(User, "email", "name", "id"),
  Mailbox,
  needsOneOf(File, "sha256", "sha1", "md5", "name", "path"),
  needsOneOf(Process, "commandLine", "name", "path", "sha256", "pid"),
  Ip,
  Url,
  Domain,
  needsOneOf(Message, "networkMessageId", "internetMessageId", "subject"),
  MailCluster,
  Registry,
  Service,
  Driver,
  ScheduledTask,
  needsOneOf(CloudApp, "id", "name"),
  needsOneOf(OauthApp, "id", "name"),
  CloudResource,
  AccessKey,
  Generic,
]);
export type Entity = z.infer<typeof Entity>;
export type EntityKind = Entity["kind"];
export type EntityOf<K extends EntityKind> = Extract<Entity, { kind: K }>;

/** The kinds a source may name; `generic` is what we make of any other. */
export const ENTITY_KINDS = [
  "device",
  "user",
  "mailbox",
  "file",
  "process",
  "ip",
  "url",
  "domain",
  "message",
  "mail-cluster",
  "registry",
  "service",
  "driver",
  "scheduled-task",
  "cloud-app",
  "oauth-app",
  "cloud-resource",
  "access-key",
  "generic",
] as const satisfies readonly EntityKind[];

const lower = (value: string) => value.trim().toLowerCase();

/**
 * Written the one way everybody reads alike. `010.1.2.3` is 8.1.2.3 to one program and 10.1.2.3 to another, and `1` is an address to some:
 * what may be read in two ways is nobody's address, and is not asked about as if it were.
 */
export function isAddress(text: string): boolean {
  const dotted = /[^:]*\.[^:]*$/.exec(text.trim())?.[0];
  const clear = dotted === undefined ? text.includes(":") : ipaddr.IPv4.isValidFourPartDecimal(dotted.replace(/%.*$/, ""));
  return clear && ipaddr.isValid(text.trim());
}

/** Host part first label, lower case: `WS-042.contoso.com` and `ws-042` are the same device. */
export const deviceName = (value: string) => (isSomeAddress(value.trim()) ? lower(value) : (lower(value).split(".")[0] ?? lower(value)));

/** Nearly every name is none, and the parser takes long to say so: what has other letters, and no colon, is not given to it. */
const isSomeAddress = (text: string) => (text.includes(":") || /^[\da-fx.]+$/i.test(text)) && ipaddr.isValid(text);

export function canonicalAddress(address: string): string {
  return ipaddr.process(address.trim()).toString();
}

/** `portal.contoso.com:443/login`: to a parser of urls a scheme called `portal.contoso.com`, and no host at all. */
const HOST_AND_PORT = /^[^\s/?#:@]+:\d{1,5}(?:[/?#]|$)/;

/** Scheme and host lower case, default port and fragment dropped. A url that does not parse is kept as text. */
export function canonicalUrl(raw: string): string {
  const refanged = raw.trim().replace(/^hxxp/i, "http").replaceAll("[.]", ".").replaceAll("[:]", ":");
  const asIs = HOST_AND_PORT.test(refanged) ? null : URL.parse(refanged);
  // Where a scheme stands and yet nothing can be read, a second one in front would make the first a host.
  const parsed = asIs ?? (/^[a-z][a-z0-9+.-]*:\/\//i.test(refanged) ? null : URL.parse(`http://${refanged}`));
  if (!parsed) return refanged;
  parsed.hash = "";
  return parsed.href;
}

/** Host of a url entity, or undefined where the text is no url. */
export const hostOf = (url: string): string | undefined => URL.parse(canonicalUrl(url))?.hostname || undefined;

/**
 * Every name this entity is known by, strongest first, as `kind:field:value`.
 * The first is the entity's own key; two entities that share any of them are the same thing.
 */
export function entityKeys(entity: Entity): readonly [string, ...string[]] {
  const keys = keyParts(entity).filter(([, value]) => value !== undefined && value !== "");
  const [first, ...rest] = keys.map(([field, value]) => `${entity.kind}:${field}:${value}`.slice(0, 1500));
  return [first ?? `${entity.kind}:`, ...rest];
}
export const entityKey = (entity: Entity): string => entityKeys(entity)[0];

/**
 * What makes it a piece of evidence of its own: the same file on another device is judged alike but has to be dealt with there too.
 * Every name it is known by, like entityKeys.
 */
export function evidenceKeys(entity: Entity): readonly [string, ...string[]] {
  const [first, ...rest] = entityKeys(entity);
  if (entity.kind !== "file" || !entity.device) return [first, ...rest];
  const on = `@${deviceName(entity.device)}`;
  return [`${first}${on}`, ...rest.map((key) => `${key}${on}`)];
}

function keyParts(entity: Entity): [string, string | undefined][] {
  switch (entity.kind) {
    case "device":
      return [
        ["name", entity.name && deviceName(entity.name)],
        ["id", entity.id && lower(entity.id)],
      ];
    case "user":
      return [
        ["email", entity.email && lower(entity.email)],
        ["id", entity.id && lower(entity.id)],
        ["name", entity.name && lower(entity.name)],
      ];
    case "mailbox":
      return [["address", lower(entity.address)]];
    case "file": {
      const where = entity.device ? `@${deviceName(entity.device)}` : "";
      return [
        ["sha256", entity.sha256],
        ["sha1", entity.sha1],
        ["md5", entity.md5],
        // A path is only an identity where no hash is known, and only on its own device.
        ...(entity.sha256 || entity.sha1 || entity.md5
          ? []
          : ([["path", `${lower(entity.path ?? "")}\\${lower(entity.name ?? "")}${where}`]] as [string, string][])),
      ];
    }
    case "process":
      return [
        [
          "run",
          [
            entity.device && deviceName(entity.device),
            entity.pid,
            entity.sha256,
            lower(entity.name ?? entity.path ?? ""),
            entity.commandLine,
          ]
            .filter((part) => part !== undefined && part !== "")
            .join("|"),
        ],
      ];
    case "ip":
      return [["address", canonicalAddress(entity.address)]];
    case "url":
      return [["url", canonicalUrl(entity.url)]];
    case "domain":
      return [["name", lower(entity.name).replace(/\.$/, "")]];
    case "message":
      return [
        ["network", entity.networkMessageId && `${lower(entity.networkMessageId)}|${lower(entity.recipient ?? "")}`],
        ["internet", entity.internetMessageId && `${lower(entity.internetMessageId)}|${lower(entity.recipient ?? "")}`],
        ["subject", `${entity.subject ?? ""}|${lower(entity.sender ?? "")}|${lower(entity.recipient ?? "")}`],
      ];
    case "mail-cluster":
      return [["query", entity.query]];
    case "registry":
      return [["key", `${lower(entity.key)}|${lower(entity.value ?? "")}`]];
    case "service":
    case "driver":
    case "scheduled-task":
      return [["name", `${lower(entity.name)}@${entity.device ? deviceName(entity.device) : ""}`]];
    case "cloud-app":
    case "oauth-app":
      return [
        ["id", entity.id && lower(entity.id)],
        ["name", entity.name && lower(entity.name)],
      ];
    case "cloud-resource":
    case "access-key":
      return [["id", entity.id]];
    case "generic":
      return [[lower(entity.type), entity.value]];
    default:
      return entity satisfies never;
  }
}

/** What a person calls it: one short line, not yet defanged or escaped. */
export function entityName(entity: Entity): string {
  switch (entity.kind) {
    case "device":
      return entity.name ?? entity.id ?? "device";
    case "user":
      return entity.email ?? entity.name ?? entity.id ?? "user";
    case "mailbox":
      return entity.address;
    case "file":
      return entity.name ?? lastSegment(entity.path) ?? entity.sha256 ?? entity.sha1 ?? entity.md5 ?? "file";
    case "process":
      return entity.name ?? lastSegment(entity.path) ?? entity.commandLine ?? entity.sha256 ?? `pid ${entity.pid}`;
    case "ip":
      return canonicalAddress(entity.address);
    case "url":
      return entity.url;
    case "domain":
      return entity.name;
    case "message":
      return entity.subject ?? entity.internetMessageId ?? entity.networkMessageId ?? "message";
    case "mail-cluster":
      return entity.query;
    case "registry":
      return entity.value ? `${entity.key}\\${entity.value}` : entity.key;
    case "service":
    case "driver":
    case "scheduled-task":
      return entity.name;
    case "cloud-app":
    case "oauth-app":
      return entity.name ?? entity.id ?? entity.kind;
    case "cloud-resource":
    case "access-key":
      return entity.id;
    case "generic":
      return `${entity.type} ${entity.value}`;
    default:
      return entity satisfies never;
  }
}
const lastSegment = (path: string | undefined) => path?.split(/[\\/]/).findLast((part) => part !== "");
