import { createHash } from "node:crypto";
import { LAB_DOMAIN, LAB_GROUP } from "./company.ts";
import type { LabDevice, LabMessage, LabUser, Placed } from "./world.ts";
import { deviceId, userId } from "./world.ts";

/** Who and what a story is about. A test passes other names and expects the same ending. */
export type LabNames = {
  device(part: string): string;
  user(part: string): { email: string; name: string };
  sha256(part: string): string;
};

/** `fresh("ws")` is `ws-` and something never given before: every play has its own things, so that it makes its own incident. */
export type Fresh = (prefix: string) => string;

export type StoryPlay = {
  /** Put into the lab's store first: what the world holds beyond what the alerts say. */
  place: Placed[];
  /** Bodies for `POST /v1/alerts/{source}`, in this order. */
  alerts: { source: "generic" | "defender"; body: Record<string, unknown> }[];
};

export type Story = {
  name: "phishing" | "ransomware" | "token-theft" | "noise";
  title: string;
  about: string;
  play: (names: LabNames, now: Date, fresh: Fresh) => StoryPlay;
};

/** Names for one play. */
export function freshNames(fresh: Fresh): LabNames {
  const remembered = new Map<string, string>();
  const once = (key: string, make: () => string) => {
    const value = remembered.get(key) ?? make();
    remembered.set(key, value);
    return value;
  };
  return {
    device: (part) => once(`device ${part}`, () => fresh(part.startsWith("server") ? "srv" : "ws").toUpperCase()),
    user: (part) => {
      const first = once(`first ${part}`, () => FIRST_NAMES[remembered.size % FIRST_NAMES.length] ?? "sam");
      const email = once(`user ${part}`, () => `${fresh(first).toLowerCase()}@${LAB_DOMAIN}`);
      return { email, name: `${first.slice(0, 1).toUpperCase()}${first.slice(1)}` };
    },
    sha256: (part) => once(`sha256 ${part}`, () => digest(fresh(part))),
  };
}
const FIRST_NAMES = ["jonas", "amira", "felix", "hanna", "david", "sofia", "karim", "nina"];
const digest = (text: string) => createHash("sha256").update(text).digest("hex");

const phishing: Story = {
  name: "phishing",
  title: "A reported phishing mail",
  about: "One person reports a mail that asks for a password. Two colleagues have it as well, and one of them pressed the link.",
  play: (names, now, fresh) => {
    const [reporter, clicker, third] = [names.user("reporter"), names.user("clicker"), names.user("third")];
    const url = `https://contoso-login.${hostPart(fresh("portal"))}.example/verify?session=${digest(fresh("session")).slice(0, 12)}`;
    const sender = `it-support@${hostPart(fresh("helpdesk"))}.example`;
    const subject = `Your password expires today (ticket ${digest(fresh("ticket")).slice(0, 6)})`;
    const copies = [reporter, clicker, third].map(({ email }, index): LabMessage => {
      const id = fresh("mail").toLowerCase();
      return {
        id,
        networkMessageId: id,
        recipient: email,
        sender,
        subject,
        location: "inbox",
        receivedAt: minutesBefore(now, 40 - index),
        urls: [url],
        clicks: email === clicker.email ? [{ user: clicker.email, url, at: minutesBefore(now, 25), device: names.device("clicker") }] : [],
      };
    });
    const reported = copies[0];
    return {
      place: [
        ...[reporter, third].map((user) => placeUser(user, { signIns: [] })),
        placeUser(clicker, { signIns: office(now) }),
        placeDevice(names.device("clicker"), [clicker.email]),
        ...copies.map((state): Placed => ({ kind: "message", id: state.id, state })),
      ],
      alerts: [
        {
          source: "generic",
          body: {
            id: fresh("lab-phishing"),
            title: "Email reported by user as malware or phish",
            severity: "low",
            category: "Phishing",
            description: `${reporter.email} reported a mail that asks for the password of a company account.`,
            techniques: ["T1566.002"],
            detectedAt: now.toISOString(),
            entities: [
              { kind: "message", networkMessageId: reported?.id, subject, sender, recipient: reporter.email, verdict: "suspicious" },
              { kind: "url", url, verdict: "suspicious" },
              { kind: "mailbox", address: reporter.email },
            ],
          },
        },
      ],
    };
  },
};

