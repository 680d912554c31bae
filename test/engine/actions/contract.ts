import { describe, expect, test } from "vitest";
import { type ActionKind, readParams } from "../../../src/engine/actions/action-kind.ts";
import { actionKinds } from "../../../src/engine/actions/all.ts";
import { type ActionKindName, FAMILIES, type Params, type Saved } from "../../../src/engine/domain/action.ts";
import type { Entity } from "../../../src/engine/domain/entity.ts";
import { type Capabilities, ConnectorError, type Ticket } from "../../../src/engine/ports.ts";

/** One thing to act on that the product knows. */
export type Case = {
  target: Entity;
  params?: Params;
  /** Parameters the kind must refuse, and the field the refusal names. */
  bad?: { params: Params; field: string };
  /** Done first, so that there is something to do: a release needs an isolated device. */
  before?: ActionKindName;
  /** The product says only that it was done, not that it was not. */
  unread?: true;
  /** A target of the same sort the product does not know; none where the thing need not exist (an indicator). */
  missing?: Entity;
};

/** A product as the contract plays with it, new for every test. */
export type Product = {
  capabilities: Capabilities;
  now: Date;
  /** Everything it holds that actions change, comparable; ids it gives anew at each creation are left out. */
  holds(): Promise<unknown>;
  /** From now on every call that changes something ends so. */
  fail(error: ConnectorError): void;
  /** Lets what is under way come to its end. */
  settle?(): Promise<void>;
};

const signal = new AbortController().signal;
const MAX_FOLLOWS = 20;

/**
 * What every connector's actions must keep to, whatever the product: a connector is done when this passes over its cases. `cases` are the
 * kinds it carries out; of the others it must give the steps for a person.
 */
export function actionContract(connector: string, open: () => Promise<Product>, cases: Partial<Record<ActionKindName, Case>>): void {
  const kinds = Object.values(actionKinds);
  describe.each(kinds.filter(({ kind }) => cases[kind]))(`$kind through ${connector}`, (kind) => {
    const { target, params = {}, bad, before, missing, unread } = cases[kind.kind] as Case;
    const opened = async () => {
      const product = await open();
      const play = player(product);
      if (before) await play.carryOut(actionKinds[before], target, {}, "before");
      return { product, ...play };
    };

    test("says what it is, who may call it, and how a repeat ends", async () => {
      const { product } = await opened();
      expect(kind.connector(target, product.capabilities, params)).toEqual({ name: connector });
      expect(FAMILIES).toContain(kind.family);
      expect(kind.targets).toContain(target.kind);
      for (const text of [kind.title(target, params), kind.effect(target, params), kind.ifNot(target), kind.undo.text, kind.idempotency])
        expect(text.length).toBeGreaterThan(10);
      expect(kind.permission).toMatch(/^\S/);
      expect(kind.idempotency).toMatch(/\.$/);
    });

    test("says what it would reach", async () => {
      const { product } = await opened();
      const reach = await kind.reach(target, product.capabilities, product.now, signal, params);
      expect(reach).toMatchObject({ readAt: product.now.toISOString(), protectedHits: [] });
      expect(reach.count).toBeGreaterThan(0);
      expect(reach.facts.length).toBeGreaterThan(0);
    });

    test("reads, acts, verifies; the same call again changes nothing, or is refused", async () => {
      const { product, state, carryOut } = await opened();
      const start = await product.holds();
      expect((await state(kind, target, params)).kind).toBe(unread ? "unreadable" : "notReached");
      expect(await product.holds()).toEqual(start);
      await carryOut(kind, target, params, "act");
      expect((await state(kind, target, params)).kind).toBe("reached");
      const after = await product.holds();
      expect(after).not.toEqual(start);
      await carryOut(kind, target, params, "act").catch((error) =>
        expect(error).toMatchObject({ name: "ConnectorError", kind: "refused" }),
      );
      expect(await product.holds()).toEqual(after);
    });

    test("parameters it does not take are refused with the field", async () => {
      const { product } = await opened();
      const refused = [{ params: { ...params, nonsense: 1 }, field: "params.nonsense" }, ...(bad ? [bad] : [])];
      for (const { params: given, field } of refused) {
        expect(() => readParams(kind, given)).toThrow(expect.objectContaining({ code: "invalid", field }));
      }
      expect(readParams(kind, params)).toMatchObject(params);
      if (!bad) return;
      const start = await product.holds();
      const call = { comment: "", key: "bad", now: product.now, params: bad.params };
      await expect(async () => kind.execute(target, product.capabilities, call, signal)).rejects.toMatchObject({
        name: "ConnectorError",
        kind: "refused",
        message: expect.stringContaining(bad.field),
      });
      expect(await product.holds()).toEqual(start);
    });

    test.each(["refused", "unavailable", "unclear"] as const)("a call that ends %s is passed on and changes nothing", async (how) => {
      const { product, state } = await opened();
      const start = await product.holds();
      const said = await state(kind, target, params);
      product.fail(new ConnectorError(how, "as the test says"));
      const call = { comment: "", key: "failing", now: product.now, params };
      await expect(kind.execute(target, product.capabilities, call, signal)).rejects.toMatchObject({ name: "ConnectorError", kind: how });
      expect(await product.holds()).toEqual(start);
      expect(await state(kind, target, params)).toEqual(said);
    });

    if (missing)
      test("a target that is not there is said, and acting on it is refused or does nothing", async () => {
        const { product, state, carryOut } = await opened();
        const start = await product.holds();
        expect(await state(kind, missing, params)).toMatchObject({ kind: "missing", text: expect.stringMatching(/.{10}/) });
        await carryOut(kind, missing, params, "nobody").catch((error) =>
          expect(error).toMatchObject({ name: "ConnectorError", kind: "refused" }),
        );
        expect(await product.holds()).toEqual(start);
      });

    test("is taken back by what it declares, to the letter, or says why not", async () => {
      const { product, state, carryOut } = await opened();
      const { undo } = kind;
      if (!undo.by) return expect(undo.text).toMatch(/\.$/);
      const opposite = actionKinds[undo.by];
      expect(opposite.targets).toEqual(expect.arrayContaining([...kind.targets]));
      if ("byHand" in opposite.connector(target, product.capabilities)) return;
      const start = await product.holds();
      const saved = await carryOut(kind, target, params, "act");
      const back = undo.params?.(params, saved) ?? {};
      expect(opposite.connector(target, product.capabilities, back)).toEqual({ name: connector });
      expect((await state(opposite, target, back)).kind).toBe("notReached");
      await carryOut(opposite, target, back, "undo");
      expect((await state(opposite, target, back)).kind).toBe("reached");
      // Some things cannot be what they were (a dismissed risk): then at least the action would have something to do again.
      if (kind.kind === "confirm-compromised") expect((await state(kind, target, params)).kind).toBe("notReached");
      else expect(await product.holds()).toEqual(start);
    });
  });

  test.each(kinds.filter(({ kind }) => !cases[kind] && kind !== "expand-investigation"))(
    `$kind is not carried out through ${connector}: steps for a person, and nothing is done`,
    async (kind) => {
      const { capabilities, holds, now } = await open();
      const target = sampleOf(kind);
      expect(kind.connector(target, capabilities)).toMatchObject({ byHand: expect.stringMatching(/.{60}/) });
      const start = await holds();
      const call = { comment: "", key: "nobody", now, params: {} };
      await kind.execute(target, capabilities, call, signal).catch((error) => expect(error).toMatchObject({ kind: "refused" }));
      expect(await holds()).toEqual(start);
    },
  );
}

