import http from "node:http";
import postgres from "postgres";
import { type AirProcess, type AirSettings, startAir, startWorker } from "../air-process.ts";
import { freshAlert } from "../alerts.ts";
import { sleep, until } from "../clock.ts";
import { warmUp } from "../delivery.ts";
import { call } from "../load.ts";
import { prepare, type Rig, type Row, Skip } from "../rig.ts";
import { round } from "../table.ts";

const BAR = 1.5;
const INTEL_MS = 100;
/** What eight waiting handlers do in a second at most. */
const PER_SECOND = 80;
const BATCH = 200;

/** Hands over a heap of alerts at once and tells how many investigations ended a second. */
async function work(rig: Rig, air: AirProcess, settings: AirSettings): Promise<number> {
  const count = Math.max(BATCH, rig.seconds * PER_SECOND);
  const sql = postgres(settings.databaseUrl ?? "", { max: 1, onnotice: () => {} });
  const agent = new http.Agent({ keepAlive: true });
  try {
    const [last] = await sql<{ id: number }[]>`select coalesce(max(id), 0)::int as id from investigations`;
    for (let sent = 0; sent < count; sent += BATCH) {
      const body = JSON.stringify(Array.from({ length: Math.min(BATCH, count - sent) }, () => freshAlert("low")));
      const { status, text } = await call(air, agent, { method: "POST", path: "/v1/alerts/generic", body });
      if (status !== 202) throw new Error(`The alerts were answered with ${status}: ${text.slice(0, 300)}`);
    }
    const took = await until((count / PER_SECOND) * 5000 + 30_000, 100, async () => {
      // Counted between the first and the last end, so that the hand-over is no part of it.
      const [row] = await sql<{ ended: number; seconds: number }[]>`
        select count(ended_at)::int as ended, extract(epoch from max(ended_at) - min(ended_at))::float8 as seconds
        from investigations where id > ${last?.id ?? 0}`;
      return row && row.ended >= count ? row.seconds : undefined;
    });
    if (took === undefined) throw new Error(`${count} investigations did not end in time`);
    return count / took;
  } finally {
    agent.destroy();
    await sql.end({ timeout: 2 });
  }
}

export const worker: Row = {
  name: "worker",
  title: "9 second process",
  run: async (rig) => {
    if (!rig.postgres) throw new Skip("a second process needs PostgreSQL");
    const { settings, remove } = await prepare(rig, { database: "postgres", world: "real", post: "needed", pace: "lifted" });
    const started: { kill: () => Promise<void> }[] = [];
    try {
      const air = await startAir(settings);
      started.push(air);
      await warmUp(rig.fakes, air, 20);
      // Nothing malicious: no cards, no actions, only handlers that wait.
      await rig.fakes.behave({ intelDelayMs: INTEL_MS, malicious: 0 });
      const alone = await work(rig, air, settings);
      const second = await startWorker(settings);
      started.push(second);
      await work({ ...rig, seconds: 1 }, air, settings);
      await sleep(500);
      const together = await work(rig, air, settings);
      const ratio = together / alone;
      return [
        {
          what: `investigations a second with look-ups of ${INTEL_MS} ms: one process, with air worker beside it`,
          air: `${round(alone, 1)}/s, ${round(together, 1)}/s: ${round(ratio, 2)}x`,
          bar: `${BAR}x`,
          met: ratio >= BAR,
          details: { alone, together, ratio },
        },
      ];
    } finally {
      for (const process of started) await process.kill();
      await remove();
    }
  },
};
