import type { HomeView, KnownBlock } from "@slack/types";
import type { WebClient } from "@slack/web-api";
import type { Card } from "../../engine/cards/card.ts";
import type { Log } from "../../engine/ports.ts";
import { toMessage } from "./blocks.ts";
import { toChatError } from "./errors.ts";
import type { SlackPerson } from "./inbox.ts";
import { SLACK_LIMITS } from "./limits.ts";

/** Somebody who opened it so long ago looks at something else now. */
const OPEN_MS = 15 * 60_000;
/** views.publish is Tier 4, and nobody reads faster. */
const EVERY_MS = 60_000;
const MOST_PEOPLE = 500;
/** What Slack refuses is tried less and less often. */
const SELDOM_MS = 30 * 60_000;

export type HomeTab = {
  /** Drawn at once, and again while it is likely looked at. */
  opened: (by: SlackPerson) => void;
  /** Something changed that might stand on it. */
  changed: () => void;
  /** Whoever pressed there sees at once what came of it. */
  pressed: (by: SlackPerson) => void;
  stop: () => Promise<void>;
};

/** Cards → the home tab, within its blocks; what does not fit is counted. */
export function homeView(cards: readonly Card[]): HomeView {
  const blocks: KnownBlock[] = [];
  let left = 0;
  cards.forEach((card, index) => {
    // A card's own budget is a message's: ten such cards would be too many blocks and too much text for a phone.
    const drawn = toMessage(card, 0.5).blocks;
    const gap = blocks.length === 0 ? 0 : 1;
    if (left > 0 || blocks.length + drawn.length + gap > SLACK_LIMITS.viewBlocks - 1) {
      left += 1;
      return;
    }
    if (gap > 0) blocks.push({ type: "divider" });
    blocks.push(...drawn.map((block, place) => ({ ...block, block_id: `home-${index}-${place}` })));
  });
  if (left > 0)
    blocks.push({
      type: "context",
      elements: [{ type: "plain_text", emoji: false, text: `${left} more do not fit here. Say /air actions pending.` }],
    });
  return { type: "home", blocks };
}

/**
 * Draws the home tab of whoever opens it, and again when what stands on it changed: per person at most once a minute, and only while they
 * had it open lately. What did not change is not sent.
 */
export function createHome(parts: {
  client: WebClient;
  draw: (by: SlackPerson) => Promise<readonly Card[]>;
  log: Log;
  now?: () => number;
  everyMs?: number;
}): HomeTab {
  const { client, draw, log, now = Date.now, everyMs = EVERY_MS } = parts;
  type Seen = {
    by: SlackPerson;
    openedAt: number;
    publishedAt: number;
    shown: string;
    /** How often in a row it could not be drawn, and why. */
    failures: number;
    trouble: string;
    timer?: NodeJS.Timeout | undefined;
    work?: Promise<void> | undefined;
    again?: boolean;
  };
  const people = new Map<string, Seen>();
  let stopped = false;

  function publish(seen: Seen): void {
    clearTimeout(seen.timer);
    seen.timer = undefined;
    // One at a time for one person: an older picture must not come after a newer one.
    if (seen.work) {
      seen.again = true;
      return;
    }
    seen.publishedAt = now();
    seen.work = send(seen)
      .then(
        () => {
          seen.failures = 0;
          seen.trouble = "";
        },
        (error: unknown) => {
          const { message } = toChatError(error);
          seen.failures += 1;
          // Once per trouble and person: it is tried again for as long as they look.
          if (seen.trouble !== message) log.warn("the home tab could not be drawn", { user: seen.by.userId, error: message });
          seen.trouble = message;
        },
      )
      .finally(() => {
        seen.work = undefined;
        const again = seen.again;
        seen.again = false;
        if (again && !stopped) publish(seen);
      });
  }

  async function send(seen: Seen): Promise<void> {
    const view = homeView(await draw(seen.by));
    const shown = JSON.stringify(view);
    if (shown === seen.shown) return;
    await client.views.publish({ user_id: seen.by.userId, view });
    seen.shown = shown;
  }

  function look(by: SlackPerson): Seen {
    const key = `${by.teamId} ${by.userId}`;
    const known = people.get(key);
    const seen: Seen = known ?? { by, openedAt: 0, publishedAt: 0, shown: "", failures: 0, trouble: "" };
    people.delete(key);
    people.set(key, seen);
    for (const [oldest, one] of people) {
      if (people.size <= MOST_PEOPLE) break;
      clearTimeout(one.timer);
      people.delete(oldest);
    }
    return seen;
  }

  return {
    opened: (by) => {
      const seen = look(by);
      seen.openedAt = now();
      // Slack may have forgotten what it showed.
      seen.shown = "";
      publish(seen);
    },
    pressed: (by) => {
      const seen = look(by);
      seen.openedAt = now();
      publish(seen);
    },
    changed: () => {
      for (const [key, seen] of people) {
        if (now() - seen.openedAt > OPEN_MS) {
          clearTimeout(seen.timer);
          people.delete(key);
        } else if (seen.timer === undefined && !stopped) {
          const wait = Math.min(SELDOM_MS, everyMs * 2 ** Math.min(seen.failures, 10));
          seen.timer = setTimeout(() => publish(seen), Math.max(0, seen.publishedAt + wait - now()));
          seen.timer.unref();
        }
      }
    },
    stop: async () => {
      stopped = true;
      for (const seen of people.values()) clearTimeout(seen.timer);
      await Promise.allSettled([...people.values()].map((seen) => seen.work));
    },
  };
}
