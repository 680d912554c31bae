import { ExpressReceiver } from "@slack/bolt";
import { type NextFunction, type Request, type Response, Router } from "express";
import type { Log } from "../../engine/ports.ts";
import { boltLogger } from "./bolt-logger.ts";

const PATH = "/slack/events";
/** Where a request's signature stands among what Bolt hands over. */
const SIGNED = "airSignature";

/** Bolt checks the signature over the raw bytes and refuses old requests; requests from the future are refused here. */
export function createHttp(signingSecret: string | undefined, log: Log): { receiver: ExpressReceiver; router: Router } | undefined {
  if (signingSecret === undefined || signingSecret === "") return undefined;
  const router = Router();
  router.post(PATH, refuseFuture);
  const receiver = new ExpressReceiver({
    signingSecret,
    endpoints: PATH,
    router,
    logger: boltLogger(log),
    bodyLimit: 1024 * 1024,
    // Bolt compares what stands between the first and the second "=", so anything could be written behind that.
    customPropertiesExtractor: ({ headers }) => ({ [SIGNED]: String(headers["x-slack-signature"] ?? "").split("=")[1] ?? "" }),
  });
  return { receiver, router };
}

/** What tells one signed request from every other; undefined: it came down the socket. */
export function signatureOf(properties: Readonly<Record<string, unknown>> | undefined): string | undefined {
  const signature = properties?.[SIGNED];
  return typeof signature === "string" && signature !== "" ? signature : undefined;
}

function refuseFuture(request: Request, response: Response, next: NextFunction): void {
  const at = Number(request.header("x-slack-request-timestamp"));
  // A captured request with a far-off stamp would otherwise stay valid until then.
  if (!Number.isFinite(at) || at > Date.now() / 1000 + 300) response.status(401).end();
  else next();
}
