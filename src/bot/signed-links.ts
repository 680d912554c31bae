import { timingSafeEqual } from "node:crypto";
import { type Request, type Response, Router } from "express";
import type { Air } from "../engine/air.ts";
import type { Button, Card } from "../engine/cards/card.ts";
import { Refusal } from "../engine/domain/errors.ts";
import { attachmentOf } from "./attachments.ts";
import { exportNeeds, readExport } from "./export-rows.ts";

/** The person who asked alone, or everybody in the conversation. */
export type Readers = "one" | "all";

/** Long enough to press it, too short to be passed around. */
const LASTS_MS = 10 * 60_000;
const PATH = "/files";

/**
 * Files for a chat that takes none: a link to one picture or one list, good for ten minutes. Who got the answer may have what belongs to it,
 * as where files are sent; the link says which object and until when, and cannot be made to mean another. Where others read along it goes to
 * them, too, but for what takes more than the role viewer: that is for whoever asked.
 */
export type SignedLinks = {
  linked(card: Card, readers: Readers): Card;
  router: Router;
};

export function createSignedLinks(air: Air): SignedLinks {
  const router = Router();
  router.get(`${PATH}/:what/:until/:mac`, (request, response, next) => {
    serve(air, request, response).catch(next);
  });
  return {
    router,
    linked(card, readers) {
      const what =
        card.picture !== undefined ? `picture:${card.picture}` : card.download !== undefined ? `list:${card.download}` : undefined;
      if (what === undefined) return card;
      if (readers === "all" && card.download !== undefined && exportNeeds(readExport(card.download).what) !== "viewer")
        return noted(card, ASK_ALONE);
      if (air.publicUrl === undefined) return noted(card, NO_ADDRESS);
      const until = String(air.clock.now().getTime() + LASTS_MS);
      const url = `${air.publicUrl.replace(/\/+$/, "")}${PATH}/${Buffer.from(what).toString("base64url")}/${until}/${macOf(air, what, until)}`;
      const label = card.picture === undefined ? "Download (good for 10 min)" : "Picture (good for 10 min)";
      const button: Button = { label, style: "plain", url };
      return noted({ ...card, buttons: [...card.buttons, button] }, readers === "all" ? FOR_ALL : FOR_ONE);
    },
  };
}

const noted = (card: Card, text: string): Card => ({ ...card, lines: [...card.lines, { kind: "note", text }] });
const ASK_ALONE = "The file itself comes as a link, for you alone: ask for it in your own chat with air.";
const NO_ADDRESS =
  "The file cannot be linked: air does not know by which address people reach it. Whoever runs air sets AIR_PUBLIC_URL, like https://air.example.com";
const FOR_ONE = "The link that is good for ten minutes asks for no sign-in: whoever has it has the file.";
const FOR_ALL = "The link that is good for ten minutes asks for no sign-in: everybody who reads this here can open it.";

/** Twice, for the length: the signer gives 64 bits. */
const macOf = (air: Air, what: string, until: string) => air.sign(`file:1:${until}:${what}`) + air.sign(`file:2:${until}:${what}`);

async function serve(air: Air, request: Request, response: Response): Promise<void> {
  response.set({ "cache-control": "no-store", "x-content-type-options": "nosniff", "referrer-policy": "no-referrer" });
  const { what: coded = "", until = "", mac = "" } = request.params as Record<string, string>;
  const what = Buffer.from(coded, "base64url").toString("utf8");
  const expected = Buffer.from(macOf(air, what, until));
  const given = Buffer.from(mac);
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) throw new Refusal("not-found", "There is no such file.");
  if (!/^\d{1,15}$/.test(until) || Number(until) <= air.clock.now().getTime())
    throw new Refusal("expired", "This link was good for ten minutes. Ask air again for a new one.");
  const [, kind, object = ""] = /^(picture|list):([\s\S]+)$/.exec(what) ?? [];
  const about: Card = {
    title: "",
    tone: "neutral",
    summary: "",
    lines: [],
    buttons: [],
    ...(kind === "picture" ? { picture: object } : { download: object }),
  };
  const file = await attachmentOf(air, about);
  if (!file) throw new Refusal("not-found", "There is nothing to show any more.");
  const name = file.name.replaceAll(/[^\w.-]+/g, "-");
  response
    .type(name.endsWith(".png") ? "image/png" : "text/csv")
    .set("content-disposition", `attachment; filename="${name}"`)
    .send(Buffer.from(file.content));
}
