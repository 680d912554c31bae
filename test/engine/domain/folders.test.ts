import { describe, expect, test } from "vitest";
import { folderOf, plainPath } from "../../../src/engine/domain/folders.ts";
import fc from "../../support/fast-check.ts";

const kindOf = (path: string | undefined) => folderOf(path)?.kind;

describe("which folder a path is in", () => {
  test.each<[string | undefined, ReturnType<typeof kindOf>]>([
    ["C:\\Windows\\System32\\evil.exe", "core"],
    ["c:\\windows", "core"],
    ["D:\\WINDOWS\\evil.exe", "core"],
    ["C:/Program Files/a/b.exe", "core"],
    ["C:\\Program Files (x86)\\a.exe", "core"],
    ["/usr/bin/evil", "core"],
    ["/Applications/evil.app", "core"],
    ["C:\\WINDOWS\\Temp\\a.exe", "temp"],
    ["C:\\Users\\mia\\AppData\\Local\\Temp\\evil.exe", "temp"],
    ["C:\\Users\\mia\\AppData\\Local\\Temp\\7z01\\deep\\evil.exe", "temp"],
    ["C:\\Users\\mia\\Downloads\\invoice.pdf.exe", "temp"],
    ["C:\\Documents and Settings\\mia\\Local Settings\\Temp\\a.exe", "temp"],
    ["C:\\Documents and Settings\\mia\\Local Settings\\Temporary\\a.exe", "temp"],
    ["C:\\Users\\mia\\Documents\\a.exe", "other"],
    ["C:\\WindowsOld\\a.exe", "other"],
    ["D:\\work\\evil.exe", "other"],
    ["", undefined],
    ["  ", undefined],
    [undefined, undefined],
    // Other ways to write a core folder.
    ["\\\\?\\C:\\Windows\\evil.exe", "core"],
    ["\\\\.\\C:\\Windows\\evil.exe", "core"],
    ["\\??\\C:\\Windows\\evil.exe", "core"],
    ["\\Device\\HarddiskVolume3\\Windows\\evil.exe", "core"],
    ["\\\\?\\GLOBALROOT\\Device\\HarddiskVolume3\\Windows\\evil.exe", "core"],
    ["\\\\?\\Volume{01234567-89ab-cdef-0123-456789abcdef}\\Windows\\evil.exe", "core"],
    ["\\SystemRoot\\System32\\drivers\\evil.sys", "core"],
    ["%SystemRoot%\\evil.exe", "core"],
    ["%windir%\\evil.exe", "core"],
    ["%ProgramFiles(x86)%\\evil.exe", "core"],
    ["C:\\Users\\mia\\Downloads\\..\\..\\..\\Windows\\evil.exe", "core"],
    ["C:\\Users\\mia\\Downloads\\..\\..\\..\\..\\..\\Windows\\evil.exe", "core"],
    ["C:\\Windows\\Temp\\..\\System32\\evil.exe", "core"],
    ["C:\\\\Windows\\.\\\\System32\\evil.exe", "core"],
    ["C:\\Windows:evil.exe", "core"],
    ["C:\\Windows\\System32\\notes.txt:evil.exe", "core"],
    // A stream lies where its file lies.
    ["C:\\Users\\mia\\Downloads\\notes.txt:evil.exe", "temp"],
    ["C:\\Users\\mia\\Downloads\\a.txt::$DATA", "temp"],
    // A short name of a person is still that person's folder; anywhere else nobody knows what it is short for.
    ["C:\\Users\\MIAMUS~1\\AppData\\Local\\Temp\\evil.exe", "temp"],
    ["C:\\PROGRA~1\\evil.exe", "unclear"],
    ["C:\\WINDOW~1\\System32\\evil.exe", "unclear"],
    ["C:\\Users\\mia\\DOWNLO~1\\evil.exe", "unclear"],
    // What leaves open where it leads.
    ["\\\\srv\\share\\evil.exe", "unclear"],
    ["\\\\localhost\\c$\\Windows\\evil.exe", "unclear"],
    ["//srv/c$/windows/evil.exe", "unclear"],
    ["\\\\?\\UNC\\srv\\share\\evil.exe", "unclear"],
    ["\\Device\\Mup\\srv\\share\\evil.exe", "unclear"],
    ["\\\\?\\C:\\Users\\mia\\Downloads\\..\\..\\..\\Windows\\evil.exe", "unclear"],
    ["C:\\Windows::$INDEX_ALLOCATION\\System32\\evil.exe", "unclear"],
    ["C:\\Windows.\\System32\\evil.exe", "unclear"],
    ["C:\\Windows \\System32\\evil.exe", "unclear"],
    ["C:evil.exe", "unclear"],
    ["evil.exe", "unclear"],
    ["..\\..\\Windows\\evil.exe", "unclear"],
    ["%TEMP%\\evil.exe", "unclear"],
    ["C:\\Users\\%USERNAME%\\Downloads\\evil.exe", "unclear"],
    ["C:\\Users\\mia\\Down*\\evil.exe", "unclear"],
    ["C:\\Users\\mia\\Downloads\u0000\\..\\evil.exe", "unclear"],
    [`C:\\Users\\mia\\Downloads\\${"a".repeat(40_000)}`, "unclear"],
  ])("%s is %s", (path, kind) => expect(kindOf(path)).toBe(kind));
});

