import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { verifyAudit } from "../../src/engine/audit-chain.ts";
import { runAir } from "../support/air-process.ts";
import { type Accepted, openAir, sha256, type TestAir } from "../support/running-air.ts";

const API_TOKEN = "the-api-token-of-this-test";
const admin = { authorization: `Bearer ${API_TOKEN}` };
const PEOPLE = `
people: [{ name: Mia Brandt, email: mia@contoso.com }, { name: Ada Novak, email: ada@contoso.com }]
roles: { admin: [ada@contoso.com], responder: [mia@contoso.com] }
tokens: [{ name: reporting, sha256: "${sha256("viewer-token")}", roles: [viewer] }]
`;

describe("air erase person", () => {
  let air: TestAir;
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "air-erase-"));
  const env = () => ({ AIR_URL: air.url, AIR_API_TOKEN: API_TOKEN, AIR_DATA_DIR: folder });
  beforeAll(async () => {
    air = await openAir({ env: { AIR_API_TOKEN: API_TOKEN }, yaml: PEOPLE });
    const alert = { id: "erase-1", title: "Malware", severity: "low", entities: [{ kind: "device", name: "WS-ERASE" }] };
    const [accepted] = (await air.post("/v1/alerts/generic", alert, admin)).as<Accepted>().accepted;
    await air.post("/v1/say", { text: `note ${accepted?.incident} Mia Brandt (mia@contoso.com) looks at it` }, admin);
    // Mia decided something herself: her name stands beside her address.
    const incidentId = Number(accepted?.incident.slice(4));
    const actor = { kind: "person", via: "slack", key: "mia@contoso.com", name: "Mia Brandt" } as const;
    const line = {
      incidentId,
      investigationId: null,
      actionId: null,
      at: new Date(),
      actor,
      event: "incident-ack",
      text: "Mia Brandt acknowledged it",
    };
    await air.air.store.transaction(async (tx) => {
      await tx.addTimeline([line]);
      await tx.writeAudit([{ at: new Date(), actor, event: "incident.ack", subject: accepted?.incident ?? "", incidentId }]);
    });
  });
  afterAll(async () => {
    await air?.remove();
    fs.rmSync(folder, { recursive: true, force: true });
  });

  test("who may: admins alone, and nobody who is still in air.yaml is erased", async () => {
    const body = { email: "mia@contoso.com", dryRun: false };
    expect((await air.post("/v1/persons/erase", body)).status).toBe(401);
    const refused = await air.post("/v1/persons/erase", body, { authorization: "Bearer viewer-token" });
    expect([refused.status, refused.text]).toEqual([403, expect.stringContaining("admin")]);
    const configured = await air.post("/v1/persons/erase", body, admin);
    expect([configured.status, configured.text]).toEqual([400, expect.stringContaining("people of air.yaml")]);
  });

  test("first counted, then done; an export made afterwards verifies and does not name them", { timeout: 180_000 }, async () => {
    const dry = await runAir(["erase", "person", "mia@contoso.com", "--dry-run"], folder, env());
    expect([dry.code, dry.err]).toEqual([0, ""]);
    expect(dry.out).toMatch(/would be replaced by person-[0-9a-f]{8}/);
    expect(dry.out).toContain("timeline 2");
    expect((await air.ask("/v1/audit", { headers: admin })).text).toContain("Mia Brandt");
    air.configure(PEOPLE.replace("{ name: Mia Brandt, email: mia@contoso.com }, ", "").replace(", responder: [mia@contoso.com]", ""));
    const done = await runAir(["erase", "person", "mia@contoso.com"], folder, env());
    expect([done.code, done.err]).toEqual([0, ""]);
    expect(done.out).toMatch(/was replaced by person-[0-9a-f]{8}/);
    expect(done.out).toContain("What stays:");
    const exported = await runAir(["audit", "export"], folder, env());
    expect(exported.out).not.toMatch(/mia@contoso|Mia Brandt/);
    const verdict = verifyAudit(exported.out);
    expect(verdict).toMatchObject({ ok: true, first: 1 });
    expect(verdict.ok && verdict.redacted).toBeGreaterThan(0);
    fs.writeFileSync(path.join(folder, "audit.jsonl"), exported.out);
    const verified = await runAir(["audit", "verify", path.join(folder, "audit.jsonl")], folder, {});
    expect([verified.code, verified.out]).toEqual([0, expect.stringContaining("A person was erased from")]);
    const wrong = await runAir(["erase", "person", "mia"], folder, env());
    expect([wrong.code, wrong.err]).toEqual([1, expect.stringContaining("must be an e-mail address")]);
  });
});
