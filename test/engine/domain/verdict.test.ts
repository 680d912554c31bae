import { describe, expect, test } from "vitest";
import type { Label, Observation } from "../../../src/engine/domain/observation.ts";
import { type JudgeInput, judge, THRESHOLDS, WEIGHTS } from "../../../src/engine/domain/verdict.ts";
import fc from "../../support/fast-check.ts";

const now = new Date("2026-10-05T09:00:00.000Z");
const see = (family: string, label: Label, weight: number, more: Partial<Observation> = {}): Observation => ({
  analyzer: "test",
  source: family,
  family,
  label,
  weight,
  text: `${family} says ${label}`,
  at: now,
  ...more,
});
const source = (label: Label, weight: number) => see("edr", label, weight, { source: "alert:edr" });
const weigh = (observations: Observation[], more: Partial<JudgeInput> = {}) =>
  judge({ observations, sourceFamilies: new Set(["edr"]), trusted: true, now, ...more });

describe("the verdict", () => {
  test.each<[string, Observation[], string]>([
    ["nothing seen", [], "unknown"],
    ["looked, nothing to say", [see("a", "neutral", 0)], "unknown"],
    ["could not look", [see("a", "failed", 0)], "unknown"],
    ["the source alone: malicious", [source("malicious", WEIGHTS.sourceMalicious)], "suspicious"],
    ["the source alone: suspicious", [source("suspicious", WEIGHTS.sourceSuspicious)], "suspicious"],
    [
      "the source and a strong rule",
      [source("malicious", WEIGHTS.sourceMalicious), see("rules", "malicious", WEIGHTS.ruleStrong)],
      "malicious",
    ],
    ["one strong reputation", [see("vt", "malicious", WEIGHTS.reputationStrong)], "malicious"],
    ["one weak reputation", [see("vt", "malicious", WEIGHTS.reputationFew)], "suspicious"],
    ["a strong benign source", [see("vt", "benign", WEIGHTS.reputationClean)], "noThreatsFound"],
    ["for and against cancel out", [source("malicious", WEIGHTS.sourceMalicious), see("vt", "benign", WEIGHTS.reputationClean)], "unknown"],
    ["suspicious by the source, clean by another", [source("suspicious", 1), see("vt", "benign", 3)], "noThreatsFound"],
  ])("%s", (_, observations, verdict) => {
    expect(weigh(observations).verdict).toBe(verdict);
  });

  test("an override comes first and says who", () => {
    const judged = weigh([see("vt", "malicious", 3.2)], { override: { verdict: "noThreatsFound", by: "Mia", reason: "our own tool" } });
    expect(judged.verdict).toBe("noThreatsFound");
    expect(judged.flip).toContain("Mia");
  });

  test("our own lists come before every source, and what follows from them asks", () => {
    const listed = (decisive: "allow" | "block") => see("lists", decisive === "allow" ? "benign" : "malicious", 3.2, { decisive });
    const accused = [see("vt", "malicious", 3.2), see("intel", "malicious", 3.2)];
    expect(weigh([...accused, listed("allow")])).toMatchObject({ verdict: "noThreatsFound", automatic: { allowed: false } });
    expect(weigh([see("vt", "benign", 2), listed("block")])).toMatchObject({ verdict: "malicious", automatic: { allowed: false } });
    expect(weigh([...accused, listed("block")]).automatic).toMatchObject({ allowed: false, because: expect.stringContaining("list") });
    // On both at once: a mistake, and the safe side of it.
    expect(weigh([listed("allow"), listed("block")]).verdict).toBe("malicious");
    const said = { verdict: "suspicious", by: "Mia", reason: "looks odd" } as const;
    expect(weigh([listed("allow")], { override: said }).verdict).toBe("suspicious");
  });

  test("a weak benign word clears nothing by itself", () => {
    expect(weigh([see("history", "benign", THRESHOLDS.acquits - 0.1)]).verdict).toBe("unknown");
    expect(weigh([see("history", "benign", THRESHOLDS.acquits)]).verdict).toBe("noThreatsFound");
  });

  test("a weak sign stays suspicious for two weeks", () => {
    const daysAgo = (days: number) => new Date(now.getTime() - days * 86_400_000);
    expect(weigh([see("mail", "suspicious", WEIGHTS.behaviourWeak, { at: daysAgo(13) })]).verdict).toBe("suspicious");
    expect(weigh([see("mail", "suspicious", WEIGHTS.behaviourWeak, { at: daysAgo(20) })]).verdict).toBe("unknown");
  });

  test("a family that hardly weighs anything is not the second one of an automatic action", () => {
    const strong = see("vt", "malicious", 3.2);
    expect(weigh([strong, see("other", "malicious", THRESHOLDS.independent - 0.1)]).automatic).toMatchObject({ allowed: false });
    expect(weigh([strong, see("other", "malicious", THRESHOLDS.independent)]).automatic).toEqual({ allowed: true });
  });

  test("a failed look is named", () => {
    expect(weigh([see("vt", "failed", 0, { text: "not asked: quota" })]).missing).toMatchObject([{ text: "not asked: quota" }]);
  });

  test("a vote halves in weight after its half-life", () => {
    const old = new Date(now.getTime() - THRESHOLDS.halfLifeDays * 86_400_000);
    expect(weigh([see("vt", "malicious", 2, { at: old })]).score).toBeCloseTo(1, 2);
  });

  test("a conflict is shown and not averaged away", () => {
    const judged = weigh([see("a", "malicious", 3.2), see("b", "malicious", 3.2), see("c", "benign", 2)]);
    expect(judged.verdict).toBe("malicious");
    expect(judged.conflict).toBe(true);
    expect(judged.automatic).toMatchObject({ allowed: false });
  });
});

