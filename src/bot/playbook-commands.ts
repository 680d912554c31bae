import fs from "node:fs";
import path from "node:path";
import { alertSources } from "../adapters/alerts/all.ts";
import { readAlerts } from "../adapters/alerts/read-alerts.ts";
import { Refusal } from "../engine/domain/errors.ts";
import { parseExact } from "../engine/domain/exact-json.ts";
import { choosePlaybook, type IncidentFacts, incidentFacts, type Playbook, PlaybookError, rankPlaybooks } from "../engine/playbook.ts";
import { playbookJsonSchema } from "../engine/playbook-shape.ts";
import { explainPlaybook, type InForce } from "./explain-playbook.ts";
import { exampleFileOf, type PlaybookFolder, readFolder, readPlaybookFile, readPlaybooks } from "./load-playbooks.ts";
import { type Example, readExamples } from "./playbook-examples.ts";

/** What a command prints (`lines` on standard output, `problems` on standard error) and the exit code it ends with. */
export type Outcome = { lines: string[]; problems: string[]; code: 0 | 1 | 2 };

const done = (...lines: string[]): Outcome => ({ lines, problems: [], code: 0 });
const failed = (problems: string[], lines: string[] = []): Outcome => ({ lines, problems, code: 1 });
const usage = (...problems: string[]): Outcome => ({ lines: [], problems, code: 2 });

/** `air playbook check`: every fault of the files and folders, or of the built-in playbooks and the team's own, where none is named. */
export function checkPlaybooks(paths: readonly string[], ownDirectory: string | undefined): Outcome {
  if (paths.length === 0) {
    const { playbooks, faults } = readPlaybooks(ownDirectory);
    return said(playbooks, faults);
  }
  const playbooks: Playbook[] = [];
  const faults: string[] = [];
  for (const each of paths) {
    const stat = fs.statSync(each, { throwIfNoEntry: false });
    if (!stat) return usage(`${each} is not there. Name a playbook, or a folder of them.`);
    if (stat.isDirectory()) {
      const folder = readFolder(each, { own: true });
      playbooks.push(...folder.playbooks);
      faults.push(...folder.faults);
      continue;
    }
    try {
      playbooks.push(readPlaybookFile(each, { own: true }));
    } catch (error) {
      if (!(error instanceof PlaybookError)) throw error;
      faults.push(...error.faults);
    }
  }
  return said(playbooks, faults);
}

function said(playbooks: readonly Playbook[], faults: readonly string[]): Outcome {
  if (faults.length > 0) return failed([...faults]);
  if (playbooks.length === 0) return failed(["There is no playbook there: a playbook is a file that ends in .yaml or .yml."]);
  return done(playbooks.length === 1 ? "The playbook is good." : `All ${playbooks.length} playbooks are good.`);
}

/**
 * `air playbook test`: every example must choose the playbook it stands beside (or must not). The examples of the built-in playbooks are
 * held against the built-in ones alone: that a team's own playbook claims one of their alerts is what it was written for.
 */
export function testPlaybooks(names: readonly string[], ownDirectory: string | undefined): Outcome {
  const { playbooks, faults, folders } = readPlaybooks(ownDirectory);
  if (faults.length > 0) return failed(faults);
  const unknown = names.filter((name) => !playbooks.some((playbook) => playbook.name === name));
  if (unknown.length > 0)
    return usage(`There is no playbook ${unknown.join(", ")}. There are ${playbooks.map(({ name }) => name).join(", ")}.`);
  const [builtIn, own] = folders;
  const replaced = new Set(own?.playbooks.map(({ name }) => name));
  const lines: string[] = [];
  const problems: string[] = [];
  let count = 0;
  for (const folder of folders) {
    const against = folder === builtIn ? folder.playbooks : playbooks;
    for (const playbook of folder.playbooks) {
      if (names.length > 0 && !names.includes(playbook.name)) continue;
      if (folder === builtIn && replaced.has(playbook.name)) continue;
      try {
        const results = runExamples(playbook, folder, against);
        count += results.length;
        for (const { ok, text } of results) {
          lines.push(`${ok ? "ok  " : "FAIL"}  ${text}`);
          if (!ok) problems.push(text);
        }
      } catch (error) {
        if (!(error instanceof PlaybookError)) throw error;
        problems.push(...error.faults);
        for (const fault of error.faults) lines.push(`FAIL  ${fault}`);
      }
    }
  }
  if (problems.length > 0) return failed([`${problems.length} of ${count} failed.`], lines);
  return done(...lines, `${count} examples, all as expected.`);
}

function runExamples(playbook: Playbook, folder: PlaybookFolder, against: readonly Playbook[]): { ok: boolean; text: string }[] {
  const name = path.basename(exampleFileOf(playbook.file));
  const shown = exampleFileOf(playbook.file);
  const examples = readExamples(path.join(folder.folder, name), shown);
  if (!examples) {
    throw new PlaybookError([`${playbook.file}:1: has no examples. Write ${name} beside it, with alerts under matches and matchesNot`]);
  }
  const missing = [...(examples.matches.length === 0 ? ["matches"] : []), ...(examples.matchesNot.length === 0 ? ["matchesNot"] : [])];
  if (missing.length > 0) throw new PlaybookError([`${shown}:1: has no alert under ${missing.join(" and under ")}`]);
  const run = (example: Example, wanted: boolean) => {
    const got = choosePlaybook(against, example.facts)?.name ?? "none";
    return {
      ok: (got === playbook.name) === wanted,
      text: `${example.at} "${example.title}": expected ${wanted ? playbook.name : `any but ${playbook.name}`}, got ${got}`,
    };
  };
  return [...examples.matches.map((example) => run(example, true)), ...examples.matchesNot.map((example) => run(example, false))];
}

