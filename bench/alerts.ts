import { createHash, randomBytes } from "node:crypto";

/** One alert in air's generic format. */
export type BenchAlert = {
  id: string;
  title: string;
  severity: string;
  category?: string;
  detectedAt?: string;
  entities: Record<string, unknown>[];
};

const run = randomBytes(3).toString("hex");
const start = randomBytes(3).readUIntBE(0, 3);
let last = 0;

/** Different from every other name of this and nearly every other run: an alert with its own things makes its own incident. */
function fresh(): { id: string; n: number; hash: Buffer } {
  const n = ++last;
  const id = `bench-${run}-${n}`;
  return { id, n, hash: createHash("sha256").update(id).digest() };
}

/** 2001:db8::/32 is nobody's address on the public internet, and is looked up like one; one address a number. */
function address(n: number): string {
  const at = (start + n) % 2 ** 22;
  return `2001:db8:${(at >> 16).toString(16)}:${(at & 0xffff).toString(16)}::1`;
}

/** The alert of the speed rows: a device, a person, an address and a file, all of them new. */
export function freshAlert(severity?: string): BenchAlert {
  const { id, n, hash } = fresh();
  return {
    id,
    title: `Suspicious outbound connection ${id}`,
    severity: severity ?? ["low", "medium", "high"][n % 3] ?? "low",
    category: "CommandAndControl",
    detectedAt: new Date().toISOString(),
    entities: [
      { kind: "device", name: `host-${run}-${n}` },
      { kind: "user", email: `user-${run}-${n}@bench.example` },
      { kind: "ip", address: address(n) },
      { kind: "file", sha256: hash.toString("hex") },
    ],
  };
}

/** Leads to an isolation that a person must approve. */
export function dumpAlert(): BenchAlert {
  const { id, n } = fresh();
  const device = `WS-${run}-${n}`;
  const commandLine = "rundll32.exe C:\\Windows\\System32\\comsvcs.dll, MiniDump 640 C:\\Temp\\lsass.dmp full";
  return {
    id,
    title: `Credential dumping ${id}`,
    severity: "high",
    category: "CredentialAccess",
    detectedAt: new Date().toISOString(),
    entities: [
      { kind: "device", name: device },
      { kind: "process", name: "rundll32.exe", commandLine, pid: 4000 + (n % 1000), device, verdict: "malicious" },
    ],
  };
}

const HOSTS = 300;
const DAY = 86_400_000;

type Noise = { title: string; severity: string; category: string; share: number; entities: (day: Dice) => Record<string, unknown>[] };
/** A seeded dice, so that every run has the same day. */
type Dice = { below: (n: number) => number; host: string; user: string };

