import { PROXY_RULES } from "./command-line-proxies.ts";
import { TAMPERING_RULES } from "./command-line-tampering.ts";
import { TOOL_RULES } from "./command-line-tools.ts";
import type { CommandLineRule } from "./command-line-words.ts";
import {
  all,
  any,
  anyWord,
  attack,
  fetches,
  hasWeb,
  inOpenFolder,
  lolbas,
  pipesIntoShell,
  runs,
  runsText,
  word,
  writesNumber,
  writesRegistry,
} from "./command-line-words.ts";

/** `nc -e /bin/sh 203.0.113.9 443`: the switch and the shell stand behind the name. */
function givesShell(line: string): boolean {
  return ["nc", "ncat", "netcat", "nc.exe", "ncat.exe", "nc64.exe"].some((program) => {
    if (!word(line, program)) return false;
    const behind = line.slice(line.indexOf(program) + program.length);
    return anyWord(behind, "-e", "--exec", "--sh-exec", "-c", "-lvpe", "-nlvpe") && any(behind, "/sh", "bash", " sh", "cmd", "powershell");
  });
}

/** What a newcomer types to learn where he is; attack.mitre.org/tactics/TA0007 lists each. */
const DISCOVERY = [
  "whoami",
  "ipconfig /all",
  "net user",
  "net group",
  "net localgroup",
  "net view",
  "net accounts",
  "net1 user",
  "nltest",
  "systeminfo",
  "quser",
  "qwinsta",
  "tasklist",
  "netstat -",
  "arp -a",
  "route print",
  "dsquery",
  "cmdkey /list",
  "wmic product",
  "klist",
];
export const discoveryCommands = (line: string): string[] => DISCOVERY.filter((command) => line.includes(command));
/** How many different ones at once stop being a look and start being a survey. */
export const DISCOVERY_BURST = 4;

/**
 * Installation commands as their projects print them, normalised. They fetch and run code, and are typed by administrators every day;
 * only the exact text is spared, so nothing can hide behind a name in it.
 * Sources: docs.chocolatey.org/en-us/choco/setup, scoop.sh, docs.docker.com/engine/install/ubuntu (convenience script), rust-lang.org/tools/install,
 * brew.sh, github.com/nodesource/distributions, helm.sh/docs/intro/install, docs.astral.sh/uv, docs.k3s.io/quick-start, tailscale.com/download/linux.
 */
export const KNOWN_INSTALLS: readonly string[] = [
  "iex ((new-object system.net.webclient).downloadstring(https://community.chocolatey.org/install.ps1))",
  "iex ((new-object system.net.webclient).downloadstring(https://chocolatey.org/install.ps1))",
  "invoke-restmethod -uri https://get.scoop.sh | invoke-expression",
  "irm get.scoop.sh | iex",
  "irm https://astral.sh/uv/install.ps1 | iex",
  "curl -fssl https://get.docker.com | sh",
  "curl -fssl https://get.docker.com -o get-docker.sh",
  "curl --proto =https --tlsv1.2 -ssf https://sh.rustup.rs | sh",
  "bash -c $(curl -fssl https://raw.githubusercontent.com/homebrew/install/head/install.sh)",
  "curl -fssl https://deb.nodesource.com/setup_22.x | sudo -e bash -",
  "curl -fssl https://deb.nodesource.com/setup_24.x | sudo -e bash -",
  "curl https://raw.githubusercontent.com/helm/helm/main/scripts/get-helm-3 | bash",
  "curl -lssf https://astral.sh/uv/install.sh | sh",
  "curl -sfl https://get.k3s.io | sh -",
  "curl -fssl https://tailscale.com/install.sh | sh",
];

const hidesOwnWindow = (line: string) => word(line, "hidden") && any(line, "-w ", "-win", "-w:", "/w ");

