import type { NamedEntity } from "../../engine/domain/alert.ts";
import { ecs } from "./ecs.ts";
import { entityList, type Fields, type Said } from "./entity-list.ts";
import { first, isObject, type Json, list, text, texts, wholeNumber } from "./json.ts";

/** The Elastic Common Schema (elastic.co/guide/en/ecs): each thing the event names, with what Elastic Defend did about it. */
export function elasticEntities(document: Json): NamedEntity[] {
  const found = entityList();
  const get = (name: string, max?: number) => first(ecs(document, name), max);
  const devices = devicesOf(document);
  const [device] = devices;
  const said = done(document);
  const add = (fields: Fields, more: Said = {}) => found.add(fields, more);

  // Elastic's id of a host is no other product's: the name is what joins.
  for (const name of devices) {
    const os = devices.length > 1 ? undefined : (get("host.os.full") ?? get("host.os.name"));
    if (name.toLowerCase() !== "localhost") add({ kind: "device", name, os });
  }
  for (const [where, role] of USERS) user(ecs(document, where), role, add);
  process(ecs(document, "process"), device, get("user.name", 500), said, add);
  for (const where of ["file", "dll"]) file(ecs(document, where), device, where === "file" ? said : {}, add);
  for (const address of texts(ecs(document, "source.ip"), 64)) add({ kind: "ip", address }, { role: "source" });
  for (const address of texts(ecs(document, "destination.ip"), 64)) add({ kind: "ip", address }, { role: "destination" });
  const url = get("url.full", 4096) ?? get("url.original", 4096);
  if (url?.includes("://")) add({ kind: "url", url });
  else if (get("url.domain")) add({ kind: "domain", name: get("url.domain") });
  for (const name of ["dns.question.name", "destination.domain"]) for (const one of texts(ecs(document, name))) domain(one, add);
  registry(ecs(document, "registry"), add);
  mail(ecs(document, "email"), add);
  for (const match of list(ecs(document, "threat.enrichments"))) indicator(ecs(match, "indicator"), add);
  indicator(ecs(document, "threat.indicator"), add);
  for (const id of texts(ecs(document, "cloud.target.entity.id"), 4096)) add({ kind: "cloud-resource", id });
  return found.all();
}

/** An alert over several events names several hosts, as values of one field or as a list of objects; the first is what processes ran on. */
function devicesOf(document: Json): string[] {
  const hosts = Array.isArray(document.host) ? document.host.filter(isObject).map((host) => ({ host })) : [document];
  const names = hosts.flatMap((one) => {
    const full = texts(ecs(one, "host.hostname"), 500);
    const short = texts(ecs(one, "host.name"), 500);
    return short.length === 0 || (full[0]?.includes(".") && full.length >= short.length) ? full : short;
  });
  return [...new Set(names)].slice(0, 1000);
}

type Add = (fields: Fields, said?: Said) => void;

/** Who it is about, whom it was done to, and the accounts at both ends of a connection. */
const USERS: readonly (readonly [string, string | undefined])[] = [
  ["user", undefined],
  ["user.target", "target"],
  ["user.effective", undefined],
  ["source.user", "source"],
  ["destination.user", "destination"],
];

function user(value: unknown, role: string | undefined, add: Add): void {
  if (!isObject(value)) return;
  const name = first(ecs(value, "name"), 500);
  const domain = first(ecs(value, "domain"), 256);
  const email = first(ecs(value, "email"), 500);
  // The computer's own account says nothing that the device does not.
  if ((!name && !email) || name?.endsWith("$")) return;
  const id = first(ecs(value, "id"), 500);
  add(
    {
      kind: "user",
      email: email ?? (name?.includes("@") ? name : undefined),
      name: name && domain && !name.includes("@") ? `${domain}\\${name}` : name,
      // On Linux it is a number that every machine has.
      id: id && !/^\d{1,10}$/.test(id) ? id : undefined,
    },
    { role },
  );
}

