import { type Air, actionId, incidentId } from "./air.ts";
import { ALL_OF_THEM, needText, thingLines } from "./cards/gathered-card.ts";
import { inZone } from "./cards/in-zone.ts";
import { byUrgency, isGathered } from "./domain/gather.ts";
import { outsideKind } from "./domain/outside-pages.ts";
import { isOps } from "./domain/paging.ts";
import type { HookPage } from "./ports.ts";
import { zoneOf } from "./schedules.ts";
import type { ActionRow, IncidentRow, PageRow } from "./store.ts";

/*
 * Where things are told that are for one person at one time: in one message, which stands where the most urgent of them belongs. Each row
 * keeps the message it was told in.
 */

export type Held = { page: PageRow; action: ActionRow | undefined; incident: IncidentRow | undefined };

/** What goes into one message: its place is that of the leader. */
export type Place<One> = { leader: One; told: One[] };

const homeOf = ({ held: { page, incident } }: { held: Held }) => (isOps(page.target) ? page.target : `${incident?.id ?? 0}`);

/**
 * Of what is to be told in chats at one moment, which message tells what. Everything of one incident is one message; with `together` what
 * is for one person in several incidents stands in one of these, the most urgent that can be told.
 */
export function placePages<One extends { held: Held; channels: readonly string[]; down: string | undefined }>(
  all: readonly One[],
  together: boolean,
): Place<One>[] {
  const inOrder = [...all].sort(
    (a, b) =>
      Number(a.down !== undefined) - Number(b.down !== undefined) ||
      byUrgency(a.held.incident?.severity, b.held.incident?.severity) ||
      a.held.page.dueAt.getTime() - b.held.page.dueAt.getTime() ||
      a.held.page.id - b.held.page.id,
  );
  const homes = new Map<string, string>();
  const places = new Map<string, One[]>();
  for (const one of inOrder) {
    const { page, incident } = one.held;
    const own = homeOf(one);
    // What is about air itself is told beside incidents, not in the thread of one.
    const key = together && incident && isGathered(page) ? `${incident.lab} ${page.target}` : undefined;
    const home = (key === undefined ? undefined : homes.get(key)) ?? (saidToSomebody(one, all) ? homeOfAir : own);
    if (key !== undefined) homes.set(key, home);
    places.set(home, [...(places.get(home) ?? []), one]);
  }
  return [...places].flatMap(([home, told]) => {
    const [leader] = told
      .filter((one) => homeOf(one) === home && !(home === homeOfAir && isOps(one.held.page.target)))
      .sort((a, b) => a.held.page.id - b.held.page.id);
    return leader ? [{ leader, told }] : [];
  });
}

/** Where what is about air itself is told to somebody by name. */
const homeOfAir = "0";

/** Whoever reads the channel reads it there: the same words stand in a message to somebody. */
const saidToSomebody = <One extends { held: Held; channels: readonly string[] }>({ held: { page }, channels }: One, all: readonly One[]) =>
  isOps(page.target) &&
  page.incidentId === 0 &&
  all.some(
    (other) =>
      other.held.page.incidentId === 0 &&
      !isOps(other.held.page.target) &&
      other.held.page.text === page.text &&
      channels.every((channel) => other.channels.includes(channel)),
  );

/** Several pages as one to a way that is no chat. The most urgent one gives it its title. */
export function togetherPage(air: Pick<Air, "publicUrl" | "paging">, held: readonly Held[]): HookPage | undefined {
  const [first] = held.toSorted((a, b) => byUrgency(a.incident?.severity, b.incident?.severity));
  if (!first) return undefined;
  const { incident, action, page } = first;
  const link = air.publicUrl ? `${air.publicUrl}/${incident ? `#${incidentId(incident.id)}` : ""}` : null;
  const alone: HookPage = {
    incident: incident ? incidentId(incident.id) : null,
    action: action ? actionId(action.id) : null,
    title: incident?.title ?? "air",
    severity: incident?.severity ?? "high",
    text: inZone(page.text, zoneOf(air)),
    link,
  };
  if (held.length === 1) return alone;
  const { lines, more } = thingLines(
    held.map((one) => ({
      incident: one.incident && incidentId(one.incident.id),
      severity: one.incident?.severity,
      text: one.page.text,
    })),
  );
  return {
    ...alone,
    text: `${needText(held.length)}. ${alone.text}`,
    things: [...lines.map((line) => inZone(line, zoneOf(air))), ...(more > 0 ? [`And ${more} more. All of them: ${ALL_OF_THEM}`] : [])],
  };
}

/** What goes out with one call: what is for one person by mail. What was tried together is tried again together, as the same message. */
export function callsOf(pages: readonly PageRow[]): PageRow[][] {
  const nameOf = (page: PageRow) =>
    !isGathered(page) || outsideKind(page.target) !== "mail"
      ? `${page.id}`
      : page.attempts > 0
        ? `again ${page.toldBy ?? page.id}`
        : `to ${page.target}`;
  return [...Map.groupBy(pages, nameOf).values()];
}

/** Which of them the message is named after: the one it was named after before, else the first. */
export const leaderOf = (held: readonly Held[]): number | undefined =>
  held.find(({ page }) => page.toldBy !== null)?.page.toldBy ?? held.map(({ page }) => page.id).sort((a, b) => a - b)[0];
