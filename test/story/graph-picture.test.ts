import { expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { openAir } from "../support/running-air.ts";

test("every story's investigation has a picture, for a viewer, by HTTP and in the console", { timeout: 180_000 }, async () => {
  await using air = await open();
  for (const story of ["phishing", "ransomware", "token-theft", "noise"]) {
    const [incident] = (await air.post(`/v1/lab/${story}`, {})).as<{ incidents: string[] }>().incidents;
    const id = await eventually(
      async () => (await air.ask(`/v1/incidents/${incident}`)).as<{ investigations: string[] }>().investigations.at(-1),
      `${story} is investigated`,
    );
    const answer = await fetch(`${air.url}/v1/investigations/${id}/graph.png`);
    expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "image/png"]);
    const png = Buffer.from(await answer.arrayBuffer());
    expect(png.subarray(1, 4).toString()).toBe("PNG");
    expect(png.readUInt32BE(16)).toBeLessThanOrEqual(1250);
    expect((await fetch(`${air.url}/console/graph/${id}.png`)).status).toBe(200);
  }
  for (const [path, status] of [
    ["/v1/investigations/INV-99999/graph.png", 404],
    ["/console/graph/INV-99999.png", 404],
    ["/console/graph/ACT-1.png", 404],
  ] as const)
    expect([path, (await fetch(air.url + path)).status]).toEqual([path, status]);
});

async function open() {
  const air = await openAir();
  return Object.assign(air, { [Symbol.asyncDispose]: () => air.remove() });
}
