import type { Entity, EntityOf } from "../../../engine/domain/entity.ts";
import type {
  Clock,
  Connector,
  DeviceCapability,
  DeviceFacts,
  IdentityCapability,
  IndicatorCapability,
  MailCapability,
  MessageFacts,
  ReputationAnswer,
  ReputationSource,
  Ticket,
  UserFacts,
} from "../../../engine/ports.ts";
import { ConnectorError } from "../../../engine/ports.ts";
import { createAdoption } from "./adopt.ts";
import { LAB_DOMAIN } from "./company.ts";
import { findMessages, findSimilar } from "./find-messages.ts";
import type { LabMemory } from "./memory.ts";
import { createMemory } from "./memory.ts";
import { placeOf } from "./places.ts";
import { antivirusOnFile, intelOnAddress, intelOnDomain, intelOnFile, intelOnUrl } from "./sensors.ts";
import type { LabDevice, LabMessage, LabStore, LabTicket, LabUser } from "./world.ts";
import { deviceId, fileId, indicatorId, indicatorValue, quarantineId, userId } from "./world.ts";

/** What the console shows of the company. */
export type LabSnapshot = {
  devices: (DeviceFacts & { quarantined: string[] })[];
  users: UserFacts[];
  messages: MessageFacts[];
  indicators: { kind: string; value: string; action: "block" | "allow"; expiresAt?: Date }[];
};

export type Lab = Connector & {
  readonly devices: DeviceCapability;
  readonly identities: IdentityCapability;
  readonly mail: MailCapability;
  readonly indicators: IndicatorCapability;
  readonly reputation: readonly ReputationSource[];
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
    devices: devicesOf(memory, clock),
    identities: identitiesOf(memory, clock),
    mail: mailOf(memory),
    indicators: indicatorsOf(memory, clock),
    check: async () => {},
    adopt: createAdoption(memory, clock),
    snapshot: async () => {
      const quarantine = (await memory.all("quarantine")).map(({ state }) => state).filter((each) => each.quarantined);
      return {
        devices: (await memory.all("device")).map(({ id, state }) => ({
          ...deviceFacts(id, state),
          quarantined: quarantine.filter((each) => each.device === id).map((each) => each.name ?? each.file),
        })),
        users: (await memory.all("user")).map(({ id, state }) => userFacts(id, state)),
        messages: (await memory.all("message")).map(({ state }) => messageFacts(state)),
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

function devicesOf(memory: LabMemory, clock: Clock): DeviceCapability {
  const need = async (id: string): Promise<LabDevice> => {
    const device = await memory.get("device", id);
    if (device) return device;
    throw new ConnectorError("refused", `The lab does not know the device ${id}; nothing was done.`);
  };
  const carryOut = async (ticket: LabTicket): Promise<void> => {
    if (ticket.operation === "quarantine") {
      const file = ticket.file ?? "";
      const name = ticket.fileName === undefined ? {} : { name: ticket.fileName };
      const at = clock.now().toISOString();
      await memory.put("quarantine", quarantineId(ticket.device, file), { device: ticket.device, file, ...name, quarantined: true, at });
    } else {
      await memory.put("device", ticket.device, { ...(await need(ticket.device)), isolated: ticket.operation === "isolate" });
    }
  };
  const follow = async (id: string): Promise<Ticket> => {
    const ticket = await memory.get("ticket", id);
    // What was done at once has left no ticket behind.
    if (!ticket || ticket.done) return { id, state: "done" };
    if (!(await need(ticket.device)).online) return { id, state: "pending", text: "Waiting for the device to come online." };
    await carryOut(ticket);
    await memory.put("ticket", id, { ...ticket, done: true });
    return { id, state: "done" };
  };
  const start = async (key: string, ticket: LabTicket): Promise<Ticket> => {
    if (await memory.get("ticket", key)) return follow(key);
    if ((await need(ticket.device)).online) {
      await carryOut(ticket);
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
    isolate: (device, _comment, key) => start(key, { operation: "isolate", device, done: false }),
    release: (device, _comment, key) => start(key, { operation: "release", device, done: false }),
    async quarantine(device, file, _comment, key) {
      const id = fileId(file);
      if (id === undefined) throw new ConnectorError("refused", "A file is quarantined by its hash, and none is given; nothing was done.");
      return start(key, { operation: "quarantine", device, file: id, ...(file.name ? { fileName: file.name } : {}), done: false });
    },
    follow,
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
  };
}

function mailOf(memory: LabMemory): MailCapability {
  const move = async (
    ids: readonly string[],
    from: readonly LabMessage["location"][],
    to: LabMessage["location"],
    key: string,
  ): Promise<Ticket> => {
    for (const id of ids) {
      const message = await memory.get("message", id);
      if (message && from.includes(message.location)) await memory.put("message", id, { ...message, location: to });
    }
    return { id: key, state: "done" };
  };
  return {
    connector: "lab",
    find: async (mail) => (await findMessages(memory, mail)).map(messageFacts),
    similar: async (mail) => (await findSimilar(memory, mail)).map(messageFacts),
    softDelete: (ids, _comment, key) => move(ids, ["inbox", "junk"], "deleted", key),
    restore: (ids, _comment, key) => move(ids, ["deleted"], "inbox", key),
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
    async unblock(entity, _comment, key) {
      const value = indicatorValue(entity);
      await memory.put("indicator", indicatorId(entity.kind, value), { kind: entity.kind, value, action: "none" });
      return { id: key, state: "done" };
    },
  };
}

const deviceFacts = (id: string, { owner, group, ...device }: LabDevice): DeviceFacts => ({
  id,
  ...device,
  ...(owner ? { owner } : {}),
  ...(group ? { group } : {}),
});

const userFacts = (id: string, { signIns, sessionsRevokedAt, ...user }: LabUser): UserFacts => ({
  id,
  ...user,
  signIns: signIns.map(({ at, ip, app, result }) => {
    const place = placeOf(ip);
    return { at: new Date(at), ip, app, result, place: place.name, risk: place.risk, known: place.known };
  }),
  ...(sessionsRevokedAt ? { sessionsRevokedAt: new Date(sessionsRevokedAt) } : {}),
});

const messageFacts = (message: LabMessage): MessageFacts => ({
  id: message.id,
  recipient: message.recipient,
  sender: message.sender,
  subject: message.subject,
  location: message.location,
  receivedAt: new Date(message.receivedAt),
  urls: message.urls,
  clicks: message.clicks.map(({ user, url, at, device }) => ({ user, url, at: new Date(at), ...(device ? { device } : {}) })),
});
