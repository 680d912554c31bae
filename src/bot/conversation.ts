import { randomUUID, timingSafeEqual } from "node:crypto";
import { actionKinds } from "../engine/actions/all.ts";
import { agreement, agreementLines } from "../engine/agreement.ts";
import { type Air, actionId, alertId, evidenceId, incidentId, investigationId } from "../engine/air.ts";
import { noteAnotherAir } from "../engine/another-air.ts";
import { type Answered, acknowledge, cannotLook, escalateNow, takeBackAck } from "../engine/answer-call.ts";
import { authorise, namedIn } from "../engine/authorise.ts";
import { type ButtonMeaning, looksLikeDecision, readButton } from "../engine/cards/button-id.ts";
import { type Card, cut } from "../engine/cards/card.ts";
import { cardInZone, inZone } from "../engine/cards/in-zone.ts";
import { pauseLines } from "../engine/cards/pause-card.ts";
import { noticeCard, refusalCard } from "../engine/cards/reply-card.ts";
import { reportCard } from "../engine/cards/report-card.ts";
import { capital, count, outside, shown, time } from "../engine/cards/say.ts";
import { redraw } from "../engine/decide-action.ts";
import { FAMILIES } from "../engine/domain/action.ts";
import { mayView, type Person } from "../engine/domain/approval.ts";
import type { Entity } from "../engine/domain/entity.ts";
import { Refusal } from "../engine/domain/errors.ts";
import { classificationText } from "../engine/domain/incident.ts";
import { verdictWord } from "../engine/domain/investigation.ts";
import { plainMentions } from "../engine/domain/mention.ts";
import { NOBODY } from "../engine/domain/paging.ts";
import { nameToType } from "../engine/domain/step-up.ts";
import { momentOf, wallText } from "../engine/domain/wall-clock.ts";
import { tooFewText, whoMay, whoMayNot } from "../engine/domain/who-may.ts";
import type { Drawing } from "../engine/draw.ts";
import { assignIncident, closeIncident, noteIncident, reopenIncident } from "../engine/manage-incident.ts";
import { mergeIncidents, splitIncident } from "../engine/merge-incidents.ts";
import { packageLink } from "../engine/package-link.ts";
import { PAUSE_SETTING, type Pause, pause, resume } from "../engine/pause.ts";
import { remindAction } from "../engine/remind-action.ts";
import { zoneOf } from "../engine/schedules.ts";
import { modeInForce, setMode } from "../engine/set-mode.ts";
import { reportFalseNegative, reportFalsePositive, setVerdict } from "../engine/set-verdict.ts";
import { snoozePolicy, unsnoozePolicy } from "../engine/snooze-policy.ts";
import { type StartRequest, startInvestigation } from "../engine/start-investigation.ts";
import { retryInvestigation, stopInvestigation } from "../engine/stop-investigation.ts";
import type { ActionRow } from "../engine/store.ts";
import { cancelSwap, swapDuty } from "../engine/swap-duty.ts";
import { mustTypeName, takeAction } from "../engine/take-action.ts";
import { extendAction } from "../engine/timed-actions.ts";
import { briefNow } from "./brief-replies.ts";
import { type Command, readCommand } from "./commands.ts";
import { pressedDecision, saidDecision } from "./decide-replies.ts";
import { reportOf } from "./export-rows.ts";
import { createForms, type Forms } from "./forms.ts";
import { helpAnswer } from "./help.ts";
import { lookedUp } from "./look-up-replies.ts";
import { mayOpenDecision } from "./may-open.ts";
import { modeCard } from "./mode-card.ts";
import { onCallCard, onCallDaysCard, swapCard } from "./oncall-card.ts";
import { policiesCard } from "./policies-card.ts";
import type { Id } from "./read-id.ts";
import { snoozeSaid } from "./snooze-replies.ts";
import { mustBeSound } from "./sound-text.ts";
import { swapTimes } from "./swap-times.ts";
import { whoamiCard } from "./whoami-card.ts";

/** What every chat hands over: words or a pressed button, by a person looked up just now. The answer is for that person alone. */
export type Conversation = {
  say: (text: string, person: Person) => Promise<Card>;
  /** undefined: nothing to say, the shared card will show it. */
  press: (value: string, person: Person, typed?: string) => Promise<Card | undefined>;
  /** What a chat with forms shows and hands in. */
  forms: Forms;
};

