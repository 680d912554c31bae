import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { csvRows, EXPORT_COLUMNS, toCsv } from "../../src/bot/export-rows.ts";
import { type LogRow, logRows } from "../../src/bot/investigation-log.ts";
import { decideAction } from "../../src/engine/decide-action.ts";
import { executeAction } from "../../src/engine/execute-action.ts";
import { ConnectorError } from "../../src/engine/ports.ts";
import { fakeEndpointProduct } from "../support/fake-endpoint-product.ts";
import { knowing, MALICIOUS, malware, steps } from "../support/investigating.ts";
import { NOW } from "../support/lab-capabilities.ts";
import { approver, type Engine, openEngine, testPolicy } from "../support/open-engine.ts";
import { DATABASES } from "../support/open-test-db.ts";

const MINUTE = 60_000;
const COLUMNS = [
  "id",
  "actionType",
  "action",
  "status",
  "deviceName",
  "description",
  "comments",
  "timeCreated",
  "executionStart",
  "duration",
  "pendingDuration",
  "queuedDuration",
];

describe.each(DATABASES)("the log of an investigation, %s", (kind) => {
  let engine: Engine;
  let rows: LogRow[];
  let name: string;
  const at = (minutes: number) => new Date(NOW.getTime() + minutes * MINUTE);
  beforeAll(async () => {
    engine = await openEngine(kind);
    const given = steps(engine);
    const product = fakeEndpointProduct();
    const { alert, device } = malware({ verdict: "malicious", alert: { title: '=HYPERLINK("http://evil.example")' } });
    name = device;
    product.add(name);
    const broken = knowing("broken", () => undefined);
    broken.broken = new ConnectorError("refused", "not asked: quota");
    engine.world.policy = testPolicy;
    engine.world.capabilities = {
      ...product.capabilities,
      reputation: [knowing("vt", (entity) => (entity.kind === "file" ? MALICIOUS : undefined)), broken],
    };
    const id = await given.begin(alert);
    engine.world.now = at(2);
    await given.toTheEnd(id);
    const isolate = (await engine.store.actionsOf(id)).find((action) => action.kind === "isolate-device");
    engine.world.now = at(12);
    await decideAction(engine.air, approver("Ada"), { action: isolate?.id ?? 0, decision: "approve", reason: 'it is real, "really"' });
    engine.world.now = at(15);
    product.slow = true;
    await executeAction(engine.air, isolate?.id ?? 0, engine.settle);
    engine.world.now = at(20);
    product.finish("done");
    await executeAction(engine.air, isolate?.id ?? 0, engine.settle);
    rows = logRows({
      evidence: await engine.store.evidenceOf(id),
      observations: await engine.store.observationsOf(id),
      actions: await engine.store.actionsOf(id),
      timeline: await engine.store.timelineOf(id),
    });
  });
  afterAll(() => engine.close());
  const find = (match: (row: LogRow) => boolean) => {
    const found = rows.find(match);
    if (!found) throw new Error("no such line");
    return found;
  };

  test("every line has every column, oldest first, and an id of its own", () => {
    for (const row of rows) expect(Object.keys(row)).toEqual(expect.arrayContaining(COLUMNS));
    expect(new Set(rows.map((row) => row.id)).size).toBe(rows.length);
    const times = rows.map((row) => row.at);
    expect(times).toEqual([...times].sort());
    expect(new Set(rows.map((row) => row.actionType))).toEqual(new Set(["Analysis", "Remediation", "Event"]));
  });

  test("a look-up: what was asked of which evidence, how long it waited, with the source", () => {
    const look = find((row) => row.action === "file-reputation/vt");
    expect(look).toMatchObject({
      actionType: "Analysis",
      status: "Completed",
      deviceName: name,
      description: expect.stringContaining("vt has looked"),
      comments: expect.stringContaining("vt"),
      timeCreated: at(0).toISOString(),
      executionStart: at(2).toISOString(),
      queuedDuration: 2 * MINUTE,
      pendingDuration: null,
      event: "look",
    });
    expect(look.duration).toBeGreaterThanOrEqual(0);
    expect(find((row) => row.action === "file-reputation/broken")).toMatchObject({
      status: "Failed",
      event: "look-failed",
      description: expect.stringContaining("not asked: quota"),
    });
  });

  test("an action: how long it waited for a person, for its turn, and how long it took; told once", () => {
    expect(find((row) => row.action === "isolate-device")).toMatchObject({
      actionType: "Remediation",
      status: "Done",
      deviceName: name,
      description: `Isolate ${name}`,
      timeCreated: at(2).toISOString(),
      pendingDuration: 10 * MINUTE,
      queuedDuration: 3 * MINUTE,
      executionStart: at(15).toISOString(),
      duration: 5 * MINUTE,
      comments: expect.stringContaining('Ada: it is real, "really"'),
      by: "Ada",
    });
    expect(find((row) => row.action === "block-indicator")).toMatchObject({
      executionStart: null,
      duration: null,
      pendingDuration: null,
      queuedDuration: null,
    });
    expect(rows.filter((row) => row.event === "action-proposed")).toEqual([]);
  });

  test("what else happened, with who did it", () => {
    expect(find((row) => row.event === "decision.approve")).toMatchObject({ actionType: "Event", by: expect.stringContaining("Ada") });
    expect(find((row) => row.event === "action-succeeded")).toMatchObject({ at: at(20).toISOString() });
  });

  test("as CSV: one line each, the same columns, and no cell a spreadsheet would run", () => {
    const csv = toCsv(EXPORT_COLUMNS.log, csvRows.log(rows));
    expect(csv.startsWith(COLUMNS.join(","))).toBe(true);
    expect(csv.endsWith("\r\n")).toBe(true);
    expect(csv).toContain('""really""');
    const cells = parseCsv(csv);
    expect(cells).toHaveLength(rows.length + 1);
    for (const line of cells) {
      expect(line).toHaveLength(cells[0]?.length ?? 0);
      for (const cell of line) expect(cell).not.toMatch(/^[=+\-@\t\r]/);
    }
  });
});

/** RFC 4180. */
function parseCsv(text: string): string[][] {
  const lines: string[][] = [];
  let line: string[] = [];
  let cell = "";
  let quoted = false;
  for (let index = 0; index < text.length; index++) {
    const letter = text[index];
    if (quoted) {
      if (letter === '"' && text[index + 1] === '"') {
        cell += '"';
        index++;
      } else if (letter === '"') quoted = false;
      else cell += letter;
    } else if (letter === '"') quoted = true;
    else if (letter === ",") {
      line.push(cell);
      cell = "";
    } else if (letter === "\r" && text[index + 1] === "\n") {
      lines.push([...line, cell]);
      line = [];
      cell = "";
      index++;
    } else cell += letter;
  }
  return lines;
}
