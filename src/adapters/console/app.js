// The page's only script: keeps what is shown equal to the server's drawing, and sends what people press and type.
import { Idiomorph } from "/console/idiomorph.js";

const byId = (id) => document.getElementById(id);
const live = byId("live");

/** What each card said last, so that a screen reader hears only what is new. */
let heard = summaries();

function summaries() {
  return new Map([...document.querySelectorAll("#channel article[data-summary]")].map((card) => [card.id, card.dataset.summary]));
}

/** What people opened, typed or chose is theirs: a redraw leaves it. */
const theirs = {
  beforeNodeMorphed: (old) => !(old instanceof HTMLTextAreaElement || old instanceof HTMLInputElement),
  beforeAttributeUpdated: (name, node) => {
    if (name === "open" && node instanceof HTMLDetailsElement) return false;
    const role = node.getAttribute("role");
    if (role === "tab") return name !== "aria-selected" && name !== "tabindex";
    if (role === "tabpanel") return name !== "hidden";
    return name !== "disabled" || !node.hasAttribute("aria-busy");
  },
};

let drawing = false;
let again = false;

/** One redraw at a time; changes that come meanwhile cause one more. */
async function redraw() {
  if (drawing) {
    again = true;
    return;
  }
  drawing = true;
  try {
    const answer = await fetch("/console/feed", { headers: { accept: "text/html" } });
    if (answer.status === 401) location.reload();
    if (!answer.ok) return;
    Idiomorph.morph(live, await answer.text(), { morphStyle: "innerHTML", callbacks: theirs });
    announce();
  } catch {
    // The line says so already; the stream's return redraws.
  } finally {
    drawing = false;
    if (again) {
      again = false;
      setTimeout(redraw, 100);
    }
  }
}

function announce() {
  const now = summaries();
  const news = [...now].filter(([id, summary]) => heard.get(id) !== summary).map(([, summary]) => summary);
  heard = now;
  if (news.length > 0)
    byId("news").textContent = news.slice(0, 2).join(" ") + (news.length > 2 ? ` And ${news.length - 2} more changes.` : "");
}

function listen() {
  const stream = new EventSource("/console/events");
  const line = byId("line");
  stream.onopen = () => {
    line.textContent = "Live";
    line.classList.add("on");
    redraw();
  };
  stream.onmessage = redraw;
  stream.onerror = () => {
    line.textContent = "Connecting again";
    line.classList.remove("on");
    // Closed for good, for example by a 401: the browser does not come back by itself.
    if (stream.readyState === EventSource.CLOSED) setTimeout(listen, 3000);
  };
}

async function send(path, body) {
  try {
    const answer = await fetch(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
    const data = await answer.json();
    return answer.ok ? data : { problem: data.error?.message ?? "This did not work." };
  } catch {
    return { problem: "air cannot be reached. Nothing was sent." };
  }
}

/** A private answer, bottom right, until it is closed or pushed out. */
function note({ html, problem }) {
  if (!html && !problem) return;
  const box = document.createElement("div");
  box.className = "told";
  if (html) box.innerHTML = html;
  else {
    const text = document.createElement("p");
    text.textContent = problem;
    box.append(text);
  }
  const close = document.createElement("button");
  close.type = "button";
  close.className = "close";
  close.textContent = "Close";
  close.addEventListener("click", () => box.remove());
  box.append(close);
  // The same answer again takes the place of the old one.
  for (const old of [...byId("notes").children]) if (old.textContent === box.textContent) old.remove();
  byId("notes").prepend(box);
  for (const old of [...byId("notes").children].slice(3)) old.remove();
}

function confirmed(button) {
  const { confirmTitle, confirmText, confirmYes } = button.dataset;
  if (confirmTitle === undefined) return Promise.resolve(true);
  const dialog = byId("confirm");
  byId("confirm-title").textContent = confirmTitle;
  byId("confirm-text").textContent = confirmText;
  byId("confirm-yes").textContent = confirmYes;
  byId("confirm-yes").className = button.classList.contains("danger") ? "button danger" : "button primary";
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((answer) => dialog.addEventListener("close", () => answer(dialog.returnValue === "yes"), { once: true }));
}

/** Not pressed twice while the answer is on its way. */
async function whileBusy(button, work) {
  if (button.getAttribute("aria-busy") === "true") return;
  button.setAttribute("aria-busy", "true");
  try {
    await work();
  } finally {
    button.removeAttribute("aria-busy");
  }
}

async function press(button) {
  const field = button.dataset.typed === undefined ? undefined : byId(button.dataset.typed);
  if (field && !field.reportValidity()) return;
  if (!(await confirmed(button))) return;
  const typed = field?.value.trim();
  const answer = await send("/console/press", typed ? { value: button.dataset.value, typed } : { value: button.dataset.value });
  if (!answer.problem && field) {
    field.value = "";
    field.closest("details").open = false;
  }
  note(answer);
  redraw();
}

function chooseTab(tab) {
  for (const other of document.querySelectorAll('#tabs [role="tab"]')) {
    const chosen = other === tab;
    other.setAttribute("aria-selected", String(chosen));
    other.tabIndex = chosen ? 0 : -1;
    byId(other.getAttribute("aria-controls")).hidden = !chosen;
  }
  tab.focus();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.value !== undefined) whileBusy(button, () => press(button));
  else if (button.dataset.story !== undefined)
    whileBusy(button, async () => {
      note(await send("/console/lab", { story: button.dataset.story }));
      redraw();
    });
  else if (button.getAttribute("role") === "tab") chooseTab(button);
});

document.addEventListener("keydown", (event) => {
  if (event.target.getAttribute?.("role") !== "tab" || !["ArrowLeft", "ArrowRight"].includes(event.key)) return;
  const tabs = [...document.querySelectorAll('#tabs [role="tab"]')];
  const step = event.key === "ArrowRight" ? 1 : tabs.length - 1;
  chooseTab(tabs[(tabs.indexOf(event.target) + step) % tabs.length]);
});

byId("say")?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const field = byId("said");
  const text = field.value.trim();
  const answer = await send("/console/say", { text });
  const reply = byId("reply");
  if (answer.html) reply.innerHTML = answer.html;
  else reply.textContent = answer.problem;
  field.select();
});

byId("persona")?.addEventListener("change", async (event) => {
  const answer = await send("/console/persona", { persona: event.target.value });
  if (answer.problem) note(answer);
  else location.reload();
});

if (live) listen();
