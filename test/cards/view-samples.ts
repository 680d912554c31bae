import type { HomeView, ModalView } from "@slack/types";
import { formModal, noteModal, waitingCard } from "../../src/adapters/slack/form-modal.ts";
import { homeView } from "../../src/adapters/slack/home.ts";
import type { AdaptiveCard } from "../../src/adapters/teams/adaptive-card.ts";
import { formCard } from "../../src/adapters/teams/form-card.ts";
import { writeFound } from "../../src/bot/find-things.ts";
import { createForms, type Forms } from "../../src/bot/forms.ts";
import { homeCards } from "../../src/bot/home.ts";
import type { Air } from "../../src/engine/air.ts";
import { type ButtonDecision, writeButton } from "../../src/engine/cards/button-id.ts";
import type { Form } from "../../src/engine/cards/form.ts";
import { refusalCard } from "../../src/engine/cards/reply-card.ts";
import { NO_ROLES, type Person } from "../../src/engine/domain/approval.ts";
import type { Drawing } from "../../src/engine/draw.ts";
import type { ActionRow, EvidenceRow, IncidentView } from "../../src/engine/store.ts";
import { busyWeek, quietWeek } from "./report-samples.ts";
import { HOSTILE } from "./samples.ts";

/** What Slack shows beside messages: every form as a modal, and the home tab. Drawn in a frame of ours, for the renderer knows messages only. */
export type ViewSample = { group: string; name: string; view: ModalView | HomeView; teams?: AdaptiveCard };

const NOW = new Date("2026-10-05T09:12:00.000Z");
const ago = (minutes: number) => new Date(NOW.getTime() - minutes * 60_000);
const sign = () => "5d1c0b9a8e7f6a5b";
const place = { channel: "C0SOC", messageTs: "1760000000.000100", responseUrl: "https://hooks.slack.com/actions/1" };
const person: Person = {
  key: "slack:U0MIA",
  name: "Mia Brandt",
  via: "slack",
  identities: ["slack:U0MIA", "mia@contoso.com"],
  roles: { ...NO_ROLES, approves: ["device", "identity", "email"], responder: true, viewer: true },
  machine: false,
};

/* Rows as the store would hand them out: as much of each as drawing reads. */

const actionRow = (id: number, change: Partial<ActionRow> = {}): ActionRow =>
  ({
    id,
    kind: "isolate-device",
    family: "device",
    target: { kind: "device", name: `WS-0${id % 100}` },
    params: {},
    investigationId: 42,
    incidentId: 42,
    evidenceId: 9,
    state: "pending",
    version: "3f9c2a7b3f9c2a7b",
    note: "Malware ran on this device and called out; cutting it off stops it from spreading.",
    rule: "isolate-device always asks by default",
    connector: "defender",
    byHand: null,
    approvalsNeeded: 1,
    undoable: true,
    blastRadius: {
      count: 1,
      unit: "device",
      facts: ["workstation, Windows 11", "online now", "1 person is signed in: mia@contoso.com"],
      protectedHits: [],
      online: true,
      readAt: ago(3).toISOString(),
    },
    decision: null,
    proposedAt: ago(4),
    deadline: ago(-26),
    expiresAt: ago(-1436),
    waitingForDevice: false,
    undoAfterMs: null,
    requestedBy: null,
    outcome: null,
    lab: false,
    deviceGroup: null,
    rejectedBefore: null,
    breakGlass: null,
    cancel: null,
    families: [],
    ...change,
  }) as unknown as ActionRow;

