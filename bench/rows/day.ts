import http from "node:http";
import { mixedDay } from "../alerts.ts";
import { now, sleep } from "../clock.ts";
import { call, codesOf, inTurns, isAccepted, type Target } from "../load.ts";
import { type Row, withAir } from "../rig.ts";

const WHOLE_DAY = 4500;
const BAR = 60;

/** Jobs that wait or run, and messages that do not show the present yet. */
async function unfinished(target: Target, agent: http.Agent): Promise<number> {
  const { text } = await call(target, agent, { method: "GET", path: "/metrics" });
  let sum = 0;
  for (const [, queue, value] of text.matchAll(/^air_jobs\{queue="([^"]+)"\} (\d+)/gm)) if (queue !== "sweep") sum += Number(value);
  return sum + Number(/^air_messages_stale (\d+)/m.exec(text)?.[1] ?? 0);
}

async function finished(target: Target, maxSeconds: number): Promise<boolean> {
  const agent = new http.Agent({ keepAlive: true });
  const end = now() + maxSeconds * 1000;
  let quiet = 0;
  while (now() < end && quiet < 4) {
    quiet = (await unfinished(target, agent)) === 0 ? quiet + 1 : 0;
    await sleep(250);
  }
  agent.destroy();
  return quiet >= 4;
}

export const day: Row = {
  name: "day",
  title: "8 mixed day",
  run: async (rig) => {
    const count = rig.full ? WHOLE_DAY : WHOLE_DAY / 10;
    const database = rig.postgres ? "postgres" : "embedded";
    return withAir(rig, { database, world: "lab", post: "needed", pace: "lifted" }, async (air) => {
      const { alerts, real, bySeverity } = mixedDay(count);
      let next = 0;
      const load = await inTurns(air, { connections: 4, seconds: 600, make: () => alerts[next++] });
      const done = await finished(air, rig.full ? 300 : 60);
      const counts = await rig.fakes.counts();
      const accepted = load.shots.filter(isAccepted).length;
      return [
        {
          what: `root cards of ${count} alerts (${real} real, ${bySeverity.high ?? 0} high), default settings${done ? "" : ", STOPPED BEFORE IT WAS DONE"}`,
          air: `${counts.rootPosts} root cards, ${counts.replies} replies, ${counts.updates} updates; ${accepted} accepted`,
          bar: rig.full ? `${BAR} root cards` : `${BAR} for ${WHOLE_DAY}; a tenth has more incidents for each alert`,
          ...(rig.full ? { met: done && counts.rootPosts <= BAR && accepted === count } : {}),
          details: { ...counts, real, bySeverity, done, codes: codesOf(load), seconds: load.seconds },
        },
      ];
    });
  },
};
