import { z } from "zod";
import { isServiceAddress } from "./service.ts";

const READ_MS = 5_000;
/** As the SDK keeps them. */
const FRESH_MS = 24 * 3_600_000;
/** A key that is not known may be a new one. */
const ASK_AGAIN_MS = 60_000;
const Metadata = z.object({ jwks_uri: z.string().refine(isServiceAddress) });
const Keys = z.object({ keys: z.array(z.object({ kid: z.string(), endorsements: z.array(z.string()).nullish() })) });

/**
 * For which channels a published key may speak. The SDK asks only keys that name some: one that names none could speak for all of them.
 * Asked after it has checked the signature, so nobody else can make air read anything.
 */
export function createEndorsedKeys(openIdUrl: string, now: () => number = Date.now): (kid: string, channel: string) => Promise<boolean> {
  let known: { at: number; keys: Promise<ReadonlyMap<string, readonly string[]>> } | undefined;

  async function read(): Promise<ReadonlyMap<string, readonly string[]>> {
    const { jwks_uri } = Metadata.parse(await json(openIdUrl));
    const { keys } = Keys.parse(await json(jwks_uri));
    return new Map(keys.map(({ kid, endorsements }) => [kid, endorsements ?? []]));
  }

  function keys(olderThanMs: number) {
    if (known === undefined || now() - known.at > olderThanMs) {
      const asked = { at: now(), keys: read() };
      asked.keys.catch(() => {
        if (known === asked) known = undefined;
      });
      known = asked;
    }
    return known.keys;
  }

  return async (kid, channel) => {
    const endorsed = (await keys(FRESH_MS)).get(kid) ?? (await keys(ASK_AGAIN_MS)).get(kid);
    return endorsed?.includes(channel) === true;
  };
}

async function json(url: string): Promise<unknown> {
  const response = await fetch(url, { signal: AbortSignal.timeout(READ_MS) });
  if (!response.ok) throw new Error(`the keys could not be read: HTTP ${response.status}`);
  return response.json();
}
