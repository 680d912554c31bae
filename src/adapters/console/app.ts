import { once } from "node:events";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import express, { type NextFunction, type Request, type Response, Router } from "express";
import { z } from "zod";
import type { Log } from "../../engine/ports.ts";
import { type ConsoleAccess, type ConsoleData, type ConsolePerson, PERSONA_COOKIE } from "./console.ts";
import { renderCard } from "./html.ts";
import { renderLive, renderPage, renderSignIn } from "./page.ts";
import { renderActions } from "./page-actions.ts";
import { isSameOrigin } from "./same-origin.ts";

const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const STATIC = [
  ["/console/app.js", "text/javascript", new URL("app.js", import.meta.url).href],
  ["/console/style.css", "text/css", new URL("style.css", import.meta.url).href],
  ["/console/idiomorph.js", "text/javascript", import.meta.resolve("idiomorph")],
] as const;

/** A proxy or laptop lid closes a silent stream; a comment now and then keeps it. */
const PING_MS = 20_000;
/** Streams open at once: enough for a SOC, too few to hurt. */
const STREAMS = 200;

/** `stop` ends the open event streams, so that a server's close does not wait for them. */
export function consoleRoutes(data: ConsoleData, access: ConsoleAccess, log: Log): { router: Router; stop(): void } {
  const router = Router();
  const streams = new Set<Response>();
  // Several notes stand on a page at once, and an element's id is there once.
  let notes = 0;
  const noteId = (): string => {
    notes += 1;
    return `note-${notes}`;
  };

  router.use(["/console", /^\/$/], (_request, response, next) => {
    response.set({
      "content-security-policy": CSP,
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
      "cross-origin-opener-policy": "same-origin",
      "cross-origin-resource-policy": "same-origin",
      "cache-control": "no-store",
    });
    next();
  });

  for (const [path, type, file] of STATIC) {
    const content = readFileSync(fileURLToPath(file));
    router.get(path, (_request, response) => void response.set("cache-control", "no-cache").type(type).send(content));
  }

  router.get(
    "/",
    signedIn(async (person, _request, response) => void response.type("html").send(renderPage(await data.overview(person)))),
  );
  router.get(
    "/console/feed",
    signedIn(async (person, _request, response) => void response.type("html").send(renderLive(await data.overview(person)))),
  );

  router.get(
    "/console/actions",
    signedIn(
      async (person, request, response) => void response.type("html").send(renderActions(await data.actions(queryOf(request), person))),
    ),
  );
  router.get(
    "/console/export/:what",
    signedIn(async (person, request, response) => {
      const what = String(request.params.what);
      const parts = await data.download(what, queryOf(request), person);
      if ("problem" in parts) return problem(response, 400, parts.problem);
      response.type("text/csv").set("content-disposition", `attachment; filename="air-${what.replace(/[^a-z]/g, "")}.csv"`);
      for await (const part of parts) {
        if (response.destroyed) return;
        if (!response.write(part)) await Promise.race([once(response, "drain"), once(response, "close")]);
      }
      response.end();
    }),
  );

  router.get(
    "/console/graph/:id.png",
    signedIn(async (person, request, response) => {
      const png = await data.graph(String(request.params.id), person);
      if (!Buffer.isBuffer(png)) return problem(response, 404, png.problem);
      response.type("png").set("cache-control", "no-store").send(png);
    }),
  );

  router.get(
    "/console/events",
    signedIn(async (_person, request, response) => {
      if (streams.size >= STREAMS) return void response.status(503).set("retry-after", "5").end();
      response.set({ "content-type": "text/event-stream", "x-accel-buffering": "no" });
      response.flushHeaders();
      response.write("retry: 2000\n\n");
      streams.add(response);
      // Only a number: what changed is fetched with the rights of whoever asks.
      const forget = data.onChange((change) => void response.write(`data: ${change}\n\n`));
      const ping = setInterval(() => response.write(": ping\n\n"), PING_MS);
      const end = () => {
        clearInterval(ping);
        forget();
        streams.delete(response);
      };
      request.once("close", end);
      response.once("close", end);
    }),
  );

  change(
    "/console/press",
    z.object({ value: z.string().min(1).max(2000), typed: z.string().max(2000).optional() }),
    async ({ value, typed }, person) => {
      const note = await data.press(value, person, typed);
      return note === undefined ? {} : { html: renderCard(note, noteId()) };
    },
  );
  change("/console/say", z.object({ text: z.string().max(500) }), async ({ text }, person) => ({
    html: renderCard(await data.say(text, person), "answer"),
  }));
  change("/console/lab", z.object({ story: z.string().min(1).max(100) }), async ({ story }, person) => ({
    html: renderCard(await data.playStory(story, person), noteId()),
  }));
  change("/console/persona", z.object({ persona: z.string().min(1).max(200) }), async ({ persona }, person, response) => {
    const known = (await data.overview(person)).personas ?? [];
    if (!known.some((one) => one.id === persona)) return undefined;
    response.cookie(PERSONA_COOKIE, persona, { httpOnly: true, sameSite: "strict", path: "/" });
    return {};
  });

  /** One state change: from our own page, as JSON, by a known person. */
  function change<T>(
    path: string,
    schema: z.ZodType<T>,
    run: (input: T, person: ConsolePerson, response: Response) => Promise<object | undefined>,
  ): void {
    router.post(
      path,
      (request, response, next) => {
        if (!isSameOrigin(request)) return void problem(response, 403, "This came from another page and was refused.");
        if (!request.is("application/json")) return void problem(response, 415, "Send JSON.");
        next();
      },
      express.json({ limit: "16kb" }),
      signedIn(async (person, request, response) => {
        const input = schema.safeParse(request.body);
        const answer = input.success ? await run(input.data, person, response) : undefined;
        if (answer === undefined) problem(response, 400, "air did not understand this. Reload the page.");
        else response.json(answer);
      }),
    );
  }

  function signedIn(run: (person: ConsolePerson, request: Request, response: Response) => Promise<void>) {
    return async (request: Request, response: Response): Promise<void> => {
      const person = await access.who(request);
      if (person !== undefined) return run(person, request, response);
      response.status(401);
      if (request.method === "GET" && ["/", "/console/actions"].includes(request.path)) response.type("html").send(renderSignIn());
      else problem(response, 401, "Ask for a sign-in link: air console");
    };
  }

  router.use(["/console", /^\/$/], (error: unknown, request: Request, response: Response, next: NextFunction) => {
    if (response.headersSent) return next(error);
    const status = z.object({ status: z.number().int().min(400).max(499) }).safeParse(error);
    if (status.success) return void problem(response, status.data.status, "air could not read this request.");
    log.error("the console failed", { path: request.path, error: error instanceof Error ? error.message : String(error) });
    problem(response, 500, "This did not work. Nothing was changed; try again in a moment.");
  });

  return {
    router,
    stop() {
      for (const stream of streams) stream.end();
    },
  };
}

/** A form sends its empty fields too: they filter nothing. */
const queryOf = (request: Request): Map<string, string> =>
  new Map(
    Object.entries(request.query).filter((entry): entry is [string, string] => typeof entry[1] === "string" && entry[1].trim() !== ""),
  );

function problem(response: Response, status: number, message: string): void {
  response.status(status).json({ error: { code: String(status), message } });
}
