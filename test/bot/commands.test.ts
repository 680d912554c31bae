import { distance } from "fastest-levenshtein";
import { describe, expect, test } from "vitest";
import { readCommand } from "../../src/bot/commands.ts";
import fc from "../support/fast-check.ts";

const OURS = ["contoso.com"];
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const SHA256 = "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f";
const read = (text: string) => readCommand(text, OURS);

describe("a time that people write", () => {
  const times: [string, number][] = [
    ["2h", 2 * HOUR],
    ["2H", 2 * HOUR],
    ["2 hours", 2 * HOUR],
    ["2hours", 2 * HOUR],
    ["1 hour", HOUR],
    ["2hrs", 2 * HOUR],
    ["2 hr", 2 * HOUR],
    ["90min", 90 * MINUTE],
    ["90 min", 90 * MINUTE],
    ["90 minutes", 90 * MINUTE],
    ["5 m", 5 * MINUTE],
    ["3 days", 3 * DAY],
    ["7d", 7 * DAY],
    ["2h,", 2 * HOUR],
  ];
  test.each(times)("%s", (said, ms) => {
    expect(read(`undo ACT-7 in ${said} it is ours`)).toEqual({ kind: "undo", action: 7, reason: "it is ours", inMs: ms });
    expect(read(`approve ACT-7 for ${said} DC-01`)).toEqual({ kind: "decide", decision: "approve", action: 7, text: "DC-01", forMs: ms });
    expect(read(`do isolate-device WS-1 for ${said} it beacons`)).toMatchObject({ kind: "do", forMs: ms, reason: "it beacons" });
    expect(read(`snooze url-click ${said} a drill`)).toMatchObject({ kind: "snooze", forMs: ms, reason: "a drill" });
  });
  test("alone", () => {
    expect(read("extend ACT-7 2 hours")).toEqual({ kind: "extend", action: 7, moreMs: 2 * HOUR });
    expect(read("remind ACT-7 in 90 min")).toEqual({ kind: "remind", action: 7, when: { inMs: 90 * MINUTE } });
    expect(read("remind ACT-7 14:30")).toEqual({ kind: "remind", action: 7, when: { hour: 14, minute: 30 } });
  });

  const unclear = [
    ..."-3h,+2h,5y,1y,0m,0h,25:00,14:30,2.5h,1/2h,½h,2h30m,2h 30m,2h and 30 min,2 horses,400d,9999999999h,two hours,Two,half a day".split(
      ",",
    ),
    ..."an hour,the next 2 hours,a few days,tomorrow,a while,(2h),–3h".split(","),
  ];
  test.each(unclear)("%s is refused, and never a reason", (said) => {
    for (const [before, text] of [
      ["in", `undo ACT-7 in ${said}`],
      ["in", `undo ACT-7 in ${said} it is ours`],
      ["for", `approve ACT-7 for ${said} DC-01`],
      ["for", `do isolate-device WS-1 for ${said} it beacons`],
    ])
      expect(read(text as string)).toMatchObject({
        kind: "misunderstood",
        text: expect.stringMatching(new RegExp(`is no time\\. Write ${before} 30m`)),
      });
  });
  test("the time is at fault, not the name", () => {
    expect(read("approve ACT-6 for -3h DC-01")).toEqual({
      kind: "misunderstood",
      text: '"-3h" is no time. Write for 30m, for 2h or for 7d, at most a year.',
    });
  });
  test("nothing after it", () => {
    expect(read("undo ACT-7 in").kind).toBe("misunderstood");
    expect(read("approve ACT-7 for").kind).toBe("misunderstood");
  });
  test("ordinary words stay a reason", () => {
    expect(read("undo ACT-7 in error")).toEqual({ kind: "undo", action: 7, reason: "in error" });
    expect(read("approve ACT-7 for the night shift")).toEqual({
      kind: "decide",
      decision: "approve",
      action: 7,
      text: "for the night shift",
    });
    // At the end it means no less, behind the name that had to be typed.
    expect(read("approve ACT-7 DC-01 for 2 hours")).toMatchObject({ text: "DC-01", forMs: 2 * HOUR });
    expect(read("approve ACT-7 DC-01 for the night shift")).not.toHaveProperty("forMs");
    expect(read("do isolate-device WS-1 for the night shift")).toMatchObject({ forMs: undefined, reason: "for the night shift" });
    expect(read("reject ACT-7 for 2 weeks nobody used it")).toMatchObject({ kind: "decide", text: "for 2 weeks nobody used it" });
  });
  test("several at once are not approved for a while", () => {
    expect(read("approve ACT-7 ACT-8 for 2h")).toMatchObject({ kind: "misunderstood", text: expect.stringContaining("one at a time") });
    expect(read("approve all kind=block-indicator for 2h").kind).toBe("misunderstood");
    expect(read("approve ACT-7 ACT-8 for the night shift").kind).toBe("decide-many");
  });
  test("whatever follows that begins like a number: understood or refused", () => {
    fc.assert(
      fc.property(fc.constantFrom("-", "+", "", "0", "7", "12"), fc.nat(), fc.string(), (sign, count, rest) => {
        const command = read(`undo ACT-7 in ${sign}${count}${rest}`);
        expect(command.kind === "misunderstood" || (command.kind === "undo" && command.inMs !== undefined)).toBe(true);
      }),
    );
  });
});

