import { type Air, actionId, isLive } from "./air.ts";
import { wantRota } from "./ask-rota.ts";
import { count } from "./cards/say.ts";
import { SEVERITIES } from "./domain/alert.ts";
import { NOBODY, type Paging } from "./domain/paging.ts";
import { type Duty, dutyAt, gapsBetween, onDutyAt, type Rota } from "./domain/rota.ts";
import { wallText } from "./domain/wall-clock.ts";
import { NOTED_DUTY, type NotedDuty, wantHandover } from "./handover.ts";
import { rotaInForce } from "./on-duty.ts";
import { PAUSE_SETTING, type Pause } from "./pause.ts";
import type { Reads, Tx } from "./store.ts";
import { tellOps } from "./tell-ops.ts";
import { type PageTo, wantPages } from "./want-pages.ts";

const DAY_MS = 86_400_000;
const GAPS_TOLD = "rota-gaps-told";
/** How far ahead holes in the rota are looked for: every span of four weeks holds each week day and each turn of most rotas. */
const GAPS_MS = 28 * DAY_MS;
const NAMED = 5;

/** What follows from the rota by itself: has it asked for where another product keeps it, says when the shift changes, and where it has holes. */
export async function keepRota(air: Air, now: Date): Promise<void> {
  const { rota } = air.paging?.() ?? NOBODY;
  if (rota === undefined) return;
  if (rota === "asked") await wantRota(air, now);
  else await sayGaps(air, rota, now);
  await sayHandover(air, now);
}

/** Said once for each way the layers are written. */
async function sayGaps(air: Air, rota: Rota, now: Date): Promise<void> {
  const written = JSON.stringify(rota);
  if ((await air.store.setting<string>(GAPS_TOLD)) === written) return;
  const text = gapText(rota, air.paging?.() ?? NOBODY, now);
  await air.store.transaction(async (tx) => {
    await tx.putSetting(GAPS_TOLD, written);
    if (text) await tellOps(tx, air, "duty.gaps", text, now);
  });
}

/** Undefined: somebody is on call at every moment of the next four weeks. */
export function gapText(rota: Rota, { timeZone }: Pick<Paging, "timeZone">, now: Date): string | undefined {
  const [gap, ...more] = gapsBetween(rota, [], now, new Date(now.getTime() + GAPS_MS));
  if (!gap) return undefined;
  const others = more.length === 0 ? "" : ` and at ${count(more.length, "other time")}`;
  return `The layers of onCall leave nobody on call from ${wallText(gap.from, timeZone)} to ${wallText(gap.to, timeZone)}${others} in the next four weeks. Then the next step of the escalation comes at once; to have somebody always, add an earlier layer without a restriction.`;
}

/** The first shift air ever sees is nobody's hand-over. */
async function sayHandover(air: Air, now: Date): Promise<void> {
  const inForce = await rotaInForce(air.store, air, now);
  if (!inForce || (inForce.told && inForce.told.at === null)) return;
  const current = onDutyAt(inForce.rota, inForce.swaps, now);
  const noted = await air.store.setting<NotedDuty>(NOTED_DUTY);
  if (noted && noted.person === current) return;
  await air.store.transaction(async (tx) => {
    await tx.lockSetting(NOTED_DUTY, "alone");
    const before = await tx.setting<NotedDuty>(NOTED_DUTY);
    if (before && before.person === current) return;
    await tx.putSetting(NOTED_DUTY, { person: current, since: now.toISOString() } satisfies NotedDuty);
    if (!before) return;
    const paging = air.paging?.() ?? NOBODY;
    const text = await handoverText(tx, paging, dutyAt(inForce.rota, inForce.swaps, now), before.person, air.capabilities.lab);
    await wantPages(
      tx,
      air,
      [{ incidentId: 0, actionId: null, step: "duty.handover", to: hearers(air, paging, current), text, by: "air" }],
      now,
    );
    await wantHandover(tx, paging.ops.length > 0 ? paging.ops : fallbackOf(air), before, now);
    await tx.notifyChange();
  });
}

/** Mentioned where one of the channels for air itself can do that; else it stands there without a mention. */
function hearers(air: Air, paging: Paging, current: string | null): PageTo[] {
  const { on } = current === null ? { on: {} as Readonly<Record<string, string>> } : paging.nameOf(current);
  if (current?.startsWith("person:") && paging.ops.some((channel) => on[channel.split(":")[0] ?? ""] !== undefined))
    return [{ kind: "person", key: current.slice("person:".length) }];
  if (paging.ops.length > 0) return [{ kind: "ops" }];
  return fallbackOf(air).map((channel) => ({ kind: "channel", channel }));
}

/** Where it is said in the absence of a channel for whoever runs air. */
const fallbackOf = (air: Air): string[] =>
  air
    .channels()
    .at(-1)
    ?.channels.filter((channel) => !isLive(channel))
    .slice(0, 1) ?? [];

/** What whoever comes on has to know: until when, after whom, and what is open. */
async function handoverText(tx: Tx, { nameOf, timeZone }: Paging, duty: Duty, before: string | null, lab: boolean): Promise<string> {
  const who = duty.current === null ? "nobody is on call" : `${nameOf(duty.current).name} is on call`;
  const until = duty.change ? ` until ${wallText(duty.change.at, timeZone)}` : "";
  const after = before === null ? "" : ` after ${nameOf(before).name}`;
  return [`Hand-over: ${who}${until}${after}.`, await waitingText(tx, lab), await openText(tx, lab), await pausedText(tx)]
    .filter((part) => part !== "")
    .join(" ");
}

async function waitingText(tx: Reads, lab: boolean): Promise<string> {
  const pending = await tx.listActions({ states: ["pending"], limit: 200 });
  const waiting = pending.items.filter((action) => action.lab === lab).sort((a, b) => a.deadline.getTime() - b.deadline.getTime());
  if (waiting.length === 0) return "Nothing waits for a decision.";
  const named = waiting.slice(0, NAMED).map((action) => actionId(action.id));
  const more = waiting.length - named.length;
  const number = pending.next === null ? count(waiting.length, "action") : `${waiting.length} actions or more`;
  return `${number} ${waiting.length === 1 ? "waits" : "wait"} for a decision: ${named.join(", ")}${more > 0 ? ` and ${more} more` : ""}.`;
}

async function openText(tx: Reads, lab: boolean): Promise<string> {
  const { items, next } = await tx.listIncidents({ status: ["open"], limit: 200 });
  const open = items.filter((incident) => incident.lab === lab);
  const counts = [...SEVERITIES].reverse().flatMap((severity) => {
    const number = open.filter((incident) => incident.severity === severity).length;
    return number > 0 ? [`${number} ${severity}`] : [];
  });
  if (counts.length === 0) return "No incident is open.";
  return `Open incidents${next === null ? "" : ", of the newest 200"}: ${counts.join(", ")}.`;
}

async function pausedText(tx: Reads): Promise<string> {
  const pauses = (await tx.setting<Pause[]>(PAUSE_SETTING)) ?? [];
  if (pauses.length === 0) return "";
  return `Paused: ${pauses.map(({ family, by }) => `${family === "all" ? "every execution" : `${family} actions`} by ${by}`).join(", ")}.`;
}
