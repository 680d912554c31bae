import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { guardduty } from "../../src/adapters/alerts/guardduty.ts";
import { sanitize } from "../../src/adapters/alerts/sanitize.ts";
import { cardText } from "../../src/bot/card-text.ts";
import { createConversation } from "../../src/bot/conversation.ts";
import { executeAction } from "../../src/engine/execute-action.ts";
import { ingestAlerts } from "../../src/engine/ingest-alert.ts";
import type { ActionRow } from "../../src/engine/store.ts";
import { type FakeAws, fakeAws } from "../support/fake-aws.ts";
import { NOW } from "../support/lab-capabilities.ts";
import { approver, type Engine, fresh, numberOf, openEngine, testPolicy } from "../support/open-engine.ts";
import { RememberingChat } from "../support/remembering-chat.ts";
import { wholeAir } from "../support/whole-air.ts";

/* A key leaked: GuardDuty's finding by webhook; its key switched off in IAM and on again, by words in a chat. */

const mia = approver("Mia");
const finding = (accessKeyId: string) => ({
  schemaVersion: "2.0",
  id: fresh("finding"),
  accountId: "123456789012",
  region: "eu-central-1",
  partition: "aws",
  arn: "arn:aws:guardduty:eu-central-1:123456789012:detector/d/finding/f",
  type: "UnauthorizedAccess:IAMUser/MaliciousIPCaller.Custom",
  severity: 8,
  title: "API calls were made from a known malicious address.",
  description: "API calls were made by deploy from 203.0.113.66.",
  createdAt: "2026-10-05T08:40:00.000Z",
  updatedAt: "2026-10-05T08:50:00.000Z",
  resource: {
    resourceType: "AccessKey",
    accessKeyDetails: { accessKeyId, principalId: "AIDAEXAMPLE", userType: "IAMUser", userName: "deploy" },
  },
  service: {
    serviceName: "guardduty",
    detectorId: "d",
    count: 3,
    archived: false,
    action: {
      actionType: "AWS_API_CALL",
      awsApiCallAction: { api: "GetObject", serviceName: "s3.amazonaws.com", remoteIpDetails: { ipAddressV4: "203.0.113.66" } },
    },
  },
});

describe("a leaked access key", () => {
  let engine: Engine;
  let aws: FakeAws;
  beforeAll(async () => {
    engine = await openEngine("embedded");
    engine.air.sleep = async () => {};
    aws = await fakeAws(() => engine.world.now);
  });
  afterAll(async () => {
    await aws.close();
    await engine.close();
  });
  const say = async (text: string) => {
    const { drawing } = wholeAir(engine, { chat: new RememberingChat(), deciders: ["Mia"] });
    return cardText(await createConversation(engine.air, drawing).say(text, mia)).join("\n");
  };
  const carriedOut = async (id: number) => {
    const now = async () => (await engine.store.action(id)) as ActionRow;
    for (let round = 0; round < 10 && ["approved", "executing"].includes((await now()).state); round++) {
      await executeAction(engine.air, id, engine.settle);
      engine.world.now = new Date(engine.world.now.getTime() + 10_000);
    }
    return now();
  };
  const told = async (accessKeyId: string) => {
    Object.assign(engine.world, { now: NOW, policy: testPolicy, capabilities: aws.capabilities });
    const alerts = [guardduty.parse(sanitize(finding(accessKeyId)))];
    const [accepted] = (await ingestAlerts(engine.air, [{ source: "guardduty", lab: false, alerts, receivedAt: NOW }])).flat();
    return numberOf(accepted?.incident);
  };
  const newest = async (kind: string) =>
    (await engine.store.listActions({ limit: 50 })).items.find((one) => one.kind === kind) as ActionRow;

  test("is switched off once it is approved, verified, and switched on again", async () => {
    aws.reset();
    const id = `AKIA${fresh("KEY").replace(/\W/g, "").toUpperCase().padEnd(16, "0").slice(0, 16)}`;
    aws.keys.push({ id, user: "deploy", active: true });
    await told(id);

    const asked = await say(`do disable-access-key ${id} it was posted in a public repository`);
    expect(asked).toContain(id);
    const action = await newest("disable-access-key");
    expect(action).toMatchObject({ connector: "aws" });
    expect(action.blastRadius.facts.join("; ")).toContain("active, belongs to deploy");
    if (action.state === "pending") await say(`approve ACT-${action.id}`);
    expect(await carriedOut(action.id)).toMatchObject({ state: "succeeded", outcome: expect.stringContaining("inactive") });
    expect(aws.keys.find((key) => key.id === id)?.active).toBe(false);

    await say(`undo ACT-${action.id} the repository was a private one`);
    const undo = await newest("enable-access-key");
    expect(await carriedOut(undo.id)).toMatchObject({ state: "succeeded" });
    expect(aws.keys.find((key) => key.id === id)?.active).toBe(true);
    expect(aws.calls.filter(({ action: name }) => name === "UpdateAccessKey").map(({ form }) => form.Status)).toEqual([
      "Inactive",
      "Active",
    ]);
  });

  test("that is temporary comes as steps for a person, and AWS is not called", async () => {
    aws.reset();
    await told("ASIAIOSFODNN7EXAMPLE");
    await say("do disable-access-key ASIAIOSFODNN7EXAMPLE it was used from two places");
    const action = await newest("disable-access-key");
    expect(action).toMatchObject({ state: "pending", connector: null });
    expect(await say(`status ACT-${action.id}`)).toContain("Revoke sessions");
    expect(aws.calls.some(({ action: name }) => name === "UpdateAccessKey")).toBe(false);
  });
});
