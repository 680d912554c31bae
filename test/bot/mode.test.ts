import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Card } from "../../src/engine/cards/card.ts";
import { eventually } from "../support/eventually.ts";
import { DATABASES } from "../support/open-test-db.ts";
import { openAir, sha256, type TestAir } from "../support/running-air.ts";

const API_TOKEN = "a-token-of-the-holder";
const YAML = `
tokens:
  - { name: reporting, sha256: "${sha256("viewer-token")}", roles: [viewer] }
  - { name: automation, sha256: "${sha256("responder-token")}", roles: [responder] }
`;
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const [viewer, responder, admin] = [bearer("viewer-token"), bearer("responder-token"), bearer(API_TOKEN)];
type ModeJson = { mode: string; from: string; by: string | null; reason: string | null; agreement: unknown[] };

describe.each(DATABASES)("the mode over HTTP and in chat, %s", (database) => {
  let air: TestAir;
  beforeAll(async () => {
    air = await openAir({ yaml: YAML, env: { AIR_API_TOKEN: API_TOKEN }, database });
  });
  afterAll(() => air?.remove());
  const mode = async () => (await air.ask("/v1/mode", { headers: viewer })).as<ModeJson>();
  const say = async (text: string, headers: Record<string, string>) => (await air.post("/v1/say", { text }, headers)).as<Card>();

  test("shown to whoever may look, set by an admin, and this process follows", async () => {
    expect(await mode()).toMatchObject({ mode: "act", from: "default", by: null, agreement: [] });
    for (const headers of [viewer, responder]) {
      const refused = await air.post("/v1/mode", { mode: "observe" }, headers);
      expect(refused.status).toBe(403);
    }
    expect((await air.post("/v1/mode", { mode: "silent" }, admin)).status).toBe(400);
    const set = await air.post("/v1/mode", { mode: "observe", reason: "first week" }, admin);
    expect(set.status, set.text).toBe(200);
    expect(set.as<ModeJson>()).toMatchObject({ mode: "observe", from: "command", reason: "first week" });
    expect(await mode()).toMatchObject({ mode: "observe" });
    // What needs the policy without asking the database follows by the notification.
    await eventually(
      async () =>
        (
          await air.post("/v1/actions", { kind: "isolate-device", target: { kind: "device", name: "WS-001" }, reason: "x" }, responder)
        ).text.includes("mode is observe") || undefined,
      "the mode in this process",
    );
    const card = await say("mode", viewer);
    expect(JSON.stringify(card)).toContain("first week");
    expect((await say("mode act", responder)).badge).toBe("Refused");
    expect((await say("mode acting", admin)).lines[0]).toMatchObject({ text: expect.stringContaining("is no mode") });
    expect((await say("mode act calm again", admin)).title).toBe("Mode act");
    expect(await mode()).toMatchObject({ mode: "act", reason: "calm again" });
  });

  test("agreement is JSON and CSV", async () => {
    expect((await air.ask("/v1/agreement", { headers: viewer })).as<object>()).toEqual({ items: [], next: null });
    const csv = await air.ask("/v1/agreement?since=7d", { headers: { ...viewer, accept: "text/csv" } });
    expect(csv.status).toBe(200);
    expect((await air.ask("/v1/agreement?since=never", { headers: viewer })).status).toBe(400);
    expect((await air.ask("/v1/agreement", {})).status).toBe(401);
  });
});

test("a mode in air.yaml wins, and the command says which line to change", async () => {
  const air = await openAir({ yaml: `mode: ask\n${YAML}`, env: { AIR_API_TOKEN: API_TOKEN }, database: "embedded" });
  try {
    const refused = await air.post("/v1/mode", { mode: "act" }, admin);
    expect(refused.status).toBe(400);
    expect(refused.text).toContain("mode: ask");
    expect((await air.ask("/v1/mode", { headers: viewer })).as<ModeJson>()).toMatchObject({ mode: "ask", from: "air.yaml" });
  } finally {
    await air.remove();
  }
}, 180_000);
