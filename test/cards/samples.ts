import { alertCard } from "../../src/bot/alert-card.ts";
import { evidenceCard } from "../../src/bot/evidence-card.ts";
import { graphCard } from "../../src/bot/graph-card.ts";
import { helpAnswer } from "../../src/bot/help.ts";
import { modeCard } from "../../src/bot/mode-card.ts";
import { onCallCard, onCallDaysCard, swapCard } from "../../src/bot/oncall-card.ts";
import { policiesCard } from "../../src/bot/policies-card.ts";
import { protectedCard, protectedListCard } from "../../src/bot/protected-card.ts";
import { whoamiCard } from "../../src/bot/whoami-card.ts";
import { actionKinds } from "../../src/engine/actions/all.ts";
import type { Air } from "../../src/engine/air.ts";
import { type ActionView, actionCard, STATE_WORD } from "../../src/engine/cards/action-card.ts";
import { briefCard } from "../../src/engine/cards/brief-card.ts";
import { type BulkView, bulkCard, bulkResultCard } from "../../src/engine/cards/bulk-card.ts";
import type { Card } from "../../src/engine/cards/card.ts";
import { closingCard } from "../../src/engine/cards/closing-card.ts";
import { digestCard } from "../../src/engine/cards/digest-card.ts";
import { directCard } from "../../src/engine/cards/direct-card.ts";
import { gatheredCard } from "../../src/engine/cards/gathered-card.ts";
import { type IncidentFacts, incidentCard } from "../../src/engine/cards/incident-card.ts";
import { lineCard } from "../../src/engine/cards/line-card.ts";
import { type PageFacts, pageCard } from "../../src/engine/cards/page-card.ts";
import { pauseCard } from "../../src/engine/cards/pause-card.ts";
import {
  evidenceLines,
  exportCard,
  type ListRow,
  type LogStep,
  listCard,
  logCard,
  noticeCard,
  refusalCard,
  stepsCard,
} from "../../src/engine/cards/reply-card.ts";
import { reportCard } from "../../src/engine/cards/report-card.ts";
import { shown, time } from "../../src/engine/cards/say.ts";
import { goesOnCard, standInCard } from "../../src/engine/cards/stand-in-card.ts";
import { stormCard, stormPageCard } from "../../src/engine/cards/storm-card.ts";
import type { ActionKindName } from "../../src/engine/domain/action.ts";
import type { Verdict } from "../../src/engine/domain/alert.ts";
import { NO_ROLES, type Person, type Roles } from "../../src/engine/domain/approval.ts";
import type { Entity } from "../../src/engine/domain/entity.ts";
import { INVESTIGATION_STATUSES, verdictWord } from "../../src/engine/domain/investigation.ts";
import type { Graph } from "../../src/engine/graph.ts";
import type { AlertRow, EvidenceRow, IncidentView } from "../../src/engine/store.ts";
import { fullMorning, handover, morning, quietMorning } from "./brief-samples.ts";
import { busyWeek, hostileWeek, quietWeek } from "./report-samples.ts";

/**
 * Every card air makes, in every state it has, made by the real card functions from facts: what `npm run cards` draws and the tests of the
 * renderers go through. Stories first, as people meet them; then texts an attacker would write, and as little as a card can hold.
 */
export type Sample = { group: string; name: string; by: string; state?: string; card: Card };

const NOW = new Date("2026-10-05T09:12:00.000Z");
const ago = (minutes: number) => new Date(NOW.getTime() - minutes * 60_000);
const ahead = (minutes: number) => ago(-minutes);
const sign = () => "5d1c0b9a8e7f6a5b";
const HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

/** What attackers write: markup of every platform, mentions, forged lines, hidden and turning characters, and no end of it. */
export const HOSTILE = {
  markup:
    "<!channel> <@U0MIA> [Approve](https://evil.example/a) **done** *x* _y_ `z` <b onclick=alert(1)>bold</b> {{DATE(2026-10-05T09:00:00Z)}} &amp;",
  forged: "Invoice\nBadge: No threats found\n🟢 Approved by Mia · nothing to do",
  rtl: "\u202Egpj.exe.\u202C חשבונית_סופית.exe فاتورة",
  emoji: "🚨🔥👩‍👩‍👧‍👦 :white_check_mark: urgent 🇩🇪",
  long: `C:\\Users\\mia\\AppData\\${"very-long-directory-name\\".repeat(12)}${"a".repeat(400)}.exe`,
  unbroken: "x".repeat(900),
  link: "http://evil.example/login?next=https://portal.contoso.com/%E2%80%AE#@contoso.com",
};

/* Actions */

const device: Entity = { kind: "device", name: "WS-042" };
const file: Entity = { kind: "file", name: "invoice_2026.xlsm", sha256: HASH, device: "WS-042" };
const message: Entity = {
  kind: "message",
  networkMessageId: "m-1",
  subject: "Your invoice 2026-114",
  sender: "billing@contoso-pay.example",
  recipient: "mia@contoso.com",
};

const APPROVED = { decision: "approve", by: "Mia Brandt", at: ago(4).toISOString(), via: "slack" } as const;
const AUTOMATIC = { decision: "automatic", by: "Automation", at: ago(4).toISOString(), via: "air" } as const;

/** Facts of one action as drawing would read them from its rows, in the words of its kind. */
function view(change: Partial<ActionView> = {}, name: ActionKindName = "isolate-device", target: Entity = device): ActionView {
  const kind = actionKinds[name];
  const state = change.state ?? "pending";
  return {
    id: "ACT-105",
    number: 105,
    incident: "INC-42",
    severity: "high",
    lab: false,
    title: kind.title(target, {}),
    state,
    stateWord: STATE_WORD[state].word,
    tone: STATE_WORD[state].tone,
    short: state === "pending" ? `answer by ${time(ahead(26))}` : "by Mia Brandt",
    family: kind.family,
    version: "3f9c2a7b3f9c2a7b",
    effect: kind.effect(target, {}),
    ifNot: kind.ifNot(target),
    undoText: kind.undo.text,
    undoable: kind.undo.by !== undefined,
    note: "Malware ran on this device and called out; cutting it off stops it from spreading.",
    rule: `${name} always asks by default`,
    connector: "defender",
    reach: {
      count: 1,
      unit: "device",
      facts: ["workstation, Windows 11, online", "1 person is signed in: mia@contoso.com", "owner: Mia Brandt, Finance"],
      protectedHits: [],
      online: true,
      readAt: ago(3).toISOString(),
    },
    for: [
      "VirusTotal: 58 of 70 engines call 9f86d081884c… malicious.",
      "powershell.exe downloads and runs hidden code from hxxps://cdn[.]example/a.ps1.",
      "It was started by an Excel macro.",
    ],
    against: ["The file is signed, but the signature has expired."],
    evidenceAt: ago(14),
    approvals: [],
    approvalsNeeded: 1,
    proposedAt: ago(4),
    deadline: ahead(26),
    expiresAt: ahead(24 * 60 - 4),
    waitingForDevice: false,
    deciders: { anyone: false, names: ["Mia Brandt", "Tom Okafor", "Noor Aziz"] },
    now: NOW,
    ...change,
  };
}
const act = (name: string, change: Partial<ActionView> = {}, kind?: ActionKindName, target?: Entity): Sample => {
  const facts = view(change, kind, target);
  return { group: "Action", name, by: "actionCard", state: facts.state, card: actionCard(facts, sign) };
};

