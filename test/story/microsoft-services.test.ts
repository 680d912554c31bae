import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { device } from "../support/fake-security.ts";
import { evidence, type MicrosoftAir, microsoftAir, people } from "../support/microsoft-air.ts";
import { fresh } from "../support/open-engine.ts";
import { DATABASES } from "../support/open-test-db.ts";

/*
 * One story for each of Microsoft's services: its alert is polled, joined by Microsoft's incident, looked into, an action is approved, carried
 * out, read back and taken back, while Microsoft asks to wait and refuses in between.
 */

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

type Told = Record<string, unknown> & { title: string };
type Service = {
  /** What Microsoft raises, the alert the story is about first. */
  alerts: (air: MicrosoftAir) => { alerts: Told[]; target: string; state: () => unknown };
  /** What no playbook proposes is asked for in these words. */
  ask?: (target: string) => string;
  kind: string;
  undo: string;
  product: "graph" | "edr";
  /** The calls that do it and take it back. */
  does: RegExp;
  undoes: RegExp;
  permission: string;
  states: { before: unknown; done: unknown };
  approvals?: number;
  /** What is said where the permission is missing. */
  refused?: RegExp;
};

const SHA1 = "5f1e8acedc065031aad553b710838eb366cfee9a";
const SHA256 = "8963a19fb992ad9a76576c5638fd68292cffb9aaac29eb8285f9abf6196a7dec";
const file = (machine: string, more: Record<string, unknown> = {}) =>
  evidence("file", {
    verdict: "malicious",
    detectionStatus: "detected",
    mdeDeviceId: machine,
    fileDetails: { sha1: SHA1, sha256: SHA256, fileName: "invoice.exe", filePath: "C:\\Users\\noor\\Downloads" },
    ...more,
  });
const attacker = (ipAddress: string) => evidence("ip", { verdict: "suspicious", roles: ["attacker"], ipAddress });

/** What may still be read where the permission to change is taken away. */
const READING = ["Application.Read.All", "SecurityAnalyzedMessage.Read.All", "IdentityRiskyUser.Read.All"];

/** A sign-in of the night from where nobody was before, and one of two weeks ago. */
const night = ({ engine }: MicrosoftAir, ipAddress: string) => [
  {
    createdDateTime: new Date(engine.world.now.getTime() - HOUR).toISOString(),
    ipAddress,
    appDisplayName: "Azure Portal",
    riskLevelDuringSignIn: "high",
    status: { errorCode: 0 },
    location: { city: "Lagos", countryOrRegion: "NG" },
  },
  {
    createdDateTime: new Date(engine.world.now.getTime() - 400 * HOUR).toISOString(),
    ipAddress: "198.51.100.7",
    appDisplayName: "Outlook",
    status: { errorCode: 0 },
    location: { city: "Berlin", countryOrRegion: "DE" },
  },
];

