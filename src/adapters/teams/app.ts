import { randomUUID } from "node:crypto";
import { setMaxListeners } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import express, { type NextFunction, type Request, type Response, Router } from "express";
import type { Card } from "../../engine/cards/card.ts";
import type { Filled, Form, FormAnswer } from "../../engine/cards/form.ts";
import { isRefusal, refusalCard } from "../../engine/cards/reply-card.ts";
import type { ChatPlatform, Log } from "../../engine/ports.ts";
import { type AdaptiveCard, type FormsOpen, toAdaptiveCard, withBack } from "./adaptive-card.ts";
import { createDelivery } from "./delivery.ts";
import { filledOf, formCard } from "./form-card.ts";
import { createGate, type Denied, deny } from "./gate.ts";
import { askedBy, type Place, readTeams, type TeamsIntent, type TeamsPerson } from "./inbox.ts";
import { createLine } from "./line.ts";
import { createOnce } from "./once.ts";
import { type Conversations, createPlatform, drawn } from "./post.ts";
import { createReach } from "./reach.ts";
import { type Authority, type BotAuth, type BotRegistration, createBotAuth } from "./sdk.ts";
import { createService } from "./service.ts";
import { createTurns, type Timing, wallTiming } from "./turns.ts";
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
  /** How long a press may take, from its arrival, before it is answered without what came of it. */
  answerMs?: number;
  /** How long after a decision air looks what came of it, where its card could not say so. */
  unseenMs?: number;
  /** Another time than the machine's: for tests. */
  timing?: Timing;
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
  /** Why this person may not see a card air handed out before; undefined: they may. */
  mayLook(by: TeamsPerson): Promise<Card | undefined>;
  /** This person's own conversation with air; undefined: none is known. */
  ownConversation(by: TeamsPerson): Promise<string | undefined>;
  /** What came of a decision, where the conversation it was made in cannot show it; undefined: it can. */
  unseen(value: string, conversation: string): Promise<Card | undefined>;
  form(ask: { ref: string }): Form | undefined;
  /** Why this person may not have a form, asked before it is shown: it names what is for people with a role. undefined: they may. */
  mayOpen(ask: { ref: string }, by: TeamsPerson): Promise<Card | undefined>;
  /** The form of a command that was typed without the rest of it. */
  formOf(text: string): string | undefined;
  fill(ref: string, by: TeamsPerson): Promise<Form | Card | undefined>;
  submit(ref: string, typed: Filled, by: TeamsPerson, key: string): Promise<FormAnswer<Card | undefined>>;
  /** What a message names that could be looked into, as the ref of a form. */
  found(text: string): { ref: string } | undefined;
  /** air was added somewhere: what could not be posted may be posted now. */
  added(): Promise<void>;
  /** The answer with a link to the picture or list that goes with it, for whoever asked or for everybody who reads along. */
  linked(card: Card, readers: "one" | "all"): Card;
};

export type Teams = {
  platform: ChatPlatform;
  /** POST /api/messages. It reads its own body. */
  router: Router;
  /** What is on its way is finished. */
  stop(): Promise<void>;
};

type Asked = Extract<TeamsIntent, { by: unknown }>;
type Invoked = Exclude<Asked, { kind: "command" }>;
type Answer = Record<string, unknown>;
/** What Teams is answered; `alone`: what the person is told in their own chat instead, where that comes too late to be shown. */
type Told = { answer: Answer; alone?: Card };
type Result = { status: number; body: Answer; late?: { intent: Invoked; card: Card } };

/** Decisions commit within 2.5 s (product contract 6), and Teams gives up some time later. */
const ANSWER_MS = 2_000;
/** Presses worked on at the same time, and questions. */
const AT_ONCE = 8;
const FILL_MS = 1_200;
/** By then a card has been drawn, or Teams has refused it. */
const UNSEEN_MS = 6_000;
/** What waits for room when air stops is waited for a little. */
const STOP_MS = 2_000;
const LARGEST = "1mb";

