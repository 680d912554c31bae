import { z } from "zod";
import { CLUSTER_KEEPS, Entity } from "../../engine/domain/entity.ts";
import { cutText } from "./cut-text.ts";
import { genericEntity } from "./generic-entity.ts";
import { hashText } from "./hash-text.ts";

/*
 * Microsoft Graph alertEvidence -> entities. The resource types grow without notice and the documented samples contradict each
 * other in case and spelling, so nothing here refuses: a field of an unexpected shape counts as absent, and evidence we cannot
 * place is kept as a generic entity.
 */
const text = (max = 1024) =>
  z
    .string()
    .trim()
    .min(1)
    .transform((value) => cutText(value, max))
    .optional()
    .catch(undefined);
const hash = (length: number) =>
  z
    .string()
    .transform((value) => hashText(value, length))
    .optional()
    .catch(undefined);
/** Ids that Graph writes as a number in one resource and as text in the next. */
const idText = z
  .union([z.string().trim().min(1).max(1024), z.number().transform(String)])
  .optional()
  .catch(undefined);

const FileDetails = z
  .object({ sha1: hash(40), sha256: hash(64), md5: hash(32), fileName: text(), filePath: text(3000), signer: text() })
  .optional()
  .catch(undefined);
type FileDetails = z.infer<typeof FileDetails>;
const UserAccount = z
  .object({
    accountName: text(500),
    azureAdUserId: text(),
    displayName: text(),
    domainName: text(500),
    userPrincipalName: text(),
    userSid: text(),
  })
  .optional()
  .catch(undefined);
type UserAccount = z.infer<typeof UserAccount>;
const Sender = z.object({ emailAddress: text() }).optional().catch(undefined);

const Device = z.object({
  mdeDeviceId: text(),
  azureAdDeviceId: text(),
  deviceDnsName: text(),
  hostName: text(500),
  dnsDomain: text(500),
  osPlatform: text(),
});
const File = z.object({ mdeDeviceId: text(), fileDetails: FileDetails });
const Process = z.object({
  mdeDeviceId: text(),
  processId: z.number().int().nonnegative().optional().catch(undefined),
  processCommandLine: text(32_768),
  imageFile: FileDetails,
  parentProcessImageFile: FileDetails,
  userAccount: UserAccount,
});
const User = z.object({ userAccount: UserAccount });
const Mailbox = z.object({ primaryAddress: text(), upn: text(), userAccount: UserAccount });
const AnalyzedMessage = z.object({
  networkMessageId: text(),
  internetMessageId: text(),
  subject: text(4096),
  recipientEmailAddress: text(),
  senderIp: text(),
  p1Sender: Sender,
  p2Sender: Sender,
  urls: z.array(text(4096)).catch([]),
});
const SubmissionMail = z.object({ networkMessageId: text(), subject: text(4096), sender: text(), recipient: text(), senderIp: text() });
const MailCluster = z.object({
  query: text(4096),
  clusterBy: text(),
  clusterByValue: text(),
  urn: text(4096),
  networkMessageIds: z.array(z.string().min(1).max(1024)).nullish().catch([]),
});
const Ip = z.object({ ipAddress: text() });
const Url = z.object({ url: text(4096) });
const Dns = z.object({ domainName: text() });
const Registry = z.object({ registryHive: text(), registryKey: text(3000), registryValueName: text(4096), registryValue: text(4096) });
const CloudApplication = z.object({ appId: idText, saasAppId: idText, displayName: text() });
const OauthApplication = z.object({ appId: idText, objectId: idText, displayName: text() });
const AzureResource = z.object({ resourceId: text(4096) });
const AmazonResource = z.object({ amazonResourceId: text(4096) });

/** What one evidence yields: the thing itself first, then what came with it. `role` is given to companions only. */
type Found = { entity: Entity; role?: string };

/** Names of the alert's devices by the id that its files and processes carry. */
export type DeviceNames = ReadonlyMap<string, string>;

