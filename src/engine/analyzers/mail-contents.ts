import type { Entity } from "../domain/entity.ts";
import { defineAnalyzer } from "./analyzer.ts";
import { isReadable, MAX_FOUND, toMessage } from "./mail-copies.ts";
import { count, unique } from "./wording.ts";

export const mailContents = defineAnalyzer({
  name: "mail-contents",
  about: "Opens the message: its links, who pressed one, and which other mailboxes hold a copy.",
  kinds: ["message", "mail-cluster"],
  looks: (entity, capabilities, { now }) => {
    const mail = capabilities.mail;
    if (!mail) return [];
    return [
      {
        key: `mail-contents/${mail.connector}`,
        source: mail.connector,
        family: "mail",
        run: async (signal) => {
          const shared = {
            analyzer: "mail-contents",
            source: mail.connector,
            family: "mail",
            label: "neutral",
            weight: 0,
            at: now,
          } as const;
          const [copies, others] = await Promise.all([
            mail.find(entity, signal),
            entity.kind === "message" ? mail.similar(entity, signal) : Promise.resolve([]),
          ]);
          const known = new Set(copies.map((copy) => copy.id));
          const similar = others.filter((copy) => !known.has(copy.id));
          const every = [...copies, ...similar];
          if (every.length === 0) return [{ ...shared, text: "No mailbox holds this message (any more)." }];
          const clicks = every.flatMap((copy) => copy.clicks);
          const clickers = unique(clicks.map((click) => click.user.toLowerCase()));
          // Where a link was pressed, whatever it led to may have run.
          const devices = unique(clicks.flatMap((click) => click.device ?? []));
          const found: Entity[] = [
            ...unique(every.flatMap((copy) => copy.urls))
              .slice(0, MAX_FOUND)
              .map((url) => ({ kind: "url" as const, url })),
            ...clickers.slice(0, MAX_FOUND).map((email) => ({ kind: "user" as const, email })),
            ...devices.slice(0, MAX_FOUND).map((name) => ({ kind: "device" as const, name })),
            ...(entity.kind === "message" ? similar : every).slice(0, MAX_FOUND).map(toMessage),
          ];
          return [
            {
              ...shared,
              text: [
                `Sent by ${unique(every.map((copy) => copy.sender))
                  .slice(0, 3)
                  .join(", ")}.`,
                `${count(every.length, "copy", "copies")} in ${count(new Set(every.map((copy) => copy.recipient)).size, "mailbox", "mailboxes")},`,
                `${every.filter(isReadable).length} of them within reach of a reader.`,
                clickers.length > 0
                  ? `A link was pressed by ${clickers.slice(0, 3).join(", ")}${clickers.length > 3 ? " and others" : ""}.`
                  : "Nobody pressed a link.",
              ].join(" "),
              found,
              raw: { copies: every.length, clicks: clicks.length },
            },
          ];
        },
      },
    ];
  },
});
