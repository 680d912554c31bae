import type { Entity, EntityOf } from "../../../engine/domain/entity.ts";
import type {
  AccessKeyCapability,
  AccessKeyFacts,
  AppCapability,
  AppFacts,
  Clock,
  Connector,
  DeviceCapability,
  DeviceFacts,
  DeviceRun,
  IdentityCapability,
  IndicatorCapability,
  MailboxFacts,
  MailCapability,
  MessageFacts,
  ReputationAnswer,
  ReputationSource,
  SandboxSource,
  Ticket,
  UserFacts,
} from "../../../engine/ports.ts";
import { ConnectorError } from "../../../engine/ports.ts";
import { createAdoption } from "./adopt.ts";
import { accessKeyFacts, accessKeysOf, appFacts, appsOf } from "./apps.ts";
import { LAB_DOMAIN } from "./company.ts";
import { mailboxFacts, mailOf, messageFacts } from "./mail.ts";
import type { LabMemory } from "./memory.ts";
import { createMemory } from "./memory.ts";
import { placeOf } from "./places.ts";
import { antivirusOnFile, intelOnAddress, intelOnDomain, intelOnFile, intelOnUrl, sandboxOnFile } from "./sensors.ts";
import { autostartsOn, NO_TELEMETRY, treeAround } from "./telemetry.ts";
import type { LabDevice, LabStore, LabTicket, LabUser } from "./world.ts";
import { deviceId, fileId, indicatorId, indicatorValue, quarantineId, userId } from "./world.ts";

/** What the console shows of the company. */
export type LabSnapshot = {
  devices: (DeviceFacts & { quarantined: string[]; lastRuns: Partial<Record<DeviceRun, Date>> })[];
  users: UserFacts[];
  messages: MessageFacts[];
  /** Mailboxes somebody set up: their inbox rules and where they send mail on. */
  mailboxes: MailboxFacts[];
  apps: AppFacts[];
  accessKeys: AccessKeyFacts[];
  indicators: { kind: string; value: string; action: "block" | "allow"; expiresAt?: Date }[];
};

export type Lab = Connector & {
  readonly devices: DeviceCapability;
  readonly identities: IdentityCapability;
  readonly mail: MailCapability;
  readonly indicators: IndicatorCapability;
  readonly apps: AppCapability;
  readonly accessKeys: AccessKeyCapability;
  readonly reputation: readonly ReputationSource[];
  readonly sandboxes: readonly SandboxSource[];
  adopt(entities: readonly Entity[]): Promise<void>;
  snapshot(): Promise<LabSnapshot>;
};

/** The simulated company as one connector. It offers what the products it plays offer: none of them can restore a file by a call. */
export function createLab(store: LabStore, clock: Clock): Lab {
  const memory = createMemory(store, clock);
  return {
    name: "lab",
    lab: true,
    reputation: reputationOf(memory, clock),
    sandboxes: sandboxesOf(memory, clock),
    devices: devicesOf(memory, clock),
    identities: identitiesOf(memory, clock),
    mail: mailOf(memory, clock),
    indicators: indicatorsOf(memory, clock),
    apps: appsOf(memory),
    accessKeys: accessKeysOf(memory),
    check: async () => {},
    adopt: createAdoption(memory, clock),
    snapshot: async () => {
      const quarantine = (await memory.all("quarantine")).map(({ state }) => state).filter((each) => each.quarantined);
      const messages = (await memory.all("message")).map(({ state }) => state);
      return {
        devices: (await memory.all("device")).map(({ id, state }) => ({
          ...deviceFacts(id, state),
          quarantined: quarantine.filter((each) => each.device === id).map((each) => each.name ?? each.file),
          lastRuns: Object.fromEntries(Object.entries(state.lastRuns ?? {}).flatMap(([run, at]) => (at ? [[run, new Date(at)]] : []))),
        })),
        users: (await memory.all("user")).map(({ id, state }) => userFacts(id, state)),
        messages: messages.map(messageFacts),
        mailboxes: (await memory.all("mailbox")).map(({ state }) => mailboxFacts(state, messages, clock.now())),
        apps: (await memory.all("app")).map(({ state }) => appFacts(state)),
        accessKeys: (await memory.all("access-key")).map(({ state }) => accessKeyFacts(state)),
        indicators: (await memory.all("indicator")).flatMap(({ state: { kind, value, action, expiresAt } }) =>
          action === "none" ? [] : [{ kind, value, action, ...(expiresAt ? { expiresAt: new Date(expiresAt) } : {}) }],
        ),
      };
    },
  };
}