describe("automatic", () => {
  const two = [see("vt", "malicious", 3.2), see("av", "malicious", 3.2)];
  test("two independent families beside the source", () => {
    expect(weigh(two).automatic).toEqual({ allowed: true });
  });
  test.each<[string, Observation[], Partial<JudgeInput>, RegExp]>([
    ["one family", [see("vt", "malicious", 3.2)], {}, /fewer than two/],
    ["one family, many times", Array.from({ length: 5 }, () => see("vt", "malicious", 3.2)), {}, /fewer than two/],
    ["two, but only suspicious words beside one", [see("vt", "malicious", 3.2), see("av", "suspicious", 2)], {}, /fewer than two/],
    ["an untrusted source", two, { trusted: false }, /trusted/],
    ["part of it old", [...two, see("ti", "malicious", 3, { at: new Date(now.getTime() - 25 * 3_600_000) })], {}, /older/],
    ["both are the alerts' own", two, { sourceFamilies: new Set(["vt", "av"]) }, /own source/],
    ["an override", two, { override: { verdict: "malicious", by: "Mia", reason: "x" } }, /analyst/],
    ["not malicious", [see("vt", "suspicious", 1)], {}, /not Malicious/],
  ])("not with %s", (_, observations, more, because) => {
    expect(weigh(observations, more).automatic).toMatchObject({ allowed: false, because: expect.stringMatching(because) });
  });
});

