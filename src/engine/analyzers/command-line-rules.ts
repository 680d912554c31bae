/**
 * Command lines attackers write, as plain string tests. The text is written by attackers, so nothing here may take more than time linear
 * in its length: `includes` and word look-ups only, no pattern with a quantifier inside a quantifier.
 */
export type CommandLineRule = {
  name: string;
  /** `strong`: only attackers write it. `weak`: administrators do, too. */
  strength: "strong" | "weak";
  /** ATT&CK technique. */
  technique: string;
  /** "deletes the volume shadow copies": completes "This command line ...". */
  does: string;
  matches: (line: string) => boolean;
};

const all = (line: string, ...parts: string[]) => parts.every((part) => line.includes(part));
const any = (line: string, ...parts: string[]) => parts.some((part) => line.includes(part));

const isWordCharacter = (character: string | undefined) =>
  character !== undefined &&
  ((character >= "a" && character <= "z") || (character >= "0" && character <= "9") || character === "_" || character === "-");
/** The word by itself: `iex` but not `iexplore`. */
function word(line: string, wanted: string): boolean {
  for (let at = line.indexOf(wanted); at !== -1; at = line.indexOf(wanted, at + 1)) {
    if (!isWordCharacter(line[at - 1]) && !isWordCharacter(line[at + wanted.length])) return true;
  }
  return false;
}

const hasWeb = (line: string) => any(line, "http://", "https://", "ftp://", "\\\\http");
const runsText = (line: string) => word(line, "iex") || any(line, "invoke-expression", "[scriptblock]::create", "assembly]::load");
const fetches = (line: string) =>
  any(
    line,
    "downloadstring",
    "downloadfile",
    "downloaddata",
    "invoke-webrequest",
    "invoke-restmethod",
    "start-bitstransfer",
    "net.webclient",
  ) ||
  word(line, "iwr") ||
  word(line, "irm");