function reputationOf(memory: LabMemory, clock: Clock): ReputationSource[] {
  const recordOf = async (file: EntityOf<"file">) => {
    const id = fileId(file);
    return id === undefined ? undefined : memory.get("file", id);
  };
  const dated = (answer: Omit<ReputationAnswer, "at">): ReputationAnswer => ({ ...answer, at: clock.now() });
  return [
    {
      name: "Lab Antivirus",
      family: "lab-antivirus",
      kinds: ["file"],
      look: async (entity) =>
        dated(
          entity.kind === "file"
            ? antivirusOnFile(entity, await recordOf(entity))
            : { label: "neutral", weight: 0, text: "Lab Antivirus knows files only." },
        ),
    },
    {
      name: "Lab Threat Intel",
      family: "lab-intel",
      kinds: ["file", "url", "ip", "domain"],
      look: async (entity) => {
        switch (entity.kind) {
          case "file":
            return dated(intelOnFile(entity, await recordOf(entity)));
          case "url":
            return dated(intelOnUrl(entity));
          case "domain":
            return dated(intelOnDomain(entity));
          case "ip":
            return dated(intelOnAddress(entity));
          default:
            return entity satisfies never;
        }
      },
    },
  ];
}

/** The antivirus vendor's own sandbox: what it saw is what the antivirus knows the file by, so both speak in one family. */
function sandboxesOf(memory: LabMemory, clock: Clock): SandboxSource[] {
  return [
    {
      name: "Lab Sandbox",
      family: "lab-antivirus",
      report: async (entity) => {
        const id = entity.kind === "file" ? fileId(entity) : undefined;
        if (entity.kind !== "file" || id === undefined) return undefined;
        const report = sandboxOnFile(entity, await memory.get("file", id));
        return report && { ...report, at: clock.now() };
      },
    },
  ];
}

