import { afterAll, beforeAll, expect, test } from "vitest";
import { defender } from "../../src/adapters/alerts/defender.ts";
import { sanitize } from "../../src/adapters/alerts/sanitize.ts";
import { decideAction } from "../../src/engine/decide-action.ts";
import { executeAction } from "../../src/engine/execute-action.ts";
import { ingestAlerts } from "../../src/engine/ingest-alert.ts";
import type { ActionRow } from "../../src/engine/store.ts";
import { undoAction } from "../../src/engine/undo-action.ts";
import { type FakeGraph, fakeGraph } from "../support/fake-graph.ts";
import { steps } from "../support/investigating.ts";
import { NOW } from "../support/lab-capabilities.ts";
import { approver, type Engine, numberOf, openEngine, testPolicy } from "../support/open-engine.ts";

const MINUTE = 60_000;
const URL = "https://login.evil.example/verify";
const IDS = [
  "11111111-58d8-43d0-a890-08dc18c52e6d",
  "22222222-58d8-43d0-a890-08dc18c52e6d",
  "33333333-58d8-43d0-a890-08dc18c52e6d",
] as const;
const mia = approver("Mia");

let engine: Engine;
let fake: FakeGraph;
beforeAll(async () => {
  engine = await openEngine("embedded");
  engine.air.sleep = async () => {};
  fake = await fakeGraph(() => engine.world.now);
  Object.assign(engine.world, {
    now: NOW,
    capabilities: fake.capabilitiesOf(fake.connect()),
    policy: { ...testPolicy, organization: { ...testPolicy.organization, domains: ["contoso.com"] } },
  });
});
afterAll(async () => {
  await fake.close();
  await engine.close();
});

/** As Defender tells it: the reported copy, and the cluster in a query of Microsoft's own. */
const ALERT = {
  id: "da-phish-1",
  title: "Email messages containing phish URLs removed after delivery",
  severity: "high",
  category: "InitialAccess",
  status: "new",
  serviceSource: "microsoftDefenderForOffice365",
  createdDateTime: NOW.toISOString(),
  evidence: [
    {
      "@odata.type": "#microsoft.graph.security.analyzedMessageEvidence",
      verdict: "malicious",
      networkMessageId: IDS[0],
      subject: 'Pay" or Subject=="x',
      recipientEmailAddress: "mia@contoso.com",
      senderIp: "203.0.113.9",
      p2Sender: { emailAddress: "billing@evil.example", domainName: "evil.example" },
      urls: [URL],
    },
    {
      "@odata.type": "#microsoft.graph.security.mailClusterEvidence",
      verdict: "malicious",
      clusterBy: "BodyFingerprintBin1;P2SenderDomain;ContentType",
      clusterByValue: "1433502834;evil.example;1",
      query: '( (( (BodyFingerprintBin1:"1433502834") ) AND ( (P2SenderDomain:"evil.example") ) AND ( (ContentType: 1) )) )',
      emailCount: 4,
      networkMessageIds: [...IDS],
    },
  ],
};

