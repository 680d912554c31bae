import { describe, expect, test } from "vitest";
import { kilometres } from "../../../src/engine/analyzers/sign-in-patterns.ts";
import type { Entity } from "../../../src/engine/domain/entity.ts";
import type { UserFacts } from "../../../src/engine/ports.ts";
import { account, alertSays, difference, holding, hoursAgo, look } from "../../support/fake-mail-product.ts";
import fc from "../../support/fast-check.ts";

const user: Entity = { kind: "user", email: "mia@contoso.example" };
type SignIn = UserFacts["signIns"][number];

const BERLIN = { latitude: 52.52, longitude: 13.405 };
const POTSDAM = { latitude: 52.39, longitude: 13.06 };
const LAGOS = { latitude: 6.455, longitude: 3.384 };
const office = (hours: number, more: Partial<SignIn> = {}): SignIn => ({
  at: hoursAgo(hours),
  ip: "192.0.2.10",
  place: "Berlin, DE",
  app: "Outlook",
  result: "success",
  risk: "none",
  known: true,
  location: BERLIN,
  ...more,
});
const lagos = (hours: number, more: Partial<SignIn> = {}) =>
  office(hours, { ip: "203.0.113.9", place: "Lagos, NG", known: false, location: LAGOS, ...more });
const signedIn = (...signIns: SignIn[]) => holding({ users: [account({ signIns })] });

describe("sign-ins seen together", () => {
  test("impossible travel: two ordinary sign-ins no traveller can make", async () => {
    const capabilities = signedIn(lagos(1), office(2));
    expect(await difference("sign-ins", user, capabilities, [alertSays("suspicious")])).toBe("suspicious → malicious");
    expect(await look("sign-ins", user, capabilities)).toMatchObject([
      {
        label: "suspicious",
        weight: 2.5,
        family: "identity",
        technique: "T1078.004",
        text: "Signed in from Berlin, DE (192.0.2.10) and 60 min later from Lagos, NG (203.0.113.9), 5203 km apart: impossible for one traveller.",
        found: [{ kind: "ip", address: "203.0.113.9" }],
      },
    ]);
    expect(await look("sign-ins", user, signedIn(lagos(1, { mfa: false }), office(2)))).toMatchObject([
      { label: "malicious" },
      { label: "suspicious" },
    ]);
  });
  test("a session in two hands within the same minute", async () => {
    const at = new Date(hoursAgo(2).getTime() + 20_000);
    const capabilities = signedIn(lagos(2, { at }), office(2));
    expect(await difference("sign-ins", user, capabilities, [alertSays("suspicious")])).toBe("suspicious → malicious");
    expect(await look("sign-ins", user, capabilities)).toMatchObject([{ label: "malicious", technique: "T1550.004" }]);
  });
  test("a password guessed: failures in a burst, then a success", async () => {
    const failures = Array.from({ length: 12 }, (_, index) => lagos(3 - index * 0.05, { result: "failure" }));
    const capabilities = signedIn(lagos(2.3), ...failures, office(100));
    expect(await difference("sign-ins", user, capabilities, [alertSays("suspicious")])).toBe("suspicious → malicious");
    expect(await look("sign-ins", user, capabilities)).toMatchObject([
      { label: "malicious", technique: "T1110", text: expect.stringContaining("12 sign-ins") },
    ]);
  });
  test("a single factor from a new place", async () => {
    expect(await difference("sign-ins", user, signedIn(lagos(1, { mfa: false }), office(100)))).toBe("unknown → suspicious");
  });
  test("a high-risk sign-in keeps its own voice beside the pattern", async () => {
    expect(await look("sign-ins", user, signedIn(lagos(1, { risk: "high" }), office(2)))).toMatchObject([
      { label: "malicious", text: expect.stringContaining("of high risk") },
      { label: "malicious", text: expect.stringContaining("impossible") },
    ]);
    expect(await difference("sign-ins", user, signedIn(lagos(1, { risk: "high" }), office(2)))).toBe("unknown → malicious");
  });

  test.each<[string, SignIn[]]>([
    ["a flight of a day", [lagos(1), office(25)]],
    [
      "a phone changing networks in the same minute",
      [office(1, { ip: "198.51.100.4", place: "Potsdam, DE", location: POTSDAM, known: false }), office(1)],
    ],
    ["two places of the company", [office(1, { ip: "192.0.2.77", place: "Lagos office", location: LAGOS }), office(1.1)]],
    [
      "the place is not known",
      [
        office(1, {
          ip: "203.0.113.9",
          known: false,
          place: "a place never seen before",
          location: undefined,
        } as unknown as Partial<SignIn>),
        office(2),
      ],
    ],
    ["failures from the other end of the world", [lagos(1, { result: "failure" }), office(1.1)]],
    ["somebody who forgot the password at the desk", [office(1), ...Array.from({ length: 30 }, () => office(1.2, { result: "failure" }))]],
    ["guesses that never worked", Array.from({ length: 30 }, () => lagos(1.2, { result: "failure" }))],
    ["nine failures", [lagos(1), ...Array.from({ length: 9 }, () => lagos(1.2, { result: "failure" }))]],
    ["single factor in the office", [office(1, { mfa: false })]],
    ["ten days ago", [lagos(240), office(240.1)]],
  ])("accuses nobody: %s", async (_, signIns) => {
    for (const { label } of await look("sign-ins", user, signedIn(...signIns))) expect(["neutral", "benign"]).toContain(label);
  });

  test("known places acquit nobody while somebody elsewhere is trying", async () => {
    expect(await look("sign-ins", user, signedIn(office(1), office(30)))).toMatchObject([{ label: "benign" }]);
    expect(await look("sign-ins", user, signedIn(lagos(1, { result: "failure" }), office(2), office(30)))).toMatchObject([
      {
        label: "neutral",
        weight: 0,
        text: "Every sign-in that worked came from a known place, but one from Lagos, NG (203.0.113.9), a place never used before, failed.",
        found: [{ kind: "ip", address: "203.0.113.9" }],
      },
    ]);
    // At home people mistype, and what failed two weeks ago is over.
    expect(await look("sign-ins", user, signedIn(office(1), office(2, { result: "failure" })))).toMatchObject([{ label: "benign" }]);
    expect(await look("sign-ins", user, signedIn(office(1), lagos(200, { result: "failure" })))).toMatchObject([{ label: "benign" }]);
  });

  test("huge and broken lists come back", async () => {
    const signIns = Array.from({ length: 30_000 }, (_, index) =>
      lagos(index / 1000, {
        ip: `203.0.113.${index % 250}`,
        place: "x".repeat(10_000),
        location: { latitude: Number.NaN, longitude: 1e9 },
        result: index % 2 ? "failure" : "success",
      }),
    );
    const seen = await look("sign-ins", user, signedIn(...signIns));
    expect(seen.length).toBeLessThanOrEqual(4);
    for (const { found, text } of seen) {
      expect(found?.length ?? 0).toBeLessThanOrEqual(5);
      expect(text.length).toBeLessThan(500);
    }
  });

  const place = fc.record({
    latitude: fc.double({ min: -90, max: 90, noNaN: true }),
    longitude: fc.double({ min: -180, max: 180, noNaN: true }),
  });
  test("distance is symmetric, nothing to oneself, and never beyond the other side of the earth", () => {
    fc.assert(
      fc.property(place, place, (a, b) => {
        const there = kilometres({ location: a }, { location: b }) ?? Number.NaN;
        expect(there).toBeCloseTo(kilometres({ location: b }, { location: a }) ?? -1, 6);
        expect(there).toBeGreaterThanOrEqual(0);
        expect(there).toBeLessThanOrEqual(20_016);
        expect(kilometres({ location: a }, { location: a })).toBe(0);
      }),
    );
  });
});

