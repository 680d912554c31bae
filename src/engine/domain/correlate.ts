import type { NamedEntity } from "./alert.ts";
import { type Entity, entityKeys, entityName } from "./entity.ts";
import type { Classification } from "./incident.ts";
import type { Policy } from "./policy.ts";

/*
 * Which alerts belong together (domain facts 1.3, product contract 4). Two alerts are tied where they share a key within its window;
 * the incidents are the connected components of that. Pure: names and times in, joins, merges and their reasons out.
 */

/** The source's own incident, or one bucket of repeats, joins for as long as the incident is open. */
export const UNLIMITED = Number.MAX_SAFE_INTEGER;

/**
 * One way an alert joins an incident: `key` was seen there from `beforeMs` before its event time to `afterMs` after.
 * For most keys both are the window; a step of a sequence looks only back, or only ahead.
 */
export type Tie = {
  key: string;
  /** What is locked while it is looked for and noted: the steps of a sequence share the person's or device's own key. */
  lock: string;
  beforeMs: number;
  afterMs: number;
  /** For people: "same device within 24 h (WS-042)". */
  because: string;
  /** What it is, for the sentence that retires it: "device WS-042". */
  name: string;
  /** The source's own incident: decides where an alert goes when two cannot be merged. */
  strongest: boolean;
  /** A key of the world, which may tie too much together; what a source itself groups by never does. */
  retires: boolean;
};

/** What an alert is remembered by. Sightings no more than `gapMs` apart are one span. */
export type Mark = { key: string; lock: string; gapMs: number };
export type Ties = { ties: Tie[]; marks: Mark[] };

export type Named = {
  source: string;
  title: string;
  product?: string | undefined;
  policyId?: string | undefined;
  vendorIncident?: string | undefined;
  entities: readonly Pick<NamedEntity, "entity">[];
  eventAt: Date;
};

type Window = Exclude<keyof Policy["correlation"], "mailBucket">;
const WINDOW: Partial<Record<Entity["kind"], Window>> = {
  device: "device",
  "cloud-resource": "device",
  file: "file",
  url: "url",
  domain: "url",
  message: "url",
  "mail-cluster": "url",
  user: "user",
  mailbox: "user",
  "access-key": "user",
  "oauth-app": "user",
  ip: "ip",
};

/** Clicks in the 48 h before a verdict change are looked at (domain facts 1.7); the steps of one attack lie no further apart. */
export const SEQUENCE_MS = 48 * 3_600_000;

/** The ties and marks of one alert: `joins` says which entities may tie at all. */
export function tiesOf(alert: Named, windows: Policy["correlation"], joins: (entity: Entity) => boolean): Ties {
  const ties = new Map<string, Tie>();
  const marks = new Map<string, Mark>();
  const same = (key: string, windowMs: number, tie: Pick<Tie, "because" | "name"> & Partial<Tie>) => {
    ties.set(key, { key, lock: key, beforeMs: windowMs, afterMs: windowMs, strongest: false, retires: true, ...tie });
    marks.set(key, { key, lock: key, gapMs: windowMs });
  };
  if (alert.vendorIncident) {
    const because = `same incident ${alert.vendorIncident} in ${alert.source}`;
    const key = `vendor-incident:${alert.source}:${alert.vendorIncident}`;
    same(key, UNLIMITED, { because, name: "incident", strongest: true, retires: false });
  }
  const bucket = bucketOf(alert, windows.mailBucket);
  if (bucket) {
    const because = `the same policy fired again within ${duration(windows.mailBucket)}`;
    same(bucket, UNLIMITED, { because, name: "policy", retires: false });
  }
  for (const { entity } of alert.entities) {
    const window = WINDOW[entity.kind];
    if (!window || !joins(entity)) continue;
    const kind = KIND_WORD[entity.kind] ?? entity.kind;
    const called = entityName(entity).slice(0, 120);
    const because = `same ${kind} within ${duration(windows[window])} (${called})`;
    for (const key of joinNames(entity)) same(key, windows[window], { because, name: `${kind} ${called}` });
  }
  const stage = stageOf(alert);
  if (stage) {
    for (const subject of subjectsOf(alert, stage, joins)) {
      const key = (step: Stage) => `sequence:${step}:${subject.key}`;
      marks.set(key(stage), { key: key(stage), lock: subject.key, gapMs: SEQUENCE_MS });
      for (const other of STAGES) {
        // A mail reaches a person, never a device.
        if (other === stage || (other === "mail" && subject.at === "on")) continue;
        const back = STAGES.indexOf(other) < STAGES.indexOf(stage);
        const [first, then] = back ? [other, stage] : [stage, other];
        ties.set(key(other), {
          key: key(other),
          lock: subject.key,
          beforeMs: back ? SEQUENCE_MS : 0,
          afterMs: back ? 0 : SEQUENCE_MS,
          because: `sequence: ${STAGE_WORD[first]}, then ${STAGE_WORD[then]}, both ${subject.at} ${subject.name}`,
          name: `${subject.name}'s attack sequence`,
          strongest: false,
          retires: true,
        });
      }
    }
  }
  return { ties: [...ties.values()], marks: [...marks.values()] };
}

