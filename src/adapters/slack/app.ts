import { setTimeout as pause } from "node:timers/promises";
import { App, type ReceiverEvent } from "@slack/bolt";
import { WebClient } from "@slack/web-api";
import type { Router } from "express";
import { type Card, cut, type Line } from "../../engine/cards/card.ts";
import type { ChatPlatform, Log } from "../../engine/ports.ts";
import { toMessage } from "./blocks.ts";
import { boltLogger } from "./bolt-logger.ts";
import { toChatError } from "./errors.ts";
import { type Attachment, sendFile } from "./files.ts";
import { noteModal, waitingCard } from "./form-modal.ts";
import { createGroups } from "./groups.ts";
import { createHome } from "./home.ts";
import { createHttp, signatureOf } from "./http.ts";
import { createIdentity } from "./identity.ts";
import { type Reply, readSlack, type SlackIntent, type SlackPerson } from "./inbox.ts";
import { SLACK_BUDGET } from "./limits.ts";
import { type Asked, createModals, type FormHandlers } from "./modals.ts";
import { createPeople, type SlackProfile } from "./people.ts";
import { createPlatform, respond } from "./post.ts";
import { createSeen } from "./seen.ts";
import { createSocket } from "./socket.ts";
import { escapeTo } from "./text.ts";

export type SlackSettings = {
  botToken: string;
  /** HTTP mode. */
  signingSecret?: string;
  /** Socket Mode; wins over HTTP. */
  appToken?: string;
  apiUrl?: string;
  pace: ChatPlatform["pace"];
  /** Workspaces whose people are served; left out: the bot token's own. */
  teams?: readonly string[];
  /** First pause before a lost socket is opened again. */
  reconnectMs?: number;
  /** How long an unanswered ping of the socket is waited for. */
  pingMs?: number;
  /** Somebody else is connected with the same app token. */
  onShared?: (connections: number) => void;
  /** Slack refused the app token. */
  onRefused?: (code: string) => void;
  /** How long a decision may take before it is acked without its answer. */
  ackMs?: number;
  /** How long a form waits for whether the person may have it, before a modal is opened that waits. */
  openMs?: number;
  /** How long after a decision air looks whether its card could be drawn where it was pressed. */
  unseenMs?: number;
  /** How often at most a home tab is drawn again. */
  homeEveryMs?: number;
  /** Where people find the console, for when Slack does not answer. */
  consoleAt?: string;
  /** What tells how long air has waited for Slack. */
  now?: () => number;
};

export type SlackHandlers = FormHandlers & {
  /** One decision, committed when it returns; `note` goes to the person alone. */
  press(value: string, by: SlackPerson, typed?: string): Promise<{ note: Card | undefined }>;
  say(text: string, by: SlackPerson): Promise<Card>;
  /** The form of a command that was typed without the rest of it. */
  formOf(text: string): string | undefined;
  /** What a message names that could be looked into, as the ref of a form; `one`: there is nothing to choose. */
  found(text: string): { ref: string; one: boolean } | undefined;
  home(by: SlackPerson): Promise<readonly Card[]>;
  /** What came of a decision, where the channel it was made in cannot show it; undefined: it can. */
  unseen(value: string, channel: string): Promise<Card | undefined>;
  /** Is this the first time, for any process of air, that a request of this key is taken? */
  first(key: string): Promise<boolean>;
  /** The picture or list that goes with an answer. */
  attachment(card: Card): Promise<Attachment | undefined>;
};

export type Slack = {
  platform: ChatPlatform;
  /** POST /slack/events; undefined in Socket Mode. To be mounted before any body parser: the signature is over raw bytes. */
  router: Router | undefined;
  lookUpPerson(userId: string): Promise<SlackProfile>;
  /** The members of a user group, by its id. */
  lookUpGroup(groupId: string): Promise<ReadonlySet<string>>;
  /** The code with which Slack refuses the app token now: neither presses nor commands come. */
  refused(): string | undefined;
  /** Something changed that people may be looking at on their home tab. */
  changed(): void;
  start(): Promise<void>;
  stop(): Promise<void>;
};

type Ack = (answer?: unknown) => Promise<void>;

