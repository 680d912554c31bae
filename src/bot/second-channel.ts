import { createMail } from "../adapters/pages/mail.ts";
import { createPagerDuty } from "../adapters/pages/pagerduty.ts";
import { createWebhook } from "../adapters/pages/webhook.ts";
import { isOutside, MAIL, mailAddress, mailTarget, outsideKind, PAGERDUTY, WEBHOOK } from "../engine/domain/outside-pages.ts";
import type { Named } from "../engine/domain/paging.ts";
import type { PageHook } from "../engine/ports.ts";
import type { OnCallConfig } from "./config.ts";

/** The chain with the ways that are no chat behind its people: what rings first, mail last. Without people nobody is on call. */
export function withOutside({ webhook, pagerduty, mail }: OnCallConfig, people: readonly string[]): string[] {
  if (people.length === 0) return [];
  return [
    ...people,
    ...(webhook ? [WEBHOOK] : []),
    ...(pagerduty ? [PAGERDUTY] : []),
    ...(mail ? [mail.to ? mailTarget(mail.to) : MAIL] : []),
  ];
}

/** How a way that is no chat is called on cards; undefined: the target is somebody in a chat. */
export function outsideName(target: string): Named | undefined {
  if (!isOutside(target)) return undefined;
  const address = mailAddress(target);
  const names: Readonly<Record<string, string>> = {
    [WEBHOOK]: "the webhook",
    [PAGERDUTY]: "PagerDuty",
    [MAIL]: "whoever is on call, by mail",
  };
  return { kind: "group", name: address === undefined ? (names[target] ?? target) : `${address} (by mail)`, on: {} };
}

/** What calls a target, from air.yaml as it is now; undefined: it is not configured any more. */
export function hookOf({ webhook, pagerduty, mail }: OnCallConfig, target: string, now: () => Date): PageHook | undefined {
  switch (outsideKind(target)) {
    case "webhook":
      return webhook && createWebhook(webhook, now);
    case "pagerduty":
      return pagerduty && createPagerDuty(pagerduty);
    case "mail": {
      const address = mailAddress(target);
      return mail && address !== undefined ? createMail(mail, address) : undefined;
    }
    default:
      return undefined;
  }
}
