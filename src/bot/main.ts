import { randomBytes } from "node:crypto";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Request } from "express";
import { LAB_DOMAIN, LAB_GROUP } from "../adapters/connectors/lab/company.ts";
import { createLab, type Lab } from "../adapters/connectors/lab/lab.ts";
import { freshNames, stories } from "../adapters/connectors/lab/stories.ts";
import type { ReputationMeans } from "../adapters/connectors/reputation.ts";
import { consoleRoutes } from "../adapters/console/app.ts";
import type { Slack, SlackHandlers } from "../adapters/slack/app.ts";
import type { Teams, TeamsHandlers } from "../adapters/teams/app.ts";
import { type Database, openDatabase } from "../db/connect.ts";
import { type RunningQueue, startQueue } from "../db/queue.ts";
import { conversationStore } from "../db/store/conversations.ts";
import { labStore } from "../db/store/lab-objects.ts";
import { loginLinkStore } from "../db/store/login-links.ts";
import { lookupStore } from "../db/store/lookups.ts";
import { createStore } from "../db/store/store.ts";
import { takenRequestStore } from "../db/store/taken-requests.ts";
import { CHANGE_CHANNEL, inTransaction } from "../db/store/tx.ts";
import type { Air, ChannelRule } from "../engine/air.ts";
import { noteAnotherAir } from "../engine/another-air.ts";
import { beat, lastBeat } from "../engine/ask-again.ts";
import { askRota } from "../engine/ask-rota.ts";
import { chatTroubles } from "../engine/chat-troubles.ts";
import type { Person } from "../engine/domain/approval.ts";
import { Refusal } from "../engine/domain/errors.ts";
import { houseOf } from "../engine/domain/may-leave.ts";
import type { Mode, Policy } from "../engine/domain/policy.ts";
import type { Drawing } from "../engine/draw.ts";
import { executeAction } from "../engine/execute-action.ts";
import { investigate, type Settle } from "../engine/investigate.ts";
import { PAUSE_SETTING, type Pause, pauseAtStart } from "../engine/pause.ts";
import type { Playbook } from "../engine/playbook.ts";
import { pollSource } from "../engine/poll-source.ts";
import type { Capabilities, ChatPlatform, Clock, Connector, Log } from "../engine/ports.ts";
import { publishCards } from "../engine/publish-card.ts";
import { recheckAction } from "../engine/recheck-action.ts";
import { retain } from "../engine/retain.ts";
import { type HookOf, sendPages } from "../engine/send-pages.ts";
import { beginObserving } from "../engine/set-mode.ts";
import type { Trouble } from "../engine/source-troubles.ts";
import { sweep } from "../engine/sweep.ts";
import { queueTrouble } from "../engine/take-heartbeat.ts";
import { tellOnCall } from "../engine/tell-on-call.ts";
import { tellOps } from "../engine/tell-ops.ts";
import { beginThreads } from "../engine/thread-lines.ts";
import { watchSnoozes } from "../engine/watch-snoozes.ts";
import { writeBack } from "../engine/write-back.ts";
import { callerOf, isBare, isLocal } from "./access.ts";
import { apiRoutes } from "./api.ts";
import type { Config } from "./config.ts";
import { createConnectors } from "./connector-settings.ts";
import { CONSOLE_CHANNEL, createConsoleData, readPersona } from "./console-data.ts";
import { createConversation } from "./conversation.ts";
import { followMode } from "./follow-mode.ts";
import { startHeartbeat } from "./heartbeat.ts";
import { heartbeatWriter, readHeartbeat } from "./heartbeat-file.ts";
import { createIntake } from "./intake.ts";
import { loadPlaybooks } from "./load-playbooks.ts";
import { createMetrics } from "./metrics.ts";
import { pagingOf, rotaSourceOf, schedulesOf } from "./paging.ts";
import { createPeople } from "./people.ts";
import { takeFrom } from "./poll.ts";
import { startPolling, startSchedule } from "./schedule.ts";
import { hookOf } from "./second-channel.ts";
import { readSecret, signer } from "./secret.ts";
import { createServer } from "./server.ts";
import { createSession } from "./session.ts";
import { createSignedLinks, type SignedLinks } from "./signed-links.ts";
import { slackHandlers } from "./slack-handlers.ts";
import { createTeamsGroups } from "./teams-groups.ts";
import { teamsHandlers } from "./teams-handlers.ts";
import { AIR_VERSION } from "./version.ts";
import { type Watching, watchConnectors } from "./watch-connectors.ts";

