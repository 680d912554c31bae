import { createHmac } from "node:crypto";
import { and, eq } from "drizzle-orm";
import { loadPlaybooks } from "../../src/bot/load-playbooks.ts";
import type { Database } from "../../src/db/connect.ts";
import { type RunningQueue, startQueue } from "../../src/db/queue.ts";
import { messages } from "../../src/db/schema.ts";
import { createStore } from "../../src/db/store/store.ts";
import type { Air, ChannelRule } from "../../src/engine/air.ts";
import type { ActionKindName } from "../../src/engine/domain/action.ts";
import type { Alert } from "../../src/engine/domain/alert.ts";
import { NO_ROLES, type Person, type Roles } from "../../src/engine/domain/approval.ts";
import type { Entity } from "../../src/engine/domain/entity.ts";
import { DEFAULT_AUTOMATION, DEFAULT_CEILINGS, DEFAULT_CORRELATION, DEFAULT_STORM, type Policy } from "../../src/engine/domain/policy.ts";
import { ingestAlerts } from "../../src/engine/ingest-alert.ts";
import type { Settle } from "../../src/engine/investigate.ts";
import type { Capabilities } from "../../src/engine/ports.ts";
import { propose } from "../../src/engine/propose-actions.ts";
import type { ActionRow, New, Store } from "../../src/engine/store.ts";
import { NOTHING, NOW } from "./lab-capabilities.ts";
import { openTestDb } from "./open-test-db.ts";
import { rememberingLog } from "./remembering-log.ts";

export const testPolicy: Policy = {
  mode: "act",
  automation: DEFAULT_AUTOMATION,
  organization: { name: "Contoso", domains: ["contoso.com"], internalRanges: [] },
  deviceGroups: [],
  protected: [],
  perKind: {},
  ceilings: DEFAULT_CEILINGS,
  alertPolicies: [],
  correlation: DEFAULT_CORRELATION,
  storm: DEFAULT_STORM,
  trustedSources: new Set(["siem"]),
};

const HMAC_KEY = "a secret for tests";
export const testSign = (text: string) => createHmac("sha256", HMAC_KEY).update(text).digest("hex").slice(0, 16);

export type Job = { name: string; data: Record<string, unknown>; key: string; state: string; startAfter: Date };

/** Air over a real database and queue, without workers: handlers are called by hand, the clock stands still until it is moved. */
export type Engine = {
  air: Air;
  database: Database & { url: string | undefined };
  queue: RunningQueue;
  store: Store;
  log: ReturnType<typeof rememberingLog>;
  /** What may be exchanged between two steps of a test. */
  world: { now: Date; capabilities: Capabilities; policy: Policy; channels: readonly ChannelRule[] };
  /** Finishes a job the way the worker would, without a job. */
  settle: Settle;
  jobs: (name?: string) => Promise<Job[]>;
  message: (channel: string, subject: string) => Promise<typeof messages.$inferSelect | undefined>;
  clearJobs: () => Promise<void>;
  /** As if nothing had ever happened: no rows, no jobs, and ids from one on. */
  empty: () => Promise<void>;
  close: () => Promise<void>;
};

const playbooks = loadPlaybooks(undefined);

export async function openEngine(kind: "embedded" | "postgres"): Promise<Engine> {
  const database = await openTestDb(kind);
  const log = rememberingLog();
  const queue = await startQueue(database, log, { worker: false });
  const store = createStore(database, queue);
  const world: Engine["world"] = { now: NOW, capabilities: NOTHING, policy: testPolicy, channels: [] };
  const air: Air = {
    store,
    get capabilities() {
      return world.capabilities;
    },
    policy: () => world.policy,
    playbooks: () => playbooks,
    channels: () => world.channels,
    clock: { now: () => world.now },
    log,
    sign: testSign,
    publicUrl: undefined,
  };
  return {
    air,
    database,
    queue,
    store,
    log,
    world,
    settle: (effect) => store.transaction(effect),
    async jobs(name) {
      const { rows } = await database.boss.executeSql(
        "select name, data, singleton_key as key, state, start_after as due from pgboss.job where state < 'completed' order by name, singleton_key",
      );
      return (rows as (Omit<Job, "startAfter"> & { due: string | Date })[])
        .filter((row) => name === undefined || row.name === name)
        .map(({ due, ...row }) => ({ ...row, startAfter: new Date(due) }));
    },
    async message(channel, subject) {
      const where = and(eq(messages.channel, channel), eq(messages.subject, subject));
      return (await database.db.select().from(messages).where(where))[0];
    },
    async clearJobs() {
      await database.boss.executeSql("delete from pgboss.job");
    },
    empty: () => emptyDatabase(database),
    async close() {
      await queue.stop(1000);
      await database.close();
    },
  };
}

