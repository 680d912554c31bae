import type { AccessKeyCapability, AccessKeyFacts, AppCapability, AppFacts, Ticket } from "../../../engine/ports.ts";
import { ConnectorError } from "../../../engine/ports.ts";
import type { LabMemory } from "./memory.ts";
import type { LabAccessKey, LabApp } from "./world.ts";
import { accessKeyId, appId } from "./world.ts";

/** The apps the lab's directory knows. */
export function appsOf(memory: LabMemory): AppCapability {
  const turn = async (id: string, enabled: boolean, key: string): Promise<Ticket> => {
    const app = await memory.get("app", appId(id));
    if (!app) throw new ConnectorError("refused", `The lab does not know the app ${id}; nothing was done.`);
    await memory.put("app", appId(id), { ...app, enabled });
    return { id: key, state: "done" };
  };
  return {
    connector: "lab",
    async find(entity) {
      const byId = entity.id === undefined ? undefined : await memory.get("app", appId(entity.id));
      if (byId || entity.name === undefined) return byId && appFacts(byId);
      const name = entity.name.toLowerCase();
      const named = (await memory.all("app")).find(({ state }) => state.name.toLowerCase() === name);
      return named && appFacts(named.state);
    },
    disable: (id, _comment, key) => turn(id, false, key),
    enable: (id, _comment, key) => turn(id, true, key),
  };
}

/** The keys of the lab's cloud account. */
export function accessKeysOf(memory: LabMemory): AccessKeyCapability {
  const turn = async (id: string, active: boolean, key: string): Promise<Ticket> => {
    const found = await memory.get("access-key", accessKeyId(id));
    if (!found) throw new ConnectorError("refused", `The lab does not know the access key ${id}; nothing was done.`);
    await memory.put("access-key", accessKeyId(id), { ...found, active });
    return { id: key, state: "done" };
  };
  return {
    connector: "lab",
    async find(entity) {
      const state = await memory.get("access-key", accessKeyId(entity.id));
      return state && accessKeyFacts(state);
    },
    disable: (id, _comment, key) => turn(id, false, key),
    enable: (id, _comment, key) => turn(id, true, key),
  };
}

export const appFacts = ({ publisher, users, ...app }: LabApp): AppFacts => ({
  ...app,
  ...(publisher ? { publisher } : {}),
  ...(users === undefined ? {} : { users }),
});

export const accessKeyFacts = ({ id, active, owner, createdAt, lastUsedAt, lastUsedFor }: LabAccessKey): AccessKeyFacts => ({
  id,
  active,
  ...(owner ? { owner } : {}),
  ...(createdAt ? { createdAt: new Date(createdAt) } : {}),
  ...(lastUsedAt ? { lastUsedAt: new Date(lastUsedAt) } : {}),
  ...(lastUsedFor ? { lastUsedFor } : {}),
});
