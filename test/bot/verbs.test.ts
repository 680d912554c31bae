import { spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Card } from "../../src/engine/cards/card.ts";
import { plain } from "../../src/engine/cards/card.ts";
import { eventually } from "../support/eventually.ts";
import { DATABASES } from "../support/open-test-db.ts";
import { type Accepted, type ActionJson, type List, openAir, sha256, type TestAir } from "../support/running-air.ts";

const API_TOKEN = "a-token-of-the-holder";
const YAML = `
organization: { name: Contoso, domains: [contoso.com] }
tokens:
  - { name: reporting, sha256: "${sha256("viewer-token")}", roles: [viewer] }
  - { name: automation, sha256: "${sha256("responder-token")}", roles: [responder] }
  - { name: forwarder, sha256: "${sha256("forwarder-token")}", roles: ["source:generic"] }
`;
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const responder = bearer("responder-token");
const viewer = bearer("viewer-token");
const admin = bearer(API_TOKEN);

let number = 0;
const device = () => ({ kind: "device", name: `WS-VERB-${number++}` });
const alert = (more: object = {}) => ({ id: `verb-${number++}`, title: "Something was seen", severity: "medium", ...more });
type Started = { alert: string; incident: string; investigation: string; already: boolean };
type EvidenceJson = { id: string; entity: { kind: string }; verdict: string; override?: { by: string } };
type InvestigationJson = {
  id: string;
  incident: string;
  status: string;
  evidence: EvidenceJson[];
  actions: string[];
  endedAt: string | null;
};

