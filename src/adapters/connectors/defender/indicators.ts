import { z } from "zod";
import { canonicalAddress } from "../../../engine/domain/entity.ts";
import type { Clock, Indicator, IndicatorCapability, Ticket } from "../../../engine/ports.ts";
import { ConnectorError } from "../../../engine/ports.ts";
import { HttpRefusal } from "../http.ts";
import { type Api, quoted } from "../microsoft/api.ts";
import { PRODUCT, unknownShape } from "./api.ts";
import { BUSY_MS, carries, withKey } from "./machine-actions.ts";

const Entry = z.object({
  id: z.union([z.string().min(1).max(200), z.number().transform(String)]),
  indicatorValue: z.string(),
  indicatorType: z.string(),
  action: z.string(),
  title: z.string().nullish(),
  description: z.string().nullish(),
  expirationTime: z.string().nullish(),
  rbacGroupNames: z.array(z.string()).nullish(),
  createdByDisplayName: z.string().nullish(),
});
type Entry = z.infer<typeof Entry>;

const PERMISSION = "Ti.ReadWrite.All";
const BLOCKS = new Set(["block", "blockandremediate", "alertandblock"]);

/** Custom indicators (domain facts 3.5): what is blocked or allowed on every device. */
export function defenderIndicators(api: Api, clock: Clock): IndicatorCapability {
  const about = (signal: AbortSignal) => ({ permission: PERMISSION, what: "this indicator", signal });

  /** Every entry of any of its names that has not ended. */
  async function entries(indicator: Indicator, signal: AbortSignal): Promise<Entry[]> {
    const found: Entry[] = [];
    for (const { value } of namesOf(indicator)) {
      const read = z
        .array(Entry)
        .safeParse(await api.list("/api/indicators", { $filter: `indicatorValue eq ${quoted(value)}` }, about(signal)));
      if (!read.success) throw unknownShape();
      found.push(...read.data.filter((entry) => entry.indicatorValue.toLowerCase() === value.toLowerCase()));
    }
    const now = clock.now().getTime();
    return found.filter((entry) => !entry.expirationTime || !(Date.parse(entry.expirationTime) <= now));
  }

  async function enter(
    indicator: Indicator,
    action: "Block" | "Allowed",
    expiresAt: Date | undefined,
    comment: string,
    key: string,
    signal: AbortSignal,
  ): Promise<Ticket> {
    const [name] = namesOf(indicator);
    if (!name) throw new ConnectorError("refused", "A file is listed by its hash, and none is given. Nothing was done.");
    const theirs = (await entries(indicator, signal)).find((entry) => meaningOf(entry) === undefined);
    // Posting the same value again replaces the entry: what a person set for a reason is theirs to change.
    if (theirs) {
      const scope = theirs.rbacGroupNames?.length ? `for ${theirs.rbacGroupNames.slice(0, 3).join(", ")} only` : "";
      throw new ConnectorError(
        "refused",
        `${PRODUCT} has an entry for it already, ${[theirs.action, scope].filter((part) => part).join(" ")}${theirs.createdByDisplayName ? `, made by ${theirs.createdByDisplayName}` : ""}. Change it there. Nothing was done.`,
      );
    }
    const body = {
      indicatorValue: name.value,
      indicatorType: name.type,
      action,
      title: action === "Block" ? "Blocked by air" : "Allowed by air",
      description: withKey(comment, key),
      severity: "Informational",
      ...(expiresAt ? { expirationTime: expiresAt.toISOString() } : {}),
    };
    const answer = Entry.safeParse(await free(api.post("/api/indicators", body, about(signal))));
    if (!answer.success) throw new ConnectorError("unclear", `${PRODUCT} took it and answered in a shape air does not know`);
    return { id: answer.data.id, state: "done" };
  }

  return {
    connector: "defender",
    async find(indicator, signal) {
      // A block wins over an allow entry for another of its names, as it does in the product's own order for files.
      const known = (await entries(indicator, signal)).flatMap((entry) => {
        const action = meaningOf(entry);
        return action ? [{ entry, action }] : [];
      });
      const first = known.find(({ action }) => action === "block") ?? known[0];
      if (!first) return undefined;
      const { id, expirationTime } = first.entry;
      return { id, action: first.action, ...(expirationTime ? { expiresAt: new Date(expirationTime) } : {}) };
    },
    block: (indicator, expiresAt, comment, key, signal) => enter(indicator, "Block", expiresAt, comment, key, signal),
    allow: (indicator, expiresAt, comment, key, signal) => enter(indicator, "Allowed", expiresAt, comment, key, signal),
    async unblock(indicator, _comment, _key, signal) {
      const listed = (await entries(indicator, signal)).filter((entry) => meaningOf(entry) !== undefined);
      for (const entry of listed) await free(api.delete(`/api/indicators/${encodeURIComponent(entry.id)}`, about(signal)));
      return { id: listed[0]?.id ?? "gone", state: "done" };
    },
    async findRun(indicator, key, signal) {
      const own = (await entries(indicator, signal)).find((entry) => carries(entry.description, key));
      return own && { id: own.id, state: "done" };
    },
  };
}

/** A conflict is somebody else at the same list: certainly not carried out, and soon over. */
const free = <T>(call: Promise<T>): Promise<T> =>
  call.catch((error: unknown) => {
    if (error instanceof HttpRefusal && error.status === 409)
      throw new ConnectorError("unavailable", `${PRODUCT} is changing this entry now: ${error.said}`, BUSY_MS);
    throw error;
  });

/** On every device, or it is neither a block nor an allow entry for air. */
function meaningOf(entry: Entry): "block" | "allow" | undefined {
  if (entry.rbacGroupNames?.length) return undefined;
  const action = entry.action.toLowerCase();
  if (BLOCKS.has(action)) return "block";
  return action === "allowed" ? "allow" : undefined;
}

/** As the product lists it, the strongest name first. */
function namesOf(indicator: Indicator): { type: string; value: string }[] {
  switch (indicator.kind) {
    case "file":
      return [
        { type: "FileSha256", value: indicator.sha256 },
        { type: "FileSha1", value: indicator.sha1 },
        { type: "FileMd5", value: indicator.md5 },
      ].filter((name): name is { type: string; value: string } => name.value !== undefined);
    case "ip":
      return [{ type: "IpAddress", value: canonicalAddress(indicator.address) }];
    case "domain":
      return [{ type: "DomainName", value: indicator.name }];
    case "url":
      return [{ type: "Url", value: indicator.url }];
    default:
      return indicator satisfies never;
  }
}
