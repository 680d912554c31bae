import { z } from "zod";
import { ConnectorError } from "../../../engine/ports.ts";
import type { Api } from "../microsoft/api.ts";
import { HUNTING_PERMISSION, type Hunting } from "./hunting.ts";
import { REMEDIATE_PERMISSION } from "./mail-remediate.ts";
import { aboutMail, licensed, READ_MAIL } from "./messages.ts";

/** What air needs to look at mail, to move it, to change inbox rules, and to hunt. */
export const MAIL_PERMISSIONS: readonly (readonly string[])[] = [
  [REMEDIATE_PERMISSION],
  [HUNTING_PERMISSION],
  ["MailboxSettings.ReadWrite"],
];

/** What this tenant's licences leave out of mail and hunting; nothing is wrong, and people should know. */
export async function mailLimits(api: Api, hunting: Hunting, signal: AbortSignal): Promise<string[]> {
  const asked = await Promise.all([
    refusalOf(licensed(api.get("/security/collaboration/analyzedEmails?$top=1", aboutMail(READ_MAIL, signal)))),
    refusalOf(hunting.rows("EmailEvents | take 1", z.unknown(), signal)),
    refusalOf(hunting.rows("DeviceNetworkEvents | take 1", z.unknown(), signal)),
  ]);
  return asked.flat();
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