/** Slack waits three seconds for an ack. */
const ACK_MS = 2_400;
/** By then a card has been drawn, or Slack has refused it. */
const UNSEEN_MS = 6_000;

export function createSlack(settings: SlackSettings, handlers: SlackHandlers, log: Log): Slack {
  const { botToken, signingSecret, appToken, apiUrl } = settings;
  const client = new WebClient(botToken, {
    // The channel's own queue decides when to try again; a client that waits by itself would hide it.
    retryConfig: { retries: 0 },
    rejectRateLimitedCalls: true,
    timeout: 10_000,
    allowAbsoluteUrls: false,
    logger: boltLogger(log),
    ...(apiUrl === undefined ? {} : { slackApiUrl: apiUrl }),
  });
  const identity = createIdentity(client, log, settings.now);
  const teams = (): readonly string[] => settings.teams ?? [identity.known()?.teamId ?? ""].filter(Boolean);
  const teamsNow = async (): Promise<readonly string[]> => {
    if (settings.teams === undefined) await identity.now();
    return teams();
  };
  const seen = createSeen(20_000);
  const posts = createPlatform(client, settings.pace);
  // Slack works again: nobody waits for the slow timer to learn who we are.
  const platform: ChatPlatform = {
    ...posts,
    async post(...told) {
      const ref = await posts.post(...told);
      if (identity.known() === undefined) void identity.now();
      return ref;
    },
    async update(...told) {
      await posts.update(...told);
      if (identity.known() === undefined) void identity.now();
    },
  };
  const apiHost = apiUrl === undefined ? undefined : URL.parse(apiUrl)?.host;
  const isSlackHost = (host: string): boolean => host === apiHost || /(^|\.)slack(-gov)?\.com$/.test(host);
  const working = new Set<Promise<void>>();
  const stopping = new AbortController();

  const socket =
    appToken === undefined
      ? undefined
      : createSocket(appToken, apiUrl, log, {
          firstWaitMs: settings.reconnectMs,
          pingMs: settings.pingMs,
          onShared: settings.onShared,
          onRefused: settings.onRefused,
        });
  const http = socket === undefined ? createHttp(signingSecret, log) : undefined;
  const receiver = socket?.receiver ?? http?.receiver;
  if (receiver === undefined) throw new Error("Slack needs a signing secret or an app token. Set SLACK_SIGNING_SECRET or SLACK_APP_TOKEN.");

  const app = new App({
    receiver,
    logger: boltLogger(log),
    // Our own answer instead of auth.test: a payload must not wait for the Web API.
    authorize: async () => ({ botToken }),
    convoStore: false,
    // Bolt knows itself by the bot id of auth.test; inbox.ts drops whatever no person typed.
    ignoreSelf: false,
    clientOptions: { allowAbsoluteUrls: false, ...(apiUrl === undefined ? {} : { slackApiUrl: apiUrl }) },
  });

  // Bolt keeps an HTTP request it knows nothing about for three seconds and then answers 404.
  const process = app.processEvent.bind(app);
  app.processEvent = async (event) => {
    const intent = readSlack(event.body);
    if (intent.kind === "ignored") {
      log.debug("Slack payload ignored", { reason: intent.reason });
      return event.ack();
    }
    const first = await isFirst(event, "eventId" in intent ? intent.eventId : undefined);
    return first || (intent.kind === "submit" && modals.answered(intent.viewId)) ? process(event) : event.ack();
  };

  /** Slack sends an event again that was not acked in time; and whoever listened in could send a signed request again. */
  async function isFirst({ body, customProperties }: ReceiverEvent, eventId: string | undefined): Promise<boolean> {
    const signature = signatureOf(customProperties);
    const keys = [...(signature === undefined ? [] : [`signed ${signature}`]), ...(eventId === undefined ? [] : [`event ${eventId}`])];
    for (const key of keys) {
      if (!seen(key) && (await taken(key))) continue;
      log.warn("a Slack request came again and was not carried out again", { type: String(body.type ?? body.command ?? "") });
      return false;
    }
    return true;
  }

  /** Where no row can be written nothing else is done either: what is asked for says so itself. */
  async function taken(key: string): Promise<boolean> {
    try {
      return await handlers.first(`slack ${key}`);
    } catch (error) {
      log.warn("air could not note that it took a request", { error: String(error) });
      return true;
    }
  }

  app.command(/^\//, ({ body, ack }) => take(body, ack as Ack));
  app.action(/^air:/, ({ body, ack }) => take(body, ack as Ack));
  app.view(/^air:/, ({ body, ack }) => take(body, ack as Ack));
  app.shortcut(/^air:/, ({ body, ack }) => take(body, ack as Ack));
  app.event("app_home_opened", ({ body }) => take(body, async () => undefined));
  app.event("app_mention", ({ body }) => take(body, async () => undefined));
  app.event("message", ({ body }) => take(body, async () => undefined));
  const home = createHome({
    client,
    draw: (by) => handlers.home(by),
    log,
    ...(settings.homeEveryMs === undefined ? {} : { everyMs: settings.homeEveryMs }),
  });
  const modals = createModals({
    client,
    handlers,
    log,
    ackMs: settings.ackMs ?? ACK_MS,
    openMs: settings.openMs,
    tell: told,
    lookLater,
    inBackground,
  });
  app.error(async (error) => log.error("Slack payload failed", { error: error.message }));

  /** Parse, check the workspace, hand over. */
  async function take(body: unknown, ack: Ack): Promise<void> {
    const intent = readSlack(body);
    if (intent.kind === "ignored") {
      log.debug("Slack payload ignored", { reason: intent.reason });
      return ack();
    }
    if (!(await teamsNow()).includes(intent.by.teamId)) return refuseTeam(intent, ack);
    switch (intent.kind) {
      case "command": {
        const ref = intent.triggerId === undefined ? undefined : handlers.formOf(intent.text);
        if (ref !== undefined) return modals.open({ ref }, placed(intent), ack);
        // Acked first: the answer may take longer than Slack waits.
        await ack();
        return inBackground("command", async () => {
          const card = await handlers.say(intent.text, intent.by);
          const formless = intent.triggerId === undefined && handlers.formOf(intent.text) !== undefined;
          await answer(intent.reply, intent.by, formless ? { ...card, lines: [...card.lines, noForm(intent.text)] } : card);
        });
      }
      case "form":
        return modals.open(intent, intent, ack);
      case "submit":
        return modals.submit(intent, ack);
      case "message":
        return message(intent, ack);
      case "press":
        return press(intent, ack);
      case "home":
        await ack();
        return home.opened(intent.by);
      default:
        return intent satisfies never;
    }
  }

  async function press(intent: Extract<SlackIntent, { kind: "press" }>, ack: Ack): Promise<void> {
    if (intent.place.view !== undefined && intent.value.startsWith("say:")) return lookUp(intent, ack);
    const deciding = handlers.press(intent.value, intent.by).then(
      ({ note }) => ({ note }),
      (error: unknown) => {
        log.error("a press failed", { error: String(error) });
        return { note: failed };
      },
    );
    const late = Promise.withResolvers<undefined>();
    const timer = setTimeout(() => late.resolve(undefined), settings.ackMs ?? ACK_MS);
    // Before the ack: a crash in between must not lose a decision the person believes taken.
    const decided = await Promise.race([deciding, late.promise]);
    clearTimeout(timer);
    await ack();
    // Where it took too long Slack would have given up, and what came of it would reach nobody.
    const { note } = decided ?? (await deciding);
    if (intent.place.view?.type === "home") home.pressed(intent.by);
    if (note !== undefined) inBackground("note", () => told(intent, note));
    else lookLater(intent.value, intent);
  }

  /** A decision is told by its card; where that cannot be drawn any more, whoever pressed is told alone. */
  function lookLater(value: string, asked: Asked): void {
    if (asked.place.channel === "") return;
    inBackground("unseen", async () => {
      await pause(settings.unseenMs ?? UNSEEN_MS, undefined, { signal: stopping.signal, ref: false }).catch(() => undefined);
      const card = stopping.signal.aborted ? undefined : await handlers.unseen(value, asked.place.channel);
      if (card !== undefined) await tell(asked, card);
    });
  }

  /** Asked on the home tab or in a modal: the answer is a modal, which has to be opened before it is known. */
  async function lookUp(intent: Extract<SlackIntent, { kind: "press" }>, ack: Ack): Promise<void> {
    const inModal = intent.place.view?.type === "modal";
    const opening = inModal ? undefined : client.views.open({ trigger_id: intent.triggerId, view: noteModal(waitingCard) });
    const [, opened] = await Promise.all([ack(), opening?.catch(() => undefined)]);
    const id = inModal ? intent.place.view?.id : opened?.view?.id;
    inBackground("look-up", async () => {
      const { note } = await handlers.press(intent.value, intent.by).catch((error: unknown) => {
        log.error("a press failed", { error: String(error) });
        return { note: failed };
      });
      if (note === undefined) return;
      if (id === undefined) await told(intent, note);
      else {
        await client.views.update({ view_id: id, view: noteModal(note) });
        await attach(note, intent.by);
      }
    });
  }

  async function message(intent: Extract<SlackIntent, { kind: "message" }>, ack: Ack): Promise<void> {
    const found = handlers.found(intent.text);
    if (found !== undefined && !found.one) return modals.open({ ref: found.ref }, intent, ack);
    await ack();
    inBackground("message", async () => {
      if (found === undefined) return tell(intent, nothingFound);
      const answered = await handlers.submit(found.ref, { what: ["0"] }, intent.by, `slack-form:${intent.triggerId}`);
      const card = "done" in answered ? answered.done : small("Not done", Object.values(answered.refused).join(" "));
      if (card !== undefined) await tell(intent, card);
    });
  }

  async function refuseTeam(intent: Exclude<SlackIntent, { kind: "ignored" }>, ack: Ack): Promise<void> {
    log.warn("refused: a workspace air does not serve", { team: intent.by.teamId, user: intent.by.userId });
    const card =
      settings.teams === undefined && identity.known() === undefined ? notReady(identity.waitingMs(), settings.consoleAt) : foreignTeam;
    if (intent.kind === "submit") return ack({ response_action: "update", view: noteModal(card) });
    await ack();
    if (intent.kind === "home") return;
    if (intent.kind !== "command") return inBackground("note", () => tell(intent, card));
    // To a mention of strangers nothing is said: the channel may be shared with them.
    if (intent.reply.via === "response-url") inBackground("note", () => answer(intent.reply, intent.by, card));
  }

  /** To the person alone, whether or not air is a member of the channel. */
  async function tell({ place, by, triggerId }: Asked, card: Card): Promise<void> {
    const { responseUrl, channel, view } = place;
    if (view?.type === "modal") return void (await client.views.update({ view_id: view.id, view: noteModal(card) }));
    if (responseUrl !== "") {
      try {
        return await respond(responseUrl, card, isSlackHost);
      } catch (error) {
        // It takes five answers within half an hour; a form may lie open for longer.
        if (channel === "") throw error;
      }
    }
    if (channel !== "") return void (await client.chat.postEphemeral({ channel, user: by.userId, ...toMessage(card) }));
    const opened =
      triggerId === "" ? undefined : await client.views.open({ trigger_id: triggerId, view: noteModal(card) }).catch(() => undefined);
    if (opened === undefined)
      await client.chat.postMessage({ channel: by.userId, ...toMessage(card), unfurl_links: false, unfurl_media: false });
  }

  async function told(asked: Asked, card: Card): Promise<void> {
    await tell(asked, card);
    await attach(card, asked.by);
  }

  /**
   * The picture or list that goes with an answer, to the person: into the conversation with air where it was asked for there, else into a
   * message of its own. Who may look was decided for them, not for everybody who reads a channel.
   */
  async function attach(card: Card, by: SlackPerson, asked?: { channel: string; thread?: string }): Promise<void> {
    if (card.picture === undefined && card.download === undefined) return;
    try {
      const file = await handlers.attachment(card);
      if (file === undefined) return;
      await sendFile(client, file, asked ?? { channel: await announced(file.title, by) }, isSlackHost);
    } catch (error) {
      const problem = toChatError(error);
      log.warn("a file did not reach Slack", { error: problem.message });
      const sorry = small("The file did not arrive", problem.message);
      await client.chat.postMessage({
        channel: asked?.channel ?? by.userId,
        ...toMessage(sorry),
        ...(asked?.thread === undefined ? {} : { thread_ts: asked.thread }),
      });
    }
  }

  /** A line for the person that a file follows; the conversation it stands in. */
  async function announced(title: string, by: SlackPerson): Promise<string> {
    const text = escapeTo(`${title}:`, SLACK_BUDGET.note);
    const sent = await client.chat.postMessage({ channel: by.userId, text, unfurl_links: false, unfurl_media: false });
    return sent.channel ?? "";
  }

  async function answer(reply: Reply, by: SlackPerson, card: Card): Promise<void> {
    await say(reply, by, card);
    const direct = reply.via === "message" && reply.direct;
    await attach(
      card,
      by,
      direct ? { channel: reply.channel, ...(reply.thread === undefined ? {} : { thread: reply.thread }) } : undefined,
    );
  }

  async function say(reply: Reply, by: SlackPerson, card: Card): Promise<void> {
    if (reply.via === "response-url") return respond(reply.url, card, isSlackHost);
    const thread = reply.thread === undefined ? {} : { thread_ts: reply.thread };
    if (reply.direct) {
      await client.chat.postMessage({ channel: reply.channel, ...toMessage(card), ...thread, unfurl_links: false, unfurl_media: false });
      // Who may look is decided for the person who asked, not for everybody who reads the channel.
    } else await client.chat.postEphemeral({ channel: reply.channel, user: by.userId, ...toMessage(card), ...thread });
  }

  function inBackground(what: string, work: () => Promise<void>): void {
    const running = work().catch((error: unknown) =>
      log.warn("an answer did not reach Slack", { what, error: toChatError(error).message }),
    );
    working.add(running);
    void running.finally(() => working.delete(running));
  }

  return {
    platform,
    router: http?.router,
    lookUpPerson: createPeople(client, teamsNow),
    lookUpGroup: createGroups(client),
    changed: home.changed,
    refused: () => socket?.refused(),
    async start() {
      identity.start();
      socket?.start();
    },
    async stop() {
      stopping.abort();
      identity.stop();
      await socket?.stop();
      await home.stop();
      await Promise.allSettled(working);
    },
  };
}

/** Where a slash command was typed, for a form it opens. */
const placed = ({ by, reply, triggerId }: Extract<SlackIntent, { kind: "command" }>): Asked => ({
  by,
  place: { channel: "", messageTs: "", responseUrl: reply.via === "response-url" ? reply.url : "" },
  triggerId: triggerId ?? "",
});

/** Only a slash command and a press bring what opens a form. */
const noForm = (text: string): Line => ({
  kind: "note",
  text: `In a message Slack lets air open no form. Type /air ${cut(text, 100)} for the form, or write it whole here.`,
});

const small = (title: string, text: string): Card => ({
  title,
  tone: "warning",
  summary: `${title}. ${text}`,
  lines: [{ kind: "text", text }],
  buttons: [],
});
const failed = small("This did not work", "air could not take your decision just now. Nothing was decided; try again in a moment.");
const nothingFound = small(
  "Nothing to look into",
  "The message names no link, address, hash, mail address or device air could recognise. Say what you mean: /air investigate <what>",
);
const foreignTeam = small("Not your workspace's air", "air does not serve people of your workspace. Nothing was done.");
/** After that a moment is no word for it any more, and whoever has to act is told how else. */
const LONG_WAIT_MS = 30_000;
const notReady = (waitedMs: number, consoleAt: string | undefined): Card =>
  small(
    "air is still connecting to Slack",
    waitedMs < LONG_WAIT_MS
      ? "Nothing was done. Try again in a moment."
      : `Nothing was done: Slack has not answered air for ${Math.round(waitedMs / 1000)} s, so air cannot check who you are. Meanwhile decide, pause and look in air's console${consoleAt === undefined ? ", at the address where air runs" : `: ${consoleAt}`}, or over its HTTP API.`,
  );
