import { AsyncLocalStorage } from "node:async_hooks";
import {
  type Activity,
  ConfigurationBotFrameworkAuthentication,
  type ConfigurationBotFrameworkAuthenticationOptions,
  ConfigurationServiceClientCredentialFactory,
} from "botbuilder";
import { createEndorsedKeys } from "./endorsed-keys.ts";

/** What air needs of Microsoft's SDK, and all that knows it: whether a request is really from Teams, and what air shows to speak there. */
export type BotAuth = {
  /** Throws whatever the SDK throws where the request is not Teams's; nothing but the refusal may follow from it. */
  check(header: string, activity: { channelId: string; serviceUrl: string }): Promise<void>;
  /** The value of the Authorization header of our own calls. */
  authorization(): Promise<string>;
};

export type BotRegistration = { appId: string; password: string | undefined; tenantId: string };

/** Who signs what Teams sends. Another authority is for tests: it has to be handed over, no setting names one. */
export type Authority = { issuer: string; openIdUrl: string };
const MICROSOFT: Authority = {
  issuer: "https://api.botframework.com",
  openIdUrl: "https://login.botframework.com/v1/.well-known/openidconfiguration",
};
const SCOPE = "https://api.botframework.com";
const LOGIN = "https://login.microsoftonline.com/";

/**
 * The SDK writes every refused token and all known keys to the console, several lines for each: whoever wants to could fill the log with
 * them. What is refused is logged by whoever asked, in one line.
 */
const checking = new AsyncLocalStorage<true>();
let quiet = false;
function quietWhileChecking(): void {
  if (quiet) return;
  quiet = true;
  const { console } = globalThis;
  const write = console.error;
  console.error = (...said: unknown[]) => {
    if (checking.getStore() !== true) write.apply(console, said);
  };
}

export function createBotAuth(bot: BotRegistration, authority: Authority = MICROSOFT): BotAuth {
  quietWhileChecking();
  const factory = new ConfigurationServiceClientCredentialFactory({
    MicrosoftAppId: bot.appId,
    MicrosoftAppTenantId: bot.tenantId,
    ...(bot.password === undefined
      ? { MicrosoftAppType: "UserAssignedMsi" }
      : { MicrosoftAppType: "SingleTenant", MicrosoftAppPassword: bot.password }),
  });
  // All of this group or the SDK falls back to its own.
  const options = {
    MicrosoftAppId: bot.appId,
    ValidateAuthority: "true",
    ToChannelFromBotLoginUrl: `${LOGIN}${bot.tenantId}`,
    ToChannelFromBotOAuthScope: SCOPE,
    ToBotFromChannelTokenIssuer: authority.issuer,
    OAuthUrl: SCOPE,
    ToBotFromChannelOpenIdMetadataUrl: authority.openIdUrl,
    ToBotFromEmulatorOpenIdMetadataUrl: authority.openIdUrl,
  } as unknown as ConfigurationBotFrameworkAuthenticationOptions;
  const auth = new ConfigurationBotFrameworkAuthentication(options, factory);
  const endorsed = createEndorsedKeys(authority.openIdUrl);
  let signer: Promise<{ signRequest(request: { headers: { set(name: string, value: string): void } }): Promise<unknown> }> | undefined;

  return {
    async check(header, activity) {
      // The SDK also takes tokens for emulators and other bots, of issuers that are not Teams, and one channel it checks less.
      const [told, claims] = partsOf(header);
      if (claims.iss !== authority.issuer || activity.channelId !== "msteams") throw new Error("not a token of Teams");
      // It takes a token without an end for one that never ends.
      if (typeof claims.exp !== "number") throw new Error("a token without an end");
      await checking.run(true, () => auth.authenticateRequest(activity as Activity, header));
      if (typeof told.kid !== "string" || !(await endorsed(told.kid, activity.channelId)))
        throw new Error("signed with a key that may not speak for Teams");
    },
    async authorization() {
      signer ??= factory.createCredentials(bot.appId, SCOPE, LOGIN, true) as unknown as NonNullable<typeof signer>;
      signer.catch(() => {
        signer = undefined;
      });
      let value = "";
      await (await signer).signRequest({
        headers: {
          set: (name, given) => {
            if (name.toLowerCase() === "authorization") value = given;
          },
        },
      });
      if (value === "") throw new Error("no token was given");
      return value;
    },
  };
}

type Claims = { kid?: unknown; iss?: unknown; exp?: unknown };
/** Header and claims, read without believing them: what they say is checked by the SDK afterwards. */
function partsOf(header: string): [Claims, Claims] {
  const [told, claims] = header.replace(/^Bearer /i, "").split(".");
  return [partOf(told), partOf(claims)];
}
function partOf(text: string | undefined): Claims {
  try {
    return (JSON.parse(Buffer.from(text ?? "", "base64url").toString("utf8")) as Claims | null) ?? {};
  } catch {
    return {};
  }
}
