import { describe, expect, test } from "vitest";
import type { Entity } from "../../../src/engine/domain/entity.ts";
import { excludedBy } from "../../../src/engine/domain/exclusions.ts";

const exclude = {
  folders: ["\\builds\\out"],
  extensions: ["log"],
  names: ["agent.exe"],
  mailboxes: ["secops@contoso.com"],
  senders: ["training@phish.example", "sim.example"],
  urls: ["sim.example", "*.training.example", "portal.example/lesson"],
};
const file = (path: string, name?: string): Entity => ({ kind: "file", path, ...(name ? { name } : {}) });

describe("what is left alone", () => {
  test.each<[string, Entity, string | undefined]>([
    ["the folder", file("C:\\Builds\\out\\a.exe"), "folder \\builds\\out"],
    ["below it", file("D:/builds/OUT/x/a.exe"), "folder \\builds\\out"],
    ["a process from there", { kind: "process", path: "C:\\builds\\out\\a.exe" }, "folder \\builds\\out"],
    ["a folder that only begins alike", file("C:\\builds\\outside\\a.exe"), undefined],
    ["out of it again", file("C:\\builds\\out\\..\\..\\Windows\\a.exe"), undefined],
    ["on another computer", file("\\\\srv\\builds\\out\\a.exe"), undefined],
    ["by a short name", file("C:\\BUILDS~1\\out\\a.exe"), undefined],
    ["a short name below", file("C:\\builds\\out\\EVIL~1.EXE"), undefined],
    ["a stream", file("C:\\builds\\out\\a.txt:evil.exe"), undefined],
    ["an extension", file("C:\\x\\a.LOG"), "extension .log"],
    ["an extension by its name", { kind: "file", name: "a.log" }, "extension .log"],
    ["a stream behind the extension", file("C:\\x\\a.log:evil.exe"), undefined],
    ["a stream in the name", { kind: "file", name: "evil.exe:a.log" }, undefined],
    ["a dot behind it", { kind: "file", name: "a.log." }, undefined],
    ["a name", file("C:\\x\\Agent.exe"), "name agent.exe"],
    ["a name that holds a path", { kind: "file", name: "x\\agent.exe" }, undefined],
    ["only a hash", { kind: "file", sha256: "a".repeat(64) }, undefined],
    ["a mailbox", { kind: "mailbox", address: "SecOps@contoso.com" }, "a mailbox in mailboxes"],
    ["mail to it", { kind: "message", subject: "x", recipient: "secops@contoso.com" }, "a mailbox in mailboxes"],
    ["mail from a trainer", { kind: "message", subject: "x", sender: "Training@phish.example" }, "sender training@phish.example"],
    ["mail from a trainer's domain", { kind: "message", subject: "x", sender: "hr@sim.example" }, "sender sim.example"],
    [
      "a From header of a trainer on somebody else's mail",
      { kind: "message", subject: "x", sender: "training@phish.example", envelopeSender: "x@evil.example" },
      undefined,
    ],
    [
      "a trainer's mail by its envelope too",
      { kind: "message", subject: "x", sender: "training@phish.example", envelopeSender: "bounce@sim.example" },
      "sender training@phish.example",
    ],
    ["a domain that only ends alike", { kind: "message", subject: "x", sender: "hr@notsim.example" }, undefined],
    ["somebody else there", { kind: "message", subject: "x", sender: "hr@phish.example" }, undefined],
    ["a link", { kind: "url", url: "https://sim.example/a?b=c" }, "link sim.example"],
    ["a link of a subdomain", { kind: "url", url: "https://a.training.example/" }, "link *.training.example"],
    ["a lesson", { kind: "url", url: "https://portal.example/lesson/3" }, "link portal.example/lesson"],
    ["not a lesson", { kind: "url", url: "https://portal.example/lesson-evil" }, undefined],
    ["out of the lesson", { kind: "url", url: "https://portal.example/lesson/../evil" }, undefined],
    ["the host as a user", { kind: "url", url: "https://sim.example@evil.example/" }, undefined],
    ["the host in a path", { kind: "url", url: "https://evil.example/sim.example" }, undefined],
    ["a device", { kind: "device", name: "WS-1" }, undefined],
  ])("%s", (_, entity, because) =>
    expect(excludedBy(entity, exclude)?.because).toBe(because === undefined ? undefined : `excluded by air.yaml: ${because}`),
  );

  test("mail of a simulation is not even looked at; a file is judged and left alone", () => {
    expect(excludedBy({ kind: "mailbox", address: "secops@contoso.com" }, exclude)?.unseen).toBe(true);
    expect(excludedBy(file("C:\\builds\\out\\a.exe"), exclude)?.unseen).toBe(false);
  });
});
