import { AwsV4Signer } from "aws4fetch";
import { XMLParser } from "fast-xml-parser";
import { z } from "zod";
import { ConnectorError } from "../../../engine/ports.ts";
import { createHttp, HttpRefusal } from "../http.ts";
import type { Means } from "../kind.ts";

export type AwsSettings = {
  accessKeyId: string;
  secretAccessKey: string;
  /** The account's number: whose keys they are. */
  account: string;
  url: string;
  /** IAM is one service for a whole partition, signed for as this region. */
  region: string;
};

export const PRODUCT = "AWS IAM";
const VERSION = "2010-05-08";

const Failure = z.object({ ErrorResponse: z.object({ Error: z.object({ Code: z.string(), Message: z.string().optional() }) }) });
const xml = new XMLParser({ ignoreAttributes: true, parseTagValue: false, processEntities: true, isArray: (name) => name === "member" });

/** What a call needs and what it is aimed at, for the sentence when it is refused. */
type About = { permission: string; acts: boolean; signal: AbortSignal };
export type IamApi = {
  /** The `...Result` of the answer; undefined: there is no such thing. */
  call: (action: string, parameters: Record<string, string>, about: About) => Promise<unknown>;
};

/** AWS IAM's Query API: form in, XML out, signed with Signature Version 4 (docs.aws.amazon.com/IAM/latest/APIReference). */
export function createIamApi(settings: AwsSettings, { clock, ...more }: Means): IamApi {
  const http = createHttp({
    name: PRODUCT,
    baseUrl: settings.url,
    headers: { accept: "text/xml" },
    refusedHint: "Check accessKeyId and secretAccessKey of connectors.aws in air.yaml.",
    urlSetting: "connectors.aws.url",
    read: (text) => xml.parse(text),
    reason: (body) => {
      const error = Failure.safeParse(body).data?.ErrorResponse.Error;
      return error && [error.Code, error.Message].filter((part) => part).join(": ");
    },
    clock,
    ...more,
  });

  async function signed(form: Record<string, string>): Promise<Record<string, string>> {
    const { headers } = await new AwsV4Signer({
      method: "POST",
      url: `${settings.url.replace(/\/+$/, "")}/`,
      body: new URLSearchParams(form).toString(),
      accessKeyId: settings.accessKeyId,
      secretAccessKey: settings.secretAccessKey,
      service: "iam",
      region: settings.region,
      datetime: clock
        .now()
        .toISOString()
        .replace(/[:-]|\.\d{3}/g, ""),
    }).sign();
    return Object.fromEntries(headers);
  }

  return {
    async call(action, parameters, { permission, acts, signal }) {
      const form = { Action: action, Version: VERSION, ...parameters };
      try {
        const answer = await http.postForm("/", form, { signal, acts, headers: await signed(form) });
        const result = z.object({ [`${action}Response`]: z.record(z.string(), z.unknown()) }).safeParse(answer);
        if (!result.success) throw acts ? unclear() : unknownShape();
        return result.data[`${action}Response`]?.[`${action}Result`] ?? {};
      } catch (error) {
        if (!(error instanceof HttpRefusal)) throw error;
        if (error.said.startsWith("NoSuchEntity")) return undefined;
        throw inWords(error, permission);
      }
    },
  };
}

export const unknownShape = () => new ConnectorError("unavailable", `${PRODUCT} answered in a shape air does not know`);
const unclear = () => new ConnectorError("unclear", `${PRODUCT} took it and answered in a shape air does not know`);

/** Nothing was done in any of these: IAM answers before it changes something. */
function inWords({ status, said, message }: HttpRefusal, permission: string): ConnectorError {
  const words = said ? ` ${PRODUCT} says: ${said}.` : "";
  // Throttling is a 400 here, without a time to wait.
  if (/^(Throttling|RequestLimitExceeded)/.test(said)) return new ConnectorError("unavailable", `${PRODUCT} asks to wait.${words}`, 5_000);
  if (/^(EntityTemporarilyUnmodifiable|ConcurrentModification)/.test(said))
    return new ConnectorError("unavailable", `${PRODUCT} is changing this now.${words}`, 5_000);
  if (said.startsWith("AccessDenied")) {
    return new HttpRefusal(
      status,
      `${PRODUCT} does not let air do this: the policy of air's IAM user lacks ${permission}, or the key belongs to another account.${words} Nothing was done.`,
      said,
    );
  }
  return new HttpRefusal(status, `${message.replace(/\.$/, "")}. Nothing was done.`, said);
}
