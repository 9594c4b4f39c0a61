import { SUBSCRIBE_ONETIME, type SubscribeItem } from '../messages/mmon-subscribe.ts';

interface Wanted {
  start: number;
  flags: number;
}

/** What we want to hear of from the monitors (mon/MonSub.h): not asked for yet, and asked for. */
export class MonSub {
  private fresh = new Map<string, Wanted>();
  private sent = new Map<string, Wanted>();

  /** True when there is something to ask for. */
  get haveNew(): boolean {
    return this.fresh.size > 0;
  }

  /** All that is wanted, for one MMonSubscribe; counts as asked for afterwards. */
  take(): ReadonlyMap<string, SubscribeItem> {
    const all = new Map<string, Wanted>();
    for (const [what, item] of [...this.sent, ...this.fresh]) all.set(what, item);
    this.sent = all;
    this.fresh = new Map();
    return new Map([...all].map(([what, item]) => [what, { ...item }]));
  }

  /** A new session knows nothing of what was asked for. True when there is something to ask for. */
  reload(): boolean {
    for (const [what, item] of this.sent) if (!this.fresh.has(what)) this.fresh.set(what, item);
    return this.haveNew;
  }

  /** We have this version now: one-time wishes are fulfilled, others go on with the next. */
  got(what: string, have: number): void {
    const from = this.fresh.has(what) ? this.fresh : this.sent;
    const item = from.get(what);
    if (item === undefined || item.start > have) return;
    if ((item.flags & SUBSCRIBE_ONETIME) !== 0) from.delete(what);
    else item.start = have + 1;
  }

  /** False when just that is wanted already. */
  want(what: string, start: number, flags: number): boolean {
    const known = this.fresh.get(what) ?? this.sent.get(what);
    if (known !== undefined && known.start === start && known.flags === flags) return false;
    this.fresh.set(what, { start, flags });
    return true;
  }

  /** The same, but never goes back to an older start. */
  incWant(what: string, start: number, flags: number): boolean {
    const known = this.fresh.get(what) ?? this.sent.get(what);
    if (known !== undefined && known.start >= start) return false;
    this.fresh.set(what, { start, flags });
    return true;
  }

  unwant(what: string): void {
    this.sent.delete(what);
    this.fresh.delete(what);
  }
}
