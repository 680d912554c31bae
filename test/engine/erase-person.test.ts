import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { digestOf, verifyAudit, writeCheckpoint } from "../../src/engine/audit-chain.ts";
import { NO_ROLES, type Person } from "../../src/engine/domain/approval.ts";
import { eraseFrom } from "../../src/engine/domain/erasure.ts";
import { erasePerson } from "../../src/engine/erase-person.ts";
import { ackIncident, assignIncident, noteIncident } from "../../src/engine/manage-incident.ts";
import { pause } from "../../src/engine/pause.ts";
import fc from "../support/fast-check.ts";
import { type Engine, openEngine, proposedAction } from "../support/open-engine.ts";
import { DATABASES } from "../support/open-test-db.ts";

const who = (name: string, key: string, more: Partial<Person> = {}): Person => ({
  key,
  name,
  via: "slack",
  identities: [key],
  roles: { ...NO_ROLES, viewer: true, responder: true, admin: true, approves: ["device"] },
  machine: false,
  ...more,
});
const MIA = who("Mia Brandt", "mia@contoso.com", { identities: ["mia@contoso.com", "U0MIABR42"] });
const TOM = who("Tom Okafor", "tom@contoso.com");
const ADA = who("Ada Novak", "ada@contoso.com");
const nowhere = () => undefined;

async function exported(engine: Engine): Promise<string[]> {
  const lines: string[] = [];
  let hash = "";
  for (const { line } of await engine.store.auditLines(0, 10_000)) {
    lines.push(line);
    hash = digestOf(line);
  }
  return [...lines, writeCheckpoint({ count: lines.length, hash }, undefined)];
}
const textOf = (lines: readonly string[]) => `${lines.join("\n")}\n`;

/** Every row of every table but those that say what was done to whom, as text. */
async function everything(engine: Engine, except: readonly string[] = []): Promise<string> {
  const { rows } = await engine.database.boss.executeSql("select table_name from information_schema.tables where table_schema = 'public'");
  const texts: string[] = [];
  for (const { table_name } of rows as { table_name: string }[]) {
    if (except.includes(table_name)) continue;
    const found = await engine.database.boss.executeSql(`select t::text as row from "${table_name}" t`);
    texts.push(...(found.rows as { row: string }[]).map(({ row }) => `${table_name} ${row}`));
  }
  return texts.join("\n");
}

