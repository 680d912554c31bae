import { describe, expect, test } from "vitest";
import { actionKinds } from "../../../src/engine/actions/all.ts";
import { approvalsNeeded } from "../../../src/engine/domain/approval.ts";
import { type Capabilities, ConnectorError, type HuntingCapability, type Prevalence } from "../../../src/engine/ports.ts";
import { look } from "../../support/fake-mail-product.ts";
import { NOTHING, NOW, openLab } from "../../support/lab-capabilities.ts";
import { testPolicy } from "../../support/open-engine.ts";

const signal = new AbortController().signal;
const seen = (devices: number): Prevalence => ({
  devices,
  names: Array.from({ length: devices }, (_, at) => `ws-${at}`),
  users: [],
  events: devices,
  firstAt: NOW,
});
const hunts = (answer: () => Promise<Prevalence>): Capabilities => {
  const hunting: HuntingCapability = {
    connector: "graph",
    days: 30,
    seenOn: answer,
    logons: async () => ({ count: 12, failed: 2, devices: ["ws-1"], ips: ["203.0.113.9"], lastAt: NOW }),
  };
  return { ...NOTHING, hunting };
};
const domain = { kind: "domain", name: "evil.example" } as const;

describe("seen-elsewhere", () => {
  test("on nine devices it names them, from ten on a person is asked first; never a verdict by itself", async () => {
    const [nine] = await look(
      "seen-elsewhere",
      domain,
      hunts(async () => seen(9)),
    );
    expect(nine).toMatchObject({ label: "neutral", weight: 0, text: expect.stringContaining("Seen from 9 devices of ours in 30 days") });
    expect(nine?.found).toHaveLength(9);
    const [ten] = await look(
      "seen-elsewhere",
      domain,
      hunts(async () => seen(10)),
    );
    expect(ten).toMatchObject({ text: expect.stringContaining("asks a person first"), raw: { count: 10 } });
    expect(ten?.found).toBeUndefined();
  });

  test("an account's sign-ins are counted; nothing is asked without a product, a hash or a name", async () => {
    const [user] = await look(
      "seen-elsewhere",
      { kind: "user", email: "mia@contoso.com" },
      hunts(async () => seen(0)),
    );
    expect(user?.text).toBe("12 sign-ins in 30 days, 2 of them failed on ws-1, from 1 address, last at 2026-10-05 09:00 UTC.");
    expect(await look("seen-elsewhere", domain, NOTHING)).toEqual([]);
    expect(
      await look(
        "seen-elsewhere",
        { kind: "file", name: "a.exe" },
        hunts(async () => seen(1)),
      ),
    ).toEqual([]);
    expect(
      await look(
        "seen-elsewhere",
        { kind: "user", name: "mia" },
        hunts(async () => seen(1)),
      ),
    ).toEqual([]);
  });
});

describe("the card of a block", () => {
  const reach = (capabilities: Capabilities) =>
    actionKinds["block-indicator"].reach(domain, { ...capabilities, indicators: openLab().capabilities.indicators }, NOW, signal);

  test("what more than twenty devices use needs two", async () => {
    const [few, many] = [await reach(hunts(async () => seen(20))), await reach(hunts(async () => seen(21)))];
    expect(many.facts).toContainEqual("seen from 21 of our devices in 30 days: ws-0, ws-1, ws-2, ws-3, ws-4 and others");
    expect([few, many].map((each) => approvalsNeeded("block-indicator", each, testPolicy))).toEqual([1, 2]);
    expect(approvalsNeeded("unblock-indicator", many, testPolicy)).toBe(1);
  });

  test("that it cannot be read is said, and hides nothing else", async () => {
    const failing = hunts(() => Promise.reject(new ConnectorError("unavailable", "not asked: quota")));
    expect((await reach(failing)).facts).toEqual([
      "applies to every device the product watches",
      "how common it is here cannot be read: not asked: quota",
    ]);
  });
});
