import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { cardText } from "../../src/bot/card-text.ts";
import { createConversation } from "../../src/bot/conversation.ts";
import { onCallShape } from "../../src/bot/oncall-preview.ts";
import { decideAction } from "../../src/engine/decide-action.ts";
import { NO_ROLES } from "../../src/engine/domain/approval.ts";
import type { Named } from "../../src/engine/domain/paging.ts";
import type { RotaLayer } from "../../src/engine/domain/rota.ts";
import { wallShort } from "../../src/engine/domain/wall-clock.ts";
import { erasePerson } from "../../src/engine/erase-person.ts";
import { ackIncident } from "../../src/engine/manage-incident.ts";
import { ConnectorError, type RotaTold } from "../../src/engine/ports.ts";
import { approver, type Engine, fresh, openEngine, proposedAction, somebody, testSign } from "../support/open-engine.ts";
import { mentioned, pagingWorld } from "../support/paging-air.ts";

/*
 * A rota of two people through the weeks in which Berlin turns its clocks: who is told, when the shift changes and who hears of it, on a
 * clock of ours, over real rows.
 */
const BERLIN = "Europe/Berlin";
const MINUTE = 60_000;
const DAY = 86_400_000;
const PEOPLE: Record<string, Named> = {
  "person:mia@contoso.com": { kind: "person", name: "Mia", on: { slack: "U0MIA" } },
  "person:noor@contoso.com": { kind: "person", name: "Noor", on: { slack: "U0NOOR" } },
  "person:tom@contoso.com": { kind: "person", name: "Tom", on: { slack: "U0TOM" } },
  "person:pat@contoso.com": { kind: "person", name: "Pat", on: {} },
};
const layer = (...names: string[]): RotaLayer => ({
  name: "primary",
  everyDays: 7,
  handover: { weekday: 1, minute: 540 },
  start: "2026-10-05",
  people: names.map((name) => `person:${name}@contoso.com`),
});

let engine: Engine;
let world: ReturnType<typeof pagingWorld>;
let ops: string;
beforeAll(async () => {
  engine = await openEngine("embedded");
});
beforeEach(async () => {
  await engine.empty();
  ops = `slack:${fresh("COPS")}`;
  world = pagingWorld(engine, `slack:${fresh("C")}`, ops);
  Object.assign(world.paging, {
    chain: ["rota:current", "rota:next", "rota:everyone"],
    afterMs: [0, 10 * MINUTE, 20 * MINUTE],
    rota: { layers: [layer("mia", "noor")], timeZone: BERLIN },
    timeZone: BERLIN,
    nameOf: (target: string) => PEOPLE[target] ?? { kind: "group", name: target, on: {} },
  });
  delete engine.air.rotaSource;
});
afterAll(() => engine.close());

const at = async (moment: string | Date) => {
  engine.world.now = new Date(moment);
  await world.worker().tick();
};
const since = (from: Date, minutes: number) => new Date(from.getTime() + minutes * MINUTE);
const inOps = () =>
  world.chat.messages.filter((message) => message.channel === ops.slice("slack:".length)).flatMap(({ card }) => cardText(card));
const toldAbout = async (incident: number) =>
  (await engine.store.pagesOf(incident)).map(({ step, target, sentAt }) => `${step} ${target} ${sentAt === null ? "not sent" : "sent"}`);
const told = () => mentioned(world.chat);

const conversation = () =>
  createConversation(
    engine.air,
    async () => ({
      now: engine.world.now,
      sign: testSign,
      publicUrl: undefined,
      pauses: [],
      paging: world.paging,
      deciders: () => ({ anyone: false, names: [] }),
    }),
    (text) => {
      const [target, named] =
        Object.entries(PEOPLE).find(
          ([key, { name }]) => key === `person:${text.toLowerCase()}` || name.toLowerCase() === text.toLowerCase(),
        ) ?? [];
      return target && named ? { name: named.name, key: target.slice("person:".length) } : undefined;
    },
  );
const viewer = (name: string) => somebody(name, { ...NO_ROLES, viewer: true });
const say = async (text: string, who = viewer("Mia")) => cardText(await conversation().say(text, who)).join("\n");

/** Once a day, and on Mondays every half hour around nine on the wall. */
function momentsOf(begin: Date, weeks: number): Date[] {
  return Array.from({ length: weeks * 7 }, (_, day) => new Date(begin.getTime() + day * DAY)).flatMap((day) =>
    (day.getUTCDay() === 1 ? [360, 390, 420, 450, 480, 510] : [720]).map((minutes) => since(day, minutes)),
  );
}

