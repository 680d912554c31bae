/*
 * What an integrator writes to post a product's alert in air's own format (docs of POST /v1/alerts/{source}): a few lines for each
 * product. Three rules hold for all: what the product says of its own success goes into `remediation`, times without an offset are UTC,
 * and a severity of the product becomes one of our five words.
 */
type Json = Record<string, unknown>;
type Mapping = (alert: Json) => Json[];

const at = (value: unknown, ...path: (string | number)[]): unknown =>
  path.reduce<unknown>((inner, step) => (typeof inner === "object" && inner !== null ? (inner as Json)[step] : undefined), value);
const text = (value: unknown): string | undefined => (typeof value === "string" && value.trim() !== "" ? value : undefined);
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const json = (value: unknown): unknown => {
  try {
    return JSON.parse(text(value) ?? "null");
  } catch {
    return undefined;
  }
};
/** `2026-10-05 07:42:27.161`, `... (UTC)`, seconds or milliseconds since 1970, `+0000` and `Z` as they are. */
function time(value: unknown): string | undefined {
  if (typeof value === "number") return new Date(value > 1e11 ? value : value * 1000).toISOString();
  const said = text(value)
    ?.trim()
    .replace(/ \(UTC\)$/, "")
    .replace(" ", "T");
  if (!said) return undefined;
  return /(Z|[+-]\d\d:?\d\d)$/.test(said) ? said : `${said}Z`;
}
function severity(value: unknown): string {
  const word = (text(value) ?? "").toLowerCase().replace(/^e_/, "");
  if (["critical", "severe"].includes(word)) return "critical";
  if (["high", "error", "warn"].includes(word)) return "high";
  if (["low"].includes(word)) return "low";
  if (["informational", "info", "unspecified"].includes(word)) return "informational";
  return "medium";
}
const band = (value: unknown, [low, medium, high, critical]: readonly [number, number, number, number]): string => {
  const number = Number(value);
  if (number >= critical) return "critical";
  if (number >= high) return "high";
  if (number >= medium) return "medium";
  return number >= low ? "low" : "informational";
};
const joined = (folder: unknown, name: unknown): string | undefined => {
  const [place, file] = [text(folder), text(name)];
  if (!place || !file) return place;
  if (place.toLowerCase().endsWith(file.toLowerCase())) return place;
  return `${place.replace(/[\\/]+$/, "")}${place.includes("\\") ? "\\" : "/"}${file}`;
};
const account = (domain: unknown, name: unknown) => {
  const [where, who] = [text(domain), text(name)];
  return who && (where ? `${where}\\${who}` : who);
};
/** Entities with nothing but their kind are left out: what a product does not know it says with null, "" or "-". */
const known = (entities: Json[]): Json[] =>
  entities
    .map((entity) => Object.fromEntries(Object.entries(entity).filter(([, value]) => value !== undefined && value !== "" && value !== "-")))
    .filter((entity) => Object.keys(entity).some((key) => !["kind", "role", "remediation", "verdict", "device"].includes(key)));
const alert = (fields: Json, entities: Json[]): Json[] => [{ ...fields, entities: known(entities) }];
const lowered = (value: unknown) => text(value)?.toLowerCase();
const stopped = (value: unknown) => (["prevented", "blocked"].includes(lowered(value) ?? "") ? lowered(value) : undefined);
const deny = (value: unknown) => (/^(deny|denied|block|blocked)$/i.test(text(value) ?? "") ? "blocked" : undefined);

