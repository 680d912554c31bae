import { DISCOVERY_BURST, discoveryCommands } from "./command-line-rules.ts";
import { inOpenFolder } from "./command-line-words.ts";
import {
  BROWSERS,
  baseName,
  DATABASES,
  DOCUMENT_PROGRAMS,
  inInstalledFolder,
  inSystemFolder,
  MAIL_PROGRAMS,
  SCRIPT_HOSTS,
  SHELLS,
  WEB_SERVERS,
} from "./programs.ts";

/** A process with its relatives, as the rules read it. Names and lines are lower case. */
export type TreeProcess = {
  pid: number;
  /** `powershell.exe`. */
  name: string;
  path: string;
  /** As command-line rules read it: without quotes and escape characters. */
  line: string;
  /** As it was written; what it encodes depends on upper and lower case. */
  written: string;
  signer: string | undefined;
  startedAt: Date;
  parent: TreeProcess | undefined;
  children: TreeProcess[];
  /** Addresses outside that it spoke to. */
  outside: string[];
};

export type ProcessTreeRule = {
  name: string;
  /** `strong`: only attackers make it. `weak`: installers and management tools do, too. */
  strength: "strong" | "weak";
  /** ATT&CK technique. */
  technique: string;
  /** Public page that describes the behaviour. */
  source: string;
  /** "was started by a document program": follows the name of the process. */
  does: string;
  matches: (process: TreeProcess) => boolean;
};

const attack = (technique: string) => `https://attack.mitre.org/techniques/${technique.replace(".", "/")}/`;
const startedBy = (process: TreeProcess, programs: ReadonlySet<string>) =>
  process.parent !== undefined && programs.has(process.parent.name);
const isShell = ({ name }: TreeProcess) => SHELLS.has(name) || SCRIPT_HOSTS.has(name);

/**
 * Who starts Windows' own processes. Where the parent has ended by itself (smss starts csrss, wininit and winlogon and leaves) no parent is
 * seen and nothing is said. Source: the process descriptions of attack.mitre.org/techniques/T1036 and Windows Internals, 7th edition, chapter 2.
 */
const PARENTS: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  // Defender, the removal tool and servicing start service hosts of their own.
  ["svchost.exe", new Set(["services.exe", "msmpeng.exe", "mrt.exe", "tiworker.exe", "ngen.exe", "svchost.exe"])],
  ["lsass.exe", new Set(["wininit.exe"])],
  ["lsaiso.exe", new Set(["wininit.exe"])],
  ["services.exe", new Set(["wininit.exe"])],
  ["wininit.exe", new Set(["smss.exe"])],
  ["winlogon.exe", new Set(["smss.exe"])],
  ["csrss.exe", new Set(["smss.exe", "svchost.exe"])],
  ["smss.exe", new Set(["smss.exe", "system"])],
  ["spoolsv.exe", new Set(["services.exe"])],
  ["taskhostw.exe", new Set(["svchost.exe", "services.exe"])],
  ["runtimebroker.exe", new Set(["svchost.exe"])],
  ["userinit.exe", new Set(["winlogon.exe", "dwm.exe"])],
]);
const SYSTEM_NAMES: ReadonlySet<string> = new Set([
  ...PARENTS.keys(),
  "dllhost.exe",
  "conhost.exe",
  "dwm.exe",
  "sihost.exe",
  "taskhost.exe",
]);

