import { actionKinds } from "./actions/all.ts";
import type { Air } from "./air.ts";
import { shown } from "./cards/say.ts";
import type { ActionKindName } from "./domain/action.ts";
import type { Entity } from "./domain/entity.ts";
import { Refusal } from "./domain/errors.ts";

/** The person waits for the answer. */
const BUDGET_MS = 1_500;

/**
 * Before anybody is asked: does the product that would act know what it is to act on? One that does not answer in time is not waited for; it
 * says so itself when it acts. What a person does by hand, no product has to know.
 *
 * @throws Refusal invalid, with the field
 */
export async function mustBeKnown(air: Pick<Air, "capabilities">, kind: ActionKindName, target: Entity): Promise<void> {
  if (!("name" in actionKinds[kind].connector(target, air.capabilities))) return;
  const who = await unknownTo(air, kind, target, AbortSignal.timeout(BUDGET_MS)).catch(() => undefined);
  if (who)
    throw new Refusal("invalid", `${who} ${shown(target)}. Nothing was asked for or done. Check how it is written.`, { field: "target" });
}

async function unknownTo(
  { capabilities: { devices, identities, apps } }: Pick<Air, "capabilities">,
  kind: ActionKindName,
  target: Entity,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { family } = actionKinds[kind];
  if (target.kind === "device" && devices)
    return (await within(devices.find(target, signal), signal)) ? undefined : "The inventory does not know the device";
  if ((target.kind === "user" || (target.kind === "mailbox" && family === "identity")) && identities)
    return (await within(identities.find(target, signal), signal)) ? undefined : "The directory does not know the account";
  if (target.kind === "oauth-app" && apps)
    return (await within(apps.find(target, signal), signal)) ? undefined : "The directory does not know the app";
  return undefined;
}

/** A product that does not heed the signal is not waited for either. */
const within = <T>(asked: Promise<T>, signal: AbortSignal): Promise<T> =>
  Promise.race([asked, new Promise<never>((_, fail) => signal.addEventListener("abort", () => fail(signal.reason), { once: true }))]);
