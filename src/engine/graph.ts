import { actionKinds } from "./actions/all.ts";
import { actionId, alertId, evidenceId, investigationId } from "./air.ts";
import { STATE_WORD } from "./cards/action-card.ts";
import { capital, shown } from "./cards/say.ts";
import { readStored } from "./domain/action.ts";
import type { Verdict } from "./domain/alert.ts";
import { deviceName, type Entity, type EntityKind, entityKeys } from "./domain/entity.ts";
import { STATUS_SENTENCE, verdictWord } from "./domain/investigation.ts";
import type { ActionRow, AlertSummary, EvidenceRow, InvestigationRow } from "./store.ts";

/*
 * The investigation as a graph (domain facts 5.3): alerts, the devices, people and mailboxes they hit, the evidence there with its
 * verdict, and the actions with their state. A pure function of the rows; what draws it is another matter.
 */

export type GraphNode = {
  id: string;
  kind: "investigation" | "alert" | "device" | "user" | "mailbox" | "evidence" | "action";
  /** What it is, as one harmless line. */
  label: string;
  /** Its verdict, state or severity, as people say it. */
  state: string;
  verdict?: Verdict;
  entity?: EntityKind;
};
/** `named`: the source said so. `on`: it lies there. `found`: air came upon it. `because`: an action rests on it. */
export type GraphEdge = { from: string; to: string; kind: "triggered" | "named" | "on" | "found" | "because" };
export type Graph = { nodes: GraphNode[]; edges: GraphEdge[] };

export type GraphRows = {
  investigation: Pick<InvestigationRow, "id" | "status">;
  alerts: readonly Pick<AlertSummary, "id" | "title" | "severity" | "entities" | "investigationId">[];
  evidence: readonly Pick<EvidenceRow, "id" | "entity" | "verdict">[];
  actions: readonly Pick<ActionRow, "id" | "kind" | "target" | "params" | "state" | "evidenceId" | "byHand">[];
};

const ASSETS = ["device", "user", "mailbox"] as const;
type Asset = (typeof ASSETS)[number];
const assetKind = (kind: EntityKind): Asset | undefined => ASSETS.find((one) => one === kind);

/** Every node is reached from the investigation, and no edge is there twice. */
export function investigationGraph(rows: GraphRows): Graph {
  const root = investigationId(rows.investigation.id);
  const nodes: GraphNode[] = [
    { id: root, kind: "investigation", label: root, state: STATUS_SENTENCE[rows.investigation.status].replace(/[:.].*$/, "") },
    ...rows.alerts.map(
      (alert): GraphNode => ({
        id: alertId(alert.id),
        kind: "alert",
        label: shownText(alert.title),
        state: capital(alert.severity),
      }),
    ),
    ...rows.evidence.map(
      (item): GraphNode => ({
        id: evidenceId(item.id),
        kind: assetKind(item.entity.kind) ?? "evidence",
        label: shown(item.entity),
        state: verdictWord(item.entity.kind, item.verdict),
        verdict: item.verdict,
        entity: item.entity.kind,
      }),
    ),
    ...rows.actions.map(
      (action): GraphNode => ({
        id: actionId(action.id),
        kind: "action",
        label: shownText(actionKinds[action.kind].title(action.target, readStored(action.params).params)),
        state: action.state === "pending" && action.byHand !== null ? "Do by hand" : STATE_WORD[action.state].word.replace(/,.*/, ""),
      }),
    ),
  ];
  const edges = new Map<string, GraphEdge>();
  const reached = new Set<string>();
  const join = (from: string, to: string, kind: GraphEdge["kind"]) => {
    edges.set(`${from} ${to}`, { from, to, kind });
    reached.add(to);
  };
  for (const alert of rows.alerts) join(root, alertId(alert.id), "triggered");

  const byKey = new Map(rows.evidence.flatMap((item) => entityKeys(item.entity).map((key) => [key, evidenceId(item.id)] as const)));
  const named = (entity: Entity) => entityKeys(entity).flatMap((key) => byKey.get(key) ?? [])[0];
  // First what an alert hit, then what lies there, then what it names beside.
  const things = rows.evidence.filter((item) => !assetKind(item.entity.kind));
  for (const alert of rows.alerts)
    for (const { entity } of alert.entities) {
      const to = assetKind(entity.kind) && named(entity);
      if (to) join(alertId(alert.id), to, "named");
    }
  for (const item of things) {
    const place = placesOf(item.entity).flatMap((entity) => named(entity) ?? [])[0];
    if (place) join(place, evidenceId(item.id), "on");
  }
  for (const alert of rows.alerts)
    for (const { entity } of alert.entities) {
      const to = named(entity);
      if (to && !reached.has(to)) join(alertId(alert.id), to, "named");
    }
  for (const item of rows.evidence) if (!reached.has(evidenceId(item.id))) join(root, evidenceId(item.id), "found");
  const known = new Set(rows.evidence.map((item) => item.id));
  for (const action of rows.actions) {
    const grounds = action.evidenceId !== null && known.has(action.evidenceId) ? evidenceId(action.evidenceId) : named(action.target);
    join(grounds ?? root, actionId(action.id), "because");
  }
  return { nodes, edges: [...edges.values()] };
}

/** Where a thing lies: its device, the mailbox it came to, the account it ran as. */
function placesOf(entity: Entity): Entity[] {
  const places: Entity[] = [];
  if ("device" in entity && entity.device) places.push({ kind: "device", name: deviceName(entity.device) });
  if (entity.kind === "message" && entity.recipient)
    places.push({ kind: "mailbox", address: entity.recipient }, { kind: "user", email: entity.recipient });
  return places;
}

const shownText = (text: string) => shown({ kind: "generic", type: "", value: text }).trim();
