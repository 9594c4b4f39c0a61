import { CLOG_ERROR, CLOG_WARN } from '../../ceph/types/log-entry.ts';
import { out } from '../shared/tty.ts';

/** Colours for what wants attention in a log. */
export class LogColors {
  tag(prio: number, text: string): string {
    if (prio === CLOG_ERROR) return out.red(text);
    return prio === CLOG_WARN ? out.yellow(text) : text;
  }
}
