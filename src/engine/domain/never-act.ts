import ipaddr from "ipaddr.js";
import type { Entity, EntityOf } from "./entity.ts";
import { entityKeys, hostOf, isAddress } from "./entity.ts";
import { remediationSaid } from "./remediation.ts";
import { isPublicResolver, isPublishedOn, isWellKnownService, sharedHost, within } from "./well-known.ts";

/**
 * What air never proposes acting on, whatever the verdict (product contract 5), and what never joins two incidents (4).
 * Pure: names and ranges in, a plain sentence out. The reason is shown to people, so a wrong list is noticed.
 */
export type NeverActContext = {
  organizationDomains: readonly string[];
  /** CIDR ranges or single addresses of our own networks. */
  internalRanges: readonly string[];
  /** What the alert said of this entity, and what an administrator allowed. */
  namedEntity?: {
    remediation?: string | undefined;
    signer?: string | undefined;
    /** Entity keys (`ip:address:203.0.113.9`) of the allow list. */
    allowList?: readonly string[] | undefined;
  };
};

/** Why nothing may be proposed for this entity; undefined: acting on it is possible. */
export function neverAct(entity: Entity, context: NeverActContext): string | undefined {
  const facts = context.namedEntity;
  if (facts?.allowList?.length && entityKeys(entity).some((key) => facts.allowList?.includes(key))) return "It is on the allow list.";
  if (alreadyStopped(facts?.remediation)) return `The source already dealt with it: ${remediationSaid(facts?.remediation ?? "").text}.`;
  if (pendingAtSource(facts?.remediation))
    return `The source has an action of its own on it: it ${remediationSaid(facts?.remediation ?? "").text}.`;
  switch (entity.kind) {
    case "ip":
      return addressReason(entity.address, context.internalRanges);
    case "url": {
      const host = hostOf(entity.url);
      // `data:`, `mailto:` and what no parser understands: no product could block it, and nobody knows whose it is.
      return host === undefined ? "It is no address on the web." : hostReason(host, context, isPublishedOn(entity.url, host));
    }
    case "domain":
      // Sources write a url or a port where the name of a domain belongs.
      return hostReason(hostOf(entity.name) ?? entity.name, context, false);
    case "device":
      return isLoopbackHost(entity.name ?? "") ? "It is this machine's own name." : undefined;
    case "file":
      if (isEmptyFile(entity)) return "It is an empty file: its hash is that of every empty file.";
      if (isOperatingSystemFile(entity, facts?.signer)) return "It is a signed operating-system file.";
      return looksLikeWindowsProgram(entity, facts?.signer)
        ? "It stands where Windows keeps it, and nobody says who signed it."
        : undefined;
    case "user":
      if (isServiceAccount(entity)) return "It is a built-in service account.";
      return isMachineAccount(entity) ? "It is a machine's account, not a person's." : undefined;
    // A source may name a sender by itself. A message *from* one of our own domains stays actionable: mail sent by a compromised
    // colleague is exactly what must leave the mailboxes, and removing it does nothing to the domain.
    case "generic":
      return entity.type.toLowerCase() === "sender"
        ? hostReason(entity.value.split("@").at(-1) ?? entity.value, context, false)
        : undefined;
    default:
      return undefined;
  }
}

/**
 * May this entity tie two alerts into one incident? What everybody shares ties nothing: reserved addresses and well-known resolvers, our
 * own and well-known domains, the operating system's files, service accounts and the accounts every machine has.
 */
export function joinable(
  entity: Entity,
  context: { domains?: readonly string[]; internalRanges: readonly string[] } = { internalRanges: [] },
): boolean {
  const hosts = { organizationDomains: context.domains ?? [], internalRanges: context.internalRanges };
  switch (entity.kind) {
    case "device":
      return !isLoopbackHost(entity.name ?? "");
    case "ip":
      return addressReason(entity.address, context.internalRanges) === undefined;
    case "url": {
      const host = hostOf(entity.url);
      return host === undefined || hostReason(host, hosts, isPublishedOn(entity.url, host)) === undefined;
    }
    case "domain":
      return hostReason(entity.name, hosts, false) === undefined;
    case "file":
      return !isEmptyFile(entity) && !isOperatingSystemFile(entity) && !standsInSystemFolder(entity);
    case "user":
      return !isServiceAccount(entity) && !isLocalAccount(entity);
    default:
      return true;
  }
}

/** The source's words (domain 2.3) for "nothing is left to do". */
const STOPPED = new Set(["prevented", "blocked", "remediated"]);
/** The source has an action of its own on it: a second one would only meet the first. */
const PENDING = new Set(["pendingapproval", "running"]);
export const pendingAtSource = (remediation: string | undefined) => PENDING.has(remediation?.trim().toLowerCase() ?? "");
export const alreadyStopped = (remediation: string | undefined) => STOPPED.has(remediation?.trim().toLowerCase() ?? "");

