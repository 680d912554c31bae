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

const user: Entity = { kind: "user", email: "mia@contoso.example" };
const nobody: Entity = { kind: "user", email: "nobody@contoso.example" };
const app: Entity = { kind: "oauth-app", name: "Mail Merge Helper" };
const noApp: Entity = { kind: "oauth-app", name: "Nothing" };

async function open(): Promise<Product> {
  fake.reset();
  const { identities } = fake;
  identities.add("mia@contoso.example");
  identities.addApp("Mail Merge Helper", {
    grants: [
      { consentType: "Principal", principalId: "u-1", scope: "openid Mail.ReadWrite", resourceId: "r" },
      { consentType: "AllPrincipals", principalId: null, scope: "User.Read", resourceId: "r" },
    ],
    appRoles: ["Files.Read.All"],
  });
  return {
    // One of its own: what it remembers of being asked to wait is not the next test's.
    capabilities: { ...fake.capabilitiesOf(fake.connect({ sleep: async () => {} })), mail: undefined },
    now: NOW,
    holds: async () => ({
      accounts: identities.accounts.map(({ accountEnabled, passwordProfile, risk, signInSessionsValidFromDateTime }) =>
        structuredClone({ accountEnabled, passwordProfile, risk, signInSessionsValidFromDateTime }),
      ),
      // A consent that was made again has another id, and stands elsewhere in the list.
      apps: identities.apps.map(({ accountEnabled, appRoles, grants }) => ({
        accountEnabled,
        appRoles: appRoles.toSorted(),
        grants: grants
          .map(({ consentType, principalId, scope, resourceId }) => ({ consentType, principalId, scope, resourceId }))
          .toSorted((a, b) => (a.consentType < b.consentType ? -1 : 1)),
      })),
    }),
    fail: ({ kind }) => {
      const how = { refused: { status: 400 }, unavailable: { status: 429 }, unclear: { drop: "before" } } as const;
      fake.fail({
        on: /^(POST|PATCH|DELETE) \/(users|identityProtection|security|servicePrincipals|oauth2PermissionGrants)/,
        how: how[kind],
      });
    },
  };
}

actionContract("graph", open, {
  "disable-user": { target: user, missing: nobody },
  "enable-user": { target: user, before: "disable-user", missing: nobody },
  "revoke-sessions": { target: user, missing: nobody },
  "confirm-compromised": { target: user, missing: nobody },
  "dismiss-risk": { target: user, before: "confirm-compromised", missing: nobody },
  "force-password-reset": { target: user, missing: nobody },
  "disable-app": { target: app, missing: noApp },
  "enable-app": { target: app, before: "disable-app", missing: noApp },
  "remove-app-consent": { target: app, missing: noApp },
  "restore-app-consent": {
    target: app,
    params: {
      saved: {
        consents: [
          {
            key: "delegated Principal u-2 r",
            by: "person",
            grants: [{ name: "Mail.Send", writes: true }],
            saved: { id: "gone", consentType: "Principal", principalId: "u-2", resourceId: "r", scope: "Mail.Send" },
          },
        ],
      },
    },
    bad: { params: { saved: "consents" }, field: "params.saved" },
    missing: noApp,
  },
});
