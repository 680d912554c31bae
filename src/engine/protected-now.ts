import type { Air } from "./air.ts";
import { shown } from "./cards/say.ts";
import { checkProtected } from "./check-protected.ts";
import type { Entity } from "./domain/entity.ts";
import type { Capabilities } from "./ports.ts";

/** Look-ups of one answer at once; an incident with more is asked about the first, and the sweep asks about the rest. */
const MOST = 25;

export type ProtectedNow = {
  /** What is protected, each with why. */
  hits: string[];
  /** What could not be asked; undefined: everything was. */
  unread: string | undefined;
  /** Digests of what was asked and is not protected. */
  checked: string[];
};

/**
 * What of these a connected product knows to be protected, asked now. What no product is connected for is known from air.yaml alone, as
 * everywhere; what one is connected for and does not answer counts as unread.
 */
export async function protectedNow(
  air: Pick<Air, "capabilities" | "policy">,
  /** Without a digest it is no evidence of the incident. */
  entities: readonly { digest: string; entity: Entity }[],
): Promise<ProtectedNow> {
  const asked = entities.filter(({ entity }) => isAskedAbout(air.capabilities, entity)).slice(0, MOST);
  const answers = await Promise.all(asked.map(async (one) => ({ ...one, said: await checkProtected(air, one.entity) })));
  return {
    hits: answers.flatMap(({ entity, said }) => (said.hits[0] === undefined ? [] : [`${shown(entity)} (${said.hits[0]})`])),
    unread: answers.filter(({ said }) => said.unread !== undefined).map(({ entity }) => shown(entity))[0],
    checked: answers
      .filter(({ said }) => said.unread === undefined && said.hits.length === 0)
      .flatMap(({ digest }) => (digest === "" ? [] : [digest])),
  };
}

/** Kinds whose role only a product knows. */
export function isAskedAbout({ devices, identities, apps }: Capabilities, { kind }: Entity): boolean {
  if (kind === "device") return devices !== undefined;
  if (kind === "user" || kind === "mailbox") return identities !== undefined;
  return kind === "oauth-app" && apps !== undefined;
}
