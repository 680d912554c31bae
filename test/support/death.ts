/** At which of its calls a process dies: before the call has any effect, or when it has taken effect and nobody hears of it. */
export type Death = { at: number; moment: "before" | "after" };

/** What a dead process meets at whatever it reaches for. */
export class Killed extends Error {}
