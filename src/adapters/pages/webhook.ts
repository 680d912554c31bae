import { createHmac } from "node:crypto";
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
        throw new ConnectorError(answer.status >= 500 ? "unavailable" : "refused", `the webhook answered HTTP ${answer.status}`);
    },
  };
}
