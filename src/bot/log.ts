import { pino } from "pino";
import type { Log } from "../engine/ports.ts";

/**
 * One JSON line per fact: ids and counts, never payloads. Whatever looks like a secret is cut out by name as a last line of defence;
 * the code does not hand secrets over in the first place.
 */
export function createLog(level: string, destination?: { write: (line: string) => void }): Log {
  const options = {
    level,
    base: undefined,
    redact: {
      paths: ["token", "secret", "authorization", "apiKey", "password", "*.token", "*.secret", "*.authorization", "*.apiKey"],
      censor: "(cut)",
    },
    timestamp: () => `,"at":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  return wrap(destination ? pino(options, destination) : pino(options));
}

type Lines = Pick<ReturnType<typeof pino>, "info" | "warn" | "error" | "debug" | "child">;

const wrap = (lines: Lines): Log => ({
  info: (message, facts) => lines.info(facts ?? {}, message),
  warn: (message, facts) => lines.warn(facts ?? {}, message),
  error: (message, facts) => lines.error(facts ?? {}, message),
  debug: (message, facts) => lines.debug(facts ?? {}, message),
  child: (facts) => wrap(lines.child(facts)),
});