/** Somebody by name or address, as people in air.yaml has them. */
export type FindPerson = (text: string) => { name: string; key?: string } | undefined;

/** Who is in the chat itself: `anybody` may be meant where air.yaml names nobody; `colleague` is a full member, by `slack:U0MIA`. */
type ChatPeople = { anybody: () => boolean; colleague: (account: string) => Promise<{ name: string; key?: string } | undefined> };
const NO_CHAT: ChatPeople = { anybody: () => false, colleague: async () => undefined };

export function createConversation(
  air: Air,
  drawing: () => Promise<Drawing>,
  find: FindPerson = () => undefined,
  names: () => readonly string[] = () => [],
  chat: ChatPeople = NO_CHAT,
): Conversation {
  const run = async (command: Command, person: Person, key: string = randomUUID()) => {
    const card = await answer(air, { drawing, find, colleague: chat.colleague, key }, command, person);
    return here(command.kind, tellsOfAll(command) ? await underPauses(air, card) : card);
  };
  // What is kept is quoted as it is kept.
  const here = (kind: Command["kind"], card: Card) => (kind === "audit" || kind === "log" ? card : cardInZone(card, zoneOf(air)));
  const local = async (work: () => Promise<Card | undefined>) => {
    const card = await answered(air, work);
    return card && cardInZone(card, zoneOf(air));
  };
  const say: Conversation["say"] = (text, person) =>
    answered(air, async () => {
      mustBeSound(text, ["text"]);
      return run(readCommand(text, air.policy().organization.domains), person);
    });
  const press = async (value: string, person: Person, typed?: string, lasts?: number): Promise<Card | undefined> => {
    mustBeSound(typed, ["reason"]);
    const meaning = readButton(value, air.sign, sameText);
    if (!meaning) return refuseUnknown(air, value, person);
    if (meaning.kind === "say") return say(meaning.text, person);
    try {
      return await pressedDecision(air, person, meaning, typed, lasts);
    } catch (error) {
      throw await redrawnIfStale(air, meaning, error);
    }
  };
  const mayDecide = async (value: string, person: Person): Promise<void> => {
    const meaning = readButton(value, air.sign, sameText);
    if (!meaning) return refuseUnknown(air, value, person);
    try {
      await mayOpenDecision(air, person, meaning);
    } catch (error) {
      throw await redrawnIfStale(air, meaning, error);
    }
  };
  return {
    say,
    press: (value, person, typed) => local(() => press(value, person, typed)),
    forms: createForms({
      air,
      names,
      anybody: chat.anybody,
      run,
      press: async (...how) => {
        const card = await press(...how);
        return card && cardInZone(card, zoneOf(air));
      },
      mayDecide,
    }),
  };
}

/** What tells how things stand as a whole; the card of one thing says itself what it waits for. */
const tellsOfAll = (command: Command): boolean =>
  command.kind === "status" ? command.id === undefined : ["list", "actions", "mode", "oncall"].includes(command.kind);

async function underPauses(air: Air, card: Card): Promise<Card> {
  const lines = pauseLines((await air.store.setting<Pause[]>(PAUSE_SETTING)) ?? []);
  return lines.length === 0 ? card : { ...card, summary: `Executions are paused. ${card.summary}`, lines: [...lines, ...card.lines] };
}

/** A button no air of this secret made: nothing is done, and that it was pressed is kept. */
async function refuseUnknown(air: Air, value: string, person: Person): Promise<never> {
  await air.store.transaction((tx) =>
    tx.writeAudit([
      {
        at: air.clock.now(),
        actor: { kind: "person", via: person.via, key: person.key, name: person.name },
        event: "button.refused",
        subject: "unreadable",
      },
    ]),
  );
  // Only where a chat hands us what it was given: what a page or a program sends proves nothing about other airs.
  // Nor does who holds no role: anybody in a chat can send a button they altered.
  if ((person.via !== "slack" && person.via !== "teams") || !looksLikeDecision(value) || !mayView(person.roles))
    throw new Refusal("invalid", "This button was not made by this air, or its card was altered. Ask for a fresh card: status.");
  await noteAnotherAir(air, "button", { value, by: person.key });
  throw new Refusal(
    "invalid",
    `This card was made by another air that uses the same ${person.via === "slack" ? "Slack app" : "bot of Teams"} (or by this one, before its AIR_SECRET was changed). Nothing was decided. Press the button where that air answers, or ask this one for its own cards: actions pending.`,
  );
}

