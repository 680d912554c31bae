import { Temporal } from "temporal-polyfill";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { escalateNow } from "../../src/engine/answer-call.ts";
import type { Severity } from "../../src/engine/domain/alert.ts";
import { NO_ROLES } from "../../src/engine/domain/approval.ts";
import type { Named, Paging } from "../../src/engine/domain/paging.ts";
import { noteConnector } from "../../src/engine/note-connector.ts";
import { pause, resume } from "../../src/engine/pause.ts";
import { ChatError, ConnectorError } from "../../src/engine/ports.ts";
import type { ActionRow } from "../../src/engine/store.ts";
import { sweep } from "../../src/engine/sweep.ts";
import { type PageTo, wantPages } from "../../src/engine/want-pages.ts";
import fc from "../support/fast-check.ts";
import { NOW } from "../support/lab-capabilities.ts";
import { type Engine, fresh, openEngine, proposedAction, somebody } from "../support/open-engine.ts";
import { DATABASES } from "../support/open-test-db.ts";
import { mentioned, pagingWorld } from "../support/paging-air.ts";

const MINUTE = 60_000;
const MIA = "person:mia@contoso.com";
const NOOR = "person:noor@contoso.com";

/* NOW is 09:00 UTC: quiet from 09:10 to 13:00 there. */
describe.each(DATABASES)("quiet, %s", (kind) => {
  let engine: Engine;
  let world: ReturnType<typeof pagingWorld>;
  let channel: string;
  let ops: string;
  let hooked: () => void;
  let mails: { to: string; id: string; text: string; things: readonly string[] }[];
  beforeAll(async () => {
    engine = await openEngine(kind);
  });
  afterAll(() => engine.close());
  beforeEach(() => begin({}));

  async function begin(paging: Partial<Paging>) {
    await engine.empty();
    channel = `slack:${fresh("C")}`;
    ops = `slack:${fresh("COPS")}`;
    mails = [];
    hooked = () => {};
    world = pagingWorld(engine, channel, ops, {
      hooks: (target) => ({
        send: async (id, { text, things = [] }) => {
          hooked();
          mails.push({ to: target, id, text, things });
        },
      }),
    });
    Object.assign(world.paging, { chain: [MIA, NOOR], ...paging });
  }
  const QUIET = { quiet: [{ from: 9 * 60 + 10, to: 13 * 60, timeZone: "UTC", severity: ["medium", "high"] as Severity[] }] };
  const minutesIn = (minutes: number) => new Date(NOW.getTime() + minutes * MINUTE);
  const at = async (minutes: number, rounds = 3) => {
    engine.world.now = minutesIn(minutes);
    await world.worker().tick(rounds);
  };
  const told = () => mentioned(world.chat);
  const root = (action: ActionRow) =>
    JSON.stringify(world.chat.messages.find(({ card, thread }) => !thread && card.title.startsWith(`INC-${action.incidentId}:`))?.card);
  const severity = (action: ActionRow, to: Severity) =>
    engine.store.transaction((tx) => tx.updateIncident(action.incidentId, { severity: to }));

  describe("quiet hours", () => {
    test("what can wait waits until they end, the card says so, and then the escalation goes on from there", async () => {
      await begin(QUIET);
      const action = await proposedAction(engine, { change: { expiresAt: minutesIn(24 * 60) } });
      await at(30);
      await at(31);
      await at(200);
      expect(told()).toEqual([]);
      expect(root(action)).toContain("Mia is told at 2026-10-05 13:00 (UTC): quiet hours");
      expect((await engine.store.storyOf(action.incidentId)).filter(({ event }) => event === "page-held")).toHaveLength(1);
      await at(239.9);
      expect(told()).toEqual([]);
      await at(240);
      expect(told()).toEqual(["Mia"]);
      expect(root(action)).not.toContain("quiet hours");
      await at(249);
      expect(told()).toEqual(["Mia"]);
      await at(250);
      await at(251);
      expect(told()).toEqual(["Mia", "Noor"]);
    });

    test("an incident that becomes critical breaks through at once", async () => {
      await begin(QUIET);
      const action = await proposedAction(engine, { change: { expiresAt: minutesIn(24 * 60) } });
      await at(30);
      expect(told()).toEqual([]);
      await severity(action, "critical");
      await at(41);
      expect(told()).toEqual(["Mia"]);
      await at(240);
      expect(told().filter((name) => name === "Mia")).toHaveLength(1);
    });

    test("whom somebody asks for is told whatever the hour", async () => {
      await begin(QUIET);
      const action = await proposedAction(engine, { change: { expiresAt: minutesIn(24 * 60) } });
      await at(30);
      expect(told()).toEqual([]);
      engine.world.now = minutesIn(33);
      await escalateNow(engine.air, somebody("Lea", { ...NO_ROLES, responder: true }), { incident: action.incidentId });
      await at(33);
      expect(told()).toEqual(["Noor"]);
    });

    test("what would expire before somebody could answer breaks through", async () => {
      await begin(QUIET);
      await proposedAction(engine, { change: { expiresAt: minutesIn(265) } });
      await at(30);
      expect(told()).toEqual(["Mia"]);
    });

    test("hours that are taken out of air.yaml hold nobody any more", async () => {
      await begin(QUIET);
      await proposedAction(engine, { change: { expiresAt: minutesIn(24 * 60) } });
      await at(30);
      Object.assign(world.paging, { quiet: [] });
      await at(31);
      expect(told()).toEqual(["Mia"]);
    });

    test("what was decided in the night is not told in the morning", async () => {
      await begin(QUIET);
      const action = await proposedAction(engine, { change: { expiresAt: minutesIn(24 * 60) } });
      await at(30);
      await engine.store.transaction((tx) => tx.moveAction(action.id, "pending", { state: "cancelled", endedAt: minutesIn(60) }));
      await at(240);
      await at(300);
      expect(told()).toEqual([]);
    });

    test("where the shift changed in the night it is told to whoever is on call when they end", async () => {
      const layer = { name: "all", everyDays: 1, handover: { minute: 12 * 60 }, start: "2026-10-04", people: [MIA, NOOR] };
      await begin({ ...QUIET, chain: ["rota:current"], afterMs: [0], rota: { layers: [layer], timeZone: "UTC" } });
      const action = await proposedAction(engine, { change: { expiresAt: minutesIn(24 * 60) } });
      await at(30);
      await at(240, 4);
      expect(told().at(-1)).toBe("Noor");
      expect(told().filter((name) => name === "Mia")).toEqual([]);
      expect(
        (await engine.store.pagesOf(action.incidentId)).map(({ target, sentAt, trouble }) => [target, sentAt !== null, trouble]),
      ).toEqual([
        [MIA, false, "Mia is not on call any more; Noor is told"],
        [NOOR, true, null],
      ]);
    });

    test("air's own trouble is never quiet", async () => {
      await begin(QUIET);
      await at(29);
      engine.world.now = minutesIn(30);
      await pause(engine.air, somebody("Ada", { ...NO_ROLES, admin: true }), "all", "a wrong policy");
      await at(30);
      expect(told()).toEqual(["Mia"]);
      engine.world.now = minutesIn(45);
      await resume(engine.air, somebody("Ada", { ...NO_ROLES, admin: true }));
      await at(45);
      await at(60);
      expect(told()).toEqual(["Mia", "Mia"]);
      expect(
        world.chat.messages.filter(({ card }) => card.lines.some(({ kind: line }) => line === "mention")).map(({ card }) => card.title),
      ).toEqual(["Executions are paused", "Executions go on"]);
    });

    test("in an outage of the chat the mail waits for the morning, too", async () => {
      await begin({ ...QUIET, chain: [MIA, "mail"] });
      const action = await proposedAction(engine, { change: { expiresAt: minutesIn(24 * 60) } });
      await at(1);
      world.chat.refuse = () => new ChatError("account", "invalid_auth");
      await severity(action, "medium");
      await at(30);
      await at(60);
      const about = () => mails.filter(({ text }) => text.includes("Decide"));
      expect(about()).toEqual([]);
      await at(240, 5);
      await at(241, 5);
      expect(about().map(({ to }) => to)).toEqual(["mail:mia@contoso.com"]);
      world.chat.refuse = () => undefined;
      for (const minute of [246, 250, 260]) await at(minute);
      expect(
        world.chat.messages.filter(({ card }) => card.lines.some(({ kind: line }) => line === "mention")).map(({ card }) => card.title),
      ).toEqual(["The chat works again"]);
    });
  });

  describe("several things for one person", () => {
    const TOGETHER = { togetherMs: MINUTE };
    const wish = (action: ActionRow, text: string, minutes: number) =>
      engine.store.transaction((tx) =>
        wantPages(
          tx,
          engine.air,
          [
            {
              incidentId: action.incidentId,
              actionId: action.id,
              step: "ends-soon",
              to: [{ kind: "person", key: "mia@contoso.com" }],
              text,
              by: "air",
            },
          ],
          minutesIn(minutes),
        ),
      );
    const mentions = () => world.chat.messages.filter(({ card }) => card.lines.some(({ kind: line }) => line === "mention"));
    const rows = async (actions: readonly ActionRow[]) =>
      (await Promise.all(actions.map((action) => engine.store.pagesOf(action.incidentId)))).flat();

    test("what is due at one moment in several incidents is one message, the most urgent first, and each row says where", async () => {
      await begin(TOGETHER);
      const actions = [];
      for (let n = 0; n < 3; n++) actions.push(await proposedAction(engine));
      const [first, second, third] = actions as [ActionRow, ActionRow, ActionRow];
      await at(1);
      await severity(second, "critical");
      await at(30);
      expect(told()).toEqual(["Mia"]);
      const [page] = mentions();
      expect(page?.card.title).toBe(`3 things need you: INC-${second.incidentId} and others`);
      const texts = page?.card.lines.flatMap((line) => (line.kind === "text" ? [JSON.stringify(line.text)] : [])) ?? [];
      expect(texts[0]).toContain(`INC-${second.incidentId} (critical)`);
      expect(texts).toHaveLength(3);
      expect(world.chat.messages.find(({ id }) => id === page?.thread)?.card.title).toContain(`INC-${second.incidentId}`);
      const all = await rows(actions);
      expect(all.every(({ sentAt }) => sentAt?.getTime() === minutesIn(30).getTime())).toBe(true);
      expect(new Set(all.map(({ id, toldBy }) => toldBy ?? id)).size).toBe(1);
      for (const action of [first, third]) {
        expect(root(action)).toContain("Mia was told at 2026-10-05 09:30 UTC");
        const story = await engine.store.storyOf(action.incidentId);
        expect(story.map(({ text }) => text).join()).toContain(`Mia was told, together with INC-${second.incidentId}`);
      }
    });

    test("the first is told at once, what follows within the window is one message at its end, and what is critical takes all along", async () => {
      await begin(TOGETHER);
      const actions = [];
      for (let n = 0; n < 4; n++)
        actions.push(await proposedAction(engine, { change: { deadline: minutesIn(500), expiresAt: minutesIn(900) } }));
      const [a, b, c, d] = actions as [ActionRow, ActionRow, ActionRow, ActionRow];
      await at(1);
      await wish(a, "one", 2);
      await at(2);
      expect(told()).toEqual(["Mia"]);
      await wish(b, "two", 2.2);
      await at(2.2);
      await wish(c, "three", 2.6);
      await at(2.6);
      expect(told()).toEqual(["Mia"]);
      await at(3.1);
      expect(told()).toEqual(["Mia", "Mia"]);
      expect(mentions()[1]?.card.title).toMatch(/^2 things need you/);
      await wish(b, "two again", 3.2);
      await at(3.2);
      expect(told()).toHaveLength(2);
      await severity(d, "critical");
      await wish(d, "four", 3.3);
      await at(3.3);
      expect(told()).toHaveLength(3);
      expect(mentions()[2]?.card.title).toBe(`2 things need you: INC-${d.incidentId} and others`);
      expect((await rows(actions)).every(({ sentAt }) => sentAt !== null)).toBe(true);
    });

    test("a storm of them is a few messages with a count, and nothing is lost", async () => {
      await begin(TOGETHER);
      const actions = [];
      for (let n = 0; n < 24; n++)
        actions.push(await proposedAction(engine, { change: { deadline: minutesIn(500), expiresAt: minutesIn(900) } }));
      for (const action of actions) await severity(action, "medium");
      await at(1);
      for (const [index, action] of actions.entries()) {
        await wish(action, `thing ${index}`, 2 + index / 3);
        await at(2 + index / 3, 2);
      }
      for (const minute of [12, 15, 20, 25]) await at(minute);
      expect(told().length).toBeLessThanOrEqual(6);
      expect((await rows(actions)).filter(({ step }) => step === "ends-soon").every(({ sentAt }) => sentAt !== null)).toBe(true);
      expect(mentions().some(({ card }) => JSON.stringify(card).includes("All of them: actions pending"))).toBe(true);
    }, 180_000);

    test("in a storm what is high waits for the window only, what is medium says until when, and nobody else is told later for it", async () => {
      await begin({ ...TOGETHER, chain: [MIA, NOOR], everyMs: 3 * MINUTE });
      const later = { deadline: minutesIn(500), expiresAt: minutesIn(900) };
      for (let n = 0; n < 10; n++) await wish(await proposedAction(engine, { change: later }), `thing ${n}`, 1);
      await at(1, 4);
      const braked = await proposedAction(engine, { change: { deadline: minutesIn(3), expiresAt: minutesIn(900) } });
      await severity(braked, "medium");
      for (const minute of [3, 3.1]) await at(minute, 2);
      expect(root(braked)).toContain("Mia is told at 2026-10-05 09:11 (UTC) in one message with others");
      expect((await engine.store.storyOf(braked.incidentId)).filter(({ event }) => event === "page-held")).toHaveLength(1);
      for (const minute of [6, 6.1]) await at(minute, 2);
      expect(told()).toEqual(["Mia", "Noor"]);
      const high = await proposedAction(engine, { change: { deadline: minutesIn(7), expiresAt: minutesIn(900) } });
      for (const minute of [7, 7.1]) await at(minute, 2);
      // With what waited.
      expect(told()).toEqual(["Mia", "Noor", "Mia"]);
      expect((await rows([braked, high])).every(({ sentAt }) => sentAt !== null)).toBe(true);
    });

    test("by mail, too, they are one message with the same name when it is sent again", async () => {
      await begin({ ...TOGETHER, chain: ["mail:mia@contoso.com"] });
      const actions = [];
      for (let n = 0; n < 3; n++) actions.push(await proposedAction(engine));
      await at(30);
      expect(mails).toHaveLength(1);
      expect(mails[0]?.text).toMatch(/^3 things need you\. /);
      expect(mails[0]?.things).toHaveLength(3);
      expect((await rows(actions)).every(({ sentAt }) => sentAt !== null)).toBe(true);
      await at(31);
      await at(60);
      expect(mails).toHaveLength(1);
    });

    test("with 0s each is told by itself", async () => {
      await begin({ togetherMs: 0 });
      for (let n = 0; n < 3; n++) await proposedAction(engine);
      await at(30);
      expect(told()).toEqual(["Mia", "Mia", "Mia"]);
    });
  });

  describe("air's own trouble", () => {
    const mentions = () =>
      world.chat.messages.flatMap(({ card }) => (card.lines.some(({ kind: line }) => line === "mention") ? [card.title] : []));
    const note = (works: boolean, minutes: number) => {
      engine.world.now = minutesIn(minutes);
      return noteConnector(
        engine.air,
        { name: "defender", product: "Defender" },
        { works, trouble: "Defender did not answer within 10 s" },
      );
    };

    test("a product that acts and does not answer for five minutes is told once, and once that it is over", async () => {
      await note(true, 0);
      for (const minute of [1, 1.5, 4]) await note(false, minute);
      await at(4);
      expect(mentions()).toEqual([]);
      for (const minute of [6, 6.5, 7]) await note(false, minute);
      await at(7);
      expect(mentions()).toEqual(["A connector does not answer"]);
      await at(18);
      expect(told()).toEqual(["Mia", "Noor"]);
      await note(true, 20);
      await note(true, 21);
      await at(21);
      await at(60);
      expect(told()).toEqual(["Mia", "Noor", "Mia"]);
      // Whoever reads the channel for air itself reads it in the message to Mia.
      const inOps = world.chat.messages.filter((message) => `slack:${message.channel}` === ops);
      expect(inOps.map(({ card }) => card.title)).toEqual([
        "A connector does not answer",
        "A connector does not answer",
        "A product answers again",
      ]);
    });

    test("what is over before anybody could be told of it is not told any more", async () => {
      for (const minute of [1, 7]) await note(false, minute);
      expect(await engine.store.transaction((tx) => tx.callsOf(0))).toHaveLength(1);
      await note(true, 7.5);
      const open = (await engine.store.pagesOf(0)).filter(({ sentAt, droppedAt }) => sentAt === null && droppedAt === null);
      expect(open.every(({ step }) => step.startsWith("connector back"))).toBe(true);
      expect(await engine.store.transaction((tx) => tx.callsOf(0))).toEqual([]);
    });

    test("two outages of a few minutes are not one of an hour", async () => {
      for (const minute of [1, 3, 40, 43]) await note(false, minute);
      await at(43);
      expect(mentions()).toEqual([]);
    });

    test("with nobody on call only the channel for air itself hears of it", async () => {
      await begin({ chain: [], admins: [] });
      for (const minute of [1, 7]) await note(false, minute);
      await at(7);
      expect(told()).toEqual([]);
      expect(world.chat.messages.map(({ card }) => card.title)).toEqual(["A connector does not answer"]);
    });

    test("a chat that refuses air is told by mail once, and that it works again in the chat", async () => {
      await begin({ chain: [MIA, "mail"] });
      await proposedAction(engine, { change: { deadline: minutesIn(500), expiresAt: minutesIn(900) } });
      await at(1);
      await proposedAction(engine, { change: { deadline: minutesIn(500), expiresAt: minutesIn(900) } });
      world.chat.refuse = () => new ChatError("account", "invalid_auth");
      for (const minute of [2, 2.2, 2.4, 3, 70, 140]) await at(minute, 4);
      expect(mails.map(({ to, text }) => [to, text.includes("invalid_auth")])).toEqual([["mail:mia@contoso.com", true]]);
      world.chat.refuse = () => undefined;
      for (const minute of [150, 151, 152]) await at(minute, 4);
      expect(mentions()).toEqual(["The chat works again"]);
      expect(mails).toHaveLength(1);
    });

    test("whoever paused air and is on call is not told what they did", async () => {
      await pause(engine.air, somebody("Mia", { ...NO_ROLES, admin: true }), "all", "a wrong policy");
      await at(1);
      expect(told()).toEqual([]);
    });

    test("a schedule elsewhere that does not answer keeps no page waiting", async () => {
      await proposedAction(engine);
      await at(1);
      Object.assign(world.paging, { rota: "asked" });
      let asked = 0;
      engine.air.rotaSource = () => ({
        name: "PagerDuty PSOC",
        shifts: () => {
          asked++;
          return new Promise<never>(() => {});
        },
      });
      engine.world.now = minutesIn(30);
      await sweep(engine.air, engine.settle);
      delete engine.air.rotaSource;
      expect(asked).toBe(0);
      expect((await engine.jobs("ask-rota")).map(({ key }) => key)).toEqual(["ask-rota"]);
      await at(30);
      expect(told()).toEqual(["Mia"]);
    });
  });

  describe("nobody is told twice for one thing", () => {
    test("who stands behind two targets is told once; a group beside a person is another", async () => {
      const one: Named = { kind: "person", name: "Mia", on: { slack: "U0MIA" } };
      const { nameOf } = world.paging;
      await begin({ nameOf: (target) => (target === "person:slack:u0mia" ? one : nameOf(target)) });
      const action = await proposedAction(engine);
      await at(1);
      const to: PageTo[] = [
        { kind: "on-call" },
        { kind: "person", key: "MIA@contoso.com" },
        { kind: "person", key: "slack:U0MIA" },
        { kind: "person", key: "noor@contoso.com" },
        { kind: "admins" },
      ];
      await engine.store.transaction((tx) =>
        wantPages(
          tx,
          engine.air,
          [{ incidentId: action.incidentId, actionId: action.id, step: "failed", to, text: "x", by: "air" }],
          minutesIn(2),
        ),
      );
      await at(2);
      await at(3);
      expect(told()).toEqual(["Mia", "Noor"]);
    });

    test("property: whatever of chat and mail fails and comes back, nobody is told by two ways of one step", async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(fc.constantFrom("chat", "mail", "wait"), { minLength: 4, maxLength: 10 }), async (events) => {
          await begin({ chain: [MIA, "mail"], everyMs: 600 * MINUTE });
          const action = await proposedAction(engine, { change: { expiresAt: minutesIn(2000) } });
          await at(1);
          let [chatDown, mailDown] = [false, false];
          let minute = 29;
          hooked = () => {
            if (mailDown) throw new ConnectorError("unavailable", "the mail server could not be reached");
          };
          world.chat.refuse = () => (chatDown ? new ChatError("account", "invalid_auth") : undefined);
          for (const event of events) {
            if (event === "chat") chatDown = !chatDown;
            if (event === "mail") mailDown = !mailDown;
            minute += 2;
            await at(minute, 2);
          }
          [chatDown, mailDown] = [false, false];
          for (let more = 0; more < 5; more++) {
            minute += 6;
            await at(minute, 3);
          }
          const pages = (await engine.store.pagesOf(action.incidentId)).filter(({ sentAt }) => sentAt !== null);
          const shown = world.chat.messages.filter(
            ({ card }) => card.title.startsWith(`INC-${action.incidentId}`) && card.lines.some(({ kind: line }) => line === "mention"),
          );
          expect(pages).toHaveLength(1);
          expect(shown.length + mails.filter(({ text }) => text.includes("Decide")).length).toBe(1);
        }),
        { numRuns: 6 },
      );
    }, 180_000);
  });

  test("a fortnight over a change of the clock: nothing is lost, and nobody is told at night of what can wait", async () => {
    const BERLIN = "Europe/Berlin";
    await begin({
      chain: [MIA],
      togetherMs: MINUTE,
      timeZone: BERLIN,
      quiet: [{ from: 22 * 60, to: 7 * 60, timeZone: BERLIN, severity: ["medium"] }],
    });
    // The clocks go back on 25 October.
    const start = new Date("2026-10-18T00:00:00Z").getTime();
    const day = 24 * 60 * MINUTE;
    const made: { action: ActionRow; severity: Severity; due: number }[] = [];
    const inTime = async (moment: number, rounds = 2) => {
      engine.world.now = new Date(moment);
      await world.worker().tick(rounds);
    };
    for (let d = 0; d < 14; d++) {
      // At noon, in the evening, and in the night; every third of the night is critical.
      for (const [index, hour] of [10, 18.5, 23.7].entries()) {
        const moment = start + d * day + hour * 60 * MINUTE;
        const level: Severity = index === 2 && d % 3 === 0 ? "critical" : "medium";
        engine.world.now = new Date(moment - 30 * MINUTE);
        const due = new Date(moment);
        const action = await proposedAction(engine, { change: { deadline: due, expiresAt: new Date(moment + 20 * 60 * MINUTE) } });
        await severity(action, level);
        made.push({ action, severity: level, due: moment });
        await inTime(moment);
        await inTime(moment + 2 * MINUTE, 1);
      }
      // When the night is over, as the wall shows it: 05:00 UTC in summer, 06:00 UTC after the change.
      const morning = start + (d + 1) * day;
      for (const hour of [5, 6]) {
        await inTime(morning + hour * 60 * MINUTE);
        await inTime(morning + hour * 60 * MINUTE + 2 * MINUTE, 1);
      }
    }
    let night = 0;
    for (const { action, severity: level, due } of made) {
      const [page, ...more] = (await engine.store.pagesOf(action.incidentId)).filter(({ target }) => target === MIA);
      expect(more).toEqual([]);
      const sentAt = page?.sentAt;
      if (!sentAt) throw new Error(`INC-${action.incidentId} was never told`);
      const { hour } = Temporal.Instant.fromEpochMilliseconds(sentAt.getTime()).toZonedDateTimeISO(BERLIN);
      const isNight = hour >= 22 || hour < 7;
      if (isNight) night++;
      expect([action.incidentId, isNight]).toEqual([action.incidentId, level === "critical"]);
      // Not a minute after the night was over.
      if (sentAt.getTime() - due > 2 * MINUTE) expect(hour).toBe(7);
    }
    expect(night).toBe(5);
    expect(told()).toHaveLength(made.length);
  }, 240_000);
});