const services: Record<string, Service> = {
  "Defender for Endpoint": {
    alerts({ edr }) {
      const name = `${fresh("ws")}.contoso.com`;
      const machine = edr.add(name);
      edr.files.set(SHA256, { sha1: SHA1, machines: [name] });
      const named = { ...device(name), mdeDeviceId: machine.id, roles: ["compromised"] };
      return {
        alerts: [
          {
            title: "'Emotet' malware was detected",
            category: "Malware",
            serviceSource: "microsoftDefenderForEndpoint",
            evidence: [named, file(machine.id)],
          },
          { title: "Suspicious scheduled task", category: "Persistence", severity: "low", evidence: [device(fresh("srv"))] },
        ],
        target: name,
        state: () => edr.isolated(machine),
      };
    },
    kind: "isolate-device",
    undo: "release-device",
    product: "edr",
    does: /^POST .*\/isolate$/,
    undoes: /^POST .*\/unisolate$/,
    permission: "Machine.Isolate",
    states: { before: false, done: true },
  },
  "Defender for Office 365": {
    alerts({ engine, graph }) {
      const ids = [1, 2].map((n) => `${n}${n}${n}${n}1111-58d8-43d0-a890-08dc18c52e6d`);
      const mails = ids.map((networkMessageId, index) =>
        graph.mail.add({
          networkMessageId,
          recipient: `${["ann", "ben"][index]}@contoso.com`,
          subject: "Your invoice",
          threatTypes: ["phish"],
          phishConfidenceLevel: "High",
          emailClusterId: "1433502834",
        }),
      );
      engine.world.policy = { ...engine.world.policy, organization: { ...engine.world.policy.organization, domains: ["contoso.com"] } };
      return {
        alerts: [
          {
            title: "Email messages containing phish URLs removed after delivery",
            category: "InitialAccess",
            serviceSource: "microsoftDefenderForOffice365",
            evidence: [
              evidence("analyzedMessage", {
                verdict: "malicious",
                networkMessageId: ids[0],
                subject: "Your invoice",
                recipientEmailAddress: "ann@contoso.com",
                p2Sender: { emailAddress: "billing@evil.example", domainName: "evil.example" },
              }),
              evidence("mailCluster", {
                verdict: "malicious",
                clusterBy: "BodyFingerprintBin1;P2SenderDomain;ContentType",
                clusterByValue: "1433502834;evil.example;1",
                query: '( (( (BodyFingerprintBin1:"1433502834") ) AND ( (P2SenderDomain:"evil.example") ) AND ( (ContentType: 1) )) )',
                emailCount: 2,
                networkMessageIds: ids,
              }),
            ],
          },
          { title: "A user clicked through to a page", category: "InitialAccess", severity: "low", evidence: [device(fresh("ws"))] },
        ],
        target: "mail-cluster",
        state: () => mails.map(({ location }) => location),
      };
    },
    kind: "soft-delete-mail",
    undo: "restore-mail",
    product: "graph",
    does: /^POST .*\/analyzedEmails\/remediate$/,
    undoes: /^POST .*\/analyzedEmails\/remediate$/,
    permission: "SecurityAnalyzedMessage.ReadWrite.All",
    states: { before: ["inbox_folder", "inbox_folder"], done: ["deletedFolder", "deletedFolder"] },
  },
  "Defender for Identity": {
    alerts(air) {
      const sid = `S-1-5-21-1-2-3-${1100 + air.graph.identities.accounts.length}`;
      const address = `${fresh("noor")}@contoso.com`;
      air.graph.identities.add(address, {
        displayName: "Noor Haddad",
        signIns: night(air, "203.0.113.66"),
        onPremisesSyncEnabled: true,
        onPremisesSecurityIdentifier: sid,
      });
      const there = air.graph.identities.addOutside("noor", { onPremisesSecurityIdentifier: sid });
      const userAccount = { accountName: "noor", domainName: "CORP", azureAdUserId: null, userPrincipalName: address, userSid: sid };
      return {
        alerts: [
          {
            title: "Suspected identity theft (pass-the-ticket)",
            category: "CredentialAccess",
            serviceSource: "microsoftDefenderForIdentity",
            evidence: [evidence("user", { verdict: "suspicious", roles: ["compromised"], userAccount }), attacker("203.0.113.66")],
          },
          { title: "Security principal reconnaissance (LDAP)", category: "Discovery", severity: "low", evidence: [device(fresh("dc"))] },
        ],
        target: address,
        state: () => there.isEnabled,
      };
    },
    kind: "disable-user",
    undo: "enable-user",
    product: "graph",
    does: /^POST .*\/invokeAction$/,
    undoes: /^POST .*\/invokeAction$/,
    permission: "SecurityIdentitiesActions.ReadWrite.All",
    states: { before: true, done: false },
    // What cannot be reached in Active Directory is never half done in the cloud: a person gets the steps.
    refused: /needs SecurityIdentitiesActions\.ReadWrite\.All\).*Enable-ADAccount -Identity 'S-1-5-21-/,
  },
  "Entra ID Protection": {
    alerts(air) {
      const address = `${fresh("sam")}@contoso.com`;
      const account = air.graph.identities.add(address, {
        risk: { riskLevel: "high", riskState: "atRisk" },
        signIns: night(air, "203.0.113.77"),
      });
      const userAccount = { accountName: "sam", azureAdUserId: account.id, userPrincipalName: address };
      return {
        alerts: [
          {
            title: "Anonymous IP address",
            category: "InitialAccess",
            serviceSource: "azureAdIdentityProtection",
            evidence: [evidence("user", { verdict: "suspicious", roles: ["compromised"], userAccount }), attacker("203.0.113.77")],
          },
          { title: "Unfamiliar sign-in properties", category: "InitialAccess", severity: "low", evidence: [device(fresh("ws"))] },
        ],
        target: address,
        state: () => account.risk?.riskState,
      };
    },
    ask: (target) => `do confirm-compromised ${target} the owner says it was not them`,
    kind: "confirm-compromised",
    undo: "dismiss-risk",
    product: "graph",
    does: /^POST .*\/confirmCompromised$/,
    undoes: /^POST .*\/dismiss$/,
    permission: "IdentityRiskyUser.ReadWrite.All",
    // Microsoft has no call that makes it "at risk" again.
    states: { before: "atRisk", done: "confirmedCompromised" },
  },
  "Defender for Cloud Apps": {
    alerts({ graph }) {
      const app = graph.identities.addApp(fresh("Mail Merge"), {
        grants: [{ consentType: "Principal", principalId: "u1", scope: "Mail.Read Mail.Send offline_access", resourceId: "r" }],
      });
      return {
        alerts: [
          {
            title: "Malicious OAuth app consent",
            category: "Persistence",
            serviceSource: "microsoftDefenderForCloudApps",
            detectionSource: "cloudAppSecurity",
            evidence: [
              evidence("oauthApplication", { verdict: "malicious", appId: app.appId, displayName: app.displayName, objectId: app.id }),
              evidence("cloudApplication", { appId: 20893, displayName: "Microsoft Exchange Online" }),
            ],
          },
          { title: "Mass download", category: "Exfiltration", severity: "low", evidence: [device(fresh("ws"))] },
        ],
        target: app.displayName,
        state: () => app.accountEnabled,
      };
    },
    kind: "disable-app",
    undo: "enable-app",
    product: "graph",
    does: /^PATCH \/servicePrincipals\//,
    undoes: /^PATCH \/servicePrincipals\//,
    permission: "Application.ReadWrite.All",
    states: { before: true, done: false },
    // It may send mail as whoever allowed it: as protected as a person with a role.
    approvals: 2,
  },
};

