import { sanitize } from "../../src/adapters/alerts/sanitize.ts";
import type { Alert } from "../../src/engine/domain/alert.ts";
import type { Policy } from "../../src/engine/domain/policy.ts";
import { ingestAlerts } from "../../src/engine/ingest-alert.ts";
import { investigate } from "../../src/engine/investigate.ts";
import type { Capabilities, ReputationSource } from "../../src/engine/ports.ts";
import type { ActionRow, IncidentView, InvestigationRow } from "../../src/engine/store.ts";
import { NOTHING, NOW, openLab } from "../support/lab-capabilities.ts";
import { type Engine, fresh, numberOf, testPolicy } from "../support/open-engine.ts";
import { OWN_DOMAINS, OWN_RANGES } from "./allowed-target.ts";
import { parserNamed } from "./index.ts";

export function parse(kind: string, payload: unknown): Alert {
  return parserNamed(kind).parse(sanitize(payload));
}

/** Everything asks, so that nothing is carried out and what is proposed stays to be looked at; every alert is a matter of its own. */
export const samplePolicy: Policy = {
  ...testPolicy,
  mode: "ask",
  organization: { name: "Contoso", domains: OWN_DOMAINS, internalRanges: OWN_RANGES },
  correlation: { device: 0, file: 0, url: 0, user: 0, ip: 0, mailBucket: 0 },
  storm: { alike: 1_000_000, within: 60_000 },
  alertPolicies: [],
  trustedSources: new Set(["sample"]),
};

/** Two feeds that call everything bad: what is then not proposed is kept back by the rules, not by a verdict. */
const alarmist = (name: string): ReputationSource => ({
  name,
  family: name,
  kinds: ["file", "url", "ip", "domain"],
  look: async () => ({ label: "malicious", weight: 4, text: `${name} calls it malicious`, at: NOW }),
});

export const WORLDS: Readonly<Record<string, () => Capabilities>> = {
  "the lab": () => openLab().capabilities,
  "nothing connected": () => NOTHING,
  "feeds that call everything malicious": () => ({ ...openLab().capabilities, reputation: [alarmist("feed-a"), alarmist("feed-b")] }),
};

export type Investigated = { alert: Alert; row: InvestigationRow | undefined; actions: ActionRow[]; view: IncidentView };

let many = 0;

/** Ingests the alert and investigates until nothing is left to look at. */
export async function investigated(engine: Engine, alert: Alert): Promise<Investigated> {
  const unique: Alert = {
    ...alert,
    // What is minutes apart joins nothing here.
    detectedAt: new Date(NOW.getTime() - ++many * 60_000),
    sourceId: fresh("sample"),
    ...(alert.vendorIncident ? { vendorIncident: { ...alert.vendorIncident, id: fresh("incident") } } : {}),
  };
  const request = { source: fresh("sample"), lab: engine.world.capabilities.lab, alerts: [unique], receivedAt: engine.world.now };
  const accepted = (await ingestAlerts(engine.air, [request])).flat()[0];
  if (!accepted) throw new Error("not accepted");
  const id = numberOf(accepted.investigation);
  for (let rounds = 0; id > 0; rounds++) {
    const row = await engine.store.investigation(id);
    if (!row || (row.round > 0 && row.round >= row.wanted)) break;
    if (rounds > 40) throw new Error("it goes on and on");
    await investigate(engine.air, id, engine.settle);
  }
  const view = (await engine.store.incidentViews([numberOf(accepted.incident)])).get(numberOf(accepted.incident));
  if (!view) throw new Error(`${accepted.incident} cannot be drawn`);
  const row = id > 0 ? await engine.store.investigation(id) : undefined;
  return { alert, row, actions: id > 0 ? await engine.store.actionsOf(id) : [], view };
}
