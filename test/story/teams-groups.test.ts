import { afterAll, beforeAll, expect, test } from "vitest";
import { signIn } from "../support/doors.ts";
import { type FakeGraph, fakeGraph } from "../support/fake-graph.ts";
import { openAir, type TestAir } from "../support/running-air.ts";

/* A role by a group of Entra ID, through the real air: asked of Microsoft Graph when somebody does something, and refused where it cannot say. */
const TOKEN = "api-token-of-this-test";
const EDR = "bbbbbbbb-0000-4000-8000-000000000001";
const MIA = "aaaaaaaa-0000-4000-8000-000000000001";
let graph: FakeGraph;
let air: TestAir;
beforeAll(async () => {
  graph = await fakeGraph(() => new Date());
  graph.directory.groups.set(EDR, [{ id: MIA, userPrincipalName: "mia@contoso.com" }]);
  air = await openAir({
    env: {
      AIR_API_TOKEN: TOKEN,
      GRAPH_TENANT_ID: "contoso.com",
      GRAPH_CLIENT_ID: "app",
      GRAPH_CLIENT_SECRET: "a-client-secret",
      GRAPH_URL: graph.url,
      ENTRA_LOGIN_URL: graph.url,
    },
    yaml: `
people: [{ name: Mia, email: mia@contoso.com, teams: ${MIA} }, { name: Tom, email: tom@contoso.com }]
roles: { approver: { device: ["teams-group:${EDR}"] }, viewer: [mia@contoso.com, tom@contoso.com] }
`,
  });
});
afterAll(async () => {
  await air?.remove();
  await graph?.close();
});
const whoami = async (email: string): Promise<string> => {
  const cookie = await signIn(air.url, TOKEN, email);
  const answer = await air.ask("/console/say", {
    method: "POST",
    headers: { cookie, origin: new URL(air.url).origin, "sec-fetch-site": "same-origin" },
    body: { text: "whoami" },
  });
  return answer.text;
};

test("who is in the group holds its role in the console, too; who is not does not; without an answer nobody does", async () => {
  graph.fail({ on: /transitiveMembers/, how: { status: 503 } });
  expect(await whoami("mia@contoso.com")).not.toContain("approver for device");
  graph.heal();
  expect(await whoami("mia@contoso.com")).toContain("approver for device");
  expect(await whoami("tom@contoso.com")).not.toContain("approver for device");
  expect(graph.product.calls.some(({ path }) => path.startsWith(`/groups/${EDR}/transitiveMembers`))).toBe(true);
});
