import type { AccessKeyCapability, AccessKeyFacts, AppCapability, AppConsent, AppFacts, Ticket } from "../../../engine/ports.ts";
import { ConnectorError } from "../../../engine/ports.ts";
import type { LabMemory } from "./memory.ts";
import type { LabAccessKey } from "./world.ts";
import { accessKeyId, appId, LabApp } from "./world.ts";

/** What is kept of a consent: what it allowed, and whom. */
const LabConsent = LabApp.pick({ grants: true, users: true });

/** The apps the lab's directory knows. */
export function appsOf(memory: LabMemory): AppCapability {
  const change = async (id: string, key: string, how: (app: LabApp) => LabApp): Promise<Ticket> => {
    const app = await memory.get("app", appId(id));
    if (!app) throw new ConnectorError("refused", `The lab does not know the app ${id}; nothing was done.`);
    await memory.put("app", appId(id), how(app));
    return { id: key, state: "done" };
  };
  const turn = (id: string, enabled: boolean, key: string) => change(id, key, (app) => ({ ...app, enabled }));
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
    async consents(id) {
      const app = await memory.get("app", appId(id));
      return app ? consentsOf(app) : [];
    },
    removeConsent: (id, _consent, _comment, key) => change(id, key, (app) => ({ ...app, grants: [], users: 0, consented: false })),
    restoreConsent: async (id, consent, _comment, key) => {
      const kept = LabConsent.safeParse(consent).data;
      if (!kept) throw new ConnectorError("refused", "The lab cannot read what was kept of the consent; nothing was done.");
      return change(id, key, ({ consented: _, users, ...app }) => {
        const grants = new Map([...app.grants, ...kept.grants].map((grant) => [grant.name, grant]));
        const now = users || kept.users;
        return { ...app, grants: [...grants.values()], ...(now === undefined ? {} : { users: now }) };
      });
    },
  };
}

/** One consent stands for all: of the one person who uses it, or for everybody. */
const consentsOf = ({ consented, grants, users }: LabApp): AppConsent[] =>
  consented === false
    ? []
    : [
        {
          key: "consent",
          by: users === 1 ? "person" : "everybody",
          grants,
          saved: { grants, ...(users === undefined ? {} : { users }) },
        },
      ];

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

export const appFacts = ({ publisher, users, consented: _, ...app }: LabApp): AppFacts => ({
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
