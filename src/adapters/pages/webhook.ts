import { createHmac } from "node:crypto";
import net from "node:net";
import tls from "node:tls";
import { ConnectorError, type PageHook } from "../../engine/ports.ts";

/** Under this name air signs, as a source signs under its own. */
const NAME = "air";

/**
 * Pages by a call to an address of the organisation: signed the way sources sign to air, so that an air may even receive them. The same
 * page keeps its id (`X-Air-Page`): an answer that was lost is asked for again, and the receiver can tell.
 */
export function createWebhook(settings: { url: string; secret: string }, now: () => Date): PageHook {
  return {
    async send(id, page, signal) {
      const body = JSON.stringify(page);
      const timestamp = String(Math.floor(now().getTime() / 1000));
      const signature = createHmac("sha256", settings.secret).update(`${NAME}.${timestamp}.${body}`).digest("hex");
      let answer: Response;
      try {
        answer = await fetch(settings.url, {
          method: "POST",
          headers: {
            "content-type": "application/json; charset=utf-8",
            "x-air-timestamp": timestamp,
            "x-air-signature": `v1=${signature}`,
            "x-air-page": id,
          },
          body,
          // Where it leads is configuration; nobody else says where it goes on.
          redirect: "error",
          signal,
        });
      } catch {
        // The reason may hold the address, and that a secret.
        throw new ConnectorError("unclear", signal.aborted ? "the webhook did not answer in time" : "the webhook could not be reached");
      }
      await answer.body?.cancel();
      if (!answer.ok)
        throw new ConnectorError(isLater(answer.status) ? "unavailable" : "refused", `the webhook answered HTTP ${answer.status}`);
    },
  };
}

/** A receiver that is being exchanged answers 404 for a moment. */
const isLater = (status: number) => status >= 500 || [404, 408, 425, 429].includes(status);

/** Can its host be reached, with a certificate that is trusted? Nothing is sent. Undefined: it can; else what is wrong. */
export function checkWebhook(url: string, waitMs: number): Promise<string | undefined> {
  const { protocol, hostname, port } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, "");
  const secure = protocol === "https:";
  const to = { host, port: Number(port || (secure ? 443 : 80)), timeout: waitMs };
  return new Promise((resolve) => {
    const socket = secure ? tls.connect({ ...to, ...(net.isIP(host) ? {} : { servername: host }) }) : net.connect(to);
    const done = (wrong: string | undefined) => {
      socket.destroy();
      resolve(wrong);
    };
    socket.once(secure ? "secureConnect" : "connect", () => done(undefined));
    socket.once("timeout", () => done("did not answer in time"));
    socket.once("error", (error: NodeJS.ErrnoException) => done(`cannot be reached (${error.code ?? "no answer"})`));
  });
}
