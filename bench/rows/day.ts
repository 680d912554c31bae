import http from "node:http";
import { readConfig } from "../../src/bot/config.ts";
import { startAir } from "../../src/bot/main.ts";
import type { Log } from "../../src/engine/ports.ts";
import { TOKEN } from "../air-process.ts";
import { type BenchAlert, mixedDay } from "../alerts.ts";
import { now, sleep } from "../clock.ts";
import { call, codesOf, inTurns, isAccepted, type Target } from "../load.ts";
import { prepare, type Rig, type Row, withAir } from "../rig.ts";
import type { Figure } from "../table.ts";

const WHOLE_DAY = 4500;
const BAR = 60;

/** The day on its own clock takes ten minutes: a sweep, which comes every ten seconds, is then half an hour apart. */
const FASTER = 144;
const MINUTE = 60_000;
/** So long somebody takes to decide; nobody ever decides every third action. */
const DECIDES_AFTER = 20 * MINUTE;
const ON_CALL = `
people: [{ name: Mia, email: mia@bench.example, slack: U0MIA }]
onCall: { person: mia@bench.example, every: 10m }
`;

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

const silent: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, child: () => silent };

/**
 * What was told to people, and whether there was anything for them to decide when it was. Somebody has to look at an action that failed or
 * whose outcome is unclear: such a page is never idle.
 */
const PAGES = `
  select p.step, count(*)::int as pages,
    (count(*) filter (where p.step not in ('unclear', 'failed')
      and (a.id is null or coalesce(a.decided_at, a.ended_at) < p.sent_at - interval '2 minutes')))::int as idle
  from pages p left join actions a on a.id = p.action_id
  where p.sent_at is not null and p.target not like 'ops:%' group by p.step order by p.step`;
type Pages = { step: string; pages: number; idle: number };

/** The same day as it would be lived: each alert at its time, people who decide late or not at all, and somebody on call. */
async function lived(rig: Rig): Promise<Figure> {
  const database = rig.postgres ? "postgres" : "embedded";
  const { alerts } = mixedDay(WHOLE_DAY);
  const taken = rig.full ? alerts : alerts.slice(0, WHOLE_DAY / 10);
  const { settings, remove } = await prepare(rig, { database, world: "lab", post: "needed", pace: "lifted", storms: true, yaml: ON_CALL });
  const env = {
    AIR_API_TOKEN: TOKEN,
    AIR_DATA_DIR: settings.dataDir,
    PORT: String(settings.port),
    ...(settings.databaseUrl ? { DATABASE_URL: settings.databaseUrl } : {}),
    ...settings.env,
  };
  const read = readConfig(env, (file) => (file === "./air.yaml" ? settings.yaml : undefined));
  if (!read.ok) throw new Error(JSON.stringify(read.problems));
  const began = Date.parse(taken[0]?.detectedAt ?? "");
  const startedAt = now();
  const clock = { now: () => new Date(began + (now() - startedAt) * FASTER) };
  const air = await startAir(() => read.config, silent, { serve: true, clock });
  const target = { url: air.url, token: TOKEN };
  const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
  try {
    const decided = new Set<string>();
    const decide = async () => {
      const { text } = await call(target, agent, { method: "GET", path: "/v1/actions?state=pending&limit=200" });
      for (const action of (JSON.parse(text) as { items: { id: string; proposedAt: string }[] }).items) {
        const number = Number(action.id.slice("ACT-".length));
        if (number % 3 === 0 || decided.has(action.id) || clock.now().getTime() - Date.parse(action.proposedAt) < DECIDES_AFTER) continue;
        decided.add(action.id);
        const body = JSON.stringify(number % 3 === 1 ? { decision: "approve" } : { decision: "reject", reason: "known" });
        await call(target, agent, { method: "POST", path: `/v1/actions/${action.id}/decision`, body });
      }
    };
    let accepted = 0;
    let looked = now();
    const post = async (alert: BenchAlert) => {
      const { status } = await call(target, agent, { method: "POST", path: "/v1/alerts/generic", body: JSON.stringify(alert) });
      if (status === 202) accepted++;
    };
    for (const alert of taken) {
      while (clock.now().getTime() < Date.parse(alert.detectedAt ?? "")) await sleep(5);
      await post(alert);
      if (now() - looked > 1000) {
        looked = now();
        await decide();
      }
    }
    const done = await finished(target, 120);
    const { rows } = await air.database.boss.executeSql(PAGES);
    const pages = rows as Pages[];
    const sum = (of: (page: Pages) => number) => pages.reduce((all, page) => all + of(page), 0);
    const counts = await rig.fakes.counts();
    const idle = sum((page) => page.idle);
    return {
      what: `${taken.length} alerts at their times, the clock ${FASTER} times faster, storms and somebody on call${done ? "" : ", STOPPED BEFORE IT WAS DONE"}`,
      air: `${counts.rootPosts} root cards; ${sum((page) => page.pages)} pages, ${idle} without a decision to make; ${decided.size} decisions; ${accepted} accepted`,
      bar: rig.full ? `${BAR} root cards, 0 such pages` : "0 such pages",
      met: done && idle === 0 && accepted === taken.length && (!rig.full || counts.rootPosts <= BAR),
      details: { ...counts, pages, decided: decided.size, done },
    };
  } finally {
    agent.destroy();
    await air.stop();
    await remove();
  }
}

async function atOnce(rig: Rig): Promise<Figure> {
  const count = rig.full ? WHOLE_DAY : WHOLE_DAY / 10;
  const database = rig.postgres ? "postgres" : "embedded";
  return withAir(rig, { database, world: "lab", post: "needed", pace: "lifted" }, async (air) => {
    const { alerts, real, bySeverity } = mixedDay(count);
    let next = 0;
    const load = await inTurns(air, { connections: 4, seconds: 600, make: () => alerts[next++] });
    const done = await finished(air, rig.full ? 300 : 60);
    const counts = await rig.fakes.counts();
    const accepted = load.shots.filter(isAccepted).length;
    return {
      what: `root cards of ${count} alerts (${real} real, ${bySeverity.high ?? 0} high), all at once, no storms${done ? "" : ", STOPPED BEFORE IT WAS DONE"}`,
      air: `${counts.rootPosts} root cards, ${counts.replies} replies, ${counts.updates} updates; ${accepted} accepted`,
      bar: rig.full ? `${BAR} root cards` : `${BAR} for ${WHOLE_DAY}; a tenth has more incidents for each alert`,
      ...(rig.full ? { met: done && counts.rootPosts <= BAR && accepted === count } : {}),
      details: { ...counts, real, bySeverity, done, codes: codesOf(load), seconds: load.seconds },
    };
  });
}

export const day: Row = {
  name: "day",
  title: "8 mixed day",
  run: async (rig) => [await lived(rig), await atOnce(rig)],
};
