import { type ComponentChild, type ComponentChildren, Fragment, h } from "preact";
import { renderToString } from "preact-render-to-string";
import type { Card, Tone } from "../../engine/cards/card.ts";
import { visible } from "../../engine/cards/visible.ts";
import type { ConsoleThread, ConsoleView, HistoryRow, IncidentRow, LabRow, LabState, Story } from "./console.ts";
import { cardElement } from "./html.ts";

/** The whole page for one person. */
export function renderPage(view: ConsoleView): string {
  const title = view.organization === undefined ? "air" : `air · ${visible(view.organization)}`;
  return document(
    title,
    h("a", { class: "skip", href: "#channel" }, "Skip to the channel"),
    h(
      "header",
      { class: "top" },
      h(
        "div",
        { class: "brand" },
        h("h1", null, "air"),
        h("span", { class: "organization" }, visible(view.organization ?? "Security operations")),
      ),
      view.lab ? h("span", { class: "badge lab", title: "Nothing here touches a real system" }, "Lab: simulated company") : null,
      h("span", { id: "line", class: "line", role: "status" }, "Connecting"),
      personChooser(view),
    ),
    h(
      "nav",
      { "aria-label": "On this page", class: "jump" },
      h("a", { href: "#channel" }, "Channel"),
      h("a", { href: "#actions" }, "Actions"),
      h("a", { href: "#incidents" }, "Incidents"),
      view.stories === undefined ? null : h("a", { href: "#stories" }, "Stories"),
      view.labState === undefined ? null : h("a", { href: "#lab" }, "Lab"),
    ),
    h(
      "main",
      null,
      h(
        "section",
        { class: "ask", "aria-label": "Ask air" },
        h(
          "form",
          { id: "say", autocomplete: "off" },
          h("label", { for: "said" }, "Ask air"),
          h("input", {
            id: "said",
            name: "text",
            type: "text",
            maxLength: 4000,
            placeholder: "status, list open, help",
            spellcheck: false,
            autocapitalize: "none",
          }),
          h("button", { type: "submit", class: "button primary" }, "Send"),
        ),
        h("div", { id: "reply", "aria-live": "polite" }),
      ),
      h("div", { id: "live" }, ...live(view)),
    ),
    h("div", { id: "notes", role: "status", "aria-live": "polite", "aria-label": "Answers" }),
    h("p", { id: "news", class: "unseen", "aria-live": "polite" }),
    h(
      "dialog",
      { id: "confirm", "aria-labelledby": "confirm-title", "aria-describedby": "confirm-text" },
      h("h2", { id: "confirm-title" }),
      h("p", { id: "confirm-text" }),
      h(
        "form",
        { method: "dialog", class: "buttons" },
        h("button", { class: "button plain", value: "no" }, "Cancel"),
        h("button", { id: "confirm-yes", class: "button primary", value: "yes" }, "Yes"),
      ),
    ),
    h("noscript", null, h("p", { class: "paused" }, "This page needs JavaScript to stay up to date and to send what you press.")),
  );
}

/** The part that is drawn anew at every change. */
export const renderLive = (view: ConsoleView): string => renderToString(h(Fragment, null, ...live(view)));

/** For whoever is not signed in. */
export const renderSignIn = (): string =>
  document(
    "air: sign in",
    h(
      "main",
      { class: "alone" },
      h("h1", null, "Sign in to air"),
      h("p", null, "Ask for a sign-in link: "),
      h("pre", null, h("code", null, "air console")),
      h("p", { class: "note" }, "Run it where air runs. The link works once."),
    ),
  );

/** The frame every page stands in. */
export function document(title: string, ...body: ComponentChildren[]): string {
  return `<!doctype html>${renderToString(
    h(
      "html",
      { lang: "en" },
      h(
        "head",
        null,
        h("meta", { charset: "utf-8" }),
        h("meta", { name: "viewport", content: "width=device-width, initial-scale=1" }),
        h("meta", { name: "color-scheme", content: "light dark" }),
        h("meta", { name: "referrer", content: "no-referrer" }),
        h("title", null, title),
        h("link", { rel: "icon", href: "data:," }),
        h("link", { rel: "stylesheet", href: "/console/style.css" }),
        h("script", { type: "module", src: "/console/app.js" }),
      ),
      h("body", null, ...body),
    ),
  )}`;
}