function devicesOf(memory: LabMemory, clock: Clock): DeviceCapability {
  const need = async (id: string): Promise<LabDevice> => {
    const device = await memory.get("device", id);
    if (device) return device;
    throw new ConnectorError("refused", `The lab does not know the device ${id}; nothing was done.`);
  };
  const carryOut = async (ticket: LabTicket): Promise<void> => {
    const at = clock.now().toISOString();
    const change = async (more: Partial<LabDevice>) => memory.put("device", ticket.device, { ...(await need(ticket.device)), ...more });
    switch (ticket.operation) {
      case "quarantine": {
        const file = ticket.file ?? "";
        const name = ticket.fileName === undefined ? {} : { name: ticket.fileName };
        return memory.put("quarantine", quarantineId(ticket.device, file), { device: ticket.device, file, ...name, quarantined: true, at });
      }
      case "isolate":
      case "release":
        return change({ isolated: ticket.operation === "isolate" });
      case "restrict":
      case "unrestrict":
        return change({ restricted: ticket.operation === "restrict" });
      case "offboard":
        return change({ offboarded: true });
      case "quick-scan":
      case "full-scan":
      case "package":
        return change({ lastRuns: { ...(await need(ticket.device)).lastRuns, [ticket.operation]: at } });
      default:
        return ticket.operation satisfies never;
    }
  };
  /** What happens anew each time it is asked for: its ticket is kept, so that the same request is known again. */
  const isRun = (operation: LabTicket["operation"]): operation is DeviceRun =>
    operation === "quick-scan" || operation === "full-scan" || operation === "package";
  const follow = async (id: string): Promise<Ticket> => {
    const ticket = await memory.get("ticket", id);
    // What was done at once has left no ticket behind.
    if (ticket?.cancelled) return { id, state: "cancelled" };
    if (!ticket || ticket.done) return { id, state: "done" };
    if (!(await need(ticket.device)).online) return { id, state: "pending", text: "Waiting for the device to come online." };
    await carryOut(ticket);
    await memory.put("ticket", id, { ...ticket, done: true });
    return { id, state: "done" };
  };
  const start = async (key: string, ticket: LabTicket): Promise<Ticket> => {
    if (await memory.get("ticket", key)) return follow(key);
    const device = await need(ticket.device);
    if (device.offboarded) {
      if (ticket.operation === "offboard") return { id: key, state: "done", text: "It was offboarded already." };
      throw new ConnectorError("refused", `${device.name} is offboarded, so it cannot be reached; nothing was done.`);
    }
    if (ticket.operation === "offboard" && !device.os.startsWith("Windows"))
      throw new ConnectorError(
        "refused",
        `Only Windows devices can be offboarded by a call; ${device.name} is ${device.os}. Nothing was done.`,
      );
    if (device.online) {
      await carryOut(ticket);
      if (isRun(ticket.operation)) await memory.put("ticket", key, { ...ticket, done: true });
      return { id: key, state: "done" };
    }
    await memory.put("ticket", key, ticket);
    return { id: key, state: "pending", text: "Waiting for the device to come online." };
  };
  return {
    connector: "lab",
    async find(entity) {
      for (const called of [entity.name, entity.id]) {
        if (called === undefined) continue;
        const id = deviceId(called);
        const state = await memory.get("device", id);
        if (state) return deviceFacts(id, state);
      }
      return undefined;
    },
    async isQuarantined(device, file) {
      const id = fileId(file);
      if (id === undefined) return undefined;
      return (await memory.get("quarantine", quarantineId(device, id)))?.quarantined ?? false;
    },
    async seenOn(file) {
      const id = fileId(file);
      return id === undefined ? [] : ((await memory.get("file", id))?.devices ?? []);
    },
    async processTree(device, around) {
      await need(device);
      return treeAround((await memory.get("telemetry", device)) ?? NO_TELEMETRY, around);
    },
    async autostarts(device) {
      const { os } = await need(device);
      return autostartsOn((await memory.get("telemetry", device)) ?? NO_TELEMETRY, os);
    },
    isolate: (device, _comment, key) => start(key, { operation: "isolate", device, done: false }),
    release: (device, _comment, key) => start(key, { operation: "release", device, done: false }),
    restrictExecution: (device, _comment, key) => start(key, { operation: "restrict", device, done: false }),
    unrestrictExecution: (device, _comment, key) => start(key, { operation: "unrestrict", device, done: false }),
    scan: (device, type, _comment, key) => start(key, { operation: `${type}-scan`, device, done: false }),
    collectPackage: (device, _comment, key) => start(key, { operation: "package", device, done: false }),
    offboard: (device, _comment, key) => start(key, { operation: "offboard", device, done: false }),
    async lastRun(device, run) {
      const at = (await need(device)).lastRuns?.[run];
      return at === undefined ? undefined : new Date(at);
    },
    async quarantine(device, file, _comment, key) {
      const id = fileId(file);
      if (id === undefined) throw new ConnectorError("refused", "A file is quarantined by its hash, and none is given; nothing was done.");
      return start(key, { operation: "quarantine", device, file: id, ...(file.name ? { fileName: file.name } : {}), done: false });
    },
    follow,
    async cancel(id) {
      const ticket = await memory.get("ticket", id);
      if (!ticket || ticket.done || (await need(ticket.device)).online)
        throw new ConnectorError("refused", "The device has it already, so it cannot be cancelled any more.");
      await memory.put("ticket", id, { ...ticket, cancelled: true });
    },
  };
}