export type Running = {
  /** Where the console is. */
  url: string;
  air: Air;
  database: Database;
  /** Stops taking requests, ends streams, lets running jobs finish, closes the database. */
  stop: () => Promise<void>;
};

const DRAIN_MS = 10_000;
const systemClock: Clock = { now: () => new Date() };

/** The composition root: everything is made here, by hand, and handed down. `serve` false: jobs only (`air worker`). */
export async function startAir(current: () => Config, log: Log, options: { serve: boolean; clock?: Clock }): Promise<Running> {
  const config = current();
  const clock = options.clock ?? systemClock;
  const playbooks = loadPlaybooks(config.playbooksDir);
  const sign = signer(readSecret(config.secret, config.dataDir));
  const database = await openDatabase({ url: config.databaseUrl, dataDir: config.dataDir });
  try {
    const queue = await startQueue(database, log, { worker: true });
    const store = createStore(database, queue);
    const connectors = realConnectors(config, clock, {
      house: () =>
        houseOf(
          current().policy,
          current().people.map(({ name }) => name),
        ),
      rows: lookupStore(database),
      watching: watchConnectors(() => air),
    });
    const labOn = config.lab ?? connectors.length === 0;
    const lab = labOn ? createLab(labStore(database), clock) : undefined;
    const mode = await followMode(store, labOn, log);
    const air: Air = {
      store,
      capabilities: capabilitiesOf([...connectors, ...(lab ? [lab] : [])], lab),
      policy: () => policyOf(current(), labOn, mode.current()),
      playbooks: () => playbooks,
      channels: () => channelsOf(current()),
      paging: () => pagingOf(current()),
      schedules: () => schedulesOf(current()),
      retention: () => current().retention,
      whoIs: (key) => people.byKey(key),
      rotaSource: () => rotaSourceOf(current()),
      clock,
      log,
      sign,
      atOnce: slotsOf(database).investigate,
      publicUrl: config.publicUrl,
    };
    // Slack is made after the conversation it hands people's words to; who they are is only asked once it runs.
    const entra = connectors.find((connector) => connector.directory)?.directory;
    const people = createPeople(current, labOn, () => slack, entra && createTeamsGroups(entra, () => clock.now().getTime()));
    const drawing = async (): Promise<Drawing> => ({
      now: clock.now(),
      sign,
      publicUrl: config.publicUrl,
      lab: labOn,
      paging: pagingOf(current()),
      pauses: (await store.setting<Pause[]>(PAUSE_SETTING)) ?? [],
      deciders: people.deciders,
      requesterMayApprove: air.policy().requesterMayApprove ?? false,
    });
    const conversation = createConversation(air, drawing, people.find, people.names, people);
    const handlers = slackHandlers(air, {
      conversation,
      drawing,
      personOf: people.fromSlack,
      first: takenRequestStore(database, () => clock.now()).take,
    });
    const slack: Slack | undefined = config.slack ? await slackOf(config.slack, air, handlers, log) : undefined;
    const known = conversationStore(database, "teams");
    const links = createSignedLinks(air);
    const inTeams = teamsHandlers(air, { conversation, drawing, personOf: people.fromTeams, messageAt: known.messageAt, links });
    const teams: Teams | undefined = config.teams ? await teamsOf(config.teams, current, known, inTeams, log) : undefined;
    const platforms = new Map<string, ChatPlatform>([
      ...(slack ? [["slack", slack.platform] as const] : []),
      ...(teams ? [["teams", teams.platform] as const] : []),
    ]);
    await sameSecretEverywhere(air, options.serve);
    await recordStart(air, config);
    await beginObserving(air);
    await beat(air, readHeartbeat(config.dataDir));
    await beginThreads(air, clock.now());
    mode.refresh();
    const hook: HookOf = (target) => hookOf(current().onCall, target, () => clock.now());
    await startWorkers(air, database, queue, { platforms, drawing }, hook);
    const schedule = startSchedule(air, heartbeatWriter(config.dataDir, log));
    const heartbeat = startHeartbeat(air, config.heartbeatUrl);
    await workOnFeeds(air, queue, createIntake(air, current));
    const polling = startPolling(air, air.capabilities.feeds ?? []);
    const changes = await listenForChanges(database);
    changes.subscribe(mode.refresh);
    if (slack && options.serve) changes.subscribe(slack.changed);
    mode.refresh();
    let stopping = false;
    const parts = { air, database, queue, config: current, people, labOn, lab, conversation, drawing, slack, teams, links, changes };
    const served = options.serve ? await serve(parts, () => stopping) : undefined;
    if (options.serve) await slack?.start();
    return {
      url: served?.url ?? "",
      air,
      database,
      stop: async () => {
        stopping = true;
        served?.streams.stop();
        await schedule.stop();
        await heartbeat.stop();
        await polling.stop();
        const closed = served ? close(served.server) : Promise.resolve();
        await Promise.all([slack?.stop(), teams?.stop()]);
        await closed;
        await queue.stop(DRAIN_MS);
        await database.close();
      },
    };
  } catch (error) {
    await database.close();
    throw error;
  }
}

