import type { Severity } from "../../engine/domain/alert.ts";

/** A severity as products spell it, or undefined for a word that is none of theirs. */
export function severityWord(word: string | undefined): Severity | undefined {
  switch (word?.trim().toLowerCase()) {
    case "informational":
    case "information":
    case "info":
    case "notice":
    case "none":
      return "informational";
    case "low":
    case "minor":
      return "low";
    case "medium":
    case "moderate":
    case "warning":
    case "warn":
      return "medium";
    case "high":
    case "major":
    case "error":
      return "high";
    case "critical":
    case "severe":
    case "fatal":
    case "emergency":
      return "critical";
    default:
      return undefined;
  }
}