function personChooser(view: ConsoleView): ComponentChild {
  if (view.personas === undefined || view.personas.length === 0) {
    return h("p", { class: "person" }, visible(view.person.name), " ", h("span", { class: "quiet" }, visible(view.person.about)));
  }
  return h(
    "p",
    { class: "person" },
    h("label", { for: "persona" }, "Act as"),
    h(
      "select",
      { id: "persona" },
      ...view.personas.map((persona) =>
        h("option", { value: persona.id, selected: persona.id === view.person.id }, `${visible(persona.name)}, ${visible(persona.about)}`),
      ),
    ),
  );
}

function live(view: ConsoleView): ComponentChild[] {
  return [
    view.paused === undefined
      ? null
      : h(
          "p",
          { id: "paused", class: "paused", role: "alert" },
          h("strong", null, "Paused."),
          " ",
          visible(view.paused),
          " Nothing is carried out until an admin resumes.",
        ),
    view.trouble === undefined
      ? null
      : h("p", { id: "trouble", class: "paused", role: "alert" }, h("strong", null, "Chat."), " ", visible(view.trouble)),
    h(
      "div",
      { id: "columns", class: "columns" },
      h(
        "section",
        { id: "channel", "aria-labelledby": "channel-title", tabIndex: -1 },
        h("h2", { id: "channel-title" }, "SOC channel"),
        view.threads.length === 0 ? h("p", { id: "channel-empty", class: "empty" }, emptyChannel(view)) : null,
        ...view.threads.map(thread),
      ),
      h(
        "div",
        { id: "side", class: "side" },
        actionCenter(view),
        stories(view.stories),
        incidents(view.incidents),
        view.labState === undefined ? null : labState(view.labState),
      ),
    ),
  ];
}

const emptyChannel = (view: ConsoleView): string =>
  view.stories === undefined
    ? "Quiet. What needs a person appears here."
    : "Quiet. Play a story to see air at work, or send an alert to POST /v1/alerts.";

function thread({ anchor, root, replies }: ConsoleThread): ComponentChild {
  const id = safeId(anchor);
  return h(
    "div",
    { id: `${id}-thread`, class: "thread" },
    cardElement(root, { id, level: 3 }),
    replies.length === 0
      ? null
      : h(
          "ol",
          { id: `${id}-replies`, class: "replies", "aria-label": `Thread of ${visible(anchor)}` },
          ...replies.map((reply, index) => {
            const key = `${id}-${keyOf(reply, index)}`;
            return h("li", { id: `${key}-item` }, cardElement(reply, { id: key, level: 4 }));
          }),
        ),
  );
}

/** The action's own id: a half-typed reason must stay with its card when another one comes or goes. */
const keyOf = (card: Card, index: number): string => /ACT-\d+/.exec(card.title)?.[0] ?? `r${index}`;

function actionCenter(view: ConsoleView): ComponentChild {
  const tab = (name: string, label: string, selected: boolean) =>
    h(
      "button",
      {
        id: `tab-${name}`,
        type: "button",
        role: "tab",
        "aria-selected": selected ? "true" : "false",
        "aria-controls": `panel-${name}`,
        tabIndex: selected ? 0 : -1,
      },
      label,
    );
  return h(
    "section",
    { id: "actions", class: "panel", "aria-labelledby": "actions-title", tabIndex: -1 },
    h("h2", { id: "actions-title" }, "Action center"),
    h(
      "div",
      { id: "tabs", role: "tablist", "aria-label": "Actions" },
      tab("pending", `Pending (${view.pending.length})`, true),
      tab("history", "History", false),
    ),
    h(
      "div",
      { id: "panel-pending", role: "tabpanel", "aria-labelledby": "tab-pending" },
      view.pending.length === 0 ? h("p", { id: "pending-empty", class: "empty" }, "Nothing waits for a decision.") : null,
      ...view.pending.map((card, index) => cardElement(card, { id: `pending-${keyOf(card, index)}`, level: 3 })),
    ),
    h(
      "div",
      { id: "panel-history", role: "tabpanel", "aria-labelledby": "tab-history", hidden: true },
      view.history.length === 0
        ? h("p", { class: "empty" }, "Nothing was decided yet.")
        : h("ul", { class: "rows" }, ...view.history.map(historyRow)),
    ),
    h("p", { class: "note" }, h("a", { id: "all-actions", href: "/console/actions?state=history" }, "All actions, with filters and CSV")),
  );
}

