/** What Teams takes: about 100 KB per message as UTF-16; cards up to 25 KB travel by every way. Six buttons show, the rest is lost. */
export const TEAMS_LIMITS = {
  cardBytes: 25_000,
  actionsPerSet: 6,
  title: 200,
  run: 2_800,
  fact: 600,
  listItem: 600,
  label: 60,
  buttons: 12,
  /** What one button says when it is pressed, and all of a card: a decision about many is long, and the card has to hold the rest, too. */
  carried: 1_950,
  carriedByAll: 9_000,
  /** People one card mentions. */
  mentions: 20,
} as const;
