import type { Air } from "../engine/air.ts";
import { Refusal } from "../engine/domain/errors.ts";
import type { TakeAlerts } from "../engine/poll-source.ts";
import { ConnectorError } from "../engine/ports.ts";
import type { AcceptAlerts } from "./intake.ts";

/** What stands for a title no reader could make out: an alert we asked for and refused would be an alert lost. */
const UNREADABLE = "Alert that air could not read in full";

/** Alerts that air asked a source for are taken in by the same door as those a source sends; one that cannot be read fails no other. */
export const takeFrom =
  (air: Air, source: string, accept: AcceptAlerts): TakeAlerts =>
  async (alerts, preexisting) => {
    const taken = await Promise.allSettled(alerts.map((payload) => takeOne(air, source, accept, payload, preexisting)));
    const failed = taken.find((one) => one.status === "rejected");
    if (failed) throw inWords(failed.reason);
    return { fresh: taken.filter((one) => one.status === "fulfilled" && one.value).length };
  };

/** True: air did not know it. */
async function takeOne(
  air: Air,
  source: string,
  accept: AcceptAlerts,
  payload: unknown,
  preexisting: string | undefined,
): Promise<boolean> {
  const how = { polled: true, preexisting };
  const store = async (one: unknown) => (await accept(source, one, how)).some(({ duplicate }) => !duplicate);
  try {
    return await store(payload);
  } catch (error) {
    if (!(error instanceof Refusal) || error.code !== "invalid") throw error;
    const standIn = readable(payload);
    air.log.warn("a polled alert could not be read in full", { source, field: error.field, stored: standIn !== undefined });
    return standIn === undefined ? false : await store(standIn).catch((again: unknown) => invalidIsNone(again));
  }
}

function invalidIsNone(error: unknown): false {
  if (error instanceof Refusal && error.code === "invalid") return false;
  throw error;
}

/** The least its kind reads, so that somebody sees that there was one; without an id it could be stored again and again. */
function readable(payload: unknown): Record<string, unknown> | undefined {
  if (typeof payload !== "object" || payload === null || !("id" in payload) || typeof payload.id !== "string") return undefined;
  const title = "title" in payload && typeof payload.title === "string" && payload.title.trim() ? payload.title : UNREADABLE;
  return { serviceSource: "unknown", ...payload, title };
}

/** Too much at once is a reason to ask again later, not to die of. */
const inWords = (error: unknown) =>
  error instanceof Refusal && error.code === "unavailable" ? new ConnectorError("unavailable", error.message) : error;
