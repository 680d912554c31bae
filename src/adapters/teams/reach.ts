import { ChatError, type Conversation } from "../../engine/ports.ts";
import { isElsewhere } from "./errors.ts";
import type { Conversations } from "./post.ts";

/** Makes a call about a conversation where it is reached: at one address after the other, as long as the one before it is not the right one. */
export type Reach = <T>(id: string, run: (place: Conversation) => Promise<T>) => Promise<T>;

const MOST_REMEMBERED = 1_000;

/** Every address was told by a checked request of Teams, of the same tenant. `tenants`: whose people are served; empty: any. */
export function createReach(
  conversations: Pick<Conversations, "find" | "newest" | "newer">,
  tenants: () => readonly string[] = () => [],
): Reach {
  /** What answered after another had not: it goes first from then on. */
  const found = new Map<string, string>();

  return async (id, run) => {
    const [first, ...others] = await placesOf(conversations, id, tenants());
    const better = others.find(({ serviceUrl }) => serviceUrl === found.get(id));
    const places = better ? [better, first, ...others.filter((one) => one !== better)] : [first, ...others];
    let refused: unknown;
    for (const [index, place] of places.entries()) {
      try {
        const done = await run(place);
        if (index > 0) remember(id, place.serviceUrl);
        return done;
      } catch (error) {
        // Nothing was done there. What the first says is what is told in the end.
        if (!isElsewhere(error)) throw error;
        refused ??= error;
      }
    }
    throw refused;
  };

  function remember(id: string, serviceUrl: string): void {
    found.delete(id);
    found.set(id, serviceUrl);
    for (const oldest of found.keys()) {
      if (found.size <= MOST_REMEMBERED) break;
      found.delete(oldest);
    }
  }
}

/**
 * Where a conversation may be reached now, what is tried first in front; one never heard of through the service of another of the same
 * tenant, where that can only be one: what is meant for one tenant must not be offered to another.
 */
async function placesOf(
  conversations: Pick<Conversations, "find" | "newest" | "newer">,
  id: string,
  tenants: readonly string[],
): Promise<[Conversation, ...Conversation[]]> {
  const known = await conversations.find(id);
  if (known && tenants.length > 0 && !tenants.includes(known.tenant))
    throw new ChatError(
      "channel",
      "The channel is in a tenant air does not serve: name it under teams.tenants in air.yaml, or set another channel.",
    );
  if (known?.removedAt)
    throw new ChatError("channel", "air was removed from this team or chat. Add the app there again, or set another channel in air.yaml.");
  if (known) return inOrder(known, await conversations.newer(known));
  if (tenants.length > 1)
    throw new ChatError(
      "channel",
      "air serves several tenants and does not know yet in which of them this channel is: say @air whoami in it.",
    );
  const other = await conversations.newest(tenants[0]);
  if (!other)
    throw new ChatError(
      "channel",
      "Teams has not told air yet where to post: add the app to the team of this channel (air teams package), or say something to it there.",
    );
  return [
    {
      id,
      kind: /@thread\.v2$|^a:/.test(id) ? "group" : "channel",
      tenant: other.tenant,
      serviceUrl: other.serviceUrl,
      bot: other.bot,
    },
  ];
}

/** The team's newer address wins: a team moves as a whole. Another of the tenant may serve others only, so it is tried after its own. */
function inOrder(known: Conversation, newer: readonly Conversation[]): [Conversation, ...Conversation[]] {
  const at = ({ serviceUrl }: Conversation) => ({ ...known, serviceUrl });
  const isTeams = ({ team }: Conversation) => team !== undefined && team === known.team;
  const all = [...newer.filter(isTeams).map(at), known, ...newer.filter((one) => !isTeams(one)).map(at)];
  const [first, ...others] = all.filter((one, nth) => all.findIndex(({ serviceUrl }) => serviceUrl === one.serviceUrl) === nth);
  return [first ?? known, ...others];
}
