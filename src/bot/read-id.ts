export type Id = { kind: "incident" | "investigation" | "action" | "alert" | "evidence"; id: number };

const PREFIX: Record<string, Id["kind"]> = { inc: "incident", inv: "investigation", act: "action", alt: "alert", evd: "evidence" };

/** `PAGE-7`: what somebody was told, about air itself or whatever it is. */
export function readPageId(text: string): number | undefined {
  const [, id] = /^page-?(\d{1,9})$/i.exec(text.trim()) ?? [];
  return id === undefined ? undefined : Number(id);
}

/** `INV-42`, `inv42`, `INC-42`, or a bare `42` (an investigation). */
export function readId(text: string): Id | undefined {
  const match = /^(?:(inc|inv|act|alt|evd)-?)?(\d{1,9})$/i.exec(text.trim());
  if (!match) return undefined;
  return { kind: PREFIX[match[1]?.toLowerCase() ?? "inv"] ?? "investigation", id: Number(match[2]) };
}
