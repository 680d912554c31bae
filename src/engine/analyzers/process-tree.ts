import type { Entity, EntityOf } from "../domain/entity.ts";
import { Entity as EntitySchema } from "../domain/entity.ts";
import { reservedAddress } from "../domain/never-act.ts";
import type { Observation } from "../domain/observation.ts";
import { WEIGHTS } from "../domain/verdict.ts";
import type { ProcessFacts } from "../ports.ts";
import type { LookContext } from "./analyzer.ts";
import { defineAnalyzer } from "./analyzer.ts";
import { brief } from "./brief.ts";
import { matchCommandLine, normalizeCommandLine } from "./command-line.ts";
import { deviceNamed, findDevice } from "./on-device.ts";
import type { ProcessTreeRule, TreeProcess } from "./process-tree-rules.ts";
import { PROCESS_TREE_RULES } from "./process-tree-rules.ts";
import { baseName, inInstalledFolder, isCommonProgram, LAUNCHERS } from "./programs.ts";
import { weakSign } from "./weak-signs.ts";

/** A busy server starts thousands; what belongs together stands near. */
const MAX_PROCESSES = 500;
/** Runs of one file, and lines below it that are read: a sensor that tells more tells the same again. */
const MAX_RUNS = 20;
const MAX_LINES = 60;
/** cmd takes no longer line (learn.microsoft.com/troubleshoot/windows-client/shell-experience/command-line-string-limitation). */
const MAX_LINE = 8191;
/** How far below (or above) a process something still speaks about it. */
const MAX_DISTANCE = 3;
const MAX_OBSERVATIONS = 5;
/** Per kind of thing taken up as evidence. */
const MAX_FOUND = 10;

export const processTree = defineAnalyzer({
  name: "process-tree",
  about: "Reads what started what on the device, and judges who started a shell, who posed as Windows and who spoke to the internet.",
  kinds: ["process", "file"],
  looks: (entity, capabilities, context) => {
    const devices = capabilities.devices;
    const device = deviceNamed(entity.device, context);
    if (!devices?.processTree || !device) return [];
    const read = devices.processTree.bind(devices);
    return [
      {
        key: `process-tree/${devices.connector}`,
        perDevice: true,
        source: devices.connector,
        family: "endpoint",
        run: async (signal) => {
          const facts = await findDevice(devices, device, signal);
          const processes = facts ? await read(facts.id, entity, signal) : undefined;
          return judgeTree({ entity, device: facts?.name ?? device, processes, source: devices.connector, context });
        },
      },
    ];
  },
});

type Subject = EntityOf<"process"> | EntityOf<"file">;
type Accusation = Pick<ProcessTreeRule, "name" | "strength" | "technique" | "source"> & { process: TreeProcess; text: string };

