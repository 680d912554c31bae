import { describe, expect, test } from "vitest";
import { type Card, plain } from "../../../src/engine/cards/card.ts";
import { type IncidentFacts, incidentCard } from "../../../src/engine/cards/incident-card.ts";
import type { Verdict } from "../../../src/engine/domain/alert.ts";
import type { Entity } from "../../../src/engine/domain/entity.ts";
import { INVESTIGATION_STATUSES, STATUS_SENTENCE, VERDICT_WORD } from "../../../src/engine/domain/investigation.ts";

const NOW = new Date("2026-10-05T09:00:00.000Z");
let pieces = 0;
const evidence = (
  entity: Entity,
  verdict: Verdict,
  more: Partial<IncidentFacts["evidence"][number]> = {},
): IncidentFacts["evidence"][number] => ({
  id: `EVD-${++pieces}`,
  entity,
  verdict,
  remediation: "none",
  for: [],
  against: [],
  missing: [],
  flip: "",
  conflict: false,
  ...more,
});
const alert = (more: Partial<IncidentFacts["alerts"][number]> = {}): IncidentFacts["alerts"][number] => ({
  id: "ALT-7",
  source: "siem",
  sourceId: "abc-1",
  title: "Malware on a device",
  severity: "high",
  duplicates: 0,
  policy: "alerts of low severity and above are investigated",
  ...more,
});
const facts = (change: Partial<IncidentFacts> = {}): IncidentFacts => ({
  id: "INC-42",
  title: "Malware on a device",
  severity: "high",
  status: "open",
  lab: false,
  openedAt: new Date("2026-10-05T08:30:00.000Z"),
  alerts: [alert()],
  alertCount: change.alerts?.length ?? 1,
  investigations: [{ id: "INV-42", status: "running", startedAt: NOW, playbooks: [], advice: [] }],
  evidence: [],
  actions: [],
  now: NOW,
  ...change,
});
const text = ({ title, lines }: Card) =>
  [
    title,
    ...lines.flatMap((line) => {
      switch (line.kind) {
        case "text":
        case "note":
          return [plain(line.text)];
        case "facts":
          return line.facts.map(([label, value]) => `${label}: ${plain(value)}`);
        case "list":
          return [line.title ?? "", ...line.items.map((item) => `${item.mark}: ${plain(item.text)}`)];
        default:
          return [];
      }
    }),
  ].join("\n");

describe("every status has a card with its plain sentence", () => {
  test.each(INVESTIGATION_STATUSES)("%s", (status) => {
    const card = incidentCard(facts({ investigations: [{ id: "INV-42", status, startedAt: NOW, playbooks: [], advice: [] }] }));
    expect(text(card)).toContain(STATUS_SENTENCE[status]);
    expect(card.summary).toContain(STATUS_SENTENCE[status]);
    expect(card.title).toContain("INC-42");
  });
  test("not investigated, because", () => {
    const card = incidentCard(
      facts({ investigations: [], notInvestigated: "informational alerts start no investigation unless a policy says so" }),
    );
    expect(text(card)).toContain("Not investigated: informational alerts start no investigation unless a policy says so.");
  });
  test("in the lab nobody is told: who waits to hear of it would be", () => {
    const waits = [{ name: "Mia", until: "2026-10-05 09:17 UTC", together: true }];
    expect(text(incidentCard(facts({ lab: true, waits })))).toContain("Mia would be told at 2026-10-05 09:17 UTC in one message");
    expect(text(incidentCard(facts({ waits })))).toContain("Mia is told at 2026-10-05 09:17 UTC in one message");
  });
  test("merged away says where it went", () => {
    const card = incidentCard(
      facts({ status: "redirected", redirectTo: "INC-40", investigations: [], alerts: [], link: "https://air.example/#INC-42" }),
    );
    // Its alerts, verdicts and actions are the other one's now: that it has none of its own would not be true of it.
    expect(text(card)).toBe("INC-42: Malware on a device\nThis incident was merged into INC-40. All that was in it goes on there.");
    expect(card).toMatchObject({ tone: "neutral", badge: "Merged into INC-40" });
    expect(card.summary).toBe("INC-42 was merged into INC-40 and goes on there. Malware on a device");
    expect(card.buttons).toEqual([
      { label: "Show INC-40", style: "plain", value: "say:status INC-40" },
      { label: "Console", style: "plain", url: "https://air.example/#INC-42" },
    ]);
  });
});

