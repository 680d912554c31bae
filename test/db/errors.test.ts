import { expect, test } from "vitest";
import { createLog } from "../../src/bot/log.ts";
import { errorFacts } from "../../src/db/errors.ts";
import fc from "../support/fast-check.ts";

const QUERY = 'Failed query: select "params" from "incidents" where "title" ilike $1';
/** As the database driver's errors come: the message holds what the query was given, the cause what the database said of it. */
const failed = (typed: string) =>
  Object.assign(new Error(`${QUERY}\nparams: ${typed}`), {
    cause: Object.assign(new Error(`invalid byte sequence: ${typed}`), { code: "22021" }),
  });

test("what was typed never reaches the log, whatever it looks like", () => {
  fc.assert(
    fc.property(fc.string(), (more) => {
      const typed = `typed${more}\nparams: x\n    at secretly`;
      const lines: string[] = [];
      const log = createLog("error", { write: (line) => void lines.push(line) });
      const error = failed(typed);
      log.error("request failed", { error: errorFacts(error) });
      log.error("the console failed", { error: error.message });
      for (const line of lines) {
        expect(line).toContain("Failed query");
        expect(line).not.toContain("typed");
        expect(line).not.toContain("secretly");
      }
      expect(errorFacts(error)).toMatch(/^Error \(22021\): Failed query: .* \$1\n {4}at /);
    }),
  );
});

test("errors of other kinds keep their words and frames", () => {
  expect(errorFacts(new TypeError("x is no function"))).toMatch(/^TypeError: x is no function\n {4}at /);
  expect(errorFacts("torn")).toBe("torn");
});
