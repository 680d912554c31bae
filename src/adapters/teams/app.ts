import { randomUUID } from "node:crypto";
import express, { type NextFunction, type Request, type Response, Router } from "express";
import type { Card } from "../../engine/cards/card.ts";
import type { Filled, Form, FormAnswer } from "../../engine/cards/form.ts";
import { isRefusal } from "../../engine/cards/reply-card.ts";
import type { ChatPlatform, Log } from "../../engine/ports.ts";
import { type AdaptiveCard, type FormsOpen, toAdaptiveCard, withBack } from "./adaptive-card.ts";
import { toChatError } from "./errors.ts";
import { filledOf, formCard } from "./form-card.ts";
import { createGate } from "./gate.ts";
import { type Place, readTeams, type TeamsIntent, type TeamsPerson } from "./inbox.ts";
import { createOnce } from "./once.ts";
import { type Conversations, createPlatform, drawn, threadOf } from "./post.ts";
import { type Authority, type BotAuth, type BotRegistration, createBotAuth } from "./sdk.ts";
import { createService, type Message } from "./service.ts";
import { createWindows } from "./windows.ts";

export type TeamsSettings = {
  /** Undefined: a test client on this machine, whose requests nobody signs; see `isLocal`. */
  bot: BotRegistration | undefined;
  /** Tenants whose people are served; empty: any, which is only for the test client. */
  tenants: () => readonly string[];
  pace: ChatPlatform["pace"];
  /** Whether a request can only come from this machine, and from no page of elsewhere. */
  isLocal: (request: Request) => boolean;
  conversations: Conversations;
  /** Another authority than Microsoft's, and another way to its tokens: for tests. */
  authority?: Authority;
  authorization?: () => Promise<string>;
  /** How long a press may take before it is answered without what came of it. */
  answerMs?: number;
};

export type TeamsHandlers = {
  /** One decision, committed when it returns; `note` goes to the person alone. */
  press(value: string, by: TeamsPerson, typed?: string): Promise<{ note: Card | undefined }>;
  say(text: string, by: TeamsPerson): Promise<Card>;
  /**
   * The card of a message as it is now. Not `kept`: an answer, or a card that was posted twice, which nobody draws again; what the pressed
   * button is about tells its card. undefined: neither.
   */
  shown(conversation: string, message: string, value?: string): Promise<{ card: Card; kept: boolean } | undefined>;
  form(ask: { ref: string }): Form | undefined;
  /** The form of a command that was typed without the rest of it. */
  formOf(text: string): string | undefined;
  fill(ref: string, by: TeamsPerson): Promise<Form | Card | undefined>;
  submit(ref: string, typed: Filled, by: TeamsPerson, key: string): Promise<FormAnswer<Card | undefined>>;
  /** What a message names that could be looked into, as the ref of a form. */
  found(text: string): { ref: string } | undefined;
  /** air was added somewhere: what could not be posted may be posted now. */
  added(): Promise<void>;
  /** The answer with links to the picture or list that goes with it. */
  linked(card: Card): Card;
};

export type Teams = {
  platform: ChatPlatform;
  /** POST /api/messages. It reads its own body. */
  router: Router;
  /** What is on its way is finished. */
  stop(): Promise<void>;
};

type Asked = Extract<TeamsIntent, { by: unknown }>;
type Answer = Record<string, unknown>;

/** Decisions commit within 2.5 s (product contract 6), and Teams gives up some time later. */
const ANSWER_MS = 2_400;
const FILL_MS = 1_200;
const SEND_MS = 15_000;
const LARGEST = "1mb";

