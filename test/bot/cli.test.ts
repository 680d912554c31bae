import { type ChildProcess, spawn } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import fs from "node:fs";
import http from "node:http";
import os from "node:os";
import path from "node:path";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { DATABASES, openTestDb } from "../support/open-test-db.ts";
import { type ActionJson, type List, sha256 } from "../support/running-air.ts";

const BIN = path.resolve("bin/air.mjs");
const folder = fs.mkdtempSync(path.join(os.tmpdir(), "air-cli-"));
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));
let number = 0;
const fresh = () => fs.mkdtempSync(path.join(folder, `${number++}-`));
const write = (name: string, content: string) => {
  const file = path.join(fresh(), name);
  fs.writeFileSync(file, content);
  return file;
};

/** Nothing of this machine's own settings; a data directory of its own, and a port where no air of the reader's answers. */
const environment = (more: Record<string, string>) => ({
  PATH: process.env.PATH ?? "",
  HOME: folder,
  AIR_DATA_DIR: fresh(),
  PORT: "9",
  ...more,
});

type Ran = { code: number | null; out: string; err: string };
async function air(args: string[], env: Record<string, string> = {}, cwd = folder): Promise<Ran> {
  const child = spawn(process.execPath, [BIN, ...args], { env: environment(env), cwd, stdio: ["ignore", "pipe", "pipe"] });
  const said = listen(child);
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, ...said() };
}
function listen(child: ChildProcess): () => { out: string; err: string } {
  let out = "";
  let err = "";
  child.stdout?.on("data", (chunk: Buffer) => {
    out += chunk.toString();
  });
  child.stderr?.on("data", (chunk: Buffer) => {
    err += chunk.toString();
  });
  return () => ({ out, err });
}

const running = new Set<ChildProcess>();
afterEach(async () => {
  for (const child of running) await end(child, "SIGKILL");
});
function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  running.delete(child);
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode);
  const gone = new Promise<number | null>((resolve) => child.once("close", resolve));
  child.kill(signal);
  return gone;
}
/** `air start` until it says where it is. */
async function start(env: Record<string, string>): Promise<{ url: string; child: ChildProcess; said: () => { out: string; err: string } }> {
  const child = spawn(process.execPath, [BIN, "start"], {
    env: environment({ PORT: "0", ...env }),
    cwd: folder,
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.add(child);
  const said = listen(child);
  const url = await eventually(
    () => {
      if (child.exitCode !== null) throw new Error(`air ended with ${child.exitCode}: ${said().err}`);
      return /"console":"(http[^"]+)"/.exec(said().out)?.[1];
    },
    "the start of air",
    150_000,
  );
  return { url, child, said };
}
const post = (url: string, body: object) =>
  fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
const list = async (url: string) => (await (await fetch(`${url}/v1/actions?limit=200`)).json()) as List<ActionJson>;

