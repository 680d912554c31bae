import { createLab } from "../../../src/adapters/connectors/lab/lab.ts";
import type { LabStore } from "../../../src/adapters/connectors/lab/world.ts";
import type { ActionKindName } from "../../../src/engine/domain/action.ts";
import type { Entity } from "../../../src/engine/domain/entity.ts";
import type { ConnectorError } from "../../../src/engine/ports.ts";
import { NOTHING, NOW } from "../../support/lab-capabilities.ts";
import { memoryLabStore } from "../../support/memory-lab-store.ts";
import type { Case, Product } from "./contract.ts";

const device: Entity = { kind: "device", name: "WS-001" };
const noDevice: Entity = { kind: "device", name: "nowhere" };
export const labFile: Entity = {
  kind: "file",
  sha256: "a".repeat(64),
  name: "a.exe",
  path: "C:\\Users\\mia\\Downloads\\a.exe",
  device: "WS-001",
};
const user: Entity = { kind: "user", email: "mia@contoso.example" };
const nobody: Entity = { kind: "user", email: "nobody@contoso.example" };
const mail: Entity = { kind: "message", subject: "Minutes of Monday" };
const noMail: Entity = { kind: "message", networkMessageId: "none" };
const mailbox: Entity = { kind: "mailbox", address: "noor@contoso.example" };
const noMailbox: Entity = { kind: "mailbox", address: "nobody@contoso.example" };
const url: Entity = { kind: "url", url: "https://evil.example/a" };
const app: Entity = { kind: "oauth-app", name: "Mail Merge Helper" };
const accessKey: Entity = { kind: "access-key", id: "AKIAIOSFODNN7EXAMPLE" };

/** The rule the lab's mailbox of Noor has. */
export const LAB_RULE = {
  id: "rule-1",
  name: "..",
  forwardsTo: "noor.haddad@mail.example",
  deletes: true,
  createdAt: "2026-10-04T09:00:00.000Z",
};

/** What the lab carries out: what the products it plays have a public call for (domain facts 3). */
export const labCases: Partial<Record<ActionKindName, Case>> = {
  "isolate-device": { target: device, missing: noDevice },
  "release-device": { target: device, before: "isolate-device", missing: noDevice },
  "restrict-execution": { target: device, missing: noDevice },
  "unrestrict-execution": { target: device, before: "restrict-execution", missing: noDevice },
  "scan-device": {
    target: device,
    params: { type: "full" },
    bad: { params: { type: "slow" }, field: "params.type" },
    missing: noDevice,
  },
  "collect-package": { target: device, missing: noDevice },
  "offboard-device": { target: device, missing: noDevice },
  "quarantine-file": { target: labFile, missing: { ...labFile, device: "nowhere" } },
  "soft-delete-mail": { target: mail, missing: noMail },
  "move-to-junk": { target: mail, missing: noMail },
  "hard-delete-mail": { target: mail, missing: noMail },
  "restore-mail": {
    target: mail,
    params: { from: "deleted" },
    bad: { params: { from: "quarantine" }, field: "params.from" },
    before: "soft-delete-mail",
    missing: noMail,
  },
  "turn-off-forwarding": {
    target: mailbox,
    params: { rule: LAB_RULE.id },
    bad: { params: { rule: 7 }, field: "params.rule" },
    missing: noMailbox,
  },
  "restore-forwarding": {
    target: mailbox,
    params: { saved: { ...LAB_RULE, id: "rule-0", name: "another" } },
    bad: { params: { saved: "rule" }, field: "params.saved" },
    missing: noMailbox,
  },
  "disable-user": { target: user, missing: nobody },
  "enable-user": { target: user, before: "disable-user", missing: nobody },
  "revoke-sessions": { target: { kind: "mailbox", address: "mia@contoso.example" }, missing: nobody },
  "confirm-compromised": { target: user, missing: nobody },
  "dismiss-risk": { target: user, before: "confirm-compromised", missing: nobody },
  "force-password-reset": { target: user, missing: nobody },
  "block-indicator": { target: url },
  "unblock-indicator": { target: url, before: "block-indicator" },
  "allow-indicator": { target: url },
  "disable-app": { target: app, missing: { kind: "oauth-app", id: "none" } },
  "enable-app": { target: app, before: "disable-app", missing: { kind: "oauth-app", name: "none" } },
  "remove-app-consent": { target: app, missing: { kind: "oauth-app", id: "none" } },
  "restore-app-consent": {
    target: app,
    params: {
      saved: {
        consents: [
          {
            key: "consent",
            by: "everybody",
            grants: [{ name: "Files.Read", writes: false }],
            saved: { grants: [{ name: "Files.Read", writes: false }], users: 3 },
          },
        ],
      },
    },
    bad: { params: { saved: "consents" }, field: "params.saved" },
    missing: { kind: "oauth-app", name: "none" },
  },
  "disable-access-key": { target: accessKey, missing: { kind: "access-key", id: "none" } },
  "enable-access-key": { target: accessKey, before: "disable-access-key", missing: { kind: "access-key", id: "none" } },
};

/** The lab over a store that can be made to refuse writing: where a real product would fail. */
export async function openLabProduct(): Promise<Product> {
  const kept = memoryLabStore();
  let failure: ConnectorError | undefined;
  const store: LabStore = {
    ...kept,
    put: async (kind, id, state) => {
      if (failure) throw failure;
      await kept.put(kind, id, state);
    },
  };
  const lab = createLab(store, { now: () => NOW });
  await lab.adopt([labFile]);
  await store.put("mailbox", "noor@contoso.example", { address: "noor@contoso.example", rules: [LAB_RULE], delegates: [], dlp: [] });
  return {
    capabilities: { ...NOTHING, ...lab, lab: true, adopt: (entities) => lab.adopt(entities), version: () => "test" },
    now: NOW,
    holds: async () => {
      const snapshot = await lab.snapshot();
      return {
        ...snapshot,
        // A rule that was made again has another id.
        mailboxes: snapshot.mailboxes.map(({ rules, ...mailbox }) => ({
          ...mailbox,
          rules: rules.map(({ id: _, ...rule }) => rule).toSorted((a, b) => (a.name < b.name ? -1 : 1)),
        })),
      };
    },
    fail: (error) => {
      failure = error;
    },
  };
}
