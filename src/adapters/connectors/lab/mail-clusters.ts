import { createHash } from "node:crypto";
import { canonicalUrl } from "../../../engine/domain/entity.ts";
import type { MailClusterFacts, MessageFacts } from "../../../engine/ports.ts";
import type { LabMessage } from "./world.ts";

/** What messages may have in common; the lab's mail product groups by each. */
const BY = [
  "sender-ip",
  "sender-domain",
  "subject",
  "fingerprint",
  "url",
  "attachment",
] as const satisfies readonly MailClusterFacts["by"][];
type By = (typeof BY)[number];

/** Days the product counts back. */
const DAYS = 14;
const DAY = 86_400_000;

/** Written by the lab and read by the lab: `url:https://evil.example/a`. */
const writeClusterQuery = (by: By, value: string) => `${by}:${value}`;
export function readClusterQuery(query: string): { by: By; value: string } | undefined {
  const by = BY.find((each) => query.startsWith(`${each}:`));
  return by === undefined ? undefined : { by, value: query.slice(by.length + 1) };
}

/** Under which values a message stands, the same for every message that belongs with it. */
export function clusterValues(message: LabMessage, by: By): string[] {
  switch (by) {
    case "sender-ip":
      return message.senderIp ? [message.senderIp] : [];
    case "sender-domain": {
      const domain = message.sender.split("@").at(-1)?.toLowerCase();
      return message.sender.includes("@") && domain ? [domain] : [];
    }
    case "subject":
      return message.subject === "" ? [] : [message.subject.slice(0, 1000)];
    case "fingerprint": {
      const fingerprint = fingerprintOf(message);
      return fingerprint ? [fingerprint] : [];
    }
    case "url":
      return [...new Set(message.urls.map(canonicalUrl))];
    case "attachment":
      return (message.attachments ?? []).flatMap(({ sha256 }) => sha256 ?? []);
    default:
      return by satisfies never;
  }
}

/** Same words, whatever the links and numbers in them: campaigns change those per recipient. */
export function fingerprintOf({ text }: LabMessage): string | undefined {
  const words = (text ?? "")
    .toLowerCase()
    .replace(/https?:\/\/\S+/g, "")
    .replace(/\d+/g, "")
    .replace(/\s+/g, " ")
    .trim();
  return words === "" ? undefined : createHash("sha256").update(words).digest("hex").slice(0, 16);
}

/** The clusters the given messages are in, over all messages there are. */
export function clustersAround(
  originals: readonly LabMessage[],
  all: readonly LabMessage[],
  facts: (message: LabMessage) => MessageFacts,
  now: Date,
): MailClusterFacts[] {
  return BY.flatMap((by) => {
    const values = [...new Set(originals.flatMap((message) => clusterValues(message, by)))].slice(0, 20);
    return values.map((value) => cluster(by, value, all, facts, now));
  });
}

/** The one cluster a query of ours names. */
export const clusterOf = (
  query: string,
  all: readonly LabMessage[],
  facts: (message: LabMessage) => MessageFacts,
  now: Date,
): MailClusterFacts | undefined => {
  const read = readClusterQuery(query);
  return read && cluster(read.by, read.value, all, facts, now);
};

function cluster(
  by: By,
  value: string,
  all: readonly LabMessage[],
  facts: (message: LabMessage) => MessageFacts,
  now: Date,
): MailClusterFacts {
  const messages = all.filter((message) => clusterValues(message, by).includes(value));
  const perDay = Array.from({ length: DAYS }, (_, day) => messages.filter((message) => daysAgo(message, now) === day).length);
  return { by, value, query: writeClusterQuery(by, value), messages: messages.map(facts), perDay };
}
const daysAgo = (message: LabMessage, now: Date) => Math.max(0, Math.floor((now.getTime() - Date.parse(message.receivedAt)) / DAY));