/**
 * Rows are deleted, because to truncate is to make every table's files anew: with all of them that costs more than what most tests do.
 * Only a table that has grown is truncated: nobody vacuums here, and it would be read in full each time.
 */
async function emptyDatabase({ boss }: Database): Promise<void> {
  const { rows } = await boss.executeSql(
    `select c.relname as name, c.relkind = 'S' as counts, pg_relation_size(c.oid)::int as bytes
     from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'S') order by c.relname`,
  );
  const emptied = (rows as { name: string; counts: boolean; bytes: number }[]).flatMap(({ name, counts, bytes }) => {
    if (counts) return [`select setval('"${name}"', 1, false)`];
    return bytes === 0 ? [] : [bytes > 1_000_000 ? `truncate "${name}"` : `delete from "${name}"`];
  });
  await boss.executeSql(["delete from pgboss.job", ...emptied].join("; "));
}

let unique = 0;
/** Another name each time, so that tests which share a database do not meet. */
export const fresh = (prefix: string) => `${prefix}-${(++unique).toString(36)}-${process.pid.toString(36)}`;

export const anAlert = (entities: readonly Entity[], more: Partial<Alert> = {}): Alert => {
  const sourceId = more.sourceId ?? fresh("alert");
  return {
    sourceId,
    title: "Malware on a device",
    severity: "high",
    techniques: [],
    detectedAt: NOW,
    status: "new",
    entities: entities.map((entity) => ({ entity, roles: [] })),
    raw: { id: sourceId },
    ...more,
  };
};

export const approver = (name: string, approves: Roles["approves"] = ["device", "email", "identity", "network", "app"]): Person =>
  somebody(name, { ...NO_ROLES, approves });
export const somebody = (name: string, roles: Roles = NO_ROLES): Person => ({
  key: `${name.toLowerCase()}@contoso.com`,
  name,
  via: "slack",
  identities: [`${name.toLowerCase()}@contoso.com`],
  roles,
  machine: false,
});

/** An action that waits for a decision, in an incident of its own. */
export async function proposedAction(
  engine: Engine,
  options: { kind?: ActionKindName; target?: Entity; entities?: readonly Entity[]; change?: Partial<New<ActionRow>> } = {},
): Promise<ActionRow> {
  const { air, store, world } = engine;
  const kind = options.kind ?? "isolate-device";
  const target = options.target ?? ({ kind: "device", name: fresh("WS") } as const);
  const [accepted] = (
    await ingestAlerts(air, [
      { source: "siem", lab: world.capabilities.lab, alerts: [anAlert([target, ...(options.entities ?? [])])], receivedAt: world.now },
    ])
  ).flat();
  const investigation = numberOf(accepted?.investigation);
  const incident = numberOf(accepted?.incident);
  const evidence = await store.evidenceOf(investigation);
  const { row } = await propose(
    air,
    { kind, target, evidenceId: evidence[0]?.id ?? null, note: "Malware runs on it." },
    { investigation, incident, severity: "high", lab: world.capabilities.lab, verdict: "malicious", judgement: undefined },
  );
  return store.transaction(async (tx) => {
    const [id = 0] = await tx.insertActions([
      { ...row, rule: "always asks", byHand: null, connector: row.connector ?? "fake", ...options.change },
    ]);
    // The round that proposed it is over: the investigation waits for the decision.
    await tx.updateEvidence(
      evidence.map(({ id: piece, remediation }) => ({ id: piece, verdict: "malicious", judgement: null, lookedRound: 1, remediation })),
    );
    await tx.updateInvestigation(investigation, { status: "pendingApproval", round: 1, wanted: 1, pendingSince: world.now });
    return (await tx.action(id)) as ActionRow;
  });
}

export const numberOf = (id: string | null | undefined) => Number((id ?? "").replace(/^\D+/, ""));
