import { describe, expect, it } from 'vitest';
import { formatOptionValue, parseOptionValue, updatesAtRuntime } from '../../src/base/config/option.ts';
import { OPTIONS } from '../../src/base/config/options.ts';
import { SUBSYSTEMS } from '../../src/base/config/subsystems.ts';

const parse = (name: string, text: string) => parseOptionValue(name, OPTIONS[name], text);

describe('option values', () => {
  it.each([
    ['osd_max_object_size', '1K', 1024],
    ['osd_max_object_size', '1Ki', 1024],
    ['osd_max_object_size', '1KB', 1024],
    ['osd_max_object_size', '3M', 3 * 2 ** 20],
    ['osd_max_object_size', '7B', 7],
    ['log_max_recent', '1M', 1_000_000],
    ['osd_pool_default_size', '2', 2],
    ['mon_client_hunt_interval', '1e1', 10],
    ['mon_client_hunt_interval', ' .5', 0.5],
    ['ms_tcp_nodelay', 'TRUE', true],
    ['ms_tcp_nodelay', '0', false],
    ['ms_tcp_nodelay', '2', true],
    ['rados_osd_op_timeout', '5m', 300],
    ['rados_osd_op_timeout', '1 hour 30 min', 5400],
    ['rados_osd_op_timeout', '1w', 604_800],
    ['rados_osd_op_timeout', '1y 2d', 31_708_800],
    ['debug_ms', '5', '5/5'],
    ['debug_ms', '1/10', '1/10'],
    ['public_addr', '1.2.3.4', 'v2:1.2.3.4:0/0'],
    ['public_addr', 'v1:1.2.3.4:6789/7', 'v1:1.2.3.4:6789/7'],
    ['public_addr', '::1', 'v2:[::1]:0/0'],
    ['public_addrv', '[v2:1.2.3.4:5,v1:1.2.3.4:6]', '[v2:1.2.3.4:5/0,v1:1.2.3.4:6/0]'],
    ['fsid', '8F0EA1AA-93ab-4b7b-8de8-a4ec0ff1c9b4', '8f0ea1aa-93ab-4b7b-8de8-a4ec0ff1c9b4'],
  ])('%s takes %j', (name, text, value) => {
    expect(parse(name, text)).toBe(value);
  });

  it.each([
    ['osd_max_object_size', '1k', 'EINVAL'],
    ['osd_max_object_size', '1KiB', 'EINVAL'],
    ['osd_max_object_size', '1.5M', 'EINVAL'],
    ['osd_max_object_size', '', 'EINVAL'],
    ['osd_max_object_size', '-1', 'EINVAL'],
    ['osd_pool_default_size', '11', 'EINVAL'],
    ['osd_pool_default_size', '-1', 'EINVAL'],
    ['log_max_recent', '0', 'EINVAL'],
    ['log_max_recent', '1Mi', 'EINVAL'],
    ['mon_client_hunt_interval', '3 ', 'EINVAL'],
    ['mon_client_hunt_interval', 'x', 'EINVAL'],
    ['ms_tcp_nodelay', 'yes', 'EINVAL'],
    ['ms_tcp_nodelay', '0x1', 'EINVAL'],
    ['rados_osd_op_timeout', '-7', 'EINVAL'],
    ['rados_osd_op_timeout', '1M', 'EINVAL'],
    ['rados_osd_op_timeout', '1.5h', 'EINVAL'],
    ['debug_ms', '100', 'ERANGE'],
    ['debug_ms', '-1', 'ERANGE'],
    ['debug_ms', 'x', 'EINVAL'],
    ['public_addr', 'foo', 'EINVAL'],
    ['public_addr', '1.2.3.400', 'EINVAL'],
    ['fsid', 'x', 'EINVAL'],
    ['osd_pool_default_pg_autoscale_mode', 'maybe', 'EINVAL'],
  ])('%s refuses %j with %s, naming both', (name, text, code) => {
    expect(() => parse(name, text)).toThrow(expect.objectContaining({ code }));
    expect(() => parse(name, text)).toThrow(`option ${name} cannot be '${text}'`);
  });

  it('has a valid default, text and description for every option', () => {
    for (const [name, spec] of Object.entries(OPTIONS)) {
      expect(spec.desc, name).not.toBe('');
      for (const value of [spec.default, ...(spec.daemon === undefined ? [] : [spec.daemon])]) {
        const text = formatOptionValue(spec, value);
        expect(parseOptionValue(name, spec, text), name).toBe(value);
      }
    }
  });

  it('lets every log level change at run time', () => {
    for (const { name, log, gather } of SUBSYSTEMS) {
      expect(OPTIONS[`debug_${name}`].default).toBe(`${log}/${gather}`);
      expect(updatesAtRuntime(OPTIONS[`debug_${name}`])).toBe(true);
    }
    expect(updatesAtRuntime(OPTIONS['keyring'])).toBe(false);
    expect(updatesAtRuntime(OPTIONS['log_file'])).toBe(false);
    expect(updatesAtRuntime(OPTIONS['ms_max_backoff'])).toBe(true);
  });
});
