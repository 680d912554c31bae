import { createGraph } from "../../src/adapters/connectors/graph/graph.ts";
import { readConfig } from "../../src/bot/config.ts";
import { createIntake } from "../../src/bot/intake.ts";
import { takeFrom } from "../../src/bot/poll.ts";
import type { Air } from "../../src/engine/air.ts";
import { pollSource } from "../../src/engine/poll-source.ts";
import { type PollState, pollSetting } from "../../src/engine/poll-state.ts";
import type { AlertFeed, Connector } from "../../src/engine/ports.ts";
import { writeBack } from "../../src/engine/write-back.ts";
import type { FakeSecurity } from "./fake-security.ts";
import type { Engine } from "./open-engine.ts";

const read = readConfig({}, () => undefined);
if (!read.ok) throw new Error(JSON.stringify(read.problems));
const { config } = read;

/** One process of air that asks a fake Microsoft, over the engine's database and clock; its jobs are run by hand. */
export function pollingAir(engine: Engine, fake: FakeSecurity, more: { backfillMs?: number; writeBack?: boolean } = {}) {
  fake.setClock(() => engine.world.now);
  const graph: Connector = createGraph(
    { ...fake.settings(), ...more },
    { clock: { now: () => engine.world.now }, timeoutMs: 500, breaker: { failures: 1000, pauseMs: 1 } },
  );
  const feed = graph.feed as AlertFeed;
  engine.world.capabilities = { ...engine.world.capabilities, lab: false, feeds: [feed] };
  const { air } = engine;
  const intake = createIntake(air, () => config);
  return {
    graph,
    feed,
    poll: (as: Air = air, take = takeFrom(as, feed.source, intake)) => pollSource(as, feed, take, engine.settle),
    tellSources: () => writeBack(air, engine.settle),
    state: async () => (await engine.store.setting<PollState>(pollSetting(feed.source))) as PollState,
    later: (ms: number) => {
      engine.world.now = new Date(engine.world.now.getTime() + ms);
    },
  };
}
