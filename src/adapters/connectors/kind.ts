import { z } from "zod";
import { readDuration } from "../../engine/domain/duration.ts";
import type { Connector } from "../../engine/ports.ts";
import { readBaseUrl } from "./base-url.ts";
import type { HttpSettings } from "./http.ts";
import type { ReputationMeans } from "./reputation.ts";

/**
 * What a connector is given beside its settings: the clock; whose names never leave; the rows its answers and quotas are kept in. The
 * rest is for tests.
 */
export type Means = ReputationMeans & Pick<HttpSettings, "breaker" | "timeoutMs" | "watch">;

/** One product air can be connected to. How to add one: docs/write-a-connector.md. */
export type ConnectorKind<Name extends string = string, Shape extends z.ZodRawShape = z.ZodRawShape> = {
  /** The part of air.yaml (`connectors.<name>`), and the name in every answer and action. */
  name: Name;
  /** As people call it. */
  product: string;
  /** Changes something in the world: then the lab may not run beside it, and the mode begins as `observe` (product contract 3.5, 6). */
  acts: boolean;
  /** What air.yaml may say of it. A field without a default has to be given, here or by the environment. */
  settings: Shape;
  /** Variables of the environment, each with the setting it gives; it wins over air.yaml. An address alone connects nothing. */
  env: Readonly<Record<string, keyof Shape & string>>;
  /** Another kind whose settings are taken where none of its own are given: one app registration serves several products. */
  borrows?: { from: string; settings: readonly (keyof Shape & string)[] };
  /**
   * Kinds that one key opens. Who names another address for one of them, a mirror in the house, does not mean the others to be asked in
   * public: then only what is named is connected.
   */
  oneKeyWith?: string;
  create: (settings: z.output<z.ZodObject<Shape>>, means: Means) => Connector;
};

export const defineConnector = <const Name extends string, Shape extends z.ZodRawShape>(
  kind: ConnectorKind<Name, Shape>,
): ConnectorKind<Name, Shape> => kind;

/** A key or password: never printed, logged, or part of an error. */
export const secret = () => z.string().trim().min(1, "must not be empty").regex(/^\S+$/, "must not hold spaces").meta({ secret: true });

const anAddress = z
  .string()
  .transform((value, context) => {
    const read = readBaseUrl(value, { http: "loopback" });
    if ("url" in read) return read.url;
    context.addIssue({ code: "custom", message: read.problem });
    return z.NEVER;
  })
  .meta({ address: true });
/** Where a product of your own answers: https, or http on this machine. */
export const ownAddress = () => anAddress;
/** The product's address; another one is for sovereign clouds, mirrors and proxies. */
export const address = (standard: string) => anAddress.default(standard);

/** "30s", "24h", "7d", as milliseconds. */
export const duration = z.string({ error: 'must be a duration like "30m", "24h" or "7d"' }).transform((value, context) => {
  const ms = readDuration(value);
  if (ms !== undefined) return ms;
  context.addIssue({ code: "custom", message: 'must be a duration like "30m", "24h" or "7d", at most a year' });
  return z.NEVER;
});

const atLeastOne = z.number().int("must be a whole number").min(1, "must be at least 1");
/** What every product that is asked about things can be told: where it is, how much it grants, how much may leave the house. */
export const intelligence = (granted: { perMinute?: number; perDay?: number } = {}) => ({
  perMinute: granted.perMinute === undefined ? atLeastOne.optional() : atLeastOne.default(granted.perMinute),
  perDay: granted.perDay === undefined ? atLeastOne.optional() : atLeastOne.default(granted.perDay),
  share: z.enum(["public", "full"], { error: "must be public or full" }).default("public"),
});
