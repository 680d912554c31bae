import { z } from "zod";
import type { Clock, UserFacts } from "../../../engine/ports.ts";
import type { Api } from "../microsoft/api.ts";
import { createRation, type Sleep } from "./identities-ration.ts";
import { isUnlicensed, type Permissions, whyUnread } from "./identities-refusal.ts";

export const READ_RISK: Permissions = [["IdentityRiskyUser.Read.All", "IdentityRiskyUser.ReadWrite.All"]];
export const WRITE_RISK: Permissions = [["IdentityRiskyUser.ReadWrite.All"]];
export const RISK_LICENCE = "Microsoft Entra ID P2";

/** 1 request a second for a tenant, whoever asks (domain facts 8.7); a little more, since clocks differ. */
const GAP_MS = 1_100;
const KEEP_MS = 30_000;
const QUICK_MS = 300;
const PATIENT_MS = 25_000;
/** After a call of our own what was read before it says nothing, and it shows with a delay. */
const OWN_MS = 10 * 60_000;
const OWN_WAIT_MS = 15_000;

const Risky = z.object({ riskLevel: z.string().nullish(), riskState: z.string().nullish() });
type Risk = NonNullable<UserFacts["risk"]>;
export type RiskRead = { risk?: Risk; unread?: string };
export type RiskSettings = { clock: Clock; gapMs?: number | undefined; sleep?: Sleep | undefined };

/** What Identity Protection makes of an account. */
export function graphRisk(api: Api, { clock, gapMs = GAP_MS, sleep }: RiskSettings) {
  const ration = createRation({ name: "Identity Protection", gapMs, clock, sleep });
  const changed = new Map<string, number>();
  const isChanged = (id: string) => clock.now().getTime() - (changed.get(id) ?? Number.NEGATIVE_INFINITY) < OWN_MS;

  const ask = async (id: string, signal: AbortSignal): Promise<RiskRead> => {
    const about = { permission: "IdentityRiskyUser.Read.All", what: "this account", signal };
    try {
      const answer = await api.get(`/identityProtection/riskyUsers/${encodeURIComponent(id)}`, about);
      // Nobody ever was at risk of whom nothing is listed.
      if (answer === undefined) return { risk: { level: "none", state: "none" } };
      const read = Risky.safeParse(answer).data;
      if (!read) throw api.unknownShape();
      return { risk: riskOf(read) };
    } catch (error) {
      const unread = whyUnread(error, READ_RISK, RISK_LICENCE);
      if (unread === undefined) throw error;
      return { unread };
    }
  };

  return {
    async read(id: string, patient: boolean, signal: AbortSignal): Promise<RiskRead> {
      const own = isChanged(id);
      const waitMs = own ? OWN_WAIT_MS : patient ? PATIENT_MS : QUICK_MS;
      try {
        return await ration.ask(() => ask(id, signal), signal, { key: id, keepMs: own ? 0 : KEEP_MS, waitMs });
      } catch (error) {
        if (patient || own) throw error;
        return { unread: "Identity Protection did not answer in time" };
      }
    },
    async write(id: string, call: "confirmCompromised" | "dismiss", signal: AbortSignal): Promise<void> {
      const about = { permission: "IdentityRiskyUser.ReadWrite.All", what: "this account", signal };
      const go = async () => {
        ration.forget(id);
        changed.set(id, clock.now().getTime());
        await api.post(`/identityProtection/riskyUsers/${call}`, { userIds: [id] }, about);
      };
      for (const [old, at] of changed) if (clock.now().getTime() - at >= OWN_MS) changed.delete(old);
      await ration.ask(go, signal, { waitMs: OWN_WAIT_MS });
    },
  };
}

/** Doctor asks for one of any; undefined: it can be read. */
export async function riskTrouble(api: Api, signal: AbortSignal): Promise<string | undefined> {
  try {
    await api.get("/identityProtection/riskyUsers?$top=1", { permission: "IdentityRiskyUser.Read.All", what: "this address", signal });
    return undefined;
  } catch (error) {
    if (!isUnlicensed(error)) throw error;
    return `the risk of accounts needs ${RISK_LICENCE}: without it risk stays unread, and nobody can be confirmed as compromised`;
  }
}

const LEVELS: Readonly<Record<string, Risk["level"]>> = { none: "none", low: "low", medium: "medium", high: "high" };
/** "confirmedSafe": an administrator said that there was nothing. */
const STATES: Readonly<Record<string, Risk["state"]>> = {
  none: "none",
  confirmedsafe: "dismissed",
  dismissed: "dismissed",
  remediated: "remediated",
  atrisk: "atRisk",
  confirmedcompromised: "confirmedCompromised",
};

function riskOf({ riskLevel, riskState }: z.infer<typeof Risky>): Risk {
  // A state nobody has told us about is nothing to be calm about.
  return { level: LEVELS[riskLevel?.toLowerCase() ?? ""] ?? "none", state: STATES[riskState?.toLowerCase() ?? ""] ?? "atRisk" };
}