const KIND_WORD: Partial<Record<Entity["kind"], string>> = { "mail-cluster": "mail cluster", "cloud-resource": "cloud resource" };

/**
 * The names two alerts are compared by. A mailbox is the person who reads it; a message is the same in every mailbox; one recipient's
 * bare subject is no identity without its sender.
 */
function joinNames(entity: Entity): string[] {
  switch (entity.kind) {
    case "mailbox":
      return [`user:email:${entity.address.trim().toLowerCase()}`];
    case "message":
      return [
        ...(entity.networkMessageId ? [`message:network:${entity.networkMessageId.trim().toLowerCase()}`] : []),
        ...(entity.internetMessageId ? [`message:internet:${entity.internetMessageId.trim().toLowerCase()}`] : []),
        ...(entity.subject && entity.sender
          ? [`message:subject:${entity.subject.trim().toLowerCase()}|${entity.sender.trim().toLowerCase()}`]
          : []),
      ];
    default:
      return [...entityKeys(entity)];
  }
}

/** Repeats of one Office 365 policy are one matter per bucket of time; a click on a bad link never is (domain facts 1.3). */
function bucketOf(alert: Named, bucketMs: number): string | undefined {
  if (bucketMs <= 0 || !/office ?365/i.test(alert.product ?? "") || isClick(alert)) return undefined;
  const policy = alert.policyId ?? alert.title.trim().toLowerCase();
  return `bucket:${alert.source}:${policy}:${bucketMs}:${Math.floor(alert.eventAt.getTime() / bucketMs)}`;
}

const STAGES = ["mail", "click", "payload"] as const;
type Stage = (typeof STAGES)[number];
/** Each step as people say it. */
export const STAGE_WORD: Record<Stage, string> = { mail: "a mail", click: "a click on a link", payload: "a program on a device" };

const isClick = (alert: Pick<Named, "title" | "entities">) =>
  /\bclick/i.test(alert.title) && alert.entities.some(({ entity }) => entity.kind === "url");

/** Which step of mail, click, payload an alert is; undefined: none of them. */
export function stageOf(alert: Pick<Named, "title" | "entities">): Stage | undefined {
  const names = (...kinds: Entity["kind"][]) => alert.entities.some(({ entity }) => kinds.includes(entity.kind));
  if (isClick(alert)) return "click";
  if (names("message", "mail-cluster")) return "mail";
  return names("device") && names("file", "process") ? "payload" : undefined;
}

type Subject = { key: string; name: string; at: "for" | "on" };

/** Whom and what a step happens to: the person who got the mail and pressed, and the device pressed on. */
function subjectsOf(alert: Named, stage: Stage, joins: (entity: Entity) => boolean): Subject[] {
  const subjects = new Map<string, Subject>();
  const add = (subject: Subject) => subjects.set(subject.key, subject);
  const person = (email: string) => add({ key: `user:email:${email.trim().toLowerCase()}`, name: email.trim().toLowerCase(), at: "for" });
  for (const { entity } of alert.entities) {
    if (entity.kind === "message" && entity.recipient) person(entity.recipient);
    else if (entity.kind === "mailbox") person(entity.address);
    else if (entity.kind === "user" && entity.email && joins(entity)) person(entity.email);
    else if (entity.kind === "process" && entity.user?.includes("@")) person(entity.user);
    else if (entity.kind === "device" && stage !== "mail" && joins(entity)) {
      const [key] = entityKeys(entity);
      add({ key, name: entityName(entity), at: "on" });
    }
  }
  return [...subjects.values()];
}

const duration = (ms: number) =>
  ms % 3_600_000 === 0 ? `${ms / 3_600_000} h` : ms % 60_000 === 0 ? `${ms / 60_000} min` : `${Math.round(ms / 1000)} s`;

/** From when to when an incident saw a key (event time, milliseconds). */
export type Span = { incident: number; key: string; first: number; last: number };

