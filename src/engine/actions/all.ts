import type { ActionKindName } from "../domain/action.ts";
import type { ActionKind } from "./action-kind.ts";
import { allowIndicator } from "./allow-indicator.ts";
import { blockIndicator } from "./block-indicator.ts";
import { blockSender } from "./block-sender.ts";
import { collectPackage } from "./collect-package.ts";
import { confirmCompromised } from "./confirm-compromised.ts";
import { disableAccessKey } from "./disable-access-key.ts";
import { disableApp } from "./disable-app.ts";
import { disableDriver } from "./disable-driver.ts";
import { disableUser } from "./disable-user.ts";
import { dismissRisk } from "./dismiss-risk.ts";
import { enableAccessKey } from "./enable-access-key.ts";
import { enableApp } from "./enable-app.ts";
import { enableUser } from "./enable-user.ts";
import { expandInvestigation } from "./expand-investigation.ts";
import { forcePasswordReset } from "./force-password-reset.ts";
import { hardDeleteMail } from "./hard-delete-mail.ts";
import { isolateDevice } from "./isolate-device.ts";
import { killProcess } from "./kill-process.ts";
import { moveToJunk } from "./move-to-junk.ts";
import { offboardDevice } from "./offboard-device.ts";
import { quarantineFile } from "./quarantine-file.ts";
import { releaseDevice } from "./release-device.ts";
import { removeAppConsent } from "./remove-app-consent.ts";
import { removeDelegation } from "./remove-delegation.ts";
import { removeRegistryKey } from "./remove-registry-key.ts";
import { removeScheduledTask } from "./remove-scheduled-task.ts";
import { restoreAppConsent } from "./restore-app-consent.ts";
import { restoreFile } from "./restore-file.ts";
import { restoreForwarding } from "./restore-forwarding.ts";
import { restoreMail } from "./restore-mail.ts";
import { restrictExecution } from "./restrict-execution.ts";
import { revokeSessions } from "./revoke-sessions.ts";
import { scanDevice } from "./scan-device.ts";
import { softDeleteMail } from "./soft-delete-mail.ts";
import { stopService } from "./stop-service.ts";
import { turnOffForwarding } from "./turn-off-forwarding.ts";
import { unblockIndicator } from "./unblock-indicator.ts";
import { unrestrictExecution } from "./unrestrict-execution.ts";

/** Every action air can carry out or ask a person for; the compiler says which kind has no file. */
export const actionKinds: Readonly<Record<ActionKindName, ActionKind>> = {
  "isolate-device": isolateDevice,
  "release-device": releaseDevice,
  "restrict-execution": restrictExecution,
  "unrestrict-execution": unrestrictExecution,
  "scan-device": scanDevice,
  "collect-package": collectPackage,
  "offboard-device": offboardDevice,
  "quarantine-file": quarantineFile,
  "restore-file": restoreFile,
  "soft-delete-mail": softDeleteMail,
  "move-to-junk": moveToJunk,
  "hard-delete-mail": hardDeleteMail,
  "restore-mail": restoreMail,
  "turn-off-forwarding": turnOffForwarding,
  "restore-forwarding": restoreForwarding,
  "disable-user": disableUser,
  "enable-user": enableUser,
  "revoke-sessions": revokeSessions,
  "confirm-compromised": confirmCompromised,
  "dismiss-risk": dismissRisk,
  "force-password-reset": forcePasswordReset,
  "block-indicator": blockIndicator,
  "unblock-indicator": unblockIndicator,
  "allow-indicator": allowIndicator,
  "disable-app": disableApp,
  "enable-app": enableApp,
  "remove-app-consent": removeAppConsent,
  "restore-app-consent": restoreAppConsent,
  "disable-access-key": disableAccessKey,
  "enable-access-key": enableAccessKey,
  "expand-investigation": expandInvestigation,
  "kill-process": killProcess,
  "remove-registry-key": removeRegistryKey,
  "stop-service": stopService,
  "disable-driver": disableDriver,
  "remove-scheduled-task": removeScheduledTask,
  "remove-delegation": removeDelegation,
  "block-sender": blockSender,
};
