import type { CommandLineRule } from "./command-line-words.ts";
import {
  all,
  any,
  anyWord,
  attack,
  behind,
  deletesRegistry,
  fetches,
  hasBareAddress,
  hasBareShare,
  hasWeb,
  inOpenFolder,
  lolbas,
  namesProgram,
  runs,
  startsWith,
  word,
  writesNumber,
  writesRegistry,
} from "./command-line-words.ts";

const searches = (line: string) => runs(line, "findstr", "find", "grep", "select-string", "sls", "rg");

/** Tools of attackers by the words they are given, whatever the file is called, and how they look around, stay and leave. */
export const TOOL_RULES: readonly CommandLineRule[] = [
  {
    name: "policy-passwords-searched",
    strength: "strong",
    technique: "T1552.006",
    source: attack("T1552.006"),
    does: "looks for passwords in group policies",
    matches: (line) =>
      (line.includes("cpassword") && (searches(line) || line.includes("sysvol"))) ||
      any(line, "get-gpppassword", "gpp-decrypt", "net-gpppassword"),
  },
  {
    name: "lsass-looked-for",
    strength: "weak",
    technique: "T1057",
    source: attack("T1057"),
    does: "looks for the process that holds the passwords",
    matches: (line) =>
      (word(line, "lsass") && searches(line)) ||
      (any(line, "lsass.exe", "lsass") &&
        (runs(line, "tasklist") || any(line, "get-process lsass", "get-process -name lsass", "gps lsass", "pidof lsass"))),
  },
  {
    name: "passwords-searched",
    strength: "weak",
    technique: "T1552.001",
    source: attack("T1552.001"),
    does: "looks for passwords in files, the registry or what Windows keeps",
    matches: (line) =>
      (runs(line, "findstr") && any(line, "/s", "/si", "-s ") && any(line, "password", "passwort", "pwd=", "cpassword")) ||
      (runs(line, "reg") &&
        word(line, "query") &&
        (any(line, "/f password", "simontatham\\putty\\sessions", "orl\\winvnc") || all(line, "winlogon", "defaultpassword"))) ||
      (runs(line, "vaultcmd") && line.includes("/listcreds")) ||
      line.includes("krshowkeymgr") ||
      (runs(line, "security") && line.includes("dump-keychain")) ||
      (line.includes("/etc/shadow") && (runs(line, "cat", "cp", "less", "unshadow", "scp", "curl") || line.includes("> "))) ||
      line.includes("169.254.169.254/latest/meta-data/iam/security-credentials"),
  },
  {
    name: "password-given-for-sign-in",
    strength: "weak",
    technique: "T1021.001",
    source: attack("T1021.001"),
    does: "stores a password for remote desktop on the command line",
    matches: (line) =>
      runs(line, "cmdkey") && any(line, "/generic:termsrv", "/generic: termsrv", "/add:termsrv") && any(line, "/pass:", "/pass "),
  },
  {
    name: "browser-secrets-copied",
    strength: "weak",
    technique: "T1555.003",
    source: attack("T1555.003"),
    does: "copies what a browser keeps of passwords and sessions",
    matches: (line) =>
      any(
        line,
        "\\user data\\default\\login data",
        "\\default\\network\\cookies",
        "\\login data ",
        "key4.db",
        "cookies.sqlite",
        "logins.json",
        "/login data",
        "\\webcachev01.dat",
      ) &&
      (anyWord(line, "copy", "xcopy", "robocopy", "copy-item", "cp", "move") || all(line, "esentutl", "/y")),
  },
  {
    name: "password-tool-commands",
    strength: "strong",
    technique: "T1003",
    source: attack("T1003"),
    does: "is written for a tool that takes passwords and tickets",
    matches: (line) =>
      any(
        line,
        "dpapi::",
        "kerberos::golden",
        "kerberos::ptt",
        "kerberos::list",
        "token::elevate",
        "vault::cred",
        "misc::skeleton",
        "crypto::capi",
        "sid::patch",
        "ts::logonpasswords",
      ) ||
      (runs(line, "lazagne", "lazagne.py") && anyWord(line, "all", "browsers", "windows", "memory", "sysadmin")) ||
      any(
        line,
        "/impersonateuser:",
        "/msdsspn:",
        "/rc4opsec",
        "asktgt /user:",
        "ptt /ticket:",
        "tgtdeleg",
        "kerberoast /outfile",
        "asreproast /format",
        "monitor /interval:",
      ) ||
      (runs(line, "certify", "certipy", "certipy-ad") && anyWord(line, "find", "request", "req", "relay", "shadow", "forge")) ||
      (line.includes("ppldump") && line.includes("lsass")),
  },
  {
    // Forensic examiners run the first.
    name: "memory-read",
    strength: "weak",
    technique: "T1003.001",
    source: attack("T1003.001"),
    does: "writes down or opens the memory of a process or the device",
    matches: (line) =>
      (runs(line, "memprocfs") && anyWord(line, "-device", "-f")) ||
      (runs(line, "rdrleakdiag") && line.includes("/fullmemdmp")) ||
      (runs(line, "sqldumper") && any(line, "0x01100", "0x0110")) ||
      (runs(line, "tttracer") && any(line, "-dumpfull", "-attach")) ||
      (runs(line, "winpmem", "dumpit", "magnetramcapture") && line.includes("\\")),
  },
  {
    // A hive saved by itself is a backup; the key to the passwords is in it.
    name: "system-hive-saved",
    strength: "weak",
    technique: "T1003.002",
    source: attack("T1003.002"),
    does: "saves the hive with the key to the password hashes, or opens a shadow copy",
    matches: (line) =>
      (runs(line, "reg") && word(line, "save") && /(?:hklm|hkey_local_machine)\\system(?: |$)/.test(line)) ||
      (any(line, "mklink", "symboliclink") && line.includes("harddiskvolumeshadowcopy")),
  },
  {
    name: "shell-behind-sign-in",
    strength: "strong",
    technique: "T1546.008",
    source: attack("T1546.008"),
    does: "puts another program in the place of one the sign-in screen offers",
    matches: (line) =>
      /(?:sethc|utilman|osk|magnify|narrator|displayswitch|atbroker)\.exe/.test(line) &&
      ((word(line, "mklink") && any(line, "cmd.exe", "powershell.exe", "explorer.exe")) ||
        (runs(line, "takeown") && line.includes("/f")) ||
        (runs(line, "icacls") && any(line, "/grant", "/setowner"))),
  },
  {
    name: "directory-asked",
    strength: "weak",
    technique: "T1087.002",
    source: attack("T1087.002"),
    does: "asks the directory for what an intruder wants to know: trusts, controllers, password rules, who is privileged",
    matches: (line) =>
      (runs(line, "adfind") &&
        any(line, "-sc ", "objectcategory", "-subnets", "-gcb", "lockoutduration", "lockoutthreshold", "trustdmp", "-default")) ||
      any(line, "-sc trustdmp", "-sc dcmodes", "-sc getacls", "-sc computers_pwdnotreqd") ||
      (runs(line, "nltest") && any(line, "/domain_trusts", "/all_trusts", "/trusted_domains", "/dclist", "-domain_trusts", "-dclist")) ||
      (runs(line, "dsquery", "ldifde", "csvde", "ldapsearch") && any(line, "trusteddomain", "samaccounttype=805306368", "admincount=1")) ||
      (runs(line, "net", "net1") &&
        word(line, "group") &&
        anyWord(line, "/domain", "/do", "/dom") &&
        !word(line, "/add") &&
        any(
          line,
          "domain admins",
          "enterprise admins",
          "domain computers",
          "domain controllers",
          "schema admins",
          "exchange trusted",
          "domänen-admins",
        )),
  },
  {
    name: "group-of-rulers-grown",
    strength: "weak",
    technique: "T1098",
    source: attack("T1098"),
    does: "adds somebody to a group that rules the domain, or wakes an account that sleeps",
    matches: (line) =>
      (runs(line, "net", "net1") &&
        ((word(line, "group") && word(line, "/add") && any(line, "domain admins", "enterprise admins", "schema admins")) ||
          (word(line, "user") && anyWord(line, "administrator", "guest", "krbtgt", "defaultaccount") && line.includes("/active:yes")))) ||
      (line.includes("add-adgroupmember") && any(line, "domain admins", "enterprise admins", "schema admins")),
  },
  {
    name: "account-made",
    strength: "weak",
    technique: "T1136.001",
    source: attack("T1136.001"),
    does: "makes an account with its password on the command line",
    matches: (line) =>
      (runs(line, "net", "net1") &&
        /(?:^|[ \\])net1?(?:\.exe)? users? [^ /*]{1,64} [^ /*][^ ]{0,128} (?:[^&|]{0,100} )?\/add/.test(line)) ||
      (runs(line, "useradd") && anyWord(line, "-o", "--non-unique") && any(line, "-u 0", "--uid 0", "-ou 0")) ||
      (line.includes("new-localuser") && line.includes("convertto-securestring")),
  },
  {
    name: "directory-mapped",
    strength: "strong",
    technique: "T1087.002",
    source: attack("T1087.002"),
    does: "maps the whole directory the way attackers do",
    matches: (line) =>
      any(
        line,
        "invoke-bloodhound",
        "bloodhound-python",
        "sharphound",
        "azurehound list",
        "--collectionmethod",
        "-collectionmethod",
        "rusthound",
        "soaphound",
      ) ||
      any(
        line,
        "find-localadminaccess",
        "invoke-userhunter",
        "find-domainuserlocation",
        "invoke-sharefinder",
        "find-domainshare",
        "find-interestingdomain",
        "invoke-aclscanner",
        "get-domainuser -spn",
        "get-netuser -spn",
        "get-domaintrustmapping",
        "invoke-adrecon",
      ) ||
      (runs(line, "snaffler") && anyWord(line, "-s", "-o", "-d")) ||
      (runs(line, "seatbelt") && any(line, "-group=", "-full")) ||
      (runs(line, "adrecon.ps1", "pingcastle") && any(line, "--carto", "-method ", "-gencreds")),
  },
  {
    name: "rights-hunted",
    strength: "strong",
    technique: "T1068",
    source: attack("T1068"),
    does: "hunts for more rights with a tool made for it",
    matches: (line) =>
      any(
        line,
        "winpeas",
        "linpeas",
        "invoke-allchecks",
        "invoke-privesc",
        "sharpup audit",
        "linux-exploit-suggester",
        "windows-exploit-suggester",
      ) ||
      (runs(
        line,
        "juicypotato",
        "juicypotatong",
        "godpotato",
        "sweetpotato",
        "roguepotato",
        "rottenpotato",
        "printspoofer",
        "printspoofer64",
        "efspotato",
      ) &&
        anyWord(line, "-cmd", "-c", "-i", "-p", "-t", "-l", "-e", "-a")),
  },
  {
    name: "rights-looked-for",
    strength: "weak",
    technique: "T1574.009",
    source: attack("T1574.009"),
    does: "looks for a service or file through which rights can be gained, or for what protects the device",
    matches: (line) =>
      (all(line, "service", "get", "pathname", "startmode") && runs(line, "wmic")) ||
      (line.includes("find / ") && any(line, "-perm -4000", "-perm -u=s", "-perm /4000", "-perm -04000")) ||
      (any(line, "securitycenter2", "root\\securitycenter") && any(line, "antivirusproduct", "firewallproduct", "antispywareproduct")),
  },
  {
    name: "sign-ins-read",
    strength: "weak",
    technique: "T1654",
    source: attack("T1654"),
    does: "reads from the event log who signed in from where",
    matches: (line) =>
      (any(line, "get-winevent", "get-eventlog", "ntevent") || (runs(line, "wevtutil") && anyWord(line, "qe", "query-events", "epl"))) &&
      (any(line, "localsessionmanager", "remoteconnectionmanager", "rdpclient") || (line.includes("security") && word(line, "4624"))),
  },
  {
    name: "network-attack-tool",
    strength: "strong",
    technique: "T1021.002",
    source: attack("T1021.002"),
    does: "is written for a tool that tries passwords and runs commands across the network",
    matches: (line) =>
      (runs(line, "nxc", "netexec", "crackmapexec", "cme") &&
        anyWord(line, "smb", "ldap", "winrm", "mssql", "ssh", "wmi", "rdp", "ftp", "vnc") &&
        anyWord(line, "-u", "-p", "-h", "--gen-relay-list", "-m")) ||
      /(?:impacket-|[ /\\])(?:psexec|wmiexec|smbexec|atexec|dcomexec|getuserspns|getnpusers|ticketer|lookupsid|addcomputer|smbclient|reg|mssqlclient)\.py [^|]{0,200}@/.test(
        line,
      ) ||
      /impacket-(?:psexec|wmiexec|smbexec|atexec|dcomexec|secretsdump|getuserspns|getnpusers|ntlmrelayx|ticketer|lookupsid|mssqlclient)/.test(
        line,
      ) ||
      any(line, "getuserspns.py", "getnpusers.py", "ntlmrelayx", "goldenpac.py") ||
      (runs(line, "evil-winrm") && anyWord(line, "-i", "-u")) ||
      (all(line, "/q /c ", "2>&1") && any(line, "1> \\\\127.", "1>\\\\127.")) ||
      any(line, "invoke-smbexec", "invoke-wmiexec", "invoke-thehash", "invoke-psexec", "sharpexec", "sharprdp"),
  },
  {
    name: "passwords-sprayed",
    strength: "strong",
    technique: "T1110.003",
    source: attack("T1110.003"),
    does: "tries passwords against many accounts",
    matches: (line) =>
      (runs(line, "kerbrute") && anyWord(line, "passwordspray", "userenum", "bruteuser", "bruteforce")) ||
      any(
        line,
        "invoke-domainpasswordspray",
        "invoke-msolspray",
        "invoke-passwordspray",
        "trevorspray",
        "o365spray",
        "sprayhound",
        "invoke-sprayempty",
      ) ||
      (runs(line, "hydra", "medusa", "ncrack") && anyWord(line, "-l", "-p", "-u") && any(line, "://", " ssh", " rdp", " smb")) ||
      (line.includes("for /f") && all(line, "net use", "/user:", "%")),
  },
  {
    name: "sign-ins-caught",
    strength: "strong",
    technique: "T1557.001",
    source: attack("T1557.001"),
    does: "catches sign-ins on the network or forces other machines to sign in",
    matches: (line) =>
      any(
        line,
        "invoke-inveigh",
        "petitpotam",
        "dfscoerce",
        "shadowcoerce",
        "printerbug.py",
        "spoolsample",
        "responder.py",
        "mitm6 -",
        "krbrelayx",
        "dementor.py",
      ) ||
      (runs(line, "inveigh") && any(line, "-consoleoutput", "-nbns", "-llmnr")) ||
      (runs(line, "responder") && word(line, "-i") && any(line, " eth", " ens", " -w", " tun")) ||
      (runs(line, "coercer") && anyWord(line, "coerce", "scan")),
  },
  {
    name: "attack-script-function",
    strength: "strong",
    technique: "T1059.001",
    source: attack("T1059.001"),
    does: "calls a function out of a well-known attack script",
    matches: (line) =>
      any(
        line,
        "invoke-shellcode",
        "invoke-reflectivepeinjection",
        "invoke-dllinjection",
        "invoke-powershelltcp",
        "invoke-tokenmanipulation",
        "invoke-ninjacopy",
        "invoke-phant0m",
        "invoke-obfuscation",
        "invoke-credentialinjection",
        "invoke-dcom ",
        "get-keystrokes",
        "get-passhashes",
        "get-vaultcredential",
        "get-timedscreenshot",
        "invoke-eternalblue",
        "invoke-wcmdump",
        "invoke-sharploader",
        "out-encryptedscript",
      ) ||
      (runs(line, "powercat") && anyWord(line, "-c", "-l", "-e", "-ep")),
  },
  {
    name: "network-scanned",
    strength: "weak",
    technique: "T1046",
    source: attack("T1046"),
    does: "scans the network with a tool brought along",
    matches: (line) =>
      (runs(line, "masscan") && line.includes("--rate")) ||
      (runs(line, "netscan") && any(line, "/hide", "/auto:", "/wakeall")) ||
      (any(line, "advanced_ip_scanner", "advanced_port_scanner") && any(line, "/portable", "/lng", "_console")) ||
      (runs(line, "fscan", "fscan64", "kscan", "gogo") && anyWord(line, "-h", "-i", "-t") && /\/\d{1,2}(?: |$)/.test(line)) ||
      (runs(line, "nbtscan") && /\/\d{1,2}(?: |$)/.test(line)) ||
      all(line, "-m:scan", "-i:") ||
      (line.includes("for /l") && runs(line, "ping") && any(line, "-n 1", "-w ")),
  },
  {
    name: "miner",
    strength: "strong",
    technique: "T1496",
    source: attack("T1496"),
    does: "mines coins",
    matches: (line) => any(line, "stratum+tcp://", "stratum+ssl://", "stratum2+tcp://", "--donate-level", "--coin=monero", "--algo=rx/"),
  },
  {
    name: "tunnel-back",
    strength: "strong",
    technique: "T1572",
    source: attack("T1572"),
    does: "opens a tunnel from outside into the network with a tool of attackers",
    matches: (line) =>
      (word(line, "client") && / r:(?:\d{1,5}:|socks)/.test(line)) ||
      (runs(line, "chisel") && word(line, "server") && line.includes("--reverse")) ||
      (any(line, "ligolo", "-ignore-cert") && /-connect \S{1,200}:\d/.test(line)) ||
      any(line, "dnscat2", "gs-netcat", "revsocks -", "rsockstun -"),
  },
  {
    // People who develop and people who help from afar use them, too.
    name: "tunnel",
    strength: "weak",
    technique: "T1572",
    source: attack("T1572"),
    does: "makes remote desktop or a service inside reachable from outside",
    matches: (line) =>
      (runs(line, "ngrok") && (word(line, "tcp") || /(?:http|start).{0,40}3389/.test(line))) ||
      (runs(line, "cloudflared") && /--url (?:tcp|rdp|smb|ssh):/.test(line)) ||
      (runs(line, "plink", "ssh", "kitty") && /(?:^| )-[a-z]{0,6}r ?\S{0,80}:(?:3389|445|5985|5986|1433|389)(?: |$)/.test(line)) ||
      (runs(line, "plink") && word(line, "-r") && anyWord(line, "-pw", "-batch")) ||
      (runs(line, "netsh") &&
        all(line, "portproxy", "add") &&
        /(?:listen|connect)port=(?:3389|445|135|22|5985|5986|1433|389)(?: |$)/.test(line)) ||
      (runs(line, "frpc", "frps") && any(line, "-c ", ".ini", ".toml")) ||
      (runs(line, "gost") && all(line, "-l", "-f") && line.includes("://")) ||
      (runs(line, "iodine") && word(line, "-f")) ||
      (runs(line, "anydesk") && line.includes("--set-password")) ||
      any(line, "tor browser\\browser\\", "tor browser/browser/") ||
      (runs(line, "tor") && any(line, "--service", "hiddenservicedir", "--nt-service", "-f torrc")),
  },
  {
    name: "wmi-subscription",
    strength: "strong",
    technique: "T1546.003",
    source: attack("T1546.003"),
    does: "has WMI start something whenever an event happens",
    matches: (line) =>
      any(line, "commandlineeventconsumer", "activescripteventconsumer", "__filtertoconsumerbinding", "__eventfilter") &&
      any(line, " create", "set-wmiinstance", "new-ciminstance", "createinstance", "register-wmievent", ".put()"),
  },
  {
    name: "wmi-file-compiled",
    strength: "weak",
    technique: "T1546.003",
    source: attack("T1546.003"),
    does: "feeds WMI from a folder anybody can write to",
    matches: (line) => runs(line, "mofcomp") && inOpenFolder(line),
  },
  {
    name: "startup-folder",
    strength: "weak",
    technique: "T1547.001",
    source: attack("T1547.001"),
    does: "puts something into the folder whose programs start at sign-in",
    matches: (line) =>
      line.includes("\\start menu\\programs\\startup") &&
      (anyWord(line, "copy", "move", "xcopy", "copy-item", "move-item", "cp", "-outfile", "-o", "echo", "createshortcut") ||
        fetches(line)) &&
      !anyWord(line, "del", "remove-item", "dir"),
  },
  {
    name: "scheduled-by-script",
    strength: "weak",
    technique: "T1053.005",
    source: attack("T1053.005"),
    does: "prepares a scheduled task that runs something hidden or from a folder anybody can write to",
    matches: (line) =>
      line.includes("new-scheduledtaskaction") &&
      (inOpenFolder(line) || any(line, "-enc", "hidden", "mshta", "javascript:")) &&
      !line.includes("\\program files"),
  },
  {
    name: "started-with-the-loader",
    strength: "strong",
    technique: "T1574.006",
    source: attack("T1574.006"),
    does: "has Linux load a library into every program, or makes a shell run as root for everybody",
    matches: (line) =>
      (line.includes("/etc/ld.so.preload") && any(line, "> /etc/ld.so.preload", ">/etc/ld.so.preload", ">> /etc", "tee ", "cp ", "mv ")) ||
      (runs(line, "chmod") && any(line, "u+s", "+s ", "4755", "4777") && any(line, "/bash", "/bin/sh", "/dash", "/zsh", "/tmp/")),
  },
  {
    name: "sudo-for-all",
    strength: "weak",
    technique: "T1548.003",
    source: attack("T1548.003"),
    does: "lets somebody act as root without a password",
    matches: (line) =>
      line.includes("nopasswd") && any(line, ">> /etc/sudoers", "> /etc/sudoers", "tee /etc/sudoers", "tee -a /etc/sudoers"),
  },
  {
    name: "runs-from-hidden-place",
    strength: "weak",
    technique: "T1564.001",
    source: attack("T1564.001"),
    does: "runs a program that is hidden or lies in memory",
    matches: (line) => /^(?:(?:nohup|sudo|sh|bash|setsid) )?(?:\/dev\/shm\/|\/tmp\/\.|\/var\/tmp\/\.)[a-z0-9_.-]/.test(line),
  },
  {
    name: "host-mounted",
    strength: "weak",
    technique: "T1611",
    source: attack("T1611"),
    does: "starts a container that holds the whole host",
    matches: (line) =>
      runs(line, "docker", "podman", "nerdctl") &&
      word(line, "run") &&
      any(line, "-v /:/", "--volume /:/", "source=/,", "src=/,") &&
      any(line, "chroot", "--privileged", "/bin/sh", "bash", " sh"),
  },
  {
    name: "archive-with-password",
    strength: "weak",
    technique: "T1560.001",
    source: attack("T1560.001"),
    does: "packs files under a password, in pieces or into a share or a folder anybody can write to",
    matches: (line) =>
      ((runs(line, "7z", "7za", "7zr", "7zg") && word(line, "a") && / -p[^ ]/.test(line)) ||
        (runs(line, "rar", "winrar") && word(line, "a") && / -h?p[^ ]/.test(line))) &&
      (inOpenFolder(line) || line.includes(" \\\\") || / -v\d{1,5}[kmg]/.test(line)),
  },
  {
    name: "data-sent-away",
    strength: "weak",
    technique: "T1567",
    source: attack("T1567"),
    does: "sends files to a service strangers use, or with a copy tool set up for haste",
    matches: (line) =>
      ((runs(line, "curl") || fetches(line)) &&
        any(line, "file=@", "document=@", "--upload-file", " -t ", "-infile", "--data-binary @", "uploadfile") &&
        any(
          line,
          "discord.com/api/webhooks",
          "discordapp.com/api/webhooks",
          "api.telegram.org/bot",
          "file.io",
          "0x0.st",
          "bashupload.com",
          "catbox.moe",
          "gofile.io",
          "transfer.sh",
          "temp.sh",
          "oshi.at",
          "pixeldrain.com",
          "mega.nz",
        )) ||
      (runs(line, "rclone") &&
        anyWord(line, "copy", "sync", "move") &&
        (any(line, "--no-check-certificate", "--auto-confirm") || inOpenFolder(behind(line, "--config")) || hasBareShare(line))) ||
      (runs(line, "mega-put", "mega-login", "megatools", "megaput") && line.includes(" ")) ||
      (runs(line, "winscp") && all(line, "/command", "open ", "put ") && hasWeb(line)),
  },
  {
    name: "service-runs-from-share",
    strength: "weak",
    technique: "T1569.002",
    source: attack("T1569.002"),
    does: "makes a service that runs a program out of a share or a driver out of somebody's folder",
    matches: (line) => {
      if (!runs(line, "sc") || !word(line, "create")) return false;
      const path = behind(line, "binpath").replace(/^ ?= ?/, "");
      return path.startsWith("\\\\") || (any(line, "type= kernel", "type=kernel") && any(path, "\\users\\", "\\temp\\", "\\programdata\\"));
    },
  },
  {
    name: "known-reconnaissance-library",
    strength: "strong",
    technique: "T1218.011",
    source: lolbas("Libraries/Comsvcs"),
    does: "loads the library that writes down memory under a changed name or by number",
    matches: (line) =>
      runs(line, "rundll32") && /,[ ]?(?:minidump|minidumpw|#\+?0{0,8}24) [ ]?\d{2,8} /.test(line) && !line.includes("comsvcs"),
  },
  {
    name: "scanner-of-secrets",
    strength: "weak",
    technique: "T1552.001",
    source: attack("T1552.001"),
    does: "has a program it downloaded look for secrets",
    matches: (line) => startsWith(line, "trufflehog", "gitleaks") && inOpenFolder(line.slice(0, 300)),
  },
  {
    name: "program-copied-to-admin-share",
    strength: "weak",
    technique: "T1570",
    source: attack("T1570"),
    does: "copies a program into another machine's administrative share",
    matches: (line) =>
      /\\\\[a-z0-9._-]{1,120}\\(?:admin|[a-z])\$/.test(line) &&
      anyWord(line, "copy", "xcopy", "copy-item", "robocopy", "move") &&
      namesProgram(line),
  },
  {
    name: "own-rights-asked",
    strength: "weak",
    technique: "T1033",
    source: attack("T1033"),
    does: "asks which privileges the account has, as intruders do first",
    matches: (line) => runs(line, "whoami") && anyWord(line, "/priv", "-priv"),
  },
  {
    name: "everybody-let-in",
    strength: "weak",
    technique: "T1222.001",
    source: attack("T1222.001"),
    does: "gives everybody full rights to a whole drive or shares one with everybody",
    matches: (line) =>
      (runs(line, "icacls") &&
        /icacls(?:\.exe)? (?:[a-z]:\\?\*?|\.|\*) /.test(line) &&
        /(?:everyone|jeder|\*s-1-1-0):(?:\(oi\)\(ci\))?\(?f/.test(line)) ||
      (runs(line, "net", "net1") && word(line, "share") && line.includes("everyone,full") && /=[a-z]:\\?(?: |$)/.test(line)),
  },
  {
    name: "secrets-listed",
    strength: "weak",
    technique: "T1552.001",
    source: attack("T1552.001"),
    does: "lists files that hold passwords and keys",
    matches: (line) =>
      (any(line, "dir /s", "dir /b /s", "where /r", "-recurse", "gci -r", "find / ", "find /home", "tree /f") &&
        any(
          line,
          ".kdbx",
          ".ppk",
          "id_rsa",
          "id_ed25519",
          "unattend.xml",
          "sysprep.inf",
          "*.ovpn",
          "*password*",
          "*passwort*",
          "*cred*",
        )) ||
      (anyWord(line, "type", "get-content", "cat", "more") &&
        any(line, "\\panther\\unattend.xml", "\\sysprep\\sysprep.inf", "\\.aws\\credentials", "consolehost_history.txt")),
  },
  {
    name: "key-written-for-attack",
    strength: "weak",
    technique: "T1112",
    source: attack("T1112"),
    does: "writes a registry key attackers use to load a library, lock tools away or be trusted",
    matches: (line) =>
      writesRegistry(line) &&
      (any(
        line,
        "\\control\\print\\monitors\\",
        "\\w32time\\timeproviders\\",
        "\\networkprovider\\order",
        "\\langbaraddin",
        "\\aedebug",
        "\\hangs",
        "\\htmlhelpauthor",
        "enableunsafeclientmailrules",
        "\\outlook\\webview\\",
      ) ||
        (line.includes("\\systemcertificates\\") && line.includes("\\certificates\\")) ||
        (any(line, "disabletaskmgr", "disableregistrytools", "disablecmd") && writesNumber(line, 1, 2)) ||
        (line.includes("\\services\\") &&
          anyWord(line, "imagepath", "servicedll", "failurecommand") &&
          (inOpenFolder(line) || runs(line, "powershell", "cmd"))) ||
        (line.includes("cor_profiler_path") && inOpenFolder(line)) ||
        (line.includes("\\active setup\\") && line.includes("stubpath"))),
  },
  {
    name: "registry-file-loaded",
    strength: "weak",
    technique: "T1112",
    source: lolbas("Binaries/Regedit"),
    does: "loads registry entries from a folder anybody can write to, or a hidden stream",
    matches: (line) =>
      ((runs(line, "regedit") && anyWord(line, "/s", "-s")) || (runs(line, "reg") && word(line, "import"))) &&
      (inOpenFolder(line) || /\.[a-z0-9]{2,4}:[a-z0-9_-]{1,60}\.reg/.test(line)),
  },
  {
    name: "usage-traces-deleted",
    strength: "weak",
    technique: "T1070.007",
    source: attack("T1070.007"),
    does: "deletes from the registry which machines and commands were used",
    matches: (line) =>
      deletesRegistry(line) &&
      any(line, "\\terminal server client", "\\explorer\\runmru", "\\explorer\\typedpaths", "\\explorer\\recentdocs"),
  },
  {
    name: "certificate-trusted",
    strength: "weak",
    technique: "T1553.004",
    source: attack("T1553.004"),
    does: "makes the device trust a certificate from a folder anybody can write to",
    matches: (line) =>
      ((runs(line, "certutil") && any(line, "-addstore", "/addstore")) || line.includes("import-certificate")) &&
      word(line, "root") &&
      inOpenFolder(line),
  },
  {
    name: "firewall-lets-in-dropped-program",
    strength: "weak",
    technique: "T1562.004",
    source: attack("T1562.004"),
    does: "opens the firewall for a program in a folder anybody can write to",
    matches: (line) =>
      (all(line, "netsh", "firewall", "add") || line.includes("new-netfirewallrule")) && any(line, "allow", "enable") && inOpenFolder(line),
  },
  {
    name: "directory-database-touched",
    strength: "weak",
    technique: "T1003.003",
    source: attack("T1003.003"),
    does: "reaches for the directory's password database",
    matches: (line) =>
      any(line, "ntds.dit", "windows\\ntds\\") && anyWord(line, "wbadmin", "robocopy", "xcopy", "type", "7z", "makecab", "move", "rar"),
  },
  {
    name: "local-file-by-curl",
    strength: "weak",
    technique: "T1005",
    source: attack("T1005"),
    does: "reads a local file by way of curl, or sends one to a bare address",
    matches: (line) =>
      runs(line, "curl") &&
      (line.includes("file:///") || (hasBareAddress(line) && any(line, "=@", "--data-binary @", "-d @", "--upload-file ", " -t "))),
  },
  {
    name: "hidden-network",
    strength: "weak",
    technique: "T1090.003",
    source: attack("T1090.003"),
    does: "speaks to an address inside the Tor network",
    matches: (line) => /[a-z2-7]{16,56}\.onion(?![a-z0-9-])/.test(line),
  },
  {
    name: "library-forced-on-program",
    strength: "weak",
    technique: "T1574.006",
    source: attack("T1574.006"),
    does: "loads a library or a kernel module from a folder anybody can write to",
    matches: (line) => /ld_preload=(?:\/tmp\/|\/dev\/shm\/|\/var\/tmp\/)/.test(line) || (runs(line, "insmod") && inOpenFolder(line)),
  },
  {
    name: "sensor-stopped-on-linux",
    strength: "strong",
    technique: "T1562.001",
    source: attack("T1562.001"),
    does: "stops the sensor of the device",
    matches: (line) =>
      runs(line, "systemctl", "service", "pkill", "killall") &&
      (anyWord(line, "stop", "disable", "mask", "kill") || runs(line, "pkill", "killall")) &&
      anyWord(line, "falcon-sensor", "mdatp", "sentinelone", "wazuh-agent", "cbagentd", "elastic-agent", "osqueryd", "ds_agent", "auditd"),
  },
  {
    name: "domain-trusts-by-script",
    strength: "weak",
    technique: "T1482",
    source: attack("T1482"),
    does: "asks for the trusts between domains",
    matches: (line) =>
      any(line, "getalltrustrelationships", "get-adtrust -filter *", "get-domaintrust", "get-netdomaintrust", "get-forestdomain"),
  },
];
