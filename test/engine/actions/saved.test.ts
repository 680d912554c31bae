import { afterAll, beforeAll, expect, test } from "vitest";
import { readStored } from "../../../src/engine/domain/action.ts";
import { executeAction } from "../../../src/engine/execute-action.ts";
import { ConnectorError, type MailCapability } from "../../../src/engine/ports.ts";
import { propose, undoWish } from "../../../src/engine/propose-actions.ts";
import type { ActionRow } from "../../../src/engine/store.ts";
import { openLab } from "../../support/lab-capabilities.ts";
import { type Engine, openEngine, proposedAction } from "../../support/open-engine.ts";
import { LAB_RULE } from "./lab-cases.ts";

/* What an action destroys and its undo needs is kept in the row before the call, whatever becomes of the answer. */
let engine: Engine;
beforeAll(async () => {
  engine = await openEngine("embedded");
});
afterAll(() => engine.close());

const signal = new AbortController().signal;
const mailbox = { kind: "mailbox", address: "noor@contoso.example" } as const;

async function labWithRule(change: (mail: MailCapability) => Partial<MailCapability> = () => ({})) {
  const { store, lab, capabilities } = openLab();
  await store.put("mailbox", mailbox.address, { address: mailbox.address, rules: [LAB_RULE], delegates: [], dlp: [] });
  engine.world.capabilities = { ...capabilities, mail: { ...lab.mail, ...change(lab.mail) } };
  return lab;
}

async function approvedTurnOff(): Promise<ActionRow> {
  const { store, air } = engine;
  const about = { severity: "high", lab: true, verdict: "malicious", judgement: undefined } as const;
  const pending = await proposedAction(engine, { kind: "turn-off-forwarding", target: mailbox });
  const { row } = await propose(
    air,
    { kind: "turn-off-forwarding", target: mailbox, params: { rule: LAB_RULE.id }, evidenceId: null, note: "" },
    { ...about, investigation: pending.investigationId, incident: pending.incidentId },
  );
  expect(row).toMatchObject({ connector: "lab", byHand: null, undoable: true, params: { rule: LAB_RULE.id } });
  const { params, version, connector, byHand } = row;
  await store.transaction((tx) => tx.updateAction(pending.id, { params, version, connector, byHand }));
  const moved = await store.transaction((tx) => tx.moveAction(pending.id, "pending", { state: "approved" }));
  return moved as ActionRow;
}

test("the deleted rule is kept with the action, and its undo makes it again", async () => {
  const lab = await labWithRule();
  const { air, store, settle } = engine;
  const action = await approvedTurnOff();
  await executeAction(air, action.id, settle);
  const done = (await store.action(action.id)) as ActionRow;
  expect(done).toMatchObject({ state: "succeeded", outcome: expect.stringContaining("no such inbox rule") });
  expect(readStored(done.params)).toEqual({ params: { rule: LAB_RULE.id }, saved: LAB_RULE });
  expect(await lab.mail.inboxRules?.(mailbox.address, signal)).toEqual([]);

  const wish = undoWish(done);
  const { row } = await propose(
    air,
    { ...(wish ?? { kind: "restore-forwarding", target: mailbox }), evidenceId: null, note: "" },
    {
      investigation: done.investigationId,
      incident: done.incidentId,
      severity: "high",
      lab: true,
      verdict: "unknown",
      judgement: undefined,
    },
  );
  const [id = 0] = await store.transaction((tx) => tx.insertActions([{ ...row, state: "approved" }]));
  await executeAction(air, id, settle);
  expect(await store.action(id)).toMatchObject({ state: "succeeded" });
  const [rule] = (await lab.mail.inboxRules?.(mailbox.address, signal)) ?? [];
  expect(rule?.saved).toEqual({ ...LAB_RULE, id: rule?.id });
});

test("an answer that never came loses nothing: the rule was kept before the call", async () => {
  await labWithRule((mail) => ({
    deleteInboxRule: async (...call) => {
      await mail.deleteInboxRule?.(...call);
      throw new ConnectorError("unclear", "no answer");
    },
  }));
  const action = await approvedTurnOff();
  await executeAction(engine.air, action.id, engine.settle);
  const done = (await engine.store.action(action.id)) as ActionRow;
  expect(done.state).toBe("succeeded");
  expect(readStored(done.params).saved).toEqual(LAB_RULE);
});

test("parameters a kind does not take are refused before anything is stored", async () => {
  await labWithRule();
  await expect(
    propose(
      engine.air,
      { kind: "scan-device", target: { kind: "device", name: "WS-001" }, params: { type: "slow" }, evidenceId: null, note: "" },
      { investigation: 1, incident: 1, severity: "high", lab: true, verdict: "malicious", judgement: undefined },
    ),
  ).rejects.toMatchObject({ code: "invalid", field: "params.type" });
});

test("a process on a domain controller and an app that may write are protected like what they stand for", async () => {
  await labWithRule();
  const { lab, capabilities } = openLab();
  engine.world.capabilities = { ...capabilities, apps: lab.apps };
  const about = { investigation: 1, incident: 1, severity: "high", lab: true, verdict: "malicious", judgement: undefined } as const;
  const hits = async (kind: "kill-process" | "disable-app", target: ActionRow["target"]) =>
    (await propose(engine.air, { kind, target, evidenceId: null, note: "" }, about)).row;
  expect(await hits("kill-process", { kind: "process", name: "a.exe", pid: 4, device: "DC-01" })).toMatchObject({
    approvalsNeeded: 2,
    byHand: expect.stringContaining("DC-01"),
    blastRadius: { protectedHits: ["built-in: domain controller"] },
  });
  expect(await hits("disable-app", { kind: "oauth-app", name: "Mail Merge Helper" })).toMatchObject({
    approvalsNeeded: 2,
    connector: "lab",
    undoable: true,
    blastRadius: { protectedHits: [expect.stringContaining("Mail.ReadWrite")] },
  });
  expect(await hits("disable-app", { kind: "oauth-app", name: "Payroll Sync" })).toMatchObject({ approvalsNeeded: 1 });
});