/** `shared`: what their answers and quotas are kept in, and whose names never leave; without it they are counted in this process. */
export function realConnectors(
  config: Config,
  clock: Clock,
  shared: Pick<ReputationMeans, "house" | "rows"> & { watching?: Watching } = {},
): Connector[] {
  return createConnectors(config.connectors, { clock, ...shared });
}

function capabilitiesOf(connectors: readonly Connector[], lab: Lab | undefined): Capabilities {
  const versions = new Map(
    connectors.flatMap((connector) =>
      [connector.name, ...(connector.reputation ?? []).map((source) => source.name)].map((name) => [
        name,
        connector.version ?? AIR_VERSION,
      ]),
    ),
  );
  return {
    lab: lab !== undefined,
    reputation: connectors.flatMap((connector) => connector.reputation ?? []),
    devices: connectors.find((connector) => connector.devices)?.devices,
    identities: connectors.find((connector) => connector.identities)?.identities,
    mail: connectors.find((connector) => connector.mail)?.mail,
    indicators: connectors.find((connector) => connector.indicators)?.indicators,
    apps: connectors.find((connector) => connector.apps)?.apps,
    accessKeys: connectors.find((connector) => connector.accessKeys)?.accessKeys,
    handwork: connectors.find((connector) => connector.handwork)?.handwork,
    hunting: connectors.find((connector) => connector.hunting)?.hunting,
    feeds: connectors.flatMap((connector) => connector.feed ?? []),
    sandboxes: connectors.flatMap((connector) => connector.sandboxes ?? []),
    adopt: async (entities) => lab?.adopt(entities),
    version: (source) => versions.get(source) ?? AIR_VERSION,
    tenantOf: (name) => connectors.find((connector) => connector.name === name)?.tenant,
  };
}

/** In the lab its own devices are at level full, the mode is act, and its sources are trusted: the whole job is to be seen. */
function policyOf(config: Config, labOn: boolean, set: Mode | undefined): Policy {
  const modeByCommand = config.mode === undefined;
  if (!labOn) return { ...config.policy, mode: config.mode ?? set ?? "observe", modeByCommand };
  const { policy } = config;
  return {
    ...policy,
    mode: config.mode ?? set ?? "act",
    modeByCommand,
    organization: { ...policy.organization, domains: [...policy.organization.domains, LAB_DOMAIN] },
    // The empty pattern matches no name; the group is found by the name the lab itself gives its devices.
    deviceGroups: [...policy.deviceGroups, { name: LAB_GROUP, match: "", automation: "full" }],
    trustedSources: new Set([...policy.trustedSources, ...config.sources.keys()]),
  };
}

function channelsOf(config: Config): ChannelRule[] {
  const fallback = config.slack?.channel;
  const rules = config.channels.map(
    (rule): ChannelRule => ({
      ...(rule.severity ? { when: rule.severity } : {}),
      channels: [
        CONSOLE_CHANNEL,
        ...(config.slack && (rule.slack ?? fallback) ? [`slack:${rule.slack ?? fallback}`] : []),
        ...(config.teams && rule.teams ? [`teams:${rule.teams}`] : []),
      ],
      post: rule.post,
      page: rule.page,
    }),
  );
  return [...rules, { channels: [CONSOLE_CHANNEL, ...(config.slack && fallback ? [`slack:${fallback}`] : [])], post: "needed" }];
}

