import { randomUUID } from "node:crypto";
import type { WebClient } from "@slack/web-api";
import { type Card, cut } from "../../engine/cards/card.ts";
import type { Filled, Form, FormAnswer } from "../../engine/cards/form.ts";
import type { Log } from "../../engine/ports.ts";
import { toChatError } from "./errors.ts";
import { formModal, noteModal, waitingCard } from "./form-modal.ts";
import type { Place, SlackIntent, SlackPerson } from "./inbox.ts";
import { createOnce } from "./once.ts";

/** What the person is told where nothing else comes back. */
type Ack = (answer?: unknown) => Promise<void>;
export type Asked = { by: SlackPerson; place: Place; triggerId: string };
/** What opens a form: its ref, and what the button itself asks for. */
export type FormAsk = { ref: string; label?: string; button?: string; required?: boolean };

/** What forms show and what pressing their button does; see bot/forms.ts. */
export type FormHandlers = {
  /** At once, from nothing but the ref. */
  form(ask: FormAsk): Form | undefined;
  /** Why this person may not have it at all, said instead of showing it. */
  mayOpen(ask: FormAsk, by: SlackPerson): Promise<Card | undefined>;
  /** With what belongs into it, or why this person may not see it. */
  fill(ref: string, by: SlackPerson): Promise<Form | Card | undefined>;
  submit(ref: string, typed: Filled, by: SlackPerson, key: string): Promise<FormAnswer<Card | undefined>>;
};

type Answer = FormAnswer<Card | undefined>;

/** The trigger lives three seconds, and opening takes its time. */
const OPEN_MS = 1_000;

