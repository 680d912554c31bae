import { checkMail } from "../adapters/pages/mail.ts";
import { checkWebhook } from "../adapters/pages/webhook.ts";
import { ConnectorError } from "../engine/ports.ts";
import type { Config, OnCallConfig } from "./config.ts";
import type { Finding } from "./doctor.ts";

const WAIT_MS = 10_000;

/** The ways to people that are no chat, and who watches air. Nothing is sent and nobody is called. */
export async function examinePages(config: Config): Promise<Finding[]> {
  const { onCall, heartbeatUrl } = config;
  const told = onCall.chain.length > 0 || onCall.escalation.length > 0;
  const found = await Promise.all([
    onCall.webhook ? webhook(onCall.webhook.url, config.proxy !== undefined) : undefined,
    onCall.pagerduty ? pagerduty() : undefined,
    onCall.mail ? mail(onCall.mail) : undefined,
  ]);
  const ways = found.filter((one) => one !== undefined);
  return [
    ...ways,
    ...(told && ways.length === 0
      ? [{ what: "on call", ok: true, text: "nobody is told while the chat is down. Set onCall.last: webhook, pagerduty or mail" }]
      : []),
    ...(heartbeatUrl
      ? [{ what: "heartbeat", ok: true, text: `goes to ${new URL(heartbeatUrl).host} each minute; it was not called now` }]
      : []),
    ...(told && !heartbeatUrl
      ? [
          {
            what: "heartbeat",
            ok: true,
            text: "nobody outside notices when air is dead. Set AIR_HEARTBEAT_URL to the address of a monitor",
          },
        ]
      : []),
  ];
}

async function webhook(url: string, proxied: boolean): Promise<Finding> {
  const what = "onCall.last.webhook";
  if (proxied) return { what, ok: true, text: "not tried: it is reached through the proxy" };
  const wrong = await checkWebhook(url, WAIT_MS);
  return wrong === undefined
    ? { what, ok: true, text: "its host answers; nothing was sent" }
    : { what, ok: false, text: `${wrong}. Check its url, the network and the certificate` };
}

/** There is no call that looks at a key without raising an alert. */
function pagerduty(): Finding {
  const text = "the integration key has the right shape; only an event would show whether PagerDuty knows it, so none was sent";
  return { what: "onCall.last.pagerduty", ok: true, text };
}

async function mail(settings: NonNullable<OnCallConfig["mail"]>): Promise<Finding> {
  const what = "onCall.last.mail";
  try {
    await checkMail(settings);
    const secured = settings.tls === "none" ? "without TLS, on this machine" : "TLS is good";
    return {
      what,
      ok: true,
      text: `${secured}, ${settings.user ? "user and password are right" : "no user is asked for"}; nothing was sent`,
    };
  } catch (error) {
    const why = error instanceof ConnectorError ? error.message : "the mail server could not be asked";
    return { what, ok: false, text: `${why}. Check host, port, tls, user and password of onCall.last.mail` };
  }
}
