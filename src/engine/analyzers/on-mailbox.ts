import type { EntityOf } from "../domain/entity.ts";
import type { Observation } from "../domain/observation.ts";
import type { Capabilities, MailboxFacts } from "../ports.ts";
import type { Look } from "./analyzer.ts";

/** What happened this recently may belong to the incident; older habits of a mailbox rarely do (our own CHOICE, the sign-ins' window). */
export const RECENT_DAYS = 7;

export const isRecent = (at: Date | undefined, now: Date): boolean =>
  at !== undefined && now.getTime() - at.getTime() <= RECENT_DAYS * 86_400_000;

const UNREAD: Readonly<Record<NonNullable<MailboxFacts["unread"]>[number], string>> = {
  forwarding: "of forwarding set on the mailbox itself (Get-Mailbox shows it)",
  delegates: "who else may open the mailbox (Get-MailboxPermission shows it)",
  outbound: "what the account sent",
  dlp: "which data-loss rules matched",
};

/** One question about the mailbox behind an account, where the mail product tells of mailboxes. */
export function askMailbox(
  analyzer: string,
  entity: EntityOf<"user"> | EntityOf<"mailbox">,
  capabilities: Capabilities,
  now: Date,
  judge: (mailbox: MailboxFacts) => Pick<Observation, "label" | "weight" | "text" | "technique" | "raw">[],
  needs?: NonNullable<MailboxFacts["unread"]>[number],
): Look[] {
  const { mail, identities } = capabilities;
  if (!mail?.mailbox) return [];
  const mailbox = mail.mailbox.bind(mail);
  const shared = { analyzer, source: mail.connector, family: "mail", at: now } as const;
  return [
    {
      key: `${analyzer}/${mail.connector}`,
      source: mail.connector,
      family: "mail",
      run: async (signal) => {
        // A source may know the person only by another name; the directory knows the address.
        const address = entity.kind === "mailbox" ? entity.address : (entity.email ?? (await identities?.find(entity, signal))?.email);
        const facts = address === undefined ? undefined : await mailbox(address, signal);
        if (!facts) return [{ ...shared, label: "neutral", weight: 0, text: "The mail product knows no mailbox of this account." }];
        if (needs && facts.unread?.includes(needs))
          return [{ ...shared, label: "neutral", weight: 0, text: `Not judged: ${mail.connector} does not tell ${UNREAD[needs]}.` }];
        return judge(facts).map((observation) => ({ ...shared, ...observation }));
      },
    },
  ];
}
