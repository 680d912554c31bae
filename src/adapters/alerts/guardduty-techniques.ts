/**
 * ATT&CK techniques by the beginning of a finding type, `ThreatPurpose:Resource/ThreatFamily` (docs.aws.amazon.com/guardduty/latest/ug/
 * guardduty_finding-types-active.html describes each type). GuardDuty names tactics, not techniques; only what the type's own description
 * says is taken. The first that fits counts, so the special stands before the general.
 */
const BY_TYPE: readonly [pattern: RegExp, technique: string][] = [
  [/InstanceCredentialExfiltration/, "T1552.005"],
  [/Tor(IPCaller|Client|Relay)/, "T1090.003"],
  [/(SSH|RDP)BruteForce|SuccessfulBruteForce|FailedLogin/, "T1110"],
  [/^Recon:EC2\/PortProbe|^Recon:EC2\/Portscan|PortProbe/, "T1046"],
  [/^CryptoCurrency:|CryptoMiner/i, "T1496"],
  [/DenialOfService/, "T1498"],
  [/C&CActivity.*!DNS/, "T1071.004"],
  [/C&CActivity/, "T1071"],
  [/DNSDataExfiltration/, "T1048"],
  [/DGADomainRequest/, "T1568.002"],
  [/PhishingDomainRequest/, "T1566"],
  [/DriveBySourceTraffic/, "T1189"],
  [/BlackholeTraffic|DropPoint/, "T1041"],
  [/CloudTrailLoggingDisabled|ServerAccessLoggingDisabled/, "T1562.008"],
  [/RootCredentialUsage|ConsoleLogin/, "T1078.004"],
  [/^Execution:.*MaliciousFile|^Object:S3\/MaliciousFile/, "T1204.002"],
  [/^Execution:Runtime\/ReverseShell|ReverseShell/, "T1059.004"],
  [/^PrivilegeEscalation:.*(ContainerMountsHostDirectory|Escape)/, "T1611"],
  [/^Exfiltration:S3/, "T1530"],
  [/^Discovery:S3/, "T1619"],
  [/^(Discovery|Recon):IAMUser/, "T1580"],
  [/^Impact:S3/, "T1485"],
  [/^Impact:IAMUser/, "T1531"],
  [/^Persistence:IAMUser/, "T1098"],
  [/^PrivilegeEscalation:IAMUser/, "T1098.003"],
  [/^DefenseEvasion:IAMUser|^Stealth:IAMUser/, "T1562"],
  [/^CredentialAccess:IAMUser/, "T1555"],
  [/^(InitialAccess|UnauthorizedAccess|PenTest):(IAMUser|S3)/, "T1078.004"],
];
const MAX = 100;

/** `detection` of an attack sequence names techniques itself, among its indicators (API_Indicator: ATTACK_TECHNIQUE). */
export function techniquesOf(type: string, detection: unknown): string[] {
  const said = JSON.stringify(detection ?? null).slice(0, 200_000);
  const named = [...said.matchAll(/\bT\d{4}(?:\.\d{3})?\b/g)].map(([technique]) => technique);
  const derived = BY_TYPE.find(([pattern]) => pattern.test(type))?.[1];
  return [...new Set([...(derived ? [derived] : []), ...named])].slice(0, MAX);
}
