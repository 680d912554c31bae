import type { Observation } from "../domain/observation.ts";
import { WEIGHTS } from "../domain/verdict.ts";
import type { MessageFacts } from "../ports.ts";
import type { LookContext } from "./analyzer.ts";
import { defineAnalyzer } from "./analyzer.ts";
import type { AuthenticationResults } from "./authentication-results.ts";
import { readAuthenticationResults, resultOf } from "./authentication-results.ts";
import type { Lookalike } from "./lookalike.ts";
import { lookalike } from "./lookalike.ts";
import { MAX_COPIES } from "./mail-copies.ts";
import { asciiHost, isOurs, mailDomain, ownDomains, registrable } from "./own-domain.ts";
import { listed, shortened } from "./wording.ts";

/** Sendings judged per look: copies of one differ in nothing that counts here. */
const MAX_SENDINGS = 20;

export const senderDomain = defineAnalyzer({
  name: "sender-domain",
  about: "Judges the sender's domain: made to look like ours or a known brand, forged (SPF, DKIM, DMARC), or answered elsewhere.",
  kinds: ["message", "mail-cluster"],
  looks: (entity, capabilities, { now, organization }) => {
    const mail = capabilities.mail;
    if (!mail) return [];
    return [
      {
        key: `sender-domain/${mail.connector}`,
        source: mail.connector,
        family: "mail",
        run: async (signal) => {
          const copies = (await mail.find(entity, signal)).slice(0, MAX_COPIES);
          return judgeSenders(copies, organization).map((finding) => ({
            analyzer: "sender-domain",
            source: mail.connector,
            family: "mail",
            at: now,
            ...finding,
          }));
        },
      },
    ];
  },
});

type Finding = Pick<Observation, "label" | "weight" | "text" | "technique">;

function judgeSenders(copies: readonly MessageFacts[], organization: LookContext["organization"]): Finding[] {
  // Cut, because a stranger decides how long these are; their ends tell two senders apart.
  const key = ({ sender, replyTo = "", authenticationResults = "" }: MessageFacts) =>
    [sender.slice(-600), replyTo.slice(-600), authenticationResults.slice(0, 600)].join("\n");
  const sendings = new Map(copies.map((copy) => [key(copy), copy]));
  // Keyed by what is said, so that a cluster of many sendings votes once for each thing it shows.
  const findings = new Map<string, Finding>();
  const checked: string[] = [];
  for (const copy of [...sendings.values()].slice(0, MAX_SENDINGS)) {
    const from = mailDomain(copy.sender);
    if (from === undefined) continue;
    const results = readAuthenticationResults(copy.authenticationResults ?? "");
    checked.push(`${from} (${spoken(results)})`);
    for (const [kind, finding] of [
      ["name", imitation(from, organization)],
      ["proof", proof(from, results, organization)],
      ["answer", answerElsewhere(from, copy.replyTo)],
    ] as const) {
      const before = findings.get(kind);
      if (finding && (!before || finding.weight > before.weight)) findings.set(kind, finding);
    }
  }
  if (findings.size > 0) return [...findings.values()];
  const text =
    checked.length > 0
      ? `Sender's domain ${listed(checked)}: no imitation of ours or of a known brand, and not forged.`
      : "The mail product names no sender whose domain could be judged.";
  return [{ label: "neutral", weight: 0, text }];
}

function imitation(from: string, organization: LookContext["organization"]): Finding | undefined {
  const seen = lookalike(from, ownDomains(organization));
  if (!seen) return undefined;
  const whose = seen.ours ? `our own domain ${seen.of}` : `the brand ${seen.of}`;
  const technique = "T1656";
  const suspicious = (weight: number, text: string): Finding => ({ label: "suspicious", weight, text, technique });
  switch (seen.how) {
    case "letters":
      return {
        label: "malicious",
        weight: WEIGHTS.senderForged,
        text: `The sender's domain ${from} copies ${whose} with letters that look the same.`,
        technique,
      };
    case "typo":
      return suspicious(
        seen.ours ? WEIGHTS.senderClose : WEIGHTS.behaviourWeak,
        `The sender's domain ${from} is a letter or two off ${whose}.`,
      );
    case "ending":
      return suspicious(WEIGHTS.behaviourWeak, `The sender's domain ${from} is the name of ${whose} under another ending.`);
    case "inside":
      return suspicious(inside(seen), `The sender's domain ${from} carries the name of ${whose}.`);
    case "subdomain":
      // Companies have rooms at their suppliers (contoso.supplier.example), so this is little.
      return suspicious(WEIGHTS.hint, `The sender's domain ${from} carries the name of ${whose} under somebody else's domain.`);
    default:
      return seen.how satisfies never;
  }
}
/** Partners and resellers put a brand into their names, too. */
const inside = (seen: Lookalike) => (seen.ours ? WEIGHTS.behaviourWeak : WEIGHTS.hint);

/** SPF and DKIM say which server sent it, DMARC whether that server may write this From (RFC 7489). */
function proof(sender: string, results: AuthenticationResults, organization: LookContext["organization"]): Finding | undefined {
  const dmarc = resultOf(results, "dmarc");
  const named = results.results.find(({ method }) => method === "dmarc")?.properties.get("header.from");
  // The product may show the envelope's sender; what DMARC judged is the From a person reads.
  const from = (named && asciiHost(named.includes("@") ? named.slice(named.lastIndexOf("@") + 1) : named)) || sender;
  const ours = isOurs(from, organization);
  const technique = "T1672";
  if (dmarc === "fail" && ours) {
    const text = `The message claims to come from our own domain ${from}, and DMARC says it does not (${spoken(results)}): it is forged.`;
    return { label: "malicious", weight: WEIGHTS.senderForged, text, technique };
  }
  if (dmarc === "fail") {
    const text = `The sender's domain ${from} does not stand behind this message (${spoken(results)}).`;
    return { label: "suspicious", weight: WEIGHTS.hint, text, technique };
  }
  if (dmarc === "pass" || resultOf(results, "dkim") === "pass") return undefined;
  if (resultOf(results, "spf") === "fail" || resultOf(results, "compauth") === "fail") {
    const text = `The server that sent it may not send for ${from} (${spoken(results)}).`;
    return { label: "suspicious", weight: ours ? WEIGHTS.behaviourWeak : WEIGHTS.hint, text, technique };
  }
  return undefined;
}

/** Answers go to somebody else: how invoice fraud collects them, and how every mailing list works. */
function answerElsewhere(from: string, replyTo: string | undefined): Finding | undefined {
  const to = replyTo === undefined ? undefined : mailDomain(replyTo);
  if (to === undefined || registrable(to) === registrable(from)) return undefined;
  const text = `Answers go to ${shortened(replyTo ?? "")}, a domain other than the sender's ${from}.`;
  return { label: "suspicious", weight: WEIGHTS.hint, text };
}

function spoken(results: AuthenticationResults): string {
  const said = (["spf", "dkim", "dmarc"] as const).flatMap((method) => {
    const result = resultOf(results, method);
    return result === undefined ? [] : [`${method.toUpperCase()} ${shortened(result, 20)}`];
  });
  return said.length > 0 ? said.join(", ") : "not checked";
}
