import type { ModalView } from "@slack/types";
import { z } from "zod";
import { visible } from "../../engine/cards/visible.ts";
import { SLACK_LIMITS } from "./limits.ts";
import { cutTo } from "./text.ts";

/** What the modal carries from the press to the submission. Slack signs it back to us; what the value may do is checked anew. */
const Data = z.object({ value: z.string().min(1), channel: z.string(), messageTs: z.string(), responseUrl: z.string() });
type Data = z.infer<typeof Data>;

const CALLBACK = "air:ask";

export const AskData = {
  blockId: "typed",
  actionId: "text",
  /** `undefined`: another app's form, or one we did not write. */
  read(callbackId: string, metadata: string): Data | undefined {
    if (callbackId !== CALLBACK) return undefined;
    try {
      return Data.safeParse(JSON.parse(metadata)).data;
    } catch {
      return undefined;
    }
  },
};

/** The form a button with an input opens. Undefined where the value does not fit beside the address of its message. */
export function askModal(data: Data, ask: { label: string; required: boolean; button: string }): ModalView | undefined {
  const metadata = JSON.stringify({ value: data.value, channel: data.channel, messageTs: data.messageTs, responseUrl: data.responseUrl });
  if (metadata.length > SLACK_LIMITS.privateMetadata) return undefined;
  const title = cutTo(visible(ask.button).trim() || "air", SLACK_LIMITS.viewTitle);
  return {
    type: "modal",
    callback_id: CALLBACK,
    private_metadata: metadata,
    title: { type: "plain_text", text: title, emoji: false },
    submit: { type: "plain_text", text: title, emoji: false },
    close: { type: "plain_text", text: "Cancel", emoji: false },
    blocks: [
      {
        type: "input",
        block_id: AskData.blockId,
        optional: !ask.required,
        label: { type: "plain_text", text: visible(ask.label).trim() || "Reason", emoji: false },
        element: { type: "plain_text_input", action_id: AskData.actionId, multiline: true, max_length: 1000 },
      },
    ],
  };
}
