import { z } from "zod";
import { ConnectorError } from "../../../engine/ports.ts";
import type { Api } from "../microsoft/api.ts";
import { HUNTING_PERMISSION, type Hunting } from "./hunting.ts";
import { REMEDIATE_PERMISSION } from "./mail-remediate.ts";
import { aboutMail, licensed, READ_MAIL } from "./messages.ts";

/** What this tenant's licences leave out of mail and hunting; nothing is wrong, and people should know. As for accounts. */
export async function mailLimits(api: Api, hunting: Hunting, lacking: ReadonlySet<string>, signal: AbortSignal): Promise<string[]> {
  const mail = !lacking.has(REMEDIATE_PERMISSION);
  const hunts = !lacking.has(HUNTING_PERMISSION);
  const asked = await Promise.all([
    mail && refusalOf(licensed(api.get("/security/collaboration/analyzedEmails?$top=1", aboutMail(READ_MAIL, signal)))),
    hunts && refusalOf(hunting.rows("EmailEvents | take 1", z.unknown(), signal)),
    hunts && refusalOf(hunting.rows("DeviceNetworkEvents | take 1", z.unknown(), signal)),
  ]);
  return asked.flatMap((said) => said || []);
}

/** A refusal is said; whatever else happens is the check's to find. */
async function refusalOf(question: Promise<unknown>): Promise<string[]> {
  try {
    await question;
    return [];
  } catch (error) {
    if (error instanceof ConnectorError && error.kind === "refused") return [error.message.replace(/ Nothing was done\.$/, "")];
    if (error instanceof ConnectorError) return [];
    throw error;
  }
}