const sameText = (a: string, b: string) => a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));

async function redrawnIfStale(air: Air, meaning: ButtonMeaning, error: unknown): Promise<unknown> {
  const stale = error instanceof Refusal && ["changed", "expired", "already-decided"].includes(error.code);
  if (stale && meaning.kind === "decide") await redrawNow(air, meaning.action);
  return error;
}

/** A stale click means a stale card: it is drawn again. */
async function redrawNow(air: Air, id: number): Promise<void> {
  const action = await air.store.action(id);
  if (action) await air.store.transaction((tx) => redraw(tx, air, action, air.clock.now()));
}

async function answered<Answer extends Card | undefined>(air: Air, work: () => Promise<Answer>): Promise<Answer | Card> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Refusal) return refusalCard(inZone(error.message, zoneOf(air)));
    throw error;
  }
}

async function answer(
  air: Air,
  { drawing, find, colleague, key }: { drawing: () => Promise<Drawing>; find: FindPerson; colleague: ChatPeople["colleague"]; key: string },
  command: Command,
  person: Person,
): Promise<Card> {
  if (command.kind === "help") return helpAnswer(command.about);
  if (command.kind === "whoami") return whoamiCard(person);
  if (command.kind === "misunderstood") return noticeCard("Not understood", command.text, "warning");
  // Whoever was told of something answers it whatever their role; the verbs look.
  if (!("called" in command)) await authorise(air, person, { verb: command.kind, subject: "command", need: "viewer" });
  switch (command.kind) {
    case "status":
    case "list":
    case "actions":
    case "log":
    case "graph":
    case "alerts":
    case "audit":
    case "protected":
    case "export":
      return lookedUp(air, drawing, person, command);
    case "decide":
    case "decide-many":
    case "undo":
    case "cancel":
    case "propose":
    case "break-glass":
    case "confirm-alone":
    case "review-alone":
      return saidDecision(air, person, command);
    case "report":
      return reportCard(await reportOf(air.store, command.span, air.clock.now(), air));
    case "digest":
    case "handover":
      return briefNow(air, command.kind);
    case "policies":
      return policiesCard(air.policy().alertPolicies, await air.store.activeSnoozes(air.clock.now()), air.clock.now());
    case "investigateName": {
      const started = await startInvestigation(
        air,
        person,
        { entity: await deviceNamed(air, command.name), incident: command.within },
        key,
      );
      return startedCard(started);
    }
    case "investigate": {
      const request = await requestOf(air, command.what);
      const within = "entity" in request ? { ...request, incident: command.within } : request;
      return startedCard(await startInvestigation(air, person, within, key));
    }
    case "retry": {
      const { evidence } = await retryInvestigation(air, person, command.investigation);
      return noticeCard(
        "Tried again",
        `${investigationId(command.investigation)}: ${count(evidence, "piece")} of evidence ${evidence === 1 ? "is" : "are"} looked at again.`,
      );
    }
    case "stop": {
      const row = await stopInvestigation(air, person, command.investigation, command.reason);
      return noticeCard("Stopped", `${investigationId(row.id)} has ended. What had not begun is cancelled; nothing was undone.`, "neutral");
    }
    case "merge": {
      const { survivor, absorbed } = await mergeIncidents(air, person, command.one, command.other);
      return noticeCard("Merged", `${incidentId(absorbed)} is now part of ${incidentId(survivor)}.`, "good");
    }
    case "split": {
      const { incident } = await splitIncident(air, person, command.incident, command.alert);
      return noticeCard("Split", `${alertId(command.alert)} is now ${incidentId(incident)}. air does not join the two again.`, "good");
    }
    case "verdict": {
      const evidence = await setVerdict(air, person, command);
      return noticeCard(
        "Verdict set",
        `${evidenceId(evidence.id)} (${shown(evidence.entity)}) counts as ${verdictWord(evidence.entity.kind, command.verdict)}. What follows from it is proposed and asks.`,
      );
    }
    case "fp": {
      const { evidence, proposed } = await reportFalsePositive(air, person, command.of, command.reason);
      return noticeCard(
        "Noted as a false positive",
        `${evidenceId(evidence.id)} (${shown(evidence.entity)}) counts as clean. ${proposed > 0 ? `${count(proposed, "action")} proposed: ${proposed === 1 ? "it asks" : "they ask"} for a decision.` : "Nothing was done because of it, so there is nothing to take back."}`,
      );
    }
    case "fn": {
      const started = await reportFalseNegative(air, person, command.entity, key);
      return noticeCard(
        "Noted as missed",
        `${started.investigation ?? ""} in ${started.incident} looks into it.${started.proposed > 0 ? " Blocking it is proposed and asks." : ""}`,
      );
    }
    case "do": {
      const action = await takeAction(
        air,
        person,
        { kind: command.action, target: command.target, reason: command.reason, forMs: command.forMs },
        key,
      );
      const title = actionKinds[action.kind].title(action.target);
      return action.state === "pending"
        ? noticeCard(
            "Asked",
            `${actionId(action.id)}: ${title}. ${action.approvalsNeeded === 1 && mustTypeName(person, action) ? `Nothing was decided yet. Type the name to confirm: approve ${actionId(action.id)} ${nameToType(action)}` : await whoDecides(air, await drawing(), action, person)}`,
          )
        : noticeCard("Approved", `${actionId(action.id)}: ${title}. You decided it by asking; it is carried out next.`, "good");
    }
    case "extend": {
      const until = await extendAction(air, person, command.action, command.moreMs);
      return noticeCard("Extended", `${actionId(command.action)} now ends by itself at ${time(until)}.`, "good");
    }
    case "package": {
      const link = await packageLink(air, person, command.action);
      return {
        title: `Package of ${actionId(command.action)}`,
        tone: "neutral",
        summary: "The link to the package is in this answer.",
        lines: [
          {
            kind: "text",
            text: "Whoever has this link can fetch the package for a short while. It holds what was on the device: do not pass it on.",
          },
          { kind: "code", text: link },
        ],
        buttons: [],
        private: true,
      };
    }
    case "note":
      await noteIncident(air, person, command.incident, command.text);
      return noticeCard("Noted", `It stands in the story of ${incidentId(command.incident)}.`, "good");
    case "assign": {
      const to = /^me$/i.test(command.to) ? person : ((await colleague(command.to)) ?? find(command.to));
      if (!to)
        throw new Refusal(
          "not-found",
          `Nobody in people of air.yaml is called ${plainMentions(command.to).slice(0, 60)}. Give a name or an e-mail address, or say me.`,
        );
      const row = await assignIncident(air, person, command.incident, to);
      return noticeCard("Assigned", `${incidentId(row.id)} is looked after by ${row.assignee ?? to.name}.`, "good");
    }
    case "ack": {
      const subject = await acknowledge(air, person, command.called);
      return noticeCard(
        "Acknowledged",
        `Everybody sees that you look at ${subject}. Nobody else is told about what waits in it now.`,
        "good",
      );
    }
    case "unack": {
      const subject = await takeBackAck(air, person, command.called);
      return noticeCard(
        "Taken back",
        `Nobody looks at ${subject} now. Whoever is on call is told again of what still waits in it.`,
        "good",
      );
    }
    case "cant":
      return answeredCard("You are left out of it", await cannotLook(air, person, command.called, command.reason));
    case "escalate":
      return answeredCard("Escalated", await escalateNow(air, person, command.called, command.reason));
    case "remind": {
      const { timeZone } = air.paging?.() ?? NOBODY;
      const at = momentOf(command.when, air.clock.now(), timeZone);
      await remindAction(air, person, command.action, at);
      return noticeCard(
        "Reminder set",
        `You are told at ${wallText(at, timeZone)}, unless ${actionId(command.action)} is decided before.`,
        "good",
      );
    }
    case "oncall":
      return command.days === undefined ? onCallCard(air) : onCallDaysCard(air, command.days);
    case "oncall-swap": {
      const { timeZone } = air.paging?.() ?? NOBODY;
      const row = await swapDuty(air, person, {
        ...(await twoPeople(command.people, { find, colleague }, person)),
        ...swapTimes(command, air.clock.now(), timeZone),
      });
      const { roles } = (await air.whoIs?.(row.instead.replace(/^person:/, ""))) ?? {};
      return swapCard(air, row, roles !== undefined && roles.approves.length === 0);
    }
    case "oncall-cancel":
      await cancelSwap(air, person, command.swap);
      return noticeCard("Swap ended", `Swap ${command.swap} has ended; the rota holds again. Who is on call: oncall`, "good");
    case "close": {
      const row = await closeIncident(air, person, command.incident, command);
      const what = classificationText(row.classification ?? command.classification, row.determination);
      return noticeCard("Closed", `${incidentId(row.id)}: ${what}. To open it again: reopen ${incidentId(row.id)}`, "good");
    }
    case "reopen":
      await reopenIncident(air, person, command.incident);
      return noticeCard("Reopened", `${incidentId(command.incident)} is open; new alerts join it again.`, "good");
    case "snooze": {
      const { until } = await snoozePolicy(air, person, command);
      return noticeCard(
        "Snoozed",
        `What ${command.policy} matches is stored and listed, and neither shown nor looked into, until ${time(until)}. To end it before: unsnooze ${command.policy}`,
        "warning",
      );
    }
    case "unsnooze-policy":
      await unsnoozePolicy(air, person, command.policy);
      return noticeCard("Back", `What ${command.policy} matches is shown and looked into again.`, "good");
    case "snooze-incident":
    case "unsnooze":
      return snoozeSaid(air, person, command);
    case "pause":
      await authorise(air, person, { verb: "executions.pause", subject: command.family });
      await pause(air, person, command.family, command.reason);
      return noticeCard(
        "Paused",
        `${command.family === "all" ? `Every execution not yet begun waits, of every family (${FAMILIES.join(", ")})` : `Every ${command.family} action not yet begun waits`}. The reason everybody sees: ${cut(outside(command.reason), 300).replace(/(?<![.!?…])$/u, ".")} An admin resumes.`,
        "warning",
      );
    case "resume": {
      await authorise(air, person, { verb: "executions.resume", subject: command.family, need: "admin" });
      const left = await resume(air, person, command.family);
      const all = left.find((one) => one.family === "all");
      if (all)
        return noticeCard("Resumed in part", `The pause of ${command.family} ended, but ${all.by} paused all: ${all.reason}`, "warning");
      const others = left.length > 0 ? ` Still paused: ${left.map((one) => one.family).join(", ")}.` : "";
      return noticeCard(
        "Resumed",
        `${command.family === "all" ? "Executions go on." : `${capital(command.family)} actions go on.`}${others}`,
        "good",
      );
    }
    case "mode": {
      if (command.set) {
        const { before, askAgain } = await setMode(air, person, command.set, command.reason);
        const again = askAgain > 0 ? ` ${count(askAgain, "action")} that had not begun ${askAgain === 1 ? "asks" : "ask"} again.` : "";
        return noticeCard(`Mode ${command.set}`, `It was ${before}. Every process of air obeys within seconds.${again}`, "good");
      }
      return modeCard(await modeInForce(air), agreementLines(await agreement(air)));
    }
    default:
      return command satisfies never;
  }
}