function identitiesOf(memory: LabMemory, clock: Clock): IdentityCapability {
  const change = async (id: string, key: string, more: Partial<LabUser>): Promise<Ticket> => {
    const user = await memory.get("user", id);
    if (!user) throw new ConnectorError("refused", `The lab does not know the account ${id}; nothing was done.`);
    await memory.put("user", id, { ...user, ...more });
    return { id: key, state: "done" };
  };
  return {
    connector: "lab",
    async find(entity) {
      const names = entity.kind === "mailbox" ? [entity.address] : [entity.email, entity.name, entity.id];
      for (const called of names) {
        if (called === undefined) continue;
        const id = userId(called, LAB_DOMAIN);
        const state = await memory.get("user", id);
        if (state) return userFacts(id, state);
      }
      return undefined;
    },
    disable: (id, _comment, key) => change(id, key, { enabled: false }),
    enable: (id, _comment, key) => change(id, key, { enabled: true }),
    revokeSessions: (id, _comment, key) => change(id, key, { sessions: 0, sessionsRevokedAt: clock.now().toISOString() }),
    confirmCompromised: (id, _comment, key) => change(id, key, { risk: { level: "high", state: "confirmedCompromised" } }),
    dismissRisk: (id, _comment, key) => change(id, key, { risk: { level: "none", state: "dismissed" } }),
    forcePasswordReset: (id, _comment, key) => change(id, key, { mustChangePassword: true }),
  };
}

function indicatorsOf(memory: LabMemory, clock: Clock): IndicatorCapability {
  return {
    connector: "lab",
    async find(entity) {
      const id = indicatorId(entity.kind, indicatorValue(entity));
      const state = await memory.get("indicator", id);
      if (!state || state.action === "none") return undefined;
      if (!state.expiresAt) return { id, action: state.action };
      const expiresAt = new Date(state.expiresAt);
      return expiresAt <= clock.now() ? undefined : { id, action: state.action, expiresAt };
    },
    async block(entity, expiresAt, _comment, key) {
      const value = indicatorValue(entity);
      const until = expiresAt ? { expiresAt: expiresAt.toISOString() } : {};
      await memory.put("indicator", indicatorId(entity.kind, value), { kind: entity.kind, value, action: "block", ...until });
      return { id: key, state: "done" };
    },
    async allow(entity, expiresAt, _comment, key) {
      const value = indicatorValue(entity);
      const until = expiresAt ? { expiresAt: expiresAt.toISOString() } : {};
      await memory.put("indicator", indicatorId(entity.kind, value), { kind: entity.kind, value, action: "allow", ...until });
      return { id: key, state: "done" };
    },
    async unblock(entity, _comment, key) {
      const value = indicatorValue(entity);
      await memory.put("indicator", indicatorId(entity.kind, value), { kind: entity.kind, value, action: "none" });
      return { id: key, state: "done" };
    },
  };
}

const deviceFacts = (id: string, { owner, group, restricted, offboarded, lastRuns: _, ...device }: LabDevice): DeviceFacts => ({
  id,
  ...device,
  restricted: restricted ?? false,
  onboarded: !offboarded,
  ...(owner ? { owner } : {}),
  ...(group ? { group } : {}),
});

const userFacts = (id: string, { signIns, sessionsRevokedAt, activities, risk, mustChangePassword, ...user }: LabUser): UserFacts => ({
  id,
  ...user,
  risk: risk ?? { level: "none", state: "none" },
  mustChangePassword: mustChangePassword ?? false,
  signIns: signIns.map(({ at, ip, app, result, userAgent, mfa }) => {
    const { name: place, ...seen } = placeOf(ip);
    return {
      at: new Date(at),
      ip,
      app,
      result,
      place,
      ...seen,
      ...(userAgent ? { userAgent } : {}),
      ...(mfa === undefined ? {} : { mfa }),
    };
  }),
  ...(sessionsRevokedAt ? { sessionsRevokedAt: new Date(sessionsRevokedAt) } : {}),
  ...(activities
    ? {
        activities: activities.map(({ at, what, ip }) => ({
          at: new Date(at),
          what,
          risk: ip === undefined ? "none" : placeOf(ip).risk,
          ...(ip ? { ip } : {}),
        })),
      }
    : {}),
});