const ransomware: Story = {
  name: "ransomware",
  title: "Ransomware on a workstation",
  about: "A program hidden behind the name of an invoice runs on a workstation and deletes its backups.",
  play: (names, now, fresh) => {
    const device = names.device("victim");
    const user = names.user("victim");
    const sha256 = names.sha256("ransomware");
    const name = "Invoice_2026-114.pdf.exe";
    const path = `C:\\Users\\${user.email.split("@")[0]}\\Downloads\\${name}`;
    const file = { kind: "file", name, path, sha256, device, verdict: "malicious", roles: ["attacker"] };
    return {
      place: [placeUser(user, { signIns: office(now) }), placeDevice(device, [user.email])],
      alerts: [
        {
          source: "generic",
          body: {
            id: fresh("lab-ransomware"),
            title: `Ransomware behaviour on ${device}`,
            severity: "high",
            category: "Ransomware",
            description: "A program started from the download folder deleted the shadow copies of the device.",
            techniques: ["T1204.002", "T1490"],
            detectedAt: minutesBefore(now, 1),
            entities: [
              { kind: "device", name: device },
              file,
              { kind: "process", name, path, sha256, commandLine: `"${path}" /s`, pid: 4312, device, verdict: "suspicious" },
              {
                kind: "process",
                name: "vssadmin.exe",
                commandLine: "vssadmin.exe delete shadows /all /quiet",
                pid: 4460,
                parent: path,
                device,
                verdict: "malicious",
              },
            ],
          },
        },
        {
          source: "generic",
          body: {
            id: fresh("lab-ransomware"),
            title: `Many files renamed within a minute on ${device}`,
            severity: "high",
            category: "Ransomware",
            techniques: ["T1486"],
            detectedAt: now.toISOString(),
            entities: [{ kind: "device", name: device }, file],
          },
        },
      ],
    };
  },
};

const tokenTheft: Story = {
  name: "token-theft",
  title: "A stolen session",
  about: "An account that is used in the office signs in from an anonymising exit in another country minutes later.",
  play: (names, now, fresh) => {
    const user = names.user("victim");
    const address = anonymousExit(fresh("exit"));
    const at = minutesBefore(now, 12);
    const [local, domain] = user.email.split("@");
    const id = fresh("lab-token-theft");
    return {
      place: [
        placeUser(user, { sessions: 3, signIns: [{ at, ip: address, app: "Outlook", result: "success" }, ...office(now)] }),
        placeDevice(names.device("victim"), [user.email]),
      ],
      alerts: [
        {
          source: "defender",
          // The shape of Microsoft Graph's alerts_v2, as Entra ID Protection fills it.
          body: {
            id,
            providerAlertId: id,
            status: "new",
            severity: "high",
            serviceSource: "azureAdIdentityProtection",
            detectionSource: "azureAdIdentityProtection",
            productName: "Microsoft Entra ID Protection",
            title: "Anomalous token",
            description: "A session token was used from an unfamiliar place shortly after the account signed in elsewhere.",
            category: "CredentialAccess",
            mitreTechniques: ["T1528", "T1550.001"],
            createdDateTime: now.toISOString(),
            lastUpdateDateTime: now.toISOString(),
            firstActivityDateTime: at,
            lastActivityDateTime: at,
            evidence: [
              {
                "@odata.type": "#microsoft.graph.security.userEvidence",
                createdDateTime: now.toISOString(),
                verdict: "malicious",
                remediationStatus: "none",
                roles: ["compromised"],
                tags: [],
                userAccount: { accountName: local, domainName: domain, displayName: user.name, userPrincipalName: user.email },
              },
              {
                "@odata.type": "#microsoft.graph.security.ipEvidence",
                createdDateTime: now.toISOString(),
                verdict: "suspicious",
                remediationStatus: "none",
                roles: ["attacker"],
                tags: [],
                ipAddress: address,
              },
            ],
          },
        },
      ],
    };
  },
};