describe("silence for a while", () => {
  const silent = (how: string, forMs: number | undefined, reason: string) => ({
    kind: "snooze-incident",
    how,
    incident: 42,
    forMs,
    reason,
  });
  test.each<[string, object]>([
    ["snooze INC-42 4h the owner is asked", silent("snooze", 4 * HOUR, "the owner is asked")],
    ["snooze inc42 for 30m", silent("snooze", HOUR / 2, "")],
    ["snooze INC-42 2 hours lunch", silent("snooze", 2 * HOUR, "lunch")],
    ["snooze scanner-noise 8h planned", { kind: "snooze", policy: "scanner-noise", forMs: 8 * HOUR, reason: "planned" }],
    ["mute INC-42 for 7d a scanner", silent("mute", 168 * HOUR, "a scanner")],
    ["mute INC-42 7d a scanner", silent("mute", 168 * HOUR, "a scanner")],
    ["mute 42 a scanner", silent("mute", undefined, "a scanner")],
    ["unsnooze INC-42", { kind: "unsnooze", incident: 42 }],
    ["unmute INC-42", { kind: "unsnooze", incident: 42 }],
    ["list snoozed", { kind: "list", query: { snoozed: true }, written: "snoozed=yes" }],
    ["list open snoozed severity=high", { kind: "list", query: { snoozed: true, status: ["open"], severity: ["high"] } }],
    ["list snoozed=yes", { kind: "list", query: { snoozed: true } }],
  ])("%s", (text, command) => expect(read(text)).toMatchObject(command));
  test.each([
    ["snooze INC-42", "Usage: snooze"],
    ["snooze INC-42 soon", "is no duration"],
    ["snooze INV-42 4h", "takes an incident"],
    ["mute INC-42", "Usage: mute"],
    ["mute INC-42 for 7d", "Say why it is noise"],
    ["mute INC-42 for a scanner", "is no time"],
    ["pause devcie it misfires", 'Nothing was paused: is "devcie" the family device?'],
    ["pause emails", "To pause everything: pause all <reason>"],
    ["unsnooze noisy-rule now", "Usage: unsnooze"],
    ["unsnooze INC-42 INC-43", "too much"],
    ["list snoozed=no", "must be one of yes"],
  ])("%s is refused, with what to write", (text, says) =>
    expect(read(text)).toMatchObject({ kind: "misunderstood", text: expect.stringContaining(says) }),
  );
});

describe("resume", () => {
  test.each([
    ["resume", "all"],
    ["resume ALL", "all"],
    ["resume identity", "identity"],
  ])("%s", (text, family) => expect(read(text)).toEqual({ kind: "resume", family }));
  test.each(["resume everything", "resume identity please", "resume ACT-7"])("%s is refused", (text) => {
    expect(read(text)).toMatchObject({ kind: "misunderstood", text: expect.stringContaining("identity") });
  });
});

