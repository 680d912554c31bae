import { type Air, actionId } from "./air.ts";
import { audited, authorise } from "./authorise.ts";
import { actorOf, mayApprove, type Person } from "./domain/approval.ts";
import { Refusal } from "./domain/errors.ts";
import { ConnectorError } from "./ports.ts";
import type { ActionRow } from "./store.ts";

const TIMEOUT_MS = 10_000;
/** Clocks differ. */
const SKEW_MS = 60_000;

/**
 * The short-lived address of a collected package, for whoever asks. What is in it is as private as the device, so it takes an approver of
 * the device; that it was asked for is kept, the address itself nowhere.
 *
 * @throws Refusal forbidden | not-found | invalid | unavailable
 */
export async function packageLink(air: Air, person: Person, id: number): Promise<string> {
  const action = await air.store.action(id);
  const incidents = action ? [action.incidentId] : [];
  const asked = { verb: "package.link", subject: actionId(id), need: "approver" as const, incidents };
  await authorise(air, person, asked);
  const link = await audited(air, person, asked, () => linkOf(air, person, id, action));
  await air.store.transaction((tx) =>
    tx.writeAudit([
      {
        at: air.clock.now(),
        actor: actorOf(person),
        event: "package.link",
        subject: actionId(id),
        ...(action ? { incidentId: action.incidentId } : {}),
      },
    ]),
  );
  return link;
}

async function linkOf(air: Air, person: Person, id: number, action: ActionRow | undefined): Promise<string> {
  if (!action) throw new Refusal("not-found", `There is no action ${actionId(id)}.`);
  if (action.kind !== "collect-package" || action.target.kind !== "device")
    throw new Refusal("invalid", `${actionId(id)} collects no package. Say: actions history kind=collect-package`);
  const { roles } = person;
  if (!roles.admin && !mayApprove(roles, { family: "device", deviceGroup: action.deviceGroup }))
    throw new Refusal("forbidden", "A package holds what was on the device, so an approver of that device fetches it.");
  if (action.state !== "succeeded")
    throw new Refusal("invalid", `The package of ${actionId(id)} is not collected. Say: status ${actionId(id)}`);
  const { devices } = air.capabilities;
  if (!devices?.packageLink || devices.connector !== action.connector || action.lab !== air.capabilities.lab)
    throw new Refusal("invalid", "The product that collected it gives no link. Fetch the package from the device's page in that product.");
  const link = await read(air, action.target, new Date(action.proposedAt.getTime() - SKEW_MS)).catch((error: unknown) => {
    if (error instanceof ConnectorError) throw new Refusal("unavailable", `There is no link now: ${error.message}`);
    throw error;
  });
  if (link === undefined)
    throw new Refusal("unavailable", "The package is not ready to be fetched. Ask again in some minutes; later than some days it is gone.");
  return link;
}

async function read({ capabilities: { devices } }: Air, target: { kind: "device" }, since: Date): Promise<string | undefined> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const device = await devices?.find(target, signal);
  return device && devices?.packageLink?.(device.id, since, signal);
}
