import { bold, type Card, code, type Span } from "../../src/engine/cards/card.ts";

const run = (text: string): Span => ({ text });

/** A card with one of everything, as an approver would meet it. */
export const approvalCard: Card = {
  title: "Isolate device WS-042",
  tone: "warning",
  badge: "Waiting for approval",
  summary: "Malicious file on WS-042: approve isolating the device? INC-42, waits for an approver of devices until 14:32.",
  lines: [
    {
      kind: "text",
      text: [
        run("The file "),
        code("invoice_2026.xlsm"),
        run(" started "),
        code("powershell -enc SQBFAFgA"),
        run(" and called out. "),
        bold("Isolation cuts the network"),
        run(" of the device, air keeps its own line to it."),
      ],
    },
    {
      kind: "facts",
      facts: [
        ["Device", "WS-042 (workstation, online)"],
        ["Owner", "mia@contoso.com"],
        ["Users signed in", "1"],
        ["How common", [code("3f9c…a7b1"), run(" on 1 of 212 devices")]],
        ["Undo", "Release from isolation, at once"],
        ["If you do nothing", "Expires 23 Nov 14:32, nothing is done"],
      ],
    },
    { kind: "divider" },
    {
      kind: "list",
      title: "Why",
      items: [
        { mark: "For", tone: "bad", text: [run("VirusTotal: 54 of 72 engines call "), code("3f9c…a7b1"), run(" malicious")] },
        { mark: "For", tone: "bad", text: "Command line downloads and runs hidden code" },
        { mark: "Against", tone: "good", text: "The file is signed, but the signature has expired" },
      ],
    },
    { kind: "code", text: "powershell -NoP -W Hidden -enc SQBFAFgA\n  → hxxps://cdn[.]example/a.ps1" },
    { kind: "note", text: "Proposed by air 14:02, playbook malware-on-device. 1 of 1 approval needed." },
  ],
  buttons: [
    {
      label: "Approve isolation",
      style: "primary",
      value: "ACT-105.3f9c2a7b.approve.5d1c0b9a8e7f6a5b",
      confirm: { title: "Isolate WS-042?", text: "The device loses its network. Mia is signed in.", yes: "Isolate" },
    },
    {
      label: "Reject",
      style: "danger",
      value: "ACT-105.3f9c2a7b.reject.5d1c0b9a8e7f6a5b",
      input: { label: "Reason for the rejection", required: true },
    },
    { label: "Show the investigation log", style: "plain", value: "say:log INV-42" },
    { label: "Open", style: "plain", url: "https://air.example.com/#INC-42" },
  ],
};

export const incidentCard: Card = {
  title: "INC-42 Suspicious macro on WS-042",
  tone: "bad",
  badge: "Malicious",
  summary: "Malicious: macro on WS-042, one approval waits. INC-42, high.",
  lines: [
    {
      kind: "facts",
      facts: [
        ["Severity", "High"],
        ["Status", "Waiting for approval"],
        ["Alerts", "3 (same device within 24 h)"],
        ["Assigned to", "nobody yet"],
      ],
    },
    {
      kind: "list",
      title: "Evidence",
      items: [
        { mark: "Malicious", tone: "bad", text: [code("invoice_2026.xlsm"), run(" on WS-042")] },
        { mark: "Suspicious", tone: "warning", text: "hxxps://cdn[.]example/a.ps1" },
        { mark: "No threats found", tone: "good", text: "mia@contoso.com, sign-ins of the last 7 days" },
      ],
    },
    { kind: "note", text: "Opened 14:01, last change 14:03. Investigation INV-42." },
  ],
  buttons: [{ label: "Take it", style: "plain", value: "say:ack INC-42" }],
};
