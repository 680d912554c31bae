import type { NamedEntity, Verdict } from "../../engine/domain/alert.ts";
import { entityList, type Said } from "./entity-list.ts";
import { at, first, isObject, type Json, list, text, texts, wholeNumber } from "./json.ts";
import { linksIn } from "./links-in.ts";

/*
 * What decoders of Wazuh put under `data` depends on the product that logged: Windows' event channel under `win`, Suricata, auditd, AWS,
 * Office 365 and VirusTotal under their own names, most others flat (`srcip`, `dstuser` ...; documentation.wazuh.com, decoders syntax).
 */
export function wazuhEntities(alert: Json): NamedEntity[] {
  const found = entityList();
  const data = isObject(alert.data) ? alert.data : {};
  const device = deviceOf(alert);
  const add = (kind: string, fields: Json, said?: Said) => {
    found.add({ kind, ...fields }, said);
    if (kind === "process" && typeof fields.commandLine === "string")
      for (const url of linksIn(fields.commandLine)) found.add({ kind: "url", url }, { role: "related" });
  };
  if (device) add("device", { name: device });

  const event = at(data, "win", "eventdata");
  if (isObject(event)) windows(event, at(data, "win", "system"), device, add);
  network(data, add);
  people(data, add);
  for (const url of [first(data.url, 4096), requested(data)]) if (url) add("url", { url });
  for (const name of [dnsName(data), text(at(data, "tls", "sni"))]) if (name) add("domain", { name }, { role: "destination" });
  watchedFile(alert.syscheck, device, add);
  virusTotal(at(data, "virustotal"), device, add);
  auditd(at(data, "audit"), device, add);
  cloud(data, add);
  return found.all();
}

type Add = (kind: string, fields: Json, said?: Said) => void;

/** Agent 000 is the manager itself, which also speaks for whoever sent it a log. */
function deviceOf(alert: Json): string | undefined {
  const agent = text(at(alert, "agent", "name"), 500);
  const other = text(at(alert, "predecoder", "hostname"), 500);
  const said = text(at(alert, "agent", "id")) === "000" ? (other ?? agent) : (agent ?? other);
  const full = text(at(alert, "data", "win", "system", "computer"), 500);
  const name = full && said && full.toLowerCase().startsWith(`${said.toLowerCase()}.`) ? full : (said ?? full);
  return name?.toLowerCase() === "localhost" ? undefined : name;
}

/** Wazuh doubles the backslashes of what Windows told it. */
const single = (value: unknown, max = 32_768) =>
  text(value, max * 2)
    ?.replaceAll("\\\\", "\\")
    .replaceAll('\\"', '"')
    .slice(0, max);

function account(domain: unknown, name: unknown): string | undefined {
  const [where, who] = [single(domain, 256), single(name, 500)];
  // The computer's own account says nothing that the device does not.
  if (!who || who.endsWith("$")) return undefined;
  return where && !who.includes("\\") && !who.includes("@") ? `${where}\\${who}` : who;
}