describe("verdicts", () => {
  test.each<[Verdict[], Verdict]>([
    [["unknown", "noThreatsFound", "suspicious", "malicious"], "malicious"],
    [["noThreatsFound", "suspicious"], "suspicious"],
    [["unknown", "noThreatsFound"], "noThreatsFound"],
    [["unknown"], "unknown"],
    [[], "unknown"],
  ])("%o is %s", (verdicts, worst) => {
    const card = incidentCard(
      facts({ evidence: verdicts.map((verdict, index) => evidence({ kind: "device", name: `WS-${index}` }, verdict)) }),
    );
    expect(text(card)).toContain(`${VERDICT_WORD[worst]}. ${STATUS_SENTENCE.running}`);
  });
  test("the reasons for, against and what could not be asked stand with it", () => {
    const one = evidence({ kind: "file", name: "a.exe" }, "suspicious", {
      for: ["58 of 70 engines call it malicious.", "It hides."],
      against: ["It is signed."],
      missing: ["vt: not asked: quota"],
      conflict: true,
    });
    const said = text(
      incidentCard(
        facts({
          evidence: [one, evidence({ kind: "device", name: "WS-1" }, "unknown"), evidence({ kind: "ip", address: "192.0.2.9" }, "unknown")],
        }),
      ),
    );
    for (const part of [
      "58 of 70 engines call it malicious.",
      "Against: It is signed.",
      "Missing: vt: not asked: quota",
      "contradict each other",
      "Not judged, no connected source knows it: 192[.]0[.]2[.]9",
    ])
      expect(said).toContain(part);
    const before = text(
      incidentCard(facts({ evidence: [{ ...evidence({ kind: "ip", address: "192.0.2.9" }, "unknown"), unasked: true }] })),
    );
    expect(before).not.toContain("Not judged");
  });
});

describe("what an attacker writes", () => {
  test("addresses are defanged, line breaks and invisible marks are gone, nothing is longer than it may be", () => {
    const nasty = `Invoice\n*INC-1* <!channel> \u202e${"x".repeat(2000)}`;
    const card = incidentCard(
      facts({
        title: nasty,
        alerts: [alert({ title: nasty, sourceId: nasty }), alert({ id: "ALT-8", title: nasty, because: "same device within 24 h" })],
        evidence: [
          evidence({ kind: "url", url: "https://evil.example/login" }, "malicious", { for: [nasty] }),
          evidence({ kind: "domain", name: "evil.example" }, "malicious"),
          evidence({ kind: "ip", address: "203.0.113.9" }, "malicious"),
        ],
      }),
    );
    const said = text(card);
    expect(said).toContain("hxxps://evil[.]example/login");
    expect(said).toContain("203[.]0[.]113[.]9");
    expect(said).not.toMatch(/https?:\/\/|\u202e/);
    expect(said).not.toContain("evil.example");
    expect(Array.from(card.title).length).toBeLessThan(140);
    expect(card.title).not.toContain("\n");
    expect(said.length).toBeLessThan(3000);
  });
});

describe("push text", () => {
  const waiting = {
    id: "ACT-1",
    title: "Isolate WS-042",
    state: "pending",
    stateWord: "Pending",
    tone: "warning",
    short: "until later",
  } as IncidentFacts["actions"][number];
  test("its first hundred characters say verdict, target and what is asked", () => {
    const card = incidentCard(facts({ evidence: [evidence({ kind: "file", name: "invoice.pdf.exe" }, "malicious")], actions: [waiting] }));
    expect(card.summary.slice(0, 100)).toContain("Malicious: invoice.pdf.exe. Decide: Isolate WS-042.");
    expect(text(card)).toContain("Actions: 1 waits for a decision");
  });
  test("however long the names are", () => {
    const long = "x".repeat(300);
    const card = incidentCard(
      facts({
        title: long,
        evidence: [evidence({ kind: "file", name: long }, "malicious")],
        actions: [{ ...waiting, title: `Isolate ${long}` }],
      }),
    );
    expect(card.summary.slice(0, 100)).toMatch(/^Malicious: x+…\. Decide: Isolate x+/);
  });
  test("before anything is judged: severity and title", () => {
    expect(incidentCard(facts()).summary.startsWith("High: Malware on a device. INC-42")).toBe(true);
    expect(incidentCard(facts({ lab: true })).summary.startsWith("LAB High")).toBe(true);
  });
});

