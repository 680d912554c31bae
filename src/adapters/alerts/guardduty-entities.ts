import type { NamedEntity } from "../../engine/domain/alert.ts";
import { MAX_ENTITIES } from "../../engine/domain/alert.ts";
import { Entity, entityKey } from "../../engine/domain/entity.ts";
import type { Finding } from "./guardduty-finding.ts";
import { hashText } from "./hash-text.ts";

/** Sample findings and broken agents write these where there is no address. */
const NO_ADDRESS: ReadonlySet<string> = new Set(["0.0.0.0", "::", "127.0.0.1"]);

/** `cloudformation.amazonaws.com`: a service of AWS that made the call for somebody. One label more is a host, which may be anybody's. */
const SERVICE_OF_AWS = /^[a-z0-9-]+\.amazonaws\.com(\.cn)?\.?$/i;

export function entitiesOfFinding(finding: Finding): NamedEntity[] {
  const named: { fields: Record<string, unknown>; said: Partial<Omit<NamedEntity, "entity">> }[] = [];
  const add = (fields: Record<string, unknown>, role: string | undefined, said: Partial<NamedEntity> = {}) =>
    named.push({ fields, said: { ...said, roles: role ? [role] : [] } });
  const { resource, service } = finding;
  // API_Service: the resource is the TARGET, or the ACTOR of what it was made to do.
  const acts = service?.resourceRole?.toUpperCase() === "ACTOR";
  const own = acts ? "compromised" : "target";

  const key = resource?.accessKeyDetails;
  if (key?.accessKeyId) add({ kind: "access-key", id: key.accessKeyId }, own);
  for (const fields of principal(finding)) add(fields, own);
  const ours = ownAddresses(finding);
  const instance = resource?.instanceDetails?.instanceId;
  for (const id of resourceIds(finding)) {
    const addresses = instance && id.endsWith(instance) ? [...ours].slice(0, 100) : [];
    add({ kind: "cloud-resource", id, ...(addresses.length > 0 ? { addresses } : {}) }, own);
  }

  // GuardDuty found the remote side on a list of threats, which is the source's word on the address, not on who was spoken to.
  const listed = (service?.evidence?.threatIntelligenceDetails.length ?? 0) > 0 ? { verdict: "suspicious" as const } : {};
  const theirs = acts && !service?.action?.awsApiCallAction ? "destination" : "attacker";
  for (const { address, blocked } of remoteAddresses(finding)) {
    if (NO_ADDRESS.has(address)) continue;
    // A key used on its own instance was used from there; in the network it is the resource itself.
    if (ours.has(address) && service?.action?.awsApiCallAction) add({ kind: "ip", address }, "source");
    if (ours.has(address)) continue;
    add({ kind: "ip", address }, theirs, { ...listed, ...(blocked ? { remediation: "blocked" } : {}) });
  }
  const dns = service?.action?.dnsRequestAction;
  for (const name of [dns?.domain, service?.action?.awsApiCallAction?.domainDetails?.domain]) {
    if (name && !SERVICE_OF_AWS.test(name))
      add({ kind: "domain", name }, "destination", {
        ...listed,
        ...(name === dns?.domain && dns.blocked ? { remediation: "blocked" } : {}),
      });
  }
  for (const fields of files(finding)) add({ kind: "file", ...fields }, undefined, { verdict: "malicious" });
  const process = service?.runtimeDetails?.process;
  if (process) {
    const { name, executablePath: path, executableSha256, pid, user } = process;
    add({ kind: "process", name, path, sha256: sha256(executableSha256), pid, user }, own);
  }

  const byKey = new Map<string, NamedEntity>();
  for (const { fields, said } of named) {
    const entity = Entity.safeParse(Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))).data;
    if (entity && !byKey.has(entityKey(entity))) byKey.set(entityKey(entity), { roles: [], ...said, entity });
  }
  return [...byKey.values()].slice(0, MAX_ENTITIES);
}

/** API_AccessKeyDetails: a role's session bears the role's name, and a role is no person. */
function principal({ resource, accountId, partition = "aws" }: Finding): Record<string, unknown>[] {
  const { userName, userType, principalId } = resource?.accessKeyDetails ?? {};
  switch (userType?.toLowerCase()) {
    case "root":
      return [{ kind: "user", name: "Root", id: accountId ? `arn:${partition}:iam::${accountId}:root` : principalId }];
    case "assumedrole":
    case "role":
      return userName && accountId ? [{ kind: "cloud-resource", id: `arn:${partition}:iam::${accountId}:role/${userName}` }] : [];
    case "awsservice":
    case "awsaccount":
      return [];
    default:
      return userName || principalId ? [{ kind: "user", name: userName, id: principalId }] : [];
  }
}

function resourceIds({ resource, accountId, region, partition = "aws" }: Finding): string[] {
  const instance = resource?.instanceDetails?.instanceId;
  const arn = accountId && region ? `arn:${partition}:ec2:${region}:${accountId}:instance/` : "";
  return [
    instance && `${arn}${instance}`,
    ...(resource?.s3BucketDetails ?? []).map(
      (bucket) => bucket?.arn ?? (bucket?.name ? `arn:${partition}:s3:::${bucket.name}` : undefined),
    ),
    resource?.eksClusterDetails?.arn,
    resource?.ecsClusterDetails?.arn,
    resource?.lambdaDetails?.functionArn,
    resource?.rdsDbInstanceDetails?.dbInstanceArn,
  ].filter((id) => id !== undefined);
}

/** The instance's own addresses are facts of the instance: they attack nobody. */
function ownAddresses({ resource }: Finding): ReadonlySet<string> {
  return new Set(
    (resource?.instanceDetails?.networkInterfaces ?? [])
      .flatMap((each) => [
        each?.publicIp,
        each?.privateIpAddress,
        ...(each?.privateIpAddresses ?? []).map((address) => address?.privateIpAddress),
        ...(each?.ipv6Addresses ?? []),
      ])
      .filter((address) => address !== undefined)
      .filter((address) => !NO_ADDRESS.has(address)),
  );
}

function remoteAddresses({ service }: Finding): { address: string; blocked: boolean }[] {
  const action = service?.action;
  if (!action) return [];
  const { networkConnectionAction: network, portProbeAction: probe } = action;
  return [
    { details: network?.remoteIpDetails, blocked: network?.blocked },
    { details: action.awsApiCallAction?.remoteIpDetails, blocked: false },
    { details: action.kubernetesApiCallAction?.remoteIpDetails, blocked: false },
    { details: action.rdsLoginAttemptAction?.remoteIpDetails, blocked: false },
    ...(probe?.portProbeDetails ?? []).map((each) => ({ details: each?.remoteIpDetails, blocked: probe?.blocked })),
  ].flatMap(({ details, blocked }) => {
    const address = details?.ipAddressV4 ?? details?.ipAddressV6;
    return address ? [{ address, blocked: blocked ?? false }] : [];
  });
}

const sha256 = (hash: string | undefined) => hashText(hash, 64);

function files({ service }: Finding): Record<string, unknown>[] {
  const threats = service?.ebsVolumeScanDetails?.scanDetections?.threatDetectedByName?.threatNames ?? [];
  const onVolumes = threats
    .flatMap((threat) => threat?.filePaths ?? [])
    .map((file) => ({ sha256: sha256(file?.hash), name: file?.fileName, path: file?.filePath }));
  const inObjects = (service?.malwareScanDetails?.threats ?? [])
    .flatMap((threat) => threat?.itemPaths ?? [])
    .map((item) => ({ sha256: sha256(item?.hash), path: item?.nestedItemPath }));
  return [...onVolumes, ...inObjects];
}
