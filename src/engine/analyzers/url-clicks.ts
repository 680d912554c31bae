import type { Entity } from "../domain/entity.ts";
import { WEIGHTS } from "../domain/verdict.ts";
import { defineAnalyzer } from "./analyzer.ts";
import { MAX_FOUND } from "./mail-copies.ts";
import { count, listed, unique } from "./wording.ts";

/** Domain 1.7: clicks in the 48 h before the verdict changed. */
const HOURS = 48;
const MAX_CLICKS = 10_000;

export const urlClicks = defineAnalyzer({
  name: "url-clicks",
  about: "Lists who pressed the link in the last 48 hours and whether the mail product let them through.",
  kinds: ["url"],
  looks: (entity, capabilities, { now }) => {
    const mail = capabilities.mail;
    if (!mail?.clicksOn) return [];
    const clicksOn = mail.clicksOn.bind(mail);
    return [
      {
        key: `url-clicks/${mail.connector}`,
        source: mail.connector,
        family: "mail",
        run: async (signal) => {
          const shared = { analyzer: "url-clicks", source: mail.connector, family: "mail", at: now } as const;
          const clicks = (await clicksOn(entity.url, new Date(now.getTime() - HOURS * 3_600_000), signal)).slice(0, MAX_CLICKS);
          if (clicks.length === 0) {
            return [{ ...shared, label: "neutral", weight: 0, text: `Nobody pressed this link in the last ${HOURS} hours.` }];
          }
          const through = clicks.filter(({ blocked }) => !blocked).toSorted((a, b) => b.at.getTime() - a.at.getTime());
          const stopped = clicks.length - through.length;
          const people = unique(through.map(({ user }) => user.toLowerCase())).filter((user) => user !== "");
          const devices = unique(through.flatMap(({ device }) => device ?? []));
          const found: Entity[] = [
            ...people.slice(0, MAX_FOUND).map((email) => ({ kind: "user" as const, email: email.slice(0, 1024) })),
            ...devices.slice(0, MAX_FOUND).map((name) => ({ kind: "device" as const, name: name.slice(0, 1024) })),
          ];
          const [latest] = through;
          const text = [
            `Pressed ${count(clicks.length, "time")} in the last ${HOURS} hours, ${stopped} of them blocked.`,
            latest ? `Let through: ${listed(people)}, last at ${latest.at.toISOString().slice(0, 16).replace("T", " ")} UTC.` : "",
          ]
            .filter((part) => part !== "")
            .join(" ");
          const more = { text, ...(found.length > 0 ? { found } : {}), raw: clicks.slice(0, 20) };
          // The product blocks at the moment of the click what it holds to be bad by then.
          if (stopped > 0) return [{ ...shared, label: "suspicious", weight: WEIGHTS.mailThreatWeak, ...more }];
          return [{ ...shared, label: "neutral", weight: 0, ...more }];
        },
      },
    ];
  },
});
