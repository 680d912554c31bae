import type { Card, Line } from "../engine/cards/card.ts";
import { FAMILIES } from "../engine/domain/action.ts";
import { mayRespond, mayView, type Person } from "../engine/domain/approval.ts";

/** Tells who air takes somebody for, and the exact lines an admin would add. Reveals nothing else and grants nothing. */
export function whoamiCard(person: Person): Card {
  const { roles } = person;
  const families = FAMILIES.filter((family) => roles.approves.includes(family)).map((family) => {
    const scope = roles.deviceGroups?.[family];
    return scope ? `${family} (only devices of ${scope.join(", ")})` : family;
  });
  const held = [
    roles.admin ? "admin" : undefined,
    families.length > 0 ? `approver for ${families.join(", ")}` : undefined,
    mayRespond(roles) ? "responder" : undefined,
    mayView(roles) ? "viewer" : undefined,
  ].filter((role) => role !== undefined);
  const none = held.length === 0;
  // Where air could not look, it does not know that there is none.
  const unknown = none && person.unchecked === true;
  const roleText = unknown ? "air does not know your roles just now." : none ? "You have no role in air." : `Roles: ${held.join("; ")}.`;
  // Whoever is refused for what they are (a guest), or could not be looked up, is not helped by lines in a file.
  const linesHelp = none && person.withheld === undefined;
  const lines: Line[] = [
    {
      kind: "text",
      text: linesHelp
        ? `${roleText} An admin adds these lines to air.yaml${addressOf(person) ? "" : ", with your own address"}:`
        : roleText,
    },
    ...(person.withheld ? [{ kind: "text" as const, text: person.withheld }] : []),
    ...(linesHelp ? [{ kind: "code" as const, text: yamlFor(person) }] : []),
    ...(linesHelp ? [{ kind: "note" as const, text: "viewer may look; responder, approver and admin are given the same way." }] : []),
  ];
  return {
    title: `You are ${person.name}`,
    tone: none ? "warning" : "info",
    summary: `You are ${person.name}. ${roleText}`,
    lines,
    buttons: [],
  };
}

const addressOf = (person: Person) => person.identities.find((identity) => identity.includes("@"));

/** To be pasted as it is: what people call themselves must not become more than text in it. */
function yamlFor(person: Person): string {
  const address = addressOf(person);
  const email = address === undefined ? "you@example.com" : /^[\w.+-]+@[\w.-]+$/.test(address) ? address : JSON.stringify(address);
  const [, platform, id] = /^(slack|teams):(.+)$/.exec(person.key) ?? [];
  const account = platform && id ? `, ${platform}: ${/^[\w-]+$/.test(id) ? id : JSON.stringify(id)}` : "";
  const listed = person.key.includes("@");
  return [
    ...(listed ? [] : ["people:", `  - { name: ${JSON.stringify(person.name)}, email: ${email}${account} }`]),
    "roles:",
    `  viewer: [${email}]`,
  ].join("\n");
}
