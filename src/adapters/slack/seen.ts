/** The last ids seen, so that what Slack sends twice is answered once. Small: repeats come within five minutes. */
export function createSeen(most: number): (id: string) => boolean {
  const ids = new Set<string>();
  return (id) => {
    if (ids.has(id)) return true;
    ids.add(id);
    for (const oldest of ids) {
      if (ids.size <= most) break;
      ids.delete(oldest);
    }
    return false;
  };
}
