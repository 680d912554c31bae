import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { createElement } from "react";
import { renderToStaticMarkup } from "react-dom/server";
import { Message } from "slack-blocks-to-jsx";
import { renderCard } from "../../src/adapters/console/html.ts";
import { graphSvg } from "../../src/adapters/picture/graph-svg.ts";
import { toMessage } from "../../src/adapters/slack/blocks.ts";
import { type AdaptiveCard, toAdaptiveCard } from "../../src/adapters/teams/adaptive-card.ts";
import { graph, type Sample, samples } from "./samples.ts";
import { type ViewSample, viewSamples } from "./view-samples.ts";

const find = createRequire(import.meta.url);
const LOGO = `data:image/svg+xml,${encodeURIComponent('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 36 36"><rect width="36" height="36" rx="6" fill="#1f5fa8"/></svg>')}`;

/** Writes the page of every card into a folder, with all it needs beside it: nothing is fetched when it is opened. */
export function writePage(folder: string): { file: string; count: number } {
  fs.mkdirSync(folder, { recursive: true });
  const write = (name: string, text: string) => fs.writeFileSync(path.join(folder, name), text);
  // Slack itself breaks a long word; the drawing library forgets to.
  const slack = fs.readFileSync(find.resolve("slack-blocks-to-jsx/dist/style.css"), "utf8");
  write(
    "slack.css",
    `${slack}\n:host { overflow-wrap: anywhere; } #slack_blocks_to_jsx * { min-width: 0; overflow-wrap: anywhere; white-space: pre-wrap; word-break: break-word; } code { display: inline !important; }
${MODAL_CSS}`,
  );
  // The whole file, not the module: a bundler drops what it registers by side effect.
  write("adaptivecards.js", fs.readFileSync(find.resolve("adaptivecards/dist/adaptivecards.min.js"), "utf8"));
  write("console.css", inShadow(fs.readFileSync("src/adapters/console/style.css", "utf8")));
  write("page.css", PAGE_CSS);
  write("teams.css", TEAMS_CSS);
  write("draw-teams.js", drawTeams());
  write("graph.svg", graphSvg(graph).svg);
  write("index.html", html());
  return { file: path.join(folder, "index.html"), count: all.length };
}

/** Each platform's styles stay in its own shadow root, where there is neither a document element nor a body. */
const inShadow = (css: string) => css.replaceAll(":root", ":host").replace(/^body \{/m, ".body {");

const all: readonly (Sample | ViewSample)[] = [...samples, ...viewSamples];

const idOf = (sample: Sample | ViewSample) =>
  `${sample.group} ${sample.name}`
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/-$/, "");

function html(): string {
  const groups = [...new Set(all.map((sample) => sample.group))];
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>The cards of air</title>
<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="page.css"></head><body><h1>The cards of air</h1>
<nav>${groups
    .map(
      (group) =>
        `<p>${group}: ${all
          .filter((one) => one.group === group)
          .map((one) => `<a href="#${idOf(one)}">${one.name}</a>`)
          .join(" · ")}</p>`,
    )
    .join("")}</nav>
${all.map((sample) => ("card" in sample ? section(sample) : viewSection(sample))).join("\n")}
<script src="adaptivecards.js"></script><script src="draw-teams.js"></script></body></html>`;
}

function section(sample: Sample): string {
  const message = toMessage(sample.card);
  const slack = renderToStaticMarkup(
    createElement(Message, { theme: "light", time: new Date(0), logo: LOGO, name: "air", blocks: plainly(message.blocks) as never }),
  );
  return `<section id="${idOf(sample)}"><h2>${sample.group}: ${sample.name}</h2>
<p class="push"><b>Push:</b> <mark>${safe(sample.card.summary.slice(0, 100))}</mark>${safe(sample.card.summary.slice(100))}</p>
<div class="columns">
${column("Slack", "slack.css", slack)}
${teamsColumns(toAdaptiveCard(sample.card))}
${column("console", "console.css", `<div class="body">${renderCard(sample.card, idOf(sample)).replaceAll("/console/graph/INV-42.png", "graph.svg")}</div>`)}
</div></section>`;
}

/** A modal or the home tab: the title bar and the button of a modal stand around what the library draws. */
function viewSection(sample: ViewSample): string {
  const { view } = sample;
  const blocks = renderToStaticMarkup(
    createElement(Message, { theme: "light", logo: LOGO, name: "air", withoutWrapper: true, blocks: plainly(view.blocks) as never }),
  );
  const frame =
    view.type === "modal"
      ? `<div class="modal"><header><b>${safe(view.title.text)}</b><span>✕</span></header>${blocks}<footer>${[view.close, view.submit].map((one) => (one ? `<b>${safe(one.text)}</b>` : "")).join("")}</footer></div>`
      : `<div class="modal">${blocks}</div>`;
  return `<section id="${idOf(sample)}"><h2>${sample.group}: ${sample.name}</h2><div class="columns">${column("Slack", "slack.css", frame)}${sample.teams ? teamsColumns(sample.teams) : ""}</div></section>`;
}

/** The library takes `verbatim` (no links made of words) for "no formatting at all". */
const plainly = (blocks: unknown): unknown =>
  JSON.parse(
    JSON.stringify(blocks, (key, value) => (key === "verbatim" ? undefined : value?.type === "plain_text" ? asData(value) : value)),
  );

/** Slack reads no markup in plain text, the library does: a joiner nobody sees keeps its signs apart. */
const asData = (value: { text: string }) => ({ ...value, text: value.text.replace(/[*_~`<>@#!:[\]]/g, "$&\u2060") });

const teamsColumns = (card: AdaptiveCard): string =>
  ["light", "dark"]
    .map((theme) => `<div class="drawn teams ${theme}" data-by="Teams, ${theme}" data-card="${safe(JSON.stringify(card))}"></div>`)
    .join("\n");

const column = (by: string, css: string, inside: string) =>
  `<div class="drawn" data-by="${by}"><template shadowrootmode="open"><link rel="stylesheet" href="${css}">${inside}</template></div>`;

const safe = (text: string) => text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);

