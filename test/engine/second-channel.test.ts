import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { decideAction } from "../../src/engine/decide-action.ts";
import { NO_ROLES } from "../../src/engine/domain/approval.ts";
import { ackIncident } from "../../src/engine/manage-incident.ts";
import { ChatError, ConnectorError, type HookPage } from "../../src/engine/ports.ts";
import type { ActionRow } from "../../src/engine/store.ts";
import { wantPages } from "../../src/engine/want-pages.ts";
import { NOW } from "../support/lab-capabilities.ts";
import { approver, type Engine, fresh, openEngine, proposedAction, somebody } from "../support/open-engine.ts";
import { DATABASES, stride } from "../support/open-test-db.ts";
import { mentioned, pagingWorld } from "../support/paging-air.ts";

const minutesIn = (minutes: number) => new Date(NOW.getTime() + minutes * 60_000);
const MIA = "person:mia@contoso.com";
const NOOR = "person:noor@contoso.com";

/* The ways to people that are no chat: who is reached when the chat is down or nobody answers, once, whatever dies. */
describe.each(DATABASES)("the second channel, %s", (kind) => {
  let engine: Engine;
  let world: ReturnType<typeof pagingWorld>;
  let channel: string;
  /** Every call to something that is no chat: `pagerduty trigger`, `mail:mia@contoso.com trigger`. */
  let calls: { what: string; id: string; at: Date }[];
  let broken: Map<string, Error>;
  beforeAll(async () => {
    engine = await openEngine(kind);
  });
  afterAll(() => engine.close());
  beforeEach(() => begin([MIA, "mail"]));

  async function begin(chain: readonly string[]) {
    await engine.empty();
    channel = `slack:${fresh("C")}`;
    calls = [];
    broken = new Map();
    const called = async (target: string, what: string, id: string) => {
      calls.push({ what: `${target} ${what}`, id, at: engine.world.now });
      const error = broken.get(target);
      if (error) throw error;
    };
    const hooks = (target: string) => ({
      send: (id: string, page: HookPage) => called(target, page.incident === null ? "about air" : "trigger", id),
      ...(target === "pagerduty" ? { became: (id: string, what: string) => called(target, what, id) } : {}),
    });
    world = pagingWorld(engine, channel, `slack:${fresh("COPS")}`, { hooks });
    world.paging = { ...world.paging, chain };
    engine.air.paging = () => world.paging;
  }
  const at = async (minutes: number, rounds = 3) => {
    engine.world.now = minutesIn(minutes);
    await world.worker().tick(rounds);
  };
  /** About incidents; that the chat itself is in trouble is said apart. */
  const said = () => calls.flatMap(({ what }) => (what.endsWith("about air") ? [] : [what]));
  const reject = (action: ActionRow) =>
    decideAction(engine.air, approver("Lea"), { action: action.id, decision: "reject", reason: "known good" });

  /** The chat has taken nothing since the 25th minute, and has been asked. */
  async function outage(error: ChatError): Promise<ActionRow> {
    const action = await proposedAction(engine);
    await at(1);
    world.chat.refuse = () => error;
    engine.world.now = minutesIn(25);
    await proposedAction(engine);
    await at(25);
    return action;
  }

  test.each([
    ["is down", new ChatError("later", "no answer", { retryAfterMs: 5 * 60_000 })],
    ["refuses air", new ChatError("account", "invalid_auth")],
  ])("a chat that %s for minutes is not waited for: mail goes to whoever is on call, and the card says so later", async (_how, error) => {
    world.paging = { ...world.paging, chain: [MIA, NOOR, "mail"] };
    engine.air.paging = () => world.paging;
    const action = await outage(error);
    await at(29);
    expect(said()).toEqual([]);
    await at(30, 5);
    expect(said()).toEqual(["mail:mia@contoso.com trigger"]);
    expect(calls.at(-1)?.at).toEqual(minutesIn(30));
    expect((await engine.store.pagesOf(action.incidentId)).map(({ step, target, sentAt }) => [step, target, sentAt !== null])).toEqual([
      ["deadline", MIA, false],
      ["deadline-second", NOOR, false],
      ["deadline-mail", "mail:mia@contoso.com", true],
    ]);
    world.chat.refuse = () => undefined;
    for (const minute of [36, 37, 50]) await at(minute);
    expect(said()).toEqual(["mail:mia@contoso.com trigger"]);
    expect(new Set(mentioned(world.chat)).size).toBe(mentioned(world.chat).length);
    const root = world.chat.messages.find(({ card }) => card.title.includes(`INC-${action.incidentId}`));
    expect(JSON.stringify(root?.card)).toContain("was told at 2026-10-05 09:30 UTC");
  });

  test("a chat that has not answered for a moment is given its minute", async () => {
    await proposedAction(engine);
    await at(1);
    world.chat.refuse = () => new ChatError("later", "no answer", { retryAfterMs: 5 * 60_000 });
    await at(30);
    await at(30.5);
    expect(said()).toEqual([]);
    await at(31.1);
    expect(said()).toEqual(["mail:mia@contoso.com trigger"]);
  });

  test("what one does not take the next is told at once; what may yet be taken is tried again, what was refused is not", async () => {
    await begin([MIA, "webhook", "pagerduty", "mail:soc@contoso.com"]);
    const action = await proposedAction(engine);
    await at(1);
    world.chat.refuse = (title) => (title.includes("answer") ? new ChatError("refused", "not_in_channel") : undefined);
    broken.set("webhook", new ConnectorError("refused", "the webhook answered HTTP 403"));
    broken.set("pagerduty", new ConnectorError("unavailable", "PagerDuty takes no more events for now (HTTP 429)", 120_000));
    await at(30, 5);
    expect(said()).toEqual(["webhook trigger", "pagerduty trigger", "mail:soc@contoso.com trigger"]);
    broken.clear();
    await at(31);
    expect(said()).toHaveLength(3);
    for (const minute of [33, 40, 60]) await at(minute);
    expect(said().slice(3)).toEqual(["pagerduty trigger"]);
    expect(new Set(calls.filter(({ what }) => what.startsWith("pagerduty")).map(({ id }) => id)).size).toBe(1);
    const story = await engine.store.storyOf(action.incidentId);
    expect(story.flatMap(({ event, text }) => (event === "page-untold" ? [text] : []))).toEqual([
      "webhook could not be told: the webhook answered HTTP 403.",
      "pagerduty could not be told: PagerDuty takes no more events for now (HTTP 429).",
    ]);
  });

  test("what is acknowledged and decided here is so there, each said once", async () => {
    await begin(["pagerduty"]);
    const action = await proposedAction(engine);
    await at(30);
    engine.world.now = minutesIn(33);
    await ackIncident(engine.air, somebody("Lea", { ...NO_ROLES, responder: true }), action.incidentId);
    for (const minute of [33, 34]) await at(minute);
    engine.world.now = minutesIn(35);
    await reject(action);
    broken.set("pagerduty", new ConnectorError("unavailable", "PagerDuty answered HTTP 500"));
    await at(35);
    broken.clear();
    for (const minute of [36, 37, 60]) await at(minute);
    expect(said()).toEqual(["pagerduty trigger", "pagerduty acknowledged", "pagerduty resolved", "pagerduty resolved"]);
    expect(new Set(calls.map(({ id }) => id)).size).toBe(1);
    expect((await engine.store.pagesOf(action.incidentId)).every(({ sentAt }) => sentAt !== null)).toBe(true);
  });

  test("what failed stays open there until its incident is closed, though nothing waits for a decision", async () => {
    await begin(["pagerduty"]);
    const action = await proposedAction(engine);
    engine.world.now = minutesIn(1);
    await reject(action);
    const wish = { incidentId: action.incidentId, actionId: action.id, step: "failed", text: "x", by: "air" };
    await engine.store.transaction((tx) => wantPages(tx, engine.air, [{ ...wish, to: [{ kind: "on-call" }] }], minutesIn(2)));
    for (const minute of [2, 3, 60]) await at(minute);
    expect(said()).toEqual(["pagerduty trigger"]);
    await engine.store.transaction((tx) => tx.updateIncident(action.incidentId, { status: "closed" }));
    for (const minute of [61, 62]) await at(minute);
    expect(said()).toEqual(["pagerduty trigger", "pagerduty resolved"]);
  });

  test("an approver the chat does not reach is written to by name, and a chat that refuses air is told by mail", async () => {
    const action = await outage(new ChatError("account", "invalid_auth"));
    engine.world.now = minutesIn(28);
    const wish = { incidentId: action.incidentId, actionId: action.id, step: "second", text: "A second approval is needed", by: "air" };
    const to = [{ kind: "person" as const, key: "noor@contoso.com" }];
    await engine.store.transaction((tx) => wantPages(tx, engine.air, [{ ...wish, to }], minutesIn(28)));
    await at(28, 5);
    expect(said()).toContain("mail:noor@contoso.com trigger");
    const troubles = (await engine.store.pagesOf(0)).filter(({ target }) => target.startsWith("mail:"));
    expect(troubles.map(({ text, sentAt }) => [text.includes("invalid_auth"), sentAt !== null])).toEqual([[true, true]]);
  });

  test("two workers tell each way once", async () => {
    await begin([MIA, "webhook", "pagerduty", "mail"]);
    const action = await proposedAction(engine);
    for (const minute of [30, 30, 40, 41, 50, 51, 60, 61]) {
      engine.world.now = minutesIn(minute);
      await Promise.all([world.worker().tick(), world.worker().tick()]);
    }
    await reject(action);
    for (const minute of [62, 63]) {
      engine.world.now = minutesIn(minute);
      await Promise.all([world.worker().tick(), world.worker().tick()]);
    }
    expect(said()).toEqual(["webhook trigger", "pagerduty trigger", "mail:mia@contoso.com trigger", "pagerduty resolved"]);
  });

  test("killed between any two calls of an escalation through a dead chat, the mail comes, and is one message", async () => {
    const prepare = async () => {
      await begin([MIA, NOOR, "mail"]);
      await outage(new ChatError("account", "invalid_auth"));
      calls.splice(0);
      engine.world.now = minutesIn(30);
    };
    await prepare();
    const whole = world.worker();
    await whole.tick(4);
    expect(said()).toEqual(["mail:mia@contoso.com trigger"]);
    for (let call = 1; call <= whole.calls() + 1; call += stride(kind, 3)) {
      await prepare();
      await world.worker({ at: call, moment: "before" }).tick(4);
      for (const minute of [30.6, 31.7]) await at(minute, 3);
      const mails = calls.filter(({ what }) => what === "mail:mia@contoso.com trigger");
      const deadline = (await engine.store.pagesOf(1)).filter(({ step }) => step === "deadline-mail");
      const name = `air-page-${deadline[0]?.id}-`;
      expect([call, new Set(mails.filter(({ id }) => id.startsWith(name)).map(({ id }) => id)).size]).toEqual([call, 1]);
      expect([call, deadline]).toMatchObject([call, [{ droppedAt: null, sentAt: expect.any(Date) }]]);
    }
  }, 240_000);

  test("killed between any two calls after a decision, what is open elsewhere is resolved", async () => {
    const prepare = async () => {
      await begin(["pagerduty"]);
      const action = await proposedAction(engine);
      await at(30);
      engine.world.now = minutesIn(35);
      await reject(action);
      calls.splice(0);
    };
    await prepare();
    const whole = world.worker();
    await whole.tick(2);
    expect(said()).toEqual(["pagerduty resolved"]);
    for (let call = 2; call <= whole.calls() + 1; call += stride(kind, 3)) {
      await prepare();
      await world.worker({ at: call, moment: "before" }).tick(2);
      for (const minute of [35.6, 36.7]) await at(minute, 2);
      expect([call, new Set(calls.map(({ what, id }) => `${what} ${id}`)).size]).toEqual([call, 1]);
      expect(await engine.store.pagesOf(1)).toMatchObject([{}, { sentAt: expect.any(Date) }]);
    }
  }, 240_000);
});
