/*
 * What the rules for command lines are made of. The text is written by attackers, so nothing here may take more than time linear in its
 * length: `includes` and word look-ups only, no pattern with a quantifier inside a quantifier.
 */

export type CommandLineRule = {
  name: string;
  /** `strong`: only attackers write it. `weak`: administrators do, too. */
  strength: "strong" | "weak";
  /** ATT&CK technique. */
  technique: string;
  /** Public page that describes the behaviour: ATT&CK, LOLBAS or the vendor. */
  source: string;
  /** "deletes the volume shadow copies": completes "This command line ...". */
  does: string;
  matches: (line: string) => boolean;
};

export const attack = (technique: string) => `https://attack.mitre.org/techniques/${technique.replace(".", "/")}/`;
export const lolbas = (page: string) => `https://lolbas-project.github.io/lolbas/${page}/`;

export const all = (line: string, ...parts: string[]) => parts.every((part) => line.includes(part));
export const any = (line: string, ...parts: string[]) => parts.some((part) => line.includes(part));

const isWordCharacter = (character: string | undefined) =>
  character !== undefined &&
  ((character >= "a" && character <= "z") || (character >= "0" && character <= "9") || character === "_" || character === "-");
/** The word by itself: `iex` but not `iexplore`. */
export function word(line: string, wanted: string): boolean {
  for (let at = line.indexOf(wanted); at !== -1; at = line.indexOf(wanted, at + 1)) {
    if (!isWordCharacter(line[at - 1]) && !isWordCharacter(line[at + wanted.length])) return true;
  }
  return false;
}
export const anyWord = (line: string, ...wanted: string[]) => wanted.some((each) => word(line, each));
/** The program by its name, with or without its ending: `sc stop x`, `C:\Windows\System32\sc.exe stop x`, but not `--sc`. */
export const runs = (line: string, ...programs: string[]) => programs.some((program) => word(line, program) || word(line, `${program}.exe`));

export const hasWeb = (line: string) => any(line, "http://", "https://", "ftp://", "\\\\http");
export const runsText = (line: string) =>
  word(line, "iex") || any(line, "invoke-expression", "[scriptblock]::create", "assembly]::load", ".invokecommand.invokescript");
export const fetches = (line: string) =>
  any(
    line,
    "downloadstring",
    "downloadfile",
    "downloaddata",
    "invoke-webrequest",
    "invoke-restmethod",
    "start-bitstransfer",
    "net.webclient",
    "net.http.httpclient",
    "msxml2.xmlhttp",
  ) || anyWord(line, "iwr", "irm");

/** Where any account may put a file without asking: attack.mitre.org/techniques/T1204/002 and T1036/005 name them as usual landing places. */
const OPEN_FOLDERS = [
  "\\appdata\\local\\temp\\",
  "\\appdata\\roaming\\",
  "\\users\\public\\",
  "\\downloads\\",
  "\\windows\\temp\\",
  "\\perflogs\\",
  "\\$recycle.bin\\",
  "%temp%\\",
  "%tmp%\\",
  "%appdata%\\",
  "%public%\\",
  "$env:temp\\",
  "$env:appdata\\",
  "$env:public\\",
  "/tmp/",
  "/var/tmp/",
  "/dev/shm/",
];
export const inOpenFolder = (line: string) => any(line, ...OPEN_FOLDERS);

const PIPE_TARGETS = new Set(
  ["sh", "bash", "zsh", "dash", "python", "python3", "perl", "node", "cmd", "powershell", "pwsh"].flatMap((name) => [name, `${name}.exe`]),
);
/** `... | bash`, `... |sudo -E sh -`, `bash <(...)`, `sh -c $(...)`. */
export function pipesIntoShell(line: string): boolean {
  for (let at = line.indexOf("|"); at !== -1; at = line.indexOf("|", at + 1)) {
    const next = line
      .slice(at + 1, at + 60)
      .split(" ")
      .filter((part) => part !== "" && part !== "sudo" && !part.startsWith("-"));
    const program = (next[0] ?? "").split(/[\\/]/).at(-1) ?? "";
    if (PIPE_TARGETS.has(program.replace(/[;&)].*$/, ""))) return true;
  }
  return any(line, "bash <(", "sh <(", "sh -c $(", "bash -c $(", "sh -c `");
}
