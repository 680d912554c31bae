import type { BlastRadius, HandworkKindName, Params } from "../domain/action.ts";
import type { Entity } from "../domain/entity.ts";
import { entityName } from "../domain/entity.ts";
import { ConnectorError } from "../ports.ts";
import type { ActionKind } from "./action-kind.ts";
import { deviceLines } from "./on-device.ts";

type Handwork = Omit<ActionKind, "kind" | "connector" | "reach" | "state" | "execute" | "follow"> & {
  kind: HandworkKindName;
  /** Exactly what a person does, in order. */
  steps: (target: Entity, params: Params) => string;
};

/** " on WS-042", where the entity says where it lies. */
export const onDevice = (target: Entity) => ("device" in target && target.device ? ` on ${target.device}` : "");
/** Where a person looks: the device by name, or how to find it. */
export const theDevice = (target: Entity) => ("device" in target && target.device ? target.device : "the device the alert names");
/**
 * Steps are copied into PowerShell, and attackers choose names: nothing in single quotes is looked into, and a doubled quote of any of the
 * five sorts is a quote (learn.microsoft.com/powershell/module/microsoft.powershell.core/about/about_quoting_rules).
 */
export const quotedName = (value: string) => `'${value.replace(/[\r\n]+/g, " ").replace(/['\u2018-\u201b]/g, "$&$&")}'`;

/** An action no public API offers: a person does it, unless a connector says that it can do this on this target. */
export function handwork({ steps, ...facts }: Handwork): ActionKind {
  const { kind } = facts;
  return {
    ...facts,
    connector: (target, capabilities, params = {}) =>
      capabilities.handwork?.can(kind, target) ? { name: capabilities.handwork.connector } : { byHand: steps(target, params) },
    reach: async (target, { devices }, now, signal): Promise<BlastRadius> => {
      const radius: BlastRadius = {
        count: 1,
        unit: facts.family === "device" ? "device" : facts.family === "email" ? "user" : "file",
        facts: [`only ${entityName(target)}${onDevice(target)} is touched`],
        protectedHits: [],
        readAt: now.toISOString(),
      };
      const device =
        "device" in target && target.device && devices ? await devices.find({ kind: "device", name: target.device }, signal) : undefined;
      return device ? { ...radius, facts: [...radius.facts, ...deviceLines(device)], online: device.online } : radius;
    },
    state: async (target, capabilities, signal, about) => {
      const name = `${entityName(target)}${onDevice(target)}`;
      const said = capabilities.handwork?.can(kind, target)
        ? await capabilities.handwork.state(kind, target, about?.params ?? {}, signal)
        : undefined;
      switch (said) {
        case "done":
          return { kind: "reached", text: `Done for ${name}.` };
        case "notDone":
          return { kind: "notReached", text: `Not done for ${name}.` };
        case "missing":
          return { kind: "missing", text: `${name} is not there.` };
        case undefined:
          return { kind: "unreadable", text: `No connected product tells of ${name}.` };
        default:
          return said satisfies never;
      }
    },
    execute: async (target, { handwork: product }, { params = {}, comment, key }, signal) => {
      if (product?.can(kind, target)) return product.run(kind, target, { params, comment, key }, signal);
      throw new ConnectorError("refused", "No connected product can do this on it, so a person has to; nothing was done.");
    },
    follow: async (ticket, { handwork: product }, signal) => {
      if (product) return product.follow(ticket, signal);
      throw new ConnectorError("refused", "What carried it out is no longer connected.");
    },
  };
}
