import { actionKinds } from "../engine/actions/all.ts";
import { count } from "../engine/cards/say.ts";
import { ACTION_KINDS, FAMILIES, type Family } from "../engine/domain/action.ts";
import { approvalsOfKind } from "../engine/domain/policy.ts";
import { gapsBetween, shiftsBetween } from "../engine/domain/rota.ts";
import { wallText } from "../engine/domain/wall-clock.ts";
import { gapText } from "../engine/keep-rota.ts";
import type { ApproverEntry, Config } from "./config.ts";
import { pagingOf } from "./paging.ts";
import { allEntries, isGroup } from "./people.ts";

/** Every span of four weeks holds each week day and each turn of most rotas. */
const AHEAD_MS = 28 * 86_400_000;

/**
 * What is no error and will be missed one night: a family with fewer approvers than its policy asks for, a shift in which nobody may decide
 * on it, a rule that pages nobody, a layer without effect, and moments in which nobody is on call. Who is in a group is not known here: it counts as enough.
 */
export function shiftWarnings(config: Config, now: Date): string[] {
  // In a lab without roles everybody may decide.
  const families = allEntries(config.roles).length === 0 ? [] : FAMILIES;
  return [
    ...nobodyPaged(config),
    ...gaps(config, now),
    ...hidden(config, now),
    ...families.flatMap((family) => tooFew(config, family)),
    ...offShift(config, families, now),
  ];
}

/** A rule asks for somebody to be called, and there is nobody to call. */
function nobodyPaged(config: Config): string[] {
  const at = config.channels.findIndex((rule) => rule.page === true);
  if (at < 0 || pagingOf(config).chain.length > 0) return [];
  return [
    `channels[${at}].page is true, but nobody is on call, so nobody is ever paged. Set onCall in air.yaml: person, group or layers say who is told first.`,
  ];
}

/** A layer that never decides who is on call, because later ones do wherever it applies. */
function hidden(config: Config, now: Date): string[] {
  const { rota } = pagingOf(config);
  if (rota === undefined || rota === "asked" || !("layers" in rota)) return [];
  const { layers, timeZone } = rota;
  return layers.flatMap((layer, index) => {
    const later = layers.slice(index + 1);
    const from = new Date(Math.max(now.getTime(), Date.parse(layer.start)));
    const until = new Date(from.getTime() + AHEAD_MS);
    const own = shiftsBetween({ layers: [layer], timeZone }, [], from, until).filter(({ person }) => person !== null);
    const open = gapsBetween({ layers: later, timeZone }, [], from, until);
    if (later.length === 0 || own.length === 0 || own.some((shift) => open.some((gap) => gap.from < shift.to && shift.from < gap.to)))
      return [];
    return [
      `onCall.layers[${index}] (${layer.name}) puts nobody on call: wherever it applies a later layer takes precedence. Place it below, restrict the later ones, or take it out; its people are told by the step everyone alone.`,
    ];
  });
}

const whoOf = (entry: ApproverEntry): string => (typeof entry === "string" ? entry : entry.who);
const approvers = ({ roles }: Config, family: Family): string[] => [...new Set(roles.approver[family].map(whoOf))];

function gaps(config: Config, now: Date): string[] {
  const paging = pagingOf(config);
  const text = paging.rota === undefined || paging.rota === "asked" ? undefined : gapText(paging.rota, paging, now);
  return text === undefined ? [] : [text];
}

function tooFew(config: Config, family: Family): string[] {
  const named = approvers(config, family);
  if (named.length > 1 || named.some(isGroup)) return [];
  const where = `roles.approver.${family}`;
  if (named.length === 0) return [`${where} names nobody, so nobody can decide on what air proposes there. Add an address or a group.`];
  const two = ACTION_KINDS.filter((kind) => actionKinds[kind].family === family && approvalsOfKind(kind, config.policy) > 1);
  const what = two.length === 0 ? "anything protected needs" : `${two.join(", ")} and anything protected need`;
  return [`${where} names one person, but ${what} two approvers. Add another address or a group.`];
}

/**
 * Each person who is on call within four weeks and may not decide on something. Asked of the layers alone: a swap is a row, and says so itself.
 */
function offShift(config: Config, families: readonly Family[], now: Date): string[] {
  const { rota, nameOf, timeZone } = pagingOf(config);
  if (rota === undefined || rota === "asked") return [];
  const shifts = shiftsBetween(rota, [], now, new Date(now.getTime() + AHEAD_MS));
  return [...Map.groupBy(shifts, ({ person }) => person)].flatMap(([person, [first, ...more]]) => {
    if (person === null || !first) return [];
    const out = families.filter((family) => {
      const named = approvers(config, family);
      return named.length > 0 && !named.some((who) => isGroup(who) || `person:${who}` === person);
    });
    if (out.length === 0) return [];
    const why = `${nameOf(person).name} is in none of ${out.map((family) => `roles.approver.${family}`).join(", ")}. Add their address there, or somebody else to the layer.`;
    if (first.from <= now) return [`Nobody on call now may decide on ${out.join(", ")}: ${why}`];
    const others = more.length > 0 ? ` and ${count(more.length, "more time")} in four weeks` : "";
    return [`Nobody on call from ${wallText(first.from, timeZone)}${others} may decide on ${out.join(", ")}: ${why}`];
  });
}
