import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createRation } from "../../../src/adapters/connectors/graph/identities-ration.ts";
import { HttpThrottle } from "../../../src/adapters/connectors/http.ts";
import { protectedHits } from "../../../src/engine/domain/approval.ts";
import { ConnectorError, type IdentityCapability } from "../../../src/engine/ports.ts";
import { type FakeGraph, fakeGraph } from "../../support/fake-graph.ts";
import { NOW } from "../../support/lab-capabilities.ts";

const HOUR = 3_600_000;
const signal = new AbortController().signal;
const ago = (hours: number) => new Date(NOW.getTime() - hours * HOUR).toISOString();
const SID = "S-1-5-21-1-2-3-1000";

describe("Graph", () => {
  let fake: FakeGraph;
  let identities: IdentityCapability;
  beforeAll(async () => {
    fake = await fakeGraph(() => NOW);
  });
  beforeEach(() => {
    fake.reset();
    identities = fake.connect({ sleep: async () => {} }).identities!;
  });
  afterAll(() => fake.close());
  const failure = async (promise: Promise<unknown>): Promise<ConnectorError> => {
    const error = await promise.then(
      () => new Error("did not fail"),
      (reason: unknown) => reason,
    );
    if (!(error instanceof ConnectorError)) throw error;
    expect(error.message).not.toContain("a client secret");
    return error;
  };
  const without = (...roles: string[]) => {
    fake.product.roles = fake.product.roles.filter((role) => !roles.includes(role));
    fake.forgetTokens();
  };
  const synced = (name: string, more = {}) =>
    fake.identities.add(`${name}@contoso.example`, {
      onPremisesSyncEnabled: true,
      onPremisesSecurityIdentifier: SID,
      onPremisesSamAccountName: name,
      onPremisesDomainName: "corp.contoso.example",
      ...more,
    });

  describe("an account", () => {
    test("is found by every name an alert gives it, and by none it chose itself", async () => {
      const { id } = synced("mia", {
        displayName: "Paul the Admin",
        mail: "mia.keller@contoso.example",
        proxyAddresses: ["smtp:mk@contoso.example"],
      });
      for (const user of [
        { id },
        { id: SID },
        { email: "MIA@contoso.example" },
        { email: "mia.keller@contoso.example" },
        { email: "mk@contoso.example" },
        { name: "CORP\\mia" },
        { name: "mia" },
        { name: "mia@contoso.example" },
      ])
        expect(await identities.find({ kind: "user", ...user }, signal), JSON.stringify(user)).toMatchObject({ id });
      expect(await identities.find({ kind: "mailbox", address: "mia@contoso.example" }, signal)).toMatchObject({ id });
      for (const name of ["Paul the Admin", "FABRIKAM\\mia", "x' or accountEnabled eq true or 'a' eq 'a", "CORP\\"])
        expect(await identities.find({ kind: "user", name }, signal), name).toBeUndefined();
    });

    test("of two that fit none is guessed", async () => {
      synced("mia");
      synced("mia2", { onPremisesSamAccountName: "mia" });
      expect(await failure(identities.find({ kind: "user", name: "mia" }, signal))).toMatchObject({
        kind: "refused",
        message: expect.stringContaining("2 accounts called mia"),
      });
    });

    test("its roles are those it holds, those over a part of the directory, and those it may take up", async () => {
      fake.identities.add("mia@contoso.example", {
        roles: ["Directory Readers", "Global Administrator"],
        scopedRoles: ["User Administrator"],
        eligibleRoles: ["Security Administrator"],
      });
      expect(await identities.find({ kind: "user", email: "mia@contoso.example" }, signal)).toMatchObject({
        privileged: ["Global Administrator", "User Administrator", "Security Administrator (eligible)"],
      });
    });

    test("whose roles cannot be read counts as protected, and says which permission is missing", async () => {
      fake.identities.add("mia@contoso.example");
      without("RoleManagement.Read.Directory");
      const facts = (await identities.find({ kind: "user", email: "mia@contoso.example" }, signal))!;
      expect(facts.unread?.roles).toBe("air's app registration needs RoleManagement.Read.Directory");
      const hits = protectedHits({ kind: "user", email: facts.email }, { privileged: [], unread: facts.unread?.roles }, { protected: [] });
      expect(hits).toEqual([expect.stringContaining("could not be read")]);
    });

    test("while the directory does not answer about roles nothing is said of the account at all", async () => {
      fake.identities.add("mia@contoso.example");
      fake.fail({ on: /roleManagement/, how: { status: 503 } });
      expect(await failure(identities.find({ kind: "user", email: "mia@contoso.example" }, signal))).toMatchObject({ kind: "unavailable" });
    });

    test("roles it could take up that are not answered make it protected; a tenant without that licence has none", async () => {
      fake.identities.add("mia@contoso.example");
      const said = (status: number, code: string, message: string) => fake.fail({ on: /roleEligibility/, how: { status, code, message } });
      const unread = async () => (await identities.find({ kind: "user", email: "mia@contoso.example" }, signal))?.unread?.roles;
      said(503, "serviceUnavailable", "Try again");
      expect(await unread()).toBe("the roles it could take up were not answered");
      fake.heal();
      said(403, "PermissionScopeNotGranted", "Authorization failed due to missing permission scope.");
      expect(await unread()).toBe("air's app registration needs RoleManagement.Read.Directory");
      fake.heal();
      said(400, "AadPremiumLicenseRequired", "The tenant needs an AAD Premium 2 license.");
      expect(await unread()).toBeUndefined();
    });

    test("its sign-ins say from where, whether it worked, and whether the place is its own", async () => {
      const home = { ipAddress: "198.51.100.7", appDisplayName: "Outlook", location: { city: "Berlin", countryOrRegion: "DE" } };
      fake.identities.add("mia@contoso.example", {
        signIns: [
          {
            createdDateTime: ago(1),
            ipAddress: "203.0.113.66",
            appDisplayName: "Azure Portal",
            riskLevelDuringSignIn: "high",
            status: { errorCode: 0 },
            location: { city: "Lagos", countryOrRegion: "NG", geoCoordinates: { latitude: 6.5, longitude: 3.4 } },
          },
          {
            ...home,
            createdDateTime: ago(2),
            status: { errorCode: 0, additionalDetails: "MFA requirement satisfied by claim in the token" },
          },
          { ...home, createdDateTime: ago(3), status: { errorCode: 50126 }, ipAddress: "203.0.113.66" },
          { ...home, createdDateTime: ago(4), status: { errorCode: 50140 } },
          { ...home, createdDateTime: ago(200), status: { errorCode: 0 }, riskLevelDuringSignIn: "hidden" },
        ],
        audits: [
          {
            activityDateTime: ago(1),
            activityDisplayName: "Consent to application",
            initiatedBy: { user: { ipAddress: "203.0.113.66" } },
            targetResources: [{ displayName: "Mail Merge Helper" }],
          },
        ],
      });
      const facts = (await identities.find({ kind: "user", email: "mia@contoso.example" }, signal, { patient: true }))!;
      expect(facts.signIns).toMatchObject([
        {
          ip: "203.0.113.66",
          place: "Lagos, NG",
          result: "success",
          risk: "high",
          known: false,
          location: { latitude: 6.5, longitude: 3.4 },
        },
        { ip: "198.51.100.7", result: "success", risk: "none", known: true, mfa: true },
        { result: "failure", known: true },
        { result: "success", known: false },
      ]);
      expect(facts.activities).toMatchObject([{ what: "Consent to application: Mail Merge Helper", ip: "203.0.113.66" }]);
      expect(facts.sessions).toBeUndefined();
    });

    test("what the licence leaves out is said, and nothing is made of it", async () => {
      fake.identities.add("mia@contoso.example");
      Object.assign(fake.identities.product, { p1: false, p2: false });
      const facts = await identities.find({ kind: "user", email: "mia@contoso.example" }, signal, { patient: true });
      expect(facts).toMatchObject({
        signIns: [],
        unread: {
          signIns: "Microsoft Entra ID P1 is needed",
          activities: "Microsoft Entra ID P1 is needed",
          risk: "Microsoft Entra ID P2 is needed",
        },
      });
      expect(facts?.risk).toBeUndefined();
      expect(await failure(identities.confirmCompromised!(facts!.id, "", "key", signal))).toMatchObject({
        kind: "refused",
        message: expect.stringContaining("Microsoft Entra ID P2, which the tenant does not have. Nothing was done."),
      });
    });
  });

  describe("a refusal", () => {
    test.each([
      ["disable", "User.EnableDisableAccount.All"],
      ["enable", "User.EnableDisableAccount.All"],
      ["revokeSessions", "User.RevokeSessions.All"],
      ["confirmCompromised", "IdentityRiskyUser.ReadWrite.All"],
      ["dismissRisk", "IdentityRiskyUser.ReadWrite.All"],
      ["forcePasswordReset", "User-PasswordProfile.ReadWrite.All"],
    ] as const)("of %s names %s", async (call, permission) => {
      const { id } = fake.identities.add("mia@contoso.example");
      without(permission);
      const { message } = await failure(identities[call]!(id, "", "key", signal));
      expect(message).toContain(`lacks ${permission}.`);
      expect(message).toMatch(/Nothing was done\.$/);
      expect(fake.identities.effects).toEqual([]);
    });

    test("because of the account's own role says so, and what helps", async () => {
      const { id } = fake.identities.add("paul@contoso.example", { roles: ["Global Administrator"] });
      const { message } = await failure(identities.disable(id, "", "key", signal));
      expect(message).toContain("paul@contoso.example holds Global Administrator");
      expect(message).toContain("Privileged Authentication Administrator");
      expect(message).not.toContain("lacks");
    });
  });

  describe("an account that comes from Active Directory", () => {
    test("is switched off there and in the cloud, and back", async () => {
      const { id } = synced("mia");
      const outside = fake.identities.addOutside("mia", { onPremisesSecurityIdentifier: SID });
      await identities.disable(id, "", "key", signal);
      expect(fake.identities.effects).toEqual(["activeDirectory disable mia", "disable mia@contoso.example"]);
      expect(await identities.find({ kind: "user", id }, signal)).toMatchObject({ enabled: false });
      // Switched on there, it is on again whatever the cloud shows now.
      outside.isEnabled = true;
      expect(await identities.find({ kind: "user", id }, signal)).toMatchObject({ enabled: true });
      await identities.disable(id, "", "key", signal);
      await identities.enable(id, "", "key", signal);
      expect(await identities.find({ kind: "user", id }, signal)).toMatchObject({ enabled: true });
      await identities.forcePasswordReset!(id, "", "key", signal);
      expect(fake.identities.effects.at(-1)).toBe("activeDirectory forcePasswordReset mia");
    });

    test.each([
      ["is not known to Defender for Identity", () => {}, "does not find the account"],
      [
        "is out of reach without the permission",
        () => without("SecurityIdentitiesActions.ReadWrite.All"),
        "needs SecurityIdentitiesActions.ReadWrite.All",
      ],
    ] as const)("and %s is left alone, with the steps for a person", async (_what, prepare, why) => {
      const { id } = synced("mia");
      prepare();
      const { kind, message } = await failure(identities.disable(id, "", "key", signal));
      expect(kind).toBe("refused");
      expect(message).toContain(why);
      expect(message).toContain(`Disable-ADAccount -Identity '${SID}'`);
      expect(fake.identities.effects).toEqual([]);
      expect((await failure(identities.forcePasswordReset!(id, "", "key", signal))).message).toContain(
        `Set-ADUser -Identity '${SID}' -ChangePasswordAtLogon $true`,
      );
    });

    test("the cloud's refusal after the step there hides nothing", async () => {
      const { id } = synced("mia");
      fake.identities.addOutside("mia", { onPremisesSecurityIdentifier: SID });
      without("User.EnableDisableAccount.All");
      expect(await identities.disable(id, "", "key", signal)).toMatchObject({
        state: "failed",
        text: expect.stringMatching(/disabled in Active Directory, but not in the cloud: .*lacks User\.EnableDisableAccount\.All/),
      });
    });

    test("and is in no cloud is found by its number, and acted on where it lives", async () => {
      fake.identities.addOutside("svc-backup", {
        accounts: [
          { provider: "ActiveDirectory", identifier: "ad-1", actions: [] },
          { provider: "Okta", identifier: "okta-1", actions: [] },
        ],
      });
      const facts = (await identities.find({ kind: "user", id: SID }, signal))!;
      expect(facts).toMatchObject({ name: "svc-backup", enabled: true, unread: { roles: expect.stringContaining("cannot be read") } });
      await identities.revokeSessions(facts.id, "", "key", signal);
      await identities.disable(facts.id, "", "key", signal);
      expect(fake.identities.effects).toContain("okta revokeAllSessions svc-backup");
      expect(fake.identities.effects).toContain("activeDirectory disable svc-backup");
      expect(await identities.find({ kind: "user", id: SID }, signal)).toMatchObject({ enabled: false });
      expect((await failure(identities.confirmCompromised!(facts.id, "", "key", signal))).kind).toBe("refused");
    });
  });

  describe("an app", () => {
    test("is found by both its ids and its name, with what it was allowed", async () => {
      const app = fake.identities.addApp("Mail Merge Helper", {
        grants: [
          { consentType: "Principal", principalId: "u-1", scope: "openid User.Read Mail.Send", resourceId: "r" },
          { consentType: "Principal", principalId: "u-2", scope: "Mail.ReadBasic user_impersonation", resourceId: "r" },
        ],
        appRoles: ["Directory.ReadWrite.All", "User.Read.All"],
      });
      const { apps } = fake.capabilities;
      for (const entity of [{ id: app.appId }, { id: app.id }, { name: "mail merge helper" }])
        expect(await apps!.find({ kind: "oauth-app", ...entity }, signal)).toMatchObject({ id: app.id, users: 2 });
      const { grants, publisher } = (await apps!.find({ kind: "oauth-app", id: app.id }, signal))!;
      expect(publisher).toBeUndefined();
      expect(grants.filter(({ writes }) => writes).map(({ name }) => name)).toEqual([
        "Mail.Send",
        "user_impersonation",
        "Directory.ReadWrite.All (as itself)",
      ]);
      fake.identities.addApp("Mail Merge Helper");
      expect((await failure(apps!.find({ kind: "oauth-app", name: "Mail Merge Helper" }, signal))).message).toContain(
        "2 apps are called like this",
      );
    });

    test("whose grants cannot be read says so, and counts as protected", async () => {
      const app = fake.identities.addApp("Mail Merge Helper");
      without("DelegatedPermissionGrant.ReadWrite.All");
      const facts = await fake.capabilitiesOf(fake.connect()).apps!.find({ kind: "oauth-app", id: app.id }, signal);
      expect(facts?.unread).toContain("DelegatedPermissionGrant.Read.All");
    });

    test("that is air's own, or Microsoft's, is never switched off", async () => {
      const own = fake.identities.addApp("air", { appId: "app" });
      const exchange = fake.identities.addApp("Office 365 Exchange Online", {
        appOwnerOrganizationId: "f8cdef31-a31e-4b4a-93e4-5f571e91255a",
      });
      const { apps } = fake.capabilities;
      expect((await failure(apps!.disable(own.id, "", "key", signal))).message).toContain("air's own app registration");
      expect((await failure(apps!.disable(exchange.id, "", "key", signal))).message).toContain("Microsoft's own services");
      expect(fake.identities.effects).toEqual([]);
    });

    test("a missing permission is named", async () => {
      const app = fake.identities.addApp("Mail Merge Helper");
      without("Application.ReadWrite.All");
      fake.product.roles.push("Application.Read.All");
      const { message } = await failure(fake.capabilitiesOf(fake.connect()).apps!.disable(app.id, "", "key", signal));
      expect(message).toMatch(/lacks Application\.ReadWrite\.All.*Nothing was done/);
    });
  });

  describe("doctor", () => {
    test.each([
      [
        "User.EnableDisableAccount.All",
        ["User.Read.All"],
        "accounts: the app registration lacks User.EnableDisableAccount.All (no account is disabled or enabled)",
      ],
      ["User.Read.All", [], "accounts: the app registration lacks User.Read.All (no account is looked up, so nothing is done with one)"],
      [
        "IdentityRiskyUser.ReadWrite.All",
        ["IdentityRiskyUser.Read.All"],
        "accounts: the app registration lacks IdentityRiskyUser.ReadWrite.All (nobody is confirmed as compromised, and no risk is dismissed)",
      ],
      [
        "IdentityRiskyUser.ReadWrite.All",
        [],
        "accounts: the app registration lacks IdentityRiskyUser.ReadWrite.All (risk stays unread, and nobody is confirmed as compromised)",
      ],
      [
        "DelegatedPermissionGrant.Read.All",
        [],
        "apps: the app registration lacks DelegatedPermissionGrant.Read.All (what people allowed an app stays unread, so it counts as protected)",
      ],
      [
        "SecurityAnalyzedMessage.ReadWrite.All",
        ["SecurityAnalyzedMessage.Read.All"],
        "mail: the app registration lacks SecurityAnalyzedMessage.ReadWrite.All (mail is found, and not moved)",
      ],
      [
        "MailboxSettings.ReadWrite",
        ["MailboxSettings.Read"],
        "mail: the app registration lacks MailboxSettings.ReadWrite (inbox rules are read, and not removed)",
      ],
    ])("without %s, and with %j: only what that takes away", async (missing, held, line) => {
      const LEAST = [
        "SecurityAlert.Read.All",
        "SecurityIncident.Read.All",
        "User.Read.All",
        "User.EnableDisableAccount.All",
        "RoleManagement.Read.Directory",
        "AuditLog.Read.All",
        "IdentityRiskyUser.ReadWrite.All",
        "User.RevokeSessions.All",
        "User-PasswordProfile.ReadWrite.All",
        "Application.ReadWrite.All",
        "DelegatedPermissionGrant.Read.All",
        "DelegatedPermissionGrant.ReadWrite.All",
        "AppRoleAssignment.ReadWrite.All",
        "SecurityAnalyzedMessage.ReadWrite.All",
        "MailboxSettings.ReadWrite",
        "ThreatHunting.Read.All",
      ];
      // Writing the consents grants reading them, too.
      const gone = missing === "DelegatedPermissionGrant.Read.All" ? /^DelegatedPermissionGrant/ : new RegExp(`^${missing}$`);
      fake.product.roles = [...LEAST.filter((role) => !gone.test(role)), ...held];
      const lines = (await fake.connect().limits?.(signal)) ?? [];
      const [said] = lines.filter((each) => each.includes("the app registration lacks"));
      expect(said?.split("), ")[0]?.replace(/\)?$/, ")")).toBe(line);
    });

    test("names what each part lacks and what does not work without it; only what the alerts lack is a failure", async () => {
      without("User.RevokeSessions.All", "RoleManagement.Read.Directory", "AppRoleAssignment.ReadWrite.All");
      const connector = fake.connect();
      await connector.check(signal);
      expect((await connector.limits!(signal)).slice(0, 3)).toEqual([
        "alerts: fine",
        "accounts: the app registration lacks RoleManagement.Read.Directory (roles stay unread, so every account counts as protected), User.RevokeSessions.All (no sessions are ended)",
        "apps: the app registration lacks AppRoleAssignment.ReadWrite.All (what an app may do as itself is not taken back)",
      ]);
      without("SecurityIncident.Read.All");
      expect((await failure(fake.connect().check(signal))).message).toMatch(/lacks SecurityIncident\.Read\.All\. /);
    });

    test("that only polls is told what else it could do, asked nothing it may not, and nothing fails", async () => {
      fake.product.roles = ["SecurityAlert.Read.All", "SecurityIncident.Read.All"];
      fake.forgetTokens();
      const connector = fake.connect();
      await connector.check(signal);
      const said = await connector.limits!(signal);
      expect(said.map((line) => line.split(":")[0])).toEqual(expect.arrayContaining(["alerts", "accounts", "apps", "mail", "hunting"]));
      expect(said.join("\n")).not.toMatch(/does not let air/);
      expect(fake.product.calls.map(({ path }) => path).filter((path) => !/token|alerts_v2/.test(path))).toEqual([]);
    });

    test("says what the licences leave out, which is no trouble", async () => {
      Object.assign(fake.identities.product, { p1: false, p2: false });
      without("SecurityIdentitiesActions.ReadWrite.All");
      const connector = fake.connect();
      await connector.check(signal);
      const said = (await connector.limits!(signal)).join("\n");
      for (const part of ["Microsoft Entra ID P1", "Microsoft Entra ID P2", "SecurityIdentitiesActions.ReadWrite.All not granted"])
        expect(said).toContain(part);
    });
  });
});

