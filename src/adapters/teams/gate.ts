import type { NextFunction, Request, RequestHandler, Response } from "express";
import { z } from "zod";
import type { Log } from "../../engine/ports.ts";
import type { BotAuth } from "./sdk.ts";
import { isLoopback, isServiceAddress } from "./service.ts";

export type Denied = { status: 400 | 401 | 403; message: string };
const CHECK_MS = 10_000;
const Addressed = z.object({ channelId: z.string().min(1), serviceUrl: z.string().min(1) });

/**
 * Who is listened to: whoever shows a token of Teams for this bot; without a bot registration (`auth` undefined) a test client on this
 * machine. `beforeBody` looks before anything is read, `withBody` compares what is read with the token.
 */
export function createGate(
  auth: BotAuth | undefined,
  isLocal: (request: Request) => boolean,
  log: Log,
): { beforeBody: RequestHandler; withBody: (request: Request) => Promise<Denied | undefined> } {
  function shows(request: Request): Denied | undefined {
    if (auth === undefined)
      return isLocal(request) ? undefined : { status: 403, message: "Without a bot registration only this machine is listened to." };
    const shown = /^Bearer [\w-]+\.[\w-]+\.[\w-]+$/.test(request.headers.authorization ?? "");
    return shown ? undefined : { status: 401, message: "A token of the Bot Framework is needed." };
  }

  async function withBody(request: Request): Promise<Denied | undefined> {
    const addressed = Addressed.safeParse(request.body);
    if (auth === undefined) {
      if (!addressed.success) return { status: 400, message: "Send an activity as JSON." };
      const host = URL.parse(addressed.data.serviceUrl)?.hostname;
      return host !== undefined && isLoopback(host)
        ? undefined
        : { status: 403, message: "Without a bot registration serviceUrl must be a loopback address." };
    }
    if (!addressed.success || !isServiceAddress(addressed.data.serviceUrl)) return noTeams("no channel or service address to compare");
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => late.reject(new Error("the keys could not be read in time")), CHECK_MS);
    try {
      await Promise.race([auth.check(request.headers.authorization ?? "", addressed.data), late.promise]);
      return undefined;
    } catch (error) {
      // Whatever the SDK throws, and whatever it cannot compare: audience, issuer, times, key, endorsement, service address.
      return noTeams(error instanceof Error ? error.message.slice(0, 120) : "unknown");
    } finally {
      clearTimeout(timer);
    }
  }

  function noTeams(why: string): Denied {
    log.warn("refused: not a request of Teams", { why });
    return { status: 401, message: "The token is not one of Teams for this bot." };
  }

  const beforeBody = (request: Request, response: Response, next: NextFunction) => {
    const denied = shows(request);
    if (denied === undefined) next();
    else deny(response, denied);
  };
  return { beforeBody, withBody };
}

export function deny(response: Response, { status, message }: Denied): void {
  const code = { 400: "invalid", 401: "unauthorized", 403: "forbidden" }[status];
  response.status(status).set("connection", "close").json({ error: { code, message } });
}
