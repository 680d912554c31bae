import { describe, expect, test, vi } from "vitest";
import { checkView } from "../../../src/adapters/slack/check-blocks.ts";
import { formModal, noteModal, readFormView } from "../../../src/adapters/slack/form-modal.ts";
import { createHome, homeView } from "../../../src/adapters/slack/home.ts";
import { createModals } from "../../../src/adapters/slack/modals.ts";
import type { Card } from "../../../src/engine/cards/card.ts";
import type { Field, Form } from "../../../src/engine/cards/form.ts";
import { arbitraryCard } from "../../support/arbitrary-card.ts";
import fc from "../../support/fast-check.ts";
import { rememberingLog } from "../../support/remembering-log.ts";
import { slackHandlers } from "../../support/slack-handlers.ts";

const by = { userId: "U1", teamId: "T1" };
const place = { channel: "C1", messageTs: "1.1", responseUrl: "https://hooks.slack.com/actions/1" };

/* What an alert says may stand in labels, choices and values; no view may be refused for it. */
const word = fc.string({ unit: "binary", maxLength: 400 });
const choice = fc.record({ value: word, label: word });
const field: fc.Arbitrary<Field> = fc
  .record({
    id: fc.uuid(),
    label: word,
    hint: word,
    required: fc.boolean(),
    initial: word,
    options: fc.uniqueArray(choice, { maxLength: 130, selector: (one) => one.value }),
  })
  .chain(({ options, ...one }) =>
    fc.constantFrom<Field>(
      { ...one, kind: "line", longest: 5_000 },
      { ...one, kind: "text", longest: 300 },
      { ...one, kind: "select", options: [{ value: "me", label: "Me" }, ...options.filter(({ value }) => value !== "me")] },
      {
        ...one,
        kind: "checks",
        options: [{ value: "0", label: "x" }, ...options.filter(({ value }) => value !== "0")],
        initial: ["0", one.initial],
      },
    ),
  );
const form: fc.Arbitrary<Form> = fc.record({
  ref: word.filter((ref) => ref !== ""),
  title: word,
  submit: word,
  lines: arbitraryCard.map((card) => card.lines),
  fields: fc.uniqueArray(field, { minLength: 1, maxLength: 8, selector: (one) => one.id }),
});

describe("within what Slack takes", () => {
  test("any form", { timeout: 180_000 }, () => {
    fc.assert(
      fc.property(form, word, (one, problem) => {
        const view = formModal(one, place, { problem, typed: { [one.fields[0]?.id ?? ""]: problem } });
        if (view === undefined) return;
        expect(checkView(view)).toEqual([]);
        expect(readFormView(view.callback_id ?? "", view.private_metadata ?? "")).toEqual({ ref: one.ref, place });
      }),
      { numRuns: 150 },
    );
  });

  test("a form whose ref does not fit is not opened", () => {
    const long: Form = { ref: "x".repeat(3_000), title: "t", submit: "s", fields: [] };
    expect(formModal(long, place)).toBeUndefined();
  });

  test("any answer as a modal, and any cards as a home tab", { timeout: 180_000 }, () => {
    const one = fc.property(arbitraryCard, (card) => {
      expect(checkView(noteModal(card))).toEqual([]);
    });
    fc.assert(one, { numRuns: 60 });
    const several = fc.property(fc.array(arbitraryCard, { minLength: 1, maxLength: 12 }), (cards) => {
      expect(checkView(homeView(cards))).toEqual([]);
    });
    fc.assert(several, { numRuns: 40 });
  });
});

/** A Slack that remembers what it was asked. */
function fakeClient() {
  const calls: { method: string; body: Record<string, unknown> }[] = [];
  const call = (method: string) => async (body: Record<string, unknown>) => {
    calls.push({ method, body });
    return { ok: true, view: { id: "V1", hash: "h" } };
  };
  const client = { views: { open: call("open"), push: call("push"), update: call("update"), publish: call("publish") } };
  return { calls, client: client as unknown as Parameters<typeof createHome>[0]["client"] };
}

describe("a form that takes too long", () => {
  const late = async (answer: { done: Card | undefined } | { refused: Record<string, string> }) => {
    const { calls, client } = fakeClient();
    const working: Promise<void>[] = [];
    const gate = Promise.withResolvers<void>();
    const modals = createModals({
      client,
      handlers: slackHandlers({
        submit: async () => {
          await gate.promise;
          return answer;
        },
      }),
      log: rememberingLog(),
      ackMs: 1,
      tell: async () => undefined,
      lookLater: () => undefined,
      inBackground: (_what, work) => void working.push(work()),
    });
    const acks: unknown[] = [];
    const intent = {
      kind: "submit" as const,
      ref: "ACT-1.v",
      typed: { typed: "CFO laptop" },
      viewId: "V1",
      hash: "",
      by,
      place,
      triggerId: "",
    };
    await modals.submit(intent, async (said) => void acks.push(said));
    gate.resolve();
    await Promise.all(working);
    return { acks, update: JSON.stringify(calls.find(({ method }) => method === "update")?.body) };
  };

  test("waits on the screen, and says there what came of it", async () => {
    const { acks, update } = await late({ done: { title: "Noted", tone: "good", summary: "Noted", lines: [], buttons: [] } });
    expect(acks).toMatchObject([{ response_action: "update" }]);
    expect(update).toContain("Noted");
  });

  test("comes back with what was typed and what is wrong", async () => {
    const { update } = await late({ refused: { typed: "Type the name." } });
    expect(update).toContain("Type the name.");
    expect(update).toContain('"initial_value":"CFO laptop"');
  });
});

