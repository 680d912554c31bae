import { PERSONA_COOKIE } from "../adapters/console/console.ts";
import type { Config } from "./config.ts";

/** Nothing listens at AIR_URL. */
export class NotRunning extends Error {
  constructor(url: string) {
    super(`No air answers at ${url}. Start it with npm start, or set AIR_URL.`);
    this.name = "NotRunning";
  }
}

/** Asks the running air, with AIR_API_TOKEN where one is set. Throws NotRunning, or its refusal in words. */
export async function askAir<T>(config: Config, path: string, body?: unknown): Promise<T> {
  let response: Response;
  try {
    response = await fetch(`${config.airUrl}${path}`, {
      method: body === undefined ? "GET" : "POST",
      headers: {
        // Without a token only the bare lab answers, and there a command on this machine acts as the lab's admin.
        ...(config.apiToken ? { authorization: `Bearer ${config.apiToken}` } : { cookie: `${PERSONA_COOKIE}=ada` }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(30_000),
    });
  } catch {
    throw new NotRunning(config.airUrl);
  }
  const answer = (await response.json().catch(() => ({}))) as { error?: { message?: string } };
  if (response.ok) return answer as T;
  const hint = response.status === 401 || response.status === 403 ? " Set AIR_API_TOKEN to the token air was started with." : "";
  throw new Error(`air answered ${response.status}: ${answer.error?.message ?? "no reason given"}.${hint}`);
}
