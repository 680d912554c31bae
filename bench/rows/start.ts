import { startAir } from "../air-process.ts";
import { median, sleep } from "../clock.ts";
import { type DatabaseKind, prepare, type Rig, type Row } from "../rig.ts";
import { type Figure, round } from "../table.ts";

const STARTS = 3;
/** What starting leaves behind is given a moment to go. */
const REST_MS = 2000;

const BAR = { postgres: { seconds: 2.5, memory: 250 }, embedded: { seconds: 3, memory: 900 } };
const RIVAL = { postgres: { seconds: "8.5 s", memory: "850 MiB" }, embedded: { seconds: "8.8 s (SQLite)", memory: "855 MiB (SQLite)" } };

async function starts(rig: Rig, database: DatabaseKind): Promise<Figure[]> {
  const { settings, remove } = await prepare(rig, { database, world: "real", post: "all", pace: "lifted" });
  try {
    const readyMs: number[] = [];
    const rssMiB: number[] = [];
    let firstMs = 0;
    // The first start makes the database; the others find it.
    for (let turn = 0; turn <= STARTS; turn++) {
      const air = await startAir(settings);
      if (turn === 0) firstMs = air.readyMs;
      else {
        readyMs.push(air.readyMs);
        await sleep(REST_MS);
        rssMiB.push(air.usage().rssMiB);
      }
      await air.stop();
    }
    const name = database === "postgres" ? "PostgreSQL" : "embedded, warm";
    const bar = BAR[database];
    return [
      {
        what: `start to ready, ${name} (median of ${STARTS})`,
        air: `${round(median(readyMs) / 1000, 2)} s`,
        bar: `${bar.seconds} s`,
        rival: RIVAL[database].seconds,
        met: median(readyMs) / 1000 <= bar.seconds,
        details: { readyMs, firstStartMs: firstMs },
      },
      {
        what: `memory at rest, ${name}`,
        air: `${round(median(rssMiB))} MiB`,
        bar: `${bar.memory} MiB`,
        rival: RIVAL[database].memory,
        met: median(rssMiB) <= bar.memory,
        details: { rssMiB },
      },
    ];
  } finally {
    await remove();
  }
}

export const start: Row = {
  name: "start",
  title: "1 start",
  run: async (rig) => [...(rig.postgres ? await starts(rig, "postgres") : []), ...(await starts(rig, "embedded"))],
};
