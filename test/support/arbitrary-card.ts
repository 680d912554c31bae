import type { Button, Card, Line, Span, Text } from "../../src/engine/cards/card.ts";
import fc from "./fast-check.ts";

/** Any card, hostile ones first: markup, mentions, half characters, direction overrides, very long texts, many of everything. */
const nasty = fc.constantFrom(
  "<!channel>",
  "@here",
  "*bold* _it_ `code`",
  "<https://evil.example|Reset your password>",
  "[click](https://evil.example)",
  "&amp;<&>",
  ":skull:",
  "\u202Egpj.exe",
  "\ud800",
  "a\udc00b",
  "👩‍👩‍👧".repeat(400),
  "x".repeat(9000),
  "<".repeat(4000),
  "\n\n",
  "   ",
  "",
  "```",
  "\u0000\u0007",
  "{{DATE(2026-11-14T22:13:20Z, SHORT)}}",
  "<script>alert(1)</script>",
  "<at>Everyone</at>",
  "\\_*\\",
  "1. list",
  "> quote",
  "é".repeat(700),
);
const word = fc.oneof(
  { weight: 3, arbitrary: nasty },
  { weight: 3, arbitrary: fc.string({ unit: "binary", maxLength: 80 }) },
  fc.lorem({ maxCount: 12 }),
);
const span: fc.Arbitrary<Span> = fc.oneof(
  word.map((text) => ({ text })),
  fc.record({ text: word, style: fc.constantFrom("bold" as const, "code" as const) }),
);
const text: fc.Arbitrary<Text> = fc.oneof(word, fc.array(span, { maxLength: 6 }));
const tone = fc.constantFrom("neutral" as const, "info" as const, "good" as const, "warning" as const, "bad" as const);
const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });

/** Leaves out what is undefined, as exact optional properties want it. */
const dense = <T extends object>(value: T) =>
  Object.fromEntries(Object.entries(value).filter(([, child]) => child !== undefined)) as unknown;

const line: fc.Arbitrary<Line> = fc.oneof(
  fc.record({ kind: fc.constant("text" as const), text }),
  fc.record({ kind: fc.constant("facts" as const), facts: fc.array(fc.tuple(word, text), { maxLength: 25 }) }),
  fc
    .record({
      kind: fc.constant("list" as const),
      title: optional(word),
      items: fc.array(fc.record({ mark: optional(word), tone: optional(tone), text }), { maxLength: 60 }),
    })
    .map((list) => dense({ ...list, items: list.items.map(dense) }) as Line),
  fc.record({ kind: fc.constant("code" as const), text: word }),
  fc.record({ kind: fc.constant("note" as const), text }),
  fc.constant({ kind: "divider" as const }),
  fc.record({
    kind: fc.constant("mention" as const),
    who: fc.array(
      fc.record({
        kind: fc.constantFrom("person" as const, "group" as const),
        name: word,
        on: fc.constantFrom({}, { slack: "U0MIA", teams: "8f1c-mia" }, { slack: "S0SOC" }, { slack: "<!channel>", teams: "</at>" }),
      }),
      { maxLength: 30 },
    ),
  }),
);
const button: fc.Arbitrary<Button> = fc
  .record({
    label: word,
    style: fc.constantFrom("primary" as const, "danger" as const, "plain" as const),
    value: optional(fc.oneof(fc.constant("ACT-1.3f9c2a7b.approve.5d1c0b9a8e7f6a5b"), word)),
    url: optional(fc.oneof(fc.constant("https://air.example.com/INC-42"), word)),
    confirm: optional(fc.record({ title: word, text: word, yes: word })),
    input: optional(fc.record({ label: word, required: fc.boolean() })),
  })
  .map((made) => dense(made) as Button);

export const arbitraryCard: fc.Arbitrary<Card> = fc
  .record({
    title: word,
    tone,
    badge: optional(word),
    summary: word,
    lines: fc.array(line, { maxLength: 60 }),
    buttons: fc.array(button, { maxLength: 40 }),
  })
  .map((made) => dense(made) as Card);