test("phish is investigated through Graph, soft-deleted once approved, verified by where it lies, and given back", async () => {
  const common = {
    subject: 'Pay" or Subject=="x',
    urls: [URL],
    threatTypes: ["phish"],
    phishConfidenceLevel: "High",
    emailClusterId: "1433502834",
  };
  fake.mail.add({ ...common, networkMessageId: IDS[0], recipient: "mia@contoso.com" });
  fake.mail.add({ ...common, networkMessageId: IDS[1], recipient: "sam@contoso.com" });
  fake.mail.add({ ...common, networkMessageId: IDS[1], recipient: "kim@contoso.com", location: "junkFolder" });
  fake.mail.add({ ...common, networkMessageId: IDS[2], recipient: "lee@contoso.com", location: "quarantine" });
  const innocent = fake.mail.add({ subject: "Lunch", sender: "kim@contoso.com", recipient: "sam@contoso.com" });
  fake.hunting.clicks.push({ networkMessageId: IDS[1], user: "sam@contoso.com", url: URL, at: NOW.toISOString(), action: "ClickAllowed" });
  fake.hunting.sightings.push({ table: "DeviceNetworkEvents", column: "RemoteUrl", value: URL, device: "ws-042", at: NOW.toISOString() });

  const [accepted] = (
    await ingestAlerts(engine.air, [{ source: "defender", lab: false, alerts: [defender.parse(sanitize(ALERT))], receivedAt: NOW }])
  ).flat();
  const investigation = numberOf(accepted?.investigation);
  await steps(engine).toTheEnd(investigation);

  // What was looked up came from Graph, and what was found is named.
  const evidence = await engine.store.evidenceOf(investigation);
  const of = (kind: string) => evidence.filter((row) => row.entity.kind === kind);
  expect(of("message").map((row) => row.verdict)).toContain("malicious");
  expect(of("user").map((row) => row.entity)).toContainEqual(expect.objectContaining({ email: "sam@contoso.com" }));
  const said = (await engine.store.observationsOf(investigation)).map(({ source, text }) => `${source}: ${text}`);
  expect(said).toContainEqual(expect.stringMatching(/^graph: Seen from 1 device of ours in 30 days: ws-042/));
  expect(said).toContainEqual(expect.stringMatching(/^graph: .*highConfidencePhish|high-confidence phish/));
  // The whole tenant has 45 questions a minute.
  expect(fake.hunting.queries.length).toBeLessThan(25);
  // The subject is a stranger's: no query carried it but as a value.
  for (const query of fake.hunting.queries) expect(query).not.toContain('Subject=="x');

  // Approved one after the other: the message by itself, and the cluster.
  const rows = async () => (await engine.store.actionsOf(numberOf(accepted?.incident))).filter(({ kind }) => kind === "soft-delete-mail");
  const proposed = await rows();
  expect(proposed.map(({ target }) => target.kind).toSorted()).toEqual(expect.arrayContaining(["mail-cluster"]));
  const cluster = proposed.find(({ target }) => target.kind === "mail-cluster") as ActionRow;
  expect(cluster.blastRadius.facts).toEqual(
    expect.arrayContaining([expect.stringContaining("3 messages in 3 mailboxes"), expect.stringContaining("sam@contoso.com")]),
  );
  fake.mail.settings.slow = true;
  await decideAction(engine.air, mia, { action: cluster.id, decision: "approve", confirmed: true });
  const play = async (id: number): Promise<ActionRow> => {
    for (let minute = 0; minute < 20; minute++) {
      await executeAction(engine.air, id, engine.settle);
      const row = (await engine.store.action(id)) as ActionRow;
      if (["succeeded", "failed", "unclear"].includes(row.state)) return row;
      if (minute === 2) fake.mail.finish();
      engine.world.now = new Date(engine.world.now.getTime() + MINUTE);
    }
    throw new Error("it goes on and on");
  };
  expect(await play(cluster.id)).toMatchObject({ state: "succeeded", outcome: expect.stringContaining("Done and verified") });
  const places = () => fake.mail.messages.map(({ recipient, location }) => `${recipient} ${location}`);
  expect(places()).toEqual([
    "mia@contoso.com deletedFolder",
    "sam@contoso.com deletedFolder",
    "kim@contoso.com deletedFolder",
    "lee@contoso.com quarantine",
    "sam@contoso.com inbox_folder",
  ]);
  expect(innocent.location).toBe("inbox_folder");
  expect(fake.mail.remediations).toMatchObject([{ action: "softDelete", emails: { length: 3 } }]);

  // And back: only what was taken out.
  const undone = await undoAction(engine.air, mia, { action: cluster.id, reason: "it was a drill" });
  const back = (await engine.store.actionsOf(numberOf(accepted?.incident))).find(({ kind }) => kind === "restore-mail") as ActionRow;
  expect(undone.id).toBe(cluster.id);
  expect(await play(back.id)).toMatchObject({ state: "succeeded" });
  expect(places().slice(0, 4)).toEqual([
    "mia@contoso.com inbox_folder",
    "sam@contoso.com inbox_folder",
    "kim@contoso.com inbox_folder",
    "lee@contoso.com quarantine",
  ]);
  expect(fake.mail.remediations.at(-1)).toMatchObject({ action: "moveToInbox", emails: { length: 3 } });
});
