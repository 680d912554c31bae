import { defineAnalyzer } from "./analyzer.ts";
import { askReputation } from "./ask-reputation.ts";

export const fileReputation = defineAnalyzer({
  name: "file-reputation",
  about: "Asks every connected source what it knows of the file's hash.",
  kinds: ["file"],
  // Reputation is looked up by hash: a name says nothing about what is inside.
  looks: (file, capabilities) => (file.sha256 || file.sha1 || file.md5 ? askReputation("file-reputation", file, capabilities) : []),
});
