import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createConversation } from "../../src/bot/conversation.ts";
import { homeCards } from "../../src/bot/home.ts";
import { actionId, incidentId } from "../../src/engine/air.ts";
import { type ButtonDecision, writeButton } from "../../src/engine/cards/button-id.ts";
import { plain } from "../../src/engine/cards/card.ts";
import type { Filled } from "../../src/engine/cards/form.ts";
import { NO_ROLES, type Person } from "../../src/engine/domain/approval.ts";
import type { Drawing } from "../../src/engine/draw.ts";
import type { ActionRow } from "../../src/engine/store.ts";
import { openLab } from "../support/lab-capabilities.ts";
import { approver, type Engine, fresh, openEngine, proposedAction, somebody, testSign } from "../support/open-engine.ts";

let engine: Engine;
let forms: ReturnType<typeof createConversation>["forms"];
let say: ReturnType<typeof createConversation>["say"];
const drawing = async (): Promise<Drawing> => ({
  now: engine.air.clock.now(),
  sign: testSign,
  publicUrl: undefined,
  pauses: [],
  deciders: () => ({ anyone: false, names: ["Mia", "Noor"] }),
});
beforeAll(async () => {
  engine = await openEngine("embedded");
  engine.world.capabilities = openLab(() => engine.world.now).capabilities;
  ({ forms, say } = createConversation(
    engine.air,
    drawing,
    (text) => ({ name: text }),
    () => ["Mia", "Noor"],
  ));
});
afterAll(() => engine.close());

const mia = approver("Mia");
const noor = approver("Noor");
const vic = somebody("Vic", { ...NO_ROLES, viewer: true });
/** An isolation of a device the lab knows, that waits for a decision. */
async function isolation(change: Partial<ActionRow> = {}): Promise<ActionRow> {
  const target = { kind: "device" as const, name: fresh("WS") };
  await engine.world.capabilities.adopt([target]);
  return proposedAction(engine, { target, change });
}
let keys = 0;
const submit = (ref: string, typed: Filled, person: Person = mia) => forms.submit(ref, typed, person, `key-${++keys}`);
const button = (action: ActionRow, decision: ButtonDecision) =>
  writeButton({ kind: "decide", action: action.id, version: action.version, decision }, testSign);
const now = (action: ActionRow) => engine.store.action(action.id);
const audited = async (event: string) =>
  (await engine.store.auditLines(0, 1000))
    .map(({ line }) => JSON.parse(line) as { event: string; subject: string })
    .filter((line) => line.event === event);