/** Whoever asked knows now whom to call, and where nobody can be called, what an admin does about it. */
async function whoDecides(air: Air, { deciders, requesterMayApprove = false }: Drawing, action: ActionRow, asker: Person): Promise<string> {
  const all = deciders(action.family, action.lab, action.deviceGroup);
  const two = action.approvalsNeeded > 1;
  if (all.anyone) return two ? "Two others decide." : "An approver decides.";
  const view = (await air.store.incidentViews([action.incidentId])).get(action.incidentId);
  const mayNot = whoMayNot(action, all, view ? await namedIn(air, view) : [], requesterMayApprove);
  const left = whoMay(all, mayNot, []);
  const tooFew = tooFewText(action, left, mayNot, 0);
  if (tooFew) return tooFew;
  // Who asks for what one decides, and may decide it, has; they are not told of themselves.
  const others = two && requesterMayApprove ? left.names : left.names.filter((name) => name !== asker.name);
  if (others.length === 0) return `Nobody else may decide it yet: an admin adds people under roles.approver.${action.family} in air.yaml.`;
  const listed = `${others.slice(0, 4).join(", ")}${others.length > 4 ? ` and ${others.length - 4} more` : ""}`;
  return two ? `Two ${requesterMayApprove ? "people" : "others"} decide; who may: ${listed}.` : `An approver decides; who may: ${listed}.`;
}