/** What fills a queue: the same few rules, over and over, on the same machines. Shares are per mille. */
const NOISE: readonly Noise[] = [
  {
    title: "Sign-in from a new device",
    severity: "informational",
    category: "InitialAccess",
    share: 170,
    entities: ({ user }) => [{ kind: "user", email: user }],
  },
  {
    title: "Failed sign-ins above the usual",
    severity: "low",
    category: "CredentialAccess",
    share: 160,
    entities: ({ user, below }) => [
      { kind: "user", email: user },
      { kind: "ip", address: `100.64.200.${below(200)}` },
    ],
  },
  {
    title: "Connection to a rarely seen address",
    severity: "low",
    category: "CommandAndControl",
    share: 150,
    entities: ({ host, below }) => [
      { kind: "device", name: host },
      { kind: "ip", address: `100.65.${below(20)}.${below(250)}` },
    ],
  },
  {
    title: "USB storage attached",
    severity: "informational",
    category: "Exfiltration",
    share: 110,
    entities: ({ host, user }) => [
      { kind: "device", name: host },
      { kind: "user", email: user },
    ],
  },
  {
    title: "Unsigned program started for the first time",
    severity: "low",
    category: "Execution",
    share: 120,
    entities: ({ host, below }) => [
      { kind: "device", name: host },
      { kind: "file", name: `tool${below(60)}.exe`, sha256: digest(`tool ${below(60)}`), device: host },
    ],
  },
  {
    title: "PowerShell started by an office program",
    severity: "medium",
    category: "Execution",
    share: 60,
    entities: ({ host, below }) => [
      { kind: "device", name: host },
      {
        kind: "process",
        name: "powershell.exe",
        commandLine: "powershell.exe -File \\\\files\\it\\inventory.ps1",
        pid: 1000 + below(8000),
        device: host,
      },
    ],
  },
  {
    title: "Remote management tool used",
    severity: "low",
    category: "LateralMovement",
    share: 70,
    entities: ({ host, user }) => [
      { kind: "device", name: host },
      { kind: "user", email: user },
    ],
  },
  {
    title: "Scheduled task created",
    severity: "informational",
    category: "Persistence",
    share: 60,
    entities: ({ host, below }) => [
      { kind: "device", name: host },
      {
        kind: "process",
        name: "schtasks.exe",
        commandLine: "schtasks.exe /create /tn Updater /tr C:\\Tools\\update.exe",
        pid: 1000 + below(8000),
        device: host,
      },
    ],
  },
  {
    title: "Mail with a link to a new domain",
    severity: "low",
    category: "Phishing",
    share: 60,
    entities: ({ user, below }) => [
      { kind: "url", url: `https://news${below(80)}.example/read` },
      { kind: "mailbox", address: user },
    ],
  },
  {
    title: "Inbox rule created",
    severity: "medium",
    category: "Persistence",
    share: 20,
    entities: ({ user }) => [{ kind: "user", email: user }],
  },
  {
    title: "Unwanted software found",
    severity: "medium",
    category: "UnwantedSoftware",
    share: 12,
    entities: ({ host, below }) => [
      { kind: "device", name: host },
      { kind: "file", name: "toolbar.exe", sha256: digest(`toolbar ${below(10)}`), device: host, verdict: "suspicious" },
    ],
  },
  {
    title: "Malware was blocked",
    severity: "medium",
    category: "Malware",
    share: 5,
    entities: ({ host, below }) => [
      { kind: "device", name: host },
      {
        kind: "file",
        name: "setup.exe",
        sha256: digest(`blocked ${below(5)}`),
        device: host,
        verdict: "malicious",
        remediation: "prevented",
      },
    ],
  },
  // What a product is sure of and wrong about.
  {
    title: "Possible exfiltration to cloud storage",
    severity: "high",
    category: "Exfiltration",
    share: 3,
    entities: ({ host, user }) => [
      { kind: "device", name: host },
      { kind: "user", email: user },
    ],
  },
];

/** Each kind as often as its share. */
const WHEEL: readonly Noise[] = NOISE.flatMap((kind) => Array.from({ length: kind.share }, () => kind));

const digest = (text: string) => createHash("sha256").update(text).digest("hex");

/** One day of a company with 300 machines: `count` alerts in the order of their time, one in 375 of them real. */
export function mixedDay(count: number): { alerts: BenchAlert[]; real: number; bySeverity: Record<string, number> } {
  let seed = 20_261_122;
  const below = (n: number) => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((seed / 2 ** 32) * n);
  };
  const began = Date.now() - DAY;
  let real = 0;
  const alerts = Array.from({ length: count }, (_, index): BenchAlert => {
    const detectedAt = new Date(began + Math.floor(((index + 0.5) / count) * DAY)).toISOString();
    if (index % 375 === 200) {
      real++;
      return { ...dumpAlert(), detectedAt };
    }
    const number = below(HOSTS);
    // Most of what a machine's owner does happens on that machine.
    const dice: Dice = { below, host: `WS-${String(number).padStart(4, "0")}`, user: `person${number}@bench.example` };
    const kind = WHEEL[below(WHEEL.length)];
    if (!kind) throw new Error("There is no noise.");
    const { title, severity, category } = kind;
    return { id: fresh().id, title, severity, category, detectedAt, entities: kind.entities(dice) };
  });
  const bySeverity: Record<string, number> = {};
  for (const alert of alerts) bySeverity[alert.severity] = (bySeverity[alert.severity] ?? 0) + 1;
  return { alerts, real, bySeverity };
}