test("several alerts: their number, and why each joined", () => {
  const card = incidentCard(facts({ alerts: [alert(), alert({ id: "ALT-8", because: "same device within 24 h" })] }));
  expect(text(card)).toContain("2 alerts, newest last");
  expect(text(card)).toContain("ALT-7 Malware on a device (opened the incident)");
  expect(text(card)).toContain("ALT-8 Malware on a device (joined: same device within 24 h)");
});

test("what could not be judged is named, with Retry", () => {
  const card = incidentCard(
    facts({
      investigations: [{ id: "INV-42", status: "partiallyInvestigated", startedAt: NOW, playbooks: [], advice: [] }],
      evidence: [evidence({ kind: "url", url: "https://evil.example/a" }, "unknown", { missing: ["virustotal: not asked: quota"] })],
    }),
  );
  expect(text(card)).toContain("Open: hxxps://evil[.]example/a. Retry asks again for what was not answered.");
  expect(card.buttons.map((button) => button.value)).toContain("say:retry INV-42");
});

test("of people a determination is said, not a file's verdict", () => {
  const card = incidentCard(facts({ evidence: [evidence({ kind: "user", email: "mia@contoso.com" }, "malicious")] }));
  expect(text(card)).toContain("Compromised: mia@contoso.com");
});

test("links only to air's own address, and only where it has one", () => {
  expect(incidentCard(facts()).buttons.filter((button) => button.url)).toEqual([]);
  expect(incidentCard(facts({ link: "https://air.example.com/#INC-42" })).buttons.map((button) => button.url)).toContain(
    "https://air.example.com/#INC-42",
  );
});

describe("what a source says became of things", () => {
  const sha256 = (letter: string) => letter.repeat(64);
  const did = (entity: Entity, what: string, source = "defender") => evidence(entity, "malicious", { sourceDid: [{ source, what }] });
  const lines = (...items: IncidentFacts["evidence"]) => text(incidentCard(facts({ evidence: items })));

  test("what still waits there is not said to be done, and no word stands as a program writes it", () => {
    const name = (said: string) => ({ kind: "file", name: `${said}.exe` }) as const;
    const words =
      "remediated prevented blocked pendingApproval running active declined unremediated partiallyRemediated notFound newWordOfTheirs";
    const said = words.split(" ");
    const card = said.map((word) => lines(did(name("a"), word)));
    const factOf = (shown: unknown) => /(?:Done by|Said by|Pending in)[^\n]*/.exec([shown].flat().join("\n"))?.[0];
    expect(card.map(factOf)).toEqual([
      "Done by the source: a.exe remediated (defender)",
      "Done by the source: a.exe prevented (defender)",
      "Done by the source: a.exe blocked (defender)",
      "Pending in Defender: a.exe waits for approval there",
      "Pending in Defender: a.exe is being remediated there",
      "Said by the source: a.exe still active (defender)",
      "Said by the source: a.exe remediation declined there (defender)",
      "Said by the source: a.exe not remediated (defender)",
      "Said by the source: a.exe remediated in part (defender)",
      "Said by the source: a.exe not found there (defender)",
      "Said by the source: a.exe new word of theirs (defender)",
    ]);
    for (const shown of card) expect([shown].flat().join("\n")).not.toMatch(/pendingApproval|partiallyRemediated|newWord/);
  });

  test("three files of one name are told apart, by device, by path or by hash", () => {
    const file = (more: Partial<Extract<Entity, { kind: "file" }>>): Entity => ({ kind: "file", name: "evil.exe", ...more });
    const shown = (...items: Entity[]) => [lines(...items.map((entity) => did(entity, "pendingApproval")))].flat().join("\n");
    expect(shown(file({ device: "WS-1" }), file({ device: "WS-2" }), file({ device: "WS-3" }))).toContain(
      "Pending in Defender: evil.exe on WS-1 waits for approval there, evil.exe on WS-2 waits for approval there, evil.exe on WS-3 waits for approval there",
    );
    expect(shown(file({ device: "WS-1", path: "C:\\a" }), file({ device: "WS-1", path: "C:\\b" }))).toContain(
      "evil.exe in C:\\a waits for approval there, evil.exe in C:\\b waits",
    );
    expect(shown(file({ sha256: sha256("a") }), file({ sha256: sha256("b") }))).toContain("evil.exe aaaaaaaa waits");
    expect(
      shown(file({ device: "WS-1", path: "C:\\a" }), file({ device: "WS-1", path: "C:\\b" }), file({ device: "WS-2", path: "C:\\a" })),
    ).toContain("evil.exe on WS-1 in C:\\a waits");
  });
});
