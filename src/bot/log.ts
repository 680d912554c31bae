import { type Logger, type LoggerOptions, pino } from "pino";
import { withoutParams } from "../db/errors.ts";
import type { Log } from "../engine/ports.ts";

/**
 * One JSON line per fact: ids and counts, never payloads. Whatever looks like a secret is cut out by name as a last line of defence;
 * the code does not hand secrets over in the first place.
 */
export function createLog(level: string, destination?: { write: (line: string) => void }): Log {
  const options = {
    level,
    base: null,
    redact: {
      paths: ["token", "secret", "authorization", "apiKey", "password", "*.token", "*.secret", "*.authorization", "*.apiKey"],
      censor: "(cut)",
    },
    timestamp: () => `,"at":"${new Date().toISOString()}"`,
    formatters: {
      level: (label: string) => ({ level: label }),
      log: (facts: Record<string, unknown>) =>
        Object.fromEntries(Object.entries(facts).map(([name, fact]) => [name, typeof fact === "string" ? withoutParams(fact) : fact])),
    },
  } satisfies LoggerOptions;
  return wrap(destination ? pino(options, destination) : pino(options));
}

type Lines = Logger;

const wrap = (lines: Lines): Log => ({
  info: (message, facts) => lines.info(facts ?? {}, message),
  warn: (message, facts) => lines.warn(facts ?? {}, message),
  error: (message, facts) => lines.error(facts ?? {}, message),
  debug: (message, facts) => lines.debug(facts ?? {}, message),
  child: (facts) => wrap(lines.child(facts)),
});
