import { z } from "zod";
import type { EntityOf } from "../../engine/domain/entity.ts";
import { WEIGHTS } from "../../engine/domain/verdict.ts";
import type { Connector, Indicator, IndicatorCapability, ReputationAnswer, ReputationKind, Ticket } from "../../engine/ports.ts";
import { ConnectorError } from "../../engine/ports.ts";
import type { Http } from "./http.ts";
import { address, defineConnector, intelligence, type Means, secret } from "./kind.ts";
import { createVendor, type ReputationSettings, reputationSource } from "./reputation.ts";
import { statedAt } from "./stated-at.ts";

/*
 * A connector to copy: docs/write-a-connector.md says how. "Example Shield" does not exist. It knows bad addresses, and keeps a list of
 * what is blocked or allowed. Leave out what your product does not offer; src/engine/ports.ts has every capability there is.
 */

const PRODUCT = "Example Shield";

/** What air.yaml says under `connectors.exampleshield`, and which variables give it. */
export const exampleShield = defineConnector({
  name: "exampleshield",
  product: PRODUCT,
  acts: true,
  settings: {
    apiKey: secret(),
    /** Whose data it is: an action is carried out only in the account it was proposed for. */
    account: z.string().trim().min(1, "must not be empty"),
    url: address("https://api.shield.example"),
    ...intelligence({ perMinute: 60 }),
  },
  env: { EXAMPLE_SHIELD_API_KEY: "apiKey", EXAMPLE_SHIELD_ACCOUNT: "account", EXAMPLE_SHIELD_URL: "url" },
  create: createExampleShield,
});

type Settings = { apiKey: string; account: string } & ReputationSettings;

function createExampleShield(settings: Settings, means: Means): Connector {
  const { clock } = means;
  // Time-outs, quota, breaker, what may leave the house, and one question for all who ask the same, are done in there.
  const vendor = createVendor(
    {
      name: PRODUCT,
      headers: { "x-api-key": settings.apiKey },
      refusedHint: "Make a key under Settings, API, and put it into EXAMPLE_SHIELD_API_KEY.",
      urlSetting: "EXAMPLE_SHIELD_URL",
      reason: (body) => Failure.safeParse(body).data?.message,
    },
    settings,
    means,
  );

  async function look(entity: EntityOf<ReputationKind>, signal: AbortSignal): Promise<ReputationAnswer> {
    const now = clock.now();
    const neutral = (text: string): ReputationAnswer => ({ label: "neutral", weight: 0, text, at: now });
    if (entity.kind !== "ip") return neutral(`not asked: ${PRODUCT} knows addresses only`);
    const answer = await vendor.http.get(`/v1/addresses/${encodeURIComponent(entity.address)}`, { signal, expect404: true });
    if (answer === undefined) return neutral(`${PRODUCT} has never seen it`);
    const known = Known.safeParse(answer).data;
    if (!known) throw unknownShape();
    const at = statedAt(known.lastSeen ? new Date(known.lastSeen) : undefined, now);
    const text = `${PRODUCT} gives it ${known.score} of 100 points`;
    // Say why these numbers: the product's documentation, or what you measured.
    if (known.score >= 80) return { label: "malicious", weight: WEIGHTS.reputationSome, text, at, raw: known };
    if (known.score >= 40) return { label: "suspicious", weight: WEIGHTS.reputationFew, text, at, raw: known };
    return { ...neutral(text), raw: known };
  }

  return {
    name: "exampleshield",
    lab: false,
    tenant: settings.account,
    reputation: [reputationSource(vendor, { name: "exampleshield", family: "exampleshield", kinds: ["ip"], look, clock })],
    indicators: blockList(vendor.http),
    /** For `air doctor`: the cheapest call that needs the key. Its error is the next step. */
    async check(signal) {
      await vendor.http.get("/v1/me", { signal });
    },
  };
}

// Whatever answers is parsed here, once; what is not needed may be missing.
const Failure = z.object({ message: z.string() });
const Known = z.object({ score: z.number().min(0).max(100), lastSeen: z.string().nullish() });
const Entry = z.object({
  id: z.string().min(1),
  value: z.string(),
  effect: z.enum(["block", "allow"]),
  until: z.iso.datetime().nullish(),
  note: z.string().nullish(),
});
type Entry = z.infer<typeof Entry>;

/** Acting. Every method is called again after a crash, so it must be harmless when what it wants is there already. */
function blockList(http: Http): IndicatorCapability {
  async function entries(indicator: Indicator, signal: AbortSignal): Promise<Entry[]> {
    const read = z.array(Entry).safeParse(await http.get("/v1/list", { query: { value: textOf(indicator) }, signal }));
    if (!read.success) throw unknownShape();
    return read.data.filter((entry) => entry.value === textOf(indicator));
  }

  async function enter(
    indicator: Indicator,
    effect: Entry["effect"],
    until: Date | undefined,
    note: string,
    signal: AbortSignal,
  ): Promise<Ticket> {
    const body = { value: textOf(indicator), effect, note, ...(until && { until: until.toISOString() }) };
    // `acts`: if no answer comes the outcome is unclear, and air looks for the key in `note` before it asks again.
    const made = Entry.safeParse(await http.postJson("/v1/list", body, { signal, acts: true }));
    if (!made.success) throw new ConnectorError("unclear", `${PRODUCT} took it and answered in a shape air does not know`);
    return { id: made.data.id, state: "done" };
  }

  return {
    connector: "exampleshield",
    async find(indicator, signal) {
      const [entry] = await entries(indicator, signal);
      return entry && { id: entry.id, action: entry.effect, ...(entry.until && { expiresAt: new Date(entry.until) }) };
    },
    block: (indicator, until, comment, key, signal) => enter(indicator, "block", until, noted(comment, key), signal),
    allow: (indicator, until, comment, key, signal) => enter(indicator, "allow", until, noted(comment, key), signal),
    async unblock(indicator, _comment, key, signal) {
      for (const { id } of await entries(indicator, signal)) await http.delete(`/v1/list/${encodeURIComponent(id)}`, { signal });
      return { id: key, state: "done" };
    },
    async findRun(indicator, key, signal) {
      const own = (await entries(indicator, signal)).find(({ note }) => note?.endsWith(`[${key}]`));
      return own && { id: own.id, state: "done" };
    },
  };
}

/** People read the comment in the product; air finds its own entry again by the key. */
const noted = (comment: string, key: string) => `${comment} [${key}]`;

function textOf(indicator: Indicator): string {
  switch (indicator.kind) {
    case "ip":
      return indicator.address;
    case "domain":
      return indicator.name;
    case "url":
      return indicator.url;
    case "file": {
      const hash = indicator.sha256 ?? indicator.sha1 ?? indicator.md5;
      if (!hash) throw new ConnectorError("refused", "A file is listed by its hash, and none is given. Nothing was done.");
      return hash;
    }
  }
}

const unknownShape = () => new ConnectorError("unavailable", `${PRODUCT} answered in a shape air does not know`);
