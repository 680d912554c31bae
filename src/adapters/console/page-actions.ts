import { type ComponentChild, h } from "preact";
import { visible } from "../../engine/cards/visible.ts";
import type { ActionsView } from "./console.ts";
import { document } from "./page.ts";

/** The Action center on a page of its own (domain facts 4.1 and 4.2): tabs, filters, columns to sort by, pages, CSV. Needs no script. */
export function renderActions(view: ActionsView): string {
  return document(
    view.organization === undefined ? "Action center · air" : `Action center · ${visible(view.organization)}`,
    h(
      "header",
      { class: "top" },
      h(
        "div",
        { class: "brand" },
        h("h1", null, h("a", { href: "/" }, "air")),
        h("span", { class: "organization" }, visible(view.organization ?? "Security operations")),
      ),
      view.lab ? h("span", { class: "badge lab", title: "Nothing here touches a real system" }, "Lab: simulated company") : null,
      h("p", { class: "person" }, visible(view.person.name), " ", h("span", { class: "quiet" }, visible(view.person.about))),
    ),
    h(
      "main",
      { class: "center" },
      h("h2", null, "Action center"),
      h(
        "nav",
        { "aria-label": "Which actions", class: "tabs" },
        ...view.tabs.map((tab) =>
          h(
            "a",
            { href: tab.href, class: "tab", ...(tab.chosen ? { "aria-current": "page" as const } : {}) },
            `${tab.label} (${tab.count})`,
          ),
        ),
      ),
      filters(view),
      view.problem === undefined ? null : h("p", { class: "paused", role: "alert" }, visible(view.problem)),
      view.rows.length === 0
        ? h("p", { class: "empty" }, view.problem === undefined ? "No action matches." : "Change the filter and show the list again.")
        : table(view),
      h(
        "p",
        { class: "pager" },
        h(
          "span",
          { class: "quiet" },
          view.rows.length < view.total ? `${view.rows.length} of ${view.total} are shown.` : `${view.total} in all.`,
        ),
        view.first === undefined ? null : h("a", { class: "button plain", href: view.first }, "First page"),
        view.next === undefined ? null : h("a", { class: "button plain", href: view.next }, "Next page"),
        view.csv === undefined ? null : h("a", { class: "button plain", href: view.csv, download: "" }, "Download CSV"),
      ),
    ),
  );
}

function filters(view: ActionsView): ComponentChild {
  return h(
    "form",
    { class: "filters", method: "get", action: "/console/actions" },
    ...view.hidden.map(([name, value]) => h("input", { type: "hidden", name, value })),
    ...view.filters.map((filter) => {
      const id = `filter-${filter.name}`;
      return h(
        "p",
        null,
        h("label", { for: id }, filter.label),
        filter.options === undefined
          ? h("input", { id, name: filter.name, type: "text", value: visible(filter.value), maxLength: 200, placeholder: filter.example })
          : h(
              "select",
              { id, name: filter.name },
              h("option", { value: "" }, "Any"),
              ...filter.options.map(([value, label]) => h("option", { value, selected: value === filter.value }, label)),
            ),
      );
    }),
    h("p", { class: "go" }, h("button", { type: "submit", class: "button primary" }, "Show"), h("a", { href: view.clear }, "Clear")),
  );
}

const table = (view: ActionsView): ComponentChild =>
  h(
    "div",
    { class: "wide", tabIndex: 0, role: "group", "aria-label": "Actions" },
    h(
      "table",
      null,
      h(
        "thead",
        null,
        h(
          "tr",
          null,
          ...view.columns.map((column) =>
            h(
              "th",
              {
                scope: "col",
                ...(column.sorted ? { "aria-sort": column.sorted === "asc" ? ("ascending" as const) : ("descending" as const) } : {}),
              },
              column.href === undefined
                ? column.label
                : h(
                    "a",
                    { href: column.href },
                    column.label,
                    column.sorted ? h("span", { "aria-hidden": "true" }, column.sorted === "asc" ? " ▲" : " ▼") : null,
                  ),
            ),
          ),
        ),
      ),
      h(
        "tbody",
        null,
        ...view.rows.map((row) =>
          h(
            "tr",
            null,
            ...row.cells.map((cell, index) =>
              h(
                "td",
                { "data-label": view.columns[index]?.label },
                cell.tone
                  ? h("span", { class: `state tone-${cell.tone}` }, visible(cell.text))
                  : cell.href
                    ? h("a", { class: "id", href: cell.href }, visible(cell.text))
                    : h("bdi", null, visible(cell.text)),
              ),
            ),
          ),
        ),
      ),
    ),
  );
