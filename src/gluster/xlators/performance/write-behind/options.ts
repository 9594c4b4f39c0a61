import type { OptionTable } from '../../../graph/option-types.ts';

export const OPTIONS: OptionTable = {
  'write-behind': {
    kind: 'bool',
    default: 'off',
    description: 'Whether a volume has this layer; read where volfiles are made.',
  },
  'pass-through': { kind: 'bool', default: 'false', description: 'Fops go by this layer.' },
  'flush-behind': {
    kind: 'bool',
    default: 'on',
    reconfigurable: true,
    description:
      'A flush is answered as soon as all writes before it are written (or with their error), and goes to the brick in the background.',
  },
  'cache-size': {
    kind: 'size',
    default: '1MB',
    min: 512 * 1024,
    max: 1024 ** 3,
    aliases: ['window-size'],
    reconfigurable: true,
    description: 'How much of one file may be answered before it is written.',
  },
  'trickling-writes': {
    kind: 'bool',
    default: 'on',
    reconfigurable: true,
    description: 'While nothing of a file is under way, a small write does not wait for others to join it.',
  },
  'strict-O_DIRECT': {
    kind: 'bool',
    default: 'off',
    reconfigurable: true,
    description: 'Writes of files that were opened with O_DIRECT are answered when they are written.',
  },
  'strict-write-ordering': {
    kind: 'bool',
    default: 'off',
    reconfigurable: true,
    description: 'No write overtakes an earlier one of the same file, also where they do not overlap.',
  },
  'resync-failed-syncs-after-fsync': {
    kind: 'bool',
    default: 'off',
    reconfigurable: true,
    description:
      'What could not be written before an fsync is tried again after it, until a flush. The fsync fails either way.',
  },
  'aggregate-size': {
    kind: 'size',
    default: '128KB',
    description: 'Small writes that follow each other are joined up to this size.',
  },
};
