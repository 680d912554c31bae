import { neverAct } from "../domain/never-act.ts";
import { defineAnalyzer } from "./analyzer.ts";
import { askReputation } from "./ask-reputation.ts";
import { asciiHost, ownDomains } from "./own-domain.ts";

export const domainReputation = defineAnalyzer({
  name: "domain-reputation",
  about: "Asks every connected source what it knows of the domain; our own and everybody's domains are answered without asking.",
  kinds: ["domain"],
  looks: (domain, capabilities, { now, organization }) => {
    const asks = askReputation("domain-reputation", { kind: "domain", name: asciiHost(domain.name) ?? domain.name }, capabilities);
    const context = { organizationDomains: ownDomains(organization), internalRanges: organization.internalRanges };
    const reason = neverAct(domain, context);
    // A look-up of our own names would tell an outside service about our network and teach us nothing.
    if (!reason || asks.length === 0) return asks;
    const shared = { analyzer: "domain-reputation", source: "air", family: "air-rules" } as const;
    return [
      {
        key: "domain-reputation/air",
        source: "air",
        family: "air-rules",
        run: () => [{ ...shared, label: "neutral", weight: 0, text: `Not asked outside. ${reason}`, at: now }],
      },
    ];
  },
});
