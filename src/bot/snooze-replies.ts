import { type Air, incidentId } from "../engine/air.ts";
import type { Card } from "../engine/cards/card.ts";
import { noticeCard } from "../engine/cards/reply-card.ts";
import { time } from "../engine/cards/say.ts";
import type { Person } from "../engine/domain/approval.ts";
import { snoozeIncident, unsnoozeIncident } from "../engine/snooze-incident.ts";
import type { Command } from "./commands.ts";

/** Longest list of what expires meanwhile. */
const SHOWN = 5;

/** An incident is silenced for a while, or comes back before its time. */
export async function snoozeSaid(
  air: Air,
  person: Person,
  command: Extract<Command, { kind: "snooze-incident" | "unsnooze" }>,
): Promise<Card> {
  const id = incidentId(command.incident);
  if (command.kind === "unsnooze") {
    const was = await unsnoozeIncident(air, person, command.incident);
    return noticeCard("Back", `The ${was} of ${id} is over. Whoever is on call is told again about what still waits in it.`, "good");
  }
  const { incident, how, forMs, reason } = command;
  const { until, expires, replaced } = await snoozeIncident(air, person, { incident, kind: how, forMs, reason });
  const more = expires.length - SHOWN;
  const named = expires.slice(0, SHOWN).map(({ action, at }) => `${action} expires ${time(at)}`);
  const all = `${named.join(", ")}${more > 0 ? `, and ${more} more wait` : ""}`;
  const still = expires.length === 0 ? "" : ` It moves no expiry: ${all}.`;
  const silent = how === "mute" ? "pages nobody and its thread is silent" : "pages and reminds nobody";
  const instead = replaced ? ` It replaces your ${replaced.kind} until ${time(replaced.until)}.` : "";
  return noticeCard(
    how === "mute" ? "Muted" : "Snoozed",
    `${id} ${silent} until ${time(until)}.${instead} It comes back at once when its severity rises, something new in it is Malicious, waits for a decision or is protected.${still} To end it: unsnooze ${id}`,
    "warning",
  );
}
