import { type Card, plain } from "../engine/cards/card.ts";

/** A card as lines of plain text, for a terminal. */
export function cardText(card: Card): string[] {
  return [
    `${card.title}${card.badge ? ` [${card.badge}]` : ""}`,
    ...card.lines.flatMap((line): string[] => {
      switch (line.kind) {
        case "text":
        case "note":
          return [plain(line.text)];
        case "mention":
          return [`For ${line.who.map(({ name }) => name).join(", ")}`];
        case "facts":
          return line.facts.map(([label, value]) => `${label}: ${plain(value)}`);
        case "list":
          return [
            ...(line.title ? [`${line.title}:`] : []),
            ...line.items.map((item) => `  ${item.mark ? `${item.mark.padEnd(10)} ` : ""}${plain(item.text)}`),
          ];
        case "code":
          return line.text.split("\n");
        case "divider":
          return [""];
        default:
          return line satisfies never;
      }
    }),
    // What a button would say in chat is said with the command here.
    ...card.buttons.flatMap((button) =>
      button.label === "More" && button.value?.startsWith("say:")
        ? [`More: air say '${button.value.slice("say:".length).replaceAll("'", "")}'`]
        : [],
    ),
  ];
}
