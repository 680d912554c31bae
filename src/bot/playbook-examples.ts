import fs from "node:fs";
import { isNode, LineCounter, parseDocument } from "yaml";
import { z } from "zod";
import { generic } from "../adapters/alerts/generic.ts";
import { Refusal } from "../engine/domain/errors.ts";
import { type IncidentFacts, incidentFacts, PlaybookError } from "../engine/playbook.ts";

/** An alert of an example file, with what a playbook may know of it. `at` is `file:line`. */
export type Example = { at: string; title: string; facts: IncidentFacts };
export type Examples = { matches: Example[]; matchesNot: Example[] };

const MAX_BYTES = 1024 * 1024;
const alerts = z.array(z.record(z.string(), z.unknown())).max(500).default([]);
const Shape = z.strictObject({ matches: alerts, matchesNot: alerts });
const Product = z.object({ product: z.string().min(1).max(256).optional() });

/**
 * The examples beside a playbook: alerts in the generic shape that must choose it (`matches`) and must not (`matchesNot`); an alert may
 * also say the `product` that raised it. Undefined: there is no such file. Throws PlaybookError.
 */
export function readExamples(file: string, shown: string): Examples | undefined {
  if (!fs.existsSync(file)) return undefined;
  if (fs.statSync(file).size > MAX_BYTES) throw new PlaybookError([`${shown}:1: is larger than 1 MiB`]);
  const lines = new LineCounter();
  const document = parseDocument(fs.readFileSync(file, "utf8"), { schema: "core", lineCounter: lines, uniqueKeys: true, merge: false });
  const at = (path: readonly PropertyKey[]) => {
    for (let length = path.length; length > 0; length--) {
      const node = document.getIn(path.slice(0, length), true);
      if (isNode(node) && node.range) return `${shown}:${lines.linePos(node.range[0]).line}`;
    }
    return `${shown}:1`;
  };
  const [error] = document.errors;
  if (error) throw new PlaybookError([`${shown}:${lines.linePos(error.pos[0]).line}: ${error.message.split("\n")[0]}`]);
  const parsed = Shape.safeParse(document.toJS({ maxAliasCount: 100 }) ?? {});
  if (!parsed.success)
    throw new PlaybookError(parsed.error.issues.map((issue) => `${at(issue.path)}: ${issue.path.join(".")}: ${issue.message}`));
  const faults: string[] = [];
  const read = (list: "matches" | "matchesNot") =>
    parsed.data[list].flatMap((payload, index) => {
      try {
        const alert = generic.parse(payload);
        const { product } = Product.parse(payload);
        const facts = incidentFacts(alert, [{ ...alert, source: "generic", ...(product ? { product } : {}) }]);
        return [{ at: at([list, index]), title: alert.title, facts }];
      } catch (problem) {
        if (!(problem instanceof Refusal || problem instanceof z.ZodError)) throw problem;
        const text = problem instanceof Refusal ? `${problem.field ?? ""} ${problem.message}`.trim() : "product: must be text";
        faults.push(`${at([list, index])}: ${text}`);
        return [];
      }
    });
  const examples = { matches: read("matches"), matchesNot: read("matchesNot") };
  if (faults.length > 0) throw new PlaybookError(faults);
  return examples;
}