describe("the weeks in which the clocks are turned", () => {
  test.each([
    ["back, in October", "2026-10-12", 3],
    ["forward, in March", "2027-03-15", 3],
  ])(
    "%s: whoever's week it is is told, and the shift changes at nine on the wall",
    async (_, from, weeks) => {
      const begin = new Date(`${from}T00:00:00Z`);
      const changes: string[] = [];
      const people: string[] = [];
      let seen = 0;
      await at(begin);
      for (const moment of momentsOf(begin, weeks)) {
        await at(moment);
        const notes = inOps().filter((line) => line.startsWith("On call: "));
        if (notes.length > seen) changes.push(`${wallShort(moment, BERLIN)} ${/On call: (\w+)/.exec(notes.at(-1) ?? "")?.[1]}`);
        seen = notes.length;
        if (moment.getUTCDay() !== 4) continue;
        // On each Thursday something waits past its deadline, and is decided by whoever was told.
        const before = told().length;
        const action = await proposedAction(engine);
        await at(since(moment, 31));
        people.push(...told().slice(before));
        await decideAction(engine.air, approver("Lea"), { action: action.id, decision: "reject", reason: "known good" });
      }
      const monday = (week: number) => `${new Date(begin.getTime() + week * 7 * DAY).toISOString().slice(0, 10)} 09:00`;
      expect(changes).toEqual([`${monday(0)} Noor`, `${monday(1)} Mia`, `${monday(2)} Noor`]);
      expect(people).toEqual(["Noor", "Mia", "Noor"]);
    },
    120_000,
  );
});

describe("the escalation", () => {
  test("current, next, everybody; an acknowledgement stops it", async () => {
    await at("2026-10-06T10:00:00Z");
    const action = await proposedAction(engine);
    const deadline = action.deadline;
    await at(since(deadline, -1));
    expect(told()).toEqual([]);
    await at(deadline);
    expect(told()).toEqual(["Mia"]);
    await at(since(deadline, 9));
    expect(told()).toEqual(["Mia"]);
    await at(since(deadline, 10));
    expect(told()).toEqual(["Mia", "Noor"]);
    await ackIncident(engine.air, somebody("Noor", { ...NO_ROLES, responder: true }), action.incidentId);
    await at(since(deadline, 30));
    expect(told()).toEqual(["Mia", "Noor"]);
  });

  test("everybody is one step, and who is told stands in the rows", async () => {
    await at("2026-10-06T10:00:00Z");
    const action = await proposedAction(engine);
    for (const minutes of [0, 10, 20, 30, 60]) await at(since(action.deadline, minutes));
    expect((await toldAbout(action.incidentId)).sort()).toEqual([
      "deadline person:mia@contoso.com sent",
      "deadline-3 person:mia@contoso.com sent",
      "deadline-3 person:noor@contoso.com sent",
      "deadline-second person:noor@contoso.com sent",
    ]);
  });

  test("somebody no chat can mention costs no time", async () => {
    Object.assign(world.paging, { rota: { layers: [layer("pat", "noor")], timeZone: BERLIN } });
    await at("2026-10-06T10:00:00Z");
    const action = await proposedAction(engine);
    await at(action.deadline);
    expect(told()).toEqual(["Noor"]);
    expect((await toldAbout(action.incidentId)).slice(0, 2)).toEqual([
      "deadline person:pat@contoso.com not sent",
      "deadline-second person:noor@contoso.com sent",
    ]);
  });

  test("in a hole of the rota the next is told at once", async () => {
    const office = { ...layer("mia", "noor"), restrict: { hours: { from: 540, to: 1020 } } };
    Object.assign(world.paging, { rota: { layers: [office], timeZone: BERLIN } });
    await at("2026-10-06T20:00:00Z");
    expect(inOps().join("\n")).toContain("leave nobody on call from 2026-10-06 22:00 (Europe/Berlin) to 2026-10-07 09:00 (Europe/Berlin)");
    const action = await proposedAction(engine);
    await at(action.deadline);
    expect(told()).toEqual(["Mia"]);
    expect((await engine.store.pagesOf(action.incidentId))[0]).toMatchObject({ target: "rota:current", trouble: "nobody is on call" });
  });

  test("whoever came on since hears of it before the one after them", async () => {
    Object.assign(world.paging, { rota: { layers: [layer("mia", "noor", "tom")], timeZone: BERLIN } });
    await at("2026-10-12T06:20:00Z");
    const action = await proposedAction(engine);
    await at(action.deadline);
    expect(told()).toEqual(["Mia"]);
    // At nine on the wall it is Noor's week.
    await at("2026-10-12T07:00:00Z");
    const after = (await toldAbout(action.incidentId)).at(-1);
    expect(after).toBe("deadline-second person:noor@contoso.com sent");
  });
});

