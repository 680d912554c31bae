import type { Analyzer } from "./analyzer.ts";
import { commandLine } from "./command-line.ts";
import { deviceFacts } from "./device-facts.ts";
import { filePrevalence } from "./file-prevalence.ts";
import { fileReputation } from "./file-reputation.ts";
import { ipReputation } from "./ip-reputation.ts";
import { mailContents } from "./mail-contents.ts";
import { mailLinks } from "./mail-links.ts";
import { signIns } from "./sign-ins.ts";
import { urlReputation } from "./url-reputation.ts";

/** Every analyzer air has; a playbook names them, and one that is not here does not exist. */
export const analyzers: readonly Analyzer[] = [
  fileReputation,
  urlReputation,
  ipReputation,
  commandLine,
  signIns,
  mailContents,
  mailLinks,
  filePrevalence,
  deviceFacts,
];
