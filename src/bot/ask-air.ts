import { PERSONA_COOKIE } from "../adapters/console/console.ts";
import type { Config } from "./config.ts";

const TOKEN_HINT =
  " Set AIR_API_TOKEN here to the token air was started with; one that was started without has none: start it again with AIR_API_TOKEN set.";

/** Nothing listens at AIR_URL. */
export class NotRunning extends Error {
  constructor(url: string) {
    super(`No air answers at ${url}. Start it with npm start, or set AIR_URL to where it listens.`);
    this.name = "NotRunning";
  }
}

const QUICK_MS = 30_000;
/** What goes through many rows. */
const SLOW_MS = 600_000;

/** Asks the running air, with AIR_API_TOKEN where one is set. Throws NotRunning, or its refusal in words. */
export async function askAir<T>(config: Config, path: string, body?: unknown, patience: "quick" | "slow" = "quick"): Promise<T> {
  const response = await send(config, path, {
    method: body === undefined ? "GET" : "POST",
    headers: body === undefined ? {} : { "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(patience === "slow" ? SLOW_MS : QUICK_MS),
  });
  return (await response.json()) as T;
}

/** The same for a list as CSV, handed on as it arrives. */
export async function askAirCsv(config: Config, path: string, write: (text: string) => void): Promise<void> {
  const response = await send(config, path, { headers: { accept: "text/csv" }, signal: AbortSignal.timeout(SLOW_MS) });
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) write(decoder.decode(chunk as Uint8Array, { stream: true }));
}

async function send(config: Config, path: string, request: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(`${config.airUrl}${path}`, {
      ...request,
      headers: {
        // Without a token only the bare lab answers, and there a command on this machine acts as the lab's admin.
        ...(config.apiToken ? { authorization: `Bearer ${config.apiToken}` } : { cookie: `${PERSONA_COOKIE}=ada` }),
        ...request.headers,
      },
    });
  } catch {
    throw new NotRunning(config.airUrl);
  }
  if (response.ok) {
    // Some other program's page is no answer, least of all an empty list.
    if (/^(application\/json|text\/csv)\b/.test(response.headers.get("content-type") ?? "")) return response;
    throw new Error(`What answers at ${config.airUrl} is not air. Set AIR_URL to where air listens.`);
  }
  const answer = (await response.json().catch(() => ({}))) as { error?: { message?: string } };
  const hint = response.status === 401 || response.status === 403 ? TOKEN_HINT : "";
  throw new Error(`air answered ${response.status}: ${answer.error?.message ?? "no reason given"}.${hint}`.replace(/\.\.(\s|$)/, ".$1"));
}
