import type { ActionsView, ConsoleData, ConsoleView } from "../../../src/adapters/console/console.ts";
import type { Card } from "../../../src/engine/cards/card.ts";
import { approvalCard, incidentCard } from "../../support/sample-card.ts";

const told = (title: string, text: string): Card => ({ title, tone: "info", summary: title, lines: [{ kind: "text", text }], buttons: [] });

const phishing: Card = {
  title: "INC-41 Phishing mail to 3 mailboxes",
  tone: "good",
  badge: "Remediated",
  summary: "Phishing mail removed from 3 mailboxes, INC-41 closed.",
  lines: [
    { kind: "text", text: "The mail “Your parcel” was moved out of 3 mailboxes. Nobody pressed its link." },
    { kind: "note", text: "Closed 13:20 by air, confirmed by Noor." },
  ],
  buttons: [],
};
const decided: Card = {
  title: "Quarantine invoice_2026.xlsm on WS-042",
  tone: "good",
  badge: "Done",
  summary: "Quarantined invoice_2026.xlsm on WS-042.",
  lines: [{ kind: "text", text: "Carried out 14:02 by air at level full, verified 14:03." }],
  buttons: [
    {
      label: "Undo",
      style: "plain",
      value: "ACT-104.3f9c2a7b.undo.5d1c0b9a8e7f6a5b",
      confirm: { title: "Restore the file?", text: "It was judged malicious.", yes: "Restore" },
    },
  ],
};

export const fullView: ConsoleView = {
  organization: "Contoso",
  lab: true,
  personas: [
    { id: "mia", name: "Mia", about: "admin" },
    { id: "noor", name: "Noor", about: "approver" },
    { id: "sam", name: "Sam", about: "viewer" },
  ],
  person: { id: "noor", name: "Noor", about: "approver" },
  threads: [
    { anchor: "INC-42", root: incidentCard, replies: [decided, approvalCard] },
    { anchor: "INC-41", root: phishing, replies: [] },
  ],
  pending: [approvalCard],
  history: [
    { id: "ACT-104", what: "Quarantine invoice_2026.xlsm on WS-042", state: "Done", tone: "good", by: "air", when: "14:02" },
    { id: "ACT-101", what: "Soft-delete 3 mails", state: "Done", tone: "good", by: "Noor", when: "13:18" },
    { id: "ACT-99", what: "Disable user kai@contoso.com", state: "Rejected", tone: "neutral", by: "Mia", when: "11:40" },
    { id: "ACT-98", what: "Block 203.0.113.7", state: "Expired, nothing was done", tone: "warning", by: "", when: "yesterday" },
  ],
  incidents: [
    { id: "INC-42", title: "Suspicious macro on WS-042", severity: "High", status: "Waiting for approval", tone: "warning", when: "14:03" },
    { id: "INC-41", title: "Phishing mail to 3 mailboxes", severity: "Medium", status: "Remediated", tone: "good", when: "13:20" },
  ],
  labState: {
    devices: [
      { name: "WS-042", detail: "workstation of Mia", states: [{ word: "Online", tone: "neutral" }] },
      { name: "WS-017", detail: "workstation of Kai", states: [{ word: "Isolated", tone: "warning" }] },
    ],
    users: [{ name: "mia@contoso.com", detail: "2 sessions", states: [{ word: "Enabled", tone: "neutral" }] }],
    messages: [{ name: "Your parcel", detail: "3 copies", states: [{ word: "Deleted", tone: "good" }] }],
    mailboxes: [{ name: "kai@contoso.com", detail: 'rule "x" deletes mail', states: [{ word: "1 rule", tone: "info" }] }],
    apps: [],
    accessKeys: [],
    indicators: [{ name: "cdn[.]example", states: [{ word: "Blocked", tone: "bad" }] }],
  },
  stories: [
    { name: "phishing", title: "Phishing", about: "A mail with a link to a false sign-in page." },
    { name: "ransomware", title: "Ransomware", about: "A macro starts to encrypt a share." },
    { name: "token-theft", title: "Token theft", about: "A session is used from two countries." },
    { name: "noise", title: "Noise", about: "Two hundred harmless alerts in a minute." },
  ],
};

async function* parts(...all: string[]) {
  yield* all;
}

const actionsPage: ActionsView = {
  lab: true,
  person: { id: "noor", name: "Noor", about: "approver" },
  tabs: [
    { label: "Pending", count: 1, href: "/console/actions?state=pending", chosen: false },
    { label: "History", count: 60, href: "/console/actions?state=history", chosen: true },
  ],
  filters: [
    { name: "kind", label: "Type", value: "isolate-device", options: [["isolate-device", "Isolate device"]] },
    { name: "target", label: "Target or device", value: '"><script>alert(1)</script>', example: "ws-042" },
  ],
  hidden: [["state", "history"]],
  columns: [{ label: "Action", href: "/console/actions?sort=newest", sorted: "desc" }, { label: "Details" }, { label: "Status" }],
  rows: [
    {
      cells: [
        { text: "ACT-1", href: "/#INC-1" },
        { text: "Isolate <img src=x onerror=alert(1)>\u202egpj" },
        { text: "Done", tone: "good" },
      ],
    },
  ],
  total: 60,
  clear: "/console/actions?state=history",
  next: "/console/actions?state=history&cursor=abc",
  csv: "/console/export/actions?state=history",
};

/** The console's data as a small working thing: keeps what was asked, tells of changes. */
export function fakeConsole(view: ConsoleView = fullView) {
  const asked: unknown[] = [];
  const listeners = new Set<(change: number) => void>();
  const state = { view, actions: actionsPage, changes: 0, note: undefined as Card | undefined };
  const data: ConsoleData = {
    overview: async (person) => ({ ...state.view, person }),
    async press(value, person, typed) {
      asked.push({ press: value, by: person.id, typed });
      return state.note;
    },
    async say(text, person) {
      asked.push({ say: text, by: person.id });
      return told(`Status of ${text}`, "Running.");
    },
    async playStory(name, person) {
      asked.push({ story: name, by: person.id });
      return told(`Playing ${name}`, "Alerts are on their way.");
    },
    async actions(query, person) {
      asked.push({ actions: Object.fromEntries(query), by: person.id });
      return state.actions;
    },
    async graph(investigation, person) {
      asked.push({ graph: investigation, by: person.id });
      return investigation === "INV-42" ? Buffer.from("png") : { problem: `There is no investigation ${investigation}.` };
    },
    async download(what, query, person) {
      asked.push({ download: what, query: Object.fromEntries(query), by: person.id });
      return what === "actions" ? parts("id\r\n", "ACT-1\r\n") : { problem: `There is no export "${what}".` };
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  const change = (next: Partial<ConsoleView> = {}) => {
    state.view = { ...state.view, ...next };
    state.changes += 1;
    for (const listener of listeners) listener(state.changes);
  };
  return { data, asked, state, change, listeners };
}