/**
 * Why an address is nobody's on the internet, in words; undefined for a public one. The documentation ranges (RFC 5737, RFC 3849)
 * count as public: they are reserved too, but no real alert carries them, and the lab and every example use them as outside attackers.
 */
export function reservedAddress(address: string, internalRanges: readonly string[] = []): string | undefined {
  const text = address.trim();
  if (!ipaddr.isValid(text)) return undefined;
  if (!isAddress(text)) return "It can be read as more than one address.";
  const parsed = embedded(ipaddr.process(text));
  if (internalRanges.some((range) => inRange(parsed, range))) return "It is one of our own addresses.";
  if (DOCUMENTATION.some((range) => inRange(parsed, range))) return undefined;
  const range = parsed.range();
  switch (range) {
    case "unicast":
      return undefined;
    case "loopback":
      return "It is a loopback address.";
    case "private":
    case "uniqueLocal":
      return "It is a private address.";
    case "carrierGradeNat":
      return "It is an address shared behind a provider's translation.";
    case "linkLocal":
      return "It is a link-local address.";
    default:
      return "It is a reserved address.";
  }
}
const DOCUMENTATION = ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32"];

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/**
 * NAT64 (RFC 6052), 6to4 (RFC 3056), IPv4-translated (RFC 2765) and IPv4-compatible (RFC 4291) addresses carry an IPv4 address inside; that
 * one decides, or `64:ff9b::10.0.0.1` would pass as public.
 */
function embedded(address: Address): Address {
  if (address.kind() === "ipv4") return address;
  const bytes = address.toByteArray();
  const range = address.range();
  if (range === "rfc6145" || inRange(address, "64:ff9b::/96")) return new ipaddr.IPv4(bytes.slice(12, 16));
  if (range === "unicast" && inRange(address, "::/96")) return new ipaddr.IPv4(bytes.slice(12, 16));
  if (range === "6to4") return new ipaddr.IPv4(bytes.slice(2, 6));
  return address;
}

function inRange(address: Address, range: string): boolean {
  const network = networkOf(range);
  return network !== undefined && network[0].kind() === address.kind() && address.match(network);
}

/** Every address of every alert is compared with the same few ranges, ours and air.yaml's: reading them anew each time was most of the cost. */
const networks = new Map<string, [Address, number] | undefined>();
function networkOf(range: string): [Address, number] | undefined {
  if (!networks.has(range)) networks.set(range, readNetwork(range));
  return networks.get(range);
}
function readNetwork(range: string): [Address, number] | undefined {
  if (ipaddr.isValidCIDR(range)) return ipaddr.parseCIDR(range);
  if (!ipaddr.isValid(range)) return undefined;
  const alone = ipaddr.process(range);
  return [alone, alone.kind() === "ipv4" ? 32 : 128];
}

function addressReason(address: string, internalRanges: readonly string[]): string | undefined {
  const reserved = reservedAddress(address, internalRanges);
  if (reserved) return reserved;
  return isPublicResolver(address) ? "It is a well-known public resolver." : undefined;
}

function hostReason(raw: string, context: NeverActContext, userContent: boolean): string | undefined {
  const host = raw
    .trim()
    .toLowerCase()
    .replace(/^\[|\]$/g, "")
    .replace(/\.$/, "");
  if (ipaddr.isValid(host)) return addressReason(host, context.internalRanges);
  if (isLoopbackHost(host)) return "It is this machine's own name.";
  if (LOCAL_SUFFIXES.some((suffix) => host.endsWith(suffix))) return "It is a name of a local network.";
  if (context.organizationDomains.some((domain) => within(host, domain.trim().toLowerCase()))) return "It is one of our own domains.";
  if (userContent) return undefined;
  if (isWellKnownService(host)) return "It is well-known infrastructure.";
  // The name alone: a customer's own name below it, or one page on it, is somebody's.
  const shared = sharedHost(host);
  return shared && `It is ${shared}: a block of it all would stop work and no attack.`;
}

function isLoopbackHost(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, "").toLowerCase();
  if (bare === "localhost" || bare.endsWith(".localhost")) return true;
  return ipaddr.isValid(bare) && ipaddr.process(bare).range() === "loopback";
}

/** RFC 6762 and RFC 9476 / ICANN's `.internal`: names that never resolve outside. */
const LOCAL_SUFFIXES = [".local", ".internal", ".home.arpa"];

/** SHA-256, SHA-1 and MD5 of nothing: products report them for files they could not read, and installers leave such files everywhere. */
const EMPTY = new Set([
  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  "da39a3ee5e6b4b0d3255bfef95601890afd80709",
  "d41d8cd98f00b204e9800998ecf8427e",
]);
const isEmptyFile = ({ sha256, sha1, md5 }: EntityOf<"file">) => [sha256, sha1, md5].some((hash) => hash !== undefined && EMPTY.has(hash));