const REACH = view().reach;
const actions: Sample[] = [
  act("pending"),
  act(
    "pending, file",
    { reach: { ...REACH, unit: "file", facts: ["on 1 of 212 devices", "not signed"] }, rule: "quarantine-file asks at level semi-all" },
    "quarantine-file",
    file,
  ),
  act(
    "pending, mail",
    {
      reach: {
        count: 14,
        unit: "message",
        facts: ["14 copies in 13 mailboxes", "3 were opened"],
        protectedHits: [],
        readAt: NOW.toISOString(),
      },
      note: "The link leads to a page that collects passwords.",
    },
    "soft-delete-mail",
    message,
  ),
  act(
    "pending, address",
    {
      reach: {
        count: 1,
        unit: "indicator",
        facts: ["seen from 2 of our devices in 30 days"],
        protectedHits: [],
        readAt: NOW.toISOString(),
      },
    },
    "block-indicator",
    { kind: "url", url: "https://login.contoso-pay.example/reset?u=mia" },
  ),
  act(
    "pending, account",
    { reach: { count: 1, unit: "user", facts: ["3 sessions drop", "no privileged roles"], protectedHits: [], readAt: NOW.toISOString() } },
    "disable-user",
    { kind: "user", email: "mia@contoso.com" },
  ),
  act(
    "pending, cannot be undone",
    { undoText: "This cannot be undone.", undoable: false, approvalsNeeded: 2 },
    "hard-delete-mail",
    message,
  ),
  act(
    "pending, 1 of 2",
    {
      approvalsNeeded: 2,
      approvals: [{ name: "Mia Brandt", via: "slack", at: ago(2) }],
      reach: {
        ...REACH,
        protectedHits: ["built-in: domain controller"],
        facts: ["server, Windows Server 2022, online", "domain controller"],
      },
    },
    "isolate-device",
    { kind: "device", name: "DC-01" },
  ),
  act("pending, changed", { reach: { ...REACH, changed: ["12 devices instead of 1"], count: 12, facts: ["12 devices, 9 online"] } }),
  act("pending, paused", {
    paused: "every device action waits until an admin resumes. Tom Okafor paused air: maintenance window until 11:00",
  }),
  act("pending, timed", { endsAfterMs: 2 * 3_600_000 }),
  act("pending, by hand", {
    byHand:
      "Isolate WS-042 by hand: open its device page in your endpoint product and choose Isolate device, or take it off the network at the switch. Leave it switched on, so that its memory can be examined.",
    connector: undefined,
  }),
  act("pending, nobody may decide", { deciders: { anyone: false, names: [] } }),
  act("pending, many may decide", {
    deciders: { anyone: false, names: ["Mia Brandt", "Tom Okafor", "Noor Aziz", "Lena Vogel", "Sam Ortiz", "Kim Berg"] },
  }),
  act("pending in the lab", { lab: true, deciders: { anyone: true, names: [] }, connector: "lab" }),
  act("observed", { state: "observed", rule: "mode observe" }),
  act("approved", { state: "approved", decision: APPROVED }),
  act("approved by two", {
    state: "approved",
    decision: APPROVED,
    approvalsNeeded: 2,
    approvals: [
      { name: "Tom Okafor", via: "teams", at: ago(6) },
      { name: "Mia Brandt", via: "slack", at: ago(4) },
    ],
  }),
  act("approved, paused", {
    state: "approved",
    decision: APPROVED,
    paused: "every action waits until an admin resumes. Tom Okafor paused air: wrong devices",
  }),
  act("approved by itself", { state: "approved", decision: AUTOMATIC }, "quarantine-file", file),
  act("executing", { state: "executing", decision: APPROVED }),
  act("executing, waits for the device", {
    state: "executing",
    decision: APPROVED,
    waitingForDevice: true,
    outcome: "Defender took it on; WS-042 is offline.",
  }),
  act("succeeded, with undo", { state: "succeeded", decision: APPROVED, outcome: "Done and verified: WS-042 is isolated." }),
  act("succeeded, timed", {
    state: "succeeded",
    decision: { ...APPROVED, reason: "until the laptop is back in the office" },
    endsAt: ahead(95),
    outcome: "Done and verified: WS-042 is isolated.",
  }),
  act(
    "succeeded by itself",
    { state: "succeeded", decision: AUTOMATIC, outcome: "Done and verified: invoice_2026.xlsm is in quarantine." },
    "quarantine-file",
    file,
  ),
  act(
    "succeeded, no way back",
    {
      state: "succeeded",
      decision: APPROVED,
      undoable: false,
      undoText: "This cannot be undone.",
      outcome: "Done and verified: 14 copies are gone.",
    },
    "hard-delete-mail",
    message,
  ),
  act("unclear", { state: "unclear", decision: APPROVED, outcome: "Defender did not answer within 60 s. Outcome unclear: check WS-042" }),
  act("failed", {
    state: "failed",
    decision: APPROVED,
    outcome: "Defender refused: 403, the app lacks Machine.Isolate. An admin grants it in Entra ID under App registrations.",
  }),
  act("timed out", { state: "timedOut", decision: APPROVED, outcome: "WS-042 did not come back within 3 days. Nothing was done." }),
  act("rejected", { state: "rejected", decision: { ...APPROVED, decision: "reject", reason: "a test machine of the red team" } }),
  act("expired", { state: "expired", outcome: "Nobody decided by 2026-10-06 09:08 UTC. Nothing was done." }),
  act("cancelled", { state: "cancelled", outcome: "Not needed any more: WS-042 is isolated already." }),
  act("done by hand", {
    state: "byHand",
    decision: { ...APPROVED, reason: "unplugged at the switch" },
    outcome: "Mia Brandt did it by hand.",
  }),
  act("being undone", { state: "undoing", decision: APPROVED, outcome: "Tom Okafor takes it back." }),
  act("undone", { state: "undone", decision: APPROVED, outcome: "Tom Okafor took it back: WS-042 is released. Reason: false positive" }),
  act(
    "step-up",
    {
      stepUp: { type: "SRV-DB-02", because: "it is a server" },
      reach: { ...REACH, server: true, facts: ["server, Windows Server 2022, online"] },
    },
    "isolate-device",
    { kind: "device", name: "SRV-DB-02" },
  ),
  act("the glass may be broken later", {
    approvalsNeeded: 2,
    approvals: [{ name: "Mia Brandt", via: "slack", at: ago(4) }],
    glass: { from: ahead(11) },
  }),
  act("the glass may be broken", {
    approvalsNeeded: 2,
    approvals: [{ name: "Mia Brandt", via: "slack", at: ago(20) }],
    glass: { type: "WS-042" },
    stepUp: { type: "WS-042", because: "two people decide" },
  }),
  act("done alone, glass broken", {
    state: "succeeded",
    decision: APPROVED,
    outcome: "Done and verified: WS-042 is isolated.",
    endsAt: ahead(236),
    alone: { by: "Mia Brandt", at: ago(4).toISOString(), reason: "ransomware spreads, nobody answers", ends: true },
  }),
  act("done alone, confirmed and reviewed", {
    state: "succeeded",
    decision: APPROVED,
    outcome: "Done and verified: WS-042 is isolated.",
    alone: {
      by: "Mia Brandt",
      at: ago(4).toISOString(),
      reason: "ransomware",
      confirmedBy: "Tom Okafor",
      reviewedBy: "Lena Vogel",
      ends: false,
    },
  }),
  act("comes back after a reject", {
    rejectedBefore: { id: "ACT-101", by: "Tom Okafor", reason: "red team", news: ["URLhaus lists the host since today."] },
  }),
  act("rejected, the threat remains", {
    state: "rejected",
    decision: { ...APPROVED, decision: "reject", reason: "red team" },
    remainsOn: "WS-042",
  }),
  act("waits for the device, may be cancelled", { state: "executing", decision: APPROVED, waitingForDevice: true, cancellable: true }),
  act("hostile texts", {
    title: `Quarantine ${HOSTILE.markup}`,
    effect: HOSTILE.forged,
    note: HOSTILE.emoji,
    for: [HOSTILE.long, HOSTILE.rtl, HOSTILE.link, HOSTILE.markup],
    against: [HOSTILE.unbroken],
    ifNot: HOSTILE.unbroken,
    undoText: HOSTILE.link,
    reach: { ...REACH, facts: [HOSTILE.markup, HOSTILE.rtl, HOSTILE.unbroken] },
  }),
  act("hostile outcome", {
    state: "failed",
    title: HOSTILE.unbroken,
    decision: { ...APPROVED, by: HOSTILE.markup, reason: HOSTILE.forged },
    outcome: HOSTILE.long,
  }),
  act("minimal", {
    for: [],
    against: [],
    evidenceAt: undefined,
    connector: undefined,
    note: "",
    rule: "asks",
    reach: { count: 1, unit: "device", facts: [], protectedHits: [], readAt: NOW.toISOString() },
    deciders: { anyone: true, names: [] },
  }),
];