describe.each(DATABASES)("the verbs of people over HTTP, chat and CLI, %s", (database) => {
  let air: TestAir;
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "air-verbs-"));
  beforeAll(async () => {
    air = await openAir({ yaml: YAML, env: { AIR_API_TOKEN: API_TOKEN }, database });
  });
  afterAll(async () => {
    await air?.remove();
    fs.rmSync(folder, { recursive: true, force: true });
  });

  const accept = async (body: object) => {
    const answer = await air.post("/v1/alerts/generic", body, admin);
    expect(answer.status, answer.text).toBe(202);
    const [first] = answer.as<Accepted>().accepted;
    if (!first) throw new Error("nothing was accepted");
    return first;
  };
  const begin = (body: object, headers: Record<string, string> = responder) => air.post("/v1/investigations", body, headers);
  const read = async (id: string) => (await air.ask(`/v1/investigations/${id}`, { headers: viewer })).as<InvestigationJson>();
  const ended = (id: string) =>
    eventually(async () => {
      const row = await read(id);
      return row.endedAt === null ? undefined : row;
    }, `the end of ${id}`);
  const say = async (text: string, headers: Record<string, string> = responder) => {
    const card = (await air.post("/v1/say", { text }, headers)).as<Card>();
    const lines = card.lines.map((line) =>
      line.kind === "text" || line.kind === "note"
        ? plain(line.text)
        : line.kind === "list"
          ? line.items.map((item) => plain(item.text)).join("\n")
          : "",
    );
    return { card, text: `${card.title}\n${lines.join("\n")}` };
  };
  const refusals = async () => {
    const { items } = (await air.ask("/v1/audit", { headers: admin })).as<{ items: { line: string }[] }>();
    return items
      .map((item) => JSON.parse(item.line) as { event: string; subject: string; by: string; data: Record<string, unknown> })
      .filter((line) => line.event === "command.refused");
  };
  const malware = () => {
    const name = `WS-VERB-${number++}`;
    return {
      ...alert({ title: `Malware on ${name}`, severity: "high", category: "Malware" }),
      entities: [
        { kind: "device", name },
        {
          kind: "file",
          name: "eicar.com",
          sha256: "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f",
          device: name,
          verdict: "malicious",
        },
      ],
    };
  };
  /** The command as a shell would run it. */
  const cli = (args: string[], env: Record<string, string> = {}) =>
    new Promise<{ code: number | null; out: string; err: string }>((resolve) => {
      const child = spawn(process.execPath, [path.resolve("bin/air.mjs"), ...args], {
        env: {
          PATH: process.env.PATH ?? "",
          HOME: folder,
          AIR_DATA_DIR: folder,
          PORT: "9",
          AIR_URL: air.url,
          AIR_API_TOKEN: API_TOKEN,
          ...env,
        },
        cwd: folder,
        stdio: ["ignore", "pipe", "pipe"],
      });
      let out = "";
      let err = "";
      child.stdout.on("data", (chunk: Buffer) => {
        out += chunk.toString();
      });
      child.stderr.on("data", (chunk: Buffer) => {
        err += chunk.toString();
      });
      child.once("close", (code) => resolve({ code, out, err }));
    });

  describe("POST /v1/investigations", () => {
    test("from an entity, an alert, an incident", async () => {
      const entity = device();
      const started = await begin({ entity });
      expect([started.status, started.json]).toMatchObject([
        202,
        { alert: expect.stringMatching(/^ALT-/), already: false, duplicate: false },
      ]);
      const { alert: id, investigation } = started.as<Started>();
      expect(await read(investigation)).toMatchObject({
        trigger: { kind: "manual", alert: id, by: expect.stringContaining("automation") },
      });
      expect((await air.ask(`/v1/alerts/${id}`, { headers: viewer })).json).toMatchObject({ source: "manual", severity: "informational" });

      const quiet = await accept(alert({ severity: "informational", entities: [device()] }));
      expect(quiet.investigation).toBeNull();
      expect((await begin({ alert: quiet.alert })).json).toMatchObject({ incident: quiet.incident, investigation: expect.any(String) });
      const again = await begin({ incident: quiet.incident });
      expect([200, 202]).toContain(again.status);
      expect(again.json).toMatchObject({ incident: quiet.incident, already: again.status === 200 });
    });

    test.each<[string, unknown, string, RegExp]>([
      ["nothing", {}, "body", /exactly one of entity, alert or incident/],
      ["two things", { alert: "ALT-1", incident: "INC-1" }, "body", /exactly one/],
      ["an unknown field", { entity: { kind: "device", name: "x" }, force: true }, "force", /./],
      ["no object", { entity: "WS-042" }, "entity", /./],
      ["an unknown kind", { entity: { kind: "toaster", name: "x" } }, "entity.kind", /must be one of device, user/],
      ["no kind", { entity: { name: "x" } }, "entity.kind", /must be one of/],
      ["a device without a name", { entity: { kind: "device" } }, "entity", /needs name or id/],
      ["a bad address", { entity: { kind: "ip", address: "999.0.0.1" } }, "entity.address", /IPv4 or IPv6/],
      ["a short hash", { entity: { kind: "file", sha256: "abc" } }, "entity.sha256", /64 hexadecimal/],
      ["an id of another kind", { alert: "INC-1" }, "alert", /must be the id of an alert, like ALT-7/],
      ["words for an id", { incident: "the last one" }, "incident", /must be the id of an incident/],
    ])("%s is a 400 that names the field", async (_, body, field, message) => {
      const answer = await begin(body as object);
      expect([answer.status, answer.json]).toMatchObject([
        400,
        { error: { code: "invalid", field, message: expect.stringMatching(message) } },
      ]);
    });

    test("unknown ids are 404, a closed incident 400, and whoever may not is a 403 that is audited", async () => {
      expect((await begin({ alert: "ALT-999999" })).status).toBe(404);
      expect((await begin({ incident: "999999" })).status).toBe(404);
      const before = (await refusals()).length;
      for (const headers of [viewer, bearer("forwarder-token")]) {
        const refused = await begin({ entity: device() }, headers);
        expect([refused.status, refused.json]).toMatchObject([403, { error: { code: "forbidden", missing: "responder" } }]);
      }
      const lines = await refusals();
      expect(lines.slice(before)).toMatchObject([
        { by: expect.stringContaining("reporting"), data: { verb: "investigation.start" } },
        { by: expect.stringContaining("forwarder"), data: { verb: "investigation.start" } },
      ]);
      expect((await begin({ entity: device() }, {})).status).toBe(401);
    });
  });

  test("stop, retry, merge, split and verdict over HTTP answer with what became of it", async () => {
    const first = await accept(malware());
    const waiting = await eventually(async () => {
      const row = await read(first.investigation ?? "");
      return row.status === "pendingApproval" ? row : undefined;
    }, "a decision that waits");
    const file = waiting.evidence.find((item) => item.entity.kind === "file");
    const bad = await air.post(`/v1/evidence/${file?.id}/verdict`, { verdict: "harmless", reason: "x" }, responder);
    expect([bad.status, bad.json]).toMatchObject([400, { error: { field: "verdict" } }]);
    expect((await air.post(`/v1/evidence/${file?.id}/verdict`, { verdict: "noThreatsFound", reason: " " }, responder)).status).toBe(400);
    expect((await air.post(`/v1/evidence/${file?.id}/verdict`, { verdict: "noThreatsFound", reason: "x" }, viewer)).status).toBe(403);
    expect((await air.post(`/v1/evidence/EVD-999999/verdict`, { verdict: "noThreatsFound", reason: "x" }, responder)).status).toBe(404);

    const stopped = await air.post(`/v1/investigations/${first.investigation}/stop`, { reason: "a test" }, responder);
    expect([stopped.status, stopped.json]).toMatchObject([200, { status: "terminatedByUser", endedAt: expect.any(String) }]);
    const actions = (await air.ask(`/v1/actions?limit=200`, { headers: viewer })).as<List<ActionJson>>().items;
    expect(actions.filter((action) => action.incident === first.incident && action.state === "pending")).toEqual([]);
    expect((await air.post(`/v1/investigations/${first.investigation}/stop`, {}, responder)).status).toBe(409);
    expect((await air.post(`/v1/investigations/INV-999999/stop`, {}, responder)).status).toBe(404);

    const shared = device();
    const [one, other] = [await accept(alert({ entities: [shared] })), await accept(alert({ entities: [shared], title: "And another" }))];
    expect(other.incident).toBe(one.incident);
    const split = await air.post(`/v1/incidents/${one.incident}/split`, { alert: other.alert }, responder);
    expect([split.status, split.json]).toMatchObject([200, { incident: expect.stringMatching(/^INC-/) }]);
    const parted = split.as<{ incident: string }>().incident;
    expect((await air.ask(`/v1/incidents/${parted}`, { headers: viewer })).json).toMatchObject({
      title: "And another",
      alerts: [other.alert],
    });
    expect((await air.post(`/v1/incidents/${parted}/merge`, { into: parted }, responder)).status).toBe(400);
    expect((await air.post(`/v1/incidents/${parted}/merge`, { into: "ALT-1" }, responder)).json).toMatchObject({
      error: { field: "into" },
    });
    expect((await air.post(`/v1/incidents/${parted}/merge`, { into: one.incident }, viewer)).status).toBe(403);
    const merged = await air.post(`/v1/incidents/${parted}/merge`, { into: one.incident }, responder);
    expect([merged.status, merged.json]).toEqual([200, { incident: one.incident, merged: parted }]);
    expect((await air.ask(`/v1/incidents/${parted}`, { headers: viewer })).json).toMatchObject({ status: "redirected" });

    const done = await ended(one.investigation ?? "");
    const retried = await air.post(`/v1/investigations/${done.id}/retry`, {}, responder);
    expect([200, 400]).toContain(retried.status);
    expect(retried.json).toMatchObject(
      retried.status === 200 ? { evidence: expect.any(Number) } : { error: { message: expect.stringContaining("left nothing open") } },
    );
  });

  test("the same in words: who may is answered with what happened, who may not with why", async () => {
    const first = await accept(alert({ entities: [device()], severity: "informational" }));
    expect((await say(`investigate ${first.alert}`)).text).toMatch(new RegExp(`^Investigation started\n.*INV-\\d+ in ${first.incident}`));
    expect((await say(`investigate ${first.incident}`)).text).toMatch(/Investigation started|Already running/);
    const { text } = await say("investigate hxxps://verb[.]evil[.]example/x");
    const [investigation = ""] = /INV-\d+/.exec(text) ?? [];
    const seen = await eventually(async () => {
      const row = await read(investigation);
      return row.evidence.length > 0 ? row : undefined;
    }, "its evidence");
    expect(seen.evidence[0]).toMatchObject({ entity: { kind: "url", url: "https://verb.evil.example/x" } });
    expect((await say(`investigate ${seen.evidence[0]?.id}`)).text).toContain("in ");
    for (const [words, answer] of [
      ["investigate ALT-999999", /There is no alert ALT-999999/],
      ["investigate EVD-999999", /There is no evidence EVD-999999/],
      ["investigate ACT-999999", /There is no action ACT-999999/],
      ["investigate the laptop of mia", /is nothing that could be looked at/],
      ["stop INV-999999", /There is no investigation INV-999999/],
      ["merge INC-1 INC-1", /itself/],
      ["fp ACT-999999 because", /There is no action ACT-999999/],
      ["snooze no-such-policy 1h", /There is no alert policy no-such-policy/],
    ] as const)
      expect((await say(words)).text, words).toMatch(answer);
    const refused = await say("investigate WS-VERB-1", viewer);
    expect([refused.card.badge, refused.text]).toEqual(["Refused", expect.stringContaining("needs the role responder")]);

    const verdict = await say(`verdict ${seen.evidence[0]?.id} malicious I opened it`);
    expect(verdict.text).toMatch(/Verdict set\n.*counts as Malicious/);
    const asks = await eventually(
      async () =>
        (await air.ask("/v1/actions?limit=200&state=pending", { headers: viewer }))
          .as<List<ActionJson>>()
          .items.find((action) => action.incident === seen.incident),
      "what follows from it",
    );
    expect(asks).toMatchObject({ kind: "block-indicator", decision: null });
    expect((await say(`fp ${asks.id} I was mistaken`)).text).toContain("counts as clean");
    expect((await air.ask(`/v1/actions/${asks.id}`, { headers: viewer })).json).toMatchObject({ state: "cancelled" });
    expect((await say("fn verb-missed.evil.co.uk")).text).toMatch(/Noted as missed\n.*Blocking it is proposed and asks/);
  });

  test("air investigate and air say: the card as text, and an exit code a script can use", { timeout: 180_000 }, async () => {
    const started = await cli(["investigate", "device:WS-VERB-CLI"]);
    expect(started).toMatchObject({ code: 0, out: expect.stringMatching(/^Investigation started\n.*INV-\d+ in INC-\d+/), err: "" });
    const [id = ""] = /INV-\d+/.exec(started.out) ?? [];
    expect(await cli(["say", "status", id])).toMatchObject({ code: 0, out: expect.stringContaining("WS-VERB-CLI") });
    expect(await cli(["say", "log", id])).toMatchObject({ code: 0, out: expect.stringContaining(id) });
    expect(await cli(["investigate", "ALT-999999"])).toMatchObject({
      code: 1,
      out: expect.stringContaining("There is no alert ALT-999999"),
    });
    expect((await cli(["investigate", "the", "laptop"])).code).toBe(2);
    expect((await cli(["investigate"])).code).toBe(2);
    expect(await cli(["say", "help"], { AIR_URL: "http://127.0.0.1:9" })).toMatchObject({
      code: 1,
      err: expect.stringContaining("No air answers"),
    });
  });
});