describe("swaps", () => {
  test("one's own by anybody, for others by an admin; listed, in force, ended", async () => {
    await at("2026-10-06T10:00:00Z");
    expect(await say("oncall")).toContain("Mia is on call until 2026-10-12 09:00 (Europe/Berlin), then Noor.");
    const refused = await say("oncall swap noor tom from now to Fri 09:00");
    expect(refused).toContain("admin");
    expect(await say("oncall swap me tom from 13:00 to 16:00")).toContain(
      "Swap 1: Tom instead of Mia from 2026-10-06 13:00 (Europe/Berlin)",
    );
    await at("2026-10-06T11:00:00Z");
    expect(told().sort()).toEqual(["Mia", "Tom", "Tom"]);
    expect(inOps().join("\n")).toMatch(/For Tom\n(.*\n)*On call: Tom until 2026-10-06 16:00, then Mia\nAfter: Mia/);
    expect(await say("oncall 7d")).toMatch(/Now\W+Tom[\s\S]*Tue 2026-10-06 16:00\W+Mia[\s\S]*Mon 2026-10-12 09:00\W+Noor/);
    const action = await proposedAction(engine);
    await at(action.deadline);
    expect(told().at(-1)).toBe("Tom");
    expect(await say("oncall cancel 1", viewer("Vic"))).toContain("admin");
    expect(await say("oncall cancel 1", viewer("Tom"))).toContain("Swap 1 has ended");
    expect(await say("oncall")).toContain("Mia is on call until");
    expect(await say("oncall cancel 1")).toContain("There is no open swap 1");
    const audit = (await engine.store.auditLines(0, 100)).map(({ line }) => (JSON.parse(line) as { event: string }).event);
    expect(audit.filter((event) => event.startsWith("duty.") || event === "command.refused")).toEqual([
      "command.refused",
      "duty.swapped",
      "command.refused",
      "duty.swap-ended",
      "command.refused",
    ]);
  });

  test.each([
    ["oncall swap me mia from now to 16:00", "cannot stand in for"],
    ["oncall swap me noor from Fri 18:00 to 2026-10-07", "It would end before it begins"],
    ["oncall swap me noor from 2026-10-05 08:00 to 2026-10-06 08:00", "That time is over already: it ended 2026-10-06 08:00"],
    ["oncall swap me noor from 2026-10-13 to 2026-10-14", "Mia is not on call in that time"],
    ["oncall swap me nobody from now to 16:00", "does not name two people"],
    ["oncall swap me noor from someday to 16:00", '"someday" is no time'],
    ["oncall swap me pat from now for 2h", "no account in people"],
    ["oncall swap me noor from now for 99d", "at most 92 days"],
    ["oncall swap", "Usage: oncall swap"],
    ["oncall 400d", "at most 92d"],
  ])("%s is refused with the reason", async (text, reason) => {
    await at("2026-10-06T10:00:00Z");
    expect(await say(text)).toContain(reason);
    expect(await engine.store.swapsAfter(new Date(0))).toEqual([]);
  });

  test("for two hours, by somebody with two names, for another by an admin", async () => {
    await at("2026-10-06T10:00:00Z");
    const admin = somebody("Ada", { ...NO_ROLES, viewer: true, admin: true });
    expect(await say("oncall swap mia@contoso.com with noor from Wed 10:00 for 2h", admin)).toContain(
      "Noor instead of Mia from 2026-10-07 10:00 (Europe/Berlin) to 2026-10-07 12:00 (Europe/Berlin) (2 h), asked for by Ada",
    );
  });
});

