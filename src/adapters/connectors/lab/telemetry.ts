import type { Entity, EntityOf } from "../../../engine/domain/entity.ts";
import { deviceName } from "../../../engine/domain/entity.ts";
import { reservedAddress } from "../../../engine/domain/never-act.ts";
import type { AutostartFacts, ProcessFacts } from "../../../engine/ports.ts";
import type { LabAutostart, LabProcess, LabTelemetry } from "./world.ts";

/*
 * What the lab's sensor saw on a device. Nothing is made up about an alert's things: a process was started by what the alert names as its
 * parent, spoke to an address where the alert names one process and addresses, and made start what its line says.
 */

const MAX_PROCESSES = 200;
const MAX_AUTOSTARTS = 100;
const MAX_LINE = 8191;

export const NO_TELEMETRY: LabTelemetry = { processes: [], autostarts: [] };

/** What was there before, and what these entities of one alert add on this device. Asked twice, it adds nothing the second time. */
export function observe(before: LabTelemetry, entities: readonly Entity[], device: string, now: Date): LabTelemetry {
  const here = entities.filter((entity) => liesOn(entity, device, entities));
  const named = here.filter((entity) => entity.kind === "process");
  const files = here.filter((entity) => entity.kind === "file");
  const processes = before.processes.map((process) => ({ ...process }));
  const startedAt = now.toISOString();
  const add = (process: Omit<LabProcess, "pid" | "startedAt">, pid = nextPid(processes)): LabProcess => {
    const added = { ...process, pid, startedAt };
    if (processes.length < MAX_PROCESSES) processes.push(added);
    return added;
  };

  const seen = named.map((entity) => {
    const known = processes.find((process) => isRun(process, entity));
    return { entity, process: known ?? add(processOf(entity, files), entity.pid) };
  });
  for (const { entity, process } of seen) {
    if (!entity.parent || process.parentPid !== undefined) continue;
    const above =
      processes.find((other) => other !== process && runsFrom(other, entity.parent ?? "")) ?? add(programAt(entity.parent, files));
    if (above.parentPid === process.pid) continue;
    process.parentPid = above.pid;
    // Nobody is younger than whom he started.
    if (above.startedAt > process.startedAt) above.startedAt = process.startedAt;
  }
  const [only] = seen;
  const outside = entities.flatMap((entity) => (entity.kind === "ip" && !reservedAddress(entity.address) ? [entity.address] : []));
  if (seen.length === 1 && only && outside.length > 0) {
    const known = only.process.connections ?? [];
    const fresh = outside.filter((ip) => !known.some((connection) => connection.ip === ip));
    only.process.connections = [...known, ...fresh.map((ip) => ({ ip, port: 443, at: startedAt }))].slice(0, 50);
  }
  for (const { process } of seen) {
    const fresh = files.filter((file) => downloaded(process, file) && !process.wrote?.some(({ path }) => path === file.path));
    if (fresh.length === 0) continue;
    process.wrote = [
      ...(process.wrote ?? []),
      ...fresh.map(({ path, sha256 }) => ({ path: path ?? "", ...(sha256 ? { sha256 } : {}) })),
    ].slice(0, 50);
  }
  return { processes, autostarts: autostartsOf(before.autostarts, here, startedAt) };
}

/** An entity that names no device lies on the alert's only one. */
function liesOn(entity: Entity, device: string, entities: readonly Entity[]): boolean {
  const own = "device" in entity ? entity.device : undefined;
  if (own !== undefined) return deviceName(own) === deviceName(device);
  const names = new Set(entities.flatMap((other) => (other.kind === "device" ? [deviceName(other.name ?? other.id ?? "")] : [])));
  return names.size === 1 && names.has(deviceName(device));
}

const base = (path: string) => path.split(/[\\/]/).at(-1) ?? path;
const isPath = (text: string) => /[\\/]/.test(text);
const same = (a: string | undefined, b: string | undefined) => a !== undefined && a.toLowerCase() === b?.toLowerCase();

