import { alertHistory } from "./alert-history.ts";
import type { Analyzer } from "./analyzer.ts";
import { appFacts } from "./app-facts.ts";
import { cloudCredentials } from "./cloud-credentials.ts";
import { commandLine } from "./command-line.ts";
import { deviceFacts } from "./device-facts.ts";
import { dlpViolations } from "./dlp-violations.ts";
import { domainReputation } from "./domain-reputation.ts";
import { filePrevalence } from "./file-prevalence.ts";
import { fileReputation } from "./file-reputation.ts";
import { indicatorLists } from "./indicator-lists.ts";
import { ipReputation } from "./ip-reputation.ts";
import { mailClusters } from "./mail-clusters.ts";
import { mailContents } from "./mail-contents.ts";
import { mailDelegation } from "./mail-delegation.ts";
import { mailForwarding } from "./mail-forwarding.ts";
import { mailIndicators } from "./mail-indicators.ts";
import { mailLinks } from "./mail-links.ts";
import { mailVolume } from "./mail-volume.ts";
import { missedMail } from "./missed-mail.ts";
import { outboundMail } from "./outbound-mail.ts";
import { outboundThreats } from "./outbound-threats.ts";
import { ownPrevalence } from "./own-prevalence.ts";
import { persistence } from "./persistence.ts";
import { processTree } from "./process-tree.ts";
import { sandboxReport } from "./sandbox-report.ts";
import { seenElsewhere } from "./seen-elsewhere.ts";
import { senderDomain } from "./sender-domain.ts";
import { senderIp } from "./sender-ip.ts";
import { signIns } from "./sign-ins.ts";
import { urlClicks } from "./url-clicks.ts";
import { urlReputation } from "./url-reputation.ts";
import { userActivity } from "./user-activity.ts";
import { userReport } from "./user-report.ts";

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
  seenElsewhere,
  deviceFacts,
  processTree,
  persistence,
  sandboxReport,
  indicatorLists,
  ownPrevalence,
  alertHistory,
  cloudCredentials,
  mailIndicators,
  mailClusters,
  mailVolume,
  missedMail,
  senderDomain,
  senderIp,
  urlClicks,
  userReport,
  mailForwarding,
  mailDelegation,
  outboundMail,
  outboundThreats,
  dlpViolations,
  userActivity,
  domainReputation,
  appFacts,
];
