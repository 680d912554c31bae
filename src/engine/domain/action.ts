/** The kinds air can carry out; each is a file in `engine/actions/`. */
export const ACTION_KINDS = [
  "isolate-device",
  "release-device",
  "quarantine-file",
  "restore-file",
  "soft-delete-mail",
  "restore-mail",
  "disable-user",
  "enable-user",
  "revoke-sessions",
  "block-indicator",
  "unblock-indicator",
  "allow-indicator",
  "expand-investigation",
] as const;
export type ActionKindName = (typeof ACTION_KINDS)[number];

export const FAMILIES = ["device", "email", "identity", "network", "app"] as const;
/** Approver roles are given per family. */
export type Family = (typeof FAMILIES)[number];

/**
 * Decision, execution and outcome of a remediation action (product contract 3.2).
 * `unclear` means the target was asked and the outcome could not be read: a person looks, air never repeats.
 */
export const ACTION_STATES = [
  "observed",
  "pending",
  "approved",
  "executing",
  "succeeded",
  "failed",
  "unclear",
  "timedOut",
  "rejected",
  "expired",
  "cancelled",
  "byHand",
  "undoing",
  "undone",
] as const;
export type ActionState = (typeof ACTION_STATES)[number];

/** Every allowed move; the store refuses any other. */
export const ACTION_MOVES = {
  observed: ["cancelled"],
  pending: ["approved", "rejected", "expired", "cancelled", "byHand"],
  approved: ["executing", "pending", "cancelled"],
  // Back to approved only where the target was certainly not reached: then trying again is safe.
  executing: ["approved", "succeeded", "failed", "unclear", "timedOut"],
  succeeded: ["undoing"],
  undoing: ["undone", "succeeded", "unclear"],
  failed: [],
  unclear: [],
  timedOut: [],
  rejected: [],
  expired: [],
  cancelled: [],
  byHand: [],
  undone: [],
} as const satisfies Record<ActionState, readonly ActionState[]>;

export const mayMove = (from: ActionState, to: ActionState): boolean => (ACTION_MOVES[from] as readonly ActionState[]).includes(to);
/** States in which something is still to happen. */
export const OPEN_STATES = ["pending", "approved", "executing", "undoing"] as const satisfies readonly ActionState[];
export const isOpen = (state: ActionState) => (OPEN_STATES as readonly ActionState[]).includes(state);

/** What an action would reach, as shown before the decision. Counts are exact at `readAt`; unknown facts are left out, not guessed. */
export type BlastRadius = {
  /** How many targets of the kind the family counts in (devices, users, mailboxes, messages). */
  count: number;
  unit: "device" | "user" | "message" | "indicator" | "file";
  /** Plain facts, each one line: "2 people are signed in: mia, noor", "seen on 3 of our devices". */
  facts: string[];
  /** Protected-asset rules that match the target, with what matched. */
  protectedHits: string[];
  online?: boolean;
  readAt: string;
};

export type ActionDecision = {
  decision: "approve" | "reject" | "automatic";
  by: string;
  at: string;
  via: string;
  reason?: string;
};