function windows(event: Json, system: unknown, device: string | undefined, add: Add): void {
  const user = (role: string | undefined, domain: unknown, name: unknown, sid?: unknown) => {
    const who = account(domain, name);
    if (who) add("user", { ...(who.includes("@") ? { email: who } : { name: who }), id: text(sid) }, { role });
  };
  user("target", event.targetDomainName, event.targetUserName, event.targetUserSid ?? event.targetSid);
  user(undefined, event.subjectDomainName, event.subjectUserName, event.subjectUserSid);
  user(undefined, undefined, event.user ?? event["detection User"]);

  const image = single(event.newProcessName ?? event.image ?? event.sourceImage, 4096);
  const hashes = sysmonHashes(event.hashes ?? event.hash);
  const commandLine = single(event.commandLine ?? event.scriptBlockText);
  if (image || commandLine) {
    add("process", {
      commandLine,
      path: image,
      sha256: hashes.sha256,
      pid: wholeNumber(event.newProcessId ?? event.processId ?? event.sourceProcessId),
      device,
      user: account(undefined, event.user),
      parent: single(event.parentImage ?? event.parentProcessName, 4096),
    });
  }
  // The hashes of an event are those of what it is about: of the library where one was loaded, else of the program.
  const about = single(event.imageLoaded, 4096) ?? image;
  if (about) add("file", { path: about, device, ...hashes });
  const written = single(event.targetFilename, 4096);
  if (written) add("file", { path: written, device });

  if (text(event.ipAddress, 64)) add("ip", { address: text(event.ipAddress, 64) }, { role: "source" });
  if (text(event.destinationIp, 64)) add("ip", { address: text(event.destinationIp, 64) }, { role: "destination" });
  for (const name of [single(event.queryName), single(event.destinationHostname)])
    if (name?.includes(".")) add("domain", { name }, { role: "destination" });
  const key = single(event.targetObject, 4096);
  if (key) add("registry", { key, value: single(event.details, 4096) });
  const service = single(event.serviceName, 1024);
  if (service && event.imagePath !== undefined) {
    add("service", { name: service, device });
    add("process", { commandLine: single(event.imagePath), device });
  }
  const task = single(event.taskName, 1024);
  if (task) add("scheduled-task", { name: task, device });
  antivirus(event, system, device, add);
}

/** Microsoft Defender Antivirus tells what it found in one line: `file:_C:\a.exe; behavior:_process: C:\b.exe, pid:1`. */
function antivirus(event: Json, system: unknown, device: string | undefined, add: Add): void {
  if (event["threat Name"] === undefined && event.threatName === undefined) return;
  const action = text(event["action Name"])?.toLowerCase() ?? "";
  // 1117: what it did worked; 1116 only tells that something was found.
  const done = text(at(system, "eventID")) === "1117" && /quarantine|remove|clean|block/.test(action);
  const said: Said = { verdict: "malicious", remediation: done ? (action.includes("block") ? "blocked" : "remediated") : undefined };
  for (const part of (single(event.path, 8192) ?? "").split(/[;,]/)) {
    const path = /[A-Za-z]:\\.*$/.exec(part)?.[0]?.split("->")[0]?.trim();
    if (path) add("file", { path, device }, said);
  }
}

function sysmonHashes(value: unknown): { sha256?: string; sha1?: string; md5?: string } {
  const named = new Map(
    (text(value, 2048) ?? "").split(",").map((part): [string, string] => {
      const [name = "", hash = ""] = part.split("=");
      return [name.trim().toLowerCase(), hash.trim().toLowerCase()];
    }),
  );
  return Object.fromEntries(["sha256", "sha1", "md5"].flatMap((name) => (named.get(name) ? [[name, named.get(name)]] : [])));
}

const STOPPED = /^(block(ed)?|drop(ped)?|den(y|ied)|reject(ed)?|prevented)$/i;

function network(data: Json, add: Add): void {
  const verb = text(data.action, 64) ?? text(at(data, "alert", "action"), 64) ?? "";
  const remediation = STOPPED.test(verb) ? "blocked" : undefined;
  for (const address of [
    data.srcip,
    data.src_ip,
    data.srcIp,
    data.srcip2,
    at(data, "aws", "source_ip_address"),
    at(data, "aws", "sourceIPAddress"),
  ]) {
    for (const one of texts(address, 64)) add("ip", { address: one }, { role: "source", remediation });
  }
  for (const address of [data.dstip, data.dest_ip, data.dst_ip, data.dstIp])
    for (const one of texts(address, 64)) add("ip", { address: one }, { role: "destination", remediation });
  for (const address of [at(data, "office365", "ClientIP"), at(data, "office365", "ActorIpAddress")])
    for (const one of texts(address, 64)) add("ip", { address: one.replace(/^\[?([^\]]+)\]?(:\d+)?$/, "$1") }, { role: "source" });
}