/** Lines arrive lower-cased, with quotes and escape characters taken out and white space made single. */
export const COMMAND_LINE_RULES: readonly CommandLineRule[] = [
  {
    // attack.mitre.org/techniques/T1490, procedure examples of nearly every ransomware family listed there.
    name: "shadow-copy-deletion",
    strength: "strong",
    technique: "T1490",
    does: "deletes the backups Windows keeps (shadow copies)",
    matches: (line) =>
      all(line, "vssadmin", "delete shadows") ||
      all(line, "vssadmin", "resize shadowstorage") ||
      all(line, "wmic", "shadowcopy", "delete") ||
      (line.includes("win32_shadowcopy") && any(line, "delete", "remove-wmiobject", "remove-ciminstance")) ||
      (line.includes("wbadmin") && any(line, "delete catalog", "delete systemstatebackup", "delete backup")),
  },
  {
    // attack.mitre.org/techniques/T1490: recovery is switched off before encrypting.
    name: "recovery-disabled",
    strength: "strong",
    technique: "T1490",
    does: "switches off Windows recovery",
    matches: (line) => line.includes("bcdedit") && any(line, "recoveryenabled no", "bootstatuspolicy ignoreallfailures"),
  },
  {
    // attack.mitre.org/techniques/T1003/001; comsvcs: lolbas-project.github.io/lolbas/Libraries/comsvcs.
    name: "lsass-dump",
    strength: "strong",
    technique: "T1003.001",
    does: "reads passwords out of the memory of LSASS",
    matches: (line) =>
      (line.includes("comsvcs") && any(line, "minidump", "#24", "#+24", "#-")) ||
      (line.includes("lsass") && (any(line, "procdump", "minidump", "lsass.dmp", "out-minidump") || word(line, "-ma"))) ||
      any(line, "sekurlsa::", "sekurlsa ", "lsadump::", "invoke-mimikatz"),
  },
  {
    // attack.mitre.org/techniques/T1003/002: `reg save hklm\sam`.
    name: "credential-hives-saved",
    strength: "strong",
    technique: "T1003.002",
    does: "saves the registry hives that hold password hashes",
    matches: (line) =>
      word(line, "save") && any(line, "reg ", "reg.exe ") && any(line, "hklm\\sam", "hklm\\security", "hkey_local_machine\\sam"),
  },
  {
    // attack.mitre.org/techniques/T1003/003; lolbas-project.github.io/lolbas/Binaries/Ntdsutil. Administrators promote controllers with it.
    name: "directory-database-copied",
    strength: "strong",
    technique: "T1003.003",
    does: "copies the directory's password database",
    matches: (line) => (line.includes("ntdsutil") && word(line, "ifm")) || (line.includes("ntds.dit") && any(line, "copy", "esentutl")),
  },
  {
    // attack.mitre.org/techniques/T1112; learn.microsoft.com advisory 2871997: passwords are kept in clear again.
    name: "clear-passwords-switched-on",
    strength: "strong",
    technique: "T1112",
    does: "makes Windows keep passwords in clear text (WDigest)",
    matches: (line) => all(line, "wdigest", "uselogoncredential") && any(line, " add ", "set-itemproperty", "new-itemproperty"),
  },
  {
    // attack.mitre.org/techniques/T1105; lolbas-project.github.io/lolbas/Binaries/Certutil.
    name: "certutil-download",
    strength: "strong",
    technique: "T1105",
    does: "downloads with certutil, which is meant for certificates",
    matches: (line) => line.includes("certutil") && any(line, "urlcache", "verifyctl") && hasWeb(line),
  },
  {
    // attack.mitre.org/techniques/T1140; the same tool, also used by administrators on certificates.
    name: "certutil-decode",
    strength: "weak",
    technique: "T1140",
    does: "decodes a file with certutil",
    matches: (line) => line.includes("certutil") && (word(line, "-decode") || word(line, "/decode") || word(line, "-decodehex")),
  },
  {
    // attack.mitre.org/techniques/T1218/005; lolbas-project.github.io/lolbas/Binaries/Mshta.
    name: "mshta-remote",
    strength: "strong",
    technique: "T1218.005",
    does: "runs script from the web through mshta",
    matches: (line) => line.includes("mshta") && (hasWeb(line) || any(line, "javascript:", "vbscript:")),
  },
  {
    // attack.mitre.org/techniques/T1218/011; lolbas-project.github.io/lolbas/Binaries/Rundll32.
    name: "rundll32-script",
    strength: "strong",
    technique: "T1218.011",
    does: "runs script through rundll32",
    matches: (line) => line.includes("rundll32") && any(line, "javascript:", "vbscript:"),
  },
  {
    // attack.mitre.org/techniques/T1218/010 ("Squiblydoo"); lolbas-project.github.io/lolbas/Binaries/Regsvr32.
    name: "regsvr32-remote",
    strength: "strong",
    technique: "T1218.010",
    does: "runs script from the web through regsvr32",
    matches: (line) => line.includes("regsvr32") && any(line, "/i:http", "-i:http", "/i:ftp", "/i:\\\\"),
  },
  {
    // attack.mitre.org/techniques/T1197; lolbas-project.github.io/lolbas/Binaries/Bitsadmin. Some installers still use it.
    name: "bitsadmin-download",
    strength: "weak",
    technique: "T1197",
    does: "downloads with bitsadmin",
    matches: (line) => line.includes("bitsadmin") && any(line, "/transfer", "/addfile", "-transfer", "-addfile") && hasWeb(line),
  },
  {
    // attack.mitre.org/techniques/T1059/001: fetched and run in one line, nothing on disk.
    name: "download-cradle",
    strength: "strong",
    technique: "T1059.001",
    does: "fetches code from the web and runs it at once",
    matches: (line) => fetches(line) && runsText(line),
  },
  {
    // attack.mitre.org/techniques/T1105. Administrators download with PowerShell every day.
    name: "powershell-download",
    strength: "weak",
    technique: "T1105",
    does: "downloads with PowerShell",
    matches: (line) => fetches(line) && hasWeb(line) && !runsText(line),
  },
  {
    // attack.mitre.org/techniques/T1562/001: the two names every published bypass touches.
    name: "amsi-bypass",
    strength: "strong",
    technique: "T1562.001",
    does: "switches off script scanning (AMSI)",
    matches: (line) => any(line, "amsiutils", "amsiinitfailed", "amsiscanbuffer"),
  },
  {
    // attack.mitre.org/techniques/T1562/001. Administrators add exclusions, too.
    name: "antivirus-weakened",
    strength: "weak",
    technique: "T1562.001",
    does: "weakens Defender Antivirus",
    matches: (line) =>
      (line.includes("set-mppreference") && line.includes("-disable")) ||
      (line.includes("add-mppreference") && line.includes("-exclusion")),
  },
  {
    // attack.mitre.org/techniques/T1070/001.
    name: "event-log-cleared",
    strength: "weak",
    technique: "T1070.001",
    does: "clears an event log",
    matches: (line) => (line.includes("wevtutil") && (word(line, "cl") || word(line, "clear-log"))) || line.includes("clear-eventlog"),
  },
  {
    // attack.mitre.org/techniques/T1059/004: a shell bound to a socket has no administrative use.
    name: "reverse-shell",
    strength: "strong",
    technique: "T1059.004",
    does: "gives a shell to somebody on the network",
    matches: (line) => any(line, "/dev/tcp/", "/dev/udp/") && any(line, "bash", " sh ", "exec "),
  },
  {
    // attack.mitre.org/techniques/T1105; many installers are documented this way.
    name: "piped-download",
    strength: "weak",
    technique: "T1105",
    does: "pipes a download into a shell",
    matches: (line) => (word(line, "curl") || word(line, "wget")) && hasWeb(line) && any(line, "| sh", "|sh", "| bash", "|bash"),
  },
  {
    // attack.mitre.org/techniques/T1047.
    name: "wmi-process",
    strength: "weak",
    technique: "T1047",
    does: "starts a process through WMI",
    matches: (line) => all(line, "wmic", "process call create"),
  },
  {
    // attack.mitre.org/techniques/T1564/003. Scheduled administration scripts are written like this as well.
    name: "hidden-powershell",
    strength: "weak",
    technique: "T1564.003",
    does: "hides a PowerShell window and skips the profile",
    matches: (line) =>
      any(line, "powershell", "pwsh") &&
      (word(line, "-nop") || word(line, "-noprofile") || word(line, "/nop")) &&
      word(line, "hidden") &&
      any(line, "-w ", "-win", "-w:", "/w "),
  },
];