test("the home tab: at once when it is opened, then at most once a minute, and only when it says something else", async () => {
  vi.useFakeTimers();
  try {
    const { calls, client } = fakeClient();
    let text = "one";
    const home = createHome({
      client,
      draw: async () => [{ title: text, tone: "neutral", summary: text, lines: [], buttons: [] }],
      log: rememberingLog(),
      now: () => Date.now(),
    });
    home.changed();
    home.opened(by);
    await vi.advanceTimersByTimeAsync(1);
    expect(calls).toHaveLength(1);
    for (const next of ["two", "three", "four"]) {
      text = next;
      home.changed();
      await vi.advanceTimersByTimeAsync(5_000);
    }
    expect(calls).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(calls).toHaveLength(2);
    expect(JSON.stringify(calls[1])).toContain("four");
    home.changed();
    await vi.advanceTimersByTimeAsync(61_000);
    expect(calls).toHaveLength(2);
    text = "five";
    home.pressed(by);
    await vi.advanceTimersByTimeAsync(1);
    expect(calls).toHaveLength(3);
    // Nobody looks any more.
    text = "six";
    await vi.advanceTimersByTimeAsync(16 * 60_000);
    home.changed();
    await vi.advanceTimersByTimeAsync(61_000);
    expect(calls).toHaveLength(3);
    await home.stop();
  } finally {
    vi.useRealTimers();
  }
});

describe("a form that is not for everybody", () => {
  const opening = async (asking: Promise<Card | undefined>, openMs: number) => {
    const { calls, client } = fakeClient();
    const working: Promise<void>[] = [];
    const told: Card[] = [];
    const modals = createModals({
      client,
      handlers: slackHandlers({ mayOpen: () => asking }),
      log: rememberingLog(),
      ackMs: 1_000,
      openMs,
      tell: async (_asked, card) => void told.push(card),
      lookLater: () => undefined,
      inBackground: (_what, work) => void working.push(work()),
    });
    let acked = 0;
    await modals.open({ ref: "ACT-1.v", label: "Why?" }, { by, place, triggerId: "t" }, async () => void acked++);
    return { calls, told, acked, done: () => Promise.all(working) };
  };
  const no: Card = { title: "Not done", tone: "warning", summary: "You hold no role.", lines: [], buttons: [] };

  test("the reason instead of the form, and only to whoever asked", async () => {
    const { calls, told, acked, done } = await opening(Promise.resolve(no), 1_000);
    await done();
    expect([calls, told, acked]).toEqual([[], [no], 1]);
  });

  test.each([
    ["the form", undefined, "plain_text_input"],
    ["the reason", no, "air:note"],
  ])("where it is not known in time a modal waits and becomes %s", async (_name, answer, expected) => {
    const gate = Promise.withResolvers<Card | undefined>();
    const { calls, told, acked, done } = await opening(gate.promise, 1);
    expect(calls.map(({ method }) => method)).toEqual(["open"]);
    expect(JSON.stringify(calls[0]?.body)).not.toContain("plain_text_input");
    expect(acked).toBe(1);
    gate.resolve(answer);
    await done();
    expect(JSON.stringify(calls.find(({ method }) => method === "update")?.body)).toContain(expected);
    expect(told).toEqual([]);
  });

  test("who cannot be looked up gets no form", async () => {
    const { calls, told, done } = await opening(Promise.reject(new Error("database is away")), 1_000);
    await done();
    expect(calls).toEqual([]);
    expect(told[0]?.summary).toContain("could not check");
  });
});

test("a select of people is Slack's own, with whoever opened it chosen, and what was chosen stays", () => {
  const form: Form = {
    ref: "assign INC-1",
    title: "Assign INC-1",
    submit: "Assign",
    fields: [
      { id: "to", kind: "select", label: "Who", required: true, options: [{ value: "me", label: "Me" }], initial: "me", anybody: true },
    ],
  };
  const element = (how: object) =>
    ((formModal(form, place, how)?.blocks ?? []) as { type: string; element?: object }[]).find((block) => block.type === "input")?.element;
  expect(element({ me: "U1" })).toEqual({ type: "users_select", action_id: "v", initial_user: "U1" });
  expect(element({ me: "U1", typed: { to: "slack:U2" } })).toMatchObject({ initial_user: "U2" });
  const view = formModal(form, place, { me: "U1" });
  expect(view && checkView(view)).toEqual([]);
});

test("a home tab that Slack refuses is tried less and less often, and said once", async () => {
  vi.useFakeTimers();
  try {
    const { client } = fakeClient();
    const log = rememberingLog();
    let tries = 0;
    client.views.publish = (async () => {
      tries += 1;
      throw new Error("not enabled");
    }) as never;
    let text = 0;
    const home = createHome({
      client,
      draw: async () => [{ title: `${++text}`, tone: "neutral", summary: "", lines: [], buttons: [] }],
      log,
      now: () => Date.now(),
    });
    for (let minute = 0; minute < 60; minute += 1) {
      if (minute % 10 === 0) home.changed();
      if (minute === 0) home.opened(by);
      home.changed();
      await vi.advanceTimersByTimeAsync(60_000);
    }
    expect(tries).toBeLessThanOrEqual(5);
    expect(tries).toBeGreaterThan(1);
    expect(log.lines.filter(({ message }) => message === "the home tab could not be drawn")).toHaveLength(1);
    await home.stop();
  } finally {
    vi.useRealTimers();
  }
});