describe("decisions", () => {
  test("a step-up takes the name in one field and the reason in another; a wrong name stands at its field", async () => {
    const action = await isolation({ approvalsNeeded: 2 });
    const { name = "" } = action.target as { name?: string };
    const ref = button(action, "approve");
    expect(
      forms.open({ ref, label: `To approve, type ${name}`, button: "Approve" })?.fields.map(({ id, required }) => [id, required]),
    ).toEqual([
      ["name", true],
      ["reason", false],
    ]);
    expect(await submit(ref, { reason: "seen" })).toEqual({ refused: { name: "Please fill this in." } });
    expect(await submit(ref, { name: "WS-OTHER" })).toMatchObject({ refused: { name: expect.stringContaining(`Type: ${name}`) } });
    expect(await submit(ref, { name, reason: "seen" })).toMatchObject({ done: { title: "Your approval is counted" } });
    // Of two who approve, the shorter time counts.
    const form = `approve-for ${ref}`;
    const filled = await forms.fill(form, noor);
    expect(filled?.fields.map(({ id }) => id)).toEqual(["for", "name", "reason"]);
    expect(await submit(form, { for: "2h", name }, noor)).toEqual({ done: undefined });
    expect(await now(action)).toMatchObject({ state: "approved", undoAfterMs: 7_200_000 });
  });

  test("break-glass wants the name and the reason, each in its field", async () => {
    const action = await isolation({ approvalsNeeded: 2 });
    const { name = "" } = action.target as { name?: string };
    const ref = button(action, "break-glass");
    expect(await submit(ref, { name })).toEqual({ refused: { reason: "Please fill this in." } });
    expect(await submit(ref, { name: "x", reason: "now" })).toMatchObject({
      refused: { name: expect.stringContaining("glass cannot be broken") },
    });
    await submit(button(action, "approve"), { name });
    const before = engine.world.now;
    engine.world.now = new Date(before.getTime() + 16 * 60_000);
    expect(await submit(ref, { name: "WS-OTHER", reason: "it spreads" })).toMatchObject({
      refused: { name: expect.stringContaining(name) },
    });
    const answer = await submit(ref, { name, reason: "it spreads" });
    expect(answer).toMatchObject({ done: { title: "Glass broken" } });
    expect(await now(action)).toMatchObject({ state: "approved", breakGlass: { by: "Mia", reason: "it spreads" } });
    engine.world.now = before;
  });

  test("a value that is none of ours decides nothing", async () => {
    const action = await isolation();
    const forged = button(action, "reject").replace(/.$/, (last) => (last === "0" ? "1" : "0"));
    expect(await submit(forged, { reason: "x" })).toMatchObject({ refused: { reason: expect.stringContaining("another air") } });
    expect(await submit(button(action, "reject"), { reason: "x" }, vic)).toMatchObject({
      refused: { reason: expect.stringContaining("approver") },
    });
    expect((await now(action))?.state).toBe("pending");
    expect(await audited("button.refused")).not.toHaveLength(0);
  });

  test("approve ... for 2h is said, too; what cannot be undone takes no time", async () => {
    const action = await isolation();
    expect((await say(`approve ${actionId(action.id)} for 2h`, mia)).title).toBe("Approved");
    expect(await now(action)).toMatchObject({ undoAfterMs: 7_200_000, decision: { by: "Mia" } });
    const once = await isolation({ undoable: false });
    expect(
      await submit(`approve-for ${button(once, "approve")}`, { for: "2h", name: (once.target as { name: string }).name }),
    ).toMatchObject({
      refused: { for: expect.stringContaining("cannot end by itself") },
    });
    expect((await now(once))?.undoAfterMs).toBeNull();
  });

  test("undo in a while: it then ends by itself, only ever earlier, and only by whoever may undo it", async () => {
    const action = await isolation({ state: "succeeded", endedAt: engine.world.now });
    const ref = `undo-how ${button(action, "undo")}`;
    expect(await submit(ref, { when: "4h" }, vic)).toMatchObject({ refused: { when: expect.stringContaining("approver") } });
    expect(await submit(ref, { when: "4h", reason: "until the patch" })).toMatchObject({ done: { title: "Ends by itself" } });
    expect(await now(action)).toMatchObject({ undoAfterMs: 4 * 3_600_000, state: "succeeded" });
    expect(await submit(ref, { when: "24h" })).toMatchObject({ refused: { when: expect.stringContaining("extend") } });
    expect((await say(`undo ${actionId(action.id)} in 1h because`, noor)).title).toBe("Ends by itself");
    expect((await now(action))?.undoAfterMs).toBe(3_600_000);
    expect(await audited("action.undo-later")).toHaveLength(2);
  });
});

describe("other forms", () => {
  test("remind, verdict and do say at which field they are wrong", async () => {
    const action = await isolation();
    const id = actionId(action.id);
    expect(await submit(`remind ${id}`, { at: "half past" })).toMatchObject({ refused: { at: expect.stringContaining("14:30") } });
    expect(await submit(`remind ${id}`, {})).toMatchObject({ refused: { when: expect.any(String) } });
    expect(await submit(`remind ${id}`, { when: "30m" })).toMatchObject({ done: { title: "Reminder set" } });
    expect(await submit(`verdict EVD-${action.evidenceId}`, { verdict: "noThreatsFound" })).toEqual({
      refused: { reason: "Please fill this in." },
    });
    expect(await submit(`verdict EVD-${action.evidenceId}`, { verdict: "noThreatsFound", reason: "our own test" })).toMatchObject({
      done: { title: "Verdict set" },
    });
    expect(await submit("do", { kind: "isolate-device", target: "https://evil.example", reason: "x" })).toMatchObject({
      refused: { target: expect.any(String) },
    });
    expect(await submit("do", { kind: "format-disk", target: "WS-1", reason: "x" })).toMatchObject({
      refused: { kind: expect.any(String) },
    });
  });

  test("a form shows nobody what they may not see, and does nothing they may not do", async () => {
    const action = await isolation();
    await expect(forms.fill(`do ${actionId(action.id)}`, somebody("Eve"))).rejects.toThrow("viewer");
    expect(await submit(`note ${incidentId(action.incidentId)}`, { text: "x" }, vic)).toMatchObject({
      refused: { text: expect.stringContaining("responder") },
    });
  });

  test("what is typed whole is a command, what lacks its arguments opens a form", () => {
    for (const [text, ref] of [
      ["note INC-4", "note INC-4"],
      ["Close inc4", "close inc4"],
      ["remind ACT-7", "remind ACT-7"],
      ["do", "do"],
      ["investigate", "investigate"],
    ] as const)
      expect(forms.refOf(text)).toBe(ref);
    for (const text of [
      "note",
      "note INC-4 seen",
      "note 4",
      "note ACT-4",
      "close INC-4 true",
      "do isolate-device WS-1 x",
      "investigate WS-042",
      "found []",
      "approve ACT-7",
      "",
    ])
      expect([text, forms.refOf(text)]).toEqual([text, undefined]);
  });
});

