import http from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import postgres from "postgres";
import type { AirProcess, AirSettings } from "../air-process.ts";
import { dumpAlert, freshAlert } from "../alerts.ts";
import { now, until } from "../clock.ts";
import { warmUp } from "../delivery.ts";
import { atRate, call, codesOf, isAccepted } from "../load.ts";
import { type Rig, type Row, Skip, withAir } from "../rig.ts";
import { type Figure, round } from "../table.ts";

const ALERTS = 10_000;
const SECONDS = 60;
/** The older investigation goes through this many rounds while the flood comes in. */
const OLDER_ROUNDS = 6;
const STORED_WITHIN_MS = 10_000;
const DRAINED_WITHIN_MS = 240_000;

type Stored = { alerts: number; distinct: number; homeless: number; incidents: number; investigations: number; ended: number };

/**
 * The older one begins just before the flood and waits for a person, so it goes on: further alerts of the same device name something new
 * again and again, and each time it is woken it stands among what floods in.
 */
async function older(air: AirProcess, sql: postgres.Sql): Promise<{ roundMs: number[]; waiting: number[] }> {
  const agent = new http.Agent({ keepAlive: true });
  const first = dumpAlert();
  const device = first.entities[0] ?? {};
  const seen = new Set<number>();
  const roundMs: number[] = [];
  const waiting: number[] = [];
  for (let turn = 0; turn < OLDER_ROUNDS; turn++) {
    const alert = turn === 0 ? first : { ...freshAlert("low"), entities: [device, ...freshAlert("low").entities.slice(2)] };
    const [queue] = await sql<{ waiting: number }[]>`
      select count(*)::int as waiting from pgboss.job where name = 'investigate' and state = 'created'`;
    waiting.push(queue?.waiting ?? 0);
    const began = now();
    const post = () => call(air, agent, { method: "POST", path: "/v1/alerts/generic", body: JSON.stringify(alert) });
    let reply = await post();
    // "Come back in a second" is an answer, not a loss: a sender sends again.
    while (reply.status === 503 || reply.status === 429) {
      await new Promise((resolve) => setTimeout(resolve, 1000));
      reply = await post();
    }
    if (reply.status !== 202) throw new Error(`The older incident's alert was answered with ${reply.status}`);
    const { accepted } = JSON.parse(reply.text) as { accepted: { investigation: string | null }[] };
    const id = Number(accepted[0]?.investigation?.replace("INV-", ""));
    const done = await until(DRAINED_WITHIN_MS, 20, async () => {
      const [row] = await sql<{ done: boolean }[]>`
        select not exists (select 1 from evidence where investigation_id = ${id} and looked_round is null) as done`;
      return row?.done || undefined;
    });
    seen.add(id);
    roundMs.push(done ? now() - began : Number.POSITIVE_INFINITY);
    // What is starved is a figure, too; nothing more is sent after it.
    if (!done) break;
    // Spread over the minute, so that the later rounds meet whatever has piled up.
    await pause((SECONDS * 1000) / (OLDER_ROUNDS + 2));
  }
  agent.destroy();
  if (seen.size !== 1) throw new Error("The older incident's alerts are in more than one investigation");
  return { roundMs, waiting };
}

const storedSince = async (sql: postgres.Sql, last: number): Promise<Stored> => {
  const [row] = await sql<Stored[]>`
    select count(*)::int as alerts, count(distinct a.source_id)::int as distinct,
      count(*) filter (where i.id is null)::int as homeless, count(distinct a.incident_id)::int as incidents,
      count(distinct a.investigation_id)::int as investigations,
      count(distinct v.id) filter (where v.ended_at is not null or v.status = 'pendingApproval')::int as ended
    from alerts a left join incidents i on i.id = a.incident_id left join investigations v on v.id = a.investigation_id
    where a.id > ${last}`;
  if (!row) throw new Error("PostgreSQL did not count");
  return row;
};

async function flood(rig: Rig, air: AirProcess, settings: AirSettings): Promise<Figure[]> {
  await warmUp(rig.fakes, air, 20);
  const sql = postgres(settings.databaseUrl ?? "", { max: 2, onnotice: () => {} });
  try {
    const [before] = await sql<{ last: number }[]>`select coalesce(max(id), 0)::int as last from alerts`;
    const last = before?.last ?? 0;
    const slow = older(air, sql);
    slow.catch(() => {});
    const load = await atRate(() => air, { rate: ALERTS / SECONDS, seconds: SECONDS, make: () => freshAlert("low") });
    const accepted = load.shots.filter(isAccepted).length;
    const { roundMs, waiting } = await slow;
    const own = roundMs.length;
    const wanted = accepted + own;
    await until(STORED_WITHIN_MS, 200, async () => (await storedSince(sql, last)).alerts >= wanted || undefined);
    await until(DRAINED_WITHIN_MS, 500, async () => {
      const { ended, investigations } = await storedSince(sql, last);
      return ended >= investigations || undefined;
    });
    const drained = Math.max(0, now() - load.endedAt) / 1000;
    const stored = await storedSince(sql, last);
    const worst = Math.max(...roundMs);
    return [
      {
        what: `${ALERTS} alerts offered in ${round(load.seconds)} s: accepted, stored, in one incident each`,
        air: `${accepted} accepted (${JSON.stringify(codesOf(load))}), ${stored.alerts - own} stored, ${stored.distinct - own} different, ${stored.homeless} without an incident, ${stored.incidents} incidents`,
        bar: "all accepted and stored once, each in one incident",
        met:
          accepted === ALERTS &&
          stored.alerts === wanted &&
          stored.distinct === wanted &&
          stored.homeless === 0 &&
          stored.incidents === ALERTS + 1,
        details: { stored, codes: codesOf(load), seconds: load.seconds },
      },
      {
        what: "their investigations ended",
        air: `${stored.ended} of ${stored.investigations}, the last ${round(drained, 1)} s after the last POST`,
        bar: "all",
        met: stored.ended === stored.investigations,
      },
      {
        what: `an older investigation, ${OLDER_ROUNDS} rounds meanwhile: from its alert to the round done, each`,
        air: `${roundMs.map((ms) => (Number.isFinite(ms) ? `${round(ms)} ms` : "not done")).join(", ")}, with ${waiting.join(", ")} investigations waiting to begin`,
        bar: "each within 10 s",
        met: own === OLDER_ROUNDS && worst <= 10_000,
        details: { roundMs, waiting },
      },
    ];
  } finally {
    await sql.end({ timeout: 2 });
  }
}

export const flooded: Row = {
  name: "flood",
  title: "11 ten thousand alerts in a minute",
  run: async (rig) => {
    if (!rig.postgres) throw new Skip("this many alerts need PostgreSQL");
    return withAir(rig, { database: "postgres", world: "real", post: "needed", pace: "lifted", storms: true }, (air, settings) =>
      flood(rig, air, settings),
    );
  },
};