/** Windows counts in fours. */
const nextPid = (processes: readonly LabProcess[]) => Math.max(4000, ...processes.map(({ pid }) => pid)) + 4;

function processOf(entity: EntityOf<"process">, files: readonly EntityOf<"file">[]): Omit<LabProcess, "pid" | "startedAt"> {
  const { path, commandLine, sha256, user } = entity;
  const image = files.find((file) => (sha256 !== undefined && sha256 === file.sha256) || same(file.path, path));
  const hash = sha256 ?? image?.sha256;
  return {
    name: entity.name ?? (path ? base(path) : base(commandLine?.split(" ")[0]?.replaceAll('"', "") ?? "process")),
    ...(path ? { path } : {}),
    ...(commandLine ? { commandLine: commandLine.slice(0, MAX_LINE) } : {}),
    ...(hash ? { sha256: hash } : {}),
    ...(image?.signer ? { signer: image.signer } : {}),
    ...(user ? { user } : {}),
  };
}

function programAt(path: string, files: readonly EntityOf<"file">[]): Omit<LabProcess, "pid" | "startedAt"> {
  const image = files.find((file) => same(file.path, path) || same(file.name, base(path)));
  return {
    name: base(path),
    ...(isPath(path) ? { path } : {}),
    ...(image?.sha256 ? { sha256: image.sha256 } : {}),
    ...(image?.signer ? { signer: image.signer } : {}),
  };
}

function isRun(process: LabProcess, entity: EntityOf<"process">): boolean {
  const name = entity.name ?? (entity.path ? base(entity.path) : undefined);
  if (name !== undefined && !same(process.name, base(name))) return false;
  if (entity.pid !== undefined) return process.pid === entity.pid;
  if (entity.commandLine !== undefined) return process.commandLine === entity.commandLine.slice(0, MAX_LINE);
  return entity.sha256 !== undefined ? process.sha256 === entity.sha256 : same(process.path, entity.path) || name !== undefined;
}
const runsFrom = (process: LabProcess, path: string) =>
  isPath(path) && process.path ? same(process.path, path) : same(process.name, base(path));

/** A line with an address and the file's path in it fetched that file. */
function downloaded(process: LabProcess, file: EntityOf<"file">): boolean {
  const line = process.commandLine?.toLowerCase() ?? "";
  if (!file.path || same(file.path, process.path) || (file.sha256 !== undefined && file.sha256 === process.sha256)) return false;
  return /https?:\/\//.test(line) && line.includes(file.path.toLowerCase());
}

function autostartsOf(before: readonly LabAutostart[], here: readonly Entity[], createdAt: string): LabAutostart[] {
  const autostarts = [...before];
  const add = (autostart: Omit<LabAutostart, "createdAt">) => {
    const known = autostarts.some(
      (other) => other.kind === autostart.kind && same(other.name, autostart.name) && (other.value ?? "") === (autostart.value ?? ""),
    );
    if (!known && autostart.command !== "" && autostarts.length < MAX_AUTOSTARTS) autostarts.push({ ...autostart, createdAt });
  };
  for (const entity of here) {
    if (entity.kind === "process") for (const autostart of madeBy(entity.commandLine ?? "")) add(autostart);
  }
  // What a key or service starts stands in no alert; beside one file with a place it is that file.
  const placed = here.filter((entity) => entity.kind === "file" && entity.path !== undefined) as EntityOf<"file">[];
  const [file] = placed;
  if (placed.length !== 1 || !file?.path) return autostarts;
  const started = { command: file.path, ...(file.signer ? { signer: file.signer } : {}) };
  for (const entity of here) {
    if (entity.kind === "registry")
      add({ kind: "registry", name: entity.key, ...(entity.value ? { value: entity.value } : {}), ...started });
    else if (entity.kind === "service" || entity.kind === "scheduled-task" || entity.kind === "driver") {
      add({ kind: entity.kind, name: entity.name, ...started });
    }
  }
  return autostarts;
}