describe("what an action asked for by hand is aimed at", () => {
  test.each<[string, object]>([
    ["block-indicator contoso.example", { kind: "domain", name: "contoso.example" }],
    ["block-indicator evil[.]example", { kind: "domain", name: "evil.example" }],
    ["allow-indicator evil.example", { kind: "domain", name: "evil.example" }],
    ["block-indicator 203.0.113.7", { kind: "ip", address: "203.0.113.7" }],
    ["block-indicator 2001:db8::1", { kind: "ip", address: "2001:db8::1" }],
    ["block-indicator hxxps://evil[.]example/a", { kind: "url", url: "https://evil.example/a" }],
    [`block-indicator ${SHA256}`, { kind: "file", sha256: SHA256 }],
    [`block-indicator file:${SHA256}`, { kind: "file", sha256: SHA256 }],
    ["block-sender mia@evil.example", { kind: "mailbox", address: "mia@evil.example" }],
    ["quarantine-file invoice.exe", { kind: "file", name: "invoice.exe" }],
    ["isolate-device laptop", { kind: "device", name: "laptop" }],
    ["isolate-device ws-1.fabrikam.com", { kind: "device", name: "ws-1.fabrikam.com" }],
    ["disable-user mia", { kind: "user", name: "mia" }],
    ['disable-app "Payroll Sync"', { kind: "oauth-app", id: "Payroll Sync" }],
    ["disable-app “Payroll Sync”", { kind: "oauth-app", id: "Payroll Sync" }],
    ['disable-app oauth-app:"Payroll Sync"', { kind: "oauth-app", id: "Payroll Sync" }],
    ['isolate-device "WS-042"', { kind: "device", name: "WS-042" }],
  ])("do %s", (words, target) => {
    expect(read(`do ${words} for 2h it is bad`)).toMatchObject({ kind: "do", target, forMs: 2 * HOUR, reason: "it is bad" });
  });

  test.each<[string, RegExp]>([
    ["block-indicator WS-001", /"WS-001" is nothing block-indicator could be aimed at\. Give a file hash of 32, 40 or 64/],
    ["block-indicator 0.0.0.0/0", /is a network\. .* takes one address at a time/],
    ["block-indicator ip:10.0.0.0/8", /is a network/],
    ["block-indicator 2001:db8::/32", /is a network/],
    ["block-indicator file:WS-001", /Give a file hash/],
    ["block-indicator domain:WS-001", /Give a file hash/],
    ["block-indicator invoice.exe", /Give a file hash/],
    ["block-indicator everything", /Give a file hash/],
    ["block-indicator abc123", /Give a file hash/],
    ["allow-indicator mia@evil.example", /Give a file hash/],
    ["isolate-device 203.0.113.7", /is an address, not a device\. Give the name of the device, like WS-042/],
    ["isolate-device device:203.0.113.7", /is an address, not a device/],
    ["isolate-device 10.0.0.0/8", /is an address, not a device/],
    ["isolate-device mia@contoso.com", /is an address, not a device/],
    ["disable-user 203.0.113.7", /is an address, not a user/],
    ["isolate-device INC-1", /is an id/],
    ["isolate-device WS-\u202e240", /cannot be seen/],
    ["isolate-device WS-\u0007240", /cannot be seen/],
    ['isolate-device "WS-\u200b240"', /cannot be seen/],
    ['disable-app "Payroll Sync', /quotation mark .* is not closed/],
    ['disable-app ""', /Usage: do/],
  ])("do %j is refused", (words, message) => {
    expect(read(`do ${words} it is bad`)).toEqual({ kind: "misunderstood", text: expect.stringMatching(message) });
  });

  test("whatever word is given to block-indicator: never a file without a hash", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.domain(), fc.stringMatching(/^[a-zA-Z0-9./:-]{1,20}$/)), (word) => {
        const command = read(`do block-indicator ${word} it is bad`);
        if (command.kind === "do" && command.target.kind === "file")
          expect(command.target.sha256 ?? command.target.sha1 ?? command.target.md5).toBeDefined();
      }),
    );
  });
});