describe("user-activity", () => {
  type Activity = NonNullable<UserFacts["activities"]>[number];
  const did = (what: string, more: Partial<Activity> = {}): Activity => ({ at: hoursAgo(3), what, risk: "none", ...more });
  const active = (...activities: Activity[]) => holding({ users: [account({ signIns: [lagos(4), office(30)], activities })] });
  const there = { ip: "203.0.113.9" };
  const here = { ip: "192.0.2.10" };

  test.each<[string, Activity[], string, string]>([
    [
      "a factor and a rule from a new place",
      [did("MFA method added: phone", there), did("Created inbox rule 'a'", there)],
      "malicious",
      "suspicious → malicious",
    ],
    ["the product calls one high", [did("Downloaded 3,400 files", { risk: "high" })], "suspicious", "suspicious → malicious"],
    ["a consent from a new place", [did("Consented to app Mail Sync Pro", there)], "suspicious", "suspicious → suspicious"],
    ["the product calls one medium", [did("Shared a folder", { risk: "medium" })], "suspicious", "suspicious → suspicious"],
    [
      "the same from the office",
      [did("MFA method added", here), did("Created inbox rule 'a'", here), did("Consented to app", here)],
      "neutral",
      "suspicious → suspicious",
    ],
    ["from nowhere said", [did("Downloaded 12,000 files")], "neutral", "suspicious → suspicious"],
    [
      "everyday work from a new place",
      [did("Downloaded 12 files", there), did("Opened a mail", there)],
      "neutral",
      "suspicious → suspicious",
    ],
    ["weeks ago", [did("MFA method added", { ...there, at: hoursAgo(500), risk: "high" })], "neutral", "suspicious → suspicious"],
  ])("%s", async (_, activities, label, expected) => {
    expect(await look("user-activity", user, active(...activities))).toMatchObject([{ label, family: "identity", source: "entra" }]);
    expect(await difference("user-activity", user, active(...activities), [alertSays("suspicious")])).toBe(expected);
  });
  test("alone, it makes an unknown account suspicious, and finds the address", async () => {
    const capabilities = active(did("Downloaded 3,400 files", there));
    expect(await difference("user-activity", user, capabilities)).toBe("unknown → suspicious");
    expect((await look("user-activity", user, capabilities))[0]).toMatchObject({
      technique: "T1530",
      text: "From a place never used before: Downloaded 3,400 files.",
      found: [{ kind: "ip", address: "203.0.113.9" }],
    });
  });
  test("nothing known, nobody known, nobody to ask", async () => {
    expect(await look("user-activity", user, holding({ users: [account()] }))).toMatchObject([{ label: "neutral" }]);
    expect(await look("user-activity", { kind: "user", email: "x@contoso.example" }, holding({ users: [] }))).toMatchObject([
      { label: "neutral" },
    ]);
    expect(await look("user-activity", user, holding({}))).toEqual([]);
  });
  test("hostile and huge lists are bounded", async () => {
    const what = `download ${"9".repeat(5000)} <!channel> ${"mfa ".repeat(3000)}\n\u202e`;
    const [seen] = await look(
      "user-activity",
      user,
      active(...Array.from({ length: 20_000 }, () => did(what, { ...there, risk: "medium" }))),
    );
    expect(seen?.text.length).toBeLessThan(500);
    expect(seen?.text).not.toMatch(/[\n\u202e]/);
  });
});
