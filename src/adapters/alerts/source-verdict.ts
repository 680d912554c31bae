import type { Verdict } from "../../engine/domain/alert.ts";

/** A verdict as sources spell it: `malicious`, `Malicious`, `NoThreatsFound`, `no threats found`, and `Clean` as it was called earlier. */
export function sourceVerdict(word: string): Verdict | undefined {
  switch (word.toLowerCase().replace(/[^a-z]/g, "")) {
    case "malicious":
      return "malicious";
    case "suspicious":
      return "suspicious";
    case "nothreatsfound":
    case "clean":
      return "noThreatsFound";
    case "unknown":
      return "unknown";
    default:
      return undefined;
  }
}
