/** Who did it. A person carries every identity they are known by, so that one person counts once. */
export type Actor =
  | { kind: "person"; via: Via; key: string; name: string }
  | { kind: "machine"; name: string }
  | { kind: "source"; name: string }
  | { kind: "air"; job: string };

/** The surface a person spoke through. */
export type Via = "slack" | "teams" | "console" | "http" | "cli";

export function actorName(actor: Actor): string {
  switch (actor.kind) {
    case "person":
    case "machine":
    case "source":
      return actor.name;
    case "air":
      return "air";
    default:
      return actor satisfies never;
  }
}
