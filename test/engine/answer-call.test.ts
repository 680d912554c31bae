import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { conversationStore } from "../../src/db/store/conversations.ts";
import type { ChannelRule } from "../../src/engine/air.ts";
import { acknowledge, cannotLook, escalateNow, takeBackAck } from "../../src/engine/answer-call.ts";
import type { Card } from "../../src/engine/cards/card.ts";
import { decideAction } from "../../src/engine/decide-action.ts";
import type { Severity } from "../../src/engine/domain/alert.ts";
import { NO_ROLES } from "../../src/engine/domain/approval.ts";
import { ingestAlerts } from "../../src/engine/ingest-alert.ts";
import { assignIncident, closeIncident, noteIncident } from "../../src/engine/manage-incident.ts";
import { mergeIncidents } from "../../src/engine/merge-incidents.ts";
import { ChatError } from "../../src/engine/ports.ts";
import type { PageRow } from "../../src/engine/store.ts";
import { wantPages } from "../../src/engine/want-pages.ts";
import fc from "../support/fast-check.ts";
import { NOW } from "../support/lab-capabilities.ts";
import { anAlert, approver, type Engine, fresh, numberOf, openEngine, proposedAction, somebody } from "../support/open-engine.ts";
import { DATABASES, stride } from "../support/open-test-db.ts";
import { mentioned, pagingWorld } from "../support/paging-air.ts";

const MINUTE = 60_000;
const minutesIn = (minutes: number) => new Date(NOW.getTime() + minutes * MINUTE);
const [MIA, NOOR] = ["U0MIA", "U0NOOR"];
const responder = (name: string) => somebody(name, { ...NO_ROLES, viewer: true, responder: true });