const noise: Story = {
  name: "noise",
  title: "An ordinary morning",
  about: "A dozen alerts that need nobody: scanners, a blocked toolbar, administrators at work, addresses of our own.",
  play: (names, now, fresh) => {
    let minute = 12;
    const alert = (title: string, category: string, entities: Record<string, unknown>[]) => ({
      source: "generic" as const,
      body: {
        id: fresh("lab-noise"),
        title,
        severity: "low",
        category,
        detectedAt: minutesBefore(now, minute--),
        entities,
      },
    });
    const scan = (part: string) =>
      alert("Port scan from the internet", "Discovery", [
        { kind: "device", name: names.device(part) },
        { kind: "ip", address: scanner(fresh("scanner")) },
      ]);
    const toolbar = (part: string) =>
      alert("Unwanted software was blocked", "UnwantedSoftware", [
        { kind: "device", name: names.device(part) },
        {
          kind: "file",
          name: "toolbar-setup.exe",
          path: "C:\\Users\\Public\\Downloads\\toolbar-setup.exe",
          sha256: names.sha256(part),
          device: names.device(part),
          remediation: "prevented",
        },
      ]);
    const administrator = (part: string) =>
      alert("Remote administration tool was started", "Execution", [
        { kind: "device", name: names.device(part) },
        {
          kind: "file",
          name: "PsExec64.exe",
          path: "C:\\Program Files\\Sysinternals\\PsExec64.exe",
          sha256: names.sha256(part),
          device: names.device(part),
          signer: "Microsoft Corporation",
        },
        {
          kind: "process",
          name: "powershell.exe",
          commandLine: "powershell.exe -File C:\\Scripts\\inventory.ps1",
          device: names.device(part),
        },
      ]);
    const internal = (part: string, address: string) =>
      alert("Unusual traffic inside the network", "LateralMovement", [
        { kind: "device", name: names.device(part) },
        { kind: "ip", address },
      ]);
    const password = (part: string) =>
      alert("A password was changed by its owner", "CredentialAccess", [{ kind: "user", email: names.user(part).email }]);
    // Nothing is placed: whom and what these alerts name, the lab takes in as it comes.
    return {
      place: [],
      alerts: [
        scan("server-1"),
        scan("server-2"),
        scan("server-3"),
        toolbar("toolbar-1"),
        toolbar("toolbar-2"),
        administrator("administrator-1"),
        administrator("administrator-2"),
        administrator("administrator-3"),
        internal("internal-1", "10.20.0.17"),
        internal("internal-2", "169.254.10.20"),
        password("password-1"),
        password("password-2"),
      ],
    };
  },
};

/** Everything `air lab` can play. */
export const stories: readonly Story[] = [phishing, ransomware, tokenTheft, noise];

function placeUser(user: { email: string; name: string }, more: Pick<LabUser, "signIns"> & Partial<LabUser>): Placed {
  const state: LabUser = { email: user.email, name: user.name, enabled: true, privileged: [], sessions: 2, ...more };
  return { kind: "user", id: userId(user.email, LAB_DOMAIN), state };
}

function placeDevice(name: string, users: string[]): Placed {
  const owner = users[0] === undefined ? {} : { owner: users[0] };
  const state: LabDevice = {
    name,
    os: "Windows 11",
    role: "workstation",
    ...owner,
    users,
    online: true,
    group: LAB_GROUP,
    isolated: false,
  };
  return { kind: "device", id: deviceId(name), state };
}

const office = (now: Date): LabUser["signIns"] => [
  { at: minutesBefore(now, 55), ip: "192.0.2.10", app: "Outlook", result: "success" },
  { at: minutesBefore(now, 60 * 25), ip: "192.0.2.11", app: "Files", result: "success" },
];

const minutesBefore = (now: Date, minutes: number) => new Date(now.getTime() - minutes * 60_000).toISOString();
const hostPart = (text: string) => text.toLowerCase().replace(/[^a-z0-9]/g, "-");

/** Addresses out of the documentation range of IPv6 (RFC 3849): enough for a new one at every play. */
const anonymousExit = (seed: string) => inRange("2001:db8:bad", seed);
const scanner = (seed: string) => inRange("2001:db8:5ca0", seed);
function inRange(prefix: string, seed: string): string {
  const hex = digest(seed);
  return `${prefix}::${hex.slice(0, 4)}:${hex.slice(4, 8)}`;
}
