import type { Entity, EntityOf } from "../../../engine/domain/entity.ts";
import { canonicalUrl } from "../../../engine/domain/entity.ts";
import { joinable, reservedAddress } from "../../../engine/domain/never-act.ts";
import type { Clock } from "../../../engine/ports.ts";
import { LAB_DOMAIN } from "./company.ts";
import { findMessages } from "./find-messages.ts";
import type { LabMemory } from "./memory.ts";
import { NO_TELEMETRY, observe } from "./telemetry.ts";
import type { LabFile, LabKind, LabState } from "./world.ts";
import { accessKeyId, appId, deviceId, fileId, userId } from "./world.ts";

/** A lab somebody feeds from a scanner must not grow without end. */
const MAX_ADOPTED = 10_000;

/**
 * Takes in what one alert names and the lab does not know: devices are online workstations in no special group, accounts have no history.
 * What a thing *is* follows from how the alert's things relate (which process ran from which file, which link a mail carries, where an
 * account signed in from), so that the same alert under other names is judged the same.
 */
export function createAdoption(memory: LabMemory, clock: Clock): (entities: readonly Entity[]) => Promise<void> {
  // What was last read or written, so that an alert naming only known things costs no query.
  const known = new Map<string, string>();
  let adopted: number | undefined;

  async function learn<K extends LabKind>(kind: K, id: string, merge: (before: LabState<K> | undefined) => LabState<K>): Promise<void> {
    const key = `${kind} ${id}`;
    const cached = known.get(key);
    if (cached !== undefined && JSON.stringify(merge(JSON.parse(cached) as LabState<K>)) === cached) return;
    const before = await memory.get(kind, id);
    const after = merge(before);
    if (before === undefined) {
      adopted ??=
        (await memory.count("device")) + (await memory.count("user")) + (await memory.count("message")) + (await memory.count("file"));
      if (adopted >= MAX_ADOPTED) return;
      adopted++;
    }
    const text = JSON.stringify(after);
    if (JSON.stringify(before) !== text) await memory.put(kind, id, after);
    if (known.size >= MAX_ADOPTED) known.clear();
    known.set(key, text);
  }

  const device = (name: string, os?: string) =>
    learn(
      "device",
      deviceId(name),
      (before) => before ?? { name, os: os ?? "Windows 11", role: "workstation", users: [], online: true, isolated: false },
    );

  const user = (entity: EntityOf<"user"> | EntityOf<"mailbox">, signedInFrom: string | undefined) => {
    const called = entity.kind === "mailbox" ? entity.address : (entity.email ?? entity.name ?? entity.id ?? "");
    if (called === "") return Promise.resolve();
    const id = userId(called, LAB_DOMAIN);
    return learn("user", id, (before) => {
      const state = before ?? {
        email: called.includes("@") ? called : id,
        name: (entity.kind === "user" && entity.name) || (called.split("@")[0] ?? called),
        enabled: true,
        privileged: [],
        sessions: 1,
        signIns: [],
      };
      if (signedInFrom === undefined || state.signIns.some((signIn) => signIn.ip === signedInFrom)) return state;
      const signIn = { at: clock.now().toISOString(), ip: signedInFrom, app: "Outlook", result: "success" as const };
      return { ...state, signIns: [signIn, ...state.signIns].slice(0, 50) };
    });
  };

  const file = (entity: EntityOf<"file">, processes: readonly EntityOf<"process">[]) => {
    const id = fileId(entity);
    if (id === undefined) return Promise.resolve();
    const lines = processes.filter((process) => ranFrom(process, entity)).map((process) => (process.commandLine ?? "").toLowerCase());
    return learn("file", id, (before) => {
      const state: LabFile = before ?? { devices: [], deletesBackups: false, readsPasswords: false };
      const named = { name: entity.name, path: entity.path, signer: entity.signer };
      return {
        ...Object.fromEntries(Object.entries(named).filter(([, value]) => value !== undefined)),
        ...state,
        devices: entity.device && !state.devices.includes(entity.device) ? [...state.devices, entity.device].slice(0, 1000) : state.devices,
        deletesBackups: state.deletesBackups || lines.some(deletesBackups),
        readsPasswords: state.readsPasswords || lines.some(readsPasswords),
      };
    });
  };

  /** Of an app an alert brings nothing is known but that somebody let it in. */
  const app = async (entity: EntityOf<"oauth-app">) => {
    const called = entity.id ?? entity.name ?? "";
    if (entity.id === undefined && (await memory.all("app")).some(({ state }) => state.name.toLowerCase() === called.toLowerCase())) return;
    await learn("app", appId(called), (before) => before ?? { id: called, name: entity.name ?? called, enabled: true, grants: [] });
  };

  /** It belongs to the one account the alert names beside it. */
  const accessKey = (entity: EntityOf<"access-key">, entities: readonly Entity[]) => {
    const [owner, second] = entities.filter((other) => other.kind === "user");
    const called = second === undefined ? (owner?.email ?? owner?.name) : undefined;
    return learn(
      "access-key",
      accessKeyId(entity.id),
      (before) => before ?? { id: entity.id, active: true, ...(called ? { owner: called } : {}) },
    );
  };

  const message = async (entity: EntityOf<"message">, entities: readonly Entity[]) => {
    if ((await findMessages(memory, entity)).length > 0) return;
    const networkMessageId = entity.networkMessageId ?? entity.internetMessageId ?? `${entity.subject ?? ""} ${entity.sender ?? ""}`;
    const reader = entities.find((other) => other.kind === "mailbox" || (other.kind === "user" && other.email !== undefined));
    const recipient =
      entity.recipient ??
      (reader?.kind === "mailbox" ? reader.address : reader?.kind === "user" ? reader.email : undefined) ??
      `unknown@${LAB_DOMAIN}`;
    // A file an alert names beside a mail and on no device came with the mail.
    const attached = entities
      .flatMap((other) =>
        other.kind === "file" && !other.device && other.sha256 ? [{ name: other.name ?? other.sha256, sha256: other.sha256 }] : [],
      )
      .slice(0, 50);
    // Copies of one sending may share the id: the second one gets the mailbox added to its name.
    const plain = networkMessageId.toLowerCase().slice(0, 200);
    const id = (await memory.get("message", plain)) ? `${plain}|${recipient.toLowerCase()}` : plain;
    await learn(
      "message",
      id,
      (before) =>
        before ?? {
          id,
          networkMessageId,
          ...(entity.internetMessageId ? { internetMessageId: entity.internetMessageId } : {}),
          recipient,
          sender: entity.sender ?? "unknown sender",
          subject: entity.subject ?? "(no subject)",
          location: "inbox",
          receivedAt: clock.now().toISOString(),
          urls: entities.flatMap((other) => (other.kind === "url" ? [canonicalUrl(other.url)] : [])).slice(0, 50),
          clicks: [],
          ...(attached.length > 0 ? { attachments: attached } : {}),
        },
    );
  };

  return async (entities) => {
    const processes = entities.filter((entity) => entity.kind === "process");
    const signedInFrom = signInAddress(entities);
    for (const entity of entities) {
      if (!joinable(entity) && entity.kind === "user") continue; // SYSTEM has no account in a directory.
      if (entity.kind === "device") await device(entity.name ?? entity.id ?? "device", entity.os);
      else if (entity.kind === "user" || entity.kind === "mailbox") await user(entity, signedInFrom);
      else if (entity.kind === "file") await file(entity, processes);
      else if (entity.kind === "message") await message(entity, entities);
      else if (entity.kind === "oauth-app") await app(entity);
      else if (entity.kind === "access-key") await accessKey(entity, entities);
      else if (entity.kind === "process" && entity.sha256) await file(imageOf(entity), processes);
      if ("device" in entity && entity.device) await device(entity.device);
    }
    for (const name of devicesOf(entities)) {
      await learn("telemetry", deviceId(name), (before) => observe(before ?? NO_TELEMETRY, entities, name, clock.now()));
    }
  };
}

