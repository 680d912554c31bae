import type { Entity, EntityOf } from "../domain/entity.ts";
import { Entity as EntitySchema } from "../domain/entity.ts";
import type { Observation } from "../domain/observation.ts";
import { WEIGHTS } from "../domain/verdict.ts";
import type { AutostartFacts } from "../ports.ts";
import type { Look, LookContext } from "./analyzer.ts";
import { defineAnalyzer } from "./analyzer.ts";
import { AUTOSTART_KEYS, canonicalKey } from "./autostart-keys.ts";
import { brief } from "./brief.ts";
import { matchCommandLine, normalizeCommandLine } from "./command-line.ts";
import { inOpenFolder } from "./command-line-words.ts";
import { deviceNamed, findDevice } from "./on-device.ts";
import { baseName, isCommonProgram } from "./programs.ts";

/** What is older was there before the incident. */
const FRESH_DAYS = 7;
const DAY = 86_400_000;
/** A device has some hundreds; beyond this somebody pads. */
const MAX_AUTOSTARTS = 2000;
const MAX_COMMAND = 8191;
/** Lines read with the rules for command lines: the fresh ones first. */
const MAX_LINES = 60;
const MAX_TOLD = 3;
const MAX_FOUND = 10;

type Kinds = "device" | "process" | "file" | "registry" | "service" | "scheduled-task";

export const persistence = defineAnalyzer<Kinds>({
  name: "persistence",
  about: "Reads what starts by itself on the device: whether it runs the thing at hand, is new, unsigned or lies where anybody can write.",
  kinds: ["device", "process", "file", "registry", "service", "scheduled-task"],
  looks: (entity, capabilities, context) => {
    const looks: Look[] = [];
    if (entity.kind === "registry") {
      looks.push({ key: "persistence/air", source: "air", family: "air-rules", run: () => judgeKey(entity, context.now) });
    }
    const devices = capabilities.devices;
    const named =
      entity.kind === "device" ? (entity.name ?? entity.id) : deviceNamed(entity.kind === "registry" ? undefined : entity.device, context);
    if (!devices?.autostarts || !named) return looks;
    const read = devices.autostarts.bind(devices);
    looks.push({
      key: `persistence/${devices.connector}`,
      perDevice: true,
      source: devices.connector,
      family: "endpoint",
      run: async (signal) => {
        const facts = await findDevice(devices, named, signal);
        const autostarts = facts ? await read(facts.id, signal) : undefined;
        return judgeAutostarts({ entity, device: facts?.name ?? named, autostarts, source: devices.connector, context });
      },
    });
    return looks;
  },
});

/** What a key is for, by itself: no device is asked. */
function judgeKey(entity: EntityOf<"registry">, now: Date): Observation[] {
  const shared = { analyzer: "persistence", source: "air", family: "air-rules", at: now } as const;
  const key = canonicalKey(entity.key);
  const value = (entity.value ?? "").toLowerCase().slice(0, MAX_COMMAND);
  const rule = AUTOSTART_KEYS.find((each) => each.matches(key, value));
  if (!rule) return [{ ...shared, label: "neutral", weight: 0, text: "Nothing is known to start through this key." }];
  // The value may be a name or what stands in it; only the latter says what is started.
  const startsOddly =
    inOpenFolder(normalizeCommandLine(value)) ||
    matchCommandLine(entity.value ?? "").hits.some(({ rule: { strength } }) => strength === "strong");
  const strength = rule.strength === "place" ? (startsOddly ? "weak" : "place") : rule.strength;
  const what = startsOddly ? ", and what it names lies where anybody can write or is written as attackers do" : "";
  return [
    {
      ...shared,
      label: strength === "strong" ? "malicious" : strength === "weak" ? "suspicious" : "neutral",
      weight: strength === "strong" ? WEIGHTS.ruleStrong : strength === "weak" ? WEIGHTS.ruleWeak : 0,
      text: `This key ${rule.does}${what} (rule ${rule.name}, ${rule.technique}).`,
      technique: rule.technique,
      raw: { rule: rule.name, source: rule.source },
    },
  ];
}

