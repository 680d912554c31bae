import { WebClient } from "@slack/web-api";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { toMessage } from "../../src/adapters/slack/blocks.ts";
import { boltLogger } from "../../src/adapters/slack/bolt-logger.ts";
import { createPlatform } from "../../src/adapters/slack/post.ts";
import { actionId, incidentId } from "../../src/engine/air.ts";
import { decideAction } from "../../src/engine/decide-action.ts";
import { NO_ROLES } from "../../src/engine/domain/approval.ts";
import { drawMessages } from "../../src/engine/draw.ts";
import { executeAction } from "../../src/engine/execute-action.ts";
import { ingestAlerts } from "../../src/engine/ingest-alert.ts";
import { assignIncident } from "../../src/engine/manage-incident.ts";
import { publishCards } from "../../src/engine/publish-card.ts";
import { wantCards } from "../../src/engine/want-cards.ts";
import { NOW, openLab } from "../support/lab-capabilities.ts";
import {
  anAlert,
  approver,
  type Engine,
  fresh,
  numberOf,
  openEngine,
  proposedAction,
  somebody,
  testPolicy,
  testSign,
} from "../support/open-engine.ts";
import { DATABASES } from "../support/open-test-db.ts";
import { rememberingLog } from "../support/remembering-log.ts";
import { type SlackEmulator, type SlackFault, startSlackEmulator } from "../support/slack-emulator.ts";

/*
 * More alerts than Slack takes, and a Slack that is away: the real adapter and Slack's client against `emulate` behind Slack's own limits, on
 * a clock that only the waiting of air moves. What counts is what stands in the channel afterwards.
 */

const rea = somebody("Rea", { ...NO_ROLES, viewer: true, responder: true });
const SECOND = 1_000;
const MINUTE = 60 * SECOND;
type Message = { ts: string; text: string; thread_ts?: string; metadata?: { event_payload: { marker: string } } };

