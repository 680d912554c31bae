import { eventually } from "./eventually.ts";
import type { CardAction, InvokeAnswer, PEOPLE, Playground, Shown, ShownCard } from "./playground.ts";

/* What a person does with a card in Teams: read it, press its buttons, fill in its inputs. */

/** Every button of a card, wherever it stands. */
export function actionsOf(card: ShownCard): CardAction[] {
  const inBody = card.body.filter(({ type }) => type === "ActionSet").flatMap((set) => set.actions as CardAction[]);
  return [...inBody, ...(card.actions ?? [])];
}
export const actionOf = (card: ShownCard, title: string): CardAction => {
  const found = actionsOf(card).find((one) => one.title === title);
  if (!found)
    throw new Error(
      `no button "${title}" among ${actionsOf(card)
        .map((one) => one.title)
        .join(", ")}`,
    );
  return found;
};
export const wordsOf = (card: unknown): string =>
  [...JSON.stringify(card).matchAll(/"(?:text|title|label)":"((?:[^"\\]|\\.)*)"/g)]
    .map((match) => JSON.parse(`"${match[1]}"`) as string)
    .join(" ");

/** The card an invoke was answered with, for whoever pressed. */
export function cardIn(answer: InvokeAnswer): ShownCard {
  if (answer.body.type !== "application/vnd.microsoft.card.adaptive")
    throw new Error(`no card: ${JSON.stringify(answer.body).slice(0, 500)}`);
  return answer.body.value as ShownCard;
}
/** The words an invoke was answered with. */
export function toastIn(answer: InvokeAnswer): string {
  if (answer.body.type !== "application/vnd.microsoft.activity.message")
    throw new Error(`no words: ${JSON.stringify(answer.body).slice(0, 500)}`);
  return String(answer.body.value);
}

export function teamsClient(playground: Playground) {
  const execute = (who: keyof typeof PEOPLE, message: Shown, action: CardAction, inputs: Record<string, string> = {}, trigger = "manual") =>
    playground.invoke(who, "adaptiveCard/action", message.conversation, message.id, {
      action: { type: "Action.Execute", verb: action.verb, data: { ...inputs, ...action.data } },
      trigger,
    });
  return {
    execute,
    /** Presses a button of a message; what it asks for beside itself is typed where its input is. */
    press: (who: keyof typeof PEOPLE, message: Shown, title: string, typed?: string) => {
      const action = actionOf(message.card, title);
      const input = action.data?.input;
      return execute(who, message, action, typeof input === "string" && typed !== undefined ? { [input]: typed } : {});
    },
    /** The newest message that says all of this. */
    message: (...words: string[]): Promise<Shown> =>
      eventually(
        () => playground.shown.findLast(({ card }) => words.every((one) => wordsOf(card).includes(one))),
        `a message with ${words.join(", ")}`,
        60_000,
      ),
  };
}
