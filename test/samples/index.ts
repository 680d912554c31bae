import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { parserOf } from "../../src/adapters/alerts/all.ts";
import type { AlertSource } from "../../src/adapters/alerts/source.ts";
import { readConfig } from "../../src/bot/config.ts";

/*
 * What products really send, or document that they send: the shape of each sample is that of the place named here (fields present and
 * missing, nulls, odd case, kinds of timestamp), every value is ours. Nothing was copied but names of fields and of products.
 */
const PANTHER = "panther-labs/panther-analysis:rules/";
const GRAPH_DOCS = "microsoftgraph/microsoft-graph-docs-contrib:api-reference/v1.0/";
const DEFENDER_DOCS = "MicrosoftDocs/defender-docs:";
const GUARDDUTY_EVENTS = "aws-samples/amazon-guardduty-automated-response-sample:events/";
const STIX = "opencybersecurityalliance/stix-shifter:stix_shifter_modules/aws_guardduty/tests/stix_translation/";
const OCSF = "ocsf/examples:mappings/markdown/";
const SUMO = "SumoLogic/sumologic-documentation:docs/integrations/microsoft-azure/";
const ELASTIC = "elastic/kibana:x-pack/test/functional/es_archives/security_solution/alerts/8.1.0/data.json";
/** Read in an index of public code that gives the text and neither repository nor path. */
const unnamed = (what: string) => `public code, repository not shown: ${what}`;
/** No sample is published: made from the field lists of the resource pages, or from another sample with strings nobody wishes for. */
const made = (from: string) => `made from ${from}`;