describe.each(DATABASES)("erasing a person, %s", (kind) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await openEngine(kind);
    const { air, store } = engine;
    const action = await proposedAction(engine);
    const { incidentId } = action;
    await noteIncident(air, MIA, incidentId, "Tom Okafor and I looked at it; ask mia@contoso.com");
    await assignIncident(air, TOM, incidentId, MIA);
    await ackIncident(air, TOM, incidentId);
    await pause(air, MIA, "all", "wrong devices, says Mia Brandt");
    const now = engine.world.now;
    await store.transaction(async (tx) => {
      await tx.addApproval({
        actionId: action.id,
        version: action.version,
        person: MIA.key,
        also: ["mia@contoso.com", "u0miabr42"],
        name: MIA.name,
        via: "slack",
        at: now,
      });
      await tx.addApproval({
        actionId: action.id,
        version: action.version,
        person: TOM.key,
        also: [TOM.key],
        name: TOM.name,
        via: "slack",
        at: now,
      });
      await tx.updateAction(action.id, {
        decision: { decision: "approve", by: MIA.name, at: now.toISOString(), via: "slack" },
        breakGlass: {
          by: MIA.name,
          key: MIA.key,
          at: now.toISOString(),
          reason: "it spread",
          reviewed: { by: "Mia Brandt", at: now.toISOString() },
        },
        requestedBy: { key: "slack:U0MIABR42", also: ["u0miabr42"], name: "Mia Brandt" },
        outcome: "Mia Brandt did it by hand",
      });
      await tx.addSwap({
        person: "person:mia@contoso.com",
        instead: "person:tom@contoso.com",
        from: now,
        until: now,
        by: MIA.name,
        createdAt: now,
        endedBy: MIA.name,
      });
      await tx.addSnooze({ policy: "p", by: MIA.name, reason: "planned", createdAt: now, until: now, endedBy: null });
      await tx.addPages([
        {
          incidentId,
          actionId: action.id,
          step: "reminder",
          target: "person:mia@contoso.com",
          text: "Mia Brandt wanted to be told",
          by: MIA.key,
          createdAt: now,
          dueAt: now,
        },
      ]);
      await tx.putSetting("duty-noted", { person: "person:mia@contoso.com", since: now.toISOString() });
      for (let number = 0; number < 130; number++)
        await tx.writeAudit([
          { at: now, actor: { kind: "person", via: "slack", key: MIA.key, name: MIA.name }, event: "test.line", subject: `ACT-${number}` },
        ]);
      await tx.writeAudit([
        { at: now, actor: { kind: "person", via: "slack", key: TOM.key, name: TOM.name }, event: "test.line", subject: "to Mia Brandt" },
      ]);
    });
  });
  afterAll(() => engine.close());

  test("a dry run counts and writes nothing; only an admin may", async () => {
    const before = await everything(engine);
    const counted = await erasePerson(engine.air, ADA, { email: "Mia@Contoso.com", dryRun: true }, nowhere);
    expect(await everything(engine)).toBe(before);
    expect(counted.names).toEqual(["Mia Brandt"]);
    expect(counted.accounts).toBeGreaterThanOrEqual(2);
    expect(counted.auditLines).toBeGreaterThan(130);
    expect(counted.rows).toMatchObject({ approvals: 1, actions: 1, duty_swaps: 1, snoozes: 1, pages: 2, incidents: 1 });
    await expect(
      erasePerson(engine.air, { ...TOM, roles: NO_ROLES }, { email: "mia@contoso.com", dryRun: true }, nowhere),
    ).rejects.toMatchObject({ code: "forbidden" });
    await expect(erasePerson(engine.air, ADA, { email: "mia", dryRun: false }, nowhere)).rejects.toMatchObject({ code: "invalid" });
    await expect(erasePerson(engine.air, ADA, { email: "mia@contoso.com", dryRun: false }, () => "people")).rejects.toThrow(
      /people of air.yaml/,
    );
  });

  test("no row names them any more, two approvals stay two, and the audit verifies", async () => {
    const before = await exported(engine);
    expect(verifyAudit(textOf(before))).toMatchObject({ ok: true, redacted: 0 });
    const erased = await erasePerson(engine.air, ADA, { email: "mia@contoso.com", dryRun: false }, nowhere);
    expect(erased.pseudonym).toMatch(/^person-[0-9a-f]{8}$/);
    const all = await everything(engine, ["alerts", "evidence"]);
    expect(all).not.toMatch(/mia@contoso|U0MIABR42|Mia Brandt/i);
    expect(all).toContain("Tom Okafor");
    const [action] = (await engine.store.listActions({ limit: 1 })).items;
    const approvals = await engine.store.approvalsOf(action?.id ?? 0);
    expect(approvals.map(({ person }) => person).sort()).toEqual([erased.pseudonym, "tom@contoso.com"].sort());
    const after = await exported(engine);
    const verdict = verifyAudit(textOf(after));
    if (!verdict.ok) throw new Error(`line ${verdict.line} ${verdict.problem}`);
    expect(verdict.redacted).toBe(erased.auditLines);
    // Every line that was not about them is the same.
    for (const [index, line] of before.slice(0, -1).entries()) if (!/mia/i.test(line)) expect(after[index]).toBe(line);
  });

  test("again finds nothing; another one who stands in the same lines can be erased, too", async () => {
    expect(await erasePerson(engine.air, ADA, { email: "mia@contoso.com", dryRun: false }, nowhere)).toMatchObject({
      rows: {},
      auditLines: 0,
    });
    await erasePerson(engine.air, ADA, { email: "tom@contoso.com", dryRun: false }, nowhere);
    // Ada erases herself: the lines that say what she erased lose her name, too.
    await erasePerson(engine.air, ADA, { email: "ada@contoso.com", dryRun: false }, nowhere);
    expect(await everything(engine, ["alerts", "evidence"])).not.toMatch(/mia@|tom@|ada@|Okafor|Novak/i);
    expect(verifyAudit(textOf(await exported(engine)))).toMatchObject({ ok: true });
  });

  test("who dies in between leaves an audit that verifies, and the next run finishes it", async () => {
    let left = 0;
    const { store } = engine;
    const mortal = {
      ...engine.air,
      store: new Proxy(store, {
        get(target, property, receiver) {
          if (property !== "transaction") return Reflect.get(target, property, receiver) as unknown;
          return (work: Parameters<typeof store.transaction>[0]) => {
            if (left-- <= 0) throw new Error("the process ended");
            return store.transaction(work);
          };
        },
      }),
    };
    const erase = () => erasePerson(mortal, ADA, { email: "pat@contoso.com", dryRun: false }, nowhere);
    const pat = { kind: "person", via: "slack", key: "pat@contoso.com", name: "Pat Lindqvist" } as const;
    const [incident] = (await store.listIncidents({ limit: 1 })).items;
    await store.transaction(async (tx) => {
      const at = engine.world.now;
      const line = {
        incidentId: incident?.id ?? 0,
        investigationId: null,
        actionId: null,
        at,
        actor: pat,
        event: "test",
        text: "Pat Lindqvist was here",
      };
      await tx.addTimeline(Array.from({ length: 120 }, () => line));
      await tx.writeAudit(Array.from({ length: 120 }, (_, number) => ({ at, actor: pat, event: "test.line", subject: `ACT-${number}` })));
      await tx.writeAudit(
        Array.from({ length: 120 }, () => ({ at, actor: { kind: "air", job: "test" }, event: "test.line", subject: "for Pat Lindqvist" })),
      );
    });
    for (const steps of [0, 1, 4, 9, 18, 19, 20]) {
      left = steps;
      await expect(erase()).rejects.toThrow("the process ended");
      expect(verifyAudit(textOf(await exported(engine)))).toMatchObject({ ok: true });
    }
    left = 1000;
    await erase();
    expect(await everything(engine, ["alerts", "evidence"])).not.toMatch(/pat@|Lindqvist/i);
    expect(verifyAudit(textOf(await exported(engine)))).toMatchObject({ ok: true });
  });

  test("whatever else is changed is noticed: a word, a line that claims to be redacted, the line that lists it", async () => {
    const lines = await exported(engine);
    const good = textOf(lines);
    const at = lines.findIndex((line) => line.includes('"redacted":'));
    const line = lines[at] ?? "";
    const lists = lines.findLastIndex((one) => one.includes('"audit.redacted"'));
    const bad: [string, string[]][] = [
      ["another word in it", lines.with(at, line.replace("person-", "nobody-"))],
      ["another subject", lines.with(at, line.replace(/"subject":"[^"]*"/, '"subject":"ACT-999"'))],
      ["another hash", lines.with(at, line.replace(/"sha256":"./, '"sha256":"f0').slice(0, line.length))],
      ["no list", lines.toSpliced(lists, 1)],
      ["another list", lines.with(lists, (lines[lists] ?? "").replace(/\[\[\d+/, "[[999"))],
    ];
    for (const [name, changed] of bad) expect(verifyAudit(textOf(changed)).ok, name).toBe(false);
    // A line that was never redacted is changed, and keeps its hash as if it had been.
    const plain = lines.findIndex((one) => !one.includes('"redacted":') && !one.includes("checkpoint"));
    const forged = JSON.parse(lines[plain] ?? "{}") as Record<string, unknown>;
    const { default: canonicalize } = await import("canonicalize");
    const claim = canonicalize({ ...forged, subject: "forged", redacted: { sha256: digestOf(lines[plain] ?? "") } }) ?? "";
    expect(verifyAudit(textOf(lines.with(plain, claim)))).toMatchObject({ ok: false, line: plain + 1 });
    fc.assert(
      fc.property(fc.nat({ max: good.length - 2 }), fc.string({ minLength: 1, maxLength: 1, unit: "binary" }), (place, other) => {
        const changed = `${good.slice(0, place)}${other}${good.slice(place + 1)}`;
        fc.pre(changed !== good);
        expect(verifyAudit(changed).ok).toBe(false);
      }),
      { numRuns: 60 },
    );
  });
});

test("the words around somebody stay, and nobody else is touched", () => {
  const known = { ids: ["mia@contoso.com", "U0MIA"], names: ["Mia B. (SOC)"], pseudonym: "person-1" };
  expect(eraseFrom("Mia B. (SOC) asked MIA@contoso.com, not jamia@contoso.com or mia@contoso.community; <@U0MIA>", known)).toBe(
    "person-1 asked person-1, not jamia@contoso.com or mia@contoso.community; <@person-1>",
  );
  // Whoever bears the key bears the name, also one that others have.
  expect(eraseFrom({ key: "U0mia", name: "Mia", by: "Mia", at: 5 }, known)).toEqual({
    key: "person-1",
    name: "person-1",
    by: "person-1",
    at: 5,
  });
  expect(eraseFrom({ actor: { key: "mia@contoso.com", name: "Mia" }, by: "Mia", data: { to: "Mia" } }, known)).toEqual({
    actor: { key: "person-1", name: "person-1" },
    by: "person-1",
    data: { to: "Mia" },
  });
  fc.assert(
    fc.property(fc.anything({ withNullPrototype: false }), (value) => {
      fc.pre(JSON.stringify(value) !== undefined && !/mia/i.test(JSON.stringify(value)));
      const json = JSON.parse(JSON.stringify(value)) as unknown;
      expect(eraseFrom(json, known)).toEqual(json);
    }),
  );
});
