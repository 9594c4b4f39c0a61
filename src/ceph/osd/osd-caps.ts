import { Decoder } from '../../base/decoder.ts';
import type { AuthenticatedPeer } from '../auth/types.ts';
import type { CalledClass } from './op-request.ts';

const CAP_R = 1;
const CAP_W = 2;
const CAP_CLASS_R = 4;
const CAP_CLASS_W = 8;
const CAP_X = CAP_CLASS_R | CAP_CLASS_W;
const CAP_ANY = 0xff;

/** What a request wants to do, and where. */
export interface CapRequest {
  readonly poolName: string;
  readonly nspace: string;
  /** Application -> key -> value of the pool. */
  readonly applications: ReadonlyMap<string, ReadonlyMap<string, string>>;
  /** The locator key, or the name. */
  readonly object: string;
  readonly read: boolean;
  readonly write: boolean;
  readonly classes: readonly CalledClass[];
}

interface Grant {
  readonly allow: number;
  readonly className?: string;
  readonly method?: string;
  readonly pool?: string;
  /** Ends with '*' for a prefix; undefined: any. */
  readonly nspace?: string;
  readonly prefix?: string;
  readonly tag?: { readonly app: string; readonly key: string; readonly value: string };
}

const TOKEN = /\s*(?:"([^"]*)"|'([^']*)'|([=,;])|([^\s=,;"']+))/y;

interface Token {
  readonly text: string;
  readonly quoted: boolean;
}

function tokens(text: string): Token[] | undefined {
  const found: Token[] = [];
  const end = text.trimEnd().length;
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < end) {
    const m = TOKEN.exec(text);
    if (m === null) return undefined;
    const quoted = m[1] ?? m[2];
    found.push({ text: quoted ?? m[3] ?? m[4], quoted: quoted !== undefined });
  }
  return found;
}

function rights(word: string): number | undefined {
  if (word === '*' || word === 'all') return CAP_ANY;
  if (word === 'class-read') return CAP_CLASS_R;
  if (word === 'class-write') return CAP_CLASS_W;
  if (!/^[rwx]+$/.test(word)) return undefined;
  return (
    (word.includes('r') ? CAP_R : 0) | (word.includes('w') ? CAP_W : 0) | (word.includes('x') ? CAP_X : 0)
  );
}

/** One grant's words, without separators between grants. */
class GrantParser {
  private readonly words: readonly Token[];
  private at = 0;

  constructor(words: readonly Token[]) {
    this.words = words;
  }

  private next(): string | undefined {
    return this.words[this.at++]?.text;
  }

  private peek(): string | undefined {
    return this.words[this.at]?.text;
  }

  /** The value of 'pool=x' or 'pool x'. */
  private value(): string | undefined {
    if (this.peek() === '=') this.at++;
    return this.next();
  }

  parse(): Grant[] | undefined {
    const verb = this.next();
    if (verb === 'profile') return this.profile();
    if (verb !== 'allow') return undefined;
    let grant: Grant = { allow: 0 };
    while (this.at < this.words.length) {
      const more = this.part(grant);
      if (more === undefined) return undefined;
      grant = more;
    }
    return [grant];
  }

  private part(grant: Grant): Grant | undefined {
    const word = this.next()!;
    const allow = rights(word);
    if (allow !== undefined) return { ...grant, allow: grant.allow | allow };
    if (word === 'class') {
      const className = this.next();
      const method = this.peek();
      const named = method !== undefined && !['pool', 'namespace', 'object_prefix', 'tag'].includes(method);
      if (named) this.at++;
      return className === undefined
        ? undefined
        : { ...grant, className, method: named ? method : undefined };
    }
    return this.where(grant, word);
  }

  private where(grant: Grant, word: string): Grant | undefined {
    if (word === 'tag') {
      const app = this.next();
      const key = this.next();
      if (app === undefined || key === undefined || this.next() !== '=') return undefined;
      const value = this.next();
      return value === undefined ? undefined : { ...grant, tag: { app, key, value } };
    }
    const value = this.value();
    if (value === undefined) return undefined;
    if (word === 'pool') return { ...grant, pool: value };
    if (word === 'namespace') return { ...grant, nspace: value };
    if (word === 'object_prefix') return { ...grant, prefix: value };
    return undefined;
  }