describe.each(DATABASES)("Microsoft's services, %s", (database) => {
  let air: MicrosoftAir;
  beforeAll(async () => {
    air = await microsoftAir(database);
    await air.polling.poll();
  });
  afterAll(() => air.close());

  /** Raised there in one incident, with its own number; polled here. */
  const raise = async (alerts: readonly Told[], incident: Record<string, unknown> = {}) => {
    const number = fresh("mdi");
    air.later(MINUTE);
    air.security.incident(number, { displayName: "Multi-stage incident", ...incident });
    for (const told of alerts) air.security.alert(fresh("da"), { severity: "high", incidentId: number, ...told });
    await air.polling.poll();
    return number;
  };
  const newest = async () => {
    const [incident] = (await air.engine.store.listIncidents({ limit: 1 })).items;
    if (!incident) throw new Error("nothing was polled");
    return incident;
  };
  /** Of several messages the one that stands for all of them. */
  const of = async (incident: number, kind: string) => {
    const found = (await air.actions()).filter((row) => row.incidentId === incident && row.kind === kind);
    return found.find(({ target }) => target.kind === "mail-cluster") ?? found[0];
  };
  const approve = async (id: number, target: string) => {
    const said: string[] = [];
    for (const person of [people.tom, people.kai, people.mia]) {
      if ((await air.action(id)).state !== "pending") break;
      said.push(await air.say(`approve ACT-${id} ${target}`, person));
      await air.work();
    }
    return said.join("\n");
  };

  test.each(Object.entries(services))("%s", async (_name, service) => {
    const { engine, security, graph, edr } = air;
    const product = service.product === "edr" ? edr : graph;
    const label = service.product === "edr" ? "Microsoft Defender" : "Microsoft Graph";
    const { alerts, target, state } = service.alerts(air);

    // Polled, although Microsoft asks to wait first and does not say how long; nobody is bothered by that.
    security.faults.push({ on: /alerts_v2/, status: 429, times: 1 });
    const polled = (await engine.store.listIncidents({ limit: 200 })).items.length;
    const number = await raise(alerts);
    expect((await air.polling.state()).alerts).toMatchObject({ failures: 1, reason: "Microsoft Graph asks to wait (429)" });
    air.later(5 * MINUTE);
    await air.polling.poll();
    expect((await air.polling.state()).alerts.failures).toBe(0);
    expect(await engine.store.countIncidents({})).toBe(polled + 1);

    // Joined by Microsoft's incident alone, and looked into.
    await air.work();
    const incident = await newest();
    expect(incident.alertCount).toBe(2);
    const card = () => air.card(`INC-${incident.id}:`);
    expect(card()).toContain(`joined: same incident ${number} in defender`);
    expect(card()).toContain(`Defender incident: ${number}, active`);
    if (service.ask) expect(await air.say(service.ask(target))).toContain("ACT-");
    const action = (await of(incident.id, service.kind)) ?? (await air.actions()).find(({ kind }) => kind === service.kind);
    if (!action) throw new Error(`nothing is proposed: ${card()}`);

    expect(action.approvalsNeeded).toBe(service.approvals ?? 1);
    expect(state()).toEqual(service.states.before);

    // Approved; Microsoft asks to wait, once for so long and once for it knows not how long. Nothing is called before that.
    product.fail(
      { on: service.does, how: { status: 429, retryAfter: 40, code: "TooManyRequests" }, times: 1 },
      { on: service.does, how: { status: 429, code: "TooManyRequests" }, times: 1 },
    );
    if (action.state === "pending") await approve(action.id, target);
    await air.work();
    const calls = () => product.product.calls.filter(({ method, path }) => service.does.test(`${method} ${path}`)).length;
    const waits = `Not reached yet: ${label} asks to wait (429)`;
    expect(await air.action(action.id)).toMatchObject({ state: "approved", outcome: waits });
    expect(air.card(`ACT-${action.id}:`)).toContain(waits);
    expect(await air.say(`status ACT-${action.id}`)).toContain(waits);
    expect(calls()).toBe(1);
    air.later(20_000);
    await air.work();
    expect(calls()).toBe(1);
    air.later(25_000);
    await air.work();
    expect(calls()).toBe(2);
    expect(await air.action(action.id)).toMatchObject({ state: "approved", outcome: waits });
    expect(state()).toEqual(service.states.before);
    air.later(MINUTE);

    // Carried out once, and read back.
    const done = await air.toTheEnd(action.id);
    expect(done).toMatchObject({ state: "succeeded", outcome: expect.stringContaining("Done and verified") });
    expect(calls()).toBe(3);
    expect(state()).toEqual(service.states.done);
    expect(air.card(`ACT-${action.id}:`)).toContain("Done and verified");
    expect(await air.say(`status ACT-${action.id}`)).toContain("Done and verified");

    // Taken back: first without the permission, in Microsoft's documented words, and then with it.
    const roles = [...product.product.roles];
    product.product.roles = [...roles.filter((role) => role !== service.permission), ...READING];
    product.forgetTokens();
    const message = `Missing application roles. API required roles: ${service.permission}, application roles: SecurityAlert.Read.All`;
    product.fail({ on: service.undoes, how: { status: 403, code: "Forbidden", message } });
    const undoing = async () => {
      await air.say(`undo ACT-${action.id} a false alarm`);
      const undo = (await air.actions()).find(({ undoes, state: now }) => undoes === action.id && now !== "failed");
      if (!undo) throw new Error("it is not being undone");
      await approve(undo.id, target);
      return air.toTheEnd(undo.id);
    };
    const refused = await undoing();
    expect(refused.state).toBe("failed");
    const words =
      service.refused ??
      new RegExp(
        `${label} does not let air do this: the app registration lacks ${service.permission}\\. An administrator adds it under API permissions, .*, as an application permission, and grants consent\\. ${label} says: Forbidden: Missing application roles\\. API required roles: ${service.permission}.* Nothing was done\\.`,
      );
    expect(refused.outcome).toMatch(words);
    expect(await air.say(`status ACT-${refused.id}`)).toMatch(words);
    expect(state()).toEqual(service.states.done);
    expect(await air.action(action.id)).toMatchObject({ state: "succeeded" });
    product.heal();
    product.product.roles = roles;
    product.forgetTokens();
    expect(await undoing()).toMatchObject({ kind: service.undo, state: "succeeded" });
    expect(await air.action(action.id)).toMatchObject({ state: "undone" });
    expect(state()).toEqual(service.kind === "confirm-compromised" ? "dismissed" : service.states.before);
    expect(await air.say(`status INC-${(await air.action(action.id)).incidentId}`)).toMatch(/Undone/);
  });

  test("Defender for Endpoint: a file is quarantined by its SHA-1, and giving it back is told as steps", async () => {
    const { edr } = air;
    const name = `${fresh("ws")}.contoso.com`;
    const machine = edr.add(name);
    const [sha1, sha256] = ["e".repeat(40), "f".repeat(64)];
    edr.files.set(sha256, { sha1, machines: [name] });
    // The alert names the longer hash alone, and the call takes only the shorter one.
    const fileDetails = { sha1: null, sha256, fileName: "loader.exe", filePath: "C:\\Users\\noor\\Downloads" };
    const named = { ...device(name), mdeDeviceId: machine.id };
    await raise([{ title: "'Qakbot' malware was detected", category: "Malware", evidence: [named, file(machine.id, { fileDetails })] }]);
    await air.work();
    const action = await of((await newest()).id, "quarantine-file");
    if (!action) throw new Error("nothing is proposed");
    expect(air.card(`ACT-${action.id}:`)).toContain("To approve: type loader.exe: it cannot be undone");
    expect(await air.say(`approve ACT-${action.id}`)).toContain("loader.exe");
    expect((await air.action(action.id)).state).toBe("pending");
    await approve(action.id, "loader.exe");
    expect(await air.toTheEnd(action.id)).toMatchObject({
      state: "succeeded",
      outcome: expect.stringMatching(/^Done and verified: loader\.exe .*quarantine/),
    });
    const calls = edr.product.calls.filter(({ path }) => path.endsWith("/StopAndQuarantineFile"));
    expect(calls.map(({ body }) => body)).toEqual([expect.objectContaining({ Sha1: sha1, Comment: expect.stringContaining("Tom") })]);
    expect(await air.say(`undo ACT-${action.id} it is ours`)).toMatch(/cannot be undone from here.*MpCmdRun/s);
    expect((await air.action(action.id)).state).toBe("succeeded");
  });

  test("Entra ID Protection: sessions are revoked from the card, and that they cannot be given back is said before", async () => {
    const { graph } = air;
    const address = `${fresh("lee")}@contoso.com`;
    const account = graph.identities.add(address, { signIns: night(air, "203.0.113.88") });
    const userAccount = { accountName: "lee", azureAdUserId: account.id, userPrincipalName: address };
    const user = evidence("user", { verdict: "suspicious", roles: ["compromised"], userAccount });
    await raise([{ title: "Anomalous token", category: "CredentialAccess", serviceSource: "azureAdIdentityProtection", evidence: [user] }]);
    // One look-up is answered with "wait": the investigation says so and offers to ask again.
    graph.fail({ on: /^GET \/users\//, how: { status: 429, retryAfter: 30, code: "TooManyRequests" } });
    await air.work();
    const incident = await newest();
    const missing = "graph: not answered: Microsoft Graph asks to wait (429)";
    expect(air.card(`INC-${incident.id}:`)).toContain(`Missing: ${missing}`);
    expect(await air.say(`status INC-${incident.id}`)).toContain(`Missing    ${missing}`);
    // Whom it would reach was not to be read either: better two people than one who was not told.
    const asked = await of(incident.id, "revoke-sessions");
    expect(asked).toMatchObject({ state: "pending", approvalsNeeded: 2 });
    graph.heal();
    air.later(MINUTE);
    expect(await air.say(`retry INV-${asked?.investigationId}`)).not.toContain("Refused");
    await air.work();
    expect(air.card(`INC-${incident.id}:`)).not.toContain(missing);
    expect(await of(incident.id, "disable-user")).toMatchObject({ state: "pending", approvalsNeeded: 1 });
    const action = await of(incident.id, "revoke-sessions");
    if (!action) throw new Error("nothing is proposed");
    expect(air.card(`ACT-${action.id}:`)).toContain("Undo: Sessions cannot be given back; people sign in again.");
    await approve(action.id, address);
    expect(await air.toTheEnd(action.id)).toMatchObject({ state: "succeeded", outcome: expect.stringContaining("Done and verified") });
    expect(graph.identities.effects).toContain(`revoke ${address}`);
    expect(await air.say(`undo ACT-${action.id} never mind`)).toContain("cannot be undone from here");
  });

  test("Defender XDR: what attack disruption contained is shown, and proposed to nobody again", async () => {
    const { edr, graph } = air;
    const name = `${fresh("ws")}.contoso.com`;
    const machine = edr.add(name);
    edr.begin(machine, "isolate", { Comment: "Attack disruption", IsolationType: "Full" });
    const address = `${fresh("ada")}@contoso.com`;
    const account = graph.identities.add(address, { accountEnabled: false, signIns: night(air, "203.0.113.99") });
    const userAccount = { accountName: "ada", azureAdUserId: account.id, userPrincipalName: address };
    const fileDetails = { sha1: "c".repeat(40), sha256: "d".repeat(64), fileName: "locker.exe", filePath: "C:\\Users\\ada\\Downloads" };
    const before = (await air.actions()).length;
    const number = await raise(
      [
        {
          title: "Possible ransomware activity",
          category: "Ransomware",
          serviceSource: "microsoftDefenderForEndpoint",
          evidence: [{ ...device(name), mdeDeviceId: machine.id, roles: ["compromised"] }, file(machine.id, { fileDetails })],
        },
        {
          title: "Suspected identity theft",
          category: "CredentialAccess",
          serviceSource: "microsoftDefenderForIdentity",
          evidence: [evidence("user", { verdict: "malicious", roles: ["compromised"], userAccount })],
        },
        {
          title: "Email messages containing malicious file removed after delivery",
          category: "InitialAccess",
          severity: "medium",
          serviceSource: "microsoftDefenderForOffice365",
          evidence: [
            evidence("analyzedMessage", {
              verdict: "malicious",
              remediationStatus: "remediated",
              deliveryAction: "blocked",
              networkMessageId: "99999999-58d8-43d0-a890-08dc18c52e6d",
              subject: "Invoice",
              recipientEmailAddress: address,
              p2Sender: { emailAddress: "billing@evil.example" },
            }),
          ],
        },
      ],
      { displayName: "Hands-on-keyboard attack was disrupted", systemTags: ["AttackDisruption"] },
    );
    await air.work();
    const incident = await newest();
    const rows = (await air.actions()).slice(0, -before).filter((row) => row.incidentId === incident.id);
    const states = Object.fromEntries(rows.map((row) => [row.kind, [row.state, row.outcome]]));
    expect(states["isolate-device"]).toEqual([
      "cancelled",
      expect.stringMatching(
        new RegExp(`^Already remediated: ${name} is isolated\\. In Defender: isolated by \\S+ at .* UTC\\. Nothing was left to decide\\.$`),
      ),
    ]);
    expect(states["disable-user"]).toEqual(["cancelled", `Already remediated: ${address} is disabled. Nothing was left to decide.`]);
    // What disruption does not do is still asked.
    expect(states["quarantine-file"]?.[0]).toBe("pending");
    expect(states["soft-delete-mail"]).toBeUndefined();
    const card = air.card(`INC-${incident.id}:`);
    for (const text of [
      `Defender incident: ${number}, active`,
      "Done by the source: Invoice remediated (defender)",
      `Isolate ${name}`,
      "(already remediated)",
      "3 alerts",
    ])
      expect(card).toContain(text);
    // Neither has a card of its own, and neither is said or asked a second time, however often it is looked at.
    expect(air.chat.messages.some(({ card: { title } }) => /Isolate .*\?|Disable .*\?/.test(title) && title.includes(name))).toBe(false);
    air.security.change(air.security.incidents.get(number) ?? {}, { assignedTo: "kai@contoso.com" });
    await air.say(`investigate INC-${incident.id}`);
    await air.polling.poll();
    await air.work();
    const again = (await air.actions()).filter((row) => row.incidentId === incident.id);
    expect(again.map(({ kind }) => kind).toSorted()).toEqual(rows.map(({ kind }) => kind).toSorted());
    expect(edr.actions.filter(({ machineId }) => machineId === machine.id)).toHaveLength(1);
    const audit = (await air.engine.store.auditLines(0, 100_000)).map(({ line }) => line);
    expect(audit.filter((line) => line.includes("already remediated"))).toHaveLength(2);
  });
});
