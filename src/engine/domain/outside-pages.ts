import type { ActionState } from "./action.ts";

/*
 * The ways to people that are no chat: `webhook`, `pagerduty`, `mail:mia@contoso.com`, and `mail` to whoever is on call. They stand last in the chain, in the order they are
 * tried in, and take over at once what a chat could not say.
 */

export const WEBHOOK = "webhook";
export const PAGERDUTY = "pagerduty";
/** To whoever is on call by then; in a row it stands only where that is nobody with an address. */
export const MAIL = "mail";
export const mailTarget = (address: string) => `${MAIL}:${address.toLowerCase()}`;
/** Whom a `mail:` target writes to; undefined: it is none. */
export const mailAddress = (target: string): string | undefined =>
  target.startsWith(`${MAIL}:`) ? target.slice(MAIL.length + 1) : undefined;

const OUTSIDE_KINDS = ["webhook", "mail", "pagerduty"] as const;
export type OutsideKind = (typeof OUTSIDE_KINDS)[number];
/** Which way a target goes; undefined: through a chat. */
export function outsideKind(target: string): OutsideKind | undefined {
  const [first] = target.split(":");
  return OUTSIDE_KINDS.find((kind) => kind === first);
}
export const isOutside = (target: string) => outsideKind(target) !== undefined;

/** The step of the escalation each of them is: by the way it goes, not by whom it reaches, who may have changed meanwhile. */
export const OUTSIDE_STEPS = { webhook: "deadline-last", mail: "deadline-mail", pagerduty: "deadline-pagerduty" } as const satisfies Record<
  OutsideKind,
  string
>;

/** A person who is known by an address. */
const addressOf = (target: string): string | undefined => /^person:([^@\s:]+@[^@\s:]+)$/.exec(target)?.[1];

/** `mail` to the first person of the chain who has an address; nobody has: it is no way to anybody. */
export function mailToFirst(chain: readonly string[]): string[] {
  const first = chain.flatMap((target) => addressOf(target) ?? [])[0];
  return chain.flatMap((target) => (target !== MAIL ? target : first === undefined ? [] : mailTarget(first)));
}

/**
 * Who is told instead of a target that could not be, outside the escalation. In the chain whoever comes next; for anybody else the first way
 * that is no chat, which is their own address where there is mail. Undefined: there is nobody left.
 */
export function insteadOf(chain: readonly string[], target: string): string | undefined {
  const at = chain.indexOf(target);
  if (at >= 0) return chain[at + 1];
  const outside = chain.filter(isOutside);
  const kind = outsideKind(target);
  if (kind) return outside[outside.findIndex((one) => outsideKind(one) === kind) + 1];
  const first = outside[0];
  const address = addressOf(target);
  return address !== undefined && first !== undefined && outsideKind(first) === "mail" ? mailTarget(address) : first;
}

/** What a product that keeps a page open is told about it later. The step names the page: `acknowledged 12`. */
export type Became = "acknowledged" | "resolved";
export const followUpStep = (became: Became, page: number) => `${became} ${page}`;
export function readFollowUp(step: string): { became: Became; page: number } | undefined {
  const [, became, page] = /^(acknowledged|resolved) (\d+)$/.exec(step) ?? [];
  return became === "acknowledged" || became === "resolved" ? { became, page: Number(page) } : undefined;
}

/**
 * What became of what a page was about: decided, or closed, it is over; acknowledged, somebody looks. `asks`: it was about a decision that
 * somebody has to make, which is over when it is made; anything else lasts as long as its incident.
 */
export function becameOf(
  page: { createdAt: Date; asks: boolean },
  action: { state: ActionState } | undefined,
  incident: { status: "open" | "closed" | "redirected"; ackedAt: Date | null } | undefined,
): Became | undefined {
  if (page.asks && action && action.state !== "pending") return "resolved";
  if (incident?.status === "closed") return "resolved";
  return incident?.ackedAt && incident.ackedAt >= page.createdAt ? "acknowledged" : undefined;
}