describe("the home tab", () => {
  const words = async (person: Person) =>
    (await homeCards(engine.air, await drawing(), person))
      .map((card) =>
        [
          card.title,
          card.summary,
          ...card.lines.map((line) => (line.kind === "code" ? line.text : line.kind === "text" ? plain(line.text) : "")),
        ].join(" "),
      )
      .join("\n");

  test("who is in no role sees what an admin has to add, and nothing else", async () => {
    await isolation();
    const shown = await words(somebody("Eve"));
    expect(shown).toContain("You have no role in air");
    expect(shown).toContain("viewer: [eve@contoso.com]");
    expect(shown).not.toMatch(/ACT-|INC-|WS-/);
  });

  test("a viewer sees what is going on and no decisions; an approver theirs, and what they asked for", async () => {
    const action = await isolation({ requestedBy: { key: mia.key, name: "Mia" } });
    expect(await words(vic)).toContain("Nothing waits for your decision.");
    expect(await words(vic)).toContain("The last 7 days");
    const mine = await homeCards(engine.air, await drawing(), mia);
    expect(mine.map(({ title }) => title)).toContain("What you asked for");
    const values = mine.flatMap((card) => card.buttons.map((one) => one.value ?? ""));
    expect(values.some((value) => value.startsWith("ACT-") && value.includes(".approve."))).toBe(true);
    expect(await words(approver("Ida", ["email"]))).toContain("Nothing waits for your decision.");
    expect(await engine.store.listActions({ requestedBy: mia.key, limit: 10 })).toMatchObject({ items: [{ id: action.id }] });
  });

  test("the week's figures", async () => {
    const { now, capabilities } = engine.world;
    const span = { from: new Date(now.getTime() - 86_400_000), to: new Date(now.getTime() + 1), lab: capabilities.lab };
    const [figures] = await engine.store.figures(span);
    expect(figures?.incidents).toBeGreaterThan(3);
    expect(figures?.decision.n).toBeGreaterThan(0);
    expect(figures?.decision.p50).toBeGreaterThanOrEqual(0);
  });
});