// One database is enough: the books of a channel are proven on both in test/engine.
describe.each(DATABASES.slice(-1))("a rush and an outage, %s", (kind) => {
  let engine: Engine;
  let slack: SlackEmulator;
  let channel: string;
  let platforms: Map<string, ReturnType<typeof createPlatform>>;
  beforeAll(async () => {
    engine = await openEngine(kind);
  });
  beforeEach(async () => {
    await engine.clearJobs();
    slack = await startSlackEmulator({ limits: { now: () => engine.world.now.getTime(), burst: 1 } });
    channel = `slack:${slack.channel}`;
    const client = new WebClient(slack.token, {
      slackApiUrl: slack.apiUrl,
      retryConfig: { retries: 0 },
      rejectRateLimitedCalls: true,
      timeout: 300,
      logger: boltLogger(rememberingLog()),
    });
    platforms = new Map([["slack", createPlatform(client, { perSecond: 1, burst: 1 }, () => engine.world.now.getTime())]]);
    Object.assign(engine.world, {
      now: NOW,
      capabilities: openLab(() => engine.world.now).capabilities,
      // Each its own card: a storm of alike alerts would be one.
      policy: { ...testPolicy, storm: { ...testPolicy.storm, alike: 1_000_000 } },
      channels: [{ channels: [channel], post: "all" }],
    });
  });
  afterEach(async () => {
    delete engine.air.sleep;
    await slack.stop();
  });
  afterAll(() => engine.close());

  const at = () => engine.world.now.getTime() - NOW.getTime();
  const drawing = () => ({
    now: engine.world.now,
    sign: testSign,
    publicUrl: undefined,
    pauses: [],
    deciders: () => ({ anyone: false, names: ["Mia"] }),
  });
  /** Lets the channel's writer work until nothing is left to do; `happens` is asked whenever the clock has moved. */
  const publishAll = async (happens: () => Promise<void> = async () => {}) => {
    engine.air.sleep = async (ms) => {
      engine.world.now = new Date(engine.world.now.getTime() + ms);
      await happens();
    };
    for (;;) {
      await publishCards(engine.air, { platforms, drawing: async () => drawing() }, channel, engine.settle);
      const next = await engine.store.nextStaleAt(channel);
      if (!next) return;
      const due = Math.max(next.getTime(), (await engine.store.channel(channel))?.nextAt?.getTime() ?? 0);
      if (due > engine.world.now.getTime()) engine.world.now = new Date(due);
      await happens();
    }
  };
  const newIncidents = async (count: number): Promise<number[]> => {
    const alerts = Array.from({ length: count }, () => anAlert([{ kind: "device", name: fresh("WS") }], { title: fresh("Malware") }));
    const accepted = await ingestAlerts(engine.air, [{ source: "siem", lab: true, alerts, receivedAt: engine.world.now }]);
    return accepted.flat().map((one) => numberOf(one.incident));
  };
  /** An isolation of a device the lab knows. */
  const asks = async () => {
    const row = await proposedAction(engine);
    await engine.world.capabilities.adopt([row.target]);
    return row;
  };
  const history = async (): Promise<Message[]> => {
    const all: Message[] = [];
    for (let cursor = ""; ; ) {
      const page = (await slack.call("conversations.history", { channel: slack.channel, limit: 1000, cursor })) as {
        messages: Message[];
        response_metadata: { next_cursor: string };
      };
      all.push(...page.messages);
      cursor = page.response_metadata.next_cursor;
      if (!cursor) return all;
    }
  };
  /** Everything that stands there is what air would draw of the rows now, once. */
  const showsThePresent = async (incidents: readonly number[]) => {
    const roots = await history();
    const markers = roots.map((message) => message.metadata?.event_payload.marker);
    expect(new Set(markers).size).toBe(markers.length);
    const rows = (await engine.store.rootMessages(channel, 10_000)).map((row) => ({ ...row, root: null, rootInsteadOf: null }));
    expect(rows.map(({ incidentId: id }) => id).toSorted((a, b) => a - b)).toEqual(incidents.toSorted((a, b) => a - b));
    const byTs = new Map(roots.map((message) => [message.ts, message.text]));
    const cards = await drawMessages(engine.store, rows, drawing());
    const wrong = rows.filter((row) => {
      const card = cards.get(row.id);
      return !card || byTs.get(row.ref?.id ?? "") !== toMessage(card).text;
    });
    expect(wrong.map(({ subject }) => subject)).toEqual([]);
    expect(roots).toHaveLength(incidents.length);
  };

  test("a thousand alerts in a minute against one post a second: nothing lost, nothing twice, the present in the end", {
    timeout: 600_000,
  }, async () => {
    const incidents: number[] = [];
    const assignees = new Map<number, string>();
    let assigned = 0;
    const happens = async () => {
      const due = Math.min(1_000, Math.ceil((Math.min(at(), MINUTE) / MINUTE) * 1_000));
      if (incidents.length < due) incidents.push(...(await newIncidents(due - incidents.length)));
      // What changes while its card waits is not posted as it was; what changes afterwards is edited.
      while (assigned < 60 && at() > (assigned + 1) * 15 * SECOND) {
        const id = incidents[assigned * 16] ?? 0;
        await assignIncident(engine.air, rea, id, { name: `Rea ${assigned}` });
        assignees.set(id, `Rea ${assigned}`);
        assigned += 1;
      }
      // Now and then Slack takes a post and nobody hears of it, says wait, or is away for a moment.
      const fault = Math.floor(at() / SECOND);
      if (fault % 97 === 50) slack.next("chat.postMessage", "lost");
      if (fault % 97 === 70) slack.next("chat.postMessage", { status: 429, headers: { "retry-after": "7" }, body: { ok: false } });
      if (fault % 97 === 80) slack.next("chat.postMessage", { status: 503 });
    };
    incidents.push(...(await newIncidents(17)));
    await publishAll(happens);
    expect(incidents).toHaveLength(1_000);
    expect(assigned).toBe(60);
    await showsThePresent(incidents);
    for (const [id, name] of assignees) {
      const ts = (await engine.message(channel, `incident:${id}`))?.ref?.id;
      const sent = slack.calls.findLast((one) => one.ts === ts || (one.method === "chat.update" && one.body.ts === ts));
      expect(JSON.stringify(sent?.body.blocks)).toContain(name);
    }
    // Slack never had to say wait by itself: the pace is kept.
    expect(slack.limited.filter((method) => method === "chat.postMessage")).toEqual([]);
    // No faster than a post a second, and hardly slower.
    expect(at()).toBeGreaterThan(999 * SECOND);
    expect(at()).toBeLessThan(1_400 * SECOND);
  });

  test("ten minutes without Slack: decisions are taken and carried out elsewhere, and afterwards every card is there once and true", {
    timeout: 600_000,
  }, async () => {
    const before = await newIncidents(5);
    const waiting = await Promise.all([1, 2, 3].map(asks));
    const want = (rows: typeof waiting) =>
      engine.store.transaction((tx) =>
        wantCards(
          tx,
          engine.air,
          rows.map((row) => ({ incident: row.incidentId, severity: "high", needed: true, actions: [row.id] })),
          engine.world.now,
        ),
      );
    await want(waiting);
    await publishAll();
    const shown = await history();

    // Its last act is a post that arrives and is never answered.
    slack.next("chat.postMessage", "lost");
    const gone = at();
    const faults: SlackFault[] = ["hang up", { status: 503 }, { status: 502, body: "<html>" }, "hang up", { status: 500 }];
    const during: number[] = await newIncidents(1);
    const late: typeof waiting = [];
    let turn = 0;
    let decided = 0;
    await publishAll(async () => {
      const away = at() - gone;
      if (away < 2 * SECOND || away >= 10 * MINUTE) return slack.always(undefined);
      turn += 1;
      // Once in a while it neither answers nor closes the line.
      slack.always(turn % 40 === 0 ? "never" : faults[turn % faults.length]);
      if (turn % 50 === 1) during.push(...(await newIncidents(1)));
      if (decided < waiting.length && away > (decided + 1) * 2 * MINUTE) {
        const row = waiting[decided];
        decided += 1;
        if (!row) return;
        const by = { ...approver("Mia"), via: "http" as const };
        await decideAction(
          engine.air,
          by,
          decided === 2 ? { action: row.id, decision: "reject", reason: "no" } : { action: row.id, decision: "approve" },
        );
        if (decided !== 2) await executeAction(engine.air, row.id, engine.settle);
        expect((await engine.store.action(row.id))?.state).toBe(decided === 2 ? "rejected" : "succeeded");
        // Something new asks, too.
        const another = await asks();
        late.push(another);
        await want([another]);
      }
    });
    expect(at() - gone).toBeGreaterThanOrEqual(10 * MINUTE);
    expect(decided).toBe(3);
    expect(during.length).toBeGreaterThan(3);
    const actions = [...waiting, ...late];
    await showsThePresent([...before, ...during, ...actions.map((row) => row.incidentId)]);
    // What stood there before stands there still, edited in place.
    const after = await history();
    expect(shown.every(({ ts }) => after.some((message) => message.ts === ts))).toBe(true);
    for (const [index, row] of actions.entries()) {
      const root = after.find(({ text }) => new RegExp(`\\b${incidentId(row.incidentId)}\\b`).test(text));
      const { messages } = (await slack.call("conversations.replies", { channel: slack.channel, ts: root?.ts ?? "" })) as {
        messages: Message[];
      };
      const cards = messages.filter(({ text, ts }) => ts !== root?.ts && text.includes(`${actionId(row.id)} in `));
      expect(cards.map(({ text }) => text.split(":")[0])).toEqual([["LAB Done", "LAB Rejected", "LAB Done"][index] ?? "LAB Decide"]);
    }
    // Half-sent posts were looked for before anything was posted again.
    expect(slack.calls.some(({ method }) => method === "conversations.history")).toBe(true);
  });
});
