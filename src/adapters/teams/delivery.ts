import type { Card } from "../../engine/cards/card.ts";
import type { Log } from "../../engine/ports.ts";
import type { FormsOpen } from "./adaptive-card.ts";
import { createAnswers, type Room } from "./answers.ts";
import type { Place } from "./inbox.ts";
import { drawn, threadOf } from "./post.ts";
import type { Reach } from "./reach.ts";
import type { Message, Service } from "./service.ts";
import type { Timing, Turns } from "./turns.ts";

const SEND_MS = 15_000;

/** What is sent beside the cards air keeps. All of it waits its turn, is tried again, and ends well or in the log, by ids alone. */
export type Delivery = {
  /** An answer into the conversation it was asked in. */
  send(of: Of, place: Place, answer: (post: (message: Message) => Promise<unknown>) => Promise<unknown>): Promise<void>;
  /** A message drawn anew for everybody, as `draw` says it is once its turn has come. Asked for twice meanwhile it is drawn once. */
  redraw(of: Of, place: Place, draw: () => Promise<Card | undefined>): Promise<void>;
  /** A card into somebody's own conversation with air. */
  alone(of: Of, conversation: string, card: Card): Promise<void>;
};
type Of = { what: string; activity: string };

export function createDelivery(parts: {
  service: Service;
  reach: Reach;
  turns: Turns;
  timing: Timing;
  forms: FormsOpen;
  log: Log;
  /** What has not been sent by then is not sent any more. */
  signal: AbortSignal;
}): Delivery {
  const { service, reach, turns, timing, forms, log, signal } = parts;
  const answers = createAnswers(turns, timing, log, signal);
  const waiting = new Set<string>();
  const soon = () => AbortSignal.timeout(SEND_MS);

  return {
    async send(of, { conversation, thread }, answer) {
      const where = { serviceUrl: conversation.serviceUrl, conversation: thread };
      const post = (room: Room) => async (message: Message) => {
        await room();
        return service.send(where, message, soon());
      };
      await answers.deliver(
        { ...of, conversation: conversation.id },
        "reply",
        (room) => answer(post(room)),
        (card, room) => drawn(card, forms, post(room)),
      );
    },

    async redraw(of, { conversation, messageId, thread }, draw) {
      const key = `${conversation.id} ${messageId}`;
      if (waiting.has(key)) return;
      waiting.add(key);
      const ref = { id: messageId, thread: thread.split(";messageid=")[1] ?? messageId };
      const where = { serviceUrl: conversation.serviceUrl, conversation: threadOf(conversation, ref), id: messageId };
      await answers.deliver({ ...of, conversation: conversation.id }, "update", async (room) => {
        await room();
        // What happens from here on asks for another.
        waiting.delete(key);
        const card = await draw();
        let called = false;
        if (card !== undefined)
          await drawn(card, forms, async (message) => {
            if (called) await room();
            called = true;
            await service.update(where, message, soon());
          });
      });
      waiting.delete(key);
    },

    async alone(of, id, card) {
      await answers.deliver({ ...of, conversation: id }, "reply", (room) =>
        reach(id, (place) =>
          drawn(card, forms, async (message) => {
            await room();
            return service.send({ serviceUrl: place.serviceUrl, conversation: place.id }, message, soon());
          }),
        ),
      );
    },
  };
}
