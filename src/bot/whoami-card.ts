import type { Card } from "../engine/cards/card.ts";
import { FAMILIES } from "../engine/domain/action.ts";
import { mayApprove, mayRespond, mayView, type Person } from "../engine/domain/approval.ts";

/** Tells who air takes somebody for, and the exact lines an admin would add. Reveals nothing else and grants nothing. */
export function whoamiCard(person: Person): Card {
  const families = FAMILIES.filter((family) => mayApprove(person.roles, family));
  const roles = [
    person.roles.admin ? "admin" : undefined,
    families.length > 0 ? `approver for ${families.join(", ")}` : undefined,
    mayRespond(person.roles) ? "responder" : undefined,
    mayView(person.roles) ? "viewer" : undefined,
  ].filter((role) => role !== undefined);
  const none = roles.length === 0;
  const [platform, id] = person.key.startsWith("slack:") ? ["slack", person.key.split(":").at(-1) ?? ""] : [undefined, undefined];
  const lines = [
    "people:",
    `  - { name: ${person.name}, email: you@example.com${platform ? `, ${platform}: ${id}` : ""} }`,
    "roles:",
    "  viewer: [you@example.com]",
  ];
  return {
    title: `You are ${person.name}`,
    tone: none ? "warning" : "info",
    summary: `You are ${person.name}. ${none ? "You have no role in air." : `Roles: ${roles.join(", ")}.`}`,
    lines: [
      {
        kind: "text",
        text: none
          ? "You have no role in air. An admin adds these lines to air.yaml, with your own address:"
          : `Roles: ${roles.join("; ")}.`,
      },
      ...(none ? [{ kind: "code" as const, text: lines.join("\n") }] : []),
    ],
    buttons: [],
  };
}