/** Is this span within the tie's window of the event? Exact, because sightings inside a span are never further apart than the window. */
export const tied = (tie: Tie, eventTime: number, span: Pick<Span, "first" | "last">): boolean =>
  eventTime >= span.first - tie.afterMs && eventTime <= span.last + tie.beforeMs;

/** A new sighting among the spans of one key in one incident: those it touches become one with it, `apart` are the others. */
export function extend<S extends Pick<Span, "first" | "last">>(
  spans: readonly S[],
  at: number,
  gapMs: number,
): { apart: S[]; span: { first: number; last: number } } {
  let first = at;
  let last = at;
  const apart: S[] = [];
  for (const span of spans) {
    if (at >= span.first - gapMs && at <= span.last + gapMs) {
      first = Math.min(first, span.first);
      last = Math.max(last, span.last);
    } else apart.push(span);
  }
  return { apart, span: { first, last } };
}

/** What decides whether two open incidents may become one. */
export type MergeFacts = {
  id: number;
  lab: boolean;
  assignee: string | null;
  classification: Classification | null;
  determination: string | null;
  /** Incidents a person parted it from. */
  apart: readonly number[];
  alerts: number;
};

/** "The union would pass the entity limit" (domain facts 1.3), counted in alerts: beyond this nobody reads it as one story. */
export const MERGE_LIMIT = 2_000;

/** Why two open incidents that an alert ties together stay apart; undefined: they become one. */
export function mergeBlocker(a: MergeFacts, b: MergeFacts): string | undefined {
  if (a.lab !== b.lab) return "one is the lab's";
  if (a.apart.includes(b.id) || b.apart.includes(a.id)) return "a person parted them";
  if (a.assignee !== null && b.assignee !== null && a.assignee !== b.assignee) return "they are assigned to different people";
  if (a.classification !== b.classification && a.classification !== null && b.classification !== null)
    return "they are classified differently";
  if (a.determination !== b.determination && a.determination !== null && b.determination !== null) return "their determinations differ";
  if (a.alerts + b.alerts > MERGE_LIMIT) return `together they would hold more than ${MERGE_LIMIT} alerts`;
  return undefined;
}

/** The survivor of a merge, as far as later merges ask. */
const union = (a: MergeFacts, b: MergeFacts): MergeFacts => ({
  id: Math.min(a.id, b.id),
  lab: a.lab,
  assignee: a.assignee ?? b.assignee,
  classification: a.classification ?? b.classification,
  determination: a.determination ?? b.determination,
  apart: [...a.apart, ...b.apart],
  alerts: a.alerts + b.alerts,
});

export type Hit = { incident: number; tie: Tie };
export type Joined = {
  incident: number;
  because: string;
  /** Open incidents the alert ties to it, each with the reason; they become one, into `incident`. */
  absorb: { incident: number; because: string }[];
  /** Tied too, and kept apart. */
  kept: { incident: number; why: string }[];
};

/**
 * Where a tied alert goes, and what becomes one because of it. The survivor is the older id. Where blockers keep incidents apart, the
 * source's own incident is the strongest key and the oldest the next, so that the order of arrival does not matter.
 */
export function decideJoin(hits: readonly Hit[], factsOf: (incident: number) => MergeFacts): Joined | undefined {
  const byIncident = Map.groupBy(hits, (hit) => hit.incident);
  const order = [...byIncident.keys()].sort((a, b) => Number(strong(byIncident.get(b))) - Number(strong(byIncident.get(a))) || a - b);
  const [target, ...others] = order;
  if (target === undefined) return undefined;
  let group = factsOf(target);
  const members = [target];
  const kept: Joined["kept"] = [];
  for (const other of others) {
    const facts = factsOf(other);
    const why = mergeBlocker(group, facts);
    if (why) kept.push({ incident: other, why });
    else {
      group = union(group, facts);
      members.push(other);
    }
  }
  const survivor = Math.min(...members);
  const reason = (incident: number) => [...new Set((byIncident.get(incident) ?? []).map((hit) => hit.tie.because))].slice(0, 5).join(", ");
  return {
    incident: survivor,
    because: [...new Set(members.flatMap((member) => (byIncident.get(member) ?? []).map((hit) => hit.tie.because)))].slice(0, 5).join(", "),
    absorb: members.filter((member) => member !== survivor).map((incident) => ({ incident, because: reason(incident) })),
    kept,
  };
}
const strong = (hits: readonly Hit[] | undefined) => hits?.some((hit) => hit.tie.strongest) ?? false;

/** In more incidents than this within the period a key says nothing any more: a scanner, a shared address, a service account. */
export const RETIRE = { incidents: 20, periodMs: 7 * 24 * 3_600_000 } as const;