describe("what is rationed", () => {
  const setUp = () => {
    const world = { now: NOW.getTime(), slept: [] as number[] };
    const ration = createRation({
      name: "the log",
      gapMs: 1000,
      clock: { now: () => new Date(world.now) },
      sleep: async (ms) => {
        world.slept.push(ms);
        world.now += ms;
      },
    });
    return { world, ration };
  };

  test("is asked once a second, kept for a while, and not waited for by whoever has no time", async () => {
    const { world, ration } = setUp();
    let asked = 0;
    const go = async () => ++asked;
    expect(await ration.ask(go, signal, { key: "mia", keepMs: 60_000, waitMs: 0 })).toBe(1);
    expect(await ration.ask(go, signal, { key: "mia", keepMs: 60_000, waitMs: 0 })).toBe(1);
    await expect(ration.ask(go, signal, { key: "paul", keepMs: 60_000, waitMs: 300 })).rejects.toMatchObject({ kind: "unavailable" });
    expect(await ration.ask(go, signal, { key: "paul", keepMs: 60_000, waitMs: 5000 })).toBe(2);
    expect(world.slept).toEqual([1000]);
    ration.forget("mia");
    expect(await ration.ask(go, signal, { key: "mia", keepMs: 60_000, waitMs: 5000 })).toBe(3);
  });

  test("told to wait without saying how long, the next waits longer each time, and as long as it is told where it says", async () => {
    const { world, ration } = setUp();
    const throttled = (ms?: number) => () => Promise.reject(new HttpThrottle("asks to wait", ms));
    const waits: number[] = [];
    for (let round = 0; round < 8; round++) {
      const error = await ration.ask(throttled(), signal, { waitMs: 1_000_000 }).catch((reason: unknown) => reason as HttpThrottle);
      waits.push((error as HttpThrottle).retryAfterMs ?? 0);
    }
    for (const [index, wait] of waits.entries()) {
      const least = Math.min(2000 * 2 ** index, 60_000);
      expect(wait).toBeGreaterThanOrEqual(least);
      expect(wait).toBeLessThanOrEqual(least * 1.25 + 1);
    }
    await ration.ask(throttled(7000), signal, { waitMs: 1_000_000 }).catch(() => {});
    const before = world.now;
    expect(await ration.ask(async () => "well", signal, { waitMs: 1_000_000 })).toBe("well");
    expect(world.now - before).toBe(7000);
  });
});
