/** Registry keys through which programs start by themselves or Windows is made to look away. */
export type AutostartKey = {
  name: string;
  /** `strong`: hardly anything but an attack writes there. `weak`: installers do. `place`: everybody does; only what is started matters. */
  strength: "strong" | "weak" | "place";
  /** ATT&CK technique. */
  technique: string;
  /** Public page that describes the key. */
  source: string;
  /** "starts a program at every sign-in": completes "This key ...". */
  does: string;
  /** `key` lower case with `hklm`/`hkcu` at its beginning; `value` is the value's name or what it holds, as the source named it. */
  matches: (key: string, value: string) => boolean;
};

const attack = (technique: string) => `https://attack.mitre.org/techniques/${technique.replace(".", "/")}/`;
const WINLOGON = "\\microsoft\\windows nt\\currentversion\\winlogon";
const LSA = "\\control\\lsa";

export const AUTOSTART_KEYS: readonly AutostartKey[] = [
  {
    name: "run-key",
    strength: "place",
    technique: "T1547.001",
    source: attack("T1547.001"),
    does: "starts programs at every sign-in",
    matches: (key) => /\\currentversion\\(policies\\explorer\\)?run(once|onceex|services|servicesonce)?$/.test(key),
  },
  {
    name: "session-manager",
    strength: "strong",
    technique: "T1547.001",
    source: attack("T1547.001"),
    does: "starts a program before Windows is up",
    matches: (key, value) => key.endsWith("\\control\\session manager") && value.includes("bootexecute"),
  },
  {
    name: "winlogon",
    strength: "strong",
    technique: "T1547.004",
    source: attack("T1547.004"),
    does: "replaces or joins what Windows starts at sign-in",
    matches: (key, value) =>
      key.includes(WINLOGON) && (value === "" || ["shell", "userinit", "notify", "mpnotify"].some((each) => value.includes(each))),
  },
  {
    name: "accessibility-debugger",
    strength: "strong",
    technique: "T1546.008",
    source: attack("T1546.008"),
    does: "puts a program behind a key of the sign-in screen",
    matches: (key) => /\\image file execution options\\(sethc|utilman|osk|magnify|narrator|displayswitch|atbroker)\.exe$/.test(key),
  },
  {
    // Developers set it for their own programs, seldom and on their own devices.
    name: "image-file-execution-options",
    strength: "weak",
    technique: "T1546.012",
    source: attack("T1546.012"),
    does: "starts another program in a program's place",
    matches: (key, value) =>
      (key.includes("\\image file execution options\\") && (value === "" || value.includes("debugger") || value.includes("globalflag"))) ||
      key.includes("\\silentprocessexit\\"),
  },
  {
    name: "appinit-dlls",
    strength: "strong",
    technique: "T1546.010",
    source: attack("T1546.010"),
    does: "loads a library into every program with a window",
    matches: (key, value) => key.endsWith("\\microsoft\\windows nt\\currentversion\\windows") && value.includes("appinit_dlls"),
  },
  {
    name: "appcert-dlls",
    strength: "strong",
    technique: "T1546.009",
    source: attack("T1546.009"),
    does: "loads a library into every program that starts another",
    matches: (key) => key.includes("\\session manager\\appcertdlls"),
  },
  {
    name: "lsa-packages",
    strength: "strong",
    technique: "T1547.005",
    source: attack("T1547.005"),
    does: "loads a library into the process that holds the passwords",
    matches: (key, value) =>
      (key.endsWith(LSA) || key.endsWith(`${LSA}\\osconfig`)) &&
      ["security packages", "authentication packages", "notification packages"].some((each) => value.includes(each)),
  },
  {
    name: "clear-passwords",
    strength: "strong",
    technique: "T1112",
    source: attack("T1112"),
    does: "makes Windows keep passwords in clear text",
    matches: (key, value) => key.endsWith("\\securityproviders\\wdigest") && (value === "" || value.includes("uselogoncredential")),
  },
  {
    name: "defender-switched-off",
    strength: "strong",
    technique: "T1562.001",
    source: attack("T1562.001"),
    does: "switches Defender Antivirus off",
    matches: (key, value) =>
      key.includes("\\windows defender") &&
      ["disableantispyware", "disableantivirus", "disablerealtimemonitoring"].some((each) => value.includes(each)),
  },
  {
    name: "defender-exclusion",
    strength: "weak",
    technique: "T1562.001",
    source: attack("T1562.001"),
    does: "exempts something from Defender Antivirus",
    matches: (key) => /\\windows defender\\exclusions\\(paths|extensions|processes|ipaddresses)$/.test(key),
  },
  {
    name: "logon-script",
    strength: "weak",
    technique: "T1037.001",
    source: attack("T1037.001"),
    does: "runs a script at every sign-in",
    matches: (key, value) => key.endsWith("\\environment") && value.includes("userinitmprlogonscript"),
  },
  {
    name: "office-test",
    strength: "strong",
    technique: "T1137.002",
    source: attack("T1137.002"),
    does: "loads a library into every Office program",
    matches: (key) => key.includes("\\microsoft\\office test\\special\\perf"),
  },
  {
    name: "screensaver",
    strength: "weak",
    technique: "T1546.002",
    source: attack("T1546.002"),
    does: "starts a program when nobody is at the device",
    matches: (key, value) => key.endsWith("\\control panel\\desktop") && value.includes("scrnsave.exe"),
  },
  {
    name: "netsh-helper",
    strength: "weak",
    technique: "T1546.007",
    source: attack("T1546.007"),
    does: "loads a library into the network shell",
    matches: (key) => key === "hklm\\software\\microsoft\\netsh",
  },
  {
    name: "active-setup",
    strength: "weak",
    technique: "T1547.014",
    source: attack("T1547.014"),
    does: "starts a program at a user's first sign-in",
    matches: (key, value) => key.includes("\\active setup\\installed components\\") && (value === "" || value.includes("stubpath")),
  },
  {
    name: "command-processor",
    strength: "weak",
    technique: "T1546",
    source: attack("T1546"),
    does: "runs a command with every command window",
    matches: (key, value) => key.endsWith("\\microsoft\\command processor") && value.includes("autorun"),
  },
  {
    name: "service",
    strength: "place",
    technique: "T1543.003",
    source: attack("T1543.003"),
    does: "holds what a service starts",
    matches: (key) => /\\system\\(currentcontrolset|controlset\d{3})\\services\\[^\\]+(\\parameters)?$/.test(key),
  },
  {
    // Every program that is installed for one person registers here.
    name: "own-com-class",
    strength: "place",
    technique: "T1546.015",
    source: attack("T1546.015"),
    does: "can take the place of a component of Windows for one person",
    matches: (key) => /^(hkcu|hku\\[^\\]+)\\software\\classes\\clsid\\[^\\]+\\(inprocserver32|localserver32|treatas)$/.test(key),
  },
];

const HIVES: readonly [string, string][] = [
  ["\\registry\\machine\\", "hklm\\"],
  ["\\registry\\user\\", "hku\\"],
  ["hkey_local_machine", "hklm"],
  ["hkey_current_user", "hkcu"],
  ["hkey_users", "hku"],
  ["hkey_classes_root", "hkcr"],
  ["hklm:", "hklm"],
  ["hkcu:", "hkcu"],
];
/** One spelling for the many that sources use; the 32-bit view is the same place. */
export function canonicalKey(key: string): string {
  let lowered = key
    .trim()
    .toLowerCase()
    .replaceAll("/", "\\")
    .replace(/\\+$/, "")
    .replace(/^computer\\/, "");
  for (const [long, short] of HIVES) if (lowered.startsWith(long)) lowered = short + lowered.slice(long.length);
  return lowered.replace("\\software\\wow6432node\\", "\\software\\");
}
