import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createConversation } from "../../src/bot/conversation.ts";
import { type Card, plain } from "../../src/engine/cards/card.ts";
import { decideAction } from "../../src/engine/decide-action.ts";
import type { Entity } from "../../src/engine/domain/entity.ts";
import type { Deciders } from "../../src/engine/domain/who-may.ts";
import { type Drawing, drawSubject } from "../../src/engine/draw.ts";
import type { ActionRow } from "../../src/engine/store.ts";
import { openLab } from "../support/lab-capabilities.ts";
import { approver, type Engine, fresh, openEngine, proposedAction, testPolicy, testSign } from "../support/open-engine.ts";
import { DATABASES } from "../support/open-test-db.ts";

/* Who may decide is said as the door would say it: nobody is called for what they would be refused, and where too few are left that is said first. */
describe.each(DATABASES)("who may decide, %s", (database) => {
  let engine: Engine;
  let deciders: Deciders;
  const mia = approver("Mia");
  const noor = approver("Noor");
  const kai = approver("Kai");
  const among = (...people: (typeof mia)[]): Deciders => ({ anyone: false, names: people.map(({ name }) => name), known: people });
  const drawing = async (): Promise<Drawing> => ({
    now: engine.air.clock.now(),
    sign: testSign,
    publicUrl: undefined,
    pauses: [],
    deciders: () => deciders,
    requesterMayApprove: engine.air.policy().requesterMayApprove ?? false,
  });
  beforeAll(async () => {
    engine = await openEngine(database);
    engine.world.capabilities = openLab(() => engine.world.now).capabilities;
  });
  afterAll(() => engine.close());

  const asks = async (requesterMayApprove = false): Promise<{ said: string; action: ActionRow }> => {
    engine.world.policy = { ...testPolicy, requesterMayApprove };
    const target = { kind: "device" as const, name: fresh("WS") };
    await engine.world.capabilities.adopt([target]);
    const { say } = createConversation(
      engine.air,
      drawing,
      (text) => ({ name: text }),
      () => [],
    );
    const said = texts(await say(`do offboard-device ${target.name} retired`, mia));
    const { items } = await engine.store.listActions({ kinds: ["offboard-device"], limit: 200 });
    const action = items.toSorted((a, b) => b.id - a.id)[0] as ActionRow;
    return { said, action };
  };
  const texts = (card: Card): string =>
    card.lines
      .map((line) =>
        line.kind === "facts"
          ? line.facts.map(([name, text]) => `${name}: ${plain(text)}`).join("\n")
          : "text" in line
            ? plain(line.text)
            : "",
      )
      .join("\n");
  const cardOf = async ({ id, incidentId }: ActionRow): Promise<{ text: string; labels: string[] }> => {
    const view = (await engine.store.incidentViews([incidentId])).get(incidentId);
    const card = view && drawSubject(`action:${id}`, view, await drawing());
    if (!card) throw new Error("no card");
    return { text: texts(card), labels: card.buttons.map(({ label }) => label) };
  };
  const approve = async (action: ActionRow, person: typeof mia) =>
    decideAction(engine.air, person, { action: action.id, decision: "approve", confirmed: true });

  test("who asked is no second person: with one other it says that it cannot be carried out, and what to do", async () => {
    deciders = among(mia, noor);
    const { said, action } = await asks();
    const next = "An admin adds an approver under roles.approver.device in air.yaml, or sets decisions.requesterMayApprove: true.";
    expect(said).toContain(`As it is, it cannot be carried out: only Noor may, and two have to; Mia asked for it. ${next}`);
    const before = await cardOf(action);
    expect(before.text).toContain(
      `Who may decide: Noor. As it is, it cannot be carried out: only Noor may, and two have to; Mia asked for it. ${next}`,
    );
    expect(before.labels).toContain("Approve");
    await approve(action, noor);
    const after = await cardOf(action);
    expect(after.text).toContain(
      `Who else may decide: As it is, it cannot be carried out: nobody may decide it; Mia asked for it. ${next}`,
    );
    // A button that everybody would be refused is none; she may still say no.
    expect(after.labels).not.toContain("Approve");
    expect(after.labels).toContain("Reject");
    await expect(approve(action, mia)).rejects.toMatchObject({ code: "forbidden" });
  });

  test("with two others they are named, and she is not", async () => {
    deciders = among(mia, noor, kai);
    const { said, action } = await asks();
    expect(said).toContain("Two others decide; who may: Noor, Kai.");
    expect((await cardOf(action)).text).toMatch(/^Who may decide: Noor, Kai$/m);
    await approve(action, noor);
    expect((await cardOf(action)).text).toMatch(/^Who else may decide: Kai$/m);
  });

  test("where the setting lets her, she counts", async () => {
    deciders = among(mia, noor);
    const { said, action } = await asks(true);
    expect(said).toContain("Two people decide; who may: Mia, Noor.");
    expect((await cardOf(action)).text).toMatch(/^Who may decide: Mia, Noor$/m);
    await approve(action, noor);
    await expect(approve(action, mia)).resolves.toMatchObject({ waitsForSecond: false });
  });

  test("a group may hold more people than are named", async () => {
    deciders = { ...among(mia), names: ["Mia", "members of the Slack group S0EDR"] };
    const { said, action } = await asks();
    expect(said).toContain("Two others decide; who may: members of the Slack group S0EDR.");
    expect((await cardOf(action)).text).not.toContain("cannot be carried out");
  });

  test.each([1, 2])("who is named in the incident is not called, where %d must decide", async (approvalsNeeded) => {
    deciders = among(mia, noor);
    const entities: Entity[] = [{ kind: "user", email: "noor@contoso.com" }];
    engine.world.policy = testPolicy;
    const action = await proposedAction(engine, { entities, change: { approvalsNeeded } });
    const { text, labels } = await cardOf(action);
    expect(text).toMatch(/^Who may decide: Mia/m);
    expect(text.includes("As it is, it cannot be carried out: only Mia may, and two have to; Noor is named in this incident.")).toBe(
      approvalsNeeded === 2,
    );
    expect(text).not.toContain("requesterMayApprove");
    expect(labels).toContain("Approve");
    deciders = among(noor);
    const alone = await cardOf(action);
    expect(alone.text).toContain(
      "nobody may decide it; Noor is named in this incident. An admin adds an approver under roles.approver.device in air.yaml.",
    );
    expect(alone.labels).toEqual([]);
  });
});