type Subject = EntityOf<Kinds>;
type Judged = {
  autostart: AutostartFacts;
  traits: string[];
  strength: "malicious" | "strong" | "weak" | "none";
  text: string;
  technique: string;
};

function judgeAutostarts(given: {
  entity: Subject;
  device: string;
  autostarts: readonly AutostartFacts[] | undefined;
  source: string;
  context: LookContext;
}): Observation[] {
  const { entity, device, autostarts, context } = given;
  const shared = { analyzer: "persistence", source: given.source, family: "endpoint", at: context.now } as const;
  const neutral = (text: string, more: Partial<Observation> = {}): Observation[] => [
    { ...shared, label: "neutral", weight: 0, text, ...more },
  ];
  if (!autostarts) return neutral(`The sensor does not know the device ${brief(device)}.`);
  const listed = autostarts.slice(0, MAX_AUTOSTARTS);
  const about =
    entity.kind === "device"
      ? listed.filter((autostart) => isFresh(autostart, context.now))
      : listed.filter((autostart) => concerns(autostart, entity));
  if (about.length === 0) {
    return neutral(
      entity.kind === "device"
        ? `None of the ${listed.length} things that start by themselves is new within ${FRESH_DAYS} days.`
        : entity.kind === "file" || entity.kind === "process"
          ? "Nothing on the device starts it by itself."
          : "The device does not list it among what starts by itself.",
    );
  }
  const judged = about.slice(0, MAX_LINES).map((autostart) => judgeOne(autostart, context.now));
  const accused = judged
    .filter(({ strength }) => strength !== "none")
    .sort((a, b) => WORST.indexOf(a.strength) - WORST.indexOf(b.strength));
  const tied = entity.kind === "file" || entity.kind === "process" ? judged : entity.kind === "device" ? accused : [];
  const found = tied.flatMap(({ autostart }) => entityOf(autostart, device)).slice(0, MAX_FOUND);
  const more = found.length > 0 ? { found } : {};
  const [worst] = accused;
  const told = (accused.length > 0 ? accused : judged).slice(0, MAX_TOLD).map(({ text }) => text);
  const rest = (accused.length > 0 ? accused : judged).length - told.length;
  const text = `${told.join(" ")}${rest > 0 ? ` And ${rest} more.` : ""}`;
  if (!worst) return neutral(text, more);
  return [
    {
      ...shared,
      label: worst.strength === "malicious" ? "malicious" : "suspicious",
      weight:
        worst.strength === "malicious" ? WEIGHTS.treeStrong : worst.strength === "strong" ? WEIGHTS.autostartStrong : WEIGHTS.autostartWeak,
      text,
      technique: worst.technique,
      raw: accused.slice(0, MAX_FOUND).map(({ autostart, traits }) => ({ ...autostart, command: brief(autostart.command, 500), traits })),
      ...more,
    },
  ];
}
const WORST: readonly Judged["strength"][] = ["malicious", "strong", "weak", "none"];

const isFresh = ({ createdAt }: AutostartFacts, now: Date) =>
  createdAt !== undefined && now.getTime() - createdAt.getTime() <= FRESH_DAYS * DAY;

function judgeOne(autostart: AutostartFacts, now: Date): Judged {
  const { strength, rule } = commandRule(autostart);
  const traits = [
    ...(isFresh(autostart, now) ? ["new"] : []),
    ...(autostart.signer ? [] : ["unsigned"]),
    ...(inOpenFolder(normalizeCommandLine(autostart.command.slice(0, MAX_COMMAND))) ? ["in a folder anybody can write to"] : []),
  ];
  const technique = rule?.technique ?? TECHNIQUES[autostart.kind];
  const because = rule ? `, which ${rule.does}` : traits.length > 0 ? ` (${traits.join(", ")})` : "";
  return {
    autostart,
    traits,
    // By itself "new and unsigned" is every tool an administrator wrote; where it lies makes the difference.
    strength:
      strength ??
      (traits.length === 3 ? "strong" : traits.includes("in a folder anybody can write to") && traits.length === 2 ? "weak" : "none"),
    technique,
    text: `The ${WORD[autostart.kind]} ${brief(nameOf(autostart), 160)} starts ${brief(autostart.command, 160)}${because} (${technique}).`,
  };
}