/** No document, service or key on the keyboard opens a shell through these. */
const NEVER_START_SHELLS: ReadonlySet<string> = new Set([
  "spoolsv.exe",
  "lsass.exe",
  "winlogon.exe",
  "csrss.exe",
  "smss.exe",
  "fontdrvhost.exe",
  "dns.exe",
  "dwm.exe",
  "logonui.exe",
  "audiodg.exe",
  "notepad.exe",
  "mspaint.exe",
]);
const NEVER_SPEAK: ReadonlySet<string> = new Set([
  "notepad.exe",
  "calc.exe",
  "mspaint.exe",
  "wordpad.exe",
  "regsvr32.exe",
  "installutil.exe",
  "regasm.exe",
  "regsvcs.exe",
  "eqnedt32.exe",
  "cmstp.exe",
]);
/** Updates, printers and shares make these speak now and then. */
const SELDOM_SPEAK: ReadonlySet<string> = new Set([
  "rundll32.exe",
  "mshta.exe",
  "wscript.exe",
  "cscript.exe",
  "msbuild.exe",
  "dllhost.exe",
]);
const PASSWORD_TOOLS: ReadonlySet<string> = new Set([
  "mimikatz.exe",
  "nanodump.exe",
  "pypykatz.exe",
  "lazagne.exe",
  "safetykatz.exe",
  "dumpert.exe",
  "handlekatz.exe",
  "gsecdump.exe",
  "wce.exe",
  "pwdump.exe",
]);
/** Programs of Windows that attackers use most; a copy elsewhere is made to escape rules for the original. */
const COPIED: ReadonlySet<string> = new Set([
  ...["cmd.exe", "powershell.exe", "mshta.exe", "wscript.exe", "cscript.exe", "regsvr32.exe", "rundll32.exe", "certutil.exe"],
  ...["bitsadmin.exe", "wmic.exe", "schtasks.exe", "reg.exe", "sc.exe", "net.exe", "net1.exe", "netsh.exe", "wevtutil.exe"],
  ...["vssadmin.exe", "bcdedit.exe", "cmstp.exe", "msdt.exe", "ntdsutil.exe", "esentutl.exe", "werfaultsecure.exe", "finger.exe"],
]);
/** Pages, help files, libraries and troubleshooters seldom need a shell. */
const SELDOM_START_SHELLS: ReadonlySet<string> = new Set(["mshta.exe", "hh.exe", "regsvr32.exe", "msdt.exe", "cmstp.exe", "control.exe"]);
const ELEVATES_ITSELF: ReadonlySet<string> = new Set([
  ...["fodhelper.exe", "computerdefaults.exe", "eventvwr.exe", "sdclt.exe", "slui.exe", "wsreset.exe"],
]);
const TALK_PROGRAMS: ReadonlySet<string> = new Set([
  ...["teams.exe", "ms-teams.exe", "slack.exe", "discord.exe", "telegram.exe", "whatsapp.exe", "signal.exe", "skype.exe"],
]);
const BURST_MINUTES = 10;