/* Incidents */

type Evidence = IncidentFacts["evidence"][number];
let pieces = 0;
const piece = (entity: Entity, verdict: Verdict, more: Partial<Evidence> = {}): Evidence => ({
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
type AlertFacts = IncidentFacts["alerts"][number];
const alert = (more: Partial<AlertFacts> = {}): AlertFacts => ({
  id: "ALT-7",
  source: "defender",
  sourceId: "da637551227677560813_-961444813",
  title: "Excel macro started PowerShell",
  severity: "high",
  duplicates: 0,
  policy: "alerts of low severity and above are investigated",
  ...more,
});
const EVIDENCE = [
  piece(file, "malicious", {
    for: ["VirusTotal: 58 of 70 engines call it malicious.", "Started by an Excel macro."],
    against: ["The file is signed, but the signature has expired."],
    remediation: "active",
  }),
  piece(
    { kind: "process", name: "powershell.exe", commandLine: "powershell -NoP -W Hidden -enc SQBFAFgA", device: "WS-042" },
    "malicious",
    { for: ["The command line downloads and runs hidden code."] },
  ),
  piece({ kind: "url", url: "https://cdn.example/a.ps1" }, "suspicious", { for: ["URLhaus lists the host since yesterday."] }),
  piece({ kind: "user", email: "mia@contoso.com" }, "noThreatsFound", { against: ["No unusual sign-ins in 7 days."] }),
  piece(device, "unknown"),
  piece({ kind: "ip", address: "203.0.113.7" }, "unknown"),
];
type Investigation = IncidentFacts["investigations"][number];
const inv = (status: Investigation["status"], more: Partial<Investigation> = {}): Investigation => ({
  id: "INV-42",
  status,
  startedAt: ago(12),
  playbooks: ["malware-on-device"],
  advice: [],
  ...(status === "pendingApproval" ? { pendingSince: ago(4) } : {}),
  ...more,
});
const incident = (change: Partial<IncidentFacts> = {}): IncidentFacts => ({
  id: "INC-42",
  title: "Excel macro started PowerShell",
  severity: "high",
  status: "open",
  lab: false,
  openedAt: ago(12),
  alerts: [alert()],
  alertCount: change.alerts?.length ?? 1,
  investigations: [inv("pendingApproval")],
  evidence: EVIDENCE,
  actions: [
    view(),
    view(
      { id: "ACT-104", number: 104, state: "succeeded", decision: AUTOMATIC, short: "by Automation", outcome: "Done and verified." },
      "quarantine-file",
      file,
    ),
  ],
  link: "https://air.contoso.example/#INC-42",
  now: NOW,
  ...change,
});
const root = (name: string, change: Partial<IncidentFacts> = {}): Sample => ({
  group: "Incident",
  name,
  by: "incidentCard",
  card: incidentCard(incident(change)),
});

const ended = (status: Investigation["status"], advice: string[] = []) => [inv(status, { endedAt: ago(1), advice })];
const incidents: Sample[] = [
  root("a decision waits"),
  ...INVESTIGATION_STATUSES.filter((status) => status !== "pendingApproval").map((status) =>
    root(`status ${status}`, {
      investigations: ["queued", "running", "pendingResource"].includes(status) ? [inv(status)] : ended(status),
      actions: [],
      evidence:
        status === "queued" || status === "unsupportedAlertType"
          ? []
          : status === "benign"
            ? EVIDENCE.map((item) => ({
                ...item,
                verdict: "noThreatsFound" as const,
                for: [],
                against: ["Known and signed by Microsoft."],
              }))
            : EVIDENCE,
    }),
  ),
  ...(["informational", "low", "medium", "critical"] as const).map((severity) =>
    root(`severity ${severity}`, { severity, alerts: [alert({ severity })] }),
  ),
  root("not investigated", {
    investigations: [],
    actions: [],
    severity: "informational",
    evidence: [piece(device, "unknown")],
    notInvestigated: "informational alerts start no investigation unless a policy says so",
  }),
  root("two alerts", {
    alerts: [
      alert(),
      alert({ id: "ALT-9", title: "Suspicious connection to cdn.example", severity: "medium", because: "same device within 24 h" }),
    ],
  }),
  root("many alerts, many actions", {
    title: "Excel macro started PowerShell and 46 more alerts",
    assignee: "Tom Okafor",
    alertCount: 47,
    alerts: Array.from({ length: 12 }, (_, index) =>
      alert({ id: `ALT-${index + 7}`, title: `Malware seen on WS-0${40 + index}`, because: "same file", duplicates: index }),
    ),
    evidence: [
      ...EVIDENCE,
      ...Array.from({ length: 12 }, (_, index) =>
        piece({ kind: "file", name: `stage${index}.dll`, device: `WS-0${40 + index}` }, "malicious", {
          for: ["Same file as invoice_2026.xlsm."],
        }),
      ),
    ],
    actions: Array.from({ length: 11 }, (_, index) =>
      view({
        id: `ACT-${105 + index}`,
        number: 105 + index,
        title: `Isolate WS-0${40 + index}`,
        ...(index > 3 ? { state: "succeeded" as const, stateWord: "Done", tone: "good" as const, short: "by Mia Brandt" } : {}),
      }),
    ),
  }),
  root("partially investigated, Retry", {
    investigations: ended("partiallyInvestigated"),
    actions: [],
    evidence: [
      piece({ kind: "url", url: "https://cdn.example/a.ps1" }, "unknown", {
        missing: ["virustotal: not asked, quota of the day is used up"],
      }),
      ...EVIDENCE,
    ],
  }),
  root("sources contradict", {
    evidence: [
      piece(file, "suspicious", {
        for: ["VirusTotal: 31 of 70 engines call it malicious."],
        against: ["MalwareBazaar: known good."],
        conflict: true,
      }),
    ],
    actions: [],
  }),
  root("advice by hand", {
    investigations: ended("partiallyInvestigated", [
      "Ask Mia whether she opened the attachment.",
      "Reset the password at the identity provider: no connected source can.",
    ]),
    actions: [],
  }),
  root("people were told", {
    told: [
      { name: "Mia Brandt", at: ago(3) },
      { name: "Noor Aziz", at: ago(1) },
    ],
  }),
  root("the source did something already", {
    evidence: [
      piece(file, "malicious", {
        for: ["VirusTotal: 58 of 70 engines call it malicious."],
        remediation: "prevented",
        sourceDid: [{ source: "defender", what: "prevented" }],
      }),
      piece({ kind: "mailbox", address: "mia@contoso.com" }, "suspicious", { for: ["A rule forwards every mail to an outside address."] }),
    ],
  }),
  root("paused", { paused: "every action waits until an admin resumes. Tom Okafor paused air: wrong devices" }),
  root("snoozed", {
    snooze: { kind: "snooze", by: "Mia Brandt", reason: "the owner of the device is asked", until: ago(-240), alerts: 0 },
  }),
  root("muted, alerts go on", {
    snooze: { kind: "mute", by: "Noor Aziz", reason: `a scanner, see ${HOSTILE.link}`, until: ago(-10_080), alerts: 1204 },
  }),
  root("back before its time", {
    snooze: {
      kind: "snooze",
      by: "Mia Brandt",
      reason: "the owner of the device is asked",
      until: ago(-240),
      alerts: 2,
      ended: { at: ago(2), why: "its severity rose from medium to high" },
    },
  }),
  root("merged", { status: "redirected", redirectTo: "INC-40" }),
  root("closed, remediated", {
    status: "closed",
    investigations: ended("successfullyRemediated"),
    actions: [view({ state: "succeeded", decision: APPROVED, outcome: "Done and verified: WS-042 is isolated." })],
  }),
  root("closed after a reject", {
    status: "closed",
    investigations: ended("closedWithRejections"),
    actions: [view({ state: "rejected", decision: { ...APPROVED, decision: "reject", reason: "red team" } })],
  }),
  root("lab, no public address", { lab: true, link: undefined }),
  root("hostile texts", {
    title: HOSTILE.markup,
    assignee: HOSTILE.emoji,
    alerts: [
      alert({ title: HOSTILE.forged, sourceId: HOSTILE.markup, policy: HOSTILE.long }),
      alert({ title: HOSTILE.rtl, because: HOSTILE.unbroken }),
    ],
    evidence: [
      piece({ kind: "file", name: HOSTILE.rtl, device: HOSTILE.markup }, "malicious", { for: [HOSTILE.markup, HOSTILE.forged] }),
      piece({ kind: "url", url: HOSTILE.link }, "malicious", { for: [HOSTILE.unbroken], against: [HOSTILE.emoji] }),
      piece({ kind: "message", subject: HOSTILE.forged }, "suspicious", { for: [HOSTILE.link] }),
      piece({ kind: "process", path: HOSTILE.long }, "suspicious"),
      piece({ kind: "device", name: HOSTILE.unbroken }, "unknown"),
      piece({ kind: "user", name: HOSTILE.emoji }, "unknown"),
      piece({ kind: "generic", type: HOSTILE.markup, value: HOSTILE.long }, "suspicious", { missing: [HOSTILE.markup] }),
    ],
    actions: [view({ title: HOSTILE.markup }), view({ title: HOSTILE.unbroken })],
  }),
  root("minimal", { title: "x", severity: "low", evidence: [], actions: [], link: undefined, investigations: [inv("running")] }),
];

/* Answers */

/** What the card of who is on call asks of air. */
const inDays = (days: number) => new Date(NOW.getTime() + (days - 0.2) * 86_400_000);
const onCall = {
  clock: { now: () => NOW },
  paging: () => ({
    chain: ["mia", "noor"],
    everyMs: 600_000,
    timeZone: "UTC",
    nameOf: (target: string) => ({ kind: "person", name: target === "mia" ? "Mia Brandt" : "Noor Aziz", on: {} }),
  }),
  store: {
    heldPages: async () => [],
    unansweredPages: async () => [{ incidentId: 42, actionId: 105, target: "mia", sentAt: ago(3), dueAt: ago(3) }],
    snoozedIncidents: async () => [
      {
        incidentId: 40,
        kind: "snooze",
        title: "Sign-in from a new country",
        by: "Mia Brandt",
        reason: "asked",
        until: inDays(0.16),
        lab: false,
      },
      { incidentId: 31, kind: "mute", title: HOSTILE.link, by: "Noor Aziz", reason: "a scanner", until: inDays(7), lab: false },
    ],
  },
  capabilities: { lab: false },
} as unknown as Air;

/** Two people in turns, and one night taken over. */
const ROTA = {
  ...onCall,
  paging: () => ({
    ...(onCall.paging?.() as object),
    timeZone: "Europe/Berlin",
    rota: {
      shifts: [0, 3, 5, 9].map((day, index, days) => ({
        from: inDays(day),
        to: inDays(days[index + 1] ?? 14),
        person: ["mia", "noor", null, "mia"][index] ?? null,
      })),
    },
  }),
  store: {
    heldPages: async () => [],
    unansweredPages: async () => [],
    snoozedIncidents: async () => [],
    swapsAfter: async () => [
      { id: 3, by: "Mia Brandt", createdAt: ago(60), endedBy: null, person: "mia", instead: "noor", from: inDays(1), until: inDays(1.5) },
    ],
    setting: async () => undefined,
  },
} as unknown as Air;

const say = (group: string, name: string, by: string, card: Card): Sample => ({ group, name, by, card });
const row = (id: string, mark: string, text: string, tone: ListRow["tone"] = "neutral"): ListRow => ({ id, mark, tone, text });
const step = (more: Partial<LogStep>): LogStep => ({
  id: "1",
  actionType: "Look-up",
  action: "file-reputation",
  status: "Completed",
  deviceName: null,
  description: "58 of 70 engines call it malicious.",
  timeCreated: ago(12).toISOString(),
  duration: 212,
  pendingDuration: null,
  queuedDuration: null,
  ...more,
});
const person = (roles: Partial<Roles>): Person => ({
  key: "slack:U0MIA",
  name: "Mia Brandt",
  via: "slack",
  identities: ["slack:U0MIA", "mia@contoso.com"],
  roles: { ...NO_ROLES, ...roles },
  machine: false,
});

const statusInWhole = (): Card => {
  const card = incidentCard(incident());
  const lines = evidenceLines(
    EVIDENCE.slice(0, 4).map((item) => ({
      id: item.id,
      name: shown(item.entity),
      verdict: verdictWord(item.entity.kind, item.verdict),
      tone: "neutral" as const,
      for: item.for,
      against: item.against,
      missing: item.missing,
      flip: "Suspicious if VirusTotal called it clean.",
    })),
  );
  return { ...card, lines: [...card.lines.filter((line) => !(line.kind === "list" && line.title === "Evidence")), ...lines] };
};

const evidenceRow: EvidenceRow = {
  id: 9,
  investigationId: 42,
  incidentId: 42,
  digest: "d",
  entity: file,
  said: [],
  verdict: "malicious",
  judgement: {
    verdict: "malicious",
    score: 4.2,
    for: [
      {
        source: "virustotal",
        family: "file-reputation",
        label: "malicious",
        weight: 3,
        text: "58 of 70 engines call it malicious.",
      },
    ],
    against: [{ source: "defender", family: "signature", label: "benign", weight: -0.4, text: "The file is signed." }],
    missing: [{ source: "urlhaus", family: "url-reputation", label: "failed", weight: 0, text: HOSTILE.markup }],
    conflict: false,
    flip: "Suspicious if VirusTotal called it clean.",
    automatic: { allowed: true },
  },
  override: null,
  remediation: "active",
  lookedRound: 1,
  entityDigest: null,
  foundBy: "named by ALT-7",
  createdAt: ago(14),
  grewAt: null,
};
const alertRow = {
  id: 7,
  source: "defender",
  sourceId: "da637551227677560813_-961444813",
  title: "Excel macro started PowerShell",
  severity: "high",
  category: "Execution",
  description: HOSTILE.markup,
  product: "Microsoft Defender for Endpoint",
  techniques: ["T1059.001", "T1566.001"],
  entities: EVIDENCE.map(({ entity }) => ({ entity, roles: [] })),
  detectedAt: ago(14),
  receivedAt: ago(12),
  incidentId: 42,
  investigationId: 42,
  joinedBecause: null,
  policyRule: "alerts of low severity and above are investigated",
  duplicates: 2,
} as unknown as AlertRow;
export const graph: Graph = {
  nodes: [
    { id: "INV-42", kind: "investigation", label: "INV-42", state: "Pending approval" },
    { id: "ALT-7", kind: "alert", label: "Excel macro started PowerShell", state: "High" },
    { id: "EVD-5", kind: "device", label: "WS-042", state: "Unknown", verdict: "unknown", entity: "device" },
    { id: "EVD-1", kind: "evidence", label: "invoice_2026.xlsm", state: "Malicious", verdict: "malicious", entity: "file" },
    { id: "EVD-3", kind: "evidence", label: HOSTILE.rtl, state: "Suspicious", verdict: "suspicious", entity: "url" },
    { id: "ACT-105", kind: "action", label: "Isolate WS-042", state: "Pending" },
  ],
  edges: [
    { from: "INV-42", to: "ALT-7", kind: "triggered" },
    { from: "ALT-7", to: "EVD-5", kind: "named" },
    { from: "EVD-5", to: "EVD-1", kind: "on" },
    { from: "EVD-5", to: "EVD-3", kind: "on" },
    { from: "EVD-5", to: "ACT-105", kind: "because" },
  ],
};
const rowCards: Sample[] = [
  say("Answer", "one piece of evidence", "evidenceCard", evidenceCard(evidenceRow, [])),
  say("Answer", "one alert", "alertCard", alertCard(alertRow, { incident: { id: 42 } as IncidentView["incident"] })),
  say("Answer", "the graph", "graphCard", graphCard(graph)),
  say(
    "Answer",
    "export",
    "exportCard",
    exportCard({
      what: "actions",
      rows: 214,
      link: "https://air.contoso.example/console/export/actions",
      role: "viewer",
      path: "/v1/actions?state=history",
      words: "actions history",
    }),
  ),
  say("Answer", "protected", "protectedListCard", protectedListCard(["device:dc-*", "user:ceo@contoso.com"])),
  say(
    "Answer",
    "is it protected",
    "protectedCard",
    protectedCard("DC-01", {
      hits: ["built-in: domain controller"],
      facts: ["server, Windows Server 2022"],
      never: undefined,
      unread: undefined,
    }),
  ),
  say(
    "Answer",
    "mode",
    "modeCard",
    modeCard(
      { mode: "observe", from: "command", set: { mode: "observe", by: "Tom Okafor", at: ago(900).toISOString(), reason: "first weeks" } },
      [{ playbook: "malware-on-device", text: "19 of 20 agreed" }],
    ),
  ),
  say("Answer", "on call", "onCallCard", await onCallCard(onCall)),
  say("Answer", "on call, with a rota", "onCallCard", await onCallCard(ROTA)),
  say("Answer", "on call, the next days", "onCallDaysCard", await onCallDaysCard(ROTA, 9)),
  say(
    "Answer",
    "a shift taken over",
    "swapCard",
    swapCard(
      ROTA,
      {
        id: 3,
        by: "Mia Brandt",
        person: "mia",
        instead: "noor",
        from: inDays(1),
        until: inDays(1.5),
      } as unknown as Parameters<typeof swapCard>[1],
      false,
    ),
  ),
  say(
    "Answer",
    "paused",
    "pauseCard",
    pauseCard({ family: "all", by: "Mia Brandt", at: ago(4).toISOString(), reason: "wrong group isolated" }, false),
  ),
  say(
    "Answer",
    "a pause that is over",
    "pauseCard",
    pauseCard(
      {
        family: "device",
        by: "Mia Brandt",
        at: ago(40).toISOString(),
        reason: "wrong group isolated",
        ended: { by: "Ada Lind", at: ago(4).toISOString(), how: "resumed" },
      },
      false,
    ),
  ),
];

const BULK: BulkView = {
  decision: "approve",
  kind: "isolate-device",
  actions: Array.from({ length: 12 }, (_, index) => ({
    number: 105 + index,
    id: `ACT-${105 + index}`,
    title: `Isolate WS-0${40 + index}`,
    incident: "INC-42",
    two: index === 3,
  })),
  reach: "12 devices",
  protectedHits: ["built-in: domain controller"],
  needTwo: 1,
  approvals: 1,
  type: "12 devices",
  digest: "9f86d081",
  reason: "the same worm on all of them",
};
const bulk: Sample[] = [
  say("Answer", "several at once", "bulkCard", bulkCard(BULK, sign) ?? noticeCard("none", "none")),
  say(
    "Answer",
    "several at once, rejected",
    "bulkCard",
    bulkCard({ ...BULK, decision: "reject", type: undefined }, sign) ?? noticeCard("none", "none"),
  ),
  say(
    "Answer",
    "what became of several",
    "bulkResultCard",
    bulkResultCard("approve", [
      { id: "ACT-105", title: "Isolate WS-040", done: true, text: "approved" },
      { id: "ACT-106", title: "Isolate WS-041", done: false, text: "Already approved by Tom Okafor." },
    ]),
  ),
];

/* What air says by itself */

const MIA = { kind: "person", name: "Mia Brandt", on: { slack: "U0MIA", teams: "8f1c1d5e-0000-4000-8000-000000000001" } } as const;
const closing = {
  id: "INC-42",
  title: "Excel macro started PowerShell",
  severity: "high" as const,
  lab: false,
  closed: { at: NOW, by: "Mia Brandt", classification: "truePositive", determination: "multiStagedAttack" },
  openedAt: ago(190),
  alerts: 3,
  sources: ["defender", "siem"],
  found: ["Malicious: invoice_2026.xlsm (file on WS-042)", "Suspicious: hxxps://cdn[.]example/a.ps1"],
  done: ["Isolate WS-042, approved by Mia Brandt at 2026-10-05 09:08 UTC, done", `Quarantine ${HOSTILE.markup}, by itself, done`],
  rejected: ["Disable mia@contoso.com, rejected by Tom Okafor: red team"],
  open: ["Reset the password of mia@contoso.com by hand"],
  times: [{ what: "First decision after", from: ago(190), to: ago(180) }],
  link: "https://air.contoso.example/#INC-42",
};
const pages: PageFacts = {
  incident: "INC-42",
  lab: false,
  told: [
    {
      step: "deadline",
      who: MIA,
      text: "Decide: Isolate WS-042? Nobody has answered for 26 min. It expires 2026-10-06 09:08 UTC.",
      action: "ACT-105",
      at: NOW,
    },
  ],
};
const called = { subject: "INC-42", next: { name: "Tom Okafor", at: ago(-10) }, over: false };
const TOLD = {
  step: "deadline",
  text: "Malicious: invoice_2026.xlsm. Decide: Isolate WS-042? Nobody has answered for 26 min. It expires 2026-10-06 09:08 UTC.",
  incident: "INC-42",
  action: "ACT-105",
};
const HOSTILE_TOLD = { step: "incident", text: `High: ${HOSTILE.markup} ${HOSTILE.rtl}`, incident: "INC-43" };
const taken = { ...called, next: undefined, acked: { by: HOSTILE.markup, at: NOW } };
const MANY = [...Array.from({ length: 9 }, (_, index) => 3 + index), 32].map((number) => ({
  step: "incident",
  incident: `INC-${number}`,
  severity: number === 32 ? ("critical" as const) : ("high" as const),
  text: `${number === 32 ? "Critical" : "High"} severity: Many failed sign-ins. INC-${number} was opened 2026-10-06 08:42 UTC, and nobody has acknowledged it.`,
  call: { ...called, subject: `INC-${number}` },
}));
const spoken: Sample[] = [
  say("Thread", "a page", "pageCard", pageCard(pages)),
  say("Thread", "a page with the next step", "pageCard", pageCard({ ...pages, told: pages.told.map((one) => ({ ...one, call: called })) })),
  say("Direct message", "somebody is called", "directCard", directCard({ told: [{ ...TOLD, call: called }] })),
  say("Direct message", "acknowledged", "directCard", directCard({ told: [{ ...TOLD, call: taken }] })),
  say("Direct message", "over", "directCard", directCard({ told: [{ ...TOLD, call: { ...called, next: undefined, over: true } }] })),
  say(
    "Direct message",
    "two things, hostile",
    "directCard",
    directCard({
      told: [
        { ...TOLD, call: called },
        { ...HOSTILE_TOLD, call: { ...called, subject: "INC-43" } },
      ],
    }),
  ),
  say("Direct message", "many things, the critical one last", "directCard", directCard({ told: MANY })),
  say(
    "Direct message",
    "many things, most answered",
    "directCard",
    directCard({
      told: MANY.map((one, at) =>
        at < 7
          ? {
              ...one,
              text: one.text.replace(", and nobody has acknowledged it", ""),
              call: { ...one.call, next: undefined, acked: { by: "Mia Keller", at: NOW } },
            }
          : one,
      ),
    }),
  ),
  say(
    "Channel",
    "several things for one person",
    "gatheredCard",
    gatheredCard({
      incident: "INC-42",
      lab: false,
      told: [
        { ...TOLD, who: MIA, severity: "critical", call: called, at: NOW },
        { ...HOSTILE_TOLD, who: MIA, severity: "high", call: { ...called, subject: "INC-43" }, at: NOW },
        ...Array.from({ length: 9 }, (_, index) => ({
          ...TOLD,
          who: MIA,
          incident: `INC-${50 + index}`,
          action: `ACT-${150 + index}`,
          severity: "medium" as const,
          text: `Decide: Isolate WS-${100 + index}?`,
        })),
      ],
    }),
  ),
  say("Thread", "a page in the lab", "pageCard", pageCard({ ...pages, lab: true })),
  say(
    "Thread",
    "several pages at once",
    "pageCard",
    pageCard({
      ...pages,
      told: [
        ...pages.told,
        {
          step: "unclear",
          who: { kind: "group", name: "EDR team", on: { slack: "S0EDR" } },
          text: `Outcome unclear: check ${HOSTILE.markup}`,
          action: "ACT-107",
        },
      ],
    }),
  ),
  ...(
    [
      [
        "a second approval is needed",
        "second",
        "Decide: Isolate DC-01? Tom Okafor approved; a second person is needed. Answer by 2026-10-05 09:38 UTC.",
      ],
      [
        "the glass was broken",
        "break-glass",
        "Mia Brandt broke the glass: Isolate WS-042, alone. Reason: ransomware spreads, nobody answers",
      ],
      ["a reminder", "reminder", "Reminder: Isolate WS-042. ACT-105 still waits for a decision; it expires 2026-10-06 09:08 UTC."],
      ["it ends soon", "ends-soon", "Isolate WS-042 ends by itself at 2026-10-05 11:12 UTC. To keep it: extend ACT-105 2h"],
    ] as const
  ).map(([name, step, text]) =>
    say(
      "Thread",
      name,
      "pageCard",
      pageCard({ incident: "INC-42", lab: false, told: [{ step, who: MIA, text, action: "ACT-105", at: NOW }] }),
    ),
  ),
  ...(
    [
      [
        "nothing can be posted",
        "trouble slack:C0SOC",
        "Nothing can be posted in C0SOC: air is not in the channel. Invite it: /invite @air. Urgent cards stand in another channel meanwhile; nothing is lost.",
      ],
      [
        "another air on the same app",
        "another-air",
        "Another air seems to use the same chat app: a button was pressed that this one did not make. Presses and commands then reach only one of the two. Give each air a chat app of its own.",
      ],
      [
        "the audit's head",
        "audit-head 2026-10-05",
        "Audit: 1204 lines, the last one's hash is 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08. Keep this message: with it an export can be checked for lines that were changed or cut (air audit verify).",
      ],
      ["air is paused", "paused", "Tom Okafor paused every execution: wrong devices. An admin resumes."],
    ] as const
  ).map(([name, step, text]) => say("Operators", name, "pageCard", pageCard({ lab: false, told: [{ step, who: undefined, text }] }))),
  say(
    "Thread",
    "a decision",
    "lineCard",
    lineCard({
      incident: "INC-42",
      lab: false,
      happened: [{ event: "decision.reject", text: "Mia Brandt rejected Isolate WS-042: red team", at: NOW }],
    }),
  ),
  say(
    "Thread",
    "several things at once",
    "lineCard",
    lineCard({
      incident: "INC-42",
      lab: false,
      happened: [
        { event: "verdict", text: "invoice_2026.xlsm is Malicious.", at: ago(1) },
        { event: "action-failed", text: `Quarantine failed: ${HOSTILE.unbroken}`, at: NOW },
      ],
    }),
  ),
  say("Thread", "closing summary", "closingCard", closingCard(closing)),
  say(
    "Thread",
    "closing summary, nothing found",
    "closingCard",
    closingCard({
      ...closing,
      closed: { ...closing.closed, classification: "falsePositive", determination: undefined },
      found: [],
      done: [],
      rejected: [],
      open: [],
      times: [],
      link: undefined,
    }),
  ),
  say("Thread", "opened again", "closingCard", closingCard({ ...closing, closed: undefined })),
  say(
    "Channel",
    "digest",
    "digestCard",
    digestCard({
      day: "2026-10-05",
      timeZone: "Europe/Berlin",
      lab: false,
      counts: [
        { severity: "low", became: "noThreats", incidents: 118 },
        { severity: "medium", became: "lookedAt", incidents: 3 },
        { severity: "informational", became: "notInvestigated", incidents: 1904 },
      ],
      newest: [
        { id: "INC-77", title: "Port scan from the internet", severity: "low", became: "noThreats" },
        { id: "INC-76", title: HOSTILE.markup, severity: "low", became: "closed" },
      ],
      storms: [{ alerts: 1204, severity: "medium", category: "Discovery", source: "siem", startedAt: ago(300) }],
    }),
  ),
  say(
    "Channel",
    "digest of a quiet day",
    "digestCard",
    digestCard({ day: "2026-10-05", timeZone: "UTC", lab: true, counts: [], newest: [], storms: [] }),
  ),
  say("Channel", "morning digest", "briefCard", briefCard(morning)),
  say("Channel", "morning digest, asked for on a quiet day", "briefCard", briefCard(quietMorning)),
  say("Channel", "morning digest with hostile text, as long as it gets", "briefCard", briefCard(fullMorning)),
  say("Channel", "hand-over note", "briefCard", briefCard(handover)),
  say("Channel", "report of a week", "reportCard", reportCard(busyWeek)),
  say("Channel", "report of a week without anything", "reportCard", reportCard(quietWeek)),
  say("Channel", "report, hostile names", "reportCard", reportCard(hostileWeek(Object.values(HOSTILE)))),
  say(
    "Channel",
    "stands in for another channel",
    "standInCard",
    standInCard(incidentCard(incident()), "slack:C0SOC", "air is not in the channel. Invite it: /invite @air."),
  ),
  say("Channel", "goes on in its own channel", "goesOnCard", goesOnCard(incidentCard(incident()), "slack:C0SOC")),
];

const answers: Sample[] = [
  say("Answer", "status of an investigation", "evidenceLines", statusInWhole()),
  say("Answer", "overview", "listCard", {
    ...listCard(
      "What is going on",
      [
        row("ACT-105", "Decide", `Isolate WS-042 (INC-42, answer by ${time(ahead(26))})`, "warning"),
        row("INC-42", "High", "Excel macro started PowerShell"),
        row("INC-41", "Medium", "Mail with a look-alike domain"),
      ],
      "",
    ),
    buttons: [{ label: "All incidents", style: "plain", value: "say:list" }],
  }),
  say(
    "Answer",
    "incidents",
    "listCard",
    listCard(
      "Incidents, newest first",
      Array.from({ length: 10 }, (_, index) =>
        row(
          `INC-${42 - index}`,
          ["High", "Medium", "Low"][index % 3] ?? "Low",
          `Excel macro started PowerShell (2 alerts, open, ${time(ago(12 + index * 60))})`,
        ),
      ),
      "",
      { more: "list after=32" },
    ),
  ),
  say("Answer", "an empty list", "listCard", listCard("Actions that wait for a decision", [], "Nothing waits for a decision.")),
  say(
    "Answer",
    "action history",
    "listCard",
    listCard(
      "Action history",
      [
        row("ACT-104", "Done", "Quarantine invoice_2026.xlsm (INC-42, by Automation)", "good"),
        row("ACT-103", "Rejected", "Isolate WS-007 (INC-40, by Mia Brandt)"),
        row("ACT-102", "Outcome unclear", "Disable tom@contoso.com (INC-39, by Noor Aziz)", "bad"),
      ],
      "",
    ),
  ),
  say(
    "Answer",
    "a hostile list",
    "listCard",
    listCard(
      "Incidents, newest first",
      [
        row("INC-42", "High", HOSTILE.markup),
        row("INC-41", "High", HOSTILE.rtl),
        row("INC-40", "High", HOSTILE.unbroken),
        row("INC-39", "High", HOSTILE.forged),
      ],
      "",
    ),
  ),
  say(
    "Answer",
    "log of an incident",
    "logCard",
    logCard("INC-42", [
      { at: ago(12), who: "air", text: "Opened by ALT-7 from defender." },
      { at: ago(8), who: "air", text: "invoice_2026.xlsm is Malicious." },
      { at: ago(4), who: "Mia Brandt", text: "Mia Brandt approved Isolate WS-042" },
      { at: ago(3), who: "Tom Okafor", text: HOSTILE.markup },
    ]),
  ),
  say("Answer", "an empty log", "logCard", logCard("INC-42", [])),
  say(
    "Answer",
    "log of an investigation",
    "stepsCard",
    stepsCard(
      "INV-42",
      "Pending approval: a threat was found and a person must decide.",
      [
        step({}),
        step({
          id: "2",
          action: "command-line",
          description: "The command line downloads and runs hidden code.",
          deviceName: "WS-042",
          duration: 3,
        }),
        step({
          id: "3",
          action: "url-reputation",
          status: "Failed",
          description: "urlhaus: not asked, no answer within 5 s.",
          duration: 5012,
        }),
        step({
          id: "ACT-105",
          actionType: "Remediation",
          action: "Isolate WS-042",
          status: "Pending",
          deviceName: "WS-042",
          description: "Asks an approver of devices.",
          duration: null,
          pendingDuration: 240_000,
          queuedDuration: 4_100_000,
        }),
      ],
      34,
    ),
  ),
  say("Answer", "help", "helpCard", helpAnswer(undefined)),
  say("Answer", "help approve", "commandHelpCard", helpAnswer("approve")),
  say("Answer", "help list", "commandHelpCard", helpAnswer("list")),
  say("Answer", "help all", "helpAllCard", helpAnswer("all")),
  say("Answer", "whoami, an approver", "whoamiCard", whoamiCard(person({ approves: ["device", "email"], responder: true, viewer: true }))),
  say("Answer", "whoami, nobody", "whoamiCard", whoamiCard(person({}))),
  say(
    "Answer",
    "policies",
    "policiesCard",
    policiesCard(
      [
        { name: "phishing", from: "air.yaml", match: { source: ["defender"], category: ["Malware", "Phishing"] }, outcome: "investigate" },
        { name: "scanner-noise", from: "air.yaml", match: { source: ["siem"] }, outcome: "suppress", until: ago(60) },
      ],
      [{ id: 1, createdAt: ago(5), endedBy: null, policy: "phishing", until: ahead(90), by: "Mia Brandt", reason: "mail migration" }],
      NOW,
    ),
  ),
  say(
    "Answer",
    "refusal",
    "refusalCard",
    refusalCard("ACT-105 needs an approver for device; you are a viewer. An admin adds you under roles.approver.device in air.yaml."),
  ),
  say("Answer", "already decided", "refusalCard", refusalCard(`ACT-105 was approved by Tom Okafor at ${time(ago(3))}.`)),
  say(
    "Answer",
    "audit",
    "listCard",
    listCard(
      "Audit of ACT-105",
      [
        row("#1203", time(ago(4)), "Mia Brandt approved Isolate WS-042 (slack), 1 of 1"),
        row("#1204", time(ago(3)), "air carried out Isolate WS-042 by defender: done and verified"),
      ],
      "",
    ),
  ),
  say(
    "Answer",
    "alerts of an incident",
    "listCard",
    listCard(
      "Alerts of INC-42",
      [
        row("ALT-7", "High", "Excel macro started PowerShell (defender da637551, opened the incident)"),
        row("ALT-9", "Medium", "Suspicious connection to cdn.example (siem 4711, joined: same device within 24 h)"),
      ],
      "",
    ),
  ),
  ...rowCards,
  ...bulk,
  say("Answer", "notice, good", "noticeCard", noticeCard("Approved", "ACT-105: Isolate WS-042.", "good")),
  say("Answer", "notice, second person", "noticeCard", noticeCard("Your approval is counted", "ACT-105 needs a second person.")),
  say("Answer", "notice, paused", "noticeCard", noticeCard("Paused", "Every execution not yet begun waits. An admin resumes.", "warning")),
  say(
    "Answer",
    "notice, several lines",
    "noticeCard",
    noticeCard(
      "Protected: two people decide",
      "Built in: domain controllers, holders of privileged directory roles, servers of unknown role.\nair.yaml: device:dc-*\nair.yaml: user:ceo@contoso.com",
    ),
  ),
  say(
    "Answer",
    "notice, not understood",
    "noticeCard",
    noticeCard("Not understood", `There is no command ${HOSTILE.markup}. Did you mean: status? Say help for all.`, "warning"),
  ),
];

const stormAlerts = Array.from({ length: 20 }, (_, index) => ({
  id: `ALT-${700 + index}`,
  incident: `INC-${300 + index}`,
  sourceId: `scan-${index}`,
  title: index === 3 ? HOSTILE.markup : `Port scan from 198.51.100.${index}`,
}));
const STORM = {
  id: "storm 7",
  source: "siem",
  category: "Discovery",
  severity: "medium" as const,
  lab: false,
  alerts: 1204,
  startedAt: ago(9),
  lastAt: ago(1),
  pending: 0,
  newest: stormAlerts.slice(0, 5),
};
const storms: Sample[] = [
  say("Storm", "storm", "stormCard", stormCard(STORM)),
  say("Storm", "storm, decisions wait", "stormCard", stormCard({ ...STORM, severity: "critical", pending: 3, lab: true })),
  say("Storm", "storm, hostile", "stormCard", stormCard({ ...STORM, source: HOSTILE.unbroken, category: HOSTILE.markup })),
  say("Storm", "page of a storm", "stormPageCard", stormPageCard("Storm 7", 21, stormAlerts)),
];

export const samples: readonly Sample[] = [...incidents, ...actions, ...spoken, ...answers, ...storms];
