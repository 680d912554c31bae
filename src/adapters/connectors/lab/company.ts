import type { LabAccessKey, LabApp, LabDevice, LabMessage, LabUser } from "./world.ts";
import { accessKeyId, appId, deviceId, messageId, userId } from "./world.ts";

/** The simulated company before anything happened. Names under `.example` belong to nobody (RFC 2606). */
export const LAB_DOMAIN = "contoso.example";
/** The word attackers put into their host names to look like the company. */
export const LAB_BRAND = "contoso";
/** Automation group of the lab's own devices. */
export const LAB_GROUP = "lab";

const person = (name: string, more: Partial<LabUser> = {}): [string, (now: Date) => LabUser] => {
  const email = `${name.split(" ")[0]?.toLowerCase()}@${LAB_DOMAIN}`;
  return [
    userId(email, LAB_DOMAIN),
    (now) => ({
      email,
      name,
      enabled: true,
      privileged: [],
      sessions: 2,
      signIns: [
        { at: before(now, 2), ip: "192.0.2.10", app: "Outlook", result: "success" },
        { at: before(now, 26), ip: "192.0.2.11", app: "Files", result: "success" },
      ],
      ...more,
    }),
  ];
};

const machine = (name: string, more: Partial<LabDevice>): [string, () => LabDevice] => [
  deviceId(name),
  () => ({ name, os: "Windows 11", role: "workstation", users: [], online: true, group: LAB_GROUP, isolated: false, ...more }),
];

const at = (local: string) => `${local}@${LAB_DOMAIN}`;

export const USERS: ReadonlyMap<string, (now: Date) => LabUser> = new Map([
  person("Mia Keller"),
  person("Noor Haddad"),
  person("Tom Berger"),
  person("Lena Fischer"),
  person("Omar Said"),
  person("Ida Novak"),
  person("Paul Weber", { privileged: ["Global Administrator"] }),
  person("Eva Lindqvist", { privileged: ["Security Administrator"], sessions: 1 }),
]);

export const DEVICES: ReadonlyMap<string, () => LabDevice> = new Map([
  machine("WS-001", { owner: at("mia"), users: [at("mia")] }),
  machine("WS-002", { owner: at("noor"), users: [at("noor")] }),
  machine("WS-003", { owner: at("tom"), users: [at("tom")] }),
  machine("WS-004", { owner: at("lena"), users: [at("lena")] }),
  // Away on purpose: what waits for a device can be seen in the lab.
  machine("LT-005", { owner: at("omar"), online: false }),
  machine("WS-006", { owner: at("ida"), users: [at("ida")], os: "macOS 15" }),
  machine("SRV-FILE-01", { os: "Windows Server 2022", role: "server" }),
  machine("DC-01", { os: "Windows Server 2022", role: "domain-controller" }),
]);

const mail = (number: number, local: string, sender: string, subject: string): [string, (now: Date) => LabMessage] => {
  const id = messageId(`lab-mail-${number}`, at(local));
  return [
    id,
    (now) => ({
      id,
      networkMessageId: `lab-mail-${number}`,
      recipient: at(local),
      sender,
      subject,
      location: "inbox",
      receivedAt: before(now, number * 3),
      urls: [`https://intranet.${LAB_DOMAIN}/news/${number}`],
      clicks: [],
    }),
  ];
};

export const MESSAGES: ReadonlyMap<string, (now: Date) => LabMessage> = new Map([
  mail(1, "mia", at("ida"), "Minutes of Monday"),
  mail(2, "noor", at("ida"), "Minutes of Monday"),
  mail(3, "tom", at("paul"), "Maintenance on Saturday"),
  mail(4, "lena", at("eva"), "New badge readers"),
]);

const app = (state: LabApp): [string, () => LabApp] => [appId(state.id), () => state];
export const APPS: ReadonlyMap<string, () => LabApp> = new Map([
  app({
    id: "3f1d7a52-9c1e-4a53-8d0e-6b1f2c3d4e01",
    name: "Payroll Sync",
    enabled: true,
    publisher: "Contoso",
    grants: [{ name: "User.Read.All", writes: false }],
    users: 8,
  }),
  app({
    id: "3f1d7a52-9c1e-4a53-8d0e-6b1f2c3d4e02",
    name: "Mail Merge Helper",
    enabled: true,
    grants: [
      { name: "Mail.ReadWrite", writes: true },
      { name: "offline_access", writes: false },
    ],
    users: 1,
  }),
]);

/** The id is the one AWS uses in its documentation. */
export const ACCESS_KEYS: ReadonlyMap<string, (now: Date) => LabAccessKey> = new Map([
  [
    accessKeyId("AKIAIOSFODNN7EXAMPLE"),
    (now: Date): LabAccessKey => ({
      id: "AKIAIOSFODNN7EXAMPLE",
      owner: at("tom"),
      active: true,
      createdAt: before(now, 24 * 200),
      lastUsedAt: before(now, 1),
      lastUsedFor: "s3",
    }),
  ],
]);

/**
 * What the two sources of the lab know by value. Deliberately nothing a story uses: a story is judged by what its things are and do,
 * so that the same story under other names comes out the same.
 */
export const BOOK: ReadonlyMap<
  string,
  { antivirus?: "malicious" | "benign"; intel?: "malicious" | "suspicious" | "benign"; text: string }
> = new Map([
  // The EICAR test file (eicar.org/download-anti-malware-testfile): harmless, and called malware by every product on purpose.
  [
    "file:275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f",
    { antivirus: "malicious", intel: "malicious", text: "the EICAR test file" },
  ],
  ["file:3395856ce81f2b7382dee72602f798b642f14140", { antivirus: "malicious", intel: "malicious", text: "the EICAR test file" }],
  ["file:44d88612fea8a8f36de82e1278abb02f", { antivirus: "malicious", intel: "malicious", text: "the EICAR test file" }],
  ["domain:command.malware.example", { intel: "malicious", text: "a known command-and-control host" }],
  ["domain:malware.example", { intel: "malicious", text: "a known malware host" }],
  ["domain:phish.example", { intel: "malicious", text: "a known phishing host" }],
  ["ip:203.0.113.66", { intel: "malicious", text: "a known command-and-control address" }],
  ["ip:198.51.100.23", { intel: "suspicious", text: "reported for password guessing" }],
  [`domain:${LAB_DOMAIN}`, { intel: "benign", text: "the company's own domain" }],
]);

function before(now: Date, hours: number): string {
  return new Date(now.getTime() - hours * 3_600_000).toISOString();
}
