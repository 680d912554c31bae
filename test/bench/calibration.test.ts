import { readdirSync, readFileSync } from "node:fs";
import ipaddr from "ipaddr.js";
import { beforeAll, describe, expect, test } from "vitest";
import { readCases } from "../../bench/calibration/cases.ts";
import { type Judged, judgeCases, measure, wrongOnes } from "../../bench/calibration/judge-cases.ts";

const cases = readCases();
let judged: readonly Judged[] = [];
beforeAll(async () => {
  judged = await judgeCases(cases);
});

describe("the labelled set", () => {
  test("is large enough to say something, in both parts and of every label", () => {
    expect(cases.length).toBeGreaterThanOrEqual(150);
    for (const heldOut of [true, false]) {
      const part = cases.filter((one) => one.heldOut === heldOut);
      expect(part.length / cases.length).toBeGreaterThan(0.25);
      for (const label of ["malicious", "suspicious", "benign"])
        expect(part.filter((one) => one.label === label).length).toBeGreaterThan(15);
    }
  });
  test("every case says what was read, or that it was made", () => {
    expect(cases.filter(({ source }) => source !== "made" && !/^[\w.-]+\/[\w.-]+:[\w./-]+$/.test(source)).map(({ id }) => id)).toEqual([]);
  });
  test("which third is held out depends on a case's id alone", () => {
    const heldOut = Object.fromEntries(cases.map((one) => [one.id, one.heldOut]));
    expect(heldOut).toMatchObject({ "okta-phishing-blocked": true, "entra-lockouts": true, "entra-failed-from-abroad": false });
  });
  test("no address of anybody's stands in it", () => {
    const folder = new URL("../../bench/calibration/cases/", import.meta.url);
    const text = readdirSync(folder)
      .map((file) => readFileSync(new URL(file, folder), "utf8"))
      .join("\n");
    const allowed = ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "127.0.0.0/8"].map((range) => ipaddr.parseCIDR(range));
    const foreign = [...text.matchAll(/(?<![\w.-])\d{1,3}(?:\.\d{1,3}){3}(?![\w.-])/g)]
      .map(([address]) => address)
      .filter((address) => ipaddr.isValid(address) && !allowed.some((range) => ipaddr.parse(address).match(range)));
    expect([...new Set(foreign)]).toEqual([]);
    expect(text.match(/[\w.+-]+@(?!(?:[\w-]+\.)*example\b)[\w-]+\.[a-z]{2,}/g) ?? []).toEqual([]);
  });
});

describe("the verdicts", () => {
  test("no true positive would be closed as No threats found", () => {
    expect(measure(judged).closed).toEqual([]);
  });
  test("nothing benign is judged Malicious", () => {
    expect(measure(judged.filter(({ one }) => !one.heldOut)).harmed).toEqual([]);
  });
  test("a measure adds up", () => {
    const all = measure(judged);
    expect(all.cases).toBe(cases.length);
    expect(all.labels.malicious + all.labels.suspicious + all.labels.benign).toBe(all.cases);
    expect(all.malicious.recall.of).toBe(all.labels.malicious);
    const right = judged.filter(
      ({ one, verdict }) => verdict === one.label || (one.label === "benign" && verdict !== "malicious" && verdict !== "suspicious"),
    );
    expect(right.length + wrongOnes(judged).length).toBe(all.cases);
  });
});