describe("properties", () => {
  const observation = fc
    .record({
      family: fc.constantFrom("edr", "vt", "av", "ti", "air-rules"),
      label: fc.constantFrom<Label>("malicious", "suspicious", "benign", "neutral", "failed"),
      weight: fc.constantFrom(...Object.values(WEIGHTS)),
      age: fc.integer({ min: 0, max: 400 }),
    })
    .map(({ family, label, weight, age }) =>
      see(family, label, label === "neutral" || label === "failed" ? 0 : weight, {
        source: family === "edr" ? "alert:edr" : family,
        at: new Date(now.getTime() - age * 3_600_000),
      }),
    );
  const observations = fc.array(observation, { maxLength: 12 });

  test("order changes nothing", () => {
    fc.assert(
      fc.property(
        observations.chain((list) => fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length }))),
        ([list, shuffled]) => {
          expect(weigh(shuffled)).toEqual(weigh(list));
        },
      ),
      { numRuns: 1000 },
    );
  });

  test("the source alone never makes Malicious, whatever it weighs, and its malicious is at least Suspicious", () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 50, noNaN: true }), { minLength: 1, maxLength: 10 }), fc.nat(5000), (weights, days) => {
        const judged = weigh(
          weights.map((weight) => ({ ...source("malicious", weight), at: new Date(now.getTime() - days * 86_400_000) })),
        );
        expect(judged.verdict).toBe("suspicious");
        expect(judged.automatic.allowed).toBe(false);
      }),
    );
  });

  test("one family cannot outvote others by repeating itself", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), (times) => {
        const repeated = weigh(Array.from({ length: times }, () => see("vt", "malicious", 3.2)));
        expect(repeated.score).toBeLessThanOrEqual(THRESHOLDS.familyCap);
        expect(repeated.automatic.allowed).toBe(false);
      }),
    );
  });

  test("No threats found needs somebody who said so", () => {
    fc.assert(
      fc.property(observations, (list) => {
        if (weigh(list).verdict === "noThreatsFound") expect(list.some(({ label }) => label === "benign")).toBe(true);
      }),
    );
  });

  test("automatic needs Malicious, two families, one beside the source, nothing old and no conflict", () => {
    fc.assert(
      fc.property(observations, (list) => {
        const judged = weigh(list);
        if (!judged.automatic.allowed) return;
        const accusing = list.filter(({ label }) => label === "malicious");
        const families = new Set(accusing.map(({ family }) => family));
        expect(judged.verdict).toBe("malicious");
        expect(judged.conflict).toBe(false);
        expect(families.size).toBeGreaterThanOrEqual(2);
        expect([...families].some((family) => family !== "edr")).toBe(true);
        expect(accusing.every(({ at }) => now.getTime() - at.getTime() <= 24 * 3_600_000)).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  test("one more accusation never makes it better, one more acquittal never worse", () => {
    const rank = { noThreatsFound: 0, unknown: 1, suspicious: 2, malicious: 3 } as const;
    fc.assert(
      fc.property(observations, fc.constantFrom("x", "vt"), (list, family) => {
        const before = rank[weigh(list).verdict];
        expect(rank[weigh([...list, see(family, "malicious", 2)]).verdict]).toBeGreaterThanOrEqual(before);
        expect(rank[weigh([...list, see(family, "benign", 2)]).verdict]).toBeLessThanOrEqual(before);
      }),
      { numRuns: 1000 },
    );
  });
});

describe("what may be done without asking (product contract 5)", () => {
  const HOUR = 3_600_000;
  type Seen = { family: string; label: Label; weight: number; age: number };
  const seen: fc.Arbitrary<Seen> = fc.record({
    family: fc.constantFrom<string>("edr", "siem", "vt", "intel", "rules"),
    label: fc.constantFrom<Label>("malicious", "malicious", "malicious", "suspicious", "benign", "neutral", "failed"),
    weight: fc.constantFrom(0, 0.5, 1, 1.5, 2, 3.2),
    age: fc.constantFrom(0, 1, 23, 24, 25, 24 * 40, -0.1, -5),
  });
  const input = fc.record({
    observations: fc.array(seen, { maxLength: 8 }),
    sources: fc.subarray(["edr", "siem"], { minLength: 1 }),
    trusted: fc.boolean(),
  });
  const read = ({ observations, sources, trusted }: { observations: Seen[]; sources: string[]; trusted: boolean }) =>
    judge({
      observations: observations.map((one) => see(one.family, one.label, one.weight, { at: new Date(now.getTime() - one.age * HOUR) })),
      sourceFamilies: new Set(sources),
      trusted,
      now,
    });

  test("only by two families, one of them not the source's, fresh, uncontradicted and trusted", () => {
    let allowed = 0;
    fc.assert(
      fc.property(input, (given) => {
        if (!read(given).automatic.allowed) return;
        allowed++;
        const accusing = given.observations.filter((one) => one.label === "malicious" && one.weight > 0);
        const strong = new Set(
          accusing
            .map((one) => one.family)
            .filter(
              (family) =>
                accusing.filter((one) => one.family === family).reduce((sum, one) => sum + one.weight, 0) >= THRESHOLDS.independent,
            ),
        );
        expect(read(given).verdict).toBe("malicious");
        expect(strong.size).toBeGreaterThanOrEqual(2);
        expect([...strong].some((family) => !given.sources.includes(family))).toBe(true);
        expect(accusing.every((one) => one.age <= 24 && one.age > -0.2)).toBe(true);
        expect(given.trusted).toBe(true);
        expect(given.observations.some((one) => one.label === "benign" && one.weight >= 2 && one.age <= 25)).toBe(false);
      }),
      { numRuns: 5000 },
    );
    expect(allowed).toBeGreaterThan(50);
  });

  test("whatever carries it is needed: without trust, alone, grown old or contradicted it asks", () => {
    fc.assert(
      fc.property(input, (given) => {
        if (!read(given).automatic.allowed) return;
        const asks = (change: Partial<typeof given>) => expect(read({ ...given, ...change }).automatic.allowed).toBe(false);
        asks({ trusted: false });
        asks({ observations: given.observations.filter((one) => given.sources.includes(one.family)) });
        asks({ observations: [...given.observations, { family: "another", label: "benign", weight: 3.2, age: 0 }] });
        asks({ observations: given.observations.map((one) => ({ ...one, age: 25 })) });
        for (const keep of new Set(given.observations.map((one) => one.family)))
          asks({ observations: given.observations.filter((one) => one.family === keep) });
      }),
      { numRuns: 5000 },
    );
  });
});