export const PROCESS_TREE_RULES: readonly ProcessTreeRule[] = [
  {
    name: "document-starts-shell",
    strength: "strong",
    technique: "T1204.002",
    source: attack("T1204.002"),
    does: "was started by a program that only opens documents",
    matches: (process) => isShell(process) && startedBy(process, DOCUMENT_PROGRAMS) && !isPrinting(process),
  },
  {
    name: "mail-starts-shell",
    strength: "strong",
    technique: "T1566.001",
    source: attack("T1566.001"),
    does: "was started by the mail program",
    matches: (process) => isShell(process) && startedBy(process, MAIL_PROGRAMS) && !isPrinting(process),
  },
  {
    name: "browser-starts-script",
    strength: "strong",
    technique: "T1189",
    source: attack("T1189"),
    does: "was started by a browser",
    matches: (process) =>
      isShell(process) && process.name !== "cmd.exe" && startedBy(process, BROWSERS) && !isExtensionHost(process) && !isPrinting(process),
  },
  {
    // Somebody pressed "open" on a downloaded batch file, or a password manager speaks with its extension.
    name: "browser-starts-shell",
    strength: "weak",
    technique: "T1204.002",
    source: attack("T1204.002"),
    does: "was started by a browser",
    matches: (process) => process.name === "cmd.exe" && startedBy(process, BROWSERS) && !isExtensionHost(process),
  },
  {
    name: "web-server-starts-shell",
    strength: "strong",
    technique: "T1505.003",
    source: attack("T1505.003"),
    does: "was started by a web server",
    matches: (process) => (isShell(process) || discoveryCommands(process.line).length > 0) && startedBy(process, WEB_SERVERS),
  },
  {
    // A web application, or a build.
    name: "java-starts-shell",
    strength: "weak",
    technique: "T1190",
    source: attack("T1190"),
    does: "was started by a Java application",
    matches: (process) =>
      isShell(process) && process.parent !== undefined && /^(java|javaw|tomcat\d{0,2})(\.exe)?$/.test(process.parent.name),
  },
  {
    name: "database-starts-shell",
    strength: "strong",
    technique: "T1505.001",
    source: attack("T1505.001"),
    does: "was started by a database server",
    matches: (process) => isShell(process) && startedBy(process, DATABASES),
  },
  {
    // Inventory and software distribution work this way, too.
    name: "wmi-starts-shell",
    strength: "weak",
    technique: "T1047",
    source: attack("T1047"),
    does: "was started over WMI",
    matches: (process) => isShell(process) && process.parent?.name === "wmiprvse.exe" && !process.line.includes("\\ccm\\"),
  },
  {
    name: "system-process-starts-shell",
    strength: "strong",
    technique: "T1068",
    source: attack("T1068"),
    does: "was started by a system process that starts no shells",
    matches: (process) => SHELLS.has(process.name) && startedBy(process, NEVER_START_SHELLS),
  },
  {
    name: "password-tool",
    strength: "strong",
    technique: "T1003.001",
    source: attack("T1003.001"),
    does: "is a tool that reads passwords out of memory",
    matches: ({ name }) => PASSWORD_TOOLS.has(name),
  },
  {
    name: "impossible-parent",
    strength: "strong",
    technique: "T1055.012",
    source: attack("T1055.012"),
    does: "is a Windows process that Windows starts in another way",
    matches: (process) => {
      const parents = PARENTS.get(process.name);
      return parents !== undefined && process.parent !== undefined && !parents.has(process.parent.name);
    },
  },
  {
    name: "system-name-elsewhere",
    strength: "strong",
    technique: "T1036.005",
    source: attack("T1036.005"),
    does: "bears the name of a Windows process but lies somewhere else",
    matches: ({ name, path }) => SYSTEM_NAMES.has(name) && path.includes("\\") && baseName(path) === name && !inSystemFolder(path),
  },
  {
    name: "windows-tool-elsewhere",
    strength: "weak",
    technique: "T1036.005",
    source: attack("T1036.005"),
    does: "is a program of Windows copied into a folder anybody can write to",
    matches: ({ name, path }) =>
      COPIED.has(name) && baseName(path) === name && !inSystemFolder(path) && (inOpenFolder(path) || path.includes("\\users\\")),
  },
  {
    // Windows' error reporting starts it; somebody else halts a sensor with it.
    name: "error-report-by-stranger",
    strength: "strong",
    technique: "T1562.001",
    source: attack("T1562.001"),
    does: "was started by a program that is no part of Windows, to reach a protected process",
    matches: ({ name, line, parent }) =>
      name === "werfaultsecure.exe" &&
      line.includes("/pid ") &&
      parent !== undefined &&
      parent.path !== "" &&
      !inInstalledFolder(parent.path),
  },
  {
    // They start with full rights unasked, and nothing of theirs is a shell.
    name: "elevated-unasked",
    strength: "strong",
    technique: "T1548.002",
    source: attack("T1548.002"),
    does: "was started by a program of Windows that takes full rights without asking",
    matches: (process) => isShell(process) && (startedBy(process, ELEVATES_ITSELF) || isElevatedComponent(process.parent)),
  },
  {
    // A console's snap-in may offer one; moving from machine to machine looks the same.
    name: "console-starts-shell",
    strength: "weak",
    technique: "T1021.003",
    source: attack("T1021.003"),
    does: "was started by the management console",
    matches: (process) => SHELLS.has(process.name) && process.parent?.name === "mmc.exe",
  },
  {
    name: "runs-from-odd-folder",
    strength: "weak",
    technique: "T1036.005",
    source: attack("T1036.005"),
    does: "lies where no program is installed",
    matches: ({ name, path }) =>
      name.endsWith(".exe") &&
      (/\\(?:users\\public|perflogs|\$recycle\.bin)\\/.test(path) ||
        /\\windows\\(?:fonts|debug|help|media|cursors|tracing|addins|inf)\\[^\\]{1,100}$/.test(path)),
  },
  {
    name: "script-program-starts-shell",
    strength: "weak",
    technique: "T1218",
    source: attack("T1218"),
    does: "was started by a program of Windows that seldom needs a shell",
    matches: (process) => isShell(process) && startedBy(process, SELDOM_START_SHELLS) && !isPrinting(process),
  },
  {
    name: "talk-program-starts-shell",
    strength: "weak",
    technique: "T1204.002",
    source: attack("T1204.002"),
    does: "was started by a program people talk through",
    matches: (process) =>
      isShell(process) &&
      process.name !== "rundll32.exe" &&
      !isRegistryLook(process) &&
      startedBy(process, TALK_PROGRAMS) &&
      !isExtensionHost(process),
  },
  {
    // Services that are set up by hand may be a shell; attack tools' are.
    name: "service-is-shell",
    strength: "weak",
    technique: "T1569.002",
    source: attack("T1569.002"),
    does: "was started as a service",
    matches: (process) => SHELLS.has(process.name) && process.parent?.name === "services.exe",
  },
  {
    // Some packages ask for the name of the person as well.
    name: "node-server-asks",
    strength: "weak",
    technique: "T1190",
    source: attack("T1190"),
    does: "was started by a web application and asks about the device",
    matches: (process) =>
      /^(?:node|bun|deno)(?:\.exe)?$/.test(process.parent?.name ?? "") &&
      ["start-server", "next start", "next dev", "\\next\\dist\\server", "/next/dist/server", "react-server", "server.js"].some((server) =>
        process.parent?.line.includes(server),
      ) &&
      (discoveryCommands(process.line).length > 0 || /(?:^| )(?:id|uname -a|cat \/etc\/passwd)$/.test(process.line)),
  },
  {
    name: "script-looks-for-secrets",
    strength: "weak",
    technique: "T1552.001",
    source: attack("T1552.001"),
    does: "was started by a script and looks for secrets",
    matches: (process) =>
      /^(?:node|bun|deno)(?:\.exe)?$/.test(process.parent?.name ?? "") &&
      ["trufflehog", "gitleaks"].some((scanner) => process.line.includes(scanner)) &&
      ["filesystem", "detect", "--no-git", " dir "].some((what) => process.line.includes(what)),
  },
  {
    name: "silent-program-speaks",
    strength: "strong",
    technique: "T1055",
    source: attack("T1055"),
    does: "spoke to the internet, which that program never does",
    // The notepad of the store checks spelling online.
    matches: ({ name, path, outside }) => outside.length > 0 && NEVER_SPEAK.has(name) && !path.includes("\\windowsapps\\"),
  },
  {
    name: "host-program-speaks",
    strength: "weak",
    technique: "T1218",
    source: attack("T1218"),
    does: "spoke to the internet, which that program seldom does",
    matches: ({ name, outside }) => outside.length > 0 && SELDOM_SPEAK.has(name),
  },
  {
    name: "discovery-burst",
    strength: "weak",
    technique: "T1082",
    source: "https://attack.mitre.org/tactics/TA0007/",
    does: "asked many questions about the device and the network within minutes",
    matches: ({ children }) => {
      const asked = children.filter(({ line }) => discoveryCommands(line).length > 0);
      return asked.some((first) => {
        const window = asked.filter(({ startedAt }) => {
          const minutes = (startedAt.getTime() - first.startedAt.getTime()) / 60_000;
          return minutes >= 0 && minutes <= BURST_MINUTES;
        });
        return new Set(window.flatMap(({ line }) => discoveryCommands(line))).size >= DISCOVERY_BURST;
      });
    },
  },
];

/** Browsers speak with installed helpers through a shell (developer.chrome.com/docs/extensions/develop/concepts/native-messaging). */
const isExtensionHost = ({ line }: TreeProcess) => line.includes("chrome-extension://") || line.includes("nativemessaging");
/** Components that are raised without a question (CMSTPLUA, ColorDataProxy and the security center's). */
const isElevatedComponent = (parent: TreeProcess | undefined) =>
  parent?.name === "dllhost.exe" && ["3e5fc7f9-9a51", "d2e7041b-2927", "e9495b87-d950"].some((id) => parent.line.includes(id));
/** Programs built with web technology read settings through `reg query`. */
const isRegistryLook = ({ line }: TreeProcess) => line.includes("reg query") || line.includes("reg.exe query");
/** Windows prints and opens files through its own libraries. */
const isPrinting = ({ name, line }: TreeProcess) =>
  name === "rundll32.exe" && ["printui.dll", "shell32.dll", "ndfapi.dll", "inetcpl.cpl"].some((library) => line.includes(library));