describe("air policy explain", () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "air-explain-"));
  afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));
  const explain = (content: string | undefined, ...more: string[]) =>
    new Promise<{ code: number | null; out: string; err: string }>((resolve) => {
      const file = path.join(folder, `alert-${number++}.json`);
      if (content !== undefined) fs.writeFileSync(file, content);
      const child = spawn(process.execPath, [path.resolve("bin/air.mjs"), "policy", "explain", file, ...more], {
        env: { PATH: process.env.PATH ?? "", HOME: folder, AIR_DATA_DIR: folder, PORT: "9" },
        cwd: folder,
        stdio: ["ignore", "pipe", "pipe"],
      });
      let out = "";
      let err = "";
      child.stdout.on("data", (chunk: Buffer) => {
        out += chunk.toString();
      });
      child.stderr.on("data", (chunk: Buffer) => {
        err += chunk.toString();
      });
      child.once("close", (code) => resolve({ code, out, err }));
    });

  test("an alert and a list of alerts: exit code 0 and the rule that decides", async () => {
    const one = await explain(JSON.stringify(alert()));
    expect(one).toMatchObject({
      code: 0,
      out: expect.stringContaining("Because: alerts of low severity and above are investigated."),
      err: "",
    });
    const two = await explain(JSON.stringify([alert(), alert({ title: "Email reported by user as junk" })]));
    expect(two).toMatchObject({
      code: 0,
      out: expect.stringMatching(/alerts\[0\]: [\s\S]*alerts\[1\]: [\s\S]*decides {2}user-reported-junk/),
    });
  });
  test.each<[string, string | undefined, string[], number, RegExp]>([
    ["a file that is not there", undefined, [], 2, /cannot be read/],
    ["no JSON", "{", [], 1, /The file is not valid JSON\.\n$/],
    ["an unknown source", JSON.stringify(alert()), ["--source", "nobody"], 1, /There is no source nobody\. There are: /],
    ["a bad alert", JSON.stringify([alert(), { id: "x" }]), [], 1, /alerts\[1\]\.(title|severity): /],
  ])("%s: exit code and why", async (_, content, more, code, message) =>
    expect(await explain(content, ...more)).toMatchObject({ code, out: "", err: expect.stringMatching(message) }),
  );
});