/** `#microsoft.graph.security.fileEvidence` -> `fileEvidence`. Log platforms that allow no `@` in a name forward it as `at_sign_odata_type`. */
const evidenceType = (evidence: Record<string, unknown>): string => {
  const type = evidence["@odata.type"] ?? evidence.at_sign_odata_type;
  return (typeof type === "string" ? type.split(/[.#]/).at(-1) : undefined) || "evidence";
};

export function deviceNames(evidence: readonly Record<string, unknown>[]): DeviceNames {
  const names = new Map<string, string>();
  for (const item of evidence) {
    if (kindOf(item) !== "deviceevidence") continue;
    const device = Device.parse(item);
    const name = dnsName(device);
    if (device.mdeDeviceId && name) names.set(device.mdeDeviceId, name);
  }
  return names;
}

export function entitiesOf(evidence: Record<string, unknown>, devices: DeviceNames): Found[] {
  const [own, ...more] = mapped(evidence, devices);
  const companions = more.flatMap(({ fields, role }): Found[] => {
    const entity = Entity.safeParse(withoutUndefined(fields)).data;
    return entity ? [{ entity, ...(role ? { role } : {}) }] : [];
  });
  const entity = own && Entity.safeParse(withoutUndefined(own.fields)).data;
  return [{ entity: entity ?? genericEntity(evidenceType(evidence), identityOf(evidence)) }, ...companions];
}

type Candidate = { fields: { kind: string } & Record<string, unknown>; role?: string };

function mapped(evidence: Record<string, unknown>, devices: DeviceNames): Candidate[] {
  switch (kindOf(evidence)) {
    case "deviceevidence": {
      const device = Device.parse(evidence);
      return [
        { fields: { kind: "device", name: dnsName(device), id: device.mdeDeviceId ?? device.azureAdDeviceId, os: device.osPlatform } },
      ];
    }
    case "fileevidence": {
      const { fileDetails, mdeDeviceId } = File.parse(evidence);
      return [{ fields: fileFields(fileDetails, deviceOf(mdeDeviceId, devices)) }];
    }
    case "processevidence": {
      const process = Process.parse(evidence);
      const device = deviceOf(process.mdeDeviceId, devices);
      return [
        {
          fields: {
            kind: "process",
            commandLine: process.processCommandLine,
            name: process.imageFile?.fileName,
            path: fullPath(process.imageFile),
            sha256: process.imageFile?.sha256,
            pid: process.processId,
            device,
            user: accountName(process.userAccount) ?? process.userAccount?.userPrincipalName,
            parent: fullPath(process.parentProcessImageFile) ?? process.parentProcessImageFile?.fileName,
          },
        },
        // The image is what reputation sources know; the verdict on the run is not carried over to the file (cmd.exe is not malware).
        { fields: fileFields(process.imageFile, device) },
      ];
    }
    case "userevidence":
      return [{ fields: userFields(User.parse(evidence).userAccount) }];
    case "mailboxevidence": {
      const mailbox = Mailbox.parse(evidence);
      return [{ fields: { kind: "mailbox", address: mailbox.primaryAddress ?? mailbox.upn ?? mailbox.userAccount?.userPrincipalName } }];
    }
    case "analyzedmessageevidence": {
      const message = AnalyzedMessage.parse(evidence);
      return [
        {
          fields: {
            kind: "message",
            networkMessageId: message.networkMessageId,
            internetMessageId: message.internetMessageId,
            subject: message.subject,
            // P2 is the From header the person saw; P1 is the envelope.
            sender: message.p2Sender?.emailAddress ?? message.p1Sender?.emailAddress,
            envelopeSender: message.p1Sender?.emailAddress,
            recipient: message.recipientEmailAddress,
          },
        },
        ...message.urls.map((url) => ({ fields: { kind: "url", url } })),
        { fields: { kind: "ip", address: message.senderIp }, role: "source" },
      ];
    }
    case "submissionmailevidence": {
      const { networkMessageId, subject, sender, recipient, senderIp } = SubmissionMail.parse(evidence);
      return [
        { fields: { kind: "message", networkMessageId, subject, sender, recipient } },
        { fields: { kind: "ip", address: senderIp }, role: "source" },
      ];
    }
    case "mailclusterevidence": {
      const cluster = MailCluster.parse(evidence);
      const by = cluster.clusterBy && cluster.clusterByValue ? `${cluster.clusterBy}:${cluster.clusterByValue}` : undefined;
      const ids = [...new Set(cluster.networkMessageIds ?? [])];
      const listed = {
        ...(ids.length > 0 ? { messageIds: ids.slice(0, CLUSTER_KEEPS) } : {}),
        ...(ids.length > CLUSTER_KEEPS ? { unlisted: ids.length - CLUSTER_KEEPS } : {}),
      };
      return [{ fields: { kind: "mail-cluster", query: cluster.query ?? by ?? cluster.urn, ...listed } }];
    }
    case "ipevidence":
      return [{ fields: { kind: "ip", address: Ip.parse(evidence).ipAddress } }];
    case "urlevidence":
      return [{ fields: { kind: "url", url: Url.parse(evidence).url } }];
    case "dnsevidence":
      return [{ fields: { kind: "domain", name: Dns.parse(evidence).domainName } }];
    case "registrykeyevidence":
    case "registryvalueevidence": {
      const { registryHive, registryKey, registryValueName, registryValue } = Registry.parse(evidence);
      const key = registryKey && (registryHive ? `${registryHive}\\${registryKey}` : registryKey);
      return [{ fields: { kind: "registry", key, value: registryValueName ?? registryValue } }];
    }
    case "cloudapplicationevidence": {
      const app = CloudApplication.parse(evidence);
      return [{ fields: { kind: "cloud-app", id: app.appId ?? app.saasAppId, name: app.displayName } }];
    }
    case "oauthapplicationevidence": {
      const app = OauthApplication.parse(evidence);
      return [{ fields: { kind: "oauth-app", id: app.appId ?? app.objectId, name: app.displayName } }];
    }
    case "azureresourceevidence":
      return [{ fields: { kind: "cloud-resource", id: AzureResource.parse(evidence).resourceId } }];
    case "amazonresourceevidence":
      return [{ fields: { kind: "cloud-resource", id: AmazonResource.parse(evidence).amazonResourceId } }];
    default:
      return [];
  }
}

const kindOf = (evidence: Record<string, unknown>) => evidenceType(evidence).toLowerCase();

const dnsName = (device: z.infer<typeof Device>) =>
  device.deviceDnsName ?? (device.hostName && device.dnsDomain ? `${device.hostName}.${device.dnsDomain}` : device.hostName);

/** The id is better than nothing: a path is an identity only together with its device. */
const deviceOf = (id: string | undefined, devices: DeviceNames) => id && (devices.get(id) ?? id);

const fileFields = (file: FileDetails, device: string | undefined) => ({
  kind: "file",
  sha256: file?.sha256,
  sha1: file?.sha1,
  md5: file?.md5,
  name: file?.fileName,
  path: fullPath(file),
  device: file && device,
  // Not filePublisher: anyone can write "Microsoft Corporation" into a version resource, and a signer protects a file from actions.
  signer: file?.signer,
});

/** Graph's filePath is the folder; folder rules and other sources mean the file itself. */
function fullPath(file: FileDetails): string | undefined {
  const { filePath, fileName } = file ?? {};
  if (!filePath || !fileName || filePath.toLowerCase().endsWith(fileName.toLowerCase())) return filePath;
  const separator = filePath.includes("/") && !filePath.includes("\\") ? "/" : "\\";
  return `${filePath.replace(/[\\/]+$/, "")}${separator}${fileName}`;
}

const userFields = (account: UserAccount) => ({
  kind: "user",
  email: account?.userPrincipalName,
  // With its domain, so that NT AUTHORITY\SYSTEM is recognised as the service account it is.
  name: accountName(account) ?? account?.displayName,
  id: account?.azureAdUserId ?? account?.userSid,
});
const accountName = (account: UserAccount) =>
  account?.accountName && (account.domainName ? `${account.domainName}\\${account.accountName}` : account.accountName);

const COMMON = new Set([
  "@odata.type",
  "at_sign_odata_type",
  "createdDateTime",
  "verdict",
  "remediationStatus",
  "remediationStatusDetails",
  "roles",
  "detailedRoles",
  "tags",
]);
/** What tells one evidence from another: a time or a verdict must not make the same thing two. */
const identityOf = (evidence: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(evidence).filter(([key, value]) => !COMMON.has(key) && value !== null));

const withoutUndefined = (fields: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
