import { EEXIST, EINVAL } from '../errors.ts';
import { CLS_METHOD_RD, CLS_METHOD_WR, type ClassRegistry } from './registry.ts';

const E2BIG = -7;
/** Longest name that is greeted. */
const MAX_NAME = 100;

/** Class "hello" (cls/hello/cls_hello.cc): the example, and what tests of librados call. */
export function registerHello(classes: ClassRegistry): void {
  const RW = CLS_METHOD_RD | CLS_METHOD_WR;
  classes.register('hello', {
    say_hello: {
      flags: CLS_METHOD_RD,
      run: (ctx, input) => {
        if (input.length > MAX_NAME) return EINVAL;
        const who = input.length === 0 ? 'world' : input.toString('latin1');
        ctx.setOutput(Buffer.from(`Hello, ${who}!`, 'latin1'));
        return 0;
      },
    },
    record_hello: {
      flags: CLS_METHOD_WR,
      run: (ctx, input) => {
        if (input.length > MAX_NAME) return EINVAL;
        if (ctx.exists) return EEXIST;
        const who = input.length === 0 ? 'world' : input.toString('latin1');
        const r = ctx.writeFull(Buffer.from(`Hello, ${who}!`, 'latin1'));
        if (r < 0) return r;
        const { name } = ctx.origin;
        return ctx.setXattr('recorded', Buffer.from(`client.${name.num}`));
      },
    },
    write_return_data: {
      flags: CLS_METHOD_WR,
      run: ctx => {
        const r = ctx.writeFull(Buffer.from('bunch of data'));
        if (r < 0) return r;
        ctx.setOutput(Buffer.from('you might see this'));
        return 42;
      },
    },
    write_too_much_return_data: {
      flags: CLS_METHOD_WR,
      run: ctx => {
        const r = ctx.writeFull(Buffer.from('bunch of data'));
        if (r < 0) return r;
        ctx.setOutput(Buffer.alloc(0x100));
        return 42;
      },
    },
    turn_it_to_11: {
      flags: RW,
      run: ctx => {
        const before = ctx.read(0, 0);
        if (typeof before === 'number') return before;
        const r = ctx.writeFull(Buffer.from(before.toString('latin1').toUpperCase(), 'latin1'));
        return r < 0 ? r : ctx.setXattr('foo', Buffer.from('bar'));
      },
    },
    replay: {
      flags: RW,
      run: ctx => {
        const greeting = ctx.read(0, 1100);
        if (typeof greeting === 'number') return greeting;
        if (greeting.length > 1000) return E2BIG;
        ctx.setOutput(greeting);
        return 0;
      },
    },
    bad_reader: { flags: CLS_METHOD_RD, run: () => EINVAL },
    bad_writer: { flags: CLS_METHOD_WR, run: () => EINVAL },
  });
}
