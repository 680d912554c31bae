import type { NamedEntity, Verdict } from "../../engine/domain/alert.ts";
import { entityList, type Fields, type Said } from "./entity-list.ts";
import { at, isObject, type Json, list, text, texts, wholeNumber } from "./json.ts";

/** Each thing a finding names: its evidences first, then what stands at the top, then the observables that name something new. */
export function ocsfEntities(finding: Json): NamedEntity[] {
  const found = entityList();
  const add: Add = (fields, said) => found.add(fields, said);
  const remediation = remediationOf(finding);
  const ownDevice = deviceName(finding.device);

  if (isObject(finding.device)) device(finding.device, add);
  for (const item of list(finding.evidences).slice(0, MANY)) {
    if (!isObject(item)) continue;
    const said: Said = { verdict: verdictOf(item.verdict_id), remediation };
    const before = found.all().length;
    artifacts(item, deviceName(item.device) ?? ownDevice, said, add);
    // Evidence of a kind we do not know is kept whole, under the product's own word for it.
    if (found.all().length === before && !KNOWN.some((name) => name in item)) add({ ...item, kind: text(item.name) ?? "evidence" }, said);
  }
  artifacts(finding, ownDevice, { remediation }, add);
  for (const item of list(finding.malware).slice(0, MANY)) malware(item, ownDevice, remediation, add);
  for (const item of list(finding.resources).slice(0, MANY)) resource(item, add);
  // Observables point at what stands elsewhere in the finding; only what is new among them is added.
  const named = JSON.stringify(found.all()).toLowerCase();
  const own = new Set(found.all().flatMap(({ entity }) => (entity.kind === "device" && entity.name ? [hostLabel(entity.name)] : [])));
  const isOwn = (host: string) => own.has(hostLabel(host));
  for (const item of list(finding.observables).slice(0, MANY)) {
    const value = text(at(item, "value"), 4096)?.toLowerCase();
    if (value && !named.includes(JSON.stringify(value).slice(1, -1))) observable(item, isOwn, add);
  }
  return found.all();
}

type Add = (fields: Fields, said?: Said) => void;
const MANY = 1000;
const KNOWN = [
  "actor",
  "process",
  "file",
  "device",
  "src_endpoint",
  "dst_endpoint",
  "url",
  "email",
  "query",
  "user",
  "resources",
  "api",
  "job",
  "reg_key",
  "reg_value",
  "connection_info",
  "http_request",
  "script",
  "win_service",
];

/** What an evidence and the finding itself may both hold. */
function artifacts(item: Json, device_: string | undefined, said: Said, add: Add): void {
  const { actor } = item;
  const actorUser = at(actor, "user");
  if (isObject(item.device)) device(item.device, add);
  person(actorUser, add);
  person(item.user, add, "target");
  process(at(actor, "process"), device_, text(at(actorUser, "name")), {}, add);
  process(item.process, device_, undefined, said, add);
  file(item.file, device_, said, add);
  file(at(item.script, "file"), device_, said, add);
  endpoint(item.src_endpoint, "source", said, add);
  endpoint(item.dst_endpoint, "destination", said, add);
  link(item.url, said, add);
  link(at(item.http_request, "url"), said, add);
  const asked = text(at(item.query, "hostname"));
  if (asked) add({ kind: "domain", name: asked }, { ...said, role: "destination" });
  email(item.email, said, add);
  const key = text(at(item.reg_key, "path"), 4096) ?? text(at(item.reg_value, "path"), 4096);
  if (key) add({ kind: "registry", key, value: text(at(item.reg_value, "name"), 4096) ?? text(at(item.reg_value, "data"), 4096) });
  if (text(at(item.job, "name"))) add({ kind: "scheduled-task", name: text(at(item.job, "name")), device: device_ });
  if (text(at(item.win_service, "name"))) add({ kind: "service", name: text(at(item.win_service, "name")), device: device_ });
  if (Array.isArray(item.resources) && !("class_uid" in item)) for (const one of item.resources.slice(0, MANY)) resource(one, add);
}

const deviceName = (value: unknown) => text(at(value, "hostname"), 500) ?? text(at(value, "name"), 500);

function device(value: Json, add: Add): void {
  // Its uid is the producing product's, not one that ours would know: only where nothing else names it.
  const name = deviceName(value);
  add({
    kind: "device",
    name,
    id: name ? undefined : (text(value.uid, 500) ?? text(value.instance_uid, 500)),
    os: text(at(value, "os", "name")),
  });
}

