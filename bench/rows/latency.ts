import { freshAlert } from "../alerts.ts";
import { delivered, warmUp } from "../delivery.ts";
import { atRate } from "../load.ts";
import { type DatabaseKind, type Rig, type Row, withAir } from "../rig.ts";
import { type Figure, round } from "../table.ts";

const RIVAL = { postgres: "103 / 169 ms", embedded: "99 / 177 ms (SQLite)" };

async function latencies(rig: Rig, database: DatabaseKind): Promise<Figure[]> {
  return withAir(rig, { database, world: "real", post: "all", pace: "lifted" }, async (air) => {
    await warmUp(rig.fakes, air);
    const load = await atRate(() => air, { rate: 5, seconds: rig.seconds * 4, make: () => freshAlert() });
    const became = await delivered(rig.fakes, load, { idleSeconds: 10, maxSeconds: 60 });
    const first = became.firstMs;
    const settled = became.settledMs;
    const name = database === "postgres" ? "PostgreSQL" : "embedded";
    return [
      {
        what: `alert POST to first chat post at 5/s, p50 / p99, ${name} (${first?.n ?? 0} alerts)`,
        air: `${round(first?.p50 ?? Number.NaN)} / ${round(first?.p99 ?? Number.NaN)} ms`,
        bar: "80 / 150 ms",
        rival: RIVAL[database],
        met: first !== undefined && became.lost === 0 && first.p50 < 80 && first.p99 < 150,
        details: { ...became },
      },
      {
        what: `the same to the judged card, p50 / p99, ${name}`,
        air: `${round(settled?.p50 ?? Number.NaN)} / ${round(settled?.p99 ?? Number.NaN)} ms`,
        rival: RIVAL[database],
      },
    ];
  });
}

export const latency: Row = {
  name: "latency",
  title: "2 latency",
  run: async (rig) => [...(rig.postgres ? await latencies(rig, "postgres") : []), ...(await latencies(rig, "embedded"))],
};