const CORE = ["C:\\Windows\\System32\\evil.exe", "C:\\Program Files\\a\\evil.exe", "D:\\Program Files (x86)\\evil.exe"];

/** Every way we know to write the same path otherwise; each keeps what the file system would open. */
const DISGUISES: ((path: string) => string)[] = [
  (path) => path.replaceAll("\\", "/"),
  (path) => path.toUpperCase(),
  (path) => path.toLowerCase(),
  (path) => path.replace(/\\/g, "\\\\"),
  (path) => path.replace("\\", "\\.\\"),
  (path) => `\\\\?\\${path}`,
  (path) => `\\\\.\\${path}`,
  (path) => path.replace(/^.:/, "\\Device\\HarddiskVolume7"),
  (path) => path.replace(/^(.:)/, "$1\\Users\\mia\\Downloads\\..\\..\\.."),
  (path) => path.replace(/^(.:)/, "$1\\Windows\\Temp\\..\\.."),
  (path) => path.replace(/^(.:)/, "$1\\x\\..\\..\\..\\y\\.."),
  (path) => `${path}:stream`,
  (path) => `${path}::$DATA`,
  (path) => path.replace(/\\Windows/i, "\\Windows."),
  (path) => path.replace(/\\Program Files/i, "\\PROGRA~1"),
  (path) => path.replace(/^.:/, "\\\\localhost\\c$"),
  (path) => path.replace(/^.:\\Windows/i, "%SystemRoot%"),
  (path) => `  ${path}`,
];

test("however a core path is written, it never looks less core than it is", () => {
  fc.assert(
    fc.property(fc.constantFrom(...CORE), fc.array(fc.constantFrom(...DISGUISES), { maxLength: 4 }), (path, disguises) => {
      const written = disguises.reduce((text, disguise) => disguise(text), path);
      expect(["core", "unclear"]).toContain(kindOf(written));
    }),
    { numRuns: 2000 },
  );
});

test("any text gets an answer, and the same one when its plain form is read again", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: "binary" }),
        fc
          .array(fc.constantFrom("\\", "/", "..", ".", ":", "C:", "windows", "users", "~1", "?", "%", " ", "temp"))
          .map((parts) => parts.join("")),
      ),
      (text) => {
        const plain = plainPath(text);
        if ("path" in plain && plain.path !== "\\") expect(plainPath(plain.path)).toMatchObject({ path: plain.path });
        expect(() => folderOf(text)).not.toThrow();
      },
    ),
    { numRuns: 2000 },
  );
});