function person(value: unknown, add: Add, role?: string): void {
  if (!isObject(value)) return;
  const name = text(value.name, 500);
  // Types of user: 3 System, 4 Service; what is none of a person's accounts is nobody to act on.
  if (name?.endsWith("$")) return;
  const domain = text(value.domain, 256);
  const email = text(value.email_addr, 500) ?? (name?.includes("@") ? name : undefined);
  add(
    {
      kind: "user",
      email,
      name: name && domain && !name.includes("\\") && !name.includes("@") ? `${domain}\\${name}` : name,
      id: text(value.uid, 500),
    },
    { role },
  );
  if (text(value.credential_uid)) add({ kind: "access-key", id: text(value.credential_uid) });
}

/** A list of fingerprints by algorithm; before 1.0 a list of the same under other names. */
function hashes(value: unknown): { sha256?: string; sha1?: string; md5?: string } {
  const found: { sha256?: string; sha1?: string; md5?: string } = {};
  for (const print of [...list(at(value, "hashes")), ...list(at(value, "fingerprints"))].slice(0, 50)) {
    const hash = text(at(print, "value"))?.toLowerCase();
    const id = Number(at(print, "algorithm_id"));
    if (!hash) continue;
    if (id === 3 || hash.length === 64) found.sha256 ??= hash;
    else if (id === 2 || hash.length === 40) found.sha1 ??= hash;
    else if (id === 1 || hash.length === 32) found.md5 ??= hash;
  }
  return found;
}

function file(value: unknown, device_: string | undefined, said: Said, add: Add): void {
  if (!isObject(value)) return;
  const signed = Number(at(value, "signature", "state_id")) === 1 ? text(at(value, "signature", "certificate", "subject")) : undefined;
  add({ kind: "file", name: text(value.name), path: text(value.path, 4096), device: device_, ...hashes(value), signer: signed }, said);
}

function process(value: unknown, device_: string | undefined, account: string | undefined, said: Said, add: Add): void {
  if (!isObject(value)) return;
  const path = text(at(value, "file", "path"), 4096) ?? text(value.path, 4096);
  add(
    {
      kind: "process",
      commandLine: text(value.cmd_line, 32_768),
      name: text(value.name) ?? text(at(value, "file", "name")),
      path,
      sha256: hashes(value.file).sha256,
      pid: wholeNumber(value.pid),
      device: device_,
      user: text(at(value, "user", "name"), 500) ?? account,
      parent: text(at(value, "parent_process", "file", "path"), 4096) ?? text(at(value, "parent_process", "name"), 4096),
    },
    said,
  );
  file(value.file, device_, {}, add);
}

function endpoint(value: unknown, role: string, said: Said, add: Add): void {
  if (!isObject(value)) return;
  const address = text(value.ip, 64);
  if (address) add({ kind: "ip", address }, { ...said, role });
  const name = text(value.domain) ?? (role === "destination" ? text(value.hostname) : undefined);
  if (name?.includes(".") && name !== address) add({ kind: "domain", name }, { ...said, role });
}

function link(value: unknown, said: Said, add: Add): void {
  const whole = text(value, 4096) ?? text(at(value, "url_string"), 4096) ?? text(at(value, "text"), 4096);
  if (whole) add({ kind: "url", url: whole }, said);
  else if (text(at(value, "hostname"))) add({ kind: "domain", name: text(at(value, "hostname")) }, said);
}

function email(value: unknown, said: Said, add: Add): void {
  if (!isObject(value)) return;
  const to = texts(value.to);
  for (const recipient of to.length > 0 ? to : [undefined]) {
    add(
      {
        kind: "message",
        internetMessageId: text(value.message_uid),
        networkMessageId: text(value.uid),
        subject: text(value.subject, 4096),
        sender: text(value.from) ?? text(value.smtp_from),
        recipient,
      },
      said,
    );
  }
  for (const one of list(value.files)) file(one, undefined, said, add);
  for (const one of list(value.urls)) link(one, said, add);
}

/** Where a product calls something malware by name, it has judged it. */
function malware(value: unknown, device_: string | undefined, remediation: string | undefined, add: Add): void {
  const said: Said = { verdict: "malicious", remediation };
  for (const one of [...list(at(value, "files")), at(value, "file")]) file(one, device_, said, add);
  const path = text(at(value, "path"), 4096);
  if (path) add({ kind: "file", path, device: device_ }, said);
}

