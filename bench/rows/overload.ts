import { freshAlert } from "../alerts.ts";
import { spread } from "../clock.ts";
import { delivered, warmUp } from "../delivery.ts";
import { atRate } from "../load.ts";
import { type DatabaseKind, type Rig, type Row, withAir } from "../rig.ts";
import { type Figure, round } from "../table.ts";

const RATE = 400;

async function flood(rig: Rig, database: DatabaseKind): Promise<Figure[]> {
  return withAir(rig, { database, world: "real", post: "all", pace: "lifted" }, async (air) => {
    await warmUp(rig.fakes, air, 20);
    const load = await atRate(() => air, { rate: RATE, seconds: rig.seconds, make: () => freshAlert() });
    const became = await delivered(rig.fakes, load, { idleSeconds: 20, maxSeconds: 300 });
    const all = spread(load.shots.map((shot) => shot.ms));
    const refused = load.shots.filter((shot) => shot.answer === 429 || shot.answer === 503);
    const honest = load.shots.every((shot) => shot.answer === 202 || ((shot.answer === 429 || shot.answer === 503) && shot.retryAfter));
    const name = database === "postgres" ? "PostgreSQL" : "embedded";
    return [
      {
        what: `${RATE}/s offered for ${rig.seconds} s, ${name}: POST p50 / p99`,
        air: `${round(all?.p50 ?? Number.NaN)} / ${round(all?.p99 ?? Number.NaN)} ms; ${JSON.stringify(became.codes)}`,
        bar: "p99 50 ms, or 429/503 with Retry-After",
        rival: "10 s answers at 30/s, no refusal",
        met: honest && (refused.length > 0 || (all?.p99 ?? Number.POSITIVE_INFINITY) < 50),
        details: { ...became, allMs: all, offered: RATE },
      },
      {
        what: `accepted and lost, ${name}`,
        air: `${became.lost} of ${became.accepted} lost, ${became.unsettled} not judged; drained in ${round(became.drainSeconds, 1)} s`,
        bar: "0 lost",
        met: became.lost === 0,
      },
    ];
  });
}

export const overload: Row = {
  name: "overload",
  title: "5 overload",
  run: (rig) => flood(rig, rig.postgres ? "postgres" : "embedded"),
};
