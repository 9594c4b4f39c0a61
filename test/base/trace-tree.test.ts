import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Span, setTraceClock, unwind, wind } from '../../src/base/trace.ts';
import { TraceForest, type TraceNode } from '../../src/base/trace-tree.ts';

describe('TraceForest', () => {
  let now = 0;
  let done: TraceNode[] = [];
  let forest: TraceForest;
  const at = (ms: number, step: () => unknown): Span | undefined => {
    now = ms;
    return step() as Span | undefined;
  };
  const names = (node: TraceNode): unknown =>
    node.children.length === 0 ? node.span.layer : [node.span.layer, ...node.children.map(names)];

  beforeEach(() => {
    setTraceClock(() => now);
    done = [];
    forest = new TraceForest({ finished: root => done.push(root) });
  });
  afterEach(() => forest[Symbol.dispose]());

  it('builds the tree of an operation and tells own time from time below', () => {
    const root = at(0, () => wind('rados.write', undefined, { oid: 'a' }));
    const submit = at(1, () => wind('Objecter.op_submit', root));
    const calc = at(2, () => wind('calc', submit));
    at(3, () => unwind(calc));
    const send = at(4, () => wind('send', submit));
    const parallel = at(5, () => wind('parallel', submit));
    at(6, () => unwind(send));
    at(8, () => unwind(parallel));
    at(9, () => unwind(submit));
    expect(done).toEqual([]);
    at(10, () => unwind(root, new Error('no')));
    expect(done.map(names)).toEqual([['rados.write', ['Objecter.op_submit', 'calc', 'send', 'parallel']]]);
    const [top] = done;
    expect([top.duration, top.own]).toEqual([10, 2]);
    // 1..9 without 2..3 and 4..8.
    expect([top.children[0].duration, top.children[0].own]).toEqual([8, 3]);
    expect(top.span.error).toBe('no');
  });

  it('keeps interleaved operations apart', () => {
    const a = wind('a');
    const b = wind('b');
    const a1 = wind('a1', a);
    const b1 = wind('b1', b);
    for (const span of [a1, b1, b, a]) unwind(span);
    expect(done.map(names)).toEqual([
      ['b', 'b1'],
      ['a', 'a1'],
    ]);
  });

  it('hangs what other daemons did for a request below the client, replicas below the primary', () => {
    const link = 'client.4:7';
    const submit = wind('Objecter.op_submit');
    const send = wind('Objecter._send_op', submit, { link });
    unwind(send);
    const primary = wind('OSD.enqueue_op', undefined, { link, osd: 1 });
    const doOp = wind('PrimaryLogPG.do_op', primary);
    const replicas = [2, 3].map(osd => wind('OSD.enqueue_op', undefined, { link, osd }));
    unwind(replicas[0]);
    unwind(replicas[1]);
    unwind(doOp);
    unwind(submit);
    // The operation is through when the last of its daemons is.
    expect(done).toEqual([]);
    unwind(primary);
    expect(done.map(names)).toEqual([
      [
        'Objecter.op_submit',
        'Objecter._send_op',
        ['OSD.enqueue_op', 'PrimaryLogPG.do_op', 'OSD.enqueue_op', 'OSD.enqueue_op'],
      ],
    ]);
    expect(done[0].children[1].hops).toBe(1);
    // The link is free again.
    unwind(wind('OSD.late', undefined, { link }));
    expect(done.slice(1).map(names)).toEqual(['OSD.late']);
  });

  it('takes a span whose parent it did not see as one of its own', () => {
    forest[Symbol.dispose]();
    const other = new TraceForest({});
    const early = wind('early');
    other[Symbol.dispose]();
    forest = new TraceForest({ finished: root => done.push(root) });
    const child = wind('child', early);
    unwind(child);
    unwind(early);
    expect(done.map(names)).toEqual(['child']);
  });

  it('hands out what is open when it stops', () => {
    const root = wind('root');
    wind('child', root);
    forest[Symbol.dispose]();
    expect(done.map(names)).toEqual([['root', 'child']]);
    expect(done[0].open).toBe(true);
    expect(wind('nobody listens')).toBeUndefined();
  });
});
