import type { ActionKindName, BlastRadius, Family } from "../domain/action.ts";
import type { Entity } from "../domain/entity.ts";
import type { Capabilities, Ticket } from "../ports.ts";

/** What the world looks like now, compared with what the action wants. */
export type DesiredState =
  | { kind: "reached"; text: string }
  | { kind: "notReached"; text: string }
  /** The target is not there (any more): nothing to act on. */
  | { kind: "missing"; text: string }
  /** It can be asked but the answer does not say. */
  | { kind: "unreadable"; text: string };

/**
 * One thing air can do to the world. `key` travels with every call and is the same for every attempt of one action, so a product
 * that knows idempotency keys can use it; `state` is read before and after, so a repeat is harmless even where it does not.
 */
export type ActionKind = {
  kind: ActionKindName;
  family: Family;
  /** Kinds of entity it can be aimed at. */
  targets: readonly Entity["kind"][];
  /** "Isolate WS-042": imperative, with the target's name. */
  title: (target: Entity) => string;
  /** "would isolate it from the network; it stays reachable for the security product": what happens, for the card. */
  effect: (target: Entity) => string;
  /** "threat remains on WS-042": what follows from a reject or from doing nothing. */
  ifNot: (target: Entity) => string;
  /** The kind that takes it back, or the plain sentence why nothing does. */
  undo: { by: ActionKindName; text: string } | { by: undefined; text: string };
  /** True where it cannot be undone, is contained, or loses sessions: feeds the default policy. */
  disruptive: boolean;
  /** Which connector would carry it out on this target now; undefined with the reason and the by-hand steps. */
  connector: (target: Entity, capabilities: Capabilities) => { name: string } | { byHand: string };
  /** What it would reach. Reads only. `protectedHits` is filled in by the engine. */
  reach: (target: Entity, capabilities: Capabilities, now: Date, signal: AbortSignal) => Promise<BlastRadius>;
  /** Desired-state check, used before (precheck) and after (verify). */
  state: (target: Entity, capabilities: Capabilities, signal: AbortSignal) => Promise<DesiredState>;
  execute: (
    target: Entity,
    capabilities: Capabilities,
    call: { comment: string; key: string; now: Date },
    signal: AbortSignal,
  ) => Promise<Ticket>;
  /** Follow a pending ticket. */
  follow: (ticket: string, capabilities: Capabilities, signal: AbortSignal) => Promise<Ticket>;
};