function resource(value: unknown, add: Add): void {
  if (!isObject(value)) return;
  const id = text(value.uid, 4096) ?? text(value.name, 4096);
  const type = text(value.type)?.toLowerCase() ?? "";
  if (!id) return;
  if (type === "awsiamaccesskey") add({ kind: "access-key", id: id.split(/[:/]/).at(-1) });
  else add({ kind: "cloud-resource", id });
}

function observable(value: unknown, isOwn: (host: string) => boolean, add: Add): void {
  const content = text(at(value, "value"), 4096);
  const type = Number(at(value, "type_id"));
  const from = text(at(value, "name"))?.toLowerCase() ?? "";
  if (content && type === 5) mailAddress(content, from, add);
  const fields = content && type !== 5 && observed(type, from, content, isOwn);
  if (!fields) return;
  // Reputation is of things; a person or a device is not what a list of threats names.
  const judged = !["device", "user", "access-key"].includes(fields.kind);
  add(fields, judged ? { verdict: reputation(at(value, "reputation", "score_id")) } : {});
}

/** type_id of an observable, and the path of what it was taken from; an object (20 and above) mostly has no value of its own. */
function observed(type: number, from: string, content: string, isOwn: (host: string) => boolean): Fields | undefined {
  switch (type) {
    case 1:
      // Any host is one of these, an attacker's as well: a device is only what the finding itself calls one.
      if (isOwn(content) || /(^|[.\]])device\.(hostname|name)$/.test(from)) return { kind: "device", name: content };
      return content.includes(".") ? { kind: "domain", name: content } : { kind: "hostname", name: content };
    case 2:
      return { kind: "ip", address: content };
    case 4:
      return content.endsWith("$") ? undefined : { kind: "user", [content.includes("@") ? "email" : "name"]: content };
    case 6:
    case 23:
      return { kind: "url", url: content };
    case 7:
      return { kind: "file", [/[\\/]/.test(content) ? "path" : "name"]: content };
    case 8: {
      const field = { 64: "sha256", 40: "sha1", 32: "md5" }[content.length];
      return field ? { kind: "file", [field]: content.toLowerCase() } : undefined;
    }
    case 19:
      return { kind: "access-key", id: content };
    case 28:
      return { kind: "registry", key: content };
    default:
      return undefined;
  }
}

/** Of a person it is the person; of a mail the mailbox it came to, or came from. */
function mailAddress(address: string, from: string, add: Add): void {
  if (/user|actor|email_addr/.test(from)) add({ kind: "user", email: address });
  else
    add(
      { kind: "mailbox", address },
      { role: /from|sender|reply|return/.test(from) ? "sender" : /\b(to|cc|bcc)\b|recipient|deliver/.test(from) ? "recipient" : undefined },
    );
}

/** `ws-042.contoso.com` and `WS-042` are one device; an address has no labels. */
const hostLabel = (host: string) => (/^[\d.]+$|:/.test(host) ? host : host.split(".")[0])?.toLowerCase();

/** reputation.score_id: from 9, Probably Malicious; 7 and 8 are suspicion; up to 3 it is safe. */
function reputation(score: unknown): Verdict | undefined {
  const id = typeof score === "number" ? score : 0;
  if (id >= 9 && id <= 10) return "malicious";
  if (id === 7 || id === 8) return "suspicious";
  return undefined;
}

/** verdict_id of an evidence: 2 True Positive, 8 Security Risk, 4 Suspicious, 1 False Positive, 5 Benign. */
function verdictOf(id: unknown): Verdict | undefined {
  switch (id) {
    case 2:
    case 8:
      return "malicious";
    case 4:
      return "suspicious";
    case 1:
    case 5:
      return "noThreatsFound";
    case 0:
    case 7:
      return "unknown";
    default:
      return undefined;
  }
}

/** disposition_id of the profile security_control: what the product did; action_id 2 is Denied. */
function remediationOf(finding: Json): string | undefined {
  const word = text(finding.disposition)?.toLowerCase();
  switch (Number(finding.disposition_id ?? 0)) {
    case 2:
    case 6:
    case 25:
      return "blocked";
    case 3:
    case 5:
    case 11:
      return "remediated";
    case 0:
    case 99:
      if (word === "blocked" || word === "prevented") return word;
      if (word === "quarantined" || word === "deleted") return "remediated";
      return Number(finding.action_id) === 2 ? "blocked" : undefined;
    default:
      return undefined;
  }
}
