import canonicalize from "canonicalize";
import type { Actor } from "./domain/actor.ts";
import type { Alert } from "./domain/alert.ts";
import { type Ties, tiesOf } from "./domain/correlate.ts";
import { joinable } from "./domain/never-act.ts";
import type { Policy } from "./domain/policy.ts";
import { sha256 } from "./sha256.ts";
import type { AlertRow } from "./store.ts";

/** One request's alerts, already parsed. They are stored together or not at all. */
export type Intake = {
  source: string;
  lab: boolean;
  alerts: readonly Alert[];
  receivedAt: Date;
  /** Air asked the source itself, so what it says of who is at work on it and that it is resolved is the source's own word. */
  polled?: boolean;
  /** Older than air's watch over the source, or than its outage: stored and joined, and nothing follows from it. The sentence says why. */
  preexisting?: string | undefined;
  /** Asked for by a person: it is investigated whatever the policies say, under their name. */
  requestedBy?: {
    actor: Actor;
    incident?: number;
    /** The alerts it is about: what they said stays their own word. */
    about?: readonly Pick<AlertRow, "source" | "entities" | "detectedAt">[];
  };
};

/** An alert with what it is compared by, worked out before the transaction. */
export type Prepared = {
  source: string;
  alert: Alert;
  lab: boolean;
  receivedAt: Date;
  eventAt: Date;
  identity: string;
  digest: string;
  /** Keys by their SHA-256: what an attacker wrote is never an index key itself. */
  ties: Ties;
  requestedBy: Intake["requestedBy"];
  polled: boolean;
  preexisting: string | undefined;
};

export function prepare(request: Intake, alert: Alert, policy: Policy): Prepared {
  const eventAt = (alert.clockAhead ? undefined : alert.detectedAt) ?? request.receivedAt;
  return {
    source: request.source,
    alert,
    lab: request.lab,
    receivedAt: request.receivedAt,
    eventAt,
    ...fingerprint(request, alert),
    ties: tiedBy({ ...alert, source: request.source, vendorIncident: alert.vendorIncident?.id, eventAt }, policy),
    requestedBy: request.requestedBy,
    polled: request.polled ?? false,
    preexisting: request.preexisting,
  };
}

/** Which alert of its source it is, and what it says: the same of both is the same alert again. */
export function fingerprint(from: Pick<Intake, "source" | "lab">, alert: Alert): Pick<Prepared, "identity" | "digest"> {
  // How far the source is with it is compared by itself: it says nothing about what happened.
  const { raw: _raw, clockAhead: _clockAhead, status: _status, handling: _handling, ...said } = alert;
  return {
    identity: sha256(`${from.lab ? "lab" : "real"}\n${from.source}\n${alert.sourceId}`),
    digest: sha256(canonicalize(said) ?? ""),
  };
}

/** What ties an alert to others under the organisation's rules, by digest. */
const tiedBy = (alert: Parameters<typeof tiesOf>[0], policy: Policy): Ties =>
  digested(tiesOf(alert, policy.correlation, (entity) => joinable(entity, policy.organization)));

function digested({ ties, marks }: Ties): Ties {
  // A key is tied, marked and locked under one name: it is digested once.
  const digests = new Map<string, string>();
  const digest = (key: string): string => {
    const known = digests.get(key) ?? sha256(key);
    digests.set(key, known);
    return known;
  };
  return {
    ties: ties.map((tie) => ({ ...tie, key: digest(tie.key), lock: digest(tie.lock) })),
    marks: marks.map((mark) => ({ ...mark, key: digest(mark.key), lock: digest(mark.lock) })),
  };
}

/** What an alert that is already stored is remembered by: for parting and rejoining incidents. */
export const marksOf = (
  alert: Pick<AlertRow, "source" | "title" | "product" | "policyId" | "vendorIncident" | "entities" | "detectedAt">,
  policy: Policy,
) =>
  tiedBy(
    {
      source: alert.source,
      title: alert.title,
      product: alert.product ?? undefined,
      policyId: alert.policyId ?? undefined,
      vendorIncident: alert.vendorIncident ?? undefined,
      entities: alert.entities,
      eventAt: alert.detectedAt,
    },
    policy,
  ).marks;
