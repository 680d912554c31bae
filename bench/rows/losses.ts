import { type AirProcess, startAir } from "../air-process.ts";
import { freshAlert } from "../alerts.ts";
import { sleep } from "../clock.ts";
import { type Delivery, delivered, warmUp } from "../delivery.ts";
import { atRate, inTurns } from "../load.ts";
import { type DatabaseKind, prepare, type Rig, type Row, withAir } from "../rig.ts";
import type { Figure } from "../table.ts";

const RATE = { postgres: 20, embedded: 10 };
/** A row must end even where nothing does. */
const MAX_SECONDS_FOR_A_KILL = 20;

function figure(what: string, became: Delivery, rival: string, duplicates: boolean, more: Record<string, unknown> = {}): Figure {
  return {
    what,
    air: `${became.accepted} accepted, ${became.lost} lost, ${became.duplicates} duplicate root posts`,
    bar: "0 lost, 0 duplicates",
    rival,
    met: became.accepted > 0 && became.lost === 0 && (!duplicates || became.duplicates === 0),
    details: { ...became, ...more },
  };
}

/** Alerts keep coming while air is killed and started again and again. */
async function kills(rig: Rig, database: DatabaseKind): Promise<Figure> {
  const { settings, remove } = await prepare(rig, { database, world: "real", post: "all", pace: "lifted" });
  let air: AirProcess | undefined;
  try {
    air = await startAir(settings);
    await warmUp(rig.fakes, air);
    const stop = new AbortController();
    const target = { url: air.url, token: air.token };
    const loading = atRate(() => target, {
      rate: RATE[database],
      seconds: rig.kills * MAX_SECONDS_FOR_A_KILL,
      make: () => freshAlert(),
      signal: stop.signal,
    });
    const restartMs: number[] = [];
    for (let kill = 0; kill < rig.kills; kill++) {
      // Never the same moment of whatever runs in turns.
      await sleep(1500 + ((kill * 377) % 1000));
      await air.kill();
      air = await startAir(settings);
      restartMs.push(air.readyMs);
    }
    await sleep(1000);
    stop.abort();
    const load = await loading;
    // A job that died with its worker is taken up when its lease is over.
    const became = await delivered(rig.fakes, load, { idleSeconds: 90, maxSeconds: 240 });
    const name = database === "postgres" ? "PostgreSQL" : "embedded";
    const rival = database === "postgres" ? "all in flight lost (200 of 200, twice)" : "all in flight lost (539 of 539, SQLite)";
    return figure(`kill -9 under load, ${rig.kills} times, ${name}`, became, rival, true, { restartMs });
  } finally {
    await air?.kill();
    await remove();
  }
}

async function firstRefused(rig: Rig, database: DatabaseKind): Promise<Figure> {
  return withAir(rig, { database, world: "real", post: "all", pace: "lifted" }, async (air) => {
    await warmUp(rig.fakes, air);
    await rig.fakes.behave({ slack: "first429" });
    const load = await atRate(() => air, { rate: 5, seconds: rig.seconds * 2, make: () => freshAlert() });
    const became = await delivered(rig.fakes, load, { idleSeconds: 30, maxSeconds: 120 });
    return figure("each message's first post refused with 429", became, "100 of 100 lost (0 with retries at their maxima)", true);
  });
}

async function paced(rig: Rig, database: DatabaseKind): Promise<Figure> {
  const count = rig.full ? 60 : 20;
  return withAir(rig, { database, world: "real", post: "all", pace: "slack" }, async (air) => {
    await rig.fakes.behave({ slack: "paced" });
    let left = count;
    const load = await inTurns(air, { connections: count, seconds: 30, make: () => (left-- > 0 ? freshAlert() : undefined) });
    const became = await delivered(rig.fakes, load, { idleSeconds: 30, maxSeconds: count * 5, judged: false });
    const { refused } = await rig.fakes.counts();
    return figure(`chat takes 1 post/s, ${count} alerts at once (${refused} posts refused)`, became, "56 and 55 of 60 lost", true, {
      refused,
    });
  });
}

async function outage(rig: Rig, database: DatabaseKind): Promise<Figure> {
  const seconds = rig.full ? 20 : 8;
  return withAir(rig, { database, world: "real", post: "all", pace: "lifted" }, async (air) => {
    await warmUp(rig.fakes, air);
    const loading = atRate(() => air, { rate: 5, seconds: seconds + 6, make: () => freshAlert() });
    await sleep(3000);
    await rig.fakes.behave({ slack: "down" });
    await sleep(seconds * 1000);
    await rig.fakes.behave({ slack: "ok" });
    const became = await delivered(rig.fakes, await loading, { idleSeconds: 45, maxSeconds: 150 });
    return figure(`chat down for ${seconds} s at 5/s`, became, "100 of 200 lost (20 s)", true);
  });
}

export const losses: Row = {
  name: "losses",
  title: "7 losses",
  run: async (rig) => {
    const database = rig.postgres ? "postgres" : "embedded";
    return [
      ...(rig.postgres ? [await kills(rig, "postgres")] : []),
      await kills(rig, "embedded"),
      await firstRefused(rig, database),
      await paced(rig, database),
      await outage(rig, database),
    ];
  },
};
