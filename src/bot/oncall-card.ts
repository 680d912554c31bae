import { type Air, actionId, incidentId } from "../engine/air.ts";
import { type Card, cut, type Line } from "../engine/cards/card.ts";
import { noticeCard } from "../engine/cards/reply-card.ts";
import { lengthText, outside, span, time } from "../engine/cards/say.ts";
import { NOBODY, type Paging, rotaStepOf, toldAfterMs } from "../engine/domain/paging.ts";
import { type Duty, dutyAt, type Swap, shiftsBetween } from "../engine/domain/rota.ts";
import { wallDay, wallText } from "../engine/domain/wall-clock.ts";
import { type RotaInForce, rotaInForce, voidText } from "../engine/on-duty.ts";
import type { IncidentRow, IncidentSnoozeRow, PageRow, SwapRow } from "../engine/store.ts";
import { quietLines, quietText } from "./quiet-words.ts";

const SHOWN = 20;
const SHIFTS_SHOWN = 40;
const DAY_MS = 86_400_000;

/** Who is on call, who is told when nobody answers, and who was told and has not answered. */
export async function onCallCard(air: Air): Promise<Card> {
  const now = air.clock.now();
  const paging = air.paging?.() ?? NOBODY;
  const inForce = await rotaInForce(air.store, air, now);
  const duty = inForce && dutyAt(inForce.rota, inForce.swaps, now);
  const rows = onceEach(await air.store.unansweredPages(SHOWN * 5));
  const first = firstLine(paging, duty, inForce);
  const lines: Line[] = [
    { kind: "text", text: first },
    ...(inForce ? rotaLines(paging, inForce, now) : []),
    ...chainLines(paging, duty),
    ...quietFacts(paging, now),
    rows.length === 0
      ? { kind: "text", text: "Nobody was told of anything that still waits for an answer." }
      : {
          kind: "list",
          title: air.capabilities.lab ? "Would be told, and not answered" : "Told, and not answered",
          items: rows.map((row) => ({
            mark: incidentId(row.incidentId),
            tone: "warning" as const,
            text: `${row.actionId === null ? "" : `${actionId(row.actionId)}: `}${paging.nameOf(row.target).name} ${air.capabilities.lab ? "would be" : "was"} told at ${time(row.sentAt ?? row.dueAt)}`,
          })),
        },
    ...heldLines(paging, await air.store.heldPages(SHOWN * 5), now),
    ...silentLines((await air.store.snoozedIncidents(now)).filter(({ lab }) => lab === air.capabilities.lab)),
    ...(air.capabilities.lab
      ? [{ kind: "note" as const, text: "This is the lab: it never pages anybody, it only says whom it would." }]
      : []),
  ];
  const tone = duty?.current === null ? "warning" : "info";
  return { title: "On call", tone, summary: `On call: ${first}`, lines, buttons: [] };
}

/** Of each incident each person once: as they were told last. Newest first. */
const onceEach = (rows: readonly PageRow[]): PageRow[] =>
  [...new Map(rows.toReversed().map((row) => [`${row.incidentId} ${row.target}`, row])).values()]
    .toSorted((a, b) => (b.sentAt?.getTime() ?? 0) - (a.sentAt?.getTime() ?? 0))
    .slice(0, SHOWN);

/** Whoever is told later, and why only then. */
function heldLines({ nameOf, timeZone }: Paging, held: readonly PageRow[], now: Date): Line[] {
  const rows = onceEach(held.filter(({ incidentId: incident, heldUntil }) => incident !== 0 && heldUntil !== null && heldUntil > now));
  if (rows.length === 0) return [];
  const why = ({ heldWhy }: PageRow) => (heldWhy === "quiet" ? ": quiet hours" : " in one message with others");
  const items = rows.map((row) => ({
    mark: incidentId(row.incidentId),
    text: `${nameOf(row.target).name} is told at ${wallText(row.heldUntil ?? now, timeZone)}${why(row)}`,
  }));
  return [{ kind: "list", title: "Told later", items }];
}

/** What pages nobody now, and who answers for that. */
function silentLines(rows: readonly (IncidentSnoozeRow & Pick<IncidentRow, "title">)[]): Line[] {
  if (rows.length === 0) return [];
  const more = rows.length - SHOWN;
  return [
    {
      kind: "list",
      title: "Pages nobody now",
      items: rows.slice(0, SHOWN).map((row) => ({
        mark: row.kind === "mute" ? "Muted" : "Snoozed",
        text: `${incidentId(row.incidentId)} ${cut(outside(row.title), 80)}: until ${time(row.until)} by ${row.by}: ${cut(outside(row.reason), 120)}`,
      })),
    },
    ...(more > 0 ? [{ kind: "note" as const, text: `And ${more} more. All of them: list snoozed` }] : []),
  ];
}

function quietFacts(paging: Paging, now: Date): Line[] {
  const text = quietText(paging, now);
  const items = quietLines(paging).map((line) => ({ mark: "Quiet", text: line }));
  return [
    ...(text ? [{ kind: "note" as const, text }] : []),
    ...(items.length > 0 ? [{ kind: "list" as const, title: "Quiet hours", items }] : []),
  ];
}

function firstLine(paging: Paging, duty: Duty | undefined, inForce: RotaInForce | undefined): string {
  if (paging.chain.length === 0) return "Nobody is on call: set onCall in air.yaml.";
  if (!duty) return `First ${paging.chain.map((target) => paging.nameOf(target).name).join(", then ")}.`;
  return dutyText(paging, duty, inForce?.told !== undefined);
}

