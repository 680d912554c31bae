import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { acknowledge, cannotLook, escalateNow } from "../../src/engine/answer-call.ts";
import { NO_ROLES } from "../../src/engine/domain/approval.ts";
import { ingestAlerts } from "../../src/engine/ingest-alert.ts";
import { ChatError } from "../../src/engine/ports.ts";
import { NOW } from "../support/lab-capabilities.ts";
import { anAlert, type Engine, fresh, numberOf, openEngine, proposedAction, somebody } from "../support/open-engine.ts";
import { DATABASES } from "../support/open-test-db.ts";
import { mentioned, pagingWorld } from "../support/paging-air.ts";

const MINUTE = 60_000;
const minutesIn = (minutes: number) => new Date(NOW.getTime() + minutes * MINUTE);
const responder = (name: string) => ({
  ...somebody(name, { ...NO_ROLES, viewer: true, responder: true }),
  key: `${name.toLowerCase()}@contoso.com`,
});
const WEEKLY = {
  name: "main",
  people: ["person:mia@contoso.com", "person:noor@contoso.com"],
  everyDays: 7,
  handover: { weekday: 1, minute: 540 },
  start: "2026-10-05",
};

/** What somebody says when they answer a call, who is told by it, and what an outage of the chat leaves to be told. */
describe.each(DATABASES)("each is told once, %s", (kind) => {
  let engine: Engine;
  let world: ReturnType<typeof pagingWorld>;
  let ops: string;
  beforeAll(async () => {
    engine = await openEngine(kind);
  });
  afterAll(() => engine.close());
  beforeEach(async () => {
    await engine.empty();
    const channel = `slack:${fresh("C")}`;
    ops = `slack:${fresh("COPS")}`;
    world = pagingWorld(engine, channel, ops, {
      rules: [
        { when: ["critical", "high"], channels: [channel], post: "needed", page: true },
        { channels: [channel], post: "all" },
      ],
    });
    Object.assign(world.paging, {
      chain: ["rota:current", "rota:everyone"],
      afterMs: [0, 10 * MINUTE],
      rota: { layers: [WEEKLY], timeZone: "UTC" },
    });
  });

  const at = async (minutes: number, rounds = 3) => {
    engine.world.now = minutesIn(minutes);
    await world.worker().tick(rounds);
  };
  const told = () => mentioned(world.chat);
  const incidentOf = async () => {
    const alerts = [anAlert([{ kind: "device", name: fresh("WS") }], { severity: "critical" })];
    const [accepted] = (await ingestAlerts(engine.air, [{ source: "siem", lab: false, alerts, receivedAt: engine.world.now }])).flat();
    return numberOf(accepted?.incident);
  };
  const story = async (incident: number) => (await engine.store.storyOf(incident)).map(({ text }) => text).join("\n");
  const inOps = () => world.chat.messages.filter(({ channel }) => `slack:${channel}` === ops).map(({ card }) => JSON.stringify(card));
  const silence = () => {
    world.chat.refuse = () => new ChatError("later", "Slack answered HTTP 500.", { retryAfterMs: 30_000 });
  };

  test("who asks for the next one is not told again, and only who is told anew is named", async () => {
    const incident = await incidentOf();
    await at(0);
    expect(told()).toEqual(["Mia"]);
    engine.world.now = minutesIn(1);
    expect(await escalateNow(engine.air, responder("Mia"), { incident })).toMatchObject({ told: ["Noor"], over: false });
    await at(1.1);
    expect(told()).toEqual(["Mia", "Noor"]);
    expect(await story(incident)).toContain("Noor is told now");
  });

  test("what is said with cant is kept: in the story, in the audit, and told to the next", async () => {
    world.paging.chain = ["person:mia@contoso.com", "person:noor@contoso.com"];
    const incident = await incidentOf();
    await at(0);
    engine.world.now = minutesIn(1);
    await cannotLook(engine.air, responder("Mia"), { incident }, "on a train until ten");
    await at(1.1);
    expect(told()).toEqual(["Mia", "Noor"]);
    expect(await story(incident)).toContain("Mia cannot look at it (on a train until ten): Noor is told now");
    const page = (await engine.store.pagesOf(incident)).find(({ target }) => target === "person:noor@contoso.com");
    expect(page?.text).toContain("Mia cannot look at it: on a train until ten.");
    const lines = (await engine.store.auditLines(0, 500)).map(({ line }) => line).join("\n");
    expect(lines).toContain('"reason":"on a train until ten"');
  });

  test("a reason of 2,000 characters is kept whole, a longer one is refused and changes nothing", async () => {
    const incident = await incidentOf();
    await at(0);
    const person = responder("Mia");
    await expect(escalateNow(engine.air, person, { incident }, "x".repeat(2_001))).rejects.toThrow(/2,001.*2,000/);
    expect(await story(incident)).not.toContain("asked for the next one");
    await escalateNow(engine.air, person, { incident }, "x".repeat(2_000));
    expect(await story(incident)).toContain(`(${"x".repeat(2_000)})`);
  });

  test("a storm pages once: who is on call is told of its first incident, not of each of its alerts", async () => {
    world.paging.togetherMs = MINUTE;
    const alerts = Array.from({ length: 30 }, () =>
      anAlert([{ kind: "device", name: fresh("WS") }], { severity: "high", category: "CredentialAccess" }),
    );
    await ingestAlerts(engine.air, [{ source: "siem", lab: false, alerts, receivedAt: engine.world.now }]);
    await at(0);
    const first = told();
    for (const minute of [0.5, 1.2, 2.4, 5]) await at(minute);
    expect(first).toEqual(["Mia"]);
    expect(told()).toEqual(["Mia"]);
    // The same alone, each by itself, would have been thirty.
    const { items } = await engine.store.listIncidents({ limit: 50 });
    expect(items).toHaveLength(30);
  }, 120_000);

  test("after an outage of the chat nobody is told twice of one thing, and no alarm says what is not so any more", async () => {
    const incident = await incidentOf();
    await incidentOf();
    silence();
    for (const minute of [0, 0.5, 1.1, 1.5, 2.2, 3, 4, 5]) await at(minute);
    expect(told()).toEqual([]);
    const pages = await engine.store.pagesOf(incident);
    expect(pages.filter(({ target }) => target === "person:mia@contoso.com")).toHaveLength(1);
    expect(pages.find(({ step }) => step.startsWith("chain-failed"))?.text).toContain("Nobody could be told");
    world.chat.refuse = () => undefined;
    for (const minute of [6, 6.3, 6.6, 7, 8, 9]) await at(minute);
    expect(told().toSorted()).toEqual(["Mia", "Mia", "Noor", "Noor"]);
    expect(inOps().filter((card) => card.includes("Nobody could be told"))).toEqual([]);
  });

  test("that nobody could be told names every way that failed, and says since when somebody was", async () => {
    world.paging.chain = ["person:mia@contoso.com", "webhook"];
    delete (world.paging as { rota?: unknown }).rota;
    const incident = await incidentOf();
    world.hook.down = true;
    // Only the message to people is refused: the channel works, so whoever runs air hears of it at once.
    world.chat.refuse = (title) => (title.includes("Somebody has to look") ? new ChatError("refused", "Slack said no.") : undefined);
    for (const minute of [0, 0.3, 0.6]) await at(minute);
    const [alarm] = inOps().filter((card) => card.includes("Nobody could be told"));
    expect(alarm).toContain("Slack said no; the webhook could not be reached");
    expect(alarm).not.toContain("Since then");
    world.hook.down = false;
    for (const minute of [1.5, 3]) await at(minute);
    expect((await engine.store.pagesOf(incident)).find(({ target }) => target === "webhook")?.sentAt).not.toBeNull();
    expect(inOps().find((card) => card.includes("Nobody could be told"))).toContain("Since then webhook was told");
  });

  test("an owner who is reminded when the chat is back has the whole term from then", async () => {
    world.paging.ownerReminderMs = { urgent: 30 * MINUTE, other: 30 * MINUTE };
    world.paging.chain = ["person:noor@contoso.com"];
    const { incidentId: incident } = await proposedAction(engine);
    engine.world.now = minutesIn(10);
    await acknowledge(engine.air, responder("Mia"), { incident });
    silence();
    await at(60);
    world.chat.refuse = () => undefined;
    await at(85);
    expect(told()).toEqual(["Mia"]);
    const page = (await engine.store.pagesOf(incident)).find(({ step }) => step === "owner");
    expect(page?.text).toContain("without anything within 30 min of this message");
    await at(91);
    expect(await engine.store.incident(incident)).toMatchObject({ ackedBy: "Mia" });
    await at(114);
    expect(await engine.store.incident(incident)).toMatchObject({ ackedBy: "Mia" });
    await at(116);
    expect(await engine.store.incident(incident)).toMatchObject({ ackedBy: null });
  });

  test("an owner who cannot be reminded at all loses it after twice the term, and hears nothing stale", async () => {
    world.paging.ownerReminderMs = { urgent: 30 * MINUTE, other: 30 * MINUTE };
    world.paging.chain = ["person:noor@contoso.com"];
    const { incidentId: incident } = await proposedAction(engine);
    engine.world.now = minutesIn(10);
    await acknowledge(engine.air, responder("Mia"), { incident });
    silence();
    for (const minute of [60, 91]) await at(minute);
    expect(await engine.store.incident(incident)).toMatchObject({ ackedBy: "Mia" });
    await at(121);
    expect(await engine.store.incident(incident)).toMatchObject({ ackedBy: null });
    expect((await engine.store.pagesOf(incident)).find(({ step }) => step === "owner")?.droppedAt).not.toBeNull();
  });
});