/** Listens to Teams, checks who speaks, hands over, answers. */
export function createTeams(settings: TeamsSettings, handlers: TeamsHandlers, log: Log): Teams {
  if (settings.bot === undefined) log.warn("Teams: nobody's identity is checked, and only this machine is listened to (TEAMS_ANONYMOUS)");
  const auth: BotAuth | undefined = settings.bot && createBotAuth(settings.bot, settings.authority);
  const service = createService(settings.authorization ?? (auth && (() => auth.authorization())));
  const windows = createWindows(Date.now);
  // What stands in the card's place goes when the message is drawn anew for everybody, with all that was typed. The test client has no dialogs.
  const forms: FormsOpen = settings.bot === undefined ? "card" : "dialog";
  const { tenants } = settings;
  const platform = createPlatform(service, settings.conversations, windows, settings.pace, { forms, tenants });
  const adaptive = (card: Card) => toAdaptiveCard(card, 1, forms);
  const cardOf = (card: Card): Answer => inPlace(adaptive(card));
  const once = createOnce<Answer>();
  const working = new Set<Promise<void>>();

  const gate = createGate(auth, settings.isLocal, log);
  const router = Router();
  router.post("/api/messages", gate.beforeBody, express.json({ limit: LARGEST }), gate.withBody, (request, response, next) => {
    receive(request.body).then(({ status, body }) => response.status(status).json(body), next);
  });
  // Four parameters make it express's error handler; what goes wrong here is not answered with somebody else's words.
  router.use("/api/messages", (error: unknown, _request: Request, response: Response, next: NextFunction) => {
    if (response.headersSent) return next(error);
    const status = typeof error === "object" && error !== null && "status" in error ? Number(error.status) : 500;
    const known = status === 413 || status === 415 || status === 400;
    if (!known) log.error("a Teams request failed", { error: String(error) });
    response
      .status(known ? status : 500)
      .set("connection", "close")
      .json({
        error: {
          code: known ? "invalid" : "internal",
          message: known ? "The request could not be read." : "Something went wrong inside air.",
        },
      });
  });

  /** Parse, check the tenant, hand over. */
  async function receive(body: unknown): Promise<{ status: number; body: Answer }> {
    const intent = readTeams(body);
    if (intent.kind === "ignored") {
      log.debug("Teams activity ignored", { reason: intent.reason });
      return ok({});
    }
    const { conversation } = intent.place;
    const tenants = settings.tenants();
    if (tenants.length > 0 && !tenants.includes(conversation.tenant)) {
      log.warn("refused: a tenant air does not serve", { tenant: conversation.tenant });
      if (!("by" in intent) || intent.kind === "command") return { status: 403, body: { error: { code: "forbidden", message: FOREIGN } } };
      return ok(saidTo(intent, FOREIGN));
    }
    if (intent.kind === "left") {
      await settings.conversations.left({ id: conversation.id, team: conversation.team }, new Date());
      log.info("Teams: air was removed", { conversation: conversation.id });
      return ok({});
    }
    // Before anything else: its address may have changed, and what follows is posted there.
    await settings.conversations.heard(conversation, new Date());
    if (intent.kind === "heard") {
      if (intent.installed) {
        await settings.conversations.returned(conversation);
        await handlers.added();
        log.info("Teams: air was added", { conversation: conversation.id, kind: conversation.kind, name: conversation.name });
      }
      return ok({});
    }
    const key = intent.activityId === "" ? "" : `${intent.kind} ${intent.by.userId} ${conversation.id} ${intent.activityId}`;
    if (intent.kind === "command") {
      // Answered first: Teams would send it again.
      once(key, async () => {
        inBackground("command", () => command(intent));
        return {};
      });
      return ok({});
    }
    const { answer } = once(key, () => invoked(intent));
    return ok(await inTime(intent, answer));
  }

  async function inTime(intent: Asked, answer: Promise<Answer>): Promise<Answer> {
    const late = Promise.withResolvers<Answer>();
    const timer = setTimeout(() => late.resolve(saidTo(intent, STILL_WORKING)), settings.answerMs ?? ANSWER_MS);
    try {
      return await Promise.race([answer, late.promise]);
    } catch (error) {
      log.error("a press failed", { error: String(error) });
      return saidTo(intent, FAILED);
    } finally {
      clearTimeout(timer);
      // Too late to be answered is not unheard.
      answer.catch(() => undefined);
    }
  }

  async function invoked(intent: Exclude<Asked, { kind: "command" }>): Promise<Answer> {
    switch (intent.kind) {
      case "press": {
        const { note } = await handlers.press(intent.value, intent.by, intent.typed);
        if (note !== undefined && isRefusal(note)) return toast(note.summary);
        const isAnswer = intent.value.startsWith("say:") || intent.value.startsWith("MANY.");
        const shown = await shownAt(intent.place, intent.value);
        // What everybody sees says it, too; where nothing is seen the note does.
        if (shown !== undefined && !(isAnswer && note !== undefined)) {
          if (!shown.kept && intent.place.messageId !== "") inBackground("card", () => replace(intent.place, shown.card));
          return cardOf(shown.card);
        }
        if (note === undefined) return toast(DONE);
        const answer = adaptive(handlers.linked(note));
        return inPlace(shown === undefined ? answer : withBack(answer, "Back"));
      }
      case "form": {
        const form = handlers.form({ ref: intent.ref });
        if (form === undefined) return toast(NO_FORM);
        const filled = form.fills === true ? await filledIn(intent.ref, intent.by) : undefined;
        if (filled !== undefined && !("fields" in filled)) return toast(filled.summary);
        return inPlace(formCard(filled ?? form, "card"));
      }
      case "submit":
        return submitted(intent);
      case "back": {
        const shown = await shownAt(intent.place);
        return shown === undefined ? cardOf(closed) : cardOf(shown.card);
      }
      case "refresh": {
        const shown = await shownAt(intent.place);
        return shown === undefined ? toast("Nothing was decided.") : cardOf(shown.card);
      }
      case "dialog": {
        const ref = "ref" in intent.ask ? intent.ask.ref : handlers.found(intent.ask.text)?.ref;
        if (ref === undefined) return task(NOTHING_FOUND);
        const form = handlers.form({ ref });
        if (form === undefined) return task(NO_FORM);
        const filled = form.fills === true ? await filledIn(ref, intent.by) : undefined;
        if (filled !== undefined && !("fields" in filled)) return task(filled.summary);
        return dialog(form.title, formCard(filled ?? form, "dialog"));
      }
      case "dialog-submit":
        return submitted(intent);
      default:
        return intent satisfies never;
    }
  }

  async function submitted(intent: Extract<Asked, { kind: "submit" | "dialog-submit" }>): Promise<Answer> {
    const { ref, by, place } = intent;
    const inDialog = intent.kind === "dialog-submit";
    const form = handlers.form({ ref });
    const typed = filledOf(form, intent.data);
    const answer = await handlers.submit(ref, typed, by, `teams-form:${intent.activityId || randomUUID()}`);
    if ("refused" in answer) {
      const problem = problemOf(form, answer.refused);
      if (form === undefined) return inDialog ? task(problem) : toast(problem);
      const again = handlers.form({ ref }) ?? form;
      const filled = again.fills === true ? await filledIn(ref, by) : undefined;
      const shown = filled !== undefined && "fields" in filled ? filled : again;
      const drawnAgain = formCard(shown, inDialog ? "dialog" : "card", { typed, problem });
      return inDialog ? dialog(shown.title, drawnAgain) : inPlace(drawnAgain);
    }
    const { done } = answer;
    if (inDialog) return done === undefined ? task(DONE) : inDialogOnly(handlers.linked(done));
    const shown = await shownAt(place);
    if (done === undefined) return shown === undefined ? toast(DONE) : cardOf(shown.card);
    if (isRefusal(done)) return toast(done.summary);
    const card = handlers.linked(done);
    if (shown !== undefined) return inPlace(withBack(adaptive(card), "Back"));
    // A form that was a message of its own is over for everybody.
    if (place.messageId !== "") inBackground("form", () => replace(place, heardBy(place, done)));
    return cardOf(card);
  }

  /** What comes in from the rows, if it comes in time; the form works without it. */
  async function filledIn(ref: string, by: TeamsPerson): Promise<Form | Card | undefined> {
    const late = Promise.withResolvers<undefined>();
    const timer = setTimeout(() => late.resolve(undefined), FILL_MS);
    const filling = handlers.fill(ref, by).catch((error: unknown) => {
      log.warn("a form was not filled in", { error: String(error) });
      return undefined;
    });
    const filled = await Promise.race([filling, late.promise]);
    clearTimeout(timer);
    return filled;
  }

  const shownAt = (place: Place, value?: string) =>
    place.messageId === "" && value === undefined
      ? Promise.resolve(undefined)
      : handlers.shown(place.conversation.id, place.messageId, value);

  async function command(intent: Extract<Asked, { kind: "command" }>): Promise<void> {
    const ref = handlers.formOf(intent.text);
    const form = ref === undefined ? undefined : handlers.form({ ref });
    if (form !== undefined) {
      const card = formCard(form, "message");
      return send(intent.place, (post) => post({ card, summary: form.title }));
    }
    const card = await handlers.say(intent.text, intent.by).catch((error: unknown) => {
      log.error("a command failed", { error: String(error) });
      return failed;
    });
    await send(intent.place, (post) => drawn(heardBy(intent.place, card), forms, post));
  }

  /** Whoever asked may look; who else reads a channel or group chat was not asked about. */
  function heardBy({ conversation }: Place, card: Card): Card {
    if (conversation.kind === "personal") return handlers.linked(card);
    if (card.private === true) return notHere;
    if (card.picture === undefined && card.download === undefined) return card;
    return { ...card, lines: [...card.lines, { kind: "note", text: ASK_ALONE }] };
  }

  /** An answer into the conversation it was asked in. Where Teams has no room for it at the moment it waits its turn a few times. */
  async function send(
    { conversation, thread }: Place,
    answer: (post: (message: Message) => Promise<unknown>) => Promise<unknown>,
  ): Promise<void> {
    const where = { serviceUrl: conversation.serviceUrl, conversation: thread };
    for (let attempt = 1; ; attempt += 1) {
      try {
        windows.count(conversation.id);
        await answer((message) => service.send(where, message, AbortSignal.timeout(SEND_MS)));
        return;
      } catch (error) {
        const problem = toChatError(error, "reply");
        if (problem.kind !== "later" || problem.maybeSent || attempt === ANSWER_ATTEMPTS) throw problem;
        await new Promise((resolve) => setTimeout(resolve, Math.min(problem.retryAfterMs ?? 1_000 * attempt, 10_000)));
      }
    }
  }

  async function replace({ conversation, messageId, thread }: Place, card: Card): Promise<void> {
    windows.count(conversation.id);
    const ref = { id: messageId, thread: thread.split(";messageid=")[1] ?? messageId };
    const where = { serviceUrl: conversation.serviceUrl, conversation: threadOf(conversation, ref), id: messageId };
    await drawn(card, forms, (message) => service.update(where, message, AbortSignal.timeout(SEND_MS)));
  }

  function inBackground(what: string, work: () => Promise<void>): void {
    const running = work().catch((error: unknown) =>
      log.warn("an answer did not reach Teams", { what, error: toChatError(error, "reply").message }),
    );
    working.add(running);
    void running.finally(() => working.delete(running));
  }

  return {
    platform,
    router,
    stop: async () => void (await Promise.allSettled([...working])),
  };
}