/** `reg add`, `schtasks /create` and `sc create` say what they make start. */
function madeBy(commandLine: string): Omit<LabAutostart, "createdAt">[] {
  const line = commandLine.slice(0, MAX_LINE);
  const lowered = line.toLowerCase();
  const after = (flag: string): string => {
    const at = lowered.indexOf(flag);
    if (at === -1) return "";
    const rest = line.slice(at + flag.length).trimStart();
    return rest.startsWith('"') ? (rest.slice(1).split('"')[0] ?? "") : (rest.split(" ")[0] ?? "");
  };
  if (lowered.includes("reg") && lowered.includes(" add ") && lowered.includes("\\currentversion\\run")) {
    return [{ kind: "registry", name: after(" add "), value: after(" /v "), command: after(" /d ") }];
  }
  if (lowered.includes("schtasks") && lowered.includes("/create")) {
    return [{ kind: "scheduled-task", name: after(" /tn "), command: after(" /tr ") }].filter(({ name }) => name !== "") as LabAutostart[];
  }
  const create = " create ";
  if (/\bsc(\.exe)?\b/.test(lowered) && lowered.includes(create) && lowered.includes("binpath=")) {
    return [{ kind: "service", name: after(create), command: after("binpath=") }];
  }
  return [];
}

type Given<T> = { [K in keyof T]?: Exclude<T[K], undefined> };
const given = <T extends object>(fields: T) =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Given<T>;

/** The processes around one, or all that run the file: whoever is connected with them by who started whom. */
export function treeAround({ processes }: LabTelemetry, around: EntityOf<"process"> | EntityOf<"file">): ProcessFacts[] {
  const wanted = processes.filter((process) =>
    around.kind === "process"
      ? isRun(process, around)
      : around.sha256 && process.sha256
        ? around.sha256 === process.sha256
        : same(process.path, around.path),
  );
  const reached = new Set(wanted);
  for (let size = -1; size !== reached.size; ) {
    size = reached.size;
    for (const process of processes) {
      const touches = [...reached].some((other) => other.pid === process.parentPid || other.parentPid === process.pid);
      if (touches) reached.add(process);
    }
  }
  return [...reached].map(
    ({ pid, name, startedAt, connections, wrote, ...more }): ProcessFacts => ({
      pid,
      name,
      startedAt: new Date(startedAt),
      ...given(more),
      ...(connections ? { connections: connections.map(({ at, ...connection }) => ({ ...connection, at: new Date(at) })) } : {}),
      ...(wrote ? { wrote: wrote.map(({ path, sha256 }) => ({ path, ...(sha256 ? { sha256 } : {}) })) } : {}),
    }),
  );
}

/** What starts on every Windows of the company, and what was seen being added. */
export function autostartsOn({ autostarts }: LabTelemetry, os: string): AutostartFacts[] {
  return [
    ...(os.startsWith("Windows") ? ALWAYS : []),
    ...autostarts.map(
      ({ kind, name, command, createdAt, ...more }): AutostartFacts => ({
        kind,
        name,
        command,
        createdAt: new Date(createdAt),
        ...given(more),
      }),
    ),
  ];
}
const ALWAYS: readonly AutostartFacts[] = [
  {
    kind: "registry",
    name: "HKCU\\Software\\Microsoft\\Windows\\CurrentVersion\\Run",
    value: "OneDrive",
    command: '"C:\\Program Files\\Microsoft OneDrive\\OneDrive.exe" /background',
    signer: "Microsoft Corporation",
  },
  {
    kind: "scheduled-task",
    name: "\\Contoso\\Inventory",
    command: '"C:\\Program Files\\Contoso\\inventory.exe" /daily',
    signer: "Contoso IT Tools",
  },
];