/** Slack's SDK is loaded only where Slack is configured: it is large. */
async function slackOf(settings: NonNullable<Config["slack"]>, air: Air, handlers: SlackHandlers, log: Log): Promise<Slack> {
  const { createSlack } = await import("../adapters/slack/app.ts");
  return createSlack(
    {
      botToken: settings.botToken,
      pace: settings.pace,
      ...(settings.signingSecret ? { signingSecret: settings.signingSecret } : {}),
      ...(settings.appToken ? { appToken: settings.appToken } : {}),
      ...(settings.apiUrl ? { apiUrl: settings.apiUrl } : {}),
      ...(settings.teams.length > 0 ? { teams: settings.teams } : {}),
      ...(air.publicUrl === undefined ? {} : { consoleAt: air.publicUrl }),
      onShared: () =>
        void noteAnotherAir(air, "connections").catch((error: unknown) => log.warn("another air was not noted", { error: String(error) })),
      onRefused: (code) =>
        void noteSocketRefused(air, code).catch((error: unknown) => log.warn("a refused app token was not told", { error: String(error) })),
    },
    handlers,
    log.child({ platform: "slack" }),
  );
}

/** Microsoft's SDK is loaded only where Teams is configured: it is larger still. */
async function teamsOf(
  settings: NonNullable<Config["teams"]>,
  current: () => Config,
  conversations: ReturnType<typeof conversationStore>,
  handlers: TeamsHandlers,
  log: Log,
): Promise<Teams> {
  const { createTeams } = await import("../adapters/teams/app.ts");
  const { bot, pace } = settings;
  const tenants = () => current().teams?.tenants ?? settings.tenants;
  return createTeams({ bot, pace, tenants, isLocal, conversations }, handlers, log.child({ platform: "teams" }));
}

/** Cards still go out by the bot token, so whoever runs air can be told there. */
const noteSocketRefused = (air: Air, code: string) =>
  air.store.transaction(async (tx) => {
    const step = `trouble slack-socket ${code}`;
    const text = `Slack refused the app token (${code}): no press and no command reaches air until it is mended. Check SLACK_APP_TOKEN with air doctor; decisions work in the console.`;
    await tellOps(tx, air, step, text, air.clock.now());
    await tellOnCall(tx, air, step, text, air.clock.now());
  });
const socketTroubles = (refused: string | undefined): Trouble[] =>
  refused === undefined
    ? []
    : [
        {
          plain: "slack refuses the app token, no press and no command reaches air",
          told: `slack refuses the app token (${refused}): no press and no command reaches air. Create one with connections:write and set SLACK_APP_TOKEN.`,
        },
      ];

const SECRET_SETTING = "secret-fingerprint";

/**
 * Every process draws cards, and a button is only good under the secret that signed it. Whoever serves says which one is in force
 * (a new AIR_SECRET makes old buttons stale, as it should); a worker with another one must not draw.
 */
async function sameSecretEverywhere(air: Air, serve: boolean): Promise<void> {
  const mine = air.sign("fingerprint");
  const known = await air.store.setting<string>(SECRET_SETTING);
  if (serve || known === undefined) {
    if (known !== mine) await air.store.transaction((tx) => tx.putSetting(SECRET_SETTING, mine));
  } else if (known !== mine) {
    throw new Error("This worker has another secret than the air it works for. Set AIR_SECRET to the same value on both.");
  }
}

async function recordStart(air: Air, config: Config): Promise<void> {
  const now = air.clock.now();
  await air.store.transaction(async (tx) => {
    if (config.paused) await pauseAtStart(tx, air, now);
    await tx.writeAudit([
      {
        at: now,
        actor: { kind: "air", job: "start" },
        event: "configuration.loaded",
        subject: config.configFile ?? "defaults",
        data: { lab: air.capabilities.lab, mode: air.policy().mode, playbooks: air.playbooks().map((playbook: Playbook) => playbook.name) },
      },
    ]);
  });
  await cancelOtherWorld(air);
}

