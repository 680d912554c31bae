/*
 * A person somebody named in a chat that marks it, as it stands in the words handed on: `<@teams:00000000-0000-4000-8000-000000000001|Bob Boss>`.
 * The account says who it is; the name is what the message showed, and proves nothing.
 */

export type Mention = { account: string; name: string };

const ACCOUNT = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}";
const ONE = new RegExp(`^<@teams:(${ACCOUNT})\\|([^<>|]{0,80})>$`, "i");
const EACH = new RegExp(`<@teams:${ACCOUNT}\\|([^<>|]{0,80})>`, "gi");
const IS_ACCOUNT = new RegExp(`^${ACCOUNT}$`, "i");

/** The name alone where the account is none of Entra ID. */
export function writeMention(account: string, shown: string): string {
  const name = shown
    .replaceAll(/[<>|\p{C}]+/gu, " ")
    .replaceAll(/\s+/gu, " ")
    .trim()
    .slice(0, 80)
    .toWellFormed();
  return IS_ACCOUNT.test(account) ? `<@teams:${account.toLowerCase()}|${name}>` : name;
}

export function readMention(text: string): Mention | undefined {
  const [, account, name] = ONE.exec(text.trim()) ?? [];
  return account === undefined ? undefined : { account: account.toLowerCase(), name: name ?? "" };
}

/** As people read it: the names alone. */
export const plainMentions = (text: string): string => text.replaceAll(EACH, "$1");
