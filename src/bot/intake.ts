import { BUILT_IN_KINDS, parserOf } from "../adapters/alerts/all.ts";
import { readAlerts } from "../adapters/alerts/read-alerts.ts";
import { coalesce } from "../db/coalesce.ts";
import { databaseAway } from "../db/errors.ts";
import type { Air } from "../engine/air.ts";
import type { Alert } from "../engine/domain/alert.ts";
import { Refusal } from "../engine/domain/errors.ts";
import { type Accepted, ingestAlerts } from "../engine/ingest-alert.ts";
import type { Intake } from "../engine/prepare-alert.ts";
import type { Config } from "./config.ts";

/** Takes what a source sent, whole or not at all; answers after the commit. */
export type AcceptAlerts = (source: string, payload: unknown) => Promise<Accepted[]>;
/** For what air asked a source for: read first, so that only what is new is stored. */
export type PolledIntake = {
  read: (source: string, payload: unknown) => Alert[];
  store: (source: string, alerts: readonly Alert[], how: Pick<Intake, "polled" | "preexisting">) => Promise<Accepted[]>;
};

/** Requests that arrive together share one transaction; this many entities fit into one, and this many requests may wait. */
const BATCH_WEIGHT = 4000;
const WAITING = 2000;
/** A sender that waits longer than this is better told to come back: its own time-out is seldom longer than a few seconds. */
const WAIT_MS = 1000;

export function createIntake(air: Air, config: () => Config, parallel = 1): AcceptAlerts & PolledIntake {
  const stored = coalesce<Intake, Accepted[]>({
    run: (requests) => ingestAlerts(air, requests),
    weight: (request) => request.alerts.reduce((sum, alert) => sum + 10 + alert.entities.length, 0),
    maxWeight: BATCH_WEIGHT,
    maxWaiting: WAITING,
    maxWaitMs: WAIT_MS,
    parallel,
    overflow: () =>
      new Refusal("unavailable", "Too many alerts are waiting to be stored. Send again after a second.", { details: { retryAfter: 1 } }),
    shared: databaseAway,
  });
  const read: PolledIntake["read"] = (source, payload) => {
    const { sources } = config();
    const settings = sources.get(source);
    const parser = settings && parserOf(settings);
    if (!parser)
      throw new Refusal(
        "not-found",
        `There is no source ${source.slice(0, 60)}. There are ${[...sources.keys()].join(", ")}; another name goes under sources in air.yaml, with ${BUILT_IN_KINDS.join(", ")} or mapped as its kind.`,
      );
    return readAlerts(parser, payload);
  };
  const store: PolledIntake["store"] = (source, alerts, how) => {
    const now = air.clock.now();
    return stored({
      source,
      lab: air.capabilities.lab,
      alerts: alerts.map((alert) => withClock(alert, now)),
      receivedAt: now,
      ...how,
    });
  };
  return Object.assign((source: string, payload: unknown) => store(source, read(source, payload), {}), { read, store });
}

/** A source's clock may be this far ahead; beyond it, what it says of the time is not believed. */
const AHEAD_MS = 3_600_000;

/** The alert is taken all the same: one that was seen tomorrow would else join nothing, or what is only to come. */
const withClock = (alert: Alert, now: Date): Alert =>
  alert.detectedAt && alert.detectedAt.getTime() > now.getTime() + AHEAD_MS ? { ...alert, clockAhead: true } : alert;
