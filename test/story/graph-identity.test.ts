import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { defender } from "../../src/adapters/alerts/defender.ts";
import { sanitize } from "../../src/adapters/alerts/sanitize.ts";
import { cardText } from "../../src/bot/card-text.ts";
import { createConversation } from "../../src/bot/conversation.ts";
import { executeAction } from "../../src/engine/execute-action.ts";
import { ingestAlerts } from "../../src/engine/ingest-alert.ts";
import type { ActionRow } from "../../src/engine/store.ts";
import { type FakeDefender, fakeDefender } from "../support/fake-defender.ts";
import { type FakeGraph, fakeGraph } from "../support/fake-graph.ts";
import { steps } from "../support/investigating.ts";
import { NOW } from "../support/lab-capabilities.ts";
import { approver, type Engine, fresh, numberOf, openEngine, proposedAction, testPolicy } from "../support/open-engine.ts";
import { RememberingChat } from "../support/remembering-chat.ts";
import { wholeAir } from "../support/whole-air.ts";

/*
 * An account is taken over: the alert as Graph tells it, looked into through Graph, decided and taken back by words in a chat. Beside it the
 * package of a device, whose link only the one who asks sees.
 */

const ago = (hours: number) => new Date(NOW.getTime() - hours * 3_600_000).toISOString();
const mia = approver("Mia");
const tom = approver("Tom");

