import { z } from "zod";
import type { Ticket } from "../../../engine/ports.ts";
import { ConnectorError } from "../../../engine/ports.ts";
import type { Api } from "../microsoft/api.ts";
import { aboutMail, licensed, readCopyId } from "./messages.ts";

export const REMEDIATE_PERMISSION = "SecurityAnalyzedMessage.ReadWrite.All";
export type Remediation = "softDelete" | "moveToJunk" | "hardDelete" | "moveToInbox";

/**
 * One call names at most so many copies: a single recipient may stand for a thousand of them whatever else is in the set (domain facts
 * 3.2), so that a larger one would be refused for one full mailbox.
 */
const PER_CALL = 1000;
const NAME_SHOWN = 200;
const Accepted = z.object({ location: z.string().optional() }).optional();

/**
 * Asks for copies to be moved or deleted. The product answers that it took the request and has no call that tells what became of it: where
 * the mail lies is read again. Each request bears the action's name and key, for whoever looks it up in Microsoft's Action center.
 */
export async function remediate(
  api: Api,
  action: Remediation,
  ids: readonly string[],
  { comment, key }: { comment: string; key: string },
  signal: AbortSignal,
): Promise<Ticket> {
  const copies = [...new Set(ids)].map(readCopyId);
  const batches = Array.from({ length: Math.ceil(copies.length / PER_CALL) }, (_, at) => copies.slice(at * PER_CALL, (at + 1) * PER_CALL));
  const tracked: string[] = [];
  let taken = 0;
  for (const [at, batch] of batches.entries()) {
    const part = batches.length > 1 ? ` ${at + 1} of ${batches.length}` : "";
    const body = {
      displayName: `${[...comment].slice(0, NAME_SHOWN).join("")}${part} [${key}]`,
      description: `${comment}${part} [${key}]`,
      severity: "medium",
      action,
      remediateSendersCopy: false,
      analyzedEmails: batch.map(({ networkMessageId, recipient }) => ({ networkMessageId, recipientEmailAddress: recipient })),
    };
    try {
      const about = aboutMail(REMEDIATE_PERMISSION, signal);
      const answer = Accepted.safeParse(await licensed(api.post("/security/collaboration/analyzedEmails/remediate", body, about))).data;
      tracked.push(...(bulkIdOf(answer?.location) ?? []));
      taken += batch.length;
    } catch (error) {
      if (at === 0 || !(error instanceof ConnectorError)) throw error;
      // The first ones are on their way, so this is neither a refusal nor a thing to repeat as a whole.
      const text = `Microsoft 365 took ${taken} of ${copies.length} copies; of the rest: ${error.message.replace(/ Nothing was done\.$/, "")}`;
      return { id: key, state: "pending", text };
    }
  }
  const where = tracked.length > 0 ? ` (Action center: ${tracked.slice(0, 3).join(", ")})` : "";
  return { id: key, state: "pending", text: `Microsoft 365 took the request${where}; it moves mail in its own time.` };
}

/** `https://security.microsoft.com/action-center/history?filters={"bulkId":["..."]}&tid=...` */
function bulkIdOf(location: string | undefined): string[] | undefined {
  const found = /"bulkId":\["([0-9a-f-]{1,64})"\]/i.exec(decoded(location ?? "").slice(0, 2000))?.[1];
  return found === undefined ? undefined : [found];
}
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
