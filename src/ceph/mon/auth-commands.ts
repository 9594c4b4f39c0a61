import { NacreError } from '../../base/errors.ts';
import {
  type AuthEntityName,
  authEntityNameText,
  capsFromText,
  cryptoKeyToBase64,
  decodeCaps,
  type EntityAuth,
  Keyring,
  type KeyServerEntry,
  parseAuthEntityName,
} from '../auth/index.ts';
import type { AuthMonitor } from './auth-monitor.ts';
import {
  COMMAND_DEPRECATED,
  type CommandCall,
  type CommandReply,
  type CommandSpec,
  emit,
  failed,
  isPlain,
} from './command.ts';
import { MonCaps } from './mon-caps.ts';

const ENTITY = 'name=entity,type=CephString';
const CAPS = 'name=caps,type=CephString,n=N,req=false';
/** Services that may have capabilities. */
const SERVICES = ['mon', 'osd', 'mds', 'mgr'];

function entryJson({ name, auth }: KeyServerEntry): object {
  const caps = new Map([...auth.caps].map(([service, bytes]) => [service, decodeCaps(bytes)]));
  return { entity: authEntityNameText(name), key: cryptoKeyToBase64(auth.key), caps };
}

function keyringText(entries: readonly KeyServerEntry[]): string {
  const keyring = new Keyring();
  for (const { name, auth } of entries) keyring.add(name, auth);
  return keyring.toText();
}

function lsText(entries: readonly KeyServerEntry[]): string {
  let text = '';
  for (const { name, auth } of entries) {
    text += `${authEntityNameText(name)}\n\tkey: ${cryptoKeyToBase64(auth.key)}\n`;
    for (const [service, caps] of auth.caps) text += `\tcaps: [${service}] ${decodeCaps(caps)}\n`;
  }
  return text;
}

/** 'mon', 'allow r', 'osd', 'allow *' -> by service. @throws NacreError EINVAL */
function capsOf(words: readonly string[]): Map<string, Buffer> {
  if (words.length % 2 !== 0)
    throw new NacreError('EINVAL', 'auth', 'bad capabilities request; number of caps specified is not even');
  const caps: Record<string, string> = {};
  for (let i = 0; i < words.length; i += 2) {
    const [service, text] = [words[i], words[i + 1]];
    if (!SERVICES.includes(service)) throw new NacreError('EINVAL', 'auth', `unknown cap type '${service}'`);
    if (service === 'mon') MonCaps.parse(text);
    caps[service] = text;
  }
  return capsFromText(caps);
}

function sameCaps(a: EntityAuth['caps'], b: EntityAuth['caps']): string | undefined {
  for (const [service, caps] of b) if (a.get(service)?.equals(caps) !== true) return service;
  for (const service of a.keys()) if (!b.has(service)) return service;
  return undefined;
}

