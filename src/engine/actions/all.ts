import type { ActionKindName } from "../domain/action.ts";
import type { ActionKind } from "./action-kind.ts";
import { allowIndicator } from "./allow-indicator.ts";
import { blockIndicator } from "./block-indicator.ts";
import { disableUser } from "./disable-user.ts";
import { enableUser } from "./enable-user.ts";
import { expandInvestigation } from "./expand-investigation.ts";
import { isolateDevice } from "./isolate-device.ts";
import { quarantineFile } from "./quarantine-file.ts";
import { releaseDevice } from "./release-device.ts";
import { restoreFile } from "./restore-file.ts";
import { restoreMail } from "./restore-mail.ts";
import { revokeSessions } from "./revoke-sessions.ts";
import { softDeleteMail } from "./soft-delete-mail.ts";
import { unblockIndicator } from "./unblock-indicator.ts";

/** Every action air can carry out; the compiler says which kind has no file. */
export const actionKinds: Readonly<Record<ActionKindName, ActionKind>> = {
  "isolate-device": isolateDevice,
  "release-device": releaseDevice,
  "quarantine-file": quarantineFile,
  "restore-file": restoreFile,
  "soft-delete-mail": softDeleteMail,
  "restore-mail": restoreMail,
  "disable-user": disableUser,
  "enable-user": enableUser,
  "revoke-sessions": revokeSessions,
  "block-indicator": blockIndicator,
  "unblock-indicator": unblockIndicator,
  "allow-indicator": allowIndicator,
  "expand-investigation": expandInvestigation,
};
