import { Decoder } from '../../base/decoder.ts';
import { type Encoder, encodeToBuffer } from '../../base/encoder.ts';
import { NacreError } from '../../base/errors.ts';
import type { Env } from '../../env/env.ts';
import { type CryptoKey, cryptoKeyFromBase64, cryptoKeyToBase64, NO_KEY } from './crypto.ts';
import {
  type AuthEntityName,
  authEntityNameText,
  compareAuthEntityNames,
  decodeAuthEntityName,
  encodeAuthEntityName,
  parseAuthEntityName,
} from './entity-name.ts';
import type { KeyServerEntry } from './key-server-data.ts';
import { decodeEntityAuth, type EntityAuth, encodeEntityAuth } from './tickets.ts';

/** Capabilities as the key database keeps them: an encoded string. */
export function encodeCaps(text: string): Buffer {
  return encodeToBuffer(e => e.str(text));
}

/** Throws DecodeError. Nothing at all means no capabilities. */
export function decodeCaps(caps: Buffer): string {
  return caps.length === 0 ? '' : new Decoder(caps, 'caps').str();
}

/** Capabilities by service as text: { mon: 'allow r', osd: 'allow rwx pool=data' }. */
export function capsFromText(caps: Readonly<Record<string, string>>): Map<string, Buffer> {
  const sorted = Object.keys(caps).sort();
  return new Map(sorted.map(service => [service, encodeCaps(caps[service])]));
}

/** Entities with their keys and capabilities (auth/KeyRing.h). */
export class Keyring {
  private readonly byName = new Map<string, KeyServerEntry>();

  get size(): number {
    return this.byName.size;
  }

  add(name: AuthEntityName, auth: EntityAuth): void {
    this.byName.set(authEntityNameText(name), { name, auth });
  }

  remove(name: AuthEntityName): boolean {
    return this.byName.delete(authEntityNameText(name));
  }

  get(name: AuthEntityName): EntityAuth | undefined {
    return this.byName.get(authEntityNameText(name))?.auth;
  }

  getSecret(name: AuthEntityName): CryptoKey | undefined {
    return this.get(name)?.key;
  }

  /** In the order of entity type, then id. */
  entries(): KeyServerEntry[] {
    return [...this.byName.values()].sort((a, b) => compareAuthEntityNames(a.name, b.name));
  }

  /** Takes over all entries of another keyring. */
  import(other: Keyring): void {
    for (const { name, auth } of other.entries()) this.add(name, auth);
  }

  /**
   * Reads a keyring file:
   *
   *     [client.admin]
   *         key = AQ...==
   *         caps mon = "allow *"
   *
   * Lines that begin with # or ; are comments, a backslash at the end joins the next line, other settings
   * than key and caps (such as auid) are passed over.
   * @throws NacreError EINVAL with the line number.
   */
  static parse(text: string, source = 'keyring'): Keyring {
    const keyring = new Keyring();
    let name: AuthEntityName | undefined;
    let key: CryptoKey | undefined;
    let caps: Record<string, string> = {};
    const fail = (line: number, what: string): never => {
      throw new NacreError('EINVAL', 'auth.parse_keyring', `${source}, line ${line}: ${what}`);
    };
    const finish = (): void => {
      if (name !== undefined) keyring.add(name, { key: key ?? NO_KEY, caps: capsFromText(caps) });
      key = undefined;
      caps = {};
    };
    for (const { text: line, number } of logicalLines(text)) {
      const section = /^\[\s*([^\]]*?)\s*\]\s*$/.exec(line);
      if (section !== null) {
        finish();
        try {
          name = parseAuthEntityName(section[1]);
        } catch {
          fail(number, `'${section[1]}' is no entity name (TYPE.ID)`);
        }
        continue;
      }
      const setting = /^([A-Za-z][\w\s-]*?)\s*=\s*(.*)$/.exec(line);
      if (setting === null) fail(number, `'${line}' is neither [ENTITY] nor NAME = VALUE`);
      const [, rawName, rawValue] = setting!;
      const word = rawName.toLowerCase().replace(/[\s_]+/g, ' ');
      if (name === undefined) fail(number, `'${word}' stands before the first [ENTITY]`);
      const value = unquote(rawValue);
      if (word === 'key') {
        try {
          key = cryptoKeyFromBase64(value);
        } catch (error) {
          fail(number, (error as NacreError).message);
        }
      } else if (word.startsWith('caps ')) caps[word.slice(5)] = value;
    }
    finish();
    return keyring;
  }

  /** The text form, as ceph-authtool and `ceph auth export` write it. */
  toText(): string {
    let text = '';
    for (const { name, auth } of this.entries()) {
      text += `[${authEntityNameText(name)}]\n\tkey = ${cryptoKeyToBase64(auth.key)}\n`;
      for (const [service, caps] of auth.caps)
        text += `\tcaps ${service} = "${decodeCaps(caps).replaceAll('"', '\\"')}"\n`;
    }
    return text;
  }
}

