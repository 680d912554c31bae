import { describe, expect, test } from "vitest";
import { COMMANDS, readCommand } from "../../src/bot/commands.ts";
import { helpAnswer } from "../../src/bot/help.ts";
import { plain } from "../../src/engine/cards/card.ts";

const said = (about?: string) => {
  const { title, lines } = helpAnswer(about);
  return [
    title,
    ...lines.flatMap((line) =>
      line.kind === "list"
        ? [line.title ?? "", ...line.items.map(({ mark, text }) => `${mark ?? ""} ${plain(text)}`)]
        : line.kind === "code" || line.kind === "text" || line.kind === "note"
          ? [plain(line.text)]
          : [],
    ),
  ].join("\n");
};

describe("help", () => {
  test("fits a phone's screen and a half, and names every command once", () => {
    const text = said();
    expect(text.length).toBeLessThan(1_500);
    const [, all = ""] = text.split("All of them");
    const words =
      all
        .split("How one is said")[0]
        ?.split(/[,\n]/)
        .map((word) => word.trim()) ?? [];
    for (const { name } of COMMANDS)
      expect(words.filter((word) => word === name || word.endsWith(` ${name}`)).length, name).toBeGreaterThan(0);
  });
  test("help all tells of each", () => {
    const text = said("all");
    for (const { usage, about } of COMMANDS) expect(text).toContain(`${usage}: ${about}`);
  });
  test.each(COMMANDS.map(({ name }) => name))("help %s: how it is said, and who may", (name) => {
    expect(readCommand(`help ${name}`)).toEqual({ kind: "help", about: name });
    expect(said(name)).toContain(COMMANDS.find((command) => command.name === name)?.usage);
    expect(said(name)).toMatch(/Who may: (?!whoever)/);
  });
  test("the examples are understood", () => {
    for (const { name } of COMMANDS) {
      const [, list = ""] = said(name).split("For example\n");
      const examples =
        list
          .split("\nWho may")[0]
          ?.split("\n")
          .map((line) => line.trim()) ?? [];
      for (const example of examples.filter((line) => line !== ""))
        expect([example, readCommand(example).kind]).not.toContain("misunderstood");
    }
  });
  test("a slip of the finger is told, a cry for help is answered", () => {
    expect(readCommand("help aprove")).toMatchObject({ kind: "misunderstood", text: expect.stringContaining('"approve"') });
    expect(readCommand("help me please")).toEqual({ kind: "help" });
    expect(readCommand("help")).toEqual({ kind: "help" });
  });
});
