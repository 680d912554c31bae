import { z } from "zod";
import type { Ticket } from "../../../engine/ports.ts";
import { ConnectorError } from "../../../engine/ports.ts";
import { HttpRefusal } from "../http.ts";
import { type Api, quoted } from "../microsoft/api.ts";
import { PRODUCT, unknownShape } from "./api.ts";

/** Names differ between samples (domain facts 8.4), so everything that is not needed may be missing. */
const MachineAction = z.object({
  id: z.string().min(1).max(200),
  type: z.string(),
  status: z.string(),
  scope: z.string().nullish(),
  machineId: z.string().nullish(),
  requestor: z.string().nullish(),
  requestorComment: z.string().nullish(),
  creationDateTimeUtc: z.string().nullish(),
  lastUpdateDateTimeUtc: z.string().nullish(),
  lastUpdateTimeUtc: z.string().nullish(),
  errorHResult: z.number().nullish(),
  cancellationRequestor: z.string().nullish(),
  cancellationComment: z.string().nullish(),
  relatedFileInfo: z.object({ fileIdentifier: z.string().nullish() }).nullish(),
});
export type MachineAction = z.infer<typeof MachineAction>;

/** One call of domain facts 3.1. */
export type Operation = {
  type: string;
  /** After `/api/machines/{id}/`. */
  path: string;
  body: Record<string, unknown>;
  permission: string;
  /** What must not run at the same time: whichever ended last would win. */
  opposite?: string;
  /** Beside the type, what makes a running one the same as this. */
  same?: (action: MachineAction) => boolean;
};

/** The product's words are long enough, and a person reads them in its audit. */
const COMMENT_SHOWN = 400;
/** When what runs there now is looked at again. */
export const BUSY_MS = 30_000;
const READ = "Machine.Read.All";

const is = (one: string | null | undefined, other: string) => one?.toLowerCase() === other.toLowerCase();
export const isOpen = (action: MachineAction) => is(action.status, "Pending") || is(action.status, "InProgress");
const time = (text: string | null | undefined): number => {
  // Times without a zone are UTC by their name.
  const at = text ? Date.parse(/(Z|[+-]\d\d:\d\d)$/.test(text) ? text : `${text}Z`) : Number.NaN;
  return Number.isNaN(at) ? 0 : at;
};
export const endedAt = (action: MachineAction) =>
  time(action.lastUpdateDateTimeUtc ?? action.lastUpdateTimeUtc ?? action.creationDateTimeUtc);
export const createdAt = (action: MachineAction) => time(action.creationDateTimeUtc);

/** The key stands at the end and in brackets: whatever name comes before it cannot pass for it. */
export const withKey = (comment: string, key: string) => `${[...comment].slice(0, COMMENT_SHOWN).join("")} [${key}]`;
/** Started by air: this one, or another with a database of its own. */
export const isAirs = (action: MachineAction) => /\[air-[0-9a-f]{16}-\d+\]$/.test(action.requestorComment?.trimEnd() ?? "");
export const carries = (text: string | null | undefined, key: string) => text?.trimEnd().endsWith(`[${key}]`) ?? false;