function people(data: Json, add: Add): void {
  const user = (value: unknown, role?: string) => {
    for (const who of texts(value, 500)) add("user", who.includes("@") ? { email: who } : { name: who }, { role });
  };
  user(data.srcuser, "source");
  user(data.dstuser, "target");
  // Of several products an object with more about them.
  if (!isObject(data.user)) user(data.user);
  user(at(data, "office365", "UserId"));
}

/** Suricata: host and path of a request apart. */
function requested(data: Json): string | undefined {
  const host = text(at(data, "http", "hostname"), 512);
  const path = text(at(data, "http", "url"), 3000);
  if (!host) return undefined;
  return path?.startsWith("/") ? `http://${host}${path}` : `http://${host}/`;
}

const dnsName = (data: Json) =>
  text(at(data, "dns", "rrname")) ??
  first(list(at(data, "dns", "query")).map((query) => at(query, "rrname"))) ??
  text(at(data, "dns", "question", "name"));

/** File integrity: what the file is now. */
function watchedFile(check: unknown, device: string | undefined, add: Add): void {
  const path = single(at(check, "path"), 4096);
  if (!path) return;
  if (/^HKEY_/i.test(path)) {
    add("registry", { key: path, value: single(at(check, "value_name"), 4096) });
    return;
  }
  add("file", {
    path,
    device,
    sha256: text(at(check, "sha256_after")),
    sha1: text(at(check, "sha1_after")),
    md5: text(at(check, "md5_after")),
  });
  const by = single(at(check, "audit", "process", "name"), 4096);
  if (by) add("process", { path: by, device, pid: wholeNumber(at(check, "audit", "process", "id")) });
  const who = text(at(check, "audit", "user", "name"), 500);
  if (who) add("user", { name: who });
}

/** Wazuh asks VirusTotal about a file it watches: its word on the file, as told by this source. */
function virusTotal(said: unknown, device: string | undefined, add: Add): void {
  const path = single(at(said, "source", "file"), 4096);
  const hashes = { sha1: text(at(said, "source", "sha1")) ?? text(at(said, "sha1")), md5: text(at(said, "source", "md5")) };
  if (!path && !hashes.sha1 && !hashes.md5) return;
  const positives = wholeNumber(at(said, "positives")) ?? 0;
  const verdict: Verdict | undefined = text(at(said, "malicious")) !== "1" ? undefined : positives >= 5 ? "malicious" : "suspicious";
  add("file", { path, device, ...hashes }, { verdict });
}

function auditd(audit: unknown, device: string | undefined, add: Add): void {
  const path = text(at(audit, "exe"), 4096);
  const words = Object.entries(at(audit, "execve") ?? {})
    .filter(([name]) => /^a\d{1,3}$/.test(name))
    .sort(([a], [b]) => Number(a.slice(1)) - Number(b.slice(1)))
    .flatMap(([, word]) => text(word, 4096) ?? []);
  if (path || words.length > 0)
    add("process", {
      path,
      name: text(at(audit, "command"), 1024),
      commandLine: words.length > 0 ? words.join(" ").slice(0, 32_768) : undefined,
      pid: wholeNumber(at(audit, "pid")),
      device,
    });
  const file = text(at(audit, "file", "name"), 4096);
  if (file?.startsWith("/")) add("file", { path: file, device });
}

function cloud(data: Json, add: Add): void {
  const identity = at(data, "aws", "userIdentity");
  if (!isObject(identity)) return;
  const kind = text(identity.type)?.toLowerCase();
  // A role's session is nobody to disable.
  if (kind === "iamuser" || kind === "root") add("user", { name: text(identity.userName, 500), id: text(identity.arn) });
  else if (kind === "assumedrole") add("cloud-resource", { id: text(at(identity, "sessionContext", "sessionIssuer", "arn")) });
  if (text(identity.accessKeyId)) add("access-key", { id: text(identity.accessKeyId) });
}
