import type { Entity } from "../domain/entity.ts";
import { EXPANSION_ASKS } from "../domain/investigation.ts";
import type { Observation } from "../domain/observation.ts";
import type { Prevalence } from "../ports.ts";
import { defineAnalyzer } from "./analyzer.ts";
import { MAX_FOUND } from "./mail-copies.ts";
import { count, listed } from "./wording.ts";

/** Domain 1.4 and 6.3: whether a bad thing was met elsewhere, asked of everything the sensors recorded. By itself it changes no verdict. */
export const seenElsewhere = defineAnalyzer({
  name: "seen-elsewhere",
  about: "Asks the records of all sensors from how many of our devices it was seen, and where an account signed in.",
  kinds: ["file", "url", "domain", "ip", "user"],
  looks: (entity, { hunting }, { now }) => {
    if (!hunting) return [];
    if (entity.kind === "file" && !(entity.sha256 || entity.sha1 || entity.md5)) return [];
    const { connector, days } = hunting;
    const shared = { analyzer: "seen-elsewhere", source: connector, family: "endpoint", label: "neutral", weight: 0, at: now } as const;
    const look = { key: `seen-elsewhere/${connector}`, source: connector, family: "endpoint" };
    if (entity.kind === "user") {
      if (!entity.email && !entity.id) return [];
      return [
        {
          ...look,
          run: async (signal) => {
            const { count: logons, failed, devices, ips, lastAt } = await hunting.logons(entity, signal);
            if (logons === 0) return [{ ...shared, text: `No sign-in of the account was recorded in ${days} days.` }];
            const where = devices.length > 0 ? ` on ${listed(devices)}` : "";
            const text = `${count(logons, "sign-in")} in ${days} days, ${failed} of them failed${where}, from ${count(ips.length, "address", "addresses")}${lastAt ? `, last at ${minute(lastAt)}` : ""}.`;
            return [{ ...shared, text, raw: { logons, failed, devices, ips } }];
          },
        },
      ];
    }
    return [{ ...look, run: async (signal) => [{ ...shared, ...judgePrevalence(await hunting.seenOn(entity, signal), days) }] }];
  },
});

function judgePrevalence(
  { devices, names, users, events, firstAt, lastAt }: Prevalence,
  days: number,
): Pick<Observation, "text" | "found" | "raw"> {
  if (devices === 0) return { text: `Seen from none of our devices in ${days} days.`, raw: { devices: [], count: 0 } };
  const raw = { devices: names.slice(0, 1000), count: devices, users: users.slice(0, 20), events };
  const times = [firstAt && `first at ${minute(firstAt)}`, lastAt && `last at ${minute(lastAt)}`].filter((part) => part).join(", ");
  const said = `Seen from ${count(devices, "device")} of ours in ${days} days`;
  if (devices >= EXPANSION_ASKS)
    return { text: `${said}${times ? ` (${times})` : ""}: widening the investigation to them asks a person first.`, raw };
  const found = names.slice(0, MAX_FOUND).map((name): Entity => ({ kind: "device", name: name.slice(0, 1024) }));
  return { text: `${said}${names.length > 0 ? `: ${listed(names)}` : ""}${times ? ` (${times})` : ""}.`, found, raw };
}
const minute = (at: Date) => `${at.toISOString().slice(0, 16).replace("T", " ")} UTC`;