/** Operations on devices: started once, found again, followed, given up. */
export function machineActions(api: Api) {
  const list = async (filter: string, signal: AbortSignal): Promise<MachineAction[]> => {
    const read = z
      .array(MachineAction)
      .safeParse(await api.list("/api/machineactions", { $filter: filter }, { permission: READ, what: "the list of operations", signal }));
    // One that cannot be read may be the very one that is looked for.
    if (!read.success) throw unknownShape();
    return read.data;
  };
  const of = (machine: string, signal: AbortSignal) => list(`machineId eq ${quoted(machine)}`, signal);
  const newest = (actions: readonly MachineAction[], by: (action: MachineAction) => number) => actions.toSorted((a, b) => by(b) - by(a))[0];

  const busy = (action: MachineAction) =>
    new ConnectorError(
      "unavailable",
      `${action.type} asked for by ${action.requestor ?? "somebody"} still runs on this device, and this waits for its end`,
      BUSY_MS,
    );

  /** What is there already instead of a new one: our own, whatever became of it, or the same that runs now. */
  function already(actions: readonly MachineAction[], operation: Operation, key: string): Ticket | undefined {
    const own = newest(
      actions.filter((action) => carries(action.requestorComment, key)),
      createdAt,
    );
    if (own) return ticketOf(own);
    const open = actions.filter(isOpen);
    const opposite = operation.opposite && open.find((action) => is(action.type, operation.opposite ?? ""));
    if (opposite) throw busy(opposite);
    const same = open.find((action) => is(action.type, operation.type) && (operation.same?.(action) ?? true));
    if (!same) return undefined;
    const text = `${PRODUCT} was asked for the same by ${same.requestor ?? "somebody"} already: that one is followed.`;
    return { ...ticketOf(same), text };
  }

  return {
    of,
    /** @throws ConnectorError unavailable where something else runs there first */
    async start(machine: string, operation: Operation, comment: string, key: string, signal: AbortSignal): Promise<Ticket> {
      const running = already(await of(machine, signal), operation, key);
      if (running) return running;
      const about = { permission: operation.permission, what: "this device", signal };
      let answer: unknown;
      try {
        answer = await api.post(
          `/api/machines/${encodeURIComponent(machine)}/${operation.path}`,
          { Comment: withKey(comment, key), ...operation.body },
          about,
        );
      } catch (error) {
        if (!isInTheWay(error)) throw error;
        const there = already(await of(machine, signal), operation, key);
        if (there) return there;
        throw new ConnectorError("unavailable", `${PRODUCT} does something else on this device first: ${error.said}`, BUSY_MS);
      }
      const started = MachineAction.safeParse(answer).data;
      const fits = started && is(started.type, operation.type) && (!started.machineId || is(started.machineId, machine));
      // It was taken, and what was answered does not say which one it is: it is looked for in the list.
      if (!fits) throw new ConnectorError("unclear", `${PRODUCT} took it and answered in a shape air does not know`);
      return ticketOf(started);
    },
    async follow(id: string, signal: AbortSignal): Promise<Ticket> {
      const answer = await api.get(`/api/machineactions/${encodeURIComponent(id)}`, { permission: READ, what: "this operation", signal });
      if (answer === undefined) throw new ConnectorError("unclear", `${PRODUCT} does not know the operation ${id} any more.`);
      const action = MachineAction.safeParse(answer).data;
      if (!action || !is(action.id, id)) throw unknownShape();
      return ticketOf(action);
    },
    async findRun(key: string, since: Date, signal: AbortSignal): Promise<Ticket | undefined> {
      const actions = await list(`creationDateTimeUtc ge ${since.toISOString()}`, signal);
      const own = newest(
        actions.filter((action) => carries(action.requestorComment, key)),
        createdAt,
      );
      return own && ticketOf(own);
    },
    async cancel(id: string, comment: string, signal: AbortSignal): Promise<void> {
      const about = { permission: "the permission of the operation itself", what: "this operation", signal };
      await api.post(`/api/machineactions/${encodeURIComponent(id)}/cancel`, { Comment: comment }, about);
    },
  };
}

/** "Already in progress" in the words of each call, and a conflict: certainly not carried out, because something else is. */
const isInTheWay = (error: unknown): error is HttpRefusal =>
  error instanceof HttpRefusal && (error.status === 409 || (error.status === 400 && /already|in progress|ActiveRequest/i.test(error.said)));

function ticketOf(action: MachineAction): Ticket {
  const { id, status } = action;
  const code = action.errorHResult ? ` (error ${action.errorHResult})` : "";
  const ended = endedAt(action);
  switch (status.toLowerCase()) {
    case "succeeded":
      return { id, state: "done", ...(ended > 0 ? { endedAt: new Date(ended) } : {}) };
    case "failed":
      return { id, state: "failed", text: `${PRODUCT} reports that it failed${code}.` };
    case "timeout":
      return { id, state: "timedOut", text: `${PRODUCT} gave it up after its own time${code}.` };
    case "cancelled": {
      const who = action.cancellationRequestor ? ` by ${action.cancellationRequestor}` : "";
      const why = action.cancellationComment ? `: ${[...action.cancellationComment].slice(0, 200).join("")}` : ".";
      return { id, state: "cancelled", text: `${PRODUCT}: cancelled${who}${why}` };
    }
    default:
      // A status nobody has told us about is no end.
      return is(status, "InProgress")
        ? { id, state: "pending", waiting: false, text: "The device carries it out." }
        : { id, state: "pending", waiting: true, text: "The device has not picked it up yet." };
  }
}

/** Which of two opposite operations succeeded last; undefined: neither ever did. */
export function lastOf(actions: readonly MachineAction[], ...types: readonly string[]): MachineAction | undefined {
  return actions
    .filter((action) => is(action.status, "Succeeded") && types.some((type) => is(action.type, type)))
    .toSorted((a, b) => endedAt(b) - endedAt(a))[0];
}
export const isType = (action: MachineAction | undefined, type: string) => is(action?.type, type);

/** The list names the sort of scan in `scope`, or not at all; our own say it in their comment, too. */
export function scanOf(action: MachineAction): "quick" | "full" | undefined {
  const word =
    /^(quick|full)$/i.exec(action.scope ?? "")?.[1] ?? /\((Quick|Full) scan\) \[[^[\]]*\]$/.exec(action.requestorComment ?? "")?.[1];
  return word ? (word.toLowerCase() as "quick" | "full") : undefined;
}