describe("usage", () => {
  test.each([
    ["", ["start", "worker", "migrate", "doctor", "config", "lab", "console", "actions", "token", "audit", "slack"]],
    ["start", ["everything"]],
    ["worker", ["DATABASE_URL"]],
    ["migrate", ["database"]],
    ["doctor", ["look at the database"]],
    ["config check", ["--print"]],
    ["lab", ["ransomware", "phishing", "token-theft", "noise"]],
    ["console", ["email"]],
    ["actions", ["--state", "--json"]],
    ["token new", ["--role"]],
    ["audit export", ["JSON Lines"]],
    ["oncall preview", ["--days", "--from", "--json"]],
    ["audit verify", ["--key"]],
    ["slack manifest", ["--url"]],
    ["teams package", ["--url", "--app-id", "--out"]],
  ])("air %s --help", async (command, words) => {
    const { code, out } = await air([...command.split(" ").filter(Boolean), "--help"]);
    expect(code).toBe(0);
    for (const word of words) expect(out).toContain(word);
  });

  test.each([
    [["explode"], "unknown command"],
    [["start", "--explode"], "unknown option"],
    [["lab"], "missing required argument"],
    [["lab", "wizards"], "There are: phishing, ransomware, token-theft, noise."],
    [["audit", "verify", "no-such-file.jsonl"], "cannot be read"],
    [["worker"], "DATABASE_URL"],
  ])("air %j is wrong usage: exit code 2, and says what is right", async (args, message) => {
    const { code, err } = await air(args);
    expect([code, err]).toEqual([2, expect.stringContaining(message)]);
  });

  test.each([[["actions"]], [["audit", "export"]], [["export", "audit"]], [["export", "log", "INV-1"]]])(
    "air %j where no air is: exit code 1, nothing printed and no database made",
    async (args) => {
      const AIR_DATA_DIR = path.join(fresh(), "none");
      const named = await air(args, { AIR_DATA_DIR, AIR_URL: "http://127.0.0.1:9" });
      expect(named).toMatchObject({ code: 1, out: "", err: expect.stringContaining("No air answers at http://127.0.0.1:9.") });
      const here = await air(args, { AIR_DATA_DIR });
      expect(here).toMatchObject({ code: 1, out: "", err: expect.stringMatching(/^There is no air here: .*npm start/) });
      expect(fs.existsSync(AIR_DATA_DIR)).toBe(false);
    },
  );

  test("another program at AIR_URL is not taken for an empty list", async () => {
    const other = http.createServer((_request, response) => response.setHeader("content-type", "text/html").end("<p>hello"));
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    const { port } = other.address() as { port: number };
    const answer = await air(["export", "actions"], { AIR_URL: `http://127.0.0.1:${port}` });
    expect(answer).toMatchObject({ code: 1, out: "", err: expect.stringContaining("is not air. Set AIR_URL") });
    other.close();
  });

  test("--help says that decisions are made with air say", async () => {
    expect((await air(["--help"])).out).toContain("air say approve ACT-7");
  });

  test("nothing listens: exit code 1 and the next step", async () => {
    const { code, err } = await air(["lab", "noise"], { PORT: "9" });
    expect([code, err]).toEqual([
      1,
      "No air answers at http://127.0.0.1:9. Start it with npm start, or set AIR_URL to where it listens.\n",
    ]);
  });
});

