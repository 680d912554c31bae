import type { CommandLineRule } from "./command-line-words.ts";
import {
  all,
  any,
  anyWord,
  attack,
  behind,
  fetches,
  hasBareAddress,
  hasBareShare,
  hasWeb,
  inOpenFolder,
  lolbas,
  namesProgram,
  pipesIntoShell,
  runs,
  runsText,
  startsWith,
  word,
} from "./command-line-words.ts";

const SCRIPT_STARTERS = ["powershell", "cmd", "mshta", "wscript", "cscript"];
/** Directly below `C:\ProgramData\`: products make a folder of their own there. */
const inBareProgramData = (line: string) => /\\programdata\\[a-z0-9_.~-]{1,60}\.[a-z0-9]{2,4}(?![a-z0-9_.\\-])/.test(line);
const isDropped = (line: string) => (inOpenFolder(line) && line.includes("\\")) || inBareProgramData(line);

/** Programs of Windows made to fetch or run what somebody else brought. */
export const PROXY_RULES: readonly CommandLineRule[] = [
  {
    name: "bitsadmin-odd-download",
    strength: "strong",
    technique: "T1197",
    source: lolbas("Binaries/Bitsadmin"),
    does: "downloads with bitsadmin from a bare address, or a program into a folder anybody can write to",
    matches: (line) =>
      runs(line, "bitsadmin") &&
      any(line, "/transfer", "/addfile", "-transfer", "-addfile") &&
      hasWeb(line) &&
      (hasBareAddress(line) || (isDropped(line) && namesProgram(line))),
  },
  {
    // Installers are fetched by script into a temporary folder every day.
    name: "program-downloaded-to-open-folder",
    strength: "weak",
    technique: "T1105",
    source: attack("T1105"),
    does: "downloads a program into a folder anybody can write to",
    matches: (line) => runs(line, "curl", "wget") && hasWeb(line) && isDropped(line) && namesProgram(line),
  },
  {
    name: "download-from-bare-address",
    strength: "weak",
    technique: "T1105",
    source: attack("T1105"),
    does: "downloads from an address on the internet that has no name",
    matches: (line) =>
      hasBareAddress(line) &&
      // Health checks throw the answer away.
      !any(line, "/dev/null", "-o nul", "> nul", ">nul") &&
      ((runs(line, "curl") && (anyWord(line, "-o", "--output", "--remote-name", "-so", "-lo", "-sso") || line.includes(" > "))) ||
        (runs(line, "wget") && !line.includes("--spider")) ||
        (fetches(line) && any(line, "-outfile", "downloadfile", "start-bitstransfer"))),
  },
  {
    name: "download-from-paste-site",
    strength: "weak",
    technique: "T1102",
    source: attack("T1102"),
    does: "fetches from a place where anybody can leave text or files unnamed",
    matches: (line) =>
      any(
        line,
        "pastebin.com/raw",
        "paste.ee/r/",
        "rentry.co/",
        "hastebin.com/raw",
        "transfer.sh/",
        "cdn.discordapp.com/attachments",
        "anonfiles",
        "ix.io/",
        "termbin.com",
        "0x0.st/",
        "catbox.moe/",
      ) &&
      (fetches(line) || runs(line, "curl", "wget", "bitsadmin", "certutil", "mshta", "msiexec")),
  },
  {
    name: "download-started",
    strength: "weak",
    technique: "T1204.002",
    source: attack("T1204.002"),
    does: "downloads into a folder anybody can write to and starts what came",
    matches: (line) =>
      (fetches(line) || runs(line, "curl", "bitsadmin")) &&
      hasWeb(line) &&
      inOpenFolder(line) &&
      any(line, "start-process", "invoke-item", "; start ", "& start ", "&& start ", "saps ") &&
      /\.(?:exe|scr|bat|cmd|vbs|js|hta|dll)(?![a-z0-9_.-])/.test(line),
  },
  {
    // attack.mitre.org/techniques/T1204/004: the person is told to paste it to prove being human.
    name: "pasted-by-deceit",
    strength: "strong",
    technique: "T1204.004",
    source: attack("T1204.004"),
    does: "tells whoever pastes it that it proves being human",
    matches: (line) =>
      runs(line, "powershell", "pwsh", "mshta", "cmd", "curl", "msiexec", "rundll32") &&
      any(
        line,
        "i am not a robot",
        "im not a robot",
        "captcha verification",
        "verification id",
        "verification hash",
        "recaptcha",
        "cloudflare verif",
        "human verif",
      ),
  },
  {
    name: "finger-download",
    strength: "weak",
    technique: "T1105",
    source: lolbas("Binaries/Finger"),
    does: "asks a server with finger, which nobody uses any more",
    matches: (line) => startsWith(line, "finger") || (runs(line, "finger") && behind(line, "finger").slice(0, 200).includes("@")),
  },
  {
    name: "fetched-by-side-door",
    strength: "strong",
    technique: "T1105",
    source: attack("T1105"),
    does: "downloads with a program of Windows that is made for something else",
    matches: (line) =>
      hasWeb(line) &&
      ((runs(line, "mpcmdrun") && line.includes("-downloadfile")) ||
        (runs(line, "desktopimgdownldr") && line.includes("/lockscreenurl")) ||
        (runs(line, "certreq") && line.includes("-post")) ||
        startsWith(
          line,
          "datasvcutil",
          "protocolhandler",
          "msohtmed",
          "iediagcmd",
          "installutil",
          "configsecuritypolicy",
          "ieexec",
          "presentationhost",
          "hh",
          "imewdbld",
          "xwizard",
        ) ||
        (runs(line, "cmdl32") && line.includes("/lan"))),
  },
  {
    name: "certutil-encode",
    strength: "weak",
    technique: "T1027.013",
    source: lolbas("Binaries/Certutil"),
    does: "encodes a file in a folder anybody can write to, or decodes one into a program, with certutil",
    matches: (line) =>
      runs(line, "certutil") &&
      ((anyWord(line, "-encode", "/encode", "-encodehex", "/encodehex") && inOpenFolder(line)) ||
        (anyWord(line, "-decode", "/decode", "-decodehex", "/decodehex") && (inOpenFolder(line) || namesProgram(behind(line, "decode"))))),
  },
  {
    name: "key-exported",
    strength: "weak",
    technique: "T1552.004",
    source: attack("T1552.004"),
    does: "takes a private key out of the certificate store",
    matches: (line) =>
      (runs(line, "certutil") && any(line, "-exportpfx", "/exportpfx")) || (line.includes("export-pfxcertificate") && inOpenFolder(line)),
  },
  {
    name: "mshta-open-folder",
    strength: "weak",
    technique: "T1218.005",
    source: lolbas("Binaries/Mshta"),
    does: "runs a page from a folder anybody can write to, or from the network, through mshta",
    matches: (line) => {
      const page = behind(line, "mshta");
      return runs(line, "mshta") && (inOpenFolder(page) || page.includes(" \\\\") || page.includes("about:"));
    },
  },
  {
    name: "script-from-open-folder",
    strength: "weak",
    technique: "T1059.005",
    source: attack("T1059.005"),
    does: "runs a script from a folder anybody can write to, or a script that is not named as one",
    matches: (line) =>
      runs(line, "wscript", "cscript") &&
      ((inOpenFolder(line) && /\.(?:vbs|vbe|js|jse|wsf|wsh)(?![a-z0-9_.-])/.test(line)) ||
        (any(line, "//e:", "/e:jscript", "/e:vbscript") && !/\.(?:vbs|vbe|js|jse|wsf|wsh)(?![a-z0-9_.-])/.test(line))),
  },
  {
    name: "rundll32-by-number",
    strength: "weak",
    technique: "T1218.011",
    source: lolbas("Binaries/Rundll32"),
    does: "runs a library by number, under another ending, or nothing at all, through rundll32",
    matches: (line) => {
      if (!runs(line, "rundll32")) return false;
      const argument = behind(line, "rundll32")
        .replace(/^\.exe/, "")
        .trim();
      if (argument === "") return startsWith(line, "rundll32");
      if (any(argument, "\\windows\\", "\\program files", "%systemroot%")) return false;
      return (
        /[\\/][^\\/,]{1,100},[ ]?#-?\d{1,6}(?:\D|$)/.test(argument.slice(0, 1000)) ||
        /^\S{1,300}\.(?:dat|txt|png|jpg|jpeg|gif|log|bin|ini|css|xml)[ ,]/.test(argument)
      );
    },
  },
  {
    name: "rundll32-launcher",
    strength: "weak",
    technique: "T1218.011",
    source: lolbas("Binaries/Rundll32"),
    does: "starts a program by way of a library of Windows",
    matches: (line) =>
      runs(line, "rundll32") &&
      ((any(
        line,
        "url.dll,",
        "ieframe.dll,openurl",
        "shdocvw.dll,openurl",
        "zipfldr.dll,routethecall",
        "pcwutl.dll,launchapplication",
        "advpack.dll,",
      ) &&
        (/\.(?:exe|hta|bat|cmd|js|vbs|sct|scr)(?![a-z0-9_.-])/.test(behind(line, ".dll,")) ||
          anyWord(behind(line, ".dll,"), "calc", "powershell"))) ||
        (any(line, "installhinfsection", "launchinfsection") && inOpenFolder(line)) ||
        all(line, "dfshim.dll", "shopenverbapplication http")),
  },
  {
    name: "regsvr32-disguised",
    strength: "weak",
    technique: "T1218.010",
    source: lolbas("Binaries/Regsvr32"),
    does: "runs a script or a library under another ending through regsvr32",
    matches: (line) =>
      runs(line, "regsvr32") &&
      ((line.includes("scrobj") && any(line, "/i:", "-i:")) ||
        /\.(?:jpg|jpeg|png|gif|txt|dat|log|tmp|bin|xml|css)(?: |$)/.test(behind(line, "regsvr32"))),
  },
  {
    name: "started-by-proxy",
    strength: "weak",
    technique: "T1202",
    source: attack("T1202"),
    does: "starts a program by way of another one that is made for something else",
    matches: (line) =>
      // The usual one goes over old files and names each.
      (runs(line, "forfiles") &&
        any(line, "/c ", "-c ") &&
        any(line, "\\windows\\system32", "/m notepad.exe", "/m calc.exe") &&
        !any(line, "@file", "@path", "@fname")) ||
      (runs(line, "pcalua") &&
        any(line, "-a ") &&
        (any(behind(line, "-a "), "\\\\", ".dll", ".cpl", "http") || runs(behind(line, "-a "), ...SCRIPT_STARTERS))) ||
      (runs(line, "odbcconf") && (line.includes("regsvr") || any(line, "/f ", "-f "))) ||
      (runs(line, "scriptrunner") && line.includes("-appvscript")) ||
      (runs(line, "syncappvpublishingserver", "syncappvpublishingserver.vbs") && line.includes(";")) ||
      (runs(line, "msiexec") && anyWord(line, "/y", "/z", "-y", "-z") && inOpenFolder(line)) ||
      (runs(line, "control") && line.includes(".cpl") && (inOpenFolder(line) || line.includes("\\\\"))) ||
      (runs(line, "wuauclt") &&
        line.includes("/runhandlercomserver") &&
        /\.dll/.test(line) &&
        (inOpenFolder(line) || line.includes("\\users\\"))) ||
      (runs(line, "xwizard") && line.includes("runwizard")) ||
      (runs(line, "verclsid") && inOpenFolder(line)) ||
      (runs(line, "ftp") && any(line, "-s:")),
  },
  {
    name: "windows-library-injected",
    strength: "strong",
    technique: "T1218.013",
    source: lolbas("Binaries/Mavinject"),
    does: "puts a library into a running process, or has Windows run a stranger's script or library",
    matches: (line) =>
      (runs(line, "mavinject", "mavinject32", "mavinject64") && line.includes("/injectrunning")) ||
      (line.includes("pubprn") && line.includes("script:")) ||
      (runs(line, "dnscmd") && line.includes("/serverlevelplugindll")),
  },
  {
    // CVE-2022-30190.
    name: "msdt-script",
    strength: "strong",
    technique: "T1218",
    source: lolbas("Binaries/Msdt"),
    does: "runs script through the troubleshooter",
    matches: (line) =>
      any(line, "ms-msdt:", "it_rebrowseforfile", "it_launchmethod", "it_browseforfile") &&
      any(line, "$(", "../", "invoke-", "mpsigstub", "iex"),
  },
  {
    name: "msdt-answers",
    strength: "weak",
    technique: "T1218",
    source: lolbas("Binaries/Msdt"),
    does: "starts the troubleshooter with answers or a package brought along",
    matches: (line) => runs(line, "msdt") && (anyWord(line, "/af", "-af") || (anyWord(line, "/cab", "-cab") && inOpenFolder(line))),
  },
  {
    name: "hidden-start",
    strength: "weak",
    technique: "T1564.003",
    source: attack("T1564.003"),
    does: "starts a script without a window",
    matches: (line) =>
      (/(?:^|[ &|(])start (?:\/[a-z]+ ){0,4}\/(?:b|min)(?: |$)/.test(line) &&
        line.includes("\\users\\") &&
        /\.(?:vbs|vbe|js|jse|hta|bat|ps1|wsf)(?![a-z0-9_.-])/.test(line)) ||
      // The terminals' own console hosts name the pipes they speak through.
      (runs(line, "conhost") &&
        line.includes("--headless") &&
        !any(line, "--server", "--signal") &&
        runs(behind(line, "--headless"), "powershell", "pwsh", "cmd", "mshta", "wscript", "cscript", "curl")),
  },
  {
    name: "browser-without-window-fetches",
    strength: "weak",
    technique: "T1105",
    source: attack("T1105"),
    does: "fetches from a bare address with a browser that shows no window",
    matches: (line) => runs(line, "chrome", "msedge", "brave", "opera") && line.includes("--headless") && hasBareAddress(line),
  },
  {
    // Whoever drives a browser to test a page loads one as well, and says so.
    name: "extension-from-open-folder",
    strength: "weak",
    technique: "T1176",
    source: attack("T1176"),
    does: "loads a browser extension from a folder anybody can write to",
    matches: (line) =>
      line.includes("--load-extension=") &&
      inOpenFolder(`${behind(line, "--load-extension=").slice(0, 300)}\\`) &&
      !any(line, "--enable-automation", "--test-type=webdriver", "scoped_dir"),
  },
  {
    name: "far-object-runs",
    strength: "strong",
    technique: "T1021.003",
    source: attack("T1021.003"),
    does: "runs a program on another machine through a component of Windows",
    matches: (line) =>
      any(line, "gettypefromprogid", "gettypefromclsid") &&
      any(line, "mmc20.application", "9ba05972", "c08afd90", "shellbrowserwindow", "excel.application,"),
  },
  {
    // The pieces of the words `iex` and `powershell` that obfuscators cut out of known texts.
    name: "words-cut-from-variables",
    strength: "strong",
    technique: "T1027.010",
    source: attack("T1027.010"),
    does: "spells a command from pieces of Windows' own texts",
    matches: (line) =>
      any(line, "$pshome[", "$env:comspec[4", "$shellid[", "$verbosepreference.tostring()[", "$env:public[13", "comspec[4,24,25]"),
  },
  {
    name: "words-out-of-order",
    strength: "weak",
    technique: "T1027.010",
    source: attack("T1027.010"),
    does: "spells a command backwards, out of order or enciphered",
    matches: (line) =>
      (/[&.] ?\((?:\{\d{1,2}\}){2,}/.test(line) && line.includes("-f")) ||
      any(line, "[array]::reverse", "[-1..-", ".tochararray();[array]") ||
      (line.includes("-bxor") && any(line, "frombase64string", "[char]", "iex", "0x")),
  },
  {
    name: "command-through-pipe",
    strength: "strong",
    technique: "T1134.001",
    source: attack("T1134.001"),
    does: "speaks into a named pipe, the way attack tools take the system's rights",
    matches: (line) => /(?:cmd|%comspec%)(?:\.exe)? \/c echo [a-z0-9]{1,40} ?> ?\\\\\.\\pipe\\/.test(line),
  },
  {
    name: "answer-through-share",
    strength: "strong",
    technique: "T1021.002",
    source: attack("T1021.002"),
    does: "leaves its answer in a share for somebody on the network",
    matches: (line) =>
      any(line, "\\\\127.0.0.1\\admin$\\", "\\\\localhost\\admin$\\", "\\\\127.0.0.1\\c$\\", "\\\\localhost\\c$\\") &&
      line.includes("2>&1"),
  },
  {
    name: "worm-of-packages",
    strength: "weak",
    technique: "T1195.002",
    source: attack("T1195.002"),
    does: "bears the names of a worm that spreads through packages of code",
    matches: (line) => any(line, "setup_bun.js", "bun_environment.js", "sha1hulud", "shai-hulud", "shaihulud"),
  },
  {
    // Each has its own page in the project's list; the words are those that make it run or load something.
    name: "seldom-used-program",
    strength: "weak",
    technique: "T1218",
    source: attack("T1218"),
    does: "has a program of Windows or its tools run or load what it is not made for",
    matches: (line) =>
      SELDOM_USED.some(([program, ...words]) => runs(line, program) && words.some((wanted) => line.includes(wanted))) ||
      (inOpenFolder(line) &&
        runs(
          line,
          "regasm",
          "regsvcs",
          "infdefaultinstall",
          "register-cimprovider",
          "addinutil",
          "ie4uinit",
          "regini",
          "tracker",
          "cdb",
          "msxsl",
          "diskshadow",
        )),
  },
  {
    name: "shares-used-by-side-door",
    strength: "weak",
    technique: "T1105",
    source: attack("T1105"),
    does: "copies from a stranger's share or under a hidden name with a program made for something else",
    matches: (line) =>
      startsWith(line, "esentutl", "extrac32", "expand", "makecab", "diantz", "replace", "print", "findstr") &&
      (hasBareShare(line) || /\.[a-z0-9]{2,4}:[a-z0-9_.-]{1,60}(?: |$)/.test(line)),
  },
  {
    name: "code-out-of-hiding",
    strength: "strong",
    technique: "T1027.011",
    source: attack("T1027.011"),
    does: "runs code it takes from the registry, the clipboard or a name server",
    matches: (line) =>
      (runsText(line) &&
        any(line, "get-clipboard", "resolve-dnsname", "hkcu:\\software", "hkcu\\software", "hklm:\\software", "registry::")) ||
      (runs(line, "nslookup") && any(line, "=txt", "type=txt") && (line.includes("for /f") || runsText(line) || pipesIntoShell(line))),
  },
  {
    name: "code-out-of-file",
    strength: "weak",
    technique: "T1059.001",
    source: attack("T1059.001"),
    does: "runs the text of a file or decoded text as code",
    matches: (line) => runsText(line) && (any(line, "get-content", "readalltext", "frombase64string") || anyWord(line, "gc")),
  },
  {
    name: "functions-of-windows-called",
    strength: "weak",
    technique: "T1106",
    source: attack("T1106"),
    does: "calls functions of Windows itself from PowerShell",
    matches: (line) => line.includes("[dllimport(") && any(line, "kernel32", "ntdll", "advapi32", "user32", "amsi"),
  },
  {
    name: "script-written-by-echo",
    strength: "weak",
    technique: "T1059",
    source: attack("T1059"),
    does: "writes a script into a folder anybody can write to, line by line",
    matches: (line) =>
      word(line, "echo") &&
      />{1,2} ?\S{0,200}\.(?:vbs|ps1|js|hta|bat|cmd)(?![a-z0-9_.-])/.test(line) &&
      inOpenFolder(behind(line, "echo")) &&
      line.includes("\\"),
  },
  {
    name: "windows-tool-copied",
    strength: "weak",
    technique: "T1036.003",
    source: attack("T1036.003"),
    does: "copies a program of Windows to another place or name",
    matches: (line) =>
      anyWord(line, "copy", "xcopy", "copy-item", "cp", "robocopy") &&
      /\\(?:system32|syswow64)\\(?:windowspowershell\\v1\.0\\)?(?:cmd|powershell|certutil|rundll32|regsvr32|mshta|wscript|cscript|bitsadmin|wmic|reg|curl|schtasks|msbuild|esentutl|msiexec)\.exe/.test(
        line,
      ),
  },
  {
    name: "names-looked-up-in-attack",
    strength: "strong",
    technique: "T1190",
    source: attack("T1190"),
    does: "carries an attack on a Java application",
    matches: (line) => /\$\{(?:jndi:|\$\{(?:lower:j|::-j)\})/.test(line),
  },
];

/** Program, then words of which one is enough (lolbas-project.github.io). */
const SELDOM_USED: readonly (readonly [string, ...string[]])[] = [
  ["appvlp", "powershell", "cmd", "\\\\"],
  ["cdb", "-cf ", "-pd -pn"],
  ["certoc", "-loaddll", "-getcacaps"],
  ["coregen", "-l "],
  ["dxcap", "-c "],
  ["mftrace", "powershell", "cmd"],
  ["msdeploy", "runcommand"],
  ["printbrm", "-f \\\\"],
  ["rasautou", "-d "],
  ["remote", "/s cmd", "/s powershell"],
  ["rpcping", "ntlm"],
  ["runscripthelper", "surfacecheck"],
  ["settingsynchost", "-loadandrundiagscript"],
  ["ssh", "proxycommand=cmd", "proxycommand=powershell", "proxycommand=calc"],
  ["ttdinject", "/launch", "/clientparams"],
  ["vsls-agent", "--agentextensionpath"],
  ["winget", "--manifest"],
  ["winrm", "invoke create wmicimv2/win32_process"],
  ["winword", "/l "],
  ["wlrmdr", "-u "],
  ["msedge", "--gpu-launcher=", "--utility-cmd-prefix=", "--renderer-cmd-prefix="],
  ["chrome", "--gpu-launcher=", "--utility-cmd-prefix=", "--renderer-cmd-prefix="],
  ["rundll32", "imageview_fullscreen http"],
  ["netsh", "add helper"],
];