const startedCard = (started: Awaited<ReturnType<typeof startInvestigation>>): Card =>
  noticeCard(
    started.already ? "Already running" : "Investigation started",
    `${started.investigation ?? ""} in ${started.incident}${started.already ? " takes it in" : ""}. Say: status ${started.investigation ?? started.incident}`,
  );

/** The person waits for the answer. */
const INVENTORY_BUDGET_MS = 1_500;

/** A bare word is a device only where the inventory knows one of that name: else a slip of the tongue would be investigated. */
async function deviceNamed(air: Air, name: string): Promise<Entity> {
  const device = { kind: "device" as const, name };
  const known = await air.capabilities.devices?.find(device, AbortSignal.timeout(INVENTORY_BUDGET_MS)).catch(() => undefined);
  if (known) return device;
  throw new Refusal(
    "invalid",
    `"${name.slice(0, 60)}" is no device the inventory knows. Say what it is: investigate device:${name.slice(0, 60)}, user:${name.slice(0, 60)} or domain:${name.slice(0, 60)}; or give a hash, address, link or e-mail address.`,
  );
}

/** What `investigate` is aimed at, by id. */
async function requestOf(air: Air, what: Id | Entity): Promise<StartRequest> {
  // Ids carry a number, entities never do.
  if (!("id" in what) || typeof what.id !== "number") return { entity: what as Entity };
  const id = what as Id;
  switch (id.kind) {
    case "alert":
      return { alert: id.id };
    case "incident":
      return { incident: id.id };
    case "investigation": {
      const row = await air.store.investigation(id.id);
      if (!row) throw new Refusal("not-found", `There is no investigation ${investigationId(id.id)}.`);
      return { incident: row.incidentId };
    }
    case "evidence": {
      const row = await air.store.evidence(id.id);
      if (!row) throw new Refusal("not-found", `There is no evidence ${evidenceId(id.id)}.`);
      return { entity: row.entity };
    }
    case "action": {
      const row = await air.store.action(id.id);
      if (!row) throw new Refusal("not-found", `There is no action ${actionId(id.id)}.`);
      return { entity: row.target };
    }
    default:
      return id.kind satisfies never;
  }
}