describe("configuration", () => {
  const BROKEN = `organisation: { name: Contoso }
mode: attack
roles:
  admim: [mia@contoso.com]
  viewer: ["*"]
channels:
  - { slack: "#soc" }
teams: { tenants: [] }
policy:
  isolate-devise: { approval: always }
connectors:
  virustotal: { apiKey: "\${NOT_SET}" }
`;
  test("air oncall preview: who is on call when, in UTC as JSON; the holes of the rota and families without approvers are warned of", async () => {
    const file = write(
      "air.yaml",
      `people:
  - { name: Mia, email: mia@contoso.com }
  - { name: Noor, email: noor@contoso.com }
roles: { approver: { device: [mia@contoso.com], email: [mia@contoso.com, noor@contoso.com], identity: [mia@contoso.com, noor@contoso.com] } }
onCall:
  timeZone: Europe/Berlin
  layers: [ { name: primary, rotation: weekly, handover: "Mon 09:00", start: 2026-10-19, people: [mia@contoso.com, noor@contoso.com], restrict: { days: [Mon, Tue] } } ]
`,
    );
    const env = { AIR_CONFIG: file };
    const json = await air(["oncall", "preview", "--days", "9", "--from", "2026-10-19", "--json"], env);
    expect([json.code, json.err]).toEqual([0, ""]);
    expect(JSON.parse(json.out)).toEqual([
      { from: "2026-10-19T00:00:00.000Z", to: "2026-10-19T07:00:00.000Z", person: null },
      { from: "2026-10-19T07:00:00.000Z", to: "2026-10-20T22:00:00.000Z", person: "mia@contoso.com" },
      { from: "2026-10-20T22:00:00.000Z", to: "2026-10-25T23:00:00.000Z", person: null },
      { from: "2026-10-25T23:00:00.000Z", to: "2026-10-26T08:00:00.000Z", person: "mia@contoso.com" },
      { from: "2026-10-26T08:00:00.000Z", to: "2026-10-27T23:00:00.000Z", person: "noor@contoso.com" },
      { from: "2026-10-27T23:00:00.000Z", to: "2026-10-28T00:00:00.000Z", person: null },
    ]);
    const text = await air(["oncall", "preview", "--days", "2", "--from", "2026-10-26"], env);
    expect(text.out).toContain("Mon 2026-10-26 09:00 to Wed 2026-10-28 00:00  noor@contoso.com");
    const checked = await air(["config", "check"], env);
    expect(checked.code).toBe(0);
    expect(checked.err).toContain("Warning: The layers of onCall leave nobody on call from");
    expect(checked.err).toContain("Warning: roles.approver.device names one person, but offboard-device and anything protected need two");
    expect(checked.err).toContain("Warning: roles.approver.network names nobody");
    expect(checked.err).not.toContain("roles.approver.email names");
    for (const [args, words] of [
      [["--days", "0"], "--days is a number from 1 to 366"],
      [["--from", "2026-02-30"], "--from is a date like 2026-10-05"],
    ] as const) {
      const wrong = await air(["oncall", "preview", ...args], env);
      expect([wrong.code, wrong.err]).toEqual([2, expect.stringContaining(words)]);
    }
    expect(await air(["oncall", "preview"])).toMatchObject({ code: 2, err: expect.stringContaining("There is no rota") });
  });

  test.each(["config check", "start"])("air %s lists every error of a broken air.yaml, with its line", async (command) => {
    const file = write("air.yaml", BROKEN);
    const { code, err } = await air(command.split(" "), { AIR_CONFIG: file, PORT: "ninety", SLACK_BOT_TOKEN: "xoxb-1", AIR_SECRTE: "x" });
    expect(code).toBe(2);
    for (const line of [
      "PORT must be a number from 0 to 65535",
      "SLACK_SIGNING_SECRET is missing",
      'AIR_SECRTE is no setting of air. Did you mean "AIR_SECRET"?',
      `${file}:1:1 unknown key "organisation". Did you mean "organization"?`,
      `${file}:2:7 mode: must be observe, ask or act.`,
      `${file}:4:3 roles: unknown key "admim". Did you mean "admin"?`,
      `${file}:5:12 roles.viewer[0]: must end in @ and a full domain`,
      `${file}:7:14 channels[0].slack: must be a channel id (C0...), not its name`,
      `${file}:8:10 teams.tenants: must name at least one tenant; leave it out for the bot's own`,
      `${file}:10:3 policy: unknown key "isolate-devise". Did you mean "isolate-device"?`,
      `${file}:12:25 connectors.virustotal.apiKey: \${NOT_SET} is not set in the environment`,
    ])
      expect(err).toContain(line);
    expect(err).toContain("The configuration has 11 errors:");
  });

  test("a good one; --print shows what is in force, never a secret", async () => {
    const env = { AIR_API_TOKEN: "very-secret-token", AIR_SECRET: "very-secret-secret", VIRUSTOTAL_API_KEY: "very-secret-key" };
    expect(await air(["config", "check"], env)).toEqual({ code: 0, out: "The configuration is good.\n", err: "" });
    const { out } = await air(["config", "check", "--print"], env);
    expect(out).not.toContain("very-secret");
    expect(JSON.parse(out)).toMatchObject({ apiToken: "(set)", connectors: { virustotal: { perMinute: 4 } } });
  });

  test("an approver who is nobody in people is warned of, and no error", async () => {
    const yaml = "people: [{ name: Mia, email: mia@contoso.com }]\nroles: { approver: { device: [mia@contoso.com, mai@contoso.com] } }\n";
    expect(await air(["config", "check"], { AIR_CONFIG: write("air.yaml", yaml) })).toEqual({
      code: 0,
      out: "The configuration is good.\n",
      err: expect.stringContaining(
        'Warning: roles.approver.device: mai@contoso.com is nobody in people, so nobody holds it. Did you mean "mia@contoso.com"?\n',
      ),
    });
  });

  test("the example that is shipped is accepted as it stands", async () => {
    const file = path.resolve("air.example.yaml");
    expect(await air(["config", "check"], { AIR_CONFIG: file, SIEM_SECRET: "a-secret-of-some-length" })).toEqual({
      code: 0,
      out: "The configuration is good.\n",
      err: "",
    });
    // What it says of itself: the only variable it needs is SIEM_SECRET.
    expect((await air(["config", "check"], { AIR_CONFIG: file })).err).toMatch(/has an error:.*SIEM_SECRET/s);
  });

  test("token new: the printed lines are accepted, and only they know the hash of the printed token", async () => {
    const { code, out, err } = await air(["token", "new", "siem forwarder", "--role", "source:generic", "viewer"]);
    expect(code).toBe(0);
    const token = out.trim();
    expect(Buffer.from(token, "base64url")).toHaveLength(32);
    expect(err).toContain(sha256(token));
    expect(err).not.toContain(token);
    const yaml = err.slice(err.indexOf("tokens:"));
    const printed = await air(["config", "check", "--print"], { AIR_CONFIG: write("air.yaml", yaml) });
    expect(JSON.parse(printed.out)).toMatchObject({ tokens: [{ name: "siem forwarder", roles: ["source:generic", "viewer"] }] });
  });

  test("teams package: a zip where it was asked for; what is missing is said", async () => {
    const out = path.join(fresh(), "teams.zip");
    const given = ["teams", "package", "--url", "https://air.contoso.com", "--out", out];
    expect(await air([...given, "--app-id", "11111111-1111-4111-8111-111111111111"])).toMatchObject({ code: 0, err: "" });
    expect(fs.readFileSync(out).subarray(0, 2).toString()).toBe("PK");
    expect(await air(given)).toMatchObject({ code: 2, err: expect.stringContaining("--app-id is the Microsoft App ID") });
    expect(await air(["teams", "package", "--url", "http://air", "--out", out])).toMatchObject({ code: 2 });
    const app = ["--app-id", "11111111-1111-4111-8111-111111111111", "--out", path.join(fresh(), "no.zip")];
    for (const url of ["https://localhost", "https://10.1.2.3", "https://[::1]", "https://air", "https://air.corp.internal"])
      expect(await air(["teams", "package", "--url", url, ...app])).toMatchObject({
        code: 2,
        err: expect.stringContaining("leads nowhere from there"),
      });
    expect((await air(["doctor", "--help"])).out).toContain("Slack, Teams, the connectors");
  });

  test("slack manifest: Socket Mode without an address, HTTP with one", async () => {
    const socket = JSON.parse((await air(["slack", "manifest"])).out) as { settings: { socket_mode_enabled: boolean } };
    expect(socket.settings.socket_mode_enabled).toBe(true);
    const odd = await air(["slack", "manifest", "--url", "https://air.contoso.com/x?y=1"]);
    expect([odd.code, odd.err]).toEqual([2, expect.stringContaining("--url is an address alone")]);
    const { out } = await air(["slack", "manifest", "--url", "https://air.contoso.com"]);
    expect(JSON.parse(out)).toMatchObject({
      settings: { socket_mode_enabled: false, interactivity: { request_url: "https://air.contoso.com/slack/events" } },
    });
  });
});

