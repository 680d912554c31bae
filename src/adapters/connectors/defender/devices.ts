import { z } from "zod";
import type { EntityOf } from "../../../engine/domain/entity.ts";
import type { Clock, DeviceCapability, DeviceFacts, DeviceRun } from "../../../engine/ports.ts";
import { ConnectorError } from "../../../engine/ports.ts";
import { HttpRefusal } from "../http.ts";
import { type Api, quoted } from "../microsoft/api.ts";
import { createQuota } from "../quota.ts";
import { PRODUCT, unknownShape } from "./api.ts";
import { besideUs } from "./beside-us.ts";
import { endedAt, isType, lastOf, type MachineAction, machineActions, scanOf } from "./machine-actions.ts";

const Machine = z.object({
  id: z.string().min(1).max(200),
  computerDnsName: z.string().nullish(),
  osPlatform: z.string().nullish(),
  version: z.string().nullish(),
  healthStatus: z.string().nullish(),
  onboardingStatus: z.string().nullish(),
  lastSeen: z.string().nullish(),
  rbacGroupName: z.string().nullish(),
  machineTags: z.array(z.string()).nullish(),
  lastIpAddress: z.string().nullish(),
  ipAddresses: z.array(z.object({ ipAddress: z.string().nullish(), operationalStatus: z.string().nullish() })).nullish(),
});
type Machine = z.infer<typeof Machine>;
const LogonUser = z.object({
  id: z.string().nullish(),
  accountName: z.string().nullish(),
  accountDomain: z.string().nullish(),
  lastSeen: z.string().nullish(),
});
const PackageLink = z.object({ value: z.string().max(4096) });
const FileInfo = z.object({ sha1: z.string().regex(/^[0-9a-f]{40}$/i) });

const MACHINE_ID = /^[0-9a-f]{40}$/i;
const READ = "Machine.Read.All";
/** A sensor reports in full about once a day; what said nothing for longer is taken to be away. */
const ONLINE_MS = 25 * 3_600_000;
const SIGNED_IN_MS = 24 * 3_600_000;
/** An offboarded sensor may say a few last words. */
const LAST_WORDS_MS = 3_600_000;

const seenAt = (machine: Pick<Machine, "lastSeen">) => Date.parse(machine.lastSeen ?? "") || 0;
const isActive = (machine: Machine) =>
  machine.healthStatus?.toLowerCase() === "active" && (machine.onboardingStatus ?? "onboarded").toLowerCase() === "onboarded";