/** `air playbook schema`: what an editor needs to complete and check a playbook. */
export const playbookSchema = (): string => JSON.stringify(playbookJsonSchema(), null, 2);

/**
 * `air playbook explain`: a playbook in plain words, and for an alert which one is chosen, why, and why not the others.
 * `subject` is the name of a playbook, a playbook's file, or the JSON file of an alert.
 */
export function explain(
  input: { subject: string | undefined; alertFile: string | undefined; source: string },
  ownDirectory: string | undefined,
  inForce: InForce,
): Outcome {
  const { playbooks, faults } = readPlaybooks(ownDirectory);
  const subjectIsAlert = input.subject?.endsWith(".json") ?? false;
  const alertFile = input.alertFile ?? (subjectIsAlert ? input.subject : undefined);
  const subject = subjectIsAlert ? undefined : input.subject;
  if (!subject && !alertFile) return usage("Name a playbook, its file, or the file of an alert (--alert FILE).");
  const lines: string[] = [];
  let known = playbooks;
  if (subject) {
    const found = findPlaybook(subject, playbooks);
    if ("code" in found) return found;
    // One that is not in a folder of playbooks is explained as if it were.
    known = [...playbooks.filter(({ name }) => name !== found.name), found];
    lines.push(...explainPlaybook(found, inForce));
  }
  if (alertFile) {
    const facts = readAlert(alertFile, input.source);
    if ("code" in facts) return facts;
    lines.push(...(lines.length > 0 ? [""] : []), ...explainChoice(known, facts));
  }
  // A broken playbook beside the one asked about changes the choice, so it is said.
  return faults.length > 0 ? failed(faults, lines) : done(...lines);
}

function findPlaybook(subject: string, playbooks: readonly Playbook[]): Playbook | Outcome {
  const named = playbooks.find(({ name }) => name === subject);
  if (named) return named;
  if (!fs.existsSync(subject))
    return usage(`There is no playbook and no file ${subject}. There are ${playbooks.map(({ name }) => name).join(", ")}.`);
  try {
    return readPlaybookFile(subject, { own: false });
  } catch (error) {
    if (error instanceof PlaybookError) return failed([...error.faults]);
    throw error;
  }
}

function readAlert(file: string, sourceName: string): IncidentFacts | Outcome {
  const source = alertSources.find(({ kind }) => kind === sourceName);
  if (!source) return usage(`There is no source ${sourceName}. There are ${alertSources.map(({ kind }) => kind).join(", ")}.`);
  let text: string;
  try {
    text = fs.readFileSync(file, "utf8");
  } catch {
    return usage(`${file} cannot be read.`);
  }
  try {
    const payload = parseExact(text);
    const alerts = readAlerts(source, payload).map((alert) => ({ ...alert, source: sourceName }));
    const [first] = alerts;
    if (!first) return failed([`${file}: holds no alert`]);
    const product = (one: unknown) =>
      typeof one === "object" && one !== null && "product" in one && typeof one.product === "string" ? { product: one.product } : {};
    return incidentFacts(
      first,
      alerts.map((alert) => ({ ...product(alert.raw), ...alert })),
    );
  } catch (error) {
    if (error instanceof SyntaxError) return failed([`${file}: is no JSON: ${error.message}`]);
    if (error instanceof Refusal) return failed([`${file}: ${error.field ?? ""} ${error.message}`]);
    throw error;
  }
}

function explainChoice(playbooks: readonly Playbook[], facts: IncidentFacts): string[] {
  const ranked = rankPlaybooks(playbooks, facts);
  const chosen = ranked.find(({ applies }) => applies);
  const general = ranked.find(({ playbook }) => !playbook.applies);
  return [
    `The alert "${facts.title}": severity ${facts.severity}, category ${facts.categories.join(", ") || "none"}, from ${facts.products.join(", ")}, names ${facts.entityKinds.join(", ") || "nothing"}.`,
    chosen ? `Chosen: ${chosen.playbook.name}, because ${chosen.because}.` : "No playbook applies, and there is no general one.",
    ...(general && chosen && general !== chosen
      ? [`Beside it: ${general.playbook.name}, for whatever else the incident holds and for what is found.`]
      : []),
    "The others, in the order they are asked:",
    ...ranked
      .filter((each) => each !== chosen && each !== general)
      .map(({ playbook, applies, because }) =>
        applies
          ? `  ${playbook.name} (priority ${playbook.priority}) applies too (${because}), but comes after ${chosen?.playbook.name}`
          : `  ${playbook.name} (priority ${playbook.priority}) does not apply: ${because}`,
      ),
  ];
}
