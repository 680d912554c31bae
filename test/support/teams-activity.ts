/* Activities in the shape Teams sends them, with documentation values. */
export const APP = "11111111-1111-4111-8111-111111111111";
export const HOME = "22222222-2222-4222-8222-222222222222";
export const CHANNEL = "19:soc@thread.tacv2";
const BOT = `28:${APP}`;
let number = 0;

export type Place = "channel" | "group" | "personal";
const conversations: Record<Place, Record<string, unknown>> = {
  channel: { id: `${CHANNEL};messageid=1700000000001`, conversationType: "channel", isGroup: true },
  group: { id: "19:war@thread.v2", conversationType: "groupChat", isGroup: true },
  personal: { id: "a:1mia", conversationType: "personal" },
};

type More = Record<string, unknown> & {
  serviceUrl?: string;
  tenant?: string;
  place?: Place;
  person?: { aadObjectId?: string; name?: string };
};

function activity(type: string, { tenant = HOME, place = "channel", person = {}, serviceUrl = "http://127.0.0.1:9/", ...more }: More) {
  number += 1;
  return {
    type,
    id: `f:${number}`,
    timestamp: "2026-11-14T22:13:20.000Z",
    channelId: "msteams",
    serviceUrl,
    from: { id: "29:1mia", name: "Mia Keller", aadObjectId: "aaaaaaaa-0000-4000-8000-000000000001", ...person },
    recipient: { id: BOT, name: "air" },
    conversation: { ...conversations[place], tenantId: tenant },
    channelData: {
      tenant: { id: tenant },
      ...(place === "channel" ? { teamsChannelId: CHANNEL, channel: { id: CHANNEL }, team: { id: "19:team@thread.tacv2" } } : {}),
    },
    ...more,
  };
}

export const messageOf = (text: string, more: More = {}) => activity("message", { textFormat: "plain", text, ...more });
/** With the bot mentioned in front. */
export const mentioning = (text: string, more: More = {}) =>
  messageOf(`<at>air</at> ${text}`, {
    entities: [
      { type: "mention", text: "<at>air</at>", mentioned: { id: BOT, name: "air" } },
      { type: "clientInfo", locale: "en-US" },
    ],
    ...more,
  });
export const invokeOf = (name: string, value: unknown, more: More = {}) => activity("invoke", { name, value, ...more });
export const pressOf = (verb: string, data: Record<string, unknown>, more: More = {}) =>
  invokeOf(
    "adaptiveCard/action",
    { action: { type: "Action.Execute", verb, data }, trigger: "manual" },
    { replyToId: "1700000000002", ...more },
  );
export const eventOf = (type: string, more: More = {}) => activity(type, more);
export const BOT_ID = BOT;