export function createModals(parts: {
  client: WebClient;
  handlers: FormHandlers;
  log: Log;
  /** Slack waits three seconds for an ack. */
  ackMs: number;
  /** How long a form waits for whether the person may have it. */
  openMs?: number | undefined;
  tell: (asked: Asked, card: Card) => Promise<void>;
  /** After a decision nothing is said of, because its card shows it. */
  lookLater: (ref: string, asked: Asked) => void;
  inBackground: (what: string, work: () => Promise<void>) => void;
}): {
  open: (ask: FormAsk, asked: Asked, ack: Ack) => Promise<void>;
  submit: (intent: Extract<SlackIntent, { kind: "submit" }>, ack: Ack) => Promise<void>;
  /** This form was carried out here: handed in again it gets the same answer. */
  answered: (viewId: string) => boolean;
} {
  const { client, handlers, log, ackMs, openMs = OPEN_MS, tell, lookLater, inBackground } = parts;
  const once = createOnce<Answer>(500, (answer) => "refused" in answer);

  /**
   * Before the ack: the trigger lives three seconds. Whoever may not have it is told so instead; where that is not known in time, a modal
   * that waits is opened and becomes the form or the reason. What has to be looked up comes in afterwards.
   */
  async function open(ask: FormAsk, asked: Asked, ack: Ack): Promise<void> {
    const form = handlers.form(ask);
    const view = form && formModal(form, asked.place, { me: asked.by.userId });
    if (form === undefined || view === undefined) {
      await ack();
      return fail(new Error(form ? "the value does not fit into a form" : "no such form"));
    }
    const asking = handlers.mayOpen(ask, asked.by).then(
      (refusal) => ({ refusal }),
      (error: unknown) => {
        log.error("who may open a form could not be looked up", { error: String(error) });
        return { refusal: notChecked };
      },
    );
    const known = await within(asking, openMs);
    if (known?.refusal !== undefined) {
      const { refusal } = known;
      await ack();
      return inBackground("note", () => tell(asked, refusal));
    }
    const request = { trigger_id: asked.triggerId, view: known ? view : noteModal(waitingCard) };
    // A form that is asked for in a modal lies upon it.
    const opening = asked.place.view?.type === "modal" ? client.views.push(request) : client.views.open(request);
    const [, opened] = await Promise.all([ack(), opening.catch(fail)]);
    const id = opened?.view?.id;
    if (id === undefined) return;
    inBackground("form", async () => {
      if (known) return form.fills ? fill(form.ref, { id, hash: opened?.view?.hash }, asked) : undefined;
      const { refusal } = await asking;
      const shown = await client.views.update({ view_id: id, view: refusal ? noteModal(refusal) : view });
      if (refusal === undefined && form.fills) await fill(form.ref, { id, hash: shown.view?.hash }, asked);
    });

    function fail(error: unknown): undefined {
      log.warn("the form could not be opened", { error: toChatError(error).message });
      inBackground("note", () => tell(asked, formFailed));
    }
  }

  async function fill(ref: string, { id, hash }: { id: string; hash: string | undefined }, asked: Asked): Promise<void> {
    const filled = await handlers.fill(ref, asked.by);
    if (filled === undefined) return;
    const view = "fields" in filled ? formModal(filled, asked.place, { me: asked.by.userId }) : noteModal(filled);
    // With the hash: a form that was changed meanwhile is not drawn over.
    if (view) await client.views.update({ view_id: id, view, ...(hash ? { hash } : {}) });
  }

  async function submit(intent: Extract<SlackIntent, { kind: "submit" }>, ack: Ack): Promise<void> {
    const { answer, repeated } = once.take(intent.viewId, () => carryOut(intent));
    const inTime = await within(answer, ackMs);
    if (inTime !== undefined) return finish(intent, inTime, repeated, ack);
    // Slack gives up a moment later. The modal waits, and shows what came of it: nothing that was typed is lost.
    await ack({ response_action: "update", view: noteModal(stillWorking) });
    inBackground("form", async () => {
      const done = await answer;
      try {
        await client.views.update({ view_id: intent.viewId, view: viewOf(intent, done) });
      } catch (error) {
        // Closed meanwhile: what came of it is said where the form was opened.
        const words = "refused" in done ? card("Not done", Object.values(done.refused).join(" "), "warning") : done.done;
        log.debug("a form was closed before its answer", { error: toChatError(error).message });
        if (words !== undefined && !repeated) await tell(intent, words);
      }
    });
  }

  async function carryOut({ ref, typed, by, viewId }: Extract<SlackIntent, { kind: "submit" }>): Promise<Answer> {
    try {
      return await handlers.submit(ref, typed, by, `slack-form:${viewId || randomUUID()}`);
    } catch (error) {
      log.error("a form failed", { error: String(error) });
      return { refused: { [handlers.form({ ref })?.fields[0]?.id ?? ""]: FAILED } };
    }
  }

  async function finish(intent: Extract<SlackIntent, { kind: "submit" }>, answer: Answer, repeated: boolean, ack: Ack): Promise<void> {
    if ("refused" in answer) {
      const fields = new Set(handlers.form({ ref: intent.ref })?.fields.map((field) => field.id));
      const errors = Object.entries(answer.refused).filter(([field]) => fields.has(field) || field in intent.typed);
      // Slack refuses an error at a field the modal does not have, and would say nothing at all.
      if (errors.length === 0) return ack({ response_action: "update", view: viewOf(intent, answer) });
      return ack({ response_action: "errors", errors: Object.fromEntries(errors.map(([field, words]) => [field, cut(words, 300)])) });
    }
    const { done: card } = answer;
    const somewhere = intent.place.responseUrl !== "" || intent.place.channel !== "";
    if (card !== undefined && !somewhere) return ack({ response_action: "update", view: noteModal(card) });
    await ack();
    if (card === undefined) lookLater(intent.ref, intent);
    else if (!repeated) inBackground("note", () => tell(intent, card));
  }

  /** What stands in the modal where the ack is gone: the answer, or the form again with what was typed and what is wrong. */
  function viewOf(intent: Extract<SlackIntent, { kind: "submit" }>, answer: Answer) {
    if ("done" in answer) return noteModal(answer.done ?? doneCard);
    const problem = Object.values(answer.refused).join(" ");
    const form = handlers.form({ ref: intent.ref });
    return (
      (form && formModal(form, intent.place, { typed: intent.typed, problem, me: intent.by.userId })) ??
      noteModal({ ...formFailed, lines: [{ kind: "text", text: problem }] })
    );
  }

  return { open, submit, answered: once.knows };
}

const card = (title: string, text: string, tone: Card["tone"]): Card => ({
  title,
  tone,
  summary: `${title}. ${text}`,
  lines: [{ kind: "text", text }],
  buttons: [],
});
const notChecked = card("Not opened", "air could not check whether you may do this. Try again in a moment.", "warning");
const FAILED = "air could not take this just now. Look at the card before you try again in a moment.";
const doneCard = card("Done", "The card shows what came of it.", "good");
const stillWorking = {
  ...waitingCard,
  lines: [{ kind: "text" as const, text: "This takes longer than usual. What came of it stands here in a moment." }],
};
const formFailed = card("The form did not open", "Slack did not open the form in time. Press the button again.", "warning");

/** undefined: it took longer. */
async function within<T>(work: Promise<T>, ms: number): Promise<T | undefined> {
  const late = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => late.resolve(undefined), ms);
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
