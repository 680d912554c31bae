import { z } from "zod";
import { cutText } from "./cut-text.ts";

/*
 * A finding as the API and EventBridge tell it (docs.aws.amazon.com/guardduty/latest/APIReference, objects Finding, Resource, Service and
 * their parts). New resource types appear without notice, so only what tells a finding from anything else is insisted on: any other field
 * of an unexpected shape counts as absent.
 */
const text = (max = 1024) =>
  z
    .string()
    .trim()
    .min(1)
    .transform((value) => cutText(value, max))
    .optional()
    .catch(undefined);
/** Some who pass findings on write `"true"`. */
const flag = z
  .union([z.boolean(), z.stringbool({ truthy: ["true"], falsy: ["false"] })])
  .optional()
  .catch(undefined);
const part = <T extends z.ZodRawShape>(shape: T) => z.object(shape).optional().catch(undefined);
const list = <T extends z.ZodRawShape>(shape: T) => z.array(part(shape)).max(5000).catch([]);

const remote = part({ ipAddressV4: text(64), ipAddressV6: text(64) });
const withRemote = { remoteIpDetails: remote };

const Resource = part({
  resourceType: text(),
  accessKeyDetails: part({ accessKeyId: text(), principalId: text(), userType: text(), userName: text() }),
  instanceDetails: part({
    instanceId: text(),
    networkInterfaces: list({
      publicIp: text(64),
      privateIpAddress: text(64),
      privateIpAddresses: list({ privateIpAddress: text(64) }),
      ipv6Addresses: z.array(text(64)).catch([]),
    }),
  }),
  s3BucketDetails: list({ arn: text(4096), name: text() }),
  eksClusterDetails: part({ arn: text(4096) }),
  ecsClusterDetails: part({ arn: text(4096) }),
  lambdaDetails: part({ functionArn: text(4096) }),
  rdsDbInstanceDetails: part({ dbInstanceArn: text(4096) }),
});

const Action = part({
  actionType: text(),
  networkConnectionAction: part({ ...withRemote, connectionDirection: text(64), blocked: flag }),
  awsApiCallAction: part({ ...withRemote, domainDetails: part({ domain: text() }) }),
  dnsRequestAction: part({ domain: text(), blocked: flag }),
  portProbeAction: part({ blocked: flag, portProbeDetails: list(withRemote) }),
  kubernetesApiCallAction: part(withRemote),
  rdsLoginAttemptAction: part(withRemote),
});

const infected = { hash: text(128), fileName: text(), filePath: text(4096) };
/** Malware found in volumes and objects, and the process that runtime monitoring saw. */
const Scan = z.object({
  ebsVolumeScanDetails: part({
    scanDetections: part({ threatDetectedByName: part({ threatNames: list({ filePaths: list(infected) }) }) }),
  }),
  malwareScanDetails: part({ threats: list({ itemPaths: list({ hash: text(128), nestedItemPath: text(4096) }) }) }),
  runtimeDetails: part({
    process: part({
      name: text(),
      executablePath: text(4096),
      executableSha256: text(64),
      pid: z.number().int().nonnegative().optional().catch(undefined),
      user: text(),
    }),
  }),
});

const required = (words: string) => (issue: { input?: unknown }) =>
  issue.input === undefined || issue.input === null ? "is required" : words;
export const Finding = z.object({
  id: z
    .string({ error: required("must be text") })
    .trim()
    .min(1, "must not be empty")
    .max(1024, "at most 1024 characters"),
  type: z
    .string({ error: required("must be text") })
    .trim()
    .min(1, "must not be empty")
    .transform((value) => cutText(value, 256)),
  severity: z
    .union(
      [
        z.number(),
        z
          .string()
          .regex(/^\d{1,2}(\.\d+)?$/)
          .transform(Number),
      ],
      { error: required("must be a number from 0 to 10") },
    )
    .refine((value) => value >= 0 && value <= 10, "must be a number from 0 to 10"),
  title: text(1000),
  description: text(20_000),
  accountId: text(64),
  region: text(64),
  partition: text(64),
  arn: text(256),
  associatedAttackSequenceArn: text(256),
  createdAt: text(64),
  resource: Resource,
  service: z
    .object({
      archived: flag,
      resourceRole: text(64),
      eventFirstSeen: text(64),
      action: Action,
      evidence: z
        .object({ threatIntelligenceDetails: z.array(z.unknown()).catch([]) })
        .optional()
        .catch(undefined),
      detection: z.unknown().optional(),
    })
    .and(Scan)
    .optional()
    .catch(undefined),
});
export type Finding = z.infer<typeof Finding>;
