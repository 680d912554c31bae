import { z } from "zod";

/**
 * What no product offers a public call for (domain facts 3.1 and 3.2: "none public", Exchange cmdlets): a person does it with the steps on
 * the card, unless a connector declares that it can.
 */
const HANDWORK_KINDS = [
  "kill-process",
  "remove-registry-key",
  "stop-service",
  "disable-driver",
  "remove-scheduled-task",
  "remove-delegation",
  "block-sender",
] as const;
export type HandworkKindName = (typeof HANDWORK_KINDS)[number];

/** The kinds air can carry out or ask a person for; each is a file in `engine/actions/`. */
export const ACTION_KINDS = [
  "isolate-device",
  "release-device",
  "restrict-execution",
  "unrestrict-execution",
  "scan-device",
  "collect-package",
  "offboard-device",
  "quarantine-file",
  "restore-file",
  "soft-delete-mail",
  "move-to-junk",
  "hard-delete-mail",
  "restore-mail",
  "turn-off-forwarding",
  "restore-forwarding",
  "disable-user",
  "enable-user",
  "revoke-sessions",
  "confirm-compromised",
  "dismiss-risk",
  "force-password-reset",
  "block-indicator",
  "unblock-indicator",
  "allow-indicator",
  "disable-app",
  "enable-app",
  "remove-app-consent",
  "restore-app-consent",
  "disable-access-key",
  "enable-access-key",
  "expand-investigation",
  ...HANDWORK_KINDS,
] as const;
export type ActionKindName = (typeof ACTION_KINDS)[number];

/** What an action is told beside its target, as JSON; which of them a kind takes is its schema. */
export type Params = Record<string, unknown>;
export type ParamsSchema = z.ZodType<Params>;
export const NoParams = z.strictObject({});
/** Quick: where malware usually starts from; full: every file, for hours (domain facts 3.1, ScanType). */
export const ScanParams = z.strictObject({ type: z.enum(["quick", "full"]).default("quick") });
/** Which inbox rule, by the id the mail product gave it; without one the forwarding set on the mailbox itself is meant. */
export const ForwardingParams = z.strictObject({ rule: z.string().min(1).max(1024).optional() });
/** The deleted inbox rule as the mail product kept it: what is re-created, to the letter. */
export const RestoreForwardingParams = z.strictObject({ saved: z.record(z.string(), z.unknown()).optional() });
/** The removed consents of an app, each as the directory kept it, with what it allowed: what is given back, to the letter. */
export const KeptConsents = z.object({
  consents: z
    .array(
      z.object({
        key: z.string().max(1000),
        by: z.enum(["person", "everybody", "itself"]),
        grants: z.array(z.object({ name: z.string(), writes: z.boolean() })),
        saved: z.record(z.string(), z.unknown()),
      }),
    )
    .max(1000),
});
export const RestoreConsentParams = z.strictObject({ saved: KeptConsents.optional() });
/** From where mail comes back; without it from both. */
export const RestoreMailParams = z.strictObject({ from: z.enum(["deleted", "junk"]).optional() });
/** Whose access to the mailbox is taken away, by address; without it everybody's whom the evidence names. */
export const DelegationParams = z.strictObject({ delegate: z.string().min(1).max(320).optional() });

/** JSON kept with a carried-out action, from which its undo is made: the deleted inbox rule. */
export type Saved = Record<string, unknown>;
/** It lies beside the parameters in the row, under a name no parameter has. */
const SAVED_IN = "$saved";
export const keepSaved = (params: Params, saved: Saved | undefined): Params => (saved ? { ...params, [SAVED_IN]: saved } : params);
/** Stored parameters taken apart again: what the action was told, and what it kept. */
export function readStored(stored: Params): { params: Params; saved: Saved | undefined } {
  const { [SAVED_IN]: saved, ...params } = stored;
  return { params, saved: z.record(z.string(), z.unknown()).safeParse(saved).data };
}

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
  // Back to approved only where the target was certainly not reached: then trying again is safe. Cancelled only where the product says so.
  executing: ["approved", "succeeded", "failed", "unclear", "timedOut", "cancelled"],
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
/** By this a proposal is the same as one before. Taking one action back is another than the same kind by itself. */
export const sameProposal = (action: { kind: ActionKindName; targetDigest: string; undoes: number | null }) =>
  action.undoes === null ? `${action.kind} ${action.targetDigest}` : `takes back ${action.undoes}`;
export const isOpen = (state: ActionState) => (OPEN_STATES as readonly ActionState[]).includes(state);

/** One thing somebody had a product do to a device without air, by the kind of action it would be here. */
export type DeviceHand = {
  kind: Extract<
    ActionKindName,
    | "isolate-device"
    | "release-device"
    | "restrict-execution"
    | "unrestrict-execution"
    | "scan-device"
    | "collect-package"
    | "offboard-device"
    | "quarantine-file"
  >;
  /** `done`: it holds until somebody takes it back. */
  state: "waiting" | "running" | "done";
  /** As the product names them. */
  by?: string;
  /** ISO; when it was done, or asked for. */
  at?: string;
  /** Which sort of scan; which file, by its SHA-1. */
  of?: string;
};

/** Stands among the protected hits where the product did not say what an action would reach. */
export const REACH_UNREAD = "reach could not be read";

/** What an action would reach, as shown before the decision. Counts are exact at `readAt`; unknown facts are left out, not guessed. */
export type BlastRadius = {
  /** How many targets of the kind the family counts in (devices, users, messages, apps). */
  count: number;
  unit: "device" | "user" | "message" | "indicator" | "file" | "app" | "key";
  /** Plain facts, each one line: "2 people are signed in: mia, noor", "seen on 3 of our devices". */
  facts: string[];
  /** Protected-asset rules that match the target, with what matched. */
  protectedHits: string[];
  online?: boolean;
  /** It is, or lies on, a server. Rows of before say nothing. */
  server?: boolean;
  /** Roles and grants that make the account or app a privileged one. */
  privileged?: string[];
  /** From how many of our devices a domain or address was seen lately; left out where nobody can say. */
  seenFrom?: number;
  readAt: string;
  /** What the device's product was told to do by others, and by which name the product goes. */
  besideUs?: { product: string; hands: DeviceHand[] };
  /** What grew between two looks, in words: the card was drawn again because of it. */
  changed?: string[];
};

export type ActionDecision = {
  decision: "approve" | "reject" | "automatic";
  by: string;
  at: string;
  via: string;
  reason?: string;
  /** The group whose member they decided as, as it was then. */
  role?: string;
};

/** A person wants an action ended that the product is carrying out. `answer`: what the product made of it, once it answered. */
export type CancelRequest = {
  by: string;
  at: string;
  reason?: string;
  answer?: string;
  /** air itself asked: nobody picked the operation up in time. */
  timedOut?: true;
};

/** One person decided where two were needed (product contract 6), until a second confirmed or it was taken back. */
export type BreakGlass = {
  by: string;
  key: string;
  /** Every identity that names them alone. */
  also?: readonly string[];
  at: string;
  reason: string;
  /** After how long it would have ended by itself anyway, as was asked for; a confirmation gives that back. */
  lasts?: number;
  confirmed?: { by: string; at: string };
  /** An admin looked at it afterwards. */
  reviewed?: { by: string; at: string };
};

/** Containment for longer than this is a decision of its own. */
export const LONGEST_MS = 7 * 86_400_000;
