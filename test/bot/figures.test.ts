import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readCommand } from "../../src/bot/commands.ts";
import { readExport } from "../../src/bot/export-rows.ts";
import { reportCard } from "../../src/engine/cards/report-card.ts";
import { type AskedSpan, readSpanWords, spanOf, spanText, writeSpan } from "../../src/engine/domain/report-span.ts";
import { busyWeek } from "../cards/report-samples.ts";
import { eventually } from "../support/eventually.ts";
import { type List, openAir, type TestAir } from "../support/running-air.ts";

describe("which span a report is of", () => {
  const ZONE = "Europe/Berlin";
  const now = new Date("2026-11-18T10:00:00Z");
  const said = (text: string) => {
    const asked = readSpanWords(text.split(" "));
    return asked && spanText(spanOf(asked, now, ZONE), ZONE);
  };
  test.each([
    ["", "2026-11-11 to 2026-11-18"],
    ["7d", "2026-11-11 to 2026-11-18"],
    ["30 days", "2026-10-19 to 2026-11-18"],
    ["week", "2026-11-16 to 2026-11-18"],
    ["last week", "2026-W46 (2026-11-09 to 2026-11-15)"],
    ["last-week", "2026-W46 (2026-11-09 to 2026-11-15)"],
    ["2026-W46", "2026-W46 (2026-11-09 to 2026-11-15)"],
    ["2026-w1", "2026-W01 (2025-12-29 to 2026-01-04)"],
    // The clock is turned back in it: seven days and an hour.
    ["2026-W43", "2026-W43 (2026-10-19 to 2026-10-25)"],
    ["2026-11-01T00:00:00.000Z/2026-11-08T00:00:00.000Z", "2026-11-01 to 2026-11-08"],
  ])("%s", (text, span) => {
    expect(said(text)).toBe(span);
    const asked = readSpanWords(text.split(" ")) as AskedSpan;
    expect(spanOf(readSpanWords([writeSpan(asked)]) as AskedSpan, now, ZONE)).toEqual(spanOf(asked, now, ZONE));
  });
  test.each([
    "0d",
    "367d",
    "2026-W54",
    "2025-W53",
    "2026-W00",
    "tomorrow",
    "2026-11-08/2026-11-01",
    "2020-01-01/2026-11-01",
    "x/y",
    "a/b/c",
  ])("%s is none", (text) => {
    expect(said(text)).toBeUndefined();
    expect(readCommand(`report ${text}`)).toMatchObject({ kind: "misunderstood", text: expect.stringContaining("no span") });
    expect(readCommand(`report ${text} csv`)).toMatchObject({ kind: "misunderstood", text: expect.stringContaining("no span") });
  });
  test("a week that is turned is as long as the clocks say", () => {
    const { from, to } = spanOf({ week: "2026-W43" }, now, ZONE);
    expect((to.getTime() - from.getTime()) / 3_600_000).toBe(7 * 24 + 1);
  });
  test("as a file it is asked for by the same words", () => {
    expect(readCommand("report last week csv")).toEqual({ kind: "export", asked: readExport("report span=last-week") });
    expect(readCommand("report CSV")).toMatchObject({ kind: "export", asked: { what: "report", span: { days: 7 } } });
    expect(() => readExport("report since=7d")).toThrow("no filter of a report");
    const button = reportCard(busyWeek).buttons.find(({ label }) => label === "As CSV")?.value ?? "";
    expect(readCommand(button.replace("say:", ""))).toMatchObject({
      kind: "export",
      asked: { what: "report", span: { from: busyWeek.from, to: busyWeek.to } },
    });
  });
});

