import { z } from "zod";
import type { AccessKeyCapability, AccessKeyFacts, Connector, Ticket } from "../../../engine/ports.ts";
import { ConnectorError } from "../../../engine/ports.ts";
import { address, defineConnector, type Means, secret } from "../kind.ts";
import { type AwsSettings, createIamApi, type IamApi, PRODUCT, unknownShape } from "./iam-api.ts";

const LastUsed = z.object({
  UserName: z.string().optional(),
  AccessKeyLastUsed: z.object({ LastUsedDate: z.string().optional(), ServiceName: z.string().optional() }).optional(),
});
const Keys = z.object({
  AccessKeyMetadata: z
    .union([
      z.object({ member: z.array(z.object({ AccessKeyId: z.string(), Status: z.string(), CreateDate: z.string().optional() })) }),
      z.literal(""),
    ])
    .transform((list) => (list === "" ? [] : list.member)),
  IsTruncated: z.string().optional(),
  Marker: z.string().optional(),
});
const Me = z.object({ User: z.object({ Arn: z.string() }) });
const MOST_PAGES = 10;
const KEY_ID = /^\w{16,128}$/;
const READ = "iam:GetAccessKeyLastUsed and iam:ListAccessKeys";

/** Long-lived access keys of one AWS account: whose they are, switched off and on. Beside it, findings come in by the source `guardduty`. */
export const aws = defineConnector({
  name: "aws",
  product: PRODUCT,
  acts: true,
  settings: {
    accessKeyId: z.string().trim().regex(KEY_ID, "must be the id of an access key (AKIA...)"),
    secretAccessKey: secret(),
    account: z
      .string()
      .trim()
      .regex(/^\d{12}$/, "must be the account's number, 12 digits in quotes"),
    /** IAM is one service for a whole partition; China and GovCloud sign for their own region. */
    region: z
      .string()
      .regex(/^[a-z0-9-]{1,40}$/, "must be a region like us-east-1")
      .default("us-east-1"),
    url: address("https://iam.amazonaws.com"),
  },
  // Not AWS_ACCESS_KEY_ID and its kin: they are set on many machines for something else, and this one acts.
  env: {},
  create: createAws,
});

export function createAws(settings: AwsSettings, means: Means): Connector {
  const api = createIamApi(settings, means);
  return {
    name: "aws",
    lab: false,
    tenant: settings.account,
    accessKeys: accessKeys(api, settings),
    async check(signal) {
      const me = Me.safeParse(await api.call("GetUser", {}, { permission: "iam:GetUser", acts: false, signal })).data;
      const account = me?.User.Arn.split(":")[4];
      if (account === undefined) throw unknownShape();
      if (account !== settings.account) {
        throw new ConnectorError(
          "refused",
          `${PRODUCT}: this key belongs to the account ${account}, and connectors.aws.account says ${settings.account}. Correct one of them.`,
        );
      }
      // A key is asked about that exists: air's own.
      const about = { permission: READ, acts: false, signal };
      const own = LastUsed.safeParse(await api.call("GetAccessKeyLastUsed", { AccessKeyId: settings.accessKeyId }, about));
      const user = own.data?.UserName;
      if (user === undefined || !Keys.safeParse(await api.call("ListAccessKeys", { UserName: user }, about)).success) throw unknownShape();
    },
  };
}

function accessKeys(api: IamApi, settings: AwsSettings): AccessKeyCapability {
  async function lastUsed(id: string, signal: AbortSignal) {
    const answer = await api.call("GetAccessKeyLastUsed", { AccessKeyId: id }, { permission: READ, acts: false, signal });
    if (answer === undefined) return undefined;
    const read = LastUsed.safeParse(answer);
    if (!read.success) throw unknownShape();
    return read.data;
  }

  async function ownKey(id: string, user: string, signal: AbortSignal) {
    let marker: string | undefined;
    for (let page = 0; page < MOST_PAGES; page++) {
      const parameters = { UserName: user, ...(marker === undefined ? {} : { Marker: marker }) };
      const answer = await api.call("ListAccessKeys", parameters, { permission: READ, acts: false, signal });
      if (answer === undefined) return undefined;
      const read = Keys.safeParse(answer);
      if (!read.success) throw unknownShape();
      const found = read.data.AccessKeyMetadata.find(({ AccessKeyId }) => AccessKeyId === id);
      if (found || read.data.IsTruncated !== "true" || read.data.Marker === undefined) return found;
      marker = read.data.Marker;
    }
    throw new ConnectorError("unavailable", `${PRODUCT} lists more keys of ${user} than air reads`);
  }

  async function find(id: string, signal: AbortSignal): Promise<AccessKeyFacts | undefined> {
    // Anything else is no key of AWS, and is not sent there.
    if (!KEY_ID.test(id)) return undefined;
    const used = await lastUsed(id, signal);
    if (used?.UserName === undefined) return undefined;
    const key = await ownKey(id, used.UserName, signal);
    if (!key) return undefined;
    const { LastUsedDate: at, ServiceName: service } = used.AccessKeyLastUsed ?? {};
    const [createdAt, lastUsedAt] = [dateOf(key.CreateDate), dateOf(at)];
    return {
      id,
      owner: used.UserName,
      active: key.Status === "Active",
      ...(createdAt && { createdAt }),
      ...(lastUsedAt && { lastUsedAt }),
      ...(lastUsedAt && service && service !== "N/A" && { lastUsedFor: service }),
    };
  }

  async function turn(id: string, status: "Active" | "Inactive", key: string, signal: AbortSignal): Promise<Ticket> {
    if (id === settings.accessKeyId)
      throw new ConnectorError("refused", "This is the key air itself works with. Change it in AWS by hand. Nothing was done.");
    const facts = await find(id, signal);
    if (!facts?.owner) throw new ConnectorError("refused", `${PRODUCT} does not know the access key ${id}. Nothing was done.`);
    // Setting what is set already changes nothing, so a repeated call is harmless.
    const parameters = { AccessKeyId: id, Status: status, UserName: facts.owner };
    const done = await api.call("UpdateAccessKey", parameters, { permission: "iam:UpdateAccessKey", acts: true, signal });
    if (done === undefined)
      throw new ConnectorError("refused", `${PRODUCT} does not know the access key ${id} any more. Nothing was done.`);
    return { id: key, state: "done" };
  }

  return {
    connector: "aws",
    find: ({ id }, signal) => find(id, signal),
    disable: (id, _comment, key, signal) => turn(id, "Inactive", key, signal),
    enable: (id, _comment, key, signal) => turn(id, "Active", key, signal),
  };
}

const dateOf = (text: string | undefined): Date | undefined => {
  const at = text === undefined ? Number.NaN : Date.parse(text);
  return Number.isNaN(at) ? undefined : new Date(at);
};
