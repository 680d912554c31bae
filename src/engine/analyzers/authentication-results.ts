/**
 * Reads the value of an Authentication-Results header field (RFC 8601, section 2.2), and the form Exchange Online writes, which leaves
 * the server's name out. Tokens first, then meaning: comments may stand anywhere and nest, quoted strings may hold semicolons, and the
 * domains inside are chosen by whoever sent the mail. Never throws; what it cannot read it leaves out.
 */
export type AuthenticationResults = {
  /** The server that checked; undefined where the field does not say. */
  server?: string;
  results: { method: string; result: string; reason?: string; properties: ReadonlyMap<string, string> }[];
};

/** Header fields are bounded by what servers accept; nothing honest comes near. */
const MAX_LENGTH = 16_384;
const MAX_RESULTS = 50;

export function readAuthenticationResults(header: string): AuthenticationResults {
  const [first = [], ...rest] = statements(tokens(value(header.slice(0, MAX_LENGTH))));
  const results = rest.slice(0, MAX_RESULTS).flatMap(read);
  const opening = read(first);
  if (opening.length > 0) return { results: [...opening, ...results] };
  const server = first[0] && "text" in first[0] ? first[0].text : undefined;
  return { ...(server ? { server } : {}), results };
}

/** The result of one method, lower case; `dkim` may stand several times, and one passing signature is enough. */
export function resultOf({ results }: AuthenticationResults, method: string): string | undefined {
  const said = results.filter((each) => each.method === method).map(({ result }) => result);
  return method === "dkim" && said.includes("pass") ? "pass" : (said.find((result) => result === "fail") ?? said[0]);
}

/** Only the topmost field where several were handed over: the ones below may have come with the mail. */
function value(header: string): string {
  const start = /^\s*authentication-results\s*:/i.exec(header)?.[0].length ?? 0;
  const body = header.slice(start);
  const next = /\n(?=[!-9;-~]{1,100}:\s)/.exec(body);
  return next ? body.slice(0, next.index) : body;
}

type Token = { kind: "word" | "quoted"; text: string } | { kind: "=" | ";" };

function tokens(text: string): Token[] {
  const found: Token[] = [];
  let at = 0;
  while (at < text.length) {
    const character = text[at] ?? "";
    if (/\s/.test(character)) at++;
    else if (character === "(") at = afterComment(text, at);
    else if (character === ";" || character === "=") {
      found.push({ kind: character });
      at++;
    } else if (character === '"') {
      const [inside, end] = quotedString(text, at);
      found.push({ kind: "quoted", text: inside });
      at = end;
    } else {
      let end = at;
      while (end < text.length && !/[\s();="]/.test(text[end] ?? "")) end++;
      // A closing bracket without an opening one belongs to nothing.
      if (end > at) found.push({ kind: "word", text: text.slice(at, end) });
      at = Math.max(end, at + 1);
    }
  }
  return found;
}

function afterComment(text: string, from: number): number {
  let depth = 0;
  for (let at = from; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === "(") depth++;
    else if (text[at] === ")" && --depth === 0) return at + 1;
  }
  return text.length;
}

function quotedString(text: string, from: number): [string, number] {
  let inside = "";
  for (let at = from + 1; at < text.length; at++) {
    if (text[at] === '"') return [inside, at + 1];
    if (text[at] === "\\") at++;
    inside += text[at] ?? "";
  }
  return [inside, text.length];
}

function statements(all: readonly Token[]): Token[][] {
  const found: Token[][] = [[]];
  for (const token of all) {
    if (token.kind === ";") found.push([]);
    else found.at(-1)?.push(token);
  }
  return found;
}

/**
 * `dkim / 1 = fail policy . expired = 1362471462`: between two equals signs stands a value and then the next name, whose parts may be
 * written apart.
 */
function read(statement: readonly Token[]): AuthenticationResults["results"] {
  const segments: string[][] = [[]];
  for (const token of statement) {
    if (token.kind === "=") segments.push([]);
    else if ("text" in token) segments.at(-1)?.push(token.text);
  }
  if (segments.length < 2) return [];
  const name = (words: readonly string[]) => words.join("").toLowerCase();
  const method = name(segments[0] ?? []).split("/")[0] ?? "";
  const result = (segments[1]?.[0] ?? "").toLowerCase();
  if (!/^[a-z][a-z0-9-]*$/.test(method) || result === "") return [];
  const properties = new Map<string, string>();
  for (let index = 1; index < segments.length - 1; index++) {
    const key = name(segments[index]?.slice(1) ?? []);
    const text = segments[index + 1]?.[0];
    if (key !== "" && text !== undefined && !properties.has(key)) properties.set(key, text);
  }
  const reason = properties.get("reason");
  return [{ method, result, ...(reason ? { reason } : {}), properties }];
}