/** `entityType` with everything else flat beside it: Defender for Endpoint and the incidents API say it alike. */
function defenderEntity(item: unknown, device: string | undefined): Json {
  const field = (name: string) => at(item, name);
  const remediation = stopped(field("detectionStatus")) ?? stopped(field("deliveryAction"));
  const file = {
    sha1: field("sha1"),
    sha256: field("sha256"),
    name: field("fileName"),
    path: joined(field("filePath"), field("fileName")),
    device,
  };
  switch (lowered(field("entityType"))) {
    case "user":
      return {
        kind: "user",
        email: field("userPrincipalName"),
        name: account(field("domainName"), field("accountName")),
        id: field("aadUserId") ?? field("userSid"),
      };
    case "process":
      return {
        kind: "process",
        commandLine: field("processCommandLine"),
        name: file.name,
        path: file.path,
        sha256: file.sha256,
        pid: field("processId") ?? undefined,
        device,
        parent: joined(field("parentProcessFilePath"), field("parentProcessFileName")),
        remediation,
      };
    case "file":
      return { kind: "file", ...file, remediation };
    case "ip":
      return { kind: "ip", address: field("ipAddress") };
    case "url":
      return { kind: "url", url: field("url") };
    case "mailbox":
      return { kind: "mailbox", address: field("mailboxAddress") };
    case "mailmessage":
      return { kind: "message", subject: field("subject"), sender: field("sender"), recipient: field("recipient"), remediation };
    case "mailcluster":
      return { kind: "mail-cluster", query: field("clusterBy") };
    case "registry":
    case "registrykey":
      return {
        kind: "registry",
        key: [text(field("registryHive")), text(field("registryKey"))].filter(Boolean).join("\\"),
        value: field("registryValue"),
      };
    default:
      return {
        kind: text(field("entityType")) ?? "evidence",
        ...Object.fromEntries(Object.entries((item ?? {}) as Json).filter(([, value]) => value !== null)),
      };
  }
}

/** Wazuh doubles the backslashes of what Windows told it. */
const single = (value: unknown) => text(value)?.replaceAll("\\\\", "\\").replaceAll('\\"', '"');
const sysmonHash = (value: unknown, name: string) => new RegExp(`${name}=([0-9A-F]+)`, "i").exec(text(value) ?? "")?.[1];

