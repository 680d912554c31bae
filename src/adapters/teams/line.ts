/** Long enough that what has arrived is read, and as often as more arrives, up to a limit. */
const BREATH_MS = 10;
const MOST_BREATHS = 10;

/**
 * Lets at most so many be worked on at once, with a breath between their beginnings. The embedded database answers without leaving the turn
 * of the event loop it was asked in, and a server takes one new connection in a turn: without this, forty presses that arrive together
 * would be worked on one by one before the next is even read, and before any clock could cut one short.
 */
export function createLine(most: number): <T>(work: () => Promise<T>) => Promise<T> {
  const waiting: (() => Promise<void>)[] = [];
  let working = 0;
  let coming = false;

  function comeBack(breaths = 0): void {
    if (coming || working >= most || waiting.length === 0) return;
    coming = true;
    const before = waiting.length;
    setTimeout(() => {
      coming = false;
      if (waiting.length > before && breaths < MOST_BREATHS) comeBack(breaths + 1);
      else begin();
    }, BREATH_MS);
  }

  function begin(): void {
    const next = waiting.shift();
    if (next === undefined) return;
    working += 1;
    void next().finally(() => {
      working -= 1;
      comeBack();
    });
    comeBack();
  }

  return (work) =>
    new Promise((resolve, reject) => {
      waiting.push(() => work().then(resolve, reject));
      comeBack();
    });
}