/** By folder and file: where the shape was read. */
const READ_IN: Readonly<Record<string, string>> = {
  "graph/hidden-file": `${GRAPH_DOCS}api/security-list-alerts_v2.md`,
  "graph/wmi-persistence": `${GRAPH_DOCS}api/security-list-incidents.md (of March 2026)`,
  "graph/anonymous-ip-log-platform": `${PANTHER}microsoft_rules/microsoft_graph_passthrough.yml`,
  "graph/password-spray-log-platform": `${PANTHER}microsoft_rules/microsoft_graph_passthrough.yml`,
  "graph/resolved-without-evidence": `${PANTHER}microsoft_rules/microsoft_graph_passthrough.yml`,
  "graph/informational-without-evidence": `${PANTHER}microsoft_rules/microsoft_graph_passthrough.yml`,
  "graph/anomalous-token": `${SUMO}microsoft-entra-id-protection.md`,
  "graph/atypical-travel-placeholders": `${SUMO}microsoft-defender-for-endpoint.md`,
  "graph/url-removed-senders-as-text": unnamed("tests of a Defender XDR collector"),
  "graph/reported-by-user": unnamed("tests of a service for reported mail"),
  "graph/url-removed-after-delivery": unnamed("tests of an OCSF parser, payloads as captured from a tenant"),
  "graph/suspicious-powershell": unnamed("tests of an OCSF parser, payloads as captured from a tenant"),
  "graph/garbled-evidence": unnamed("tests of an OCSF parser"),
  "graph/blocked-file-resolved": unnamed("tests of a Defender XDR collector"),
  "graph/blocked-file-open": unnamed("tests of a Defender XDR collector"),
  "graph/golden-ticket": unnamed("tests of a Defender XDR collector"),
  "graph/prevented-ransomware": unnamed("tests of a Defender XDR collector"),
  "graph/fields-in-the-wrong-place": unnamed("tests of a Graph connector"),
  "graph/data-loss-prevention": unnamed("tests of a scanner for card numbers"),
  "graph/unknown-evidence-and-short-hash": unnamed("tests of an incident transform"),
  "graph/lockbit": unnamed("sample alerts of a SOC agent"),
  "graph/powershell-download": unnamed("tests of a source adapter"),
  "graph/domain-controller": unnamed("tests of an investigation library"),
  "graph/every-other-evidence": made(`${GRAPH_DOCS}resources/security-*evidence.md, their field lists`),
  "graph/hostile-strings": made("graph/wmi-persistence"),
  "guardduty/ec2-unusual-protocol": `${GUARDDUTY_EVENTS}guardduty_ec2_event.json`,
  "guardduty/iam-malicious-caller-sample": `${GUARDDUTY_EVENTS}guardduty_iam_event.json`,
  "guardduty/s3-parrot-linux-sample": `${GUARDDUTY_EVENTS}guardduty_s3_event.json`,
  "guardduty/s3-parrot-linux-event": `${GUARDDUTY_EVENTS}guardduty_s3_event.json`,
  "guardduty/policy-change-without-resource": `${PANTHER}aws_guardduty_rules/aws_guardduty_high_sev_findings.yml`,
  "guardduty/policy-change-medium": `${PANTHER}aws_guardduty_rules/aws_guardduty_med_sev_findings.yml`,
  "guardduty/policy-change-low-sample": `${PANTHER}aws_guardduty_rules/aws_guardduty_low_sev_findings.yml`,
  "guardduty/attack-sequence-credentials": `${PANTHER}aws_guardduty_rules/aws_guardduty_critical_sev_findings.yml`,
  "guardduty/attack-sequence-data-sample": `${PANTHER}aws_guardduty_rules/aws_guardduty_critical_sev_findings.yml`,
  "guardduty/eks-privileged-container-cli": unnamed("a pattern that switches GuardDuty on for a cluster, output of get-findings"),
  "guardduty/cli-reply-of-findings": unnamed("a pattern that switches GuardDuty on for a cluster, output of get-findings"),
  "guardduty/k8s-exec-fields-beside-service": unnamed("a schema card of GuardDuty findings"),
  "guardduty/credentials-outside-aws": unnamed("a schema card of GuardDuty findings"),
  "guardduty/s3-listed-address": unnamed("a schema card of GuardDuty findings"),
  "guardduty/s3-made-public": unnamed("a schema card of GuardDuty findings"),
  "guardduty/dns-rebinding-template-event": unnamed("an event template for simulated findings"),
  "guardduty/runtime-without-id": `${STIX}test_aws_guardduty_json_to_stix.py`,
  "guardduty/runtime-process": `${STIX}test_aws_guardduty_json_to_stix.py`,
  "guardduty/runtime-archived-as-text": `${STIX}test_aws_guardduty_json_to_stix.py`,
  "guardduty/volume-scan": `${STIX}test_aws_guardduty_json_to_stix.py`,
  "guardduty/database-login": `${STIX}test_aws_guardduty_json_to_stix.py`,
  "guardduty/port-probe": unnamed("tests of a GuardDuty responder"),
  "guardduty/port-probe-blocked": unnamed("tests of a GuardDuty responder"),
  "guardduty/private-port-probe-cli": unnamed("tests of a GuardDuty connector"),
  "guardduty/dns-command-and-control": made("guardduty/dns-rebinding-template-event"),
  "guardduty/dns-own-domain": made("guardduty/dns-rebinding-template-event"),
  "mde/signed-program-runs-code": `${DEFENDER_DOCS}defender-endpoint/api/alerts.md`,
  "mde/meterpreter-without-evidence": `${DEFENDER_DOCS}defender-endpoint/api/get-alerts.md`,
  "mde/prevented-file":
    "demisto/content:Packs/MicrosoftDefenderAdvancedThreatProtection/Integrations/MicrosoftDefenderAdvancedThreatProtection/README.md",
  "mde/started-by-hand": unnamed("the page of a Defender integration"),
  "mde/credential-tool": unnamed("tests of a Defender normaliser"),
  "m365d/mass-renaming": `${DEFENDER_DOCS}defender-xdr/api-list-incidents.md`,
  "m365d/hack-tool": `${DEFENDER_DOCS}defender-xdr/api-list-incidents.md`,
  "m365d/reported-mail": `${DEFENDER_DOCS}defender-xdr/api-list-incidents.md`,
  "graph-incident/multi-stage": `${GRAPH_DOCS}api/security-list-incidents.md`,
  "defender-stream/alert-info": `${PANTHER}microsoft_defender_rules/defender_detection_passthrough.yml`,
  "defender-stream/alert-evidence": `${PANTHER}microsoft_defender_rules/defender_detection_passthrough.yml`,
  "elastic/indicator-match": ELASTIC,
  "elastic/query": ELASTIC,
  "elastic/credential-dumping": unnamed("sample data of a security assistant"),
  "elastic/threshold": unnamed("tests of an alert reader"),
  "wazuh/remote-logon": unnamed("a write-up with whole Wazuh alerts"),
  "wazuh/system-logon": unnamed("a write-up with whole Wazuh alerts"),
  "wazuh/encoded-powershell": unnamed("a write-up with whole Wazuh alerts"),
  "wazuh/antivirus-detection": unnamed("a write-up with whole Wazuh alerts"),
  "wazuh/package-installed": made("wazuh/system-logon and keephq/keep:keep/providers/wazuh_provider/alerts_mock.py"),
  "wazuh-webhook/package-installed": "keephq/keep:keep/providers/wazuh_provider/alerts_mock.py",
  "ocsf/security-hub-guardduty": `${OCSF}AWS/v1.1.0/Security Hub/Detection Finding/samples/sechub-guardduty.ocsf`,
  "ocsf/okta-blocked": `${OCSF}Okta/v1.3.0/System Logs/Detection Finding/samples/detection_finding.ocsf`,
  "ocsf/certificate-expires": `${OCSF}Prowler/samples/prowler.ocsf`,
  "asff/trail-disabled": `${OCSF}AWS/v1.1.0/Security Hub/Detection Finding/samples/sechub-guardduty.raw`,
  "asff/decoy-bucket": `${PANTHER}aws_securityfinding_rules/decoy_s3_accessed.yml`,
  "falcon/prevented-adware": `${PANTHER}crowdstrike_rules/crowdstrike_detection_passthrough.yml`,
  "falcon/sample-detection": `${PANTHER}crowdstrike_rules/crowdstrike_detection_passthrough.yml`,
  "falcon/event-stream": `${PANTHER}crowdstrike_rules/event_stream_rules/crowdstrike_detection_summary.yml`,
  "carbon-black/policy-terminate": `${PANTHER}carbonblack_rules/cb_passthrough.yml`,
  "sentinelone/custom-rule": `${PANTHER}sentinelone_rules/sentinelone_alert_passthrough.yml`,
  "sentinelone/threat": `${PANTHER}sentinelone_rules/sentinelone_threats.yml`,
  "okta/suspicious-actor": `${PANTHER}okta_rules/okta_threatinsight_security_threat_detected.yml`,
  "proofpoint/malware-quarantined": `${PANTHER}proofpoint_rules/proofpoint_malware_detected.yml`,
  "push/phishing-blocked": `${PANTHER}push_security_rules/push_security_phishing_attack.yml`,
  "canary/shared-file-opened": `${PANTHER}thinkstcanary_rules/thinkst_canary_incident.yml`,
  "canary/token-triggered": `${PANTHER}thinkstcanary_rules/thinkst_canarytoken_incident.yml`,
  "wiz/open-alert": `${PANTHER}wiz_rules/wiz_alert_passthrough.yml`,
  "wiz/issue-webhook": `${PANTHER}wiz_rules/wiz_issue_alert_passthrough.yml`,
  "upwind/port-scan": `${PANTHER}upwind_rules/upwind_network_detection_passthrough.yml`,
  "entra-sign-in/high-risk": `${PANTHER}azure_signin_rules/azure_high_risk_signin.yml`,
  "sublime/message-flagged": `${PANTHER}sublime_rules/sublime_message_flagged.yml`,
};

