import { describe, expect, test } from "vitest";
import { readAlerts } from "../../../src/adapters/alerts/read-alerts.ts";
import type { AlertSource } from "../../../src/adapters/alerts/source.ts";
import { plain } from "../../../src/engine/cards/card.ts";
import { lineCard } from "../../../src/engine/cards/line-card.ts";
import { pageCard } from "../../../src/engine/cards/page-card.ts";
import { isBlank } from "../../../src/engine/domain/blank.ts";
import { classificationText, DETERMINATIONS, determinationText } from "../../../src/engine/domain/incident.ts";
import { pausedBy } from "../../../src/engine/pause.ts";
import { NOW } from "../../support/lab-capabilities.ts";
import { anAlert } from "../../support/open-engine.ts";

const words = (card: ReturnType<typeof pageCard>) =>
  card.lines.flatMap((line) => (line.kind === "note" || line.kind === "text" ? [plain(line.text)] : [])).join("\n");

describe("what is said is so", () => {
  test("in the lab nobody was told: they would be", () => {
    const who = { kind: "person", name: "Bo", on: {} } as const;
    const page = (lab: boolean) => words(pageCard({ incident: "INC-1", lab, told: [{ step: "second", who, text: "Decide.", at: NOW }] }));
    expect(page(true)).toContain("Bo would be told at 2026-10-05 09:00 UTC.");
    expect(page(true)).not.toContain("was told");
    expect(page(false)).toContain("Bo was told at");
  });
  test("several notes: how many they are comes first", () => {
    const note = (text: string) => ({ event: "incident-note", text, at: NOW });
    const card = lineCard({ incident: "INC-1", lab: false, happened: ["Ana: one", "Ana: two", "Bo: three"].map(note) });
    expect(card.title).toBe("3 notes");
    expect(card.summary).toBe("3 notes, first: Ana: one (INC-1)");
    expect(lineCard({ incident: "INC-1", lab: false, happened: [note("Ana: one")] }).summary).toBe("Note: Ana: one (INC-1)");
  });
  test("what expired can be asked for again from where it is said", () => {
    const lapsed = (action: string) => ({ event: "action-expired", text: `${action} expired: nothing was done.`, at: NOW, action });
    const [only] = lineCard({ incident: "INC-1", lab: false, happened: [lapsed("ACT-4")] }).buttons;
    expect(only).toEqual({ label: "Propose again", style: "plain", value: "say:propose ACT-4" });
    const two = lineCard({ incident: "INC-1", lab: false, happened: [lapsed("ACT-4"), lapsed("ACT-5")] });
    expect(two.buttons.map(({ label }) => label)).toEqual(["Propose ACT-4 again", "Propose ACT-5 again"]);
  });
  test("determinations are words, and an abbreviation is one", () => {
    expect(determinationText("apt")).toBe("APT");
    expect(classificationText("truePositive", "multiStagedAttack")).toBe("true positive, multi-stage attack");
    for (const name of Object.values(DETERMINATIONS).flat()) expect(determinationText(name)).not.toMatch(/[a-z][A-Z]/);
  });
  test("a pause says which actions wait", () => {
    const pause = { by: "Ana", at: NOW.toISOString(), reason: "change freeze" };
    expect(pausedBy({ ...pause, family: "device" })).toBe("Device actions are paused by Ana: change freeze.");
    expect(pausedBy({ ...pause, family: "all" })).toBe("Executions are paused by Ana: change freeze.");
  });
});

describe("a text in which nothing can be seen", () => {
  test.each([
    ["", true],
    [" \t\n", true],
    ["\u200b", true],
    ["\u200b\u2060\ufeff \u00ad\u3164\u2800\u202e", true],
    [".", false],
    ["\u200bx", false],
    ["日本", false],
    ["🙂", false],
  ])("%j: %s", (text, blank) => {
    expect(isBlank(text)).toBe(blank);
  });
  test("as a title it is said to be none: an alert is not lost over it", () => {
    const source: AlertSource = { kind: "x", parse: () => anAlert([], { title: "\u200b" }) };
    expect(readAlerts(source, {})[0]?.title).toBe("(no title)");
  });
});