function judgeTree(given: {
  entity: Subject;
  device: string;
  processes: readonly ProcessFacts[] | undefined;
  source: string;
  context: LookContext;
}): Observation[] {
  const { entity, device, processes, context } = given;
  const shared = { analyzer: "process-tree", source: given.source, family: "endpoint", at: context.now } as const;
  const neutral = (text: string, more: Partial<Observation> = {}): Observation[] => [
    { ...shared, label: "neutral", weight: 0, text, ...more },
  ];
  if (!processes) return neutral(`The sensor does not know the device ${brief(device)}.`);
  const tree = treeOf(processes.slice(0, MAX_PROCESSES), context.organization.internalRanges);
  const own = tree.filter((process) => isSubject(entity, process.facts)).slice(0, MAX_RUNS);
  if (own.length === 0) return neutral("The sensor saw no process of it.");
  if (own.length > 1 && entity.kind === "process" && entity.pid === undefined && !entity.commandLine && !entity.sha256)
    return neutral(`${own.length} processes of that name ran, and the alert does not say which.`);

  const hits = rulesMet();
  const accusations = worstFirst([...own.flatMap((process) => accusedOf(process, hits)), ...commandsBelow(own), ...commandAbove(own)]);
  // A shell's deeds are not the shell's: its file is the same on every device.
  const borrowed = entity.kind === "file" && own.every(({ facts }) => isSomebodyElses(facts));
  const matters = (accusations.length > 0 || own.some(({ facts }) => !isSomebodyElses(facts))) && !borrowed;
  const found = matters ? foundBelow(own, accusations, { entity, device, known: context.entities.map((named) => named.entity) }) : [];
  const more = found.length > 0 ? { found } : {};
  if (accusations.length === 0) {
    const count = own.reduce((sum, process) => sum + below(process).length, 0);
    return neutral(`Nothing odd about what started it and what it started (${count} ${count === 1 ? "process" : "processes"}).`, more);
  }
  if (borrowed) {
    return neutral(`${accusations[0]?.text} The program itself is used by everybody and is not accused.`, {
      raw: { rules: accusations.map(({ name }) => name) },
    });
  }
  let weak = 0;
  return accusations.map((accusation, index): Observation => {
    const strong = accusation.strength === "strong";
    return {
      ...shared,
      label: strong ? "malicious" : "suspicious",
      weight: strong ? WEIGHTS.treeStrong : weakSign(WEIGHTS.treeWeak, weak++),
      text: accusation.text,
      technique: accusation.technique,
      raw: { rule: accusation.name, source: accusation.source, pid: accusation.process.pid },
      ...(index === 0 ? more : {}),
    };
  });
}

type KnownProcess = TreeProcess & { facts: ProcessFacts };

function treeOf(processes: readonly ProcessFacts[], internalRanges: readonly string[]): KnownProcess[] {
  const tree = processes.map(
    (facts): KnownProcess => ({
      facts,
      pid: facts.pid,
      name: baseName(facts.name),
      path: (facts.path ?? "").toLowerCase(),
      line: normalizeCommandLine((facts.commandLine ?? "").slice(0, MAX_LINE)),
      written: (facts.commandLine ?? "").slice(0, MAX_LINE),
      signer: facts.signer,
      startedAt: facts.startedAt,
      parent: undefined,
      children: [],
      outside: [...new Set((facts.connections ?? []).map(({ ip }) => ip))].filter((ip) => isOutside(ip, internalRanges)),
    }),
  );
  const byPid = new Map<number, KnownProcess[]>();
  for (const process of tree) byPid.set(process.pid, [...(byPid.get(process.pid) ?? []), process]);
  for (const process of tree) {
    // Windows gives a number out again: the parent is the latest bearer of it that was there already.
    const parent = (byPid.get(process.facts.parentPid ?? -1) ?? [])
      .filter((candidate) => candidate !== process && candidate.startedAt <= process.startedAt)
      .sort((a, b) => b.startedAt.getTime() - a.startedAt.getTime())[0];
    if (!parent || isAbove(process, parent)) continue;
    process.parent = parent;
    parent.children.push(process);
  }
  return tree;
}
/** Contradicting facts must not make a ring. */
function isAbove(process: TreeProcess, other: TreeProcess): boolean {
  for (let above: TreeProcess | undefined = other; above; above = above.parent) if (above === process) return true;
  return false;
}
const isOutside = (ip: string, internalRanges: readonly string[]) =>
  EntitySchema.safeParse({ kind: "ip", address: ip }).success && reservedAddress(ip, internalRanges) === undefined;

function isSubject(entity: Subject, facts: ProcessFacts): boolean {
  if (entity.sha256 && facts.sha256) {
    if (entity.sha256 !== facts.sha256.toLowerCase()) return false;
    if (entity.kind === "file") return true;
    return entity.pid === undefined ? isSameLine(entity, facts) : entity.pid === facts.pid;
  }
  const samePath = entity.path !== undefined && facts.path !== undefined && entity.path.toLowerCase() === facts.path.toLowerCase();
  if (entity.kind === "file") return samePath;
  const name = entity.name ?? entity.path;
  if (name && baseName(name) !== baseName(facts.name)) return false;
  if (entity.pid !== undefined) return entity.pid === facts.pid;
  return entity.commandLine === undefined ? samePath || name !== undefined : isSameLine(entity, facts);
}
const isSameLine = (entity: EntityOf<"process">, facts: ProcessFacts) =>
  entity.commandLine === undefined || facts.commandLine === undefined || entity.commandLine === facts.commandLine;

