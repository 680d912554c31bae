import type { CommandLineRule } from "./command-line-words.ts";
import {
  all,
  any,
  anyWord,
  attack,
  deletesRegistry,
  hasBareShare,
  hasWeb,
  inOpenFolder,
  lolbas,
  namesProtection,
  runs,
  word,
  writesNumber,
  writesRegistry,
} from "./command-line-words.ts";

const setsOff = (line: string) => writesRegistry(line) && writesNumber(line, 0);
const setsOn = (line: string) => writesRegistry(line) && writesNumber(line, 1);

/** What blinds a device: its protection, its logs, its backups, its settings. */
export const TAMPERING_RULES: readonly CommandLineRule[] = [
  {
    // learn.microsoft.com/windows/win32/amsi: scanners register there, and their own installers take them out again.
    name: "script-scanning-off",
    strength: "strong",
    technique: "T1562.001",
    source: attack("T1562.001"),
    does: "switches off script scanning (AMSI) in the registry",
    matches: (line) =>
      (line.includes("amsienable") && setsOff(line)) || (line.includes("\\microsoft\\amsi\\providers") && deletesRegistry(line)),
  },
  {
    name: "event-tracing-off",
    strength: "strong",
    technique: "T1562.006",
    source: attack("T1562.006"),
    does: "switches off the traces event logs and Defender live on",
    matches: (line) =>
      (any(line, "\\autologger\\eventlog-", "\\autologger\\defender") && (setsOff(line) || deletesRegistry(line))) ||
      (runs(line, "logman") && anyWord(line, "stop", "delete") && any(line, "eventlog-", "defenderapilogger", "defenderauditlogger")) ||
      (any(line, "complus_etwenabled", "dotnet_etwenabled") && (setsOff(line) || line.includes("etwenabled=0"))),
  },
  {
    // Tuning guides write those of telemetry.
    name: "trace-session-changed",
    strength: "weak",
    technique: "T1562.006",
    source: attack("T1562.006"),
    does: "takes a provider out of a trace or switches a trace off",
    matches: (line) =>
      any(line, "remove-etwtraceprovider", "stop-etwtracesession", "set-etwtraceprovider") ||
      (line.includes("\\control\\wmi\\autologger\\") &&
        !any(line, "\\autologger\\eventlog-", "\\autologger\\defender", "diagtrack") &&
        (setsOff(line) || deletesRegistry(line))),
  },
  {
    // learn.microsoft.com/windows-server/security/credentials-protection-and-management/configuring-additional-lsa-protection
    name: "lsass-protection-off",
    strength: "strong",
    technique: "T1562.001",
    source: attack("T1562.001"),
    does: "takes the protection off the process that holds the passwords",
    matches: (line) => any(line, "runasppl", "lsacfgflags") && (setsOff(line) || deletesRegistry(line)),
  },
  {
    // Who runs another hypervisor switches it off, too.
    name: "isolation-of-memory-off",
    strength: "weak",
    technique: "T1562.001",
    source: attack("T1562.001"),
    does: "switches off the isolation that keeps passwords and the kernel safe",
    matches: (line) =>
      any(line, "enablevirtualizationbasedsecurity", "hypervisorenforcedcodeintegrity", "\\scenarios\\credentialguard") && setsOff(line),
  },
  {
    // learn.microsoft.com/windows/security/application-security/application-control/.../microsoft-recommended-driver-block-rules
    name: "driver-blocklist-off",
    strength: "strong",
    technique: "T1562.001",
    source: attack("T1562.001"),
    does: "lets drivers load that Windows blocks for being attacked",
    matches: (line) => line.includes("vulnerabledriverblocklistenable") && (setsOff(line) || deletesRegistry(line)),
  },
  {
    // Developers of drivers need it.
    name: "unsigned-drivers-let-in",
    strength: "weak",
    technique: "T1553.006",
    source: attack("T1553.006"),
    does: "lets unsigned drivers load",
    matches: (line) =>
      runs(line, "bcdedit") && any(line, "testsigning on", "nointegritychecks on", "disable_integrity_checks", "testsigning yes"),
  },
  {
    name: "safe-mode-changed",
    strength: "weak",
    technique: "T1562.009",
    source: attack("T1562.009"),
    does: "changes what runs in safe mode, where most protection does not, or starts the device into it",
    matches: (line) =>
      (any(line, "\\control\\safeboot\\minimal", "\\control\\safeboot\\network") && (writesRegistry(line) || deletesRegistry(line))) ||
      (runs(line, "bcdedit") && any(line, "safeboot minimal", "safeboot network")),
  },
  {
    name: "defender-settings-lowered",
    strength: "weak",
    technique: "T1562.001",
    source: attack("T1562.001"),
    does: "lowers Defender in the registry, through WMI or by taking it out",
    matches: (line) =>
      (line.includes("\\windows defender") &&
        (DEFENDER_SWITCHES.some((name) => line.includes(name)) ? setsOn(line) : setsDefenderDown(line))) ||
      (any(line, "msft_mppreference", "root\\microsoft\\windows\\defender", "root/microsoft/windows/defender") &&
        any(line, "exclusion", "disable") &&
        anyWord(line, "add", "set", "call", "invoke-cimmethod", "invoke-wmimethod")) ||
      (any(line, "uninstall-windowsfeature", "remove-windowsfeature", "/disable-feature", "disable-windowsoptionalfeature") &&
        line.includes("windows-defender")),
  },
  {
    name: "tamper-protection-off",
    strength: "strong",
    technique: "T1562.001",
    source: attack("T1562.001"),
    does: "switches off the protection of Defender's own settings",
    matches: (line) => line.includes("tamperprotection") && writesRegistry(line) && writesNumber(line, 0, 4),
  },
  {
    // Who changes the product does it as well.
    name: "protection-uninstalled",
    strength: "weak",
    technique: "T1562.001",
    source: attack("T1562.001"),
    does: "uninstalls what protects the device",
    matches: (line) =>
      namesProtection(line) &&
      (all(line, "call uninstall", "product") ||
        (any(line, "get-package", "win32_product", "get-ciminstance", "get-wmiobject") &&
          any(line, "uninstall-package", "uninstall()", "name uninstall")) ||
        (line.includes("uninstallstring") && any(line, "start-process", "invoke-expression", "cmd /c"))),
  },
  {
    name: "protection-changed-through-wmi",
    strength: "weak",
    technique: "T1489",
    source: lolbas("Binaries/Wmic"),
    does: "stops or changes a service of the protection or the backup through WMI",
    matches: (line) =>
      (any(line, "service where", "win32_service") &&
        any(line, "stopservice", "changestartmode", "call delete", "name delete") &&
        (namesProtection(line) || anyWord(line, ...BACKUP_SERVICES))) ||
      (all(line, "process where", "name=") && namesProtection(line) && anyWord(line, "delete", "terminate")),
  },
  {
    name: "registry-through-wmi",
    strength: "weak",
    technique: "T1112",
    source: attack("T1112"),
    does: "writes to the registry by way of WMI",
    matches: (line) =>
      runs(line, "wmic") &&
      line.includes("stdregprov") &&
      any(line, "createkey", "setdword", "setstring", "setexpanded", "setbinary", "delete"),
  },
  {
    // learn.microsoft.com/windows-hardware/drivers/ifs: the sensors are filter drivers.
    name: "sensor-driver-unloaded",
    strength: "strong",
    technique: "T1562.001",
    source: attack("T1562.001"),
    does: "unloads the driver through which the sensor sees",
    matches: (line) =>
      runs(line, "fltmc") &&
      anyWord(line, "unload", "detach") &&
      anyWord(line, "sysmondrv", "wdfilter", "csagent", "sentinelmonitor", "mbamchameleon"),
  },
  {
    name: "filter-driver-unloaded",
    strength: "weak",
    technique: "T1562.001",
    source: attack("T1562.001"),
    does: "unloads a file system filter, as sensors and backups use",
    matches: (line) => runs(line, "fltmc") && anyWord(line, "unload", "detach"),
  },
  {
    // Windows writes such a line itself, seldom: what else started it is for the tree to say.
    name: "process-frozen-by-error-report",
    strength: "weak",
    technique: "T1562.001",
    source: attack("T1562.001"),
    does: "has the error reporter halt or read a protected process",
    matches: (line) => runs(line, "werfaultsecure") && all(line, "/pid ", "/tid ", "/encfile "),
  },
  {
    name: "event-log-stopped",
    strength: "strong",
    technique: "T1562.002",
    source: attack("T1562.002"),
    does: "stops the event log or deletes its files",
    matches: (line) =>
      (word(line, "eventlog") && runs(line, "sc", "net", "net1") && anyWord(line, "stop", "delete", "disabled")) ||
      (line.includes("stop-service") && word(line, "eventlog")) ||
      (line.includes("\\services\\eventlog") &&
        !line.includes("\\services\\eventlog\\") &&
        writesRegistry(line) &&
        writesNumber(line, 4)) ||
      (line.includes("\\winevt\\logs\\") && anyWord(line, "del", "erase", "remove-item", "rm")),
  },
  {
    name: "auditing-lowered",
    strength: "weak",
    technique: "T1562.002",
    source: attack("T1562.002"),
    does: "switches off part of what Windows records",
    matches: (line) =>
      (runs(line, "auditpol") && any(line, "success:disable", "failure:disable")) ||
      (runs(line, "wevtutil") && anyWord(line, "sl", "set-log") && any(line, "/e:false", "/enabled:false", "/ms:1 ", "/ms:1048576")) ||
      (any(line, "enablescriptblocklogging", "enablemodulelogging", "enabletranscripting", "processcreationincludecmdline") &&
        setsOff(line)) ||
      (line.includes("\\winevt\\channels\\") && word(line, "enabled") && setsOff(line)),
  },
  {
    // Its first version records nothing of what it runs.
    name: "old-powershell",
    strength: "weak",
    technique: "T1562.010",
    source: attack("T1562.010"),
    does: "asks for the old PowerShell, which records nothing",
    matches: (line) => runs(line, "powershell") && /(?:^| )[-/]v(?:e|er|ers|ersi|ersio|ersion)? 2(?:\.0)?(?: |$)/.test(line),
  },
  {
    // The images of virtual desktops are made this way, too.
    name: "restore-points-off",
    strength: "weak",
    technique: "T1490",
    source: attack("T1490"),
    does: "switches off restore points, backups or the tasks that make them",
    matches: (line) =>
      (line.includes("\\systemrestore") && any(line, "disablesr", "disableconfig") && setsOn(line)) ||
      line.includes("disable-computerrestore") ||
      (runs(line, "wbadmin") && any(line, "disable backup", "delete systemstatebackup")) ||
      ((runs(line, "schtasks") ? anyWord(line, "/delete", "/disable") : any(line, "disable-scheduledtask", "unregister-scheduledtask")) &&
        any(
          line,
          "\\systemrestore\\",
          "windowsbackup",
          "windows defender",
          "\\bitlocker\\",
          "\\windowsupdate\\",
          "\\updateorchestrator\\",
        )) ||
      (anyWord(line, "vss", "swprv", "wbengine") &&
        ((runs(line, "sc") && line.includes("disabled")) || (line.includes("set-service") && line.includes("disabled")))),
  },
  {
    name: "many-services-stopped",
    strength: "weak",
    technique: "T1489",
    source: attack("T1489"),
    does: "stops several backup and database services at once",
    matches: (line) => any(line, "stop", "taskkill", "disabled") && BACKUP_SERVICES.filter((service) => line.includes(service)).length >= 3,
  },
  {
    name: "uac-shell-key",
    strength: "strong",
    technique: "T1548.002",
    source: attack("T1548.002"),
    does: "puts a command where Windows starts it with full rights unasked",
    matches: (line) =>
      writesRegistry(line) &&
      (any(line, "\\ms-settings\\shell\\open\\command", "\\mscfile\\shell\\open\\command", "\\appx82a6gwre4fdg3bt635tn5ctqjf8msdd2\\") ||
        (any(line, "hkcu\\", "hkey_current_user\\", "hkcu:") &&
          (any(line, "delegateexecute", "\\exefile\\shell\\runas\\command", "isolatedcommand") ||
            (line.includes("\\environment") && anyWord(line, "windir", "systemroot"))))),
  },
  {
    name: "uac-lowered",
    strength: "weak",
    technique: "T1548.002",
    source: attack("T1548.002"),
    does: "lowers the question for administrator rights",
    matches: (line) =>
      any(line, "enablelua", "consentpromptbehavioradmin", "promptonsecuredesktop") && line.includes("\\policies\\system") && setsOff(line),
  },
  {
    name: "remote-desktop-opened",
    strength: "weak",
    technique: "T1021.001",
    source: attack("T1021.001"),
    does: "opens remote desktop or makes it ask less",
    matches: (line) =>
      (any(line, "fdenytsconnections", "disablerestrictedadmin") && setsOff(line)) ||
      (line.includes("\\rdp-tcp") &&
        (any(line, "userauthentication", "securitylayer") ? setsOff(line) : word(line, "portnumber") && writesRegistry(line))) ||
      (line.includes("\\terminal services") && word(line, "shadow") && writesRegistry(line) && writesNumber(line, 2, 4)) ||
      (runs(line, "tscon") && line.includes("/dest:")),
  },
  {
    name: "passwords-weakened",
    strength: "weak",
    technique: "T1112",
    source: attack("T1112"),
    does: "lets weaker or emptier passwords be used over the network",
    matches: (line) =>
      (any(line, "lmcompatibilitylevel", "ntlmminclientsec", "restrictsendingntlmtraffic") &&
        writesRegistry(line) &&
        writesNumber(line, 0, 1, 2)) ||
      (any(line, "limitblankpassworduse", "enablesecuritysignature", "requiresecuritysignature") && setsOff(line)),
  },
  {
    name: "account-hidden",
    strength: "weak",
    technique: "T1564.002",
    source: attack("T1564.002"),
    does: "hides an account from the sign-in screen",
    matches: (line) =>
      (line.includes("\\specialaccounts\\userlist") && setsOff(line)) ||
      (runs(line, "dscl") && line.includes("ishidden") && anyWord(line, "1", "yes")),
  },
  {
    name: "macros-let-in",
    strength: "weak",
    technique: "T1112",
    source: attack("T1112"),
    does: "lets Office run macros or Windows run what came from the internet unasked",
    matches: (line) =>
      (line.includes("\\office\\") && any(line, "vbawarnings", "accessvbom") && setsOn(line)) ||
      (line.includes("\\office\\") &&
        any(line, "disableinternetfilesinpv", "disableattachmentsinpv", "disableunsafelocationsinpv") &&
        setsOn(line)) ||
      (line.includes("smartscreenenabled") && writesRegistry(line) && line.includes(" off")) ||
      (any(line, "enablesmartscreen", "\\policies\\attachments") && (line.includes("savezoneinformation") ? setsOn(line) : setsOff(line))),
  },
  {
    name: "hidden-autostart",
    strength: "weak",
    technique: "T1547",
    source: attack("T1547"),
    does: "writes to a place in the registry through which Windows starts or loads things unseen",
    matches: (line) =>
      writesRegistry(line) &&
      (any(line, "appinit_dlls", "\\appcertdlls", "userinitmprlogonscript", "bootexecute", "\\office test\\special\\perf") ||
        (line.includes("\\image file execution options\\") && anyWord(line, "debugger", "globalflag")) ||
        line.includes("\\silentprocessexit\\") ||
        (line.includes("\\control\\lsa") && any(line, "security packages", "authentication packages", "notification packages")) ||
        (line.includes("\\currentversion\\winlogon") &&
          anyWord(line, "shell", "userinit") &&
          !any(line, "/d explorer.exe", "-value explorer.exe")) ||
        (line.includes("\\control panel\\desktop") && line.includes("scrnsave.exe") && inOpenFolder(line)) ||
        (line.includes("\\command processor") && word(line, "autorun")) ||
        (line.includes("\\inprocserver32") && any(line, "hkcu\\", "hkey_current_user\\", "hkcu:") && (inOpenFolder(line) || hasWeb(line)))),
  },
  {
    name: "lsass-exit-watched",
    strength: "strong",
    technique: "T1003.001",
    source: attack("T1003.001"),
    does: "has Windows write down the memory of LSASS",
    matches: (line) => any(line, "\\silentprocessexit\\lsass", "\\image file execution options\\lsass") && writesRegistry(line),
  },
  {
    name: "task-hidden",
    strength: "strong",
    technique: "T1564",
    source: attack("T1564"),
    does: "hides a scheduled task from every list",
    matches: (line) => line.includes("\\schedule\\taskcache\\tree\\") && deletesRegistry(line) && anyWord(line, "sd"),
  },
  {
    name: "service-guarded",
    strength: "weak",
    technique: "T1564",
    source: attack("T1564"),
    does: "takes away everybody's right to see or stop a service, or has its failure start a shell",
    matches: (line) =>
      runs(line, "sc") &&
      ((word(line, "sdset") && line.includes("(d;")) || (word(line, "failure") && any(line, "cmd.exe", "cmd /c", "powershell"))),
  },
  {
    name: "name-written-backwards",
    strength: "strong",
    technique: "T1036.002",
    source: attack("T1036.002"),
    does: "turns a file's name around so that its ending looks harmless",
    matches: (line) => line.includes("\u202e"),
  },
  {
    name: "two-endings",
    strength: "strong",
    technique: "T1036.007",
    source: attack("T1036.007"),
    does: "runs a program named like a document",
    matches: (line) =>
      /\.(?:pdf|docx?|xlsx?|pptx?|rtf|jpe?g|png|gif|mp4)[ ]{0,40}\.(?:exe|scr|pif|hta|lnk|vbs|vbe|jse|wsf)(?![a-z0-9_.-])/.test(line),
  },
  {
    name: "hidden-stream",
    strength: "weak",
    technique: "T1564.004",
    source: attack("T1564.004"),
    does: "keeps a program in the hidden stream of another file",
    matches: (line) => /\.[a-z0-9]{2,4}:[a-z0-9_.-]{1,60}\.(?:exe|dll|ps1|vbs|js|bat|hta|cmd)(?![a-z0-9_.-])/.test(line),
  },
  {
    name: "open-folder-hidden",
    strength: "weak",
    technique: "T1564.001",
    source: attack("T1564.001"),
    does: "hides something in a folder anybody can write to",
    matches: (line) => runs(line, "attrib") && anyWord(line, "+h", "+s") && inOpenFolder(line),
  },
  {
    name: "itself-deleted",
    strength: "weak",
    technique: "T1070.004",
    source: attack("T1070.004"),
    does: "waits and then deletes the program that started it",
    matches: (line) =>
      (any(line, "ping 127.0.0.1", "ping localhost", "ping 1.1.1.1", "choice /c", "timeout /t") ||
        /ping(?:\.exe)? -n \d{1,3} 127/.test(line)) &&
      anyWord(line, "del", "erase") &&
      line.includes(".exe") &&
      any(line, "\\users\\", "\\temp\\", "%temp%"),
  },
  {
    name: "logs-erased",
    strength: "weak",
    technique: "T1070.002",
    source: attack("T1070.002"),
    does: "empties or bypasses the logs of the system",
    matches: (line) =>
      any(line, "histfile=/dev/null", "unset histfile", "histsize=0", "/dev/null ~/.bash_history", "remove-eventlog") ||
      (any(line, "/var/log/auth.log", "/var/log/secure", "/var/log/wtmp", "/var/log/btmp", "/var/log/lastlog", "/var/log/messages") &&
        (anyWord(line, "shred", "rm", "unlink") || any(line, "> /var/log/", "truncate -s 0"))) ||
      (runs(line, "fsutil") && all(line, "setzerodata", "length=")),
  },
  {
    name: "passwords-sent-to-stranger",
    strength: "strong",
    technique: "T1187",
    source: attack("T1187"),
    does: "makes Windows sign in to a stranger's share",
    matches: (line) =>
      runs(line, "certutil") && any(line, "syncwithwu", "urlcache", "verifyctl", "generatesstfromwu") && hasBareShare(line),
  },
  {
    // The toolkits that break out of a virtual machine start with it.
    name: "virtual-machine-driver-off",
    strength: "weak",
    technique: "T1611",
    source: attack("T1611"),
    does: "takes the drivers to the host away from a virtual machine",
    matches: (line) => runs(line, "devcon", "pnputil") && any(line, "vmwvmcihostdev", "vmwvmci") && any(line, "disable", "remove"),
  },
];

const setsDefenderDown = (line: string) =>
  (line.includes("\\windows defender\\exclusions\\") && writesRegistry(line)) ||
  (any(line, "spynetreporting", "submitsamplesconsent", "puaprotection", "mpenablepus") && setsOff(line));
/** Values of Defender's policies that switch a part off where they are 1 (learn.microsoft.com/defender-endpoint). */
const DEFENDER_SWITCHES = [
  "disablebehaviormonitoring",
  "disableioavprotection",
  "disablescriptscanning",
  "disableonaccessprotection",
  "disableblockatfirstseen",
  "disableroutinelytakingaction",
  "disableintrusionpreventionsystem",
  "disablescanonrealtimeenable",
  "disableenhancednotifications",
];
const BACKUP_SERVICES = [
  "vss",
  "swprv",
  "wbengine",
  "sqlwriter",
  "mssqlserver",
  "sqlserveragent",
  "veeam",
  "backupexec",
  "acronis",
  "msexchangeis",
];