const MAPPINGS: Readonly<Record<string, Mapping>> = {
  mde: (said) => {
    const device = text(said.computerDnsName);
    return alert(
      {
        id: said.id,
        title: said.title,
        severity: severity(said.severity),
        category: said.category,
        description: said.description,
        techniques: said.mitreTechniques,
        detectedAt: time(said.alertCreationTime),
      },
      [{ kind: "device", name: device, id: said.machineId }, ...list(said.evidence).map((item) => defenderEntity(item, device))],
    );
  },
  m365d: (incident) =>
    list(incident.alerts).flatMap((said) => {
      const devices = new Map(list(at(said, "devices")).map((device) => [at(device, "mdatpDeviceId"), at(device, "deviceDnsName")]));
      return alert(
        {
          id: at(said, "alertId"),
          title: at(said, "title"),
          severity: severity(at(said, "severity")),
          category: at(said, "category"),
          description: at(said, "description"),
          detectedAt: time(at(said, "creationTime")),
        },
        [
          ...[...devices].map(([id, name]) => ({ kind: "device", name, id })),
          ...list(at(said, "entities")).map((item) => defenderEntity(item, text(devices.get(at(item, "deviceId"))))),
        ],
      );
    }),
  "graph-incident": (said) =>
    alert(
      {
        id: said.id,
        title: said.displayName,
        severity: severity(said.severity),
        description: said.description,
        detectedAt: time(said.createdDateTime),
      },
      [],
    ),
  "defender-stream": ({ properties: said }) =>
    alert(
      {
        id: at(said, "AlertId"),
        title: at(said, "Title"),
        severity: severity(at(said, "Severity")),
        category: at(said, "Category"),
        techniques: text(at(said, "AttackTechniques"))?.match(/T\d{4}(\.\d{3})?/g) ?? [],
        detectedAt: time(at(said, "Timestamp")),
      },
      [{ kind: "device", name: at(said, "DeviceName"), id: at(said, "DeviceId"), role: text(at(said, "EvidenceRole")) }],
    ),
  elastic: ({ value }) => {
    const said = at(value, "source");
    const device = text(at(said, "host", "name"));
    const process = at(said, "process");
    const executable = text(at(process, "executable"));
    return alert(
      {
        id: at(said, "kibana.alert.uuid"),
        title: at(said, "kibana.alert.rule.name"),
        severity: at(said, "kibana.alert.severity"),
        description: at(said, "kibana.alert.reason"),
        techniques: list(at(said, "kibana.alert.rule.threat")).flatMap((threat) =>
          list(at(threat, "technique")).map((technique) => at(technique, "id")),
        ),
        detectedAt: time(at(said, "@timestamp")),
      },
      [
        { kind: "device", name: device, os: at(said, "host", "os", "name") },
        { kind: "user", name: account(at(said, "user", "domain"), at(said, "user", "name")) },
        {
          kind: "process",
          name: at(process, "name"),
          path: executable,
          pid: at(process, "pid"),
          sha256: at(process, "hash", "sha256"),
          device,
          commandLine: executable && [executable, ...list(at(process, "args"))].join(" "),
          parent: at(process, "parent", "executable"),
        },
        { kind: "file", path: executable, sha256: at(process, "hash", "sha256"), device },
        { kind: "ip", address: at(said, "source", "ip"), role: "attacker" },
        { kind: "ip", address: at(said, "destination", "ip"), role: "destination" },
      ],
    );
  },
  wazuh: (said) => {
    const device = text(at(said, "agent", "name"));
    const event = at(said, "data", "win", "eventdata");
    const image = single(at(event, "image"));
    return alert(
      {
        id: said.id,
        title: at(said, "rule", "description"),
        severity: band(at(said, "rule", "level"), [4, 7, 10, 13]),
        techniques: list(at(said, "rule", "mitre", "id")),
        description: text(said.full_log),
        detectedAt: time(said.timestamp),
      },
      [
        { kind: "device", name: device },
        {
          kind: "user",
          name: account(at(event, "targetDomainName"), at(event, "targetUserName")) ?? single(at(event, "user")),
          id: at(event, "targetUserSid"),
        },
        { kind: "user", name: account(at(event, "subjectDomainName"), at(event, "subjectUserName")), id: at(event, "subjectUserSid") },
        { kind: "ip", address: at(event, "ipAddress"), role: "attacker" },
        {
          kind: "process",
          commandLine: single(at(event, "commandLine")),
          path: image,
          device,
          parent: single(at(event, "parentImage")),
          pid: Number.parseInt(text(at(event, "processId")) ?? "", 10) || undefined,
          sha256: sysmonHash(at(event, "hashes"), "SHA256"),
        },
        ...(image
          ? [
              {
                kind: "file",
                path: image,
                device,
                sha256: sysmonHash(at(event, "hashes"), "SHA256"),
                md5: sysmonHash(at(event, "hashes"), "MD5"),
              },
            ]
          : []),
        { kind: "file", path: /process: ([A-Z]:\\[^,;]+)/i.exec(single(at(event, "path")) ?? "")?.[1], device, verdict: "malicious" },
      ],
    );
  },
  "wazuh-webhook": (said) =>
    alert(
      { id: `${said.created_at} ${said.message}`, title: said.message, severity: severity(said.severity), description: said.description },
      [{ kind: "device", name: /^Agent Name (.+)$/m.exec(text(said.description) ?? "")?.[1] }],
    ),
  ocsf: (said) =>
    alert(
      {
        id: at(said, "finding_info", "uid"),
        title: at(said, "finding_info", "title"),
        severity: severity(said.severity),
        description: text(at(said, "finding_info", "desc")) ?? said.message,
        detectedAt: time(said.time_dt ?? at(said, "finding_info", "created_time_dt")),
      },
      [
        ...list(said.evidences).map((item) => ({
          kind: "ip",
          address: at(item, "src_endpoint", "ip"),
          role: "attacker",
          remediation: stopped(said.disposition),
        })),
        ...list(said.resources).map((item) => ({ kind: "cloud-resource", id: text(at(item, "uid")) ?? at(item, "name") })),
      ],
    ),
  asff: (said) =>
    alert(
      {
        id: said.Id,
        title: said.Title,
        severity: severity(at(said, "Severity", "Label")),
        description: said.Description,
        detectedAt: time(said.CreatedAt),
      },
      [
        {
          kind: "ip",
          address:
            at(said, "Action", "AwsApiCallAction", "RemoteIpDetails", "IpAddressV4") ??
            at(said, "ProductFields", "aws/guardduty/service/action/awsApiCallAction/remoteIpDetails/ipAddressV4"),
          role: "attacker",
        },
        ...list(said.Resources).map((item) =>
          at(item, "Type") === "AwsIamAccessKey"
            ? { kind: "access-key", id: text(at(item, "Id"))?.split(":").at(-1) }
            : { kind: "cloud-resource", id: at(item, "Id") },
        ),
      ],
    ),
  falcon: (said) => {
    const event = (said.event ?? said) as Json;
    const flags = typeof event.PatternDispositionFlags === "string" ? json(event.PatternDispositionFlags) : event.PatternDispositionFlags;
    const remediation = at(flags, "ProcessBlocked") === true ? "blocked" : undefined;
    const device = text(event.Hostname) ?? text(event.AgentIdString);
    const file = {
      sha256: event.SHA256String,
      sha1: event.SHA1String,
      md5: event.MD5String,
      name: event.FileName,
      path: joined(event.FilePath, event.FileName),
      device,
    };
    return alert(
      {
        id: event.CompositeId,
        title: event.Name,
        severity: severity(event.SeverityName),
        category: event.Tactic,
        description: event.Description,
        detectedAt: time(event.UTCTimestamp ?? at(said, "metadata", "eventCreationTime")),
      },
      [
        { kind: "device", name: device },
        { kind: "user", name: event.UserName },
        { kind: "process", commandLine: event.CommandLine, name: file.name, path: file.path, sha256: file.sha256, device, remediation },
        { kind: "file", ...file, remediation },
        { kind: "ip", address: event.LocalIP },
      ],
    );
  },
  "carbon-black": (said) => {
    const device = text(said.device_name);
    return alert(
      {
        id: said.id,
        title: said.reason,
        severity: band(said.severity, [2, 4, 6, 9]),
        techniques: list(said.ttps).flatMap((ttp) => text(ttp)?.match(/T\d{4}/)?.[0] ?? []),
        detectedAt: time(said.detection_timestamp),
      },
      [
        { kind: "device", name: device, os: said.device_os },
        { kind: "user", email: said.device_username },
        {
          kind: "process",
          commandLine: said.process_cmdline,
          path: said.process_name,
          sha256: said.process_sha256,
          pid: said.process_pid,
          device,
          user: said.process_username,
        },
        { kind: "process", commandLine: said.childproc_cmdline, path: said.childproc_name, sha256: said.childproc_sha256, device },
        { kind: "file", path: said.process_name, sha256: said.process_sha256, md5: said.process_md5, device },
        { kind: "file", path: said.blocked_name, sha256: said.blocked_sha256, device, remediation: "blocked" },
        { kind: "ip", address: said.device_internal_ip },
        { kind: "ip", address: said.device_external_ip },
      ],
    );
  },
  sentinelone: (said) => {
    const data = said.data;
    const device = text(at(data, "computername"));
    return alert(
      {
        id: text(at(data, "alertid")) ?? said.id,
        title: said.primarydescription,
        severity: severity(at(data, "severity") ?? "high"),
        category: at(data, "threatclassification"),
        detectedAt: time(said.createdat),
      },
      [
        { kind: "device", name: device },
        {
          kind: "file",
          name: at(data, "filedisplayname"),
          path: at(data, "filepath"),
          sha1: at(data, "filecontenthash"),
          device,
          verdict: lowered(at(data, "confidencelevel")),
        },
        { kind: "ip", address: at(data, "agentipv4") },
        { kind: "ip", address: at(data, "dstip"), role: "destination" },
      ],
    );
  },
  okta: (said) =>
    alert(
      {
        id: said.uuid,
        title: said.displaymessage,
        severity: severity(said.severity),
        description: text(at(said, "outcome", "reason")),
        detectedAt: time(said.published),
      },
      [
        { kind: "ip", address: at(said, "client", "ipAddress"), role: "attacker", remediation: deny(at(said, "outcome", "result")) },
        ...(at(said, "actor", "type") === "User"
          ? [{ kind: "user", email: at(said, "actor", "alternateId"), id: at(said, "actor", "id") }]
          : []),
      ],
    ),
  proofpoint: (said) => {
    const remediation = text(said.quarantineFolder) ? "blocked" : undefined;
    return alert(
      {
        id: said.messageID,
        title: `Mail quarantined as ${said.quarantineRule}`,
        severity: "medium",
        category: said.quarantineRule,
        detectedAt: time(said.messageTime),
      },
      [
        ...list(said.recipient).map((recipient) => ({
          kind: "message",
          internetMessageId: said.messageID,
          subject: said.subject,
          sender: said.sender,
          recipient,
          remediation,
        })),
        { kind: "ip", address: said.senderIP, role: "source" },
        ...list(said.threatsInfoMap).map((threat) => ({
          kind: "file",
          name: at(threat, "threat"),
          sha256: at(threat, "threatID"),
          verdict: "malicious",
          remediation,
        })),
      ],
    );
  },
  push: ({ new: said, ...event }) =>
    alert(
      {
        id: event.id,
        title: text(event.object) === "PASSWORD_PHISHING" ? "Password typed into a phishing page" : event.object,
        severity: "high",
        category: "Phishing",
        detectedAt: time(event.timestamp),
      },
      [
        { kind: "user", email: at(said, "employee", "email") },
        { kind: "url", url: at(said, "url"), remediation: deny(at(said, "mode")) },
        { kind: "url", url: at(said, "referrerUrl") },
        { kind: "ip", address: at(said, "sourceIpAddress"), role: "source" },
      ],
    ),
  canary: (said) =>
    alert({ id: said.IncidentKey, title: said.Description, severity: "high", description: said.Intro, detectedAt: time(said.Timestamp) }, [
      { kind: "ip", address: said.SourceIP, role: "attacker" },
      { kind: "device", name: said.CanaryName, id: said.CanaryID },
      ...list(said.AdditionalDetails).flatMap((pair) => (at(pair, 0) === "User" ? [{ kind: "user", name: at(pair, 1) }] : [])),
    ]),
  wiz: (said) =>
    alert(
      {
        id: text(said.id) ?? at(said, "issue", "id"),
        title: at(said, "sourceRule", "name") ?? at(said, "control", "name"),
        severity: severity(said.severity ?? at(said, "issue", "severity")),
        detectedAt: time(said.createdAt ?? at(said, "issue", "created")),
      },
      [{ kind: "cloud-resource", id: text(at(said, "entitySnapshot", "externalId")) ?? at(said, "resource", "name") }],
    ),
  upwind: (said) =>
    alert(
      {
        id: said.id,
        title: said.title,
        severity: severity(said.severity),
        category: said.category,
        description: said.description,
        techniques: list(said.mitre_attacks).map((attack) => at(attack, "technique_id")),
        detectedAt: time(said.last_seen_time),
      },
      [{ kind: "cloud-resource", id: at(said, "resource", "name") }],
    ),
  "entra-sign-in": (said) =>
    alert(
      {
        id: said.correlationId,
        title: "Risky sign-in",
        severity: severity(at(said, "properties", "riskLevelDuringSignIn")),
        detectedAt: time(at(said, "properties", "createdDateTime")),
      },
      [
        { kind: "user", email: at(said, "properties", "userPrincipalName"), id: at(said, "properties", "userId") },
        { kind: "ip", address: at(said, "properties", "ipAddress"), role: "attacker" },
      ],
    ),
  sublime: (said) =>
    alert(
      {
        id: at(said, "data", "message", "id"),
        title: `Message flagged: ${list(at(said, "data", "flagged_rules"))
          .map((rule) => at(rule, "name"))
          .join("; ")}`,
        severity: "medium",
        category: "Phishing",
        detectedAt: time(said.created_at),
      },
      [{ kind: "message", networkMessageId: at(said, "data", "message", "external_id") }],
    ),
};

/** The alerts this payload becomes in air's own format. */
export function toGeneric(format: string, payload: Json): Json[] {
  const mapping = MAPPINGS[format];
  if (!mapping) throw new Error(`no mapping for ${format}`);
  return mapping(payload);
}
