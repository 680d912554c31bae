import { freshAlert } from "../alerts.ts";
import { type Delivery, delivered, warmUp } from "../delivery.ts";
import { atRate } from "../load.ts";
import { type DatabaseKind, type Rig, type Row, withAir } from "../rig.ts";
import { type Figure, round } from "../table.ts";

const RATES = { postgres: [50, 100, 150, 200, 250, 300], embedded: [10, 20, 30, 40, 50, 70] };
const BAR = { postgres: 200, embedded: 30 };
const RIVAL = { postgres: "13-16/s", embedded: "12-15/s (SQLite)" };
const CPU_BAR = 0.01;
const DRAINED_WITHIN_S = 2;

type Step = Delivery & { rate: number; kept: boolean; cpuPerAlert: number; postgresCpuPerAlert: number | undefined; rssMiB: number };

/** Rising rates on one air, until one is too much. */
async function climb(rig: Rig, database: DatabaseKind): Promise<Figure[]> {
  return withAir(rig, { database, world: "real", post: "all", pace: "lifted" }, async (air) => {
    await warmUp(rig.fakes, air, 20);
    const steps: Step[] = [];
    for (const rate of RATES[database]) {
      await rig.fakes.reset();
      const before = { air: air.usage(), postgres: rig.postgres?.cpuSeconds() };
      const load = await atRate(() => air, { rate, seconds: rig.seconds, make: () => freshAlert() });
      const became = await delivered(rig.fakes, load, { idleSeconds: 10, maxSeconds: 120 });
      const after = { air: air.usage(), postgres: rig.postgres?.cpuSeconds() };
      const done = became.accepted - became.lost - became.unsettled;
      const postgresCpu =
        database === "postgres" && before.postgres !== undefined && after.postgres !== undefined
          ? (after.postgres - before.postgres) / done
          : undefined;
      const whole = became.accepted === became.sent && became.lost === 0 && became.unsettled === 0;
      const kept = whole && became.drainSeconds <= DRAINED_WITHIN_S && became.offeredPerSecond >= 0.95 * rate;
      steps.push({
        ...became,
        rate,
        kept,
        cpuPerAlert: (after.air.cpuSeconds - before.air.cpuSeconds) / done,
        postgresCpuPerAlert: postgresCpu,
        rssMiB: after.air.rssMiB,
      });
      if (!kept) break;
    }
    return figures(steps, database);
  });
}

function figures(steps: readonly Step[], database: DatabaseKind): Figure[] {
  const name = database === "postgres" ? "PostgreSQL" : "embedded";
  const best = steps.findLast((step) => step.kept);
  const failed = steps.find((step) => !step.kept);
  // CPU for each alert is told where nothing waits; the first step stands in where even that one was too much.
  const told = best ?? steps[0];
  const why = failed
    ? `; at ${failed.rate}/s: ${failed.lost} lost, ${failed.unsettled} not judged, drained in ${round(failed.drainSeconds, 1)} s, ${failed.sent - failed.accepted} refused`
    : " (the highest tried)";
  return [
    {
      what: `sustained end to end, ${name}`,
      air: `${best?.rate ?? 0}/s${why}`,
      bar: `${BAR[database]}/s`,
      rival: RIVAL[database],
      met: (best?.rate ?? 0) >= BAR[database],
      details: { steps },
    },
    {
      what: `CPU for each alert at ${told?.rate ?? 0}/s, ${name}: node${told?.postgresCpuPerAlert === undefined ? "" : " + PostgreSQL"}`,
      air: `${round(told?.cpuPerAlert ?? Number.NaN, 4)}${told?.postgresCpuPerAlert === undefined ? "" : ` + ${round(told.postgresCpuPerAlert, 4)}`} s`,
      bar: `${CPU_BAR} s`,
      rival: "0.10 s",
      met: (told?.cpuPerAlert ?? 1) < CPU_BAR,
    },
  ];
}

export const sustained: Row = {
  name: "sustained",
  title: "3 sustained",
  run: async (rig) => [...(rig.postgres ? await climb(rig, "postgres") : []), ...(await climb(rig, "embedded"))],
};
