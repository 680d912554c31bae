import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { ConnectorError } from "../../../src/engine/ports.ts";
import { type FakeDefender, fakeDefender } from "../../support/fake-defender.ts";
import { NOW } from "../../support/lab-capabilities.ts";

const SHA1 = "a".repeat(40);
const SHA256 = "b".repeat(64);
const HOUR = 3_600_000;
const signal = new AbortController().signal;
const ago = (ms: number) => new Date(NOW.getTime() - ms).toISOString();

describe("Defender", () => {
  let fake: FakeDefender;
  let now = NOW;
  beforeAll(async () => {
    fake = await fakeDefender(() => now);
  });
  beforeEach(() => {
    fake.reset();
    now = NOW;
  });
  afterAll(() => fake.close());

  const devices = () => fake.capabilities.devices!;
  const list = () => fake.capabilities.indicators!;
  const posts = (what: string) => fake.product.calls.filter((call) => call.method === "POST" && call.path.endsWith(`/${what}`));
  const failure = async (promise: Promise<unknown>): Promise<ConnectorError> => {
    const error = await promise.then(
      () => new Error("did not fail"),
      (reason: unknown) => reason,
    );
    if (!(error instanceof ConnectorError)) throw error;
    expect(error.message).not.toContain("a client secret");
    return error;
  };

  describe("a device", () => {
    test("is read with what the card shows of it", async () => {
      fake.add("ws-1.contoso.com", {
        osPlatform: "Windows11",
        rbacGroupName: "Workstations",
        machineTags: ["finance"],
        lastIpAddress: "10.1.2.3",
        logonUsers: [
          { id: "contoso\\old", lastSeen: ago(40 * HOUR) },
          { id: "contoso\\mia", lastSeen: ago(HOUR) },
        ],
      });
      expect(await devices().find({ kind: "device", name: "WS-1" }, signal)).toMatchObject({
        name: "ws-1.contoso.com",
        os: "Windows11",
        role: "workstation",
        users: ["contoso\\mia"],
        online: true,
        group: "Workstations",
        tags: ["finance"],
        isolated: false,
        restricted: false,
        onboarded: true,
        ips: ["10.1.2.3"],
      });
    });

    test("by its id, whatever it is called", async () => {
      const machine = fake.add("ws-2");
      expect(await devices().find({ kind: "device", name: "something else", id: machine.id.toUpperCase() }, signal)).toMatchObject({
        id: machine.id,
      });
      expect(await devices().find({ kind: "device", id: "0".repeat(40) }, signal)).toBeUndefined();
    });

    test("of two of one name the one that reports is meant, of none the one seen last", async () => {
      fake.add("ws-3.contoso.com", { healthStatus: "Inactive", lastSeen: ago(HOUR) });
      const active = fake.add("ws-3.contoso.com", { lastSeen: ago(2 * HOUR) });
      expect(await devices().find({ kind: "device", name: "ws-3" }, signal)).toMatchObject({ id: active.id });
      active.healthStatus = "NoSensorData";
      expect(await devices().find({ kind: "device", name: "ws-3" }, signal)).not.toMatchObject({ id: active.id });
    });

    test("of two active ones none is guessed", async () => {
      fake.add("ws-4.contoso.com");
      fake.add("ws-4.fabrikam.com");
      const error = await failure(devices().find({ kind: "device", name: "WS-4" }, signal));
      expect(error).toMatchObject({ kind: "refused", message: expect.stringContaining("2 active devices called ws-4") });
      expect(await devices().find({ kind: "device", name: "ws-4.contoso.com" }, signal)).toMatchObject({ name: "ws-4.contoso.com" });
    });

    test("a name is compared whole: neither a longer one nor another domain's, and quotes do no harm", async () => {
      fake.add("ws-50.contoso.com");
      fake.add("ws-6.fabrikam.com");
      for (const name of ["ws-5", "ws-6.contoso.com", "x' or '1' eq '1"])
        expect(await devices().find({ kind: "device", name }, signal)).toBeUndefined();
    });

    test("a server's role is not known, unless a tag says that it is a domain controller", async () => {
      fake.add("srv-1", { osPlatform: "WindowsServer2022" });
      fake.add("dc-1", { osPlatform: "WindowsServer2022", machineTags: ["DC"] });
      expect(await devices().find({ kind: "device", name: "srv-1" }, signal)).toMatchObject({ role: "unknown" });
      expect(await devices().find({ kind: "device", name: "dc-1" }, signal)).toMatchObject({ role: "domain-controller" });
    });

    test("who is signed in may be unreadable; then it is not said to be nobody", async () => {
      fake.add("ws-7");
      fake.product.roles = fake.product.roles.filter((role) => role !== "User.Read.All");
      expect(await devices().find({ kind: "device", name: "ws-7" }, signal)).toMatchObject({ users: [], usersKnown: false });
    });

    test("isolation and restriction are what succeeded last, in pages however long the list is", async () => {
      const machine = fake.add("ws-8");
      fake.begin(machine, "isolate", { Comment: "first" });
      fake.begin(machine, "restrictCodeExecution", { Comment: "first" });
      for (let number = 0; number < 230; number++)
        fake.begin(machine, "runAntiVirusScan", { Comment: `scan ${number}`, ScanType: "Quick" });
      expect(await devices().find({ kind: "device", name: "ws-8" }, signal)).toMatchObject({ isolated: true, restricted: true });
      now = new Date(NOW.getTime() + HOUR);
      fake.begin(machine, "unisolate", { Comment: "second" });
      fake.product.ends = "Failed";
      fake.begin(machine, "unrestrictCodeExecution", { Comment: "second" });
      expect(await devices().find({ kind: "device", name: "ws-8" }, signal)).toMatchObject({ isolated: false, restricted: true });
    });

    test("a next page on another host is not read", async () => {
      fake.add("ws-9");
      fake.fail({ on: /GET \/api\/machines\?/, how: { redirect: "https://evil.example/api/machines" } });
      expect(await failure(devices().find({ kind: "device", name: "ws-9" }, signal))).toMatchObject({
        message: expect.stringContaining("redirect"),
      });
    });
  });

  describe("a package", () => {
    test("is fetched by a link without the quotation marks it comes in, at most two a minute", async () => {
      const machine = fake.add("ws-pack");
      const link = () => devices().packageLink!(machine.id, NOW, signal);
      fake.begin(machine, "runAntiVirusScan", { Comment: "another", ScanType: "Quick" });
      expect(await link()).toBeUndefined();
      const action = fake.begin(machine, "collectInvestigationPackage", { Comment: "ours" });
      fake.product.packages = false;
      now = new Date(NOW.getTime() + 60_001);
      expect(await link()).toBeUndefined();
      fake.product.packages = true;
      expect(await link()).toBe(`https://packages.example/${action.id}?sig=s3cret`);
      expect(await failure(link())).toMatchObject({ kind: "unavailable", message: expect.stringContaining("2 per minute") });
      now = new Date(NOW.getTime() + 3 * HOUR);
      expect(await devices().packageLink!(machine.id, now, signal)).toBeUndefined();
    });
  });

  describe("an operation", () => {
    test("carries who approved it and the key, and is followed to its end", async () => {
      const machine = fake.add("ws-10");
      fake.product.slow = true;
      const ticket = await devices().isolate(machine.id, "air ACT-1, approved by Mia", "key-1", signal);
      expect(ticket).toMatchObject({ state: "pending", waiting: true });
      expect(posts("isolate")[0]?.body).toEqual({ Comment: "air ACT-1, approved by Mia [key-1]", IsolationType: "Full" });
      fake.actions[0]!.status = "InProgress";
      expect(await devices().follow(ticket.id, signal)).toMatchObject({ state: "pending", waiting: false });
      for (const [status, state] of [
        ["Succeeded", "done"],
        ["Failed", "failed"],
        ["TimeOut", "timedOut"],
        ["Cancelled", "cancelled"],
        ["SomethingNew", "pending"],
      ] as const) {
        fake.actions[0]!.status = status;
        expect(await devices().follow(ticket.id, signal)).toMatchObject({ state });
      }
    });

    test.each(["refuses", "returns", "doubles"] as const)(
      "that runs already is followed, not begun twice (the product %s)",
      async (repeats) => {
        const machine = fake.add("ws-11");
        Object.assign(fake.product, { slow: true, repeats });
        const theirs = fake.begin(machine, "isolate", { Comment: "by hand" });
        expect(await devices().isolate(machine.id, "air ACT-2", "key-2", signal)).toMatchObject({
          id: theirs.id,
          state: "pending",
          text: expect.stringContaining("somebody@contoso.com"),
        });
        expect(fake.actions).toHaveLength(1);
      },
    );

    test("that the list does not show yet is found by the refusal", async () => {
      const machine = fake.add("ws-12");
      Object.assign(fake.product, { slow: true, listLagMs: 60_000 });
      fake.begin(machine, "isolate", { Comment: "by hand" });
      expect(await failure(devices().isolate(machine.id, "air ACT-3", "key-3", signal))).toMatchObject({
        kind: "unavailable",
        retryAfterMs: 30_000,
        message: expect.stringContaining("already in progress"),
      });
    });

    test("waits for its opposite to end", async () => {
      const machine = fake.add("ws-13");
      fake.product.slow = true;
      fake.begin(machine, "isolate", { Comment: "by hand" });
      expect(await failure(devices().release(machine.id, "air ACT-4", "key-4", signal))).toMatchObject({
        kind: "unavailable",
        retryAfterMs: 30_000,
      });
      expect(posts("unisolate")).toEqual([]);
    });

    test("with the same key is the same, however it ended", async () => {
      const machine = fake.add("ws-14");
      fake.product.ends = "Failed";
      await devices().isolate(machine.id, "air ACT-5", "key-5", signal);
      expect(await devices().isolate(machine.id, "air ACT-5", "key-5", signal)).toMatchObject({ state: "failed" });
      expect(posts("isolate")).toHaveLength(1);
    });

    test("is found again by its key, and a name that looks like one is not taken for it", async () => {
      const machine = fake.add("ws-15");
      await devices().isolate(machine.id, "air ACT-6, approved by Eve [key-7]", "key-6", signal);
      const since = new Date(NOW.getTime() - HOUR);
      expect(await devices().findRun?.("key-6", since, signal)).toMatchObject({ state: "done", id: fake.actions[0]?.id });
      expect(await devices().findRun?.("key-7", since, signal)).toBeUndefined();
      expect(await devices().findRun?.("key-6", new Date(NOW.getTime() + HOUR), signal)).toBeUndefined();
    });

    test("is given up where the product does that", async () => {
      const machine = fake.add("ws-16");
      fake.product.slow = true;
      const { id } = await devices().isolate(machine.id, "air ACT-8", "key-8", signal);
      await devices().cancel?.(id, "air ACT-8, cancelled by Mia", signal);
      expect(await devices().follow(id, signal)).toMatchObject({ state: "cancelled" });
      expect(await failure(devices().cancel?.(id, "again", signal) ?? Promise.resolve())).toMatchObject({
        kind: "refused",
        message: expect.stringContaining("can not be cancelled any more"),
      });
    });

    test("a file is quarantined by SHA-1, looked up where only another hash is known", async () => {
      const machine = fake.add("ws-17");
      fake.files.set(SHA256, { sha1: SHA1, machines: ["ws-17", "ws-18"] });
      const file = { kind: "file", sha256: SHA256 } as const;
      expect(await devices().isQuarantined(machine.id, file, signal)).toBeUndefined();
      await devices().quarantine(machine.id, file, "air ACT-9", "key-9", signal);
      expect(posts("StopAndQuarantineFile")[0]?.body).toMatchObject({ Sha1: SHA1 });
      expect(await devices().isQuarantined(machine.id, file, signal)).toBe(true);
      expect(await devices().seenOn(file, signal)).toEqual(["ws-17", "ws-18"]);
      expect(await devices().seenOn({ kind: "file", sha256: "c".repeat(64) }, signal)).toEqual([]);
      const unknown = devices().quarantine(machine.id, { kind: "file", sha256: "c".repeat(64) }, "air ACT-9", "key-9", signal);
      expect(await failure(unknown)).toMatchObject({ kind: "refused", message: expect.stringContaining("SHA-1") });
    });

    test("a quick scan is not a full one", async () => {
      const machine = fake.add("ws-19");
      await devices().scan?.(machine.id, "quick", "air ACT-10", "key-10", signal);
      expect(await devices().lastRun?.(machine.id, "quick-scan", signal)).toEqual(NOW);
      expect(await devices().lastRun?.(machine.id, "full-scan", signal)).toBeUndefined();
      // Some lists leave the sort out: our own comment names it.
      fake.actions[0]!.scope = null;
      expect(await devices().lastRun?.(machine.id, "quick-scan", signal)).toEqual(NOW);
    });

    test("an offboarded device is neither online nor onboarded, until it reports again", async () => {
      const machine = fake.add("ws-20");
      await devices().offboard?.(machine.id, "air ACT-11", "key-11", signal);
      expect(await devices().find({ kind: "device", name: "ws-20" }, signal)).toMatchObject({ onboarded: false, online: false });
      now = new Date(NOW.getTime() + 2 * HOUR);
      machine.lastSeen = now.toISOString();
      expect(await devices().find({ kind: "device", name: "ws-20" }, signal)).toMatchObject({ onboarded: true, online: true });
    });
  });

  describe("what goes wrong is told apart", () => {
    test.each([
      [
        "a role is missing",
        { status: 403, code: "Forbidden", message: "Missing application roles" },
        "refused",
        /lacks Machine\.Isolate.*Missing application roles.*Nothing was done/,
      ],
      [
        "not found",
        { status: 404, code: "ResourceNotFound", message: "no such machine" },
        "refused",
        /does not know this device.*Nothing was done/,
      ],
      [
        "another fault of ours",
        { status: 400, code: "InvalidInput", message: "IsolationType" },
        "refused",
        /IsolationType.*Nothing was done/,
      ],
      ["a conflict", { status: 409, code: "Conflict", message: "busy" }, "unavailable", /something else/],
      ["too many", { status: 429, retryAfter: 17 }, "unavailable", /asks to wait/],
      ["its own fault", { status: 500 }, "unclear", /failed \(500\)/],
      ["a bad gateway", { status: 502 }, "unclear", /502/],
      ["not available", { status: 503, retryAfter: 5 }, "unclear", /503/],
      ["a gateway that waited in vain", { status: 504 }, "unclear", /504/],
      ["a broken connection", { drop: "before" }, "unclear", /connection/],
      ["no answer", { hang: "before" }, "unclear", /did not answer/],
      ["no JSON", { body: "noJson" }, "unclear", /shape/],
      ["another shape", { body: "wrongShape" }, "unclear", /shape/],
      ["a huge answer", { body: "huge" }, "unclear", /more than 5 MiB/],
      ["a redirect", { redirect: "https://evil.example/" }, "unclear", /redirect/],
    ] as const)("%s", async (_name, how, kind, text) => {
      const machine = fake.add("ws-30");
      fake.fail({ on: /POST .*\/isolate$/, how, times: 1 });
      const hasty = "hang" in how ? fake.connect({ timeoutMs: 200 }).devices! : devices();
      const error = await failure(hasty.isolate(machine.id, "air ACT-20", "key-20", signal));
      expect(error).toMatchObject({ kind, message: expect.stringMatching(text) });
      if ("retryAfter" in how && how.status === 429) expect(error.retryAfterMs).toBe(17_000);
      expect(fake.actions).toEqual([]);
    });

    test("its own words are cut and hold nothing that would break a card", async () => {
      const machine = fake.add("ws-31");
      fake.fail({ on: /isolate$/, how: { status: 400, message: `a\u0000\n\u202e${"x".repeat(5000)}` } });
      const { message } = await failure(devices().isolate(machine.id, "air ACT-21", "key-21", signal));
      expect(message.length).toBeLessThan(500);
      expect(message).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    });

    test("a token that is not taken any more is asked for anew, once, and the call goes out once more", async () => {
      const machine = fake.add("ws-32");
      await devices().find({ kind: "device", name: "ws-32" }, signal);
      fake.forgetTokens();
      expect(await devices().isolate(machine.id, "air ACT-22", "key-22", signal)).toMatchObject({ state: "done" });
      fake.fail({ on: /GET \/api/, how: { status: 401 } });
      const error = await failure(devices().find({ kind: "device", name: "ws-32" }, signal));
      expect(error).toMatchObject({ kind: "refused", message: expect.stringContaining("sign-in") });
      expect(fake.actions).toHaveLength(1);
    });

    test("many ask for one token, and it is renewed before it ends", async () => {
      fake.add("ws-33");
      fake.forgetTokens();
      const connector = fake.connect();
      const find = () => connector.devices!.find({ kind: "device", name: "ws-33" }, signal);
      await Promise.all([find(), find(), find()]);
      const asked = () => posts("token").length;
      expect(asked()).toBe(1);
      now = new Date(NOW.getTime() + 56 * 60_000);
      await find();
      expect(asked()).toBe(2);
    });

    test("a wrong secret names the setting, not the secret", async () => {
      const connector = fake.connect({ clientSecret: "wrong" });
      const error = await failure(connector.check(signal));
      expect(error).toMatchObject({ kind: "refused", message: expect.stringMatching(/AADSTS7000215.*connectors\.defender/) });
      expect(error.message).not.toContain("Trace");
    });
  });

  test("the doctor names every permission that is missing", async () => {
    const connector = fake.connect();
    await connector.check(signal);
    fake.product.roles = fake.product.roles.filter((role) => role !== "Machine.Isolate" && role !== "User.Read.All");
    expect(await failure(fake.connect().check(signal))).toMatchObject({
      message: expect.stringContaining("lacks User.Read.All, Machine.Isolate"),
    });
    // A token that cannot be read hides what is missing, but not what the calls say.
    Object.assign(fake.product, { jwt: false, roles: [] });
    expect(await failure(fake.connect().check(signal))).toMatchObject({ message: expect.stringContaining("lacks Machine.Read.All") });
  });

  describe("an indicator", () => {
    const address = { kind: "ip", address: "203.0.113.66" } as const;
    const until = new Date(NOW.getTime() + 30 * 24 * HOUR);

    test("is blocked until its end, found, and taken off", async () => {
      await list().block(address, until, "air ACT-30", "key-30", signal);
      expect(fake.indicators).toMatchObject([
        {
          indicatorType: "IpAddress",
          indicatorValue: "203.0.113.66",
          action: "Block",
          expirationTime: until.toISOString(),
          description: "air ACT-30 [key-30]",
        },
      ]);
      expect(await list().find(address, signal)).toMatchObject({ action: "block", expiresAt: until });
      expect(await list().findRun?.(address, "key-30", signal)).toMatchObject({ state: "done" });
      expect(await list().findRun?.(address, "key-31", signal)).toBeUndefined();
      await list().unblock(address, "air ACT-31", "key-31", signal);
      expect(await list().find(address, signal)).toBeUndefined();
      await list().unblock(address, "air ACT-32", "key-32", signal);
    });

    test("is over when its time is", async () => {
      await list().allow(address, until, "air ACT-33", "key-33", signal);
      expect(await list().find(address, signal)).toMatchObject({ action: "allow" });
      now = until;
      expect(await list().find(address, signal)).toBeUndefined();
    });

    test("a file is found by any of its hashes", async () => {
      await list().block({ kind: "file", sha1: SHA1 }, until, "air ACT-34", "key-34", signal);
      expect(await list().find({ kind: "file", sha1: SHA1, sha256: SHA256 }, signal)).toMatchObject({ action: "block" });
      await list().unblock({ kind: "file", sha1: SHA1, sha256: SHA256 }, "air ACT-35", "key-35", signal);
      expect(fake.indicators).toEqual([]);
    });

    test.each([
      [{ action: "Audit" }, "Audit"],
      [{ action: "Block", rbacGroupNames: ["Servers"] }, "Servers only"],
    ])("what a person set for a reason of their own is not replaced: %o", async (theirs, text) => {
      fake.indicators.push({ id: "1", indicatorValue: "203.0.113.66", indicatorType: "IpAddress", ...theirs });
      expect(await list().find(address, signal)).toBeUndefined();
      expect(await failure(list().block(address, until, "air ACT-36", "key-36", signal))).toMatchObject({
        kind: "refused",
        message: expect.stringContaining(text),
      });
      expect(fake.indicators).toHaveLength(1);
    });
  });
});