describe("an investigation asked for in an incident", () => {
  test("stays there, whatever is named; also typed, and left empty", async () => {
    const { incidentId: incident } = await isolation();
    const name = incidentId(incident);
    for (const what of ["10.0.0.1", fresh("WS"), ""]) {
      const answer = await submit(`investigate ${name}`, { what: what === "" ? "" : what.startsWith("10.") ? what : `device:${what}` });
      expect(JSON.stringify(answer)).toContain(`in ${name}`);
    }
    const typed = await say(`investigate 203.0.113.77 in ${name}`, mia);
    expect(JSON.stringify(typed.lines)).toContain(`in ${name}`);
    expect((await engine.store.incident(incident))?.title).toBe("Malware on a device");
  });
  test("a note or reason that is too long is refused with its length, however it is given", async () => {
    const action = await isolation();
    const note = `note ${incidentId(action.incidentId)}`;
    const long = "x".repeat(2_001);
    const said2001 = expect.stringContaining("has 2,001 characters; at most 2,000 are kept");
    expect(await submit(note, { text: long })).toMatchObject({ refused: { text: said2001 } });
    expect(await submit(button(action, "reject"), { reason: long })).toMatchObject({ refused: { reason: said2001 } });
    expect(await submit(`do ${actionId(action.id)}`, { kind: "isolate-device", target: actionId(action.id), reason: long })).toMatchObject({
      refused: { reason: said2001 },
    });
    expect((await say(`reject ${actionId(action.id)} ${long}`, mia)).summary).toContain("has 2,001 characters");
    expect((await say(`mute ${incidentId(action.incidentId)} ${long}`, mia)).summary).toContain("has 2,001 characters");
    expect((await say(`${note} ${"x".repeat(9_999)}`, mia)).summary).toMatch(/That has 10,0\d\d characters.*a note or reason in it 2,000/);
    expect((await now(action))?.state).toBe("pending");
    expect(await submit(note, { text: "x".repeat(2_000) })).toMatchObject({ done: { title: "Noted" } });
  });
  test("a reason of 2,000 characters is kept whole by whatever asks for one, and shown cut visibly", async () => {
    const long = `${"why ".repeat(499)}end.`;
    const kept = async (event: string, subject: string) => {
      const line = (await engine.store.auditLines(0, 5_000))
        .map((one) => JSON.parse(one.line) as { event: string; subject: string; data: { reason?: string } })
        .findLast((one) => one.event === event && one.subject === subject);
      expect([event, line?.data.reason?.length, line?.data.reason]).toEqual([event, 2_000, long]);
    };
    const action = await isolation();
    const incident = incidentId(action.incidentId);
    await say(`snooze ${incident} 1h ${long}`, mia);
    await kept("incident.snooze", incident);
    await say(`mute ${incident} for 1d ${long}`, mia);
    await kept("incident.mute", incident);
    await engine.world.capabilities.adopt([{ kind: "device", name: "WS-LONG-WORDS" }]);
    const asked = await say(`do isolate-device WS-LONG-WORDS ${long}`, mia);
    const [, id = ""] = /ACT-(\d+)/.exec(JSON.stringify(asked)) ?? [];
    await kept("action.asked", `ACT-${id}`);
    expect((await engine.store.action(Number(id)))?.note).toBe(`Mia: ${long}`);
    const paused = await say(`pause device ${long}`, mia);
    await kept("executions.paused", "device");
    expect((await engine.store.setting<{ reason: string }[]>("pause"))?.[0]?.reason).toBe(long);
    expect(JSON.stringify(paused)).not.toContain("end.");
    await say("resume device", somebody("Ada", { ...NO_ROLES, admin: true, viewer: true, responder: true }));
    const investigation = `INV-${action.investigationId}`;
    await say(`stop ${investigation} ${long}`, mia);
    await kept("investigation.stopped", investigation);
    // With who did it before it and what followed behind it.
    const story = (await engine.store.timelineAfter(0, ["incident-snooze", "incident-mute", "investigation-stopped"], 500)).map(
      ({ text }) => text,
    );
    expect(story.filter((text) => text.includes(long))).toHaveLength(3);
  });
  test("a note in which nothing can be seen is refused", async () => {
    const { incidentId: incident } = await isolation();
    expect(await submit(`note ${incidentId(incident)}`, { text: "\u200b \u2060" })).toMatchObject({
      refused: { text: expect.stringContaining("nothing in it can be seen") },
    });
  });
});

describe("before a form is shown", () => {
  const eve = somebody("Eve");
  const refused = async (ref: string, person: Person) => {
    const card = await forms.mayOpen({ ref }, person);
    return card && plain(card.lines[0]?.kind === "text" ? card.lines[0].text : "");
  };

  test.each([
    "note INC-1",
    "assign INC-1",
    "remind ACT-1",
    "close INC-1",
    "verdict EVD-1",
    "investigate",
    "do",
    'found {"things":[],"left":0}',
  ])("%s is for people with a role", async (ref) => {
    const { incidentId: id } = await isolation();
    for (const person of [eve, vic])
      expect(await refused(ref.replace("INC-1", incidentId(id)), person)).toContain("needs the role responder");
  });

  test("what is not there, and what is decided already, is said before anybody types", async () => {
    const action = await isolation();
    expect(await refused("note INC-9999", mia)).toBe("There is no incident INC-9999.");
    expect(await refused(`note ${incidentId(action.incidentId)}`, mia)).toBeUndefined();
    expect(await refused(`remind ${actionId(action.id)}`, mia)).toBeUndefined();
    expect(await refused(button(action, "reject"), mia)).toBeUndefined();
    expect(await refused(`approve-for ${button(action, "approve")}`, mia)).toBeUndefined();
    expect(await refused(button(action, "reject"), eve)).toContain("needs the role approver for device");
    expect(await refused(button(action, "reject"), vic)).toContain("needs the role approver for device");
    await submit(button(action, "reject"), { reason: "a drill" });
    expect(await refused(button(action, "reject"), noor)).toMatch(/was already rejected by Mia/);
    expect(await refused(`approve-for ${button(action, "approve")}`, noor)).toMatch(/was already rejected by Mia/);
    expect(await refused(`remind ${actionId(action.id)}`, mia)).toContain("waits for no decision any more");
    expect((await audited("decision.refused")).some((line) => line.subject === actionId(action.id))).toBe(true);
  });

  test("what somebody made up opens nothing, nor does a key every object has", async () => {
    for (const ref of ["constructor x", "constructor", "__proto__ x", "toString", "nonsense", "say:status", ""])
      expect(forms.open({ ref }), ref).toBeUndefined();
    expect(await forms.submit("constructor x", { typed: "x" }, mia, "k")).toHaveProperty("refused");
  });

  test("investigate with an id is a command of its own", () => {
    expect(forms.refOf("investigate")).toBe("investigate");
    expect(forms.refOf("investigate INC-80")).toBeUndefined();
    expect(forms.refOf("note `INC-80`.")).toBe("note INC-80");
  });
});