/** A program everybody has, from where it belongs: a copy of it elsewhere is somebody's own. */
function isSomebodyElses({ name, path, signer }: ProcessFacts): boolean {
  if (signer?.toLowerCase().startsWith("microsoft")) return true;
  return isCommonProgram(baseName(name)) && (path === undefined || !path.match(/[\\/]/) || inInstalledFolder(path));
}

/** What stands below, nearest first, with how far. */
function below(process: TreeProcess): { process: TreeProcess; distance: number }[] {
  const found: { process: TreeProcess; distance: number }[] = [];
  let row = process.children;
  for (let distance = 1; distance <= MAX_DISTANCE && row.length > 0; distance++) {
    found.push(...row.map((child) => ({ process: child, distance })));
    row = row.flatMap(({ children }) => children);
  }
  return found;
}

/** Which rules a process meets, asked once however many look at it. */
function rulesMet(): (process: TreeProcess) => readonly ProcessTreeRule[] {
  const known = new Map<TreeProcess, readonly ProcessTreeRule[]>();
  return (process) => {
    const met = known.get(process) ?? PROCESS_TREE_RULES.filter((rule) => rule.matches(process));
    known.set(process, met);
    return met;
  };
}

function accusedOf(own: TreeProcess, hits: (process: TreeProcess) => readonly ProcessTreeRule[]): Accusation[] {
  const tell = (rule: ProcessTreeRule, process: TreeProcess) => {
    const parent = process.parent ? ` (${brief(process.parent.name, 60)})` : "";
    return `${brief(process.name, 60)} ${rule.does}${rule.does.includes("started") ? parent : ""} (rule ${rule.name}, ${rule.technique}).`;
  };
  const itself = hits(own).map((rule) => ({ ...rule, process: own, text: tell(rule, own) }));
  const started = LAUNCHERS.has(own.name)
    ? []
    : below(own).flatMap(({ process }) => hits(process).map((rule) => ({ ...rule, process, text: `Below it, ${tell(rule, process)}` })));
  const above: Accusation[] = [];
  for (let parent = own.parent, distance = 1; parent && distance <= MAX_DISTANCE; parent = parent.parent, distance++) {
    // Whoever was started by something bad is suspect, no more: an attacker starts harmless programs, too.
    for (const rule of hits(parent).filter(({ strength }) => strength === "strong")) {
      above.push({ ...rule, strength: "weak", process: parent, text: `Above it, ${tell(rule, parent)}` });
    }
  }
  return [...itself, ...started, ...above];
}

/** What it started is judged by what was written there. Its own line is the command-line analyzer's. */
function commandsBelow(own: readonly TreeProcess[]): Accusation[] {
  const started = new Set(own.filter(({ name }) => !LAUNCHERS.has(name)).flatMap((process) => below(process).map((each) => each.process)));
  for (const process of own) started.delete(process);
  return [...started].slice(0, MAX_LINES).flatMap((process) =>
    matchCommandLine(process.written)
      .hits.filter(({ rule }) => rule.strength === "strong")
      .map(({ rule }) => ({
        ...rule,
        process,
        text: `It started ${brief(process.name, 60)}, which ${rule.does} (rule ${rule.name}, ${rule.technique}).`,
      })),
  );
}

/** What started it may have been told something only attackers write. What both lines say counts once, for its own. */
function commandAbove(own: readonly TreeProcess[]): Accusation[] {
  return own.slice(0, MAX_LINES).flatMap((process) => {
    const parent = process.parent;
    if (!parent || LAUNCHERS.has(parent.name) || own.includes(parent)) return [];
    const known = new Set(matchCommandLine(process.written).hits.map(({ rule }) => rule.name));
    return matchCommandLine(parent.written)
      .hits.filter(({ rule }) => rule.strength === "strong" && !known.has(rule.name))
      .map(({ rule }) => ({
        ...rule,
        strength: "weak" as const,
        process: parent,
        text: `It was started by ${brief(parent.name, 60)}, which ${rule.does} (rule ${rule.name}, ${rule.technique}).`,
      }));
  });
}

