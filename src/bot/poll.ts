import { generic } from "../adapters/alerts/generic.ts";
import { at, isObject, readTime, text } from "../adapters/alerts/json.ts";
import type { Air } from "../engine/air.ts";
import type { Alert } from "../engine/domain/alert.ts";
import { Refusal } from "../engine/domain/errors.ts";
import { onlyNew } from "../engine/only-new.ts";
import type { TakeAlerts } from "../engine/poll-source.ts";
import { ConnectorError } from "../engine/ports.ts";
import { sha256 } from "../engine/sha256.ts";
import { tellOps } from "../engine/tell-ops.ts";
import type { PolledIntake } from "./intake.ts";

/** What stands for a title no reader could make out: an alert we asked for and refused would be an alert lost. */
const UNREADABLE = "Alert that air could not read in full";

/** What of a source's answer could be read: all of it, its least, or nothing. */
type Read = { alerts: Alert[]; trouble?: Trouble };
/** `key`: the alert, or what stands for it where it names none. */
type Trouble = { field: string; key: string; alert: string | undefined };

/**
 * Alerts that air asked a source for are taken in by the same door as those a source sends; one that cannot be read fails no other. What
 * is stored as it is already does not come to the door: every list is asked for again from a little before its newest.
 */
export const takeFrom =
  (air: Air, source: string, intake: PolledIntake): TakeAlerts =>
  async (payloads, preexisting) => {
    const read = payloads.map((payload) => readOne(intake, source, payload));
    const isNew = await onlyNew(
      air,
      source,
      read.flatMap(({ alerts }) => alerts),
    );
    const news = read
      .filter(({ alerts, trouble }) => alerts.some(isNew) || (trouble && alerts.length === 0))
      .map((one) => ({ ...one, alerts: one.alerts.filter(isNew) }));
    await sayUnread(air, source, intake, news);
    const how = { polled: true, preexisting };
    const taken = await Promise.allSettled(
      news.filter(({ alerts }) => alerts.length > 0).map(({ alerts }) => intake.store(source, alerts, how)),
    );
    const failed = taken.find((one) => one.status === "rejected");
    if (failed) throw inWords(failed.reason);
    return { fresh: taken.filter((one) => one.status === "fulfilled" && one.value.some(({ duplicate }) => !duplicate)).length };
  };

/** In full; else as its kind reads the least; else by its id and time alone. Without an id it could be stored again and again. */
function readOne(intake: PolledIntake, source: string, payload: unknown): Read {
  try {
    return { alerts: intake.read(source, payload) };
  } catch (error) {
    const refusal = invalid(error);
    const id = text(at(payload, "id"), 1024);
    const trouble = { field: refusal.field ?? "alert", key: sha256(id ?? `${refusal.field} ${refusal.message}`), alert: id && plain(id) };
    for (const least of id === undefined ? [] : [() => intake.read(source, standIn(payload, id)), () => [bare(payload, id)]]) {
      try {
        return { alerts: least(), trouble };
      } catch (again) {
        invalid(again);
      }
    }
    return { alerts: [], trouble };
  }
}

function invalid(error: unknown): Refusal {
  if (error instanceof Refusal && error.code === "invalid") return error;
  throw error;
}

function titleOf(payload: unknown): string {
  const title = at(payload, "title");
  return (typeof title === "string" ? text(title, 1000) : undefined) ?? UNREADABLE;
}
const standIn = (payload: unknown, id: string) => ({
  serviceSource: "unknown",
  ...(isObject(payload) ? payload : {}),
  id,
  title: titleOf(payload),
});

const TIMES = ["createdDateTime", "firstActivityDateTime", "lastUpdateDateTime"];
function bare(payload: unknown, id: string): Alert {
  const detectedAt = TIMES.map((field) => readTime(at(payload, field))).find((time) => time !== undefined);
  const said = { id, title: titleOf(payload), severity: "medium", ...(detectedAt && { detectedAt: detectedAt.toISOString() }) };
  return generic.parse(said);
}

/** What a source gives as an id may be anything; only what is plainly one is written into a log. */
const plain = (id: string) => (/^[\w.:-]{1,100}$/.test(id) ? id : undefined);

const HOUR = 3_600_000;
const MOST_REMEMBERED = 1000;
/** By intake, which lives as long as the process: when which alert was complained of. */
const complained = new WeakMap<PolledIntake, Map<string, number>>();

/** The log names each once an hour, and whoever runs air is told of the first of a day: the others of it are seen in the log. */
async function sayUnread(air: Air, source: string, intake: PolledIntake, news: readonly Read[]): Promise<void> {
  const now = air.clock.now();
  const before = complained.get(intake) ?? new Map<string, number>();
  complained.set(intake, before);
  for (const { alerts, trouble } of news) {
    if (!trouble) continue;
    const key = `${source} ${trouble.key}`;
    if (now.getTime() - (before.get(key) ?? -HOUR) < HOUR) continue;
    before.delete(key);
    before.set(key, now.getTime());
    if (before.size > MOST_REMEMBERED) before.delete(before.keys().next().value ?? "");
    const { field, alert } = trouble;
    const stored = alerts.length > 0;
    air.log.warn("a polled alert could not be read in full", { source, ...(alert && { alert }), field, stored });
    // Told before it is stored: who dies in between reads it again, and is told once all the same.
    await air.store.transaction(async (tx) => {
      await tellOps(
        tx,
        air,
        `source unread ${source} ${stored ? "part" : "all"} ${now.toISOString().slice(0, 10)}`,
        unreadText(source, trouble, stored),
        now,
      );
      await tx.notifyChange();
    });
  }
}

function unreadText(source: string, { field, alert }: Trouble, stored: boolean): string {
  const which = `An alert of ${source}${alert ? ` (${alert})` : ""}`;
  const what = stored
    ? `${which} could not be read in full: its field ${field} is not as ${source} documents it. It is stored as far as it can be read, under its own id.`
    : `${which} could not be read, and is not stored: it names no id that air can keep it by (${field}). Look for it in ${source} itself.`;
  return `${what} The log names each such alert; this is said once a day.`;
}

/** Too much at once is a reason to ask again later, not to die of. */
const inWords = (error: unknown) =>
  error instanceof Refusal && error.code === "unavailable" ? new ConnectorError("unavailable", error.message) : error;