describe("figures over HTTP, in chat and for a monitoring system", () => {
  let air: TestAir;
  let incident: string;
  beforeAll(async () => {
    air = await openAir();
    const device = "WS-FIG-1";
    const accepted = await air.post("/v1/alerts/generic", {
      id: "figures-1",
      title: `Malware on ${device}`,
      severity: "high",
      entities: [
        { kind: "device", name: device },
        {
          kind: "file",
          name: "eicar.com",
          sha256: "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f",
          device,
          verdict: "malicious",
        },
      ],
    });
    incident = accepted.as<{ accepted: { incident: string }[] }>().accepted[0]?.incident ?? "";
    await eventually(async () => (await ofIncident()).ms.verdict ?? undefined, "a verdict");
    await air.post("/v1/say", { text: `ack ${incident}` });
  });
  afterAll(() => air?.remove());
  type Figures = { acknowledgedAt: string; verdictAt: string; playbook: string; ms: Record<string, number | null> };
  const ofIncident = async () => (await air.ask(`/v1/incidents/${incident}`)).as<{ figures: Figures }>().figures;

  test("of one incident", async () => {
    const { ms, playbook, verdictAt } = await ofIncident();
    expect(ms.acknowledge).toBeGreaterThanOrEqual(0);
    expect(ms.verdict).toBeGreaterThanOrEqual(0);
    expect(playbook).toBe("malware-on-device");
    expect(Date.parse(verdictAt)).toBeGreaterThan(0);
  });

  test("of many, by group or one by one, as JSON and as a file; what is wrong is named", async () => {
    type Row = { group: string | null; incidents: number; acknowledge: { n: number; p50: number | null } };
    const all = (await air.ask("/v1/figures")).as<List<Row> & { timeZone: string; lab: boolean }>();
    expect(all).toMatchObject({
      items: [{ group: null, incidents: 1, acknowledge: { n: 1 }, decision: { n: 0, p50: null } }],
      next: null,
      lab: true,
    });
    for (const [by, group] of [
      ["playbook", "malware-on-device"],
      ["severity", "high"],
      ["source", "generic"],
      ["approver", null],
      ["family", null],
    ])
      expect([by, (await air.ask(`/v1/figures?by=${by}&since=2d`)).as<List<Row>>().items]).toMatchObject([by, [{ group, incidents: 1 }]]);
    expect((await air.ask("/v1/figures?by=week")).as<List<Row>>().items[0]?.group).toMatch(/^\d{4}-W\d\d$/);
    expect((await air.ask("/v1/figures?since=2020-01-01&until=2020-02-01")).json).toMatchObject({ items: [{ incidents: 0 }] });
    expect((await air.ask("/v1/figures?by=incident&severity=high")).json).toMatchObject({
      items: [{ id: incident, severity: "high" }],
      next: null,
    });
    const csv = await air.ask("/v1/figures?by=severity", { headers: { accept: "text/csv" } });
    expect(csv.text).toMatch(/^group,incidents,acknowledgeN,acknowledgeP50Ms,.*\r\nhigh,1,1,\d+,/);
    const each = await air.ask("/v1/figures?by=incident", { headers: { accept: "text/csv" } });
    expect(each.text).toMatch(new RegExp(`^id,severity,.*\\r\\n${incident},high,open,`));
    for (const [query, field] of [
      ["by=person", "by"],
      ["by=severity&severity=high", "severity"],
      ["since=yesterday", "since"],
      ["since=1d&until=2d", "since"],
    ]) {
      const answer = await air.ask(`/v1/figures?${query}`);
      expect([query, answer.status, answer.json]).toMatchObject([query, 400, { error: { field } }]);
    }
  });

  test("the report as JSON, as a file, as a card; an export by chat says where it is", async () => {
    expect((await air.ask("/v1/report?span=7d")).json).toMatchObject({
      lab: true,
      counts: { incidents: [{ severity: "high", incidents: 1 }] },
    });
    const csv = await air.ask("/v1/report?span=7d", { headers: { accept: "text/csv" } });
    expect(csv.text).toMatch(/^from,to,timeZone,lab,section,.*\r\n.*,incidents,high,open,1,/);
    expect((await air.ask("/v1/report?span=tomorrow")).status).toBe(400);
    const said = async (text: string) => (await air.post("/v1/say", { text })).text;
    expect(await said("report 7d")).toContain("1 incident from 1 alert, 1 still open.");
    const where = await said("report last week csv");
    expect(where).toContain("/v1/report?span=last-week");
    expect(where).toContain("air export report span=last-week");
    expect(await said("export figures severity=high")).toContain("/v1/figures?by=incident&severity=high");
    expect(await said("report yesterday")).toContain("is no span a report can be of");
  });

  test("gauges of the last days, by playbook and family, and nobody's name", async () => {
    const { text } = await air.ask("/metrics");
    expect(text).toMatch(/^air_time_to_verdict_seconds\{playbook="malware-on-device",family="all",quantile="0.5"\} [\d.]+$/m);
    expect(text).toMatch(/^air_time_to_verdict_incidents\{playbook="all",family="all"\} 1$/m);
    expect(text).toMatch(/^air_incidents\{severity="high",outcome="open"\} 1$/m);
    for (const name of ["acknowledge", "decision", "containment"]) expect(text).toContain(`# TYPE air_time_to_${name}_seconds gauge`);
    expect(text).toContain("# TYPE air_pages gauge");
    expect(text).toContain("# TYPE air_automatic_actions gauge");
    expect(text).not.toMatch(/keller|WS-FIG|generic/i);
  });
});