const ANSWER_ATTEMPTS = 4;
const ok = (body: Answer) => ({ status: 200, body });

/** Words for the person alone, in the way the asking part of Teams shows them. */
const saidTo = (intent: Asked, words: string): Answer =>
  intent.kind === "dialog" || intent.kind === "dialog-submit" ? task(words) : toast(words);
const toast = (words: string): Answer => ({
  statusCode: 200,
  type: "application/vnd.microsoft.activity.message",
  value: words.slice(0, 500).toWellFormed(),
});
/** Drawn for whoever pressed; everybody else sees the message change. */
const inPlace = (card: AdaptiveCard): Answer => ({ statusCode: 200, type: "application/vnd.microsoft.card.adaptive", value: card });
const task = (words: string): Answer => ({ task: { type: "message", value: words.slice(0, 500).toWellFormed() } });
/** What came of a dialog: a sentence, or a card where there is something to open; a dialog's buttons can do no more than that. */
const inDialogOnly = (done: Card): Answer => {
  const links = done.buttons.filter(({ url }) => url !== undefined);
  return links.length === 0 ? task(done.summary) : dialog(done.title, toAdaptiveCard({ ...done, buttons: links }));
};
const dialog = (title: string, card: AdaptiveCard): Answer => ({
  task: {
    type: "continue",
    value: {
      title: title.slice(0, 60),
      height: "medium",
      width: "medium",
      card: { contentType: "application/vnd.microsoft.card.adaptive", content: card },
    },
  },
});