describe("an identity alert through Microsoft Graph", () => {
  let engine: Engine;
  let graph: FakeGraph;
  let edr: FakeDefender;
  beforeAll(async () => {
    engine = await openEngine("embedded");
    engine.air.sleep = async () => {};
    graph = await fakeGraph(() => engine.world.now);
    edr = await fakeDefender(() => engine.world.now);
  });
  afterAll(async () => {
    await graph.close();
    await edr.close();
    await engine.close();
  });
  const say = async (text: string, person = mia) => {
    const { drawing } = wholeAir(engine, { chat: new RememberingChat(), deciders: ["Mia", "Tom"] });
    return cardText(await createConversation(engine.air, drawing).say(text, person)).join("\n");
  };
  const now = async (id: number) => (await engine.store.action(id)) as ActionRow;
  const carriedOut = async (id: number) => {
    for (let round = 0; round < 10 && ["approved", "executing"].includes((await now(id)).state); round++) {
      await executeAction(engine.air, id, engine.settle);
      engine.world.now = new Date(engine.world.now.getTime() + 10_000);
    }
    return now(id);
  };
  const begin = (capabilities: Engine["world"]["capabilities"]) =>
    Object.assign(engine.world, { now: NOW, policy: testPolicy, capabilities });

  const takenOver = (address: string, id: string) => ({
    id: fresh("aad"),
    title: "Anonymous IP address",
    severity: "high",
    category: "InitialAccess",
    serviceSource: "azureAdIdentityProtection",
    createdDateTime: ago(1),
    evidence: [
      {
        "@odata.type": "#microsoft.graph.security.userEvidence",
        verdict: "suspicious",
        roles: ["compromised"],
        userAccount: { accountName: "noor", azureAdUserId: id, userPrincipalName: address },
      },
      { "@odata.type": "#microsoft.graph.security.ipEvidence", ipAddress: "203.0.113.66", verdict: "suspicious", roles: ["attacker"] },
    ],
  });
  const investigated = async (address: string, id: string) => {
    const [accepted] = (
      await ingestAlerts(engine.air, [
        { source: "siem", lab: false, alerts: [defender.parse(sanitize(takenOver(address, id)))], receivedAt: engine.world.now },
      ])
    ).flat();
    const investigation = numberOf(accepted?.investigation);
    await steps(engine).toTheEnd(investigation);
    const found = (await engine.store.listActions({ limit: 50 })).items.filter((one) => one.investigationId === investigation);
    return { investigation, disable: found.find(({ kind }) => kind === "disable-user") as ActionRow };
  };
  const night = [
    {
      createdDateTime: ago(1),
      ipAddress: "203.0.113.66",
      appDisplayName: "Azure Portal",
      riskLevelDuringSignIn: "high",
      status: { errorCode: 0 },
      location: { city: "Lagos", countryOrRegion: "NG" },
    },
    {
      createdDateTime: ago(400),
      ipAddress: "198.51.100.7",
      appDisplayName: "Outlook",
      status: { errorCode: 0 },
      location: { city: "Berlin", countryOrRegion: "DE" },
    },
  ];

  test("is looked into, disabling the account is approved, carried out, verified, and taken back", async () => {
    graph.reset();
    begin(graph.capabilitiesOf(graph.connect({ sleep: async () => {} })));
    const address = `${fresh("noor")}@contoso.com`;
    const account = graph.identities.add(address, {
      displayName: "Noor Haddad",
      signIns: night,
      risk: { riskLevel: "high", riskState: "atRisk" },
    });
    const { investigation, disable } = await investigated(address, account.id);
    const user = await steps(engine).evidence(investigation, "user");
    expect(user.verdict).toBe("malicious");
    expect(disable).toMatchObject({ state: "pending", connector: "graph", boundTo: "graph", approvalsNeeded: 1 });
    expect(disable.blastRadius.facts.join("; ")).toMatch(/Noor Haddad .*enabled.*risk high.*no privileged role/);

    expect(await say(`approve ACT-${disable.id}`)).toContain("ACT-");
    const done = await carriedOut(disable.id);
    expect(done).toMatchObject({ state: "succeeded", outcome: expect.stringContaining(`Done and verified: ${address} is disabled`) });
    expect(account.accountEnabled).toBe(false);

    await say(`undo ACT-${disable.id} it was a false alarm`);
    const undo = (await engine.store.listActions({ limit: 50 })).items.find(({ undoes }) => undoes === disable.id);
    expect(await carriedOut(undo?.id ?? 0)).toMatchObject({ kind: "enable-user", state: "succeeded" });
    expect(await now(disable.id)).toMatchObject({ state: "undone" });
    expect(account.accountEnabled).toBe(true);
    expect(graph.identities.effects).toEqual([`disable ${address}`, `enable ${address}`]);
  });

  test("whose roles cannot be read it takes two people to touch", async () => {
    graph.reset();
    graph.product.roles = graph.product.roles.filter((role) => role !== "RoleManagement.Read.Directory");
    begin(graph.capabilitiesOf(graph.connect({ sleep: async () => {} })));
    const address = `${fresh("noor")}@contoso.com`;
    const account = graph.identities.add(address, { signIns: night });
    const { disable } = await investigated(address, account.id);
    expect(disable.approvalsNeeded).toBe(2);
    expect(disable.blastRadius.protectedHits.join()).toContain("RoleManagement.Read.Directory");
    expect(disable.blastRadius.facts.join("; ")).toContain("its roles could not be read");
  });

  test("an account of Active Directory that air cannot reach there is left to a person, with the steps", async () => {
    graph.reset();
    begin(graph.capabilitiesOf(graph.connect({ sleep: async () => {} })));
    const address = `${fresh("noor")}@contoso.com`;
    const account = graph.identities.add(address, {
      signIns: night,
      onPremisesSyncEnabled: true,
      onPremisesSecurityIdentifier: "S-1-5-21-1-2-3-1104",
    });
    const { disable } = await investigated(address, account.id);
    await say(`approve ACT-${disable.id}`);
    expect(await carriedOut(disable.id)).toMatchObject({
      state: "failed",
      outcome: expect.stringContaining("Disable-ADAccount -Identity 'S-1-5-21-1-2-3-1104'"),
    });
    expect(account.accountEnabled).toBe(true);
  });

  test("the link to a package goes to the approver who asks, and into no row", async () => {
    edr.reset();
    begin(edr.capabilitiesOf(edr.connect()));
    const name = fresh("ws");
    edr.add(name);
    const action = await proposedAction(engine, {
      kind: "collect-package",
      target: { kind: "device", name },
      change: { approvalsNeeded: 1 },
    });
    expect(await say(`package ACT-${action.id}`)).toContain("is not collected");
    await say(`approve ACT-${action.id}`);
    expect(await carriedOut(action.id)).toMatchObject({ state: "succeeded" });

    expect(await say(`package ACT-${action.id}`)).toContain("https://packages.example/");
    expect(await say(`package ACT-${action.id}`, approver("Eva", ["email"]))).toContain("an approver of that device fetches it");
    expect(await say(`package ACT-${action.id}`, { ...tom, roles: { ...tom.roles, approves: [], viewer: true } })).not.toContain("https");
    edr.product.packages = false;
    expect(await say(`package ACT-${action.id}`, tom)).toContain("not ready");
    expect(await say(`package ACT-${action.id}`, tom)).toContain("2 per minute");
    const audit = await engine.store.auditLines(0, 100_000);
    expect(audit.filter(({ line }) => line.includes('"event":"package.link"'))).toHaveLength(1);
    for (const { line } of audit) expect(line).not.toContain("packages.example");
  });
});
