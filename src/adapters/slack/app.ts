import { App, ExpressReceiver } from "@slack/bolt";
import { WebClient } from "@slack/web-api";
import { type NextFunction, type Request, type Response, Router } from "express";
import { type Card, cut, plain } from "../../engine/cards/card.ts";
import type { ChatPlatform, Log } from "../../engine/ports.ts";
import { AskData, askModal } from "./ask-modal.ts";
import { toMessage } from "./blocks.ts";
import { boltLogger } from "./bolt-logger.ts";
import { toChatError } from "./errors.ts";
import { createIdentity } from "./identity.ts";
import { type Reply, readSlack, type SlackIntent, type SlackPerson } from "./inbox.ts";
import { createPeople, type SlackProfile } from "./people.ts";
import { createPlatform, respond } from "./post.ts";
import { createSeen } from "./seen.ts";
import { createSocket } from "./socket.ts";

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
};

export type SlackHandlers = {
  /** One decision, committed when it returns; `note` goes to the person alone. */
  press(value: string, by: SlackPerson, typed?: string): Promise<{ note: Card | undefined }>;
  say(text: string, by: SlackPerson): Promise<Card>;
};

export type Slack = {
  platform: ChatPlatform;
  /** POST /slack/events; undefined in Socket Mode. To be mounted before any body parser: the signature is over raw bytes. */
  router: Router | undefined;
  lookUpPerson(userId: string): Promise<SlackProfile>;
  start(): Promise<void>;
  stop(): Promise<void>;
};