/** Devices on which something happened that a sensor sees. */
function devicesOf(entities: readonly Entity[]): Set<string> {
  const seen = entities.some((entity) => SENSED.includes(entity.kind));
  if (!seen) return new Set();
  return new Set(
    entities.flatMap((entity) => {
      const name = entity.kind === "device" ? (entity.name ?? entity.id) : "device" in entity ? entity.device : undefined;
      return name ? [name] : [];
    }),
  );
}
const SENSED: readonly Entity["kind"][] = ["process", "registry", "service", "scheduled-task", "driver"];

/** The program a process runs is a file, too. */
const imageOf = (process: EntityOf<"process">): EntityOf<"file"> => ({
  kind: "file",
  ...(process.sha256 ? { sha256: process.sha256 } : {}),
  ...(process.device ? { device: process.device } : {}),
});

function ranFrom(process: EntityOf<"process">, file: EntityOf<"file">): boolean {
  if (process.sha256 !== undefined && process.sha256 === file.sha256) return true;
  const name = file.name?.toLowerCase();
  return name !== undefined && (process.parent?.toLowerCase().split(/[\\/]/).at(-1) ?? "") === name;
}
const deletesBackups = (line: string) =>
  (line.includes("vssadmin") && line.includes("delete shadows")) || (line.includes("wmic") && line.includes("shadowcopy delete"));
const readsPasswords = (line: string) => line.includes("sekurlsa") || (line.includes("comsvcs") && line.includes("minidump"));

/** An alert that names a person and one outside address, and nothing that lives on a device or in a mailbox, tells of a sign-in. */
function signInAddress(entities: readonly Entity[]): string | undefined {
  const about = entities.every((entity) => ["user", "mailbox", "ip", "cloud-app", "oauth-app", "generic"].includes(entity.kind));
  const addresses = new Set(
    entities.flatMap((entity) => (entity.kind === "ip" && !reservedAddress(entity.address) ? [entity.address] : [])),
  );
  const [address] = addresses;
  return about && addresses.size === 1 ? address : undefined;
}
