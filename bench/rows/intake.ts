import type { AirProcess } from "../air-process.ts";
import { freshAlert } from "../alerts.ts";
import { warmUp } from "../delivery.ts";
import { codesOf, inTurns, isAccepted, type Load } from "../load.ts";
import { hasPgbench, pgbench } from "../postgres.ts";
import { type Rig, type Row, Skip, withAir } from "../rig.ts";
import { type Figure, round } from "../table.ts";

const CONNECTIONS = 64;
const BAR = 0.5;

const fire = (air: AirProcess, seconds: number): Promise<Load> =>
  inTurns(air, { connections: CONNECTIONS, seconds, make: () => freshAlert("low") });
const perSecond = (load: Load): number => load.shots.filter(isAccepted).length / load.seconds;

/** pgbench before and after, so that a change of the machine's mood is in both. */
async function against(rig: Rig, alone: boolean): Promise<Figure> {
  const yaml = alone ? "alertPolicies: [{ match: {}, investigate: false }]" : "";
  return withAir(rig, { database: "postgres", world: "real", post: "needed", pace: "lifted", yaml }, async (air, settings) => {
    const url = settings.databaseUrl ?? "";
    if (alone) await fire(air, 2);
    else await warmUp(rig.fakes, air);
    const before = await pgbench(url, rig.seconds / 2);
    const idle = air.usage().cpuSeconds;
    const load = await fire(air, rig.seconds);
    const cores = (air.usage().cpuSeconds - idle) / load.seconds;
    // Investigations still going on would take from pgbench what they took from the intake.
    if (!alone) await air.kill();
    const after = await pgbench(url, rig.seconds / 2);
    const ratio = perSecond(load) / ((before + after) / 2);
    const codes = codesOf(load);
    return {
      what: `${CONNECTIONS} connections, one alert a POST, ${alone ? "no investigations" : "with investigations going on (for information)"}, against pgbench -c 8`,
      air: `${round(perSecond(load))}/s : ${round((before + after) / 2)}/s = ${round(ratio, 2)}; node on ${round(cores, 2)} cores${Object.keys(codes).length > 1 ? ` (${JSON.stringify(codes)})` : ""}`,
      ...(alone ? { bar: `ratio ${BAR}`, met: ratio >= BAR } : {}),
      details: { perSecond: perSecond(load), pgbenchBefore: before, pgbenchAfter: after, ratio, cores, codes },
    };
  });
}

export const intake: Row = {
  name: "intake",
  title: "4 intake",
  run: async (rig) => {
    if (!hasPgbench()) throw new Skip("pgbench is not installed");
    return [await against(rig, true), await against(rig, false)];
  },
};