describe("doctor and migrate", () => {
  test("an empty data directory: migrate, then doctor finds nothing wrong", async () => {
    const AIR_DATA_DIR = fresh();
    expect(await air(["migrate"], { AIR_DATA_DIR })).toEqual({ code: 0, out: "The database is up to date.\n", err: "" });
    const { code, out } = await air(["doctor"], { AIR_DATA_DIR });
    expect([code, out]).toEqual([
      0,
      expect.stringMatching(/^ok {4}embedded database: .*\nok {4}playbooks: \d+ loaded\nok {4}connectors: none configured/),
    ]);
  });

  test("each thing that is wrong is told with its next step, exit code 1", async () => {
    const playbooks = fresh();
    fs.writeFileSync(path.join(playbooks, "bad.yaml"), "name: [");
    const { code, out } = await air(["doctor"], {
      DATABASE_URL: "postgres://air:sesame@127.0.0.1:9/air",
      AIR_PLAYBOOKS_DIR: playbooks,
      ABUSEIPDB_API_KEY: "sesame",
      ABUSEIPDB_URL: "http://127.0.0.1:9",
      SLACK_BOT_TOKEN: "xoxb-sesame",
      SLACK_SIGNING_SECRET: "sesame",
      SLACK_CHANNEL: "C0SOC",
      SLACK_API_URL: "http://127.0.0.1:9/api/",
    });
    expect(code).toBe(1);
    expect(out).toContain("FAIL  PostgreSQL: cannot be reached (ECONNREFUSED). Check DATABASE_URL");
    expect(out).toMatch(/FAIL {2}playbooks: .*bad\.yaml/);
    expect(out).toMatch(/FAIL {2}Slack: /);
    expect(out).toMatch(/FAIL {2}AbuseIPDB: |FAIL {2}abuseipdb: /);
    expect(out).not.toContain("sesame");
  });

  test.skipIf(!DATABASES.includes("postgres"))("PostgreSQL: migrate, doctor, and a worker that drains", async () => {
    const database = await openTestDb("postgres");
    const env = { DATABASE_URL: database.url ?? "" };
    try {
      expect((await air(["migrate"], env)).code).toBe(0);
      const { code, out } = await air(["doctor"], env);
      expect([code, out]).toEqual([0, expect.stringMatching(/^ok {4}PostgreSQL: version \d+, migrations applied/)]);
      const child = spawn(process.execPath, [BIN, "worker"], { env: environment(env), cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
      running.add(child);
      const said = listen(child);
      await eventually(() => said().out.includes("worker ready"), "the worker", 60_000);
      expect(await end(child, "SIGTERM")).toBe(0);
    } finally {
      await database.close();
    }
  });
});

describe("a running air", () => {
  test("killed hard, nothing of it stays behind", { timeout: 180_000 }, async () => {
    const { url, child, said } = await start({});
    // "close" comes when nobody holds its output any more, and so when the process bin/air.mjs started is gone, too.
    await end(child, "SIGKILL");
    expect(said().err).toContain("air is ready");
    await expect(fetch(`${url}/healthz`)).rejects.toThrow();
  });

  test("commands ask it; SIGTERM drains and exits 0; a second start finds everything as it was", { timeout: 180_000 }, async () => {
    const AIR_DATA_DIR = fresh();
    const first = await start({ AIR_DATA_DIR });
    expect(first.said().err).toContain(`air is ready: open ${first.url}`);
    const env = { AIR_DATA_DIR, AIR_URL: first.url };

    const played = await air(["lab", "ransomware"], env);
    expect([played.code, played.out]).toEqual([0, expect.stringMatching(/^2 alerts sent: INC-\d+\n$/)]);
    const pending = await eventually(
      async () => (await list(first.url)).items.find((action) => action.kind === "isolate-device" && action.state === "pending"),
      "a pending isolation",
    );
    const shown = await air(["actions"], env);
    expect([shown.code, shown.out]).toEqual([0, expect.stringMatching(new RegExp(`${pending.id} .*isolate-device .*${pending.incident}`))]);
    expect(JSON.parse((await air(["actions", "--state", "history", "--json"], env)).out)).toMatchObject([{ kind: "quarantine-file" }]);
    expect((await air(["actions", "--state", "unheard"], env)).code).not.toBe(0);
    const link = await air(["console", "nobody@contoso.com"], env);
    expect([link.code, link.err]).toEqual([1, expect.stringContaining("people in air.yaml")]);
    const online = await air(["audit", "export"], env);
    expect([online.code, online.err]).toEqual([0, ""]);

    const held = await air(["start"], { AIR_DATA_DIR, PORT: "0" });
    expect([held.code, held.err]).toEqual([
      1,
      expect.stringMatching(
        /The data directory is in use by process \d+ on .*\. Stop that air first, or set AIR_DATA_DIR to another folder; to ask that air instead, set AIR_URL to where it listens\.\n$/,
      ),
    ]);
    expect(held.err).not.toContain("    at ");

    // A stream that is open must not keep it from ending.
    const events = await fetch(`${first.url}/console/events`);
    expect(events.status).toBe(200);
    const before = (await list(first.url)).items;
    expect(await end(first.child, "SIGTERM")).toBe(0);
    await events.body?.cancel().catch(() => {});
    expect(first.said().out).toContain('"msg":"stopped"');

    // Nobody holds the directory now, so commands open it themselves; not where AIR_URL says which air is meant.
    expect(await air(["actions"], env)).toMatchObject({
      code: 1,
      out: "",
      err: expect.stringContaining(`No air answers at ${first.url}.`),
    });
    const alone = await air(["actions", "--json", "--state", "pending"], { AIR_DATA_DIR });
    expect([alone.code, (JSON.parse(alone.out) as ActionJson[]).map((action) => action.id).sort()]).toEqual([
      0,
      before
        .filter((action) => action.state === "pending")
        .map((action) => action.id)
        .sort(),
    ]);

    const second = await start({ AIR_DATA_DIR });
    expect((await list(second.url)).items).toEqual(before);
    const approved = await post(`${second.url}/v1/actions/${pending.id}/decision`, { decision: "approve", version: pending.version });
    expect(approved.status).toBe(200);
    await eventually(
      async () => (await list(second.url)).items.find((action) => action.id === pending.id)?.state === "succeeded",
      "the isolation after the second start",
    );
    expect(await end(second.child, "SIGINT")).toBe(0);
  });

  test("the audit: exported, signed, and every way of tampering is noticed", { timeout: 180_000 }, async () => {
    const AIR_DATA_DIR = fresh();
    const pair = generateKeyPairSync("ed25519");
    const AIR_AUDIT_KEY_FILE = write("key.pem", pair.privateKey.export({ type: "pkcs8", format: "pem" }).toString());
    const publicKey = write("key.pub", pair.publicKey.export({ type: "spki", format: "pem" }).toString());
    const stranger = write("other.pub", generateKeyPairSync("ed25519").publicKey.export({ type: "spki", format: "pem" }).toString());

    const one = await start({ AIR_DATA_DIR });
    expect((await air(["lab", "ransomware"], { AIR_URL: one.url })).code).toBe(0);
    const pending = await eventually(async () => (await list(one.url)).items.find((action) => action.state === "pending"), "an action");
    await post(`${one.url}/v1/actions/${pending.id}/decision`, { decision: "reject", reason: "a drill" });
    await end(one.child, "SIGTERM");

    const unsigned = await air(["audit", "export"], { AIR_DATA_DIR });
    expect(unsigned.code).toBe(0);
    const exported = await air(["audit", "export"], { AIR_DATA_DIR, AIR_AUDIT_KEY_FILE });
    const lines = exported.out.trimEnd().split("\n");
    expect(lines.length).toBeGreaterThan(3);
    expect(exported.out).toContain("decision.reject");

    const verify = (text: string, key = publicKey) => air(["audit", "verify", write("audit.jsonl", text), "--key", key]);
    expect(await verify(exported.out)).toMatchObject({
      code: 0,
      out: expect.stringMatching(new RegExp(`^${lines.length - 1} lines, unbroken, head [0-9a-f]{64}\\. Signed by key [0-9a-f]{16}\\.\n$`)),
    });
    expect(await air(["audit", "verify", write("audit.jsonl", unsigned.out)])).toMatchObject({
      code: 0,
      out: expect.stringContaining("Not signed"),
    });
    const text = (list: string[]) => `${list.join("\n")}\n`;
    const changed = (lines[1] ?? "").replace(/"at":"\d{4}/, '"at":"1999');
    expect(changed).not.toBe(lines[1]);
    const tampered: [string, string][] = [
      ["changed", text(lines.with(1, changed))],
      ["missing", text(lines.toSpliced(1, 1))],
      ["reordered", text(lines.with(0, lines[1] ?? "").with(1, lines[0] ?? ""))],
      ["inserted", text(lines.toSpliced(1, 0, lines[1] ?? ""))],
      ["malformed", text(lines.with(1, "{"))],
      ["cut", text(lines.slice(0, -1))],
      ["cut before the end", text([...lines.slice(0, -2), lines.at(-1) ?? ""])],
      ["emptied", ""],
      ["unsigned", unsigned.out],
    ];
    for (const [what, content] of tampered)
      expect([what, await verify(content)]).toEqual([what, { code: 1, out: "", err: expect.stringMatching(/^line \d+ /) }]);
    expect((await verify(exported.out, stranger)).err).toContain("is signed with another key");
    const noKey = await air(["audit", "export"], { AIR_DATA_DIR, AIR_AUDIT_KEY_FILE: "/nowhere/key.pem" });
    expect([noKey.code, noKey.err]).toEqual([2, expect.stringContaining("openssl genpkey -algorithm ed25519")]);
  });
});
