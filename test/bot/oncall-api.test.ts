import { afterAll, beforeAll, expect, test } from "vitest";
import { openAir, type TestAir } from "../support/running-air.ts";

/* What the running air knows of its rota, for the CLI: the swaps are rows of it. */
let air: TestAir;
beforeAll(async () => {
  air = await openAir({
    env: { AIR_API_TOKEN: "api-token-of-this-test" },
    yaml: `
people: [{ name: Mia, email: mia@contoso.com }, { name: Noor, email: noor@contoso.com }]
onCall:
  timeZone: Europe/Berlin
  layers: [ { name: primary, rotation: weekly, handover: "Mon 09:00", start: 2026-01-05, people: [mia@contoso.com] } ]
`,
  });
});
afterAll(() => air?.remove());

test("the coming days with the swaps, by address and in UTC; what is no date is refused", async () => {
  const headers = { authorization: "Bearer api-token-of-this-test" };
  const said = await air.ask("/v1/say", { method: "POST", headers, body: { text: "oncall swap mia noor from now for 2h" } });
  expect(said.text).toContain("Swap 1: Noor instead of Mia");
  const body = (await air.ask("/v1/oncall?days=1", { headers })).as<{
    shifts: { person: string }[];
    swaps: object[];
    timeZone: string;
  }>();
  expect(body.timeZone).toBe("Europe/Berlin");
  expect(body.shifts.map(({ person }) => person)).toEqual(["noor@contoso.com", "mia@contoso.com"]);
  expect(body.swaps).toMatchObject([{ id: 1, person: "person:mia@contoso.com", instead: "person:noor@contoso.com" }]);
  const wrong = await air.ask("/v1/oncall?from=someday", { headers });
  expect([wrong.status, wrong.text]).toEqual([400, expect.stringContaining("must be a date like 2026-10-05")]);
  expect((await air.ask("/v1/oncall")).status).toBe(401);
});