  private profile(): Grant[] | undefined {
    if (this.peek() === '=') this.at++;
    const name = this.next();
    let scope: Grant = { allow: 0 };
    while (this.at < this.words.length) {
      const more = this.where(scope, this.next()!);
      if (more === undefined) return undefined;
      scope = more;
    }
    // What OSDCapGrant::expand_profile makes of the profiles.
    if (name === 'rbd')
      return [
        { allow: CAP_R, nspace: '', prefix: 'rbd_info' },
        { allow: CAP_CLASS_R, nspace: '', prefix: 'rbd_children' },
        { allow: CAP_CLASS_R, nspace: '', prefix: 'rbd_mirroring' },
        {
          allow: 0,
          className: 'rbd',
          method: 'metadata_list',
          pool: scope.pool,
          nspace: '',
          prefix: 'rbd_info',
        },
        { ...scope, allow: CAP_R | CAP_W | CAP_X },
      ];
    if (name === 'rbd-read-only')
      return [
        { ...scope, allow: CAP_R | CAP_CLASS_R },
        { ...scope, allow: 0, className: 'rbd', method: 'child_attach', prefix: 'rbd_header.' },
        { ...scope, allow: 0, className: 'rbd', method: 'child_detach', prefix: 'rbd_header.' },
      ];
    return undefined;
  }
}

function matches(grant: Grant, request: CapRequest): boolean {
  const { pool, nspace, prefix, tag } = grant;
  if (pool !== undefined && pool !== '*' && pool !== request.poolName) return false;
  if (nspace !== undefined) {
    const any = nspace.endsWith('*');
    if (any ? !request.nspace.startsWith(nspace.slice(0, -1)) : request.nspace !== nspace) return false;
  }
  if (prefix !== undefined && !request.object.startsWith(prefix)) return false;
  if (tag === undefined) return true;
  for (const [app, values] of request.applications) {
    if (tag.app !== '*' && tag.app !== app) continue;
    if (tag.key === '*' && tag.value === '*') return true;
    for (const [key, value] of values)
      if ((tag.key === '*' || tag.key === key) && (tag.value === '*' || tag.value === value)) return true;
  }
  return false;
}

/**
 * What a client may do at the OSDs (osd/OSDCap.h): 'allow rwx pool=x namespace=y object_prefix z, allow class c
 * m, allow r tag app key=value, profile rbd pool=x'. Text that is not understood allows nothing.
 */
export class OsdCaps {
  readonly allowAll: boolean;
  private readonly grants: readonly Grant[];

  private constructor(grants: readonly Grant[]) {
    this.grants = grants;
    this.allowAll = grants.some(g => g.allow === CAP_ANY && Object.keys(g).length === 1);
  }

  static readonly all = new OsdCaps([{ allow: CAP_ANY }]);
  static readonly none = new OsdCaps([]);

  static parse(text: string): OsdCaps {
    const all = tokens(text);
    if (all === undefined) return OsdCaps.none;
    const grants: Grant[] = [];
    let words: Token[] = [];
    for (const token of [...all, { text: ';', quoted: false }]) {
      if (token.quoted || (token.text !== ',' && token.text !== ';')) {
        words.push(token);
        continue;
      }
      if (words.length === 0) continue;
      const parsed = new GrantParser(words).parse();
      if (parsed === undefined) return OsdCaps.none;
      grants.push(...parsed);
      words = [];
    }
    return new OsdCaps(grants);
  }

  /** Of a peer whose ticket was checked; nothing is allowed to one that was not. */
  static ofPeer(peer: AuthenticatedPeer | undefined): OsdCaps {
    if (peer === undefined) return OsdCaps.none;
    if (peer.allowAll) return OsdCaps.all;
    if (peer.caps === undefined || peer.caps.length === 0) return OsdCaps.none;
    try {
      return OsdCaps.parse(new Decoder(peer.caps, 'OSDCap').str());
    } catch {
      return OsdCaps.none;
    }
  }

  isCapable(request: CapRequest): boolean {
    if (this.allowAll) return true;
    const { classes } = request;
    const allowed: boolean[] = new Array(classes.length).fill(false);
    for (const grant of this.grants) {
      if (!matches(grant, request)) continue;
      const { allow } = grant;
      if ((request.read && !(allow & CAP_R)) || (request.write && !(allow & CAP_W))) continue;
      classes.forEach((c, i) => {
        const named =
          grant.className === c.className && (grant.method === undefined || grant.method === c.method);
        const general = (!c.read || allow & CAP_CLASS_R) && (!c.write || allow & CAP_CLASS_W);
        if (named || (general && allow !== 0)) allowed[i] = true;
      });
      const any = classes.length > 0 || request.read || request.write || allow !== 0;
      if (any && allowed.every(Boolean)) return true;
    }
    return false;
  }
}