/** `me noor`, `me Noor Haddad`, `mia@contoso.com with Noor`: a name may be several words, so each place to part them is tried. */
async function twoPeople(
  words: readonly string[],
  { find, colleague }: { find: FindPerson; colleague: ChatPeople["colleague"] },
  person: Person,
): Promise<Record<"from" | "to", { name: string; key: string }>> {
  const known = async (text: string) => {
    // Only what a chat marks as somebody is worth a question to the chat.
    const who = /^me$/i.test(text) ? person : (find(text) ?? (/^(<@|slack:)/.test(text) ? await colleague(text) : undefined));
    return who?.key === undefined ? undefined : { name: who.name, key: who.key };
  };
  for (let at = 1; at < words.length; at++) {
    const from = await known(words.slice(0, at).join(" "));
    const to = await known(
      words
        .slice(at)
        .join(" ")
        .replace(/^(with|by) /i, ""),
    );
    if (from && to) return { from, to };
  }
  throw new Refusal(
    "not-found",
    `"${plainMentions(words.join(" ")).slice(0, 80)}" does not name two people in people of air.yaml. Give e-mail addresses, whole names or first names only one of them has, or say me for yourself: oncall swap me noor@contoso.com from Fri 18:00 to Mon 09:00.`,
  );
}

/** What a person who was told has to know: who is told instead, or that nobody is. */
function answeredCard(title: string, { subject, told, over, silent }: Answered): Card {
  if (silent) {
    const until = `${silent.kind === "mute" ? "muted" : "snoozed"} until ${time(silent.until)}`;
    const text = `${subject} is ${until}: nobody is asked about it meanwhile. To end that now: unsnooze ${subject}`;
    return noticeCard(title === "Escalated" ? "Nobody is told now" : title, text, "warning");
  }
  if (told.length > 0)
    return noticeCard(title, `${capital(told.join(", "))} ${told.length === 1 ? "is" : "are"} told of ${subject} now.`, "good");
  return over
    ? noticeCard(
        title,
        `Nobody is left to be told of ${subject}: the escalation has no further step. Whoever runs air was told so.`,
        "warning",
      )
    : noticeCard(title, `Somebody else is being asked about ${subject}; the escalation goes on as before.`, "good");
}
