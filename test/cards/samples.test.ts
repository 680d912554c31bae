import fs from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { renderCard } from "../../src/adapters/console/html.ts";
import { textOf, toMessage } from "../../src/adapters/slack/blocks.ts";
import { checkMessage, checkView } from "../../src/adapters/slack/check-blocks.ts";
import { toAdaptiveCard } from "../../src/adapters/teams/adaptive-card.ts";
import { ACTION_STATES } from "../../src/engine/domain/action.ts";
import { schemaFaults } from "../support/adaptive-card-schema.ts";
import { samples } from "./samples.ts";
import { viewSamples } from "./view-samples.ts";

/** Every function that makes a card or part of one, by the names of what the files of cards export. */
async function cardFunctions(): Promise<string[]> {
  const files = [
    ...fs.readdirSync("src/engine/cards").map((file) => `src/engine/cards/${file}`),
    ...fs
      .readdirSync("src/bot")
      .filter((file) => file.endsWith("-card.ts"))
      .map((file) => `src/bot/${file}`),
  ];
  const modules = await Promise.all(files.map((file) => import(path.resolve(file)) as Promise<Record<string, unknown>>));
  return modules.flatMap((all) => Object.keys(all).filter((name) => /Card$|^evidenceLines$/.test(name) && typeof all[name] === "function"));
}

describe("the samples", () => {
  test("hold every card air makes", async () => {
    const made = await cardFunctions();
    expect(made.length).toBeGreaterThan(8);
    expect(made.filter((name) => !samples.some((sample) => sample.by === name))).toEqual([]);
  });
  test("hold every state of an action", () => {
    expect(ACTION_STATES.filter((state) => !samples.some((sample) => sample.state === state))).toEqual([]);
  });
  test("are named once", () => {
    const names = [...samples, ...viewSamples].map((sample) => `${sample.group} ${sample.name}`);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  });
});

describe.each(viewSamples)("$group: $name", ({ name, view, teams }) => {
  test("Slack and Teams would take it, whole", () => {
    expect(checkView(view)).toEqual([]);
    expect(teams ? schemaFaults(teams) : []).toEqual([]);
    expect(Buffer.byteLength(JSON.stringify(teams ?? {}))).toBeLessThanOrEqual(25_000);
    const text = JSON.stringify(view.blocks);
    expect(text).not.toMatch(/undefined|NaN|\[object|Invalid Date/);
    if (!/hostile|what a message names/.test(name)) expect(text).not.toMatch(/Cut to fit|…/);
  });
});

describe.each(samples)("$group: $name", ({ name, card }) => {
  test("Slack and Teams would take it, and the console draws no markup of theirs", () => {
    const message = toMessage(card);
    expect(checkMessage(message)).toEqual([]);
    expect(message.blocks.length).toBeLessThanOrEqual(40);
    expect(textOf(message.blocks)).toBeLessThanOrEqual(10_000);
    const adaptive = toAdaptiveCard(card);
    expect(schemaFaults(adaptive)).toEqual([]);
    expect(Buffer.byteLength(JSON.stringify(adaptive))).toBeLessThanOrEqual(25_000);
    expect(renderCard(card, "x")).not.toMatch(/<b onclick|<!channel>|href="(?!https:\/\/air\.contoso\.example\/)/);
  });
  test("the push text says in its first 100 characters what it is about", () => {
    const start = card.summary.slice(0, 100);
    expect(start.trim().length).toBeGreaterThan(10);
    expect(start).not.toMatch(/undefined|null|\[object|\s\.|\.\./);
  });
  test("nothing is repeated, empty or unfinished in it", () => {
    const text = JSON.stringify(card.lines);
    expect(text).not.toMatch(/undefined|NaN|\[object|Invalid Date/);
    // What others wrote may end as it likes; a sentence of ours ends once.
    if (!/hostile/.test(name)) expect(text).not.toMatch(/[a-z)] \.(?![a-z])|[a-z)]\.\.(?!\.)/);
    const labels = card.buttons.map((button) => button.label);
    expect(new Set(labels).size).toBe(labels.length);
    for (const label of labels) expect(label.length).toBeLessThanOrEqual(24);
  });
});
