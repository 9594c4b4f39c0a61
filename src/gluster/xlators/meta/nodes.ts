import type { Random } from '../../../env/env.ts';
import { type Gfid, gfidFromRandom } from '../../types/gfid.ts';
import { IA_IFDIR, IA_IFLNK, IA_IFREG } from '../../types/iatt.ts';

/** A file, directory or symbolic link of the .meta tree. What is in it is made when it is asked for. */
export interface MetaNode {
  readonly gfid: Gfid;
  /** IA_IF*. */
  readonly type: number;
  readonly parent: MetaNode | undefined;
  /** Of a directory, by name. */
  children(): ReadonlyMap<string, MetaNode>;
  /** Of a file; one character a byte. */
  text(): string;
  /** Where a link leads. */
  readonly target: string;
  /** Takes what is written; undefined where nothing may be. */
  readonly write: ((text: string) => void) | undefined;
}

type Describe = Record<string, (parent: MetaNode) => MetaNode>;

const NONE: ReadonlyMap<string, MetaNode> = new Map();

/** Makes nodes, each with a gfid of its own. */
export class NodeMaker {
  private readonly random: Random;

  constructor(random: Random) {
    this.random = random;
  }

  private gfid(): Gfid {
    return gfidFromRandom(this.random.bytes(16));
  }

  /** `describe` is called when somebody looks, once. */
  directory(describe: () => Describe, gfid = this.gfid()): (parent?: MetaNode) => MetaNode {
    return parent => {
      let made: ReadonlyMap<string, MetaNode> | undefined;
      const node: MetaNode = {
        gfid,
        type: IA_IFDIR,
        parent,
        children: () =>
          (made ??= new Map(Object.entries(describe()).map(([name, make]) => [name, make(node)] as const))),
        text: () => '',
        target: '',
        write: undefined,
      };
      return node;
    };
  }

  file(text: () => string, write?: (text: string) => void): (parent: MetaNode) => MetaNode {
    const gfid = this.gfid();
    return parent => ({ gfid, type: IA_IFREG, parent, children: () => NONE, text, target: '', write });
  }

  link(target: string): (parent: MetaNode) => MetaNode {
    const gfid = this.gfid();
    return parent => ({
      gfid,
      type: IA_IFLNK,
      parent,
      children: () => NONE,
      text: () => '',
      target,
      write: undefined,
    });
  }
}
