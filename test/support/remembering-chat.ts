import type { Card } from "../../src/engine/cards/card.ts";
import { ChatError, type ChatPlatform, type MessageRef } from "../../src/engine/ports.ts";

export type Shown = { id: string; channel: string; thread: string | undefined; marker: string; card: Card; posted: Card };

/** A chat that works and keeps everything: what stands in its channels now, and every call it was given. */
export class RememberingChat implements ChatPlatform {
  readonly name = "slack";
  pace = { perSecond: 10_000, burst: 1 };
  /** As a person would see the channel now, oldest first. */
  readonly messages: Shown[] = [];
  readonly calls: { what: "post" | "update" | "find"; title: string; channel: string; at: number }[] = [];
  /** Asked before each post or update; an error it returns is thrown and nothing happens. */
  refuse: (title: string, channel: string) => Error | undefined = () => undefined;
  /** The next post arrives, but its answer does not. */
  loseNextAnswer: Error | undefined;

  async post(channel: string, card: Card, marker: string, thread: MessageRef | undefined): Promise<MessageRef> {
    this.#note("post", card.title, channel);
    if (thread && !this.messages.some((message) => message.id === thread.id)) throw new ChatError("gone", "the thread is not there");
    const id = `m${this.messages.length + 1}-${this.calls.length}`;
    this.messages.push({ id, channel, thread: thread?.id, marker, card, posted: card });
    const lost = this.loseNextAnswer;
    this.loseNextAnswer = undefined;
    if (lost) throw lost;
    return thread ? { id, thread: thread.id } : { id };
  }

  async update(channel: string, ref: MessageRef, card: Card, marker: string): Promise<void> {
    this.#note("update", card.title, channel);
    const message = this.messages.find((one) => one.id === ref.id);
    if (!message) throw new ChatError("gone", "message_not_found");
    Object.assign(message, { card, marker });
  }

  async find(channel: string, marker: string): Promise<MessageRef | undefined> {
    this.calls.push({ what: "find", title: marker, channel, at: this.calls.length });
    const message = this.messages.find((one) => one.channel === channel && one.marker === marker);
    return message && (message.thread ? { id: message.id, thread: message.thread } : { id: message.id });
  }

  /** Somebody deleted it in the chat. */
  remove(id: string): void {
    this.messages.splice(
      this.messages.findIndex((message) => message.id === id),
      1,
    );
  }

  #note(what: "post" | "update", title: string, channel: string): void {
    this.calls.push({ what, title, channel, at: this.calls.length });
    const error = this.refuse(title, channel);
    if (error) throw error;
  }
}
