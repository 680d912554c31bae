import { z } from "zod";
import type { EntityOf } from "../../../engine/domain/entity.ts";
import { canonicalAddress, canonicalUrl } from "../../../engine/domain/entity.ts";
import type { HuntingCapability, Indicator, Prevalence } from "../../../engine/ports.ts";
import { ConnectorError } from "../../../engine/ports.ts";
import { dynamic, HUNTING_DAYS, type Hunting } from "./hunting.ts";
import { kqlText } from "./hunting-kql.ts";

/** Names kept of what may be a thousand; the count is exact to a percent or so (KQL's dcount). */
const MOST_NAMES = 1000;
const names = dynamic(z.array(z.string()).nullish().catch([]));
const count = z.coerce.number().catch(0);
const time = z.string().nullish();
const Seen = z.object({ Devices: count, Names: names, Users: names, Events: count, FirstAt: time, LastAt: time });
const Logons = z.object({ Count: count, Failed: count, Devices: names, Ips: names, LastAt: time });

/** Asks every sensor's records at once: where else was it, and how common is it here. */
export function graphHuntingCapability(hunting: Hunting): HuntingCapability {
  return {
    connector: "graph",
    days: HUNTING_DAYS,
    async seenOn(indicator, signal): Promise<Prevalence> {
      const [row] = await hunting.rows(prevalenceQuery(indicator), Seen, signal, { spare: true });
      const at = { ...dated("firstAt", row?.FirstAt), ...dated("lastAt", row?.LastAt) };
      const known = (list: string[] | null | undefined) => (list ?? []).filter((name) => name !== "");
      return { devices: row?.Devices ?? 0, names: known(row?.Names), users: known(row?.Users), events: row?.Events ?? 0, ...at };
    },
    async logons(user, signal) {
      const who = userCondition(user);
      const query = [
        "IdentityLogonEvents",
        `where Timestamp > ago(${HUNTING_DAYS}d)`,
        `where ${who}`,
        'summarize Count=count(), Failed=countif(ActionType =~ "LogonFailed"), Devices=make_set(DeviceName, 50), Ips=make_set(IPAddress, 50), LastAt=max(Timestamp)',
      ].join(" | ");
      const [row] = await hunting.rows(query, Logons, signal, { spare: true });
      const known = (list: string[] | null | undefined) => (list ?? []).filter((name) => name !== "");
      return {
        count: row?.Count ?? 0,
        failed: row?.Failed ?? 0,
        devices: known(row?.Devices),
        ips: known(row?.Ips),
        ...dated("lastAt", row?.LastAt),
      };
    },
  };
}

const dated = <K extends string>(name: K, text: string | null | undefined): { [P in K]?: Date } => {
  const at = new Date(text ?? Number.NaN);
  // The earliest time of nothing is the beginning of the calendar.
  return Number.isNaN(at.getTime()) || at.getUTCFullYear() < 2000 ? {} : ({ [name]: at } as { [P in K]?: Date });
};

function prevalenceQuery(indicator: Indicator): string {
  const [tables, condition] = whereToLook(indicator);
  const sources = tables.map((table) => `(${table} | where Timestamp > ago(${HUNTING_DAYS}d) | where ${condition})`).join(", ");
  return (
    `union ${sources} | summarize Devices=dcount(DeviceId), Names=make_set(DeviceName, ${MOST_NAMES}), ` +
    "Users=make_set(InitiatingProcessAccountUpn, 50), Events=count(), FirstAt=min(Timestamp), LastAt=max(Timestamp)"
  );
}

function whereToLook(indicator: Indicator): [tables: readonly string[], condition: string] {
  switch (indicator.kind) {
    case "file": {
      const hashes = [
        indicator.sha256 && `SHA256 =~ ${kqlText(indicator.sha256)}`,
        indicator.sha1 && `SHA1 =~ ${kqlText(indicator.sha1)}`,
        indicator.md5 && `MD5 =~ ${kqlText(indicator.md5)}`,
      ].filter((part) => part);
      // Any one of them names the file; a source that got one wrong must not find another.
      if (hashes[0]) return [["DeviceFileEvents", "DeviceProcessEvents"], hashes[0]];
      throw new ConnectorError("refused", "not asked: no hash of the file is known");
    }
    case "ip":
      return [["DeviceNetworkEvents"], `RemoteIP == ${kqlText(canonicalAddress(indicator.address))}`];
    case "domain": {
      const name = indicator.name.trim().toLowerCase().replace(/\.$/, "");
      return [
        ["DeviceNetworkEvents"],
        `RemoteUrl =~ ${kqlText(name)} or RemoteUrl endswith ${kqlText(`.${name}`)} or tostring(parse_url(RemoteUrl).Host) =~ ${kqlText(name)} or tostring(parse_url(RemoteUrl).Host) endswith ${kqlText(`.${name}`)}`,
      ];
    }
    case "url":
      return [["DeviceNetworkEvents"], `RemoteUrl in~ (${kqlText(indicator.url)}, ${kqlText(canonicalUrl(indicator.url))})`];
    default:
      return indicator satisfies never;
  }
}

function userCondition({ email, id, name }: EntityOf<"user">): string {
  if (id && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id)) return `AccountObjectId =~ ${kqlText(id)}`;
  if (email) return `AccountUpn =~ ${kqlText(email)}`;
  // A bare name may be anybody's of that name.
  throw new ConnectorError(
    "refused",
    `not asked: hunting finds an account by its address or id, and only the name ${name ?? id ?? ""} is known`,
  );
}
