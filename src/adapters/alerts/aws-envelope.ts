import { Refusal } from "../../engine/domain/errors.ts";
import { parseExact } from "../../engine/domain/exact-json.ts";
import { fieldPath } from "./field-path.ts";
import { isObject } from "./json.ts";
import { sanitize } from "./sanitize.ts";
import type { Part } from "./source.ts";

/*
 * What AWS puts around an event: an SNS notification holds it as text in `Message` (docs.aws.amazon.com/sns/latest/dg/
 * sns-message-and-json-formats.html), a Lambda or queue in front of air has `Records` of such notifications. What is inside may be one
 * event or a reply with a list of findings.
 */
const MAX_TEXT = 2_000_000;

/** Everything inside, unwrapped; `lists` are the names under which a list of findings stands. */
export function awsParts(payload: unknown, lists: readonly string[]): Part[] | undefined {
  if (!isObject(payload)) return undefined;
  if (Array.isArray(payload.Records)) {
    return payload.Records.flatMap((record, index): Part[] => {
      const path = ["Records", index];
      if (isObject(record) && isObject(record.Sns)) return notification(record.Sns, [...path, "Sns"], lists);
      if (isObject(record) && typeof record.body === "string")
        return inside(parsed(record.body, [...path, "body"]), [...path, "body"], lists);
      return [{ payload: record, path }];
    });
  }
  if (typeof payload.Type === "string" && ("TopicArn" in payload || "Message" in payload)) return notification(payload, [], lists);
  const found = inside(payload, [], lists);
  return found.length === 1 && found[0]?.payload === payload ? undefined : found;
}

function notification(sns: Record<string, unknown>, path: readonly PropertyKey[], lists: readonly string[]): Part[] {
  if (typeof sns.Type === "string" && sns.Type !== "Notification") {
    throw new Refusal("invalid", "must be Notification: confirm the subscription in AWS; air opens no address that somebody sent", {
      field: fieldPath([...path, "Type"]),
    });
  }
  const where = [...path, "Message"];
  return inside(parsed(sns.Message, where), where, lists);
}

function parsed(said: unknown, path: readonly PropertyKey[]): unknown {
  const wrong = (message: string) => new Refusal("invalid", message, { field: fieldPath(path) });
  if (typeof said !== "string") throw wrong(said === undefined ? "is required" : "must be text");
  if (said.length > MAX_TEXT) throw wrong(`at most ${MAX_TEXT} characters`);
  try {
    return sanitize(parseExact(said));
  } catch (error) {
    if (error instanceof Refusal)
      throw new Refusal("invalid", error.message, { field: [fieldPath(path), error.field].filter(Boolean).join(".") });
    throw wrong("must hold JSON: leave out the input transformer, so that the whole event is sent");
  }
}

function inside(payload: unknown, path: readonly PropertyKey[], lists: readonly string[]): Part[] {
  if (Array.isArray(payload)) return payload.flatMap((one, index) => inside(one, [...path, index], lists));
  if (!isObject(payload)) return [{ payload, path }];
  // A queue that hangs on a topic hands on the notification as it is.
  if (payload.Type === "Notification" && typeof payload.Message === "string") return notification(payload, path, lists);
  for (const name of lists) {
    if (Array.isArray(payload[name])) return payload[name].map((one, index) => ({ payload: one, path: [...path, name, index] }));
    const { detail } = payload;
    if (isObject(detail) && Array.isArray(detail[name]))
      return detail[name].map((one, index) => ({ payload: one, path: [...path, "detail", name, index] }));
  }
  return [{ payload, path }];
}