const evidence = {
  id: 9,
  entity: { kind: "file", name: "invoice.exe", sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08" },
  verdict: "malicious",
  judgement: null,
  said: [],
  createdAt: ago(14),
} as unknown as EvidenceRow;
const incidentRow = (id: number, title: string, severity: string) => ({ id, title, severity, assignee: id % 2 ? null : "Tom Okafor" });

function airWith(actions: ActionRow[], incidents: ReturnType<typeof incidentRow>[]): Air {
  const view = {
    incident: { id: 42, severity: "high", lab: false },
    alerts: [],
    evidence: [evidence],
    actions,
    approvals: [],
    pages: [],
  } as unknown as IncidentView;
  const busy = incidents.length > 0;
  return {
    store: {
      listActions: async ({ requestedBy }: { requestedBy?: string }) => ({
        items: requestedBy ? actions.slice(0, busy ? 2 : 0) : actions,
        next: null,
      }),
      incidentViews: async () => new Map([[42, view]]),
      action: async () => actions[0],
      evidence: async () => undefined,
      listIncidents: async () => ({ items: incidents, next: null }),
      countIncidents: async () => incidents.length * 3,
      countInvestigations: async ({ status: [status] }: { status: string[] }) => (busy ? (status === "running" ? 4 : 1) : 0),
      outcomes: async () =>
        busy
          ? [
              { severity: "high", outcome: "open", incidents: 2 },
              { severity: "high", outcome: "truePositive", incidents: 5 },
              { severity: "low", outcome: "falsePositive", incidents: 118 },
            ]
          : [],
      figures: async () => [busy ? busyWeek.times : quietWeek.times],
      agreement: async () => (busy ? busyWeek.agreement : []),
      deviceOwners: async () => [],
    },
    capabilities: { lab: false },
    clock: { now: () => NOW },
    policy: () => ({ organization: { domains: ["contoso.com"], internalRanges: [] } }),
    sign,
    ...(busy
      ? {
          paging: () => ({
            chain: ["Mia Brandt", "Noor Aziz"],
            timeZone: "UTC",
            nameOf: (name: string) => ({ kind: "person", name, on: {} }),
          }),
        }
      : {}),
  } as unknown as Air;
}
const drawing = {
  now: NOW,
  sign,
  publicUrl: "https://air.contoso.example",
  pauses: [],
  deciders: () => ({ anyone: false, names: ["Mia Brandt", "Tom Okafor"] }),
} as unknown as Drawing;

const BUSY = airWith(
  [
    actionRow(142),
    actionRow(143, {
      kind: "disable-user",
      family: "identity",
      target: { kind: "user", email: "mia.brandt.external@contoso.com" },
      approvalsNeeded: 2,
    }),
  ],
  [incidentRow(42, "Excel macro started PowerShell", "high"), incidentRow(41, "Mail with a look-alike domain", "medium")],
);
const NASTY = airWith(
  [actionRow(142, { target: { kind: "device", name: HOSTILE.markup }, note: HOSTILE.forged })],
  Object.values(HOSTILE).map((title, index) => incidentRow(index + 1, title, "low")),
);
const home = async (name: string, air: Air, who: Person = person): Promise<ViewSample> => ({
  group: "Home",
  name,
  view: homeView(await homeCards(air, drawing, who)),
});

/* Forms, opened as a press or a word opens them. */

const forms: Forms = createForms({
  air: BUSY,
  names: () => ["Mia Brandt", "Tom Okafor", "Noor Aziz"],
  anybody: () => false,
  run: async () => waitingCard,
  press: async () => undefined,
} as unknown as Parameters<typeof createForms>[0]);
const button = (decision: ButtonDecision) => writeButton({ kind: "decide", action: 142, version: "3f9c2a7b3f9c2a7b", decision }, sign);

function modal(name: string, form: Form | undefined, more: Parameters<typeof formModal>[2] = {}): ViewSample {
  const view = form && formModal(form, place, more);
  if (!view) throw new Error(`the form ${name} does not open`);
  return { group: "Form", name, view, teams: formCard(form, "card", more) };
}
const asked = (name: string, ref: string, label?: string, press?: string): ViewSample =>
  modal(
    name,
    forms.open({ ref, ...(label === undefined ? {} : { label, required: true }), ...(press === undefined ? {} : { button: press }) }),
  );

const modals: ViewSample[] = [
  asked("reject, with the reason", button("reject"), "Why not? (kept with the incident)", "Reject"),
  asked("step-up", button("approve"), "To approve, type SRV-DB-02", "Approve"),
  asked("step-up, a long hostile name", button("approve"), `To approve, type ${HOSTILE.markup}`, "Approve"),
  asked("break-glass", button("break-glass"), "Alone, now: type WS-042 and then why", "Break glass"),
  asked("approve for a while, as it opens", `approve-for ${button("approve")}`),
  modal("approve for a while, filled in", await forms.fill(`approve-for ${button("approve")}`, person)),
  asked("undo, with duration", `undo-how ${button("undo")}`),
  asked("investigate", "investigate"),
  asked("investigate in an incident", "investigate INC-42"),
  asked(
    "investigate what a message names",
    `found ${writeFound([
      { kind: "url", url: HOSTILE.link },
      { kind: "ip", address: "203.0.113.7" },
      { kind: "device", name: "WS-042" },
    ])}`,
  ),
  asked("take action", "do"),
  asked("take action on an action's target", "do ACT-142"),
  asked("note", "note INC-42"),
  asked("close with classification", "close INC-42"),
  asked("override a verdict", "verdict EVD-9"),
  asked("assign", "assign INC-42"),
  asked("remind", "remind ACT-105"),
  asked("snooze", "snooze INC-42"),
  asked("mute", "mute INC-42"),
  modal("refused, with what was typed", forms.open({ ref: "note INC-42" }), {
    typed: { text: "Asked Mia by phone." },
    problem: "INC-42 was closed by Tom Okafor a moment ago. Say: reopen INC-42, and then write the note.",
  }),
  { group: "Form", name: "being looked up", view: noteModal(waitingCard) },
  {
    group: "Form",
    name: "an answer",
    view: noteModal(refusalCard("ACT-105 needs an approver for device; you are a viewer. An admin adds you under roles.approver.device.")),
  },
];

export const viewSamples: readonly ViewSample[] = [
  ...modals,
  await home("empty", airWith([], [])),
  await home("busy", BUSY),
  await home("hostile texts", NASTY),
  await home("somebody without a role", airWith([], []), { ...person, roles: NO_ROLES }),
];
