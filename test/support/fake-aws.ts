import { createHash, createHmac } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createAws } from "../../src/adapters/connectors/aws/aws.ts";
import type { Capabilities, Connector } from "../../src/engine/ports.ts";
import { NOTHING } from "./lab-capabilities.ts";

const ACCOUNT = "123456789012";
export const AIRS_KEY = "AKIAAIRSOWNKEY000000";
const SECRET = "air/secret+of/aws";
type Key = { id: string; user: string; active: boolean };
/** `acted`: it was done, and the answer went wrong. */
type Fault = { action: string } & (
  | { status: number; code?: string; message?: string; acted?: boolean }
  | { drop: "before" | "after" }
  | { body: string }
);

/** IAM's Query API in the shapes of its reference, on a port of this machine; it checks the signature as AWS describes it. */
export async function fakeAws(clock: () => Date) {
  const keys: Key[] = [];
  const faults: Fault[] = [];
  const calls: { action: string; form: Record<string, string> }[] = [];
  const policy = { denied: new Set<string>(), pageSize: 100 };
  const inXml = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");

  const answer = (action: string, form: Record<string, string>): { status: number; xml: string } => {
    const ok = (result: string) => ({
      status: 200,
      xml: `<${action}Response xmlns="https://iam.amazonaws.com/doc/2010-05-08/">${result}<ResponseMetadata><RequestId>7a62c49f-EXAMPLE</RequestId></ResponseMetadata></${action}Response>`,
    });
    const key = keys.find(({ id }) => id === form.AccessKeyId);
    if (policy.denied.has(action))
      return failure(403, "AccessDenied", `User: arn:aws:iam::${ACCOUNT}:user/air is not authorized to perform: iam:${action}`);
    switch (action) {
      case "GetUser":
        return ok(
          `<GetUserResult><User><Path>/</Path><UserName>air</UserName><UserId>AIDAEXAMPLE</UserId><Arn>arn:aws:iam::${ACCOUNT}:user/air</Arn></User></GetUserResult>`,
        );
      case "GetAccessKeyLastUsed":
        if (!key) return failure(404, "NoSuchEntity", `The Access Key with id ${form.AccessKeyId} cannot be found.`);
        return ok(
          `<GetAccessKeyLastUsedResult><AccessKeyLastUsed><Region>us-west-2</Region><LastUsedDate>2026-10-04T10:45:00Z</LastUsedDate><ServiceName>s3</ServiceName></AccessKeyLastUsed><UserName>${inXml(key.user)}</UserName></GetAccessKeyLastUsedResult>`,
        );
      case "ListAccessKeys": {
        const own = keys.filter(({ user }) => user === form.UserName);
        const from = Number(form.Marker ?? 0);
        const page = own.slice(from, from + policy.pageSize);
        const more = from + policy.pageSize < own.length;
        const members = page.map(
          ({ id, active, user }) =>
            `<member><UserName>${inXml(user)}</UserName><AccessKeyId>${id}</AccessKeyId><Status>${active ? "Active" : "Inactive"}</Status><CreateDate>2025-01-02T03:04:05Z</CreateDate></member>`,
        );
        return ok(
          `<ListAccessKeysResult><UserName>${inXml(form.UserName ?? "")}</UserName>${page.length > 0 ? `<AccessKeyMetadata>${members.join("")}</AccessKeyMetadata>` : "<AccessKeyMetadata/>"}<IsTruncated>${more}</IsTruncated>${more ? `<Marker>${from + policy.pageSize}</Marker>` : ""}</ListAccessKeysResult>`,
        );
      }
      case "UpdateAccessKey":
        if (!key || key.user !== form.UserName) return failure(404, "NoSuchEntity", "The Access Key cannot be found.");
        key.active = form.Status === "Active";
        return ok("");
      default:
        return failure(400, "InvalidAction", "Could not find operation");
    }
  };

  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(chunks).toString();
      const form = Object.fromEntries(new URLSearchParams(body));
      const action = form.Action ?? "";
      calls.push({ action, form });
      const say = ({ status, xml }: { status: number; xml: string }) => {
        response.writeHead(status, { "content-type": "text/xml" });
        response.end(xml);
      };
      const host = request.headers.host ?? "";
      const signature = expectedSignature(body, host, String(request.headers["x-amz-date"]));
      if (request.headers.authorization !== signature)
        return say(failure(403, "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided."));
      const skew = Math.abs(amzTime(String(request.headers["x-amz-date"])) - clock().getTime());
      if (skew > 15 * 60_000) return say(failure(403, "RequestExpired", "Request has expired."));
      const at = faults.findIndex((fault) => fault.action === action);
      const [fault] = at < 0 ? [] : faults.splice(at, 1);
      if (fault && "drop" in fault) {
        if (fault.drop === "after") answer(action, form);
        return request.socket.destroy();
      }
      if (fault && "body" in fault) return say({ status: 200, xml: fault.body });
      if (fault) {
        if (fault.acted) answer(action, form);
        return say(failure(fault.status, fault.code ?? "ServiceFailure", fault.message ?? "as the test says"));
      }
      say(answer(action, form));
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const settings = { accessKeyId: AIRS_KEY, secretAccessKey: SECRET, account: ACCOUNT, url, region: "us-east-1" };
  const connect = (changes: Partial<typeof settings> = {}): Connector =>
    createAws({ ...settings, ...changes }, { clock: { now: clock }, breaker: { failures: 1000, pauseMs: 1 } });
  const connector = connect();
  const capabilities: Capabilities = { ...NOTHING, lab: false, accessKeys: connector.accessKeys };
  return {
    connector,
    connect,
    capabilities,
    keys,
    calls,
    policy,
    fail: (fault: Fault) => void faults.push(fault),
    reset() {
      keys.splice(0, keys.length, { id: AIRS_KEY, user: "air", active: true });
      faults.length = 0;
      calls.length = 0;
      policy.denied.clear();
      policy.pageSize = 100;
    },
    close: () => new Promise((done) => server.close(done)),
  };
}
export type FakeAws = Awaited<ReturnType<typeof fakeAws>>;

const failure = (status: number, code: string, message: string) => ({
  status,
  xml: `<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error><RequestId>4f1e-EXAMPLE</RequestId></ErrorResponse>`,
});

const amzTime = (text: string) => Date.parse(text.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6Z"));
const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
const hmac = (key: string | Buffer, text: string) => createHmac("sha256", key).update(text).digest();

/** docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html, for a POST to / that signs host and x-amz-date. */
function expectedSignature(body: string, host: string, date: string): string {
  const signedHeaders = "host;x-amz-date";
  const canonical = ["POST", "/", "", `host:${host}`, `x-amz-date:${date}`, "", signedHeaders, sha256(body)].join("\n");
  const scope = `${date.slice(0, 8)}/us-east-1/iam/aws4_request`;
  const key = ["us-east-1", "iam", "aws4_request"].reduce(hmac, hmac(`AWS4${SECRET}`, date.slice(0, 8)));
  const signature = hmac(key, ["AWS4-HMAC-SHA256", date, scope, sha256(canonical)].join("\n")).toString("hex");
  return `AWS4-HMAC-SHA256 Credential=${AIRS_KEY}/${scope}, SignedHeaders=${signedHeaders}, Signature=${signature}`;
}
