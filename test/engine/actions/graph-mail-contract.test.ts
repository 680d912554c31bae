import { afterAll, beforeAll } from "vitest";
import type { Entity } from "../../../src/engine/domain/entity.ts";
import { type FakeGraph, fakeGraph } from "../../support/fake-graph.ts";
import { NOW } from "../../support/lab-capabilities.ts";
import { actionContract, type Product } from "./contract.ts";

let fake: FakeGraph;
beforeAll(async () => {
  fake = await fakeGraph(() => NOW);
});
afterAll(() => fake.close());

const ID = "73ca4154-58d8-43d0-a890-08dc18c52e6d";
const mail: Entity = { kind: "message", networkMessageId: ID };
const noMail: Entity = { kind: "message", networkMessageId: "00000000-58d8-43d0-a890-08dc18c52e6d" };
const mailbox: Entity = { kind: "mailbox", address: "mia@contoso.com" };
const noMailbox: Entity = { kind: "mailbox", address: "nobody@contoso.com" };
const rule = {
  displayName: "..",
  isEnabled: true,
  conditions: { subjectContains: ["invoice"] },
  actions: { forwardTo: [{ emailAddress: { name: "x", address: "x@evil.example" } }], delete: true },
};

async function open(): Promise<Product> {
  fake.reset();
  fake.mail.settings.slow = true;
  for (const recipient of ["mia@contoso.com", "sam@contoso.com"]) fake.mail.add({ networkMessageId: ID, recipient });
  fake.mail.rules.set("mia@contoso.com", [{ id: "AQAAAJ5d=", sequence: 1, hasError: false, isReadOnly: false, exceptions: null, ...rule }]);
  const { mail: offered } = fake.connect();
  return {
    capabilities: { ...fake.capabilities, identities: undefined, apps: undefined, mail: offered },
    now: NOW,
    holds: async () => ({
      mail: fake.mail.messages.map(({ recipient, location }) => ({ recipient, location })),
      rules: [...fake.mail.rules].map(([address, list]) => ({
        address,
        list: list.map(({ displayName, conditions, actions }) => ({ displayName, conditions, actions })),
      })),
    }),
    settle: async () => fake.mail.finish(),
    fail: ({ kind }) => {
      const how = { refused: { status: 400 }, unavailable: { status: 429 }, unclear: { drop: "before" } } as const;
      fake.fail({ on: /^(POST|DELETE) \/(users|security\/collaboration)/, how: how[kind] });
    },
  };
}

actionContract("graph", open, {
  "soft-delete-mail": { target: mail, missing: noMail },
  "move-to-junk": { target: mail, missing: noMail },
  "hard-delete-mail": { target: mail, missing: noMail },
  "restore-mail": { target: mail, before: "soft-delete-mail", missing: noMail },
  "turn-off-forwarding": { target: mailbox, params: { rule: "AQAAAJ5d=" }, missing: noMailbox },
  "restore-forwarding": { target: mailbox, params: { saved: { id: "old", ...rule, displayName: "another" } }, missing: noMailbox },
});
