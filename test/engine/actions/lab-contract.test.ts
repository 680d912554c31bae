import { expect, test } from "vitest";
import { actionContract } from "./contract.ts";
import { LAB_RULE, labCases, openLabProduct } from "./lab-cases.ts";

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