/**
 * Signed by Windows and standing in its own directory: both, because a copy of a Windows tool dropped elsewhere is an attacker's habit
 * and a file merely lying in that directory may be anybody's. The signer is what the source verified, never what a file calls itself.
 */
function isOperatingSystemFile(file: EntityOf<"file">, signer: string | undefined = file.signer): boolean {
  const signedBy = (signer ?? file.signer ?? "").trim().toLowerCase();
  if (!OPERATING_SYSTEM_SIGNERS.includes(signedBy)) return false;
  const segments = (file.path ?? "")
    .toLowerCase()
    .replaceAll("/", "\\")
    .split("\\")
    // `\\?\C:\...` and `\??\C:\...` are how Windows itself writes `C:\...`; console hosts are always told in the second way.
    .filter((part) => part !== "" && part !== "." && part !== "?" && part !== "??");
  if (segments.includes("..")) return false;
  const [first, second, third] = segments;
  const rest =
    first === "device" && second?.startsWith("harddiskvolume")
      ? segments.slice(2)
      : /^[a-z]:$/.test(first ?? "")
        ? segments.slice(1)
        : segments;
  if (["%windir%", "%systemroot%", "systemroot"].includes(rest[0] ?? "")) return rest[1] !== "temp";
  return rest[0] === "windows" && rest[1] !== "temp" && third !== undefined;
}
/** Of a file in the system's own folder whose signer the source does not name nobody knows whether it is `powershell.exe`: it ties nothing. */
function standsInSystemFolder(file: EntityOf<"file">): boolean {
  return file.signer === undefined && isOperatingSystemFile(file, "microsoft windows");
}
/** Sources often leave the signer out; quarantining the shell of every device is not the answer to that. */
function looksLikeWindowsProgram(file: EntityOf<"file">, signer: string | undefined): boolean {
  const name = (file.name ?? file.path?.split(/[\\/]/).at(-1) ?? "").trim().toLowerCase();
  return signer === undefined && standsInSystemFolder(file) && WINDOWS_PROGRAMS.has(name);
}
/** learn.microsoft.com/windows-server/administration/windows-commands, and lolbas-project.github.io: what attackers run instead of bringing their own. */
const WINDOWS_PROGRAMS = new Set(
  "bitsadmin certutil cmd cmstp conhost control cscript csrss curl dllhost explorer forfiles ftp hh installutil lsass msbuild mshta msiexec net net1 netsh ntoskrnl ping powershell powershell_ise reg regedit regsvr32 robocopy rundll32 runtimebroker sc schtasks services sihost smss spoolsv svchost taskeng taskhostw taskmgr tasklist userinit vssadmin wbadmin werfault wermgr wevtutil wininit winlogon wmic wmiprvse wscript wsl xcopy"
    .split(" ")
    .map((name) => `${name}.exe`),
);
/** Active Directory writes a computer's account with a dollar sign at its end. */
const isMachineAccount = (user: EntityOf<"user">) => /\$(@|$)/.test((user.name ?? user.email ?? "").trim());
const OPERATING_SYSTEM_SIGNERS = ["microsoft windows", "microsoft windows publisher"];

/**
 * Accounts that are part of the system (well-known SIDs: learn.microsoft.com/windows-server/identity/ad-ds/manage/understand-security-identifiers).
 * Where an e-mail address is given it is a directory account, whose display name anybody may set to "SYSTEM": then only the id counts.
 */
function isServiceAccount(user: EntityOf<"user">): boolean {
  const sid = user.id?.trim().toLowerCase() ?? "";
  if (["s-1-5-18", "s-1-5-19", "s-1-5-20"].includes(sid) || sid.startsWith("s-1-5-80-") || sid.startsWith("s-1-5-90-")) return true;
  if (user.email !== undefined || user.name === undefined) return false;
  const [authority, account] = user.name.trim().toLowerCase().split("\\", 2);
  if (account === undefined) return SYSTEM_NAMES.has(authority ?? "");
  return SYSTEM_AUTHORITIES.has(authority ?? "") || SYSTEM_NAMES.has(account);
}
/** Accounts that exist on every machine under the same name: bare of a domain, the name says nothing about who it is. */
function isLocalAccount(user: EntityOf<"user">): boolean {
  return user.email === undefined && user.id === undefined && LOCAL_NAMES.has((user.name ?? "").trim().toLowerCase());
}
const LOCAL_NAMES = new Set([
  "administrator",
  "admin",
  "guest",
  "defaultaccount",
  "wdagutilityaccount",
  "ubuntu",
  "ec2-user",
  "azureuser",
  "vagrant",
  "nobody",
  "www-data",
  "postgres",
  "user",
]);
const SYSTEM_AUTHORITIES = new Set(["nt authority", "nt service", "window manager", "font driver host", "iis apppool"]);
const SYSTEM_NAMES = new Set([
  "system",
  "local system",
  "localsystem",
  "local service",
  "localservice",
  "network service",
  "networkservice",
  "root",
]);