interface LogicalLine {
  readonly text: string;
  readonly number: number;
}

function logicalLines(text: string): LogicalLine[] {
  const lines: LogicalLine[] = [];
  let joined = '';
  let start = 0;
  text.split(/\r?\n/).forEach((raw, i) => {
    if (joined === '') start = i + 1;
    joined += raw;
    if (joined.endsWith('\\')) {
      joined = joined.slice(0, -1);
      return;
    }
    const line = joined.trim();
    joined = '';
    if (line !== '' && !line.startsWith('#') && !line.startsWith(';'))
      lines.push({ text: line, number: start });
  });
  return lines;
}

/** Takes quotes off and comments away. */
function unquote(raw: string): string {
  const quoted = /^"((?:[^"\\]|\\.)*)"/.exec(raw);
  if (quoted !== null) return quoted[1].replace(/\\(.)/g, '$1');
  return raw.replace(/\s[#;].*$/, '').trim();
}

// Binary keyring (KeyRing::encode): u8 version 1, map<EntityName, EntityAuth>.
export function encodeKeyring(e: Encoder, keyring: Keyring): void {
  e.u8(1);
  const entries = keyring.entries();
  e.u32(entries.length);
  for (const { name, auth } of entries) {
    encodeAuthEntityName(e, name);
    encodeEntityAuth(e, auth);
  }
}

export function decodeKeyring(d: Decoder): Keyring {
  const keyring = new Keyring();
  d.u8();
  for (let n = d.count(25); n > 0; n--) {
    const name = decodeAuthEntityName(d);
    keyring.add(name, decodeEntityAuth(d));
  }
  return keyring;
}

export interface KeyringSources {
  /**
   * Option `keyring`: file names in order, separated by commas, semicolons or blanks; the first that exists
   * is read.
   */
  readonly keyring?: string;
  /** Option `key`: the base64 key of the entity itself. */
  readonly key?: string;
  /** Option `keyfile`: a file with just that. */
  readonly keyfile?: string;
}

/**
 * An entity's keyring from where the options say (KeyRing::from_ceph_context). Empty when there is none: that
 * is an error only where cephx is required.
 * @throws NacreError EINVAL for a file or key that does not parse, ENOENT for a keyfile that isn't there.
 */
export function loadKeyring(env: Env, name: AuthEntityName, sources: KeyringSources): Keyring {
  let keyring = new Keyring();
  for (const listed of (sources.keyring ?? '').split(/[,;\s]+/)) {
    if (listed === '') continue;
    const path = listed.startsWith('~/') ? `${env.host.homedir}${listed.slice(1)}` : listed;
    const content = env.fs.readFileSync(path);
    if (content === undefined) continue;
    keyring = Keyring.parse(content.toString('utf8'), path);
    break;
  }
  let key = sources.key ?? '';
  if (key === '' && (sources.keyfile ?? '') !== '') {
    const content = env.fs.readFileSync(sources.keyfile!);
    if (content === undefined)
      throw new NacreError('ENOENT', 'auth.load_keyring', `there is no keyfile ${sources.keyfile}`);
    key = content.toString('utf8');
  }
  if (key !== '')
    keyring.add(name, { key: cryptoKeyFromBase64(key), caps: keyring.get(name)?.caps ?? new Map() });
  return keyring;
}