function commandRule({ command }: AutostartFacts) {
  const hit = matchCommandLine(command.slice(0, MAX_COMMAND)).hits.find(({ rule }) => rule.strength === "strong");
  return hit ? { strength: "malicious" as const, rule: hit.rule } : { strength: undefined, rule: undefined };
}

const WORD: Record<AutostartFacts["kind"], string> = {
  registry: "registry value",
  service: "service",
  driver: "driver",
  "scheduled-task": "scheduled task",
  "startup-folder": "startup entry",
  wmi: "WMI subscription",
};
/** attack.mitre.org/techniques/T1547, T1543, T1053, T1546. */
const TECHNIQUES: Record<AutostartFacts["kind"], string> = {
  registry: "T1547.001",
  service: "T1543.003",
  driver: "T1543.003",
  "scheduled-task": "T1053.005",
  "startup-folder": "T1547.001",
  wmi: "T1546.003",
};
const nameOf = ({ name, value }: AutostartFacts) => (value ? `${name}\\${value}` : name);

function concerns(autostart: AutostartFacts, entity: Exclude<Subject, { kind: "device" }>): boolean {
  switch (entity.kind) {
    case "registry": {
      if (autostart.kind !== "registry" || canonicalKey(autostart.name) !== canonicalKey(entity.key)) return false;
      const value = entity.value?.toLowerCase();
      return value === undefined || value === autostart.value?.toLowerCase() || value === autostart.command.toLowerCase();
    }
    case "service":
      return autostart.kind === "service" && sameName(autostart.name, entity.name);
    case "scheduled-task":
      return autostart.kind === "scheduled-task" && sameName(autostart.name, entity.name);
    case "file":
    case "process":
      return runsIt(autostart.command.slice(0, MAX_COMMAND), entity);
    default:
      return entity satisfies never;
  }
}
const sameName = (a: string, b: string) => a.toLowerCase().replace(/^\\+/, "") === b.toLowerCase().replace(/^\\+/, "");

function runsIt(command: string, entity: EntityOf<"file"> | EntityOf<"process">): boolean {
  const name = baseName(entity.path ?? entity.name ?? "");
  if (entity.kind === "process" && entity.commandLine && command === entity.commandLine) return true;
  // What a shell starts is not the shell; only its whole line would say so.
  if (name === "" || isCommonProgram(name)) return false;
  const line = normalizeCommandLine(command)
    .replaceAll("%appdata%", "\\appdata\\roaming")
    .replaceAll("%localappdata%", "\\appdata\\local")
    .replaceAll("%temp%", "\\appdata\\local\\temp");
  const path = entity.path?.toLowerCase();
  if (path === undefined || !/[\\/]/.test(path)) return namesIt(line, name);
  // A profile has another name in every spelling; below it the path is the same.
  const tail = path.includes("\\appdata\\") ? path.slice(path.indexOf("\\appdata\\")) : path;
  return namesIt(line, path) || namesIt(line, tail);
}
/** The path or name as a whole, not as the end of another name. */
function namesIt(line: string, wanted: string): boolean {
  const at = line.indexOf(wanted);
  if (at === -1) return false;
  const [before, after] = [line[at - 1], line[at + wanted.length]];
  if (after !== undefined && /[a-z0-9_.-]/.test(after)) return false;
  return wanted.startsWith("\\") || before === undefined || ["\\", "/", " ", "=", ","].includes(before);
}

function entityOf(autostart: AutostartFacts, device: string): Entity[] {
  const { name, value } = autostart;
  const candidate = (() => {
    switch (autostart.kind) {
      case "registry":
        return { kind: "registry", key: name, ...(value ? { value } : {}) };
      case "service":
        return { kind: "service", name, device };
      case "driver":
        return { kind: "driver", name, device };
      case "scheduled-task":
        return { kind: "scheduled-task", name, device };
      case "startup-folder":
        return { kind: "file", path: name, device };
      case "wmi":
        return { kind: "generic", type: "wmi-subscription", value: `${name} on ${device}` };
      default:
        return autostart.kind satisfies never;
    }
  })();
  const entity = EntitySchema.safeParse(candidate).data;
  return entity ? [entity] : [];
}
