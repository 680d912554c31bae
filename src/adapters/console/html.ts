import { type ComponentChild, Fragment, h } from "preact";
import { renderToString } from "preact-render-to-string";
import { type Button, type Card, type Line, plain, type Span, type Text } from "../../engine/cards/card.ts";
import { visible } from "../../engine/cards/visible.ts";

/*
 * Card → HTML. Everything goes through preact, which escapes; no text becomes markup. Element ids are derived from the card's place,
 * so that a redraw keeps focus and open fields where they are.
 */

type Place = { id: string; level: 3 | 4 };

export function cardElement(card: Card, place: Place): ComponentChild {
  const titleId = `${place.id}-title`;
  return h(
    "article",
    { class: `card tone-${card.tone}`, id: place.id, "aria-labelledby": titleId, "data-summary": visible(card.summary) },
    h(
      "header",
      { class: "card-head" },
      h(place.level === 3 ? "h3" : "h4", { id: titleId }, h("bdi", null, visible(card.title))),
      card.badge === undefined || card.badge === "" ? null : h("span", { class: "badge" }, visible(card.badge)),
    ),
    pictureElement(card),
    ...card.lines.map(lineElement),
    // What opens a form is said in words here.
    card.buttons.every((button) => button.form !== undefined)
      ? null
      : h("div", { class: "buttons" }, ...card.buttons.map((button, index) => buttonElement(button, `${place.id}-b${index}`, card))),
  );
}

/** One card alone, as the answer to a command or press. */
export const renderCard = (card: Card, id: string): string => renderToString(h(Fragment, null, cardElement(card, { id, level: 3 })));

/** Only ever air's own route; the lines below say the same in words. */
const pictureElement = ({ picture, title }: Card): ComponentChild =>
  picture !== undefined && /^INV-\d{1,15}$/.test(picture)
    ? h("img", { class: "picture", src: `/console/graph/${picture}.png`, alt: visible(title), loading: "lazy" })
    : null;

function lineElement(line: Line): ComponentChild {
  switch (line.kind) {
    case "text":
      return h("p", null, ...textElements(line.text));
    case "facts":
      return h(
        "dl",
        { class: "facts" },
        ...line.facts.map(([label, value]) => h("div", null, h("dt", null, visible(label)), h("dd", null, ...textElements(value)))),
      );
    case "list":
      return h(
        "div",
        { class: "list" },
        line.title === undefined ? null : h("p", { class: "list-title" }, visible(line.title)),
        h(
          "ul",
          null,
          ...line.items.map((item) =>
            h(
              "li",
              null,
              item.mark === undefined ? null : h("strong", { class: `mark tone-${item.tone ?? "neutral"}` }, visible(item.mark)),
              item.mark === undefined ? null : " ",
              ...textElements(item.text),
            ),
          ),
        ),
      );
    case "code":
      // Scrolls sideways, so the keyboard must be able to reach it.
      return h("pre", { tabIndex: 0, role: "group", "aria-label": "Machine text" }, h("code", null, visible(line.text)));
    case "note":
      return h("p", { class: "note" }, ...textElements(line.text));
    case "mention":
      return h(
        "p",
        { class: "mention" },
        ...line.who.flatMap(({ name }, index) => [index === 0 ? null : ", ", h("strong", null, visible(name))]),
      );
    case "divider":
      return h("hr", null);
    default:
      return line satisfies never;
  }
}

const textElements = (text: Text): ComponentChild[] => (typeof text === "string" ? [visible(text)] : text.map(spanElement));

function spanElement(span: Span): ComponentChild {
  const text = visible(span.text);
  if (span.style === "bold") return h("strong", null, text);
  if (span.style === "code") return h("code", null, text);
  return text;
}

function buttonElement(button: Button, id: string, card: Card): ComponentChild {
  const label = visible(button.label);
  if (button.url !== undefined) {
    return /^https?:\/\//.test(button.url) ? h("a", { id, class: "button plain", href: button.url, rel: "noreferrer" }, label) : null;
  }
  if (button.value === undefined) return null;
  const confirm =
    button.confirm === undefined
      ? {}
      : {
          "data-confirm-title": visible(button.confirm.title),
          "data-confirm-text": visible(button.confirm.text),
          "data-confirm-yes": visible(button.confirm.yes),
        };
  // "Approve" alone says nothing in a list of buttons; the card's title says of what.
  const about = { "aria-description": plain(card.title) };
  if (button.input === undefined) {
    return h("button", { id, type: "button", class: `button ${button.style}`, "data-value": button.value, ...about, ...confirm }, label);
  }
  const field = `${id}-text`;
  return h(
    "details",
    { id: `${id}-ask`, class: "asking" },
    h("summary", { class: `button ${button.style}` }, label),
    h(
      "div",
      { class: "asked" },
      h("label", { for: field }, visible(button.input.label), button.input.required ? null : " (optional)"),
      button.input.line
        ? h("input", { id: field, type: "text", maxLength: 300, required: button.input.required })
        : h("textarea", { id: field, rows: 2, maxLength: 2000, required: button.input.required }),
      h(
        "button",
        { id, type: "button", class: `button ${button.style}`, "data-value": button.value, "data-typed": field, ...about, ...confirm },
        label,
      ),
    ),
  );
}
