import { actionKinds } from "../engine/actions/all.ts";
import { ACTION_KINDS, FAMILIES, type Family } from "../engine/domain/action.ts";
import { approvalsOfKind } from "../engine/domain/policy.ts";
import { onDutyAt } from "../engine/domain/rota.ts";
import { gapText } from "../engine/keep-rota.ts";
import type { ApproverEntry, Config } from "./config.ts";
import { pagingOf } from "./paging.ts";
import { allEntries, isGroup } from "./people.ts";

/**
 * What is no error and will be missed one night: a family with fewer approvers than its policy asks for, a shift in which nobody may decide
 * on it, and moments in which nobody is on call. Who is in a group is not known here: it counts as enough.
 */
export function shiftWarnings(config: Config, now: Date): string[] {
  // In a lab without roles everybody may decide.
  const families = allEntries(config.roles).length === 0 ? [] : FAMILIES;
  return [...gaps(config, now), ...families.flatMap((family) => tooFew(config, family)), ...offShift(config, families, now)];
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

/** Asked of the layers alone: a swap is a row. */
function offShift(config: Config, families: readonly Family[], now: Date): string[] {
  const { rota, nameOf } = pagingOf(config);
  if (rota === undefined || rota === "asked") return [];
  const current = onDutyAt(rota, [], now);
  if (current === null) return [];
  const out = families.filter((family) => {
    const named = approvers(config, family);
    return named.length > 0 && !named.some((who) => isGroup(who) || `person:${who}` === current);
  });
  if (out.length === 0) return [];
  return [
    `Nobody on call now may decide on ${out.join(", ")}: ${nameOf(current).name} is in none of ${out.map((family) => `roles.approver.${family}`).join(", ")}.`,
  ];
}
