import { type BotRegistration, createBotAuth } from "./sdk.ts";
import { noToken } from "./service.ts";

const TOKEN_MS = 8_000;

/** Does Entra ID give air a token for Teams? What is wrong where it does not, with the next step. */
export async function checkToken(bot: BotRegistration): Promise<string | undefined> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error("network: no answer in time")), TOKEN_MS);
  try {
    await Promise.race([createBotAuth(bot).authorization(), late.promise]);
    return undefined;
  } catch (error) {
    return noToken(error).message;
  } finally {
    clearTimeout(timer);
  }
}