describe("whom an incident is assigned to where air.yaml names nobody", () => {
  test("the chat's own people, by their account", async () => {
    const talk = createConversation(
      engine.air,
      drawing,
      () => undefined,
      () => [],
      { anybody: () => true, colleague: async (account) => (account === "slack:U0BO" ? { name: "Bo" } : undefined) },
    );
    const { incidentId: id } = await isolation();
    const ref = `assign ${incidentId(id)}`;
    expect(talk.forms.open({ ref })?.fields[0]).toMatchObject({ kind: "select", anybody: true, initial: "me" });
    expect(await talk.forms.submit(ref, { to: "slack:U0GUEST" }, mia, "k1")).toMatchObject({ refused: { to: expect.any(String) } });
    expect(await talk.forms.submit(ref, { to: "slack:U0BO" }, mia, "k2")).toMatchObject({ done: { title: "Assigned" } });
    expect((await engine.store.incidentViews([id])).get(id)?.incident.assignee).toBe("Bo");
  });
});

describe("while executions are paused", () => {
  const lines = async (text: string) => (await say(text, mia)).lines.flatMap((line) => (line.kind === "text" ? [plain(line.text)] : []));
  test("it is the first line of what tells how things stand, and of the home tab", async () => {
    await say("pause a drill", mia);
    try {
      for (const text of ["status", "list", "actions", "mode", "oncall"])
        expect((await lines(text))[0], text).toMatch(/^Paused: Mia stopped every execution at .*: a drill\. Only an admin resumes\.$/);
      const pauses = (await engine.store.setting<Drawing["pauses"]>("pause")) ?? [];
      const [first] = await homeCards(engine.air, { ...(await drawing()), pauses }, mia);
      expect(first?.title).toBe("Executions are paused");
      expect(first?.summary).toContain("Only an admin resumes");
    } finally {
      await engine.database.boss.executeSql("delete from settings where name = 'pause'").catch(() => undefined);
      await say("resume", somebody("Ada", { ...NO_ROLES, admin: true }));
    }
    expect((await lines("status"))[0] ?? "").not.toContain("Paused");
  });
});

describe("your decisions", () => {
  test("not what somebody else has to give, and the number is that of what is shown", async () => {
    const ida = approver("Ida Two");
    const asked = await isolation({ approvalsNeeded: 2, requestedBy: { key: ida.key, name: "Ida Two" } });
    const approved = await isolation({ approvalsNeeded: 2 });
    const { name = "" } = approved.target as { name?: string };
    await submit(button(approved, "approve"), { name }, ida);
    const cards = await homeCards(engine.air, await drawing(), ida);
    const said = Number(/^(\d+)/.exec(cards.find((card) => card.title === "Your decisions")?.summary ?? "")?.[1]);
    const deciding = new Set(cards.flatMap((card) => card.buttons.map((one) => /^(ACT-\d+)\./.exec(one.value ?? "")?.[1] ?? [])).flat());
    for (const one of [asked, approved]) expect(deciding).not.toContain(actionId(one.id));
    expect(deciding.size).toBe(Math.min(said, 6));
  });
});