export type Sample = {
  /** `graph/hidden-file`: the folder is the format. */
  name: string;
  format: string;
  readIn: string | undefined;
  payload: Record<string, unknown>;
};

const HERE = import.meta.dirname;
const load = (name: string): Sample => ({
  name,
  format: name.split("/")[0] ?? "",
  readIn: READ_IN[name],
  payload: JSON.parse(readFileSync(path.join(HERE, `${name}.json`), "utf8")),
});

export const samples: readonly Sample[] = readdirSync(HERE, { recursive: true, encoding: "utf8" })
  .map((file) => file.replaceAll("\\", "/"))
  .filter((file) => file.endsWith(".json"))
  .map((file) => load(file.slice(0, -".json".length)))
  .toSorted((a, b) => (a.name < b.name ? -1 : 1));

export const namedSamples: readonly string[] = Object.keys(READ_IN);

const MAPS = path.join(HERE, "maps.yaml");
const read = readConfig({ AIR_CONFIG: MAPS }, (file) => readFileSync(file, "utf8"));
if (!read.ok) throw new Error(JSON.stringify(read.problems));

/** Formats a parser of ours reads as they come. The rest is read by the map a team would write in air.yaml, here in maps.yaml. */
const PARSER: Readonly<Record<string, string>> = { graph: "defender", mde: "defender", m365d: "defender" };
export const sourceOf = (format: string): string => PARSER[format] ?? format;

/** What reads the alerts of a source, as the intake finds it. */
export function parserNamed(source: string): AlertSource {
  const settings = read.ok ? read.config.sources.get(source) : undefined;
  const parser = settings && parserOf(settings);
  if (!parser) throw new Error(`no source ${source}`);
  return parser;
}

/** Samples a parser of ours rightly refuses: they are no alert. */
export const REFUSED: Readonly<Record<string, string>> = {
  "guardduty/runtime-without-id": "id",
};

export type Posted = { sample: Sample; kind: string; payload: unknown };

/** What is posted to air for each sample, and by which source; an envelope of several alerts is one for each. */
export const posted: readonly Posted[] = samples
  .filter((sample) => !(sample.name in REFUSED))
  .flatMap((sample): Posted[] => {
    const kind = sourceOf(sample.format);
    const parts = parserNamed(kind).parts?.(sample.payload) ?? [{ payload: sample.payload }];
    return parts.map(({ payload }) => ({ sample, kind, payload }));
  });