describe.each(DATABASES)("somebody is called, %s", (kind) => {
  let engine: Engine;
  let world: ReturnType<typeof pagingWorld>;
  let channel: string;
  let ops: string;
  beforeAll(async () => {
    engine = await openEngine(kind);
  });
  afterAll(() => engine.close());

  async function begin(severities: readonly Severity[] | "default" = ["critical", "high"]) {
    await engine.empty();
    channel = `slack:${fresh("C")}`;
    ops = `slack:${fresh("COPS")}`;
    const paged = { channels: [channel], post: "needed" as const, page: true };
    world = pagingWorld(engine, channel, ops, {
      rules:
        severities === "default"
          ? [{ channels: [channel], post: "all" }]
          : [
              { when: severities, ...paged },
              { channels: [channel], post: "all" },
            ],
      direct: [`slack:${MIA}`, `slack:${NOOR}`],
    });
    engine.world.now = NOW;
  }
  beforeEach(() => begin());

  const at = async (minutes: number, rounds = 3) => {
    engine.world.now = minutesIn(minutes);
    await world.worker().tick(rounds);
  };
  const told = () => mentioned(world.chat);
  const incidentOf = async (more: Parameters<typeof anAlert>[1] = {}) => {
    const [accepted] = (
      await ingestAlerts(engine.air, [
        { source: "siem", lab: false, alerts: [anAlert([{ kind: "device", name: fresh("WS") }], more)], receivedAt: engine.world.now },
      ])
    ).flat();
    return numberOf(accepted?.incident);
  };
  const direct = (who: string) => world.chat.messages.filter((message) => message.channel === who).map(({ card }) => card);
  const textOf = (card: Card | undefined) => JSON.stringify(card ?? null);
  const labels = (card: Card | undefined) => card?.buttons.map(({ label }) => label) ?? [];
  const rootOf = (incident: number) =>
    world.chat.messages.find(({ card, thread }) => !thread && card.title.startsWith(`INC-${incident}:`))?.card;
  const story = async (incident: number) => (await engine.store.storyOf(incident)).map(({ text }) => text);
  const opsText = () =>
    textOf({ lines: world.chat.messages.filter((one) => one.channel === ops.slice(6)).map(({ card }) => card) } as never);

  describe("an incident", () => {
    test("pages whoever is on call when it is shown, and the next until somebody acknowledges it", async () => {
      const incident = await incidentOf();
      await at(0);
      expect(told()).toEqual(["Mia"]);
      const root = textOf(rootOf(incident));
      expect(root).toContain("Mia was told at 2026-10-05 09:00 UTC");
      expect(root).toContain("Noor is told at 2026-10-05 09:10 UTC, unless somebody acknowledges it");
      await at(9);
      expect(told()).toEqual(["Mia"]);
      await at(10);
      expect(told()).toEqual(["Mia", "Noor"]);
      await acknowledge(engine.air, responder("Noor"), { incident });
      for (const minute of [20, 30, 60]) await at(minute);
      expect(told()).toEqual(["Mia", "Noor"]);
      expect(world.hook.calls).toEqual([]);
      expect(textOf(rootOf(incident))).toContain("by Noor at 2026-10-05 09:10 UTC");
    });

    test("of a rota of two whom a refused chat does not reach the way that is no chat is called at once", async () => {
      const layer = {
        name: "main",
        people: ["person:mia@contoso.com", "person:noor@contoso.com"],
        everyDays: 7,
        handover: { weekday: 1, minute: 540 },
        start: "2026-10-05",
      };
      Object.assign(world.paging, {
        chain: ["rota:current", "rota:next", "rota:everyone", "webhook"],
        afterMs: [0, 60_000, 120_000],
        rota: { layers: [layer], timeZone: "UTC" },
      });
      world.chat.refuse = () => new ChatError("account", "invalid_auth");
      const incident = await incidentOf();
      await at(0);
      await at(0.1, 6);
      expect(world.hook.calls.map(({ page }) => page.incident)).toContain(`INC-${incident}`);
    });

    test("acknowledged, it becomes more severe: its owner is told and the chain begins, and nobody says that nobody has it", async () => {
      const target = { kind: "device" as const, name: fresh("WS") };
      const ingest = (severity: Severity) =>
        ingestAlerts(engine.air, [{ source: "siem", lab: false, alerts: [anAlert([target], { severity })], receivedAt: engine.world.now }]);
      const [first] = (await ingest("high")).flat();
      const incident = numberOf(first?.incident);
      await at(0);
      await acknowledge(engine.air, { ...responder("Noor"), key: "noor@contoso.com" }, { incident });
      await at(1);
      expect(told()).toEqual(["Mia"]);
      expect(textOf(rootOf(incident))).toContain("by Noor at 2026-10-05 09:00 UTC");
      engine.world.now = minutesIn(20);
      await ingest("critical");
      await at(20);
      // Who had it hours ago may be asleep: the chain does not wait for them.
      expect(told()).toEqual(["Mia", "Noor", "Mia"]);
      const [page] = direct(NOOR);
      const said = `INC-${incident} was opened 2026-10-05 09:00 UTC. Noor acknowledged it while it was high; it is critical now.`;
      expect(textOf(page)).toContain(said);
      expect(labels(page)).toContain("Acknowledge");
      const root = textOf(rootOf(incident));
      expect(root).toContain("by Noor at 2026-10-05 09:00 UTC, while it was high; it is critical now");
      for (const { card } of world.chat.messages) expect(textOf(card)).not.toMatch(/it is critical now.*nobody has acknowledged/);
      await acknowledge(engine.air, { ...responder("Noor"), key: "noor@contoso.com" }, { incident });
      for (const minute of [31, 41, 60]) await at(minute);
      expect(told()).toEqual(["Mia", "Noor", "Mia"]);
      expect(textOf(rootOf(incident))).not.toContain("it is critical now");
    });

    test("every time on a card, in a page and in mail or webhook is on the clock of onCall.timeZone; the audit stays in UTC", async () => {
      world.paging.timeZone = "Europe/Berlin";
      const incident = await incidentOf();
      await at(0);
      const root = textOf(rootOf(incident));
      expect(root).toContain("Mia was told at 2026-10-05 11:00 (Europe/Berlin)");
      expect(root).toContain("Noor is told at 2026-10-05 11:10 (Europe/Berlin), unless somebody acknowledges it");
      for (const minute of [10, 20, 30]) await at(minute);
      for (const { card } of world.chat.messages) expect(textOf(card)).not.toMatch(/\d UTC/);
      expect(textOf(direct(NOOR)[0])).toContain("was opened 2026-10-05 11:00 (Europe/Berlin), and nobody has acknowledged it");
      expect(world.hook.calls[0]?.page.text).toContain("was opened 2026-10-05 11:00 (Europe/Berlin)");
      const kept = [...(await engine.store.auditLines(0, 1000)).map(({ line }) => line), ...(await story(incident))];
      for (const line of kept) expect(line).not.toContain("Berlin");
    });

    test("not looked at yet, its first card does not say that no source knows what is in it", async () => {
      const alerts = [anAlert([{ kind: "domain", name: "eicar.com" }], { severity: "critical" })];
      await ingestAlerts(engine.air, [{ source: "siem", lab: false, alerts, receivedAt: engine.world.now }]);
      await at(0);
      const root = textOf(world.chat.messages.find(({ thread }) => !thread)?.card);
      expect(root).toContain("Queued");
      expect(root).not.toMatch(/not judged/i);
    });

    test("without a rule that says page, only what waits for a decision pages", async () => {
      await begin("default");
      await incidentOf({ severity: "critical" });
      await at(0);
      await at(600);
      expect(told()).toEqual([]);
    });

    test("of a severity no rule pages for pages nobody, until it is raised; then once", async () => {
      const target = { kind: "device", name: fresh("WS") } as const;
      const ingest = (severity: Severity) =>
        ingestAlerts(engine.air, [{ source: "siem", lab: false, alerts: [anAlert([target], { severity })], receivedAt: engine.world.now }]);
      await ingest("medium");
      await at(1);
      expect(told()).toEqual([]);
      engine.world.now = minutesIn(2);
      const [accepted] = (await ingest("critical")).flat();
      expect(accepted?.incident).toBe("INC-1");
      await at(2);
      expect(told()).toEqual(["Mia"]);
      await acknowledge(engine.air, responder("Mia"), { incident: 1 });
      engine.world.now = minutesIn(3);
      await ingest("critical");
      await at(3);
      await at(60);
      expect(told()).toEqual(["Mia"]);
    });

    const rising = (target = fresh("WS")) => {
      const alerts = (severity: Severity) => [anAlert([{ kind: "device", name: target }], { severity })];
      return (severity: Severity) =>
        ingestAlerts(engine.air, [{ source: "siem", lab: false, alerts: alerts(severity), receivedAt: engine.world.now }]);
    };

    test("held by quiet hours and then critical, it is told once as what it is, and one chain goes on", async () => {
      const quiet = [{ from: 0, to: 1439, timeZone: "UTC", severity: ["high"] as Severity[] }];
      Object.assign(world.paging, { quiet });
      const ingest = rising();
      await ingest("high");
      await at(1);
      expect(told()).toEqual([]);
      engine.world.now = minutesIn(2);
      await ingest("critical");
      for (const minute of [2, 2.1, 3]) await at(minute);
      expect(told()).toEqual(["Mia"]);
      for (const minute of [12, 12.1, 13, 22, 22.5, 32, 60]) await at(minute);
      expect(told()).toEqual(["Mia", "Noor"]);
      expect(world.hook.calls).toHaveLength(1);
      const pages = await engine.store.pagesOf(1);
      expect(pages.map(({ target, step, sentAt }) => [target, step, sentAt !== null])).toEqual([
        ["person:mia@contoso.com", "incident high", false],
        ["person:mia@contoso.com", "incident critical", true],
        ["person:noor@contoso.com", "incident critical", true],
        ["webhook", "incident critical", true],
      ]);
      expect(world.hook.calls[0]?.page.text).toContain("Critical severity");
    });

    test("who cannot look stays out when it rises; where nobody is left it begins anew with the first, and the interval", async () => {
      const ingest = rising();
      await ingest("high");
      await at(0);
      engine.world.now = minutesIn(1);
      await cannotLook(engine.air, somebody("Mia"), { incident: 1 });
      await at(1);
      expect(told()).toEqual(["Mia", "Noor"]);
      engine.world.now = minutesIn(2);
      await ingest("critical");
      for (const minute of [2, 2.1, 3]) await at(minute);
      expect(told()).toEqual(["Mia", "Noor", "Noor"]);

      await begin();
      const again = rising();
      await again("high");
      await at(0);
      for (const who of ["Mia", "Noor"]) {
        engine.world.now = minutesIn(1);
        await cannotLook(engine.air, somebody(who), { incident: 1 });
        await at(1);
      }
      expect(world.hook.calls).toHaveLength(1);
      engine.world.now = minutesIn(5);
      await again("critical");
      for (const minute of [5, 5.1, 6]) await at(minute);
      expect(told()).toEqual(["Mia", "Noor", "Mia"]);
      expect(world.hook.calls).toHaveLength(1);
      await acknowledge(engine.air, responder("Lea"), { incident: 1 });
      engine.world.now = minutesIn(7);
      await takeBackAck(engine.air, responder("Lea"), { incident: 1 });
      for (const minute of [7, 7.1, 8]) await at(minute);
      expect(told()).toEqual(["Mia", "Noor", "Mia", "Mia"]);
      await at(17);
      await at(17.1);
      expect(told()).toEqual(["Mia", "Noor", "Mia", "Mia", "Noor"]);
      expect(world.hook.calls).toHaveLength(1);
    });

    test.each([
      ["taken", (incident: number) => assignIncident(engine.air, responder("Lea"), incident, { name: "Lea", key: "lea@contoso.com" })],
      ["closed", (incident: number) => closeIncident(engine.air, approver("Lea"), incident, { classification: "falsePositive" })],
    ])("%s, it calls nobody else", async (_, settle) => {
      const incident = await incidentOf();
      await at(0);
      await engine.store.transaction(async (tx) => {
        for (const { id } of (await tx.listInvestigations({ incidentId: incident, limit: 5 })).items)
          await tx.updateInvestigation(id, { status: "successfullyRemediated", endedAt: engine.world.now });
      });
      engine.world.now = minutesIn(5);
      await settle(incident);
      for (const minute of [10, 20, 60]) await at(minute);
      expect(told()).toEqual(["Mia"]);
    });

    test.each(["high", "medium"] as const)(
      "acknowledged, it takes in one of %s severity: the acknowledgement holds for both",
      async (severity) => {
        await begin(["critical", "high", "medium"]);
        const survivor = await incidentOf();
        await at(0);
        await acknowledge(engine.air, responder("Noor"), { incident: survivor });
        engine.world.now = minutesIn(1);
        const absorbed = await incidentOf({ severity });
        await at(1);
        const before = told().length;
        await mergeIncidents(engine.air, responder("Noor"), survivor, absorbed);
        for (const minute of [2, 12, 30, 60]) await at(minute);
        expect(told()).toHaveLength(before);
        expect(world.hook.calls).toEqual([]);
        for (const card of direct(MIA)) expect(textOf(card)).not.toContain("nobody has acknowledged it");
      },
    );

    test("acknowledged, it takes in a more severe one: that calls on, and says what was acknowledged", async () => {
      const survivor = await incidentOf();
      await at(0);
      const absorbed = await incidentOf({ severity: "critical" });
      await at(0);
      await acknowledge(engine.air, responder("Noor"), { incident: survivor });
      engine.world.now = minutesIn(1);
      await mergeIncidents(engine.air, responder("Noor"), survivor, absorbed);
      for (const minute of [1, 10, 11]) await at(minute);
      expect(textOf(direct(NOOR).at(-1))).toContain("Noor acknowledged it while it was high; it is critical now");
    });

    test("who cannot and that nobody comes after stand on every card of the call", async () => {
      const incident = await incidentOf();
      await at(0);
      await cannotLook(engine.air, somebody("Mia"), { incident });
      await at(1);
      const page = () => world.chat.messages.find(({ posted }) => posted.lines.some(({ kind }) => kind === "mention"))?.card;
      for (const card of [page(), direct(MIA)[0]]) {
        expect(textOf(card)).toContain("Mia cannot look at it.");
        expect(labels(card)).not.toContain("I can't");
        expect(labels(card)).toContain("Acknowledge");
      }
      expect(labels(direct(NOOR)[0])).toContain("I can't");
      expect(textOf(direct(NOOR)[0])).not.toContain("Nobody else is told after this");
      for (const minute of [11, 12]) await at(minute);
      expect(world.hook.calls).toHaveLength(1);
      for (const card of [page(), direct(MIA)[0], direct(NOOR)[0]])
        expect(textOf(card)).toContain("Nobody else is told after this: the escalation has no further step.");
    });

    test("assigned to somebody else, they are told first and at once, nobody is said to have acknowledged, and the chain begins again", async () => {
      const incident = await incidentOf();
      await at(0);
      engine.world.now = minutesIn(5);
      await assignIncident(engine.air, responder("Mia"), incident, { name: "Noor", key: "noor@contoso.com" });
      await at(5);
      expect(told()).toEqual(["Mia", "Noor"]);
      const page = world.chat.messages.find(({ posted }) => posted.lines.some(({ kind }) => kind === "mention"));
      for (const card of [page?.card, direct(MIA)[0], direct(NOOR)[0]]) {
        expect(textOf(card)).toContain("Assigned to Noor by Mia.");
        expect(textOf(card)).toContain("Next: Mia at 2026-10-05 09:15 UTC, unless somebody acknowledges it.");
        expect(textOf(card)).not.toContain("Acknowledged by");
        expect(labels(card)).toEqual(expect.arrayContaining(["Acknowledge", "I can't", "Escalate"]));
      }
      expect(textOf(direct(NOOR)[0])).toContain("is assigned to Noor, and nobody has acknowledged it");
      expect(textOf(rootOf(incident))).not.toContain('"Acknowledged"');
      await at(15);
      expect(told()).toEqual(["Mia", "Noor", "Mia"]);
      await acknowledge(engine.air, responder("Noor"), { incident });
      for (const minute of [16, 30, 60]) await at(minute);
      expect(told()).toEqual(["Mia", "Noor", "Mia"]);
      expect(textOf(direct(NOOR)[0])).toContain("Acknowledged by Noor");
      expect(textOf(direct(NOOR)[0])).not.toContain("Assigned to");
    });

    test("assigned to somebody else where nobody is called, they are told all the same", async () => {
      const incident = await incidentOf();
      await at(0);
      await acknowledge(engine.air, responder("Mia"), { incident });
      engine.world.now = minutesIn(5);
      await assignIncident(engine.air, responder("Mia"), incident, { name: "Noor", key: "noor@contoso.com" });
      for (const minute of [5, 20, 60]) await at(minute);
      expect(told()).toEqual(["Mia", "Noor"]);
      expect(textOf(direct(NOOR)[0])).toContain(`Mia assigned INC-${incident} to Noor`);
    });

    test("nobody is told twice of it and of the decision in it", async () => {
      const action = await proposedAction(engine);
      await at(0);
      for (const minute of [10, 20, 30, 31, 40, 50, 60, 120]) await at(minute);
      expect(told()).toEqual(["Mia", "Noor"]);
      expect(world.hook.calls).toHaveLength(1);
      const targets = (await engine.store.pagesOf(action.incidentId)).map(({ target }) => target);
      expect(new Set(targets).size).toBe(targets.length);
    });
  });

  describe("the direct message", () => {
    test("comes with buttons, and shows who acknowledged", async () => {
      const incident = await incidentOf();
      await at(0);
      const [mine] = direct(MIA);
      expect(labels(mine)).toEqual(["Acknowledge", "I can't", "Escalate", "Details"]);
      expect(mine?.buttons.map((button) => ("value" in button ? button.value : ""))).toContain(`say:cant INC-${incident}`);
      expect(direct(NOOR)).toEqual([]);
      await acknowledge(engine.air, responder("Noor"), { incident });
      await at(1);
      expect(direct(MIA)).toHaveLength(1);
      expect(textOf(direct(MIA)[0])).toContain("Acknowledged by Noor at 2026-10-05 09:00 UTC");
      expect(labels(direct(MIA)[0])).toEqual(["Details", "Take it back"]);
      const page = world.chat.messages.find(({ posted }) => posted.lines.some(({ kind }) => kind === "mention"));
      expect(textOf(page?.posted)).toContain("nobody has acknowledged it");
      expect(textOf(page?.card)).toContain("Acknowledged by Noor at 2026-10-05 09:00 UTC");
      expect(textOf(page?.card) + textOf(direct(MIA)[0])).not.toContain("nobody has acknowledged it");
      expect(page?.card.lines.some(({ kind }) => kind === "mention")).toBe(false);
    });

    test("that cannot be posted costs nothing: the mention is enough", async () => {
      world.chat.refuse = (_, where) => (where === MIA ? new ChatError("channel", "cannot_dm_bot") : undefined);
      await incidentOf();
      await at(0);
      expect(told()).toEqual(["Mia"]);
      await at(5);
      expect(told()).toEqual(["Mia"]);
      expect(await engine.store.troubledChannels()).toEqual([]);
    });

    test("in Teams goes to the conversation the person has begun, and to nobody who has not", async () => {
      const account = "aaaaaaaa-0000-4000-8000-000000000001";
      const room: ChannelRule = { channels: [channel, "teams:19:soc@thread.tacv2"], post: "all", page: true };
      engine.world.channels = [room];
      const known = world.paging.nameOf;
      world.paging.nameOf = (target) => ({
        ...known(target),
        on: { ...known(target).on, teams: target.includes("mia") ? account : "bbbb" },
      });
      const teams = conversationStore(engine.database, "teams");
      const place = { tenant: "t", serviceUrl: "https://smba.example/", bot: "28:air" };
      await teams.heard({ ...place, id: "a:1mia", kind: "personal", person: account }, NOW);
      // What a later message leaves out is not forgotten.
      await teams.heard({ ...place, id: "a:1mia", kind: "personal" }, minutesIn(1));
      await incidentOf();
      await at(0);
      await at(10);
      const rooms = (await engine.store.transaction((tx) => tx.knownMessages([1]))).filter(({ subject }) => subject.startsWith("direct:"));
      expect(rooms.map((row) => row.channel).sort()).toEqual([`slack:${MIA}`, `slack:${NOOR}`, "teams:a:1mia"]);
    });

    test("the lab writes to nobody", async () => {
      const lab = { ...engine.world.capabilities, lab: true };
      engine.world.capabilities = lab as never;
      await ingestAlerts(engine.air, [
        { source: "lab", lab: true, alerts: [anAlert([{ kind: "device", name: "WS-1" }])], receivedAt: engine.world.now },
      ]);
      await at(0);
      expect(direct(MIA)).toEqual([]);
      expect(told()).toEqual([]);
    });
  });

  describe("answers", () => {
    test("I cannot: the next is told at once, and nobody who cannot is told again", async () => {
      const action = await proposedAction(engine);
      const incident = action.incidentId;
      await at(0);
      engine.world.now = minutesIn(1);
      // Told, she may say so without any role.
      const answered = await cannotLook(engine.air, somebody("Mia"), { incident });
      expect(answered).toEqual({ subject: `INC-${incident}`, told: ["Noor"], over: false });
      await at(1);
      expect(told()).toEqual(["Mia", "Noor"]);
      expect(await story(incident)).toContain("Mia cannot look at it: Noor is told now");
      for (const minute of [31, 41, 51, 61]) await at(minute);
      expect(told()).toEqual(["Mia", "Noor"]);
    });

    test("who was not told and may not respond cannot answer", async () => {
      const incident = await incidentOf();
      await at(0);
      await expect(cannotLook(engine.air, somebody("Eve"), { incident })).rejects.toThrow(/responder/);
      await expect(escalateNow(engine.air, { ...somebody("Mia"), unchecked: true }, { incident })).rejects.toThrow();
      await expect(acknowledge(engine.air, somebody("Eve"), { incident })).rejects.toThrow(/responder/);
    });

    test("escalate: the next at once, and where nobody is left, ops and the person hear it", async () => {
      const incident = await incidentOf();
      await at(0);
      engine.world.now = minutesIn(1);
      expect(await escalateNow(engine.air, responder("Lea"), { incident })).toMatchObject({ told: ["Noor"] });
      await at(1);
      engine.world.now = minutesIn(2);
      expect(await escalateNow(engine.air, responder("Lea"), { incident })).toMatchObject({ told: ["webhook"] });
      await at(2);
      expect(world.hook.calls).toHaveLength(1);
      expect(await escalateNow(engine.air, responder("Lea"), { incident })).toEqual({ subject: `INC-${incident}`, told: [], over: true });
      await at(3);
      expect(opsText()).toContain(`Nobody is left to be told that INC-${incident} needs somebody`);
      expect(told()).toEqual(["Mia", "Noor"]);
    });

    test("taken back, the chain begins again for what still waits, and the assignment goes with it", async () => {
      const action = await proposedAction(engine);
      const incident = action.incidentId;
      await at(0);
      await acknowledge(engine.air, somebody("Mia"), { incident });
      expect((await engine.store.incident(incident))?.assignee).toBe("Mia");
      await at(31);
      expect(told()).toEqual(["Mia"]);
      engine.world.now = minutesIn(40);
      await takeBackAck(engine.air, somebody("Mia"), { incident });
      expect(await engine.store.incident(incident)).toMatchObject({ ackedBy: null, ackedAt: null, assignee: null });
      await at(40);
      expect(told()).toEqual(["Mia", "Mia"]);
      await at(50);
      expect(told()).toEqual(["Mia", "Mia", "Noor"]);
      expect((await story(incident)).join("\n")).toContain("Mia took the acknowledgement back");
      await expect(takeBackAck(engine.air, responder("Mia"), { incident })).rejects.toThrow("Nobody has acknowledged");
    });

    test("what asks for somebody after an acknowledgement asks again, and can be acknowledged again", async () => {
      const incident = await incidentOf();
      await at(0);
      await acknowledge(engine.air, somebody("Mia"), { incident });
      engine.world.now = minutesIn(5);
      const wish = {
        incidentId: incident,
        actionId: null,
        step: "suspect",
        to: [{ kind: "on-call" as const }],
        text: "Eve tried.",
        by: "eve@contoso.com",
      };
      await engine.store.transaction((tx) => wantPages(tx, engine.air, [wish], engine.world.now));
      await at(5);
      expect(told()).toEqual(["Mia", "Mia"]);
      await at(15);
      expect(told()).toEqual(["Mia", "Mia", "Noor"]);
      await acknowledge(engine.air, somebody("Noor"), { incident });
      await at(60);
      expect(told()).toEqual(["Mia", "Mia", "Noor"]);
      expect(world.hook.calls).toEqual([]);
    });
  });

  describe("about air itself", () => {
    const silent = (step: string) =>
      engine.store.transaction((tx) =>
        wantPages(
          tx,
          engine.air,
          [{ incidentId: 0, actionId: null, step, to: [{ kind: "on-call" }], text: `${step}.`, by: "air" }],
          engine.world.now,
        ),
      );
    const first = async () => (await engine.store.pagesOf(0)).find(({ target }) => target === "person:mia@contoso.com") as PageRow;

    test("goes on to the next, and is acknowledged by its page", async () => {
      await silent("source silent siem");
      await at(0);
      expect(told()).toEqual(["Mia"]);
      const page = (await first()).id;
      expect(direct(MIA)[0]?.buttons[0]).toMatchObject({ label: "Acknowledge", value: `say:ack PAGE-${page}` });
      await at(10);
      expect(told()).toEqual(["Mia", "Noor"]);
      await acknowledge(engine.air, somebody("Mia"), { page });
      await at(11);
      expect(textOf(direct(MIA)[0])).toContain("Acknowledged by Mia");
      await at(60);
      expect(world.hook.calls).toEqual([]);
      await expect(acknowledge(engine.air, somebody("Mia"), { page })).rejects.toThrow("already acknowledged");
      engine.world.now = minutesIn(70);
      await takeBackAck(engine.air, somebody("Mia"), { page });
      await at(70);
      expect(told()).toEqual(["Mia", "Noor", "Mia"]);
    });

    test("is over when what was wrong is over", async () => {
      await silent("source silent siem");
      await at(0);
      engine.world.now = minutesIn(5);
      await silent("source back siem");
      await at(5);
      for (const minute of [10, 20, 60]) await at(minute);
      expect(told().filter((name) => name === "Noor")).toEqual([]);
      expect(world.hook.calls).toEqual([]);
    });
  });

  describe("a silent owner", () => {
    const overdue = async () => {
      await begin("default");
      world.paging.ownerReminderMs = { urgent: 30 * MINUTE, other: 240 * MINUTE };
      const action = await proposedAction(engine);
      engine.world.now = minutesIn(10);
      await acknowledge(engine.air, responder("Mia"), { incident: action.incidentId });
      return action.incidentId;
    };

    test("is reminded, and then it goes back to everybody", async () => {
      const incident = await overdue();
      await at(59);
      expect(told()).toEqual([]);
      await at(60);
      expect(told()).toEqual(["Mia"]);
      await at(89);
      expect(told()).toEqual(["Mia"]);
      await at(90);
      expect(await engine.store.incident(incident)).toMatchObject({ ackedBy: null, assignee: null });
      expect((await story(incident)).join("\n")).toContain("Mia did nothing here for 1 h while a decision waits");
      expect(told()).toEqual(["Mia", "Mia"]);
      await at(100);
      expect(told()).toEqual(["Mia", "Mia", "Noor"]);
    });

    test("who does something keeps it", async () => {
      const incident = await overdue();
      await at(60);
      engine.world.now = minutesIn(70);
      await noteIncident(engine.air, responder("Mia"), incident, "asking the owner of the device");
      await at(95);
      expect(await engine.store.incident(incident)).toMatchObject({ ackedBy: "Mia" });
      await at(100);
      expect(told()).toEqual(["Mia", "Mia"]);
      await at(130);
      expect(await engine.store.incident(incident)).toMatchObject({ ackedBy: null });
    });

    test("two workers remind once", async () => {
      const incident = await overdue();
      for (const minute of [60, 60, 61]) {
        engine.world.now = minutesIn(minute);
        await Promise.all([world.worker().tick(), world.worker().tick()]);
      }
      expect((await engine.store.pagesOf(incident)).map(({ step, target }) => [step, target])).toEqual([
        ["owner", "person:mia@contoso.com"],
      ]);
    });
  });

  describe("whatever happens", () => {
    type Move = { kind: "ack" | "unack" | "mia cannot" | "noor cannot" | "escalate" | "wait" | "decide"; minutes: number; refuse: string };
    const moves = fc.array(
      fc.record<Move>({
        kind: fc.constantFrom("ack", "unack", "mia cannot", "noor cannot", "escalate", "wait", "wait", "wait", "decide"),
        minutes: fc.integer({ min: 1, max: 14 }),
        refuse: fc.constantFrom("", "", "chat", "hook"),
      }),
      { minLength: 3, maxLength: 9 },
    );

    test("property: nobody twice for one thing, never nobody, no step after an acknowledgement", async () => {
      await fc.assert(
        fc.asyncProperty(moves, fc.boolean(), async (all, withAction) => {
          await begin();
          const action = withAction ? await proposedAction(engine) : undefined;
          const incident = action?.incidentId ?? (await incidentOf());
          let minute = 0;
          let round = 0;
          const rounds: string[][] = [[]];
          let seen = 0;
          const look = async () => {
            const rows = await engine.store.pagesOf(incident);
            for (const row of rows.slice(seen)) if (!row.target.startsWith("ops:")) rounds[round]?.push(row.target);
            seen = rows.length;
          };
          const lea = approver("Lea");
          for (const { kind, minutes, refuse } of all) {
            minute += minutes;
            world.hook.down = refuse === "hook";
            world.chat.refuse = (_, where) =>
              refuse === "chat" && where === channel.slice(6) ? new ChatError("refused", "no") : undefined;
            await at(minute, 2);
            await look();
            const acked = (await engine.store.incident(incident))?.ackedBy !== null;
            const refused = () => undefined;
            if (kind === "ack") await acknowledge(engine.air, lea, { incident }).catch(refused);
            if (kind === "unack" && acked) {
              await takeBackAck(engine.air, lea, { incident });
              round = rounds.push([]) - 1;
            }
            if (kind === "mia cannot") await cannotLook(engine.air, responder("Mia"), { incident }).catch(refused);
            if (kind === "noor cannot") await cannotLook(engine.air, responder("Noor"), { incident }).catch(refused);
            if (kind === "escalate") await escalateNow(engine.air, lea, { incident }).catch(refused);
            if (kind === "decide" && action)
              await decideAction(engine.air, lea, { action: action.id, decision: "reject", reason: "known good" }).catch(refused);
            const before = (await engine.store.pagesOf(incident)).length;
            const quiet = kind === "ack";
            await at(minute, 2);
            const after = (await engine.store.pagesOf(incident)).slice(before).filter(({ target }) => !target.startsWith("ops:"));
            if (quiet) expect(after).toEqual([]);
            await look();
          }
          for (const targets of rounds) expect(new Set(targets).size).toBe(targets.length);
          // Never nobody: where nobody has it and it still waits, somebody was told, or whoever runs air was.
          world.hook.down = false;
          world.chat.refuse = () => undefined;
          for (const more of [20, 40, 60]) await at(minute + more, 2);
          await look();
          for (const targets of rounds) expect(new Set(targets).size).toBe(targets.length);
          const open = (await engine.store.callsOf(incident)).filter(({ ackedAt }) => ackedAt === null);
          const rows = await engine.store.pagesOf(incident);
          for (const call of open)
            expect(rows.some((row) => row.sentAt !== null && row.createdAt >= call.since) || opsText().includes("Nobody")).toBe(true);
        }),
        { numRuns: 12 },
      );
    }, 240_000);

    test("two workers over one database take each step once", async () => {
      const incident = await incidentOf();
      for (const minute of [0, 0, 1, 10, 10, 11, 20, 21]) {
        engine.world.now = minutesIn(minute);
        await Promise.all([world.worker().tick(), world.worker().tick()]);
      }
      expect((await engine.store.pagesOf(incident)).map(({ target }) => target)).toEqual([
        "person:mia@contoso.com",
        "person:noor@contoso.com",
        "webhook",
      ]);
      expect(world.hook.calls).toHaveLength(1);
    });

    test("killed between any two calls of an escalation, the end is the same, and nobody is told twice", async () => {
      const go = async (death?: { at: number; moment: "before" }) => {
        await begin();
        const incident = await incidentOf();
        await at(0, 1);
        engine.world.now = minutesIn(10);
        const worker = world.worker(death);
        await worker.tick(1);
        return { incident, calls: worker.calls() };
      };
      const whole = await go();
      expect(told()).toEqual(["Mia", "Noor"]);
      for (let call = 1; call <= whole.calls + 1; call += stride(kind)) {
        const { incident } = await go({ at: call, moment: "before" });
        for (const minute of [10.5, 11.5, 12.5]) await at(minute, 1);
        expect([call, told().filter((name) => name === "Noor")]).toEqual([call, ["Noor"]]);
        expect([call, (await engine.store.pagesOf(incident)).map(({ target }) => target)]).toEqual([
          call,
          ["person:mia@contoso.com", "person:noor@contoso.com"],
        ]);
        expect([call, direct(NOOR).length]).toEqual([call, 1]);
      }
    }, 240_000);
  });
});