describe("a swap with somebody who left", () => {
  const gone = (...names: string[]) =>
    Object.assign(world.paging, {
      isKnown: (target: string) => target in PEOPLE && !names.some((name) => target === `person:${name}@contoso.com`),
    });

  test("does not count once they are taken out of air.yaml; it is said once, and who gave the duty away has it", async () => {
    await at("2026-10-06T10:00:00Z");
    await say("oncall swap me tom from now to Fri 09:00");
    await at("2026-10-06T10:01:00Z");
    expect(await say("oncall")).toContain("Tom is on call until 2026-10-09");
    gone("tom");
    await at("2026-10-06T10:02:00Z");
    await at("2026-10-06T10:03:00Z");
    const why = "Swap 1 (Tom instead of Mia) does not count: Tom is not in people of air.yaml.";
    expect(inOps().filter((line) => line.includes(why))).toHaveLength(1);
    expect(inOps()).toContain("For Mia");
    const card = await say("oncall");
    expect(card).toContain("Mia is on call until 2026-10-12");
    expect(card).toContain(why);
    expect(await say("oncall 7d")).not.toMatch(/Now\W+Tom/);
    const preview = (await onCallShape(engine.air, engine.world.now, 1)) as { shifts: { person: string }[] };
    expect(preview.shifts.map(({ person }) => person)).toEqual(["mia@contoso.com"]);
    const action = await proposedAction(engine);
    await at(action.deadline);
    expect(told().at(-1)).toBe("Mia");
    expect(await say("oncall cancel 1")).toContain("Swap 1 has ended");
  });

  test("ends when they are erased, running or not begun, and the audit says why", async () => {
    await at("2026-10-06T10:00:00Z");
    await say("oncall swap me tom from now to Fri 09:00");
    await say("oncall swap me tom from Sat 09:00 to Sun 09:00");
    await say("oncall swap me noor from Sun 10:00 to Sun 12:00");
    const admin = somebody("Ada", { ...NO_ROLES, viewer: true, admin: true });
    await erasePerson(engine.air, admin, { email: "tom@contoso.com", dryRun: true }, () => undefined);
    expect(await engine.store.swapsAfter(engine.world.now)).toHaveLength(3);
    await erasePerson(engine.air, admin, { email: "tom@contoso.com", dryRun: false }, () => undefined);
    expect((await engine.store.swapsAfter(engine.world.now)).map(({ id }) => id)).toEqual([3]);
    const all = await engine.store.swapsAfter(new Date(engine.world.now.getTime() - 1));
    expect(all.map(({ endedBy }) => endedBy)).toEqual(["erasure", "erasure", null]);
    expect(await say("oncall")).toContain("Mia is on call until 2026-10-11 10:00");
    const lines = (await engine.store.auditLines(0, 100)).map(({ line }) => line);
    expect(lines.filter((line) => line.includes("duty.swap-ended") && line.includes("erasure"))).toHaveLength(2);
    expect(lines.join("\n")).not.toContain("tom@contoso.com");
  });
});

describe("a rota another product keeps", () => {
  test("is asked once a minute; while it does not answer what it said last holds, and that is said", async () => {
    let asked = 0;
    let answer: () => RotaTold[] = () => [];
    const shift = (email: string, from: string, to: string) => ({ email, from: new Date(from), to: new Date(to) });
    Object.assign(world.paging, { rota: "asked" });
    engine.air.rotaSource = () => ({
      name: "PagerDuty PSOC",
      shifts: async () => {
        asked++;
        return answer();
      },
    });
    answer = () => [
      shift("mia@contoso.com", "2026-10-06T00:00Z", "2026-10-06T12:00Z"),
      shift("noor@contoso.com", "2026-10-06T12:00Z", "2026-10-07T00:00Z"),
    ];
    await at("2026-10-06T10:00:00Z");
    await at("2026-10-06T10:00:50Z");
    expect(asked).toBe(1);
    expect(await say("oncall")).toContain("Mia is on call until 2026-10-06 14:00");
    expect(await say("oncall swap me noor from now for 1h")).toContain("make an override there");
    answer = () => {
      throw new ConnectorError("unavailable", "PagerDuty answered HTTP 503");
    };
    for (const moment of ["10:01:00", "10:02:00", "10:03:00"]) await at(`2026-10-06T${moment}Z`);
    expect(asked).toBe(4);
    expect(inOps().filter((line) => line.includes("could not be asked: PagerDuty answered HTTP 503"))).toHaveLength(1);
    expect(await say("oncall")).toContain("This is what it said at 2026-10-06 12:00 (Europe/Berlin).");
    const action = await proposedAction(engine);
    await at(action.deadline);
    expect(told().at(-1)).toBe("Mia");
    answer = () => [shift("noor@contoso.com", "2026-10-06T00:00Z", "2026-10-08T00:00Z")];
    await at("2026-10-06T11:00:00Z");
    expect(inOps().join("\n")).toContain("PagerDuty PSOC says again who is on call.");
    expect(await say("oncall")).toContain("Noor is on call until");
  });
});