const hashes = (value: unknown) => ({
  sha256: first(ecs(value, "hash.sha256")),
  sha1: first(ecs(value, "hash.sha1")),
  md5: first(ecs(value, "hash.md5")),
});

/** A signature nobody verified protects nothing: anyone can write a name into one. */
const signer = (value: unknown) =>
  ecs(value, "code_signature.trusted") === true ? first(ecs(value, "code_signature.subject_name")) : undefined;

function process(value: unknown, device: string | undefined, account: string | undefined, said: Said, add: Add): void {
  if (!isObject(value)) return;
  const path = first(ecs(value, "executable"), 4096);
  const args = texts(ecs(value, "args"), 8192);
  const program = path && args[0] !== path ? [path, ...args] : args;
  const { sha256 } = hashes(value);
  add(
    {
      kind: "process",
      commandLine: first(ecs(value, "command_line"), 32_768) ?? (args.length > 0 ? program.join(" ").slice(0, 32_768) : undefined),
      name: first(ecs(value, "name")),
      path,
      sha256,
      pid: wholeNumber(ecs(value, "pid")),
      device,
      user: account,
      parent: first(ecs(value, "parent.executable"), 4096) ?? first(ecs(value, "parent.name")),
    },
    said,
  );
  // The program file is what reputation sources know.
  if (sha256 || path) add({ kind: "file", path, name: first(ecs(value, "name")), device, ...hashes(value), signer: signer(value) });
}

function file(value: unknown, device: string | undefined, said: Said, add: Add): void {
  if (!isObject(value)) return;
  add(
    {
      kind: "file",
      name: first(ecs(value, "name")),
      path: first(ecs(value, "path"), 4096),
      device,
      ...hashes(value),
      signer: signer(value),
    },
    said,
  );
}

function domain(name: string, add: Add): void {
  if (name.includes(".") && !/^[\d.]+$/.test(name)) add({ kind: "domain", name }, { role: "destination" });
}

function registry(value: unknown, add: Add): void {
  const key = first(ecs(value, "path"), 4096) ?? first(ecs(value, "key"), 4096);
  if (key) add({ kind: "registry", key, value: first(ecs(value, "data.strings"), 4096) ?? first(ecs(value, "value"), 4096) });
}

function mail(value: unknown, add: Add): void {
  if (!isObject(value)) return;
  const subject = first(ecs(value, "subject"), 4096);
  const internetMessageId = first(ecs(value, "message_id"));
  if (!subject && !internetMessageId) return;
  const sender = first(ecs(value, "from.address"));
  const to = texts(ecs(value, "to.address"));
  for (const recipient of to.length > 0 ? to : [undefined]) add({ kind: "message", internetMessageId, subject, sender, recipient });
  for (const attachment of list(ecs(value, "attachments")))
    add({ kind: "file", name: first(ecs(attachment, "file.name")), ...hashes(ecs(attachment, "file")) });
}

/** What matched a list of threats: the list's word, told by this source. */
function indicator(value: unknown, add: Add): void {
  if (!isObject(value)) return;
  const said: Said = { verdict: "suspicious" };
  for (const address of texts(ecs(value, "ip"), 64)) add({ kind: "ip", address }, said);
  const url = first(ecs(value, "url.full"), 4096) ?? first(ecs(value, "url.original"), 4096);
  if (url) add({ kind: "url", url }, said);
  else if (first(ecs(value, "url.domain"))) add({ kind: "domain", name: first(ecs(value, "url.domain")) }, said);
  const listed = ecs(value, "file");
  if (Object.values(hashes(listed)).some(Boolean)) add({ kind: "file", name: first(ecs(listed, "name")), ...hashes(listed) }, said);
}

/** Elastic Defend: what it stopped is denied, what it took away is quarantined. */
function done(document: Json): Said {
  if (ecs(document, "file.Ext.quarantine_result") === true) return { remediation: "remediated" };
  const denied = texts(ecs(document, "event.type")).some((word) => word.toLowerCase() === "denied");
  const kind = text(first(ecs(document, "event.kind")));
  return denied && kind !== undefined ? { remediation: "blocked" } : {};
}