/** Listens to Teams, checks who speaks, hands over, answers. */
export function createTeams(settings: TeamsSettings, handlers: TeamsHandlers, log: Log): Teams {
  if (settings.bot === undefined) log.warn("Teams: nobody's identity is checked, and only this machine is listened to (TEAMS_ANONYMOUS)");
  const auth: BotAuth | undefined = settings.bot && createBotAuth(settings.bot, settings.authority);
  const service = createService(settings.authorization ?? (auth && (() => auth.authorization())));
  const timing = settings.timing ?? wallTiming;
  const turns = createTurns(createWindows(timing.now), timing);
  const reach = createReach(settings.conversations, settings.tenants);
  const stopping = new AbortController();
  const givingUp = new AbortController();
  for (const { signal } of [stopping, givingUp]) setMaxListeners(0, signal);
  // What stands in the card's place goes when the message is drawn anew for everybody, with all that was typed. The test client has no dialogs.
  const forms: FormsOpen = settings.bot === undefined ? "card" : "dialog";
  const platform = createPlatform(service, reach, turns, settings.pace, { forms });
  const delivery = createDelivery({ service, reach, turns, timing, forms, log, signal: givingUp.signal });
  const adaptive = (card: Card) => toAdaptiveCard(card, 1, forms);
  const cardOf = (card: Card): Answer => inPlace(adaptive(card));
  const once = createOnce<Told>();
  // Apart, so that questions keep no decision waiting.
  const [presses, questions] = [createLine(AT_ONCE), createLine(AT_ONCE)];
  const working = new Set<Promise<void>>();

  const gate = createGate(auth, settings.isLocal, log);
  const router = Router();
  const stamped = (_request: Request, response: Response, next: NextFunction) => {
    response.locals.arrivedAt = performance.now();
    next();
  };
  router.post("/api/messages", stamped, gate.beforeBody, express.json({ limit: LARGEST }), (request, response, next) => {
    inTime(request, Number(response.locals.arrivedAt)).then((result) => {
      if ("message" in result) deny(response, result);
      else response.status(result.status).json(result.body);
    }, next);
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

  /**
   * Who pressed is answered in time, counted from when it arrived: the look at the token, the rows and who it is all take theirs. What is
   * said then says nothing, so it is said before it is known whether Teams asked; what was asked for goes on, or is refused.
   */
  async function inTime(request: Request, arrivedAt: number): Promise<Result | Denied> {
    const checked = async () => (await gate.withBody(request)) ?? receive(request.body);
    const work: Promise<Result | Denied> = checked();
    const { type, name } = Object(request.body) as { type?: unknown; name?: unknown };
    const asking = type === "invoke" && typeof name === "string" ? askedBy(name) : undefined;
    if (asking === undefined) return work;
    const cut = Promise.withResolvers<void>();
    const timer = setTimeout(() => cut.resolve(), Math.max(0, (settings.answerMs ?? ANSWER_MS) - (performance.now() - arrivedAt)));
    const result = await Promise.race([work, cut.promise]).finally(() => clearTimeout(timer));
    if (result) return result;
    inBackground("late", async () => {
      const known = await work;
      if ("late" in known && known.late !== undefined) await tellAlone(known.late.intent, known.late.card);
    });
    return ok(asking === "dialog" ? task(STILL_WORKING) : toast(STILL_WORKING));
  }

  /** Parse, check the tenant, hand over. */
  async function receive(body: unknown): Promise<Result> {
    const intent = readTeams(body, settings.bot === undefined);
    if (intent.kind === "ignored") {
      log.debug("Teams activity ignored", { reason: intent.reason });
      return ok({});
    }
    const { conversation } = intent.place;
    const tenants = settings.tenants();
    if (tenants.length > 0 && !tenants.includes(conversation.tenant)) {
      log.warn("refused: a tenant air does not serve", { tenant: conversation.tenant });
      if (intent.kind === "heard" || intent.kind === "left" || intent.kind === "command")
        return { status: 403, body: { error: { code: "forbidden", message: FOREIGN } } };
      return ok(saidTo(intent, FOREIGN));
    }
    if (intent.kind === "unreadable") {
      log.debug("Teams activity not understood", { reason: intent.reason });
      return ok(saidTo(intent, UNREADABLE));
    }
    if (intent.kind === "left") {
      await settings.conversations.left({ id: conversation.id, team: conversation.team }, new Date());
      log.info("Teams: air was removed", { conversation: conversation.id });
      return ok({});
    }
    // Before anything else: its address may have changed, and what follows is posted there.
    const heard = () => settings.conversations.heard(conversation, new Date());
    if (intent.kind === "heard") {
      await heard();
      if (intent.installed) {
        await settings.conversations.returned(conversation);
        await handlers.added();
        log.info("Teams: air was added", { conversation: conversation.id, kind: conversation.kind, name: conversation.name });
      }
      return ok({});
    }
    const key = intent.activityId === "" ? "" : `${intent.kind} ${intent.by.userId} ${conversation.id} ${intent.activityId}`;
    if (intent.kind === "command") {
      await heard();
      // Answered first: Teams would send it again.
      once(key, async () => {
        inBackground("command", () => command(intent));
        return { answer: {} };
      });
      return ok({});
    }
    const { answer, again } = once(key, () =>
      presses(async () => {
        await heard();
        return invoked(intent);
      }),
    );
    try {
      const told = await answer;
      return { ...ok(told.answer), ...(told.alone === undefined || again ? {} : { late: { intent, card: told.alone } }) };
    } catch (error) {
      log.error("a press failed", { error: String(error) });
      return { ...ok(saidTo(intent, FAILED)), ...(again ? {} : { late: { intent, card: notTaken } }) };
    }
  }

  async function invoked(intent: Invoked): Promise<Told> {
    switch (intent.kind) {
      case "press":
        return pressed(intent);
      case "submit":
      case "dialog-submit":
        return submitted(intent);
      default:
        return { answer: await opened(intent) };
    }
  }

  async function pressed(intent: Extract<Invoked, { kind: "press" }>): Promise<Told> {
    const { place, value, by } = intent;
    const { note } = await handlers.press(value, by, intent.typed);
    const shown = await shownAt(place, value);
    const refused = note !== undefined && isRefusal(note);
    const redrawn = redrawnUnlessKept(intent, value, shown, refused);
    if (refused) return { answer: toast(note.summary), alone: note };
    if (note === undefined) lookLater(intent, value, redrawn);
    const isAnswer = value.startsWith("say:") || value.startsWith("MANY.");
    // What everybody sees says it, too; where nothing is seen the note does.
    const alone = note === undefined ? {} : { alone: handlers.linked(note, "one") };
    if (shown !== undefined && !(isAnswer && note !== undefined)) return { answer: cardOf(shown.card), ...alone };
    if (note === undefined) return { answer: toast(DONE) };
    // The preview of a decision about many is over, for everybody who sees it.
    if (shown === undefined && value.startsWith("MANY.") && place.messageId !== "")
      inBackground("card", () => delivery.redraw({ what: "card", activity: intent.activityId }, place, async () => heardBy(place, note)));
    const answer = adaptive(handlers.linked(note, "one"));
    return { answer: inPlace(shown === undefined ? answer : withBack(answer, "Back")), ...alone };
  }

  /**
   * Nobody draws an answer again but whoever presses on it: whatever came of that, its buttons must not go on asking for what was decided.
   * Who may not look makes no card new in their own chat. True: it is drawn.
   */
  function redrawnUnlessKept(intent: Invoked, value: string, shown: { kept: boolean } | undefined, refused: boolean): boolean {
    const { place, by } = intent;
    if (shown === undefined || shown.kept || place.messageId === "") return false;
    inBackground("card", async () => {
      if (refused && place.conversation.kind === "personal" && (await handlers.mayLook(by)) !== undefined) return;
      await redraw(intent, value);
    });
    return true;
  }

  const redraw = (intent: Invoked, value: string) =>
    delivery.redraw({ what: "card", activity: intent.activityId }, intent.place, async () => {
      const now = await shownAt(intent.place, value);
      return now?.kept === false ? now.card : undefined;
    });

  /** A decision is told by its card. Where that cannot be drawn any more whoever pressed is told alone; one that air does not keep is drawn again. */
  function lookLater(intent: Invoked, value: string, unkept: boolean): void {
    inBackground("unseen", async () => {
      await pause(settings.unseenMs ?? UNSEEN_MS, undefined, { signal: stopping.signal, ref: false }).catch(() => undefined);
      if (stopping.signal.aborted) return;
      if (unkept) await redraw(intent, value);
      const card = await handlers.unseen(value, intent.place.conversation.id);
      if (card !== undefined) await tellAlone(intent, card);
    });
  }

  /** In their own chat with air, if there is one; whoever reads along elsewhere was not told either. */
  async function tellAlone({ by, place, activityId }: Invoked, card: Card): Promise<void> {
    const own = place.conversation.kind === "personal" ? place.conversation.id : await handlers.ownConversation(by);
    if (own !== undefined) await delivery.alone({ what: "note", activity: activityId }, own, card);
  }

  async function opened(intent: Exclude<Invoked, { kind: "press" | "submit" | "dialog-submit" }>): Promise<Answer> {
    switch (intent.kind) {
      case "form": {
        const form = handlers.form({ ref: intent.ref });
        if (form === undefined) return toast(NO_FORM);
        const refusal = await handlers.mayOpen({ ref: intent.ref }, intent.by);
        if (refusal !== undefined) return toast(refusal.summary);
        const filled = form.fills === true ? await filledIn(intent.ref, intent.by) : undefined;
        if (filled !== undefined && !("fields" in filled)) return toast(filled.summary);
        return inPlace(formCard(filled ?? form, "card"));
      }
      case "back": {
        const shown = await shownAt(intent.place);
        if (shown === undefined) return cardOf(closed);
        return (await notLooking(intent.by)) ?? cardOf(shown.card);
      }
      case "refresh": {
        const shown = await shownAt(intent.place);
        if (shown === undefined) return toast("Nothing was decided.");
        return (await notLooking(intent.by)) ?? cardOf(shown.card);
      }
      case "dialog": {
        const ref = "ref" in intent.ask ? intent.ask.ref : handlers.found(intent.ask.text)?.ref;
        if (ref === undefined) return task(NOTHING_FOUND);
        const form = handlers.form({ ref });
        if (form === undefined) return task(NO_FORM);
        const refusal = await handlers.mayOpen({ ref }, intent.by);
        if (refusal !== undefined) return task(refusal.summary);
        const filled = form.fills === true ? await filledIn(ref, intent.by) : undefined;
        if (filled !== undefined && !("fields" in filled)) return task(filled.summary);
        return dialog(form.title, formCard(filled ?? form, "dialog"));
      }
      default:
        return intent satisfies never;
    }
  }

  async function notLooking(by: TeamsPerson): Promise<Answer | undefined> {
    const refusal = await handlers.mayLook(by);
    return refusal && toast(refusal.summary);
  }

  async function submitted(intent: Extract<Asked, { kind: "submit" | "dialog-submit" }>): Promise<Told> {
    const { ref, by, place } = intent;
    const inDialog = intent.kind === "dialog-submit";
    const form = handlers.form({ ref });
    const typed = filledOf(form, intent.data);
    const answer = await handlers.submit(ref, typed, by, `teams-form:${intent.activityId || randomUUID()}`);
    // The form of a decision is named by its button: what it is about tells the card.
    const shown = await shownAt(place, ref);
    const redrawn = redrawnUnlessKept(intent, ref, shown, "refused" in answer || (answer.done !== undefined && isRefusal(answer.done)));
    if ("refused" in answer) {
      const problem = problemOf(form, answer.refused);
      // What was handed in proves nothing: a form names people and things, for those with a role.
      const refusal = form && (await handlers.mayOpen({ ref }, by));
      if (form === undefined || refusal !== undefined) return { answer: saidTo(intent, problem), alone: refusalCard(problem) };
      const again = handlers.form({ ref }) ?? form;
      const filled = again.fills === true ? await filledIn(ref, by) : undefined;
      const next = filled !== undefined && "fields" in filled ? filled : again;
      const drawnAgain = formCard(next, inDialog ? "dialog" : "card", { typed, problem });
      return { answer: inDialog ? dialog(next.title, drawnAgain) : inPlace(drawnAgain), alone: refusalCard(problem) };
    }
    const { done } = answer;
    if (done === undefined) {
      lookLater(intent, ref, redrawn);
      return { answer: inDialog ? task(DONE) : shown === undefined ? toast(DONE) : cardOf(shown.card) };
    }
    const card = handlers.linked(done, "one");
    if (inDialog) return { answer: inDialogOnly(card), alone: card };
    if (isRefusal(done)) return { answer: toast(done.summary), alone: done };
    if (shown !== undefined) return { answer: inPlace(shown.kept ? withBack(adaptive(card), "Back") : adaptive(card)), alone: card };
    // A form that was a message of its own is over for everybody.
    if (place.messageId !== "")
      inBackground("form", () => delivery.redraw({ what: "form", activity: intent.activityId }, place, async () => heardBy(place, done)));
    return { answer: cardOf(card), alone: card };
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
    const answer = { what: "command", activity: intent.activityId };
    const ref = handlers.formOf(intent.text);
    const form = ref === undefined ? undefined : handlers.form({ ref });
    if (ref !== undefined && form !== undefined) {
      const refusal = await handlers.mayOpen({ ref }, intent.by).catch((error: unknown) => {
        log.error("who may open a form could not be looked up", { error: String(error) });
        return failed;
      });
      if (refusal !== undefined) return delivery.send(answer, intent.place, (post) => drawn(heardBy(intent.place, refusal), forms, post));
      const card = formCard(form, "message");
      return delivery.send(answer, intent.place, (post) => post({ card, summary: form.title }));
    }
    const card = await questions(() => handlers.say(intent.text, intent.by)).catch((error: unknown) => {
      log.error("a command failed", { error: String(error) });
      return failed;
    });
    await delivery.send(answer, intent.place, (post) => drawn(heardBy(intent.place, card), forms, post));
  }

  /** Whoever asked may look; who else reads a channel or group chat was not asked about. */
  function heardBy({ conversation }: Place, card: Card): Card {
    if (conversation.kind === "personal") return handlers.linked(card, "one");
    return card.private === true ? notHere : handlers.linked(card, "all");
  }

  function inBackground(what: string, work: () => Promise<void>): void {
    const running = work().catch((error: unknown) => log.error("work for Teams failed", { what, error: String(error) }));
    working.add(running);
    void running.finally(() => working.delete(running));
  }

  return {
    platform,
    router,
    async stop() {
      stopping.abort();
      const grace = setTimeout(() => givingUp.abort(), STOP_MS);
      await Promise.allSettled([...working]);
      clearTimeout(grace);
    },
  };
}

const ok = (body: Answer) => ({ status: 200, body });

/** Words for the person alone, in the way the asking part of Teams shows them. */
const saidTo = (intent: Asked | Extract<TeamsIntent, { kind: "unreadable" }>, words: string): Answer =>
  intent.kind === "dialog" || intent.kind === "dialog-submit" || (intent.kind === "unreadable" && intent.dialog)
    ? task(words)
    : toast(words);
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
const notTaken = small("Not taken", "air could not take what you pressed. Look at the card before you try again.", "warning");
const closed = small("Closed", "Nothing was done.", "neutral");
const FOREIGN = "air does not serve people of your tenant. Nothing was done.";
const DONE = "Done. The card shows what came of it in a moment.";
const STILL_WORKING = "This takes longer than usual: air is working on it, and the card will change.";
const UNREADABLE = "air does not understand this button, so nothing was done. Ask for a fresh card and press there: @air status";
const FAILED = "air could not take this just now. Look at the card before you try again in a moment.";
const NO_FORM = "air does not know this form any more. Open it again from a fresh card.";
const NOTHING_FOUND =
  "The message names no link, address, hash, mail address or device air could recognise. Say what you mean: @air investigate <what>";
