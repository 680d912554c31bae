import type { BriefFacts, BriefItem, BriefPart } from "../../src/engine/cards/brief-card.ts";

/* What a morning digest and a hand-over note are drawn from. */

const at = (text: string) => new Date(`2026-10-05T${text}:00Z`);
const HOSTILE = "<!channel> [click](https://evil.example) *x* \u202egpj.exe\nsecond line";

const base: Omit<BriefFacts, "kind" | "parts"> = {
  at: at("06:00"),
  since: new Date("2026-10-04T06:00:00Z"),
  lab: false,
  timeZone: "Europe/Berlin",
  severities: [],
  late: 0,
  onCall: undefined,
};

const waiting: BriefItem[] = [
  {
    id: "ACT-105",
    incident: "INC-42",
    text: "Isolate WS-042",
    at: at("01:00"),
    due: at("01:30"),
    expires: at("13:00"),
    note: "4 h 30 min past its deadline",
  },
  { id: "ACT-107", incident: "INC-43", text: "Disable mia@contoso.com", at: at("05:00"), due: at("09:00"), expires: at("17:00") },
];
const open: BriefItem[] = [
  { id: "INC-42", text: "Excel macro started PowerShell", severity: "critical", at: at("00:40"), note: "5 h 20 min old, nobody has it" },
  { id: "INC-43", text: HOSTILE, severity: "high", at: at("04:00"), who: "Mia Brandt", note: "2 h old, with Mia Brandt" },
];

export const morning: BriefFacts = {
  ...base,
  kind: "morning",
  severities: [
    { severity: "critical", incidents: 1 },
    { severity: "high", incidents: 4 },
    { severity: "low", incidents: 31 },
  ],
  late: 1,
  onCall: { name: "Mia Brandt", until: new Date("2026-10-05T16:00:00Z"), next: "Tom Okafor" },
  parts: [
    { name: "open", total: 36, items: open },
    { name: "waiting", total: 2, items: waiting },
    { name: "expiring", total: 1, items: [{ id: "ACT-105", text: "Isolate WS-042", due: at("13:00") }] },
    { name: "alone", total: 1, items: [{ id: "ACT-99", text: "Disable tom@contoso.com", who: "Tom Okafor", at: at("02:00") }] },
    {
      name: "closed",
      total: 3,
      items: ["INC-31", "INC-32", "INC-33"].map((id) => ({ id, text: "Port scan", severity: "low", at: at("03:00") })),
    },
    {
      name: "unsettled",
      total: 1,
      items: [{ id: "ACT-98", text: "Quarantine a.exe on WS-040", note: "The product did not answer", at: at("03:10") }],
    },
    { name: "ending", total: 1, items: [{ id: "ACT-90", text: "Isolate WS-017", due: at("11:00") }] },
    { name: "snoozes", total: 1, items: [{ id: "scanner-noise", text: "snoozed: planned scan", who: "Mia Brandt", due: at("15:00") }] },
    {
      name: "troubles",
      total: 2,
      items: [
        { id: "paused", text: "device actions: maintenance", who: "Ada Novak", at: at("04:00") },
        { id: "trouble", text: "Defender is silent since 2026-10-05 03:00 UTC, its alerts cannot be read: it answered 503" },
      ],
    },
  ],
};

export const quietMorning: BriefFacts = { ...base, kind: "morning", lab: true, timeZone: "UTC", parts: [] };

export const handover: BriefFacts = {
  ...base,
  kind: "handover",
  severities: [{ severity: "high", incidents: 2 }],
  before: "Tom Okafor",
  onCall: { name: undefined, until: new Date("2026-10-05T16:00:00Z"), next: "Mia Brandt" },
  changed: { opened: 12, closed: 9, decided: 2, automatic: 14 },
  parts: [
    { name: "waiting", total: 2, items: waiting },
    { name: "open", total: 2, items: open },
    {
      name: "decided",
      total: 2,
      items: [
        { id: "ACT-101", text: "Isolate WS-011", who: "Tom Okafor", at: at("02:15"), note: "approved" },
        { id: "ACT-102", text: "Disable noor@contoso.com", who: "Tom Okafor", at: at("03:15"), note: "rejected: the red team" },
      ],
    },
    {
      name: "acknowledged",
      total: 1,
      items: [{ id: "INC-43", text: "Password spray", severity: "high", who: "Tom Okafor", at: at("04:10") }],
    },
    {
      name: "notes",
      total: 1,
      items: [{ id: "INC-43", text: "Tom Okafor: the owner calls back at nine", who: "Tom Okafor", at: at("04:20") }],
    },
  ],
};

/** As much of everything as a card is ever given, and as long. */
export const fullMorning: BriefFacts = {
  ...morning,
  parts: morning.parts.map(
    (part): BriefPart => ({
      name: part.name,
      total: 1000,
      items: Array.from({ length: 1000 }, (_, number) => ({
        ...part.items[number % part.items.length],
        id: `ACT-${100_000 + number}`,
        text: `${HOSTILE} ${"very ".repeat(80)}long`,
        note: `${HOSTILE} ${"very ".repeat(80)}long`,
        who: "Maximiliana Theodora von und zu Hohenstein-Langenburg",
      })),
    }),
  ),
};
