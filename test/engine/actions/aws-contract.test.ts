import { afterAll, beforeAll } from "vitest";
import type { Entity } from "../../../src/engine/domain/entity.ts";
import { type FakeAws, fakeAws } from "../../support/fake-aws.ts";
import { NOW } from "../../support/lab-capabilities.ts";
import { actionContract, type Product } from "./contract.ts";

let fake: FakeAws;
beforeAll(async () => {
  fake = await fakeAws(() => NOW);
});
afterAll(() => fake.close());

const target: Entity = { kind: "access-key", id: "AKIAIOSFODNN7EXAMPLE" };
const missing: Entity = { kind: "access-key", id: "AKIANOBODYKNOWS00000" };

async function open(): Promise<Product> {
  fake.reset();
  fake.keys.push({ id: "AKIAIOSFODNN7EXAMPLE", user: "deploy", active: true });
  return {
    capabilities: fake.capabilities,
    now: NOW,
    holds: async () => structuredClone(fake.keys),
    fail: ({ kind }) => {
      const how = {
        refused: { status: 400, code: "ValidationError" },
        unavailable: { status: 400, code: "Throttling" },
        unclear: { drop: "before" },
      } as const;
      fake.fail({ action: "UpdateAccessKey", ...how[kind] });
    },
  };
}

actionContract("aws", open, {
  "disable-access-key": { target, missing },
  "enable-access-key": { target, before: "disable-access-key", missing },
});
