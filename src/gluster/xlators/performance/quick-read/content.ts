import type { Iatt } from '../../../types/iatt.ts';

/** What quick-read knows of a file. */
export class Content {
  /** All of the file; undefined when it is not cached. Never changed: answers are parts of it. */
  data: Buffer | undefined = undefined;
  stat: Iatt | undefined = undefined;
  priority = 0;
  /** It was brought along by a lookup, and nobody has read it since. */
  unread = false;
  /** When the brick last said that it is still the same: monotonic milliseconds, and which life of the bricks that was. */
  refreshed = 0;
  life = 0;
  /** The news that it is made of, and the last that made it invalid: older news are not believed. */
  generation = 0;
  invalidated = 0;
}

/** Contents that are cached, the least recently used of the lowest priority first to go. */
export class ContentTable {
  private readonly lru: Set<Content>[] = [];
  used = 0;
  files = 0;

  /** Takes it in, or makes it the most recently used. */
  register(content: Content): void {
    if (content.data === undefined) return;
    let list = this.lru[content.priority];
    if (list === undefined) list = this.lru[content.priority] = new Set();
    if (!list.delete(content)) {
      this.used += content.data.length;
      this.files++;
    }
    list.add(content);
  }

  remove(content: Content): void {
    const { data } = content;
    content.data = undefined;
    content.stat = undefined;
    if (data === undefined || this.lru[content.priority]?.delete(content) !== true) return;
    this.used -= data.length;
    this.files--;
  }

  setPriority(content: Content, priority: number): void {
    if (content.priority === priority) return;
    const listed = this.lru[content.priority]?.delete(content) === true;
    content.priority = priority;
    if (!listed) return;
    (this.lru[priority] ??= new Set()).add(content);
  }

  /** The one that has to go first. */
  oldest(): Content | undefined {
    for (const list of this.lru) {
      const first = list?.values().next();
      if (first !== undefined && !first.done) return first.value;
    }
    return undefined;
  }
}
