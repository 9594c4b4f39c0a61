import { nodeEnv } from '../../src/env/node.ts';
import { errnoOf, type FopError } from '../../src/gluster/graph/fop-error.ts';
import type { FopName, Fops } from '../../src/gluster/graph/fops.ts';
import { CallRoot, Frame } from '../../src/gluster/graph/frame.ts';
import { Graph } from '../../src/gluster/graph/graph.ts';
import type { Inode } from '../../src/gluster/graph/inode.ts';
import { Loc } from '../../src/gluster/graph/loc.ts';
import { Dict } from '../../src/gluster/types/dict.ts';
import { gfidFromRandom } from '../../src/gluster/types/gfid.ts';
import { xlatorRegistry } from '../../src/gluster/xlators/index.ts';
import type { RealGluster } from './real-gluster.ts';

const env = nodeEnv;
let unique = 1;

/** A frame of root, for tests that wind by hand. */
export function frameOf(op: FopName, who: Partial<CallRoot> = {}): Frame {
  const root = new CallRoot(op, unique++, env.clock.mono());
  return new Frame(Object.assign(root, { pid: process.pid }, who));
}

/** The dict that gives a new file its gfid, as whoever creates one must (`gfid-req`). */
export function gfidRequest(): Dict {
  return new Dict().setGfid('gfid-req', gfidFromRandom(env.random.bytes(16)));
}

/** The errno that a fop fails with. */
export async function errnoOfFop(fop: Promise<unknown>): Promise<string> {
  try {
    await fop;
  } catch (thrown) {
    return (thrown as FopError).code ?? String(errnoOf(thrown));
  }
  return 'no error';
}

/** One layer of a volfile. */
export function volfilePart(
  name: string,
  type: string,
  options: Readonly<Record<string, string | number>>,
  below?: string,
): string {
  const lines = Object.entries(options).map(([key, value]) => `  option ${key} ${value}\n`);
  if (below !== undefined) lines.push(`  subvolumes ${below}\n`);
  return `volume ${name}\n  type ${type}\n${lines.join('')}end-volume\n`;
}

/** A graph of one layer: protocol/client, on one brick. */
export class BrickGraph implements AsyncDisposable {
  readonly graph: Graph;
  readonly log: string[];

  constructor(options: Readonly<Record<string, string | number>>, name = 'brick') {
    const volfile = volfilePart(name, 'protocol/client', options);
    const log: string[] = [];
    this.log = log;
    this.graph = Graph.build(volfile, xlatorRegistry, {
      env,
      meta: false,
      log: {
        gathers: level => level !== 'T',
        log: (level, where, message) => log.push(`${level} ${where} ${message}`),
      },
    });
  }

  /** Of a brick of a volume, as the volume's own volfile describes it; `more` on top. */
  static async of(
    gluster: RealGluster,
    volume: string,
    index: number,
    more: Readonly<Record<string, string | number>> = {},
  ): Promise<BrickGraph> {
    const graph = new BrickGraph({ ...credentials(gluster, volume, index), ...more });
    graph.graph.activate();
    try {
      await graph.graph.ready({ timeout: 20_000 });
    } catch (error) {
      await graph.graph.close();
      throw new Error(`${String(error)}\n${graph.log.join('\n')}`, { cause: error });
    }
    return graph;
  }

  get fops(): Fops {
    return this.graph.fops;
  }

  get root(): Loc {
    return new Loc(this.graph.inodes.root, undefined, '', '/');
  }

  /** A name below the root that nothing is known of. */
  at(name: string, parent: Inode = this.graph.inodes.root): Loc {
    const known = this.graph.inodes.grep(parent, name);
    return new Loc(known ?? this.graph.inodes.create(), parent, name, `/${name}`);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.graph.close();
  }
}

/** Options of the client of a brick, from the volume's volfile. */
export function credentials(gluster: RealGluster, volume: string, index: number): Record<string, string> {
  const text = gluster.volfile(volume);
  const client = text.split('end-volume').filter(part => part.includes('type protocol/client'))[index];
  return Object.fromEntries([...client.matchAll(/option (\S+) (.+)/g)].map(([, key, value]) => [key, value]));
}
