/**
 * Text in lines of a given width. The fonts a picture is drawn with are not known here, so widths are guessed from the widest of them
 * (DejaVu Sans, bold): a line may end early, and does not stick out.
 */
export function wrap(text: string, width: number, size: number, most: number): string[] {
  const lines: string[] = [];
  let rest = text.trim();
  while (rest !== "" && lines.length < most - 1) {
    const fitting = fits(rest, width, size);
    if (fitting.length === rest.length) break;
    const at = breakOf(rest, fitting, width, size);
    lines.push(rest.slice(0, at).trimEnd());
    rest = rest.slice(at).trimStart();
  }
  return rest === "" ? lines : [...lines, cutText(rest, width, size)];
}

/** Cut between code points so that it fits, saying that it was cut. */
export function cutText(text: string, width: number, size: number): string {
  const whole = fits(text, width, size);
  return whole.length === text.length ? text : `${fits(text, width - size, size).trimEnd()}…`;
}

/** Before a word that has room on a line of its own; a path or an address after one of its parts, and never inside `[.]`. */
function breakOf(text: string, fitting: string, width: number, size: number): number {
  if (/\s/.test(text.charAt(fitting.length))) return fitting.length;
  const space = fitting.search(/\s\S*$/);
  const word = /^\S*/.exec(text.slice(space + 1))?.[0] ?? "";
  if (space > 0 && (space > fitting.length / 2 || fits(word, width, size) === word)) return space;
  const part = /^.*(?:\[\.\]|[\\/@_-]|(?<!\[)\.)/s.exec(fitting)?.[0].length ?? 0;
  return part > fitting.length / 2 ? part : fitting.length;
}

function fits(text: string, width: number, size: number): string {
  let used = 0;
  let end = 0;
  for (const point of text) {
    used += wide(point) * size;
    if (used > width && end > 0) break;
    end += point.length;
  }
  return text.slice(0, end);
}

/** In ems. */
function wide(point: string): number {
  if (/[iljI.,:;|!'`[\]() ]/.test(point)) return 0.42;
  if (/[mwMW@%]/.test(point)) return 1.05;
  if (/[a-z0-9/\\_-]/.test(point)) return 0.68;
  if (/\p{M}/u.test(point)) return 0.1;
  return point.charCodeAt(0) < 0x1100 ? 0.8 : 1.1;
}