/** Each rule once, strong ones first, no more than fit a card. */
function worstFirst(accusations: readonly Accusation[]): Accusation[] {
  const byRule = new Map<string, Accusation>();
  for (const accusation of accusations) {
    const known = byRule.get(accusation.name);
    if (!known || (known.strength === "weak" && accusation.strength === "strong")) byRule.set(accusation.name, accusation);
  }
  return [...byRule.values()]
    .sort((a, b) => (a.strength === b.strength ? (a.name < b.name ? -1 : 1) : a.strength === "strong" ? -1 : 1))
    .slice(0, MAX_OBSERVATIONS);
}

/** Programs and scripts: what can run again. */
const RUNNABLE = [
  ".exe",
  ".dll",
  ".scr",
  ".com",
  ".ps1",
  ".js",
  ".jse",
  ".vbs",
  ".vbe",
  ".hta",
  ".bat",
  ".cmd",
  ".lnk",
  ".msi",
  ".sys",
  ".sh",
];

function foundBelow(
  own: readonly KnownProcess[],
  accusations: readonly Accusation[],
  given: { entity: Subject; device: string; known: readonly Entity[] },
): Entity[] {
  const { entity, device, known } = given;
  const accused = new Set(accusations.map(({ process }) => process));
  const family = own.flatMap((process) => [process, ...below(process).map((each) => each.process)]) as KnownProcess[];
  const started = family
    .filter((process) => !own.includes(process) && (accused.has(process) || !isSomebodyElses(process.facts)))
    .map(({ facts, parent }) => processEntity(facts, device, parent as KnownProcess | undefined))
    .filter((process) => !known.some((other) => other.kind === "process" && isSameRun(other, process)));
  const wrote = family
    .flatMap(({ facts }) => facts.wrote ?? [])
    .filter(({ path }) => RUNNABLE.some((ending) => path.toLowerCase().endsWith(ending)))
    .filter(({ sha256 }) => entity.kind !== "file" || sha256 === undefined || sha256 !== entity.sha256)
    .map(({ path, sha256 }) => ({ kind: "file", path, name: path.split(/[\\/]/).at(-1), device, ...(sha256 ? { sha256 } : {}) }));
  const spoken = family.filter((process) => accused.has(process)).flatMap(({ outside }) => outside);
  const addresses = [...new Set(spoken)].map((address) => ({ kind: "ip", address }));
  return [...unique(started), ...unique(wrote), ...addresses.slice(0, MAX_FOUND)].flatMap((candidate) => {
    // What a sensor reports may be longer than anything we keep: then it stays in the text.
    const entity = EntitySchema.safeParse(candidate).data;
    return entity ? [entity] : [];
  });
}
function unique<T>(things: readonly T[]): T[] {
  return [...new Map(things.map((thing) => [JSON.stringify(thing), thing])).values()].slice(0, MAX_FOUND);
}
function processEntity(facts: ProcessFacts, device: string, parent: KnownProcess | undefined): EntityOf<"process"> {
  const { name, path, commandLine, pid } = facts;
  const above = parent?.facts.path ?? parent?.facts.name;
  return {
    kind: "process",
    name,
    pid,
    device,
    ...(path ? { path } : {}),
    ...(commandLine ? { commandLine } : {}),
    ...(facts.sha256 ? { sha256: facts.sha256.toLowerCase() } : {}),
    ...(above ? { parent: above } : {}),
  };
}
/** An alert often names a run without its number; it must not become evidence twice. */
const isSameRun = (named: EntityOf<"process">, seen: EntityOf<"process">) =>
  named.pid !== undefined && named.pid === seen.pid
    ? true
    : named.pid === undefined && named.commandLine !== undefined && named.commandLine === seen.commandLine;
