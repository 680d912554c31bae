import type { Log } from "../../src/engine/ports.ts";

export type LogLine = { level: "info" | "warn" | "error" | "debug"; message: string; facts?: Record<string, unknown> };

/** A log that keeps its lines, for tests that need to know what was said. */
export function rememberingLog(): Log & { lines: LogLine[] } {
  const lines: LogLine[] = [];
  const at = (level: LogLine["level"]) => (message: string, facts?: Record<string, unknown>) => {
    lines.push({ level, message, ...(facts === undefined ? {} : { facts }) });
  };
  const log = { lines, info: at("info"), warn: at("warn"), error: at("error"), debug: at("debug"), child: () => log };
  return log;
}
