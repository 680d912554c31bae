import { type Logger, LogLevel } from "@slack/bolt";
import type { Log } from "../../engine/ports.ts";

/** The SDK's own log lines in ours. Its debug level writes whole payloads, so that level is not passed on. */
export function boltLogger(log: Log): Logger {
  const line = (parts: unknown[]) =>
    parts
      .map((part) => (part instanceof Error ? part.message : String(part)))
      .join(" ")
      .slice(0, 500);
  return {
    debug: () => undefined,
    info: (...parts) => log.debug(line(parts)),
    warn: (...parts) => log.warn(line(parts)),
    error: (...parts) => log.error(line(parts)),
    setLevel: () => undefined,
    getLevel: () => LogLevel.INFO,
    setName: () => undefined,
  };
}
