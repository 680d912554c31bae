import type { ActionKindName, BlastRadius, Family, Params, ParamsSchema, Saved } from "../domain/action.ts";
import type { Entity } from "../domain/entity.ts";
import { Refusal } from "../domain/errors.ts";
import type { Capabilities, Ticket } from "../ports.ts";
import { ConnectorError } from "../ports.ts";

/** What the world looks like now, compared with what the action wants. */
export type DesiredState =
  | { kind: "reached"; text: string }
  /** `saved`: what the action would destroy and its undo needs. It is kept before the call goes out, so that no crash loses it. */
  | { kind: "notReached"; text: string; saved?: Saved }
  /** The target is not there (any more): nothing to act on. */
  | { kind: "missing"; text: string }
  /** It can be asked but the answer does not say. */
  | { kind: "unreadable"; text: string };

/**
 * Which action is asked about. `since`: when it was proposed; a scan from before that is not the one that was asked for. `saved`: what an
 * earlier attempt kept, to which a later one adds.
 */
export type About = { params?: Params; since?: Date; saved?: Saved | undefined };

/** How the action is taken back. `params`: what the undo is told, from what the action was told and what it kept. */
type Undo = { by: ActionKindName; text: string; params?: (params: Params, saved: Saved | undefined) => Params };

/**
 * One thing air can do to the world. `key` travels with every call and is the same for every attempt of one action, so a product
 * that knows idempotency keys can use it; `state` is read before and after, so a repeat is harmless even where it does not.
 */
export type ActionKind = {
  kind: ActionKindName;
  family: Family;
  /** Kinds of entity it can be aimed at. */
  targets: readonly Entity["kind"][];
  /** What it takes beside its target; `readParams` refuses anything else. */
  params: ParamsSchema;
  /** Least application permission of the product that is simulated or connected first ("Machine.Isolate"), for the card and `air doctor`. */
  permission: string;
  /** One sentence: how a repeated call is harmless, or noticed. */
  idempotency: string;
  /** "Isolate WS-042": imperative, with the target's name. */
  title: (target: Entity, params?: Params) => string;
  /** "would isolate it from the network; it stays reachable for the security product": what happens, for the card. */
  effect: (target: Entity, params?: Params) => string;
  /** "threat remains on WS-042": what follows from a reject or from doing nothing. */
  ifNot: (target: Entity, threat?: boolean) => string;
  /** The kind that takes it back, or the plain sentence why nothing does. */
  undo: Undo | { by: undefined; text: string };
  /** True where it cannot be undone, is contained, or loses sessions: feeds the default policy. */
  disruptive: boolean;
  /** It gives back what was kept by the action it takes back, and nothing else: nobody asks for it by hand. */
  onlyUndoes?: true;
  /** Powers it hands to its target: they count like those the target holds, or giving them back would ask fewer people than taking them. */
  hands?: (params: Params) => string[];
  /** Which connector would carry it out on this target now; undefined with the reason and the by-hand steps. */
  connector: (target: Entity, capabilities: Capabilities, params?: Params) => { name: string } | { byHand: string };
  /** What it would reach. Reads only. `protectedHits` is filled in by the engine. */
  reach: (target: Entity, capabilities: Capabilities, now: Date, signal: AbortSignal, params?: Params) => Promise<BlastRadius>;
  /** Desired-state check, used before (precheck) and after (verify). */
  state: (target: Entity, capabilities: Capabilities, signal: AbortSignal, about?: About) => Promise<DesiredState>;
  execute: (
    target: Entity,
    capabilities: Capabilities,
    /** `saved`: what was kept before the call. */
    call: { comment: string; key: string; now: Date; params?: Params; saved?: Saved | undefined },
    signal: AbortSignal,
  ) => Promise<Ticket>;
  /**
   * Follow a pending ticket. `about` is for what can only be followed by looking at the target.
   *
   * @throws ConnectorError unclear where it will not be known any more: then only the target's state counts
   */
  follow: (
    ticket: string,
    capabilities: Capabilities,
    signal: AbortSignal,
    params?: Params,
    about?: { target: Entity; now: Date },
  ) => Promise<Ticket>;
  /**
   * For a call begun at `since` that nobody heard the answer of, at a product that keeps no list of ours and takes its time: what `follow`
   * watches the target by. Undefined where there is nothing to wait for.
   */
  watch?: (capabilities: Capabilities, since: Date) => Ticket | undefined;
  /** What a call with this key started since then, if the product can say; undefined as a whole where it cannot. */
  findRun?: (
    target: Entity,
    capabilities: Capabilities,
    call: { key: string; since: Date },
    signal: AbortSignal,
  ) => Promise<Ticket | undefined> | undefined;
  /** Asks for a running operation to be given up; undefined as a whole where the product has no call for it. */
  cancel?: (ticket: string, capabilities: Capabilities, comment: string, signal: AbortSignal) => Promise<void> | undefined;
};

/**
 * The parameters as the kind takes them, defaults filled in.
 *
 * @throws Refusal invalid, with the field (`params.type`)
 */
export function readParams(kind: Pick<ActionKind, "kind" | "params">, raw: Params): Params {
  const read = kind.params.safeParse(raw);
  if (read.success) return read.data;
  const { field, message } = firstIssue(read.error);
  throw new Refusal("invalid", `${kind.kind}: ${field}: ${message}`, { field });
}

/** The same for the action itself, typed by its own schema: what is stored may be of an older air. */
export function paramsOf<S extends ParamsSchema>(schema: S, raw: Params | undefined): ReturnType<S["parse"]> {
  const read = schema.safeParse(raw ?? {});
  if (read.success) return read.data as ReturnType<S["parse"]>;
  const { field, message } = firstIssue(read.error);
  throw new ConnectorError("refused", `${field}: ${message}; nothing was done.`);
}

type Issue = { path: readonly PropertyKey[]; message: string; code?: string; keys?: readonly string[] };
function firstIssue({ issues: [issue] }: { issues: readonly Issue[] }): { field: string; message: string } {
  const unknown = issue?.code === "unrecognized_keys" ? (issue.keys ?? []).slice(0, 1) : [];
  return {
    field: ["params", ...(issue?.path ?? []), ...unknown].map(String).join(".").slice(0, 200),
    message: unknown.length > 0 ? "this action takes no such parameter" : (issue?.message ?? "is not valid"),
  };
}
