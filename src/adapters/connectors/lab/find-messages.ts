import type { EntityOf } from "../../../engine/domain/entity.ts";
import { canonicalUrl } from "../../../engine/domain/entity.ts";
import { clusterValues, readClusterQuery } from "./mail-clusters.ts";
import type { LabMemory } from "./memory.ts";
import type { LabMessage } from "./world.ts";

/** Every copy a message or a cluster stands for. */
export async function findMessages(memory: LabMemory, mail: EntityOf<"message"> | EntityOf<"mail-cluster">): Promise<LabMessage[]> {
  const all = (await memory.all("message")).map(({ state }) => state);
  if (mail.kind === "mail-cluster") {
    const cluster = readClusterQuery(mail.query);
    if (cluster) return all.filter((message) => clusterValues(message, cluster.by).includes(cluster.value));
    // Every product has its own query language; the lab takes what a query names: a subject, a sender, a link.
    const query = mail.query.toLowerCase();
    return all.filter((message) =>
      [message.subject, message.sender, ...message.urls].some((part) => part !== "" && query.includes(part.toLowerCase())),
    );
  }
  const same = (a: string | undefined, b: string | undefined) => a === undefined || a.toLowerCase() === b?.toLowerCase();
  return all.filter((message) => {
    if (!same(mail.recipient, message.recipient)) return false;
    if (mail.networkMessageId) return same(mail.networkMessageId, message.networkMessageId) || same(mail.networkMessageId, message.id);
    if (mail.internetMessageId) return same(mail.internetMessageId, message.internetMessageId ?? message.networkMessageId);
    return mail.subject !== undefined && same(mail.subject, message.subject) && same(mail.sender, message.sender);
  });
}

/** Other copies: same sender and subject, or carrying one of the same links. */
export async function findSimilar(memory: LabMemory, mail: EntityOf<"message">): Promise<LabMessage[]> {
  const originals = await findMessages(memory, mail);
  const ids = new Set(originals.map((message) => message.id));
  const urls = new Set(originals.flatMap((message) => message.urls).map(canonicalUrl));
  return (await memory.all("message"))
    .map(({ state }) => state)
    .filter(
      (message) =>
        !ids.has(message.id) &&
        (message.urls.some((url) => urls.has(canonicalUrl(url))) ||
          originals.some(
            (original) => original.sender.includes("@") && original.sender === message.sender && original.subject === message.subject,
          )),
    );
}
