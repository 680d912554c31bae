import { z } from "zod";
import type { MailboxFacts, MailCapability, Ticket } from "../../../engine/ports.ts";
import { ConnectorError } from "../../../engine/ports.ts";
import type { Api } from "../microsoft/api.ts";

const READ = "MailboxSettings.Read";
const WRITE = "MailboxSettings.ReadWrite";

const words = z.string().nullish();
const Recipients = z.array(z.object({ emailAddress: z.object({ address: words, name: words }).nullish() })).nullish();
const Rule = z.looseObject({
  id: z.string().min(1),
  displayName: words,
  isEnabled: z.boolean().nullish(),
  actions: z
    .looseObject({
      delete: z.boolean().nullish(),
      permanentDelete: z.boolean().nullish(),
      moveToFolder: words,
      forwardTo: Recipients,
      forwardAsAttachmentTo: Recipients,
      redirectTo: Recipients,
    })
    .nullish(),
});
type Rule = z.infer<typeof Rule>;
const Rules = z.object({ value: z.array(Rule) });
const Folder = z.object({ displayName: words });

/** What a rule can be made of; its id and the product's own marks are not. */
const WRITABLE = ["displayName", "sequence", "isEnabled", "conditions", "exceptions", "actions"] as const;
/** Folders are named by ids; so many are asked for by name. */
const MOST_FOLDERS = 5;

/** Inbox rules through Graph. Forwarding set on the mailbox itself and its delegates have no call there: Exchange's cmdlets only. */
export function inboxRules(api: Api) {
  const path = (address: string) => `/users/${encodeURIComponent(address)}/mailFolders/inbox/messageRules`;
  const about = (permission: string, signal: AbortSignal) => ({ permission, what: "this mailbox", signal });

  async function list(address: string, signal: AbortSignal): Promise<Rule[] | undefined> {
    const answer = await api.get(path(address), about(READ, signal));
    if (answer === undefined) return undefined;
    const read = Rules.safeParse(answer);
    if (!read.success) throw api.unknownShape();
    return read.data.value;
  }

  async function folders(address: string, rules: readonly Rule[], signal: AbortSignal): Promise<Map<string, string>> {
    const ids = [...new Set(rules.flatMap(({ actions }) => actions?.moveToFolder || []))].slice(0, MOST_FOLDERS);
    const named = await Promise.all(
      ids.map(async (id) => {
        const where = `/users/${encodeURIComponent(address)}/mailFolders/${encodeURIComponent(id)}?$select=displayName`;
        // A name is a convenience: that mail folders may not be read (Mail.ReadBasic.All) hides no rule.
        const answer = await api.get(where, about("Mail.ReadBasic.All", signal)).catch((error: unknown) => {
          if (error instanceof ConnectorError) return undefined;
          throw error;
        });
        return [id, Folder.safeParse(answer).data?.displayName ?? id] as const;
      }),
    );
    return new Map(named);
  }

  return {
    /** As an analyst reads them; undefined: there is no such mailbox. */
    async facts(address: string, signal: AbortSignal): Promise<MailboxFacts["rules"] | undefined> {
      const rules = await list(address, signal);
      // A rule that is switched off does nothing.
      const active = rules?.filter(({ isEnabled }) => isEnabled !== false);
      if (!active) return undefined;
      const names = await folders(address, active, signal);
      return active.map((rule) => {
        const to = forwardsTo(rule);
        const folder = rule.actions?.moveToFolder;
        return {
          id: rule.id,
          name: rule.displayName ?? "",
          ...(to ? { forwardsTo: to } : {}),
          ...(rule.actions?.delete || rule.actions?.permanentDelete ? { deletes: true } : {}),
          ...(folder ? { movesTo: names.get(folder) ?? folder } : {}),
        };
      });
    },
    async inboxRules(address, signal) {
      return (await list(address, signal))?.map((rule) => {
        const to = forwardsTo(rule);
        return { id: rule.id, name: rule.displayName ?? "", ...(to ? { forwardsTo: to } : {}), saved: savedOf(rule) };
      });
    },
    async deleteInboxRule(address, ruleId, _comment, key, signal): Promise<Ticket> {
      const rule = (await list(address, signal))?.find(({ id }) => id === ruleId);
      if (!rule) throw new ConnectorError("refused", `The mailbox ${address} has no rule ${ruleId}; nothing was done.`);
      await api.delete(`${path(address)}/${encodeURIComponent(ruleId)}`, about(WRITE, signal));
      return { id: key, state: "done", saved: savedOf(rule) };
    },
    async createInboxRule(address, saved, _comment, key, signal): Promise<Ticket> {
      const body = Object.fromEntries(WRITABLE.flatMap((field) => (saved[field] === undefined ? [] : [[field, saved[field]]])));
      if (typeof body.displayName !== "string" || body.actions === undefined)
        throw new ConnectorError("refused", "What was kept is no inbox rule; nothing was done.");
      await api.post(path(address), body, about(WRITE, signal));
      return { id: key, state: "done" };
    },
  } satisfies Pick<MailCapability, "inboxRules" | "deleteInboxRule" | "createInboxRule"> & Record<string, unknown>;
}

function forwardsTo({ actions }: Rule): string | undefined {
  const all = [actions?.forwardTo, actions?.forwardAsAttachmentTo, actions?.redirectTo].flatMap((list) => list ?? []);
  const addresses = all.flatMap(({ emailAddress }) => emailAddress?.address || emailAddress?.name || []);
  return addresses.length > 0 ? [...new Set(addresses)].join(", ") : undefined;
}

/** To the letter, less what is not ours to write; the product leaves fields out or calls them null as it likes. */
const savedOf = (rule: Rule): Record<string, unknown> =>
  Object.fromEntries([["id", rule.id], ...WRITABLE.map((field) => [field, clean(rule[field])])].filter(([, value]) => value !== undefined));
function clean(value: unknown): unknown {
  if (value === null || value === undefined) return undefined;
  if (Array.isArray(value)) return value.map(clean);
  if (typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, part]) => (name.startsWith("@odata.") || clean(part) === undefined ? [] : [[name, clean(part)]])),
  );
}
