/**
 * The ways air refuses. Each edge translates the code once: HTTP to a status, chat to a private reply,
 * the worker to "try again" or "stop".
 */
export type RefusalCode = "not-found" | "already-decided" | "changed" | "forbidden" | "invalid" | "expired" | "paused" | "unavailable";

export class Refusal extends Error {
  readonly code: RefusalCode;
  /** The field of the caller's input at fault, as a path (`alerts[3].severity`). */
  readonly field: string | undefined;
  /** Facts the caller may show: who decided and when, the missing role. Never secrets. */
  readonly details: Readonly<Record<string, unknown>>;
  constructor(code: RefusalCode, message: string, more: { field?: string; details?: Record<string, unknown> } = {}) {
    super(message);
    this.name = "Refusal";
    this.code = code;
    this.field = more.field;
    this.details = more.details ?? {};
  }
}