/** Alerts are lab or real for ever: what waits in the other world is cancelled, not left to be approved by mistake. */
async function cancelOtherWorld(air: Air): Promise<void> {
  const waiting = await air.store.listActions({ states: ["pending", "observed", "approved"], limit: 200 });
  const others = waiting.items.filter((action) => action.lab !== air.capabilities.lab);
  const now = air.clock.now();
  for (const action of others) {
    await air.store.transaction(async (tx) => {
      const moved = await tx.moveAction(action.id, action.state, {
        state: "cancelled",
        endedAt: now,
        outcome: "Cancelled: the lab and real products are never mixed.",
      });
      if (moved)
        await tx.writeAudit([
          {
            at: now,
            actor: { kind: "air", job: "start" },
            event: "action.cancelled",
            subject: `ACT-${action.id}`,
            incidentId: action.incidentId,
          },
        ]);
    });
  }
}

/** The embedded database has one connection: more slots would only wait for it. */
const slotsOf = (database: Database) =>
  database.kind === "embedded" ? { investigate: 4, publish: 2, execute: 2 } : { investigate: 8, publish: 3, execute: 4 };

async function startWorkers(
  air: Air,
  database: Database,
  queue: RunningQueue,
  publishing: { platforms: ReadonlyMap<string, ChatPlatform>; drawing: () => Promise<Drawing> },
  hook: HookOf,
): Promise<void> {
  const slots = slotsOf(database);
  await queue.work("investigate", slots.investigate, (job) =>
    investigate(air, job.data.investigation, (effect) => queue.settle(job, (tx) => inTransaction(tx, queue, effect))),
  );
  await queue.work("publish", slots.publish, (job) =>
    publishCards(air, publishing, job.data.channel, (effect) => queue.settle(job, (tx) => inTransaction(tx, queue, effect))),
  );
  await queue.work("execute-action", slots.execute, (job) =>
    executeAction(air, job.data.action, (effect) => queue.settle(job, (tx) => inTransaction(tx, queue, effect))),
  );
  await queue.work("recheck-action", 1, (job) =>
    recheckAction(air, job.data.action, (effect) => queue.settle(job, (tx) => inTransaction(tx, queue, effect))),
  );
  await queue.work("send-pages", 1, (job) => sendPages(air, hook, (effect) => queue.settle(job, (tx) => inTransaction(tx, queue, effect))));
  await queue.work("retain", 1, (job) => retain(air, (effect) => queue.settle(job, (tx) => inTransaction(tx, queue, effect))));
  await queue.work("ask-rota", 1, (job) => askRota(air, (effect) => queue.settle(job, (tx) => inTransaction(tx, queue, effect))));
  await queue.work("watch-snoozes", 1, (job) => watchSnoozes(air, (effect) => queue.settle(job, (tx) => inTransaction(tx, queue, effect))));
  await queue.work("sweep", 1, (job) => sweep(air, (effect) => queue.settle(job, (tx) => inTransaction(tx, queue, effect))));
}

/** Sources that air asks, and tells: one job at a time each, and in one process. */
async function workOnFeeds(air: Air, queue: RunningQueue, intake: ReturnType<typeof createIntake>): Promise<void> {
  await queue.work("poll", 1, async (job) => {
    const feed = air.capabilities.feeds?.find((one) => one.source === job.data.source);
    const settle: Settle = (effect) => queue.settle(job, (tx) => inTransaction(tx, queue, effect));
    // Asked for before the connector was taken away.
    await (feed ? pollSource(air, feed, takeFrom(air, feed.source, intake), settle) : settle(async () => {}));
  });
  await queue.work("write-back", 1, (job) => writeBack(air, (effect) => queue.settle(job, (tx) => inTransaction(tx, queue, effect))));
}

type Changes = { subscribe: (listener: (change: number) => void) => () => void };

