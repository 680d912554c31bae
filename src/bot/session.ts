import { createHash, createHmac, randomBytes } from "node:crypto";
import { type Request, Router } from "express";
import type { Air } from "../engine/air.ts";
import type { Person } from "../engine/domain/approval.ts";
import { sameSecret } from "./access.ts";
import type { Config } from "./config.ts";
import type { People } from "./people.ts";

/** A sign-in lasts a working day; a link is good for ten minutes and once. */
const SESSION_MS = 12 * 3_600_000;
const LINK_MS = 10 * 60_000;
const COOKIE = "air_session";
/** Stands for the holder of AIR_API_TOKEN instead of a person's address. */
export const API_TOKEN = "AIR_API_TOKEN";

type Links = {
  add: (digest: string, person: string, expiresAt: Date) => Promise<void>;
  use: (digest: string, now: Date) => Promise<string | undefined>;
};
export type Session = {
  who: (request: Request) => Promise<Person | undefined>;
  /** A path with a one-time code in it, for a person in `people` or for API_TOKEN. */
  newLink: (email: string) => Promise<string>;
  router: (console: Router) => Router;
};

const digest = (text: string) => createHash("sha256").update(text).digest("hex");

/** Sign-in to the console: a one-time link becomes a cookie that names a person; what they may do is looked up at every request. */
export function createSession(links: Links, air: Air, people: People, config: () => Config): Session {
  const key = air.sign("session-key");
  const mac = (text: string) =>
    createHmac("sha256", `${key}:${air.sign("session-mac")}`)
      .update(text)
      .digest("hex");
  const write = (email: string, until: number) => {
    const body = `${Buffer.from(email).toString("base64url")}.${until}`;
    return `${body}.${mac(body)}`;
  };
  const read = (cookie: string): string | undefined => {
    const [email = "", until = "", given = ""] = cookie.split(".");
    if (!/^\d{1,15}$/.test(until) || !sameSecret(mac(`${email}.${until}`), given)) return undefined;
    return Number(until) > air.clock.now().getTime() ? Buffer.from(email, "base64url").toString("utf8") : undefined;
  };
  return {
    async who(request) {
      const cookie = new RegExp(`(?:^|;\\s*)${COOKIE}=([^;]+)`).exec(request.headers.cookie ?? "")?.[1];
      const email = cookie === undefined ? undefined : read(cookie);
      if (email === API_TOKEN) return config().apiToken ? { ...people.apiToken(), via: "console" } : undefined;
      return email === undefined ? undefined : people.byEmail(email, "console");
    },
    async newLink(email) {
      const code = randomBytes(24).toString("base64url");
      await links.add(digest(code), email, new Date(air.clock.now().getTime() + LINK_MS));
      return `/console/login?code=${code}`;
    },
    router(console) {
      const router = Router();
      router.get("/console/login", async (request, response) => {
        const code = typeof request.query.code === "string" ? request.query.code.slice(0, 200) : "";
        response.set({ "cache-control": "no-store", "referrer-policy": "no-referrer" });
        const email = code ? await links.use(digest(code), air.clock.now()) : undefined;
        if (email === undefined) {
          response.status(401).type("text/plain").send("This sign-in link is unknown, used or too old. Ask for a new one: air console\n");
          return;
        }
        const until = air.clock.now().getTime() + SESSION_MS;
        const secure = config().publicUrl?.startsWith("https:") ?? false;
        response.cookie(COOKIE, write(email, until), { httpOnly: true, sameSite: "strict", secure, path: "/", maxAge: SESSION_MS });
        // Whoever comes from a chat comes from another site, and a strict cookie is not sent along a redirect from there: the page goes on itself.
        response
          .type("html")
          .send(
            '<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0; url=/"><title>Signed in</title><a href="/">Signed in. Go on to the console</a>',
          );
      });
      router.use(console);
      return router;
    },
  };
}