const historyRow = (row: HistoryRow): ComponentChild =>
  h(
    "li",
    { id: `history-${safeId(row.id)}` },
    h("span", { class: "row-main" }, h("span", { class: "id" }, visible(row.id)), " ", visible(row.what)),
    stateWord(row.state, row.tone),
    h("span", { class: "row-more" }, visible(row.by), row.by === "" ? "" : " · ", visible(row.when)),
  );

function stories(all: readonly Story[] | undefined): ComponentChild {
  if (all === undefined || all.length === 0) return null;
  return h(
    "section",
    { id: "stories", class: "panel", "aria-labelledby": "stories-title", tabIndex: -1 },
    h("h2", { id: "stories-title" }, "Play a story"),
    h(
      "ul",
      { class: "stories" },
      ...all.map((story) =>
        h(
          "li",
          { id: `story-${safeId(story.name)}-item` },
          h(
            "button",
            {
              id: `story-${safeId(story.name)}`,
              type: "button",
              class: "button plain",
              "data-story": story.name,
              "aria-describedby": `story-${safeId(story.name)}-about`,
            },
            visible(story.title),
          ),
          h("span", { id: `story-${safeId(story.name)}-about`, class: "quiet" }, visible(story.about)),
        ),
      ),
    ),
  );
}

function incidents(all: readonly IncidentRow[]): ComponentChild {
  return h(
    "section",
    { id: "incidents", class: "panel", "aria-labelledby": "incidents-title", tabIndex: -1 },
    h("h2", { id: "incidents-title" }, "Incidents"),
    all.length === 0
      ? h("p", { id: "incidents-empty", class: "empty" }, "No incidents.")
      : h(
          "ul",
          { id: "incident-rows", class: "rows" },
          ...all.map((row) =>
            h(
              "li",
              { id: `incident-${safeId(row.id)}` },
              h(
                "span",
                { class: "row-main" },
                h("a", { class: "id", href: `#${safeId(row.id)}` }, visible(row.id)),
                " ",
                visible(row.title),
              ),
              stateWord(row.status, row.tone),
              h("span", { class: "row-more" }, visible(row.severity), " · ", visible(row.when)),
            ),
          ),
        ),
  );
}

function labState(state: LabState): ComponentChild {
  const group = (name: string, title: string, rows: readonly LabRow[]) =>
    rows.length === 0
      ? null
      : h(
          "details",
          { id: `lab-${name}`, class: "lab-group" },
          h("summary", null, `${title} (${rows.length})`),
          h(
            "ul",
            { class: "rows" },
            ...rows.map((row, index) =>
              h(
                "li",
                { id: `lab-${name}-${index}-${safeId(row.name)}` },
                h("span", { class: "row-main" }, visible(row.name)),
                h("span", { class: "states" }, ...row.states.map(({ word, tone }) => stateWord(word, tone))),
                row.detail === undefined ? null : h("span", { class: "row-more" }, visible(row.detail)),
              ),
            ),
          ),
        );
  return h(
    "section",
    { id: "lab", class: "panel", "aria-labelledby": "lab-title", tabIndex: -1 },
    h("h2", { id: "lab-title" }, "The simulated company"),
    group("devices", "Devices", state.devices),
    group("users", "People", state.users),
    group("messages", "Mail", state.messages),
    group("mailboxes", "Mailboxes with rules", state.mailboxes),
    group("apps", "Apps with access", state.apps),
    group("keys", "Cloud access keys", state.accessKeys),
    group("indicators", "Blocked and allowed", state.indicators),
  );
}

const stateWord = (word: string, tone: Tone): ComponentChild => h("span", { class: `state tone-${tone}` }, visible(word));

/** Ids come from our sequences, names of lab things from alerts: only harmless characters become part of an element's id. */
const safeId = (raw: string): string => raw.replace(/[^A-Za-z0-9_-]/g, (sign) => `_${sign.codePointAt(0)?.toString(16) ?? ""}`);
