import { z } from "zod";
import { entityName } from "../domain/entity.ts";
import type { ActionKind } from "./action-kind.ts";

/** The devices that would be looked at, as they were found when it was proposed. */
const Params = z.strictObject({ devices: z.array(z.string()).default([]) });

/**
 * Widening an investigation to the devices one bad entity was seen on. From ten devices on that is itself a decision for a person
 * (domain facts 1.4); it touches no product: the devices become evidence in the transaction of the approval.
 */
export const expandInvestigation: ActionKind = {
  kind: "expand-investigation",
  family: "device",
  targets: ["file", "process", "ip", "url", "domain"],
  params: Params,
  permission: "none",
  idempotency: "A device that is already looked at is not taken in twice.",
  title: (target) => `Widen the investigation to every device ${entityName(target)} was seen on`,
  effect: () =>
    "The devices are looked at as part of this investigation, and remedies are proposed for what is found there. Nothing is changed on them.",
  ifNot: (target) => `The other devices ${entityName(target)} was seen on are not looked at.`,
  undo: { by: undefined, text: "Nothing to undo: devices are only looked at." },
  disruptive: false,
  connector: () => ({ name: "air" }),
  reach: async (target, capabilities, now, signal, params) => {
    const listed = target.kind === "file" && capabilities.devices ? await capabilities.devices.seenOn(target, signal) : [];
    // Of what no inventory lists, hunting found them when it was proposed.
    const devices = listed.length > 0 ? listed : (Params.safeParse(params ?? {}).data?.devices ?? []);
    return {
      // Looking at a device changes nothing on it: the count is shown, and does not make two approvers of one.
      count: 1,
      unit: "file",
      facts: [
        devices.length > 0
          ? `seen on ${devices.length} of our devices: ${devices.slice(0, 10).join(", ")}${devices.length > 10 ? " and others" : ""}`
          : "on how many devices cannot be read now",
      ],
      protectedHits: [],
      readAt: now.toISOString(),
    };
  },
  // Carried out with the approval: whoever asks afterwards finds it done.
  state: async () => ({ kind: "reached", text: "The investigation was widened." }),
  execute: async () => ({ id: "air", state: "done" }),
  follow: async (ticket) => ({ id: ticket, state: "done" }),
};