/** Runs in the page. Teams reads Markdown in headings and mentions only, and every mark there is escaped: only the backslashes go. */
function drawTeams(): string {
  const config = (theme: string) => fs.readFileSync(`test/fixtures/schemas/teams-host-config-${theme}.json`, "utf8").replace(/^\uFEFF/, "");
  return `const configs = { light: ${config("light")}, dark: ${config("dark")} };
AdaptiveCards.AdaptiveCard.onProcessMarkdown = (text, result) => {
  const place = document.createElement("p");
  place.textContent = text.replace(/\\\\([!-\\/:-@[-\`{-~])/g, "$1").replace(/<at>(.*?)<\\/at>/g, "@$1");
  result.outputHtml = place.outerHTML;
  result.didProcess = true;
};
for (const place of document.querySelectorAll(".teams")) {
  const card = new AdaptiveCards.AdaptiveCard();
  card.hostConfig = new AdaptiveCards.HostConfig(configs[place.classList.contains("dark") ? "dark" : "light"]);
  const context = new AdaptiveCards.SerializationContext(AdaptiveCards.Versions.v1_5);
  card.parse(JSON.parse(place.dataset.card), context);
  for (let index = 0; index < context.eventCount; index++) console.error(place.closest("section").id + ": " + context.getEventAt(index).message);
  const root = place.attachShadow({ mode: "open" });
  root.innerHTML = '<link rel="stylesheet" href="teams.css">';
  root.append(card.render());
}
document.documentElement.dataset.drawn = "";
`;
}

const MODAL_CSS = `.modal { border: 1px solid #ccc; border-radius: 8px; padding: 12px 16px; font: 15px/1.45 Lato, system-ui, sans-serif; color: #1d1c1d; }
.modal header, .modal footer { display: flex; justify-content: space-between; gap: 8px; padding: 4px 0 12px; }
.modal footer { justify-content: flex-end; padding: 12px 0 0; } .modal footer b { border: 1px solid #bbb; border-radius: 4px; padding: 6px 14px; }`;
const PAGE_CSS = `* { box-sizing: border-box; }
body { margin: 0 auto; padding: 12px; font: 15px/1.4 system-ui, sans-serif; background: #fff; color: #111; overflow-wrap: anywhere; }
h1 { font-size: 22px; } h2 { font-size: 17px; margin: 0; }
section { padding: 16px 0; border-top: 1px solid #ccc; background: #fff; }
.push { margin: 6px 0 10px; font-size: 13px; color: #444; max-width: 90ch; }
.columns { display: grid; gap: 16px; align-items: start; grid-template-columns: minmax(0, 1fr); }
.drawn { min-width: 0; overflow: hidden; }
.drawn::before { content: attr(data-by); display: block; font-size: 12px; color: #666; margin-bottom: 4px; }
@media (min-width: 1400px) { .columns { grid-template-columns: repeat(4, 720px); } }
`;
const TEAMS_CSS = `:host { display: block; font-size: 14px; }
.ac-adaptiveCard { border: 1px solid #8884; border-radius: 6px; }
.ac-pushButton { font: 600 14px "Segoe UI", system-ui, sans-serif; padding: 6px 16px; border-radius: 4px; border: 1px solid #888; background: none; color: inherit; min-height: 32px; }
.ac-pushButton.style-positive { background: #5b5fc7; border-color: #5b5fc7; color: #fff; }
.ac-pushButton.style-destructive { background: #c4314b; border-color: #c4314b; color: #fff; }
:host(.dark) { color: #fff; }
textarea, input { font: inherit; width: 100%; box-sizing: border-box; padding: 6px 8px; border: 1px solid #888; border-radius: 4px; background: none; color: inherit; }
`;
