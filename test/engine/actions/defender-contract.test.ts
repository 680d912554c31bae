import { afterAll, beforeAll } from "vitest";
import type { Entity } from "../../../src/engine/domain/entity.ts";
import { type FakeDefender, fakeDefender } from "../../support/fake-defender.ts";
import { NOW } from "../../support/lab-capabilities.ts";
import { actionContract, type Product } from "./contract.ts";

let fake: FakeDefender;
beforeAll(async () => {
  fake = await fakeDefender(() => NOW);
});
afterAll(() => fake.close());

const device: Entity = { kind: "device", name: "WS-001" };
const missing: Entity = { kind: "device", name: "nowhere" };
const file: Entity = { kind: "file", sha1: "a".repeat(40), name: "a.exe", device: "WS-001" };
const domain: Entity = { kind: "domain", name: "evil.example" };

async function open(): Promise<Product> {
  fake.reset();
  const machine = fake.add("ws-001.contoso.com");
  return {
    capabilities: fake.capabilities,
    now: NOW,
    holds: async () => ({
      isolated: fake.isolated(machine),
      restricted: fake.restricted(machine),
      ran: [...new Set(fake.actions.map(({ type }) => type))].filter((type) => !/isolate|restrict/i.test(type)),
      indicators: fake.indicators.map(({ indicatorValue, action }) => [indicatorValue, action]),
    }),
    fail: ({ kind }) => {
      const how = { refused: { status: 400 }, unavailable: { status: 429 }, unclear: { drop: "before" } } as const;
      fake.fail({ on: /^(POST|DELETE) \/api\//, how: how[kind] });
    },
  };
}

actionContract("defender", open, {
  "isolate-device": { target: device, missing },
  "release-device": { target: device, before: "isolate-device", missing },
  "restrict-execution": { target: device, missing },
  "unrestrict-execution": { target: device, before: "restrict-execution", missing },
  "scan-device": { target: device, params: { type: "full" }, bad: { params: { type: "slow" }, field: "params.type" }, missing },
  "collect-package": { target: device, missing },
  "offboard-device": { target: device, missing },
  "quarantine-file": { target: file, missing: { ...file, device: "nowhere" }, unread: true },
  "block-indicator": { target: domain },
  "unblock-indicator": { target: domain, before: "block-indicator" },
  "allow-indicator": { target: domain },
});
