import { createHmac } from "node:crypto";
import http from "node:http";
import { type AirProcess, SLACK_SECRET } from "../air-process.ts";
import { dumpAlert, freshAlert } from "../alerts.ts";
import { now, sleep, spread, until } from "../clock.ts";
import { warmUp } from "../delivery.ts";
import type { SeenButton } from "../fakes.ts";
import { atRate, call } from "../load.ts";
import { type Row, withAir } from "../rig.ts";
import { type Figure, round } from "../table.ts";

const BACKGROUND_PER_SECOND = 20;
const ACTIONS_PER_SECOND = 2;
const POLL_MS = 10;

type Action = { kind: string; state: string; version: string };
type Decided = { via: "click" | "api"; status: number; ackMs: number; calledMs: number | undefined; state: string };

const agent = new http.Agent({ keepAlive: true, maxSockets: 32 });

/** Presses the button the way Slack reports it: signed, as a form. */
async function click(air: AirProcess, button: SeenButton): Promise<number> {
  const payload = {
    type: "block_actions",
    user: { id: "U0PERSON", team_id: "T0BENCH" },
    team: { id: "T0BENCH" },
    channel: { id: button.channel },
    message: { ts: button.messageTs },
    trigger_id: "1.2.bench",
    actions: [{ type: "button", action_id: button.actionId, block_id: "b", value: button.value }],
  };
  const body = new URLSearchParams({ payload: JSON.stringify(payload) }).toString();
  const stamp = String(Math.floor(Date.now() / 1000));
  const signature = `v0=${createHmac("sha256", SLACK_SECRET).update(`v0:${stamp}:${body}`).digest("hex")}`;
  const headers = {
    "content-type": "application/x-www-form-urlencoded",
    "x-slack-request-timestamp": stamp,
    "x-slack-signature": signature,
  };
  return (await call(air, agent, { method: "POST", path: "/slack/events", body, headers })).status;
}

async function read(air: AirProcess, id: string): Promise<Action> {
  return JSON.parse((await call(air, agent, { method: "GET", path: `/v1/actions/${id}` })).text) as Action;
}

async function decide(air: AirProcess, button: SeenButton, via: Decided["via"], version: string): Promise<Decided> {
  const began = now();
  const status =
    via === "click"
      ? await click(air, button)
      : (
          await call(air, agent, {
            method: "POST",
            path: `/v1/actions/${button.action}/decision`,
            body: JSON.stringify({ decision: "approve", version, reason: "bench" }),
          })
        ).status;
  const ackMs = now() - began;
  let state = "";
  const calledMs = await until(10_000, POLL_MS, async () => {
    state = (await read(air, button.action)).state;
    return state === "pending" || state === "approved" ? undefined : now() - began;
  });
  return { via, status, ackMs, calledMs, state };
}

async function approvals(rig: Parameters<Row["run"]>[0]): Promise<Figure[]> {
  const database = rig.postgres ? "postgres" : "embedded";
  return withAir(rig, { database, world: "lab", post: "all", pace: "lifted" }, async (air) => {
    await warmUp(rig.fakes, air);
    await rig.fakes.reset();
    const seconds = rig.seconds * 2;
    const background = atRate(() => air, { rate: BACKGROUND_PER_SECOND, seconds, make: () => freshAlert("low") });
    const dumps = atRate(() => air, { rate: ACTIONS_PER_SECOND, seconds, make: dumpAlert });
    const proposed: Record<string, number> = {};
    const decisions: Promise<Decided>[] = [];
    const met = new Set<string>();
    const end = now() + seconds * 1000;
    while (now() < end) {
      for (const button of await rig.fakes.approvals()) {
        if (met.has(button.action)) continue;
        met.add(button.action);
        const action = await read(air, button.action);
        proposed[action.kind] = (proposed[action.kind] ?? 0) + 1;
        if (action.kind === "isolate-device" && action.state === "pending")
          decisions.push(decide(air, button, decisions.length % 2 === 0 ? "click" : "api", action.version));
      }
      await sleep(20);
    }
    await Promise.all([background, dumps]);
    const decided = await Promise.all(decisions);
    agent.destroy();
    if (decided.length === 0) throw new Error(`No isolation was proposed, only ${JSON.stringify(proposed)}`);
    const states = Object.fromEntries([...Map.groupBy(decided, (one) => one.state)].map(([state, list]) => [state, list.length]));
    return (["click", "api"] as const).map((via): Figure => {
      const mine = decided.filter((one) => one.via === via && one.status === 200);
      const ack = spread(mine.map((one) => one.ackMs));
      const called = spread(mine.flatMap((one) => (one.calledMs === undefined ? [] : [one.calledMs])));
      return {
        what: `${via === "click" ? "Slack Approve click" : "POST /v1/actions/{id}/decision"} to ack / to executing, p95, at ${BACKGROUND_PER_SECOND}/s, ${database} (${mine.length} decisions)`,
        air: `${round(ack?.p95 ?? Number.NaN)} / ${round(called?.p95 ?? Number.NaN)} ms`,
        bar: "100 / 250 ms",
        met: ack !== undefined && called !== undefined && called.n === mine.length && ack.p95 < 100 && called.p95 < 250,
        details: { proposed, states, ackMs: ack, calledMs: called, decided: decided.filter((one) => one.via === via) },
      };
    });
  });
}

export const approve: Row = { name: "approve", title: "6 approve", run: approvals };