export function defenderDevices(api: Api, clock: Clock): DeviceCapability {
  const operations = machineActions(api);
  const links = createQuota({ name: "Defender's links to packages", perMinute: 2, clock });
  const about = (signal: AbortSignal) => ({ permission: READ, what: "this device", signal });
  const named = async (filter: string, signal: AbortSignal): Promise<Machine[]> => {
    const read = z.array(Machine).safeParse(await api.list("/api/machines", { $filter: filter }, about(signal)));
    if (!read.success) throw unknownShape();
    return read.data;
  };

  /** Devices are re-installed and keep their name; the one that reports is meant. Of two that report none is guessed. */
  async function byName(name: string, signal: AbortSignal): Promise<Machine | undefined> {
    const [label = ""] = name.split(".");
    const [exact, others] = await Promise.all([
      named(`computerDnsName eq ${quoted(name)}`, signal),
      // A short name stands for the full one and the other way round; a full one never for another domain's.
      name === label
        ? named(`startswith(computerDnsName,${quoted(`${name}.`)})`, signal)
        : named(`computerDnsName eq ${quoted(label)}`, signal),
    ]);
    const fits = ({ computerDnsName: full }: Machine) => {
      const own = full?.toLowerCase() ?? "";
      return own === name || (name === label ? own.split(".")[0] === name : own === label);
    };
    const all = name === label || exact.length === 0 ? [...exact, ...others] : exact;
    const candidates = [...new Map(all.filter(fits).map((machine) => [machine.id, machine])).values()];
    const active = candidates.filter(isActive);
    if (active.length > 1) {
      throw new ConnectorError(
        "refused",
        `${PRODUCT} knows ${active.length} active devices called ${name} (${active
          .slice(0, 3)
          .map(({ id }) => id)
          .join(", ")}). Name the device by its id. Nothing was done.`,
      );
    }
    return active[0] ?? candidates.toSorted((a, b) => seenAt(b) - seenAt(a))[0];
  }

  async function machineOf(device: EntityOf<"device">, signal: AbortSignal): Promise<Machine | undefined> {
    const id = [device.id, device.name].find((text) => text !== undefined && MACHINE_ID.test(text));
    if (id === undefined) return device.name === undefined ? undefined : byName(device.name.trim().toLowerCase(), signal);
    const answer = await api.get(`/api/machines/${id.toLowerCase()}`, about(signal));
    if (answer === undefined) return undefined;
    const read = Machine.safeParse(answer);
    if (!read.success) throw unknownShape();
    return read.data;
  }

  /** Undefined: not to be read (the app lacks the permission); that must not stop what is urgent. */
  async function usersOf(machine: string, signal: AbortSignal): Promise<string[] | undefined> {
    const path = `/api/machines/${encodeURIComponent(machine)}/logonusers`;
    try {
      const listed = await api.list(path, {}, { permission: "User.Read.All", what: "who signed in", signal });
      const users = z.array(LogonUser).safeParse(listed).data;
      return users
        ?.filter((user) => !user.lastSeen || clock.now().getTime() - seenAt(user) < SIGNED_IN_MS)
        .toSorted((a, b) => seenAt(b) - seenAt(a))
        .flatMap((user) => user.id ?? [user.accountDomain, user.accountName].filter((part) => part).join("\\"))
        .filter((name) => name !== "")
        .slice(0, 20);
    } catch (error) {
      if (error instanceof HttpRefusal) return undefined;
      throw error;
    }
  }

  /** The call takes SHA-1 only. */
  async function sha1Of(file: EntityOf<"file">, signal: AbortSignal): Promise<string | undefined> {
    if (file.sha1) return file.sha1;
    if (!file.sha256) return undefined;
    const answer = await api.get(`/api/files/${file.sha256}`, { permission: "File.Read.All", what: "this file", signal });
    return FileInfo.safeParse(answer).data?.sha1.toLowerCase();
  }

  const run = (operation: Parameters<typeof operations.start>[1]) => (id: string, comment: string, key: string, signal: AbortSignal) =>
    operations.start(id, operation, comment, key, signal);

  return {
    connector: "defender",
    async find(device, signal) {
      const machine = await machineOf(device, signal);
      if (!machine) return undefined;
      const [actions, users] = await Promise.all([operations.of(machine.id, signal), usersOf(machine.id, signal)]);
      return factsOf(machine, actions, users, clock.now());
    },
    // That no operation of the list quarantined it does not say where it is: Defender's own antivirus may have.
    async isQuarantined(id, file, signal) {
      const sha1 = await sha1Of(file, signal);
      if (!sha1) return undefined;
      const done = (await operations.of(id, signal)).filter(
        (action) => action.relatedFileInfo?.fileIdentifier?.toLowerCase() === sha1.toLowerCase(),
      );
      return lastOf(done, "StopAndQuarantineFile") ? true : undefined;
    },
    async seenOn(file, signal) {
      const sha1 = await sha1Of(file, signal);
      if (!sha1) return [];
      try {
        const listed = await api.list(`/api/files/${sha1}/machines`, {}, { permission: READ, what: "this file", signal });
        return z
          .array(Machine)
          .parse(listed)
          .map((machine) => machine.computerDnsName ?? machine.id);
      } catch (error) {
        if (error instanceof HttpRefusal && error.status === 404) return [];
        if (error instanceof z.ZodError) throw unknownShape();
        throw error;
      }
    },
    isolate: run({
      type: "Isolate",
      path: "isolate",
      body: { IsolationType: "Full" },
      permission: "Machine.Isolate",
      opposite: "Unisolate",
    }),
    release: run({ type: "Unisolate", path: "unisolate", body: {}, permission: "Machine.Isolate", opposite: "Isolate" }),
    restrictExecution: run({
      type: "RestrictCodeExecution",
      path: "restrictCodeExecution",
      body: {},
      permission: "Machine.RestrictExecution",
      opposite: "UnrestrictCodeExecution",
    }),
    unrestrictExecution: run({
      type: "UnrestrictCodeExecution",
      path: "unrestrictCodeExecution",
      body: {},
      permission: "Machine.RestrictExecution",
      opposite: "RestrictCodeExecution",
    }),
    scan: (id, type, comment, key, signal) => {
      const scanType = type === "full" ? "Full" : "Quick";
      const operation = {
        type: "RunAntiVirusScan",
        path: "runAntiVirusScan",
        body: { ScanType: scanType },
        permission: "Machine.Scan",
        same: (action: MachineAction) => scanOf(action) === type,
      };
      return operations.start(id, operation, `${comment} (${scanType} scan)`, key, signal);
    },
    collectPackage: run({
      type: "CollectInvestigationPackage",
      path: "collectInvestigationPackage",
      body: {},
      permission: "Machine.CollectForensics",
    }),
    async packageLink(id, since, signal) {
      const last = lastOf(await operations.of(id, signal), "CollectInvestigationPackage");
      if (!last || endedAt(last) < since.getTime()) return undefined;
      await links.take();
      const path = `/api/machineactions/${encodeURIComponent(last.id)}/getPackageUri`;
      const answer = await api.get(path, { permission: READ, what: "this package", signal });
      // Not there while it is still being put together.
      if (answer === undefined) return undefined;
      // The address comes in quotation marks of its own.
      const link = PackageLink.safeParse(answer).data?.value.replace(/^"+|"+$/g, "");
      if (!link || URL.parse(link)?.protocol !== "https:") throw unknownShape();
      return link;
    },
    offboard: run({ type: "Offboard", path: "offboard", body: {}, permission: "Machine.Offboard" }),
    async quarantine(id, file, comment, key, signal) {
      const sha1 = await sha1Of(file, signal);
      if (!sha1)
        throw new ConnectorError("refused", `${PRODUCT} quarantines by SHA-1, and does not know the one of this file. Nothing was done.`);
      const operation = {
        type: "StopAndQuarantineFile",
        path: "StopAndQuarantineFile",
        body: { Sha1: sha1 },
        permission: "Machine.StopAndQuarantine",
        same: (action: MachineAction) => action.relatedFileInfo?.fileIdentifier?.toLowerCase() === sha1.toLowerCase(),
      };
      return operations.start(id, operation, comment, key, signal);
    },
    async lastRun(id, wanted: DeviceRun, signal) {
      const actions = await operations.of(id, signal);
      const last =
        wanted === "package"
          ? lastOf(actions, "CollectInvestigationPackage")
          : lastOf(
              actions.filter((action) => `${scanOf(action)}-scan` === wanted),
              "RunAntiVirusScan",
            );
      return last && new Date(endedAt(last));
    },
    follow: operations.follow,
    findRun: operations.findRun,
    cancel: operations.cancel,
  };
}

