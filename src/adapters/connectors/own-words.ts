const HIDDEN = "(hidden)";
/** A piece of a secret this long tells enough of it. */
const PIECE = 8;
const NAMED =
  /(client[_-]?secret|secret|password|passwd|api[_-]?key|auth[_-]?key|access[_-]?token|token|assertion|authorization)(["']?\s*[=:]\s*["']?)[^\s"'&,;]+/giu;
const BEARER = /\b(Bearer|Basic)\s+[^\s"',;]+/giu;
const JWT = /\beyJ[\w-]{5,}(?:\.[\w-]*){0,2}/gu;

/**
 * What a product says of its refusal goes to people, and a gateway in front of it may echo what it was sent. Whatever air sent as a secret is
 * taken out, also a piece of it; so is whatever is called one.
 */
export function withoutSecrets(said: string, sent: readonly string[]): string {
  const own = [...new Set(sent)].filter((secret) => secret.length >= PIECE).sort((a, b) => b.length - a.length);
  const told = own.reduce(
    (text, secret) => text.replaceAll(new RegExp(`${escaped(secret.slice(0, PIECE))}[^\\s"',;&]*`, "gu"), HIDDEN),
    said,
  );
  return told.replaceAll(BEARER, `$1 ${HIDDEN}`).replaceAll(JWT, HIDDEN).replaceAll(NAMED, `$1$2${HIDDEN}`);
}

const escaped = (text: string) => text.replaceAll(/[\\^$.*+?()[\]{}|/]/gu, "\\$&");

const PLAIN_HEADERS: ReadonlySet<string> = new Set(["accept", "content-type", "user-agent", "prefer", "consistencylevel"]);
const SECRET_FIELDS = /secret|password|assertion|token|key/i;

/** The secrets in a request: what its headers carry but for the ordinary ones, and what a form calls by such a name. */
export function secretsSent(headers: Readonly<Record<string, string>>, form: string | undefined): string[] {
  const values = Object.entries(headers).flatMap(([name, value]) =>
    PLAIN_HEADERS.has(name.toLowerCase()) ? [] : [value.replace(/^(Bearer|Basic)\s+/i, "")],
  );
  const fields =
    form === undefined ? [] : [...new URLSearchParams(form)].flatMap(([name, value]) => (SECRET_FIELDS.test(name) ? [value] : []));
  return [...values, ...fields];
}
