import type { ActionKindName, BlastRadius } from "./action.ts";
import { deviceName, type Entity, entityName } from "./entity.ts";

/** What somebody has to type before a decision counts, and why; a slip of the finger types no name. */
export type StepUp = { needed: false } | { needed: true; type: string; because: string };

/** What the answer rests on: a part of the action's row. */
export type StepUpFacts = {
  id: number;
  kind: ActionKindName;
  target: Entity;
  approvalsNeeded: number;
  undoable: boolean;
  /** The action it takes back: what it restores is what its own undo would be. */
  undoes: number | null;
  blastRadius: Pick<BlastRadius, "server" | "privileged">;
};

/** There is nothing to undo where nothing is changed: these only look, or ask for a file. */
const CHANGES_NOTHING: ReadonlySet<ActionKindName> = new Set(["scan-device", "collect-package", "expand-investigation"]);
/** Longer than this nobody types it without a mistake; the action's own id is asked for instead. */
const LONGEST = 64;

/** The target's name is typed for servers, privileged users, what needs two, and what cannot be undone (product contract 6). */
export function stepUpOf(action: StepUpFacts): StepUp {
  const because = becauseOf(action);
  return because === undefined ? { needed: false } : { needed: true, type: nameToType(action), because };
}

function becauseOf(action: StepUpFacts): string | undefined {
  if (action.approvalsNeeded > 1) return "two people decide it";
  if (action.blastRadius.server) return "it is a server";
  if (action.blastRadius.privileged?.length) return `it holds ${action.blastRadius.privileged[0]}`;
  if (!action.undoable && action.undoes === null && !CHANGES_NOTHING.has(action.kind)) return "it cannot be undone";
  return undefined;
}

/**
 * The name as the card's title has it. Names come from outside: what no keyboard types is not asked for, and neither are addresses, which
 * a card never shows as they are.
 */
export function nameToType({ id, target }: Pick<StepUpFacts, "id" | "target">): string {
  const name = entityName(target).trim();
  const address = target.kind === "url" || target.kind === "domain" || target.kind === "ip" || name.includes("://");
  const typeable = name.length <= LONGEST && /[\p{L}\p{N}]/u.test(name) && /^[\p{L}\p{N}\p{P}\p{S} ]+$/u.test(name);
  return typeable && !address ? name : `ACT-${id}`;
}

/**
 * Takes what was typed apart: the name first, a reason after it. Case and spaces around it do not count, and a device answers to its short
 * name too. `named: false`: the name does not stand at its beginning.
 */
export function readTyped(typed: string | undefined, action: Pick<StepUpFacts, "id" | "target">): { named: boolean; rest: string } {
  const words = wordsOf(typed ?? "");
  const name = nameToType(action);
  const names = action.target.kind === "device" ? [name, deviceName(name)] : [name];
  for (const wanted of names.map(wordsOf)) {
    const said = words.slice(0, wanted.length).join(" ");
    if (fold(said) === fold(wanted.join(" ")) || fold(said.replace(/[:,]$/, "")) === fold(wanted.join(" ")))
      return { named: true, rest: words.slice(wanted.length).join(" ") };
  }
  return { named: false, rest: words.join(" ") };
}

const wordsOf = (text: string): string[] => text.split(/\s+/u).filter((word) => word !== "");
const fold = (text: string): string => text.normalize("NFC").toLowerCase();
