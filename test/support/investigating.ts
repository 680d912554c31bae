import { createHash } from "node:crypto";
import type { Alert, Verdict } from "../../src/engine/domain/alert.ts";
import type { Entity, EntityOf } from "../../src/engine/domain/entity.ts";
import { WEIGHTS } from "../../src/engine/domain/verdict.ts";
import { type Accepted, ingestAlerts } from "../../src/engine/ingest-alert.ts";
import { investigate } from "../../src/engine/investigate.ts";
import type { ReputationAnswer, ReputationKind, ReputationSource } from "../../src/engine/ports.ts";
import type { InvestigationRow, TimelineRow } from "../../src/engine/store.ts";
import { NOW } from "./lab-capabilities.ts";
import { anAlert, type Engine, fresh, numberOf } from "./open-engine.ts";

export const MALICIOUS = { label: "malicious", weight: WEIGHTS.reputationStrong } as const;
export const CLEAN = { label: "benign", weight: WEIGHTS.reputationClean } as const;

/** A reputation source that knows what it is told, keeps what it is asked, and can be out of order. */
export function knowing(
  name: string,
  answers: (entity: EntityOf<ReputationKind>) => Pick<ReputationAnswer, "label" | "weight"> | undefined,
) {
  const source = {
    name,
    family: name,
    kinds: ["file", "url", "ip", "domain"] as const,
    asked: [] as EntityOf<ReputationKind>[],
    broken: undefined as Error | undefined,
    look: async (entity: EntityOf<ReputationKind>): Promise<ReputationAnswer> => {
      source.asked.push(entity);
      if (source.broken) throw source.broken;
      return { label: "neutral", weight: 0, ...answers(entity), text: `${name} has looked`, at: NOW };
    },
  };
  return source satisfies ReputationSource;
}

const freshHash = () => createHash("sha256").update(fresh("file")).digest("hex");

/** A device with a file on it that the alert itself calls by a verdict. */
export function malware(more: { device?: string; verdict?: Verdict; alert?: Partial<Alert> } = {}) {
  const device = more.device ?? fresh("WS");
  const file: EntityOf<"file"> = { kind: "file", sha256: freshHash(), name: "a.exe", path: "C:\\Users\\mia\\Downloads\\a.exe", device };
  const alert = anAlert([{ kind: "device", name: device }, file], { category: "Malware", ...more.alert });
  if (more.verdict) for (const named of alert.entities) if (named.entity.kind === "file") named.verdict = more.verdict;
  return { alert, device, file };
}

/** The steps of an investigation, taken by hand. */
export function steps(engine: Engine) {
  const ingest = async (...alerts: Alert[]): Promise<Accepted[]> =>
    (await ingestAlerts(engine.air, [{ source: "siem", lab: engine.world.capabilities.lab, alerts, receivedAt: engine.world.now }])).flat();
  const one = async (alert: Alert) => (await ingest(alert))[0] as Accepted;
  const round = (id: number) => investigate(engine.air, id, engine.settle);
  const row = async (id: number) => (await engine.store.investigation(id)) as InvestigationRow;
  return {
    ingest,
    one,
    round,
    row,
    toTheEnd: async (id: number) => {
      for (let rounds = 1; rounds <= 12; rounds++) {
        await round(id);
        const now = await row(id);
        if (now.round === now.wanted) return now;
      }
      throw new Error("it goes on and on");
    },
    begin: async (alert: Alert) => numberOf((await one(alert)).investigation),
    evidence: async (id: number, kind: Entity["kind"]) => {
      const found = (await engine.store.evidenceOf(id)).find((item) => item.entity.kind === kind);
      if (!found) throw new Error(`INV-${id} has no evidence of kind ${kind}`);
      return found;
    },
    view: async (incident: number) => {
      const view = (await engine.store.incidentViews([incident])).get(incident);
      if (!view) throw new Error(`there is no INC-${incident}`);
      return view;
    },
    incident: async (id: number) => {
      const found = await engine.store.incident(id);
      if (!found) throw new Error(`there is no INC-${id}`);
      return found;
    },
    events: (timeline: readonly TimelineRow[], event: string) => timeline.filter((line) => line.event === event).map((line) => line.text),
    audit: async (event: string) =>
      (await engine.store.auditLines(0, 100_000))
        .map((entry) => JSON.parse(entry.line) as { event: string; subject: string; by: string; data?: Record<string, unknown> })
        .filter((entry) => entry.event === event),
  };
}
export type Steps = ReturnType<typeof steps>;