/** What is wrong, each with its field's name where there are several. */
function problemOf(form: Form | undefined, refused: Readonly<Record<string, string>>): string {
  return Object.entries(refused)
    .map(([id, words]) => {
      const field = form?.fields.find((one) => one.id === id);
      return field && (form?.fields.length ?? 0) > 1 ? `${field.label}: ${words}` : words;
    })
    .join(" ");
}

const small = (title: string, text: string, tone: Card["tone"]): Card => ({
  title,
  tone,
  summary: `${title}. ${text}`,
  lines: [{ kind: "text", text }],
  buttons: [],
});
const notHere = small(
  "Not in a channel",
  "What you asked for is for you alone, and everybody reads along here. Ask for it in a chat with air.",
  "warning",
);
const failed = small("This did not work", "air could not answer just now. Try again in a moment.", "warning");
const closed = small("Closed", "Nothing was done.", "neutral");
const FOREIGN = "air does not serve people of your tenant. Nothing was done.";
const ASK_ALONE = "The file itself comes as a link, for you alone: ask for it in your own chat with air.";
const DONE = "Done. The card shows what came of it in a moment.";
const STILL_WORKING = "This takes longer than usual. The card shows what came of it in a moment.";
const FAILED = "air could not take this just now. Look at the card before you try again in a moment.";
const NO_FORM = "air does not know this form any more. Open it again from a fresh card.";
const NOTHING_FOUND =
  "The message names no link, address, hash, mail address or device air could recognise. Say what you mean: @air investigate <what>";
