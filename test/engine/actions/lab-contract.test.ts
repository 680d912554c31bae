import { expect, test } from "vitest";
import { createLab } from "../../../src/adapters/connectors/lab/lab.ts";
import type { LabStore } from "../../../src/adapters/connectors/lab/world.ts";
import type { ConnectorError } from "../../../src/engine/ports.ts";
import { NOTHING, NOW } from "../../support/lab-capabilities.ts";
import { memoryLabStore } from "../../support/memory-lab-store.ts";
import { actionContract, type Product } from "./contract.ts";
import { LAB_RULE, labCases, labFile } from "./lab-cases.ts";

/** The lab over a store that can be made to refuse writing: where a real product would fail. */
async function openLabProduct(): Promise<Product> {
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

actionContract("lab", openLabProduct, labCases);

test("a rule that was made again is the rule that was deleted, under an id of its own", async () => {
  const { capabilities } = await openLabProduct();
  const signal = new AbortController().signal;
  const { mail } = capabilities;
  const ticket = await mail?.deleteInboxRule?.("noor@contoso.example", LAB_RULE.id, "", "act", signal);
  expect(ticket?.saved).toEqual(LAB_RULE);
  expect(await mail?.inboxRules?.("noor@contoso.example", signal)).toEqual([]);
  await mail?.createInboxRule?.("noor@contoso.example", ticket?.saved ?? {}, "", "undo", signal);
  const [rule] = (await mail?.inboxRules?.("noor@contoso.example", signal)) ?? [];
  expect(rule?.saved).toEqual({ ...LAB_RULE, id: rule?.id });
  expect(rule?.id).not.toBe(LAB_RULE.id);
});