/** "Mia is on call until 2026-10-12 09:00 (Europe/Berlin), then Noor." */
export function dutyText({ nameOf, timeZone }: Pick<Paging, "nameOf" | "timeZone">, { current, change }: Duty, asked = false): string {
  const who = (target: string | null) => (target === null ? "nobody" : nameOf(target).name);
  const now = current === null ? "Nobody is on call now" : `${who(current)} is on call`;
  if (!change) return `${now}${current === null && asked ? ": the schedule in PagerDuty names nobody" : ""}.`;
  return `${now} until ${wallText(change.at, timeZone)}, then ${who(change.person)}.`;
}

function rotaLines(paging: Paging, { rota, swaps, void: idle, told }: RotaInForce, now: Date): Line[] {
  const { nameOf, timeZone } = paging;
  const [gap] = shiftsBetween(rota, swaps, now, new Date(now.getTime() + 7 * DAY_MS)).filter(({ person }) => person === null);
  const hole = `Nobody is on call from ${gap && wallText(gap.from, timeZone)} to ${gap && wallText(gap.to, timeZone)}.`;
  return [
    ...(swaps.length === 0
      ? []
      : [
          {
            kind: "list" as const,
            title: "Swaps",
            items: swaps.map((swap) => ({ mark: `Swap ${swap.id}`, text: swapText(swap, nameOf, timeZone) })),
          },
        ]),
    ...idle.slice(0, SHOWN).map((swap) => ({ kind: "note" as const, text: voidText(swap, paging) })),
    ...(gap && gap.from > now && told?.trouble == null ? [{ kind: "note" as const, text: hole }] : []),
    ...(told?.trouble ? [{ kind: "note" as const, text: toldTrouble(told.trouble, told.at, timeZone) }] : []),
  ];
}

const toldTrouble = (trouble: string, at: string | null, timeZone: string) =>
  `PagerDuty could not be asked who is on call (${trouble}). ${at === null ? "It never answered, so nobody is known." : `This is what it said at ${wallText(new Date(at), timeZone)}.`}`;

const swapText = (swap: Swap & { by: string }, nameOf: Paging["nameOf"], timeZone: string) =>
  `${nameOf(swap.instead).name} instead of ${nameOf(swap.person).name} from ${wallText(swap.from, timeZone)} to ${wallText(swap.until, timeZone)} (${lengthText(swap.until.getTime() - swap.from.getTime())}), asked for by ${swap.by}. To end it: oncall cancel ${swap.id}`;

function chainLines(paging: Paging, duty: Duty | undefined): Line[] {
  if (paging.chain.length === 0) return [];
  const after = (index: number) => toldAfterMs(paging, index);
  const who = (target: string): string => {
    const step = rotaStepOf(target);
    const { name } = paging.nameOf(target);
    if (!step || !duty) return name;
    const people = step === "everyone" ? duty.everyone : [duty[step]].filter((one) => one !== null);
    return `${name} (now ${people.map((one) => paging.nameOf(one).name).join(", ") || "nobody"})`;
  };
  const every = paging.afterMs
    ? ""
    : `Each ${span(new Date(0), new Date(paging.everyMs))} after the one before, at once where somebody cannot be reached.`;
  return [
    {
      kind: "list",
      title: "When nobody answers",
      items: paging.chain.map((target, index) => ({
        mark: after(index) === 0 ? "At the deadline" : `After ${span(new Date(0), new Date(after(index)))}`,
        text: who(target),
      })),
    },
    { kind: "note", text: every || "Counted from the deadline; at once where those before cannot be reached." },
  ];
}

/** The coming days, shift by shift. */
export async function onCallDaysCard(air: Air, days: number): Promise<Card> {
  const now = air.clock.now();
  const paging = air.paging?.() ?? NOBODY;
  const inForce = await rotaInForce(air.store, air, now);
  if (!inForce)
    return noticeCard("On call", "There is no rota: onCall in air.yaml has no layers. Who is told when nobody answers: oncall", "warning");
  const { timeZone, nameOf } = paging;
  const shifts = shiftsBetween(inForce.rota, inForce.swaps, now, new Date(now.getTime() + days * DAY_MS));
  const more = shifts.length - SHIFTS_SHOWN;
  const summary = dutyText(paging, dutyAt(inForce.rota, inForce.swaps, now), inForce.told !== undefined);
  return {
    title: `On call, the next ${days === 1 ? "day" : `${days} days`}`,
    tone: shifts.some(({ person }) => person === null) ? "warning" : "info",
    summary,
    lines: [
      { kind: "text", text: summary },
      {
        kind: "list",
        title: `From (${timeZone})`,
        items: shifts.slice(0, SHIFTS_SHOWN).map(({ from, person }, index) => ({
          mark: index === 0 ? "Now" : wallDay(from, timeZone),
          text: person === null ? "nobody" : nameOf(person).name,
          ...(person === null ? { tone: "warning" as const } : {}),
        })),
      },
      ...rotaLines(paging, inForce, now),
      ...(more > 0 ? [{ kind: "note" as const, text: `And ${more} more. The whole list: air oncall preview --days ${days}` }] : []),
    ],
    buttons: [],
  };
}

/** Answered to whoever asked for a swap. `decidesNothing`: who stands in holds no role to decide with. */
export function swapCard(air: Air, swap: Omit<SwapRow, "endedBy">, decidesNothing: boolean): Card {
  const { nameOf, timeZone } = air.paging?.() ?? NOBODY;
  const said = `Swap ${swap.id}: ${swapText(swap, nameOf, timeZone)}`;
  if (!decidesNothing) return noticeCard("Swapped", said, "good");
  const { name } = nameOf(swap.instead);
  const warning = `${name} may decide on nothing, so whatever waits goes on to the next step. An admin adds ${name} to roles.approver in air.yaml.`;
  return noticeCard("Swapped, with a warning", `${said}. ${warning}`, "warning");
}