/** Lines arrive lower-cased, with quotes and escape characters taken out, known variables filled in and white space made single. */
export const COMMAND_LINE_RULES: readonly CommandLineRule[] = [
  ...TAMPERING_RULES,
  ...PROXY_RULES,
  ...TOOL_RULES,
  {
    name: "shadow-copy-deletion",
    strength: "strong",
    technique: "T1490",
    source: attack("T1490"),
    does: "deletes the backups Windows keeps (shadow copies)",
    matches: (line) =>
      all(line, "vssadmin", "delete shadows") ||
      // Squeezed to a few hundred megabytes the copies are gone, too; administrators give a percentage or gigabytes.
      (all(line, "vssadmin", "resize shadowstorage") && /maxsize=\d{1,4}mb/.test(line)) ||
      all(line, "wmic", "shadowcopy", "delete") ||
      all(line, "diskshadow", "delete shadows") ||
      (line.includes("win32_shadowcopy") && any(line, "delete", "remove-wmiobject", "remove-ciminstance")) ||
      all(line, "wbadmin", "delete catalog") ||
      // Keeping the latest versions is housekeeping.
      (line.includes("wbadmin") && any(line, "delete systemstatebackup", "delete backup") && !/keepversions:[1-9]/.test(line)),
  },
  {
    name: "recovery-disabled",
    strength: "strong",
    technique: "T1490",
    source: attack("T1490"),
    does: "switches off Windows recovery",
    matches: (line) =>
      line.includes("bcdedit") && any(line, "recoveryenabled no", "recoveryenabled off", "bootstatuspolicy ignoreallfailures"),
  },
  {
    name: "lsass-dump",
    strength: "strong",
    technique: "T1003.001",
    // The numbers are the export's ordinal, by which the function can be called as well.
    source: lolbas("Libraries/Comsvcs"),
    does: "reads passwords out of the memory of LSASS",
    matches: (line) =>
      (line.includes("comsvcs") && any(line, "minidump", "#24", "#+24", "#-")) ||
      (line.includes("lsass") &&
        (any(line, "procdump", "minidump", "lsass.dmp", "out-minidump", "sqldumper", "createdump", "rdrleakdiag", "dumpminitool") ||
          word(line, "-ma"))) ||
      any(line, "sekurlsa::", "sekurlsa ", "lsadump::", "invoke-mimikatz", "mimikatz.exe", "nanodump", "pypykatz live") ||
      (line.includes("privilege::debug") && any(line, "token::", "exit", "misc::", "kerberos::")),
  },
  {
    name: "credential-hives-saved",
    strength: "strong",
    technique: "T1003.002",
    source: attack("T1003.002"),
    does: "saves the registry hives that hold password hashes",
    matches: (line) =>
      (anyWord(line, "save", "export") &&
        any(line, "reg ", "reg.exe ") &&
        any(line, "hklm\\sam", "hklm\\security", "hkey_local_machine\\sam", "hkey_local_machine\\security")) ||
      (line.includes("harddiskvolumeshadowcopy") && any(line, "config\\sam", "config\\security", "config\\system")),
  },
  {
    name: "directory-database-copied",
    strength: "strong",
    technique: "T1003.003",
    source: lolbas("Binaries/Ntdsutil"),
    does: "copies the directory's password database",
    matches: (line) =>
      (line.includes("ntdsutil") && word(line, "ifm")) ||
      (line.includes("ntds.dit") && (line.includes("copy") || all(line, "esentutl", "/y"))),
  },
  {
    name: "remote-secrets-dumped",
    strength: "strong",
    technique: "T1003.006",
    source: attack("T1003.006"),
    does: "pulls password hashes out of another machine or the directory",
    matches: (line) =>
      any(line, "secretsdump", "lsadump::dcsync", "invoke-dcsync", "-just-dc") ||
      (runs(line, "rubeus") && anyWord(line, "kerberoast", "asreproast", "dump", "asktgt", "s4u")) ||
      line.includes("invoke-kerberoast"),
  },
  {
    // Backup software makes shadow copies as well, but through its own service, not by this command.
    name: "shadow-copy-made",
    strength: "weak",
    technique: "T1003.003",
    source: attack("T1003.003"),
    does: "makes a shadow copy by hand, through which locked password files can be read",
    matches: (line) => all(line, "vssadmin", "create shadow") || all(line, "wmic", "shadowcopy", "call create"),
  },
  {
    // learn.microsoft.com security advisory 2871997: with this, passwords are kept in clear again.
    name: "clear-passwords-switched-on",
    strength: "strong",
    technique: "T1112",
    source: attack("T1112"),
    does: "makes Windows keep passwords in clear text (WDigest)",
    matches: (line) => all(line, "wdigest", "uselogoncredential") && any(line, " add ", "set-itemproperty", "new-itemproperty"),
  },
  {
    name: "certutil-download",
    strength: "strong",
    technique: "T1105",
    source: lolbas("Binaries/Certutil"),
    does: "downloads with certutil, which is meant for certificates",
    matches: (line) => line.includes("certutil") && any(line, "urlcache", "verifyctl", "-url ", "/url ") && hasWeb(line),
  },
  {
    // Administrators decode certificates with the same switch.
    name: "certutil-decode",
    strength: "weak",
    technique: "T1140",
    source: lolbas("Binaries/Certutil"),
    does: "decodes a file with certutil",
    matches: (line) => line.includes("certutil") && anyWord(line, "-decode", "/decode", "-decodehex", "/decodehex"),
  },
  {
    name: "mshta-remote",
    strength: "strong",
    technique: "T1218.005",
    source: lolbas("Binaries/Mshta"),
    does: "runs script from the web through mshta",
    matches: (line) => line.includes("mshta") && (hasWeb(line) || any(line, "javascript:", "vbscript:")),
  },
  {
    name: "rundll32-script",
    strength: "strong",
    technique: "T1218.011",
    source: lolbas("Binaries/Rundll32"),
    does: "runs script through rundll32",
    matches: (line) => line.includes("rundll32") && any(line, "javascript:", "vbscript:", "mshtml,runhtmlapplication"),
  },
  {
    name: "rundll32-open-folder",
    strength: "weak",
    technique: "T1218.011",
    source: lolbas("Binaries/Rundll32"),
    does: "runs a library from a folder anybody can write to, or from the network, through rundll32",
    matches: (line) => {
      if (!line.includes("rundll32")) return false;
      const argument = line.slice(line.indexOf("rundll32") + "rundll32".length).replace(/^\.exe/, "");
      return inOpenFolder(argument) || argument.startsWith(" \\\\") || (line.includes("davclnt") && hasWeb(line));
    },
  },
  {
    // The trick is known as Squiblydoo.
    name: "regsvr32-remote",
    strength: "strong",
    technique: "T1218.010",
    source: lolbas("Binaries/Regsvr32"),
    does: "runs script from the web through regsvr32",
    matches: (line) => line.includes("regsvr32") && any(line, "/i:http", "-i:http", "/i:ftp", "/i:\\\\"),
  },
  {
    name: "regsvr32-open-folder",
    strength: "weak",
    technique: "T1218.010",
    source: attack("T1218.010"),
    does: "registers a library from a folder anybody can write to",
    matches: (line) => runs(line, "regsvr32") && inOpenFolder(line),
  },
  {
    name: "installutil-uninstall",
    strength: "weak",
    technique: "T1218.004",
    source: lolbas("Binaries/Installutil"),
    does: "runs code through the uninstaller of .NET without leaving a log",
    matches: (line) => line.includes("installutil") && anyWord(line, "/u", "/uninstall") && any(line, "/logfile= ", "/logtoconsole=false"),
  },
  {
    // Developers build anywhere but seldom in a temporary folder.
    name: "msbuild-open-folder",
    strength: "weak",
    technique: "T1127.001",
    source: lolbas("Binaries/Msbuild"),
    does: "builds and runs a project from a folder anybody can write to",
    matches: (line) => {
      const at = line.indexOf("msbuild");
      return at !== -1 && inOpenFolder(line.slice(at)) && any(line, ".xml", ".csproj", ".proj", ".targets");
    },
  },
  {
    name: "wmic-stylesheet",
    strength: "strong",
    technique: "T1220",
    source: lolbas("Binaries/Wmic"),
    does: "runs script hidden in a style sheet through wmic",
    matches: (line) => line.includes("wmic") && any(line, "/format:http", "/format:ftp", "/format:\\\\", "-format:http"),
  },
  {
    name: "cmstp-profile",
    strength: "weak",
    technique: "T1218.003",
    source: lolbas("Binaries/Cmstp"),
    does: "installs a connection profile silently, which can run any command",
    matches: (line) => runs(line, "cmstp") && anyWord(line, "/s", "/ns", "/au") && line.includes(".inf"),
  },
  {
    // Some administrators install from their own web server.
    name: "msiexec-remote",
    strength: "weak",
    technique: "T1218.007",
    source: lolbas("Binaries/Msiexec"),
    does: "installs a package straight from the web",
    matches: (line) => runs(line, "msiexec") && hasWeb(line),
  },
  {
    // Some installers still use it.
    name: "bitsadmin-download",
    strength: "weak",
    technique: "T1197",
    source: lolbas("Binaries/Bitsadmin"),
    does: "downloads with bitsadmin",
    matches: (line) => line.includes("bitsadmin") && any(line, "/transfer", "/addfile", "-transfer", "-addfile") && hasWeb(line),
  },
  {
    name: "bitsadmin-notify",
    strength: "strong",
    technique: "T1197",
    source: lolbas("Binaries/Bitsadmin"),
    does: "makes the download service start a program",
    matches: (line) => line.includes("bitsadmin") && any(line, "/setnotifycmdline", "-setnotifycmdline"),
  },
  {
    name: "download-cradle",
    strength: "strong",
    technique: "T1059.001",
    source: attack("T1059.001"),
    does: "fetches code from the web and runs it at once",
    matches: (line) => fetches(line) && runsText(line),
  },
  {
    // Administrators download with PowerShell every day.
    name: "powershell-download",
    strength: "weak",
    technique: "T1105",
    source: attack("T1105"),
    does: "downloads with PowerShell",
    matches: (line) => fetches(line) && hasWeb(line) && !runsText(line),
  },
  {
    name: "code-in-memory",
    strength: "strong",
    technique: "T1620",
    source: attack("T1620"),
    does: "puts code into memory and runs it there",
    matches: (line) =>
      (line.includes("virtualalloc") && any(line, "createthread", "getdelegateforfunctionpointer", "marshal]::copy")) ||
      (line.includes("assembly]::load(") && any(line, "frombase64string", "downloaddata", "gzipstream", "deflatestream")),
  },
  {
    // Management products pack their scripts, too.
    name: "packed-script",
    strength: "weak",
    technique: "T1027.010",
    source: attack("T1027.010"),
    does: "unpacks the script it runs from compressed text",
    matches: (line) => line.includes("frombase64string") && any(line, "gzipstream", "deflatestream") && runsText(line),
  },
  {
    name: "characters-by-number",
    strength: "weak",
    technique: "T1027.010",
    source: attack("T1027.010"),
    does: "spells its words as character numbers",
    matches: (line) => line.split("[char]").length > 8,
  },
  {
    // The names every published bypass touches.
    name: "amsi-bypass",
    strength: "strong",
    technique: "T1562.001",
    source: attack("T1562.001"),
    does: "switches off script scanning (AMSI)",
    matches: (line) => any(line, "amsiutils", "amsiinitfailed", "amsiscanbuffer"),
  },
  {
    // Administrators add exclusions, too.
    name: "antivirus-weakened",
    strength: "weak",
    technique: "T1562.001",
    source: attack("T1562.001"),
    does: "weakens Defender Antivirus",
    matches: (line) =>
      (line.includes("set-mppreference") && any(line, "-disable", "-exclusion")) ||
      (line.includes("add-mppreference") && line.includes("-exclusion")) ||
      (line.includes("mpcmdrun") && line.includes("-removedefinitions")) ||
      (any(line, "disableantispyware", "disablerealtimemonitoring") && line.includes("windows defender")),
  },
  {
    name: "antivirus-stopped",
    strength: "strong",
    technique: "T1562.001",
    source: attack("T1562.001"),
    does: "stops the antivirus or sensor of the device",
    matches: (line) =>
      SENSORS.some((sensor) => word(line, sensor)) &&
      ((runs(line, "sc", "net", "net1") && anyWord(line, "stop", "delete", "disabled")) ||
        (runs(line, "taskkill") && anyWord(line, "/f", "-f", "/im", "-im")) ||
        (line.includes("\\services\\") && writesRegistry(line) && writesNumber(line, 4)) ||
        any(line, "stop-service", "stop-process", "remove-service") ||
        (line.includes("set-service") && line.includes("disabled"))),
  },
  {
    name: "firewall-off",
    strength: "weak",
    technique: "T1562.004",
    source: attack("T1562.004"),
    does: "switches the firewall off",
    matches: (line) =>
      (line.includes("netsh") && any(line, "allprofiles state off", "currentprofile state off", "opmode disable")) ||
      (line.includes("set-netfirewallprofile") && any(line, "-enabled false", "-enabled $false")) ||
      any(line, "ufw disable", "iptables -f"),
  },
  {
    name: "event-log-cleared",
    strength: "weak",
    technique: "T1070.001",
    source: attack("T1070.001"),
    does: "clears an event log",
    matches: (line) => (line.includes("wevtutil") && anyWord(line, "cl", "clear-log")) || line.includes("clear-eventlog"),
  },
  {
    name: "traces-erased",
    strength: "weak",
    technique: "T1070",
    source: attack("T1070"),
    does: "erases traces of what was done on the device",
    matches: (line) =>
      all(line, "fsutil", "usn", "deletejournal") ||
      (runs(line, "auditpol") && any(line, "/clear", "/remove")) ||
      line.includes("history -c") ||
      (any(line, ".bash_history", "consolehost_history.txt") && anyWord(line, "rm", "del", "remove-item", "shred")),
  },
  {
    name: "reverse-shell",
    strength: "strong",
    technique: "T1059.004",
    source: attack("T1059.004"),
    does: "gives a shell to somebody on the network",
    matches: (line) =>
      // Health checks open /dev/tcp as well; only a shell hangs its own input on it.
      (any(line, "/dev/tcp/", "/dev/udp/") && any(line, ">& /dev/", ">&/dev/", "0>&1", "0<&", "<&1", "while read")) ||
      givesShell(line) ||
      (any(line, "socket.socket", "import socket", "use socket", "rsocket", "tcpsocket.open", "fsockopen(") &&
        any(line, "subprocess", "os.dup2", "pty.spawn", "/bin/sh", "/bin/bash", "exec(")) ||
      (line.includes("net.sockets.tcpclient") && runsText(line)) ||
      (all(line, "mkfifo", "/bin/sh") && runs(line, "nc", "ncat", "telnet", "openssl")) ||
      (all(line, "socat", "exec:") && line.includes("tcp")) ||
      (line.includes("child_process") && any(line, "net.socket", "net.connect", ".connect(")) ||
      (line.includes("/inet/tcp/") && runs(line, "awk", "gawk")),
  },
  {
    // Many installers are documented this way.
    name: "piped-download",
    strength: "weak",
    technique: "T1105",
    source: attack("T1105"),
    does: "pipes a download into a shell",
    matches: (line) => runs(line, "curl", "wget") && hasWeb(line) && pipesIntoShell(line),
  },
  {
    name: "download-made-executable",
    strength: "weak",
    technique: "T1222.002",
    source: attack("T1222.002"),
    does: "downloads a program into a folder anybody can write to and makes it executable",
    matches: (line) =>
      runs(line, "curl", "wget") && hasWeb(line) && inOpenFolder(line) && any(line, "chmod +x", "chmod 777", "chmod 755", "chmod a+x"),
  },
  {
    name: "decoded-into-shell",
    strength: "strong",
    technique: "T1140",
    source: attack("T1140"),
    does: "decodes hidden text and pipes it into a shell",
    matches: (line) => any(line, "base64 -d", "base64 --decode", "openssl enc -d", "openssl base64 -d", "xxd -r") && pipesIntoShell(line),
  },
  {
    name: "wmi-process",
    strength: "weak",
    technique: "T1047",
    source: lolbas("Binaries/Wmic"),
    does: "starts a process through WMI",
    matches: (line) => all(line, "wmic", "process call create") || (line.includes("win32_process") && any(line, "create(", "-name create")),
  },
  {
    name: "hidden-powershell",
    strength: "weak",
    technique: "T1564.003",
    source: attack("T1564.003"),
    does: "hides a PowerShell window and skips the profile",
    matches: (line) =>
      any(line, "powershell", "pwsh") &&
      anyWord(line, "-nop", "-noprofile", "/nop") &&
      // What it starts may be hidden; that is the other program's window.
      hidesOwnWindow(line.includes("start-process") ? line.slice(0, line.indexOf("start-process")) : line) &&
      // What a product's own installed script does is not hidden from anybody.
      !any(line, "-file c:\\program files"),
  },
  {
    name: "task-from-open-folder",
    strength: "weak",
    technique: "T1053.005",
    source: attack("T1053.005"),
    does: "makes a scheduled task that runs something hidden or from a folder anybody can write to",
    matches: (line) =>
      ((runs(line, "schtasks") && word(line, "/create")) || line.includes("register-scheduledtask")) &&
      (inOpenFolder(line) ||
        any(line, "-enc", "mshta", "javascript:", "regsvr32", "bitsadmin", "certutil", "frombase64string") ||
        (hasWeb(line) && any(line, "powershell", "cmd"))),
  },
  {
    name: "run-key-from-open-folder",
    strength: "weak",
    technique: "T1547.001",
    source: attack("T1547.001"),
    does: "makes a program in a folder anybody can write to start at every sign-in",
    matches: (line) =>
      line.includes("\\currentversion\\run") &&
      (word(line, "add") || any(line, "set-itemproperty", "new-itemproperty")) &&
      (inOpenFolder(line) || any(line, "mshta", "-enc", "javascript:")),
  },
  {
    name: "accessibility-debugger",
    strength: "strong",
    technique: "T1546.008",
    source: attack("T1546.008"),
    does: "puts a shell behind a key of the sign-in screen",
    matches: (line) =>
      ACCESSIBILITY.some((program) => line.includes(program)) &&
      ((line.includes("image file execution options") && line.includes("debugger")) ||
        (anyWord(line, "copy", "move", "copy-item") && any(line, "cmd.exe", "powershell.exe"))),
  },
  {
    name: "service-runs-shell",
    strength: "weak",
    technique: "T1543.003",
    source: attack("T1543.003"),
    does: "makes a service that runs a shell or something in a folder anybody can write to",
    matches: (line) => {
      if (!(runs(line, "sc") && anyWord(line, "create", "config")) && !line.includes("new-service")) return false;
      const at = Math.max(line.indexOf("binpath"), line.indexOf("-binarypathname"));
      return at !== -1 && (any(line.slice(at), "cmd /c", "cmd.exe /c", "powershell", "%comspec%") || inOpenFolder(line.slice(at)));
    },
  },
  {
    name: "administrator-made",
    strength: "weak",
    technique: "T1136.001",
    source: attack("T1136.001"),
    does: "makes a local account an administrator",
    matches: (line) =>
      (runs(line, "net", "net1") && line.includes("localgroup administrators") && word(line, "/add")) ||
      all(line, "add-localgroupmember", "administrators"),
  },
  {
    // Not backup to a cloud somebody pays for in the company's name, but to where stolen data is carried.
    name: "data-carried-out",
    strength: "weak",
    technique: "T1567.002",
    source: attack("T1567.002"),
    does: "copies data to a file-sharing service",
    matches: (line) =>
      (runs(line, "rclone") &&
        anyWord(line, "copy", "sync", "move") &&
        any(line, "mega:", "pcloud:", "putio:", "--multi-thread-streams")) ||
      (runs(line, "curl") &&
        any(line, "-f file=@", "--upload-file", " -t ") &&
        any(line, "transfer.sh", "anonfiles", "gofile.io", "temp.sh")),
  },
  {
    name: "password-asked-by-script",
    strength: "strong",
    technique: "T1056.002",
    source: attack("T1056.002"),
    does: "asks the person for the password with a dialog of its own",
    matches: (line) => all(line, "osascript", "display dialog", "password"),
  },
  {
    name: "discovery-burst",
    strength: "weak",
    technique: "T1082",
    source: "https://attack.mitre.org/tactics/TA0007/",
    does: "asks many questions about the device and the network at once",
    matches: (line) => discoveryCommands(line).length >= DISCOVERY_BURST,
  },
];