function factsOf(machine: Machine, actions: readonly MachineAction[], users: string[] | undefined, now: Date): DeviceFacts {
  const os = [machine.osPlatform, machine.version].filter((part) => part).join(" ") || "unknown system";
  const offboard = lastOf(actions, "Offboard");
  const offboarded =
    (offboard !== undefined && seenAt(machine) < endedAt(offboard) + LAST_WORDS_MS) ||
    (machine.onboardingStatus !== undefined && machine.onboardingStatus !== null && machine.onboardingStatus.toLowerCase() !== "onboarded");
  const ips = new Set(
    [
      machine.lastIpAddress,
      ...(machine.ipAddresses ?? []).filter((ip) => ip.operationalStatus?.toLowerCase() !== "down").map((ip) => ip.ipAddress),
    ].filter((ip): ip is string => typeof ip === "string" && ip !== ""),
  );
  const tags = machine.machineTags ?? [];
  const hands = besideUs(actions, offboarded);
  return {
    id: machine.id,
    name: machine.computerDnsName ?? machine.id,
    os,
    role: roleOf(os, tags),
    users: users ?? [],
    ...(users === undefined ? { usersKnown: false as const } : {}),
    ...(tags.length > 0 ? { tags } : {}),
    online: !offboarded && isActive(machine) && now.getTime() - seenAt(machine) < ONLINE_MS,
    ...(machine.rbacGroupName ? { group: machine.rbacGroupName } : {}),
    isolated: isType(lastOf(actions, "Isolate", "Unisolate"), "Isolate"),
    restricted: isType(lastOf(actions, "RestrictCodeExecution", "UnrestrictCodeExecution"), "RestrictCodeExecution"),
    onboarded: !offboarded,
    ...(ips.size > 0 ? { ips: [...ips] } : {}),
    ...(hands.length > 0 ? { besideUs: hands } : {}),
  };
}

/** The API does not say what a server does, so only a tag can: a server without one counts as one of unknown role. */
function roleOf(os: string, tags: readonly string[]): DeviceFacts["role"] {
  if (tags.some((tag) => /^(dc|domain[ _-]?controller)$/i.test(tag.trim()))) return "domain-controller";
  if (/server/i.test(os)) return "unknown";
  return /^(windows ?(7|8|10|11)|macos|android|ios)/i.test(os) ? "workstation" : "unknown";
}