/** Carries an action out as the engine does: what is kept before the call, the ticket followed to its end. */
function player(product: Product) {
  const state = (kind: ActionKind, target: Entity, params: Params) =>
    kind.state(target, product.capabilities, signal, { params, since: product.now });
  const carryOut = async (kind: ActionKind, target: Entity, params: Params, key: string): Promise<Saved | undefined> => {
    const before = await state(kind, target, params);
    const kept = before.kind === "notReached" ? before.saved : undefined;
    const call = { comment: "air ACT-1, approved by Mia", key, now: product.now, params, saved: kept };
    let ticket: Ticket = await kind.execute(target, product.capabilities, call, signal);
    const saved = ticket.saved ?? kept;
    for (let round = 0; ticket.state === "pending" && round < MAX_FOLLOWS; round++) {
      await product.settle?.();
      ticket = await kind.follow(ticket.id, product.capabilities, signal, params, { target, now: product.now });
    }
    expect(ticket.state).toBe("done");
    return saved;
  };
  return { state, carryOut };
}

/** Something the kind can be aimed at, whether or not any product knows it. */
export function sampleOf({ targets }: Pick<ActionKind, "targets">): Entity {
  const samples: Partial<Record<Entity["kind"], Entity>> = {
    device: { kind: "device", name: "WS-001" },
    user: { kind: "user", email: "mia@contoso.example" },
    mailbox: { kind: "mailbox", address: "mia@contoso.example" },
    file: { kind: "file", sha256: "a".repeat(64), name: "a.exe", device: "WS-001" },
    process: { kind: "process", name: "a.exe", pid: 4312, path: "C:\\Users\\Public\\a.exe", device: "WS-001" },
    message: { kind: "message", networkMessageId: "m-1", subject: "Invoice", sender: "billing@fabrikam.example" },
    "mail-cluster": { kind: "mail-cluster", query: 'Subject:"Invoice"' },
    ip: { kind: "ip", address: "203.0.113.66" },
    domain: { kind: "domain", name: "evil.example" },
    url: { kind: "url", url: "https://evil.example/a" },
    registry: { kind: "registry", key: "HKCU\\Software\\Microsoft\\Windows\\CurrentVersion\\Run", value: "Updater" },
    service: { kind: "service", name: "UpdaterSvc", device: "WS-001" },
    driver: { kind: "driver", name: "rtcore64.sys", device: "WS-001" },
    "scheduled-task": { kind: "scheduled-task", name: "\\Updater", device: "WS-001" },
    "oauth-app": { kind: "oauth-app", id: "app-1", name: "Mail Merge Helper" },
    "access-key": { kind: "access-key", id: "AKIAIOSFODNN7EXAMPLE" },
  };
  const found = targets.map((kind) => samples[kind]).find((sample) => sample !== undefined);
  if (!found) throw new Error(`There is no sample of ${targets.join(" or ")}.`);
  return found;
}