/** Services and processes of Defender and of sensors in wide use (their vendors' own documentation names them). */
const SENSORS = [
  "windefend",
  "msmpeng",
  "msmpeng.exe",
  "sense",
  "mssense.exe",
  "wdnissvc",
  "mpssvc",
  "csfalconservice",
  "csagent",
  "sentinelagent",
  "sentinelagent.exe",
  "cbdefense",
  "carbonblack",
  "sophos endpoint defense service",
  "savservice",
  "mbamservice",
  "ekrn",
  "ekrn.exe",
  "sysmon",
  "sysmon64",
  "wazuhsvc",
  "avastsvc",
  "avgsvc",
  "avp",
  "avp.exe",
  "bdservicehost",
  "cylancesvc",
  "cyserver",
  "elastic-endpoint",
  "elasticendpoint",
  "huntressagent",
  "mcshield",
  "mdcoresvc",
  "mfefire",
  "ntrtscan",
  "sentinelstaticengine",
  "tmlisten",
  "vsserv",
  "wdboot",
  "wdfilter",
  "webthreatdefsvc",
  "wscsvc",
];
/** Programs Windows offers before anybody has signed in. */
const ACCESSIBILITY = ["sethc.exe", "utilman.exe", "osk.exe", "magnify.exe", "narrator.exe", "displayswitch.exe", "atbroker.exe"];
