/** What Slack accepts, as published (block-elements, composition-objects, views) or as met in the field where noted. */
export const SLACK_LIMITS = {
  blocks: 50,
  viewBlocks: 100,
  /** Undocumented: above 12-13 k characters over all blocks `msg_blocks_too_long` comes back; once seen at 11,341. */
  totalText: 11_300,
  topLevelText: 4_000,
  sectionText: 3_000,
  fields: 10,
  fieldText: 2_000,
  headerText: 150,
  contextElements: 10,
  contextText: 3_000,
  actionsElements: 25,
  blockId: 255,
  actionId: 255,
  buttonText: 75,
  buttonValue: 2_000,
  buttonUrl: 3_000,
  accessibilityLabel: 75,
  confirmTitle: 100,
  confirmText: 300,
  confirmButton: 30,
  richText: 3_000,
  imageAlt: 2_000,
  imageUrl: 3_000,
  inputLabel: 2_000,
  inputLength: 3_000,
  viewTitle: 24,
  /** Newer clients take longer values; old documentation says this. */
  optionText: 75,
  optionValue: 75,
  overflowOptions: 5,
  selectOptions: 100,
  checkboxes: 10,
  privateMetadata: 3_000,
  callbackId: 255,
} as const;

/** What we allow ourselves: below the published limits, because the total is undocumented and a phone has to show it. */
export const SLACK_BUDGET = {
  blocks: 40,
  totalText: 10_000,
  topLevelText: 3_000,
  sectionText: 2_800,
  headerText: 140,
  /** Slack shows about 30 characters of a button; the full label goes into its accessibility label. */
  buttonText: 24,
  buttons: 10,
  fieldText: 600,
  listItem: 600,
  note: 1_000,
  /** People and groups one card mentions. */
  mentions: 20,
} as const;