/** Commands about keys and capabilities. */
export function authCommands(auth: AuthMonitor): CommandSpec[] {
  const { keys } = auth;
  const entityOf = (call: CommandCall): AuthEntityName => {
    try {
      return parseAuthEntityName(call.args.str('entity'));
    } catch {
      throw new NacreError('EINVAL', 'auth', 'bad entity name');
    }
  };
  const entry = (name: AuthEntityName): KeyServerEntry | undefined => {
    const known = keys.getAuth(name);
    return known === undefined ? undefined : { name, auth: known };
  };
  const exported = (call: CommandCall, entries: readonly KeyServerEntry[], status: string): CommandReply => ({
    status,
    output: isPlain(call) ? keyringText(entries) : emit(call, entries.map(entryJson)),
  });

  const get = (call: CommandCall): CommandReply => {
    const name = entityOf(call);
    const found = entry(name);
    const text = authEntityNameText(name);
    if (found === undefined) return failed('ENOENT', `failed to find ${text} in keyring`);
    return exported(call, [found], `exported keyring for ${text}`);
  };
  const printKey = (call: CommandCall): CommandReply => {
    const name = entityOf(call);
    const found = entry(name);
    if (found === undefined) return failed('ENOENT', `don't have ${authEntityNameText(name)}`);
    const key = cryptoKeyToBase64(found.auth.key);
    return { output: isPlain(call) ? key : emit(call, { key }) };
  };
  const exportAll = (call: CommandCall): CommandReply => {
    if (!call.args.has('entity')) return exported(call, keys.entries(), 'exported master keyring');
    const name = entityOf(call);
    const found = entry(name);
    if (found === undefined) return failed('ENOENT', `no key for ${authEntityNameText(name)}`);
    return exported(call, [found], `export auth(key=${cryptoKeyToBase64(found.auth.key)})`);
  };
  const ls = (call: CommandCall): CommandReply => {
    const entries = keys.entries();
    const output = emit(call, { auth_dump: entries.map(entryJson) }, () => lsText(entries));
    return isPlain(call) ? { status: 'installed auth entries:\n', output } : { output };
  };

  const add = (call: CommandCall): CommandReply => {
    const name = entityOf(call);
    const text = authEntityNameText(name);
    let caps = capsOf(call.args.list('caps'));
    let key = keys.getAuth(name)?.key;
    const fresh = key === undefined;
    if (call.input.length > 0) {
      const given = Keyring.parse(call.input.toString('utf8')).get(name);
      if (given === undefined) return failed('EINVAL', `key for ${text} not found in provided keyring`);
      if (caps.size > 0 && given.caps.size > 0)
        return failed('EINVAL', 'caps cannot be specified both in keyring and in command');
      if (given.caps.size > 0) caps = new Map(given.caps);
      if (key !== undefined && !key.secret.equals(given.key.secret))
        return failed('EINVAL', `entity ${text} exists but key does not match`);
      key = given.key;
    }
    if (!fresh) {
      const differs = sameCaps(keys.getAuth(name)!.caps, caps);
      if (differs !== undefined)
        return failed('EINVAL', `entity ${text} exists but cap ${differs} does not match`);
      return { status: `added key for ${text}` };
    }
    auth.set(name, { key: key ?? keys.generateKey(), caps });
    return { status: `added key for ${text}`, after: auth };
  };
  const getOrCreate =
    (keyOnly: boolean) =>
    (call: CommandCall): CommandReply => {
      const name = entityOf(call);
      const wanted = capsOf(call.args.list('caps'));
      let found = keys.getAuth(name);
      const created = found === undefined;
      // Only what the command names has to be the same.
      for (const [service, caps] of wanted)
        if (found !== undefined && found.caps.get(service)?.equals(caps) !== true)
          return failed(
            'EINVAL',
            `key for ${authEntityNameText(name)} exists but cap ${service} does not match`,
          );
      if (found === undefined) {
        found = { key: keys.generateKey(), caps: wanted };
        auth.set(name, found);
      }
      const key = cryptoKeyToBase64(found.key);
      const reply = (output: string): CommandReply => (created ? { output, after: auth } : { output });
      if (!isPlain(call)) return reply(emit(call, keyOnly ? { key } : [entryJson({ name, auth: found })]));
      return reply(keyOnly ? key : keyringText([{ name, auth: { key: found.key, caps: new Map() } }]));
    };
  const caps = (call: CommandCall): CommandReply => {
    const name = entityOf(call);
    const found = keys.getAuth(name);
    const text = authEntityNameText(name);
    if (found === undefined) return failed('ENOENT', `couldn't find entry ${text}`);
    auth.set(name, { key: found.key, caps: capsOf(call.args.list('caps')) });
    return { status: `updated caps for ${text}`, after: auth };
  };
  const remove = (call: CommandCall): CommandReply => {
    const name = entityOf(call);
    if (keys.getAuth(name) === undefined)
      return { status: `entity ${authEntityNameText(name)} does not exist` };
    auth.remove(name);
    return { status: 'updated', after: auth };
  };
  const importAll = (call: CommandCall): CommandReply => {
    if (call.input.length === 0) return failed('EINVAL', 'auth import: no data supplied');
    for (const { name, auth: given } of Keyring.parse(call.input.toString('utf8')).entries())
      auth.set(name, given);
    return { status: 'imported keyring', after: auth };
  };

  const spec = (
    sig: string,
    perm: string,
    help: string,
    run: CommandSpec['run'],
    flags?: number,
  ): CommandSpec => ({ sig, perm, help, run, flags, module: 'auth' });
  return [
    spec(
      'auth export name=entity,type=CephString,req=false',
      'rx',
      'the keyring of one entity, or of all',
      exportAll,
    ),
    spec(`auth get ${ENTITY}`, 'rx', 'key and capabilities of an entity as a keyring', get),
    spec(`auth get-key ${ENTITY}`, 'rx', 'the key of an entity alone', printKey),
    spec(`auth print-key ${ENTITY}`, 'rx', 'the key of an entity alone', printKey),
    spec(`auth print_key ${ENTITY}`, 'rx', 'the key of an entity alone', printKey),
    spec('auth list', 'rx', 'all entities', ls, COMMAND_DEPRECATED),
    spec('auth ls', 'rx', 'all entities with keys and capabilities', ls),
    spec('auth import', 'rwx', 'take over a keyring given with -i', importAll),
    spec(`auth add ${ENTITY} ${CAPS}`, 'rwx', 'add an entity, with a key of its own or that of -i', add),
    spec(
      `auth get-or-create-key ${ENTITY} ${CAPS}`,
      'rwx',
      'the key of an entity, made if needed',
      getOrCreate(true),
    ),
    spec(
      `auth get-or-create ${ENTITY} ${CAPS}`,
      'rwx',
      'the keyring of an entity, made if needed',
      getOrCreate(false),
    ),
    spec(
      `auth caps ${ENTITY} name=caps,type=CephString,n=N`,
      'rwx',
      "replace an entity's capabilities",
      caps,
    ),
    spec(`auth del ${ENTITY}`, 'rwx', 'remove an entity', remove, COMMAND_DEPRECATED),
    spec(`auth rm ${ENTITY}`, 'rwx', 'remove an entity', remove),
  ];
}