async function listenForChanges(database: Database): Promise<Changes> {
  const listeners = new Set<(change: number) => void>();
  let change = 0;
  let told = false;
  await database.listen(CHANGE_CHANNEL, () => {
    change++;
    if (told) return;
    told = true;
    // Many changes of one moment are one redraw.
    setTimeout(() => {
      told = false;
      for (const listener of listeners) listener(change);
    }, 50).unref();
  });
  return {
    subscribe: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

type ServeParts = {
  air: Air;
  database: Database;
  queue: RunningQueue;
  config: () => Config;
  people: ReturnType<typeof createPeople>;
  labOn: boolean;
  lab: Lab | undefined;
  conversation: ReturnType<typeof createConversation>;
  drawing: () => Promise<Drawing>;
  slack: Slack | undefined;
  teams: Teams | undefined;
  links: SignedLinks;
  changes: Changes;
};

async function serve(parts: ServeParts, stopping: () => boolean): Promise<{ server: Server; url: string; streams: { stop: () => void } }> {
  const { air, config, people, labOn, queue, database } = parts;
  const intake = createIntake(air, config, database.kind === "embedded" ? 1 : 3);
  const metrics = createMetrics(
    async () => ({
      jobs: await queue.depth(),
      pending: (await air.store.listActions({ states: ["pending"], limit: 200 })).items.length,
      stale: (await air.store.stale(air.clock.now())).channels.length,
      troubled: (await chatTroubles(air.store, air, air.clock.now())).length,
    }),
    air,
  );
  const troubles = async () => [...socketTroubles(parts.slack?.refused()), ...(await chatTroubles(air.store, air, air.clock.now()))];
  const session = createSession(loginLinkStore(database), air, people, config);
  const who = async (request: Request): Promise<Person | undefined> => {
    const signedIn = await session.who(request);
    if (signedIn) return signedIn;
    const caller = callerOf(request, config(), people, labOn, readPersona(request));
    return caller.kind === "somebody" ? { ...(await caller.person()), via: "console" } : undefined;
  };
  const { data, access } = createConsoleData({
    air,
    organization: config().policy.organization.name || undefined,
    conversation: parts.conversation,
    drawing: parts.drawing,
    lab: parts.lab,
    playStory: (name) => playStory(name, intake, database, air),
    onChange: parts.changes.subscribe,
    who,
    bare: () => isBare(config(), labOn),
  });
  const streams = consoleRoutes(data, access, air.log);
  const app = createServer({
    slack: parts.slack?.router,
    teams: parts.teams?.router,
    files: parts.links.router,
    api: apiRoutes({
      air,
      say: parts.conversation.say,
      config,
      people,
      labOn,
      intake,
      metrics,
      persona: readPersona,
      session,
      troubles,
      playStory: parts.lab ? (name) => playStory(name, intake, database, air) : undefined,
    }),
    console: session.router(streams.router),
    ready: async () => (stopping() ? "air is stopping" : readiness(database)),
    // What keeps the heartbeat back is said here, too; an air that has just begun is not late.
    degraded: async () => {
      const late = (await lastBeat(air.store)) && (await queueTrouble(air.store, air.clock.now()));
      return [...(await troubles()).map(({ plain }) => plain), ...(late ? [late] : [])];
    },
    metrics,
    log: air.log,
  });
  const server = app.listen(config().port, config().host);
  await new Promise<void>((resolve, reject) => {
    server.once("listening", resolve);
    server.once("error", reject);
  });
  const { port } = server.address() as AddressInfo;
  const host = config().host === "0.0.0.0" || config().host === "::" ? "localhost" : config().host;
  return { server, url: `http://${host.includes(":") ? `[${host}]` : host}:${port}`, streams };
}

async function readiness(database: Database): Promise<string | undefined> {
  try {
    const timeout = new Promise<never>((_resolve, reject) => setTimeout(() => reject(new Error("no answer in 2 s")), 2000).unref());
    await Promise.race([database.boss.executeSql("select 1"), timeout]);
    return undefined;
  } catch {
    return "the database cannot be reached";
  }
}

/** Puts the story's things into the lab, then sends its alerts the way any source does. */
async function playStory(
  name: string,
  intake: ReturnType<typeof createIntake>,
  database: Database,
  air: Air,
): Promise<{ alerts: number; incidents: string[] }> {
  const story = stories.find((one) => one.name === name);
  if (!story)
    throw new Refusal("not-found", `There is no story ${name.slice(0, 40)}. There are: ${stories.map((one) => one.name).join(", ")}.`);
  const run = randomBytes(3).toString("hex");
  let number = 0;
  const fresh = (prefix: string) => `${prefix}-${run}${(number++).toString(36)}`;
  const { place, alerts } = story.play(freshNames(fresh), air.clock.now(), fresh);
  const store = labStore(database);
  for (const one of place) await store.put(one.kind, one.id, one.state);
  const accepted = [];
  for (const alert of alerts) accepted.push(...(await intake(alert.source, alert.body)));
  return { alerts: alerts.length, incidents: accepted.map((one) => one.incident) };
}

/** Ends idle connections at once and waits for running requests. */
async function close(server: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
    setTimeout(() => server.closeAllConnections(), DRAIN_MS).unref();
  });
}