type Ack = (answer?: unknown) => Promise<void>;

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
  const identity = createIdentity(client, log);
  const teams = (): readonly string[] => settings.teams ?? [identity.known()?.teamId ?? ""].filter(Boolean);
  const seen = createSeen(500);
  const platform = createPlatform(client, settings.pace);
  const apiHost = apiUrl === undefined ? undefined : URL.parse(apiUrl)?.host;
  const isSlackHost = (host: string): boolean => host === apiHost || /(^|\.)slack(-gov)?\.com$/.test(host);
  const working = new Set<Promise<void>>();

  const socket = appToken === undefined ? undefined : createSocket(appToken, apiUrl, log, settings.reconnectMs);
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

  app.command(/^\//, ({ body, ack }) => take(body, ack as Ack));
  app.action(/^air:/, ({ body, ack }) => take(body, ack as Ack));
  app.view(/^air:/, ({ body, ack }) => take(body, ack as Ack));
  app.event("app_mention", ({ body }) => take(body, async () => undefined));
  app.event("message", ({ body }) => take(body, async () => undefined));
  app.error(async (error) => log.error("Slack payload failed", { error: error.message }));

  /** Parse, check the workspace, hand over. */
  async function take(body: unknown, ack: Ack): Promise<void> {
    const intent = readSlack(body);
    if (intent.kind === "ignored") {
      log.debug("Slack payload ignored", { reason: intent.reason });
      return ack();
    }
    if (intent.kind === "command" && intent.eventId !== undefined && seen(intent.eventId)) return ack();
    if (!teams().includes(intent.by.teamId)) return refuseTeam(intent, ack);
    switch (intent.kind) {
      case "command":
        // Acked first: the answer may take longer than Slack waits.
        await ack();
        return inBackground("command", async () => answer(intent.reply, intent.by, await handlers.say(intent.text, intent.by)));
      case "ask":
        return ask(intent, ack);
      case "press":
        return press(intent, ack);
      default:
        return intent satisfies never;
    }
  }

  async function press(intent: Extract<SlackIntent, { kind: "press" }>, ack: Ack): Promise<void> {
    const fromForm = intent.modalId !== undefined;
    let note: Card | undefined;
    try {
      // Before the ack: a crash in between must not lose a decision the person believes taken.
      ({ note } = await handlers.press(intent.value, intent.by, intent.typed));
    } catch (error) {
      log.error("a press failed", { error: String(error) });
      note = failed;
    }
    if (fromForm && note !== undefined && (note.tone === "bad" || note.tone === "warning")) {
      // The form stays open with what is wrong, and what was typed is not lost.
      const sentence = [
        note.title,
        ...note.lines.flatMap((line) => (line.kind === "text" || line.kind === "note" ? [plain(line.text)] : [])),
      ];
      return ack({ response_action: "errors", errors: { [AskData.blockId]: cut(sentence.join(". "), 300) } });
    }
    await ack();
    const told = note;
    if (told !== undefined) inBackground("note", () => tell(intent, told));
  }

  async function ask(intent: Extract<SlackIntent, { kind: "ask" }>, ack: Ack): Promise<void> {
    const view = askModal(intent, intent);
    // At once and before the ack: the trigger lives three seconds.
    const opening = view === undefined ? undefined : client.views.open({ trigger_id: intent.triggerId, view });
    await Promise.all([ack(), opening?.catch((error: unknown) => fail(error))]);
    if (opening === undefined) fail(new Error("the value does not fit into a form"));

    function fail(error: unknown): void {
      log.warn("the form could not be opened", { error: toChatError(error).message });
      inBackground("note", () => tell(intent, formFailed));
    }
  }

  async function refuseTeam(intent: Exclude<SlackIntent, { kind: "ignored" }>, ack: Ack): Promise<void> {
    log.warn("refused: a workspace air does not serve", { team: intent.by.teamId, user: intent.by.userId });
    await ack();
    const card = settings.teams === undefined && identity.known() === undefined ? notReady : foreignTeam;
    if (intent.kind !== "command") return inBackground("note", () => tell(intent, card));
    // To a mention of strangers nothing is said: the channel may be shared with them.
    if (intent.reply.via === "response-url") inBackground("note", () => answer(intent.reply, intent.by, card));
  }

  /** To the person alone, whether or not air is a member of the channel. */
  async function tell(where: { responseUrl: string; channel: string; by: SlackPerson }, card: Card): Promise<void> {
    if (where.responseUrl !== "") return respond(where.responseUrl, card, isSlackHost);
    if (where.channel !== "") await client.chat.postEphemeral({ channel: where.channel, user: where.by.userId, ...toMessage(card) });
  }

  async function answer(reply: Reply, by: SlackPerson, card: Card): Promise<void> {
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
    lookUpPerson: createPeople(client, teams),
    async start() {
      identity.start();
      socket?.start();
    },
    async stop() {
      identity.stop();
      await socket?.stop();
      await Promise.allSettled(working);
    },
  };
}

/** Bolt checks the signature over the raw bytes and refuses old requests; requests from the future are refused here. */
function createHttp(signingSecret: string | undefined, log: Log): { receiver: ExpressReceiver; router: Router } | undefined {
  if (signingSecret === undefined || signingSecret === "") return undefined;
  const router = Router();
  router.post("/slack/events", refuseFuture);
  const receiver = new ExpressReceiver({
    signingSecret,
    endpoints: "/slack/events",
    router,
    logger: boltLogger(log),
    bodyLimit: 1024 * 1024,
  });
  return { receiver, router };
}

function refuseFuture(request: Request, response: Response, next: NextFunction): void {
  const at = Number(request.header("x-slack-request-timestamp"));
  // A captured request with a far-off stamp would otherwise stay valid until then.
  if (!Number.isFinite(at) || at > Date.now() / 1000 + 300) response.status(401).end();
  else next();
}

const small = (title: string, text: string): Card => ({
  title,
  tone: "warning",
  summary: `${title}. ${text}`,
  lines: [{ kind: "text", text }],
  buttons: [],
});
const failed = small("This did not work", "air could not take your decision just now. Nothing was decided; try again in a moment.");
const formFailed = small("The form did not open", "Slack did not open the form in time. Press the button again.");
const foreignTeam = small("Not your workspace's air", "air does not serve people of your workspace. Nothing was done.");
const notReady = small("air is still connecting to Slack", "Nothing was done. Try again in a moment.");
