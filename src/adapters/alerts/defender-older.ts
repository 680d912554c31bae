import { isObject, type Json, list } from "./json.ts";
import type { Part } from "./source.ts";

/*
 * Two older ways in which Defender tells its alerts, rewritten as Graph's alerts_v2 so that one parser reads all three: the flat alert of
 * Defender for Endpoint's own API (`alertCreationTime`, `evidence[].entityType`) and the alert inside an incident of the Microsoft 365
 * Defender API (`alertId`, `entities[].entityType`). Fields: defender-endpoint/api/alerts.md, defender-xdr/api-list-incidents.md.
 */

/** Undefined where it is no older alert. */
export function asGraphAlert(payload: Json): Json | undefined {
  if ("createdDateTime" in payload) return undefined;
  if (isFlat(payload.evidence) || "alertCreationTime" in payload) return fromEndpoint(payload);
  return "alertId" in payload && ("creationTime" in payload || isFlat(payload.entities)) ? fromIncident(payload) : undefined;
}

const isFlat = (items: unknown): boolean =>
  Array.isArray(items) && items.length > 0 && items.every((item) => isObject(item) && "entityType" in item && !("@odata.type" in item));

function fromEndpoint(said: Json): Json {
  const device = said.machineId ?? said.computerDnsName;
  return {
    ...said,
    createdDateTime: said.alertCreationTime ?? said.firstEventTime,
    serviceSource: said.serviceSource ?? "microsoftDefenderForEndpoint",
    evidence: [
      ...(said.computerDnsName || said.machineId
        ? [evidence("device", { mdeDeviceId: said.machineId, deviceDnsName: said.computerDnsName })]
        : []),
      ...list(said.evidence).flatMap((item) => (isObject(item) ? [graphEvidence(item, item.machineId ?? device)] : [])),
    ],
  };
}

function fromIncident(said: Json): Json {
  return {
    ...said,
    id: said.alertId,
    createdDateTime: said.creationTime ?? said.firstActivity,
    serviceSource: serviceSource(said.serviceSource),
    evidence: [
      ...list(said.devices).flatMap((device) =>
        isObject(device)
          ? [
              evidence("device", {
                mdeDeviceId: device.mdatpDeviceId ?? device.deviceId,
                azureAdDeviceId: device.aadDeviceId,
                deviceDnsName: device.deviceDnsName,
                osPlatform: device.osPlatform,
                verdict: device.verdict,
                remediationStatus: device.remediationStatus,
              }),
            ]
          : [],
      ),
      ...list(said.entities).flatMap((item) => (isObject(item) ? [graphEvidence(item, item.deviceId)] : [])),
    ],
  };
}

/** The names this API gave to what Graph calls otherwise; playbooks and policies know Graph's. */
const SERVICE: Readonly<Record<string, string>> = {
  microsoftdefenderatp: "microsoftDefenderForEndpoint",
  officeatp: "microsoftDefenderForOffice365",
  azureatp: "microsoftDefenderForIdentity",
  mcas: "microsoftDefenderForCloudApps",
  microsoftcloudappsecurity: "microsoftDefenderForCloudApps",
  aadidentityprotection: "azureAdIdentityProtection",
  mtp: "microsoft365Defender",
};
const serviceSource = (word: unknown) => (typeof word === "string" ? (SERVICE[word.toLowerCase().replace(/\s/g, "")] ?? word) : word);

const evidence = (kind: string, fields: Json): Json => ({ "@odata.type": `#microsoft.graph.security.${kind}Evidence`, ...fields });

/** One flat entity as Graph's evidence; a type this does not know keeps its name and fields. */
function graphEvidence(item: Json, device: unknown): Json {
  const common = {
    verdict: item.verdict,
    remediationStatus: item.remediationStatus,
    detectionStatus: item.detectionStatus,
    deliveryAction: item.deliveryAction,
    ...(typeof item.evidenceRole === "string" ? { roles: [item.evidenceRole] } : {}),
  };
  const fileDetails = {
    sha1: item.sha1,
    sha256: item.sha256,
    md5: item.md5,
    fileName: item.fileName,
    filePath: item.filePath,
  };
  const userAccount = {
    accountName: item.accountName,
    domainName: item.domainName,
    userSid: item.userSid,
    azureAdUserId: item.aadUserId,
    userPrincipalName: item.userPrincipalName,
  };
  const word = typeof item.entityType === "string" ? item.entityType : "evidence";
  switch (word.toLowerCase()) {
    case "user":
      return evidence("user", { ...common, userAccount });
    case "file":
      return evidence("file", { ...common, mdeDeviceId: device, fileDetails });
    case "process":
      return evidence("process", {
        ...common,
        mdeDeviceId: device,
        processId: item.processId,
        processCommandLine: item.processCommandLine,
        imageFile: fileDetails,
        parentProcessImageFile: { fileName: item.parentProcessFileName, filePath: item.parentProcessFilePath },
        userAccount,
      });
    case "ip":
      return evidence("ip", { ...common, ipAddress: item.ipAddress });
    case "url":
      return evidence("url", { ...common, url: item.url });
    case "mailbox":
      return evidence("mailbox", { ...common, primaryAddress: item.mailboxAddress, upn: item.userPrincipalName });
    case "mailmessage":
      return evidence("analyzedMessage", {
        ...common,
        networkMessageId: item.networkMessageId,
        internetMessageId: item.internetMessageId,
        subject: item.subject,
        senderIp: item.senderIp,
        recipientEmailAddress: item.recipient,
        p2Sender: { emailAddress: item.sender },
      });
    case "mailcluster":
      return evidence("mailCluster", {
        ...common,
        query: item.query ?? (item.clusterByValue === undefined || item.clusterByValue === null ? item.clusterBy : undefined),
        clusterBy: item.clusterBy,
        clusterByValue: item.clusterByValue,
      });
    case "registry":
    case "registrykey":
    case "registryvalue":
      return evidence("registryValue", {
        ...common,
        registryHive: item.registryHive,
        registryKey: item.registryKey,
        registryValueName: item.registryValueName,
        registryValue: item.registryValue,
      });
    case "cloudapplication":
      return evidence("cloudApplication", { ...common, appId: item.applicationId, displayName: item.applicationName });
    case "oauthapplication":
      return evidence("oauthApplication", { ...common, appId: item.oauthAppId ?? item.applicationId, displayName: item.applicationName });
    default:
      return { ...item, "@odata.type": word };
  }
}

/** A reply of the incidents API, one incident of it, or a page of Graph's alerts: the alerts inside, each with its incident. */
export function defenderParts(payload: unknown): Part[] | undefined {
  if (!isObject(payload)) return undefined;
  if (Array.isArray(payload.value) && !("title" in payload)) {
    return payload.value.flatMap((one, index): Part[] => {
      const path = ["value", index];
      return alertsOf(one, path) ?? [{ payload: one, path }];
    });
  }
  return alertsOf(payload, []);
}

function alertsOf(incident: unknown, path: readonly PropertyKey[]): Part[] | undefined {
  if (!isObject(incident) || !Array.isArray(incident.alerts) || "title" in incident) return undefined;
  const { alerts, ...around } = incident;
  const id = around.incidentId ?? around.id;
  return (alerts as unknown[]).map((alert, index) => ({
    payload: isObject(alert)
      ? {
          ...alert,
          ...("incidentId" in alert || id === undefined ? {} : { incidentId: id }),
          ...("incident" in alert ? {} : { incident: around }),
        }
      : alert,
    path: [...path, "alerts", index],
  }));
}
