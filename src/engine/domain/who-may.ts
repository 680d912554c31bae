import { type Person, type Remembered, sameHuman, suspectOf } from "./approval.ts";
import type { Entity } from "./entity.ts";

/** Who holds the role, by name, groups as one name; `known`: the people among them by what they are known by. `anyone`: the lab without roles. */
export type Deciders = { anyone: boolean; names: string[]; known?: readonly Pick<Person, "name" | "key" | "identities">[] };

/** Who holds the role and may not decide this one action all the same. */
export type MayNot = { name: string; because: "asked" | "named" };

type Asked = { approvalsNeeded: number; requestedBy: (Remembered & { name: string }) | null };

/** As the door would say it (mustNotHaveAsked, mayDecide): what a card says of who may decide must be true when they try. */
export function whoMayNot(
  action: Asked,
  { names, known = [] }: Deciders,
  entities: readonly Entity[],
  requesterMayApprove: boolean,
): MayNot[] {
  const { requestedBy } = action;
  return names.flatMap((name): MayNot[] => {
    const person = known.find((one) => one.name === name);
    if (person && suspectOf(person, entities)) return [{ name, because: "named" }];
    const asked = requestedBy !== null && (person ? sameHuman(requestedBy, person) : requestedBy.name === name);
    return asked && action.approvalsNeeded > 1 && !requesterMayApprove ? [{ name, because: "asked" }] : [];
  });
}

/** Everything an incident names, as far as its rows are at hand. */
export const entitiesIn = (view: {
  evidence: readonly { entity: Entity }[];
  alerts?: readonly { entities: readonly { entity: Entity }[] }[];
}): Entity[] => [
  ...view.evidence.map((item) => item.entity),
  ...(view.alerts ?? []).flatMap((alert) => alert.entities.map((named) => named.entity)),
];

/** Who may still approve; a group's members are more than one can tell. */
export function whoMay(
  { names, known }: Deciders,
  mayNot: readonly MayNot[],
  given: readonly { name: string }[],
): { names: string[]; uncounted: boolean } {
  const left = names.filter((name) => !given.some((one) => one.name === name) && !mayNot.some((one) => one.name === name));
  return {
    names: left,
    uncounted: left.some((name) => (known ? !known.some((one) => one.name === name) : name.startsWith("members of "))),
  };
}

/** That it can never be decided as things stand, why, and what an admin does about it; undefined: enough people are left. */
export function tooFewText(
  action: { family: string; approvalsNeeded: number },
  left: { names: readonly string[]; uncounted: boolean },
  mayNot: readonly MayNot[],
  given: number,
): string | undefined {
  const missing = action.approvalsNeeded - given;
  if (left.uncounted || left.names.length >= missing) return undefined;
  const why = mayNot.map(({ name, because }) => (because === "asked" ? `${name} asked for it` : `${name} is named in this incident`));
  const who =
    left.names.length === 0
      ? "nobody may decide it"
      : `only ${left.names.join(" and ")} may, and ${missing === 2 ? "two have" : "one more has"} to`;
  const setting = mayNot.some(({ because }) => because === "asked") ? ", or sets decisions.requesterMayApprove: true" : "";
  return `As it is, it cannot be carried out: ${[who, ...why].join("; ")}. An admin adds an approver under roles.approver.${action.family} in air.yaml${setting}.`;
}
