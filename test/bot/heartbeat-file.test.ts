import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { heartbeatWriter, readHeartbeat } from "../../src/bot/heartbeat-file.ts";
import { rememberingLog } from "../support/remembering-log.ts";

let folder: string;
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "air-heartbeat-"));
});
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

const at = new Date("2026-10-05T09:00:00.000Z");

test("what was written is read again, for nobody else to read, and nothing is left beside it", () => {
  const data = path.join(folder, "data");
  expect(readHeartbeat(data)).toBeUndefined();
  const write = heartbeatWriter(data, rememberingLog());
  write(undefined);
  expect(readHeartbeat(data)).toBeUndefined();
  write(at);
  expect(readHeartbeat(data)).toEqual(at);
  expect(fs.readdirSync(data)).toEqual(["heartbeat"]);
  expect(fs.statSync(path.join(data, "heartbeat")).mode & 0o077).toBe(0);
});

test("a spoilt file is none, and a directory that is none stops nothing", () => {
  fs.writeFileSync(path.join(folder, "heartbeat"), "yesterday\n");
  expect(readHeartbeat(folder)).toBeUndefined();
  const file = path.join(folder, "file");
  fs.writeFileSync(file, "");
  expect(() => heartbeatWriter(file, rememberingLog())(at)).not.toThrow();
});