describe("close to what is meant, or what there is", () => {
  test("do with a kind there is not", () => {
    expect(read("do isolate-devise WS-1 x")).toMatchObject({
      text: '"isolate-devise" is no kind of action. Did you mean "isolate-device"?',
    });
    expect(read("do foo WS-1 x")).toMatchObject({
      text: expect.stringMatching(/^"foo" is no kind of action\. There are: isolate-device, .*\.$/),
    });
  });
  test("protected takes no id", () => {
    expect(read("protected INC-1")).toMatchObject({ kind: "misunderstood", text: expect.stringContaining("not an id") });
    expect(read("protected WS-1")).toMatchObject({ kind: "protected", entity: { kind: "device", name: "WS-1" } });
  });
  test("list takes open or closed", () => {
    expect(read("list open closed")).toMatchObject({ kind: "misunderstood", text: expect.stringContaining("do not go together") });
    expect(read("list closed mine")).toMatchObject({ kind: "list", query: { status: ["closed"] }, mine: true });
  });
});

describe("ids as people write them", () => {
  test.each(["ACT-2", "`ACT-2`", "ACT-2.", "(act2),", "ACT\u20132", "ACT\u20142", "ACT\u22122", "\u200bACT-2", "#ACT-2", "*ACT-2*"])(
    "%s",
    (id) => {
      expect(read(`status ${id}`)).toEqual({ kind: "status", id: { kind: "action", id: 2 } });
      expect(read(id)).toEqual({ kind: "status", id: { kind: "action", id: 2 } });
      expect(read(`reject ${id} it is ours.`)).toEqual({ kind: "decide", decision: "reject", action: 2, text: "it is ours." });
    },
  );
  test("a bare number is an id where one is asked for, and a reason stays as it was typed", () => {
    expect(read("status #42")).toEqual({ kind: "status", id: { kind: "investigation", id: 42 } });
    expect(read("reject ACT-7 `42` (see INC-1).")).toMatchObject({ text: "`42` (see INC-1)." });
    expect(read("approve `ACT-7`, ACT-8.")).toMatchObject({ kind: "decide-many", which: { ids: [7, 8] } });
  });
});

describe("how people begin", () => {
  test.each([": help status", ", help status", "help status", "hey help status", "Hi, help status"])("%s", (text) => {
    expect(read(text)).toEqual({ kind: "help", about: "status" });
  });
  test("a greeting alone is no command", () => expect(read("hey")).toMatchObject({ kind: "misunderstood" }));
});

describe("a word that is no command", () => {
  test.each([
    ["show ACT-2", "To look at it: status ACT-2"],
    ["d", "help"],
    ["stpo", 'Did you mean "stop"?'],
    ["apporve ACT-2", 'Did you mean "approve"?'],
    ["statsu", 'Did you mean "status"?'],
    ["help xyz", 'There is no command "xyz".'],
  ])("%s", (text, expected) => expect(read(text)).toMatchObject({ kind: "misunderstood", text: expect.stringContaining(expected) }));

  const looks = new Set("help whoami status list actions log graph alerts policies oncall audit export protected".split(" "));
  test("one that changes something is brought up for a single slip only", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z]{1,9}$/), (word) => {
        const answer = read(word);
        const meant = answer.kind === "misunderstood" ? /Did you mean "([a-z -]+)"/.exec(answer.text)?.[1] : undefined;
        if (meant === undefined || looks.has(meant)) return;
        const swapped = [...word].sort().join("") === [...meant].sort().join("");
        expect(swapped || distance(word, meant) === 1).toBe(true);
      }),
    );
    expect(JSON.stringify(read("show"))).not.toContain("stop");
    expect(JSON.stringify(read("fix"))).not.toMatch(/Did you mean/);
  });
});

describe("nothing that was typed is dropped in silence", () => {
  test.each([
    "whoami bo",
    "policies all",
    "status ACT-2 ACT-3",
    "log INV-1 INV-2",
    "graph INV-1 INV-2",
    "retry INV-1 INV-2",
    "ack INC-1 INC-2",
  ])("%s", (text) => expect(read(text)).toMatchObject({ kind: "misunderstood", text: expect.stringContaining("too much") }));
  test("a kind behind ids chooses among them", () => {
    expect(read("approve ACT-2 ACT-3 kind=isolate-device")).toEqual({
      kind: "decide-many",
      decision: "approve",
      which: { ids: [2, 3], kind: "isolate-device" },
      reason: undefined,
    });
    expect(read("reject ACT-2 ACT-3 kind=isolate-device a test")).toMatchObject({ which: { kind: "isolate-device" }, reason: "a test" });
    expect(read("approve ACT-2 ACT-3 kind=isolate")).toMatchObject({ kind: "misunderstood" });
  });
});
